/*
 * pairs.h - which start does an end belong to?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef TOOLS_LATENCY_PAIRS_H
#define TOOLS_LATENCY_PAIRS_H

#include "tools/events/events.h"

/* So many starts wait for their ends, with names of so many bytes in all. */
#define PAIRS_MAX	65536
#define PAIRS_BYTES	((size_t)16 << 20)

struct pair {			/* a start that waits */
	struct pair *next;	/* of its list */
	struct pair *older, *newer;
	uint64_t time;
	pid_t pid;
	size_t length;
	char name[];
};

struct pairs {			/* begins with zeros */
	struct pair **lists;
	struct pair *oldest, *newest;
	size_t count, bytes;
	uint64_t repeated;	/* starts with another start instead of an end */
	uint64_t dropped;	/* starts that waited for too long: for the
				 * newer ones there was no room */
	uint64_t unstarted;	/* ends without a start */
};

void pairs_start(struct pairs *pairs, pid_t pid, const struct line *name,
    uint64_t time);
/* Returns 1 and how long it took, or 0 if there was no start. */
int pairs_end(struct pairs *pairs, pid_t pid, const struct line *name,
    uint64_t time, uint64_t *took);
void pairs_free(struct pairs *pairs);

#endif /* TOOLS_LATENCY_PAIRS_H */
