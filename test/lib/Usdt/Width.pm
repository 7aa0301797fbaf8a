# Usdt::Width - does this machine run 32-bit programs, and if not, what does?
#
# Some processors and kernels run only 64-bit code and refuse the rest with
# ENOEXEC, though the compiler makes it.  There Debian's qemu-i386 runs what
# needs no kernel of its own, and an emulated machine (Usdt::Machine) the rest.
# Tests that only compile don't ask: see makes_32_bits of Usdt::Variant.
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::Width;

use strict;
use warnings;

use Exporter qw(import);
use File::Basename qw(basename);
use File::Temp qw(tempdir);
use Test::More ();

use Usdt::Cross qw(lacks_cross);
use Usdt::Variant ();

our @EXPORT_OK = qw(runs_32_bits say_where emulator
	stage_libraries);

# runs_32_bits(): tries a tiny program.  With $USDT_NO_32_BITS the answer is no,
# so that the other ways can be tested on any machine.
my $runs;
sub runs_32_bits
{
	return 0 if $ENV{USDT_NO_32_BITS};
	if (!defined $runs) {
		my $dir = tempdir('usdt-width-XXXXXX', TMPDIR => 1,
			CLEANUP => 1);
		my (undef, $status) = Usdt::Variant::quiet('sh', '-c',
			'echo "int main(void) { return 0; }" >$0/p.c; '
			. '"$@" -o $0/p $0/p.c && $0/p', $dir,
			split(' ', $ENV{CC} // 'cc'),
			Usdt::Variant::width_flags());
		$runs = $status == 0;
	}
	return $runs;
}

# say_where(WHERE): for the reader of the test's output.
sub say_where
{
	my ($where) = @_;

	Test::More::diag('32-bit programs ' . (runs_32_bits()
	    ? 'run natively' : "can't run natively here: they run in $where"));
}

# emulator(): the program that runs a 32-bit one.
sub emulator
{
	die lacks_cross(), "\n" if lacks_cross();
	return Usdt::Cross::emulator('i386');
}

# stage_libraries(STAGE, PROGRAM...): copies the libraries that they need, for a
# machine that has none of this width: guest-tests puts STAGE/lib32 where the
# loader looks.
sub stage_libraries
{
	my ($stage, @programs) = @_;
	my %libraries;

	for my $program (@programs) {
		my ($said) = Usdt::Variant::quiet('readelf', '-lW', $program);
		# A library has no interpreter of its own.
		my ($loader) = $said =~ /interpreter: ([^\]]+)\]/;
		$loader //= '/lib/ld-linux.so.2';
		my ($list, $status) = Usdt::Variant::quiet(emulator(), $loader,
			'--list', $program);
		next if $list =~ /statically linked/;
		$status == 0 or die "$loader --list $program:\n$list";
		die "$program: $list" if $list =~ /not found/;
		$libraries{basename($_)} = $_
		    for $loader, $list =~ m{=> (/\S+)}g;
	}
	mkdir("$stage/lib32");
	for my $name (sort keys %libraries) {
		system('cp', '-L', $libraries{$name}, "$stage/lib32/$name")
		    == 0 or die "$libraries{$name}: can't be copied\n";
	}
}

1;
