/*
 * family.c - which processes belong to a command, and what did they map?
 *
 * The kernel says it by records of perf: each process that a member forks, and
 * each file that a member maps executable.  A record is in its ring before the
 * system call that caused it returns, so whoever stops a member there knows all.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "tools/events/parts.h"

struct family {
	struct perf *perf;
	struct member *members;
	size_t count, space;
	int mapped;		/* a member mapped a file since the last look */
	uint64_t lost;		/* records that were lost */
};

static struct member *
find(const struct family *family, pid_t pid)
{
	size_t i;

	for (i = family->count; i > 0; i--)
		if (family->members[i - 1].pid == pid)
			return &family->members[i - 1];
	return NULL;
}

static void
add(struct family *family, pid_t pid, pid_t parent, uint64_t born)
{
	struct member *member = find(family, pid);

	if (member == NULL) {
		ROOM_FOR_ONE(family->members, family->count, family->space);
		member = &family->members[family->count++];
	}
	*member = (struct member){
		.pid = pid, .parent = parent, .born = born,
		.fresh = parent != 0	/* the first one is we, until it
					 * executes the command */
	};
}

/* Remove those that have ended. */
static void
prune(struct family *family)
{
	size_t i, count = 0;

	for (i = 0; i < family->count; i++)
		if (!family->members[i].ended ||
		    kill(family->members[i].pid, 0) == 0)
			family->members[count++] = family->members[i];
	family->count = count;
}

static void
take(void *self, const struct perf_fact *fact)
{
	struct family *family = self;
	struct member *member;

	switch (fact->kind) {
	case PERF_FACT_FORK:
		if (fact->pid != fact->parent)	/* not a thread */
			add(family, fact->pid, fact->parent, fact->time);
		break;
	case PERF_FACT_EXIT:
		member = find(family, fact->pid);
		if (member != NULL && fact->pid == fact->tid)
			member->ended = 1;	/* others of its threads may live */
		break;
	case PERF_FACT_MAP:
		member = find(family, fact->pid);
		if (member == NULL)
			break;
		member->fresh = 1;
		family->mapped = 1;
		break;
	case PERF_FACT_LOST:
		family->lost++;
		break;
	}
}

struct family *
family_open(pid_t first)
{
	struct family *family = xcalloc(1, sizeof *family);

	family->perf = perf_open_facts(first);
	if (family->perf == NULL) {
		free(family);
		return NULL;
	}
	add(family, first, 0, 0);
	return family;
}

int
family_read(struct family *family)
{
	int mapped;

	prune(family);
	perf_read_facts(family->perf, take, family);
	mapped = family->mapped;
	family->mapped = 0;
	return mapped;
}

size_t
family_count(const struct family *family)
{
	return family->count;
}

struct member *
family_member(const struct family *family, size_t index)
{
	return &family->members[index];
}

const struct perf *
family_perf(const struct family *family)
{
	return family->perf;
}

int
family_lost(const struct family *family)
{
	return family->lost > 0;
}

void
family_close(struct family *family)
{
	if (family == NULL)
		return;
	perf_close(family->perf);
	free(family->members);
	free(family);
}

/*
 * A process that an attached member forked has inherited the event.  One that was
 * forked before gets it here.
 */
int
family_attach(struct family *family, struct perf *perf, unsigned id)
{
	size_t i, before = perf_attached(perf);
	const struct member *parent;
	struct member *member;
	int error = 0;

	for (i = 0; i < family->count; i++)
		family->members[i].attached = 0;
	for (i = 0; error == 0 && i < family->count; i++) {
		member = &family->members[i];
		parent = find(family, member->parent);
		if (parent != NULL && parent->attached != 0 &&
		    member->born >= parent->attached) {
			member->attached = member->born;
		} else {
			member->attached = clock_now(CLOCK_MONOTONIC);
			error = perf_attach(perf, id, member->pid);
		}
		perf_read_facts(family->perf, take, family);
	}
	if (error != 0)
		perf_detach(perf, before);
	return error;
}
