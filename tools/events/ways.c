/*
 * ways.c - on which way do the events of a file come?
 *
 * Direct if the file has the sites for it, we may read what processes map, and
 * no process that maps the file has a seccomp filter, which might end it for a
 * system call that it needs to make a ring.  Else through the kernel, by uprobe.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>
#include <unistd.h>

#include "tools/events/parts.h"

/* How many files are named; of others only how many there are. */
#define NAMED_MAX	5

/* What the announcer says: three words, where probes have arguments.  The second
 * one may be the address of a record, so as much as the kernel allows is fetched
 * from there, as of a text. */
#define ANNOUNCED	"unsigned long\0char *\0unsigned long"

static const char *
obstacle_of(const struct attachment *to, struct image *image,
    const struct mapped *holders)
{
	const char *why;

	if (image->direct.magic == 0)
		return "";		/* nothing that is worth a line */
	if (to->uprobes)
		return "";
	if (to->stacks != NULL)
		return "direct events have no stack";
	/* The library needs a page for itself that ends with its bytes. */
	if (sysconf(_SC_PAGESIZE) > 4096)
		return "this kernel's pages are too large";
	if ((why = rings_obstacle()) != NULL)
		return why;
	if (holders != NULL)
		direct_ask_filters(image, holders);
	return image->filtered ? DIRECT_FILTERED : NULL;
}

static void
make_announcer(struct watched *file)
{
	struct target *target = xcalloc(1, sizeof *target);

	file->announcing = (struct probe){
		.provider = "usdt", .name = "announcer",
		.note_name = "announcer", .function = "", .note_args = "",
		.types = ANNOUNCED, .type_count = 3,
		.address = file->image->direct.announcer,
		.site = file->image->direct.announcer
	};
	target->image = file->image;
	target->probe = &file->announcing;
	target->path = file->path;
	target->fd = file->fd;
	target->announcer = 1;
	target_prepare(target);
	target->words = USDT__RING_PIECE;
	file->announcer = target;
}

void
way_choose(const struct attachment *to, struct watched *file,
    const struct mapped *holders)
{
	const struct usdt__direct *direct = &file->image->direct;
	size_t i;

	file->obstacle = obstacle_of(to, file->image, holders);
	if (file->obstacle != NULL)
		return;
	file->wanted = xcalloc(1, sizeof *file->wanted);
	file->wanted->count = direct->stubs / USDT__CELL;
	file->wanted->targets = xcalloc(file->wanted->count + 1,
	    sizeof *file->wanted->targets);
	memcpy(file->wanted->id, file->image->id, sizeof file->image->id);
	make_announcer(file);
	file->pid_count = holders != NULL ? holders->count : 0;
	file->pids = xcalloc(file->pid_count + 1, sizeof *file->pids);
	for (i = 0; i < file->pid_count; i++)
		file->pids[i] = holders->holders[i].pid;
}

/* Set the target of all cells of a probe's stub. */
static void
set_cells(const struct watched *file, const struct target *target,
    struct target *to)
{
	uint32_t cell = direct_cell(target->image, target->probe), i;

	for (i = 0; i < target->image->direct.stub / USDT__CELL; i++)
		if (cell + i < file->wanted->count)
			file->wanted->targets[cell + i] = to;
}

void
way_of_target(struct watched *file, struct target *target)
{
	if (file->wanted == NULL || as_needs_uprobe(target) ||
	    direct_obstacle(target->image, target->probe) != NULL)
		return;
	target_goes(target, 1);
	set_cells(file, target, target);
}

void
way_by_uprobe(struct watched *file, struct target *target)
{
	target_goes(target, 0);
	set_cells(file, target, NULL);
}

/* How many of a file's targets go direct? */
static size_t
count_direct(const struct attachment *to, const struct watched *file)
{
	size_t i, count = 0;

	for (i = 0; i < to->target_count; i++)
		count += to->targets[i]->image == file->image &&
		    to->targets[i]->direct;
	return count;
}

void
way_report(const struct attachment *to, size_t first)
{
	size_t i, count, named = 0;

	for (i = first; i < to->file_count; i++) {
		const struct watched *file = to->files[i];

		count = file->wanted != NULL ? count_direct(to, file) : 0;
		if (count == 0 && (file->obstacle == NULL ||
		    *file->obstacle == '\0'))
			continue;
		if (named++ >= NAMED_MAX)
			continue;
		fputs("usdt: ", stderr);
		quote_line(stderr, file->path);
		if (count > 0)
			fprintf(stderr, ": %zu probe%s direct\n", count,
			    count == 1 ? "" : "s");
		else
			fprintf(stderr, ": by uprobe, since %s\n",
			    file->obstacle);
	}
	if (named > NAMED_MAX)
		fprintf(stderr, "usdt: and %zu other files\n",
		    named - NAMED_MAX);
}

void
way_done(struct watched *file)
{
	if (file->announcer != NULL)
		target_done(file->announcer);
	free(file->announcer);
	if (file->wanted != NULL)
		free(file->wanted->targets);
	free(file->wanted);
	free(file->pids);
}
