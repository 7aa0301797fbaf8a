/*
 * core/by_pages.c - how do probes reach a tracer that goes by address?
 *
 * Outside Linux only DTrace can have probes.  Stubs and documents lie in pages
 * (core/pages.c).  A stub is used once, so each enabling lays probes out again.
 * A provider's name has one document at a time, since two documents would share
 * one provider of the kernel: removing one leaves its probes there with their
 * texts freed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/provider.h"

#include <errno.h>

/* Give a generation unused stubs and a document in pages. */
static int
place(usdt_provider_t *provider, struct usdt__generation **generation,
    const struct usdt__description *description, struct usdt__why *why)
{
	const struct usdt__stub *stub = usdt__stub_choose(0);
	const struct usdt__sites sites = {
		stub->isenabled_site, stub->dof_site, stub->size
	};
	struct usdt__generation *new = *generation;
	struct usdt__dof dof;
	uint64_t address;

	(void)provider;
	if (usdt__dof_layout(&dof, description, usdt__native_platform(),
	    usdt__native_arch(), why) < 0) {
		why->error = E2BIG;
		why->kind = USDT__TOO_LARGE;
		return -1;
	}
	if (usdt__pages_take(stub, new->count, dof.size, &new->pages, why) < 0)
		return -1;
	new->stubs = new->pages.stubs;
	new->stub_size = stub->size;
	new->address = new->document = new->pages.document;
	address = (uint64_t)(uintptr_t)new->document;
	usdt__dof_write(&dof, &sites, (uint64_t)(uintptr_t)new->stubs,
	    address, new->pages.document);
	return usdt__pages_seal(&new->pages, why);
}

/* The kernel may still read a document that it did not give back. */
static void
drop(struct usdt__generation *generation)
{
	if (generation->pages.document != NULL && !generation->dof_taken)
		usdt__pages_drop(&generation->pages, generation->told);
}

static int
bury(struct usdt__generation *generation)
{
	(void)generation;
	return 0;
}

static int
find(const struct usdt__generation *generation, char path[USDT_PATH_SIZE])
{
	(void)generation;
	if (path != NULL)
		path[0] = '\0';
	return 0;
}

/* Are there probes without a stub? */
static int
has_new_probes(const usdt_provider_t *provider)
{
	const usdt_probedef_t *p;

	for (p = provider->state->set.first; p != NULL; p = p->state->next)
		if (p->state->generation == NULL)
			return 1;
	return 0;
}

static int
choose(usdt_provider_t *provider, int notes, struct usdt__why *why)
{
	const struct usdt_provider_state *state = provider->state;
	int all = state->mode != USDT__ENABLED || has_new_probes(provider);
	struct usdt__generation *g;

	(void)notes;
	(void)why;
	for (g = state->generations.current; g != NULL; g = g->next)
		g->stale = all || g->live == 0 || !g->dof_taken;
	return 0;
}

/* Take the old document back before the helper gets another. */
static int
make_way(usdt_provider_t *provider, struct usdt__why *why)
{
	const struct usdt__platform *row = usdt__native_platform();
	struct usdt__generation *g;

	if (usdt__visible_namesake(provider->state))
		return usdt__because(why, EEXIST, "another provider named %s "
		    "is enabled, and %s can take back only one of each name",
		    provider->name, row->name);
	usdt__generations_tidy(provider);
	for (g = provider->state->generations.current; g != NULL; g = g->next) {
		usdt__generation_unbind(g);
		if (usdt__generation_remove_dof(g, why) < 0) {
			usdt__generation_bind(g);
			return -1;
		}
	}
	return 1;
}

static void
withdraw(usdt_provider_t *provider)
{
	(void)provider;
}

static int
clear_stash(const struct usdt__generation *generation, const char *device,
    struct usdt__why *why)
{
	(void)generation;
	(void)device;
	(void)why;
	return 0;
}

static void
leave(struct usdt_provider_state *state)
{
	(void)state;
}

static size_t
mappings(const struct usdt_provider_state *state)
{
	(void)state;
	return 0;
}

static void
mend(int forked)
{
	(void)forked;
}

const struct usdt__delivery usdt__by_pages = USDT__DELIVERY(0);
