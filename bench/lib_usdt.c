/* lib_usdt.c - libusdt 2, with its inline test */
/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "usdt.h"

static const char *const names[KINDS] = { "n0", "n2", "n6", "ns" };
static usdt_probedef_t *probes[KINDS];
static usdt_provider_t *provider;

static void *
create(const char *name, size_t count)
{
	static const char *two[] = { "int", "int" };
	static const char *three[] = { "int", "char *", "long" };
	static const char *named[] = { "int id", "char *url", "long took" };
	static char texts[3][32];
	static const char *each[] = { texts[0], texts[1], texts[2] };
	const char *wanted = getenv("BENCH_ARGUMENTS");
	const char **types = wanted == NULL ? two :
	    strcmp(wanted, "named") == 0 ? named :
	    strcmp(wanted, "each") == 0 ? each : three;
	usdt_provider_t *p = usdt_create_provider(name, "bench");
	usdt_probedef_t *probe;
	char text[32];
	size_t i, k;

	for (i = 0; i < count; i++) {
		snprintf(text, sizeof text, "probe%zu", i);
		for (k = 0; k < 3; k++)
			snprintf(texts[k], sizeof texts[k], "%s%zu", named[k],
			    i);
		probe = usdt_create_probe("f", text, wanted == NULL ? 2 : 3,
		    types);
		if (usdt_provider_add_probe(p, probe) < 0)
			return NULL;
		usdt_probe_release(probe);	/* the provider keeps it */
	}
	return p;
}

static int
enable(void *p)
{
	return usdt_provider_enable(p);
}

static int
disable(void *p)
{
	return usdt_provider_disable(p);
}

static void
destroy(void *p)
{
	usdt_provider_free(p);
}

static const char *
prepare(void)
{
	static const char *types[] = { "int", "int", "int", "int", "int",
	    "int" };
	static const char *text[] = { "int", "char *" };
	static const size_t argc[KINDS] = { 0, 2, 6, 2 };
	static usdt_status_t status;
	int i;

	provider = usdt_create_provider("usdt", "bench");
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
fire(usdt_probedef_t *probe, enum kind kind)
{
	switch (kind) {
	case TWO_INTEGERS: {
		void *argv[] = { WORD(0), WORD(1) };

		usdt_probe_fire(probe, 2, argv);
		break;
	}
	case SIX_INTEGERS: {
		void *argv[] = { WORD(0), WORD(1), WORD(2), WORD(3), WORD(4),
		    WORD(5) };

		usdt_probe_fire(probe, 6, argv);
		break;
	}
	case A_STRING: {
		void *argv[] = { WORD(0), bench_text };

		usdt_probe_fire(probe, 2, argv);
		break;
	}
	default:
		usdt_probe_fire(probe, 0, NULL);
	}
}

#define LOOPS(which, test) \
	static void \
	which(enum kind kind, long times) \
	{ \
		usdt_probedef_t *probe = probes[kind]; \
 \
		switch (kind) { \
		case TWO_INTEGERS: \
			for (; times > 0; times--) { \
				OPAQUE(probe); \
				if (test) \
					fire(probe, TWO_INTEGERS); \
			} \
			break; \
		case SIX_INTEGERS: \
			for (; times > 0; times--) { \
				OPAQUE(probe); \
				if (test) \
					fire(probe, SIX_INTEGERS); \
			} \
			break; \
		case A_STRING: \
			for (; times > 0; times--) { \
				OPAQUE(probe); \
				if (test) \
					fire(probe, A_STRING); \
			} \
			break; \
		default: \
			for (; times > 0; times--) { \
				OPAQUE(probe); \
				if (test) \
					fire(probe, NO_ARGUMENTS); \
			} \
		} \
	}
LOOPS(checked, usdt_probe_enabled(probe))
LOOPS(fired, 1)

const struct library usdt = {
	"usdt", create, enable, disable, destroy, checked, fired, prepare
};
