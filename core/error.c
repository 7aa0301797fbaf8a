/*
 * core/error.c - what is the text of an error?
 *
 * A provider keeps the text of its last error.  Each thread keeps that of its
 * last failed call without a provider.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/provider.h"

#include <stdarg.h>
#include <stdio.h>

static __thread char thread_error[USDT__ERROR_SIZE];	/* usdt_errstr(NULL) */

static const char *const error_texts[] = {
	[USDT_ERROR_MALLOC] = "failed to allocate memory",
	[USDT_ERROR_VALLOC] = "failed to allocate page-aligned memory",
	[USDT_ERROR_NOPROBES] = "no probes defined",
	[USDT_ERROR_LOADDOF] = "failed to load DOF: %s",
	[USDT_ERROR_ALREADYENABLED] = "provider is already enabled",
	[USDT_ERROR_UNLOADDOF] = "failed to unload DOF: %s",
	[USDT_ERROR_DUP_PROBE] = "probe named %s:%s:%s:%s already exists",
	[USDT_ERROR_REMOVE_PROBE] = "failed to remove probe %s:%s:%s:%s",
	[USDT_ERROR_INVALID] = "invalid argument: %s",
	[USDT_ERROR_OWNED] = "probe %s is in a provider already",
	[USDT_ERROR_IMAGE] = "failed to place the probe image: %s",
	[USDT_ERROR_TOO_LARGE] = "provider is too large: %s",
};

static void
set_error(usdt_provider_t *provider, usdt_error_t error, va_list args)
{
	char *out = provider != NULL ? provider->state->error : thread_error;

	if ((unsigned)error < sizeof error_texts / sizeof error_texts[0])
		vsnprintf(out, USDT__ERROR_SIZE, error_texts[error], args);
	else
		snprintf(out, USDT__ERROR_SIZE, "unknown error %d", (int)error);
	usdt__printable(out);
}

/* The lock protects a provider's text. */
void
usdt_error(usdt_provider_t *provider, usdt_error_t error, ...)
{
	va_list args;

	if (provider != NULL)
		usdt__lock();
	va_start(args, error);
	set_error(provider, error, args);
	va_end(args);
	if (provider != NULL)
		usdt__unlock();
}

char *
usdt_errstr(usdt_provider_t *provider)
{
	return provider != NULL ? provider->state->error : thread_error;
}

int
usdt__fail(usdt_provider_t *provider, usdt_error_t error, ...)
{
	va_list args;

	va_start(args, error);
	set_error(provider, error, args);
	va_end(args);
	return -1;
}

int
usdt__fail_probe(usdt_provider_t *provider, usdt_error_t error,
    const usdt_probedef_t *probedef)
{
	return usdt__fail(provider, error, provider->name, provider->module,
	    probedef->function, probedef->name);
}

int
usdt__fail_alike(const usdt_provider_t *provider)
{
	memcpy(thread_error, provider->state->error, sizeof thread_error);
	return -1;
}
