# Does bpftrace read arguments where this machine's processor has them?
#
# It runs in the machines with other processors than the host's.  The host can't
# look inside, so bpftrace is in the machine: the current one, of Debian sid.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::BpftraceCases qw(run_processor);
use Usdt::Tracer qw(need);

need('root');
run_processor('guest');
done_testing();
