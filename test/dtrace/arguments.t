# Does DTrace read every argument that a program passes, with its type?
#
# It reads ten arguments of a probe; `usdt watch`, in the same machine, reads
# all.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;

use Usdt::Dtrace qw(dtrace_case process listing same_events wait_errors
	build_path);

my $MAX = 10;		# arguments that DTrace 2.0.7 reads

# An action that prints the name, and each argument by its format.
sub action
{
	my ($name, @values) = @_;
	my $format = join(' ', '>', $name, map { $_->[0] } @values);

	return "{ printf(\"$format\\n\""
	    . join('', map { ", $_->[1]" } @values) . "); }\n";
}

# The values that a line of printed text starts with.
sub up_to
{
	my ($count, @values) = @_;

	return @values[0 .. ($count < $MAX ? $count : $MAX) - 1];
}

dtrace_case('0 to 32 arguments of int and of string' => sub {
	my @counts = (0 .. $MAX, 11, 12, 13, 31, 32);
	my (@probes, $script, @expected);

	for my $n (@counts) {
		push @probes, '--', 'ints', "i$n", ('int') x $n,
		    '--', 'strings', "s$n", ('char *') x $n;
		my $read = $n < $MAX ? $n : $MAX;
		$script .= "wide\$target:wide-mod:ints:i$n "
		    . action("i$n", map { ['%d', "(int)arg$_"] }
			0 .. $read - 1)
		    . "wide\$target:wide-mod:strings:s$n "
		    . action("s$n", map { ['%s', "copyinstr(arg$_)"] }
			0 .. $read - 1);
		push @expected, join(' ', "i$n", 1 .. $read),
		    join(' ', "s$n", map { "arg$_" } 1 .. $read);
	}
	shift @probes;
	my $p = process('wide', '-m', 'wide-mod', @probes);
	my $d = Usdt::Dtrace->run($script, '-p', $p->pid);
	is($p->ask("enabled $_"), 'enabled 1', "probe $_ is enabled")
	    for 0 .. 2 * @counts - 1;
	is($p->ask(''), 'fired ' . 2 * @counts, 'all fired');
	same_events([$d->finish(scalar @expected)], \@expected,
	    'every probe once, each with its values');
});

# Each type with its extreme values, and the text that %d must print for each.
my @typed = (
	['int8_t', '-128' => '-128'], ['int8_t', '127' => '127'],
	['uint8_t', '255' => '255'], ['char', '65' => '65'],
	['short', '-32768' => '-32768'], ['uint16_t', '65535' => '65535'],
	['int', '-2147483648' => '-2147483648'],
	['unsigned int', '4294967295' => '4294967295'],
	['int64_t', '-9223372036854775808' => '-9223372036854775808'],
	['long', '-1' => '-1'],
	['uint64_t', '18446744073709551615' => '18446744073709551615'],
	['size_t', '9223372036854775808' => '9223372036854775808'],
	['pid_t', '-7' => '-7'], ['bool', '1' => '1'],
);

dtrace_case('args[] typed from the declared types' => sub {
	my @all = map { $_->[0] } @typed;
	my (@probes, $script, @expected, @lines);
	my $i = 0;

	# Each type as the first argument, and as one on the stack.
	for my $row (@typed) {
		my ($type, $value, $text) = @$row;
		my $format = $type =~ /^u|size/ ? '%u' : '%d';
		push @probes, '--', 'typed', "t$i", $type, ('int') x 7, $type;
		$script .= "typed\$target:::t$i " . action("t$i",
			[$format, 'args[0]'], [$format, 'args[8]']);
		push @expected, "t$i $text $text";
		push @lines, "fire $i $value 2 3 4 5 6 7 8 $value";
		$i++;
	}
	push @probes, '--', 'typed', 'mixed', 'int', 'char *', 'int64_t',
	    'char *';
	$script .= "typed\$target:::mixed " . action('mixed', ['%d',
		'args[0]'], ['[%s]', 'copyinstr(arg1)'], ['%d', 'args[2]'],
		['[%s]', 'copyinstr((uintptr_t)args[3])']);
	push @expected, 'mixed -5 [x] -6 [a b\%"' . "\t" . ']';
	push @lines, "fire $i -5 x -6 a%20b\\%25%22%09";
	shift @probes;

	my $p = process('typed', @probes);
	my $d = Usdt::Dtrace->run($script, '-p', $p->pid);
	is($p->ask($_), 'fired 1', $_) for @lines;
	same_events([$d->finish(scalar @expected)], \@expected,
	    'the values, with their signs');

	my @listed = listing('typed' . $p->pid . ':::', '-v');
	is(scalar @listed, @typed + 1, 'dtrace -lv lists them');
	my %types = map { $_->{name} => $_->{types} } @listed;
	is_deeply($types{"t$_"}, [$all[$_], ('int') x 7, $all[$_]],
	    "dtrace -lv prints the types of t$_") for 0 .. $#all;
	is_deeply($types{mixed}, ['int', 'char *', 'int64_t', 'char *'],
	    'and of mixed');
});

my $USDT = build_path('usdt');

dtrace_case('usdt watch reads all 32' => sub {
	my $p = process('watched', 'w', 'i32', ('int64_t') x 32,
		'--', 'w', 's32', ('char *') x 32);
	my $watch = Usdt::Tracer::Run->start($USDT, 'watch', '-p', $p->pid,
		'watched:*');

	ok(wait_errors($watch, qr/watching 2 probes/), 'usdt watch starts');
	is($p->ask('fire 0 ' . join(' ', map { $_ % 2 ? $_ : -$_ } 1 .. 32)),
	    'fired 1', 'fire integers');
	is($p->ask('fire 1 ' . join(' ', map { "text$_" } 1 .. 32)),
	    'fired 1', 'fire strings');
	$watch->wait_until(sub { my @l = $watch->lines(qr/32/); @l >= 2 });
	$watch->stop('INT');
	my ($integers) = $watch->lines(qr/i32\s+(.*)$/);
	my ($strings) = $watch->lines(qr/s32\s+(.*)$/);
	is_deeply([($integers // '') =~ /-?\d+/g],
	    [map { $_ % 2 ? $_ : -$_ } 1 .. 32], 'the integers');
	is_deeply([($strings // '') =~ /"([^"]*)"/g],
	    [map { "text$_" } 1 .. 32], 'the strings');
});

done_testing();
