# Usdt::DofCases - valid documents, and documents that break one rule
#
# Usdt::DofWriter writes them as four systems accept them; then each is spoiled
# in one way after another.  A case names all rules of Usdt::Dof that it breaks,
# so a judge that refuses everything fails too.
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::DofCases;

use strict;
use warnings;
no warnings 'portable';		# of numbers with more than 32 bits

use Exporter qw(import);

use Usdt::DofWriter qw(record words section document);

our @EXPORT_OK = qw(@rows $base build good first_version probe
	each_spoiled);
our @rows = qw(linux illumos freebsd macos);
# The order of sections differs from the library's on purpose.
my @order = qw(strtab provider probes proffs prargs reltab urelhdr prenoffs
	extra);
my %index;
@index{@order} = 0 .. $#order;

# --- the builder ------------------------------------------------------------

# strings(\$table, STRING...): adds them; the offset of the first.
sub strings
{
	my ($table, @strings) = @_;
	my $at = length $$table;
	$$table .= join('', map { "$_\0" } @strings);
	return $at;
}

# build(DESCRIPTION): the bytes.  A description has version, model, encoding,
# provider, attributes (5 words), probes, relocate; and code that spoils: fields
# gets the fields of provider, probes and relocations, shape the sections by
# name, header its fields, bytes the whole document.
sub build
{
	my (%d) = @_;
	my $big = $d{encoding} == 2;
	my ($strtab, $prargs) = ("\0", '');
	my (@offs, @enoffs, @probes);

	for my $probe (@{ $d{probes} }) {
		my @native = @{ $probe->{native} };
		my @xlated = @{ $probe->{xlated} };
		push @probes, {
			addr => $probe->{addr},
			func => strings(\$strtab, $probe->{function}),
			name => strings(\$strtab, $probe->{name}),
			nargv => strings(\$strtab, @native),
			xargv => strings(\$strtab, @xlated),
			argidx => length $prargs,
			offidx => scalar @offs, enoffidx => scalar @enoffs,
			nargc => scalar @native, xargc => scalar @xlated,
			noffs => scalar @{ $probe->{offs} },
			nenoffs => scalar @{ $probe->{enoffs} },
			pad1 => 0, pad => 0,
		};
		$prargs .= pack('C*', @{ $probe->{map} });
		push @offs, @{ $probe->{offs} };
		push @enoffs, @{ $probe->{enoffs} };
	}
	my $has_enoffs = $d{version} >= 2 && ($d{prenoffs} // 1);
	my %provider = (%index, name => strings(\$strtab, $d{provider}));
	@provider{map { "${_}_attributes" }
		qw(provider module function name argument)} =
	    @{ $d{attributes} // [(0x05050500) x 5] };
	$provider{prenoffs} = $d{version} == 1 ? undef : 0 if !$has_enoffs;
	my @relocations = map { [0, 1, $_ * 48, 0] } 0 .. $#probes;
	my @relhdr = @index{qw(strtab reltab probes)};
	$d{fields}->(\%provider, \@probes, \@relocations, \@relhdr)
	    if $d{fields};

	my %data = (
		strtab => $strtab, prargs => $prargs,
		proffs => words($big, @offs), prenoffs => words($big, @enoffs),
		probes => records($big, 'probe', @probes),
		provider => records($big, 'provider', \%provider),
		reltab => records($big, 'relocation', @relocations),
		urelhdr => records($big, 'relocator', \@relhdr),
	);
	my %sections = map { $_ => { %{ section($_) }, data => $data{$_} } }
	    keys %data;
	if (!$d{relocate}) {	# comments keep the other sections' indexes
		$sections{$_} = { type => 1, flags => 0, align => 1,
			entsize => 0, data => '' } for qw(reltab urelhdr);
	}
	delete $sections{prenoffs} if !$has_enoffs;
	$d{shape}->(\%sections) if $d{shape};
	$_->{parts} = [[$_->{data}]] for values %sections;
	my $bytes = joined(document(
		header => { model => $d{model}, encoding => $d{encoding},
			version => $d{version}, dif => 2,
			integer_registers => 0, tuple_registers => 0 },
		secsize => $d{secsize}, secoff => $d{secoff},
		sections => [map { $sections{$_} // () } @order],
		change => $d{header}));
	$d{bytes}->(\$bytes) if $d{bytes};
	return $bytes;
}

sub joined { return join '', map { $_->[0] } @_ }

sub records
{
	my ($big, $kind, @values) = @_;

	return join '', map { joined(record($big, $kind, $_)) } @values;
}

# --- good documents ---------------------------------------------------------

our $base = 0x7f12_3456_7000;

# probe(CHANGE...): a probe with all parts, changed by CHANGE.
sub probe
{
	return {
		function => 'serve', name => 'request-start',
		native => ['int', 'char *', 'uint64_t'],
		xlated => ['int', 'char *', 'uint64_t'], map => [0, 1, 2],
		addr => 0x1000, offs => [21], enoffs => [4], @_,
	};
}

# good(ROW, CHANGE...): a description that the row accepts, in its own style.
sub good
{
	my ($row, @change) = @_;
	my @second = (function => 'stop', name => 'done', native => [],
		xlated => [], map => [], addr => 0x1020);

	return (version => 3, model => 2, encoding => 1, provider => 'web',
		probes => [probe(), probe(@second)], relocate => 1, @change)
	    if $row eq 'linux';
	return (version => 3, model => 2, encoding => 1, provider => 'web',
		probes => [probe(addr => 0, offs => [0x2001],
				enoffs => [0x1ffe]),
			probe(@second, addr => 0, offs => [0xffff_e021],
				enoffs => [0xffff_e01e])], @change)
	    if $row eq 'macos';
	return (version => 2, model => 2, encoding => 1, provider => 'web',
		probes => [probe(addr => $base + 0x1000, offs => [21, 22]),
			probe(@second, addr => $base + 0x1020)], @change);
}

# The first version had no is-enabled sites.
sub first_version
{
	return (version => 1, provider => 'web', model => 2, encoding => 1,
		probes => [probe(addr => $base, enoffs => [])], @_);
}

# --- spoiled documents ------------------------------------------------------

my ($each, @always);	# the arguments of each_spoiled

# spoiled(TITLE, [ROWS => EXPECTED]..., CHANGE...): ROWS is a word list, and
# EXPECTED a list of "RULE KIND".  CHANGE goes to good, except option, which
# goes to the judge.
sub spoiled
{
	my ($title, $expected, %change) = @_;
	my $option = delete $change{option} // [];
	my $from = delete $change{from} // \&good;

	for my $row (sort keys %$expected) {
		my %d = ($from->($row), map { $_ => ref $change{$_} eq 'HASH' ?
			$change{$_}{$row} : $change{$_} } keys %change);
		%d = (%d, @always);
		$each->({ row => $row, title => $title, bytes => build(%d),
			expected => [sort @{ $expected->{$row} }],
			option => $option });
	}
}

# on(ROWS, RULE...): the first argument of many cases.
sub on
{
	my ($rows, @rules) = @_;
	return map { $_ => \@rules } split ' ', $rows;
}

my $all = 'linux illumos freebsd macos';
my $fasttrap = 'illumos freebsd macos';
my $relocating = 'linux illumos freebsd';

# Code that spoils.
sub header_with
{
	my (%change) = @_;
	return header => sub { @{ $_[0] }{keys %change} = values %change };
}

sub ident_with
{
	my ($at, $byte) = @_;
	return bytes => sub { substr(${ $_[0] }, $at, 1) = chr $byte };
}

# section_with(NAME => {MEMBER => VALUE}): in the section of that name.
sub section_with
{
	my ($name, %change) = @_;
	return shape => sub {
		my ($sections) = @_;
		@{ $sections->{$name} }{keys %change} = values %change;
	};
}

# One more section, which nothing uses.
sub extra
{
	my (%change) = @_;
	return shape => sub {
		$_[0]{extra} = { type => 17, flags => 1, align => 1,
			entsize => 1, data => '', %change };
	};
}

sub provider_with
{
	my (%change) = @_;
	return fields => sub { @{ $_[0] }{keys %change} = values %change };
}

sub probe_with
{
	my (%change) = @_;
	return fields => sub { @{ $_[1][0] }{keys %change} = values %change };
}

# Tracepoints in numbers: probes that share their offsets, at other addresses.
sub many
{
	my ($row, $count) = @_;
	my $of_each = 50_000;
	my @offs = map { 2 * $_ } 0 .. $of_each - 1;
	my @probes = map { probe(name => "n$_", addr => $_ << 32,
		offs => $_ ? [] : \@offs, enoffs => []) }
		0 .. ($count - 1) / $of_each;
	my %d = good($row, probes => \@probes);

	return (%d, fields => sub {
		for my $i (0 .. $#probes) {
			my $left = $count - $i * $of_each;
			$_[1][$i]{offidx} = 0;
			$_[1][$i]{noffs} = $left < $of_each ? $left : $of_each;
		}
	});
}

# Changes the description of the first probe, on every row.
sub rename_probe
{
	my (%change) = @_;
	my %probes;

	for my $row (@rows) {
		my %d = good($row);
		@{ $d{probes}[0] }{keys %change} = values %change;
		$probes{$row} = $d{probes};
	}
	return probes => \%probes;
}

sub first_version_of { return first_version() }

my @relocated = (relocate => 1);
my %max = (linux => 256 << 20, illumos => 8 << 20, freebsd => 8 << 20,
	macos => 512 << 10);

# each_spoiled(CODE, CHANGE...): calls CODE with each case: a hash of row,
# title, bytes, expected ("RULE KIND", sorted), option (a list, for
# Usdt::Dof::judge). CHANGE goes into each description.
sub each_spoiled
{
	($each, @always) = @_;

	# Reading it, and the header.
	for my $row (@rows) {
		my %large = (option => [readable => $max{$row}]);
		spoiled('as large as the limit', { $row => ['1 rejected'] },
			%large, header_with(loadsz => $max{$row},
				filesz => $max{$row}));
		spoiled('one byte below the limit', { on($row) }, %large,
			header_with(loadsz => $max{$row} - 1,
				filesz => $max{$row} - 1));
		spoiled('less can be read than the limit allows',
			{ $row => ['3 rejected'] },
			header_with(loadsz => $max{$row} - 1,
				filesz => $max{$row} - 1));
	}
	spoiled('a loadsz below a header', { on($all, '2 rejected') },
		header_with(loadsz => 63));
	spoiled('a byte is missing', { on($all, '3 rejected') },
		bytes => sub { chop ${ $_[0] } });
	spoiled('half a header', { on($all, '3 rejected') },
		bytes => sub { substr(${ $_[0] }, 63) = '' });
	for my $at (0 .. 3) {
		spoiled("byte $at of the magic", { on($all, '4 rejected') },
			ident_with($at, 0x20));
	}
	for my $model (0, 3) {
		spoiled("model $model", { on($all, '5 rejected') },
			ident_with(4, $model));
	}
	spoiled("another model than the process's", { on($all, '5 avoid') },
		option => [model => 1]);
	spoiled('the other byte order', { on($all, '6 rejected') },
		option => [encoding => 2]);
	spoiled('version 0', { on($all, '7 rejected') }, ident_with(6, 0));
	spoiled('version 4', { on($all, '7 rejected') }, ident_with(6, 4));
	spoiled('version 3', { on('illumos freebsd', '7 rejected') },
		ident_with(6, 3));
	spoiled('version 2', { on('macos', '7 rejected') }, ident_with(6, 2));
	spoiled('DIF version 1', { on($all, '8 rejected') }, ident_with(7, 1));
	spoiled('8 integer and tuple registers', { on($all) },
		bytes => sub { substr(${ $_[0] }, 8, 2) = "\x08\x08" });
	spoiled('9 integer registers', { on($all, '9 rejected') }, ident_with(8, 9));
	spoiled('9 tuple registers', { on($all, '10 rejected') }, ident_with(9, 9));
	for my $at (10 .. 15) {
		spoiled("ident byte $at", { on($all, '11 rejected') },
			ident_with($at, 1));
	}
	spoiled('flags', { on($all, '12 rejected') }, header_with(flags => 1));
	spoiled('secsize 0', { on($all, '13 rejected') }, header_with(secsize => 0));
	spoiled('secsize 24', { on($all, '13 rejected') },
		header_with(secsize => 24));
	spoiled('secsize 40', { on($all, '13 avoid') }, secsize => 40);
	spoiled('secsize 36', { on($all, '13 avoid', '16 rejected') }, secsize => 36);
	spoiled('secoff beyond the end', { on($all, '14 rejected') },
		header_with(secoff => 1 << 40));
	spoiled('secoff that wraps', { on($all, '14 rejected') },
		header_with(secoff => 0xffff_ffff_ffff_fff8));
	spoiled('too many sections', { on($all, '14 rejected') },
		header_with(secnum => 0xffff_ffff));
	spoiled('secoff 68', { on($all, '15 rejected') }, secoff => 68);
	spoiled('secoff 72', { on($all) }, secoff => 72);
	spoiled('hdrsize', { on($all, 'header avoid') }, header_with(hdrsize => 0));
	spoiled('filesz below loadsz', { on($all, 'header avoid') },
		header_with(filesz => 64));
	spoiled('padding of the header', { on($all, 'header avoid') },
		header_with(pad => 1));

	# Sections.
	spoiled('a section not to be loaded', { on($relocating, '17 rejected'),
		on('macos') }, extra(flags => 0));
	spoiled('comments not to be loaded', { on($all) },
		extra(type => 1, flags => 0));
	spoiled('a section of an unknown type', { on($all, '17 avoid') },
		extra(type => 77));
	spoiled('align 3', { on($all, '18 rejected') }, extra(align => 3));
	spoiled('align 0', { on($all, '18 avoid', '19 rejected') },
		extra(align => 0));
	spoiled('align 0 at 0', { on($all, '18 avoid') },
		extra(align => 0, offset => 0));
	spoiled('an offset that is not aligned', { on($all, '19 rejected') },
		extra(align => 8, skip => 4));
	spoiled('a section beyond the end', { on($all, '20 rejected') },
		extra(offset => 1 << 20));
	spoiled('a section that ends beyond the end', { on($all, '20 rejected') },
		extra(size => 1 << 20));
	spoiled('a section that wraps', { on($all, '20 rejected') },
		extra(offset => 64, size => 0xffff_ffff_ffff_fff0));
	spoiled('sections that overlap', { on($all, '20 avoid') },
		extra(offset => 0, size => 8));
	spoiled('strings without an end', { on($all, '21 rejected') },
		shape => sub { $_[0]{strtab}{data} .= 'x' });
	spoiled('an empty string table', { on($all, '21 avoid') }, extra(type => 8));

	# Relocations: only where a row has them.
	spoiled('a short relocation header', { on($relocating, '22 rejected'),
		on('macos') }, @relocated,
		shape => sub { substr($_[0]{urelhdr}{data}, 8) = '' });
	spoiled('a relocation header of align 8', { on($relocating, '22 rejected'),
		on('macos') }, @relocated, section_with(urelhdr => align => 8));
	for my $i (0 .. 2) {
		for my $bad (99, $index{urelhdr}) {
			next if $i == 2 && $bad < 99;
			spoiled("word $i of a relocation header is $bad",
				{ on($relocating, '23 rejected'), on('macos') },
				@relocated, fields => sub { $_[3][$i] = $bad });
		}
	}
	spoiled('a relocation into what is not loaded', {
		on($relocating, '17 rejected', '23 rejected'), on('macos') },
		@relocated, fields => sub { $_[3][2] = $#order },
		extra(flags => 0, data => "\0" x 256));
	spoiled("a relocation's name outside", { on($relocating, '23 avoid'),
		on('macos') }, @relocated, fields => sub { $_[2][0][0] = 9999 });
	spoiled('relocations of 16 bytes', { on($relocating, '24 rejected'),
		on('macos') }, @relocated, section_with(reltab => entsize => 16));
	spoiled('relocations of align 4', { on($relocating, '24 rejected'),
		on('macos') }, @relocated, section_with(reltab => align => 4));
	spoiled('a part of a relocation', { on($relocating, '24 avoid'),
		on('macos') }, @relocated,
		shape => sub { $_[0]{reltab}{data} .= "\0" x 8 });
	spoiled('a relocation that ends behind its target', {
		on($relocating, '25 rejected'), on('macos') }, @relocated,
		fields => sub { $_[2][0][2] = 2 * 48 - 4 });
	spoiled('a relocation whose place wraps', { on($relocating, '25 rejected'),
		on('macos') }, @relocated,
		fields => sub { $_[2][0][2] = 0xffff_ffff_ffff_fff8 });
	spoiled('two relocations at one place', { on('linux', '25 avoid') },
		fields => sub { $_[2][1][2] = 0 });
	spoiled('an address above the base', { on('linux', '25 avoid') },
		probes => [probe(addr => $base + 8)]);
	spoiled('a relocation in a section header', {
		on('illumos freebsd', '20 avoid', '26 rejected'),
		on('linux', '20 avoid', '26 avoid') }, @relocated,
		fields => sub { $_[3][2] = $#order; $#{ $_[2] } = 0; $_[2][0][2] = 0 },
		extra(offset => 64 + 32 * $#order, size => 32));
	spoiled('a relocation that is not aligned', { on($relocating, '27 rejected'),
		on('macos') }, @relocated, fields => sub { $_[2][0][2] = 4 });
	spoiled('probes that are not aligned', {
		on($relocating, '27 avoid', '27 rejected'), on('macos', '27 avoid') },
		@relocated, section_with(probes => align => 4, skip => 4));
	spoiled('a relocation of type 3', { on($relocating, '28 rejected'),
		on('macos') }, @relocated, fields => sub { $_[2][0][1] = 3 });
	spoiled("FreeBSD's own kind of relocation", {
		on('linux illumos', '28 rejected'), on('freebsd macos') },
		@relocated, fields => sub { $_[2][0][1] = 2 });
	spoiled('a relocation of type NONE', { on($relocating, '28 avoid'),
		on('macos') }, @relocated, fields => sub { $_[2][0][1] = 0 });

	# Providers.
	spoiled('a provider that is not aligned', { on($all, '29 rejected') },
		section_with(provider => align => 1, skip => 2));
	spoiled('a provider of 40 bytes', { on($all, '30 rejected') },
		section_with(provider => size => 40));
	spoiled('a provider of 36 bytes in version 1', {
		on($relocating, '30 rejected') }, from => \&first_version_of,
		section_with(provider => size => 36));
	for my $part (qw(strtab probes prargs proffs)) {
		for my $bad (99, 0xffff_ffff, $index{provider}) {
			spoiled("section $bad as $part", { on($all, '31 rejected') },
				provider_with($part => $bad));
		}
		spoiled("$part that are not loaded", {
			on($relocating, '17 rejected', '31 rejected'),
			on('macos', '31 rejected') }, relocate => 0,
			section_with($part => flags => 0));
	}
	for my $bad (99, 0xffff_ffff, $index{provider}) {
		spoiled("section $bad as prenoffs", { on($all, '32 rejected') },
			provider_with(prenoffs => $bad));
	}
	spoiled("a provider's name outside", { on($all, '33 rejected') },
		provider_with(name => 9999));
	spoiled('a provider with 64 bytes of name', { on($all, '33 rejected') },
		provider => 'p' x 64);
	for my $bad (0, 44, 104) {
		spoiled("probes of $bad bytes", { on($all, '34 rejected') },
			section_with(probes => entsize => $bad));
	}
	spoiled('probes of 40 bytes', { on($fasttrap, '34 avoid'),
		on('linux', '34 rejected') },
		section_with(probes => entsize => 40, size => 80));
	spoiled('a part of a probe', { on($all, '34 avoid') },
		shape => sub { $_[0]{probes}{data} .= "\0" x 8 });
	spoiled('proffs of 8 bytes', { on($all, '35 rejected') },
		section_with(proffs => entsize => 8));
	spoiled('proffs that are not aligned', { on($all, '36 rejected') },
		section_with(proffs => align => 2, skip => 2));
	spoiled('prargs of 2 bytes', { on($all, '37 rejected') },
		section_with(prargs => entsize => 2));
	spoiled('prenoffs of 8 bytes', { on($fasttrap, '43 avoid', '43 rejected'),
		on('linux', '43 rejected') },
		section_with(prenoffs => entsize => 8));
	spoiled('prenoffs of 2 bytes', { on($fasttrap, '43 avoid') },
		section_with(prenoffs => entsize => 2));
	spoiled('a provider that is not loaded', {
		on($relocating, '17 rejected', 'providers avoid'),
		on('macos', '17 avoid') }, section_with(provider => flags => 0));
	spoiled('prenoffs that are not aligned', { on($all, '43 avoid') },
		section_with(prenoffs => align => 2, skip => 2));
	spoiled('no provider', { on($all, 'providers avoid') },
		section_with(provider => type => 1, flags => 0));
	spoiled('two providers', { on($fasttrap, 'names avoid',
		'providers avoid'), on('linux', 'names rejected',
		'providers avoid') }, shape => sub {
		my ($sections) = @_;
		$sections->{extra} = { %{ $sections->{provider} } };
	});

	# Probes.
	spoiled('a function outside', { on($all, '38 rejected') },
		probe_with(func => 9999));
	for my $row (@rows) {
		my $kind = $row eq 'freebsd' ? 'dropped' : 'rejected';
		my %d = good($row);
		my $limit = $row eq 'freebsd' ? 192 : 128;
		$d{probes}[0]{function} = 'f' x $limit;
		spoiled("a function of $limit bytes", { $row => ["39 $kind"] },
			probes => $d{probes});
	}
	spoiled('a name outside', { on($all, '40 rejected') },
		probe_with(name => 9999));
	spoiled('a name of 64 bytes', { on($all, '40 rejected') },
		rename_probe(name => 'n' x 64));
	# Indexes whose product with the size of an offset wraps to little.
	for my $bad (4, 0x3fff_ffff, 0x4000_0000, 0x8000_0000, 0xffff_ffff) {
		my $kind = $bad == 4 || $bad == 0xffff_ffff ? 'rejected' :
		    'avoid';

		spoiled("offsets from $bad on", { on('linux', '41 rejected'),
			on($fasttrap, "41 $kind") }, probe_with(offidx => $bad));
		spoiled("is-enabled offsets from $bad on", {
			on('linux', '43 rejected'), on($fasttrap, "43 $kind") },
			probe_with(enoffidx => $bad));
	}
	spoiled('65535 offsets', { on($all, '41 rejected') },
		probe_with(noffs => 65535));
	spoiled('65535 is-enabled offsets', { on($all, '43 rejected') },
		probe_with(nenoffs => 65535));
	for my $field (qw(enoffidx nenoffs)) {
		spoiled("$field without prenoffs", { on($all, '42 rejected') },
			prenoffs => 0, fields => sub {
				$_->{nenoffs} = $_->{enoffidx} = 0 for @{ $_[1] };
				$_[1][0]{$field} = 1;
			});
	}
	spoiled('no site', { on($all, '44 rejected') },
		probe_with(noffs => 0, nenoffs => 0));
	spoiled('no site in version 1', { on($relocating, '44 rejected') },
		from => \&first_version_of, probe_with(noffs => 0));
	spoiled('arguments behind prargs', { on($all, '45 rejected') },
		probe_with(argidx => 1));
	spoiled('arguments that wrap', { on($all, '45 rejected') },
		probe_with(argidx => 0xffff_ffff));
	spoiled('native types outside', { on($all, '46 rejected') },
		probe_with(nargv => 9999));
	spoiled('translated types outside', { on($all, '48 rejected') },
		probe_with(xargv => 9999));
	spoiled('a native type of 128 bytes', { on($all, '46 rejected') },
		rename_probe(native => ['int', 't' x 128, 'int']));
	spoiled('a translated type of 128 bytes', { on($all, '48 rejected') },
		rename_probe(xlated => ['int', 't' x 128, 'int']));
	spoiled('a map to the argument behind the last but one', {
		on($all, '47 rejected') }, rename_probe(map => [0, 1, 4]));
	spoiled('a map to the argument behind the last', { on($all, '47 avoid') },
		rename_probe(map => [0, 1, 3]));
	spoiled('a map that changes the order', { on($all) },
		rename_probe(map => [2, 0, 0]));
	spoiled('a map to the stack', { on($fasttrap, '47 avoid'), on('linux') },
		rename_probe(native => [('int') x 8], map => [0, 1, 7]));
	spoiled('padding of a probe', { on($all, 'padding avoid') },
		probe_with(pad => 1));

	# What is accepted and then not seen.
	spoiled('a provider with 54 bytes of name', { on($fasttrap, '49 dropped'),
		on('linux') }, provider => 'p' x 54);
	spoiled('a provider with 57 bytes of name', { on($all, '49 dropped') },
		provider => 'p' x 57);
	spoiled('a provider named pid', { on($all, '50 dropped') },
		provider => 'pid');
	for my $name (qw(objc oneshot)) {
		spoiled("a provider named $name", { on('macos', '50 dropped'),
			on($relocating) }, provider => $name);
	}
	for my $name (qw(1web +web `web), 'we b', 'we+b', "w\xc3\xa9b") {
		spoiled("a provider named $name", { on($fasttrap, '51 dropped'),
			on('linux') }, provider => $name);
	}
	for my $name (qw(_web -web .web w`e.b-x_y)) {
		spoiled("a provider named $name", { on($all) }, provider => $name);
	}
	for my $word (0x08050500, 0x05080500, 0x05050600) {
		for my $i (0 .. 4) {
			my @words = (0x05050500) x 5;
			$words[$i] = $word;
			my $kind = ($word >> 8 & 0xff) > 5 ?
			    '51 avoid' : '51 dropped';

			spoiled(sprintf('attributes %d are %#x', $i, $word), {
				on($fasttrap, $kind), on('linux', '51 avoid') },
				attributes => \@words);
		}
	}
	spoiled('the highest attributes', { on($all) },
		attributes => [(0x07070500) x 5]);
	spoiled('a lowest byte of attributes', { on($all, '51 avoid') },
		attributes => [(0x05050501) x 5]);
	spoiled('an offset twice', { on($fasttrap, '52 dropped'),
		on('linux', '54 rejected') }, rename_probe(offs => [30, 30]));
	spoiled('an is-enabled offset twice', { on($fasttrap, '52 dropped'),
		on('linux', '54 rejected') }, rename_probe(enoffs => [8, 16, 8]));
	spoiled('is-enabled sites only, in version 2', {
		on('linux', '55 rejected', 'sites avoid'), on('illumos freebsd') },
		version => 2, rename_probe(offs => []),
		fields => sub { $_[1][1]{nenoffs} = 0 });
	spoiled('is-enabled sites only', { on('linux macos') },
		rename_probe(offs => []));
	for my $name ('.', '..', 'a/b') {
		spoiled("a function named $name", { on('linux', '56 rejected'),
			on($fasttrap) }, rename_probe(function => $name));
		spoiled("a probe named $name", { on('linux', '56 rejected'),
			on($fasttrap) }, rename_probe(name => $name));
		spoiled("a module named $name", { on('linux', '56 rejected'),
			on($fasttrap) }, option => [module => $name]);
		spoiled("a provider named $name", { on('linux', '56 rejected'),
			$name =~ m{/} ? on($fasttrap, '51 dropped') : on($fasttrap) },
			provider => $name);
	}

	# Tracepoints in numbers.
	spoiled('50,000 tracepoints', { on('macos') }, many('macos', 50_000));
	spoiled('50,001 tracepoints', { on('macos', '53 avoid', 'sites avoid') },
		many('macos', 50_001));
	spoiled('250,000 tracepoints', { on('illumos') }, many('illumos', 250_000));
	spoiled('250,001 tracepoints', { on('illumos freebsd', '53 dropped'),
		on('linux') }, many('illumos', 250_001));

	# No kernel checks these.
	for my $name (qw(function name)) {
		spoiled("an empty $name", { on($fasttrap, 'names avoid'),
			on('linux', 'names rejected') },
			rename_probe($name => ''));
	}
	spoiled('a provider that ends in a digit', { on('linux', 'names avoid'),
		on($fasttrap) }, provider => 'web1');
	spoiled('two probes of one name', { on($fasttrap, 'names avoid'),
		on('linux', 'names rejected') },
		rename_probe(function => 'stop', name => 'done'));
	spoiled('an offset below the address', { on($relocating, 'sites dropped'),
		on('macos') }, rename_probe(offs => [0xffff_fff0]));
	spoiled('probes that share a site', { on($all, 'sites avoid') },
		fields => sub { $_[1][1]{addr} = $_[1][0]{addr};
			$_[1][1]{$_} = $_[1][0]{$_} for qw(offidx enoffidx) });
	spoiled('a module of 64 bytes', { on($all, 'limits rejected') },
		option => [module => 'm' x 64]);
	spoiled('a module without a name', { on($fasttrap, 'names avoid'),
		on('linux', 'names rejected') },
		option => [module => '']);
}

1;
