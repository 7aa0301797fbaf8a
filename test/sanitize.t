#!/usr/bin/perl
# sanitize.t - do compilers, sanitizers and valgrind find any fault?
#
# Builds everything with -Werror by gcc and by clang, and runs the unit tests
# under the address, leak, undefined and thread sanitizers and valgrind, some
# under clang's control flow integrity.  Each of these first gets an error that
# it has to find.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Basename qw(basename);
use File::Temp qw(tempdir);
use Test::More;

my $build = $ENV{USDT_BUILD} // '.';
my $dir = tempdir('usdt-sanitize-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my @units = map { basename($_, '.c') } sort glob 'test/unit/*.c';
my $make = $ENV{MAKE} // 'make';

# Independent of a make that may have started this.
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CFLAGS CC O)};
delete @ENV{qw(USDT_DISABLE USDT_DEBUG USDT_BACKENDS USDT_NOP)};

sub skip_or_fail
{
	my $why = shift;

	return fail("may not be skipped: $why") if $ENV{USDT_NO_SKIP};
	SKIP: { skip($why, 1) }
}

sub have { return system("command -v $_[0] >/dev/null 2>&1") == 0 }

# run(COMMAND): what it says, and its status.
sub run
{
	my $output = `@_ 2>&1`;

	return ($output, $?);
}

# make(NAME, TARGETS, VARIABLES...): the directory with what was built.
sub make
{
	my ($name, $targets, @variables) = @_;
	my $o = "$dir/$name";
	my $obj = "$o/obj-" . arch();

	s!^unit/!$obj/test/unit/!, s!^lib$!$o/libusdt.a! for @$targets;
	my ($output, $status) = run($make, '-s', '-j2', "O=$o",
		(map { "'$_'" } @variables), @$targets);
	my @said = grep { /\S/ && !/^  (?:CC|AS|AR|LD) / && !/^rm / }
	    split /^/, $output;

	ok($status == 0 && !@said, "$name: everything compiles in silence")
	    || diag(@said ? @said : $output);
	return $obj;
}

# The name that the Makefile gives the processor.
sub arch
{
	my ($arch) = `cc -dumpmachine` =~ /^([^-]+)/;

	$arch =~ s/^i.86$/i386/;
	$arch =~ s/^amd64$/x86_64/;
	return $arch;
}

# --- warnings ---------------------------------------------------------------

for my $cc ('gcc', 'clang') {
	if (!have($cc)) {
		skip_or_fail("there is no $cc");
		next;
	}
	make("$cc-Werror", ['all', map { "unit/$_" } @units],
		"CC=$cc", 'CFLAGS=-O2 -g -Werror');
}

# --- sanitizers -------------------------------------------------------------

# What each of them has to find, as C.
my %control = (
	address => [qr/heap-use-after-free/,
		'char *p = malloc(1); free(p); return p[argc - 1];'],
	leak => [qr/detected memory leaks/,
		'p = malloc((size_t)argc); p = NULL; return 0;'],
	undefined => [qr/runtime error: signed integer overflow/,
		'int i = 2147483647; i += argc; return i == 0;'],
	thread => [qr/data race/,
		'pthread_t t; pthread_create(&t, NULL, f, NULL); n++; '
		. 'pthread_join(t, NULL); return 0;'],
	# It ends the program without a word.
	cfi => [qr/Illegal instruction|^$/,
		'int (*call)(char) = (int (*)(char))(void (*)(void))'
		. '(argc ? f : NULL); return call(1);'],
);

sub finds
{
	my ($what, $flags, $cc) = @_;
	my ($found, $code) = @{$control{$what}};

	open my $file, '>', "$dir/control.c" or die "control.c: $!\n";
	print $file "#include <pthread.h>\n#include <stdlib.h>\n"
	    . "void *volatile p; int n;\n"
	    . "void *f(void *x) { n++; return x; }\n"
	    . "int main(int argc, char **argv) { (void)argv; $code }\n";
	close $file;
	my ($output, $status) = run("$cc -g -O0 $flags -o $dir/control "
		. "$dir/control.c -pthread && $dir/control");

	return $output =~ $found && $status != 0;
}

# sanitized(NAME, FLAGS, WHAT IT FINDS, UNITS): by the compiler $by.
our $by = 'cc';

sub sanitized
{
	my ($name, $flags, $controls, @programs) = @_;

	for my $what (@$controls) {
		next if ok(finds($what, $flags, $by), "$name finds: $what");
		return;
	}
	my $obj = make($name, ['lib', map { "unit/$_" } @programs],
		"CFLAGS=-O1 -g -fno-omit-frame-pointer $flags", "CC=$by",
		$by eq 'clang' ? 'AR=llvm-ar' : ());

	for my $program (@programs) {
		my ($output, $status) = run("$obj/test/unit/$program");
		my @said = grep {
			/Sanitizer|runtime error|^not ok|^Bail/
		} split /^/, $output;

		ok($status == 0 && !@said, "$program, $name")
		    || diag($output);
	}
}

$ENV{ASAN_OPTIONS} = 'detect_leaks=1:strict_string_checks=1:'
    . 'detect_stack_use_after_return=0';
$ENV{UBSAN_OPTIONS} = 'print_stacktrace=1';
if (system("echo 'int main(void) { return 0; }' | cc -x c "
	. "-fsanitize=address,undefined,leak -o $dir/try - 2>/dev/null") == 0) {
	sanitized('address,undefined', '-fsanitize=address,undefined '
		. '-fno-sanitize-recover=all',
		[qw(address leak undefined)], @units);
} else {
	skip_or_fail('this compiler has no address sanitizer');
}
if (system("echo 'int main(void) { return 0; }' | cc -x c "
	. "-fsanitize=thread -o $dir/try - 2>/dev/null") == 0) {
	sanitized('thread', '-fsanitize=thread', ['thread'],
		'threads', 'slow_helper', 'rings');
} else {
	skip_or_fail('this compiler has no thread sanitizer');
}

# clang's control flow integrity ends a program that calls, by a pointer, what
# is no function of that type.  It sees the whole program when it is linked.
my $cfi = '-flto=thin -fsanitize=cfi -fvisibility=hidden -fuse-ld=lld '
    . '-Wno-unused-command-line-argument';
if (system("echo 'int main(void) { return 0; }' | clang -x c $cfi "
	. "-o $dir/try - 2>/dev/null") == 0) {
	local $by = 'clang';
	sanitized('cfi', $cfi, ['cfi'], qw(api gate helper observe direct));
} else {
	skip_or_fail('clang has no control flow integrity, or there is no lld');
}

# --- valgrind ---------------------------------------------------------------

# It knows the bytes that no compiler saw: what mmap and read bring.
sub under_valgrind
{
	my ($output, $status) = run('valgrind -q --error-exitcode=99 '
		. '--leak-check=full --errors-for-leak-kinds=definite,possible',
		@_);

	return ($status >> 8, $output);
}

if (have('valgrind')) {
	local $ENV{USDT_IMAGE_DIR} = "$dir/images";
	my ($status, $output);

	open my $file, '>', "$dir/control.c" or die "control.c: $!\n";
	print $file "#include <stdlib.h>\nint main(void) { char *p = "
	    . "malloc(1); return p[0] == 3; }\n";
	close $file;
	run("cc -g -O0 -o $dir/control $dir/control.c");
	($status) = under_valgrind("$dir/control");
	is($status, 99, 'valgrind finds: what was never written');
	($output, $status) = run("cc -g -I. -o $dir/header "
		. "test/bindings/header.c $build/libusdt.a");
	is($status, 0, 'header.c compiles');
	my $units = ($ENV{USDT_OBJ} // "$build/obj-" . arch()) . '/test/unit';
	for my $program ("$dir/header", "$units/api", "$units/heap_texts") {
		($status, $output) = under_valgrind($program);
		unlike($output, qr{DWARF}, basename($program)
			. "'s images are read by valgrind without a word");
		unlike($output, qr{unhandled}, 'and no system call is one '
			. 'that it does not know');
		is($status, 0, basename($program) . ' under valgrind')
		    || diag($output);
	}
} else {
	skip_or_fail('there is no valgrind');
}
done_testing();
