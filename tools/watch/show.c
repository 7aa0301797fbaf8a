/*
 * show.c - how is an event printed?
 *
 *	12:00:00.123456 77/78 httpd myapp:start req={id=7, url="/"} took=3.25
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>
#include <time.h>

#include "tools/watch/watch.h"

#define SECOND	((uint64_t)1000000000)

/* --- numbers and texts --- */

void
show_integer(struct line *line, int is_signed, uint64_t value, size_t bytes)
{
	unsigned unused = bytes < 8 ? (unsigned)(8 - bytes) * 8 : 0;

	if (is_signed)
		line_signed(line, (int64_t)(value << unused) /
		    ((int64_t)1 << unused));
	else
		line_unsigned(line, value);
}

static void
show_text(struct line *line, const struct value *value)
{
	if (value->flags & VALUE_UNREADABLE)
		line_text(line, "(unreadable)");
	else if (value->text == NULL)
		line_text(line, "NULL");
	else
		line_string(line, value->text, value->length);
	if (value->flags & VALUE_CUT)
		line_text(line, "...");
}

/* --- members --- */

static void
show_name(struct line *line, const char *name)
{
	line_text(line, name);
	line_char(line, '=');
}

/* A text or a value that could not be fetched. */
static int
show_special(struct line *line, const struct value *value)
{
	if (value->bytes == 0)
		line_char(line, '?');
	else if (value->flags & VALUE_TEXT)
		show_text(line, value);
	else
		return 0;
	return 1;
}

static void
show_chars(struct line *line, const char *text, size_t length, int cut)
{
	line_string(line, text, length);
	line_text(line, cut ? "..." : "");
}

static void
show_number(struct line *line, const struct type_member *member, uint64_t value)
{
	const struct usdt__declarator *d = &member->declarator;

	if (d->pointers > 0)
		line_hex(line, value);
	else if (d->base == USDT__BASE_FLOAT)
		line_float(line, value, member->size);
	else
		show_integer(line, d->size < 0, value, member->size);
}

static const struct marks marks = {
	.comma = ", ", .array = { { "{", "}" }, { "{", "}..." } },
	.more_elements = "...", .more_members = "...",
	.name = show_name, .special = show_special, .chars = show_chars,
	.number = show_number
};

/* --- arguments --- */

static void
show_argument(struct view *view, size_t index)
{
	const struct target *target = view->fire->target;
	const struct leaf *leaf = &target->leaves[index];
	const struct value *value = &view->fire->values[index];
	struct line *line = view->line;

	view->leaf = target->members[index];
	view->end = target->members[index + 1];
	if (show_special(line, value))
		return;
	if (view->leaf < view->end && value->bits == 0)
		line_text(line, "NULL");
	else if (view->leaf < view->end && value->flags & VALUE_UNREADABLE)
		line_text(line, "(unreadable)");
	else if (view->leaf < view->end)
		view_struct(view, argument_struct(leaf->argument));
	else if (leaf->kind == KIND_POINTER)
		line_hex(line, value->bits);
	else if (leaf->kind == KIND_FLOAT)
		line_float(line, value->bits, value->bytes);
	else
		show_integer(line, leaf->kind == KIND_SIGNED, value->bits,
		    value->bytes);
}

static void
show_args(struct line *line, const struct fire *fire)
{
	struct view view = { .line = line, .fire = fire, .marks = &marks };
	const struct argument *args = fire->target->args;
	size_t i;

	for (i = 0; i < fire->target->argc; i++) {
		line_char(line, ' ');
		if (args[i].name != NULL)
			show_name(line, args[i].name);
		show_argument(&view, i);
	}
}

/* --- the stack --- */

/* "	serve+18 (httpd)", a line for each frame. */
static void
show_stack(struct line *line, const struct fire *fire)
{
	struct frame frame;
	size_t i;

	for (i = 0; stack_frame(fire, i, &frame); i++) {
		line_char(line, '\t');
		if (frame.function != NULL) {
			line_quoted(line, frame.function);
			line_char(line, '+');
			line_unsigned(line, frame.offset);
		} else {
			line_hex(line, frame.address);
		}
		if (frame.module != NULL) {
			line_text(line, " (");
			line_word(line, frame.module);
			if (frame.function == NULL) {
				line_char(line, '+');
				line_hex(line, frame.offset);
			}
			line_char(line, ')');
		}
		line_char(line, '\n');
	}
}

/* --- what stands before them --- */

static void
show_time(struct show *show, uint64_t time)
{
	time_t second = (time_t)(time / SECOND);
	struct tm tm;

	if (second != show->second || show->clock[0] == '\0') {
		localtime_r(&second, &tm);
		strftime(show->clock, sizeof show->clock, "%H:%M:%S.", &tm);
		show->second = second;
	}
	line_put(&show->line, show->clock, sizeof "HH:MM:SS." - 1);
	line_digits(&show->line, (unsigned)(time % SECOND / 1000), 6);
}

static void
make_head(struct show *show, struct line *text, const struct fire *fire)
{
	(void)show;
	line_char(text, ' ');
	line_unsigned(text, (uint64_t)fire->pid);
	if (fire->tid != fire->pid) {
		line_char(text, '/');
		line_unsigned(text, (uint64_t)fire->tid);
	}
	line_char(text, ' ');
	line_word(text, fire->comm);
	line_char(text, ' ');
	line_put(text, fire->target->label.bytes, fire->target->label.length);
}

const struct line *
show_head(struct show *show, const struct fire *fire,
    void (*make)(struct show *show, struct line *text,
    const struct fire *fire))
{
	const struct target *target = fire->target;
	struct show_head *head = &show->heads[((size_t)fire->tid +
	    target->number) % (sizeof show->heads / sizeof *show->heads)];

	if (head->target == target && head->number == target->number &&
	    head->tid == fire->tid && head->pid == fire->pid &&
	    strcmp(head->comm, fire->comm) == 0)
		return &head->text;
	head->target = target;
	head->number = target->number;
	head->pid = fire->pid;
	head->tid = fire->tid;
	snprintf(head->comm, sizeof head->comm, "%s", fire->comm);
	head->text.length = 0;
	make(show, &head->text, fire);
	return &head->text;
}

void
show_fire(struct show *show, const struct fire *fire)
{
	const struct line *head = show_head(show, fire, make_head);
	struct line *line = &show->line;

	line_room(line, 64 + head->length);
	show_time(show, fire->time + show->since_epoch);
	line_put(line, head->bytes, head->length);
	show_args(line, fire);
	line_char(line, '\n');
	show_stack(line, fire);
}

void
show_done(struct show *show)
{
	size_t i;

	for (i = 0; i < sizeof show->heads / sizeof *show->heads; i++)
		line_free(&show->heads[i].text);
	line_free(&show->line);
}
