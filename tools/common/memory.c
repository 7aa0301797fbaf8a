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

static void *
needed(void *memory)
{
	if (memory == NULL) {
		fputs("usdt: out of memory\n", stderr);
		exit(EXIT_TROUBLE);
	}
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

FILE *
text_begin(char **text, size_t *size)
{
	*text = NULL;
	return needed(open_memstream(text, size));
}

void
text_end(FILE *stream)
{
	if (fclose(stream) != 0)
		needed(NULL);
}
