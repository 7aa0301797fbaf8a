/*
 * error_kinds.c - does an error code say what kind of failure it was?
 *
 * A system call may fail with any errno, which says nothing about the size of a
 * provider or about malloc.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "tap.h"
#include "scratch.h"
#include "core/provider.h"

static int refusal;		/* an errno for the two functions below, or 0 */

/* In place of libc's: creating files and memfds fails. */
int
linkat(int from, const char *path, int to, const char *as, int flags)
{
	if (refusal != 0) {
		errno = refusal;
		return -1;
	}
	return (int)syscall(SYS_linkat, from, path, to, as, flags);
}

int
memfd_create(const char *name, unsigned flags)
{
	if (refusal != 0) {
		errno = refusal;
		return -1;
	}
	return (int)syscall(SYS_memfd_create, name, flags);
}

int
main(void)
{
	static const int errors[] = { E2BIG, ENOMEM, EPERM };
	static const char begins[] = "failed to place the probe image: ";
	usdt_provider_t *p = usdt_create_provider("kinds", "m");
	usdt_probedef_t *probe = usdt_create_probe("f", "n", 0, NULL);
	size_t i;

	scratch_begin();
	if (usdt__stub_count == 0) {
		skip("the library has no stubs for this processor");
		return done_testing();
	}
	usdt_provider_add_probe(p, probe);
	for (i = 0; i < sizeof errors / sizeof errors[0]; i++) {
		refusal = errors[i];
		is_int(usdt_provider_enable(p), -1, "no place for an image: "
		    "%s", usdt__strerror(refusal));
		ok(strncmp(usdt_errstr(p), begins, strlen(begins)) == 0,
		    "%s", usdt_errstr(p));
	}
	refusal = 0;
	is_int(usdt_provider_enable(p), 0, "later there is one");
	usdt_provider_free(p);
	usdt_probe_release(probe);
	return done_testing();
}
