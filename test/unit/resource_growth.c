/*
 * resource_growth.c - can a provider have a hundred thousand probes, and does a
 * process that changes providers in every way, a thousand times or more, stay
 * as large as it was?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdint.h>

#include "tap.h"
#include "scratch.h"
#include "core/provider.h"

#define ROUNDS		1000
#define MANY_ROUNDS	10000	/* of enabling and disabling */
#define NEW		30	/* new images in use at once */
#define WARM		50	/* rounds after which nothing may grow */
#define TOLERANCE	512	/* KiB that malloc and libc may keep */

/* Sanitizers keep freed memory for a while. */
#if defined(__SANITIZE_ADDRESS__)
#define KEEPS_FREED	1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEPS_FREED	1
#endif
#endif
#ifndef KEEPS_FREED
#define KEEPS_FREED	0
#endif

static void
die(const char *what)
{
	printf("Bail out! %s\n", what);
	exit(1);
}

static usdt_probedef_t *
probe(const char *func, const char *name)
{
	static const char *types[] = { "int", "char *" };
	usdt_probedef_t *def = usdt_create_probe(func, name, 2, types);

	if (def == NULL)
		die(usdt_errstr(NULL));
	return def;
}

static usdt_provider_t *
provider(const char *name)
{
	usdt_provider_t *p = usdt_create_provider(name, "m");

	if (p == NULL)
		die(usdt_errstr(NULL));
	return p;
}

/* --- many probes -------------------------------------------------------- */

/* Each probe is traced alone: no other may notice. */
static void
trace_some(usdt_probedef_t **probes, size_t count)
{
	void *argv[2] = { NULL, NULL };
	size_t i, step = count / 1000 + 1;

	for (i = 0; i < count; i++) {
		try(*probes[i]->gate == 0, "probe %zu has a count", i);
		usdt_probe_fire(probes[i], 2, argv);
	}
	for (i = 0; i < count; i += step) {
		volatile uint16_t *gate =
		    (volatile uint16_t *)(uintptr_t)probes[i]->gate;

		*gate = 1;
		try(usdt_is_enabled(probes[i]->probe) == 1, "probe %zu", i);
		if (i + 1 < count)
			try(usdt_probe_enabled(probes[i + 1]) == 0,
			    "probe %zu with the one before it", i + 1);
		*gate = 0;
	}
}

static void
counts(const usdt_provider_t *p, unsigned probes, unsigned waiting,
    unsigned images)
{
	usdt_status_t s;

	usdt_provider_status(p, &s);
	try(s.probes == probes && s.waiting == waiting && s.images == images,
	    "%u probes, %u waiting, %u images; not %u, %u, %u", s.probes,
	    s.waiting, s.images, probes, waiting, images);
}

static void
test_many(size_t count)
{
	usdt_provider_t *p = provider("many");
	usdt_probedef_t **probes = calloc(count, sizeof *probes);
	int fds = count_fds();
	char func[32], name[32];
	size_t i;

	if (probes == NULL)
		die("no memory");
	for (i = 0; i < count; i++) {
		snprintf(func, sizeof func, "func%zu", i / 100);
		snprintf(name, sizeof name, "probe-%zu", i);
		probes[i] = probe(func, name);
		try(usdt_provider_add_probe(p, probes[i]) == 0, "add %zu", i);
	}
	try(usdt_provider_enable(p) == 0, "%s", usdt_errstr(p));
	counts(p, (unsigned)count, 0, 1);
	try(count_maps(scratch) <= 4, "%d mappings", count_maps(scratch));
	try(count_fds() == fds, "%d descriptors, %d before", count_fds(), fds);
	trace_some(probes, count);
	for (i = 0; i < count; i += 2)
		try(usdt_provider_remove_probe(p, probes[i]) == 0,
		    "remove %zu", i);
	counts(p, (unsigned)count / 2, 0, 1);
	for (i = 0; i < count; i += 4)
		usdt_provider_add_probe(p, probes[i]);
	try(usdt_provider_enable(p) == 0, "%s", usdt_errstr(p));
	counts(p, (unsigned)(count / 2 + (count + 3) / 4), 0, 2);
	usdt_provider_disable(p);
	try(usdt_provider_enable(p) == 0, "%s", usdt_errstr(p));
	counts(p, (unsigned)(count / 2 + (count + 3) / 4), 0, 2);
	for (i = 0; i < count; i++)
		usdt_probe_release(probes[i]);
	usdt_provider_free(p);
	free(probes);
	try(count_maps(scratch) == 0, "%d mappings stay", count_maps(scratch));
	ok_all("%zu probes", count);
}

/* --- more than is accepted ---------------------------------------------- */

static void
test_too_many(void)
{
	const size_t count = 66000;
	usdt_provider_t *p;
	usdt_probedef_t **probes;
	const char *types[USDT_ARG_MAX];
	char type[128], name[64], text[USDT_TEXT_SIZE];
	size_t i;

	if (sysconf(_SC_AVPHYS_PAGES) * (sysconf(_SC_PAGESIZE) / 1024) <
	    1024 * 1024) {
		skip("a provider that is too large needs 400 MB");
		return;
	}
	p = provider("large");
	probes = calloc(count, sizeof *probes);
	memset(type, 't', 127);
	type[127] = '\0';
	for (i = 0; i < USDT_ARG_MAX; i++)
		types[i] = type;
	for (i = 0; i < count; i++) {
		snprintf(name, sizeof name, "%zu", i);
		probes[i] = usdt_create_probe(type, name, USDT_ARG_MAX, types);
		if (probes[i] == NULL ||
		    usdt_provider_add_probe(p, probes[i]) < 0)
			die("no memory");
	}
	is_int(usdt_provider_enable(p), -1, "256 MiB of DOF are refused");
	snprintf(text, sizeof text, "provider is too large: %zu probes need ",
	    count);
	ok(strncmp(usdt_errstr(p), text, strlen(text)) == 0,
	    "%.80s", usdt_errstr(p));
	for (i = 10; i < count; i++)
		usdt_provider_remove_probe(p, probes[i]);
	is_int(usdt_provider_enable(p), 0, "with fewer probes it is enabled");
	for (i = 0; i < count; i++)
		usdt_probe_release(probes[i]);
	usdt_provider_free(p);
	free(probes);
}

/* --- rounds ------------------------------------------------------------- */

struct subject {
	usdt_provider_t *p;
	usdt_probedef_t *a, *b;
	int round;
};

static void
enable_and_disable(struct subject *s)
{
	try(usdt_provider_enable(s->p) == 0, "%s", usdt_errstr(s->p));
	usdt_probe_fire(s->a, 0, NULL);
	try(usdt_provider_disable(s->p) == 0, "%s", usdt_errstr(s->p));
}

/* A probe comes and goes on an enabled provider. */
static void
add_and_remove(struct subject *s)
{
	usdt_probedef_t *def = probe("coming", "and-going");

	try(usdt_provider_add_probe(s->p, def) == 0 &&
	    usdt_provider_enable(s->p) == 0 &&
	    usdt_provider_remove_probe(s->p, def) == 0, "%s",
	    usdt_errstr(s->p));
	usdt_probe_release(def);
}

/* The image gets a new layout each time, with a probe or without. */
static void
lay_out_again(struct subject *s)
{
	try(usdt_provider_remove_probe(s->p, s->b) == 0 &&
	    usdt_provider_disable(s->p) == 0 &&
	    usdt_provider_enable(s->p) == 0 &&
	    usdt_provider_add_probe(s->p, s->b) == 0 &&
	    usdt_provider_disable(s->p) == 0 &&
	    usdt_provider_enable(s->p) == 0, "%s", usdt_errstr(s->p));
}

static void
create_and_free(struct subject *s)
{
	usdt_provider_t *p = provider("short");
	usdt_probedef_t *def = probe("f", "n");

	try(usdt_provider_add_probe(p, def) == 0 &&
	    usdt_provider_enable(p) == 0, "%s", usdt_errstr(p));
	if (s->round % 2)
		usdt_probe_release(def);
	usdt_provider_free(p);
	if (s->round % 2 == 0)
		usdt_probe_release(def);
}

static void
fail(struct subject *s)
{
	setenv("USDT_BACKENDS", "dof", 1);
	try(usdt_provider_enable(s->p) == -1, "did not fail");
	unsetenv("USDT_BACKENDS");
	try(usdt_provider_add_probe(s->p, s->a) == -1, "did not fail");
	try(usdt_create_probe("f", "", 0, NULL) == NULL, "did not fail");
	try(usdt_create_provider("", "m") == NULL, "did not fail");
}

static void
disabled_by_environment(struct subject *s)
{
	setenv("USDT_DISABLE", "1", 1);
	enable_and_disable(s);
	unsetenv("USDT_DISABLE");
}

static void
test_rounds(void (*one)(struct subject *), int rounds, int enabled,
    const char *what)
{
	const char *of = KEEPS_FREED ? scratch : NULL;
	struct subject s;
	int maps = 0, fds = 0;
	long kib = 0;

	s.p = provider("rounds");
	s.a = probe("f", "a");
	s.b = probe("g", "b");
	usdt_provider_add_probe(s.p, s.a);
	usdt_provider_add_probe(s.p, s.b);
	if (enabled)
		usdt_provider_enable(s.p);
	for (s.round = 0; s.round < rounds + WARM; s.round++) {
		if (s.round == WARM) {
			maps = count_maps(of);
			fds = count_fds();
			kib = count_resident_kib();
		}
		one(&s);
	}
	try(count_maps(of) <= maps, "%d mappings, %d before",
	    count_maps(of), maps);
	try(count_fds() == fds, "%d descriptors, %d before", count_fds(), fds);
	if (!KEEPS_FREED)
		try(count_resident_kib() - kib < TOLERANCE,
		    "%ld KiB more than before", count_resident_kib() - kib);
	usdt_probe_release(s.a);
	usdt_probe_release(s.b);
	usdt_provider_free(s.p);
	try(count_maps(scratch) == 0, "%d mappings stay", count_maps(scratch));
	ok_all("%d rounds: %s", rounds, what);
}

/* Growth of a live provider costs what usdt.h says until it is freed. */
static void
test_new_ones(void)
{
	usdt_provider_t *p = provider("new-ones");
	usdt_probedef_t *probes[NEW];
	const char *of = KEEPS_FREED ? scratch : NULL;
	int i, maps, before = count_maps(of), fds = count_fds();
	char name[32];

	for (i = 0; i < NEW; i++) {
		snprintf(name, sizeof name, "new-%d", i);
		probes[i] = probe("f", name);
		maps = count_maps(of);
		try(usdt_provider_add_probe(p, probes[i]) == 0 &&
		    usdt_provider_enable(p) == 0, "%s", usdt_errstr(p));
		try(count_maps(of) - maps <= 4, "%d mappings more",
		    count_maps(of) - maps);
	}
	counts(p, NEW, 0, NEW);
	try(count_fds() == fds, "%d descriptors, %d before", count_fds(), fds);
	for (i = 0; i < NEW; i++)
		usdt_probe_release(probes[i]);
	usdt_provider_free(p);
	try(count_maps(of) <= before, "%d mappings, %d before",
	    count_maps(of), before);
	ok_all("%d enablings that bring something new: 4 mappings each", NEW);
}

int
main(void)
{
	scratch_begin();
	if (usdt__stub_count == 0) {
		skip("the library has no stubs for this processor");
		return done_testing();
	}
	if (KEEPS_FREED)
		note("a sanitizer keeps freed memory: its size is not judged");
	test_rounds(enable_and_disable, MANY_ROUNDS, 0, "enable, disable");
	test_rounds(add_and_remove, ROUNDS, 1, "add, enable, remove");
	test_rounds(lay_out_again, ROUNDS, 1, "with a probe, without it");
	test_rounds(create_and_free, ROUNDS, 0, "create, enable, free");
	test_rounds(fail, ROUNDS, 0, "failing");
	test_rounds(disabled_by_environment, ROUNDS, 0, "USDT_DISABLE=1");
	test_new_ones();
	test_many(10000);
	test_many(100000);
	test_too_many();
	return done_testing();
}
