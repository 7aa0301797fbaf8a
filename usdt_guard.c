/*
 * usdt_guard.c - is this process a forked child that nobody has mended yet?
 *
 * Linux turns some nops of traced probes into calls, to a page that it gives
 * to the traced process and to none of its children: a child that fires before
 * its images have been renewed (usdt__images_renew) dies.  The handler of fork
 * renews them, but not every child comes by fork(): who calls clone() himself
 * runs no handlers.  So there is a word that the kernel sets to 0 in whatever
 * child there is, and a probe with such a nop does not fire while it is 0.  Who
 * takes the lock asks that word, too, where it is kept.
 */
#include <errno.h>
#include <sys/mman.h>

#include "usdt_internal.h"

#if !defined(MADV_WIPEONFORK)
#define MADV_WIPEONFORK	18	/* Linux 4.14 */
#endif

/*
 * A page of its own, of memory that has no file: only such can be wiped.  (On
 * the processors whose nops become calls a page has 4096 bytes.)
 */
#define PAGE	4096
int32_t usdt__guard[PAGE / sizeof(int32_t)] __attribute__((aligned(PAGE)));
static int32_t wiped;

int
usdt__guard_make(void)
{
	if (usdt__load(&wiped))
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
usdt__guard_renewed_here(void)
{
	return usdt__load(&wiped) &&
	    __atomic_load_n(&usdt__guard[0], __ATOMIC_ACQUIRE);
}
