/*
 * top.c - the subcommand "top": which probes fire most?
 *
 * On a terminal it is a table that is drawn again and again; elsewhere lines,
 * of the probes that fired in an interval.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <getopt.h>
#include <stdlib.h>
#include <time.h>

#include "tools/top/top.h"
#include "tools/subcommands.h"

#define SECOND	((uint64_t)1000000000)

struct top {
	struct stream_wish wish;
	struct stream *stream;
	uint64_t interval;	/* nanoseconds */
	long count;		/* -n, or 0 */
	int done;		/* it was printed so often */
	struct screen *screen;	/* or NULL */
	struct counts counts;
	uint64_t begin;		/* of this interval */
	uint64_t lost;
	struct line line;
};

static void
help(FILE *out)
{
	fputs("usage: usdt top [-w] [-c COMMAND | -p PID] [-d SECONDS] "
	    "[-i SECONDS] [-n COUNT] PATTERN...\n"
	    "\n"
	    "Count how often probes fire, by probe and process.  On a terminal\n"
	    "that is a table, until q is pressed, otherwise a line for each\n"
	    "that fired: time, events a second, all events, process, program,\n"
	    "probe.  Needs root.\n"
	    "\n"
	    "  -i, --interval=SECONDS  how often it is printed (1)\n"
	    "  -n, --count=COUNT       so many times\n"
	    "  -d, --duration=SECONDS  for so long\n"
	    "  -c, --command=COMMAND   start this, and only in it, until it ends\n"
	    "  -p, --pid=PID           in this process only, until it ends\n"
	    "  -w, --wait              if there is no such probe, wait for one\n"
	    "  --as=ARG=str,ARG=hex    take arguments for texts or hex numbers\n"
	    "  --uprobe                never direct, always through the kernel\n"
	    "\n"
	    "PATTERN is as for usdt watch.\n", out);
}

/* --- printing --- */

static void
print_rows(struct top *top)
{
	time_t second = time(NULL);
	struct line *line = &top->line;
	char clock[16];
	struct tm tm;
	size_t i;

	localtime_r(&second, &tm);
	strftime(clock, sizeof clock, "%H:%M:%S ", &tm);
	for (i = 0; i < top->counts.count; i++) {
		const struct row *row = top->counts.rows[i];

		if (row->count == 0)
			continue;
		line_text(line, clock);
		put_rate(line, row->rate);
		line_char(line, ' ');
		line_unsigned(line, row->total);
		line_char(line, ' ');
		line_unsigned(line, (uint64_t)row->pid);
		line_char(line, ' ');
		line_word(line, row->program);
		line_char(line, ' ');
		line_put(line, row->target->label.bytes,
		    row->target->label.length);
		line_char(line, '\n');
	}
}

/* Print what happened up to TIME.  -1: nobody reads it. */
static int
refresh(struct top *top, uint64_t time)
{
	size_t left;
	int result;

	counts_end(&top->counts, time - top->begin);
	if (top->screen != NULL)
		screen_draw(top->screen, &top->line, &top->counts, top->lost);
	else
		print_rows(top);
	result = stream_put(top->stream, top->line.bytes, top->line.length,
	    &left);
	top->line.length = 0;
	counts_next(&top->counts);
	top->begin = time;
	return result;
}

/* --- the stream's calls --- */

static int
take(void *self, const struct fire *fire)
{
	struct top *top = self;

	counts_add(&top->counts, fire);
	return 0;
}

static int
flush(void *self)
{
	struct top *top = self;
	uint64_t time = clock_now(CLOCK_MONOTONIC);

	if (top->screen != NULL && screen_quits(top->screen))
		return -1;
	if (time - top->begin < top->interval)
		return 0;
	if (refresh(top, time) < 0)
		return -1;
	top->done = top->count > 0 && --top->count == 0;
	return top->done ? -1 : 0;
}

/* On a terminal a message would spoil the table, which says it, too. */
static void
lost(void *self, const struct loss *loss)
{
	struct top *top = self;

	top->lost += loss->count;
}

static int
run(struct top *top)
{
	struct consumer consumer = {
		.self = top, .take = take, .flush = flush
	};
	int result = EXIT_TROUBLE;

	top->stream = stream_open(&top->wish);
	if (top->stream != NULL) {
		top->screen = screen_open();
		if (top->screen != NULL)
			consumer.lost = lost;
		else
			line_text(&top->line,
			    "TIME EVENTS/S TOTAL PID PROGRAM PROBE\n");
		top->begin = clock_now(CLOCK_MONOTONIC);
		result = stream_run(top->stream, &consumer);
		/* What came in an interval that was cut short. */
		if (top->screen == NULL && !top->done)
			refresh(top, clock_now(CLOCK_MONOTONIC));
	}
	screen_close(top->screen);
	stream_close(top->stream);
	counts_free(&top->counts);
	line_free(&top->line);
	return result;
}

/* --- the command line --- */

int
command_top(int argc, char **argv)
{
	static const struct option options[] = {
		{ "interval", required_argument, NULL, 'i' },
		{ "count", required_argument, NULL, 'n' },
		WISH_OPTIONS,
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	struct top top = { .interval = SECOND };
	int option, taken, result;

	while ((option = getopt_long(argc, argv, "i:n:c:p:wd:h", options,
	    NULL)) != -1)
		switch (option) {
		case 'i':
			top.interval = parse_seconds("--interval", optarg);
			if (top.interval == 0)
				return EXIT_USAGE;
			break;
		case 'n':
			if ((top.count = parse_count("--count", optarg)) < 0)
				return EXIT_USAGE;
			break;
		default:
			taken = wish_option(&top.wish, option, optarg);
			if (taken <= 0)
				return taken < 0 ? EXIT_USAGE :
				    print_help(option, help);
		}
	result = wish_patterns(&top.wish, argv + optind, help);
	if (result != EXIT_FINE)
		return result;
	result = run(&top);
	wish_done(&top.wish);
	return result;
}
