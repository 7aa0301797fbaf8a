/*
 * api.c - does each public call do what usdt.h promises, with any arguments and
 * at any time, and report it in the words that callers match on?
 *
 * random_calls.c has random sequences of calls; gate.c, environment.c and
 * helper.c have tracers and the environment.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tap.h"
#include "scratch.h"
#include "core/provider.h"

static const char *const two_types[] = { "int", "char *" };

static usdt_provider_t *
new_provider(void)
{
	static int number;
	char name[16];
	usdt_provider_t *p;

	snprintf(name, sizeof name, "prov%dx", number++);
	p = usdt_create_provider(name, "mod");
	if (p == NULL) {
		printf("Bail out! %s\n", usdt_errstr(NULL));
		exit(1);
	}
	return p;
}

static usdt_probedef_t *
new_probe(const char *func, const char *name)
{
	usdt_probedef_t *def = usdt_create_probe(func, name, 2,
	    (const char **)two_types);

	if (def == NULL) {
		printf("Bail out! %s\n", usdt_errstr(NULL));
		exit(1);
	}
	return def;
}

static void
is_status(const usdt_provider_t *p, int enabled, unsigned probes,
    unsigned waiting, const char *when)
{
	usdt_status_t status;

	memset(&status, 0x55, sizeof status);
	is_int(usdt_provider_status(p, &status), 0, "%s: status", when);
	ok(status.enabled == enabled && status.probes == probes &&
	    status.waiting == waiting, "%s: enabled %d, probes %u, waiting %u",
	    when, enabled, probes, waiting);
	if (status.enabled != enabled || status.probes != probes ||
	    status.waiting != waiting)
		note("  %d %u %u", status.enabled, status.probes,
		    status.waiting);
}

/* --- birth -------------------------------------------------------------- */

static void
test_birth(void)
{
	char name[] = "prov", module[] = "mod";
	usdt_provider_t *p = usdt_create_provider(name, module);

	name[0] = module[0] = 'X';
	is_str(p->name, "prov", "a provider has its own copy of the name");
	is_str(p->module, "mod", "and of the module");
	is_str(usdt_errstr(p), "", "no call has failed yet");
	is_status(p, 0, 0, 0, "a new provider");
	is_str(usdt_errstr(p), "", "asking for the status is no failure");
	usdt_provider_free(p);
}

static void
test_probe_birth(void)
{
	char func[] = "func", name[] = "na-me", int_type[] = "int",
	    text_type[] = "char *";
	const char *types[] = { int_type, text_type };
	usdt_probedef_t *def = usdt_create_probe(func, name, 2, types);

	func[0] = name[0] = int_type[0] = text_type[0] = 'X';
	types[0] = types[1] = NULL;
	is_str(def->function, "func", "a probe has its own copy of the "
	    "function's name");
	is_str(def->name, "na-me", "of its name, in the caller's spelling");
	is_int((long long)def->argc, 2, "of the number of arguments");
	is_str(def->types[0], "int", "of the first type");
	is_str(def->types[1], "char *", "of the second");
	ok(def->probe != NULL, "and something to fire");
	is_int(usdt_is_enabled(def->probe), 0, "which is not enabled");
	is_int(usdt_probe_enabled(def), 0, "nor does the inline test say so");
	usdt_fire_probe(def->probe, 0, NULL);
	usdt_probe_fire(def, 0, NULL);
	ok(1, "firing it does nothing");
	usdt_probe_release(def);

	def = usdt_create_probe("f", "n", 0, NULL);
	ok(def != NULL && def->argc == 0 && def->types != NULL,
	    "no arguments need no types");
	usdt_probe_release(def);
}

/* --- what can't be created ---------------------------------------------- */

static void
no_provider(const char *name, const char *module, const char *text)
{
	ok(usdt_create_provider(name, module) == NULL, "no provider: %s",
	    text);
	is_str(usdt_errstr(NULL), text, "and that is the text");
}

static void
test_bad_providers(void)
{
	no_provider(NULL, "m", "invalid argument: provider name is NULL");
	no_provider("p", NULL, "invalid argument: module name is NULL");
	no_provider(NULL, NULL, "invalid argument: provider name is NULL");
	no_provider("", "m", "invalid argument: provider name is empty");
	no_provider("a/b", "m", "invalid argument: provider name \"a/b\" "
	    "holds '/': only letters, digits and ._-+ are accepted, tracers "
	    "cut names elsewhere");
	no_provider("p", "..", "invalid argument: module name may not be "
	    "\"..\": it becomes part of a path");
	no_provider("p", "100%s%n", "invalid argument: module name "
	    "\"100%s%n\" holds '%': only letters, digits and ._-+ are accepted, "
	    "tracers cut names elsewhere");
}

static void
no_probe(const char *func, const char *name, size_t argc, const char **types,
    const char *text)
{
	ok(usdt_create_probe(func, name, argc, types) == NULL, "no probe: %s",
	    text);
	is_str(usdt_errstr(NULL), text, "and that is the text");
}

static void
test_bad_probes(void)
{
	const char *types[40];
	usdt_probedef_t *def;
	int i;

	for (i = 0; i < 40; i++)
		types[i] = "int";
	no_probe(NULL, "n", 0, NULL,
	    "invalid argument: function name is NULL");
	no_probe("f", NULL, 0, NULL, "invalid argument: probe name is NULL");
	no_probe("f", "n", 1, NULL,
	    "invalid argument: types is NULL for 1 arguments");
	no_probe("f", "n", 33, types, "invalid argument: probe n has 33 "
	    "arguments, at most 32 are accepted");
	no_probe("f", "n", 33, NULL, "invalid argument: probe n has 33 "
	    "arguments, at most 32 are accepted");
	no_probe("f", "n", (size_t)-1, types, sizeof(size_t) == 8 ?
	    "invalid argument: probe n has 18446744073709551615 arguments, "
	    "at most 32 are accepted" : "invalid argument: probe n has "
	    "4294967295 arguments, at most 32 are accepted");
	types[31] = NULL;
	no_probe("f", "n", 32, types, "invalid argument: type 31 is NULL");
	types[31] = "";
	no_probe("f", "n", 32, types, "invalid argument: type 31 is empty");
	no_probe("a b", "n", 0, NULL, "invalid argument: function name "
	    "\"a b\" holds \\x20: '/', ':', blanks and control "
	    "characters are not accepted, tracers cut names there");
	no_probe("f", "a_-b", 0, NULL, "invalid argument: probe name "
	    "\"a_-b\" holds \"_-\": SDT notes write '-' as \"__\", and "
	    "nobody could tell which is meant");
	types[31] = "int";
	def = usdt_create_probe("f", "n", 32, types);
	ok(def != NULL && def->argc == 32, "32 arguments are accepted");
	usdt_probe_release(def);
}

/* --- nothing ------------------------------------------------------------ */

static void
test_null(void)
{
	usdt_provider_t *p = new_provider();
	usdt_probedef_t *def = new_probe("f", "n");
	usdt_status_t status;

	usdt_provider_free(NULL);
	usdt_probe_release(NULL);
	usdt_fire_probe(NULL, 0, NULL);
	is_int(usdt_is_enabled(NULL), 0, "no probe is not enabled");
	is_int(usdt_provider_enable(NULL), -1, "no provider: enable");
	is_str(usdt_errstr(NULL), "invalid argument: provider is NULL",
	    "and its text");
	is_int(usdt_provider_disable(NULL), -1, "no provider: disable");
	is_int(usdt_provider_add_probe(NULL, def), -1, "no provider: add");
	is_int(usdt_provider_add_probe(NULL, NULL), -1, "nothing: add");
	is_int(usdt_provider_remove_probe(NULL, def), -1,
	    "no provider: remove");
	is_int(usdt_provider_status(NULL, &status), -1, "no provider: status");
	is_str(usdt_errstr(NULL), "invalid argument: provider is NULL",
	    "and its text");
	is_int(usdt_provider_add_probe(p, NULL), -1, "no probe: add");
	is_str(usdt_errstr(p), "invalid argument: probe is NULL",
	    "and its text");
	is_int(usdt_provider_remove_probe(p, NULL), -1, "no probe: remove");
	is_str(usdt_errstr(p), "invalid argument: probe is NULL",
	    "and its text");
	is_int(usdt_provider_status(p, NULL), -1, "no status");
	is_status(p, 0, 0, 0, "after all that");
	usdt_probe_release(def);
	usdt_provider_free(p);
}

/* --- texts -------------------------------------------------------------- */

static void
test_texts(void)
{
	usdt_provider_t *p = new_provider();
	char huge[2000], *text;

	/* The words of libusdt 1.x. */
	usdt_error(p, USDT_ERROR_MALLOC);
	is_str(usdt_errstr(p), "failed to allocate memory", "MALLOC");
	usdt_error(p, USDT_ERROR_VALLOC);
	is_str(usdt_errstr(p), "failed to allocate page-aligned memory",
	    "VALLOC");
	usdt_error(p, USDT_ERROR_NOPROBES);
	is_str(usdt_errstr(p), "no probes defined", "NOPROBES");
	usdt_error(p, USDT_ERROR_LOADDOF, "why");
	is_str(usdt_errstr(p), "failed to load DOF: why", "LOADDOF");
	usdt_error(p, USDT_ERROR_ALREADYENABLED);
	is_str(usdt_errstr(p), "provider is already enabled",
	    "ALREADYENABLED");
	usdt_error(p, USDT_ERROR_UNLOADDOF, "why");
	is_str(usdt_errstr(p), "failed to unload DOF: why", "UNLOADDOF");
	usdt_error(p, USDT_ERROR_DUP_PROBE, "p", "m", "f", "n");
	is_str(usdt_errstr(p), "probe named p:m:f:n already exists",
	    "DUP_PROBE");
	usdt_error(p, USDT_ERROR_REMOVE_PROBE, "p", "m", "f", "n");
	is_str(usdt_errstr(p), "failed to remove probe p:m:f:n",
	    "REMOVE_PROBE");

	usdt_error(p, USDT_ERROR_INVALID, "why");
	is_str(usdt_errstr(p), "invalid argument: why", "INVALID");
	usdt_error(p, USDT_ERROR_INVALID, "\033[2J\n\177");
	is_str(usdt_errstr(p), "invalid argument: ?[2J??",
	    "control characters are replaced");
	usdt_error(p, USDT_ERROR_OWNED, "n");
	is_str(usdt_errstr(p), "probe n is in a provider already", "OWNED");
	usdt_error(p, USDT_ERROR_IMAGE, "why");
	is_str(usdt_errstr(p), "failed to place the probe image: why",
	    "IMAGE");
	usdt_error(p, USDT_ERROR_TOO_LARGE, "why");
	is_str(usdt_errstr(p), "provider is too large: why", "TOO_LARGE");
	usdt_error(p, (usdt_error_t)1000);
	is_str(usdt_errstr(p), "unknown error 1000", "an unknown code");
	usdt_error(p, (usdt_error_t)-1);
	is_str(usdt_errstr(p), "unknown error -1", "a negative one");

	memset(huge, 'h', sizeof huge - 1);
	huge[sizeof huge - 1] = '\0';
	usdt_error(p, USDT_ERROR_LOADDOF, huge);
	text = usdt_errstr(p);
	ok(strncmp(text, "failed to load DOF: hhhh", 24) == 0 &&
	    strlen(text) > 300 && strlen(text) < sizeof huge,
	    "a long text is cut");
	usdt_error(NULL, USDT_ERROR_LOADDOF, "elsewhere");
	is_str(usdt_errstr(NULL), "failed to load DOF: elsewhere",
	    "without a provider");
	ok(usdt_errstr(p) == text && strncmp(text, "failed to load DOF: hhhh",
	    24) == 0, "which leaves the provider's");
	usdt_provider_free(p);
}

static void *
other_thread(void *seen)
{
	strcpy(seen, usdt_errstr(NULL));
	usdt_create_provider("other thread", "m");
	return NULL;
}

static void
test_threads_texts(void)
{
	char seen[1024] = "untouched";
	pthread_t thread;

	usdt_error(NULL, USDT_ERROR_NOPROBES);
	if (pthread_create(&thread, NULL, other_thread, seen) != 0 ||
	    pthread_join(thread, NULL) != 0) {
		printf("Bail out! no thread\n");
		exit(1);
	}
	is_str(seen, "", "another thread has no error yet");
	is_str(usdt_errstr(NULL), "no probes defined",
	    "and leaves this one's");
}

/* --- adding and removing ------------------------------------------------ */

static unsigned
references(const usdt_probedef_t *def)
{
	return def->state->references;
}

static void
fails_as_duplicate(usdt_provider_t *p, usdt_probedef_t *def, const char *what)
{
	char text[256];

	snprintf(text, sizeof text, "probe named %s:mod:%s:%s already exists",
	    p->name, def->function, def->name);
	is_int(usdt_provider_add_probe(p, def), -1, "%s: is refused", what);
	is_str(usdt_errstr(p), text, "%s: the text", what);
}

static void
test_adding(void)
{
	usdt_provider_t *p = new_provider(), *q = new_provider();
	usdt_probedef_t *a = new_probe("f", "a__b"), *b = new_probe("f", "a-b");
	usdt_probedef_t *c = new_probe("g", "a__b");
	usdt_probedef_t *d = usdt_create_probe("f", "a__b", 0, NULL);

	is_int(usdt_provider_add_probe(p, a), 0, "a probe is added");
	is_int(references(a), 2, "the provider counts it");
	fails_as_duplicate(p, a, "the same again");
	fails_as_duplicate(p, b, "a-b beside a__b");
	fails_as_duplicate(p, d, "other arguments make no other probe");
	ok(references(a) == 2 && references(b) == 1 && references(d) == 1,
	    "refused probes are not counted");
	is_int(usdt_provider_add_probe(p, c), 0, "another function does");
	is_status(p, 0, 0, 2, "two of four");

	is_int(usdt_provider_add_probe(q, a), -1, "to another provider: no");
	is_str(usdt_errstr(q), "probe a__b is in a provider already",
	    "the text");
	is_status(q, 0, 0, 0, "the other provider");
	is_int(usdt_provider_add_probe(q, b), 0, "but the refused one may");
	is_int(usdt_provider_add_probe(q, a), -1, "to one with an equal one");
	ok(strstr(usdt_errstr(q), "already exists") != NULL,
	    "is refused as a duplicate");

	is_int(usdt_provider_remove_probe(p, a), 0, "once removed");
	is_int(usdt_provider_remove_probe(q, b), 0, "from both");
	is_int(usdt_provider_add_probe(q, a), 0, "it may move");
	is_int(usdt_provider_add_probe(p, b), 0, "and the other come");
	usdt_probe_release(a);
	usdt_probe_release(b);
	usdt_probe_release(c);
	usdt_probe_release(d);
	usdt_provider_free(p);
	usdt_provider_free(q);
}

static void
test_removing(void)
{
	usdt_provider_t *p = new_provider();
	usdt_probedef_t *a = new_probe("f", "a"), *b = new_probe("f", "b");
	usdt_probedef_t *equal = usdt_create_probe("f", "a", 0, NULL);
	char text[256];

	is_int(usdt_provider_remove_probe(p, a), -1, "nothing to remove");
	is_str(usdt_errstr(p), "no probes defined", "the text");
	usdt_provider_add_probe(p, a);
	is_int(usdt_provider_remove_probe(p, b), -1, "not this provider's");
	snprintf(text, sizeof text, "failed to remove probe %s:mod:f:b",
	    p->name);
	is_str(usdt_errstr(p), text, "the text");
	is_status(p, 0, 0, 1, "nothing changed");
	is_int(usdt_provider_remove_probe(p, equal), 0,
	    "a definition with its names will do");
	ok(references(a) == 1 && references(equal) == 1,
	    "the reference is that of the probe that was in");
	is_int(usdt_provider_remove_probe(p, a), -1, "not twice");
	is_str(usdt_errstr(p), "no probes defined", "since none is left");
	usdt_provider_add_probe(p, b);
	is_int(usdt_provider_remove_probe(p, a), -1, "nor beside another");
	is_int(usdt_provider_add_probe(p, a), 0, "but it may be added again");
	usdt_probe_release(a);
	is_int(references(a), 1, "the provider keeps it");
	is_int(usdt_provider_remove_probe(p, a), 0,
	    "the last reference goes with the removal");
	usdt_probe_release(b);
	usdt_probe_release(equal);
	usdt_provider_free(p);
}

/* --- enabling ----------------------------------------------------------- */

static void
test_enabling(void)
{
	usdt_provider_t *p = new_provider();
	usdt_probedef_t *a = new_probe("f", "a"), *b = new_probe("f", "b");
	usdt_probe_t *probe = a->probe;

	is_int(usdt_provider_disable(p), 0, "disable before enable");
	is_str(usdt_errstr(p), "", "is no failure");
	is_int(usdt_provider_enable(p), -1, "enable without probes");
	is_str(usdt_errstr(p), "no probes defined", "is one");
	is_status(p, 0, 0, 0, "still not enabled");
	usdt_provider_add_probe(p, a);
	is_int(usdt_provider_enable(p), 0, "enable");
	is_status(p, 1, 1, 0, "enabled");
	is_str(usdt_errstr(p), "no probes defined",
	    "the text is that of the last failure");
	is_int(usdt_provider_enable(p), 0, "enable again");
	is_str(usdt_errstr(p), "provider is already enabled",
	    "succeeds, and says so");
	is_int(usdt_provider_add_probe(p, b), 0, "add while enabled");
	is_status(p, 1, 1, 1, "one waits");
	is_int(usdt_provider_enable(p), 0, "enable");
	is_status(p, 1, 2, 0, "both are there");
	is_int(usdt_provider_disable(p), 0, "disable");
	is_int(usdt_provider_disable(p), 0, "disable again");
	is_status(p, 0, 0, 2, "both wait");
	ok(a->probe == probe, "a probe's address never changes");
	is_int(usdt_provider_enable(p), 0, "enable");
	is_int(usdt_provider_remove_probe(p, a), 0, "remove while enabled");
	is_status(p, 1, 1, 0, "one is left");
	is_int(usdt_provider_remove_probe(p, b), 0, "remove the last");
	is_status(p, 1, 0, 0, "none is, but it is enabled");
	is_int(usdt_provider_enable(p), -1, "enable");
	is_str(usdt_errstr(p), "no probes defined", "fails without probes");
	is_int(usdt_provider_add_probe(p, a), 0, "one comes back");
	is_int(usdt_provider_enable(p), 0, "enable");
	is_status(p, 1, 1, 0, "it is there");
	ok(a->probe == probe, "at the same address");
	usdt_probe_release(b);
	usdt_probe_release(a);
	usdt_provider_free(p);
	ok(count_maps(scratch) == 0, "nothing stays mapped");
}

/* --- freeing ------------------------------------------------------------ */

/* STEPS: 'e'nable, 'd'isable, 'r'elease the probe, 'f'ree the provider. */
static void
live(const char *steps)
{
	usdt_provider_t *p = new_provider();
	usdt_probedef_t *def = new_probe("f", "n");
	int released = 0, freed = 0;
	const char *s;

	try(usdt_provider_add_probe(p, def) == 0, "%s: add", steps);
	for (s = steps; *s != '\0'; s++) {
		switch (*s) {
		case 'e':
			try(usdt_provider_enable(p) == 0, "%s: %s", steps, s);
			break;
		case 'd':
			try(usdt_provider_disable(p) == 0, "%s: %s", steps,
			    s);
			break;
		case 'r':
			usdt_probe_release(def);
			released = 1;
			break;
		case 'f':
			usdt_provider_free(p);
			freed = 1;
			break;
		}
		if (!released || !freed) {
			try(usdt_is_enabled(def->probe) == 0 &&
			    usdt_probe_enabled(def) == 0 &&
			    strcmp(def->name, "n") == 0 &&
			    strcmp(def->types[1], "char *") == 0, "%s: %s",
			    steps, s);
			usdt_probe_fire(def, 0, NULL);
		}
	}
	try(released && freed && count_maps(scratch) == 0, "%s: %d %d", steps,
	    count_maps(scratch), count_maps(NULL));
}

static void
test_lives(void)
{
	static const char *const lives[] = {
		"rf", "fr", "erf", "efr", "ref", "edrf", "edfr", "erdf",
		"redf", "ededrf", "ededfr", "eerf", "eedfr", "drf", "ddfr",
		"edefr", "ederf", "erdedf"
	};
	size_t i;

	for (i = 0; i < sizeof lives / sizeof lives[0]; i++)
		live(lives[i]);
	ok_all("release and free in every order, enabled or not");
}

static void
test_surviving(void)
{
	usdt_provider_t *p = new_provider();
	usdt_probedef_t *def = new_probe("f", "n");

	usdt_provider_add_probe(p, def);
	usdt_provider_enable(p);
	usdt_provider_free(p);
	is_int(references(def), 1, "a probe survives its provider");
	is_int(usdt_is_enabled(def->probe), 0, "and is not enabled");
	p = new_provider();
	is_int(usdt_provider_add_probe(p, def), 0, "it may get a new one");
	is_int(usdt_provider_enable(p), 0, "that is enabled");
	is_status(p, 1, 1, 0, "with it");
	usdt_provider_free(p);
	usdt_probe_release(def);
}

/* --- status ------------------------------------------------------------- */

static void
test_status(void)
{
	usdt_provider_t *p = usdt_create_provider("stat-us1", "the.module");
	usdt_probedef_t *def = new_probe("f", "n");
	usdt_probedef_t *odd = new_probe("f(char[],int)", "n");
	char start[256];
	usdt_status_t s;
	struct stat st;

	usdt_provider_status(p, &s);
	is_str(s.dof.reason, "not enabled", "not enabled: DOF's reason");
	is_str(s.sdt.reason, "not enabled", "not enabled: SDT's reason");
	ok(s.dof.taken == 0 && s.sdt.taken == 0 && s.dof.error == 0 &&
	    s.sdt.error == 0 && s.images == 0 && s.dof.generation == -1 &&
	    s.sdt.generation == -1 && s.dof.path[0] == '\0' &&
	    s.sdt.path[0] == '\0', "not enabled: nothing is visible");
	is_str(s.note, "the provider's name ends in a digit: DTrace on Linux "
	    "cannot tell it from the pid", "a digit at the end is remarked");
	usdt_provider_add_probe(p, odd);
	usdt_provider_status(p, &s);
	is_str(s.note, "the provider's name ends in a digit: DTrace on Linux "
	    "cannot tell it from the pid; the function name \"f(char[],int)\": "
	    "DTrace's probe descriptions cannot spell all of it, '?' matches "
	    "any character", "and a function that no script can name");
	usdt_provider_remove_probe(p, odd);
	usdt_probe_release(odd);
	usdt_provider_add_probe(p, def);
	usdt_provider_enable(p);
	usdt_provider_status(p, &s);
	is_int(s.sdt.taken, 1, "enabled: the image is placed");
	snprintf(start, sizeof start, "%s/stat-us1/1-", scratch);
	ok(strncmp(s.sdt.path, start, strlen(start)) == 0 &&
	    strlen(s.sdt.path) == strlen(start) + 16 + strlen("/the.module")
	    && strcmp(strrchr(s.sdt.path, '/'), "/the.module") == 0,
	    "enabled: the path is that of %s", s.sdt.path);
	ok(stat(s.sdt.path, &st) == 0 && (st.st_mode & 07777) == 0400,
	    "enabled: the file is there, and read-only");
	ok(s.sdt.reason[0] == '\0' && s.sdt.error == 0 && s.images == 1,
	    "enabled: nothing is wrong with it");
	is_int(s.dof.taken, 0, "enabled: there is no helper");
	is_str(s.dof.path, "/nonexistent/helper", "enabled: where it would be");
	is_str(s.dof.reason, "/nonexistent/helper: No such file or directory",
	    "enabled: the reason");
	is_int(s.dof.error, ENOENT, "enabled: and its number");
	unlink(s.sdt.path);
	usdt_provider_status(p, &s);
	ok(s.sdt.taken == 0 && s.sdt.error == ENOENT && s.enabled == 1,
	    "the file is gone: status says so");
	is_str(s.sdt.reason, "the image file has been removed; enable makes "
	    "it again (systemd removes /dev/shm of a user at the last logout, "
	    "and what is old in /tmp: usdt doctor)", "the file is gone: the reason");
	is_int(usdt_provider_enable(p), 0, "enable");
	usdt_provider_status(p, &s);
	ok(s.sdt.taken == 1 && stat(s.sdt.path, &st) == 0 && s.probes == 1,
	    "has made it again");
	usdt_probe_release(def);
	usdt_provider_free(p);
}

/*
 * A binding of 1.x has no call to free a provider and calls free(): what
 * belonged to the provider stays, as it did in 1.x, and nothing of ours may
 * point to it.
 */
static void
test_freed_by_hand(void)
{
	usdt_provider_t *p = usdt_create_provider("by-hand", "m");
	usdt_provider_t *q = usdt_create_provider("as-told", "m");
	usdt_probedef_t *first = usdt_create_probe("f", "n", 0, NULL);
	usdt_probedef_t *second = usdt_create_probe("f", "n", 0, NULL);

	usdt_provider_add_probe(p, first);
	usdt_provider_add_probe(q, second);
	is_int(usdt_provider_enable(q), 0, "one is enabled");
	is_int(usdt_provider_enable(p), 0, "and another, for free()");
	memset(p, 0x5a, sizeof *p);
	free(p);
	is_int(usdt_provider_disable(q), 0, "the one can be disabled");
	is_int(usdt_provider_enable(q), 0, "and enabled");
	if (fork() == 0)
		_exit(0);
	is_int(wait(NULL) > 0, 1, "a fork skips the freed provider");
	usdt_fire_probe(first->probe, 0, NULL);
	ok(1, "whose probes fire");
	usdt_probe_release(second);
	usdt_provider_free(q);
}

/* --- any number of words ------------------------------------------------ */

/* Whatever number a caller passes, only declared arguments are read, and an
 * invisible probe reads none.  The largest numbers are those that serve as
 * marks. */
static void
fire_any_number(usdt_probedef_t *def, const char *when)
{
	static const size_t numbers[] = {
		0, 1, 2, 3, USDT_ARG_MAX, INT32_MAX, (size_t)INT32_MAX + 1,
		(size_t)UINT32_MAX - 1, UINT32_MAX, (size_t)UINT32_MAX + 1,
		SIZE_MAX / 2, SIZE_MAX - 1, SIZE_MAX
	};
	void *argv[] = { NULL, NULL };
	size_t i;

	for (i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		usdt_probe_fire(def, numbers[i], argv);
		usdt_fire_probe(def->probe, numbers[i], argv);
		usdt_probe_fire(def, numbers[i], NULL);
	}
	ok(1, "fired with any number of words: %s", when);
}

static void
test_any_number(void)
{
	usdt_provider_t *p = new_provider();
	usdt_probedef_t *def = new_probe("f", "n"), *late = new_probe("f", "l");

	fire_any_number(def, "in no provider");
	usdt_provider_add_probe(p, def);
	fire_any_number(def, "added");
	is_int(usdt_provider_enable(p), 0, "enabled");
	fire_any_number(def, "enabled");
	usdt_provider_add_probe(p, late);
	fire_any_number(late, "waiting in an enabled provider");
	usdt_provider_disable(p);
	fire_any_number(def, "disabled");
	usdt_provider_enable(p);
	usdt_provider_remove_probe(p, def);
	fire_any_number(def, "removed");
	usdt_probe_release(def);
	usdt_probe_release(late);
	usdt_provider_free(p);
}

int
main(void)
{
	scratch_begin();
	is_str(usdt_errstr(NULL), "", "no call without a provider has failed");
	test_birth();
	test_probe_birth();
	test_bad_providers();
	test_bad_probes();
	test_null();
	test_texts();
	test_threads_texts();
	test_adding();
	test_removing();
	test_enabling();
	test_lives();
	test_surviving();
	test_status();
	test_freed_by_hand();
	test_any_number();
	return done_testing();
}
