/*
 * reference.c - how does a program behave whose probes are compiled in?
 *
 * Its probe is made by `dtrace -h` and `dtrace -G`.  Tests compare ours with
 * it: what dtprobed keeps of a process that has ended, what DTrace can't read.
 * It prints "ready PID" and then does what each line on standard input says:
 *
 *	fire N TEXT	fire, with %00 for an empty text
 *	exec PROGRAM	become that program, without arguments
 *	quit		exit
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reference.h"

static char line[256];

static void
fire(char *arguments)
{
	char *end;
	int number = (int)strtol(arguments, &end, 10);

	if (*end == ' ')
		end++;
	if (strcmp(end, "%00") == 0)
		*end = '\0';
	REFERENCE_FIRE(number, end);
	printf("fired 1\n");
}

int
main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready %ld\n", (long)getpid());
	while (fgets(line, sizeof line, stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "fire ", 5) == 0)
			fire(line + 5);
		else if (strncmp(line, "exec ", 5) == 0)
			execlp(line + 5, line + 5, (char *)NULL);
		else if (strcmp(line, "quit") == 0)
			break;
	}
	return 0;
}
