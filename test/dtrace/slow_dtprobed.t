# Which calls does a slow dtprobed delay?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;

use Usdt::Dtrace qw(dtrace_case process listing child_status);

sub dtprobed
{
	open(my $in, '<', '/run/dtprobed.pid') or die "no dtprobed: $!\n";
	chomp(my $pid = <$in>);
	return $pid;
}

# while_stopped(CODE): dtprobed answers after CODE.
sub while_stopped
{
	my ($code) = @_;
	my $pid = dtprobed();

	kill('STOP', $pid) or die "dtprobed: $!\n";
	my @result = eval { $code->() };
	my $error = $@;
	kill('CONT', $pid);
	die $error if $error;
	return @result;
}

sub fork_child
{
	my ($p) = @_;
	my ($child) = $p->ask('fork') =~ /^forked (\d+)$/ or
	    die "no child\n";

	return $child;
}

dtrace_case('it stops when a process forks' => sub {
	my $p = process('stops', 'f', 'go', 'int');
	my ($child) = while_stopped(sub {
		my $pid = fork_child($p);

		is($p->ask('fire 0 1'), 'fired 1', 'the parent goes on');
		return $pid;
	});

	# dtprobed was quick before, so the child asked it at once.
	is(child_status($p)->{'dof.taken'}, 1, 'the child is registered');
	is_deeply([sort map { $_->{provider} } listing('stops*:::')],
	    [sort 'stops' . $p->pid, "stops$child"], 'both are listed');
	is($p->ask('child quit'), 'child ended', 'the child ends');
});

dtrace_case('it took more than a second' => sub {
	my $p = process('takes', 'f', 'go', 'int');

	is($p->ask('disable'), 'ok', 'disable');
	while_stopped(sub {
		$p->send('enable');
		sleep(2);
	});
	is($p->line, 'ok', 'enable');
	is($p->status->{'dof.taken'}, 1, 'it has the provider');

	my $child = fork_child($p);
	my $status = $p->status('child ');
	is($status->{'dof.taken'}, 0, 'a child does not wait for it');
	like($status->{'dof.reason'}, qr/^not\ yet\ registered\ with\ the\ helper
	    \ in\ this\ child:\ its\ last\ answer\ took\ \d+\ s/x, 'and says so');
	is($status->{'sdt.taken'}, 1, 'its notes are visible');
	is_deeply([map { $_->{provider} } listing('takes*:::')],
	    ['takes' . $p->pid], 'DTrace sees the parent alone');
	is($p->ask('child enable'), 'child ok', 'the child enables');
	is($p->status('child ')->{'dof.taken'}, 1, 'it is registered');
	is_deeply([sort map { $_->{provider} } listing('takes*:::')],
	    [sort 'takes' . $p->pid, "takes$child"], 'both are listed');
	is($p->ask('child quit'), 'child ended', 'the child ends');
});

done_testing();
