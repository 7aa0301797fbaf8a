/*
 * list.c - the subcommand "list": which probes do live processes have?
 *
 * Probes belong to files, and processes share files.  So the output has for
 * each file the processes that map it and its probes; hundreds of probes are
 * printed by provider instead (rows.c).  With --lines there is one line for
 * each process and probe, for scripts; a named file that no process maps has a
 * line for each probe.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/list/list.h"
#include "tools/subcommands.h"

/* For how many files commands are printed, without -v. */
#define FEW_FILES	3
/* More probes than this are printed as rows, without -v. */
#define MANY_PROBES	100

/* A file with probes to print. */
struct shown {
	const struct mapped *file;
	struct image *image;
	struct stat stat;
	size_t order;			/* the process in which it was found */
};

struct list {
	pid_t only;		/* -p, or 0 */
	int lines;		/* -l */
	int json;		/* -j */
	struct nearest nearest;	/* to what the user named */
	int verbose;		/* -v */
	struct pattern *patterns;
	size_t pattern_count;
	struct mapped *named;	/* files that patterns name, one for each */
	struct stat *there;	/* what is at those paths; st_ino 0: nothing */
	int *met;		/* a process has mapped it */
	struct shown *shown;
	size_t count, space;
	size_t probes;		/* to print, of all files */
	size_t unreadable;	/* files that we could not read */
};

static void
help(FILE *out)
{
	fputs("usage: usdt list [-jlv] [-p PID] [PATTERN]...\n"
	    "\n"
	    "Show the probes of live processes, and how to trace them.\n"
	    "\n"
	    "[direct] are those whose events usdt watch reads from the process\n"
	    "itself; [uprobe] come through the kernel.\n"
	    "\n"
	    "  -p, --pid=PID   of this process only\n"
	    "  -v, --verbose   with all processes, and files and commands to\n"
	    "                  paste even if there are many\n"
	    "  -l, --lines     for scripts: pid, command, provider, module,\n"
	    "                  function, name, types and path, with tabs; pid\n"
	    "                  and command are - if no process maps the file\n"
	    "  -j, --json      the same as JSON objects, one a line\n"
	    "\n"
	    "PATTERN is [PATH:]PROVIDER[:PROBE], or with four parts, as\n"
	    "usdt list prints probes, [PATH:]PROVIDER:MODULE:FUNCTION:PROBE,\n"
	    "or PATH alone.\n"
	    "All but PATH may have the wildcards * and ?; an empty part\n"
	    "matches all.\n",
	    out);
}

/* --- what to show of a probe --- */

static int
is_time(const struct timespec *one, const struct timespec *other)
{
	return one->tv_sec == other->tv_sec && one->tv_nsec == other->tv_nsec;
}

/*
 * Is that file the one that pattern INDEX names?  In another mount namespace
 * another file may have that path, and a link may lead to it.  A mapped file of
 * an overlay has another device and inode than the file at its path.
 */
static int
is_named(const struct list *list, size_t index, const char *path,
    const struct stat *st)
{
	const struct stat *there = &list->there[index];

	if (there->st_ino != 0 && there->st_ino == st->st_ino &&
	    there->st_dev == st->st_dev)
		return 1;
	if (strcmp(list->patterns[index].path, path) != 0)
		return 0;
	return there->st_ino == 0 ||	/* it had that name */
	    (there->st_size == st->st_size &&
	    is_time(&there->st_mtim, &st->st_mtim) &&
	    is_time(&there->st_ctim, &st->st_ctim));
}

static int
is_wanted(const struct list *list, const char *path, const struct stat *st,
    const struct probe *probe)
{
	const struct pattern *pattern = list->patterns;
	size_t i;

	if (probe->elsewhere && probe->twin != NULL)
		return 0;		/* its other site stands for both */
	for (i = 0; i < list->pattern_count; i++, pattern++)
		if ((pattern->path == NULL || is_named(list, i, path, st)) &&
		    pattern_matches(pattern, path, probe))
			return 1;
	return list->pattern_count == 0;
}

/* With NAMES, as a prototype. */
static void
show_types(FILE *out, const struct image *image, const struct probe *probe,
    int names)
{
	size_t count, i;
	struct argument *args = arguments_of(image, probe, &count);

	for (i = 0; i < count; i++) {
		if (i > 0)
			fputs(", ", out);
		quote_line(out, names && args[i].declared != NULL ?
		    args[i].declared->text : argument_type(&args[i]));
	}
	arguments_free(args, count);
}

/* --- for people --- */

void
list_processes(const struct holder *holders, size_t count, size_t most)
{
	char *command;
	size_t i;

	fputs("  in ", stdout);
	for (i = 0; i < count && i < most; i++) {
		command = process_command(holders[i].pid);
		printf("%s%d (", i ? ", " : "", (int)holders[i].pid);
		quote_line(stdout, command);
		putchar(')');
		free(command);
	}
	if (count > most)
		printf(" and %zu more", count - most);
	putchar('\n');
}

static int
is_direct(const struct image *image, const struct probe *probe)
{
	return !probe->unreachable && probe->note_name != NULL &&
	    image->direct.magic != 0 && direct_obstacle(image, probe) == NULL;
}

/* Why `usdt watch` does not read the events of a probe of ours directly. */
static void
show_obstacle(FILE *out, const struct image *image, const struct probe *probe)
{
	if (probe->unreachable)
		fprintf(out, " [broken: %s]", probe->unreachable);
	else if (probe->note_name == NULL)
		fputs(" [for DTrace only]", out);
	else if (image->direct.magic != 0)
		fprintf(out, " [uprobe, since %s]",
		    direct_obstacle(image, probe));
	else if (image->dof)
		fputs(" [uprobe]", out);
}

/* Its line, but for the end. */
static void
show_probe(FILE *out, const struct image *image, const struct probe *probe,
    const char *path)
{
	fputs("    ", out);
	quote_line(out, probe->provider);
	putc(':', out);
	quote_line(out, mapped_module(path));
	putc(':', out);
	quote_line(out, probe->function);
	putc(':', out);
	quote_line(out, probe->name);
	putc('(', out);
	show_types(out, image, probe, 1);
	putc(')', out);
	if (!is_direct(image, probe))
		show_obstacle(out, image, probe);
}

/* A path by which we reach the very file that was read, or NULL. */
static char *
reachable(const struct shown *shown)
{
	const struct mapped *file = shown->file;
	struct stat found;
	char *path;
	int i;

	for (i = 0; i < 2 && !file->deleted; i++) {
		if (i == 0)
			path = xasprintf("%s", file->path);
		else if (file->count > 0)
			path = xasprintf("/proc/%d/root%s",
			    (int)file->holders[0].pid, file->path);
		else
			break;
		if (stat(path, &found) == 0 &&
		    found.st_ino == shown->stat.st_ino &&
		    found.st_dev == shown->stat.st_dev)
			return path;
		free(path);
	}
	return NULL;
}

/*
 * Print the commands that trace a probe.  bpftrace -p finds only files that
 * have a name.
 */
static void
show_commands(const struct shown *shown, const struct probe *example)
{
	const struct mapped *file = shown->file;
	char *path = reachable(shown);
	char *descriptor = file->deleted ? mapped_descriptor(file) : NULL;

	commands_print(stdout, &(struct commands_for){
		.image = shown->image,
		.probe = example,
		.path = path,
		.place = file->deleted ? descriptor : "*",
		.file = descriptor != NULL ? descriptor : path,
		.pid = file->count ? file->holders[0].pid : 0,
		.code = file->count ? file->holders[0].start : 0
	});
	free(descriptor);
	free(path);
}

static void
show_file(const struct list *list, const struct shown *shown, int commands)
{
	const struct mapped *file = shown->file;
	const struct image *image = shown->image;
	const struct probe *example = NULL;
	size_t i;

	quote_line(stdout, file->path);
	puts(file->deleted ? " (deleted)" : "");
	if (file->count > 0)
		list_processes(file->holders, file->count, list->verbose ?
		    file->count : FEW_PROCESSES);
	for (i = 0; i < image->count; i++) {
		const struct probe *probe = &image->probes[i];

		if (!is_wanted(list, file->path, &shown->stat, probe))
			continue;
		if (example == NULL || example->unreachable)
			example = probe;
		show_probe(stdout, image, probe, file->path);
		puts(is_direct(image, probe) ? " [direct]" : "");
	}
	if (commands)
		show_commands(shown, example);
}

/*
 * Files with DOF first: those are libusdt's, and most processes have the C
 * library's probes too.
 */
static int
by_dof(const void *one, const void *other)
{
	const struct shown *a = one, *b = other;

	if (a->image->dof != b->image->dof)
		return a->image->dof ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

/* A few commands help; many would hide the probes. */
static void
show_files(const struct list *list)
{
	int all = list->verbose, some;
	size_t i, first = 0;

	while (first < list->count && list->shown[first].image->dof)
		first++;
	if (first == 0)
		first = list->count;
	some = first <= FEW_FILES;
	for (i = 0; i < list->count; i++) {
		if (i > 0)
			putchar('\n');
		show_file(list, &list->shown[i], all || (some && i < first));
	}
	if (!all && (!some || first < list->count))
		puts("\nWith -v there are commands to trace each.");
}

/* --- for people, of hundreds --- */

static void
add_row(struct rows *rows, const struct shown *shown, const struct probe *probe)
{
	size_t length;
	char *text;
	FILE *line = text_begin(&text, &length);

	show_probe(line, shown->image, probe, shown->file->path);
	text_end(line);
	rows_add(rows, probe->provider, text, is_direct(shown->image, probe),
	    shown->file);
	free(text);
}

static void
show_rows(const struct list *list)
{
	struct rows rows = { 0 };
	size_t i, k;

	for (i = 0; i < list->count; i++) {
		const struct shown *shown = &list->shown[i];

		for (k = 0; k < shown->image->count; k++) {
			const struct probe *probe = &shown->image->probes[k];

			if (is_wanted(list, shown->file->path, &shown->stat,
			    probe))
				add_row(&rows, shown, probe);
		}
	}
	rows_print(&rows);
	rows_free(&rows);
	puts("With -v there are all files and processes, and commands to trace "
	    "each.");
}

/* --- for scripts --- */

/* PID is 0 without a process. */
static void
show_line(const char *command, pid_t pid, const struct shown *shown,
    const struct probe *probe)
{
	const char *path = shown->file->path;
	const char *column[] = {
		command, probe->provider, mapped_module(path), probe->function,
		probe->name
	};
	size_t i;

	if (pid != 0)
		printf("%d", (int)pid);
	else
		putchar('-');
	for (i = 0; i < sizeof column / sizeof *column; i++) {
		putchar('\t');
		quote_line(stdout, column[i]);
	}
	putchar('\t');
	show_types(stdout, shown->image, probe, 0);
	putchar('\t');
	quote_line(stdout, path);
	puts(shown->file->deleted ? " (deleted)" : "");
}

/* The same as an object, with the arguments one by one. */
static void
show_object(const char *command, pid_t pid, const struct shown *shown,
    const struct probe *probe)
{
	struct probe_words words = {
		.command = command, .pid = pid, .path = shown->file->path,
		.deleted = shown->file->deleted, .image = shown->image,
		.probe = probe
	};
	struct line line = { 0 };

	json_probe(&line, &words);
	fwrite(line.bytes, 1, line.length, stdout);
	line_free(&line);
}

/* The probes of one file, as those of one process. */
static void
show_lines_of(const struct list *list, const struct shown *shown,
    const char *command, pid_t pid)
{
	size_t i;

	for (i = 0; i < shown->image->count; i++) {
		const struct probe *probe = &shown->image->probes[i];

		if (!is_wanted(list, shown->file->path, &shown->stat, probe))
			continue;
		if (list->json)
			show_object(command, pid, shown, probe);
		else
			show_line(command, pid, shown, probe);
	}
}

static void
show_lines(const struct list *list)
{
	size_t i, k;

	for (i = 0; i < list->count; i++) {
		const struct shown *shown = &list->shown[i];

		for (k = 0; k < shown->file->count; k++) {
			pid_t pid = shown->file->holders[k].pid;
			char *command = process_command(pid);

			show_lines_of(list, shown, command, pid);
			free(command);
		}
		if (shown->file->count == 0)	/* a file that was named */
			show_lines_of(list, shown, "-", 0);
	}
}

/* --- going through files --- */

/* Which of a file's probes are nearly those that patterns name? */
static void
look_near(struct list *list, const char *path, const struct shown *shown)
{
	size_t i, k;

	for (i = 0; list->count == 0 && i < list->pattern_count; i++) {
		const struct pattern *pattern = &list->patterns[i];

		if (pattern->path != NULL &&
		    !is_named(list, i, path, &shown->stat))
			continue;
		for (k = 0; k < shown->image->count; k++)
			nearest_try(&list->nearest, pattern,
			    &shown->image->probes[k]);
	}
}

/* Keep a file if it has something to print. */
static void
list_file(struct list *list, const struct mapped *file, int fd)
{
	struct shown shown = { .file = file, .image = image_read(fd) };
	size_t i, wanted = 0;

	if (shown.image == NULL || fstat(fd, &shown.stat) < 0) {
		image_free(shown.image);
		return;
	}
	direct_ask_filters(shown.image, file);
	for (i = 0; i < shown.image->count; i++)
		wanted += (size_t)is_wanted(list, file->path, &shown.stat,
		    &shown.image->probes[i]);
	for (i = 0; file->count > 0 && i < list->pattern_count; i++)
		list->met[i] |= list->patterns[i].path != NULL &&
		    is_named(list, i, file->path, &shown.stat);
	if (wanted == 0) {
		look_near(list, file->path, &shown);
		image_free(shown.image);
		return;
	}
	list->probes += wanted;
	shown.order = list->count;
	ROOM_FOR_ONE(list->shown, list->count, list->space);
	list->shown[list->count++] = shown;
}

static void
list_mapped(struct list *list, const struct census *census)
{
	size_t i;
	int fd;

	for (i = 0; i < census->count; i++) {
		if ((fd = mapped_open(census->files[i])) >= 0) {
			list_file(list, census->files[i], fd);
			close(fd);
		} else if (errno != ENOENT && errno != ESRCH) {
			list->unreadable++;
		}
	}
}

/* Files that the user named and that no process has mapped. */
static int
list_named(struct list *list)
{
	int fd, trouble = 0;
	size_t i, k;

	for (i = 0; i < list->pattern_count; i++) {
		char *path = list->patterns[i].path;

		if (list->met[i])
			path = NULL;
		for (k = 0; path != NULL && k < i; k++)
			if (list->patterns[k].path != NULL &&
			    strcmp(list->patterns[k].path, path) == 0)
				path = NULL;
		if (path == NULL || list->only != 0)
			continue;
		fd = open_regular(path, 0);
		if (fd < 0) {
			fprintf(stderr, "usdt: %s: %s\n", path, errno == 0 ?
			    "is not a regular file" : strerror(errno));
			trouble = 1;
			continue;
		}
		list->named[i].path = path;
		list_file(list, &list->named[i], fd);
		close(fd);
	}
	return trouble;
}

static void
report_none(const struct list *list)
{
	fputs("usdt: no probes found", stderr);
	if (list->only != 0)
		fprintf(stderr, " in process %d", (int)list->only);
	if (list->pattern_count > 0)
		fputs(" that match; without a pattern all are listed",
		    stderr);
	putc('\n', stderr);
	nearest_print(&list->nearest);
}

/* Report what could not be listed, and why. */
static int
report_rest(const struct list *list, const struct census *census)
{
	char *text;

	if (list->count == 0)
		report_none(list);
	if (census->hidden > 0) {
		text = hidden_text(census->hidden);
		fprintf(stderr, "usdt: %s\n", text);
		free(text);
	}
	if (list->unreadable > 0)
		fprintf(stderr, "usdt: this user may not read %zu mapped "
		    "file%s\n", list->unreadable,
		    list->unreadable == 1 ? "" : "s");
	return list->count == 0 ? EXIT_TROUBLE : EXIT_FINE;
}

static int
run(struct list *list)
{
	struct census census;
	int error = census_take(&census, list->only), result;

	if (error != 0 && list->only != 0) {
		fprintf(stderr, "usdt: process %d: %s\n", (int)list->only,
		    error == ENOENT ? "there is none" : strerror(error));
		result = EXIT_TROUBLE;
	} else if (error != 0) {
		fprintf(stderr, "usdt: /proc: %s\n", strerror(error));
		result = EXIT_TROUBLE;
	} else {
		list_mapped(list, &census);
		result = list_named(list);
		if (list->count > 0)
			qsort(list->shown, list->count, sizeof *list->shown,
			    by_dof);
		if (list->lines || list->json)
			show_lines(list);
		else if (list->probes > MANY_PROBES && !list->verbose)
			show_rows(list);
		else
			show_files(list);
		result |= report_rest(list, &census);
	}
	while (list->count > 0)
		image_free(list->shown[--list->count].image);
	free(list->shown);
	census_free(&census);
	return result;
}

int
command_list(int argc, char **argv)
{
	static const struct option options[] = {
		{ "pid", required_argument, NULL, 'p' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "lines", no_argument, NULL, 'l' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	struct list list = { 0 };
	int option, result;
	size_t i;

	while ((option = getopt_long(argc, argv, "p:vljh", options,
	    NULL)) != -1)
		switch (option) {
		case 'p':
			if ((list.only = parse_pid(optarg)) < 0)
				return EXIT_USAGE;
			break;
		case 'v':
			list.verbose = 1;
			break;
		case 'l':
			list.lines = 1;
			break;
		case 'j':
			list.json = 1;
			break;
		default:
			return print_help(option, help);
		}
	if (patterns_parse(&list.patterns, &list.pattern_count,
	    argv + optind) < 0)
		return EXIT_USAGE;
	list.named = xcalloc(list.pattern_count, sizeof *list.named);
	list.there = xcalloc(list.pattern_count, sizeof *list.there);
	list.met = xcalloc(list.pattern_count, sizeof *list.met);
	for (i = 0; i < list.pattern_count; i++)
		if (list.patterns[i].path != NULL &&
		    stat(list.patterns[i].path, &list.there[i]) < 0)
			list.there[i].st_ino = 0;
	result = run(&list);
	free(list.nearest.name);
	free(list.there);
	free(list.met);
	free(list.named);
	patterns_free(list.patterns, list.pattern_count);
	return result;
}
