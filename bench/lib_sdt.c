/* lib_sdt.c - probes that were compiled in, with sys/sdt.h and semaphores. */
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>
#include <unistd.h>

#include "bench.h"

#define SEMAPHORE(name) \
	unsigned short sdt_##name##_semaphore \
	    __attribute__((section(".probes"), used))
SEMAPHORE(n0);
SEMAPHORE(n2);
SEMAPHORE(n6);
SEMAPHORE(ns);

static const char *
prepare(void)
{
	static char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

	return n > 0 ? path : NULL;
}

#define FIRE_n0	STAP_PROBE(sdt, n0)
#define FIRE_n2	STAP_PROBE2(sdt, n2, INTEGER(0), INTEGER(1))
#define FIRE_n6	STAP_PROBE6(sdt, n6, INTEGER(0), INTEGER(1), INTEGER(2), \
		    INTEGER(3), INTEGER(4), INTEGER(5))
#define FIRE_ns	STAP_PROBE2(sdt, ns, INTEGER(0), bench_string())

#define LOOP(name, test) \
	for (; times > 0; times--) { \
		OPAQUE(times); \
		if (test) { \
			FIRE_##name; \
		} \
	}

#define ENABLED(name)	__builtin_expect(sdt_##name##_semaphore != 0, 0)

static void
checked(enum kind kind, long times)
{
	switch (kind) {
	case TWO_INTEGERS:
		LOOP(n2, ENABLED(n2))
		break;
	case SIX_INTEGERS:
		LOOP(n6, ENABLED(n6))
		break;
	case A_STRING:
		LOOP(ns, ENABLED(ns))
		break;
	default:
		LOOP(n0, ENABLED(n0))
	}
}

/* Not a second site of each probe: tracers would attach to both. */
const struct library sdt = {
	"sdt", NULL, NULL, NULL, NULL, checked, NULL, prepare
};
