#!/usr/bin/perl
# fuzz.t - do the fuzzers find anything in a short time?
#
# Each of test/fuzz/*.c runs for 30 seconds in CI, and for 3 elsewhere.  First
# they get a library with an error, which one of them has to find.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Cwd qw(getcwd);
use File::Basename qw(basename);
use File::Temp qw(tempdir);
use Test::More;

my $seconds = $ENV{USDT_FUZZ_SECONDS} // ($ENV{USDT_NO_SKIP} ? 30 : 3);
my @targets = map { basename($_, '.c') } sort glob 'test/fuzz/*.c';
my $dir = tempdir('usdt-fuzz-XXXXXX', TMPDIR => 1, CLEANUP => 1);
my $top = getcwd();

delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CFLAGS CC)};

if (system("echo 'int LLVMFuzzerTestOneInput(void) { return 0; }' | clang "
	. "-x c -fsanitize=fuzzer,address,undefined -o $dir/try - "
	. '2>/dev/null') != 0) {
	my $why = 'there is no clang with libFuzzer';

	plan(skip_all => $why) unless $ENV{USDT_NO_SKIP};
	fail("may not be skipped: $why");
	done_testing();
	exit;
}

# run(SECONDS, TARGET, TREE): the output of test/fuzz/run, and its status.
sub run
{
	my ($for, $target, $tree) = @_;

	local $ENV{O} = "$dir/$tree";
	chdir($tree eq 'broken' ? "$dir/tree" : $top) or die;
	my $output = `test/fuzz/run $for $target 2>&1`;
	my $status = $?;
	chdir($top) or die;
	return ($status, $output);
}

# --- an error is found ------------------------------------------------------

my $broken;

mkdir("$dir/tree") or die;
system("cp -r Makefile usdt*.[chs] core image none tools test $dir/tree/") == 0 or die;
{
	open my $in, '<', 'usdt_dof.c' or die;
	open my $out, '>', "$dir/tree/usdt_dof.c" or die;
	while (<$in>) {
		# The error: wrong offsets of the types' strings.
		s/SET\(probe, dofpr_nargv, types\)/SET(probe, dofpr_nargv, 1)/
		    and $broken = 1;
		print $out $_;
	}
	close $out or die;
	ok($broken, 'the builder of DOF has an error in a copy');
	my ($status, $output) = run(30, 'dof', 'broken');
	isnt($status, 0, 'it is found');
	my ($path) = $output =~ m{^(\S+/found/dof-\S+)$}m;
	ok(defined $path && -s ($path =~ m{^/} ? $path : "$dir/tree/$path"),
	    'the input is kept, and its path printed') or diag($output);
}

# --- none is found ----------------------------------------------------------

for my $target (@targets) {
	ok(-d "test/fuzz/corpus/$target", "$target has a corpus");
	my ($status, $output) = run($seconds, $target, 'fine');
	my ($said) = $output =~ /^(\Q$target\E: nothing found in \d+ inputs)$/m;

	ok($status == 0 && defined $said, $said // "$target: a finding")
	    or diag($output);
}
# --- more than fuzzers write ------------------------------------------------

# elf(NOTES, OPERANDS, SYMBOLS, NAME): an ELF file with this many notes at an
# address in a function NAME, which each of their operands names.
sub elf
{
	my ($notes, $operands, $symbols, $name) = @_;
	my $args = join ' ', ("8\@$name(%rip)") x $operands;
	my $note = '';

	for my $i (0 .. $notes - 1) {
		my $desc = pack('Q<3', 0x1000 + $i % 64, 0, 0)
		    . "p\0n\0" . substr($args, 0, 200_000) . "\0";

		$note .= pack('L<3', 8, length $desc, 3) . "stapsdt\0" . $desc
		    . "\0" x (-length($desc) % 4);
	}
	my @sections = (['', 0, 0, 0, 0, ''],
		['.text', 1, 6, 0x1000, 0, "\x90" x 4096],
		['.note.stapsdt', 7, 0, 0, 0, $note],
		['.symtab', 2, 0, 0, 4, "\0" x 24 . pack('L<CCS<Q<Q<',
			1, 0x12, 0, 1, 0x1000, 0x1000) x $symbols],
		['.strtab', 3, 0, 0, 0, "\0$name\0"]);
	my $names = join("\0", map { $_->[0] } @sections) . "\0.shstrtab\0";
	push @sections, ['.shstrtab', 3, 0, 0, 0, $names];

	my ($blob, $headers) = ('', '');
	for (@sections) {
		my ($section, $type, $flags, $address, $link, $data) = @$_;

		$blob .= "\0" x (-length($blob) % 8);
		$headers .= pack('L<2Q<4L<2Q<2', $section eq '' ? 0 :
			index($names, "\0$section\0") + 1, $type, $flags,
			$address, 120 + length $blob, length $data, $link,
			$type == 2, $type == 7 ? 4 : 8, $type == 2 ? 24 : 0);
		$blob .= $data;
	}
	$blob .= "\0" x (-length($blob) % 8);
	return "\x7fELF\x02\x01\x01" . "\0" x 9
	    . pack('S<2L<Q<3L<S<6', 3, 62, 1, 0, 64, 120 + length $blob, 0,
		64, 56, 1, 64, scalar @sections, $#sections)
	    . pack('L<2Q<6', 1, 5, 120, 0x1000, 0x1000, 4096, 4096, 8)
	    . $blob . $headers;
}

# How much time and memory a file of a few megabytes can cost the command: code
# that copied names and searched for each operand from the start needed 20 GB,
# and minutes, for these.
my %large = (
	'a long name for many probes' => [20_000, 0, 1, 'f' x 1_000_000],
	'many operands and symbols' => [64, 5_000, 100_000, 'f' x 20],
);
for my $what (sort keys %large) {
	open my $file, '>:raw', "$dir/large" or die;
	print $file elf(@{ $large{$what} });
	close $file or die;
	my ($program) = glob "$dir/fine/obj-fuzz/obj-*/test/fuzz/read";
	my $output = `ulimit -t 30; $program -timeout=3000 -malloc_limit_mb=64 -rss_limit_mb=1024 $dir/large 2>&1`;

	ok($? == 0 && $output =~ /^Executed/m, $what . ': ' . (-s "$dir/large")
		. ' bytes do not stop it') or diag($output);
}

my $bytes = 0;
$bytes += -s $_ for glob 'test/fuzz/corpus/*/*';
cmp_ok($bytes, '<', 200_000, "the corpora are small: $bytes bytes");
done_testing();
