#!/usr/bin/perl
# command_memory.t - does the usdt command say so when memory runs out, at any
# allocation, its own or the C library's?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Temp qw(tempdir);
use POSIX ();
use Test::More;

my $usdt = ($ENV{USDT_BUILD} // '.') . '/usdt';
my $dir = tempdir('usdt-memory-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my @cc = split ' ', $ENV{CC} // 'cc';

# The allocation with the number $FAIL_AT fails, counted from 0, and no other.
my $source = <<'END';
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static long when = -2, number;

static int
fails(void)
{
	const char *text;

	if (when == -2) {
		text = getenv("FAIL_AT");
		when = text != NULL ? atol(text) : -1;
	}
	if (when < 0 || number++ != when)
		return 0;
	write(9, "x", 1);
	errno = ENOMEM;
	return 1;
}

void *malloc(size_t size) { return fails() ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return fails() ? NULL : __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { return fails() ? NULL : __libc_realloc(old, size); }
END
open(my $c, '>', "$dir/fail.c") or die;
print $c $source;
close $c;
plan(skip_all => 'this C library has no __libc_malloc')
    if system("@cc -w -shared -fPIC -o '$dir/fail.so' '$dir/fail.c' 2>/dev/null") != 0
    && !$ENV{USDT_NO_SKIP};

sub text_of { local (@ARGV, $/) = @_; return scalar(<>) // '' }

# Run it with allocation AT failing: how it ended, its output, its errors, and
# whether an allocation failed.
sub run
{
	my ($at, @words) = @_;
	my $pid = fork // die;

	if ($pid == 0) {
		$ENV{LD_PRELOAD} = "$dir/fail.so";
		$ENV{FAIL_AT} = $at;
		open(STDOUT, '>', "$dir/out") && open(STDERR, '>', "$dir/err")
		    && open(my $failed, '>', "$dir/failed") or exit 99;
		POSIX::dup2(fileno $failed, 9);
		exec $usdt, @words or exit 99;
	}
	waitpid($pid, 0);
	return ($?, text_of("$dir/out"), text_of("$dir/err"), -s "$dir/failed");
}
for (['header', 'a:b:c:d(int id, char *text)', 'a:b:c:e(long n)'],
    ['header', '--d', 'a:b:c:d(int id, char *text)'],
    ['dump', 'a:b:c:d(int id, char *text)'],
    ['dump', '-x', 'a:b:c:d(int)', 'a:b:c:e(long)']) {
	my ($status, $wanted) = run(-1, @$_);
	my ($at, @wrong) = (0);

	is($status, 0, "@$_");
	for (my $failed = 1; $failed; $at++) {
		(my ($how, $out, $err), $failed) = run($at, @$_);
		# What can do without the memory goes on; its output is whole.  A
		# definition that the library refuses for that ends with 2.
		push @wrong, "$at: $how $err" if $failed && ($how == 0 ?
		    $out ne $wanted : $how !~ /^(?:256|512)$/ || $err !~ /memory/);
	}
	cmp_ok($at, '>', 10, "... $at allocations");
	is(join('', @wrong), '', '... each is told if it fails');
}

done_testing();
