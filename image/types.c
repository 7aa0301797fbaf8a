/*
 * image/types.c - which text of C declares structs and probes?
 *
 * The section .usdt.types of an image with named arguments or structs.  The
 * usdt command reads it, and people do by `readelf -p .usdt.types`.
 *
 *	struct peer { char host[16]; unsigned short port; };
 *	void request__start(int id, char *url, struct peer *peer);
 *	typedef void __args1(int id);
 *	__args1 one, two, three;
 *
 * Probes with the same arguments that follow each other share a typedef.
 *
 * A C compiler that has read stdint.h and sys/types.h accepts the text, and
 * gives each field its offset.  What C does not know is declared before it is
 * used ("typedef unsigned long NAME;", "struct NAME;").  A gap that compilers
 * would not leave by themselves is a member, and a struct whose offsets are not
 * aligned is packed.  A type that is not C's is a machine word.
 *
 * C can't say two things, and a compiler refuses these lines: a probe whose name
 * is none of C's ("gc.start"), and a name that two probes have with different
 * types.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "image/image.h"

#include <stdio.h>

/* A declaration is the caller's, of 127 bytes, or one of a fixed type; with
 * brackets, stars and a name that it did not have. */
#define DECLARATION_MAX	192
#define SEEN		64

struct writer {
	const struct usdt__description *description;
	const struct usdt__arch *arch;
	struct usdt__sink *sink;
	/* Names that were declared; one that is not here is declared again,
	 * which C allows. */
	struct {
		const char *what, *name;
		size_t length;
	} seen[SEEN];
	size_t *skipped;	/* if not NULL: bytes of names, which are not
				 * written */
};

/* A text that grows; its room is never too small. */
struct text {
	char *at;
};

static void
add(struct text *text, const char *bytes, size_t length)
{
	memcpy(text->at, bytes, length);
	text->at += length;
}

static void
add_string(struct text *text, const char *string)
{
	add(text, string, strlen(string));
}

static void
put(struct writer *w, const char *string)
{
	usdt__sink_write(w->sink, string, strlen(string));
}

/* --- what C knows, and what it does not ----------------------------------- */

static int
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	    (c >= '0' && c <= '9');
}

static int
is_the_word(const char *word, size_t length, const char *what)
{
	return *what == *word && strlen(what) == length &&
	    memcmp(word, what, length) == 0;
}

/* Is it a pointer to a function or an array? */
static int
is_bracketed(const struct usdt__declarator *d)
{
	return memchr(d->text, '(', d->type_length) != NULL;
}

static int
is_union(const struct usdt__declarator *d)
{
	const char *at = d->tag;

	while (at > d->text && at[-1] == ' ')
		at--;
	return at - d->text >= 5 && at < d->tag &&
	    memcmp(at - 5, "union", 5) == 0;
}

/* Can a typedef make that name? */
static int
is_typedef_name(const char *name, size_t length)
{
	struct usdt__declarator as_name;
	char text[DECLARATION_MAX];
	size_t i;

	if (length == 0)		/* a type of blanks */
		return 0;
	for (i = 0; i < length; i++)
		if (!is_word(name[i]))
			return 0;
	/* Names that begin so are the compiler's. */
	if (length > 1 && name[0] == '_' &&
	    (name[1] == '_' || (name[1] >= 'A' && name[1] <= 'Z')))
		return 0;
	snprintf(text, sizeof text, "int %.*s", (int)length, name);
	return usdt__declarator_parse(&as_name, text, 0, usdt__native_arch(),
	    NULL) == 0 && as_name.name_length == length;
}

/* Sizes of these are known, but no header of Linux declares them. */
static int
is_of_other_systems(const struct usdt__declarator *d)
{
	static const char *const names[] = {
		"boolean_t", "hrtime_t", "uchar_t", "ushort_t", "uint_t",
		"ulong_t"
	};
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		if (is_the_word(d->tag, d->tag_length, names[i]))
			return 1;
	return 0;
}

/* C's words for an integer of that size. */
static const char *
integer(int size, const struct usdt__arch *arch)
{
	switch (size) {
	case -1: return "signed char";
	case 1: return "unsigned char";
	case -2: return "short";
	case 2: return "unsigned short";
	case -4: return "int";
	case 4: return "unsigned int";
	case -8: return arch->word == 8 ? "long" : "long long";
	default: return arch->word == 8 ? "unsigned long" :
	    "unsigned long long";
	}
}

/* Declare the base type as WHAT, on a line of its own, unless one before does.
 */
static void
declare(struct writer *w, const char *keyword, const char *what,
    const struct usdt__declarator *d)
{
	size_t i, slot = d->tag_length;

	for (i = 0; i < d->tag_length; i++)
		slot = slot * 31 + (uint8_t)d->tag[i];
	slot %= SEEN;
	if (w->seen[slot].what == what &&
	    w->seen[slot].length == d->tag_length &&
	    memcmp(w->seen[slot].name, d->tag, d->tag_length) == 0)
		return;
	w->seen[slot].what = what;
	w->seen[slot].name = d->tag;
	w->seen[slot].length = d->tag_length;
	put(w, keyword);
	put(w, what);
	put(w, " ");
	usdt__sink_write(w->sink, d->tag, d->tag_length);
	put(w, ";\n");
}

/* --- one declaration ------------------------------------------------------ */

enum spelling {			/* kept as a byte */
	AS_IT_IS,
	AS_POINTER,		/* to void */
	AS_INT,
	AS_WORD			/* a machine's */
};

/* How is the base type of a field or argument spelled?  What it needs is
 * declared first. */
static enum spelling
spell(struct writer *w, const struct usdt__declarator *d, int is_field)
{
	int pointer = d->pointers > 0 || (!is_field && d->dimensions > 0);
	enum spelling other = d->pointers > 0 ? AS_POINTER : AS_WORD;
	size_t length = d->tag_length;

	switch (d->base) {
	case USDT__BASE_INTEGER:
		if (is_of_other_systems(d))
			declare(w, "typedef ", integer(d->size, w->arch), d);
		return AS_IT_IS;
	case USDT__BASE_FLOAT:
		return AS_IT_IS;
	case USDT__BASE_ENUM:	/* fields need its definition */
		if (is_the_word(d->tag, length, "enum") ||
		    (is_field && d->pointers == 0))
			return d->pointers > 0 ? AS_POINTER : AS_INT;
		return AS_IT_IS;
	case USDT__BASE_STRUCT:
		if (usdt__structs_find(w->description->structs, d->tag,
		    length) != NULL)
			return pointer || is_field ? AS_IT_IS : other;
		if (d->pointers == 0)	/* C has no arrays of it */
			return pointer ? AS_POINTER : other;
		declare(w, "", "struct", d);
		return AS_IT_IS;
	case USDT__BASE_VOID:
		return d->pointers > 0 && d->dimensions == 0 &&
		    !is_bracketed(d) ? AS_IT_IS : other;
	case USDT__BASE_UNKNOWN:
		break;
	}
	if (is_union(d)) {
		if (d->pointers == 0)
			return pointer ? AS_POINTER : other;
		declare(w, "", "union", d);
		return AS_IT_IS;
	}
	if (!is_typedef_name(d->tag, length))
		return other;
	declare(w, "typedef ", "unsigned long", d);
	return AS_IT_IS;
}

/* Write the base type and the stars of a declaration as they are. */
static void
add_type(struct text *text, const struct usdt__declarator *d)
{
	const char *at = d->text, *end = d->text + d->type_length;
	const char *start = text->at;

	if (d->name_length > 0)
		end = d->name;
	else if (d->dimensions > 0)
		end = memchr(d->text, '[', d->type_length);
	while (at < end && *at == ' ')
		at++;
	while (end > at && end[-1] == ' ')
		end--;
	for (; at < end; at++)
		*text->at++ = *at == '&' ? '*' : *at;
	if (text->at > start && is_word(text->at[-1]))
		*text->at++ = ' ';
}

/* Write the brackets of an array.  What is in them may be a name that only its
 * author knows; then a parameter has just "[]". */
static void
add_dimensions(struct text *text, const struct usdt__declarator *d)
{
	const char *at = memchr(d->text, '[', d->type_length);
	const char *end = d->text + d->type_length, *c;

	for (c = at; c < end; c++)
		if (is_word(*c) && !(*c >= '0' && *c <= '9'))
			break;
	if (d->dimensions == 1 && d->elements != SIZE_MAX)
		text->at += sprintf(text->at, "[%zu]", d->elements);
	else if (c == end)
		add(text, at, (size_t)(end - at));
	else
		add_string(text, "[]");
}

/* Write the declaration of a field, or of argument INDEX. */
static void
add_declaration(struct text *text, const struct usdt__declarator *d,
    enum spelling spelling, size_t index)
{
	unsigned i;

	switch (spelling) {
	case AS_IT_IS:
		add_type(text, d);
		break;
	case AS_POINTER:
		add_string(text, "void *");
		for (i = 1; i < d->pointers && !is_bracketed(d); i++)
			add_string(text, "*");
		break;
	case AS_INT:
		add_string(text, "int ");
		break;
	case AS_WORD:
		add_string(text, "unsigned long ");
		break;
	}
	if (d->name_length > 0)
		add(text, d->name, d->name_length);
	else
		text->at += sprintf(text->at, "arg%zu", index);
	if (d->dimensions > 0 && (spelling != AS_POINTER || d->pointers > 0))
		add_dimensions(text, d);
}

/* --- structs and probes --------------------------------------------------- */

static void
put_padding(struct writer *w, size_t at, uint32_t size)
{
	char line[64];

	if (size == 0)
		return;
	snprintf(line, sizeof line, " char __pad%zu[%u];", at, (unsigned)size);
	put(w, line);
}

static void
put_struct(struct writer *w, const struct usdt__struct *s)
{
	uint8_t spelling[USDT_FIELD_MAX];
	char line[DECLARATION_MAX];
	struct text text;
	size_t i, end = 0;

	for (i = 0; i < s->count; i++)
		spelling[i] = (uint8_t)spell(w, &s->fields[i].declarator, 1);
	put(w, "struct ");
	put(w, s->name);
	put(w, " {");
	for (i = 0; i < s->count; i++) {
		const struct usdt__field *field = &s->fields[i];

		put_padding(w, end, field->padding);
		text.at = line;
		add_declaration(&text, &field->declarator,
		    (enum spelling)spelling[i], i);
		put(w, " ");
		usdt__sink_write(w->sink, line, (size_t)(text.at - line));
		put(w, ";");
		end = field->offset + field->size;
	}
	put_padding(w, end, s->padding);
	put(w, s->packed ? " } __attribute__((packed));\n" : " };\n");
}

/* Write BEFORE and NAME with a probe's parameters. */
static void
put_prototype(struct writer *w, const char *before, const char *name,
    const usdt_probedef_t *probedef)
{
	struct usdt__declarator arguments[USDT_ARG_MAX];
	uint8_t spelling[USDT_ARG_MAX];
	char line[DECLARATION_MAX];
	struct text text;
	size_t i;

	for (i = 0; i < probedef->argc; i++) {
		usdt__argument(probedef, i, w->arch, &arguments[i]);
		spelling[i] = (uint8_t)spell(w, &arguments[i], 0);
	}
	put(w, before);
	put(w, name);
	put(w, probedef->argc > 0 ? "(" : "(void");
	for (i = 0; i < probedef->argc; i++) {
		text.at = line;
		if (i > 0)
			add_string(&text, ", ");
		add_declaration(&text, &arguments[i],
		    (enum spelling)spelling[i], i);
		usdt__sink_write(w->sink, line, (size_t)(text.at - line));
	}
	put(w, ");\n");
}

/* A probe's name, as the note has it, behind a character. */
static void
put_name(struct writer *w, char before, size_t index)
{
	struct usdt__extent scratch;
	const struct usdt__extent *extent = usdt__extent_of(w->description,
	    index, &scratch);
	uint8_t *text;

	if (w->skipped != NULL) {
		*w->skipped += extent->note_name;
		return;
	}
	/* The zero behind the name goes, and the character comes. */
	text = usdt__sink_room(w->sink, 1 + extent->note_name);
	text[0] = (uint8_t)before;
	usdt__put_note_name(w->description->probes[index], extent, text + 1);
	w->sink->used--;
}

/* The probes from FIRST up to END have the same arguments. */
static void
put_probes(struct writer *w, size_t first, size_t end)
{
	usdt_probedef_t *const *probes = w->description->probes;
	char name[2 * 127 + 1], shared[32];
	size_t i;

	if (end == first + 1) {
		usdt__name_note(probes[first]->name, name);
		put_prototype(w, "void ", name, probes[first]);
		return;
	}
	snprintf(shared, sizeof shared, "__args%zu", first);
	put_prototype(w, "typedef void ", shared, probes[first]);
	put(w, shared);
	for (i = first; i < end; i++)
		put_name(w, i > first ? ',' : ' ', i);
	put(w, ";\n");
}

static void
put_all(struct writer *w)
{
	const struct usdt__description *description = w->description;
	const struct usdt__struct *s;
	struct usdt__extent scratch;
	size_t i, end;

	for (s = description->structs != NULL ? description->structs->first :
	    NULL; s != NULL; s = s->next)
		put_struct(w, s);
	for (i = 0; i < description->count; i = end) {
		for (end = i + 1; end < description->count && usdt__extent_of(
		    description, end, &scratch)->same_arguments; end++)
			continue;
		put_probes(w, i, end);
	}
	usdt__sink_write(w->sink, "", 1);
}

void
usdt__types_emit(const struct usdt__description *description,
    const struct usdt__arch *arch, struct usdt__sink *sink)
{
	struct writer w = {
		.description = description, .arch = arch, .sink = sink
	};

	put_all(&w);
}

size_t
usdt__types_size(const struct usdt__description *description,
    const struct usdt__arch *arch)
{
	uint64_t buffer[64];
	struct usdt__sink sink;
	size_t skipped = 0;
	struct writer w = {
		.description = description, .arch = arch, .sink = &sink,
		.skipped = &skipped
	};

	usdt__sizing_sink(&sink, buffer, sizeof buffer);
	put_all(&w);
	return usdt__sink_at(&sink) + skipped;
}
