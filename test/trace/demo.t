#!/usr/bin/perl
# demo.t - does `make demo` show events, and do the commands at its end work?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Cwd qw(abs_path);
use Test::More;
use Usdt::Tracer qw(need tracer_case source_dir);

need('root');
alarm 3600;

# A shell's output as lines, and its status.
sub shell
{
	my $run = Usdt::Tracer::Run->start('sh', @_);

	$run->wait_until(sub { !$run->{out} });
	my $status = $run->reap // [-1];
	return ($status->[0], @{ $run->{lines} });
}

tracer_case('its output' => sub {
	my $build = abs_path($ENV{USDT_BUILD} // source_dir());
	my ($status, @lines) = shell('-c', 'cd "$0" && exec sh "$1"/examples/'
	    . 'demo.sh .', $build, source_dir());

	is($status, 0, 'exit 0');
	is(scalar(grep { / demo demo:request-(?:start \d+ "|done \d+ \d+ -)/ }
	    @lines), 8, 'eight events');
	my @paste;
	unshift(@paste, pop(@lines) =~ s{^    }{}r)
	    while $lines[-1] =~ /^    /;
	like($lines[-1], qr/paste/, 'the last lines are to be pasted');

	# The commands as printed, and then one that list has printed.
	($status, @lines) = shell('-c', join("\n", 'cd /',
	    @paste, 'trap "kill $!" EXIT', 'usdt watch -p $! -n 1 "demo:*"',
	    ''));
	is($status, 0, 'they work: exit 0');
	is(scalar(grep { /^    demo:server:serve:request-/ } @lines), 2,
	    'the probes');
	is(scalar(grep { /^      usdt watch -p \d+ demo:request-start$/ }
	    @lines), 1, 'commands');
	like($lines[-1], qr/ demo demo:request-/, '... of which one is run');
});

done_testing();
