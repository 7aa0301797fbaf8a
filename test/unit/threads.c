/*
 * threads.c - may any thread fire any probe at any time, and make any call?
 *
 * Threads fire and test while others add, remove, enable, disable and ask,
 * and a timer's signal handler fires in between.  A crash or a hang is a
 * failure; test/sanitize.t runs this under the thread sanitizer too.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include "tap.h"
#include "scratch.h"
#include "core/provider.h"

#if defined(__SANITIZE_THREAD__)
#define MAY_FORK	0
#else
#define MAY_FORK	1
#endif

#define PROBES		12
#define FIRING		2	/* threads that fire */
#define CHANGING	2	/* threads that change a provider each */
#define SECONDS		1.5

static usdt_provider_t *providers[CHANGING], *common;
static usdt_probedef_t *probes[CHANGING][PROBES], *of_common;
static int stop;
static unsigned long fired[FIRING], changes[CHANGING], in_handler;

static void
count(unsigned long *what)
{
	__atomic_fetch_add(what, 1, __ATOMIC_RELAXED);
}

static unsigned long
sum(const unsigned long *of, int n)
{
	unsigned long all = 0;

	while (n-- > 0)
		all += __atomic_load_n(&of[n], __ATOMIC_RELAXED);
	return all;
}

static int
stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static void *
fire(void *number)
{
	unsigned long *mine = &fired[(uintptr_t)number];
	void *argv[3] = { (void *)1, (void *)"two", NULL };
	int i, k;

	while (!stopped())
		for (i = 0; i < CHANGING; i++)
			for (k = 0; k < PROBES; k++) {
				usdt_probedef_t *def = probes[i][k];

				usdt_probe_fire(def, 3, argv);
				if (usdt_probe_enabled(def))
					usdt_fire_probe(def->probe, 1, argv);
				count(mine);
			}
	return NULL;
}

static const usdt_field_t fields[] = { { "int a", 0 } };

/* Each thread changes a provider of its own and uses a common one. */
static void *
change(void *number)
{
	uintptr_t n = (uintptr_t)number;
	usdt_provider_t *p = providers[n];
	uint32_t seed = (uint32_t)n;
	usdt_status_t status;
	int i;

	while (!stopped()) {
		usdt_probedef_t *def;

		seed = seed * 1664525u + 1013904223u;
		def = probes[n][(seed >> 8) % PROBES];
		switch ((seed >> 20) % 8) {
		case 0: case 1:
			usdt_provider_add_probe(p, def);
			break;
		case 2:
			usdt_provider_remove_probe(p, def);
			break;
		case 3: case 4:
			usdt_provider_enable(p);
			break;
		case 5:
			usdt_provider_disable(p);
			break;
		case 6:
			usdt_provider_status(common, &status);
			usdt_provider_enable(common);
			break;
		case 7:
			usdt_provider_disable(common);
			usdt_provider_add_probe(common, NULL);
			usdt_provider_add_struct(common, n ? "s" : "t", 4, 1,
			    fields);
			usdt_provider_remove_probe(common, NULL);
			for (i = 0; i < PROBES; i++)
				usdt_is_enabled(probes[n][i]->probe);
			break;
		}
		count(&changes[n]);
	}
	return NULL;
}

static void
handle(int number)
{
	void *argv[2] = { (void *)1, (void *)"two" };
	int i;

	(void)number;
	for (i = 0; i < PROBES; i++)
		if (!usdt_probe_enabled(probes[0][i]))
			usdt_probe_fire(probes[0][i], 2, argv);
	count(&in_handler);
}

/* On a busy machine this takes longer than asked for. */
static int
has_enough(void)
{
	return sum(fired, FIRING) > 1000 && sum(changes, CHANGING) > 10 &&
	    sum(&in_handler, 1) > 0;
}

static void
create(void)
{
	static const char *types[] = { "int", "char *", "long" };
	char name[32];
	int i, k;

	for (i = 0; i < CHANGING; i++) {
		providers[i] = usdt_create_provider("threads", "m");
		for (k = 0; k < PROBES; k++) {
			snprintf(name, sizeof name, "probe%d", k);
			probes[i][k] = usdt_create_probe("f", name, 3, types);
			usdt_provider_add_probe(providers[i], probes[i][k]);
		}
	}
	common = usdt_create_provider("common", "m");
	of_common = usdt_create_probe("f", "n", 0, NULL);
	usdt_provider_add_probe(common, of_common);
}

static void
destroy(void)
{
	int i, k;

	for (i = 0; i < CHANGING; i++) {
		usdt_provider_free(providers[i]);
		for (k = 0; k < PROBES; k++)
			usdt_probe_release(probes[i][k]);
	}
	usdt_provider_free(common);
	usdt_probe_release(of_common);
}

static void
set_timer(int microseconds)
{
	struct itimerval timer = { { 0, microseconds }, { 0, microseconds } };

	signal(SIGALRM, handle);
	setitimer(ITIMER_REAL, &timer, NULL);
}

/* Fork while other threads may hold the library's lock. */
static int
make_child(void)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		signal(SIGALRM, SIG_DFL);
		alarm(600);
		if (probes[0][0] != NULL)
			usdt_probe_fire(probes[0][0], 0, NULL);
		usdt_provider_enable(common);
		usdt_provider_disable(common);
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid && status == 0;
}

/*
 * The very first call of a process comes from a thread while another forks: the
 * library's handlers come too late for that fork.
 */
#define MANY	40000	/* probes: enabling them takes a while */
static sem_t forking;
static usdt_provider_t *big;
static usdt_probedef_t *many[MANY];

static void
fork_slowly(void)
{
	struct timespec pause = { 0, 10000000 };

	sem_post(&forking);
	nanosleep(&pause, NULL);	/* by now the thread is enabling */
}

static void *
call_first(void *nothing)
{
	int i;

	sem_wait(&forking);
	for (i = 0; i < MANY; i++)
		usdt_provider_add_probe(big, many[i]);
	usdt_provider_enable(big);
	return nothing;
}

static int
first_call(void)
{
	pthread_t thread;
	char name[32];
	int i, good;

	alarm(600);
	sem_init(&forking, 0, 0);
	pthread_atfork(fork_slowly, NULL, NULL);
	big = usdt_create_provider("big", "m");
	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "probe%d", i);
		many[i] = usdt_create_probe("f", name, 0, NULL);
	}
	common = usdt_create_provider("common", "m");
	pthread_create(&thread, NULL, call_first, NULL);
	good = make_child();
	pthread_join(thread, NULL);
	return good;
}

static void
test_first_call(void)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0)
		_exit(first_call() ? 0 : 1);
	ok(waitpid(pid, &status, 0) == pid && status == 0,
	    "the first call beside a fork leaves the child no lock");
}

/* Ends a test that hangs. */
static void *
watch(void *nothing)
{
	sigset_t alarms;

	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &alarms, NULL);
	sleep(1200);
	printf("Bail out! hung\n");
	fflush(stdout);
	_exit(1);
	return nothing;
}

int
main(void)
{
	pthread_t threads[FIRING + CHANGING], watching;
	struct timespec pause = { 0, 50000000 };
	double time;
	uintptr_t i;
	int children = 0;

	scratch_begin();
	if (MAY_FORK)
		test_first_call();
	create();
	pthread_create(&watching, NULL, watch, NULL);
	pthread_detach(watching);
	for (i = 0; i < FIRING; i++)
		pthread_create(&threads[i], NULL, fire, (void *)i);
	for (i = 0; i < CHANGING; i++)
		pthread_create(&threads[FIRING + i], NULL, change, (void *)i);
	set_timer(2000);
	for (time = 0; time < SECONDS || !has_enough(); time += 0.05) {
		nanosleep(&pause, NULL);
		if (MAY_FORK)
			try(make_child(), "a child failed");
		children++;
	}
	set_timer(0);
	signal(SIGALRM, SIG_IGN);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < FIRING + CHANGING; i++)
		pthread_join(threads[i], NULL);
	if (MAY_FORK)
		ok_all("%d children of a process with threads", children);
	else
		note("no children: the thread sanitizer can't have them");
	ok(has_enough(), "threads fired and changed, a signal handler too");
	note("fired %lu times, changed %lu times, %lu signals",
	    sum(fired, FIRING), sum(changes, CHANGING), in_handler);
	destroy();
	is_int(count_maps(scratch), 0, "nothing stays mapped");
	return done_testing();
}
