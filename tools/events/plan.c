/*
 * plan.c - which values are fetched of a probe's arguments?
 *
 * Of each argument there is one value, a leaf: an integer, or a pointer with
 * the text at it.  An argument that points to a struct which the image declares
 * has more: one for each member, of nested structs too, as far as the kernel
 * accepts so many.  They follow the arguments' own, in the order in which they
 * are printed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <inttypes.h>
#include <stdlib.h>

#include "tools/events/parts.h"

/*
 * The kernel accepts 128 fields: two of ours, and at most two for each leaf.
 * Arguments get theirs first.
 */
#define FIELDS_MAX	126
#define ARGS_MAX	(FIELDS_MAX / 2 - 1)

/*
 * The most bytes of a text that are fetched; and the most that an event can
 * have, which is MAX_PROBE_EVENT_SIZE (3072) in the kernel, less our own
 * fields.  Members leave room for texts.
 */
#define TEXT_MAX	512
#define RECORD_MAX	3040
#define MEMBERS_MAX	2000

/* The kernel's limit of an array, in elements. */
#define ARRAY_MAX	64

/* The most bytes of one line that defines an event: WRITE_BUFSIZE is 4096. */
#define LINE_MAX_BYTES	3400

struct plan {
	struct target *target;
	size_t space;
	size_t fields, bytes, line;	/* that are used */
	int full;
};

int
member_is_text(const struct type_member *member)
{
	const struct usdt__declarator *d = &member->declarator;

	return usdt__declarator_is_char(d) && d->dimensions == 0 &&
	    d->pointers == 1;
}

int
member_is_chars(const struct type_member *member)
{
	const struct usdt__declarator *d = &member->declarator;

	return usdt__declarator_is_char(d) && d->dimensions == 1 &&
	    d->pointers == 0;
}

const struct type_struct *
argument_struct(const struct argument *argument)
{
	const struct type_member *declared = argument->declared;

	if (declared == NULL || declared->declarator.pointers != 1 ||
	    declared->declarator.dimensions != 0)
		return NULL;
	return declared->of;
}

static struct leaf *
add_leaf(struct plan *plan, char letter, char *fetch)
{
	struct target *target = plan->target;
	struct leaf leaf = {
		.letter = letter, .fetch = fetch, .is_text = letter == 'T',
		.length = -1
	};

	ROOM_FOR_ONE(target->leaves, target->leaf_count, plan->space);
	target->leaves[target->leaf_count] = leaf;
	return &target->leaves[target->leaf_count++];
}

static enum leaf_kind
kind_of(const struct target *target, size_t index, size_t size)
{
	const struct argument *argument = &target->args[index];

	if (argument_is_pointer(argument) || as_of(target, index) == AS_HEX)
		return KIND_POINTER;
	if (argument_is_float(argument, size))
		return KIND_FLOAT;
	return argument->size < 0 ? KIND_SIGNED : KIND_UNSIGNED;
}

static void
plan_argument(struct plan *plan, size_t index)
{
	const struct target *target = plan->target;
	const struct argument *argument = &target->args[index];
	int high = 0, size = abs(argument->size);
	char *fetch = index < ARGS_MAX ? operand_fetch(target->image,
	    target->probe, argument, &high) : NULL;
	struct leaf *leaf;
	char letter = (char)('0' + size);

	if (fetch == NULL)
		letter = '-';
	else if (high)
		letter = 'H';
	leaf = add_leaf(plan, letter, fetch);
	/*
	 * A 64-bit kernel follows a pointer in memory as 8 bytes: a pointer of
	 * 4 bytes would get its neighbour as the upper half.
	 */
	if (letter != '-' && letter != 'H' && *fetch != '\\' &&
	    (size == 8 || *fetch == '%') && as_is_text(target, index))
		leaf->letter = letter = 'T';
	leaf->is_text = letter == 'T';
	leaf->argument = argument;
	leaf->kind = kind_of(target, index, letter == 'H' ? 1 : (size_t)size);
	plan->fields += letter == 'T' ? 2 : letter != '-';
	plan->bytes += 8;
	plan->line += fetch == NULL ? 0 : 2 * strlen(fetch) + 24;
}

/* Is there room for a leaf of these? */
static int
fits(struct plan *plan, const char *fetch, size_t fields, size_t bytes)
{
	size_t line = fields * (strlen(fetch) + 16);

	if (plan->fields + fields > FIELDS_MAX ||
	    plan->bytes + bytes > MEMBERS_MAX ||
	    plan->line + line > LINE_MAX_BYTES)
		plan->full = 1;
	if (plan->full)
		return 0;
	plan->fields += fields;
	plan->bytes += bytes;
	plan->line += line;
	return 1;
}

/* An array's elements, or a text in the struct itself. */
static void
plan_array(struct plan *plan, const struct type_member *member, char *fetch)
{
	size_t size = member->size, elements = member->elements;
	struct leaf *leaf;

	/* Many characters are fetched as words, as far as they fill them. */
	if (member_is_chars(member) && elements > ARRAY_MAX) {
		elements /= 8;
		size = 8;
	}
	if (elements > ARRAY_MAX)
		elements = ARRAY_MAX;
	if (!fits(plan, fetch, 1, size * elements)) {
		free(fetch);
		return;
	}
	leaf = add_leaf(plan, 'A', fetch);
	leaf->size = size;
	leaf->elements = elements;
	leaf->member = member;
}

static void
plan_struct(struct plan *plan, const struct type_struct *type,
    const char *base, size_t offset);

/* A member at OFFSET from where BASE points. */
static void
plan_member(struct plan *plan, const struct type_member *member,
    const char *base, size_t offset)
{
	const struct usdt__declarator *d = &member->declarator;
	size_t i;
	char *fetch;

	if (d->pointers == 0 && member->of != NULL) {
		for (i = 0; i < member->elements && !plan->full; i++)
			plan_struct(plan, member->of, base, offset +
			    i * member->of->size);
		return;
	}
	fetch = xasprintf("+%zu(%s)", offset, base);
	if (d->dimensions > 0) {
		plan_array(plan, member, fetch);
	} else if (member_is_text(member) && member->size == 8) {
		if (fits(plan, fetch, 2, 8))
			add_leaf(plan, 'T', fetch)->member = member;
		else
			free(fetch);
	} else if (fits(plan, fetch, 1, 8)) {
		add_leaf(plan, (char)('0' + member->size), fetch)->member =
		    member;
	} else {
		free(fetch);
	}
}

/*
 * Which leaf is the length of each text in a struct whose leaves begin with
 * FIRST?  Behind a nested struct leaves can't be counted.
 */
static void
find_lengths(const struct target *target, const struct type_struct *type,
    size_t first)
{
	size_t i, k, count = 0;

	for (i = 0; i < type->count; i++) {
		const struct type_member *member = &type->members[i];

		if (member_is_padding(member))
			continue;
		if ((member->of != NULL && member->declarator.pointers == 0) ||
		    first + count >= target->leaf_count)
			break;
		for (k = first; member->declarator.dimensions == 0 &&
		    k < target->leaf_count; k++) {
			struct leaf *text = &target->leaves[k];

			if (!text->is_text || text->length >= 0 ||
			    text->member < type->members ||
			    text->member >= type->members + type->count ||
			    !argument_is_length_of(member->name,
			    text->member->name))
				continue;
			text->length = (long)(first + count);
			text->length_size = member->declarator.size;
		}
		count++;
	}
}

static void
plan_struct(struct plan *plan, const struct type_struct *type,
    const char *base, size_t offset)
{
	size_t i, first = plan->target->leaf_count;

	for (i = 0; i < type->count && !plan->full; i++)
		if (!member_is_padding(&type->members[i]))
			plan_member(plan, &type->members[i], base, offset +
			    type->members[i].offset);
	find_lengths(plan->target, type, first);
}

int
member_is_padding(const struct type_member *member)
{
	return strncmp(member->name, "__pad", 5) == 0;
}

/* A word for each leaf: with the same ones, probes can share an event. */
static char *
signature_of(const struct target *target)
{
	size_t i, size;
	char *text;
	FILE *out = text_begin(&text, &size);

	for (i = 0; i < target->leaf_count; i++) {
		const struct leaf *leaf = &target->leaves[i];

		putc(leaf->letter, out);
		if (leaf->letter == 'A')
			fprintf(out, "%zux%zu,", leaf->size, leaf->elements);
	}
	text_end(out);
	return text;
}

/* How many words of each text are fetched: all texts share a record. */
static size_t
text_words(const struct target *target, size_t bytes)
{
	size_t i, texts = 0, size;

	for (i = 0; i < target->leaf_count; i++)
		texts += target->leaves[i].letter == 'T';
	if (texts == 0)
		return 0;
	size = (RECORD_MAX - bytes) / texts;
	return (size < TEXT_MAX ? size : TEXT_MAX) / 8;
}

/* Which argument is the length of each text? */
static void
find_argument_lengths(const struct target *target)
{
	const struct argument *args = target->args;
	size_t i, k;

	for (i = 0; i < target->argc; i++)
		for (k = 0; args[i].name != NULL && k < target->argc; k++)
			if (args[k].name != NULL &&
			    argument_is_length_of(args[k].name,
			    args[i].name) && !argument_is_pointer(&args[k])) {
				target->leaves[i].length = (long)k;
				target->leaves[i].length_size = args[k].size;
				break;
			}
}

void
target_goes(struct target *target, int direct)
{
	size_t i;

	target->direct = direct;
	for (i = 0; i < target->argc; i++)
		target->leaves[i].is_text = direct ?
		    argument_is_text(&target->args[i]) :
		    target->leaves[i].letter == 'T';
}

/* A length that was passed as an integer of SIZE bytes; -1 if it is none. */
static int64_t
length_value(uint64_t value, int size)
{
	if (size < 0 && (value >> (-size * 8 - 1) & 1) != 0)
		return -1;
	return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

void
values_end_texts(const struct target *target, struct value *values)
{
	size_t i;

	for (i = 0; i < target->leaf_count; i++) {
		const struct leaf *leaf = &target->leaves[i];
		struct value *value = &values[i];
		int64_t length;

		if (leaf->length < 0 || value->text == NULL ||
		    !(value->flags & VALUE_TEXT) ||
		    values[leaf->length].bytes == 0)
			continue;
		length = length_value(values[leaf->length].bits,
		    leaf->length_size);
		if (length < 0)
			continue;
		/* A process copies up to a zero; behind that nothing is cut. */
		if ((uint64_t)length <= value->space)
			value->flags &= ~VALUE_CUT;
		else if (!target->direct)
			value->flags |= VALUE_CUT;
		value->length = (uint64_t)length < value->space ?
		    (size_t)length : value->space;
	}
}

void
target_prepare(struct target *target)
{
	struct plan plan = { .target = target };
	size_t i;

	target->args = arguments_of(target->image, target->probe,
	    &target->argc);
	target->members = xcalloc(target->argc + 1, sizeof *target->members);
	for (i = 0; i < target->argc; i++)
		plan_argument(&plan, i);
	for (i = 0; i < target->argc; i++) {
		const struct type_struct *type =
		    argument_struct(&target->args[i]);
		char letter = target->leaves[i].letter;

		target->members[i] = target->leaf_count;
		if (type != NULL && as_of(target, i) == AS_IT_IS &&
		    (letter == '8' ||
		    (letter == '4' && *target->leaves[i].fetch == '%')))
			plan_struct(&plan, type, target->leaves[i].fetch, 0);
	}
	target->members[i] = target->leaf_count;
	find_argument_lengths(target);
	line_word(&target->label, target->probe->provider);
	line_char(&target->label, ':');
	line_word(&target->label, target->probe->name);
	target->signature = signature_of(target);
	target->words = text_words(target, plan.bytes < RECORD_MAX ?
	    plan.bytes : RECORD_MAX);
}

void
target_done(struct target *target)
{
	size_t i;

	for (i = 0; i < target->leaf_count; i++)
		free(target->leaves[i].fetch);
	free(target->leaves);
	target_unsift(target);
	line_free(&target->label);
	free(target->members);
	free(target->signature);
	arguments_free(target->args, target->argc);
}
