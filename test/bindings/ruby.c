/*
 * ruby.c - does ruby-usdt 0.2 still work?
 *
 * Its calls, in its order and with the members that it reads, without Ruby:
 * where it would raise this prints the text. test/bindings.t checks the output.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "usdt.h"

#define INTEGER	"int"
#define STRING	"char *"

/* Symbols that are no type leave a gap and are not counted. */
static usdt_probedef_t *
provider_probe(usdt_provider_t *provider, const char *func, const char *name,
    const char *const *symbols)
{
	const char *types[USDT_ARG_MAX];
	usdt_probedef_t *probe;
	size_t i, argc = 0;

	for (i = 0; i < USDT_ARG_MAX && *symbols != NULL; i++, symbols++) {
		types[i] = NULL;
		if (strcmp(*symbols, "integer") == 0)
			types[i] = INTEGER;
		if (strcmp(*symbols, "string") == 0)
			types[i] = STRING;
		if (types[i] != NULL)
			argc++;
	}
	probe = usdt_create_probe(func, name, argc, types);
	if (usdt_provider_add_probe(provider, probe) == 0)
		return probe;
	printf("USDT::Error %s\n", usdt_errstr(provider));
	return probe;
}

static void
provider_enable(usdt_provider_t *provider)
{
	if (usdt_provider_enable(provider) == 0)
		printf("true\n");
	else
		printf("USDT::Error %s\n", usdt_errstr(provider));
}

static void
provider_disable(usdt_provider_t *provider)
{
	if (usdt_provider_disable(provider) == 0)
		printf("true\n");
	else
		printf("USDT::Error %s\n", usdt_errstr(provider));
}

static int
probe_enabled(usdt_probedef_t *probe)
{
	return usdt_is_enabled(probe->probe) != 0;
}

static const char *
probe_fire(usdt_probedef_t *probe, int number, const char *text)
{
	void *argv[USDT_ARG_MAX];
	size_t i;

	if (!probe_enabled(probe))
		return "false";
	for (i = 0; i < probe->argc; i++) {
		if (strcmp(probe->types[i], STRING) == 0)
			argv[i] = (void *)text;
		else
			argv[i] = (void *)(intptr_t)number;
	}
	usdt_fire_probe(probe->probe, probe->argc, argv);
	return "true";
}

static void
print_probe(const usdt_probedef_t *probe)
{
	size_t i;

	printf("%s %s", probe->function, probe->name);
	for (i = 0; i < probe->argc; i++)
		printf(" :%s", strcmp(probe->types[i], STRING) == 0 ?
		    "string" : "integer");
	printf("\n");
}

int
main(void)
{
	static const char *const two[] = { "integer", "string", NULL };
	static const char *const none[] = { NULL };
	static const char *const odd[] = { "float", "integer", NULL };
	usdt_provider_t *p = usdt_create_provider("rubyprov", "rubymod");
	usdt_probedef_t *probe, *same, *other, *broken;

	provider_enable(p);
	probe = provider_probe(p, "function", "first", two);
	other = provider_probe(p, "function", "other", none);
	same = provider_probe(p, "function", "first", none);
	broken = provider_probe(p, "function", "broken", odd);
	printf("%s\n", broken == NULL ? "no probe" : "a probe");
	print_probe(probe);
	print_probe(other);
	printf("%s\n", probe_fire(probe, 1, "text"));
	provider_enable(p);
	provider_enable(p);
	printf("%s\n", probe_fire(probe, 1, "text"));
	*(volatile unsigned short *)(uintptr_t)probe->gate = 1;
	printf("%d %d %d\n", probe_enabled(probe), probe_enabled(other),
	    probe_enabled(same));
	printf("%s\n", probe_fire(probe, -1, "text"));
	/* It ignores the result: twice is as good as once. */
	usdt_provider_remove_probe(p, probe);
	usdt_provider_remove_probe(p, probe);
	printf("%s\n", probe_fire(probe, 1, "text"));
	provider_disable(p);
	provider_disable(p);
	provider_enable(p);
	printf("%s\n", probe_fire(other, 1, "text"));
	usdt_provider_remove_probe(p, other);
	provider_enable(p);
	return 0;	/* it frees no probe */
}
