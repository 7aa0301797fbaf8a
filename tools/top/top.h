/*
 * top.h - what the files of "usdt top" promise each other.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef TOOLS_TOP_H
#define TOOLS_TOP_H

#include "tools/events/events.h"

/* --- count.c: how often does each probe fire in each process? ------------- */

struct row {
	struct row *next;	/* of its list */
	const struct target *target;
	pid_t pid;
	char *program;
	uint64_t count;		/* in this interval */
	uint64_t rate;		/* tenths of events a second, in the last one */
	uint64_t total;
	unsigned idle;		/* intervals without an event */
};

struct counts {
	struct row **lists;
	struct row **rows;	/* all of them; sorted by counts_end */
	size_t count, space;
	struct row *last;	/* the last event's */
};

void counts_add(struct counts *counts, const struct fire *fire);
/*
 * An interval of so many nanoseconds is over: sort the rows, those with the
 * highest rates first.  Rows of processes that are gone are dropped later.
 */
void counts_end(struct counts *counts, uint64_t length);
/* Begin the next one. */
void counts_next(struct counts *counts);
void counts_free(struct counts *counts);

/* --- screen.c: how is a table kept on a terminal? ------------------------- */

struct screen;

/* The terminal of standard output, or NULL if that is none. */
struct screen *screen_open(void);
/* Leave it as it was found.  NULL is allowed. */
void screen_close(struct screen *screen);
/* Was q pressed? */
int screen_quits(struct screen *screen);
/* The bytes that replace the last table, for as large a window as there is. */
void screen_draw(struct screen *screen, struct line *line,
    const struct counts *counts, uint64_t lost);
/* The same with the lines of a TEXT. */
void screen_show(struct screen *screen, struct line *line,
    const struct line *text);

/* How wide its window is. */
size_t screen_columns(void);
/* As much of a text as fits into COLUMNS.  Returns how many it takes. */
size_t put_cut(struct line *line, const char *text, size_t length,
    size_t columns);

/* "12345", or "1.5" if it is small. */
void put_rate(struct line *line, uint64_t tenths);

#endif /* TOOLS_TOP_H */
