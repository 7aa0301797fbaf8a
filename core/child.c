/*
 * core/child.c - what does a forked child have of its parent's providers?
 *
 * It has all probes, but not all that kernels and helpers made for them.  The
 * child repairs that with system calls and by setting pointers alone, because a
 * thread of the parent may have been in any call.  The child finishes what such
 * a call was doing.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/provider.h"

static unsigned inherited_states;	/* a child has yet to register them */

/* Finish what a thread of the parent was doing.  This writes only to busy
 * providers, since a write makes the kernel copy the page, and there may be ten
 * thousand providers. */
static void
finish(struct usdt_provider_state *state)
{
	if (!state->busy)
		return;
	if (state->turning == USDT__ENABLING) {
		usdt__show(state);
	} else if (state->turning == USDT__DISABLING) {
		usdt__generations_unbind(state);
		usdt__hide(state);
	} else if (state->mode != USDT__ENABLED) {
		usdt__hide(state);
	}
	usdt__generations_give_up(state);
	state->turning = USDT__SETTLED;
	state->busy = 0;
}

/* Mark what the helper has to get: it does not know this process. */
static void
inherit(struct usdt_provider_state *state)
{
	struct usdt__generation *g;
	int wanted = 0;

	for (g = state->generations.current; g != NULL; g = g->next)
		wanted |= usdt__generation_inherit_dof(g,
		    state->mode == USDT__ENABLED);
	for (g = state->generations.retired; g != NULL; g = g->next)
		usdt__generation_inherit_dof(g, 0);
	if (state->inherited != wanted)
		state->inherited = wanted;
	inherited_states += wanted;
}

void
usdt__child_disown(struct usdt_provider_state *state)
{
	inherited_states -= state->inherited;
	state->inherited = 0;
}

/* A provider that is busy stays listed. */
void
usdt__child_register(int patiently)
{
	struct usdt_provider_state *state;
	struct usdt__answer answer;
	struct usdt__generation *g;

	for (state = usdt__visible; state != NULL && inherited_states > 0;
	    state = state->next) {
		if (!state->inherited || state->busy)
			continue;
		state->busy = 1;
		for (g = state->generations.current; g != NULL && (patiently ||
		    usdt__helper_is_quick()); g = g->next)
			if (g->dof_wanted && usdt__generation_add_inherited(g,
			    state->module, &answer) < 0)
				state->refusal = answer;
		if (g == NULL)
			usdt__child_disown(state);
		state->busy = 0;
		usdt__mark_gone();
	}
}

void
usdt__child_mend(int forked)
{
	struct usdt_provider_state *state, *next;

	usdt__delivery()->mend(forked);
	usdt__guard_renew();
	if (usdt__native_platform()->fork != USDT__FORK_NOTHING)
		return;
	usdt__helper_forget(forked);
	usdt__documents_forget();
	inherited_states = 0;
	for (state = usdt__visible; state != NULL; state = next) {
		next = state->next;
		finish(state);
		inherit(state);
	}
	usdt__child_register(0);
}
