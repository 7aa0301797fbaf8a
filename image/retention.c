/*
 * image/retention.c - which image files may go?
 *
 * An image stays when its process ends, so that a tracer can attach before the
 * next process starts, and goes on tracing over restarts.  A tracer is attached
 * to one inode, so the library removes little: images that no process holds,
 * beyond the KEEP youngest of a user or beyond KEEP_BYTES, and unfinished files
 * of killed processes.  The youngest image that no process holds stays, however
 * large.  `usdt clean` keeps none.
 *
 * Looking for images takes longer than all else in the life of an image.  So a
 * process looks after its first file, and then after EVERY more files or
 * EVERY_BYTES more.  If it found more than that held, it waits for as many
 * instead, since it would probably find them held again.  A process with many
 * names may leave a few images more than KEEP.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "image/image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define KEEP		64
#define KEEP_BYTES	(16 << 20)
#define EVERY		16
#define EVERY_BYTES	(4 << 20)

unsigned usdt__image_files;

/* How much this process makes between two looks, and how much it has made. */
static unsigned files_between;
static uint64_t bytes_between, bytes_made;

/*
 * Is FD the only descriptor of this file of ours, and does no process map it?
 * The kernel grants a write lease only then.  A process that opens the file
 * waits until the lease ends, and the kernel signals us.  The signal is set to
 * SIGURG, which ends no process.  In any doubt the file counts as held.
 *
 * An overlay, which containers use, grants leases even on a mapped file, since
 * processes map the file of the layer below.  So all files there count as held,
 * unless the caller looks at the mappings of all processes.
 */
#define OVERLAY	0x794c7630

/* Do leases show nothing on this file system?  1 also if this is unknown. */
static int
is_overlay(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) < 0 || fs.f_type == OVERLAY;
}

static int
lease(int fd)
{
	return !is_overlay(fd) && fcntl(fd, F_SETSIG, SIGURG) == 0 &&
	    fcntl(fd, F_SETLEASE, F_WRLCK) == 0;
}

static void
unlease(int fd)
{
	fcntl(fd, F_SETLEASE, F_UNLCK);
}

int
usdt__image_is_unheld(int fd)
{
	int result = lease(fd);

	if (result)
		unlease(fd);
	return result;
}

/* The same of DIR/NAME.  REMOVE: remove it under the lease. */
static int
unheld(int dir, const char *name, int remove)
{
	int fd, result = 0;

	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT;
	if (lease(fd)) {
		result = !remove || unlinkat(dir, name, 0) == 0 ||
		    errno == ENOENT;
		unlease(fd);
	}
	close(fd);
	return result;
}

int
usdt__image_remove_unheld(int dir, const char *name)
{
	return unheld(dir, name, 1);
}

struct found {
	char *path;		/* relative to the directory of images */
	struct timespec time;
	uint64_t bytes;
	int surplus;		/* unheld, and beyond keep_bytes */
};

struct finds {
	const struct usdt__clean *clean;
	struct found *found;
	size_t count;
	uint64_t bytes;		/* of all found */
	size_t seen;		/* entries of the present directory */
};

static int
older_first(const void *a, const void *b)
{
	const struct timespec *x = &((const struct found *)a)->time;
	const struct timespec *y = &((const struct found *)b)->time;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return x->tv_nsec < y->tv_nsec ? -1 : x->tv_nsec > y->tv_nsec;
}

/* PATH/NAME, to be freed, or NULL. */
static char *
join(const char *path, const char *name)
{
	size_t n = strlen(path), size = strlen(name) + 1;
	char *joined = malloc(n + 1 + size);

	if (joined != NULL) {
		memcpy(joined, path, n);
		joined[n] = '/';
		memcpy(joined + n + 1, name, size);
	}
	return joined;
}

/* Call VISIT for each entry of a directory.  Names may be longer than NAME_MAX,
 * for example on FUSE. */
static void
each_entry(int at, const char *path,
    void (*visit)(int at, const char *path, void *data), void *data)
{
	struct dirent *entry;
	char *child;
	DIR *dir;
	int fd;

	fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir == NULL && fd >= 0)
		close(fd);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		child = join(path, entry->d_name);
		if (child != NULL)
			visit(at, child, data);
		free(child);
	}
	if (dir != NULL)
		closedir(dir);
}

/* --- what was found ----------------------------------------------------- */

static void
tell(const struct usdt__clean *clean, const char *path, uint64_t bytes,
    int gone)
{
	if (clean->tell != NULL)
		clean->tell(clean->data, path + 2, bytes, gone);
}

/* Remove a file that no process holds, or only say so. */
static int
clean_file(const struct usdt__clean *clean, int at, const char *path,
    uint64_t bytes)
{
	int gone = unheld(at, path, !clean->only_say);

	if (!gone && clean->is_mapped != NULL && is_overlay(at) &&
	    !clean->is_mapped(clean->data, path + 2))
		gone = clean->only_say || unlinkat(at, path, 0) == 0;
	tell(clean, path, bytes, gone);
	return gone;
}

/* Remove the directory and the one above it, if they are empty. */
static void
clean_dirs(const struct usdt__clean *clean, int at, char *path)
{
	char *slash;

	do {
		if (clean->only_say || unlinkat(at, path, AT_REMOVEDIR) < 0)
			return;
		slash = strrchr(path, '/');
		*slash = '\0';
	} while (slash > path + 1);
}

/* Does it look like the library's own?  All else stays untouched. */
static int
is_ours(const struct stat *st, mode_t type, mode_t mode)
{
	return (st->st_mode & S_IFMT) == type && st->st_uid == geteuid() &&
	    (st->st_mode & 07777 & ~mode) == 0;
}

static void
find_file(int at, const char *path, void *data)
{
	struct finds *finds = data;
	struct found *more;
	struct stat st;

	finds->seen++;
	if (fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !is_ours(&st, S_IFREG, 07777))
		return;
	if (strncmp(strrchr(path, '/'), "/~new-", 6) == 0) {
		if (clean_file(finds->clean, at, path,	/* unfinished */
		    (uint64_t)st.st_size))
			finds->seen--;
		return;
	}
	if (!is_ours(&st, S_IFREG, 0600))
		return;
	more = realloc(finds->found, (finds->count + 1) * sizeof *more);
	if (more == NULL)
		return;
	finds->found = more;
	more[finds->count].time = st.st_mtim;
	more[finds->count].bytes = (uint64_t)st.st_size;
	more[finds->count].surplus = 0;
	finds->bytes += (uint64_t)st.st_size;
	more[finds->count].path = strdup(path);
	if (more[finds->count].path != NULL)
		finds->count++;
}

/* Is it LAYOUT-HASH or LAYOUT-HASH.SIBLING? */
static int
is_image_dir(const char *name, int every_layout)
{
	char version[16];
	size_t digits = strspn(name, "0123456789");

	snprintf(version, sizeof version, "%d-", USDT__LAYOUT);
	if (!every_layout && strncmp(name, version, strlen(version)) != 0)
		return 0;
	if (digits == 0 || name[digits] != '-')
		return 0;
	name += digits + 1;
	if (strspn(name, "0123456789abcdef") != 16)
		return 0;
	name += 16;
	return *name == '\0' || (*name == '.' && name[1] != '\0' &&
	    name[1 + strspn(name + 1, "0123456789")] == '\0');
}

/* Find the files of an image's directory.  Remove an empty one, which a killed
 * process left. */
static void
find_image(int at, const char *path, void *data)
{
	struct finds *finds = data;
	const char *name = strrchr(path, '/') + 1;
	size_t seen = finds->seen + 1;

	if (is_image_dir(name, finds->clean->every_layout)) {
		finds->seen = 0;
		each_entry(at, path, find_file, finds);
		if (finds->seen == 0 && !finds->clean->only_say &&
		    unlinkat(at, path, AT_REMOVEDIR) == 0)
			seen--;
	}
	finds->seen = seen;
}

static void
find_provider(int at, const char *path, void *data)
{
	struct finds *finds = data;
	struct stat st;

	if (fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !is_ours(&st, S_IFDIR, S_ISGID | 0700))
		return;
	finds->seen = 0;
	each_entry(at, path, find_image, finds);
	if (finds->seen == 0 && finds->clean->empty &&
	    !finds->clean->only_say)
		unlinkat(at, path, AT_REMOVEDIR);
}

/* Of the unheld files among the youngest: which go because of their size? */
static void
find_surplus(struct finds *finds, int dir)
{
	size_t i, oldest = finds->count > finds->clean->keep ?
	    finds->count - finds->clean->keep : 0;
	uint64_t bytes = 0;

	for (i = finds->count; i-- > oldest; ) {
		struct found *found = &finds->found[i];
		int youngest = bytes == 0;

		if (!unheld(dir, found->path, 0))
			continue;
		bytes += found->bytes;
		found->surplus = !youngest && bytes > finds->clean->keep_bytes;
	}
}

void
usdt__images_clean(int dir, const struct usdt__clean *clean)
{
	struct finds finds = { .clean = clean };
	size_t i;

	each_entry(dir, ".", find_provider, &finds);
	if (finds.count > 1)
		qsort(finds.found, finds.count, sizeof *finds.found,
		    older_first);
	if (finds.bytes > clean->keep_bytes && clean->keep > 0)
		find_surplus(&finds, dir);
	for (i = 0; i < finds.count; i++) {
		char *path = finds.found[i].path;

		if ((finds.found[i].surplus ||
		    finds.count - i > clean->keep) &&
		    clean_file(clean, dir, path, finds.found[i].bytes)) {
			*strrchr(path, '/') = '\0';
			clean_dirs(clean, dir, path);
		}
		free(path);
	}
	free(finds.found);
}

/* Files that processes hold. */
struct held {
	unsigned files;
	uint64_t bytes;
};

static void
tell_removed(void *data, const char *path, uint64_t bytes, int gone)
{
	struct held *held = data;

	if (!gone) {
		held->files++;
		held->bytes += bytes;
	} else if (strstr(path, "/~new-") == NULL) {
		usdt__debug("image: removed %s", path);
	}
}

void
usdt__images_remove_old(int dir, uint64_t bytes)
{
	struct held held = { 0, 0 };
	const struct usdt__clean old = {
		.keep = KEEP,
		.keep_bytes = KEEP_BYTES,
		.tell = tell_removed,
		.data = &held
	};

	bytes_made += bytes;
	if (usdt__image_files > 0 && usdt__image_files < files_between &&
	    bytes_made < bytes_between) {
		usdt__image_files++;
		return;
	}
	usdt__images_clean(dir, &old);
	usdt__image_files = 1;
	files_between = held.files > EVERY ? held.files : EVERY;
	bytes_made = 0;
	bytes_between = held.bytes > EVERY_BYTES ? held.bytes : EVERY_BYTES;
}
