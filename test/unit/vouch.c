/*
 * vouch.c - do bindings vouch for the texts that they make, and for no others?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "tap.h"
#include "bindings/vouch.h"
#include "core/provider.h"

static const struct {
	const char *what;
	int sure;
	size_t argc;
	const char *types[2], *kinds;
} cases[] = {
	{ "no arguments", 1, 0, { NULL }, "" },
	{ "texts", 1, 2, { "char *url", "const char *" }, "tj" },
	{ "an integer beside it", 1, 2, { "char *url", "char first" }, "ti" },
	{ "a pointer", 1, 2, { "struct request *", "void *" }, "pp" },
	{ "the length of a text", 0, 2, { "char *body", "int body_len" },
	    "ti" },
	{ "in another order", 0, 2, { "int body_len : x", "char *body" },
	    "it" },
	{ "D's text, from an integer", 0, 1, { "string url" }, "i" },
	{ "an address of text", 0, 1, { "char *volatile" }, "p" },
	{ "behind a text", 0, 2, { "char *", "signed char const *b" }, "tp" },
};

int
main(void)
{
	usdt_provider_t *p;
	usdt_probedef_t *one, *two;
	size_t i;
	int sure;

	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		sure = vouch_for(cases[i].argc, cases[i].types, cases[i].kinds,
		    "tj");
		ok(sure == cases[i].sure, "%s: %s", cases[i].what,
		    cases[i].sure ? "sure" : "not sure");
	}

	p = usdt_create_provider("vouch", "module");
	one = usdt_create_probe("f", "one", 0, NULL);
	two = usdt_create_probe("f", "two", 0, NULL);
	usdt_provider_set_texts(p, 1);
	ok(vouch_add(p, one, 1) == 0 && p->state->vouched, "all are sure");
	ok(vouch_add(p, two, 0) == 0 && !p->state->vouched, "one is not");
	usdt_probe_release(one);
	usdt_probe_release(two);
	one = usdt_create_probe("f", "three", 0, NULL);
	ok(vouch_add(p, one, 1) == 0 && !p->state->vouched,
	    "so the provider is not");
	ok(vouch_add(p, one, 1) < 0, "a probe is added once");
	usdt_probe_release(one);
	usdt_provider_free(p);
	return done_testing();
}
