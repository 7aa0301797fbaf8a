#!/usr/bin/perl
# started.t - does -c start a command, miss none of its events, and leave it its
# input, output, signals and exit code?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Cwd qw(abs_path);
use Fcntl qw(O_RDWR);
use JSON::PP ();
use POSIX qw(mkfifo);
use Test::More;
use Usdt::Process;
use Usdt::Terminal;
use Usdt::Tracer qw(need tracer_case scratch_dir build_c);
use Usdt::Watch qw(run_usdt usdt_command leftovers build_notes traced);

need('root', 'cc');
alarm 3600;

my $dir = scratch_dir();
my $test_usdt = abs_path(($ENV{USDT_BUILD} // '.') . '/test_usdt');

$ENV{USDT_IMAGE_DIR} = "$dir/images";

# script(NAME, LINE...): a script of the shell; what it prints goes to NAME.out.
sub script
{
	my ($name, @lines) = @_;

	open(my $out, '>', "$dir/$name") or die "$dir/$name: $!\n";
	print $out "#!/bin/sh\n", "exec > $dir/$name.out\n",
	    map { "$_\n" } @lines;
	close($out) or die "$dir/$name: $!\n";
	chmod(0755, "$dir/$name") or die "$dir/$name: $!\n";
	return "$dir/$name";
}

sub printed
{
	open(my $in, '<', "$dir/$_[0].out") or die "$dir/$_[0].out: $!\n";
	return join('', <$in>);
}

# orders(PROVIDER, ORDER...): a line of the shell that has test_usdt obey them.
sub orders
{
	my ($provider, @orders) = @_;

	return "printf '" . join('', map { "$_\\n" } @orders)
	    . "' | $test_usdt -p $provider f one int 'char *' -- g two long";
}

# events(OUTPUT): without their times and process ids.
sub events
{
	return map { s/^\S+ \d+ //r } split /\n/, $_[0];
}

# is_held(PID): by ptrace.
sub is_held
{
	open(my $in, '<', "/proc/$_[0]/status") or die "process $_[0]: $!\n";
	return (join('', <$in>) =~ /^TracerPid:\t(\d+)/m)[0] != 0;
}

# It waits, and is held for 20 seconds: see the last case.
my $idle = "s${$}l";
mkfifo("$dir/idle", 0600) && sysopen(my $fifo, "$dir/idle", O_RDWR)
    or die "$dir/idle: $!\n";
my $idle_watch = Usdt::Watch->start(usdt_command(), 'watch', '-c',
	"exec $test_usdt -p $idle f one int < $dir/idle >$dir/idle.out",
	"$idle:*", 'nobody:has');

tracer_case('all events from the first one' => sub {
	my $provider = "s${$}a";
	my $script = script('all', orders($provider, '', 'fire 1 7', 'quit'));
	my @lines = ("test_usdt $provider:one 1 \"arg2\"",
		"test_usdt $provider:two 1", "test_usdt $provider:two 7");

	for my $how ([], ['--uprobe']) {
		for (1 .. 10) {
			my ($status, $out, $err) = run_usdt('watch', @$how,
				'-c', $script, "$provider:*");

			is($status, 0, "@$how: exit 0") || diag($err);
			is_deeply([ events($out) ], \@lines, '... all of them')
			    || diag("$out$err");
			like($err, qr/^usdt: watching 2 probes$/m,
			    '... says how many') if $_ == 1;
		}
	}
	like(printed('all'), qr/^ready \d+\nfired 2\nfired 1\n$/,
	    'its output is its own');
});

tracer_case('children, and what they execute; nobody else' => sub {
	my $provider = "s${$}b";
	my $other = traced($dir, $provider, ['f', 'one', 'int', 'char *'],
		['g', 'two', 'long']);
	my $script = script('children', '(',
	    orders($provider, '', 'fork', 'child fire 1 2', 'child quit',
		'exec -p ' . "${provider}x" . ' f three int', '', 'quit'),
	    ') & wait', orders($provider, 'fire 1 3', 'quit'), 'exit 5');
	my $run = Usdt::Watch->start(usdt_command(), 'watch', '-c', $script,
		"$provider:*", "${provider}x:*");

	$other->ask('');
	is($run->reap->[0] >> 8, 5, 'its exit code');
	1 while $run->read_some(0.1);
	is_deeply([ events(join("\n", @{ $run->{lines} })) ],
	    [ "test_usdt $provider:one 1 \"arg2\"",
		"test_usdt $provider:two 1", "test_usdt $provider:two 2",
		"exe ${provider}x:three 1",
		"test_usdt $provider:two 3" ], 'all of the family')
	    || diag($run->report);
	is($other->ask('enabled 0'), 'enabled 0', 'the other is not traced');
});

# Eight at a time fire and end, so that the kernel switches between them.
my $crowd = <<'EOF_C';
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "usdt.h"

int
main(int argc, char **argv)
{
	const char *types[] = { "int" };
	usdt_provider_t *p = usdt_create_provider(argv[argc - 1], "mod");
	usdt_probedef_t *probe = usdt_create_probe("f", "n", 1, types);
	int i, k;

	usdt_provider_add_probe(p, probe);
	if (usdt_provider_enable(p) < 0)
		return 1;
	for (i = 0; i < 320; i++) {
		if (fork() == 0) {
			for (k = 0; k < 10; k++)
				USDT_FIRE(probe, k);
			_exit(0);
		}
		while (i % 8 == 7 && wait(NULL) > 0)
			;
	}
	USDT_FIRE(probe, -1);
	return 0;
}
EOF_C

tracer_case('children that run at the same time' => sub {
	my ($major, $minor) = (POSIX::uname())[2] =~ /^(\d+)\.(\d+)/;
	my $provider = "s${$}m";

	plan(skip_all => 'before Linux 6.13 events get lost')
	    if $major < 6 || ($major == 6 && $minor < 13);
	open(my $c, '>', "$dir/crowd.c") or die;
	print $c $crowd;
	close $c;
	build_c("$dir/crowd", "$dir/crowd.c", Usdt::Tracer::library(),
	    '-pthread');
	my ($status, $out, $err) = run_usdt('watch', '--uprobe', '-c',
		"$dir/crowd $provider", $provider);
	is($status, 0, 'exit 0');
	my %count;
	$count{$_}++ for $out =~ /^\S+ (\d+) /mg;
	is(scalar(keys %count), 321, 'all of them');
	is_deeply([ sort grep { $_ != 10 } values %count ], [1],
	    '... and each event') || diag($err);
});

tracer_case('probes that were compiled in' => sub {
	my $program = build_notes("$dir/notes", { provider => "s${$}c",
		name => 'p', args => '-4@%edi' });
	my $script = script('compiled', "echo | $program");

	my @patterns = (["s${$}c:p"], ["$program:s${$}c:p"]);

	for (@patterns) {
		my ($status, $out, $err) = run_usdt('watch', '-c', $script,
			@$_);

		is($status, 0, "@$_: exit 0") || diag($err);
		is(scalar(() = $out =~ / s${$}c:p /g), 1, '... its event');
	}
});

tracer_case('threads, signals and stops of a held command' => sub {
	# Until there is a probe each system call stops it.
	my $provider = "s${$}d";
	my $script = script('held',
	    q{perl -e '$SIG{USR1} = sub { $n++ }; kill "USR1", $$ for 1 .. 3;}
	    . q{ print "$n signals\n"; use threads; print "thread ",}
	    . q{ threads->create(sub { $_[0] + 1 }, $_)->join, "\n" for 1, 2;'},
	    # It stops itself; its parent sees that, and lets it go on.
	    q[perl -e 'if ($child = fork) { waitpid($child, 2) == $child &&]
	    . q[ kill("CONT", $child) && waitpid($child, 0) == $child or die;]
	    . q[ exit } kill "STOP", $$; print "went on\n"'],
	    orders($provider, '', 'quit'), 'kill -TERM $$');
	my ($status, $out, $err) = run_usdt('watch', '-c', $script,
		"$provider:*");

	is($status, 128 + 15, 'the signal that ended it') || diag($err);
	like(printed('held'), qr/^3 signals\nthread 2\nthread 3\nwent on\nready/, 'it ran as ever');
	is(scalar events($out), 2, 'and was watched');
});

tracer_case('exit codes' => sub {
	my $provider = "s${$}e";
	my $ordered = script('none', orders($provider, 'quit'));

	for (["$ordered", 0], ["$ordered; exit 9", 9],
	    ["$ordered; kill -KILL \$\$", 137], ["$dir/nothing", 127],
	    [$dir, 126]) {
		my ($command, $code) = @$_;
		my ($status, $out, $err) = run_usdt('watch', '-c', $command,
			"$provider:*");

		is($status, $code, "$command: exit $code") || diag($err);
		like($err, qr/^usdt: \Q$command\E: (No such file|Permission)/m,
		    '... says why') if $command eq $dir || $code == 127;
	}
	my ($status, $out, $err) = run_usdt('watch', '-c', 'true', 'nobody:has');
	is($status, 1, 'no such probe: exit 1');
	is($err, "usdt: there is no probe nobody:has in the command\n",
	    '... says so');
	is((run_usdt('watch', '-c', 'exit 3;', 'nobody:has'))[0], 3,
	    '... but its own code if it has one');
	for ([['-c', 'true', '-p', $$, 'a:b'], 'exclude each other'],
	    [['-c', ' ', 'a:b'], '--command is empty'],
	    [['-c', 'true'], 'name the probes']) {
		($status, $out, $err) = run_usdt('watch', @{ $_->[0] });
		is($status, 2, "@{ $_->[0] }: exit 2");
		like($err, qr/^usdt: .*\Q$_->[1]\E/, '... says why');
	}
});

tracer_case('signals' => sub {
	my $provider = "s${$}f";
	my $loop = 'while :; do sleep 0.05; done';
	my $ready = script('ready', orders($provider, '', 'quit'));

	# told(TRAP): watch a command with that trap, until its event came.
	my $told = sub {
		my $run = Usdt::Watch->start(usdt_command(), 'watch', '-c',
			"$_[0]; $ready; $loop", "$provider:*");

		$run->wait_until(sub { @{ $run->{lines} } >= 2 }) or
		    die $run->report;
		return $run;
	};
	for my $signal ('TERM', 'INT', 'USR1') {
		my $run = $told->("trap 'exit 7' $signal");
		my $pid = $run->pid;

		is($run->code_of($signal), 7, "$signal is passed on");
		is(scalar leftovers($pid), 0, '... no event is left');
	}
	my $run = $told->("exec > /dev/null; trap '' TERM INT");
	kill('INT', $run->pid);
	select(undef, undef, undef, 0.2);
	is($run->code_of('INT'), 0, 'the second one ends the watch');
	my ($left) = $run->errors =~
	    /^usdt: the command goes on as process (\d+)$/m;
	ok($left && kill('KILL', $left), '... not the command');
});

tracer_case('the watch ends first' => sub {
	my $provider = "s${$}g";
	my $script = script('first', orders($provider, '', 'fire 1 2',
		'quit'), "exec sleep 1000.$$");

	for (['watch', '-n', 3], ['watch', '-d', 1], ['top', '-i', 0.1, '-n',
	    3]) {
		my ($status, $out, $err) = run_usdt(@$_, '-c', $script,
			"$provider:*");

		is($status, 0, "@$_: exit 0") || diag($err);
		like($out, qr/$provider:two/, '... it saw them');
		is(scalar(() = `pgrep -f '^sleep 1000.$$\$'`), 0,
		    '... the command is ended');
	}
});

tracer_case('top, record, hist, latency' => sub {
	my $provider = "s${$}h";
	my $script = script('others', orders($provider, '', 'fire 1 2', 'quit'),
		'exit 4');

	for (
		[['top', "$provider:*"], qr/ 2 \d+ test_usdt $provider:two$/m],
		[['record', '-o', "$dir/trace", "$provider:*"], qr/^$/],
		[['hist', "$provider:two", 'arg0'],
		    qr/^$provider:two\t-\t2\t4\t1$/m],
		[['latency', "$provider:one", "$provider:two"],
		    qr/^$provider:two\t-\t\d+\t\d+\t1$/m],
	) {
		my ($command, @arguments) = @{ $_->[0] };
		my ($status, $out, $err) = run_usdt($command, '-c', $script,
			@arguments);

		is($status, 4, "$command: exit 4") || diag($err);
		like($out, $_->[1], '... its events');
		like($err, qr/^usdt: 3 events recorded$/m, '... all')
		    if $command eq 'record';
	}
});

tracer_case('a terminal is the command\'s' => sub {
	my $provider = "s${$}i";
	my $terminal = Usdt::Terminal->start(24, 100, { TERM => 'xterm' },
		usdt_command(), 'watch', '-c',
		"trap 'echo got INT' INT; $test_usdt -p $provider f one int; exit 6",
		"$provider:*");

	ok($terminal->until(sub { /^ready \d+\r?$/m && /watching 1 probe/ }),
	    'it begins') || diag($terminal->{text});
	$terminal->type("fire 0 77\n");
	ok($terminal->until(sub { /test_usdt $provider:one 77/ }),
	    'what is typed is for the command') || diag($terminal->{text});
	$terminal->type("\cC");
	ok($terminal->until(sub { /got INT/ }), 'Ctrl-C, too')
	    || diag($terminal->{text});
	is($terminal->reap >> 8, 6, 'its exit code');
	is(scalar leftovers($terminal->{pid}), 0, 'no event is left');
});

tracer_case('top and hist on a terminal' => sub {
	my $provider = "s${$}j";
	my $script = script('drawn', orders($provider, 'loop 1 40 5', 'quit'),
		"exec sleep 1000.$$");

	for ([['top', "$provider:*"], qr/ 40 +\d+ test_usdt +$provider:two/],
	    [['hist', "$provider:two", 'arg0'], qr/\[4, 8\) +40 \|/]) {
		my ($command, @arguments) = @{ $_->[0] };
		my $terminal = Usdt::Terminal->start(12, 70, { TERM => 'xterm' },
			usdt_command(), $command, '-i', '0.1', '-c', $script,
			@arguments);
		my $line = $_->[1];

		ok($terminal->until(sub { grep { /$line/ } $terminal->table }),
		    "$command: its events") || diag($terminal->{text});
		$terminal->type('q');
		is($terminal->reap, 0, '... q ends it, exit 0');
		is($terminal->modes, $terminal->{modes},
		    '... the terminal is as before');
		is(scalar(() = `pgrep -f '^sleep 1000.$$\$'`), 0,
		    '... and the command is ended');
	}
});

# Here a pattern never gets a probe.
tracer_case('a command that works is let go' => sub {
	my $provider = "s${$}k";
	my $script = script('works', q[perl -e '$| = 1;]
	    . q[ sub held { open my $in, "<", "/proc/self/status" or die;]
	    . q[ return scalar grep { /^TracerPid:\t[^0]/ } <$in> }]
	    . q[ print held(), "\n"; while (held()) { getppid for 1 .. 1000 }]
	    . q[ print held(), "\n"'],
	    orders($provider, '', 'fire 1 2', 'quit'));
	my ($status, $out, $err) = run_usdt('watch', '-c', $script, 'nobody:has');

	is($status, 1, 'exit 1') || diag($err);
	like(printed('works'), qr/^1\n0\nready \d+\nfired 2\nfired 1\n$/,
	    'it is held at first, then no longer, and goes on');
	is($err, "usdt: there is no probe nobody:has in the command\n",
	    'nothing else is told');
});

tracer_case('a command that waits is let go' => sub {
	my $run = $idle_watch;
	# There is no output to wait for.
	my $until = sub {
		for (1 .. 3000) {
			return 1 if $_[0]->();
			$run->read_some(0.1);
		}
		return 0;
	};
	my $pid;

	ok($until->(sub { ($pid) = printed('idle') =~ /^ready (\d+)$/m }),
	    'it is ready') or return;
	ok($until->(sub { !is_held($pid) }), 'it is let go');
	syswrite($fifo, "fire 0 77\nquit\n");
	is($run->reap->[0], 0, '... it goes on, exit 0');
	1 while $run->read_some(0.1);
	is_deeply([ events(join("\n", @{ $run->{lines} })) ],
	    ["test_usdt $idle:one 77"], '... is watched') || diag($run->report);
	like($run->errors, qr/\A.*: 1 probe direct\nusdt: watching 1 probe\n\z/,
	    '... nothing is told of it');
});

done_testing();
