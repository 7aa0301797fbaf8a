/*
 * filter.c - how does the user write which events are wanted?
 *
 *	myapp:request-done{status >= 500 && (url ~ "/api" || !req.cached)}
 *
 * A filter is parsed to steps for a machine with one register, so that it is
 * evaluated without recursion: each test sets the register, and && and || are
 * jumps (sift.c).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdlib.h>

#include "tools/events/filter.h"

/* How deep brackets and "!" may be nested. */
#define DEPTH_MAX	100

/* --- parsing --- */

struct reader {
	const char *at;
	const char *why;	/* it is wrong there, or NULL */
	unsigned depth;
	struct filter *filter;
};

static int
wrong(struct reader *reader, const char *why)
{
	if (reader->why == NULL)
		reader->why = why;
	return -1;
}

static void
skip_blanks(struct reader *reader)
{
	reader->at += strspn(reader->at, " \t\n");
}

/* Skip WORD if it comes next. */
static int
accept(struct reader *reader, const char *word)
{
	skip_blanks(reader);
	if (strncmp(reader->at, word, strlen(word)) != 0)
		return 0;
	reader->at += strlen(word);
	return 1;
}

static int
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t
identifier(const char *at)
{
	size_t length = 0;

	if (is_letter(*at))
		while (is_letter(at[length]) || is_digit(at[length]))
			length++;
	return length;
}

static size_t
add_step(struct filter *filter, enum action action, size_t to)
{
	ROOM_FOR_ONE(filter->steps, filter->step_count, filter->step_space);
	filter->steps[filter->step_count] = (struct step){ action, to };
	return filter->step_count++;
}

/* An integer with all its bits, or a number with a point or an exponent. */
static int
read_number(struct reader *reader, struct test *test)
{
	const char *start = reader->at;
	int hex;
	char *end;

	test->negative = *start == '-';
	start += test->negative;
	if (!is_digit(*start))
		return wrong(reader, "a number or a \"text\" is expected");
	hex = start[0] == '0' && (start[1] == 'x' || start[1] == 'X');
	errno = 0;
	test->literal = INTEGER;
	test->magnitude = strtoull(start, &end, hex ? 16 : 10);
	if (!hex && (*end == '.' || *end == 'e' || *end == 'E')) {
		test->literal = NUMBER;
		errno = 0;
		test->number = strtod(reader->at, &end);
		if (errno == ERANGE && test->number < 1 && test->number > -1)
			errno = 0;	/* too small: nearly 0 will do */
	}
	if (errno != 0 || (test->literal == INTEGER && test->negative &&
	    test->magnitude > (uint64_t)1 << 63))
		return wrong(reader, test->literal == INTEGER ?
		    "no integer of 64 bits is that large" :
		    "no double is that large");
	if (is_letter(*end) || is_digit(*end) || *end == '.')
		return wrong(reader, "this is no number");
	reader->at = end;
	return 0;
}

static int
hex_value(char c)
{
	const char *digits = "0123456789abcdef", *found;

	found = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ?
	    c - 'A' + 'a' : c);
	return found == NULL ? -1 : (int)(found - digits);
}

/* The byte behind a backslash; -1 if it is none. */
static int
read_escape(struct reader *reader)
{
	static const char letters[] = "\"\\ntr", bytes[] = "\"\\\n\t\r";
	const char *at = reader->at + 1, *found;

	if (*at == 'x' && hex_value(at[1]) >= 0 && hex_value(at[2]) >= 0) {
		reader->at += 4;
		return hex_value(at[1]) * 16 + hex_value(at[2]);
	}
	found = *at == '\0' ? NULL : strchr(letters, *at);
	if (found == NULL)
		return wrong(reader, "after \\ only \" \\ n t r and xNN have "
		    "a meaning");
	reader->at += 2;
	return (unsigned char)bytes[found - letters];
}

/* As events are printed: in double quotes, with C's escapes. */
static int
read_text(struct reader *reader, struct test *test)
{
	const char *start = reader->at++;
	int byte;

	test->literal = TEXT;
	test->text = xcalloc(strlen(start), 1);
	while (*reader->at != '"') {
		if (*reader->at == '\0') {
			reader->at = start;
			return wrong(reader, "this text does not end");
		}
		byte = *reader->at == '\\' ? read_escape(reader) :
		    (unsigned char)*reader->at++;
		if (byte < 0)
			return -1;
		test->text[test->length++] = (char)byte;
	}
	reader->at++;
	return 0;
}

static int
read_literal(struct reader *reader, struct test *test)
{
	const char *start;
	int ordered = test->relation != IS_EQUAL &&
	    test->relation != IS_NOT_EQUAL;

	skip_blanks(reader);
	start = reader->at;
	if (identifier(start) == 4 && strncmp(start, "NULL", 4) == 0) {
		reader->at += 4;
		if (!ordered)
			return 0;
		reader->at = start;
		return wrong(reader, "only == and != compare with NULL");
	}
	if (*start != '"' && read_number(reader, test) < 0)
		return -1;
	if (*start == '"' && read_text(reader, test) < 0)
		return -1;
	if ((test->literal == TEXT && ordered && test->relation < HAS) ||
	    (test->literal != TEXT && test->relation >= HAS)) {
		reader->at = start;
		return wrong(reader, test->literal == TEXT ?
		    "only == != ~ and !~ compare with a text" :
		    "~ wants a \"text\"");
	}
	return 0;
}

/* NAME, NAME.MEMBER or NAME->MEMBER. */
static int
read_name(struct reader *reader, struct test *test)
{
	size_t length = identifier(reader->at), old = 0;

	if (length == 0)
		return wrong(reader, "the name of an argument is expected");
	for (;;) {
		char *longer = xasprintf("%s%s%.*s", old ? test->name : "",
		    old ? "." : "", (int)length, reader->at);

		free(test->name);
		test->name = longer;
		old = 1;
		reader->at += length;
		if (reader->at[0] == '.')
			reader->at++;
		else if (reader->at[0] == '-' && reader->at[1] == '>')
			reader->at += 2;
		else
			return 0;
		length = identifier(reader->at);
		if (length == 0)
			return wrong(reader, "the name of a member is "
			    "expected");
	}
}

/* A name alone is true if it is not 0, and not NULL. */
static int
read_test(struct reader *reader)
{
	static const struct {
		const char *word;
		enum relation relation;
	} words[] = {		/* a longer word before its beginning */
		{ "==", IS_EQUAL }, { "!=", IS_NOT_EQUAL },
		{ "<=", IS_AT_MOST }, { "<", IS_LESS },
		{ ">=", IS_AT_LEAST }, { ">", IS_GREATER },
		{ "!~", HAS_NOT }, { "~", HAS }
	};
	struct filter *filter = reader->filter;
	struct test *test;
	size_t i;

	ROOM_FOR_ONE(filter->tests, filter->test_count, filter->test_space);
	test = &filter->tests[filter->test_count++];
	*test = (struct test){ .relation = IS_NOT_EQUAL };
	add_step(filter, TEST, filter->test_count - 1);
	if (read_name(reader, test) < 0)
		return -1;
	for (i = 0; i < sizeof words / sizeof *words; i++)
		if (accept(reader, words[i].word)) {
			test->relation = words[i].relation;
			return read_literal(reader, test);
		}
	if (strncmp(reader->at, "=~", 2) == 0)
		return wrong(reader, "write ~ for \"contains\"");
	return *reader->at == '=' ? wrong(reader, "write == for \"equals\"") :
	    0;
}

static int
read_any(struct reader *reader);

static int
read_one(struct reader *reader)
{
	int result;

	if (reader->depth == DEPTH_MAX)
		return wrong(reader, "brackets and ! are nested too deep "
		    "(100)");
	reader->depth++;
	if (accept(reader, "!")) {
		result = read_one(reader);
		add_step(reader->filter, NOT, 0);
	} else if (accept(reader, "(")) {
		result = read_any(reader);
		if (result == 0 && !accept(reader, ")"))
			result = wrong(reader, "&& || or ) is expected");
	} else {
		result = read_test(reader);
	}
	reader->depth--;
	return result;
}

/* Operands with && between them, or with ||: the rest is skipped when the result
 * is known. */
static int
read_chain(struct reader *reader, const char *word, enum action skip,
    int (*operand)(struct reader *reader))
{
	struct filter *filter = reader->filter;
	size_t step;

	if (operand(reader) < 0)
		return -1;
	while (accept(reader, word)) {
		step = add_step(filter, skip, 0);
		if (operand(reader) < 0)
			return -1;
		filter->steps[step].to = filter->step_count;
	}
	return 0;
}

static int
read_all(struct reader *reader)
{
	return read_chain(reader, "&&", SKIP_IF_FALSE, read_one);
}

static int
read_any(struct reader *reader)
{
	return read_chain(reader, "||", SKIP_IF_TRUE, read_all);
}

char *
filter_begin(char *word)
{
	char *begin = NULL, *at;
	int quoted = 0;

	/* Names and paths end with a colon or a slash; filters have none. */
	for (at = word; *at != '\0'; at++) {
		if (*at == '\\' && at[1] != '\0')
			at++;
		else if (begin == NULL && *at == '{')
			begin = at;
		else if (begin != NULL && *at == '"')
			quoted = !quoted;
		else if (!quoted && (*at == ':' || *at == '/'))
			begin = NULL;
	}
	return begin;
}

struct filter *
filter_parse(const char *text, const char **place, const char **why)
{
	struct reader reader = {
		.at = text, .filter = xcalloc(1, sizeof *reader.filter)
	};

	if (!accept(&reader, "{"))
		wrong(&reader, "{ is expected");
	else if (read_any(&reader) == 0 && !accept(&reader, "}"))
		wrong(&reader, "&& || or } is expected");
	skip_blanks(&reader);
	if (reader.why == NULL && *reader.at != '\0')
		wrong(&reader, "a filter ends with its }");
	if (reader.why == NULL)
		return reader.filter;
	*place = reader.at;
	*why = reader.why;
	filter_free(reader.filter);
	return NULL;
}

void
filter_free(struct filter *filter)
{
	size_t i;

	if (filter == NULL)
		return;
	for (i = 0; i < filter->test_count; i++) {
		free(filter->tests[i].name);
		free(filter->tests[i].text);
	}
	free(filter->tests);
	free(filter->steps);
	free(filter);
}
