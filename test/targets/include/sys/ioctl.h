/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SYS_IOCTL_H
#define SYS_IOCTL_H
#if defined(__sun)
int ioctl(int fd, int request, ...);
#else
int ioctl(int fd, unsigned long request, ...);
#endif
#endif
