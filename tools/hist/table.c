/*
 * table.c - how often was each value there?
 *
 * Numbers are counted by powers of two, texts one by one.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "tools/hist/hist.h"
#include "tools/watch/watch.h"

#define LISTS		4096

/* The bucket of 1 has this index: all exponents of a double are above 0. */
#define ONE		1100

int
bucket_of(const struct number *number)
{
	int exponent = -1, negative = number->negative;
	uint64_t left = number->magnitude;

	if (number->is_float) {
		negative = number->number < 0;
		if (number->number == 0)
			return 0;
		if (isinf(number->number))
			exponent = 1025;
		else
			frexp(number->number, &exponent);
		exponent--;
	} else {
		if (left == 0)
			return 0;
		for (; left != 0; left >>= 1)
			exponent++;
	}
	return negative ? -(ONE + exponent) : ONE + exponent;
}

/* A power of two, with all its digits if an integer can have it. */
static void
put_power(struct line *line, int exponent)
{
	char *text;

	if (exponent >= 0 && exponent < 64) {
		line_unsigned(line, (uint64_t)1 << exponent);
		return;
	}
	if (exponent == 64)
		text = xasprintf("18446744073709551616");
	else
		text = exponent > 1023 ? xasprintf("inf") :
		    xasprintf("%.6g", ldexp(1, exponent));
	line_text(line, text);
	free(text);
}

void
bucket_borders(int index, struct line *low, struct line *high)
{
	int exponent = abs(index) - ONE;

	if (index == 0) {
		line_char(low, '0');
		line_char(high, '0');
		return;
	}
	if (index < 0) {
		line_char(low, '-');
		line_char(high, '-');
	}
	put_power(index < 0 ? high : low, exponent);
	put_power(index < 0 ? low : high, exponent + 1);
}

/* --- values in words --- */

void
shown_free(struct shown *shown)
{
	line_free(&shown->plain);
	line_free(&shown->json);
}

static void
show_number(struct line *line, const struct place *place,
    const struct fire *fire, const struct number *number)
{
	const struct value *value;

	if (number->is_float) {
		value = &fire->values[place->leaf];
		line_float(line, value->bits, value->bytes);
		return;
	}
	if (number->negative)
		line_char(line, '-');
	line_unsigned(line, number->magnitude);
}

static int
show_text(struct shown *shown, const struct place *place,
    const struct fire *fire)
{
	const struct value *value = place->kind == PLACE_COMM ? NULL :
	    &fire->values[place->leaf];
	int cut = value != NULL && (value->flags & VALUE_CUT) != 0;
	const char *text;
	size_t length;
	int there = place_text(place, fire, &text, &length), unreadable;

	if (there > 0) {
		line_string(&shown->plain, text, length);
		line_text(&shown->plain, cut ? "..." : "");
		json_text(&shown->json, text, length, cut);
		return cut ? -1 : 0;
	}
	if (there == 0) {
		line_text(&shown->plain, "NULL");
		line_text(&shown->json, "null");
		return 0;
	}
	unreadable = value != NULL && value->bytes > 0 &&
	    (value->flags & VALUE_UNREADABLE) != 0;
	line_text(&shown->plain, unreadable ? "(unreadable)" : "?");
	line_text(&shown->json, unreadable ? "{\"unreadable\":true}" :
	    "{\"unknown\":true}");
	return -1;
}

int
shown_set(struct shown *shown, const struct place *place,
    const struct fire *fire)
{
	struct number number;

	shown->plain.length = shown->json.length = 0;
	if (place == NULL)
		return 0;
	if (place_is_text(place))
		return show_text(shown, place, fire);
	if (place_number(place, fire, &number) < 0) {
		line_char(&shown->plain, '?');
		line_text(&shown->json, "{\"unknown\":true}");
		return -1;
	}
	show_number(&shown->plain, place, fire, &number);
	if (number.is_float && !isfinite(number.number))
		json_text(&shown->json, shown->plain.bytes,
		    shown->plain.length, 0);
	else
		line_put(&shown->json, shown->plain.bytes,
		    shown->plain.length);
	return 0;
}

/* --- entries --- */

static size_t
hash(const char *bytes, size_t length)
{
	uint64_t hash = 14695981039346656037u;

	while (length-- > 0)
		hash = (hash ^ (unsigned char)*bytes++) * 1099511628211u;
	return (size_t)(hash >> 32) % LISTS;
}

static void
copy_line(struct line *to, const struct line *from)
{
	line_put(to, from->bytes, from->length);
}

/* The entry of these, which may be new; NULL: there are too many. */
static struct entry *
find_entry(struct table *table, const struct line *label,
    const struct shown *by, const struct shown *text)
{
	struct line *key = &table->key;
	struct entry **list, *entry;

	key->length = 0;
	copy_line(key, label);
	line_char(key, '\0');
	copy_line(key, &by->plain);
	line_char(key, '\0');
	if (text != NULL)
		copy_line(key, &text->plain);
	if (table->lists == NULL)
		table->lists = xcalloc(LISTS, sizeof *table->lists);
	list = &table->lists[hash(key->bytes, key->length)];
	for (entry = *list; entry != NULL; entry = entry->next)
		if (entry->length == key->length && memcmp(entry->key,
		    key->bytes, key->length) == 0)
			return entry;
	if (table->count == ENTRIES_MAX)
		return NULL;
	entry = xcalloc(1, sizeof *entry);
	entry->key = xcalloc(1, key->length);
	memcpy(entry->key, key->bytes, key->length);
	entry->length = key->length;
	entry->label = xstrndup(label->bytes, label->length);
	copy_line(&entry->by.plain, &by->plain);
	copy_line(&entry->by.json, &by->json);
	if (text != NULL) {
		copy_line(&entry->text.plain, &text->plain);
		copy_line(&entry->text.json, &text->json);
	}
	entry->next = *list;
	*list = entry;
	ROOM_FOR_ONE(table->entries, table->count, table->space);
	table->entries[table->count++] = entry;
	return entry;
}

static void
count_bucket(struct entry *entry, int index)
{
	struct bucket *bucket;
	size_t at = 0;

	while (at < entry->bucket_count && entry->buckets[at].index < index)
		at++;
	if (at == entry->bucket_count || entry->buckets[at].index != index) {
		ROOM_FOR_ONE(entry->buckets, entry->bucket_count,
		    entry->bucket_space);
		bucket = &entry->buckets[at];
		memmove(bucket + 1, bucket, (entry->bucket_count - at) *
		    sizeof *bucket);
		*bucket = (struct bucket){ .index = index };
		entry->bucket_count++;
	}
	entry->buckets[at].count++;
}

void
table_number(struct table *table, const struct line *label,
    const struct shown *by, const struct number *number)
{
	struct entry *entry;

	if (number->is_float && isnan(number->number)) {
		table->unknown++;
		return;
	}
	entry = find_entry(table, label, by, NULL);
	if (entry == NULL) {
		table->others++;
		return;
	}
	entry->count++;
	count_bucket(entry, bucket_of(number));
}

void
table_text(struct table *table, const struct line *label,
    const struct shown *by, const struct shown *text)
{
	struct entry *entry = find_entry(table, label, by, text);

	if (entry == NULL)
		table->others++;
	else
		entry->count++;
}

static int
in_order(const void *one, const void *other)
{
	const struct entry *a = *(struct entry *const *)one;
	const struct entry *b = *(struct entry *const *)other;
	int order = strcmp(a->label, b->label);

	if (order == 0) {
		size_t length = a->by.plain.length < b->by.plain.length ?
		    a->by.plain.length : b->by.plain.length;

		if (length > 0)
			order = memcmp(a->by.plain.bytes, b->by.plain.bytes,
			    length);
		if (order == 0 && a->by.plain.length != b->by.plain.length)
			order = a->by.plain.length < b->by.plain.length ? -1 :
			    1;
	}
	if (order != 0)
		return order;
	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	order = memcmp(a->key, b->key, a->length < b->length ? a->length :
	    b->length);
	return order != 0 ? order : (a->length > b->length) -
	    (a->length < b->length);
}

void
table_sort(struct table *table)
{
	if (table->count > 0)
		qsort(table->entries, table->count, sizeof *table->entries,
		    in_order);
}

void
table_free(struct table *table)
{
	size_t i;

	for (i = 0; i < table->count; i++) {
		struct entry *entry = table->entries[i];

		shown_free(&entry->by);
		shown_free(&entry->text);
		free(entry->key);
		free(entry->label);
		free(entry->buckets);
		free(entry);
	}
	free(table->entries);
	free(table->lists);
	line_free(&table->key);
}
