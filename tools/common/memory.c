/*
 * memory.c - what happens when memory runs out?
 *
 * The command ends with a message.  It leaves nothing behind that matters: its
 * events stay defined, but the kernel detaches them, and the next run removes
 * them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdarg.h>
#include <stdlib.h>

#include "tools/common/common.h"

void
out_of_memory(void)
{
	fputs("usdt: out of memory\n", stderr);
	exit(EXIT_TROUBLE);
}

static void *
needed(void *memory)
{
	if (memory == NULL)
		out_of_memory();
	return memory;
}

void *
xcalloc(size_t count, size_t size)
{
	return needed(calloc(count ? count : 1, size));
}

void *
xreallocarray(void *old, size_t count, size_t size)
{
	return needed(reallocarray(old, count ? count : 1, size));
}

char *
xstrndup(const char *text, size_t length)
{
	char *copy = xcalloc(length + 1, 1);

	memcpy(copy, text, length);
	return copy;
}

char *
xasprintf(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	return needed(text);
}

/* --- texts --- */

struct text_stream {
	char **bytes;
	size_t *size, space;
};

/* Room for the zero at the end, too. */
static ssize_t
text_append(void *self, const char *bytes, size_t count)
{
	struct text_stream *text = self;
	size_t wanted = *text->size + count + 1;

	if (wanted > text->space) {
		text->space = wanted < 128 ? 256 : wanted * 2;
		*text->bytes = xreallocarray(*text->bytes, text->space, 1);
	}
	memcpy(*text->bytes + *text->size, bytes, count);
	*text->size += count;
	(*text->bytes)[*text->size] = '\0';
	return (ssize_t)count;
}

static int
text_close(void *self)
{
	free(self);
	return 0;
}

/*
 * Not by open_memstream: glibc's drops what it has no memory for, without a
 * word.
 */
FILE *
text_begin(char **text, size_t *size)
{
	struct text_stream *self = xcalloc(1, sizeof *self);

	*size = 0;
	*text = NULL;
	*self = (struct text_stream){ .bytes = text, .size = size };
	text_append(self, "", 0);
	return needed(fopencookie(self, "w", (cookie_io_functions_t){
	    .write = text_append, .close = text_close }));
}

void
text_end(FILE *stream)
{
	if (fclose(stream) != 0)
		out_of_memory();
}
