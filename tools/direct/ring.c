/*
 * ring.c - which records are in a ring, which were lost?
 *
 * The writer does not wait for us.  So first the records are walked in the ring,
 * each tag before its record, then they are copied, then "head" says which of
 * them were overwritten meanwhile.  If the writer has come round, we look for a
 * place again: one whose tag is right, and whose record leads to others that are
 * right, or to the head.
 *
 * A record may stay unfinished: its thread was killed, or is in a signal handler
 * for long.  After a second it is passed over, and counts as lost.
 *
 * Each number that comes from the ring is checked before it is used, and read
 * once: the process may change it at any time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>

#include "tools/direct/direct.h"

/* A record that is still unfinished after so many nanoseconds is passed over. */
#define PATIENCE	((uint64_t)1000000000)

/* How long we wait until we look for a place again. */
#define PAUSE		((uint64_t)20000000)

/* Units that are copied at once. */
#define BATCH		(1u << 15)

static const struct usdt__ring *
head_of(const struct ring *ring)
{
	return (const void *)ring->map;
}

static uint32_t
load(const uint32_t *word)
{
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static uint32_t
read_head(const struct ring *ring)
{
	return load(&head_of(ring)->head);
}

/* Where the record of a place is in the ring. */
static const struct usdt__record *
record_at(const struct ring *ring, uint32_t place)
{
	return (const void *)(ring->map + ring->data +
	    (size_t)(place & (ring->units - 1)) * 8);
}

/*
 * The words of the record at a place that is LEFT units before the head; 0 if
 * there is none.
 */
static uint32_t
record_words(const struct ring *ring, uint32_t place, uint32_t left)
{
	const struct usdt__record *record = record_at(ring, place);
	uint32_t words;

	if (load(&record->tag) != place)
		return 0;
	words = USDT__RECORD_WORDS(load(&record->meta));
	return words >= 2 && words <= USDT__RECORD_MAX && words <= left ?
	    words : 0;
}

/* --- images and counters --- */

static uint32_t
counter(const struct ring *ring, uint32_t index)
{
	return load((const uint32_t *)(const void *)(ring->map +
	    ring->counters) + index);
}

/* Learn which images the ring has got. */
static void
learn_images(struct ring *ring)
{
	const struct usdt__ring_image *entry;
	struct ring_image *image;
	uint32_t count, first;

	while (ring->image_count < USDT__RING_IMAGES) {
		entry = &head_of(ring)->images[ring->image_count];
		count = load(&entry->count);
		first = load(&entry->first);
		if (count == 0)
			return;
		image = &ring->images[ring->image_count++];
		memcpy(image->id, entry->id, sizeof image->id);
		/* All images have no more cells than there are counters. */
		if (count > ring->counter_count - ring->cells ||
		    first > ring->counter_count - count)
			continue;
		ring->cells += count;
		image->first = first;
		image->count = count;
		image->tallies = xcalloc(count, sizeof *image->tallies);
	}
}

/* Most records are of the image that had the last one. */
static struct ring_image *
image_of(struct ring *ring, uint32_t index)
{
	struct ring_image *image = &ring->images[ring->last_image];
	uint32_t i;

	if (index - image->first < image->count)
		return image;
	for (i = 0; i < ring->image_count; i++) {
		image = &ring->images[i];
		if (index - image->first >= image->count)
			continue;
		ring->last_image = i;
		return image;
	}
	return NULL;
}

void
ring_count(struct ring *ring)
{
	struct ring_image *image;
	uint32_t i, k;

	learn_images(ring);
	for (i = 0; i < ring->image_count; i++) {
		image = &ring->images[i];
		for (k = 0; k < image->count; k++)
			image->tallies[k].seen = counter(ring,
			    image->first + k);
	}
	ring->counted = read_head(ring);
}

int
ring_is_counted(const struct ring *ring)
{
	uint32_t place = ring->at != ring->end ? ring->at : ring->place;

	return (int32_t)(place - ring->counted) >= 0;
}

int32_t
ring_lost(struct tally *tally)
{
	uint32_t lost = tally->seen - tally->base - tally->read;
	int32_t more = (int32_t)(lost - tally->told);

	tally->told = lost;
	return more;
}

/* --- beginning --- */

static const char *
check(struct ring *ring)
{
	const struct usdt__ring *head = head_of(ring);
	uint64_t end;
	uint32_t clock, version;

	if (ring->size < sizeof *head)
		return "it is too small";
	version = __atomic_load_n(&head->version, __ATOMIC_ACQUIRE);
	if (head->magic != USDT__RING_MAGIC || version == 0)
		return "it is no ring";
	if (version != USDT__RING_VERSION)
		return "it is of another version of libusdt";
	ring->key = load(&head->key);
	ring->units = load(&head->units);
	ring->data = load(&head->data);
	ring->counters = load(&head->counters);
	ring->counter_count = load(&head->counter_count);
	ring->pid = load(&head->pid);
	ring->tid = load(&head->tid);
	clock = load(&head->clock);
	ring->by_counter = clock == USDT__CLOCK_COUNTER;
	if (!ring->by_counter && clock != USDT__CLOCK_MONOTONIC)
		return "its clock is unknown";
	if (ring->units < 2 || ring->units > USDT__RING_UNITS ||
	    (ring->units & (ring->units - 1)) != 0)
		return "its size makes no sense";
	end = ring->data + ((uint64_t)ring->units + USDT__RECORD_MAX) * 8;
	if (ring->data % 8 != 0 || ring->data < sizeof *head ||
	    end > ring->size)
		return "its records lie outside";
	end = ring->counters + (uint64_t)ring->counter_count * 4;
	if (ring->counters % 4 != 0 || end > ring->size ||
	    ring->counter_count > USDT__RING_COUNTERS)
		return "its counters lie outside";
	return NULL;
}

/* From now on: what was counted before is not ours. */
static void
begin_late(struct ring *ring)
{
	uint32_t i, k, tries = 10;

	do {
		ring->place = read_head(ring);
		learn_images(ring);
		for (i = 0; i < ring->image_count; i++)
			for (k = 0; k < ring->images[i].count; k++)
				ring->images[i].tallies[k].base = counter(ring,
				    ring->images[i].first + k);
	} while (read_head(ring) != ring->place && --tries > 0);
}

const char *
ring_begin(struct ring *ring, const void *map, size_t size, int whole)
{
	const char *why;

	memset(ring, 0, sizeof *ring);
	ring->map = map;
	ring->size = size;
	why = check(ring);
	/* Records point there. */
	ring->images = xcalloc(USDT__RING_IMAGES, sizeof *ring->images);
	ring->place = ring->key;
	if (why == NULL && !whole)
		begin_late(ring);
	ring->at = ring->end = ring->place;
	return why;
}

void
ring_done(struct ring *ring)
{
	uint32_t i;

	for (i = 0; i < ring->image_count; i++)
		free(ring->images[i].tallies);
	free(ring->images);
	free(ring->copy);
	memset(ring, 0, sizeof *ring);
}

int
ring_is_drained(const struct ring *ring)
{
	return ring->at == ring->end && ring->place == read_head(ring) &&
	    !ring->lost_place;
}

int
ring_is_closed(const struct ring *ring)
{
	return load(&head_of(ring)->closed) != 0;
}

/* --- finding a place --- */

/*
 * The first place from FROM on, before HEAD, at which a record begins that leads
 * to the head, or over at least ENOUGH records.  Returns 0 if there is none.
 */
static int
find_place(const struct ring *ring, uint32_t from, uint32_t head,
    unsigned enough, uint32_t *place)
{
	enum { LEADS = 255, MOST = 254 };
	uint32_t n = head - from, i, words, best = n;
	uint8_t *chain = xcalloc((size_t)n + 1, 1);

	chain[n] = LEADS;
	for (i = n; i-- > 0; ) {
		words = record_words(ring, from + i, n - i);
		if (words == 0)
			continue;
		chain[i] = chain[i + words] >= MOST ? chain[i + words] :
		    (uint8_t)(chain[i + words] + 1);
		if (chain[i] >= enough)
			best = i;
	}
	free(chain);
	*place = from + best;
	return best < n;
}

/* The writer has come round. */
static void
find_after_lap(struct ring *ring, uint64_t now)
{
	uint32_t head = read_head(ring), left = ring->units / 4 * 3, place;

	if (head - ring->place < left)	/* it is still lost since earlier */
		left = head - ring->place;
	if (!ring->lost_place)
		ring->gaps++;
	ring->lost_place = !find_place(ring, head - left, head, 2, &place);
	if (!ring->lost_place)
		ring->place = place;
	ring->stuck_since = now;
}

/* The record at our place is not finished.  Pass over it? */
static void
pass_stuck(struct ring *ring, uint32_t head, uint64_t now, int ended)
{
	uint32_t place;

	if (ring->stuck_since == 0 || ring->stuck != ring->place) {
		ring->stuck = ring->place;
		ring->stuck_since = now;
	}
	if (!ended && now - ring->stuck_since < PATIENCE)
		return;
	if (head - ring->place > 2 && find_place(ring, ring->place + 2, head,
	    1, &place))
		ring->place = place;
	else if (ended)
		ring->place = head;
	else
		return;
	ring->stuck_since = 0;
	ring->gaps++;
}

/* --- copying --- */

static void
copy_units(struct ring *ring, size_t to, uint32_t place, uint32_t count)
{
	memcpy(ring->copy + to, record_at(ring, place), (size_t)count * 8);
}

/* Copy the records from our place up to END.  From TURN on they are at the ring's
 * beginning. */
static void
copy_records(struct ring *ring, uint32_t turn, uint32_t end)
{
	size_t words = end - ring->place;

	if (words > ring->space) {
		free(ring->copy);
		ring->space = words > BATCH / 8 ? words : BATCH / 8;
		ring->copy = xcalloc(ring->space, 8);
	}
	copy_units(ring, 0, ring->place, turn - ring->place);
	if (turn != end)
		copy_units(ring, turn - ring->place, turn, end - turn);
	ring->start = ring->at = ring->place;
	ring->end = end;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	ring->head = read_head(ring);
	ring->place = end;
}

/* Walk over finished records, and copy them.  Returns 1 if there are any. */
static int
copy_finished(struct ring *ring, uint32_t head)
{
	uint32_t place = ring->place, words, turn = 0, turned = 0;
	const uint32_t lap_end = ring->place + ring->units -
	    (ring->place & (ring->units - 1));

	while (place != head && place - ring->place < BATCH) {
		words = record_words(ring, place, head - place);
		if (words == 0)
			break;
		place += words;
		if (!turned && (int32_t)(place - lap_end) >= 0) {
			turned = 1;
			turn = place;
		}
	}
	if (place == ring->place)
		return 0;
	copy_records(ring, turned ? turn : place, place);
	return 1;
}

int
ring_read(struct ring *ring, uint64_t now, int ended)
{
	uint32_t head, before;
	int tries;

	for (tries = 0; tries < 4 && ring->at == ring->end; tries++) {
		head = read_head(ring);
		if (head == ring->place && !ring->lost_place)
			return 0;
		if (head - ring->place > ring->waiting)
			ring->waiting = head - ring->place;
		if (ring->lost_place && !ended &&
		    now - ring->stuck_since < PAUSE)
			return 0;
		if (ring->lost_place || head - ring->place > ring->units) {
			find_after_lap(ring, now);
			if (ring->lost_place && ended) {
				ring->place = head;
				ring->lost_place = 0;
			}
			if (ring->lost_place)
				return 0;
			continue;
		}
		if (copy_finished(ring, head)) {
			ring->stuck_since = 0;
			learn_images(ring);
			break;
		}
		before = ring->place;
		pass_stuck(ring, head, now, ended);
		if (ring->place == before)
			return 0;
	}
	return ring->at != ring->end;
}

/* --- handing out --- */

int
ring_peek(struct ring *ring, struct ring_record *record)
{
	const struct usdt__record *copied;
	uint32_t index, words;

	while (ring->at != ring->end) {
		copied = (const void *)(ring->copy + (ring->at - ring->start));
		words = USDT__RECORD_WORDS(copied->meta);
		if (copied->tag != ring->at || words < 2 ||
		    words > ring->end - ring->at) {
			/* Overwritten while it was copied, or a forger's. */
			ring->at = ring->end;
			ring->gaps++;
			break;
		}
		index = USDT__RECORD_INDEX(copied->meta);
		record->image = image_of(ring, index);
		if (ring->head - ring->at <= ring->units &&
		    record->image != NULL) {
			record->cell = index - record->image->first;
			record->words = (const uint64_t *)(copied + 1);
			record->count = words - 2;
			record->has_texts = (copied->meta &
			    USDT__RECORD_HAS_TEXTS) != 0;
			record->time = copied->time;
			return 1;
		}
		ring->at += words;
		ring->gaps++;
	}
	return 0;
}
