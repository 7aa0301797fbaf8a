/*
 * direct_host.c - a program that knows how many events it fired.
 *
 *	direct_host SCENARIO COUNT
 *
 * Its provider has the name in DIRECT_PROVIDER.  It waits until its probe is
 * enabled, fires, and prints "fired N" at its end.
 * With DIRECT_STAY it does not end then.
 * An event has the number of its source (a thread, a child, a handler) and
 * counts up from 0 within it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "usdt.h"

static usdt_provider_t *provider;
static usdt_probedef_t *probe;
static char *program;

/* Shared with all children. */
static struct {
	long begun, done;	/* fires */
	long sources;
} *shared;

static long
new_source(void)
{
	return __atomic_fetch_add(&shared->sources, 1, __ATOMIC_RELAXED);
}

static void
fire(long source, long serial)
{
	void *argv[2] = { (void *)source, (void *)serial };

	__atomic_fetch_add(&shared->begun, 1, __ATOMIC_RELAXED);
	usdt_probe_fire(probe, 2, argv);
	__atomic_fetch_add(&shared->done, 1, __ATOMIC_RELAXED);
}

static void
fire_all(long count)
{
	long i, source = new_source();

	for (i = 0; i < count; i++)
		fire(source, i);
}

static void
wait_for_reader(void)
{
	while (!usdt_probe_enabled(probe))
		usleep(1000);
}

static void *
thread(void *count)
{
	fire_all((long)count);
	return NULL;
}

static void
in_threads(long count)
{
	enum { THREADS = 4, ROUNDS = 5 };
	pthread_t threads[THREADS];
	int i, round;

	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < THREADS; i++)
			pthread_create(&threads[i], NULL, thread,
			    (void *)count);
		for (i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
	}
}

/* Each child of a chain fires, and so does its parent before and after. */
static void
in_children(long count)
{
	int i;

	for (i = 0; i < 10; i++) {
		fire_all(count);
		if (fork() == 0) {
			fire_all(count);
			if (fork() == 0) {
				fire_all(count);
				_exit(0);
			}
			wait(NULL);
			_exit(0);
		}
		fire_all(count);
		wait(NULL);
	}
}

static void
in_vforked(long count)
{
	int i;

	for (i = 0; i < 10; i++) {
		fire_all(count);
		if (vfork() == 0) {
			fire_all(count);
			_exit(0);
		}
		wait(NULL);
	}
}

/* A clone must enable before it fires. */
static void
in_cloned(long count)
{
	int i;

	for (i = 0; i < 5; i++) {
		fire_all(count);
		if (syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL) == 0) {
			usdt_provider_enable(provider);
			fire_all(count);
			_exit(0);
		}
		wait(NULL);
	}
}

static long handled, by_handler;

static void
on_signal(int number)
{
	(void)number;
	fire(by_handler, handled++);
}

static void
with_signals(long count)
{
	const struct itimerval fast = { { 0, 100 }, { 0, 100 } }, off =
	    { { 0, 0 }, { 0, 0 } };
	struct sigaction action;

	by_handler = new_source();
	memset(&action, 0, sizeof action);
	action.sa_handler = on_signal;
	action.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &fast, NULL);
	fire_all(count);
	setitimer(ITIMER_REAL, &off, NULL);
}

/* Children that are killed anywhere. */
static void
killed(long count)
{
	pid_t pid;
	long i;

	srand(7);
	for (i = 0; i < count; i++) {
		pid = fork();
		if (pid == 0)
			fire_all(LONG_MAX);
		usleep((unsigned)rand() % 3000);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

/* Bursts, as of a server that answers. */
static void
in_bursts(long count)
{
	long i;

	for (i = 0; i < count; i++) {
		fire_all(2000);
		usleep(20000);
	}
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(long count);
	} scenarios[] = {
		{ "loop", fire_all }, { "threads", in_threads },
		{ "children", in_children }, { "vforked", in_vforked },
		{ "cloned", in_cloned }, { "signals", with_signals },
		{ "killed", killed }, { "bursts", in_bursts },
		{ "exec", fire_all }
	};
	const char *types[] = { "long source", "long serial" };
	char counts[32];
	size_t i;
	int fd;

	if (argc < 3)
		return 2;
	program = argv[0];
	/* After exec: the memory's descriptor. */
	fd = argc > 3 ? atoi(argv[3]) : memfd_create("shared", 0);
	if (argc == 3 && ftruncate(fd, 4096) < 0)
		return 1;
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	provider = usdt_create_provider(getenv("DIRECT_PROVIDER"), "host");
	probe = usdt_create_probe("main", "event", 2, types);
	if (provider == NULL || probe == NULL ||
	    usdt_provider_add_probe(provider, probe) < 0 ||
	    usdt_provider_enable(provider) < 0) {
		fprintf(stderr, "direct_host: %s\n", usdt_errstr(provider));
		return 1;
	}
	printf("ready %ld\n", (long)getpid());
	fflush(stdout);
	if (argc == 3)
		wait_for_reader();
	for (i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++)
		if (strcmp(argv[1], scenarios[i].name) == 0)
			scenarios[i].run(atol(argv[2]));
	if (strcmp(argv[1], "exec") == 0) {
		snprintf(counts, sizeof counts, "%d", fd);
		execl(program, program, "loop", argv[2], counts, (char *)NULL);
	}
	printf("fired %ld to %ld\n", shared->done, shared->begun);
	fflush(stdout);
	if (getenv("DIRECT_STAY") != NULL)
		pause();
	return 0;
}
