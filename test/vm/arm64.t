# Do tracers see the probes of aarch64's processes?
#
# On a host with another processor: a cross compiler builds the library and the
# programs, which run in a machine with an emulated processor and with DTrace
# and bpftrace, both of Debian sid.  The other machine tests what does not
# depend on the processor.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;

use Usdt::Cross qw(cross_build cross_cc);
use Usdt::Tracer qw(need);

# Usdt::Machine takes the build from these.
BEGIN {
	need('cross');
	$ENV{USDT_BUILD} = cross_build('aarch64', 'test_usdt', 'usdt');
	$ENV{CC} = cross_cc('aarch64') . ' -static';
}

use Usdt::Machine qw(guest_tests run_inside);
use Usdt::Node qw(stage_hosts);

my %wanted = map { $_ => 1 }
    map { "test/dtrace/$_.t" } qw(arguments lifecycle fork types);

my @tests = (grep({ !m{/(?:stacks|perf)\.t$} } guest_tests('test/processor')),
	guest_tests('test/arm64'),
	grep { $wanted{$_} } guest_tests('test/dtrace'));

$Usdt::Machine::more = sub { stage_hosts("$_[0]/node") }
    if grep { m{/node\.t$} } @tests;
run_inside('arm64', @tests);
