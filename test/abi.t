#!/usr/bin/perl
# abi.t - does a program that was compiled with an earlier usdt.h still work?
#
# test/abi.txt is the table of all that such a program has in it: calls, sizes
# and offsets of structs (with 64 bits, with 32), numbers.  It has to be what
# usdt.h says now.  `perl -Itest/lib test/abi.t --write` writes it; after a
# release, lines may only be added.
#	test/abi.xml is what libabigail sees in a library with usdt.h's calls and no
# more, so abidiff judges the same by its own reading.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;

my $dir = tempdir('usdt-abi-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $build = $ENV{USDT_BUILD} // '.';

sub text_of { local (@ARGV, $/) = @_; return scalar <> }

my $header = text_of('usdt.h');
my $code = $header =~ s{/\*.*?\*/}{}gsr;

# words(TEXT): with one blank between them.
sub words { return join ' ', split ' ', $_[0] }

# The prototype of each call.
sub calls
{
	my %calls;

	$calls{$2} = words("$1 $3")
	    while $code =~ /^USDT_(?:API|INLINE)\s+([^;{]*?)\b(usdt_\w+)(\([^;{]*\))(?=;)/mg;
	return %calls;
}

# The members of each struct.
sub structs
{
	my %structs;

	while ($code =~ /^typedef struct (?:\w+ )?\{\n(.*?)^\} (\w+);/msg) {
		my ($body, $name) = ($1, $2);

		$structs{$name} = [map { /(\w+)(?:\[\w+\])?$/ } split /\s*;\s*/, $body];
	}
	return %structs;
}

# The numbers that a program has in it: limits and errors.
sub numbers
{
	my %seen;

	return grep { !$seen{$_}++ }
	    $code =~ /^#define (USDT_\w+(?:_MAX|_SIZE|_BITS))\t/mg,
	    $code =~ /^\t(USDT_ERROR_\w+)/mg;
}

# values(TARGET, EXPRESSION...): what they are for a processor, by the compiler.
sub values_for
{
	my ($target, @expressions) = @_;

	open my $c, '>', "$dir/values.c" or die "values.c: $!\n";
	print $c "#include \"usdt.h\"\nconst unsigned values[] = {\n",
	    map({ "\t$_,\n" } @expressions), "};\n";
	close $c or die "values.c: $!\n";
	open my $s, '-|', 'clang', "--target=$target", qw(-ffreestanding -I. -S -o -),
	    "$dir/values.c" or die "clang: $!\n";
	my @values = map { /^\s+\.long\s+(\d+)/ ? $1 : () } <$s>;
	close $s or die "clang: $target\n";
	@values == @expressions or die "$target: " . @values . " values\n";
	return @values;
}

sub table
{
	my %calls = calls();
	my %structs = structs();
	my @lines = map { "call $_: $calls{$_}" } sort keys %calls;
	my (@names, @expressions);

	for my $name (sort keys %structs) {
		push @names, "struct $name";
		push @expressions, "sizeof ($name)";
		push @names, "  $_" for @{ $structs{$name} };
		push @expressions, "offsetof($name, $_)" for @{ $structs{$name} };
	}
	for (numbers()) {
		push @names, "number $_";
		push @expressions, $_;
	}
	my @wide = values_for('x86_64-linux-gnu', @expressions);
	my @narrow = values_for('i386-linux-gnu', @expressions);

	push @lines, "$names[$_] $wide[$_] $narrow[$_]" for 0 .. $#names;
	return join '', map { "$_\n" } @lines;
}

# A library that has the calls of usdt.h and nothing in them.
sub empty_library
{
	my %calls = calls();

	delete $calls{usdt_probe_enabled};	# the header has it
	open my $c, '>', "$dir/empty.c" or die "empty.c: $!\n";
	print $c "#define USDT_INLINE USDT_API\n#include \"usdt.h\"\n";
	for my $call (sort keys %calls) {
		my ($type, $arguments) = $calls{$call} =~ /^(.*?) (\(.*\))$/;

		print $c "$type $call$arguments { for (;;); }\n";
	}
	close $c or die "empty.c: $!\n";
	system(qw(clang -g -gdwarf-4 -O0 -w -ffreestanding -nostdlib -fPIC -shared -I. -o), "$dir/empty.so",
	    "-ffile-prefix-map=$dir/=",
	    "$dir/empty.c") == 0 or die "empty.c: it does not compile\n";
	return "$dir/empty.so";
}

if (@ARGV && $ARGV[0] eq '--write') {
	system(qw(abidw --no-show-locs --no-corpus-path --no-comp-dir-path
		--out-file test/abi.xml), empty_library()) == 0 or die "abidw: failed\n";
	my $table = table();

	open my $out, '>', 'test/abi.txt' or die "test/abi.txt: $!\n";
	print $out $table;
	close $out or die "test/abi.txt: $!\n";
	exit;
}

# Lines without their place, so that a difference says what changed.
sub lines
{
	my ($struct, %lines) = ('');

	for (split /\n/, $_[0]) {
		$struct = $1 if /^struct (\w+)/;
		$lines{/^  / ? "$struct:$_" : $_} = 1;
	}
	return \%lines;
}

my ($now, $before) = map { lines($_) } table(), text_of('test/abi.txt');
my @gone = grep { !$now->{$_} } sort keys %$before;
my @new = grep { !$before->{$_} } sort keys %$now;

ok(!@gone && !@new, 'usdt.h has the ABI of test/abi.txt')
    or diag(map({ "was: $_\n" } @gone), map({ "is: $_\n" } @new),
	'If that is intended: perl test/abi.t --write');

SKIP: {
	skip('test/abi.xml is for x86-64', 1) if `uname -m` ne "x86_64\n";
	if (system('command -v abidiff >/dev/null') != 0) {
		fail('abidiff may not be missing') if $ENV{USDT_NO_SKIP};
		skip('no abidiff (test/setup check installs it)', 1);
	}
	my $library = empty_library();
	my $said = `abidiff --no-added-syms test/abi.xml '$library' 2>&1`;

	is($?, 0, 'abidiff finds the ABI of test/abi.xml') or diag($said);
}

my %calls = calls();
my $map = text_of('packaging/libusdt.map') =~ s/^#.*//mgr;
my %node;

while ($map =~ /^(\S+) \{(.*?)^\}/msg) {
	my ($node, $body) = ($1, $2);

	$node{$_} = $node for $body =~ /^\t(usdt_\w+);/mg;
}
is(join(' ', sort keys %node), join(' ', sort keys %calls),
    'packaging/libusdt.map has the calls of usdt.h');

# The version is written twice.
my ($version) = $header =~ /^#define USDT_VERSION\t"(.*)"/m;
is(join('.', map { $header =~ /^#define USDT_VERSION_$_\t(\d+)/m }
    qw(MAJOR MINOR PATCH)), $version, 'the version as numbers');

{
	my ($major) = split /\./, $version;
	my $library = "$build/libusdt.so.$major";
	my %exported;

	for (`nm -D --defined-only '$library'`) {
		$exported{$1} = $2 if / [A-Z] (\w+)@@(\S+)$/;
	}
	is_deeply(\%exported, \%node, "$library exports them, with these versions");
	like(`readelf -d '$library'`, qr/SONAME.*\[libusdt\.so\.$major\]/, 'its soname');
	unlike(`readelf -dW '$library'`, qr/TEXTREL/, 'its text needs no relocation');
}
done_testing();
