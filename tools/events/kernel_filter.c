/*
 * kernel_filter.c - what of a filter can the kernel check?
 *
 *	{status >= 500 && url ~ "/api"}		w0 >= 500 && w0 <= 2147483647
 *
 * The kernel drops a record that does not pass its condition, so that it takes no
 * room in a ring and none of our time.  It compares integers and the thread's
 * name; we check all of a filter again.  So its condition only has to hold
 * wherever the filter does: what the kernel can't check counts as true, before a
 * "!", too.  Therefore each part of a filter has two conditions here: one that
 * holds where the part does, and one that holds where it does not.
 *
 * The fields of records are unsigned (uprobe.c), so a comparison becomes ranges of
 * unsigned numbers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <inttypes.h>
#include <stdlib.h>

#include "tools/events/filter.h"
#include "tools/events/parts.h"

/* The kernel accepts a page; a longer condition is left to us. */
#define CONDITION_MAX	4000

/* The kernel's name of a thread has so many bytes, with a zero. */
#define COMM_SIZE	16

enum truth { SOMETIMES, ALWAYS, NEVER };

struct condition {
	enum truth truth;
	char *text;		/* SOMETIMES: when */
};

/* Of a part of a filter: what holds if it does, and if it does not. */
struct both {
	struct condition yes, no;
};

static void
free_both(struct both *both)
{
	free(both->yes.text);
	free(both->no.text);
}

static struct condition
always(void)
{
	return (struct condition){ .truth = ALWAYS };
}

static struct condition
sometimes(char *text)
{
	return (struct condition){ .truth = SOMETIMES, .text = text };
}

/* Both of them, or one of them; they are freed. */
static struct condition
join(struct condition one, struct condition other, int all)
{
	/* What decides alone, and what changes nothing. */
	enum truth decides = all ? NEVER : ALWAYS;
	enum truth nothing = all ? ALWAYS : NEVER;
	struct condition result = { .truth = decides };

	if (one.truth == decides || other.truth == decides) {
		free(one.text);
		free(other.text);
	} else if (one.truth == nothing) {
		free(one.text);
		result = other;
	} else if (other.truth == nothing) {
		result = one;
	} else {
		if (strlen(one.text) + strlen(other.text) < CONDITION_MAX)
			result = sometimes(xasprintf("(%s %s %s)", one.text,
			    all ? "&&" : "||", other.text));
		else
			result = always();
		free(one.text);
		free(other.text);
	}
	return result;
}

/* --- integers --- */

/* Numbers in the order of their values: a sign is turned into the highest bit. */
struct range {
	uint64_t low, high;
	int empty;
};

/* Of the numbers with BYTES: which are "== L", "< L" or "<= L"? */
static struct range
range_of(const struct test *test, enum relation relation, unsigned bytes,
    int is_signed)
{
	uint64_t most = bytes < 8 ? ((uint64_t)1 << bytes * 8) - 1 : UINT64_MAX;
	uint64_t middle = most / 2 + 1;
	int negative = test->negative && test->magnitude != 0;
	int above = !negative && test->magnitude > (is_signed ? middle - 1 :
	    most);
	int below = negative && (!is_signed || test->magnitude > middle);
	uint64_t at = is_signed ? middle : 0;
	struct range range = { 0, most, 0 };

	at = negative ? at - test->magnitude : at + test->magnitude;
	if (above || below) {
		range.empty = below || relation == IS_EQUAL;
		return range;
	}
	range.high = at;
	if (relation == IS_EQUAL)
		range.low = at;
	if (relation == IS_LESS && range.high-- == 0)
		range.empty = 1;
	return range;
}

/* That a field is from LOW to HIGH, of numbers up to MOST. */
static struct condition
within(size_t field, uint64_t low, uint64_t high, uint64_t most)
{
	if (low == 0 && high == most)
		return always();
	if (low == high)
		return sometimes(xasprintf("w%zu == %" PRIu64, field, low));
	if (low == 0)
		return sometimes(xasprintf("w%zu <= %" PRIu64, field, high));
	if (high == most)
		return sometimes(xasprintf("w%zu >= %" PRIu64, field, low));
	return sometimes(xasprintf("(w%zu >= %" PRIu64 " && w%zu <= %" PRIu64
	    ")", field, low, field, high));
}

/* That a field is in the range, or is not. */
static struct condition
inside(size_t field, struct range range, unsigned bytes, int is_signed)
{
	uint64_t most = bytes < 8 ? ((uint64_t)1 << bytes * 8) - 1 : UINT64_MAX;
	uint64_t middle = most / 2 + 1;
	struct condition low, high;

	if (range.empty)
		return (struct condition){ .truth = NEVER };
	if (!is_signed)
		return within(field, range.low, range.high, most);
	if (range.low == 0 && range.high == most)
		return always();
	if ((range.low < middle) == (range.high < middle))
		return within(field, range.low ^ middle, range.high ^ middle,
		    most);
	low = within(field, range.low ^ middle, most, most);
	high = within(field, 0, range.high ^ middle, most);
	return join(low, high, 0);
}

static struct condition
outside(size_t field, struct range range, unsigned bytes, int is_signed)
{
	uint64_t most = bytes < 8 ? ((uint64_t)1 << bytes * 8) - 1 : UINT64_MAX;
	struct range below = { 0, range.low - 1, range.low == 0 };
	struct range above = { range.high + 1, most, range.high == most };

	if (range.empty)
		return always();
	return join(inside(field, below, bytes, is_signed),
	    inside(field, above, bytes, is_signed), 0);
}

static struct both
compare(const struct test *test, size_t field, unsigned bytes, int is_signed)
{
	static const struct {
		enum relation base;
		int negated;
	} relations[] = {
		[IS_EQUAL] = { IS_EQUAL, 0 }, [IS_NOT_EQUAL] = { IS_EQUAL, 1 },
		[IS_LESS] = { IS_LESS, 0 }, [IS_AT_MOST] = { IS_AT_MOST, 0 },
		[IS_GREATER] = { IS_AT_MOST, 1 },
		[IS_AT_LEAST] = { IS_LESS, 1 }
	};
	struct range range = range_of(test, relations[test->relation].base,
	    bytes, is_signed);
	struct condition in = inside(field, range, bytes, is_signed);
	struct condition out = outside(field, range, bytes, is_signed);

	return relations[test->relation].negated ?
	    (struct both){ .yes = out, .no = in } :
	    (struct both){ .yes = in, .no = out };
}

/* --- tests --- */

/* The kernel's syntax has no escapes, and "*" means something there. */
static int
is_plain(const char *text, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++)
		if (strchr("abcdefghijklmnopqrstuvwxyz"
		    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./", text[i]) ==
		    NULL || text[i] == '\0')
			return 0;
	return length > 0;
}

static struct both
test_comm(const struct test *test)
{
	struct both both = { .yes = always(), .no = always() };
	struct condition is, is_not;

	if (test->literal != TEXT || test->relation > IS_NOT_EQUAL ||
	    !is_plain(test->text, test->length) ||
	    test->length >= COMM_SIZE)
		return both;
	is = sometimes(xasprintf("comm == \"%.*s\"", (int)test->length,
	    test->text));
	is_not = sometimes(xasprintf("comm != \"%.*s\"", (int)test->length,
	    test->text));
	return test->relation == IS_EQUAL ?
	    (struct both){ .yes = is, .no = is_not } :
	    (struct both){ .yes = is_not, .no = is };
}

static struct both
test_value(const struct target *target, const struct test *test,
    const struct place *place)
{
	struct both both = { .yes = always(), .no = always() };
	const struct leaf *leaf;

	if (place->kind == PLACE_COMM)
		return test_comm(test);
	if (place->kind != PLACE_UNSIGNED && place->kind != PLACE_SIGNED &&
	    place->kind != PLACE_TEXT)
		return both;
	leaf = &target->leaves[place->leaf];
	if (test->literal != INTEGER)
		return both;
	if (place->kind != PLACE_TEXT)
		return leaf->letter >= '1' && leaf->letter <= '8' ?
		    compare(test, place->leaf, (unsigned)(leaf->letter - '0'),
		    place->kind == PLACE_SIGNED) : both;
	/* NULL.  A text that can't be read is neither NULL nor not. */
	if (leaf->letter == 'T')
		both = compare(test, place->leaf, 8, 0);
	if (leaf->letter == 'T' && test->relation == IS_NOT_EQUAL) {
		free(both.no.text);
		both.no = always();
	}
	return both;
}

/*
 * To the kernel a member of a struct that is not there is 0.  To us it is
 * nothing, and no test of it holds.
 */
static struct both
test_condition(const struct target *target, const struct test *test,
    const struct place *place)
{
	struct both both = test_value(target, test, place);

	if (place->member) {
		free(both.no.text);
		both.no = always();
	}
	return both;
}

/* --- filters --- */

/* The part before a jump, until the part behind it is known. */
struct before {
	struct both both;
	size_t to;
	int all;		/* && */
};

static struct both
join_both(struct both one, struct both other, int all)
{
	return (struct both){
		.yes = join(one.yes, other.yes, all),
		.no = join(one.no, other.no, !all)
	};
}

/*
 * The steps are those of filter.c: a jump leads to the end of what && or || has
 * on its right.
 */
static struct condition
sieve_condition(const struct target *target, const struct sieve *sieve)
{
	const struct filter *filter = sieve->filter;
	struct both now = { .yes = always(), .no = always() };
	struct before *befores = NULL;
	size_t count = 0, space = 0, i;
	struct condition swap;

	for (i = 0; i <= filter->step_count; i++) {
		const struct step *step = &filter->steps[i];

		for (; count > 0 && befores[count - 1].to == i; count--)
			now = join_both(befores[count - 1].both, now,
			    befores[count - 1].all);
		if (i == filter->step_count)
			break;
		switch (step->action) {
		case TEST:
			free_both(&now);
			now = test_condition(target, &filter->tests[step->to],
			    &sieve->places[step->to]);
			break;
		case NOT:
			swap = now.yes;
			now.yes = now.no;
			now.no = swap;
			break;
		case SKIP_IF_TRUE:
		case SKIP_IF_FALSE:
			ROOM_FOR_ONE(befores, count, space);
			befores[count++] = (struct before){
				now, step->to, step->action == SKIP_IF_FALSE
			};
			now = (struct both){ .yes = always(), .no = always() };
		}
	}
	free(befores);
	free(now.no.text);
	return now.yes;
}

static struct condition
target_condition(const struct target *target)
{
	struct condition all = { .truth = NEVER };
	const struct sieve *sieve;

	if (target->unsifted || target->sieves == NULL)
		return always();
	for (sieve = target->sieves; sieve != NULL; sieve = sieve->next)
		all = join(all, sieve_condition(target, sieve), 0);
	return all;
}

static struct condition
is_target(size_t index)
{
	return sometimes(xasprintf("target == %zu", index));
}

static int
is_same(const struct condition *one, const struct condition *other)
{
	return one->truth == other->truth && (one->truth != SOMETIMES ||
	    strcmp(one->text, other->text) == 0);
}

char *
kernel_filter(struct target *const *targets, size_t count)
{
	struct condition first = target_condition(targets[0]), all, one;
	int same = 1, spares = first.truth != ALWAYS;
	size_t i;

	all = (struct condition){ .truth = NEVER };
	for (i = 0; i < count; i++) {
		one = target_condition(targets[i]);
		same &= is_same(&one, &first);
		spares |= one.truth != ALWAYS;
		all = join(all, join(is_target(i), one, 1), 0);
	}
	if (same) {
		free(all.text);
		all = first;
	} else {
		free(first.text);
	}
	if (!spares || all.truth == ALWAYS) {
		free(all.text);
		return NULL;
	}
	/* An event that never passes: no target has this number. */
	return all.truth == NEVER ? xasprintf("target == %zu", count) :
	    all.text;
}
