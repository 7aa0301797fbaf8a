/*
 * partial_link_so.c - a shared object with a copy of the library.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stddef.h>

#include "partial_link.h"

static int seen;

static void
see(const usdt_probedef_t *probedef, size_t argc, void *const *argv,
    void *data)
{
	(void)probedef;
	(void)argc;
	(void)argv;
	(void)data;
	seen++;
}

int
half_fire(int times)
{
	usdt_provider_t *provider = usdt_create_provider("half", "m");
	usdt_probedef_t *probe = usdt_create_probe("f", "n", 0, NULL);

	if (usdt_provider_add_probe(provider, probe) < 0 ||
	    usdt_provider_observe(provider, see, NULL) < 0 ||
	    usdt_provider_enable(provider) < 0)
		return -1;
	while (times-- > 0)
		if (usdt_probe_enabled(probe))
			usdt_probe_fire(probe, 0, NULL);
	usdt_probe_release(probe);
	usdt_provider_free(provider);
	return seen;
}

const char *
half_status(void)
{
	usdt_status_t status;

	return usdt_provider_status(NULL, &status) < 0 ? usdt_errstr(NULL) :
	    "no error";
}
