# Does bpftrace read names and structs where aarch64 has the arguments?
#
# It runs in the machine with this processor, as bpftrace.t does.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::Tracer qw(need);
use Usdt::TypesCases qw(run_types);

need('root');
run_types('guest', '.');
done_testing();
