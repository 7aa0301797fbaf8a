#!/usr/bin/perl
# foreign.t - are the packages for languages and for Node.js built from source on
# other processors, and does there work what needs no tracer?
#
# The trees of `test/setup foreign-CPU` have that processor's Debian: compiler,
# interpreters and make.  An emulator of user programs runs them all, in a
# namespace in which the kernel knows the emulator (binfmt_misc).  The processors
# are arguments, or words in USDT_CROSS; words in USDT_LANGUAGES are the packages, if
# not all shall be built.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;
use Usdt::Cross qw(emulator);
use Usdt::Tracer qw(source_dir);

# What begins an ELF file of the processor: class, byte order, machine.
my %elf = (
	armhf => [1, 1, 40],
	ppc64le => [2, 1, 21],
	riscv64 => [2, 1, 243],
	s390x => [2, 2, 22],
);
# How each package is built, and what tests it.
my %packages = (
	lua => ['make -s -C bindings/lua stage && '
	    . 'for v in 5.1 5.4; do make -s -C bindings/lua LUA=lua$v; done',
	    'cd bindings/lua && export LUA_PATH="$PWD/?.lua" && for v in 5.1 '
	    . '5.4; do LUA_CPATH="$PWD/build/lua$v/?.so" lua$v '
	    . 'tests/interface.lua || exit 1; done'],
	node => ['make -s -C bindings/node/src',
	    'cd bindings/node && exec node --expose-gc '
	    . 'test/interface.test.js'],
	perl => ['cd bindings/perl && perl Makefile.PL OPTIMIZE=-O0 && make -s',
	    'cd bindings/perl && exec perl -Mblib t/interface.t'],
	python => ['make -s -C bindings/python stage && cd bindings/python && '
	    . 'python3 setup.py -q build_ext --inplace',
	    'PYTHONPATH=$PWD/bindings/python exec python3 '
	    . 'bindings/python/tests/interface.py'],
	ruby => ['make -s -C bindings/ruby stage && cd bindings/ruby/ext/usdt && '
	    . 'ruby extconf.rb --with-cflags="-O0 -fPIC" && make -s',
	    'cd bindings/ruby && exec ruby -Iext -Ilib test/interface_test.rb'],
);

my $top = source_dir();
my $copy = tempdir('usdt-foreign-XXXXXX', TMPDIR => 1, CLEANUP => 1);

# Programs and shared objects of the processor, for binfmt_misc.
sub registration
{
	my ($cpu) = @_;
	my ($class, $data, $machine) = @{ $elf{$cpu} };
	my $half = $data == 1 ? 'v' : 'n';
	my @bytes = map { join('', map { sprintf '\\x%02x', $_ } unpack 'C*',
		$_) } "\x7fELF" . pack("C3x9$half$half", $class, $data, 1, 2,
		$machine), ("\xff" x 7) . ("\0" x 9) . pack("$half$half",
		0xfffe, 0xffff);

	return join(':', '', $cpu, 'M', '', @bytes, emulator($cpu), 'F');
}

my $enter = 'mount -t binfmt_misc none /proc/sys/fs/binfmt_misc && '
    . 'printf %s "$4" >/proc/sys/fs/binfmt_misc/register || exit 1; '
    . 'for d in proc sys dev tmp; do mount -o rbind "/$d" "$0/$d" || '
    . 'exit 1; done; exec env -i LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/bin '
    . 'HOME=/root CFLAGS=-O0 USDT_HELPER=/nonexistent/helper '
    . 'QEMU_LD_PREFIX="$QEMU_LD_PREFIX" USDT_IMAGE_DIR="$1/images" '
    . '"$(command -v chroot)" "$0" sh -c '
    . '\'cd "$1" && (set -e; eval "$2") >"$1/log" 2>&1 || { cat "$1/log"; '
    . 'exit 1; }; eval "$3" 2>&1\' sh "$1" "$2" "$3"';

sub package_works
{
	my ($cpu, $tree, $language) = @_;
	my $dir = "$copy/$cpu-$language";

	system('sh', '-c', 'mkdir "$2" && cd "$1" && git ls-files -z '
		. '--cached --others --exclude-standard "usdt*.[chs]" core image '
		. 'none Makefile LICENSE packaging bindings test/lib test/setup | '
		. 'tar --null -T - -cf - | tar -xf - -C "$2"', 'sh', $top,
		$dir) == 0 or die "the sources can't be copied\n";
	open(my $pipe, '-|', 'timeout', 3000, qw(unshare --user --map-root-user
		--mount sh -c), $enter, $tree, $dir, @{ $packages{$language} },
		registration($cpu)) or die "unshare: $!\n";
	my $tap = join('', <$pipe>);
	my $ended = close($pipe);
	# Each Lua has a plan of its own.
	my @failed = $tap =~ /^(not ok .*\n(?:(?!ok|not ok).*\n)*)/mg;
	my $passed = () = $tap =~ /^ok \d+/mg;

	ok($ended && !@failed && $passed > 0,
		"$cpu: $language is built, $passed cases")
	    or diag(@failed ? @failed : $tap);
}

my @cpus = @ARGV ? @ARGV : split(' ', $ENV{USDT_CROSS} // '');
my @languages = split ' ', $ENV{USDT_LANGUAGES} // "@{[sort keys %packages]}";
plan(skip_all => 'no processor is named (make test-foreign ARCH=s390x)')
    if !@cpus;
$packages{$_} or die "there is no package for $_, only for "
    . "@{[sort keys %packages]}\n" for @languages;
for my $cpu (@cpus) {
	$elf{$cpu} or die "there is no $cpu, only @{[sort keys %elf]}\n";
	chomp(my $tree = `'$top/test/setup' --foreign-root $cpu`);
	-d $tree or BAIL_OUT("no $tree (test/setup foreign-$cpu unpacks it)");
	package_works($cpu, $tree, $_) for @languages;
}
done_testing();
