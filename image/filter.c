/*
 * image/filter.c - may this thread make system calls?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "image/image.h"

#include <errno.h>
#include <sys/prctl.h>

#define ANSWER_AGE	10000000	/* after which a thread asks again */

/* The question is a system call, too; but filters that allow no other of ours may
 * allow this one. */
int
usdt__is_filtered(void)
{
	int mode = prctl(PR_GET_SECCOMP, 0, 0, 0, 0);

	return mode > 0 || (mode < 0 && errno != EINVAL);
}

int
usdt__ring_may_call(struct usdt__writer *writer)
{
	const uint64_t now = usdt__ring_time();
	int error = errno;

	if (now - writer->allowed >= ANSWER_AGE)
		writer->allowed = usdt__is_filtered() ? 0 : now;
	errno = error;
	return writer->allowed != 0;
}
