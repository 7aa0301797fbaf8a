/*
 * alloc.c - what if any one allocation or system call fails?
 *
 * Linked with --wrap for all that can fail.  Each call of the library is
 * repeated, and each time another of its requests is refused: once, or always
 * from then on.  The call has to report it or work without, leave everything as
 * it was if it fails, and succeed when it is made again. test/alloc.t builds
 * and runs this.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "unit/tap.h"
#include "unit/scratch.h"
#include "usdt.h"

extern unsigned usdt__image_files;	/* see image/image.h */

/* --- what can fail ------------------------------------------------------ */

enum { MEMORY = 1, SYSTEM = 2 };

static int counting;		/* in a call of the library */
static int which;		/* MEMORY, SYSTEM */
static int asked;		/* number of requests of this call */
static int refused;		/* number of them that were refused */
static int first;		/* which one is refused, from 1; 0: none */
static int ever_after;		/* and all later ones */
static const char *refused_name;

/* Does this request fail? */
static int
refuse(int kind, const char *name, int error)
{
	if (!counting || !(kind & which))
		return 0;
	asked++;
	if (first == 0 || (ever_after ? asked < first : asked != first))
		return 0;
	if (refused++ == 0)
		refused_name = name;
	errno = error;
	return 1;
}

#define WRAP(kind, error, failed, type, name, params, args) \
	type __real_##name params; \
	type __wrap_##name params; \
	type \
	__wrap_##name params \
	{ \
		if (refuse(kind, #name, error)) \
			return failed; \
		return __real_##name args; \
	}

WRAP(MEMORY, ENOMEM, NULL, void *, malloc, (size_t size), (size))
WRAP(MEMORY, ENOMEM, NULL, void *, calloc, (size_t n, size_t size), (n, size))
WRAP(MEMORY, ENOMEM, NULL, void *, realloc, (void *p, size_t size), (p, size))
WRAP(MEMORY, ENOMEM, NULL, char *, strdup, (const char *s), (s))
WRAP(MEMORY, ENOMEM, NULL, FILE *, fopen, (const char *path, const char *how),
    (path, how))
WRAP(MEMORY, ENOMEM, -1, ssize_t, getline, (char **line, size_t *size,
    FILE *f), (line, size, f))
WRAP(MEMORY, ENOMEM, -1, ssize_t, __getdelim, (char **line, size_t *size,
    int end, FILE *f), (line, size, end, f))
WRAP(MEMORY, ENOMEM, NULL, DIR *, fdopendir, (int fd), (fd))
WRAP(MEMORY, ENOMEM, ENOMEM, int, pthread_atfork, (void (*a)(void),
    void (*b)(void), void (*c)(void)), (a, b, c))
WRAP(SYSTEM, EMFILE, -1, int, memfd_create, (const char *name,
    unsigned flags), (name, flags))
WRAP(SYSTEM, ENOSPC, -1, ssize_t, write, (int fd, const void *p, size_t n),
    (fd, p, n))
WRAP(SYSTEM, ENOSPC, -1, ssize_t, pwrite, (int fd, const void *p, size_t n,
    off_t at), (fd, p, n, at))
WRAP(SYSTEM, ENOSPC, -1, int, ftruncate, (int fd, off_t size), (fd, size))
WRAP(SYSTEM, EIO, -1, ssize_t, pread, (int fd, void *p, size_t n, off_t at),
    (fd, p, n, at))
WRAP(SYSTEM, EIO, -1, int, fstat, (int fd, struct stat *st), (fd, st))
WRAP(SYSTEM, EIO, -1, int, fstatat, (int fd, const char *path,
    struct stat *st, int flags), (fd, path, st, flags))
WRAP(SYSTEM, EIO, -1, int, fstatvfs, (int fd, struct statvfs *st), (fd, st))
WRAP(SYSTEM, EPERM, -1, int, fchmod, (int fd, mode_t mode), (fd, mode))
WRAP(SYSTEM, EPERM, -1, int, linkat, (int a, const char *from, int b,
    const char *to, int flags), (a, from, b, to, flags))
WRAP(SYSTEM, ENOSPC, -1, int, mkdirat, (int fd, const char *path,
    mode_t mode), (fd, path, mode))
WRAP(SYSTEM, EPERM, -1, int, unlinkat, (int fd, const char *path, int flags),
    (fd, path, flags))
WRAP(SYSTEM, EPERM, -1, int, futimens, (int fd, const struct timespec *t),
    (fd, t))

WRAP(SYSTEM, EPERM, -1, int, madvise, (void *at, size_t size, int what),
    (at, size, what))

/* Count what is mapped: a hole that stays has no name in maps. */
void *__real_mmap(void *at, size_t size, int protection, int flags, int fd,
    off_t offset);
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int fd,
    off_t offset);
int __real_munmap(void *at, size_t size);
int __wrap_munmap(void *at, size_t size);

static size_t mapped;

void *
__wrap_mmap(void *at, size_t size, int protection, int flags, int fd,
    off_t offset)
{
	void *result;

	if (refuse(MEMORY | SYSTEM, "mmap", ENOMEM))
		return MAP_FAILED;
	result = __real_mmap(at, size, protection, flags, fd, offset);
	if (result != MAP_FAILED && !(flags & MAP_FIXED))
		mapped += size;
	return result;
}

int
__wrap_munmap(void *at, size_t size)
{
	mapped -= size;
	return __real_munmap(at, size);
}

/* open() may have a mode. */
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __real_openat(int fd, const char *path, int flags, ...);
int __wrap_openat(int fd, const char *path, int flags, ...);

int
__wrap_open(const char *path, int flags, ...)
{
	if (refuse(SYSTEM, "open", EMFILE))
		return -1;
	return __real_open(path, flags);
}

int
__wrap_openat(int fd, const char *path, int flags, ...)
{
	va_list args;
	mode_t mode = 0;

	va_start(args, flags);
	if (flags & O_CREAT)
		mode = va_arg(args, mode_t);
	va_end(args);
	if (refuse(SYSTEM, "openat", EMFILE))
		return -1;
	return __real_openat(fd, path, flags, mode);
}

/* --- scenarios ---------------------------------------------------------- */

static usdt_provider_t *p;
static usdt_probedef_t *a, *b;
static int keep;		/* images for the library to remove */
static int serial;		/* makes every definition new */
static const char *types[] = { "int", "char *" };

/* CALL, with one or more requests refused. */
#define CALL(what) \
	(asked = refused = 0, counting = 1, (what), counting = 0)

static void
fresh(void)
{
	char module[32];

	snprintf(module, sizeof module, "m%d", serial++);
	p = usdt_create_provider("alloc", module);
	a = usdt_create_probe("f", "a", 2, types);
	b = usdt_create_probe("g", "b", 2, types);
	if (p == NULL || a == NULL || b == NULL ||
	    usdt_provider_add_probe(p, a) < 0)
		abort();
}

static void
fresh_enabled(void)
{
	fresh();
	if (usdt_provider_enable(p) < 0)
		abort();
}

/* An image with a struct, and with names. */
static const usdt_field_t fields[] = { { "int a", 0 } };

static void
fresh_typed(void)
{
	static const char *named[] = { "int id", "struct s *s" };

	fresh();
	usdt_probe_release(b);
	b = usdt_create_probe("g", "b", 2, named);
	if (b == NULL || usdt_provider_add_probe(p, b) < 0 ||
	    usdt_provider_add_struct(p, "s", 8, 1, fields) < 0)
		abort();
}

/* A probe with code of the caller's. */
static const char *operands =
#if defined(__x86_64__) || defined(__i386__)
    "4@$1 8@$2";
#else
    "4@1 8@2";
#endif

static int
set_code(usdt_probedef_t *probe)
{
	uint8_t code[USDT_SITE_MAX];
	usdt_site_t site = { 0, operands };
	size_t size = usdt_site_nops(code);
	int result;

	CALL(result = usdt_probe_set_code(probe, code, size, &site));
	return result;
}

static void
fresh_coded(void)
{
	fresh();
	if (set_code(a) < 0)
		abort();
}

/* Enabled, and one more probe waits for enabling. */
static void
fresh_live(void)
{
	fresh_enabled();
	usdt_provider_add_probe(p, b);
}

/* The same, after so many images have gone that others lie in a shared block;
 * one goes now. */
static void
fresh_busy(void)
{
	usdt_probedef_t *passing;
	char name[16];
	int i;

	fresh_enabled();
	for (i = 0; i < 20; i++) {
		snprintf(name, sizeof name, "p%d", i);
		passing = usdt_create_probe("f", name, 0, NULL);
		if (usdt_provider_add_probe(p, passing) < 0 ||
		    usdt_provider_enable(p) < 0 ||
		    usdt_provider_remove_probe(p, passing) < 0)
			abort();
		usdt_probe_release(passing);
	}
	usdt_provider_add_probe(p, b);
}

/* Disabled, with a hole in its image. */
static void
fresh_hole(void)
{
	fresh();
	usdt_provider_add_probe(p, b);
	if (usdt_provider_enable(p) < 0)
		abort();
	usdt_provider_remove_probe(p, b);
	usdt_provider_disable(p);
}

/* The image file exists already: another process had this definition. */
static void
fresh_with_file(void)
{
	fresh_enabled();
	usdt_probe_release(a);
	usdt_probe_release(b);
	usdt_provider_free(p);
	serial--;
	fresh();
}

/* The image is in use by an equal provider, which stays. */
static usdt_provider_t *twin;

static void
fresh_twin(void)
{
	usdt_probedef_t *probe;

	if (twin != NULL)
		usdt_provider_free(twin);
	fresh_enabled();
	twin = p;
	probe = a;
	usdt_probe_release(b);
	serial--;
	fresh();
	usdt_probe_release(probe);
}

static int
enable(void)
{
	int result;

	CALL(result = usdt_provider_enable(p));
	return result;
}

static int
disable(void)
{
	int result;

	CALL(result = usdt_provider_disable(p));
	return result;
}

static int
add(void)
{
	int result;

	CALL(result = usdt_provider_add_probe(p, b));
	return result;
}

/* Remove all from the scratch directory but that. */
static int
scratch_clear(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
	return ftw->level > 0 ? scratch_remove(path, st, type, ftw) : 0;
}

static void
drop(void)
{
	usdt_status_t status;
	char *slash;
	int i;

	usdt_provider_status(p, &status);
	usdt_probe_release(a);
	usdt_probe_release(b);
	usdt_provider_free(p);
	/* Only the scenario's images, and none elsewhere. */
	if (!keep)
		nftw(scratch, scratch_clear, 8, FTW_DEPTH | FTW_PHYS);
	if (strncmp(status.sdt.path, scratch, strlen(scratch)) == 0 ||
	    unlink(status.sdt.path) < 0)
		return;
	for (i = 0; i < 3; i++) {
		slash = strrchr(status.sdt.path, '/');
		*slash = '\0';
		if (rmdir(status.sdt.path) < 0)
			break;
	}
}

/* --- judging ------------------------------------------------------------ */

struct snapshot {
	usdt_status_t status;
	size_t mapped;
	int fds;
	const uint32_t *gates[2];
};

static void
take(struct snapshot *s)
{
	usdt_provider_status(p, &s->status);
	s->mapped = mapped;
	s->fds = count_fds();
	s->gates[0] = a->gate;
	s->gates[1] = b->gate;
}

/* Which text is right depends on what failed. */
static int
is_right_text(const char *text)
{
	static const char *const allocators[] = {
		"malloc", "calloc", "realloc", "strdup", "pthread_atfork"
	};
	size_t i;

	for (i = 0; i < sizeof allocators / sizeof allocators[0]; i++)
		if (strcmp(refused_name, allocators[i]) == 0)
			return strcmp(text, "failed to allocate memory") == 0;
	/* The call may have worked without the first. */
	if (ever_after && which == MEMORY && refused > 1 &&
	    strcmp(text, "failed to allocate memory") == 0)
		return 1;
	return strncmp(text, "failed to place the probe image: ", 33) == 0 &&
	    strlen(text) > 40;
}

/* It failed: everything must be as it was. */
static void
check_failure(const struct snapshot *before, const char *what)
{
	struct snapshot now;

	take(&now);
	try(is_right_text(usdt_errstr(p)), "%s, %s number %d: \"%s\"", what,
	    refused_name, first, usdt_errstr(p));
	try(now.status.enabled == before->status.enabled &&
	    now.status.probes == before->status.probes &&
	    now.status.waiting == before->status.waiting &&
	    now.gates[0] == before->gates[0] &&
	    now.gates[1] == before->gates[1] &&
	    usdt_is_enabled(a->probe) == 0 && usdt_is_enabled(b->probe) == 0,
	    "%s, %s number %d: something changed", what, refused_name, first);
	try(now.mapped == before->mapped && now.fds == before->fds,
	    "%s, %s number %d: %zu mapped, %d descriptors; %zu, %d before",
	    what, refused_name, first, now.mapped, now.fds, before->mapped,
	    before->fds);
}

/* It succeeded despite the refusal: then it did its work. */
static void
check_success(const char *what, unsigned probes)
{
	usdt_status_t status;

	usdt_provider_status(p, &status);
	try(status.enabled == (probes > 0) && status.probes == probes &&
	    status.sdt.taken == (probes > 0),
	    "%s, %s number %d: enabled %d, %u probes, image %d", what,
	    first ? refused_name : "nothing", first, status.enabled,
	    status.probes, status.sdt.taken);
}

#define ENOUGH	1500	/* requests that one call may make */

struct scenario {
	const char *what;
	void (*prepare)(void);
	int (*act)(void);
	unsigned probes;	/* visible afterwards */
};

/* Refuse the first request, the second and so on, until none is left. */
static void
test_refusing(const struct scenario *s, int kind, int after)
{
	struct snapshot before;
	int failures = 0, n, result, fds = count_fds();

	which = kind;
	ever_after = after;
	for (n = 1, refused = 1; refused > 0 && n < ENOUGH &&
	    tap_bad_tries < TAP_SHOWN; n++) {
		first = 0;
		s->prepare();
		usdt__image_files = 0;	/* look for old ones */
		take(&before);
		first = n;
		result = s->act();
		if (refused == 0 || result == 0) {
			try(result == 0, "%s: %s", s->what, usdt_errstr(p));
			check_success(s->what, s->probes);
		} else {
			failures++;
			check_failure(&before, s->what);
			first = 0;
			result = s->act();
			try(result == 0, "%s, again: %s", s->what,
			    usdt_errstr(p));
			check_success(s->what, s->probes);
			refused = 1;
		}
		drop();
		try(twin != NULL || mapped == 0, "%s, %s number %d: %zu bytes "
		    "stay mapped", s->what, first ? refused_name : "nothing",
		    first, mapped);
		try(twin != NULL || count_fds() == fds, "%s, %s number %d: "
		    "%d descriptors, not %d", s->what, first ? refused_name :
		    "nothing", first, count_fds(), fds);
	}
	try(n < ENOUGH, "%s: there is no end of it", s->what);
	ok_all("%s: %d times something of %s was refused%s, %d failures",
	    s->what, n - 2, kind == MEMORY ? "memory" : "the system",
	    after ? " for good" : "", failures);
	ok(failures > 0 || (kind == SYSTEM && !after),
	    "%s: and was missed", s->what);
}

static void
observe(const usdt_probedef_t *probedef, size_t argc, void *const *argv,
    void *data)
{
	(void)probedef;
	(void)argc;
	(void)argv;
	(void)data;
}

static void
test_creating(void)
{
	usdt_provider_t *q;
	usdt_probedef_t *def;
	int result;

	which = MEMORY;
	for (first = 1; first <= 2; first++) {
		CALL(q = usdt_create_provider("p", "m"));
		ok(q == NULL && refused == 1, "no memory for a provider, %d",
		    first);
		is_str(usdt_errstr(NULL), "failed to allocate memory",
		    "the text");
		usdt_error(NULL, USDT_ERROR_NOPROBES);
	}
	CALL(q = usdt_create_provider("p", "m"));
	ok(q != NULL && asked == 2, "two blocks are a provider");
	CALL(result = usdt_provider_observe(q, NULL, NULL));
	is_int(result, 0, "no observer needs no memory");
	first = 1;
	CALL(result = usdt_provider_observe(q, observe, NULL));
	ok(result == -1 && refused == 1, "no memory for an observer");
	is_str(usdt_errstr(q), "failed to allocate memory", "the text");
	CALL(result = usdt_provider_add_struct(q, "s", 8, 1, fields));
	ok(result == -1 && refused == 1, "no memory for a struct");
	is_str(usdt_errstr(q), "failed to allocate memory", "the text");
	first = 2;
	CALL(result = usdt_provider_add_struct(q, "s", 8, 1, fields));
	ok(result == 0 && asked == 1, "one block is a struct");
	usdt_provider_free(q);
	first = 1;
	CALL(def = usdt_create_probe("f", "n", 2, types));
	ok(def == NULL && refused == 1, "no memory for a probe");
	is_str(usdt_errstr(NULL), "failed to allocate memory", "the text");
	first = 2;
	CALL(def = usdt_create_probe("f", "n", 2, types));
	ok(def != NULL && asked == 1, "one block is a probe");
	usdt_probe_release(def);
	first = 0;
	def = usdt_create_probe("f", "n", 2, types);
	first = 1;
	ok(set_code(def) < 0 && refused == 1, "no memory for code");
	is_str(usdt_errstr(NULL), "failed to allocate memory", "the text");
	first = 2;
	ok(set_code(def) == 0 && asked == 1, "one block is a probe's code");
	first = 1;
	ok(set_code(def) < 0 && def->argc == 2, "nor for other code");
	first = 0;
	usdt_probe_release(def);
}

/* Enabling declared probes: it succeeds, or nothing of them is there. */
USDT_PROBE(declared_probe, "f", "declared", (int, number), (char *, text));
USDT_PROVIDER(declared, "declared", "m", &declared_probe);

static void
test_declared(int kind)
{
	int failures = 0, n, result, fds = count_fds();

	which = kind;
	ever_after = 0;
	for (n = 1, refused = 1; refused > 0 && n < ENOUGH; n++) {
		usdt__image_files = 0;
		first = n;
		CALL(result = usdt_static_enable(&declared));
		failures += result != 0;
		try(result == 0 || is_right_text(usdt_errstr(
		    declared.provider)), "declared, %s number %d: %s",
		    refused_name, n, usdt_errstr(declared.provider));
		try(result == 0 || !declared_probe_enabled(),
		    "declared, %s number %d: it is enabled", refused_name, n);
		result = refused;
		first = 0;
		try(usdt_static_enable(&declared) == 0, "declared, again: %s",
		    usdt_errstr(declared.provider));
		usdt_static_free(&declared);
		refused = result;
		nftw(scratch, scratch_clear, 8, FTW_DEPTH | FTW_PHYS);
		try(mapped == 0 && count_fds() == fds, "declared, %s number "
		    "%d: %zu bytes stay mapped, %d descriptors, not %d",
		    refused_name, n, mapped, count_fds(), fds);
	}
	try(n > 3 && n < ENOUGH, "%d requests", n - 2);
	ok_all("enabling declared probes: %d times something of %s was "
	    "refused, %d failures", n - 2, kind == MEMORY ? "memory" :
	    "the system", failures);
	ok(failures > 0 || kind == SYSTEM, "and was missed");
}

static void
test_adding(void)
{
	int i, failures = 0;
	char name[16];
	usdt_probedef_t *def;

	which = MEMORY;
	ever_after = 0;
	first = 0;
	fresh();
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "n%d", i);
		first = 0;
		def = usdt_create_probe("f", name, 0, NULL);
		usdt_probe_release(b);
		b = def;
		first = 1;
		if (add() == 0)
			continue;
		failures++;
		try(strcmp(usdt_errstr(p), "failed to allocate memory") == 0,
		    "number %d: %s", i, usdt_errstr(p));
		first = 0;
		try(add() == 0, "number %d again: %s", i, usdt_errstr(p));
	}
	ok_all("adding 100 probes, %d failures", failures);
	ok(failures > 2, "and some there were");
	is_int(usdt_provider_enable(p), 0, "they can be enabled");
	check_success("adding", 101);
	drop();
	ok_all("all of them");
}

/* Calls that need no memory or are safe in signal handlers, as the header
 * promises. */
static void
test_asking_nothing(void)
{
	usdt_status_t status;
	void *argv[2] = { NULL, NULL };

	which = MEMORY | SYSTEM;
	ever_after = 1;
	first = 0;
	fresh_enabled();
	first = 1;
	CALL((usdt_probe_fire(a, 2, argv), usdt_probe_fire(a, 0, NULL),
	    usdt_is_enabled(a->probe), usdt_probe_enabled(a)));
	is_int(asked, 0, "testing and firing ask for nothing");
	CALL(usdt_provider_remove_probe(p, b));
	is_int(asked, 0, "nor does removing");
	which = MEMORY;
	is_int(disable(), 0, "disable without memory");
	is_int(asked, 0, "needs none");
	CALL(usdt_provider_status(p, &status));
	is_int(asked, 0, "nor does asking for the status");
	CALL(usdt_provider_free(p));
	is_int(asked, 0, "nor does freeing");
	CALL((usdt_probe_release(a), usdt_probe_release(b)));
	is_int(asked, 0, "nor does releasing");
}

/* With so many old images that each new one removes one. */
static void
fill(void)
{
	int i;

	first = 0;
	keep = 1;
	for (i = 0; i < 70; i++) {
		fresh_enabled();
		usdt_probe_release(a);
		usdt_probe_release(b);
		usdt_provider_free(p);
	}
}

int
main(void)
{
	static const struct scenario scenarios[] = {
		{ "enable", fresh, enable, 1 },
		{ "enable what came later", fresh_live, enable, 2 },
		{ "enable when others have gone", fresh_busy, enable, 2 },
		{ "enable again", fresh_hole, enable, 1 },
		{ "enable with a file", fresh_with_file, enable, 1 },
		{ "enable with names and structs", fresh_typed, enable, 2 },
		{ "enable with code", fresh_coded, enable, 1 },
		{ "enable beside a twin", fresh_twin, enable, 1 },
	};
	size_t i;

	scratch_begin();
	setenv("USDT_BACKENDS", "sdt", 1);
	test_creating();
	test_declared(MEMORY);
	test_declared(SYSTEM);
	/* Once a process: the first enabling registers the handlers of fork. */
	test_refusing(&scenarios[0], MEMORY, 0);
	test_adding();
	test_asking_nothing();
	for (i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++) {
		test_refusing(&scenarios[i], MEMORY, 0);
		test_refusing(&scenarios[i], MEMORY, 1);
		test_refusing(&scenarios[i], SYSTEM, 0);
		test_refusing(&scenarios[i], SYSTEM, 1);
	}
	usdt_provider_free(twin);
	twin = NULL;
	fill();
	test_refusing(&scenarios[0], MEMORY, 0);
	test_refusing(&scenarios[0], SYSTEM, 0);
	return done_testing();
}
