# Do stacks of this machine's processor lead from a probe to main?
#
# Kernels go by chains of frames, so programs must have them.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::BpftraceCases qw(run_stacks);
use Usdt::Tracer qw(need);

need('root');
run_stacks('guest');
done_testing();
