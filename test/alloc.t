#!/usr/bin/perl
# alloc.t - what if any one allocation or system call fails?
#
# Builds test/alloc.c, with a leak checker if the compiler has one, and runs it:
# its output is this test's.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Temp qw(tempdir);

my $obj = $ENV{USDT_OBJ} // 'obj-x86_64';
my $cc = $ENV{CC} // 'cc';

# The functions that the library calls and that can fail.
my @wrapped = qw(malloc calloc realloc strdup fopen getline __getdelim
	fdopendir pthread_atfork mmap munmap madvise memfd_create write pread pwrite ftruncate fstat
	fstatat fstatvfs fchmod linkat mkdirat unlinkat futimens open openat);

my $dir = tempdir('usdt-alloc-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $program = "$dir/alloc";
my @leaks = '-fsanitize=address';

if (system("echo 'int main(void) { return 0; }' | $cc @leaks -x c "
	. "-o $program - 2>/dev/null") != 0) {
	print "# this compiler has no leak checker: leaks go unseen\n";
	@leaks = ();
}
if (system($cc, '-g', '-Wall', '-Wextra', '-I.', @leaks,
	(map { "-Wl,--wrap=$_" } @wrapped), '-o', $program, 'test/alloc.c',
	"$obj/rooms.a") != 0) {
	print "1..1\nnot ok 1 - test/alloc.c is compiled\n";
	exit 1;
}
$ENV{ASAN_OPTIONS} = 'detect_leaks=1';
my $status = system($program);
exit($status == 0 ? 0 : $status >> 8 || 1);
