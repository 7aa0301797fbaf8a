#!/usr/bin/perl
# targets.t - can the library be compiled for the other systems?
#
# clang compiles for any of them.  test/targets/include takes the place of their
# headers: it has only the declarations that the library uses, with the
# differences that matter.  So what a system lacks is missing here too.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;
use Test::More;
use File::Temp qw(tempdir);
use Usdt::Variant qw(require_compiler library_objects);

my @targets = (
	# clang's target, and the Makefile's names of the system and processor
	['x86_64-unknown-freebsd13', 'freebsd', 'x86_64'],
	['i386-unknown-freebsd13', 'freebsd', 'i386'],
	['x86_64-pc-solaris2.11', 'illumos', 'x86_64'],
	['i386-pc-solaris2.11', 'illumos', 'i386'],
	['sparcv9-sun-solaris2.11', 'illumos', 'sparc64'],
	['x86_64-apple-macos11', 'macos', 'x86_64'],
	['arm64-apple-macos11', 'macos', 'aarch64'],
	# A system that the library does not know.
	['x86_64-unknown-netbsd9', 'unknown', 'x86_64'],
);
# For assembly alone: Linux, with which the others are compared, and targets for
# which clang no longer compiles C.
my @assembled = (
	['x86_64-linux-gnu', 'linux', 'x86_64'],
	['i386-linux-gnu', 'linux', 'i386'],
	['aarch64-linux-gnu', 'linux', 'aarch64'],
	['sparcv9-linux-gnu', 'linux', 'sparc64'],
	['riscv64-linux-gnu', 'linux', 'riscv64'],
	['s390x-linux-gnu', 'linux', 's390x'],
	['armv7-linux-gnueabihf', 'linux', 'armhf'],
	['powerpc64le-linux-gnu', 'linux', 'ppc64le'],
	['powerpc-linux-gnu', 'linux', 'ppc'],
	['powerpc64-linux-gnu', 'linux', 'ppc64'],
	['aarch64-unknown-freebsd13', 'freebsd', 'aarch64'],
	['i386-apple-macos10.13', 'macos', 'i386'],
);
my $dir = tempdir('usdt-targets-XXXXXX', TMPDIR => 1, CLEANUP => 1);

require_compiler(system("$_ --version >/dev/null 2>&1") == 0, "no $_ (test/setup check installs it)")
    for qw(clang llvm-ar llvm-nm llvm-readobj);

# The words of a variable of the Makefile on a system.
my %makefile;
sub variable
{
	my ($name, $system) = @_;

	return @{ $makefile{"$name $system"} //= do {
		local @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)} = ('', '', '');
		[split ' ', `make -s --no-print-directory --eval='show: ; \@echo \$($name)' show SYSTEM=$system`]
	} };
}

sub run
{
	my ($what, @command) = @_;
	open my $saved, '>&', \*STDERR or die;
	open STDERR, '>', "$dir/said" or die;
	my $status = system(@command);
	open STDERR, '>&', $saved or die;
	open my $h, '<', "$dir/said" or die;
	my $said = join '', <$h>;
	return $what ? ok($status == 0, $what) || (diag($said), 0) : $status == 0;
}

# Its symbols: name => letter of nm.
sub symbols
{
	my %symbols;

	for (`llvm-nm @_ 2>/dev/null`) {
		/ (\w) (\S+)$/ or next;
		$symbols{$2} = $1 unless $1 eq 'U' && exists $symbols{$2};
	}
	return \%symbols;
}

# Functions that the headers declare, and those that compilers call.
my %declared = map { $_ => 1 } qw(bzero __stack_chk_fail __stack_chk_guard __clear_cache _GLOBAL_OFFSET_TABLE_
	__tls_get_addr ___tls_get_addr _tlv_bootstrap);
for my $header (glob('test/targets/include/*.h'), glob('test/targets/include/sys/*.h')) {
	open my $h, '<', $header or die "$header: $!";
	/\b(\w+)\(/ and $declared{$1} = 1 for <$h>;
}
my @headers = ('-nostdlibinc', '-isystem', 'test/targets/include');

# Builds as a user of that system would: only the compiler knows the target.
sub build
{
	my ($target, $system, $arch) = @$_;
	my $out = "$dir/$target";
	local @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)} = ('', '', '');

	run("$target: make lib", 'make', '-j2', 'lib', "O=$out", 'AR=llvm-ar',
	    "CC=clang -fintegrated-as -target $target @headers", 'CFLAGS=-O0 -fno-builtin -Werror') or return;
	my @objects = library_objects("$out/obj-$arch");
	my @linux = grep { m{/(?:image/\w+|core/(?:by_image|guard|turn))\.o$} } @objects;
	cmp_ok(scalar(@objects), ">", 12, "$target: makes the rooms");
	is("@linux", '', "$target: but none of those for Linux alone");
	my $symbols = symbols("$out/libusdt.a");
	my @needed = map { $system eq 'macos' ? s/^_//r : $_ } grep { $symbols->{$_} eq 'U' } keys %$symbols;
	my @wrong = grep { !$declared{$_} } sort @needed;
	is("@wrong", '', "$target: it calls only functions of that system");
}

build() for @targets;

# The helper usdt-dtrace, on systems with libdtrace.  Its headers are separate,
# so that the library can't use their declarations.
for (@targets) {
	my ($target, $system) = @$_;

	next if $system eq 'unknown';
	run("$target: the helper", 'sh', '-c', 'd=$1; shift; for f in '
	    . 'consumer/*.c; do "$@" -c -o "$d/consumer.o" "$f" || exit 1; '
	    . 'done', 'sh', $dir, 'clang', '-target', $target,
	    '-nostdlibinc', '-isystem', 'test/targets/consumer', '-isystem',
	    'test/targets/include', '-std=gnu99', '-fno-builtin', '-Wall',
	    '-Wextra', '-Werror', '-Wno-gnu-include-next');
}

# A check of the check: a function that a system lacks is an error.
open my $wrong, '>', "$dir/wrong.c" or die;
print $wrong "#include <stdlib.h>\nchar *f(void); char *f(void) { return secure_getenv(\"x\"); }\n";
close $wrong;
ok(!run('', 'clang', '-target', $targets[0][0], @headers,
    '-std=gnu99', '-Werror', '-c', '-o', "$dir/wrong.o", "$dir/wrong.c"),
    'a function that FreeBSD lacks does not compile for it');

# The bytes of an ELF object's section.
sub section
{
	my ($object, $name) = @_;
	my $text = `llvm-readobj --sections $object`;

	$text =~ /Name: \Q$name\E .*?Offset: 0x(\w+)\s+Size: (\d+)/s or return '';
	return substr(bytes($object), hex $1, $2);
}

sub bytes { open my $h, '<:raw', $_[0] or return ''; local $/; return <$h> }

my @names = qw(usdt__fire usdt__stub_count usdt__stubs);
my %reference;
for (sort { ($b->[1] eq 'linux') <=> ($a->[1] eq 'linux') } @targets, @assembled) {
	my ($target, $system, $arch) = @$_;
	my $file = "usdt_tracepoints_$arch.s";
	my $object = "$dir/$target.o";

	next unless -e $file;
	run("$target: $file is assembled", 'clang', '-fintegrated-as', '-target', $target,
	    variable("ASFLAGS_$system", $system), '-c', '-o', $object, $file)
	    or next;
	my $symbols = symbols($object);
	# Tables for unwinding on ARM name a function that reads them.
	delete @$symbols{grep { /^__aeabi_unwind_/ } keys %$symbols};
	my $prefix = $system eq 'macos' ? '_' : '';
	is(join(' ', sort grep { $symbols->{$_} =~ /[A-Z]/ } keys %$symbols), join(' ', map { "$prefix$_" } @names),
	    "$target: it has the three symbols");
	if ($system eq 'linux') {
		$reference{$arch} = [section($object, '.rodata'), section($object, '.text')];
		ok(length($reference{$arch}[0]) >= 60 && length($reference{$arch}[1]) > 30,
		    "$target: stubs and code to compare with");
		next;
	}
	my $all = bytes($object);
	ok(index($all, $reference{$arch}[0]) >= 0, "$target: the stubs of Linux");
	ok(index($all, $reference{$arch}[1]) >= 0, "$target: the same code");
	my @hidden = `llvm-readobj --symbols $object` =~ /STV_HIDDEN|PrivateExtern/g;
	is(scalar(@hidden), 3, "$target: the three symbols are hidden");
}
done_testing();
