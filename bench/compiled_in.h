/*
 * compiled_in.h - what do the libraries whose probes sys/sdt.h compiles in
 * share?
 *
 * Each is a file that defines PROVIDER, its name, includes this header, and
 * ends with LIBRARY(SITE).  SITE(name) is the code behind the test of that
 * probe's semaphore: FIRE_name, or a call that leads to it.  A probe may have
 * one site only: tracers would attach to both.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef COMPILED_IN_H
#define COMPILED_IN_H

#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>
#include <unistd.h>

#include "bench.h"

#define NAME_OF(provider, name)	provider##_##name##_semaphore
#define OF(provider, name)	NAME_OF(provider, name)
#define SEMAPHORE(name)		OF(PROVIDER, name)

#define PLACED	__attribute__((section(".probes"), used))
unsigned short SEMAPHORE(n0) PLACED;
unsigned short SEMAPHORE(n2) PLACED;
unsigned short SEMAPHORE(n6) PLACED;
unsigned short SEMAPHORE(ns) PLACED;

#define FIRE_n0	STAP_PROBE(PROVIDER, n0)
#define FIRE_n2	STAP_PROBE2(PROVIDER, n2, INTEGER(0), INTEGER(1))
#define FIRE_n6	STAP_PROBE6(PROVIDER, n6, INTEGER(0), INTEGER(1), \
		    INTEGER(2), INTEGER(3), INTEGER(4), INTEGER(5))
#define FIRE_ns	STAP_PROBE2(PROVIDER, ns, INTEGER(0), bench_string())

static const char *
prepare(void)
{
	static char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

	return n > 0 ? path : NULL;
}

#define LOOP(name, SITE) \
	for (; times > 0; times--) { \
		OPAQUE(times); \
		if (__builtin_expect(SEMAPHORE(name) != 0, 0)) { \
			SITE(name); \
		} \
	}

#define STRING_(text)	#text
#define STRING(text)	STRING_(text)

#define LIBRARY(SITE) \
	static void \
	checked(enum kind kind, long times) \
	{ \
		switch (kind) { \
		case TWO_INTEGERS: \
			LOOP(n2, SITE) \
			break; \
		case SIX_INTEGERS: \
			LOOP(n6, SITE) \
			break; \
		case A_STRING: \
			LOOP(ns, SITE) \
			break; \
		default: \
			LOOP(n0, SITE) \
		} \
	} \
 \
	const struct library PROVIDER = { \
		STRING(PROVIDER), NULL, NULL, NULL, NULL, checked, NULL, \
		prepare \
	};

#endif /* COMPILED_IN_H */
