#!/usr/bin/perl
# latency.t - does `usdt latency` find the pairs of events that programs fire?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use JSON::PP ();
use List::Util qw(sum0);
use Test::More;
use Time::HiRes qw(sleep);
use Usdt::Process;
use Usdt::Terminal;
use Usdt::Tracer qw(need tracer_case scratch_dir);
use Usdt::Watch qw(run_usdt usdt_command leftovers traced);

need('root', 'cc');
alarm 3600;

my $dir = scratch_dir();
my @probes = (['f', 'start', 'int id', 'char *what'],
	['f', 'done', 'char *text', 'int id'], ['f', 'other']);

sub process { return traced($dir, @_) }

sub latency
{
	my ($count, @arguments) = @_;
	my $run = Usdt::Watch->start(usdt_command(), 'latency', @arguments);

	$run->told(qr/(watching $count probes?)\n/);
	return $run;
}

# buckets_of(RUN): interrupt it; [LOW, HIGH, COUNT] of each line.
sub buckets_of
{
	my ($run, $label) = @_;

	is($run->code_of('INT'), 0, 'interrupted, it exits 0');
	1 while $run->read_some(0.1);
	return map { /^\Q$label\E\t-\t(\d+)\t(\d+)\t(\d+)$/
	    ? [$1, $2, $3] : die "not a line: $_\n" } @{ $run->{lines} };
}

tracer_case('one of two patterns has no probe' => sub {
	my $provider = "l${$}t";
	my $process = process($provider, @probes);
	my $run = latency(1, '--by', 'id', "$provider:start",
	    "$provider:dnoe");

	is($run->told(qr/usdt: there is no probe (\S+) in any /),
	    "$provider:dnoe", 'it says so, and goes on');
	is($run->code_of('INT'), 0, 'until it is interrupted');
});

for my $way ([], ['--uprobe']) {
	tracer_case("by an argument @$way" => sub {
		my $provider = "l${$}" . (@$way ? 'b' : 'a');
		my ($process, $other) = map { process($provider, @probes) }
		    1 .. 2;
		my $run = latency(2, @$way, '--by', 'id', "$provider:start",
		    "$provider:done");
		my $pid = $run->pid;

		# Nested, and in two processes; 5 has no end, 6 no start, 7 two.
		$_->ask('fire 0 1 a') for $process, $other;
		$process->ask("fire 0 $_ x") for 2, 5, 7, 7;
		sleep(0.05);
		$process->ask("fire 1 t $_") for 1, 2, 6, 7;
		$other->ask('fire 1 t 1');
		my @buckets = buckets_of($run, "$provider:done");
		is(sum0(map { $_->[2] } @buckets), 4, 'four pairs')
		    || diag($run->report);
		cmp_ok($buckets[0][1], '>', 50_000_000, '... of 50 ms at least');
		like($run->errors, qr/^usdt: 1 started and not ended, 1 started again before an end, 1 ended without a start$/m,
		    'others are reported');
		is(scalar leftovers($pid), 0, 'no event is left');
	});
}

tracer_case('by thread, by one probe, with filters, as JSON' => sub {
	my $provider = "l${$}c";
	my ($process, $other) = map { process($provider, @probes) } 1 .. 2;
	my $run = latency(2, "$provider:start", "$provider:done");

	$process->ask('fire 0 1 a');
	$other->ask('fire 1 t 1');
	$process->ask('fire 1 t 2');
	is(sum0(map { $_->[2] } buckets_of($run, "$provider:done")), 1,
	    'a pair of one thread');
	like($run->errors, qr/^usdt: 1 ended without a start$/m, '... the other');

	$run = latency(1, "$provider:other", "$provider:other");
	$process->ask('fire 2') for 1 .. 4;
	is(sum0(map { $_->[2] } buckets_of($run, "$provider:other")), 3,
	    'from each event to the next');
	like($run->errors, qr/^usdt: 1 started and not ended, 1 ended without a start$/m,
	    '... but the first and the last');

	$run = latency(1, '-j', "$provider:start{what == \"in\"}",
	    "$provider:start{what == \"out\"}");
	$process->ask("fire 0 1 $_") for 'in', 'else', 'out', 'out';
	is($run->code_of('INT'), 0, 'exit 0');
	1 while $run->read_some(0.1);
	my $object = JSON::PP->new->decode($run->{lines}[0]);
	is($object->{probe}, "$provider:start", 'JSON');
	is(sum0(map { $_->{count} } @{ $object->{buckets} }), 1,
	    'one probe with two filters');
	like($run->errors, qr/^usdt: 1 ended without a start$/m,
	    '... is start or end');
});

tracer_case('values that may differ make no pair' => sub {
	my $provider = "l${$}u";
	my $process = process($provider, ['f', 'start', 'long p', 'char *t'],
	    ['f', 'done', 'long p', 'char *t']);
	my $long = 'x' x 600;

	for (['p', 1], ['t', 1]) {
		my ($by, $pairs) = @$_;
		my $run = latency(2, '--as', 'p=str', '--by', $by,
		    "$provider:start", "$provider:done");

		# Unreadable and cut; NULL and a short one.
		for ("16 ${long}a", "16 ${long}b", '0 short') {
			$process->ask("fire 0 $_");
			$process->ask("fire 1 $_");
		}
		is(sum0(map { $_->[2] } buckets_of($run, "$provider:done")),
		    $pairs, "--by $by");
		like($run->errors, qr/^usdt: 4 events without a value$/m,
		    '... others are counted');
	}
});

tracer_case('a chart on a terminal' => sub {
	my $provider = "l${$}d";
	my $process = process($provider, @probes);
	my $terminal = Usdt::Terminal->start(40, 100, { TERM => 'xterm' },
	    usdt_command(), 'latency', '-i', '0.1', '--by', 'id',
	    "$provider:start", "$provider:done");

	ok($terminal->until(sub { /watching 2 probes/ }), 'it begins');
	for my $id (1 .. 9) {
		$process->ask("fire 0 $id x");
		$process->ask("fire 1 t $id");
	}
	$process->ask('fire 0 10 x');
	ok($terminal->until(sub {
		my @table = $terminal->table;
		@table > 2 && $table[0] =~ /^1 started / && $table[1] =~ / 9$/
	}), 'all pairs come') || diag($terminal->{text});
	my @table = $terminal->table;
	is($table[0], '1 started and not ended; q ends', 'what waits');
	is($table[1], "$provider:done ns: 9", 'a heading');
	like($_, qr/^ +\[\d+, \d+\) +\d+ \|\S*$/, 'a bar') for @table[2 .. $#table];
	$terminal->type('q');
	is($terminal->reap, 0, 'q ends it, exit 0');
	is($terminal->modes, $terminal->{modes}, 'the terminal is as before');
});

tracer_case('what is wrong' => sub {
	my $provider = "l${$}e";
	my $process = process($provider, @probes);

	for ([], ['a:b'], ['a:b', 'c:d', 'e:f']) {
		my ($status, $out, $err) = run_usdt('latency', @$_);
		is($status, 2, "@$_: exit 2");
		like($err, qr/^usdt: name two probes, /, '... says why');
	}
	my $run = latency(2, '--by', 'what', "$provider:start",
	    "$provider:done");
	$process->ask('fire 1 t 1');
	$run->told(qr/^usdt: ($provider:done) is not counted: it has no argument "what"$/m);
	is($run->code_of('INT'), 0, 'a probe without the argument is named');
});

done_testing();
