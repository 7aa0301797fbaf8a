/*
 * usdt.h - declare tracing probes in a running process.
 *
 * Model.  A provider is a named set of probes.  A probe has a function, a name
 * and typed arguments.  A program creates both, enables the provider, and
 * fires its probes.  Tracers (DTrace, bpftrace, perf, bcc, gdb) then see the
 * probes as if they had been compiled in.
 *
 * Example (examples/hello.c has the whole program):
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
 * Errors.  A call that fails returns NULL or -1, changes nothing, and leaves a
 * text: usdt_errstr(provider), or usdt_errstr(NULL) where the call has no
 * provider.  No call promises an errno.
 *
 * Threads.  usdt_is_enabled, usdt_probe_enabled, usdt_fire_probe and
 * usdt_probe_fire take no lock and allocate nothing.  Any thread and any
 * signal handler may call them at any time, also while another thread changes
 * the provider.  Any thread may make the other calls, but no signal handler
 * may, and a signal handler that can interrupt them may not fork.  They need
 * 20 KiB of stack, and a thread is not cancelled inside them.  Two calls
 * demand more: while usdt_provider_free or the last usdt_probe_release runs,
 * no thread may use the object that is freed, nor test or fire a probe that is
 * or was in the provider.
 *
 * References.  Probes are counted:
 *
 *	usdt_create_probe		1, the caller's
 *	usdt_provider_add_probe		+ 1, the provider's
 *	usdt_provider_remove_probe	- 1, the provider's
 *	usdt_provider_free		- 1 of each of its probes
 *	usdt_probe_release		- 1, the caller's
 *
 * The section Notes at the end has special rules.
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
/* The most structs that a provider can have, and the most fields of each. */
#define USDT_STRUCT_MAX	256
#define USDT_FIELD_MAX	1024

/* Marks the interface. */
#if !defined(USDT_API)
#if defined(__GNUC__)
#define USDT_API	__attribute__((visibility("default")))
#else
#define USDT_API
#endif
#endif

/* What failed.  The first eight have the numbers and texts of libusdt 1.x. */
typedef enum usdt_error {
	USDT_ERROR_MALLOC = 0,
	USDT_ERROR_VALLOC,
	USDT_ERROR_NOPROBES,
	USDT_ERROR_LOADDOF,
	USDT_ERROR_ALREADYENABLED,
	USDT_ERROR_UNLOADDOF,
	USDT_ERROR_DUP_PROBE,
	USDT_ERROR_REMOVE_PROBE,
	USDT_ERROR_INVALID,	/* an argument is not valid */
	USDT_ERROR_OWNED,	/* the probe belongs to another provider */
	USDT_ERROR_IMAGE,	/* the probe image has no place */
	USDT_ERROR_TOO_LARGE	/* the system's tracer has a limit */
} usdt_error_t;

/* What testing and firing needs of a probe.  Opaque. */
typedef struct usdt_probe usdt_probe_t;

/*
 * A probe's definition.  Read the members, never write them.  They stay valid
 * until the last reference is dropped.
 */
typedef struct usdt_probedef {
	const char *name;
	const char *function;
	size_t argc;
	char **types;			/* argc types, as they were given */
	usdt_probe_t *probe;		/* never NULL, never changes */
	const uint32_t *gate;		/* private: see usdt_probe_enabled */
	struct usdt_probe_state *state;	/* private */
} usdt_probedef_t;

/* A provider.  Read the members, never write them. */
typedef struct usdt_provider {
	const char *name;
	const char *module;
	struct usdt_provider_state *state;	/* private */
} usdt_provider_t;

/*
 * usdt_create_provider - make an empty, disabled provider.
 *
 * Tracers show NAME (DTrace adds the pid) and MODULE, which is also the last
 * part of the probe image's path.  The library copies both.
 *	NAME	1 to 53 of the characters A-Z a-z 0-9 . _ + -.  It may not begin
 *		with a digit or '+', and may not be "pid" (on macOS also
 *		"objc", "oneshot").  DTrace on Linux can't tell a last digit
 *		from the pid; usdt_provider_status notes that.
 *	MODULE	1 to 63 of the same characters.
 * Neither may be "." or "..".
 *
 * Returns the provider, which usdt_provider_free frees, or NULL.
 */
USDT_API usdt_provider_t *usdt_create_provider(const char *name,
    const char *module);

/*
 * usdt_create_probe - describe a probe.  Note the order: function, then name.
 *
 * FUNC has 1 to 127 bytes, NAME 1 to 63.  Neither may hold '/', ':', blanks or
 * control characters, or be "." or ".."; NAME may not hold ','.  DTrace can't
 * spell brackets and commas of a FUNC; '?' matches them there.
 * SDT notes can't hold '-' in a name: bpftrace, perf, bcc, SystemTap and gdb
 * show "request-start" as "request__start".  DTrace shows '-' for both, so
 * "a__b" and "a-b" name the same probe.  "_-" in a name is ambiguous, and
 * refused.
 *
 * TYPES holds ARGC (at most USDT_ARG_MAX) strings of 1 to 127 bytes without
 * control characters.  It may be NULL if ARGC is 0.  The library copies
 * everything.  Each string is a C type, or declares an argument as C does:
 * "int", "int id", "char *url", "struct request *req", "uint8_t key[16]".  The
 * last word is a name if a whole type precedes it; a name is a C identifier,
 * and no two arguments of a probe may have the same.  A string that begins like
 * a declaration but is none ("int my-id") is an error; one that is not C
 * ("std::string") is a type without a name.  A ':' may add the D type to which
 * a translator in a D library converts: "struct request *req : reqinfo_t *".
 *	Tracers show these types with their size and sign, up to the size of a
 * machine word: the C integer types in any spelling, bool, the names of
 * stdint.h, size_t, ssize_t, off_t, pid_t, uid_t and the like, enums, and
 * pointers.  The bits of a float or double are passed in a word.  Any other
 * name stands for an unsigned machine word.  Most tracers show a "char *" as a
 * string.
 *
 * Returns the probe, with one reference for the caller, or NULL.
 */
USDT_API usdt_probedef_t *usdt_create_probe(const char *func,
    const char *name, size_t argc, const char **types);

/*
 * usdt_probe_release - drop the caller's reference.  NULL is allowed.
 */
USDT_API void usdt_probe_release(usdt_probedef_t *probedef);

/*
 * usdt_provider_add_probe - add a probe to a provider.
 *
 * The next usdt_provider_enable makes the probe visible, also if the provider
 * is enabled already.  Fails if the provider has a probe with this function
 * and name, or if the probe is in a provider.  Returns 0 or -1.
 */
USDT_API int usdt_provider_add_probe(usdt_provider_t *provider,
    usdt_probedef_t *probedef);

/*
 * usdt_provider_remove_probe - take a probe out of its provider.
 *
 * The probe never fires for this provider again.  Fails if the provider has no
 * probe with this function and name.  Returns 0 or -1.
 *
 * Listings show the probe until the provider has been disabled and enabled.
 * If a tracer is attached to its image then, it keeps the other probes, and
 * listings show the probe until a usdt_provider_enable finds no tracer.
 */
USDT_API int usdt_provider_remove_probe(usdt_provider_t *provider,
    usdt_probedef_t *probedef);

/* A field of a struct. */
typedef struct usdt_field {
	const char *declarator;		/* "char *url", "int count[4]" */
	size_t offset;			/* bytes from the struct's start */
} usdt_field_t;

/* Field F of struct or type S, for a table: USDT_FIELD(struct r, id, "int id").
 */
#define USDT_FIELD(s, f, declarator)	{ declarator, offsetof(s, f) }

/*
 * usdt_provider_add_struct - tell tracers the layout of a struct.
 *
 * Arguments that are pointers to "struct NAME" then show its fields in tracers
 * that read them from the process.  SIZE is the struct's size in bytes, at most
 * 16 MiB, FIELDS a table of its COUNT fields in any order:
 *
 *	static const usdt_field_t fields[] = {
 *		USDT_FIELD(struct request, id, "int id"),
 *		USDT_FIELD(struct request, url, "char *url"),
 *	};
 *	usdt_provider_add_struct(p, "myapp_request", sizeof (struct request), 2,
 *	    fields);
 *
 * NAME need not be the struct's name in the program, nor are the fields'; not
 * all fields have to be told.  Tracers know the structs of the system too: a
 * prefix like "myapp_" keeps them apart.
 *	A field is declared as an argument is, with a name.  It may be of each
 * type whose size is known (see usdt_create_probe), a pointer to anything, a
 * struct that was declared before, or an array of one dimension of these.
 * There are no bit fields, no unions, and no two fields in one place.  Any
 * offset is good, aligned or not: virtual machines lay out objects as they like.
 *
 * The provider keeps a copy until it is freed.  It is in the images that later
 * calls of usdt_provider_enable make; those that were made before stay as they
 * are.  Add structs before the first usdt_provider_enable.
 *
 * Returns 0, also if the provider has the same struct already; or -1, if it has
 * another one with this name, or an argument is not valid.
 */
USDT_API int usdt_provider_add_struct(usdt_provider_t *provider,
    const char *name, size_t size, size_t count, const usdt_field_t *fields);

/*
 * usdt_provider_enable - make the provider's probes visible to tracers.
 *
 * Tries every backend that the system has, and fails only if none of them
 * accepts the provider, or if it has no probes.  If the provider is enabled,
 * the call delivers the probes that were added since then; tracers stay
 * attached.  If there are none, it returns 0 and leaves "provider is already
 * enabled" in usdt_errstr.
 *
 * On Linux each call that delivers new probes maps one probe image: at most 4
 * mappings, no descriptor (one if the image had to be a memfd), about 36 bytes
 * of memory for each probe, which processes share, and one private page for
 * each 1024 probes once they are traced.
 *
 * A provider has at most 256 mappings; usdt_provider_status counts them.  With
 * more than 32 images, those without an attached tracer are laid out together;
 * if all have one, the call fails.  An image that goes out of use leaves its
 * addresses and a harmless stub behind until the provider is freed, since a
 * thread may be firing there: 16 KiB of addresses for a few probes, some
 * mebibytes of memory for the whole process, and one descriptor.  The call
 * fails after some hundred thousand such images (thirty thousand with 32
 * bits).
 *
 * The call may block in file operations and in the helper's ioctl: a DTrace
 * daemon may need seconds for ten thousand probes.
 * Returns 0 or -1.
 */
USDT_API int usdt_provider_enable(usdt_provider_t *provider);

/*
 * usdt_provider_disable - hide the probes.
 *
 * When the call returns, the probes are not enabled and firing does nothing,
 * also for tracers that are still attached.  Does nothing if the provider is
 * not enabled.  Returns 0 or -1.
 *
 * On Linux attached tracers see the probes again after the next
 * usdt_provider_enable.  The paths of the images stay, except for images that
 * lose removed probes.  Listings that read the images show the probes until
 * the provider is freed and the last of its probes released.  A tracer counts
 * as attached if the kernel counts it in a probe's semaphore, or DTrace has
 * the probe enabled; at a bare address it does not count.
 */
USDT_API int usdt_provider_disable(usdt_provider_t *provider);

/*
 * usdt_provider_free - disable and free a provider.  NULL is allowed.
 *
 * Drops the provider's reference on each of its probes.  Probes that the
 * caller holds stay valid, and disabled.
 */
USDT_API void usdt_provider_free(usdt_provider_t *provider);

/*
 * usdt_is_enabled - is somebody tracing this probe?
 *
 * Returns 1 or 0; 0 for NULL.  Call it as usdt_is_enabled(probedef->probe).
 */
USDT_API int usdt_is_enabled(usdt_probe_t *probe);

/*
 * usdt_fire_probe - fire a probe, whether or not somebody traces it.
 *
 * ARGV holds ARGC machine words: integers as they are, pointers for strings.
 * What they point to must stay in place during the call.  Missing words count
 * as 0, surplus words are ignored.  Does nothing if PROBE is NULL or not
 * visible.  Call it as usdt_fire_probe(probedef->probe, ...).
 */
USDT_API void usdt_fire_probe(usdt_probe_t *probe, size_t argc, void **argv);

/*
 * usdt_probe_fire - the same for a definition; PROBEDEF may not be NULL.
 */
USDT_API void usdt_probe_fire(usdt_probedef_t *probedef, size_t argc,
    void **argv);

/*
 * usdt_provider_observe - call CALL for each fire of the provider's probes.
 *
 * Use it to test probes, or to log them, on every system.  While the provider
 * is enabled, its probes are enabled for callers.  CALL runs in the thread
 * that fires, before tracers see the event.  It gets as many words as the
 * probe has arguments, as they were passed: not cut to their types, and 0 for
 * missing ones.  They are valid until CALL returns.  CALL may not fire a probe
 * of this provider, and may do only what the place of the fire allows, for
 * example a signal handler.
 *
 * Another CALL or DATA replaces the earlier one; NULL ends observing.  A CALL
 * that began in another thread may still run, so keep what DATA points to
 * until no thread fires.  Each new pair of CALL and DATA takes about 32 bytes
 * until the provider is freed.  With USDT_DISABLE set nothing is observed.
 *
 * Returns 0, or -1 if there is no memory or PROVIDER is NULL.
 */
typedef void usdt_observer_t(const usdt_probedef_t *probedef, size_t argc,
    void *const *argv, void *data);
USDT_API int usdt_provider_observe(usdt_provider_t *provider,
    usdt_observer_t *call, void *data);

/*
 * usdt_probe_enabled - is somebody tracing this probe?  Not 0 if so.
 *
 * The function is inline: while nobody traces, it costs two loads and a
 * branch.  Compute arguments behind it.  PROBEDEF may not be NULL.  The
 * library exports the function too, for languages that can't inline C.
 */
#if defined(__SANITIZE_THREAD__)
#define USDT_TSAN	1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define USDT_TSAN	1
#endif
#endif
/* All bits except the highest of the second halfword, which is not used. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define USDT_GATE_BITS	0xffff7fffu
#else
#define USDT_GATE_BITS	0x7fffffffu
#endif
#ifndef USDT_INLINE
#define USDT_INLINE	static __inline
#endif
USDT_INLINE int usdt_probe_enabled(const usdt_probedef_t *probedef);

/* private: the test behind the gate. */
USDT_API int usdt_probe_ask(const usdt_probedef_t *probedef);

USDT_INLINE int
usdt_probe_enabled(const usdt_probedef_t *probedef)
{
#if defined(USDT_TSAN)	/* can't follow the next variant */
	const uint32_t *gate =
	    __atomic_load_n(&probedef->gate, __ATOMIC_ACQUIRE);

	if (__atomic_load_n(gate, __ATOMIC_RELAXED) == 0)
		return 0;
#elif defined(__GNUC__)
	const uint32_t *gate =
	    __atomic_load_n(&probedef->gate, __ATOMIC_RELAXED);

	/*
	 * The compiler must read the gate each time, after its address;
	 * processors keep that order by themselves.  With a volatile read, or
	 * a test of all 32 bits, gcc needs one instruction more; for these 31
	 * bits it makes a single "test memory".
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
 * usdt_errstr - the text of the last error, in English, on one line.
 *
 * For a provider: of its last failed call, or "".  It stays until the next
 * call that names the provider, by any thread; threads that change one
 * provider must take turns until they have read it.  For NULL: of this
 * thread's last failed call without a provider, until the next such call.
 * Never returns NULL.  '?' replaces control characters of names.
 */
USDT_API char *usdt_errstr(usdt_provider_t *provider);

/*
 * usdt_error - set the text that usdt_errstr returns.
 *
 * Bindings may use it for errors of their own.  The arguments are those of the
 * error's text, all strings:  LOADDOF, UNLOADDOF, INVALID, OWNED, IMAGE and
 * TOO_LARGE have one; DUP_PROBE and REMOVE_PROBE have provider, module,
 * function and name.
 */
USDT_API void usdt_error(usdt_provider_t *provider, usdt_error_t error, ...);

/* Sizes of the texts in usdt_status_t, with the terminating zero. */
#define USDT_PATH_SIZE	1024
#define USDT_TEXT_SIZE	512

/* What one backend did with a provider. */
typedef struct usdt_backend_status {
	int taken;		/* 1: it shows the provider to tracers */
	int error;		/* errno of the last failure, or 0 */
	int generation;		/* DOF: the helper's number, else -1 */
	int reserved;
	char path[USDT_PATH_SIZE];	/* the device; the image's file; "" */
	char reason[USDT_TEXT_SIZE];	/* why it is not taken, or "" */
} usdt_backend_status_t;

/* The state of a provider. */
typedef struct usdt_status {
	int enabled;		/* 1: enabled, by any backend */
	unsigned probes;	/* probes that fire now */
	unsigned waiting;	/* probes that the next enable shows */
	unsigned images;	/* probe images in use, one for each enable that
				 * brought new probes; elsewhere documents */
	usdt_backend_status_t dof;	/* the DTrace helper device */
	usdt_backend_status_t sdt;	/* the probe image (the newest) */
	char note[USDT_TEXT_SIZE];	/* a remark for people, or "" */
	size_t mappings;	/* at most so many, also of images that are out
				 * of use */
	void *reserved[7];
} usdt_status_t;

/*
 * usdt_provider_status - report what shows the provider to tracers, or why
 * nothing does.
 *
 * Fills STATUS, which belongs to the caller.  Returns 0, or -1 if an argument
 * is NULL, with the text in usdt_errstr(NULL).
 */
USDT_API int usdt_provider_status(const usdt_provider_t *provider,
    usdt_status_t *status);

/* --- notes ---------------------------------------------------------------
 *
 * Fork.  The first usdt_create_provider registers fork handlers.  If your
 * handlers take a lock under which you call the library, register them after
 * that.  Handlers may call the library.
 *	A child of fork() has its parent's probes, traced under its own pid,
 * whatever threads the parent had.  A child of the bare system call clone()
 * runs no handlers: on Linux its probes may not fire before it calls
 * usdt_provider_enable.  A child of vfork() may fire, and make no other call.
 * On illumos, FreeBSD and macOS a forked child has no probes: the kernel copies
 * its parent's, and the library takes them back.
 * exec ends all probes.
 *
 * A slow DTrace helper (Linux).  It delays only calls that need it
 * (usdt_provider_enable, _disable and _free), and calls that change a provider
 * which is in such a call.  SDT notes are visible before it answers.
 *	A forked child registers its probes with the helper at once if the last
 * answer took less than 1 s, and no call has been waiting longer.  Otherwise
 * it does so when it next enables or observes the provider, or adds or removes
 * a probe; until then usdt_provider_status says so.  A provider that another
 * thread was enabling is enabled in the child; one that it was disabling or
 * freeing is disabled.  If the helper hangs just when the child asks it, that
 * fork() waits.
 *
 * Shared objects.  Each program and shared object has its own copy of the
 * library, and does not export it.  Never pass an object of one copy to
 * another.  Free all providers before you unload a shared object; the others
 * stay mapped and listed.
 *
 * Other roots.  A process may close all descriptors and change its root, user,
 * directory and umask.  Enabled probes stay visible; but if they are in a
 * memfd that was closed, only attached tracers see them until the next enable.
 * A later enable uses what the process can reach then: below another root a
 * memfd and no DTrace helper.  A helper that can't be reached keeps what it
 * has after a disable.
 *
 * Other systems.  On illumos, FreeBSD and macOS there is DTrace and no image.
 * usdt_provider_enable fails without the helper device (FreeBSD gives it to
 * root and wheel).  The kernels (dtrace.c and fasttrap.c of each) set four
 * rules:
 *  - An address is registered once: each enable uses up 32 bytes for each
 *    probe.
 *  - A name has one document at a time, and one enabled provider.  Added
 *    probes come with all others in a new document; attached tracers lose the
 *    old one.  If the helper refuses the new one, the provider is disabled.
 *  - A process has at most 32 enabled providers, on macOS 64.
 *  - A document has less than 8 MiB, on macOS 512 KiB: about 100 bytes for a
 *    probe with short names.
 *
 * Beyond a limit the call fails, and usdt_errstr names it.
 *
 * Environment.  usdt_provider_enable reads these variables,
 * usdt_create_provider only USDT_DISABLE and USDT_NOP, and no other call reads
 * any.  In set-uid programs they have no effect:
 *	USDT_DISABLE=1		every call succeeds and does nothing
 *	USDT_DEBUG=1		print the steps of enabling on stderr
 *	USDT_HELPER=PATH	the DTrace helper device
 *	USDT_BACKENDS=dof,sdt	the backends to try (default: both)
 *	USDT_IMAGE_DIR=DIR	the first directory to try for probe images: an
 *				absolute path without blanks, ':' and ',', owned
 *				by the user, mode 700.  If only its last part is
 *				missing, the library makes it.
 *	USDT_NOP=1|5|10		the nop at a probe's sites (x86-64 only)
 */

#ifdef __cplusplus
}
#endif

#endif /* USDT_H */
