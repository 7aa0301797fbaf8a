#!/usr/bin/perl
# What does the bpftrace of this machine see of our probes?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::BpftraceCases qw(run_values run_life);
use Usdt::Tracer qw(need);

need('root', 'bpftrace');
run_values('host');
run_life('host');
done_testing();
