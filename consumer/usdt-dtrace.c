/*
 * usdt-dtrace.c - runs D programs, and prints what they trace as JSON
 *
 * Programs give commands on standard input (serve.c); people use options like
 * those of dtrace(1) (person.c).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "consumer.h"

#define GRACE 5000

/* The number in "--NAME=NUMBER"; ELSE_ for "--NAME"; -1: not a number. */
static int
number(const char *word, const char *name, int else_)
{
	size_t n = strlen(name);
	char *end;
	long value;

	if (word[n] == 0)
		return else_;
	value = strtol(word + n + 1, &end, 10);
	if (word[n] != '=' || end == word + n + 1 || *end || value < 0 ||
	    value > 1000000)
		return -1;
	return (int)value;
}

static int
is_word(const char *word, const char *name)
{
	size_t n = strlen(name);

	return strncmp(word, name, n) == 0 && (word[n] == 0 || word[n] == '=');
}

/* By _exit: libdtrace's own handlers can take half a minute. */
static void
leave(int status)
{
	fflush(NULL);
	_exit(status);
}

int
main(int argc, char **argv)
{
	int descriptor = -1, grace = GRACE, out, i;

	if (argc < 2 || !is_word(argv[1], "--serve"))
		leave(person(argc, argv));
	for (i = 1; i < argc; i++) {
		if (is_word(argv[i], "--serve"))
			descriptor = number(argv[i], "--serve", 1);
		else if (is_word(argv[i], "--grace"))
			grace = number(argv[i], "--grace", -1);
		else
			grace = -1;
		if (descriptor == -1 || grace == -1) {
			fprintf(stderr, "usdt-dtrace: %s: invalid option\n",
			    argv[i]);
			return 2;
		}
	}
	/*
	 * Lines go to a descriptor that nothing else uses.  The library, and
	 * system() in D programs, print to 1, which becomes standard error.
	 */
	out = fcntl(descriptor, F_DUPFD_CLOEXEC, 10);
	if (out == -1) {
		perror("usdt-dtrace: --serve");
		return 2;
	}
	close(descriptor);
	dup2(2, 1);
	keeper_start(0, grace);
	leave(serve(out));
	return 0;
}
