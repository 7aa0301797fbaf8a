/*
 * direct.c - what does a probe write while a reader of direct events watches?
 *
 * The test acts as the kernel, which counts readers in the second halfword of a
 * gate, and as the reader, which finds the ring in its process's maps.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"
#include "scratch.h"
#include "core/provider.h"

static usdt_provider_t *p;
static usdt_probedef_t *probe;

static void
watch(const usdt_probedef_t *def, int by)
{
	((volatile uint16_t *)(uintptr_t)def->probe->image_gate)[1] +=
	    (uint16_t)by;
}

static usdt_probedef_t *
add(const char *name, size_t argc, const char **types)
{
	usdt_probedef_t *def = usdt_create_probe("f", name, argc, types);

	if (def == NULL || usdt_provider_add_probe(p, def) < 0) {
		printf("Bail out! %s\n", usdt_errstr(def ? p : NULL));
		exit(1);
	}
	return def;
}

static void
begin(const char *name)
{
	p = usdt_create_provider(name, "module");
}

static void
enable(void)
{
	if (usdt_provider_enable(p) < 0) {
		printf("Bail out! %s\n", usdt_errstr(p));
		exit(1);
	}
}

/* --- the reader --------------------------------------------------------- */

struct reader {
	const struct usdt__ring *ring;
	uint32_t place;
};

/* The rings that this process maps; returns how many. */
static int
find_rings(struct reader *all, int max)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	unsigned long start;
	int n = 0;

	while (fgets(line, sizeof line, maps) != NULL)
		if (strstr(line, "/memfd:" USDT__RING_NAME) != NULL &&
		    sscanf(line, "%lx", &start) == 1 && n < max) {
			all[n].ring = (const void *)start;
			all[n].place = all[n].ring->key;
			n++;
		}
	fclose(maps);
	return n;
}

static struct reader
the_ring(void)
{
	struct reader all[128] = { { NULL, 0 } };
	int i, n = find_rings(all, 128);

	for (i = 0; i < n; i++)
		if (all[i].ring->tid == (uint32_t)syscall(SYS_gettid) &&
		    !all[i].ring->closed)
			return all[i];
	return (struct reader){ NULL, 0 };
}

/* The next record, or NULL. */
static const struct usdt__record *
next(struct reader *reader)
{
	const struct usdt__ring *ring = reader->ring;
	const struct usdt__record *record;

	if (ring == NULL || reader->place == ring->head)
		return NULL;
	record = (const void *)((const char *)ring + ring->data +
	    (reader->place & (ring->units - 1)) * 8);
	if (record->tag != reader->place)
		return NULL;
	reader->place += USDT__RECORD_WORDS(record->meta);
	return record;
}

static const uint64_t *
values(const struct usdt__record *record)
{
	return (const uint64_t *)(const void *)(record + 1);
}

/* The cell of a record in its image, or -1. */
static long
cell_of(const struct reader *reader, const struct usdt__record *record)
{
	uint32_t i, index = USDT__RECORD_INDEX(record->meta);

	for (i = 0; i < USDT__RING_IMAGES; i++)
		if (reader->ring->images[i].count > 0 &&
		    index - reader->ring->images[i].first <
		    reader->ring->images[i].count)
			return index - reader->ring->images[i].first;
	return -1;
}

static uint32_t
counted(const struct reader *reader, uint32_t index)
{
	return ((const uint32_t *)(const void *)((const char *)reader->ring +
	    reader->ring->counters))[index];
}

/* --- tests -------------------------------------------------------------- */

static void
test_words(void)
{
	const char *types[USDT_ARG_MAX];
	usdt_probedef_t *defs[USDT_ARG_MAX + 1];
	const struct usdt__record *record;
	struct reader reader;
	uint64_t argv[USDT_ARG_MAX];
	char name[16];
	size_t argc, i;

	begin("words");
	for (i = 0; i < USDT_ARG_MAX; i++) {
		types[i] = "uint64_t";
		argv[i] = 0x1122334455667788u * (i + 1);
	}
	for (argc = 0; argc <= USDT_ARG_MAX; argc++) {
		snprintf(name, sizeof name, "w%zu", argc);
		defs[argc] = add(name, argc, types);
	}
	enable();
	usdt_probe_fire64(defs[3], 3, argv);
	ok(find_rings(&reader, 1) == 0, "nobody watches: there is no ring");
	for (argc = 0; argc <= USDT_ARG_MAX; argc++)
		watch(defs[argc], 1);
	ok(usdt_probe_enabled(defs[1]) && usdt_is_enabled(defs[1]->probe),
	    "a reader makes a probe enabled");
	errno = 77;
	for (argc = 0; argc <= USDT_ARG_MAX; argc++)
		usdt_probe_fire64(defs[argc], argc, argv);
	is_int(errno, 77, "errno stays");
	reader = the_ring();
	if (!ok(reader.ring != NULL && reader.ring->magic == USDT__RING_MAGIC,
	    "there is one then"))
		return;
	for (argc = 0; argc <= USDT_ARG_MAX; argc++) {
		record = next(&reader);
		try(record != NULL, "%zu words: no record", argc);
		if (record == NULL)
			break;
		try(USDT__RECORD_WORDS(record->meta) == 2 + argc &&
		    !(record->meta & USDT__RECORD_HAS_TEXTS),
		    "%zu words: meta %#x", argc, record->meta);
		try(cell_of(&reader, record) == (long)argc, "%zu words: cell "
		    "%ld", argc, cell_of(&reader, record));
		try(counted(&reader, USDT__RECORD_INDEX(record->meta)) == 1,
		    "%zu words: not counted once", argc);
		for (i = 0; i < argc; i++)
			try(values(record)[i] == argv[i], "%zu words: word %zu",
			    argc, i);
	}
	ok_all("a record of each number of words");
	ok(next(&reader) == NULL, "and no other");
	usdt_probe_fire64(defs[2], 1, argv);
	usdt_probe_fire64(defs[2], 2, NULL);
	usdt_probe_fire64(defs[0], 0, NULL);
	record = next(&reader);
	ok(record != NULL && values(record)[0] == argv[0] &&
	    values(record)[1] == 0, "missing words are 0");
	record = next(&reader);
	ok(record != NULL && values(record)[0] == 0, "without words all are");
	record = next(&reader);
	ok(record != NULL && cell_of(&reader, record) == 0,
	    "a probe without arguments needs none");
	watch(defs[2], -1);
	usdt_probe_fire64(defs[2], 2, argv);
	ok(next(&reader) == NULL, "the reader went: nothing is written");
	watch(defs[2], 1);
	usdt_provider_disable(p);
	usdt_probe_fire64(defs[2], 2, argv);
	ok(next(&reader) == NULL, "nor while the provider is disabled");
	enable();
	usdt_probe_fire64(defs[2], 2, argv);
	ok(next(&reader) != NULL, "but when it is enabled again");
	usdt_provider_free(p);
	for (argc = 0; argc <= USDT_ARG_MAX; argc++)
		usdt_probe_release(defs[argc]);
}

/* Text I of the record, to OUT; returns its word. */
static uint64_t
text_of(const struct usdt__record *record, unsigned index, const char **text)
{
	const uint64_t *word = values(record);
	const char *at = (const char *)(word + 1 + (word[0] >> 32));
	unsigned i;

	for (i = 0; i < index; i++)
		if (word[0] >> i & 1)
			at += USDT__TEXT_ROOM(word[1 + i]) * 8;
	*text = at;
	return word[1 + index] & (((uint64_t)1 << 40) - 1);
}

static void
test_texts(int vouched)
{
	const char *how = vouched ? "vouched" : "not vouched";
	const char *types[] = { "const char *url", "int", "char *body",
		"size_t body_len" };
	long page = sysconf(_SC_PAGESIZE);
	char *memory = mmap(NULL, (size_t)page * 2, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct usdt__record *record;
	const char *text;
	char longest[1000];
	struct reader reader;
	uint64_t argv[4], word;
	size_t length;

	mprotect(memory + page, (size_t)page, PROT_NONE);
	begin(vouched ? "vouched" : "texts");
	probe = add("t", 4, types);
	is_int(usdt_provider_set_texts(p, vouched), 0, "%s: set_texts", how);
	enable();
	watch(probe, 1);
	argv[0] = argv[2] = 0;
	argv[1] = 5;
	argv[3] = 3;
	usdt_probe_fire64(probe, 4, argv);
	reader = the_ring();
	reader.place = reader.ring->head;
	usdt_probe_fire64(probe, 4, argv);
	record = next(&reader);
	ok(record != NULL && text_of(record, 0, &text) == USDT__TEXT_NULL &&
	    text_of(record, 2, &text) == USDT__TEXT_NULL &&
	    values(record)[2] == 5, "%s: NULL", how);
	memset(longest, 'x', sizeof longest);
	for (length = 0; length < 600; length++) {
		/* It ends where the page does. */
		char *start = memory + page - length - 1;

		memset(start, 'a', length);
		start[length] = '\0';
		argv[0] = (uintptr_t)start;
		argv[2] = (uintptr_t)(memory + page - length);
		argv[3] = length;
		usdt_probe_fire64(probe, 4, argv);
		record = next(&reader);
		try(record != NULL, "%zu: no record", length);
		if (record == NULL)
			break;
		word = text_of(record, 0, &text);
		try(USDT__TEXT_LENGTH(word) == (length < 513 ? length : 512) &&
		    (word & USDT__TEXT_CUT) == (length > 512 ? USDT__TEXT_CUT :
		    0) && !(word & USDT__TEXT_UNREADABLE),
		    "%zu: %#llx", length, (unsigned long long)word);
		try(strspn(text, "a") == USDT__TEXT_LENGTH(word), "%zu: the "
		    "bytes", length);
		word = text_of(record, 2, &text);
		try(memcmp(text, start + 1, USDT__TEXT_LENGTH(word)) == 0,
		    "%zu: the bytes with a length", length);
		try(USDT__TEXT_LENGTH(word) == (length < 513 ? length : 512) &&
		    (word & USDT__TEXT_CUT) == (length > 512 ? USDT__TEXT_CUT :
		    0), "%zu: with a length: %#llx", length,
		    (unsigned long long)word);
	}
	ok_all("%s: of each length, up to the end of memory", how);
	if (!vouched) {
		argv[0] = 16;
		argv[2] = (uintptr_t)(memory + page);
		argv[3] = 7;
		usdt_probe_fire64(probe, 4, argv);
		record = next(&reader);
		ok(record != NULL && text_of(record, 0, &text) ==
		    USDT__TEXT_UNREADABLE && text_of(record, 2, &text) ==
		    USDT__TEXT_UNREADABLE && values(record)[2] == 5,
		    "pointers to nothing are unreadable");
		memset(memory, 'z', (size_t)page);
		argv[0] = (uintptr_t)(memory + page - 9);
		argv[3] = 0;
		usdt_probe_fire64(probe, 4, argv);
		record = next(&reader);
		ok(record != NULL && text_of(record, 0, &text) ==
		    USDT__TEXT_UNREADABLE && text_of(record, 2, &text) == 0,
		    "so is a text without an end; an empty one is not");
	}
	usdt_provider_free(p);
	usdt_probe_release(probe);
	munmap(memory, (size_t)page * 2);
}

/* --- the fast ways -------------------------------------------------------- */

#define SHAPES	(USDT_ARG_MAX + 1)

static usdt_probedef_t *shapes[SHAPES];
static uint64_t shape_words[USDT_ARG_MAX];

/* Fire with ARGC words, or with none of them given, and compare. */
static void
fire_shape(struct reader *reader, size_t argc, int given)
{
	const struct usdt__record *record;
	size_t i;

	usdt_probe_fire64(shapes[argc], argc, given ? shape_words : NULL);
	record = next(reader);
	try(record != NULL && USDT__RECORD_WORDS(record->meta) == 2 + argc &&
	    !(record->meta & USDT__RECORD_HAS_TEXTS) &&
	    cell_of(reader, record) == (long)argc && next(reader) == NULL,
	    "%zu words: no record, or a wrong one", argc);
	for (i = 0; record != NULL && i < argc; i++)
		try(values(record)[i] == (given ? shape_words[i] : 0),
		    "%zu words: word %zu", argc, i);
}

/* Does this thread find its image without a call?  Not if only the kernel tells
 * the time. */
static int
is_fast(void)
{
	const struct usdt__writer *writer = usdt__writer_at(
	    usdt__writer_place(usdt__thread()));

	return writer->thread == usdt__thread() && (writer->views[0].size > 0 ||
	    !writer->by_counter);
}

/* Until no record of this thread is announced. */
static struct reader
await_silence(usdt_probedef_t *def, const uint64_t *words)
{
	struct reader reader;

	usdt_probe_fire64(def, def->argc, words);
	usleep(110000);
	usdt_probe_fire64(def, def->argc, words);
	usdt_probe_fire64(def, def->argc, words);
	reader = the_ring();
	reader.place = reader.ring->head;
	return reader;
}

static void *
fire_words_fast(void *unused)
{
	struct reader reader = await_silence(shapes[0], shape_words);
	size_t argc;

	ok(is_fast(), "the fast way is open");
	for (argc = 0; argc < SHAPES; argc++) {
		fire_shape(&reader, argc, 1);
		fire_shape(&reader, argc, 0);
	}
	ok_all("each count of words, and none given");
	return unused;
}

/* Which argument of how many is the text? */
static const struct {
	unsigned argc, text;
} places[] = { { 1, 0 }, { 2, 0 }, { 2, 1 }, { 3, 1 }, { 8, 7 }, { 32, 31 } };

#define PLACES	(sizeof places / sizeof places[0])

/* The thread may have got a larger ring. */
static void
follow(struct reader *reader)
{
	if (!reader->ring->closed)
		return;
	*reader = the_ring();
	reader->place = reader->ring->head;
}

/* Fire with this text at place K, and compare. */
static void
fire_text_at(struct reader *reader, size_t k, const char *given, size_t length)
{
	const unsigned argc = places[k].argc, at = places[k].text;
	const size_t whole = length > USDT__TEXT_MAX ? USDT__TEXT_MAX : length;
	const struct usdt__record *record;
	uint64_t argv[USDT_ARG_MAX], word;
	const char *text;
	unsigned i;

	memcpy(argv, shape_words, sizeof argv);
	argv[at] = (uintptr_t)given;
	follow(reader);
	usdt_probe_fire64(shapes[k], argc, argv);
	record = next(reader);
	try(record != NULL && next(reader) == NULL && values(record)[0] ==
	    ((uint64_t)1 << at | (uint64_t)argc << 32) &&
	    record->meta & USDT__RECORD_HAS_TEXTS, "%u of %u, %zu bytes: no "
	    "record, or a wrong one", at, argc, length);
	if (record == NULL)
		return;
	word = text_of(record, at, &text);
	try(given == NULL ? word == USDT__TEXT_NULL : word == (whole |
	    (length > whole ? USDT__TEXT_CUT : 0)), "%u of %u, %zu bytes: %#llx",
	    at, argc, length, (unsigned long long)word);
	try(given == NULL || (memcmp(text, given, whole) == 0 &&
	    text[whole] == '\0'), "%u of %u, %zu bytes: other bytes", at, argc,
	    length);
	try(USDT__RECORD_WORDS(record->meta) == 3 + argc +
	    USDT__TEXT_ROOM(values(record)[1 + at]), "%u of %u, %zu bytes: its "
	    "words", at, argc, length);
	for (i = 0; i < argc; i++)
		try(i == at || values(record)[1 + i] == argv[i],
		    "%u of %u: word %u", at, argc, i);
}

static void *
fire_text_fast(void *pages)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *memory = pages;
	struct reader reader;
	size_t length, start, k;

	memset(memory + page, '\0', page);
	shape_words[0] = (uintptr_t)(memory + page);
	reader = await_silence(shapes[0], shape_words);
	ok(is_fast(), "the fast way is open");
	for (k = 0; k < PLACES; k++) {
		for (length = 0; length < 600; length++) {
			char *text = memory + 2 * page - length - 1;

			memset(text, (int)(1 + length % 255), length);
			fire_text_at(&reader, k, text, length);
		}
		fire_text_at(&reader, k, NULL, 0);
	}
	ok_all("a text of each length, up to the end of memory");
	memset(memory + page, 'z', page);
	for (start = 0; start < 17; start++)
		for (length = 0; length < 70; length++) {
			memory[page + start + length] = '\0';
			fire_text_at(&reader, start % PLACES, memory + page +
			    start, length);
			memory[page + start + length] = 'z';
		}
	ok_all("and of each alignment, at the beginning of memory");
	return NULL;
}

/* A thread of its own has no other image. */
static void
run_alone(void *(*what)(void *), void *data)
{
	pthread_t thread;

	pthread_create(&thread, NULL, what, data);
	pthread_join(thread, NULL);
}

static void
test_fast(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const char *types[USDT_ARG_MAX];
	char name[16], *memory;
	size_t i;

	begin("shapes");
	for (i = 0; i < USDT_ARG_MAX; i++) {
		types[i] = "uint64_t";
		shape_words[i] = 0x8877665544332211u * (i + 1);
	}
	for (i = 0; i < SHAPES; i++) {
		snprintf(name, sizeof name, "s%zu", i);
		shapes[i] = add(name, i, types);
	}
	enable();
	for (i = 0; i < SHAPES; i++)
		watch(shapes[i], 1);
	run_alone(fire_words_fast, NULL);
	usdt_provider_free(p);
	for (i = 0; i < SHAPES; i++)
		usdt_probe_release(shapes[i]);

	begin("one-text");
	for (i = 0; i < PLACES; i++) {
		snprintf(name, sizeof name, "t%zu", i);
		types[places[i].text] = "char *";
		shapes[i] = add(name, places[i].argc, types);
		types[places[i].text] = "uint64_t";
	}
	usdt_provider_set_texts(p, 1);
	enable();
	for (i = 0; i < PLACES; i++)
		watch(shapes[i], 1);
	memory = mmap(NULL, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
	    -1, 0);
	mprotect(memory + page, page, PROT_READ | PROT_WRITE);
	run_alone(fire_text_fast, memory);
	munmap(memory, 3 * page);
	usdt_provider_free(p);
	for (i = 0; i < PLACES; i++)
		usdt_probe_release(shapes[i]);
}

/* --- laps, signals, threads --------------------------------------------- */

static const char *two[] = { "uint64_t", "uint64_t" };

static void
fire(uint64_t a, uint64_t b)
{
	const uint64_t argv[2] = { a, b };

	usdt_probe_fire64(probe, 2, argv);
}

static void *
lap(void *rings)
{
	struct reader old[64], reader;
	const struct usdt__record *record;
	uint32_t i, units, written, seen = 0;
	int n;

	fire(0, 0);
	reader = the_ring();
	units = reader.ring->units;
	for (i = 1; i < units / 4 * 3; i++)
		fire(i, i);
	ok(the_ring().ring == reader.ring || find_rings(old, 64) > 1,
	    "a ring that comes round is used again, or makes way for a larger");
	/* It makes way before it comes round if that takes long. */
	written = reader.ring->head - reader.ring->key;
	written = written < units ? written : units;
	reader.place = reader.ring->head - written;
	while ((record = next(&reader)) != NULL) {
		try(values(record)[0] == values(record)[1], "%u: torn", seen);
		seen++;
	}
	ok_all("each record of the last lap is whole");
	is_int(seen, written / 4, "and all of it is there");
	for (i = 0; i < 40 * units; i++)
		fire(i, ~(uint64_t)i);
	n = find_rings(old, 64) - *(int *)rings;
	ok(n >= 2 && n <= 3 && the_ring().ring->units > units, "a thread that comes "
	    "round quickly gets a larger ring: %d rings, one of %u units", n,
	    the_ring().ring->units);
	return NULL;
}

static void *
fire_once(void *which)
{
	fire((uintptr_t)which, 0);
	return NULL;
}

/* Until the rings of threads that ended are gone, but for the last thread's. */
static void
wait_for_end(int before)
{
	struct reader all[128];
	pthread_t thread;

	while (find_rings(all, 128) > before + 1) {
		usleep(1100000);	/* they stay for a second */
		pthread_create(&thread, NULL, fire_once, NULL);
		pthread_join(thread, NULL);
	}
}

#define MANY 6

/* More threads than may have the largest ring come round quickly. */
static void *
fill(void *barrier)
{
	long i;

	for (i = 0; i < 2000000; i++)
		fire(0, 0);
	pthread_barrier_wait(barrier);
	pthread_barrier_wait(barrier);
	return NULL;
}

static void
test_largest(void)
{
	pthread_barrier_t barrier;
	pthread_t threads[MANY];
	struct reader all[64];
	int i, n, largest = 0, before;

	begin("largest");
	probe = add("fill", 2, two);
	enable();
	watch(probe, 1);
	before = find_rings(all, 64);
	pthread_barrier_init(&barrier, NULL, MANY + 1);
	for (i = 0; i < MANY; i++)
		pthread_create(&threads[i], NULL, fill, &barrier);
	pthread_barrier_wait(&barrier);
	n = find_rings(all, 64);
	for (i = 0; i < n; i++) {
		largest += all[i].ring->units == USDT__RING_UNITS;
		try(all[i].ring->units <= USDT__RING_UNITS, "%u units",
		    all[i].ring->units);
	}
	pthread_barrier_wait(&barrier);
	for (i = 0; i < MANY; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&barrier);
	ok_all("no ring is larger than readers know");
	ok(largest <= 4, "%d of %d threads have 16 MiB: not each gets them",
	    largest, MANY);
	ok(find_rings(all, 64) <= before + 8, "they go with their threads, but "
	    "for 16 MiB of all");
	wait_for_end(before);
	usdt_provider_free(p);
	usdt_probe_release(probe);
}

static int
count_open(void)
{
	struct reader all[128];
	int n = find_rings(all, 128), open = 0;

	while (n-- > 0)
		open += all[n].ring->closed == 0;
	return open;
}

static void
test_laps(void)
{
	pthread_t thread;
	struct reader all[64];
	int before, open;

	begin("laps");
	probe = add("lap", 2, two);
	enable();
	watch(probe, 1);
	before = find_rings(all, 64);
	open = count_open();
	pthread_create(&thread, NULL, lap, &before);
	pthread_join(thread, NULL);
	is_int(count_open(), open, "its end closes them");
	usdt_provider_free(p);
	usdt_probe_release(probe);
}

/* A handler that fires, at any instruction of the thread's own fires. */
static volatile uint64_t fired_by_handler;

static void
on_signal(int number)
{
	(void)number;
	fire(1, ++fired_by_handler);
}

static void
test_signals(void)
{
	const struct itimerval fast = { { 0, 50 }, { 0, 50 } }, off =
	    { { 0, 0 }, { 0, 0 } };
	const struct usdt__record *record;
	struct sigaction action;
	struct reader reader;
	uint64_t i, others = 0, last = 0;
	begin("signals");
	probe = add("signal", 2, two);
	enable();
	watch(probe, 1);
	for (i = 0; i < 40 << 15; i++)	/* its ring has the final size now */
		fire(2, 0);
	reader = the_ring();
	reader.place = reader.ring->head;
	memset(&action, 0, sizeof action);
	action.sa_handler = on_signal;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &fast, NULL);
	for (i = 1; fired_by_handler < 2000; i++) {
		fire(2, i);
		if (i % 1000 != 0)
			continue;
		while ((record = next(&reader)) != NULL)
			if (values(record)[0] == 1) {
				others++;
			} else {
				try(values(record)[1] == last + 1, "%llu after "
				    "%llu", (unsigned long long)
				    values(record)[1],
				    (unsigned long long)last);
				last = values(record)[1];
			}
	}
	setitimer(ITIMER_REAL, &off, NULL);
	while ((record = next(&reader)) != NULL)
		if (values(record)[0] == 1)
			others++;
	ok_all("records of a thread are in order, whatever its handlers do");
	ok(others > 0, "its handlers' are there, too");
	usdt_provider_free(p);
	usdt_probe_release(probe);
}

static void
test_threads(void)
{
	enum { THREADS = 8, ROUNDS = 50 };
	pthread_t threads[THREADS];
	struct reader all[128];
	int before = find_rings(all, 128), round, i, n, most = 0;

	begin("threads");
	probe = add("thread", 2, two);
	enable();
	watch(probe, 1);
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < THREADS; i++)
			pthread_create(&threads[i], NULL, fire_once,
			    (void *)(uintptr_t)i);
		for (i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
		n = find_rings(all, 128);
		if (n > most)
			most = n;
	}
	ok(most <= 64 + 8, "of 400 threads that ended no more "
	    "than 64 rings are kept: %d", most);
	wait_for_end(before);
	ok(1, "and not for long");
	usdt_provider_free(p);
	usdt_probe_release(probe);
}

/* --- processes ---------------------------------------------------------- */

static int
in_forked(void)
{
	struct reader reader;

	reader = the_ring();
	if (reader.ring != NULL)
		return 1;		/* the parent's is not here */
	watch(probe, 1);		/* as the kernel does */
	fire(7, 8);
	reader = the_ring();
	if (reader.ring == NULL || next(&reader) == NULL ||
	    next(&reader) != NULL)
		return 2;
	return 0;
}

static int
in_cloned(void)
{
	struct reader reader;

	fire(9, 9);			/* it is not mended yet: no event */
	if (the_ring().ring != NULL)
		return 1;
	usdt_provider_free(usdt_create_provider("mends", "x"));
	watch(probe, 1);
	fire(9, 9);
	reader = the_ring();
	return reader.ring == NULL || next(&reader) == NULL ? 2 : 0;
}

static int
status_of(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return status;
}

static void
test_children(void)
{
	struct reader reader;
	uint32_t head;
	pid_t pid;

	begin("children");
	probe = add("child", 2, two);
	enable();
	watch(probe, 1);
	fire(0, 0);
	reader = the_ring();
	head = reader.ring->head;
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(in_forked());
	is_int(status_of(pid), 0, "a forked child has a ring of its own");
	pid = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
	if (pid == 0)
		_exit(in_cloned());
	is_int(status_of(pid), 0, "a clone writes when it is mended");
	is_int(reader.ring->head, head, "neither writes to its parent's");
#if defined(__SANITIZE_THREAD__)
	skip("the thread sanitizer makes a fork of it");
#else
	pid = vfork();
	if (pid == 0) {
		fire(3, 3);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	is_int(reader.ring->head, head + 4, "vfork's child, which has its "
	    "parent's memory, does");
#endif
	usdt_provider_free(p);
	usdt_probe_release(probe);
}

/* --- no ring ------------------------------------------------------------ */

static void *
fire_limited(void *unused)
{
	struct reader reader;
	uint32_t n = 0;

	(void)unused;
	fire(1, 1);
	close(0);
	reader = the_ring();
	while (next(&reader) != NULL)
		n++;
	return (void *)(uintptr_t)(n + 1);
}

static int
limited(int resource)
{
	struct rlimit limit;
	pthread_t thread;
	void *result;

	getrlimit(resource, &limit);
	limit.rlim_cur = resource == RLIMIT_NOFILE ? 3 : 4096;
	if (resource == RLIMIT_NOFILE)
		while (dup(0) >= 0)
			;
	setrlimit(resource, &limit);
	if (pthread_create(&thread, NULL, fire_limited, NULL) != 0)
		return 3;
	pthread_join(thread, &result);
	return result == (void *)(uintptr_t)1 ? 0 : 4;
}

static void
test_limits(void)
{
	static const struct {
		int resource;
		const char *what;
	} limits[] = {
		{ RLIMIT_FSIZE, "of files" }, { RLIMIT_NOFILE, "of descriptors" },
	};
	size_t i;
	pid_t pid;

	begin("limits");
	probe = add("limited", 2, two);
	enable();
	watch(probe, 1);
	for (i = 0; i < sizeof limits / sizeof limits[0]; i++) {
		fflush(stdout);
		pid = fork();
		if (pid == 0)
			_exit(limited(limits[i].resource));
		is_int(status_of(pid), 0, "a limit %s: no ring, no harm",
		    limits[i].what);
	}
	usdt_provider_free(p);
	usdt_probe_release(probe);
}

/* A filter of system calls, as the kernel reads it.  musl-gcc does not find the
 * kernel's headers. */
struct instruction {
	uint16_t code;
	uint8_t if_true, if_false;
	uint32_t value;
};

struct filter {
	unsigned short count;
	const struct instruction *instructions;
};

#define LOAD		0x20	/* BPF_LD | BPF_W | BPF_ABS: of the call's data */
#define IF_EQUAL	0x15	/* BPF_JMP | BPF_JEQ | BPF_K */
#define RETURN		0x06	/* BPF_RET | BPF_K */
#define REFUSE		0x00050000u	/* SECCOMP_RET_ERRNO */
#define ALLOW		0x7fff0000u	/* SECCOMP_RET_ALLOW */
#define KILL		0x80000000u	/* SECCOMP_RET_KILL_PROCESS */
#define LOW_HALF	(__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0)
#define MODE_FILTER	2		/* SECCOMP_MODE_FILTER */

static int
install(const struct instruction *instructions, size_t count)
{
	const struct filter filter = { (unsigned short)count, instructions };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	    prctl(PR_SET_SECCOMP, MODE_FILTER, &filter) == 0;
}

/* From now on the kernel answers this system call with an error, and says that
 * the thread has no filter. */
static int
refuse(int number, int error)
{
	const struct instruction instructions[] = {
		{ LOAD, 0, 0, 0 },		/* its number */
		{ IF_EQUAL, 0, 1, (uint32_t)number },
		{ RETURN, 0, 0, REFUSE | (uint32_t)error },
		{ IF_EQUAL, 0, 3, SYS_prctl },
		{ LOAD, 0, 0, 16 + LOW_HALF },	/* its first argument */
		{ IF_EQUAL, 0, 1, PR_GET_SECCOMP },
		{ RETURN, 0, 0, REFUSE | 0 },
		{ RETURN, 0, 0, ALLOW }
	};

	return install(instructions,
	    sizeof instructions / sizeof instructions[0]);
}

/* From now on any system call but prctl, and the last one, ends the process. */
static int
kill_for_calls(void)
{
	const struct instruction instructions[] = {
		{ LOAD, 0, 0, 0 },
		{ IF_EQUAL, 2, 0, SYS_prctl },
		{ IF_EQUAL, 1, 0, SYS_exit_group },
		{ RETURN, 0, 0, KILL },
		{ RETURN, 0, 0, ALLOW }
	};

	return install(instructions,
	    sizeof instructions / sizeof instructions[0]);
}

/* Without memory, and by none of the system calls that are refused. */
static int
open_fds(void)
{
	struct stat st;
	int fd, n = 0;

	for (fd = 0; fd < 256; fd++)
		n += fstat(fd, &st) == 0;
	return n;
}

static int
fire_refused(int number, int error)
{
	const uint64_t argv[2] = { (uintptr_t)"a text", 5 };
	int before = open_fds();

	if (!refuse(number, error))
		return 99;
	watch(probe, 1);
	errno = 77;
	usdt_probe_fire64(probe, 2, argv);
	usdt_probe_fire64(probe, 2, argv);
	if (errno != 77)
		return 1;
	return number == SYS_close || open_fds() == before ? 0 : 2;
}

static void
test_refused(void)
{
	static const struct {
		int number;
		const char *name;
	} calls[] = {
		{ SYS_memfd_create, "memfd_create" },
		{ SYS_ftruncate, "ftruncate" }, { SYS_fcntl, "fcntl" },
		{ SYS_madvise, "madvise" }, { SYS_openat, "openat" },
		{ SYS_read, "read" }, { SYS_close, "close" },
		{ SYS_prctl, "prctl" }, { SYS_gettid, "gettid" },
		{ SYS_process_vm_readv, "process_vm_readv" },
#if defined(SYS_mmap)
		{ SYS_mmap, "mmap" },
#endif
#if defined(SYS_mmap2)
		{ SYS_mmap2, "mmap2" },
#endif
	};
	static const int errors[] = { EPERM, ENOSYS, ENOMEM, EMFILE, EINTR };
	const char *types[] = { "char *", "int" };
	size_t i, k;
	int status;
	pid_t pid;

	begin("refused");
	probe = add("refused", 2, types);
	enable();
	for (i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		for (k = 0; k < sizeof errors / sizeof errors[0]; k++) {
			fflush(stdout);
			pid = fork();
			if (pid == 0)
				_exit(fire_refused(calls[i].number,
				    errors[k]));
			status = status_of(pid);
			try(status == 0, "%s: error %d: status %#x",
			    calls[i].name, errors[k], (unsigned)status);
		}
	}
	ok_all("whatever system call is refused: no harm, errno stays, and no "
	    "descriptor");
	usdt_provider_free(p);
	usdt_probe_release(probe);
}

/* In a child: WARM, it has a ring before it has the filter. */
static int
fire_filtered(int warm)
{
	const uint64_t argv[2] = { (uintptr_t)"a text", 5 };
	struct reader reader;
	uint64_t word;
	int i;

	watch(probe, 1);
	if (warm)
		usdt_probe_fire64(probe, 2, argv);
	usleep(20000);		/* longer than an answer is good for */
	if (warm)
		reader = the_ring();
	if (!kill_for_calls())
		return 99;
	errno = 77;
	for (i = 0; i < 3; i++)
		usdt_probe_fire64(probe, 2, argv);
	if (errno != 77)
		return 1;
	if (!warm)
		return 0;
	for (i = 0; i < 4; i++) {
		const struct usdt__record *record = next(&reader);

		if (record == NULL)
			return 2;
		word = values(record)[1];
		if ((i == 0) != ((word & USDT__TEXT_UNREADABLE) == 0))
			return 3;
	}
	return next(&reader) == NULL ? 0 : 4;
}

static void
test_filtered(void)
{
	const char *types[] = { "char *", "int" };
	int warm, status;
	pid_t pid;

	begin("filtered");
	probe = add("filtered", 2, types);
	enable();
	for (warm = 0; warm < 2; warm++) {
		fflush(stdout);
		pid = fork();
		if (pid == 0)	/* _exit asks about a signal stack, with ASan */
			syscall(SYS_exit_group, (long)fire_filtered(warm));
		status = status_of(pid);
		is_int(status, 0, "a filter that ends the process for any system "
		    "call but prctl: %s", warm ? "the ring goes on, without "
		    "texts" : "no ring, no harm");
	}
	usdt_provider_free(p);
	usdt_probe_release(probe);
}

/* More images than a ring has places for. */
static void *
fire_images(void *unused)
{
	enum { IMAGES = USDT__RING_IMAGES + 10 };
	const struct usdt__record *record;
	struct reader reader, all[64];
	char name[32];
	int i, found = 0, n;

	(void)unused;
	for (i = 0; i < IMAGES; i++) {
		snprintf(name, sizeof name, "image%d", i);
		begin(name);
		probe = add("probe", 2, two);
		enable();
		watch(probe, 1);
		fire(0xabc, (uint64_t)i);
		usdt_provider_free(p);
		usdt_probe_release(probe);
	}
	n = find_rings(all, 64);
	while (n-- > 0)
		for (reader = all[n]; (record = next(&reader)) != NULL; )
			found += values(record)[0] == 0xabc &&
			    cell_of(&reader, record) == 0;
	is_int(found, IMAGES, "%d images: each has its record", IMAGES);
	return NULL;
}

static void
test_images(void)
{
	pthread_t thread;	/* with a ring of its own */

	pthread_create(&thread, NULL, fire_images, NULL);
	pthread_join(thread, NULL);
}

/* From now on this thread's ring has its final size. */
static void
grow(void)
{
	uint32_t units;
	long i;

	begin("grow");
	probe = add("grows", 2, two);
	enable();
	watch(probe, 1);
	fire(0, 0);
	do {
		units = the_ring().ring->units;
		/* Rounds of a ring of 4 MiB, so that it grows if it can. */
		for (i = 0; i < 1000000; i++)
			fire(0, 0);
	} while (the_ring().ring->units != units);
	usdt_provider_free(p);
	usdt_probe_release(probe);
}

/*
 * A thread fires in more images than it has views of, while a handler does so, too,
 * at any instruction; and in images that lie where others lay.
 */
enum { VIEWED = USDT__VIEWS + 4, REMAPPED = 2 * USDT__VIEWS };

static usdt_probedef_t *viewed[VIEWED];
static uint32_t fired_in[VIEWED + REMAPPED];
static volatile uint32_t interruptions;

static void
fire_in(uint32_t image, usdt_probedef_t *def)
{
	void *argv[2] = { (void *)(uintptr_t)image, NULL };

	__atomic_fetch_add(&fired_in[image], 1, __ATOMIC_RELAXED);
	usdt_probe_fire(def, 2, argv);
}

static void
fire_in_another(int number)
{
	const uint32_t image = interruptions++ * 7 % VIEWED;

	(void)number;
	fire_in(image, viewed[image]);
}

static usdt_probedef_t *
add_image(uint32_t number)
{
	usdt_probedef_t *def;
	char name[32];

	snprintf(name, sizeof name, "view%u", number);
	begin(name);
	def = add("probe", 2, two);
	enable();
	watch(def, 1);
	return def;
}

/* The image that a record is of. */
static const struct usdt__ring_image *
image_of(const struct reader *reader, const struct usdt__record *record)
{
	const struct usdt__ring_image *image = reader->ring->images;
	uint32_t i, index = USDT__RECORD_INDEX(record->meta);

	for (i = 0; i < USDT__RING_IMAGES; i++)
		if (image[i].count > 0 &&
		    index - image[i].first < image[i].count)
			return &image[i];
	return NULL;
}

static int
is_same(const struct usdt__ring_image *a, const struct usdt__ring_image *b)
{
	return memcmp(a->id, b->id, sizeof a->id) == 0;
}

/* It may have two entries, if a handler fired in it while it got one. */
static uint32_t
counted_of(const struct reader *reader, const struct usdt__ring_image *of)
{
	const struct usdt__ring_image *image = reader->ring->images;
	uint32_t i, sum = 0;

	for (i = 0; i < USDT__RING_IMAGES; i++)
		if (image[i].count > 0 && is_same(&image[i], of))
			sum += counted(reader, image[i].first);
	return sum;
}

/* Count the records of each image in a ring. */
static void
look_at_views(struct reader *reader, uint32_t *sum)
{
	const struct usdt__ring_image *of[VIEWED + REMAPPED] = { NULL }, *image;
	uint32_t found[VIEWED + REMAPPED] = { 0 }, i, k;
	const struct usdt__record *record;

	while ((record = next(reader)) != NULL) {
		k = (uint32_t)values(record)[0];
		image = image_of(reader, record);
		if (!try(k < VIEWED + REMAPPED && image != NULL, "a record of "
		    "image %u, index %u", k, USDT__RECORD_INDEX(record->meta)))
			break;
		if (found[k]++ == 0)
			of[k] = image;
		try(is_same(of[k], image), "image %u has two identities", k);
	}
	for (i = 0; i < VIEWED + REMAPPED; i++) {
		sum[i] += found[i];
		if (found[i] == 0)
			continue;
		try(counted_of(reader, of[i]) == found[i],
		    "image %u: found %u, counted %u", i, found[i],
		    counted_of(reader, of[i]));
		for (k = 0; k < i; k++)
			try(found[k] == 0 || !is_same(of[i], of[k]),
			    "images %u and %u have one identity", i, k);
	}
}

static void
test_views(void)
{
	const struct itimerval often = { { 0, 50 }, { 0, 50 } }, never =
	    { { 0, 0 }, { 0, 0 } };
	struct sigaction action = { .sa_handler = fire_in_another };
	usdt_provider_t *providers[VIEWED];
	struct reader reader = the_ring(), now;
	const uint32_t room = reader.ring->units / 4 - 10000;
	uint32_t i, k, fired = 0, found[VIEWED + REMAPPED] = { 0 };

	reader.place = reader.ring->head;
	for (i = 0; i < VIEWED; i++) {
		viewed[i] = add_image(i);
		providers[i] = p;
	}
	action.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (; interruptions < 1000 && fired < room; fired += VIEWED)
		for (i = 0; i < VIEWED; i++)
			fire_in(i, viewed[i]);
	setitimer(ITIMER_REAL, &never, NULL);
	for (i = 0; i < VIEWED; i++) {
		usdt_provider_free(providers[i]);
		usdt_probe_release(viewed[i]);
	}
	for (i = VIEWED; i < VIEWED + REMAPPED; i++) {
		probe = add_image(i);
		for (k = 0; k < 3; k++)
			fire_in(i, probe);
		usdt_provider_free(p);
		usdt_probe_release(probe);
	}
	look_at_views(&reader, found);
	now = the_ring();	/* on a slow machine a larger one came late */
	if (now.ring != reader.ring)
		look_at_views(&now, found);
	for (i = 0; i < VIEWED + REMAPPED; i++)
		try(found[i] == fired_in[i], "image %u: fired %u, found %u", i,
		    fired_in[i], found[i]);
	ok_all("%d images, then %d where they lay: each record is of its "
	    "image", VIEWED, REMAPPED);
	ok(interruptions > 0, "%u fires of a handler among %u",
	    interruptions, fired);
}

int
main(void)
{
	scratch_begin();
	setenv("USDT_BACKENDS", "sdt", 1);
	if (usdt__native_arch()->direct == 0) {
		ok(find_rings(NULL, 0) == 0, "no direct events on this "
		    "processor");
		return done_testing();
	}
	test_words();
	grow();
	test_views();
	test_texts(0);
	test_texts(1);
	test_fast();
	test_laps();
	test_largest();
	test_signals();
	test_threads();
	test_children();
	test_limits();
	test_refused();
	test_filtered();
	test_images();
	is_int(usdt_provider_set_texts(NULL, 1), -1, "NULL fails");
	return done_testing();
}
