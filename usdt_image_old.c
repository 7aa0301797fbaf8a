/*
 * usdt_image_old.c - which image files have had their day?
 *
 * An image stays when its process ends, so that a tracer can attach before the
 * next one starts, and goes on seeing it over restarts.  That holds for one
 * inode only, so removing is rare: what nobody holds beyond the KEEP youngest
 * of a user, and files that a killed process left unfinished.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE		/* F_SETLEASE, F_SETSIG */
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "usdt_internal.h"

#define KEEP		64

/*
 * Does nobody have this file of ours open or mapped, but for FD?  A write
 * lease is granted then only, and holds off new openers until it is given
 * back.  One that comes meanwhile makes the kernel signal us: it is told to
 * use SIGURG, which nobody dies of.  Any doubt means held.
 */
static int
lease(int fd)
{
	return fcntl(fd, F_SETSIG, SIGURG) == 0 &&
	    fcntl(fd, F_SETLEASE, F_WRLCK) == 0;
}

static void
unlease(int fd)
{
	fcntl(fd, F_SETLEASE, F_UNLCK);
}

int
usdt__image_remove_unheld(int dir, const char *name)
{
	int fd, gone = 0;

	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT;
	if (lease(fd)) {
		gone = unlinkat(dir, name, 0) == 0 || errno == ENOENT;
		unlease(fd);
	}
	close(fd);
	return gone;
}

struct found {
	char *path;		/* relative to the directory of images */
	struct timespec time;
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

/* Call VISIT for each entry of a directory. */
static void
each_entry(int at, const char *path,
    void (*visit)(int at, const char *path, void *data), void *data)
{
	char *child = malloc(strlen(path) + 1 + NAME_MAX + 1);
	struct dirent *entry;
	DIR *dir;
	int fd;

	fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir == NULL && fd >= 0)
		close(fd);
	while (child != NULL && dir != NULL && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		sprintf(child, "%s/%s", path, entry->d_name);
		visit(at, child, data);
	}
	if (dir != NULL)
		closedir(dir);
	free(child);
}

struct finds {
	struct found *found;
	size_t count;
};

static void
find_file(int at, const char *path, void *data)
{
	struct finds *finds = data;
	struct found *more;
	struct stat st;

	if (fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode))
		return;
	if (strstr(path, "/~new-") != NULL) {
		usdt__image_remove_unheld(at, path);	/* killed writer */
		return;
	}
	more = realloc(finds->found, (finds->count + 1) * sizeof *more);
	if (more == NULL)
		return;
	finds->found = more;
	more[finds->count].time = st.st_mtim;
	more[finds->count].path = strdup(path);
	if (more[finds->count].path != NULL)
		finds->count++;
}

static void
find_image(int at, const char *path, void *data)
{
	const char *name = strrchr(path, '/') + 1;
	char version[16];

	snprintf(version, sizeof version, "%d-", USDT__LAYOUT);
	if (strncmp(name, version, strlen(version)) == 0)
		each_entry(at, path, find_file, data);
}

static void
find_provider(int at, const char *path, void *data)
{
	each_entry(at, path, find_image, data);
}

void
usdt__images_remove_old(int dir)
{
	struct finds finds = { NULL, 0 };
	size_t i;
	char *slash;

	each_entry(dir, ".", find_provider, &finds);
	if (finds.count > 1)
		qsort(finds.found, finds.count, sizeof *finds.found,
		    older_first);
	for (i = 0; i < finds.count; i++) {
		char *path = finds.found[i].path;

		if (finds.count - i > KEEP &&
		    usdt__image_remove_unheld(dir, path)) {
			usdt__debug("image: removed %s", path + 2);
			while ((slash = strrchr(path, '/')) != NULL &&
			    slash > path + 1) {
				*slash = '\0';
				if (unlinkat(dir, path, AT_REMOVEDIR) < 0)
					break;
			}
		}
		free(path);
	}
	free(finds.found);
}
