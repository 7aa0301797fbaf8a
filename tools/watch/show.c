/*
 * show.c - how is a record printed?
 *
 *	req={id=7, url="/index", peer={host="localhost", port=443}} took=3.25
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <inttypes.h>
#include <stdlib.h>

#include "tools/watch/watch.h"

/* How often mappings are looked up for the texts of one round. */
#define LOOKUPS_MAX	256

/* A record, and how far it is printed. */
struct view {
	FILE *out;
	const struct event *event;
	const struct target *target;
	pid_t pid;
	const uint8_t *record;
	size_t size;
	struct lookups *lookups;
	size_t leaf, end;	/* the next one to be printed, and the last */
};

/*
 * The data that a data location points to: it has the length in its upper half
 * and the place in its lower half.
 */
void
event_show_comm(FILE *out, const struct event *event, const uint8_t *record,
    size_t size)
{
	uint64_t location = event_load(record, size, event->comm_at, 4);
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

/* --- numbers --- */

/* The shortest text that is read as the same number. */
static void
show_double(FILE *out, double value)
{
	char text[64];
	int digits = 15;

	do
		snprintf(text, sizeof text, "%.*g", digits, value);
	while (strtod(text, NULL) != value && digits++ < 17);
	fputs(text, out);
}

static void
show_float(FILE *out, float value)
{
	char text[64];
	int digits = 6;

	do
		snprintf(text, sizeof text, "%.*g", digits, (double)value);
	while (strtof(text, NULL) != value && digits++ < 9);
	fputs(text, out);
}

/* The bits of a number of SIZE bytes. */
static void
show_bits(FILE *out, uint64_t bits, size_t size)
{
	uint32_t half = (uint32_t)bits;
	double wide;
	float narrow;

	memcpy(&wide, &bits, sizeof wide);
	memcpy(&narrow, &half, sizeof narrow);
	if (size == 4)
		show_float(out, narrow);
	else
		show_double(out, wide);
}

static void
show_integer(FILE *out, int is_signed, uint64_t value, size_t bytes)
{
	unsigned unused = bytes < 8 ? (unsigned)(8 - bytes) * 8 : 0;

	if (is_signed)
		fprintf(out, "%" PRId64,
		    (int64_t)(value << unused) / ((int64_t)1 << unused));
	else
		fprintf(out, "%" PRIu64, value);
}

/* --- texts --- */

/*
 * A record has the same zeros for an empty text and for an unreadable one:
 * check whether the process has memory there.  The memory itself is not
 * touched: behind it may be a file system of the process's own, which may
 * answer late or never.  A process may also have so many mappings that a lookup
 * takes long: after too many lookups its unreadable texts count as empty.
 */
static int
is_readable(const struct view *view, uint64_t address)
{
	struct lookups *lookups = view->lookups;
	const struct holder *last = &lookups->last;

	if ((last->pid == view->pid && address >= last->start &&
	    address < last->end) || lookups->count >= LOOKUPS_MAX)
		return 1;
	lookups->count++;
	return process_readable(view->pid, address, &lookups->last) != 0;
}

/* LIMIT is the length that the program passed beside it; -1: up to a zero. */
static void
show_text(const struct view *view, const struct field *field,
    uint64_t pointer, int64_t limit)
{
	const uint8_t *text = view->record + field->text;
	size_t length = strnlen((const char *)text, field->text_size);
	int cut = length == field->text_size;

	if (pointer != 0 && limit >= 0 && (length > 0 ||
	    is_readable(view, pointer))) {
		cut = (uint64_t)limit > field->text_size;
		length = cut ? field->text_size : (size_t)limit;
		quote_string(view->out, (const char *)text, length);
	} else if (pointer == 0) {
		fputs("NULL", view->out);
	} else if (length == 0 && !is_readable(view, pointer)) {
		fputs("(unreadable)", view->out);
	} else {
		quote_string(view->out, (const char *)text, length);
	}
	if (cut)
		fputs("...", view->out);
}

/* --- members --- */

static const struct field *
field_of(const struct view *view, size_t leaf)
{
	return &view->event->fields[leaf];
}

static uint64_t
value_of(const struct view *view, size_t leaf)
{
	const struct field *field = field_of(view, leaf);

	return event_load(view->record, view->size, field->word,
	    field->word_size);
}

/* Is the leaf in the record? */
static int
is_present(const struct view *view, size_t leaf)
{
	const struct field *field = field_of(view, leaf);

	return field->word != 0 &&
	    field->word + field->word_size <= view->size &&
	    field->text + field->text_size <= view->size;
}

/* One number of a member, or one element. */
static void
show_number(FILE *out, const struct type_member *member, uint64_t value,
    size_t size)
{
	const struct usdt__declarator *d = &member->declarator;

	if (d->pointers > 0)
		fprintf(out, "0x%" PRIx64, value);
	else if (d->base == USDT__BASE_FLOAT)
		show_bits(out, value, size);
	else
		show_integer(out, d->size < 0, value, size);
}

static void
show_array(const struct view *view, const struct type_member *member,
    size_t leaf)
{
	const struct field *field = field_of(view, leaf);
	const uint8_t *at = view->record + field->word;
	size_t i, count = field->word_size / member->size;

	if (member_is_chars(member)) {
		quote_string(view->out, (const char *)at,
		    strnlen((const char *)at, field->word_size));
	} else {
		putc('{', view->out);
		for (i = 0; i < count; i++) {
			fputs(i > 0 ? ", " : "", view->out);
			show_number(view->out, member, event_load(at,
			    field->word_size, i * member->size, member->size),
			    member->size);
		}
		putc('}', view->out);
	}
	if (field->word_size < member->size * member->elements)
		fputs("...", view->out);
}

/* A length that was passed as an integer of SIZE bytes; -1 if it is none. */
static int64_t
length_value(uint64_t value, int size)
{
	if (size < 0 && (value >> (-size * 8 - 1) & 1) != 0)
		return -1;
	return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

/* The length beside a text in a struct whose first leaf is FIRST; or -1. */
static int64_t
length_among(const struct view *view, const struct type_struct *type,
    const struct type_member *text, size_t first)
{
	size_t i, leaf = first;

	for (i = 0; i < type->count; i++) {
		const struct type_member *member = &type->members[i];

		if (member_is_padding(member))
			continue;
		if (member->of != NULL && member->declarator.pointers == 0)
			return -1;	/* leaves can't be counted behind it */
		if (leaf < view->end && argument_is_length_of(member->name,
		    text->name) && member->declarator.dimensions == 0)
			return length_value(value_of(view, leaf),
			    member->declarator.size);
		leaf++;
	}
	return -1;
}

static void
show_struct(struct view *view, const struct type_struct *type);

static void
show_member(struct view *view, const struct type_struct *type,
    const struct type_member *member, size_t first)
{
	size_t i, leaf = view->leaf;
	int nested = member->of != NULL && member->declarator.pointers == 0;

	if (nested && member->declarator.dimensions == 0) {
		show_struct(view, member->of);
		return;
	}
	if (nested) {
		putc('{', view->out);
		for (i = 0; i < member->elements && view->leaf < view->end; i++) {
			fputs(i > 0 ? ", " : "", view->out);
			show_struct(view, member->of);
		}
		fputs(i < member->elements ? ", ...}" : "}", view->out);
		return;
	}
	view->leaf++;
	if (!is_present(view, leaf))
		putc('?', view->out);
	else if (field_of(view, leaf)->text != 0)
		show_text(view, field_of(view, leaf), value_of(view, leaf),
		    length_among(view, type, member, first));
	else if (member->declarator.dimensions > 0)
		show_array(view, member, leaf);
	else
		show_number(view->out, member, value_of(view, leaf),
		    member->size);
}

static void
show_struct(struct view *view, const struct type_struct *type)
{
	size_t i, first = view->leaf;
	const char *before = "";

	putc('{', view->out);
	for (i = 0; i < type->count; i++) {
		const struct type_member *member = &type->members[i];

		if (member_is_padding(member))
			continue;
		fputs(before, view->out);
		before = ", ";
		if (view->leaf >= view->end) {	/* no room in the event */
			fputs("...", view->out);
			break;
		}
		fprintf(view->out, "%s=", member->name);
		show_member(view, type, member, first);
	}
	putc('}', view->out);
}

/* Are all the values zero that the leaves have, as if nothing could be read? */
static int
is_nothing(const struct view *view, size_t leaf, size_t end)
{
	size_t at;

	for (; leaf < end; leaf++) {
		const struct field *field = field_of(view, leaf);

		for (at = field->word; is_present(view, leaf) &&
		    at < field->word + field->word_size; at++)
			if (view->record[at] != 0)
				return 0;
	}
	return 1;
}

/* --- arguments --- */

/* The length that is passed with the text NAME, or -1. */
static int64_t
length_argument(const struct view *view, const char *name)
{
	const struct argument *args = view->target->args;
	size_t i;

	for (i = 0; name != NULL && i < view->target->argc; i++)
		if (args[i].name != NULL && argument_is_length_of(args[i].name, name) &&
		    !argument_is_pointer(&args[i]) && is_present(view, i))
			return length_value(value_of(view, i), args[i].size);
	return -1;
}

static void
show_argument(struct view *view, size_t index)
{
	const struct argument *argument = &view->target->args[index];
	const struct field *field = field_of(view, index);
	uint64_t value = value_of(view, index);
	size_t bytes = view->target->leaves[index].letter == 'H' ? 1 :
	    field->word_size;

	view->leaf = view->target->members[index];
	view->end = view->target->members[index + 1];
	if (!is_present(view, index))
		putc('?', view->out);
	else if (field->text != 0)
		show_text(view, field, value, length_argument(view,
		    argument->name));
	else if (view->leaf < view->end && value != 0 && (!is_nothing(view,
	    view->leaf, view->end) || is_readable(view, value)))
		show_struct(view, argument_struct(argument));
	else if (view->leaf < view->end)
		fputs(value == 0 ? "NULL" : "(unreadable)", view->out);
	else if (argument_is_pointer(argument))
		fprintf(view->out, "0x%" PRIx64, value);
	else if (argument_is_float(argument, bytes))
		show_bits(view->out, value, bytes);
	else
		show_integer(view->out, argument->size < 0, value, bytes);
}

void
event_show_args(FILE *out, const struct event *event,
    const struct target *target, pid_t pid, const uint8_t *record,
    size_t size, struct lookups *lookups)
{
	struct view view = {
		.out = out, .event = event, .target = target, .pid = pid,
		.record = record, .size = size, .lookups = lookups
	};
	size_t i;

	for (i = 0; i < target->argc; i++) {
		putc(' ', out);
		if (target->args[i].name != NULL)
			fprintf(out, "%s=", target->args[i].name);
		show_argument(&view, i);
	}
}
