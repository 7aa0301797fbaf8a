/*
 * perf.c - how do records get from the kernel to us?
 *
 * Through perf's ring buffers, one per processor, and not through tracefs's
 * own.  Both carry binary records, so that strings are right whatever bytes
 * they have.  But perf events have three advantages.  They can be attached to
 * the threads of one process, so that no other program becomes slower or
 * appears traced.  Their samples have process and thread in our own pid
 * namespace.  And they go away when we do, even by SIGKILL, where a tracefs
 * instance would go on tracing.
 *
 * Each ring belongs to a counter that nothing increments; all events of a
 * processor write to its ring.  The records that are read are sorted by time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "tools/events/parts.h"

/*
 * The bytes in a ring, halved until the kernel grants it.  It wakes us when so
 * many wait to be read; for events that can't wait, which are few, at each.
 */
#define RING_MAX	((size_t)4 << 20)
#define RING_WAKE	((size_t)32 << 10)
#define RING_URGENT	((size_t)2 << 20)	/* some thousands of first records */
#define RING_MAPS	((size_t)2 << 20)	/* some ten thousand mappings */

/* How far apart the samples of one fire are at most, in nanoseconds. */
#define SAME_FIRE	((uint64_t)1000000000)

/* Later headers have these. */
#ifndef PERF_FORMAT_LOST
#define PERF_FORMAT_LOST	(1U << 4)
#endif

/* What tells whether two samples are of the same fire. */
struct mark {
	pid_t tid;
	uint64_t time;
	uint64_t id;		/* the event that was attached */
	uint64_t place[2];	/* the kernel's event, and the address */
};

struct buffer {
	int fd, cpu;
	struct perf_event_mmap_page *page;
	uint8_t *data;
	size_t size;
	struct mark last;	/* of the last record; its time is 0 if that was
				 * no sample */
};

struct perf {
	struct buffer *ring;
	size_t count;
	int *fds;		/* of the attached events */
	size_t fd_count, fd_space;
	int stacks;		/* of users, with each sample */
	int children;		/* those that a process forks belong to it */
	int counts_lost;	/* the kernel has PERF_FORMAT_LOST */
	int only_threads;	/* the kernel has inherit_thread */
	uint64_t lost;		/* according to the rings */
	uint64_t *second;	/* ids of events that repeat others, sorted */
	size_t second_count, second_space;
	struct sample *samples;	/* not yet returned */
	size_t sample_count, sample_space, arrived;
};

static int
open_perf(struct perf_event_attr *attr, pid_t pid, int cpu)
{
	return (int)syscall(SYS_perf_event_open, attr, pid, cpu, -1,
	    PERF_FLAG_FD_CLOEXEC);
}

/* --- opening --- */

static void
report_refused(int error)
{
	if (error == EACCES || error == EPERM)
		fputs("usdt: the kernel does not let this user trace all "
		    "processes: root (CAP_PERFMON) may, or everybody with "
		    "kernel.perf_event_paranoid at -1\n", stderr);
	else if (error == ENOSYS)
		fputs("usdt: this kernel has no perf events "
		    "(CONFIG_PERF_EVENTS)\n", stderr);
	else
		fprintf(stderr, "usdt: perf events: %s\n", strerror(error));
}

/*
 * Does this kernel support what ATTR asks for, in an event that counts nothing?
 * Linux 5.13 brought inherit_thread, without which forked children are traced
 * too, 6.0 PERF_FORMAT_LOST.
 */
static int
is_known(struct perf_event_attr *attr, pid_t pid, int cpu)
{
	int fd;

	attr->type = PERF_TYPE_SOFTWARE;
	attr->size = sizeof *attr;
	attr->config = PERF_COUNT_SW_DUMMY;
	attr->exclude_kernel = 1;
	fd = open_perf(attr, pid, cpu);
	if (fd < 0)
		return errno != EINVAL;
	close(fd);
	return 1;
}

/* What is a ring for? */
struct purpose {
	pid_t first;		/* the facts on this process and those that
				 * descend from it; 0: what is attached ... */
	int maps;		/* ... or what all processes map */
	int apart;		/* see keeps_apart */
	size_t most, wake;	/* its bytes, and after how many it wakes us */
};

/* Make a ring on that processor.  Returns 0 or an errno. */
static int
open_ring(struct buffer *ring, const struct purpose *purpose, int cpu)
{
	const pid_t first = purpose->first;
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof attr,
		.config = PERF_COUNT_SW_DUMMY,
		.sample_period = 1,
		.watermark = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		.inherit = first != 0,
		.sample_type = first != 0 && purpose->apart ?
		    PERF_SAMPLE_TID | PERF_SAMPLE_READ : 0,
		.mmap = first != 0 || purpose->maps,
		.mmap2 = (uint64_t)purpose->maps,
		.task = first != 0,
	};
	size_t page = (size_t)sysconf(_SC_PAGESIZE), size;
	void *map = MAP_FAILED;

	ring->cpu = cpu;
	attr.wakeup_watermark = (uint32_t)purpose->wake;
	ring->fd = open_perf(&attr, first != 0 ? first : -1, cpu);
	if (ring->fd < 0)
		return errno;
	for (size = purpose->most; size >= page; size /= 2) {
		map = mmap(NULL, page + size, PROT_READ | PROT_WRITE,
		    MAP_SHARED, ring->fd, 0);
		if (map != MAP_FAILED || (errno != EPERM && errno != ENOMEM))
			break;
	}
	if (map == MAP_FAILED) {
		int error = errno;

		close(ring->fd);
		return error;
	}
	ring->page = map;
	ring->data = (uint8_t *)map + page;
	ring->size = size;
	return 0;
}

/*
 * We need a descriptor per event, thread and processor, and one per watched
 * file.  If the limit is lower, raise it as far as we need and are permitted.
 */
static void
raise_limit(size_t wanted)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	if (limit.rlim_max >= wanted && limit.rlim_cur == limit.rlim_max)
		return;
	if (limit.rlim_max < wanted) {
		limit.rlim_cur = limit.rlim_max = wanted * 2;
		if (setrlimit(RLIMIT_NOFILE, &limit) == 0 ||
		    getrlimit(RLIMIT_NOFILE, &limit) < 0)
			return;
	}
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* NULL and errno if the kernel refuses. */
static struct perf *
open_rings(const struct purpose *purpose)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF), cpu;
	struct perf *perf = xcalloc(1, sizeof *perf);

	raise_limit(0);
	perf->ring = xcalloc((size_t)cpus, sizeof *perf->ring);
	for (cpu = 0; cpu < cpus; cpu++) {
		int error = open_ring(&perf->ring[perf->count], purpose,
		    (int)cpu);

		if (error == 0) {
			perf->count++;
		} else if (error != ENODEV) {	/* a processor that is off */
			perf_close(perf);
			errno = error;
			return NULL;
		}
	}
	/* For the first event of a process the kernel waits some 15 ms, and not for
	 * one of a processor.  The first is one that is on. */
	cpu = perf->ring[0].cpu;
	perf->counts_lost = is_known(&(struct perf_event_attr){
		.read_format = PERF_FORMAT_LOST
	}, -1, (int)cpu);
	perf->only_threads = is_known(&(struct perf_event_attr){
		.inherit = 1, .inherit_thread = 1
	}, -1, (int)cpu);
	return perf;
}

struct perf *
perf_open(int urgent, int children)
{
	struct perf *perf = open_rings(&(struct purpose){
		.most = urgent ? RING_URGENT : RING_MAX,
		.wake = urgent ? 1 : RING_WAKE
	});

	if (perf != NULL)
		perf->children = children;
	else
		report_refused(errno);
	return perf;
}

void
perf_want_stacks(struct perf *perf)
{
	perf->stacks = 1;
}

/*
 * Forked processes have equal events, so the kernel swaps their lists when it
 * switches from one to the other.  Which of them a uprobe belongs to is not
 * swapped: when one ends, another one that lives may lose its breakpoint.  Lists
 * with an inherited event that samples counts are not swapped (Linux 6.13); one is
 * enough for all events of a process.
 */
static int
keeps_apart(void)
{
	return is_known(&(struct perf_event_attr){
		.inherit = 1,
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_READ
	}, 0, -1);
}

struct perf *
perf_open_facts(pid_t first)
{
	struct perf *perf = open_rings(&(struct purpose){
		.first = first, .apart = keeps_apart(), .most = RING_URGENT,
		.wake = 1
	});

	if (perf == NULL)
		report_refused(errno);
	return perf;
}

struct perf *
perf_open_maps(void)
{
	return open_rings(&(struct purpose){
		.maps = 1, .most = RING_MAPS, .wake = RING_MAPS / 2
	});
}

void
perf_close(struct perf *perf)
{
	size_t i, page = (size_t)sysconf(_SC_PAGESIZE);

	for (i = 0; i < perf->fd_count; i++)
		close(perf->fds[i]);
	for (i = 0; i < perf->count; i++) {
		munmap(perf->ring[i].page, page + perf->ring[i].size);
		close(perf->ring[i].fd);
	}
	perf_done(perf, perf->sample_count);
	free(perf->samples);
	free(perf->second);
	free(perf->fds);
	free(perf->ring);
	free(perf);
}

/* --- attaching --- */

/* Open an event on one processor, with the features of this kernel. */
static int
open_event(struct perf *perf, unsigned id, pid_t thread, int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof attr,
		.config = id,
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME |
		    PERF_SAMPLE_ID | PERF_SAMPLE_RAW |
		    (perf->stacks ? PERF_SAMPLE_CALLCHAIN : 0),
		.exclude_callchain_kernel = 1,
		.read_format = perf->counts_lost ? PERF_FORMAT_LOST : 0,
		.inherit = thread > 0,	/* for threads that it starts */
		.inherit_thread = thread > 0 && perf->only_threads &&
		    !perf->children,
		.watermark = 1,
		.wakeup_watermark = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
	};

	return open_perf(&attr, thread, cpu);
}

/* Attach to one thread, or with -1 to all, on all processors. */
static int
attach_thread(struct perf *perf, unsigned id, pid_t thread)
{
	size_t i;
	int fd, error;

	for (i = 0; i < perf->count; i++) {
		fd = open_event(perf, id, thread, perf->ring[i].cpu);
		if (fd < 0 && errno == ENODEV)
			continue;
		if (fd < 0)
			return errno;
		if (ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT,
		    perf->ring[i].fd) < 0) {
			error = errno;
			close(fd);
			return error;
		}
		ROOM_FOR_ONE(perf->fds, perf->fd_count, perf->fd_space);
		perf->fds[perf->fd_count++] = fd;
	}
	return 0;
}

/*
 * Attach to each thread of a process.  Threads started by an attached thread
 * inherit the event, but others may start meanwhile: repeat until there are no
 * new threads.
 */
static int
attach_threads(struct perf *perf, unsigned id, pid_t process)
{
	char *name = xasprintf("/proc/%d/task", (int)process);
	pid_t *done = NULL;
	size_t count = 0, space = 0, i;
	int fresh = 1, error = 0;

	while (fresh && error == 0) {
		DIR *threads = opendir(name);
		struct dirent *entry;

		fresh = 0;
		while (threads != NULL && error == 0 &&
		    (entry = readdir(threads)) != NULL) {
			pid_t thread = (pid_t)atoi(entry->d_name);

			for (i = 0; i < count && done[i] != thread; i++)
				;
			if (thread == 0 || i < count)
				continue;
			ROOM_FOR_ONE(done, count, space);
			done[count++] = thread;
			fresh = 1;
			raise_limit(perf->fd_count + perf->count + 64);
			error = attach_thread(perf, id, thread);
			if (error == ESRCH)	/* the thread has ended */
				error = 0;
		}
		if (threads != NULL)
			closedir(threads);
	}
	free(done);
	free(name);
	return error;
}

int
perf_attach(struct perf *perf, unsigned id, pid_t only)
{
	size_t before = perf->fd_count;
	int error;

	raise_limit(perf->fd_count + perf->count + 64);
	error = only ? attach_threads(perf, id, only) :
	    attach_thread(perf, id, -1);
	if (error != 0)
		perf_detach(perf, before);
	return error;
}

size_t
perf_attached(const struct perf *perf)
{
	return perf->fd_count;
}

/* A kernel that can't leaves more to us, which check all of it again. */
void
perf_filter(struct perf *perf, size_t first, const char *filter)
{
	size_t i;

	for (i = first; i < perf->fd_count; i++)
		ioctl(perf->fds[i], PERF_EVENT_IOC_SET_FILTER, filter);
}

void
perf_detach(struct perf *perf, size_t count)
{
	while (perf->fd_count > count)
		close(perf->fds[--perf->fd_count]);
}

/* --- reading --- */

/* Copy SIZE bytes from offset AT of a ring, which wraps around. */
static void
copy_out(const struct buffer *ring, uint64_t at, void *to, size_t size)
{
	size_t start = at & (ring->size - 1), first = ring->size - start;

	if (first > size)
		first = size;
	memcpy(to, ring->data + start, first);
	memcpy((uint8_t *)to + first, ring->data, size - first);
}

/*
 * A thread that starts while we attach to its process may have inherited an event
 * and get it from us as well.  Then each fire, and each of the threads that it
 * starts, has two samples, one right behind the other, since the kernel lets
 * nothing else come between.  The event that was attached later, which has the
 * greater id, has nothing that the other has not.
 */
static size_t
place_of_second(const struct perf *perf, uint64_t id)
{
	size_t low = 0, high = perf->second_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (perf->second[middle] < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int
is_second(const struct perf *perf, uint64_t id)
{
	size_t at = place_of_second(perf, id);

	return at < perf->second_count && perf->second[at] == id;
}

static void
add_second(struct perf *perf, uint64_t id)
{
	size_t at = place_of_second(perf, id);

	ROOM_FOR_ONE(perf->second, perf->second_count, perf->second_space);
	memmove(perf->second + at + 1, perf->second + at,
	    (perf->second_count++ - at) * sizeof *perf->second);
	perf->second[at] = id;
}

/* Has the fire of this sample another one? */
static int
is_repeated(struct perf *perf, struct buffer *ring, const struct mark *mark)
{
	const struct mark last = ring->last;

	if (is_second(perf, mark->id))
		return 1;
	ring->last = *mark;
	/* Numbers of threads are used again, though not as soon as that. */
	if (last.time == 0 || last.tid != mark->tid || last.id == mark->id ||
	    last.place[0] != mark->place[0] ||
	    last.place[1] != mark->place[1] ||
	    mark->time - last.time > SAME_FIRE)
		return 0;
	add_second(perf, last.id > mark->id ? last.id : mark->id);
	ring->last.id = last.id < mark->id ? last.id : mark->id;
	return 1;
}

/* PERF_RECORD_SAMPLE: header, pid, tid, time, id, [depth, stack,] size, bytes. */
static void
take_sample(struct perf *perf, struct buffer *ring, uint64_t at, size_t length)
{
	struct {
		uint32_t pid, tid;
		uint64_t time, id;
		uint64_t depth;
	} head = { .depth = 0 };
	size_t fixed = perf->stacks ? sizeof head :
	    offsetof(__typeof__(head), depth), space;
	struct sample *sample;
	struct mark mark;
	uint64_t stack;
	uint32_t size;

	if (length < fixed)
		return;
	copy_out(ring, at, &head, fixed);
	if (head.depth > (length - fixed) / sizeof *sample->stack)
		return;
	stack = at + fixed;
	fixed += head.depth * sizeof *sample->stack;
	if (length - fixed < sizeof size)
		return;
	copy_out(ring, at + fixed, &size, sizeof size);
	fixed += sizeof size;
	if (size > length - fixed)
		return;
	mark = (struct mark){
		.tid = (pid_t)head.tid, .time = head.time, .id = head.id
	};
	copy_out(ring, at + fixed, mark.place, size < sizeof mark.place ?
	    size : sizeof mark.place);
	if (is_repeated(perf, ring, &mark))
		return;
	ROOM_FOR_ONE(perf->samples, perf->sample_count,
	    perf->sample_space);
	sample = &perf->samples[perf->sample_count++];
	sample->pid = (pid_t)head.pid;
	sample->tid = (pid_t)head.tid;
	sample->time = head.time;
	sample->order = perf->arrived++;
	sample->heard = 0;
	sample->size = size;
	space = (size + sizeof *sample->stack - 1) & -sizeof *sample->stack;
	sample->record = xcalloc(space + head.depth * sizeof *sample->stack, 1);
	copy_out(ring, at + fixed, sample->record, size);
	sample->depth = head.depth;
	sample->stack = (uint64_t *)(void *)(sample->record + space);
	copy_out(ring, stack, sample->stack, head.depth *
	    sizeof *sample->stack);
}

/* What a record of the kernel's says, whose LENGTH bytes are at AT.  Returns 0 if
 * it is none of our facts. */
static int
read_fact(const struct buffer *ring, uint64_t at, size_t length, uint32_t type,
    struct perf_fact *fact)
{
	union {
		struct {
			uint32_t pid, parent, tid, parent_tid;
			uint64_t time;
		} task;			/* FORK, EXIT */
		struct {
			uint32_t pid, tid;
			uint64_t start, length, offset;
			uint32_t major_no, minor_no;
			uint64_t inode, generation;
		} map;			/* MMAP2; MMAP has its beginning */
	} said = { .map = { 0 } };

	*fact = (struct perf_fact){ .kind = PERF_FACT_LOST };
	copy_out(ring, at, &said, length < sizeof said ? length : sizeof said);
	switch (type) {
	case PERF_RECORD_LOST:
		return 1;
	case PERF_RECORD_FORK:
	case PERF_RECORD_EXIT:
		fact->kind = type == PERF_RECORD_FORK ? PERF_FACT_FORK :
		    PERF_FACT_EXIT;
		fact->pid = (pid_t)said.task.pid;
		fact->parent = (pid_t)said.task.parent;
		fact->tid = (pid_t)said.task.tid;
		fact->time = said.task.time;
		return 1;
	case PERF_RECORD_MMAP2:
		fact->file.device = makedev(said.map.major_no,
		    said.map.minor_no);
		fact->file.inode = said.map.inode;
		fact->file.generation = said.map.generation;
		/* fall through */
	case PERF_RECORD_MMAP:
		fact->kind = PERF_FACT_MAP;
		fact->pid = (pid_t)said.map.pid;
		fact->tid = (pid_t)said.map.tid;
		return 1;
	}
	return 0;
}

/* Read all records in a ring of facts. */
static void
drain_facts(struct buffer *ring, void (*take)(void *, const struct perf_fact *),
    void *self)
{
	uint64_t head = __atomic_load_n(&ring->page->data_head,
	    __ATOMIC_ACQUIRE);
	uint64_t tail = ring->page->data_tail;
	struct perf_event_header header;
	struct perf_fact fact;

	for (; tail < head; tail += header.size) {
		copy_out(ring, tail, &header, sizeof header);
		if (header.size < sizeof header)
			break;
		if (read_fact(ring, tail + sizeof header, header.size -
		    sizeof header, header.type, &fact))
			take(self, &fact);
	}
	__atomic_store_n(&ring->page->data_tail, head, __ATOMIC_RELEASE);
}

void
perf_read_facts(struct perf *perf,
    void (*take)(void *self, const struct perf_fact *fact), void *self)
{
	size_t i;

	for (i = 0; i < perf->count; i++)
		drain_facts(&perf->ring[i], take, self);
}

/* Read all records in a ring. */
static void
drain(struct perf *perf, struct buffer *ring)
{
	uint64_t head = __atomic_load_n(&ring->page->data_head,
	    __ATOMIC_ACQUIRE);
	uint64_t tail = ring->page->data_tail;
	struct perf_event_header header;
	uint64_t lost[2];		/* PERF_RECORD_LOST: id, count */

	while (tail < head) {
		copy_out(ring, tail, &header, sizeof header);
		if (header.size < sizeof header)
			break;
		if (header.type == PERF_RECORD_SAMPLE) {
			take_sample(perf, ring, tail + sizeof header,
			    header.size - sizeof header);
		} else if (header.type == PERF_RECORD_LOST &&
		    header.size >= sizeof header + sizeof lost) {
			copy_out(ring, tail + sizeof header, lost,
			    sizeof lost);
			perf->lost += lost[1];
			ring->last.time = 0;
		}
		tail += header.size;
	}
	__atomic_store_n(&ring->page->data_tail, head, __ATOMIC_RELEASE);
}

static int
by_time(const void *one, const void *other)
{
	const struct sample *a = one, *b = other;

	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

size_t
perf_read(struct perf *perf)
{
	size_t i;

	for (i = 0; i < perf->count; i++)
		drain(perf, &perf->ring[i]);
	return perf->sample_count;
}

size_t
perf_take(struct perf *perf, uint64_t until, struct sample **samples)
{
	size_t ready = 0;

	if (perf->sample_count > 0)
		qsort(perf->samples, perf->sample_count,
		    sizeof *perf->samples, by_time);
	while (ready < perf->sample_count &&
	    perf->samples[ready].time < until)
		ready++;
	*samples = perf->samples;
	return ready;
}

void
perf_done(struct perf *perf, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		free(perf->samples[i].record);
	perf->sample_count -= count;
	if (perf->sample_count > 0)
		memmove(perf->samples, perf->samples + count,
		    perf->sample_count * sizeof *perf->samples);
}

/*
 * A ring reports lost records only with its next record.  The last losses are
 * in the events themselves, if the kernel counts them there.
 */
uint64_t
perf_lost(struct perf *perf)
{
	struct {
		uint64_t value, lost;
	} counts;
	uint64_t sum = 0;
	size_t i;

	for (i = 0; perf->counts_lost && i < perf->fd_count; i++)
		if (read(perf->fds[i], &counts, sizeof counts) ==
		    sizeof counts)
			sum += counts.lost;
	return sum > perf->lost ? sum : perf->lost;
}

size_t
perf_count(const struct perf *perf)
{
	return perf->count;
}

int
perf_fd(const struct perf *perf, size_t index)
{
	return perf->ring[index].fd;
}
