#!/usr/bin/perl
# node.t - does the package for Node.js do what dtrace-provider promises, and
# do real tracers see its probes?
#
# The cases are bindings/node/test/*.test.js, for Node's own test runner; this
# builds the binding, runs them, and passes on what each came to.
use strict;
use warnings;

use Test::More;
use Usdt::Tracer qw(need source_dir);
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

# The lines "ok" and "not ok" of the runner, as cases of this test.
sub run_file
{
	my ($file) = @_;
	my $run = Usdt::Tracer::Run->start('env',
		'USDT_TEST_WATCH=' . usdt_command(), 'node', '--expose-gc',
		'--test', '--test-reporter=tap', $file);
	my ($failed, $count) = (0, 0);

	$run->wait_until(sub { !$run->{out} }, 3000);
	my $status = $run->reap;
	(my $short = $file) =~ s{.*/}{};
	for my $line (@{ $run->{lines} }) {
		my ($not, $name) =
		    $line =~ /^\s*(not )?ok \d+ - (.*)$/ or next;
		next if $name =~ m{\.test\.js( #.*)?$};	# the file as a whole
		my $skipped = $name =~ /# (SKIP|TODO)/i;

		$count++;
		my $excused = $ENV{USDT_NO_REGISTRY}
		    && $name =~ /npm's registry can not be reached/;
		if ($skipped && ($excused || !$ENV{USDT_NO_SKIP})) {
			SKIP: { skip("$short: $name", 1) }
		} else {
			ok(!$not && !$skipped, "$short: $name") or $failed++;
		}
	}
	ok($count > 0 && $status && $status->[0] == 0, "$short: $count cases")
	    or $failed++;
	diag($run->report) if $failed;
}

if (builds('the binding is built', 'make', '-C', "$package/src")) {
	run_file($_) for sort glob("$package/test/*.test.js");
}
done_testing();
