# Does `usdt watch` read arguments where this machine's processor has them?
#
# It runs in the machines with other processors than the host's.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::Tracer qw(need);
use Usdt::WatchCases qw(run_watch);

need('root');
run_watch();
done_testing();
