# Usdt::BindingCases - what do real tracers have to see of a binding's programs?
#
# Each binding has a program with these cases by name: PROGRAM NAME[,NAME...]
# PREFIX.  A case has a provider named PREFIX_NAME.  It prints "site PATH
# PROVIDER PROBE" for each place where a tracer can attach, and "say NAME TEXT"
# for other results.
#
# The programs run twice.  The first run, untraced, prints where the probes are.
# Paths are the same in each run, so a tracer can attach there before the second
# run, and sees it from the start.
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::BindingCases;

use strict;
use warnings;

use Exporter qw(import);
use Test::More;
use Usdt::Tracer ();
use Usdt::Watch ();

our @EXPORT_OK = qw(run_all run_cases run_watched run_program);

my $n1 = ['%d', '(int32)arg0'];
my $text = ['%s', 'str(arg0)'];

# For each case: what bpftrace prints for each probe ("p1" if none is named);
# the lines that it must then print, in any order, since processors have buffers
# of their own; and what the program must say, untraced and traced (a function
# judges it).
my %cases = (
	basic => {
		print => { request__start => ['%d %s', '(int32)arg0',
			'str(arg1)'] },
		events => ['1 two', '-3 four'],
	},
	grow => {
		print => { map { ("p$_" => ["p$_ %d", '(int32)arg0']) } 0 .. 9 },
		events => ['p0 0', map { my $i = $_; map { "p$_ $i" } 1 .. $i }
			1 .. 9],
	},
	added => {
		print => { p1 => ['p1 %d', 'arg0'], p2 => ['p2 %d', 'arg0'] },
		events => ['p1 1', 'p2 2'],
	},
	ten => { print => { p1 => $n1 }, events => [0 .. 9] },
	modules => { print => { p1 => $text }, events => ['one', 'two'] },
	cycles => { print => { p1 => $n1 }, events => [0 .. 10] },
	twice => { print => { p1 => $n1 }, events => [1, 2] },
	fewer => {
		print => { p1 => ['%d %d %d %d', 'arg0', 'arg1', 'arg2',
			'arg3'] },
		events => ['5 0 0 0'],
	},
	more => { print => { p1 => $n1 }, events => [5] },
	json => {
		print => { p1 => ['%s %s', 'str(arg0)', 'str(arg1)'] },
		events => ["{\"a\":1,\"b\":[true,null,\"\xc3\xbc\"]} \"text\""],
	},
	circular => {
		print => { p1 => $text },
		events => sub { map { qr/^\{"error":"\w/ } 1, 2 },
	},
	collected => {
		print => { p1 => $n1 }, events => [7], said => ['probes 1'],
	},
	gone => { events => [], said => ['mapped 0'] },
	disabled => { events => [], said => [('gives False') x 2] },
	removed => {
		print => { p1 => ['p1 %d', 'arg0'], p2 => ['p2 %d', 'arg0'] },
		events => ['p1 1', 'p2 3'],
		said => qr/^raises Error failed to remove probe /,
	},
	lazy => {
		print => { p1 => ['%d %s', 'arg0', 'str(arg1)'] },
		events => ['1 tuple', '2 list', '3 '],
		said => [('gives False') x 3], traced => [('gives True') x 3],
	},
	throwing => {
		print => { p1 => $n1 }, events => [4],
		said => [('gives False') x 2],
		traced => qr/^raises \w+ .*mine.*\ngives True$/,
	},
	integers => {
		print => { p1 => ['%ld %lu', '(int64)arg0', 'arg1'] },
		events => ['-1 18446744073709551615',
			'-9223372036854775808 9223372036854775808',
			'-1 18446744073709551615', '7 7',
			'-9223372036854775808 9223372036854775808', '1 1',
			'2 2', '0 0'],
	},
	narrow => {
		print => { p1 => ['%d %u %d %u %d %u', '(int8)arg0',
			'(uint8)arg1', '(int16)arg2', '(uint16)arg3',
			'(int32)arg4', '(uint32)arg5'] },
		events => ['-1 255 -1 65535 -1 4294967295',
			'1 1 1 1 -2147483647 2147483649'],
	},
	wrong => {
		print => { p1 => ['%d %d %d %d %d %d', map { "arg$_" }
			0 .. 5] },
		events => ['0 0 0 0 0 0'],
	},
	utf8 => {
		print => { p1 => $text },
		events => ["gr\xc3\xbc\xc3\x9fe \xe2\x82\xac", "\xff\xfe",
			'array', "raw \xff", 'lone ?', 'cut', '404', '1.5',
			'view'],
	},
	floats => {
		print => { p1 => ['%s %s', 'str(arg0)', 'str(arg1)'] },
		events => ['0.5 3'],
	},
	names => {
		print => { p1 => ['%d %s %s %s %d', '(int32)arg0', 'str(arg1)',
			'str(arg2)', 'str(arg3)', 'arg4'] },
		events => ['-1 / {"a":1} 0.5 1'],
	},
	structs => {
		print => { p1 => ['%d %s %d', '*(int32 *)uptr(arg0)',
			'str(arg0 + 4)', 'arg1'] },
		events => ['-7 /bytes 1', '-8 /address 2'],
	},
	threads => {
		print => { p1 => $n1 },
		events => [map { my $n = 100 * $_; map { $n + $_ } 0 .. 24 }
			0 .. 3],
	},
	forked => {
		print => { p1 => ['%d %s', 'pid', 'str(arg0)'] },
		events => sub { ("$_[0] child", "$_[1] again",
			"$_[2] parent") },
	},
);

# run_program(COMMAND, CASES, PREFIX): { sites, said => { case => [...] } }.
sub run_program
{
	my ($command, $cases, $prefix) = @_;
	my $run = Usdt::Tracer::Run->start(@$command, join(',', @$cases),
		$prefix);

	$run->wait_until(sub { !$run->{out} });
	my $status = $run->reap;
	$status && $status->[0] == 0 or die "failed:\n" . $run->report . "\n";
	my (%seen, %said);
	my @sites = grep { !$seen{$_}++ } $run->lines(qr/^site (.*)$/);
	for ($run->lines(qr/^say (.*)$/)) {
		my ($case, $text) = split(/ /, $_, 2);
		push @{ $said{$case} }, $text;
	}
	return { sites => \@sites, said => \%said };
}

# agree(GOT, WANTED, NAME): compares lists in any order, or lines with a
# pattern.
sub agree
{
	my ($got, $wanted, $name) = @_;

	$got //= [];
	return like(join("\n", @$got), $wanted, $name) if ref $wanted eq 'Regexp';
	if (grep { ref } @$wanted) {
		is(@$got, @$wanted, "$name: as many");
		like($got->[$_] // '', $wanted->[$_], $name) for 0 .. $#$wanted;
		return;
	}
	return is_deeply([sort @$got], [sort @$wanted], $name);
}

sub clauses
{
	my ($sites, $prefix, $cases) = @_;

	return map {
		my ($path, $provider, $probe) = split / /;
		my ($case) = $provider =~ /^\Q$prefix\E_(.*)$/;
		my ($format, @values) = @{ $cases->{$case}{print}{$probe}
			// ['%s', '"unexpected"'] };
		["usdt:$path:$provider:$probe", "$case $format", @values]
	} @$sites;
}

# run_cases(COMMAND, PREFIX, NAME..., or { NAME => CASE } for more of them): each
# case is a subtest.
sub run_cases
{
	my ($command, $prefix, @names) = @_;
	my %mine = map { ref ? %$_ : ($_ => $cases{$_}
		// die "there is no case $_\n") } @names;
	my @cases = sort keys %mine;
	my $first = run_program($command, \@cases, $prefix);
	my $tracer = Usdt::Tracer::Bpftrace->run('host',
		[clauses($first->{sites}, $prefix, \%mine)]);
	my $second = run_program($command, \@cases, $prefix);
	my (%wanted, $count);

	is_deeply([sort @{ $second->{sites} }], [sort @{ $first->{sites} }],
		'paths are the same from run to run');
	for my $case (@cases) {
		my $events = $mine{$case}{events};
		$wanted{$case} = ref $events eq 'CODE' ?
		    [$events->(@{ $second->{said}{$case} // [] })] : $events;
		$count += @{ $wanted{$case} };
	}
	my (undef, @lines) = $tracer->finish($count);
	for my $case (@cases) {
		# Newer ones mark texts that they cut.
		my @got = map { /^\Q$case\E (.*?)(?:\.\.)?$/ ? $1 : () } @lines;

		subtest("$case, traced by bpftrace" => sub {
			agree(\@got, $wanted{$case}, 'events');
			agree($first->{said}{$case}, $mine{$case}{said},
				'output untraced')
			    if $mine{$case}{said};
			my $traced = $mine{$case}{traced} //
			    $mine{$case}{said};
			agree($second->{said}{$case}, $traced,
				'output traced') if $traced;
		}) or diag($tracer->report);
	}
}

# run_watched(COMMAND, PREFIX): `usdt watch` shows what bpftrace can't read.
sub run_watched
{
	my ($command, $prefix) = @_;
	my @cases = ('ints', 'structs', 'texts');
	my $first = run_program($command, \@cases, $prefix);
	my $watch = Usdt::Watch->attach(3, map { tr/ /:/r }
		@{ $first->{sites} });

	run_program($command, \@cases, $prefix);
	my @lines = map { s/^\d+ \S+ \Q$prefix\E_//r } $watch->take(35);
	is($watch->stop('INT'), 0, 'usdt watch ends well');
	my @ints = map { join(' ', 1 .. $_, (0) x (32 - $_)) } 1 .. 32;
	is_deeply([sort @lines], [sort((map { "ints:p1 $_" } @ints),
		'structs:p1 request={id=-7, path="/bytes"} n=1',
		'structs:p1 request={id=-8, path="/address"} n=2',
		'texts:p1 ' . join(' ', map { "\"text$_\"" } 0 .. 31))],
		'32 integers, fewer of them, members, and 32 texts');
}

# run_all(COMMAND, PREFIX, OWN, NAME...): the cases of all languages, those
# NAMEs that not all have, and OWN, those of the language.
sub run_all
{
	my ($command, $prefix, $own, @more) = @_;

	run_cases($command, $prefix, qw(basic grow added cycles twice fewer more
		json circular collected gone disabled removed), $own);
	run_cases($command, $prefix, qw(ten modules lazy throwing integers
		narrow wrong utf8 floats structs threads forked), @more);
	return run_watched($command, $prefix);
}

1;
