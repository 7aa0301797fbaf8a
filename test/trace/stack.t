#!/usr/bin/perl
# stack.t - does `usdt watch -s` print from where a probe was fired?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Cwd qw(abs_path);
use JSON::PP ();
use POSIX qw(mkfifo);
use Test::More;
use Usdt::Process;
use Usdt::Tracer qw(need tracer_case scratch_dir);
use Usdt::Watch qw(run_usdt usdt_command leftovers build_notes run_notes);

need('root', 'cc');
alarm 3600;

my $dir = scratch_dir();
my $root = abs_path($ENV{USDT_BUILD} // '.');

$ENV{USDT_IMAGE_DIR} = "$dir/images";

# source(NAME, LINE...): write a file of C.
sub source
{
	my ($name, @lines) = @_;

	open(my $out, '>', "$dir/$name.c") or die "$dir/$name.c: $!\n";
	print $out map { "$_\n" } @lines;
	close($out) or die "$dir/$name.c: $!\n";
	return "$dir/$name.c";
}

sub program
{
	my ($name, $provider, @flags) = @_;

	return Usdt::Tracer::build_c("$dir/$name", '-O1', @flags, "-I$root",
		source($name, <<"EOF_C"), "$root/libusdt.a", '-lpthread');
#include <unistd.h>
#include "usdt.h"
static usdt_probedef_t *probe;
#define CALLED __attribute__((noinline, noclone))
CALLED void
inner(int value)
{
	intptr_t values[] = { value };

	usdt_probe_fire(probe, 1, (void *)values);
	__asm__ volatile ("");
}
CALLED void
outer(int value)
{
	inner(value + 1);
	__asm__ volatile ("");
}
int
main(void)
{
	const char *types[] = { "int" };
	usdt_provider_t *provider = usdt_create_provider("$provider", "mod");

	probe = usdt_create_probe("function", "fired", 1, types);
	usdt_provider_add_probe(provider, probe);
	usdt_provider_enable(provider);
	outer(1);
	return 0;
}
EOF_C
}

tracer_case('libusdt, of a program that ends at once' => sub {
	my $provider = "st${$}a";
	my $program = program('short', $provider, '-fno-omit-frame-pointer');
	my ($status, $out, $err) = run_usdt('watch', '-s', '-c', $program,
		"$provider:*");

	is($status, 0, 'exit 0') || diag($err);
	like($out, qr/^\S+ \d+ short $provider:fired 2\n\tfunction\+\d+ \(mod\)\n\tinner\+\d+ \(short\)\n\touter\+\d+ \(short\)\n\tmain\+\d+ \(short\)\n(?:\t.*\n)*\z/,
	    'each function, outwards');
	like($err, qr{^usdt: \Q$dir\E/images/$provider/.*/mod: by uprobe, since direct events have no stack$}m,
	    'it says why it is not direct');
	unlike($err, qr/direct$/m, '... and it is not');
	($status, $out, $err) = run_usdt('watch', '-js', '-c', $program,
		"$provider:*");
	my $object = JSON::PP->new->utf8->decode($out);
	is_deeply([ map { "$_->{function} $_->{module}" }
		@{ $object->{stack} }[0 .. 3] ], [ 'function mod',
		'inner short', 'outer short', 'main short' ], 'JSON')
	    || diag($out);
	is(scalar(grep { $_->{address} !~ /^\d+$/ ||
		(defined $_->{module}) != (defined $_->{offset}) }
		@{ $object->{stack} }), 0, '... each frame');
	($status, $out) = run_usdt('watch', '-c', $program, "$provider:*");
	unlike($out, qr/\n\t/, 'without -s there is none');
});

tracer_case('compiled in, in a library, while it runs' => sub {
	my $provider = "st${$}b";
	my $process = run_notes("$dir/long", { provider => $provider,
		name => 'p', args => '4@$7' }, { provider => $provider,
		name => 'q' });
	my $watch = Usdt::Watch->attach(2, '-s', '-p', $process->pid,
		"$provider:*");
	my $pid = $watch->pid;

	$process->ask('') for 1 .. 3;
	is($watch->code_of('INT'), 0, 'exit 0');
	my @lines = @{ $watch->{lines} };
	is(scalar(grep { / $provider:p 7$/ } @lines), 3, 'all events');
	is(scalar(grep { /^\tsites\+\d+ \(long\)$/ } @lines), 6,
	    'where they fired') || diag("@lines");
	is(scalar leftovers($pid), 0, 'no event is left');
});

tracer_case('a file without symbols; functions with odd names' => sub {
	my $provider = "st${$}c";
	my $program = program('odd', $provider,
		'-fno-omit-frame-pointer');

	system('objcopy', '--redefine-sym', "outer=a b\e[31m", $program) == 0
	    or die "objcopy\n";
	my ($status, $out) = run_usdt('watch', '-s', '-c', $program,
		"$provider:*");
	like($out, qr/^\ta b\\x1b\[31m\+\d+ \(odd\)$/m, 'a name is quoted')
	    || diag($out);
	system('strip', $program) == 0 or die "strip\n";
	($status, $out) = run_usdt('watch', '-s', '-c', $program,
		"$provider:*");
	is(scalar(() = $out =~ /^\t0x[0-9a-f]+ \(odd\+0x[0-9a-f]+\)$/mg), 3,
	    'stripped: addresses in memory and file') || diag($out);
});

# frames(OUTPUT, MODULE): what is printed of the frames in that file.
sub frames
{
	my ($out, $module) = @_;

	return join(' ', $out =~ /^\t(\S+?)\+\d+ \(\Q$module\E\)$/mg);
}

sub runs { system(@_) == 0 or die "failed: @_\n" }

# The program is stripped; its symbols go to DEBUG.
sub strip_to
{
	my ($program, $debug) = @_;

	runs('objcopy', '--only-keep-debug', $program, $debug);
	runs('strip', $program);
}

sub build_id
{
	return (`readelf -n '$_[0]'` =~ /Build ID: (..)(\w+)/) ? ($1, $2)
	    : die "$_[0] has no build ID\n";
}

tracer_case('symbols in a file with the build ID, as the process sees it' => sub {
	my $provider = "st${$}d";
	my $program = program('apart', $provider, '-static',
		'-fno-omit-frame-pointer', '-Wl,--build-id');
	my ($first, $rest) = build_id($program);
	my $other = program('another', $provider, '-static',
		'-fno-omit-frame-pointer', '-Wl,--build-id', '-DX');
	my $place = "$dir/root/usr/lib/debug/.build-id/$first";
	my $debug = "$place/$rest.debug";

	runs('mkdir', '-p', $place, "$dir/root/images", "$dir/root$dir");
	strip_to($program, "$dir/apart.debug");
	runs('cp', $program, "$dir/root");
	my $frames = sub {
		local $ENV{USDT_IMAGE_DIR} = '/images';
		my ($status, $out, $err) = run_usdt('watch', '-s', '-c',
			"chroot $dir/root /apart", "$provider:*");

		return $status == 0 ? frames($out, 'apart') : "$status: $err";
	};
	is($frames->(), '', 'no file: no names');
	runs('cp', "$dir/apart.debug", $debug);
	like($frames->(), qr/^inner outer main\b/, 'a file: names');
	unlink($debug);
	symlink("$dir/apart.debug", $debug) or die "$debug: $!\n";
	is($frames->(), '', 'a link does not lead out of its root');
	runs('cp', "$dir/apart.debug", "$dir/root$dir");
	like($frames->(), qr/^inner outer main\b/, '... but to what is there');
	unlink($debug);
	runs('objcopy', '--only-keep-debug', $other, $debug);
	is($frames->(), '', 'a file with another build ID');
	unlink($debug);
	mkfifo($debug, 0600) or die "$debug: $!\n";
	is($frames->(), '', 'a pipe');
});

tracer_case('symbols in a file that .gnu_debuglink names' => sub {
	my $provider = "st${$}e";
	my $program = program('linked', $provider, '-fno-omit-frame-pointer',
		'-Wl,--build-id=none');
	my $frames = sub {
		my ($status, $out, $err) = run_usdt('watch', '-s', '-c', $program,
			"$provider:*");

		return $status == 0 ? frames($out, 'linked') : "$status: $err";
	};

	strip_to($program, "$dir/linked.debug");
	runs('objcopy', "--add-gnu-debuglink=$dir/linked.debug", $program);
	like($frames->(), qr/^inner outer main\b/, 'beside it');
	runs('mkdir', "$dir/.debug");
	runs('mv', "$dir/linked.debug", "$dir/.debug");
	like($frames->(), qr/^inner outer main\b/, 'in .debug');
	open(my $out, '>>', "$dir/.debug/linked.debug") or die "$dir: $!\n";
	print $out 'x';
	close($out);
	is($frames->(), '', 'another checksum: none');
});

# Code that calls its argument, with a frame pointer: it is copied to memory.
my %calls = (x86_64 => '0x55,0x48,0x89,0xe5,0xff,0xd7,0x5d,0xc3',
	aarch64 => '0xfd,0x7b,0xbf,0xa9,0xfd,0x03,0x00,0x91,'
	    . '0x00,0x00,0x3f,0xd6,0xfd,0x7b,0xc1,0xa8,0xc0,0x03,0x5f,0xd6');

# It prints where that code is, and fires from it for each line that it reads.
sub made
{
	my ($name, $provider, $code) = @_;

	return Usdt::Tracer::build_c("$dir/$name", '-O1',
		'-fno-omit-frame-pointer', "-I$root", source($name, <<"EOF_C"),
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "usdt.h"
static usdt_probedef_t *probe;
static void
fire(void)
{
	usdt_probe_fire(probe, 0, NULL);
	__asm__ volatile ("");
}
int
main(void)
{
	static const unsigned char code[] = { $code };
	usdt_provider_t *provider = usdt_create_provider("$provider", "mod");
	char *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void (*call)(void (*)(void));
	char line[80];

	memcpy(at + 64, code, sizeof code);
	mprotect(at, 4096, PROT_READ | PROT_EXEC);
	at += 64;
	memcpy(&call, &at, sizeof at);
	__builtin___clear_cache(at, at + sizeof code);
	probe = usdt_create_probe("function", "fired", 0, NULL);
	usdt_provider_add_probe(provider, probe);
	usdt_provider_enable(provider);
	printf("ready %d\\n%lx %d\\n", (int)getpid(), (unsigned long)at,
	    (int)sizeof code);
	fflush(stdout);
	while (fgets(line, sizeof line, stdin) != NULL) {
		call(fire);
		puts("fired");
		fflush(stdout);
	}
	return 0;
}
EOF_C
		"$root/libusdt.a", '-lpthread');
}

# Also if the test dies.
my @maps;
my $test = $$;
END { unlink(@maps) if $$ == $test }

tracer_case('functions that a program made' => sub {
	my ($machine) = `uname -m` =~ /(\S+)/;
	my $code = $calls{$machine} or plan(skip_all => "no code for $machine");
	my $provider = "st${$}f";
	my $process = Usdt::Process->new(program => made('maker', $provider,
		$code));
	$process->ready or die $process->greeting;
	my ($at, $size) = $process->line =~ /^(\w+) (\d+)$/ or die 'no address';
	my $map = '/tmp/perf-' . $process->pid . '.map';
	push @maps, $map;
	my $watch = Usdt::Watch->attach(1, '-s', '-p', $process->pid,
		"$provider:*");
	my $write = sub {
		open(my $out, '>>', $map) or die "$map: $!\n";
		print $out @_;
		close($out) or die "$map: $!\n";
	};
	# What is printed of the frame after "fire".  The file is read again when
	# 0.05 seconds have passed.
	my $frame = sub {
		my $seen = @{ $watch->{lines} };
		my @lines;

		select(undef, undef, undef, 0.06);
		$process->ask('');
		$watch->wait_until(sub {
			@lines = @{ $watch->{lines} };
			@lines = @lines[$seen .. $#lines];
			grep { /^\tmain\+/ } @lines;
		}) or die $watch->report;
		my ($index) = grep { $lines[$_] =~ /^\tfire\+/ } 0 .. $#lines;
		return $lines[$index + 1] =~ s/^\t//r;
	};
	my $plain = qr/^0x[0-9a-f]+$/;

	like($frame->(), $plain, 'no file: an address');
	unlink($map);
	symlink("$dir/elsewhere", $map) or die "$map: $!\n";
	open(my $out, '>', "$dir/elsewhere") or die "$dir: $!\n";
	print $out "$at 40 link\n";
	close($out);
	like($frame->(), $plain, 'a link');
	unlink($map);
	$write->("$at 40 stranger\n");
	chown(12345, 12345, $map) or die "$map: $!\n";
	like($frame->(), $plain, "another user's file");
	unlink($map);
	$write->("$at 40 JS:~serve /srv/a b.js:12:3\e[31m\n");
	like($frame->(), qr/^JS:~serve \/srv\/a b\.js:12:3\\x1b\[31m\+\d+$/,
	    'its name, quoted');
	$write->("x\n\n1 2\n", "$at ffffffffffffffff \n", 'y' x 200000, "\n",
	    "ffffffffffffffff ffffffffffffffff end\n", "$at 40 ",
	    'n' x 2000, "\n", do { no warnings 'portable';
		sprintf('%x', hex($at) + 4096) }, " 40 after\n",
	    "0 10 before\n");
	like($frame->(), qr/^JS:~serve /, 'lines that make no sense');
	$write->("$at $size new");
	like($frame->(), qr/^JS:~serve /, 'a line that is not whole yet');
	$write->("er one\n");
	like($frame->(), qr/^newer one\+\d+$/, 'the last name');
	unlink($map);
	$write->("$at 40 of another file\n");
	like($frame->(), qr/^of another file\+\d+$/, 'a file that is replaced');
	unlink($map);
	$write->("$at 40 at the beginning\n");
	truncate($map, 1 << 40) or die "$map: $!\n";
	like($frame->(), qr/^at the beginning\+\d+$/, 'a file of a terabyte');
	unlink($map);
	is($watch->code_of('INT'), 0, 'exit 0');
});

tracer_case('names in C++' => sub {
	plan(skip_all => 'no g++') if system('command -v g++ >/dev/null') != 0;
	my $provider = "st${$}g";
	# In the name of a function of 23 arguments each has twice the length of
	# the one before.
	my $long = '_Z1fSt4pairIiiE' . join('', map { "S_IS${_}_S${_}_E" } 0 .. 9,
		'A' .. 'Z');
	my $source = source('names', <<"EOF_C");
#include <unistd.h>
#include "usdt.h"
#define CALLED __attribute__((noinline, noclone))
static usdt_probedef_t *probe;
namespace shop {
template <typename T> struct Cart {
	CALLED void
	add(T value, const char *name)
	{
		usdt_probe_fire(probe, 0, NULL);
		__asm__ volatile ("" : : "r" (value), "r" (name));
	}
};
}
extern "C" CALLED void
simple(void)
{
	shop::Cart<int>().add(1, "x");
	__asm__ volatile ("");
}
CALLED void
hostile(void) __asm__("$long");
CALLED void
hostile(void)
{
	simple();
	__asm__ volatile ("");
}
CALLED void
last(const char *)
{
	hostile();
	__asm__ volatile ("");
}
int
main()
{
	usdt_provider_t *provider = usdt_create_provider("$provider", "mod");

	probe = usdt_create_probe("function", "fired", 0, NULL);
	usdt_provider_add_probe(provider, probe);
	usdt_provider_enable(provider);
	last("");
	return 0;
}
EOF_C
	runs('mv', $source, "$dir/names.cc");
	runs('g++', '-O1', '-fno-omit-frame-pointer', "-I$root", '-o',
		"$dir/names", "$dir/names.cc", "$root/libusdt.a", '-lpthread');
	my ($status, $out, $err) = run_usdt('watch', '-s', '-c', "$dir/names",
		"$provider:*");
	is($status, 0, 'exit 0') || diag($err);
	like($out, qr/^\tfunction\+\d+ \(mod\)\n\tshop::Cart<int>::add\(int, char const\*\)\+\d+ \(names\)\n\tsimple\+\d+ \(names\)\n\t\Q$long\E\+\d+ \(names\)\n\tlast\(char const\*\)\+\d+ \(names\)\n\tmain\+/m,
	    'as they are written; one that takes too long as it is');
	($status, $out, $err) = run_usdt(['env', "PATH=$dir/.debug"], 'watch',
		'-s', '-c', "$dir/names", "$provider:*");
	like($out, qr/^\t_ZN4shop4CartIiE3addEiPKc\+\d+ \(names\)$/m,
	    'without c++filt as they are');
});

tracer_case('who else has no stack' => sub {
	for my $command ('top', 'hist', 'latency', 'record') {
		is((run_usdt($command, '-s', 'a:b'))[0], 2, "$command: exit 2");
	}
});

done_testing();
