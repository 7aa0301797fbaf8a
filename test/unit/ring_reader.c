/*
 * ring_reader.c - does the reader of direct events take what a process wrote,
 * count what it lost, and survive what a hostile one writes?
 *
 * The test plays the writer, with a ring in its own memory.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "tap.h"
#include "tools/common/memory.c"
#include "tools/direct/clock.c"
#include "tools/direct/early.c"
#include "tools/direct/ring.c"

#define UNITS	256u
#define DATA	8192u
#define COUNTERS 6144u
#define CELLS	8u
#define SIZE	(DATA + (UNITS + USDT__RECORD_MAX) * 8)
#define LATER	(PATIENCE * 2)

static uint64_t memory[SIZE / 8];
static struct usdt__ring *const head = (void *)memory;
static uint64_t fired[2 * CELLS];	/* by index */
static uint64_t got[2 * CELLS];

static uint32_t *
counters(void)
{
	return (uint32_t *)(void *)((uint8_t *)memory + COUNTERS);
}

/* An empty ring, whose next place is PLACE, with two images. */
static void
make(uint32_t place)
{
	memset(memory, 0, sizeof memory);
	memset(fired, 0, sizeof fired);
	memset(got, 0, sizeof got);
	*head = (struct usdt__ring){
		.magic = USDT__RING_MAGIC, .version = USDT__RING_VERSION,
		.clock = USDT__CLOCK_MONOTONIC, .key = place, .units = UNITS,
		.data = DATA, .counters = COUNTERS,
		.counter_count = 2 * CELLS, .size = SIZE, .head = place
	};
	memset(head->images[0].id, 1, 20);
	head->images[0].count = CELLS;
	memset(head->images[1].id, 2, 20);
	head->images[1].first = CELLS;
	head->images[1].count = CELLS;
}

/* Begin a record; returns its place. */
static uint32_t
reserve(uint32_t index, uint32_t words)
{
	uint32_t place = head->head;

	counters()[index]++;
	fired[index]++;
	head->head += words;
	return place;
}

static struct usdt__record *
at(uint32_t place)
{
	return (void *)(memory + DATA / 8 + (place & (UNITS - 1)));
}

/* Its words are its place, again and again. */
static void
finish(uint32_t place, uint32_t index, uint32_t words)
{
	struct usdt__record *record = at(place);
	uint64_t *value = (uint64_t *)(void *)(record + 1);
	uint32_t i;

	record->meta = words | index << 13;
	record->time = place;
	for (i = 0; i + 2 < words; i++)
		value[i] = place;
	record->tag = place;
}

static void
fire(uint32_t index, uint32_t words)
{
	finish(reserve(index, words), index, words);
}

/* Read all; returns how many records, -1: one was wrong. */
static long
read_all(struct ring *ring, uint64_t now, int ended)
{
	struct ring_record record;
	long n = 0, wrong = 0;
	size_t i;

	while (ring_read(ring, now, ended))
		while (ring_peek(ring, &record)) {
			n++;
			got[record.image->first + record.cell]++;
			wrong |= record.image->id[0] !=
			    (record.image->first == 0 ? 1 : 2);
			for (i = 0; i < record.count; i++)
				wrong |= record.words[i] != record.time;
			ring_pass(ring, &record);
		}
	return wrong ? -1 : n;
}

/* Is each event read or lost? */
static int
is_exact(struct ring *ring, uint64_t *lost)
{
	uint32_t i, k;
	int exact = 1;

	ring_count(ring);
	exact = ring_is_counted(ring);
	*lost = 0;
	for (i = 0; i < ring->image_count; i++)
		for (k = 0; k < ring->images[i].count; k++) {
			struct tally *tally = &ring->images[i].tallies[k];

			exact &= ring_lost(tally) >= 0;
			*lost += tally->told;
			exact &= fired[i * CELLS + k] == got[i * CELLS + k] +
			    tally->told;
		}
	return exact;
}

/* --- what a process writes --- */

static void
test_order(void)
{
	struct ring ring;
	uint64_t lost = 0;
	uint32_t i, n = 0;
	long all = 0;

	make(0);
	ok(ring_begin(&ring, memory, SIZE, 1) == NULL, "a ring");
	ok(!ring_read(&ring, 0, 0), "it is empty");
	for (i = 0; i < 5000; i++) {
		fire(i % (2 * CELLS), 2 + i % 37);
		n++;
		if (i % 5 == 0)
			all += read_all(&ring, i, 0);
	}
	all += read_all(&ring, i, 0);
	is_int(all, n, "each record is read, in all laps");
	ok(is_exact(&ring, &lost) && lost == 0, "none is lost");
	ok(ring.gaps == 0, "the reader passes over none");
	fire(0, 0);		/* a record of no words can't be */
	ok(!ring_read(&ring, 0, 0) && !ring_read(&ring, LATER, 0),
	    "one of another form is not");
	ring_done(&ring);
}

static void
test_largest(void)
{
	struct ring ring;
	uint32_t i;

	make(0);
	ring_begin(&ring, memory, SIZE, 1);
	for (i = 0; i < UNITS - 1; i++)	{	/* begins in the last unit */
		fire(1, 3);
		read_all(&ring, 0, 0);
	}
	head->head = ring.place = ring.at = ring.end = UNITS * 8 - 1;
	fire(1, UNITS);
	is_int(read_all(&ring, 0, 0), 1, "a record behind the units is whole");
	fire(2, 3);
	is_int(read_all(&ring, 0, 0), 1, "and the next one, at their beginning");
	ring_done(&ring);
}

static void
test_laps(void)
{
	struct ring ring;
	uint64_t lost = 0;
	uint32_t i, round;
	long n = 0, some = 0;

	make(0);
	ring_begin(&ring, memory, SIZE, 1);
	for (round = 0; round < 200; round++) {
		for (i = 0; i < 10 + round * 3; i++)
			fire((i + round) % (2 * CELLS), 2 + (i * 7) % 20);
		some = read_all(&ring, round * PAUSE * 2, 0);
		try(some > 0, "round %u: %ld", round, some);
		n += some;
	}
	ok_all("the writer comes round: the youngest records are read");
	ok(is_exact(&ring, &lost) && lost > 0, "%ld are read, %lu lost", n,
	    (unsigned long)lost);
	ok(ring.gaps > 0, "the reader knows of gaps");
	fire(3, 4);
	is_int(read_all(&ring, 0, 0), 1, "then it goes on");
	ring_done(&ring);
}

static void
test_unfinished(void)
{
	struct ring ring;
	uint64_t lost = 0;
	uint32_t place, inner;

	make(0);
	ring_begin(&ring, memory, SIZE, 1);
	fire(0, 4);
	place = reserve(1, 6);
	fire(2, 5);		/* a signal handler */
	is_int(read_all(&ring, 1, 0), 1, "before an unfinished one");
	is_int(read_all(&ring, PATIENCE / 2, 0), 0, "it is waited for");
	finish(place, 1, 6);
	is_int(read_all(&ring, PATIENCE / 2, 0), 2, "then both are read");
	place = reserve(1, 6);
	fire(2, 5);
	inner = reserve(3, 3);
	fire(4, 9);
	is_int(read_all(&ring, PATIENCE, 0), 0, "two are unfinished, none is read");
	is_int(read_all(&ring, 3 * PATIENCE, 0), 1, "the reader passes over the first");
	finish(place, 1, 6);
	is_int(read_all(&ring, 3 * PATIENCE, 0), 0, "and does not come later");
	is_int(read_all(&ring, 5 * PATIENCE, 0), 1, "and later over the second");
	finish(inner, 3, 3);
	ok(is_exact(&ring, &lost) && lost == 2, "both are lost");
	reserve(5, 7);
	is_int(read_all(&ring, 9 * PATIENCE, 0), 0, "the third is waited for");
	is_int(read_all(&ring, 19 * PATIENCE, 0), 0, "as long as its process "
	    "lives");
	ok(!ring_is_drained(&ring), "the ring is not drained");
	is_int(read_all(&ring, 20 * PATIENCE, 1), 0, "until that ends");
	ok(ring_is_drained(&ring), "then it is");
	counters()[6]++;	/* killed before it was reserved */
	fired[6]++;
	ok(is_exact(&ring, &lost) && lost == 4, "two more are lost");
	ring_done(&ring);
}

static void
test_late(void)
{
	struct ring ring;
	uint64_t lost = 0;
	uint32_t i;

	make(0);
	for (i = 0; i < 100; i++)
		fire(i % CELLS, 5);
	memset(fired, 0, sizeof fired);
	ring_begin(&ring, memory, SIZE, 0);
	is_int(read_all(&ring, 0, 0), 0, "a reader that comes late reads nothing old");
	fire(1, 3);
	fire(9, 3);
	is_int(read_all(&ring, 0, 0), 2, "but what comes then");
	ok(is_exact(&ring, &lost) && lost == 0, "and has lost nothing");
	ring_done(&ring);
}

/* Places and counters are modulo 2^32. */
static void
test_overflow(void)
{
	struct ring ring;
	uint64_t lost = 0;
	uint32_t i;
	long n = 0;

	make((uint32_t)0 - 1000);
	for (i = 0; i < 2 * CELLS; i++)
		counters()[i] = (uint32_t)0 - 10 - i;
	ring_begin(&ring, memory, SIZE, 0);
	for (i = 0; i < 1000; i++) {
		fire(i % (2 * CELLS), 2 + i % 9);
		if (i % 7 == 0)
			n += read_all(&ring, 0, 0);
	}
	n += read_all(&ring, 0, 0);
	is_int(n, 1000, "places go over 2^32");
	ok(is_exact(&ring, &lost) && lost == 0, "counters too");
	for (i = 0; i < 1000; i++)
		fire(i % 4, 4);
	n = read_all(&ring, 0, 0);
	ok(is_exact(&ring, &lost) && lost == 1000 - (uint64_t)n && n > 0,
	    "with losses");
	ring_done(&ring);
}

/* --- what a hostile one writes --- */

static void
test_heads(void)
{
	static const struct { size_t at; uint64_t value; const char *what; }
	wrong[] = {
#define WRONG(member, value) \
	{ offsetof(struct usdt__ring, member), value, #member " " #value }
		WRONG(magic, 1), WRONG(version, 0), WRONG(version, 99),
		WRONG(clock, 0), WRONG(clock, 3), WRONG(units, 0),
		WRONG(units, 1), WRONG(units, 255), WRONG(units, 1u << 31),
		WRONG(units, 1u << 20), WRONG(units, 512),
		WRONG(data, 0), WRONG(data, 8), WRONG(data, 8193),
		WRONG(data, 0xfffffff8u), WRONG(data, 8200),
		WRONG(counters, 1), WRONG(counters, 0xfffffffcu),
		WRONG(counters, SIZE - 4),
		WRONG(counter_count, 0xffffffffu),
		WRONG(counter_count, 0x40000001u)
	};
	struct ring ring;
	size_t i;

	for (i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		make(0);
		if (wrong[i].at == 0)
			memcpy(memory, &wrong[i].value, 8);
		else
			memcpy((uint8_t *)memory + wrong[i].at,
			    &(uint32_t){ (uint32_t)wrong[i].value }, 4);
		try(ring_begin(&ring, memory, SIZE, 1) != NULL, "%s",
		    wrong[i].what);
		ring_done(&ring);
	}
	ok_all("wrong heads are refused");
	make(0);
	for (i = 0; i < SIZE; i += 8) {
		try(ring_begin(&ring, memory, i, 1) != NULL, "%zu bytes", i);
		ring_done(&ring);
	}
	ok_all("files shorter than they say are refused");
}

static uint32_t
random32(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

/* Change something; most of it stays plausible. */
static void
disturb(void)
{
	uint32_t place = head->head - random32() % UNITS;

	switch (random32() % 8) {
	case 0:
		head->head += random32() % 600;
		break;
	case 1:
		head->head = random32();
		break;
	case 2:
		at(place)->tag = place;
		break;
	case 3:
		at(place)->meta = random32();
		break;
	case 4:
		at(place)->meta = 2 + random32() % 4;
		at(place)->tag = place;
		break;
	case 5:
		counters()[random32() % (2 * CELLS)] = random32();
		break;
	case 6:
		head->images[random32() % 8].count = random32() >>
		    random32() % 32;
		break;
	default:
		head->images[random32() % 8].first = random32() >>
		    random32() % 32;
	}
}

static void
test_hostile(void)
{
	struct ring ring;
	uint64_t lost = 0;
	uint32_t round, i;

	for (round = 0; round < 300; round++) {
		make(random32() % 2 ? 0 : random32());
		if (ring_begin(&ring, memory, SIZE, 0) != NULL)
			continue;
		for (i = 0; i < 100; i++) {
			if (random32() % 2)
				fire(random32() % (2 * CELLS),
				    2 + random32() % 20);
			else
				disturb();
			if (random32() % 4 == 0)
				read_all(&ring, (uint64_t)i * PATIENCE / 3,
				    0);
		}
		read_all(&ring, 200 * PATIENCE, 1);
		try(ring_is_drained(&ring), "round %u", round);
		is_exact(&ring, &lost);
		ring_done(&ring);
	}
	ok_all("anything ends, and keeps inside the ring");
}

/* --- announced records --- */

/* Announce as much of a record as one announcement has, from its word FROM. */
static void
announce(struct early_list *list, uint64_t address, uint32_t words,
    uint32_t from)
{
	const struct fire who = { .pid = 1, .tid = 2, .comm = "thread" };
	uint64_t record[200] = { 0 };
	uint32_t i;

	((struct usdt__record *)(void *)record)->meta = words;
	for (i = 2; i < words; i++)
		record[i] = address + i;
	is_int(early_add(list, &who, NULL, from > 0, address + from * 8,
	    record + from, USDT__RING_PIECE * 8), 1, "word %u is taken", from);
}

static int
is_right(const struct early *early, uint64_t address, uint32_t words)
{
	uint32_t i, wrong = early->address != address || early->count != words ||
	    !early_is_whole(early);

	for (i = 2; i < words && !wrong; i++)
		wrong = early->words[i] != address + i;
	return !wrong;
}

static void
test_early(void)
{
	const struct fire who = { .pid = 1, .tid = 2, .comm = "thread" };
	struct early_list list = { 0 };

	early_without_ring(&list, &who, 0, 0x90000, 0x1000);
	is_int((long)list.unread, 1, "its second ring is gone");
	announce(&list, 0x80010, 4, 0);
	is_int((long)list.count, 0, "what was in its first ring is not read "
	    "twice");

	early_without_ring(&list, &who, 1, 0x20000, 0x10000);
	announce(&list, 0x20010, 4, 0);
	is_int((long)list.count, 1, "what was in a ring that is gone counts");
	ok(is_right(&list.early[0], 0x20010, 4), "... with its words");

	announce(&list, 0x20100, 100, 0);
	announce(&list, 0x21000, 90, 0);	/* by a signal handler */
	announce(&list, 0x21000, 90, USDT__RING_PIECE);
	announce(&list, 0x20100, 100, USDT__RING_PIECE);
	ok(list.count == 3 && is_right(&list.early[1], 0x20100, 100) &&
	    is_right(&list.early[2], 0x21000, 90), "pieces of records that "
	    "interrupt each other");
	early_silent(&list, &who);
	is_int((long)list.unread, 1, "a thread counts once");
	early_done(&list);
}

/* --- time --- */

static void
test_clock(void)
{
	struct counter_clock clock = { { 0 }, { 0 }, 0, 0 };

	clock_pair(&clock, 1000, 5000000);
	clock_pair(&clock, 1000 + 3000000, 5000000 + 1000000);
	ok(clock_time(&clock, 3001000) == 6000000, "the second pair's time");
	ok(clock_time(&clock, 3001000 + 3000) - 6001000 + 1 <= 2, "after it");
	ok(clock_time(&clock, 3001000 - 3000) - 5999000 + 1 <= 2, "before it");
	clock_pair(&clock, 3001000 + 3000000000u, 6000000 + 1000100000);
	ok(clock_time(&clock, 3001000 + 6000000000u) - 2006200000u + 2 <= 4,
	    "the clock is steered");
}

int
main(void)
{
	test_order();
	test_largest();
	test_laps();
	test_unfinished();
	test_late();
	test_overflow();
	test_heads();
	test_hostile();
	test_early();
	test_clock();
	return done_testing();
}
