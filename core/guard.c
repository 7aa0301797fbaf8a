/*
 * core/guard.c - is this process a forked child that is not mended yet?
 *
 * Linux turns some nops of traced probes into calls, to a page that it gives
 * to the traced process and to none of its children: a child that fires before
 * its images have been renewed (usdt__images_renew) dies.  The handler of fork
 * renews them, but a child that comes by clone() runs no handler.  So the
 * kernel sets a word to 0 in every child, and a probe with such a nop fires only
 * while the word is 1.
 *
 *	0	in a child that is not mended, and before the first probe
 *	-1	a thread makes a new lock for the child
 *	2	the lock is made; under it, the child is being mended
 *	1	this process may fire
 */
#include "core/platform.h"

#include <errno.h>
#include <sys/mman.h>

#if !defined(MADV_WIPEONFORK)
#define MADV_WIPEONFORK	18	/* Linux 4.14 */
#endif

/*
 * A page of its own, of memory that has no file: only such can be wiped.  (On
 * the processors whose nops become calls a page has 4096 bytes.)
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
	else if (errno != EINVAL)	/* EINVAL: too old to make calls */
		return errno;
	return 0;
}

void
usdt__guard_renew(void)
{
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
