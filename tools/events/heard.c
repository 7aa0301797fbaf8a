/*
 * heard.c - which processes have just mapped a file that is new to us?
 *
 * The kernel writes a record for each file that any process maps executable.  So
 * a new image is found at once, and not only when all processes are looked at
 * again, which is dear and therefore seldom.  That stays the net below: records
 * may get lost, and a file may change after it was looked at.
 *
 * Nothing but numbers is taken from a record: processes choose the names.  What a
 * process maps is then read as ever.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/events/parts.h"

/*
 * Files that were looked at.  Programs that are run again and again, with their
 * libraries, have to fit in; a file that does not is looked at once more.
 */
#define SETS		1024
#define WAYS		4
/* Mappings that wait to be looked at.  The net catches the others. */
#define NEWS_MAX	4096
/*
 * We look for a fifth of the time at most.  Each look that finds probes makes
 * events, which the kernel takes long to remove: so the more of them there were,
 * the longer we wait for more files before the next one, up to a second.
 */
#define REST		4
#define REST_STEP	((uint64_t)5000000)
#define REST_MOST	((uint64_t)1000000000)

struct news {
	pid_t pid;
	struct file_key file;
};

struct heard {
	struct perf *perf;
	pid_t only;
	struct file_key looked[SETS][WAYS];
	unsigned char oldest[SETS];
	struct news *news;
	size_t count, space;
	uint64_t next;		/* when we may look again */
	uint64_t finds;		/* looks that found probes */
	int lost;		/* we may have missed something */
};

static size_t
set_of(const struct file_key *file)
{
	const uint64_t odd = 0x9e3779b97f4a7c15;
	uint64_t hash = file->inode * odd;

	hash = (hash ^ hash >> 32 ^ file->generation) * odd;
	hash = (hash ^ hash >> 32 ^ file->device) * odd;
	return (size_t)(hash >> 32) % SETS;
}

static int
was_looked_at(const struct heard *heard, const struct file_key *file)
{
	const struct file_key *set = heard->looked[set_of(file)];
	size_t i;

	for (i = 0; i < WAYS; i++)
		if (set[i].inode == file->inode &&
		    set[i].generation == file->generation &&
		    set[i].device == file->device)
			return 1;
	return 0;
}

static void
remember(struct heard *heard, const struct file_key *file)
{
	size_t set = set_of(file);

	if (!was_looked_at(heard, file))
		heard->looked[set][heard->oldest[set]++ % WAYS] = *file;
}

static void
take(void *self, const struct perf_fact *fact)
{
	struct heard *heard = self;

	heard->lost |= fact->kind == PERF_FACT_LOST;
	if (fact->kind != PERF_FACT_MAP || fact->file.inode == 0 ||
	    fact->pid <= 0 || fact->pid == getpid() ||
	    (heard->only != 0 && fact->pid != heard->only) ||
	    was_looked_at(heard, &fact->file))
		return;
	if (heard->count == NEWS_MAX) {
		heard->lost = 1;
		return;
	}
	ROOM_FOR_ONE(heard->news, heard->count, heard->space);
	heard->news[heard->count++] = (struct news){ fact->pid, fact->file };
}

struct heard *
heard_open(pid_t only)
{
	struct perf *perf = perf_open_maps();
	struct heard *heard;

	if (perf == NULL) {
		fprintf(stderr, "usdt: programs that start later are looked "
		    "for from time to time only, since the kernel does not "
		    "tell what they map: %s\n", strerror(errno));
		return NULL;
	}
	heard = xcalloc(1, sizeof *heard);
	heard->perf = perf;
	heard->only = only;
	return heard;
}

void
heard_close(struct heard *heard)
{
	if (heard == NULL)
		return;
	perf_close(heard->perf);
	free(heard->news);
	free(heard);
}

int
heard_read(struct heard *heard, uint64_t now)
{
	perf_read_facts(heard->perf, take, heard);
	return heard->count > 0 && now >= heard->next;
}

int
heard_missed(struct heard *heard)
{
	int lost = heard->lost;

	heard->lost = 0;
	return lost;
}

static int
by_pid(const void *one, const void *other)
{
	const struct news *a = one, *b = other;

	return a->pid < b->pid ? -1 : a->pid > b->pid;
}

void
heard_census(struct heard *heard, struct census *census,
    void (*between)(void *self), void *self)
{
	size_t i;

	qsort(heard->news, heard->count, sizeof *heard->news, by_pid);
	for (i = 0; i < heard->count; i++) {
		if (i > 0 && heard->news[i].pid == heard->news[i - 1].pid)
			continue;
		census_add(census, heard->news[i].pid);
		if (between != NULL)
			between(self);
	}
}

void
heard_done(struct heard *heard, const struct census *census, uint64_t start,
    int found)
{
	uint64_t now = clock_now(CLOCK_MONOTONIC), rest;
	size_t i;

	for (i = 0; i < heard->count; i++) {
		const struct file_key *file = &heard->news[i].file;
		const struct mapped *mapped = census_find(census, file->device,
		    file->inode);

		/* It may be gone from there, and come again elsewhere. */
		if (mapped != NULL && mapped->looked)
			remember(heard, file);
	}
	heard->count = 0;
	heard->finds += found != 0;
	rest = found ? heard->finds * REST_STEP : 0;
	rest = rest < REST_MOST ? rest : REST_MOST;
	if (rest < (now - start) * REST)
		rest = (now - start) * REST;
	heard->next = now + rest;
}
