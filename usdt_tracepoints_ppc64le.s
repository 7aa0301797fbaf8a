# usdt_tracepoints_ppc64le.s - what does a tracer see on 64-bit POWER, little-endian?
#
# This file has the stubs, which are copied into probe images and never run
# here, and usdt__fire, which puts a probe's arguments in place and runs
# through a stub.  The syntax is that of ELF systems; nothing else here depends
# on the system.
#
# SPDX-License-Identifier: BSD-2-Clause

	.include "core/symbols.inc"

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

	.macro	stub, uprobe:req, answer:req, isenabled:vararg
	.balign	4
0:	.long	1
	.long	\answer
	.long	1f - 1f				# isenabled
	.long	2f - 1f				# isenabled_site
	.long	3f - 1f				# fire
	.long	4f - 1f				# sdt_site
	.long	5f - 1f				# dof_site
	.long	\uprobe * 8			# uprobe_site; 0: there is none
	.long	32				# size
1:
2:	\isenabled
	blr
3:
	.if	\uprobe
	nop
	.endif
4:	nop
5:	nop
	blr
	.rept	11 - \uprobe
	.long	0				# an undefined instruction
	.endr
	.if	(. - 0b) - 100
	.error	"a stub is not 9 words and 64 bytes"
	.endif
	.endm

	constants
	.balign	4
	begin	usdt__stubs, object
	stub	0, 1, nop			# through a pointer
	stub	0, 0, li	3, 0		# in a register
	stub	1, 1, nop
	stub	0, 0, li	3, 0		# no such system has images
	finish	usdt__stubs

	.balign	4
	begin	usdt__stub_count, object
	.long	2
	finish	usdt__stub_count

# ---------------------------------------------------------------------------
# void usdt__fire(const void *entry, size_t argc, const uint64_t *words)
#
# On entry	r3 entry	r4 argc		r5 argv
# Inside	ctr entry	r11 argc	r12 argv	r0, r6, r7 scratch
# At the sites	r3 to r10 hold arguments 0 to 7, and the others lie at 96(r1)
#		and up, as in a called function.
#
#	+---------------------+
#	| caller's lr         | 16(r31)
#	|                     | <- r31, the stack pointer before the call
#	| caller's r31        | -8(r31)
#	| a word, if need be, to align r1 to 16
#	| argument argc-1     |
#	| ...                 |
#	| argument 8          | 96(r1)
#	| eight words in which the callee may keep its arguments
#	| four words of each frame, first the chain of frames
#	+---------------------+ <- r1

	.text
	.balign	16
	begin	usdt__fire, function
	.cfi_startproc
	mflr	0
	std	0, 16(1)
	.cfi_offset 65, 16
	std	31, -8(1)
	.cfi_offset 31, -8
	mr	31, 1
	.cfi_def_cfa_register 31
	mtctr	3
	mr	11, 4
	mr	12, 5
	li	6, 8
	cmpld	11, 6
	ble	4f
	mr	6, 11
4:
	sldi	6, 6, 3				# words of arguments
	addi	6, 6, 32 + 8 + 15
	clrrdi	6, 6, 4
	neg	6, 6
	stdux	1, 1, 6
	ble	6f				# the comparison before
	addi	7, 1, 32
	sldi	6, 11, 3
5:
	addi	6, 6, -8
	ldx	0, 12, 6
	stdx	0, 7, 6
	cmpldi	6, 64
	bgt	5b
6:
	cmpldi	11, 1
	blt	7f
	ld	3, 0(12)
	beq	7f
	ld	4, 8(12)
	cmpldi	11, 3
	blt	7f
	ld	5, 16(12)
	beq	7f
	ld	6, 24(12)
	cmpldi	11, 5
	blt	7f
	ld	7, 32(12)
	beq	7f
	ld	8, 40(12)
	cmpldi	11, 7
	blt	7f
	ld	9, 48(12)
	beq	7f
	ld	10, 56(12)
7:
	bctrl
	mr	1, 31
	.cfi_def_cfa_register 1
	ld	0, 16(1)
	mtlr	0
	.cfi_restore 65
	ld	31, -8(1)
	.cfi_restore 31
	blr
	.cfi_endproc
	finish	usdt__fire

	.section .note.GNU-stack, "", %progbits
