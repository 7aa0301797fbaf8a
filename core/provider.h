/*
 * core/provider.h - the highest floor: the state of probes and providers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef USDT_PROVIDER_H
#define USDT_PROVIDER_H

#include "image/image.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* --- usdt_probe.c: how is a probe tested and fired? --------------------- */

/* A function that each fire in this process calls. */
struct usdt__observer {
	struct usdt__observer *next;	/* in the provider's list */
	usdt_observer_t *call;
	void *data;
};

/* What makes a probe visible. */
struct usdt__binding {
	const uint32_t *gate;		/* in an image; NULL: there is none */
	const uint8_t *stub;		/* NULL: no tracer sees the probe */
	const uint8_t *stubs;		/* the first of an image with direct
					 * sites, or NULL */
	uintptr_t plain;		/* usdt__stub_plain */
	const struct usdt__observer *observer;	/* it makes the probe enabled */
	int helped;			/* each test asks the stub */
	int vouched;			/* texts are copied as they are passed */
};

/* Make a probe visible, or hide it: at once for every thread. */
void usdt__probe_bind(usdt_probedef_t *probedef,
    const struct usdt__binding *to);
void usdt__probe_unbind(usdt_probedef_t *probedef);
/* Say of a probe, if it is visible, whether a DTrace helper has it. */
void usdt__probe_set_helped(usdt_probedef_t *probedef, int helped);

/* Does the kernel count a tracer or a reader there? */
int usdt__gate_is_counted(const uint32_t *gate);
/* Does DTrace answer that the probe is enabled?  It may go on doing so after
 * the helper gave the document back. */
int usdt__stub_is_enabled(const uint8_t *stub);

/* --- core/probeset.c: which probes does a provider have? ---------------- */

struct usdt__probeset {
	usdt_probedef_t *first, *last;
	size_t count;
	usdt_probedef_t **buckets;
	size_t bucket_count;		/* 0 or a power of two */
};

/* The probe with the function and name of LIKE, or NULL. */
usdt_probedef_t *usdt__probeset_find(const struct usdt__probeset *set,
    const usdt_probedef_t *like);
/* Returns 0 or ENOMEM. */
int usdt__probeset_add(struct usdt__probeset *set, usdt_probedef_t *probedef);
void usdt__probeset_remove(struct usdt__probeset *set,
    usdt_probedef_t *probedef);
uint32_t usdt__probeset_hash(const char *function, const char *dof_name);

/*
 * Number the names of a list of probes from 0, in order of appearance; probes
 * of one name get the same number.  Returns the count of names, or 0 if memory
 * ran out.
 */
size_t usdt__number_names(usdt_probedef_t *const *probes, size_t count,
    uint32_t *number);

/* --- core/generation.c: which probes are laid out together? ------------- */

#define USDT__ERROR_SIZE	(USDT_TEXT_SIZE + 64)

struct usdt__generation {
	struct usdt__generation *next;	/* in the provider's list */
	struct usdt__image *image;	/* if the row has images ... */
	struct usdt__pages pages;	/* ... or if it has none */
	uint8_t id[USDT__ID_SIZE];	/* of an image's bytes */
	const uint8_t *address;		/* the DOF is relative to it */
	const uint8_t *document;
	const uint8_t *stubs;
	size_t stub_size;		/* bytes of each */
	size_t stubs_size;		/* of all, before code of the caller's */
	int direct;			/* the image has direct sites */
	uintptr_t plain;		/* usdt__stub_plain */
	uint32_t *gates;		/* NULL: each test asks the stub */
	size_t gate_count;
	uint32_t *gate_of;		/* each stub's; NULL: 0, 1, 2 ... */
	size_t count;			/* of stubs */
	size_t live;			/* stubs that a probe uses */
	int notes;			/* the image has SDT notes */
	int coded;			/* a probe has code of the caller's */
	int stale;			/* this enabling lays it out again */
	int overdue;			/* stale, but an enabling left it, since
					 * tracers were attached */
	usdt_probedef_t **probes;	/* by stub; NULL: removed */
	int told;			/* a helper had it at some time */
	int dof_wanted;			/* the helper gets it now, or a child
					 * has yet to hand it over */
	int withdrawn;			/* taken back because it is stale */
	int dof_taken;			/* the helper has it ... */
	int dof_generation;		/* ... under this number ... */
	char *device;			/* ... at this device */
	unsigned references;		/* the provider's and its probes' */
};

/* The provider's lists; only core/generations.c changes them. */
struct usdt__generations {
	struct usdt__generation *current;	/* newest first */
	struct usdt__generation *retired;
	struct usdt__generation *newest;	/* being enabled */
};

enum usdt__mode {
	USDT__DISABLED,
	USDT__ENABLED,			/* tracers see it */
	USDT__OFF,			/* enabled, but USDT_DISABLE was set */
	USDT__UNSUPPORTED		/* enabled, but this system has no
					 * tracer */
};

enum usdt__turning {			/* a call is about to ... */
	USDT__SETTLED,
	USDT__ENABLING,			/* make all of it visible */
	USDT__DISABLING			/* hide it */
};

struct usdt_provider_state {
	struct usdt__probeset set;
	struct usdt__structs structs;
	struct usdt__generations generations;
	struct usdt__arena *arena;	/* of all images; NULL: none yet */
	struct usdt_provider_state *next, **link;	/* in usdt__visible;
					 * link NULL: it is not in the list */
	const char *name, *module;	/* the provider's own */
	enum usdt__mode mode;
	int busy;			/* marked: a call changes it, and may
					 * lend the lock */
	enum usdt__turning turning;	/* what a child finishes */
	usdt_probedef_t **probes;	/* being enabled; freed after that */
	int vouched;			/* for its texts */
	int inherited;			/* a child has yet to register it */
	struct usdt__answer refusal;	/* by the helper, in a child; it has no
					 * text yet.  error 0: none */
	struct usdt__observer *observers;	/* all that it ever had */
	const struct usdt__observer *observer;	/* now, or NULL */
	struct usdt__why dof_why, sdt_why;	/* text "": success */
	char device[USDT_PATH_SIZE];	/* of the last enabling */
	char error[USDT__ERROR_SIZE];
};

/* Lay out a list of probes.  They don't use the generation yet, and it is
 * nowhere in memory yet.  Returns NULL if memory ran out. */
struct usdt__generation *usdt__generation_make(usdt_probedef_t *const *probes,
    size_t count, int notes, struct usdt__why *why);
/* Drop one reference.  The last one unmaps it. */
void usdt__generation_release(struct usdt__generation *generation);
/* Give its stubs to the probes of the list that it was made of ... */
void usdt__generation_adopt(struct usdt__generation *generation,
    usdt_probedef_t *const *probes);
/* ... and take a probe out of its generation, if it has one. */
void usdt__probe_leave(usdt_probedef_t *probedef);
/* Make the probes of a generation visible, or hide them. */
void usdt__generation_bind(const struct usdt__generation *generation);
void usdt__generation_unbind(const struct usdt__generation *generation);
/*
 * Prepare to hand its DOF to the helper at DEVICE; hand it over; take it back
 * if the helper has it.  The latter two lend the library's lock, so the caller
 * has marked the provider as busy.
 */
int usdt__generation_want_dof(struct usdt__generation *generation,
    const char *device, struct usdt__why *why);
int usdt__generation_add_dof(struct usdt__generation *generation,
    const char *module, struct usdt__why *why);
int usdt__generation_remove_dof(struct usdt__generation *generation,
    struct usdt__why *why);
/*
 * In a child that the helper does not know.  The helper had the parent's
 * document, or was receiving it: say whether the child's is WANTED, too.
 * Returns 1 if it now is.  Then add_inherited hands it over, with system calls
 * only.
 */
int usdt__generation_inherit_dof(struct usdt__generation *generation,
    int wanted);
int usdt__generation_add_inherited(struct usdt__generation *generation,
    const char *module, struct usdt__answer *answer);
void usdt__documents_forget(void);
/* Is a tracer attached to one of its stubs, even a removed probe's?  The
 * kernel's counts and DTrace's answers show it. */
int usdt__generation_is_traced(const struct usdt__generation *generation);
/* Record in all probes whether the helper has them. */
void usdt__generation_set_helper(struct usdt__generation *generation, int has);

/* --- core/by_image.c, core/by_pages.c: how do probes reach tracers? ------ */

/*
 * Some systems' tracers find probes by image files, others' by addresses.  Each
 * kind has such a struct.  All of this is called under the library's lock.
 */
struct usdt__delivery {
	int notes;			/* SDT notes make probes visible */

	/* Mark the current generations that this enabling lays out again, with
	 * NOTES or without.  Fails if the limit leaves no room for another. */
	int (*choose)(usdt_provider_t *provider, int notes,
	    struct usdt__why *why);
	/* Give a generation its stubs, gates and document; or replace it by a
	 * retired one with the same bytes. */
	int (*place)(usdt_provider_t *provider,
	    struct usdt__generation **generation,
	    const struct usdt__description *description,
	    struct usdt__why *why);
	/* Before the helper gets another document, which is not visible yet:
	 * take back documents that it may not have at the same time.  Returns
	 * 1 if nothing of the provider is visible now, 0 if nothing changed,
	 * or -1 on failure: nothing changed. */
	int (*make_way)(usdt_provider_t *provider, struct usdt__why *why);
	/* When all new documents are prepared: take back what is stale. */
	void (*withdraw)(usdt_provider_t *provider);
	/* Make the helper drop its records of a program that this process ran
	 * before.  WHY says what may be left. */
	int (*clear_stash)(const struct usdt__generation *generation,
	    const char *device, struct usdt__why *why);

	/* Can tracers find its file, and where?  PATH may be NULL. */
	int (*find)(const struct usdt__generation *generation,
	    char path[USDT_PATH_SIZE]);
	/* The count of memory mappings of a provider's images and
	 * tombstones. */
	size_t (*mappings)(const struct usdt_provider_state *state);

	/* Free what a generation that no probe uses has mapped, while its
	 * provider lives.  Returns -1 if that is impossible now. */
	int (*bury)(struct usdt__generation *generation);
	/* Its last reference is gone. */
	void (*drop)(struct usdt__generation *generation);
	/* The provider is being freed. */
	void (*leave)(struct usdt_provider_state *state);
	/* In a child, with system calls only: repair what the kernel did not
	 * copy. */
	void (*mend)(int forked);
};

/* A way: its file has a function of each of these names. */
#define USDT__DELIVERY(with_notes) { \
	.notes = (with_notes), \
	.place = place, \
	.drop = drop, \
	.bury = bury, \
	.find = find, \
	.choose = choose, \
	.make_way = make_way, \
	.withdraw = withdraw, \
	.clear_stash = clear_stash, \
	.leave = leave, \
	.mappings = mappings, \
	.mend = mend, \
}

extern const struct usdt__delivery usdt__by_pages;
/* This system's way. */
const struct usdt__delivery *usdt__delivery(void);

/* --- core/generations.c: which generations does a provider have? -------- */

/* How many probes have no stub, or one in a stale generation? */
size_t usdt__generations_missing(const usdt_provider_t *provider);
/* Collect these in the provider's list of probes, and their COUNT. */
int usdt__generations_collect(usdt_provider_t *provider, int notes,
    size_t *count, struct usdt__why *why);
/* Lay out the list as the newest generation, and place it. */
int usdt__generations_lay_out(usdt_provider_t *provider, size_t count,
    int notes, struct usdt__why *why);
int usdt__generations_place(usdt_provider_t *provider, struct usdt__why *why);
/* Retire stale generations, and make the newest one current ... */
void usdt__generations_adopt(struct usdt_provider_state *state);
/* ... or retire the newest one. */
void usdt__generations_give_up(struct usdt_provider_state *state);
/* Retire current ones without probes. */
void usdt__generations_retire_empty(usdt_provider_t *provider);
/* Take retired documents back from the helper, and drop the generations.
 * Tombstones replace images.  What fails now is tried again later. */
void usdt__generations_tidy(usdt_provider_t *provider);
/* Take a retired generation of these bytes off its list, to use it again; or
 * NULL. */
struct usdt__generation *usdt__generations_reuse(usdt_provider_t *provider,
    const uint8_t id[USDT__ID_SIZE]);
void usdt__generations_free(struct usdt_provider_state *state);
/* Make the probes of all current ones visible, or hide them. */
void usdt__generations_bind(const struct usdt_provider_state *state);
void usdt__generations_unbind(const struct usdt_provider_state *state);

/* --- core/error.c: what is the text of an error? ------------------------- */

/* Set the text of PROVIDER, or of this thread if it is NULL.  Returns -1. */
int usdt__fail(usdt_provider_t *provider, usdt_error_t error, ...);
/* The same for errors whose text names a probe. */
int usdt__fail_probe(usdt_provider_t *provider, usdt_error_t error,
    const usdt_probedef_t *probedef);

/* A failed call had a provider that the caller does not know: make its text
 * the thread's.  Returns -1. */
int usdt__fail_alike(const usdt_provider_t *provider);

/* --- core/observe.c: which function is called for each fire? ------------ */

/* On a system without tracers: bind the probes to the provider's observer, if
 * any. */
void usdt__observe_unsupported(usdt_provider_t *provider);
void usdt__observers_free(usdt_provider_t *provider);

/* --- core/definition.c: how is a probe made, and when does it go? ------- */

/* Drop one reference, under the lock. */
void usdt__probe_release(usdt_probedef_t *probedef);

/* --- core/slip.c: what in a definition looks like a slip? ---------------- */

/* Has a probe a type that looks misspelled?  TEXT says which. */
int usdt__slip_of_type(const usdt_probedef_t *probedef,
    char text[USDT_TEXT_SIZE]);
/* Do function and name look swapped? */
int usdt__slip_of_order(const usdt_probedef_t *probedef);
#define USDT__SWAPPED	"they look swapped; usdt_create_probe takes the " \
			"function first"
/* With USDT_DEBUG, print all slips. */
void usdt__slips_debug(const usdt_provider_t *provider);

/* --- core/visible.c: which providers do tracers see? -------------------- */

/* The list of providers that are enabled and visible, or about to be. */
extern struct usdt_provider_state *usdt__visible;
void usdt__list(struct usdt_provider_state *state);
void usdt__unlist(struct usdt_provider_state *state);
/* Does the list have another provider with its name? */
int usdt__visible_namesake(const struct usdt_provider_state *state);
/*
 * Finish enabling: the newest generation becomes current, and all become
 * visible.  With images this neither allocates nor frees memory.
 */
void usdt__show(struct usdt_provider_state *state);
/* Hide it: it was disabled, or enabling failed. */
void usdt__hide(struct usdt_provider_state *state);

/* --- core/deliver.c: when does the helper get a provider's documents? ---- */

/* Hand over the documents that the helper at DEVICE does not have. */
int usdt__deliver(usdt_provider_t *provider, const char *device,
    struct usdt__why *why);
/* Enabling failed: take back what the helper got, and keep the newest
 * generation for the next attempt. */
void usdt__deliver_undo(usdt_provider_t *provider);
/* Hide all probes and take all documents back; or fail and change nothing. */
int usdt__take_back(usdt_provider_t *provider, struct usdt__why *why);

/* --- core/child.c: what does a child have of its parent's providers? ---- */

/* Mend a child: for usdt__watch_fork. */
void usdt__child_mend(int forked);
/* Register inherited documents with the helper: all of them, or as long as the
 * helper is quick. */
void usdt__child_register(int patiently);
/* Don't register the provider any more. */
void usdt__child_disown(struct usdt_provider_state *state);

/* --- core/change.c: which call may change a provider now? --------------- */

/* Take the lock when no other thread changes PROVIDER. */
void usdt__lock_provider(usdt_provider_t *provider);
/* The same for a call that may lend the lock: no other call changes the
 * provider before usdt__end.  ASK: the call asks the helper anyway. */
void usdt__begin(usdt_provider_t *provider, int ask);
void usdt__end(usdt_provider_t *provider);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif /* USDT_PROVIDER_H */
