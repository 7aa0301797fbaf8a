/*
 * vouch.h - may the library copy the texts of a provider itself?
 *
 * A binding makes texts: they end with a zero, and live until the fire returns.
 * Two things come from the program, and no binding vouches for them: words whose
 * type is text to the library, but not to the binding ("string" of D), and the
 * length of a text in an argument of its name and "_len".
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef VOUCH_H
#define VOUCH_H

#include <string.h>

#include "usdt.h"

/*
 * Does a binding vouch for all texts of a probe with these types?  KINDS has a
 * letter for each argument, TEXTS the letters of those whose text is made.
 */
static inline int
vouch_for(size_t argc, const char *const *types, const char *kinds,
    const char *texts)
{
	size_t i;

	for (i = 0; i < argc; i++)
		if (strstr(types[i], "_len") != NULL ||
		    (strchr(texts, kinds[i]) == NULL &&
		    (strstr(types[i], "string") != NULL ||
		    (strchr(types[i], '*') != NULL &&
		    strstr(types[i], "char") != NULL))))
			return 0;
	return 1;
}

/* usdt_provider_add_probe, for a provider whose texts are vouched for until a
 * probe has some that are not. */
static inline int
vouch_add(usdt_provider_t *provider, usdt_probedef_t *probedef, int vouched)
{
	if (!vouched)
		usdt_provider_set_texts(provider, 0);
	return usdt_provider_add_probe(provider, probedef);
}

#endif
