/*
 * probeset.c - does core/probeset.c keep a provider's probes: each function and
 * name once, in the order of adding, whatever comes and goes?  And does it
 * distinguish their names?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdint.h>

#include "tap.h"
#include "core/provider.h"

#define NAMES	300		/* different probes */
#define STEPS	20000

static uint32_t seed = 1;

static uint32_t
any(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

static usdt_probedef_t *
make(const char *function, const char *name)
{
	usdt_probedef_t *def = usdt_create_probe(function, name, 0, NULL);

	if (def == NULL) {
		printf("Bail out! %s\n", usdt_errstr(NULL));
		exit(1);
	}
	return def;
}

static void
drop(struct usdt__probeset *set)
{
	usdt_probedef_t *p;

	while ((p = set->first) != NULL) {
		usdt__probeset_remove(set, p);
		usdt_probe_release(p);
	}
	free(set->buckets);
	memset(set, 0, sizeof *set);
}

/* Does the set, read in every way, have these probes in this order? */
static int
holds(const struct usdt__probeset *set, usdt_probedef_t *const *expected,
    size_t count)
{
	const usdt_probedef_t *p, *last = NULL;
	size_t i = 0, in_buckets = 0;

	for (p = set->first; p != NULL; p = p->state->next) {
		if (i == count || p != expected[i++] ||
		    p->state->previous != last)
			return 0;
		last = p;
	}
	if (i != count || set->count != count || set->last != last)
		return 0;
	for (i = 0; i < set->bucket_count; i++)
		for (p = set->buckets[i]; p != NULL; p = p->state->chain)
			in_buckets++;
	return in_buckets == count &&
	    (set->bucket_count & (set->bucket_count - 1)) == 0 &&
	    set->bucket_count >= count;
}

static void
test_finding(void)
{
	struct usdt__probeset set = { 0 };
	usdt_probedef_t *in[4], *like;

	like = make("f", "a-b");
	ok(usdt__probeset_find(&set, like) == NULL, "an empty set has none");
	in[0] = make("f", "a__b");
	in[1] = make("g", "a__b");
	in[2] = make("f", "a_b");
	in[3] = make("fa", "b");
	usdt__probeset_add(&set, in[0]);
	usdt__probeset_add(&set, in[1]);
	usdt__probeset_add(&set, in[2]);
	usdt__probeset_add(&set, in[3]);
	ok(holds(&set, in, 4), "four probes");
	ok(usdt__probeset_find(&set, like) == in[0],
	    "a-b is found as a__b, of the same function");
	usdt_probe_release(like);
	like = make("f", "ab");
	ok(usdt__probeset_find(&set, like) == NULL,
	    "function and name are separate: f ab is not fa b");
	usdt_probe_release(like);
	like = make("fa", "b");
	ok(usdt__probeset_find(&set, like) == in[3], "an equal one is found");
	usdt__probeset_remove(&set, in[3]);
	ok(usdt__probeset_find(&set, like) == NULL, "until it is removed");
	ok(in[3]->state->next == NULL && in[3]->state->previous == NULL &&
	    in[3]->state->chain == NULL, "which leaves nothing in it");
	usdt_probe_release(in[3]);
	usdt_probe_release(like);
	drop(&set);
}

/* Probes with the same hash still differ by name. */
static void
test_collisions(void)
{
	struct usdt__probeset set = { 0 };
	usdt_probedef_t *in[20], *like;
	char name[16];
	int i;

	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "n%d", i / 2);
		in[i] = make(i % 2 ? "f" : "g", name);
		in[i]->state->hash = 42;
		try(usdt__probeset_find(&set, in[i]) == NULL, "%d found", i);
		usdt__probeset_add(&set, in[i]);
	}
	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "n%d", i / 2);
		like = make(i % 2 ? "f" : "g", name);
		like->state->hash = 42;
		try(usdt__probeset_find(&set, like) == in[i], "%d lost", i);
		like->state->hash = 42 + 1024;	/* in the same bucket */
		try(usdt__probeset_find(&set, like) == NULL, "%d by name", i);
		usdt_probe_release(like);
	}
	ok_all("probes of one hash are distinguished");
	drop(&set);
}

/* Compare with a plain array. */
static void
test_at_random(void)
{
	struct usdt__probeset set = { 0 };
	usdt_probedef_t *all[NAMES], *in[NAMES];
	char name[32];
	size_t count = 0, i, at;
	int step;

	for (i = 0; i < NAMES; i++) {
		snprintf(name, sizeof name, "name%u", (unsigned)i / 7);
		all[i] = make(i % 7 == 0 ? "f" : i % 7 == 1 ? "g" : name,
		    i % 7 < 2 ? name : &"-a-b-c-d-e-f-g"[2 * (i % 7)]);
	}
	for (step = 0; step < STEPS; step++) {
		usdt_probedef_t *p = all[any(NAMES)];

		for (at = 0; at < count && in[at] != p; at++)
			;
		try((usdt__probeset_find(&set, p) != NULL) == (at < count),
		    "step %d: %s:%s", step, p->function, p->name);
		if (at == count) {
			in[count++] = p;
			usdt__probeset_add(&set, p);
		} else {
			count--;
			for (; at < count; at++)
				in[at] = in[at + 1];
			usdt__probeset_remove(&set, p);
		}
		if (step % 97 == 0 || step > STEPS - 50)
			try(holds(&set, in, count), "step %d", step);
	}
	ok_all("%d steps at random with %d probes", STEPS, NAMES);
	while (set.first != NULL)
		usdt__probeset_remove(&set, set.first);
	ok(holds(&set, in, 0), "all removed");
	free(set.buckets);
	for (i = 0; i < NAMES; i++)
		usdt_probe_release(all[i]);
}

/* --- numbers ------------------------------------------------------------ */

static void
test_numbers(void)
{
	static const char *const names[] = {
		"a", "b", "a", "x-y", "c", "x__y", "x_y", "b", "a", "d"
	};
	static const uint32_t expected[] = { 0, 1, 0, 2, 3, 2, 4, 1, 0, 5 };
	usdt_probedef_t *probes[10];
	uint32_t numbers[10];
	char function[8];
	size_t i;

	for (i = 0; i < 10; i++) {
		snprintf(function, sizeof function, "f%zu", i);
		probes[i] = make(function, names[i]);
	}
	is_int((long long)usdt__number_names(probes, 10, numbers), 6,
	    "10 probes with 6 names");
	for (i = 0; i < 10; i++)
		try(numbers[i] == expected[i], "number %zu is %u", i,
		    (unsigned)numbers[i]);
	ok_all("names are numbered as they appear, one name once");
	for (i = 0; i < 10; i++)
		usdt_probe_release(probes[i]);
}

/* Compare with a loop over all pairs. */
static void
test_many_numbers(void)
{
	usdt_probedef_t *probes[NAMES];
	uint32_t numbers[NAMES], expected[NAMES], next = 0;
	char name[16];
	size_t i, k;

	for (i = 0; i < NAMES; i++) {
		snprintf(name, sizeof name, "name%u", (unsigned)any(NAMES / 2));
		probes[i] = make("f", name);
		for (k = 0; strcmp(probes[k]->name, name) != 0; k++)
			;
		expected[i] = k < i ? expected[k] : next++;
	}
	try(usdt__number_names(probes, NAMES, numbers) == next, "not %u",
	    (unsigned)next);
	for (i = 0; i < NAMES; i++)
		try(numbers[i] == expected[i], "%s", probes[i]->name);
	ok_all("%d probes with %u names", NAMES, (unsigned)next);
	for (i = 0; i < NAMES; i++)
		usdt_probe_release(probes[i]);
}

int
main(void)
{
	test_finding();
	test_collisions();
	test_at_random();
	test_numbers();
	test_many_numbers();
	return done_testing();
}
