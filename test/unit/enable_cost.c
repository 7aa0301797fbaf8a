/*
 * enable_cost.c - does enabling one provider among many cost no more questions
 * than among few?
 *
 * This test counts the questions whose cost grows with the number of images:
 * who holds a file (by a lease), and what this process maps.  They go through
 * this program's own fcntl() and open(), which the library calls.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tap.h"
#include "scratch.h"
#include "core/provider.h"

/* The functions by these names, whatever <fcntl.h> defines them as. */
int count_fcntl(int fd, int command, ...) __asm__("fcntl");
int count_fcntl64(int fd, int command, ...) __asm__("fcntl64");
int count_open(const char *path, int flags, ...) __asm__("open");
int count_open64(const char *path, int flags, ...) __asm__("open64");

#if defined(SYS_fcntl64)
#define FCNTL	SYS_fcntl64
#else
#define FCNTL	SYS_fcntl
#endif

static unsigned leases, readings;

#define COUNT_FCNTL(function) \
int \
function(int fd, int command, ...) \
{ \
	va_list args; \
	long value; \
\
	va_start(args, command); \
	value = va_arg(args, long); \
	va_end(args); \
	leases += command == F_SETLEASE && value == F_WRLCK; \
	return (int)syscall(FCNTL, fd, command, value); \
}

#define COUNT_OPEN(function) \
int \
function(const char *path, int flags, ...) \
{ \
	va_list args; \
	int mode; \
\
	va_start(args, flags); \
	mode = flags & O_CREAT ? va_arg(args, int) : 0; \
	va_end(args); \
	readings += strcmp(path, "/proc/self/maps") == 0; \
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode); \
}

COUNT_FCNTL(count_fcntl)
COUNT_FCNTL(count_fcntl64)
COUNT_OPEN(count_open)
COUNT_OPEN(count_open64)

#define MANY	600

static usdt_provider_t *providers[MANY];

static usdt_provider_t *
enable(const char *name, usdt_status_t *status)
{
	usdt_provider_t *p = usdt_create_provider(name, "m");
	usdt_probedef_t *def = usdt_create_probe("f", "n", 0, NULL);

	memset(status, 0, sizeof *status);
	if (p != NULL && def != NULL && usdt_provider_add_probe(p, def) == 0 &&
	    usdt_provider_enable(p) == 0)
		usdt_provider_status(p, status);
	usdt_probe_release(def);
	return p;
}

/* Enable all, count the questions. */
static int
enable_all(void)
{
	usdt_status_t status;
	char name[32];
	int i, taken = 0;

	leases = readings = 0;
	for (i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "many%dx", i);
		providers[i] = enable(name, &status);
		taken += status.sdt.taken && strncmp(status.sdt.path, scratch,
		    strlen(scratch)) == 0;
	}
	return taken;
}

static void
free_all(void)
{
	int i;

	for (i = 0; i < MANY; i++)	/* in no order */
		usdt_provider_free(providers[i * 7 % MANY]);
}

/* Emulators support no leases. */
static int
knows_leases(void)
{
	char path[sizeof scratch + 8];
	int fd, result;

	snprintf(path, sizeof path, "%s/lease", scratch);
	fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
	result = usdt__image_is_unheld(fd);
	close(fd);
	return result;
}

static int
files_mapped(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	int n = 0;

	while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
		n += strstr(line, scratch) != NULL;
	if (maps != NULL)
		fclose(maps);
	return n;
}

/* Many providers of one definition: each has a file of its own. */
static void
test_equal_ones(void)
{
	char last[USDT_PATH_SIZE] = "";
	usdt_status_t status;
	int i, taken = 0;
	unsigned few = 0;

	leases = 0;
	for (i = 0; i < MANY; i++) {
		providers[i] = enable("same", &status);
		taken += status.sdt.taken && strcmp(status.sdt.path, last) != 0;
		strcpy(last, status.sdt.path);
		if (i == MANY / 2)
			few = leases;
	}
	is_int(taken, MANY, "%d providers of one definition", MANY);
	if (!ok(leases - few <= 2 * MANY, "the later ones are placed without "
	    "a look at all the others"))
		note("%u and %u times", few, leases);
	usdt_provider_free(providers[7]);
	providers[7] = enable("same", &status);
	ok(strstr(status.sdt.path, ".7/") != NULL, "a path that was given back "
	    "is used again");
	free_all();
}

int
main(void)
{
	usdt_status_t first, second;
	usdt_provider_t *one, *other;

	scratch_begin();
	if (!usdt__native_platform()->image || usdt__stub_count == 0) {
		skip("no images here");
		return done_testing();
	}
	is_int(enable_all(), MANY, "%d providers of one probe, all new", MANY);
	if (!ok(leases <= 2 * MANY, "holders are asked for at most twice "
	    "for each"))
		note("%u times", leases);
	is_int(readings, 0, "mappings are never read");

	one = enable("equal", &first);
	other = enable("equal", &second);
	ok(first.sdt.taken && second.sdt.taken &&
	    strcmp(first.sdt.path, second.sdt.path) != 0,
	    "a second one of equal definition has a file of its own");
	usdt_provider_free(one);
	usdt_provider_free(other);
	free_all();
	is_int(files_mapped(), 0, "freed, nothing is mapped");

	is_int(enable_all(), MANY, "they are enabled once more");
	if (!ok(leases <= 2 * MANY, "holders are asked for at most twice "
	    "for each"))
		note("%u times", leases);
	if (!ok(readings <= 64 || !knows_leases(), "mappings are read "
	    "only for the first of them"))
		note("%u times", readings);
	free_all();
	is_int(files_mapped(), 0, "freed, nothing is mapped");
	test_equal_ones();
	return done_testing();
}
