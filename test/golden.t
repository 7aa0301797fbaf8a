#!/usr/bin/perl
# golden.t - is each system's document right to the byte?
#
# test/golden/OS-ARCH.txt explains every byte of the document for one
# definition.  The files were made by test/golden/generate.pl, which was written
# from the rules of the format and knows nothing of the library.  The library's
# own builder has to produce the same bytes; each byte has to be explained
# exactly once; and the judge of documents has to accept them under that
# system's rules, with that processor's stubs at their sites.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;
no warnings 'portable';		# of numbers with more than 32 bits

use File::Basename qw(basename);
use File::Temp qw(tempdir);
use Test::More;

use Usdt::Dof;
use Usdt::Variant qw(require_compiler);

my $obj = $ENV{USDT_OBJ} // 'obj-x86_64';
my $dir = tempdir('usdt-golden-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $image = 0x7fab_1234_0000;

require_compiler(system("clang --version >/dev/null 2>&1") == 0,
    'no clang (test/setup check installs it)');

sub slurp
{
	my ($path) = @_;

	open(my $in, '<:raw', $path) or die "$path: $!\n";
	local $/;
	return <$in> // '';
}

sub output
{
	my (@command) = @_;

	open(my $in, '-|:raw', @command) or die "@command: $!\n";
	local $/;
	my $text = <$in> // '';
	close($in) or die "@command: failed\n";
	return $text;
}

# read_golden(TEXT): the bytes, the addresses in its head, and the errors of the
# text itself.
sub read_golden
{
	my ($text) = @_;
	my ($bytes, @wrong, @addresses) = ('');

	for my $line (split /\n/, $text) {
		@addresses = map { hex } $line =~ /\b0x([0-9a-f]+)/g
		    if $line =~ /^# The document is at/;
		next if $line =~ /^#/;
		my ($at, $hex, $meaning) = $line =~
		    /^([0-9a-f]{4,}): ((?:[0-9a-f]{2} )*[0-9a-f]{2})  (\S.*)$/;
		if (!defined $meaning) {
			push @wrong, "not a line of bytes: $line";
			next;
		}
		push @wrong, sprintf('offset %#x where %#x is next', hex $at,
			length $bytes) if hex($at) != length $bytes;
		$bytes .= pack('(H2)*', split / /, $hex);
	}
	push @wrong, 'no addresses' if @addresses != 2;
	return ($bytes, \@addresses, \@wrong);
}

# --- stubs ------------------------------------------------------------------

# For each processor, its names for clang and for the judge of documents.
my %target = (
	x86_64 => ['x86_64-linux-gnu', 'x86_64'],
	i386 => ['i386-linux-gnu', 'i386'],
	aarch64 => ['aarch64-linux-gnu', 'arm64'],
	sparc64 => ['sparcv9-linux-gnu', 'sparc'],
	riscv64 => ['riscv64-linux-gnu', 'riscv64'],
	s390x => ['s390x-linux-gnu', 's390x'],
	armhf => ['armv7-linux-gnueabihf', 'arm'],
	ppc64le => ['powerpc64le-linux-gnu', 'ppc64le'],
	ppc => ['powerpc-linux-gnu', 'ppc'],
	ppc64 => ['powerpc64-linux-gnu', 'ppc'],
);

my %big_endian = map { $_ => 1 } qw(sparc64 s390x ppc ppc64);

# stub_of(ARCH, ANSWER): the assembled code of the stub with the shortest nop
# and this way of answering (1: through a pointer).
sub stub_of
{
	my ($arch, $answer) = @_;
	my $object = "$dir/$arch.o";
	my $big = $big_endian{$arch};

	system('clang', '-fintegrated-as', '-target', $target{$arch}[0], '-c',
	    '-o', $object, "usdt_tracepoints_$arch.s") == 0
	    or die "usdt_tracepoints_$arch.s: not assembled\n";
	my ($offset, $size) = output('llvm-readobj', '--sections', $object) =~
	    /Name: \.rodata .*?Offset: 0x(\w+)\s+Size: (\d+)/s
	    or die "$arch: no .rodata\n";
	my $data = substr(slurp($object), hex $offset, $size);
	while (length $data >= 100) {
		my ($nop, $how) = unpack($big ? 'N2' : 'V2', $data);
		return substr($data, 36, 32) if $nop == 1 && $how == $answer;
		substr($data, 0, 100, '');
	}
	die "$arch: no stub with answer $answer\n";
}

# --- each document ----------------------------------------------------------

my @declared = (
	['main', 'begin'],
	['handle', 'request-start', 'int', 'char *'],
	['other', 'request-start', 'int64_t'],
	['handle', 'all-of-them', map { ('int8_t', 'uint64_t', 'char *',
		'unsigned int')[$_ % 4] } 0 .. 31],
);

# compare(GOT, WANTED, TITLE): shows where the first difference is.
sub compare
{
	my ($got, $wanted, $title, $path) = @_;

	return pass($title) if $got eq $wanted;
	my $at = 0;
	$at++ while $at < length $got && $at < length $wanted
	    && substr($got, $at, 1) eq substr($wanted, $at, 1);
	my ($line) = grep { /^([0-9a-f]+):/ && hex($1) <= $at }
	    reverse split /\n/, slurp($path);
	fail($title);
	return diag(sprintf("%d bytes, %d expected; the first that differ are "
		. "at %#x: %s\nof %s", length $got, length $wanted, $at,
		join(' ', unpack('(H2)*', substr($got, $at, 8))),
		$line // 'nothing'));
}

sub check
{
	my ($os, $arch) = @_;
	my $path = "test/golden/$os-$arch.txt";
	my $linux = $os eq 'linux';

	ok(-e $path, "there is a $path") or return;
	my ($bytes, $addresses, $wrong) = read_golden(slurp($path));
	is_deeply($wrong, [], 'each byte is explained once');
	my ($document, $stubs) = @$addresses;
	my $built = output("$dir/golden", $os, $arch, $document,
		$linux ? $stubs - $document : $stubs);
	compare($built, $bytes, 'the builder writes the same bytes', $path);
	my ($generated) = read_golden(output($^X, 'test/golden/generate.pl',
		$os, $arch));
	ok($built eq $generated, 'and generate.pl does')
	    or diag('the file is not what it was made by');

	my ($problems, $read) = Usdt::Dof::judge($bytes, $os,
		addr => $document, encoding => $big_endian{$arch} ? 2 : 1,
		model => $arch =~ /^(?:i386|armhf|ppc)$/ ? 1 : 2, module => 'golden',
		machine => $target{$arch}[1],
		code => [$stubs, stub_of($arch, $linux) x @declared]);
	is_deeply([Usdt::Dof::texts(@$problems)], [], "$os accepts it");
	is($read->{provider}, 'golden-app', 'the provider');
	is_deeply([map { [@$_{qw(function name)}, @{ $_->{native} }] }
	    @{ $read->{probes} }], \@declared, 'the declared probes');
	is_deeply([map { $_->{xlated} } @{ $read->{probes} }],
	    [map { [@$_[2 .. $#$_]] } @declared], 'types of args[]');
}

my @flags = (qw(-std=gnu99 -O1 -g -Wall -Wextra -Werror -I.));
system(split(' ', $ENV{CC} // 'cc'), @flags, '-o', "$dir/golden",
    'test/golden.c', "$obj/rooms.a", '-pthread') == 0
    or BAIL_OUT('golden.c is not compiled');
my @pairs = map { [split] } split /\n/, output("$dir/golden");
cmp_ok(scalar @pairs, '>=', 11, 'systems and processors');
for my $pair (@pairs) {
	subtest "@$pair" => sub { check(@$pair) };
}
is_deeply([sort map { basename($_, '.txt') } glob('test/golden/*.txt')],
    [sort map { join('-', @$_) } @pairs], 'no file is left over');

# A check of the judge: it refuses stubs of the other kind.
for my $case (['illumos', 'x86_64', 1], ['macos', 'aarch64', 1],
    ['illumos', 'sparc64', 1]) {
	my ($os, $arch, $answer) = @$case;
	my ($bytes, $addresses) = read_golden(slurp(
		"test/golden/$os-$arch.txt"));
	my ($problems) = Usdt::Dof::judge($bytes, $os,
		addr => $addresses->[0],
		encoding => $big_endian{$arch} ? 2 : 1,
		machine => $target{$arch}[1],
		code => [$addresses->[1], stub_of($arch, $answer) x 4]);
	my @rules = grep { $_->{rule} eq 'code' } @$problems;
	ok(@rules > 0 && @rules == @$problems,
	    "$os, $arch: Linux' stubs are refused");
}
done_testing();
