/*
 * concurrent_pruning.c - do images that are in use stay while other processes
 * remove old ones?
 *
 *	concurrent_pruning PROCESSES DEFINITIONS SECONDS
 *
 * Each process enables, holds for a moment and frees images of random
 * definitions.  With more than 64 definitions nearly every enabling writes a
 * file and removes another.  Each process prints a line:
 *
 *	rounds N lost N elsewhere N errors N
 *
 * lost: while the image was held its file went, or another took its name;
 * elsewhere: it was placed, but not in $USDT_IMAGE_DIR; errors: it was not
 * placed.  Then "signals N": the number of processes that a signal ended.
 * Details of what was lost, elsewhere or failed go to stderr.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "one_image.h"

struct counts {
	unsigned rounds, lost, elsewhere, errors;
};

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Does the path still lead to the image? */
static int
is_there(const struct one *one)
{
	usdt_status_t status;

	return usdt_provider_status(one->provider, &status) == 0 &&
	    status.sdt.taken;
}

static void
one_round(struct counts *counts, int definition, const char *dir)
{
	struct timespec pause = { 0, rand() % 500000 };
	struct one one;
	char module[16];
	const char *error;

	snprintf(module, sizeof module, "m%d", definition);
	if (one_make(&one, module) < 0)
		abort();
	error = one_enable(&one);
	counts->rounds++;
	if (error != NULL) {
		counts->errors++;
		fprintf(stderr, "error: %s\n", error);
	} else if (strncmp(one.status.sdt.path, dir, strlen(dir)) != 0) {
		counts->elsewhere++;
		fprintf(stderr, "elsewhere: %s\n", one.status.sdt.path);
	} else {
		nanosleep(&pause, NULL);
		if (!is_there(&one)) {
			counts->lost++;
			fprintf(stderr, "lost: %s\n", one.status.sdt.path);
		}
	}
	one_free(&one);
}

static void
race(int definitions, double seconds)
{
	const char *dir = getenv("USDT_IMAGE_DIR");
	struct counts counts = { 0, 0, 0, 0 };
	double end = now() + seconds;
	char line[128];
	int n;

	srand((unsigned)getpid());
	while (now() < end)
		one_round(&counts, rand() % definitions, dir);
	n = snprintf(line, sizeof line,
	    "rounds %u lost %u elsewhere %u errors %u\n", counts.rounds,
	    counts.lost, counts.elsewhere, counts.errors);
	_exit(write(STDOUT_FILENO, line, (size_t)n) != n);
}

int
main(int argc, char **argv)
{
	int i, status, signals = 0;

	if (argc != 4 || getenv("USDT_IMAGE_DIR") == NULL)
		return 2;
	printf("ready %ld\n", (long)getpid());
	fflush(stdout);
	for (i = 0; i < atoi(argv[1]); i++)
		if (fork() == 0)
			race(atoi(argv[2]), atof(argv[3]));
	while (wait(&status) > 0)
		signals += WIFSIGNALED(status) != 0;
	printf("signals %d\n", signals);
	return 0;
}
