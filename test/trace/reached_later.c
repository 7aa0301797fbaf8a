/*
 * reached_later.c - a kernel and a /proc that tell a tracer less.
 *
 * To be preloaded.  With ONE_LOOK=1 the first look at /proc finds processes, and
 * later ones find none.  With NO_MAPS=1 perf events do not tell what processes
 * map, and maps have lines, but answer no questions.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

int
scandir(const char *name, struct dirent ***entries,
    int (*filter)(const struct dirent *),
    int (*order)(const struct dirent **, const struct dirent **))
{
	static int looks;
	int (*real)(const char *, struct dirent ***,
	    int (*)(const struct dirent *),
	    int (*)(const struct dirent **, const struct dirent **));

	if (getenv("ONE_LOOK") != NULL && strcmp(name, "/proc") == 0 &&
	    looks++ > 0) {
		*entries = malloc(1);
		return 0;
	}
	*(void **)&real = dlsym(RTLD_NEXT, "scandir");
	return real(name, entries, filter, order);
}

long
syscall(long number, ...)
{
	long (*real)(long, ...), words[6];
	va_list list;
	int i;

	va_start(list, number);
	for (i = 0; i < 6; i++)
		words[i] = va_arg(list, long);
	va_end(list);
	if (getenv("NO_MAPS") != NULL && number == SYS_perf_event_open &&
	    ((struct perf_event_attr *)words[0])->mmap2) {
		errno = EACCES;
		return -1;
	}
	*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	return real(number, words[0], words[1], words[2], words[3], words[4],
	    words[5]);
}

int
ioctl(int fd, unsigned long request, ...)
{
	long (*real)(long, ...);
	va_list list;
	long argument;

	va_start(list, request);
	argument = va_arg(list, long);
	va_end(list);
	if (getenv("NO_MAPS") != NULL && _IOC_TYPE(request) == 'f' &&
	    _IOC_NR(request) == 17) {
		errno = ENOTTY;
		return -1;
	}
	*(void **)&real = dlsym(RTLD_NEXT, "syscall");
	return (int)real(SYS_ioctl, (long)fd, (long)request, argument);
}
