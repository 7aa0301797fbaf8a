#!/usr/bin/perl
# install.t - what does `make install` put where, and does it work from there?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Find qw(find);
use File::Temp qw(tempdir);
use Test::More;
use Usdt::Variant;

my $build = abs_path($ENV{USDT_BUILD} // '.');
my $dir = tempdir('usdt-install-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $prefix = "$dir/my prefix";
my @cc = split ' ', $ENV{CC} // 'cc';

delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CFLAGS CPPFLAGS LDFLAGS
	PREFIX DESTDIR LIBDIR INCLUDEDIR MANDIR DATADIR BINDIR)};

sub make { return Usdt::Variant::quiet($ENV{MAKE} // 'make', '-s', "O=$build", @_) }

sub runs
{
	my ($name, @command) = @_;
	my ($said, $status) = Usdt::Variant::quiet(@command);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($status, 0, $name) or diag($said);
	return $said;
}

# files_in(DIRECTORY): the names below it of what is no directory.
sub files_in
{
	my ($in) = @_;
	my @files;

	find(sub { push @files, $File::Find::name =~ s{^\Q$in\E/}{}r
	    if -l || !-d }, $in) if -d $in;
	return sort @files;
}

sub text_of { local (@ARGV, $/) = @_; return scalar <> }

my ($version) = text_of('usdt.h') =~ /^#define USDT_VERSION\t"(.*)"/m;
my ($major) = split /\./, $version;
my @manuals = map { my ($section) = /(\d)$/; "man/man$section/" . s{.*/}{}r }
    glob('man/*.[1-8]');
# Each call is found by its name.
for my $page (glob 'man/*.3') {
	my ($names) = text_of($page) =~ /^\.Sh NAME\n(.*?)^\.Nd/ms;
	push @manuals, map { "man/man3/$_.3" } grep { "man/$_.3" ne $page }
	    $names =~ /^\.Nm (\S+)/mg;
}
my @library = (qw(include/usdt.h include/usdt.hpp lib/libusdt.a lib/libusdt.so
	lib/cmake/libusdt/libusdt-config.cmake
	lib/cmake/libusdt/libusdt-config-version.cmake
	lib/pkgconfig/libusdt.pc), "lib/libusdt.so.$major",
    "lib/libusdt.so.$version", map { "share/$_" } grep { !/\.1$/ } @manuals);
my @all = (@library, qw(bin/usdt bin/usdt-dtrace
	share/bash-completion/completions/usdt
	share/fish/vendor_completions.d/usdt.fish
	share/zsh/site-functions/_usdt),
    map { "share/$_" } grep { /\.1$/ } @manuals);

# --- staging, and removing --------------------------------------------------

{
	my $stage = "$dir/a stage";
	my ($said, $status) = make('install', "DESTDIR=$stage", 'PREFIX=/opt/my usdt');

	is($status, 0, 'make install, with blanks in names') or diag($said);
	is_deeply([files_in("$stage/opt/my usdt")], [sort @all], 'all files, and no others');
	is_deeply([glob "'$stage/*'"], ["$stage/opt"], 'below DESTDIR and PREFIX alone');
	unlike(text_of("$stage/opt/my usdt/lib/pkgconfig/libusdt.pc"), qr/\Q$stage/,
	    'DESTDIR is in no file');

	open my $other, '>', "$stage/opt/my usdt/lib/pkgconfig/other.pc" or die $!;
	close $other;
	($said, $status) = make('uninstall', "DESTDIR=$stage", 'PREFIX=/opt/my usdt');
	is($status, 0, 'make uninstall') or diag($said);
	is_deeply([files_in("$stage/opt/my usdt")], ['lib/pkgconfig/other.pc'],
	    'removes exactly that');
}
{
	my $stage = "$dir/multiarch";
	my ($said, $status) = make('install', "DESTDIR=$stage", 'PREFIX=/usr',
	    'LIBDIR=/usr/lib/cpu-os', 'INCLUDEDIR=/usr/include/cpu-os', 'MANDIR=/man',
	    'DATADIR=/data', 'BINDIR=/sbin');
	my %to = (lib => 'usr/lib/cpu-os', include => 'usr/include/cpu-os',
	    'share/man' => 'man', share => 'data', bin => 'sbin');

	is($status, 0, 'each directory of its own') or diag($said);
	is_deeply([files_in($stage)], [sort map {
		s{^(lib|include|share/man|share|bin)(?=/)}{$to{$1}}r } @all], 'and each is used');
	like(text_of("$stage/usr/lib/cpu-os/pkgconfig/libusdt.pc"),
	    qr{^includedir=/usr/include/cpu-os\nlibdir=/usr/lib/cpu-os$}m, 'by libusdt.pc');
}

# --- destinations that can't be written -------------------------------------

{
	open my $file, '>', "$dir/file" or die $!;
	close $file;
	for my $target (qw(install install-lib)) {
		my ($said, $status) = make($target, "PREFIX=$dir/file");
		my @lines = grep { !/^make/ || /^make install/ } split /\n/, $said;

		isnt($status, 0, "$target below a file fails");
		is_deeply(\@lines, ["make install: $dir/file/include can't be made "
		    . '(Not a directory): choose PREFIX or DESTDIR, or be root'],
		    'and says why in one line');
	}
	my ($said, $status) = make('install', "PREFIX=$dir/half",
	    "MANDIR=$dir/file/man");
	isnt($status, 0, 'one directory of many can not be made');
	is_deeply([files_in("$dir/half")], [], 'then nothing is installed');
}

# --- programs that use what is installed ------------------------------------

{
	my ($said, $status) = make('install-lib', "PREFIX=$prefix");

	is($status, 0, 'make install-lib') or diag($said);
	is_deeply([files_in($prefix)], [sort @library], 'installs the library alone');

	my ($plan) = Usdt::Variant::quiet($ENV{MAKE} // 'make', '-n', "O=$dir/new",
	    'install-lib');
	unlike($plan, qr/-lelf|tools\/|examples\/|has-command/,
	    'and needs neither libelf nor examples');
	like($plan, qr{core/status\.c}, 'but the library');
}

$ENV{PKG_CONFIG_PATH} = "$prefix/lib/pkgconfig";
$ENV{USDT_IMAGE_DIR} = "$dir/images";
$ENV{USDT_HELPER} = "$dir/none";
open my $program, '>', "$dir/program.c" or die $!;
print $program <<'END';
#include <stdio.h>
#include <string.h>
#include "usdt.h"
#if USDT_VERSION_NUMBER < 20000 || USDT_VERSION_MAJOR != 2
#error "the version"
#endif
int
main(void)
{
	usdt_provider_t *p = usdt_create_provider("installed", "mod");
	usdt_probedef_t *d = usdt_create_probe("f", "n", 0, NULL);
	usdt_status_t status;

	if (p == NULL || d == NULL || usdt_provider_add_probe(p, d) < 0 ||
	    usdt_provider_enable(p) < 0 || usdt_provider_status(p, &status) < 0)
		return 1;
	printf("probes %u, image %d\n", status.probes, status.sdt.taken);
	usdt_probe_fire(d, 0, NULL);
	usdt_provider_free(p);
	usdt_probe_release(d);
	return 0;
}
END
close $program or die $!;

SKIP: {
	my ($flags, $status) = Usdt::Variant::quiet(qw(pkg-config --cflags --libs libusdt));

	if ($status != 0) {
		fail('pkg-config may not be missing') if $ENV{USDT_NO_SKIP};
		skip('no pkg-config (test/setup check installs it)', 5);
	}
	runs('a program, by pkg-config', 'sh', '-c',
	    'eval "$1 -o \"\$2\" \"\$3\" $4"', 'sh', "@cc -Wall -Werror", "$dir/shared",
	    "$dir/program.c", $flags =~ s/\n//r);
	like(`readelf -d '$dir/shared'`, qr/NEEDED.*\[libusdt\.so\.$major\]/,
	    'has the shared library');
	is(runs('it runs', 'env', "LD_LIBRARY_PATH=$prefix/lib", "$dir/shared"),
	    "probes 1, image 1\n", 'its probes are visible');
	chomp(my $there = `pkg-config --modversion libusdt`);
	is($there, $version, 'the version in libusdt.pc');
}

# A copy of the archive is nobody else's, whatever the linker exports.
runs('a shared object with the archive', @cc, '-shared', '-fPIC', '-o', "$dir/plugin.so",
    "-I$prefix/include", "$dir/program.c", "$prefix/lib/libusdt.a", '-pthread');
unlike(`nm -D --defined-only '$dir/plugin.so'`, qr/usdt_/, 'does not export it');
runs('a program with the archive and all names exported', @cc, '-rdynamic', '-o',
    "$dir/static", "-I$prefix/include", "$dir/program.c", "$prefix/lib/libusdt.a", '-pthread');
unlike(`nm -D --defined-only '$dir/static'`, qr/usdt_/, 'neither');
is(runs('it runs', "$dir/static"), "probes 1, image 1\n", 'its probes are visible');

# --- what is missing is named ------------------------------------------------

{
	# A compiler that has no header of the system.
	my ($said, $status) = Usdt::Variant::quiet('env', 'CPATH=',
	    $ENV{MAKE} // 'make', "O=$dir/bare", "CC=@cc -nostdinc", 'lib');

	isnt($status, 0, 'without headers make lib fails');
	like($said, qr/^test\/setup: missing: stdio\.h\n.*as root: libc6-dev$/m,
	    'and names the header and the package');
	unlike($said, qr/^\s*CC /m, 'before it compiles');
	($said, $status) = Usdt::Variant::quiet($ENV{MAKE} // 'make',
	    "O=$dir/bare", 'CC=no-such-compiler', 'ARCH=x86_64', 'SYSTEM=linux', 'install');
	isnt($status, 0, 'without a compiler make install fails');
	like($said, qr/^test\/setup: missing: cc.*\n.*as root:.* gcc\b/m, 'and names it');
}

# --- completion --------------------------------------------------------------

{
	my $commands = join ' ', `'$build/usdt' --help` =~ /^  ([a-z]+)  /mg;
	my %shell = (
		bash => 'source packaging/completion/usdt.bash
			COMP_LINE=$2 COMP_POINT=${#2} COMP_WORDS=($2) COMP_CWORD=$3
			_usdt "$1" "${COMP_WORDS[$3]}" "${COMP_WORDS[$3-1]}" 2>/dev/null
			echo "${COMPREPLY[@]}"',
		zsh => 'compadd() { shift; print -- $@ }
			words=(${=2}) CURRENT=$3+1; words[1]=$1
			[[ $#words -ge $CURRENT ]] || words+=("")
			source packaging/completion/_usdt',
		fish => 'set -gx PATH (dirname $argv[1]) $PATH
			source packaging/completion/usdt.fish
			complete -C $argv[2] | cut -f1 | tr "\n" " "',
	);

	for my $shell (sort keys %shell) {
		SKIP: {
			my $complete = sub {
				my @command = ($shell, '-c', $shell{$shell});

				push @command, $shell if $shell ne 'fish';
				my ($said) = Usdt::Variant::quiet(@command, "$build/usdt", @_);
				return join ' ', sort split ' ', $said;
			};
			if (system("command -v $shell >/dev/null") != 0) {
				fail("$shell may not be missing") if $ENV{USDT_NO_SKIP};
				skip("no $shell (test/setup check installs it)", 4);
			}
			is($complete->('usdt ', 1), join(' ', sort split ' ', $commands),
			    "$shell completes the commands that there are");
			# zsh itself leaves out what begins otherwise.
			like(' ' . $complete->('usdt help la', 2),
			    qr/ latency(?: |$)/, 'and after help');
			my ($help) = Usdt::Variant::quiet("$build/usdt", 'help', 'watch');
			my @options = $help =~ /^  (?:(-\w), )?(--\w+=?)/mg;

			is($complete->('usdt watch -', 2),
			    join(' ', sort grep { defined } @options), 'and the options of help');
			like(' ' . $complete->('usdt watch -c prov', 3), qr/ prove(?: |$)/,
			    'and after -c the commands of the system');
		}
	}
}
done_testing();
