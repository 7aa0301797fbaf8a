# What does dtprobed know of children, and of processes that have ended?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;

use Usdt::Dtrace qw(dtrace_case process listing same_events tree_of
	restart_dtprobed eventually build_path as_user child_status);

my $REFERENCE = build_path('reference');

dtrace_case('a forked child' => sub {
	my $p = process('forks', 'f', 'go', 'int');
	my ($child) = $p->ask('fork') =~ /^forked (\d+)$/ or
	    die "no child\n";
	my $status = child_status($p);

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
# CODE ended them: for each its pid, and the paths.
sub both_after
{
	my ($code) = @_;
	my %left;

	my %start = (
		ours => sub { Usdt::Process->new(args => [qw(reference 1 1)],
			program => [as_user(build_path('many_probes'))]) },
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
	dtrace_case('records that dtprobed keeps after kill -9 and exec' => sub {
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

# To dtprobed a process that runs its own program again is the one it was
# before.  A table: how the process gets there, and what its program declares
# then.
my @again = (
	['exec of itself', sub { (shift->ask("exec @_"), '') }, 'same'],
	['exec of itself with another definition',
		sub { (shift->ask("exec @_"), '') }, 'other'],
	['fork and exec', \&fork_and_exec, 'same'],
	['fork and exec with another definition', \&fork_and_exec, 'other'],
	['posix_spawn', \&spawn, 'same'],
);
my %definition = (
	same => ['-p', 'again', 'f', 'go', 'int'],
	other => ['-p', 'again', 'f', 'go', 'int', '--', 'f', 'new'],
);

sub fork_and_exec
{
	my ($p, @arguments) = @_;

	like($p->ask('fork'), qr/^forked \d+$/, 'fork');
	return ($p->ask("child exec @arguments"), 'child ');
}

sub spawn
{
	my ($p, @arguments) = @_;

	like($p->ask("spawn @arguments"), qr/^forked \d+$/, 'spawn');
	return ($p->line, 'child ');
}

dtrace_case('processes that run their own program again' => sub {
	my (@expected, @listed, @fire, @keep);

	for (@again) {
		my ($title, $how, $which) = @$_;
		my $p = process('again', qw(f go int));
		my @before = tree_of($p->pid);
		my ($said, $prefix) = $how->($p, @{ $definition{$which} });
		my ($pid) = $said =~ /^\Q${prefix}\Eready (\d+)$/ or
		    die "$title: $said\n";
		my $status = $p->status($prefix);

		is("$status->{'dof.taken'} $status->{'dof.reason'}", '1 ',
		    "$title: registered");
		# The same process again, which has a history by now.
		$said = $p->ask($prefix . "exec @{ $definition{$which} }");
		is($said, "${prefix}ready $pid", "$title: and again");
		is($p->status($prefix)->{'dof.taken'}, 1, "$title: registered");
		is(scalar(map { m{/$pid/\d+$} } tree_of($pid)), 1,
		    "$title: one document is kept");
		push @listed, "again$pid:go",
		    $which eq 'other' ? "again$pid:new" : ();
		push @fire, [$p, $prefix, $pid];
		next if !$prefix;
		is_deeply([tree_of($p->pid)], \@before,
		    "$title: the parent's is as it was");
		push @listed, 'again' . $p->pid . ':go';
		push @fire, [$p, '', $p->pid];
	}
	is_deeply([map { "$_->{provider}:$_->{name}" } listing('again*:::')],
	    [sort { $a cmp $b } @listed], 'each is listed once');
	my $d = Usdt::Dtrace->run('again*:::go '
		. '{ printf("> %d %d\n", pid, arg0); }');
	for (@fire) {
		my ($p, $prefix, $pid) = @$_;
		my $value = @expected + 1;

		is($p->ask("${prefix}wait 0 1 60"), "${prefix}enabled 1",
		    "$pid is enabled");
		$p->ask("${prefix}fire 0 $value");
		push @expected, "$pid $value";
	}
	same_events([$d->finish(scalar @expected)], \@expected,
	    'each fire is seen once');
	for (@fire) {
		my ($p, $prefix) = @$_;

		is($p->ask("${prefix}disable"), "${prefix}ok", 'disable');
	}
	is_deeply([map { tree_of($_->[2]) } @fire], [],
	    'a disabled provider leaves nothing');
});

dtrace_case('dtprobed is restarted while a process lives' => sub {
	my $p = process('stays', 'f', 'go', 'int');

	restart_dtprobed('-t', 60);
	is(scalar listing('stays*:::go'), 1, 'its probes are still listed');
	my $d = Usdt::Dtrace->run('stays*:::go { printf("> %d\n", arg0); }');
	is($p->ask('wait 0 1 100'), 'enabled 1', 'is enabled');
	is($p->ask('checked 0 11'), 'fired 1', 'fires');
	same_events([$d->finish(1)], ['11'], 'is seen once');
	is($p->ask($_), 'ok', $_) for 'disable', 'enable';
	is($p->status->{'dof.taken'}, 1, 'registered again');
	is(scalar listing('stays*:::go'), 1, 'and listed');
	my $pid = $p->pid;
	is($p->close, 0, 'test_usdt ends');
	is_deeply([tree_of($pid)], [], 'and leaves nothing');
});

# A record spoiled in this way keeps a starting dtprobed from serving: all of it
# has to go.
dtrace_case('unreadable records of dtprobed' => sub {
	my $stash = '/run/dtrace/stash';
	my $p = process('again', qw(f go int));
	my $pid = $p->pid;

	chmod(0700, $stash) or die "$stash: $!\n";
	my $said = $p->ask('exec -p again f go int');
	my $status = $p->status;
	chmod(0755, $stash) or die "$stash: $!\n";
	is($said, "ready $pid", 'exec of itself');
	is($status->{'dof.taken'}, 0, 'is not registered');
	like($status->{'dof.reason'}, qr{^\S+:\ Invalid\ argument;
	    \ dtprobed\ may\ have\ .*\ before\ an\ exec.*
	    :\ /run/dtrace/stash\S*:\ Permission\ denied$}x,
	    'and status names the cause');
	ok($status->{'sdt.taken'}, 'other tracers see it');
	is($p->close, 0, 'test_usdt ends');
	system('rm', '-rf', "$stash/dof-pid/$pid", "/run/dtrace/probes/$pid");
});

done_testing();
