/*
 * image/ring.c - how does a thread get a ring for its direct events, and when
 * does the ring go?
 *
 * core/direct.h says what is in it.  A fire makes the ring when a reader has
 * opened its gate, maybe in a signal handler: so by system calls only, and none
 * of them is a point where the thread can be cancelled.  Each ring has a writer
 * of its own from one table, so a fire that was interrupted by another one of
 * its thread goes on with the ring that it had, whatever the other one did.
 *
 * If a thread ends, a key's destructor closes its ring.  It stays for a second, so
 * that a reader that is late finds it, until another ring is made, or another
 * thread with a ring ends.  Where no destructor can be set, since setting it could
 * allocate memory, the next thread with the same number (usdt__thread) goes on
 * with its ring.  This number alone tells whose a ring is: a child of vfork uses
 * its parent's, and the kernel's numbers come again.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define SMALL		(1u << 15)	/* units: 256 KiB */
#define LARGE		(1u << 19)	/* 4 MiB, for a thread that comes round
					 * in less than ... */
#define QUICK		25000000	/* ... so many nanoseconds */
#define LARGEST		USDT__RING_UNITS /* 16 MiB, for the first few that come
					 * round with 4 MiB in less than ... */
#define VERY_QUICK	200000000	/* ... so many nanoseconds */
#define LARGE_MAX	32	/* of a process ... */
#define LARGEST_MAX	4	/* ... and of these */
#define OLDER		3	/* rings that a thread had before its present one */
#define PATIENCE	1000000000	/* after which a failed thread tries again */
#define ANSWER_AGE	10000000	/* after which a thread asks again */
#define KEPT		(64 * SMALL)	/* units of threads that ended, at most */
#define KEYS		32	/* glibc has memory for the first ones */
#define PAGE		4096

#if !defined(F_ADD_SEALS)
#define F_ADD_SEALS	1033
#endif
#define SEALS		0x07	/* F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW */
#define SEAL_WRITE	0x10	/* F_SEAL_FUTURE_WRITE, Linux 5.1 */
#define NOREPLACE	0x100000	/* MAP_FIXED_NOREPLACE, Linux 4.17 */
#define MEMFD_FLAGS	0x03	/* MFD_CLOEXEC, MFD_ALLOW_SEALING */
#define MEMFD_NOEXEC	0x08	/* MFD_NOEXEC_SEAL, Linux 6.3 */

struct usdt__writers usdt__writers;

/* The states of a writer. */
enum {
	FREE,
	TAKEN,		/* a thread makes it ready, or frees it */
	OWNED,		/* it is its thread's */
	ENDED,		/* its thread has ended */
	LEFT		/* the thread had it before it was a forked child's */
};

static struct usdt__writer *const writers = usdt__writers.all;
static uint32_t used;		/* no writer from here on was ever taken */
static int any;			/* there was a ring */
static pthread_key_t key;
static int made_key;
static int key_state;		/* 0: not made; 1: it can be set; -1: not */
static uint32_t clock_kind;	/* enum usdt__ring_clock; 0: not known yet */

/* How many rings may have a size, and how many have it?  The largest first. */
static struct {
	uint32_t units, max, rings;
} sizes[] = { { LARGEST, LARGEST_MAX, 0 }, { LARGE, LARGE_MAX, 0 } };

#define SIZES	(sizeof sizes / sizeof sizes[0])

/* When and why a ring could not be made, for all threads with the same
 * remainder: if one has a filter of system calls, most others go on. */
#define FAILURES	64
#define FAILURE_SHIFT	20	/* nanoseconds, to fit in 32 bits */
static struct failure {
	uint32_t at;
	int error;		/* 0: it never failed */
} failures[FAILURES];

uint64_t
usdt__ring_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

size_t
usdt__ring_read(const void *from, void *to, size_t size)
{
	/* The kernel copies as many whole pieces as it can read. */
	const uintptr_t start = (uintptr_t)from;
	const size_t head = PAGE - start % PAGE;
	struct iovec local = { to, size }, remote[2] = {
		{ (void *)start, size < head ? size : head },
		{ (void *)(start + head), size < head ? 0 : size - head }
	};
	int error = errno;
	long n = syscall(SYS_process_vm_readv, (long)getpid(), &local, 1L,
	    remote, 2L, 0L);

	errno = error;
	return n > 0 ? (size_t)n : 0;
}

/* --- which clock --------------------------------------------------------- */

#define CLOCKSOURCE \
	"/sys/devices/system/clocksource/clocksource0/current_clocksource"

/* Does the kernel itself tell the time by the processor's counter, and may
 * this process read it? */
static uint32_t
choose_clock(void)
{
	char name[32] = "";
	int may = PR_TSC_ENABLE;
	long fd, n;

	if (prctl(PR_GET_TSC, &may) == 0 && may != PR_TSC_ENABLE)
		return USDT__CLOCK_MONOTONIC;
	fd = syscall(SYS_openat, AT_FDCWD, CLOCKSOURCE,
	    O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = syscall(SYS_read, fd, name, sizeof name - 1);
		syscall(SYS_close, fd);
		if (n > 0)
			name[strcspn(name, "\n")] = '\0';
	}
	return usdt__counter_is_steady(name) ? USDT__CLOCK_COUNTER :
	    USDT__CLOCK_MONOTONIC;
}

/* --- writers ------------------------------------------------------------- */

/* This thread's, or NULL. */
static struct usdt__writer *
find_writer(void)
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

/* Make it this thread's, in place of OLD.  Returns 0 if there is no place. */
static int
set_writer(struct usdt__writer *writer, struct usdt__writer *old)
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

/* No thread has it any more. */
static void
unset_writer(const struct usdt__writer *writer)
{
	const size_t home = usdt__writer_place(writer->thread);
	size_t i;

	for (i = home; i < home + USDT__WRITER_WINDOW; i++)
		if (usdt__writer_at(i) == writer)
			__atomic_store_n(&usdt__writers.at[i], 0,
			    __ATOMIC_RELEASE);
}

/* The most units, up to so many, that a ring may still have. */
static uint32_t
free_units(uint32_t units)
{
	size_t i;

	for (i = 0; i < SIZES; i++)
		if (units >= sizes[i].units &&
		    __atomic_load_n(&sizes[i].rings, __ATOMIC_RELAXED) <
		    sizes[i].max)
			return sizes[i].units;
	return SMALL;
}

/* Take as many, for one ring. */
static uint32_t
take_units(uint32_t units)
{
	size_t i;

	for (i = 0; i < SIZES; i++) {
		if (units < sizes[i].units)
			continue;
		if (__atomic_fetch_add(&sizes[i].rings, 1, __ATOMIC_RELAXED) <
		    sizes[i].max)
			return sizes[i].units;
		__atomic_fetch_sub(&sizes[i].rings, 1, __ATOMIC_RELAXED);
	}
	return SMALL;
}

static void
give_units(uint32_t units)
{
	size_t i;

	for (i = 0; i < SIZES; i++)
		if (units == sizes[i].units && __atomic_load_n(&sizes[i].rings,
		    __ATOMIC_RELAXED) > 0)	/* it may be a parent's */
			__atomic_fetch_sub(&sizes[i].rings, 1,
			    __ATOMIC_RELAXED);
}

static void
unmap_writer(struct usdt__writer *writer)
{
	struct usdt__ring *ring = (void *)writer->ring;

	unset_writer(writer);
	__atomic_store_n(&ring->closed, 1, __ATOMIC_RELEASE);
	munmap(ring, writer->size);
	writer->ring = NULL;
	writer->previous = NULL;
	__atomic_store_n(&writer->state, FREE, __ATOMIC_RELEASE);
}

static void
free_writer(struct usdt__writer *writer)
{
	const uint32_t units = writer->mask + 1;

	unmap_writer(writer);
	give_units(units);
}

/* Calls of other threads look for this image, too. */
static void
set_view(struct usdt__view *view, const uint8_t *fire, uint32_t first,
    uint32_t size)
{
	__atomic_store_n(&view->fire, usdt__scaled((uintptr_t)fire),
	    __ATOMIC_RELAXED);
	view->index = USDT__RECORD_META(first);
	__atomic_store_n(&view->size, usdt__scaled(size), __ATOMIC_RELEASE);
}

static int
claim(struct usdt__writer *writer, int32_t from)
{
	return __atomic_compare_exchange_n(&writer->state, &from, TAKEN, 0,
	    __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static struct usdt__writer *
take_writer(void)
{
	uint32_t n = __atomic_load_n(&used, __ATOMIC_ACQUIRE), i;

	for (i = 0; i < n; i++)
		if (__atomic_load_n(&writers[i].state, __ATOMIC_RELAXED) ==
		    FREE && claim(&writers[i], FREE))
			return &writers[i];
	do {
		if (n >= USDT__WRITERS)
			return NULL;
	} while (!__atomic_compare_exchange_n(&used, &n, n + 1, 0,
	    __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	return claim(&writers[n], FREE) ? &writers[n] : take_writer();
}

/* Its thread is at its end at NOW. */
static void
end_writer(struct usdt__writer *writer, uint64_t now)
{
	unset_writer(writer);
	__atomic_store_n(&((struct usdt__ring *)(void *)writer->ring)->closed,
	    1, __ATOMIC_RELEASE);
	writer->previous = NULL;
	writer->made = now;
	__atomic_store_n(&writer->state, ENDED, __ATOMIC_RELEASE);
}

/* Whoever reads had time to find these rings; or they are too many. */
static void
free_ended(uint64_t now)
{
	uint32_t i, n = __atomic_load_n(&used, __ATOMIC_ACQUIRE), kept = 0;
	uint32_t units;

	for (i = 0; i < n; i++) {
		if (__atomic_load_n(&writers[i].state, __ATOMIC_ACQUIRE) !=
		    ENDED || !claim(&writers[i], ENDED))
			continue;
		units = writers[i].mask + 1;
		if (now - writers[i].made < PATIENCE && units < LARGEST &&
		    kept + units <= KEPT) {
			kept += units;
			__atomic_store_n(&writers[i].state, ENDED,
			    __ATOMIC_RELEASE);
		} else {
			free_writer(&writers[i]);
		}
	}
}

/* Does this writer belong to that thread, in one of these states? */
static int
belongs(const struct usdt__writer *writer, uintptr_t thread, int state)
{
	return __atomic_load_n(&writer->state, __ATOMIC_ACQUIRE) == state &&
	    __atomic_load_n(&writer->thread, __ATOMIC_RELAXED) == thread;
}

/* The thread ends. */
static void
end_thread(void *unused)
{
	const uintptr_t thread = usdt__thread();
	const uint64_t now = usdt__ring_time();
	uint32_t i, n = __atomic_load_n(&used, __ATOMIC_ACQUIRE);

	(void)unused;
	for (i = 0; i < n; i++)
		if (belongs(&writers[i], thread, OWNED) &&
		    claim(&writers[i], OWNED))
			end_writer(&writers[i], now);
		else if (belongs(&writers[i], thread, LEFT) &&
		    claim(&writers[i], LEFT))
			unmap_writer(&writers[i]);
	free_ended(now);
}

/* --- filters of system calls --------------------------------------------- */

/*
 * Has this thread a seccomp filter?  It might end the process for the calls that
 * a ring takes, so then there is none.  The question is a system call, too; but
 * filters that allow no other of ours may allow this one.
 */
static int
is_filtered(void)
{
	int mode = prctl(PR_GET_SECCOMP, 0, 0, 0, 0);

	return mode > 0 || (mode < 0 && errno != EINVAL);
}

int
usdt__ring_may_call(struct usdt__writer *writer)
{
	const uint64_t now = usdt__ring_time();
	int error = errno;

	if (now - writer->allowed >= ANSWER_AGE)
		writer->allowed = is_filtered() ? 0 : now;
	errno = error;
	return writer->allowed != 0;
}

/* --- making a ring ------------------------------------------------------- */

/* A sealed file without a name, that nobody else can write or cut short.
 * Returns its memory, or NULL and errno. */
static void *
map_ring(size_t size)
{
	struct rlimit limit;
	void *ring = MAP_FAILED;
	long fd;
	int error;

	/* Beyond this limit ftruncate raises a signal that ends the host. */
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
	    limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < size) {
		errno = EFBIG;
		return NULL;
	}
	fd = syscall(SYS_memfd_create, USDT__RING_NAME,
	    MEMFD_FLAGS | MEMFD_NOEXEC);
	if (fd < 0 && errno == EINVAL)
		fd = syscall(SYS_memfd_create, USDT__RING_NAME, MEMFD_FLAGS);
	if (fd < 0)
		return NULL;
	if (ftruncate((int)fd, (off_t)size) == 0)
		ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED,
		    (int)fd, 0);
	error = errno;
	if (ring != MAP_FAILED) {
		syscall(SYS_fcntl, fd, F_ADD_SEALS, SEAL_WRITE);
		if (syscall(SYS_fcntl, fd, F_ADD_SEALS, SEALS) < 0 ||
		    madvise(ring, size, MADV_DONTFORK) < 0) {
			error = errno;
			munmap(ring, size);
			ring = MAP_FAILED;
		}
	}
	syscall(SYS_close, fd);
	errno = error;
	return ring == MAP_FAILED ? NULL : ring;
}

/* What an image says of itself.  Returns 0 if it went, and a tombstone is there:
 * maybe just now, so the magic is read last. */
static int
look_at(const uint8_t *stubs, struct usdt__direct *direct)
{
	const struct usdt__direct *there = (const void *)stubs;
	uint64_t magic;

	if (stubs == NULL)
		return 0;
	*direct = there[-1];
	usdt__load_fence();
	memcpy(&magic, &there[-1].magic, sizeof magic);
	return magic == USDT__DIRECT_MAGIC;
}

/* Not if the image went. */
static void
announce(const uint8_t *stubs, uint64_t what, uint64_t a, uint64_t b)
{
	const uint64_t words[3] = { what, a, b };
	struct usdt__direct direct;

	if (look_at(stubs, &direct))
		usdt__fire(stubs + direct.stubs + usdt__stubs[0].fire, 3,
		    words);
}

/*
 * The thread gets another ring.  A fire that this one interrupted may still write
 * to the present one; or to an older one, since a handler may go through several
 * rings.  So as many stay as there are sizes.
 */
static void
retire(struct usdt__writer *writer)
{
	struct usdt__writer *oldest;
	int kept;

	if (writer == NULL)
		return;
	__atomic_store_n(&((struct usdt__ring *)(void *)writer->ring)->closed,
	    1, __ATOMIC_RELEASE);
	for (kept = 1; kept < OLDER && writer->previous != NULL; kept++)
		writer = writer->previous;
	oldest = writer->previous;
	writer->previous = NULL;
	if (oldest != NULL && claim(oldest, OWNED))
		free_writer(oldest);
}

/* Make a ring of UNITS for this thread, in place of OLD.  Returns its writer, or
 * NULL and errno. */
static struct usdt__writer *
make(uint32_t units, const uint8_t *stubs, struct usdt__writer *old)
{
	struct usdt__writer *writer, *now;
	struct usdt__ring *ring;
	int32_t tid;
	uint32_t clock, i;
	size_t size;

	if (is_filtered()) {
		errno = EACCES;
		return NULL;
	}
	tid = (int32_t)syscall(SYS_gettid);
	if (!usdt__guard_kept()) {	/* a child might write to it */
		errno = ENOSYS;
		return NULL;
	}
	if (getpid() != usdt__guard[1]) {
		errno = ECHILD;		/* vfork's: a reader would take the ring
					 * for the child's, and it is gone when
					 * its parent writes there */
		return NULL;
	}
	clock = __atomic_load_n(&clock_kind, __ATOMIC_RELAXED);
	if (clock == 0) {
		clock = choose_clock();
		__atomic_store_n(&clock_kind, clock, __ATOMIC_RELAXED);
	}
	free_ended(usdt__ring_time());
	writer = take_writer();
	if (writer == NULL) {
		errno = EUSERS;
		return NULL;
	}
	units = take_units(units);
	size = usdt__align(USDT__RING_DATA + (size_t)units * 8 +
	    USDT__RECORD_MAX * 8, PAGE);
	ring = map_ring(size);
	if (ring == NULL) {
		give_units(units);
		__atomic_store_n(&writer->state, FREE, __ATOMIC_RELEASE);
		return NULL;
	}
	__atomic_store_n(&writer->thread, usdt__thread(), __ATOMIC_RELAXED);
	writer->size = size;
	__atomic_store_n(&writer->ring, (uint8_t *)ring, __ATOMIC_RELEASE);
	writer->mask = units - 1;
	writer->end = writer->ring + USDT__RING_DATA + (size_t)units * 8;
	writer->last = writer->end - USDT__RECORD_SHORT * 8;
	writer->by_counter = clock == USDT__CLOCK_COUNTER;
	writer->lap = writer->made = usdt__ring_time();
	writer->key = ((uint32_t)(writer->lap ^ writer->lap >> 32) *
	    2654435761u ^ (uint32_t)tid << 16) & ~writer->mask;
	if (writer->key == 0)		/* a new ring is full of zeros */
		writer->key = units;
	for (i = 0; i < USDT__VIEWS; i++)
		set_view(&writer->views[i], NULL, 0, 0);
	writer->used_views = writer->cells = writer->images = 0;
	writer->allowed = 0;
	writer->early = 0;
	ring->magic = USDT__RING_MAGIC;
	ring->clock = clock;
	ring->key = ring->head = writer->key;
	ring->units = units;
	ring->data = USDT__RING_DATA;
	ring->counters = USDT__RING_HEAD;
	ring->counter_count = USDT__RING_COUNTERS;
	ring->size = (uint32_t)size;
	ring->pid = (uint32_t)getpid();
	ring->tid = (uint32_t)tid;
	__atomic_store_n(&ring->version, USDT__RING_VERSION, __ATOMIC_RELEASE);
	__atomic_store_n(&any, 1, __ATOMIC_RELEASE);
	now = find_writer();
	if (now != old) {		/* a signal handler made one */
		free_writer(writer);
		errno = EAGAIN;		/* or it has forked */
		return now;
	}
	if (!set_writer(writer, old)) {
		free_writer(writer);
		errno = EUSERS;
		return NULL;
	}
	retire(old);
	writer->previous = old;
	writer->early = old == NULL || old->early;
	if (old != NULL)
		writer->made = old->made;
	__atomic_store_n(&writer->state, OWNED, __ATOMIC_RELEASE);
	if (key_state > 0)
		pthread_setspecific(key, writer);
	announce(stubs, writer->early ? USDT__ANNOUNCE_RING :
	    USDT__ANNOUNCE_NEXT, (uintptr_t)ring, size);
	return writer;
}

/* --- images in a ring ---------------------------------------------------- */

/* From now on this image needs no call, if it is one of the first. */
static void
add_view(struct usdt__writer *writer, const uint8_t *stubs, uint32_t first,
    uint32_t size)
{
	uint32_t i;

	if (!writer->by_counter || writer->early)	/* each comes here */
		return;
	i = usdt__advance(&writer->used_views, 1);
	if (i >= USDT__VIEWS) {
		writer->used_views = USDT__VIEWS;
		return;
	}
	set_view(&writer->views[i], stubs + usdt__stubs[0].fire, first, size);
}

/* The index of an image's cell in a ring, or -1: the ring is full of images. */
static long
enter(struct usdt__writer *writer, const uint8_t *stubs,
    const struct usdt__direct *direct, size_t at)
{
	const uint8_t *id = stubs - direct->text + direct->id + USDT__ID_IN_NOTE;
	uint32_t cells = direct->stubs / USDT__CELL, i, first;
	struct usdt__ring_image *image =
	    ((struct usdt__ring *)(void *)writer->ring)->images;

	for (i = 0; i < writer->images && i < USDT__RING_IMAGES; i++) {
		first = image[i].first;
		if (image[i].count == cells &&
		    first <= USDT__RING_COUNTERS - cells &&
		    memcmp(image[i].id, id, sizeof image[i].id) == 0) {
			add_view(writer, stubs, first, direct->stubs);
			return (long)first + (long)(at / USDT__CELL);
		}
	}
	i = usdt__advance(&writer->images, 1);
	first = usdt__advance(&writer->cells, cells);
	if (i >= USDT__RING_IMAGES || first > USDT__RING_COUNTERS - cells) {
		writer->images = USDT__RING_IMAGES;
		return -1;
	}
	memcpy(image[i].id, id, sizeof image[i].id);
	image[i].first = first;
	__atomic_store_n(&image[i].count, cells, __ATOMIC_RELEASE);
	add_view(writer, stubs, first, direct->stubs);
	return (long)first + (long)(at / USDT__CELL);
}

/* Without a ring the event is lost; the reader hears of each. */
static long
lose(const uint8_t *stubs, size_t at, int error)
{
	announce(stubs, USDT__ANNOUNCE_LOST, at / USDT__CELL,
	    (unsigned)error);
	return -1;
}

static long
find(const uint8_t *stubs, size_t at, struct usdt__writer **found)
{
	struct failure *failure = &failures[usdt__writer_place(
	    usdt__thread()) % FAILURES];
	struct usdt__writer *writer = find_writer();
	struct usdt__direct direct;
	uint32_t now;
	long index;
	int error;

	if (!look_at(stubs, &direct) || at >= direct.stubs)
		return -1;
	if (writer != NULL && writer->images < USDT__RING_IMAGES) {
		index = enter(writer, stubs, &direct, at);
		if (index >= 0) {
			*found = writer;
			return index;
		}
	}
	now = (uint32_t)(usdt__ring_time() >> FAILURE_SHIFT);
	error = __atomic_load_n(&failure->error, __ATOMIC_ACQUIRE);
	if (error != 0 && now - __atomic_load_n(&failure->at,
	    __ATOMIC_RELAXED) < PATIENCE >> FAILURE_SHIFT)
		return lose(stubs, at, error);
	writer = make(writer != NULL ? writer->mask + 1 : SMALL, stubs, writer);
	if (writer == NULL) {
		error = errno;
		if (error == ECHILD)	/* its parent may have one at once */
			return lose(stubs, at, error);
		__atomic_store_n(&failure->at, now, __ATOMIC_RELAXED);
		__atomic_store_n(&failure->error, error, __ATOMIC_RELEASE);
		return lose(stubs, at, error);
	}
	*found = writer;
	index = enter(writer, stubs, &direct, at);
	return index >= 0 ? index : lose(stubs, at, ENOSPC);
}

long
usdt__ring_find(const uint8_t *stubs, size_t at, struct usdt__writer **found)
{
	int error;
	long index;

	if (usdt__thread() == 0)	/* it is none of the C library's, so it
					 * has no errno either */
		return lose(stubs, at, ENOTSUP);
	error = errno;
	index = find(stubs, at, found);
	errno = error;
	return index;
}

/*
 * The units of the ring that a thread gets when it has come round in LAP
 * nanoseconds; 0: it keeps its ring.
 */
static uint32_t
units_after_lap(const struct usdt__writer *writer, uint64_t lap)
{
	if (writer->mask < LARGE - 1)
		return lap < QUICK || writer->early ? LARGE : 0;
	return lap < VERY_QUICK ? LARGEST : 0;
}

/*
 * The same when it announces its records no longer.  That took long: a thread
 * that wrote many nevertheless will be quick, and may make up for it at once.
 */
static uint32_t
units_after_early(const struct usdt__writer *writer)
{
	const struct usdt__ring *ring = (const void *)writer->ring;
	const uint32_t written = ring->head - writer->key;

	if (writer->mask >= LARGE - 1 || written >= SMALL / 2)
		return LARGEST;
	return written >= SMALL / 8 ? LARGE : 0;
}

static void
grow(struct usdt__writer *writer, const uint8_t *stubs, uint32_t units)
{
	int error = errno;

	if (free_units(units) > writer->mask + 1 && writer == find_writer())
		make(units, stubs, writer);
	errno = error;
}

void
usdt__ring_tell(struct usdt__writer *writer, const uint8_t *stubs,
    const void *record, uint32_t cell)
{
	const uint32_t words = USDT__RECORD_WORDS(
	    ((const struct usdt__record *)record)->meta);
	struct usdt__direct direct;
	uint32_t at;

	/* The probe may have moved meanwhile: then this is not its cell. */
	if (!look_at(stubs, &direct) || cell >= direct.stubs / USDT__CELL)
		return;
	for (at = 0; at < words; at += USDT__RING_PIECE)
		announce(stubs, at == 0 ? USDT__ANNOUNCE_RECORD :
		    USDT__ANNOUNCE_MORE, (uintptr_t)record + at * 8, cell);
	if (usdt__ring_time() - writer->made <= USDT__RING_EARLY)
		return;
	writer->early = 0;
	announce(stubs, USDT__ANNOUNCE_SILENT, 0, 0);
	grow(writer, stubs, units_after_early(writer));
}

void
usdt__ring_lap(struct usdt__writer *writer, const uint8_t *stubs)
{
	uint64_t now = usdt__ring_time(), lap = now - writer->lap;

	writer->lap = now;
	grow(writer, stubs, units_after_lap(writer, lap));
}

/* --- in calls that hold the lock ---------------------------------------- */

static void
forget_key(void)
{
	if (made_key)
		pthread_key_delete(key);
	made_key = 0;
	key_state = -1;
}

/* A plugin is unloaded: its providers are freed, so no thread uses a ring.  Or the
 * process ends, while threads go on. */
__attribute__((destructor)) static void
unload(void)
{
	uint32_t i;

	forget_key();
	for (i = 0; i < used && usdt__images_mapped == 0; i++)
		if (claim(&writers[i], OWNED) || claim(&writers[i], LEFT) ||
		    claim(&writers[i], ENDED))
			unmap_writer(&writers[i]);
}

void
usdt__ring_prepare(void)
{
	if (key_state != 0)
		return;
	made_key = pthread_key_create(&key, end_thread) == 0;
	if (!made_key)
		key_state = -1;
	else if ((unsigned long)key < KEYS)
		key_state = 1;
	else
		forget_key();
}

void
usdt__ring_new_image(const uint8_t *stubs, size_t size)
{
	const uintptr_t start = usdt__scaled((uintptr_t)stubs);
	struct usdt__view *view;
	uintptr_t fire;
	uint32_t i, k, n = __atomic_load_n(&used, __ATOMIC_ACQUIRE);

	for (i = 0; i < n; i++)
		for (k = 0; k < USDT__VIEWS; k++) {
			view = &writers[i].views[k];
			fire = __atomic_load_n(&view->fire, __ATOMIC_RELAXED);
			if (fire < start + usdt__scaled(size) && start < fire +
			    __atomic_load_n(&view->size, __ATOMIC_ACQUIRE))
				__atomic_store_n(&view->size, 0,
				    __ATOMIC_RELAXED);
		}
}

/*
 * The thread that forked may go on with a fire here, if a handler forked that
 * had interrupted it.  So other memory takes the place of its rings, until it
 * forks again.
 */
static void
leave(struct usdt__writer *writer)
{
	void *at = mmap(writer->ring, writer->size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | NOREPLACE, -1, 0);

	if (at != writer->ring && at != MAP_FAILED)
		munmap(at, writer->size);
	if (writer->state == OWNED)	/* else its thread goes on making it */
		writer->state = at == writer->ring ? LEFT : FREE;
}

void
usdt__rings_forget(void)
{
	const uintptr_t thread = usdt__thread();
	struct usdt__writer *writer;
	size_t i;

	if (!__atomic_load_n(&any, __ATOMIC_ACQUIRE))
		return;			/* no write: the pages stay shared */
	memset(usdt__writers.at, 0, sizeof usdt__writers.at);
	for (i = 0; i < SIZES; i++)
		sizes[i].rings = 0;
	memset(failures, 0, sizeof failures);
	for (i = 0; i < used; i++) {
		writer = &writers[i];
		if (writer->state == LEFT)
			munmap(writer->ring, writer->size);
		if (writer->thread == thread && writer->ring != NULL &&
		    (writer->state == OWNED || writer->state == TAKEN))
			leave(writer);
		else
			writer->state = FREE;
		if (writer->state == FREE)
			writer->ring = NULL;
		writer->previous = NULL;
	}
}
