# usdt_tracepoints_i386.s - what does a tracer see on i386?
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
#  0	f3 0f 1e fb	endbr32		isenabled: a call lands here
#  4	90		nop		is-enabled site
#  5	c3		ret
#  6	f3 0f 1e fb	endbr32		fire: a jump lands here
# 10	90		nop		SDT site: libbpf, perf, SystemTap
# 11	90		nop		DOF site: DTrace, and bcc, which does
#					not know .stapsdt.base
# 12	c9		leave		back to where usdt__fire was called:
# 13	c3		ret		%ebp is the frame that it made
#
# Sum: 14 of 32.  In 32-bit code kernels don't replace nops by calls, so each
# nop is one byte.
#
# In images that declare names or structs a third nop comes first of the three,
# at 10: the uprobe site, where the image has a function symbol and DWARF.

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
	endbr32
	.endm
	.include "core/stubs_x86.inc"

	constants
	.balign	4
	begin	usdt__stubs, object
	stub	1, 0x90
	register_stub
	typed_stub	32, 1, 0x90
	register_stub			# no such system has images
	finish	usdt__stubs

	.balign	4
	begin	usdt__stub_count, object
	.long	2
	finish	usdt__stub_count

# ---------------------------------------------------------------------------
# void usdt__fire(const void *entry, size_t argc, const uint64_t *words)
#
# On entry	4(%esp) entry	8(%esp) argc	12(%esp) words
# Inside	%eax entry	%ecx argc	%edx words
# At the sites	arguments lie at 0(%esp), 4(%esp) ..., as in a called function,
#		but without its return address.  They lie again at 0(%edx),
#		8(%edx) ..., as words of 8 bytes: notes of types with 64 bits
#		lead there, and a 64-bit kernel that follows a pointer (as for
#		the texts in `usdt watch`) reads 8 bytes.
#
#	+---------------------+
#	| words, argc, entry  | 8(%ebp) and up
#	| return address      | 4(%ebp)
#	| caller's %ebp       | (%ebp)
#	| 0 to 3 words, to align %esp to 16
#	| argument argc-1     |
#	| ...                 |
#	| argument 0          | (%edx)
#	| lower half of argc-1|
#	| ...                 |
#	| that of 0           | (%esp)
#	+---------------------+
#
# The stub's "leave; ret" undoes all of it.

	.text
	.balign	16
	begin	usdt__fire, function
	.cfi_startproc
	endbr32
	push	%ebp
	.cfi_def_cfa_offset 8
	.cfi_offset %ebp, -8
	mov	%esp, %ebp
	.cfi_def_cfa_register %ebp
	mov	12(%ebp), %ecx
	mov	16(%ebp), %edx
	lea	2(%ecx), %eax			# %esp is 8 above a multiple
	and	$3, %eax			# of 16; argc + 2 mod 4 words
	shl	$2, %eax			# and 3 * argc more align it
	sub	%eax, %esp
	dec	%ecx
	js	7f
	mov	%ecx, %eax
8:
	push	4(%edx, %eax, 8)
	push	(%edx, %eax, 8)
	dec	%eax
	jns	8b
	mov	%esp, %edx
9:
	push	(%edx, %ecx, 8)
	dec	%ecx
	jns	9b
7:					# all is in place
	mov	8(%ebp), %eax
	jmp	*%eax
	.cfi_endproc
	finish	usdt__fire

	.ifndef	MACHO
	.section .note.GNU-stack, "", @progbits

# This file suits indirect branch tracking and shadow stacks (1 + 2).
	.section .note.gnu.property, "a", @note
	.balign	4
	.long	4, 12, 5
	.asciz	"GNU"
	.long	0xc0000002, 4, 3
	.endif
