/*
 * usdt_probe.c - how is a probe tested and fired?
 *
 * A probe has a gate, one word that says whether it is traced, and a stub,
 * the code that tracers patch; both lie in a mapped image.  The gate:
 *
 *	halfword 0	the SDT semaphore: kernels count tracers there.  Never
 *			written by us.
 *	halfword 1	not 0: a DTrace helper has the probe, so ask the stub.
 *			Written by us with 16-bit stores only: storing the
 *			whole word would undo the kernel's counts.
 *
 * A probe that is not visible has a gate of its own that is always 0, and no
 * stub.  All of this is read without a lock: a gate and a stub that a thread
 * has just read stay mapped until the provider and its probes are freed.
 */
#define USDT_INLINE USDT_API	/* the header's inline function, exported */
#include "usdt_internal.h"

static const uint32_t never;	/* the gate of what is not visible */

static int ask(const struct usdt_probe *probe, uint32_t word);

int
usdt_is_enabled(usdt_probe_t *probe)
{
	uint32_t word;

	if (probe == NULL)
		return 0;
	word = __atomic_load_n(__atomic_load_n(&probe->gate, __ATOMIC_ACQUIRE),
	    __ATOMIC_RELAXED);
	if (__builtin_expect(word == 0, 1))
		return 0;
	return ask(probe, word);
}

/* Is it the semaphore?  If not, does DTrace answer the stub's question? */
static int
ask(const struct usdt_probe *probe, uint32_t word)
{
	const uint8_t *fire;
	uint16_t halves[2];
	int flag = 0;
	union {
		const uint8_t *code;
		int (*call)(int *);
	} isenabled;

	memcpy(halves, &word, sizeof halves);
	if (halves[0] != 0)
		return 1;
	fire = __atomic_load_n(&probe->fire, __ATOMIC_ACQUIRE);
	if (fire == NULL)
		return 0;
	isenabled.code = fire - usdt__stubs[0].fire +
	    usdt__stubs[0].isenabled;
	isenabled.call(&flag);
	return *(volatile int *)&flag != 0;
}

void
usdt_fire_probe(usdt_probe_t *probe, size_t argc, void **argv)
{
	void *whole[USDT_ARG_MAX];
	const uint8_t *fire;
	size_t i;

	if (probe == NULL)
		return;
	fire = __atomic_load_n(&probe->fire, __ATOMIC_ACQUIRE);
	if (fire == NULL || __atomic_load_n(__atomic_load_n(&usdt__guard,
	    __ATOMIC_ACQUIRE), __ATOMIC_ACQUIRE) == 0)
		return;
	if (__builtin_expect(argc < probe->argc || argv == NULL, 0)) {
		for (i = 0; i < probe->argc; i++)
			whole[i] = i < argc && argv != NULL ? argv[i] : NULL;
		argv = whole;
	}
	usdt__fire(fire, probe->argc, argv);
}

void
usdt_probe_fire(usdt_probedef_t *probedef, size_t argc, void **argv)
{
	usdt_fire_probe(probedef->probe, argc, argv);
}

static void
set_gate(usdt_probedef_t *probedef, const uint32_t *gate)
{
	__atomic_store_n(&probedef->probe->gate, gate, __ATOMIC_RELEASE);
	__atomic_store_n(&probedef->gate, gate, __ATOMIC_RELEASE);
}

void
usdt__probe_bind(usdt_probedef_t *probedef, const uint32_t *gate,
    const uint8_t *stub)
{
	__atomic_store_n(&probedef->probe->fire, stub + usdt__stubs[0].fire,
	    __ATOMIC_RELEASE);
	set_gate(probedef, gate);
}

void
usdt__probe_unbind(usdt_probedef_t *probedef)
{
	set_gate(probedef, &never);
	__atomic_store_n(&probedef->probe->fire, NULL, __ATOMIC_RELEASE);
}

void
usdt__gate_set_helper(uint32_t *gate, int has)
{
	__atomic_store_n((uint16_t *)(void *)gate + 1, (uint16_t)(has != 0),
	    __ATOMIC_RELEASE);
}
