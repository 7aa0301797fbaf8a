/*
 * options.c - how do all subcommands treat options and errors?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "tools/common/common.h"

long
parse_count(const char *option, const char *text)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || value < 1 ||
	    value > INT_MAX) {
		fprintf(stderr, "usdt: %s wants a number from 1 to %d, not "
		    "\"%s\"\n", option, INT_MAX, text);
		return -1;
	}
	return value;
}

uint64_t
parse_seconds(const char *option, const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || text[strspn(text, "0123456789.")] != '\0' ||
	    *end != '\0' || value < 0.1 || value > 1e9) {
		fprintf(stderr, "usdt: %s wants seconds from 0.1 to "
		    "1000000000, not \"", option);
		quote_line(stderr, text);
		fputs("\"\n", stderr);
		return 0;
	}
	return (uint64_t)(value * 1e9);
}

int
complain(const char *what, const char *why)
{
	fputs("usdt: ", stderr);
	quote_line(stderr, what);
	fprintf(stderr, ": %s\n", why);
	return EXIT_TROUBLE;
}

int
print_help(int option, void (*help)(FILE *out))
{
	help(option == 'h' ? stdout : stderr);
	return option == 'h' ? EXIT_FINE : EXIT_USAGE;
}

int
misuse(void (*help)(FILE *out), const char *why)
{
	fprintf(stderr, "usdt: %s\n", why);
	help(stderr);
	return EXIT_USAGE;
}
