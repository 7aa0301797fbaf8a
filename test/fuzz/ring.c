/*
 * ring.c - does a hostile ring of direct events make the usdt command crash, hang,
 * or use unbounded memory?
 *
 * The bytes are a ring's file, as a process of another user may write it, and
 * what that changes while we read: each round one word.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "feed.h"
#include "tools/direct/direct.h"
#include "tools/events/parts.h"

#define UNITS	256u
#define COUNTERS 4096u		/* bytes */
#define SIZE	(sizeof(struct usdt__ring) + COUNTERS + \
	(UNITS + USDT__RECORD_MAX) * 8)

static uint64_t memory[SIZE / 8];

/* A probe with a text, its length, and numbers of all sizes. */
static struct target *
the_target(void)
{
	static const char types[] = "char *\0unsigned long\0char\0short\0int\0"
	    "double";
	static struct image image;
	static struct probe probe = {
		.provider = "p", .name = "n", .note_name = "n",
		.function = "f", .note_args = "", .types = types,
		.type_count = 6
	};
	static struct target target = { .image = &image, .probe = &probe };

	if (target.args == NULL) {
		image.machine = usdt__archs[0].elf_machine;
		target_prepare(&target);
		target_goes(&target, 1);
		must(target.argc == 6);
	}
	return &target;
}

static void
check_values(const struct ring *ring, const struct ring_record *record)
{
	const struct target *target = the_target();
	const char *copy = (const char *)ring->copy;
	struct value values[6];
	size_t i;

	must(target->leaf_count == 6);
	record_values(record, target, values);
	for (i = 0; i < 6; i++)
		if (values[i].text != NULL)
			must(values[i].text >= copy && values[i].length <=
			    (size_t)(copy + ring->space * 8 - values[i].text));
}

static void
read_some(struct ring *ring, uint64_t now, int ended)
{
	struct ring_record record;
	int most = 100;

	while (most-- > 0 && ring_read(ring, now, ended))
		while (ring_peek(ring, &record)) {
			must(record.cell < record.image->count);
			must((const uint64_t *)record.words >= ring->copy &&
			    record.words + record.count <=
			    ring->copy + ring->space);
			check_values(ring, &record);
			ring_pass(ring, &record);
		}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct usdt__ring *head = (void *)memory;
	struct ring ring;
	uint32_t change[2];
	uint64_t now = 1;
	size_t given = size / 2;

	memset(memory, 0, sizeof memory);
	/* What it takes to come further than the first check. */
	*head = (struct usdt__ring){
		.magic = USDT__RING_MAGIC, .version = USDT__RING_VERSION,
		.clock = USDT__CLOCK_MONOTONIC, .units = UNITS,
		.data = sizeof *head + COUNTERS, .counters = sizeof *head,
		.counter_count = 16, .size = SIZE, .key = UNITS, .head = UNITS,
		.images = { { .first = 0, .count = 16 } }
	};
	memcpy((uint8_t *)memory + head->data, bytes, given < SIZE - head->data ?
	    given : SIZE - head->data);
	must(ring_begin(&ring, memory, SIZE, 1) == NULL);
	for (; size - given >= sizeof change; given += sizeof change) {
		memcpy(change, bytes + given, sizeof change);
		((uint32_t *)memory)[change[0] % (SIZE / 4)] = change[1];
		read_some(&ring, now += change[0], 0);
	}
	read_some(&ring, now, 1);
	ring_count(&ring);
	ring_is_counted(&ring);
	ring_done(&ring);
	return 0;
}
