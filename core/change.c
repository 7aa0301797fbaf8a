/*
 * core/change.c - which call may change a provider now?
 *
 * A call that may lend the library's lock marks its provider as busy.  Calls
 * that change the same provider wait until the mark is cleared.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/provider.h"

void
usdt__lock_provider(usdt_provider_t *provider)
{
	usdt__lock();
	if (provider->state->inherited)
		usdt__child_register(1);
	while (provider->state->busy)
		usdt__wait_for_mark();
}

void
usdt__begin(usdt_provider_t *provider, int ask)
{
	usdt__lock();
	if (ask)
		usdt__child_register(1);
	while (provider->state->busy)
		usdt__wait_for_mark();
	provider->state->busy = 1;
}

void
usdt__end(usdt_provider_t *provider)
{
	provider->state->busy = 0;
	usdt__mark_gone();
	usdt__unlock();
}
