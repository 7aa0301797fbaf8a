# Usdt::DofWriter - which bytes are a DOF document with these contents?
#
# It checks nothing and chooses nothing.  Usdt::DofCases builds valid and
# spoiled documents with it; golden/generate.pl builds one and explains each
# byte.  It was written from the rules of the format, and shares no code with
# the library or with the reader Usdt::Dof.
#
# A part of a document is [BYTES, MEANING].  The meaning is a text for people,
# or undefined.
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::DofWriter;

use strict;
use warnings;
no warnings 'portable';		# of numbers with more than 32 bits

use Exporter qw(import);

our @EXPORT_OK = qw(record words length_of section document);

# The members of each structure, in order, and how pack writes them.
my %members = map { $_->[0] => [map { [split /:/] } split ' ', $_->[1]] } (
	[header => 'magic:a4 model:C encoding:C version:C dif:C
		integer_registers:C tuple_registers:C rest:a6 flags:L hdrsize:L
		secsize:L secnum:L secoff:Q loadsz:Q filesz:Q pad:Q'],
	[section => 'type:L align:L flags:L entsize:L offset:Q size:Q'],
	[provider => 'strtab:L probes:L prargs:L proffs:L name:L
		provider_attributes:L module_attributes:L
		function_attributes:L name_attributes:L
		argument_attributes:L prenoffs:L'],
	[probe => 'addr:Q func:L name:L nargv:L xargv:L argidx:L offidx:L
		nargc:C xargc:C noffs:S enoffidx:L nenoffs:S pad1:S pad:L'],
	[relocation => 'name:L type:L offset:Q data:Q'],
	[relocator => 'strtab:L reltab:L target:L'],
);

# Sections by name: type, alignment, size of an entry.
my %sections = (
	strtab => [8, 1, 0], reltab => [10, 8, 24], urelhdr => [12, 4, 0],
	provider => [15, 4, 0], probes => [16, 8, 48], prargs => [17, 1, 1],
	proffs => [18, 4, 4], prenoffs => [26, 4, 4],
);

# record(BIG, KIND, VALUES, MEANINGS): the parts of a structure, one for each
# member.  VALUES are a hash, or a list in the members' order.  A member without
# a value is left out: version 1 has no prenoffs.  BIG is true if the first byte
# of a number is the most significant.
sub record
{
	my ($big, $kind, $values, $meaning) = @_;
	my $order = $big ? '>' : '<';
	my @members = @{ $members{$kind} };
	my %value;
	@value{map { $_->[0] } @members} = ref $values eq 'ARRAY' ? @$values
	    : @$values{map { $_->[0] } @members};

	return map {
		my ($name, $letter) = @$_;
		[pack($letter =~ /[LQS]/ ? $letter . $order : $letter,
			$value{$name}), $meaning->{$name}];
	} grep { defined $value{ $_->[0] } } @members;
}

# words(BIG, NUMBER...): their bytes, 32 bits each.
sub words
{
	my ($big, @numbers) = @_;

	return pack($big ? 'L>*' : 'L<*', @numbers);
}

sub length_of
{
	my $sum = 0;
	$sum += length $_->[0] for @_;
	return $sum;
}

# section(NAME, PART...): the section of that name, to be loaded.
sub section
{
	my ($name, @parts) = @_;
	my ($type, $align, $entsize) = @{ $sections{$name} };

	return { name => $name, type => $type, flags => 1, align => $align,
		entsize => $entsize, parts => \@parts };
}

# document(DESCRIPTION): its parts.  DESCRIPTION has
#	header		values of the header's members; those that are missing
#			become the true sizes, counts and offsets
#	secsize, secoff	the size of a section's header, and where the first lies
#	sections	the sections, as section() makes them.  Their headers can
#			lie: offset and size replace the true ones.  skip moves a
#			section by as many bytes
#	change		code that gets the values of the header and may change
#			them
#	explain		code that gets 'header' or 'section', its values, and a
#			section's index, and returns the meanings
sub document
{
	my (%d) = @_;
	my $big = $d{header}{encoding} == 2;
	my $explain = $d{explain} // sub { return {} };
	my $secsize = $d{secsize} // 32;
	my $secoff = $d{secoff} // 64;
	my $at = $secoff + $secsize * @{ $d{sections} };
	my (@table, @body);

	for my $i (0 .. $#{ $d{sections} }) {
		my $section = $d{sections}[$i];
		my $align = $section->{align} || 1;
		my $size = length_of(@{ $section->{parts} });
		my $gap = -$at % $align + ($section->{skip} // 0);

		push @body, ["\0" x $gap, "up to a multiple of $align"] if $gap;
		push @body, @{ $section->{parts} };
		$at += $gap;
		my %value = (offset => $at, size => $size, %$section);
		push @table, record($big, 'section', \%value,
			$explain->('section', \%value, $i)),
			["\0" x ($secsize - 32)];
		$at += $size;
	}
	my %header = (magic => "\x7fDOF", rest => '', flags => 0,
		hdrsize => 64, secsize => $secsize,
		secnum => scalar @{ $d{sections} }, secoff => $secoff,
		loadsz => $at, filesz => $at, pad => 0, %{ $d{header} });
	$d{change}->(\%header) if $d{change};
	return grep { length $_->[0] } (record($big, 'header', \%header,
		$explain->('header', \%header)), ["\0" x ($secoff - 64)],
		@table, @body);
}

1;
