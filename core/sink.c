/*
 * core/sink.c - how do the bytes of a document leave their builder?
 *
 * Builders write from the first byte to the last, through a buffer that is
 * drained when it is full, so an image of 30 MB needs no memory of that size.
 * A buffer with room for all is drained only at the end.  Pure, except for the
 * drain function.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/dof.h"

/* Drain whole words, as hashes need them; move the rest to the front. */
static void
drain(struct usdt__sink *sink, size_t size)
{
	if (!sink->failed)
		sink->failed = sink->drain == NULL ||
		    sink->drain(sink, sink->buffer, size) != 0;
	sink->before += size;
	sink->used -= size;
	memmove(sink->buffer, sink->buffer + size, sink->used);
}

void
usdt__sink_make_room(struct usdt__sink *sink, size_t size)
{
	if (sink->size - sink->used < size)
		drain(sink, sink->used & ~(size_t)7);
}

/* How many of SIZE bytes fit now?  Drains a full buffer first. */
static size_t
part_of(struct usdt__sink *sink, size_t size)
{
	size_t free = sink->size - sink->used;

	if (free == 0 && size > 0) {
		drain(sink, sink->used & ~(size_t)7);
		free = sink->size - sink->used;
	}
	return size < free ? size : free;
}

void
usdt__sink_write_parts(struct usdt__sink *sink, const void *bytes, size_t size)
{
	const uint8_t *p = bytes;
	size_t n;

	for (; size > 0; p += n, size -= n) {
		n = part_of(sink, size);
		memcpy(sink->buffer + sink->used, p, n);
		sink->used += n;
	}
}

void
usdt__sink_pad(struct usdt__sink *sink, size_t at)
{
	size_t n, size = at - usdt__sink_at(sink);

	for (; size > 0; size -= n) {
		n = part_of(sink, size);
		memset(sink->buffer + sink->used, 0, n);
		sink->used += n;
	}
}

int
usdt__sink_end(struct usdt__sink *sink)
{
	if (sink->drain != NULL)
		drain(sink, sink->used);
	return sink->failed ? -1 : 0;
}
