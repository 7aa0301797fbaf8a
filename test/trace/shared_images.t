#!/usr/bin/perl
# What do several processes, tracers and providers see of each other's images?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::BpftraceCases qw(run_sharing);
use Usdt::Tracer qw(need);

need('root', 'cc', 'bpftrace');
run_sharing('host');
done_testing();
