/*
 * dialects.c - how do bpftrace and D write types and arguments?
 *
 * bpftrace reads a C header (--include), whose macros without parameters it
 * replaces in scripts; versions 0.17 and 0.27 were tried.  D reads a library
 * (-L DIR): definitions and inline names; DTrace 2.0.7 was tried.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>

#include "tools/header/header.h"

/*
 * Three decimals of a double X by integers only: the fraction with its leading
 * one, a thousand times, moved to where its point is.  Right for values from
 * 2^-10 to 2^52 / 1000; the sign is left out.
 */
#define MILLI	"((((%s & 0xfffffffffffff) | 0x10000000000000) * 1000) >> " \
		"(1075 - ((%s >> 52) & 0x7ff)))"

/* The index of the length that goes with a text, or -1. */
static long
length_beside(const struct argument *args, size_t count, size_t index)
{
	const char *name = args[index].name;
	size_t i;

	for (i = 0; name != NULL && i < count; i++)
		if (args[i].name != NULL &&
		    argument_is_length_of(args[i].name, name))
			return (long)i;
	return -1;
}

static const char *
struct_of(const struct argument *argument)
{
	const struct type_member *declared = argument->declared;

	return declared != NULL && declared->of != NULL &&
	    declared->declarator.pointers == 1 ? declared->of->name : NULL;
}

/* --- bpftrace --- */

static void
bpftrace_argument(FILE *out, const char *name, const struct argument *args,
    size_t count, size_t index)
{
	const struct argument *argument = &args[index];
	long length = length_beside(args, count, index);
	char *word = xasprintf("arg%zu", index);

	if (index > 9)
		fprintf(out, "/* %s: bpftrace has arg0 to arg9 */\n", name);
	else if (argument_is_text(argument))
		fprintf(out, "#define %s str(%s)\n", name, word);
	else if (struct_of(argument) != NULL)
		/* bpftrace 0.17 joins the words of a macro. */
		fprintf(out, "/* %s: (struct %s *)%s */\n", name,
		    struct_of(argument), word);
	else
		fprintf(out, "#define %s %s\n", name, word);
	if (index <= 9 && argument_is_text(argument) && length >= 0 &&
	    length <= 9)
		fprintf(out, "#define %s_bytes buf(%s, arg%ld)\n", name, word,
		    length);
	if (index <= 9 && argument_is_float(argument, 8)) {
		fprintf(out, "#define %s_milli ", name);
		fprintf(out, MILLI "\n", word, word);
	}
	free(word);
}

const struct dialect header_bpftrace = {
	.option = "--bpftrace",
	.usage = "/* For bpftrace: bpftrace --include THIS_FILE -e '...'\n"
	    " * In a clause \"usdt:...:PROBE\" each PROBE_ARGUMENT below is an "
	    "argument;\n"
	    " * _milli is a double times 1000, _bytes a text with its "
	    "length. */\n",
	.integers = {
		{ [1] = "unsigned char", [2] = "unsigned short",
		  [4] = "unsigned int", [8] = "unsigned long long" },
		{ [1] = "signed char", [2] = "short", [4] = "int",
		  [8] = "long long" },
	},
	.attribute = " __attribute__((packed))",
	.floats = 1,
	.argument = bpftrace_argument
};

/* --- D --- */

static void
d_argument(FILE *out, const char *name, const struct argument *args,
    size_t count, size_t index)
{
	const struct argument *argument = &args[index];
	long length = length_beside(args, count, index);
	char *word = xasprintf("arg%zu", index);
	int size = abs(argument->size);

	if (index > 9) {
		fprintf(out, "/* %s: use args[%zu] */\n", name, index);
	} else if (argument_is_text(argument) && length >= 0 && length <= 9) {
		fprintf(out, "inline string %s = copyinstr(%s, arg%ld + 1);\n",
		    name, word, length);
	} else if (argument_is_text(argument)) {
		fprintf(out, "inline string %s = copyinstr(%s);\n", name,
		    word);
	} else if (struct_of(argument) != NULL) {
		fprintf(out, "/* %s: use args[%zu]->MEMBER */\n", name, index);
	} else {
		if (size == 0 || argument_is_pointer(argument))
			size = 8;
		fprintf(out, "inline %s %s = (%s)%s;\n",
		    header_d.integers[argument->size < 0][size], name,
		    header_d.integers[argument->size < 0][size], word);
	}
	if (index <= 9 && argument_is_float(argument, 8)) {
		fprintf(out, "inline uint64_t %s_milli = ", name);
		fprintf(out, MILLI ";\n", word, word);
	}
	free(word);
}

/* D's own words that C does not have. */
static const char *const d_reserved[] = {
	"counter", "inline", "offsetof", "probe", "provider", "restrict",
	"self", "string", "stringof", "this", "translator", "typeof",
	"userland", "xlate", NULL
};

const struct dialect header_d = {
	.option = "--d",
	.usage = "/* For DTrace: put this into a directory, as NAME.d, and "
	    "give that to dtrace -L.\n"
	    " * In a clause \"PROVIDER*:::PROBE\" each PROBE_ARGUMENT below is "
	    "an argument;\n"
	    " * _milli is a double times 1000. */\n",
	.integers = {
		{ [1] = "uint8_t", [2] = "uint16_t", [4] = "uint32_t",
		  [8] = "uint64_t" },
		{ [1] = "int8_t", [2] = "int16_t", [4] = "int32_t",
		  [8] = "int64_t" },
	},
	.reserved = d_reserved,
	.argument = d_argument
};
