/*
 * filter.h - of what does a filter consist?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef TOOLS_EVENTS_FILTER_H
#define TOOLS_EVENTS_FILTER_H

#include "tools/events/events.h"

enum relation {
	IS_EQUAL, IS_NOT_EQUAL, IS_LESS, IS_AT_MOST, IS_GREATER, IS_AT_LEAST,
	HAS, HAS_NOT
};

enum literal { INTEGER, NUMBER, TEXT };

struct test {
	char *name;		/* members with a "." between them */
	enum relation relation;
	enum literal literal;	/* what the value is compared with */
	int negative;		/* of an integer */
	uint64_t magnitude;
	double number;
	char *text;
	size_t length;
};

enum action { TEST, NOT, SKIP_IF_TRUE, SKIP_IF_FALSE };

struct step {
	enum action action;
	size_t to;		/* the test, or the next step */
};

struct filter {
	struct test *tests;
	size_t test_count, test_space;
	struct step *steps;
	size_t step_count, step_space;
};

/* A filter of a target, with the places of the values that its tests compare. */
struct sieve {
	struct sieve *next;
	const struct filter *filter;
	struct place *places;
};

#endif /* TOOLS_EVENTS_FILTER_H */
