/*
 * core/deliver.c - when does the helper get a provider's documents, and when
 * does it lose them?
 *
 * The lock may be lent while the helper works.  So all documents are first
 * marked as wanted, and the provider's state says what a child forked meanwhile
 * has to finish (core/child.c).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/provider.h"

#include <errno.h>

static void
want_nothing(struct usdt_provider_state *state)
{
	struct usdt__generation *g;

	if (state->generations.newest != NULL)
		state->generations.newest->dof_wanted = 0;
	for (g = state->generations.current; g != NULL; g = g->next)
		g->dof_wanted = 0;
}

/*
 * Hand over the document of one generation.  First the helper drops its records
 * of a program that this process ran before.
 */
static int
hand_over(const usdt_provider_t *provider, const char *device,
    struct usdt__generation *generation, struct usdt__why *why)
{
	struct usdt__why left = { .error = 0 }, refused;

	usdt__delivery()->clear_stash(generation, device, &left);
	if (usdt__generation_add_dof(generation, provider->module, why) == 0)
		return 0;
	if (why->error == EINVAL && left.text[0] != '\0') {
		refused = *why;
		usdt__because(why, EINVAL, "%.200s; %s: %.200s", refused.text,
		    usdt__native_platform()->stale, left.text);
	}
	return -1;
}

/* Hand over the documents of the newest and all current generations that the
 * helper does not have. */
static int
hand_over_all(usdt_provider_t *provider, const char *device,
    struct usdt__why *why)
{
	const struct usdt__generations *all = &provider->state->generations;
	struct usdt__generation *g, *newest = all->newest;
	int result = 0;

	if (newest != NULL)
		result = usdt__generation_want_dof(newest, device, why);
	for (g = all->current; g != NULL && result == 0; g = g->next)
		if (!g->dof_taken && !g->stale)
			result = usdt__generation_want_dof(g, device, why);
	if (result == 0)
		usdt__delivery()->withdraw(provider);
	if (newest != NULL && result == 0)
		result = hand_over(provider, device, newest, why);
	for (g = all->current; g != NULL && result == 0; g = g->next)
		if (g->dof_wanted)
			result = hand_over(provider, device, g, why);
	want_nothing(provider->state);
	return result;
}

int
usdt__deliver(usdt_provider_t *provider, const char *device,
    struct usdt__why *why)
{
	struct usdt_provider_state *state = provider->state;
	int result;

	usdt__list(state);
	state->turning = USDT__ENABLING;
	result = hand_over_all(provider, device, why);
	state->turning = USDT__SETTLED;
	return result;
}

/* Hand over again the stale documents that were taken back. */
static void
hand_back(usdt_provider_t *provider)
{
	struct usdt__generation *g;

	for (g = provider->state->generations.current; g != NULL; g = g->next)
		if (g->withdrawn) {
			g->withdrawn = 0;
			if (!g->dof_taken)
				usdt__generation_add_dof(g, provider->module,
				    NULL);
		}
}

void
usdt__deliver_undo(usdt_provider_t *provider)
{
	struct usdt_provider_state *state = provider->state;
	struct usdt__generation *g;

	if (state->mode != USDT__ENABLED)
		for (g = state->generations.current; g != NULL; g = g->next)
			usdt__generation_remove_dof(g, NULL);
	if (state->generations.newest != NULL)
		usdt__generation_remove_dof(state->generations.newest, NULL);
	usdt__generations_give_up(state);
	if (state->mode == USDT__ENABLED)
		hand_back(provider);
	else
		usdt__unlist(state);
}

/* A running dtrace goes on answering is-enabled and counting after a removal.
 * So probes are hidden before the helper hears of it. */
int
usdt__take_back(usdt_provider_t *provider, struct usdt__why *why)
{
	struct usdt_provider_state *state = provider->state;
	struct usdt__generation *g;
	int failed = 0;

	usdt__generations_unbind(state);
	state->turning = USDT__DISABLING;
	for (g = state->generations.current; g != NULL; g = g->next) {
		g->dof_wanted = g->dof_taken;	/* to undo all this */
		g->stale = 0;
		if (usdt__generation_remove_dof(g, why) < 0)
			failed = 1;
	}
	if (failed) {
		/* Undo it. */
		state->turning = USDT__ENABLING;
		for (g = state->generations.current; g != NULL; g = g->next)
			if (g->dof_wanted && !g->dof_taken)
				usdt__generation_add_dof(g, provider->module,
				    NULL);
		usdt__generations_bind(state);
	}
	state->turning = USDT__SETTLED;
	want_nothing(state);
	return failed ? -1 : 0;
}
