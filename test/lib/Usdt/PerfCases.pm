# Usdt::PerfCases - what must perf record of our probes?
#
# perf reads arguments as the notes describe them. (It prints signed values of
# one and two bytes as unsigned: those are tested with other tracers.)
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::PerfCases;

use strict;
use warnings;

use Exporter qw(import);
use Test::More;
use Usdt::Process;
use Usdt::Tracer qw(scratch_dir tracer_case);

our @EXPORT_OK = qw(run_perf);

# The traced provider, and where the images are.
my ($provider, $images);

sub process
{
	my (@probes) = @_;
	my @arguments = map { ('--', @$_) } @probes;

	shift @arguments;
	my $process = Usdt::Process->new(
		args => ['-p', $provider, @arguments],
		env => { USDT_IMAGE_DIR => $images });
	$process->ready or die $process->report;
	return $process;
}

# perf_with(PROCESS, NAME...): a perf in which these events are defined, and what it
# calls the last: "some_types" in perf 7, "some__types" in perf 6.
sub perf_with
{
	my ($process, @names) = @_;
	my ($image) = $process->images;
	my $perf = Usdt::Tracer::Perf->new;
	my $said;

	$perf->call('buildid-cache', '--add', $image->{path});
	$said = $perf->call('probe', "sdt_$provider:$_") for @names;
	$said =~ /^\s+sdt_$provider:(\w+)\s/m or die "perf said: $said\n";
	return wantarray ? ($perf, $1) : $perf;
}

sub enabled
{
	my ($process, $value, @probes) = @_;
	my @states = map { $process->ask("wait $_ $value 100") } @probes;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_deeply(\@states, [("enabled $value") x @probes],
		"is-enabled is $value");
}

# recorded(PERF, [PROCESS, NAME, TEXT]...): exactly these, in this order.
sub recorded
{
	my ($perf, @expected) = @_;
	my @events = $perf->script;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is_deeply([map { "$_->{pid} $_->{event} $_->{text}" } @events],
		[map { $_->[0]->pid . " sdt_$provider:$_->[1] $_->[2]" }
		    @expected], 'the events');
	return @events;
}

# What perf prints for arguments of these values.
sub text
{
	my $n = 0;

	return join(' ', map { 'arg' . ++$n . "=$_" } @_);
}

sub ints
{
	my $process = process(map { ['func', "ints$_", ('int') x $_] } 0 .. 12);
	my $perf = perf_with($process, map { "ints$_" } 0 .. 12);
	my @expected;

	enabled($process, 0, 0 .. 12);
	$perf->record('-e', "sdt_$provider:*", '-p', $process->pid);
	enabled($process, 1, 0 .. 12);
	for my $n (0 .. 12) {
		my @values = map { -100 * $n - $_ } 1 .. $n;
		is($process->ask(join(' ', "fire $n", @values)), 'fired 1',
			"$n ints");
		push @expected, [$process, "ints$n", text(@values)];
	}
	is($process->ask(''), 'fired 13', 'once more');
	push @expected, map {
		[$process, "ints$_", text(1 .. $_)]
	} 0 .. 12;
	recorded($perf, @expected);
	enabled($process, 0, 0 .. 12);
}

# A type, and a value as passed and as printed.
our @columns = (
	['int', '-2147483648'],
	['unsigned int', '4294967295'],
	['int64_t', '-9223372036854775808'],
	['uint64_t', '18446744073709551615'],
	['bool', '1'],
	['uint8_t', '255'],
	['uint16_t', '65535'],
	['long', '-1'],
	['unsigned long', '9223372036854775808'],
	['int32_t', '-5'],
	['size_t', '18446744073709551614'],
	['pid_t', '-7'],
);

sub sizes
{
	my @values = map { $_->[1] } @columns;
	my $process = process(['func', 'some-types', map { $_->[0] } @columns]);
	my ($perf, $name) = perf_with($process, 'some__types');

	like($name, qr/^some__?types$/, 'the name of the event');
	$perf->record('-e', "sdt_$provider:$name", '-p', $process->pid);
	enabled($process, 1, 0);
	is($process->ask("fire 0 @values"), 'fired 1', 'fired');
	recorded($perf, [$process, $name, text(@values)]);
}

# perf records a string's address.  The process still has the text there.
sub string
{
	# Any name of the function.
	my $process = process(['valueOf(char[],int,int)java.lang.String',
		'string', 'int', 'char *']);
	my $perf = perf_with($process, 'string');

	$perf->record('-e', "sdt_$provider:string", '-p', $process->pid);
	enabled($process, 1, 0);
	is($process->ask('fire 0 -3 some%20text'), 'fired 1', 'fired');
	my ($event) = $perf->script;
	is($event->{arg1}, -3, 'the int');
	like($event->{arg2}, qr/^\d+$/, 'an address');
	is($process->mem($event->{arg2}, 10), "some text\0",
		'and the text that is there');
}

sub all_processes
{
	my @probe = ('func', 'shared', 'int');
	my @two = (process(\@probe), process(\@probe));
	my $perf = perf_with($two[0], 'shared');
	my @expected;

	$perf->record('-e', "sdt_$provider:shared", '-a');
	my $third = process(\@probe);
	for my $process (@two, $third) {
		enabled($process, 1, 0);
		$process->ask('fire 0 1');
		push @expected, [$process, 'shared', 'arg1=1'];
	}
	is($two[0]->ask('disable'), 'ok', 'one disables');
	$two[0]->ask('fire 0 2');
	$two[1]->ask('fire 0 3');
	push @expected, [$two[1], 'shared', 'arg1=3'];
	is($two[0]->ask('enable'), 'ok', 'and enables');
	enabled($two[0], 1, 0);
	$two[0]->ask('fire 0 4');
	push @expected, [$two[0], 'shared', 'arg1=4'];
	recorded($perf, @expected);
	enabled($_, 0, 0) for @two, $third;
}

# The function that fires: perf unwinds from the stub with the image's unwind
# table.
sub stacks
{
	for my $nop (1, 5) {		# a longer one needs Linux 7.2
		local $ENV{USDT_NOP} = $nop;
		my $process = process(['func', "stack$nop", ('int') x 9]);
		my $perf = perf_with($process, "stack$nop");

		$perf->record('-e', "sdt_$provider:stack$nop", '-p',
			$process->pid, '--call-graph', 'dwarf');
		enabled($process, 1, 0);
		is($process->ask('fire 0'), 'fired 1', 'fired');
		my ($event) = $perf->script(1);
		my @stack = @{ $event->{stack} // [] };
		is($stack[0], 'func', "a nop of $nop: the probe's function");
		like("@stack", qr/^func (?:[a-z][\w.]* )*main /, 'and who called');
	}
}

# run_perf(columns => TABLE, no_stacks => 1): TABLE stands in for the one above, whose
# values take words of 8 bytes; perf unwinds none but its own kind.
sub run_perf
{
	my (%tables) = @_;

	$provider = Usdt::Tracer::Perf->provider;
	$images = scratch_dir();
	local @columns = @{$tables{columns} // \@columns};
	tracer_case('0 to 12 ints' => \&ints);
	tracer_case('sizes and signs' => \&sizes);
	tracer_case('a string' => \&string);
	tracer_case('stacks' => \&stacks) if !$tables{no_stacks};
	tracer_case('all processes, disabled and enabled' => \&all_processes);
}

1;
