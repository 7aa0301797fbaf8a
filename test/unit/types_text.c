/*
 * types_text.c - which C text do structs and probes become?
 *
 * The texts are written by hand.  test/types.t shows them to compilers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "tap.h"
#include "core/provider.h"

#define COUNT(table)	(sizeof (table) / sizeof (table)[0])
#define MOST		16
#if UINTPTR_MAX > UINT32_MAX
#define HRTIME	"typedef long hrtime_t;\n"
#define ULONG	"typedef unsigned long ulong_t;\n"
#else
#define HRTIME	"typedef long long hrtime_t;\n"
#define ULONG	"typedef unsigned int ulong_t;\n"
#endif

static usdt_provider_t *p;
static usdt_probedef_t *probes[MOST];
static size_t probe_count;

/* --- building ------------------------------------------------------------- */

struct collector {
	struct usdt__sink sink;
	char text[65536];
	size_t length;
};

static int
collect(struct usdt__sink *sink, const uint8_t *bytes, size_t size)
{
	struct collector *c = (struct collector *)sink;

	if (size > sizeof c->text - c->length)
		return -1;
	memcpy(c->text + c->length, bytes, size);
	c->length += size;
	return 0;
}

/* The text of all that there is, built through a window of WINDOW bytes. */
static const char *
built(size_t window)
{
	static struct collector c;
	static uint64_t buffer[8192];
	const struct usdt__description description = {
		.provider = "p", .module = "m",
		.count = probe_count, .probes = probes,
		.gate_count = probe_count,
		.structs = p->state->structs.count > 0 ?
		    &p->state->structs : NULL,
		.typed = 1
	};

	memset(&c, 0, sizeof c);
	c.sink.buffer = (uint8_t *)buffer;
	c.sink.size = window;
	c.sink.drain = collect;
	usdt__types_emit(&description, usdt__native_arch(), &c.sink);
	try(usdt__sink_end(&c.sink) == 0 && strlen(c.text) == c.length - 1,
	    "%zu bytes through a window of %zu", c.length, window);
	return c.text;
}

static void
is_text(const char *expected, const char *what)
{
	size_t window;

	is_str(built(sizeof(uint64_t) * 8192), expected, "%s", what);
	for (window = 8; window <= 256; window += 8)
		try(strcmp(built(window), expected) == 0, "window %zu",
		    window);
	ok_all("the same through any window");
}

static void
begin(void)
{
	p = usdt_create_provider("types", "m");
}

static void
end(void)
{
	while (probe_count > 0)
		usdt_probe_release(probes[--probe_count]);
	usdt_provider_free(p);
}

static void
probe(const char *name, size_t argc, const char **types)
{
	probes[probe_count] = usdt_create_probe("f", name, argc, types);
	if (probes[probe_count++] == NULL) {
		printf("Bail out! %s\n", usdt_errstr(NULL));
		exit(1);
	}
}

static void
add(const char *name, size_t size, size_t count, const usdt_field_t *fields)
{
	if (usdt_provider_add_struct(p, name, size, count, fields) < 0) {
		printf("Bail out! %s\n", usdt_errstr(p));
		exit(1);
	}
}

/* --- structs -------------------------------------------------------------- */

struct peer {
	char host[16];
	unsigned short port;
};

struct request {
	int id;
	char *url;
	struct peer peer, more[2];
	struct request *next;
	struct session *session;
	enum { RED } color, *colors;
	int (*compare)(const void *, const void *);
};

static void
test_structs(void)
{
	static const usdt_field_t peer[] = {
		USDT_FIELD(struct peer, host, "char host[16]"),
		USDT_FIELD(struct peer, port, "unsigned short port"),
	};
	static const usdt_field_t request[] = {
		USDT_FIELD(struct request, compare,
		    "int (*compare)(const void *, const void *)"),
		USDT_FIELD(struct request, url, " const char  * url "),
		USDT_FIELD(struct request, id, "int id"),
		USDT_FIELD(struct request, peer, "struct my_peer peer"),
		USDT_FIELD(struct request, more, "struct my_peer more[0x2]"),
		USDT_FIELD(struct request, next, "struct my_request *next"),
		USDT_FIELD(struct request, session, "struct session *session"),
		USDT_FIELD(struct request, color, "enum color color"),
		USDT_FIELD(struct request, colors, "enum color *colors"),
	};

	begin();
	is_text("", "without probes and structs there is no text");
	add("my_peer", sizeof(struct peer), COUNT(peer), peer);
	add("my_request", sizeof(struct request), COUNT(request), request);
	is_text("struct my_peer { char host[16]; unsigned short port; };\n"
	    "struct session;\n"
	    "struct my_request { int id; const char  *url; "
	    "struct my_peer peer; struct my_peer more[2]; "
	    "struct my_request *next; struct session *session; int color; "
	    "enum color *colors; void *compare; };\n",
	    "structs as a compiler lays them out have no padding");
	end();
}

static void
test_padding(void)
{
	static const usdt_field_t gaps[] = {
		{ "int a", 8 }, { "char b", 20 }, { "short c", 24 }
	};
	static const usdt_field_t unaligned[] = {
		{ "int a", 1 }, { "int b", 6 }
	};
	static const usdt_field_t outer[] = {
		{ "char a", 0 }, { "struct unaligned b", 1 },
		{ "struct gaps c", 16 }
	};

	begin();
	add("gaps", 32, COUNT(gaps), gaps);
	add("unaligned", 13, COUNT(unaligned), unaligned);
	add("outer", 48, COUNT(outer), outer);
	is_text("struct gaps { char __pad0[8]; int a; char __pad12[8]; "
	    "char b; char __pad21[3]; short c; char __pad26[6]; };\n"
	    "struct unaligned { char __pad0[1]; int a; char __pad5[1]; "
	    "int b; char __pad10[3]; } __attribute__((packed));\n"
	    "struct outer { char a; struct unaligned b; struct gaps c; };\n",
	    "gaps that a compiler would not leave are members");
	end();
}

/* --- probes --------------------------------------------------------------- */

static void
test_probes(void)
{
	static const usdt_field_t fields[] = { { "int a", 0 } };
	static const char *types[] = {
		"int id", "char *url", "struct req *", "double took"
	};
	static const char *kinds[] = {
		"const char *const", "uint8_t key[16]", "uint8_t [0x10]",
		"int b[N]", "int grid[2][3]", "int grids[2][N]",
		"int (*compare)(int, foo_t)", "void *", "void", "long double",
		"std::string", "Foo<int> *", "foo_t &ref", "struct far *f",
		"struct far by_value", "struct far list[3]", "struct req reqs[3]",
		"enum", "enum color c", "union u *u", "union u by_value2",
		"bar_t", "foo_t", "hrtime_t t", "boolean_t *flag",
		"__int128 big", "const", "struct req *r : reqinfo_t *",
		"unsigned", "signed char", "void *(*alloc)(long)", "void *v[2]"
	};
	static const char *more[] = {
		"foo_t &ref", "uchar_t u1", "ushort_t u2", "uint_t u4",
		"ulong_t u", "long double **deep"
	};

	begin();
	add("req", 4, 1, fields);
	probe("plain", 0, NULL);
	probe("request-start", 4, types);
	probe("request__done", 4, types);
	probe("a.b", 1, types);
	is_text("struct req { int a; };\n"
	    "void plain(void);\n"
	    "typedef void __args1(int id, char *url, struct req *arg2, "
	    "double took);\n"
	    "__args1 request__start,request__done;\n"
	    "void a.b(int id);\n", "probes of named arguments");
	while (probe_count > 0)
		usdt_probe_release(probes[--probe_count]);
	probe("kinds", COUNT(kinds), kinds);
	probe("again", COUNT(more), more);
	is_text("struct req { int a; };\n"
	    "typedef unsigned long foo_t;\n"
	    "struct far;\n"
	    "union u;\n"
	    "typedef unsigned long bar_t;\n"
	    HRTIME
	    "typedef int boolean_t;\n"
	    "void kinds(const char *const arg0, uint8_t key[16], "
	    "uint8_t arg2[16], int b[], int grid[2][3], int grids[], "
	    "void *compare, void *arg7, unsigned long arg8, "
	    "unsigned long arg9, unsigned long arg10, unsigned long arg11, "
	    "foo_t *ref, struct far *f, unsigned long by_value, void *list, "
	    "struct req reqs[3], int arg17, enum color c, union u *u, "
	    "unsigned long by_value2, bar_t arg21, foo_t arg22, "
	    "hrtime_t t, boolean_t *flag, unsigned long big, "
	    "unsigned long arg26, struct req *r, unsigned arg28, "
	    "signed char arg29, void *alloc, void *v[2]);\n"
	    "typedef unsigned char uchar_t;\n"
	    "typedef unsigned short ushort_t;\n"
	    "typedef unsigned int uint_t;\n"
	    ULONG
	    "void again(foo_t *ref, uchar_t u1, ushort_t u2, uint_t u4, "
	    "ulong_t u, void **deep);\n", "arguments of all kinds");
	end();
}

/* Texts as long as they may be, and maybe more names than are remembered. */
static void
test_long(void)
{
	static char texts[USDT_ARG_MAX][128], expected[65536], rest[65536];
	const char *types[USDT_ARG_MAX], *line, *next;
	char declared[160];
	size_t i, n, declarations = 0;

	begin();
	for (i = 0; i < USDT_ARG_MAX; i++) {
		n = (size_t)sprintf(texts[i], "type_%zu_", i);
		memset(texts[i] + n, 'x', 127 - n);
		types[i] = texts[i];
	}
	probe("long-ones", USDT_ARG_MAX, types);
	probe("more", 1, types);
	n = (size_t)sprintf(expected, "void long__ones(");
	for (i = 0; i < USDT_ARG_MAX; i++)
		n += (size_t)sprintf(expected + n, "%s%s arg%zu",
		    i > 0 ? ", " : "", texts[i], i);
	sprintf(expected + n, ");\nvoid more(%s arg0);\n", texts[0]);
	n = 0;
	for (line = built(4096); *line != '\0'; line = next) {
		next = strchr(line, '\n') + 1;
		if (strncmp(line, "typedef ", 8) == 0) {
			declarations++;
			continue;
		}
		memcpy(rest + n, line, (size_t)(next - line));
		n += (size_t)(next - line);
	}
	rest[n] = '\0';
	is_str(rest, expected, "the longest types");
	ok(declarations >= USDT_ARG_MAX, "%zu declarations", declarations);
	for (i = 0; i < USDT_ARG_MAX; i++) {
		snprintf(declared, sizeof declared,
		    "typedef unsigned long %.127s;\n", texts[i]);
		line = strstr(built(4096), declared);
		try(line != NULL && line < strstr(built(4096), "void "),
		    "%s is not declared first", texts[i]);
	}
	ok_all("each name before its use");
	end();
}

int
main(void)
{
	test_structs();
	test_padding();
	test_probes();
	test_long();
	return done_testing();
}
