/*
 * hist.c - the subcommand "hist": which values does an argument have?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <getopt.h>
#include <stdlib.h>

#include "tools/hist/hist.h"
#include "tools/subcommands.h"

/* Where a probe has the values. */
struct places {
	struct places *next;
	int none;		/* it has them not */
	struct place value, by;
};

struct hist {
	struct stream_wish wish;
	struct display display;
	struct table table;
	struct places *places;
	struct shown by, text;
};

static void
help(FILE *out)
{
	fputs("usage: usdt hist [-jw] [-c COMMAND | -p PID] [-d SECONDS] "
	    "[-i SECONDS] [--by ARG] PATTERN... ARG\n"
	    "\n"
	    "Show how often an argument has which values: numbers by powers of\n"
	    "two, texts one by one.  On a terminal that is a chart, until q is\n"
	    "pressed, otherwise a line for each at the end: probe, value of\n"
	    "--by, value (of numbers: from, to below), events.  Needs root.\n"
	    "\n"
	    "  -b, --by=ARG            apart for each value of this argument\n"
	    "  -i, --interval=SECONDS  print it again and again\n"
	    "  -j, --json              print JSON objects, one a line\n"
	    "  -d, --duration=SECONDS  for so long\n"
	    "  -c, --command=COMMAND   start this, and only in it, until it ends\n"
	    "  -p, --pid=PID           in this process only, until it ends\n"
	    "  -w, --wait              if there is no such probe, wait for one\n"
	    "  --as=ARG=str,ARG=hex    take arguments for texts or hex numbers\n"
	    "  --uprobe                never direct, always through the kernel\n"
	    "\n"
	    "PATTERN is as for usdt watch, also with a filter.  ARG is a name,\n"
	    "arg0, arg1 and so on, or a member as in req.peer.port.\n", out);
}

static int
find(const struct target *target, const char *name, struct place *place)
{
	char *why = place_find(target, name, place);

	if (why == NULL)
		return 0;
	fprintf(stderr, "usdt: %.*s is not counted: %s\n",
	    (int)target->label.length, target->label.bytes, why);
	free(why);
	return -1;
}

static const struct places *
places_of(struct hist *hist, struct target *target)
{
	struct places *places = target->own;

	if (places != NULL)
		return places;
	places = target->own = xcalloc(1, sizeof *places);
	places->next = hist->places;
	hist->places = places;
	places->none = find(target, hist->display.wording.value,
	    &places->value) < 0 || (hist->display.wording.by != NULL &&
	    find(target, hist->display.wording.by, &places->by) < 0);
	return places;
}

static int
take(void *self, const struct fire *fire)
{
	struct hist *hist = self;
	const struct places *places = places_of(hist, fire->target);
	const struct line *label = &fire->target->label;
	struct number number;

	if (places->none)
		return 0;
	shown_set(&hist->by, hist->display.wording.by == NULL ? NULL :
	    &places->by, fire);
	if (place_is_text(&places->value)) {
		shown_set(&hist->text, &places->value, fire);
		table_text(&hist->table, label, &hist->by, &hist->text);
	} else if (place_number(&places->value, fire, &number) < 0) {
		hist->table.unknown++;
	} else {
		table_number(&hist->table, label, &hist->by, &number);
	}
	return 0;
}

static int
run(struct hist *hist)
{
	struct places *places;
	int result;

	hist->display.table = &hist->table;
	hist->display.take = take;
	hist->display.self = hist;
	result = display_run(&hist->display, &hist->wish);
	while ((places = hist->places) != NULL) {
		hist->places = places->next;
		free(places);
	}
	table_free(&hist->table);
	shown_free(&hist->by);
	shown_free(&hist->text);
	return result;
}

int
command_hist(int argc, char **argv)
{
	struct hist hist = { .places = NULL };
	int result;

	result = display_arguments(&hist.display, &hist.wish, argc, argv, help);
	if (result >= 0)
		return result;
	if (argc - optind < 2)
		return misuse(help, "name the probes, as PROVIDER:PROBE, and "
		    "an argument of theirs");
	hist.display.wording.value = argv[argc - 1];
	argv[argc - 1] = NULL;
	result = wish_patterns(&hist.wish, argv + optind, help);
	if (result != EXIT_FINE)
		return result;
	result = run(&hist);
	wish_done(&hist.wish);
	return result;
}
