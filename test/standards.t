#!/usr/bin/perl
# Does everything compile without a word, whatever standard and compiler?
#
# Each compiler that is here, with gnu99, which the Makefile uses, later ones,
# and the newest without extensions, where the system's headers declare only
# what they are asked for.
use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;
use Usdt::Variant qw(variant require_compiler);

my $dir = tempdir('usdt-standards-XXXXXX', TMPDIR => 1, CLEANUP => 1);

# What a compiler says of itself; nothing if it is not here.
sub version
{
	my ($said, $status) = Usdt::Variant::quiet($_[0], '--version');

	return $status == 0 ? (split /\n/, $said)[0] =~ s/^\S+ //r : '';
}

# Compilers of other versions stand beside the first of their kind.
my (@compilers, %seen);
for my $kind (qw(gcc clang)) {
	my @names = ($kind, map { "$kind-$_" } 12 .. 30);

	require_compiler(version($kind), "no $kind (test/setup check installs it)");
	push @compilers, grep {
		my $version = version($_);
		$version && !$seen{"$kind $version"}++
	} @names;
}

sub knows
{
	my ($cc, $standard) = @_;
	my (undef, $status) = Usdt::Variant::quiet('sh', '-c',
		'echo "int a;" | "$@" -x c -c -o /dev/null -', 'sh', $cc,
		"-std=$standard");

	return $status == 0;
}

for my $cc (@compilers) {
	# Before it had its number, C23 had another name.
	my ($newest) = grep { knows($cc, $_) } qw(c23 c2x);
	my @standards = ('gnu99', 'gnu11', 'gnu17', $newest // ());

	ok(defined $newest, "$cc knows C23");
	variant("$dir/$cc-$_", ['all'], "CC=$cc", "STD=$_",
	    'CFLAGS=-O2 -Werror') for @standards;
}
done_testing();
