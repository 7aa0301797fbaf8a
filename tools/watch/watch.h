/*
 * watch.h - what the files of "usdt watch" promise each other.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef TOOLS_WATCH_H
#define TOOLS_WATCH_H

#include "tools/events/events.h"

/* --- show.c: how is an event printed? ------------------------------------- */

/* What most lines of a thread and a probe have in common: " 77/78 httpd
 * myapp:start". */
struct show_head {
	const struct target *target;
	pid_t pid, tid;
	char comm[64];
	struct line text;
};

struct show {
	struct line line;	/* what is printed and not written yet */
	uint64_t since_epoch;	/* see stream_since_epoch */
	time_t second;		/* the last one, and its text */
	char clock[16];
	struct show_head heads[64];	/* the last ones, by their hash */
	struct json_words *words;	/* of json.c */
};

/* Print an event as a line. */
void show_fire(struct show *show, const struct fire *fire);
/* Free what is kept, and the line. */
void show_done(struct show *show);

/* An integer of BYTES bytes; one that is an element of an array. */
void show_integer(struct line *line, int is_signed, uint64_t value,
    size_t bytes);
uint64_t show_element(const char *at, size_t size);

/* --- json.c: how is an event printed for programs? ------------------------ */

/* Print an event as a line of JSON. */
void json_fire(struct show *show, const struct fire *fire);
/* A text: a string if that says all of it, else an object. */
void json_text(struct line *line, const char *text, size_t length, int cut);
/* Free what is kept of targets. */
void json_done(struct show *show);

#endif /* TOOLS_WATCH_H */
