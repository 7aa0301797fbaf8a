# What does dtrace see of a program that is linked statically, with musl?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;

use Usdt::Dtrace qw(dtrace_case process same_events build_path as_user
	child_status);

my $program = build_path('test_usdt_musl');

plan(skip_all => 'no static test_usdt: there is no musl-gcc')
    if !-x $program;

dtrace_case('a static program with musl' => sub {
	my $p = process({ program => [as_user($program)] }, 'static', 'f',
		'go', 'int', 'char *', 'int64_t');

	is($p->status->{'dof.taken'}, 1, 'dtprobed accepts its DOF');
	is($p->ask('enabled 0'), 'enabled 0', 'not traced');
	my $d = Usdt::Dtrace->run('static*:::go '
		. '{ printf("> %d %d %s %d\n", pid, args[0], '
		. 'copyinstr(arg1), args[2]); }');
	my $pid = $p->pid;
	my $most = '-9223372036854775808';

	is($p->ask('wait 0 1 100'), 'enabled 1', 'enabled');
	is($p->ask("fire 0 -1 one $most"), 'fired 1', 'fire');
	is($p->ask('disable'), 'ok', 'disable');
	is($p->ask('fire 0 -2 two 2'), 'fired 1', 'fire');
	is($p->ask('enable'), 'ok', 'enable');
	is($p->ask('wait 0 1 100'), 'enabled 1', 'enabled again');
	is($p->ask('fire 0 -3 three 3'), 'fired 1', 'fire');
	my ($child) = $p->ask('fork') =~ /^forked (\d+)$/ or die "no child\n";
	is(child_status($p)->{'dof.taken'}, 1, 'a forked child is registered');
	is($p->ask('child wait 0 1 100'), 'child enabled 1',
	    'it is traced');
	is($p->ask('child fire 0 -4 four 4'), 'child fired 1', 'it fires');
	same_events([$d->finish(3)], ["$pid -1 one $most", "$pid -3 three 3",
		"$child -4 four 4"], 'each fire is seen once');
	is($p->ask('wait 0 0 100'), 'enabled 0', 'and not traced');
});

done_testing();
