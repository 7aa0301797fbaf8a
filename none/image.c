/*
 * none/image.c - what takes the place of the rooms that only Linux has?
 *
 * Systems whose row has no images compile this instead of image/,
 * core/by_image.c, core/guard.c and core/turn.c.  They have one kind of nop,
 * and nothing to mend in children.  Copies of the library there do not know
 * each other.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/provider.h"

#include <errno.h>

int32_t usdt__guard[] = { 1 };

void
usdt__guard_renew(void)
{
}

int
usdt__guard_make(void)
{
	return 0;
}

int
usdt__guard_kept(void)
{
	return 0;
}

int
usdt__guard_claim(void)
{
	return 0;
}

void
usdt__guard_claimed(void)
{
}

const struct usdt__stub *
usdt__stub_choose(int typed)
{
	uint32_t i;

	(void)typed;		/* only images have such stubs */
	for (i = 0; i < usdt__stub_count; i++)
		if (usdt__stubs[i].answer ==
		    usdt__native_platform()->isenabled)
			return &usdt__stubs[i];	/* the smallest comes first */
	return NULL;
}

int
usdt__turn_take(enum usdt__turn which, int *alone)
{
	(void)which;
	*alone = 0;
	errno = ENOSYS;
	return -1;
}

void
usdt__turn_give(int turn)
{
	(void)turn;
}

const struct usdt__delivery *
usdt__delivery(void)
{
	return &usdt__by_pages;
}

usdt__recorder *
usdt__recorder_for(const struct usdt_probe *probe, int vouched)
{
	(void)probe;		/* no image has readers of direct events */
	(void)vouched;
	return NULL;
}
