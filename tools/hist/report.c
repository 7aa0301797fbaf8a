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
#include "tools/top/top.h"
#include "tools/watch/watch.h"

/* The columns of a chart in a window that has room for them. */
#define LABEL_COLUMNS	24
#define COUNT_COLUMNS	12
#define BAR_COLUMNS	30

/* The least of them in a smaller window. */
#define LABEL_LEAST	8
#define BAR_LEAST	8

struct layout {
	size_t label, count, bar;
};

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

/* How many columns does a text take? */
static size_t
width_of(const struct line *text)
{
	struct line unused = { 0 };
	size_t columns = put_cut(&unused, text->bytes, text->length, SIZE_MAX);

	line_free(&unused);
	return columns;
}

/* At the right of so many columns, of which it may need more. */
static void
put_right(struct line *line, const struct line *text, size_t columns)
{
	size_t used = width_of(text);

	for (; used < columns; used++)
		line_char(line, ' ');
	put_line(line, text);
}

/* The same, cut to so many columns. */
static void
put_label(struct line *line, const struct line *text, size_t columns)
{
	struct line cut = { 0 };

	if (width_of(text) > columns) {
		put_cut(&cut, text->bytes, text->length, columns - 3);
		line_text(&cut, "...");
		text = &cut;
	}
	put_right(line, text, columns);
	line_free(&cut);
}

/* --- how wide is each column? --- */

/* Take what is over from a column, which keeps LEAST. */
static void
shrink(size_t *column, size_t least, size_t *over)
{
	size_t taken = *column > least ? *column - least : 0;

	if (taken > *over)
		taken = *over;
	*column -= taken;
	*over -= taken;
}

/* For labels of so many columns, and a count of so many digits, in a window. */
static struct layout
lay_out(size_t label, size_t digits, size_t columns)
{
	struct layout layout = { label, COUNT_COLUMNS, BAR_COLUMNS };
	size_t wanted, over;

	if (layout.label < LABEL_COLUMNS)
		layout.label = LABEL_COLUMNS;
	if (layout.count < digits + 1)
		layout.count = digits + 1;
	wanted = layout.label + layout.count + strlen(" |") + layout.bar;
	over = wanted > columns ? wanted - columns : 0;
	shrink(&layout.count, digits + 1, &over);
	shrink(&layout.label, label > LABEL_LEAST ? label : LABEL_LEAST, &over);
	shrink(&layout.bar, BAR_LEAST, &over);
	shrink(&layout.label, LABEL_LEAST, &over);
	shrink(&layout.bar, 0, &over);
	return layout;
}

static size_t
digits_of(uint64_t count)
{
	size_t digits = 1;

	for (; count >= 10; count /= 10)
		digits++;
	return digits;
}

/* --- charts --- */

/* Eighths of a block, or whole characters of ASCII. */
static void
put_bar(struct line *line, uint64_t count, uint64_t most, size_t columns)
{
	static const char *const eighths[] = {
		"", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b", "\u258a",
		"\u2589"
	};
	size_t parts = most == 0 ? 0 : (size_t)((double)count / (double)most *
	    (double)columns * 8 + 0.5);
	int utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;

	if (count > 0 && parts == 0 && columns > 0)
		parts = 1;
	for (; parts >= 8; parts -= 8)
		line_text(line, utf8 ? "\u2588" : "#");
	line_text(line, utf8 ? eighths[parts] : parts > 3 ? "#" : "");
}

static void
draw_row(struct line *line, const struct line *what,
    const struct layout *layout, uint64_t count, uint64_t most)
{
	struct line number = { 0 };

	put_label(line, what, layout->label);
	line_unsigned(&number, count);
	put_right(line, &number, layout->count);
	line_text(line, " |");
	put_bar(line, count, most, layout->bar);
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
draw_buckets(struct line *line, const struct entry *entry, size_t columns)
{
	struct line range = { 0 };
	struct layout layout;
	size_t widest = 0, i;
	uint64_t most = 0;

	for (i = 0; i < entry->bucket_count; i++) {
		range.length = 0;
		put_range(&range, entry->buckets[i].index);
		if (range.length > widest)
			widest = range.length;
		if (entry->buckets[i].count > most)
			most = entry->buckets[i].count;
	}
	layout = lay_out(widest, digits_of(most), columns);
	for (i = 0; i < entry->bucket_count; i++) {
		range.length = 0;
		put_range(&range, entry->buckets[i].index);
		draw_row(line, &range, &layout, entry->buckets[i].count, most);
	}
	line_free(&range);
}

/* The first has the highest count. */
static void
draw_texts(struct line *line, struct entry *const *entries, size_t count,
    size_t columns)
{
	struct layout layout;
	size_t widest = 0, i, width;

	for (i = 0; i < count; i++) {
		width = width_of(&entries[i]->text.plain);
		if (width > widest)
			widest = width;
	}
	layout = lay_out(widest, digits_of(entries[0]->count), columns);
	for (i = 0; i < count; i++)
		draw_row(line, &entries[i]->text.plain, &layout,
		    entries[i]->count, entries[0]->count);
}

void
report_draw(struct line *line, const struct table *table,
    const struct wording *wording, size_t columns)
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
			draw_buckets(line, entry, columns);
		else
			draw_texts(line, &table->entries[first], end - first,
			    columns);
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
