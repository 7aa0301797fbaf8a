/*
 * structs.c - which structs does a provider take, and what does it keep?
 *
 * Tables are written by hand, with what core/struct.c has to make of them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <limits.h>

#include "tap.h"
#include "core/provider.h"

#define COUNT(table)	(sizeof (table) / sizeof (table)[0])

static usdt_provider_t *p;

static const struct usdt__struct *
find(const char *name)
{
	return usdt__structs_find(&p->state->structs, name, strlen(name));
}

/* A struct is accepted. */
static void
accepted(const char *name, size_t size, size_t count,
    const usdt_field_t *fields)
{
	int result = usdt_provider_add_struct(p, name, size, count, fields);

	ok(result == 0, "struct %s is accepted%s", name, result == 0 ? "" :
	    usdt_errstr(p));
}

/* A table is refused, with a text that has WORDS, and nothing changes. */
static void
refused(const char *name, size_t size, size_t count, const usdt_field_t *fields,
    const char *words)
{
	size_t before = p->state->structs.count;
	const struct usdt__struct *last = p->state->structs.last;
	char text[600];

	ok(usdt_provider_add_struct(p, name, size, count, fields) == -1 &&
	    p->state->structs.count == before &&
	    p->state->structs.last == last, "refused: %s", words);
	snprintf(text, sizeof text, "invalid argument: %s", words);
	is_str(usdt_errstr(p), text, "the text");
}

/* --- what is accepted ----------------------------------------------------- */

struct peer {
	char host[16];
	unsigned short port;
};

struct request {
	int id;
	unsigned short flags;
	char *url;
	double took;
	struct peer peer, more[3];
	struct request *next;
	uint8_t bits;
};

static const usdt_field_t peer_fields[] = {
	USDT_FIELD(struct peer, host, "char host[16]"),
	USDT_FIELD(struct peer, port, "unsigned short port"),
};

/* In any order, and with a gap. */
static const usdt_field_t request_fields[] = {
	USDT_FIELD(struct request, next, "struct myapp_request *next"),
	USDT_FIELD(struct request, id, "int id"),
	USDT_FIELD(struct request, url, "const char *url"),
	USDT_FIELD(struct request, took, "double took"),
	USDT_FIELD(struct request, peer, "struct myapp_peer peer"),
	USDT_FIELD(struct request, more, "struct myapp_peer more[3]"),
	USDT_FIELD(struct request, bits, "uint8_t bits"),
};

static void
test_accepted(void)
{
	static const char *const order[] = {
		"id", "url", "took", "peer", "more", "next", "bits"
	};
	usdt_field_t copy[COUNT(request_fields)];
	char text[] = "int id";
	const struct usdt__struct *s;
	size_t i;

	ok(find("myapp_peer") == NULL &&
	    usdt__structs_find(NULL, "myapp_peer", 10) == NULL,
	    "there is none at first");
	accepted("myapp_peer", sizeof(struct peer), COUNT(peer_fields),
	    peer_fields);
	memcpy(copy, request_fields, sizeof copy);
	copy[1].declarator = text;
	accepted("myapp_request", sizeof(struct request), COUNT(copy), copy);
	memset(text, 'x', strlen(text));
	memset(copy, 0, sizeof copy);
	is_int((long long)p->state->structs.count, 2, "both are there");
	ok(p->state->structs.first == find("myapp_peer") &&
	    p->state->structs.first->next == find("myapp_request") &&
	    p->state->structs.last == find("myapp_request"),
	    "in the order of declaring");
	s = find("myapp_request");
	is_str(s->name, "myapp_request", "its name");
	is_int((long long)s->size, sizeof(struct request), "its size");
	is_int((long long)s->align, __alignof__(struct request),
	    "a compiler's alignment");
	is_int(s->packed, 0, "it is not packed");
	for (i = 0; i < s->count; i++)
		try(strncmp(s->fields[i].declarator.name, order[i],
		    strlen(order[i])) == 0 &&
		    s->fields[i].declarator.name_length == strlen(order[i]),
		    "field %zu is %s", i, s->fields[i].declarator.text);
	ok_all("%zu fields, by offset, copied", s->count);
	ok(s->fields[3].of == find("myapp_peer") &&
	    s->fields[4].of == find("myapp_peer") && s->fields[5].of == NULL,
	    "what is made of a struct leads to it");
	is_int((long long)s->fields[4].size, 3 * sizeof(struct peer),
	    "an array has the size of its elements");
	is_int((long long)s->fields[5].size, sizeof(void *),
	    "a pointer is a word");
	ok(usdt__structs_find(&p->state->structs, "myapp_requests", 13) == s &&
	    usdt__structs_find(&p->state->structs, "myapp_requests", 14) ==
	    NULL, "names are found by their length");
	accepted("myapp_peer", sizeof(struct peer), COUNT(peer_fields),
	    peer_fields);
	is_int((long long)p->state->structs.count, 2,
	    "the same table once more changes nothing");
}

/* Layouts as compilers make none, and as some make them by an attribute. */
static void
test_layouts(void)
{
	static const struct {
		const char *name;
		size_t size;
		usdt_field_t fields[3];
		size_t count, align;
		int packed;
	} layouts[] = {
		{ "gap", 24, { { "int a", 8 }, { "char b", 20 } }, 2, 4, 0 },
		{ "odd_size", 7, { { "int a", 0 } }, 1, 1, 1 },
		{ "odd_offset", 16, { { "int a", 3 } }, 1, 1, 1 },
		{ "bytes", 7, { { "char a[6]", 1 } }, 1, 1, 0 },
		{ "in_packed", 9, { { "struct odd_size a", 1 } }, 1, 1, 0 },
		{ "in_gap", 25, { { "struct gap a", 1 } }, 1, 1, 1 },
		{ "function", 3 * sizeof(void *), {
		    { "int (*compare)(const void *, const void *)", 0 },
		    { "foo_t *unknown", sizeof(void *) },
		    { "struct later *pointer", 2 * sizeof(void *) } }, 3,
		    sizeof(void *), 0 },
		{ "color", 8, { { "enum color a[2]", 0 } }, 1, 4, 0 },
	};
	size_t i;

	for (i = 0; i < COUNT(layouts); i++) {
		accepted(layouts[i].name, layouts[i].size, layouts[i].count,
		    layouts[i].fields);
		ok(find(layouts[i].name)->align == layouts[i].align &&
		    find(layouts[i].name)->packed == layouts[i].packed,
		    "its text is aligned to %zu%s", layouts[i].align,
		    layouts[i].packed ? ", packed" : "");
	}
}

/* --- what is refused ------------------------------------------------------ */

static void
test_names(void)
{
	static const usdt_field_t one[] = { { "int a", 0 } };
	char longest[120];

	memset(longest, 'n', 119);
	longest[119] = '\0';
	refused(NULL, 4, 1, one, "struct name is NULL");
	refused("", 4, 1, one, "struct name is empty");
	refused("my struct", 4, 1, one, "struct name \"my struct\" holds "
	    "\\x20: a name of C's has letters, digits and '_', and no digit "
	    "first");
	refused("1st", 4, 1, one, "struct name \"1st\" holds '1': a name of "
	    "C's has letters, digits and '_', and no digit first");
	refused("int", 4, 1, one, "struct name \"int\" is a word of C's");
	refused("while", 4, 1, one, "struct name \"while\" is a word of C's");
	ok(usdt_provider_add_struct(p, longest, 4, 1, one) == -1 &&
	    strstr(usdt_errstr(p), "has 119 bytes") != NULL &&
	    strstr(usdt_errstr(p), "accepts 118") != NULL, "a long name: %s",
	    usdt_errstr(p));
	longest[118] = '\0';
	accepted(longest, 4, 1, one);
	ok(usdt_provider_add_struct(NULL, "x", 4, 1, one) == -1 &&
	    strcmp(usdt_errstr(NULL), "invalid argument: provider is NULL") ==
	    0, "NULL is no provider");
}

static void
test_sizes(void)
{
	static const usdt_field_t one[] = { { "int a", 0 } };
	static const usdt_field_t last[] = { { "int a", 16777212 } };
	static const usdt_field_t far[] = { { "char a", SIZE_MAX } };
	static const usdt_field_t large[] = { { "int a[4194305]", 0 } };

	refused("s", 4, 0, one, "struct s has 0 fields, 1 to 1024 are accepted");
	refused("s", 4, 1025, one,
	    "struct s has 1025 fields, 1 to 1024 are accepted");
	refused("s", 0, 1, one, "struct s has 0 bytes, 1 to 16777216 are "
	    "accepted");
	refused("s", 16777217, 1, one, "struct s has 16777217 bytes, 1 to "
	    "16777216 are accepted");
	refused("s", 4, 2, NULL, "fields is NULL for 2 fields of struct s");
	refused("s", 3, 1, one, "field \"int a\" of struct s has 4 bytes at "
	    "offset 0, the struct has 3");
	refused("s", 16777215, 1, last, "field \"int a\" of struct s has 4 "
	    "bytes at offset 16777212, the struct has 16777215");
	refused("s", 4, 1, large, "field \"int a[4194305]\" of struct s has "
	    "more than 16777216 bytes");
	ok(usdt_provider_add_struct(p, "s", 4, 1, far) == -1 &&
	    strstr(usdt_errstr(p), "the struct has 4") != NULL,
	    "no offset is too large for the check: %s", usdt_errstr(p));
	accepted("largest", 16777216, 1, last);
}

static void
test_fields(void)
{
	static const struct {
		const char *declarator, *words;
	} wrong[] = {
		{ NULL, "field 0 of struct s is NULL" },
		{ "", "field 0 of struct s is empty" },
		{ "int\ta", "field 0 of struct s holds \\x09" },
		{ "int", "field \"int\" of struct s has no name" },
		{ "char *", "field \"char *\" of struct s has no name" },
		{ "std::string", "field \"std::string\" of struct s has no "
		    "name" },
		{ "int my-id", "field 0 of struct s \"int my-id\" is no "
		    "declaration of C: nothing may follow the name, at "
		    "\"-id\"" },
		{ "int a : 3", "field \"int a : 3\" of struct s has a ':': "
		    "only arguments have translated types, and bit fields are "
		    "not accepted" },
		{ "int a[2][3]", "field \"int a[2][3]\" of struct s is an "
		    "array of 2 dimensions, 1 is accepted" },
		{ "char a[]", "field \"char a[]\" of struct s needs a number "
		    "of elements between '[' and ']'" },
		{ "char a[N]", "field \"char a[N]\" of struct s needs a number "
		    "of elements between '[' and ']'" },
		{ "foo_t a", "field \"foo_t a\" of struct s is of a type of "
		    "unknown size: C's arithmetic types, those of stdint.h and "
		    "sys/types.h, enums, pointers and declared structs are "
		    "accepted" },
		{ "union u a", "field \"union u a\" of struct s is of a type "
		    "of unknown size: C's arithmetic types, those of stdint.h "
		    "and sys/types.h, enums, pointers and declared structs are "
		    "accepted" },
		{ "void a", "field \"void a\" of struct s is of a type of "
		    "unknown size: C's arithmetic types, those of stdint.h and "
		    "sys/types.h, enums, pointers and declared structs are "
		    "accepted" },
		{ "struct nosuch a", "field \"struct nosuch a\" of struct s "
		    "needs struct nosuch, which was not declared before" },
		{ "struct s a", "field \"struct s a\" of struct s needs struct "
		    "s, which was not declared before" },
		{ "int __pad0", "field \"int __pad0\" of struct s has a name "
		    "that begins with \"__pad\", as those of padding do" },
	};
	static const usdt_field_t overlapping[] = {
		{ "int b", 6 }, { "char a[7]", 0 }
	};
	static const usdt_field_t twice[] = {
		{ "int a", 0 }, { "int b", 4 }, { "char a", 8 }
	};
	static const usdt_field_t third[] = {
		{ "int a", 0 }, { "int b", 4 }, { "int", 8 }
	};
	usdt_field_t field = { NULL, 0 };
	char type[129];
	size_t i;

	for (i = 0; i < COUNT(wrong); i++) {
		field.declarator = wrong[i].declarator;
		refused("s", 64, 1, &field, wrong[i].words);
	}
	memset(type, 'n', 128);
	memcpy(type, "int ", 4);
	type[128] = '\0';
	field.declarator = type;
	ok(usdt_provider_add_struct(p, "s", 4, 1, &field) == -1 &&
	    strstr(usdt_errstr(p), "field 0 of struct s \"int nnn") != NULL &&
	    strstr(usdt_errstr(p), "has 128 bytes") != NULL, "a long one: %s",
	    usdt_errstr(p));
	type[127] = '\0';
	accepted("long_field", 4, 1, &field);
	refused("s", 16, 2, overlapping, "field \"int b\" of struct s at "
	    "offset 6 overlaps \"char a[7]\", which ends at 7");
	refused("s", 16, 3, twice, "field \"char a\" of struct s has the name "
	    "of field \"int a\"");
	refused("s", 16, 3, third, "field \"int\" of struct s has no name");
}

static void
test_another_table(void)
{
	static const usdt_field_t here[] = { { "char host[16]", 0 } };
	static const usdt_field_t other_type[] = {
		{ "char host[16]", 0 }, { "short port", 16 }
	};
	static const usdt_field_t other_offset[] = {
		{ "char host[16]", 0 }, { "unsigned short port", 15 }
	};
	static const char *const words = "struct myapp_peer was declared with "
	    "another size or other fields";

	refused("myapp_peer", sizeof(struct peer), 1, here, words);
	refused("myapp_peer", 20, COUNT(peer_fields), peer_fields, words);
	refused("myapp_peer", sizeof(struct peer), 2, other_type, words);
	refused("myapp_peer", sizeof(struct peer), 2, other_offset,
	    "field \"unsigned short port\" of struct myapp_peer at offset 15 "
	    "overlaps \"char host[16]\", which ends at 16");
}

static void
test_many(void)
{
	static const usdt_field_t one[] = { { "int a", 0 } };
	static char texts[USDT_FIELD_MAX][16];
	static usdt_field_t fields[USDT_FIELD_MAX];
	const struct usdt__struct *s;
	char name[16];
	size_t i;

	for (i = 0; i < USDT_FIELD_MAX; i++) {	/* from the last one */
		snprintf(texts[i], sizeof texts[i], "char f%zu", i);
		fields[i].declarator = texts[i];
		fields[i].offset = USDT_FIELD_MAX - 1 - i;
	}
	accepted("wide", USDT_FIELD_MAX, USDT_FIELD_MAX, fields);
	s = find("wide");
	for (i = 0; i < USDT_FIELD_MAX; i++)
		try(s->fields[i].offset == i, "field %zu at %zu", i,
		    s->fields[i].offset);
	ok_all("%d fields", USDT_FIELD_MAX);
	for (i = p->state->structs.count; i < USDT_STRUCT_MAX; i++) {
		snprintf(name, sizeof name, "s%zu", i);
		try(usdt_provider_add_struct(p, name, 4, 1, one) == 0,
		    "%s: %s", name, usdt_errstr(p));
	}
	ok_all("%d structs", USDT_STRUCT_MAX);
	refused("more", 4, 1, one, "struct more is one too many, a provider "
	    "has at most 256");
	accepted("s100", 4, 1, one);
}

int
main(void)
{
	p = usdt_create_provider("structs", "m");
	test_accepted();
	test_layouts();
	test_names();
	test_sizes();
	test_fields();
	test_another_table();
	test_many();
	usdt_provider_free(p);
	return done_testing();
}
