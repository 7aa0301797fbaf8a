/*
 * uprobe.c - which kernel events describe probes, what do they record?
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
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/events/parts.h"

/* How many bytes of definitions are written at once. */
#define BATCH	65536

/* How often mappings are looked up for the texts of one round. */
#define LOOKUPS_MAX	256

/* --- defining --- */

static void
write_leaf(FILE *line, const struct leaf *leaf, size_t index, size_t words)
{
	const char *fetch = leaf->fetch;

	switch (leaf->letter) {
	case '-':
		break;
	case 'H':
		fprintf(line, " w%zu=%s:b8@8/16", index, fetch);
		break;
	case 'T':
		fprintf(line, " w%zu=%s:u64 t%zu=+0(%s):x64[%zu]", index,
		    fetch, index, fetch, words);
		break;
	case 'A':
		fprintf(line, " w%zu=%s:x%zu[%zu]", index, fetch,
		    leaf->size * 8, leaf->elements);
		break;
	default:
		fprintf(line, " w%zu=%s:u%d", index, fetch,
		    (leaf->letter - '0') * 8);
	}
}

/* The line that adds target INDEX to the event. */
static char *
definition(const struct tracefs *tracefs, const struct event *event,
    const struct target *target, size_t index)
{
	size_t size, i;
	char *text;
	FILE *line = text_begin(&text, &size);

	uint64_t site = target->direct ? direct_site(target->image,
	    target->probe) : target->probe->site;
	uint64_t semaphore = target->direct ? direct_semaphore(target->probe) :
	    target->probe->semaphore;

	fprintf(line, "p:%s/e%u /proc/%d/fd/%d:0x%" PRIx64, tracefs->group,
	    event->number, (int)getpid(), target->fd, site);
	if (semaphore != 0)
		fprintf(line, "(0x%" PRIx64 ")", semaphore);
	if (!target->direct)
		fprintf(line, " target=\\%zu:u32 comm=$comm", index);
	for (i = 0; !target->direct && i < target->leaf_count; i++)
		write_leaf(line, &target->leaves[i], i, target->words);
	putc('\n', line);
	text_end(line);
	return text;
}

/* Probes of one name have one gate. */
static int
is_same_gate(const struct target *one, const struct target *other)
{
	return one->direct && one->image == other->image &&
	    direct_gate(one->image, one->probe) ==
	    direct_gate(other->image, other->probe);
}

/* Write all definitions, many whole lines at once. */
static int
define(struct tracefs *tracefs, const struct event *event)
{
	size_t size, i, at, length, more;
	char *text, *line;
	FILE *all = text_begin(&text, &size);
	int error = 0;

	for (i = 0; i < event->count; i++) {
		if (i > 0 && is_same_gate(event->targets[i],
		    event->targets[i - 1]))
			continue;
		line = definition(tracefs, event, event->targets[i], i);
		fputs(line, all);
		free(line);
	}
	text_end(all);
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
	} else if (name[0] == 'w' && index < event->field_count) {
		event->fields[index].word = at;
		event->fields[index].word_size = size;
	} else if (name[0] == 't' && index < event->field_count) {
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
	event->fields = xcalloc(event->field_count,
	    sizeof *event->fields);
	learn_format(event, text);
	free(text);
	return event->targets[0]->direct || (event->target_at != 0 &&
	    event->comm_at != 0) ? 0 : EPROTO;
}

int
event_define(struct tracefs *tracefs, struct event *event,
    struct target *const *targets, size_t count)
{
	int error;

	event->count = count;
	event->targets = xcalloc(count, sizeof *event->targets);
	memcpy(event->targets, targets, count * sizeof *targets);
	event->field_count = targets[0]->direct ? 0 : targets[0]->leaf_count;
	error = define(tracefs, event);
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
	free(event->targets);
	event->fields = NULL;
	event->targets = NULL;
}

/* --- reading --- */

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

struct target *
event_target(const struct event *event, const uint8_t *record, size_t size)
{
	uint64_t index = load(record, size, event->target_at, 4);

	return index < event->count ? event->targets[index] : NULL;
}

/*
 * The data that a data location points to: it has the length in its upper half
 * and the place in its lower half.
 */
void
event_comm(const struct event *event, const uint8_t *record, size_t size,
    char *comm, size_t space)
{
	uint64_t location = load(record, size, event->comm_at, 4);
	size_t at = location & 0xffff, length = (size_t)(location >> 16);
	const char *name = (const char *)record + at;

	if (length == 0 || at > size || length > size - at) {
		name = "?";
		length = 1;
	}
	length = strnlen(name, length < space ? length : space - 1);
	memcpy(comm, name, length);
	comm[length] = '\0';
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

/* The leaf's value; all is 0 if it is not in the record. */
static struct value
value_of(const struct field *field, const struct leaf *leaf,
    const uint8_t *record, size_t size)
{
	struct value value = { 0 };

	if (field->word == 0 || field->word + field->word_size > size ||
	    field->text + field->text_size > size)
		return value;
	value.bytes = leaf->letter == 'H' ? 1 : (unsigned)field->word_size;
	if (leaf->letter == 'A') {
		value.text = (const char *)record + field->word;
		value.length = value.space = field->word_size;
		if (field->word_size < leaf->member->size *
		    leaf->member->elements)
			value.flags = VALUE_CUT;
		return value;
	}
	value.bits = load(record, size, field->word, field->word_size);
	if (field->text == 0)
		return value;
	value.flags = VALUE_TEXT;
	if (value.bits != 0) {
		value.text = (const char *)record + field->text;
		value.space = field->text_size;
		value.length = strnlen(value.text, value.space);
		if (value.length == value.space)
			value.flags |= VALUE_CUT;
	}
	return value;
}

/* Are all these values zero, as if nothing could be read? */
static int
is_nothing(const struct value *value, const struct value *end)
{
	size_t i;

	for (; value < end; value++) {
		if (value->bits != 0)
			return 0;
		for (i = 0; i < value->length; i++)
			if (value->text[i] != 0)
				return 0;
	}
	return 1;
}

void
event_values(const struct event *event, const struct target *target,
    pid_t pid, const uint8_t *record, size_t size, struct lookups *lookups,
    struct value *values)
{
	size_t i;

	for (i = 0; i < target->leaf_count; i++) {
		struct value *value = &values[i];

		*value = value_of(&event->fields[i], &target->leaves[i],
		    record, size);
		/* What a thread announces are words.  They may begin with a
		 * zero, and by now their ring may be gone. */
		if (!target->announcer && value->text != NULL &&
		    (value->flags & VALUE_TEXT) && value->length == 0 &&
		    !is_readable(lookups, pid, value->bits)) {
			value->text = NULL;
			value->flags = VALUE_TEXT | VALUE_UNREADABLE;
		}
	}
	for (i = 0; i < target->argc; i++)
		if (target->members[i] < target->members[i + 1] &&
		    values[i].bits != 0 &&
		    is_nothing(&values[target->members[i]],
		    &values[target->members[i + 1]]) &&
		    !is_readable(lookups, pid, values[i].bits))
			values[i].flags |= VALUE_UNREADABLE;
	values_end_texts(target, values);
}
