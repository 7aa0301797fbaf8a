/*
 * core/visible.c - which providers do tracers see?
 *
 * A list has them, and those that are about to be enabled.  It links states,
 * not providers: bindings of 1.x free the provider itself, with free(), which
 * must leave no dangling pointer here.  All of this is called under the
 * library's lock.  A forked child calls some of it, so it only sets pointers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/provider.h"

struct usdt_provider_state *usdt__visible;

void
usdt__list(struct usdt_provider_state *state)
{
	if (state->link != NULL)
		return;
	state->next = usdt__visible;
	state->link = &usdt__visible;
	if (state->next != NULL)
		state->next->link = &state->next;
	usdt__visible = state;
}

void
usdt__unlist(struct usdt_provider_state *state)
{
	if (state->link == NULL)
		return;
	*state->link = state->next;
	if (state->next != NULL)
		state->next->link = state->link;
	state->next = NULL;
	state->link = NULL;
}

int
usdt__visible_namesake(const struct usdt_provider_state *state)
{
	const struct usdt_provider_state *other;

	for (other = usdt__visible; other != NULL; other = other->next)
		if (other != state && strcmp(other->name, state->name) == 0)
			return 1;
	return 0;
}

void
usdt__show(struct usdt_provider_state *state)
{
	usdt__generations_adopt(state);
	usdt__list(state);
	state->mode = USDT__ENABLED;
	usdt__generations_bind(state);
}

void
usdt__hide(struct usdt_provider_state *state)
{
	usdt__unlist(state);
	state->mode = USDT__DISABLED;
}
