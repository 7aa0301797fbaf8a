#!/usr/bin/perl
# ctf.t - does a reader of CTF find in a trace what was written to it?
#
# The reader is babeltrace2.  ctf.c writes the traces, by the writer that usdt
# record has.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;
use utf8;

use Cwd qw(getcwd);
use File::Temp qw(tempdir);
use Test::More;
use Usdt::Variant qw(require_compiler);

my $top = getcwd();
my $dir = tempdir('usdt-ctf-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my @cc = split ' ', $ENV{CC} // 'cc';
my $traces = 0;

binmode($_, ':utf8') for Test::More->builder->output,
    Test::More->builder->failure_output, Test::More->builder->todo_output;
require_compiler(system('babeltrace2 --version >/dev/null 2>&1') == 0,
    'no babeltrace2 (test/setup check installs it)');
system(@cc, '-std=gnu99', '-g', '-I.', '-Wall', '-Wextra', '-Werror', '-o',
    "$dir/ctf", 'test/ctf.c',
    'tools/record/ctf.c', 'tools/record/tsdl.c',
    map { "tools/common/$_.c" } qw(memory utf8)) == 0
    or BAIL_OUT('ctf.c is not compiled');

# output(COMMAND...): what it prints, its errors, its exit status.
sub output
{
	my (@command) = @_;

	local $ENV{LC_ALL} = 'C.UTF-8';
	system('sh', '-c', 'exec "$@" >"$0.out" 2>"$0.err"', $dir, @command);
	my $status = $? >> 8;
	return (slurp("$dir.out"), slurp("$dir.err"), $status);
}

sub slurp
{
	my ($path) = @_;

	open(my $in, '<:encoding(UTF-8)', $path) or die "$path: $!\n";
	local $/;
	return scalar(<$in>) // '';
}

# write_trace(WHAT, NAME...): the directory of the trace.
sub write_trace
{
	my ($what, @names) = @_;
	my $trace = "$dir/" . ++$traces;

	mkdir($trace) or die;
	utf8::encode($_) for @names;
	my ($out, $err, $status) = output("$dir/ctf", $what, $trace, @names);
	is("$status $out$err", '0 ', "$what: written") unless $what eq 'full';
	return $trace;
}

# read_traces(TRACE...): a line for each event, and the reader's warnings.
sub read_traces
{
	my ($out, $err, $status) = output('babeltrace2', '--clock-seconds',
	    '--no-delta', @_);

	is($status, 0, 'babeltrace2 reads it') || diag($err);
	return ([ split /\n/, $out ], $err);
}

# --- values -----------------------------------------------------------------

my ($lines, $err) = read_traces(write_trace('values'));
my @expected = split /\n/, <<'END';
[1700000005.000000124] ho"st\ prov:numbers: { procname = "program" }, { pid = 70, tid = 70 }, { i1 = -120, u1 = 136, i2 = -30840, u2 = 34696, i4 = -2054781048, u4 = 2240186248, i8 = -9114578090645354616, u8 = 9332165983064197000, p4 = 0x85868788, p8 = 0x8182838485868788, f4 = 1.5, f8 = -2.25 }
[1700000005.000000125] ho"st\ prov:numbers: { procname = "other program" }, { pid = 71, tid = 71 }, { i1 = -1, u1 = 255, i2 = -1, u2 = 65535, i4 = -1, u4 = 4294967295, i8 = -1, u8 = 18446744073709551615, p4 = 0xFFFFFFFF, p8 = 0xFFFFFFFFFFFFFFFF, f4 = 1.5, f8 = -2.25 }
[1700000005.000000126] ho"st\ prov:numbers: { procname = "program" }, { pid = 70, tid = 72 }, { i1 = 0, u1 = 0, i2 = 0, u2 = 0, i4 = 0, u4 = 0, i8 = 0, u8 = 0, p4 = 0x0, p8 = 0x0, f4 = 1.5, f8 = -2.25 }
[1700000006.000000123] ho"st\ prov:texts: { procname = "program" }, { pid = 70, tid = 70 }, { text = "", arg1 = 0, arg2 = "end" }
[1700000006.000000124] ho"st\ prov:texts: { procname = "program" }, { pid = 70, tid = 70 }, { text = "one", arg1 = -1, arg2 = "end" }
[1700000006.000000125] ho"st\ prov:texts: { procname = "program" }, { pid = 70, tid = 70 }, { text = "exactly8", arg1 = -2, arg2 = "end" }
[1700000006.000000126] ho"st\ prov:texts: { procname = "program" }, { pid = 70, tid = 70 }, { text = "café € 🐪", arg1 = -3, arg2 = "end" }
[1700000006.000000127] ho"st\ prov:texts: { procname = "program" }, { pid = 70, tid = 70 }, { text = "\\xc3", arg1 = -4, arg2 = "end" }
[1700000006.000000128] ho"st\ prov:texts: { procname = "program" }, { pid = 70, tid = 70 }, { text = "12345678\\xff\\xc0\\x80\\xed\\xa0\\x80", arg1 = -5, arg2 = "end" }
[1700000006.000000129] ho"st\ prov:texts: { procname = "program" }, { pid = 70, tid = 70 }, { text = "a\\x00b", arg1 = -6, arg2 = "end" }
[1700000006.000000130] ho"st\ prov:texts: { procname = "program" }, { pid = 70, tid = 70 }, { text = "eight...\\x00", arg1 = -7, arg2 = "end" }
[1700000006.000000131] ho"st\ prov:texts: { procname = "program" }, { pid = 70, tid = 70 }, { text = "back\\slash", arg1 = -8, arg2 = "end" }
[1700000006.000000132] ho"st\ prov:texts: { procname = "program" }, { pid = 70, tid = 70 }, { text = "only the beginning...", arg1 = -9, arg2 = "end" }
[1700000006.000000133] ho"st\ prov:texts: { procname = "program" }, { pid = 70, tid = 70 }, { text = "NULL", arg1 = -10, arg2 = "end" }
[1700000006.000000134] ho"st\ prov:texts: { procname = "program" }, { pid = 70, tid = 70 }, { text = "(unreadable)", arg1 = -11, arg2 = "end" }
[1700000006.000000135] ho"st\ prov:texts: { procname = "program" }, { pid = 70, tid = 70 }, { text = "\?", arg1 = -12, arg2 = "end" }
[1700000007.000000123] ho"st\ prov:structs: { procname = "program" }, { pid = 70, tid = 70 }, { req = { at = 0xFF, peer = { host = "there", ports = [ [0] = 1, [1] = 2, [2] = 65535 ] }, peer_ = 255 }, after = 255 }
[1700000007.000000124] ho"st\ prov:structs: { procname = "program" }, { pid = 70, tid = 70 }, { req = { at = 0xFF, peer = { host = "there", ports = [ [0] = 1, [1] = 2, [2] = 0 ] }, peer_ = 255 }, after = 255 }
[1700000007.000000125] ho"st\ prov:structs: { procname = "program" }, { pid = 70, tid = 70 }, { req = { at = 0xFF, peer = { host = "there", ports = [ [0] = 0, [1] = 0, [2] = 0 ] }, peer_ = 255 }, after = 255 }
[1700000008.000000123] ho"st\ prov:nothing: { procname = "other program" }, { pid = 71, tid = 71 }, { }
[1700000008.000000123] ho"st\ prov:nothing: { procname = "other program" }, { pid = 71, tid = 71 }, { }
END
is($lines->[$_], $expected[$_], "event $_") for 0 .. $#expected;
is(scalar @$lines, scalar @expected, 'no more events');
is($err, '', 'no warning');

# --- types and the clock ----------------------------------------------------

my ($details) = output('babeltrace2', '-c', 'sink.text.details', "$dir/1");
for (
	'i1: Signed integer (8-bit, Base 10)', 'u2: Unsigned integer (16-bit, Base 10)',
	'i4: Signed integer (32-bit, Base 10)', 'u8: Unsigned integer (64-bit, Base 10)',
	'p4: Unsigned integer (32-bit, Base 16)', 'p8: Unsigned integer (64-bit, Base 16)',
	'f4: Single-precision real', 'f8: Double-precision real', 'text: String',
	'pid: Signed integer (32-bit, Base 10)', 'tracer_name: usdt',
	'Frequency (Hz): 1,000,000,000') {
	like($details, qr/^\s*\Q$_\E/m, $_);
}
# babeltrace2 before and since 2.1.
for (
	[qr/Offset \(s\): /, qr/Offset from origin \(s\): /, '1,700,000,000'],
	[qr/Origin is Unix epoch: /, qr/Origin: /, 'Yes', 'Unix epoch'],
	[qr/UUID: /, qr/UID: /, '11111111-2222-3333-4444-555555555555']) {
	my ($old, $new, $value, $new_value) = @$_;

	$new_value //= $value;
	like($details, qr/^\s*(?:$old\Q$value\E|$new\Q$new_value\E)$/m, "$old$value");
}

# A kernel trace of LTTng has this clock; here it is half a second ahead.
# Another trace has another UUID, which is in each packet, too.
my $kernel = "$dir/kernel";
mkdir($kernel) or die;
for my $path (glob "$dir/1/*") {
	my ($name) = $path =~ m{([^/]+)$};
	my $bytes = do { open(my $in, '<:raw', $path) or die; local $/; <$in> };

	if ($name eq 'metadata') {
		$bytes =~ s/tracer_name = "usdt"/domain = "kernel"; tracer_name = "lttng-modules"/ or die;
		$bytes =~ s/"prov:/"kernel:/g or die;
		$bytes =~ s/\tabsolute = TRUE;\n// or die;
		$bytes =~ s/(offset = \d{10})0/${1}5/ or die;
		$bytes =~ s/"0102030f-/"0502030f-/ or die;
	} else {
		$bytes =~ s/\x01\x02\x03\x0f\0{12}/\x05\x02\x03\x0f\0\0\0\0\0\0\0\0\0\0\0\0/g
		    or die;
	}
	open(my $out, '>:raw', "$kernel/$name") or die;
	print $out $bytes;
	close($out) or die;
}
for my $order ([$kernel, "$dir/1"], ["$dir/1", $kernel]) {
	($lines) = read_traces(@$order);
	is(scalar @$lines, 2 * @expected, 'merged with a kernel trace');
	my @seconds = map { /^\[(\d+\.\d).* (?:prov|kernel):/ } @$lines;
	is_deeply([ @seconds ], [ sort @seconds ], '... in the order of time');
	is_deeply([ grep { /\.5/ } @seconds ],
	    [ map { /^\[(\d+\.\d)/ } grep { / kernel:/ } @$lines ],
	    '... each at its time');
}

# --- many, and losses -------------------------------------------------------

($lines, $err) = read_traces(write_trace('many'));
my @silent = grep { /pid = 90,/ } @$lines;
@$lines = grep { !/pid = 90,/ } @$lines;
is_deeply([ map { /^\[(\S+)\]/ } @silent ],
    [ '1700000004.000000124', '1700000090.000000125' ],
    'events that are far apart, with losses between them');
my @wrong = grep {
	my $pid = 80 + $_ % 3;
	my $tid = 100 + $_ % 7;
	my $time = sprintf('%d.%02d0000123', 1700000001 + int($_ / 100), $_ % 100);
	$lines->[$_] ne "[$time] ho\"st\\ prov:many: { procname = \"many\" }, "
	    . "{ pid = $pid, tid = $tid }, { i = $_, text = \"text\" }"
} 0 .. 99_999;
is(scalar @wrong, 0, '100,000 events in several packets, each as it was')
    || diag($lines->[$wrong[0]]);
is(scalar @$lines, 100_000, 'no more');
my %lost;
$lost{$2} += $1 while $err =~ /discarded (\d+) events.*?stream "[^"]*\/(\d+)-\d+"/g;
is_deeply(\%lost, { 82 => 34 * 7, 90 => 12_346 }, 'losses, by process')
    || diag($err);
unlike($err, qr/may have/, '... exactly');

# --- names ------------------------------------------------------------------

my @keywords = qw(align callsite const char clock double enum env event
    floating_point float integer int long short signed stream string struct trace
    typealias typedef unsigned variant void _Bool _Complex _Imaginary);
my @names = (@keywords, qw(id v stream_id timestamp name fields header context
    _x __y $x a.b a::b x__y 0 1st), 'Ljava/lang/String;', '(Ljava/lang/Object;)V',
    '<init>', 'a"b', 'c\\d', '\\', '"', '\\"', "new\nline", "tab\t", "\x{1b}[31m",
    'café', '€', "\x{1f42a}", "\x{85}", '*/', '/*', '??/', '%s%n', ' ', 'x y',
    '{', '}', ';', 'a' x 5000, map {
	my $seed = $_;
	join('', map { $seed = ($seed * 48271) % 2147483647;
	    chr(33 + $seed % 94) } 1 .. 20)
} 1 .. 100);

($lines) = read_traces(write_trace('names', @names));
my %shown = ("\n" => '\x0a', "\t" => '\x09', "\x{1b}" => '\x1b',
    "\x{85}" => '\xc2\x85');
for my $i (0 .. $#names) {
	my $name = $names[$i] =~ s/([\n\t\x{1b}\x{85}])/$shown{$1}/gr;
	my $field = $names[$i];

	utf8::encode($field);
	$field =~ s/[^A-Za-z0-9_]/_/g;
	is($lines->[$i], sprintf('[1700000000.%09d] ho"st\\ %s:%s: '
	    . '{ procname = "names" }, { pid = 1, tid = 1 }, { %s = %d }',
	    123 + $i, $name, $name, $field, $i),
	    length($name) > 60 ? 'a long name' : "the name $name");
}

($lines) = read_traces(write_trace('same', 'a', 'a', 'a_', '_a', 'x.y', 'x-y',
    'arg8', 'x y', '', @keywords));
like($lines->[0], qr/\{ a = 0, a_ = 1, a__ = 2, _a = 3, x_y = 4, x_y_ = 5, arg8 = 6, x_y__ = 7, arg8_ = 8, align = 9,/,
    'fields whose names would be equal');

# --- a disk that is full ----------------------------------------------------

my $full = write_trace('full');
my ($out, undef, $status) = output("$dir/ctf", 'full', $full);
isnt($status, 0, 'a trace is not written over another one');
mkdir($full = "$dir/full") or die;
($out, $err, $status) = output("$dir/ctf", 'full', $full);
is("$status $err", "1 File too large\n", 'a file that may not grow: says so');
($lines, $err) = read_traces($full);
cmp_ok(scalar @$lines, '>', 10_000, '... what was written before is there');
like($lines->[-1], qr/i = $#$lines \}$/, '... whole');

done_testing();
unlink("$dir.out", "$dir.err");
