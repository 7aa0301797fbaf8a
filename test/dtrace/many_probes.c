/*
 * many_probes.c - a process with many probes or many providers
 *
 *	many NAME PROVIDERS PROBES
 *
 * enables that many providers, NAMEa, NAMEb ...  NAMEz, NAMEba ..., each with
 * that many probes: many:f:p0(int), many:f:p1(int) ...  Then it prints "ready
 * PID" and does what each line on standard input says:
 *
 *	status			how many were enabled, and taken by the helper,
 *				how long that took, the first reason why not
 *	fire P I VALUE		fire probe I of provider P (from 0)
 *	enabled P I		is it enabled?
 *	wait P I 0|1 SECONDS	wait until it is (not) enabled
 *	exec PROGRAM		become that program, without arguments
 *	quit			exit, without having freed anything
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "usdt.h"

static usdt_provider_t **providers;
static usdt_probedef_t ***probes;	/* [provider][probe] */
static int provider_count, probe_count;
static int enabled, taken;
static double seconds;
static char reason[USDT_TEXT_SIZE];

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A provider's name may not end in a digit: DTrace would read it as part of the
 * pid. */
static void
letters(char *out, size_t size, const char *name, int number)
{
	char text[8];
	int at = sizeof text - 1;

	text[at] = '\0';
	do {
		text[--at] = (char)('a' + number % 26);
		number /= 26;
	} while (number > 0);
	snprintf(out, size, "%s%s", name, text + at);
}

static usdt_provider_t *
make_provider(const char *name, usdt_probedef_t **defs)
{
	const char *types[] = { "int" };
	usdt_provider_t *provider = usdt_create_provider(name, "many");
	char probe[16];
	int i;

	if (provider == NULL)
		return NULL;
	for (i = 0; i < probe_count; i++) {
		snprintf(probe, sizeof probe, "p%d", i);
		defs[i] = usdt_create_probe("f", probe, 1, types);
		if (defs[i] == NULL ||
		    usdt_provider_add_probe(provider, defs[i]) < 0)
			return NULL;
	}
	return provider;
}

static void
enable(usdt_provider_t *provider)
{
	usdt_status_t status;

	if (usdt_provider_enable(provider) == 0)
		enabled++;
	usdt_provider_status(provider, &status);
	if (status.dof.taken)
		taken++;
	else if (reason[0] == '\0')
		memcpy(reason, status.dof.reason, sizeof reason);
}

static void
say_status(void)
{
	printf("status enabled %d\n", enabled);
	printf("status taken %d\n", taken);
	printf("status seconds %.2f\n", seconds);
	printf("status reason %s\n", reason);
	printf("ok\n");
}

static int
wait_for(usdt_probedef_t *probe, int value, double limit)
{
	struct timespec pause = { 0, 5000000 };
	double end = now() + limit;

	while (usdt_is_enabled(probe->probe) != value && now() < end)
		nanosleep(&pause, NULL);
	return usdt_is_enabled(probe->probe);
}

static void
serve(char *line)
{
	int p, i, value;
	double limit;
	void *argv[1];

	if (strcmp(line, "status") == 0) {
		say_status();
	} else if (strncmp(line, "exec ", 5) == 0) {
		execlp(line + 5, line + 5, (char *)NULL);
		printf("error cannot run %s\n", line + 5);
	} else if (sscanf(line, "fire %d %d %d", &p, &i, &value) == 3) {
		argv[0] = (void *)(intptr_t)value;
		usdt_probe_fire(probes[p][i], 1, argv);
		printf("fired 1\n");
	} else if (sscanf(line, "enabled %d %d", &p, &i) == 2) {
		printf("enabled %d\n", usdt_is_enabled(probes[p][i]->probe));
	} else if (sscanf(line, "wait %d %d %d %lf", &p, &i, &value,
	    &limit) == 4) {
		printf("enabled %d\n", wait_for(probes[p][i], value, limit));
	} else {
		printf("error unknown command %s\n", line);
	}
}

int
main(int argc, char **argv)
{
	static char line[256];
	char name[64];
	double start;
	int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	if (argc != 4) {
		fprintf(stderr, "usage: many NAME PROVIDERS PROBES\n");
		return 2;
	}
	provider_count = atoi(argv[2]);
	probe_count = atoi(argv[3]);
	providers = calloc((size_t)provider_count, sizeof *providers);
	probes = calloc((size_t)provider_count, sizeof *probes);
	for (i = 0; i < provider_count; i++) {
		letters(name, sizeof name, argv[1], i);
		probes[i] = calloc((size_t)probe_count, sizeof **probes);
		providers[i] = make_provider(name, probes[i]);
		if (providers[i] == NULL) {
			printf("error %s\n", usdt_errstr(NULL));
			return 1;
		}
	}
	start = now();
	for (i = 0; i < provider_count; i++)
		enable(providers[i]);
	seconds = now() - start;
	printf("ready %ld\n", (long)getpid());
	while (fgets(line, sizeof line, stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, "quit") == 0)
			break;
		serve(line);
	}
	return 0;
}
