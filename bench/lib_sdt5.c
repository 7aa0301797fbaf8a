/*
 * lib_sdt5.c - the same with a nop of five bytes, which a compiled-in probe can't
 * have (it would destroy its function's red zone; this file is compiled without
 * one): what this kernel and processor can do at best.
 */
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>
#include <unistd.h>

#include "bench.h"

__asm__(".macro nop_of_5_bytes\n.byte 0x0f, 0x1f, 0x44, 0, 0\n.endm");
#undef _SDT_NOP
#define _SDT_NOP nop_of_5_bytes

#define SEMAPHORE(name) \
	unsigned short sdt5_##name##_semaphore \
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

#define LOOP(name, ...) \
	for (; times > 0; times--) { \
		OPAQUE(times); \
		if (__builtin_expect(sdt5_##name##_semaphore != 0, 0)) { \
			__VA_ARGS__; \
		} \
	}

static void
checked(enum kind kind, long times)
{
	switch (kind) {
	case TWO_INTEGERS:
		LOOP(n2, STAP_PROBE2(sdt5, n2, INTEGER(0), INTEGER(1)))
		break;
	case SIX_INTEGERS:
		LOOP(n6, STAP_PROBE6(sdt5, n6, INTEGER(0), INTEGER(1),
		    INTEGER(2), INTEGER(3), INTEGER(4), INTEGER(5)))
		break;
	case A_STRING:
		LOOP(ns, STAP_PROBE2(sdt5, ns, INTEGER(0), bench_string()))
		break;
	default:
		LOOP(n0, STAP_PROBE(sdt5, n0))
	}
}

const struct library sdt5 = {
	"sdt5", NULL, NULL, NULL, NULL, checked, NULL, prepare
};
