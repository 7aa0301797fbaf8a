/*
 * concurrent_enable.c - what if many processes enable one new definition at
 * once?
 *
 *	concurrent_enable COUNT
 *
 * COUNT children wait for the same moment, enable, and each prints a line:
 *
 *	placed INODE PATH		or	error TEXT
 *
 * After the last one the program prints "all", and the children stay until
 * standard input ends.  The exit status is 0 if theirs all are.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "one_image.h"

/* One write for each line: lines of several children don't mix. */
static void
tell(const struct one *one, const char *error, int out)
{
	char line[2048];
	struct stat st = { 0 };
	int n;

	if (error == NULL && stat(one->status.sdt.path, &st) < 0)
		error = "there is no such file";
	if (error != NULL)
		n = snprintf(line, sizeof line, "error %.900s\n", error);
	else
		n = snprintf(line, sizeof line, "placed %lu %s\n",
		    (unsigned long)st.st_ino, one->status.sdt.path);
	if (write(STDOUT_FILENO, line, (size_t)n) != n ||
	    write(out, "x", 1) != 1)
		_exit(1);
}

static void
child(int start, int done, int end)
{
	struct one one;
	char byte;

	if (one_make(&one, "crowd") < 0)
		_exit(1);
	if (read(start, &byte, 1) != 0)		/* end of file is the signal */
		_exit(1);
	tell(&one, one_enable(&one), done);
	if (read(end, &byte, 1) != 0)
		_exit(1);
	one_free(&one);
	_exit(0);
}

int
main(int argc, char **argv)
{
	int count = argc > 1 ? atoi(argv[1]) : 1;
	int start[2], done[2], end[2], i, status, ended = 0;
	char byte;

	if (pipe(start) < 0 || pipe(done) < 0 || pipe(end) < 0)
		return 1;
	printf("ready %ld\n", (long)getpid());
	fflush(stdout);
	for (i = 0; i < count; i++)
		if (fork() == 0) {
			close(start[1]);
			close(end[1]);
			child(start[0], done[1], end[0]);
		}
	close(done[1]);
	close(start[1]);
	for (i = 0; i < count && read(done[0], &byte, 1) == 1; i++)
		continue;
	printf("all %d\n", i);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		continue;
	close(end[1]);
	while (wait(&status) > 0)
		ended += status == 0;
	return ended == count ? 0 : 1;
}
