#!/usr/bin/perl
# header.t - does `usdt header` write what a C compiler and scripts accept?
#
# The headers of definitions are compared with what was written by hand from
# the languages' rules, and compiled.  The tracers themselves use them in
# trace/types.t and dtrace/types.t.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;
no warnings 'portable';		# of numbers with more than 32 bits

use File::Temp qw(tempdir);
use Test::More;
use Usdt::Watch qw(usdt_command);

my $dir = tempdir('usdt-header-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $usdt = usdt_command();
my @cc = split ' ', $ENV{CC} // 'cc';

# header(ARGUMENT...): exit status, output, errors.
sub header
{
	system('sh', '-c', "exec \"\$@\" >$dir/out 2>$dir/err", 'sh', $usdt,
	    'header', @_);
	return ($? >> 8, map {
		open(my $in, '<', "$dir/$_") or die;
		local $/;
		scalar(<$in>) // '';
	} qw(out err));
}

# The definitions in a header, without its comments.
sub definitions
{
	my ($text) = @_;

	$text =~ s{/\*.*?\*/\n}{}gs;
	return [grep { /\S/ } split /\n/, $text];
}

my $start = 'myapp:m:handle:request-start(int id, char *url, size_t url_len, '
    . 'struct request *req, double took, uint8_t, int64_t)';
my $milli = '((((arg4 & 0xfffffffffffff) | 0x10000000000000) * 1000) >> '
    . '(1075 - ((arg4 >> 52) & 0x7ff)))';

my ($status, $out, $err) = header($start);
is($status, 0, 'a header for bpftrace') or diag $err;
is_deeply(definitions($out), [
	'#define request_start_id arg0',
	'#define request_start_url str(arg1)',
	'#define request_start_url_bytes buf(arg1, arg2)',
	'#define request_start_url_len arg2',
	'#define request_start_req arg3',
	'#define request_start_took arg4',
	"#define request_start_took_milli $milli",
	'#define request_start_arg5 arg5',
	'#define request_start_arg6 arg6',
], 'an argument is a macro without parameters') or diag $out;
like($out, qr{^/\* myapp:request__start\(int id, char \*url, }m,
    'the prototype is in a comment');
open(my $c, '>', "$dir/t.c") or die;
print $c $out;
close $c;
is(system(@cc, '-fsyntax-only', '-Wall', '-Werror', '-x', 'c', "$dir/t.c"), 0,
    'a C compiler accepts it');

($status, $out, $err) = header('--d', $start);
is($status, 0, 'a D library') or diag $err;
is_deeply(definitions($out), [
	'inline int32_t request_start_id = (int32_t)arg0;',
	'inline string request_start_url = copyinstr(arg1, arg2 + 1);',
	'inline uint64_t request_start_url_len = (uint64_t)arg2;',
	'inline uint64_t request_start_req = (uint64_t)arg3;',
	'inline uint64_t request_start_took = (uint64_t)arg4;',
	"inline uint64_t request_start_took_milli = $milli;",
	'inline uint8_t request_start_arg5 = (uint8_t)arg5;',
	'inline int64_t request_start_arg6 = (int64_t)arg6;',
], 'an argument is an inline name') or diag $out;

# The value of a double times 1000, by the macro that scripts get.
for my $value (3.25, 1, 0.5, 1234.567, 0.0625, 123456789.125) {
	my $bits = unpack 'Q', pack 'd', $value;
	my $got = eval('no warnings; ' . ($milli =~ s/arg4/$bits/gr));

	is($got, int($value * 1000), "three decimals of $value");
}

($status, $out) = header('p:m:f:a-b(int x)', 'p:m:g:a-b(int x)',
    'p:m:h:a-b(long y, int x)', 'p:m:f:9(int z)');
is_deeply(definitions($out), [
	'#define a_b_x arg0', '#define a_b_y arg0', '#define _9_z arg0',
], 'a name has one meaning') or diag $out;
like($out, qr{/\* a_b_x: another probe has this name already}, 'and says so');

($status, $out) = header('p:m:f:many(' . join(', ', map { "int a$_" } 0 .. 11)
    . ')');
unlike($out, qr/arg1\d/, 'bpftrace has ten arguments');
like($out, qr{/\* many_a11: bpftrace has arg0 to arg9 \*/}, 'which is said');

for (
	['nothing', [], 2, qr/of which probes\?/],
	['no file', ["$dir/none"], 1, qr/none: No such file/],
	['a directory', [$dir], 1, qr/Is a directory/],
	['no ELF file', ["$dir/t.c"], 1, qr/is not an ELF file/],
	['a file without probes', ["$dir/t.o"], 1, qr/has no probes/],
	['no process', ['-p', 4194304], 1, qr/process 4194304: there is none/],
	['a process without probes', ['-p', $$], 1,
	    qr/process $$: has no probes of libusdt/],
	['two sources', ['-p', $$, $start], 2, qr/either a process/],
	['two files', ["$dir/a", "$dir/b"], 2, qr/one file at a time/],
	['a name that is none', ['p:m:f:n(int a-b)'], 2,
	    qr/"int a-b" is no declaration of C/],
	['a name twice', ['p:m:f:n(int a, int a)'], 2,
	    qr/a name that another argument has/],
) {
	my ($title, $arguments, $code, $error) = @$_;

	system(@cc, '-c', '-o', "$dir/t.o", '-x', 'c', '/dev/null')
	    unless -e "$dir/t.o";
	($status, $out, $err) = header(@$arguments);
	ok($status == $code && $out eq '' && $err =~ $error, $title)
	    or diag "$status: $out$err";
}
done_testing();
