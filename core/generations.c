/*
 * core/generations.c - which generations does a provider have?
 *
 *	newest		it is being enabled, and no probe uses it yet
 *	current		their probes are visible while the provider is
 *			enabled
 *	retired		no probe uses them any more.  At the next chance
 *			tombstones replace their images (image/place.c).  The
 *			addresses are used again if the same image comes back.
 *			Without images nothing is kept, since stubs are used
 *			only once
 *
 * Only this room changes the lists, under the library's lock.  The functions
 * that a forked child calls only set pointers, and allocate no memory.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/provider.h"

#include <stdlib.h>

/* --- what is to be laid out --------------------------------------------- */

/* Does this enabling give the probe a stub? */
static int
needs_stub(const usdt_probedef_t *p)
{
	return p->state->generation == NULL || p->state->generation->stale;
}

size_t
usdt__generations_missing(const usdt_provider_t *provider)
{
	const usdt_probedef_t *p;
	size_t n = 0;

	for (p = provider->state->set.first; p != NULL; p = p->state->next)
		n += (size_t)needs_stub(p);
	return n;
}

int
usdt__generations_collect(usdt_provider_t *provider, int notes, size_t *count,
    struct usdt__why *why)
{
	struct usdt_provider_state *state = provider->state;
	usdt_probedef_t *p;
	size_t n = 0;

	free(state->probes);		/* a forked child may have a list */
	state->probes = NULL;
	if (usdt__delivery()->choose(provider, notes, why) < 0)
		return -1;
	*count = usdt__generations_missing(provider);
	if (*count == 0)
		return 0;
	state->probes = malloc(*count * sizeof *state->probes);
	if (state->probes == NULL)
		return usdt__no_memory(why);
	for (p = state->set.first; p != NULL; p = p->state->next)
		if (needs_stub(p))
			state->probes[n++] = p;
	return 0;
}

int
usdt__generations_lay_out(usdt_provider_t *provider, size_t count, int notes,
    struct usdt__why *why)
{
	struct usdt_provider_state *state = provider->state;

	state->generations.newest = usdt__generation_make(state->probes, count,
	    notes, why);
	return state->generations.newest != NULL ? 0 : -1;
}

static int
has_names(usdt_probedef_t *const *probes, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (probes[i]->state->named)
			return 1;
	return 0;
}

int
usdt__generations_place(usdt_provider_t *provider, struct usdt__why *why)
{
	struct usdt_provider_state *state = provider->state;
	struct usdt__generation **newest = &state->generations.newest;
	const struct usdt__description description = {
		.provider = provider->name,
		.module = provider->module,
		.count = (*newest)->count,
		.probes = state->probes,
		.gate_count = (*newest)->gate_count,
		.gate_of = (*newest)->gate_of,
		.structs = state->structs.count > 0 ? &state->structs : NULL,
		.typed = state->structs.count > 0 ||
		    has_names(state->probes, (*newest)->count)
	};

	if (usdt__delivery()->place(provider, newest, &description, why) == 0)
		return 0;
	usdt__generation_release(*newest);
	*newest = NULL;
	return -1;
}

/* --- retiring ------------------------------------------------------------ */

static void
keep(struct usdt__generations *all, struct usdt__generation *generation)
{
	generation->next = all->retired;
	all->retired = generation;
}

/* Move the generation at LINK from the current ones to the retired ones. */
static void
retire(struct usdt__generations *all, struct usdt__generation **link)
{
	struct usdt__generation *generation = *link;
	size_t i;

	for (i = 0; i < generation->count; i++)
		if (generation->probes[i] != NULL)
			usdt__probe_leave(generation->probes[i]);
	*link = generation->next;
	keep(all, generation);
}

void
usdt__generations_retire_empty(usdt_provider_t *provider)
{
	struct usdt__generations *all = &provider->state->generations;
	struct usdt__generation **link = &all->current;

	while (*link != NULL)
		if ((*link)->live == 0)
			retire(all, link);
		else
			link = &(*link)->next;
}

void
usdt__generations_adopt(struct usdt_provider_state *state)
{
	struct usdt__generations *all = &state->generations;
	struct usdt__generation **link = &all->current;

	while (*link != NULL)
		if ((*link)->stale)
			retire(all, link);
		else
			link = &(*link)->next;
	if (all->newest != NULL) {
		usdt__generation_adopt(all->newest, state->probes);
		all->newest->next = all->current;
		all->current = all->newest;
		all->newest = NULL;
	}
}

void
usdt__generations_give_up(struct usdt_provider_state *state)
{
	struct usdt__generations *all = &state->generations;

	if (all->newest != NULL)
		keep(all, all->newest);
	all->newest = NULL;
}

void
usdt__generations_tidy(usdt_provider_t *provider)
{
	struct usdt__generation **link = &provider->state->generations.retired;
	struct usdt__generation *generation;

	while ((generation = *link) != NULL) {
		usdt__generation_remove_dof(generation, NULL);
		if (usdt__delivery()->bury(generation) < 0) {
			link = &generation->next;	/* try again later */
		} else {
			*link = generation->next;
			usdt__generation_release(generation);
		}
	}
}

struct usdt__generation *
usdt__generations_reuse(usdt_provider_t *provider,
    const uint8_t id[USDT__ID_SIZE])
{
	struct usdt__generation **link = &provider->state->generations.retired;
	struct usdt__generation *generation;

	for (; (generation = *link) != NULL; link = &generation->next)
		if (memcmp(generation->id, id, USDT__ID_SIZE) == 0 &&
		    usdt__delivery()->find(generation, NULL)) {
			*link = generation->next;
			generation->stale = 0;
			return generation;
		}
	return NULL;
}

static void
release_list(struct usdt__generation *generation)
{
	struct usdt__generation *next;

	for (; generation != NULL; generation = next) {
		next = generation->next;
		usdt__generation_release(generation);
	}
}

void
usdt__generations_free(struct usdt_provider_state *state)
{
	free(state->probes);
	usdt__delivery()->leave(state);
	release_list(state->generations.current);
	release_list(state->generations.retired);
}

/* --- all current ones ---------------------------------------------------- */

void
usdt__generations_bind(const struct usdt_provider_state *state)
{
	const struct usdt__generation *g;

	for (g = state->generations.current; g != NULL; g = g->next)
		usdt__generation_bind(g);
}

void
usdt__generations_unbind(const struct usdt_provider_state *state)
{
	const struct usdt__generation *g;

	for (g = state->generations.current; g != NULL; g = g->next)
		usdt__generation_unbind(g);
}
