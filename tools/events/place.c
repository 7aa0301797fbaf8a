/*
 * place.c - where in an event is the value of a name?
 *
 * A name is that of an argument, of a member as in req.peer.port, or pid, tid or
 * comm.  It is looked up once for each probe.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>

#include "tools/events/events.h"

/* --- looking names up --- */

/* Does PATH begin with NAME?  Returns what follows, or NULL. */
static const char *
behind(const char *path, const char *name)
{
	size_t length = strlen(name);

	if (path == NULL || strncmp(path, name, length) != 0 ||
	    (path[length] != '\0' && path[length] != '.'))
		return NULL;
	return path + length;
}

/*
 * Look for the member PATH, or for none if it is NULL, and count leaves.
 * Returns it and its leaf, or NULL.
 */
static const struct type_member *
find_member(const struct type_struct *type, const char *path, size_t *leaf,
    size_t end)
{
	const struct type_member *found;
	size_t i, k;

	for (i = 0; i < type->count && *leaf < end; i++) {
		const struct type_member *member = &type->members[i];
		const char *rest = behind(path, member->name);
		int deeper = rest != NULL && *rest == '.' &&
		    member->declarator.dimensions == 0;

		if (member_is_padding(member))
			continue;
		if (member->of == NULL || member->declarator.pointers > 0) {
			if (rest != NULL && *rest == '\0')
				return member;
			++*leaf;
			continue;
		}
		for (k = 0; k < member->elements && *leaf < end; k++) {
			found = find_member(member->of, deeper ? rest + 1 :
			    NULL, leaf, end);
			if (found != NULL)
				return found;
		}
	}
	return NULL;
}

/* Is PATH a struct within a struct? */
static int
is_struct(const struct type_struct *type, const char *path)
{
	size_t i;

	for (i = 0; i < type->count; i++) {
		const struct type_member *member = &type->members[i];
		const char *rest = behind(path, member->name);

		if (rest == NULL || member_is_padding(member))
			continue;
		return member->of != NULL && member->declarator.pointers == 0 &&
		    (*rest == '\0' || is_struct(member->of, rest + 1));
	}
	return 0;
}

/* Why is the member PATH of an argument not there? */
static char *
no_member(const struct type_struct *type, const char *name, const char *path)
{
	if (type == NULL)
		return xasprintf("its \"%.*s\" leads to no known struct",
		    (int)(path - 1 - name), name);
	return xasprintf(is_struct(type, path) ? "its \"%s\" is a struct: add "
	    "the name of a member" : "it has no member \"%s\", or no room "
	    "for it", name);
}

size_t
target_argument(const struct target *target, const char *path,
    const char **rest)
{
	size_t i;
	char *name;

	for (i = 0; i < target->argc; i++)
		if (target->args[i].name != NULL && (*rest = behind(path,
		    target->args[i].name)) != NULL)
			return i;
	for (i = 0; i < target->argc; i++) {
		name = xasprintf("arg%zu", i);
		*rest = behind(path, name);
		free(name);
		if (*rest != NULL)
			return i;
	}
	return i;
}

static enum place_kind
kind_of_member(const struct type_member *member, const struct leaf *leaf)
{
	const struct usdt__declarator *d = &member->declarator;

	if (leaf->is_text)
		return PLACE_TEXT;
	if (member_is_chars(member))
		return PLACE_CHARS;
	if (d->dimensions > 0)
		return PLACE_NONE;
	if (d->pointers > 0)
		return PLACE_UNSIGNED;
	return d->base == USDT__BASE_FLOAT ? PLACE_FLOAT :
	    d->size < 0 ? PLACE_SIGNED : PLACE_UNSIGNED;
}

static int
find_special(const char *name, struct place *place)
{
	static const struct {
		const char *name;
		enum place_kind kind;
	} specials[] = {
		{ "pid", PLACE_PID }, { "tid", PLACE_TID },
		{ "comm", PLACE_COMM }
	};
	size_t i;

	for (i = 0; i < sizeof specials / sizeof *specials; i++)
		if (strcmp(name, specials[i].name) == 0) {
			place->kind = specials[i].kind;
			return 1;
		}
	return 0;
}

char *
place_find(const struct target *target, const char *name, struct place *place)
{
	static const enum place_kind kinds[] = {
		[KIND_UNSIGNED] = PLACE_UNSIGNED, [KIND_SIGNED] = PLACE_SIGNED,
		[KIND_POINTER] = PLACE_UNSIGNED, [KIND_FLOAT] = PLACE_FLOAT
	};
	const struct type_member *member;
	const struct type_struct *type;
	const char *rest;
	size_t i = target_argument(target, name, &rest);

	*place = (struct place){ .kind = PLACE_NONE };
	if (i == target->argc)
		return find_special(name, place) ? NULL :
		    xasprintf("it has no argument \"%s\"", name);
	if (*rest == '\0') {
		place->leaf = i;
		place->kind = target->leaves[i].is_text ? PLACE_TEXT :
		    kinds[target->leaves[i].kind];
		return NULL;
	}
	type = argument_struct(&target->args[i]);
	place->member = 1;
	place->pointer = i;
	place->leaf = target->members[i];
	member = type == NULL ? NULL : find_member(type, rest + 1,
	    &place->leaf, target->members[i + 1]);
	if (member == NULL)
		return no_member(type, name, rest + 1);
	place->kind = kind_of_member(member, &target->leaves[place->leaf]);
	return place->kind != PLACE_NONE ? NULL :
	    xasprintf("its \"%s\" is an array", name);
}

int
place_is_text(const struct place *place)
{
	return place->kind == PLACE_TEXT || place->kind == PLACE_CHARS ||
	    place->kind == PLACE_COMM;
}

/* --- its value in an event --- */

/* Is it in a struct that is not there?  Its own value says nothing then. */
static int
is_nowhere(const struct place *place, const struct fire *fire)
{
	const struct value *pointer = &fire->values[place->pointer];

	return place->member && (pointer->bytes == 0 || pointer->bits == 0 ||
	    (pointer->flags & VALUE_UNREADABLE) != 0);
}

int
place_text(const struct place *place, const struct fire *fire,
    const char **text, size_t *length)
{
	const struct value *value;

	if (place->kind == PLACE_COMM) {
		*text = fire->comm;
		*length = strlen(fire->comm);
		return 1;
	}
	value = &fire->values[place->leaf];
	if (is_nowhere(place, fire) || value->bytes == 0 ||
	    (value->flags & VALUE_UNREADABLE) ||
	    (place->kind == PLACE_TEXT && !(value->flags & VALUE_TEXT)))
		return -1;
	*text = value->text;
	*length = value->text == NULL ? 0 : place->kind == PLACE_CHARS ?
	    strnlen(value->text, value->length) : value->length;
	return value->text != NULL;
}

int
place_number(const struct place *place, const struct fire *fire,
    struct number *number)
{
	const struct value *value;
	unsigned unused;
	uint32_t half;
	float narrow;

	*number = (struct number){ .is_float = 0 };
	if (place->kind == PLACE_PID || place->kind == PLACE_TID) {
		number->magnitude = (uint64_t)(place->kind == PLACE_PID ?
		    fire->pid : fire->tid);
		return 0;
	}
	value = &fire->values[place->leaf];
	if (is_nowhere(place, fire) || value->bytes == 0)
		return -1;
	number->magnitude = value->bits;
	unused = value->bytes < 8 ? 64 - value->bytes * 8 : 0;
	if (place->kind == PLACE_FLOAT) {
		number->is_float = 1;
		half = (uint32_t)value->bits;
		memcpy(&narrow, &half, sizeof narrow);
		memcpy(&number->number, &value->bits, sizeof number->number);
		if (value->bytes == 4)
			number->number = (double)narrow;
		return value->bytes == 4 || value->bytes == 8 ? 0 : -1;
	}
	if (place->kind == PLACE_SIGNED &&
	    (value->bits >> (63 - unused) & 1) != 0) {
		number->negative = 1;
		number->magnitude = (0 - value->bits) << unused >> unused;
		if (number->magnitude == 0)	/* only the highest bit */
			number->magnitude = (uint64_t)1 << (63 - unused);
	}
	return 0;
}
