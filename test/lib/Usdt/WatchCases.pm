# Usdt::WatchCases - what must `usdt watch` print of our probes, for any kind of
# traced process?
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::WatchCases;

use strict;
use warnings;

use Exporter qw(import);
use Test::More;
use Usdt::Process;
use Usdt::Tracer qw(scratch_dir tracer_case);
use Usdt::Watch;

our @EXPORT_OK = qw(run_watch run_callers);

my $dir;	# for images

# A provider that no other process has, since watch attaches to all of that
# name.
sub own
{
	return "w${$}$_[0]";
}

sub process
{
	my ($provider, @probes) = @_;
	my @arguments = map { ('--', @$_) } @probes;

	shift @arguments;
	my $process = Usdt::Process->new(args => ['-p', $provider, @arguments],
		env => { USDT_IMAGE_DIR => "$dir/images" });
	$process->ready or die $process->report;
	return $process;
}

# A line from the provider's name on.
sub watched
{
	my ($watch, $name, $count) = @_;

	return map { s/^\d+ \S+ \w+$name://r } $watch->take($count);
}

sub sizes
{
	my (@types) = @_;
	my $process = process(own('sizes'), map {
		['f', "t$_", $types[$_][0]]
	} 0 .. $#types);
	my $watch = Usdt::Watch->attach(scalar @types, '-p', $process->pid,
		own('sizes') . ':*');
	my @expected;

	for my $i (0 .. $#types) {
		my ($type, undef, @pairs) = @{$types[$i]};
		while (my ($in, $out) = splice(@pairs, 0, 2)) {
			is($process->ask("fire $i $in"), 'fired 1', "fire $in");
			# It prints only pointers as hexadecimal numbers.
			$out = hex $out if $out =~ /^0x/ && $type !~ /\*/;
			push @expected, "t$i $out";
		}
	}
	is_deeply([watched($watch, 'sizes', scalar @expected)],
	    \@expected, 'every type');
	is($watch->code_of('INT'), 0, 'it ends');
	is($process->ask('wait 0 0 100'), 'enabled 0', 'is-enabled is 0');
}

# A note has 12 arguments; watch finds the others by the calling convention.
sub counted
{
	my @kind = (['int', sub { -$_[0] }], ['char *', sub { "text$_[0]" }],
		['uint64_t', sub { 4294967295 - $_[0] }],
		['short', sub { 100 - $_[0] }],
		['int64_t', sub { -1000 * $_[0] }]);
	my $process = process(own('counted'), map {
		['f', "n$_", map { $kind[$_ % 5][0] } 0 .. $_ - 1]
	} 0 .. 32);
	my $watch = Usdt::Watch->attach(33, own('counted'));
	my @expected;

	for my $n (0 .. 32) {
		my @values = map { $kind[$_ % 5][1]->($_) } 0 .. $n - 1;
		is($process->ask("fire $n @values"), 'fired 1', "$n arguments");
		push @expected, join(' ', "n$n", map {
			/^text/ ? "\"$_\"" : $_
		} @values);
	}
	is_deeply([watched($watch, 'counted', 33)], \@expected,
	    '0 to 32');
}

sub texts
{
	my $process = process(own('texts'), ['f', 'n', ('char *') x 3],
	    ['f', 'all', ('char *') x 32]);
	my $watch = Usdt::Watch->attach(2, own('texts') . ':*');

	is($process->ask("fire $_"), 'fired 1', 'fire')
	    for '0 one %00 three', '0 ' . 'x' x 600 . ' %22%0a end',
	    '1 ' . join(' ', map { "t$_" } 1 .. 32), '0';
	is_deeply([watched($watch, 'texts', 4)], [
		'n "one" "" "three"',
		'n "' . 'x' x 512 . '"... "\"\n" "end"',
		'all ' . join(' ', map { "\"t$_\"" } 1 .. 32),
		'n NULL NULL NULL',
	], 'texts, empty, long, 32 of them, and none');
}

sub life
{
	my $life = own('life') . ':n';
	my $process = process(own('life'), ['f', 'n', 'int', 'char *']);

	is($process->ask('enabled 0'), 'enabled 0', 'before');
	my $watch = Usdt::Watch->attach(1, $life);
	is($process->ask('wait 0 1 100'), 'enabled 1', 'traced');
	$process->ask('fire 0 1 a');
	is($process->ask('disable'), 'ok', 'disable');
	is($process->ask('enabled 0'), 'enabled 0', 'it is not enabled');
	$process->ask('fire 0 2 b');
	is($process->ask('enable'), 'ok', 'enable');
	is($process->ask('wait 0 1 100'), 'enabled 1', 'traced again');
	$process->ask('fire 0 3 c');
	my ($child) = $process->ask('fork') =~ /^forked (\d+)$/ or die;
	is($process->ask('child wait 0 1 100'), 'child enabled 1',
	    'a forked child is traced');
	is($process->ask('child fire 0 4 d'), 'child fired 1', 'it fires');
	$process->ask('fire 0 5 e');
	my $pid = $process->pid;
	is_deeply([$watch->take(4)], [
		"$pid test_usdt $life 1 \"a\"",
		"$pid test_usdt $life 3 \"c\"",
		"$child test_usdt $life 4 \"d\"",
		"$pid test_usdt $life 5 \"e\"",
	], 'each fire, once');
	is($watch->code_of('INT'), 0, 'the watch ends');
	is($process->ask('wait 0 0 100'), 'enabled 0', 'not traced');
}

# run_watch(TABLE): TABLE is an optional table of types as in
# Usdt::BpftraceCases.
# The functions from a probe to main, by the kernel's way.
sub callers
{
	my $process = process(own('callers'), ['func', 'n', ('int') x 12]);
	my $watch = Usdt::Watch->attach(1, '-s', '-p', $process->pid,
		own('callers') . ':*');

	is($process->ask(join(' ', 'fire 0', 1 .. 12)), 'fired 1', 'fire');
	is($watch->code_of('INT'), 0, 'it ends');
	my @stack = map { /^\t(\S+)\+\d+ / } @{ $watch->{lines} };
	is($stack[0], 'func', "it begins in the probe's function");
	ok(scalar(grep { $_ eq 'main' } @stack[1 .. $#stack]), 'leads to main')
	    or diag($watch->report);
}

sub run_callers
{
	$dir //= scratch_dir();
	tracer_case('usdt watch: the stack of an event' => \&callers);
}

sub run_watch
{
	my ($types) = @_;

	$dir //= scratch_dir();
	tracer_case('usdt watch: sizes and signs' => sub { sizes(@$types) })
	    if $types;
	tracer_case('usdt watch: 0 to 32 arguments' => \&counted);
	tracer_case('usdt watch: texts' => \&texts);
	tracer_case('usdt watch: is-enabled, disable, enable, fork' => \&life);
}

1;
