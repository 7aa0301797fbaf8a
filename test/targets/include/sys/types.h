/* Their sizes: Solaris has longs, FreeBSD's time is an int on i386. */
/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SYS_TYPES_H
#define SYS_TYPES_H
#include <stddef.h>
typedef long ssize_t;
#if defined(__sun) && !defined(__LP64__)
typedef long pid_t;
#else
typedef int pid_t;
#endif
typedef unsigned uid_t;
typedef unsigned gid_t;
#if defined(__FreeBSD__) && defined(__i386__)
typedef int time_t;
#else
typedef long time_t;
#endif
#if defined(__sun) || defined(__LP64__)
typedef long off_t;
#else
typedef long long off_t;
#endif
#endif
