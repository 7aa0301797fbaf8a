/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNISTD_H
#define UNISTD_H
#include <stddef.h>
#include <sys/types.h>
#define STDERR_FILENO	2
#if defined(__sun)
#define _SC_PAGESIZE	11
#elif defined(__APPLE__)
#define _SC_PAGESIZE	29
#else
#define _SC_PAGESIZE	47
#endif
#define F_OK	0
int access(const char *path, int mode);
int close(int fd);
ssize_t write(int fd, const void *bytes, size_t size);
pid_t getpid(void);
long sysconf(int name);
#if defined(__sun) || defined(__FreeBSD__) || defined(__APPLE__)
int issetugid(void);
#else	/* a system that the library does not know */
uid_t getuid(void);
uid_t geteuid(void);
gid_t getgid(void);
gid_t getegid(void);
#endif
#endif
