/*
 * shown.h - is what `usdt dump` prints fit to be shown, and of what length?
 *
 * A stream that holds nothing, since the text may be long.
 */
#ifndef SHOWN_H
#define SHOWN_H

#include "feed.h"

/* Nothing but what can be printed, and newlines, for ASCII. */
static ssize_t
shown_write(void *shown, const char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		must((text[i] >= ' ' && text[i] < 0x7f) || text[i] == '\n');
	*(size_t *)shown += size;
	return (ssize_t)size;
}

/* SHOWN counts what is printed. */
static FILE *
shown_open(size_t *shown)
{
	FILE *out = fopencookie(shown, "w",
	    (cookie_io_functions_t){ .write = shown_write });

	must(out != NULL);
	*shown = 0;
	return out;
}

/* A line or two for each byte at the most, whatever the bytes are. */
static void
shown_close(FILE *out, const size_t *shown, size_t size)
{
	fclose(out);
	must(*shown < 1000 + 400 * size);
}

#endif /* SHOWN_H */
