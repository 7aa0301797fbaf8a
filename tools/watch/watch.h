/*
 * watch.h - what the files of "usdt watch" promise each other.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef TOOLS_WATCH_H
#define TOOLS_WATCH_H

#include "tools/events/events.h"

/* --- struct.c: in which order are the values of a struct printed? --------- */

/* What stands in a struct, for people or programs. */
struct marks {
	const char *comma;
	struct { const char *begin, *end; } array[2];	/* whole; cut */
	const char *more_elements, *more_members;	/* which have no values */
	/* The name of a member, up to its value. */
	void (*name)(struct line *line, const char *name);
	/* A text, or what is no value; 0: it is none of these. */
	int (*special)(struct line *line, const struct value *value);
	void (*chars)(struct line *line, const char *text, size_t length,
	    int cut);
	/* One number of a member, or of one of its elements. */
	void (*number)(struct line *line, const struct type_member *member,
	    uint64_t value);
};

/* An event, and how far it is printed. */
struct view {
	struct line *line;
	const struct fire *fire;
	const struct marks *marks;
	size_t leaf, end;	/* the next one to be printed, and the last */
};

/* Print the struct whose values are the next ones. */
void view_struct(struct view *view, const struct type_struct *type);

/* --- show.c: how is an event printed? ------------------------------------- */

/* What most lines of a thread and a probe have in common: " 77/78 httpd
 * myapp:start". */
struct show_head {
	const struct target *target;
	size_t number;		/* of the target: another may take its place */
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
/* The head of an event's line, which MAKE makes in an empty one if need be. */
const struct line *show_head(struct show *show, const struct fire *fire,
    void (*make)(struct show *show, struct line *text,
    const struct fire *fire));
/* Free what is kept, and the line. */
void show_done(struct show *show);

/* An integer of BYTES bytes. */
void show_integer(struct line *line, int is_signed, uint64_t value,
    size_t bytes);

/* --- json.c: how is an event printed for programs? ------------------------ */

/* Print an event as a line of JSON. */
void json_fire(struct show *show, const struct fire *fire);
/* A text: a string if that says all of it, else an object. */
void json_text(struct line *line, const char *text, size_t length, int cut);
/* Free what is kept of targets. */
void json_done(struct show *show);

#endif /* TOOLS_WATCH_H */
