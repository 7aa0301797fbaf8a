#!/usr/bin/perl
# hist.t - does `usdt hist` count the values that programs pass, in a pipe and on
# a terminal?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use JSON::PP ();
use Test::More;
use Usdt::Terminal;
use Usdt::Tracer qw(need tracer_case scratch_dir);
use Usdt::Watch qw(run_usdt usdt_command leftovers traced traced_source);

need('root', 'cc');
alarm 3600;

my $dir = scratch_dir();

sub process { return traced($dir, @_) }

sub hist
{
	my ($count, @arguments) = @_;
	my $run = Usdt::Watch->start(usdt_command(), 'hist', @arguments);

	$run->told(qr/(watching $count probes?)\n/);
	return $run;
}

# lines_of(RUN): interrupt it; what it printed.
sub lines_of
{
	my ($run) = @_;

	is($run->code_of('INT'), 0, 'interrupted, it exits 0');
	1 while $run->read_some(0.1);
	return [ map { s/^[^:]+://r } @{ $run->{lines} } ];
}

my @probes = (['f', 'done', 'int status', 'char *url', 'long bytes',
	'double took'], ['f', 'other', 'int status']);
my @fires = (
	'200 /a 0 0x3fe0000000000000', '200 /b 1 0x3fe0000000000000',
	'500 /a 3 0x4008000000000000', '200 /a 2 0xbff0000000000000',
	'200 /a -1 0x7ff8000000000000', '500 /"c%0a 9223372036854775807 0',
);

sub fire
{
	my ($process) = @_;

	$process->ask("fire 0 $_") for @fires;
	$process->ask('fire 1 9');
}

tracer_case('lines in a pipe' => sub {
	my $provider = "h${$}a";
	my $process = process($provider, @probes);

	for (
		[['bytes'], "done\t-\t-2\t-1\t1", "done\t-\t0\t0\t1",
		    "done\t-\t1\t2\t1", "done\t-\t2\t4\t2",
		    "done\t-\t4611686018427387904\t9223372036854775808\t1"],
		[['--by', 'status', 'bytes'],
		    "done\t200\t-2\t-1\t1", "done\t200\t0\t0\t1",
		    "done\t200\t1\t2\t1", "done\t200\t2\t4\t1",
		    "done\t500\t2\t4\t1",
		    "done\t500\t4611686018427387904\t9223372036854775808\t1"],
		[['url'], "done\t-\t\"/a\"\t4", "done\t-\t\"/\\\"c\\n\"\t1",
		    "done\t-\t\"/b\"\t1"],
		[['--by', 'arg1', 'took'], "done\t\"/\\\"c\\n\"\t0\t0\t1",
		    "done\t\"/a\"\t-2\t-1\t1", "done\t\"/a\"\t0.5\t1\t1",
		    "done\t\"/a\"\t2\t4\t1", "done\t\"/b\"\t0.5\t1\t1"],
	) {
		my ($arguments, @lines) = @$_;
		my $value = pop @$arguments;
		my $run = hist(1, @$arguments, "$provider:done", $value);
		my $pid = $run->pid;

		isnt(scalar leftovers($pid), 0, 'it has events');
		fire($process);
		is_deeply(lines_of($run), \@lines, "@$arguments $value");
		is($run->errors =~ /^usdt: 1 event without a value$/m ? 1 : 0,
		    $value eq 'took' ? 1 : 0, '... and NaN is reported');
		is(scalar leftovers($pid), 0, '... no event is left');
	}
});

tracer_case('several probes, a filter, --json, --interval, --duration' => sub {
	my $provider = "h${$}b";
	my $process = process($provider, @probes);
	my $run = hist(2, "$provider:*", 'status');

	fire($process);
	is_deeply(lines_of($run), [ "done\t-\t128\t256\t4",
		"done\t-\t256\t512\t2", "other\t-\t8\t16\t1" ],
	    'each probe has its own');
	$run = hist(2, "$provider:*", 'url');
	fire($process);
	is(scalar @{ lines_of($run) }, 3, 'a probe without the argument');
	like($run->errors, qr/^usdt: $provider:other is not counted: it has no argument "url"$/m,
	    '... is named');
	$run = hist(1, "$provider:done{status == 500}", '-j', '--by', 'url',
	    'bytes');
	fire($process);
	my @objects = map { JSON::PP->new->utf8->allow_bignum->decode("{\"probe\":$_") }
	    @{ lines_of($run) };
	is_deeply([ map { $_->{by} } @objects ], ["/\"c\n", '/a'],
	    'a filter, and JSON');
	is_deeply($objects[1]{buckets}, [{ low => 2, high => 4, count => 1 }],
	    '... a bucket');
	$run = hist(1, '-i', '0.1', '-d', '1.5', "$provider:other", 'status');
	$process->ask('fire 1 9');
	is($run->reap->[0], 0, '-d: it ends by itself');
	1 while $run->read_some(0.1);
	cmp_ok(scalar @{ $run->{lines} }, '>', 1, '-i: several times');
	is_deeply([ grep { $_ ne "$provider:other\t-\t8\t16\t1" }
	    @{ $run->{lines} } ], [], '... the same');
});

tracer_case('texts that are none, cut or unreadable' => sub {
	my $provider = "h${$}d";
	my $process = process($provider, ['f', 'text', 'char *t'],
	    ['f', 'pointer', 'long p']);
	my $long = 'x' x 600;
	my $cut = 'x' x 512;
	my @fires = ("fire 0 $long", "fire 0 ${long}y", 'fire 0 ' . 'x' x 511,
	    'fire 1 0', 'fire 1 16', 'fire 1 16');

	for (
		['text', 't', ["text\t-\t\"$cut\"...\t2",
		    "text\t-\t\"" . 'x' x 511 . "\"\t1"],
		    [{ text => { text => $cut, cut => JSON::PP::true },
			count => 2 }, { text => 'x' x 511, count => 1 }]],
		['pointer', 'p', ["pointer\t-\t(unreadable)\t2",
		    "pointer\t-\tNULL\t1"],
		    [{ text => { unreadable => JSON::PP::true }, count => 2 },
			{ text => undef, count => 1 }]],
	) {
		my ($probe, $argument, $lines, $texts) = @$_;
		my @as = ('--as', 'p=str', "$provider:$probe", $argument);
		my $run = hist(1, @as);

		$process->ask($_) for @fires;
		is_deeply(lines_of($run), $lines, "$probe, lines");
		$run = hist(1, '-j', @as);
		$process->ask($_) for @fires;
		is($run->code_of('INT'), 0, '... exit 0');
		1 while $run->read_some(0.1);
		is_deeply(JSON::PP->new->decode($run->{lines}[0])->{texts},
		    $texts, '... JSON');
	}
});

# Members of a struct that is there, of a null pointer and of one to nothing.
my $members = <<'EOF_C';
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>
#include "usdt.h"

struct pair { int number; char name[8]; char *text; };

int
main(int argc, char **argv)
{
	static const usdt_field_t fields[] = {
		USDT_FIELD(struct pair, number, "int number"),
		USDT_FIELD(struct pair, name, "char name[8]"),
		USDT_FIELD(struct pair, text, "char *text")
	};
	struct pair pair = { 5, "five", "text" };
	const char *types[] = { "struct pair *pair" };
	usdt_provider_t *p = usdt_create_provider(argv[argc - 1], "mod");
	usdt_probedef_t *probe = usdt_create_probe("f", "n", 1, types);
	char line[80];

	usdt_provider_add_struct(p, "pair", sizeof pair, 3, fields);
	usdt_provider_add_probe(p, probe);
	if (usdt_provider_enable(p) < 0)
		return 1;
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	while (fgets(line, sizeof line, stdin) != NULL) {
		USDT_FIRE(probe, &pair);
		USDT_FIRE(probe, (struct pair *)NULL);
		USDT_FIRE(probe, (struct pair *)16);
		printf("fired\n");
		fflush(stdout);
	}
	return 0;
}
EOF_C

tracer_case('members of a struct that is not there' => sub {
	my $provider = "h${$}f";
	my $process = traced_source($dir, $provider, 'members', $members);
	for (['pair.number', "n\t-\t4\t8\t1"],
	    ['pair.name', "n\t-\t\"five\"\t1", "n\t-\t?\t2"],
	    ['pair.text', "n\t-\t\"text\"\t1", "n\t-\t?\t2"]) {
		my ($name, @lines) = @$_;
		my $run = hist(1, $provider, $name);

		$process->ask('x');
		is_deeply([ sort @{ lines_of($run) } ], \@lines, $name);
		is($run->errors =~ /^usdt: 2 events without a value$/m ? 1 : 0,
		    @lines == 1 ? 1 : 0, '... and the others');
	}
	for (['pair.number == 0', 0], ['pair.number != 0', 1],
	    ['!(pair.number == 0)', 3], ['!(pair.number)', 2],
	    ['pair.text == NULL', 0], ['!(pair.text != NULL)', 2]) {
		my ($filter, $count) = @$_;
		my $watch = Usdt::Watch->attach(1, "$provider\{$filter}");

		$process->ask('x');
		is($watch->code_of('INT'), 0, "$filter: exit 0");
		1 while $watch->read_some(0.1);
		is(scalar @{ $watch->{lines} }, $count, '... what passes')
		    || diag($watch->report);
	}
});

tracer_case('a chart on a terminal' => sub {
	my $provider = "h${$}c";
	my $process = process($provider, @probes);

	for ([{ LC_ALL => 'C.UTF-8' }, "\xe2\x96\x88", "\xe2\x96\x8c"],
	    [{ LC_ALL => 'C' }, '#', '#']) {
		my ($env, $full, $half) = @$_;
		my $terminal = Usdt::Terminal->start(12, 70, { TERM => 'xterm',
			%$env }, usdt_command(), 'hist', '-i', '0.1',
			"$provider:other", 'status');

		ok($terminal->until(sub { /watching 1 probe/ }), 'it begins');
		$process->ask('loop 1 60 9');
		$process->ask('fire 1 0');
		ok($terminal->until(sub {
			grep { /^ *0 +1 \|/ } $terminal->table
		}), 'the counts come') || diag($terminal->{text});
		my @table = $terminal->table;
		is($table[0], 'q ends', 'nothing to remark');
		is($table[1], "$provider:other status: 61", 'a heading');
		is($table[2], ' ' x 23 . '0           1 |' . $half,
		    'half a character') if $half ne '#';
		is($table[3], ' ' x 17 . '[8, 16)          60 |' . $full x 30,
		    'a bar');
		$terminal->type('q');
		is($terminal->reap, 0, 'q ends it, exit 0');
		is($terminal->modes, $terminal->{modes},
		    'the terminal is as before');
		is(scalar leftovers($terminal->{pid}), 0, 'no event is left');
	}
});

tracer_case('a chart in windows of any width' => sub {
	my $provider = "h${$}e";
	my $process = process($provider, ['f', 'text', 'char *t'],
	    ['f', 'number', 'int n']);
	my $full = "\xe2\x96\x88";
	my $wide = "\xe2\x82\xac\xf0\x9f\x98\x80";	# 1 and 2 columns

	for (
		[80, 't', ' ' x 19 . "\"$wide\"           2 |" . $full x 30,
		    ' ' x 21 . '"b"           1 |' . $full x 15],
		[30, 't', "   \"$wide\" 2 |" . $full x 18,
		    '     "b" 1 |' . $full x 9],
		[12, 't', "   \"$wide\" 2 |", '     "b" 1 |'],
		[20, 'n', ' [8, 16) 3 |' . $full x 8],
	) {
		my ($columns, $argument, @rows) = @$_;
		my $terminal = Usdt::Terminal->start(12, $columns,
		    { TERM => 'xterm', LC_ALL => 'C.UTF-8' }, usdt_command(),
		    'hist', '-i', '0.1', "$provider:" . ($argument eq 't' ?
		    'text' : 'number'), $argument);

		ok($terminal->until(sub { /watching 1 probe/ }), 'it begins');
		$process->ask('fire 0 ' . $_) for ("%e2%82%ac%f0%9f%98%80") x 2,
		    'b';
		$process->ask('fire 1 9') for 1 .. 3;
		ok($terminal->until(sub {
			my @table = $terminal->table;
			"@table[2 .. $#table]" eq "@rows"
		}), "the rows of $columns columns") ||
		    diag(join("\n", $terminal->table));
		$terminal->type('q');
		is($terminal->reap, 0, '... the end');
	}
	my $terminal = Usdt::Terminal->start(12, 40, { TERM => 'xterm',
	    LC_ALL => 'C' }, usdt_command(), 'hist', '-i', '0.1',
	    "$provider:text", 't');

	ok($terminal->until(sub { /watching 1 probe/ }), 'it begins');
	$process->ask('fire 0 ' . 'y' x 300);
	ok($terminal->until(sub {
		grep { $_ eq '"' . 'y' x 24 . '... 1 |########' }
		    $terminal->table
	}), 'a text that is too long leaves room for its count') ||
	    diag($terminal->{text});
	$terminal->type('q');
	is($terminal->reap, 0, '... the end');
});

tracer_case('what is wrong' => sub {
	for ([[], 'name the probes, '], [['a:b'], 'name the probes, '],
	    [['-i', 'x', 'a:b', 'c'], '--interval wants '],
	    [['-d', '0', 'a:b', 'c'], '--duration wants '],
	    [['a:b{', 'c'], '"a:b\{": the name of an argument ']) {
		my ($status, $out, $err) = run_usdt('hist', @{ $_->[0] });
		is($status, 2, "@{ $_->[0] }: exit 2");
		like($err, qr/^usdt: $_->[1]/, '... says why');
	}
});

done_testing();
