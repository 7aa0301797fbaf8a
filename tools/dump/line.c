/*
 * line.c - how is a line printed, with the bytes that it describes?
 *
 * With --hex the offset and the bytes are to the left of the text, eight bytes
 * per line, so that all bytes of a document can be read from top to bottom.
 * Without it the lines are otherwise the same.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <inttypes.h>
#include <stdarg.h>

#include "tools/dump/dump.h"

#define BYTES	8	/* on a line */

/* Print the next bytes of the line; FILLED: text follows. */
static void
show_bytes(struct dump *dump, int filled)
{
	size_t i, count = dump->left < BYTES ? dump->left : BYTES;

	if (count > 0)
		fprintf(dump->out, "%8" PRIx64 " ", dump->at);
	else
		fprintf(dump->out, "%9s", "");
	for (i = 0; i < count; i++)
		fprintf(dump->out, " %02x", dump->bytes[i]);
	if (filled)
		fprintf(dump->out, "%*s", (int)(3 * (BYTES - count) + 2), "");
	dump->bytes += count;
	dump->at += count;
	dump->left -= count;
}

void
dump_begin(struct dump *dump, const void *bytes, uint64_t at, size_t size,
    const char *name)
{
	dump->bytes = bytes;
	dump->at = at;
	dump->left = size;
	if (dump->hex)
		show_bytes(dump, 1);
	fprintf(dump->out, "  %-12s  ", name);
}

void
dump_end(struct dump *dump)
{
	putc('\n', dump->out);
	while (dump->hex && dump->left > 0) {
		show_bytes(dump, 0);
		putc('\n', dump->out);
	}
}

void
dump_line(struct dump *dump, const char *name, const char *format, ...)
{
	va_list args;

	dump_begin(dump, "", 0, 0, name);
	va_start(args, format);
	vfprintf(dump->out, format, args);
	va_end(args);
	dump_end(dump);
}

void
dump_wrong(struct dump *dump, const char *format, ...)
{
	va_list args;

	dump->wrong++;
	dump_begin(dump, "", 0, 0, "WRONG");
	va_start(args, format);
	vfprintf(dump->out, format, args);
	va_end(args);
	dump_end(dump);
}
