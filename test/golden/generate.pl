#!/usr/bin/perl
# generate.pl - which bytes should a system get for a definition, and why?
#
#	test/golden/generate.pl OS ARCH > test/golden/OS-ARCH.txt
#
# Written from the rules of DTrace's object format and from nothing else: it
# shares no code and no table with the library, whose documents test/golden.t
# compares with these files.  Where they differ somebody has to find out who is
# right; running this is not the way to make the test pass.
#
# A line is an offset, bytes, two blanks, and what the bytes mean.
use strict;
use warnings;
no warnings 'portable';		# of numbers with more than 32 bits

# The definition.  test/golden.c declares the same to the library.
my $provider = 'golden-app';
my @wide = map { ('int8_t', 'uint64_t', 'char *', 'unsigned int')[$_ % 4] }
    0 .. 31;
my @probes = (
	{ function => 'main', name => 'begin', types => [] },
	{ function => 'handle', name => 'request-start',
		types => ['int', 'char *'] },
	{ function => 'other', name => 'request-start', types => ['int64_t'] },
	{ function => 'handle', name => 'all-of-them', types => \@wide },
);

# Systems: the version of DOF; whether addresses are filled in by relocation;
# what offsets are relative to; how is-enabled is answered.
my %systems = (
	linux => { version => 3, relocates => 1, base => 'probe',
		answer => 'memory' },
	illumos => { version => 2, base => 'probe', answer => 'register' },
	freebsd => { version => 2, base => 'probe', answer => 'register' },
	macos => { version => 3, base => 'document', answer => 'register',
		x86_tracepoint => 1, x86_isenabled => -2 },
);

# Processors: pointers, byte order, and where in a stub of 32 bytes the kernel
# finds what it patches (the notes at the heads of usdt_tracepoints_ARCH.s).
my %processors = (
	x86_64 => { model => 2, encoding => 1, x86 => 1,
		tracepoint => 11, memory => 4, register => 16 },
	i386 => { model => 1, encoding => 1, x86 => 1,
		tracepoint => 11, memory => 4, register => 16 },
	aarch64 => { model => 2, encoding => 1,
		tracepoint => 20, memory => 4, register => 4 },
	sparc64 => { model => 2, encoding => 2,
		tracepoint => 16, memory => 0, register => 0 },
);

my ($os, $arch) = @ARGV;
my $system = $systems{ $os // '' };
my $processor = $processors{ $arch // '' };
@ARGV == 2 && $system && $processor
    or die "usage: generate.pl OS ARCH, of @{[sort keys %systems]}, "
    . "@{[sort keys %processors]}\n";

# Where the stubs and the document lie.  Addresses that are relocated count
# from the start of the image.
my $document = $processor->{model} == 1 ? 0xf7c40000 : 0x7fab_1234_0000;
my $stubs = $system->{relocates} ? 0x1000 : $document - 0x7fe0;

# --- bytes ------------------------------------------------------------------

my $order = $processor->{encoding} == 2 ? '>' : '<';
sub word { return pack("L$order", $_[0] & 0xffff_ffff) }
sub long { return pack("Q$order", $_[0]) }
sub half { return pack("S$order", $_[0]) }
sub byte { return pack('C', $_[0]) }

# Of each section, [bytes, what they mean].
my (@strtab, @table, @prargs, @proffs, @prenoffs, @provider, @reltab,
	@urelhdr);

sub length_of
{
	my $sum = 0;
	$sum += length $_->[0] for @_;
	return $sum;
}

# string(TEXT, WHAT): its offset in the string table.
sub string
{
	my ($text, $what) = @_;
	my $at = length_of(@strtab);

	push @strtab, ["$text\0", qq{"$text", $what}];
	return $at;
}

push @strtab, ["\0", 'the empty string'];
my $provider_name = string($provider, 'the provider');
for my $i (0 .. $#probes) {
	my $probe = $probes[$i];
	my $count = @{ $probe->{types} };
	my $function = string($probe->{function}, "function of probe $i");
	my $name = string($probe->{name}, "name of probe $i");
	my @at = map { string($probe->{types}[$_], "probe $i, argument $_") }
	    0 .. $count - 1;
	my $types = $count ? $at[0] : 0;
	my $index = $system->{base} eq 'document' ? $i : 0;
	my $address = $stubs + 32 * $i;
	my $from = $system->{relocates} ? 'its stub, from the image\'s start'
	    : 'its stub';

	push @table, [long($address), "probe $i: $from"],
	    [word($function), "probe $i: function \"$probe->{function}\""],
	    [word($name), "probe $i: name \"$probe->{name}\""],
	    [word($types), "probe $i: where its native types begin"],
	    [word($types), "probe $i: translated ones, the same"],
	    [word(0), "probe $i: its arguments begin at PRARGS[0]"],
	    [word($index), "probe $i: its tracepoint is PROFFS[$index]"],
	    [byte($count), "probe $i: $count native arguments"],
	    [byte($count), "probe $i: $count translated ones"],
	    [half(1), "probe $i: one tracepoint"],
	    [word($index), "probe $i: its question is PRENOFFS[$index]"],
	    [half(1), "probe $i: one question"],
	    [half(0), "probe $i: padding"], [word(0), "probe $i: padding"];
	push @reltab, [word(0), "relocation $i: no name"],
	    [word(1), "relocation $i: SETX, add the image's address"],
	    [long(48 * $i), "relocation $i: to probe ${i}'s address"],
	    [long(0), "relocation $i: no data"];
}
push @prargs, map { [byte($_), "translated argument $_ is native $_"] }
    0 .. 31;

# One offset for all, or each probe's own.
for my $i ($system->{base} eq 'document' ? (0 .. $#probes) : 0) {
	my $base = $system->{base} eq 'document'
	    ? $stubs + 32 * $i - $document : 0;
	my $whose = $system->{base} eq 'document' ? "of probe $i, from the "
	    . 'document' : 'of each, from its stub';
	my ($shift, $enabled_shift) = $processor->{x86}
	    ? map { $system->{$_} // 0 } qw(x86_tracepoint x86_isenabled)
	    : (0, 0);
	my $tracepoint = $base + $processor->{tracepoint} + $shift;
	my $question = $base + $processor->{ $system->{answer} }
	    + $enabled_shift;

	push @proffs, [word($tracepoint), "tracepoint $whose"
	    . ($shift ? ', and 1 that the kernel takes off' : '')];
	push @prenoffs, [word($question), "is-enabled $whose"
	    . ($enabled_shift ? ', less 2 that the kernel adds' : '')];
}

# stability of the name, of the data, class: 5 is Evolving and Common,
# 1 is Private, 0 is Unknown.
my ($public, $private) = (0x05050500, 0x01010000);
push @provider, [word(0), 'strings are in section 0'],
    [word(1), 'probes in section 1'], [word(2), 'arguments in section 2'],
    [word(3), 'tracepoints in section 3'],
    [word($provider_name), "name \"$provider\""],
    [word($public), 'provider: Evolving/Evolving/Common'],
    [word($private), 'module: Private/Private/Unknown'],
    [word($private), 'function: Private/Private/Unknown'],
    [word($public), 'name: Evolving/Evolving/Common'],
    [word($public), 'arguments: Evolving/Evolving/Common'],
    [word(4), 'questions in section 4'];
push @urelhdr, [word(0), 'strings are in section 0'],
    [word(6), 'relocations in section 6'],
    [word(1), 'what they change is section 1'];

# --- the document -----------------------------------------------------------

my @sections = (
	# name, type, align, size of an entry, content
	['STRTAB', 8, 1, 0, \@strtab],
	['PROBES', 16, 8, 48, \@table],
	['PRARGS', 17, 1, 1, \@prargs],
	['PROFFS', 18, 4, 4, \@proffs],
	['PRENOFFS', 26, 4, 4, \@prenoffs],
	['PROVIDER', 15, 4, 0, \@provider],
	['RELTAB', 10, 8, 24, \@reltab],
	['URELHDR', 12, 4, 0, \@urelhdr],
);
splice(@sections, 6) if !$system->{relocates};

my $size = 64 + 32 * @sections;
my (@headers, @body);
for my $i (0 .. $#sections) {
	my ($name, $type, $align, $entry, $content) = @{ $sections[$i] };
	my $gap = -$size % $align;
	my $length = length_of(@$content);

	push @body, ["\0" x $gap, "up to a multiple of $align"] if $gap;
	push @body, @$content;
	$size += $gap;
	push @headers, [word($type), "section $i is $name"],
	    [word($align), "$name: aligned to $align"],
	    [word(1), "$name: to be loaded"],
	    [word($entry), $entry ? "$name: entries of $entry bytes"
		: "$name: no entries of one size"],
	    [long($size), "$name: where it lies"],
	    [long($length), "$name: $length bytes"];
	$size += $length;
}
my @model = (undef, '32-bit', '64-bit');
my @encoding = (undef, 'little-endian', 'big-endian');
my @document = (
	["\x7fDOF", 'magic'],
	[byte($processor->{model}), "$model[$processor->{model}] pointers"],
	[byte($processor->{encoding}), $encoding[$processor->{encoding}]],
	[byte($system->{version}), "version $system->{version}"],
	[byte(2), 'version of DIF, of which there is none'],
	[byte(8), 'its integer registers'], [byte(8), 'its tuple registers'],
	["\0" x 6, 'nothing else in ident'],
	[word(0), 'no flags'], [word(64), 'size of this header'],
	[word(32), 'size of a section\'s header'],
	[word(scalar @sections), 'sections'], [long(64), 'where they begin'],
	[long($size), "to be read: $size bytes"],
	[long($size), 'of that many in all'], [long(0), 'padding'],
	@headers, @body);

print "# What $os on $arch is told of this provider ",
    "(see generate.pl and ../golden.t).\n";
printf("# The document is at %#x, the first stub at %#x.\n", $document,
	$system->{relocates} ? $document + $stubs : $stubs);
my $at = 0;
for (@document) {
	my ($bytes, $meaning) = @$_;

	printf("%04x: %s  %s\n", $at, join(' ', unpack('(H2)*', $bytes)),
		$meaning);
	$at += length $bytes;
}
