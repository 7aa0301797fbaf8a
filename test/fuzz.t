#!/usr/bin/perl
# fuzz.t - do the fuzzers find anything in a little while?
#
# Each of test/fuzz/*.c for 30 seconds in CI, and for 3 elsewhere.  First they
# are shown a library with an error in it, which one of them has to find.
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

# run(SECONDS, TARGET, TREE): what test/fuzz/run says of it, and its status.
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
system("cp -r Makefile usdt*.[chs] tools test $dir/tree/") == 0 or die;
{
	open my $in, '<', 'usdt_dof.c' or die;
	open my $out, '>', "$dir/tree/usdt_dof.c" or die;
	while (<$in>) {
		# The strings of the types are left where they are not.
		s/dofpr_nargv, probedef->argc \? \*used : 0/dofpr_nargv, 1/
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
my $bytes = 0;
$bytes += -s $_ for glob 'test/fuzz/corpus/*/*';
cmp_ok($bytes, '<', 200_000, "the corpora are small: $bytes bytes");
done_testing();
