# Usdt::Machine - how do tests run inside a machine of test/vm?
#
# Each test is a subtest of the script that runs them here.  Names in
# $USDT_DTRACE_TESTS ("fork.t matching.t") choose among them.  If the machine
# can't be built the reason is reported; under USDT_NO_SKIP that fails.
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::Machine;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(basename dirname);
use File::Temp qw(tempdir);
use TAP::Parser;
use Test::More;
use Usdt::Variant ();

our @EXPORT_OK = qw(host_machine guest_tests run_inside run_apart);

# A test's own CODE(DIRECTORY), which adds to the machine's /t.
our $more;

my $top = abs_path(dirname(__FILE__) . '/../../..');
# What make built for the machine.
our $build = abs_path($ENV{USDT_BUILD} // $top);
my $SECONDS = $ENV{USDT_VM_SECONDS} // 5400;

my %archs = (x86_64 => 'amd64', aarch64 => 'arm64');

# can_not(REASON): skips, unless skips count as failures.
sub can_not
{
	my ($reason) = @_;

	plan(skip_all => $reason) if !$ENV{USDT_NO_SKIP};
	plan(tests => 1);
	fail("$reason, and USDT_NO_SKIP is set");
	exit 1;
}

# The name of the machine for this processor.
sub host_machine
{
	chomp(my $here = `uname -m`);

	return $archs{$here} // can_not("no machine with DTrace for $here");
}

sub copy
{
	my ($to, @from) = @_;

	system('mkdir', '-p', $to) == 0 && system('cp', '-r', @from, $to) == 0
	    or die "cp @from $to: failed\n";
}

# compile(OUTPUT, SOURCE, FLAG...): for this processor, with the library.
sub compile
{
	my ($output, $source, @flags) = @_;
	my @cc = (split(' ', $ENV{CC} // 'cc'), '-std=gnu99', '-g', '-O2',
		'-Wall', "-I$top", '-o', $output, $source, "$build/libusdt.a",
		'-pthread', @flags);

	system(@cc) == 0 or die "@cc: failed\n";
}

# stage(MACHINE): a directory with all that the machine gets.
sub stage
{
	my ($arch) = @_;
	my $stage = tempdir('usdt-dtrace-XXXXXX', TMPDIR => 1, CLEANUP => 1);
	my ($machine) = `$top/test/vm/build --where $arch`;
	chomp($machine);

	copy($stage, grep { -e } map { "$build/$_" } 'test_usdt', 'usdt',
		'usdt-dtrace');
	copy("$stage/test", map { "$top/test/$_" }
		qw(lib dtrace kernel arm64 processor golden));
	copy("$stage/test/vm", "$top/test/vm/guest-tests");
	if (-e "$machine/reference") {
		copy($stage, "$machine/reference");
	} elsif ($ENV{USDT_NO_SKIP} && $arch eq host_machine()) {
		can_not("no $machine/reference, which dtrace -G makes");
	}
	compile("$stage/$_", "$top/test/dtrace/$_.c")
	    for qw(many_probes many_processes submit);
	compile("$stage/request", "$top/examples/request.c");
	return $stage if $arch !~ /^amd64/;
	stage_static($stage, 'test_usdt32', Usdt::Variant::makes_32_bits(),
	    'the compiler makes no 32-bit programs', 'ARCH=i386');
	stage_static($stage, 'test_usdt_musl',
	    Usdt::Variant::compiles('musl-gcc', '-static'),
	    'there is no musl-gcc', 'CC=musl-gcc');
	return $stage;
}

# stage_plugins(STAGE): copies of the library, for test/dtrace/copies.t.  A
# compiler that links statically does not make such shared objects.
sub stage_plugins
{
	my ($stage) = @_;
	my $from = "$top/test/trace";

	compile("$stage/host", "$from/equal_plugins.c", '-ldl');
	compile("$stage/plugin-$_.so", "$from/equal_plugin.c", '-shared',
	    '-fPIC', "-DMODULE=\"plugin-$_\"") for qw(one other);
	copy("$stage/equal", "$stage/plugin-one.so");
}

# stage_example(STAGE, NAME, END, ENDLESS): an example that ends only when its test
# ends it: with ENDLESS instead of END.
sub stage_example
{
	my ($stage, $name, $end, $endless) = @_;

	open(my $in, '<', "$top/examples/$name.c") or die "$name.c: $!\n";
	my $source = join('', <$in>);
	$source =~ s/\Q$end\E/$endless/ or die "$name.c ends otherwise";
	open(my $out, '>', "$stage/$name.c") or die "$stage/$name.c: $!\n";
	print $out $source;
	close($out);
	compile("$stage/$name", "$stage/$name.c");
}

# stage_static(STAGE, NAME, WORKS, WHY, VARIABLE...): a static test_usdt, since
# the machine has none of its libraries, if its compiler WORKS.
sub stage_static
{
	my ($stage, $name, $works, $why, @variables) = @_;
	my $out = "$stage/$name.build";

	if (!$works) {
		$why .= ' (test/setup widths installs what it takes)';
		can_not($why) if $ENV{USDT_NO_SKIP};
		diag("what needs $name is skipped: $why");
		return;
	}
	# This make is independent: the flags of a make around the test are not
	# for it.
	system('env', '-u', 'MAKEFLAGS', '-u', 'MAKELEVEL', 'sh', '-c',
	    'log=$1; shift; "$@" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }',
	    'sh', "$stage/log", 'make', '-s', '-C', $top, @variables,
	    "O=$out", 'LDFLAGS=-static', "$out/test_usdt") == 0
	    or die "make @variables: failed\n";
	rename("$out/test_usdt", "$stage/$name") or die "rename: $!\n";
	system('rm', '-rf', $out);
}

# guest_tests(DIRECTORY): the selected tests there.
sub guest_tests
{
	my ($dir) = @_;
	my @all = map { "$dir/" . basename($_) } sort(glob("$top/$dir/*.t"));
	my %wanted = map { $_ => 1 } split(' ', $ENV{USDT_DTRACE_TESTS} // '');

	return grep { !%wanted || $wanted{basename($_)} } @all;
}

# report(NAME, TAP, STATUS, SECONDS): the result of one inner test.
sub report
{
	my ($name, $tap, $status, $seconds) = @_;
	my $parser = TAP::Parser->new({ tap => $tap });

	$parser->run;
	my @problems = $parser->parse_errors;
	push @problems, "exit status $status" if $status;
	push @problems, 'failed: ' . join(', ', $parser->failed)
	    if $parser->failed;
	push @problems, 'skipped: ' . $parser->skip_all
	    if $parser->skip_all && $ENV{USDT_NO_SKIP};
	my $label = "$name ($seconds s)";
	$label .= ', skipped: ' . $parser->skip_all if $parser->skip_all;
	ok(!@problems, $label) or diag(join("\n", @problems));
}

# A signal that ends this ends the machine too.
my $running;
$SIG{$_} = sub {
	kill('TERM', $running) if $running;
	exit 1;
} for qw(HUP INT TERM);

# run_inside(MACHINE, TEST...): the whole of a test script on the host, or of a
# subtest.
sub run_inside
{
	my ($arch, @tests) = @_;

	system("$top/test/vm/build", $arch) == 0
	    or can_not('the machine could not be built');
	my $stage = stage($arch);
	stage_plugins($stage) if grep { m{/copies\.t$} } @tests;
	stage_example($stage, 'jit', ' && turns > -60', '')
	    if grep { m{/jit\.t$} } @tests;
	if (grep { m{/readme\.t$} } @tests) {
		stage_example($stage, 'hello', 'i < 60', '1');
		copy($stage, "$top/README.md");
	}
	$more->($stage) if $more;

	plan(tests => @tests + 1);
	run_stage($arch, $stage, @tests);
}

# run_apart(MACHINE, CODE(DIRECTORY), TEST...): as a part of a test script, for
# tests that need only what CODE puts into the machine's /t beside test/lib, and
# that would run on the host but for its processor: the machine has no DTrace
# then.  A TEST is a script or a program that prints TAP.
sub run_apart
{
	my ($arch, $bring, @tests) = @_;
	my $stage = tempdir('usdt-apart-XXXXXX', TMPDIR => 1, CLEANUP => 1);

	copy("$stage/test", "$top/test/lib");
	copy("$stage/test/vm", "$top/test/vm/guest-tests");
	mkdir("$stage/no-dtrace") or die "$stage/no-dtrace: $!\n";
	$bring->($stage);
	run_stage($arch, $stage, @tests);
	system('rm', '-rf', $stage);
}

# run_stage(MACHINE, STAGE, TEST...): a test for each, and one for the machine.  A
# kernel may die of its emulator, without a fault of the test that runs then: so
# that test and those after it get another machine, once.  A machine that ran out
# of time gets none.
my $DIED = 125;

sub run_stage
{
	my ($arch, $stage, @tests) = @_;
	my $start = time;
	my ($status, $at) = boot($arch, $stage, @tests);

	if ($status == $DIED && defined $at && time - $start < $SECONDS) {
		diag("the machine died in $at: once more from there");
		shift @tests while $tests[0] ne $at;
		($status, $at) = boot($arch, $stage, @tests);
	}
	fail("$at: not finished") if defined $at;
	is($status, 0, 'the machine ended well');
}

# boot(MACHINE, STAGE, TEST...): how it ended, and the test that was not finished.
sub boot
{
	my ($arch, $stage, @tests) = @_;
	my ($current, $tap) = (undef, '');

	$| = 1;
	$running = open(my $pipe, '-|', "$top/test/vm/run", '-t', $SECONDS,
	    $arch, $stage, 'sh', 'test/vm/guest-tests', @tests)
	    or die "test/vm/run: $!\n";
	while (my $line = <$pipe>) {
		if ($line =~ /^=== begin (\S+)$/) {
			($current, $tap) = ($1, '');
			print "# Subtest: $current\n";
		} elsif ($line =~ /^=== end (\d+) (\d+)$/ && defined $current) {
			report($current, $tap, $1, $2);
			undef $current;
		} else {
			$tap .= $line;
			print "    $line";
		}
	}
	close($pipe);
	undef $running;
	return ($? >> 8, $current);
}

1;
