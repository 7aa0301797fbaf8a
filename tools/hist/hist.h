/*
 * hist.h - what "usdt hist" and "usdt latency" share: distributions of values.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef TOOLS_HIST_H
#define TOOLS_HIST_H

#include "tools/events/events.h"

/* --- table.c: how often was each value there? ----------------------------- */

/* So many series and texts are kept; further ones are only counted. */
#define ENTRIES_MAX	10000

/* Values of one power of two: LOW <= value < HIGH; 0 has its own. */
struct bucket {
	int index;		/* negative for negative values */
	uint64_t count;
};

/* A value that can be a text: for people and for programs. */
struct shown {
	struct line plain, json;
};

struct entry {			/* of a probe, a value of --by, and a text */
	struct entry *next;
	char *key;
	size_t length;
	struct shown by, text;	/* empty: there is none */
	char *label;		/* the probe's */
	struct bucket *buckets;	/* by index; of a text none */
	size_t bucket_count, bucket_space;
	uint64_t count;
};

struct table {			/* begins with zeros */
	struct entry **lists;
	struct entry **entries;	/* sorted by table_sort */
	size_t count, space;
	uint64_t others;	/* values that are in no entry */
	uint64_t unknown;	/* values that could not be fetched, and NaN */
	struct line key;
};

/* The bucket of a number, and its borders. */
int bucket_of(const struct number *number);
void bucket_borders(int index, struct line *low, struct line *high);

/*
 * Print the value at a place.  PLACE is NULL: nothing.  Returns -1 if two that are
 * printed alike may differ: it is cut, or can't be known.
 */
int shown_set(struct shown *shown, const struct place *place,
    const struct fire *fire);
void shown_free(struct shown *shown);

/* Count a number, or a text; LABEL is its probe, BY what it belongs to. */
void table_number(struct table *table, const struct line *label,
    const struct shown *by, const struct number *number);
void table_text(struct table *table, const struct line *label,
    const struct shown *by, const struct shown *text);
/* By probe and BY; then texts by their count. */
void table_sort(struct table *table);
void table_free(struct table *table);

/* --- report.c: how is a table printed? ------------------------------------ */

struct wording {
	const char *value;	/* what the values are: an argument's name */
	const char *by;		/* or NULL */
	int json;
};

/* Charts, for people, of so many columns; lines, or JSON, for programs. */
void report_draw(struct line *line, const struct table *table,
    const struct wording *wording, size_t columns);
void report_lines(struct line *line, const struct table *table,
    const struct wording *wording);

/* --- display.c: when is a table printed, and where? ----------------------- */

struct display {
	struct wording wording;
	struct table *table;
	/* Count an event in the table.  -1: stop. */
	int (*take)(void *self, const struct fire *fire);
	/* What is to be said below the table, or behind it on stderr. */
	void (*remark)(void *self, struct line *line);
	void *self;
	uint64_t interval;	/* nanoseconds; 0: only at the end */
	struct stream *stream;
	struct screen *screen;	/* or NULL */
	uint64_t next;
	uint64_t lost;
	struct line line, text;
};

/* The rows of these options for getopt_long; the letters are "b:i:j". */
#define HIST_OPTIONS \
	{ "by", required_argument, NULL, 'b' }, \
	{ "interval", required_argument, NULL, 'i' }, \
	{ "json", no_argument, NULL, 'j' }

/* Take all options, these and those of a stream.  Returns -1, or what to exit
 * with. */
int display_arguments(struct display *display, struct stream_wish *wish,
    int argc, char **argv, void (*help)(FILE *out));

/* Open a stream, take its events, and print the table.  Returns what to exit
 * with. */
int display_run(struct display *display, const struct stream_wish *wish);
/* Add "COUNT TEXT" to what is remarked, unless COUNT is 0. */
void display_remark(struct line *line, uint64_t count, const char *text);

#endif /* TOOLS_HIST_H */
