/*
 * image/types.c - which text of C declares structs and probes?
 *
 * The section .usdt.types of an image with named arguments or structs.  The
 * usdt command reads it, and people do by `readelf -p .usdt.types`.
 *
 *	struct peer { char host[16]; unsigned short port; char __pad18[2]; };
 *	void request__start(int id, char *url, struct peer *peer);
 *	typedef void __args1(int id);
 *	__args1 one, two, three;
 *
 * Gaps are members of their own, so that offsets follow from sizes in every
 * language; where C aligns members in another way the struct is packed.  A
 * pointer to something that C would have to know is a pointer to void.  Probes
 * with the same arguments that follow each other share a typedef.
 */
#include "image/image.h"

#include <stdio.h>

static void
put(struct usdt__sink *sink, const char *text)
{
	usdt__sink_write(sink, text, strlen(text));
}

/* --- structs ------------------------------------------------------------- */

static void
put_gap(struct usdt__sink *sink, size_t from, size_t to)
{
	char text[64];

	if (from == to)
		return;
	snprintf(text, sizeof text, " char __pad%zu[%zu];", from, to - from);
	put(sink, text);
}

static void
put_field(struct usdt__sink *sink, const struct usdt__field *field)
{
	const struct usdt__declarator *d = &field->declarator;
	char text[64 + USDT__DECLARATION_SIZE];

	if (d->pointers > 0 && d->base == USDT__BASE_UNKNOWN &&
	    d->dimensions == 0)
		snprintf(text, sizeof text, " void *%.*s;",
		    (int)d->name_length, d->name);
	else if (d->pointers > 0 && d->base == USDT__BASE_UNKNOWN)
		snprintf(text, sizeof text, " void *%.*s[%zu];",
		    (int)d->name_length, d->name, d->elements);
	else
		snprintf(text, sizeof text, " %s;", d->text);
	put(sink, text);
}

static void
put_struct(struct usdt__sink *sink, const struct usdt__struct *own)
{
	size_t i, at = 0;

	put(sink, "struct ");
	put(sink, own->name);
	put(sink, " {");
	for (i = 0; i < own->count; i++) {
		const struct usdt__field *field = &own->fields[i];

		put_gap(sink, at, field->offset);
		put_field(sink, field);
		at = field->offset + field->size;
	}
	put_gap(sink, at, own->size);
	put(sink, own->packed ? " } __attribute__((packed));\n" : " };\n");
}

/* --- probes -------------------------------------------------------------- */

static void
put_arguments(struct usdt__sink *sink, const usdt_probedef_t *probedef,
    const struct usdt__arch *arch)
{
	struct usdt__declarator declarator;
	struct usdt__why why;
	char text[USDT__DECLARATION_SIZE];
	size_t i;

	put(sink, "(");
	for (i = 0; i < probedef->argc; i++) {
		if (i > 0)
			put(sink, ", ");
		if (usdt__declarator_parse(&declarator, probedef->types[i], i,
		    arch, &why) < 0)
			continue;	/* it was checked before */
		usdt__declarator_argument(&declarator, i, arch, text);
		put(sink, text);
	}
	put(sink, probedef->argc > 0 ? ")" : "void)");
}

static int
same_arguments(const usdt_probedef_t *a, const usdt_probedef_t *b)
{
	size_t i;

	if (a->argc != b->argc)
		return 0;
	for (i = 0; i < a->argc; i++)
		if (strcmp(a->types[i], b->types[i]) != 0)
			return 0;
	return 1;
}

static void
put_name(struct usdt__sink *sink, const usdt_probedef_t *probedef)
{
	char name[2 * 127 + 1];

	usdt__name_note(probedef->name, name);
	put(sink, name);
}

/* The probes from FIRST up to END have the same arguments. */
static void
put_probes(struct usdt__sink *sink, const struct usdt__description *description,
    size_t first, size_t end, const struct usdt__arch *arch)
{
	char shared[32];
	size_t i;

	if (end == first + 1) {
		put(sink, "void ");
		put_name(sink, description->probes[first]);
		put_arguments(sink, description->probes[first], arch);
		put(sink, ";\n");
		return;
	}
	snprintf(shared, sizeof shared, "__args%zu", first);
	put(sink, "typedef void ");
	put(sink, shared);
	put_arguments(sink, description->probes[first], arch);
	put(sink, ";\n");
	put(sink, shared);
	for (i = first; i < end; i++) {
		put(sink, i > first ? "," : " ");
		put_name(sink, description->probes[i]);
	}
	put(sink, ";\n");
}

void
usdt__types_emit(const struct usdt__description *description,
    const struct usdt__arch *arch, struct usdt__sink *sink)
{
	const struct usdt__struct *own;
	size_t i, end;

	for (own = description->structs != NULL ? description->structs->first :
	    NULL; own != NULL; own = own->next)
		put_struct(sink, own);
	for (i = 0; i < description->count; i = end) {
		for (end = i + 1; end < description->count && same_arguments(
		    description->probes[i], description->probes[end]); end++)
			continue;
		put_probes(sink, description, i, end, arch);
	}
	usdt__sink_write(sink, "", 1);
}
