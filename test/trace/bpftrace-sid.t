#!/usr/bin/perl
# What does the current bpftrace, that of Debian sid, see of our probes?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::BpftraceCases qw(run_values run_life run_sharing);
use Usdt::Tracer qw(need);

need('root', 'cc', 'bpftrace-sid');
run_values('sid');
run_life('sid');
run_sharing('sid');
done_testing();
