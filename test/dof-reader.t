# dof-reader.t - does the judge of DOF documents find every fault, and no other?
#
# Usdt::DofCases has documents that four systems accept, and spoils them.  The
# judge must name exactly the rules that a case breaks.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;
no warnings 'portable';		# of numbers with more than 32 bits

use Test::More;

use Usdt::Dof;
use Usdt::DofCases qw(@rows $base build good first_version probe
	each_spoiled);

sub judge
{
	my ($row, $bytes, @option) = @_;
	return Usdt::Dof::judge($bytes, $row, addr => $base, encoding => 1,
		@option);
}

# no_problems(ROW, TITLE, BYTES, OPTION...): returns the document.
sub no_problems
{
	my ($row, $title, $bytes, @option) = @_;
	my ($problems, $document) = judge($row, $bytes, @option);

	is_deeply([Usdt::Dof::texts(@$problems)], [], "$row accepts $title");
	return $document;
}

# same(DOCUMENT, DESCRIPTION, TITLE): is the document read as described?
sub same
{
	my ($document, $d, $title) = @_;
	my @members = qw(function name native xlated map offs enoffs);
	my @read = map { my %copy; @copy{@members} = @$_{@members};
		$copy{addr} = $_->{raw_addr}; \%copy } @{ $document->{probes} };

	is_deeply({ %$document{qw(provider version model encoding)},
		probes => \@read }, { %$d{qw(provider version model encoding)},
		probes => $d->{probes} }, "$title: read as described");
	is_deeply($document->{attributes}, [([5, 5, 5]) x 5],
		"$title: attributes");
}

for my $row (@rows) {
	for my $encoding (1, 2) {
		for my $model (1, 2) {
			my %d = good($row, encoding => $encoding,
				model => $model);
			my $title = "encoding $encoding, model $model";
			my $document = no_problems($row, $title, build(%d),
				encoding => $encoding, model => $model);
			same($document, \%d, "$row, $title");
		}
	}
}

for my $row (qw(linux illumos freebsd)) {
	my %d = first_version();
	same(no_problems($row, 'version 1', build(%d)), \%d, "$row, version 1");
	%d = good('illumos', prenoffs => 0);
	$_->{enoffs} = [] for @{ $d{probes} };
	same(no_problems($row, 'no is-enabled section', build(%d)), \%d,
		"$row, no is-enabled section");
}

# How the systems compute addresses from offsets.
{
	my ($problems, $document) = judge('linux', build(good('linux')));
	is_deeply([map { $_->{addr} } @{ $document->{probes} }],
		[$base + 0x1000, $base + 0x1020], 'linux: relocated addresses');
	is_deeply([map { @{ $_->{sites} }, @{ $_->{ensites} } }
		@{ $document->{probes} }], [$base + 0x1015, $base + 0x1004,
		$base + 0x1035, $base + 0x1024], 'linux: sites');
	is_deeply($document->{relocations}, [
		{ type => 1, section => 2, offset => 0 },
		{ type => 1, section => 2, offset => 48 }],
		'linux: relocations');

	($problems, $document) = judge('illumos',
		build(good('illumos', relocate => 1, probes => [probe()])));
	is_deeply($problems, [], 'illumos accepts relocations too');
	is($document->{probes}[0]{addr}, $base + 0x1000,
		'illumos: relocated address');

	my $bytes = build(good('macos'));
	($problems, $document) = judge('macos', $bytes);
	is_deeply([map { @{ $_->{sites} }, @{ $_->{ensites} } }
		@{ $document->{probes} }], [$base + 0x2000, $base + 0x2000,
		$base - 0x1fe0, $base - 0x1fe0],
		'macos: offsets from the document, signed and shifted');
	($problems, $document) = judge('macos', $bytes, machine => 'arm64');
	is_deeply($document->{probes}[0]{sites}, [$base + 0x2000],
		'macos on arm64: the lowest bit is cut off');
	($problems, $document) = judge('macos', $bytes, machine => 'ppc');
	is_deeply([map { @{ $_->{sites} }, @{ $_->{ensites} } }
		@{ $document->{probes} }], [$base + 0x2001, $base + 0x1ffe,
		$base - 0x1fdf, $base - 0x1fe2],
		'macos on PowerPC: not shifted');

	($problems, $document) = judge('freebsd', build(good('freebsd',
		relocate => 1, probes => [probe(addr => 8)],
		fields => sub { $_[2][0][1] = 2 })), dof => 0x10000);
	my ($probes) = grep { $_->{type} == 16 } @{ $document->{sections} };
	is_deeply($problems, [], 'freebsd accepts its own kind of relocation');
	is($document->{probes}[0]{addr}, 0x10008 + $probes->{offset},
		'freebsd: relocated by the place itself');

	($problems, $document) = judge('linux', build(good('linux',
		probes => [probe(addr => $base + 0x1000)])));
	is($document->{probes}[0]{addr}, $base + 0x1000,
		'linux: what is above the base is left alone');

	($problems, $document) = judge('illumos', build(good('illumos',
		probes => [probe(addr => 0xffff_ffff_ffff_fff0)])));
	is_deeply([$document->{probes}[0]{sites}], [[5]],
		'illumos: sums wrap as 64 bits do');
}

# The longest names that each row accepts.
for my $row (@rows) {
	my $function = 'f' x ($row eq 'freebsd' ? 191 : 127);
	my $type = 't' x 127;
	my %d = good($row, provider => 'p' x 53);
	@{ $d{probes}[0] }{qw(function name native xlated)} =
	    ($function, 'n' x 63, [($type) x 3], [($type) x 3]);
	same(no_problems($row, 'the longest names', build(%d),
		module => 'm' x 63), \%d, "$row, the longest names");
}

# --- the code at sites ------------------------------------------------------

# Of a processor: a nop, what clears the answer, a breakpoint, an instruction
# that is none of these, a return.
my %instruction = (
	x86_64 => { nop => "\x90", clear => "\x31\xc0",
		breakpoint => "\xcc", other => "\x50", return => "\xc3" },
	i386 => { nop => "\x90", clear => "\x33\xc0",
		breakpoint => "\xcc", other => "\x50", return => "\xc3" },
	arm64 => { nop => "\x1f\x20\x03\xd5", clear => "\x00\x00\x80\xd2",
		breakpoint => "\0\0\x20\xd4", other => "\0\0\x80\x52",
		return => "\xc0\x03\x5f\xd6" },
	sparc => { nop => "\x01\0\0\0", clear => "\x90\x10\x20\x00",
		breakpoint => "\x91\xd0\x20\x05", other => "\x82\0\0\1",
		return => "\x81\xc3\xe0\x08", big => 1 },
	riscv64 => { nop => "\x13\0\0\0", clear => "\x13\x05\0\0",
		breakpoint => "\x73\x00\x10\x00", other => "\x13\x01\0\0",
		return => "\x67\x80\0\0" },
	s390x => { nop => "\x47\0\0\0", clear => "\xa7\x29\0\0",
		breakpoint => "\0\2\0\0", other => "\xa7\x39\0\0",
		return => "\x07\xfe\x07\x07", big => 1 },
	arm => { nop => "\0\xf0\x20\xe3", clear => "\0\0\xa0\xe3",
		breakpoint => "\xf0\x01\xf0\xe7", other => "\0\x10\xa0\xe3",
		return => "\x1e\xff\x2f\xe1", word => 4 },
	ppc64le => { nop => "\0\0\0\x60", clear => "\0\0\x60\x38",
		breakpoint => "\x08\0\xe0\x7f", other => "\0\0\x80\x38",
		return => "\x20\0\x80\x4e" },
	ppc => { nop => "\x60\0\0\0", clear => "\x38\x60\0\0",
		breakpoint => "\x0f\xff\xdd\xdd", other => "\x38\x80\0\0",
		return => "\x4e\x80\0\x20", big => 1 },
);

# code(ROW, MACHINE, AT => BYTES...): problems of a good document whose stub, of
# size bytes, is of nops, clears the answer, and has these bytes there.
sub code
{
	my ($row, $machine, %bytes) = @_;
	my $size = delete $bytes{size} // 32;
	my ($nop, $clear, $big) =
	    @{ $instruction{$machine} }{qw(nop clear big)};
	my $stub = $nop x (32 / length $nop);
	my %d = good($row, $big ? (encoding => 2) : ());

	substr($stub, 4 - length $clear, length $clear) = $clear;
	substr($stub, $_, length $bytes{$_}) = $bytes{$_} for keys %bytes;
	for my $probe (@{ $d{probes} }) {
		$probe->{addr} = $base + 0x1000 if $row ne 'linux';
		$probe->{offs} = [$row eq 'macos' && $machine eq 'x86_64'
		    ? 0x1000 + 20 + 1 : $row eq 'macos' ? 0x1000 + 20 : 20];
		$probe->{enoffs} = [$row eq 'macos' && $machine eq 'x86_64'
		    ? 0x1000 + 4 - 2 : $row eq 'macos' ? 0x1000 + 4 : 4];
	}
	$#{ $d{probes} } = 0;
	my ($problems) = Usdt::Dof::judge(build(%d), $row, addr => $base,
		encoding => $d{encoding}, machine => $machine,
		code => [$base + 0x1000, substr($stub, 0, $size)]);
	my %is = map { ("$_->{rule} $_->{kind}" => 1) } @$problems;
	return join(', ', sort keys %is);
}

my @machines = (['linux', 'x86_64'], ['linux', 'arm64'],
	['linux', 'riscv64'],
	['linux', 's390x'],
	['linux', 'arm'],
	['linux', 'ppc64le'],
	['illumos', 'x86_64'], ['illumos', 'i386'], ['illumos', 'sparc'],
	['freebsd', 'x86_64'], ['freebsd', 'i386'], ['macos', 'x86_64'],
	['macos', 'arm64'], ['macos', 'ppc']);
for (@machines) {
	my ($row, $machine) = @$_;
	my $x86 = $machine =~ /86/;
	my ($nop, $breakpoint, $other, $return) =
	    @{ $instruction{$machine} }{qw(nop breakpoint other return)};
	my $strict = $row eq 'macos' && $machine eq 'arm64' || $x86;
	my $title = "$row on $machine";

	is(code($row, $machine), '', "$title: nops");
	is(code($row, $machine, size => 8), 'code dropped',
		"$title: a site where no code is");
	is(code($row, $machine, 20 => $breakpoint),
		$strict ? 'code dropped' : 'code avoid',
		"$title: a breakpoint at the site");
	is(code($row, $machine, 20 => $other),
		$strict && !$x86 ? 'code dropped' : 'code avoid',
		"$title: another instruction there");
	next if $row eq 'linux';
	is(code($row, $machine, 0 => $nop x (4 / length $nop)), 'code avoid',
		"$title: nothing that says no");
	is(code($row, $machine, 4 => $return), $strict ? 'code dropped'
		: 'code avoid', "$title: a return at the question");
}

# --- the documents of a process ---------------------------------------------

sub process_problems
{
	my ($row, @documents) = @_;

	return join(', ', map { "$_->{rule} $_->{kind}" }
		@{ Usdt::Dof::judge_process($row, @documents) });
}

sub documents
{
	my ($count) = @_;

	return map { { addr => 4096 * $_, dof => 4096 * $_, inode => $_,
		provider => "p${_}x" } } 1 .. $count;
}

my %most = (illumos => 32, freebsd => 32, macos => 64);
for my $row (@rows) {
	my @two = documents(2);
	my $most = $most{$row} // 100;

	is(process_problems($row, documents($most)), '', "$row: $most");
	is(process_problems($row, documents($most + 1)),
		$most{$row} ? 'count dropped' : '', "$row: one more");
	$two[1]{provider} = $two[0]{provider};
	is(process_problems($row, @two), $row eq 'linux' ? '' : 'share avoid',
		"$row: two of one provider");
	@two = documents(2);
	$two[1]{$_} = $two[0]{$_} for qw(addr dof inode);
	is(process_problems($row, @two), $row eq 'linux' ? 'key rejected'
		: 'key dropped', "$row: two at one place");
	@two = documents(2);
	$two[1]{addr}++;
	is(process_problems($row, @two), $row eq 'macos' ? 'key rejected' : '',
		"$row: an address that is not the document's");
}

# --- spoiled documents ------------------------------------------------------

# The rules that a system lacks.  Linux lets a relocation hit a section's
# header, has no fasttrap with its attributes and numbers, and has 54 in place
# of 52; macOS has no relocations, and ignores the sections' load flags.
my %lacks = (
	linux => [26, 51 .. 53],
	illumos => [54 .. 56],
	freebsd => [54 .. 56],
	macos => [17, 22 .. 28, 53 .. 56],
);
my %seen;	# for each row, the rules that a document broke alone

# spoiled(CASE, ENCODING)
sub spoiled
{
	my ($case, $encoding) = @_;
	my ($problems) = judge(@$case{qw(row bytes)}, encoding => $encoding,
		@{ $case->{option} });
	my %is = map { ("$_->{rule} $_->{kind}" => 1) } @$problems;
	my %broken = map { $_->{kind} eq 'avoid' ? () : ($_->{rule} => 1) }
	    @$problems;

	is_deeply([sort keys %is], $case->{expected},
		"$case->{row}, encoding $encoding: $case->{title}")
	    or diag(explain($problems));
	$seen{ $case->{row} }{$_} = 1 for keys %broken == 1 ? keys %broken : ();
}

each_spoiled(sub { spoiled($_[0], 1) });
for my $row (@rows) {
	my %has = map { $_ => 1 } 1 .. 56;

	delete @has{ @{ $lacks{$row} } };
	is_deeply([sort { $a <=> $b } grep { /^\d/ } keys %{ $seen{$row} }],
		[sort { $a <=> $b } keys %has],
		"$row: each of its rules has a document that breaks it alone");
}

# The same in the other byte order, without the cases with many tracepoints,
# which take seconds.
each_spoiled(sub {
	my ($case) = @_;
	my %option = @{ $case->{option} };

	spoiled($case, 2)
	    if !$option{encoding} && length $case->{bytes} < 100_000;
}, encoding => 2);
done_testing();
