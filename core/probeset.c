/*
 * core/probeset.c - which probes does a provider have?
 *
 * A list in order of adding, and a hash table by function and name, so that
 * adding a hundred thousand probes takes a hundred thousand steps.  Names are
 * compared in DTrace's spelling, in which "a__b" and "a-b" are one probe.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/provider.h"

#include <errno.h>
#include <stdlib.h>

uint32_t
usdt__probeset_hash(const char *function, const char *dof_name)
{
	uint32_t hash = 2166136261u;	/* FNV-1a */

	for (; *function != '\0'; function++)
		hash = (hash ^ (uint8_t)*function) * 16777619u;
	hash *= 16777619u;
	for (; *dof_name != '\0'; dof_name++)
		hash = (hash ^ (uint8_t)*dof_name) * 16777619u;
	/* Numbered names differ in a few bits: mix them. */
	hash = (hash ^ hash >> 15) * 0x2c1b3c6du;
	return hash ^ hash >> 12;
}

static usdt_probedef_t **
bucket(const struct usdt__probeset *set, uint32_t hash)
{
	return &set->buckets[hash & (set->bucket_count - 1)];
}

usdt_probedef_t *
usdt__probeset_find(const struct usdt__probeset *set,
    const usdt_probedef_t *like)
{
	const struct usdt_probe_state *state = like->state;
	usdt_probedef_t *p;

	if (set->bucket_count == 0)
		return NULL;
	for (p = *bucket(set, state->hash); p != NULL; p = p->state->chain)
		if (p->state->hash == state->hash &&
		    strcmp(p->function, like->function) == 0 &&
		    strcmp(p->state->dof_name, state->dof_name) == 0)
			return p;
	return NULL;
}

/* Double the buckets, or make the first. */
static int
grow(struct usdt__probeset *set)
{
	size_t count = set->bucket_count ? set->bucket_count * 2 : 8;
	usdt_probedef_t **buckets = calloc(count, sizeof *buckets);
	usdt_probedef_t *p;

	if (buckets == NULL)
		return ENOMEM;
	free(set->buckets);
	set->buckets = buckets;
	set->bucket_count = count;
	for (p = set->first; p != NULL; p = p->state->next) {
		p->state->chain = *bucket(set, p->state->hash);
		*bucket(set, p->state->hash) = p;
	}
	return 0;
}

int
usdt__probeset_add(struct usdt__probeset *set, usdt_probedef_t *probedef)
{
	struct usdt_probe_state *state = probedef->state;

	if (set->count >= set->bucket_count && grow(set) != 0)
		return ENOMEM;
	state->chain = *bucket(set, state->hash);
	*bucket(set, state->hash) = probedef;
	state->next = NULL;
	state->previous = set->last;
	if (set->last != NULL)
		set->last->state->next = probedef;
	else
		set->first = probedef;
	set->last = probedef;
	set->count++;
	return 0;
}

void
usdt__probeset_remove(struct usdt__probeset *set, usdt_probedef_t *probedef)
{
	struct usdt_probe_state *state = probedef->state;
	usdt_probedef_t **link = bucket(set, state->hash);

	while (*link != probedef)
		link = &(*link)->state->chain;
	*link = state->chain;
	if (state->previous != NULL)
		state->previous->state->next = state->next;
	else
		set->first = state->next;
	if (state->next != NULL)
		state->next->state->previous = state->previous;
	else
		set->last = state->previous;
	state->next = state->previous = state->chain = NULL;
	set->count--;
}

size_t
usdt__number_names(usdt_probedef_t *const *probes, size_t count,
    uint32_t *number)
{
	size_t i, slots = 16, names = 0;
	uint32_t *first, at;	/* first: 1 + the first probe of a name */

	while (slots < 2 * count)
		slots *= 2;
	first = calloc(slots, sizeof *first);
	if (first == NULL)
		return 0;
	for (i = 0; i < count; i++) {
		const char *name = probes[i]->state->dof_name;

		at = usdt__probeset_hash("", name) & (slots - 1);
		while (first[at] != 0 && strcmp(name,
		    probes[first[at] - 1]->state->dof_name) != 0)
			at = (at + 1) & (slots - 1);
		if (first[at] == 0) {
			first[at] = (uint32_t)(i + 1);
			number[i] = (uint32_t)names++;
		} else {
			number[i] = number[first[at] - 1];
		}
	}
	free(first);
	return names;
}
