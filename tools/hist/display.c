/*
 * display.c - when is a table of values printed, and where?
 *
 * On a terminal it is drawn again and again, elsewhere at the end, or also each
 * interval.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <getopt.h>
#include <time.h>

#include "tools/hist/hist.h"
#include "tools/top/top.h"

#define SECOND	((uint64_t)1000000000)

/* Take an option.  Returns 0 if it is another one, -1 if its TEXT is wrong. */
static int
take_option(struct display *display, int option, const char *text)
{
	switch (option) {
	case 'b':
		display->wording.by = text;
		return 1;
	case 'i':
		display->interval = parse_seconds("--interval", text);
		return display->interval == 0 ? -1 : 1;
	case 'j':
		display->wording.json = 1;
		return 1;
	}
	return 0;
}

int
display_arguments(struct display *display, struct stream_wish *wish, int argc,
    char **argv, void (*help)(FILE *out))
{
	static const struct option options[] = {
		HIST_OPTIONS, WISH_OPTIONS,
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	int option, taken;

	while ((option = getopt_long(argc, argv, "b:i:jc:p:wd:h", options,
	    NULL)) != -1) {
		taken = take_option(display, option, optarg);
		if (taken == 0)
			taken = wish_option(wish, option, optarg);
		if (taken <= 0)
			return taken < 0 ? EXIT_USAGE :
			    print_help(option, help);
	}
	return -1;
}

void
display_remark(struct line *line, uint64_t count, const char *text)
{
	if (count == 0)
		return;
	if (line->length > 0)
		line_text(line, ", ");
	line_unsigned(line, count);
	line_char(line, ' ');
	line_text(line, text);
}

/* What could not be counted, on one line; nothing if all was. */
static void
put_remarks(const struct display *display, struct line *line)
{
	const struct table *table = display->table;

	display_remark(line, table->others, table->others == 1 ?
	    "event with a further value, more than are kept" :
	    "events with further values, more than are kept");
	display_remark(line, table->unknown, table->unknown == 1 ?
	    "event without a value" : "events without a value");
	display_remark(line, display->lost, display->lost == 1 ?
	    "event lost" : "events lost");
	if (display->remark != NULL)
		display->remark(display->self, line);
}

static int
refresh(struct display *display)
{
	size_t left;
	int result;

	table_sort(display->table);
	display->text.length = 0;
	if (display->screen != NULL) {
		put_remarks(display, &display->text);
		line_text(&display->text, display->text.length > 0 ?
		    "; q ends\n" : "q ends\n");
		report_draw(&display->text, display->table, &display->wording,
		    screen_columns());
		screen_show(display->screen, &display->line, &display->text);
	} else {
		report_lines(&display->line, display->table,
		    &display->wording);
	}
	result = stream_put(display->stream, display->line.bytes,
	    display->line.length, &left);
	display->line.length = 0;
	return result;
}

/* --- a stream's events --- */

static void
begin(struct display *display)
{
	if (!display->wording.json)
		display->screen = screen_open();
	if (display->screen != NULL && display->interval == 0)
		display->interval = SECOND;
	display->next = clock_now(CLOCK_MONOTONIC) + display->interval;
}

static int
take(void *self, const struct fire *fire)
{
	struct display *display = self;

	return display->take(display->self, fire);
}

static int
flush(void *self)
{
	struct display *display = self;
	uint64_t time = clock_now(CLOCK_MONOTONIC);

	if (display->screen != NULL && screen_quits(display->screen))
		return -1;
	if (display->interval == 0 || time < display->next)
		return 0;
	display->next = time + display->interval;
	return refresh(display);
}

static void
lost(void *self, const struct loss *loss)
{
	struct display *display = self;

	display->lost += loss->count;
}

/* A signal that ended the stream would end the writing, too: it is stdio's. */
static void
end(struct display *display)
{
	struct line *line = &display->line;

	if (display->screen != NULL) {
		refresh(display);
		screen_close(display->screen);
	} else {
		table_sort(display->table);
		report_lines(line, display->table, &display->wording);
		fwrite(line->bytes, 1, line->length, stdout);
	}
	line->length = 0;
	put_remarks(display, line);
	if (line->length > 0) {
		line_char(line, '\0');
		fprintf(stderr, "usdt: %s\n", line->bytes);
	}
	line_free(line);
	line_free(&display->text);
}

int
display_run(struct display *display, const struct stream_wish *wish)
{
	struct consumer consumer = {
		.self = display, .take = take, .flush = flush, .lost = lost
	};
	int result = EXIT_TROUBLE;

	display->stream = stream_open(wish);
	if (display->stream != NULL) {
		begin(display);
		result = stream_run(display->stream, &consumer);
		end(display);
	}
	stream_close(display->stream);
	return result;
}
