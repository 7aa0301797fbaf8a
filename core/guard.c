/*
 * core/guard.c - is this process a forked child that must be mended first?
 *
 * Linux turns some nops of traced probes into calls to a page that only the
 * traced process has, not its children.  A child that fires before its images
 * are renewed (usdt__images_renew) dies.  The fork handler renews them, but a
 * child made by clone() runs no handler.  So the kernel sets a word to 0 in
 * every child, and probes fire only while it is 1.
 *
 *	0	in a child that is not mended, and before the first probe
 *	-1	a thread initialises the child's lock
 *	2	that is done; under the lock, a thread mends the child
 *	1	this process may fire
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/platform.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#if !defined(MADV_WIPEONFORK)
#define MADV_WIPEONFORK	18	/* Linux 4.14 */
#endif

/*
 * A page of its own, in memory without a file, since the kernel wipes no other.
 * (On the processors whose nops become calls a page has 4096 bytes.)
 */
#define PAGE	4096
int32_t usdt__guard[PAGE / sizeof(int32_t)] __attribute__((aligned(PAGE)));
static int wiped;

int
usdt__guard_make(void)
{
	if (usdt__guard_kept())
		return 0;
	if (madvise(usdt__guard, PAGE, MADV_WIPEONFORK) == 0)
		__atomic_store_n(&wiped, 1, __ATOMIC_RELEASE);
	else if (errno != EINVAL)	/* EINVAL: old kernels make no calls */
		return errno;
	return 0;
}

void
usdt__guard_renew(void)
{
	usdt__guard[1] = (int32_t)getpid();
	__atomic_store_n(&usdt__guard[0], 1, __ATOMIC_RELEASE);
}

int
usdt__guard_kept(void)
{
	return __atomic_load_n(&wiped, __ATOMIC_ACQUIRE);
}

int
usdt__guard_claim(void)
{
	return usdt__claim(&usdt__guard[0], -1, 1, 2);
}

void
usdt__guard_claimed(void)
{
	__atomic_store_n(&usdt__guard[0], 2, __ATOMIC_RELEASE);
}
