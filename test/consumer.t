#!/usr/bin/perl
# consumer.t - does the helper usdt-dtrace obey, and report all that libdtrace
# delivers?
#
# It runs with a fake libdtrace (test/consumer), under the address and undefined
# behaviour sanitizers, and with each request for memory refused in turn.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Temp qw(tempdir);
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use Usdt::Consumer qw(build_fake build_helper little gone);

my $dir = tempdir('usdt-consumer-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $fake = build_fake($dir);
my $helper = build_helper($dir, 'usdt-dtrace', '-O1',
	'-fsanitize=address,undefined', '-fno-sanitize-recover=all');

alarm 600;
$ENV{ASAN_OPTIONS} = 'detect_leaks=0:handle_abort=0';
delete @ENV{qw(USDT_LIBDTRACE USDT_DTRACE_SYS USDT_DTRACE_ANY_VERSION)};

sub start { return Usdt::Consumer->start($helper, $fake, @_) }

# data(RECORDS): the values that arrive.
sub data
{
	my ($records, %open) = @_;
	my $h = start();
	my ($event) = $h->run("probe 5 p m f n 1\n$records", %open);

	is($h->end, 0, 'and it ends well') || diag($h->errors);
	return $event->{data};
}

sub int64 { return { int => "$_[0]" } }

# --- what arrives -------------------------------------------------------------

my $i64 = sub { sprintf('rec 1 8 8 %d %s', $_[1], little('q', $_[0])) };
is_deeply(data(join("\n",
	'rec 1 4 4 1 ' . little('l', -7), 'rec 1 4 4 0 ' . little('l', -7),
	'rec 1 1 1 1 f9', 'rec 1 1 1 0 f9', 'rec 1 2 2 1 feff',
	'rec 1 2 2 0 feff')),
	[-7, 4294967289, -7, 249, -2, 65534], 'integers, by size and sign');
is_deeply(data(join("\n",
	map { $i64->($_, 1) } 9007199254740992, -9007199254740992,
	9007199254740993, -9007199254740993, 9223372036854775807)),
	[9007199254740992, -9007199254740992, int64('9007199254740993'),
	int64('-9007199254740993'), int64('9223372036854775807')],
	'64 bits: numbers up to 2^53, texts beyond');
is_deeply(data("rec 1 8 8 1 0000000000000080\n"
	. "rec 1 8 8 0 0000000000000080\nrec 1 8 8 0 ffffffffffffffff"),
	[int64('-9223372036854775808'), int64('9223372036854775808'),
	int64('18446744073709551615')], 'the ends of 64 bits');
is_deeply(data("rec 1 4 4 1 05000000\nrec 1 8 8 1 0600000000000000\n"
	. 'rec 1 8 1 4 6100', sized => JSON::PP::true),
	[[4, 5], [8, 6], 'a'], 'with sizes on request');

sub text_record
{
	my ($bytes, $size) = @_;

	return sprintf('rec 1 %d 1 4 %s', $size // length($bytes) + 1,
		unpack('H*', $bytes) || '-');
}
is_deeply(data(join("\n", text_record('plain'), text_record('', 8),
	text_record("h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x8e"),
	text_record("\"\\\n\t\x01\x7f"))),
	['plain', '', "h\x{e9} \x{20ac} \x{1f40e}", "\"\\\n\t\x01\x7f"],
	'strings');
is_deeply(data(join("\n", map { text_record($_) } "a\xffb", "\xc3",
	"\xed\xa0\x80", "\xc0\xaf", "\xf4\x90\x80\x80", "\xe2\x82")),
	[{ text => "a\x{fffd}b", hex => '61ff62' },
	{ text => "\x{fffd}", hex => 'c3' },
	{ text => "\x{fffd}" x 3, hex => 'eda080' },
	{ text => "\x{fffd}" x 2, hex => 'c0af' },
	{ text => "\x{fffd}" x 4, hex => 'f4908080' },
	{ text => "\x{fffd}" x 2, hex => 'e282' }],
	'a text that is not UTF-8 keeps its bytes');
my $long = join('', map { chr(97 + $_ % 26) } 1 .. 300_000);
is_deeply(data(text_record($long)), [$long], 'a string longer than any buffer');
is_deeply(data('rec 1 6 1 4 616263646566'), ['abcdef'],
	'a string without a zero byte ends with its record');
is_deeply(data('rec 1 12 4 4 000102030405060708090a0b'),
	[{ hex => '000102030405060708090a0b' }], 'a structure is bytes');
is_deeply(data("rec 6 4 1 1 00ff10fe\nrec 6 4 1 2 0102030405\n"
	. "rec 6 4 4 3 02000000\nrec 6 2 1 2 0102\n"
	. 'rec 6 8 8 4 ffffffffffffffff'),
	[map { { tracemem => { hex => $_ } } } qw(00ff10fe 0102 0102)],
	'tracemem, whole or cut to the length in the program');
is_deeply(data("rec 3 1 1 0 f9 a %d %u %s\nsay a -7 249 x\nrec 3 1 1 0 f9\n"
	. text_record('x') =~ s/^rec 1/rec 3/r . "\n"
	. "rec 1 4 4 1 01000000\nrec 3 0 1 0 - only\nsay only\\n\n"
	. "rec 3 4 4 0 05000000 %*d %%%c\nsay     -1 %A\n"
	. "rec 3 8 8 0 ffffffffffffffff\nrec 3 1 1 0 41"),
	[{ printf => 'a -7 249 x', args => [-7, 249, 'x'] }, 1,
	{ printf => "only\n", args => [] },
	{ printf => '    -1 %A', args => [5, -1, 65] }],
	'printf: its text, and its arguments with the types of its conversions');
is_deeply(data("rec 1025 16 8 0 - \nsay \\n              vmlinux`a+0x1"
	. "\\n   vmlinux`b\\n\nrec 257 16 8 0 -\nsay    node`main\\n   0x5\\n\n"
	. "rec 257 16 8 0 -\nsay \\n\nrec 4 4 4 0 -\nsay \\n k 1\\n\n"
	. "rec 8 4 4 0 -\nsay (int) 5\nrec 1 4 4 1 09000000"),
	[{ stack => ['vmlinux`a+0x1', 'vmlinux`b'] },
	{ ustack => ['node`main', '0x5'] }, { ustack => [] },
	{ print => "\n k 1\n" }, { print => '(int) 5' }, 9],
	'stacks, printa, print: each text at its place');
is_deeply(data(join("\n", map { my $s = little('q', 5, 16);
	"rec $_ 16 8 0 $s" } 0x103, 0x104, 0x105)),
	['node`fun_10', 'node', 'node`fun_10+0x8'], 'usym, umod, uaddr');
is_deeply(data("rec 1026 8 8 0 10\nrec 1027 8 8 0 10\nrec 1027 8 8 0 00"),
	['vmlinux`sym_10', 'vmlinux', '<unknown>'], 'sym, mod');
is_deeply(data("rec 516 4 4 0 - f\nrec 516 4 4 0 -\nrec 515 4 4 0 - %d\n"
	. "say hello\nrec 1 4 4 1 03000000"), [{ refused => 'freopen' }, 3],
	'freopen is refused, system is left to the library');

{
	my $h = start();
	my @came = $h->run("probe 5 p m f n 1\nprobe 5 p m f n\n"
		. "probe 9 q\x{e9} - - -\nerror bad\\n\n"
		. "drop 0 3 9223372036854775807 9 drops\\n");

	is_deeply([map { $_->{probe} } @came[0 .. 2]],
		[{ id => 5, provider => 'p', module => 'm', function => 'f',
			name => 'n' }, 5, { id => 9, provider => "q\x{e9}",
			module => '', function => '', name => '' }],
		'a probe is named once');
	is_deeply([map { $_->{cpu} } @came[0 .. 2]], [1, 0, 0], 'the processor');
	is_deeply($came[3], { error => { message => 'bad', fault => 'BADADDR',
		address => '0x10', cpu => 1, probe => { id => 1,
		provider => 'dtrace', module => '', function => '',
		name => 'BEGIN' } } }, 'an error in a clause');
	is_deeply($came[4], { drop => { kind => 'principal', cpu => 3,
		drops => int64('9223372036854775807'), total => 0,
		message => '9 drops' } }, 'drops');
	is($h->end, 0, 'it ends with its input');
}

# --- aggregations -------------------------------------------------------------

# aggregation(ACTION, SIG, WORDS): the line of an aggregation with one value.
sub aggregation
{
	my ($action, $sig, @words) = @_;
	my $h = start();

	$h->run(sprintf("agg a 1 %d 0x%x 1 %s", $action, $sig,
		little('q', @words)));
	my ($answer, $entry) = $h->ask('aggregations');

	ok($answer->{ok}, 'aggregations') || diag(explain($answer));
	is($h->end, 0, 'and it ends well') || diag($h->errors);
	return $entry->{aggregation};
}

sub buckets { return aggregation(@_)->{buckets} }

for ([count => 0x701], [sum => 0x708], [min => 0x705], [max => 0x704]) {
	my ($name, $action) = @$_;
	my $entry = aggregation($action, 0, -3);

	is_deeply([@$entry{qw(name id function value normal keys)}],
		['a', 1, $name, -3, 1, []], $name);
}
is_deeply([@{ aggregation(0x700, 0, 2, 31) }{qw(function count sum)}],
	['avg', 2, 31], 'avg');
is_deeply([@{ aggregation(0x707, 0, 3, 15, -1, 5) }{
	qw(function count sum squares)}], ['stddev', 3, 15,
	'0x0000000000000005ffffffffffffffff'], 'stddev, of 128 bits');

# at(SIZE, I => N...): SIZE buckets, with the count N in bucket I.
sub at { my ($size, %at) = @_; return map { $at{$_} // 0 } 0 .. $size - 1 }
my ($low, $high) = (int64('-9223372036854775808'), int64('9223372036854775807'));
is_deeply(buckets(0x706, 0, at(127, 57 => 2, 63 => 5)),
	[[-127, -64, 0], [-63, -32, 2], [-31, -16, 0], [-15, -8, 0],
	[-7, -4, 0], [-3, -2, 0], [-1, -1, 0], [0, 0, 5], [1, 1, 0]],
	'quantize');
is_deeply(buckets(0x706, 0, at(127, 0 => 1)), [[$low,
	int64('-4611686018427387904'), 1], [int64('-4611686018427387903'),
	int64('-2305843009213693952'), 0]],
	'quantize of INT64_MIN');
is_deeply(buckets(0x706, 0, at(127, 126 => 1))->[1],
	[int64('4611686018427387904'), $high, 1], 'quantize of INT64_MAX');
is_deeply(buckets(0x706, 0, at(127)), [], 'nothing was counted');
my $lq = 10 << 48 | 3 << 32 | 0xfffffff6;	# from -10, 3 levels of 10
is_deeply(buckets(0x703, $lq, 1, 0, 0, 0, 4), [[$low, -11, 1], [-10, -1, 0],
	[0, 9, 0], [10, 19, 0], [20, $high, 4]], 'lquantize');
# steps 10, high 1, low 0, factor 10.
my $llq = 10 << 48 | 1 << 32 | 0 << 16 | 10;
is_deeply(buckets(0x702, $llq, at(39, 0 => 1, 18 => 2)),
	[[$low, -100, 1], (map { [-10 * $_ - 9, -10 * $_, 0] } reverse 1 .. 9),
	(map { [-$_, -$_, $_ == 1 ? 2 : 0] } reverse 1 .. 9), [0, 0, 0]],
	'llquantize, below zero');
is_deeply(buckets(0x702, $llq, at(39, 19 => 1, 20 => -3, 38 => 2)),
	[[-1, -1, 0], [0, 0, 1], [1, 1, 3], (map { [$_, $_, 0] } 2 .. 9),
	(map { [10 * $_, 10 * $_ + 9, 0] } 1 .. 9), [100, $high, 2]],
	'llquantize, above');
is_deeply(buckets(0x702, 20 << 48 | 0 << 32 | 0 << 16 | 10, at(39, 20 => 1)),
	[[0, 0, 0], [1, 1, 1]],
	'llquantize with steps finer than integers');
ok(aggregation(0x703, $lq, 1, 2)->{unknown},
	'a distribution of another size is not read');
ok(aggregation(0x702, 0, 1, 2)->{unknown}, 'nor one without steps');
is_deeply([@{ aggregation(0x777, 0, 5) }{qw(function unknown)}],
	['unknown', { hex => '0500000000000000' }], 'an unknown function');

{
	my $h = start();

	$h->run("agg a 1 0x701 0 10 0500000000000000\n"
		. "key 1 4 4 ffffffff\nkey 1 33 1 6b6579\nkey 1 8 8 "
		. little('q', -1) . "\nkey 257 16 8 - 5\nkey 257 32 8 "
		. little('LLLLq', 2, 0, 1, 5, 16) . "\nkey 1025 24 8 "
		. little('LLLLq', 1, 0, 0, 0, 16) . "\nkey 257 24 8 "
		. little('qqq', 5, 16, 16) . "\n"
		. 'agg _ 2 0x701 0 1 0100000000000000');
	my ($answer, @entries) = $h->ask('aggregations', remove => JSON::PP::true);

	is_deeply([map { $_->{aggregation}{keys} } @entries], [[[4, -1], 'key', [8, -1],
		{ hex => '00' x 16 }, { ustack => ['node`fun_10+0x8'] },
		{ stack => ['vmlinux`sym_10+0x4'] },
		{ hex => little('qqq', 5, 16, 16) }], []],
		'keys, with their sizes');
	is($entries[0]{aggregation}{normal}, 10, 'the divisor of normalize()');
	is_deeply([$h->ask('aggregations')], [{ id => 5, ok => JSON::PP::true }],
		'removed entries are gone');
	is($h->end, 0, 'it ends well');
}
{
	my $h = start();

	$h->run("agg a 1 0x701 0 1 0500000000000000\n"
		. 'agg d 2 0x707 0 1 ' . '01' x 32 . "\n"
		. 'agg b 3 0x701 0 1 0500000000000000');
	my ($answer, @entries) = $h->ask('aggregations',
		remove => JSON::PP::true, strict => JSON::PP::true);
	is_deeply([map { $_->{aggregation}{name} } @entries], ['a', 'd'],
		'strict: up to what the old packages did not know');
	(undef, @entries) = $h->ask('aggregations');
	is_deeply([map { $_->{aggregation}{name} } @entries], ['d', 'b'],
		'which is not removed');
	($answer) = $h->ask('clear');
	ok($answer->{ok}, 'clear');
	(undef, @entries) = $h->ask('aggregations');
	is($entries[1]{aggregation}{value}, 0, 'leaves 0');
	$h->end;
}

# --- the order of commands -------------------------------------------------------

sub refused
{
	my ($h, $code, $text, @command) = @_;
	my ($answer) = $h->ask(@command);

	is_deeply([@$answer{qw(ok code)}], [JSON::PP::false, $code],
		"$command[0] is refused: $code") || diag(explain($answer));
	like($answer->{message}, $text, 'with these words');
	return $answer;
}

{
	my $h = start();

	for my $command (qw(go work aggregations clear)) {
		refused($h, 'ESTATE', qr/^the trace is not open$/, $command);
	}
	my ($answer) = $h->ask('version');
	is($answer->{version}, 'D 2.0.7', 'version, before all');
	like($answer->{library}, qr{/libdtrace\.so\.2$}, 'and the library');
	ok(($h->ask('open'))[0]{ok}, 'open');
	refused($h, 'ESTATE', qr/already/, 'open');
	is(refused($h, 'ESTATE', qr/^Invalid argument$/, 'aggregations')
		->{errno}, 22, 'as libdtrace: EINVAL');
	refused($h, 'EOPTION', qr/^Invalid option name$/, 'set',
		option => 'nosuch', value => '1');
	refused($h, 'ECOMMAND', qr/^the value of "bufsize" has to be/, 'set',
		option => 'bufsize', value => 5);
	is(refused($h, 'ECOMPILE', qr/^syntax error near "what\?"$/, 'compile',
		program => "\nwhat?")->{errno}, 1005, 'libdtrace has numbers');
	refused($h, 'ECOMPILE', qr/^line 2: syntax error near "what\?"$/,
		'compile', program => "\nwhat?", lines => JSON::PP::true);
	refused($h, 'ECOMMAND', qr/^"args" has to be/, 'compile',
		program => '', args => [1]);
	refused($h, 'ECOMMAND', qr/^"pid" has to be a number$/, 'grab',
		pid => 'x');
	ok(($h->ask('compile', program => '', args => ['a', 'b'],
		lines => JSON::PP::true))[0]{ok}, 'an empty program');
	ok(($h->ask('grab', pid => $$))[0]{ok}, 'a process');
	refused($h, 'ESTATE', qr/has a target already/, 'create',
		command => 'true');
	ok(($h->ask('stop'))[0]{ok}, 'stop before go');
	ok(($h->ask('go'))[0]{ok}, 'go');
	refused($h, 'ESTATE', qr/^Invalid argument$/, 'go');
	refused($h, 'ESTATE', qr/^Operation illegal when tracing is active$/,
		'compile', program => '');
	ok(($h->ask('set', option => 'switchrate', value => '1us'))[0]{ok},
		'some options still may be set');
	refused($h, 'EOPTION', qr/^Operation illegal/, 'set',
		option => 'bufsize', value => '1m');
	my ($stopped, @before) = $h->ask('stop');
	is_deeply(\@before, [{ done => { status => 0 } }], 'stop');
	ok($stopped->{ok}, 'and its answer');
	is_deeply([$h->ask('stop')], [{ id => $h->{id}, ok => JSON::PP::true }],
		'stop again');
	is($h->end, 0, 'it ends well');
}
{
	my $h = start();
	my @came = $h->run("probe 1 p - - b\nstage end\nprobe 2 p - - e");

	is($came[0]{probe}{name}, 'b', 'BEGIN comes before the answer to go');
	my ($answer, $event, $done) = $h->ask('stop');
	is($event->{probe}{name}, 'e', 'END before that to stop');
	ok($done->{done}, 'then it is done');
	$h->end;
}
{
	my $h = start();

	$h->run("probe 1 p - - b\nrec 2 4 4 0 07000000\nexit\n"
		. "stage end\nprobe 2 p - - e");
	my @lines = ($h->ask('version'));
	is($lines[0]{version}, 'D 2.0.7', 'it answers after exit()');
	$h->end;
}
{
	my $h = start();
	my @came = $h->run("stage tick\nprobe 1 p - - t\nrec 2 4 4 0 07000000\n"
		. "exit\nstage end\nprobe 2 p - - e");

	push @came, $h->line for 1 .. 3;
	is_deeply($came[0]{data}, [{ exit => 7 }], 'exit() arrives');
	is($came[1]{probe}{name}, 'e', 'END follows');
	is_deeply($came[2], { done => { status => 7 } }, 'then its status');
	$h->end;
}
{
	my $h = start();

	$h->run('fail work 1042 Abort due to error');
	my ($answer) = $h->ask('version');
	ok($answer->{ok}, 'a work that fails');
	$h->end;
	$h = start();
	$h->ask('open');
	$h->ask('compile', program => 'fail work 1042 Abort due to error');
	my (undef, $done) = $h->ask('go');
	is_deeply($done, { done => { status => 0, code => 'EWORK', errno => 1042,
		message => 'Abort due to error' } }, 'ends the trace, with a reason');
	$h->end;
	$h = start(words => ['--serve', '--grace=100']);
	$h->run("fail work 4 -\nstage end\nprobe 1 p - - e");
	ok(($h->ask('version'))[0]{ok}, 'a work ended by a signal does not');
	$h->tell('{"do":"stop"}' . "\n");
	# The fake fails for ever, so only the end of the input ends this.
	$h->close_input;
	defined($h->status) ? pass('and the end of the input ends it')
	    : fail('and the end of the input ends it');
}
for my $call (qw(exec go handle_err)) {
	my $h = start();

	$h->ask('open');
	$h->ask('compile', program => "fail $call 1051 No $call");
	refused($h, 'EENABLE', qr/^No $call$/, 'go');
	is($h->end, 0, 'it ends well');
}
for (['snap', 'ESNAP'], ['walk', 'EWALK'], ['status', 'ESTATUS']) {
	my ($call, $code) = @$_;
	my $h = start();

	$h->run("fail $call 1 No $call");
	refused($h, $code, qr/^No $call$/, 'aggregations');
	$h->end;
}
{
	my $h = start();

	$h->run("stage tick\nprobe 1 p - - t");
	$h->end;
	$h = start();
	ok(($h->ask('open'))[0]{ok}, 'open');
	$h->ask('compile', program => "probe 1 p - - b\nstage end\n"
		. 'probe 2 p - - e');
	ok(($h->ask('go', pull => JSON::PP::true))[0]{ok}, 'go with "pull"');
	my ($answer, @came) = $h->ask('work');
	is(scalar @came, 1, 'work delivers BEGIN');
	ok(!$answer->{done}, 'and is not done');
	ok(($h->ask('stop'))[0]{ok}, 'stop delivers nothing');
	($answer, @came) = $h->ask('work');
	is($came[0]{probe}{name}, 'e', 'work delivers END');
	ok($answer->{done}, 'and is done');
	$h->end;
}
{
	my $h = start();

	$h->ask('open');
	$h->ask('set', option => 'switchrate', value => '1000s');
	$h->ask('compile', program => "stage tick\nprobe 1 p - - t\n"
		. "stage end\nprobe 2 p - - e");
	$h->ask('go', pull => JSON::PP::true);
	$h->ask('work');
	is_deeply([$h->ask('work')], [{ id => $h->{id}, ok => JSON::PP::true,
		done => JSON::PP::false }], 'not more often than switchrate');
	$h->ask('stop');
	my (undef, @came) = $h->ask('work');
	is(scalar @came, 1, 'but at once after stop');
	$h->end;
}
# The processor time, in ticks, of the process with the library.
sub ticks
{
	open(my $in, '<', "/proc/$_[0]/stat") or die;
	my @words = split(' ', <$in> =~ s/.*\) //r);
	return $words[11] + $words[12];
}
{
	my $h = start();

	$h->ask('open');
	$h->ask('set', option => 'switchrate', value => '1us');
	$h->ask('compile', program => '');
	$h->ask('go');
	my ($from, $ticks) = (time, ticks($h->tracer));
	sleep(1);
	my $share = (ticks($h->tracer) - $ticks) / 100 / (time - $from);
	cmp_ok($share, '<', 0.5, 'the shortest pace is no endless loop');
	$h->end;
}
{
	my $h = start();

	$h->ask('open');
	$h->ask('compile', program => 'probes 3');
	my ($answer, @listed) = $h->ask('probes', pattern => ':::');
	is_deeply([map { $_->{listed}{id} } @listed], [1, 2, 3], 'probes');
	refused($h, 'ECOMPILE', qr/ill-formed/, 'probes', pattern => '{');
	$h->end;
}

# --- bad commands ------------------------------------------------------------------

{
	my $h = start();

	for (['{', qr/no name/], ['nonsense', qr/not JSON/], ['', qr/not JSON/],
		['[]', qr/^"do" has to be a string$/], ['{}', qr/^"do" has/],
		['{"do":5}', qr/^"do" has/], ['{"do":"fly"}', qr/^"fly" is not/],
		['{"do":"version"} x', qr/follows the command/],
		['{"do":"ver', qr/no end/], ['{"do" "x"}', qr/no value/],
		['{"do":"\\u0000"}', qr/zero byte/],
		['{"a":1.5}', qr/no integer/],
		['{"do":"\\ud800"}', qr/invalid escape/],
		['{"do":"\\q"}', qr/invalid escape/],
		['[' x 20, qr/too deep/], ["{\"do\":\"a\x01\"}", qr/no end/],
		['{"a":99999999999999999999}', qr/no integer/]) {
		my ($line, $text) = @$_;

		$h->tell("$line\n");
		my $answer = $h->line;
		is_deeply([$answer->{id}, $answer->{ok}, $answer->{code}],
			[undef, JSON::PP::false, 'ECOMMAND'],
			"refused: $line");
		like($answer->{message}, $text, 'with these words');
	}
	$h->tell("{\"id\":1,\"do\":\"\\u0076ersion\"}\n{\"id\":2,");
	is($h->line->{id}, 1, 'escapes');
	$h->tell("\"do\":\"version\"}\n");
	is($h->line->{id}, 2, 'in pieces');
	my $program = 'probe 1 p - - n' . "\n" x 100_000;
	ok(($h->ask('open'))[0]{ok}, 'open');
	ok(($h->ask('compile', program => $program))[0]{ok}, 'a long program');
	is($h->end, 0, 'it ends well');
}
{
	my $h = start();
	my $piece = 'x' x (1 << 20);

	$h->tell('{"do":"');
	$h->tell($piece) for 1 .. 17;
	$h->tell("\"}\n{\"id\":9,\"do\":\"version\"}\n");
	like($h->line->{message}, qr/longer than 16 MiB/,
		'a command has a limit');
	is($h->line->{id}, 9, 'and the next one is obeyed');
	$h->end;
}

# --- endings --------------------------------------------------------------------------

{
	my $h = start();
	my $tracer = $h->tracer;

	$h->run("stage tick\nprobe 1 p - - t");
	ok($tracer, 'the library has a process of its own');
	is($h->end, 0, 'the helper ends with its input');
	ok(gone($tracer), 'and so does that process');
}
for my $call (qw(work stop compile go)) {
	my $h = start(words => ['--serve', '--grace=100']);
	my $tracer = $h->tracer;

	$h->ask('open');
	$h->tell(JSON::PP->new->encode({ do => 'compile',
		program => "hang $call" }) . "\n{\"do\":\"go\"}\n");
	is($h->end, 137, "a library that hangs in $call is killed");
	ok(gone($tracer), 'nothing of it is left');
}
for (['abort', 134], ['quit', 1]) {
	my ($how, $status) = @$_;
	my $h = start();

	$h->ask('open');
	$h->ask('compile', program => "$how stop");
	$h->ask('go');
	is_deeply([$h->ask('stop')], [undef], "a library that does $how: no answer");
	is($h->status, $status, 'and its status is passed on');
}
{
	my $h = start();

	$h->run("flood 1000000000 1000");
	close($h->{from});
	ok(defined $h->status, 'without a reader it ends');
}
{
	my $h = start(FAKE_OPEN => 'No luck today');

	is(refused($h, 'EOPEN', qr/^No luck today$/, 'open')->{errno}, 13,
		'a library that does not open');
	is($h->end, 0, 'it ends well');
}
for my $signal (qw(INT TERM HUP)) {
	my $h = start();

	$h->run('');
	kill($signal, $h->pid, $h->tracer);
	ok(($h->ask('version'))[0]{ok}, "SIG$signal does not end it");
	is($h->end, 0, 'the end of input does');
}

# A file stands in for uprobe_events, with lines of ended processes.  The helper
# only appends to it.
{
	my $sys = "$dir/sys";
	system('mkdir', '-p', "$sys/kernel/tracing") == 0 or die;
	my $events = "$sys/kernel/tracing/uprobe_events";
	my $dead = fork() // die;
	exit(0) if $dead == 0;
	waitpid($dead, 0);
	open(my $out, '>', $events) or die "$events: $!\n";
	print $out "p:dt_${dead}_dtrace/BEGIN /lib/x:0x10\n",
	    "p:dt_$$" . "_dtrace/BEGIN /lib/x:0x10\n",
	    "p:dt_${dead}_other/BEGIN /lib/x:0x10\n",
	    "p:other/dt_${dead}_dtrace /lib/x:0x10\n";
	close($out);
	my $h = start(USDT_DTRACE_SYS => $sys);
	my $tracer = $h->tracer;
	$h->ask('version');
	open($out, '>>', $events) or die;
	print $out "p:dt_${tracer}_dtrace/END /lib/x:0x10\n";
	close($out);
	is($h->end, 0, 'it ends well');
	open(my $in, '<', $events) or die;
	is_deeply([grep { /^-/ } <$in>], ["-:dt_${dead}_dtrace/BEGIN\n",
		"-:dt_${tracer}_dtrace/END\n"],
		'removes its own uprobes and those of ended processes, no others');
}

# --- what is missing -------------------------------------------------------------------

{
	my $h = Usdt::Consumer->start($helper, "$dir/none.so");

	refused($h, 'ENOLIBDTRACE', qr/none\.so: cannot open/, 'version');
	refused($h, 'ENOLIBDTRACE', qr/none\.so: cannot open/, 'open');
	is($h->end, 0, 'it ends well');
	$h = Usdt::Consumer->start($helper, undef);
	like(($h->ask('ready'))[0]{code}, qr/^E(?:NOLIBDTRACE|PRIVILEGES)$/,
		'the code names what is missing') if !-e '/usr/sbin/dtrace';
	$h->end;
	system('cc', '-shared', '-fPIC', '-o', "$dir/other.so", '-x', 'c',
		'/dev/null') == 0 or die;
	$h = Usdt::Consumer->start($helper, "$dir/other.so");
	refused($h, 'ENOLIBDTRACE', qr/no function dtrace_open/, 'open');
	$h->end;
	system("sed 's/D 2.0.7/D 3.1/' test/consumer/fake_libdtrace.c >"
		. "'$dir/new.c' && cc -shared -fPIC -o '$dir/new.so' "
		. "'$dir/new.c'") == 0 or die;
	$h = Usdt::Consumer->start($helper, "$dir/new.so");
	refused($h, 'EVERSION', qr/version "D 3\.1", but must begin/, 'open');
	$h->end;
	$h = Usdt::Consumer->start($helper, "$dir/new.so",
		USDT_DTRACE_ANY_VERSION => 1);
	ok(($h->ask('open'))[0]{ok}, 'USDT_DTRACE_ANY_VERSION tries it');
	$h->end;
}
{
	my $sys = "$dir/sys2";
	my %unchecked = (USDT_DTRACE_UNCHECKED => undef);
	system('mkdir', '-p', map { "$sys/kernel/$_" } qw(tracing btf security))
	    == 0 or die;
	my $ask = sub {
		my $h = start(%unchecked, USDT_DTRACE_SYS => $sys);
		my ($answer) = $h->ask('open');
		$h->end;
		return $answer;
	};
	my $spew = sub {
		open(my $out, '>', "$sys/kernel/$_[0]") or die;
		print $out $_[1] // '';
	};
	my $first = $ask->();
	SKIP: {
		if ($first->{code} eq 'EPRIVILEGES') {
			is($first->{message}, 'DTrace requires additional '
				. 'privileges', 'no privileges');
			skip('not root', 1);
		}
		like($first->{message}, qr{uprobe_events: .*mount -t tracefs},
			'no tracefs');
		$spew->('tracing/uprobe_events');
		like($ask->()->{message}, qr/CONFIG_DEBUG_INFO_BTF/, 'no BTF');
		$spew->('btf/vmlinux');
		ok($ask->()->{ok}, 'all there');
		$spew->('security/lockdown',
			"none integrity [confidentiality]\n");
		is($ask->()->{code}, 'EKERNEL', 'a locked kernel');
	}
}
SKIP: {
	skip('not root', 3) if $> != 0;
	chmod(0755, $dir);
	my $h = Usdt::Consumer->start('setpriv', $fake,
		USDT_DTRACE_UNCHECKED => undef, words => ['--reuid', '65534',
		'--clear-groups', $helper, '--serve']);
	my ($answer) = $h->ask('open');
	is($answer->{message}, 'DTrace requires additional privileges',
		'an ordinary user gets the message of the old packages');
	($answer) = $h->ask('open', compileOnly => JSON::PP::true);
	ok($answer->{ok}, 'but may compile');
	$h->end;
	# With the set-user-ID bit, where the file system honours it.
	my $set = "$dir/set";
	system('cp', $helper, $set) == 0 && chmod(04755, $set) or die;
	system('cp', '/usr/bin/id', "$dir/id") == 0 && chmod(04755, "$dir/id")
	    or die;
	chomp(my $mine = `setpriv --reuid 65534 --clear-groups '$dir/id' -u`);
	skip('the set-user-ID bit has no effect here', 1)
	    if $mine != 0;
	$h = Usdt::Consumer->start('setpriv', $fake, words => ['--reuid',
		'65534', '--clear-groups', $set, '--serve']);
	my ($taken) = $h->ask('version');
	isnt($taken->{version}, 'D 2.0.7',
		'a set-user-ID helper does not let the user choose the library');
	$h->end;
}

# --- for people --------------------------------------------------------------------------

sub command
{
	my (@words) = @_;
	my $h = Usdt::Consumer->start($helper, $fake, words => \@words);
	my @lines;

	close($h->{to});
	while (defined(my $line = $h->line)) { push @lines, $line }
	return ($h->status, $h->errors, @lines);
}

{
	my ($status, $errors, @lines) = command('-n', "probe 3 p m f n\n"
		. "rec 1 4 4 1 05000000\nprobe 3 p m f n\nrec 2 4 4 0 04000000\n"
		. "exit\nstage end\nprobe 4 p m f e\n"
		. "agg a 1 0x701 0 1 0500000000000000\nkey 1 4 4 01000000");

	is($status, 4, 'exits as exit() says');
	is($errors, '', 'prints no error');
	is_deeply($lines[1], { probe => { id => 3, provider => 'p',
		module => 'm', function => 'f', name => 'n' }, cpu => 0,
		data => [{ exit => 4 }] }, 'each line has the names of its probe');
	is_deeply([@{ $lines[3]{aggregation} }{qw(name keys value)}], ['a', [1], 5],
		'aggregations come last');
	open(my $out, '>', "$dir/x.d") or die;
	print $out "probe 3 p m f n\nwhat";
	close($out);
	($status, $errors) = command('-s', "$dir/x.d");
	is($status, 1, 'a file that does not compile');
	is($errors, "usdt-dtrace: line 2: syntax error near \"what\"\n",
		'and why');
	($status, $errors) = command('-s', "$dir/none.d");
	is($errors, "usdt-dtrace: $dir/none.d: No such file or directory\n",
		'a missing file');
	($status, $errors) = command('-x', 'nosuch', '-n', '');
	is($errors, "usdt-dtrace: Invalid option name\n", 'a bad option');
	for ([], ['-q'], ['-p', 'x', '-n', ''], ['-p', '1', '-c', 'x', '-n', ''],
		['-V', '-n', ''], ['-l', 'a', 'b']) {
		($status, $errors) = command(@$_);
		is($status, 2, "usage: @$_");
		like($errors, qr/^(?:.*invalid option.*\n)?usage: usdt-dtrace/,
			'prints the usage');
	}
	($status, $errors, @lines) = command('--serve=7x');
	is($status, 2, 'an invalid descriptor');
	($status, $errors, @lines) = command('-l');
	is($status, 0, 'an empty list');
}
{
	my $h = Usdt::Consumer->start($helper, $fake, words => ['-n',
		"stage tick\nprobe 3 p m f n\nstage end\nprobe 4 p m f e"]);

	$h->line;
	kill('INT', $h->pid);
	my @lines;
	while (defined(my $line = $h->line)) { push @lines, $line }
	is($lines[-1]{probe}{name}, 'e', 'interrupted, it shows END');
	is($h->status, 0, 'and ends well');
}

# "make install" puts the program and its manual page where people look.
{
	local @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)} = ('', '', '');
	my $o = $ENV{USDT_BUILD} // '.';
	my $said = `make -s install O='$o' DESTDIR='$dir/root' PREFIX=/usr 2>&1`;

	is($?, 0, 'make install') || diag($said);
	ok(-e "$dir/root/usr/$_", $_) for qw(bin/usdt bin/usdt-dtrace
		share/man/man1/usdt.1 share/man/man1/usdt-dtrace.1);
}

# --- without memory -----------------------------------------------------------------------

{
	my $failing = build_helper($dir, 'failing', '-fsanitize=address',
		'-include', 'test/consumer/failing.h', 'test/consumer/failing.c');
	my $program = "probe 5 p m f n\nrec 3 4 4 0 05000000 %d\nsay 5\n"
	    . 'agg a 1 0x701 0 1 0500000000000000';
	my ($n, $refused) = (0);

	do {
		my $h = Usdt::Consumer->start($failing, $fake,
			FAIL_REQUEST => ++$n);
		my @answers = map { ($h->ask(@$_))[0] } ['open'],
		    ['compile', program => $program, args => ['x']], ['go'],
		    ['aggregations'];

		$refused = $h->errors =~ /^refused request/m;
		my $status = $h->end;
		my @bad = grep { !$_ || (!$_->{ok} &&
			$_->{code} !~ /^(?:ENOMEM|ESTATE)$/) } @answers;
		ok($status == 0 && (!@bad || $n == 1),
			"request $n refused: an answer, or none needed")
		    || diag(explain(\@bad), $h->errors);
	} while ($refused && $n < 200);
	cmp_ok($n, '>', 10, 'all requests were refused once');
	ok(!$refused, 'up to the last');
}

done_testing();
