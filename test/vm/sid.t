# Do probes work on the kernel of Debian sid, newer than this machine's?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Usdt::Machine qw(host_machine guest_tests run_inside);

run_inside(host_machine() . '-sid', guest_tests('test/kernel'));
