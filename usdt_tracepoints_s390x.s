# usdt_tracepoints_s390x.s - what does a tracer see on 64-bit z/Architecture?
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
#  0	47000000	nop 0		isenabled, and the is-enabled site:
#					DTrace writes 1 to the int that r2
#					points to
#  4	07fe		br %r14
#  6	0707		nopr %r7	never run
#  8	47000000	nop 0		fire, and the SDT site: libbpf, perf,
#					SystemTap
# 12	47000000	nop 0		DOF site: DTrace, and bcc, which does
#					not know .stapsdt.base
# 16	07fe		br %r14
#
# Sum: 18 of 32.  A call pushes nothing on the stack, so usdt__fire can call
# the stub, and the arguments still lie where a tracer looks.  The kernel's
# breakpoint has two bytes, and it steps over the whole nop.  Kernels don't
# replace nops by calls here, so there is one length, the shortest (1).
#
# In images that declare names or structs a third nop comes first of the three,
# at 8: the uprobe site, where the image has a function symbol and DWARF.
#
# In the stub for kernels that answer is-enabled in the return register, only
# its site differs:
#
#  0	a7290000	lghi %r2, 0	the answer is no, unless the kernel
#					skips this and puts 1 into r2

	.macro	stub, uprobe:req, answer:req, isenabled:req
	words	1, \answer, 32, \uprobe
1:
2:	.long	\isenabled
	br	%r14
	nopr	%r7
3:
	.if	\uprobe
8:	nop	0
	.endif
4:	nop	0
5:	nop	0
	br	%r14
	.rept	23 - 2 * \uprobe
	.short	0				# an undefined instruction
	.endr
	complete
	.endm

	constants
	.balign	4
	begin	usdt__stubs, object
	stub	0, 1, 0x47000000		# through a pointer
	stub	0, 0, 0xa7290000		# in a register
	stub	1, 1, 0x47000000
	stub	0, 0, 0xa7290000		# no such system has images
	finish	usdt__stubs

	.balign	4
	begin	usdt__stub_count, object
	.long	2
	finish	usdt__stub_count

# ---------------------------------------------------------------------------
# void usdt__fire(const void *entry, size_t argc, const uint64_t *words)
#
# On entry	r2 entry	r3 argc		r4 argv
# Inside	r1 entry	r7 argc		r8 argv
#		r9 words on the stack, then what is left of them, in bytes
# At the sites	r2 to r6 hold arguments 0 to 4, and the others lie at 160(%r15)
#		and up, as in a called function.
#
#	+---------------------+
#	| registers r6 to r15 of the caller | 48(%r11)
#	|                     | <- r11, the stack pointer before the call
#	| argument argc-1     |
#	| ...                 |
#	| argument 5          | 160(%r15)
#	| room in which a callee may keep registers
#	| r11                 | 0(%r15), the chain of frames
#	+---------------------+

	.text
	.balign	16
	begin	usdt__fire, function
	.cfi_startproc
	stmg	%r6, %r15, 48(%r15)
	.cfi_offset %r6, -112
	.cfi_offset %r7, -104
	.cfi_offset %r8, -96
	.cfi_offset %r9, -88
	.cfi_offset %r11, -72
	.cfi_offset %r14, -48
	.cfi_offset %r15, -40
	lgr	%r11, %r15
	.cfi_def_cfa_register %r11
	lgr	%r1, %r2
	lgr	%r7, %r3
	lgr	%r8, %r4
	aghi	%r15, -160
	lgr	%r9, %r7
	aghi	%r9, -5
	jnh	6f
	sllg	%r9, %r9, 3
	sgr	%r15, %r9
5:
	lg	%r0, 32(%r9,%r8)		# argument 5 is 40(%r8)
	stg	%r0, 152(%r9,%r15)
	aghi	%r9, -8
	jne	5b
6:
	stg	%r11, 0(%r15)
	cghi	%r7, 1
	jl	7f
	lg	%r2, 0(%r8)
	je	7f
	lg	%r3, 8(%r8)
	cghi	%r7, 3
	jl	7f
	lg	%r4, 16(%r8)
	je	7f
	lg	%r5, 24(%r8)
	cghi	%r7, 5
	jl	7f
	lg	%r6, 32(%r8)
7:
	basr	%r14, %r1
	lmg	%r6, %r15, 48(%r11)
	.cfi_def_cfa %r15, 160
	.cfi_restore %r6
	.cfi_restore %r7
	.cfi_restore %r8
	.cfi_restore %r9
	.cfi_restore %r11
	.cfi_restore %r14
	.cfi_restore %r15
	br	%r14
	.cfi_endproc
	finish	usdt__fire

	.section .note.GNU-stack, "", %progbits
