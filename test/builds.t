#!/usr/bin/perl
# builds.t - does the library build by CMake, by meson and in odd directories, and
# do tracers see the probes of programs that are built so?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use Test::More;
use Usdt::Variant;

my $top = Usdt::Variant::top();
my $usdt = abs_path($ENV{USDT_BUILD} // '.') . '/usdt';
my $dir = tempdir('usdt-builds-XXXXXX', TMPDIR => 1, CLEANUP => 1);

delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CFLAGS CPPFLAGS LDFLAGS O
	PREFIX DESTDIR USDT_DISABLE USDT_BACKENDS USDT_NOP)};
$ENV{USDT_IMAGE_DIR} = "$dir/images";
$ENV{USDT_HELPER} = "$dir/none";
# The library is small, and what is tested is how it is built.
@ENV{qw(CC CFLAGS)} = ($ENV{CC} // 'cc', '-O0');

sub have { return system("command -v $_[0] >/dev/null") == 0 }

sub runs
{
	my ($name, @command) = @_;
	my ($said, $status) = Usdt::Variant::quiet(@command);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($status, 0, $name) ? $said : (diag($said), undef)[1];
}

sub text_of { local (@ARGV, $/) = @_; return scalar <> }

# traced(NAME, PROGRAM, LIBRARIES): the command finds the probe of the program,
# and shows an event of it, where this user may see events.
sub traced
{
	my ($name, $program, $libraries) = @_;
	my $can_watch = $> == 0 && grep { m{ tracefs } } do { open my $m, '<', '/proc/mounts'; <$m> };

	local $ENV{LD_LIBRARY_PATH} = $libraries if defined $libraries;
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $pid = fork // die "fork: $!\n";
	if ($pid == 0) {
		open STDOUT, '>', '/dev/null';
		exec { $program } $program or exit 127;
	}
	my ($said, $status) = $can_watch ?
	    Usdt::Variant::quiet('timeout', $ENV{USDT_TEST_PATIENCE} // 60, $usdt,
		qw(watch -w -n 1 -p), $pid, 'myapp:request-start') :
	    Usdt::Variant::quiet('sh', '-c', 'until "$1" list -p "$2" | grep request-start; '
		. 'do kill -0 "$2" || exit; sleep 0.1; done', 'sh', $usdt, $pid);
	kill 'KILL', $pid;
	waitpid $pid, 0;
	like($said, qr/\bmyapp:(?:mymodule:handle:)?request-start\b.*/, "$name: is traced");
}

# program(NAME): a directory with a project that uses the library.
sub program
{
	my ($name, $file) = @_;

	mkdir "$dir/$name" or die "$name: $!\n";
	system('cp', "test/builds/$file", 'examples/hello.c', "$dir/$name") == 0 or die "cp\n";
	return "$dir/$name";
}

# --- CMake --------------------------------------------------------------------

SKIP: {
	if (!have('cmake') || !have('ninja')) {
		fail('cmake may not be missing') if $ENV{USDT_NO_SKIP};
		skip('no cmake or ninja (test/setup check installs them)', 1);
	}
	my @cmake = ('cmake', '-G', 'Ninja', '-DCMAKE_BUILD_TYPE=', "-DCMAKE_C_FLAGS=-O0");

	runs('cmake', @cmake, '-S', $top, '-B', "$dir/cmake",
	    "-DCMAKE_INSTALL_PREFIX=$dir/by cmake", '-DCMAKE_INSTALL_LIBDIR=lib') // last SKIP;
	runs('it builds', 'cmake', '--build', "$dir/cmake") // last SKIP;
	runs('it installs', 'cmake', '--install', "$dir/cmake");
	is(scalar(() = `nm -D --defined-only '$dir/by cmake/lib/libusdt.so'` =~ / T usdt_/g),
	    scalar(() = text_of('packaging/libusdt.map') =~ /^\tusdt_/mg),
	    'its shared library exports the calls');
	for (['find', 'hello'], ['subdirectory', 'hello'], ['fetch', 'hello-static']) {
		my ($how, $target) = @$_;
		my $source = program("cmake-$how", 'CMakeLists.txt');

		runs("$how: cmake", @cmake, '-S', $source, '-B', "$source/build", "-DHOW=$how",
		    "-DLIBUSDT=$top", "-DCMAKE_PREFIX_PATH=$dir/by cmake") // next;
		runs("$how: it builds", 'cmake', '--build', "$source/build", '--target', $target)
		    // next;
		traced("cmake, $how", "$source/build/$target");
	}
	my ($said, $status) = Usdt::Variant::quiet('cmake', '-S', program('cmake-old', 'CMakeLists.txt'),
	    '-B', "$dir/cmake-old/build", '-DHOW=find', '-G', 'Ninja');
	isnt($status, 0, 'what is not installed is not found');
}

# --- meson --------------------------------------------------------------------

SKIP: {
	if (!have('meson') || !have('pkg-config')) {
		fail('meson may not be missing') if $ENV{USDT_NO_SKIP};
		skip('no meson or pkg-config (test/setup check installs them)', 1);
	}
	runs('meson', qw(meson setup --optimization=0 --libdir=lib --buildtype=plain), "--prefix=$dir/by meson",
	    "$dir/meson", $top) // last SKIP;
	runs('it builds', 'ninja', '-C', "$dir/meson") // last SKIP;
	runs('it installs', 'meson', 'install', '-C', "$dir/meson", '--no-rebuild');

	my $source = program('meson-found', 'meson.build');
	{
		local $ENV{PKG_CONFIG_PATH} = "$dir/by meson/lib/pkgconfig";

		if (defined runs('installed: meson', qw(meson setup --wrap-mode=nofallback), "$source/build", $source)
		    && defined runs('it builds', 'ninja', '-C', "$source/build")) {
			traced('meson, installed', "$source/build/hello", "$dir/by meson/lib");
		}
	}
	$source = program('meson-sub', 'meson.build');
	mkdir "$source/subprojects" or die $!;
	symlink $top, "$source/subprojects/libusdt" or die $!;
	if (defined runs('subproject: meson', qw(meson setup --wrap-mode=forcefallback --buildtype=plain),
		"$source/build", $source)
	    && defined runs('it builds', 'ninja', '-C', "$source/build", 'hello', 'hello-static')) {
		traced("meson, subproject: $_", "$source/build/$_") for qw(hello hello-static);
	}
}

# --- the Makefile, in a directory with a blank in its name --------------------

{
	my $o = "$dir/dir with 'blanks";
	my @make = ($ENV{MAKE} // 'make', '-s', '-C', $top, "O=$o");

	traced('a program there', "$o/examples/hello")
	    if defined runs('make O="/dir with blanks"', @make, 'CFLAGS=-O0', 'all');
	like(runs('the command there runs', "$o/usdt", '--version'), qr/^usdt 2/, 'its version');
	runs('make clean', @make, 'clean');
	ok(!-e "$o/libusdt.a" && !-e "$o/usdt", 'removes what was built');
	is(join(' ', grep { (readlink($_) // '') eq $o } glob "$top/.out-*"), '', 'and the link');
}
done_testing();
