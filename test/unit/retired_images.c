/*
 * retired_images.c - what remains of images that a live provider no longer
 * uses, and how much can that become?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tap.h"
#include "scratch.h"
#include "core/provider.h"

#define CYCLES		10000
#define ADDED		1000
#define MAPPINGS	256	/* what usdt.h promises */
#define IMAGES		32
#define FILE_MAX	(16L << 20)	/* bytes of tombstones */

/* Sanitizers map memory when they like, and keep what was freed. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MAPS_ITSELF	1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MAPS_ITSELF	1
#endif
#endif
#ifndef MAPS_ITSELF
#define MAPS_ITSELF	0
#endif

static const char *plain[] = { "int", "char *" };
static const char *named[] = { "int id", "char *url" };
static const char **types = plain;	/* of the probes that add makes */

static uint16_t *
semaphore(const usdt_probedef_t *def)
{
	return (uint16_t *)(uintptr_t)def->gate;
}

/* Set the count of tracers, as the kernel does. */
static void
attach(const usdt_probedef_t *def, uint16_t count)
{
	__atomic_store_n(semaphore(def), count, __ATOMIC_RELAXED);
}

static usdt_provider_t *
provider(const char *name)
{
	usdt_provider_t *p = usdt_create_provider(name, "m");

	if (p == NULL) {
		printf("Bail out! %s\n", usdt_errstr(NULL));
		exit(1);
	}
	return p;
}

static usdt_probedef_t *
add(usdt_provider_t *p, const char *format, int number)
{
	usdt_probedef_t *def;
	char name[32];

	snprintf(name, sizeof name, format, number);
	def = usdt_create_probe("f", name, 2, types);
	if (def == NULL || usdt_provider_add_probe(p, def) < 0) {
		printf("Bail out! %s\n", usdt_errstr(def ? p : NULL));
		exit(1);
	}
	return def;
}

static size_t
mappings(const usdt_provider_t *p, unsigned *images)
{
	usdt_status_t s;

	usdt_provider_status(p, &s);
	if (images != NULL)
		*images = s.images;
	return s.mappings;
}

/* The descriptor of the file of tombstones, or -1. */
static int
stones(void)
{
	char link[40], target[256];
	ssize_t n;
	int fd;

	for (fd = 0; fd < 256; fd++) {
		snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
		n = readlink(link, target, sizeof target - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		if ((strncmp(target, scratch, strlen(scratch)) == 0 &&
		    target[strlen(scratch) + 1] == '#') ||
		    strstr(target, "retired-stubs") != NULL)
			return fd;
	}
	return -1;
}

/* The mapping at an address: its protection, and whether it is an image. */
static void
lies_at(const void *address, char protection[5], int *is_image)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[1024];
	unsigned long start, end;

	strcpy(protection, "none");
	*is_image = 0;
	while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
		if (sscanf(line, "%lx-%lx %4s", &start, &end, protection) == 3 &&
		    start <= (unsigned long)address &&
		    end > (unsigned long)address) {
			*is_image = strstr(line, "/m\n") != NULL;
			break;
		} else {
			strcpy(protection, "none");
		}
	if (maps != NULL)
		fclose(maps);
}

/* --- a late thread ------------------------------------------------------ */

static void
test_late(void)
{
	usdt_provider_t *p = provider("late");
	usdt_probedef_t *stays = add(p, "stays", 0), *goes;
	uint64_t words[USDT_ARG_MAX] = { 0 };
	const uint32_t *gate;
	const uint8_t *stub, *ask;
	char protection[8], path[2][USDT_PATH_SIZE];
	usdt_status_t s;
	int is_image, fds = count_fds(), round;

	usdt_provider_enable(p);
	for (round = 0; round < 2; round++) {
		goes = add(p, "goes", 0);
		usdt_provider_enable(p);
		usdt_provider_status(p, &s);
		strcpy(path[round], s.sdt.path);
		if (round == 1)
			ok(goes->gate == gate &&
			    goes->state->probe.fire == stub,
			    "a probe that comes back has its old gate and stub");
		gate = goes->gate;
		stub = goes->state->probe.fire;
		ask = goes->state->probe.isenabled;
		attach(goes, 1);
		usdt_provider_remove_probe(p, goes);
		usdt_probe_release(goes);
		usdt_provider_enable(p);
		lies_at(gate, protection, &is_image);
		ok(strcmp(protection, "r-xp") == 0 && !is_image,
		    "no image lies at the gate any more, but %s", protection);
		is_int(*(const volatile uint32_t *)gate, 0, "it is 0");
		is_int(usdt__stub_is_enabled(ask), 0, "the stub says no");
		usdt__fire(stub, 0, words);
		usdt__fire(stub, 1, words);
		usdt__fire(stub, USDT_ARG_MAX, words);
		ok(1, "and can be run through");
	}
	is_str(path[1], path[0], "it had its old path, too");
	is_int(count_fds(), fds + 1, "one descriptor is kept");
	usdt_probe_release(stays);
	usdt_provider_free(p);
	is_int(count_fds(), fds, "until the provider is freed");
	is_int(count_maps(scratch), 0, "and nothing stays mapped");
}

/* --- two kinds of stubs -------------------------------------------------- */

#define MANY	150		/* more than a page of stubs of each size */

/* Images with and without names leave tombstones of their kinds, through which
 * late threads can run, whatever lies beside them. */
static void
test_kinds(const char *nop)
{
	usdt_provider_t *p;
	usdt_probedef_t *all[2][MANY];
	const uint8_t *fire[2][MANY], *ask[2][MANY];
	uint64_t words[USDT_ARG_MAX] = { 0 };
	int fds = count_fds(), kind, i, round;

	setenv("USDT_NOP", nop, 1);
	p = provider("kinds");
	for (round = 0; round < 3; round++) {
		for (kind = 0; kind < 2; kind++) {
			types = kind == 0 ? plain : named;
			for (i = 0; i < MANY; i++)
				all[kind][i] = add(p, kind == 0 ? "plain-%d" :
				    "named-%d", i + round * MANY);
			is_int(usdt_provider_enable(p), 0, "round %d, kind %d",
			    round, kind);
		}
		for (kind = 0; kind < 2; kind++)
			for (i = 0; i < MANY; i++) {
				const struct usdt_probe *probe =
				    &all[kind][i]->state->probe;

				fire[kind][i] = probe->fire;
				ask[kind][i] = probe->isenabled;
				if (i == 0)
					continue;
				try(probe->fire - fire[kind][i - 1] ==
				    (kind == 1 && strcmp(nop, "10") == 0 ? 64 :
				    32), "kind %d: stub %d is %ld bytes long", kind,
				    i - 1, (long)(probe->fire -
				    fire[kind][i - 1]));
			}
		for (kind = 0; kind < 2; kind++)
			for (i = 0; i < MANY; i++) {
				usdt_provider_remove_probe(p, all[kind][i]);
				usdt_probe_release(all[kind][i]);
			}
		usdt_provider_enable(p);
		for (kind = 0; kind < 2; kind++)
			for (i = 0; i < MANY; i++) {
				try(usdt__stub_is_enabled(ask[kind][i]) == 0,
				    "kind %d: stub %d says yes", kind, i);
				usdt__fire(fire[kind][i], USDT_ARG_MAX, words);
			}
	}
	ok_all("a nop of %s: late threads run through stubs of both kinds",
	    nop);
	is_int(count_fds(), fds + 2, "a descriptor is kept for each kind");
	usdt_provider_free(p);
	is_int(count_fds(), fds, "until the provider is freed");
	is_int(count_maps(scratch), 0, "and nothing stays mapped");
	unsetenv("USDT_NOP");
	types = plain;
}

/* --- ten thousand names ------------------------------------------------- */

#define THREADS		2
#define HELD		100	/* removed probes that threads may still fire */

static usdt_probedef_t *target;
static int stop;
static unsigned long fired[THREADS];

static void *
firing(void *data)
{
	unsigned long *count = data;
	void *argv[2] = { NULL, NULL };

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		usdt_probedef_t *def =
		    __atomic_load_n(&target, __ATOMIC_ACQUIRE);

		usdt_probe_fire(def, 2, argv);
		usdt_is_enabled(def->probe);
		usdt_probe_enabled(def);
		if (__atomic_fetch_add(count, 1, __ATOMIC_RELEASE) % 64 == 0)
			sched_yield();		/* let the other threads run */
	}
	return NULL;
}

/* Wait until no thread uses its old probe. */
static void
wait_for_threads(void)
{
	unsigned long before[THREADS];
	int i;

	for (i = 0; i < THREADS; i++)
		before[i] = __atomic_load_n(&fired[i], __ATOMIC_ACQUIRE);
	for (i = 0; i < THREADS; i++)
		while (__atomic_load_n(&fired[i], __ATOMIC_ACQUIRE) -
		    before[i] < 2)
			usleep(100);
}

/* Mappings of images, of what they left, and of reserved addresses: not those
 * that the C library's allocator makes meanwhile. */
static int
count_reserved(void)
{
	return count_maps(scratch) + count_maps("retired-stubs") +
	    (MAPS_ITSELF ? 0 : count_maps(" ---p "));
}

static void
test_names(void)
{
	usdt_provider_t *p = provider("names");
	usdt_probedef_t *stays = add(p, "stays", 0), *held[HELD], *def;
	pthread_t threads[THREADS];
	int i, j, most = 0, n, before, fds = count_fds();
	size_t said = 0;
	struct stat st;

	usdt_provider_enable(p);
	target = stays;
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, firing, &fired[i]);
	wait_for_threads();		/* their stacks are mapped */
	before = count_reserved();
	attach(stays, 1);
	for (i = 0; i < CYCLES; i++) {
		def = add(p, "name-%d", i);
		if (usdt_provider_enable(p) < 0) {
			try(0, "%d: %s", i, usdt_errstr(p));
			break;
		}
		attach(def, 1);
		__atomic_store_n(&target, def, __ATOMIC_RELEASE);
		usdt_provider_remove_probe(p, def);
		held[i % HELD] = def;
		if (i % HELD < HELD - 1)
			continue;
		n = count_reserved() - before;
		if (n > most)
			most = n;
		said = mappings(p, NULL);
		try((size_t)n <= said, "%d: %d mappings, status says %zu", i, n,
		    said);
		__atomic_store_n(&target, stays, __ATOMIC_RELEASE);
		wait_for_threads();
		for (j = 0; j < HELD; j++)
			usdt_probe_release(held[j]);
	}
	ok_all("%d names come and go under firing threads", CYCLES);
	ok(most > 0 && most <= MAPPINGS && said <= MAPPINGS,
	    "%d mappings, status says %zu", most, said);
	is_int(*semaphore(stays), 1, "the one that stays is traced as before");
	is_int(count_fds(), fds + 1, "one descriptor is kept");
	memset(&st, 0, sizeof st);
	fstat(stones(), &st);
	ok(st.st_blocks > 0 && st.st_blocks * 512L <= FILE_MAX,
	    "%ld KiB of tombstones", st.st_blocks / 2L);
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	usdt_probe_release(stays);
	usdt_provider_free(p);
	is_int(count_maps(scratch), 0, "nothing stays mapped");
	is_int(count_fds(), fds, "nor open");
}

/* --- a thousand that stay ----------------------------------------------- */

static void
test_added(void)
{
	usdt_provider_t *p = provider("added");
	static usdt_probedef_t *probes[ADDED];
	unsigned images, most = 0;
	int i, moved = 0;

	for (i = 0; i < ADDED; i++) {
		const uint32_t *gate = i > 0 ? probes[0]->gate : NULL;

		probes[i] = add(p, "name-%d", i);
		try(usdt_provider_enable(p) == 0, "%d: %s", i, usdt_errstr(p));
		moved += i > 0 && probes[0]->gate != gate;
		try(mappings(p, &images) <= MAPPINGS, "%d: %zu mappings", i,
		    mappings(p, NULL));
		if (images > most)
			most = images;
	}
	for (i = 0; i < ADDED; i++) {
		attach(probes[i], 1);
		try(usdt_is_enabled(probes[i]->probe) == 1, "%d", i);
		attach(probes[i], 0);
	}
	ok_all("%d probes are added one by one", ADDED);
	is_int(most, IMAGES, "they have a bounded number of images");
	ok(moved > 0 && moved < 20, "the first moved %d times", moved);
	for (i = 0; i < ADDED; i++)
		usdt_probe_release(probes[i]);
	usdt_provider_free(p);
	is_int(count_maps(scratch), 0, "nothing stays mapped");
}

/* A tracer is attached to each image: no more are created, and none is lost. */
static void
test_attached(void)
{
	usdt_provider_t *p = provider("attached");
	usdt_probedef_t *probes[IMAGES + 1];
	const uint32_t *gates[IMAGES];
	unsigned images;
	int i;

	for (i = 0; i < IMAGES; i++) {
		probes[i] = add(p, "name-%d", i);
		usdt_provider_enable(p);
		attach(probes[i], 1);
		gates[i] = probes[i]->gate;
	}
	probes[IMAGES] = add(p, "one-more", 0);
	is_int(usdt_provider_enable(p), -1, "no more than %d images", IMAGES);
	is_str(usdt_errstr(p), "failed to place the probe image: the provider "
	    "has 32 images, at most 32 are allowed, and none of them can be "
	    "merged: they have tracers or code", "the text");
	mappings(p, &images);
	is_int(images, IMAGES, "they are as they were");
	for (i = 0; i < IMAGES; i++)
		try(usdt_is_enabled(probes[i]->probe) == 1 &&
		    probes[i]->gate == gates[i], "%d", i);
	ok_all("and their probes");
	attach(probes[7], 0);
	attach(probes[9], 0);
	is_int(usdt_provider_enable(p), 0, "two are not traced any more");
	mappings(p, &images);
	is_int(images, IMAGES - 1, "they are laid out with the new one");
	for (i = 0; i < IMAGES; i++)
		try(i == 7 || i == 9 ? probes[i]->gate != gates[i] :
		    probes[i]->gate == gates[i] &&
		    usdt_is_enabled(probes[i]->probe) == 1, "%d", i);
	ok_all("and all others stay");
	for (i = 0; i <= IMAGES; i++)
		usdt_probe_release(probes[i]);
	usdt_provider_free(p);
}

/* --- actions of the host ------------------------------------------------ */

/* COUNT names come and go; returns how many failed. */
static int
come_and_go(usdt_provider_t *p, const char *format, int count)
{
	int i, bad = 0;

	for (i = 0; i < count; i++) {
		usdt_probedef_t *def = add(p, format, i);

		bad += usdt_provider_enable(p) < 0 || *def->gate != 0;
		usdt_provider_remove_probe(p, def);
		usdt_probe_release(def);
	}
	return bad;
}

static void
test_descriptor(void)
{
	usdt_provider_t *p = provider("closed");
	usdt_probedef_t *stays = add(p, "stays", 0);
	char name[96];
	struct stat st;
	int fd, other;

	usdt_provider_enable(p);
	come_and_go(p, "a-%d", 40);
	fd = stones();
	ok(fd > STDERR_FILENO, "there is a descriptor, %d", fd);
	close(fd);
	snprintf(name, sizeof name, "%s/other", scratch);
	other = open(name, O_RDWR | O_CREAT, 0600);
	if (other != fd)
		dup2(other, fd);
	is_int(come_and_go(p, "b-%d", 40), 0,
	    "the host has closed it, and has another file there");
	ok(fstat(fd, &st) == 0 && st.st_size == 0, "which is left alone");
	ok(stones() > STDERR_FILENO && stones() != fd, "there is a new one");
	ok(count_maps(scratch) <= (int)mappings(p, NULL) &&
	    mappings(p, NULL) < 80, "%d mappings, status says %zu",
	    count_maps(scratch), mappings(p, NULL));
	usdt_probe_release(stays);
	usdt_provider_free(p);
	ok(fstat(fd, &st) == 0, "the other file is open when all is freed");
	close(fd);
	if (other != fd)
		close(other);
	unlink(name);
	is_int(stones(), -1, "the library's is not");
}

/* Where tombstones can't be laid, images stay, up to the bound. */
static void
test_bound(void)
{
	const char *text = "memory mappings, at most 256 are allowed, most "
	    "of them left by images of removed probes: free it and make "
	    "another";
	struct rlimit before, low;
	usdt_provider_t *p = provider("bound");
	usdt_probedef_t *stays = add(p, "stays", 0), *def;
	int i, result = 0, enabled;

	usdt_provider_enable(p);
	attach(stays, 1);
	getrlimit(RLIMIT_FSIZE, &before);
	low = before;
	low.rlim_cur = 40 * 1024;	/* room for an image, not for many
					 * tombstones */
	if (usdt__native_arch()->page > 4096)
		low.rlim_cur *= usdt__native_arch()->page / 4096;
	setrlimit(RLIMIT_FSIZE, &low);
	for (i = 0; i < 300 && result == 0; i++) {
		def = add(p, "name-%d", i);
		result = usdt_provider_enable(p);
		usdt_provider_remove_probe(p, def);
		usdt_probe_release(def);
	}
	setrlimit(RLIMIT_FSIZE, &before);
	ok(result == -1 && i > 70, "it fails after %d names", i);
	ok(strstr(usdt_errstr(p), text) != NULL, "%s", usdt_errstr(p));
	ok(count_maps(scratch) > 200 && count_maps(scratch) <= MAPPINGS,
	    "with %d mappings", count_maps(scratch));
	enabled = usdt_is_enabled(stays->probe);
	ok(enabled == 1 && *semaphore(stays) == 1, "the others go on");
	is_int(come_and_go(p, "more-%d", 40), 0,
	    "when there is room for tombstones again, all is well");
	ok(count_maps(scratch) < 80, "with %d mappings", count_maps(scratch));
	usdt_probe_release(stays);
	usdt_provider_free(p);
}

/* Address space is scarce. */
static void
test_scarce(void)
{
	struct rlimit limit;
	usdt_provider_t *p;
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		FILE *statm = fopen("/proc/self/statm", "r");
		long pages = 0;

		if (statm == NULL || fscanf(statm, "%ld", &pages) != 1)
			_exit(2);
		p = provider("scarce");
		add(p, "stays", 0);
		limit.rlim_cur = limit.rlim_max = (rlim_t)(pages + 1024) *
		    (rlim_t)sysconf(_SC_PAGESIZE);
		setrlimit(RLIMIT_AS, &limit);
		usdt_provider_enable(p);
		_exit(come_and_go(p, "name-%d", 60) == 0 ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	is_int(status, 0, "4 MiB of addresses suffice for 60 names");
}

static void
test_fork(void)
{
	usdt_provider_t *p = provider("forks"), *q = provider("second");
	usdt_probedef_t *stays = add(p, "stays", 0), *other = add(q, "o", 0);
	int status = -1;
	pid_t pid;

	usdt_provider_enable(p);
	usdt_provider_enable(q);
	come_and_go(p, "a-%d", 30);
	come_and_go(q, "a-%d", 3);
	pid = fork();
	if (pid == 0) {
		int bad = come_and_go(p, "child-%d", 60);

		bad += come_and_go(q, "child-%d", 30);
		usdt_provider_free(p);
		bad += come_and_go(q, "again-%d", 30);
		attach(other, 1);
		bad += usdt_is_enabled(other->probe) != 1;
		usdt_provider_free(q);
		usdt_probe_release(stays);
		usdt_probe_release(other);
		_exit(bad == 0 && count_maps(scratch) == 0 ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	is_int(status, 0, "a child goes on, and has two providers");
	is_int(come_and_go(p, "parent-%d", 60), 0, "and so does its parent");
	attach(stays, 1);
	is_int(usdt_is_enabled(stays->probe), 1, "whose probe is enabled");
	/* Held after its provider was freed: its gate stays. */
	usdt_provider_free(p);
	is_int(usdt_is_enabled(stays->probe), 0, "until it is freed");
	usdt_probe_release(stays);
	is_int(come_and_go(q, "last-%d", 30), 0, "the second goes on alone");
	usdt_provider_free(q);
	usdt_probe_release(other);
	is_int(count_maps(scratch), 0, "nothing stays mapped");
}

int
main(void)
{
	int fds;

	scratch_begin();
	if (usdt__stub_count == 0 || !usdt__native_platform()->image) {
		skip("the library has no images here");
		return done_testing();
	}
	fds = count_fds();
	test_late();
	types = named;
	test_late();
	types = plain;
	test_kinds("1");
	if (strcmp(usdt__native_arch()->name, "x86_64") == 0)
		test_kinds("10");
	test_names();
	test_added();
	test_attached();
	test_descriptor();
	test_bound();
	test_scarce();
	test_fork();
	is_int(count_fds(), fds, "no descriptor stays");
	return done_testing();
}
