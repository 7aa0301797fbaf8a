/*
 * typed_fires.c - fire typed probes of provider NAME for each line of input.
 *
 *	typed_fires NAME
 *
 * "declared" was declared by USDT_PROBE, "made" is fired by USDT_FIRE.  Both
 * have values that need 64 bits.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "usdt.h"

static char name[64];

USDT_PROBE(declared, "f", "declared", (int, small), (int64_t, big),
    (const char *, text), (double, took), (uint64_t, all), (float, ratio));
USDT_PROVIDER(provider, name, "typed", &declared);

static void
must(int result)
{
	if (result < 0) {
		printf("failed: %s\n", usdt_errstr(provider.provider));
		_exit(1);
	}
}

int
main(int argc, char **argv)
{
	const char *types[] = {
		"int", "int64_t", "char *", "double", "uint64_t", "float"
	};
	usdt_probedef_t *made = usdt_create_probe("f", "made", 6, types);
	int evaluated = 0;
	char line[80];

	snprintf(name, sizeof name, "%s", argc > 1 ? argv[1] : "typed");
	must(usdt_static_enable(&provider));
	must(usdt_provider_add_probe(provider.provider, made));
	must(usdt_static_enable(&provider));
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	while (fgets(line, sizeof line, stdin) != NULL) {
		USDT_FIRE_STATIC(declared, (evaluated++, -5), -5000000000,
		    "declared", 3.25, UINT64_C(12345678901234567890), 0.5f);
		USDT_FIRE(made, (evaluated++, -6), -INT64_C(6000000000),
		    "made", -0.75, UINT64_C(0xfedcba9876543210), 1.5f);
		printf("evaluated %d\n", evaluated);
		fflush(stdout);
	}
	usdt_static_free(&provider);
	usdt_probe_release(made);
	return 0;
}
