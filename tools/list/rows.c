/*
 * rows.c - how are hundreds of probes printed, so that people can read them?
 *
 * Files with one probe make one line of it: ten containers may run one program,
 * and each has a file of its own.  The lines of a provider follow each other,
 * under what is the same for all of them.  A line says of its processes only
 * where it has fewer of them than the provider.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>

#include "tools/list/list.h"

/* How many processes a line names. */
#define FEW_IN_LINE	3

/* A probe of a file. */
struct entry {
	char *provider, *text;
	int direct;
	const struct mapped *file;
	size_t order;		/* in which it came */
};

/* A line: equal entries. */
struct row {
	const struct entry *first;
	size_t count;
	size_t order;		/* of the first that came */
	size_t group;		/* the same, of its provider */
};

/* Processes, each once. */
struct crowd {
	struct holder *holders;
	size_t count, space;
};

void
rows_add(struct rows *rows, const char *provider, const char *text, int direct,
    const struct mapped *file)
{
	struct entry *entry;

	ROOM_FOR_ONE(rows->entries, rows->count, rows->space);
	entry = &rows->entries[rows->count];
	entry->provider = xasprintf("%s", provider);
	entry->text = xasprintf("%s", text);
	entry->direct = direct;
	entry->file = file;
	entry->order = rows->count++;
}

void
rows_free(struct rows *rows)
{
	size_t i;

	for (i = 0; i < rows->count; i++) {
		free(rows->entries[i].provider);
		free(rows->entries[i].text);
	}
	free(rows->entries);
	*rows = (struct rows){ 0 };
}

/* --- which entries make a line? --- */

static int
by_text(const void *one, const void *other)
{
	const struct entry *a = one, *b = other;
	int order = strcmp(a->provider, b->provider);

	if (order == 0)
		order = strcmp(a->text, b->text);
	if (order == 0)
		order = a->order < b->order ? -1 : 1;
	return order;
}

static int
by_order(const void *one, const void *other)
{
	const struct row *a = one, *b = other;

	if (a->group != b->group)
		return a->group < b->group ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

/* All rows of a provider get the order of the first of them. */
static void
group_rows(struct row *rows, size_t count)
{
	size_t start, end, i, least;

	for (start = 0; start < count; start = end) {
		least = rows[start].order;
		for (end = start + 1; end < count && strcmp(
		    rows[end].first->provider,
		    rows[start].first->provider) == 0; end++)
			if (rows[end].order < least)
				least = rows[end].order;
		for (i = start; i < end; i++)
			rows[i].group = least;
	}
}

/* The lines, as they are to be printed.  To be freed. */
static struct row *
make_rows(struct rows *rows, size_t *count)
{
	struct row *made = xcalloc(rows->count, sizeof *made);
	size_t i;

	qsort(rows->entries, rows->count, sizeof *rows->entries, by_text);
	*count = 0;
	for (i = 0; i < rows->count; i++) {
		const struct entry *entry = &rows->entries[i];
		struct row *last = &made[*count - (*count > 0)];

		if (*count > 0 && strcmp(last->first->text, entry->text) == 0 &&
		    strcmp(last->first->provider, entry->provider) == 0)
			last->count++;
		else
			made[(*count)++] = (struct row){ .first = entry,
			    .count = 1, .order = entry->order };
	}
	group_rows(made, *count);
	qsort(made, *count, sizeof *made, by_order);
	return made;
}

/* --- in which processes are they? --- */

static int
by_pid(const void *one, const void *other)
{
	const struct holder *a = one, *b = other;

	return (a->pid > b->pid) - (a->pid < b->pid);
}

static void
crowd_add(struct crowd *crowd, const struct mapped *file)
{
	size_t i;

	for (i = 0; i < file->count; i++) {
		ROOM_FOR_ONE(crowd->holders, crowd->count, crowd->space);
		crowd->holders[crowd->count++] = file->holders[i];
	}
}

static void
crowd_settle(struct crowd *crowd)
{
	size_t i, kept = 0;

	if (crowd->count > 0)
		qsort(crowd->holders, crowd->count, sizeof *crowd->holders,
		    by_pid);
	for (i = 0; i < crowd->count; i++)
		if (kept == 0 || crowd->holders[i].pid !=
		    crowd->holders[kept - 1].pid)
			crowd->holders[kept++] = crowd->holders[i];
	crowd->count = kept;
}

static struct crowd
crowd_of(const struct row *rows, size_t count)
{
	const struct mapped *last = NULL;
	struct crowd crowd = { 0 };
	size_t i, k;

	for (i = 0; i < count; i++)
		for (k = 0; k < rows[i].count; k++) {
			if (rows[i].first[k].file != last)
				crowd_add(&crowd, rows[i].first[k].file);
			last = rows[i].first[k].file;
		}
	crowd_settle(&crowd);
	return crowd;
}

/* --- output --- */

static int
by_address(const void *one, const void *other)
{
	const struct mapped *const *a = one, *const *b = other;

	return (*a > *b) - (*a < *b);
}

static void
print_files(const struct row *rows, size_t count)
{
	const struct mapped **files = NULL, *first = rows[0].first->file;
	size_t i, k, all = 0, space = 0, differ = 0;

	for (i = 0; i < count; i++)
		for (k = 0; k < rows[i].count; k++) {
			ROOM_FOR_ONE(files, all, space);
			files[all++] = rows[i].first[k].file;
		}
	qsort(files, all, sizeof *files, by_address);
	for (i = 0; i < all; i++)
		differ += i == 0 || files[i] != files[i - 1];
	free(files);
	fputs("  ", stdout);
	quote_line(stdout, first->path);
	fputs(first->deleted ? " (deleted)" : "", stdout);
	if (differ > 1)
		printf(" and %zu more file%s", differ - 1, differ == 2 ? "" :
		    "s");
	putchar('\n');
}

static void
print_row(const struct row *row, size_t processes)
{
	struct crowd crowd = crowd_of(row, 1);
	size_t i;

	fputs(row->first->text, stdout);
	if (crowd.count < processes) {
		fputs(crowd.count > 0 ? " [in " : " [in no process", stdout);
		for (i = 0; i < crowd.count && i < FEW_IN_LINE; i++)
			printf("%s%d", i ? ", " : "",
			    (int)crowd.holders[i].pid);
		if (i < crowd.count)
			printf(" and %zu more", crowd.count - i);
		putchar(']');
	}
	putchar('\n');
	free(crowd.holders);
}

static void
print_provider(const struct row *rows, size_t count)
{
	struct crowd crowd = crowd_of(rows, count);
	size_t i, direct = 0;

	for (i = 0; i < count; i++)
		direct += rows[i].first->direct != 0;
	quote_line(stdout, rows[0].first->provider);
	printf(": %zu probe%s", count, count == 1 ? "" : "s");
	if (direct == count)
		fputs(" [direct]", stdout);
	else if (direct > 0)
		printf(", %zu [direct]", direct);
	putchar('\n');
	print_files(rows, count);
	if (crowd.count > 0)
		list_processes(crowd.holders, crowd.count, FEW_PROCESSES);
	for (i = 0; i < count; i++)
		print_row(&rows[i], crowd.count);
	putchar('\n');
	free(crowd.holders);
}

void
rows_print(struct rows *rows)
{
	size_t count, start, end, providers = 0;
	struct row *made = make_rows(rows, &count);
	struct crowd crowd = crowd_of(made, count);

	for (start = 0; start < count; start = end, providers++) {
		for (end = start + 1; end < count &&
		    made[end].group == made[start].group; end++)
			;
		print_provider(&made[start], end - start);
	}
	printf("%zu probe%s of %zu provider%s in %zu process%s.\n", count,
	    count == 1 ? "" : "s", providers, providers == 1 ? "" : "s",
	    crowd.count, crowd.count == 1 ? "" : "es");
	free(crowd.holders);
	free(made);
}
