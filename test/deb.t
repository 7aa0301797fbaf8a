#!/usr/bin/perl
# deb.t - does a tarball of this commit build without git, and make Debian packages
# that lintian accepts, with the same bytes each time?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp qw(tempdir);
use Test::More;
use Usdt::Variant;

my $top = Usdt::Variant::top();
my $dir = tempdir('usdt-deb-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my ($version) = do { local (@ARGV, $/) = ('usdt.h'); <> } =~ /^#define USDT_VERSION\t"(.*)"/m;

delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CFLAGS CPPFLAGS LDFLAGS O
	PREFIX DESTDIR CC AR)};

sub runs
{
	my ($name, @command) = @_;
	my ($said, $status) = Usdt::Variant::quiet(@command);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is($status, 0, $name) ? $said : (diag($said), undef)[1];
}

sub contents { local (@ARGV, $/) = @_; return scalar <> }

plan(skip_all => 'these sources are no checkout of git')
    if !-e '.git' && !$ENV{USDT_NO_SKIP};
my ($lacks) = map { system("command -v $_ >/dev/null") == 0 ? () : $_ }
    qw(git dpkg-buildpackage dh lintian);
$lacks //= (`dpkg-checkbuilddeps packaging/debian/control 2>&1` =~ /: (\S+ *\S*)$/)[0];
if (defined $lacks) {
	plan(skip_all => "no $lacks (test/setup deb installs it)") if !$ENV{USDT_NO_SKIP};
	BAIL_OUT("$lacks may not be missing");
}
# The checkout may belong to another user.
@ENV{qw(GIT_CONFIG_COUNT GIT_CONFIG_KEY_0 GIT_CONFIG_VALUE_0)} = (1, 'safe.directory', '*');

my $tarball = "libusdt-$version.tar.gz";
for my $o ("$dir/one", "$dir/two") {
	runs('make dist', 'make', '-s', "O=$o", 'dist') // BAIL_OUT('no tarball');
}
ok(contents("$dir/one/$tarball") eq contents("$dir/two/$tarball"), 'it is the same again');
is(scalar(grep { !m{^libusdt-\Q$version\E/} } `tar -tzf '$dir/one/$tarball'`), 0,
    'all is in one directory');

# As `make deb` does, but without a package of the sources, on which lintian works
# long because of what fuzzers read.  No git is above that directory.
my $said = runs('make deb', "$top/packaging/deb", "$dir/one/$tarball", "$dir/one/deb", $version,
    '-b') // BAIL_OUT('no packages');
my @packages = grep { !/dbgsym/ } split ' ', $said;
is(join(' ', sort map { s/_.*//r } @packages), 'libdevel-dtrace-provider-perl libusdt-dev '
    . 'libusdt2 lua-usdt node-usdt-dtrace-provider python3-usdt ruby-usdt usdt-tools',
    'makes packages');
my $lint = Usdt::Variant::quiet('sh', '-c', 'lintian --fail-on error,warning "$1"/*.changes', 'sh',
    "$dir/one/deb");
is(join("\n", grep { /^[EW]:/ } split /\n/, $lint), '', 'lintian has no error and no warning');

my %files = map { $_ => { map { (split)[5] => 1 } `dpkg-deb -c '$dir/one/deb/$_'` } } @packages;
my ($library, $dev, $tools) = map { my $name = $_; $files{(grep { /^\Q$name\E_/ } @packages)[0]} }
    qw(libusdt2 libusdt-dev usdt-tools);
ok(scalar(grep { m{/lib/[^/]+-linux-[^/]+/libusdt\.so\.2$} } keys %$library), 'the library is in a multiarch directory');
ok(!grep({ m{/(?:include|man)/} } keys %$library), 'without what compilers need');
ok($dev->{'./usr/include/usdt.h'} && $dev->{'./usr/share/man/man3/usdt_create_probe.3.gz'},
    'libusdt-dev has the header and the manual');
ok($tools->{'./usr/bin/usdt'} && $tools->{'./usr/share/man/man1/usdt.1.gz'}
    && $tools->{'./usr/share/bash-completion/completions/usdt'}, 'usdt-tools has the command');
# Their own copy of the library would be another one than that of a program.
for my $name (qw(libdevel-dtrace-provider-perl lua-usdt node-usdt-dtrace-provider
	python3-usdt ruby-usdt)) {
	my ($package) = grep { /^\Q${name}_\E/ } @packages;

	like(`dpkg-deb -f '$dir/one/deb/$package' Depends`, qr/\blibusdt2 \(>= 2\.0/,
	    "$name uses the library");
}

{
	local $ENV{DEB_BUILD_OPTIONS} = 'nocheck';

	runs('they are built again elsewhere', "$top/packaging/deb", "$dir/two/$tarball",
	    "$dir/elsewhere/deb", $version, '-b');
	is(join(' ', grep { contents("$dir/one/deb/$_") ne contents("$dir/elsewhere/deb/$_") }
	    @packages), '', 'with the same bytes');
}
done_testing();
