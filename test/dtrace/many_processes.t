# Does DTrace keep track of hundreds of processes, of which half are killed?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;

use Usdt::Dtrace qw(dtrace_case process listing same_events build_path
	as_user fires_of);

# listed(): the processes of the crowd that dtrace lists, by pid.
sub listed
{
	return sort { $a <=> $b } map { $_->{provider} =~ /^crowd(\d+)$/ }
	    listing('crowd*:::go');
}

# dtrace opens two events for each process and takes its time over each, so it
# traces only some, of which half are killed.
my $TRACED = 8;

dtrace_case('256 processes, of which half are killed' => sub {
	my $p = process({ program => [as_user(build_path('many_processes'))] },
		'crowd');

	is($p->ask('start 256'), 'started 256', 'all are taken');
	my @all = grep { $_ != $p->pid } listed();
	is(scalar @all, 256, 'and listed');
	my @traced = @all[map { 31 * $_ } 0 .. $TRACED - 1];
	my $d = fires_of(join(',', map { "crowd${_}:::go" } @traced));
	is($p->ask('fire 1'), 'fired 256', 'all fire');
	is($p->ask('kill'), 'killed 128', 'half are killed');
	is($p->ask('fire 2'), 'fired 128', 'the others fire');
	my %left = map { $_ => 1 } listed();
	is(scalar keys %left, 129, 'they are listed');
	my @expected = ((map { "$_ 1" } @traced),
		(map { "$_ 2" } grep { $left{$_} } @traced));
	same_events([$d->finish(scalar @expected)], \@expected,
	    'each fire of those that are traced is seen once');
	is($p->ask('start 1'), 'started 1', 'another one is taken');
	is($p->close, 0, 'the process ends well');
});

done_testing();
