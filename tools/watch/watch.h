/*
 * watch.h - what the files of "usdt watch" promise each other.
 */
#ifndef TOOLS_WATCH_H
#define TOOLS_WATCH_H

#include "tools/events/events.h"

/* --- show.c: how is an event printed? ------------------------------------- */

struct show {
	struct line line;	/* what is printed and not written yet */
	uint64_t since_epoch;	/* see stream_since_epoch */
	time_t second;		/* the last one, and its text */
	char clock[16];
};

/* Print an event as a line. */
void show_fire(struct show *show, const struct fire *fire);

#endif /* TOOLS_WATCH_H */
