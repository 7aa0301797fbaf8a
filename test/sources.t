#!/usr/bin/perl
# sources.t - do CMake and meson build the files that the Makefile builds, and do
# versions and licenses agree?
#
# test/builds.t builds with them, which takes longer.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Find qw(find);
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
# Files that programs read have none: JSON, lists, golden files, what fuzzers begin
# with, marks that a package has types.
sub is_source
{
	my ($path) = @_;

	return 0 if -l $path || $path =~ m{/corpus/};
	return 1 if $path =~ /\.(?:[chsdt]|cc|hpp|inc|xs|map|mk|[cm]?[jt]s|p[lm]|PL|pyi?|rbs?|gemspec|lua|rockspec|sh|toml)$/
	    || $path =~ m{(?:^|/)(?:Makefile|CMakeLists\.txt|meson\.build)$};
	open(my $in, '<:raw', $path) or return 0;
	my $head = '';
	return (read($in, $head, 2) // 0) == 2 && $head eq '#!';
}

# A tarball has no git, and nothing else beside what is built.
my @all;
if (-e '.git') {
	@all = split /\0/, `git -c safe.directory='*' ls-files -z`;
} else {
	find({ no_chdir => 1, wanted => sub {
		$File::Find::prune = 1 if m{/(?:obj-[^/]*|debian|build)$};
		push @all, s{^\./}{}r if -f;
	} }, '.');
}
my @sources = grep { -e && is_source($_) } @all;
ok(@sources > 500, 'sources are found');
is(join(' ', grep { text_of($_) !~ /^.{0,6}SPDX-License-Identifier: BSD-2-Clause(?: \*\/)?$/m }
	@sources), '', 'each source file has its license');
done_testing();
