/*
 * bench.h - what does a library need to be compared with the others?
 *
 * Six calls in a file of its own, bench/lib_NAME.c, with one struct library
 * named NAME; and its name in the Makefile's BENCHED.  A call that the library
 * lacks is NULL.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>

/* The kinds of probes to fire. */
enum kind {
	NO_ARGUMENTS,
	TWO_INTEGERS,
	SIX_INTEGERS,
	A_STRING,	/* an int and a string */
	KINDS
};

struct library {
	const char *name;	/* also the provider's name */

	/* Declare COUNT probes of two arguments in a provider of this name, not
	 * yet visible to tracers. */
	void *(*create)(const char *provider, size_t count);
	/* Make them visible, hide them; 0 or -1. */
	int (*enable)(void *provider);
	int (*disable)(void *provider);
	/* Free all of it. */
	void (*destroy)(void *provider);

	/* TIMES times: if the probe of this kind is enabled, fire it.  Its
	 * arguments are computed only then, if the library can do that. */
	void (*checked)(enum kind kind, long times);
	/* The same without asking. */
	void (*fired)(enum kind kind, long times);

	/* Called before those: declare the four probes n0, n2, n6, ns in a
	 * provider of the library's name.  Returns the path of the file that
	 * tracers attach to, or NULL if they can't. */
	const char *(*prepare)(void);
};

extern const struct library *const libraries[];

/* The arguments: INTEGER(n) is read from memory and has to be computed. */
extern volatile int bench_numbers[6];
extern char bench_text[32];
#define INTEGER(n)	(bench_numbers[n] + (n))

/* The text's address, in a register: a compiler may write a constant into a
 * note, which tracers can't read. */
static inline const char *
bench_string(void)
{
	const char *text = bench_text;

	__asm__("" : "+r"(text));
	return text;
}

/* The source of the arguments, unknown at compile time. */
#define OPAQUE(p)	__asm__ volatile("" : : "r"(p) : "memory")

#endif /* BENCH_H */
