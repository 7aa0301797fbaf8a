# Do a thousand probes work, ten thousand, a hundred providers; and what if
# dtprobed is slow?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use POSIX ();
use Test::More;
use Time::HiRes qw(time sleep);

use Usdt::Dtrace qw(dtrace_case listing same_events restart_dtprobed
	build_path as_user);

# A process with PROVIDERS of PROBES each, or its error.
sub many
{
	my ($name, $providers, $probes) = @_;
	my $p = Usdt::Process->new(args => [$name, $providers, $probes],
		program => [as_user(build_path('many_probes'))], patience => 300);

	$p->ready or die $p->greeting . "\n";
	return $p;
}

sub tell_time
{
	my ($what, $seconds) = @_;

	diag(sprintf('%s: %.1f s', $what, $seconds));
}

# Fires these probes, [provider, probe], each with a value of its own, under a
# script whose clause contains provider and name unchanged.
sub fire_under
{
	my ($p, $where, @fires) = @_;
	my $start = time;
	my $d = Usdt::Dtrace->run("$where { printf(\"> %s %s %d\\n\", "
	    . 'probeprov, probename, arg0); }');
	my (@expected, $value);

	tell_time("attaching to $where", time - $start);
	for my $fire (@fires) {
		my ($provider, $probe, $name) = @$fire;
		$value++;
		is($p->ask("wait $provider $probe 1 100"), 'enabled 1',
		    "$name:p$probe is enabled");
		is($p->ask("fire $provider $probe $value"), 'fired 1',
		    'and fires');
		push @expected, $name . $p->pid . " p$probe $value";
	}
	same_events([$d->finish(scalar @fires)], \@expected,
	    'each fire is seen once');
}

for my $count (1000, 10000) {
	dtrace_case("$count probes in one provider" => sub {
		my $p = many('big', 1, $count);
		my $last = $count - 1;
		my $status = $p->status;

		is($status->{taken}, 1, 'dtprobed took them')
		    or return diag($status->{reason});
		tell_time("enabling $count probes", $status->{seconds});
		fire_under($p, "biga*:::p0,biga*:::p$last",
		    [0, 0, 'biga'], [0, $last, 'biga']);
		is($p->ask('enabled 0 1'), 'enabled 0',
		    'probes in between are not enabled');
	});
}

dtrace_case('100 providers in one process' => sub {
	my $p = many('prov', 100, 2);
	my $status = $p->status;

	is($status->{enabled}, 100, 'all were enabled');
	is($status->{taken}, 100, 'and registered with dtprobed');
	tell_time('enabling 100 providers', $status->{seconds});
	# The number 99 is written "dv".
	fire_under($p, 'prova*:::p0,provdv*:::p1', [0, 0, 'prova'],
	    [99, 1, 'provdv']);
	is(scalar listing('prov*:::p1'), 100, 'dtrace lists all');
});

# delay_parsers(PID, SECONDS): stops each parser process of this dtprobed for
# that long, so that none answers in time.
sub delay_parsers
{
	my ($dtprobed, $seconds) = @_;
	my $children = "/proc/$dtprobed/task/$dtprobed/children";
	my $pid = fork() // die "fork: $!\n";
	my %since;

	return $pid if $pid;
	while (open(my $in, '<', $children)) {
		for my $parser (split(' ', <$in> // '')) {
			kill('STOP', $parser) if !$since{$parser};
			$since{$parser} //= time;
			kill('CONT', $parser)
			    if time > $since{$parser} + $seconds;
		}
		sleep(0.005);
	}
	POSIX::_exit(0);
}

# dtprobed 2.0.7 has an option for the time that its parser may take, but goes
# on reading after that time.  A parser that gives up must be reported as the
# reason.
dtrace_case('a parser that takes longer than dtprobed -t allows' => sub {
	my $pid = restart_dtprobed('-t', 2);
	my $delay = delay_parsers($pid, 3);
	my ($p, $status);

	# On a busy machine a parser may finish before it is stopped.
	for (1 .. 20) {
		$p = many('slow', 1, 10);
		$status = $p->status;
		last if $status->{seconds} > 2;
		$p->close;
	}
	kill('KILL', $delay);
	waitpid($delay, 0);
	cmp_ok($status->{seconds}, '>', 2, 'it took longer');
	is($status->{enabled}, 1, 'the provider is enabled');
	if ($status->{taken}) {
		pass('dtprobed took it all the same');
	} else {
		like($status->{reason}, qr/dtprobed.* -t/,
		    'the reason names the option that raises the limit');
	}
	restart_dtprobed('-t', 60);
	my $again = many('slow', 1, 11);
	is($again->status->{taken}, 1, 'it accepts others after that');
});

done_testing();
