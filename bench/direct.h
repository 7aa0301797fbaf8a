/*
 * direct.h - what does an event cost that no tracer stops for?
 *
 * direct.c and direct_lttng.c each have four kinds of probe, and fire them as
 * lines of standard input say:
 *
 *	fire KIND TIMES		in a loop; KIND "c" fires nothing, and reads the
 *				processor's counter instead
 *	two KIND TIMES		in two threads at once
 *	burst KIND COUNT TIMES	COUNT events, then a pause of 20 ms, so many TIMES
 *	pace KIND RATE SECONDS	so many events a second, in portions of a
 *				millisecond
 *
 * The answers are nanoseconds an event, or the count of events.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef BENCH_DIRECT_H
#define BENCH_DIRECT_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../core/instructions.h"

static const char text[] = "a text of 20 letters";

/* Fire a probe of no, two or six integers, or of an integer and a text. */
static void fire_0(long i);
static void fire_2(long i);
static void fire_6(long i);
static void fire_t(long i);

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double
loop(char kind, long times)
{
	double start = now();
	long i;

	if (kind == '0')
		for (i = 0; i < times; i++)
			fire_0(i);
	else if (kind == '2')
		for (i = 0; i < times; i++)
			fire_2(i);
	else if (kind == '6')
		for (i = 0; i < times; i++)
			fire_6(i);
	else if (kind == 'c')
		for (i = 0; i < times; i++)
			usdt__counter();
	else
		for (i = 0; i < times; i++)
			fire_t(i);
	return now() - start;
}

struct share {
	char kind;
	long times;
	double took;
	pthread_barrier_t *start;
};

static void *
run_share(void *data)
{
	struct share *share = data;
	double start = now();

	/* The first records of a thread are announced, too. */
	while (now() - start < 2e8)
		loop(share->kind, 1000);
	pthread_barrier_wait(share->start);
	share->took = loop(share->kind, share->times);
	return NULL;
}

static double
loop_in_two(char kind, long times)
{
	pthread_barrier_t start;
	struct share shares[2] = {
		{ kind, times, 0, &start }, { kind, times, 0, &start }
	};
	pthread_t threads[2];
	int i;

	pthread_barrier_init(&start, NULL, 2);
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, run_share, &shares[i]);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&start);
	return (shares[0].took + shares[1].took) / 2;
}

static double
bursts(char kind, long count, long times)
{
	double took = 0;
	long i;

	for (i = 0; i < times; i++) {
		took += loop(kind, count);
		usleep(20000);
	}
	return took / (double)times;
}

/* Whoever is late makes up for it. */
static long
pace(char kind, long rate, long seconds)
{
	double start = now();
	long fired = 0, due;

	while (fired < rate * seconds) {
		due = (long)((now() - start) / 1e9 * (double)rate);
		if (due > rate * seconds)
			due = rate * seconds;
		if (due > fired)
			loop(kind, due - fired);
		fired = due > fired ? due : fired;
		usleep(1000);
	}
	return fired;
}

static int
serve(void)
{
	char line[128], what[16], kind[8];
	long a, b;

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("ready %ld\n", (long)getpid());
	while (fgets(line, sizeof line, stdin) != NULL) {
		b = 1;
		if (sscanf(line, "%15s %7s %ld %ld", what, kind, &a, &b) < 3)
			return 1;
		if (strcmp(what, "fire") == 0)
			printf("%.2f\n", loop(*kind, a) / (double)a);
		else if (strcmp(what, "two") == 0)
			printf("%.2f\n", loop_in_two(*kind, a) / (double)a);
		else if (strcmp(what, "burst") == 0)
			printf("%.2f\n", bursts(*kind, a, b) / (double)a);
		else
			printf("%ld\n", pace(*kind, a, b));
	}
	return 0;
}

#endif /* BENCH_DIRECT_H */
