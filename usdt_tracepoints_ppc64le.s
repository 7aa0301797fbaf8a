# usdt_tracepoints_ppc64le.s - what does a tracer see on 64-bit POWER, little-endian?
#
# This file has the stubs, which are copied into probe images and never run
# here, and usdt__fire, which puts a probe's arguments in place and runs
# through a stub.  The syntax is that of ELF systems; nothing else here depends
# on the system.
#
# SPDX-License-Identifier: BSD-2-Clause

	.include "core/symbols.inc"
	.include "core/stubs_power.inc"

# ---------------------------------------------------------------------------
# The stubs.  ORDER STUB: struct usdt__stub in core/platform.h.
#
# As C, a stub is two functions:
#
#	int isenabled(int *flag);	called; flag points to a 0.
#	fire				called by usdt__fire with the
#					arguments in place.
#
#  0	60000000	nop		isenabled, and the is-enabled site:
#					DTrace writes 1 to the int that r3
#					points to
#  4	4e800020	blr
#  8	60000000	nop		fire, and the SDT site: perf, SystemTap
# 12	60000000	nop		DOF site: DTrace, and bcc, which does
#					not know .stapsdt.base
# 16	4e800020	blr
#
# Sum: 20 of 32.  A call pushes nothing on the stack, so usdt__fire can call
# the stub, and the arguments still lie where a tracer looks.  Kernels don't
# replace nops by calls here, so there is one length, the shortest (1).
#
# Neither the stubs nor usdt__fire use the table of contents (r2), so they have
# one entry each (ELFv2).
#
# In images that declare names or structs a third nop comes first of the three,
# at 8: the uprobe site, where the image has a function symbol and DWARF.
#
# In the stub for kernels that answer is-enabled in the return register, only
# its site differs:
#
#  0	38600000	li r3, 0	the answer is no, unless the kernel
#					skips this and puts 1 into r3

	.abiversion 2

	constants
	.balign	4
	begin	usdt__stubs, object
	stub	0, 1, nop			# through a pointer
	stub	0, 0, li	%r3, 0		# in a register
	stub	1, 1, nop
	stub	0, 0, li	%r3, 0		# no such system has images
	finish	usdt__stubs

	.balign	4
	begin	usdt__stub_count, object
	.long	2
	finish	usdt__stub_count

# ---------------------------------------------------------------------------
# void usdt__fire(const void *entry, size_t argc, const uint64_t *words)
#
# A frame begins with four words, so arguments on the stack lie at 96(r1) and up.

	fire64	32

	.section .note.GNU-stack, "", %progbits
