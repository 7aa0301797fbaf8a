/*
 * list.h - what the files of "usdt list" promise each other.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef TOOLS_LIST_H
#define TOOLS_LIST_H

#include "tools/events/events.h"

/* --- nearest.c: which name did the user mean? ----------------------------- */

struct nearest {		/* begins with zeros */
	char *name;		/* a pattern that matches, or NULL */
	size_t distance;	/* letters that differ */
};

/* Remember the probe if it is nearer to the pattern than others before. */
void nearest_try(struct nearest *nearest, const struct pattern *pattern,
    const struct probe *probe);

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

#endif /* TOOLS_LIST_H */
