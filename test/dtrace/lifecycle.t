# What do running and new scripts see when a live provider changes?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;

use Usdt::Dtrace qw(dtrace_case process listing same_events);

# The probes that a new dtrace lists, as "function:name".
sub listed
{
	my ($spec) = @_;

	return [map { "$_->{function}:$_->{name}" } listing($spec)];
}

# Fires every probe of these: [process, value].
sub fire
{
	is($_->[0]->ask("fire 0 $_->[1]"), 'fired 1', "fire $_->[1]") for @_;
}

dtrace_case('disable and enable under a running script' => sub {
	my $p = process('bypid', 'f', 'a', 'int', '--', 'f', 'b', 'int');
	my $w = process('bywild', 'f', 'a', 'int', '--', 'f', 'b', 'int');
	my $path = ($w->images)[0]{path};
	my $d = Usdt::Dtrace->run('bypid$target:::a { printf("> p %d\n", arg0);'
		. ' @p = count(); } bywild*:::a { printf("> w %d\n", arg0);'
		. ' @w = count(); } END { printa("p %@d\n", @p);'
		. ' printa("w %@d\n", @w); }', '-p', $p->pid);

	fire([$p, 1], [$w, 1]);
	for my $process ($p, $w) {
		is($process->ask('disable'), 'ok', 'disable');
		is($process->ask('enabled 0'), 'enabled 0', 'not enabled');
	}
	fire([$p, 2], [$w, 2]);
	is_deeply(listed('bywild*:::'), [], 'a new script finds no probe');
	for my $process ($p, $w) {
		is($process->ask('enable'), 'ok', 'enable');
		is($process->ask('wait 0 1 100'), 'enabled 1',
		    'the script that still runs has it enabled');
		is($process->ask('enabled 1'), 'enabled 0', 'and only it');
	}
	is(($w->images)[0]{path}, $path, 'the image is the same');
	fire([$p, 3], [$w, 3]);
	is_deeply(listed('bywild*:::'), ['f:a', 'f:b'],
	    'a new script finds the probes');
	same_events([$d->finish(4)], ['p 1', 'p 3', 'w 1', 'w 3'],
	    'no fire while disabled was seen, each other one once');
	is_deeply([$d->lines(qr/^([pw] \d+)$/)], ['p 2', 'w 2'],
	    'the counts went on');

	my $again = Usdt::Dtrace->run('bypid$target:::b { printf("> %d\n",'
		. ' arg0); } bywild*:::b { printf("> %d\n", arg0); }',
		'-p', $p->pid);
	is($p->ask('fire 1 5'), 'fired 1', 'the process of -p fires');
	is($w->ask('fire 1 6'), 'fired 1', 'the other one fires');
	same_events([$again->finish(2)], [5, 6], 'a new script sees fires');
});

dtrace_case('probes added and removed' => sub {
	my $p = process('change', 'f', 'a', 'int', '--', 'f', 'b', 'int');
	my $d = Usdt::Dtrace->run('change*:::a, change*:::b, change*:::c '
		. '{ printf("> %s %d\n", probename, arg0); }', '-Z');

	is($p->ask('add g c int'), 'ok 2', 'a probe is added');
	is_deeply(listed('change*:::'), ['f:a', 'f:b'], 'not seen yet');
	is($p->ask('enable'), 'ok', 'enable');
	is_deeply(listed('change*:::'), ['f:a', 'f:b', 'g:c'], 'now it is');
	is($p->ask('wait 0 1 100'), 'enabled 1', 'a is enabled');
	is($p->ask('wait 2 1 100'), 'enabled 1',
	    'the running script found the new one');
	is($p->ask('remove 1'), 'ok', 'b is removed');
	is($p->ask("fire $_ 1$_"), 'fired 1', "fire probe $_") for 0, 1, 2;
	same_events([$d->finish(2)], ['a 10', 'c 12'],
	    'b does not fire, the others once');
	is($p->ask($_), 'ok', $_) for 'disable', 'enable';
	is_deeply(listed('change*:::'), ['f:a', 'g:c'],
	    'after disable and enable it is not listed any more');

	my $again = Usdt::Dtrace->run('change$target::: '
		. '{ printf("> %s %d\n", probename, arg0); }', '-p', $p->pid);
	is($p->ask("fire $_ 2$_"), 'fired 1', "fire probe $_") for 0, 1, 2;
	same_events([$again->finish(2)], ['a 20', 'c 22'],
	    'a new script sees the two that are left');
	is($p->ask('free'), 'ok', 'free');
	is_deeply(listed('change*:::'), [], 'nothing is listed');
});

dtrace_case('a probe removed under a running script' => sub {
	my $p = process('leave', 'f', 'goes', 'int', '--', 'f', 'stays', 'int');
	my $path = ($p->images)[0]{path};
	my $d = Usdt::Dtrace->run('leave$target:::stays '
		. '{ printf("> %d\n", arg0); }', '-p', $p->pid);

	fire([$p, 1]);		# no script asked for it
	is($p->ask('wait 1 1 30'), 'enabled 1', 'stays is enabled');
	is($p->ask('remove 0'), 'ok', 'goes is removed');
	for my $round (1, 2) {
		is($p->ask($_), 'ok', $_) for 'disable', 'enable';
		is(($p->images)[0]{path}, $path, 'the image stays');
		is($p->ask('enabled 1'), 'enabled 1', 'stays is enabled still');
		is($p->ask('enabled 0'), 'enabled 0', 'goes is not');
		is($p->ask("fire 0 -$round"), 'fired 1', 'goes is fired');
		is($p->ask("fire 1 $round"), 'fired 1', "stays: $round");
	}
	is_deeply(listed('leave*:::'), ['f:goes', 'f:stays'],
	    'the removed one is listed');
	same_events([$d->finish(2)], [1, 2], 'the script saw all fires');
	is($p->ask('wait 1 0 30'), 'enabled 0', 'the script has ended');
	is($p->ask('enable'), 'ok', 'enable without tracers');
	ok((grep { $_->{path} ne $path } $p->images), 'another image');
	is_deeply(listed('leave*:::'), ['f:stays'],
	    'the removed one is not listed any more');
	my $again = Usdt::Dtrace->run('leave$target::: '
		. '{ printf("> %d\n", arg0); }', '-p', $p->pid);
	is($p->ask('fire 1 3'), 'fired 1', 'stays: 3');
	same_events([$again->finish(1)], [3], 'a new script sees it');
});

done_testing();
