/*
 * lib_sdt5.c - the same with a nop of five bytes, which a compiled-in probe can't
 * have (it would destroy its function's red zone; this file is compiled without
 * one): what this kernel and processor can do at best.
 */
#define PROVIDER	sdt5
#include "compiled_in.h"

__asm__(".macro nop_of_5_bytes\n.byte 0x0f, 0x1f, 0x44, 0, 0\n.endm");
#undef _SDT_NOP
#define _SDT_NOP nop_of_5_bytes

#define SITE(name)	FIRE_##name

LIBRARY(SITE)
