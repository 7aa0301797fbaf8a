/*
 * failing.c - what does the helper do when it gets no memory?
 *
 * Refuses request number $FAIL_REQUEST, and no other.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "failing.h"

#undef malloc
#undef calloc
#undef realloc
#undef open_memstream

static int
is_refused(void)
{
	static int count;
	const char *which = getenv("FAIL_REQUEST");

	if (!which || ++count != atoi(which))
		return 0;
	fprintf(stderr, "refused request %d\n", count);
	return 1;
}

void *
failing_malloc(size_t n)
{
	return is_refused() ? NULL : malloc(n);
}

void *
failing_calloc(size_t n, size_t size)
{
	return is_refused() ? NULL : calloc(n, size);
}

void *
failing_realloc(void *p, size_t n)
{
	return is_refused() ? NULL : realloc(p, n);
}

FILE *
failing_memstream(char **text, size_t *size)
{
	return is_refused() ? NULL : open_memstream(text, size);
}
