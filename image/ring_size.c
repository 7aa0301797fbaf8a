/*
 * image/ring_size.c - how large may a thread's ring be?
 *
 * Small first: all of it counts to the process.  A thread that comes round soon
 * gets a larger one, since a reader may be late, while not too many have one.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "image/image.h"

#define LARGE		(1u << 19)	/* 4 MiB, for a thread that comes round
					 * in less than ... */
#define QUICK		25000000	/* ... so many nanoseconds */
#define LARGEST		USDT__RING_UNITS /* 16 MiB, for the first few that come
					 * round with 4 MiB in less than ... */
#define VERY_QUICK	200000000	/* ... so many nanoseconds */
#define LARGE_MAX	32	/* of a process ... */
#define LARGEST_MAX	4	/* ... and of these */

/* How many rings may have a size, and how many have it?  The largest first. */
static struct {
	uint32_t units, max, rings;
} sizes[] = { { LARGEST, LARGEST_MAX, 0 }, { LARGE, LARGE_MAX, 0 } };

#define SIZES	(sizeof sizes / sizeof sizes[0])

uint32_t
usdt__units_free(uint32_t units)
{
	size_t i;

	for (i = 0; i < SIZES; i++)
		if (units >= sizes[i].units &&
		    __atomic_load_n(&sizes[i].rings, __ATOMIC_RELAXED) <
		    sizes[i].max)
			return sizes[i].units;
	return USDT__UNITS_SMALL;
}

uint32_t
usdt__units_take(uint32_t units)
{
	size_t i;

	for (i = 0; i < SIZES; i++) {
		if (units < sizes[i].units)
			continue;
		if (__atomic_fetch_add(&sizes[i].rings, 1, __ATOMIC_RELAXED) <
		    sizes[i].max)
			return sizes[i].units;
		__atomic_fetch_sub(&sizes[i].rings, 1, __ATOMIC_RELAXED);
	}
	return USDT__UNITS_SMALL;
}

void
usdt__units_give(uint32_t units)
{
	size_t i;

	for (i = 0; i < SIZES; i++)
		if (units == sizes[i].units && __atomic_load_n(&sizes[i].rings,
		    __ATOMIC_RELAXED) > 0)	/* it may be a parent's */
			__atomic_fetch_sub(&sizes[i].rings, 1,
			    __ATOMIC_RELAXED);
}

void
usdt__units_forget(void)
{
	size_t i;

	for (i = 0; i < SIZES; i++)
		sizes[i].rings = 0;
}

uint32_t
usdt__units_after_lap(const struct usdt__writer *writer, uint64_t lap)
{
	if (writer->mask < LARGE - 1)
		return lap < QUICK || writer->early ? LARGE : 0;
	return lap < VERY_QUICK ? LARGEST : 0;
}

/* To announce them took long: a thread that wrote many nevertheless will be quick,
 * and may make up for it at once. */
uint32_t
usdt__units_after_early(const struct usdt__writer *writer)
{
	const struct usdt__ring *ring = (const void *)writer->ring;
	const uint32_t written = ring->head - writer->key;

	if (writer->mask >= LARGE - 1 || written >= USDT__UNITS_SMALL / 2)
		return LARGEST;
	return written >= USDT__UNITS_SMALL / 8 ? LARGE : 0;
}
