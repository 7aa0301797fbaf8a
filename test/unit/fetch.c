/*
 * fetch.c - does `usdt watch` ask each processor's kernel for the right places?
 *
 * The command fetches arguments by tracefs.  Here its translation of operands is
 * compared with what the kernels' documentation wants, for processors that this
 * machine need not have.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "tools/common/memory.c"
#include "tools/common/operand.c"
#include "tools/common/argument.c"

#include "tap.h"

/* --- what these files need of others -------------------------------------- */

const struct usdt__arch *
image_arch(const struct image *image)
{
	size_t i;

	for (i = 0; i < usdt__arch_count; i++)
		if (usdt__archs[i].elf_machine == image->machine)
			return &usdt__archs[i];
	return NULL;
}

const struct type_probe *
types_probe(const struct types *types, const struct probe *probe)
{
	(void)types;
	(void)probe;
	return NULL;
}

/* Here an operand with a blank has it in brackets. */
size_t
image_operand(const char *text)
{
	size_t length = strcspn(text, " ["), close;

	if (text[length] != '[')
		return length;
	close = strcspn(text, "]");
	return close + (text[close] != '\0');
}

int
image_symbol(const struct image *image, const char *name, size_t length,
    uint64_t *address)
{
	(void)image;
	(void)name;
	(void)length;
	(void)address;
	return -1;
}

/* --- one operand ----------------------------------------------------------- */

static const struct {
	unsigned machine;
	const char *operand, *fetch;	/* NULL: the kernel can't fetch it */
} operands[] = {
	{ EM_X86_64, "%rdi", "%di" }, { EM_X86_64, "-8(%rbp)", "-8(%bp)" },
	{ EM_X86_64, "$-5", "\\-5" }, { EM_X86_64, "5", NULL },
	{ EM_386, "4(%esp)", "+4(%sp)" },
	{ EM_AARCH64, "x0", "%x0" }, { EM_AARCH64, "w30", "%x30" },
	{ EM_AARCH64, "[sp, 16]", "+16(%sp)" },
	{ EM_AARCH64, "[x29, -8]", "-8(%x29)" },
	{ EM_AARCH64, "[x1]", "+0(%x1)" }, { EM_AARCH64, "#5", "\\5" },
	{ EM_AARCH64, "5", "\\5" }, { EM_AARCH64, "x31", NULL },
	{ EM_AARCH64, "[x0, x1]", NULL }, { EM_AARCH64, "[x0, 8", NULL },
	{ EM_RISCV, "a0", "%a0" }, { EM_RISCV, "s11", "%s11" },
	{ EM_RISCV, "ra", "%ra" }, { EM_RISCV, "8(sp)", "+8(%sp)" },
	{ EM_RISCV, "-24(s0)", "-24(%s0)" }, { EM_RISCV, "-7", "\\-7" },
	{ EM_RISCV, "a8", NULL }, { EM_RISCV, "x10", NULL },
	{ EM_RISCV, "zero", NULL }, { EM_RISCV, "(a0)", NULL },
	{ EM_RISCV, "8(a0", NULL }, { EM_RISCV, "8(a0)x", NULL },
	{ EM_S390, "%r2", "%r2" }, { EM_S390, "%r15", "%r15" },
	{ EM_S390, "188(%r15)", "+188(%r15)" }, { EM_S390, "7", "\\7" },
	{ EM_S390, "%r16", NULL }, { EM_S390, "r2", NULL },
	{ EM_S390, "%f0", NULL }, { EM_S390, "8(%r1,%r2)", NULL },
	{ EM_ARM, "r0", "%r0" }, { EM_ARM, "r11", "%fp" },
	{ EM_ARM, "r13", "%sp" }, { EM_ARM, "ip", "%ip" },
	{ EM_ARM, "[sp, #16]", "+16(%sp)" }, { EM_ARM, "[fp, #-8]", "-8(%fp)" },
	{ EM_ARM, "[r3]", "+0(%r3)" }, { EM_ARM, "#7", "\\7" },
	{ EM_ARM, "r16", NULL }, { EM_ARM, "s0", NULL },
	{ EM_ARM, "[r0, r1]", NULL },
	{ EM_PPC64, "%r3", "%gpr3" }, { EM_PPC64, "31", "%gpr31" },
	{ EM_PPC64, "96(%r1)", "+96(%gpr1)" }, { EM_PPC64, "-8(31)", "-8(%gpr31)" },
	{ EM_PPC64, "i5", "\\5" }, { EM_PPC64, "i-5", "\\-5" },
	{ EM_PPC64, "%r32", NULL }, { EM_PPC64, "-1", NULL },
	{ EM_PPC64, "%r", NULL }, { EM_PPC64, "3,4", NULL },
	{ EM_SPARCV9, "%o0", NULL },
};

static void
test_operands(void)
{
	size_t i;

	for (i = 0; i < sizeof operands / sizeof operands[0]; i++) {
		struct image image = { .machine = operands[i].machine };
		struct probe probe = { .name = "p" };
		struct argument argument = {
			.operand = (char *)(uintptr_t)operands[i].operand
		};
		int high;
		char *fetch = operand_fetch(&image, &probe, &argument, &high);
		const char *wanted = operands[i].fetch;

		try(fetch == NULL ? wanted == NULL : wanted != NULL &&
		    strcmp(fetch, wanted) == 0, "processor %u: \"%s\" is %s",
		    operands[i].machine, operands[i].operand,
		    fetch == NULL ? "not fetched" : fetch);
		free(fetch);
	}
	ok_all("operands of notes in the words of each processor's kernel");
}

/* --- by convention --------------------------------------------------------- */

/* The 12th and 13th of arguments of these types: one from the note, and one of
 * which only DOF knows. */
static const struct {
	unsigned machine;
	const char *twelfth, *int_, *wide;
} places[] = {
	{ EM_X86_64, "+40(%sp)", "+48(%sp)", "+56(%sp)" },
	{ EM_386, "+44(%sp)", "+48(%sp)", "+104(%dx)" },
	{ EM_AARCH64, "+24(%sp)", "+32(%sp)", "+40(%sp)" },
	{ EM_RISCV, "+24(%sp)", "+32(%sp)", "+40(%sp)" },
	{ EM_S390, "+212(%r15)", "+220(%r15)", "+224(%r15)" },
	{ EM_ARM, "+28(%sp)", "+32(%sp)", "+104(%ip)" },
	{ EM_PPC64, "+120(%gpr1)", "+128(%gpr1)", "+136(%gpr1)" },
};

static void
test_places(void)
{
	static const char types[] = "int\0int\0int\0int\0int\0int\0int\0int\0"
	    "int\0int\0int\0int\0int\0int64_t";
	static const unsigned tested[] = { 11, 12, 13 };
	char note[512];
	size_t i, k, n;

	for (i = 0; i < sizeof places / sizeof places[0]; i++) {
		struct image image = { .machine = places[i].machine };
		struct probe probe = {
			.name = "p", .note_name = "p", .note_args = note,
			.types = types, .type_count = 14
		};
		const char *wanted[] = {
			places[i].twelfth, places[i].int_, places[i].wide
		};
		struct argument *args;
		char operand[USDT__OPERAND_SIZE];
		size_t count = 0;

		for (k = n = 0; k < 12; k++) {
			usdt__operand_write(image_arch(&image), k, -4,
			    operand);
			n += (size_t)sprintf(note + n, "%s-4@%s",
			    k > 0 ? " " : "", operand);
		}
		args = arguments_of(&image, &probe, &count);
		try(count == 14, "processor %u: %zu arguments",
		    places[i].machine, count);
		for (k = 0; count == 14 && k < 3; k++) {
			int high;
			char *fetch = operand_fetch(&image, &probe,
			    &args[tested[k]], &high);

			try(fetch != NULL && strcmp(fetch, wanted[k]) == 0,
			    "processor %u, argument %u: %s",
			    places[i].machine, tested[k],
			    fetch == NULL ? "not fetched" : fetch);
			free(fetch);
		}
		arguments_free(args, count);
	}
	ok_all("arguments beyond a note's are where the convention has them");
}

int
main(void)
{
	test_operands();
	test_places();
	return done_testing();
}
