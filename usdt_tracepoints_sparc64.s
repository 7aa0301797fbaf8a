! usdt_tracepoints_sparc64.s - what does a tracer see on 64-bit SPARC?
!
! This file has the stubs, which are copied into probe images and never run
! here, and usdt__fire, which puts a probe's arguments in place and runs
! through a stub.  The syntax is that of ELF systems; nothing else here depends
! on the system.
!
! SPDX-License-Identifier: BSD-2-Clause

	.include "core/symbols.inc"

! ---------------------------------------------------------------------------
! The stubs.  ORDER STUB: struct usdt__stub in core/platform.h.
!
! As C, a stub is two functions:
!
!	int isenabled(int *flag);	called; flag points to a 0.
!	fire				called by usdt__fire with the
!					arguments in place.
!
!  0	01000000	nop		isenabled, and the is-enabled site
!  4	81c3e008	retl
!  8	01000000	nop		in its delay slot
! 12	01000000	nop		fire, and the SDT site
! 16	01000000	nop		DOF site
! 20	81c3e008	retl
! 24	01000000	nop		in its delay slot
!
! Sum: 28 of 32.  No site is in a delay slot, so the kernel goes on at one
! address after it.  Kernels don't replace nops by calls here, so there is one
! length, the shortest (1).
!
! In images that declare names or structs a third nop comes first of the three,
! at 12: the uprobe site, where the image has a function symbol and DWARF.  Such
! a stub fills its 32 bytes.
!
! In the stub for kernels that answer is-enabled in the return register, as
! DTrace on Solaris does, only its site differs:
!
!  0	90102000	clr %o0		the answer is no, unless the kernel
!					writes 1 to %o0 after it
!
! There a probe fires after the instruction at its site, too.  It is a nop, so
! the arguments are as before.

	.macro	stub, uprobe:req, answer:req, isenabled:req
	words	1, \answer, 32, \uprobe
1:
2:	.word	\isenabled
	retl
	nop
3:
	.if	\uprobe
8:	nop
	.endif
4:	nop
5:	nop
	retl
	nop
	.rept	9 - \uprobe
	.word	0				! illtrap
	.endr
	complete
	.endm

	constants
	.balign	4
	begin	usdt__stubs, object
	stub	0, 1, 0x01000000		! through a pointer
	stub	0, 0, 0x90102000		! in a register
	stub	1, 1, 0x01000000
	stub	0, 0, 0x90102000		! no such system has images
	finish	usdt__stubs

	.balign	4
	begin	usdt__stub_count, object
	.word	2
	finish	usdt__stub_count

! ---------------------------------------------------------------------------
! void usdt__fire(const void *entry, size_t argc, const uint64_t *words)
!
! On entry	%o0 entry	%o1 argc	%o2 argv
! Inside	%i0 entry	%i1 argc	%i2 argv
!		%l0 words on the stack, then what is left of them
! At the sites	%o0 to %o5 hold arguments 0 to 5, and the others lie at
!		[%sp + 2047 + 176] and up, as in a called function.
!
!	+---------------------+
!	| a word, if need be, to align %sp to 16
!	| argument argc-1     |
!	| ...                 |
!	| argument 6          | 176
!	| six words in which the callee may keep its arguments
!	| registers %l0 to %i7 that a register window spills
!	+---------------------+ 0: %sp + 2047
!
! Before the save, code may change only %g1, %g4 and %g5.

	.set	BIAS, 2047
	.set	FRAME, 176

	.section ".text"
	.balign	32
	begin	usdt__fire, function
	.cfi_startproc
	sub	%o1, 6, %g1			! words on the stack, if any
	movrlz	%g1, 0, %g1
	add	%g1, 1, %g4
	andn	%g4, 1, %g4
	sllx	%g4, 3, %g4
	add	%g4, FRAME, %g4
	sub	%g0, %g4, %g4
	save	%sp, %g4, %sp
	.cfi_window_save
	.cfi_register 15, 31
	.cfi_def_cfa_register 30
	brz,pt	%g1, .Lregisters
	 mov	%g1, %l0
	add	%i2, 48, %l1			! argument 6
	add	%sp, BIAS + FRAME, %l2
	sllx	%l0, 3, %l0
.Lpush:
	sub	%l0, 8, %l0
	ldx	[%l1 + %l0], %l3
	brnz,pt	%l0, .Lpush
	 stx	%l3, [%l2 + %l0]
.Lregisters:
	brz,pn	%i1, .Lgo
	 cmp	%i1, 2
	blu,pn	%xcc, .Lgo
	 ldx	[%i2], %o0
	be,pn	%xcc, .Lgo
	 ldx	[%i2 + 8], %o1
	cmp	%i1, 4
	blu,pn	%xcc, .Lgo
	 ldx	[%i2 + 16], %o2
	be,pn	%xcc, .Lgo
	 ldx	[%i2 + 24], %o3
	cmp	%i1, 6
	blu,pn	%xcc, .Lgo
	 ldx	[%i2 + 32], %o4
	ldx	[%i2 + 40], %o5
.Lgo:
	jmpl	%i0, %o7
	 nop
	return	%i7 + 8
	 nop
	.cfi_endproc
	finish	usdt__fire

	.section ".note.GNU-stack", "", @progbits
