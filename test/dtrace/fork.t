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
	is($p->ask('child wait 0 1 100'), 'child enabled 1',
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

# What dtprobed keeps of a process of ours, and of one made by dtrace -G, after
# CODE ended it: for each its pid, and the paths.
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
		ok(tree_of($pid) > 5, "$which: known to dtprobed");
		$code->($p);
		my @paths = tree_of($pid);
		note("$which leaves: " . (join(' ', @paths) || 'nothing'));
		$left{$which} = { pid => $pid, paths => \@paths };
	}
	return \%left;
}

dtrace_case('a process that ends' => sub {
	my $p = process('gone', 'f', 'go', 'int');
	my $pid = $p->pid;

	ok(tree_of($pid) > 5, 'known to dtprobed');
	is($p->close, 0, 'test_usdt ends');
	is_deeply([tree_of($pid)], [], 'a normal exit leaves nothing');
});

my %endings = (
	'kill -9' => sub { $_[0]->end('KILL') },
	'exec' => sub {
		my ($p) = @_;

		$p->send('exec cat');
		eventually(sub { (readlink('/proc/' . $p->pid . '/exe') // '')
		    !~ /many|reference/ }) or die "no exec\n";
	},
);

SKIP: {
	skip('no program made by dtrace -G: test/vm/build had no compiler', 1)
	    if !-x $REFERENCE;
	dtrace_case('what dtprobed keeps after kill -9 and exec' => sub {
		my @pids;

		for my $how (sort keys %endings) {
			my $left = both_after($endings{$how});
			my ($ours, $theirs) = map { scalar @{ $_->{paths} } }
			    @$left{qw(ours theirs)};

			cmp_ok($ours, '<=', $theirs,
			    "$how leaves no more than with dtrace -G")
			    or diag(explain($left));
			push @pids, map { $_->{pid} } values %$left;
		}
		restart_dtprobed('-t', 60);
		is_deeply([map { tree_of($_) } @pids], [],
		    'a dtprobed that starts removes all of it');
	});
}

dtrace_case('dtprobed is restarted while a process lives' => sub {
	my $p = process('stays', 'f', 'go', 'int');

	restart_dtprobed('-t', 60);
	is(scalar listing('stays*:::go'), 1, 'its probes are still listed');
	my $d = Usdt::Dtrace->run('stays*:::go { printf("> %d\n", arg0); }');
	is($p->ask('wait 0 1 100'), 'enabled 1', 'is enabled');
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
