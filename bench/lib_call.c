/* lib_call.c - a call of an empty function, for comparison */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench.h"

__attribute__((noinline)) static void
nothing(void)
{
	__asm__ volatile("");
}

static void
checked(enum kind kind, long times)
{
	(void)kind;
	for (; times > 0; times--)
		nothing();
}

const struct library call = {
	"call", NULL, NULL, NULL, NULL, checked, NULL, NULL
};
