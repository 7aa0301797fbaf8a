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

/* The same with that call.  Returns 0 if the event is lost. */
static int
aim_slowly(const struct usdt_probe *probe, struct target *target)
{
	const uint8_t *stubs = __atomic_load_n(&probe->stubs,
	    __ATOMIC_ACQUIRE);
	long index;

	if (aim(probe, target))
		return 1;
	index = usdt__ring_find(stubs, (size_t)(__atomic_load_n(&probe->fire,
	    __ATOMIC_RELAXED) - stubs), &target->writer);
	target->index = (uint32_t)index;
	return index >= 0;
}

/* Begin a record of WORDS words: returns where, and its PLACE. */
static inline struct usdt__record *
begin(const struct target *target, uint32_t words, uint32_t more,
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
	record->meta = words | more | target->index << 12;
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

/* How many bytes of a text does the record get, at most?  ALL: of all that it
 * has, if that is known. */
static uint32_t
length_of(const struct usdt_probe *probe, uint32_t index, const uint64_t *words,
    uint64_t *all)
{
	const char *text = (const char *)(uintptr_t)words[index];
	const int of = probe->lengths != NULL ? probe->lengths[index] : -1;

	*all = of >= 0 ? words[of] : probe->vouched && text != NULL ?
	    strnlen(text, USDT__TEXT_MAX + 1) : USDT__TEXT_MAX;
	return *all < USDT__TEXT_MAX ? (uint32_t)*all : USDT__TEXT_MAX;
}

/*
 * A text that nobody vouches for is read by the kernel, which knows what can be
 * read.  If its length is not known, the record has room for the longest.
 */
static uint64_t
read_text(const char *text, uint8_t *out, uint32_t length, int measured)
{
	size_t n = usdt__ring_read(text, out, length + (measured ? 0 : 1U));
	const uint8_t *zero = measured ? NULL : memchr(out, '\0', n);

	if (zero != NULL)
		length = (uint32_t)(zero - out);
	else if (n < length + (measured ? 0 : 1U))
		return USDT__TEXT_UNREADABLE;
	memset(out + length, '\0', n - length);
	out[length] = '\0';
	return length | (zero == NULL && !measured ? USDT__TEXT_CUT : 0);
}

/* Write the text of argument INDEX to OUT; returns its word. */
static uint64_t
write_text(const struct usdt_probe *probe, uint32_t index,
    const uint64_t *words, uint8_t *out, uint32_t room)
{
	const char *text = (const char *)(uintptr_t)words[index];
	const int measured = probe->lengths != NULL &&
	    probe->lengths[index] >= 0;
	uint64_t all, value;
	uint32_t length = length_of(probe, index, words, &all);

	if (text == NULL)
		return USDT__TEXT_NULL;
	if (length > room)		/* another thread changed the text */
		length = room;
	if (!probe->vouched) {
		value = length > 0 ? read_text(text, out, length, measured) : 0;
	} else {
		memcpy(out, text, length);
		out[length] = '\0';
		value = length;
	}
	return value | (all > length && !(value & USDT__TEXT_UNREADABLE) &&
	    (measured || probe->vouched) ? USDT__TEXT_CUT : 0);
}

/* With texts.  They are measured first, since a record's size can't change. */
static void
write_texts(const struct usdt_probe *probe, const uint64_t *words,
    const struct target *target)
{
	const uint32_t texts = probe->texts;
	struct usdt__record *record;
	uint8_t lengths[USDT_ARG_MAX];
	uint32_t i, place, size = 3 + probe->argc;
	uint64_t *value, all;
	uint8_t *out;

	for (i = 0; i < probe->argc; i++) {
		if (!(texts >> i & 1))
			continue;
		lengths[i] = (uint8_t)length_of(probe, i, words, &all);
		size += lengths[i] / 8 + 1U;
	}
	record = begin(target, size, USDT__RECORD_HAS_TEXTS, &place);
	record->time = target->writer->by_counter ? usdt__counter() :
	    usdt__ring_time();
	value = (uint64_t *)(void *)(record + 1);
	*value++ = texts | (uint64_t)probe->argc << 32;
	out = (uint8_t *)(value + probe->argc);
	for (i = 0; i < probe->argc; i++) {
		if (!(texts >> i & 1)) {
			value[i] = words[i];
			continue;
		}
		value[i] = write_text(probe, i, words, out, lengths[i]) |
		    (uint64_t)(lengths[i] / 8 + 1U) << 40;
		out += (lengths[i] / 8 + 1) * 8;
	}
	if (end(target, record, place, size))
		usdt__ring_lap(target->writer);
}

static inline int
write_words(const struct usdt_probe *probe, const uint64_t *words,
    const struct target *target, uint64_t now)
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

/* Whatever needs a call. */
__attribute__((noinline)) static void
record_slowly(const struct usdt_probe *probe, const uint64_t *words)
{
	struct target target;

	if (!aim_slowly(probe, &target))
		;
	else if (probe->texts != 0)
		write_texts(probe, words, &target);
	else if (write_words(probe, words, &target,
	    target.writer->by_counter ? usdt__counter() : usdt__ring_time()))
		usdt__ring_lap(target.writer);
	run(probe, words);
}

/* The last of a lap. */
__attribute__((noinline)) static void
lap_and_run(const struct usdt_probe *probe, const uint64_t *words,
    struct usdt__writer *writer)
{
	usdt__ring_lap(writer);
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
