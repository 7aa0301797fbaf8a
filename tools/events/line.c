/*
 * line.c - how is text put together fast?
 *
 * A million lines a second leave no time for stdio: numbers are written by hand
 * into one buffer.  What is rare or difficult (bytes that are not ASCII) goes
 * through quote.c after all, so that there is one rule for it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>

#include "tools/events/events.h"

void
line_grow(struct line *line, size_t more)
{
	size_t space = line->space ? line->space : 4096;

	while (space - line->length < more)
		space *= 2;
	line->bytes = xreallocarray(line->bytes, space, 1);
	line->space = space;
}

void
line_free(struct line *line)
{
	free(line->bytes);
	memset(line, 0, sizeof *line);
}

void
line_text(struct line *line, const char *text)
{
	line_put(line, text, strlen(text));
}

/* --- numbers --- */

static const char two_digits[] =
    "00010203040506070809101112131415161718192021222324"
    "25262728293031323334353637383940414243444546474849"
    "50515253545556575859606162636465666768697071727374"
    "75767778798081828384858687888990919293949596979899";

void
line_unsigned(struct line *line, uint64_t value)
{
	char *to;
	unsigned digits = 1;
	uint64_t above;

	for (above = value; above >= 10000; above /= 10000)
		digits += 4;
	digits += (above >= 10) + (above >= 100) + (above >= 1000);
	line_room(line, digits);
	line->length += digits;
	for (to = line->bytes + line->length; value >= 100; value /= 100) {
		to -= 2;
		memcpy(to, two_digits + value % 100 * 2, 2);
	}
	if (value >= 10)
		memcpy(to - 2, two_digits + value * 2, 2);
	else
		to[-1] = (char)('0' + value);
}

void
line_signed(struct line *line, int64_t value)
{
	if (value < 0)
		line_char(line, '-');
	line_unsigned(line, value < 0 ? 0 - (uint64_t)value :
	    (uint64_t)value);
}

void
line_digits(struct line *line, unsigned value, unsigned digits)
{
	char *to;

	line_room(line, digits);
	line->length += digits;
	to = line->bytes + line->length;
	for (; digits >= 2; digits -= 2, value /= 100) {
		to -= 2;
		memcpy(to, two_digits + value % 100 * 2, 2);
	}
	if (digits > 0)
		to[-1] = (char)('0' + value % 10);
}

void
line_hex(struct line *line, uint64_t value)
{
	char digits[16];
	size_t at = sizeof digits;

	do
		digits[--at] = "0123456789abcdef"[value & 15];
	while ((value >>= 4) != 0);
	line_text(line, "0x");
	line_put(line, digits + at, sizeof digits - at);
}

/* The shortest text that is read as the same number. */
static void
put_double(struct line *line, double value)
{
	char text[64];
	int digits = 15;

	do
		snprintf(text, sizeof text, "%.*g", digits, value);
	while (strtod(text, NULL) != value && digits++ < 17);
	line_text(line, text);
}

static void
put_float(struct line *line, float value)
{
	char text[64];
	int digits = 6;

	do
		snprintf(text, sizeof text, "%.*g", digits, (double)value);
	while (strtof(text, NULL) != value && digits++ < 9);
	line_text(line, text);
}

void
line_float(struct line *line, uint64_t bits, size_t size)
{
	uint32_t half = (uint32_t)bits;
	double wide;
	float narrow;

	memcpy(&wide, &bits, sizeof wide);
	memcpy(&narrow, &half, sizeof narrow);
	if (size == 4)
		put_float(line, narrow);
	else
		put_double(line, wide);
}

/* --- texts --- */

/* How many bytes are ASCII that every rule leaves as they are? */
static size_t
plain_bytes(const char *bytes, size_t length)
{
	size_t i;

	for (i = 0; i < length && bytes[i] > ' ' && bytes[i] < 0x7f &&
	    bytes[i] != '"' && bytes[i] != '\\'; i++)
		;
	return i;
}

/* What quote.c makes of it. */
static void
put_quoted(struct line *line, const char *bytes, size_t length)
{
	size_t size;
	char *text;
	FILE *out = text_begin(&text, &size);

	quote_string(out, bytes, length);
	text_end(out);
	line_put(line, text, size);
	free(text);
}

void
line_string(struct line *line, const char *bytes, size_t length)
{
	size_t plain = plain_bytes(bytes, length), more;

	while (plain < length && bytes[plain] == ' ') {
		more = plain_bytes(bytes + plain + 1, length - plain - 1);
		plain += 1 + more;
	}
	if (plain < length) {
		put_quoted(line, bytes, length);
		return;
	}
	line_room(line, length + 2);
	line->bytes[line->length++] = '"';
	memcpy(line->bytes + line->length, bytes, length);
	line->length += length;
	line->bytes[line->length++] = '"';
}

/* As one of quote.c's functions prints it. */
static void
put_printed(struct line *line, const char *text,
    void (*print)(FILE *out, const char *text))
{
	size_t size = strlen(text);
	char *printed;
	FILE *out;

	if (plain_bytes(text, size) == size) {
		line_put(line, text, size);
		return;
	}
	out = text_begin(&printed, &size);
	print(out, text);
	text_end(out);
	line_put(line, printed, size);
	free(printed);
}

void
line_word(struct line *line, const char *word)
{
	put_printed(line, word, quote_word);
}

void
line_quoted(struct line *line, const char *text)
{
	put_printed(line, text, quote_line);
}
