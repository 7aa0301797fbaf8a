@ usdt_tracepoints_armhf.s - what does a tracer see on 32-bit ARM?
@
@ This file has the stubs, which are copied into probe images and never run
@ here, and usdt__fire, which puts a probe's arguments in place and runs
@ through a stub.  The syntax is that of ELF systems; nothing else here depends
@ on the system.
@
@ SPDX-License-Identifier: BSD-2-Clause

	.include "core/symbols.inc"

@ ---------------------------------------------------------------------------
@ The stubs.  ORDER STUB: struct usdt__stub in core/platform.h.
@
@ As C, a stub is two functions:
@
@	int isenabled(int *flag);	called; flag points to a 0.
@	fire				called by usdt__fire with the
@					arguments in place.
@
@  0	e320f000	nop		isenabled, and the is-enabled site:
@					DTrace writes 1 to the int that r0
@					points to
@  4	e12fff1e	bx lr
@  8	e320f000	nop		fire, and the SDT site: libbpf,
@					SystemTap
@ 12	e320f000	nop		DOF site: DTrace, and bcc, which does
@					not know .stapsdt.base
@ 16	e12fff1e	bx lr
@
@ Sum: 20 of 32.  A call pushes nothing on the stack, so usdt__fire can call
@ the stub, and the arguments still lie where a tracer looks.  Kernels don't
@ replace nops by calls here, so there is one length, the shortest (1).
@
@ All code here is ARM code, because the kernel refuses uprobes in Thumb code.
@ Calls from Thumb code change to it and back.  Nops are numbers, since the
@ assembler knows that instruction only for ARMv6K and later; older processors
@ execute it as a nop.
@
@ In images that declare names or structs a third nop comes first of the three,
@ at 8: the uprobe site, where the image has a function symbol and DWARF.
@
@ In the stub for kernels that answer is-enabled in the return register, only
@ its site differs:
@
@  0	e3a00000	mov r0, #0	the answer is no, unless the kernel
@					skips this and puts 1 into r0

	.syntax	unified
	.arm

	.macro	stub, uprobe:req, answer:req, isenabled:vararg
	words	1, \answer, 32, \uprobe
1:
2:	\isenabled
	bx	lr
3:
	.if	\uprobe
8:	.inst	0xe320f000		@ nop
	.endif
4:	.inst	0xe320f000
5:	.inst	0xe320f000
	bx	lr
	.rept	11 - \uprobe
	.inst	0xe7f000f0			@ an undefined instruction
	.endr
	complete
	.endm

	constants
	.balign	4
	begin	usdt__stubs, object
	stub	0, 1, .inst	0xe320f000	@ through a pointer
	stub	0, 0, mov	r0, #0		@ in a register
	stub	1, 1, .inst	0xe320f000
	stub	0, 0, mov	r0, #0		@ no such system has images
	finish	usdt__stubs

	.balign	4
	begin	usdt__stub_count, object
	.long	2
	finish	usdt__stub_count

@ ---------------------------------------------------------------------------
@ void usdt__fire(const void *entry, size_t argc, const uint64_t *words)
@
@ On entry	r0 entry	r1 argc		r2 argv
@ Inside	r4 entry	r5 argc		ip argv		r6, r7, lr scratch
@ At the sites	r0 to r3 hold arguments 0 to 3, and the others lie at [sp],
@		[sp, #4] ..., as in a called function.  Each is the lower half
@		of a word of argv.  ip still points to argv: there tracers read
@		arguments of 64 bits.
@
@	+---------------------+
@	| caller's lr         | [r8, #4]
@	| caller's r8         | [r8]
@	| r4 to r7            |
@	| a word, if need be, to align sp to 8
@	| argument argc-1     |
@	| ...                 |
@	| argument 4          | [sp]
@	+---------------------+
@
@ fp stays the caller's: kernels follow frames of the old ABI alone, and the first
@ is then the caller's, if it has such.

	.text
	.balign	16
	begin	usdt__fire, function
	.fnstart
	.cfi_startproc
	push	{r4, r5, r6, r7, r8, lr}
	.save	{r4, r5, r6, r7, r8, lr}
	.cfi_def_cfa_offset 24
	.cfi_offset r4, -24
	.cfi_offset r5, -20
	.cfi_offset r6, -16
	.cfi_offset r7, -12
	.cfi_offset r8, -8
	.cfi_offset lr, -4
	.setfp	r8, sp, #16
	add	r8, sp, #16
	.cfi_def_cfa r8, 8
	mov	r4, r0
	mov	r5, r1
	mov	ip, r2
	subs	r6, r5, #4			@ words on the stack
	bls	6f
	add	r7, r6, #1
	bic	r7, r7, #1
	sub	sp, sp, r7, lsl #2
	add	r7, ip, #32			@ argument 4
5:
	subs	r6, r6, #1
	ldr	lr, [r7, r6, lsl #3]
	str	lr, [sp, r6, lsl #2]
	bne	5b
6:
	cmp	r5, #1
	blo	7f
	ldr	r0, [ip]
	beq	7f
	ldr	r1, [ip, #8]
	cmp	r5, #3
	blo	7f
	ldr	r2, [ip, #16]
	beq	7f
	ldr	r3, [ip, #24]
7:
	blx	r4
	sub	sp, r8, #16
	.cfi_def_cfa sp, 24
	pop	{r4, r5, r6, r7, r8, pc}
	.cfi_endproc
	.fnend
	finish	usdt__fire

	.section .note.GNU-stack, "", %progbits
