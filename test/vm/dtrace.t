# Do the tests that need the real DTrace pass, in the machine that has it?
use strict;
use warnings;

use Usdt::Machine qw(host_machine guest_tests run_inside);

run_inside(host_machine(), guest_tests('test/kernel'),
    guest_tests('test/dtrace'));
