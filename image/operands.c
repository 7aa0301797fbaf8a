/*
 * image/operands.c - how does a note say where a stub has its arguments?
 *
 * Pure.  An operand is sign, size and place: "-4@%rdi 8@%rsi".  The rows of
 * processors (core/platform.c) know the places by the C ABI.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "image/image.h"

#include <stdio.h>

/*
 * The offset from the stack pointer of an argument of SIZE bytes.  It has a
 * word of its own; its lowest bits are at the end on big-endian processors.
 */
unsigned
usdt__stack_offset(const struct usdt__arch *arch, size_t index, int size)
{
	unsigned offset = arch->stack_start +
	    (unsigned)(index - arch->registers) * arch->word;

	return arch->big_endian ? offset + arch->word - (unsigned)size :
	    offset;
}

size_t
usdt__operand_write(const struct usdt__arch *arch, size_t index, int size,
    char *out)
{
	if (usdt__is_wide(size, arch))
		return (size_t)snprintf(out, USDT__OPERAND_SIZE,
		    arch->wide_format, (unsigned)index * 8);
	if (index < arch->registers)
		return (size_t)(stpcpy(out, arch->register_names[index]) -
		    out);
	return (size_t)snprintf(out, USDT__OPERAND_SIZE, arch->stack_format,
	    usdt__stack_offset(arch, index, size < 0 ? -size : size));
}

/* A provider has few types and uses each of them many times. */
static int
word_size(struct usdt__operands *known, const char *type,
    const struct usdt__arch *arch)
{
	size_t n = strlen(type);
	unsigned at = ((unsigned)n * 5 + (uint8_t)type[0] * 3U +
	    (uint8_t)type[n / 2] * 7U) % USDT__KNOWN_TYPES;

	if (known->type[at] == NULL || strcmp(known->type[at], type) != 0) {
		known->type[at] = type;
		known->size[at] = usdt__type_word_size(type, arch);
	}
	return known->size[at];
}

/* Registers have their full names, whatever the size: every reader accepts
 * those. */
size_t
usdt__operands_format(const usdt_probedef_t *probedef, int same_types,
    const struct usdt__arch *arch, struct usdt__operands *known)
{
	char *out = known->text;
	size_t i, n = 0;

	if (same_types)
		return known->length;
	for (i = 0; i < probedef->argc && i < USDT__NOTE_ARGS; i++) {
		int size = word_size(known, probedef->state->dof_types[i],
		    arch);

		if (i > 0)
			out[n++] = ' ';
		if (size < 0)
			out[n++] = '-';
		out[n++] = (char)('0' + (size < 0 ? -size : size));
		out[n++] = '@';
		n += usdt__operand_write(arch, i, size, out + n);
	}
	out[n] = '\0';
	known->length = n;
	return n;
}
