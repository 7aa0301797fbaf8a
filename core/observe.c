/*
 * core/observe.c - which function of this process is called for each fire?
 *
 * A thread that fires reads an observer's function and data together, without a
 * lock.  So the pair never changes, and it stays until its provider is freed.
 * The same pair always gives the same observer.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/provider.h"

#include <stdlib.h>

/* Under the lock.  Returns NULL if memory ran out. */
static const struct usdt__observer *
find_or_make(struct usdt_provider_state *state, usdt_observer_t *call,
    void *data)
{
	struct usdt__observer *observer;

	for (observer = state->observers; observer != NULL;
	    observer = observer->next)
		if (observer->call == call && observer->data == data)
			return observer;
	observer = malloc(sizeof *observer);
	if (observer == NULL)
		return NULL;
	observer->call = call;
	observer->data = data;
	observer->next = state->observers;
	state->observers = observer;
	return observer;
}

void
usdt__observe_unsupported(usdt_provider_t *provider)
{
	const struct usdt__binding observed = {
		.observer = provider->state->observer
	};
	usdt_probedef_t *p;

	for (p = provider->state->set.first; p != NULL; p = p->state->next)
		usdt__probe_bind(p, &observed);
}

int
usdt_provider_observe(usdt_provider_t *provider, usdt_observer_t *call,
    void *data)
{
	const struct usdt__observer *observer = NULL;
	struct usdt_provider_state *state;
	int result = 0;

	if (provider == NULL)
		return usdt__fail(NULL, USDT_ERROR_INVALID, "provider is NULL");
	state = provider->state;
	usdt__lock_provider(provider);
	if (call != NULL)
		observer = find_or_make(state, call, data);
	if (call != NULL && observer == NULL) {
		result = usdt__fail(provider, USDT_ERROR_MALLOC);
	} else {
		state->observer = observer;
		if (state->mode == USDT__UNSUPPORTED)
			usdt__observe_unsupported(provider);
		else if (state->mode == USDT__ENABLED)
			usdt__generations_bind(state);
	}
	usdt__unlock();
	return result;
}

void
usdt__observers_free(usdt_provider_t *provider)
{
	struct usdt__observer *observer, *next;

	for (observer = provider->state->observers; observer != NULL;
	    observer = next) {
		next = observer->next;
		free(observer);
	}
}
