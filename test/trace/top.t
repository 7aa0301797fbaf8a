#!/usr/bin/perl
# top.t - does `usdt top` count what programs fire, in a pipe and on a terminal?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);
use Usdt::Process;
use Usdt::Terminal;
use Usdt::Tracer qw(need tracer_case scratch_dir);
use Usdt::Watch qw(run_usdt usdt_command leftovers traced);

need('root', 'cc');
alarm 3600;

my $dir = scratch_dir();

sub process { return traced($dir, @_) }

# --- in a pipe --------------------------------------------------------------

sub top
{
	my ($count, @arguments) = @_;
	my $run = Usdt::Watch->start(usdt_command(), 'top', @arguments);

	$run->told(qr/(watching $count probes?)\n/);
	return $run;
}

# The last total of each "PID PROGRAM PROBE".
sub totals
{
	my ($run) = @_;
	my %total;

	for (@{ $run->{lines} }) {
		next if $_ eq 'TIME EVENTS/S TOTAL PID PROGRAM PROBE';
		my ($total, $what) = /^\d\d:\d\d:\d\d [\d.]+ (\d+) (\d+ \S+ \S+)$/
		    or die "not a line: $_\n";
		cmp_ok($total, '>', $total{$what} // 0, 'it rises')
		    if $total <= ($total{$what} // 0);
		$total{$what} = $total;
	}
	return \%total;
}

tracer_case('lines' => sub {
	my $provider = "t${$}a";
	my @processes = map { process($provider, ['f', 'n', 'int'],
		['f', 'other', 'int'], ['f', 'quiet']) } 1 .. 2;
	my $run = top(3, '-i', '0.2', "$provider:*");
	my $watcher = $run->pid;

	cmp_ok(scalar leftovers($watcher), '>', 0, 'it has events');
	for my $round (1 .. 5) {
		$processes[$_]->ask('loop 0 ' . 100 * ($_ + 1) . ' 1')
		    for 0 .. 1;
		$processes[1]->ask('fire 1 1');
		sleep(0.1);
	}
	is($run->code_of('INT'), 0, 'interrupted, it exits 0');
	1 while $run->read_some(0.1);
	my ($one, $two) = map { $_->pid . ' test_usdt ' } @processes;
	is_deeply(totals($run), {
		"$one$provider:n" => 500, "$two$provider:n" => 1000,
		"$two$provider:other" => 5,
	}, 'the totals are what was fired') || diag($run->report);
	is($run->{lines}[0], 'TIME EVENTS/S TOTAL PID PROGRAM PROBE',
	    'a heading');
	unlike("@{ $run->{lines} }", qr/\e/, 'no escape sequences');
	is(scalar leftovers($watcher), 0, '... none is left');
});

tracer_case('events a second' => sub {
	my $provider = "t${$}b";
	my $process = process($provider, ['f', 'n', 'int']);
	my $run = top(1, '-i', 1, $provider);

	$process->ask('loop 0 1000 1');
	ok($run->wait_until(sub { grep { / 1000 \d+ test_usdt / }
	    @{ $run->{lines} } }), 'the total');
	is($run->code_of('INT'), 0, 'exit 0');
	# The interval may have been longer on a busy machine, but no shorter.
	my @rates = map { /^\S+ ([\d.]+) \d+ / } @{ $run->{lines} };
	is(scalar(grep { $_ <= 0 || $_ > 1000 } @rates), 0,
	    'rates that are no higher than what was fired') || diag("@rates");

	$run = top(1, '-i', '0.1', '-n', 2, $provider);
	is($run->reap->[0], 0, '-n 2: it ends by itself');
});

tracer_case('-p, and what is wrong' => sub {
	my $provider = "t${$}c";
	my ($process, $other) = map { process($provider, ['f', 'n', 'int']) }
	    1 .. 2;
	# A process that is killed takes direct events along that nobody has read.
	my $run = top(1, '--uprobe', '-p', $process->pid, $provider);

	$_->ask('loop 0 7 1') for $process, $other;
	$process->end('KILL');
	is($run->reap->[0], 0, '-p: it ends with the process');
	1 while $run->read_some(0.1);
	is_deeply(totals($run), { $process->pid . " test_usdt $provider:n" => 7 },
	    '... the other is not counted');
	for (['-i', '0'], ['-i', 'x'], ['-i', '1e5'], ['-n', 0], []) {
		my ($status, $out, $err) = run_usdt('top', @$_,
		    @$_ ? $provider : ());
		is($status, 2, "@$_: exit 2");
		like($err, qr/^usdt: (?:--(?:interval|count) wants|name the probes, )/,
		    '... says what it wants');
	}
	($run, undef, my $err) = run_usdt('top', 'nobody-has-this');
	is($run, 1, 'no such probe: exit 1');
	like($err, qr/^usdt: there is no probe/, '... says so');
});

tracer_case('a reader that goes away' => sub {
	my $provider = "t${$}d";
	my $process = process($provider, ['f', 'n', 'int']);
	my $run = top(1, '-i', '0.1', $provider);

	close(delete $run->{out});
	$process->ask('fire 0 1');
	ok($run->reap, 'it ends');
	is(scalar leftovers($run->pid), 0, 'no event is left');
});

# --- on a terminal ----------------------------------------------------------

tracer_case('a table on a terminal' => sub {
	my $provider = "t${$}e";
	my $process = process($provider, map { ['f', "n$_", 'int'] } 1 .. 9);
	my $pid = $process->pid;
	my $terminal = Usdt::Terminal->start(9, 60, { TERM => 'xterm',
		NO_COLOR => undef }, usdt_command(), 'top', '-i', '0.2',
		"$provider:*");

	ok($terminal->until(sub { /watching 9 probes/ }), 'it begins')
	    || diag($terminal->{text});
	$process->ask("loop " . ($_ - 1) . " ${_}00 1") for 1 .. 9;
	ok($terminal->until(sub {
		grep { /^ +0\.0 +100 / || / 900 / } $terminal->table
	}), 'the counts come') || diag($terminal->{text});
	$terminal->until(sub { ($terminal->table)[0] =~ /^0\.0 / });
	my @table = $terminal->table;
	is(scalar @table, 8, 'the table fits the window of 9 lines');
	is_deeply([ grep { length(s/\e\[\d*m//gr) > 60 } @table ], [],
	    '... of 60 columns');
	like($table[0], qr{^[\d.]+ events/s, 9 rows; q ends$}, 'the sum');
	like($table[1], qr/^\e\[7m  EVENTS\/S .* PROBE\e\[0m$/, 'a heading');
	is($table[$_], sprintf('%10s %12d %8d %-16s %s', '0.0',
	    (11 - $_) * 100, $pid, 'test_usdt', "$provider:n" . (11 - $_))
	    =~ s/^(.{60}).*/$1/r, "row $_") for 2 .. 7;

	$terminal->resize(20, 100);
	ok($terminal->until(sub { scalar(() = $terminal->table) == 11 }),
	    'a larger window shows all rows');
	for ([59, '%2$8d test_usdt        '], [46, '%2$8d '], [28, '']) {
		my ($columns, $middle) = @$_;
		my $row = substr(sprintf("%1\$10s $middle%3\$s", '0.0', $pid,
		    "$provider:n9"), 0, $columns);

		$terminal->resize(20, $columns);
		ok($terminal->until(sub {
			my @table = $terminal->table;
			@table == 11 && $table[2] eq $row
		}), "a window of $columns columns leaves out what matters less")
		    || diag(join("\n", $terminal->table));
	}
	isnt($terminal->modes, $terminal->{modes}, 'keys are read one by one');
	$terminal->type('q');
	is($terminal->reap, 0, 'q ends it, exit 0');
	is($terminal->modes, $terminal->{modes}, 'the terminal is as before');
	is(scalar leftovers($terminal->{pid}), 0, 'no event is left');
});

tracer_case('Ctrl-C, NO_COLOR, and a terminal that is none' => sub {
	my $provider = "t${$}f";
	my $process = process($provider, ['f', 'n', 'int']);
	my $terminal = Usdt::Terminal->start(24, 80, { TERM => 'xterm',
		NO_COLOR => 1 }, usdt_command(), 'top', '-i', '0.2', $provider);

	ok($terminal->until(sub { $terminal->table }), 'a table');
	unlike($terminal->{text}, qr/\e\[[\d;]*m/, 'no colours');
	$terminal->type("\cC");
	is($terminal->reap, 0, 'Ctrl-C ends it, exit 0');
	is($terminal->modes, $terminal->{modes}, 'the terminal is as before');

	$terminal = Usdt::Terminal->start(24, 80, { TERM => 'dumb' }, usdt_command(),
	    'top', '-n', 1, '-i', '0.1', $provider);
	is($terminal->reap, 0, 'TERM=dumb: exit 0');
	unlike($terminal->{text}, qr/\e/, '... no table');
});

done_testing();
