/*
 * pairs.c - which start does an end belong to?
 *
 * To the last one of the same process and name.  If too many wait, the oldest
 * are given up.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>

#include "tools/latency/pairs.h"

#define LISTS		16384

static struct pair **
list_of(const struct pairs *pairs, pid_t pid, const char *name, size_t length)
{
	uint64_t hash = 14695981039346656037u ^ (uint64_t)pid;

	while (length-- > 0)
		hash = (hash ^ (unsigned char)*name++) * 1099511628211u;
	return &pairs->lists[(hash >> 32) % LISTS];
}

/* Where the start is linked, or NULL. */
static struct pair **
find(const struct pairs *pairs, pid_t pid, const struct line *name)
{
	struct pair **at;

	if (pairs->lists == NULL)
		return NULL;
	for (at = list_of(pairs, pid, name->bytes, name->length); *at != NULL;
	    at = &(*at)->next)
		if ((*at)->pid == pid && (*at)->length == name->length &&
		    (name->length == 0 || memcmp((*at)->name, name->bytes,
		    name->length) == 0))
			return at;
	return NULL;
}

static void
unlink_pair(struct pairs *pairs, struct pair **at)
{
	struct pair *pair = *at;

	*at = pair->next;
	if (pair->older != NULL)
		pair->older->newer = pair->newer;
	else
		pairs->oldest = pair->newer;
	if (pair->newer != NULL)
		pair->newer->older = pair->older;
	else
		pairs->newest = pair->older;
	pairs->count--;
	pairs->bytes -= pair->length;
	free(pair);
}

static void
drop_oldest(struct pairs *pairs)
{
	struct pair *oldest = pairs->oldest, **at;

	at = list_of(pairs, oldest->pid, oldest->name, oldest->length);
	while (*at != oldest)
		at = &(*at)->next;
	unlink_pair(pairs, at);
	pairs->dropped++;
}

void
pairs_start(struct pairs *pairs, pid_t pid, const struct line *name,
    uint64_t time)
{
	struct pair **at = find(pairs, pid, name), *pair;

	if (at != NULL) {
		unlink_pair(pairs, at);
		pairs->repeated++;
	}
	while (pairs->count > 0 && (pairs->count >= PAIRS_MAX ||
	    pairs->bytes + name->length > PAIRS_BYTES))
		drop_oldest(pairs);
	if (pairs->lists == NULL)
		pairs->lists = xcalloc(LISTS, sizeof *pairs->lists);
	pair = xcalloc(1, sizeof *pair + name->length);
	pair->pid = pid;
	pair->time = time;
	pair->length = name->length;
	if (name->length > 0)
		memcpy(pair->name, name->bytes, name->length);
	at = list_of(pairs, pid, pair->name, pair->length);
	pair->next = *at;
	*at = pair;
	pair->older = pairs->newest;
	if (pair->older != NULL)
		pair->older->newer = pair;
	else
		pairs->oldest = pair;
	pairs->newest = pair;
	pairs->count++;
	pairs->bytes += pair->length;
}

int
pairs_end(struct pairs *pairs, pid_t pid, const struct line *name,
    uint64_t time, uint64_t *took)
{
	struct pair **at = find(pairs, pid, name);

	if (at == NULL) {
		pairs->unstarted++;
		return 0;
	}
	*took = time > (*at)->time ? time - (*at)->time : 0;
	unlink_pair(pairs, at);
	return 1;
}

void
pairs_free(struct pairs *pairs)
{
	struct pair *pair;

	while ((pair = pairs->oldest) != NULL) {
		pairs->oldest = pair->newer;
		free(pair);
	}
	free(pairs->lists);
	memset(pairs, 0, sizeof *pairs);
}
