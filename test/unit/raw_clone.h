/*
 * raw_clone.h - how is a child made by the system call alone?
 *
 * The C library does not know of such a child: it runs no fork handlers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef RAW_CLONE_H
#define RAW_CLONE_H

#include <signal.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* Returns like fork. */
static inline pid_t
raw_clone(void)
{
#if defined(__s390x__)		/* its first argument is the stack */
	return (pid_t)syscall(SYS_clone, 0, SIGCHLD, 0, 0, 0);
#else
	return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
#endif
}

#endif
