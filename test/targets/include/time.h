/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TIME_H
#define TIME_H
#include <sys/types.h>
struct timespec {
	time_t tv_sec;
	long tv_nsec;
};
#if defined(__APPLE__)
typedef enum { CLOCK_MONOTONIC = 6 } clockid_t;
#else
typedef int clockid_t;
#define CLOCK_MONOTONIC	4
#endif
int clock_gettime(clockid_t clock, struct timespec *now);
int nanosleep(const struct timespec *time, struct timespec *left);
#endif
