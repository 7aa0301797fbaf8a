/*
 * direct.h - how are direct events read?  core/direct.h has the format.
 *
 * A process writes them to rings, one for each thread, which we map for reading
 * only.  Nothing in a ring is trusted: the process may be anybody's, and write
 * while we read.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef TOOLS_DIRECT_H
#define TOOLS_DIRECT_H

#include "core/direct.h"
#include "tools/events/events.h"

/* --- clock.c: when was it, by the processor's counter? Pure --------------- */

/* Two pairs of the counter and nanoseconds of CLOCK_MONOTONIC.  It begins with
 * zeros. */
struct counter_clock {
	uint64_t counter[2], time[2];	/* the older one, the younger one */
	uint64_t slope;		/* nanoseconds of a tick, times 2^32 */
	int pairs;
};

void clock_pair(struct counter_clock *clock, uint64_t counter, uint64_t time);
uint64_t clock_time(const struct counter_clock *clock, uint64_t counter);

/* --- ring.c: which records are in a ring, which were lost? Pure ----------- */

/* What was counted and read of a probe's events, modulo 2^32. */
struct tally {
	uint32_t base;		/* counted before we came */
	uint32_t read;
	uint32_t seen;		/* the counter when ring_count was called */
	uint32_t told;		/* losses that are known */
};

struct wanted;

/* An image from which the ring has records. */
struct ring_image {
	uint8_t id[20];
	uint32_t first, count;	/* indices */
	struct tally *tallies;
	const struct wanted *wanted;	/* for the caller's use */
	size_t looked;
};

struct ring {
	const uint8_t *map;
	size_t size;
	/* From its head, which is read once. */
	uint32_t key, units, data, counters, counter_count;
	int by_counter;
	uint32_t pid, tid;

	uint32_t place;		/* of the next record to be copied */
	int lost_place;		/* that is not known */
	uint32_t stuck;		/* place of an unfinished record ... */
	uint64_t stuck_since;	/* ... and when it was first met; 0: none.  Or
				 * when we looked for a place in vain */
	unsigned gaps;		/* how often records were passed over */
	uint32_t counted;	/* the head at ring_count */
	uint32_t waiting;	/* the most units that waited in it */

	uint64_t *copy;		/* records that are read, one after another */
	size_t space;		/* in words */
	uint32_t start, at, end;	/* their places: of the first, of the
				 * first that was not handed out, behind the
				 * last */
	uint32_t head;		/* after they were copied */

	struct ring_image *images;
	uint32_t image_count, last_image;
	uint32_t cells;		/* of all images */
};

/* A record, until the next call. */
struct ring_record {
	const uint64_t *words;	/* behind the time */
	size_t count;
	int has_texts;
	uint64_t time;		/* by the ring's clock */
	struct ring_image *image;
	uint32_t cell;
};

/*
 * Begin to read a ring whose file is mapped, SIZE bytes, and can't be cut short.
 * WHOLE: from its first record, else what comes from now on.  Returns NULL, or
 * what is wrong with it.
 */
const char *ring_begin(struct ring *ring, const void *map, size_t size,
    int whole);
void ring_done(struct ring *ring);
/*
 * Copy new records.  NOW is a time in nanoseconds; ENDED: nobody writes to it
 * any more.  Returns 1 if there are records.
 */
int ring_read(struct ring *ring, uint64_t now, int ended);
/* The first copied record.  Returns 0 if there is none. */
int ring_peek(struct ring *ring, struct ring_record *record);
/* It is read. */
static inline void
ring_pass(struct ring *ring, const struct ring_record *record)
{
	record->image->tallies[record->cell].read++;
	ring->at += 2 + (uint32_t)record->count;
}

/*
 * Note the counters.  When ring_is_counted says so, all that was counted then
 * was read, or is lost.
 */
void ring_count(struct ring *ring);
int ring_is_counted(const struct ring *ring);
/* How many were lost more than at the last call?  It can be less by one that was
 * being written. */
int32_t ring_lost(struct tally *tally);
/* Were all records handed out? */
int ring_is_drained(const struct ring *ring);
/* Will its thread write no more? */
int ring_is_closed(const struct ring *ring);

/* --- record.c: which values has a record? Pure ---------------------------- */

/* The values of all leaves of a target that is direct. */
void record_values(const struct ring_record *record,
    const struct target *target, struct value *values);

/* --- early.c: which events had a thread whose ring was gone? -------------- */

/* A ring that was gone before we could map it. */
struct orphan {
	pid_t pid, tid;		/* its thread's */
	uint64_t address, size;	/* where it was: a thread has several, and we may
				 * have the others */
	uint64_t made;		/* when it was announced */
	int unread;		/* it may have had more than it announced */
};

/* An event of such a thread. */
struct early {
	uint64_t time;
	pid_t pid, tid;
	uint64_t address;	/* of its record */
	char comm[32];
	struct target *target;
	uint64_t *words;
	uint32_t count, have;	/* words; some pieces may be missing yet */
};

struct early_list {		/* begins with zeros */
	struct orphan *orphans;
	size_t orphan_count, orphan_space;
	struct early *early;	/* in the order of their time ... */
	size_t first, count, space;	/* ... from the first one on */
	uint64_t unread;	/* threads that may have had more */
};

/* WHO announced its FIRST ring, or another one, that we don't get. */
void early_without_ring(struct early_list *list, const struct fire *who,
    int first, uint64_t address, uint64_t size);
/* WHO announces no more. */
void early_silent(struct early_list *list, const struct fire *who);
/* As rings_announced_record.  Returns 0 if the event is lost. */
int early_add(struct early_list *list, const struct fire *who,
    struct target *target, int more, uint64_t address, const void *bytes,
    size_t size);
/* The first one is done with. */
void early_pass(struct early_list *list);
/* As an event, and as a record. */
void early_view(const struct early *early, struct fire *fire,
    struct ring_record *view);
void early_attend(struct early_list *list, uint64_t now);
void early_done(struct early_list *list);

static inline struct early *
early_first(const struct early_list *list)
{
	return list->first == list->count ? NULL : &list->early[list->first];
}

static inline int
early_is_whole(const struct early *early)
{
	return early->have == early->count;
}

/* --- rings.c: which rings are there, what comes next? --------------------- */

/* An image whose probes somebody wants. */
struct wanted {
	uint8_t id[20];
	uint32_t count;		/* of its cells */
	struct target **targets;	/* of each; NULL: nobody wants it */
};

struct rings;

struct rings *rings_open(void);
void rings_close(struct rings *rings);
/* May we read what processes map?  NULL, or why not. */
const char *rings_obstacle(void);
/* Records of that image are wanted, too.  It stays the caller's. */
void rings_want(struct rings *rings, struct wanted *image);
/* A thread announced its FIRST ring or another one, of whose head the kernel copied COPIED bytes.  WHO
 * has the time, and what it is called. */
void rings_announced(struct rings *rings, const struct fire *who, int first,
    uint64_t address, uint64_t size, const void *head, size_t copied);
/*
 * A thread announced a record of TARGET's, or MORE of one: SIZE bytes that were at
 * ADDRESS.  It counts if the thread ended before we had its ring.
 */
void rings_announced_record(struct rings *rings, const struct fire *who,
    struct target *target, int more, uint64_t address, const void *bytes,
    size_t size);
/* A thread announced that it announces no more records. */
void rings_announced_silence(struct rings *rings, const struct fire *who);
/* A thread announced that an event was lost. */
void rings_announced_loss(struct rings *rings, pid_t pid,
    struct target *target);
/* Read the rings that a process has already, from now on. */
void rings_search(struct rings *rings, pid_t pid);
/*
 * Announcements were lost: look for the rings that processes we know have made
 * since then.  Those are read whole.
 */
void rings_search_again(struct rings *rings);

/* Copy what is new; NOW is CLOCK_MONOTONIC.  Returns 1 if there was something. */
int rings_read(struct rings *rings, uint64_t now);
/* How full was the fullest one since the last call, in percent?  More than 100:
 * it lost something. */
unsigned rings_fullest(struct rings *rings);
/*
 * Hand over what was copied and happened before UNTIL, in the order of time; the
 * fire has no values yet.  Not 0: stop, which is returned.
 */
typedef int rings_take(void *self, struct fire *fire,
    const struct ring_record *record);
int rings_hand_over(struct rings *rings, uint64_t until, rings_take *take,
    void *self);

/* Once a second: which threads and processes have ended, what was lost? */
void rings_attend(struct rings *rings, uint64_t now);
/*
 * At the end, when we have detached: note the counters of all, so that nothing
 * is open when all was read; and settle what is open nevertheless.
 */
void rings_count_all(struct rings *rings);
int rings_are_counted(const struct rings *rings);
void rings_settle(struct rings *rings);
/* Tell the losses that were not told yet; ALL: also those that were. */
void rings_tell(struct rings *rings, int all,
    void (*lost)(void *self, const struct loss *loss), void *self);
size_t rings_count(const struct rings *rings);
/* Threads whose rings were gone before we had them, with events that they did not
 * announce. */
uint64_t rings_unread(const struct rings *rings);

#endif /* TOOLS_DIRECT_H */
