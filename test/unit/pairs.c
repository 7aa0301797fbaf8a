/*
 * pairs.c - which start does `usdt latency` take for an end?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tools/common/memory.c"
#include "tools/common/utf8.c"
#include "tools/common/quote.c"
#include "tools/events/line.c"
#include "tools/latency/pairs.c"

#include "tap.h"

static struct line
name_of(const char *text)
{
	struct line line = { 0 };

	line_text(&line, text);
	return line;
}

static void
start(struct pairs *pairs, pid_t pid, const char *name, uint64_t time)
{
	struct line line = name_of(name);

	pairs_start(pairs, pid, &line, time);
	line_free(&line);
}

/* How long it took, or -1. */
static long
end(struct pairs *pairs, pid_t pid, const char *name, uint64_t time)
{
	struct line line = name_of(name);
	uint64_t took;
	int found = pairs_end(pairs, pid, &line, time, &took);

	line_free(&line);
	return found ? (long)took : -1;
}

static void
test_pairs(void)
{
	struct pairs pairs = { .count = 0 };

	is_int(end(&pairs, 1, "x", 5), -1, "an end without a start");
	start(&pairs, 1, "x", 10);
	start(&pairs, 1, "y", 11);
	start(&pairs, 2, "x", 12);
	start(&pairs, 1, "", 13);
	is_int(end(&pairs, 2, "y", 20), -1, "another process");
	is_int(end(&pairs, 1, "y", 20), 9, "in any order");
	is_int(end(&pairs, 1, "x", 20), 10, "by the name ...");
	is_int(end(&pairs, 2, "x", 20), 8, "... and the process");
	is_int(end(&pairs, 1, "x", 21), -1, "a start ends once");
	is_int(end(&pairs, 1, "", 21), 8, "an empty name");
	start(&pairs, 1, "x", 30);
	start(&pairs, 1, "x", 40);
	is_int(end(&pairs, 1, "x", 45), 5, "the last start counts");
	start(&pairs, 1, "x", 50);
	is_int(end(&pairs, 1, "x", 49), 0, "no time runs backwards");
	start(&pairs, 1, "z", 60);
	is_int((long)pairs.repeated, 1, "a start was repeated");
	is_int((long)pairs.unstarted, 3, "three ends had no start");
	is_int((long)pairs.count, 1, "one start waits");
	is_int((long)pairs.bytes, 1, "... with a name of one byte");
	pairs_free(&pairs);
}

static void
test_limits(void)
{
	struct pairs pairs = { .count = 0 };
	char *name = xcalloc(1, PAIRS_BYTES / 4 + 1);
	char number[20];
	int i;

	for (i = 0; i < PAIRS_MAX + 10; i++) {
		snprintf(number, sizeof number, "%d", i);
		start(&pairs, 1, number, (uint64_t)i);
	}
	is_int((long)pairs.count, PAIRS_MAX, "so many wait");
	is_int((long)pairs.dropped, 10, "the oldest are given up");
	is_int(end(&pairs, 1, "9", 100), -1, "... this one");
	is_int(end(&pairs, 1, "10", 100), 90, "... but not this one");
	for (i = 0; i < 5; i++) {
		memset(name, 'a' + i, PAIRS_BYTES / 4);
		start(&pairs, 1, name, (uint64_t)i);
	}
	ok(pairs.bytes <= PAIRS_BYTES, "long names, too, have a limit");
	is_int((long)pairs.count, 4, "... and push others out");
	is_int((long)pairs.dropped, 10 + PAIRS_MAX - 1 + 1, "... all counted");
	free(name);
	pairs_free(&pairs);
	is_int((long)pairs.count, 0, "all is freed");
}

int
main(void)
{
	test_pairs();
	test_limits();
	return done_testing();
}
