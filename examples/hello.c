/*
 * hello.c - the smallest program that declares a probe and fires it: the
 * example of usdt.h, once a second until it is interrupted.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "usdt.h"

int
main(void)
{
	usdt_provider_t *p = usdt_create_provider("myapp", "mymodule");
	const char *types[] = { "int", "char *" };
	usdt_probedef_t *req =
	    usdt_create_probe("handle", "request-start", 2, types);
	int i;

	if (p == NULL || req == NULL) {
		fprintf(stderr, "%s\n", usdt_errstr(NULL));
		return 1;
	}
	if (usdt_provider_add_probe(p, req) < 0 ||
	    usdt_provider_enable(p) < 0)
		fprintf(stderr, "%s\n", usdt_errstr(p));

	for (i = 0; i < 60; i++) {
		if (usdt_probe_enabled(req)) {
			void *argv[] = { (void *)(intptr_t)(200 + i),
			    (void *)"/index" };
			usdt_probe_fire(req, 2, argv);
		}
		sleep(1);
	}

	usdt_provider_disable(p);
	usdt_probe_release(req);
	usdt_provider_free(p);
	return 0;
}
