/*
 * plugin.c - what if plugins have copies of the library and equal providers?
 *
 * A shared object for plugin_host.c.  It has slots for a few providers of one
 * definition.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdint.h>
#include <stdio.h>

#include "usdt.h"

#define SLOTS	8

USDT_API const char *plugin_make(unsigned slot);
USDT_API const char *plugin_enable(unsigned slot);
USDT_API const char *plugin_free(unsigned slot);
USDT_API const char *plugin_path(unsigned slot);
USDT_API int plugin_enabled(unsigned slot);
USDT_API void plugin_fire(unsigned slot, int value);

static struct {
	usdt_provider_t *provider;
	usdt_probedef_t *probe;
} slots[SLOTS];

/* As others that return a text: NULL means success. */
USDT_API const char *
plugin_make(unsigned slot)
{
	const char *types[] = { "int" };
	usdt_provider_t *provider = usdt_create_provider("plugged", "plugin");
	usdt_probedef_t *probe = usdt_create_probe("func", "probe", 1, types);

	if (slot >= SLOTS || provider == NULL || probe == NULL)
		return "cannot make it";
	slots[slot].provider = provider;
	slots[slot].probe = probe;
	if (usdt_provider_add_probe(provider, probe) < 0)
		return usdt_errstr(provider);
	return plugin_enable(slot);
}

USDT_API const char *
plugin_enable(unsigned slot)
{
	usdt_provider_t *provider = slots[slot].provider;

	return usdt_provider_enable(provider) < 0 ? usdt_errstr(provider) :
	    NULL;
}

USDT_API const char *
plugin_free(unsigned slot)
{
	usdt_provider_free(slots[slot].provider);
	usdt_probe_release(slots[slot].probe);
	slots[slot].provider = NULL;
	slots[slot].probe = NULL;
	return NULL;
}

/* The image's path, or a text that does not start with '/'. */
USDT_API const char *
plugin_path(unsigned slot)
{
	static usdt_status_t status;

	if (usdt_provider_status(slots[slot].provider, &status) < 0)
		return usdt_errstr(NULL);
	return status.sdt.taken ? status.sdt.path : status.sdt.reason;
}

USDT_API int
plugin_enabled(unsigned slot)
{
	return usdt_probe_enabled(slots[slot].probe) != 0;
}

USDT_API void
plugin_fire(unsigned slot, int value)
{
	void *argv[] = { (void *)(intptr_t)value };

	usdt_probe_fire(slots[slot].probe, 1, argv);
}
