# What do several dtraces see of several processes that start and end?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;

use Usdt::Dtrace qw(dtrace_case process same_events fires_of);

# fire(PROCESS, VALUE, PREFIX): once, when it is enabled; returns the expected
# line.
sub fire
{
	my ($p, $value, $prefix, $pid) = @_;
	$prefix //= '';
	$pid //= $p->pid;

	is($p->ask("${prefix}wait 0 1 120"), "${prefix}enabled 1",
	    "$pid is enabled");
	is($p->ask("${prefix}fire 0 $value"), "${prefix}fired 1",
	    "fires $value");
	return "$pid $value";
}

dtrace_case('four dtraces by -p, one after another' => sub {
	my $p = process('four', qw(f go int));

	for my $i (1 .. 4) {
		my $d = fires_of('four$target:::go', '-p', $p->pid);

		my $event = fire($p, $i);
		same_events([$d->finish(1)], [$event], "number $i sees its own");
		is($p->ask('wait 0 0 120'), 'enabled 0', 'and leaves');
	}
	is($p->close, 0, 'the process ends well');
});

dtrace_case('three dtraces on two processes' => sub {
	my ($p, $q) = map { process('three', qw(f go int)) } 1, 2;
	my @d = (fires_of('three*:::go'),
		fires_of('three$target:::go', '-p', $p->pid),
		fires_of('three' . $q->pid . ':::go'));
	my @first = (fire($p, 1), fire($q, 2));

	same_events([$d[0]->finish(2)], \@first,
	    'a wildcard sees both, and leaves');
	my @second = (fire($p, 3), fire($q, 4));
	same_events([$d[1]->finish(2)], [$first[0], $second[0]],
	    '-p sees its own, before and after');
	is($p->ask('wait 0 0 120'), 'enabled 0', 'no tracer is left there');
	my $third = fire($q, 5);
	same_events([$d[2]->finish(3)], [$first[1], $second[1], $third],
	    'and so does the one by pid');
	is($q->ask('wait 0 0 120'), 'enabled 0', 'no tracer is left');
});

dtrace_case('processes before and after a dtrace, and their children' => sub {
	my @same = ('-p', 'around', qw(f go int));
	my $before = process('around', @same[2 .. $#same]);
	my $d = fires_of('around*:::go', '-Z');
	my @seen = fire($before, 1);
	my $after = process('around', @same[2 .. $#same]);
	my $pid;

	push @seen, fire($after, 2);
	($pid) = $before->ask('fork') =~ /(\d+)$/;
	push @seen, fire($before, 3, 'child ', $pid);
	is($before->ask("child exec @same"), "child ready $pid",
	    'the child runs the program again');
	push @seen, fire($before, 4, 'child ', $pid);
	is($before->ask('child quit'), 'child ended', 'it ends');
	is($before->ask('wait 0 1 120'), 'enabled 1', 'the parent is traced');
	($pid) = $after->ask("spawn @same") =~ /(\d+)$/;
	is($after->line, "child ready $pid", 'one is spawned');
	push @seen, fire($after, 5, 'child ', $pid);
	push @seen, fire($after, 6), fire($before, 7);
	same_events([$d->finish(scalar @seen)], \@seen,
	    'each fire of each is seen once');
});

done_testing();
