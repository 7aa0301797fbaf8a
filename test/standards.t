#!/usr/bin/perl
# Does everything compile without warnings, with each standard and compiler?
#
# Each installed compiler, with gnu99, which the Makefile uses, later standards,
# and the newest without extensions, where the system's headers declare only
# what is requested.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;
use Usdt::Variant qw(variant require_compiler);

my $dir = tempdir('usdt-standards-XXXXXX', TMPDIR => 1, CLEANUP => 1);

# A compiler's version; nothing if it is not installed.
sub version
{
	my ($said, $status) = Usdt::Variant::quiet($_[0], '--version');

	return $status == 0 ? (split /\n/, $said)[0] =~ s/^\S+ //r : '';
}

# Compilers of other versions are installed beside the first of their kind.
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
	# C23's name before it had a number.
	my ($newest) = grep { knows($cc, $_) } qw(c23 c2x);
	my @standards = ('gnu99', 'gnu11', 'gnu17', $newest // ());

	ok(defined $newest, "$cc knows C23");
	variant("$dir/$cc-$_", ['all'], "CC=$cc", "STD=$_",
	    'CFLAGS=-O2 -Werror') for @standards;
}
done_testing();
