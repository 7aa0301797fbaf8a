/*
 * stubs.c - do usdt__fire and the stubs show a tracer what they promise?
 *
 * Every stub is copied into memory as it is into an image, and runs with
 * breakpoints at its sites.  The signal handler takes the place of a tracer and
 * looks at the registers and the stack.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <execinfo.h>
#include <link.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "tap.h"
#include "core/provider.h"

/* --- processors --------------------------------------------------------- */

/*
 * To add one: the facts in `arch`, the accessors, and call_fire, which calls
 * usdt__fire with KEPT_VALUES in the registers that a callee preserves.
 * WIDE_OF, if it is defined, is where the arguments lie as words of 8 bytes.
 */
struct code {
	unsigned size;
	uint8_t bytes[16];
};
struct arch {
	const char *name;
	unsigned registers;		/* arguments passed in registers */
	struct code breakpoint;
	unsigned trap_pc;		/* from the breakpoint to the pc that
					 * the handler sees */
	unsigned bias;			/* the distance from the stack pointer
					 * to the stack */
	unsigned head;			/* bytes at its start that are no
					 * arguments */
	unsigned call;			/* from the address that a call saves to
					 * where the caller goes on */
	unsigned writable_code;		/* its linkers make writable code */
	unsigned blind_handlers;	/* unwinders can't pass a handler */
	struct code landing;		/* at each entry */
	struct code isenabled_end;	/* after the is-enabled site's nop */
	struct code isenabled_no;	/* returns 0: before that site, or there
					 * if nothing has to jump to it */
	struct code isenabled_jump;	/* to there, after the landing */
	struct code fire_end;		/* after the DOF site's nop */
	struct code unused;		/* fills the rest */
	struct code nops[3];		/* the shortest first */
};

#define KEPT_WORDS	18	/* room for the registers that are kept */

/* Written by call_fire: the stack and frame pointers before the call; these and
 * all other preserved registers after it. */
__attribute__((used)) static uintptr_t kept_before[2],
    kept_after[2 + KEPT_WORDS];

void call_fire(const void *entry, size_t argc, const uint64_t *argv);
extern const char call_fire_return[];

#if defined(__x86_64__) && !defined(__ILP32__)

static const struct arch arch = {
	"x86_64", 6, { 1, { 0xcc } }, 1, 0, 0, 0, 0, 0,
	{ 4, { 0xf3, 0x0f, 0x1e, 0xfa } },
	{ 1, { 0xc3 } }, { 2, { 0x31, 0xc0 } }, { 2, { 0xeb, 0x08 } },
	{ 2, { 0xc9, 0xc3 } }, { 1, { 0xcc } }, {
		{ 1, { 0x90 } },
		{ 5, { 0x0f, 0x1f, 0x44, 0x00, 0x00 } },
		{ 10, { 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0 } },
	}
};
static const uintptr_t kept_values[KEPT_WORDS] = {
	0x1111111111111111, 0x2222222222222222, 0x3333333333333333,
	0x4444444444444444, 0x5555555555555555
};
#define KEPT_REGISTERS	5

__asm__(
"	.text\n"
"	.globl	call_fire, call_fire_return\n"
"	.type	call_fire, @function\n"
"call_fire:\n"
"	endbr64\n"
"	push	%rbp\n"
"	mov	%rsp, %rbp\n"
"	push	%rbx\n"
"	push	%r12\n"
"	push	%r13\n"
"	push	%r14\n"
"	push	%r15\n"
"	sub	$8, %rsp\n"
"	movabs	$0x1111111111111111, %rbx\n"
"	movabs	$0x2222222222222222, %r12\n"
"	movabs	$0x3333333333333333, %r13\n"
"	movabs	$0x4444444444444444, %r14\n"
"	movabs	$0x5555555555555555, %r15\n"
"	mov	%rsp, kept_before(%rip)\n"
"	mov	%rbp, kept_before+8(%rip)\n"
"	call	usdt__fire\n"
"call_fire_return:\n"
"	mov	%rsp, kept_after(%rip)\n"
"	mov	%rbp, kept_after+8(%rip)\n"
"	mov	%rbx, kept_after+16(%rip)\n"
"	mov	%r12, kept_after+24(%rip)\n"
"	mov	%r13, kept_after+32(%rip)\n"
"	mov	%r14, kept_after+40(%rip)\n"
"	mov	%r15, kept_after+48(%rip)\n"
"	mov	kept_before(%rip), %rsp\n"
"	mov	kept_before+8(%rip), %rbp\n"
"	add	$8, %rsp\n"
"	pop	%r15\n"
"	pop	%r14\n"
"	pop	%r13\n"
"	pop	%r12\n"
"	pop	%rbx\n"
"	pop	%rbp\n"
"	ret\n"
"	.size	call_fire, . - call_fire\n"
);

static uintptr_t
get_pc(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
}

static void
set_pc(ucontext_t *uc, uintptr_t pc)
{
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)pc;
}

static uintptr_t
get_sp(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[REG_RSP];
}

/* What usdt__fire has saved: the caller's frame pointer and return address. */
static const uintptr_t *
get_frame(const ucontext_t *uc)
{
	return (const uintptr_t *)uc->uc_mcontext.gregs[REG_RBP];
}

static uintptr_t
get_register(const ucontext_t *uc, unsigned n)
{
	static const int names[] = {
		REG_RDI, REG_RSI, REG_RDX, REG_RCX, REG_R8, REG_R9
	};

	return (uintptr_t)uc->uc_mcontext.gregs[names[n]];
}

/* The stack pointer when is-enabled was called; a call's return address lies
 * above it. */
static int *
get_flag(const ucontext_t *uc)
{
	return (int *)get_register(uc, 0);
}

/* As kernels do that answer in the return register. */
static void
set_result(ucontext_t *uc, int result)
{
	uc->uc_mcontext.gregs[REG_RAX] = result;
}

#define HAVE_ARCH
#define TRAP_FLAG_OF(uc)	((uc)->uc_mcontext.gregs[REG_EFL])
#endif

#if defined(__i386__)

static const struct arch arch = {
	"i386", 0, { 1, { 0xcc } }, 1, 0, 0, 0, 0, 0,
	{ 4, { 0xf3, 0x0f, 0x1e, 0xfb } },
	{ 1, { 0xc3 } }, { 2, { 0x31, 0xc0 } }, { 2, { 0xeb, 0x08 } },
	{ 2, { 0xc9, 0xc3 } }, { 1, { 0xcc } },
	{ { 1, { 0x90 } } }
};
static const uintptr_t kept_values[KEPT_WORDS] = {
	0x11111111, 0x22222222, 0x33333333
};
#define KEPT_REGISTERS	3

__asm__(
"	.text\n"
"	.globl	call_fire, call_fire_return\n"
"	.type	call_fire, @function\n"
"call_fire:\n"
"	endbr32\n"
"	push	%ebp\n"
"	mov	%esp, %ebp\n"
"	push	%ebx\n"
"	push	%esi\n"
"	push	%edi\n"
"	push	16(%ebp)\n"
"	push	12(%ebp)\n"
"	push	8(%ebp)\n"
"	call	1f\n"
"1:	pop	%ecx\n"
"	lea	kept_before-1b(%ecx), %ecx\n"
"	mov	%esp, (%ecx)\n"
"	mov	%ebp, 4(%ecx)\n"
"	mov	$0x11111111, %ebx\n"
"	mov	$0x22222222, %esi\n"
"	mov	$0x33333333, %edi\n"
"	call	usdt__fire\n"
"call_fire_return:\n"
"	call	2f\n"
"2:	pop	%ecx\n"
"	lea	kept_after-2b(%ecx), %edx\n"
"	lea	kept_before-2b(%ecx), %ecx\n"
"	mov	%esp, (%edx)\n"
"	mov	%ebp, 4(%edx)\n"
"	mov	%ebx, 8(%edx)\n"
"	mov	%esi, 12(%edx)\n"
"	mov	%edi, 16(%edx)\n"
"	mov	(%ecx), %esp\n"
"	mov	4(%ecx), %ebp\n"
"	add	$12, %esp\n"
"	pop	%edi\n"
"	pop	%esi\n"
"	pop	%ebx\n"
"	pop	%ebp\n"
"	ret\n"
"	.size	call_fire, . - call_fire\n"
);

static uintptr_t
get_pc(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[REG_EIP];
}

static void
set_pc(ucontext_t *uc, uintptr_t pc)
{
	uc->uc_mcontext.gregs[REG_EIP] = (greg_t)pc;
}

static uintptr_t
get_sp(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[REG_ESP];
}

static const uintptr_t *
get_frame(const ucontext_t *uc)
{
	return (const uintptr_t *)uc->uc_mcontext.gregs[REG_EBP];
}

static uintptr_t
get_register(const ucontext_t *uc, unsigned n)
{
	(void)uc;
	(void)n;
	return 0;
}

static int *
get_flag(const ucontext_t *uc)
{
	return ((int **)get_sp(uc))[1];
}

#define WIDE_OF(uc)	((uc)->uc_mcontext.gregs[REG_EDX])

static void
set_result(ucontext_t *uc, int result)
{
	uc->uc_mcontext.gregs[REG_EAX] = result;
}

#define HAVE_ARCH
#define TRAP_FLAG_OF(uc)	((uc)->uc_mcontext.gregs[REG_EFL])
#endif

#if defined(__aarch64__)

#define NOP	0x1f, 0x20, 0x03, 0xd5
#define RET	0xc0, 0x03, 0x5f, 0xd6

static const struct arch arch = {
	"aarch64", 8, { 4, { 0x00, 0x00, 0x20, 0xd4 } }, 0, 0, 0, 0, 0, 0,
	{ 4, { 0x5f, 0x24, 0x03, 0xd5 } }, { 4, { RET } },
	{ 4, { 0x00, 0x00, 0x80, 0xd2 } }, { 0, { 0 } }, { 4, { RET } },
	{ 4, { 0, 0, 0, 0 } }, { { 4, { NOP } } }
};
static const uintptr_t kept_values[KEPT_WORDS] = {
	0x1919191919191919, 0x2020202020202020, 0x2121212121212121,
	0x2222222222222222, 0x2323232323232323, 0x2424242424242424,
	0x2525252525252525, 0x2626262626262626, 0x2727272727272727,
	0x2828282828282828
};
#define KEPT_REGISTERS	10

__asm__(
"	.text\n"
"	.globl	call_fire, call_fire_return\n"
"	.type	call_fire, %function\n"
"call_fire:\n"
"	hint	#34\n"
"	stp	x29, x30, [sp, #-96]!\n"
"	mov	x29, sp\n"
"	stp	x19, x20, [sp, #16]\n"
"	stp	x21, x22, [sp, #32]\n"
"	stp	x23, x24, [sp, #48]\n"
"	stp	x25, x26, [sp, #64]\n"
"	stp	x27, x28, [sp, #80]\n"
"	adrp	x9, kept_values\n"
"	add	x9, x9, :lo12:kept_values\n"
"	ldp	x19, x20, [x9]\n"
"	ldp	x21, x22, [x9, #16]\n"
"	ldp	x23, x24, [x9, #32]\n"
"	ldp	x25, x26, [x9, #48]\n"
"	ldp	x27, x28, [x9, #64]\n"
"	adrp	x9, kept_before\n"
"	add	x9, x9, :lo12:kept_before\n"
"	mov	x10, sp\n"
"	stp	x10, x29, [x9]\n"
"	bl	usdt__fire\n"
"call_fire_return:\n"
"	adrp	x9, kept_after\n"
"	add	x9, x9, :lo12:kept_after\n"
"	mov	x10, sp\n"
"	stp	x10, x29, [x9]\n"
"	stp	x19, x20, [x9, #16]\n"
"	stp	x21, x22, [x9, #32]\n"
"	stp	x23, x24, [x9, #48]\n"
"	stp	x25, x26, [x9, #64]\n"
"	stp	x27, x28, [x9, #80]\n"
"	adrp	x9, kept_before\n"
"	add	x9, x9, :lo12:kept_before\n"
"	ldp	x10, x29, [x9]\n"
"	mov	sp, x10\n"
"	ldp	x19, x20, [sp, #16]\n"
"	ldp	x21, x22, [sp, #32]\n"
"	ldp	x23, x24, [sp, #48]\n"
"	ldp	x25, x26, [sp, #64]\n"
"	ldp	x27, x28, [sp, #80]\n"
"	ldp	x29, x30, [sp], #96\n"
"	ret\n"
"	.size	call_fire, . - call_fire\n"
);

static uintptr_t
get_pc(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.pc;
}

static void
set_pc(ucontext_t *uc, uintptr_t pc)
{
	uc->uc_mcontext.pc = pc;
}

static uintptr_t
get_sp(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.sp;
}

static const uintptr_t *
get_frame(const ucontext_t *uc)
{
	return (const uintptr_t *)uc->uc_mcontext.regs[29];
}

static uintptr_t
get_register(const ucontext_t *uc, unsigned n)
{
	return (uintptr_t)uc->uc_mcontext.regs[n];
}

static int *
get_flag(const ucontext_t *uc)
{
	return (int *)get_register(uc, 0);
}

static void
set_result(ucontext_t *uc, int result)
{
	uc->uc_mcontext.regs[0] = (unsigned)result;
}

#define HAVE_ARCH
#endif

#if defined(__riscv) && __riscv_xlen == 64

#define NOP	0x13, 0x00, 0x00, 0x00
#define RET	0x67, 0x80, 0x00, 0x00

static const struct arch arch = {
	"riscv64", 8, { 4, { 0x73, 0x00, 0x10, 0x00 } }, 0, 0, 0, 0, 0, 0,
	{ 4, { 0x17, 0x00, 0x00, 0x00 } }, { 4, { RET } },
	{ 4, { 0x13, 0x05, 0x00, 0x00 } }, { 0, { 0 } }, { 4, { RET } },
	{ 4, { 0, 0, 0, 0 } }, { { 4, { NOP } } }
};
static const uintptr_t kept_values[KEPT_WORDS] = {
	0x0101010101010101, 0x0202020202020202, 0x0303030303030303,
	0x0404040404040404, 0x0505050505050505, 0x0606060606060606,
	0x0707070707070707, 0x0808080808080808, 0x0909090909090909,
	0x1010101010101010, 0x1111111111111111
};
#define KEPT_REGISTERS	11

__asm__(
"	.text\n"
"	.globl	call_fire, call_fire_return\n"
"	.type	call_fire, @function\n"
"call_fire:\n"
"	addi	sp, sp, -112\n"
"	sd	ra, 104(sp)\n"
"	sd	s0, 96(sp)\n"
"	sd	s1, 88(sp)\n"
"	sd	s2, 80(sp)\n"
"	sd	s3, 72(sp)\n"
"	sd	s4, 64(sp)\n"
"	sd	s5, 56(sp)\n"
"	sd	s6, 48(sp)\n"
"	sd	s7, 40(sp)\n"
"	sd	s8, 32(sp)\n"
"	sd	s9, 24(sp)\n"
"	sd	s10, 16(sp)\n"
"	sd	s11, 8(sp)\n"
"	addi	s0, sp, 112\n"
"	lla	t0, kept_values\n"
"	ld	s1, 0(t0)\n"
"	ld	s2, 8(t0)\n"
"	ld	s3, 16(t0)\n"
"	ld	s4, 24(t0)\n"
"	ld	s5, 32(t0)\n"
"	ld	s6, 40(t0)\n"
"	ld	s7, 48(t0)\n"
"	ld	s8, 56(t0)\n"
"	ld	s9, 64(t0)\n"
"	ld	s10, 72(t0)\n"
"	ld	s11, 80(t0)\n"
"	lla	t0, kept_before\n"
"	sd	sp, 0(t0)\n"
"	sd	s0, 8(t0)\n"
"	call	usdt__fire\n"
"call_fire_return:\n"
"	lla	t0, kept_after\n"
"	sd	sp, 0(t0)\n"
"	sd	s0, 8(t0)\n"
"	sd	s1, 16(t0)\n"
"	sd	s2, 24(t0)\n"
"	sd	s3, 32(t0)\n"
"	sd	s4, 40(t0)\n"
"	sd	s5, 48(t0)\n"
"	sd	s6, 56(t0)\n"
"	sd	s7, 64(t0)\n"
"	sd	s8, 72(t0)\n"
"	sd	s9, 80(t0)\n"
"	sd	s10, 88(t0)\n"
"	sd	s11, 96(t0)\n"
"	lla	t0, kept_before\n"
"	ld	sp, 0(t0)\n"
"	ld	ra, 104(sp)\n"
"	ld	s0, 96(sp)\n"
"	ld	s1, 88(sp)\n"
"	ld	s2, 80(sp)\n"
"	ld	s3, 72(sp)\n"
"	ld	s4, 64(sp)\n"
"	ld	s5, 56(sp)\n"
"	ld	s6, 48(sp)\n"
"	ld	s7, 40(sp)\n"
"	ld	s8, 32(sp)\n"
"	ld	s9, 24(sp)\n"
"	ld	s10, 16(sp)\n"
"	ld	s11, 8(sp)\n"
"	addi	sp, sp, 112\n"
"	ret\n"
"	.size	call_fire, . - call_fire\n"
);

#define A0	10	/* x10 */

static uintptr_t
get_pc(const ucontext_t *uc)
{
	return uc->uc_mcontext.__gregs[REG_PC];
}

static void
set_pc(ucontext_t *uc, uintptr_t pc)
{
	uc->uc_mcontext.__gregs[REG_PC] = pc;
}

static uintptr_t
get_sp(const ucontext_t *uc)
{
	return uc->uc_mcontext.__gregs[REG_SP];
}

/* They lie below the place that s0 points to. */
static const uintptr_t *
get_frame(const ucontext_t *uc)
{
	return (const uintptr_t *)uc->uc_mcontext.__gregs[REG_S0] - 2;
}

static uintptr_t
get_register(const ucontext_t *uc, unsigned n)
{
	return uc->uc_mcontext.__gregs[A0 + n];
}

static int *
get_flag(const ucontext_t *uc)
{
	return (int *)get_register(uc, 0);
}

static void
set_result(ucontext_t *uc, int result)
{
	uc->uc_mcontext.__gregs[A0] = (unsigned)result;
}

#define HAVE_ARCH
#endif

#if defined(__sparc__) && defined(__arch64__)

#define NOP	0x01, 0x00, 0x00, 0x00
#define RETL	0x81, 0xc3, 0xe0, 0x08

/* An undefined instruction serves as a breakpoint: emulators know it. */
static const struct arch arch = {
	"sparc64", 6, { 4, { 0, 0, 0, 1 } }, 0, 2047, 176, 8, 1, 1,
	{ 0, { 0 } },
	{ 8, { RETL, NOP } }, { 4, { 0x90, 0x10, 0x20, 0x00 } }, { 0, { 0 } },
	{ 8, { RETL, NOP } }, { 4, { 0, 0, 0, 0 } },
	{ { 4, { NOP } } }
};
static const uintptr_t kept_values[KEPT_WORDS] = {
	0x1010101010101010, 0x1111111111111111, 0x1212121212121212,
	0x1313131313131313, 0x1414141414141414, 0x1515151515151515,
	0x1616161616161616, 0x1717171717171717
};
#define KEPT_REGISTERS	8

/*
 * A callee preserves the caller's own window.  Its frame is at its stack
 * pointer, which is the callee's %fp.
 */
void call_fire_with(const void *entry, size_t argc, const uint64_t *argv,
    const uintptr_t *values, uintptr_t *before, uintptr_t *after);

void
call_fire(const void *entry, size_t argc, const uint64_t *argv)
{
	call_fire_with(entry, argc, argv, kept_values, kept_before,
	    kept_after);
}

__asm__(
"	.section \".text\"\n"
"	.globl	call_fire_with, call_fire_return\n"
"	.type	call_fire_with, @function\n"
"call_fire_with:\n"
"	save	%sp, -176, %sp\n"
"	ldx	[%i3], %l0\n"
"	ldx	[%i3 + 8], %l1\n"
"	ldx	[%i3 + 16], %l2\n"
"	ldx	[%i3 + 24], %l3\n"
"	ldx	[%i3 + 32], %l4\n"
"	ldx	[%i3 + 40], %l5\n"
"	ldx	[%i3 + 48], %l6\n"
"	ldx	[%i3 + 56], %l7\n"
"	stx	%fp, [%i4]\n"
"	stx	%sp, [%i4 + 8]\n"
"	mov	%i0, %o0\n"
"	mov	%i1, %o1\n"
"	call	usdt__fire\n"
"	 mov	%i2, %o2\n"
"call_fire_return:\n"
"	stx	%fp, [%i5]\n"
"	stx	%sp, [%i5 + 8]\n"
"	stx	%l0, [%i5 + 16]\n"
"	stx	%l1, [%i5 + 24]\n"
"	stx	%l2, [%i5 + 32]\n"
"	stx	%l3, [%i5 + 40]\n"
"	stx	%l4, [%i5 + 48]\n"
"	stx	%l5, [%i5 + 56]\n"
"	stx	%l6, [%i5 + 64]\n"
"	stx	%l7, [%i5 + 72]\n"
"	return	%i7 + 8\n"
"	 nop\n"
"	.size	call_fire_with, . - call_fire_with\n"
);

/*
 * A handler's third argument is no ucontext_t here.  Below it is the frame in
 * which the system saved the interrupted window: %l0 to %l7, %i0 to %i7 and 64
 * bytes more.
 */
#define FRAME_BELOW	192
#define OUT		8	/* the globals come first */

static struct sigcontext *
registers(const ucontext_t *uc)
{
	return (struct sigcontext *)(uintptr_t)uc;
}

static uintptr_t
get_pc(const ucontext_t *uc)
{
	return registers(uc)->sigc_regs.tpc;
}

static void
set_pc(ucontext_t *uc, uintptr_t pc)
{
	registers(uc)->sigc_regs.tpc = pc;
	registers(uc)->sigc_regs.tnpc = pc + 4;
}

static uintptr_t
get_sp(const ucontext_t *uc)
{
	return registers(uc)->sigc_regs.u_regs[OUT + 6];
}

static const uintptr_t *
get_frame(const ucontext_t *uc)
{
	return (const uintptr_t *)((uintptr_t)uc - FRAME_BELOW) + 8 + 6;
}

static uintptr_t
get_register(const ucontext_t *uc, unsigned n)
{
	return registers(uc)->sigc_regs.u_regs[OUT + n];
}

static int *
get_flag(const ucontext_t *uc)
{
	return (int *)get_register(uc, 0);
}

static void
set_result(ucontext_t *uc, int result)
{
	registers(uc)->sigc_regs.u_regs[OUT] = (unsigned)result;
}

#define HAVE_ARCH
#endif

#if defined(__s390x__)

#define NOP	0x47, 0x00, 0x00, 0x00
#define RET	0x07, 0xfe

/* An undefined instruction serves as a breakpoint: the system says where it
 * ends. */
static const struct arch arch = {
	"s390x", 5, { 2, { 0x00, 0x00 } }, 2, 0, 160, 0, 0, 0,
	{ 0, { 0 } }, { 4, { RET, 0x07, 0x07 } },
	{ 4, { 0xa7, 0x29, 0x00, 0x00 } }, { 0, { 0 } }, { 2, { RET } },
	{ 2, { 0, 0 } }, { { 4, { NOP } } }
};
static const uintptr_t kept_values[KEPT_WORDS] = {
	0x0606060606060606, 0x0707070707070707, 0x0808080808080808,
	0x0909090909090909, 0x1010101010101010, 0x1212121212121212,
	0x1313131313131313
};
#define KEPT_REGISTERS	7
#define STACK_ALIGN	8

__asm__(
"	.text\n"
"	.globl	call_fire, call_fire_return\n"
"	.type	call_fire, @function\n"
"call_fire:\n"
"	stmg	%r6, %r15, 48(%r15)\n"
"	lgr	%r11, %r15\n"
"	aghi	%r15, -160\n"
"	larl	%r1, kept_before\n"
"	stg	%r15, 0(%r1)\n"
"	stg	%r11, 8(%r1)\n"
"	larl	%r1, kept_values\n"
"	lmg	%r6, %r10, 0(%r1)\n"
"	lmg	%r12, %r13, 40(%r1)\n"
"	brasl	%r14, usdt__fire\n"
"call_fire_return:\n"
"	larl	%r1, kept_after\n"
"	stg	%r15, 0(%r1)\n"
"	stg	%r11, 8(%r1)\n"
"	stmg	%r6, %r10, 16(%r1)\n"
"	stmg	%r12, %r13, 56(%r1)\n"
"	larl	%r1, kept_before\n"
"	lg	%r15, 0(%r1)\n"
"	lmg	%r6, %r15, 208(%r15)\n"
"	br	%r14\n"
"	.size	call_fire, . - call_fire\n"
);

static uintptr_t
get_pc(const ucontext_t *uc)
{
	return uc->uc_mcontext.psw.addr;
}

static void
set_pc(ucontext_t *uc, uintptr_t pc)
{
	uc->uc_mcontext.psw.addr = pc;
}

static uintptr_t
get_sp(const ucontext_t *uc)
{
	return uc->uc_mcontext.gregs[15];
}

/* They lie among the other registers that usdt__fire has saved. */
static const uintptr_t *
get_frame(const ucontext_t *uc)
{
	static uintptr_t frame[2];
	const uintptr_t *saved =
	    (const uintptr_t *)uc->uc_mcontext.gregs[11];

	frame[0] = saved[11];
	frame[1] = saved[14];
	return frame;
}

static uintptr_t
get_register(const ucontext_t *uc, unsigned n)
{
	return uc->uc_mcontext.gregs[2 + n];
}

static int *
get_flag(const ucontext_t *uc)
{
	return (int *)get_register(uc, 0);
}

static void
set_result(ucontext_t *uc, int result)
{
	uc->uc_mcontext.gregs[2] = (unsigned)result;
}

#define HAVE_ARCH
#endif

#if defined(__arm__) && defined(__ARMEL__)

#define NOP	0x00, 0xf0, 0x20, 0xe3
#define RET	0x1e, 0xff, 0x2f, 0xe1
#define UNDEFINED	0xf0, 0x00, 0xf0, 0xe7

/* Unwinders go by tables that only whole programs have. */
static const struct arch arch = {
	"armhf", 4, { 4, { UNDEFINED } }, 0, 0, 0, 0, 0, 1,
	{ 0, { 0 } }, { 4, { RET } },
	{ 4, { 0x00, 0x00, 0xa0, 0xe3 } }, { 0, { 0 } }, { 4, { RET } },
	{ 4, { UNDEFINED } }, { { 4, { NOP } } }
};
static const uintptr_t kept_values[KEPT_WORDS] = {
	0x04040404, 0x05050505, 0x06060606, 0x07070707, 0x08080808,
	0x09090909, 0x10101010
};
#define KEPT_REGISTERS	7
#define STACK_ALIGN	8
#define NO_REGISTERED_FRAMES

__asm__(
"	.text\n"
"	.syntax	unified\n"
"	.arm\n"
"	.balign	4\n"
"	.globl	call_fire, call_fire_return\n"
"	.type	call_fire, %function\n"
"call_fire:\n"
"	push	{r4, r5, r6, r7, r8, r9, r10, r11, ip, lr}\n"
"	add	r11, sp, #28\n"
"	ldr	r3, 2f\n"
"0:	add	r3, pc, r3\n"
"	str	sp, [r3]\n"
"	str	r11, [r3, #4]\n"
"	ldr	r3, 3f\n"
"1:	add	r3, pc, r3\n"
"	ldm	r3, {r4, r5, r6, r7, r8, r9, r10}\n"
"	bl	usdt__fire\n"
"call_fire_return:\n"
"	ldr	r3, 4f\n"
"5:	add	r3, pc, r3\n"
"	str	sp, [r3]\n"
"	str	r11, [r3, #4]\n"
"	add	r3, r3, #8\n"
"	stm	r3, {r4, r5, r6, r7, r8, r9, r10}\n"
"	ldr	r3, 7f\n"
"6:	add	r3, pc, r3\n"
"	ldr	sp, [r3]\n"
"	pop	{r4, r5, r6, r7, r8, r9, r10, r11, ip, pc}\n"
"2:	.long	kept_before - 0b - 8\n"
"3:	.long	kept_values - 1b - 8\n"
"4:	.long	kept_after - 5b - 8\n"
"7:	.long	kept_before - 6b - 8\n"
"	.size	call_fire, . - call_fire\n"
#if defined(__thumb__)
"	.thumb\n"
#endif
);

static uintptr_t
get_pc(const ucontext_t *uc)
{
	return uc->uc_mcontext.arm_pc;
}

static void
set_pc(ucontext_t *uc, uintptr_t pc)
{
	uc->uc_mcontext.arm_pc = pc;
}

static uintptr_t
get_sp(const ucontext_t *uc)
{
	return uc->uc_mcontext.arm_sp;
}

static const uintptr_t *
get_frame(const ucontext_t *uc)
{
	static uintptr_t frame[2];

	frame[0] = uc->uc_mcontext.arm_fp;
	frame[1] = ((const uintptr_t *)uc->uc_mcontext.arm_r8)[1];
	return frame;
}

static uintptr_t
get_register(const ucontext_t *uc, unsigned n)
{
	return (&uc->uc_mcontext.arm_r0)[n];
}

static int *
get_flag(const ucontext_t *uc)
{
	return (int *)get_register(uc, 0);
}

#define WIDE_OF(uc)	((uc)->uc_mcontext.arm_ip)

static void
set_result(ucontext_t *uc, int result)
{
	uc->uc_mcontext.arm_r0 = (unsigned)result;
}

#define HAVE_ARCH
#endif

#if defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)

#define NOP	0x00, 0x00, 0x00, 0x60
#define RET	0x20, 0x00, 0x80, 0x4e

static const struct arch arch = {
	"ppc64le", 8, { 4, { 0x08, 0x00, 0xe0, 0x7f } }, 0, 0, 96, 0, 0, 0,
	{ 0, { 0 } }, { 4, { RET } },
	{ 4, { 0x00, 0x00, 0x60, 0x38 } }, { 0, { 0 } }, { 4, { RET } },
	{ 4, { 0, 0, 0, 0 } }, { { 4, { NOP } } }
};
static const uintptr_t kept_values[KEPT_WORDS] = {
	0x1414141414141414, 0x1515151515151515, 0x1616161616161616,
	0x1717171717171717, 0x1818181818181818, 0x1919191919191919,
	0x2020202020202020, 0x2121212121212121, 0x2222222222222222,
	0x2323232323232323, 0x2424242424242424, 0x2525252525252525,
	0x2626262626262626, 0x2727272727272727, 0x2828282828282828,
	0x2929292929292929, 0x3030303030303030
};
#define KEPT_REGISTERS	17

/* Register 31 is the frame pointer. */
void call_fire_with(const void *entry, size_t argc, const uint64_t *argv,
    const uintptr_t *values, uintptr_t *before, uintptr_t *after);

void
call_fire(const void *entry, size_t argc, const uint64_t *argv)
{
	call_fire_with(entry, argc, argv, kept_values, kept_before,
	    kept_after);
}

#define EACH_KEPT(op, base)						\
"	" op "	14, 0(" base ")\n"					\
"	" op "	15, 8(" base ")\n"					\
"	" op "	16, 16(" base ")\n"					\
"	" op "	17, 24(" base ")\n"					\
"	" op "	18, 32(" base ")\n"					\
"	" op "	19, 40(" base ")\n"					\
"	" op "	20, 48(" base ")\n"					\
"	" op "	21, 56(" base ")\n"					\
"	" op "	22, 64(" base ")\n"					\
"	" op "	23, 72(" base ")\n"					\
"	" op "	24, 80(" base ")\n"					\
"	" op "	25, 88(" base ")\n"					\
"	" op "	26, 96(" base ")\n"					\
"	" op "	27, 104(" base ")\n"					\
"	" op "	28, 112(" base ")\n"					\
"	" op "	29, 120(" base ")\n"					\
"	" op "	30, 128(" base ")\n"

__asm__(
"	.text\n"
"	.globl	call_fire_with, call_fire_return\n"
"	.type	call_fire_with, @function\n"
"call_fire_with:\n"
"	mflr	0\n"
"	std	0, 16(1)\n"
"	std	31, -8(1)\n"
"	mr	31, 1\n"
"	stdu	1, -256(1)\n"
"	std	8, 32(1)\n"		/* after */
"	addi	9, 1, 64\n"
EACH_KEPT("std", "9")
EACH_KEPT("ld", "6")
"	std	1, 0(7)\n"
"	std	31, 8(7)\n"
"	bl	usdt__fire\n"
"call_fire_return:\n"
"	ld	8, 32(1)\n"
"	std	1, 0(8)\n"
"	std	31, 8(8)\n"
"	addi	8, 8, 16\n"
EACH_KEPT("std", "8")
"	addi	9, 1, 64\n"
EACH_KEPT("ld", "9")
"	addi	1, 1, 256\n"
"	ld	31, -8(1)\n"
"	ld	0, 16(1)\n"
"	mtlr	0\n"
"	blr\n"
"	.size	call_fire_with, . - call_fire_with\n"
);

static uintptr_t
get_pc(const ucontext_t *uc)
{
	return uc->uc_mcontext.regs->nip;
}

static void
set_pc(ucontext_t *uc, uintptr_t pc)
{
	uc->uc_mcontext.regs->nip = pc;
}

static uintptr_t
get_sp(const ucontext_t *uc)
{
	return uc->uc_mcontext.regs->gpr[1];
}

/* They lie on both sides of the place that register 31 points to. */
static const uintptr_t *
get_frame(const ucontext_t *uc)
{
	static uintptr_t frame[2];
	const uintptr_t *at =
	    (const uintptr_t *)uc->uc_mcontext.regs->gpr[31];

	frame[0] = at[-1];
	frame[1] = at[2];
	return frame;
}

static uintptr_t
get_register(const ucontext_t *uc, unsigned n)
{
	return uc->uc_mcontext.regs->gpr[3 + n];
}

static int *
get_flag(const ucontext_t *uc)
{
	return (int *)get_register(uc, 0);
}

static void
set_result(ucontext_t *uc, int result)
{
	uc->uc_mcontext.regs->gpr[3] = (unsigned)result;
}

#define HAVE_ARCH
#endif

#if defined(HAVE_ARCH)

/* --- in place of a tracer ----------------------------------------------- */

#if !defined(STACK_ALIGN)
#define STACK_ALIGN	16
#endif
#define BELOW_STACK	256	/* bytes that the kernel's call may overwrite */

enum site { SDT = 1, DOF = 2, ISENABLED = 4, UPROBE = 8 };

struct hit {
	uintptr_t pc, sp;
	uintptr_t return_address, callers_frame;
	uintptr_t arguments[USDT_ARG_MAX];
	uint64_t wide[USDT_ARG_MAX];
};

static uint8_t *code;			/* the stub that runs */
static const struct usdt__stub *stub;	/* the stub that it is a copy of */
static struct hit hits[4];
static unsigned hit_count;
static size_t fired_argc;		/* by test_firing */
static int *flag_seen;			/* by the is-enabled site */
static int flag_was, answer;

/* See test_unwinding. */
#define UNWIND	(2 * USDT__STUB_MAX)	/* its offset in the stub's page */
static const uint8_t *beside_stub;
static uintptr_t main_address;
static void look_up(uintptr_t pc, uintptr_t next);
#if defined(TRAP_FLAG_OF)
static int stepping, steps;
static uintptr_t step_return;
static void step(ucontext_t *uc);
#else
static int unwinding;
#endif

/* The length of the nop that begins here, or 0 if it is none that we know. */
static unsigned
nop_size(const uint8_t *bytes, unsigned room)
{
	size_t i;

	for (i = sizeof arch.nops / sizeof arch.nops[0]; i-- > 0;)
		if (arch.nops[i].size > 0 && arch.nops[i].size <= room &&
		    memcmp(bytes, arch.nops[i].bytes, arch.nops[i].size) == 0)
			return arch.nops[i].size;
	return 0;
}

/* The memory accessed here belongs to frames in use. */
#define ANY_MEMORY	__attribute__((no_sanitize("address")))

ANY_MEMORY static uintptr_t
argument(const ucontext_t *uc, unsigned n)
{
	if (n < arch.registers)
		return get_register(uc, n);
	return ((const uintptr_t *)(get_sp(uc) + arch.bias + arch.head))
	    [n - arch.registers];
}

/* Does this code stand there? */
static int
is_code(const uint8_t *bytes, const struct code *expected)
{
	return memcmp(bytes, expected->bytes, expected->size) == 0;
}

/* The same with a copy of the arguments; there is room for so many. */
ANY_MEMORY static uint64_t
wide_argument(const ucontext_t *uc, unsigned n)
{
#if defined(WIDE_OF)
	const void *all = (const void *)(uintptr_t)WIDE_OF(uc);

	return n < fired_argc ? ((const uint64_t *)all)[n] : 0;
#else
	return argument(uc, n);
#endif
}

/* Change what a call in place of a nop would change. */
ANY_MEMORY static void
spoil(volatile uint8_t *sp)
{
	int i;

	for (i = 1; i <= BELOW_STACK; i++)
		sp[-i] = 0xa5;
}

/* SIGTRAP or SIGILL, on a stack of its own. */
ANY_MEMORY static void
trap(int number, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	struct hit *hit = &hits[hit_count];
	uintptr_t offset;
	unsigned i;

	(void)number;
	(void)info;
#if defined(TRAP_FLAG_OF)
	if (stepping) {
		step(uc);
		return;
	}
#endif
	offset = get_pc(uc) - arch.trap_pc - (uintptr_t)code;
	if (offset >= stub->size || hit_count == 4)
		_exit(100);		/* no breakpoint of ours */
#if !defined(TRAP_FLAG_OF)
	if (unwinding)
		look_up(get_pc(uc), 0);
#endif
	hit_count++;
	hit->pc = offset;
	hit->sp = get_sp(uc);
	if (offset == stub->isenabled_site) {
		set_pc(uc, (uintptr_t)code + offset + arch.nops[0].size);
		if (stub->answer == USDT__ISENABLED_REGISTER) {
			if (answer)
				set_result(uc, 1);
			else if (arch.isenabled_jump.size == 0)
				set_result(uc, 0);	/* as a tracer would */
			return;
		}
		flag_seen = get_flag(uc);
		flag_was = *flag_seen;
		if (answer)
			*flag_seen = 1;
		return;
	}
	set_pc(uc, (uintptr_t)code + offset + nop_size(stub->code + offset,
	    stub->size - (unsigned)offset));
	for (i = 0; i < USDT_ARG_MAX; i++)
		hit->arguments[i] = argument(uc, i);
	for (i = 0; i < USDT_ARG_MAX; i++)
		hit->wide[i] = wide_argument(uc, i);
	hit->callers_frame = get_frame(uc)[0];
	hit->return_address = get_frame(uc)[1] + arch.call;
	spoil((volatile uint8_t *)hit->sp + arch.bias);
}

static void
catch_traps(void)
{
	static char own_stack[65536];
	stack_t stack;
	struct sigaction action;

	memset(&stack, 0, sizeof stack);
	stack.ss_sp = own_stack;
	stack.ss_size = sizeof own_stack;
	sigaltstack(&stack, NULL);
	memset(&action, 0, sizeof action);
	action.sa_sigaction = trap;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK;
	sigaction(SIGTRAP, &action, NULL);
	sigaction(SIGILL, &action, NULL);
}

static void
put_breakpoint(uint32_t site)
{
	memcpy(code + site, arch.breakpoint.bytes, arch.breakpoint.size);
}

/* Put a stub with breakpoints into memory that is executable as in an image. */
static void
place(const struct usdt__stub *which, int sites)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	stub = which;
	if (code == NULL)
		code = mmap(NULL, page, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (code == MAP_FAILED ||
	    mprotect(code, page, PROT_READ | PROT_WRITE) < 0)
		abort();
	memcpy(code, stub->code, stub->size);
	if (sites & UPROBE)
		put_breakpoint(stub->uprobe_site);
	if (sites & SDT)
		put_breakpoint(stub->sdt_site);
	if (sites & DOF)
		put_breakpoint(stub->dof_site);
	if (sites & ISENABLED)
		put_breakpoint(stub->isenabled_site);
	if (beside_stub != NULL)
		memcpy(code + UNWIND, beside_stub, USDT__UNWIND_MAX);
	__builtin___clear_cache((char *)code, (char *)code + stub->size);
	if (mprotect(code, page, PROT_READ | PROT_EXEC) < 0)
		abort();
	hit_count = 0;
	memset(hits, 0, sizeof hits);
}

/* --- what the bytes are ------------------------------------------------- */

static void
test_bytes(const struct usdt__stub *s)
{
	/* A nop of "1" is the processor's shortest. */
	unsigned nop = s->nop == 1 ? arch.nops[0].size : s->nop;
	unsigned end = s->dof_site, first = s->fire + arch.landing.size;
	unsigned i, known = 0;

	for (i = 0; i < sizeof arch.nops / sizeof arch.nops[0]; i++)
		known |= nop > 0 && arch.nops[i].size == nop;
	if (!ok(known != 0, "%u-byte nop: is one for this processor", nop))
		return;
	if (s->uprobe_site != 0) {
		is_int(s->uprobe_site, first,
		    "%u-byte nop: the uprobe site follows the entry", nop);
		is_int(nop_size(s->code + s->uprobe_site, nop), nop,
		    "%u-byte nop: is at the uprobe site", nop);
		first += nop;
	}
	is_int(s->sdt_site, first, "%u-byte nop: the SDT site follows %s", nop,
	    s->uprobe_site != 0 ? "that" : "the entry");
	is_int(nop_size(s->code + s->sdt_site, nop), nop,
	    "%u-byte nop: is at the SDT site", nop);
	is_int(s->dof_site, s->sdt_site + nop,
	    "%u-byte nop: the DOF site is directly after it", nop);
	is_int(nop_size(s->code + s->dof_site, nop), nop,
	    "%u-byte nop: the DOF site has the same nop", nop);
	end = s->dof_site + nop;
	ok(is_code(s->code + end, &arch.fire_end),
	    "%u-byte nop: then the stub returns", nop);
	end += arch.fire_end.size;
	if (s->answer == USDT__ISENABLED_REGISTER &&
	    arch.isenabled_jump.size > 0) {
		ok(is_code(s->code + s->isenabled + arch.landing.size,
		    &arch.isenabled_jump) &&
		    is_code(s->code + end, &arch.isenabled_no),
		    "answered in a register: is-enabled jumps to what makes "
		    "it 0");
		end += arch.isenabled_no.size;
		is_int(s->isenabled_site, end, "and then the site");
		end += arch.nops[0].size + arch.isenabled_end.size;
	} else {
		is_int(s->isenabled_site, s->isenabled + arch.landing.size,
		    "%u-byte nop: the is-enabled site follows the entry",
		    nop);
	}
	for (i = end; i < s->size; i += arch.unused.size)
		try(is_code(s->code + i, &arch.unused), "byte %u is 0x%02x",
		    i, s->code[i]);
	try(s->size == (end <= 32 ? 32 : 64) && end <= s->size,
	    "%u bytes of %u", end, s->size);
	ok_all("%u-byte nop: the rest of %u bytes is never run", nop, s->size);
	ok(is_code(s->code + s->isenabled, &arch.landing) &&
	    is_code(s->code + s->fire, &arch.landing),
	    "%u-byte nop: both entries may be jumped to", nop);
	ok(is_code(s->code + s->isenabled_site,
	    s->answer == USDT__ISENABLED_REGISTER &&
	    arch.isenabled_jump.size == 0 ? &arch.isenabled_no :
	    &arch.nops[0]) &&
	    is_code(s->code + s->isenabled_site + arch.nops[0].size,
	    &arch.isenabled_end),
	    "%u-byte nop: the is-enabled site is as short, and returns", nop);
	ok(s->isenabled == 0 && 4096 % s->size == 0,
	    "%u-byte nop: begins the stub, which lies in one page", nop);
	ok(s->fire == usdt__stubs[0].fire &&
	    s->isenabled == usdt__stubs[0].isenabled,
	    "%u-byte nop: entries are where usdt_probe.c looks for them",
	    nop);
}

/* What a tracer or debugger puts at a site: nothing, a breakpoint, or the call of
 * recent kernels to a page at TO (from the stub). */
enum patch { NONE, BREAKPOINT, CALL, PATCHES };

static void
patch(uint8_t *bytes, unsigned at, unsigned nop, enum patch by, uint32_t to)
{
	static const uint8_t lea[] = { 0x48, 0x8d, 0x64, 0x24, 0x80 };

	if (by == BREAKPOINT)
		memcpy(bytes + at, arch.breakpoint.bytes, arch.breakpoint.size);
	if (by != CALL)
		return;
	if (nop == 10) {
		memcpy(bytes + at, lea, sizeof lea);
		at += sizeof lea;
	}
	to -= at + 5;
	bytes[at] = 0xe8;
	memcpy(bytes + at + 1, &to, sizeof to);
}

/* A patched site shows in the sum of the stub's bytes. */
static void
test_sum(const struct usdt__stub *s)
{
	const unsigned sites[] = { s->sdt_site, s->dof_site, s->uprobe_site };
	const unsigned n = s->uprobe_site != 0 ? 3 : 2;
	const unsigned kinds = s->nop >= 5 ? PATCHES : CALL;
	const uintptr_t plain = usdt__stub_plain(s);
	unsigned combinations = n == 3 ? kinds * kinds * kinds : kinds * kinds;
	unsigned i, k, rest;
	uint32_t to;

	if (usdt__native_arch()->direct == 0)
		return;		/* a fire always runs through its stub */
	if (s->uprobe_site != 0 && s->nop == 10) {
		ok(plain == 0, "the pieces have not all sites of this stub");
		return;
	}
	ok(plain == usdt__stub_sum(s->code + s->fire),
	    "%u-byte nop: the sum of an unpatched stub", s->nop);
	for (i = 1; i < combinations; i++)
		for (k = 0; k < 10000; k++) {
			uint8_t bytes[USDT__STUB_MAX];
			unsigned site;

			to = k * 2654435761u & ~31u;
			memcpy(bytes, s->code, sizeof bytes);
			for (site = 0, rest = i; site < n; site++) {
				patch(bytes, sites[site], s->nop,
				    (enum patch)(rest % kinds), to);
				rest /= kinds;
			}
			try(usdt__stub_sum(bytes + s->fire) != plain,
			    "combination %u, to %#x", i, to);
		}
	ok_all("%u-byte nop: each way to patch its sites shows in the sum",
	    s->nop);
}

/*
 * Documents for other processors get the places of sites from the row: it must
 * agree with the assembly, for the shortest nop.
 */
static void
test_row(void)
{
	const struct usdt__arch *row = usdt__native_arch();
	const struct usdt__stub *s;
	unsigned answer_of, i;

	for (answer_of = 0; answer_of < 2; answer_of++) {
		s = NULL;
		for (i = 0; i < usdt__stub_count; i++)
			if (usdt__stubs[i].answer == answer_of &&
			    (s == NULL || usdt__stubs[i].nop < s->nop))
				s = &usdt__stubs[i];
		ok(s != NULL, "convention %u: has a stub", answer_of);
		if (s == NULL)
			continue;
		is_int(row->sites[answer_of].isenabled, s->isenabled_site,
		    "the row's is-enabled site is the stub's");
		is_int(row->sites[answer_of].dof, s->dof_site,
		    "and its DOF site too");
	}
	is_int(usdt__stub_choose(0)->answer,
	    usdt__native_platform()->isenabled,
	    "the chosen stub answers is-enabled as this system does");
}

/* --- firing ------------------------------------------------------------- */

/*
 * Room for ARGC words, of which the next one, or if FIRST the one before, can't
 * be read.
 */
static uint64_t *
words_at_edge(size_t argc, int first)
{
	static uint8_t *pages;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (pages == NULL) {
		pages = mmap(NULL, 3 * page, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (pages == MAP_FAILED ||
		    mprotect(pages + page, page, PROT_READ | PROT_WRITE) < 0)
			abort();
	}
	if (first)
		return (uint64_t *)(void *)(pages + page);
	return (uint64_t *)(void *)(pages + 2 * page) - argc;
}

/* A value of its own for each argument, with all bytes different. */
static uint64_t
word(unsigned n)
{
	return UINT64_C(0x9182736455463728) ^
	    (n + 1) * UINT64_C(0x0107030d05110b13);
}

/* What a word of the machine has of it. */
static uintptr_t
value(unsigned n)
{
	return (uintptr_t)word(n);
}

static void
check_hit(const struct hit *hit, unsigned expected_pc, size_t argc)
{
	size_t i;

	try(hit->pc == expected_pc, "argc %zu: trapped at %lu, not at %u",
	    argc, (unsigned long)hit->pc, expected_pc);
	for (i = 0; i < argc; i++)
		try(hit->arguments[i] == value((unsigned)i),
		    "argc %zu: argument %zu is %#lx", argc, i,
		    (unsigned long)hit->arguments[i]);
	for (i = 0; i < argc; i++)
		try(hit->wide[i] == word((unsigned)i),
		    "argc %zu: argument %zu as 8 bytes is %#llx", argc, i,
		    (unsigned long long)hit->wide[i]);
	try((hit->sp + arch.bias) % STACK_ALIGN == 0,
	    "argc %zu: stack pointer is %#lx", argc,
	    (unsigned long)hit->sp);
	try(hit->return_address == (uintptr_t)call_fire_return,
	    "argc %zu: return address is %#lx", argc,
	    (unsigned long)hit->return_address);
	try(hit->callers_frame == kept_before[1],
	    "argc %zu: the caller's frame is %#lx", argc,
	    (unsigned long)hit->callers_frame);
}

static void
check_kept(size_t argc)
{
	int i;

	try(kept_after[0] == kept_before[0] && kept_after[1] == kept_before[1],
	    "argc %zu: stack or frame pointer changed", argc);
	for (i = 0; i < KEPT_REGISTERS; i++)
		try(kept_after[2 + i] == kept_values[i],
		    "argc %zu: kept register %d is %#lx", argc, i,
		    (unsigned long)kept_after[2 + i]);
}

static void
test_firing(const struct usdt__stub *s, int sites, const char *where)
{
	size_t argc;
	unsigned i, n;
	int first;
	uint64_t *argv;

	for (argc = 0; argc <= USDT_ARG_MAX; argc++)
		for (first = 0; first < 2; first++) {
			argv = words_at_edge(argc, first);
			for (i = 0; i < argc; i++)
				argv[i] = word(i);
			place(s, sites);
			fired_argc = argc;
			call_fire(code + s->fire, argc, argv);
			check_kept(argc);
			n = 0;
			if (sites & UPROBE)
				check_hit(&hits[n++], s->uprobe_site, argc);
			if (sites & SDT)
				check_hit(&hits[n++], s->sdt_site, argc);
			if (sites & DOF)
				check_hit(&hits[n++], s->dof_site, argc);
			try(hit_count == n, "argc %zu: %u traps, not %u",
			    argc, hit_count, n);
			for (i = 0; i < argc; i++)
				try(argv[i] == word(i),
				    "argc %zu: word %u was changed", argc, i);
		}
	ok_all("%u-byte nop: 0 to %d arguments, %s", s->nop, USDT_ARG_MAX,
	    where);
}

/* --- is-enabled --------------------------------------------------------- */

static void
test_isenabled(const struct usdt__stub *s)
{
	union {
		uint8_t *code;
		int (*call)(int *);
	} entry;
	int flag, result;

	place(s, 0);
	entry.code = code + s->isenabled;
	flag = 0;
	result = entry.call(&flag);
	is_int(s->answer == USDT__ISENABLED_REGISTER ? result : flag, 0,
	    "%u-byte nop: is-enabled is 0 without a tracer", s->nop);
	place(s, ISENABLED);
	answer = 1;
	flag_seen = NULL;
	result = entry.call(&flag);
	if (s->answer == USDT__ISENABLED_REGISTER) {
		ok(hit_count == 1 && flag == 0 && result == 1,
		    "answered in a register: is-enabled returns it");
		answer = 0;
		place(s, ISENABLED);
		is_int(entry.call(&flag), 0, "also if it is no");
		return;
	}
	ok(hit_count == 1 && flag_seen == &flag && flag_was == 0,
	    "%u-byte nop: its site has the flag's address", s->nop);
	is_int(flag, 1, "%u-byte nop: is-enabled is the value written there",
	    s->nop);
	answer = 0;
}

/* --- through the public calls ------------------------------------------- */

static void
bind(usdt_probedef_t *def, const uint32_t *gate)
{
	const struct usdt__binding to = { .gate = gate, .stub = code };

	usdt__probe_bind(def, &to);
}

static void
test_gate(usdt_probedef_t *def)
{
	static uint32_t gate;
	uint16_t *semaphore = (uint16_t *)(void *)&gate;

	place(&usdt__stubs[0], ISENABLED);
	answer = 1;
	gate = 0;
	usdt__guard_renew();
	bind(def, &gate);
	ok(usdt_is_enabled(def->probe) == 0 && usdt_probe_enabled(def) == 0 &&
	    hit_count == 0, "gate 0: not enabled, no tracer is asked");
	*semaphore = 1;
	ok(usdt_is_enabled(def->probe) == 1 && usdt_probe_enabled(def) == 1 &&
	    hit_count == 0, "semaphore: enabled, no tracer is asked");
	*semaphore = 0;
	semaphore[1] = 1;
	ok(usdt_is_enabled(def->probe) == 1 && usdt_probe_enabled(def) == 1 &&
	    hit_count == 0, "a reader: enabled, no tracer is asked");
	semaphore[1] = 0;
	usdt__probe_set_helped(def, 1);
	is_int((int)gate, 0, "a helper that comes leaves the gate as it is");
	ok(usdt_is_enabled(def->probe) == 1 && hit_count == 1,
	    "helper: the is-enabled site is asked, and says yes");
	answer = 0;
	ok(usdt_is_enabled(def->probe) == 0 && usdt_probe_enabled(def) == 0 &&
	    hit_count == 3, "helper: it is asked again, and says no");
	*semaphore = 7;
	ok(usdt_is_enabled(def->probe) == 1 && hit_count == 3,
	    "helper and semaphore: no tracer is asked");
	*semaphore = 0;
	semaphore[1] = 1;
	ok(usdt_is_enabled(def->probe) == 1 && hit_count == 3,
	    "helper and reader: no tracer is asked");
	usdt__probe_set_helped(def, 0);
	is_int((int)semaphore[1], 1, "and so does one that goes");
	usdt__probe_unbind(def);
	ok(usdt_is_enabled(def->probe) == 0 && usdt_probe_enabled(def) == 0,
	    "not visible: not enabled, whatever the gate says");
}

static void
test_words(usdt_probedef_t *def)
{
	static uint32_t gate;
	void *argv[USDT_ARG_MAX + 8];
	unsigned i;
	size_t given;

	for (i = 0; i < USDT_ARG_MAX + 8; i++)
		argv[i] = (void *)value(i);
	for (given = 0; given <= USDT_ARG_MAX + 8; given++) {
		place(&usdt__stubs[0], SDT);
		bind(def, &gate);
		if (given == USDT_ARG_MAX + 1)
			usdt_probe_fire(def, given, argv);
		else
			usdt_fire_probe(def->probe, given, argv);
		try(hit_count == 1, "%zu words: %u traps", given, hit_count);
		for (i = 0; i < def->argc; i++)
			try(hits[0].arguments[i] == (i < given ? value(i) : 0),
			    "%zu words: argument %u is %#lx", given, i,
			    (unsigned long)hits[0].arguments[i]);
	}
	ok_all("missing words are 0, surplus ones are ignored");
	place(&usdt__stubs[0], SDT);
	bind(def, &gate);
	usdt_fire_probe(def->probe, def->argc, NULL);
	try(hit_count == 1, "%u traps", hit_count);
	for (i = 0; i < def->argc; i++)
		try(hits[0].arguments[i] == 0, "argument %u is %#lx", i,
		    (unsigned long)hits[0].arguments[i]);
	ok_all("without words all are 0");
	usdt__probe_unbind(def);
	usdt_fire_probe(def->probe, def->argc, argv);
	usdt_probe_fire(def, def->argc, argv);
	is_int(hit_count, 1, "a hidden probe does not fire");
}

static void
check_wide(const char *call, size_t argc, const uint64_t *expected)
{
	size_t i;

	try(hit_count == 1, "%s: %u traps", call, hit_count);
	for (i = 0; i < argc; i++)
		try(hits[0].wide[i] == expected[i] &&
		    hits[0].arguments[i] == (uintptr_t)expected[i],
		    "%s: argument %zu is %#lx, as 8 bytes %#llx", call, i,
		    (unsigned long)hits[0].arguments[i],
		    (unsigned long long)hits[0].wide[i]);
}

/* What do words of 32 bits become, and do those of 64 bits arrive whole? */
static void
test_wide_words(void)
{
	const char *types[] = {
		"int64_t", "uint64_t", "long long b", "int64_t *", "double"
	};
	enum { ARGC = sizeof types / sizeof types[0] };
	static uint32_t gate;
	usdt_probedef_t *def = usdt_create_probe("f", "wide", ARGC, types);
	void *argv[ARGC];
	uint64_t words[ARGC], some[ARGC] = { 0 };
	size_t i;

	if (!ok(def != NULL, "a probe with wide arguments"))
		return;
	for (i = 0; i < ARGC; i++) {
		argv[i] = (void *)(intptr_t)-2;
		words[i] = i == 0 || i == 2 ? (uint64_t)-2 : (uintptr_t)-2;
	}
	place(&usdt__stubs[0], SDT);
	bind(def, &gate);
	fired_argc = ARGC;
	usdt_probe_fire(def, ARGC, argv);
	check_wide("usdt_probe_fire", ARGC, words);
	place(&usdt__stubs[0], SDT);
	usdt_probe_fire(def, 1, argv);
	some[0] = words[0];
	check_wide("usdt_probe_fire of 1", ARGC, some);
	for (i = 0; i < ARGC; i++)
		words[i] = word((unsigned)i);
	place(&usdt__stubs[0], SDT);
	usdt_probe_fire64(def, ARGC, words);
	check_wide("usdt_probe_fire64", ARGC, words);
	place(&usdt__stubs[0], SDT);
	usdt_probe_fire64(def, 1, words);
	some[0] = words[0];
	check_wide("usdt_probe_fire64 of 1", ARGC, some);
	ok_all("words are extended as their types want it, and 64 bits arrive "
	    "whole");
	usdt_probe_release(def);
}

static void
test_calls(void)
{
	const char *types[] = {
		"int", "int", "int", "int", "int", "int", "int", "int", "int"
	};
	usdt_probedef_t *def = usdt_create_probe("f", "n", 9, types);

	if (!ok(def != NULL, "a probe with 9 arguments"))
		return;
	test_gate(def);
	test_words(def);
	test_wide_words();
	usdt_probe_release(def);
}

/* --- unwinding ---------------------------------------------------------- */

/*
 * Beside a stub lies what an unwinder needs, as in an image, and libgcc's
 * unwinder is registered with it.
 */
#if defined(NO_REGISTERED_FRAMES)	/* handlers are blind there */
#define __register_frame(frames)	((void)(frames))
#define __deregister_frame(frames)	((void)(frames))
#else
void __register_frame(void *frames);
void __deregister_frame(void *frames);
#endif

/* Can the code at PC be unwound to main, by way of NEXT if that is not 0? */
static void
look_up(uintptr_t pc, uintptr_t next)
{
	void *frames[32];
	int i, n, here = -1, up = -1, at_main = -1;

	n = backtrace(frames, 32);
	for (i = 0; i < n; i++) {
		if ((uintptr_t)frames[i] == pc)
			here = i;
		if ((uintptr_t)frames[i] == next)
			up = i;
		if ((uintptr_t)frames[i] == main_address)
			at_main = i;
	}
	if (next == 0)
		up = here + 1;
	try(here > 0 && up == here + 1 && at_main > up,
	    "%s+%lu: frames %d, caller %d, main %d of %d",
	    pc - (uintptr_t)code < stub->size ? "stub" : "usdt__fire",
	    (unsigned long)(pc - (pc - (uintptr_t)code < stub->size ?
	    (uintptr_t)code : (uintptr_t)usdt__fire)), here, up, at_main, n);
}

#if defined(TRAP_FLAG_OF)	/* a program can single-step itself */

#define TRAP_FLAG	0x100	/* in the flags: trap after each instruction */

/*
 * Single-step from the breakpoint in fire_in_steps until the function called
 * there has returned; each instruction must find its way to main.
 */
static void
step(ucontext_t *uc)
{
	uintptr_t pc = get_pc(uc);

	if (step_return != 0 && pc == step_return) {
		TRAP_FLAG_OF(uc) &= ~TRAP_FLAG;
		stepping = 0;
		return;
	}
	TRAP_FLAG_OF(uc) |= TRAP_FLAG;
	if (step_return == 0 && (pc == (uintptr_t)usdt__fire ||
	    pc == (uintptr_t)code + stub->isenabled))
		step_return = *(const uintptr_t *)get_sp(uc);
	if (step_return != 0) {
		steps++;
		look_up(pc, step_return);
	}
}

/*
 * The size of its frame is not known beforehand, so an unwinder finds it only
 * by the frame pointer that usdt__fire has saved.
 */
__attribute__((noinline)) static void
run_in_steps(size_t argc, const uint64_t *argv, int (*isenabled)(int *))
{
	char room[argc * 8 + 1];
	int flag = 0;

	__asm__ volatile("" : : "r"(room) : "memory");
	stepping = 1;
	step_return = 0;
	steps = 0;
	__asm__ volatile("int3");	/* step() sees to the rest */
	if (isenabled != NULL)
		isenabled(&flag);
	else
		usdt__fire(code + stub->fire, argc, argv);
	__asm__ volatile("" : : "r"(room) : "memory");
}

static void
unwind_stub(void)
{
	union {
		uint8_t *code;
		int (*call)(int *);
	} entry;
	uint64_t argv[USDT_ARG_MAX] = { 0 };
	size_t argc;

	for (argc = 0; argc <= USDT_ARG_MAX; argc++) {
		run_in_steps(argc, argv, NULL);
		try(!stepping && steps > 9, "argc %zu: %d steps", argc, steps);
	}
	entry.code = code + stub->isenabled;
	run_in_steps(0, NULL, entry.call);
	try(!stepping && steps == 3, "is-enabled: %d steps", steps);
	ok_all("%u-byte nop: each instruction of usdt__fire and of the stub "
	    "can be unwound to main", stub->nop);
}

#else

static void
unwind_stub(void)
{
	uint64_t argv[USDT_ARG_MAX] = { 0 };
	size_t argc;

	unwinding = 1;
	for (argc = 0; argc <= USDT_ARG_MAX; argc++) {
		place(stub, SDT | DOF);
		usdt__fire(code + stub->fire, argc, argv);
		try(hit_count == 2, "argc %zu: %u traps", argc, hit_count);
	}
	unwinding = 0;
	ok_all("%u-byte nop: both sites can be unwound to main", stub->nop);
}

#endif

__attribute__((noinline)) static void
test_unwinding(const struct usdt__stub *s)
{
	union {
		uint8_t bytes[USDT__UNWIND_MAX];
		uint64_t align;
	} info;
	uint8_t *frames = code + UNWIND + usdt__align(USDT__UNWIND_HEAD,
	    sizeof(void *));
	void *some[4];
	size_t size;

	main_address = (uintptr_t)__builtin_return_address(0);
	backtrace(some, 4);		/* loads what it needs */
	memset(&info, 0, sizeof info);
	size = usdt__unwind_write(usdt__native_arch(), s,
	    (uint64_t)0 - UNWIND, s->size, info.bytes);
	ok(size == usdt__unwind_write(usdt__native_arch(), s, 0, 0, NULL) &&
	    size <= sizeof info, "%u-byte nop: %zu bytes tell how to unwind",
	    s->nop, size);
	if (arch.blind_handlers) {
		note("not run: unwinding, since nothing on this processor finds"
		    " out of a signal handler");
		return;
	}
	beside_stub = info.bytes;
	place(s, 0);
	__register_frame(frames);
	unwind_stub();
	__deregister_frame(frames);
	beside_stub = NULL;
}

/* --- the program -------------------------------------------------------- */

static int
look_at_program(struct dl_phdr_info *info, size_t size, void *data)
{
	int i;

	(void)size;
	(void)data;
	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_GNU_STACK)
			ok((p->p_flags & PF_X) == 0,
			    "this program's stack is not executable");
		if (p->p_type == PT_LOAD && !arch.writable_code)
			try((p->p_flags & PF_X) == 0 ||
			    (p->p_flags & PF_W) == 0, "segment %d", i);
	}
	if (arch.writable_code)
		note("not run: whether code is writable, since linkers for this"
		    " processor make a table of calls that is");
	else
		ok_all("nothing in it is writable and executable");
	return 1;		/* the program comes first: stop */
}

/* The second half are those of typed images.  Systems that answer in a register
 * have no images, so there they are like the first. */
static void
test_stub(uint32_t number)
{
	const struct usdt__stub *s = &usdt__stubs[number];
	const struct usdt__stub *plain =
	    &usdt__stubs[number % usdt__stub_count];
	int is_typed = number >= usdt__stub_count;

	note("%s stub %u", is_typed ? "typed" : "plain", number);
	ok(s->nop == plain->nop && s->answer == plain->answer,
	    "is of the same kind as the plain stub");
	is_int(s->uprobe_site != 0,
	    is_typed && s->answer == USDT__ISENABLED_POINTER,
	    "has a uprobe site if it is typed");
	test_bytes(s);
	test_sum(s);
	test_firing(s, 0, "untraced");
	test_firing(s, SDT, "traced at the SDT site");
	test_firing(s, DOF, "traced at the DOF site");
	test_firing(s, SDT | DOF, "traced at both");
	if (s->uprobe_site != 0) {
		test_firing(s, UPROBE, "traced at the uprobe site");
		test_firing(s, UPROBE | SDT | DOF, "traced at all three");
	}
	test_isenabled(s);
}

int
main(void)
{
	uint32_t i;

	if (usdt__stub_count == 0) {
		skip("the library has no stubs for this processor");
		return done_testing();
	}
	catch_traps();
	is_str(usdt__native_arch()->name, arch.name, "the processor's row");
	is_int(usdt__native_arch()->registers, arch.registers,
	    "its arguments in registers");
	is_int(usdt__native_arch()->stack_start, arch.bias + arch.head,
	    "where others begin");
	for (i = 0; i < 2 * usdt__stub_count; i++)
		test_stub(i);
	test_row();
	ok(is_code((const uint8_t *)(uintptr_t)usdt__fire, &arch.landing),
	    "usdt__fire begins as what may be called by a pointer");
	test_calls();
	for (i = 0; i < 2 * usdt__stub_count; i++)
		if (usdt__stubs[i].answer == USDT__ISENABLED_POINTER)
			test_unwinding(&usdt__stubs[i]);
	dl_iterate_phdr(look_at_program, NULL);
	return done_testing();
}

#else

int
main(void)
{
	skip("this processor's registers are not known to the test");
	return done_testing();
}

#endif
