# usdt_tracepoints_ppc.s - what does a tracer see on PowerPC with 32 bits?
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
# On entry	r3 entry	r4 argc		r5 argv
# Inside	ctr entry	r11 argc	r12 argv
#		r0, r6, r7, r8 scratch
# At the sites	r3 to r10 hold arguments 0 to 7, and the others lie at 56(r1)
#		and up, as in a called function; r12 points to 64-bit words.
#
#	+---------------------+
#	| caller's lr         | 8(r31)
#	|                     | <- r31, the stack pointer before the call
#	| caller's r31        | -4(r31)
#	| words, if need be, to align r1 to 16
#	| argument argc-1     |
#	| ...                 |
#	| argument 8          | 56(r1)
#	| eight words in which the callee may keep its arguments
#	| six words of each frame, first the chain of frames
#	+---------------------+ <- r1
#
# On Linux lr has another place in a frame: there this can't be called from C.

	.set	HEAD, 24

	.text
	.balign	16
	begin	usdt__fire, function
	.cfi_startproc
	mflr	%r0
	stw	%r0, 8(%r1)
	.cfi_offset 65, 8
	stw	%r31, -4(%r1)
	.cfi_offset 31, -4
	mr	%r31, %r1
	.cfi_def_cfa_register 31
	mtctr	%r3
	mr	%r11, %r4
	mr	%r12, %r5
	li	%r6, 8
	cmplw	%r11, %r6
	ble	4f
	mr	%r6, %r11
4:
	slwi	%r6, %r6, 2			/* words of arguments */
	addi	%r6, %r6, HEAD + 4 + 15
	clrrwi	%r6, %r6, 4
	neg	%r6, %r6
	stwux	%r1, %r1, %r6
	ble	6f				/* the comparison before */
	addi	%r7, %r1, HEAD
	slwi	%r6, %r11, 2
5:
	addi	%r6, %r6, -4
	slwi	%r8, %r6, 1
	addi	%r8, %r8, 4			/* the low half */
	lwzx	%r0, %r12, %r8
	stwx	%r0, %r7, %r6
	cmplwi	%r6, 32
	bgt	5b
6:
	cmplwi	%r11, 1
	blt	7f
	lwz	%r3, 4(%r12)
	beq	7f
	lwz	%r4, 12(%r12)
	cmplwi	%r11, 3
	blt	7f
	lwz	%r5, 20(%r12)
	beq	7f
	lwz	%r6, 28(%r12)
	cmplwi	%r11, 5
	blt	7f
	lwz	%r7, 36(%r12)
	beq	7f
	lwz	%r8, 44(%r12)
	cmplwi	%r11, 7
	blt	7f
	lwz	%r9, 52(%r12)
	beq	7f
	lwz	%r10, 60(%r12)
7:
	bctrl
	mr	%r1, %r31
	.cfi_def_cfa_register 1
	lwz	%r0, 8(%r1)
	mtlr	%r0
	.cfi_restore 65
	lwz	%r31, -4(%r1)
	.cfi_restore 31
	blr
	.cfi_endproc
	finish	usdt__fire

	.ifndef	MACHO
	.section .note.GNU-stack, "", %progbits
	.endif
