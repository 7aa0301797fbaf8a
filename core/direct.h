/*
 * core/direct.h - what does a reader of direct events rely on?
 *
 * A traced probe can write its events to memory that a reader maps, instead of
 * entering the kernel for each.  The kernel still opens the gates: an image has
 * for each gate an instruction that never runs (a "direct site").  A reader puts
 * a uprobe there, with the gate's second halfword as its semaphore.  So the
 * halfword counts readers in every process that maps the image, and returns to
 * zero however they end.
 *
 * While that halfword is not 0, a fire appends a record to its thread's ring.
 * The ring is a sealed memfd: only the thread's process writes it, and it never
 * reads there what it relies on.  Readers map it for reading only.  A record is
 * overwritten when the ring has come round, read or not, so readers need not
 * agree, and none can hold up a writer.
 *
 * A new ring is announced through a stub of the image that has no probe (the
 * "announcer"): a reader's uprobe there gets its address at once, and the
 * process's number from the kernel.  Rings made earlier are found in
 * /proc/PID/maps by their name.
 *
 * All words have the byte order of the processor.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef USDT_DIRECT_H
#define USDT_DIRECT_H

#include <stdint.h>

/* --- in the image ------------------------------------------------------- */

/*
 * The contents of section .usdt.direct.  It ends where the stubs begin, so that
 * a fire finds it by their address.
 */
struct usdt__direct {
	uint64_t magic;		/* USDT__DIRECT_MAGIC */
	uint64_t sites;		/* offset in the image of gate 0's direct site;
				 * the others follow in the order of gates */
	uint64_t announcer;	/* offset of the announcer's site */
	uint32_t stride;	/* bytes from a direct site to the next */
	uint32_t gates;		/* how many */
	uint32_t stubs;		/* bytes of all stubs that have probes */
	uint32_t stub;		/* bytes of one */
	uint32_t id;		/* offset of the build-id's note */
	uint32_t none2;
	uint64_t text;		/* offset of the first stub */
	uint64_t none;
};

#define USDT__DIRECT_MAGIC	0x3174636572696475u	/* "udirect1" */
#define USDT__DIRECT_SECTION	".usdt.direct"

/*
 * What the announcer says in its arguments 0 to 2, which lie where the
 * processor's probes have them.
 */
enum usdt__announcement {
	USDT__ANNOUNCE_RING = 1,	/* address, size: a ring was made, and
					 * its first records are announced, too */
	USDT__ANNOUNCE_LOST = 2,	/* cell, errno: this thread can have no
					 * ring, so an event of this image's
					 * probe was lost.  EACCES: the thread
					 * has a seccomp filter */
	USDT__ANNOUNCE_RECORD = 3,	/* address, cell: this record was
					 * written to a ring so soon that no
					 * reader may have the ring yet */
	USDT__ANNOUNCE_NEXT = 4,	/* address, size: a thread got another
					 * ring, whose records are not
					 * announced */
	USDT__ANNOUNCE_MORE = 5,	/* address, cell: the next piece of the
					 * record that the thread announced
					 * last */
	USDT__ANNOUNCE_SILENT = 6	/* the thread announces no more records */
};

/*
 * A process may end before a reader has mapped its ring.  So for some moments
 * after a thread's first ring was made each record is announced, too: the kernel
 * can copy it from the address, in pieces of as many words as it copies.  A reader
 * that later finds a record with the same tag in the ring has it already.
 */
#define USDT__RING_PIECE	64		/* words */
#define USDT__RING_EARLY	100000000	/* nanoseconds */

/*
 * A probe's place among the stubs of an image: a cell is 32 bytes of them.  An
 * image with more cells than a ring has counters has no direct sites.
 */
#define USDT__CELL		32
#define USDT__RING_COUNTERS	(1u << 18)

/* --- a ring's file ------------------------------------------------------ */

#define USDT__RING_NAME		"usdt-ring"	/* "/memfd:usdt-ring" in maps */
#define USDT__RING_MAGIC	0x676e697274647375u	/* "usdtring" */
#define USDT__RING_VERSION	2	/* raised when this header changes */
#define USDT__RING_IMAGES	128
#define USDT__RING_UNITS	(1u << 21)	/* 16 MiB: no ring has more */

/* An image from which the ring has records. */
struct usdt__ring_image {
	uint8_t id[20];		/* its build-id */
	uint32_t none;
	uint32_t first;		/* index of its first cell, see the record */
	uint32_t count;		/* of its cells; stored last, 0: no entry.  An
				 * image may have two entries */
};

enum usdt__ring_clock {
	USDT__CLOCK_MONOTONIC = 1,	/* nanoseconds of CLOCK_MONOTONIC */
	USDT__CLOCK_COUNTER = 2		/* the processor's time stamp counter */
};

/*
 * The file's beginning.  Places count units of 8 bytes, modulo 2^32.  The first one
 * is "key", which is random, so that no other word in the ring is easily taken for
 * a tag.  The record at PLACE begins at data + (place % units) * 8.  It is
 * never split: behind the units is room for a record that begins in the last
 * one, and the units at the beginning that it took then stay unused.
 */
struct usdt__ring {
	uint64_t magic;
	uint32_t version;	/* stored last, with release; 0: not made yet */
	uint32_t clock;		/* enum usdt__ring_clock */
	uint32_t key;		/* the first record's place */
	uint32_t units;		/* a power of two */
	uint32_t data;		/* offset of the records */
	uint32_t counters;	/* offset of the counters, 32 bits each, one for
				 * each index */
	uint32_t counter_count;
	uint32_t size;		/* of the file */
	uint32_t pid, tid;	/* in the namespace of the process */
	uint32_t closed;	/* not 0: its thread will write no more */
	uint8_t pad[64 - 52];
	uint32_t head;		/* the place behind the last record that was
				 * begun */
	uint8_t pad2[60];
	struct usdt__ring_image images[USDT__RING_IMAGES];
};

/*
 * A record.  The reader copies it, and then looks whether "head" has passed its
 * place by more than "units": if so, the copy is no good, the event is lost.
 * A place whose tag is not right has no record yet, or was not finished when
 * its thread was interrupted or killed.
 *
 * Each event first counts in the counter of its index, modulo 2^32.  What was
 * counted and not read was lost.
 */
struct usdt__record {
	uint32_t tag;		/* its place: stored last, with release */
	uint32_t meta;		/* words, texts, index */
	uint64_t time;
	/*
	 * If it has texts: a word, in its low half a bit for each argument that
	 * is a text, in its high half the count of arguments.
	 * A word for each argument, as it was passed; for a text its length and
	 * flags, and how many words it takes.
	 * The texts, each with a zero.
	 */
};

#define USDT__RECORD_WORDS(meta)	((meta) & 0xfff)  /* with the first two */
#define USDT__RECORD_HAS_TEXTS		0x1000u
#define USDT__RECORD_INDEX(meta)	((meta) >> 13)	/* images[].first + cell */
#define USDT__RECORD_META(index)	((uint32_t)(index) << 13)
#define USDT__RECORD_MAX	(3 + 32 + 32 * 65)	/* words */

/* A text's word. */
#define USDT__TEXT_LENGTH(word)	((uint32_t)(word))	/* bytes in the record */
#define USDT__TEXT_ROOM(word)	((uint32_t)((word) >> 40 & 0xff))  /* words */
#define USDT__TEXT_MAX		512	/* as much as uprobes can read */
#define USDT__TEXT_NULL		((uint64_t)1 << 32)	/* a NULL pointer */
#define USDT__TEXT_UNREADABLE	((uint64_t)1 << 33)
#define USDT__TEXT_CUT		((uint64_t)1 << 34)	/* it was longer */

#endif /* USDT_DIRECT_H */
