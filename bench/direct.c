/*
 * direct.c - what does a direct event of ours cost?  See direct.h.
 *
 *	direct PROVIDER
 *
 * SPDX-License-Identifier: BSD-2-Clause
 *	direct PROVIDER KIND TIMES	just fire so often, as if somebody read
 */
#include <stdint.h>

#include "usdt.h"
#include "direct.h"

static usdt_probedef_t *probes[4];

static void
fire_0(long i)
{
	(void)i;
	usdt_probe_fire(probes[0], 0, NULL);
}

static void
fire_2(long i)
{
	void *argv[2] = { (void *)i, (void *)(i + 1) };

	usdt_probe_fire(probes[1], 2, argv);
}

static void
fire_6(long i)
{
	void *argv[6] = { (void *)i, (void *)(i + 1), (void *)(i + 2),
		(void *)(i + 3), (void *)(i + 4), (void *)(i + 5) };

	usdt_probe_fire(probes[2], 6, argv);
}

static void
fire_t(long i)
{
	void *argv[2] = { (void *)i, (void *)(uintptr_t)text };

	usdt_probe_fire(probes[3], 2, argv);
}

/* For callgrind.  The first events of a thread are announced one by one. */
static int
count_direct(char kind, long times)
{
	size_t i;

	for (i = 0; i < 4; i++)
		((volatile uint16_t *)(uintptr_t)probes[i]->gate)[1] = 1;
	loop(kind, 1);
	usleep(150000);
	loop(kind, times);
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		size_t argc;
		const char *types[6];
	} kinds[] = {
		{ "d0", 0, { NULL } },
		{ "d2", 2, { "long", "long" } },
		{ "d6", 6, { "long", "long", "long", "long", "long", "long" } },
		{ "dt", 2, { "long", "char *" } },
	};
	usdt_provider_t *provider = usdt_create_provider(argc > 1 ? argv[1] :
	    "bench-direct", "bench");
	size_t i;

	for (i = 0; i < 4; i++) {
		probes[i] = usdt_create_probe("f", kinds[i].name, kinds[i].argc,
		    (const char **)(uintptr_t)kinds[i].types);
		if (usdt_provider_add_probe(provider, probes[i]) < 0)
			return 1;
	}
	usdt_provider_set_texts(provider, 1);
	if (usdt_provider_enable(provider) < 0) {
		fprintf(stderr, "direct: %s\n", usdt_errstr(provider));
		return 1;
	}
	return argc > 3 ? count_direct(*argv[2], atol(argv[3])) : serve();
}
