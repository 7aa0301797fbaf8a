/*
 * machine.h - how does a kernel trace on this processor?  For helper_device.c.
 *
 *	struct instruction	what a tracer replaces by BREAKPOINT
 *	EMULATED		does this always run in an emulator?
 *	SHIFTED			do kernels shift offsets in documents here?
 *	is_site, is_question	is that code right at a probe's site, and at an
 *				is-enabled site?
 *	trapped_at		after a breakpoint: its address
 *	go_on			continue behind the replaced instruction ...
 *	answer			... with the answer 1
 *	argument		argument N, where the kernel looks for it
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#if defined(__powerpc__)

#define EMULATED	1
#define SHIFTED		0
#define BREAKPOINT	{ { 0x7f, 0xe0, 0x00, 0x08 } }		/* trap */

struct instruction { uint8_t bytes[4]; };

static int
is_site(const uint8_t *at)
{
	return memcmp(at, "\x60\x00\x00\x00\x4e\x80\x00\x20", 8) == 0;
}

static int
is_question(const uint8_t *at)
{
	return memcmp(at, "\x38\x60\x00\x00\x4e\x80\x00\x20", 8) == 0;
}

#if defined(__powerpc64__)
#define REGISTERS(uc)	((uc)->uc_mcontext.gp_regs)
#define FIRST_ON_STACK	48
#else
#define REGISTERS(uc)	((uc)->uc_mcontext.uc_regs->gregs)
#define FIRST_ON_STACK	24

/*
 * macOS keeps lr at 8(r1) in the caller's frame, Linux at 4(r1).  So a caller
 * as on macOS comes between.
 */
__asm__(
"	.text\n"
"	.globl	__wrap_usdt__fire\n"
"__wrap_usdt__fire:\n"
"	mflr	0\n"
"	stw	0, 4(1)\n"
"	stwu	1, -96(1)\n"
"	bl	__real_usdt__fire\n"
"	addi	1, 1, 96\n"
"	lwz	0, 4(1)\n"
"	mtlr	0\n"
"	blr\n");
#endif

#define NIP	32	/* its index among the registers */

static uint64_t
trapped_at(const ucontext_t *uc)
{
	return REGISTERS(uc)[NIP];
}

static void
go_on(ucontext_t *uc)
{
	REGISTERS(uc)[NIP] += 4;
}

static void
answer(ucontext_t *uc)
{
	REGISTERS(uc)[3] = 1;
}

static uintptr_t
argument(const ucontext_t *uc, int n)
{
	uintptr_t stack = REGISTERS(uc)[1];

	if (n < 8)
		return REGISTERS(uc)[3 + n];
	return ((const uintptr_t *)(stack + FIRST_ON_STACK))[n];
}

#else

#define EMULATED	0
#define SHIFTED		1
#define BREAKPOINT	{ { 0xcc } }

struct instruction { uint8_t bytes[1]; };

static int
is_site(const uint8_t *at)
{
	return at[0] == 0x90 && at[1] != 0x90;
}

static int
is_question(const uint8_t *at)
{
	return memcmp(at - 2, "\x31\xc0\x90\xc3", 4) == 0;
}

#if defined(__x86_64__)
#define PC	REG_RIP
#define SP	REG_RSP
#define RESULT	REG_RAX
#else
#define PC	REG_EIP
#define SP	REG_ESP
#define RESULT	REG_EAX
#endif

static uint64_t
trapped_at(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[PC] - 1;
}

/* The breakpoint is as long as the nop. */
static void
go_on(ucontext_t *uc)
{
	(void)uc;
}

static void
answer(ucontext_t *uc)
{
	uc->uc_mcontext.gregs[RESULT] = 1;
}

static uintptr_t
argument(const ucontext_t *uc, int n)
{
	const greg_t *registers = uc->uc_mcontext.gregs;
	const uintptr_t *stack = (const uintptr_t *)registers[SP];

#if defined(__x86_64__)
	static const int in[] = {
		REG_RDI, REG_RSI, REG_RDX, REG_RCX, REG_R8, REG_R9
	};

	return n < 6 ? (uintptr_t)registers[in[n]] : stack[n - 6];
#else
	return stack[n];
#endif
}

#endif
#endif
