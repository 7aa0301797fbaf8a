/*
 * image/unwind.c - how does a debugger find the caller of a stub?
 *
 * A pure builder: DWARF's call frame information for all stubs of an image,
 * which are alike.  With it gdb and perf print whole stacks at a probe.
 * DWARF 5 defines the instructions (6.4) and the expressions (2.5); the Linux
 * Standard Base 5 says how .eh_frame and .eh_frame_hdr differ from DWARF's own
 * section.
 *
 * A stub that usdt__fire jumps to returns with "leave; ret".  From its entry up
 * to the leave the frame is usdt__fire's; before and after that there is none.
 * An expression computes from the instruction's address which one holds, so
 * one expression serves a hundred thousand stubs.  Valgrind knows only few
 * operations, so it uses those of linkers' expressions for their tables of
 * calls, and multiplies instead of branching.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "image/image.h"

/* DWARF's constants. */
enum {
	DW_OP_deref = 0x06, DW_OP_const1u = 0x08, DW_OP_and = 0x1a, DW_OP_minus = 0x1c,
	DW_OP_mul = 0x1e, DW_OP_plus = 0x22, DW_OP_ge = 0x2a, DW_OP_le = 0x2c,
	DW_OP_lit0 = 0x30, DW_OP_breg0 = 0x70,
	DW_CFA_nop = 0, DW_CFA_def_cfa = 0x0c, DW_CFA_def_cfa_expression = 0x0f,
	DW_CFA_val_expression = 0x16, DW_CFA_offset = 0x80,
	DW_EH_PE_udata4 = 0x03, DW_EH_PE_sdata4 = 0x0b,
	DW_EH_PE_pcrel = 0x10, DW_EH_PE_datarel = 0x30,
	VERSION = 1
};

struct bytes {
	uint8_t at[USDT__UNWIND_MAX];
	size_t size;
	const struct usdt__arch *arch;
};

static void
put(struct bytes *b, size_t size, uint64_t value)
{
	usdt__store(b->at + b->size, size, value, b->arch->big_endian);
	b->size += size;
}

/* Signed LEB128.  If VALUE is not negative, it is right as unsigned, too. */
static void
put_leb(struct bytes *b, int value)
{
	for (; value < -64 || value >= 64; value >>= 7)
		put(b, 1, 0x80 | ((unsigned)value & 0x7f));
	put(b, 1, (unsigned)value & 0x7f);
}

/* Push the sum of a register and a number. */
static void
put_sum(struct bytes *b, unsigned reg, int number)
{
	put(b, 1, DW_OP_breg0 + reg);
	put_leb(b, number);
}

/* A number of one byte. */
static void
put_number(struct bytes *b, unsigned number)
{
	if (number < 32) {
		put(b, 1, DW_OP_lit0 + number);
	} else {
		put(b, 1, DW_OP_const1u);
		put(b, 1, number);
	}
}

/* Compare the instruction's offset in its stub. */
static void
put_place(struct bytes *b, const struct usdt__stub *stub, unsigned compare,
    uint32_t with)
{
	put_sum(b, b->arch->unwind.returns, 0);
	put_number(b, stub->size - 1);
	put(b, 1, DW_OP_and);
	put_number(b, with);
	put(b, 1, compare);
}

/* Multiply by 1 if the frame is usdt__fire's at the instruction, else by 0. */
static void
put_factor(struct bytes *b, const struct usdt__stub *stub)
{
	put_place(b, stub, DW_OP_ge, stub->fire);
	put_place(b, stub, DW_OP_le, stub->dof_site + stub->nop);	/* leave */
	put(b, 1, DW_OP_and);
	put(b, 1, DW_OP_mul);
}

/* Where the caller's stack ends: a word above the stack pointer, or two above
 * the frame pointer. */
static void
put_caller(struct bytes *b, const struct usdt__stub *stub)
{
	unsigned stack = b->arch->unwind.stack, frame = b->arch->unwind.frame;
	int word = b->arch->word;

	put_sum(b, stack, word);
	put_sum(b, frame, 2 * word);
	put_sum(b, stack, word);
	put(b, 1, DW_OP_minus);
	put_factor(b, stub);
	put(b, 1, DW_OP_plus);
}

/* The caller's frame pointer: the frame register, or the word that it points
 * to.  Without usdt__fire's frame it may point anywhere, so the expression then
 * reads the stack instead. */
static void
put_callers_frame(struct bytes *b, const struct usdt__stub *stub)
{
	unsigned stack = b->arch->unwind.stack, frame = b->arch->unwind.frame;

	put_sum(b, frame, 0);
	put_sum(b, stack, 0);
	put_sum(b, frame, 0);
	put_sum(b, stack, 0);
	put(b, 1, DW_OP_minus);
	put_factor(b, stub);
	put(b, 1, DW_OP_plus);
	put(b, 1, DW_OP_deref);
	put_sum(b, frame, 0);
	put(b, 1, DW_OP_minus);
	put_factor(b, stub);
	put(b, 1, DW_OP_plus);
}

/* An expression, with its length first. */
static void
put_expression(struct bytes *b, const struct usdt__stub *stub,
    void (*body)(struct bytes *b, const struct usdt__stub *stub))
{
	size_t start = b->size;

	put(b, 1, 0);
	body(b, stub);
	b->at[start] = (uint8_t)(b->size - start - 1);
}

static void
put_frames(struct bytes *b, const struct usdt__stub *stub)
{
	put(b, 1, DW_CFA_def_cfa_expression);
	put_expression(b, stub, put_caller);
	put(b, 1, DW_CFA_offset + b->arch->unwind.returns);
	put_leb(b, 1);
	put(b, 1, DW_CFA_val_expression);
	put_leb(b, b->arch->unwind.frame);
	put_expression(b, stub, put_callers_frame);
}

/* Pad to whole words, and fill in the length of the entry at START. */
static void
end_entry(struct bytes *b, size_t start)
{
	size_t end = usdt__align(b->size, b->arch->word);

	while (b->size < end)
		put(b, 1, DW_CFA_nop);
	usdt__store(b->at + start, 4, end - start - 4, b->arch->big_endian);
}

/* The rules that all stubs share. */
static void
put_cie(struct bytes *b, const struct usdt__stub *stub)
{
	const struct usdt__arch *arch = b->arch;
	size_t start = b->size;

	put(b, 4, 0);				/* its length */
	put(b, 4, 0);				/* a CIE */
	put(b, 1, VERSION);
	put(b, 1, 'z');				/* a length and an encoding */
	put(b, 1, 'R');
	put(b, 1, 0);
	put_leb(b, 1);				/* code's unit */
	put_leb(b, -arch->word);		/* data's unit */
	put(b, 1, arch->unwind.returns);
	put_leb(b, 1);
	put(b, 1, DW_EH_PE_pcrel | DW_EH_PE_sdata4);
	if (arch->unwind.frame != 0) {
		put_frames(b, stub);
	} else {
		put(b, 1, DW_CFA_def_cfa);
		put_leb(b, arch->unwind.stack);
		put_leb(b, arch->unwind.bias);
	}
	end_entry(b, start);
}

/* Where the stubs are: SIZE bytes, DISTANCE bytes after the header. */
static void
put_fde(struct bytes *b, size_t cie, uint64_t distance, uint64_t size)
{
	size_t start = b->size;

	put(b, 4, 0);				/* its length */
	put(b, 4, b->size - cie);
	put(b, 4, distance - b->size);
	put(b, 4, size);
	put_leb(b, 0);
	end_entry(b, start);
}

size_t
usdt__unwind_write(const struct usdt__arch *arch,
    const struct usdt__stub *stub, uint64_t distance, uint64_t size,
    uint8_t *out)
{
	struct bytes b = { .arch = arch };
	size_t cie = usdt__align(USDT__UNWIND_HEAD, arch->word), fde, end;

	b.size = cie;
	put_cie(&b, stub);
	fde = b.size;
	put_fde(&b, cie, distance, size);
	put(&b, 4, 0);				/* no more */
	end = b.size;

	b.size = 0;
	put(&b, 1, VERSION);
	put(&b, 1, DW_EH_PE_pcrel | DW_EH_PE_sdata4);	/* of the address */
	put(&b, 1, DW_EH_PE_udata4);			/* of the count */
	put(&b, 1, DW_EH_PE_datarel | DW_EH_PE_sdata4);	/* of the table */
	put(&b, 4, cie - b.size);
	put(&b, 4, 1);
	put(&b, 4, distance);
	put(&b, 4, fde);
	if (out != NULL)
		memcpy(out, b.at, end);
	return end;
}
