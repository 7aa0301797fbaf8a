/*
 * image/clock.c - by which clock do events have their time?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "image/image.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

uint64_t
usdt__ring_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

#define CLOCKSOURCE \
	"/sys/devices/system/clocksource/clocksource0/current_clocksource"

/* Does the kernel itself tell the time by the processor's counter, and may
 * this process read it? */
static uint32_t
choose_clock(void)
{
	char name[32] = "";
	int may = PR_TSC_ENABLE;
	long fd, n;

	if (prctl(PR_GET_TSC, &may) == 0 && may != PR_TSC_ENABLE)
		return USDT__CLOCK_MONOTONIC;
	fd = syscall(SYS_openat, AT_FDCWD, CLOCKSOURCE,
	    O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		n = syscall(SYS_read, fd, name, sizeof name - 1);
		syscall(SYS_close, fd);
		if (n > 0)
			name[strcspn(name, "\n")] = '\0';
	}
	return usdt__counter_is_steady(name) ? USDT__CLOCK_COUNTER :
	    USDT__CLOCK_MONOTONIC;
}

uint32_t
usdt__ring_clock(void)
{
	static uint32_t known;		/* 0: not yet */
	uint32_t clock = __atomic_load_n(&known, __ATOMIC_RELAXED);

	if (clock == 0) {
		clock = choose_clock();
		__atomic_store_n(&known, clock, __ATOMIC_RELAXED);
	}
	return clock;
}
