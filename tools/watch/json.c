/*
 * json.c - how is an event printed for programs?
 *
 *	{"time":1795774034.000000123,"pid":77,"tid":78,"comm":"httpd",
 *	"provider":"myapp","module":"httpd","function":"serve","name":"start",
 *	"args":{"req":{"id":7,"url":"/"},"took":3.25}}
 *
 * All of it is one line.  Integers are numbers with all their digits, also
 * pointers.  What JSON has no word for becomes an object or a string:
 *
 *	"Infinity", "-Infinity", "NaN"		of a float or double
 *	{"text":"/ind","cut":true}		a text that was longer
 *	{"text":"caf\ufffd","hex":"636166e9"}	one that is no UTF-8
 *	{"elements":[1,2],"cut":true}		an array that was longer
 *	{"unreadable":true}			nothing is at the pointer
 *	{"unknown":true}			the value could not be fetched
 *
 * In a struct or an array whose end was not fetched, "..." stands for it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <math.h>
#include <stdlib.h>

#include "tools/watch/watch.h"

#define SECOND	((uint64_t)1000000000)

/* What is the same in each event of a target. */
struct json_words {
	struct json_words *next;
	struct line probe;	/* from "provider" to the arguments' begin */
	size_t count;
	struct line keys[];	/* of the arguments, with a colon */
};

/* --- texts --- */

static void
put_escaped(struct line *line, unsigned code)
{
	static const char digits[] = "0123456789abcdef";

	line_text(line, "\\u00");
	line_char(line, digits[code >> 4 & 15]);
	line_char(line, digits[code & 15]);
}

/* How many bytes are ASCII that stands for itself? */
static size_t
plain_bytes(const char *text, size_t length)
{
	size_t i;

	for (i = 0; i < length && text[i] >= ' ' && text[i] < 0x7f &&
	    text[i] != '"' && text[i] != '\\'; i++)
		;
	return i;
}

/* A string; a byte that is not UTF-8 becomes U+FFFD.  Returns whether all is. */
static int
put_string(struct line *line, const char *text, size_t length)
{
	int whole = 1;
	size_t n;

	line_room(line, length + 2);
	line_char(line, '"');
	for (; length > 0; text += n, length -= n) {
		unsigned char c = (unsigned char)*text;

		n = plain_bytes(text, length);
		if (n > 0) {
			line_put(line, text, n);
			continue;
		}
		n = 1;
		if (c == '"' || c == '\\') {
			line_char(line, '\\');
			line_char(line, (char)c);
		} else if (c == '\n') {
			line_text(line, "\\n");
		} else if (c < 0x80) {
			put_escaped(line, c);
		} else if ((n = utf8_character(text, length)) == 0) {
			n = 1;
			whole = 0;
			line_text(line, "\xef\xbf\xbd");
		} else if (c == 0xc2 && (unsigned char)text[1] < 0xa0) {
			put_escaped(line, (unsigned char)text[1]);
		} else {
			line_put(line, text, n);
		}
	}
	line_char(line, '"');
	return whole;
}

static void
put_hex(struct line *line, const char *bytes, size_t length)
{
	static const char digits[] = "0123456789abcdef";

	line_char(line, '"');
	for (; length > 0; bytes++, length--) {
		line_char(line, digits[(unsigned char)*bytes >> 4]);
		line_char(line, digits[*bytes & 15]);
	}
	line_char(line, '"');
}

void
json_text(struct line *line, const char *text, size_t length, int cut)
{
	size_t start = line->length;

	if (put_string(line, text, length) && !cut)
		return;
	line->length = start;
	line_text(line, "{\"text\":");
	if (!put_string(line, text, length)) {
		line_text(line, ",\"hex\":");
		put_hex(line, text, length);
	}
	line_text(line, cut ? ",\"cut\":true}" : "}");
}

/* --- numbers --- */

static void
put_float(struct line *line, uint64_t bits, size_t size)
{
	uint32_t half = (uint32_t)bits;
	double number;
	float narrow;

	memcpy(&number, &bits, sizeof number);
	memcpy(&narrow, &half, sizeof narrow);
	if (size == 4)
		number = (double)narrow;
	if (isnan(number))
		line_text(line, "\"NaN\"");
	else if (isinf(number))
		line_text(line, number < 0 ? "\"-Infinity\"" : "\"Infinity\"");
	else
		line_float(line, bits, size);
}

static void
put_number(struct line *line, const struct type_member *member, uint64_t value)
{
	const struct usdt__declarator *d = &member->declarator;

	if (d->pointers == 0 && d->base == USDT__BASE_FLOAT)
		put_float(line, value, member->size);
	else
		show_integer(line, d->pointers == 0 && d->size < 0, value,
		    member->size);
}

/* --- structs --- */

/* A text, a pointer that leads nowhere, or no value.  0: it is none of these. */
static int
put_special(struct line *line, const struct value *value)
{
	if (value->bytes == 0)
		line_text(line, "{\"unknown\":true}");
	else if (value->flags & VALUE_UNREADABLE)
		line_text(line, "{\"unreadable\":true}");
	else if ((value->flags & VALUE_TEXT) == 0)
		return 0;
	else if (value->text == NULL)
		line_text(line, "null");
	else
		json_text(line, value->text, value->length,
		    (value->flags & VALUE_CUT) != 0);
	return 1;
}

static void
put_name(struct line *line, const char *name)
{
	put_string(line, name, strlen(name));
	line_char(line, ':');
}

static const struct marks marks = {
	.comma = ",",
	.array = { { "[", "]" }, { "{\"elements\":[", "],\"cut\":true}" } },
	.more_elements = "\"...\"", .more_members = "\"...\":true",
	.name = put_name, .special = put_special, .chars = json_text,
	.number = put_number
};

/* --- arguments --- */

static void
put_argument(struct view *view, size_t index)
{
	const struct target *target = view->fire->target;
	const struct leaf *leaf = &target->leaves[index];
	const struct value *value = &view->fire->values[index];

	view->leaf = target->members[index];
	view->end = target->members[index + 1];
	if (view->leaf < view->end && value->bytes > 0 && value->bits == 0)
		line_text(view->line, "null");
	else if (put_special(view->line, value))
		return;
	else if (view->leaf < view->end)
		view_struct(view, argument_struct(leaf->argument));
	else if (leaf->kind == KIND_FLOAT)
		put_float(view->line, value->bits, value->bytes);
	else
		show_integer(view->line, leaf->kind == KIND_SIGNED,
		    value->bits, value->bytes);
}

static void
put_pair(struct line *line, const char *key, const char *text)
{
	line_text(line, key);
	put_string(line, text, strlen(text));
}

static int
is_taken(const struct line *keys, size_t index)
{
	size_t i;

	for (i = 0; i < index; i++)
		if (keys[i].length == keys[index].length &&
		    memcmp(keys[i].bytes, keys[index].bytes,
		    keys[i].length) == 0)
			return 1;
	return 0;
}

/* The key of an argument, which no earlier one has. */
static void
make_key(struct line *keys, const char *name, size_t index)
{
	char *number = xasprintf("arg%zu", index);

	put_pair(&keys[index], "", name != NULL ? name : number);
	while (is_taken(keys, index)) {
		keys[index].length--;	/* the quote at its end */
		line_text(&keys[index], "_\"");
	}
	free(number);
}

static struct json_words *
words_of(struct show *show, struct target *target)
{
	struct json_words *words = target->own;
	struct line *probe;
	size_t i;

	if (words != NULL)
		return words;
	words = xcalloc(1, sizeof *words + target->argc *
	    sizeof words->keys[0]);
	words->count = target->argc;
	probe = &words->probe;
	put_pair(probe, ",\"provider\":", target->probe->provider);
	put_pair(probe, ",\"module\":", mapped_module(target->path));
	put_pair(probe, ",\"function\":", target->probe->function);
	put_pair(probe, ",\"name\":", target->probe->name);
	line_text(probe, ",\"args\":{");
	for (i = 0; i < target->argc; i++)
		make_key(words->keys, target->args[i].name, i);
	for (i = 0; i < target->argc; i++)
		line_char(&words->keys[i], ':');
	words->next = show->words;
	show->words = words;
	target->own = words;
	return words;
}

/* --- the stack --- */

static void
put_stack(struct line *line, const struct fire *fire)
{
	struct frame frame;
	size_t i;

	if (fire->stacks == NULL)
		return;
	line_text(line, ",\"stack\":[");
	for (i = 0; stack_frame(fire, i, &frame); i++) {
		line_text(line, i > 0 ? ",{\"address\":" : "{\"address\":");
		line_unsigned(line, frame.address);
		if (frame.function != NULL)
			put_pair(line, ",\"function\":", frame.function);
		if (frame.module != NULL)
			put_pair(line, ",\"module\":", frame.module);
		if (frame.function != NULL || frame.module != NULL) {
			line_text(line, ",\"offset\":");
			line_unsigned(line, frame.offset);
		}
		line_char(line, '}');
	}
	line_char(line, ']');
}

/* --- events --- */

static void
make_head(struct show *show, struct line *text, const struct fire *fire)
{
	const struct line *probe = &words_of(show, fire->target)->probe;

	line_text(text, ",\"pid\":");
	line_signed(text, fire->pid);
	line_text(text, ",\"tid\":");
	line_signed(text, fire->tid);
	put_pair(text, ",\"comm\":", fire->comm);
	line_put(text, probe->bytes, probe->length);
}

void
json_fire(struct show *show, const struct fire *fire)
{
	static const char begin[] = "{\"time\":";
	const struct line *head = show_head(show, fire, make_head);
	const struct json_words *words = words_of(show, fire->target);
	struct line *line = &show->line;
	struct view view = { .line = line, .fire = fire, .marks = &marks };
	uint64_t time = fire->time + show->since_epoch;
	size_t i;

	line_room(line, 64 + head->length);
	line_put(line, begin, sizeof begin - 1);
	line_unsigned(line, time / SECOND);
	line_char(line, '.');
	line_digits(line, (unsigned)(time % SECOND), 9);
	line_put(line, head->bytes, head->length);
	for (i = 0; i < words->count; i++) {
		if (i > 0)
			line_char(line, ',');
		line_put(line, words->keys[i].bytes, words->keys[i].length);
		put_argument(&view, i);
	}
	line_char(line, '}');
	put_stack(line, fire);
	line_put(line, "}\n", 2);
}

void
json_done(struct show *show)
{
	struct json_words *words;
	size_t i;

	while ((words = show->words) != NULL) {
		show->words = words->next;
		line_free(&words->probe);
		for (i = 0; i < words->count; i++)
			line_free(&words->keys[i]);
		free(words);
	}
}
