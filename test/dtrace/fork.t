# What does dtprobed know of children, and of processes that are gone?
use strict;
use warnings;

use Test::More;

use Usdt::Dtrace qw(dtrace_case process listing same_events tree_of
	restart_dtprobed eventually build_path as_user);

my $REFERENCE = build_path('reference');

dtrace_case('a forked child' => sub {
	my $p = process('forks', 'f', 'go', 'int');
	my ($child) = $p->ask('fork') =~ /^forked (\d+)$/ or
	    die "no child\n";
	my $status = $p->status('child ');

	is($status->{'dof.taken'}, 1, 'its probes are registered');
	is_deeply([map { $_->{provider} } listing('forks*:::')],
	    [sort { $a cmp $b } 'forks' . $p->pid, "forks$child"],
	    'both are listed, each under its pid');
	is($p->ask('enabled 0'), 'enabled 0', 'the parent is not enabled');
	is($p->ask('child enabled 0'), 'child enabled 0', 'nor the child');

	my $d = Usdt::Dtrace->run("forks${child}:::go "
		. '{ printf("> %d %d\n", pid, arg0); }');
	is($p->ask('child wait 0 1 30'), 'child enabled 1',
	    'a script for the child enables it there');
	is($p->ask('fire 0 1'), 'fired 1', 'the parent fires');
	is($p->ask('child fire 0 2'), 'child fired 1', 'the child fires');
	same_events([$d->finish(1)], ["$child 2"], 'only the child is seen');

	$d = Usdt::Dtrace->run('forks*:::go '
		. '{ printf("> %d %d\n", pid, arg0); }');
	is($p->ask('fire 0 3'), 'fired 1', 'the parent fires');
	is($p->ask('child fire 0 4'), 'child fired 1', 'the child fires');
	same_events([$d->finish(2)], [$p->pid . ' 3', "$child 4"],
	    'a script for all sees each fire once');

	is($p->ask('child quit'), 'child ended', 'the child ends');
	is_deeply([tree_of($child)], [], 'nothing of it is left');
	isnt(scalar tree_of($p->pid), 0, 'the parent is still there');
});

# A tree with what differs from run to run taken out.
sub shape
{
	my ($pid, $names) = @_;
	my @names = split ' ', $names;

	return [map {
		s/\b$pid\b/PID/gr =~ s/(\w+?)$pid/$1PID/gr
		    =~ s/\b\d+-\d+\b/DEV-INO/gr
		    =~ s/\Q$names[0]\E/PROVIDER/gr
	} tree_of($pid)];
}

# What is kept of a process of ours, and of one made by dtrace -G, after CODE
# ended it.
sub both_after
{
	my ($code) = @_;
	my %left;

	my %start = (
		ours => sub { Usdt::Process->new(args => [qw(reference 1 1)],
			program => [as_user(build_path('many'))]) },
		theirs => sub { Usdt::Process->new(
			program => [as_user($REFERENCE)]) },
	);
	for my $which (sort keys %start) {
		my $p = $start{$which}->();
		my $pid = $p->pid;
		my @before = tree_of($pid);
		ok(@before > 5, "$which: known to dtprobed");
		$code->($p);
		$left{$which} = [tree_of($pid)];
		note("$which: " . @before . ' paths before, after: '
		    . (join(' ', @{ $left{$which} }) || 'none'));
	}
	return \%left;
}

dtrace_case('a process that is gone' => sub {
	my $p = process('gone', 'f', 'go', 'int');
	my $pid = $p->pid;

	is($p->close, 0, 'test_usdt ends');
	is_deeply([tree_of($pid)], [], 'a normal exit leaves nothing');
	if (!-x $REFERENCE) {
		plan(skip_all => 'no program made by dtrace -G '
		    . '(test/vm/build needs a compiler for one)');
	}
	my $left = both_after(sub { $_[0]->end('KILL') });
	ok(@{ $left->{ours} } <= @{ $left->{theirs} },
	    'kill -9 leaves no more than with dtrace -G')
	    or diag(explain($left));
	$left = both_after(sub {
		my ($q) = @_;
		$q->send('exec cat');
		eventually(sub { (readlink('/proc/' . $q->pid . '/exe') // '')
		    !~ /many|reference/ }) or die "no exec\n";
	});
	ok(@{ $left->{ours} } <= @{ $left->{theirs} },
	    'exec leaves no more than with dtrace -G')
	    or diag(explain($left));
	# Children of dead pids may get their number; dtprobed prunes.
	restart_dtprobed('-t', 60);
	is_deeply([tree_of($pid)], [], 'nor after dtprobed was restarted');
});

dtrace_case('dtprobed is restarted while a process lives' => sub {
	my $p = process('stays', 'f', 'go', 'int');

	restart_dtprobed('-t', 60);
	is(scalar listing('stays*:::go'), 1, 'its probes are still listed');
	my $d = Usdt::Dtrace->run('stays*:::go { printf("> %d\n", arg0); }');
	is($p->ask('wait 0 1 30'), 'enabled 1', 'is enabled');
	is($p->ask('checked 0 11'), 'fired 1', 'fires');
	same_events([$d->finish(1)], ['11'], 'is seen once');
	is($p->ask($_), 'ok', $_) for 'disable', 'enable';
	is($p->status->{'dof.taken'}, 1, 'taken again');
	is(scalar listing('stays*:::go'), 1, 'and listed');
	my $pid = $p->pid;
	is($p->close, 0, 'test_usdt ends');
	is_deeply([tree_of($pid)], [], 'and leaves nothing');
});

done_testing();
