/*
 * commands.c - what does one type to trace a probe?
 *
 * One command line for each tracer, ready to be pasted into a shell.  A
 * tracer that can't spell the probe's names, or the path of its image, is left
 * out: the sets below are those that bpftrace 0.17 to 0.27, perf 6.1, DTrace
 * 2.0.7 and gdb 13 were seen to take.  SystemTap is left out: it moves a
 * semaphore together with its probe, by .stapsdt.base, and so counts itself in
 * at a wrong place.
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

/* Print a command that ends with an argument to be quoted. */
static void
line(FILE *out, const char *command, char *argument)
{
	fprintf(out, "      %s ", command);
	quote_shell(out, argument);
	putc('\n', out);
	free(argument);
}

/* --- the scripts --- */

/*
 * The arguments as a script in bpftrace's language: the first six, which all
 * its versions read.
 */
static char *
bpftrace_script(const char *place, const struct commands_for *advice)
{
	size_t count, i, size;
	struct argument *args = arguments_of(advice->image, advice->probe,
	    &count);
	char *script;
	FILE *text = open_memstream(&script, &size);

	fprintf(text, "usdt:%s:%s:%s { printf(\"%%d %%s", place,
	    advice->probe->provider, advice->probe->note_name);
	for (i = 0; i < count && i < 6; i++)
		fputs(argument_is_text(&args[i]) ? " %s" :
		    argument_is_pointer(&args[i]) ? " 0x%lx" :
		    args[i].size < 0 ? " %d" : " %lu", text);
	fputs("\\n\", pid, comm", text);
	for (i = 0; i < count && i < 6; i++)
		fprintf(text, argument_is_text(&args[i]) ? ", str(arg%zu)" :
		    ", arg%zu", i);
	fputs("); }", text);
	fclose(text);
	arguments_free(args, count);
	return script;
}

static char *
dtrace_script(const struct commands_for *advice, const char *name)
{
	size_t count, i, size;
	struct argument *args = arguments_of(advice->image, advice->probe,
	    &count);
	char *script;
	FILE *text = open_memstream(&script, &size);

	fprintf(text, "%s$target:::%s {", advice->probe->provider, name);
	for (i = 0; i < count && i < 10; i++)
		fprintf(text, argument_is_text(&args[i]) ?
		    " trace(copyinstr(arg%zu));" : " trace(arg%zu);", i);
	fputs(" }", text);
	fclose(text);
	arguments_free(args, count);
	return script;
}

/* DTrace's spelling of a name: "__" is '-'. */
static char *
dtrace_name(const struct probe *probe)
{
	char *name = need_copy(probe->name, strlen(probe->name));
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

/* There are systems on which it takes no 32-bit processes. */
static int
dtrace_takes(const struct image *image)
{
	return usdt__native_platform()->narrow == NULL ||
	    image->machine != EM_386;
}

static void
dtrace_lines(FILE *out, const struct commands_for *advice)
{
	const char *provider = advice->probe->provider;
	size_t length = strlen(provider);
	char *name = dtrace_name(advice->probe), *command;

	/* DTrace can't tell a digit at the end from the pid's. */
	if (made_of(provider, WORDS ".-") && made_of(name, WORDS ".-") &&
	    length > 0 &&
	    (provider[length - 1] < '0' || provider[length - 1] > '9')) {
		command = need_format("dtrace -p %d -n", (int)advice->pid);
		line(out, command, dtrace_script(advice, name));
		free(command);
	}
	free(name);
}

static int
bpftrace_spells(const struct probe *probe)
{
	return made_of(probe->provider, WORDS ".-") &&
	    made_of(probe->note_name, WORDS ".-");
}

/*
 * gdb finds notes in the files that the dynamic linker knows of; it has to be
 * told of others, and where they are.  As SystemTap it moves the semaphore
 * with the probe, which no relocation of a linker asks for here: so it is told
 * a place that undoes the move.  Its breakpoint then is at the site for DTrace,
 * where none of those is that use the semaphore.
 */
static void
gdb_line(FILE *out, const struct commands_for *advice)
{
	const struct image *image = advice->image;
	const struct probe *probe = advice->probe;
	char *command = need_format("gdb -p %d", (int)advice->pid), *longer;

	if (!image->linked && advice->file != NULL) {
		longer = need_format("%s -ex 'add-symbol-file %s -o 0x%" PRIx64
		    "'", command, advice->file, advice->code - image->code -
		    probe->moved);
		free(command);
		command = longer;
	}
	longer = need_format("%s -ex", command);
	free(command);
	line(out, longer, need_format("break -probe-stap %s:%s",
	    probe->provider, probe->note_name));
	free(longer);
}

static int
gdb_takes(const struct commands_for *advice)
{
	return advice->probe->note_name != NULL &&
	    made_of(advice->probe->provider, WORDS ".-+") &&
	    made_of(advice->probe->note_name, WORDS ".-+") &&
	    (advice->image->linked || (advice->file != NULL &&
	    made_of(advice->file, WORDS "./+-")));
}

/* These divide a pattern, and nothing in it says that they don't. */
static int
usdt_takes(const struct probe *probe)
{
	return strpbrk(probe->provider, ":/") == NULL &&
	    strpbrk(probe->name, ":/") == NULL;
}

static void
one_process(FILE *out, const struct commands_for *advice)
{
	const struct probe *probe = advice->probe;
	char *command;

	if (probe->note_name != NULL && usdt_takes(probe)) {
		command = need_format("usdt watch -p %d", (int)advice->pid);
		line(out, command, pattern_for(NULL, probe));
		free(command);
	}
	if (probe->note_name != NULL && bpftrace_spells(probe) &&
	    advice->place != NULL) {
		command = need_format("bpftrace -p %d -e", (int)advice->pid);
		line(out, command, bpftrace_script(advice->place, advice));
		free(command);
	}
	if (dtrace_takes(advice->image))
		dtrace_lines(out, advice);
	if (gdb_takes(advice))
		gdb_line(out, advice);
}

/* Names that C could have, too: perf makes its events' names of them. */
static int
perf_spells(const struct probe *probe)
{
	return made_of(probe->provider, WORDS) &&
	    made_of(probe->note_name, WORDS) &&
	    (*probe->note_name < '0' || *probe->note_name > '9');
}

const struct probe *
commands_perf_stumbles(const struct image *image)
{
	size_t i;

	for (i = 0; i < image->count; i++)
		if (image->probes[i].note_name != NULL &&
		    !perf_spells(&image->probes[i]))
			return &image->probes[i];
	return NULL;
}

/*
 * perf is given the file: without it, it takes the probe from any file that it
 * knows, also from one of an earlier definition.  Of a file in another mount
 * namespace it wants the name in there.
 */
static void
perf_lines(FILE *out, const struct commands_for *advice)
{
	const struct probe *probe = advice->probe;
	char *root = need_format("/proc/%d/root/", (int)advice->pid);
	const char *path = advice->path;

	if (strncmp(path, root, strlen(root)) == 0)
		path += strlen(root) - 1;
	if (advice->image->build_id && made_of(path, WORDS "./+-") &&
	    commands_perf_stumbles(advice->image) == NULL) {
		fputs("      perf probe ", out);
		if (path != advice->path)
			fprintf(out, "--target-ns %d ", (int)advice->pid);
		fprintf(out, "-x %s %%sdt_%s:%s\n", path, probe->provider,
		    probe->note_name);
		fprintf(out, "      perf record -a -e sdt_%s:%s sleep 10; "
		    "perf script\n", probe->provider, probe->note_name);
		fprintf(out, "      perf probe -d sdt_%s:%s\n",
		    probe->provider, probe->note_name);
	}
	free(root);
}

static void
all_processes(FILE *out, const struct commands_for *advice)
{
	const struct probe *probe = advice->probe;

	if (usdt_takes(probe))
		line(out, "usdt watch", pattern_for(advice->path, probe));
	if (bpftrace_spells(probe) && made_of(advice->path, WORDS "./+-"))
		line(out, "bpftrace -e", bpftrace_script(advice->path,
		    advice));
	perf_lines(out, advice);
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
commands_print(FILE *out, const struct commands_for *advice)
{
	if (advice->probe->unreachable)
		return;
	if (advice->pid != 0) {
		to_trace(out, advice->probe);
		fprintf(out, " in process %d:\n", (int)advice->pid);
		one_process(out, advice);
	}
	if (advice->path != NULL && advice->probe->note_name != NULL) {
		to_trace(out, advice->probe);
		fputs(" in every process that maps the file, later ones "
		    "too:\n", out);
		all_processes(out, advice);
	}
}
