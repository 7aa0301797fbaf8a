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
	uint32_t meta;			/* of the record; but of one with texts
					 * without its words */
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
 * Is this probe in that image?  One word alone says which probe it is: when a
 * probe moves, other words may belong to another image for a moment.
 */
static inline int
is_seen(const struct usdt__view *view, const struct usdt_probe *probe,
    uint32_t *meta)
{
	const uintptr_t direct = __atomic_load_n(&probe->direct,
	    __ATOMIC_RELAXED);
	uintptr_t at = direct - USDT__LOAD(view->fire);

	if (__builtin_expect(at >= USDT__LOAD(view->size), 0))
		return 0;
	BARRIER();
	if (!USDT__IS_SCALED)
		at = at * USDT__SCALE + usdt__record_low(probe);
	*meta = (uint32_t)at + view->index;
	USDT__OPAQUE(*meta);
	return 1;
}

/*
 * Returns 0 if a call is needed: the thread has no ring, or none with a view of the
 * image, or only the kernel can tell the time.
 */
static inline int
aim(const struct usdt_probe *probe, struct target *target)
{
	uint32_t i;

	target->writer = find_writer();
	if (target->writer == NULL)
		return 0;
	for (i = 0; i < USDT__VIEWS; i++)
		if (is_seen(&target->writer->views[i], probe, &target->meta))
			return 1;
	return 0;
}

/* Begin a record of WORDS words: returns where, and its PLACE. */
static inline struct usdt__record *
begin(const struct target *target, uint32_t meta, uint32_t words,
    uint32_t *place)
{
	uint8_t *ring = target->writer->ring;
	struct usdt__record *record;

	usdt__count(ring, USDT__RING_HEAD, USDT__RECORD_INDEX(target->meta));
	*place = usdt__advance(&((struct usdt__ring *)(void *)ring)->head,
	    words);
	record = (void *)(ring + USDT__RING_DATA + (size_t)(*place &
	    target->writer->mask) * 8);
	record->meta = meta;
	return record;
}

/* It is complete. */
static inline void
end(struct usdt__record *record, uint32_t place)
{
	__atomic_store_n(&record->tag, place, __ATOMIC_RELEASE);
}

/* Is it the last of a lap? */
static inline int
is_last(const struct usdt__writer *writer, const struct usdt__record *record,
    size_t words)
{
	return __builtin_expect((const uint8_t *)record + words * 8 >=
	    writer->end, 0);
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

__attribute__((noinline)) static void
run(const usdt_probedef_t *probedef, size_t argc, const usdt__word *words)
{
	const struct usdt_probe *probe = usdt__probe_of(probedef);

	(void)argc;
	usdt__fire(__atomic_load_n(&probe->fire, __ATOMIC_RELAXED),
	    probe->argc, words);
}

/*
 * Run through the stub for tracers that don't go by records.  Only a patched stub
 * has any.
 */
static inline void
run_if_patched(const usdt_probedef_t *probedef, const usdt__word *words)
{
	const struct usdt_probe *probe = usdt__probe_of(probedef);
	const uint8_t *entry = __atomic_load_n(&probe->fire, __ATOMIC_RELAXED);

	if (__builtin_expect(usdt__stub_sum(entry) != USDT__LOAD(probe->plain),
	    0))
		run(probedef, 0, words);
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

/* Without a call, for which registers would have to be saved.  The last bytes may
 * be copied twice. */
static inline void
copy_text(char *out, const char *text, size_t n)
{
	size_t i;

	if (n >= 16) {
		memcpy(out, text, 16);
		for (i = 16; i + 16 < n; i += 16) {
			memcpy(out + i, text + i, 16);
			USDT__OPAQUE(i);	/* else it may be a call */
		}
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
    const struct target *target, int *last)
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
	record = begin(target, target->meta + size, size, &place);
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
	end(record, place);
	*last = is_last(target->writer, record, size);
	return record;
}

/* Whatever needs a call. */
__attribute__((noinline)) static void
record_slowly(const usdt_probedef_t *probedef, size_t argc,
    const usdt__word *words)
{
	static const usdt__word zeros[USDT_ARG_MAX];	/* what is missing */
	const struct usdt_probe *probe = usdt__probe_of(probedef);
	const uint8_t *stubs = __atomic_load_n(&probe->stubs,
	    __ATOMIC_ACQUIRE);
	const uint8_t *entry = __atomic_load_n(&probe->fire, __ATOMIC_RELAXED);
	const size_t at = (size_t)(entry - stubs);
	struct usdt__record *record;
	struct target target;
	uint32_t place;
	long index;
	int last;

	(void)argc;
	if (words == NULL)
		words = zeros;
	if (!aim(probe, &target)) {
		index = usdt__ring_find(stubs, at, &target.writer);
		if (index < 0) {	/* the event is lost */
			usdt__fire(entry, probe->argc, words);
			return;
		}
		target.meta = USDT__RECORD_META(index) +
		    usdt__record_low(probe);
	}
	if (probe->texts != 0) {
		record = write_texts(probe, words, &target, &last);
	} else {
		record = begin(&target, target.meta, 2u + probe->argc, &place);
		record->time = time_of(target.writer);
		copy_words((uint64_t *)(void *)(record + 1), words,
		    probe->argc);
		end(record, place);
		last = is_last(target.writer, record, 2u + probe->argc);
	}
	if (last)
		usdt__ring_lap(target.writer, stubs);
	if (target.writer->early)
		usdt__ring_tell(target.writer, stubs, record,
		    (uint32_t)(at / USDT__CELL));
	run_if_patched(probedef, words);
}

/* The record may be the last of a lap.  What the ring says of its words decides
 * only when the thread gets another ring. */
__attribute__((noinline)) static void
lap_and_run(const usdt_probedef_t *probedef, struct usdt__writer *writer,
    const usdt__word *words, const struct usdt__record *record)
{
	if (is_last(writer, record, USDT__RECORD_WORDS(record->meta)))
		usdt__ring_lap(writer, __atomic_load_n(
		    &usdt__probe_of(probedef)->stubs, __ATOMIC_ACQUIRE));
	run_if_patched(probedef, words);
}

/* A word of two halves needs no arithmetic. */
static inline void
store_halves(uint64_t *to, uint32_t low, uint32_t high)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	memcpy(to, &low, sizeof low);
	memcpy((char *)to + sizeof low, &high, sizeof high);
#else
	*to = low | (uint64_t)high << 32;
#endif
}

/* --- fast ways ------------------------------------------------------------ */

/*
 * They call no function but at their ends, so they need not save many registers;
 * and these functions take their arguments in the same places, so none is moved.
 * The counter is read before the place is taken: in the middle of what takes time,
 * it costs no more than itself.
 */

/* Is there a fast way? */
__attribute__((always_inline)) static inline int
aim_fast(const struct usdt_probe *probe, struct target *target)
{
	target->writer = find_writer();
	return __builtin_expect(target->writer != NULL, 1) &&
	    is_seen(&target->writer->views[0], probe, &target->meta);
}

__attribute__((always_inline)) static inline void
end_fast(const usdt_probedef_t *probedef, struct usdt__writer *writer,
    const usdt__word *words, struct usdt__record *record, uint32_t place)
{
	end(record, place);
	if (__builtin_expect((const uint8_t *)record >= writer->last, 0))
		lap_and_run(probedef, writer, words, record);
	else
		run_if_patched(probedef, words);
}

#define MANY	SIZE_MAX

/* N words, or MANY: as many as the probe has.  None is a text. */
__attribute__((always_inline)) static inline void
record_words(const usdt_probedef_t *probedef, const usdt__word *words, size_t n)
{
	const struct usdt_probe *probe = usdt__probe_of(probedef);
	struct usdt__record *record;
	struct usdt__ticks now;
	struct target target;
	uint32_t place;

	if (!aim_fast(probe, &target) ||
	    (n > 0 && __builtin_expect(words == NULL, 0))) {
		record_slowly(probedef, 0, words);
		return;
	}
	if (n == 0)
		words = NULL;		/* no register has to keep it */
	if (n == MANY) {
		n = probe->argc;
		USDT__OPAQUE(n);
	}
	now = usdt__ticks();
	record = begin(&target, target.meta, (uint32_t)n + 2, &place);
	usdt__ticks_store(&now, &record->time);
	copy_words((uint64_t *)(void *)(record + 1), words, n);
	end_fast(probedef, target.writer, words, record, place);
}

static void
record_none(const usdt_probedef_t *probedef, size_t argc,
    const usdt__word *words)
{
	(void)argc;
	record_words(probedef, words, 0);
}

static void
record_two(const usdt_probedef_t *probedef, size_t argc,
    const usdt__word *words)
{
	(void)argc;
	record_words(probedef, words, 2);
}

static void
record_many(const usdt_probedef_t *probedef, size_t argc,
    const usdt__word *words)
{
	(void)argc;
	record_words(probedef, words, MANY);
}

/* The bytes before a text's zero; if there are more than USDT__TEXT_MAX, any number
 * beyond that. */
static inline size_t
length_of(const char *text)
{
#if defined(USDT__BLOCK)
	const size_t before = (uintptr_t)text % USDT__BLOCK;
	const char *block = text - before;
	uint32_t zeros = usdt__zeros(block) >> before;

	if (zeros != 0)
		return (size_t)__builtin_ctz(zeros);
	do {
		block += USDT__BLOCK;
		zeros = usdt__zeros(block);
		if (zeros != 0)
			return (size_t)(block - text) +
			    (size_t)__builtin_ctz(zeros);
	} while ((size_t)(block - text) <= USDT__TEXT_MAX);
	return SIZE_MAX;
#else
	return strnlen(text, USDT__TEXT_MAX + 1);
#endif
}

/*
 * One of the words is a text that is vouched for, and ends with a zero.  Texts that
 * are missing or too long are rare.
 */
static void
record_text(const usdt_probedef_t *probedef, size_t argc,
    const usdt__word *words)
{
	const struct usdt_probe *probe = usdt__probe_of(probedef);
	const size_t i = (size_t)__builtin_ctz(probe->texts);
	const char *text = NULL;
	struct usdt__record *record;
	struct usdt__ticks now;
	struct target target;
	uint32_t place, size;
	uint64_t *value;
	size_t length;

	if (aim_fast(probe, &target) && words != NULL)
		text = (const char *)(uintptr_t)words[i];
	length = text != NULL ? length_of(text) : SIZE_MAX;
	if (__builtin_expect(length > USDT__TEXT_MAX, 0)) {
		record_slowly(probedef, 0, words);
		return;
	}
	argc = probe->argc;
	USDT__OPAQUE(argc);
	size = (uint32_t)(4 + argc + length / 8);
	now = usdt__ticks();
	record = begin(&target, target.meta + size, size, &place);
	usdt__ticks_store(&now, &record->time);
	value = (uint64_t *)(void *)(record + 1);
	store_halves(value++, probe->texts, (uint32_t)argc);
	copy_words(value, words, argc);
	store_halves(value + i, (uint32_t)length,
	    ((uint32_t)length / 8 + 1) << 8);
	copy_text((char *)(value + argc), text, length);
	end_fast(probedef, target.writer, words, record, place);
}

usdt__recorder *
usdt__recorder_for(const struct usdt_probe *probe, int vouched)
{
	const uint32_t texts = probe->texts;

	if (texts == 0)
		return probe->argc == 0 ? record_none : probe->argc == 2 ?
		    record_two : record_many;
	return vouched && probe->lengths == NULL && (texts & (texts - 1)) == 0 ?
	    record_text : record_slowly;
}
