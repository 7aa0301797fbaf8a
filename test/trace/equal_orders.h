/*
 * equal_orders.h - which orders do the programs with two equal providers obey?
 *
 * Lines on standard input, where K is 0 or 1; it answers each by one line:
 *
 *	fire K N		"fired 1", with the int N as the argument
 *	enabled K		"enabled 0" or "enabled 1"
 *	wait K 0|1 SECONDS	waits until it is so, then the same
 *	stop K | start K	"ok" or "error"
 *	quit
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef PAIR_H
#define PAIR_H

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Start and stop return 0 or -1. */
struct pair_calls {
	int (*start)(int which);
	int (*stop)(int which);
	int (*enabled)(int which);
	void (*fire)(int which, int value);
};

static int
pair_wait(const struct pair_calls *calls, int which, int value, double seconds)
{
	struct timespec pause = { 0, 5000000 };

	for (; seconds > 0; seconds -= 0.005) {
		if (calls->enabled(which) == value)
			break;
		nanosleep(&pause, NULL);
	}
	return calls->enabled(which);
}

static void
pair_order(const struct pair_calls *calls, const char *line)
{
	int which, value;
	double seconds;

	if (sscanf(line, "fire %d %d", &which, &value) == 2) {
		calls->fire(which, value);
		printf("fired 1\n");
	} else if (sscanf(line, "enabled %d", &which) == 1) {
		printf("enabled %d\n", calls->enabled(which));
	} else if (sscanf(line, "wait %d %d %lf", &which, &value,
	    &seconds) == 3) {
		printf("enabled %d\n",
		    pair_wait(calls, which, value, seconds));
	} else if (sscanf(line, "stop %d", &which) == 1) {
		puts(calls->stop(which) < 0 ? "error" : "ok");
	} else if (sscanf(line, "start %d", &which) == 1) {
		puts(calls->start(which) < 0 ? "error" : "ok");
	} else {
		printf("error unknown order %s", line);
	}
}

/* Returns the exit status of main. */
static int
pair_serve(const struct pair_calls *calls)
{
	char line[256];

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (calls->start(0) < 0 || calls->start(1) < 0)
		return 1;
	printf("ready %ld\n", (long)getpid());
	while (fgets(line, sizeof line, stdin) != NULL &&
	    strcmp(line, "quit\n") != 0)
		pair_order(calls, line);
	calls->stop(0);
	calls->stop(1);
	return 0;
}

#endif
