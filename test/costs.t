#!/usr/bin/perl
# costs.t - how many instructions does an untraced probe cost, and does one of
# many cost more than one of a few?
#
# callgrind counts them exactly, so nothing here depends on time or load.  It
# counts a function by name, with all that it calls. bench/README.md explains
# each bound.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Temp qw(tempdir);
use FindBin;
use Test::More;

my $top = "$FindBin::Bin/..";
my $build = $ENV{USDT_BUILD} // $top;
my $dir = tempdir('usdt-costs-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $TURNS = 1000;

delete @ENV{qw(USDT_DISABLE USDT_DEBUG USDT_BACKENDS)};
$ENV{USDT_HELPER} = '/nonexistent/helper';
$ENV{USDT_IMAGE_DIR} = "$dir/images";

sub have
{
	my ($command) = @_;
	return scalar grep { -x "$_/$command" } split(/:/, $ENV{PATH});
}

# Skip everything, or fail where nothing may be skipped.
sub need
{
	my ($command) = @_;

	return if have($command);
	plan(skip_all => "there is no $command") if !$ENV{USDT_NO_SKIP};
	plan(tests => 1);
	fail("there is no $command, and USDT_NO_SKIP is set");
	exit 1;
}

sub run
{
	open(my $pipe, '-|', 'sh', '-c', 'exec "$@" 2>&1 </dev/null', 'sh', @_)
	    or die "sh: $!\n";
	local $/;
	my $output = <$pipe> // '';
	close($pipe);
	return ($output, $?);
}

sub callgrind
{
	my ($program, $function, @arguments) = @_;
	my ($output, $status) = run('valgrind', '--tool=callgrind',
		"--callgrind-out-file=$dir/callgrind",
		"--toggle-collect=$function", $program, @arguments);
	my ($total) = $output =~ /Collected : (\d+)/;

	diag("callgrind of $function: status $status\n$output")
	    if $status != 0 || !$total;
	return $status == 0 ? $total : undef;
}

# counted(PROGRAM, FUNCTION, ARGUMENT...): instructions of each turn, from the
# difference between two numbers of turns.
sub counted
{
	my @few = (@_, $TURNS);
	my @many = (@_, 3 * $TURNS);
	my ($few, $many) = (callgrind(@few), callgrind(@many));

	return if !$few || !$many;
	return ($many - $few) / (2 * $TURNS);
}

# beside(PROGRAM, LOOP, ARGUMENT...): the same, without the loop.
sub beside
{
	my ($program, $loop, @arguments) = @_;
	my $all = counted($program, $loop, @arguments);
	my $none = counted($program, 'site_none', @arguments);

	return defined $all && defined $none ? $all - $none : undef;
}

sub at_most
{
	my ($count, $bound, $what) = @_;

	return ok(defined $count && $count > 0 && $count <= $bound,
		sprintf('%s: %s, at most %s', $what, $count // 'not counted',
			$bound // '?'));
}

need('valgrind');
my ($machine) = run('uname', '-m');
plan(skip_all => 'stubs are counted on x86-64') if $machine !~ /^x86_64/;

my %program;
for my $cc (split(' ', $ENV{CC} // 'gcc'), 'clang') {
	next if $program{$cc};
	need($cc);
	my $program = "$dir/costs-$cc";
	my ($output, $status) = run($cc, qw(-std=gnu99 -O2 -Wall -Wextra
		-Werror), "-I$top", '-o', $program, "$top/test/costs.c",
		"$build/libusdt.a", '-pthread');
	is($status, 0, "costs.c compiles with $cc") || diag($output);
	$program{$cc} = $program;
}

for my $cc (sort keys %program) {
	my $compiled_in = beside($program{$cc}, qw(site_compiled_in sites));

	at_most($compiled_in, 2, "$cc: a compiled-in semaphore test");
	at_most(beside($program{$cc}, qw(site_inline sites)),
		($compiled_in // 0) + 1, "$cc: usdt_probe_enabled(), one more");
	at_most(beside($program{$cc}, qw(site_fire sites)),
		($compiled_in // 0) + 1, "$cc: USDT_FIRE, no more than that");
	# Its handle is in memory.
	at_most(beside($program{$cc}, "site_$_", 'sites'),
		($compiled_in // 0) + 2, "$cc: a probe of USDT_PROBE, $_")
	    for qw(static declared);
}

my ($one) = map { $program{$_} } grep { $_ ne 'clang' } sort keys %program;
at_most(counted($one, qw(usdt_is_enabled sites)), 9,
	'usdt_is_enabled() itself');
at_most(beside($one, qw(site_inline helper)), 24,
	'usdt_probe_enabled(), with a helper and untraced');
at_most(counted($one, qw(usdt_is_enabled helper)), 24,
	'usdt_is_enabled() itself, of the same');
# Generated code, with and without its test of the gate.
my @jit = map { counted("$build/examples/jit", 'run_loop', @$_) } [], ['-n'];
is((grep { !defined } @jit) ? 'not counted' : $jit[0] - $jit[1], 3,
	'a test in generated code: three instructions');

# From 7 words on, even and odd numbers take different paths.
at_most(counted($one, 'usdt_probe_fire', 'fire', $_), 24 + 3 * $_,
	"usdt_probe_fire() of $_") for 0 .. 2, 6 .. 9, 16, 31, 32;

# While a reader of direct events watches: so many integers, or an integer and a
# text.  If the time is not the processor's counter, the kernel is asked for it.
my %direct = (0 => 45, 1 => 57, 2 => 50, 3 => 62, 6 => 67, 32 => 135, t => 120);
SKIP: {
	my ($clock) = run('cat', '/sys/devices/system/clocksource/clocksource0/'
		. 'current_clocksource');

	skip("this kernel's clock is $clock", 1) if $clock !~ /^tsc$/;
	at_most(counted($one, 'usdt_probe_fire', 'direct', $_), $direct{$_},
		"a direct event of $_") for sort keys %direct;
}

# Ten times the probes cost ten times the instructions; a part of the library
# that is not linear would show as more.
for my $step (qw(create enable disable change end)) {
	my ($few, $many) = map { callgrind($one, "life_$step", 'life', $_) }
	    2000, 20000;

	at_most(defined $few && defined $many ? $many / $few : undef, 10.5,
		"ten times the probes: $step");
}

# Names cost what they bring: in bytes of the image, and in enabling.
{
	my $count = 10000;
	my ($plain, $named, $own) = map {
		callgrind($one, 'life_enable', $_, $count)
	} qw(plain names own);
	my ($small, $large) = map { (run($one, $_, $count))[0] =~ /(\d+) bytes/ }
	    'plain', 'names';

	at_most(defined $plain && defined $named ? $named / $plain : undef,
		1.3, 'instructions to enable probes with names, of those without');
	at_most(defined $plain && defined $own ? $own / $plain : undef, 4,
		'and if no two probes have the same names');
	at_most(defined $small && defined $large ?
		($large - $small) / $count : undef, 100,
		'bytes more for a probe with three names');
}
done_testing();
