/*
 * watch.c - the subcommand "watch": what happens at probes, as it happens?
 *
 * The stream of tools/events brings the events; each becomes a line.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>

#include "tools/watch/watch.h"
#include "tools/subcommands.h"

/* So much is printed at once, while more events wait. */
#define ENOUGH	((size_t)1 << 18)

struct watch {
	struct stream_wish wish;
	struct stream *stream;
	long count;		/* -n, or 0 */
	int json;
	long printed;
	uint64_t unwritten;	/* of these */
	struct show show;
};

static void
help(FILE *out)
{
	fputs("usage: usdt watch [-jsw] [-c COMMAND | -p PID] [-n COUNT] "
	    "[-d SECONDS] PATTERN...\n"
	    "\n"
	    "Print a line each time that one of the probes fires: time,\n"
	    "process, program, probe, arguments.  Needs root, but no tracer.\n"
	    "\n"
	    "  -c, --command=COMMAND   start this, and only in it, until it ends\n"
	    "  -p, --pid=PID           in this process only, until it ends\n"
	    "  -n, --count=COUNT       until COUNT lines are printed\n"
	    "  -d, --duration=SECONDS  for so long\n"
	    "  -j, --json              print JSON objects, one a line\n"
	    "  -s, --stack             with the stack of each event\n"
	    "  -w, --wait              if there is no such probe, wait for one\n"
	    "  --as=ARG=str,ARG=hex    take arguments for texts or hex numbers\n"
	    "  --uprobe                never direct, always through the kernel\n"
	    "\n"
	    "PATTERN is [PATH:]PROVIDER[:PROBE], or with four parts, as\n"
	    "usdt list prints probes, [PATH:]PROVIDER:MODULE:FUNCTION:PROBE,\n"
	    "or PATH alone.\n"
	    "All but PATH may have the wildcards * and ?; an empty part\n"
	    "matches all.  With PATH the probes of that file are watched,\n"
	    "even if it does not run yet.\n"
	    "\n"
	    "A filter may follow: 'myapp:done{status>=500 && url~\"/api\"}'.\n"
	    "It compares arguments, and members as in req.peer.port, with\n"
	    "numbers, texts and NULL by == != < <= > >=, ~ (contains), !~;\n"
	    "&& || ! and ( ) combine.\n", out);
}

static int
flush(void *self)
{
	struct watch *watch = self;
	struct line *line = &watch->show.line;
	size_t left;
	int result = stream_put(watch->stream, line->bytes, line->length,
	    &left);

	/* A line that was begun counts as well. */
	for (; left > 0; left--)
		watch->unwritten += line->bytes[line->length - left] == '\n';
	line->length = 0;
	watch->show.since_epoch = stream_since_epoch();
	return result;
}

static int
take(void *self, const struct fire *fire)
{
	struct watch *watch = self;

	if (watch->json)
		json_fire(&watch->show, fire);
	else
		show_fire(&watch->show, fire);
	if (++watch->printed == watch->count)
		return -1;
	return watch->show.line.length < ENOUGH ? 0 : flush(watch);
}

static int
run(struct watch *watch)
{
	struct consumer consumer = {
		.self = watch, .take = take, .flush = flush
	};
	int result = EXIT_TROUBLE;

	watch->stream = stream_open(&watch->wish);
	if (watch->stream != NULL) {
		watch->show.since_epoch = stream_since_epoch();
		result = stream_run(watch->stream, &consumer);
		if (watch->unwritten > 0)
			fprintf(stderr, "usdt: %" PRIu64 " event%s not "
			    "written: the output did not take more\n",
			    watch->unwritten, watch->unwritten == 1 ? "" :
			    "s");
	}
	stream_close(watch->stream);
	json_done(&watch->show);
	show_done(&watch->show);
	return result;
}

int
command_watch(int argc, char **argv)
{
	static const struct option options[] = {
		{ "count", required_argument, NULL, 'n' },
		WISH_OPTIONS,
		{ "json", no_argument, NULL, 'j' },
		{ "stack", no_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	struct watch watch = { .count = 0 };
	int option, taken, result;

	while ((option = getopt_long(argc, argv, "c:p:n:wd:jsh", options,
	    NULL)) != -1)
		switch (option) {
		case 'n':
			if ((watch.count = parse_count("--count", optarg)) < 0)
				return EXIT_USAGE;
			break;
		case 'j':
			watch.json = 1;
			break;
		case 's':
			watch.wish.stacks = 1;
			break;
		default:
			taken = wish_option(&watch.wish, option, optarg);
			if (taken <= 0)
				return taken < 0 ? EXIT_USAGE :
				    print_help(option, help);
		}
	result = wish_patterns(&watch.wish, argv + optind, help);
	if (result != EXIT_FINE)
		return result;
	result = run(&watch);
	wish_done(&watch.wish);
	return result;
}
