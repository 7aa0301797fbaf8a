/*
 * observe.c - is each fire passed to its observer, and to no other?
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

static const char *types[USDT_ARG_MAX];

/* What an observer received. */
static struct told {
	int times;
	const usdt_probedef_t *probedef;
	size_t argc;
	uintptr_t argv[USDT_ARG_MAX];
} here, there;

static void
tell(const usdt_probedef_t *probedef, size_t argc, void *const *argv,
    void *data)
{
	struct told *told = data;
	size_t i;

	told->times++;
	told->probedef = probedef;
	told->argc = argc;
	for (i = 0; i < argc; i++)
		told->argv[i] = (uintptr_t)argv[i];
}

static usdt_provider_t *p;
static usdt_probedef_t *none, *two, *all;

static void
begin(const char *name)
{
	memset(&here, 0, sizeof here);
	memset(&there, 0, sizeof there);
	p = usdt_create_provider(name, "m");
	none = usdt_create_probe("f", "none", 0, NULL);
	two = usdt_create_probe("f", "two", 2, types);
	all = usdt_create_probe("f", "all", USDT_ARG_MAX, types);
	usdt_provider_add_probe(p, none);
	usdt_provider_add_probe(p, two);
	usdt_provider_add_probe(p, all);
}

static void
end(void)
{
	usdt_probe_release(none);
	usdt_probe_release(two);
	usdt_probe_release(all);
	usdt_provider_free(p);
}

static int
enabled(const usdt_probedef_t *probedef)
{
	int inlined = usdt_probe_enabled(probedef);

	try(usdt_is_enabled(probedef->probe) == inlined, "%s: by function %d",
	    probedef->name, !inlined);
	return inlined;
}

static void
test_values(void)
{
	void *argv[USDT_ARG_MAX + 2];
	size_t argc, i;

	begin("values");
	is_int(usdt_provider_observe(p, tell, &here), 0, "observe");
	usdt_probe_fire(two, 2, argv);
	is_int(here.times, 0, "not enabled: not called");
	is_int(enabled(two), 0, "not enabled");
	is_int(usdt_provider_enable(p), 0, "enable");
	ok(enabled(none) && enabled(two) && enabled(all),
	    "observed: all are enabled");
	for (i = 0; i < USDT_ARG_MAX + 2; i++)
		argv[i] = (void *)(i + 1);
	for (argc = 0; argc <= USDT_ARG_MAX + 2; argc++) {
		here.times = 0;
		usdt_fire_probe(all->probe, argc, argv);
		try(here.times == 1 && here.probedef == all &&
		    here.argc == USDT_ARG_MAX, "%zu words: called %d times",
		    argc, here.times);
		for (i = 0; i < USDT_ARG_MAX; i++)
			try(here.argv[i] == (i < argc ? i + 1 : 0),
			    "%zu words: word %zu is %zu", argc, i,
			    (size_t)here.argv[i]);
	}
	ok_all("as many words as the probe has, whatever it is given");
	usdt_probe_fire(none, 0, NULL);
	ok(here.probedef == none && here.argc == 0, "no arguments");
	usdt_probe_fire(two, 7, NULL);
	ok(here.probedef == two && here.argc == 2 && here.argv[0] == 0 &&
	    here.argv[1] == 0, "no words at all");
	end();
}

static void
test_changing(void)
{
	void *argv[2] = { (void *)1, (void *)2 };
	usdt_probedef_t *late = usdt_create_probe("f", "late", 2, types);
	const uint32_t *gate;

	begin("changing");
	usdt_provider_enable(p);
	gate = two->gate;
	usdt_probe_fire(two, 2, argv);
	is_int(enabled(two), 0, "no observer: not enabled");
	usdt_provider_observe(p, tell, &here);
	is_int(enabled(two), 1, "an enabled provider is observed: enabled");
	usdt_probe_fire(two, 2, argv);
	is_int(here.times, 1, "and called");
	usdt_provider_observe(p, tell, &there);
	usdt_probe_fire(two, 2, argv);
	ok(here.times == 1 && there.times == 1, "another one replaces it");
	usdt_provider_observe(p, tell, &here);
	usdt_provider_observe(p, NULL, NULL);
	usdt_probe_fire(two, 2, argv);
	ok(here.times == 1 && there.times == 1, "none: none is called");
	is_int(enabled(two), 0, "and it is not enabled");
	ok(two->gate == gate, "its gate is that of its image again");

	usdt_provider_observe(p, tell, &here);
	usdt_provider_add_probe(p, late);
	usdt_probe_fire(late, 2, argv);
	ok(here.times == 1 && !enabled(late), "added: not before it is "
	    "enabled");
	usdt_provider_enable(p);
	usdt_probe_fire(late, 2, argv);
	ok(here.times == 2 && enabled(late) && here.probedef == late,
	    "then it is observed");
	usdt_provider_remove_probe(p, late);
	usdt_probe_fire(late, 2, argv);
	ok(here.times == 2 && !enabled(late), "removed: never again");
	usdt_provider_disable(p);
	usdt_probe_fire(two, 2, argv);
	ok(here.times == 2 && !enabled(two), "disabled: not observed");
	usdt_provider_observe(p, NULL, NULL);
	usdt_provider_observe(p, tell, &here);
	is_int(enabled(two), 0, "observe does not enable");
	usdt_provider_enable(p);
	usdt_probe_fire(two, 2, argv);
	is_int(here.times, 3, "enabled again: observed again");
	end();
	usdt_probe_release(late);
}

static void
test_others(void)
{
	usdt_provider_t *q = usdt_create_provider("other", "m");
	usdt_probedef_t *probe = usdt_create_probe("f", "none", 0, NULL);
	int status = -1;

	begin("observed");
	usdt_provider_add_probe(q, probe);
	usdt_provider_enable(q);
	usdt_provider_enable(p);
	usdt_provider_observe(p, tell, &here);
	usdt_probe_fire(probe, 0, NULL);
	ok(here.times == 0 && !enabled(probe), "another provider is not");
	if (fork() == 0) {
		usdt_probe_fire(none, 0, NULL);
		_exit(here.times == 1 && enabled(none) ? 0 : 1);
	}
	wait(&status);
	is_int(status, 0, "a forked child is");
	is_int(here.times, 0, "in its own memory");
	usdt_provider_remove_probe(p, none);
	usdt_provider_remove_probe(q, probe);
	usdt_provider_add_probe(q, none);
	usdt_provider_enable(q);
	usdt_probe_fire(none, 0, NULL);
	is_int(here.times, 0, "a probe that has gone to another one is not");
	end();
	usdt_provider_free(q);
	usdt_probe_release(probe);
}

static void
test_bad(void)
{
	is_int(usdt_provider_observe(NULL, tell, &here), -1, "NULL fails");
	is_str(usdt_errstr(NULL), "invalid argument: provider is NULL",
	    "the text");
	begin("disabled");
	setenv("USDT_DISABLE", "1", 1);
	usdt_provider_observe(p, tell, &here);
	usdt_provider_enable(p);
	usdt_probe_fire(none, 0, NULL);
	ok(here.times == 0 && !enabled(none), "USDT_DISABLE=1: not observed");
	usdt_provider_observe(p, NULL, NULL);
	usdt_provider_observe(p, tell, &here);
	is_int(enabled(none), 0, "nor later");
	unsetenv("USDT_DISABLE");
	end();
}

/* A probe that outlives its provider calls no observer. */
static void
test_freed(void)
{
	begin("freed");
	usdt_provider_enable(p);
	usdt_provider_observe(p, tell, &here);
	usdt_probe_fire(none, 0, NULL);
	usdt_provider_free(p);
	p = NULL;
	ok(here.times == 1 && !enabled(none), "freed: not enabled");
	usdt_probe_fire(none, 0, NULL);
	is_int(here.times, 1, "freed: not called");
	end();
}

/* Setting the same observers repeatedly needs no more memory. */
static void
test_growth(void)
{
	struct usdt__observer *first;
	int i;

	begin("again");
	usdt_provider_enable(p);
	usdt_provider_observe(p, tell, &here);
	usdt_provider_observe(p, tell, &there);
	first = p->state->observers;
	for (i = 0; i < 1000; i++) {
		usdt_provider_observe(p, tell, i & 1 ? &here : &there);
		usdt_provider_observe(p, NULL, NULL);
	}
	ok(p->state->observers == first && first->next->next == NULL,
	    "two observers, however often");
	end();
}

static int stop;

static void
count(const usdt_probedef_t *probedef, size_t argc, void *const *argv,
    void *data)
{
	if (probedef != two || argc != 2 || argv[0] != (void *)1)
		_exit(1);
	__atomic_fetch_add((long *)data, 1, __ATOMIC_RELAXED);
}

static void *
fire(void *nothing)
{
	void *argv[2] = { (void *)1, (void *)2 };

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		if (usdt_probe_enabled(two))
			usdt_probe_fire(two, 2, argv);
	return nothing;
}

static void
test_threads(void)
{
	static long counts[2];
	pthread_t threads[2];
	int i;

	begin("threads");
	usdt_provider_enable(p);
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, fire, NULL);
	for (i = 0; i < 2000 || counts[0] == 0 || counts[1] == 0; i++) {
		usdt_provider_observe(p, count, &counts[i & 1]);
		if (i % 3 == 0)
			usdt_provider_disable(p);
		sched_yield();
		usdt_provider_enable(p);
		if (i % 5 == 0)
			usdt_provider_observe(p, NULL, NULL);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	ok(counts[0] > 0 && counts[1] > 0, "beside threads that fire: %ld and "
	    "%ld", counts[0], counts[1]);
	end();
}

int
main(void)
{
	size_t i;

	for (i = 0; i < USDT_ARG_MAX; i++)
		types[i] = "long";
	scratch_begin();
	test_values();
	test_changing();
	test_others();
	test_bad();
	test_freed();
	test_growth();
	test_threads();
	ok_all("by function as inline");
	return done_testing();
}
