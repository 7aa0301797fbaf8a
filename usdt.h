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
 * Threads.  The calls that test and fire (usdt_probe_enabled, usdt_probe_fire,
 * usdt_probe_fire64, usdt_is_enabled, usdt_fire_probe) take no lock and
 * allocate nothing.  Any thread and any signal handler may call them at any
 * time, also while another thread changes the provider.  Any thread may make
 * the other calls, but no signal handler may, and a signal handler that can
 * interrupt them may not fork.  They need 20 KiB of stack, and a thread is not
 * cancelled inside them.  Two calls demand more: while usdt_provider_free or
 * the last usdt_probe_release runs, no thread may use the object that is freed,
 * nor test or fire a probe that is or was in the provider.
 *
 * References.  Probes are counted:
 *
 *	usdt_create_probe		1, the caller's
 *	usdt_provider_add_probe		+ 1, the provider's
 *	usdt_provider_remove_probe	- 1, the provider's
 *	usdt_provider_free		- 1 of each of its probes
 *	usdt_probe_release		- 1, the caller's
 *
 * Order.  First comes what every program needs: providers and probes, firing,
 * errors and status.  Then structs, texts and observers, typed firing by
 * macros, and code generators.  Notes at the end have the rules for special
 * cases (fork, shared objects, other systems, the environment).  usdt(7)
 * explains how tracers show probes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef USDT_H
#define USDT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define USDT_VERSION	"2.0.0"
#define USDT_VERSION_MAJOR	2
#define USDT_VERSION_MINOR	0
#define USDT_VERSION_PATCH	0
/* For comparisons: 20103 would be 2.1.3. */
#define USDT_VERSION_NUMBER	(USDT_VERSION_MAJOR * 10000 + \
    USDT_VERSION_MINOR * 100 + USDT_VERSION_PATCH)

/* The most arguments that a probe can have. */
#define USDT_ARG_MAX	32

/* Marks the interface. */
#if !defined(USDT_API)
#if defined(__GNUC__)
#define USDT_API	__attribute__((visibility("default")))
#else
#define USDT_API
#endif
#endif

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
	const uint32_t *gate;		/* for code generators: see there */
	struct usdt_probe_state *state;	/* private */
} usdt_probedef_t;

/* A provider.  Read the members, never write them. */
typedef struct usdt_provider {
	const char *name;
	const char *module;
	struct usdt_provider_state *state;	/* private */
} usdt_provider_t;

/* --- providers and probes ----------------------------------------------- */

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
 * All tracers but DTrace show '-' in a name as "__".  So "a__b" and "a-b" name
 * the same probe, and "_-" in a name is ambiguous, and refused.
 *
 * TYPES holds ARGC (at most USDT_ARG_MAX) strings of 1 to 127 bytes without
 * control characters.  It may be NULL if ARGC is 0.  The library copies
 * everything.  Each string is a C type, or declares an argument as C does:
 * "int", "int id", "char *url", "struct request *req", "uint8_t key[16]".  The
 * last word is a name if a whole type precedes it; a name is a C identifier,
 * and no two arguments of a probe may have the same.  A string that begins like
 * a declaration but is not one ("int my-id") is an error; one that is not C
 * ("std::string") is a type without a name.  A ':' may add the D type to which
 * a translator in a D library converts: "struct request *req : reqinfo_t *".
 *	Tracers show these types with their size and sign, up to 64 bits (see
 * usdt_probe_fire64): the C integer types in any spelling, bool, the names of
 * stdint.h, size_t, ssize_t, off_t, pid_t, uid_t and the like, enums, and
 * pointers.  The bits of a float or double are passed in a word.  Any other
 * name stands for an unsigned machine word; one that looks misspelled ("itn",
 * "string") is noted in usdt_provider_status, and refused with USDT_STRICT.
 * Most tracers show a "char *" as a string.
 *
 * Returns the probe, with one reference for the caller, or NULL.
 */
USDT_API usdt_probedef_t *usdt_create_probe(const char *func,
    const char *name, size_t argc, const char **types);

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

/*
 * usdt_probe_release - drop the caller's reference.  NULL is allowed.
 */
USDT_API void usdt_probe_release(usdt_probedef_t *probedef);

/*
 * usdt_provider_free - disable and free a provider.  NULL is allowed.
 *
 * Drops the provider's reference on each of its probes.  Probes that the
 * caller holds stay valid, and disabled.
 */
USDT_API void usdt_provider_free(usdt_provider_t *provider);

/* --- firing ------------------------------------------------------------- */

/*
 * usdt_probe_enabled - is somebody tracing this probe?  Not 0 if so.
 *
 * The function is inline: while nobody traces, it costs two loads and a
 * branch.  Compute arguments behind it.  PROBEDEF may not be NULL.  The
 * library exports the function too, for languages that can't inline C.
 */
#ifndef USDT_INLINE
#define USDT_INLINE	static __inline
#endif
USDT_INLINE int usdt_probe_enabled(const usdt_probedef_t *probedef);

/*
 * usdt_probe_fire - fire a probe, whether or not somebody traces it.
 *
 * ARGV holds ARGC machine words: integers as they are, pointers for strings.
 * What they point to must stay in place during the call.  Missing words count
 * as 0, surplus words are ignored.  Does nothing if the probe is not visible.
 * PROBEDEF may not be NULL.  USDT_FIRE, below, tests and fires in one line.
 */
USDT_API void usdt_probe_fire(usdt_probedef_t *probedef, size_t argc,
    void **argv);

/*
 * usdt_probe_fire64 - the same with words of 64 bits on every system.
 *
 * Where pointers have 64 bits it does what usdt_probe_fire does.  In 32-bit
 * processes it is the only call that passes all of an int64_t or a double;
 * usdt_probe_fire extends its words by the sign of a 64-bit type.  (DTrace for
 * 32-bit processes exists outside Linux only, and shows the lower halves.)
 * Words hold integers extended by their sign, pointers extended by 0, and the
 * bits of doubles and floats: USDT_FIRE makes such words.
 */
USDT_API void usdt_probe_fire64(usdt_probedef_t *probedef, size_t argc,
    const uint64_t *argv);

/*
 * usdt_is_enabled, usdt_fire_probe - the same for probedef->probe, which is
 * what libusdt 1.x has.  PROBE may be NULL: it is not enabled, and nothing is
 * fired.  usdt_is_enabled returns 1 or 0.
 */
USDT_API int usdt_is_enabled(usdt_probe_t *probe);
USDT_API void usdt_fire_probe(usdt_probe_t *probe, size_t argc, void **argv);

/* --- errors and status -------------------------------------------------- */

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
	char note[USDT_TEXT_SIZE];	/* remarks for people, or "": of names
				 * and types that look like a slip, of probes
				 * that wait, of a place for the image */
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

/* --- structs, texts, observers ------------------------------------------ */

/* The most structs that a provider can have, and the most fields of each. */
#define USDT_STRUCT_MAX	256
#define USDT_FIELD_MAX	1024

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
 * The struct and its fields may have other names in the program, and fields may
 * be left out.  Tracers know the structs of the system too: a prefix like
 * "myapp_" keeps them apart.
 *	A field is declared as an argument is, with a name.  It may be of each
 * type whose size is known (see usdt_create_probe), a pointer to anything, a
 * struct that was declared before, or an array of one dimension of these.
 * There are no bit fields, no unions, and no two fields in one place.  Offsets
 * need not be aligned: virtual machines lay out objects as they like.
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
 * usdt_provider_set_texts - vouch for the provider's texts.
 *
 * For a reader of direct events (see the notes) the process itself copies each
 * "char *" argument, up to 512 bytes, while the probe fires.  With VOUCHED not
 * 0 you promise that each is NULL or points to a string that ends with a zero;
 * or, if it is called NAME and an argument NAME_len is not negative, to that many
 * bytes.  Then the copy takes a few instructions.  Otherwise, as in a new
 * provider, the process asks the kernel to read each text, by a system call,
 * and a pointer to nothing shows as unreadable.
 *	The promise holds from the next fire on.  Returns 0, or -1 if PROVIDER is
 * NULL.
 */
USDT_API int usdt_provider_set_texts(usdt_provider_t *provider, int vouched);

/*
 * usdt_provider_observe - call CALL for each fire of the provider's probes.
 *
 * Use it to test probes, or to log them, on every system.  While the provider
 * is enabled, its probes are enabled for callers.  CALL runs in the thread
 * that fires, before tracers see the event.  It gets as many words as the
 * probe has arguments, as they were passed: not cut to their types, and 0 for
 * missing ones; of 64-bit words a 32-bit process gets the lower halves.  They
 * are valid until CALL returns.  CALL may not fire a probe of this provider,
 * and may do only what the code that fires may do, which may be a signal
 * handler.
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

/* --- typed firing, and probes declared in source files --------------------
 *
 * For C11, and for gcc and clang with gnu99.  C++20 has usdt.hpp.
 *
 * USDT_FIRE(probedef, argument, ...) - fire a probe if somebody traces it.
 *
 *	USDT_FIRE(request_start, 200, "/index", 3.25);
 *
 * A statement.  While nobody traces, it costs what usdt_probe_enabled costs,
 * and no argument is evaluated.  Arguments, at most USDT_ARG_MAX, are integers,
 * enums, pointers, arrays, floats and doubles; each becomes a word for
 * usdt_probe_fire64.  Others, such as structs, long doubles and __int128, do
 * not compile.  The compiler does not know the probe's types: for a double pass
 * 3.0, and neither 3 nor a float, which C's INFINITY and NAN are.
 *
 * USDT_PROBE(ID, FUNCTION, NAME, (type, name), ...) - declare a probe.
 * USDT_PROVIDER(ID, NAME, MODULE, &probe, ...) - declare a provider of such.
 *
 *	USDT_PROBE(request_start, "handle", "request-start",
 *	    (int, id), (const char *, url), (double, took));
 *	USDT_PROVIDER(myapp, "myapp", "mymodule", &request_start);
 *
 *	if (usdt_static_enable(&myapp) < 0)
 *		fprintf(stderr, "%s\n", usdt_errstr(myapp.provider));
 *	request_start_fire(200, "/index", 3.25);
 *	USDT_FIRE_STATIC(request_start, next_id(), url_of(request), 3.25);
 *
 * They stand outside of functions, and declare for the source file alone.
 * A probe's types are the texts "int id", "const char * url", ...  ID is a
 * usdt_static_probe_t, and these functions belong to it:
 *	ID_fire(int id, ...)	fires it if somebody traces it.  The compiler
 *				checks the arguments, and computes those that
 *				have side effects in any case.
 *	ID_enabled()		is usdt_probe_enabled.
 *	ID_probedef()		is the definition.  Before usdt_static_enable it
 *				is none of the library's: only test it.
 * USDT_FIRE_STATIC(ID, argument, ...) is ID_fire(argument, ...), but evaluates
 * arguments only if somebody traces the probe.
 */

/*
 * The macros USDT_PROBE and USDT_PROVIDER write these structs; the calls make
 * probes of them.  Read the members, never write them.
 */
typedef struct usdt_static_probe {
	usdt_probedef_t *probedef;	/* private: see USDT_PROBE */
	const char *function;
	const char *name;
	size_t argc;
	const char *const *types;
	usdt_probedef_t none;		/* private: its gate is "never" */
	uint32_t never;			/* private: 0 */
} usdt_static_probe_t;

typedef struct usdt_static_provider {
	const char *name;
	const char *module;
	size_t count;
	usdt_static_probe_t *const *probes;
	usdt_provider_t *provider;	/* NULL: not created yet */
} usdt_static_provider_t;

/*
 * usdt_static_create - create what is declared, unless it was created:
 * usdt_create_provider, usdt_create_probe and usdt_provider_add_probe in one
 * call.  declared->provider is for the calls that take a provider, such as
 * usdt_provider_add_struct.
 *
 * Returns 0 or -1, with the text in usdt_errstr(declared->provider).  If that
 * is NULL, nothing was created.  A probe may be in one provider only.
 */
USDT_API int usdt_static_create(usdt_static_provider_t *declared);

/*
 * usdt_static_enable - the same, and usdt_provider_enable.
 */
USDT_API int usdt_static_enable(usdt_static_provider_t *declared);

/*
 * usdt_static_disable - usdt_provider_disable.  Does nothing if it is not
 * created.  Returns 0 or -1.
 */
USDT_API int usdt_static_disable(usdt_static_provider_t *declared);

/*
 * usdt_static_free - free the provider and its probes.
 *
 * While it runs, no thread may test or fire the probes.  After it they may, and
 * are disabled; usdt_static_enable creates them again.
 */
USDT_API void usdt_static_free(usdt_static_provider_t *declared);

/* --- code generators -----------------------------------------------------
 *
 * Generated code can do what usdt_probe_enabled and usdt_probe_fire do:
 *	load a pointer from &probedef->gate,
 *	load 32 bits from there, and test them against USDT_GATE_BITS:
 *	if all of these bits are 0, the probe is off.
 * That is three instructions on x86-64 (examples/jit.c has a generator).  If a
 * bit is set, call usdt_probe_fire.  If the arguments take long to compute, ask
 * usdt_probe_enabled first: a bit is also set where DTrace may see the probe
 * but does not trace it.
 *	&probedef->gate never changes while the definition lives, so it may be a
 * constant in the code.  What it holds changes whenever the provider is
 * enabled or disabled: load it each time.  It is never NULL, and what it leads
 * to stays readable as long as the definition and its provider live.  Nothing
 * else is promised about the 32 bits: their parts and other values may change.
 *	The two loads need no barrier: processors keep their order, since the
 * second needs the first.  Like any test of a gate they may see a change late.
 *	usdt_probe_fire is a function of C, with C's calling convention: it needs
 * an aligned stack, and keeps the registers that callees keep.  ARGV may lie in
 * any readable memory, such as the caller's frame.
 *	Code that holds &probedef->gate or PROBEDEF must not run during or after
 * the last usdt_probe_release, nor during usdt_provider_free.
 *	usdt_probe_set_code goes further: arguments stay where the generated
 * code has them, in registers or on its stack, and values are converted only in
 * code that runs when the probe is on.  Where usdt_probe_code returns NULL, call
 * usdt_probe_fire, which works on all systems.  Rules for such code:
 *  - Run it only while the gate is on.  Tracers that stay attached would see
 *    events of a disabled provider.
 *  - Observers do not see its events.  DTrace on Linux sees at most those of
 *    processes that it names (-p), since it takes them from SDT notes: DOF can't
 *    say that arguments are elsewhere than C has them.  Symbols and DWARF, by
 *    which tracers know the names of arguments, lead to usdt_probe_fire alone.
 *  - A child of clone() may not run it before it calls usdt_provider_enable.
 *  - It has no unwind table: keep a frame pointer.
 *  - A provider has at most 32 images with code, and each stays mapped until
 *    the provider is freed.  So add many probes and then enable once, or take
 *    a provider for each batch of code.
 *	Tracers find generated functions in stacks if they keep a frame pointer,
 * and know their names if the process writes /tmp/perf-PID.map (Linux).
 */

/* All bits except the highest of the second halfword, which is not used. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define USDT_GATE_BITS	0xffff7fffu
#else
#define USDT_GATE_BITS	0x7fffffffu
#endif

/* The most bytes of a probe's code, and of its site. */
#define USDT_CODE_MAX	65536
#define USDT_SITE_MAX	32

/* A site in code of the caller's: where tracers attach. */
typedef struct usdt_site {
	size_t offset;			/* from the code's start */
	const char *operands;		/* "-8@%rbx 4@16(%rsp)"; NULL:
					 * the probe has no arguments */
} usdt_site_t;

/*
 * usdt_probe_set_code - give a probe machine code of the caller's.
 *
 * The next usdt_provider_enable maps a copy of the code, where usdt_probe_code
 * says, and shows tracers the site in it.  A run through the site is an event,
 * with the arguments in the places that the operands name.  The probe is then
 * in two places: usdt_probe_fire goes on working, for interpreters.
 *	CODE	SIZE bytes, at most USDT_CODE_MAX, which work at any address; the
 *		copy is executable and not writable, and begins at a multiple of
 *		64.  Processes share copies of equal bytes, so it should not
 *		hold addresses of this process.
 *	SITE	the offset of the instructions that usdt_site_nops writes, and
 *		an operand for each argument of the probe, at most 12: its size
 *		(1, 2, 4, 8, negative if it is signed), '@', and where it is.
 *		With one blank between them.
 *			x86-64, i386	%rbx	-8(%rbp)	$5
 *			aarch64		x19	[x29, -8]	5
 *			riscv64		s2	-8(s0)		5
 *			s390x		%r7	160(%r15)	5
 *			armhf		r6	[fp, #-8]	#5
 *			ppc64le		%r30	-8(%r31)	i5
 *			sparc64		%l0	[%fp+2039]	5
 *		Registers have the names of whole words, numbers have 32 bits.
 *
 * Only before the probe is enabled for the first time, or after it was removed
 * from its provider; another call replaces the code.  Everything is copied.
 * Where there are no probe images (usdt_site_nops returns 0), the call does
 * nothing and succeeds.
 *
 * Returns 0 or -1, with the text in usdt_errstr(NULL).
 */
USDT_API int usdt_probe_set_code(usdt_probedef_t *probedef, const void *code,
    size_t size, const usdt_site_t *site);

/*
 * usdt_site_nops - write the instructions that a site of code consists of.
 *
 * They do nothing until a tracer replaces them; which ones they are depends on
 * the processor and the kernel.  OUT has room for USDT_SITE_MAX bytes, or is
 * NULL.  Returns their size, or 0 if the system has no probe images.
 */
USDT_API size_t usdt_site_nops(void *out);

/*
 * usdt_probe_code - where is the copy of the code of a probe?
 *
 * Returns its address; or NULL, if the probe has no code or its provider is
 * disabled.  Ask again after each usdt_provider_enable.  Earlier copies stay
 * mapped until the provider is freed, and tracers may no longer see them.
 */
USDT_API const void *usdt_probe_code(const usdt_probedef_t *probedef);

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
 * it does so when it next enables or observes the provider, adds or removes a
 * probe or adds a struct; until then usdt_provider_status says so.  A provider
 * that another thread was enabling is enabled in the child; one that it was
 * disabling or freeing is disabled.  If the helper hangs just when the child
 * asks it, that fork() waits.
 *
 * Direct events (Linux on x86-64, i386 and aarch64).  While `usdt watch`, `usdt
 * record` or `usdt top` watches a probe, each fire also writes a record to
 * memory of its thread.  The thread's first such fire makes some system calls
 * and maps 256 KiB; a thread that fills them in less than 25 ms gets 4 MiB, if
 * fewer than 32 have them, and up to four that fill those in less than 200 ms get
 * 16 MiB.  So a process has at most 192 MiB of these, and 256 KiB for each thread.
 * The memory goes soon after the thread's end; nobody else can write it.  Without
 * such memory events are lost, and the reader reports how many.  "char *"
 * arguments are read then: see usdt_provider_set_texts.  Nothing of this happens
 * without a reader.
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
 *	USDT_DEBUG=1		print the steps of enabling on stderr, and slips
 *	USDT_STRICT=1		types that look misspelled are an error
 *	USDT_HELPER=PATH	the DTrace helper device
 *	USDT_BACKENDS=dof,sdt	the backends to try (default: both)
 *	USDT_IMAGE_DIR=DIR	the first directory to try for probe images: an
 *				absolute path without blanks, ':' and ',', owned
 *				by the user, mode 700.  If only its last part is
 *				missing, the library makes it.
 *	USDT_NOP=1|5|10		the nop at a probe's sites (x86-64 only)
 */

/* --- private: the code of usdt_probe_enabled and of the macros ------------ */

#if defined(__SANITIZE_THREAD__)
#define USDT_TSAN	1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define USDT_TSAN	1
#endif
#endif

/* The test behind the gate. */
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

#if !defined(__cplusplus) && defined(__STDC_VERSION__)
#if __STDC_VERSION__ >= 201112L || (__STDC_VERSION__ >= 199901L && \
    defined(__GNUC__) && !defined(__STRICT_ANSI__))
#define USDT_FIRE(...) \
	USDT_FIRE_(USDT_COUNT_(__VA_ARGS__), __VA_ARGS__, )
#define USDT_PROBE(id, function, ...) \
	USDT_PROBE_(USDT_COUNT_(__VA_ARGS__), id, function, __VA_ARGS__, )
#define USDT_PROVIDER(id, name, module, ...) \
	static usdt_static_probe_t *const id##_probes[] = { __VA_ARGS__ }; \
	static usdt_static_provider_t id = { name, module, \
	    sizeof id##_probes / sizeof id##_probes[0], id##_probes, NULL }
#define USDT_FIRE_STATIC(...) \
	USDT_FIRE_STATIC_(USDT_COUNT_(__VA_ARGS__), __VA_ARGS__, )

/* The count goes first, and a last empty argument stands where C11 wants one. */
#define USDT_FIRE_(argc, definition, ...) \
	do { \
		usdt_probedef_t *usdt_fired = (definition); \
		if (usdt_probe_enabled(usdt_fired)) { \
			USDT_QUIET_ \
			USDT_FIRE_WORDS_(argc, USDT_WORD_, __VA_ARGS__); \
			USDT_LOUD_ \
		} \
	} while (0)
#define USDT_FIRE_STATIC_(argc, id, ...) \
	do { \
		if (id##_enabled()) \
			id##_fire(USDT_EACH_(argc, USDT_SAME_, , \
			    __VA_ARGS__)); \
	} while (0)
#define USDT_PROBE_(argc, id, function, name, ...) \
	static const char *const id##_types[] = { \
	    USDT_EACH_(argc, USDT_TEXT_, NULL, __VA_ARGS__) }; \
	static usdt_static_probe_t id = { &id.none, function, name, argc, \
	    id##_types, { name, function, 0, NULL, NULL, &id.never, NULL }, \
	    0 }; \
	USDT_PRIVATE_ usdt_probedef_t * \
	id##_probedef(void) \
	{ \
		return usdt_static_load_(&id); \
	} \
	USDT_PRIVATE_ int \
	id##_enabled(void) \
	{ \
		return usdt_probe_enabled(id##_probedef()); \
	} \
	USDT_PRIVATE_ void \
	id##_fire(USDT_EACH_(argc, USDT_PARAMETER_, void, __VA_ARGS__)) \
	{ \
		usdt_probedef_t *usdt_fired = id##_probedef(); \
		if (usdt_probe_enabled(usdt_fired)) \
			USDT_FIRE_WORDS_(argc, USDT_PARAMETER_WORD_, \
			    __VA_ARGS__); \
	} \
	struct usdt_static_probe	/* a declaration, for the ';' */
#define USDT_FIRE_WORDS_(argc, word, ...) \
	usdt_probe_fire64(usdt_fired, argc, (const uint64_t[]) { \
	    USDT_EACH_(argc, word, 0, __VA_ARGS__) })

#if defined(__GNUC__)
#define USDT_PRIVATE_	__attribute__((unused)) static __inline
#else
#define USDT_PRIVATE_	static inline
#endif

/* What _Generic only looks at may have side effects. */
#if defined(__clang__)
#define USDT_QUIET_ \
	_Pragma("clang diagnostic push") \
	_Pragma("clang diagnostic ignored \"-Wunevaluated-expression\"")
#define USDT_LOUD_ \
	_Pragma("clang diagnostic pop")
#else
#define USDT_QUIET_
#define USDT_LOUD_
#endif

USDT_PRIVATE_ usdt_probedef_t *
usdt_static_load_(usdt_static_probe_t *declared)
{
#if defined(USDT_TSAN)
	return __atomic_load_n(&declared->probedef, __ATOMIC_ACQUIRE);
#elif defined(__GNUC__)	/* what it points to is read after it */
	return __atomic_load_n(&declared->probedef, __ATOMIC_RELAXED);
#else
	return *(usdt_probedef_t *volatile *)&declared->probedef;
#endif
}

USDT_PRIVATE_ uint64_t
usdt_word_signed_(long long value)
{
	return (uint64_t)value;
}

USDT_PRIVATE_ uint64_t
usdt_word_unsigned_(unsigned long long value)
{
	return value;
}

USDT_PRIVATE_ uint64_t
usdt_word_double_(double value)
{
	union {
		double value;
		uint64_t bits;
	} word;

	word.value = value;
	return word.bits;
}

USDT_PRIVATE_ uint64_t
usdt_word_float_(float value)
{
	union {
		float value;
		uint32_t bits;
	} word;

	word.value = value;
	return word.bits;
}

USDT_PRIVATE_ uint64_t
usdt_word_pointer_(const volatile void *value)
{
	return (uintptr_t)value;
}

/* Never defined: an argument that is too wide for a word. */
struct usdt_too_wide_for_a_word;
uint64_t usdt_too_wide_for_a_word_(struct usdt_too_wide_for_a_word value);
#if defined(__SIZEOF_INT128__)
__extension__ typedef __int128 usdt_int128_;
__extension__ typedef unsigned __int128 usdt_unsigned128_;
#define USDT_WIDE_ \
	    usdt_int128_: usdt_too_wide_for_a_word_, \
	    usdt_unsigned128_: usdt_too_wide_for_a_word_,
#else
#define USDT_WIDE_
#endif

#define USDT_WORD_(value) \
	_Generic((value), \
	    _Bool: usdt_word_unsigned_, \
	    char: usdt_word_signed_, \
	    signed char: usdt_word_signed_, \
	    unsigned char: usdt_word_unsigned_, \
	    short: usdt_word_signed_, \
	    unsigned short: usdt_word_unsigned_, \
	    int: usdt_word_signed_, \
	    unsigned: usdt_word_unsigned_, \
	    long: usdt_word_signed_, \
	    unsigned long: usdt_word_unsigned_, \
	    long long: usdt_word_signed_, \
	    unsigned long long: usdt_word_unsigned_, \
	    float: usdt_word_float_, \
	    double: usdt_word_double_, \
	    long double: usdt_too_wide_for_a_word_, \
	    USDT_WIDE_ \
	    default: usdt_word_pointer_)(value)

/* Of a pair "(type, name)". */
#define USDT_PARAMETER_(pair)		USDT_PARAMETER__ pair
#define USDT_PARAMETER__(type, name)	type name
#define USDT_PARAMETER_WORD_(pair)	USDT_PARAMETER_WORD__ pair
#define USDT_PARAMETER_WORD__(type, name) USDT_WORD_(name)
#define USDT_TEXT_(pair)		USDT_TEXT__ pair
#define USDT_TEXT__(type, name)		#type " " #name
#define USDT_SAME_(argument)		argument

/* M of each of ARGC arguments, which one empty argument ends.  For 0: NONE. */
#define USDT_EACH_(argc, m, none, ...) \
	USDT_EACH__(argc, m, none, __VA_ARGS__)
#define USDT_EACH__(argc, m, none, ...) \
	USDT_EACH_##argc##_(m, none, __VA_ARGS__)
#define USDT_MANY_	a_probe_has_at_most_32_arguments
#define USDT_EACH_a_probe_has_at_most_32_arguments_(m, ...) \
	a_probe_has_at_most_32_arguments
#define USDT_EACH_0_(m, none, end)	none
#define USDT_EACH_1_(m, none, a, end)	m(a)
#define USDT_EACH_2_(m, none, a, ...) \
	m(a), USDT_EACH_1_(m, none, __VA_ARGS__)
#define USDT_EACH_3_(m, none, a, ...) \
	m(a), USDT_EACH_2_(m, none, __VA_ARGS__)
#define USDT_EACH_4_(m, none, a, ...) \
	m(a), USDT_EACH_3_(m, none, __VA_ARGS__)
#define USDT_EACH_5_(m, none, a, ...) \
	m(a), USDT_EACH_4_(m, none, __VA_ARGS__)
#define USDT_EACH_6_(m, none, a, ...) \
	m(a), USDT_EACH_5_(m, none, __VA_ARGS__)
#define USDT_EACH_7_(m, none, a, ...) \
	m(a), USDT_EACH_6_(m, none, __VA_ARGS__)
#define USDT_EACH_8_(m, none, a, ...) \
	m(a), USDT_EACH_7_(m, none, __VA_ARGS__)
#define USDT_EACH_9_(m, none, a, ...) \
	m(a), USDT_EACH_8_(m, none, __VA_ARGS__)
#define USDT_EACH_10_(m, none, a, ...) \
	m(a), USDT_EACH_9_(m, none, __VA_ARGS__)
#define USDT_EACH_11_(m, none, a, ...) \
	m(a), USDT_EACH_10_(m, none, __VA_ARGS__)
#define USDT_EACH_12_(m, none, a, ...) \
	m(a), USDT_EACH_11_(m, none, __VA_ARGS__)
#define USDT_EACH_13_(m, none, a, ...) \
	m(a), USDT_EACH_12_(m, none, __VA_ARGS__)
#define USDT_EACH_14_(m, none, a, ...) \
	m(a), USDT_EACH_13_(m, none, __VA_ARGS__)
#define USDT_EACH_15_(m, none, a, ...) \
	m(a), USDT_EACH_14_(m, none, __VA_ARGS__)
#define USDT_EACH_16_(m, none, a, ...) \
	m(a), USDT_EACH_15_(m, none, __VA_ARGS__)
#define USDT_EACH_17_(m, none, a, ...) \
	m(a), USDT_EACH_16_(m, none, __VA_ARGS__)
#define USDT_EACH_18_(m, none, a, ...) \
	m(a), USDT_EACH_17_(m, none, __VA_ARGS__)
#define USDT_EACH_19_(m, none, a, ...) \
	m(a), USDT_EACH_18_(m, none, __VA_ARGS__)
#define USDT_EACH_20_(m, none, a, ...) \
	m(a), USDT_EACH_19_(m, none, __VA_ARGS__)
#define USDT_EACH_21_(m, none, a, ...) \
	m(a), USDT_EACH_20_(m, none, __VA_ARGS__)
#define USDT_EACH_22_(m, none, a, ...) \
	m(a), USDT_EACH_21_(m, none, __VA_ARGS__)
#define USDT_EACH_23_(m, none, a, ...) \
	m(a), USDT_EACH_22_(m, none, __VA_ARGS__)
#define USDT_EACH_24_(m, none, a, ...) \
	m(a), USDT_EACH_23_(m, none, __VA_ARGS__)
#define USDT_EACH_25_(m, none, a, ...) \
	m(a), USDT_EACH_24_(m, none, __VA_ARGS__)
#define USDT_EACH_26_(m, none, a, ...) \
	m(a), USDT_EACH_25_(m, none, __VA_ARGS__)
#define USDT_EACH_27_(m, none, a, ...) \
	m(a), USDT_EACH_26_(m, none, __VA_ARGS__)
#define USDT_EACH_28_(m, none, a, ...) \
	m(a), USDT_EACH_27_(m, none, __VA_ARGS__)
#define USDT_EACH_29_(m, none, a, ...) \
	m(a), USDT_EACH_28_(m, none, __VA_ARGS__)
#define USDT_EACH_30_(m, none, a, ...) \
	m(a), USDT_EACH_29_(m, none, __VA_ARGS__)
#define USDT_EACH_31_(m, none, a, ...) \
	m(a), USDT_EACH_30_(m, none, __VA_ARGS__)
#define USDT_EACH_32_(m, none, a, ...) \
	m(a), USDT_EACH_31_(m, none, __VA_ARGS__)

/* How many arguments follow the first one? */
#define USDT_COUNT_(...) \
	USDT_PICK_(__VA_ARGS__, \
	    USDT_MANY_, USDT_MANY_, USDT_MANY_, USDT_MANY_, USDT_MANY_, \
	    USDT_MANY_, USDT_MANY_, USDT_MANY_, USDT_MANY_, USDT_MANY_, \
	    USDT_MANY_, USDT_MANY_, USDT_MANY_, USDT_MANY_, USDT_MANY_, \
	    USDT_MANY_, USDT_MANY_, USDT_MANY_, USDT_MANY_, USDT_MANY_, \
	    USDT_MANY_, USDT_MANY_, USDT_MANY_, USDT_MANY_, USDT_MANY_, \
	    USDT_MANY_, USDT_MANY_, USDT_MANY_, USDT_MANY_, USDT_MANY_, \
	    USDT_MANY_, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, \
	    18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, )
#define USDT_PICK_( \
	    _1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, _13, _14, _15, _16, \
	    _17, _18, _19, _20, _21, _22, _23, _24, _25, _26, _27, _28, _29, _30, \
	    _31, _32, _33, _34, _35, _36, _37, _38, _39, _40, _41, _42, _43, _44, \
	    _45, _46, _47, _48, _49, _50, _51, _52, _53, _54, _55, _56, _57, _58, \
	    _59, _60, _61, _62, _63, _64, n, ...) \
	n
#endif
#endif

#ifdef __cplusplus
}
#endif

#endif /* USDT_H */
