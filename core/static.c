/*
 * core/static.c - how does a declaration in a source file become a provider?
 *
 * All is created before anything is stored in the declarations, so a failure
 * leaves them as they were, and of two threads that create one, one wins.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/provider.h"

#include <stdlib.h>

/* What one call creates. */
struct made {
	usdt_provider_t *provider;
	usdt_probedef_t **probes;
	size_t count;
};

static void
unmake(struct made *made)
{
	size_t i;

	for (i = 0; i < made->count; i++)
		usdt_probe_release(made->probes[i]);
	usdt_provider_free(made->provider);
	free(made->probes);
}

static int
make_probe(struct made *made, const usdt_static_probe_t *declared)
{
	usdt_probedef_t *probedef;

	if (declared == NULL)
		return usdt__fail(NULL, USDT_ERROR_INVALID,
		    "a declared probe is NULL");
	probedef = usdt_create_probe(declared->function, declared->name,
	    declared->argc, (const char **)(uintptr_t)declared->types);
	if (probedef == NULL)
		return -1;
	made->probes[made->count++] = probedef;
	if (usdt_provider_add_probe(made->provider, probedef) < 0)
		return usdt__fail_alike(made->provider);
	return 0;
}

/* On failure the text is the thread's, and what was made is left. */
static int
make(struct made *made, const usdt_static_provider_t *declared)
{
	size_t i;

	made->provider = usdt_create_provider(declared->name,
	    declared->module);
	if (made->provider == NULL)
		return -1;
	made->probes = calloc(declared->count + 1, sizeof *made->probes);
	if (made->probes == NULL)
		return usdt__fail(NULL, USDT_ERROR_MALLOC);
	for (i = 0; i < declared->count; i++)
		if (make_probe(made, declared->probes[i]) < 0)
			return -1;
	return 0;
}

/* Let a declared probe lead to a definition, or to none. */
static void
lead(usdt_static_probe_t *declared, usdt_probedef_t *probedef)
{
	__atomic_store_n(&declared->probedef, probedef, __ATOMIC_RELEASE);
}

/* Under the lock.  Returns 1 if another thread was faster, or -1. */
static int
publish(const struct made *made, usdt_static_provider_t *declared)
{
	size_t i;

	if (declared->provider != NULL)
		return 1;
	for (i = 0; i < made->count; i++)
		if (declared->probes[i]->probedef != &declared->probes[i]->none)
			return usdt__fail(NULL, USDT_ERROR_OWNED,
			    made->probes[i]->name);
	for (i = 0; i < made->count; i++)
		lead(declared->probes[i], made->probes[i]);
	__atomic_store_n(&declared->provider, made->provider,
	    __ATOMIC_RELEASE);
	return 0;
}

static int
create(usdt_static_provider_t *declared)
{
	struct made made = { NULL, NULL, 0 };
	int result = make(&made, declared);

	if (result == 0) {
		usdt__lock();
		result = publish(&made, declared);
		usdt__unlock();
	}
	if (result == 0)
		free(made.probes);
	else
		unmake(&made);
	return result;
}

static usdt_provider_t *
created(usdt_static_provider_t *declared)
{
	return __atomic_load_n(&declared->provider, __ATOMIC_ACQUIRE);
}

int
usdt_static_create(usdt_static_provider_t *declared)
{
	if (declared == NULL)
		return usdt__fail(NULL, USDT_ERROR_INVALID,
		    "the declared provider is NULL");
	return created(declared) == NULL && create(declared) < 0 ? -1 : 0;
}

int
usdt_static_enable(usdt_static_provider_t *declared)
{
	if (usdt_static_create(declared) < 0)
		return -1;
	return usdt_provider_enable(created(declared));
}

int
usdt_static_disable(usdt_static_provider_t *declared)
{
	if (declared == NULL)
		return usdt__fail(NULL, USDT_ERROR_INVALID,
		    "the declared provider is NULL");
	if (created(declared) == NULL)
		return 0;
	return usdt_provider_disable(created(declared));
}

void
usdt_static_free(usdt_static_provider_t *declared)
{
	usdt_provider_t *provider;
	size_t i;

	if (declared == NULL || (provider = created(declared)) == NULL)
		return;
	for (i = 0; i < declared->count; i++) {
		usdt_static_probe_t *probe = declared->probes[i];
		usdt_probedef_t *probedef = probe->probedef;

		lead(probe, &probe->none);
		usdt_probe_release(probedef);
	}
	__atomic_store_n(&declared->provider, NULL, __ATOMIC_RELEASE);
	usdt_provider_free(provider);
}
