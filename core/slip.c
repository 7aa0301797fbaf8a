/*
 * core/slip.c - what in a definition looks like a slip?
 *
 * Each of these is allowed, and works.  But an unknown type is a machine word,
 * so tracers show an "itn" without its sign; and who swaps function and name
 * looks for the probe in vain.  A slip is a remark for people, unless
 * USDT_STRICT is set.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/provider.h"

#include <stdio.h>

int
usdt__slip_of_type(const usdt_probedef_t *probedef, char text[USDT_TEXT_SIZE])
{
	const char *meant, *word;
	size_t i, length;

	for (i = 0; i < probedef->argc; i++) {
		meant = usdt__type_meant(probedef->types[i], &word, &length);
		if (meant == NULL)
			continue;
		snprintf(text, USDT_TEXT_SIZE, "type %zu \"%s\" of probe %s: "
		    "\"%.*s\" is unknown, and so a machine word; \"%s\" is "
		    "known", i, probedef->types[i], probedef->name,
		    (int)length, word, meant);
		return 1;
	}
	return 0;
}

/* Letters, digits and at least one '-': the name of a probe. */
static int
is_like_name(const char *text)
{
	return strchr(text, '-') != NULL &&
	    text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-")] ==
	    '\0';
}

/* Letters, digits and '_': the name of a function. */
static int
is_like_function(const char *text)
{
	return strstr(text, "__") == NULL && text[strspn(text,
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
	    )] == '\0';
}

int
usdt__slip_of_order(const usdt_probedef_t *probedef)
{
	/* A function of another language may have a '-'. */
	return is_like_name(probedef->function) &&
	    is_like_function(probedef->name) &&
	    strcmp(probedef->name, "entry") != 0 &&
	    strcmp(probedef->name, "return") != 0;
}

void
usdt__slips_debug(const usdt_provider_t *provider)
{
	const char *on = usdt__getenv("USDT_DEBUG");
	const usdt_probedef_t *p;
	char text[USDT_TEXT_SIZE];

	if (on == NULL)
		return;
	for (p = provider->state->set.first; p != NULL; p = p->state->next) {
		if (usdt__slip_of_type(p, text))
			usdt__debug("slip: %s", text);
		if (usdt__slip_of_order(p))
			usdt__debug("slip: probe %s of function %s: " USDT__SWAPPED,
			    p->name, p->function);
	}
}
