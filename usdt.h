/*
 * usdt.h - declare tracing probes in a running process.
 *
 * A provider is a named set of probes; a probe has a function, a name and
 * typed arguments.  A program describes them with the calls below, enables the
 * provider, and fires probes.  Tracers on the system (DTrace, bpftrace, perf,
 * bcc, gdb) then see them as if they had been compiled in.  Neither a compiler
 * nor privilege is needed.
 *
 * The calls in their order, as in examples/hello.c:
 *
 *	usdt_provider_t *p = usdt_create_provider("myapp", "mymodule");
 *	const char *types[] = { "int", "char *" };
 *	usdt_probedef_t *req =
 *	    usdt_create_probe("handle", "request-start", 2, types);
 *	if (p == NULL || req == NULL) {
 *		fprintf(stderr, "%s\n", usdt_errstr(NULL));
 *		return 1;
 *	}
 *	if (usdt_provider_add_probe(p, req) < 0 ||
 *	    usdt_provider_enable(p) < 0)
 *		fprintf(stderr, "%s\n", usdt_errstr(p));
 *
 *	if (usdt_probe_enabled(req)) {
 *		void *argv[] = { (void *)(intptr_t)200, (void *)"/index" };
 *		usdt_probe_fire(req, 2, argv);
 *	}
 *
 *	usdt_provider_disable(p);
 *	usdt_probe_release(req);
 *	usdt_provider_free(p);
 *
 * Failing calls return NULL or -1, leave everything as it was, and leave a
 * text: usdt_errstr(provider), or usdt_errstr(NULL) for calls that have no
 * provider.
 *
 * Threads.  usdt_is_enabled, usdt_probe_enabled, usdt_fire_probe and
 * usdt_probe_fire take no lock, allocate nothing, may be called from any
 * thread at any time, also beside every call that changes the provider, and
 * from signal handlers.  All other calls are serialised inside the library and
 * may be made from any thread, but not from a signal handler, which may not
 * fork either where it can interrupt them.  They need 20 KiB of stack, and a
 * thread is not cancelled in them.  The two exceptions: while
 * usdt_provider_free or the last usdt_probe_release runs, nobody may use the
 * object that it frees, nor test or fire a probe that is, or was, in the
 * provider.
 *
 * References.  A probe is counted: usdt_create_probe gives the caller one
 * reference, usdt_provider_add_probe takes one for the provider;
 * usdt_provider_remove_probe and usdt_provider_free drop the provider's,
 * usdt_probe_release drops the caller's.
 *
 *	call				references before	after
 *	usdt_create_probe		-			1
 *	usdt_provider_add_probe		n			n + 1
 *	usdt_provider_remove_probe	n			n - 1
 *	usdt_provider_free		n (of each probe)	n - 1
 *	usdt_probe_release		n			n - 1
 *
 * Environment, read at every enable, ignored in set-uid programs:
 *	USDT_DISABLE=1		every call succeeds and does nothing
 *	USDT_DEBUG=1		the steps of enabling are told on stderr
 *	USDT_HELPER=PATH	the DTrace helper device to use
 *	USDT_BACKENDS=dof,sdt	which backends are tried (default: both)
 *	USDT_IMAGE_DIR=DIR	the first directory tried for probe images: an
 *				absolute path, without blanks, ':' and ',', of
 *				the user's own, with mode 700; its last part is
 *				made if it is not there.  usdt_provider_status
 *				notes why it was of no use
 *	USDT_NOP=1|5|10		the nop at a probe's sites (x86-64 only), not
 *				that which this kernel traces fastest
 *
 * The library's handlers of fork are registered by the first
 * usdt_create_provider.  Who calls the library under a lock of his own, and
 * takes that lock in handlers of his own, registers those after it.  Handlers
 * may make calls.
 *
 * A child that is made by fork() has its parent's probes, traced under its own
 * pid, whatever threads the parent had.  One that is made by calling clone() as
 * a system call runs no handlers of fork: on Linux its probes may not fire
 * until it calls usdt_provider_enable.  The child of a vfork() may fire, and
 * make no other call.  On illumos, FreeBSD and macOS the kernel gives a child
 * its parent's probes, by fork and not by posix_spawn, and the child takes back
 * its own; exec ends them.
 *
 * A shared object with the library in it hides its copy, as by the linker's
 * option --exclude-libs=libusdt.a: else that of the program takes its place,
 * whatever its version.  What one copy made is not given to another.
 *
 * A process may close all descriptors and change its root, user, directory and
 * umask: what is enabled stays visible (whose image is a memfd, to those who
 * have attached, until it is enabled anew).  What it enables afterwards has to
 * do with what it can reach then: below another root that is a memfd, and no
 * DTrace helper, which also keeps what it has when it is disabled.
 */
#ifndef USDT_H
#define USDT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define USDT_VERSION	"2.0.0"

/* The most arguments that a probe can have. */
#define USDT_ARG_MAX	32

/* Marks what is exported; everything else in the library is hidden. */
#if defined(__GNUC__)
#define USDT_API	__attribute__((visibility("default")))
#else
#define USDT_API
#endif

/*
 * What went wrong.  The first eight are those of libusdt 1.x, with their
 * numbers and their texts.
 */
typedef enum usdt_error {
	USDT_ERROR_MALLOC = 0,
	USDT_ERROR_VALLOC,
	USDT_ERROR_NOPROBES,
	USDT_ERROR_LOADDOF,
	USDT_ERROR_ALREADYENABLED,
	USDT_ERROR_UNLOADDOF,
	USDT_ERROR_DUP_PROBE,
	USDT_ERROR_REMOVE_PROBE,
	USDT_ERROR_INVALID,	/* an argument that can't be */
	USDT_ERROR_OWNED,	/* the probe belongs to another provider */
	USDT_ERROR_IMAGE,	/* no place for the probe image */
	USDT_ERROR_TOO_LARGE	/* more than the system's tracer takes */
} usdt_error_t;

/* What is needed to test and fire a probe.  Opaque on purpose. */
typedef struct usdt_probe usdt_probe_t;

/*
 * A probe's definition.  Members are to be read, not written.  They stay
 * valid until the last reference is dropped.
 */
typedef struct usdt_probedef {
	const char *name;
	const char *function;
	size_t argc;
	char **types;			/* argc type names */
	usdt_probe_t *probe;		/* never NULL, the same for ever */
	const uint32_t *gate;		/* private: see usdt_probe_enabled */
	struct usdt_probe_state *state;	/* private */
} usdt_probedef_t;

/* A provider.  Members are to be read, not written. */
typedef struct usdt_provider {
	const char *name;
	const char *module;
	struct usdt_provider_state *state;	/* private */
} usdt_provider_t;

/*
 * usdt_create_provider - make an empty, disabled provider.
 *
 * NAME is the provider's name as tracers show it (DTrace adds the pid), MODULE
 * the module's, which is also the last part of the probe image's path.  Both
 * are copied.  NAME: 1 to 53 of the characters A-Z a-z 0-9 . _ + -, not first
 * a digit, and not "pid".  One that ends in a digit is taken, but DTrace on
 * Linux can't tell it from the pid: usdt_provider_status says so.  MODULE: 1
 * to 63 of the same characters.  Neither may be "." or "..", and a provider's
 * may not begin with '+'.
 *
 * Returns the provider, to be freed with usdt_provider_free, or NULL.
 */
USDT_API usdt_provider_t *usdt_create_provider(const char *name,
    const char *module);

/*
 * usdt_create_probe - describe a probe.  Note the order: function, then name.
 *
 * FUNC (1 to 127 bytes) and NAME (1 to 63 bytes) may hold any characters but
 * '/', ':', ',', blanks and control characters, and may not be "." or "..".
 * SDT notes can't hold '-' in a name, and tracers that read them (bpftrace,
 * perf, bcc, SystemTap, gdb) show "request-start" as "request__start"; DTrace
 * shows '-' for both, so "a__b" and "a-b" name the same probe.  "_-" in a name
 * is refused: it would be ambiguous.
 *
 * TYPES holds ARGC (at most USDT_ARG_MAX) C type names of 1 to 127 bytes
 * without control characters; it may be NULL if ARGC is 0.  Everything is
 * copied.  Known are the C integer types in any spelling, bool, the names of
 * stdint.h, size_t, ssize_t, off_t, pid_t, uid_t and their like, enums, and
 * pointers to anything; tracers show those with their size and sign, but
 * what is larger than a machine word with a word's size.  Any other name is
 * passed as an unsigned machine word.  A type "char *" is a
 * string to most tracers.
 *
 * Returns the probe, with one reference that is the caller's, or NULL.
 */
USDT_API usdt_probedef_t *usdt_create_probe(const char *func,
    const char *name, size_t argc, const char **types);

/*
 * usdt_probe_release - drop the caller's reference.  NULL is allowed.  Nobody
 * may use a probe of which the last reference goes.
 */
USDT_API void usdt_probe_release(usdt_probedef_t *probedef);

/*
 * usdt_provider_add_probe - add a probe to a provider, which takes a
 * reference.
 *
 * Tracers see the probe from the next usdt_provider_enable on, also if the
 * provider is enabled already; until then it is never enabled.  Fails if the
 * provider has a probe of this function and name, or if the probe is in a
 * provider.  Returns 0 or -1.
 */
USDT_API int usdt_provider_add_probe(usdt_provider_t *provider,
    usdt_probedef_t *probedef);

/*
 * usdt_provider_remove_probe - take a probe out of its provider, which drops
 * its reference.
 *
 * The probe never fires again for this provider.  Listings show it until the
 * provider has been disabled and enabled, and where a tracer is attached to a
 * probe of its image then, until the first usdt_provider_enable that finds
 * nobody attached there: the image stays as it is meanwhile, so that no tracer
 * loses the other probes.  Fails if the provider has no such probe (function
 * and name are compared).  Returns 0 or -1.
 */
USDT_API int usdt_provider_remove_probe(usdt_provider_t *provider,
    usdt_probedef_t *probedef);

/*
 * usdt_provider_enable - make the provider's probes visible to tracers.
 *
 * Every backend that the system has is tried; the call fails only if none
 * took the provider, or if there are no probes.  For an enabled provider this
 * delivers the probes that were added since, without disturbing what is
 * attached; if there are none it returns 0 and leaves "provider is already
 * enabled" in usdt_errstr.  Each enabling that delivers something new maps one
 * probe image: at most 4 mappings, no descriptor (one where only a memfd could
 * be had), some 36 bytes of memory per probe that processes share, and one
 * private page per 1024 probes once they are traced.
 *
 * On illumos, FreeBSD and macOS there is DTrace alone and no image, so the call
 * fails if the helper device can't be opened or refuses the probes (FreeBSD
 * gives the device to root and wheel).  What their kernels do (dtrace.c and
 * fasttrap.c in illumos-gate, FreeBSD and xnu) sets four rules:
 *  - An address is used for one registration.  Each enabling takes 32 bytes for
 *    each probe that are not given back, beside a document that is.
 *  - A provider's name has one document at a time.  Enabling a provider whose
 *    name another enabled one of this process has fails.  Probes that are added
 *    come with all others in a new document, and tracers that are attached lose
 *    the old one; if the helper then refuses the new one, the call fails and
 *    the provider is disabled.
 *  - A process has at most 32 enabled providers, on macOS 64.
 *  - A provider's document has less than 8 MiB, on macOS 512 KiB: some 100
 *    bytes for a probe with short names.
 * Beyond these the call fails, and usdt_errstr gives the limit.
 *
 * May block in system calls: file operations on the image directory, and the
 * helper's ioctl (a DTrace daemon may take seconds for ten thousand probes).
 * Returns 0 or -1.
 */
USDT_API int usdt_provider_enable(usdt_provider_t *provider);

/*
 * usdt_provider_disable - hide the probes.
 *
 * From the return on they are not enabled and firing does nothing, also for
 * tracers that are still attached.  On Linux enabling again is seen by those
 * tracers, also if probes were removed, and keeps the paths of the images but
 * for those that lose removed probes (usdt_provider_remove_probe); meanwhile
 * listings that go by the images show the probes, until the provider is freed
 * and the last of its probes released.  A tracer is attached if the kernel
 * counts it in a probe's semaphore or DTrace has the probe enabled; one that
 * attaches to an address, as to any code, is not counted.  A provider that is
 * not enabled is left as it is.  Returns 0 or -1.
 */
USDT_API int usdt_provider_disable(usdt_provider_t *provider);

/*
 * usdt_provider_free - disable and free a provider, dropping its reference on
 * each probe.  NULL is allowed.  Nobody may test or fire its probes meanwhile,
 * nor those that were removed from it: a test or a fire that began while they
 * were in it must have ended.  Probes that the caller holds stay valid, and
 * disabled.
 *
 * A shared object with the library in it is to be unloaded only after all its
 * providers were freed: what was not stays mapped, and listed, until the
 * process ends.
 */
USDT_API void usdt_provider_free(usdt_provider_t *provider);

/*
 * usdt_is_enabled - is somebody tracing this probe?  1 or 0; 0 for NULL.
 * Called as usdt_is_enabled(probedef->probe).
 */
USDT_API int usdt_is_enabled(usdt_probe_t *probe);

/*
 * usdt_fire_probe - fire, whether or not somebody is tracing.
 *
 * ARGV holds ARGC machine words: integers as they are, pointers for strings,
 * which need to stay in place during the call only.  Missing words are filled
 * with 0, surplus ones are ignored.  Does nothing for NULL and for a probe
 * that is not visible.  Called as usdt_fire_probe(probedef->probe, ...).
 */
USDT_API void usdt_fire_probe(usdt_probe_t *probe, size_t argc, void **argv);

/*
 * usdt_probe_fire - the same for a definition; PROBEDEF may not be NULL.
 */
USDT_API void usdt_probe_fire(usdt_probedef_t *probedef, size_t argc,
    void **argv);

/*
 * usdt_provider_observe - have each fire of the provider's probes told to this
 * process itself: to test them, or to write a log.  On every system, also
 * where there is no tracer.
 *
 * While the provider is enabled its probes are enabled for callers, and CALL is
 * called for each fire, in the thread that fires, before tracers see it, with
 * as many words as the probe has arguments (those that were not given are 0),
 * as they were passed: tracers cut them to their types, this does not.  They
 * are valid until it returns.  A probe that is added or removed, or whose
 * provider is disabled, is observed as long as a tracer would see it.  CALL may
 * fire no probe of this provider, and is to do only what the places that fire
 * allow (a signal handler, for example).  Another CALL or DATA takes the place
 * of the earlier one; NULL ends it, at no cost from then on.  A call that has
 * begun in another thread may still be at work then, so what DATA points to has
 * to stay until nobody fires.  Each new pair of CALL and DATA takes some 32
 * bytes until the provider is freed.  With USDT_DISABLE set nothing is
 * observed.
 *
 * Returns 0, or -1 without memory, or if PROVIDER is NULL.
 */
typedef void usdt_observer_t(const usdt_probedef_t *probedef, size_t argc,
    void *const *argv, void *data);
USDT_API int usdt_provider_observe(usdt_provider_t *provider,
    usdt_observer_t *call, void *data);

/*
 * usdt_probe_enabled - is somebody tracing this probe?  Not 0 if so.
 *
 * Inline: with nobody tracing it costs two loads and a branch.  Put the
 * computing of arguments behind it.  PROBEDEF may not be NULL.  The library
 * also has it as a function, for languages that can't inline C.
 */
#if defined(__SANITIZE_THREAD__)
#define USDT_TSAN	1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define USDT_TSAN	1
#endif
#endif
/* All but the highest bit of the second halfword, which nobody uses. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define USDT_GATE_BITS	0xffff7fffu
#else
#define USDT_GATE_BITS	0x7fffffffu
#endif
#ifndef USDT_INLINE
#define USDT_INLINE	static __inline
#endif
USDT_INLINE int usdt_probe_enabled(const usdt_probedef_t *probedef);

/* private: what is behind the gate. */
USDT_API int usdt_probe_ask(const usdt_probedef_t *probedef);

USDT_INLINE int
usdt_probe_enabled(const usdt_probedef_t *probedef)
{
#if defined(USDT_TSAN)	/* sees nothing in what the next variant does */
	const uint32_t *gate =
	    __atomic_load_n(&probedef->gate, __ATOMIC_ACQUIRE);

	if (__atomic_load_n(gate, __ATOMIC_RELAXED) == 0)
		return 0;
#elif defined(__GNUC__)
	const uint32_t *gate =
	    __atomic_load_n(&probedef->gate, __ATOMIC_RELAXED);

	/*
	 * The gate is read anew each time, and, since its address has just
	 * been read, after that: processors keep that order by themselves.  A
	 * volatile read would cost gcc one more instruction, and so would a
	 * test of all 32 bits; of these 31 it makes a single "test memory".
	 */
	__asm__ __volatile__("" : "+r" (gate));
	if (__builtin_expect((*gate & USDT_GATE_BITS) == 0, 1))
		return 0;
#else
	const uint32_t *gate =
	    *(const uint32_t *const volatile *)&probedef->gate;

	if (*(const volatile uint32_t *)gate == 0)
		return 0;
#endif
	return usdt_probe_ask(probedef);
}

/*
 * usdt_errstr - the text of the last error, in English, without a newline (on
 * other systems than Linux, what the system itself says of a failure is in the
 * language of the host).
 *
 * For a provider: of its last failing call, "" if none failed yet.  The text
 * belongs to the provider and holds until the next call that names it, by any
 * thread: where several change a provider, they have to take turns until the
 * text is read.  NULL: of this thread's last failing call without a provider;
 * it holds until the next of these.  Never NULL.  No call promises an errno.
 */
USDT_API char *usdt_errstr(usdt_provider_t *provider);

/*
 * usdt_error - set the text that usdt_errstr gives.  Bindings may use it for
 * errors of their own; the arguments are those of the error's text (in 1.x
 * order: LOADDOF and UNLOADDOF one string, DUP_PROBE and REMOVE_PROBE provider,
 * module, function and name, INVALID, OWNED, IMAGE and TOO_LARGE one string).
 */
USDT_API void usdt_error(usdt_provider_t *provider, usdt_error_t error, ...);

/* Sizes of the texts in usdt_status_t, terminating zero included. */
#define USDT_PATH_SIZE	1024
#define USDT_TEXT_SIZE	512

/* What one backend makes of a provider. */
typedef struct usdt_backend_status {
	int taken;		/* 1: tracers see the provider through it */
	int error;		/* errno of the last failure, or 0 */
	int generation;		/* DOF: what the helper answered, else -1 */
	int reserved;
	char path[USDT_PATH_SIZE];	/* the device; the image's file; "" */
	char reason[USDT_TEXT_SIZE];	/* why not taken; "" if it is */
} usdt_backend_status_t;

/* What a provider's state is. */
typedef struct usdt_status {
	int enabled;		/* 1: enabled, by whichever backend */
	unsigned probes;	/* probes that fire now */
	unsigned waiting;	/* added, visible from the next enable on */
	unsigned images;	/* probe images in use: one for each enabling
				 * that brought new probes; where there are no
				 * images, DOF documents */
	usdt_backend_status_t dof;	/* the DTrace helper device */
	usdt_backend_status_t sdt;	/* the probe image (the newest) */
	char note[USDT_TEXT_SIZE];	/* a remark for people, or "" */
	void *reserved[8];
} usdt_status_t;

/*
 * usdt_provider_status - tell what took the provider, and if nothing, why.
 * Fills STATUS, which is the caller's.  Returns 0, or -1 if one is NULL, with
 * the text in usdt_errstr(NULL).
 */
USDT_API int usdt_provider_status(const usdt_provider_t *provider,
    usdt_status_t *status);

#ifdef __cplusplus
}
#endif

#endif /* USDT_H */
