/*
 * image/record.c - how is an event written to its thread's ring?
 *
 * core/direct.h has the format.  A fire may come in a signal handler, which may
 * have interrupted another fire of the same thread here, at any instruction.  So
 * each step that both could take is one instruction, and what two values say
 * together is read in an order that shows a change.  The writer belongs to this
 * thread; its ring stays mapped while an interrupted fire may use it.
 *
 * Nothing here relies on what is in the ring.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "image/image.h"
#include "core/instructions.h"

#include <errno.h>

/* Compilers must not move memory accesses across this. */
#define BARRIER()	__atomic_signal_fence(__ATOMIC_SEQ_CST)

/*
 * What the fast path has looked up: the thread's writer, and the index of the
 * probe's counter in its ring.
 */
struct target {
	struct usdt__writer *writer;
	uint32_t index;
	struct usdt__record *record;	/* that is being written */
};

/*
 * Look them up.  Returns 0 if that needs a call: the thread has no ring, or its
 * last event was of another image, or only the kernel can tell the time.  Stub and image may not belong together for a
 * moment, when a probe moves.
 */
static inline int
aim(const struct usdt_probe *probe, struct target *target)
{
	const uint8_t *stubs = __atomic_load_n(&probe->stubs,
	    __ATOMIC_ACQUIRE);
	size_t at = (size_t)(__atomic_load_n(&probe->fire, __ATOMIC_RELAXED) -
	    stubs);
	const uintptr_t thread = usdt__thread();
	struct usdt__writer *writer = __atomic_load_n(
	    &usdt__writers[usdt__writer_place(thread)], __ATOMIC_RELAXED);
	uint32_t first, size;

	if (__builtin_expect(writer == NULL || writer->thread != thread, 0))
		return 0;
	first = writer->first;
	size = writer->stubs_size;
	BARRIER();
	if (__builtin_expect(writer->stubs != stubs || at >= size, 0))
		return 0;
	target->writer = writer;
	target->index = first + (uint32_t)(at / USDT__CELL);
	return 1;
}

/* The same with that call, and with where the stubs are.  Returns 0 if the event
 * is lost. */
static int
aim_slowly(const struct usdt_probe *probe, struct target *target,
    const uint8_t **stubs, size_t *at)
{
	long index;

	*stubs = __atomic_load_n(&probe->stubs, __ATOMIC_ACQUIRE);
	*at = (size_t)(__atomic_load_n(&probe->fire, __ATOMIC_RELAXED) -
	    *stubs);
	if (aim(probe, target))
		return 1;
	index = usdt__ring_find(*stubs, *at, &target->writer);
	target->index = (uint32_t)index;
	return index >= 0;
}

/* Begin a record of WORDS words: returns where, and its PLACE. */
static inline struct usdt__record *
begin(struct target *target, uint32_t words, uint32_t more,
    uint32_t *place)
{
	uint8_t *ring = target->writer->ring;
	struct usdt__record *record;

	usdt__count((uint32_t *)(void *)(ring + USDT__RING_HEAD) +
	    target->index);
	*place = usdt__advance(&((struct usdt__ring *)(void *)ring)->head,
	    words);
	record = (void *)(ring + USDT__RING_DATA + (size_t)(*place &
	    target->writer->mask) * 8);
	record->meta = words | more | target->index << 13;
	target->record = record;
	return record;
}

/* It is complete.  Returns 1 if it is the last of a lap. */
static inline int
end(const struct target *target, struct usdt__record *record, uint32_t place,
    uint32_t words)
{
	const uint32_t mask = target->writer->mask;

	__atomic_store_n(&record->tag, place + target->writer->key,
	    __ATOMIC_RELEASE);
	return __builtin_expect((place & mask) + words > mask, 0);
}

static inline void
run(const struct usdt_probe *probe, const uint64_t *words)
{
	usdt__fire(__atomic_load_n(&probe->fire, __ATOMIC_RELAXED),
	    probe->argc, words);
}

/*
 * Is the length of a text in another argument?  A negative one says nothing: then
 * a zero ends the text.
 */
static inline int
is_measured(const struct usdt_probe *probe, unsigned index,
    const uint64_t *words, uint64_t *length)
{
	unsigned unused;
	int size;

	if (__builtin_expect(probe->lengths == NULL ||
	    probe->lengths[index] < 0, 1))
		return 0;
	size = probe->lengths[probe->argc + index];
	unused = 64 - 8 * (unsigned)(size < 0 ? -size : size);
	*length = words[probe->lengths[index]] << unused;
	if (size < 0 && (int64_t)*length < 0)
		return 0;
	*length >>= unused;
	return 1;
}

/*
 * A text's word, as far as it is known before the text is copied: how many bytes
 * the record gets at most, and what is cut then.
 */
static inline uint64_t
measure(const struct usdt_probe *probe, unsigned index, const uint64_t *words)
{
	const char *text = (const char *)(uintptr_t)words[index];
	uint64_t length;

	if (text == NULL)
		return USDT__TEXT_NULL;
	if (!is_measured(probe, index, words, &length))
		length = probe->vouched ? strnlen(text, USDT__TEXT_MAX + 1) :
		    USDT__TEXT_MAX;
	return length <= USDT__TEXT_MAX ? length :
	    USDT__TEXT_MAX | USDT__TEXT_CUT;
}

/*
 * A text that nobody vouches for is read by the kernel, which knows what can be
 * read.  If its length is not known, the record has room for the longest.
 */
static uint64_t
read_text(const char *text, uint64_t word, uint8_t *out, int measured)
{
	size_t length = USDT__TEXT_LENGTH(word);
	size_t size = length + (measured ? 0 : 1), n = 0;
	const uint8_t *zero = NULL;

	if (size > 0)
		n = usdt__ring_read(text, out, size);
	if (!measured)
		zero = memchr(out, '\0', n);
	if (zero != NULL)
		length = (size_t)(zero - out);
	else if (n < size)
		return USDT__TEXT_UNREADABLE;
	else if (!measured)
		word |= USDT__TEXT_CUT;
	memset(out + length, '\0', size - length + (size_t)measured);
	return length | (word & USDT__TEXT_CUT);
}

/*
 * With texts.  They are measured first, since a record's size can't change.  If
 * another thread changes a text meanwhile, no more is copied than there was.
 */
static void
write_texts(const struct usdt_probe *probe, const uint64_t *words,
    struct target *target, const uint8_t *stubs)
{
	const uint32_t texts = probe->texts, argc = probe->argc;
	uint64_t measured[USDT_ARG_MAX], *value, word, length;
	struct usdt__record *record;
	uint32_t i, n, left, room, place, size = 3 + argc;
	uint8_t *out;
	const int may_read = probe->vouched ||
	    usdt__ring_may_call(target->writer);

	for (n = 0, left = texts; left != 0; left &= left - 1, n++) {
		word = measure(probe, (unsigned)__builtin_ctz(left), words);
		room = USDT__TEXT_LENGTH(word) / 8 + 1;
		measured[n] = word | (uint64_t)room << 40;
		size += room;
	}
	record = begin(target, size, USDT__RECORD_HAS_TEXTS, &place);
	record->time = target->writer->by_counter ? usdt__counter() :
	    usdt__ring_time();
	value = (uint64_t *)(void *)(record + 1);
	*value++ = texts | (uint64_t)argc << 32;
	for (i = 0; i < argc; i++)
		value[i] = words[i];
	out = (uint8_t *)(value + argc);
	for (n = 0, left = texts; left != 0; left &= left - 1, n++) {
		i = (uint32_t)__builtin_ctz(left);
		word = measured[n];
		room = USDT__TEXT_ROOM(word);
		if (word & USDT__TEXT_NULL) {
			;
		} else if (probe->vouched) {
			memcpy(out, (const char *)(uintptr_t)words[i],
			    USDT__TEXT_LENGTH(word));
			out[USDT__TEXT_LENGTH(word)] = '\0';
		} else if (!may_read) {
			memset(out, '\0', room * 8);
			word = USDT__TEXT_UNREADABLE | (uint64_t)room << 40;
		} else {
			word = read_text((const char *)(uintptr_t)words[i],
			    word, out, is_measured(probe, i, words, &length)) |
			    (uint64_t)room << 40;
		}
		value[i] = word;
		out += room * 8;
	}
	if (end(target, record, place, size))
		usdt__ring_lap(target->writer, stubs);
}

static inline int
write_words(const struct usdt_probe *probe, const uint64_t *words,
    struct target *target, uint64_t now)
{
	const uint32_t argc = probe->argc;
	struct usdt__record *record;
	uint64_t *value;
	uint32_t i, place;

	record = begin(target, 2 + argc, 0, &place);
	record->time = now;
	value = (uint64_t *)(void *)(record + 1);
	for (i = 0; i < argc; i++)
		value[i] = words[i];
	return end(target, record, place, 2 + argc);
}

static void
write_slowly(const struct usdt_probe *probe, const uint64_t *words)
{
	const uint8_t *stubs;
	struct target target;
	size_t at;

	if (!aim_slowly(probe, &target, &stubs, &at))
		return;
	if (probe->texts != 0)
		write_texts(probe, words, &target, stubs);
	else if (write_words(probe, words, &target,
	    target.writer->by_counter ? usdt__counter() : usdt__ring_time()))
		usdt__ring_lap(target.writer, stubs);
	if (target.writer->early)
		usdt__ring_tell(target.writer, stubs, target.record,
		    (uint32_t)(at / USDT__CELL));
}

/* Whatever needs a call. */
__attribute__((noinline)) static void
record_slowly(const struct usdt_probe *probe, const uint64_t *words)
{
	write_slowly(probe, words);
	run(probe, words);
}

/* The last of a lap. */
__attribute__((noinline)) static void
lap_and_run(const struct usdt_probe *probe, const uint64_t *words,
    struct usdt__writer *writer)
{
	usdt__ring_lap(writer, __atomic_load_n(&probe->stubs,
	    __ATOMIC_ACQUIRE));
	run(probe, words);
}

/* This calls no function but at its end, so it saves no registers. */
void
usdt__record_and_run(const struct usdt_probe *probe, const uint64_t *words)
{
	struct target target;

	if (__builtin_expect(probe->texts != 0 || !aim(probe, &target), 0))
		record_slowly(probe, words);
	else if (write_words(probe, words, &target, usdt__counter()))
		lap_and_run(probe, words, target.writer);
	else
		run(probe, words);
}
