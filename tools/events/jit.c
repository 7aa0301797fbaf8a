/*
 * jit.c - which functions did a program's own compiler make?
 *
 * Node.js, Java and Python say it if they are asked to: they append a line to
 * /tmp/perf-PID.map for each function, which is the form of perf:
 *
 *	7f3d2c001040 1a8 JS:~serve /srv/httpd.js:12:3
 *
 * The file is the process's, in its own /tmp and with the number that it has there.
 * It may hold anything, and no more of it is kept than memory is left for.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/events/parts.h"

/* For how long a file is not read again, in nanoseconds. */
#define FRESH		((uint64_t)50000000)

/* How much is read at once; a longer line is none. */
#define PIECE		65536

/* How much is read before events are looked at, and ever: such a file may grow, or
 * be replaced, without end. */
#define READ_MAX	((uint64_t)32 << 20)
#define EVER_MAX	((uint64_t)512 << 20)

/* Functions of a process; Java has some 10,000. */
#define FUNCTIONS_MAX	((size_t)1 << 19)

/* A longer name is broken. */
#define NAME_MAX_SIZE	1024

/* A function may be in the code of a larger one, but not in that of many. */
#define NESTED_MAX	64

struct made {			/* a function */
	uint64_t start, size;
	size_t order;		/* in the file */
	char *name;
};

struct jit {
	pid_t pid, inner;	/* its number for us, and for itself */
	uid_t owner;
	size_t *left;		/* bytes that may still be kept */
	size_t used;
	uint64_t read;		/* when */
	uint64_t at;		/* so much of the file was read */
	char last[32];		/* the last of that */
	size_t last_size;
	uint64_t ever;		/* so much of all such files */
	struct made *made;
	size_t count, space;
	size_t sorted;		/* so many are in order */
};

/* What /proc/PID/status says of its number and owner. */
static void
read_status(struct jit *jit)
{
	char *name = xasprintf("/proc/%d/status", (int)jit->pid);
	FILE *in = fopen(name, "re");
	char *line = NULL, *last;
	unsigned owner;
	size_t space = 0;

	while (in != NULL && getline(&line, &space, in) > 0) {
		if (sscanf(line, "Uid: %*u %u", &owner) == 1)
			jit->owner = owner;
		if (strncmp(line, "NSpid:", 6) == 0 &&
		    (last = strrchr(line, '\t')) != NULL)
			jit->inner = (pid_t)atoi(last + 1);
	}
	if (in != NULL)
		fclose(in);
	free(line);
	free(name);
}

struct jit *
jit_new(pid_t pid, size_t *left)
{
	struct jit *jit = xcalloc(1, sizeof *jit);

	jit->pid = jit->inner = pid;
	jit->owner = (uid_t)-1;
	jit->left = left;
	return jit;
}

static void
forget(struct jit *jit)
{
	size_t i;

	for (i = 0; i < jit->count; i++)
		free(jit->made[i].name);
	*jit->left += jit->used;
	jit->used = jit->count = jit->sorted = jit->last_size = 0;
	jit->at = 0;
}

void
jit_free(struct jit *jit)
{
	if (jit == NULL)
		return;
	forget(jit);
	free(jit->made);
	free(jit);
}

/* --- reading --- */

/* A line without its end: START SIZE NAME. */
static void
take_line(struct jit *jit, char *line)
{
	struct made made = { .order = jit->count };
	size_t needed;
	int name = 0;

	if (sscanf(line, "%" SCNx64 " %" SCNx64 " %n", &made.start, &made.size,
	    &name) < 2 || name == 0 || line[name] == '\0' ||
	    strlen(line + name) > NAME_MAX_SIZE)
		return;
	/* An array that grows may have twice the room. */
	needed = strlen(line + name) + 1 + 2 * sizeof made;
	if (needed > *jit->left || jit->count == FUNCTIONS_MAX)
		return;
	*jit->left -= needed;
	jit->used += needed;
	made.name = xstrndup(line + name, strlen(line + name));
	ROOM_FOR_ONE(jit->made, jit->count, jit->space);
	jit->made[jit->count++] = made;
}

/* Whole lines of SIZE bytes, which are followed by a zero; returns how much these
 * are. */
static size_t
take_lines(struct jit *jit, char *bytes, size_t size)
{
	char *line = bytes, *end;

	while ((end = memchr(line, '\n', size - (size_t)(line - bytes))) !=
	    NULL) {
		*end = '\0';
		take_line(jit, line);
		line = end + 1;
	}
	return (size_t)(line - bytes);
}

/* Is what was read still there?  Another file may have the same inode. */
static int
is_same(const struct jit *jit, int fd)
{
	char bytes[sizeof jit->last];

	return pread(fd, bytes, jit->last_size,
	    (off_t)(jit->at - jit->last_size)) == (ssize_t)jit->last_size &&
	    memcmp(bytes, jit->last, jit->last_size) == 0;
}

static void
read_more(struct jit *jit, int fd)
{
	const uint64_t end = jit->ever + READ_MAX < EVER_MAX ?
	    jit->ever + READ_MAX : EVER_MAX;
	char *bytes = xcalloc(PIECE + 1, 1);
	ssize_t n;
	size_t taken;

	if (!is_same(jit, fd))
		forget(jit);
	while (jit->ever < end &&
	    (n = pread(fd, bytes, PIECE, (off_t)jit->at)) > 0) {
		bytes[n] = '\0';
		taken = take_lines(jit, bytes, (size_t)n);
		if (taken == 0 && n < PIECE)
			break;		/* it will become a line */
		if (taken == 0)
			taken = (size_t)n;
		jit->at += taken;
		jit->ever += taken;
	}
	jit->last_size = jit->at < sizeof jit->last ? (size_t)jit->at :
	    sizeof jit->last;
	n = pread(fd, jit->last, jit->last_size,
	    (off_t)(jit->at - jit->last_size));
	if (n != (ssize_t)jit->last_size)
		forget(jit);
	free(bytes);
}

static int
by_start(const void *one, const void *other)
{
	const struct made *a = one, *b = other;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

static void
read_file(struct jit *jit)
{
	struct stat st;
	char *name;
	int fd;

	jit->read = clock_now(CLOCK_MONOTONIC);
	read_status(jit);
	name = xasprintf("/tmp/perf-%d.map", (int)jit->inner);
	fd = process_open(jit->pid, name, O_NOFOLLOW);
	free(name);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && (st.st_uid == jit->owner ||
	    st.st_uid == 0))
		read_more(jit, fd);
	close(fd);
	if (jit->count > jit->sorted)
		qsort(jit->made, jit->count, sizeof *jit->made, by_start);
	jit->sorted = jit->count;
}

/* --- looking --- */

/* Of those around an address the last one that was made. */
static const struct made *
find(const struct jit *jit, uint64_t address)
{
	size_t low = 0, high = jit->count, i;
	const struct made *best = NULL, *made;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (jit->made[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	for (i = 0; i < NESTED_MAX && i < low; i++) {
		made = &jit->made[low - 1 - i];
		if (address - made->start < made->size &&
		    (best == NULL || made->order > best->order))
			best = made;
	}
	return best;
}

const char *
jit_at(struct jit *jit, uint64_t address, uint64_t *begin)
{
	const struct made *made;

	if (clock_now(CLOCK_MONOTONIC) - jit->read > FRESH)
		read_file(jit);
	made = find(jit, address);
	if (made == NULL)
		return NULL;
	*begin = made->start;
	return made->name;
}
