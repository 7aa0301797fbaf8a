/*
 * costs.c - what does callgrind count?  See costs.t.
 *
 *	costs sites TIMES		an untraced probe at each kind of site
 *	costs helper TIMES		the same for a probe that a stand-in for
 *					a DTrace helper has, and nobody traces
 *	costs fire ARGC TIMES		fire an enabled probe of ARGC arguments
 *	costs direct KIND TIMES		fire one with a reader of direct events,
 *					who never looks: with so many integers, or
 *					"t": with an integer and a text of 20
 *	costs life COUNT		a provider of so many probes, from its
 *					creation to its end
 *	costs names COUNT		create and enable so many probes of
 *					three named arguments ...
 *	costs own COUNT			... if each probe has other names ...
 *	costs plain COUNT		... and of the same without names; print
 *					the bytes of the image
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "usdt.h"

#define NOINLINE	__attribute__((noinline))

/* As in the header that `dtrace -h` makes. */
extern unsigned short costs_semaphore;
unsigned short costs_semaphore;

volatile int numbers[6];
unsigned long computed;
static usdt_probedef_t *current;

/*
 * The work behind the tests.  Out of line, so that a site saves no registers
 * for it and only the test is counted.
 */
static NOINLINE void
compute_and_fire(void)
{
	void *argv[6];
	int i;

	for (i = 0; i < 6; i++, computed++)
		argv[i] = (void *)(intptr_t)(numbers[i] + i);
	usdt_probe_fire(current, 6, argv);
}

/*
 * A loop for each kind of site, with the handle in a register and unknown to
 * the compiler.  Each is compared with the empty loop, so that what a compiler
 * saves around loops does not count.
 */
#define LOOP(name, test) \
	NOINLINE void \
	name(usdt_probedef_t *probe, long times) \
	{ \
		for (; times > 0; times--) { \
			__asm__ volatile("" : : "r"(probe) : "memory"); \
			if (__builtin_expect((test), 0)) \
				compute_and_fire(); \
		} \
	}

/* A site that fires by itself, as most are written. */
#define FIRING_LOOP(name, statement) \
	NOINLINE void \
	name(usdt_probedef_t *probe, long times) \
	{ \
		for (; times > 0; times--) { \
			__asm__ volatile("" : : "r"(probe) : "memory"); \
			statement; \
		} \
	}

static NOINLINE long
compute(void)
{
	return (long)computed++;
}

USDT_PROBE(declared, "f", "declared", (long, number), (const char *, text),
    (double, took));
USDT_PROVIDER(costs, "costs-declared", "costs", &declared);

LOOP(site_none, 0)
LOOP(site_compiled_in, costs_semaphore)
LOOP(site_inline, usdt_probe_enabled(probe))
LOOP(site_1x, usdt_is_enabled(probe->probe))
FIRING_LOOP(site_fire, USDT_FIRE(probe, compute(), "text", 2.5))
FIRING_LOOP(site_static, USDT_FIRE_STATIC(declared, compute(), "text", 2.5))
FIRING_LOOP(site_declared, declared_fire(1, "text", 2.5))

static usdt_probedef_t *
one_probe(size_t argc)
{
	const char *types[USDT_ARG_MAX];
	usdt_provider_t *p = usdt_create_provider("costs", "costs");
	usdt_probedef_t *probe;
	usdt_status_t status;
	size_t i;

	for (i = 0; i < argc; i++)
		types[i] = "long";
	probe = usdt_create_probe("f", "n", argc, types);
	if (usdt_provider_add_probe(p, probe) < 0 ||
	    usdt_provider_enable(p) < 0 ||
	    usdt_provider_status(p, &status) < 0 || !status.sdt.taken) {
		fprintf(stderr, "costs: not enabled: %s\n", usdt_errstr(p));
		exit(1);
	}
	return probe;
}

/*
 * Fire with a reader of direct events: the kernel would count it in the gate.
 * The first events of a thread are announced one by one.
 */
static void
direct(const char *kind, long times)
{
	static const char text[] = "a text of 20 letters";
	const char *types[USDT_ARG_MAX];
	int with_text = kind[0] == 't';
	size_t i, argc = with_text ? 2 : (size_t)atol(kind);
	void *argv[USDT_ARG_MAX];
	usdt_provider_t *p = usdt_create_provider("costs", "costs");
	usdt_probedef_t *probe;

	for (i = 0; i < argc; i++) {
		types[i] = "long";
		argv[i] = (void *)(uintptr_t)i;
	}
	if (with_text) {
		types[1] = "char *";
		argv[1] = (void *)(uintptr_t)text;
	}
	probe = usdt_create_probe("f", "n", argc, types);
	if (usdt_provider_add_probe(p, probe) < 0 ||
	    usdt_provider_set_texts(p, 1) < 0 ||
	    usdt_provider_enable(p) < 0) {
		fprintf(stderr, "costs: not enabled: %s\n", usdt_errstr(p));
		exit(1);
	}
	((volatile uint16_t *)(uintptr_t)probe->gate)[1] = 1;
	usdt_probe_fire(probe, argc, argc > 0 ? argv : NULL);
	usleep(150000);
	usdt_probe_fire(probe, argc, argc > 0 ? argv : NULL);
	while (times-- > 0)
		usdt_probe_fire(probe, argc, argc > 0 ? argv : NULL);
}

static void
must(int result, usdt_provider_t *p)
{
	if (result < 0) {
		fprintf(stderr, "costs: %s\n", usdt_errstr(p));
		exit(1);
	}
}

/* Each step that many probes may make slow, by itself. */
#define STEP	NOINLINE static void

STEP
life_create(usdt_provider_t *p, usdt_probedef_t **probes, long count)
{
	const char *types[] = { "int", "char *" };
	char name[32];
	long i;

	for (i = 0; i < count; i++) {
		snprintf(name, sizeof name, "probe-%ld", i);
		probes[i] = usdt_create_probe("function", name, 2, types);
		must(probes[i] == NULL ? -1 : 0, NULL);
		must(usdt_provider_add_probe(p, probes[i]), p);
	}
}

STEP
life_enable(usdt_provider_t *p)
{
	must(usdt_provider_enable(p), p);
}

STEP
life_disable(usdt_provider_t *p)
{
	must(usdt_provider_disable(p), p);
}

STEP
life_change(usdt_provider_t *p, usdt_probedef_t **probes, long count)
{
	long i;

	for (i = 0; i < count; i += 2)
		must(usdt_provider_remove_probe(p, probes[i]), p);
	for (i = 0; i < count; i += 4)
		must(usdt_provider_add_probe(p, probes[i]), p);
	must(usdt_provider_enable(p), p);
}

STEP
life_end(usdt_provider_t *p, usdt_probedef_t **probes, long count)
{
	long i;

	for (i = 0; i < count; i++)
		usdt_probe_release(probes[i]);
	usdt_provider_free(p);
}

static void
life(long count)
{
	usdt_provider_t *p = usdt_create_provider("costs", "costs");
	usdt_probedef_t **probes = calloc((size_t)count, sizeof *probes);

	if (p == NULL || probes == NULL)
		exit(1);
	life_create(p, probes, count);
	life_enable(p);
	life_disable(p);
	life_change(p, probes, count);
	life_end(p, probes, count);
	free(probes);
}

static void
names(long count, int named, int own)
{
	static const char *types[2][3] = {
		{ "int", "char *", "long" },
		{ "int id", "char *url", "long took" }
	};
	char texts[3][32];
	const char *owns[] = { texts[0], texts[1], texts[2] };
	usdt_provider_t *p = usdt_create_provider("costs", "costs");
	usdt_status_t status;
	struct stat st;
	char name[32];
	long i, k;

	for (i = 0; i < count; i++) {
		usdt_probedef_t *probe;

		snprintf(name, sizeof name, "p%ld", i);
		for (k = 0; own && k < 3; k++)
			snprintf(texts[k], sizeof texts[k], "%s%ld",
			    types[1][k], i);
		probe = usdt_create_probe("function", name, 3,
		    own ? owns : types[named]);
		must(probe == NULL ? -1 : 0, NULL);
		must(usdt_provider_add_probe(p, probe), p);
		usdt_probe_release(probe);
	}
	life_enable(p);
	must(usdt_provider_status(p, &status), NULL);
	if (stat(status.sdt.path, &st) < 0)
		exit(1);
	printf("%lld bytes\n", (long long)st.st_size);
	usdt_provider_free(p);
}

/* A helper that takes each document. */
int
ioctl(int fd, unsigned long request, ...)
{
	(void)fd;
	(void)request;
	return 1;
}

int
main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";
	long times = argc > 2 ? atol(argv[argc - 1]) : 0;
	void *words[USDT_ARG_MAX] = { NULL };

	if (strcmp(what, "fire") == 0 && argc == 4) {
		size_t n = (size_t)atol(argv[2]);
		usdt_probedef_t *probe = one_probe(n);

		while (times-- > 0)
			usdt_probe_fire(probe, n, n > 0 ? words : NULL);
	} else if (strcmp(what, "direct") == 0 && argc == 4) {
		direct(argv[2], times);
	} else if (strcmp(what, "sites") == 0 || strcmp(what, "helper") == 0) {
		usdt_probedef_t *probe;

		if (what[0] == 'h')
			setenv("USDT_HELPER", "/dev/null", 1);
		probe = one_probe(6);
		current = probe;
		must(usdt_static_enable(&costs), costs.provider);
		site_none(probe, times);
		site_compiled_in(probe, times);
		site_inline(probe, times);
		site_1x(probe, times);
		site_fire(probe, times);
		site_static(probe, times);
		site_declared(probe, times);
		if (computed != 0) {
			fprintf(stderr, "costs: arguments were computed\n");
			return 1;
		}
	} else if (strcmp(what, "life") == 0) {
		life(times);
	} else if (strcmp(what, "names") == 0 || strcmp(what, "own") == 0 ||
	    strcmp(what, "plain") == 0) {
		names(times, what[0] == 'n', what[0] == 'o');
	} else {
		fprintf(stderr, "usage: see costs.c\n");
		return 2;
	}
	return 0;
}
