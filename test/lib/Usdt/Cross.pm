# Usdt::Cross - how is the library built for another processor?
#
# With the compilers that test/setup unpacks (`test/setup cross`), into a
# directory that is removed with the test.  Programs are static: the emulators
# and machines that run them lack these processors' libraries.  All have tables
# for unwinding, which compilers make on some processors only if they are asked.
package Usdt::Cross;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);

our @EXPORT_OK = qw(lacks_cross cross_build cross_units cross_cc emulator
	readelf);

my $top = abs_path(dirname(__FILE__) . '/../../..');
my $root;

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
	my @make = ('make', '-s', '-C', $top, "O=$dir", "ARCH=$cpu",
		'CC=' . cross_cc($cpu), 'AR=' . root() . "/bin/$cpu-linux-gnu-ar",
		'OBJCOPY=' . root() . "/bin/$cpu-linux-gnu-objcopy",
		"CFLAGS=-O2 -g -fasynchronous-unwind-tables @flags");

	# Only the usdt command needs libelf.
	push @make, grep({ $_ eq 'usdt' } @targets)
	    ? ("LDFLAGS=-static -L$elf/lib/aarch64-linux-gnu",
		"CPPFLAGS=-isystem $elf/include", 'LIBS=-lz -pthread')
	    : 'LDFLAGS=-static';
	# This make is independent: the flags of a make around the test are not
	# for it.
	system('env', '-u', 'MAKEFLAGS', '-u', 'MAKELEVEL', 'sh', '-c',
	    'log=$1; shift; "$@" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }',
	    'sh', "$dir/log", @make, map { "$dir/$_" } @targets) == 0
	    or die "make ARCH=$cpu: failed\n";
	return $dir;
}

1;
