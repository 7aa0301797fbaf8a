#!/usr/bin/perl
# Does the library of `make ARCH=i386` do all that the other does?
#
# Every unit test is built and run with 32 bits too: by this machine or, if it
# runs 64-bit code only, by qemu-i386, and the tests that qemu-i386 can't judge
# by an emulated machine. trace/i386.t has what tracers see of such processes.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;
use Usdt::Machine qw(host_machine run_apart);
use Usdt::Variant qw(variant units elf_class run_unit judge_unit
    require_compiler);
use Usdt::Width qw(runs_32_bits say_where emulator stage_libraries);

if (Usdt::Variant::native() ne 'x86_64') {
	plan(skip_all => 'only x86-64 compilers make programs of two widths');
}
require_compiler(Usdt::Variant::makes_32_bits(),
    'the compiler makes no 32-bit programs (test/setup widths installs what '
    . 'it takes)');

my $dir = tempdir('usdt-widths-XXXXXX', TMPDIR => 1, CLEANUP => 1);
# Without a million cycles again, and without the unit that knows system calls
# by number.
my @units = grep { !/^(?:long_run|refused_system_calls)$/ } units();

# Where qemu-i386 differs from a kernel: these need a real one.  Other units
# that fail under it also run on a real one, and that result counts.
my %kernel = (
	environment => 'an ioctl that a file does not know',
	gate => 'how /proc/self/maps shows what is executable',
	resource_growth => 'how memory grows',
	fork_guard => 'a page that is wiped in a cloned child',
	retired_images => 'how many mappings there are',
	stash => 'a fork while other threads are at work',
	threads => 'a fork while other threads are at work',
);

delete @ENV{qw(USDT_DISABLE USDT_DEBUG USDT_BACKENDS USDT_NOP)};

my $obj = variant("$dir/i386", ['all', map { "unit/$_" } @units],
    'ARCH=i386', 'CFLAGS=-O2 -g -Werror') // BAIL_OUT('no 32-bit library');
is(elf_class("$dir/i386/$_"), 32, "$_ has 32 bits")
    for qw(libusdt.a test_usdt examples/hello);
ok(!-e "$dir/i386/usdt", 'the command is built for the machine\'s own width');
is(elf_class("$obj/test/unit/$units[0]"), 32, 'and so have the unit tests');
say_where('qemu-i386 and in the machine of test/vm');
for my $unit (@units) {
	if (runs_32_bits()) {
		run_unit("$obj/test/unit/$unit", "$unit, 32 bits");
	} elsif (!$kernel{$unit}) {
		my ($points, $trouble) = judge_unit(900, emulator(),
			"$obj/test/unit/$unit");

		pass("$unit, 32 bits: $points points") if !defined $trouble;
		$kernel{$unit} = "it fails under the emulator:\n$trouble"
		    if defined $trouble;
	}
}

# Calls that have variants for files and inode numbers beyond 32 bits fail
# there: the C library lists them.
{
	my $libc = (Usdt::Variant::quiet(split(' ', $ENV{CC} // 'cc'), '-m32',
	    '-print-file-name=libc.so.6'))[0] =~ s/\n//r;
	my %wide = map { $_ => 1 } (Usdt::Variant::quiet('nm', '-D',
	    $libc))[0] =~ / ([a-z_]\w*?)64(?:@|$)/mg;

	ok($wide{openat} && $wide{readdir} && $wide{fstatfs},
	    'the C library lists wide calls');
	for my $object (glob("$obj/{usdt,core/,image/}*.o")) {
		my @calls = (Usdt::Variant::quiet('nm', '-u', $object))[0]
		    =~ /\sU (\w+)/g;
		my $room = substr($object, length("$obj/"), -2);

		is(join(' ', grep { $wide{$_} } @calls), '',
		    "$room calls no narrow one");
		ok(scalar(grep { /^f?stat(?:at)?64/ } @calls),
		    'but the wide ones')
		    if $room =~ m{^image/(?:file|map|place|retention)$};
	}
}

# The rows of other systems, with simulated helper devices.
sub rows
{
	local $ENV{USDT_OBJ} = $obj;
	my ($said, $status) = Usdt::Variant::quiet($^X, '-Itest/lib',
	    'test/rows.t');

	is($status, 0, 'test/rows.t, 32 bits') || diag($said);
}

# All remaining tests, in a machine whose processor runs 32-bit code.
sub in_machine
{
	my $rows = "$dir/rows";
	my @left = map { "$obj/test/unit/$_" } sort keys %kernel;

	mkdir($rows) or die "$rows: $!\n";
	{
		local $ENV{USDT_ROWS_DIR} = $rows;
		rows();
	}
	my @rows = grep { -x && !/\.o$/ } glob("$rows/*");
	cmp_ok(scalar @rows, '>', 1, 'rows to run');
	note("$_ needs a kernel: $kernel{$_}") for sort keys %kernel;
	run_apart(host_machine(), sub {
		my ($stage) = @_;

		system('cp', @left, @rows, $stage) == 0 or die;
		stage_libraries($stage, @left, @rows);
	}, map { s{.*/}{}r } @left, @rows);
}

runs_32_bits() ? rows() : in_machine();

# Another compiler may have more warnings.
SKIP: {
	my $here = Usdt::Variant::makes_32_bits('clang');

	fail('may not be skipped: clang makes no 32-bit programs')
	    if !$here && $ENV{USDT_NO_SKIP};
	skip('clang makes no 32-bit programs', 1) if !$here;
	variant("$dir/clang", ['all'], 'CC=clang', 'ARCH=i386',
	    'CFLAGS=-O2 -Werror');
}

# One directory, first for one width, then for the other: it contains the last
# build, and make builds no more than that needs.
for my $width (32, 64, 32) {
	variant("$dir/turns", ['lib', 'test_usdt'],
	    $width == 32 ? 'ARCH=i386' : ());
	is(elf_class("$dir/turns/libusdt.a"), $width, "a library of $width");
	is(elf_class("$dir/turns/test_usdt"), $width, 'and its program');
}
done_testing();
