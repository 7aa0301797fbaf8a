/*
 * stress.c - a process that does everything at once, for tests to trace
 *
 *	./stress PREFIX TIMES
 *
 * enables its providers, prints "ready PID" and waits for a line.  From then
 * until the next line, but at least until it has made each change TIMES times,
 * it has threads that fire, threads that change providers, a signal handler
 * that fires, and children that fire.  Its providers:
 *
 *	PREFIXsteady	s0, s1: enabled all the time
 *	PREFIXliving	kept: stays, while others come and go beside it
 *	PREFIXswitching	w: its provider is enabled and disabled
 *	PREFIXpassing*	created, fired and freed again and again
 *
 * It prints "fired PROBE N" for s0, s1 and kept, whose fires must all be seen,
 * and counts of its other work.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "usdt.h"

#if defined(__SANITIZE_THREAD__)
#define MAY_FORK	0	/* thread sanitizer allows no fork */
#else
#define MAY_FORK	1
#endif

#define BURST		50
#define COMING		16	/* probes that come and go beside kept */
#define PASSING		8	/* names of passing providers */

static const char *prefix;
static const char *types[] = { "int", "char *" };
static usdt_provider_t *steady, *living, *switching;
static usdt_probedef_t *s[2], *kept, *coming[COMING], *w;
static unsigned long fired[3], switched, changed, passed, children, asked;
static unsigned long wrong;
static int stop;

static int
stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static void
count(unsigned long *what)
{
	__atomic_fetch_add(what, 1, __ATOMIC_RELAXED);
}

static void
fire(usdt_probedef_t *probe)
{
	void *argv[] = { (void *)7, (void *)"text" };

	usdt_probe_fire(probe, 2, argv);
}

static void
rest(long microseconds)
{
	struct timespec pause = { 0, microseconds * 1000 };

	nanosleep(&pause, NULL);
}

static int
has_enough(unsigned long times)
{
	unsigned long *const counts[] = { &switched, &changed, &passed, &asked };
	size_t i;

	for (i = 0; i < sizeof counts / sizeof counts[0]; i++)
		if (__atomic_load_n(counts[i], __ATOMIC_RELAXED) < times)
			return 0;
	return !MAY_FORK || children > 0;
}

/* Has the second line arrived? */
static int
is_told_to_end(void)
{
	struct pollfd in = { STDIN_FILENO, POLLIN, 0 };
	char line[16];

	return poll(&in, 1, 0) > 0 && read(STDIN_FILENO, line,
	    sizeof line) >= 0;
}

static void *
fire_all(void *nothing)
{
	int i;

	while (!stopped()) {
		for (i = 0; i < BURST; i++) {
			fire(s[i & 1]);
			count(&fired[i & 1]);
			fire(kept);
			count(&fired[2]);
			if (usdt_probe_enabled(w))
				fire(w);
			if (usdt_is_enabled(coming[i % COMING]->probe))
				fire(coming[i % COMING]);
		}
		rest(1000);
	}
	return nothing;
}

/* The provider of kept changes in every way except disabling. */
static void *
live(void *nothing)
{
	uint32_t seed = 1;

	while (!stopped()) {
		usdt_probedef_t *probe;
		usdt_status_t status;

		seed = seed * 1664525u + 1013904223u;
		probe = coming[(seed >> 8) % COMING];
		switch ((seed >> 20) % 4) {
		case 0:
			usdt_provider_add_probe(living, probe);
			break;
		case 1:
			usdt_provider_remove_probe(living, probe);
			break;
		case 2:
			if (usdt_provider_enable(living) < 0)
				count(&wrong);
			break;
		case 3:
			usdt_provider_status(living, &status);
			count(&asked);
			break;
		}
		count(&changed);
		rest(500);
	}
	return nothing;
}

static void *
switch_all(void *nothing)
{
	while (!stopped()) {
		if (usdt_provider_disable(switching) < 0 ||
		    usdt_provider_enable(switching) < 0)
			count(&wrong);
		count(&switched);
		rest(300);
	}
	return nothing;
}

static void *
pass(void *number)
{
	char name[64];
	unsigned n = (unsigned)(uintptr_t)number;

	while (!stopped()) {
		usdt_provider_t *p;
		usdt_probedef_t *probe;

		snprintf(name, sizeof name, "%spassing%c", prefix,
		    'a' + (int)(n++ % PASSING));
		p = usdt_create_provider(name, "stress");
		probe = usdt_create_probe("f", "n", 2, types);
		if (usdt_provider_add_probe(p, probe) < 0 ||
		    usdt_provider_enable(p) < 0)
			count(&wrong);
		fire(probe);
		if (n & 1)
			usdt_provider_disable(p);
		usdt_probe_release(probe);
		usdt_provider_free(p);
		count(&passed);
		rest(200);
	}
	return NULL;
}

static void
handle(int number)
{
	(void)number;
	fire(s[0]);
	count(&fired[0]);
	fire(w);
}

/* Other threads may hold the library's lock at this moment. */
static void
make_child(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		usdt_provider_t *p;
		usdt_probedef_t *probe;

		signal(SIGALRM, SIG_DFL);
		alarm(600);
		fire(s[1]);
		fire(kept);
		p = usdt_create_provider("childs", "stress");
		probe = usdt_create_probe("f", "n", 0, NULL);
		usdt_provider_add_probe(p, probe);
		if (usdt_provider_enable(p) < 0)
			_exit(1);
		fire(probe);
		usdt_provider_free(p);
		usdt_probe_release(probe);
		fire(s[1]);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status != 0) {
		printf("a child: %x\n", (unsigned)status);
		count(&wrong);
		return;
	}
	__atomic_fetch_add(&fired[1], 2, __ATOMIC_RELAXED);
	count(&fired[2]);
	children++;
}

static usdt_provider_t *
declare(const char *name, const char *probe, usdt_probedef_t **to)
{
	char whole[64];
	usdt_provider_t *p;

	snprintf(whole, sizeof whole, "%s%s", prefix, name);
	p = usdt_create_provider(whole, "stress");
	*to = usdt_create_probe("f", probe, 2, types);
	usdt_provider_add_probe(p, *to);
	return p;
}

static void
create(void)
{
	char name[16];
	int i;

	steady = declare("steady", "s0", &s[0]);
	s[1] = usdt_create_probe("f", "s1", 2, types);
	usdt_provider_add_probe(steady, s[1]);
	living = declare("living", "kept", &kept);
	switching = declare("switching", "w", &w);
	for (i = 0; i < COMING; i++) {
		snprintf(name, sizeof name, "c%d", i);
		coming[i] = usdt_create_probe("f", name, 2, types);
	}
	if (usdt_provider_enable(steady) < 0 ||
	    usdt_provider_enable(living) < 0 ||
	    usdt_provider_enable(switching) < 0) {
		fprintf(stderr, "%s %s %s\n", usdt_errstr(steady),
		    usdt_errstr(living), usdt_errstr(switching));
		exit(1);
	}
}

static void
destroy(void)
{
	int i;

	usdt_provider_free(steady);
	usdt_provider_free(living);
	usdt_provider_free(switching);
	usdt_probe_release(s[0]);
	usdt_probe_release(s[1]);
	usdt_probe_release(kept);
	usdt_probe_release(w);
	for (i = 0; i < COMING; i++)
		usdt_probe_release(coming[i]);
}

int
main(int argc, char **argv)
{
	static void *(*const bodies[])(void *) = {
		fire_all, fire_all, live, switch_all, pass, pass
	};
	enum { THREADS = sizeof bodies / sizeof bodies[0] };
	struct itimerval often = { { 0, 3000 }, { 0, 3000 } };
	struct itimerval never = { { 0, 0 }, { 0, 0 } };
	pthread_t threads[THREADS];
	char line[16];
	int told = 0;
	size_t i;

	if (argc != 3)
		return 2;
	prefix = argv[1];
	setvbuf(stdin, NULL, _IONBF, 0);
	create();
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	if (fgets(line, sizeof line, stdin) == NULL)
		return 1;
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, bodies[i],
		    (void *)(uintptr_t)(i * PASSING / 2));
	signal(SIGALRM, handle);
	setitimer(ITIMER_REAL, &often, NULL);
	while (!told || !has_enough(strtoul(argv[2], NULL, 10))) {
		rest(50000);
		if (MAY_FORK)
			make_child();
		told = told || is_told_to_end();
	}
	setitimer(ITIMER_REAL, &never, NULL);
	signal(SIGALRM, SIG_IGN);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	printf("fired s0 %lu\nfired s1 %lu\nfired kept %lu\n", fired[0],
	    fired[1], fired[2]);
	printf("switched %lu changed %lu passed %lu children %lu asked %lu\n",
	    switched, changed, passed, children, asked);
	printf("wrong %lu\n", wrong);
	fflush(stdout);
	/* The test reads the output before the probes go. */
	if (fgets(line, sizeof line, stdin) == NULL)
		return 1;
	destroy();
	return wrong != 0;
}
