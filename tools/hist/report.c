/*
 * report.c - how is a table of values printed?
 *
 *	myapp:request-done bytes, status=200: 1200
 *	            [1024, 2048)        400 |########
 *	            [2048, 4096)        800 |################
 *
 * for people, with block characters where the locale has them, or for programs a
 * line for each bucket, or an object of JSON for each probe and value of --by.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <langinfo.h>
#include <stdlib.h>

#include "tools/hist/hist.h"
#include "tools/watch/watch.h"

#define BAR_COLUMNS	30

/* Do both belong to the same probe and value of --by? */
static int
is_same(const struct entry *a, const struct entry *b)
{
	return strcmp(a->label, b->label) == 0 &&
	    a->by.plain.length == b->by.plain.length &&
	    (a->by.plain.length == 0 || memcmp(a->by.plain.bytes,
	    b->by.plain.bytes, a->by.plain.length) == 0);
}

/* Where the entries end that belong together with the one at FIRST. */
static size_t
end_of(const struct table *table, size_t first)
{
	size_t end = first + 1;

	while (end < table->count && is_same(table->entries[first],
	    table->entries[end]))
		end++;
	return end;
}

static void
put_line(struct line *line, const struct line *text)
{
	line_put(line, text->bytes, text->length);
}

static void
put_right(struct line *line, const struct line *text, size_t columns)
{
	size_t i;

	for (i = text->length; i < columns; i++)
		line_char(line, ' ');
	put_line(line, text);
}

/* Eighths of a block, or whole characters of ASCII. */
static void
put_bar(struct line *line, uint64_t count, uint64_t most)
{
	static const char *const eighths[] = {
		"", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b", "\u258a",
		"\u2589"
	};
	size_t parts = most == 0 ? 0 : (size_t)((double)count / (double)most *
	    BAR_COLUMNS * 8 + 0.5);
	int utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;

	if (count > 0 && parts == 0)
		parts = 1;
	for (; parts >= 8; parts -= 8)
		line_text(line, utf8 ? "\u2588" : "#");
	line_text(line, utf8 ? eighths[parts] : parts > 3 ? "#" : "");
}

static void
draw_row(struct line *line, const struct line *what, size_t columns,
    uint64_t count, uint64_t most)
{
	struct line number = { 0 };

	put_right(line, what, columns);
	line_unsigned(&number, count);
	put_right(line, &number, 12);
	line_text(line, " |");
	put_bar(line, count, most);
	line_char(line, '\n');
	line_free(&number);
}

static void
put_range(struct line *line, int index)
{
	struct line low = { 0 }, high = { 0 };

	bucket_borders(index, &low, &high);
	if (index != 0)
		line_char(line, index < 0 ? '(' : '[');
	put_line(line, &low);
	if (index != 0) {
		line_text(line, ", ");
		put_line(line, &high);
		line_char(line, index < 0 ? ']' : ')');
	}
	line_free(&low);
	line_free(&high);
}

static void
draw_buckets(struct line *line, const struct entry *entry)
{
	struct line range = { 0 };
	size_t columns = 24, i;
	uint64_t most = 0;

	for (i = 0; i < entry->bucket_count; i++) {
		range.length = 0;
		put_range(&range, entry->buckets[i].index);
		if (range.length > columns)
			columns = range.length;
		if (entry->buckets[i].count > most)
			most = entry->buckets[i].count;
	}
	for (i = 0; i < entry->bucket_count; i++) {
		range.length = 0;
		put_range(&range, entry->buckets[i].index);
		draw_row(line, &range, columns, entry->buckets[i].count, most);
	}
	line_free(&range);
}

void
report_draw(struct line *line, const struct table *table,
    const struct wording *wording)
{
	size_t first, end, i;

	for (first = 0; first < table->count; first = end) {
		const struct entry *entry = table->entries[first];
		uint64_t sum = 0;

		end = end_of(table, first);
		for (i = first; i < end; i++)
			sum += table->entries[i]->count;
		line_text(line, entry->label);
		line_char(line, ' ');
		line_text(line, wording->value);
		if (entry->by.plain.length > 0) {
			line_text(line, ", ");
			line_text(line, wording->by);
			line_char(line, '=');
			put_line(line, &entry->by.plain);
		}
		line_text(line, ": ");
		line_unsigned(line, sum);
		line_char(line, '\n');
		if (entry->bucket_count > 0)
			draw_buckets(line, entry);
		else
			for (i = first; i < end; i++)
				draw_row(line, &table->entries[i]->text.plain,
				    24, table->entries[i]->count,
				    entry->count);
	}
}

/* --- for programs --- */

static void
plain_line(struct line *line, const struct entry *entry, uint64_t count,
    int index)
{
	struct line low = { 0 }, high = { 0 };

	line_text(line, entry->label);
	line_char(line, '\t');
	if (entry->by.plain.length > 0)
		put_line(line, &entry->by.plain);
	else
		line_char(line, '-');
	line_char(line, '\t');
	if (entry->bucket_count > 0) {
		bucket_borders(index, &low, &high);
		put_line(line, &low);
		line_char(line, '\t');
		put_line(line, &high);
	} else {
		put_line(line, &entry->text.plain);
	}
	line_char(line, '\t');
	line_unsigned(line, count);
	line_char(line, '\n');
	line_free(&low);
	line_free(&high);
}

static void
json_border(struct line *line, const char *name, const struct line *border)
{
	int finite = border->bytes[border->length - 1] != 'f';

	line_text(line, name);
	if (!finite)
		line_text(line, *border->bytes == '-' ? "\"-Infinity\"" :
		    "\"Infinity\"");
	else
		put_line(line, border);
}

static void
json_buckets(struct line *line, const struct entry *entry)
{
	size_t i;

	for (i = 0; i < entry->bucket_count; i++) {
		struct line low = { 0 }, high = { 0 };

		bucket_borders(entry->buckets[i].index, &low, &high);
		json_border(line, i > 0 ? ",{\"low\":" : "{\"low\":", &low);
		json_border(line, ",\"high\":", &high);
		line_text(line, ",\"count\":");
		line_unsigned(line, entry->buckets[i].count);
		line_char(line, '}');
		line_free(&low);
		line_free(&high);
	}
}

static void
json_object(struct line *line, const struct table *table, size_t first,
    size_t end, const struct wording *wording)
{
	const struct entry *entry = table->entries[first];
	size_t i;

	line_text(line, "{\"probe\":");
	json_text(line, entry->label, strlen(entry->label), 0);
	line_text(line, ",\"value\":");
	json_text(line, wording->value, strlen(wording->value), 0);
	if (entry->by.plain.length > 0) {
		line_text(line, ",\"by\":");
		put_line(line, &entry->by.json);
	}
	line_text(line, entry->bucket_count > 0 ? ",\"buckets\":[" :
	    ",\"texts\":[");
	if (entry->bucket_count > 0)
		json_buckets(line, entry);
	else
		for (i = first; i < end; i++) {
			line_text(line, i > first ? ",{\"text\":" :
			    "{\"text\":");
			put_line(line, &table->entries[i]->text.json);
			line_text(line, ",\"count\":");
			line_unsigned(line, table->entries[i]->count);
			line_char(line, '}');
		}
	line_text(line, "]}\n");
}

void
report_lines(struct line *line, const struct table *table,
    const struct wording *wording)
{
	size_t first, end, i, k;

	for (first = 0; first < table->count; first = end) {
		end = end_of(table, first);
		if (wording->json) {
			json_object(line, table, first, end, wording);
			continue;
		}
		for (i = first; i < end; i++) {
			const struct entry *entry = table->entries[i];

			for (k = 0; k < entry->bucket_count; k++)
				plain_line(line, entry, entry->buckets[k].count,
				    entry->buckets[k].index);
			if (entry->bucket_count == 0)
				plain_line(line, entry, entry->count, 0);
		}
	}
}
