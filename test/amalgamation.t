#!/usr/bin/perl
# amalgamation.t - does the library work as two files, libusdt.c and usdt.h?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;
use Usdt::Variant qw(run_unit require_compiler);

my $dir = tempdir('usdt-one-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $one = "$dir/amalgamation";
my @warn = qw(-Wall -Wextra -Werror);
# They cover each floor; some use names inside of the library.
my @units = qw(api code document_bytes gate stubs structs threads typed);

delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CFLAGS CPPFLAGS LDFLAGS O
	USDT_DISABLE USDT_DEBUG USDT_BACKENDS USDT_NOP)};
$ENV{USDT_IMAGE_DIR} = "$dir/images";
$ENV{USDT_HELPER} = "$dir/helper";

sub runs
{
	my ($name, @command) = @_;
	my ($said, $status) = Usdt::Variant::quiet(@command);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($status, 0, $name) ? $said : (diag($said), undef)[1];
}

sub have { return system("command -v $_[0] >/dev/null") == 0 }

runs('make amalgamation', $ENV{MAKE} // 'make', '-s', "O=$dir", 'amalgamation')
    // BAIL_OUT('no libusdt.c');
is(join(' ', sort map { s{.*/}{}r } glob "$one/*"), 'libusdt.c usdt.h', 'makes two files');

# compile(NAME, COMMAND...): the object of libusdt.c, in a directory that has
# nothing else of the library.
sub compile
{
	my ($name, @command) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	runs("$name compiles libusdt.c", @command, @warn, '-fPIC', '-c', '-o',
	    "$dir/$name.o", "$one/libusdt.c") // return;
	return "$dir/$name.o";
}

my %objects;
for my $cc (qw(gcc clang)) {
	require_compiler(have($cc), "no $cc (test/setup check installs it)");
	$objects{$cc} = compile($cc, $cc, qw(-std=gnu99 -O2)) or next;
	for my $unit ($cc eq 'gcc' ? @units : qw(api stubs)) {
		runs("$cc: $unit is linked with it", $cc, qw(-std=gnu99 -O1 -I.), '-o',
		    "$dir/$cc-$unit", "test/unit/$unit.c", $objects{$cc}, qw(-ldl -pthread))
		    // next;
		run_unit("$dir/$cc-$unit", "$cc: $unit");
	}
}
compile('gnu23', 'gcc', '-std=gnu2x');
# USDT_API decides whether the calls are exported.
for (['compiled as usual', 0], ['with USDT_API', 1, '-DUSDT_API=__attribute__((visibility("default")))']) {
	my ($name, $exports, @flags) = @$_;
	my $so = "$dir/exports.so";

	runs("a shared object, $name", 'gcc', '-std=gnu11', @flags, qw(-O0 -shared -fPIC -o), $so,
	    "$one/libusdt.c", '-pthread');
	my @names = `nm -D --defined-only '$so'` =~ /^\S+ \w (usdt_\w+)/mg;
	is(scalar(grep { /^usdt_provider_enable$/ } @names), $exports, "exports $exports");
	is(scalar(grep { /^usdt__/ } @names), 0, 'and no internal name');
}

SKIP: {
	if (!have('musl-gcc')) {
		fail('musl-gcc may not be missing') if $ENV{USDT_NO_SKIP};
		skip('no musl-gcc (test/setup widths installs it)', 3);
	}
	my $object = compile('musl', qw(musl-gcc -std=gnu99 -O2)) or last SKIP;
	runs('musl: api is linked with it', qw(musl-gcc -std=gnu99 -static -I.),
	    '-o', "$dir/musl-api", 'test/unit/api.c', $object) // last SKIP;
	run_unit("$dir/musl-api", 'musl: api');
}

# --- two copies in a process, a host of C++ ----------------------------------

if ($objects{gcc} && $objects{clang}) {
	my @includes = ("-I$one");

	runs('a plugin with a copy', 'gcc', @warn, @includes, qw(-shared -fPIC -o),
	    "$dir/plugin.so", 'test/amalgamation/plugin.c', $objects{gcc}, '-pthread');
	runs('a program of C++ with another', 'g++', @warn, @includes, '-rdynamic',
	    '-o', "$dir/host", 'test/amalgamation/host.cc', $objects{clang},
	    qw(-ldl -pthread));
	is(runs('they run', "$dir/host", "$dir/plugin.so"),
	    "plugin 3, host 1, images 1\n", 'each copy has its probes');
	unlike(`nm -D --defined-only '$dir/host' '$dir/plugin.so'`, qr/usdt_/,
	    'neither exports its copy');
}

# --- other processors and systems, by the preprocessor alone ------------------

for my $target (qw(x86_64-unknown-freebsd13 x86_64-apple-macos11
	arm64-apple-macos11 sparcv9-sun-solaris2.11 x86_64-unknown-netbsd9)) {
	my $object = compile($target, 'clang', '-target', $target, qw(-fintegrated-as
		-nostdlibinc -isystem test/targets/include -fno-builtin -O0)) or next;
	my %letter = map { / (\w) _?(usdt__\w+)$/ ? ($2 => $1) : () } `llvm-nm '$object'`;
	ok(!$letter{usdt__image_map}, "$target: no room of Linux");
	ok(($letter{usdt__stubs} // 'U') ne 'U', "$target: with stubs");
}
for my $flags ('-m32 -idirafter /usr/include/x86_64-linux-gnu') {
	last if `uname -m` ne "x86_64\n" || system("echo 'int a;' | gcc -m32 -x c -c -o /dev/null -") != 0;
	my $object = compile('i386', 'gcc', split(' ', $flags), '-O0') or next;
	ok(scalar(grep { / T usdt__fire$/ } `nm '$object'`), 'i386: with usdt__fire');
}
done_testing();
