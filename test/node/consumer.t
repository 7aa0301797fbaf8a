#!/usr/bin/perl
# consumer.t - does the package usdt-consumer deliver what is traced, always
# end, and do what dtrace-async and libdtrace did?
#
# The cases are bindings/node-consumer/test/*.test.js; they run with the helper
# of this build and a fake libdtrace, or with a fake helper.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::NodeTests qw(run_file);
use Usdt::Tracer qw(need source_dir);

need('cc', 'node', 'npm', 'cross');
alarm 1200;
my $build = $ENV{USDT_BUILD} // source_dir();
$ENV{USDT_DTRACE} = "$build/usdt-dtrace";
ok(-x $ENV{USDT_DTRACE}, 'the helper is built');
run_file($_)
    for sort glob(source_dir() . '/bindings/node-consumer/test/*.test.js');
done_testing();
