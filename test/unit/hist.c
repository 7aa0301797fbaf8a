/*
 * hist.c - which power of two does `usdt hist` count a value for?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <float.h>
#include <math.h>

#include "tools/common/memory.c"
#include "tools/common/utf8.c"
#include "tools/common/quote.c"
#include "tools/events/line.c"
#include "tools/hist/table.c"

#include "tap.h"

/* --- what these files need of others -------------------------------------- */

int
place_is_text(const struct place *place)
{
	(void)place;
	return 0;
}

int
place_number(const struct place *place, const struct fire *fire,
    struct number *number)
{
	(void)place;
	(void)fire;
	(void)number;
	return -1;
}

int
place_text(const struct place *place, const struct fire *fire,
    const char **text, size_t *length)
{
	(void)place;
	(void)fire;
	(void)text;
	(void)length;
	return -1;
}

void
json_text(struct line *line, const char *text, size_t length, int cut)
{
	(void)cut;
	line_string(line, text, length);
}

/* --- buckets ---------------------------------------------------------------- */

#define WHOLE(value)	{ .magnitude = (value) }
#define BELOW(value)	{ .magnitude = (value), .negative = 1 }
#define REAL(value)	{ .is_float = 1, .number = (value) }

static const struct {
	struct number number;
	const char *low, *high;
} cases[] = {
	{ WHOLE(0), "0", "0" }, { WHOLE(1), "1", "2" }, { WHOLE(2), "2", "4" },
	{ WHOLE(3), "2", "4" }, { WHOLE(4), "4", "8" },
	{ WHOLE(UINT64_MAX), "9223372036854775808", "18446744073709551616" },
	{ WHOLE((uint64_t)1 << 63), "9223372036854775808",
	    "18446744073709551616" },
	{ WHOLE(((uint64_t)1 << 63) - 1), "4611686018427387904",
	    "9223372036854775808" },
	{ BELOW(1), "-2", "-1" }, { BELOW(2), "-4", "-2" },
	{ BELOW((uint64_t)1 << 63), "-18446744073709551616",
	    "-9223372036854775808" },
	{ REAL(0.0), "0", "0" }, { REAL(-0.0), "0", "0" },
	{ REAL(1.0), "1", "2" }, { REAL(1.99), "1", "2" },
	{ REAL(0.5), "0.5", "1" }, { REAL(0.25), "0.25", "0.5" },
	{ REAL(-0.3), "-0.5", "-0.25" }, { REAL(-8), "-16", "-8" },
	{ REAL(DBL_MAX), "8.98847e+307", "inf" },
	{ REAL((double)INFINITY), "inf", "inf" },
	{ REAL(-(double)INFINITY), "-inf", "-inf" },
	{ REAL(4.9406564584124654e-324), "4.94066e-324", "9.88131e-324" },
};

static void
test_buckets(void)
{
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct line low = { 0 }, high = { 0 };
		int index = bucket_of(&cases[i].number);

		bucket_borders(index, &low, &high);
		line_char(&low, '\0');
		line_char(&high, '\0');
		try(strcmp(low.bytes, cases[i].low) == 0 &&
		    strcmp(high.bytes, cases[i].high) == 0,
		    "case %zu: %d from %s to %s", i, index, low.bytes,
		    high.bytes);
		line_free(&low);
		line_free(&high);
	}
	ok_all("buckets and their borders");
}

/* --- the table -------------------------------------------------------------- */

static void
count(struct table *table, const char *by, double value)
{
	struct number number = { .is_float = 1, .number = value };
	struct line label = { 0 };
	struct shown shown = { .plain = { 0 } };

	line_text(&label, "a:b");
	line_text(&shown.plain, by);
	table_number(table, &label, &shown, &number);
	line_free(&label);
	shown_free(&shown);
}

static void
test_table(void)
{
	static const double values[] = {
		5, -3, 0.25, 0, 7, 1e300, -1e300, 4, 0, -0.25
	};
	static const uint64_t counts[] = { 1, 1, 1, 2, 1, 3, 1 };
	struct table table = { .count = 0 };
	const struct entry *entry;
	size_t i;

	for (i = 0; i < sizeof values / sizeof *values; i++)
		count(&table, "x", values[i]);
	count(&table, "w", 1);
	count(&table, "w", (double)NAN);
	table_sort(&table);
	is_int((long long)table.count, 2, "two entries");
	is_int((long long)table.unknown, 1, "NaN has no bucket");
	ok(memcmp(table.entries[0]->by.plain.bytes, "w", 1) == 0,
	    "in the order of --by");
	entry = table.entries[1];
	is_int((long long)entry->count, 10, "all values");
	is_int((long long)entry->bucket_count, 7, "... in seven buckets");
	for (i = 0; i < entry->bucket_count; i++)
		try(entry->buckets[i].count == counts[i] && (i == 0 ||
		    entry->buckets[i].index > entry->buckets[i - 1].index),
		    "bucket %zu: %d", i, entry->buckets[i].index);
	ok_all("... in order");
	table_free(&table);
}

static void
test_limit(void)
{
	struct table table = { .count = 0 };
	char by[20];
	int i;

	for (i = 0; i < ENTRIES_MAX + 5; i++) {
		snprintf(by, sizeof by, "%d", i);
		count(&table, by, 1);
	}
	count(&table, "7", 1);
	is_int((long long)table.count, ENTRIES_MAX, "so many are kept");
	is_int((long long)table.others, 5, "the others are counted");
	table_free(&table);
}

int
main(void)
{
	test_buckets();
	test_table();
	test_limit();
	return done_testing();
}
