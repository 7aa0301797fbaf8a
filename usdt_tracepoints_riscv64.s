# usdt_tracepoints_riscv64.s - what does a tracer see on 64-bit RISC-V?
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
#  0	00000017	lpad 0		isenabled: a call lands here
#  4	00000013	nop		is-enabled site: DTrace writes 1 to
#					the int that a0 points to
#  8	00008067	ret
# 12	00000017	lpad 0		fire: a call lands here
# 16	00000013	nop		SDT site: libbpf, SystemTap
# 20	00000013	nop		DOF site: DTrace, and bcc, which does
#					not know .stapsdt.base
# 24	00008067	ret
#
# Sum: 28 of 32.  A call pushes nothing on the stack, so usdt__fire can call
# the stub, and the arguments still lie where a tracer looks.
#
# All instructions have four bytes, whether or not the processor knows the
# compressed ones of two: the kernel's breakpoint has two or four bytes, as its
# own code does, and a kernel without compressed code wants an address that is a
# multiple of four.  Kernels don't replace nops by calls here, so there is one
# length, the shortest (1).
#
# `lpad 0` is `auipc zero, 0`, also for assemblers that don't know that name.
# Older processors execute it as a nop.  No property note says that this file
# suits landing pads: linkers of binutils 2.40 warn of it in each program.
#
# In images that declare names or structs a third nop comes first of the three,
# at 16: the uprobe site, where the image has a function symbol and DWARF.  Such
# a stub fills its 32 bytes.
#
# In the stub for kernels that answer is-enabled in the return register, only
# its site differs:
#
#  4	00000513	li a0, 0	the answer is no, unless the kernel
#					skips this and puts 1 into a0
#
# Distances are numbers here: linkers may shorten code on this processor, so
# clang's assembler does not subtract labels.

	.option	push
	.option	norvc
	.option	norelax

	.macro	stub, uprobe:req, answer:req, isenabled:vararg
	.balign	4
0:	.long	1
	.long	\answer
	.long	0				# isenabled
	.long	4				# isenabled_site
	.long	12				# fire
	.long	16 + 4 * \uprobe		# sdt_site
	.long	20 + 4 * \uprobe		# dof_site
	.long	\uprobe * 16			# uprobe_site; 0: there is none
	.long	32				# size
1:	auipc	zero, 0
	\isenabled
	ret
	auipc	zero, 0
	.if	\uprobe
	nop
	.endif
	nop
	nop
	ret
	.rept	9 - \uprobe
	.long	0				# an undefined instruction
	.endr
	.endm

	constants
	.balign	4
	begin	usdt__stubs, object
	stub	0, 1, nop			# through a pointer
	stub	0, 0, li	a0, 0		# in a register
	stub	1, 1, nop
	stub	0, 0, li	a0, 0		# no such system has images
	finish	usdt__stubs

	.balign	4
	begin	usdt__stub_count, object
	.long	2
	finish	usdt__stub_count

# ---------------------------------------------------------------------------
# void usdt__fire(const void *entry, size_t argc, const uint64_t *words)
#
# On entry	a0 entry	a1 argc		a2 argv
# Inside	t1 entry	t2 argc		t3 argv		t0, t4-t6 scratch
# At the sites	a0 to a7 hold arguments 0 to 7, and the others lie at 0(sp),
#		8(sp) ..., as in a called function.
#
#	+---------------------+ <- s0, the stack pointer before the call
#	| caller's ra         | -8(s0)
#	| caller's s0         | -16(s0)
#	| a word, if need be, to align sp to 16
#	| argument argc-1     |
#	| ...                 |
#	| argument 8          | 0(sp)
#	+---------------------+

	.text
	.balign	16
	begin	usdt__fire, function
	.cfi_startproc
	auipc	zero, 0				# lpad 0
	addi	sp, sp, -16
	.cfi_def_cfa_offset 16
	sd	ra, 8(sp)
	.cfi_offset ra, -8
	sd	s0, 0(sp)
	.cfi_offset s0, -16
	addi	s0, sp, 16
	.cfi_def_cfa s0, 0
	mv	t1, a0
	mv	t2, a1
	mv	t3, a2
	addi	t4, t2, -8			# words on the stack
	bgtz	t4, 8f
6:
	li	t0, 1
	bltu	t2, t0, 7f
	ld	a0, 0(t3)
	beq	t2, t0, 7f
	ld	a1, 8(t3)
	li	t0, 3
	bltu	t2, t0, 7f
	ld	a2, 16(t3)
	beq	t2, t0, 7f
	ld	a3, 24(t3)
	li	t0, 5
	bltu	t2, t0, 7f
	ld	a4, 32(t3)
	beq	t2, t0, 7f
	ld	a5, 40(t3)
	li	t0, 7
	bltu	t2, t0, 7f
	ld	a6, 48(t3)
	beq	t2, t0, 7f
	ld	a7, 56(t3)
7:
	jalr	t1
	addi	sp, s0, -16
	.cfi_def_cfa sp, 16
	ld	ra, 8(sp)
	.cfi_restore ra
	ld	s0, 0(sp)
	.cfi_restore s0
	addi	sp, sp, 16
	.cfi_def_cfa_offset 0
	ret
	.cfi_def_cfa s0, 0			# for the code below
	.cfi_offset ra, -8
	.cfi_offset s0, -16

8:
	addi	t0, t4, 1
	andi	t0, t0, -2
	slli	t0, t0, 3
	sub	sp, sp, t0
	slli	t4, t4, 3
	addi	t5, t3, 64			# argument 8
	add	t5, t5, t4			# behind the last
	add	t4, t4, sp
9:
	addi	t5, t5, -8
	addi	t4, t4, -8
	ld	t0, 0(t5)
	sd	t0, 0(t4)
	bne	t4, sp, 9b
	j	6b
	.cfi_endproc
	finish	usdt__fire
	.option	pop

	.section .note.GNU-stack, "", %progbits
