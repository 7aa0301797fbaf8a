/*
 * record.c - the subcommand "record": how do events get into a trace?
 *
 * The stream of tools/events brings the events, ctf.c writes them.  In between
 * are the fields of each probe, and a stream of the trace for each process.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "tools/events/events.h"
#include "tools/record/ctf.h"
#include "tools/subcommands.h"

#define SECOND	((uint64_t)1000000000)

/* What was written is found by readers after so long. */
#define FLUSH_EVERY	SECOND
/* A process without events for so many of these gets a new stream, if it ever
 * has one again: it may be another one then. */
#define IDLE_FLUSHES	10

/* Lists of processes, by their number. */
#define BUCKETS		4096

struct recorded {		/* a process */
	struct recorded *next;
	pid_t pid;
	unsigned idle;
	struct ctf_stream *stream;
};

struct record {
	struct stream_wish wish;
	const char *name;	/* of the directory */
	int directory;
	int made;		/* it is ours */
	uint64_t next_flush;
	struct ctf *ctf;
	struct recorded *last;	/* the last event's */
	struct recorded *processes[BUCKETS];
	size_t process_count;
	uint64_t events, lost;
};

static void
help(FILE *out)
{
	fputs("usage: usdt record [-w] [-c COMMAND | -p PID] [-d SECONDS] "
	    "-o DIRECTORY PATTERN...\n"
	    "\n"
	    "Write each event to a trace in the Common Trace Format (CTF 1.8),\n"
	    "which babeltrace2 and Trace Compass read.  Needs root.\n"
	    "\n"
	    "  -o, --output=DIRECTORY  the trace: a new directory, or an empty "
	    "one\n"
	    "  -c, --command=COMMAND   start this, and only in it, until it ends\n"
	    "  -p, --pid=PID           in this process only, until it ends\n"
	    "  -d, --duration=SECONDS  for so long\n"
	    "  -w, --wait              if there is no such probe, wait for one\n"
	    "  --as=ARG=str,ARG=hex    take arguments for texts or hex numbers\n"
	    "  --uprobe                never direct, always through the kernel\n"
	    "\n"
	    "PATTERN is as for usdt watch.\n", out);
}

/* --- fields --- */

struct fields {
	struct ctf_field *field;
	size_t count, space;
	char **names;		/* that were made for them */
	size_t name_count, name_space;
	size_t leaf, end;	/* the next member's, and the last */
};

static struct ctf_field *
add_field(struct fields *fields, const char *name, enum ctf_kind kind,
    size_t leaf)
{
	struct ctf_field *field;

	ROOM_FOR_ONE(fields->field, fields->count, fields->space);
	field = &fields->field[fields->count++];
	*field = (struct ctf_field){ .name = name, .kind = kind, .leaf = leaf };
	return field;
}

static void
add_number(struct fields *fields, const char *name, enum ctf_kind kind,
    size_t size, size_t leaf)
{
	if (size != 1 && size != 2 && size != 4)
		size = 8;
	add_field(fields, name, kind, leaf)->size = size;
}

static enum ctf_kind
member_kind(const struct type_member *member)
{
	const struct usdt__declarator *d = &member->declarator;

	if (d->pointers > 0)
		return CTF_POINTER;
	if (d->base == USDT__BASE_FLOAT)
		return CTF_FLOAT;
	return d->size < 0 ? CTF_SIGNED : CTF_UNSIGNED;
}

static void
add_members(struct fields *fields, const struct type_struct *type,
    const struct target *target);

/* A struct in a struct, or each of an array of them. */
static void
add_nested(struct fields *fields, const struct type_member *member,
    const struct target *target)
{
	size_t i;

	for (i = 0; i < member->elements && fields->leaf < fields->end; i++) {
		char *name = member->declarator.dimensions == 0 ?
		    xasprintf("%s", member->name) :
		    xasprintf("%s_%zu", member->name, i);

		ROOM_FOR_ONE(fields->names, fields->name_count,
		    fields->name_space);
		fields->names[fields->name_count++] = name;
		add_field(fields, name, CTF_STRUCT, 0);
		add_members(fields, member->of, target);
		add_field(fields, NULL, CTF_STRUCT_END, 0);
	}
}

/* As far as there was room for members in the event. */
static void
add_members(struct fields *fields, const struct type_struct *type,
    const struct target *target)
{
	size_t i;

	for (i = 0; i < type->count && fields->leaf < fields->end; i++) {
		const struct type_member *member = &type->members[i];
		const struct leaf *leaf = &target->leaves[fields->leaf];

		if (member_is_padding(member))
			continue;
		if (member->of != NULL && member->declarator.pointers == 0) {
			add_nested(fields, member, target);
			continue;
		}
		if (member_is_chars(member))
			add_field(fields, member->name, CTF_CHARS,
			    fields->leaf);
		else if (leaf->is_text || leaf->letter == '-')
			add_field(fields, member->name, CTF_TEXT,
			    fields->leaf);
		else
			add_number(fields, member->name, member_kind(member),
			    member->size, fields->leaf);
		if (leaf->letter == 'A' && !member_is_chars(member))
			fields->field[fields->count - 1].elements =
			    leaf->elements;
		fields->leaf++;
	}
}

static void
add_argument(struct fields *fields, const struct target *target, size_t index)
{
	static const enum ctf_kind kinds[] = {
		[KIND_UNSIGNED] = CTF_UNSIGNED, [KIND_SIGNED] = CTF_SIGNED,
		[KIND_POINTER] = CTF_POINTER, [KIND_FLOAT] = CTF_FLOAT
	};
	const struct leaf *leaf = &target->leaves[index];
	const struct argument *argument = &target->args[index];
	size_t size = (size_t)abs(argument->size);

	fields->leaf = target->members[index];
	fields->end = target->members[index + 1];
	if (fields->leaf < fields->end) {
		add_field(fields, argument->name, CTF_STRUCT, 0);
		add_number(fields, "address", CTF_POINTER, size, index);
		add_members(fields, argument_struct(argument), target);
		add_field(fields, NULL, CTF_STRUCT_END, 0);
	} else if (leaf->is_text || (leaf->letter == '-' && !target->direct)) {
		add_field(fields, argument->name, CTF_TEXT, index);
	} else {
		add_number(fields, argument->name, kinds[leaf->kind], size,
		    index);
	}
}

static struct ctf_class *
class_of(struct record *record, struct target *target)
{
	struct fields fields = { 0 };
	size_t i;

	for (i = 0; i < target->argc; i++)
		add_argument(&fields, target, i);
	target->own = ctf_class(record->ctf, target->probe->provider,
	    target->probe->name, fields.field, fields.count);
	for (i = 0; i < fields.name_count; i++)
		free(fields.names[i]);
	free(fields.names);
	free(fields.field);
	return target->own;
}

/* --- processes --- */

static struct recorded *
process_of(struct record *record, pid_t pid, const char *comm)
{
	struct recorded **list = &record->processes[(unsigned)pid % BUCKETS];
	struct recorded *process = *list;
	char *program;

	while (process != NULL && process->pid != pid)
		process = process->next;
	if (process != NULL)
		return process;
	program = process_command(pid);
	process = xcalloc(1, sizeof *process);
	process->pid = pid;
	process->stream = ctf_stream(record->ctf, pid,
	    strcmp(program, "?") == 0 && comm != NULL ? comm : program);
	free(program);
	process->next = *list;
	*list = process;
	record->process_count++;
	return process;
}

/* Write what all streams have, and end those without events. */
static void
flush_streams(struct record *record)
{
	struct recorded **at, *process;
	size_t i;

	record->last = NULL;
	for (i = 0; i < BUCKETS; i++)
		for (at = &record->processes[i]; (process = *at) != NULL; ) {
			ctf_flush(process->stream);
			if (process->idle++ < IDLE_FLUSHES) {
				at = &process->next;
				continue;
			}
			*at = process->next;
			ctf_stream_end(process->stream);
			free(process);
		}
}

static void
forget_processes(struct record *record)
{
	struct recorded *process;
	size_t i;

	for (i = 0; i < BUCKETS; i++)
		while ((process = record->processes[i]) != NULL) {
			record->processes[i] = process->next;
			free(process);
		}
}

/* --- events --- */

/* Where an event goes, and as what. */
static struct ctf_stream *
place_of(struct record *record, const struct fire *fire,
    const struct ctf_class **class)
{
	*class = fire->target->own;
	if (*class == NULL)
		*class = class_of(record, fire->target);
	if (record->last == NULL || record->last->pid != fire->pid)
		record->last = process_of(record, fire->pid, fire->comm);
	record->last->idle = 0;
	return record->last->stream;
}

static int
take(void *self, const struct fire *fire)
{
	struct record *record = self;
	const struct ctf_class *class;
	struct ctf_stream *stream = place_of(record, fire, &class);

	ctf_event(stream, class, fire->time, fire->tid, fire->values);
	record->events++;
	return 0;
}

static int
take_words(void *self, const struct fire *fire, const uint64_t *words,
    size_t count)
{
	struct record *record = self;
	const struct ctf_class *class;
	struct ctf_stream *stream = place_of(record, fire, &class);

	if (ctf_words(stream, class, fire->time, fire->tid, words, count) < 0)
		return 1;
	record->events++;
	return 0;
}

static int
flush(void *self)
{
	struct record *record = self;
	uint64_t time = clock_now(CLOCK_MONOTONIC);

	if (ctf_error(record->ctf) != 0)
		return -1;
	if (time >= record->next_flush) {
		flush_streams(record);
		record->next_flush = time + FLUSH_EVERY;
	}
	return 0;
}

static void
lost(void *self, const struct loss *loss)
{
	struct record *record = self;
	struct recorded *process;

	if (loss->count == 0)
		return;
	process = process_of(record, loss->pid, loss->comm);
	process->idle = 0;
	record->lost += loss->count;
	ctf_lost(process->stream, clock_now(CLOCK_MONOTONIC), loss->count);
	fprintf(stderr, "usdt: %" PRIu64 " events lost", loss->count);
	if (loss->target != NULL) {
		fputs(" of ", stderr);
		quote_word(stderr, loss->target->probe->provider);
		putc(':', stderr);
		quote_word(stderr, loss->target->probe->name);
	}
	if (loss->pid != 0)
		fprintf(stderr, " in process %d", (int)loss->pid);
	fputs(", they come faster than they can be recorded\n", stderr);
}

/* --- the trace --- */

/* Why the directory can't have a trace, or NULL. */
static const char *
open_directory(struct record *record)
{
	struct dirent *entry;
	struct stat st;
	DIR *list;
	int fd, used = 0;

	record->made = mkdir(record->name, 0700) == 0;
	if (!record->made && errno != EEXIST)
		return strerror(errno);
	record->directory = open(record->name, O_RDONLY | O_DIRECTORY |
	    O_CLOEXEC);
	/* Others must not put files of theirs in place of ours. */
	if (record->directory >= 0 && (fstat(record->directory, &st) < 0 ||
	    st.st_uid != geteuid() || (st.st_mode & 022) != 0))
		return "the directory is another user's, or others may write "
		    "to it";
	fd = record->directory < 0 ? -1 : openat(record->directory, ".",
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	list = fd < 0 ? NULL : fdopendir(fd);
	if (list == NULL)
		return strerror(errno);
	while ((entry = readdir(list)) != NULL)
		used |= strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0;
	closedir(list);
	return used ? "the directory is not empty" : NULL;
}

/* The UUID of this boot, by which readers know clocks that are the same. */
static const char *
boot_uuid(char *text, size_t size)
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	const char *line = file == NULL ? NULL : fgets(text, (int)size, file);

	if (file != NULL)
		fclose(file);
	if (line == NULL || strspn(text, "0123456789abcdef-") != 36)
		return NULL;
	text[36] = '\0';
	return text;
}

/*
 * Nanoseconds from 1970 to the moment at which CLOCK_MONOTONIC was 0.  The two
 * clocks can't be read at once: of some attempts the fastest one counts.
 */
static uint64_t
epoch(void)
{
	uint64_t before, after, best = UINT64_MAX, found = 0;
	struct timespec time;
	int i;

	for (i = 0; i < 20; i++) {
		before = clock_now(CLOCK_MONOTONIC);
		clock_gettime(CLOCK_REALTIME, &time);
		after = clock_now(CLOCK_MONOTONIC);
		if (after - before >= best)
			continue;
		best = after - before;
		found = (uint64_t)time.tv_sec * SECOND +
		    (uint64_t)time.tv_nsec - before - best / 2;
	}
	return found;
}

static int
begin(struct record *record)
{
	struct utsname machine;
	char boot[64];
	struct ctf_place place = {
		.host = uname(&machine) == 0 ? machine.nodename : "",
		.boot = boot_uuid(boot, sizeof boot),
		.epoch = epoch()
	};

	if (getrandom(place.uuid, sizeof place.uuid, 0) !=
	    sizeof place.uuid)
		memcpy(place.uuid, &place.epoch, sizeof place.epoch);
	place.uuid[6] = (uint8_t)((place.uuid[6] & 15) | 0x40);
	place.uuid[8] = (uint8_t)((place.uuid[8] & 63) | 0x80);
	record->ctf = ctf_begin(record->directory, &place);
	record->directory = -1;
	return record->ctf == NULL ? complain(record->name, strerror(errno)) :
	    EXIT_FINE;
}

/* End the trace, and say what is in it. */
static int
end(struct record *record)
{
	int error = ctf_end(record->ctf);

	forget_processes(record);
	if (error != 0)
		return complain(record->name, strerror(error));
	fprintf(stderr, "usdt: %" PRIu64 " events recorded", record->events);
	if (record->lost > 0)
		fprintf(stderr, ", %" PRIu64 " lost", record->lost);
	putc('\n', stderr);
	return EXIT_FINE;
}

static int
run(struct record *record)
{
	struct consumer consumer = {
		.self = record, .take = take, .take_words = take_words,
		.flush = flush, .lost = lost
	};
	const char *why = open_directory(record);
	struct stream *stream = NULL;
	int result, ended;

	result = why == NULL ? EXIT_FINE : complain(record->name, why);
	if (result == EXIT_FINE &&
	    (stream = stream_open(&record->wish)) == NULL)
		result = EXIT_TROUBLE;
	if (result == EXIT_FINE)
		result = begin(record);
	if (result == EXIT_FINE) {
		result = stream_run(stream, &consumer);
		ended = end(record);
		record->made = 0;	/* and stays */
		if (result == EXIT_FINE)
			result = ended;
	}
	stream_close(stream);
	if (record->directory >= 0)
		close(record->directory);
	if (record->made)
		rmdir(record->name);
	return result;
}

/* --- the command line --- */

int
command_record(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		WISH_OPTIONS,
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	struct record *record;
	struct stream_wish wish = { 0 };
	const char *name = NULL;
	int option, taken, result;

	while ((option = getopt_long(argc, argv, "o:c:p:d:wh", options,
	    NULL)) != -1)
		switch (option) {
		case 'o':
			name = optarg;
			break;
		default:
			taken = wish_option(&wish, option, optarg);
			if (taken <= 0)
				return taken < 0 ? EXIT_USAGE :
				    print_help(option, help);
		}
	if (name == NULL || *name == '\0')
		return misuse(help, "-o has to name the trace's directory");
	result = wish_patterns(&wish, argv + optind, help);
	if (result != EXIT_FINE)
		return result;
	record = xcalloc(1, sizeof *record);
	record->directory = -1;
	record->wish = wish;
	record->name = name;
	result = run(record);
	wish_done(&wish);
	free(record);
	return result;
}
