/*
 * early.c - which events had a thread whose ring was gone before we came?
 *
 * A thread announces the first records of its ring one by one, since it may end
 * before we have mapped that.  They count if it did.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>

#include "tools/direct/direct.h"

static int
is_of(const struct orphan *orphan, const struct fire *who)
{
	return orphan->pid == who->pid && orphan->tid == who->tid;
}

/* The ring of that thread with that address in it. */
static struct orphan *
orphan_at(const struct early_list *list, const struct fire *who,
    uint64_t address)
{
	size_t i;

	for (i = list->orphan_count; i-- > 0; )
		if (is_of(&list->orphans[i], who) &&
		    address - list->orphans[i].address < list->orphans[i].size)
			return &list->orphans[i];
	return NULL;
}

/* A thread counts once. */
void
early_silent(struct early_list *list, const struct fire *who)
{
	int known = 0, any = 0;
	size_t i;

	for (i = 0; i < list->orphan_count; i++)
		if (is_of(&list->orphans[i], who)) {
			any = 1;
			known |= list->orphans[i].unread;
			list->orphans[i].unread = 1;
		}
	list->unread += any && !known;
}

void
early_without_ring(struct early_list *list, const struct fire *who, int first,
    uint64_t address, uint64_t size)
{
	if (orphan_at(list, who, address) == NULL) {
		ROOM_FOR_ONE(list->orphans, list->orphan_count,
		    list->orphan_space);
		list->orphans[list->orphan_count++] = (struct orphan){
			.pid = who->pid, .tid = who->tid, .address = address,
			.size = size, .made = who->time
		};
	}
	if (!first)			/* no record in it is announced */
		early_silent(list, who);
}

/* The record that goes on at that address; or NULL. */
static struct early *
unfinished(const struct early_list *list, const struct fire *who,
    uint64_t address)
{
	size_t i;

	for (i = list->count; i-- > list->first; ) {
		struct early *early = &list->early[i];

		if (early->pid == who->pid && early->tid == who->tid &&
		    !early_is_whole(early) &&
		    address == early->address + early->have * 8)
			return early;
	}
	return NULL;
}

static void
add_piece(struct early *early, const void *bytes, size_t size)
{
	size_t words = size / 8;

	if (words > early->count - early->have)
		words = early->count - early->have;
	memcpy(early->words + early->have, bytes, words * 8);
	early->have += (uint32_t)words;
}

int
early_add(struct early_list *list, const struct fire *who,
    struct target *target, int more, uint64_t address, const void *bytes,
    size_t size)
{
	struct early *early;
	struct usdt__record record;
	uint32_t words;

	if (orphan_at(list, who, address) == NULL || size < sizeof record)
		return 1;			/* we have the ring with it */
	if (more) {
		early = unfinished(list, who, address);
		if (early != NULL)
			add_piece(early, bytes, size);
		return 1;
	}
	memcpy(&record, bytes, sizeof record);
	words = USDT__RECORD_WORDS(record.meta);
	if (words < 2 || words > USDT__RECORD_MAX)
		return 0;
	ROOM_FOR_ONE(list->early, list->count, list->space);
	early = &list->early[list->count++];
	early->words = xcalloc(words, 8);
	early->count = words;
	early->have = 0;
	early->time = who->time;
	early->pid = who->pid;
	early->tid = who->tid;
	early->address = address;
	early->target = target;
	snprintf(early->comm, sizeof early->comm, "%s", who->comm);
	add_piece(early, bytes, size);
	return 1;
}

void
early_pass(struct early_list *list)
{
	free(list->early[list->first].words);
	if (++list->first == list->count)
		list->first = list->count = 0;
}

void
early_view(const struct early *early, struct fire *fire,
    struct ring_record *view)
{
	const struct usdt__record *record = (const void *)early->words;

	*view = (struct ring_record){
		.words = early->words + 2,
		.count = USDT__RECORD_WORDS(record->meta) - 2,
		.has_texts = (record->meta & USDT__RECORD_HAS_TEXTS) != 0
	};
	*fire = (struct fire){
		.time = early->time, .pid = early->pid, .tid = early->tid,
		.comm = early->comm, .target = early->target
	};
}

/* After that time an orphan announces no more. */
void
early_attend(struct early_list *list, uint64_t now)
{
	size_t i;

	for (i = 0; i < list->orphan_count; i++)
		if (now - list->orphans[i].made > 10 * USDT__RING_EARLY)
			list->orphans[i--] =
			    list->orphans[--list->orphan_count];
}

void
early_done(struct early_list *list)
{
	while (list->count > 0)
		early_pass(list);
	free(list->early);
	free(list->orphans);
}
