/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONSUMER_UNISTD_H
#define CONSUMER_UNISTD_H
#include_next <unistd.h>
extern char *optarg;
extern int optind;
int getopt(int argc, char *const argv[], const char *letters);
ssize_t read(int fd, void *bytes, size_t size);
int dup(int fd);
int dup2(int from, int to);
int pipe(int fds[2]);
pid_t fork(void);
pid_t getppid(void);
void _exit(int status);
#endif
