/*
 * tap.h - how does a test program in C report its results?
 *
 * It prints the Test Anything Protocol.  Every check returns whether it passed.
 * For loops over many cases there is try(): it prints only failures, and the
 * following ok_all() reports the cases as one test.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef TAP_H
#define TAP_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tap_count, tap_failures;
static long tap_tries, tap_bad_tries;

#define TAP_SHOWN	10	/* failing cases that one ok_all prints */

static inline void
tap_vnote(const char *format, va_list args)
{
	printf("# ");
	vprintf(format, args);
	printf("\n");
	fflush(stdout);
}

__attribute__((format(printf, 1, 2))) static inline void
note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tap_vnote(format, args);
	va_end(args);
}

static inline int
tap_vok(int pass, const char *format, va_list args)
{
	printf("%sok %d - ", pass ? "" : "not ", ++tap_count);
	vprintf(format, args);
	printf("\n");
	fflush(stdout);
	if (!pass)
		tap_failures++;
	return pass;
}

__attribute__((format(printf, 2, 3))) static inline int
ok(int pass, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tap_vok(pass, format, args);
	va_end(args);
	return pass;
}

__attribute__((format(printf, 3, 4))) static inline int
is_int(long long got, long long expected, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tap_vok(got == expected, format, args);
	va_end(args);
	if (got != expected)
		note("  got %lld, expected %lld", got, expected);
	return got == expected;
}

__attribute__((format(printf, 3, 4))) static inline int
is_str(const char *got, const char *expected, const char *format, ...)
{
	int pass = got != NULL && strcmp(got, expected) == 0;
	va_list args;

	va_start(args, format);
	tap_vok(pass, format, args);
	va_end(args);
	if (!pass)
		note("  got \"%s\", expected \"%s\"", got ? got : "(null)",
		    expected);
	return pass;
}

/* One of many cases: it prints only if it fails. */
__attribute__((format(printf, 2, 3))) static inline int
try(int pass, const char *format, ...)
{
	va_list args;

	tap_tries++;
	if (!pass && tap_bad_tries++ < TAP_SHOWN) {
		va_start(args, format);
		tap_vnote(format, args);
		va_end(args);
	}
	return pass;
}

/* The cases since the last ok_all as one test; without a case it fails. */
__attribute__((format(printf, 1, 2))) static inline int
ok_all(const char *format, ...)
{
	int pass = tap_tries > 0 && tap_bad_tries == 0;
	va_list args;

	va_start(args, format);
	tap_vok(pass, format, args);
	va_end(args);
	if (!pass)
		note("  %ld of %ld cases failed", tap_bad_tries, tap_tries);
	tap_tries = tap_bad_tries = 0;
	return pass;
}

/* A failure where skipping is forbidden (USDT_NO_SKIP=1). */
__attribute__((format(printf, 1, 2))) static inline void
skip(const char *format, ...)
{
	const char *no_skip = getenv("USDT_NO_SKIP");
	int fails = no_skip != NULL && strcmp(no_skip, "1") == 0;
	va_list args;

	va_start(args, format);
	printf("%sok %d # %s", fails ? "not " : "", ++tap_count,
	    fails ? "may not be skipped: " : "SKIP ");
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
	if (fails)
		tap_failures++;
}

/* The plan, and the program's exit status. */
static inline int
done_testing(void)
{
	printf("1..%d\n", tap_count);
	if (tap_tries > 0) {
		printf("not ok - %ld cases without ok_all\n", tap_tries);
		return 1;
	}
	return tap_failures > 0 || tap_count == 0;
}

#endif /* TAP_H */
