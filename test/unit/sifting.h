/*
 * sifting.h - what do the units of filters need of the command?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef SIFTING_H
#define SIFTING_H

#include "tools/common/memory.c"
#include "tools/common/utf8.c"
#include "tools/common/quote.c"
#include "tools/common/argument.c"
#include "tools/events/line.c"
#include "tools/events/as.c"
#include "tools/events/plan.c"
#include "tools/events/filter.c"
#include "tools/events/place.c"
#include "tools/events/sift.c"

/* --- what these files need of others -------------------------------------- */

char *
operand_fetch(const struct image *image, const struct probe *probe,
    const struct argument *argument, int *high)
{
	(void)image;
	(void)probe;
	(void)argument;
	(void)high;
	return NULL;
}

const struct type_probe *
types_probe(const struct types *types, const struct probe *probe)
{
	(void)types;
	(void)probe;
	return NULL;
}

size_t
image_operand(const char *text)
{
	return strlen(text);
}

const struct usdt__arch *
image_arch(const struct image *image)
{
	(void)image;
	return NULL;
}

#endif /* SIFTING_H */
