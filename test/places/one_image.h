/*
 * one_image.h - how do these programs place one image and check it?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef ONE_H
#define ONE_H

#include <stdio.h>
#include <sys/stat.h>

#include "usdt.h"

struct one {
	usdt_provider_t *provider;
	usdt_probedef_t *probe;
	usdt_status_t status;
};

/* A provider of one probe: definitions differ by MODULE.  Not enabled. */
static inline int
one_make(struct one *one, const char *module)
{
	const char *types[] = { "int" };

	one->provider = usdt_create_provider("placed", module);
	one->probe = usdt_create_probe("func", "probe", 1, types);
	return one->provider != NULL && one->probe != NULL ?
	    usdt_provider_add_probe(one->provider, one->probe) : -1;
}

/*
 * Enable.  Returns the error's text, or NULL: then the file exists, and STATUS
 * has its path.
 */
static inline const char *
one_enable(struct one *one)
{
	if (usdt_provider_enable(one->provider) < 0)
		return usdt_errstr(one->provider);
	usdt_provider_status(one->provider, &one->status);
	return one->status.sdt.taken ? NULL : one->status.sdt.reason;
}

static inline void
one_free(struct one *one)
{
	usdt_provider_free(one->provider);
	usdt_probe_release(one->probe);
}

#endif
