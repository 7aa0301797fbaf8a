/*
 * fork_handlers.c - may a host's own handlers of fork use the library?
 *
 * Handlers run in an order that the host can't choose: those before a fork in
 * reverse, the others as they were registered.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <stdint.h>
#include <sys/wait.h>

#include "tap.h"
#include "scratch.h"
#include "core/provider.h"

#define FORKS	300

static usdt_provider_t *p;
static usdt_probedef_t *probe;
static int calls;		/* how many calls the handlers make */
static int before, after_parent, after_child;

/* Disable and enable. */
static int
turn(void)
{
	return usdt_provider_disable(p) == 0 && usdt_provider_enable(p) == 0 &&
	    probe->gate != NULL && *usdt__guard == 1;
}

static void
call_before(void)
{
	before += calls > 0 && turn();
}

static void
call_in_parent(void)
{
	after_parent += calls > 0 && turn();
}

static void
call_in_child(void)
{
	after_child += calls > 0 && turn();
}

static int
in_child(void)
{
	usdt_status_t status;

	if (after_child != calls || !turn())
		return 1;
	usdt_probe_fire(probe, 0, NULL);
	usdt_provider_status(p, &status);
	return status.sdt.taken && status.probes == 1 ? 0 : 2;
}

static int
fork_and_look(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(in_child());
	waitpid(pid, &status, 0);
	return status;
}

/* How many handlers of each kind ran. */
static void
test_calls(int handlers, const char *where)
{
	calls = handlers;
	before = after_parent = after_child = 0;
	is_int(fork_and_look(), 0, "%s: the child", where);
	ok(before == handlers && after_parent == handlers && turn(), "%s: the parent", where);
	is_int(fork_and_look(), 0, "%s: another child", where);
	calls = 0;
	after_child = 0;
}

/* A lock under which the host calls the library is taken by the host's own
 * handlers.  They were registered after the first provider was created. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int stop;

static void take(void) { pthread_mutex_lock(&lock); }
static void give(void) { pthread_mutex_unlock(&lock); }

static void *
change(void *nothing)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		take();
		turn();
		give();
		sched_yield();
	}
	return nothing;
}

static void
test_lock(void)
{
	pthread_t thread;
	int i;

	pthread_atfork(take, give, give);
	if (pthread_create(&thread, NULL, change, NULL) != 0)
		abort();
	for (i = 0; i < FORKS; i++)
		try(fork_and_look() == 0, "fork %d", i);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	ok_all("%d forks beside a thread that calls under the host's lock",
	    FORKS);
}

int
main(void)
{
	scratch_begin();
	if (usdt__stub_count == 0) {
		skip("the library has no stubs for this processor");
		return done_testing();
	}
	alarm(600);		/* failures hang here */
	pthread_atfork(call_before, call_in_parent, call_in_child);
	p = usdt_create_provider("handlers", "m");
	probe = usdt_create_probe("f", "n", 0, NULL);
	usdt_provider_add_probe(p, probe);
	is_int(usdt_provider_enable(p), 0, "enable");
	test_calls(1, "handlers before the library's");
	pthread_atfork(call_before, call_in_parent, call_in_child);
	test_calls(2, "and behind them");
	test_lock();
	usdt_probe_release(probe);
	usdt_provider_free(p);
	return done_testing();
}
