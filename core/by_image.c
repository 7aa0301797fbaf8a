/*
 * core/by_image.c - how do probes reach tracers that go by files (Linux)?
 *
 * Stubs, gates and documents lie in probe images, and SDT notes make these
 * visible.  A DTrace helper gets an image's document.  An image stays while
 * tracers may be attached to it; its provider delivers it again.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/provider.h"

#include <errno.h>
#include <stdlib.h>

/* --- placing ------------------------------------------------------------- */

/* A window in which to build SIZE bytes, and compare them with a file's. */
static int
make_window(struct usdt__window *window, size_t size,
    struct usdt__why *why)
{
	window->size = usdt__align(size < USDT__WINDOW ? size : USDT__WINDOW,
	    8);
	window->file_size = window->size < USDT__FILE_WINDOW ? window->size :
	    USDT__FILE_WINDOW;
	window->bytes = malloc(window->size + window->file_size);
	if (window->bytes == NULL)
		return usdt__no_memory(why);
	window->file = window->bytes + window->size;
	return 0;
}

/* Build and map a generation's image, or reuse a retired one. */
static int
place_measured(usdt_provider_t *provider,
    struct usdt__generation **generation,
    const struct usdt__description *description, struct usdt__why *why)
{
	struct usdt__generation *new = *generation, *old;
	struct usdt__window window;
	struct usdt__elf elf;
	int result = 0;

	if (provider->state->arena == NULL)
		provider->state->arena = usdt__arena_make();
	if (provider->state->arena == NULL)
		return usdt__no_memory(why);
	if (usdt__elf_layout(&elf, description, usdt__native_platform(),
	    usdt__native_arch(), usdt__stub_choose(description->typed),
	    new->notes, why) < 0) {
		why->error = E2BIG;
		why->kind = USDT__TOO_LARGE;
		return -1;
	}
	if (make_window(&window, elf.size, why) < 0)
		return -1;
	usdt__elf_identify(&elf, window.bytes, window.size, new->id);
	old = usdt__generations_reuse(provider, new->id);
	if (old != NULL) {
		usdt__generation_release(new);
		*generation = old;
	} else {
		result = usdt__image_take(&elf, &window, new->id,
		    provider->state->arena, &new->image, why);
	}
	free(window.bytes);
	if (old == NULL && result == 0) {
		new->address = new->image->base;
		new->document = new->address + elf.document;
		new->stubs = new->address + elf.text;
		new->stub_size = elf.stub->size;
		new->stubs_size = elf.stubs_size;
		new->direct = elf.direct != 0;
		new->plain = usdt__stub_plain(elf.stub);
		new->gates = (void *)(new->image->base + elf.gates);
	}
	return result;
}

static int
place(usdt_provider_t *provider, struct usdt__generation **generation,
    const struct usdt__description *description, struct usdt__why *why)
{
	struct usdt__description measured = *description;
	int result;

	measured.extents = malloc(measured.count * sizeof *measured.extents);
	if (measured.extents == NULL)
		return usdt__no_memory(why);
	result = place_measured(provider, generation, &measured, why);
	free(measured.extents);
	return result;
}

static void
drop(struct usdt__generation *generation)
{
	if (generation->image != NULL)
		usdt__image_drop(generation->image);
}

/* Lay a tombstone over its image, unless probes or the helper still have it.
 * A thread may be in code of the caller's, for which no tombstone can stand in,
 * so such images stay. */
static int
bury(struct usdt__generation *generation)
{
	if (generation->image == NULL)
		return 0;
	if (generation->coded || generation->dof_taken ||
	    generation->references > 1 || usdt__image_bury(generation->image) != 0)
		return -1;
	generation->image = NULL;
	return 0;
}

static int
find(const struct usdt__generation *generation, char path[USDT_PATH_SIZE])
{
	if (path != NULL)
		usdt__image_path(generation->image, path);
	return usdt__image_present(generation->image);
}

/* --- choosing ------------------------------------------------------------ */

/*
 * Must this enabling lay the generation out again?  Attached tracers would lose
 * its probes, so removed probes stay listed until no tracer is attached.
 */
static int
is_stale(struct usdt__generation *generation, int enabled, int notes)
{
	if (generation->live == 0)
		return 1;
	if (!enabled && generation->notes != notes)
		return 1;
	if (generation->live < generation->count &&
	    (!enabled || generation->overdue)) {
		generation->overdue = usdt__generation_is_traced(generation);
		if (!generation->overdue)
			return 1;
	}
	if (usdt__image_present(generation->image))
		return 0;
	/* The file is gone.  If the host closed a memfd, attached tracers go
	 * on, so the image stays for them. */
	return !enabled || generation->image->fd < 0 ||
	    !usdt__generation_is_traced(generation);
}

#define IMAGES_MAX	32	/* of a provider, in use */
#define MAPPINGS_MAX	256	/* with tombstones */

/*
 * If the provider has the most images already, make room for one more, with
 * COUNT probes: lay images without attached tracers out together with it.  If
 * some of them have no more probes than it, lay out only these, so that a probe
 * moves seldom, however many images come one by one.  Those with code of the
 * caller's stay, since generated code has its addresses.
 */
static int
merge(usdt_provider_t *provider, size_t count, struct usdt__why *why)
{
	struct usdt_provider_state *state = provider->state;
	struct usdt__generation *g;
	size_t images = 0, merged = 0, mappings;
	int any;

	mappings = usdt__arena_mappings(state->arena);
	if (mappings + USDT__IMAGE_MAPPINGS + 1 > MAPPINGS_MAX)
		return usdt__because(why, ENOSPC, "the provider has %zu memory "
		    "mappings, at most %d are allowed, most of them left by "
		    "images of removed probes: free it and make another",
		    mappings, MAPPINGS_MAX);
	for (g = state->generations.current; g != NULL; g = g->next)
		images += !g->stale;
	if (images < IMAGES_MAX)
		return 0;
	for (any = 0; any < 2 && merged == 0; any++)
		for (g = state->generations.current; g != NULL; g = g->next) {
			if (g->stale || g->coded || (!any && g->live > count) ||
			    usdt__generation_is_traced(g))
				continue;
			g->stale = 1;
			count += g->live;
			merged++;
		}
	if (merged == 0)
		return usdt__because(why, EBUSY, "the provider has %zu images, "
		    "at most %d are allowed, and none of them can be merged: "
		    "they have tracers or code",
		    images, IMAGES_MAX);
	return 0;
}

static int
choose(usdt_provider_t *provider, int notes, struct usdt__why *why)
{
	int enabled = provider->state->mode == USDT__ENABLED;
	struct usdt__generation *g;
	size_t missing;

	usdt__generations_tidy(provider);
	for (g = provider->state->generations.current; g != NULL; g = g->next)
		g->stale = is_stale(g, enabled, notes);
	missing = usdt__generations_missing(provider);
	return missing > 0 ? merge(provider, missing, why) : 0;
}

/* --- the helper ---------------------------------------------------------- */

static int
make_way(usdt_provider_t *provider, struct usdt__why *why)
{
	(void)provider;
	(void)why;
	return 0;
}

/* If two documents had a probe, dtprobed would drop it with either of them. */
static void
withdraw(usdt_provider_t *provider)
{
	struct usdt__generation *g;

	usdt__generations_tidy(provider);
	for (g = provider->state->generations.current; g != NULL; g = g->next) {
		g->withdrawn = g->stale && g->dof_taken;
		if (g->withdrawn)
			usdt__generation_remove_dof(g, NULL);
	}
}

static int
clear_stash(const struct usdt__generation *generation, const char *device,
    struct usdt__why *why)
{
	return usdt__stash_clear(usdt__native_platform(), device,
	    generation->image, why);
}

/* --- the rest ------------------------------------------------------------ */

static void
leave(struct usdt_provider_state *state)
{
	usdt__arena_release(state->arena);
}

static size_t
mappings(const struct usdt_provider_state *state)
{
	return usdt__arena_mappings(state->arena);
}

static void
mend(int forked)
{
	usdt__images_renew();
	usdt__rings_forget();
	usdt__stash_forget(forked);
}

static const struct usdt__delivery by_image = USDT__DELIVERY(1);

const struct usdt__delivery *
usdt__delivery(void)
{
	return usdt__native_platform()->image ? &by_image : &usdt__by_pages;
}
