#!/usr/bin/perl
# attached_threads.t - does a watch of one process print each event once, also of
# threads that start while it attaches?
#
# SPDX-License-Identifier: BSD-2-Clause
use strict;
use warnings;

use Test::More;
use Usdt::Tracer qw(need tracer_case scratch_dir);
use Usdt::Watch qw(traced_source);

need('root', 'cc');
alarm 3600;

my $dir = scratch_dir();
my $starts = <<'EOF';
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>
#include "usdt.h"

#define MOST	400

static usdt_probedef_t *probe;
static atomic_int go, fired;

static void *
grandchild(void *number)
{
	usdt_probe_fire(probe, 1, &number);
	return NULL;
}

static void *
child(void *number)
{
	pthread_t thread;

	while (!go)
		usleep(1000);
	usdt_probe_fire(probe, 1, &number);
	pthread_create(&thread, NULL, grandchild, (char *)number + 1);
	pthread_join(thread, NULL);
	fired++;
	return NULL;
}

/* Threads that start until MOST are there, each fires an even number, and starts
 * a thread that fires an odd one; and threads that end soon. */
static void *
starter(void *unused)
{
	pthread_t threads[MOST], brief;
	long i;

	for (i = 0; i < MOST; i++) {
		pthread_create(&threads[i], NULL, child, (void *)(i * 2));
		usleep(500);
		pthread_create(&brief, NULL, grandchild, (void *)-1L);
		pthread_join(brief, NULL);
	}
	for (i = 0; i < MOST; i++)
		pthread_join(threads[i], NULL);
	return unused;
}

int
main(int argc, char **argv)
{
	const char *types[] = { "long" };
	usdt_provider_t *provider = usdt_create_provider(argv[argc - 1], "mod");
	pthread_t thread;
	char line[80];

	probe = usdt_create_probe("main", "event", 1, types);
	if (usdt_provider_add_probe(provider, probe) < 0 ||
	    usdt_provider_enable(provider) < 0)
		return 1;
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	while (fgets(line, sizeof line, stdin) != NULL) {
		if (line[0] == 's')
			pthread_create(&thread, NULL, starter, NULL);
		else {
			go = 1;
			pthread_join(thread, NULL);
		}
		printf("%d\n", (int)fired);
		fflush(stdout);
	}
	return 0;
}
EOF

tracer_case('threads that start while it attaches' => sub {
	my $provider = "threads$$";
	my $process = traced_source($dir, $provider, 'starts', $starts);
	my %printed;

	$process->ask('start');
	my $watch = Usdt::Watch->attach(1, '--uprobe', '-p', $process->pid,
		"$provider:*");
	my $fired = $process->ask('go');
	my $all = sub {
		%printed = ();
		/ \Q$provider\E:event (\d+)$/ and $printed{$1}++
		    for @{ $watch->{lines} };
		return keys(%printed) == 2 * $fired;
	};
	$watch->wait_until($all);
	is($watch->stop('INT'), 0, 'exit 0');
	$all->();
	is_deeply([ grep { ($printed{$_} // 0) != 1 } 0 .. 2 * $fired - 1 ],
	    [], "each of $fired threads, and those that they start, once");
});

done_testing();
