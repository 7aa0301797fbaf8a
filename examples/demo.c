/*
 * demo.c - the program that `make demo` traces.
 *
 * It declares two probes at run time and fires them four times a second, for
 * the number of seconds in its argument.  It prints only its pid: the kernel
 * records every value that the demo shows.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE		/* nanosleep */
#endif
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "usdt.h"

static usdt_probedef_t *
declare(usdt_provider_t *provider, const char *func, const char *name,
    size_t argc, const char **types)
{
	usdt_probedef_t *probe = usdt_create_probe(func, name, argc, types);

	if (probe == NULL || usdt_provider_add_probe(provider, probe) < 0) {
		fprintf(stderr, "%s\n", usdt_errstr(probe ? provider : NULL));
		exit(1);
	}
	return probe;
}

static void
serve_request(usdt_probedef_t *start, usdt_probedef_t *done, int number)
{
	static const char *const paths[] = { "/", "/login", "/tea?pot=1" };
	static const int answers[] = { 200, 302, 418 };
	int which = number % 3;

	if (usdt_probe_enabled(start)) {
		void *argv[] = { (void *)(intptr_t)number,
		    (void *)paths[which] };
		usdt_probe_fire(start, 2, argv);
	}
	if (usdt_probe_enabled(done)) {
		void *argv[] = { (void *)(intptr_t)number,
		    (void *)(intptr_t)answers[which],
		    (void *)(intptr_t)(-1000 * number),
		    (void *)(which == 2 ? "I'm a \"teapot\"\n" : "fine") };
		usdt_probe_fire(done, 4, argv);
	}
}

int
main(int argc, char **argv)
{
	const char *start_types[] = { "int", "char *" };
	const char *done_types[] = { "int", "short", "int64_t", "char *" };
	struct timespec pause = { 0, 250000000 };
	int seconds = argc > 1 ? atoi(argv[1]) : 10, i;
	usdt_provider_t *provider = usdt_create_provider("demo", "server");
	usdt_probedef_t *start, *done;

	start = declare(provider, "serve", "request-start", 2, start_types);
	done = declare(provider, "serve", "request-done", 4, done_types);
	if (usdt_provider_enable(provider) < 0) {
		fprintf(stderr, "%s\n", usdt_errstr(provider));
		return 1;
	}
	printf("%ld\n", (long)getpid());
	fflush(stdout);
	for (i = 1; i <= 4 * seconds; i++) {
		serve_request(start, done, i);
		nanosleep(&pause, NULL);
	}
	usdt_provider_free(provider);
	usdt_probe_release(start);
	usdt_probe_release(done);
	return 0;
}
