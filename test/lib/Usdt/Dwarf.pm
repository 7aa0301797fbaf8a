# Usdt::Dwarf - what does the DWARF of an ELF file say?
#
# It reads version 4 as the standard describes it (sections 2, 6.1.2, 7), and
# shares nothing with the library that writes it.
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::Dwarf;

use strict;
use warnings;

=head1 NAME

Usdt::Dwarf - reads .debug_info, .debug_abbrev and .debug_aranges

=head1 SYNOPSIS

	my $dwarf = Usdt::Dwarf->new(Usdt::Elf->read($path));
	is_deeply([$dwarf->problems], []);
	print "$_->{name}\n" for $dwarf->find('subprogram');

=head1 METHODS

=over

=item problems

Sentences, none if all is well: unknown words, lengths that don't fit,
references to nothing, bytes behind the end.

=item units

The entries of the units: hashes of offset, tag, children, and the attributes
by name.  Types are offsets; locations are texts such as "reg5" or "breg7 8".

=item find(TAG), at(OFFSET)

All entries of that tag, in order; the one at that offset.

=item type(OFFSET)

The type in C: "char *", "struct peer", "int [3]".

=item ranges

What .debug_aranges has: [unit, address, length] each.

=back

=cut

my %tags = (
	0x01 => 'array_type', 0x05 => 'formal_parameter', 0x0d => 'member',
	0x0f => 'pointer_type', 0x11 => 'compile_unit',
	0x13 => 'structure_type', 0x21 => 'subrange_type',
	0x24 => 'base_type', 0x2e => 'subprogram', 0x34 => 'variable',
);
my %attributes = (
	0x02 => 'location', 0x03 => 'name', 0x0b => 'byte_size',
	0x11 => 'low_pc', 0x12 => 'high_pc', 0x13 => 'language',
	0x25 => 'producer', 0x27 => 'prototyped', 0x37 => 'count',
	0x38 => 'data_member_location', 0x3e => 'encoding', 0x3f => 'external',
	0x49 => 'type',
);

sub new
{
	my ($class, $elf) = @_;
	my $self = bless {
		big => $elf->header->{big}, word => $elf->header->{class} / 8,
		problems => [], dies => {}, order => [], units => [],
		map { ($_ => $elf->section_bytes(".debug_$_") // '') }
		    qw(info abbrev aranges)
	}, $class;
	my $at = 0;

	while ($at < length $self->{info}) {
		$at = $self->read_unit($at) // last;
	}
	$self->check_references;
	$self->read_ranges;
	return $self;
}

sub problems { return @{ $_[0]{problems} } }
sub units { return @{ $_[0]{units} } }
sub at { return $_[0]{dies}{$_[1]} }
sub ranges { return @{ $_[0]{ranges} } }

sub find
{
	my ($self, $tag) = @_;
	return grep { $_->{tag} eq $tag }
	    map { $self->{dies}{$_} } @{ $self->{order} };
}

sub problem
{
	my ($self, @text) = @_;
	push @{ $self->{problems} }, sprintf shift @text, @text;
	return;
}

# --- numbers ----------------------------------------------------------------

# number(FROM, AT, SIZE): an unsigned integer; moves AT.
sub number
{
	my ($self, $from, $at, $size) = @_;
	my $bytes = substr($$from, $$at, $size);

	if (length $bytes < $size) {
		$self->problem('a number at %d is cut off', $$at);
		$bytes .= "\0" x ($size - length $bytes);
	}
	$$at += $size;
	$bytes = reverse $bytes if $self->{big};
	my $value = 0;
	$value = ($value << 8) | $_ for reverse unpack 'C*', $bytes;
	return $value;
}

sub leb
{
	my ($self, $from, $at, $signed) = @_;
	my ($value, $shift, $byte) = (0, 0);

	do {
		$byte = $self->number($from, $at, 1);
		$value |= ($byte & 0x7f) << $shift;
		$shift += 7;
	} while $byte & 0x80 && $shift < 70;
	$value -= 1 << $shift if $signed && $byte & 0x40;
	return $value;
}

sub string
{
	my ($self, $from, $at) = @_;
	my $end = index($$from, "\0", $$at);

	if ($end < 0) {
		$self->problem('a string at %d has no end', $$at);
		$end = length $$from;
	}
	my $text = substr($$from, $$at, $end - $$at);
	$$at = $end + 1;
	return $text;
}

# --- units ------------------------------------------------------------------

# The abbreviations at an offset: by number, tag, whether there are children,
# and pairs of attribute and form.
sub read_abbrevs
{
	my ($self, $at) = @_;
	my %abbrevs;

	while (my $number = $self->leb(\$self->{abbrev}, \$at)) {
		my $tag = $self->leb(\$self->{abbrev}, \$at);
		my $children = $self->number(\$self->{abbrev}, \$at, 1);
		my @pairs;

		$self->problem('abbreviation %d comes twice', $number)
		    if $abbrevs{$number};
		$self->problem('children are %d', $children) if $children > 1;
		while (1) {
			my @pair = map { $self->leb(\$self->{abbrev}, \$at) }
			    0, 1;

			last if !$pair[0] && !$pair[1];
			push @pairs, \@pair;
			last if $at >= length $self->{abbrev};
		}
		$abbrevs{$number} = [$tag, $children, @pairs];
	}
	$self->problem('.debug_abbrev has %d bytes behind its end',
	    length($self->{abbrev}) - $at) if $at != length $self->{abbrev};
	return \%abbrevs;
}

sub read_unit
{
	my ($self, $start) = @_;
	my ($info, $at) = (\$self->{info}, $start);
	my $end = $self->number($info, \$at, 4);

	$end += $at;
	$self->problem('a unit ends at %d of %d', $end, length $$info)
	    if $end > length $$info;
	my $version = $self->number($info, \$at, 2);
	$self->problem('version %d', $version) if $version != 4;
	my $abbrevs = $self->read_abbrevs($self->number($info, \$at, 4));
	my $word = $self->number($info, \$at, 1);
	$self->problem('addresses have %d bytes', $word)
	    if $word != $self->{word};
	my $unit = $self->read_die(\$at, $start, $abbrevs);

	$self->problem('the unit at %d ends at %d, not at %d', $start, $at,
	    $end) if $at != $end;
	push @{ $self->{units} }, $unit if $unit;
	return $end > $start ? $end : undef;
}

sub read_die
{
	my ($self, $at, $unit, $abbrevs) = @_;
	my $offset = $$at;
	my $number = $self->leb(\$self->{info}, $at) or return;
	my $abbrev = $abbrevs->{$number};

	if (!$abbrev) {
		$self->problem('there is no abbreviation %d', $number);
		$$at = length $self->{info};
		return;
	}
	my ($tag, $children, @pairs) = @$abbrev;
	my $die = { offset => $offset, tag => $tags{$tag}, children => [] };

	$self->problem('tag %#x', $tag) if !defined $die->{tag};
	$self->{dies}{$offset} = $die;
	push @{ $self->{order} }, $offset;
	for (@pairs) {
		my $name = $attributes{ $_->[0] };

		$self->problem('attribute %#x', $_->[0]) if !defined $name;
		$die->{$name // '?'} = $self->form($at, $_->[1], $unit);
	}
	while ($children && $$at < length $self->{info}) {
		my $child = $self->read_die($at, $unit, $abbrevs) or last;
		push @{ $die->{children} }, $child;
	}
	return $die;
}

sub form
{
	my ($self, $at, $form, $unit) = @_;
	my $info = \$self->{info};

	return $self->number($info, $at, $self->{word}) if $form == 0x01;
	return $self->number($info, $at, 8) if $form == 0x07;
	return $self->string($info, $at) if $form == 0x08;
	return $self->number($info, $at, 1) if $form == 0x0b;
	return $self->leb($info, $at) if $form == 0x0f;
	return $unit + $self->number($info, $at, 4) if $form == 0x13;
	return $self->location($at) if $form == 0x18;
	return 1 if $form == 0x19;
	$self->problem('form %#x', $form);
	return;
}

sub location
{
	my ($self, $at) = @_;
	my $end = $self->leb(\$self->{info}, $at);
	my @words;

	$end += $$at;
	while ($$at < $end) {
		my $op = $self->number(\$self->{info}, $at, 1);

		if ($op >= 0x50 && $op <= 0x6f) {
			push @words, 'reg' . ($op - 0x50);
		} elsif ($op >= 0x70 && $op <= 0x8f) {
			push @words, 'breg' . ($op - 0x70) . ' '
			    . $self->leb(\$self->{info}, $at, 1);
		} else {
			$self->problem('operation %#x', $op);
		}
	}
	$self->problem('an expression ends at %d, not at %d', $$at, $end)
	    if $$at != $end;
	return join ', ', @words;
}

sub check_references
{
	my ($self) = @_;

	for my $die (values %{ $self->{dies} }) {
		next if !defined $die->{type};
		$self->problem('%d refers to nothing at %d', $die->{offset},
		    $die->{type}) if !$self->{dies}{ $die->{type} };
	}
}

# --- types ------------------------------------------------------------------

sub type
{
	my ($self, $offset) = @_;
	my $die = $self->at($offset) // return '?';

	return $die->{name} if $die->{tag} eq 'base_type';
	return "struct $die->{name}" if $die->{tag} eq 'structure_type';
	if ($die->{tag} eq 'pointer_type') {
		my $to = defined $die->{type} ? $self->type($die->{type}) :
		    'void';
		return $to . ($to =~ /\*$/ ? '*' : ' *');
	}
	return $self->type($die->{type}) . " [$die->{children}[0]{count}]"
	    if $die->{tag} eq 'array_type';
	return "? $die->{tag}";
}

# --- ranges -----------------------------------------------------------------

sub read_ranges
{
	my ($self) = @_;
	my ($from, $at) = (\$self->{aranges}, 0);

	$self->{ranges} = [];
	return if !length $$from;
	my $end = $self->number($from, \$at, 4);
	$end += $at;
	my $version = $self->number($from, \$at, 2);
	$self->problem('aranges of version %d', $version) if $version != 2;
	my $unit = $self->number($from, \$at, 4);
	my ($word, $segment) = map { $self->number($from, \$at, 1) } 0, 1;
	$self->problem('aranges with words of %d and segments of %d', $word,
	    $segment) if $word != $self->{word} || $segment;
	$at += -$at % (2 * $word);
	while ($at < $end) {
		my ($address, $length) =
		    map { $self->number($from, \$at, $word) } 0, 1;

		last if !$address && !$length;
		push @{ $self->{ranges} }, [$unit, $address, $length];
	}
	$self->problem('aranges end at %d of %d', $at, length $$from)
	    if $at != $end || $at != length $$from;
}

1;
