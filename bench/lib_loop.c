/* lib_loop.c - the empty loop, which is part of all other figures */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench.h"

static void
checked(enum kind kind, long times)
{
	(void)kind;
	for (; times > 0; times--)
		__asm__ volatile("");
}

const struct library loop = {
	"loop", NULL, NULL, NULL, NULL, checked, NULL, NULL
};
