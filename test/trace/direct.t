#!/usr/bin/perl
# direct.t - is each direct event either printed or counted as lost?
#
# direct_host.c counts what it fires.  A watch prints it, or says how many events
# were lost; nothing may be missing, and nothing may come twice or be invented,
# whatever processes and readers go through.
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use POSIX ();
use Test::More;
use Time::HiRes qw(sleep time);
use Usdt::Direct qw(begin build_host fired watch attached stuck ended exactly
    $PROVIDER $PATTERN);
use Usdt::Tracer qw(need tracer_case scratch_dir);
use Usdt::Watch qw(traced_source);

need('root', 'cc', 'bpftrace');
alarm 3600;

my $dir = scratch_dir();
begin($dir);
my $program = build_host('direct_host');

sub host
{
	return Usdt::Direct::host($program, @_);
}

sub run_scenario
{
	Usdt::Direct::run_scenario($program, @_);
}

# --- tests ------------------------------------------------------------------

run_scenario('a loop', 'loop', 1000);
run_scenario('threads that end', 'threads', 500);
run_scenario('forked children', 'children', 100);
run_scenario('children of vfork', 'vforked', 100);
run_scenario('children of clone', 'cloned', 100);
run_scenario('signal handlers', 'signals', 5000);
run_scenario('exec', 'exec', 1000);
run_scenario('bursts of 2,000 each 20 ms', 'bursts', 50);
run_scenario('faster than anybody can read', 'loop', 20_000_000, 1);
run_scenario('by uprobe', 'loop', 1000, 0, '--uprobe');
run_scenario('children that are killed anywhere', 'killed',
    $ENV{USDT_DIRECT_KILLS} // 200, 1);

tracer_case('an output that nobody reads' => sub {
	my $host = host('bursts', 60);
	my $watch = stuck($host);
	my ($done, $begun) = fired($host);
	my $end = ended($watch);

	exactly('a full pipe', $done, $begun, $end);
	ok($end->{lost} > 0, 'what does not fit is told');
});

tracer_case('both ways print the same' => sub {
	my @lines;

	for my $way ([], ['--uprobe']) {
		my $host = host('loop', 20);
		my $watch = attached($host, @$way);
		fired($host);
		ended($watch);
		open(my $in, '<', $watch->{file}) or die;
		push @lines, join('', map { s/^\S+ \S+ //r } <$in>);
	}
	is($lines[0], $lines[1], 'but for time and process');
});

tracer_case('two readers at once, and bpftrace' => sub {
	my $host = host('bursts', 20);
	my $image = (glob "$dir/images/$PROVIDER/*/host")[0];
	my $bpftrace = Usdt::Tracer::Run->start(
		Usdt::Tracer::Bpftrace::command('host', '-e',
		"BEGIN { printf(\"ready\\n\"); } "
		. "usdt:$image:$PROVIDER:event { \@n = count(); }"));

	# All three wait for the gate, which the first of them opens.
	kill('STOP', $host->pid);
	$bpftrace->wait_for(qr/^ready/) or die $bpftrace->report;
	my @watches = map { watch($PATTERN) } 1 .. 2;
	kill('CONT', $host->pid);
	my ($done, $begun) = fired($host);
	exactly('each reader', $done, $begun, ended($_)) for @watches;
	$bpftrace->stop('INT');
	my ($n) = join("\n", @{ $bpftrace->{lines} }, $bpftrace->{buffer}) =~
	    /\@n: (\d+)/;
	is($n, $done, 'bpftrace counts them all');
});

tracer_case('a reader that is killed, and another' => sub {
	my $host = host('bursts', 60);
	my $watch = attached($host);

	sleep(0.3);
	$watch->{run}->stop('KILL');
	my $next = attached($host);
	my ($done) = fired($host);
	my $end = ended($next);

	ok($end->{printed} > 0 && $end->{printed} + $end->{lost} < $done &&
	    $end->{odd} == 0, 'the second prints what was fired since: '
	    . "$end->{printed} of $done");
});

# A reader that is stopped before the first ring is made, and continues when all
# was fired.
sub late
{
	my ($scenario, $count) = @_;
	my $host = host($scenario, $count);

	kill('STOP', $host->pid);
	my $watch = watch($PATTERN);
	kill('STOP', $watch->{run}->pid);
	waitpid($watch->{run}->pid, POSIX::WUNTRACED());
	my $start = time;
	kill('CONT', $host->pid);
	my ($done, $begun) = fired($host);
	my $took = time - $start;
	kill('CONT', $watch->{run}->pid);
	my $end = ended($watch);
	$host->stop('KILL');
	return ($done, $begun, $end, $took);
}

# What is not printed then was in rings that are gone.
sub missing_told
{
	my ($what, $done, $end) = @_;
	my $missing = $done - $end->{printed} - $end->{lost};

	ok($end->{odd} == 0 && $missing >= 0 && ($missing == 0 ||
	    $end->{unread} > 0 || $end->{said} =~
	    /messages of threads lost: events .* may be missing/),
	    "$what: $missing of $done are missing, which it says")
	    or diag($end->{said});
}

tracer_case('a reader that is stopped meanwhile' => sub {
	{
		local $ENV{DIRECT_STAY} = 1;
		my ($done, $begun, $end, $took) = late('threads', 100);

		missing_told('threads that end', $done, $end);
		# Their rings stay for a second.
		exactly('in less than a second', $done, $begun, $end)
		    if $took < 1;
		($done, $begun, $end) = late('bursts', 10);
		exactly('a process that stays', $done, $begun, $end);
	}
	for my $case (['loop', 1000], ['bursts', 20], ['children', 100],
	    ['children', 500]) {
		my ($done, undef, $end) = late(@$case);

		missing_told("@$case", $done, $end);
	}
});

# More threads than rings are kept, so what they announced is all there is.  Of a
# text's record the first bytes, and those behind a short text, may be zeros.
my $texts = <<'EOF_C';
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
#include "usdt.h"

static usdt_probedef_t *probe;

static void *
fire(void *unused)
{
	int i;

	for (i = 0; i < 3; i++)
		USDT_FIRE(probe, i, "text");
	return unused;
}

int
main(int argc, char **argv)
{
	const char *types[] = { "int", "char *" };
	usdt_provider_t *p = usdt_create_provider(argv[argc - 1], "mod");
	pthread_t thread;
	int i;

	probe = usdt_create_probe("f", "n", 2, types);
	usdt_provider_add_probe(p, probe);
	if (usdt_provider_enable(p) < 0)
		return 1;
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	while (getchar() != EOF) {
		for (i = 0; i < 200; i++) {
			pthread_create(&thread, NULL, fire, NULL);
			pthread_join(thread, NULL);
		}
		printf("fired\n");
		fflush(stdout);
	}
	return 0;
}
EOF_C

tracer_case('texts of threads whose rings are gone' => sub {
	my $provider = "d${$}texts";
	my $process = traced_source($dir, $provider, 'texts', $texts);
	my $watch = Usdt::Watch->attach(1, $provider);

	kill('STOP', $watch->pid);
	$process->ask('');
	kill('CONT', $watch->pid);
	sleep(0.5);
	is($watch->code_of('INT'), 0, 'exit 0');
	1 while $watch->read_some(0.1);
	my $said = $watch->errors;
	my $printed = grep { / $provider:n \d "text"$/ } @{ $watch->{lines} };

	# A thread that was slow announces no more, which is told.
	ok($printed == 600 || $said =~ /^usdt: \d+ threads? ended before/m,
	    "$printed of 600 are printed") || diag($said);
	unlike($said, qr/ lost/, '... none is lost');
});

tracer_case('nothing stays' => sub {
	my $host = host('bursts', 3);
	my $watch = attached($host);
	my $pid = $watch->{run}->pid;
	fired($host);
	ended($watch);
	is(scalar(Usdt::Watch::leftovers($pid)), 0,
	    'of a watch that has ended');
	is_deeply([glob '/dev/shm/*usdt-ring*'], [], 'nor a file');
});

done_testing();
