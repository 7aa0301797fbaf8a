/*
 * quote.c - how is somebody else's text printed safely?
 *
 * Names come from files that anybody may have written, and strings from other
 * people's programs: neither may control a terminal or a shell.  In a UTF-8
 * locale printable characters are printed as they are; everything else is
 * printed byte by byte as \xNN.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <ctype.h>
#include <stdlib.h>
#include <wchar.h>
#include <wctype.h>

#include "tools/common/common.h"

/*
 * Marks that print nothing but change the text after them, for example its
 * direction.  With them one name could look like another.
 */
static int
is_mark(wchar_t wide)
{
	static const wchar_t marks[][2] = {
		{ 0x61c, 0x61c }, { 0x200b, 0x200f }, { 0x2028, 0x202e },
		{ 0x2060, 0x206f }, { 0xfeff, 0xfeff }, { 0xfff9, 0xfffb }
	};
	size_t i;

	for (i = 0; i < sizeof marks / sizeof *marks; i++)
		if (wide >= marks[i][0] && wide <= marks[i][1])
			return 1;
	return 0;
}

/* Bytes of the printable character at TEXT, or 0 if there is none. */
static size_t
printable(const char *text, size_t length)
{
	mbstate_t state = { 0 };
	wchar_t wide;
	size_t n;

	if ((unsigned char)*text < 0x80)
		return isprint((unsigned char)*text) ? 1 : 0;
	n = mbrtowc(&wide, text, length, &state);
	if (n == 0 || n > length || !iswprint((wint_t)wide) || is_mark(wide))
		return 0;
	return n;
}

/* Print one character; returns its length in TEXT. */
static size_t
show(FILE *out, const char *text, size_t length)
{
	size_t n = printable(text, length);

	if (n == 0) {
		fprintf(out, "\\x%02x", (unsigned char)*text);
		return 1;
	}
	fwrite(text, 1, n, out);
	return n;
}

void
quote_line(FILE *out, const char *text)
{
	size_t length = strlen(text), n;

	for (; length > 0; text += n, length -= n) {
		n = 1;
		if (*text == '\\')
			fputs("\\x5c", out);
		else
			n = show(out, text, length);
	}
}

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ?
	    c - 'a' + 10 : -1;
}

void
quote_undo(char *text)
{
	char *to = text;

	while (*text != '\0') {
		int high = -1, low = -1;

		if (text[0] == '\\' && text[1] == 'x' &&
		    (high = hex_digit(text[2])) >= 0)
			low = hex_digit(text[3]);
		if (low >= 0 && high + low > 0) {
			*to++ = (char)(high << 4 | low);
			text += 4;
		} else {
			*to++ = *text++;
		}
	}
	*to = '\0';
}

void
quote_message(FILE *out, const char *text)
{
	size_t length = strlen(text), n;

	for (; length > 0; text += n, length -= n)
		n = show(out, text, length);
}

void
quote_word(FILE *out, const char *text)
{
	const char *blank;

	for (; (blank = strchr(text, ' ')) != NULL; text = blank + 1) {
		char *part = xstrndup(text, (size_t)(blank - text));

		quote_line(out, part);
		fputs("\\x20", out);
		free(part);
	}
	quote_line(out, text);
}

void
quote_string(FILE *out, const char *bytes, size_t length)
{
	static const char special[] = "\"\\\n\t\r";
	static const char letter[] = "\"\\ntr";
	const char *at;
	size_t n;

	putc('"', out);
	for (; length > 0; bytes += n, length -= n) {
		n = 1;
		at = *bytes ? strchr(special, *bytes) : NULL;
		if (at != NULL)
			fprintf(out, "\\%c", letter[at - special]);
		else
			n = show(out, bytes, length);
	}
	putc('"', out);
}

/* A word with bytes that are not for terminals.  Most shells know this form. */
static void
quote_bytes(FILE *out, const char *word)
{
	fputs("$'", out);
	for (; *word != '\0'; word++)
		fprintf(out, *word >= ' ' && *word <= '~' && *word != '\'' &&
		    *word != '\\' ? "%c" : "\\%03o", (unsigned char)*word);
	putc('\'', out);
}

void
quote_shell(FILE *out, const char *word)
{
	static const char safe[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+=,";
	const char *at;
	size_t left, n;

	if (*word != '\0' && word[strspn(word, safe)] == '\0') {
		fputs(word, out);
		return;
	}
	for (at = word, left = strlen(word); left > 0; at += n, left -= n)
		if ((n = printable(at, left)) == 0) {
			quote_bytes(out, word);
			return;
		}
	putc('\'', out);
	for (; *word != '\0'; word++) {
		if (*word == '\'')
			fputs("'\\''", out);
		else
			putc(*word, out);
	}
	putc('\'', out);
}
