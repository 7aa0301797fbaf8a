/*
 * long_file_names.c - what if a directory of images has names longer than
 * NAME_MAX?
 *
 * Linux' own file systems have none, but FUSE and others may.  This program's
 * own readdir(), which the library calls, returns one before all real entries.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64	/* entries of the library's width */
#endif
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tap.h"
#include "scratch.h"
#include "core/provider.h"

/* The functions by these names, whatever <dirent.h> defines them as. */
struct dirent *read_one(DIR *dir) __asm__("readdir");
struct dirent *read_one64(DIR *dir) __asm__("readdir64");

#define LONG	1000		/* bytes in that name */
#define DEPTH	4

static int long_names;		/* long names returned */

/* What is open, outermost first. */
static struct listing {
	DIR *dir;
	char entries[4096];	/* as the kernel returns them */
	long at, end;
} open_dirs[DEPTH];
static int depth;

union entry {
	struct dirent entry;
	char bytes[sizeof(struct dirent) + LONG];
};

/* As in the kernel's linux_dirent64. */
struct kernel_entry {
	uint64_t inode;
	int64_t offset;
	unsigned short size;
	unsigned char type;
	char name[];
};

static struct dirent *
name_it(union entry *out, const char *name, size_t length)
{
	memset(out, 0, sizeof *out);
	/* By address: compilers believe that d_name has 256 bytes. */
	memcpy(out->bytes + offsetof(struct dirent, d_name), name, length);
	return &out->entry;
}

static struct dirent *
next_entry(DIR *dir)
{
	static union entry given[DEPTH];
	struct listing *l = depth > 0 ? &open_dirs[depth - 1] : NULL;
	struct kernel_entry *e;
	char name[LONG];

	if (l == NULL || l->dir != dir) {
		if (depth == DEPTH)
			return NULL;
		l = &open_dirs[depth++];
		l->dir = dir;
		l->at = l->end = 0;
		memset(name, 'A', sizeof name);
		long_names++;
		return name_it(&given[depth - 1], name, sizeof name);
	}
	if (l->at >= l->end) {
		l->at = 0;
		l->end = syscall(SYS_getdents64, dirfd(dir), l->entries,
		    sizeof l->entries);
		if (l->end <= 0) {
			depth--;
			return NULL;
		}
	}
	e = (struct kernel_entry *)(void *)(l->entries + l->at);
	l->at += e->size;
	return name_it(&given[depth - 1], e->name, strlen(e->name));
}

struct dirent *
read_one(DIR *dir)
{
	return next_entry(dir);
}

struct dirent *
read_one64(DIR *dir)
{
	return next_entry(dir);
}

static int told;

static void
tell(void *data, const char *path, uint64_t bytes, int gone)
{
	(void)bytes;
	(void)data;
	(void)gone;		/* emulators support no leases */
	told += strstr(path, "AAAA") == NULL;
}

/* An image that nobody holds. */
static int
leave_image(void)
{
	usdt_provider_t *p = usdt_create_provider("left", "m");
	usdt_probedef_t *def = usdt_create_probe("f", "n", 0, NULL);
	int result = p != NULL && def != NULL &&
	    usdt_provider_add_probe(p, def) == 0 &&
	    usdt_provider_enable(p) == 0;

	usdt_probe_release(def);
	usdt_provider_free(p);
	return result;
}

int
main(void)
{
	const struct usdt__clean all = { .tell = tell };
	int fd;

	scratch_begin();
	if (!usdt__native_platform()->image || usdt__stub_count == 0) {
		skip("no images here");
		return done_testing();
	}
	ok(leave_image(), "an image is left");
	long_names = 0;
	fd = open(scratch, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	usdt__images_clean(fd, &all);
	close(fd);
	is_int(long_names, 3, "each directory had a name of %d bytes", LONG);
	is_int(told, 1, "the image between them is found");
	return done_testing();
}
