/*
 * record.c - which values has a record?
 *
 * An argument's word is as it was passed: only the bytes of its type count.  A
 * text's word has its length, and the texts follow all words.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>

#include "tools/direct/direct.h"
#include "tools/events/parts.h"

/* The texts of a record that are still to come. */
struct texts {
	const uint64_t *at, *end;
};

/* A text.  Its word says how much room it takes, whatever it is. */
static struct value
text_value(uint64_t word, struct texts *texts)
{
	struct value value = { .bytes = 8, .flags = VALUE_TEXT };
	size_t room = USDT__TEXT_ROOM(word);

	if (room > (size_t)(texts->end - texts->at))
		room = (size_t)(texts->end - texts->at);
	if (word & USDT__TEXT_UNREADABLE) {
		value.flags |= VALUE_UNREADABLE;
	} else if (!(word & USDT__TEXT_NULL)) {
		value.text = (const char *)texts->at;
		value.length = USDT__TEXT_LENGTH(word);
		if (value.length > room * 8)
			value.length = room * 8;
		value.space = value.length;
		if (word & USDT__TEXT_CUT)
			value.flags |= VALUE_CUT;
	}
	value.bits = (word & USDT__TEXT_NULL) == 0;
	texts->at += room;
	return value;
}

static struct value
word_value(uint64_t word, const struct leaf *leaf)
{
	unsigned bytes = (unsigned)abs(leaf->argument->size);
	struct value value = { .bits = word, .bytes = bytes };

	if (bytes == 0)
		value.bytes = 8;
	else if (bytes < 8)
		value.bits &= ((uint64_t)1 << bytes * 8) - 1;
	return value;
}

/* No texts: all arguments are numbers. */
static void
word_values(const struct ring_record *record, const struct target *target,
    struct value *values)
{
	size_t count = record->count < target->argc ? record->count :
	    target->argc, i;

	for (i = 0; i < count; i++)
		values[i] = word_value(record->words[i], &target->leaves[i]);
	for (; i < target->leaf_count; i++)
		values[i] = (struct value){ .bits = 0 };
}

static void
text_values(const struct ring_record *record, const struct target *target,
    struct value *values)
{
	const uint64_t *word = record->words;
	const uint64_t mask = *word & 0xffffffff, argc = *word >> 32;
	size_t count = record->count - 1, i;
	struct texts texts;

	word++;
	if (argc < count)
		count = (size_t)argc;
	texts.at = word + count;
	texts.end = record->words + record->count;
	memset(values, 0, target->leaf_count * sizeof *values);
	for (i = 0; i < target->argc && i < count; i++)
		values[i] = i < 32 && mask >> i & 1 ?
		    text_value(word[i], &texts) :
		    word_value(word[i], &target->leaves[i]);
	values_end_texts(target, values);
}

void
record_values(const struct ring_record *record, const struct target *target,
    struct value *values)
{
	if (record->has_texts && record->count > 0)
		text_values(record, target, values);
	else
		word_values(record, target, values);
}
