#!/usr/bin/perl
# structs.t - do compilers and debuggers give structs the sizes and offsets that
# were declared?
#
# test/structs.c writes the text of structs at random, for each processor, with
# an assertion for each size and offset.  The compilers only read it.  It also
# writes an image, of which binutils' readelf reads the DWARF.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Basename qw(basename);
use File::Temp qw(tempdir);
use Test::More;

use Usdt::Variant qw(require_compiler);

my $obj = $ENV{USDT_OBJ} // 'obj-x86_64';
my @cc = split ' ', $ENV{CC} // 'cc';
my $dir = tempdir('usdt-structs-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my %target = (
	x86_64 => 'x86_64-linux-gnu',
	i386 => 'i386-linux-gnu',
	aarch64 => 'aarch64-linux-gnu',
	sparc64 => 'sparcv9-linux-gnu',
	riscv64 => 'riscv64-linux-gnu',
	s390x => 's390x-linux-gnu',
	armhf => 'armv7-linux-gnueabihf',
	ppc64le => 'powerpc64le-linux-gnu',
	ppc => 'powerpc-linux-gnu',
	ppc64 => 'powerpc64-linux-gnu',
);

require_compiler(system('clang --version >/dev/null 2>&1') == 0,
    'no clang (test/setup check installs it)');

# reads(FILE, COMPILER...): does it accept the file?  Prints what it says.
sub reads
{
	my ($file, @compiler) = @_;
	my ($output, $status) = Usdt::Variant::quiet(@compiler,
		'-fsyntax-only', '-w', $file);

	return ($status == 0, $output);
}

# in_dwarf(FILE): "STRUCT SIZE" and "STRUCT FIELD OFFSET" as readelf has them.
sub in_dwarf
{
	my ($file) = @_;
	my ($output, $status) = Usdt::Variant::quiet('readelf',
		'--debug-dump=info', $file);
	my ($tag, $name, $struct, @found) = ('', '', '');

	for (split /\n/, $output) {
		if (/\(DW_TAG_(\w+)\)/) {
			$tag = $1;
		} elsif (/DW_AT_name *: (?:\(.*?\): )?(\S+)/) {
			$name = $1;
			$struct = $name if $tag eq 'structure_type';
		} elsif (/DW_AT_byte_size *: (\d+)/) {
			push @found, "$struct $1" if $tag eq 'structure_type';
		} elsif (/DW_AT_data_member_location: (\d+)/) {
			push @found, "$struct $name $1";
		}
	}
	push @found, "readelf: $output" if $status || $output =~ /warning/i;
	return [sort @found];
}

sub accepts
{
	my ($title, @command) = @_;
	my ($accepted, $output) = reads(@command);

	ok($accepted, $title) || diag(substr($output, 0, 2000));
}

my ($output, $status) = Usdt::Variant::quiet(@cc, '-g', '-Wall', '-Wextra',
	'-Werror', '-I.', '-o', "$dir/structs", 'test/structs.c',
	"$obj/rooms.a", '-pthread');
is($status, 0, 'test/structs.c is compiled') || diag($output);

my ($native) = $obj =~ m{obj-([^/]+)/?$};
for my $seed (1 .. 5) {
	($output, $status) = Usdt::Variant::quiet("$dir/structs", $seed, $dir);
	is($status, 0, "structs at random, seed $seed") || diag($output);
	open my $in, '<', "$dir/declared" or die "declared: $!\n";
	chomp(my @declared = <$in>);
	is_deeply(in_dwarf("$dir/image"), [sort @declared],
	    'DWARF has these, as readelf reads it');
	my @files = sort glob "$dir/*.c";
	is(join(' ', map { basename($_, '.c') } @files),
	    join(' ', sort keys %target), 'a text for each processor');
	for my $file (@files) {
		my $arch = basename($file, '.c');

		accepts("clang for $arch", $file, 'clang', '-ffreestanding',
		    "--target=$target{$arch}");
		accepts("$cc[0] for $arch", $file, @cc) if $arch eq $native;
	}
}

# The test would see an error: one offset and one size are changed.
for my $what ('offsetof', 'sizeof') {
	open my $in, '<', "$dir/$native.c" or die "$native.c: $!\n";
	open my $out, '>', "$dir/wrong.c" or die "wrong.c: $!\n";
	my $changed = 0;
	while (my $line = <$in>) {
		$line =~ s/== (\d+)/'== ' . ($1 + 1)/e
		    if $line =~ /assert\($what/ && $changed++ == 7;
		print $out $line;
	}
	close $out or die "wrong.c: $!\n";
	my ($accepted, $said) = reads("$dir/wrong.c", @cc);
	ok(!$accepted && $said =~ /assert/, "a wrong $what is found");
}
done_testing();
