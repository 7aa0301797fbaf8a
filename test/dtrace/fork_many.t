# What if a process forks all the time, while dtraces come and go?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;

use Usdt::Dtrace qw(dtrace_case process listing build_path as_user);

# dtprobed hears of each child, and dtrace puts breakpoints in and takes them
# out while they are made.
dtrace_case('2,000 forks while dtrace -p comes and goes eleven times' => sub {
	my $p = process({ patience => 1800,
		program => [as_user(build_path('many_processes'))] }, 'forks');
	my $last = 0;

	$p->send('forks 2000');
	for my $i (1 .. 11) {
		my $d = Usdt::Dtrace->run('forks$target:::go '
			. '/pid == $target/ { printf("> %d\n", arg0); }',
			'-p', $p->pid);
		my @values = sort { $a <=> $b } $d->finish(1);
		my @run = ($values[0] // 0) .. ($values[-1] // -1);

		ok($run[0] > $last, "number $i sees what comes later");
		is_deeply(\@values, \@run, 'each fire once');
		$last = $run[-1];
	}
	$p->send('');
	my ($forked, $bad, $unknown) =
	    $p->line =~ /^forked (\d+) (\d+) (\d+)$/;
	cmp_ok($forked, '>=', 2000, "$forked children");
	is($bad, 0, 'all ended well');
	is($unknown, 0, 'and were taken');
	is(scalar listing('forks*:::go'), 1, 'the process alone is left');
	is($p->close, 0, 'it ends well');
});

done_testing();
