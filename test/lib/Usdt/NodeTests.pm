# Usdt::NodeTests - how do files for Node's own test runner run as cases of a
# test?
#
# SPDX-License-Identifier: BSD-2-Clause
package Usdt::NodeTests;

use strict;
use warnings;

use Exporter qw(import);
use Test::More;
use Usdt::Tracer ();

our @EXPORT_OK = qw(run_file);

# run_file(FILE, VARIABLE=VALUE...): turns the runner's lines "ok" and "not ok"
# into cases of the calling test.
sub run_file
{
	my ($file, @environment) = @_;
	my $run = Usdt::Tracer::Run->start('env', @environment, 'node',
		'--expose-gc', '--test', '--test-reporter=tap', $file);
	my ($failed, $count) = (0, 0);

	$run->wait_until(sub { !$run->{out} }, 3000);
	my $status = $run->reap;
	(my $short = $file) =~ s{.*/}{};
	for my $line (@{ $run->{lines} }) {
		my ($not, $name) =
		    $line =~ /^\s*(not )?ok \d+ - (.*)$/ or next;
		next if $name =~ m{\.test\.js( #.*)?$};	# the file as a whole
		my $skipped = $name =~ /# (SKIP|TODO)/i;

		$count++;
		my $excused = $ENV{USDT_NO_REGISTRY}
		    && $name =~ /npm's registry can not be reached/;
		if ($skipped && ($excused || !$ENV{USDT_NO_SKIP})) {
			SKIP: { skip("$short: $name", 1) }
		} else {
			ok(!$not && !$skipped, "$short: $name") or $failed++;
		}
	}
	ok($count > 0 && $status && $status->[0] == 0, "$short: $count cases")
	    or $failed++;
	diag($run->report) if $failed;
}

1;
