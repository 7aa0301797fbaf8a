# Does perf read arguments where this machine's processor has them?
#
# It runs in the machines with other processors than the host's, if perf knows the
# operands of that processor.
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
