# Are stubs, firing, documents and images right on processors that this machine
# does not have?
#
# The library and its unit tests are built for each, and an emulator of user
# programs runs them.  SPARC has the other byte order.  Emulators run no tracer:
# test/vm has kernels with tracers.  Images made there are read here, by readelf
# and by our own reader.
#
# USDT_CROSS, words, says for which processors; without it for all.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use File::Temp qw(tempdir);
use IPC::Open2 qw(open2);
use TAP::Parser;
use Test::More;

use Usdt::Cross qw(cross_build cross_units emulator);
use Usdt::Dof;
use Usdt::Elf;
use Usdt::Tracer qw(need);

need('cross');

# Tests that fail because of the emulator, by their names, with the reason, and
# the processor if it is only that one's emulator.  They may pass too: emulators
# improve.
my $MAPS = 'the emulator shows its own mappings in /proc/self/maps';
my $IOCTL = 'the emulator refuses an ioctl that it does not know, otherwise';
my $WIPE = 'the emulator does not wipe memory in children';
my $FILTER = 'the emulator has no filters of system calls';
my %emulator = (
	direct => [
		[qr/^not vouched: of each/, 'the emulator has no process_vm_readv'],
		[qr/^(?:a clone writes|neither writes|vfork)/, $WIPE],
		[qr/^whatever system call is refused|^a filter that ends/,
		    $FILTER],
	],
	rings => [
		[qr/^one forks, and the child goes on/, $WIPE],
		[qr/^a thread with a filter of system calls/, $FILTER],
	],
	fork_guard => [[qr/one that was cloned knows/, $WIPE]],
	slow_helper => [[qr/made by clone/, $WIPE]],
	gate => [
		[qr/^the (gate|stub) is (mapped r|in the image)/, $MAPS],
	],
	environment => [
		[qr{^dof, \S+/a-file: the text$}, $IOCTL],
		[qr/^DOF was tried$/, $IOCTL],
	],
	retired_images => [
		[qr/^with \d+ mappings$/, $MAPS],
	],
	resource_growth => [
		[qr/rounds: /, 'the emulator grows by itself'],
	],
	stubs => [
		[qr/^1-byte nop: both sites can be unwound to main$/,
		    'a signal of that emulator hides where it came from',
		    'ppc64le'],
	],
	stash => [
		[qr/^(?:two threads|a child that is forked)/,
		    'the emulator can not fork while other threads work'],
	],
	error_language => [
		[qr/no locale can be made/,
		    'the C library of that processor reads no locale of ours'],
	],
	retention => [
		[qr/does not say who holds a file/,
		    'the emulator of that processor refuses leases'],
	],
);

# What an image must contain for each, and flags with which compilers make another
# kind of code, which the stubs must get on with, too.
my %cpus = (
	aarch64 => { machine => 183, big => 0, page => 65536,
		args => '-8@x0 8@x1 -4@x2 1@x3 8@x4 8@x5 8@x6 -2@x7 '
		    . '-4@[sp, 0] 8@[sp, 8]' },
	armhf => { machine => 40, big => 0, page => 4096, model => 1,
		other => '-marm',		# not Thumb
		args => '-8@[ip, #0] 8@[ip, #8] -4@r2 1@r3 4@[sp, #0] '
		    . '4@[sp, #4] 4@[sp, #8] -2@[sp, #12] -4@[sp, #16] '
		    . '4@[sp, #20]' },
	ppc64le => { machine => 21, big => 0, page => 65536,
		args => '-8@%r3 8@%r4 -4@%r5 1@%r6 8@%r7 8@%r8 8@%r9 -2@%r10 '
		    . '-4@96(%r1) 8@104(%r1)' },
	s390x => { machine => 22, big => 1, page => 4096,
		args => '-8@%r2 8@%r3 -4@%r4 1@%r5 8@%r6 8@160(%r15) '
		    . '8@168(%r15) -2@182(%r15) -4@188(%r15) 8@192(%r15)' },
	riscv64 => { machine => 243, big => 0, page => 4096,
		other => '-march=rv64g',	# no compressed code
		args => '-8@a0 8@a1 -4@a2 1@a3 8@a4 8@a5 8@a6 -2@a7 '
		    . '-4@0(sp) 8@8(sp)' },
	sparc64 => { machine => 43, big => 1, page => 8192,
		args => '-8@%o0 8@%o1 -4@%o2 1@%o3 8@%o4 8@%o5 '
		    . '8@[%sp+2223] -2@[%sp+2237] -4@[%sp+2243] '
		    . '8@[%sp+2247]' },
);

# unit(CPU, NAME, PROGRAM[, FLAG]): one test for the whole unit.
sub unit
{
	my ($cpu, $name, $program, $flag) = @_;
	my (@failed, @excused);
	my $parser = TAP::Parser->new({
		exec => ['timeout', 1200, emulator($cpu), $program],
	});

	while (my $result = $parser->next) {
		next if !$result->is_test || $result->is_ok;
		my $what = $result->description =~ s/^- //r;
		my ($reason) = map { $_->[1] } grep { $what =~ $_->[0] &&
		    ($_->[2] // $cpu) eq $cpu } @{ $emulator{$name} // [] };
		push @{ $reason ? \@excused : \@failed },
		    $what . ($reason ? ": $reason" : '');
	}
	push @failed, $parser->parse_errors;
	push @failed, 'exit status ' . $parser->exit
	    if $parser->exit && !@excused;
	note("$cpu, $name, not counted: $_") for @excused;
	ok(!@failed && $parser->tests_run > 0, join(' ', $cpu, $flag // ())
	    . ": $name ("
	    . $parser->tests_run . ' points)') or diag(join("\n", @failed));
}

# image(CPU, PROGRAM): the bytes of test_usdt's image, and its answer to firing.
sub image
{
	my ($cpu, $program) = @_;
	my $dir = tempdir('usdt-test-XXXXXX', TMPDIR => 1, CLEANUP => 1);
	my @types = ('long long', 'uint64_t', 'int', 'bool', ('char *') x 3,
		'short', 'int', 'char *');

	local @ENV{qw(USDT_IMAGE_DIR USDT_BACKENDS USDT_DISABLE)} = ($dir);
	delete @ENV{qw(USDT_BACKENDS USDT_DISABLE)};
	my $pid = open2(my $out, my $in, 'timeout', 600, emulator($cpu),
		$program, '-p', 'far', '-m', 'away', 'func', 'name', @types);
	print $in "\nstatus\nquit\n";
	my @said = <$out>;
	waitpid($pid, 0);
	is($?, 0, "$cpu: test_usdt ends well");
	is(scalar(grep { /^fired 1$/ } @said), 1, "$cpu: and has fired");
	my ($path) = map { /^status sdt.path (.+)$/ } @said;
	ok(defined $path && -e $path, "$cpu: it left an image")
	    or diag(@said);
	return $path;
}

sub judge_image
{
	my ($cpu, $path) = @_;
	my $wanted = $cpus{$cpu};
	my $elf = Usdt::Elf->read($path);
	my $readelf = `LC_ALL=C readelf -aW \Q$path\E 2>&1`;
	my @complaints = grep { /warning|error/i } split(/\n/, $readelf);

	is_deeply(\@complaints, [], "$cpu: readelf is content");
	like($readelf, qr/Provider: far\s+Name: name\s/,
		"$cpu: it finds the note");
	# Warnings about SPARC itself are no fault of the image.
	is_deeply([grep { $cpu ne 'sparc64'
		|| !/no tracer knows the operand/ } $elf->problems], [],
		"$cpu: and so is our reader");
	is($elf->header->{machine}, $wanted->{machine}, "$cpu: e_machine");
	is(!!$elf->header->{big}, !!$wanted->{big}, "$cpu: byte order");
	is(($elf->loads)[1]{align}, $wanted->{page}, "$cpu: pages");
	my ($note) = $elf->notes;
	is($note->{args}, $wanted->{args}, "$cpu: operands");
	my ($wrong, $document) = Usdt::Dof::judge(
		$elf->section_bytes('.SUNW_dof'), 'linux',
		encoding => $wanted->{big} ? 2 : 1, model => $wanted->{model} // 2);
	is_deeply([Usdt::Dof::texts(@$wrong)], [],
		"$cpu: DTrace would take the DOF in it");
	is($document->{probes}[0]{name}, 'name', "$cpu: and see the probe");
	is_deeply($document->{probes}[0]{sites}, [$note->{location}],
		"$cpu: at the address of the note");
	my $said = `eu-elflint --gnu-ld \Q$path\E 2>&1`;
	is_deeply([grep { !/\.note\.stapsdt/ && !/^No errors$/ }
		split(/\n/, $said)], [], "$cpu: eu-elflint is content");
}

# Slow tests that hardly concern the processor run on aarch64 only.  Others run
# on this machine only: a million cycles, and faults that seccomp injects by
# numbers of system calls.
my %native = map { $_ => 1 } qw(long_run refused_system_calls);
my %long = map { $_ => 1 } qw(resource_growth random_calls retired_images
	threads);

my @cpus = split ' ', $ENV{USDT_CROSS} // join(' ', sort keys %cpus);
if (my @unknown = grep { !$cpus{$_} } @cpus) {
	die "USDT_CROSS: there is no @unknown, only @{[sort keys %cpus]}\n";
}
for my $cpu (@cpus) {
	my @units = grep { ($cpu eq 'aarch64' || !$long{$_}) && !$native{$_} }
	    cross_units();
	my $dir = cross_build($cpu, 'test_usdt',
		map { "obj-$cpu/test/unit/$_" } @units);

	chomp(my @members = `ar t $dir/libusdt.a`);
	is("@members", 'libusdt.o', "$cpu: the library is one member");
	unit($cpu, $_, "$dir/obj-$cpu/test/unit/$_") for @units;
	if (my $other = $cpus{$cpu}{other}) {
		my $again = cross_build($cpu, $other,
			map { "obj-$cpu/test/unit/$_" } qw(stubs gate));
		unit($cpu, $_, "$again/obj-$cpu/test/unit/$_", $other)
		    for qw(stubs gate);
	}
	my $path = image($cpu, "$dir/test_usdt");
	judge_image($cpu, $path) if defined $path;
}
done_testing();
