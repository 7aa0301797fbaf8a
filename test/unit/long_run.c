/*
 * long_run.c - does a process that runs for years grow?
 *
 * One provider is enabled and disabled a million times, and 100,000 providers
 * of as many names come and go: memory, mappings, descriptors and files stay as
 * they were.  That takes CI about two minutes; elsewhere only a part runs.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sys/stat.h>
#include <time.h>

#include "tap.h"
#include "scratch.h"
#include "core/provider.h"

#define EVERY		16	/* new files after which the library looks for
				 * old ones */
/* Rounds after which nothing may grow; at the next one the library looks for
 * old files. */
#define WARM		(200 * EVERY - 1)
#define IMAGES		(64 + EVERY - 1)	/* images of a user that are
						 * kept */
#define TOLERANCE	512	/* KiB */

static int
is_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__)	/* which keeps freed memory for a
					 * while */
	return 1;
#else
	return 0;
#endif
}

/* --- what the process and the directory contain ------------------------- */

struct holdings {
	long kib;
	int maps, fds;
	int files, dirs;
	long long bytes;
};

static struct holdings *counted;

static int
count_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)path;
	if (type == FTW_D) {
		counted->dirs += ftw->level > 0;
	} else {
		counted->files++;
		counted->bytes += st->st_size;
	}
	return 0;
}

static void
count_all(struct holdings *now)
{
	memset(now, 0, sizeof *now);
	counted = now;
	nftw(scratch, count_file, 8, FTW_PHYS);
	now->maps = count_maps(is_sanitized() ? scratch : NULL);
	now->fds = count_fds();
	now->kib = count_resident_kib();
}

static void
compare(const struct holdings *before, long round)
{
	struct holdings now;

	count_all(&now);
	try(now.maps <= before->maps, "round %ld: %d mappings, %d before",
	    round, now.maps, before->maps);
	try(now.fds == before->fds, "round %ld: %d descriptors, %d before",
	    round, now.fds, before->fds);
	try(now.files <= before->files && now.dirs <= before->dirs &&
	    now.bytes <= before->bytes, "round %ld: %d files, %d directories,"
	    " %lld bytes; %d, %d, %lld before", round, now.files, now.dirs,
	    now.bytes, before->files, before->dirs, before->bytes);
	if (!is_sanitized())
		try(now.kib - before->kib < TOLERANCE, "round %ld: %ld KiB, "
		    "%ld before", round, now.kib, before->kib);
}

/* --- rounds ------------------------------------------------------------- */

static usdt_provider_t *provider;
static usdt_probedef_t *probe;

static void
enable_and_disable(long round)
{
	(void)round;
	try(usdt_provider_enable(provider) == 0, "%s", usdt_errstr(provider));
	usdt_probe_fire(probe, 0, NULL);
	try(usdt_provider_disable(provider) == 0, "%s",
	    usdt_errstr(provider));
}

/* The round's number is in the module's or in the provider's name: each is
 * another path. */
static void
live(long round)
{
	static const char *types[] = { "int", "char *" };
	usdt_provider_t *p;
	usdt_probedef_t *def;
	char name[32];

	snprintf(name, sizeof name, "life%ldx", round);
	p = usdt_create_provider(round % 4 ? "lives" : name,
	    round % 4 ? name : "m");
	def = usdt_create_probe("f", "n", 2, types);
	if (!try(p != NULL && def != NULL &&
	    usdt_provider_add_probe(p, def) == 0, "no provider"))
		return;
	try(usdt_provider_enable(p) == 0, "%s", usdt_errstr(p));
	usdt_probe_fire(def, 0, NULL);
	if (round % 2)
		try(usdt_provider_disable(p) == 0, "%s", usdt_errstr(p));
	usdt_probe_release(def);
	usdt_provider_free(p);
}

static void
test(void (*one)(long round), long rounds, const char *what)
{
	struct timespec start, end;
	struct holdings before;
	long round, step = rounds / 10;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (round = 0; round < rounds + WARM; round++) {
		if (round == WARM)
			count_all(&before);
		else if (round > WARM && (round - WARM) % step == 0)
			compare(&before, round - WARM);
		one(round);
	}
	compare(&before, rounds);
	clock_gettime(CLOCK_MONOTONIC, &end);
	note("%.1f microseconds each, with %d files of %lld bytes in all, "
	    "%d directories, %ld KiB resident",
	    ((double)(end.tv_sec - start.tv_sec) +
	    (double)(end.tv_nsec - start.tv_nsec) / 1e9) * 1e6 /
	    (double)(rounds + WARM), before.files, before.bytes, before.dirs,
	    before.kib);
	ok_all("%ld times: %s", rounds, what);
	ok(before.files <= IMAGES, "%d images are kept", before.files);
}

int
main(void)
{
	const char *no_skip = getenv("USDT_NO_SKIP");
	int whole = no_skip != NULL && strcmp(no_skip, "1") == 0 &&
	    !is_sanitized();

	scratch_begin();
	if (usdt__stub_count == 0) {
		skip("the library has no stubs for this processor");
		return done_testing();
	}
	provider = usdt_create_provider("cycles", "m");
	probe = usdt_create_probe("f", "n", 0, NULL);
	if (provider == NULL || probe == NULL ||
	    usdt_provider_add_probe(provider, probe) < 0)
		return 1;
	test(enable_and_disable, whole ? 1000000 : 1250 * EVERY,
	    "enable, disable");
	usdt_provider_free(provider);
	usdt_probe_release(probe);
	test(live, whole ? 100000 : 200 * EVERY,
	    "a life under a name of its own");
	return done_testing();
}
