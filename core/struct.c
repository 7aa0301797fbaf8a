/*
 * core/struct.c - which structs has a provider declared?
 *
 * Tables of fields, each with a declaration and an offset.  All of a struct is
 * one block: its fields, sorted by offset, and copies of their texts.  What is
 * in a table has been checked, so builders of images need no checks.
 *
 * Here too is decided how a compiler lays out the struct's text: where padding
 * between fields can't give the offsets, the text is packed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/dof.h"

#include <stdlib.h>

/* --- finding -------------------------------------------------------------- */

static size_t
bucket_of(const char *name, size_t length)
{
	uint32_t hash = 2166136261u;

	for (; length > 0; length--)
		hash = (hash ^ (uint8_t)*name++) * 16777619u;
	return hash % USDT__STRUCT_BUCKETS;
}

const struct usdt__struct *
usdt__structs_find(const struct usdt__structs *structs, const char *name,
    size_t length)
{
	const struct usdt__struct *s;

	if (structs == NULL)
		return NULL;
	for (s = structs->buckets[bucket_of(name, length)]; s != NULL;
	    s = s->chain)
		if (strlen(s->name) == length &&
		    memcmp(s->name, name, length) == 0)
			return s;
	return NULL;
}

/* --- checking ------------------------------------------------------------- */

/* A struct while it is read, for error texts too. */
struct reading {
	struct usdt__struct *made;
	const struct usdt__structs *others;
	const struct usdt__arch *arch;
	struct usdt__why *why;
};

/* WHY a field is refused begins with it. */
#define REFUSE(reading, field, format, ...) \
	usdt__because((reading)->why, 0, "field \"%s\" of struct %s " format, \
	    (field)->declarator.text, (reading)->made->name, __VA_ARGS__)

/* A check of type strings said why field INDEX is none: "type 0 is empty". */
static int
refuse_string(const char *name, size_t index, struct usdt__why *why)
{
	char text[USDT_TEXT_SIZE];
	const char *rest = text + strlen("type ");

	strcpy(text, why->text);
	while (*rest >= '0' && *rest <= '9')
		rest++;
	return usdt__because(why, 0, "field %zu of struct %s%s", index, name,
	    rest);
}

/* The size of one element of a field; 0 and WHY: it has none. */
static size_t
element_size(const struct reading *r, struct usdt__field *field)
{
	const struct usdt__declarator *d = &field->declarator;

	if (d->pointers > 0)
		return r->arch->word;
	switch (d->base) {
	case USDT__BASE_INTEGER:
	case USDT__BASE_FLOAT:
	case USDT__BASE_ENUM:
		return (size_t)(d->size < 0 ? -d->size : d->size);
	case USDT__BASE_STRUCT:
		field->of = usdt__structs_find(r->others, d->tag,
		    d->tag_length);
		if (field->of != NULL)
			return field->of->size;
		REFUSE(r, field, "needs struct %.*s, which was not declared "
		    "before", (int)d->tag_length, d->tag);
		return 0;
	case USDT__BASE_VOID:
	case USDT__BASE_UNKNOWN:
		break;
	}
	REFUSE(r, field, "is of a type of unknown size: %s",
	    "C's arithmetic types, those of stdint.h and sys/types.h, enums, "
	    "pointers and declared structs are accepted");
	return 0;
}

/* Fill in what a field occupies. */
static int
measure(const struct reading *r, struct usdt__field *field)
{
	const struct usdt__declarator *d = &field->declarator;
	size_t size = r->made->size, elements = 1, element;

	if (d->name_length == 0)
		return REFUSE(r, field, "has no %s", "name");
	if (d->name_length >= 5 && memcmp(d->name, "__pad", 5) == 0)
		return REFUSE(r, field, "has a name that %s",
		    "begins with \"__pad\", as those of padding do");
	if (d->translated != NULL)
		return REFUSE(r, field, "has a ':': %s",
		    "only arguments have translated types, and bit fields are "
		    "not accepted");
	if (d->dimensions > 1)
		return REFUSE(r, field, "is an array of %u dimensions, 1 is "
		    "accepted", d->dimensions);
	if (d->dimensions == 1) {
		if (d->elements == SIZE_MAX)
			return REFUSE(r, field, "needs %s",
			    "a number of elements between '[' and ']'");
		elements = d->elements;
	}
	element = element_size(r, field);
	if (element == 0)
		return -1;
	if (elements > USDT__STRUCT_SIZE_MAX / element)
		return REFUSE(r, field, "has more than %zu bytes",
		    USDT__STRUCT_SIZE_MAX);
	field->size = element * elements;
	if (field->offset > size || field->size > size - field->offset)
		return REFUSE(r, field, "has %zu bytes at offset %zu, the "
		    "struct has %zu", field->size, field->offset, size);
	return 0;
}

/* Read the caller's fields into the block, sorted; TEXTS is room for copies. */
static int
read_fields(const struct reading *r, const usdt_field_t *fields, char *texts)
{
	struct usdt__field *sorted = r->made->fields, field;
	size_t i, at;

	for (i = 0; i < r->made->count; i++) {
		size_t length = strlen(fields[i].declarator) + 1;

		memset(&field, 0, sizeof field);
		memcpy(texts, fields[i].declarator, length);
		field.offset = fields[i].offset;
		if (usdt__declarator_parse(&field.declarator, texts, i, r->arch,
		    r->why) < 0)
			return refuse_string(r->made->name, i, r->why);
		if (measure(r, &field) < 0)
			return -1;
		texts += length;
		for (at = i; at > 0 && sorted[at - 1].offset > field.offset;
		    at--)
			;
		memmove(&sorted[at + 1], &sorted[at],
		    (i - at) * sizeof *sorted);
		sorted[at] = field;
	}
	return 0;
}

static int
is_namesake(const struct usdt__declarator *a, const struct usdt__declarator *b)
{
	return a->name_length == b->name_length &&
	    memcmp(a->name, b->name, a->name_length) == 0;
}

/* Does each field have a name and a place of its own? */
static int
check_apart(const struct reading *r)
{
	const struct usdt__field *fields = r->made->fields;
	size_t i, j;

	for (i = 1; i < r->made->count; i++) {
		const struct usdt__field *before = &fields[i - 1];

		if (fields[i].offset < before->offset + before->size)
			return REFUSE(r, &fields[i], "at offset %zu overlaps "
			    "\"%s\", which ends at %zu", fields[i].offset,
			    before->declarator.text,
			    before->offset + before->size);
		for (j = 0; j < i; j++)
			if (is_namesake(&fields[j].declarator,
			    &fields[i].declarator))
				return REFUSE(r, &fields[i], "has the name of "
				    "field \"%s\"", fields[j].declarator.text);
	}
	return 0;
}

/* --- laying out ----------------------------------------------------------- */

/* To what does a compiler align a field? */
static size_t
align_of(const struct usdt__field *field, const struct usdt__arch *arch)
{
	const struct usdt__declarator *d = &field->declarator;
	size_t size;

	if (d->pointers > 0)
		return arch->word;
	if (field->of != NULL)
		return field->of->align;
	size = (size_t)(d->size < 0 ? -d->size : d->size);
	return size > arch->align ? arch->align : size;
}

/* Can a compiler's layout, with padding in between, have these offsets? */
static int
is_aligned(const struct usdt__struct *s, const struct usdt__arch *arch)
{
	size_t i;

	for (i = 0; i < s->count; i++)
		if (s->fields[i].offset % align_of(&s->fields[i], arch) != 0)
			return 0;
	return s->size % s->align == 0;
}

/* The bytes of explicit padding between AT and NEXT, if a compiler's own would
 * end at NATURAL. */
static uint32_t
padding(size_t at, size_t natural, size_t next)
{
	return natural == next ? 0 : (uint32_t)(next - at);
}

static void
lay_out(struct usdt__struct *s, const struct usdt__arch *arch)
{
	size_t i, at = 0, align;

	s->align = 1;
	for (i = 0; i < s->count; i++) {
		align = align_of(&s->fields[i], arch);
		if (align > s->align)
			s->align = align;
	}
	if (!is_aligned(s, arch)) {
		s->packed = 1;
		s->align = 1;
	}
	for (i = 0; i < s->count; i++) {
		struct usdt__field *field = &s->fields[i];

		align = s->packed ? 1 : align_of(field, arch);
		field->padding = padding(at, usdt__align(at, align),
		    field->offset);
		at = field->offset + field->size;
	}
	s->padding = padding(at, usdt__align(at, s->align), s->size);
}

/* --- adding --------------------------------------------------------------- */

static int
check_table(const char *name, size_t size, size_t count,
    const usdt_field_t *fields, struct usdt__why *why)
{
	const struct usdt__platform *row = usdt__native_platform();
	size_t i;

	if (usdt__name_check_struct(row, name, why) < 0)
		return -1;
	if (count == 0 || count > USDT_FIELD_MAX)
		return usdt__because(why, 0, "struct %s has %zu fields, 1 to "
		    "%d are accepted", name, count, USDT_FIELD_MAX);
	if (size == 0 || size > USDT__STRUCT_SIZE_MAX)
		return usdt__because(why, 0, "struct %s has %zu bytes, 1 to "
		    "%zu are accepted", name, size, USDT__STRUCT_SIZE_MAX);
	if (fields == NULL)
		return usdt__because(why, 0, "fields is NULL for %zu fields of "
		    "struct %s", count, name);
	for (i = 0; i < count; i++)
		if (usdt__name_check_type(row, fields[i].declarator, i,
		    why) < 0)
			return refuse_string(name, i, why);
	return 0;
}

/* Was the same table given? */
static int
is_same(const struct usdt__struct *a, const struct usdt__struct *b)
{
	size_t i;

	if (a->size != b->size || a->count != b->count)
		return 0;
	for (i = 0; i < a->count; i++)
		if (a->fields[i].offset != b->fields[i].offset ||
		    strcmp(a->fields[i].declarator.text,
		    b->fields[i].declarator.text) != 0)
			return 0;
	return 1;
}

static struct usdt__struct *
make(const struct usdt__structs *others, const struct usdt__arch *arch,
    const char *name, size_t size, size_t count, const usdt_field_t *fields,
    struct usdt__why *why)
{
	struct reading r = { NULL, others, arch, why };
	size_t i, texts = strlen(name) + 1;
	char *at;

	for (i = 0; i < count; i++)
		texts += strlen(fields[i].declarator) + 1;
	r.made = calloc(1, sizeof *r.made + count * sizeof *r.made->fields +
	    texts);
	if (r.made == NULL) {
		usdt__no_memory(why);
		return NULL;
	}
	at = (char *)&r.made->fields[count];
	r.made->name = strcpy(at, name);
	r.made->size = size;
	r.made->count = count;
	if (read_fields(&r, fields, at + strlen(name) + 1) < 0 ||
	    check_apart(&r) < 0) {
		free(r.made);
		return NULL;
	}
	lay_out(r.made, r.arch);
	return r.made;
}

int
usdt__structs_add(struct usdt__structs *structs, const struct usdt__arch *arch,
    const char *name, size_t size, size_t count, const usdt_field_t *fields,
    struct usdt__why *why)
{
	const struct usdt__struct *found;
	struct usdt__struct *made, **bucket;
	int same;

	if (check_table(name, size, count, fields, why) < 0)
		return -1;
	found = usdt__structs_find(structs, name, strlen(name));
	if (found == NULL && structs->count == USDT_STRUCT_MAX)
		return usdt__because(why, 0, "struct %s is one too many, a "
		    "provider has at most %d", name, USDT_STRUCT_MAX);
	made = make(structs, arch, name, size, count, fields, why);
	if (made == NULL)
		return -1;
	if (found != NULL) {
		same = is_same(found, made);
		free(made);
		return same ? 0 : usdt__because(why, 0, "struct %s was "
		    "declared with another size or other fields", name);
	}
	bucket = &structs->buckets[bucket_of(name, strlen(name))];
	made->chain = *bucket;
	*bucket = made;
	if (structs->last != NULL)
		structs->last->next = made;
	else
		structs->first = made;
	structs->last = made;
	structs->count++;
	return 0;
}

void
usdt__structs_free(struct usdt__structs *structs)
{
	struct usdt__struct *s, *next;

	for (s = structs->first; s != NULL; s = next) {
		next = s->next;
		free(s);
	}
}
