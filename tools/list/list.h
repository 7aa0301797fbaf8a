/*
 * list.h - what the files of "usdt list" promise each other.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef TOOLS_LIST_H
#define TOOLS_LIST_H

#include "tools/events/events.h"

/* --- json.c: how is a probe printed for programs? ------------------------- */

struct probe_words {
	const char *command;
	pid_t pid;		/* 0: no process maps the file */
	const char *path;
	int deleted;
	const struct image *image;
	const struct probe *probe;
};

void json_probe(struct line *line, const struct probe_words *words);

/* --- list.c --------------------------------------------------------------- */

/* How many processes are named without -v. */
#define FEW_PROCESSES	6

/* Print a line that names processes, MOST of them. */
void list_processes(const struct holder *holders, size_t count, size_t most);

/* --- rows.c: how are hundreds of probes printed? -------------------------- */

struct rows {			/* begins with zeros */
	struct entry *entries;
	size_t count, space;
};

/* Add the probe of a file: TEXT is its line; DIRECT: it goes direct. */
void rows_add(struct rows *rows, const char *provider, const char *text,
    int direct, const struct mapped *file);
/* Print a line for each probe, and at the end how many there are. */
void rows_print(struct rows *rows);
void rows_free(struct rows *rows);

#endif /* TOOLS_LIST_H */
