/*
 * plugin.c - a plugin with a copy of libusdt.c of its own.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "usdt.h"

int plugin_run(void);

static void
count(const usdt_probedef_t *probedef, size_t argc, void *const *argv,
    void *data)
{
	(void)probedef;
	(void)argc;
	(void)argv;
	++*(int *)data;
}

/* How many of 3 fires were seen?  Negative: what failed. */
int
plugin_run(void)
{
	usdt_provider_t *p = usdt_create_provider("amalgam", "plugin");
	usdt_probedef_t *probe = usdt_create_probe("f", "fired", 0, NULL);
	int i, seen = 0;

	if (p == NULL || probe == NULL)
		return -1;
	if (usdt_provider_add_probe(p, probe) < 0 ||
	    usdt_provider_observe(p, count, &seen) < 0 ||
	    usdt_provider_enable(p) < 0)
		return -2;
	for (i = 0; i < 3; i++)
		if (usdt_probe_enabled(probe))
			usdt_probe_fire(probe, 0, NULL);
	usdt_provider_free(p);
	usdt_probe_release(probe);
	return seen;
}
