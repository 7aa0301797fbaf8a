/*
 * commands.c - which command lines trace a probe?
 *
 * One command line for each tracer, ready to be pasted into a shell.  A tracer
 * that can't spell the probe's names or the path of its image is left out: the
 * sets below are those that bpftrace 0.17 to 0.27, perf 6.1, DTrace 2.0.7 and
 * gdb 13 accepted when tried.  SystemTap is left out: it moves a semaphore
 * together with its probe, by .stapsdt.base, and so counts at a wrong place.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE		/* open_memstream */
#endif
#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>

#include "tools/common/common.h"

#define WORDS	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" \
		"0123456789_"

static int
made_of(const char *text, const char *set)
{
	return text[strspn(text, set)] == '\0';
}

/* Print a command whose last argument has to be quoted. */
static void
line(FILE *out, const char *command, char *argument)
{
	fprintf(out, "      %s ", command);
	quote_shell(out, argument);
	putc('\n', out);
	free(argument);
}

/* DTrace's spelling of a name: "__" becomes '-'. */
static char *
dtrace_name(const struct probe *probe)
{
	char *name = xstrndup(probe->name, strlen(probe->name));
	char *from = name, *to = name;

	while (*from != '\0') {
		int pair = from[0] == '_' && from[1] == '_';

		*to++ = pair ? '-' : *from;
		from += 1 + pair;
	}
	*to = '\0';
	return name;
}

/* --- the tracers --- */

/* On some systems DTrace traces no 32-bit processes. */
static int
dtrace_accepts(const struct image *image)
{
	return usdt__native_platform()->narrow == NULL ||
	    image->machine != EM_386;
}

/* Does the image declare the probe, so that tracers know its arguments?  It does
 * not declare sites in code of the program. */
static int
is_declared(const struct commands_for *wanted)
{
	return wanted->probe->twin == NULL &&
	    types_probe(wanted->image->types, wanted->probe) != NULL;
}

static void
dtrace_lines(FILE *out, const struct commands_for *wanted)
{
	const char *provider = wanted->probe->provider;
	size_t length = strlen(provider);
	char *name = dtrace_name(wanted->probe), *command;

	/* DTrace would count a digit at the end to the pid. */
	if (made_of(provider, WORDS ".-") && made_of(name, WORDS ".-") &&
	    length > 0 &&
	    (provider[length - 1] < '0' || provider[length - 1] > '9')) {
		if (is_declared(wanted))
			fprintf(out, "      mkdir -p d && usdt header --d "
			    "-p %d >d/%s.d\n", (int)wanted->pid, provider);
		command = xasprintf("dtrace %s-p %d -n", is_declared(wanted) ?
		    "-L d " : "", (int)wanted->pid);
		line(out, command, script_dtrace(wanted, name));
		free(command);
	}
	free(name);
}

/* By name where the image has names, and a path leads to it. */
static char *
bpftrace_script_for(const char *place, const struct commands_for *wanted)
{
	if (is_declared(wanted) && wanted->path != NULL &&
	    made_of(wanted->path, WORDS "./+-"))
		return script_bpftrace_named(wanted->path, wanted);
	return script_bpftrace(place, wanted);
}

static int
bpftrace_spells(const struct probe *probe)
{
	return made_of(probe->provider, WORDS ".-") &&
	    made_of(probe->note_name, WORDS ".-");
}

/*
 * gdb finds notes in the files that the dynamic linker loaded; of other files
 * it needs the path and the address.  Like SystemTap, gdb moves the semaphore
 * with the probe, which is wrong here: the address that we pass undoes the
 * move.  Its breakpoint is then at DTrace's site, which tracers that use the
 * semaphore leave alone.
 */
static void
gdb_line(FILE *out, const struct commands_for *wanted)
{
	const struct image *image = wanted->image;
	const struct probe *probe = wanted->probe;
	char *command = xasprintf("gdb -p %d", (int)wanted->pid), *longer;

	if (!image->linked && wanted->file != NULL) {
		longer = xasprintf("%s -ex 'add-symbol-file %s -o 0x%" PRIx64
		    "'", command, wanted->file, wanted->code - image->code -
		    probe->moved);
		free(command);
		command = longer;
	}
	longer = xasprintf("%s -ex", command);
	free(command);
	line(out, longer, xasprintf("break -probe-stap %s:%s",
	    probe->provider, probe->note_name));
	free(longer);
}

static int
gdb_accepts(const struct commands_for *wanted)
{
	return wanted->probe->note_name != NULL &&
	    made_of(wanted->probe->provider, WORDS ".-+") &&
	    made_of(wanted->probe->note_name, WORDS ".-+") &&
	    (wanted->image->linked || (wanted->file != NULL &&
	    made_of(wanted->file, WORDS "./+-")));
}

/* ':' and '/' divide a pattern, and there is no way to escape them. */
static int
usdt_accepts(const struct probe *probe)
{
	return strpbrk(probe->provider, ":/") == NULL &&
	    strpbrk(probe->name, ":/") == NULL;
}

static void
one_process(FILE *out, const struct commands_for *wanted)
{
	const struct probe *probe = wanted->probe;
	char *command;

	if (probe->note_name != NULL && usdt_accepts(probe)) {
		command = xasprintf("usdt watch -p %d", (int)wanted->pid);
		line(out, command, pattern_for(NULL, probe));
		free(command);
	}
	if (probe->note_name != NULL && bpftrace_spells(probe) &&
	    wanted->place != NULL) {
		command = xasprintf("bpftrace -p %d -e", (int)wanted->pid);
		line(out, command, bpftrace_script_for(wanted->place, wanted));
		free(command);
	}
	if (dtrace_accepts(wanted->image))
		dtrace_lines(out, wanted);
	if (gdb_accepts(wanted))
		gdb_line(out, wanted);
}

/*
 * perf makes the names of its events from these, so they must be C identifiers.
 */
static int
perf_spells(const struct probe *probe)
{
	return made_of(probe->provider, WORDS) &&
	    made_of(probe->note_name, WORDS) &&
	    (*probe->note_name < '0' || *probe->note_name > '9');
}

const struct probe *
commands_perf_obstacle(const struct image *image)
{
	size_t i;

	for (i = 0; i < image->count; i++)
		if (image->probes[i].note_name != NULL &&
		    !perf_spells(&image->probes[i]))
			return &image->probes[i];
	return NULL;
}

/*
 * perf gets the file's path: without it, perf would choose the probe from any
 * file that it knows, even one of an earlier definition.  For a file in another
 * mount namespace perf wants the name in there.
 */
static void
perf_lines(FILE *out, const struct commands_for *wanted)
{
	const struct probe *probe = wanted->probe;
	char *root = xasprintf("/proc/%d/root/", (int)wanted->pid);
	const char *path = wanted->path;
	char *target, *command, *named = NULL;

	if (strncmp(path, root, strlen(root)) == 0)
		path += strlen(root) - 1;
	if (wanted->image->build_id && made_of(path, WORDS "./+-") &&
	    commands_perf_obstacle(wanted->image) == NULL) {
		target = path == wanted->path ? xasprintf("-x %s", path) :
		    xasprintf("--target-ns %d -x %s", (int)wanted->pid, path);
		fprintf(out, "      perf probe %s %%sdt_%s:%s\n", target,
		    probe->provider, probe->note_name);
		if (is_declared(wanted)) {
			command = xasprintf("perf probe %s", target);
			line(out, command, script_perf_named(wanted));
			free(command);
			named = xasprintf(" -e usdt_%s:%s_args", probe->provider,
			    probe->note_name);
		}
		fprintf(out, "      perf record -a -e sdt_%s:%s%s sleep 10; "
		    "perf script\n", probe->provider, probe->note_name,
		    named != NULL ? named : "");
		fprintf(out, "      perf probe -d sdt_%s:%s%s%s\n",
		    probe->provider, probe->note_name,
		    named != NULL ? " -d" : "", named != NULL ? named + 3 : "");
		free(target);
		free(named);
	}
	free(root);
}

static void
all_processes(FILE *out, const struct commands_for *wanted)
{
	const struct probe *probe = wanted->probe;

	if (usdt_accepts(probe))
		line(out, "usdt watch", pattern_for(wanted->path, probe));
	if (bpftrace_spells(probe) && made_of(wanted->path, WORDS "./+-"))
		line(out, "bpftrace -e", bpftrace_script_for(wanted->path,
		    wanted));
	perf_lines(out, wanted);
}

static void
to_trace(FILE *out, const struct probe *probe)
{
	fputs("    to trace ", out);
	quote_line(out, probe->provider);
	putc(':', out);
	quote_line(out, probe->name);
}

void
commands_print(FILE *out, const struct commands_for *wanted)
{
	if (wanted->probe->unreachable)
		return;
	if (wanted->pid != 0) {
		to_trace(out, wanted->probe);
		fprintf(out, " in process %d:\n", (int)wanted->pid);
		one_process(out, wanted);
	}
	if (wanted->path != NULL && wanted->probe->note_name != NULL) {
		to_trace(out, wanted->probe);
		fputs(" in every process that maps the file, later ones "
		    "too:\n", out);
		all_processes(out, wanted);
	}
}
