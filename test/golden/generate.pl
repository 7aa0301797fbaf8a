#!/usr/bin/perl
# generate.pl - which bytes should a system get for a definition, and why?
#
#	test/golden/generate.pl OS ARCH > test/golden/OS-ARCH.txt
#
# Written from the rules of DTrace's object format and from nothing else.  It
# writes with Usdt::DofWriter, and shares no code and no table with the library,
# whose documents test/golden.t compares with these files.  Where they differ,
# find out which of the two is wrong; running this is not the way to make the
# test pass.
#
# A line is an offset, bytes, two blanks, and what the bytes mean.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;
no warnings 'portable';		# of numbers with more than 32 bits

use FindBin;
use lib "$FindBin::Bin/../lib";
use Usdt::DofWriter qw(record words length_of section document);

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
	riscv64 => { model => 2, encoding => 1,
		tracepoint => 20, memory => 4, register => 4 },
	s390x => { model => 2, encoding => 2,
		tracepoint => 12, memory => 0, register => 0 },
	armhf => { model => 1, encoding => 1,
		tracepoint => 12, memory => 0, register => 0 },
	ppc64le => { model => 2, encoding => 1,
		tracepoint => 12, memory => 0, register => 0 },
	# macOS alone, which shifts no offsets here.
	ppc => { model => 1, encoding => 2, tracepoint => 12, register => 0 },
	ppc64 => { model => 2, encoding => 2, tracepoint => 12, register => 0 },
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

my $big = $processor->{encoding} == 2;
sub word { return words($big, $_[0]) }

# Of each section, [bytes, what they mean].
my (@strtab, @table, @prargs, @proffs, @prenoffs, @reltab);

# string(TEXT, WHAT): its offset in the string table.
sub string
{
	my ($text, $what) = @_;
	my $at = length_of(@strtab);

	push @strtab, ["$text\0", qq{"$text", $what}];
	return $at;
}

# explained(PREFIX, KIND, [MEMBER => VALUE, MEANING]...): the structure's parts.
sub explained
{
	my ($prefix, $kind, @members) = @_;
	my %value = map { $_->[0] => $_->[1] } @members;
	my %meaning = map { $_->[0] => $prefix . $_->[2] } @members;

	return record($big, $kind, \%value, \%meaning);
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

	push @table, explained("probe $i: ", 'probe',
		[addr => $address, $from],
		[func => $function, "function \"$probe->{function}\""],
		[name => $name, "name \"$probe->{name}\""],
		[nargv => $types, 'where its native types begin'],
		[xargv => $types, 'translated ones, the same'],
		[argidx => 0, 'its arguments begin at PRARGS[0]'],
		[offidx => $index, "its tracepoint is PROFFS[$index]"],
		[nargc => $count, "$count native arguments"],
		[xargc => $count, "$count translated ones"],
		[noffs => 1, 'one tracepoint'],
		[enoffidx => $index, "its question is PRENOFFS[$index]"],
		[nenoffs => 1, 'one question'],
		[pad1 => 0, 'padding'], [pad => 0, 'padding']);
	push @reltab, explained("relocation $i: ", 'relocation',
		[name => 0, 'no name'],
		[type => 1, "SETX, add the image's address"],
		[offset => 48 * $i, "to probe ${i}'s address"],
		[data => 0, 'no data']);
}
push @prargs, map { [pack('C', $_), "translated argument $_ is native $_"] }
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
my @provider = explained('', 'provider',
	[strtab => 0, 'strings are in section 0'],
	[probes => 1, 'probes in section 1'],
	[prargs => 2, 'arguments in section 2'],
	[proffs => 3, 'tracepoints in section 3'],
	[name => $provider_name, "name \"$provider\""],
	[provider_attributes => $public, 'provider: Evolving/Evolving/Common'],
	[module_attributes => $private, 'module: Private/Private/Unknown'],
	[function_attributes => $private, 'function: Private/Private/Unknown'],
	[name_attributes => $public, 'name: Evolving/Evolving/Common'],
	[argument_attributes => $public,
		'arguments: Evolving/Evolving/Common'],
	[prenoffs => 4, 'questions in section 4']);
my @urelhdr = explained('', 'relocator',
	[strtab => 0, 'strings are in section 0'],
	[reltab => 6, 'relocations in section 6'],
	[target => 1, 'what they change is section 1']);

# --- the document -----------------------------------------------------------

my @sections = (
	section(strtab => @strtab), section(probes => @table),
	section(prargs => @prargs), section(proffs => @proffs),
	section(prenoffs => @prenoffs), section(provider => @provider),
	section(reltab => @reltab), section(urelhdr => @urelhdr),
);
splice(@sections, 6) if !$system->{relocates};

# explain(KIND, VALUES, INDEX): what the members of a header mean.
sub explain
{
	my ($kind, $value, $i) = @_;

	if ($kind eq 'section') {
		my $name = uc $value->{name};
		return {
			type => "section $i is $name",
			align => "$name: aligned to $value->{align}",
			flags => "$name: to be loaded",
			entsize => "$name: " . ($value->{entsize}
			    ? "entries of $value->{entsize} bytes"
			    : 'no entries of one size'),
			offset => "$name: where it lies",
			size => "$name: $value->{size} bytes",
		};
	}
	return {
		magic => 'magic',
		model => $value->{model} == 1 ? '32-bit pointers'
		    : '64-bit pointers',
		encoding => $big ? 'big-endian' : 'little-endian',
		version => "version $value->{version}",
		dif => 'version of DIF, of which there is none',
		integer_registers => 'its integer registers',
		tuple_registers => 'its tuple registers',
		rest => 'nothing else in ident', flags => 'no flags',
		hdrsize => 'size of this header',
		secsize => 'size of a section\'s header',
		secnum => 'sections', secoff => 'where they begin',
		loadsz => "to be read: $value->{loadsz} bytes",
		filesz => 'of that many in all', pad => 'padding',
	};
}

my @document = document(sections => \@sections, explain => \&explain,
	header => { model => $processor->{model},
		encoding => $processor->{encoding},
		version => $system->{version}, dif => 2,
		integer_registers => 8, tuple_registers => 8 });

print "# The document of this provider for $os on $arch ",
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
