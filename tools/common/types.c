/*
 * types.c - which names, prototypes and structs does an image declare?
 *
 * Images with named arguments or structs have a section .usdt.types with C's
 * text: a definition for each struct and a prototype for each probe.
 *
 *	struct myapp_request { int id; char __pad4[4]; char *url; };
 *	void request__start(int id, char *url, struct myapp_request *req);
 *	typedef void __args1(int id);
 *	__args1 one, two;
 *
 * Padding is explicit there, so offsets follow from the sizes.  The file may be
 * anybody's: what is not understood is left out.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <ctype.h>
#include <stdlib.h>

#include "tools/common/common.h"

/* No struct is larger, and no offset can overflow. */
#define SIZE_LIMIT	((size_t)1 << 24)

/* The state while a text is read. */
struct reader {
	char *at;
	const struct usdt__arch *arch;
	struct types *types;
};

/* --- words --- */

static void
skip_blanks(struct reader *reader)
{
	reader->at += strspn(reader->at, " \t\n");
}

/* The length of the identifier at AT, or 0. */
static size_t
identifier(const char *at)
{
	size_t length = 0;

	if (isalpha((unsigned char)*at) || *at == '_')
		while (isalnum((unsigned char)at[length]) || at[length] == '_')
			length++;
	return length;
}

/* Skip a word if it comes next. */
static int
accept(struct reader *reader, const char *word)
{
	skip_blanks(reader);
	if (identifier(reader->at) != strlen(word) ||
	    strncmp(reader->at, word, strlen(word)) != 0)
		return 0;
	reader->at += strlen(word);
	skip_blanks(reader);
	return 1;
}

/* What comes before the next of these characters outside of brackets. */
static char *
until(struct reader *reader, const char *stops)
{
	char *start, *end;
	int depth = 0;

	skip_blanks(reader);
	start = end = reader->at;
	for (; *end != '\0'; end++) {
		if (depth <= 0 && strchr(stops, *end) != NULL)
			break;
		depth += (*end == '(' || *end == '[' || *end == '{') -
		    (*end == ')' || *end == ']' || *end == '}');
	}
	reader->at = end;
	return xstrndup(start, (size_t)(end - start));
}

/* --- declarations --- */

const struct type_struct *
types_struct(const struct types *types, const char *name, size_t length)
{
	size_t i;

	for (i = 0; types != NULL && i < types->struct_count; i++)
		if (strlen(types->structs[i]->name) == length &&
		    memcmp(types->structs[i]->name, name, length) == 0)
			return types->structs[i];
	return NULL;
}

/* The bytes of one element, and their alignment; 0: unknown. */
static size_t
element_size(const struct reader *reader, const struct type_member *member,
    size_t *align)
{
	const struct usdt__declarator *d = &member->declarator;
	size_t size;

	if (d->pointers > 0) {
		size = reader->arch->word;
	} else if (d->base == USDT__BASE_STRUCT) {
		size = member->of != NULL ? member->of->size : 0;
		*align = member->of != NULL ? member->of->align : 1;
		return size;
	} else {
		size = (size_t)abs(d->size);
	}
	*align = size > reader->arch->align ? reader->arch->align : size;
	return size;
}

/*
 * Read one declaration into the last element of a list.  Returns -1 if it makes
 * no sense; then it is not in the list.
 */
static int
add_member(struct reader *reader, struct type_member **list, size_t *count,
    size_t *space, char *text)
{
	struct type_member member = { .text = text };
	const struct usdt__declarator *d = &member.declarator;
	struct usdt__why why;
	size_t align = 1;

	if (usdt__declarator_parse(&member.declarator, text, 0, reader->arch,
	    &why) < 0 || d->name_length == 0) {
		free(text);
		return -1;
	}
	member.name = xstrndup(d->name, d->name_length);
	if (d->base == USDT__BASE_STRUCT)
		member.of = types_struct(reader->types, d->tag, d->tag_length);
	member.size = element_size(reader, &member, &align);
	member.align = align;
	member.elements = d->dimensions == 0 ? 1 :
	    d->dimensions == 1 && d->elements < SIZE_LIMIT ? d->elements : 0;
	ROOM_FOR_ONE(*list, *count, *space);
	(*list)[(*count)++] = member;
	return 0;
}

static void
members_free(struct type_member *member, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++) {
		free(member[i].text);
		free(member[i].name);
	}
	free(member);
}

static void
struct_free(struct type_struct *type)
{
	members_free(type->members, type->count);
	free(type->name);
	free(type);
}

/* Lay the members out as a compiler would.  Returns -1 if that is unclear. */
static int
lay_out(struct type_struct *type)
{
	size_t i, align, bytes;

	type->align = 1;
	for (i = 0; i < type->count; i++) {
		struct type_member *member = &type->members[i];

		align = type->packed ? 1 : member->align;
		if (member->size == 0 || member->elements == 0 || align == 0 ||
		    member->size > SIZE_LIMIT / member->elements)
			return -1;
		bytes = member->size * member->elements;
		member->offset = usdt__align(type->size, align);
		type->size = member->offset + bytes;
		if (type->size > SIZE_LIMIT)
			return -1;
		if (align > type->align)
			type->align = align;
	}
	type->size = usdt__align(type->size, type->align);
	return type->size > 0 ? 0 : -1;
}

/* "struct NAME { MEMBERS } [ATTRIBUTES];", from NAME on. */
static void
read_struct(struct reader *reader)
{
	struct type_struct *type = xcalloc(1, sizeof *type);
	size_t space = 0, length;
	int broken = 0;
	char *rest;

	length = identifier(reader->at);
	type->name = xstrndup(reader->at, length);
	reader->at += length;
	skip_blanks(reader);
	if (length == 0 || *reader->at != '{') {
		struct_free(type);
		return;
	}
	reader->at++;
	for (;;) {
		skip_blanks(reader);
		if (*reader->at == '}' || *reader->at == '\0')
			break;
		rest = until(reader, ";}");
		broken |= add_member(reader, &type->members, &type->count,
		    &space, rest) < 0;
		reader->at += *reader->at == ';';
	}
	reader->at += *reader->at == '}';
	rest = until(reader, ";");
	type->packed = strstr(rest, "packed") != NULL;
	free(rest);
	if (broken || lay_out(type) < 0 || types_struct(reader->types,
	    type->name, strlen(type->name)) != NULL) {
		struct_free(type);
		return;
	}
	ROOM_FOR_ONE(reader->types->structs, reader->types->struct_count,
	    reader->types->struct_space);
	reader->types->structs[reader->types->struct_count++] = type;
}

static void
add_probe(struct types *types, const struct type_probe *probe)
{
	ROOM_FOR_ONE(types->probes, types->probe_count, types->probe_space);
	types->probes[types->probe_count++] = *probe;
}

/* Where the name of a function in a list ends; it may be no name of C's. */
static size_t
listed_name(const char *at)
{
	size_t length = strcspn(at, ",; \t\n");

	while (at[length] == ';' && strchr(" \t\n", at[length + 1]) == NULL)
		length += 1 + strcspn(at + length + 1, ",; \t\n");
	return length;
}

/* Nothing in the line that begins at START is understood. */
static void
skip_line(struct reader *reader, char *start)
{
	reader->at = start + strcspn(start, "\n");
}

/* "void NAME(PARAMETERS);", from NAME on, which may be no name of C's. */
static void
read_prototype(struct reader *reader, int is_type)
{
	struct type_probe probe = { .is_type = is_type };
	size_t space = 0, length = strcspn(reader->at, "(; \t\n");
	int broken = length == 0 || reader->at[length] != '(';
	char *start = reader->at;

	probe.name = xstrndup(reader->at, length);
	reader->at += length + !broken;
	while (!broken) {
		char *text = until(reader, ",)");

		if (probe.count == 0 && *reader->at == ')' &&
		    strcmp(text, "void") == 0) {
			free(text);
			break;
		}
		broken = add_member(reader, &probe.params, &probe.count,
		    &space, text) < 0;
		if (*reader->at != ',')
			break;
		reader->at++;
	}
	if (broken || *reader->at != ')') {
		members_free(probe.params, probe.count);
		free(probe.name);
		skip_line(reader, start);
		return;
	}
	add_probe(reader->types, &probe);
}

/* "TYPE NAME, NAME ...;": functions of a type that typedef made. */
static void
read_functions(struct reader *reader)
{
	const struct type_probe *type = reader->types->probe_count > 0 ?
	    &reader->types->probes[reader->types->probe_count - 1] : NULL;
	size_t length = identifier(reader->at);
	struct type_probe probe;

	if (type == NULL || !type->is_type || length != strlen(type->name) ||
	    strncmp(reader->at, type->name, length) != 0)
		return;
	probe = (struct type_probe){
		.params = type->params, .count = type->count, .shared = 1
	};
	reader->at += length;
	for (;;) {
		skip_blanks(reader);
		length = listed_name(reader->at);
		if (length == 0)
			return;
		probe.name = xstrndup(reader->at, length);
		add_probe(reader->types, &probe);
		reader->at += length;
		skip_blanks(reader);
		if (*reader->at != ',')
			return;
		reader->at++;
	}
}

/* Overwrite comments with blanks. */
static void
blank_comments(char *text)
{
	char *end;

	while ((text = strstr(text, "/*")) != NULL) {
		end = strstr(text + 2, "*/");
		end = end != NULL ? end + 2 : text + strlen(text);
		memset(text, ' ', (size_t)(end - text));
	}
}

/* Find the structs that members point to, which may come later. */
static void
resolve(const struct types *types)
{
	size_t i, k;

	for (i = 0; i < types->struct_count; i++)
		for (k = 0; k < types->structs[i]->count; k++) {
			struct type_member *member =
			    &types->structs[i]->members[k];
			const struct usdt__declarator *d = &member->declarator;

			if (d->base == USDT__BASE_STRUCT && d->pointers > 0)
				member->of = types_struct(types, d->tag,
				    d->tag_length);
		}
}

static int
by_name(const void *one, const void *other)
{
	const struct type_probe *a = one, *b = other;

	return strcmp(a->name, b->name);
}

struct types *
types_read(const char *text, size_t size, const struct usdt__arch *arch)
{
	struct types *types = xcalloc(1, sizeof *types);
	struct reader reader = { .arch = arch, .types = types };
	char *copy = xstrndup(text, size);

	blank_comments(copy);
	reader.at = copy;
	for (;;) {
		skip_blanks(&reader);
		if (*reader.at == '\0')
			break;
		if (accept(&reader, "struct"))
			read_struct(&reader);
		else if (accept(&reader, "void"))
			read_prototype(&reader, 0);
		else if (accept(&reader, "typedef") && accept(&reader, "void"))
			read_prototype(&reader, 1);
		else
			read_functions(&reader);
		if (*reader.at != '\n')
			free(until(&reader, ";"));
		reader.at += *reader.at == ';';
	}
	free(copy);
	resolve(types);
	if (types->probe_count > 0)
		qsort(types->probes, types->probe_count,
		    sizeof *types->probes, by_name);
	return types;
}

void
types_free(struct types *types)
{
	size_t i;

	if (types == NULL)
		return;
	for (i = 0; i < types->struct_count; i++)
		struct_free(types->structs[i]);
	free(types->structs);
	for (i = 0; i < types->probe_count; i++) {
		if (!types->probes[i].shared)
			members_free(types->probes[i].params,
			    types->probes[i].count);
		free(types->probes[i].name);
	}
	free(types->probes);
	free(types);
}

/* --- finding --- */

/* Has the prototype the types that DOF has for the probe? */
static int
is_alike(const struct type_probe *found, const struct probe *probe)
{
	const char *type = probe->types;
	size_t i;
	int same = 1;

	if (found->count != probe->type_count)
		return 0;
	for (i = 0; i < found->count && same; i++, type += strlen(type) + 1) {
		const struct type_member *param = &found->params[i];
		char *own = xcalloc(1, strlen(param->text) + 1);

		usdt__declarator_type(&param->declarator, own);
		same = strcmp(own, type) == 0;
		free(own);
	}
	return same;
}

const struct type_probe *
types_probe(const struct types *types, const struct probe *probe)
{
	size_t low = 0, high, i;

	if (types == NULL || probe->note_name == NULL)
		return NULL;
	high = types->probe_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(types->probes[middle].name, probe->note_name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (i = low; i < types->probe_count &&
	    strcmp(types->probes[i].name, probe->note_name) == 0; i++)
		if (is_alike(&types->probes[i], probe))
			return &types->probes[i];
	/* A type that is not C has another one there. */
	if (i == low + 1 && types->probes[low].count == probe->type_count)
		return &types->probes[low];
	return NULL;
}
