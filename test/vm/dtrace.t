# Do the tests that need the real DTrace pass, in the machine that has it?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Usdt::Languages qw(stage_languages);
use Usdt::Machine qw(host_machine guest_tests run_inside);
use Usdt::Node qw(stage_consumer stage_node);

my @tests = (guest_tests('test/kernel'), guest_tests('test/dtrace'));

my ($languages) = grep { m{/languages\.t$} } @tests;
my ($node) = grep { m{/node\.t$} } @tests;
my ($consumer) = grep { m{/consumer\.t$} } @tests;

$Usdt::Machine::more = sub {
	stage_languages($_[0]) if $languages;
	stage_node("$_[0]/node", $node ? ('bunyan@1.8.15', 'restify@11.1.0')
		: ()) if $node || $consumer;
	stage_consumer($_[0]) if $consumer;
};
run_inside(host_machine(), @tests);
