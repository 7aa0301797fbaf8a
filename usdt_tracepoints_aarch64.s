// usdt_tracepoints_aarch64.s - what does a tracer see on aarch64?
//
// This file has the stubs, which are copied into probe images and never run
// here, and usdt__fire, which puts a probe's arguments in place and runs
// through a stub.  GNU's and clang's assembler make ELF of it, or Mach-O if the
// symbol MACHO is defined.  Nothing else here depends on the system.
//
// SPDX-License-Identifier: BSD-2-Clause

	.include "core/symbols.inc"

// ---------------------------------------------------------------------------
// The stubs.  ORDER STUB: struct usdt__stub in core/platform.h.
//
// As C, a stub is two functions:
//
//	int isenabled(int *flag);	called; flag points to a 0.
//	fire				called by usdt__fire with the
//					arguments in place.
//
//  0	d503245f	bti c		isenabled: a call lands here
//  4	d503201f	nop		is-enabled site: DTrace writes 1 to
//					the int that x0 points to
//  8	d65f03c0	ret
// 12	d503245f	bti c		fire: a call lands here
// 16	d503201f	nop		SDT site: libbpf, perf, SystemTap
// 20	d503201f	nop		DOF site: DTrace, and bcc, which does
//					not know .stapsdt.base
// 24	d65f03c0	ret
//
// Sum: 28 of 32.  A call pushes nothing on the stack, so usdt__fire can call
// the stub, and the arguments still lie where a tracer looks.  Kernels don't
// replace nops by calls here, so there is one length, the shortest (1).
//
// In the stub for kernels that answer is-enabled in the return register, only
// its site differs:
//
//  4	d2800000	mov x0, #0	the answer is no, unless the kernel
//					skips this and puts 1 into x0
//
// In images that declare names or structs a third nop comes first of the three,
// at 16: the uprobe site, where the image has a function symbol and DWARF.  Such
// a stub fills its 32 bytes.
//
// `hint #34` is `bti c`, also for assemblers that don't know that name.  Older
// processors execute it as a nop.

	.macro	stub, uprobe:req, answer:req, isenabled:vararg
	words	1, \answer, 32, \uprobe
1:	hint	#34
2:	\isenabled
	ret
3:	hint	#34
	.if	\uprobe
8:	nop
	.endif
4:	nop
5:	nop
	ret
	.rept	9 - \uprobe
	.long	0				// an undefined instruction
	.endr
	complete
	.endm

	constants
	.balign	4
	begin	usdt__stubs, object
	stub	0, 1, nop			// through a pointer
	stub	0, 0, movz	x0, #0		// in a register
	stub	1, 1, nop
	stub	0, 0, movz	x0, #0		// no such system has images
	finish	usdt__stubs

	.balign	4
	begin	usdt__stub_count, object
	.long	2
	finish	usdt__stub_count

// ---------------------------------------------------------------------------
// void usdt__fire(const void *entry, size_t argc, const uint64_t *words)
//
// On entry	x0 entry	x1 argc		x2 argv
// Inside	x9 entry	x10 argc	x11 argv	x12-x15 scratch
// At the sites	x0 to x7 hold arguments 0 to 7, and the others lie at [sp],
//		[sp, #8] ..., as in a called function.
//
//	+---------------------+
//	| caller's x30        | [x29, #8]
//	| caller's x29        | [x29]
//	| a word, if need be, to align sp to 16
//	| argument argc-1     |
//	| ...                 |
//	| argument 8          | [sp]
//	+---------------------+

	.text
	.balign	16
	begin	usdt__fire, function
	.cfi_startproc
	hint	#34
	stp	x29, x30, [sp, #-16]!
	.cfi_def_cfa_offset 16
	.cfi_offset x29, -16
	.cfi_offset x30, -8
	mov	x29, sp
	.cfi_def_cfa_register x29
	mov	x9, x0
	mov	x10, x1
	mov	x11, x2
	subs	x12, x10, #8			// words on the stack
	b.hi	8f
6:
	cbz	x10, 7f
	ldr	x0, [x11]
	cmp	x10, #2
	b.lo	7f
	ldr	x1, [x11, #8]
	b.eq	7f
	ldr	x2, [x11, #16]
	cmp	x10, #4
	b.lo	7f
	ldr	x3, [x11, #24]
	b.eq	7f
	ldr	x4, [x11, #32]
	cmp	x10, #6
	b.lo	7f
	ldr	x5, [x11, #40]
	b.eq	7f
	ldr	x6, [x11, #48]
	cmp	x10, #8
	b.lo	7f
	ldr	x7, [x11, #56]
7:
	blr	x9
	mov	sp, x29
	.cfi_def_cfa_register sp
	ldp	x29, x30, [sp], #16
	.cfi_restore x30
	.cfi_restore x29
	.cfi_def_cfa_offset 0
	ret
	.cfi_def_cfa x29, 16			// for the code below
	.cfi_offset x29, -16
	.cfi_offset x30, -8

8:
	add	x13, x12, #1
	and	x13, x13, #-2
	sub	sp, sp, x13, lsl #3
	add	x13, x11, #64			// argument 8
9:
	sub	x12, x12, #1
	ldr	x14, [x13, x12, lsl #3]
	str	x14, [sp, x12, lsl #3]
	cbnz	x12, 9b
	b	6b
	.cfi_endproc
	finish	usdt__fire

	.ifndef	MACHO
	.section .note.GNU-stack, "", %progbits

// This file suits branch target identification (1).
	.section .note.gnu.property, "a", %note
	.balign	8
	.long	4, 16, 5
	.asciz	"GNU"
	.long	0xc0000000, 4, 1, 0
	.endif
