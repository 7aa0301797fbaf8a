# What can this DTrace not do, for any library?
#
# The list of limits in usdt(7) rests on this.  A test here that fails after an
# upgrade is good news: the limit is gone.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;

use Usdt::Dtrace qw(dtrace_case process listing same_events wait_errors
	dtprobed_log build_path as_user);

my $REFERENCE = build_path('reference');

# complaint(SCRIPT, OPTION...): dtrace's error when it does not start.
sub complaint
{
	my $d = eval { Usdt::Dtrace->run(@_) };

	return $@ if !$d;
	$d->stop('INT');
	return 'it started';
}

dtrace_case('arguments beyond the tenth' => sub {
	my $p = process('eleven', 'f', 'go', ('int') x 12);

	like(complaint('eleven$target:::go { trace(arg10); }', '-p', $p->pid),
	    qr/arg10/, 'D has no arg10');
	my $d = Usdt::Dtrace->run('eleven$target:::go '
		. '{ printf("> %d\n", args[10]); }', '-p', $p->pid);
	is($p->ask(''), 'fired 1', 'fire');
	wait_errors($d, qr/BPF pc/);
	$d->stop('INT');
	like($d->errors, qr/illegal operation/,
	    'args[10] is an error when it fires');
	is_deeply([$d->events], [], 'and nothing is printed');
});

dtrace_case('an empty string' => sub {
	my %program = (ours => sub { process('empty', 'f', 'fire', 'int',
		'char *') });

	if (-x $REFERENCE) {
		$program{theirs} = sub { Usdt::Process->new(
			program => [as_user($REFERENCE)]) };
	} else {
		diag('no program made by dtrace -G to compare with');
	}
	for my $which (sort keys %program) {
		my $p = $program{$which}->();
		my $provider = $which eq 'ours' ? 'empty' : 'reference';
		my $d = Usdt::Dtrace->run("$provider\$target:::fire "
			. '{ printf("> [%s]\n", copyinstr(arg1)); }',
			'-p', $p->pid);
		my $fire = $which eq 'ours' ? 'fire 0' : 'fire';
		is($p->ask("$fire 1 x"), 'fired 1', "$which: fire");
		is($p->ask("$fire 1 %00"), 'fired 1', "$which: fire");
		wait_errors($d, qr/invalid address/);
		$d->stop('INT');
		like($d->errors, qr/invalid address/,
		    "$which: copyinstr reports an error");
		is_deeply([$d->events], ['[x]'],
		    "$which: only the other one is printed");
	}
});

dtrace_case("a provider's name that ends in a digit" => sub {
	my $p = process('digit1', 'f', 'go', 'int');
	my $pid = $p->pid;

	like($p->status->{note}, qr/digit/, 'status has a remark');
	is($p->status->{'dof.taken'}, 1, 'dtprobed accepts it');
	is(scalar listing("digit1${pid}:::"), 0,
	    'dtrace reads the 1 as a part of the pid');
});

dtrace_case('a plus sign' => sub {
	my $p = process('plus', '-m', 'a+b', 'f', 'go', 'int');

	like(complaint('plus*:a+b::go { }'), qr/syntax error near "\+"/,
	    "D's grammar has none in a description");
	is(scalar listing('plus*:a?b::go'), 1, 'a wildcard finds it');
});

dtrace_case('two dtrace -p at one process' => sub {
	my $p = process('pair', 'f', 'go', 'int');
	my $d = Usdt::Dtrace->run('pair$target:::go '
		. '{ printf("> %d\n", arg0); }', '-p', $p->pid);

	like(complaint('pair$target:::go { }', '-p', $p->pid),
	    qr/No such process/, 'the second one does not start');
	is($p->ask('fire 0 1'), 'fired 1', 'fire');
	same_events([$d->finish(1)], ['1'], 'the first one goes on');
});

dtrace_case('a probe added later, by -p and $target' => sub {
	my $p = process('later', 'f', 'go', 'int');
	my $other = process('elsewhere', 'f', 'go', 'int');
	my $d = Usdt::Dtrace->run('later$target:::,elsewhere*::: '
		. '{ printf("> %s %d\n", probename, arg0); }', '-Z', '-p',
		$p->pid);

	for my $process ($p, $other) {
		is($process->ask('add f added int'), 'ok 1', 'add');
		is($process->ask('enable'), 'ok', 'enable');
	}
	is($other->ask('wait 1 1 100'), 'enabled 1',
	    'a wildcard finds what is added');
	is($p->ask('enabled 1'), 'enabled 0', '$target does not');
	is($_->ask('fire 0 1'), 'fired 1', 'fire') for $p, $other;
	is($_->ask('fire 1 2'), 'fired 1', 'fire') for $p, $other;
	same_events([$d->finish(3)], ['added 2', 'go 1', 'go 1'],
	    'earlier probes are still seen');
	is_deeply([map { $_->{name} } listing('later$target:::', '-p',
	    $p->pid)], ['added', 'go'], 'a new dtrace finds both');
});

SKIP: {
	my $program = build_path('test_usdt32');

	skip('no 32-bit test_usdt: the compiler can not make it (-m32)', 1)
	    if !-x $program;
	dtrace_case('a 32-bit process' => sub {
		my $p = process({ program => [as_user($program)] }, 'bits',
			'f', 'go', 'int');
		my $status = $p->status;

		is($status->{enabled}, 1, 'the provider is enabled');
		is($status->{'dof.taken'}, 0, 'but dtprobed refuses it');
		like($status->{'dof.reason'},
		    qr/accepts no 32-bit processes/, 'status says why');
		like(dtprobed_log(10),
		    qr/cannot trace 32-bit processes on this platform/,
		    'it says why in its log');
		like(complaint('bits$target:::go { }', '-p', $p->pid),
		    qr/No such process/, 'nor does dtrace -p take it');
		my $watch = Usdt::Tracer::Run->start(build_path('usdt'),
			'watch', '-p', $p->pid, 'bits:go');
		ok(wait_errors($watch, qr/watching 1 probe/),
		    'usdt watch does');
		is($p->ask('wait 0 1 100'), 'enabled 1', 'enabled');
		is($p->ask('fire 0 -77'), 'fired 1', 'fire');
		ok($watch->wait_for(qr/bits:go.*-77/), 'and sees it');
	});
}

dtrace_case('a program under dtrace -c' => sub {
	my $fifo = '/tmp/commands';

	system('mkfifo', $fifo) == 0 or die "mkfifo failed\n";
	my $d = Usdt::Dtrace->start('sh', '-c', 'exec "$@" <' . $fifo, 'sh',
		Usdt::Dtrace::command('-Z', '-c', build_path('test_usdt')
		. ' -p begun f go int', '-n', 'begun$target:::go, begun*:::go '
		. '{ printf("> %d\n", arg0); }'));
	open(my $commands, '>', $fifo) or die "$fifo: $!\n";
	$commands->autoflush(1);
	ok($d->wait_for(qr/^ready \d+$/), 'the program runs');
	print $commands "wait 0 1 5\nfire 0 1\nquit\n";
	ok($d->wait_for(qr/^fired 1$/), 'and fires');
	is_deeply([$d->lines(qr/^enabled (\d)$/)], [0],
	    'probes declared while it runs are not found');
	$d->stop('CONT');
	is_deeply([$d->events], [], 'and not traced');
});

done_testing();
