/*
 * latency.c - the subcommand "latency": how long is it from one probe to another?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <getopt.h>
#include <stdlib.h>

#include "tools/hist/hist.h"
#include "tools/latency/pairs.h"
#include "tools/subcommands.h"

/* What a probe is. */
struct role {
	struct role *next;
	int starts, ends;
	struct place by;
};

struct latency {
	struct stream_wish wish;
	struct display display;
	struct table table;
	struct pairs pairs;
	struct role *roles;
	const char *by;		/* or NULL: the thread */
	struct shown name;
};

static void
help(FILE *out)
{
	fputs("usage: usdt latency [-jw] [-c COMMAND | -p PID] [-d SECONDS] "
	    "[-i SECONDS] [--by ARG] START END\n"
	    "\n"
	    "Show how long it takes from an event of START to one of END, two\n"
	    "patterns, in the same process and with the same value of ARG; or\n"
	    "in the same thread.  Prints nanoseconds as usdt hist prints\n"
	    "numbers, and on stderr how many events had no partner.  Needs\n"
	    "root.\n"
	    "\n"
	    "  -b, --by=ARG            an argument of both probes\n"
	    "  -i, --interval=SECONDS  print it again and again\n"
	    "  -j, --json              print JSON objects, one a line\n"
	    "  -d, --duration=SECONDS  for so long\n"
	    "  -c, --command=COMMAND   start this, and only in it, until it ends\n"
	    "  -p, --pid=PID           in this process only, until it ends\n"
	    "  -w, --wait              if there is no such probe, wait for one\n"
	    "  --as=ARG=str,ARG=hex    take arguments for texts or hex numbers\n"
	    "  --uprobe                never direct, always through the kernel\n"
	    "\n"
	    "Patterns and ARG are as for usdt hist.\n", out);
}

static int
means(const struct latency *latency, size_t index, const struct target *target)
{
	const struct pattern *pattern = &latency->wish.patterns[index];

	return (pattern->path == NULL ||
	    strcmp(pattern->path, target->path) == 0) &&
	    pattern_matches(pattern, target->path, target->probe);
}

static const struct role *
role_of(struct latency *latency, struct target *target)
{
	struct role *role = target->own;
	char *why;

	if (role != NULL)
		return role;
	role = target->own = xcalloc(1, sizeof *role);
	role->next = latency->roles;
	latency->roles = role;
	role->starts = means(latency, 0, target);
	role->ends = means(latency, 1, target);
	why = latency->by == NULL ? NULL : place_find(target, latency->by,
	    &role->by);
	if (why != NULL) {
		fprintf(stderr, "usdt: %.*s is not counted: %s\n",
		    (int)target->label.length, target->label.bytes, why);
		free(why);
		role->starts = role->ends = 0;
	}
	return role;
}

/* One event may be the end of what was, and a start. */
static int
take(void *self, const struct fire *fire)
{
	static const struct place thread = { .kind = PLACE_TID };
	static const struct shown nothing;
	struct latency *latency = self;
	const struct role *role = role_of(latency, fire->target);
	struct filter *const *filters = latency->wish.filters;
	struct number took = { .is_float = 0 };

	if (!role->starts && !role->ends)
		return 0;
	if (shown_set(&latency->name, latency->by != NULL ? &role->by :
	    &thread, fire) < 0) {
		latency->table.unknown++;
		return 0;
	}
	if (role->ends && target_passes_one(fire->target, filters[1], fire) &&
	    pairs_end(&latency->pairs, fire->pid, &latency->name.plain,
	    fire->time, &took.magnitude))
		table_number(&latency->table, &fire->target->label, &nothing,
		    &took);
	if (role->starts && target_passes_one(fire->target, filters[0], fire))
		pairs_start(&latency->pairs, fire->pid, &latency->name.plain,
		    fire->time);
	return 0;
}

static void
remark(void *self, struct line *line)
{
	const struct pairs *pairs = &((const struct latency *)self)->pairs;

	display_remark(line, pairs->count, "started and not ended");
	display_remark(line, pairs->repeated, "started again before an end");
	display_remark(line, pairs->dropped,
	    "started and given up for newer ones");
	display_remark(line, pairs->unstarted, "ended without a start");
}

static int
run(struct latency *latency)
{
	struct role *role;
	int result;

	latency->display.wording.value = "ns";
	latency->display.table = &latency->table;
	latency->display.remark = remark;
	latency->display.self = latency;
	latency->display.take = take;
	result = display_run(&latency->display, &latency->wish);
	while ((role = latency->roles) != NULL) {
		latency->roles = role->next;
		free(role);
	}
	pairs_free(&latency->pairs);
	table_free(&latency->table);
	shown_free(&latency->name);
	return result;
}

int
command_latency(int argc, char **argv)
{
	struct latency latency = { .roles = NULL };
	int result;

	result = display_arguments(&latency.display, &latency.wish, argc, argv, help);
	if (result >= 0)
		return result;
	if (argc - optind != 2)
		return misuse(help, "name two probes, as PROVIDER:PROBE: where "
		    "it starts, and where it ends");
	latency.by = latency.display.wording.by;
	result = wish_patterns(&latency.wish, argv + optind, help);
	if (result != EXIT_FINE)
		return result;
	result = run(&latency);
	wish_done(&latency.wish);
	return result;
}
