/*
 * tsdl.c - how is a trace described to its readers?
 *
 * The metadata is text in the Trace Stream Description Language: first what all
 * packets and events have, then the fields of each probe's events.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <inttypes.h>
#include <stdlib.h>

#include "tools/record/ctf.h"

/* --- words and types --- */

/* A literal of TSDL.  What can't be printed is spelled as \xNN. */
static void
put_literal(FILE *out, const char *text)
{
	size_t left = strlen(text), n;

	putc('"', out);
	for (; left > 0; text += n, left -= n) {
		unsigned char c = (unsigned char)*text;

		n = utf8_character(text, left);
		/* U+0080 to U+009F are control characters, too. */
		if (n == 0 || c < ' ' || c == 0x7f ||
		    (c == 0xc2 && (unsigned char)text[1] < 0xa0)) {
			fprintf(out, "\\\\x%02x", c);
			n = 1;
		} else if (c == '"' || c == '\\') {
			fprintf(out, "\\%c", c);
		} else {
			fwrite(text, 1, n, out);
		}
	}
	putc('"', out);
}

static void
put_uuid(FILE *out, const uint8_t *uuid)
{
	size_t i;

	for (i = 0; i < 16; i++)
		fprintf(out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ?
		    "-" : "", uuid[i]);
}

static void
put_integer(FILE *out, size_t size, const char *more)
{
	fprintf(out, "\t\tinteger { size = %zu; align = 8; signed = %s; }",
	    size * 8, more);
}

static void
put_member(FILE *out, size_t size, const char *more, const char *name)
{
	put_integer(out, size, more);
	fprintf(out, " %s;\n", name);
}

/* --- the trace --- */

void
tsdl_trace(FILE *out, const struct ctf_place *place)
{
	static const char clock[] =
	    "false; map = clock.monotonic.value";
	const uint16_t one = 1;

	fprintf(out, "/* CTF 1.8 */\n\ntrace {\n\tmajor = 1;\n\tminor = 8;\n"
	    "\tuuid = \"");
	put_uuid(out, place->uuid);
	fprintf(out, "\";\n\tbyte_order = %s;\n\tpacket.header := struct {\n",
	    *(const uint8_t *)&one == 1 ? "le" : "be");
	put_member(out, 4, "false; base = 16", "magic");
	fputs("\t\tinteger { size = 8; align = 8; signed = false; } "
	    "uuid[16];\n\t};\n};\n\n"
	    "env {\n\thostname = ", out);
	put_literal(out, place->host);
	fputs(";\n\ttracer_name = \"usdt\";\n\ttracer_version = \""
	    USDT_VERSION "\";\n};\n\n"
	    "clock {\n\tname = \"monotonic\";\n", out);
	if (place->boot != NULL) {
		fputs("\tuuid = ", out);
		put_literal(out, place->boot);
		fputs(";\n", out);
	}
	fprintf(out, "\tdescription = \"CLOCK_MONOTONIC\";\n"
	    "\tfreq = 1000000000;\n\toffset = %" PRIu64 ";\n"
	    "\tabsolute = TRUE;\n};\n\n", place->epoch);
	fputs("stream {\n\tpacket.context := struct {\n", out);
	put_member(out, 8, clock, "timestamp_begin");
	put_member(out, 8, clock, "timestamp_end");
	put_member(out, 8, "false", "content_size");
	put_member(out, 8, "false", "packet_size");
	put_member(out, 8, "false", "events_discarded");
	fputs("\t\tstring { encoding = UTF8; } procname;\n\t};\n"
	    "\tevent.header := struct {\n", out);
	fputs("\t\tenum : integer { size = 16; align = 8; signed = false; } "
	    "{ compact = 0 ... 65534, extended = 65535 } id;\n"
	    "\t\tvariant <id> {\n\t\tstruct {\n", out);
	put_member(out, 4, clock, "timestamp");
	fputs("\t\t} compact;\n\t\tstruct {\n", out);
	put_member(out, 4, "false", "id");
	put_member(out, 8, clock, "timestamp");
	fputs("\t\t} extended;\n\t\t} v;\n", out);
	fputs("\t};\n\tevent.context := struct {\n", out);
	put_member(out, 4, "true", "_pid");
	put_member(out, 4, "true", "_tid");
	fputs("\t};\n};\n", out);
}

/* --- the events of a probe --- */

/*
 * Names of fields are identifiers.  Readers take one '_' away, so that a name
 * can be one of TSDL's keywords.
 */
static char *
field_name(const struct ctf_field *field, size_t index)
{
	char *name = field->name != NULL && *field->name != '\0' ?
	    xasprintf("_%s", field->name) : xasprintf("_arg%zu", index), *at;

	for (at = name; *at != '\0'; at++)
		if (strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		    "0123456789_", *at) == NULL)
			*at = '_';
	return name;
}

/* The struct that the fields of FIRST on belong to ends before that. */
static size_t
struct_end(const struct ctf_field *fields, size_t count, size_t first)
{
	size_t depth = 0, i;

	for (i = first; i < count; i++)
		if (fields[i].kind == CTF_STRUCT)
			depth++;
		else if (fields[i].kind == CTF_STRUCT_END && depth-- == 0)
			break;
	return i;
}

/* Is NAME that of one of COUNT? */
static int
is_taken(char **names, size_t count, const char *name)
{
	while (count-- > 0)
		if (strcmp(names[count], name) == 0)
			return 1;
	return 0;
}

static void
put_type(FILE *out, const struct ctf_field *field)
{
	switch (field->kind) {
	case CTF_UNSIGNED:
		put_integer(out, field->size, "false");
		break;
	case CTF_SIGNED:
		put_integer(out, field->size, "true");
		break;
	case CTF_POINTER:
		put_integer(out, field->size, "false; base = 16");
		break;
	case CTF_FLOAT:
		fprintf(out, "\t\tfloating_point { exp_dig = %d; mant_dig = %d;"
		    " align = 8; }", field->size == 4 ? 8 : 11,
		    field->size == 4 ? 24 : 53);
		break;
	default:
		fputs("\t\tstring { encoding = UTF8; }", out);
	}
}

/* The fields from FIRST up to END, each with a name that no other one has. */
static void
put_fields(FILE *out, const struct ctf_field *fields, size_t first, size_t end)
{
	char **names = xcalloc(end - first, sizeof *names), *name;
	size_t count = 0, i, inner;

	for (i = first; i < end; i++) {
		const struct ctf_field *field = &fields[i];

		name = field_name(field, count);
		while (is_taken(names, count, name)) {
			char *longer = xasprintf("%s_", name);

			free(name);
			name = longer;
		}
		names[count++] = name;
		if (field->kind == CTF_STRUCT) {
			inner = struct_end(fields, end, i + 1);
			fputs("\t\tstruct {\n", out);
			put_fields(out, fields, i + 1, inner);
			fputs("\t\t}", out);
			i = inner;
		} else {
			put_type(out, field);
		}
		fprintf(out, " %s", name);
		if (field->elements > 0)
			fprintf(out, "[%zu]", field->elements);
		fputs(";\n", out);
	}
	while (count > 0)
		free(names[--count]);
	free(names);
}

void
tsdl_event(FILE *out, uint32_t number, const char *provider, const char *name,
    const struct ctf_field *fields, size_t count)
{
	char *whole = xasprintf("%s:%s", provider, name);

	fputs("\nevent {\n\tname = ", out);
	put_literal(out, whole);
	fprintf(out, ";\n\tid = %" PRIu32 ";\n\tfields := struct {\n", number);
	put_fields(out, fields, 0, count);
	fputs("\t};\n};\n", out);
	free(whole);
}
