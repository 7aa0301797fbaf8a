/*
 * image/stash.c - which records of a former program does the helper's daemon
 * keep of this process?
 *
 * dtprobed keeps a record of each document.  Its stash has a directory for each
 * pid, with a link from the document's number to DEVICE-INODE, the file with
 * the document.  It drops a process's records when the process executes another
 * file.  If a process executes its own file again, the old program's records
 * stay.  Then dtprobed refuses a document in the same file, and spoils the
 * record for good.  If the document is in another file, the old record confuses
 * dtrace.  The same happens to a process that gets the pid of a killed one.  So
 * before a process hands over a document, it makes the daemon drop each record
 * whose file the process does not map, and the record of the document's own
 * file.  A record whose file is mapped may be of another copy of the library,
 * or of dtrace -G.
 *
 * The daemon counts from 0 again when a process has no record left.  So one
 * thread, of one copy of the library, looks and drops at a time.  Otherwise
 * another might have handed over a document that got the number to drop.
 *
 * All this uses system calls alone, and is bounded.  A forked child's pid is
 * fresh, so fork handlers have nothing to drop.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define BATCH	128		/* records for one look at the mappings */
#define MOST	65536		/* entries to read, at most */

/* An entry of getdents64, in any C library. */
struct entry {
	uint64_t inode;
	int64_t offset;
	uint16_t size;
	uint8_t type;
	char name[];
};

struct record {
	int generation;
	uint64_t device, inode;		/* of the file with the document */
	int mapped;
};

/* One look through a process's records. */
struct look {
	const struct usdt__platform *row;
	const struct usdt__image *image;	/* with the next document */
	unsigned seen;			/* entries */
	size_t count;
	struct record records[BATCH];
};

static int looking;			/* a thread is, with these ... */
static int stash_dir = -1, turn = -1;	/* ... descriptors */

/* --- reading ------------------------------------------------------------ */

/* Read a number that ends at END, as the daemon writes it. */
static int
read_number(const char **at, char end, uint64_t most, uint64_t *value)
{
	const char *digit = *at;
	uint64_t n = 0;

	if (*digit == '0' && digit[1] != end)
		return 0;
	for (; *digit >= '0' && *digit <= '9'; digit++) {
		if (n > (most - (uint64_t)(*digit - '0')) / 10)
			return 0;
		n = n * 10 + (uint64_t)(*digit - '0');
	}
	if (digit == *at || *digit != end)
		return 0;
	*at = digit + 1;
	*value = n;
	return 1;
}

/* Read a record's link.  Returns 0 for anything else, which stays. */
static int
read_record(int dir, const char *name, struct record *record)
{
	char target[48];
	const char *at = name;
	uint64_t number;
	ssize_t n;

	if (!read_number(&at, '\0', INT_MAX, &number))
		return 0;
	n = readlinkat(dir, name, target, sizeof target);
	if (n <= 0 || n >= (ssize_t)sizeof target)
		return 0;
	target[n] = '\0';
	at = target;
	record->generation = (int)number;
	record->mapped = 0;
	return strlen(target) == (size_t)n &&
	    read_number(&at, '-', UINT64_MAX, &record->device) &&
	    read_number(&at, '\0', UINT64_MAX, &record->inode);
}

/* Mark the records whose file a line of /proc/self/maps shows. */
static void
mark(struct look *look, const char *line, struct record *own)
{
	uint64_t base = (uint64_t)(uintptr_t)look->image->base;
	uint64_t start, end, inode, device;
	unsigned major, minor;
	size_t i;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %*s %x:%x %" SCNu64,
	    &start, &end, &major, &minor, &inode) != 5)
		return;
	device = makedev(major, minor);
	if (start <= base && base < end) {
		own->device = device;
		own->inode = inode;
	}
	for (i = 0; i < look->count; i++)
		if (look->records[i].inode == inode &&
		    look->records[i].device == device)
			look->records[i].mapped = 1;
}

/*
 * Mark the records whose files are mapped, except the image's.  The daemon gets
 * their numbers from /proc, too, since stat has others on some file systems.
 * Returns 0, or -1 and errno: then no mark can be trusted.
 */
static int
mark_mapped(struct look *look)
{
	struct record own = { 0, 0, 0, 0 };
	char buffer[1024], line[100];	/* a line's start is enough */
	size_t i, length = 0;
	int fd, error;
	ssize_t n;

	fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	while ((n = read(fd, buffer, sizeof buffer)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		for (i = 0; i < (size_t)n; i++) {
			if (buffer[i] != '\n') {
				if (length < sizeof line - 1)
					line[length++] = buffer[i];
				continue;
			}
			line[length] = '\0';
			length = 0;
			mark(look, line, &own);
		}
	}
	error = n < 0 ? errno : ENOENT;
	close(fd);
	errno = error;
	if (n < 0 || own.inode == 0)	/* the image must be mapped */
		return -1;
	for (i = 0; i < look->count; i++)
		if (look->records[i].device == own.device &&
		    look->records[i].inode == own.inode)
			look->records[i].mapped = 0;
	return 0;
}

/* --- dropping ----------------------------------------------------------- */

/* The helper may report success of a removal that did nothing. */
static int
drop(const struct look *look, int generation, struct usdt__why *why)
{
	const struct usdt__platform *row = look->row;
	char name[16];
	struct usdt__answer answer;
	struct stat st;

	usdt__debug("dof: the helper has document %d of a program that this "
	    "process was before", generation);
	if (usdt__helper_remove(row, row->helper, generation, &answer) < 0)
		return usdt__helper_explain(row, row->helper, &answer, why);
	snprintf(name, sizeof name, "%d", generation);
	if (fstatat(stash_dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return usdt__because(why, EEXIST, "%s did not take back "
		    "document %d", row->helper, generation);
	return 0;
}

static int
drop_unmapped(struct look *look, struct usdt__why *why)
{
	int result = 0;
	size_t i;

	if (look->count > 0 && mark_mapped(look) < 0)
		return usdt__because(why, errno, "/proc/self/maps: %s",
		    usdt__strerror(errno));
	for (i = 0; i < look->count; i++)
		if (!look->records[i].mapped &&
		    drop(look, look->records[i].generation, why) < 0)
			result = -1;
	look->count = 0;
	return result;
}

/* Drop all unmapped records in the directory, one batch at a time. */
static int
look_through(struct look *look, struct usdt__why *why)
{
	union {
		struct entry first;
		char bytes[2048];
	} buffer;
	int result = 0;
	long n, at;

	while ((n = syscall(SYS_getdents64, stash_dir, &buffer,
	    sizeof buffer)) > 0)
		for (at = 0; at < n; ) {
			const struct entry *entry =
			    (const void *)(buffer.bytes + at);

			at += entry->size;
			if (++look->seen > MOST)
				return usdt__because(why, E2BIG, "more than "
				    "%d entries", MOST);
			if (read_record(stash_dir, entry->name,
			    &look->records[look->count]) &&
			    ++look->count == BATCH &&
			    drop_unmapped(look, why) < 0)
				result = -1;
		}
	if (n < 0)
		return usdt__because(why, errno, "%s",
		    usdt__strerror(errno));
	return drop_unmapped(look, why) < 0 ? -1 : result;
}

/* This process's directory of records, -2 if it has none, or -1 on failure. */
static int
open_own(const struct usdt__platform *row, struct usdt__why *why)
{
	char name[16];
	struct stat st;
	int stash, dir, error;

	/* In another pid namespace this pid is another process's outside. */
	if (stat("/proc/self/ns/pid", &st) < 0)
		return usdt__because(why, errno, "/proc/self/ns/pid: %s",
		    usdt__strerror(errno));
	if (st.st_ino != row->stash_pids)
		return usdt__because(why, 0, "not in this pid namespace");
	stash = open(row->stash, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (stash < 0)
		return usdt__because(why, errno, "%s: %s", row->stash,
		    usdt__strerror(errno));
	snprintf(name, sizeof name, "%ld", (long)getpid());
	dir = openat(stash, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);
	error = errno;
	close(stash);
	if (dir >= 0)
		return dir;
	if (error == ENOENT)
		return -2;
	return usdt__because(why, error, "%s/%s: %s", row->stash, name,
	    usdt__strerror(error));
}

/* Is there a record of the image's file, by stat's numbers? */
static int
has_record(const struct usdt__platform *row, const struct usdt__image *image)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof path, "%s/%ld/%" PRIu64 "-%" PRIu64, row->stash,
	    (long)getpid(), image->device, image->inode);
	return stat(path, &st) == 0 || errno != ENOENT;
}

static int
look_in_turn(const struct usdt__platform *row, const struct usdt__image *image,
    struct usdt__why *why)
{
	struct look look = { row, image, 0, 0, { { 0, 0, 0, 0 } } };
	int result, alone;

	/* Another copy of the library may be waiting for the helper. */
	usdt__lock_lend();
	turn = usdt__turn_take(USDT__TURN_STASH, &alone);
	usdt__lock_take_back();
	result = look_through(&look, why);
	usdt__turn_give(turn);
	turn = -1;
	return result;
}

int
usdt__stash_clear(const struct usdt__platform *row, const char *device,
    const struct usdt__image *image, struct usdt__why *why)
{
	static pid_t cleared;		/* all its records are of the program
					 * that runs now */
	pid_t self = getpid();
	int result = 0;

	if (row->stash == NULL || strcmp(device, row->helper) != 0)
		return 0;
	while (looking)
		usdt__wait_for_mark();
	if (cleared == self && !has_record(row, image))
		return 0;
	stash_dir = open_own(row, why);
	if (stash_dir == -1)
		return -1;
	if (stash_dir >= 0) {
		looking = 1;
		result = look_in_turn(row, image, why);
		looking = 0;
		usdt__mark_gone();
		close(stash_dir);
	}
	stash_dir = -1;
	if (result == 0)
		cleared = self;
	return result;
}

/* FORKED: the child has run nothing yet, so the descriptors are still those of
 * the looking thread. */
void
usdt__stash_forget(int forked)
{
	looking = 0;
	if (forked && stash_dir >= 0)
		close(stash_dir);
	if (forked && turn >= 0)
		close(turn);
	stash_dir = turn = -1;
}
