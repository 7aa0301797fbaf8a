/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONSUMER_FCNTL_H
#define CONSUMER_FCNTL_H
#include_next <fcntl.h>
#define O_WRONLY	1
#define O_APPEND	8
#define F_SETFD	2
#define FD_CLOEXEC	1
#if defined(__sun)
#define F_DUPFD_CLOEXEC	37
#elif defined(__APPLE__)
#define F_DUPFD_CLOEXEC	67
#else
#define F_DUPFD_CLOEXEC	17
#endif
int fcntl(int fd, int command, ...);
#endif
