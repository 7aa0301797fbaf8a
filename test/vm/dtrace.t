# Do the tests that need the real DTrace pass, in the machine that has it?
use strict;
use warnings;

use Usdt::Machine qw(host_machine guest_tests run_inside);
use Usdt::Node qw(stage_consumer stage_node);
use Usdt::Perl qw(stage_perl);
use Usdt::Ruby qw(stage_ruby);

my @tests = (guest_tests('test/kernel'), guest_tests('test/dtrace'));

my ($node) = grep { m{/node\.t$} } @tests;
my ($consumer) = grep { m{/consumer\.t$} } @tests;
my ($perl) = grep { m{/perl\.t$} } @tests;
my ($ruby) = grep { m{/ruby\.t$} } @tests;

$Usdt::Machine::more = sub {
	stage_node("$_[0]/node", $node ? ('bunyan@1.8.15', 'restify@11.1.0')
		: ()) if $node || $consumer;
	stage_consumer($_[0]) if $consumer;
	stage_perl("$_[0]/perl") if $perl;
	stage_ruby("$_[0]/ruby") if $ruby;
};
run_inside(host_machine(), @tests);
