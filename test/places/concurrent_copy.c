/*
 * concurrent_copy.c - a plugin of concurrent_copies.c: what does its copy of
 * the library do?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>

#include "usdt.h"

USDT_API const char *copy_enable(int round);

/* Enable a provider of this round's new definition, and keep it. */
USDT_API const char *
copy_enable(int round)
{
	usdt_provider_t *provider;
	usdt_probedef_t *probe = usdt_create_probe("func", "probe", 0, NULL);
	char module[16];

	snprintf(module, sizeof module, "m%d", round);
	provider = usdt_create_provider("copies", module);
	if (provider == NULL || probe == NULL ||
	    usdt_provider_add_probe(provider, probe) < 0 ||
	    usdt_provider_enable(provider) < 0)
		return usdt_errstr(provider);
	return NULL;
}
