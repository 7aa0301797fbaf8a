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

static inline uint64_t
now_of(const struct usdt__writer *writer)
{
	return __builtin_expect(writer->by_counter, 1) ? usdt__counter() :
	    usdt__ring_time();
}

/*
 * The index of the probe's counter in the thread's ring, or -1 without one.
 * Gate and stub may be of two images for a moment, when a probe moves.
 */
static inline long
index_of(const struct usdt_probe *probe, struct usdt__writer **writer)
{
	const uint8_t *stubs = __atomic_load_n(&probe->stubs,
	    __ATOMIC_ACQUIRE);
	size_t at = (size_t)(__atomic_load_n(&probe->fire, __ATOMIC_RELAXED) -
	    stubs);
	struct usdt__writer *mine = usdt__writer;
	uint32_t first, size;

	*writer = mine;
	if (__builtin_expect(mine != NULL, 1)) {
		first = mine->first;
		size = mine->stubs_size;
		BARRIER();
		if (__builtin_expect(mine->stubs == stubs && at < size, 1))
			return first + (long)(at / USDT__CELL);
	}
	return usdt__ring_find(stubs, at, writer);
}

/* Begin a record of WORDS words: returns where, and its PLACE. */
static inline struct usdt__record *
begin(struct usdt__writer *writer, uint32_t index, uint32_t words,
    uint32_t *place)
{
	uint8_t *ring = writer->ring;

	usdt__count((uint32_t *)(void *)(ring + USDT__RING_HEAD) + index);
	*place = usdt__advance(&((struct usdt__ring *)(void *)ring)->head,
	    words);
	return (void *)(ring + USDT__RING_DATA + (size_t)(*place &
	    writer->mask) * 8);
}

/* It is complete.  If it is the last of a lap, the ring may be too small. */
static inline void
end(struct usdt__writer *writer, struct usdt__record *record, uint32_t place,
    uint32_t words)
{
	__atomic_store_n(&record->tag, place + writer->key, __ATOMIC_RELEASE);
	if (__builtin_expect((place & writer->mask) + words > writer->mask, 0))
		usdt__ring_lap(writer);
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
__attribute__((noinline)) static void
record_texts(const struct usdt_probe *probe, const uint64_t *words)
{
	const uint32_t texts = probe->texts;
	struct usdt__writer *writer;
	struct usdt__record *record;
	uint8_t lengths[USDT_ARG_MAX];
	uint32_t i, place, size = 3 + probe->argc;
	uint64_t *value, all;
	uint8_t *out;
	long index = index_of(probe, &writer);

	if (index < 0)
		return;
	for (i = 0; i < probe->argc; i++) {
		if (!(texts >> i & 1))
			continue;
		lengths[i] = (uint8_t)length_of(probe, i, words, &all);
		size += lengths[i] / 8 + 1U;
	}
	record = begin(writer, (uint32_t)index, size, &place);
	record->meta = size | USDT__RECORD_HAS_TEXTS | (uint32_t)index << 12;
	record->time = now_of(writer);
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
	end(writer, record, place, size);
}

void
usdt__record(const struct usdt_probe *probe, const uint64_t *words)
{
	struct usdt__writer *writer;
	struct usdt__record *record;
	uint64_t *value;
	uint32_t i, place, argc = probe->argc, size = 2 + argc;
	long index;

	if (probe->texts != 0) {
		record_texts(probe, words);
		return;
	}
	index = index_of(probe, &writer);
	if (index < 0)
		return;
	record = begin(writer, (uint32_t)index, size, &place);
	record->meta = size | (uint32_t)index << 12;
	record->time = now_of(writer);
	value = (uint64_t *)(void *)(record + 1);
	for (i = 0; i < argc; i++)
		value[i] = words[i];
	end(writer, record, place, size);
}
