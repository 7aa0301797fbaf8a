/* libraries.c - which libraries are compared?  BENCHED in the Makefile names
 * them: X(usdt) X(sdt) ... */
/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench.h"

#define X(name)	extern const struct library name;
BENCHED
#undef X
#define X(name)	&name,
const struct library *const libraries[] = { BENCHED NULL };
