/*
 * jit.c - a code generator whose code tests and fires a probe by itself.
 *
 *	jit		run three turns of the generated loop every second
 *	jit TURNS	run so many turns, and print the sum
 *	jit -f ...	fire by usdt_probe_fire only
 *	jit -n ...	without a probe, to compare
 *
 * The generated function is, in C,
 *
 *	long loop(long turns, const char *text)
 *	{
 *		long i = 0, sum = 0;
 *		do {
 *			sum += ++i;
 *			if (usdt_probe_enabled(turn))
 *				... fire turn: i, text, sum ...
 *		} while (--turns != 0);
 *		return sum;
 *	}
 *
 * It keeps i in a register as many virtual machines keep integers: twice its
 * value, plus 1.  The probe has code of its own, which makes a plain integer of
 * it when the probe is traced.  Its site says where i, text and sum are then.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "usdt.h"

#if (defined(__x86_64__) && !defined(__ILP32__)) || defined(__aarch64__)

typedef long loop_t(long turns, const char *text);

/* --- the generator ------------------------------------------------------- */

static uint8_t *at;		/* where the next instruction goes */

static void
site(usdt_site_t *out, const uint8_t *code, const char *operands)
{
	out->offset = (size_t)(at - code);
	out->operands = operands;
	at += usdt_site_nops(at);
}

#if defined(__x86_64__)

#define CODE(...) do { \
		static const uint8_t bytes[] = { __VA_ARGS__ }; \
		memcpy(at, bytes, sizeof bytes); \
		at += sizeof bytes; \
	} while (0)

static void
constant(const void *address)	/* 8 bytes of an instruction */
{
	memcpy(at, &address, 8);
	at += 8;
}

static void
jump(const uint8_t *to)		/* the last 4 bytes of a jump */
{
	int32_t distance = (int32_t)(to - (at + 4));

	memcpy(at, &distance, 4);
	at += 4;
}

/* The probe's own code: the loop calls it. */
static void
generate_probe(const uint8_t *code, usdt_site_t *out)
{
	CODE(0xf3, 0x0f, 0x1e, 0xfa);		/* endbr64 */
	CODE(0x55);				/* push %rbp */
	CODE(0x48, 0x89, 0xe5);			/* mov %rsp, %rbp */
	CODE(0x48, 0x89, 0xd8);			/* mov %rbx, %rax */
	CODE(0x48, 0xd1, 0xf8);			/* sar %rax */
	site(out, code, "-4@%rax 8@%r12 -8@16(%rbp)");
	CODE(0x5d, 0xc3);			/* pop %rbp; ret */
}

static void
generate_loop(usdt_probedef_t *turn, const void *own)
{
	uint8_t *top, *test = NULL, *back;

	CODE(0xf3, 0x0f, 0x1e, 0xfa);		/* endbr64 */
	CODE(0x55);				/* push %rbp */
	CODE(0x48, 0x89, 0xe5);			/* mov %rsp, %rbp */
	CODE(0x53, 0x41, 0x54, 0x41, 0x55);	/* push %rbx, %r12, %r13 */
	CODE(0x48, 0x83, 0xec, 0x28);		/* sub $40, %rsp */
	CODE(0x49, 0x89, 0xfd);			/* mov %rdi, %r13: turns */
	CODE(0x49, 0x89, 0xf4);			/* mov %rsi, %r12: text */
	CODE(0xbb, 1, 0, 0, 0);			/* mov $1, %ebx: i */
	CODE(0x48, 0xc7, 0x04, 0x24, 0, 0, 0, 0); /* movq $0, (%rsp): sum */
	top = at;
	CODE(0x48, 0x83, 0xc3, 2);		/* add $2, %rbx */
	CODE(0x48, 0x89, 0xd8);			/* mov %rbx, %rax */
	CODE(0x48, 0xd1, 0xf8);			/* sar %rax */
	CODE(0x48, 0x01, 0x04, 0x24);		/* add %rax, (%rsp) */
	if (turn != NULL) {
		const uint32_t bits = USDT_GATE_BITS;

		CODE(0x48, 0xa1);		/* mov (turn->gate), %rax */
		constant(&turn->gate);
		CODE(0xf7, 0x00);		/* testl $bits, (%rax) */
		memcpy(at, &bits, 4);
		at += 4;
		CODE(0x0f, 0x85);		/* jne, to what follows ret */
		test = at;
		at += 4;
	}
	back = at;
	CODE(0x49, 0xff, 0xcd);			/* dec %r13 */
	CODE(0x0f, 0x85);			/* jne top */
	jump(top);
	CODE(0x48, 0x8b, 0x04, 0x24);		/* mov (%rsp), %rax */
	CODE(0x48, 0x83, 0xc4, 0x28);		/* add $40, %rsp */
	CODE(0x41, 0x5d, 0x41, 0x5c, 0x5b, 0x5d);	/* pop them all */
	CODE(0xc3);				/* ret */
	if (turn == NULL)
		return;
	top = at;				/* the probe is traced: */
	at = test;
	jump(top);
	at = top;
	if (own != NULL) {
		CODE(0x48, 0xb8);		/* mov $own, %rax */
		constant(own);
		CODE(0xff, 0xd0, 0xe9);		/* call *%rax; jmp back */
		jump(back);
		return;
	}
	CODE(0x48, 0x89, 0xd8);			/* mov %rbx, %rax */
	CODE(0x48, 0xd1, 0xf8);			/* sar %rax */
	CODE(0x48, 0x89, 0x44, 0x24, 8);	/* mov %rax, 8(%rsp) */
	CODE(0x4c, 0x89, 0x64, 0x24, 16);	/* mov %r12, 16(%rsp) */
	CODE(0x48, 0x8b, 0x04, 0x24);		/* mov (%rsp), %rax */
	CODE(0x48, 0x89, 0x44, 0x24, 24);	/* mov %rax, 24(%rsp) */
	CODE(0x48, 0xbf);			/* mov $turn, %rdi */
	constant(turn);
	CODE(0xbe, 3, 0, 0, 0);			/* mov $3, %esi */
	CODE(0x48, 0x8d, 0x54, 0x24, 8);	/* lea 8(%rsp), %rdx */
	CODE(0x48, 0xb8);			/* mov $usdt_probe_fire, %rax */
	constant((const void *)(uintptr_t)usdt_probe_fire);
	CODE(0xff, 0xd0);			/* call *%rax */
	CODE(0xe9);				/* jmp back */
	jump(back);
}

#else	/* aarch64 */

static void
word(uint32_t instruction)
{
	memcpy(at, &instruction, 4);
	at += 4;
}

/* Put a constant into register REG. */
static void
constant(unsigned reg, const void *address)
{
	uint64_t value = (uint64_t)(uintptr_t)address;
	unsigned i;

	for (i = 0; i < 4; i++)		/* movz, then movk, 16 bits each */
		word((i == 0 ? 0xd2800000 : 0xf2800000) | i << 21 |
		    (uint32_t)(value >> 16 * i & 0xffff) << 5 | reg);
}

/* The distance of a jump, in the place that conditional jumps have for it. */
static uint32_t
distance(const uint8_t *from, const uint8_t *to)
{
	return (uint32_t)((to - from) / 4 & 0x7ffff) << 5;
}

/* The probe's own code: the loop calls it. */
static void
generate_probe(const uint8_t *code, usdt_site_t *out)
{
	word(0xd503245f);			/* bti c */
	word(0xa9bf7bfd);			/* stp x29, x30, [sp, -16]! */
	word(0x910003fd);			/* mov x29, sp */
	word(0x9341fea9);			/* asr x9, x21, 1 */
	site(out, code, "-4@x9 8@x20 -8@[x29, 64]");
	word(0xa8c17bfd);			/* ldp x29, x30, [sp], 16 */
	word(0xd65f03c0);			/* ret */
}

static void
jump_back(const uint8_t *back)
{
	word(0x14000000 | ((uint32_t)((back - at) / 4) & 0x3ffffff)); /* b */
}

static void
generate_loop(usdt_probedef_t *turn, const void *own)
{
	uint8_t *top, *test = NULL, *back;
	uint32_t jump;

	word(0xd503245f);			/* bti c */
	word(0xa9ba7bfd);			/* stp x29, x30, [sp, -96]! */
	word(0x910003fd);			/* mov x29, sp */
	word(0xa90153f3);			/* stp x19, x20, [sp, 16] */
	word(0xa9025bf5);			/* stp x21, x22, [sp, 32] */
	word(0xaa0003f3);			/* mov x19, x0: turns */
	word(0xaa0103f4);			/* mov x20, x1: text */
	word(0xd2800035);			/* mov x21, 1: i */
	word(0xf9001bff);			/* str xzr, [sp, 48]: sum */
	if (turn != NULL)
		constant(22, &turn->gate);
	top = at;
	word(0x91000ab5);			/* add x21, x21, 2 */
	word(0x9341feab);			/* asr x11, x21, 1 */
	word(0xf9401bea);			/* ldr x10, [sp, 48] */
	word(0x8b0b014a);			/* add x10, x10, x11 */
	word(0xf9001bea);			/* str x10, [sp, 48] */
	if (turn != NULL) {
		word(0xf94002c9);		/* ldr x9, [x22] */
		word(0xb9400129);		/* ldr w9, [x9] */
		word(0x7200793f);		/* tst w9, 0x7fffffff */
		test = at;			/* b.ne, to what follows ret */
		at += 4;
	}
	back = at;
	word(0xf1000673);			/* subs x19, x19, 1 */
	word(0x54000001 | distance(at, top));	/* b.ne top */
	word(0xf9401be0);			/* ldr x0, [sp, 48] */
	word(0xa9425bf5);			/* ldp x21, x22, [sp, 32] */
	word(0xa94153f3);			/* ldp x19, x20, [sp, 16] */
	word(0xa8c67bfd);			/* ldp x29, x30, [sp], 96 */
	word(0xd65f03c0);			/* ret */
	if (turn == NULL)
		return;
	jump = 0x54000001 | distance(test, at);
	memcpy(test, &jump, 4);			/* the probe is traced: */
	if (own != NULL) {
		constant(9, own);
		word(0xd63f0120);		/* blr x9 */
		jump_back(back);
		return;
	}
	word(0xf9001feb);			/* str x11, [sp, 56] */
	word(0xf90023f4);			/* str x20, [sp, 64] */
	word(0xf90027ea);			/* str x10, [sp, 72] */
	constant(0, turn);
	word(0xd2800061);			/* mov x1, 3 */
	word(0x9100e3e2);			/* add x2, sp, 56 */
	constant(9, (const void *)(uintptr_t)usdt_probe_fire);
	word(0xd63f0120);			/* blr x9 */
	jump_back(back);
}

#endif

/* --- the program --------------------------------------------------------- */

/* Tracers read the names of generated functions here. */
static void
name_for_tracers(char path[32], const uint8_t *code, size_t size)
{
	FILE *map;

	snprintf(path, 32, "/tmp/perf-%ld.map", (long)getpid());
	map = fopen(path, "w");
	if (map == NULL)
		return;
	fprintf(map, "%lx %zx jit_loop\n", (unsigned long)(uintptr_t)code,
	    size);
	fclose(map);
}

static usdt_probedef_t *
make_probe(usdt_provider_t *p, int own_code)
{
	uint8_t code[64];
	usdt_site_t where;
	const char *types[] = { "int i", "char *text", "long sum" };
	usdt_probedef_t *turn = usdt_create_probe("loop", "turn", 3, types);

	if (p == NULL || turn == NULL) {
		fprintf(stderr, "%s\n", usdt_errstr(NULL));
		exit(1);
	}
	at = code;
	generate_probe(code, &where);
	if (own_code && usdt_probe_set_code(turn, code, (size_t)(at - code),
	    &where) < 0)
		fprintf(stderr, "%s\n", usdt_errstr(NULL));
	if (usdt_provider_add_probe(p, turn) < 0 ||
	    usdt_provider_enable(p) < 0)
		fprintf(stderr, "%s\n", usdt_errstr(p));
	return turn;
}

__attribute__((noinline)) static long
run_loop(loop_t *loop, long turns)
{
	return loop(turns, "from generated code");
}

int
main(int argc, char **argv)
{
	int fire = argc > 1 && strcmp(argv[1], "-f") == 0;
	int none = argc > 1 && strcmp(argv[1], "-n") == 0;
	long turns = argc > 1 ? atol(argv[argc - 1]) : 0;
	usdt_provider_t *p = usdt_create_provider("jit", "example");
	usdt_probedef_t *turn = make_probe(p, !fire);
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *page = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char path[32];
	union {
		uint8_t *code;
		loop_t *call;
	} loop;

	loop.code = at = page;
	if (page == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	generate_loop(none ? NULL : turn, usdt_probe_code(turn));
	if (mprotect(page, size, PROT_READ | PROT_EXEC) < 0) {
		perror("mprotect");
		return 1;
	}
	__builtin___clear_cache((char *)page, (char *)at);
	name_for_tracers(path, page, (size_t)(at - page));
	if (turns > 0)
		printf("%ld\n", run_loop(loop.call, turns));
	for (; turns <= 0 && turns > -60; turns--) {
		run_loop(loop.call, 3);
		sleep(1);
	}
	unlink(path);
	munmap(page, size);	/* before the last usdt_probe_release */
	usdt_probe_release(turn);
	usdt_provider_free(p);
	return 0;
}

#else	/* another processor */

int
main(void)
{
	fprintf(stderr, "jit: no code generator for this processor\n");
	return 1;
}

#endif
