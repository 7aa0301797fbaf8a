# Usdt::Cross - how is the library built for another processor?
#
# With the compilers that test/setup unpacks (`test/setup cross`), into a
# directory that is removed with the test.  Programs are static: the emulators
# and machines that run them lack these processors' libraries.  All have tables
# for unwinding, which compilers make on some processors only if they are asked.
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::Cross;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);

our @EXPORT_OK = qw(lacks_cross cross_build cross_units cross_cc emulator
	cross_command readelf);

my $top = abs_path(dirname(__FILE__) . '/../../..');
my $root;

# Emulators look for no path elsewhere first.  They would do so under a lock, and a
# child whose parent has threads may find it held for ever.
$ENV{QEMU_LD_PREFIX} = '/';

sub root
{
	if (!defined $root) {
		open(my $pipe, '-|', "$top/test/setup", '--cross-root')
		    or die "test/setup: $!\n";
		chomp($root = <$pipe> // '');
		close($pipe) && $root ne '' or die "test/setup: failed\n";
	}
	return $root;
}

# lacks_cross(): undef, or the reason why nothing can be built.
sub lacks_cross
{
	return if -x root() . '/bin/aarch64-linux-gnu-gcc';
	return 'no cross compilers in ' . root()
	    . ' (test/setup cross unpacks them)';
}

sub cross_cc { return root() . "/bin/$_[0]-linux-gnu-gcc" }
sub emulator { return root() . "/bin/qemu-$_[0]" }

# The names of the unit tests.
sub cross_units
{
	return map { m{([^/]+)\.c$} } sort(glob("$top/test/unit/*.c"));
}

# cross_build(CPU, TARGET...): the directory with each target that make can
# build there: "test_usdt", "obj-CPU/test/unit/document_bytes".  Words with a '-'
# in front are flags of the compiler.
sub cross_build
{
	my ($cpu, @words) = @_;
	my @targets = grep { !/^-/ } @words;
	my @flags = grep { /^-/ } @words;
	my $dir = tempdir("usdt-$cpu-XXXXXX", TMPDIR => 1, CLEANUP => 1);
	my $elf = root() . '/arm64/usr';

	# Only the usdt command needs libelf.
	make($cpu, $dir, "@flags", [map { "$dir/$_" } @targets],
		grep({ $_ eq 'usdt' } @targets)
		    ? ("LDFLAGS=-static -L$elf/lib/aarch64-linux-gnu",
			"CPPFLAGS=-isystem $elf/include", 'LIBS=-lz -pthread')
		    : 'LDFLAGS=-static');
	return $dir;
}

# make(CPU, DIR, FLAGS, TARGETS, VARIABLE...)
sub make
{
	my ($cpu, $dir, $flags, $targets, @variables) = @_;
	my @make = ('make', '-s', '-C', $top, "O=$dir", "ARCH=$cpu",
		'CC=' . cross_cc($cpu), 'AR=' . root() . "/bin/$cpu-linux-gnu-ar",
		'OBJCOPY=' . root() . "/bin/$cpu-linux-gnu-objcopy",
		"CFLAGS=-O2 -g -fasynchronous-unwind-tables $flags",
		@variables);

	# This make is independent: the flags of a make around the test are not
	# for it.
	system('env', '-u', 'MAKEFLAGS', '-u', 'MAKELEVEL', 'sh', '-c',
	    'log=$1; shift; "$@" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }',
	    'sh', "$dir/log", @make, @$targets) == 0
	    or die "make ARCH=$cpu: failed\n";
}

# cross_command(CPU, DIR, MACHINE): the usdt command, too, in the directory that
# cross_build made, for a machine of test/vm.  It is linked with the machine's
# libelf, and runs only there.
sub cross_command
{
	my ($cpu, $dir, $machine) = @_;

	system("$top/test/vm/build", $machine) == 0
	    or die "the machine $machine could not be built\n";
	my ($where) = `$top/test/vm/build --where $machine`;
	chomp $where;
	make($cpu, $dir, '', ["$dir/usdt"], "LDFLAGS=-L$where "
		. '-Wl,--unresolved-symbols=ignore-in-shared-libs',
		'CPPFLAGS=-isystem ' . root() . '/arm64/usr/include');
}

1;
