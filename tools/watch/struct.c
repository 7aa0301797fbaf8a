/*
 * struct.c - in which order are the values of a struct printed?
 *
 * In that of its members, those of nested structs in their places; plan.c took
 * the values in this order.  Which marks stand between them, and how a value is
 * printed, is for the caller to say.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tools/watch/watch.h"

static uint64_t
element(const char *at, size_t size)
{
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;

	switch (size) {
	case 1:
		memcpy(&u8, at, size);
		return u8;
	case 2:
		memcpy(&u16, at, size);
		return u16;
	case 4:
		memcpy(&u32, at, size);
		return u32;
	case 8:
		memcpy(&u64, at, size);
		return u64;
	}
	return 0;
}

static void
print_array(const struct view *view, const struct type_member *member,
    const struct value *value)
{
	const struct marks *marks = view->marks;
	size_t i, count = value->length / member->size;
	int cut = (value->flags & VALUE_CUT) != 0;

	if (member_is_chars(member)) {
		marks->chars(view->line, value->text, strnlen(value->text,
		    value->length), cut);
		return;
	}
	line_text(view->line, marks->array[cut].begin);
	for (i = 0; i < count; i++) {
		line_text(view->line, i > 0 ? marks->comma : "");
		marks->number(view->line, member, element(value->text +
		    i * member->size, member->size));
	}
	line_text(view->line, marks->array[cut].end);
}

/* Structs in a member.  One at least has values, or it would not be printed. */
static void
print_nested(struct view *view, const struct type_member *member)
{
	const struct marks *marks = view->marks;
	size_t i;

	if (member->declarator.dimensions == 0) {
		view_struct(view, member->of);
		return;
	}
	line_text(view->line, marks->array[0].begin);
	for (i = 0; i < member->elements && view->leaf < view->end; i++) {
		line_text(view->line, i > 0 ? marks->comma : "");
		view_struct(view, member->of);
	}
	if (i < member->elements) {
		line_text(view->line, marks->comma);
		line_text(view->line, marks->more_elements);
	}
	line_text(view->line, marks->array[0].end);
}

static void
print_member(struct view *view, const struct type_member *member)
{
	const struct value *value;

	if (member->of != NULL && member->declarator.pointers == 0) {
		print_nested(view, member);
		return;
	}
	value = &view->fire->values[view->leaf++];
	if (view->marks->special(view->line, value))
		return;
	if (member->declarator.dimensions > 0)
		print_array(view, member, value);
	else
		view->marks->number(view->line, member, value->bits);
}

void
view_struct(struct view *view, const struct type_struct *type)
{
	const char *before = "";
	size_t i;

	line_char(view->line, '{');
	for (i = 0; i < type->count; i++) {
		const struct type_member *member = &type->members[i];

		if (member_is_padding(member))
			continue;
		line_text(view->line, before);
		before = view->marks->comma;
		if (view->leaf >= view->end) {	/* no room in the event */
			line_text(view->line, view->marks->more_members);
			break;
		}
		view->marks->name(view->line, member->name);
		print_member(view, member);
	}
	line_char(view->line, '}');
}
