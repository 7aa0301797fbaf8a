#!/usr/bin/perl
# sources.t - do CMake and meson build the files that the Makefile builds, and do
# versions and licenses agree?
#
# test/builds.t builds with them, which takes longer.
use strict;
use warnings;

use Test::More;

sub text_of { local (@ARGV, $/) = @_; return scalar <> }

my $meson = text_of('meson.build');
my %list = map { $_ => [$meson =~ /^$_ = files\((.*?)\)/ms ?
    $1 =~ /'(.*?)'/g : ()] } qw(rooms rooms_linux rooms_other);
my ($version) = text_of('usdt.h') =~ /^#define USDT_VERSION\t"(.*)"/m;

for my $system (qw(linux freebsd)) {
	my $want = [grep { /\.c$/ } split ' ', `env -u MAKEFLAGS make -s --no-print-directory sources SYSTEM=$system ARCH=x86_64`];
	is_deeply([sort @{ $list{rooms} },
		@{ $list{$system eq 'linux' ? 'rooms_linux' : 'rooms_other'} }],
	    [sort @$want], "meson.build has the sources for $system");
}
like($meson, qr/^  version: '\Q$version\E',$/m, 'and the version');
my ($linux) = text_of('Makefile') =~ /^ROOMS_linux = (.*)$/m;
like(text_of('CMakeLists.txt'), qr/^set\(rooms_linux \Q$linux\E\)$/m,
    'CMakeLists.txt knows the rooms for Linux alone');
my @stubs = $meson =~ /'(usdt_tracepoints_\w+\.s)'/g;
is_deeply([sort @stubs],
    [sort glob 'usdt_tracepoints_*.s'], 'meson.build knows all processors');
is_deeply([sort $meson =~ m{'(man/[^']+)'}g], [sort glob 'man/*.[37]'],
    'meson.build installs the manual pages of the library');

# --- what each file says --------------------------------------------------------

for ('bindings/node/package.json', 'bindings/python/pyproject.toml',
	'bindings/perl/lib/Devel/USDT.pm', 'bindings/lua/usdt-VERSION-1.rockspec',
	'bindings/ruby/lib/usdt/version.rb', 'packaging/debian/changelog') {
	my $file = s/VERSION/$version/r;

	ok(-e $file && text_of($file) =~ /\b\Q$version\E\b/, "$file has the version");
}
is(join(' ', grep { text_of($_) !~ /SPDX-License-Identifier: BSD-2-Clause\n/ }
	glob '{usdt,{core,image,none}/}*.{c,h,hpp,s,inc}'), '', 'each file of the library has its license');
done_testing();
