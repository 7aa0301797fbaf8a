# Usdt::Package - what do the tests of the languages' packages run alike?
package Usdt::Package;

use strict;
use warnings;

use Exporter qw(import);
use Test::More;
use Usdt::Tracer ();

our @EXPORT_OK = qw(runs pass_on);

# runs(NAME, COMMAND...): a test; what it printed, or undef if it failed.
sub runs
{
	my ($name, @command) = @_;
	my $run = Usdt::Tracer::Run->start(@command);

	$run->wait_until(sub { !$run->{out} }, 600);
	my $status = $run->reap;
	ok($status && $status->[0] == 0, $name) or diag($run->report), return;
	return $run;
}

# pass_on(NAME, COMMAND...): the command prints TAP; its cases are ours, too.
sub pass_on
{
	my ($name, @command) = @_;
	my $run = runs($name, @command);

	for ($run ? @{ $run->{lines} } : ()) {
		my ($not, $case) = /^(not )?ok \d+ - (.*)$/ or next;
		ok(!$not, $case);
	}
	return;
}

1;
