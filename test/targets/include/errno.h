/* The places of errno and the numbers that the library tells apart. */
/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ERRNO_H
#define ERRNO_H
#if defined(__sun)
extern int *___errno(void);
#define errno	(*___errno())
#else
extern int *__error(void);
#define errno	(*__error())
#endif
#define ENOENT	2
#define EINTR	4
#define ENXIO	6
#define E2BIG	7
#define ENOMEM	12
#define EBUSY	16
#define EEXIST	17
#define ENODEV	19
#define EINVAL	22
#define ENOSPC	28
#if defined(__sun)
#define ENOSYS	89
#else
#define ENOSYS	78
#endif
#endif
