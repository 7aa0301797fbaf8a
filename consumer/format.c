/*
 * format.c - which types do printf()'s arguments have?
 *
 * The records do not say whether a value is signed; the conversions do.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdlib.h>
#include <string.h>

#include "consumer.h"

/* The conversion C reads a signed (i), unsigned (u) or text (s) argument. */
static char
kind_of(char c)
{
	if (c == 0)
		return 0;
	if (strchr("dic", c))
		return 'i';
	if (strchr("sS", c))
		return 's';
	return 'u';
}

/* A '*' consumes an argument of its own. */
static void
read_kinds(const char *text, char *kinds)
{
	while ((text = strchr(text, '%')) != NULL) {
		text++;
		if (*text == '%') {
			text++;
			continue;
		}
		for (; *text && strchr("-+ #0123456789.*'@?hlLqjzt", *text);
		    text++)
			if (*text == '*')
				*kinds++ = 'i';
		if (*text)
			*kinds++ = kind_of(*text++);
	}
	*kinds = 0;
}

static struct format *
read_format(const struct library *lib, dtrace_hdl_t *dtp,
    const dtrace_recdesc_t *rec)
{
	struct format *format;
	size_t size;
	char *text;

	size = (size_t)LIBRARY_FORMAT(lib, dtp, rec, NULL, 0) + 1;
	text = calloc(1, size);
	format = malloc(sizeof *format + size);
	if (text && format) {
		LIBRARY_FORMAT(lib, dtp, rec, text, size);
		text[size - 1] = 0;
		read_kinds(text, format->kinds);
	} else {
		free(format);
		format = NULL;
	}
	free(text);
	return format;
}

/* Cached for the life of the process: a program has few formats. */
const struct format *
format_of(const struct library *lib, dtrace_hdl_t *dtp,
    const dtrace_recdesc_t *rec)
{
	static struct format *formats;
	struct format *format;
	const void *key = (const void *)(uintptr_t)rec->dtrd_format;

	if (!RECORD_HAS_FORMAT(rec))
		return NULL;
	for (format = formats; format; format = format->next)
		if (format->key == key)
			return format;
	format = read_format(lib, dtp, rec);
	if (!format)
		return NULL;
	format->key = key;
	format->next = formats;
	formats = format;
	return format;
}
