#!/usr/bin/perl
# What does perf record of our probes?
use strict;
use warnings;

use Test::More;
use Usdt::PerfCases qw(run_perf);
use Usdt::Tracer qw(need);

need('root', 'perf');
run_perf();
done_testing();
