/*
 * types.c - does core/type.c know the size and sign of C's types?
 *
 * The compiler answers for the processor that the test runs on; a table has the
 * numbers for both widths.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE		/* loff_t, off64_t, u_int8_t */
#endif
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>
#include <uchar.h>
#include <wchar.h>

#include "tap.h"
#include "core/provider.h"

/* --- by the compiler ---------------------------------------------------- */

struct known {
	const char *name;
	int size;		/* negative if signed */
};

#define C(type)	{ #type, (type)-1 < (type)1 ? -(int)sizeof(type) : \
		    (int)sizeof(type) }
#define P(type)	{ #type, (int)sizeof(void *) }

typedef struct some_struct some_struct;

static const struct known native[] = {
	/* Integers, in all the spellings that C has. */
	C(signed char), C(unsigned char), C(char signed), C(char unsigned),
	C(short), C(short int), C(signed short), C(signed short int),
	C(int short), C(short signed int), C(int signed short),
	C(unsigned short), C(unsigned short int), C(short unsigned),
	C(short unsigned int), C(int unsigned short),
	C(int), C(signed), C(signed int), C(int signed),
	C(unsigned), C(unsigned int), C(int unsigned),
	C(long), C(long int), C(signed long), C(signed long int),
	C(int long), C(long signed int),
	C(unsigned long), C(unsigned long int), C(long unsigned),
	C(long unsigned int), C(long int unsigned), C(int long unsigned),
	C(long long), C(long long int), C(signed long long),
	C(signed long long int), C(long long signed), C(long int long),
	C(unsigned long long), C(unsigned long long int),
	C(long long unsigned), C(long long unsigned int),
	C(long unsigned long), C(int long unsigned long),
	C(bool), C(_Bool),

	/* Qualified. */
	C(const int), C(int const), C(volatile unsigned short),
	C(const volatile long), C(const uint16_t), C(size_t const),

	/* stdint.h */
	C(int8_t), C(int16_t), C(int32_t), C(int64_t),
	C(uint8_t), C(uint16_t), C(uint32_t), C(uint64_t),
	C(int_least8_t), C(int_least16_t), C(int_least32_t),
	C(int_least64_t), C(uint_least8_t), C(uint_least16_t),
	C(uint_least32_t), C(uint_least64_t),
	C(int_fast8_t), C(int_fast16_t), C(int_fast32_t), C(int_fast64_t),
	C(uint_fast8_t), C(uint_fast16_t), C(uint_fast32_t),
	C(uint_fast64_t), C(intptr_t), C(uintptr_t), C(intmax_t),
	C(uintmax_t),

	/* Of the system. */
	C(size_t), C(ssize_t), C(ptrdiff_t), C(off_t), C(loff_t),
	C(off64_t), C(pid_t), C(uid_t), C(gid_t), C(id_t), C(mode_t),
	C(dev_t), C(ino_t), C(ino64_t), C(nlink_t), C(blksize_t), C(blkcnt_t),
	C(time_t), C(clock_t), C(suseconds_t), C(useconds_t),
	C(socklen_t), C(sa_family_t), C(in_port_t), C(in_addr_t),
	C(wchar_t), C(wint_t), C(char16_t), C(char32_t),
	C(u_char), C(u_short), C(u_int), C(u_long), C(ushort), C(uint),
	C(ulong), C(u_int8_t), C(u_int16_t), C(u_int32_t), C(u_int64_t),

	/* Pointers to anything. */
	P(char *), P(const char *), P(char const *), P(char *const),
	P(const char *const), P(char **), P(void *), P(int *),
	P(unsigned char *), P(uint8_t *), P(const void *const *),
	P(struct some_struct *), P(const struct some_struct *),
	P(some_struct *), P(long long *), P(bool *), P(int (*)(void)),
	P(enum some_enum *), P(char*),
};

/* --- by a table --------------------------------------------------------- */

static const struct {
	const char *name;
	int lp64, ilp32;
} table[] = {
	{ "char", -1, -1 }, { "const char", -1, -1 },
	{ "unsigned char", 1, 1 }, { "short", -2, -2 },
	{ "unsigned short", 2, 2 }, { "int", -4, -4 }, { "unsigned", 4, 4 },
	{ "long", -8, -4 }, { "unsigned long", 8, 4 },
	{ "long long", -8, -8 }, { "unsigned long long", 8, 8 },
	{ "long int", -8, -4 }, { "long unsigned int", 8, 4 },
	{ "bool", 1, 1 }, { "_Bool", 1, 1 },
	{ "int8_t", -1, -1 }, { "int16_t", -2, -2 }, { "int32_t", -4, -4 },
	{ "int64_t", -8, -8 }, { "uint8_t", 1, 1 }, { "uint16_t", 2, 2 },
	{ "uint32_t", 4, 4 }, { "uint64_t", 8, 8 },
	{ "intptr_t", -8, -4 }, { "uintptr_t", 8, 4 },
	{ "intmax_t", -8, -8 }, { "uintmax_t", 8, 8 },
	{ "size_t", 8, 4 }, { "ssize_t", -8, -4 }, { "ptrdiff_t", -8, -4 },
	{ "off_t", -8, -4 }, { "pid_t", -4, -4 }, { "uid_t", 4, 4 },
	{ "gid_t", 4, 4 }, { "mode_t", 4, 4 }, { "time_t", -8, -4 },
	{ "char *", 8, 4 }, { "void *", 8, 4 }, { "struct some *", 8, 4 },
	{ "char[16]", 8, 4 }, { "int []", 8, 4 }, { "std::string &", 8, 4 },

	/* Enums have an int's size; either sign may be wrong. */
	{ "enum color", -4, -4 }, { "const enum color", -4, -4 },

	/* Blanks don't matter. */
	{ "  int", -4, -4 }, { "int  ", -4, -4 },
	{ "unsigned   short", 2, 2 }, { "char*", 8, 4 },

	/* Anything else is a machine word without a sign. */
	{ "struct some", 8, 4 }, { "union some", 8, 4 }, { "some_t", 8, 4 },
	{ "double", 8, 8 }, { "float", 4, 4 }, { "long double", 8, 4 },
	{ "void", 8, 4 }, { "string", 8, 4 }, { "integer", 8, 4 },
	{ "interface", 8, 4 }, { "int128_t", 8, 4 }, { "xint8_t", 8, 4 },
	{ "int8_tx", 8, 4 }, { "int8", 8, 4 }, { "INT", 8, 4 },
	{ "Int", 8, 4 }, { "longest", 8, 4 }, { "shorts", 8, 4 },
	{ "enumerator", 8, 4 }, { "unsignedness", 8, 4 }, { "charm", 8, 4 },
	{ "struct int_list", 8, 4 }, { "json", 8, 4 }, { "?", 8, 4 },
	{ " ", 8, 4 }, { "const", 8, 4 }, { "my int8_t thing", 8, 4 },
};

static void
check(const char *type, const struct usdt__arch *row, int expected)
{
	int got = usdt__type_size(type, row);

	try(got == expected, "\"%s\" is %d on %s, expected %d", type, got,
	    row->name, expected);
}

int
main(void)
{
	const struct usdt__arch *own = usdt__native_arch();
	size_t i, k;

	if (own == NULL)
		skip("an unknown processor has no sizes");
	else {
		for (i = 0; i < sizeof native / sizeof native[0]; i++)
			check(native[i].name, own, native[i].size);
		ok_all("on %s types are what the compiler says", own->name);
	}
	for (i = 0; i < sizeof table / sizeof table[0]; i++) {
		for (k = 0; k < usdt__arch_count; k++)
			check(table[i].name, &usdt__archs[k],
			    usdt__archs[k].word == 8 ? table[i].lp64 :
			    table[i].ilp32);
	}
	ok_all("types on processors of 64 and of 32 bits");
	return done_testing();
}
