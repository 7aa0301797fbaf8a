/*
 * equal_plugin.c - what if a plugin has its own copy of the library?
 *
 * A shared object for equal_plugins.c, which loads it twice under two names.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdint.h>
#include <stdio.h>

#include "usdt.h"

int plugin_start(void);
void plugin_stop(void);
int plugin_enabled(void);
void plugin_fire(int value);

#if !defined(MODULE)
#define MODULE	"plugin"
#endif

static usdt_provider_t *provider;
static usdt_probedef_t *probe;

int
plugin_start(void)
{
	const char *types[] = { "int" };

	provider = usdt_create_provider("plugged", MODULE);
	probe = usdt_create_probe("func", "probe", 1, types);
	if (provider == NULL || probe == NULL ||
	    usdt_provider_add_probe(provider, probe) < 0 ||
	    usdt_provider_enable(provider) < 0) {
		printf("error %s\n", usdt_errstr(provider));
		return -1;
	}
	return 0;
}

void
plugin_stop(void)
{
	usdt_provider_free(provider);
	usdt_probe_release(probe);
}

int
plugin_enabled(void)
{
	return usdt_probe_enabled(probe) != 0;
}

void
plugin_fire(int value)
{
	void *argv[] = { (void *)(intptr_t)value };

	usdt_probe_fire(probe, 1, argv);
}
