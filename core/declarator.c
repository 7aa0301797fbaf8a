/*
 * core/declarator.c - what does a type string declare?
 *
 * A type string is a C type's name, or a declaration of one thing as C writes
 * it: "int", "int id", "char *url", "struct request *req", "uint8_t key[16]",
 * "int (*compare)(void *, void *)".  The type in D that a translator makes of
 * it may follow: "struct request *req : reqinfo_t *".
 *
 * Some programs pass strings that are not C ("std::string", "Foo<int>").  Such
 * a string is a machine word without a name, as in 1.x.  A string that begins
 * as a declaration and does not end as one is an error, since its author meant
 * a name.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/platform.h"


/* Where the parser is. */
struct parser {
	const char *at;
	const char *end;
	struct usdt__declarator *out;
	const char *type;	/* first word of the base type ... */
	const char *type_end;	/* ... and the end of its last one */
	const char *fault;	/* what is wrong, or NULL */
};

static int
is_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int
is_inside(char c)
{
	return is_start(c) || (c >= '0' && c <= '9');
}

/* The words of C, by their first letter: a parser sees many words, and most are
 * names. */
enum word {
	NAME, QUALIFIER, ARITHMETIC, TAG, WHOLE, OTHER
};

#define LONGEST	8		/* of these words */

static const struct {
	char text[LONGEST + 1];
	uint8_t word;
} words['z' - '_' + 1][7] = {
	['_' - '_'] = { { "_Bool", WHOLE } },
	['a' - '_'] = { { "auto", OTHER } },
	['b' - '_'] = { { "break", OTHER } },
	['c' - '_'] = { { "char", ARITHMETIC }, { "const", QUALIFIER },
	    { "case", OTHER }, { "continue", OTHER } },
	['d' - '_'] = { { "double", ARITHMETIC }, { "default", OTHER },
	    { "do", OTHER } },
	['e' - '_'] = { { "enum", TAG }, { "else", OTHER },
	    { "extern", OTHER } },
	['f' - '_'] = { { "float", ARITHMETIC }, { "for", OTHER } },
	['g' - '_'] = { { "goto", OTHER } },
	['i' - '_'] = { { "int", ARITHMETIC }, { "if", OTHER },
	    { "inline", OTHER } },
	['l' - '_'] = { { "long", ARITHMETIC } },
	['r' - '_'] = { { "restrict", QUALIFIER }, { "register", OTHER },
	    { "return", OTHER } },
	['s' - '_'] = { { "short", ARITHMETIC }, { "signed", ARITHMETIC },
	    { "struct", TAG }, { "sizeof", OTHER }, { "static", OTHER },
	    { "switch", OTHER } },
	['t' - '_'] = { { "typedef", OTHER } },
	['u' - '_'] = { { "unsigned", ARITHMETIC }, { "union", TAG } },
	['v' - '_'] = { { "void", WHOLE }, { "volatile", QUALIFIER } },
	['w' - '_'] = { { "while", OTHER } },
};

/* Which kind of word is it?  It begins with a letter or '_'. */
static enum word
word_of(const char *word, size_t length)
{
	size_t i;

	if (*word < '_' || length > LONGEST)
		return NAME;
	for (i = 0; words[*word - '_'][i].text[0] != '\0'; i++) {
		const char *text = words[*word - '_'][i].text;

		if (text[length] == '\0' && memcmp(text, word, length) == 0)
			return (enum word)words[*word - '_'][i].word;
	}
	return NAME;
}

static void
skip_blanks(struct parser *p)
{
	while (p->at < p->end && *p->at == ' ')
		p->at++;
}

/* The length of the next word, or 0. */
static size_t
next_word(struct parser *p)
{
	size_t length = 0;

	skip_blanks(p);
	if (p->at < p->end && is_start(*p->at))
		while (p->at + length < p->end && is_inside(p->at[length]))
			length++;
	return length;
}

static int
next_is(struct parser *p, char c)
{
	skip_blanks(p);
	return p->at < p->end && *p->at == c;
}

static void
skip_qualifiers(struct parser *p)
{
	size_t length;

	while ((length = next_word(p)) > 0 &&
	    word_of(p->at, length) == QUALIFIER)
		p->at += length;
}

/* Accept a word of the base type. */
static void
accept(struct parser *p, size_t length)
{
	if (p->type == NULL)
		p->type = p->at;
	p->out->tag = p->at;
	p->out->tag_length = length;
	p->at += length;
	p->type_end = p->at;
}

/*
 * Read the base type.  Returns 1 if it is surely a type of C, 0 if it is one
 * word that typedef may have made a type, -1 if it is missing.
 */
static int
parse_base(struct parser *p)
{
	enum word word;
	size_t length;

	skip_qualifiers(p);
	length = next_word(p);
	if (length == 0)
		return -1;
	word = word_of(p->at, length);
	if (word == TAG) {
		p->out->base = *p->at == 'e' ? USDT__BASE_ENUM :
		    *p->at == 's' ? USDT__BASE_STRUCT : USDT__BASE_UNKNOWN;
		accept(p, length);
		skip_qualifiers(p);
		if ((length = next_word(p)) > 0)
			accept(p, length);
		else if (p->out->base == USDT__BASE_STRUCT)
			return -1;
		skip_qualifiers(p);
		return 1;
	}
	if (word == ARITHMETIC) {
		do {
			accept(p, length);
			skip_qualifiers(p);
			length = next_word(p);
		} while (length > 0 && word_of(p->at, length) == ARITHMETIC);
		return 1;
	}
	if (word == OTHER)
		return -1;
	if (word == WHOLE && *p->at == 'v')
		p->out->base = USDT__BASE_VOID;
	accept(p, length);
	skip_qualifiers(p);
	return word == WHOLE;
}

/* Skip a bracket, all inside it, and the bracket that closes it. */
static int
skip_brackets(struct parser *p, char open, char close)
{
	int depth = 0;

	for (; p->at < p->end; p->at++) {
		if (*p->at == open)
			depth++;
		else if (*p->at == close && --depth == 0) {
			p->at++;
			return 0;
		}
	}
	return -1;
}

/* Read "[16]".  A name in it is a constant that only its author knows. */
static void
parse_array(struct parser *p)
{
	size_t elements = 0, digit;
	unsigned base = 10;

	p->at++;
	skip_blanks(p);
	if (next_is(p, ']') || next_word(p) > 0) {
		p->at += next_word(p);
		elements = SIZE_MAX;
	} else {
		if (p->end - p->at > 2 && p->at[0] == '0' &&
		    (p->at[1] == 'x' || p->at[1] == 'X')) {
			base = 16;
			p->at += 2;
		}
		for (; p->at < p->end; p->at++) {
			char c = *p->at | 0x20;

			digit = c >= 'a' && c <= 'f' ? (size_t)(c - 'a') + 10 :
			    *p->at >= '0' && *p->at <= '9' ?
			    (size_t)(*p->at - '0') : 99;
			if (digit >= base)
				break;
			if (elements > (SIZE_MAX >> 1) / base - 1) {
				p->fault = "an array is too long";
				return;
			}
			elements = elements * base + digit;
		}
		if (elements == 0) {
			p->fault = "an array needs a number of elements";
			return;
		}
	}
	if (!next_is(p, ']')) {
		p->fault = "'[' needs a number and ']'";
		return;
	}
	p->at++;
	if (p->out->dimensions++ == 0)
		p->out->elements = elements;
}

static void
parse_stars(struct parser *p)
{
	while (next_is(p, '*') || next_is(p, '&')) {
		p->at++;
		p->out->pointers++;
		skip_qualifiers(p);
	}
}

/* Read the name, if any. */
static void
parse_name(struct parser *p)
{
	size_t length = next_word(p);

	if (length == 0)
		return;
	if (word_of(p->at, length) != NAME) {
		p->fault = "a word of C's can't be a name";
		return;
	}
	p->out->name = p->at;
	p->out->name_length = length;
	p->at += length;
}

/* Read all that follows the base type. */
static void
parse_rest(struct parser *p)
{
	parse_stars(p);
	if (next_is(p, '(')) {		/* a pointer to a function or array */
		p->at++;
		if (!next_is(p, '*')) {
			p->fault = "after '(' a '*' is expected";
			return;
		}
		p->out->base = USDT__BASE_VOID;
		parse_stars(p);
		parse_name(p);
		if (p->fault == NULL && !next_is(p, ')'))
			p->fault = "'(' needs its ')'";
		if (p->fault != NULL)
			return;
		p->at++;
		skip_blanks(p);
		while (next_is(p, '(') || next_is(p, '['))
			if (skip_brackets(p, *p->at,
			    *p->at == '(' ? ')' : ']') < 0) {
				p->fault = "a bracket is not closed";
				return;
			}
	} else {
		parse_name(p);
		while (p->fault == NULL && next_is(p, '['))
			parse_array(p);
	}
	skip_blanks(p);
	if (p->fault == NULL && p->at < p->end)
		p->fault = p->out->name_length > 0 ?
		    "nothing may follow the name" :
		    "a name has letters, digits and '_'";
}

/* Find the ':' before a translated type, not the "::" of C++. */
static const char *
find_colon(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text == ':') {
			if (text[1] != ':')
				return text;
			text++;
		}
	return NULL;
}

/* Use a string that is not C as the type, without a name. */
static void
take_as_it_is(struct usdt__declarator *out, const char *text, size_t length,
    const struct usdt__arch *arch)
{
	const char *translated = out->translated;

	memset(out, 0, sizeof *out);
	out->text = text;
	out->translated = translated;
	out->tag = text;
	out->tag_length = length;
	out->type_length = length;
	out->size = usdt__type_size_of(text, length, arch);
}

static void
measure(struct usdt__declarator *out, const char *type, size_t length,
    const struct usdt__arch *arch)
{
	if (out->base == USDT__BASE_STRUCT || out->base == USDT__BASE_VOID)
		return;
	out->size = usdt__type_size_of(type, length, arch);
	if (out->base != USDT__BASE_UNKNOWN)
		return;
	if (usdt__type_is_float(type, length))
		out->base = USDT__BASE_FLOAT;
	else if (usdt__type_is_known(type, length, arch))
		out->base = USDT__BASE_INTEGER;
}

int
usdt__declarator_parse(struct usdt__declarator *out, const char *text,
    size_t index, const struct usdt__arch *arch, struct usdt__why *why)
{
	struct parser p = { .at = text, .out = out };
	const char *colon = find_colon(text);
	int is_c;

	if (arch == NULL)	/* an unknown one has no probes: any will do */
		arch = &usdt__archs[0];
	memset(out, 0, sizeof *out);
	out->text = text;
	p.end = colon != NULL ? colon : text + strlen(text);
	while (p.end > text && p.end[-1] == ' ')
		p.end--;
	if (colon != NULL) {
		colon++;
		while (*colon == ' ')
			colon++;
		if (p.end == text || *colon == '\0' || find_colon(colon))
			return usdt__because(why, 0, "type %zu \"%s\" needs "
			    "one type on each side of ':'", index, text);
		out->translated = colon;
	}
	out->type_length = (size_t)(p.end - text);
	is_c = parse_base(&p);
	if (is_c >= 0) {
		is_c |= usdt__type_is_known(p.type,
		    (size_t)(p.type_end - p.type), arch);
		parse_rest(&p);
	}
	if (is_c < 0 || (p.fault != NULL && !is_c && out->pointers == 0)) {
		take_as_it_is(out, text, (size_t)(p.end - text), arch);
		return 0;
	}
	if (p.fault != NULL)
		return usdt__because(why, 0, "type %zu \"%s\" is no "
		    "declaration of C: %s, at \"%.*s\"", index, text, p.fault,
		    (int)(p.end - p.at), p.at);
	measure(out, p.type, (size_t)(p.type_end - p.type), arch);
	return 0;
}

void
usdt__declarator_keep(const struct usdt__declarator *declarator,
    struct usdt__kept_declarator *kept)
{
	const char *text = declarator->text;

	memset(kept, 0, sizeof *kept);
	kept->base = (uint8_t)declarator->base;
	kept->size = (int8_t)declarator->size;
	kept->pointers = (uint8_t)declarator->pointers;
	kept->dimensions = (uint8_t)declarator->dimensions;
	if (declarator->name_length > 0)
		kept->name = (uint8_t)(declarator->name - text);
	kept->name_length = (uint8_t)declarator->name_length;
	kept->tag = (uint8_t)(declarator->tag - text);
	kept->tag_length = (uint8_t)declarator->tag_length;
	if (declarator->translated != NULL)
		kept->translated = (uint8_t)(declarator->translated - text);
	kept->type_length = (uint8_t)declarator->type_length;
}

void
usdt__declarator_get(struct usdt__declarator *out,
    const struct usdt__kept_declarator *kept, const char *text,
    const struct usdt__arch *arch)
{
	if (kept->dimensions > 0) {
		/* It was accepted before. */
		usdt__declarator_parse(out, text, 0, arch, NULL);
		return;
	}
	*out = (struct usdt__declarator){
		.text = text,
		.base = (enum usdt__base)kept->base,
		.size = kept->size,
		.pointers = kept->pointers,
		.name = kept->name_length > 0 ? text + kept->name : NULL,
		.name_length = kept->name_length,
		.tag = text + kept->tag,
		.tag_length = kept->tag_length,
		.translated = kept->translated > 0 ?
		    text + kept->translated : NULL,
		.type_length = kept->type_length
	};
}

int
usdt__declarator_is_char(const struct usdt__declarator *declarator)
{
	const char *sign;

	if (declarator->tag_length != 4 ||
	    memcmp(declarator->tag, "char", 4) != 0)
		return 0;
	sign = strstr(declarator->text, "signed");
	return sign == NULL || sign > declarator->tag;
}

size_t
usdt__declarator_type(const struct usdt__declarator *declarator, char *out)
{
	const char *text = declarator->text;
	const char *end = text + declarator->type_length;
	const char *name = declarator->name_length > 0 ? declarator->name : end;
	size_t n = (size_t)(name - text);

	memcpy(out, text, n);
	if (name < end) {
		name += declarator->name_length;
		memcpy(out + n, name, (size_t)(end - name));
		n += (size_t)(end - name);
	}
	while (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
	return n;
}
