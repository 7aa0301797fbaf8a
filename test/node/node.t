#!/usr/bin/perl
# node.t - does the package for Node.js do what dtrace-provider promises, and
# do real tracers see its probes?
#
# The cases are bindings/node/test/*.test.js, for Node's own test runner; this
# builds the binding, runs them, and passes on what each came to.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::Tracer qw(need source_dir);
use Usdt::NodeTests qw(run_file);
use Usdt::Watch qw(usdt_command);

need('root', 'bpftrace', 'cc', 'node', 'npm', 'musl-gcc', 'cross');
alarm 3600;

my $package = source_dir() . '/bindings/node';

# Prints nothing unless it fails.
sub builds
{
	my ($name, @command) = @_;
	my $run = Usdt::Tracer::Run->start(@command);

	$run->wait_until(sub { !$run->{out} }, 1500);
	my $status = $run->reap;
	return ok($status && $status->[0] == 0, $name) || diag($run->report);
}

if (builds('the binding is built', 'make', '-C', "$package/src")) {
	run_file($_, 'USDT_TEST_WATCH=' . usdt_command())
	    for sort glob("$package/test/*.test.js");
}
done_testing();
