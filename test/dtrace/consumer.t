# Do the package usdt-consumer and its helper deliver what the real DTrace
# traces?
#
# The cases are bindings/node-consumer/test/machine/real.js, for Node's own test
# runner.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;

use Usdt::Dtrace qw(build_path);
use Usdt::NodeTests qw(run_file);

my $node = build_path('node');

plan(skip_all => 'there is no Node.js in this machine')
    if !-x "$node/node";
run_file(build_path('bindings') . '/node-consumer/test/machine/real.js',
	"PATH=$node:$ENV{PATH}", "LD_LIBRARY_PATH=$node",
	"USDT_TEST_PROVIDER=$node/package/dtrace-provider.js");
done_testing();
