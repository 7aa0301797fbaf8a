# usdt_tracepoints_ppc64.s - what does a tracer see on PowerPC with 64 bits?
#
# Of the systems with such processors that the library knows, only macOS has
# DTrace.  This file has the stubs, which are copied into pages and never run
# here, and usdt__fire, which puts a probe's arguments in place and runs
# through a stub.  It makes ELF, for tests on other systems, or Mach-O if the
# symbol MACHO is defined.  Nothing else here depends on the system.
#
# SPDX-License-Identifier: BSD-2-Clause

	.include "core/symbols.inc"
	.include "core/stubs_power.inc"

# ---------------------------------------------------------------------------
# The stubs.  ORDER STUB: struct usdt__stub in core/platform.h.
#
# As C, a stub is two functions:
#
#	int isenabled(void);		called
#	fire				called by usdt__fire with the
#					arguments in place.
#
#  0	38600000	li r3, 0	isenabled, and the is-enabled site: the
#					answer is no, unless the kernel skips
#					this and puts 1 into r3
#  4	4e800020	blr
#  8	60000000	nop		fire
# 12	60000000	nop		DOF site: DTrace
# 16	4e800020	blr
#
# Sum: 20 of 32.  A call pushes nothing on the stack, so usdt__fire can call
# the stub, and the arguments still lie where a tracer looks.  The nop at 8 is
# where stubs for Linux have the SDT site.  macOS has no images, so there is
# no typed stub: the second one is the first.

	constants
	.balign	4
	begin	usdt__stubs, object
	stub	0, 0, li	%r3, 0		/* in a register */
	stub	0, 0, li	%r3, 0		/* no such system has images */
	finish	usdt__stubs

	.balign	4
	begin	usdt__stub_count, object
	.long	1
	finish	usdt__stub_count

# ---------------------------------------------------------------------------
# void usdt__fire(const void *entry, size_t argc, const uint64_t *words)
#
# A frame begins with six words, so arguments on the stack lie at 112(r1) and up.

	fire64	48

	.ifndef	MACHO
	.section .note.GNU-stack, "", %progbits
	.endif
