# elf-reader.t - does the reader of ELF files and SDT notes find every fault,
# and no other?
#
# Files are built here, by an independent builder, for six processors; then each
# is spoiled in one way after the other, and the reader must report exactly
# that.  At the end every complaint that it knows has appeared.  Files that the
# compiler makes with <sys/sdt.h> are read too, where that is installed.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;

use Usdt::Elf;

# Lines of Usdt::Elf that have complained.
my %heard;
{
	no warnings 'redefine';
	my $problem = \&Usdt::Elf::problem;
	*Usdt::Elf::problem = sub {
		$heard{ (caller)[2] } = 1;
		goto &$problem;
	};
}

# --- the builder ------------------------------------------------------------

my %machine = (i386 => 3, s390x => 22, arm => 40, x86_64 => 62,
	ppc64le => 21, aarch64 => 183, riscv64 => 243);
my %args = (
	x86_64 => '-4@%edi 8@%rsi 1@%r9b -2@8(%rsp) 8@(%rax,%rbx,8) -8@$-5',
	i386 => '-4@4(%esp) 4@%eax 1@-8(%ebp,%ecx) 4@$0x10',
	aarch64 => '8@x0 -4@[sp, 16] 8@[x29] -4@7 8@sp',
	arm => '4@r0 -4@[sp, #8] 4@[fp] 4@#7',
	riscv64 => '8@a0 -4@8(sp) 8@-7',
	ppc64le => '8@%r3 -4@96(%r1) 8@i7',
	s390x => '8@%r2 -4@160(%r15) 8@7',
);

# pk(FILE, LETTERS, VALUES): integers; W is as wide as an address.
sub pk
{
	my ($d, $letters, @values) = @_;
	my ($order, $word) = ($d->{big} ? '>' : '<', $d->{wide} ? 'Q' : 'L');
	$letters =~ s/W/$word/g;
	return pack(join('', map { /C/ ? $_ : $_ . $order }
		split //, $letters), @values);
}

sub elf_note
{
	my ($d, $name, $type, $desc) = @_;
	my $pad = sub { $_[0] . "\0" x (-length($_[0]) % 4) };
	return pk($d, 'LLL', length $name, length $desc, $type)
	    . $pad->($name) . $pad->($desc);
}

sub sdt_note
{
	my ($d, $note) = @_;
	return elf_note($d, "stapsdt\0", 3, pk($d, 'WWW',
		@$note{qw(location base semaphore)})
		. join('', map { "$_\0" } @$note{qw(provider name args)}));
}

# strings: a table, and the offset of each string in it.
sub strings
{
	my ($table, %at) = ("\0", '' => 0);
	for (@_) {
		next if exists $at{$_};
		$at{$_} = length $table;
		$table .= "$_\0";
	}
	return ($table, \%at);
}

my @order = ('', qw(.note.gnu.build-id .stapsdt.base .text .probes
	.note.stapsdt .symtab .strtab .shstrtab));
my %index;
@index{@order} = 0 .. $#order;

# build(MACHINE, WIDE, BIG, CHANGE...): the bytes.  A change is code that
# spoils: notes (gets the notes), sections (gets them by name), order (gets
# the list of names), segments (gets a list), symbols, header, bytes.
sub build
{
	my ($machine, $wide, $big, %change) = @_;
	my %d = (wide => $wide, big => $big);
	my @notes = ({ provider => 'web', name => 'request__start',
		args => $args{$machine}, location => 0x1011, base => 0x310,
		semaphore => 0x2000 },
		{ provider => 'web', name => 'done', args => '',
		location => 0x1021, base => 0x310, semaphore => 0x2004 });
	$change{notes}->(\@notes) if $change{notes};

	my ($strtab, $name) = strings('serve');
	my @symbols = ({ map { $_ => 0 } qw(name info other shndx value size) },
		map { { name => $name->{serve}, info => 2, other => 0,
			shndx => $index{'.text'}, value => $_, size => 16 } }
			0x1000, 0x1020);
	$change{symbols}->(\@symbols) if $change{symbols};
	my @fields = $wide ? qw(name info other shndx value size) :
	    qw(name value size info other shndx);
	my $symtab = join '', map { pk(\%d, $wide ? 'LCCSQQ' : 'LLLCCS',
		@$_{@fields}) } @symbols;

	my ($shstrtab, $names) = strings(@order);
	my %data = (
		'' => [0, 0, 0, ''],
		'.note.gnu.build-id' => [7, 2, 0x200,
			elf_note(\%d, "GNU\0", 3, pack('C*', 1 .. 20))],
		'.stapsdt.base' => [1, 2, 0x300, "\0"],
		'.text' => [1, 6, 0x1000, "\x90" x 64],
		'.probes' => [1, 3, 0x2000, "\0" x 8],
		'.note.stapsdt' => [7, 0, 0x2010,
			join('', map { sdt_note(\%d, $_) } @notes)],
		'.symtab' => [2, 0, 0x2800, $symtab],
		'.strtab' => [3, 0, 0x2900, $strtab],
		'.shstrtab' => [3, 0, 0x2a00, $shstrtab],
	);
	my %align = ('' => 0, '.note.gnu.build-id' => 4, '.text' => 16,
		'.probes' => 4, '.note.stapsdt' => 4, '.symtab' => 8);
	my %sections = map {
		my ($type, $flags, $offset, $data) = @{ $data{$_} };
		$_ => { name => $names->{$_}, type => $type, flags => $flags,
			addr => $flags & 2 ? $offset : 0, offset => $offset,
			size => length $data, link => 0, info => 0,
			align => $align{$_} // 1, entsize => 0, data => $data }
	} @order;
	@{ $sections{'.symtab'} }{qw(link info entsize)} =
	    ($index{'.strtab'}, scalar @symbols, $wide ? 24 : 16);
	$change{sections}->(\%sections) if $change{sections};
	return assemble(\%d, $machine, \%sections, %change);
}

sub assemble
{
	my ($d, $machine, $sections, %change) = @_;
	my $wide = $d->{wide};
	my @segments = map { { type => 1, flags => $_->[0], offset => $_->[1],
		vaddr => $_->[1], paddr => $_->[1], filesz => $_->[2],
		memsz => $_->[2], align => 0x1000 } }
		[4, 0, 0x400], [5, 0x1000, 64], [6, 0x2000, 8];
	$change{segments}->(\@segments) if $change{segments};
	my @fields = $wide ?
	    qw(type flags offset vaddr paddr filesz memsz align) :
	    qw(type offset vaddr paddr filesz memsz flags align);
	my $phdrs = join '', map { pk($d, $wide ? 'LLWWWWWW' : 'LWWWWWLW',
		@$_{@fields}) } @segments;
	my @names = @order;
	$change{order}->(\@names) if $change{order};
	my $shdrs = join '', map { pk($d, 'LLWWWWLLWW', @{ $sections->{$_} }{
		qw(name type flags addr offset size link info align entsize)})
		} @names;
	my %h = (ident => pack('a4CCCx9', "\x7fELF", $wide ? 2 : 1,
			$d->{big} ? 2 : 1, 1), type => 3,
		machine => $machine{$machine}, version => 1, entry => 0,
		phoff => $wide ? 64 : 52, shoff => 0x3000, flags => 0,
		ehsize => $wide ? 64 : 52, phentsize => $wide ? 56 : 32,
		phnum => scalar @segments, shentsize => $wide ? 64 : 40,
		shnum => scalar @names, shstrndx => $#names);
	$change{header}->(\%h) if $change{header};
	my $bytes = "\0" x 0x3000 . $shdrs;
	substr($bytes, 0, $wide ? 64 : 52) = $h{ident} . pk($d,
		'SSLWWWLSSSSSS', @h{qw(type machine version entry phoff shoff
		flags ehsize phentsize phnum shentsize shnum shstrndx)});
	substr($bytes, $wide ? 64 : 52, length $phdrs) = $phdrs;
	for my $section (values %$sections) {
		my $at = $section->{place} // $section->{offset};
		substr($bytes, $at, length $section->{data}) =
		    $section->{data};
	}
	$change{bytes}->(\$bytes) if $change{bytes};
	return $bytes;
}

# --- good files -------------------------------------------------------------

my %kind = (i386 => [0, 0], arm => [0, 0], x86_64 => [1, 0],
	aarch64 => [1, 0], riscv64 => [1, 0], ppc64le => [1, 0], s390x => [1, 1]);

# described(NOTE): the members that the test compares.
sub described
{
	my ($note) = @_;
	return { %$note{qw(provider name args location base semaphore
		adjusted arguments)} };
}

for my $machine (sort keys %kind) {
	my $elf = Usdt::Elf->new(build($machine, @{ $kind{$machine} }));
	my ($wide, $big) = @{ $kind{$machine} };
	is_deeply([$elf->problems], [], "$machine: no problems");
	is_deeply({ %{ $elf->header }{qw(class big type machine shnum)} },
		{ class => $wide ? 64 : 32, big => $big, type => 3,
		machine => $machine{$machine}, shnum => 9 },
		"$machine: header");
	is_deeply([map { $_->{name} } $elf->sections], \@order,
		"$machine: sections");
	is_deeply([map { [@$_{qw(flags offset vaddr filesz memsz)}] }
		$elf->loads], [[4, 0, 0, 0x400, 0x400],
		[5, 0x1000, 0x1000, 64, 64], [6, 0x2000, 0x2000, 8, 8]],
		"$machine: segments");
	is_deeply([map { [@$_{qw(name value size bind type shndx)}] }
		$elf->symbols], [['', 0, 0, 0, 0, 0],
		['serve', 0x1000, 16, 0, 2, 3],
		['serve', 0x1020, 16, 0, 2, 3]], "$machine: symbols");
	is($elf->build_id, join('', map { sprintf '%02x', $_ } 1 .. 20),
		"$machine: build-id");
	my @arguments = map { /^(-?)(\d)@(.*)/ or die; { size => $2,
		signed => $1 ? 1 : 0, operand => $3 } }
		$args{$machine} =~ /(?:^| )(-?\d@(?:\[.*?\]|\S+))/g;
	is_deeply([map { described($_) } $elf->notes], [
		{ provider => 'web', name => 'request__start',
		args => $args{$machine}, location => 0x1011, base => 0x310,
		semaphore => 0x2000, adjusted => 0x1001,
		arguments => \@arguments },
		{ provider => 'web', name => 'done', args => '',
		location => 0x1021, base => 0x310, semaphore => 0x2004,
		adjusted => 0x1011, arguments => [] }], "$machine: notes");
}

{
	my $elf = Usdt::Elf->new(build('x86_64', 1, 0));
	is($elf->file_offset(0x1011), 0x1011, 'an address in the file');
	is($elf->file_offset(0x5000), undef, 'an address that is not');
	is($elf->section_bytes('.text'), "\x90" x 64, "a section's bytes");
	is($elf->section_bytes('.data'), undef, 'a section that is not there');
	for my $change ([notes => sub { $_->{base} = 0 for @{ $_[0] } }],
		[order => sub { @{ $_[0] } = grep { $_ ne '.stapsdt.base' }
			@{ $_[0] } }, header => sub { },
			symbols => sub { $_->{shndx} = 2 for
				@{ $_[0] }[1, 2] },
			sections => sub { $_[0]{'.symtab'}{link} = 6 }]) {
		$elf = Usdt::Elf->new(build('x86_64', 1, 0, @$change));
		is_deeply([$elf->problems], [], 'no base: no problems');
		is_deeply([map { $_->{adjusted} } $elf->notes],
			[0x1011, 0x1021], 'no base: locations are not moved');
	}
}

# --- spoiled files ----------------------------------------------------------

# spoiled(TITLE, [PATTERN...], CHANGE...): on every processor exactly these
# complaints, each at least once.
sub spoiled
{
	my ($title, $patterns, %change) = @_;
	my @machines = @{ delete $change{machines} // ['x86_64', 'i386',
		's390x'] };

	for my $machine (@machines) {
		my @got = Usdt::Elf->new(build($machine, @{ $kind{$machine} },
			%change))->problems;
		my @surplus = grep { my $got = $_;
			!grep { $got =~ $_ } @$patterns } @got;
		my @missing = grep { my $pattern = $_;
			!grep { $_ =~ $pattern } @got } @$patterns;
		ok(!@surplus && !@missing, "$machine: $title")
		    or diag(explain({ said => \@got, wanted =>
			    [map { "$_" } @$patterns] }));
	}
}

sub header_with
{
	my (%change) = @_;
	return header => sub { @{ $_[0] }{keys %change} = values %change };
}

sub section_with
{
	my ($name, %change) = @_;
	return sections => sub { @{ $_[0]{$name} }{keys %change} =
	    values %change };
}

sub segment_with
{
	my ($i, %change) = @_;
	return segments => sub { @{ $_[0][$i] }{keys %change} =
	    values %change };
}

sub symbol_with
{
	my (%change) = @_;
	return symbols => sub { @{ $_[0][1] }{keys %change} = values %change };
}

sub note_with
{
	my (%change) = @_;
	return notes => sub { @{ $_[0][0] }{keys %change} = values %change };
}

# The header.
spoiled('no magic', [qr/^there is no ELF magic$/],
	bytes => sub { substr(${ $_[0] }, 3, 1) = 'f' });
spoiled('an empty file', [qr/no ELF magic/], bytes => sub { ${ $_[0] } = '' });
spoiled('class 3', [qr/^the class 3/],
	bytes => sub { substr(${ $_[0] }, 4, 1) = "\3" });
spoiled('byte order 0', [qr/^the byte order 0/],
	bytes => sub { substr(${ $_[0] }, 5, 1) = "\0" });
spoiled('version 2', [qr/^the version is 2/],
	bytes => sub { substr(${ $_[0] }, 6, 1) = "\2" });
spoiled('half a header', [qr/^the file is shorter than a header/],
	bytes => sub { substr(${ $_[0] }, 51) = '' });
spoiled('e_version 0', [qr/^e_version is 0/], header_with(version => 0));
spoiled('e_ehsize 40', [qr/^e_ehsize is 40/], header_with(ehsize => 40));
spoiled('an object file', [qr/^the type 1 is neither/],
	header_with(type => 1));

# Tables.
my @no_segments = (qr/^section \d .*allocated, but not in a segment/,
	qr/location .* is in no segment/, qr/semaphore .* is in no segment/);
spoiled('program headers of 8 bytes', [qr/^program headers have 8 bytes/,
	@no_segments], header_with(phentsize => 8));
spoiled('program headers beyond the end', [qr/^3 program headers at/,
	@no_segments], header => sub { $_[0]{phoff} = 0x10000 });
spoiled('program headers not aligned', [
	qr/^the program headers at 0?\d+ are not aligned/],
	bytes => sub {
		my ($bytes) = @_;
		my $wide = ord(substr($$bytes, 4, 1)) == 2;
		my ($from, $size) = $wide ? (64, 168) : (52, 96);
		substr($$bytes, 0x102, $size) = substr($$bytes, $from, $size);
	}, header => sub { $_[0]{phoff} = 0x102 });
spoiled('no section headers', [qr/^there are no section headers/],
	header_with(shnum => 0));
spoiled('section headers beyond the end', [qr/^9 section headers at/],
	header_with(shoff => 0x10000));
spoiled('section headers of 8 bytes', [qr/^section headers have 8 bytes/],
	header_with(shentsize => 8));

# Segments.
spoiled('a segment beyond the end', [qr/^segment 2: 65536 bytes at 8192/],
	segment_with(2, filesz => 0x10000, memsz => 0x10000));
spoiled('more file than memory', [qr/^segment 1: 64 bytes of file for 60/],
	segment_with(1, memsz => 60),
	section_with('.text', size => 60));
spoiled('a segment of align 3', [qr/^segment 0: align 3 is not a power/],
	segment_with(0, align => 3));
spoiled('offset and address differ in their page', [
	qr/^segment 2: address 0x2000 and offset 0x2004 differ/,
	qr/\(\.probes\) is elsewhere in memory/],
	segment_with(2, offset => 0x2004));
spoiled('a segment to write and execute', [
	qr/^segment 1 can be both written and executed/,
	qr/location .* can be written/],
	segment_with(1, flags => 7));
spoiled('segments that overlap', [qr/^segments 1 and 2 overlap/],
	segment_with(1, memsz => 0x1001));

# Sections.
spoiled('names of sections in no string table', [
	qr/^section 4 can't hold the names/], header_with(shstrndx => 4));
spoiled('names of sections nowhere', [qr/^section 99 can't hold the names/],
	header_with(shstrndx => 99));
spoiled("a section's name outside", [qr/^section 7: its name is outside/],
	section_with('.strtab', name => 9999));
spoiled('a section beyond the end', [qr/^section 7 .*end beyond the file/,
	qr/^section 6 .*has no string table/],
	section_with('.strtab', offset => 0x10000, place => 0x2900));
spoiled('a section that wraps', [qr/^section 7 .*end beyond the file/,
	qr/^section 6 .*has no string table/, qr/overlap/],
	section_with('.strtab', size => 0xffff_fff0));
spoiled('a section of align 3', [qr/^section 7 .*align 3 is not a power/,
	qr/^section 7 .*offset 10496 is not aligned to 3/],
	section_with('.strtab', align => 3));
spoiled('an address that is not aligned', [
	qr/^section 3 .*address 0x1000 is not aligned/,
	qr/^section 3 .*offset 4096 is not aligned/],
	section_with('.text', align => 0x2000));
spoiled('a link to nowhere', [qr/^section 3 .*its link 99 is no section/],
	section_with('.text', link => 99));
spoiled('section 0 is not empty', [qr/^section 0 is not empty/],
	section_with('', type => 1));
spoiled('a section in no segment', [
	qr/^section 1 .*allocated, but not in a segment/],
	section_with('.note.gnu.build-id', addr => 0x800));
spoiled('a section elsewhere in memory', [
	qr/^section 1 .*elsewhere in memory/],
	section_with('.note.gnu.build-id', addr => 0x204));
spoiled('a plain segment under the code', [
	qr/^section 3 .*executable, its segment is not/,
	qr/location .*is not in an executable segment/],
	segment_with(1, flags => 4));
spoiled('a writable section in a plain segment', [
	qr/^section 4 .*writable, its segment is not/,
	qr/semaphore .*can't be written/], segment_with(2, flags => 4));
spoiled('sections that overlap', [qr/^section 7 and section 8 overlap/],
	section_with('.strtab', size => 0x101));

# Symbols.
spoiled('symbols of 8 bytes', [qr/^section 6 .*symbols of 8 bytes/],
	section_with('.symtab', entsize => 8));
spoiled('a part of a symbol', [qr/^section 6 .*has a part of a symbol/],
	sections => sub { $_[0]{'.symtab'}{size} += 4 });
spoiled('symbols without strings', [qr/^section 6 .*has no string table/],
	section_with('.symtab', link => 3));
spoiled("a symbol's name outside", [qr/^symbol 1: its name is outside/],
	symbol_with(name => 9999));
spoiled('a global symbol among the local ones', [
	qr/^symbol 1 \(serve\): local symbols stand before/],
	symbol_with(info => 0x12));
spoiled('a symbol in no section', [qr/^symbol 1 \(serve\) is in no section/],
	symbol_with(shndx => 77));
spoiled('a symbol outside its section', [
	qr/^symbol 1 \(serve\) is not inside its section \.text/],
	symbol_with(size => 65));

# Notes.
spoiled('notes in a section of another type', [
	qr/^section 5 \(.note.stapsdt\) is not of type NOTE/],
	section_with('.note.stapsdt', type => 1));
spoiled('a half header', [qr/^\.note\.stapsdt: note 2 has no whole header/],
	sections => sub { $_[0]{'.note.stapsdt'}{size} += 8 });
spoiled('a note beyond its section', [
	qr/^\.note\.stapsdt: note 1 ends beyond its section/],
	sections => sub { $_[0]{'.note.stapsdt'}{size} -= 4 });
spoiled('padding beyond the section', [
	qr/^\.note\.stapsdt: the last note's padding/],
	notes => sub { $_[0][1]{name} = 'don' },
	sections => sub { $_[0]{'.note.stapsdt'}{size} -= 1 });
spoiled('a note of another name', [qr/^\.note\.stapsdt: note 0 is not named/],
	sections => sub {
		substr($_[0]{'.note.stapsdt'}{data}, 12, 4) = 'snap' });
spoiled('a note of another type', [qr/^\.note\.stapsdt: note 0 is of type/],
	sections => sub {
		substr($_[0]{'.note.stapsdt'}{data}, 8, 4) = "\2\2\2\2" });
spoiled('a note without addresses', [qr/note 2 has no room for three/],
	sections => sub {
		my $section = $_[0]{'.note.stapsdt'};
		my $extra = substr($section->{data}, 0, 20) . "\0" x 8;
		my $big = substr($extra, 0, 1) eq "\0";
		substr($extra, 4, 4) = pack($big ? 'N' : 'V', 8);
		$section->{data} .= $extra;
		$section->{size} += length $extra;
	});
spoiled('a fourth string', [qr/note 0: its three strings do not end/],
	note_with(args => "8\@x0\0more"));
spoiled('a string without an end', [qr/note 1: its three strings do not end/],
	sections => sub {
		my $section = $_[0]{'.note.stapsdt'};
		$section->{data} =~ s/done\0\0(\0*)\z/donexx$1/ or die;
	});
spoiled('a build-id of another name', [qr/build-id: note 0 is no build-id/],
	sections => sub { substr($_[0]{'.note.gnu.build-id'}{data}, 12, 3) =
		'XYZ' });
spoiled('a short build-id', [qr/build-id: note 0: a build-id of 4 bytes/],
	sections => sub {
		my $section = $_[0]{'.note.gnu.build-id'};
		my $big = substr($section->{data}, 0, 1) eq "\0";
		substr($section->{data}, 4, 4) = pack($big ? 'N' : 'V', 4);
		$section->{size} = 20;
	});

# What tracers need of them.
for my $text ('%edi', '4%edi', '3@%edi', '16@%edi', '--4@%edi', '8f@%xmm0',
	'4@') {
	spoiled("the argument '$text'", [qr/the argument '\Q$text\E' has no/],
		note_with(args => $text));
}
my %strange = (
	x86_64 => ['rdi', '%xmm0', '%rdx:%rax', 'global(%rip,1)', '$', 'x0',
		'8(%rsp', '(%rax,%rbx,3)', '%st(0)', '5', '%rdi,'],
	i386 => ['%xmm0', '%gs', '-8(%ebp'],
	aarch64 => ['w0', '#4', '[w0]', '[x0, #8]', '%x0', '[x0, x1]'],
	arm => ['[r0, 8]', '7', 's0'],
	riscv64 => ['(a0)', '8(sp', '$8'],
	s390x => ['r2', '8(r15)', '8(%r1,%r2)'],
	ppc64le => ['r3', '8(r1)', '(%r1)', '5'],
);
for my $machine (sort keys %strange) {
	for my $operand (@{ $strange{$machine} }) {
		my $text = "8\@$operand";
		spoiled("the operand '$operand'",
			[qr/no tracer knows the operand '\Q$operand\E'/],
			machines => [$machine], note_with(args => $text));
	}
}
spoiled('a processor without a grammar', [qr/no tracer knows the operand/],
	header_with(machine => 20));
spoiled('13 arguments', [qr/13 arguments are more than 12/],
	machines => ['x86_64'], note_with(args => join ' ', ('8@%rdi') x 13));
spoiled('12 arguments', [], machines => ['x86_64'],
	note_with(args => join ' ', ('8@%rdi') x 12));
spoiled('no provider', [qr/^.*: no provider$/], note_with(provider => ''));
spoiled('no name', [qr/^.*: no name$/], note_with(name => ''));
for my $bad ('we:b', 'we/b', 'we,b', 'we b', "we\tb", "we\x01b") {
	spoiled('a provider that cuts', [qr/the provider holds what cuts it/],
		note_with(provider => $bad));
	spoiled('a name that cuts', [qr/the name holds what cuts it/],
		note_with(name => $bad));
}
spoiled('a name with a -', [qr/the name holds a '-'/],
	note_with(name => 'request-start'));
spoiled('.probes before the code', [qr/^\.probes stands before the first/],
	order => sub { @{ $_[0] }[3, 4] = @{ $_[0] }[4, 3] },
	symbols => sub { $_->{shndx} = 4 for @{ $_[0] }[1, 2] });
spoiled('.probes behind the notes', [qr/^\.probes stands behind/],
	order => sub { @{ $_[0] }[4, 5] = @{ $_[0] }[5, 4] });
spoiled('a location in no segment', [qr/the location 0x9000 is in no segment/,
	qr/the adjusted location 0x8ff0 is in no segment/],
	note_with(location => 0x9000));
spoiled('a location in data', [
	qr/location 0x2000 is not in an executable segment/,
	qr/location 0x2000 can be written/, qr/adjusted .* is in no segment/],
	note_with(location => 0x2000));
spoiled('a location that only the adjusting spoils', [
	qr/the adjusted location 0xff9 is in no segment/],
	note_with(location => 0x1009));
spoiled('a location behind the bytes of the file', [
	qr/location 0x1041 is not in the file/],
	note_with(location => 0x1041), segment_with(1, memsz => 0x100));
spoiled('a location before the first executable section', [
	qr/location 0x1001 is before the first executable section/],
	section_with('.text', addr => 0x1010, offset => 0x1010, size => 48),
	symbols => sub { $_->{value} = 0x1020 for @{ $_[0] }[1, 2] });
spoiled('a semaphore in no segment', [qr/semaphore 0x5000 is in no segment/],
	note_with(semaphore => 0x5000));
spoiled('a semaphore that is half in its segment', [
	qr/semaphore 0x2007 is in no segment/],
	note_with(semaphore => 0x2007));
spoiled('a semaphore in code', [qr/semaphore 0x1000 can't be written/,
	qr/semaphore 0x1000 can be executed/,
	qr/semaphore 0x1000 is not in a section \.probes/],
	note_with(semaphore => 0x1000));
spoiled('a semaphore in memory that the file does not have', [
	qr/semaphore 0x2008 is not in the file/,
	qr/semaphore 0x2008 is not in a section \.probes/],
	note_with(semaphore => 0x2008), segment_with(2, memsz => 16));
spoiled('a semaphore in another section', [
	qr/semaphore 0x2000 is not in a section \.probes/],
	section_with('.probes', addr => 0x2004, offset => 0x2004, size => 4,
		data => "\0" x 4));
spoiled('a semaphore at an odd address', [qr/semaphore 0x2001 is odd/],
	note_with(semaphore => 0x2001));
spoiled('no semaphore', [], note_with(semaphore => 0));

# Every complaint that the reader knows.
{
	open(my $in, '<', $INC{'Usdt/Elf.pm'}) or die "Usdt/Elf.pm: $!\n";
	my ($known, @unheard) = (0);
	while (<$in>) {
		next unless /\$self->problem\(/;
		my ($statement, $first) = ($_, $.);
		$statement .= <$in> until $statement =~ /;$/;
		$known++;
		push @unheard, "line $first: $statement"
		    if !grep { $heard{$_} } $first .. $.;
	}
	cmp_ok($known, '>', 40, 'the reader has complaints');
	is_deeply(\@unheard, [], 'and each of them has been heard');
}

# --- what the compiler makes ------------------------------------------------

my $source = <<'END';
#ifdef SEMAPHORES
#define _SDT_HAS_SEMAPHORES 1
#define SEMAPHORE(name) \
	unsigned short web_##name##_semaphore \
	    __attribute__((section(".probes"), visibility("hidden")));
SEMAPHORE(none)
SEMAPHORE(some)
SEMAPHORE(most)
#endif
#include <sys/sdt.h>
void f(signed char a, unsigned short b, int c, unsigned long d, long long e)
{
	STAP_PROBE(web, none);
	STAP_PROBE5(web, some, a, b, c, d, e);
	STAP_PROBE12(web, most, a, b, c, d, e, 1, 2, 3, 4, -5, 6, &e);
}
END

# compile(FLAG...): a shared object, or undef and why not.
sub compile
{
	my (@flags) = @_;
	my $dir = tempdir('usdt-test-XXXXXX', TMPDIR => 1, CLEANUP => 1);

	open(my $out, '>', "$dir/web.c") or die "$dir/web.c: $!\n";
	print $out $source;
	close($out) or die "$dir/web.c: $!\n";
	my $cc = $ENV{CC} // 'cc';
	my $said = `$cc @flags -fPIC -shared -o $dir/web.so $dir/web.c 2>&1`;
	return ("$dir/web.so", $said) if $? == 0;
	return (undef, $said);
}

SKIP: {
	my ($path, $said) = compile('-O1');
	if (!defined $path && $said =~ m{(.*(?:sys/sdt\.h|not found).*)}) {
		skip("nothing can be compiled with sys/sdt.h: $1", 1);
	}
	for my $flags ('-O0', '-O2', '-O2 -DSEMAPHORES') {
		($path, $said) = compile($flags);
		ok(defined $path, "$flags: compiles") or diag($said), next;
		my $elf = Usdt::Elf->read($path);
		is_deeply([$elf->problems], [], "$flags: no problems");
		my %note = map { $_->{name} => $_ } $elf->notes;
		is_deeply([sort map { "$_->{provider}:$_->{name}" }
			$elf->notes], [qw(web:most web:none web:some)],
			"$flags: probes");
		is_deeply([map { ($_->{signed} ? '-' : '') . $_->{size} }
			@{ $note{some}{arguments} }], [qw(-1 2 -4 8 -8)],
			"$flags: sizes and signs");
		is(scalar @{ $note{most}{arguments} }, 12,
			"$flags: 12 arguments");
		is_deeply([map { $_->{adjusted} - $_->{location} }
			$elf->notes], [0, 0, 0], "$flags: nothing was moved");
		my %semaphore = map { $_->{semaphore} => 1 } $elf->notes;
		if ($flags =~ /SEMAPHORES/) {
			is(scalar keys %semaphore, 3, "$flags: semaphores");
		} else {
			is_deeply(\%semaphore, { 0 => 1 },
				"$flags: no semaphores");
		}
	}
}
done_testing();
