/*
 * rings.c - which rings are there, what comes next?
 *
 * A ring is a file without a name, which we open by its mapping in
 * /proc/PID/map_files.  That is refused for files that could be cut short under
 * us.  Once it is mapped, we have what a process wrote, also after its end.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <search.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "core/instructions.h"
#include "tools/direct/direct.h"

/* How far apart pairs of counter and clock are, in nanoseconds. */
#define PAIRS_LEAST	((uint64_t)2000000)
#define PAIRS_MOST	((uint64_t)1000000000)
/* Rings of one process.  Its library makes no more. */
#define RINGS_MAX	4096
/* How often one ring is read in a round. */
#define READS_MAX	256
/* How old a thread's name may be, in nanoseconds. */
#define COMM_AGE	((uint64_t)100000000)

#ifndef F_GET_SEALS
#define F_GET_SEALS	1034
#define F_SEAL_SHRINK	2
#endif
#define TMPFS_MAGIC	0x01021994

struct process {
	pid_t pid;
	int fd;			/* pidfd, or -1 */
	int ended;
	char *comm;
	size_t rings;
	void *losses;		/* struct lost, by target */
};

struct lost {
	struct target *target;
	int64_t total, told;
};

struct source {			/* a ring */
	struct ring ring;
	struct ring_record record;	/* the next one, if it is in the queue */
	struct target *target;
	uint64_t time;
	int queued;
	unsigned reads;		/* left in this round */
	size_t size;
	struct process *process;
	pid_t tid;
	char comm[32];
	uint64_t comm_at;	/* when that was read */
	uint64_t device, inode;
	unsigned closed;	/* for how many seconds */
	unsigned gaps;		/* that were looked after */
	int counting;
};

struct rings {
	struct source **sources;
	size_t count, space;
	struct process **processes;
	size_t process_count, process_space;
	struct wanted **wanted;
	size_t wanted_count, wanted_space;
	struct source **queue;	/* a heap: those with records, by time */
	size_t queued, queue_space;
	struct early_list early;
	struct counter_clock clock;
	uint64_t now;
};

/* --- time --- */

/* A pair whose halves are as near to each other as we can get them. */
static void
take_pair(struct counter_clock *clock)
{
	uint64_t best = UINT64_MAX, counter = 0, time = 0;
	int i;

	for (i = 0; i < 5; i++) {
		uint64_t before = usdt__counter(), at = clock_now(CLOCK_MONOTONIC),
		    after = usdt__counter();

		if (after - before < best) {
			best = after - before;
			counter = before + best / 2;
			time = at;
		}
	}
	clock_pair(clock, counter, time);
}

/* Pairs are taken ever more seldom, so that the first events have right times,
 * too. */
static void
tend_clock(struct counter_clock *clock, uint64_t now)
{
	uint64_t span = clock->time[1] - clock->time[0];

	if (now - clock->time[1] >= (span < PAIRS_MOST / 2 ? span * 2 :
	    PAIRS_MOST))
		take_pair(clock);
}

/* --- processes --- */

static struct process *
process_of(struct rings *rings, pid_t pid)
{
	struct process *process;
	size_t i;

	for (i = 0; i < rings->process_count; i++)
		if (rings->processes[i]->pid == pid &&
		    !rings->processes[i]->ended)
			return rings->processes[i];
	process = xcalloc(1, sizeof *process);
	process->pid = pid;
	process->fd = (int)syscall(SYS_pidfd_open, pid, 0);
	process->comm = process_command(pid);
	ROOM_FOR_ONE(rings->processes, rings->process_count,
	    rings->process_space);
	return rings->processes[rings->process_count++] = process;
}

static int
by_target(const void *one, const void *other)
{
	const struct lost *a = one, *b = other;

	return a->target < b->target ? -1 : a->target > b->target;
}

static void
add_lost(struct process *process, struct target *target, int64_t more)
{
	struct lost *lost = xcalloc(1, sizeof *lost), **found;

	lost->target = target;
	found = xtsearch(lost, &process->losses, by_target);
	if (*found != lost)
		free(lost);
	(*found)->total += more;
}

/* Which processes have ended? */
static void
look_for_ended(struct rings *rings)
{
	struct pollfd *fds = xcalloc(rings->process_count + 1, sizeof *fds);
	size_t i;

	for (i = 0; i < rings->process_count; i++)
		fds[i] = (struct pollfd){
			.fd = rings->processes[i]->fd, .events = POLLIN
		};
	poll(fds, (nfds_t)rings->process_count, 0);
	for (i = 0; i < rings->process_count; i++) {
		struct process *process = rings->processes[i];

		if (process->fd >= 0)
			process->ended |= fds[i].revents != 0;
		else
			process->ended |= kill(process->pid, 0) < 0 &&
			    errno == ESRCH;
	}
	free(fds);
}

static void
free_process(struct process *process)
{
	if (process->fd >= 0)
		close(process->fd);
	tdestroy(process->losses, free);
	free(process->comm);
	free(process);
}

/* --- opening --- */

/* May we open the files that processes map?  We try it with our own program. */
static int
may_open_mapped(void)
{
	struct holder own = { 0 };
	char *name;
	int fd;

	process_readable(getpid(), (uint64_t)(uintptr_t)&rings_obstacle, &own);
	name = xasprintf("/proc/self/map_files/%" PRIx64 "-%" PRIx64,
	    own.start, own.end);
	fd = open_regular(name, 0);
	free(name);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Asked of each file, of which there may be thousands. */
const char *
rings_obstacle(void)
{
	static int asked, may;

	if (!asked)
		may = may_open_mapped();
	asked = 1;
	return may ? NULL :
	    "only root (CAP_SYS_ADMIN) may read what processes map";
}

/* A file in memory that stays as large as it is.  Its size, or 0. */
static size_t
sealed_size(int fd, struct stat *st)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct statfs fs;

	if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 ||
	    fstatfs(fd, &fs) < 0 || fs.f_type != TMPFS_MAGIC ||
	    fstat(fd, st) < 0 || st->st_size <= 0 || st->st_size > UINT32_MAX)
		return 0;
	return (size_t)st->st_size;
}

static int
is_open(const struct rings *rings, const struct stat *st)
{
	size_t i;

	for (i = 0; i < rings->count; i++)
		if (rings->sources[i]->inode == st->st_ino &&
		    rings->sources[i]->device == st->st_dev)
			return 1;
	return 0;
}

/* Map a ring.  Returns the source, NULL if it is none or is known already:
 * then KNOWN is 1. */
static struct source *
open_source(struct rings *rings, int fd, pid_t pid, int whole, int *known)
{
	struct source *source;
	struct stat st;
	size_t size = sealed_size(fd, &st);
	void *map;

	*known = size > 0 && is_open(rings, &st);
	if (size == 0 || *known)
		return NULL;
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return NULL;
	source = xcalloc(1, sizeof *source);
	source->process = process_of(rings, pid);
	if (source->process->rings >= RINGS_MAX ||
	    ring_begin(&source->ring, map, size, whole) != NULL) {
		ring_done(&source->ring);
		munmap(map, size);
		free(source);
		return NULL;
	}
	source->size = size;
	source->device = st.st_dev;
	source->inode = st.st_ino;
	source->process->rings++;
	ROOM_FOR_ONE(rings->sources, rings->count, rings->space);
	return rings->sources[rings->count++] = source;
}

static int
open_mapping(pid_t pid, uint64_t start, uint64_t end)
{
	char *name = xasprintf("/proc/%d/map_files/%" PRIx64 "-%" PRIx64,
	    (int)pid, start, end);
	int fd = open_regular(name, 0);

	free(name);
	return fd;
}

/* Is this still the ring that was announced?  A later one of another thread may
 * have its addresses. */
static int
is_same_ring(int fd, const void *head, size_t copied)
{
	struct usdt__ring announced, found;
	const size_t size = offsetof(struct usdt__ring, closed);

	if (head == NULL || copied < size)
		return 1;		/* nobody can say */
	memcpy(&announced, head, size);
	return pread(fd, &found, size, 0) == (ssize_t)size &&
	    found.key == announced.key && found.tid == announced.tid;
}

void
rings_announced(struct rings *rings, const struct fire *who, int first,
    uint64_t address, uint64_t size, const void *head, size_t copied)
{
	int fd = open_mapping(who->pid, address, address + size), known = 0;
	struct source *source = NULL;

	if (fd >= 0 && is_same_ring(fd, head, copied))
		source = open_source(rings, fd, who->pid, 1, &known);
	if (fd >= 0)
		close(fd);
	if (source != NULL) {
		source->tid = who->tid;
		snprintf(source->comm, sizeof source->comm, "%s", who->comm);
		source->comm_at = clock_now(CLOCK_MONOTONIC);
	} else if (!known) {
		/* Its first records were announced, too. */
		early_without_ring(&rings->early, who, first, address,
		    size);
	}
}

void
rings_announced_record(struct rings *rings, const struct fire *who,
    struct target *target, int more, uint64_t address, const void *bytes,
    size_t size)
{
	if (!early_add(&rings->early, who, target, more, address, bytes, size))
		add_lost(process_of(rings, who->pid), target, 1);
}

void
rings_announced_silence(struct rings *rings, const struct fire *who)
{
	early_silent(&rings->early, who);
}

void
rings_announced_loss(struct rings *rings, pid_t pid, struct target *target)
{
	if (target != NULL)
		add_lost(process_of(rings, pid), target, 1);
}

/* --- threads --- */

/* What the thread is called by its own process is the last number of "NSpid". */
static pid_t
inner_number(pid_t pid, pid_t tid)
{
	char *name = xasprintf("/proc/%d/task/%d/status", (int)pid, (int)tid);
	FILE *in = fopen(name, "re");
	char *line = NULL, *last;
	size_t space = 0;
	pid_t inner = tid;

	free(name);
	while (in != NULL && getline(&line, &space, in) > 0)
		if (strncmp(line, "NSpid:", 6) == 0 &&
		    (last = strrchr(line, '\t')) != NULL)
			inner = (pid_t)atoi(last + 1);
	free(line);
	if (in != NULL)
		fclose(in);
	return inner;
}

/* The number that we have for a thread that the ring calls INNER. */
static pid_t
thread_number(pid_t pid, pid_t inner)
{
	char *name;
	DIR *threads;
	struct dirent *entry;
	pid_t found = 0;

	if (inner_number(pid, pid) == pid)
		return inner;
	name = xasprintf("/proc/%d/task", (int)pid);
	threads = opendir(name);
	free(name);
	while (threads != NULL && found == 0 &&
	    (entry = readdir(threads)) != NULL) {
		pid_t tid = (pid_t)atoi(entry->d_name);

		if (tid > 0 && inner_number(pid, tid) == inner)
			found = tid;
	}
	if (threads != NULL)
		closedir(threads);
	return found != 0 ? found : pid;
}

static void
read_comm(struct source *source, uint64_t now)
{
	char name[64];
	char text[sizeof source->comm];
	ssize_t n;
	int fd;

	source->comm_at = now;
	snprintf(name, sizeof name, "/proc/%d/task/%d/comm",
	    (int)source->process->pid, (int)source->tid);
	fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;			/* it has ended: the name stays */
	n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n > 0) {
		text[n - (text[n - 1] == '\n')] = '\0';
		memcpy(source->comm, text, sizeof text);
	}
}

/* Open the ring that a process maps there, if it is one. */
static void
open_ring(struct rings *rings, pid_t pid, const struct mapping *mapping,
    int whole)
{
	struct source *source;
	int fd, known;

	if (strstr(mapping->path, "/memfd:" USDT__RING_NAME) == NULL)
		return;
	fd = open_mapping(pid, mapping->start, mapping->end);
	source = fd < 0 ? NULL : open_source(rings, fd, pid, whole, &known);
	if (fd >= 0)
		close(fd);
	if (source == NULL)
		return;
	source->tid = thread_number(pid, (pid_t)source->ring.tid);
	snprintf(source->comm, sizeof source->comm, "?");
	read_comm(source, clock_now(CLOCK_MONOTONIC));
}

static void
search(struct rings *rings, pid_t pid, int whole)
{
	FILE *maps = process_maps(pid);
	struct mapping mapping = { 0 };
	char *line = NULL, path[MAPPING_PATH];
	size_t space = 0;
	int asked = 0;

	while (maps != NULL && (asked = mapping_ask(maps, &mapping, 1,
	    path)) > 0)
		open_ring(rings, pid, &mapping, whole);
	while (maps != NULL && asked < 0 && getline(&line, &space, maps) > 0)
		if (mapping_parse(&mapping, line) == 0)
			open_ring(rings, pid, &mapping, whole);
	free(line);
	if (maps != NULL)
		fclose(maps);
}

void
rings_search(struct rings *rings, pid_t pid)
{
	search(rings, pid, 0);
}

void
rings_search_again(struct rings *rings)
{
	size_t i;

	for (i = 0; i < rings->process_count; i++)
		if (!rings->processes[i]->ended)
			search(rings, rings->processes[i]->pid, 1);
}

/* --- images --- */

void
rings_want(struct rings *rings, struct wanted *image)
{
	ROOM_FOR_ONE(rings->wanted, rings->wanted_count, rings->wanted_space);
	rings->wanted[rings->wanted_count++] = image;
}

/* Several files may have the same bytes, and different targets. */
static struct target *
target_of(const struct rings *rings, struct ring_image *image, uint32_t cell)
{
	const struct wanted *wanted;
	struct target *target = NULL;
	size_t i;

	if (image->wanted != NULL && cell < image->wanted->count &&
	    image->wanted->targets[cell] != NULL)
		return image->wanted->targets[cell];
	if (image->looked == rings->wanted_count && image->wanted == NULL)
		return NULL;
	for (i = rings->wanted_count; i-- > 0 && target == NULL; ) {
		wanted = rings->wanted[i];
		if (memcmp(wanted->id, image->id, sizeof wanted->id) != 0)
			continue;
		image->wanted = wanted;
		target = cell < wanted->count ? wanted->targets[cell] : NULL;
	}
	image->looked = rings->wanted_count;
	return target;
}

/* --- the queue --- */

static void
sink(struct rings *rings, size_t at)
{
	struct source **queue = rings->queue, *source = queue[at];
	size_t next;

	for (; (next = at * 2 + 1) < rings->queued; at = next) {
		if (next + 1 < rings->queued &&
		    queue[next + 1]->time < queue[next]->time)
			next++;
		if (source->time <= queue[next]->time)
			break;
		queue[at] = queue[next];
	}
	queue[at] = source;
}

static void
enqueue(struct rings *rings, struct source *source)
{
	struct source **queue;
	size_t at;

	ROOM_FOR_ONE(rings->queue, rings->queued, rings->queue_space);
	queue = rings->queue;
	for (at = rings->queued++; at > 0 &&
	    queue[(at - 1) / 2]->time > source->time; at = (at - 1) / 2)
		queue[at] = queue[(at - 1) / 2];
	queue[at] = source;
	source->queued = 1;
}

/* Now all is known that was lost until ring_count. */
static void
settle(struct rings *rings, struct source *source)
{
	uint32_t i, k;

	source->counting = 0;
	for (i = 0; i < source->ring.image_count; i++) {
		struct ring_image *image = &source->ring.images[i];

		for (k = 0; k < image->count; k++) {
			int32_t more = ring_lost(&image->tallies[k]);
			struct target *target = more == 0 ? NULL :
			    target_of(rings, image, k);

			if (target != NULL)
				add_lost(source->process, target, more);
		}
	}
}

/* Go to the next record that somebody wants.  Returns 0 if there is none. */
static int
advance(struct rings *rings, struct source *source)
{
	struct ring *ring = &source->ring;
	struct ring_record *record = &source->record;

	for (;;) {
		if (source->counting && ring_is_counted(ring))
			settle(rings, source);
		if (!ring_peek(ring, record)) {
			if (source->reads == 0)
				return 0;
			source->reads--;
			if (!ring_read(ring, rings->now,
			    source->process->ended))
				return 0;
			continue;
		}
		source->target = target_of(rings, record->image, record->cell);
		if (source->target != NULL)
			break;
		ring_pass(ring, record);
	}
	source->time = ring->by_counter ? clock_time(&rings->clock,
	    record->time) : record->time;
	return 1;
}

int
rings_read(struct rings *rings, uint64_t now)
{
	size_t i;

	rings->now = now;
	tend_clock(&rings->clock, now);
	for (i = 0; i < rings->count; i++) {
		struct source *source = rings->sources[i];

		source->reads = READS_MAX;
		if (source->queued || !advance(rings, source))
			continue;
		if (now - source->comm_at > COMM_AGE)
			read_comm(source, now);
		enqueue(rings, source);
	}
	return rings->queued > 0;
}

unsigned
rings_fullest(struct rings *rings)
{
	uint64_t most = 0, percent;
	size_t i;

	for (i = 0; i < rings->count; i++) {
		struct ring *ring = &rings->sources[i]->ring;

		percent = (uint64_t)ring->waiting * 100 / ring->units;
		most = percent > most ? percent : most;
		ring->waiting = 0;
	}
	return most > UINT_MAX ? UINT_MAX : (unsigned)most;
}

/* The first early record.  A piece that is not there soon was lost. */
static const struct early *
next_early(struct rings *rings)
{
	const struct early *early;

	while ((early = early_first(&rings->early)) != NULL &&
	    !early_is_whole(early)) {
		if (rings->now - early->time < USDT__RING_EARLY)
			return NULL;
		add_lost(process_of(rings, early->pid), early->target, 1);
		early_pass(&rings->early);
	}
	return early;
}

/* Until when is the first in the queue before all others, and before UNTIL? */
static uint64_t
turn_of_first(const struct rings *rings, uint64_t until)
{
	size_t i;

	for (i = 1; i < 3 && i < rings->queued; i++)
		if (rings->queue[i]->time < until)
			until = rings->queue[i]->time;
	return until;
}

/* Hand over the events of the first in the queue, as long as it is its turn. */
static int
hand_over_first(struct rings *rings, uint64_t until, rings_take *take,
    void *self)
{
	struct source *source = rings->queue[0];
	struct fire fire = {
		.pid = source->process->pid, .tid = source->tid,
		.comm = source->comm
	};
	int result, more;

	until = turn_of_first(rings, until);
	do {
		fire.time = source->time;
		fire.target = source->target;
		result = take(self, &fire, &source->record);
		ring_pass(&source->ring, &source->record);
		more = advance(rings, source);
	} while (more && result == 0 && source->time < until);
	if (!more) {
		source->queued = 0;
		rings->queue[0] = rings->queue[--rings->queued];
	}
	if (rings->queued > 1)
		sink(rings, 0);
	return result;
}

static int
hand_over_early(struct rings *rings, const struct early *early,
    rings_take *take, void *self)
{
	struct ring_record record;
	struct fire fire;
	int result;

	early_view(early, &fire, &record);
	result = take(self, &fire, &record);
	early_pass(&rings->early);
	return result;
}

int
rings_hand_over(struct rings *rings, uint64_t until, rings_take *take,
    void *self)
{
	int result = 0;

	while (result == 0) {
		const struct early *early = next_early(rings);
		uint64_t time = early != NULL && early->time < until ?
		    early->time : until;

		if (rings->queued > 0 && rings->queue[0]->time < time)
			result = hand_over_first(rings, time, take, self);
		else if (early != NULL && early->time < until)
			result = hand_over_early(rings, early, take, self);
		else
			break;
	}
	return result;
}

/* --- once a second --- */

static void
count_now(struct rings *rings, struct source *source)
{
	ring_count(&source->ring);
	source->counting = 1;
	source->gaps = source->ring.gaps;
	if (ring_is_counted(&source->ring))
		settle(rings, source);
}

static void
close_source(struct source *source)
{
	munmap((void *)(uintptr_t)source->ring.map, source->size);
	ring_done(&source->ring);
	source->process->rings--;
	free(source);
}

/* Is nothing more to come from a ring? */
static int
is_over(const struct source *source)
{
	return (source->process->ended || source->closed > 2) &&
	    ring_is_drained(&source->ring) && !source->queued;
}

void
rings_attend(struct rings *rings, uint64_t now)
{
	size_t i;

	look_for_ended(rings);
	early_attend(&rings->early, now);
	rings_read(rings, now);
	for (i = 0; i < rings->count; i++) {
		struct source *source = rings->sources[i];

		if (ring_is_closed(&source->ring))
			source->closed++;
		if (is_over(source)) {
			count_now(rings, source);
			settle(rings, source);
			close_source(source);
			rings->sources[i--] = rings->sources[--rings->count];
		} else if (source->ring.gaps != source->gaps) {
			count_now(rings, source);
		}
	}
}

void
rings_count_all(struct rings *rings)
{
	size_t i;

	look_for_ended(rings);
	for (i = 0; i < rings->count; i++)
		count_now(rings, rings->sources[i]);
}

int
rings_are_counted(const struct rings *rings)
{
	size_t i;

	for (i = 0; i < rings->count; i++)
		if (rings->sources[i]->counting)
			return 0;
	return 1;
}

void
rings_settle(struct rings *rings)
{
	size_t i;

	for (i = 0; i < rings->count; i++)
		if (rings->sources[i]->counting)
			settle(rings, rings->sources[i]);
}

/* For twalk, which passes nothing on. */
static __thread struct {
	void (*lost)(void *self, const struct loss *loss);
	void *self;
	int all;
	const struct process *process;
} telling;

static void
tell(const void *node, VISIT visit, int depth)
{
	struct lost *lost = *(struct lost *const *)node;
	struct loss loss = {
		.pid = telling.process->pid, .comm = telling.process->comm,
		.target = lost->target
	};

	(void)depth;
	if ((visit != preorder && visit != leaf) || (lost->total <= lost->told && !(telling.all && lost->total > 0)))
		return;
	loss.count = lost->total > lost->told ?
	    (uint64_t)(lost->total - lost->told) : 0;
	loss.total = (uint64_t)lost->total;
	lost->told = lost->total;
	telling.lost(telling.self, &loss);
}

void
rings_tell(struct rings *rings, int all,
    void (*lost)(void *self, const struct loss *loss), void *self)
{
	size_t i;

	telling.all = all;
	telling.lost = lost;
	telling.self = self;
	for (i = 0; i < rings->process_count; i++) {
		struct process *process = rings->processes[i];

		telling.process = process;
		twalk(process->losses, tell);
		if (process->ended && process->rings == 0 &&
		    process->losses == NULL) {
			free_process(process);
			rings->processes[i--] =
			    rings->processes[--rings->process_count];
		}
	}
}

size_t
rings_count(const struct rings *rings)
{
	return rings->count;
}

uint64_t
rings_unread(const struct rings *rings)
{
	return rings->early.unread;
}

/* --- the life of all --- */

struct rings *
rings_open(void)
{
	struct rings *rings = xcalloc(1, sizeof *rings);

	take_pair(&rings->clock);
	while (clock_now(CLOCK_MONOTONIC) - rings->clock.time[1] < PAIRS_LEAST)
		;
	take_pair(&rings->clock);
	return rings;
}

void
rings_close(struct rings *rings)
{
	size_t i;

	for (i = 0; i < rings->count; i++)
		close_source(rings->sources[i]);
	for (i = 0; i < rings->process_count; i++)
		free_process(rings->processes[i]);
	free(rings->sources);
	free(rings->processes);
	free(rings->wanted);
	early_done(&rings->early);
	free(rings->queue);
	free(rings);
}
