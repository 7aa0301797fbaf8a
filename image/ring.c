/*
 * image/ring.c - how does a thread get a ring for its direct events, and when
 * does the ring go?
 *
 * core/direct.h says what is in it.  A fire makes the ring when a reader has
 * opened its gate, maybe in a signal handler: so by system calls only, and none
 * of them is a point where the thread can be cancelled.
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
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define OLDER		3	/* rings that a thread had before its present one */
#define PATIENCE	1000000000	/* after which a failed thread tries again */
#define KEPT		(64 * USDT__UNITS_SMALL)	/* units of threads that
						 * ended, at most */
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

static struct usdt__writer *const writers = usdt__writers.all;
static int any;			/* there was a ring */
static pthread_key_t key;
static int made_key;
static int key_state;		/* 0: not made; 1: it can be set; -1: not */

/* When and why a ring could not be made, for all threads with the same
 * remainder: if one has a filter of system calls, most others go on. */
#define FAILURES	64
#define FAILURE_SHIFT	20	/* nanoseconds, to fit in 32 bits */
static struct failure {
	uint32_t at;
	int error;		/* 0: it never failed */
} failures[FAILURES];

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

/* --- writers ------------------------------------------------------------- */

static void
unmap_writer(struct usdt__writer *writer)
{
	struct usdt__ring *ring = (void *)writer->ring;

	usdt__writer_unset(writer);
	__atomic_store_n(&ring->closed, 1, __ATOMIC_RELEASE);
	munmap(ring, writer->size);
	writer->ring = NULL;
	writer->previous = NULL;
	__atomic_store_n(&writer->state, USDT__WRITER_FREE, __ATOMIC_RELEASE);
}

static void
free_writer(struct usdt__writer *writer)
{
	const uint32_t units = writer->mask + 1;

	unmap_writer(writer);
	usdt__units_give(units);
}

/* Its thread is at its end at NOW. */
static void
end_writer(struct usdt__writer *writer, uint64_t now)
{
	usdt__writer_unset(writer);
	__atomic_store_n(&((struct usdt__ring *)(void *)writer->ring)->closed,
	    1, __ATOMIC_RELEASE);
	writer->previous = NULL;
	writer->made = now;
	__atomic_store_n(&writer->state, USDT__WRITER_ENDED, __ATOMIC_RELEASE);
}

/* Whoever reads had time to find these rings; or they are too many. */
static void
free_ended(uint64_t now)
{
	uint32_t i, n = usdt__writers_used(), kept = 0;
	uint32_t units;

	for (i = 0; i < n; i++) {
		if (__atomic_load_n(&writers[i].state, __ATOMIC_ACQUIRE) !=
		    USDT__WRITER_ENDED || !usdt__writer_claim(&writers[i],
		    USDT__WRITER_ENDED))
			continue;
		units = writers[i].mask + 1;
		if (now - writers[i].made < PATIENCE && units < USDT__RING_UNITS &&
		    kept + units <= KEPT) {
			kept += units;
			__atomic_store_n(&writers[i].state, USDT__WRITER_ENDED,
			    __ATOMIC_RELEASE);
		} else {
			free_writer(&writers[i]);
		}
	}
}

/* The thread ends. */
static void
end_thread(void *unused)
{
	const uintptr_t thread = usdt__thread();
	const uint64_t now = usdt__ring_time();
	uint32_t i, n = usdt__writers_used();

	(void)unused;
	for (i = 0; i < n; i++)
		if (usdt__writer_claim_of(&writers[i], thread,
		    USDT__WRITER_OWNED))
			end_writer(&writers[i], now);
		else if (usdt__writer_claim_of(&writers[i], thread,
		    USDT__WRITER_LEFT))
			unmap_writer(&writers[i]);
	free_ended(now);
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
	if (oldest != NULL && usdt__writer_claim(oldest, USDT__WRITER_OWNED))
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
	uint32_t clock;
	size_t size;

	if (usdt__is_filtered()) {
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
	clock = usdt__ring_clock();
	free_ended(usdt__ring_time());
	writer = usdt__writer_take();
	if (writer == NULL) {
		errno = EUSERS;
		return NULL;
	}
	units = usdt__units_take(units);
	size = usdt__align(USDT__RING_DATA + (size_t)units * 8 +
	    USDT__RECORD_MAX * 8, PAGE);
	ring = map_ring(size);
	if (ring == NULL) {
		usdt__units_give(units);
		__atomic_store_n(&writer->state, USDT__WRITER_FREE,
		    __ATOMIC_RELEASE);
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
	usdt__views_clear(writer);
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
	now = usdt__writer_find();
	if (now != old) {		/* a signal handler made one */
		free_writer(writer);
		errno = EAGAIN;		/* or it has forked */
		return now;
	}
	if (!usdt__writer_set(writer, old)) {
		free_writer(writer);
		errno = EUSERS;
		return NULL;
	}
	retire(old);
	writer->previous = old;
	writer->early = old == NULL || old->early;
	if (old != NULL)
		writer->made = old->made;
	__atomic_store_n(&writer->state, USDT__WRITER_OWNED, __ATOMIC_RELEASE);
	if (key_state > 0)
		pthread_setspecific(key, writer);
	announce(stubs, writer->early ? USDT__ANNOUNCE_RING :
	    USDT__ANNOUNCE_NEXT, (uintptr_t)ring, size);
	return writer;
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
	struct usdt__writer *writer = usdt__writer_find();
	struct usdt__direct direct;
	uint32_t now;
	long index;
	int error;

	if (!look_at(stubs, &direct) || at >= direct.stubs)
		return -1;
	if (writer != NULL && writer->images < USDT__RING_IMAGES) {
		index = usdt__ring_enter(writer, stubs, &direct, at);
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
	writer = make(writer != NULL ? writer->mask + 1 : USDT__UNITS_SMALL,
	    stubs, writer);
	if (writer == NULL) {
		error = errno;
		if (error == ECHILD)	/* its parent may have one at once */
			return lose(stubs, at, error);
		__atomic_store_n(&failure->at, now, __ATOMIC_RELAXED);
		__atomic_store_n(&failure->error, error, __ATOMIC_RELEASE);
		return lose(stubs, at, error);
	}
	*found = writer;
	index = usdt__ring_enter(writer, stubs, &direct, at);
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

static void
grow(struct usdt__writer *writer, const uint8_t *stubs, uint32_t units)
{
	int error = errno;

	if (usdt__units_free(units) > writer->mask + 1 &&
	    writer == usdt__writer_find())
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
	grow(writer, stubs, usdt__units_after_early(writer));
}

void
usdt__ring_lap(struct usdt__writer *writer, const uint8_t *stubs)
{
	uint64_t now = usdt__ring_time(), lap = now - writer->lap;

	writer->lap = now;
	grow(writer, stubs, usdt__units_after_lap(writer, lap));
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
	for (i = 0; i < usdt__writers_used() && usdt__images_mapped == 0; i++)
		if (usdt__writer_claim(&writers[i], USDT__WRITER_OWNED) ||
		    usdt__writer_claim(&writers[i], USDT__WRITER_LEFT) ||
		    usdt__writer_claim(&writers[i], USDT__WRITER_ENDED))
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
	/* Else its thread goes on making it. */
	if (writer->state == USDT__WRITER_OWNED)
		writer->state = at == writer->ring ? USDT__WRITER_LEFT :
		    USDT__WRITER_FREE;
}

void
usdt__rings_forget(void)
{
	const uintptr_t thread = usdt__thread();
	struct usdt__writer *writer;
	size_t i;

	if (!__atomic_load_n(&any, __ATOMIC_ACQUIRE))
		return;			/* no write: the pages stay shared */
	usdt__writers_forget();
	usdt__units_forget();
	memset(failures, 0, sizeof failures);
	for (i = 0; i < usdt__writers_used(); i++) {
		writer = &writers[i];
		if (writer->state == USDT__WRITER_LEFT)
			munmap(writer->ring, writer->size);
		if (writer->thread == thread && writer->ring != NULL &&
		    (writer->state == USDT__WRITER_OWNED ||
		    writer->state == USDT__WRITER_TAKEN))
			leave(writer);
		else
			writer->state = USDT__WRITER_FREE;
		if (writer->state == USDT__WRITER_FREE)
			writer->ring = NULL;
		writer->previous = NULL;
	}
}
