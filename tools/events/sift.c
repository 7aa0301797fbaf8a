/*
 * sift.c - which events pass the filters of a probe?
 *
 * A filter's tests get the places of their values when a probe gets the filter.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <math.h>
#include <stdlib.h>

#include "tools/events/filter.h"

/* --- one filter --- */

/* The order of two of them: -1, 0, 1, or 2 for NaN, which has none. */
static int
order_integers(const struct number *a, const struct number *b)
{
	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	if (a->magnitude == b->magnitude)
		return 0;
	return (a->magnitude < b->magnitude) != a->negative ? -1 : 1;
}

/* All digits count: neither is converted to the other's type. */
static int
order_mixed(const struct number *integer, double number)
{
	struct number whole = { .negative = number < 0 };
	double size = number < 0 ? -number : number;
	int order;

	if (isnan(number))
		return 2;
	if (size >= 18446744073709551616.0)
		return whole.negative ? 1 : -1;
	whole.magnitude = (uint64_t)size;
	if (whole.magnitude == 0)
		whole.negative = 0;
	order = order_integers(integer, &whole);
	if (order != 0 || (double)whole.magnitude == size)
		return order;
	return number < 0 ? 1 : -1;
}

static int
order_of(const struct number *a, const struct number *b)
{
	int order;

	if (a->is_float && b->is_float)
		return isnan(a->number) || isnan(b->number) ? 2 :
		    a->number < b->number ? -1 : a->number > b->number;
	if (!a->is_float && !b->is_float)
		return order_integers(a, b);
	if (!a->is_float)
		return order_mixed(a, b->number);
	order = order_mixed(b, a->number);
	return order == 2 ? 2 : -order;
}

static int
holds_number(const struct test *test, const struct place *place,
    const struct fire *fire)
{
	struct number number, other = {
		.is_float = test->literal == NUMBER,
		.negative = test->negative && test->magnitude != 0,
		.magnitude = test->magnitude, .number = test->number
	};
	int order;

	if (place_number(place, fire, &number) < 0)
		return 0;
	order = order_of(&number, &other);
	switch (test->relation) {
	case IS_EQUAL:
		return order == 0;
	case IS_NOT_EQUAL:
		return order != 0;
	case IS_LESS:
		return order == -1;
	case IS_AT_MOST:
		return order == -1 || order == 0;
	case IS_GREATER:
		return order == 1;
	case IS_AT_LEAST:
		return order == 1 || order == 0;
	case HAS:
	case HAS_NOT:
		break;
	}
	return 0;
}

static int
holds_text(const struct test *test, const struct place *place,
    const struct fire *fire)
{
	const char *text;
	size_t length;
	int there = place_text(place, fire, &text, &length), same;

	if (there < 0)
		return 0;
	if (test->literal != TEXT)
		return (test->relation == IS_NOT_EQUAL) == there;
	if (test->relation >= HAS) {
		same = there && memmem(text, length, test->text,
		    test->length) != NULL;
		return (test->relation == HAS) == same;
	}
	same = there && length == test->length &&
	    memcmp(text, test->text, length) == 0 &&
	    (place->kind == PLACE_COMM ||
	    !(fire->values[place->leaf].flags & VALUE_CUT));
	return (test->relation == IS_EQUAL) == same;
}

static int
holds(const struct filter *filter, const struct place *places,
    const struct fire *fire)
{
	int held = 0;
	size_t i = 0;

	while (i < filter->step_count) {
		const struct step *step = &filter->steps[i++];

		switch (step->action) {
		case TEST:
			held = place_is_text(&places[step->to]) ?
			    holds_text(&filter->tests[step->to],
			    &places[step->to], fire) :
			    holds_number(&filter->tests[step->to],
			    &places[step->to], fire);
			break;
		case NOT:
			held = !held;
			break;
		case SKIP_IF_TRUE:
		case SKIP_IF_FALSE:
			if (held == (step->action == SKIP_IF_TRUE))
				i = step->to;
		}
	}
	return held;
}

/* --- the filters of a probe --- */

/* The PLACES of the filter's values, or why the target has none. */
static char *
bind(const struct filter *filter, const struct target *target,
    struct place **places)
{
	char *why = NULL;
	size_t i;

	*places = xcalloc(filter->test_count, sizeof **places);
	for (i = 0; i < filter->test_count && why == NULL; i++) {
		const struct test *test = &filter->tests[i];
		int is_null = test->literal == INTEGER && test->magnitude == 0 &&
		    test->relation <= IS_NOT_EQUAL;

		why = place_find(target, test->name, &(*places)[i]);
		if (why == NULL && !is_null && place_is_text(&(*places)[i]) !=
		    (test->literal == TEXT))
			why = xasprintf(test->literal == TEXT ?
			    "its \"%s\" is no text" :
			    "its \"%s\" is a text, no number", test->name);
	}
	if (why != NULL) {
		free(*places);
		*places = NULL;
	}
	return why;
}

char *
target_sift(struct target *target, const struct filter *filter)
{
	struct sieve *sieve;
	struct place *places;
	char *why;

	if (filter == NULL) {
		target->unsifted = 1;
		return NULL;
	}
	for (sieve = target->sieves; sieve != NULL; sieve = sieve->next)
		if (sieve->filter == filter)
			return NULL;
	why = bind(filter, target, &places);
	if (why != NULL)
		return why;
	sieve = xcalloc(1, sizeof *sieve);
	sieve->filter = filter;
	sieve->places = places;
	sieve->next = target->sieves;
	target->sieves = sieve;
	return NULL;
}

int
target_passes(const struct target *target, const struct fire *fire)
{
	const struct sieve *sieve = target->sieves;

	if (target_is_open(target))
		return 1;
	while (sieve != NULL && !holds(sieve->filter, sieve->places, fire))
		sieve = sieve->next;
	return sieve != NULL;
}

int
target_passes_one(const struct target *target, const struct filter *filter,
    const struct fire *fire)
{
	const struct sieve *sieve = target->sieves;

	if (filter == NULL)
		return 1;
	while (sieve != NULL && sieve->filter != filter)
		sieve = sieve->next;
	return sieve != NULL && holds(filter, sieve->places, fire);
}

void
target_unsift(struct target *target)
{
	struct sieve *sieve;

	while ((sieve = target->sieves) != NULL) {
		target->sieves = sieve->next;
		free(sieve->places);
		free(sieve);
	}
}
