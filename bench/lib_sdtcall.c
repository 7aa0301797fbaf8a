/*
 * lib_sdtcall.c - a compiled-in probe in a function of its own.
 *
 * After a trap some processors mispredict the next return instruction, whose
 * ever it is: a probe in a loop that returns nowhere does not show that.
 */
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>
#include <unistd.h>

#include "bench.h"

#define SEMAPHORE(name) \
	unsigned short sdtcall_##name##_semaphore \
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

#define FIRE(name, ...) \
	__attribute__((noinline)) static void \
	fire_##name(void) \
	{ \
		__VA_ARGS__; \
	}
FIRE(n0, STAP_PROBE(sdtcall, n0))
FIRE(n2, STAP_PROBE2(sdtcall, n2, INTEGER(0), INTEGER(1)))
FIRE(n6, STAP_PROBE6(sdtcall, n6, INTEGER(0), INTEGER(1), INTEGER(2),
    INTEGER(3), INTEGER(4), INTEGER(5)))
FIRE(ns, STAP_PROBE2(sdtcall, ns, INTEGER(0), bench_string()))

#define LOOP(name) \
	for (; times > 0; times--) { \
		OPAQUE(times); \
		if (__builtin_expect(sdtcall_##name##_semaphore != 0, 0)) \
			fire_##name(); \
	}

static void
checked(enum kind kind, long times)
{
	switch (kind) {
	case TWO_INTEGERS:
		LOOP(n2)
		break;
	case SIX_INTEGERS:
		LOOP(n6)
		break;
	case A_STRING:
		LOOP(ns)
		break;
	default:
		LOOP(n0)
	}
}

const struct library sdtcall = {
	"sdtcall", NULL, NULL, NULL, NULL, checked, NULL, prepare
};
