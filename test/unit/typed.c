/*
 * typed.c - do USDT_FIRE and declared probes pass the words that they promise,
 * and evaluate nothing while nobody traces?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <float.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "tap.h"
#include "scratch.h"
#include "core/provider.h"

/* What the observer saw last. */
static struct {
	int times;
	const usdt_probedef_t *probedef;
	size_t argc;
	uintptr_t argv[USDT_ARG_MAX];
} seen;

static void
see(const usdt_probedef_t *probedef, size_t argc, void *const *argv,
    void *data)
{
	size_t i;

	(void)data;
	seen.times++;
	seen.probedef = probedef;
	seen.argc = argc;
	for (i = 0; i < argc; i++)
		seen.argv[i] = (uintptr_t)argv[i];
}

static int evaluated;

static int
evaluate(int value)
{
	evaluated++;
	return value;
}

/* --- USDT_FIRE ---------------------------------------------------------- */

enum colour { RED, GREEN = 7 };
enum sign { MINUS = -3 };

static usdt_provider_t *provider;
static usdt_probedef_t *one, *all;

static void
begin(void)
{
	const char *types[USDT_ARG_MAX];
	size_t i;

	for (i = 0; i < USDT_ARG_MAX; i++)
		types[i] = "long";
	provider = usdt_create_provider("typed", "m");
	one = usdt_create_probe("f", "one", 1, types);
	all = usdt_create_probe("f", "all", USDT_ARG_MAX, types);
	usdt_provider_add_probe(provider, one);
	usdt_provider_add_probe(provider, all);
	usdt_provider_enable(provider);
}

static void
end(void)
{
	usdt_probe_release(one);
	usdt_probe_release(all);
	usdt_provider_free(provider);
}

static void
is_word(uint64_t expected, const char *what)
{
	try(seen.times == 1 && seen.probedef == one &&
	    seen.argv[0] == (uintptr_t)expected, "%s: %d fires, %#llx and not "
	    "%#llx", what, seen.times, (unsigned long long)seen.argv[0],
	    (unsigned long long)(uintptr_t)expected);
	seen.times = 0;
}

#define IS_WORD(argument, expected) \
	do { \
		USDT_FIRE(one, argument); \
		is_word(expected, #argument); \
	} while (0)

static void
test_words(void)
{
	static const char text[] = "text";
	static int numbers[3];
	const volatile signed char small = -5;
	const void *pointer = numbers;
	char letter = 'x';
	double half = 0.5;

	IS_WORD(-1, UINT64_MAX);
	IS_WORD(UINT_MAX, UINT32_MAX);
	IS_WORD(LONG_MIN, (uint64_t)LONG_MIN);
	IS_WORD(ULONG_MAX, ULONG_MAX);
	IS_WORD(LLONG_MIN, (uint64_t)LLONG_MIN);
	IS_WORD((short)-2, (uint64_t)-2);
	IS_WORD((unsigned short)-2, 0xfffe);
	IS_WORD(small, (uint64_t)-5);
	IS_WORD((unsigned char)251, 251);
	IS_WORD(letter, 'x');
	IS_WORD((_Bool)8, 1);
	IS_WORD((bool)false, 0);
	IS_WORD((int8_t)-128, (uint64_t)-128);
	IS_WORD((size_t)12, 12);
	IS_WORD(GREEN, 7);
	IS_WORD((enum colour)GREEN, 7);
	IS_WORD((uint64_t)(enum sign)MINUS, (uint64_t)-3);
	IS_WORD(text, (uintptr_t)text);
	IS_WORD(numbers, (uintptr_t)numbers);
	IS_WORD(&numbers[1], (uintptr_t)&numbers[1]);
	IS_WORD(pointer, (uintptr_t)numbers);
	IS_WORD(NULL, 0);
	IS_WORD(seen.times ? numbers : NULL, 0);
	IS_WORD((const volatile struct nowhere *)(uintptr_t)4096, 4096);
	IS_WORD(test_words, (uintptr_t)test_words);
	IS_WORD(1.0f, 0x3f800000);
	IS_WORD(-0.0f, 0x80000000);
	IS_WORD(3.25, 0x400a000000000000);
	IS_WORD(half * -1, 0xbfe0000000000000);
	IS_WORD(DBL_MAX, 0x7fefffffffffffff);
	ok_all("USDT_FIRE: each kind of argument is the word that it should "
	    "be");
}

static void
test_counts(void)
{
	size_t i;
	int n = 0;

	USDT_FIRE(all);
	ok(seen.times == 1 && seen.argc == USDT_ARG_MAX && seen.argv[0] == 0,
	    "no argument: all are 0");
	USDT_FIRE(all, 1, 2, 3);
	ok(seen.argv[0] == 1 && seen.argv[2] == 3 && seen.argv[3] == 0,
	    "three of 32: the others are 0");
	USDT_FIRE(one, 1, 2, 3);
	ok(seen.argc == 1 && seen.argv[0] == 1, "surplus ones are ignored");
	USDT_FIRE(all, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
	    17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32);
	for (i = 0; i < USDT_ARG_MAX; i++)
		try(seen.argv[i] == i + 1, "word %zu is %zu", i,
		    (size_t)seen.argv[i]);
	ok_all("32 arguments, each in its place");
	if (n == 0)
		USDT_FIRE(one, ++n);
	else
		USDT_FIRE(one, -1);
	ok(n == 1 && seen.argv[0] == 1, "a statement, also before else; "
	    "arguments are evaluated once");
	seen.times = 0;
}

static void
test_untraced(void)
{
	usdt_provider_observe(provider, NULL, NULL);
	evaluated = 0;
	USDT_FIRE(one, evaluate(1));
	is_int(evaluated, 0, "untraced: no argument is evaluated");
	usdt_provider_observe(provider, see, NULL);
	USDT_FIRE(one, evaluate(5));
	ok(evaluated == 1 && seen.times == 1 && seen.argv[0] == 5,
	    "traced: once");
	seen.times = 0;
}

/* --- usdt_probe_fire64 -------------------------------------------------- */

static void
test_fire64(void)
{
	uint64_t words[USDT_ARG_MAX + 1];
	size_t argc, i;

	for (i = 0; i <= USDT_ARG_MAX; i++)
		words[i] = UINT64_C(0x100000000) * (i + 1) + i + 1;
	for (argc = 0; argc <= USDT_ARG_MAX + 1; argc++) {
		seen.times = 0;
		usdt_probe_fire64(all, argc, words);
		try(seen.times == 1 && seen.argc == USDT_ARG_MAX,
		    "%zu words: %d fires", argc, seen.times);
		for (i = 0; i < USDT_ARG_MAX; i++)
			try(seen.argv[i] == (i < argc ? (uintptr_t)words[i] :
			    0), "%zu words: word %zu is %zx", argc, i,
			    (size_t)seen.argv[i]);
	}
	ok_all("usdt_probe_fire64: as many words as the probe has");
	usdt_probe_fire64(all, 3, NULL);
	ok(seen.argc == USDT_ARG_MAX && seen.argv[2] == 0, "no words at all");
	usdt_probe_fire64(all, SIZE_MAX, words);
	is_int((long long)seen.argv[31], (long long)(uintptr_t)words[31],
	    "a count beyond all limits");
	seen.times = 0;
}

/* --- declared probes ---------------------------------------------------- */

struct request;
typedef const char *text_t;

USDT_PROBE(request_start, "handle", "request-start", (int, id),
    (const char *, url), (const struct request *, request), (double, took));
USDT_PROBE(idle, "loop", "idle");
USDT_PROBE(kinds, "f", "kinds", (bool, yes), (int8_t, small),
    (enum colour, colour), (float, ratio), (text_t, text));
USDT_PROVIDER(declared, "declared", "m", &request_start, &idle, &kinds);

#define P(n)	(int, a##n)
USDT_PROBE(widest, "f", "widest", P(1), P(2), P(3), P(4), P(5), P(6), P(7),
    P(8), P(9), P(10), P(11), P(12), P(13), P(14), P(15), P(16), P(17), P(18),
    P(19), P(20), P(21), P(22), P(23), P(24), P(25), P(26), P(27), P(28),
    P(29), P(30), P(31), P(32));
USDT_PROVIDER(wide, "wide", "m", &widest);

USDT_PROBE(twin, "f", "twin");
USDT_PROVIDER(twins, "twins", "m", &twin, &twin);
USDT_PROVIDER(stolen, "stolen", "m", &idle);
USDT_PROBE(misnamed, "f", "a b");
USDT_PROVIDER(bad_probe, "bad", "m", &twin, &misnamed);
USDT_PROVIDER(bad_name, "a b", "m", &twin);
USDT_PROVIDER(incomplete, "incomplete", "m", &twin, NULL);

static void
observe_declared(usdt_static_provider_t *what)
{
	usdt_provider_observe(what->provider, see, NULL);
	seen.times = 0;
}

static void
test_before(void)
{
	evaluated = 0;
	request_start_fire(1, "/", NULL, 1.0);
	USDT_FIRE_STATIC(request_start, evaluate(1), "/", NULL, 1.0);
	idle_fire();
	USDT_FIRE_STATIC(idle);
	ok(seen.times == 0 && evaluated == 0 && !request_start_enabled() &&
	    !idle_enabled(), "declared, not created: nothing fires, nothing is "
	    "evaluated");
	is_int(usdt_static_disable(&declared), 0, "disable: nothing to do");
	usdt_static_free(&declared);
	usdt_static_free(NULL);
	ok(declared.provider == NULL, "free: nothing to do");
}

static void
test_declared(void)
{
	static char place;
	const struct request *request = (const void *)&place;
	text_t text = "t";

	is_int(usdt_static_enable(&declared), 0, "enable: %s",
	    usdt_errstr(declared.provider));
	ok(strcmp(declared.provider->name, "declared") == 0 &&
	    strcmp(declared.provider->module, "m") == 0, "the provider");
	ok(strcmp(request_start_probedef()->name, "request-start") == 0 &&
	    strcmp(request_start_probedef()->function, "handle") == 0 &&
	    request_start_probedef()->argc == 4 &&
	    idle_probedef()->argc == 0, "its probes");
	is_str(request_start_probedef()->types[0], "int id", "type 0");
	is_str(request_start_probedef()->types[1], "const char * url",
	    "type 1");
	is_str(request_start_probedef()->types[2],
	    "const struct request * request", "type 2");
	is_str(request_start_probedef()->types[3], "double took", "type 3");

	evaluated = 0;
	USDT_FIRE_STATIC(request_start, evaluate(1), "/", NULL, 1.0);
	ok(evaluated == 0 && !request_start_enabled(), "not traced: nothing is "
	    "evaluated");
	observe_declared(&declared);
	ok(request_start_enabled() && idle_enabled(), "observed: enabled");
	request_start_fire(-200, "/index", request, 3.25);
	ok(seen.times == 1 && seen.probedef == request_start_probedef() &&
	    seen.argc == 4 && seen.argv[0] == (uintptr_t)-200 &&
	    strcmp((char *)seen.argv[1], "/index") == 0 &&
	    seen.argv[2] == (uintptr_t)request &&
	    seen.argv[3] == (uintptr_t)UINT64_C(0x400a000000000000),
	    "a fire has the arguments' words");
	USDT_FIRE_STATIC(request_start, evaluate(7), "/", NULL, 3);
	ok(evaluated == 1 && seen.times == 2 && seen.argv[0] == 7 &&
	    seen.argv[3] == (uintptr_t)UINT64_C(0x4008000000000000),
	    "arguments are converted: 3 is 3.0");
	idle_fire();
	ok(seen.times == 3 && seen.argc == 0, "no arguments");
	kinds_fire(true, -1, GREEN, 0.5f, text);
	ok(seen.argv[0] == 1 && seen.argv[1] == (uintptr_t)-1 &&
	    seen.argv[2] == GREEN && seen.argv[3] == 0x3f000000 &&
	    seen.argv[4] == (uintptr_t)text, "bool, int8_t, enum, float, and a "
	    "type's name");

	is_int(usdt_static_enable(&declared), 0, "enabled again");
	is_int(usdt_static_disable(&declared), 0, "disabled");
	idle_fire();
	ok(!idle_enabled() && seen.times == 4, "nothing fires");
	is_int(usdt_static_enable(&declared), 0, "and enabled");
	idle_fire();
	is_int(seen.times, 5, "it fires again");
}

static void
test_widest(void)
{
	size_t i;

	is_int(usdt_static_enable(&wide), 0, "32 arguments");
	observe_declared(&wide);
	widest_fire(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17,
	    18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32);
	for (i = 0; i < USDT_ARG_MAX; i++)
		try(seen.argv[i] == i + 1, "word %zu is %zu", i,
		    (size_t)seen.argv[i]);
	ok_all("each in its place");
	is_str(widest_probedef()->types[31], "int a32", "the last type");
	usdt_static_free(&wide);
}

/* Enabling fails with TEXT, and changes nothing. */
static void
fails(usdt_static_provider_t *what, const char *text)
{
	is_int(usdt_static_enable(what), -1, "refused: %s", text);
	is_str(usdt_errstr(what != NULL ? what->provider : NULL), text,
	    "for that reason");
	ok((what == NULL || what->provider == NULL) &&
	    twin.probedef == &twin.none, "nothing was created");
}

static void
test_errors(void)
{
	usdt_probedef_t *was = idle_probedef();
	char text[USDT__ERROR_SIZE];

	fails(NULL, "invalid argument: the declared provider is NULL");
	is_int(usdt_static_disable(NULL), -1, "disable: NULL");
	is_int(usdt_static_create(NULL), -1, "create: NULL");
	fails(&twins, "probe named twins:m:f:twin already exists");
	fails(&stolen, "probe idle is in a provider already");
	ok(idle_probedef() == was, "the probe is the first one's");
	usdt_create_provider("a b", "m");
	strcpy(text, usdt_errstr(NULL));
	fails(&bad_name, text);
	usdt_create_probe("f", "a b", 0, NULL);
	strcpy(text, usdt_errstr(NULL));
	fails(&bad_probe, text);
	fails(&incomplete, "invalid argument: a declared probe is NULL");
}

/* A declared provider gets a struct before it is enabled. */
struct typed_point {
	int x, y;
};

USDT_PROBE(moved, "f", "moved", (struct typed_point *, point));
USDT_PROVIDER(map, "map", "m", &moved);

static void
test_struct(void)
{
	static const usdt_field_t fields[] = {
		USDT_FIELD(struct typed_point, x, "int x"),
		USDT_FIELD(struct typed_point, y, "int y"),
	};
	struct typed_point here = { 3, 4 };
	usdt_status_t status;
	static char image[1 << 20];	/* pages may have 64 KiB */
	size_t size = 0;
	FILE *file;

	is_int(usdt_static_create(&map), 0, "created");
	usdt_provider_status(map.provider, &status);
	ok(!status.enabled && status.waiting == 1, "not enabled yet");
	is_int(usdt_provider_add_struct(map.provider, "typed_point",
	    sizeof here, 2, fields), 0, "a struct");
	is_int(usdt_static_create(&map), 0, "created already");
	is_int(usdt_static_enable(&map), 0, "enabled");
	observe_declared(&map);
	moved_fire(&here);
	ok(seen.times == 1 && seen.argv[0] == (uintptr_t)&here, "it fires");
	usdt_provider_status(map.provider, &status);
	if (status.sdt.taken && (file = fopen(status.sdt.path, "r")) != NULL) {
		size = fread(image, 1, sizeof image, file);
		fclose(file);
		ok(memmem(image, size, "struct typed_point {", 20) != NULL,
		    "its image describes the struct");
	}
	usdt_static_free(&map);
}

/* Threads that enable one provider at the same time, and fire its probe. */
USDT_PROBE(raced, "f", "raced", (int, number));
USDT_PROVIDER(race, "race", "m", &raced);

#define RACERS	4
#define RACES	50

static void *
enable_and_fire(void *start)
{
	intptr_t result;

	pthread_barrier_wait(start);
	raced_fire(1);
	result = usdt_static_enable(&race);
	raced_fire(2);
	return (void *)result;
}

static void
test_race(void)
{
	pthread_t threads[RACERS];
	pthread_barrier_t start;
	void *result;
	int i, round;

	pthread_barrier_init(&start, NULL, RACERS);
	for (round = 0; round < RACES; round++) {
		for (i = 0; i < RACERS; i++)
			if (pthread_create(&threads[i], NULL, enable_and_fire,
			    &start) != 0)
				abort();
		for (i = 0; i < RACERS; i++) {
			pthread_join(threads[i], &result);
			try(result == NULL, "round %d: a thread failed: %s",
			    round, usdt_errstr(race.provider));
		}
		observe_declared(&race);
		raced_fire(round);
		try(seen.times == 1 && seen.probedef == raced_probedef(),
		    "round %d: %d fires", round, seen.times);
		usdt_static_free(&race);
	}
	pthread_barrier_destroy(&start);
	ok_all("%d threads that enable one provider at once create one",
	    RACERS);
}

static void
test_after(void)
{
	usdt_static_free(&declared);
	seen.times = 0;
	idle_fire();
	ok(declared.provider == NULL && !idle_enabled() && seen.times == 0,
	    "freed: nothing fires");
	is_int(usdt_static_enable(&declared), 0, "created once more");
	observe_declared(&declared);
	idle_fire();
	is_int(seen.times, 1, "it fires");
	usdt_static_free(&declared);
}

int
main(void)
{
	scratch_begin();
	begin();
	usdt_provider_observe(provider, see, NULL);
	test_words();
	test_counts();
	test_untraced();
	test_fire64();
	end();
	test_before();
	test_declared();
	test_widest();
	test_errors();
	test_after();
	test_struct();
	test_race();
	return done_testing();
}
