/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SIGNAL_H
#define SIGNAL_H
#include <sys/types.h>
typedef int sig_atomic_t;
typedef struct { unsigned bits[4]; } sigset_t;
struct sigaction {
	void (*sa_handler)(int);
	sigset_t sa_mask;
	int sa_flags;
};
#define SIG_IGN	((void (*)(int))1)
#define SIGHUP	1
#define SIGINT	2
#define SIGKILL	9
#define SIGPIPE	13
#define SIGTERM	15
void (*signal(int number, void (*handler)(int)))(int);
int sigaction(int number, const struct sigaction *action, struct sigaction *old);
int sigemptyset(sigset_t *set);
int kill(pid_t pid, int number);
#endif
