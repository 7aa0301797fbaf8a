/*
 * heap_texts.c - are texts in small blocks of memory copied, and no more of them?
 *
 * The library reads texts by whole blocks of 16 bytes where it can.  So sanitize.t
 * runs this under valgrind: what lies behind a text must not matter.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdint.h>
#include <unistd.h>

#include "tap.h"
#include "scratch.h"
#include "core/provider.h"

static usdt_probedef_t *probe;

static void
fire(const char *text)
{
	const uint64_t argv[1] = { (uintptr_t)text };

	usdt_probe_fire64(probe, 1, argv);
}

/* The text of this thread's last record, if it has that length; else NULL. */
static const char *
last_text(size_t length)
{
	const struct usdt__writer *writer = usdt__writer_find();
	const struct usdt__ring *ring = writer == NULL ? NULL :
	    (const void *)writer->ring;
	const uint32_t words = 4 + (uint32_t)length / 8 + 1;
	const struct usdt__record *record;

	if (ring == NULL)
		return NULL;
	record = (const void *)((const char *)ring + ring->data +
	    ((ring->head - words) & (ring->units - 1)) * 8);
	return record->tag == ring->head - words &&
	    USDT__RECORD_WORDS(record->meta) == words ?
	    (const char *)((const uint64_t *)(const void *)(record + 1) + 2) :
	    NULL;
}

/* A text of LENGTH bytes that ends its block, and begins OFFSET bytes after it. */
static void
try_text(size_t length, size_t offset)
{
	char *block = malloc(offset + length + 1), *text = block + offset;
	const char *copied;

	memset(text, 'a', length);
	text[length] = '\0';
	fire(text);
	copied = last_text(length);
	try(copied != NULL && strcmp(copied, text) == 0,
	    "%zu bytes, %zu behind the block's beginning", length, offset);
	free(block);
}

int
main(void)
{
	const char *types[] = { "char *" };
	usdt_provider_t *p;
	size_t length, offset;

	scratch_begin();
	setenv("USDT_BACKENDS", "sdt", 1);
	if (usdt__native_arch()->direct == 0) {
		ok(1, "no direct events on this processor");
		return done_testing();
	}
	p = usdt_create_provider("heap-texts", "module");
	probe = usdt_create_probe("f", "text", 1, types);
	if (usdt_provider_add_probe(p, probe) < 0 ||
	    usdt_provider_set_texts(p, 1) < 0 || usdt_provider_enable(p) < 0) {
		printf("Bail out! %s\n", usdt_errstr(p));
		return 1;
	}
	((volatile uint16_t *)(uintptr_t)probe->probe->image_gate)[1] = 1;
	fire("the ring is made");
	usleep(110000);
	fire("no record is announced any more");
	for (length = 0; length < 100; length++)
		for (offset = 0; offset < 16; offset++)
			try_text(length, offset);
	ok_all("texts of each length and alignment");
	usdt_provider_free(p);
	usdt_probe_release(probe);
	return done_testing();
}
