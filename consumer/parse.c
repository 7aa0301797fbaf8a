/*
 * parse.c - what does a line of JSON say?
 *
 * All of JSON except fractions, which no command has.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "consumer.h"

#define DEPTH 8

struct input {
	const char *at, *end;
	struct failure *failure;
};

static struct node *parse_value(struct input *in, int depth);

void
parse_free(struct node *node)
{
	struct node *next;

	for (; node; node = next) {
		next = node->next;
		parse_free(node->first);
		free(node->name);
		free(node->text);
		free(node);
	}
}

const struct node *
parse_member(const struct node *node, const char *name)
{
	const struct node *member;

	if (node->type != NODE_OBJECT)
		return NULL;
	for (member = node->first; member; member = member->next)
		if (strcmp(member->name, name) == 0)
			return member;
	return NULL;
}

static void *
bad(struct input *in, const char *what)
{
	fail(in->failure, "ECOMMAND", "%s", what);
	return NULL;
}

static void *
short_of_memory(struct input *in)
{
	fail(in->failure, "ENOMEM", "out of memory");
	return NULL;
}

static void
skip_blanks(struct input *in)
{
	while (in->at < in->end && strchr(" \t\r\n", *in->at) && *in->at)
		in->at++;
}

static int
next_is(struct input *in, char c)
{
	skip_blanks(in);
	if (in->at == in->end || *in->at != c)
		return 0;
	in->at++;
	return 1;
}

static int
hex4(struct input *in, unsigned *value)
{
	char digits[5] = "", *end;

	if (in->end - in->at < 4)
		return -1;
	memcpy(digits, in->at, 4);
	if (strspn(digits, "0123456789abcdefABCDEF") != 4)
		return -1;
	*value = (unsigned)strtoul(digits, &end, 16);
	in->at += 4;
	return 0;
}

static char *
put_utf8(char *to, unsigned c)
{
	if (c < 0x80) {
		*to++ = (char)c;
	} else if (c < 0x800) {
		*to++ = (char)(0xc0 | c >> 6);
		*to++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*to++ = (char)(0xe0 | c >> 12);
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	} else {
		*to++ = (char)(0xf0 | c >> 18);
		*to++ = (char)(0x80 | (c >> 12 & 0x3f));
		*to++ = (char)(0x80 | (c >> 6 & 0x3f));
		*to++ = (char)(0x80 | (c & 0x3f));
	}
	return to;
}

/* Reads what follows "\u".  NULL: a C string can't have that character. */
static char *
put_unicode(struct input *in, char *to)
{
	unsigned c, low;

	if (hex4(in, &c) || c == 0 || (c >= 0xdc00 && c < 0xe000))
		return NULL;
	if (c >= 0xd800 && c < 0xdc00) {
		if (in->end - in->at < 6 || in->at[0] != '\\' ||
		    in->at[1] != 'u')
			return NULL;
		in->at += 2;
		if (hex4(in, &low) || low < 0xdc00 || low >= 0xe000)
			return NULL;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	return put_utf8(to, c);
}

static char *
put_escaped(struct input *in, char *to)
{
	static const char names[] = "\"\\/bfnrt", chars[] = "\"\\/\b\f\n\r\t";
	const char *name;
	char c;

	if (in->at == in->end)
		return NULL;
	c = *in->at++;
	if (c == 'u')
		return put_unicode(in, to);
	name = c ? strchr(names, c) : NULL;
	if (!name)
		return NULL;
	*to++ = chars[name - names];
	return to;
}

/* From behind the opening quote.  The text is never longer than its JSON. */
static char *
parse_text(struct input *in)
{
	char *text = malloc((size_t)(in->end - in->at) + 1), *to = text;

	if (!text)
		return short_of_memory(in);
	while (in->at < in->end && *in->at != '"') {
		if ((unsigned char)*in->at < 0x20)
			break;
		if (*in->at != '\\') {
			*to++ = *in->at++;
			continue;
		}
		in->at++;
		to = put_escaped(in, to);
		if (!to) {
			free(text);
			return bad(in, "a string has an invalid escape, or one "
			    "for a zero byte");
		}
	}
	if (!next_is(in, '"')) {
		free(text);
		return bad(in, "a string has no end");
	}
	*to = 0;
	return text;
}

/* The members of an array or object, up to LAST. */
static int
parse_members(struct input *in, struct node *node, char last, int depth)
{
	struct node **link = &node->first, *member;
	char *name = NULL;

	if (next_is(in, last))
		return 0;
	do {
		if (node->type == NODE_OBJECT) {
			if (!next_is(in, '"')) {
				bad(in, "a member of an object has no name");
				return -1;
			}
			name = parse_text(in);
			if (!name)
				return -1;
			if (!next_is(in, ':')) {
				free(name);
				bad(in, "a member of an object has no value");
				return -1;
			}
		}
		member = parse_value(in, depth + 1);
		if (!member) {
			free(name);
			return -1;
		}
		member->name = name;
		*link = member;
		link = &member->next;
	} while (next_is(in, ','));
	if (next_is(in, last))
		return 0;
	bad(in, "an array or object has no end");
	return -1;
}

static int
parse_word(struct input *in, struct node *node)
{
	static const struct { const char *word; int type; } words[] = {
		{ "null", NODE_NULL }, { "false", NODE_FALSE },
		{ "true", NODE_TRUE }
	};
	size_t i, n;

	for (i = 0; i < sizeof words / sizeof *words; i++) {
		n = strlen(words[i].word);
		if ((size_t)(in->end - in->at) >= n &&
		    memcmp(in->at, words[i].word, n) == 0) {
			in->at += n;
			node->type = words[i].type;
			return 0;
		}
	}
	return -1;
}

static int
parse_number(struct input *in, struct node *node)
{
	char digits[24], *end;
	size_t n = 0;

	while (in->at + n < in->end && n < sizeof digits - 1 &&
	    in->at[n] && strchr("-0123456789.eE+", in->at[n]))
		n++;
	memcpy(digits, in->at, n);
	digits[n] = 0;
	errno = 0;
	node->number = strtoll(digits, &end, 10);
	if (n == 0 || *end || errno)
		return -1;
	node->type = NODE_NUMBER;
	in->at += n;
	return 0;
}

static struct node *
parse_value(struct input *in, int depth)
{
	struct node *node;
	int failed = 0;

	if (depth > DEPTH)
		return bad(in, "the command is nested too deeply");
	node = calloc(1, sizeof *node);
	if (!node)
		return short_of_memory(in);
	if (next_is(in, '"')) {
		node->type = NODE_STRING;
		node->text = parse_text(in);
		failed = !node->text;
	} else if (next_is(in, '[')) {
		node->type = NODE_ARRAY;
		failed = parse_members(in, node, ']', depth);
	} else if (next_is(in, '{')) {
		node->type = NODE_OBJECT;
		failed = parse_members(in, node, '}', depth);
	} else if (parse_word(in, node) && parse_number(in, node)) {
		bad(in, "this is not JSON, or a number that is no integer");
		failed = 1;
	}
	if (failed) {
		parse_free(node);
		return NULL;
	}
	return node;
}

struct node *
parse(const char *line, size_t length, struct failure *failure)
{
	struct input in = { line, line + length, failure };
	struct node *node = parse_value(&in, 0);

	skip_blanks(&in);
	if (node && in.at != in.end) {
		parse_free(node);
		return bad(&in, "something follows the command on its line");
	}
	return node;
}
