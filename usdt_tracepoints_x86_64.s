# usdt_tracepoints_x86_64.s - what does a tracer see on x86-64?
#
# This file has the stubs, which are copied into probe images and never run
# here, and usdt__fire, which puts a probe's arguments in place and runs
# through a stub.  GNU's and clang's assembler make ELF of it, or Mach-O if the
# symbol MACHO is defined.  Nothing else here depends on the system.
#
# SPDX-License-Identifier: BSD-2-Clause

	.include "core/symbols.inc"

# ---------------------------------------------------------------------------
# The stubs.  ORDER STUB: struct usdt__stub in core/platform.h.
#
# As C, a stub is two functions:
#
#	int isenabled(int *flag);	called; flag points to a 0.
#	fire				jumped to by usdt__fire with the
#					arguments in place; returns to the
#					caller of usdt__fire.
#
#  0	f3 0f 1e fa	endbr64		isenabled: a call lands here
#  4	90		nop		is-enabled site: DTrace writes 1 to
#					the int that %rdi points to
#  5	c3		ret
#  6	f3 0f 1e fa	endbr64		fire: a jump lands here
# 10	nop of N bytes			SDT site: libbpf, perf, SystemTap
# 10+N	nop of N bytes			DOF site: DTrace, and bcc, which does
#					not know .stapsdt.base
# 10+2N	c9		leave		back to where usdt__fire was called:
# 11+2N	c3		ret		%rbp is the frame that it made
#
# Sum: 12 + 2N, at most 32, since N is 1, 5 or 10.  A stub is aligned to its
# size, so no nop crosses a page (there kernels would trap instead of call, or
# refuse).  The kernel may replace a nop by a call, which writes below %rsp.
# Neither a stub nor usdt__fire keeps anything there.
#
# In images that declare names or structs a third nop of N bytes comes first of
# the three, at 10: the uprobe site, where the image has a function symbol and
# DWARF.  With N = 10 such a stub takes 64 bytes.

# The stub for kernels that answer is-enabled in the return register.  All its
# nops are one byte long:
#
#  0	endbr, jmp 14			isenabled: the jump keeps both entries
#					at the other stubs' offsets
#  6	endbr, nop, nop, leave, ret	fire: as above
# 14	31 c0		xor %eax, %eax	the answer is no, unless ...
# 16	90		nop		is-enabled site: ... the kernel skips
# 17	c3		ret		this nop and puts 1 into %eax

	.macro	landing
	endbr64
	.endm
	.include "core/stubs_x86.inc"

	constants
	.balign	4
	begin	usdt__stubs, object
	stub	1, 0x90
	stub	5, 0x0f, 0x1f, 0x44, 0x00, 0x00
	stub	10, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00
	register_stub
	typed_stub	32, 1, 0x90
	typed_stub	32, 5, 0x0f, 0x1f, 0x44, 0x00, 0x00
	typed_stub	64, 10, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00
	register_stub			# no such system has images
	finish	usdt__stubs

	.balign	4
	begin	usdt__stub_count, object
	.long	4
	finish	usdt__stub_count

# ---------------------------------------------------------------------------
# void usdt__fire(const void *entry, size_t argc, const uint64_t *words)
#
# On entry	%rdi entry	%rsi argc	%rdx argv
# Inside	%r11 entry	%esi argc	%rdx argv; %rsi and %rdx get
#		their arguments last
# At the sites	%rdi %rsi %rdx %rcx %r8 %r9 hold arguments 0 to 5, and the
#		others lie at 0(%rsp), 8(%rsp) ..., as in a called function,
#		but without its return address.
#
#	+---------------------+
#	| return address      | 8(%rbp)
#	| caller's %rbp       | (%rbp)
#	| 0, if need be, to align %rsp to 16
#	| argument argc-1     |
#	| ...                 |
#	| argument 6          | (%rsp)
#	+---------------------+
#
# The stub's "leave; ret" undoes all of it.  usdt__fire runs 6 instructions
# without arguments, else at most 7 and 3 for each argument.

	.text
	.balign	16
	begin	usdt__fire, function
	.cfi_startproc
	endbr64
	push	%rbp
	.cfi_def_cfa_offset 16
	.cfi_offset %rbp, -16
	mov	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	test	%esi, %esi
	je	10f
	mov	%rdi, %r11
	cmp	$2, %esi
	jb	11f
	je	12f
	cmp	$4, %esi
	jb	13f
	je	14f
	sub	$6, %esi			# count of those on the stack
	jb	15f
	je	16f
	test	$1, %sil
	je	17f
	push	$0
17:
	push	40(%rdx, %rsi, 8)		# the last one first
	sub	$1, %esi
	jne	17b
16:
	mov	40(%rdx), %r9
15:
	mov	32(%rdx), %r8
14:
	mov	24(%rdx), %rcx
13:
	mov	(%rdx), %rdi
	mov	8(%rdx), %rsi
	mov	16(%rdx), %rdx
	jmp	*%r11
12:
	mov	8(%rdx), %rsi
11:
	mov	(%rdx), %rdi
	jmp	*%r11
10:
	jmp	*%rdi
	.cfi_endproc
	finish	usdt__fire

	.ifndef	MACHO
	.section .note.GNU-stack, "", @progbits

# This file suits indirect branch tracking and shadow stacks (1 + 2).
	.section .note.gnu.property, "a", @note
	.balign	8
	.long	4, 16, 5
	.asciz	"GNU"
	.long	0xc0000002, 4, 3, 0
	.endif
