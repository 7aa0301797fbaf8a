# What does DTrace see of code of a code generator's?
#
# examples/jit.c runs as long as the test.  Its loop makes three turns a second:
# i is 1, 2, 3, and sum 1, 3, 6.  With -f it fires by usdt_probe_fire, else at a
# site of its own, with its arguments in registers of its choice.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;

use Usdt::Dtrace qw(dtrace_case listing eventually build_path as_user);

my @turns = map { "$_->[0] from generated code $_->[1]" }
    [1, 1], [2, 3], [3, 6];
my $print = 'printf("> %d %s %s %d %s %d\n", pid, probemod, probefunc, '
    . '(int)arg0, copyinstr(arg1), arg2);';

# The running program, when DTrace knows it.
sub jit
{
	my $run = Usdt::Tracer::Run->start(as_user(build_path('jit'), @_));

	eventually(sub { listing("jit$run->{pid}:::") == 1 })
	    or die "jit is not listed:\n" . $run->report;
	return $run;
}

# saw(PID, RUN, NAME): two rounds or more, each turn once, of that process alone.
sub saw
{
	my ($pid, $d, $name) = @_;
	my %times;

	$times{$_}++ for $d->finish(6);
	is_deeply([sort keys %times],
		[map { "$pid example loop $_" } @turns], "$name: values");
	my ($least, $most) = (sort { $a <=> $b } values %times)[0, -1];
	cmp_ok($most - $least, '<=', 1, "$name: each once");
}

dtrace_case('a site of its own, and usdt_probe_fire' => sub {
	my ($own, $fire) = (jit(), jit('-f'));
	my %pid = ('a site of its own' => $own->{pid},
		usdt_probe_fire => $fire->{pid});

	for my $name (sort keys %pid) {
		my @probes = listing("jit$pid{$name}:::turn", '-v', '-p',
			$pid{$name});

		is(scalar @probes, 1, "$name: listed once");
		is_deeply($probes[0]{types}, ['int', 'char *', 'long'],
		    "$name: with its types");
		saw($pid{$name}, Usdt::Dtrace->run(
			"jit\$target:::turn { $print }", '-p', $pid{$name}),
		    "$name, -p");
	}
	# DOF does not know where generated code has its arguments.
	saw($fire->{pid}, Usdt::Dtrace->run("jit*:::turn { $print }"),
	    'of all processes, usdt_probe_fire alone');
	$_->stop('KILL') for $own, $fire;
});
done_testing();
