#!/usr/bin/perl
# power.t - does the library work on PowerPC as macOS traces there?
#
# No compiler at hand makes programs for macOS on PowerPC.  So Debian's compilers
# for big-endian PowerPC make ELF, with the row of macOS forced, and an emulator
# of user programs runs it: the library's code, and the stubs and the firing as
# macOS gets them.  test/rows/helper_device.c plays the kernel.  The bytes that
# the assemblers make are compared, too.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;

use Usdt::Cross qw(cross_cc emulator);
use Usdt::Tracer qw(need);

need('cross');

# The bytes of a stub, from the rules of macOS' kernel: li r3, 0, which is
# skipped if the answer is yes; blr; nop; the nop that is traced; blr.
my $stub = pack('N8', 0x38600000, 0x4e800020, 0x60000000, 0x60000000,
	0x4e800020, 0, 0, 0);
my $dir = tempdir('usdt-power-XXXXXX', TMPDIR => 1, CLEANUP => 1);

sub slurp
{
	open(my $in, '<:raw', $_[0]) or die "$_[0]: $!\n";
	local $/;
	return <$in> // '';
}

# section(OBJECT, NAME): its bytes, with no symbol left to be filled in.
sub section
{
	my ($object, $name) = @_;
	my ($offset, $size) = `readelf -SW \Q$object\E` =~
	    /\s\Q$name\E\s+PROGBITS\s+\S+\s+(\S+)\s+(\S+)/ or return '';

	return substr(slurp($object), hex $offset, hex $size);
}

sub assembled
{
	my ($cpu, $gnu) = @_;
	my $file = "usdt_tracepoints_$cpu.s";
	my %made = (gas => [cross_cc($cpu)],
		clang => ['clang', '-fintegrated-as', '-target', $gnu]);

	for my $with (sort keys %made) {
		ok(system(@{ $made{$with} }, '-I.', '-c', '-o',
			"$dir/$cpu-$with.o", $file) == 0,
			"$cpu: assembled by $with");
	}
	for my $name (qw(.text .rodata)) {
		my @both = map { section("$dir/$cpu-$_.o", $name) }
		    qw(gas clang);
		ok($both[0] eq $both[1] && length $both[0],
			"$cpu: both make the same $name");
	}
	my $rodata = section("$dir/$cpu-gas.o", '.rodata');
	is(unpack('H*', substr($rodata, 36, 32)), unpack('H*', $stub),
		"$cpu: the stub is as macOS' kernel wants it");
	is(substr($rodata, 100, 100), substr($rodata, 0, 100),
		"$cpu: there is no other");
	is_deeply([unpack 'N9', $rodata], [1, 0, 0, 0, 8, 8, 12, 0, 32],
		"$cpu: and its parts are where the table says");
}

# A pointer to a function is that of a descriptor in 64-bit ELF, though not on
# macOS.  So there an instruction of ours calls code by its address.
my $call = <<'END';
static int call_code(const uint8_t *code, volatile int *flag)
{
	register uintptr_t r3 __asm__("r3") = (uintptr_t)flag;

	__asm__ volatile("mtctr %1\n\tbctrl" : "+r" (r3) : "r" (code) : "ctr",
	    "lr", "memory");
	return (int)r3;
}
END

sub called_without_descriptors
{
	my $text = slurp('usdt_probe.c');

	$text =~ s/isenabled\.call\(&flag\)/call_code(isenabled.code, &flag)/g
	    == 2 or die "usdt_probe.c: how does it call a stub?\n";
	$text =~ s/(?=^UNCHECKED static inline int\nask_stub)/$call/m == 1
	    or die "usdt_probe.c: no ask_stub\n";
	$text =~ s/return \Kpointer\.code;/*(const uint8_t *const *)$&/ == 1
	    or die "usdt_probe.c: no code_of\n";
	open(my $out, '>', "$dir/usdt_probe.c") or die "usdt_probe.c: $!\n";
	print $out $text;
	close($out) or die "usdt_probe.c: $!\n";
	return "$dir/usdt_probe.c";
}

# run(CPU, LIBC): each call of the library under the row of macOS.
sub run
{
	my ($cpu, $wide) = @_;
	my @files = split ' ',
	    `make -s --no-print-directory sources SYSTEM=macos ARCH=$cpu`;
	# With 32-bit words the wide calls are wrapped, under these names.
	my %wrapped = map { $_ => !$wide && /^(?:open|mmap)$/ ? "${_}64" : $_ }
	    qw(open close ioctl mmap mprotect munmap);
	my @wrap = ((map { my $name = $_; map { "-D__${_}_$name=__${_}_"
		. $wrapped{$name} } qw(wrap real) } sort keys %wrapped),
	    map { "-Wl,--wrap=$_" } sort(values %wrapped),
		$wide ? () : 'usdt__fire');

	@files = map { $wide && $_ eq 'usdt_probe.c' ?
	    called_without_descriptors() : $_ } @files;
	local @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)} = ('', '', '');
	ok(system(cross_cc($cpu), qw(-std=gnu99 -O1 -g -Wall -Wextra -Werror),
		qw(-static -I. -Itest/unit -DUSDT_PLATFORM="macos"), @wrap,
		'-o', "$dir/$cpu", 'test/rows/helper_device.c', @files,
		'-pthread') == 0, "$cpu: compiled for macOS' row") or return;
	my @lines = `timeout 1200 @{[emulator($cpu)]} $dir/$cpu`;
	my $status = $?;
	for (@lines) {
		if (/^(not )?ok \d+ - (.*)/) { ok(!$1, "$cpu: $2") }
		elsif (/^#/) { chomp; diag($_) }
	}
	is($status, 0, "$cpu: the program ends well");
	like($lines[-1] // '', qr/^1\.\.\d+$/,
		"$cpu: and says how many tests there were");
}

assembled('ppc', 'powerpc-linux-gnu');
assembled('ppc64', 'powerpc64-linux-gnu');
run('ppc', 0);
run('ppc64', 1);
done_testing();
