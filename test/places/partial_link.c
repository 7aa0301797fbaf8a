/*
 * partial_link.c - what if a program has the library, and a shared object that
 * it is linked with has a copy of its own?
 *
 * Linked with -rdynamic, with the library and with partial_link_so.c.  Of the
 * library the program itself needs a few calls only.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>

#include "partial_link.h"

int
main(void)
{
	usdt_error(NULL, USDT_ERROR_NOPROBES);
	printf("%s\n", half_status());
	printf("%s\n", usdt_errstr(NULL));
	printf("fired 10 seen %d\n", half_fire(10));
	return 0;
}
