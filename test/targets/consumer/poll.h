/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef POLL_H
#define POLL_H
struct pollfd {
	int fd;
	short events, revents;
};
#define POLLIN	1
#define POLLOUT	4
#define POLLERR	8
#define POLLHUP	16
int poll(struct pollfd *fds, unsigned long count, int timeout);
#endif
