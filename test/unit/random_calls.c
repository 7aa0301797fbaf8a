/*
 * random_calls.c - does any sequence of calls do what each of its calls
 * promises?
 *
 * Thousands of calls at random, on a few providers and probes of which some are
 * equal, run beside a model that follows usdt.h: which probe is in which
 * provider, how many references it has, which can be traced.  Writing to
 * semaphores stands for a tracer, removing image files for a user who cleans
 * up.
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

#define STEPS		6000
#define PROVIDERS	3
#define PROBES		10

static uint32_t seed;

static uint32_t
any(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

/* --- the model ---------------------------------------------------------- */

static struct {
	usdt_provider_t *real;		/* NULL: there is none */
	int enabled;
	int lost;			/* an image file of it was removed */
	int structs;			/* that it has */
} providers[PROVIDERS];

static struct probe {
	usdt_probedef_t *real;		/* NULL: there is none */
	usdt_probe_t *address;		/* this never changes */
	int held;			/* by this test */
	int in;				/* a provider's number, or -1 */
	int placed;			/* it has a stub there */
	const char *function, *name;
} probes[PROBES];

static long step;

/* Functions and names of probes; the second and third are one to DTrace. */
static const char *const names[][2] = {
	{ "f", "plain" }, { "f", "a-b" }, { "f", "a__b" }, { "g", "a-b" },
	{ "g", "plain" }, { "g", "third" }
};

static int
is_same_name(const struct probe *a, const struct probe *b)
{
	const char *x = a->name, *y = b->name;

	if (strcmp(x, "a__b") == 0)
		x = "a-b";
	if (strcmp(y, "a__b") == 0)
		y = "a-b";
	return strcmp(a->function, b->function) == 0 && strcmp(x, y) == 0;
}

/* The probe of a provider with the names of this one, or NULL. */
static struct probe *
find(int provider, const struct probe *like)
{
	int i;

	for (i = 0; i < PROBES; i++)
		if (probes[i].real != NULL && probes[i].in == provider &&
		    is_same_name(&probes[i], like))
			return &probes[i];
	return NULL;
}

static unsigned
count_in(int provider, int placed)
{
	unsigned n = 0;
	int i;

	for (i = 0; i < PROBES; i++)
		n += probes[i].real != NULL && probes[i].in == provider &&
		    (!placed || probes[i].placed);
	return n;
}

/* Drop a reference; is another left? */
static void
maybe_gone(struct probe *p)
{
	if (!p->held && p->in < 0)
		p->real = NULL;
}

/* --- calls -------------------------------------------------------------- */

static void
result(int got, int expected, const char *text, int provider,
    const char *what)
{
	const char *said = usdt_errstr(providers[provider].real);

	try(got == expected, "step %ld: %s gives %d", step, what, got);
	if (text != NULL)
		try(strstr(said, text) != NULL, "step %ld: %s says \"%s\"",
		    step, what, said);
	else
		try(strcmp(said, "no probes defined") == 0,
		    "step %ld: %s says \"%s\"", step, what, said);
}

static void
create_provider(int n)
{
	static const char *const provider_names[] = { "pa", "pa", "pb" };

	providers[n].real = usdt_create_provider(provider_names[n], "m");
	providers[n].enabled = providers[n].lost = providers[n].structs = 0;
}

/* Struct s0, or s1, which needs it; or one that is too small. */
static void
add_struct(int n)
{
	static const usdt_field_t fields[] = {
		{ "int a", 4 }, { "struct s0 b", 0 }
	};
	int which = (int)any(2), wrong = any(4) == 0;
	int expected = -1;
	const char *text = "was not declared before";

	if (wrong && (which == 0 || providers[n].structs > 0)) {
		text = "the struct has 7";
	} else if (which == 0 || providers[n].structs > 0) {
		expected = 0;
		text = NULL;
	}
	result(usdt_provider_add_struct(providers[n].real,
	    which == 0 ? "s0" : "s1", wrong ? 7 : 24, 1, &fields[which]),
	    expected, text, n, "add_struct");
	if (expected == 0 && providers[n].structs <= which)
		providers[n].structs = which + 1;
}

static void
create_probe(struct probe *p)
{
	static const char *unnamed[] = { "int", "char *" };
	static const char *named[] = { "int id", "struct s1 *s" };
	const char **types = any(4) ? unnamed : named;
	const char *const *which = names[any(6)];

	p->function = which[0];
	p->name = which[1];
	p->real = usdt_create_probe(p->function, p->name, any(3), types);
	p->address = p->real->probe;
	p->held = 1;
	p->in = -1;
	p->placed = 0;
}

static void
add(int n, struct probe *p)
{
	const char *text = NULL;
	int expected = -1;

	if (find(n, p) != NULL)
		text = "already exists";
	else if (p->in >= 0)
		text = "is in a provider already";
	else
		expected = 0;
	result(usdt_provider_add_probe(providers[n].real, p->real), expected,
	    text, n, "add");
	if (expected == 0) {
		p->in = n;
		p->placed = 0;
	}
}

static void
remove_probe(int n, struct probe *p)
{
	struct probe *found = find(n, p);

	/* For an empty provider the text is ours. */
	result(usdt_provider_remove_probe(providers[n].real, p->real),
	    found ? 0 : -1, found || count_in(n, 0) == 0 ? NULL :
	    "failed to remove probe", n, "remove");
	if (found != NULL) {
		found->in = -1;
		found->placed = 0;
		maybe_gone(found);
	}
}

static void
enable(int n)
{
	unsigned all = count_in(n, 0);
	int already = providers[n].enabled && all > 0 &&
	    all == count_in(n, 1);
	usdt_status_t status;
	int i;

	/* The lost image may have had removed probes only. */
	if (providers[n].lost && all > 0) {
		try(usdt_provider_enable(providers[n].real) == 0,
		    "step %ld: enable", step);
	} else {
		result(usdt_provider_enable(providers[n].real),
		    all > 0 ? 0 : -1, already ? "already enabled" : NULL, n,
		    "enable");
	}
	if (all == 0)
		return;
	usdt_provider_status(providers[n].real, &status);
	try(status.sdt.taken && access(status.sdt.path, R_OK) == 0,
	    "step %ld: no image, \"%s\"", step, status.sdt.reason);
	providers[n].enabled = 1;
	providers[n].lost = 0;
	for (i = 0; i < PROBES; i++)
		if (probes[i].real != NULL && probes[i].in == n)
			probes[i].placed = 1;
}

static void
disable(int n)
{
	result(usdt_provider_disable(providers[n].real), 0, NULL, n,
	    "disable");
	providers[n].enabled = 0;
}

static void
free_provider(int n)
{
	int i;

	usdt_provider_free(providers[n].real);
	providers[n].real = NULL;
	for (i = 0; i < PROBES; i++)
		if (probes[i].real != NULL && probes[i].in == n) {
			probes[i].in = -1;
			probes[i].placed = 0;
			maybe_gone(&probes[i]);
		}
}

/*
 * The newest image file of a provider is removed.  Which probes get a new
 * layout then is the library's choice; enabling must mend it.
 */
static void
remove_image(int n)
{
	usdt_status_t status;

	usdt_provider_status(providers[n].real, &status);
	if (status.sdt.taken && unlink(status.sdt.path) == 0)
		providers[n].lost = 1;
}

static void
any_call(void)
{
	struct probe *p = &probes[any(PROBES)];
	int n = (int)any(PROVIDERS);

	if (p->real == NULL)
		create_probe(p);
	if (providers[n].real == NULL)
		create_provider(n);
	usdt_error(providers[n].real, USDT_ERROR_NOPROBES);
	switch (any(17)) {
	case 16:
		add_struct(n);
		break;
	case 0: case 1: case 2: case 3: case 4:
		add(n, p);
		break;
	case 5: case 6: case 7:
		remove_probe(n, p);
		break;
	case 8: case 9: case 10: case 11:
		enable(n);
		break;
	case 12:
		disable(n);
		break;
	case 13:
		if (any(4) == 0)
			free_provider(n);
		break;
	case 14:
		if (p->held) {
			usdt_probe_release(p->real);
			p->held = 0;
			maybe_gone(p);
		}
		break;
	case 15:
		remove_image(n);
		break;
	}
}

/* --- what must hold after each call ------------------------------------- */

static void
check_probe(struct probe *p)
{
	int visible = p->in >= 0 && p->placed && providers[p->in].enabled;
	usdt_probedef_t *def = p->real;
	uint16_t *semaphore = (uint16_t *)(uintptr_t)def->gate;

	try(def->probe == p->address, "step %ld: the probe moved", step);
	try(def->state->references == (unsigned)(p->held + (p->in >= 0)),
	    "step %ld: %u references", step, def->state->references);
	try(usdt_is_enabled(def->probe) == 0 && usdt_probe_enabled(def) == 0,
	    "step %ld: enabled", step);
	if (visible) {
		*semaphore = 1;
		try(usdt_is_enabled(def->probe) == 1 &&
		    usdt_probe_enabled(def) != 0, "step %ld: not enabled",
		    step);
		*semaphore = 0;
	}
	usdt_probe_fire(def, 0, NULL);
}

static void
check(void)
{
	usdt_status_t s;
	unsigned in, fires;
	int i;

	for (i = 0; i < PROBES; i++)
		if (probes[i].real != NULL)
			check_probe(&probes[i]);
	for (i = 0; i < PROVIDERS; i++) {
		if (providers[i].real == NULL)
			continue;
		in = count_in(i, 0);
		fires = providers[i].enabled ? count_in(i, 1) : 0;
		usdt_provider_status(providers[i].real, &s);
		try(s.enabled == providers[i].enabled && s.probes == fires &&
		    s.waiting == in - fires, "step %ld: %d, %u, %u; not "
		    "%d, %u, %u", step, s.enabled, s.probes, s.waiting,
		    providers[i].enabled, fires, in - fires);
	}
}

/* No part of an image is mapped twice, even with equal definitions. */
static void
check_maps(void)
{
	static char seen[4096][256];
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512], offset[32];
	int i, n = 0, at;

	while (maps != NULL && fgets(line, sizeof line, maps) != NULL &&
	    n < 4096) {
		if (strstr(line, scratch) == NULL || strstr(line, "/#") != NULL)
			continue;	/* an image has a name */
		/* Offset, device, inode and path identify it. */
		if (sscanf(line, "%*s %*s %31s %n", offset, &at) < 1)
			continue;
		snprintf(seen[n], sizeof seen[n], "%.20s %.200s", offset,
		    line + at);
		for (i = 0; i < n; i++)
			try(strcmp(seen[i], seen[n]) != 0,
			    "step %ld: mapped twice: %s", step, seen[n]);
		n++;
	}
	if (maps != NULL)
		fclose(maps);
}

static void
end(int fds)
{
	int i;

	for (i = 0; i < PROVIDERS; i++)
		if (providers[i].real != NULL)
			free_provider(i);
	for (i = 0; i < PROBES; i++)
		if (probes[i].real != NULL) {
			check_probe(&probes[i]);
			usdt_probe_release(probes[i].real);
			probes[i].real = NULL;
		}
	try(count_maps(scratch) == 0, "step %ld: %d mappings stay", step,
	    count_maps(scratch));
	try(count_fds() == fds, "step %ld: %d descriptors, %d before", step,
	    count_fds(), fds);
}

int
main(int argc, char **argv)
{
	uint32_t first = argc > 1 ? (uint32_t)atoi(argv[1]) : 1;
	int round, fds;

	scratch_begin();
	fds = count_fds();
	for (round = 0; round < 3; round++) {
		seed = first + (uint32_t)round;
		for (step = 1; step <= STEPS; step++) {
			any_call();
			check();
			if (step % 50 == 0)
				check_maps();
			if (step % 1500 == 0)
				end(fds);
		}
		ok_all("%d calls at random, from seed %u", STEPS,
		    (unsigned)(first + (uint32_t)round));
	}
	return done_testing();
}
