/* failing.h - replaces the helper's memory calls, so that one can fail. */
/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>

void *failing_malloc(size_t);
void *failing_calloc(size_t, size_t);
void *failing_realloc(void *, size_t);
FILE *failing_memstream(char **, size_t *);

#define malloc failing_malloc
#define calloc failing_calloc
#define realloc failing_realloc
#define open_memstream failing_memstream
