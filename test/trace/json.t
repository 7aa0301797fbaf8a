#!/usr/bin/perl
# json.t - what does `usdt watch --json` print?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use JSON::PP ();
use Test::More;
use Time::HiRes qw(time);
use Usdt::Process;
use Usdt::Tracer qw(need tracer_case scratch_dir);
use Usdt::TypesCases qw(request);
use Usdt::Watch qw(traced);

need('root', 'cc');
alarm 3600;

my $dir = scratch_dir();
my $json = JSON::PP->new->utf8->allow_bignum;

sub process { return traced($dir, @_) }

# next_lines(WATCH, COUNT): so many lines, as they are.
sub next_lines
{
	my ($watch, $count) = @_;

	$watch->wait_until(sub { @{ $watch->{lines} } >= $count });
	return splice(@{ $watch->{lines} });
}

# arguments(LINE): the text of the object "args".
sub arguments
{
	my ($line) = @_;
	my $event = eval { $json->decode($line) };

	ok(defined $event, 'it is JSON') || diag($@, $line);
	return $line =~ /,"args":(\{.*\})\}$/ ? $1 : $line;
}

tracer_case('what every event has' => sub {
	my $provider = "j${$}a";
	my $process = process($provider, ['func', 'name-1', 'int'],
	    ['func', 'none']);
	my $before = time;
	my $watch = Usdt::Watch->attach(2, '--json', "$provider:*");

	$process->ask('fire 0 7');
	$process->ask('fire 1');
	my @events = map { $json->decode($_) } next_lines($watch, 2);
	my ($first, $second) = @events;
	cmp_ok($first->{time}, '>=', $before, 'the time');
	cmp_ok($first->{time}, '<=', time, '... has not come yet');
	cmp_ok(delete $second->{time}, '>=', delete $first->{time},
	    '... goes on');
	my %common = (pid => $process->pid, tid => $process->pid,
		comm => 'test_usdt', provider => $provider, function => 'func',
		module => $first->{module});
	is_deeply($first, { %common, name => 'name-1', args => { arg0 => 7 } },
	    'all of it');
	is_deeply($second, { %common, name => 'none', args => {} },
	    'an event without arguments');
	like($first->{module}, qr/^\w+$/, 'a module');
	is($watch->code_of('INT'), 0, 'exit 0');
});

# A process copies less of a text than the kernel does.
for my $way ([512], [512, '--uprobe']) {
my ($most, @option) = @$way;
tracer_case("numbers and texts @option" => sub {
	my $provider = "j${$}b" . @option;
	my @case = (
		# type, passed, printed
		['int n', -1, '{"n":-1}'],
		['unsigned char', 255, '{"arg0":255}'],
		['int8_t', 255, '{"arg0":-1}'],
		['long x', '-9223372036854775808', '{"x":-9223372036854775808}'],
		['uint64_t x', '18446744073709551615',
		    '{"x":18446744073709551615}'],
		['long x', '9007199254740993', '{"x":9007199254740993}'],
		['void *', '0xffffffffffffffff', '{"arg0":18446744073709551615}'],
		['void *', 0, '{"arg0":0}'],
		['double d', '0x3fb999999999999a', '{"d":0.1}'],
		['double d', '0x7fefffffffffffff', '{"d":1.7976931348623157e+308}'],
		['double d', '0x8000000000000000', '{"d":-0}'],
		['double d', '0x7ff0000000000000', '{"d":"Infinity"}'],
		['double d', '0xfff0000000000000', '{"d":"-Infinity"}'],
		['double d', '0x7ff8000000000000', '{"d":"NaN"}'],
		['float f', '0x40490fdb', '{"f":3.1415927}'],
		['float f', '0xff800000', '{"f":"-Infinity"}'],
		['char *s', 'plain', '{"s":"plain"}'],
		['char *s', '%00', '{"s":""}'],
		['char *s', 'a%22b%5cc%2f%0a%09%1b%7f',
		    '{"s":"a\"b\\\\c/\n\u0009\u001b\u007f"}'],
		['char *s', 'caf%c3%a9%f0%9f%90%aa%c2%85',
		    "{\"s\":\"caf\xc3\xa9\xf0\x9f\x90\xaa\\u0085\"}"],
		['char *s', 'caf%e9', "{\"s\":{\"text\":\"caf\xef\xbf\xbd\","
		    . '"hex":"636166e9"}}'],
		['char *s', '%ed%a0%80%c0%80', '{"s":{"text":"'
		    . "\xef\xbf\xbd" x 5 . '","hex":"eda080c080"}}'],
		['char *s', 'x' x 600, '{"s":{"text":"' . 'x' x $most
		    . '","cut":true}}'],
	);
	my $process = process($provider, map { ['f', "n$_", $case[$_][0]] }
	    0 .. $#case);
	my $watch = Usdt::Watch->attach(scalar @case, '-j', @option,
	    "$provider:*");

	$process->ask("fire $_ $case[$_][1]") for 0 .. $#case;
	my @lines = next_lines($watch, scalar @case);
	is(arguments($lines[$_]), $case[$_][2], "$case[$_][0] "
	    . substr($case[$_][1], 0, 30)) for 0 .. $#case;
	is(scalar @lines, scalar @case, 'as many lines as fires');
	is($watch->code_of('INT'), 0, 'exit 0');
});
}

tracer_case('pointers that lead nowhere' => sub {
	my $process = Usdt::Process->new(program => nowhere());
	$process->ready or die $process->greeting;
	my $watch = Usdt::Watch->attach(1, '-j', "j${$}c");

	$process->ask('');
	my ($line) = next_lines($watch, 1);
	is(arguments($line), '{"none":null,"wild":{"unreadable":true},'
	    . '"text_len":3,"text":"abc"}', 'texts');
	is($watch->code_of('INT'), 0, 'exit 0');
});

# A program with such a probe.
sub nowhere
{
	my $provider = "j${$}c";

	open(my $out, '>', "$dir/nowhere.c") or die;
	print $out <<"END";
#include <stdio.h>
#include <unistd.h>
#include "usdt.h"
int
main(void)
{
	const char *types[] = {
		"char *none", "char *wild", "int text_len", "char *text"
	};
	usdt_provider_t *p = usdt_create_provider("$provider", "m");
	usdt_probedef_t *d = usdt_create_probe("f", "n", 4, types);
	void *args[] = { NULL, (void *)16, (void *)3, "abcdef" };
	char line[80];

	if (p == NULL || d == NULL || usdt_provider_add_probe(p, d) < 0 ||
	    usdt_provider_enable(p) < 0)
		return 1;
	printf("ready %d\\n", (int)getpid());
	fflush(stdout);
	while (fgets(line, sizeof line, stdin) != NULL) {
		usdt_fire_probe(d->probe, 4, args);
		puts("fired");
		fflush(stdout);
	}
	return 0;
}
END
	close($out) or die;
	return Usdt::Tracer::build_c("$dir/nowhere", "$dir/nowhere.c",
	    Usdt::Tracer::library(), '-pthread');
}

tracer_case('structs' => sub {
	my $request = request($dir);
	my $watch = Usdt::Watch->attach(1, '--json', $request->{provider});

	$request->fire(7);
	my ($line) = next_lines($watch, 1);
	my $args = arguments($line);
	$args =~ s/("next":)\d+/${1}1/;
	is($args, '{"id":7,"url":"/index","req":{"id":7,"flags":3,'
	    . '"url":"/index","took":2.5,"bytes":12345678901,'
	    . '"peer":{"host":"localhost","port":443},"next":1},"took":3.25,'
	    . '"body":"{\"a\":1}","body_len":7,"size":-7,"agent":"curl"}',
	    'names and members');
	is($watch->code_of('INT'), 0, 'exit 0');
});

tracer_case('-n counts lines of JSON, too' => sub {
	my $provider = "j${$}d";
	my $process = process($provider, ['f', 'n', 'int']);
	my $watch = Usdt::Watch->attach(1, '-j', '-n', 3, $provider);

	$process->ask('loop 0 5 1');
	my $ended = $watch->reap;
	1 while $watch->read_some(1);
	is_deeply([ map { arguments($_) } @{ $watch->{lines} } ],
	    [ ('{"arg0":1}') x 3 ], 'three lines');
	is($ended->[0], 0, 'exit 0');
});

done_testing();
