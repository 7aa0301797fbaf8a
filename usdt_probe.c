/*
 * usdt_probe.c - how is a probe tested and fired?
 *
 * A probe has a gate, one word that says whether it is traced, and a stub,
 * the code that tracers patch.  On Linux both lie in a mapped image.  The gate:
 *
 *	halfword 0	the SDT semaphore: kernels count tracers there
 *	halfword 1	kernels count readers of direct events there: each fire
 *			writes a record (core/direct.h).  usdt.h ignores its
 *			highest bit
 *
 * The library never writes a gate.  All hidden probes have one that is always 0,
 * and no stub.  All observed probes have one that is never 0.  All probes that a
 * DTrace helper has share another such gate, since their stubs have to be asked;
 * what the gate in the image says is looked up then.  Threads read all of this
 * without a lock: a gate and a stub that a thread has just read stay mapped until
 * the provider and its probes are freed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define USDT_INLINE USDT_API	/* the header's inline function, exported */
#include "core/provider.h"

/* Gates without an image.  Only kernels count in halfword 0, so the Node package
 * takes a probe for traced, without asking, if that is not 0. */
static const union {
	uint16_t halves[2];
	uint32_t word;
} never,				/* of hidden probes */
    observed = { { 0, 1 } },		/* of observed ones */
    helped = { { 0, 1 } };		/* of those that a helper has */

/* A probe's definition. */
static inline usdt_probedef_t *
probedef_of(const struct usdt_probe *probe)
{
	return (usdt_probedef_t *)(uintptr_t)((const char *)probe -
	    offsetof(struct usdt__probe_block, state));
}

static inline uint32_t
gate_of(const usdt_probedef_t *probedef)
{
	return __atomic_load_n(__atomic_load_n(&probedef->gate,
	    __ATOMIC_ACQUIRE), __ATOMIC_RELAXED);
}

/* The gate in the image. */
static inline uint32_t
load_gate(const struct usdt_probe *probe)
{
	return __atomic_load_n(__atomic_load_n(&probe->image_gate,
	    __ATOMIC_ACQUIRE), __ATOMIC_RELAXED);
}

/*
 * clang's -fsanitize=cfi and kcfi check that each call by a pointer reaches a
 * function that the compiler knows.  It has not seen the stubs, so their calls
 * are exempt.
 */
#if !defined(__clang__)
#define UNCHECKED
#elif __has_feature(kcfi)
#define UNCHECKED	__attribute__((no_sanitize("cfi", "kcfi")))
#else
#define UNCHECKED	__attribute__((no_sanitize("cfi")))
#endif

/* Does DTrace answer 1 to the stub's question, in the return register or
 * through the pointer? */
UNCHECKED static inline int
ask_stub(const uint8_t *stub, int visible)
{
	volatile int flag = 0;
	union {
		const uint8_t *code;
		int (*call)(volatile int *);
	} isenabled;

	isenabled.code = stub;
	if (__builtin_expect(visible == 1 + USDT__ISENABLED_REGISTER, 0))
		return isenabled.call(&flag);
	isenabled.call(&flag);
	return flag;
}

static inline int
ask(const struct usdt_probe *probe)
{
	return ask_stub(__atomic_load_n(&probe->isenabled, __ATOMIC_RELAXED),
	    probe->visible);
}

int
usdt_is_enabled(usdt_probe_t *probe)
{
	uint32_t word;

	if (probe == NULL)
		return 0;
	word = gate_of(probedef_of(probe));
	if (__builtin_expect(word == 0, 1))
		return 0;
	if (__builtin_expect(load_gate(probe) == 0, 1))
		return ask(probe);
	return 1;
}

int
usdt_probe_ask(const usdt_probedef_t *probedef)
{
	const struct usdt_probe *probe = usdt__probe_of(probedef);

	/* The gate of the definition was not 0. */
	if (__builtin_expect(load_gate(probe) == 0, 1))
		return ask(probe);
	return 1;
}

/* Does a reader of direct events have the probe?  As in usdt__load, this is no
 * atomic load. */
static inline int
is_recorded(const struct usdt_probe *probe)
{
	const uint32_t *gate = __atomic_load_n(&probe->image_gate,
	    __ATOMIC_RELAXED);
	const uint16_t *readers = (const uint16_t *)(const void *)gate + 1;

#if defined(USDT_TSAN)
	return __atomic_load_n(readers, __ATOMIC_RELAXED) != 0;
#else
	return *readers != 0;
#endif
}

/* No, in a child that has to be mended first. */
static inline int
may_fire(void)
{
	return usdt__load(&usdt__guard[0]) == 1;	/* "!= 0": one more */
}

typedef usdt__word word;

/* Are a caller's pointers such words? */
#define POINTERS_ARE_WORDS	(sizeof (void *) == sizeof(word))

/* Run through the stub with ARGC words. */
static inline void
run(const struct usdt_probe *probe, size_t argc, const word *words)
{
	usdt__load_fence();
	usdt__fire(__atomic_load_n(&probe->fire, __ATOMIC_RELAXED), argc,
	    words);
}

/* Write a direct event. */
static inline void
record(const usdt_probedef_t *probedef, size_t argc, const word *words)
{
	usdt__load_fence();
	USDT__LOAD(usdt__probe_of(probedef)->record)(probedef, argc, words);
}

/* Call the observer with words of the machine. */
static void
tell(const struct usdt__observer *observer, const usdt_probedef_t *probedef,
    size_t argc, const word *words)
{
	void *low[USDT_ARG_MAX];
	size_t i;

	if (POINTERS_ARE_WORDS) {
		observer->call(probedef, argc, (void *const *)words,
		    observer->data);
		return;
	}
	for (i = 0; i < argc; i++)
		low[i] = (void *)(uintptr_t)words[i];
	observer->call(probedef, argc, low, observer->data);
}

/* Fire if words are missing, or the probe is observed, or no tracer sees it. */
__attribute__((noinline)) static void
fire_slowly(usdt_probedef_t *probedef, size_t argc, const word *words)
{
	struct usdt_probe *probe = usdt__probe_of(probedef);
	const struct usdt__observer *observer =
	    __atomic_load_n(&probe->observer, __ATOMIC_ACQUIRE);
	int visible = __atomic_load_n(&probe->visible, __ATOMIC_ACQUIRE);
	word whole[USDT_ARG_MAX];
	size_t i;

	if (!visible && observer == NULL)
		return;
	if (argc < probe->argc || words == NULL) {
		for (i = 0; i < probe->argc; i++)
			whole[i] = i < argc && words != NULL ? words[i] : 0;
		words = whole;
	}
	if (observer != NULL)
		tell(observer, probedef, probe->argc, words);
	if (!visible || !may_fire())
		return;
	if (is_recorded(probe))
		record(probedef, argc, words);
	else
		run(probe, probe->argc, words);
}

/* Without arguments that is valid; else words are missing. */
static inline void
fire_no_words(usdt_probedef_t *probedef, size_t argc, const word *words)
{
	USDT__OPAQUE(words);		/* it need not be set to 0 again */
	if (argc == 0)
		run(usdt__probe_of(probedef), argc, words);
	else
		fire_slowly(probedef, argc, words);
}

/*
 * Counts beyond INT32_MAX look negative, so they are slow, too.  The order of
 * the tests needs the fewest instructions.
 */
static inline void
fire(usdt_probedef_t *probedef, size_t argc, const word *words)
{
	const struct usdt_probe *probe = usdt__probe_of(probedef);

	if (__builtin_expect((int32_t)argc <= usdt__load(&probe->simple) ||
	    !may_fire(), 0))
		fire_slowly(probedef, argc, words);
	else if (__builtin_expect(is_recorded(probe), 0))
		record(probedef, argc, words);
	else if (__builtin_expect(words == NULL, 0))
		fire_no_words(probedef, argc, words);
	else
		run(probe, probe->argc, words);
}

/*
 * Fire with a 32-bit process' words, extended as their types want it.  Asking
 * for the frame's address makes compilers keep a frame pointer here: without one
 * tracers' stacks would end at this function.
 */
static void
fire_extended(usdt_probedef_t *probedef, size_t argc, void **argv)
{
	const struct usdt_probe *probe = usdt__probe_of(probedef);
	word words[USDT_ARG_MAX];
	size_t i;

#if defined(__GNUC__)
	__asm__ __volatile__("" : : "r" (__builtin_frame_address(0)));
#endif
	if (argc > probe->argc)
		argc = probe->argc;
	for (i = 0; i < argc && argv != NULL; i++)
		words[i] = probe->extended >> i & 1 ?
		    (word)(intptr_t)argv[i] : (word)(uintptr_t)argv[i];
	fire(probedef, argc, argv != NULL ? words : NULL);
}

/* This does not read the definition: its probe lies beside it. */
void
usdt_probe_fire(usdt_probedef_t *probedef, size_t argc, void **argv)
{
	if (POINTERS_ARE_WORDS)
		fire(probedef, argc, (const word *)argv);
	else
		fire_extended(probedef, argc, argv);
}

void
usdt_probe_fire64(usdt_probedef_t *probedef, size_t argc, const uint64_t *argv)
{
	fire(probedef, argc, argv);
}

void
usdt_fire_probe(usdt_probe_t *probe, size_t argc, void **argv)
{
	if (probe != NULL)
		usdt_probe_fire(probedef_of(probe), argc, argv);
}

/* An observed probe is enabled, whatever tracers say; a hidden one is not. */
static int
answer_yes(volatile int *flag)
{
	*flag = 1;
	return 1;
}

static int
answer_no(volatile int *flag)
{
	*flag = 0;
	return 0;
}

static const uint8_t *
code_of(int (*function)(volatile int *))
{
	union {
		const uint8_t *code;
		int (*call)(volatile int *);
	} pointer;

	pointer.call = function;
	return pointer.code;
}

void
usdt__probe_bind(usdt_probedef_t *probedef, const struct usdt__binding *to)
{
	const uint32_t *gate = to->gate != NULL ? to->gate : &never.word;
	struct usdt_probe *probe = probedef->probe;
	const uint8_t *fire;

	/* A thread that reads a small "simple" finds a stub: so a large one
	 * is stored first, and a small one last. */
	if (to->observer != NULL || to->stub == NULL)
		__atomic_store_n(&probe->simple, INT32_MAX, __ATOMIC_RELEASE);
	__atomic_store_n(&probe->vouched, to->vouched, __ATOMIC_RELAXED);
	__atomic_store_n(&probe->record, usdt__recorder_for(probe, to->vouched),
	    __ATOMIC_RELAXED);
	__atomic_store_n(&probe->observer, to->observer, __ATOMIC_RELEASE);
	if (to->stub != NULL) {
		__atomic_store_n(&probe->stubs, to->stubs, __ATOMIC_RELEASE);
		__atomic_store_n(&probe->isenabled, to->stub, __ATOMIC_RELEASE);
		fire = to->stub + usdt__stubs[0].fire;
		__atomic_store_n(&probe->fire, fire, __ATOMIC_RELEASE);
		__atomic_store_n(&probe->plain, to->plain, __ATOMIC_RELAXED);
		__atomic_store_n(&probe->direct, to->stubs == NULL ? 0 :
		    usdt__record_direct(probe, fire), __ATOMIC_RELEASE);
	}
	if (to->observer != NULL || to->stub == NULL)
		__atomic_store_n(&probe->isenabled, code_of(to->observer !=
		    NULL ? answer_yes : answer_no), __ATOMIC_RELEASE);
	__atomic_store_n(&probe->visible, to->stub == NULL ? 0 :
	    (uint16_t)(1 + usdt__native_platform()->isenabled),
	    __ATOMIC_RELEASE);
	__atomic_store_n(&probe->image_gate, gate, __ATOMIC_RELEASE);
	if (to->observer == NULL && to->stub != NULL)
		__atomic_store_n(&probe->simple, probe->argc - 1,
		    __ATOMIC_RELEASE);
	if (to->observer != NULL)
		gate = &observed.word;
	else if (to->helped)
		gate = &helped.word;
	__atomic_store_n(&probedef->gate, gate, __ATOMIC_RELEASE);
}

void
usdt__probe_unbind(usdt_probedef_t *probedef)
{
	static const struct usdt__binding hidden;

	usdt__probe_bind(probedef, &hidden);
}

void
usdt__probe_set_helped(usdt_probedef_t *probedef, int helped_now)
{
	const struct usdt_probe *probe = probedef->probe;
	const uint32_t *gate = helped_now ? &helped.word : probe->image_gate;

	/* A store makes the kernel copy the page in a child. */
	if (probe->visible && probe->observer == NULL && probedef->gate != gate)
		__atomic_store_n(&probedef->gate, gate, __ATOMIC_RELEASE);
}

int
usdt__stub_is_enabled(const uint8_t *stub)
{
	return ask_stub(stub, 1 + (int)usdt__native_platform()->isenabled);
}

int
usdt__gate_is_counted(const uint32_t *gate)
{
	return __atomic_load_n(gate, __ATOMIC_RELAXED) != 0;
}
