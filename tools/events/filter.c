/*
 * filter.c - which events does the user want?
 *
 *	myapp:request-done{status >= 500 && (url ~ "/api" || !req.cached)}
 *
 * A filter is parsed to steps for a machine with one register, so that it is
 * evaluated without recursion: each test sets the register, and && and || are
 * jumps.  For each probe the names are looked up once.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "tools/events/filter.h"

/* How deep brackets and "!" may be nested. */
#define DEPTH_MAX	100

/* --- parsing --- */

struct reader {
	const char *at;
	const char *why;	/* it is wrong there, or NULL */
	unsigned depth;
	struct filter *filter;
};

static int
wrong(struct reader *reader, const char *why)
{
	if (reader->why == NULL)
		reader->why = why;
	return -1;
}

static void
skip_blanks(struct reader *reader)
{
	reader->at += strspn(reader->at, " \t\n");
}

/* Skip WORD if it comes next. */
static int
accept(struct reader *reader, const char *word)
{
	skip_blanks(reader);
	if (strncmp(reader->at, word, strlen(word)) != 0)
		return 0;
	reader->at += strlen(word);
	return 1;
}

static int
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t
identifier(const char *at)
{
	size_t length = 0;

	if (is_letter(*at))
		while (is_letter(at[length]) || is_digit(at[length]))
			length++;
	return length;
}

static size_t
add_step(struct filter *filter, enum action action, size_t to)
{
	ROOM_FOR_ONE(filter->steps, filter->step_count, filter->step_space);
	filter->steps[filter->step_count] = (struct step){ action, to };
	return filter->step_count++;
}

/* An integer with all its bits, or a number with a point or an exponent. */
static int
read_number(struct reader *reader, struct test *test)
{
	const char *start = reader->at;
	int hex;
	char *end;

	test->negative = *start == '-';
	start += test->negative;
	if (!is_digit(*start))
		return wrong(reader, "a number or a \"text\" is expected");
	hex = start[0] == '0' && (start[1] == 'x' || start[1] == 'X');
	errno = 0;
	test->literal = INTEGER;
	test->magnitude = strtoull(start, &end, hex ? 16 : 10);
	if (!hex && (*end == '.' || *end == 'e' || *end == 'E')) {
		test->literal = NUMBER;
		errno = 0;
		test->number = strtod(reader->at, &end);
		if (errno == ERANGE && test->number < 1 && test->number > -1)
			errno = 0;	/* too small: nearly 0 will do */
	}
	if (errno != 0 || (test->literal == INTEGER && test->negative &&
	    test->magnitude > (uint64_t)1 << 63))
		return wrong(reader, test->literal == INTEGER ?
		    "no integer of 64 bits is that large" :
		    "no double is that large");
	if (is_letter(*end) || is_digit(*end) || *end == '.')
		return wrong(reader, "this is no number");
	reader->at = end;
	return 0;
}

static int
hex_value(char c)
{
	const char *digits = "0123456789abcdef", *found;

	found = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ?
	    c - 'A' + 'a' : c);
	return found == NULL ? -1 : (int)(found - digits);
}

/* The byte behind a backslash; -1 if it is none. */
static int
read_escape(struct reader *reader)
{
	static const char letters[] = "\"\\ntr", bytes[] = "\"\\\n\t\r";
	const char *at = reader->at + 1, *found;

	if (*at == 'x' && hex_value(at[1]) >= 0 && hex_value(at[2]) >= 0) {
		reader->at += 4;
		return hex_value(at[1]) * 16 + hex_value(at[2]);
	}
	found = *at == '\0' ? NULL : strchr(letters, *at);
	if (found == NULL)
		return wrong(reader, "after \\ only \" \\ n t r and xNN have "
		    "a meaning");
	reader->at += 2;
	return (unsigned char)bytes[found - letters];
}

/* As events are printed: in double quotes, with C's escapes. */
static int
read_text(struct reader *reader, struct test *test)
{
	const char *start = reader->at++;
	int byte;

	test->literal = TEXT;
	test->text = xcalloc(strlen(start), 1);
	while (*reader->at != '"') {
		if (*reader->at == '\0') {
			reader->at = start;
			return wrong(reader, "this text does not end");
		}
		byte = *reader->at == '\\' ? read_escape(reader) :
		    (unsigned char)*reader->at++;
		if (byte < 0)
			return -1;
		test->text[test->length++] = (char)byte;
	}
	reader->at++;
	return 0;
}

static int
read_literal(struct reader *reader, struct test *test)
{
	const char *start;
	int ordered = test->relation != IS_EQUAL &&
	    test->relation != IS_NOT_EQUAL;

	skip_blanks(reader);
	start = reader->at;
	if (identifier(start) == 4 && strncmp(start, "NULL", 4) == 0) {
		reader->at += 4;
		if (!ordered)
			return 0;
		reader->at = start;
		return wrong(reader, "only == and != compare with NULL");
	}
	if (*start != '"' && read_number(reader, test) < 0)
		return -1;
	if (*start == '"' && read_text(reader, test) < 0)
		return -1;
	if ((test->literal == TEXT && ordered && test->relation < HAS) ||
	    (test->literal != TEXT && test->relation >= HAS)) {
		reader->at = start;
		return wrong(reader, test->literal == TEXT ?
		    "only == != ~ and !~ compare with a text" :
		    "~ wants a \"text\"");
	}
	return 0;
}

/* NAME, NAME.MEMBER or NAME->MEMBER. */
static int
read_name(struct reader *reader, struct test *test)
{
	size_t length = identifier(reader->at), old = 0;

	if (length == 0)
		return wrong(reader, "the name of an argument is expected");
	for (;;) {
		char *longer = xasprintf("%s%s%.*s", old ? test->name : "",
		    old ? "." : "", (int)length, reader->at);

		free(test->name);
		test->name = longer;
		old = 1;
		reader->at += length;
		if (reader->at[0] == '.')
			reader->at++;
		else if (reader->at[0] == '-' && reader->at[1] == '>')
			reader->at += 2;
		else
			return 0;
		length = identifier(reader->at);
		if (length == 0)
			return wrong(reader, "the name of a member is "
			    "expected");
	}
}

/* A name alone is true if it is not 0, and not NULL. */
static int
read_test(struct reader *reader)
{
	static const struct {
		const char *word;
		enum relation relation;
	} words[] = {		/* a longer word before its beginning */
		{ "==", IS_EQUAL }, { "!=", IS_NOT_EQUAL },
		{ "<=", IS_AT_MOST }, { "<", IS_LESS },
		{ ">=", IS_AT_LEAST }, { ">", IS_GREATER },
		{ "!~", HAS_NOT }, { "~", HAS }
	};
	struct filter *filter = reader->filter;
	struct test *test;
	size_t i;

	ROOM_FOR_ONE(filter->tests, filter->test_count, filter->test_space);
	test = &filter->tests[filter->test_count++];
	*test = (struct test){ .relation = IS_NOT_EQUAL };
	add_step(filter, TEST, filter->test_count - 1);
	if (read_name(reader, test) < 0)
		return -1;
	for (i = 0; i < sizeof words / sizeof *words; i++)
		if (accept(reader, words[i].word)) {
			test->relation = words[i].relation;
			return read_literal(reader, test);
		}
	return *reader->at == '=' ? wrong(reader, "== compares") : 0;
}

static int
read_any(struct reader *reader);

static int
read_one(struct reader *reader)
{
	int result;

	if (reader->depth == DEPTH_MAX)
		return wrong(reader, "brackets and ! are nested too deep "
		    "(100)");
	reader->depth++;
	if (accept(reader, "!")) {
		result = read_one(reader);
		add_step(reader->filter, NOT, 0);
	} else if (accept(reader, "(")) {
		result = read_any(reader);
		if (result == 0 && !accept(reader, ")"))
			result = wrong(reader, "&& || or ) is expected");
	} else {
		result = read_test(reader);
	}
	reader->depth--;
	return result;
}

/* Operands with && between them, or with ||: the rest is skipped when the result
 * is known. */
static int
read_chain(struct reader *reader, const char *word, enum action skip,
    int (*operand)(struct reader *reader))
{
	struct filter *filter = reader->filter;
	size_t step;

	if (operand(reader) < 0)
		return -1;
	while (accept(reader, word)) {
		step = add_step(filter, skip, 0);
		if (operand(reader) < 0)
			return -1;
		filter->steps[step].to = filter->step_count;
	}
	return 0;
}

static int
read_all(struct reader *reader)
{
	return read_chain(reader, "&&", SKIP_IF_FALSE, read_one);
}

static int
read_any(struct reader *reader)
{
	return read_chain(reader, "||", SKIP_IF_TRUE, read_all);
}

char *
filter_begin(char *word)
{
	char *begin = NULL, *at;
	int quoted = 0;

	/* Names and paths end with a colon or a slash; filters have none. */
	for (at = word; *at != '\0'; at++) {
		if (*at == '\\' && at[1] != '\0')
			at++;
		else if (begin == NULL && *at == '{')
			begin = at;
		else if (begin != NULL && *at == '"')
			quoted = !quoted;
		else if (!quoted && (*at == ':' || *at == '/'))
			begin = NULL;
	}
	return begin;
}

struct filter *
filter_parse(const char *text, const char **place, const char **why)
{
	struct reader reader = {
		.at = text, .filter = xcalloc(1, sizeof *reader.filter)
	};

	if (!accept(&reader, "{"))
		wrong(&reader, "{ is expected");
	else if (read_any(&reader) == 0 && !accept(&reader, "}"))
		wrong(&reader, "&& || or } is expected");
	skip_blanks(&reader);
	if (reader.why == NULL && *reader.at != '\0')
		wrong(&reader, "a filter ends with its }");
	if (reader.why == NULL)
		return reader.filter;
	*place = reader.at;
	*why = reader.why;
	filter_free(reader.filter);
	return NULL;
}

void
filter_free(struct filter *filter)
{
	size_t i;

	if (filter == NULL)
		return;
	for (i = 0; i < filter->test_count; i++) {
		free(filter->tests[i].name);
		free(filter->tests[i].text);
	}
	free(filter->tests);
	free(filter->steps);
	free(filter);
}

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
	place->leaf = target->members[i];
	member = type == NULL ? NULL : find_member(type, rest + 1,
	    &place->leaf, target->members[i + 1]);
	if (member == NULL)
		return xasprintf("it has no member \"%s\", or no room for it",
		    name);
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

/* The PLACES of the filter's values, or why the target has none. */
static char *
bind(const struct filter *filter, const struct target *target,
    struct place **places)
{
	char *why = NULL;
	size_t i;

	*places = xcalloc(filter->test_count, sizeof **places);
	for (i = 0; i < filter->test_count && why == NULL; i++) {
		const struct test *test = &filter->tests[i];
		int is_null = test->literal == INTEGER && test->magnitude == 0 &&
		    test->relation <= IS_NOT_EQUAL;

		why = place_find(target, test->name, &(*places)[i]);
		if (why == NULL && !is_null && place_is_text(&(*places)[i]) !=
		    (test->literal == TEXT))
			why = xasprintf(test->literal == TEXT ?
			    "its \"%s\" is no text" :
			    "its \"%s\" is a text, no number", test->name);
	}
	if (why != NULL) {
		free(*places);
		*places = NULL;
	}
	return why;
}

/* --- evaluating --- */

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
	if (value->bytes == 0 || (value->flags & VALUE_UNREADABLE) ||
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
	if (value->bytes == 0)
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

/* The order of two of them: -1, 0, 1, or 2 for NaN, which has none. */
static int
order_integers(const struct number *a, const struct number *b)
{
	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	if (a->magnitude == b->magnitude)
		return 0;
	return (a->magnitude < b->magnitude) != a->negative ? -1 : 1;
}

/* All digits count: neither is converted to the other's type. */
static int
order_mixed(const struct number *integer, double number)
{
	struct number whole = { .negative = number < 0 };
	double size = number < 0 ? -number : number;
	int order;

	if (isnan(number))
		return 2;
	if (size >= 18446744073709551616.0)
		return whole.negative ? 1 : -1;
	whole.magnitude = (uint64_t)size;
	if (whole.magnitude == 0)
		whole.negative = 0;
	order = order_integers(integer, &whole);
	if (order != 0 || (double)whole.magnitude == size)
		return order;
	return number < 0 ? 1 : -1;
}

static int
order_of(const struct number *a, const struct number *b)
{
	int order;

	if (a->is_float && b->is_float)
		return isnan(a->number) || isnan(b->number) ? 2 :
		    a->number < b->number ? -1 : a->number > b->number;
	if (!a->is_float && !b->is_float)
		return order_integers(a, b);
	if (!a->is_float)
		return order_mixed(a, b->number);
	order = order_mixed(b, a->number);
	return order == 2 ? 2 : -order;
}

static int
holds_number(const struct test *test, const struct place *place,
    const struct fire *fire)
{
	struct number number, other = {
		.is_float = test->literal == NUMBER,
		.negative = test->negative && test->magnitude != 0,
		.magnitude = test->magnitude, .number = test->number
	};
	int order;

	if (place_number(place, fire, &number) < 0)
		return 0;
	order = order_of(&number, &other);
	switch (test->relation) {
	case IS_EQUAL:
		return order == 0;
	case IS_NOT_EQUAL:
		return order != 0;
	case IS_LESS:
		return order == -1;
	case IS_AT_MOST:
		return order == -1 || order == 0;
	case IS_GREATER:
		return order == 1;
	case IS_AT_LEAST:
		return order == 1 || order == 0;
	case HAS:
	case HAS_NOT:
		break;
	}
	return 0;
}

static int
holds_text(const struct test *test, const struct place *place,
    const struct fire *fire)
{
	const char *text;
	size_t length;
	int there = place_text(place, fire, &text, &length), same;

	if (there < 0)
		return 0;
	if (test->literal != TEXT)
		return (test->relation == IS_NOT_EQUAL) == there;
	if (test->relation >= HAS) {
		same = there && memmem(text, length, test->text,
		    test->length) != NULL;
		return (test->relation == HAS) == same;
	}
	same = there && length == test->length &&
	    memcmp(text, test->text, length) == 0 &&
	    (place->kind == PLACE_COMM ||
	    !(fire->values[place->leaf].flags & VALUE_CUT));
	return (test->relation == IS_EQUAL) == same;
}

static int
holds(const struct filter *filter, const struct place *places,
    const struct fire *fire)
{
	int held = 0;
	size_t i = 0;

	while (i < filter->step_count) {
		const struct step *step = &filter->steps[i++];

		switch (step->action) {
		case TEST:
			held = place_is_text(&places[step->to]) ?
			    holds_text(&filter->tests[step->to],
			    &places[step->to], fire) :
			    holds_number(&filter->tests[step->to],
			    &places[step->to], fire);
			break;
		case NOT:
			held = !held;
			break;
		case SKIP_IF_TRUE:
		case SKIP_IF_FALSE:
			if (held == (step->action == SKIP_IF_TRUE))
				i = step->to;
		}
	}
	return held;
}

/* --- the filters of a probe --- */

char *
target_sift(struct target *target, const struct filter *filter)
{
	struct sieve *sieve;
	struct place *places;
	char *why;

	if (filter == NULL) {
		target->unsifted = 1;
		return NULL;
	}
	for (sieve = target->sieves; sieve != NULL; sieve = sieve->next)
		if (sieve->filter == filter)
			return NULL;
	why = bind(filter, target, &places);
	if (why != NULL)
		return why;
	sieve = xcalloc(1, sizeof *sieve);
	sieve->filter = filter;
	sieve->places = places;
	sieve->next = target->sieves;
	target->sieves = sieve;
	return NULL;
}

int
target_passes(const struct target *target, const struct fire *fire)
{
	const struct sieve *sieve = target->sieves;

	if (target_is_open(target))
		return 1;
	while (sieve != NULL && !holds(sieve->filter, sieve->places, fire))
		sieve = sieve->next;
	return sieve != NULL;
}

int
target_passes_one(const struct target *target, const struct filter *filter,
    const struct fire *fire)
{
	const struct sieve *sieve = target->sieves;

	if (filter == NULL)
		return 1;
	while (sieve != NULL && sieve->filter != filter)
		sieve = sieve->next;
	return sieve != NULL && holds(filter, sieve->places, fire);
}

void
target_unsift(struct target *target)
{
	struct sieve *sieve;

	while ((sieve = target->sieves) != NULL) {
		target->sieves = sieve->next;
		free(sieve->places);
		free(sieve);
	}
}
