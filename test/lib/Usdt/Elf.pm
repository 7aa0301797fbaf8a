# Usdt::Elf - which SDT probes do tracers find in this ELF file, and what would
# they reject?
#
# It reads what bcc, libbpf, perf and DTrace read, by their rules, and shares
# nothing with the library that writes probe images.
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::Elf;

use strict;
use warnings;

=head1 NAME

Usdt::Elf - reads ELF files and their SDT notes, and judges them

=head1 SYNOPSIS

	my $elf = Usdt::Elf->read($path);	# or ->new($bytes)
	is_deeply([$elf->problems], []);
	print "$_->{provider}:$_->{name}\n" for $elf->notes;

=head1 METHODS

=over

=item problems

Sentences, none if all is well.  It checks the headers, sections, segments and
symbols of any ELF file, and what tracers need of SDT notes.

=item header

A hash: class (32 or 64), big (1: most significant byte first), type, machine,
entry, and the sizes and offsets of its tables.

=item sections, section(NAME)

Hashes in their order: index, name, type, flags, addr, offset, size, link,
info, align, entsize.  C<section> returns the first one of a name.
C<section_bytes(NAME)> are its bytes.

=item segments

All program headers, hashes: type, flags, offset, vaddr, paddr, filesz, memsz,
align.  C<loads> are the PT_LOADs.

=item symbols

Hashes: name, value, size, bind, type, other, shndx.

=item build_id

In hexadecimal, or undef.

=item notes

The SDT notes, hashes: provider, name, args (the text), location (as it
stands), base, semaphore, adjusted (the location moved as .stapsdt.base says),
and arguments, a list of hashes: size (1, 2, 4, 8), signed, operand.

=item file_offset(ADDRESS)

Where in the file an address lies, undef if nowhere.

=back

=cut

use constant {
	ET_EXEC => 2, ET_DYN => 3,
	PT_LOAD => 1, PF_X => 1, PF_W => 2,
	SHT_PROGBITS => 1, SHT_SYMTAB => 2, SHT_STRTAB => 3, SHT_NOTE => 7,
	SHT_NOBITS => 8, SHT_DYNSYM => 11,
	SHF_WRITE => 1, SHF_ALLOC => 2, SHF_EXECINSTR => 4,
	NT_GNU_BUILD_ID => 3, NT_STAPSDT => 3, MAX_ARGS => 12,
};

my @x86_registers = (
	(map { my $r = $_; map { "$_$r" } 'r', 'e', '' }
		qw(ax bx cx dx si di bp sp ip)),
	qw(al bl cl dl sil dil bpl spl ah bh ch dh),
	map { my $r = "r$_"; ($r, "${r}d", "${r}w", "${r}b") } 8 .. 15);
my $x86_register = '%(?:' . join('|', @x86_registers) . ')';

# The operands that libbpf accepts, by e_machine; on POWER perf and bcc.
my $number = '-?(?:0x[0-9a-f]+|\d+)';
my $x86_operand = qr/^(?:$x86_register
	| (?:$number)?\($x86_register\)
	| (?:$number)?\($x86_register,$x86_register(?:,[1248])?\)
	| \$$number)$/x;
my $arm_register = '(?:r\d+|fp|ip|sp|lr|pc)';
my %operand = (
	3 => $x86_operand, 62 => $x86_operand,
	183 => qr/^(?:x\d+|sp|\[(?:x\d+|sp)(?:,\s*$number)?\]|$number)$/,
	40 => qr/^(?:$arm_register|\[$arm_register(?:,\s*\#$number)?\]
		|\#$number)$/x,
	243 => qr/^(?:[a-z]+\d*|$number\([a-z]+\d*\)|$number)$/,
	21 => qr/^(?:%r\d+|$number\(%r\d+\)|i$number)$/,
	22 => qr/^(?:%r\d+|$number\(%r\d+\)|$number)$/,
);

sub read
{
	my ($class, $path) = @_;

	open(my $in, '<:raw', $path) or die "$path: $!\n";
	local $/;
	return $class->new(scalar(<$in>) // '');
}

sub new
{
	my ($class, $bytes) = @_;
	my $self = bless {
		bytes => $bytes, problems => [],
		sections => [], segments => [], symbols => [], notes => [],
	}, $class;

	if ($self->read_header) {
		$self->read_segments;
		$self->read_sections;
		$self->read_symbols;
		$self->read_notes;
		$self->check_notes;
	}
	return $self;
}

sub problems { return @{ $_[0]{problems} } }
sub header { return $_[0]{header} }
sub sections { return @{ $_[0]{sections} } }
sub segments { return @{ $_[0]{segments} } }
sub loads { return grep { $_->{type} == PT_LOAD } @{ $_[0]{segments} } }
sub symbols { return @{ $_[0]{symbols} } }
sub build_id { return $_[0]{build_id} }
sub notes { return @{ $_[0]{notes} } }

sub section
{
	my ($self, $name) = @_;
	return (grep { $_->{name} eq $name } $self->sections)[0];
}

sub section_bytes
{
	my ($self, $name) = @_;
	my $section = $self->section($name) or return undef;
	return substr($self->{bytes}, $section->{offset}, $section->{size});
}

sub file_offset
{
	my ($self, $address) = @_;

	for my $load ($self->loads) {
		return $address - $load->{vaddr} + $load->{offset}
		    if within($address, 1, $load->{vaddr}, $load->{filesz});
	}
	return undef;
}

# --- small things -----------------------------------------------------------

sub problem
{
	my ($self, $text) = @_;
	push @{ $self->{problems} }, $text;
	return;
}

# within(OFFSET, SIZE, START, LENGTH): no sums, which could wrap.
sub within
{
	my ($offset, $size, $start, $length) = @_;
	return $offset >= $start && $offset - $start <= $length
	    && $size <= $length - ($offset - $start);
}

sub inside { my ($self, @range) = @_; within(@range, 0, length $self->{bytes}) }

# get(OFFSET, LETTERS): integers; C S L Q, and W for an address-sized one.
sub get
{
	my ($self, $offset, $letters) = @_;
	my $order = $self->{big} ? '>' : '<';
	my $word = $self->{wide} ? 'Q' : 'L';
	my $template = join '', map { /C/ ? $_ : $_ . $order }
	    map { /W/ ? $word : $_ } split //, $letters;
	return unpack($template, substr($self->{bytes}, $offset));
}

sub hexed { return sprintf('%#x', $_[0]) }

sub is_power_of_two { my ($n) = @_; return $n && !($n & ($n - 1)) }

# --- the headers ------------------------------------------------------------

sub read_header
{
	my ($self) = @_;
	my ($magic, $class, $data, $version) =
	    unpack('a4CCC', $self->{bytes} . "\0" x 7);

	return $self->problem('there is no ELF magic')
	    if $magic ne "\x7fELF";
	return $self->problem("the class $class is neither 1 nor 2")
	    if $class != 1 && $class != 2;
	return $self->problem("the byte order $data is neither 1 nor 2")
	    if $data != 1 && $data != 2;
	$self->problem("the version is $version, not 1") if $version != 1;
	@$self{qw(wide big)} = ($class == 2, $data == 2);
	my $size = $self->{wide} ? 64 : 52;
	return $self->problem("the file is shorter than a header of $size")
	    if length $self->{bytes} < $size;
	my %h = (class => $class * 32, big => $data == 2 ? 1 : 0);
	@h{qw(type machine version entry phoff shoff flags ehsize phentsize
	    phnum shentsize shnum shstrndx)} =
	    $self->get(16, 'SSLWWWLSSSSSS');
	$self->problem("e_version is $h{version}, not 1")
	    if $h{version} != 1;
	$self->problem("e_ehsize is $h{ehsize}, not $size")
	    if $h{ehsize} != $size;
	$self->problem("the type $h{type} is neither an executable nor a "
	    . 'shared object') if $h{type} != ET_EXEC && $h{type} != ET_DYN;
	$self->{header} = \%h;
	return 1;
}

# table(WHAT, OFFSET, ENTRY SIZE, NUMBER, RIGHT SIZE): can it be read?
sub table
{
	my ($self, $what, $offset, $size, $number, $right) = @_;
	my $align = $self->{wide} ? 8 : 4;

	return if $number == 0;
	return $self->problem("$what headers have $size bytes, not $right")
	    if $size != $right;
	$self->problem("the $what headers at $offset are not aligned to "
	    . $align) if $offset % $align;
	return $self->problem("$number $what headers at $offset end beyond "
	    . 'the file') if !$self->inside($offset, $size * $number);
	return 1;
}

sub read_segments
{
	my ($self) = @_;
	my $h = $self->{header};
	my $size = $self->{wide} ? 56 : 32;

	$self->table('program', @$h{qw(phoff phentsize phnum)}, $size)
	    or return;
	for my $i (0 .. $h->{phnum} - 1) {
		my %segment = (index => $i);
		my @names = $self->{wide} ?
		    qw(type flags offset vaddr paddr filesz memsz align) :
		    qw(type offset vaddr paddr filesz memsz flags align);
		@segment{@names} = $self->get($h->{phoff} + $i * $size,
			$self->{wide} ? 'LLQQQQQQ' : 'LLLLLLLL');
		push @{ $self->{segments} }, \%segment;
		$self->check_segment(\%segment);
	}
	$self->check_loads;
}

sub check_segment
{
	my ($self, $segment) = @_;
	my ($offset, $vaddr, $filesz, $memsz, $align) =
	    @$segment{qw(offset vaddr filesz memsz align)};
	my $title = "segment $segment->{index}";

	$self->problem("$title: $filesz bytes at $offset end beyond the file")
	    if $filesz && !$self->inside($offset, $filesz);
	return if $segment->{type} != PT_LOAD;
	$self->problem("$title: $filesz bytes of file for $memsz of memory")
	    if $filesz > $memsz;
	$self->problem("$title: align $align is not a power of two")
	    if $align > 1 && !is_power_of_two($align);
	$self->problem("$title: address " . hexed($vaddr) . ' and offset '
	    . hexed($offset) . ' differ in their page')
	    if $align > 1 && ($vaddr - $offset) % $align;
	$self->problem("$title can be both written and executed")
	    if $segment->{flags} & PF_W && $segment->{flags} & PF_X;
}

sub check_loads
{
	my ($self) = @_;
	my @loads = $self->loads;

	for my $i (1 .. $#loads) {
		my ($before, $after) = @loads[$i - 1, $i];
		$self->problem("segments $before->{index} and "
		    . "$after->{index} overlap or are not in order")
		    if $before->{vaddr} + $before->{memsz} > $after->{vaddr};
	}
}

# --- sections ---------------------------------------------------------------

sub read_sections
{
	my ($self) = @_;
	my $h = $self->{header};
	my $size = $self->{wide} ? 64 : 40;

	return $self->problem('there are no section headers')
	    if $h->{shnum} == 0;
	$self->table('section', @$h{qw(shoff shentsize shnum)}, $size)
	    or return;
	for my $i (0 .. $h->{shnum} - 1) {
		my %section = (index => $i);
		@section{qw(nameidx type flags addr offset size link info
		    align entsize)} =
		    $self->get($h->{shoff} + $i * $size, 'LLWWWWLLWW');
		push @{ $self->{sections} }, \%section;
	}
	$self->name_sections;
	$self->check_section($_) for $self->sections;
	$self->check_overlap;
}

sub name_sections
{
	my ($self) = @_;
	my $index = $self->{header}{shstrndx};
	my $names = $self->{sections}[$index];

	if (!$names || $names->{type} != SHT_STRTAB
	    || !$self->inside(@$names{qw(offset size)})) {
		$_->{name} = '' for $self->sections;
		return $self->problem("section $index can't hold the names "
		    . 'of sections');
	}
	for my $section ($self->sections) {
		$section->{name} = $self->string($names, $section->{nameidx})
		    // '';
		$self->problem("section $section->{index}: its name is "
		    . 'outside the string table')
		    if $section->{nameidx} >= $names->{size};
	}
}

# A string of a string table, or undef unless it and its zero are inside.
sub string
{
	my ($self, $table, $offset) = @_;

	return undef if $offset >= $table->{size};
	my $start = $table->{offset} + $offset;
	my $end = index($self->{bytes}, "\0", $start);
	return undef if $end < 0
	    || $end >= $table->{offset} + $table->{size};
	return substr($self->{bytes}, $start, $end - $start);
}

sub check_section
{
	my ($self, $section) = @_;
	my ($index, $name, $offset, $size, $align, $addr) =
	    @$section{qw(index name offset size align addr)};
	my $title = "section $index ($name)";
	my $in_file = $section->{type} != SHT_NOBITS;

	return $self->check_null($section) if $index == 0;
	$self->problem("$title: $size bytes at $offset end beyond the file")
	    if $in_file && !$self->inside($offset, $size);
	$self->problem("$title: align $align is not a power of two")
	    if $align && !is_power_of_two($align);
	$self->problem("$title: address " . hexed($addr) . " is not aligned "
	    . "to $align") if $align && $addr % $align;
	$self->problem("$title: offset $offset is not aligned to $align")
	    if $in_file && $align && $offset % $align;
	$self->problem("$title: its link $section->{link} is no section")
	    if $section->{link} >= $self->{header}{shnum};
	$self->check_allocated($section, $title)
	    if $section->{flags} & SHF_ALLOC && $size && $in_file;
}

sub check_null
{
	my ($self, $section) = @_;
	$self->problem('section 0 is not empty')
	    if grep { $_ } @$section{qw(nameidx type flags addr offset)};
}

# In a segment with these rights, at the same distance from its start as in the
# file.
sub check_allocated
{
	my ($self, $section, $title) = @_;
	my ($addr, $size, $flags) = @$section{qw(addr size flags)};
	my ($load) = grep { within($addr, $size, @$_{qw(vaddr memsz)}) }
	    $self->loads;

	return if $section->{type} == SHT_NOBITS;
	return $self->problem("$title is allocated, but not in a segment")
	    if !$load;
	$self->problem("$title is elsewhere in memory than in the file")
	    if $addr - $load->{vaddr} != $section->{offset} - $load->{offset};
	$self->problem("$title is executable, its segment is not")
	    if $flags & SHF_EXECINSTR && !($load->{flags} & PF_X);
	$self->problem("$title is writable, its segment is not")
	    if $flags & SHF_WRITE && !($load->{flags} & PF_W)
	    && !grep { $_->{type} == 0x6474e552 } $self->segments;
}

sub check_overlap
{
	my ($self) = @_;
	my $h = $self->{header};
	my @ranges = sort { $a->[0] <=> $b->[0] } grep { $_->[1] } (
		[0, $h->{ehsize}, 'the header'],
		[$h->{phoff}, $h->{phentsize} * $h->{phnum},
			'the program headers'],
		[$h->{shoff}, $h->{shentsize} * $h->{shnum},
			'the section headers'],
		map { [@$_{qw(offset size)}, "section $_->{index}"] }
		grep { $_->{type} != SHT_NOBITS && $_->{type} != 0 }
		$self->sections);

	for my $i (1 .. $#ranges) {
		my ($before, $after) = @ranges[$i - 1, $i];
		$self->problem("$before->[2] and $after->[2] overlap")
		    if $before->[0] + $before->[1] > $after->[0];
	}
}

# --- symbols ----------------------------------------------------------------

sub read_symbols
{
	my ($self) = @_;

	for my $section ($self->sections) {
		next unless $section->{type} == SHT_SYMTAB;
		next unless $self->inside(@$section{qw(offset size)});
		$self->read_symbol_table($section);
	}
}

sub read_symbol_table
{
	my ($self, $table) = @_;
	my $size = $self->{wide} ? 24 : 16;
	my $names = $self->{sections}[ $table->{link} ];
	my $title = "section $table->{index} ($table->{name})";

	return $self->problem("$title: symbols of $table->{entsize} bytes, "
	    . "not $size") if $table->{entsize} != $size;
	$self->problem("$title has a part of a symbol")
	    if $table->{size} % $size;
	return $self->problem("$title has no string table")
	    if !$names || $names->{type} != SHT_STRTAB
	    || !$self->inside(@$names{qw(offset size)});
	for my $i (0 .. int($table->{size} / $size) - 1) {
		my %symbol = (index => $i);
		my @fields = $self->{wide} ?
		    qw(nameidx info other shndx value size) :
		    qw(nameidx value size info other shndx);
		@symbol{@fields} = $self->get($table->{offset} + $i * $size,
			$self->{wide} ? 'LCCSQQ' : 'LLLCCS');
		@symbol{qw(bind type)} =
		    ($symbol{info} >> 4, $symbol{info} & 15);
		$symbol{name} = $self->string($names, $symbol{nameidx});
		$self->problem("symbol $i: its name is outside the string "
		    . 'table') if !defined $symbol{name};
		$symbol{name} //= '';
		$self->check_symbol(\%symbol, $table);
		push @{ $self->{symbols} }, \%symbol;
	}
}

sub check_symbol
{
	my ($self, $symbol, $table) = @_;
	my $title = "symbol $symbol->{index} ($symbol->{name})";
	my $local = $symbol->{bind} == 0;
	my $section = $self->{sections}[ $symbol->{shndx} ];

	$self->problem("$title: local symbols stand before section "
	    . "$table->{index}'s info $table->{info}, others behind")
	    if $local != ($symbol->{index} < $table->{info});
	return if $symbol->{shndx} == 0 || $symbol->{shndx} >= 0xff00;
	return $self->problem("$title is in no section") if !$section;
	return if $symbol->{type} != 1 && $symbol->{type} != 2;
	$self->problem("$title is not inside its section $section->{name}")
	    if !within(@$symbol{qw(value size)}, @$section{qw(addr size)});
}

# --- notes ------------------------------------------------------------------

sub read_notes
{
	my ($self) = @_;

	for my $section ($self->sections) {
		my $name = $section->{name};
		next if $name ne '.note.stapsdt'
		    && $name ne '.note.gnu.build-id';
		next unless $self->inside(@$section{qw(offset size)});
		$self->problem("section $section->{index} ($name) is not of "
		    . 'type NOTE') if $section->{type} != SHT_NOTE;
		$self->read_note_section($section);
	}
}

sub read_note_section
{
	my ($self, $section) = @_;
	my ($at, $end) = ($section->{offset},
	    $section->{offset} + $section->{size});
	my $n = 0;

	while ($at < $end) {
		my $title = "$section->{name}: note $n";
		return $self->problem("$title has no whole header")
		    if $end - $at < 12;
		my ($namesz, $descsz, $type) = $self->get($at, 'LLL');
		my $desc = $at + 12 + aligned($namesz);
		return $self->problem("$title ends beyond its section")
		    if $desc > $end || $descsz > $end - $desc;
		my $name = substr($self->{bytes}, $at + 12, $namesz);
		$self->note($section, $title, $name, $type, $desc, $descsz);
		$at = $desc + aligned($descsz);
		$n++;
	}
	$self->problem("$section->{name}: the last note's padding ends "
	    . 'beyond the section') if $at > $end;
}

sub aligned { my ($size) = @_; return $size + 3 & ~3 }

sub note
{
	my ($self, $section, $title, $name, $type, $desc, $size) = @_;

	if ($section->{name} eq '.note.gnu.build-id') {
		return $self->problem("$title is no build-id")
		    if $name ne "GNU\0" || $type != NT_GNU_BUILD_ID;
		$self->problem("$title: a build-id of $size bytes")
		    if $size < 8 || $size > 20;
		$self->{build_id} =
		    unpack('H*', substr($self->{bytes}, $desc, $size));
		return;
	}
	return $self->problem("$title is not named stapsdt")
	    if $name ne "stapsdt\0";
	return $self->problem("$title is of type $type, not 3")
	    if $type != NT_STAPSDT;
	$self->sdt_note($title, $desc, $size);
}

# Three addresses, then three strings that end exactly with the descriptor.
sub sdt_note
{
	my ($self, $title, $desc, $size) = @_;
	my $addresses = $self->{wide} ? 24 : 12;

	return $self->problem("$title has no room for three addresses")
	    if $size < $addresses;
	my %note = (title => $title);
	@note{qw(location base semaphore)} = $self->get($desc, 'WWW');
	my $text = substr($self->{bytes}, $desc + $addresses,
		$size - $addresses);
	return $self->problem("$title: its three strings do not end where "
	    . 'it ends') if $text !~ /^([^\0]*)\0([^\0]*)\0([^\0]*)\0\z/;
	@note{qw(provider name args)} = ($1, $2, $3);
	$note{title} = "$title ($1:$2)";
	my $base = $self->section('.stapsdt.base');
	my $move = $base && $base->{addr} && $note{base} ?
	    $base->{addr} - $note{base} : 0;
	$note{adjusted} = $note{location} + $move;
	# Blanks separate them, but ARM's brackets may contain some.
	$note{arguments} = [map { $self->argument(\%note, $_) }
		$note{args} =~ /(?:\[[^\]]*\]|[^ ])+/g];
	push @{ $self->{notes} }, \%note;
}

sub argument
{
	my ($self, $note, $text) = @_;
	my $grammar = $operand{ $self->{header}{machine} };

	if ($text !~ /^(-?)([1248])@(.+)$/) {
		$self->problem("$note->{title}: the argument '$text' has no "
		    . 'size of 1, 2, 4 or 8');
		return { size => 0, signed => 0, operand => $text };
	}
	my %argument = (size => $2, signed => $1 ? 1 : 0, operand => $3);
	$self->problem("$note->{title}: no tracer knows the operand "
	    . "'$argument{operand}'")
	    if !$grammar || $argument{operand} !~ $grammar;
	return \%argument;
}

# --- what tracers need of notes ---------------------------------------------

sub check_notes
{
	my ($self) = @_;

	return if !$self->notes;
	$self->check_order;
	for my $note ($self->notes) {
		$self->check_note_names($note);
		$self->check_location($note, 'location', $note->{location});
		$self->check_location($note, 'adjusted location',
			$note->{adjusted})
		    if $note->{adjusted} != $note->{location};
		$self->check_semaphore($note) if $note->{semaphore};
		my $count = @{ $note->{arguments} };
		$self->problem("$note->{title}: $count arguments are more "
		    . 'than ' . MAX_ARGS) if $count > MAX_ARGS;
	}
}

sub check_note_names
{
	my ($self, $note) = @_;
	my $title = $note->{title};

	for my $field (qw(provider name)) {
		my $text = $note->{$field};
		$self->problem("$title: no $field") if $text eq '';
		$self->problem("$title: the $field holds what cuts it")
		    if $text =~ m{[/:,\s[:cntrl:]]};
	}
	$self->problem("$title: the name holds a '-', which C can't")
	    if $note->{name} =~ /-/;
}

# bcc goes through the sections once: executable, .probes, the notes.
sub check_order
{
	my ($self) = @_;
	my $probes = $self->section('.probes') or return;
	my $notes = $self->section('.note.stapsdt');
	my ($text) = grep { $_->{flags} & SHF_EXECINSTR } $self->sections;

	$self->problem('.probes stands before the first executable section')
	    if !$text || $text->{index} > $probes->{index};
	$self->problem('.probes stands behind .note.stapsdt')
	    if $probes->{index} > $notes->{index};
}

sub check_location
{
	my ($self, $note, $what, $address) = @_;
	my $title = "$note->{title}: the $what " . hexed($address);
	my ($load) = grep { within($address, 1, @$_{qw(vaddr memsz)}) }
	    $self->loads;
	my ($text) = grep { $_->{flags} & SHF_EXECINSTR } $self->sections;

	return $self->problem("$title is in no segment") if !$load;
	$self->problem("$title is not in an executable segment")
	    if !($load->{flags} & PF_X);
	$self->problem("$title can be written") if $load->{flags} & PF_W;
	$self->problem("$title is not in the file")
	    if !within($address, 1, @$load{qw(vaddr filesz)});
	$self->problem("$title is before the first executable section")
	    if $text && $address < $text->{addr};
}

sub check_semaphore
{
	my ($self, $note) = @_;
	my $address = $note->{semaphore};
	my $title = "$note->{title}: the semaphore " . hexed($address);
	my ($load) = grep { within($address, 2, @$_{qw(vaddr memsz)}) }
	    $self->loads;
	my $probes = $self->section('.probes');

	return $self->problem("$title is in no segment") if !$load;
	$self->problem("$title can't be written")
	    if !($load->{flags} & PF_W);
	$self->problem("$title can be executed") if $load->{flags} & PF_X;
	$self->problem("$title is not in the file")
	    if !within($address, 2, @$load{qw(vaddr filesz)});
	$self->problem("$title is not in a section .probes")
	    if !$probes || !within($address, 2, @$probes{qw(addr size)});
	$self->problem("$title is odd") if $address % 2;
}

1;
