/*
 * slips.c - which types, names and orders are noted as a slip?
 *
 * What is right, or another language's, is never noted.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <stdint.h>

#include "tap.h"
#include "scratch.h"
#include "core/provider.h"

static const struct {
	const char *type, *meant;	/* NULL: no slip */
} types[] = {
	/* two letters changed places, one is missing, wrong, or too many */
	{ "itn", "int" }, { "unsinged long", "unsigned" },
	{ "unsinged", "unsigned" }, { "cahr *", "char" }, { "chr *", "char" },
	{ "lnog", "long" }, { "inte", "int" }, { "logn long", "long" },
	{ "dobule", "double" }, { "doble", "double" }, { "flaot x", "float" },
	{ "uint23_t", "uint32_t" }, { "unit32_t", "uint32_t" },
	{ "uint32t", "uint32_t" }, { "sizet", "size_t" }, { "voif *", NULL },
	{ "viod *", "void" }, { "strcut request *r", "struct" },
	{ "const itn", "int" }, { "volatile const cahr *s", "char" },
	{ "cosnt char *s", "const" }, { "unsigmed", "unsigned" },
	{ "itn id", "int" }, { "itn : info_t", "int" },
	/* case, and a missing "_t" */
	{ "Int", "int" }, { "BOOL", "bool" }, { "uint32", "uint32_t" },
	{ "int64", "int64_t" }, { "size", "size_t" }, { "pid", "pid_t" },
	/* other languages */
	{ "string", "char *" }, { "str", "char *" }, { "integer", "int" },
	{ "boolean", "bool" }, { "u32", "uint32_t" }, { "i8", "int8_t" },
	{ "f64", "double" }, { "byte", "uint8_t" },
	/* what is right */
	{ "int", NULL }, { "unsigned long long", NULL }, { "char *", NULL },
	{ "const char *url", NULL }, { "void *", NULL }, { "bool", NULL },
	{ "uint", NULL }, { "u_int", NULL }, { "ulong", NULL },
	{ "off_t", NULL }, { "loff_t", NULL }, { "struct itn *", NULL },
	{ "enum itn", NULL }, { "union itn *", NULL }, { "int itn", NULL },
	{ "uint8_t key[16]", NULL }, { "int (*call)(itn)", NULL },
	/* what is unknown, and like nothing */
	{ "json", NULL }, { "std::string", NULL }, { "request_t *", NULL },
	{ "map<string>", NULL }, { "Vec<u8>", NULL }, { "id", NULL },
	{ "FILE *", NULL }, { "lua_State *", NULL }, { "VALUE", NULL },
	{ "object", NULL }, { "ant", NULL }, { "song", NULL }, { "char8", NULL },
	{ "ip_addr_t", NULL }, { "[]byte", NULL }, { "in", NULL }, { "it", NULL },
	{ "long double", NULL }, { "foat_t", NULL },
	{ "uint128_t", NULL }, { "int24_t", NULL }, { "node_t", NULL },
	{ "uuid_t", NULL }, { "timer_t", NULL }, { "tid_t", NULL },
	{ "block_t", NULL }, { "hint_t", NULL },
	{ "lang", NULL }
};

static usdt_provider_t *p;
static usdt_probedef_t *probe;
static usdt_status_t status;

static void
begin(const char *func, const char *name, const char *type)
{
	p = usdt_create_provider("slips", "m");
	probe = usdt_create_probe(func, name, type != NULL, &type);
	if (p == NULL || probe == NULL ||
	    usdt_provider_add_probe(p, probe) < 0) {
		printf("Bail out! %s\n", usdt_errstr(NULL));
		exit(1);
	}
}

static void
end(void)
{
	usdt_probe_release(probe);
	usdt_provider_free(p);
}

static void
test_types(void)
{
	char note[USDT_TEXT_SIZE], word[128];
	const char *type, *start;
	size_t i;

	for (i = 0; i < sizeof types / sizeof types[0]; i++) {
		type = types[i].type;
		note[0] = '\0';
		if (types[i].meant != NULL) {
			start = type;
			while (strncmp(start, "const ", 6) == 0 ||
			    strncmp(start, "volatile ", 9) == 0)
				start = strchr(start, ' ') + 1;
			snprintf(word, sizeof word, "%.*s",
			    (int)strcspn(start, " "), start);
			snprintf(note, sizeof note, "type 0 \"%s\" of probe n: "
			    "\"%s\" is unknown, and so a machine word; \"%s\" "
			    "is known", type, word, types[i].meant);
		}
		begin("f", "n", type);
		usdt_provider_status(p, &status);
		try(strcmp(status.note, note) == 0, "%s: the note is \"%s\"",
		    type, status.note);
		end();
	}
	ok_all("types that look misspelled are noted, and no others");
}

static void
test_order(void)
{
	static const struct {
		const char *func, *name;
		int swapped;
	} orders[] = {
		{ "request-start", "handle", 1 }, { "gc-done", "GC_run", 1 },
		{ "handle", "request-start", 0 }, { "handle", "start", 0 },
		{ "request-start", "request-start", 0 },
		{ "read-file", "entry", 0 }, { "read-file", "return", 0 },
		{ "read-file", "file__read", 0 }, { "Foo.bar-baz", "start", 0 },
		{ "operator-", "call", 1 }, { "-draw!", "call", 0 }
	};
	char note[USDT_TEXT_SIZE];
	size_t i;

	for (i = 0; i < sizeof orders / sizeof orders[0]; i++) {
		begin(orders[i].func, orders[i].name, NULL);
		usdt_provider_status(p, &status);
		snprintf(note, sizeof note, "probe %s of function %s: they look "
		    "swapped; usdt_create_probe takes the function first",
		    orders[i].name, orders[i].func);
		try((strstr(status.note, note) != NULL) == orders[i].swapped &&
		    (strstr(status.note, "swapped") != NULL) ==
		    orders[i].swapped, "%s, %s: the note is \"%s\"",
		    orders[i].func, orders[i].name, status.note);
		end();
	}
	ok_all("function and name that look swapped are noted");
}

static void
test_waiting(void)
{
	usdt_probedef_t *more[2];
	int i;

	begin("f", "n", NULL);
	usdt_provider_status(p, &status);
	is_str(status.note, "", "before the first enable nothing waits");
	is_int(usdt_provider_enable(p), 0, "it is enabled");
	usdt_provider_status(p, &status);
	is_str(status.note, "", "nothing waits");
	for (i = 0; i < 2; i++) {
		more[i] = usdt_create_probe("f", i == 0 ? "o" : "q", 0, NULL);
		usdt_provider_add_probe(p, more[i]);
		usdt_provider_status(p, &status);
		is_str(status.note, i == 0 ?
		    "1 probe waits for the next usdt_provider_enable" :
		    "2 probes wait for the next usdt_provider_enable",
		    "probes that were added later wait");
	}
	is_int(usdt_provider_enable(p), 0, "enable again");
	usdt_provider_status(p, &status);
	is_str(status.note, "", "nothing waits any more");
	usdt_probe_release(more[0]);
	usdt_probe_release(more[1]);
	end();
}

static void
test_strict(void)
{
	usdt_probedef_t *good;
	const char *type = "int";

	begin("f", "n", "itn");
	good = usdt_create_probe("f", "good", 1, &type);
	usdt_provider_add_probe(p, good);
	setenv("USDT_STRICT", "1", 1);
	is_int(usdt_provider_enable(p), -1, "USDT_STRICT: enable fails");
	is_str(usdt_errstr(p), "invalid argument: type 0 \"itn\" of probe n: "
	    "\"itn\" is unknown, and so a machine word; \"int\" is known",
	    "and says why");
	usdt_provider_status(p, &status);
	ok(!status.enabled && status.probes == 0 && status.images == 0,
	    "nothing is enabled");
	is_int(usdt_provider_remove_probe(p, probe), 0, "without that probe");
	is_int(usdt_provider_enable(p), 0, "enable succeeds");
	is_int(usdt_provider_add_probe(p, probe), 0, "with it again");
	is_int(usdt_provider_enable(p), -1, "the next enable fails");
	usdt_provider_status(p, &status);
	ok(status.enabled && status.probes == 1 && status.waiting == 1,
	    "and leaves the other enabled");
	setenv("USDT_STRICT", "0", 1);
	is_int(usdt_provider_enable(p), 0, "USDT_STRICT=0: enable succeeds");
	unsetenv("USDT_STRICT");
	usdt_probe_release(good);
	end();
	setenv("USDT_STRICT", "1", 1);
	begin("request-start", "handle", "json");
	is_int(usdt_provider_enable(p), 0, "names and other types are no error");
	end();
	setenv("USDT_DISABLE", "1", 1);
	begin("f", "n", "itn");
	is_int(usdt_provider_enable(p), 0, "nor is anything with USDT_DISABLE");
	end();
	unsetenv("USDT_DISABLE");
	unsetenv("USDT_STRICT");
}

/* What does enabling print on stderr? */
static void
said_by_enable(char *said, size_t size)
{
	char name[256];
	int fd, saved = dup(STDERR_FILENO);
	ssize_t n;

	snprintf(name, sizeof name, "%s/said", scratch);
	fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
	fflush(stderr);
	dup2(fd, STDERR_FILENO);
	usdt_provider_enable(p);
	dup2(saved, STDERR_FILENO);
	n = pread(fd, said, size - 1, 0);
	said[n < 0 ? 0 : n] = '\0';
	close(fd);
	close(saved);
	unlink(name);
}

static void
test_debug(void)
{
	char said[8192];

	begin("request-start", "handle", "itn");
	said_by_enable(said, sizeof said);
	is_str(said, "", "without USDT_DEBUG nothing is printed");
	usdt_provider_disable(p);
	setenv("USDT_DEBUG", "1", 1);
	said_by_enable(said, sizeof said);
	ok(strstr(said, "slip: type 0 \"itn\" of probe handle: \"itn\" is "
	    "unknown, and so a machine word; \"int\" is known\n") != NULL,
	    "USDT_DEBUG: the type");
	ok(strstr(said, "slip: probe handle of function request-start: they "
	    "look swapped; usdt_create_probe takes the function first\n") !=
	    NULL, "and the order");
	unsetenv("USDT_DEBUG");
	end();
}

int
main(void)
{
	scratch_begin();
	setenv("USDT_HELPER", "/nonexistent/helper", 1);
	unsetenv("USDT_DEBUG");
	unsetenv("USDT_DISABLE");
	unsetenv("USDT_STRICT");
	test_types();
	test_order();
	test_waiting();
	test_strict();
	test_debug();
	return done_testing();
}
