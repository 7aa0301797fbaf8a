# Do tracers see the probes of processes on processors that this machine does not
# have, and that DTrace does not run on?
#
# A cross compiler builds the library and the programs, which run in a machine
# with an emulated processor, with bpftrace of Debian sid and with our own
# `usdt watch`.  Such a machine is slow.  So this takes one of them, chosen by
# the number of commits, or all whose names are in USDT_PROCESSOR.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;

use Usdt::Cross qw(cross_build cross_command cross_cc);
use Usdt::Machine qw(guest_tests run_inside);
use Usdt::Tracer qw(need);

# Their names here and as Debian has them, in the order in which they take turns,
# and the tests.  bpftrace 0.27 reads notes' arguments only with a kernel that has
# BTF, which Debian's for armhf has not, and by libbpf, which knows no operands of
# POWER.  perf reads no operands of ARM, and hands those of s390x that are in memory
# to the kernel as they are, which refuses them.  Programs are compiled so that
# kernels find callers by a chain of frames.
my @both = qw(bpftrace stacks watch callers);
my %chain = (riscv64 => '-fno-omit-frame-pointer', s390x => '-mbackchain',
	armhf => '-marm -mapcs-frame -fno-omit-frame-pointer');
my @machines = (
	[riscv64 => 'riscv64', @both, 'perf'], [s390x => 's390x', @both],
	[armhf => 'armhf', qw(watch callers)],
	[ppc64le => 'ppc64el', qw(watch callers perf)],
);

my %chosen = map { $_ => 1 } split ' ', $ENV{USDT_PROCESSOR} // '';
if (!%chosen) {
	chomp(my $count = `git rev-list --count HEAD 2>/dev/null`);
	$chosen{ $machines[($count || 0) % @machines][0] } = 1;
}
my @taken = grep { delete $chosen{ $_->[0] } } @machines;
die "USDT_PROCESSOR: there is no machine for @{[sort keys %chosen]}, only for "
    . join(' ', map { $_->[0] } @machines) . "\n" if %chosen;

need('cross');

for (@taken) {
	my ($cpu, $machine, @names) = @$_;
	my %wanted = map { ("test/processor/$_.t" => 1) } @names;

	subtest $cpu => sub {
		my $build = cross_build($cpu, $chain{$cpu} // '-g',
			'test_usdt');

		cross_command($cpu, $build, $machine);
		local $ENV{CC} = cross_cc($cpu) . ' -static';
		local $Usdt::Machine::build = $build;
		run_inside($machine, grep { $wanted{$_} }
			guest_tests('test/processor'));
	};
}
done_testing();
