/*
 * write.c - how is a declaration written in a tracer's language?
 *
 * The structs of an image become definitions, each argument a name that scripts
 * can use.  Integers are written by their size, so that no other header is
 * needed.  A name that two probes give to different things is written for the
 * first; a comment says so of the second.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <ctype.h>
#include <search.h>
#include <stdlib.h>

#include "tools/header/header.h"

/* A definition that was written. */
struct written {
	char *name, *text;
};

static int
by_name(const void *one, const void *other)
{
	const struct written *a = one, *b = other;

	return strcmp(a->name, b->name);
}

static void
written_free(void *node)
{
	struct written *written = node;

	free(written->name);
	free(written->text);
	free(written);
}

/* Write TEXT, the definition of NAME, unless that is defined already. */
static void
define(struct header *header, const char *name, char *text)
{
	struct written *own = xcalloc(1, sizeof *own), **found;

	own->name = xasprintf("%s", name);
	own->text = text;
	found = xtsearch(own, &header->written, by_name);
	if (*found == own) {
		fputs(text, header->out);
		return;
	}
	if (strcmp((*found)->text, text) != 0)
		fprintf(header->out, "/* %s: another probe has this name "
		    "already, for something else */\n", name);
	written_free(own);
}

/* --- structs --- */

static int
is_reserved(const struct dialect *dialect, const char *name)
{
	const char *const *word = dialect->reserved;

	for (; word != NULL && *word != NULL; word++)
		if (strcmp(*word, name) == 0)
			return 1;
	return 0;
}

/* The type of a member, before its name. */
static void
write_type(FILE *out, const struct dialect *dialect,
    const struct type_member *member)
{
	const struct usdt__declarator *d = &member->declarator;

	if (d->pointers > 0 && member->size != sizeof(void *))
		fprintf(out, "%s ", dialect->integers[0][member->size]);
	else if (d->pointers == 1 && member->of != NULL)
		fprintf(out, "struct %s *", member->of->name);
	else if (d->pointers == 1 && d->base == USDT__BASE_INTEGER &&
	    (d->size == 1 || d->size == -1))
		fputs("char *", out);
	else if (d->pointers > 0)
		fputs("void *", out);
	else if (member->of != NULL)
		fprintf(out, "struct %s ", member->of->name);
	else if (d->base == USDT__BASE_FLOAT && dialect->floats)
		fputs(member->size == 4 ? "float " : "double ", out);
	else if (usdt__declarator_is_char(d))
		fputs("char ", out);
	else
		fprintf(out, "%s ",
		    dialect->integers[d->size < 0][member->size]);
}

static void
write_struct(struct header *header, const struct type_struct *type)
{
	const struct dialect *dialect = header->dialect;
	size_t i, size;
	int packed = type->packed;
	char *text, *name;
	FILE *out;

	if (packed && dialect->attribute == NULL) {
		fprintf(header->out, "/* struct %s is packed, which can't be "
		    "said here */\n", type->name);
		return;
	}
	out = text_begin(&text, &size);
	fprintf(out, "struct %s {\n", type->name);
	for (i = 0; i < type->count; i++) {
		const struct type_member *member = &type->members[i];

		putc('\t', out);
		write_type(out, dialect, member);
		fprintf(out, "%s%s", member->name,
		    is_reserved(dialect, member->name) ? "_" : "");
		if (member->declarator.dimensions > 0)
			fprintf(out, "[%zu]", member->elements);
		fputs(";\n", out);
	}
	fprintf(out, "}%s;\n", packed ? dialect->attribute : "");
	text_end(out);
	name = xasprintf("struct %s", type->name);
	define(header, name, text);
	free(name);
}

/* --- probes --- */

/* One argument as a part of a comment. */
static void
write_declaration(FILE *out, const struct argument *argument)
{
	const char *type = argument_type(argument);

	if (argument->declared != NULL)
		type = argument->declared->text;
	/* Nothing in it may end the comment. */
	for (; *type != '\0'; type++)
		putc(isprint((unsigned char)*type) &&
		    (type[0] != '*' || type[1] != '/') ? *type : '?', out);
}

static void
write_probe(struct header *header, const struct image *image,
    const struct probe *probe)
{
	size_t i, count, size;
	struct argument *args = arguments_of(image, probe, &count);
	char *prefix = probe_identifier(probe), *name, *text;
	FILE *out = header->out;

	fputs("\n/* ", out);
	quote_line(out, probe->provider);
	putc(':', out);
	quote_line(out, probe->note_name ? probe->note_name : probe->name);
	putc('(', out);
	for (i = 0; i < count; i++) {
		fputs(i > 0 ? ", " : "", out);
		write_declaration(out, &args[i]);
	}
	fputs(") */\n", out);
	for (i = 0; i < count; i++) {
		name = args[i].name != NULL ?
		    xasprintf("%s_%s", prefix, args[i].name) :
		    xasprintf("%s_arg%zu", prefix, i);
		out = text_begin(&text, &size);
		header->dialect->argument(out, name, args, count, i);
		text_end(out);
		define(header, name, text);
		free(name);
	}
	free(prefix);
	arguments_free(args, count);
	header->probes++;
}

void
header_begin(struct header *header)
{
	fputs(header->dialect->usage, header->out);
}

void
header_add(struct header *header, const struct image *image)
{
	size_t i;

	for (i = 0; image->types != NULL && i < image->types->struct_count;
	    i++)
		write_struct(header, image->types->structs[i]);
	for (i = 0; i < image->count; i++)
		if (image->probes[i].unreachable == NULL &&
		    !(image->probes[i].elsewhere && image->probes[i].twin))
			write_probe(header, image, &image->probes[i]);
}

void
header_end(struct header *header)
{
	tdestroy(header->written, written_free);
}
