#!/usr/bin/perl
# What does perf record of our probes?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::PerfCases qw(run_perf);
use Usdt::Tracer qw(need);

need('root', 'perf');
run_perf();
done_testing();
