/*
 * event.c - which kernel events describe probes, what do they record?
 *
 * One kernel event can have many probes if the same kinds of arguments are
 * fetched of each.  Attaching costs a descriptor for each event and processor,
 * not for each probe.  So probes with one signature share an event, and its
 * field "target" is a constant that says which probe fired.
 *
 *	p:GROUP/e1 /proc/PID/fd/9:0x1010(0x2000) target=\7:u32 comm=$comm
 *	    w0=%di:u32 w1=%si:u64 t1=+0(%si):x64[64]
 *
 * The definition names the file by our own descriptor: that is the very file
 * from which the notes were read, and blanks and colons in its path do no harm.
 *
 * Text is fetched as an array of words and not as the kernel's "string".  If
 * strings make a record larger than a page, the kernel warns about itself
 * (WARN_ON in trace_uprobe.c, which can be set to panic); it reports a string
 * longer than a page as a fault.  In an array, unreadable words are zero.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/watch/watch.h"

/* The kernel accepts 128 fields: two of ours, and at most two per argument. */
#define ARGS_MAX	62

/* How many bytes of definitions are written at once. */
#define BATCH	65536

/*
 * The most bytes of a text that are fetched; and the most that an event can
 * have, which is MAX_PROBE_EVENT_SIZE (3072) in the kernel, less our own
 * fields.
 */
#define TEXT_MAX	512
#define RECORD_MAX	3040

/* How often mappings are looked up for the texts of one round. */
#define LOOKUPS_MAX	256

/*
 * Letters of a signature: 1 2 4 8 is an integer of that many bytes, H is bits
 * 8 to 15 of a register, T a pointer with the text at it, - nothing.
 */
static char
signature_letter(const struct argument *argument, const char *fetch, int high)
{
	int size = abs(argument->size);

	if (fetch == NULL)
		return '-';
	if (high)
		return 'H';
	/*
	 * A 64-bit kernel follows a pointer in memory as 8 bytes: a pointer of
	 * 4 bytes would get its neighbour as the upper half.
	 */
	if (argument_is_text(argument) && *fetch != '\\' &&
	    (size == 8 || *fetch == '%'))
		return 'T';
	return (char)('0' + size);
}

void
target_prepare(struct target *target)
{
	size_t i;

	target->args = arguments_of(target->image, target->probe,
	    &target->argc);
	target->fetch = xcalloc(target->argc, sizeof *target->fetch);
	target->signature = xcalloc(target->argc + 1, 1);
	for (i = 0; i < target->argc; i++) {
		int high = 0;

		if (i < ARGS_MAX)
			target->fetch[i] = operand_fetch(target->image,
			    target->probe, &target->args[i], &high);
		target->signature[i] = signature_letter(&target->args[i],
		    target->fetch[i], high);
	}
}

void
target_done(struct target *target)
{
	size_t i;

	for (i = 0; i < target->argc; i++)
		free(target->fetch[i]);
	free(target->fetch);
	free(target->signature);
	arguments_free(target->args, target->argc);
}

/* --- defining --- */

/* How many words of each text are fetched: all texts share a record. */
static size_t
text_words(const char *signature)
{
	size_t texts = 0, size, argc = strlen(signature);

	for (size = 0; size < argc; size++)
		texts += signature[size] == 'T';
	if (texts == 0)
		return 0;
	size = (RECORD_MAX - 8 * (argc < ARGS_MAX ? argc : ARGS_MAX)) / texts;
	return (size < TEXT_MAX ? size : TEXT_MAX) / 8;
}

static void
write_field(FILE *line, char letter, size_t index, const char *fetch,
    size_t words)
{
	switch (letter) {
	case '-':
		break;
	case 'H':
		fprintf(line, " w%zu=%s:b8@8/16", index, fetch);
		break;
	case 'T':
		fprintf(line, " w%zu=%s:u64 t%zu=+0(%s):x64[%zu]", index,
		    fetch, index, fetch, words);
		break;
	default:
		fprintf(line, " w%zu=%s:u%d", index, fetch,
		    (letter - '0') * 8);
	}
}

/* The line that adds target INDEX to the event. */
static char *
definition(const struct tracefs *tracefs, const struct event *event,
    const struct target *target, size_t index)
{
	size_t size, i, words = text_words(target->signature);
	char *text;
	FILE *line = open_memstream(&text, &size);

	fprintf(line, "p:%s/e%u /proc/%d/fd/%d:0x%" PRIx64, tracefs->group,
	    event->number, (int)getpid(), target->fd, target->probe->site);
	if (target->probe->semaphore != 0)
		fprintf(line, "(0x%" PRIx64 ")", target->probe->semaphore);
	fprintf(line, " target=\\%zu:u32 comm=$comm", index);
	for (i = 0; i < target->argc; i++)
		write_field(line, target->signature[i], i, target->fetch[i],
		    words);
	putc('\n', line);
	fclose(line);
	return text;
}

/* Write all definitions, many whole lines at once. */
static int
define(struct tracefs *tracefs, const struct event *event,
    const struct target *targets)
{
	size_t size, i, at, length, more;
	char *text, *line;
	FILE *all = open_memstream(&text, &size);
	int error = 0;

	for (i = event->first; i < event->first + event->count; i++) {
		line = definition(tracefs, event, &targets[i], i);
		fputs(line, all);
		free(line);
	}
	fclose(all);
	for (at = 0; error == 0 && at < size; at += length) {
		length = 0;
		do {
			more = strcspn(text + at + length, "\n") + 1;
			length += more;
		} while (at + length < size && length + more < BATCH);
		error = tracefs_define(tracefs, text + at, length);
	}
	free(text);
	return error;
}

/* --- learning --- */

/* One line of the format: "field:TYPE NAME; offset:N; size:N; ...". */
static void
learn_field(struct event *event, const char *name, size_t at, size_t size)
{
	size_t index = strtoul(name + 1, NULL, 10);

	if (strcmp(name, "target") == 0) {
		event->target_at = at;
	} else if (strcmp(name, "comm") == 0) {
		event->comm_at = at;
	} else if (name[0] == 'w' && index < event->argc) {
		event->fields[index].word = at;
		event->fields[index].word_size = size;
	} else if (name[0] == 't' && index < event->argc) {
		event->fields[index].text = at;
		event->fields[index].text_size = size;
	}
}

static void
learn_format(struct event *event, char *text)
{
	char *line, *next = text, *end, *name;
	size_t at, size;

	while ((line = strstr(next, "field:")) != NULL) {
		next = line + strcspn(line, "\n");
		end = line + strcspn(line, ";\n");
		if (*end != ';' || sscanf(end, "; offset:%zu; size:%zu", &at,
		    &size) != 2)
			continue;
		*end = '\0';
		name = strrchr(line, ' ');
		if (name != NULL)
			learn_field(event, name + 1, at, size);
		*end = ';';
	}
}

static int
learn(struct tracefs *tracefs, struct event *event)
{
	char *text = tracefs_event_file(tracefs, event->number, "id");

	if (text == NULL)
		return errno;
	event->id = (unsigned)strtoul(text, NULL, 10);
	free(text);
	text = tracefs_event_file(tracefs, event->number, "format");
	if (text == NULL)
		return errno;
	event->fields = xcalloc(event->argc, sizeof *event->fields);
	learn_format(event, text);
	free(text);
	return event->target_at != 0 && event->comm_at != 0 ? 0 : EPROTO;
}

int
event_define(struct tracefs *tracefs, struct event *event,
    const struct target *targets)
{
	int error = define(tracefs, event, targets);

	event->argc = targets[event->first].argc;
	if (error == 0)
		error = learn(tracefs, event);
	if (error != 0) {
		tracefs_remove(tracefs, event->number);
		event_done(event);
	}
	return error;
}

void
event_done(struct event *event)
{
	free(event->fields);
	event->fields = NULL;
}

/* --- showing --- */

/* An integer of the record, or 0 beyond its end. */
static uint64_t
load(const uint8_t *record, size_t size, size_t at, size_t bytes)
{
	union {
		uint8_t u8;
		uint16_t u16;
		uint32_t u32;
		uint64_t u64;
	} value;

	if (at > size || bytes > size - at || bytes > sizeof value)
		return 0;
	memcpy(&value, record + at, bytes);
	switch (bytes) {
	case 1:
		return value.u8;
	case 2:
		return value.u16;
	case 4:
		return value.u32;
	case 8:
		return value.u64;
	}
	return 0;
}

long
event_target(const struct event *event, const uint8_t *record, size_t size)
{
	uint64_t index = load(record, size, event->target_at, 4);

	if (index < event->first || index >= event->first + event->count)
		return -1;
	return (long)index;
}

/*
 * The data that a data location points to: it has the length in its upper half
 * and the place in its lower half.
 */
void
event_show_comm(FILE *out, const struct event *event, const uint8_t *record,
    size_t size)
{
	uint64_t location = load(record, size, event->comm_at, 4);
	size_t at = location & 0xffff, length = (size_t)(location >> 16);
	char *comm;

	if (length == 0 || at > size || length > size - at) {
		putc('?', out);
		return;
	}
	comm = xstrndup((const char *)record + at, length);
	quote_word(out, comm);
	free(comm);
}

static void
show_integer(FILE *out, const struct argument *argument, uint64_t value,
    size_t bytes)
{
	unsigned unused = bytes < 8 ? (unsigned)(8 - bytes) * 8 : 0;

	if (argument_is_pointer(argument))
		fprintf(out, "0x%" PRIx64, value);
	else if (argument->size < 0)
		fprintf(out, "%" PRId64,
		    (int64_t)(value << unused) / ((int64_t)1 << unused));
	else
		fprintf(out, "%" PRIu64, value);
}

/*
 * A record has the same zeros for an empty text and for an unreadable one:
 * check whether the process has memory there.  The memory itself is not
 * touched: behind it may be a file system of the process's own, which may
 * answer late or never.  A process may also have so many mappings that a lookup
 * takes long: after too many lookups its unreadable texts count as empty.
 */
static int
is_readable(struct lookups *lookups, pid_t pid, uint64_t address)
{
	const struct holder *last = &lookups->last;

	if ((last->pid == pid && address >= last->start &&
	    address < last->end) || lookups->count >= LOOKUPS_MAX)
		return 1;
	lookups->count++;
	return process_readable(pid, address, &lookups->last) != 0;
}

static void
show_text(FILE *out, const struct field *field, pid_t pid, uint64_t pointer,
    const uint8_t *text, struct lookups *lookups)
{
	size_t length = strnlen((const char *)text, field->text_size);

	if (pointer == 0)
		fputs("NULL", out);
	else if (length == 0 && !is_readable(lookups, pid, pointer))
		fputs("(unreadable)", out);
	else
		quote_string(out, (const char *)text, length);
	if (length == field->text_size)
		fputs("...", out);
}

void
event_show_args(FILE *out, const struct event *event,
    const struct target *target, pid_t pid, const uint8_t *record,
    size_t size, struct lookups *lookups)
{
	size_t i;

	for (i = 0; i < event->argc; i++) {
		const struct field *field = &event->fields[i];
		size_t bytes = field->word_size;
		uint64_t value = load(record, size, field->word, bytes);

		putc(' ', out);
		if (field->word == 0 ||
		    field->text + field->text_size > size) {
			putc('?', out);
		} else if (field->text != 0) {
			show_text(out, field, pid, value,
			    record + field->text, lookups);
		} else {
			if (target->signature[i] == 'H')
				bytes = 1;
			show_integer(out, &target->args[i], value, bytes);
		}
	}
}
