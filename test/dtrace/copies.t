# Does DTrace tell copies of the library in one process apart?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;

use Usdt::Dtrace qw(dtrace_case listing same_events build_path
	as_user fires_of);

# A process with two plugins, each with a copy of the library.
sub host
{
	my $p = Usdt::Process->new(args => [map { build_path($_) } @_],
		program => [as_user(build_path('host'))]);

	$p->ready or die $p->greeting . "\n";
	return $p;
}

dtrace_case('two copies of the library, unloaded and loaded again' => sub {
	my $p = host('plugin-one.so', 'plugin-other.so');
	my $events = 0;

	my $d = fires_of('plugged*:::probe', '-Z');
	my $both = sub {
		for my $copy (@_) {
			is($p->ask("wait $copy 1 120"), 'enabled 1',
			    "copy $copy is enabled");
			is($p->ask("fire $copy " . ++$events), 'fired 1',
			    "it fires $events");
		}
	};

	$both->(0, 1);
	is($p->ask('stop 1'), 'ok', 'one is unloaded');
	$both->(0);
	is($p->ask('start 1'), 'ok', 'and loaded again');
	$both->(0, 1);
	is($p->ask("stop $_"), 'ok', 'unloaded') for 0, 1;
	is_deeply([listing('plugged*:::')], [], 'nothing is listed');
	is($p->ask("start $_"), 'ok', 'loaded again') for 1, 0;
	$both->(0, 1);
	same_events([$d->finish($events)],
	    [map { $p->pid . " $_" } 1 .. $events],
	    'each fire of each copy is seen once');
	is($p->close, 0, 'the process ends well');
});

# dtprobed has one entry for each name in a process.  The first probe of a name
# makes it, and the next that leaves removes it.
dtrace_case('equal probes of two copies' => sub {
	my $p = host('plugin-one.so', 'equal/plugin-one.so');
	my $listed = sub { scalar listing('plugged*:::probe') };
	my $d = fires_of('plugged*:::probe');

	is($p->ask('wait 0 1 120'), 'enabled 1', 'the first is enabled');
	is($p->ask('enabled 1'), 'enabled 0', 'the second is not');
	is($p->ask("fire $_ $_"), 'fired 1', "copy $_ fires") for 0, 1;
	same_events([$d->finish(1)], [$p->pid . ' 0'],
	    'a script by wildcard sees the first');
	is($listed->(), 1, 'one is listed');
	is($p->ask('stop 1'), 'ok', 'the second is unloaded');
	is($listed->(), 0, 'none is listed');
	is($p->ask("$_ 0"), 'ok', "$_ the first") for 'stop', 'start';
	is($listed->(), 1, 'the first is listed again');
	is($p->close, 0, 'the process ends well');
});

done_testing();
