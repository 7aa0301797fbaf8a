/*
 * shown.h - is the output of `usdt dump` safe for a terminal, and how long is
 * it?
 *
 * A stream that keeps nothing, since the text may be long.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef SHOWN_H
#define SHOWN_H

#include "feed.h"

/* Only printable ASCII and newlines. */
static ssize_t
shown_write(void *shown, const char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		must((text[i] >= ' ' && text[i] < 0x7f) || text[i] == '\n');
	*(size_t *)shown += size;
	return (ssize_t)size;
}

/* SHOWN counts the printed bytes. */
static FILE *
shown_open(size_t *shown)
{
	FILE *out = fopencookie(shown, "w",
	    (cookie_io_functions_t){ .write = shown_write });

	must(out != NULL);
	*shown = 0;
	return out;
}

/* At most a line or two for each byte, for any bytes. */
static void
shown_close(FILE *out, const size_t *shown, size_t size)
{
	fclose(out);
	must(*shown < 1000 + 400 * size);
}

#endif /* SHOWN_H */
