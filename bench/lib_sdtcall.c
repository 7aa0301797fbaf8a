/*
 * lib_sdtcall.c - a compiled-in probe in a function of its own.
 *
 * After a trap some processors mispredict the next return instruction, in any
 * function: a probe in a loop that never returns hides that.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define PROVIDER	sdtcall
#include "compiled_in.h"

#define FUNCTION(name) \
	__attribute__((noinline)) static void \
	fire_##name(void) \
	{ \
		FIRE_##name; \
	}
FUNCTION(n0)
FUNCTION(n2)
FUNCTION(n6)
FUNCTION(ns)

#define SITE(name)	fire_##name()

LIBRARY(SITE)
