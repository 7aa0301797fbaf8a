/*
 * lib_sdt5.c - the same with a nop of five bytes, the best that this kernel and
 * processor can do.  Compiled-in probes can't have it, since it would destroy
 * their function's red zone; this file is compiled without one.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define PROVIDER	sdt5
#include "compiled_in.h"

__asm__(".macro nop_of_5_bytes\n.byte 0x0f, 0x1f, 0x44, 0, 0\n.endm");
#undef _SDT_NOP
#define _SDT_NOP nop_of_5_bytes

#define SITE(name)	FIRE_##name

LIBRARY(SITE)
