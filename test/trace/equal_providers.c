/*
 * equal_providers.c - what if one process has two equal providers?
 *
 * Obeys the orders of equal_orders.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdint.h>

#include "equal_orders.h"
#include "usdt.h"

static struct {
	usdt_provider_t *provider;
	usdt_probedef_t *probe;
} twins[2];

static int
start(int which)
{
	const char *types[] = { "int" };
	usdt_provider_t *provider = usdt_create_provider("twins", "twin");
	usdt_probedef_t *probe = usdt_create_probe("func", "probe", 1, types);

	if (provider == NULL || probe == NULL ||
	    usdt_provider_add_probe(provider, probe) < 0 ||
	    usdt_provider_enable(provider) < 0) {
		printf("error %s\n", usdt_errstr(provider));
		return -1;
	}
	twins[which].provider = provider;
	twins[which].probe = probe;
	return 0;
}

static int
stop(int which)
{
	usdt_provider_free(twins[which].provider);
	usdt_probe_release(twins[which].probe);
	twins[which].provider = NULL;
	twins[which].probe = NULL;
	return 0;
}

static int
enabled(int which)
{
	return usdt_probe_enabled(twins[which].probe) != 0;
}

static void
fire(int which, int value)
{
	void *argv[] = { (void *)(intptr_t)value };

	usdt_probe_fire(twins[which].probe, 1, argv);
}

int
main(void)
{
	const struct pair_calls calls = { start, stop, enabled, fire };

	return pair_serve(&calls);
}
