#!/usr/bin/perl
# Do tracers see the values of typed fires: USDT_FIRE, USDT_PROBE, usdt.hpp?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::Tracer qw(need scratch_dir);
use Usdt::TypedCases qw(run_typed build_typed);

need('root', 'cc', 'bpftrace', 'bpftrace-sid', 'perf');
alarm 3600;

my $dir = scratch_dir();

mkdir("$dir/$_") or die "$dir/$_: $!\n" for qw(c cxx);
run_typed(build_typed("$dir/c", 'typed_fires.c'), 'host', 'sid');
{
	# The C compiler's name leads to C++'s.
	local $ENV{CC} = ($ENV{CC} // 'cc') =~ /clang/ ? 'clang++ -std=c++20' :
	    'g++ -std=c++20';
	run_typed(build_typed("$dir/cxx", 'typed_fires.cc'), 'host');
}
done_testing();
