/*
 * image/writer.c - which writer does a thread have?
 *
 * Each ring has a writer of its own from one table.  So a fire that another one
 * of its thread interrupted goes on with the ring that it had, whatever the other
 * one did.  A second table finds the writer by the thread's number.  What a signal
 * handler or another thread may do, too, is one instruction here.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "image/image.h"

struct usdt__writers usdt__writers;

static struct usdt__writer *const writers = usdt__writers.all;
static uint32_t used;		/* no writer from here on was ever taken */

struct usdt__writer *
usdt__writer_find(void)
{
	const uintptr_t thread = usdt__thread();
	const size_t home = usdt__writer_place(thread);
	struct usdt__writer *writer;
	size_t i;

	for (i = home; i < home + USDT__WRITER_WINDOW; i++) {
		writer = usdt__writer_at(i);
		if (USDT__LOAD(writer->thread) == thread)
			return writer;
	}
	return NULL;
}

static uint32_t
offset_of(const struct usdt__writer *writer)
{
	return (uint32_t)((const char *)writer - (const char *)&usdt__writers);
}

int
usdt__writer_set(struct usdt__writer *writer, struct usdt__writer *old)
{
	const size_t home = usdt__writer_place(writer->thread);
	uint32_t found;
	size_t i;

	for (i = home; i < home + USDT__WRITER_WINDOW; i++) {
		found = old != NULL ? offset_of(old) : 0;
		if (__atomic_compare_exchange_n(&usdt__writers.at[i], &found,
		    offset_of(writer), 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
			return 1;
	}
	return 0;
}

void
usdt__writer_unset(const struct usdt__writer *writer)
{
	const size_t home = usdt__writer_place(writer->thread);
	size_t i;

	for (i = home; i < home + USDT__WRITER_WINDOW; i++)
		if (usdt__writer_at(i) == writer)
			__atomic_store_n(&usdt__writers.at[i], 0,
			    __ATOMIC_RELEASE);
}

int
usdt__writer_claim(struct usdt__writer *writer, int32_t from)
{
	return __atomic_compare_exchange_n(&writer->state, &from,
	    USDT__WRITER_TAKEN, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

struct usdt__writer *
usdt__writer_take(void)
{
	uint32_t n = __atomic_load_n(&used, __ATOMIC_ACQUIRE), i;

	for (i = 0; i < n; i++)
		if (__atomic_load_n(&writers[i].state, __ATOMIC_RELAXED) ==
		    USDT__WRITER_FREE && usdt__writer_claim(&writers[i],
		    USDT__WRITER_FREE))
			return &writers[i];
	do {
		if (n >= USDT__WRITERS)
			return NULL;
	} while (!__atomic_compare_exchange_n(&used, &n, n + 1, 0,
	    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	return usdt__writer_claim(&writers[n], USDT__WRITER_FREE) ?
	    &writers[n] : usdt__writer_take();
}

int
usdt__writer_claim_of(struct usdt__writer *writer, uintptr_t thread,
    int32_t from)
{
	return __atomic_load_n(&writer->state, __ATOMIC_ACQUIRE) == from &&
	    __atomic_load_n(&writer->thread, __ATOMIC_RELAXED) == thread &&
	    usdt__writer_claim(writer, from);
}

uint32_t
usdt__writers_used(void)
{
	return __atomic_load_n(&used, __ATOMIC_ACQUIRE);
}

void
usdt__writers_forget(void)
{
	memset(usdt__writers.at, 0, sizeof usdt__writers.at);
}
