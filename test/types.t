#!/usr/bin/perl
# types.t - what do images say of names and structs?
#
# Usdt::Dwarf and Usdt::Elf read the images of all processors, and compare with
# tables written by hand from the declarations in types.c; readelf, eu-elflint
# and llvm-dwarfdump judge them; a C compiler reads the text.  The tracers read
# them in trace/types.t.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;

use Usdt::Dwarf;
use Usdt::Elf;
use Usdt::Process;

my $dir = tempdir('usdt-types-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my @cc = split ' ', $ENV{CC} // 'cc';
my $obj = $ENV{USDT_OBJ} // 'obj-x86_64';
my $program = "$dir/types";

system(@cc, '-std=gnu99', '-I.', '-O1', '-o', $program, 'test/types.c',
    "$obj/rooms.a", '-pthread') == 0
    or BAIL_OUT('types.c is not compiled');

# Words, registers by DWARF's numbers, the stack's pointer and the first
# operand on it: from the processors' ABIs.
my %archs = (
	x86_64 => { word => 8, registers => [5, 4, 1, 2, 8, 9], stack => 7,
		machine => 62, direct => 1 },
	i386 => { word => 4, registers => [], stack => 4, wide => 2, machine => 3,
		direct => 1 },
	aarch64 => { word => 8, registers => [0 .. 7], stack => 31,
		machine => 183, direct => 4 },
	sparc64 => { word => 8, registers => [8 .. 13], stack => 14,
		first => 2047 + 176, machine => 43, big => 1 },
	riscv64 => { word => 8, registers => [10 .. 17], stack => 2,
		machine => 243 },
	s390x => { word => 8, registers => [2 .. 6], stack => 15,
		first => 160, machine => 22, big => 1 },
	armhf => { word => 4, registers => [0 .. 3], stack => 13, wide => 12,
		machine => 40 },
	ppc64le => { word => 8, registers => [3 .. 10], stack => 1,
		first => 96, machine => 21 },
);

sub output
{
	open(my $pipe, '-|', @_) or die "$_[0]: $!\n";
	binmode $pipe;
	local $/;
	my $out = <$pipe> // '';
	close $pipe;
	return $out;
}

sub spew
{
	my ($name, $bytes) = @_;
	open(my $out, '>:raw', "$dir/$name") or die;
	print $out $bytes;
	close $out or die;
	return "$dir/$name";
}

# The arguments of the first probe: name, type with words of 8 and 4 bytes,
# size in bytes.
my @start = (
	['id', 'int', 'int', 4], ['url', 'char *', 'char *', 'W'],
	['req', 'struct my_request *', 'struct my_request *', 'W'],
	['took', 'long unsigned int', 'long long unsigned int', 'D'],
	['u', 'void *', 'void *', 'W'],
	['c', 'unsigned char', 'unsigned char', 1],
	['seventh', 'long int', 'int', 'W'],
	['eighth', 'char *', 'char *', 'W'],
	['ninth', 'signed char', 'signed char', 1],
	['tenth', 'unsigned int', 'unsigned int', 4],
);

sub place
{
	my ($arch, $index, $size) = @_;
	my @registers = @{ $arch->{registers} };

	# Where words have 32 bits, all lie once more in 64.
	return "breg$arch->{wide} " . $index * 8
	    if $arch->{wide} && $size eq 'D';
	return "reg$registers[$index]" if $index < @registers;
	$size = $arch->{word} if $size =~ /[WD]/;
	my $offset = ($arch->{first} // 0)
	    + ($index - @registers) * $arch->{word};
	$offset += $arch->{word} - $size if $arch->{big};
	return "breg$arch->{stack} $offset";
}

# What the probe's function must have: tag, name, type, location of each.
sub expected_start
{
	my ($arch) = @_;
	my $registers = @{ $arch->{registers} };

	return [map {
		my $place = place($arch, $_, $start[$_][3]);
		[$registers && $place !~ /^reg/ ? 'variable' :
		    'formal_parameter', $start[$_][0],
		    $start[$_][$arch->{word} == 8 ? 1 : 2], $place]
	} 0 .. $#start];
}

# The compiler's own sizes and offsets.
my (%size, %offset);
for (split /\n/, output($program, 'offsets')) {
	my ($what, $value) = /^(.*) (\d+)$/ or die;
	if ($what =~ /^(\w+)\.(.*)/) {
		$offset{$1}{ $2 =~ /(\w+)(?:\[\d+\])?$/ ? $1 : die } = $value;
	} else {
		$size{$what} = $value;
	}
}
my %types = (
	my_peer => { host => 'char [16]', port => 'short unsigned int' },
	my_request => {
		id => 'int', flags => 'short unsigned int', url => 'char *',
		took => 'double', ratio => 'float',
		bytes => 'long unsigned int', peer => 'struct my_peer',
		codes => 'int [300]', all => 'struct my_peer [2]',
		next => 'struct my_request *', other => 'void *',
		secure => '_Bool',
	},
	my_packed => { c => 'char', i => 'int', p => 'void *' },
);

sub judge_structs
{
	my ($dwarf, $arch) = @_;
	my @structs = $dwarf->find('structure_type');

	is_deeply([map { $_->{name} } @structs],
	    [qw(my_peer my_request my_packed)], 'the structs');
	for my $struct (@structs) {
		my $name = $struct->{name};
		my %members = map { $_->{name} => $_ } @{ $struct->{children} };

		is($struct->{byte_size}, $size{$name}, "the size of $name");
		is_deeply({ map { $_ => $members{$_}{data_member_location} }
		    keys %members }, $offset{$name}, "offsets of $name");
		is_deeply({ map { $_ =>
		    $dwarf->type($members{$_}{type}) } keys %members },
		    { map { my $type = $types{$name}{$_};
			$_ => $arch->{word} == 4 ? $type =~
			s/long unsigned/long long unsigned/r : $type }
			keys %{ $types{$name} } }, "types of $name");
	}
}

sub judge_functions
{
	my ($elf, $dwarf, $arch) = @_;
	my @functions = $dwarf->find('subprogram');
	my %note = map { $_->{name} => $_ } $elf->notes;
	my $text = $elf->section('.text');

	is_deeply([map { $_->{name} } @functions],
	    [qw(request__start mixed one two none)], 'a function for each probe');
	is_deeply([map { [$_->{tag}, $_->{name}, $dwarf->type($_->{type}),
	    $_->{location}] } @{ $functions[0]{children} }],
	    expected_start($arch), 'its arguments');
	is_deeply([map { [$_->{name}, $dwarf->type($_->{type})] }
	    @{ $functions[1]{children} }],
	    [['arg0', 'int'], ['name', 'char *'], ['arg2', $arch->{word} == 8 ?
	    'long unsigned int' : 'unsigned int']],
	    'arguments without names have one');
	is_deeply($functions[4]{children}, [], 'none has none');
	for my $function (@functions) {
		my $low = $function->{low_pc};
		my $site = $note{ $function->{name} }{adjusted};
		my $dof = $note{ $function->{name} }{location};
		my ($symbol) = grep { $_->{name} eq $function->{name} }
		    $elf->symbols;

		ok($low < $site && $site < $dof
		    && $dof < $low + $function->{high_pc}
		    && $low + $function->{high_pc} <= $text->{addr}
		    + $text->{size}, "$function->{name} covers both sites");
		is_deeply([@$symbol{qw(value type)}], [$low, 2],
		    'a symbol of its name is at its own');
		is($symbol->{value} + $symbol->{size}, $site,
		    'and ends before the others');
	}
}

for my $name (sort keys %archs) {
	subtest "on $name" => sub {
		my $arch = $archs{$name};
		my $path = spew($name, output($program, $name));
		my $elf = Usdt::Elf->read($path);
		my $dwarf = Usdt::Dwarf->new($elf);
		my ($unit) = $dwarf->units;
		my $text = $elf->section('.text');

		is_deeply([grep { !/no tracer knows the operand '[%[]%?[os]/ }
		    $elf->problems], [], 'an ELF file');
		is($elf->header->{machine}, $arch->{machine}, 'for it');
		is_deeply([$dwarf->problems], [], 'DWARF');
		is_deeply([$unit->{name}, $unit->{language}], ['server', 12],
		    'the unit has the module\'s name, and is C99');
		is_deeply([$dwarf->ranges],
		    [[0, $text->{addr}, 5 * 32]], 'all stubs are in it');
		# The layout is this compiler's: as of the same word size.
		judge_structs($dwarf, $arch)
		    if $arch->{word} == length pack 'J', 0;
		judge_functions($elf, $dwarf, $arch);
		is_deeply([map { $_->{name} } $elf->sections], ['',
			qw(.note.gnu.build-id .eh_frame_hdr .eh_frame
			.stapsdt.base .SUNW_dof .text .probes .note.stapsdt
			.symtab .strtab .shstrtab),
			$arch->{direct} ? '.usdt.direct' : (),
			qw(.debug_abbrev .debug_info .debug_aranges
			.usdt.types)], 'sections');

		my $warned = output('sh', '-c',
		    'readelf -a -w "$0" 2>&1 >/dev/null', $path);
		is($warned, '', 'readelf has nothing to say');
	    SKIP: {
			skip('no eu-elflint', 1)
			    if !grep { -x "$_/eu-elflint" } split /:/, $ENV{PATH};
			# It knows no note of probes (and 0.196 calls even those of
			# compilers malformed).
			is(join('', grep { !/unknown object file note type|malformed object file note type 3 with owner name 'stapsdt'/ }
			    split /^/, output('eu-elflint', '--gnu-ld', $path)),
			    '', 'nor has eu-elflint');
		}
		my ($judge) = grep { -x } map { my $at = $_;
		    map { "$at/$_" } qw(llvm-dwarfdump llvm-dwarfdump-14) }
		    split /:/, $ENV{PATH};
	    SKIP: {
			skip('no llvm-dwarfdump', 1) if !$judge;
			like(output($judge, '--verify', $path), qr/No errors/,
			    'nor has llvm-dwarfdump');
		}

		my $plain = Usdt::Elf->new(output($program, $name, 'plain'));
		is_deeply([$plain->section('.text')->{size}, [grep {
		    !/no tracer knows the operand '[%[]%?[os]/ }
		    $plain->problems]], [$arch->{direct} ?
		    6 * 32 + 5 * $arch->{direct} : 5 * 32, []],
		    'without names, an ELF file');
		is(scalar(grep { $_->{name} =~ /debug|types/ }
		    $plain->sections), 0, 'that has none of it');
		is(scalar(() = $plain->symbols),
		    scalar(() = $elf->symbols) - 5, 'nor symbols for sites');
	};
}

# --- the text ---------------------------------------------------------------

subtest 'the text is C' => sub {
	my $arch = length(pack 'J', 0) == 8 ? 'x86_64' : 'i386';
	my $elf = Usdt::Elf->new(output($program, $arch));
	my $text = $elf->section_bytes('.usdt.types');

	ok($text =~ s/\0\z//, 'it ends with a zero');
	like($text, qr/^void request__start\(int id, char \*url, struct my_request \*req, .* float tenth\);$/m, 'a prototype');
	like($text, qr/^void mixed\(int arg0, char \*name, unsigned long arg2\);$/m, 'with names for those without');
	like($text, qr/^void none\(void\);$/m, 'one without arguments');
	like($text, qr/^typedef void (\w+)\(int x\);\n\1 one,two;$/m,
	    'a type for two that are alike');

	my @checks = map { my $s = $_;
		(qq{_Static_assert(sizeof (struct $s) == $size{$s}, "$s");},
		map { qq{_Static_assert(offsetof(struct $s, $_) == }
		    . qq{$offset{$s}{$_}, "$s.$_");} }
		keys %{ $offset{$s} }) } sort keys %size;
	my $path = spew('text.c', join "\n", '#include <stdbool.h>',
	    '#include <stddef.h>', '#include <stdint.h>', $text, @checks, '');
	is(system(@cc, '-std=gnu11', '-w', '-fsyntax-only', $path), 0,
	    'a compiler finds the same sizes and offsets') or diag $text;
};

# --- what has no names pays nothing -----------------------------------------

# The name of an image is a hash of its bytes.  These are of the first build with
# direct sites; names had not changed the bytes of images without them before.
my %before = (1 => 'bd3318e29a0dca1f', 5 => 'e0515f9679509c56',
    10 => '2b4f77cb4b1976a1');

SKIP: {
	skip('the images of x86-64 are known', 3)
	    if output(@cc, '-dumpmachine') !~ /^x86_64/;
	for my $nop (sort { $a <=> $b } keys %before) {
		my $process = Usdt::Process->new(
			args => [qw(-p plain h start int), 'char *',
			    qw(-- g done double)],
			env => { USDT_NOP => $nop, USDT_DISABLE => undef,
			    USDT_BACKENDS => undef, USDT_HELPER => '/none',
			    USDT_IMAGE_DIR => "$dir/images" });

		$process->ready or die $process->greeting;
		ok(-e "$dir/images/plain/1-$before{$nop}/testmod",
		    "a nop of $nop: the bytes are those of before");
	}
}
done_testing();
