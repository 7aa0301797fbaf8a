/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SYS_MMAN_H
#define SYS_MMAN_H
#include <sys/types.h>
#define PROT_READ	1
#define PROT_WRITE	2
#define PROT_EXEC	4
#define MAP_PRIVATE	2
#if defined(__sun)
#define MAP_ANON	0x100
#else
#define MAP_ANON	0x1000
#endif
#define MAP_FAILED	((void *)-1)
void *mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset);
int mprotect(void *at, size_t size, int prot);
int munmap(void *at, size_t size);
#endif
