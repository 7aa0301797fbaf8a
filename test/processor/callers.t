# Does `usdt watch -s` print the callers on this machine's processor, up to main?
#
# Kernels go by chains of frames, so programs must have them.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::Tracer qw(need);
use Usdt::WatchCases qw(run_callers);

need('root');
run_callers();
done_testing();
