/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SYS_WAIT_H
#define SYS_WAIT_H
#include <sys/types.h>
#define WIFEXITED(s)	(((s) & 0x7f) == 0)
#define WEXITSTATUS(s)	((s) >> 8 & 0xff)
#define WTERMSIG(s)	((s) & 0x7f)
pid_t waitpid(pid_t pid, int *status, int options);
#endif
