/*
 * tree.c - how is an element added to a tree?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <search.h>

#include "tools/common/common.h"

void *
xtsearch(const void *key, void **root,
    int (*compare)(const void *one, const void *other))
{
	void *found = tsearch(key, root, compare);

	if (found == NULL)
		out_of_memory();
	return found;
}
