/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef FCNTL_H
#define FCNTL_H
#define O_RDWR	2
#if defined(__sun)
#define O_CLOEXEC	0x800000
#elif defined(__APPLE__)
#define O_CLOEXEC	0x1000000
#else
#define O_CLOEXEC	0x100000
#endif
int open(const char *path, int flags, ...);
#endif
