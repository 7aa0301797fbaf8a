/*
 * core/provider.h - the highest floor: the state of probes and providers.
 */
#ifndef USDT_PROVIDER_H
#define USDT_PROVIDER_H

#include "image/image.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* --- usdt_probe.c: how is a probe tested and fired? --------------------- */

/* A function that is called for each fire in this process. */
struct usdt__observer {
	struct usdt__observer *next;	/* of this provider's */
	usdt_observer_t *call;
	void *data;
};

/*
 * Make a probe visible, or not: at once for every thread.  With an OBSERVER it
 * is enabled; without a STUB no tracer sees it; without a GATE its stub is
 * always asked.
 */
void usdt__probe_bind(usdt_probedef_t *probedef, const uint32_t *gate,
    const uint8_t *stub, const struct usdt__observer *observer);
void usdt__probe_unbind(usdt_probedef_t *probedef);

/* Say to a gate whether a DTrace helper has its probe. */
void usdt__gate_set_helper(uint32_t *gate, int has);
/* Does the kernel count a tracer there? */
int usdt__gate_is_counted(const uint32_t *gate);
/* Does DTrace say that it is, also after a helper has taken it back? */
int usdt__stub_is_enabled(const uint8_t *stub);

/* --- core/probeset.c: which probes has a provider? ---------------------- */

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
 * Number the names of a list of probes: probes of one name get one number,
 * from 0, in order of appearance.  Returns how many, or 0: no memory.
 */
size_t usdt__number_names(usdt_probedef_t *const *probes, size_t count,
    uint32_t *number);

/* --- core/generation.c: which probes are laid out together? ------------- */

#define USDT__ERROR_SIZE	(USDT_TEXT_SIZE + 64)

struct usdt__generation {
	struct usdt__generation *next;	/* of this provider, newest first */
	struct usdt__image *image;	/* if the row has images ... */
	struct usdt__pages pages;	/* ... or if it has none */
	uint8_t id[USDT__ID_SIZE];	/* of an image's bytes */
	const uint8_t *address;		/* what the DOF is relative to */
	const uint8_t *document;
	const uint8_t *stubs;
	uint32_t *gates;		/* NULL: the helper is always asked */
	size_t gate_count;
	uint32_t *gate_of;		/* each stub's; NULL: 0, 1, 2 ... */
	size_t count;			/* stubs */
	size_t live;			/* probes that have one */
	int notes;			/* the image has SDT notes */
	int stale;			/* this enabling lays it out again */
	int overdue;			/* an enabling would have, but tracers
					 * were attached */
	usdt_probedef_t **probes;	/* by stub; NULL: removed */
	int told;			/* a helper has ever had it */
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
	struct usdt__generation *newest;	/* that is being enabled */
};

enum usdt__mode {
	USDT__DISABLED,
	USDT__ENABLED,			/* tracers see it */
	USDT__OFF,			/* enabled, but USDT_DISABLE was set */
	USDT__UNSUPPORTED		/* enabled, but no tracer is on this
					 * system */
};

enum usdt__turning {			/* a call is about to ... */
	USDT__SETTLED,
	USDT__ENABLING,			/* make all of it visible */
	USDT__DISABLING			/* hide it */
};

struct usdt_provider_state {
	struct usdt__probeset set;
	struct usdt__generations generations;
	struct usdt__arena *arena;	/* of all images; NULL: none yet */
	struct usdt_provider_state *next, **link;	/* of usdt__visible;
					 * link NULL: it is not in the list */
	const char *name, *module;	/* the provider's own */
	enum usdt__mode mode;
	int busy;			/* marked: a call changes it, and may
					 * lend the lock */
	enum usdt__turning turning;	/* what a child is to finish */
	usdt_probedef_t **probes;	/* that are being enabled, a list to be
					 * freed */
	int inherited;			/* a child has yet to register it */
	struct usdt__answer refusal;	/* the helper's to a child, without a
					 * text yet; error 0: none */
	struct usdt__observer *observers;	/* all that it ever had */
	const struct usdt__observer *observer;	/* now, or NULL */
	struct usdt__why dof_why, sdt_why;	/* text "": taken */
	char device[USDT_PATH_SIZE];	/* of the last enabling */
	char error[USDT__ERROR_SIZE];
};

/* Lay out a list of probes.  They do not use it yet, and it has no place yet.
 * Returns NULL if memory ran out. */
struct usdt__generation *usdt__generation_make(usdt_probedef_t *const *probes,
    size_t count, int notes, struct usdt__why *why);
/* Drop one reference; with the last it is unmapped. */
void usdt__generation_release(struct usdt__generation *generation);
/* Give each probe of the list that it was made for its stub ... */
void usdt__generation_adopt(struct usdt__generation *generation,
    usdt_probedef_t *const *probes);
/* ... and take a probe out of the generation that it has one in, if any. */
void usdt__probe_leave(usdt_probedef_t *probedef);
/* Make the probes of a generation visible, or not. */
void usdt__generation_bind(const struct usdt__generation *generation);
void usdt__generation_unbind(const struct usdt__generation *generation);
/*
 * Its DOF is to be handed to the helper at DEVICE; hand it over; take it back
 * if the helper has it.  During the latter two others have the library's lock,
 * and keep away from a provider that is marked as busy.
 */
int usdt__generation_want_dof(struct usdt__generation *generation,
    const char *device, struct usdt__why *why);
int usdt__generation_add_dof(struct usdt__generation *generation,
    const char *module, struct usdt__why *why);
int usdt__generation_remove_dof(struct usdt__generation *generation,
    struct usdt__why *why);
/*
 * In a child of which the helper knows nothing: what its parent had there, or
 * was just handing over, is WANTED here, or not.  Returns whether it is.  Then
 * it can be handed over, with system calls only.
 */
int usdt__generation_inherit_dof(struct usdt__generation *generation,
    int wanted);
int usdt__generation_add_inherited(struct usdt__generation *generation,
    const char *module, struct usdt__answer *answer);
void usdt__documents_forget(void);
/* Is a tracer attached to one of its stubs, be it a removed probe's, as far as
 * the kernel counts and DTrace answers? */
int usdt__generation_is_traced(const struct usdt__generation *generation);
/* Say to all gates whether the helper has their probes. */
void usdt__generation_set_helper(struct usdt__generation *generation, int has);

/* --- core/by_image.c, core/by_pages.c: how do probes reach tracers? ------ */

/*
 * One way for systems whose tracers go by image files, another for those that
 * go by addresses.  All of this is under the library's lock.
 */
struct usdt__delivery {
	int notes;			/* SDT notes make probes visible */

	/* Mark the current generations that an enabling lays out again, with
	 * NOTES or without.  Fails if there is no room for one more. */
	int (*choose)(usdt_provider_t *provider, int notes,
	    struct usdt__why *why);
	/* Give a generation its stubs, gates and document; or put a retired one
	 * with the same bytes in its place. */
	int (*place)(usdt_provider_t *provider,
	    struct usdt__generation **generation,
	    const struct usdt__description *description,
	    struct usdt__why *why);
	/* Before the helper gets another document, with nothing visible yet:
	 * take back what may not stand beside it.  Returns 1 if nothing of the
	 * provider is visible now, 0 if all is as it was, or -1, and all is,
	 * too. */
	int (*make_way)(usdt_provider_t *provider, struct usdt__why *why);
	/* When all has been marked: take back what is stale. */
	void (*withdraw)(usdt_provider_t *provider);
	/* Have the helper drop what it keeps of a program that this process was
	 * before.  WHY says what may be left. */
	int (*clear_stash)(const struct usdt__generation *generation,
	    const char *device, struct usdt__why *why);

	/* Can tracers find its file, and where?  PATH may be NULL. */
	int (*find)(const struct usdt__generation *generation,
	    char path[USDT_PATH_SIZE]);
	/* The memory mappings of a provider's images, with what is left of
	 * others. */
	size_t (*mappings)(const struct usdt_provider_state *state);

	/* Let go of the place of a generation that no probe uses, while its
	 * provider lives.  Returns -1 if that can't be done now. */
	int (*bury)(struct usdt__generation *generation);
	/* Its last reference has gone. */
	void (*drop)(struct usdt__generation *generation);
	/* The provider goes. */
	void (*leave)(struct usdt_provider_state *state);
	/* In a child, with system calls only: make up for what kernels did not
	 * copy. */
	void (*mend)(int forked);
};

extern const struct usdt__delivery usdt__by_pages;
/* The way of this system. */
const struct usdt__delivery *usdt__delivery(void);

/* --- core/generations.c: which generations does a provider have? -------- */

/* How many probes have no stub, or one that is to be laid out again? */
size_t usdt__generations_missing(const usdt_provider_t *provider);
/* Put these and their COUNT into the provider's list of probes. */
int usdt__generations_collect(usdt_provider_t *provider, int notes,
    size_t *count, struct usdt__why *why);
/* Lay out the list as the newest generation, and place it. */
int usdt__generations_lay_out(usdt_provider_t *provider, size_t count,
    int notes, struct usdt__why *why);
int usdt__generations_place(usdt_provider_t *provider, struct usdt__why *why);
/* Retire what is stale, and make the newest one current ... */
void usdt__generations_adopt(struct usdt_provider_state *state);
/* ... or retire that. */
void usdt__generations_give_up(struct usdt_provider_state *state);
/* Retire current ones without probes. */
void usdt__generations_retire_empty(usdt_provider_t *provider);
/* Take what is retired back from the helper, and drop it.  Tombstones replace
 * images.  What can't be done now is left for later. */
void usdt__generations_tidy(usdt_provider_t *provider);
/* A retired generation of these bytes, off the list, to be used again; or
 * NULL. */
struct usdt__generation *usdt__generations_reuse(usdt_provider_t *provider,
    const uint8_t id[USDT__ID_SIZE]);
void usdt__generations_free(struct usdt_provider_state *state);
/* Make the probes of all current ones visible, or not. */
void usdt__generations_bind(const struct usdt_provider_state *state);
void usdt__generations_unbind(const struct usdt_provider_state *state);

/* --- core/error.c: what is the text of an error? ------------------------- */

/* Set the text of PROVIDER, or of this thread if it is NULL.  Return -1. */
int usdt__fail(usdt_provider_t *provider, usdt_error_t error, ...);
/* The same for errors whose text names a probe. */
int usdt__fail_probe(usdt_provider_t *provider, usdt_error_t error,
    const usdt_probedef_t *probedef);

/* --- core/observe.c: which function is called for each fire? ------------ */

/* On a system without tracers: bind the probes to the provider's observer, if
 * it has one. */
void usdt__observe_unsupported(usdt_provider_t *provider);
void usdt__observers_free(usdt_provider_t *provider);

/* --- core/definition.c: how is a probe made, and when does it go? ------- */

/* Drop one reference, under the lock. */
void usdt__probe_release(usdt_probedef_t *probedef);

/* --- core/visible.c: which providers do tracers see? -------------------- */

/* All that are enabled and visible, or about to be. */
extern struct usdt_provider_state *usdt__visible;
void usdt__list(struct usdt_provider_state *state);
void usdt__unlist(struct usdt_provider_state *state);
/* Is another one with its name there? */
int usdt__visible_namesake(const struct usdt_provider_state *state);
/*
 * Finish enabling: the newest generation becomes current, and all become
 * visible.  Where there are images no memory is taken or given back.
 */
void usdt__show(struct usdt_provider_state *state);
/* It is not visible any more, or was not after all. */
void usdt__hide(struct usdt_provider_state *state);

/* --- core/deliver.c: when does the helper get a provider's documents? ---- */

/* Hand over what the helper at DEVICE does not have. */
int usdt__deliver(usdt_provider_t *provider, const char *device,
    struct usdt__why *why);
/* Enabling failed: take back what the helper got, and keep the newest
 * generation for the next attempt. */
void usdt__deliver_undo(usdt_provider_t *provider);
/* Hide all probes and take all documents back; or fail, with all as it was. */
int usdt__take_back(usdt_provider_t *provider, struct usdt__why *why);

/* --- core/child.c: what does a child have of its parent's providers? ---- */

/* Mend a child: usdt__watch_fork is given this. */
void usdt__child_mend(int forked);
/* Register what was inherited with the helper: all of it, or as long as the
 * helper is quick. */
void usdt__child_register(int patiently);
/* The provider is to be registered no more. */
void usdt__child_disown(struct usdt_provider_state *state);

/* --- core/change.c: which call may change a provider now? --------------- */

/* Take the lock when no other thread changes PROVIDER. */
void usdt__lock_provider(usdt_provider_t *provider);
/* The same for a call that may have to lend the lock: until it ends no other
 * one changes the provider.  ASK: it asks the helper anyway. */
void usdt__begin(usdt_provider_t *provider, int ask);
void usdt__end(usdt_provider_t *provider);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif /* USDT_PROVIDER_H */
