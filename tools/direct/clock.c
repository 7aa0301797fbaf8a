/*
 * clock.c - when was it, by the processor's counter?
 *
 * The counter runs evenly, but CLOCK_MONOTONIC is steered a little.  So pairs of
 * both are taken from time to time, and the line through the last two is right
 * for what happens until the next one.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tools/direct/direct.h"

void
clock_pair(struct counter_clock *clock, uint64_t counter, uint64_t time)
{
	uint64_t ticks, span;

	clock->counter[0] = clock->counter[1];
	clock->time[0] = clock->time[1];
	clock->counter[1] = counter;
	clock->time[1] = time;
	clock->pairs += clock->pairs < 2;
	ticks = clock->counter[1] - clock->counter[0];
	span = clock->time[1] - clock->time[0];
	if (clock->pairs < 2 || ticks == 0 || span >> 62 != 0)
		return;
	/* span * 2^32 / ticks, in two steps: minutes may lie between */
	clock->slope = (span / ticks << 32) +
	    (uint64_t)((double)(span % ticks) * 4294967296.0 / (double)ticks);
}

uint64_t
clock_time(const struct counter_clock *clock, uint64_t counter)
{
	int past = counter < clock->counter[1];
	uint64_t ticks = past ? clock->counter[1] - counter :
	    counter - clock->counter[1];
	uint64_t span;

	if ((ticks | clock->slope) >> 32 == 0)	/* as a rule */
		span = ticks * clock->slope >> 32;
	else
		span = (ticks >> 32) * clock->slope +
		    (ticks & 0xffffffff) * (clock->slope >> 32) +
		    ((ticks & 0xffffffff) * (clock->slope & 0xffffffff) >> 32);

	return past ? clock->time[1] - span : clock->time[1] + span;
}
