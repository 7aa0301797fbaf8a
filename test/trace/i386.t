#!/usr/bin/perl
# What do tracers see of 32-bit processes?
#
# The library and test_usdt are built with ARCH=i386.  The cases are those of
# bpftrace.t, shared_images.t, perf.t and typed.t.  Most pass words of 4 bytes;
# those of typed.t pass values of 8.
#
# Where this machine runs no 32-bit programs, an emulated one does, which has
# the same tracers: there this file runs with what was built here.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::BpftraceCases qw(run_values run_life run_sharing build_programs);
use Usdt::Direct qw(begin build_host host fired watch ended exactly $PATTERN);
use Usdt::Machine qw(host_machine run_apart);
use Usdt::PerfCases qw(run_perf);
use Usdt::Process;
use Usdt::Tracer qw(need scratch_dir tracer_case);
use Usdt::TypedCases qw(run_typed build_typed);
use Usdt::Variant qw(variant elf_class require_compiler);
use Usdt::Watch qw(run_usdt usdt_command);
use Usdt::WatchCases qw(run_watch);
use Usdt::Width qw(runs_32_bits say_where stage_libraries);

my $inside = $ENV{USDT_BUILT};	# true in that machine

plan(skip_all => 'only x86-64 compilers make programs of two widths')
    if !$inside && Usdt::Variant::native() ne 'x86_64';
require_compiler($inside || Usdt::Variant::makes_32_bits(),
    'the compiler makes no 32-bit programs (test/setup widths installs what '
    . 'it takes)');
need('root', 'cc', 'bpftrace', 'bpftrace-sid', 'perf')
    if $inside || runs_32_bits();
alarm 3600 if $inside || runs_32_bits();

my $dir = scratch_dir();
my ($no_command);	# why there is no 32-bit usdt
my @wide = @ENV{qw(USDT_BUILD CC)};	# of the machine's own width

# --- what is built ----------------------------------------------------------

# From here on this build is under test, with the command of this machine.
sub build
{
	my $build = "$dir/i386";
	my $command = usdt_command();

	variant($build, ['lib', 'test_usdt'], 'ARCH=i386') or
	    BAIL_OUT('no 32-bit library');
	symlink($command, "$build/usdt") or die "$build/usdt: $!\n";
	$ENV{USDT_BUILD} = $build;
	$ENV{CC} = join(' ', $ENV{CC} // 'cc', Usdt::Variant::width_flags());
	is(elf_class("$build/test_usdt"), 32, 'the traced process has 32 bits');

	# It needs a 32-bit libelf, which Debian has for its own architecture
	# i386 only: where that is installed the command has to work too.
	my ($output, $status) = Usdt::Variant::quiet('make', '-s', '-C',
		Usdt::Tracer::source_dir(), "O=$dir/tool", 'ARCH=i386',
		"CC=$ENV{CC}", "$dir/tool/usdt");

	return if $status == 0;
	$no_command = $output;
	like($output, qr/-lelf|libelf|gelf/, 'no libelf of 32 bits: the '
	    . 'command has the width of the machine');
}

# In the emulated machine all built files lie in one directory.
sub stage
{
	my ($stage) = @_;

	mkdir($_) or die "$_: $!\n" for "$stage/built", "$stage/test/trace";
	build_programs("$stage/built");
	build_typed("$stage/built", 'typed_fires.c');
	system('cp', '-L', "$ENV{USDT_BUILD}/test_usdt",
	    "$ENV{USDT_BUILD}/usdt", $stage) == 0 or die;
	system('cp', $0, "$stage/test/trace/i386.t") == 0 or die;
	system('cp', '-r', "$dir/tool", $stage) == 0 or die if !$no_command;
	stage_libraries($stage, "$stage/test_usdt", glob("$stage/built/*"),
	    $no_command ? () : "$stage/tool/usdt");
}

say_where('the machine of test/vm') if !$inside;
if ($inside) {
	($no_command) = -x '/t/tool/usdt' ? undef : 'it was not built';
	symlink('/t/tool', "$dir/tool");
} else {
	build();
	if (!runs_32_bits()) {
		run_apart(host_machine() . '-tracers', \&stage,
		    'test/trace/i386.t');
		done_testing();
		exit;
	}
}

sub process
{
	my ($provider, @probes) = @_;
	my @arguments = map { ('--', @$_) } @probes;

	shift @arguments;
	my $process = Usdt::Process->new(args => ['-p', $provider, @arguments],
		env => { USDT_IMAGE_DIR => "$dir/images" });
	$process->ready or die $process->report;
	return $process;
}

# --- values -----------------------------------------------------------------

# A type, bpftrace's format, and pairs of what is passed and what is printed.
my @types = (
	['int', '%ld', -1 => -1, '-2147483648' => '-2147483648',
		2147483647 => 2147483647],
	['unsigned int', '%lu', 4294967295 => 4294967295, -1 => 4294967295],
	['short', '%ld', -32768 => -32768, 0x18000 => -32768],
	['unsigned short', '%lu', 65535 => 65535, 0x10001 => 1],
	['long', '%ld', -1 => -1, '-2147483648' => '-2147483648'],
	['unsigned long', '%lu', 4294967295 => 4294967295],
	['int8_t', '%ld', -128 => -128, 127 => 127, 0xff => -1],
	['uint8_t', '%lu', 255 => 255, 0x1ff => 255],
	['int16_t', '%ld', -32768 => -32768, 32767 => 32767],
	['uint16_t', '%lu', 65535 => 65535],
	['int32_t', '%ld', '-2147483648' => '-2147483648'],
	['uint32_t', '%lu', 4294967295 => 4294967295],
	['char', '%ld', 65 => 65, -1 => -1],
	['bool', '%lu', 1 => 1, 0 => 0],
	['size_t', '%lu', 4294967294 => 4294967294],
	['ssize_t', '%ld', -1 => -1],
	['uintptr_t', '0x%lx', '0xfedcba98' => '0xfedcba98'],
	['void *', '0x%lx', '0xdeadbeef' => '0xdeadbeef'],
	['struct request *', '0x%lx', '0xffffd000' => '0xffffd000'],
	# usdt_probe_fire passes one word of them; typed fires pass both.
	['int64_t', '%ld', -1 => -1, '-2147483648' => '-2147483648',
		'0x1fffffffe' => -2],
	['uint64_t', '%lu', 4294967295 => 4294967295,
		'0x1fffffffe' => 4294967294],
	['long long', '%ld', -5 => -5],
	['unsigned long long', '%lu', -5 => 4294967291],
	['off_t', '%ld', 2147483647 => 2147483647],
);

# A type, format, expression, and what is passed and printed.
my @mixed = (
	['int8_t', '%ld', 'arg0', -5, -5],
	['uint64_t', '%lu', 'arg1', 4294967295, 4294967295],
	['char *', '%s', 'str(arg2)', 'third', 'third'],
	['short', '%ld', 'arg3', -300, -300],
	['char *', '%s', 'str(arg4)', 'fifth', 'fifth'],
	['int64_t', '%ld', 'arg5', -6, -6],
);

run_values('host', types => \@types, mixed => \@mixed);
run_life('host');
run_sharing('host');
run_perf(no_stacks => 1, columns => [
	['int', '-2147483648'],
	['unsigned int', '4294967295'],
	['int64_t', '-2147483648'],
	['uint64_t', '4294967295'],
	['bool', '1'],
	['uint8_t', '255'],
	['uint16_t', '65535'],
	['long', '-1'],
	['unsigned long', '2147483648'],
	['int32_t', '-5'],
	['size_t', '4294967294'],
	['pid_t', '-7'],
]);

# --- the current bpftrace ---------------------------------------------------

tracer_case('the message of the current bpftrace' => sub {
	my $process = process('refused', ['f', 'n', 'int']);
	my ($image) = $process->images;

	for my $how ([qr/no valid attach points/, 'usdt:*:refused:n', '-p',
	    $process->pid], [qr/No matches for usdt/,
	    "usdt:$image->{path}:refused:n"]) {
		my ($says, $where, @options) = @$how;
		my $run = Usdt::Tracer::Run->start(
			Usdt::Tracer::Bpftrace::command('sid', @options, '-e',
			"$where { printf(\"fired\\n\"); }"));
		ok($run->wait_until(sub { !$run->{out} }), 'it ends');
		my ($error) = $run->errors =~ /(ERROR: .*)/;
		like($error // '', $says,
		    'it sees no probe ' . (@options ? 'by pid' : 'by path'));
		note($error // $run->report);
	}
	is($process->ask('enabled 0'), 'enabled 0', 'and is not attached');
});

run_watch(\@types);
run_typed(build_typed($dir, 'typed_fires.c'), 'host');

tracer_case('usdt list' => sub {
	my $process = process('listed', ['f', 'n', 'int', 'char *', 'int64_t']);
	my ($status, $out, $err) = run_usdt('list', '-p', $process->pid);

	is($status, 0, 'exit status') or diag($err);
	like($out, qr/listed:n\b/, 'has the probe');
	like($out, qr/^ *bpftrace -p \d+ /m, 'and says how to trace it');
	unlike($out, qr/dtrace/, 'but not by DTrace, which refuses them');
	note($out);
});

tracer_case('usdt doctor' => sub {
	my $process = process('examined', ['f', 'n', 'int']);
	my $pid = $process->pid;
	my (undef, $out) = run_usdt('doctor', '-p', $pid);

	like($out, qr/^note    $pid: is a 32-bit process, which DTrace can.t trace/m,
	    'is reported');
	note($out);
});

tracer_case('a 32-bit usdt' => sub {
	my $process = process('narrow', ['f', 'n', 'int', 'char *']);
	local $ENV{USDT_BUILD} = "$dir/tool";
	my $watch = Usdt::Watch->attach(1, 'narrow:n');
	is($process->ask('fire 0 -1 text'), 'fired 1', 'fire');
	like(($watch->take(1))[0], qr/ narrow:n -1 "text"$/, 'it sees the fire');
}) if !$no_command;

# The emulated machine has no compiler.
tracer_case('direct events of both widths, one reader' => sub {
	local %ENV = %ENV;
	begin(scratch_dir());
	my $narrow = build_host('direct_host');
	rename($narrow, "$narrow-32") or die;
	@ENV{qw(USDT_BUILD CC)} = ($wide[0] // '.', $wide[1] // 'cc');
	my $wide = build_host('direct_host');

	for my $case (['threads', 100], ['signals', 2000], ['bursts', 10]) {
		my @hosts = map { host($_, @$case) } "$narrow-32", $wide;

		kill('STOP', map { $_->pid } @hosts);
		my $watch = watch($PATTERN);
		kill('CONT', map { $_->pid } @hosts);
		my ($done, $begun) = (0, 0);
		for my $host (@hosts) {
			my @fires = fired($host);
			$done += $fires[0];
			$begun += $fires[1];
		}
		my $end = ended($watch);
		exactly("@$case", $done, $begun, $end);
		is(() = $end->{said} =~ /: 1 probe direct$/mg, 2, 'both direct');
	}
}) if !$inside;

done_testing();
