/*
 * image/ring_image.c - from which images does a ring have records?
 *
 * Each has an entry in the ring, where readers find it by its build-id.  The first
 * ones have a view in the writer, too, by which fires find them without a call.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "image/image.h"

/* Calls of other threads look for this image, too. */
static void
set_view(struct usdt__view *view, const uint8_t *fire, uint32_t first,
    uint32_t size)
{
	__atomic_store_n(&view->fire, usdt__scaled((uintptr_t)fire),
	    __ATOMIC_RELAXED);
	view->index = USDT__RECORD_META(first);
	__atomic_store_n(&view->size, usdt__scaled(size), __ATOMIC_RELEASE);
}

void
usdt__views_clear(struct usdt__writer *writer)
{
	uint32_t i;

	for (i = 0; i < USDT__VIEWS; i++)
		set_view(&writer->views[i], NULL, 0, 0);
	writer->used_views = writer->cells = writer->images = 0;
}

/* From now on this image needs no call, if it is one of the first. */
static void
add_view(struct usdt__writer *writer, const uint8_t *stubs, uint32_t first,
    uint32_t size)
{
	uint32_t i;

	if (!writer->by_counter || writer->early)	/* each comes here */
		return;
	i = usdt__advance(&writer->used_views, 1);
	if (i >= USDT__VIEWS) {
		writer->used_views = USDT__VIEWS;
		return;
	}
	set_view(&writer->views[i], stubs + usdt__stubs[0].fire, first, size);
}

long
usdt__ring_enter(struct usdt__writer *writer, const uint8_t *stubs,
    const struct usdt__direct *direct, size_t at)
{
	const uint8_t *id = stubs - direct->text + direct->id + USDT__ID_IN_NOTE;
	uint32_t cells = direct->stubs / USDT__CELL, i, first;
	struct usdt__ring_image *image =
	    ((struct usdt__ring *)(void *)writer->ring)->images;

	for (i = 0; i < writer->images && i < USDT__RING_IMAGES; i++) {
		first = image[i].first;
		if (image[i].count == cells &&
		    first <= USDT__RING_COUNTERS - cells &&
		    memcmp(image[i].id, id, sizeof image[i].id) == 0) {
			add_view(writer, stubs, first, direct->stubs);
			return (long)first + (long)(at / USDT__CELL);
		}
	}
	i = usdt__advance(&writer->images, 1);
	first = usdt__advance(&writer->cells, cells);
	if (i >= USDT__RING_IMAGES || first > USDT__RING_COUNTERS - cells) {
		writer->images = USDT__RING_IMAGES;
		return -1;
	}
	memcpy(image[i].id, id, sizeof image[i].id);
	image[i].first = first;
	__atomic_store_n(&image[i].count, cells, __ATOMIC_RELEASE);
	add_view(writer, stubs, first, direct->stubs);
	return (long)first + (long)(at / USDT__CELL);
}

void
usdt__ring_new_image(const uint8_t *stubs, size_t size)
{
	const uintptr_t start = usdt__scaled((uintptr_t)stubs);
	struct usdt__writer *const writers = usdt__writers.all;
	struct usdt__view *view;
	uintptr_t fire;
	uint32_t i, k, n = usdt__writers_used();

	for (i = 0; i < n; i++)
		for (k = 0; k < USDT__VIEWS; k++) {
			view = &writers[i].views[k];
			fire = __atomic_load_n(&view->fire, __ATOMIC_RELAXED);
			if (fire < start + usdt__scaled(size) && start < fire +
			    __atomic_load_n(&view->size, __ATOMIC_ACQUIRE))
				__atomic_store_n(&view->size, 0,
				    __ATOMIC_RELAXED);
		}
}
