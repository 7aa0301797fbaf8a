/*
 * usdt_guard.c - is this process a forked child that nobody has mended yet?
 *
 * Linux turns some nops of traced probes into calls, to a page that it gives
 * to the traced process and to none of its children: a child that fires before
 * its images have been renewed (usdt__images_renew) dies.  The handler of fork
 * renews them, but not every child comes by fork(): who calls clone() himself
 * runs no handlers.  So there is a word that the kernel sets to 0 in whatever
 * child there is, and a probe with such a nop does not fire while it is 0.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "usdt_internal.h"

#if !defined(MADV_WIPEONFORK)
#define MADV_WIPEONFORK	18	/* Linux 4.14 */
#endif

static const uint32_t always = 1;
static uint32_t *page;			/* NULL: no guard is needed */
const uint32_t *usdt__guard = &always;

static size_t
page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

int
usdt__guard_make(void)
{
	void *new;

	if (page != NULL)
		return 0;
	new = mmap(NULL, page_size(), PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (new == MAP_FAILED)
		return errno;
	if (madvise(new, page_size(), MADV_WIPEONFORK) < 0 &&
	    errno != EINVAL) {	/* EINVAL: too old to make calls of nops */
		int error = errno;

		munmap(new, page_size());
		return error;
	}
	page = new;
	usdt__guard_renew();
	__atomic_store_n(&usdt__guard, page, __ATOMIC_RELEASE);
	return 0;
}

void
usdt__guard_renew(void)
{
	if (page != NULL)
		__atomic_store_n(page, 1, __ATOMIC_RELEASE);
}

void
usdt__guard_drop(void)
{
	if (page == NULL)
		return;
	__atomic_store_n(&usdt__guard, &always, __ATOMIC_RELEASE);
	munmap(page, page_size());
	page = NULL;
}
