/* lib_usdt1x.c - the same library, through the calls of libusdt 1.x */
/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdint.h>

#include "bench.h"
#include "usdt.h"

static usdt_probedef_t *probes[KINDS];

static const char *
prepare(void)
{
	static const char *types[] = { "int", "int", "int", "int", "int",
	    "int" };
	static const char *text[] = { "int", "char *" };
	static const char *const names[KINDS] = { "n0", "n2", "n6", "ns" };
	static const size_t argc[KINDS] = { 0, 2, 6, 2 };
	static usdt_status_t status;
	usdt_provider_t *provider = usdt_create_provider("usdt1x", "bench");
	int i;

	for (i = 0; i < KINDS; i++) {
		probes[i] = usdt_create_probe("f", names[i], argc[i],
		    i == A_STRING ? text : types);
		usdt_provider_add_probe(provider, probes[i]);
	}
	if (usdt_provider_enable(provider) < 0)
		return NULL;
	usdt_provider_status(provider, &status);
	return status.sdt.path;
}

#define WORD(n)	(void *)(intptr_t)INTEGER(n)

static inline void
fire(usdt_probe_t *probe, enum kind kind)
{
	void *two[] = { WORD(0), kind == A_STRING ? bench_text : WORD(1) };

	if (kind == NO_ARGUMENTS) {
		usdt_fire_probe(probe, 0, NULL);
	} else if (kind == SIX_INTEGERS) {
		void *six[] = { WORD(0), WORD(1), WORD(2), WORD(3), WORD(4),
		    WORD(5) };

		usdt_fire_probe(probe, 6, six);
	} else {
		usdt_fire_probe(probe, 2, two);
	}
}

static void
checked(enum kind kind, long times)
{
	usdt_probedef_t *probe = probes[kind];

	for (; times > 0; times--) {
		OPAQUE(probe);
		if (usdt_is_enabled(probe->probe))
			fire(probe->probe, kind);
	}
}

static void
fired(enum kind kind, long times)
{
	usdt_probedef_t *probe = probes[kind];

	for (; times > 0; times--) {
		OPAQUE(probe);
		fire(probe->probe, kind);
	}
}

const struct library usdt1x = {
	"usdt1x", NULL, NULL, NULL, NULL, checked, fired, prepare
};
