/*
 * operand.c - how does the kernel fetch an argument?
 *
 * A note says where an argument is in the syntax of the processor's
 * assembler; tracefs has a syntax of its own (Documentation/trace/
 * uprobetracer.rst in the kernel's sources):
 *
 *	assembler		tracefs
 *	$5, 5, #5, i5		\5
 *	%rdi, %edi, x0, a0	%di, %di, %x0, %a0
 *	%r2, r0, %r3		%r2, %r0, %gpr3
 *	8(%rsp), [sp, 8], 8(sp)	+8(%sp)
 *	counter+4(%rip)		@+OFFSET, an offset in the probe's file
 *
 * Tracefs has no equivalent of an index register, as in (%rax,%rbx,4).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "tools/common/common.h"

/* The image and probe that an operand belongs to. */
struct context {
	const struct dialect *dialect;
	const struct image *image;
	const struct probe *probe;
	int *high;
};

/* A processor. */
struct dialect {
	unsigned machine;
	char *(*translate)(const struct context *context, const char *text);
	/* The kernel's name of a register, or NULL. */
	char *(*named)(const char *text, size_t length);
};

/* TEXT as a number, if it is one up to END. */
static int
number(const char *text, const char *end, long long *value)
{
	char *stop;

	if (text == end)
		return -1;
	errno = 0;
	*value = *text == '-' ? strtoll(text, &stop, 0) :
	    (long long)strtoull(text, &stop, 0);
	return stop == end && errno == 0 ? 0 : -1;
}

static char *
fetch_memory(long long offset, const char *name)
{
	return xasprintf("%+lld(%%%s)", offset, name);
}

/* --- x86 --- */

/* The kernel's name, then the processor's for 8, 4, 2, 1 and 1 bytes. */
static const char *const x86_registers[][6] = {
	{ "ax", "rax", "eax", "ax", "al", "ah" },
	{ "bx", "rbx", "ebx", "bx", "bl", "bh" },
	{ "cx", "rcx", "ecx", "cx", "cl", "ch" },
	{ "dx", "rdx", "edx", "dx", "dl", "dh" },
	{ "si", "rsi", "esi", "si", "sil", "" },
	{ "di", "rdi", "edi", "di", "dil", "" },
	{ "bp", "rbp", "ebp", "bp", "bpl", "" },
	{ "sp", "rsp", "esp", "sp", "spl", "" },
	{ "r8", "r8", "r8d", "r8w", "r8b", "" },
	{ "r9", "r9", "r9d", "r9w", "r9b", "" },
	{ "r10", "r10", "r10d", "r10w", "r10b", "" },
	{ "r11", "r11", "r11d", "r11w", "r11b", "" },
	{ "r12", "r12", "r12d", "r12w", "r12b", "" },
	{ "r13", "r13", "r13d", "r13w", "r13b", "" },
	{ "r14", "r14", "r14d", "r14w", "r14b", "" },
	{ "r15", "r15", "r15d", "r15w", "r15b", "" },
};

/* The kernel's name of a register, or NULL.  COLUMN says which part it is. */
static const char *
x86_register(const char *text, size_t length, size_t *column)
{
	size_t i, k;

	for (i = 0; i < sizeof x86_registers / sizeof *x86_registers; i++)
		for (k = 1; k < 6; k++) {
			if (strlen(x86_registers[i][k]) != length ||
			    memcmp(x86_registers[i][k], text, length) != 0)
				continue;
			*column = k;
			return x86_registers[i][0];
		}
	return NULL;
}

/*
 * [OFFSET+]SYMBOL[+-OFFSET](%rip), where END is the parenthesis.  The kernel
 * wants a place in the probe's file, and adds the distance at which it loaded
 * the probe's own segment.  So the symbol's address is expressed relative to
 * that segment.
 */
static char *
x86_global(const struct context *context, const char *text, const char *end)
{
	size_t length;
	uint64_t address;
	long long before = 0, offset = 0;
	const char *plus = memchr(text, '+', (size_t)(end - text));

	/* gcc writes 8+array, others array+8. */
	if (plus != NULL && number(text, plus, &before) == 0)
		text = plus + 1;
	else
		before = 0;
	length = strcspn(text, "+-(");
	if (text + length < end && number(text + length, end, &offset) < 0)
		return NULL;
	if (image_symbol(context->image, text, length, &address) < 0)
		return NULL;
	address += (uint64_t)before + (uint64_t)offset + context->probe->site -
	    context->probe->address;
	if ((int64_t)address < 0)
		return NULL;
	return xasprintf("@+0x%" PRIx64, address);
}

static char *
x86_translate(const struct context *context, const char *text)
{
	const char *end = text + strlen(text), *open = strchr(text, '(');
	const char *name;
	long long offset = 0;
	size_t column;

	if (*text == '$')
		return number(text + 1, end, &offset) < 0 ? NULL :
		    xasprintf("\\%lld", offset);
	if (*text == '%') {
		name = x86_register(text + 1, strlen(text + 1), &column);
		if (name == NULL)
			return NULL;
		*context->high = column == 5;
		return xasprintf("%%%s", name);
	}
	if (open == NULL || open[1] != '%' || end[-1] != ')')
		return NULL;
	if (strcmp(open, "(%rip)") == 0)
		return x86_global(context, text, open);
	if (open > text && number(text, open, &offset) < 0)
		return NULL;
	name = x86_register(open + 2, (size_t)(end - 1 - (open + 2)), &column);
	if (name == NULL || column > 2)
		return NULL;
	return fetch_memory(offset, name);
}

/* --- processors whose registers have one name each --- */

/* The number behind LETTER, if it is at most MOST; else -1. */
static int
register_number(const char *text, size_t length, char letter, int most)
{
	long long which;

	if (length < 2 || *text != letter ||
	    number(text + 1, text + length, &which) < 0 || which < 0 ||
	    which > most)
		return -1;
	return (int)which;
}

static int
is_one_of(const char *text, size_t length, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strlen(*names) == length &&
		    memcmp(*names, text, length) == 0)
			return 1;
	return 0;
}

/* "x0" to "x30", "w0" to "w30" and "sp" to "x0" ..., "sp"; else NULL. */
static char *
aarch64_register(const char *text, size_t length)
{
	int which;

	if (length == 2 && memcmp(text, "sp", 2) == 0)
		return xstrndup("sp", 2);
	which = register_number(text, length, 'x', 30);
	if (which < 0)
		which = register_number(text, length, 'w', 30);
	return which < 0 ? NULL : xasprintf("x%d", which);
}

static char *
riscv_register(const char *text, size_t length)
{
	static const char *const names[] = { "ra", "sp", "gp", "tp", NULL };

	if (!is_one_of(text, length, names) &&
	    register_number(text, length, 'a', 7) < 0 &&
	    register_number(text, length, 's', 11) < 0 &&
	    register_number(text, length, 't', 6) < 0)
		return NULL;
	return xstrndup(text, length);
}

/* "%r0" to "%r15". */
static char *
s390_register(const char *text, size_t length)
{
	int which;

	if (length < 2 || *text != '%')
		return NULL;
	which = register_number(text + 1, length - 1, 'r', 15);
	return which < 0 ? NULL : xasprintf("r%d", which);
}

/* "r0" to "r15", of which the last five have other names, too. */
static char *
arm_register(const char *text, size_t length)
{
	static const char *const names[] = {
		"fp", "ip", "sp", "lr", "pc", NULL
	};
	int which;

	if (is_one_of(text, length, names))
		return xstrndup(text, length);
	which = register_number(text, length, 'r', 15);
	if (which > 10)
		return xasprintf("%s", names[which - 11]);
	return which < 0 ? NULL : xasprintf("r%d", which);
}

/* "%r3", or "3" as gcc writes it: "gpr3". */
static char *
power_register(const char *text, size_t length)
{
	long long which;

	if (length > 2 && memcmp(text, "%r", 2) == 0) {
		text += 2;
		length -= 2;
	}
	if (length == 0 || *text == '-' ||
	    number(text, text + length, &which) < 0 || which > 31)
		return NULL;
	return xasprintf("gpr%lld", which);
}

/* [BASE], [BASE, OFFSET] */
static char *
bracketed(const struct context *context, const char *text)
{
	size_t length = strcspn(text, ",]");
	const char *end = text + length, *close = strchr(text, ']');
	long long offset = 0;
	char *name, *fetch;

	if (close == NULL || close[1] != '\0')
		return NULL;
	if (*end == ',') {
		end++;
		end += strspn(end, " #");
		if (number(end, close, &offset) < 0)
			return NULL;
	}
	if ((name = context->dialect->named(text, length)) == NULL)
		return NULL;
	fetch = fetch_memory(offset, name);
	free(name);
	return fetch;
}

/* OFFSET(BASE), where OPEN is the parenthesis. */
static char *
parenthesized(const struct context *context, const char *text,
    const char *open)
{
	const char *close = strchr(open, ')');
	long long offset;
	char *name, *fetch;

	if (close == NULL || close[1] != '\0' ||
	    number(text, open, &offset) < 0)
		return NULL;
	name = context->dialect->named(open + 1, (size_t)(close - open - 1));
	if (name == NULL)
		return NULL;
	fetch = fetch_memory(offset, name);
	free(name);
	return fetch;
}

static char *
translate(const struct context *context, const char *text)
{
	const char *open = strchr(text, '('), *constant = text;
	char *name, *fetch;
	long long value;

	if (*text == '[')
		return bracketed(context, text + 1);
	if (open != NULL)
		return parenthesized(context, text, open);
	if (context->dialect->machine == EM_PPC64)	/* "5" is a register */
		constant = *text == 'i' ? text + 1 : NULL;
	else if (*text == '#')
		constant++;
	if (constant != NULL &&
	    number(constant, constant + strlen(constant), &value) == 0)
		return xasprintf("\\%lld", value);
	if ((name = context->dialect->named(text, strlen(text))) == NULL)
		return NULL;
	fetch = xasprintf("%%%s", name);
	free(name);
	return fetch;
}

/* --- entry points --- */

static const struct dialect dialects[] = {
	{ EM_X86_64, x86_translate, NULL },
	{ EM_386, x86_translate, NULL },
	{ EM_AARCH64, translate, aarch64_register },
	{ EM_RISCV, translate, riscv_register },
	{ EM_S390, translate, s390_register },
	{ EM_ARM, translate, arm_register },
	{ EM_PPC64, translate, power_register },
};

/* The processors whose code this kernel runs. */
int
operand_machine_known(unsigned machine)
{
	const struct usdt__arch *native = usdt__native_arch();

	if (native == NULL)
		return 0;
	return machine == native->elf_machine ||
	    (machine == EM_386 && native->elf_machine == EM_X86_64);
}

char *
operand_fetch(const struct image *image, const struct probe *probe,
    const struct argument *argument, int *high)
{
	struct context context = {
		.image = image, .probe = probe, .high = high
	};
	size_t i;

	*high = 0;
	if (argument->operand == NULL)
		return NULL;
	for (i = 0; i < sizeof dialects / sizeof *dialects; i++) {
		context.dialect = &dialects[i];
		if (context.dialect->machine == image->machine)
			return context.dialect->translate(&context,
			    argument->operand);
	}
	return NULL;
}
