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

#include <errno.h>

/* Compilers must not move memory accesses across this. */
#define BARRIER()	__atomic_signal_fence(__ATOMIC_SEQ_CST)

/* Where an event goes. */
struct target {
	struct usdt__writer *writer;	/* the thread's */
	uint32_t index;			/* of the probe's counter in its ring, as
					 * a record's meta has it */
};

/* This thread's writer, or NULL: to find it needs a call. */
static inline struct usdt__writer *
find_writer(void)
{
	const uintptr_t thread = usdt__thread();
	struct usdt__writer *writer = usdt__writer_at(
	    usdt__writer_place(thread));

	return __builtin_expect(USDT__LOAD(writer->thread) == thread, 1) ?
	    writer : NULL;
}

/*
 * Is this stub's entry in that image?  The entry alone says which probe it is:
 * when a probe moves, other words may belong to another image for a moment.
 */
static inline int
is_seen(const struct usdt__view *view, const uint8_t *entry, uint32_t *index)
{
	size_t at = (size_t)(entry - USDT__LOAD(view->fire));

	if (__builtin_expect(at >= USDT__LOAD(view->size), 0))
		return 0;
	BARRIER();
	*index = (uint32_t)at * (USDT__RECORD_META(1) / USDT__CELL) +
	    view->index;
	return 1;
}

/*
 * Returns 0 if a call is needed: the thread has no ring, or none with a view of the
 * image, or only the kernel can tell the time.
 */
static inline int
aim(const uint8_t *entry, struct target *target)
{
	uint32_t i;

	target->writer = find_writer();
	if (target->writer == NULL)
		return 0;
	for (i = 0; i < USDT__VIEWS; i++)
		if (is_seen(&target->writer->views[i], entry, &target->index))
			return 1;
	return 0;
}

/* Begin a record of WORDS words: returns where, and its PLACE. */
static inline struct usdt__record *
begin(const struct target *target, uint32_t words, uint32_t more,
    uint32_t *place)
{
	uint8_t *ring = target->writer->ring;
	const uint32_t meta = target->index + words + more;
	struct usdt__record *record;

	usdt__count(ring, USDT__RING_HEAD, USDT__RECORD_INDEX(target->index));
	*place = usdt__advance(&((struct usdt__ring *)(void *)ring)->head,
	    words);
	record = (void *)(ring + USDT__RING_DATA + (size_t)(*place &
	    target->writer->mask) * 8);
	record->meta = meta;
	return record;
}

/* It is complete.  Returns 1 if it is the last of a lap. */
static inline int
end(const struct target *target, struct usdt__record *record, uint32_t place,
    size_t words)
{
	__atomic_store_n(&record->tag, place + target->writer->key,
	    __ATOMIC_RELEASE);
	return __builtin_expect((const uint8_t *)record + words * 8 >=
	    target->writer->end, 0);
}

static inline void
copy_two(uint64_t *to, const usdt__word *from)
{
	memcpy(to, from, 2 * sizeof *to);
}

/* Most probes have few words.  Some are copied twice rather than asked for. */
static inline void
copy_words(uint64_t *to, const usdt__word *from, size_t n)
{
	size_t i;

	if (n < 2) {
		if (n == 1)
			to[0] = from[0];
		return;
	}
	copy_two(to, from);
	if (n == 2)
		return;
	copy_two(to + n - 2, from + n - 2);
	if (n > 4)
		copy_two(to + 2, from + 2);
	for (i = 4; i + 2 < n; i += 2)
		copy_two(to + i, from + i);
}

/*
 * Run through the stub for tracers that don't go by records.  Only a patched stub
 * has any.
 */
static inline void
run_if_patched(const struct usdt_probe *probe, const usdt__word *words)
{
	const uint8_t *entry = __atomic_load_n(&probe->fire, __ATOMIC_RELAXED);

	if (__builtin_expect(usdt__stub_sum(entry) != USDT__LOAD(probe->plain),
	    0))
		usdt__fire(entry, probe->argc, words);
}

/*
 * Is the length of a text in another argument?  A negative one says nothing: then
 * a zero ends the text.
 */
static inline int
is_measured(const struct usdt_probe *probe, unsigned index,
    const usdt__word *words, uint64_t *length)
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
measure(const struct usdt_probe *probe, unsigned index, const usdt__word *words,
    int vouched)
{
	const char *text = (const char *)(uintptr_t)words[index];
	uint64_t length;

	if (text == NULL)
		return USDT__TEXT_NULL;
	if (!is_measured(probe, index, words, &length))
		length = vouched ? strnlen(text, USDT__TEXT_MAX + 1) :
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

/* Most texts are so short that a call would cost more than their bytes.  The last
 * ones may be copied twice. */
static inline void
copy_text(char *out, const char *text, size_t n)
{
	USDT__OPAQUE(n);	/* else gcc has "rep movs" for long ones: slow */
	if (n > 32) {
		memcpy(out, text, n);
	} else if (n >= 16) {
		memcpy(out, text, 16);
		memcpy(out + n - 16, text + n - 16, 16);
	} else if (n >= 8) {
		memcpy(out, text, 8);
		memcpy(out + n - 8, text + n - 8, 8);
	} else if (n >= 4) {
		memcpy(out, text, 4);
		memcpy(out + n - 4, text + n - 4, 4);
	} else if (n > 0) {
		out[0] = text[0];
		out[n / 2] = text[n / 2];
		out[n - 1] = text[n - 1];
	}
	out[n] = '\0';
}

static inline uint64_t
time_of(const struct usdt__writer *writer)
{
	return writer->by_counter ? usdt__counter() : usdt__ring_time();
}

/*
 * With texts.  They are measured first, since a record's size can't change.  If
 * another thread changes a text meanwhile, no more is copied than there was.
 */
static struct usdt__record *
write_texts(const struct usdt_probe *probe, const usdt__word *words,
    const struct target *target, int *is_last)
{
	const uint32_t texts = probe->texts, argc = probe->argc;
	uint64_t measured[USDT_ARG_MAX], *value, word, length;
	struct usdt__record *record;
	uint32_t i, left, room, place, size = 3 + argc;
	uint8_t *out;
	/* Another thread may vouch for them meanwhile. */
	const int vouched = __atomic_load_n(&probe->vouched, __ATOMIC_RELAXED);
	const int may_read = vouched || usdt__ring_may_call(target->writer);

	for (left = texts; left != 0; left &= left - 1) {
		i = (uint32_t)__builtin_ctz(left);
		word = measure(probe, i, words, vouched);
		room = USDT__TEXT_LENGTH(word) / 8 + 1;
		measured[i] = word | (uint64_t)room << 40;
		size += room;
	}
	record = begin(target, size, USDT__RECORD_HAS_TEXTS, &place);
	record->time = time_of(target->writer);
	value = (uint64_t *)(void *)(record + 1);
	*value++ = texts | (uint64_t)argc << 32;
	copy_words(value, words, argc);
	out = (uint8_t *)(value + argc);
	for (left = texts; left != 0; left &= left - 1) {
		i = (uint32_t)__builtin_ctz(left);
		word = measured[i];
		room = USDT__TEXT_ROOM(word);
		if (vouched) {
			copy_text((char *)out,
			    (const char *)(uintptr_t)words[i],
			    USDT__TEXT_LENGTH(word));
		} else if (word & USDT__TEXT_NULL) {
			;
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
	*is_last = end(target, record, place, size);
	return record;
}

static inline struct usdt__record *
write_words(const struct usdt_probe *probe, const usdt__word *words,
    const struct target *target, uint64_t now, int *is_last)
{
	struct usdt__record *record;
	size_t argc = probe->argc;
	uint32_t place;

	USDT__OPAQUE(now);
	USDT__OPAQUE(argc);
	record = begin(target, 2 + (uint32_t)argc, 0, &place);
	record->time = now;
	copy_words((uint64_t *)(void *)(record + 1), words, argc);
	*is_last = end(target, record, place, 2 + argc);
	return record;
}

/* Whatever needs a call. */
__attribute__((noinline)) static void
record_slowly(const usdt_probedef_t *probedef, size_t argc,
    const usdt__word *words)
{
	const struct usdt_probe *probe = usdt__probe_of(probedef);
	const uint8_t *stubs = __atomic_load_n(&probe->stubs,
	    __ATOMIC_ACQUIRE);
	const uint8_t *entry = __atomic_load_n(&probe->fire, __ATOMIC_RELAXED);
	const size_t at = (size_t)(entry - stubs);
	struct usdt__record *record;
	struct target target;
	long index;
	int is_last;

	(void)argc;
	if (!aim(entry, &target)) {
		index = usdt__ring_find(stubs, at, &target.writer);
		if (index < 0) {	/* the event is lost */
			usdt__fire(entry, probe->argc, words);
			return;
		}
		target.index = USDT__RECORD_META(index);
	}
	if (probe->texts != 0)
		record = write_texts(probe, words, &target, &is_last);
	else
		record = write_words(probe, words, &target,
		    time_of(target.writer), &is_last);
	if (is_last)
		usdt__ring_lap(target.writer, stubs);
	if (target.writer->early)
		usdt__ring_tell(target.writer, stubs, record,
		    (uint32_t)(at / USDT__CELL));
	run_if_patched(probe, words);
}

/* The last of a lap. */
__attribute__((noinline)) static void
lap_and_run(const usdt_probedef_t *probedef, struct usdt__writer *writer,
    const usdt__word *words)
{
	const struct usdt_probe *probe = usdt__probe_of(probedef);

	usdt__ring_lap(writer, __atomic_load_n(&probe->stubs,
	    __ATOMIC_ACQUIRE));
	usdt__fire(__atomic_load_n(&probe->fire, __ATOMIC_RELAXED),
	    probe->argc, words);
}

/*
 * One text, as most are: vouched for, and ended by a zero.  The writer is this
 * thread's.
 */
__attribute__((noinline)) static void
record_text(const usdt_probedef_t *probedef, struct usdt__writer *writer,
    const usdt__word *words)
{
	const struct usdt_probe *probe = usdt__probe_of(probedef);
	const uint32_t texts = probe->texts;
	struct target target = { writer, 0 };
	struct usdt__record *record;
	uint64_t *value, now, flags = 0;
	const char *text;
	size_t i, length = 0, argc, size;
	uint32_t place;

	if (__builtin_expect(!probe->vouched || probe->lengths != NULL ||
	    (texts & (texts - 1)) != 0 || !is_seen(&writer->views[0],
	    __atomic_load_n(&probe->fire, __ATOMIC_RELAXED), &target.index),
	    0)) {
		record_slowly(probedef, 0, words);
		return;
	}
	now = usdt__counter();
	i = (size_t)__builtin_ctz(texts);
	text = (const char *)(uintptr_t)words[i];
	if (__builtin_expect(text == NULL, 0)) {
		flags = USDT__TEXT_NULL;
	} else {
		length = strnlen(text, USDT__TEXT_MAX + 1);
		if (__builtin_expect(length > USDT__TEXT_MAX, 0)) {
			length = USDT__TEXT_MAX;
			flags = USDT__TEXT_CUT;
		}
	}
	argc = probe->argc;
	USDT__OPAQUE(argc);
	size = 4 + argc + length / 8;
	record = begin(&target, (uint32_t)size, USDT__RECORD_HAS_TEXTS,
	    &place);
	record->time = now;
	value = (uint64_t *)(void *)(record + 1);
	value[0] = texts | (uint64_t)argc << 32;
	copy_words(value + 1, words, argc);
	value[1 + i] = length | flags | (uint64_t)(length / 8 + 1) << 40;
	copy_text((char *)(value + 1 + argc), text, length);
	if (end(&target, record, place, size))
		lap_and_run(probedef, writer, words);
	else
		run_if_patched(probe, words);
}

/*
 * This calls no function but at its end, so it saves no registers.  The counter
 * is read before the place is taken: in the middle of what takes time, it costs
 * no more than itself.
 */
void
usdt__record_and_run(const usdt_probedef_t *probedef, size_t argc,
    const usdt__word *words)
{
	const struct usdt_probe *probe = usdt__probe_of(probedef);
	struct target target;
	int is_last;

	target.writer = find_writer();
	if (__builtin_expect(target.writer == NULL, 0)) {
		record_slowly(probedef, argc, words);
		return;
	}
	if (__builtin_expect(!is_seen(&target.writer->views[0],
	    __atomic_load_n(&probe->direct, __ATOMIC_RELAXED), &target.index),
	    0)) {
		if (probe->texts != 0)
			record_text(probedef, target.writer, words);
		else
			record_slowly(probedef, argc, words);
		return;
	}
	write_words(probe, words, &target, usdt__counter(), &is_last);
	if (is_last)
		lap_and_run(probedef, target.writer, words);
	else
		run_if_patched(probe, words);
}
