/*
 * count.c - how often does each probe fire in each process?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "tools/top/top.h"

#define LISTS		4096

/* After so many intervals without an event we ask whether a process lives. */
#define IDLE_MAX	10

/* The list in which its row is. */
static struct row **
list_of(struct counts *counts, pid_t pid, const struct target *target)
{
	return &counts->lists[((size_t)pid * 31 + target->number) % LISTS];
}

static struct row *
find_row(struct counts *counts, const struct fire *fire)
{
	struct row **list, *row;
	char *program;

	if (counts->lists == NULL)
		counts->lists = xcalloc(LISTS, sizeof *counts->lists);
	list = list_of(counts, fire->pid, fire->target);
	for (row = *list; row != NULL; row = row->next)
		if (row->pid == fire->pid && row->target == fire->target)
			return row;
	row = xcalloc(1, sizeof *row);
	row->target = fire->target;
	row->pid = fire->pid;
	program = process_command(fire->pid);
	if (strcmp(program, "?") == 0) {
		free(program);
		program = xasprintf("%s", fire->comm);
	}
	row->program = program;
	row->next = *list;
	*list = row;
	ROOM_FOR_ONE(counts->rows, counts->count, counts->space);
	counts->rows[counts->count++] = row;
	return row;
}

void
counts_add(struct counts *counts, const struct fire *fire)
{
	struct row *row = counts->last;

	if (row == NULL || row->pid != fire->pid ||
	    row->target != fire->target)
		row = counts->last = find_row(counts, fire);
	row->count++;
}

static int
by_rate(const void *one, const void *other)
{
	const struct row *a = *(struct row *const *)one;
	const struct row *b = *(struct row *const *)other;

	if (a->rate != b->rate)
		return a->rate > b->rate ? -1 : 1;
	if (a->total != b->total)
		return a->total > b->total ? -1 : 1;
	if (a->target != b->target)
		return a->target->number < b->target->number ? -1 : 1;
	return a->pid < b->pid ? -1 : a->pid > b->pid;
}

void
counts_end(struct counts *counts, uint64_t length)
{
	size_t i;

	for (i = 0; i < counts->count; i++) {
		struct row *row = counts->rows[i];

		row->total += row->count;
		row->rate = length == 0 ? 0 : (uint64_t)((double)row->count *
		    1e10 / (double)length + 0.5);
		row->idle = row->count > 0 ? 0 : row->idle + 1;
	}
	if (counts->count > 0)
		qsort(counts->rows, counts->count, sizeof *counts->rows,
		    by_rate);
}

static int
is_over(const struct row *row)
{
	return row->idle >= IDLE_MAX && kill(row->pid, 0) < 0 &&
	    errno == ESRCH;
}

static void
free_row(struct row *row)
{
	free(row->program);
	free(row);
}

void
counts_next(struct counts *counts)
{
	size_t i, kept = 0;

	counts->last = NULL;
	for (i = 0; counts->lists != NULL && i < LISTS; i++)
		counts->lists[i] = NULL;
	for (i = 0; i < counts->count; i++) {
		struct row *row = counts->rows[i], **list;

		if (is_over(row)) {
			free_row(row);
			continue;
		}
		row->count = 0;
		list = list_of(counts, row->pid, row->target);
		row->next = *list;
		*list = row;
		counts->rows[kept++] = row;
	}
	counts->count = kept;
}

void
counts_free(struct counts *counts)
{
	size_t i;

	for (i = 0; i < counts->count; i++)
		free_row(counts->rows[i]);
	free(counts->rows);
	free(counts->lists);
}
