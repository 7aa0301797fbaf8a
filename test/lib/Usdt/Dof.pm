# Usdt::Dof - would this system's DTrace accept these bytes, and what would it
# find in them?
#
# Written from what kernels and dtprobed check.  It shares nothing with the
# library that writes DOF: what the two agree on was understood twice.
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::Dof;

use strict;
use warnings;

=head1 NAME

Usdt::Dof - reads DOF documents and judges them as four systems would

=head1 SYNOPSIS

	my ($problems, $document) =
	    Usdt::Dof::judge($bytes, 'linux', addr => $base);
	is_deeply([Usdt::Dof::texts(@$problems)], []);
	print "$_->{function}:$_->{name}\n" for @{ $document->{probes} };

=head1 judge(BYTES, ROW, OPTION => VALUE...)

ROW is linux, illumos, freebsd or macos.  Options:

	addr	 dofhp_addr (default 0)
	dof	 the document's address (default: addr)
	encoding 1 or 2: the byte order of the process (default: this host's)
	model	 1 or 2: its pointers, 32 or 64 bits (default: any)
	machine	 x86_64 (the default), i386, arm64, sparc, ppc: whose sites
	code	 [ADDRESS, BYTES]: the code around the sites, which is judged
		 too
	module	 dofhp_mod, which is judged too
	readable how many bytes can be read there (default: BYTES); no section
		 may refer to bytes that are not given

Returns two references.  First the problems, each a hash: C<rule> (a number in
the list below, or a word), C<kind> (C<rejected>: the ioctl fails; C<dropped>:
it succeeds, but something is never seen; C<avoid>: accepted, but trouble) and
C<text>.  Then the document as far as it could be read: version, model,
encoding, sections, relocations, providers, and the first provider's members
also at the top: provider, attributes (five of [name, data, class]), probes.
A probe has function, name, native, xlated (lists of types), map, raw_addr,
addr (before and after relocation), offs, enoffs (as they stand), sites and
ensites (the addresses that the system computes).

=head1 RULES

	 1-3	reading it		29-32	provider section
	 4-16	header			33-37	what it refers to
	17-21	sections		38-48	each probe
	22-28	relocations		49-56	dropped without an error
	header, padding		no system checks it, and readers may trust it
	providers, names	some tracer can't find or distinguish them
	sites			addresses that no tracer reaches
	code			a tracer can't patch the code there
	limits			the longest module name
	count, key, share	between the documents of a process

=head1 judge_process(ROW, DOCUMENT...)

The further problems of a process with all these documents.  DOCUMENT is a hash,
in the order of registration, with addr, dof, provider, and on linux inode (of
the file that the document is mapped from).  Returns a reference to problems.

=cut

use constant {
	STRTAB => 8, RELTAB => 10, URELHDR => 12, PROVIDER => 15,
	PROBES => 16, PRARGS => 17, PROFFS => 18, PRENOFFS => 26,
	COMMENTS => 1, UTSNAME => 20, LOAD => 1,
	HEADER => 64, SECTION => 32, PROBE => 48,
};

my %type_name = (
	8 => 'STRTAB', 10 => 'RELTAB', 12 => 'URELHDR', 15 => 'PROVIDER',
	16 => 'PROBES', 17 => 'PRARGS', 18 => 'PROFFS', 26 => 'PRENOFFS',
	1 => 'COMMENTS', 20 => 'UTSNAME',
);

# How the systems differ.  The behaviour of dtprobed 2.0.7 with each spoiled
# document was observed (test/dtrace/mutants.t): strict means that it refuses
# what others accept. documents: how many a process can have. tracepoints: how
# many the system accepts; floor: how many it accepts even with little memory
# (macOS: 100,000 for each 256 MiB). function: the size, with the zero, from
# which a name is refused. fasttrap: rules 49 to 53 hold.
my %rows = (
	linux => { versions => [1, 2, 3], max => 256 << 20,
		relocates => 1, function => 128, fasttrap => 0, strict => 1 },
	illumos => { versions => [1, 2], max => 8 << 20,
		relocates => 1, function => 128, fasttrap => 1,
		tracepoints => 250_000, documents => 32 },
	freebsd => { versions => [1, 2], max => 8 << 20,
		relocates => 1, function => 192, fasttrap => 1,
		tracepoints => 250_000, documents => 32 },
	macos => { versions => [3], max => 512 << 10,
		relocates => 0, function => 128, fasttrap => 1,
		floor => 50_000, documents => 64 },
);

my $host_encoding = unpack('C', pack('S', 1)) ? 1 : 2;

sub judge
{
	my ($bytes, $row, %option) = @_;
	my $self = bless {
		bytes => $bytes, row => $row, is => $rows{$row},
		encoding => $host_encoding, addr => 0,
		%option, problems => [], document => {},
	}, __PACKAGE__;

	$self->{is} or die "judge: no row '$row'\n";
	$self->{dof} //= $self->{addr};
	if ($self->header && $self->sections) {
		$self->relocate if $self->{is}{relocates};
		$self->providers;
	}
	$self->module if defined $self->{module};
	return ($self->{problems}, $self->{document});
}

# All documents of a process.
sub judge_process
{
	my ($row, @documents) = @_;
	my $is = $rows{$row} or die "judge_process: no row '$row'\n";
	my $self = bless { row => $row, problems => [] }, __PACKAGE__;
	my ($count, %key, %named) = (0);

	for my $document (@documents) {
		my ($addr, $dof, $name) = @$document{qw(addr dof provider)};
		my $title = "document $count of $name";

		$self->dropped('count', "$title: a process has no more than "
		    . $is->{documents})
		    if $is->{documents} && $count >= $is->{documents};
		$count++;
		# The key by which the system distinguishes documents.
		my $key = $row eq 'linux' ? $document->{inode} // "at $dof"
		    : $row eq 'macos' ? $addr : $dof;
		if ($key{$key}++) {
			my $text = "$title: there is one under this key";
			$row eq 'linux' ? $self->rejected('key', $text)
			    : $self->dropped('key', $text);
		}
		$self->rejected('key', "$title: dofhp_addr is not the "
		    . "document's address") if $row eq 'macos' && $addr != $dof;
		$self->avoid('share', "$title: another has this provider, whose "
		    . 'probes stay when one is removed, and its strings do not')
		    if $named{$name}++ && $is->{fasttrap};
	}
	return $self->{problems};
}

sub texts
{
	return map { "rule $_->{rule}, $_->{kind}: $_->{text}" } @_;
}

# --- small things -----------------------------------------------------------

sub problem
{
	my ($self, $rule, $kind, $text) = @_;
	push @{ $self->{problems} },
	    { rule => $rule, kind => $kind, text => $text };
	return;
}

sub rejected
{
	my ($self, $rule, $text) = @_;
	return $self->problem($rule, 'rejected', $text);
}

# Accepted with trouble, and refused by strict systems.
sub doubtful
{
	my ($self, $rule, $text) = @_;
	return $self->problem($rule, $self->{is}{strict} ? 'rejected' : 'avoid',
		$text);
}

sub dropped
{
	my ($self, $rule, $text) = @_;
	return $self->problem($rule, 'dropped', $text);
}

sub avoid
{
	my ($self, $rule, $text) = @_;
	return $self->problem($rule, 'avoid', $text);
}

# Integers of the document's byte order; the caller has checked the bounds.
sub u8 { return unpack('C', substr($_[0]{bytes}, $_[1], 1)) }

sub u16
{
	my ($self, $at) = @_;
	return unpack($self->{big} ? 'n' : 'v', substr($self->{bytes}, $at, 2));
}

sub u32
{
	my ($self, $at) = @_;
	return unpack($self->{big} ? 'N' : 'V', substr($self->{bytes}, $at, 4));
}

sub u64
{
	my ($self, $at) = @_;
	return unpack($self->{big} ? 'Q>' : 'Q<',
		substr($self->{bytes}, $at, 8));
}

# Sums as the kernel makes them: modulo 2 to the 64.
sub add64
{
	my ($left, $right) = @_;
	use integer;
	return unpack('Q', pack('q', $left + $right));
}

sub signed32 { return unpack('l', pack('L', $_[0])) }

# outside(OFFSET, SIZE, TOTAL): no sums, which could wrap.
sub outside
{
	my ($offset, $size, $total) = @_;
	return $offset > $total || $size > $total - $offset;
}

sub hexed { return sprintf('%#x', $_[0]) }

sub title
{
	my ($section) = @_;
	my $type = $type_name{ $section->{type} } // "type $section->{type}";
	return "section $section->{index} ($type)";
}

# --- the header -------------------------------------------------------------

# Rules 1 to 16.  False if the rest can't be read.
sub header
{
	my ($self) = @_;
	my $length = $self->{readable} // length $self->{bytes};

	return $self->rejected(3, "$length bytes hold no header of 64")
	    if $length < HEADER;
	$self->ident;
	my $loadsz = $self->u64(40);
	my $max = $self->{is}{max};
	return $self->rejected(2, "loadsz $loadsz is less than a header")
	    if $loadsz < HEADER;
	$self->rejected(1, "loadsz $loadsz is not below the limit of $max")
	    if $loadsz >= $max;
	return $self->rejected(3,
		"loadsz is $loadsz, but only $length bytes can be read")
	    if $loadsz > $length;
	$self->{loadsz} = $loadsz;
	$self->unchecked_header;
	return $self->section_table;
}

sub ident
{
	my ($self) = @_;
	my ($magic, $model, $encoding, $version, $dif, $ints, $tuples, @pad) =
	    unpack('a4 C12', $self->{bytes});
	my $row = $self->{row};

	$self->rejected(4, 'the magic is not 7f D O F')
	    if $magic ne "\x7fDOF";
	$self->rejected(5, "the model $model is neither 1 nor 2")
	    if $model != 1 && $model != 2;
	$self->avoid(5, "the model is $model, the process's $self->{model}")
	    if defined $self->{model} && $model != $self->{model};
	$self->rejected(6, "the encoding is $encoding, and native is "
	    . $self->{encoding}) if $encoding != $self->{encoding};
	$self->rejected(7, "$row does not take version $version")
	    if !grep { $_ == $version } @{ $self->{is}{versions} };
	$self->rejected(8, "the DIF version is $dif, not 2") if $dif != 2;
	$self->rejected(9, "$ints DIF integer registers are more than 8")
	    if $ints > 8;
	$self->rejected(10, "$tuples DIF tuple registers are more than 8")
	    if $tuples > 8;
	$self->rejected(11, 'the last six bytes of ident are not all 0')
	    if grep { $_ != 0 } @pad;
	$self->{big} = $encoding == 2;
	$self->{version} = $version;
	$self->{document}{model} = $model;
	$self->{document}{encoding} = $encoding;
	$self->{document}{version} = $version;
}

# Members that no system checks, but other readers of DOF may trust.
sub unchecked_header
{
	my ($self) = @_;
	my ($hdrsize, $filesz, $pad) =
	    ($self->u32(20), $self->u64(48), $self->u64(56));

	$self->avoid('header', "hdrsize is $hdrsize, not 64")
	    if $hdrsize != HEADER;
	$self->avoid('header', "filesz $filesz is below loadsz")
	    if $filesz < $self->{loadsz};
	$self->avoid('header', 'pad is not 0') if $pad != 0;
}

sub section_table
{
	my ($self) = @_;
	my ($flags, $secsize, $secnum, $secoff) =
	    ($self->u32(16), $self->u32(24), $self->u32(28), $self->u64(32));
	my $loadsz = $self->{loadsz};
	my $fit = 1;

	$self->rejected(12, sprintf('flags %#x are not 0', $flags))
	    if $flags != 0;
	# Some check less; but overlapping headers are a table that none
	# accepts.
	return $self->rejected(13, "secsize is $secsize")
	    if $secsize < SECTION;
	$self->rejected(16, "secsize $secsize is not a multiple of 8")
	    if $secsize % 8;
	$self->avoid(13, "secsize is $secsize, not 32") if $secsize != SECTION;
	$self->rejected(15, "secoff $secoff is not a multiple of 8")
	    if $secoff % 8;
	if (outside($secoff, $secnum * $secsize, $loadsz)) {
		$self->rejected(14, "$secnum section headers of $secsize "
		    . "bytes at $secoff end beyond loadsz $loadsz");
		$fit = 0;
	}
	return 0 if !$fit;
	$self->avoid(14, 'the section headers lie in the header')
	    if $secnum && $secoff < HEADER;
	@$self{qw(secoff secsize secnum)} = ($secoff, $secsize, $secnum);
	return 1;
}

# --- the sections -----------------------------------------------------------

# Rules 17 to 21.  False if the bounds of some section can't be trusted.
sub sections
{
	my ($self) = @_;
	my $fit = 1;
	my @sections;

	for my $index (0 .. $self->{secnum} - 1) {
		my $at = $self->{secoff} + $index * $self->{secsize};
		my %section = (index => $index, at => $at);
		@section{qw(type align flags entsize)} =
		    map { $self->u32($at + 4 * $_) } 0 .. 3;
		@section{qw(offset size)} =
		    ($self->u64($at + 16), $self->u64($at + 24));
		push @sections, \%section;
		$fit = 0 if !$self->section(\%section);
	}
	$self->{document}{sections} = $self->{sections} = \@sections;
	$self->overlaps if $fit;
	return $fit;
}

sub section
{
	my ($self, $section) = @_;
	my ($offset, $size, $align) = @$section{qw(offset size align)};
	my $type = $section->{type};
	my $title = title($section);

	if (!($section->{flags} & LOAD)) {
		$self->rejected(17, "$title is not marked to be loaded")
		    if $self->{row} ne 'macos' && needs_load($type);
		return 1 if $self->{row} ne 'macos' || $type != PROVIDER;
		# macOS checks neither the flag nor the bounds.
		$self->avoid(17, "$title is not marked to be loaded");
		return 1 if !outside($offset, $size, $self->{loadsz});
		$self->avoid(20, "$title: $size bytes at $offset end beyond "
		    . "loadsz $self->{loadsz}");
		return 0;
	}
	$self->avoid(17, "$title is of a type that no provider needs")
	    if !$type_name{$type};
	$self->rejected(18, "$title: align $align is not a power of two")
	    if $align & ($align - 1);
	$self->avoid(18, "$title: align is 0") if $align == 0;
	$self->rejected(19, "$title: offset $offset is not a multiple of "
	    . "align $align") if $align ? $offset % $align : $offset;
	return $self->rejected(20, "$title: $size bytes at $offset end beyond "
	    . "loadsz $self->{loadsz}")
	    if outside($offset, $size, $self->{loadsz});
	$self->string_table($section) if $type == STRTAB;
	return 1;
}

sub needs_load
{
	my ($type) = @_;
	return $type_name{$type} && $type != COMMENTS && $type != UTSNAME;
}

sub string_table
{
	my ($self, $section) = @_;
	my $title = title($section);

	return $self->avoid(21, "$title is empty: its last byte is before it")
	    if $section->{size} == 0;
	$self->rejected(21, "$title does not end with a zero")
	    if $self->u8($section->{offset} + $section->{size} - 1) != 0;
}

# No system checks for overlaps, but they can only do harm.
sub overlaps
{
	my ($self) = @_;
	my @ranges = (
		[0, HEADER, 'the header'],
		[$self->{secoff}, $self->{secnum} * $self->{secsize},
			'the section headers'],
		map { [$_->{offset}, $_->{size}, title($_)] }
		    grep { ($_->{flags} & LOAD) && $_->{size} }
		    @{ $self->{sections} });

	@ranges = sort { $a->[0] <=> $b->[0] } @ranges;
	for my $i (1 .. $#ranges) {
		my ($before, $after) = @ranges[$i - 1, $i];
		$self->avoid(20, "$before->[2] and $after->[2] overlap")
		    if $before->[0] + $before->[1] > $after->[0];
	}
}

# wanted(INDEX, TYPE): the section, if it can be used with that type.
sub wanted
{
	my ($self, $index, $type) = @_;
	my $section = $index < $self->{secnum} ? $self->{sections}[$index]
	    : undef;

	return if !$section || !($section->{flags} & LOAD);
	return if defined $type && $section->{type} != $type;
	return $section;
}

# --- relocations ------------------------------------------------------------

# Rules 22 to 28; applies the relocations.
sub relocate
{
	my ($self) = @_;

	for my $header (@{ $self->{sections} }) {
		next unless $header->{type} == URELHDR
		    && $header->{flags} & LOAD;
		$self->relocation_header($header);
	}
}

sub relocation_header
{
	my ($self, $header) = @_;
	my ($size, $align) = @$header{qw(size align)};
	my $title = title($header);

	return $self->rejected(22, "$title has $size bytes and align $align, "
	    . 'not 12 and 4') if $size < 12 || $align != 4;
	my ($strtab, $table, $target) =
	    map { $self->u32($header->{offset} + 4 * $_) } 0 .. 2;
	my @types = ([$strtab, STRTAB, 'strtab'], [$table, RELTAB, 'relsec'],
	    [$target, undef, 'tgtsec']);
	for (@types) {
		my ($index, $type, $field) = @$_;
		return $self->rejected(23, "$title: its $field, section "
		    . "$index, can't be used as one")
		    if !$self->wanted($index, $type);
	}
	$strtab = $self->wanted($strtab, STRTAB);
	$table = $self->wanted($table, RELTAB);
	$target = $self->wanted($target);
	return $self->rejected(24, title($table) . ": entsize "
	    . "$table->{entsize} and align $table->{align}, not 24 and 8")
	    if $table->{entsize} < 24 || $table->{align} != 8;
	$self->avoid(24, title($table) . ' has a part of an entry')
	    if $table->{size} % $table->{entsize};
	my $count = int($table->{size} / $table->{entsize});
	for my $i (0 .. $count - 1) {
		$self->relocation($strtab, $target,
			$table->{offset} + $i * $table->{entsize}, $i);
	}
}

sub relocation
{
	my ($self, $strtab, $target, $at, $i) = @_;
	my ($name, $type) = ($self->u32($at), $self->u32($at + 4));
	my $offset = $self->u64($at + 8);
	my $title = "relocation $i";
	my $freebsd = $type == 2 && $self->{row} eq 'freebsd';

	$self->avoid(23, "$title: its name is outside the string table")
	    if $name >= $strtab->{size};
	return $self->avoid(28, "$title is of type NONE") if $type == 0;
	return $self->rejected(28, "$title is of the unknown type $type")
	    if $type != 1 && !$freebsd;
	return $self->rejected(25, "$title: 8 bytes at $offset are not in "
	    . title($target)) if outside($offset, 8, $target->{size});
	my $where = $target->{offset} + $offset;
	return $self->rejected(27, "$title: its place $where is not a "
	    . 'multiple of 8') if $where % 8;
	if ($where + 8 > $target->{at} && $where < $target->{at} + SECTION) {
		my $text = "$title hits the header of " . title($target);
		return $self->{row} eq 'linux' ? $self->avoid(26, $text)
		    : $self->rejected(26, $text);
	}
	$self->avoid(25, "$title: its place $where has had one before")
	    if $self->{relocated}{$where}++;
	push @{ $self->{document}{relocations} },
	    { type => $type, section => $target->{index}, offset => $offset };
	$self->apply($where, $title, $freebsd ?
		add64(add64($self->{dof}, $target->{offset}), $offset) :
		$self->{addr});
}

sub apply
{
	my ($self, $where, $title, $add) = @_;
	my $value = $self->u64($where);

	$self->{raw}{$where} //= $value;
	if ($self->{row} eq 'linux' && $value > $add) {
		# An address beyond the base counts as relocated.
		$self->avoid(25, "$title: " . hexed($value) . ' is above '
		    . 'dofhp_addr ' . hexed($add) . ' and stays as it is')
		    if $add;
		return;
	}
	substr($self->{bytes}, $where, 8) =
	    pack($self->{big} ? 'Q>' : 'Q<', add64($value, $add));
}

# --- providers --------------------------------------------------------------

sub providers
{
	my ($self) = @_;
	my @found = grep { $_->{type} == PROVIDER && ($_->{flags} & LOAD
	    || $self->{row} eq 'macos') } @{ $self->{sections} };

	$self->avoid('providers', 'there is no provider') if !@found;
	$self->avoid('providers', 'there are ' . @found . ' providers: older '
	    . 'dtprobed reads the first only') if @found > 1;
	for my $section (@found) {
		my $provider = $self->provider($section) or next;
		push @{ $self->{document}{providers} }, $provider;
	}
	my $first = $self->{document}{providers} or return;
	@{ $self->{document} }{qw(provider attributes probes)} =
	    @{ $first->[0] }{qw(provider attributes probes)};
}

# Rules 29 to 37.
sub provider
{
	my ($self, $section) = @_;
	my ($at, $size) = @$section{qw(offset size)};
	my $least = $self->{version} == 1 ? 40 : 44;
	my $title = title($section);

	$self->rejected(29, "$title: offset $at is not a multiple of 4")
	    if $at % 4;
	return $self->rejected(30, "$title: $size bytes are less than $least")
	    if $size < $least;
	my $parts = $self->provider_parts($section) or return;
	return if !$self->part_shapes($parts);
	my $name = $self->string($parts->{strtab}, $self->u32($at + 16));
	return $self->rejected(33, "$title: its name is outside "
	    . title($parts->{strtab})) if !defined $name;
	return $self->rejected(33, "the provider's name '$name' has more than "
	    . '63 bytes') if length $name >= 64;
	my %provider = (provider => $name, probes => [], attributes => [
		map { attribute($self->u32($at + 20 + 4 * $_)) } 0 .. 4]);
	$self->provider_name($name);
	$self->provider_attributes($provider{attributes});
	my $probes = $parts->{probes};
	my $count = int($probes->{size} / $probes->{entsize});
	for my $i (0 .. $count - 1) {
		my $probe = $self->probe($parts,
			$probes->{offset} + $i * $probes->{entsize}, $i);
		push @{ $provider{probes} }, $probe if $probe;
	}
	$self->among_probes($name, $provider{probes});
	return \%provider;
}

# Rules 31 and 32: the sections that a provider refers to.
sub provider_parts
{
	my ($self, $section) = @_;
	my @wants = ([0, STRTAB, 'strtab'], [4, PROBES, 'probes'],
		[8, PRARGS, 'prargs'], [12, PROFFS, 'proffs']);
	my %parts;

	for (@wants) {
		my ($field, $type, $name) = @$_;
		my $index = $self->u32($section->{offset} + $field);
		$parts{$name} = $self->wanted($index, $type)
		    // $self->rejected(31, title($section) . ": its $name, "
		    . "section $index, can't be used as one");
	}
	return if grep { !$parts{ $_->[2] } } @wants;
	return \%parts if $self->{version} < 2;
	my $index = $self->u32($section->{offset} + 40);
	return \%parts if $index == 0;
	$parts{prenoffs} = $self->wanted($index, PRENOFFS)
	    or return $self->rejected(32, title($section) . ': its prenoffs, '
	    . "section $index, can't be used as one");
	return \%parts;
}

# Rules 34 to 37.
sub part_shapes
{
	my ($self, $parts) = @_;
	my ($probes, $proffs, $prargs, $prenoffs) =
	    @$parts{qw(probes proffs prargs prenoffs)};
	my $size = $probes->{entsize};

	$self->rejected(35, title($proffs) . ": entsize $proffs->{entsize} "
	    . 'is not 4') if $proffs->{entsize} != 4;
	$self->rejected(36, title($proffs) . ": offset $proffs->{offset} "
	    . 'is not a multiple of 4') if $proffs->{offset} % 4;
	$self->rejected(37, title($prargs) . ": entsize $prargs->{entsize} "
	    . 'is not 1') if $prargs->{entsize} != 1;
	if ($prenoffs) {
		$self->doubtful(43, title($prenoffs) . ": entsize "
		    . "$prenoffs->{entsize} is not 4")
		    if $prenoffs->{entsize} != 4;
		$self->avoid(43, title($prenoffs) . ": offset "
		    . "$prenoffs->{offset} is not a multiple of 4")
		    if $prenoffs->{offset} % 4;
	}
	return $self->rejected(34, title($probes) . ": entsize $size with "
	    . "$probes->{size} bytes")
	    if $size == 0 || $size > $probes->{size} || $size % 8;
	$self->doubtful(34, title($probes) . ": entsize $size is below 48")
	    if $size < PROBE;
	$self->avoid(34, title($probes) . ": entsize $size is not 48")
	    if $size > PROBE;
	$self->avoid(34, title($probes) . ' has a part of a probe')
	    if $probes->{size} % $size;
	$self->avoid(27, title($probes) . ": offset $probes->{offset} "
	    . 'is not a multiple of 8') if $probes->{offset} % 8;
	return $size >= PROBE;
}

# A string of a string table, or undef if it starts outside.
sub string
{
	my ($self, $strtab, $offset) = @_;

	return if $offset >= $strtab->{size};
	my $start = $strtab->{offset} + $offset;
	my $limit = $strtab->{offset} + $strtab->{size};
	my $end = index($self->{bytes}, "\0", $start);
	$end = $limit if $end < 0 || $end > $limit;
	return substr($self->{bytes}, $start, $end - $start);
}

sub attribute
{
	my ($word) = @_;
	return [$word >> 24, $word >> 16 & 255, $word >> 8 & 255, $word & 255];
}

# Rules 49 to 51, and what dtrace(1) on Linux can't address.
sub provider_name
{
	my ($self, $name) = @_;
	my $linux = $self->{row} eq 'linux';
	my @reserved = $self->{row} eq 'macos' ? qw(pid objc oneshot) : 'pid';
	my $room = $linux ? 64 - 7 : 64 - 10;	# digits of a pid

	$self->dropped(49, "with a pid behind it the provider's name '$name' "
	    . 'has more than 63 bytes') if length $name >= $room;
	$self->dropped(50, "the provider's name '$name' is reserved")
	    if grep { $name eq $_ } @reserved;
	if (!$linux) {
		$self->dropped(51, "the provider's name '$name' starts with "
		    . 'what it may not') if $name !~ /^[A-Za-z_.-]/;
		$self->dropped(51, "the provider's name '$name' holds what it "
		    . 'may not') if $name =~ /[^A-Za-z0-9_.`-]/;
		return;
	}
	$self->path_part('provider', $name);
	$self->avoid('names', "the provider's name '$name' ends in a digit, "
	    . 'which Linux takes for the pid') if $name =~ /[0-9]$/;
}

sub provider_attributes
{
	my ($self, $attributes) = @_;
	my @names = qw(provider module function name argument);

	for my $i (0 .. 4) {
		my ($name, $data, $class, $rest) = @{ $attributes->[$i] };
		my $text = "$names[$i] attributes are $name/$data/$class";
		if ($self->{is}{fasttrap} && ($name > 7 || $data > 7)) {
			$self->dropped(51, $text);
		} elsif ($name > 7 || $data > 7 || $class > 5) {
			# Kernels treat classes beyond the last as ISA.
			$self->avoid(51, $text);
		}
		$self->avoid(51, "the lowest byte of $names[$i] attributes "
		    . 'is not 0') if $rest;
		pop @{ $attributes->[$i] };
	}
}

# Rule 56: on Linux, names become directories.
sub path_part
{
	my ($self, $what, $name) = @_;

	$self->rejected(56, "the $what is named '$name'")
	    if $name eq '.' || $name eq '..';
	$self->rejected(56, "the $what '$name' has a / in its name")
	    if $name =~ m{/};
}

sub module
{
	my ($self) = @_;
	my $name = $self->{module};

	$self->rejected('limits', "the module '$name' has more than 63 bytes")
	    if length $name > 63;
	$self->doubtful('names', 'the module has no name') if $name eq '';
	$self->path_part('module', $name) if $self->{row} eq 'linux';
}

# --- probes -----------------------------------------------------------------

# Rules 38 to 48.  undef if it can't be read.
sub probe
{
	my ($self, $parts, $at, $i) = @_;
	my %field = (
		addr => $self->u64($at), nargc => $self->u8($at + 32),
		xargc => $self->u8($at + 33), noffs => $self->u16($at + 34),
		nenoffs => $self->u16($at + 40),
		enoffidx => $self->u32($at + 36),
	);
	@field{qw(func name nargv xargv argidx offidx)} =
	    map { $self->u32($at + 8 + 4 * $_) } 0 .. 5;
	$self->avoid('padding', "probe $i: its padding is not 0")
	    if $self->u16($at + 42) || $self->u32($at + 44);
	my %probe = (title => "probe $i", addr => $field{addr},
		raw_addr => $self->{raw}{$at} // $field{addr});
	$self->probe_names(\%probe, $parts->{strtab}, \%field) or return;
	$self->probe_offsets(\%probe, $parts, \%field);
	$self->probe_types(\%probe, $parts, \%field);
	$self->probe_dropped(\%probe);
	delete $probe{title};
	return \%probe;
}

sub probe_names
{
	my ($self, $probe, $strtab, $field) = @_;
	my $function = $self->string($strtab, $field->{func});
	my $name = $self->string($strtab, $field->{name});
	my $title = $probe->{title};

	$self->rejected(38, "$title: its function is outside the string table")
	    if !defined $function;
	$self->rejected(40, "$title: its name is outside the string table")
	    if !defined $name;
	return if !defined $function || !defined $name;
	$probe->{function} = $function;
	$probe->{name} = $name;
	$probe->{title} = $title = "$title ($function:$name)";
	if (length $function >= $self->{is}{function}) {
		my $text = "$title: its function has "
		    . length($function) . ' bytes';
		$self->{row} eq 'freebsd' ? $self->dropped(39, $text)
		    : $self->rejected(39, $text);
	}
	$self->rejected(40, "$title: its name has " . length($name) . ' bytes')
	    if length $name >= 64;
	$self->doubtful('names', "$title: an empty name is a wildcard")
	    if $name eq '' || $function eq '';
	return 1 if $self->{row} ne 'linux';
	$self->path_part("function of $title", $function);
	$self->path_part("name of $title", $name);
	return 1;
}

# Rules 41 to 44, and the offsets.
sub probe_offsets
{
	my ($self, $probe, $parts, $field) = @_;
	my $title = $probe->{title};
	my ($noffs, $nenoffs) = @$field{qw(noffs nenoffs)};
	my $version = $self->{version};

	$probe->{offs} = $self->offsets(41, $parts->{proffs}, 4,
		$field->{offidx}, $noffs) // $self->rejected(41, "$title: $noffs offsets from "
		. "$field->{offidx} on are not in PROFFS");
	if ($version >= 2 && !$parts->{prenoffs}) {
		$self->rejected(42, "$title has is-enabled offsets, but there "
		    . 'is no PRENOFFS') if $field->{enoffidx} || $nenoffs;
		$nenoffs = 0;
	}
	$probe->{enoffs} = [];
	if ($version >= 2 && $parts->{prenoffs}) {
		my $entsize = $self->{is}{fasttrap} ?
		    $parts->{prenoffs}{entsize} : 4;
		$probe->{enoffs} = $self->offsets(43, $parts->{prenoffs},
			$entsize, $field->{enoffidx}, $nenoffs)
		    // $self->rejected(43, "$title: $nenoffs offsets from "
		    . "$field->{enoffidx} on are not in PRENOFFS");
	}
	$self->rejected(44, "$title has no site")
	    if $noffs + ($version >= 2 ? $nenoffs : 0) == 0;
	$probe->{offs} //= [];
	$probe->{enoffs} //= [];
	$self->sites($probe);
}

# Kernels multiply in 32 bits: they accept what wraps, and then read gigabytes
# beyond their copy. dtprobed refuses it.
sub offsets
{
	my ($self, $rule, $section, $entsize, $index, $count) = @_;
	my $end = $index + $count;
	my $wrapped = $self->{is}{fasttrap} ? $end * $entsize & 0xffff_ffff :
	    $end * $entsize;

	return if $end > 0xffff_ffff || $wrapped > $section->{size};
	if ($end * 4 > $section->{size}) {
		$self->avoid($rule, title($section) . ": $count offsets from "
		    . "$index on lie behind it");
		return [];
	}
	return [map { $self->u32($section->{offset} + 4 * ($index + $_)) }
		0 .. $count - 1];
}

# The addresses that the system computes from offsets.
sub sites
{
	my ($self, $probe) = @_;
	my ($base, $bias, $enabled_bias, $mask) = ($probe->{addr}, 0, 0, 0);
	my $macos = $self->{row} eq 'macos';

	if ($macos) {
		my $machine = $self->{machine} // 'x86_64';
		($base, $bias, $enabled_bias, $mask) =
		    $machine eq 'arm64' ? ($self->{addr}, 0, 0, 1) :
		    $machine eq 'ppc' ? ($self->{addr}, 0, 0, 0) :
		    ($self->{addr}, -1, 2, 0);
	}
	my $site = sub {
		my ($offset, $more) = @_;
		$offset = signed32($offset) if $macos;
		return add64(add64($base, $offset), $more) & ~$mask;
	};
	$probe->{sites} = [map { $site->($_, $bias) } @{ $probe->{offs} }];
	$probe->{ensites} =
	    [map { $site->($_, $enabled_bias) } @{ $probe->{enoffs} }];
	return if !$self->{code};
	$self->code_at("$probe->{title}: site", $_, 0) for @{ $probe->{sites} };
	$self->code_at("$probe->{title}: is-enabled site", $_, 1)
	    for @{ $probe->{ensites} };
}

# --- the code at a site -----------------------------------------------------

my %code_of = (x86_64 => \&x86_code, i386 => \&x86_code,
	arm64 => \&arm64_code, sparc => \&sparc_code,
	ppc => \&power_code);
# Of processors that only Linux traces.
my %nop_of = (
	riscv64 => "\x13\0\0\0",
	s390x => "\x47\0\0\0",
	arm => "\0\xf0\x20\xe3",
	ppc64le => "\0\0\0\x60");

sub code_at
{
	my ($self, $title, $site, $asks) = @_;
	my ($start, $bytes) = @{ $self->{code} };
	my $where = $title . ' ' . hexed($site);
	my $at = $site - $start;

	return $self->dropped('code', "$where is not in the code")
	    if $site < $start || $at >= length $bytes;
	my $machine = $self->{machine} // 'x86_64';
	my $judge = $code_of{$machine} // ($nop_of{$machine} && \&linux_code)
	    or die "judge: no machine '$self->{machine}'\n";
	my $found = substr($bytes, $at, 4);
	$judge->($self, $where, $found, $asks, substr($bytes, 0, $at),
		substr($bytes, $at));
}

# The kernel writes one byte there; a breakpoint of our own would be one too.
sub x86_code
{
	my ($self, $where, $found, $asks, $before, $after) = @_;
	my $linux = $self->{row} eq 'linux';

	return $self->dropped('code', "$where is a breakpoint or an interrupt")
	    if $found =~ /^[\xcc\xcd\xce]/;
	my $nop = $found =~ /^\x90/;
	my $wide = $after =~ /^(?:\x0f\x1f\x00|\x0f\x1f\x40\x00
	    |\x0f\x1f\x44\x00\x00|\x66\x0f\x1f\x44\x00\x00
	    |\x66+\x2e\x0f\x1f\x84\x00{5})/x;
	return $self->avoid('code', "$where is not a nop")
	    if !$nop && !($linux && $wide) && !$asks;
	return if !$asks || $linux;
	# A tracer puts 1 in the return register and skips the code there.
	my $cleared = $before =~ /(?:\x48)?[\x31\x33]\xc0\x90*\z/;
	return if $nop && $cleared;
	return if $found =~ /^\x48?[\x31\x33]\xc0/;
	return $self->dropped('code', "$where is a return, which an answer "
	    . 'skips') if $found =~ /^\xc3/;
	$self->avoid('code', "$where: nothing says no while nobody traces");
}

sub arm64_code
{
	my ($self, $where, $found, $asks, $before) = @_;
	my $word = unpack('V', $found);
	my ($nop, $clear) = ($word == 0xd503201f, $word == 0xd2800000);

	if ($self->{row} eq 'linux') {
		$self->avoid('code', "$where is not a nop") if !$nop;
		return;
	}
	return $self->dropped('code', "$where is neither a nop nor mov x0, 0")
	    if !$nop && !$clear;
	return $self->avoid('code', "$where is not a nop") if !$asks && !$nop;
	my $cleared = $before =~ /\x00\x00\x80\xd2(?:\x1f\x20\x03\xd5)*\z/;
	$self->avoid('code', "$where: nothing says no while nobody traces")
	    if $asks && $nop && !$cleared;
}

sub sparc_code
{
	my ($self, $where, $found, $asks, $before) = @_;
	my $word = unpack('N', $found);

	if (!$asks || $self->{row} eq 'linux') {
		$self->avoid('code', "$where is not a nop")
		    if $word != 0x01000000;
		return;
	}
	my $cleared = $before =~ /\x90\x10\x20\x00(?:\x01\x00\x00\x00)*\z/;
	$self->avoid('code', "$where: nothing says no while nobody traces")
	    if $word != 0x90102000 && !($word == 0x01000000 && $cleared);
}

# macOS on PowerPC puts 1 into r3 and goes on behind the instruction.
sub power_code
{
	my ($self, $where, $found, $asks, $before) = @_;
	my $word = unpack('N', $found);
	my ($nop, $clear) = ($word == 0x60000000, $word == 0x38600000);

	return $self->avoid('code', "$where is not a nop") if !$asks && !$nop;
	my $cleared = $before =~ /\x38\x60\x00\x00(?:\x60\x00\x00\x00)*\z/;
	$self->avoid('code', "$where: nothing says no while nobody traces")
	    if $asks && !$clear && !($nop && $cleared);
}

sub linux_code
{
	my ($self, $where, $found) = @_;

	$self->avoid('code', "$where is not a nop")
	    if $found ne $nop_of{ $self->{machine} };
}

# Rules 45 to 48.
sub probe_types
{
	my ($self, $probe, $parts, $field) = @_;
	my ($nargc, $xargc, $argidx) = @$field{qw(nargc xargc argidx)};
	my ($strtab, $prargs) = @$parts{qw(strtab prargs)};
	my $title = $probe->{title};

	$probe->{native} = $self->type_list($strtab, $field->{nargv}, $nargc)
	    // $self->rejected(46, "$title: a native type is outside the "
	    . 'string table or has more than 127 bytes');
	$probe->{xlated} = $self->type_list($strtab, $field->{xargv}, $xargc)
	    // $self->rejected(48, "$title: a translated type is outside the "
	    . 'string table or has more than 127 bytes');
	$probe->{map} = [];
	return $self->rejected(45, "$title: $xargc arguments from $argidx on "
	    . 'are not in PRARGS')
	    if $argidx + $xargc > 0xffffffff
	    || $argidx + $xargc > $prargs->{size};
	$probe->{map} = [map { $self->u8($prargs->{offset} + $argidx + $_) }
		0 .. $xargc - 1];
	for my $native (@{ $probe->{map} }) {
		my $text = "$title: it maps native argument $native of $nargc";
		$self->rejected(47, $text) if $native > $nargc;
		$self->avoid(47, $text) if $native == $nargc;
	}
	my $moved = grep { $probe->{map}[$_] != $_ } 0 .. $xargc - 1;
	$self->avoid(47, "$title: it maps a native argument that is on the "
	    . 'stack, and others than in order')
	    if $moved && $self->{is}{fasttrap}
	    && grep { $_ >= 6 } @{ $probe->{map} };
}

sub type_list
{
	my ($self, $strtab, $offset, $count) = @_;
	my @types;

	for (1 .. $count) {
		my $type = $self->string($strtab, $offset) // return;
		return if length($type) + 1 > 128;
		push @types, $type;
		$offset += length($type) + 1;
	}
	return \@types;
}

# Rules 52, 54 and 55, and offsets that lead nowhere.
sub probe_dropped
{
	my ($self, $probe) = @_;
	my $linux = $self->{row} eq 'linux';
	my $title = $probe->{title};

	for my $kind (qw(offs enoffs)) {
		my (%seen, $twice, $far);
		for my $offset (@{ $probe->{$kind} }) {
			$twice = $offset if $seen{$offset}++;
			$far = $offset if $offset >= 1 << 31;
		}
		if (defined $twice) {
			my $text = "$title: $kind holds $twice twice";
			$linux ? $self->rejected(54, $text)
			    : $self->dropped(52, $text);
		}
		$self->dropped('sites', "$title: the offset " . hexed($far)
		    . ' is unsigned, and so leads nowhere')
		    if defined $far && $self->{row} ne 'macos';
	}
	return unless $linux && $self->{version} < 3;
	if (@{ $probe->{enoffs} }) {
		$self->avoid('sites', "$title: is-enabled sites are ignored "
		    . 'below version 3');
		$self->rejected(55, "$title has is-enabled sites only")
		    if !@{ $probe->{offs} };
	}
}

# Checks that need all probes of a provider: rule 53, and what dtprobed and
# dtrace(1) can't distinguish.
sub among_probes
{
	my ($self, $provider, $probes) = @_;
	my ($limit, $floor) = @{ $self->{is} }{qw(tracepoints floor)};
	my ($total, %sited) = (0);

	for my $probe (@$probes) {
		my $title = "$probe->{function}:$probe->{name}";
		$self->doubtful('names', "there are two probes $title")
		    if $self->{named}{ pack('(w/a)*', $provider,
			@$probe{qw(function name)}) }++;
		my @sites = (@{ $probe->{sites} }, @{ $probe->{ensites} });
		$total += @sites;
		for my $site (@sites) {
			my $other = $sited{$site} //= $probe;
			next if $other == $probe;
			$self->avoid('sites', "$title and $other->{function}:"
			    . "$other->{name} share the site " . hexed($site));
		}
	}
	$self->dropped(53, "$total tracepoints are more than $limit")
	    if defined $limit && $total > $limit;
	$self->avoid(53, "$total tracepoints are more than the $floor that any "
	    . 'machine takes') if defined $floor && $total > $floor;
}

1;
