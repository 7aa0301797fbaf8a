/*
 * core/code.c - which code of the caller's has a probe?
 *
 * A code generator may bring code with a site of its own, at which arguments
 * are in places of its choice.  The code becomes a part of the probe's image,
 * behind the stubs (image/elf.c), since the kernel's tracers go by files.  Its
 * site is like those of stubs: two nops, one for SDT notes and one for tracers
 * that do not know .stapsdt.base.  The probe's stub stays, for usdt_probe_fire
 * and for DTrace.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/provider.h"

#include <stdlib.h>

/* The stub like which sites have to be, or NULL: there are none. */
static const struct usdt__stub *
model(void)
{
	return usdt__native_platform()->image && usdt__native_supported() ?
	    usdt__stub_choose(0) : NULL;
}

static uint32_t
site_size(const struct usdt__stub *stub)
{
	return 2 * (stub->dof_site - stub->sdt_site);
}

size_t
usdt_site_nops(void *out)
{
	const struct usdt__stub *stub;
	size_t size = 0;

	usdt__lock();
	stub = model();
	if (stub != NULL) {
		size = site_size(stub);
		if (out != NULL)
			memcpy(out, stub->code + stub->sdt_site, size);
	}
	usdt__unlock();
	return size;
}

/* A site without arguments needs none. */
static const char *
operands_of(const usdt_site_t *site)
{
	return site->operands != NULL ? site->operands : "";
}

static int
check(const usdt_probedef_t *probedef, const void *code, size_t size,
    const usdt_site_t *site, const struct usdt__stub *stub,
    struct usdt__why *why)
{
	uint32_t nops = site_size(stub);

	if (probedef->state->generation != NULL)
		return usdt__because(why, 0, "probe %s was enabled already",
		    probedef->name);
	if (size > USDT_CODE_MAX) {
		usdt__because(why, 0, "probe %s has %zu bytes of code, at most "
		    "%d are accepted", probedef->name, size, USDT_CODE_MAX);
		why->kind = USDT__TOO_LARGE;
		return -1;
	}
	if (site->offset > size || size - site->offset < nops)
		return usdt__because(why, 0, "the site at %zu is not within "
		    "the %zu bytes of code", site->offset, size);
	if (memcmp((const uint8_t *)code + site->offset,
	    stub->code + stub->sdt_site, nops) != 0)
		return usdt__because(why, 0, "the code has no nops of "
		    "usdt_site_nops at %zu", site->offset);
	return usdt__operands_check(operands_of(site), probedef->name,
	    probedef->argc, usdt__native_arch(), why);
}

/* Copy it.  NULL: memory ran out. */
static struct usdt__code *
copy(const void *bytes, size_t size, const usdt_site_t *site,
    const struct usdt__stub *stub)
{
	size_t text = strlen(operands_of(site)) + 1;
	struct usdt__code *code = calloc(1, sizeof *code + size + text);

	if (code == NULL)
		return NULL;
	code->size = size;
	code->site = site->offset;
	code->site_size = site_size(stub);
	code->nop = stub->nop;
	memcpy(code->bytes, bytes, size);
	code->operands = memcpy(code->bytes + size, operands_of(site), text);
	return code;
}

/* Under the lock. */
static int
set_code(usdt_probedef_t *probedef, const void *bytes, size_t size,
    const usdt_site_t *site)
{
	const struct usdt__stub *stub = model();
	struct usdt__why why = { .error = 0 };
	struct usdt__code *code;

	if (stub == NULL)
		return 0;
	if (check(probedef, bytes, size, site, stub, &why) < 0)
		return usdt__fail(NULL, why.kind == USDT__TOO_LARGE ?
		    USDT_ERROR_TOO_LARGE : USDT_ERROR_INVALID, why.text);
	code = copy(bytes, size, site, stub);
	if (code == NULL)
		return usdt__fail(NULL, USDT_ERROR_MALLOC);
	free(probedef->state->code);
	probedef->state->code = code;
	return 0;
}

int
usdt_probe_set_code(usdt_probedef_t *probedef, const void *code, size_t size,
    const usdt_site_t *site)
{
	int result;

	if (probedef == NULL || code == NULL || site == NULL)
		return usdt__fail(NULL, USDT_ERROR_INVALID, probedef == NULL ?
		    "probe is NULL" : code == NULL ? "code is NULL" :
		    "site is NULL");
	usdt__lock();
	/* Its provider's image may be in the making. */
	while (probedef->state->provider != NULL &&
	    probedef->state->provider->state->busy)
		usdt__wait_for_mark();
	result = set_code(probedef, code, size, site);
	usdt__unlock();
	return result;
}

const void *
usdt_probe_code(const usdt_probedef_t *probedef)
{
	const struct usdt_probe_state *state;
	const void *code = NULL;

	if (probedef == NULL)
		return NULL;
	usdt__lock();
	state = probedef->state;
	if (state->code != NULL && state->probe.visible)
		code = state->generation->stubs + state->code->at;
	usdt__unlock();
	return code;
}
