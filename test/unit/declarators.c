/*
 * declarators.c - what does core/declarator.c read in a type string?
 *
 * The tables are written by hand.  The last part asks the library: what has a
 * probe then, and what is an error?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "tap.h"
#include "core/provider.h"

/* --- by hand ------------------------------------------------------------- */

static const struct {
	const char *text;
	const char *name;	/* "": none */
	const char *type;	/* without the name */
	enum usdt__base base;
	int size;		/* on x86-64 */
	unsigned pointers;
	size_t elements;
} declared[] = {
	/* What strings without a name meant they still mean. */
	{ "int", "", "int", USDT__BASE_INTEGER, -4, 0, 0 },
	{ "char *", "", "char *", USDT__BASE_INTEGER, -1, 1, 0 },
	{ "char*", "", "char*", USDT__BASE_INTEGER, -1, 1, 0 },
	{ "const char *", "", "const char *", USDT__BASE_INTEGER, -1, 1, 0 },
	{ "char *const", "", "char *const", USDT__BASE_INTEGER, -1, 1, 0 },
	{ "char *restrict", "", "char *restrict", USDT__BASE_INTEGER, -1, 1,
	    0 },
	{ "char **", "", "char **", USDT__BASE_INTEGER, -1, 2, 0 },
	{ "char *const *", "", "char *const *", USDT__BASE_INTEGER, -1, 2, 0 },
	{ "unsigned", "", "unsigned", USDT__BASE_INTEGER, 4, 0, 0 },
	{ "unsigned long", "", "unsigned long", USDT__BASE_INTEGER, 8, 0, 0 },
	{ "long unsigned int", "", "long unsigned int", USDT__BASE_INTEGER, 8,
	    0, 0 },
	{ "const int", "", "const int", USDT__BASE_INTEGER, -4, 0, 0 },
	{ "int const", "", "int const", USDT__BASE_INTEGER, -4, 0, 0 },
	{ "size_t", "", "size_t", USDT__BASE_INTEGER, 8, 0, 0 },
	{ "uint8_t", "", "uint8_t", USDT__BASE_INTEGER, 1, 0, 0 },
	{ "bool", "", "bool", USDT__BASE_INTEGER, 1, 0, 0 },
	{ "_Bool", "", "_Bool", USDT__BASE_INTEGER, 1, 0, 0 },
	{ "struct request", "", "struct request", USDT__BASE_STRUCT, 0, 0, 0 },
	{ "struct request *", "", "struct request *", USDT__BASE_STRUCT, 0, 1,
	    0 },
	{ "const struct request *", "", "const struct request *",
	    USDT__BASE_STRUCT, 0, 1, 0 },
	{ "struct request const *", "", "struct request const *",
	    USDT__BASE_STRUCT, 0, 1, 0 },
	{ "union value", "", "union value", USDT__BASE_UNKNOWN, 8, 0, 0 },
	{ "enum color", "", "enum color", USDT__BASE_ENUM, -4, 0, 0 },
	{ "enum", "", "enum", USDT__BASE_ENUM, -4, 0, 0 },
	{ "void *", "", "void *", USDT__BASE_VOID, 0, 1, 0 },
	{ "void", "", "void", USDT__BASE_VOID, 0, 0, 0 },
	{ "double", "", "double", USDT__BASE_FLOAT, 8, 0, 0 },
	{ "float", "", "float", USDT__BASE_FLOAT, 4, 0, 0 },
	{ "long double", "", "long double", USDT__BASE_UNKNOWN, 8, 0, 0 },
	{ "myapp_request_t *", "", "myapp_request_t *", USDT__BASE_UNKNOWN, 8,
	    1, 0 },
	{ "myapp_id_t", "", "myapp_id_t", USDT__BASE_UNKNOWN, 8, 0, 0 },
	{ "const", "", "const", USDT__BASE_UNKNOWN, 8, 0, 0 },
	{ "struct", "", "struct", USDT__BASE_UNKNOWN, 8, 0, 0 },
	{ "uint8_t[16]", "", "uint8_t[16]", USDT__BASE_INTEGER, 1, 0, 16 },
	{ "int []", "", "int []", USDT__BASE_INTEGER, -4, 0, SIZE_MAX },
	{ "char[MAX]", "", "char[MAX]", USDT__BASE_INTEGER, -1, 0, SIZE_MAX },
	{ "int (*)(int)", "", "int (*)(int)", USDT__BASE_VOID, 0, 1, 0 },
	{ "int &", "", "int &", USDT__BASE_INTEGER, -4, 1, 0 },
	/* What is not C is a word. */
	{ "std::string", "", "std::string", USDT__BASE_UNKNOWN, 8, 0, 0 },
	{ "std::string &", "", "std::string &", USDT__BASE_UNKNOWN, 8, 0, 0 },
	{ "Foo<int>", "", "Foo<int>", USDT__BASE_UNKNOWN, 8, 0, 0 },
	{ "my own thing", "", "my own thing", USDT__BASE_UNKNOWN, 8, 0, 0 },
	{ "?", "", "?", USDT__BASE_UNKNOWN, 8, 0, 0 },
	{ "json-1.0", "", "json-1.0", USDT__BASE_UNKNOWN, 8, 0, 0 },
	{ "16", "", "16", USDT__BASE_UNKNOWN, 8, 0, 0 },
	{ "return int", "", "return int", USDT__BASE_UNKNOWN, 8, 0, 0 },
	/* Names. */
	{ "int id", "id", "int", USDT__BASE_INTEGER, -4, 0, 0 },
	{ "int  id ", "id", "int", USDT__BASE_INTEGER, -4, 0, 0 },
	{ "int const id", "id", "int const", USDT__BASE_INTEGER, -4, 0, 0 },
	{ "const int id", "id", "const int", USDT__BASE_INTEGER, -4, 0, 0 },
	{ "unsigned n", "n", "unsigned", USDT__BASE_INTEGER, 4, 0, 0 },
	{ "unsigned char c", "c", "unsigned char", USDT__BASE_INTEGER, 1, 0,
	    0 },
	{ "long time", "time", "long", USDT__BASE_INTEGER, -8, 0, 0 },
	{ "long long int x", "x", "long long int", USDT__BASE_INTEGER, -8, 0,
	    0 },
	{ "short int _s", "_s", "short int", USDT__BASE_INTEGER, -2, 0, 0 },
	{ "signed char c9", "c9", "signed char", USDT__BASE_INTEGER, -1, 0, 0 },
	{ "size_t len", "len", "size_t", USDT__BASE_INTEGER, 8, 0, 0 },
	{ "pid_t pid", "pid", "pid_t", USDT__BASE_INTEGER, -4, 0, 0 },
	{ "bool on", "on", "bool", USDT__BASE_INTEGER, 1, 0, 0 },
	{ "_Bool on", "on", "_Bool", USDT__BASE_INTEGER, 1, 0, 0 },
	{ "uint64_t int_id", "int_id", "uint64_t", USDT__BASE_INTEGER, 8, 0,
	    0 },
	{ "char *url", "url", "char *", USDT__BASE_INTEGER, -1, 1, 0 },
	{ "char* url", "url", "char*", USDT__BASE_INTEGER, -1, 1, 0 },
	{ "char*url", "url", "char*", USDT__BASE_INTEGER, -1, 1, 0 },
	{ "char * url", "url", "char *", USDT__BASE_INTEGER, -1, 1, 0 },
	{ "const char *url", "url", "const char *", USDT__BASE_INTEGER, -1, 1,
	    0 },
	{ "char *const url", "url", "char *const", USDT__BASE_INTEGER, -1, 1,
	    0 },
	{ "char *restrict url", "url", "char *restrict", USDT__BASE_INTEGER,
	    -1, 1, 0 },
	{ "char **argv", "argv", "char **", USDT__BASE_INTEGER, -1, 2, 0 },
	{ "char *const *argv", "argv", "char *const *", USDT__BASE_INTEGER, -1,
	    2, 0 },
	{ "void *p", "p", "void *", USDT__BASE_VOID, 0, 1, 0 },
	{ "double took", "took", "double", USDT__BASE_FLOAT, 8, 0, 0 },
	{ "float ratio", "ratio", "float", USDT__BASE_FLOAT, 4, 0, 0 },
	{ "long double x", "x", "long double", USDT__BASE_UNKNOWN, 8, 0, 0 },
	{ "struct request *req", "req", "struct request *", USDT__BASE_STRUCT,
	    0, 1, 0 },
	{ "struct request req", "req", "struct request", USDT__BASE_STRUCT, 0,
	    0, 0 },
	{ "const struct request *const req", "req",
	    "const struct request *const", USDT__BASE_STRUCT, 0, 1, 0 },
	{ "struct request **req", "req", "struct request **",
	    USDT__BASE_STRUCT, 0, 2, 0 },
	{ "enum color c", "c", "enum color", USDT__BASE_ENUM, -4, 0, 0 },
	{ "union value v", "v", "union value", USDT__BASE_UNKNOWN, 8, 0, 0 },
	{ "myapp_request_t *req", "req", "myapp_request_t *",
	    USDT__BASE_UNKNOWN, 8, 1, 0 },
	{ "myapp_id_t id", "id", "myapp_id_t", USDT__BASE_UNKNOWN, 8, 0, 0 },
	{ "const myapp_id_t id", "id", "const myapp_id_t", USDT__BASE_UNKNOWN,
	    8, 0, 0 },
	{ "uint8_t b[16]", "b", "uint8_t [16]", USDT__BASE_INTEGER, 1, 0, 16 },
	{ "uint8_t b [ 0x10 ]", "b", "uint8_t  [ 0x10 ]", USDT__BASE_INTEGER,
	    1, 0, 16 },
	{ "char host[]", "host", "char []", USDT__BASE_INTEGER, -1, 0,
	    SIZE_MAX },
	{ "char *lines[4]", "lines", "char *[4]", USDT__BASE_INTEGER, -1, 1,
	    4 },
	{ "int (*call)(int, char *)", "call", "int (*)(int, char *)",
	    USDT__BASE_VOID, 0, 1, 0 },
	{ "void (*call)(void)", "call", "void (*)(void)", USDT__BASE_VOID, 0,
	    1, 0 },
	{ "int (*row)[4]", "row", "int (*)[4]", USDT__BASE_VOID, 0, 1, 0 },
	{ "int &count", "count", "int &", USDT__BASE_INTEGER, -4, 1, 0 },
	{ "string url", "url", "string", USDT__BASE_UNKNOWN, 8, 0, 0 },
	/* Translated types. */
	{ "struct request *req : reqinfo_t *", "req", "struct request *",
	    USDT__BASE_STRUCT, 0, 1, 0 },
	{ "struct request * : reqinfo_t *", "", "struct request *",
	    USDT__BASE_STRUCT, 0, 1, 0 },
	{ "int id:id_t", "id", "int", USDT__BASE_INTEGER, -4, 0, 0 },
};

/* What begins as a declaration and is none, and a part of the error's text. */
static const struct {
	const char *text, *why;
} refused[] = {
	{ "int request-id", "at \"-id\"" },
	{ "int 2x", "a name has letters" },
	{ "int gr\xc3\xb6\xc3\x9f" "e", "nothing may follow the name" },
	{ "int x y", "nothing may follow the name, at \"y\"" },
	{ "char *x y", "nothing may follow the name" },
	{ "char *x, int y", "nothing may follow the name" },
	{ "int, int", "a name has letters" },
	{ "int for", "a word of C's can't be a name" },
	{ "char *while", "a word of C's can't be a name" },
	{ "struct request *struct", "a word of C's can't be a name" },
	{ "myapp_t *int", "a word of C's can't be a name" },
	{ "void *void", "a word of C's can't be a name" },
	{ "size_t _Bool", "a word of C's can't be a name" },
	{ "int x[", "a number of elements" },
	{ "int x[0]", "a number of elements" },
	{ "int x[-1]", "a number of elements" },
	{ "int x[4", "'[' needs a number and ']'" },
	{ "int x[4 4]", "'[' needs a number and ']'" },
	{ "int x[99999999999999999999999]", "an array is too long" },
	{ "int (x)", "a '*' is expected" },
	{ "int (*x", "'(' needs its ')'" },
	{ "int (*x)(int", "a bracket is not closed" },
	{ "int x;", "nothing may follow the name" },
	{ "int x = 4", "nothing may follow the name" },
	{ "int x : 4 : 4", "one type on each side" },
	{ "int x :", "one type on each side" },
	{ " : int", "one type on each side" },
};

static const struct usdt__arch *
arch(const char *name)
{
	size_t i;

	for (i = 0; i < usdt__arch_count; i++)
		if (strcmp(usdt__archs[i].name, name) == 0)
			return &usdt__archs[i];
	printf("Bail out! no row for %s\n", name);
	exit(1);
}

/* Do both say the same of one string? */
static int
is_same(const struct usdt__declarator *a, const struct usdt__declarator *b)
{
	return a->text == b->text && a->base == b->base && a->size == b->size &&
	    a->pointers == b->pointers && a->dimensions == b->dimensions &&
	    a->elements == b->elements && a->name == b->name &&
	    a->name_length == b->name_length && a->tag == b->tag &&
	    a->tag_length == b->tag_length &&
	    a->translated == b->translated &&
	    a->type_length == b->type_length;
}

static void
check_declared(void)
{
	struct usdt__kept_declarator kept;
	struct usdt__declarator got, again;
	struct usdt__why why;
	char type[128];
	size_t i;

	for (i = 0; i < sizeof declared / sizeof declared[0]; i++) {
		const char *text = declared[i].text;

		if (!try(usdt__declarator_parse(&got, text, 3, arch("x86_64"),
		    &why) == 0, "\"%s\": %s", text, why.text))
			continue;
		try(got.name_length == strlen(declared[i].name) &&
		    memcmp(got.name_length ? got.name : "", declared[i].name,
		    got.name_length) == 0, "\"%s\" has the name \"%.*s\"",
		    text, (int)got.name_length, got.name);
		try(usdt__declarator_type(&got, type) == strlen(type) &&
		    strcmp(type, declared[i].type) == 0,
		    "\"%s\" has the type \"%s\"", text, type);
		try(got.base == declared[i].base &&
		    got.size == declared[i].size &&
		    got.pointers == declared[i].pointers &&
		    got.elements == declared[i].elements,
		    "\"%s\": base %d, size %d, %u pointers, %zu elements",
		    text, (int)got.base, got.size, got.pointers,
		    got.elements);
		usdt__declarator_keep(&got, &kept);
		usdt__declarator_get(&again, &kept, text, arch("x86_64"));
		try(is_same(&got, &again), "\"%s\" is kept as something else", text);
	}
	ok_all("%zu spellings", i);
}

static void
check_refused(void)
{
	struct usdt__declarator got;
	struct usdt__why why;
	size_t i;

	for (i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		if (!try(usdt__declarator_parse(&got, refused[i].text, 3,
		    arch("x86_64"), &why) < 0, "\"%s\" is taken",
		    refused[i].text))
			continue;
		try(strstr(why.text, refused[i].why) != NULL &&
		    strncmp(why.text, "type 3 \"", 8) == 0,
		    "\"%s\": %s", refused[i].text, why.text);
	}
	ok_all("texts that only begin like a declaration");
}

/* Plain char is text to tracers; signed and unsigned char are numbers. */
static void
check_char(void)
{
	static const struct {
		const char *text;
		int is_char;
	} cases[] = {
		{ "char c", 1 }, { "const char *p", 1 }, { "char const a[4]", 1 },
		{ "char *unsigned_name", 1 }, { "char signed_by", 1 },
		{ "unsigned char c", 0 }, { "signed char c", 0 },
		{ "unsigned c", 0 }, { "wchar_t c", 0 }, { "int c", 0 },
	};
	struct usdt__declarator got;
	struct usdt__why why;
	size_t i;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++)
		try(usdt__declarator_parse(&got, cases[i].text, 0,
		    arch("x86_64"), &why) == 0 &&
		    usdt__declarator_is_char(&got) == cases[i].is_char,
		    "\"%s\"", cases[i].text);
	ok_all("plain char");
}

/* --- by a probe ---------------------------------------------------------- */

/* What a probe's arguments declare is as if it is read, for any processor. */
static void
check_arguments(const usdt_probedef_t *probe)
{
	struct usdt__declarator got, wanted;
	size_t i, k;

	for (i = 0; i < usdt__arch_count; i++)
		for (k = 0; k < probe->argc; k++) {
			usdt__argument(probe, k, &usdt__archs[i], &got);
			try(usdt__declarator_parse(&wanted, probe->types[k], k,
			    &usdt__archs[i], NULL) == 0 &&
			    is_same(&got, &wanted), "%s: argument %zu of %zu, "
			    "\"%s\"", usdt__archs[i].name, k, probe->argc,
			    probe->types[k]);
		}
}

static void
check_probe(void)
{
	const char *types[] = { "int id", "char *url",
	    "struct request *req : reqinfo_t *", "size_t" };
	const char *arrays[] = { "long numbers[3]", "const char *const name",
	    "unsigned long" };
	const char *twice[] = { "int id", "char *", "char *id" };
	const char *bad[] = { "int", "int request-id" };
	usdt_probedef_t *probe = usdt_create_probe("f", "p", 4, types);
	char *const *dof;
	size_t i;

	if (!ok(probe != NULL, "a probe with names: %s", usdt_errstr(NULL)))
		return;
	for (i = 0; i < 4; i++)
		try(strcmp(probe->types[i], types[i]) == 0,
		    "types[%zu] is \"%s\"", i, probe->types[i]);
	ok_all("its definition keeps the caller's texts");
	dof = probe->state->dof_types;
	ok(strcmp(dof[0], "int") == 0 && strcmp(dof[1], "char *") == 0 &&
	    strcmp(dof[2], "struct request *") == 0 &&
	    strcmp(dof[3], "size_t") == 0, "DOF gets the types without names");
	ok(strcmp(dof[4], "int") == 0 && strcmp(dof[5], "char *") == 0 &&
	    strcmp(dof[6], "reqinfo_t *") == 0 &&
	    strcmp(dof[7], "size_t") == 0, "and the translated types");
	ok(probe->state->named && probe->state->translated, "it is named");
	check_arguments(probe);
	usdt_probe_release(probe);
	for (i = 0; i < 2; i++) {
		probe = usdt_create_probe("f", "p", 2, &arrays[i]);
		check_arguments(probe);
		usdt_probe_release(probe);
	}
	ok_all("its arguments are as read");

	probe = usdt_create_probe("f", "p", 1, (const char *[]){ "int" });
	ok(probe != NULL && !probe->state->named &&
	    probe->state->dof_types == (char *const *)probe->types,
	    "without names nothing is kept twice");
	usdt_probe_release(probe);
	ok(usdt_create_probe("f", "p", 3, twice) == NULL &&
	    strcmp(usdt_errstr(NULL), "invalid argument: type 2 \"char *id\" "
	    "has a name that another argument has") == 0,
	    "a name twice: %s", usdt_errstr(NULL));
	ok(usdt_create_probe("f", "p", 2, bad) == NULL &&
	    strstr(usdt_errstr(NULL), "type 1 \"int request-id\" is no "
	    "declaration of C") != NULL, "no C: %s", usdt_errstr(NULL));
}

int
main(void)
{
	check_declared();
	check_refused();
	check_char();
	check_probe();
	return done_testing();
}
