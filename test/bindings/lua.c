/*
 * lua.c - does lua-usdt 0.1 still work?
 *
 * Its calls, in its order and with the members that it reads.  It checks no
 * result, frees nothing and fires without asking. test/bindings.t checks the
 * output.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <string.h>

#include "usdt.h"

/* A script's values: its own strings and numbers, or something else. */
struct value {
	const char *string;
	long number;
	int is_number;
};

static usdt_provider_t *
provider(const char *name, const char *module)
{
	return usdt_create_provider(name, module);
}

/* Values in the list of types that are no strings are left out. */
static usdt_probedef_t *
provider_probe(usdt_provider_t *self, const char *func, const char *name,
    const char *const *given, int count)
{
	const char *argv[USDT_ARG_MAX];
	int i, argc = 0;
	usdt_probedef_t *probedef;

	for (i = 0; i < USDT_ARG_MAX; i++) {
		if (i < count && given[i] != NULL) {
			argv[i] = given[i];
			argc++;
		} else {
			argv[i] = NULL;
		}
	}
	probedef = usdt_create_probe(func, name, argc, argv);
	usdt_provider_add_probe(self, probedef);
	return probedef;
}

static void
probe_fire(usdt_probedef_t *probedef, const struct value *values, size_t count)
{
	void *argv[USDT_ARG_MAX];
	size_t i;

	for (i = 0; i < probedef->argc; i++) {
		if (strncmp(probedef->types[i], "char *", 6) == 0)
			argv[i] = i < count ? (void *)values[i].string : NULL;
		else if (strncmp(probedef->types[i], "int", 3) == 0)
			argv[i] = i < count && values[i].is_number ?
			    (void *)values[i].number : NULL;
		else
			argv[i] = NULL;
	}
	usdt_fire_probe(probedef->probe, probedef->argc, argv);
}

static int
probe_enabled(usdt_probedef_t *probedef)
{
	return usdt_is_enabled(probedef->probe);
}

int
main(void)
{
	static const char *const types[] = { "int", "char *", "short" };
	static const char *const many[USDT_ARG_MAX + 1] = { "int", "int" };
	static const struct value values[] = {
		{ NULL, -7, 1 }, { "text", 0, 0 }, { NULL, 3, 1 }
	};
	usdt_provider_t *p = provider("luaprov", "luamod");
	usdt_probedef_t *probe, *same, *wide;

	usdt_provider_enable(p);
	probe = provider_probe(p, "func", "name", types, 3);
	same = provider_probe(p, "func", "name", types, 2);
	wide = provider_probe(p, "func", "wide", many, USDT_ARG_MAX + 1);
	printf("%s %s %lu\n", probe->function, probe->name,
	    (unsigned long)probe->argc);
	printf("wide %lu\n", (unsigned long)wide->argc);
	probe_fire(probe, values, 3);
	printf("enabled %d\n", probe_enabled(probe));
	usdt_provider_enable(p);
	usdt_provider_enable(p);
	printf("enabled %d %d %d\n", probe_enabled(probe),
	    probe_enabled(same), probe_enabled(wide));
	probe_fire(probe, values, 3);
	probe_fire(probe, values, 0);
	probe_fire(same, values, 1);
	probe_fire(wide, values, 3);
	*(volatile unsigned short *)(uintptr_t)probe->gate = 1;
	printf("enabled %d %d %d\n", probe_enabled(probe),
	    probe_enabled(same), probe_enabled(wide));
	probe_fire(probe, values, 2);
	usdt_provider_disable(p);
	usdt_provider_disable(p);
	printf("enabled %d\n", probe_enabled(probe));
	probe_fire(probe, values, 3);
	usdt_provider_enable(p);
	printf("enabled %d\n", probe_enabled(probe));
	return 0;	/* it never frees anything */
}
