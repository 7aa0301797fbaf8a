/*
 * opened_files.c - which files does a program open?
 *
 * For LD_PRELOAD: each open() adds a line to the file $OPENED: "held NAME" with
 * O_PATH, which opens nothing, else "opened NAME FILE", where FILE is what NAME
 * led to.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The functions by these names, whatever <fcntl.h> defines them as. */
int opened(const char *name, int flags, ...) __asm__("open");
int opened64(const char *name, int flags, ...) __asm__("open64");

static int
tell(const char *name, int flags, int mode)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, name, flags, mode);
	int error = errno, n;
	const char *path = getenv("OPENED");
	char link[40], file[4096] = "";
	FILE *log = path == NULL ? NULL : fopen(path, "ae");

	if (fd >= 0 && !(flags & O_PATH)) {
		snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
		n = (int)readlink(link, file + 1, sizeof file - 2);
		file[0] = n > 0 ? ' ' : '\0';
	}
	if (log != NULL) {
		fprintf(log, "%s %s%s\n", flags & O_PATH ? "held" : "opened",
		    name, file);
		fclose(log);
	}
	errno = error;
	return fd;
}

#define OPEN(function) \
int \
function(const char *name, int flags, ...) \
{ \
	va_list args; \
	int mode; \
\
	va_start(args, flags); \
	mode = flags & O_CREAT ? va_arg(args, int) : 0; \
	va_end(args); \
	return tell(name, flags, mode); \
}

OPEN(opened)
OPEN(opened64)
