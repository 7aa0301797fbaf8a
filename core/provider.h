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

/* Who is called for each fire in this process. */
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

/* --- core/generation.c: what is laid out together? ---------------------- */

#define USDT__ERROR_SIZE	(USDT_TEXT_SIZE + 64)

struct usdt__generation {
	struct usdt__generation *next;	/* of this provider, newest first */
	struct usdt__image *image;	/* where the row has images ... */
	struct usdt__pages pages;	/* ... and where it has not */
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
	int stale;			/* this enabling lays it out anew ... */
	int overdue;			/* ... as one had to before, but for
					 * those who were attached */
	usdt_probedef_t **probes;	/* by stub; NULL: removed */
	int told;			/* a helper has ever had it */
	int dof_wanted;			/* the helper is to have it: it is being
					 * told, or a child has yet to tell it */
	int withdrawn;			/* it had it, when it became stale */
	int dof_taken;			/* the helper has it ... */
	int dof_generation;		/* ... under this number ... */
	char *device;			/* ... at this device */
	unsigned references;		/* the provider's and its probes' */
};

enum usdt__idle {			/* enabled, but nothing is visible: */
	USDT__IDLE_NOT,
	USDT__IDLE_DISABLED,		/* USDT_DISABLE is set */
	USDT__IDLE_UNSUPPORTED		/* there is no tracer on this system */
};

enum usdt__turning {			/* a call is about to ... */
	USDT__SETTLED,
	USDT__ENABLING,			/* make all of it visible */
	USDT__DISABLING			/* hide it */
};

struct usdt_provider_state {
	struct usdt__probeset set;
	struct usdt__generation *current, *retired;
	struct usdt__arena *arena;	/* of all images; NULL: none yet */
	struct usdt_provider_state *next, **link;	/* of all that are
					 * enabled or about to be; link NULL:
					 * it is none of them */
	const char *name, *module;	/* the provider's own */
	int enabled;
	enum usdt__idle idle;
	int busy;			/* marked: a call changes it, and may
					 * have lent the lock */
	enum usdt__turning turning;	/* what a child is to finish */
	struct usdt__generation *newest;	/* that is being enabled ... */
	usdt_probedef_t **probes;	/* ... for these, a list to be freed */
	int inherited;			/* a child has yet to tell the helper */
	struct usdt__answer refusal;	/* what it answered to a child, of which
					 * no text was made yet; error 0: none */
	struct usdt__observer *observers;	/* all that there were */
	const struct usdt__observer *observer;	/* now, or NULL */
	struct usdt__why dof_why, sdt_why;	/* text "": taken */
	char device[USDT_PATH_SIZE];	/* of the last enabling */
	char error[USDT__ERROR_SIZE];
};

/* A generation for a list of probes, which do not use it yet, or NULL. */
struct usdt__generation *usdt__generation_make(usdt_provider_t *provider,
    usdt_probedef_t *const *probes, size_t count, int notes,
    struct usdt__why *why);
/* Drop one reference; with the last it is unmapped. */
void usdt__generation_release(struct usdt__generation *generation);
/* Put a generation that no probe uses with the retired ones. */
void usdt__generation_keep(usdt_provider_t *provider,
    struct usdt__generation *generation);
/* Move the generation that LINK leads to from the current to the retired. */
void usdt__generation_retire(usdt_provider_t *provider,
    struct usdt__generation **link);
/* Give each probe of the list that it was made for its stub ... */
void usdt__generation_adopt(struct usdt__generation *generation,
    usdt_probedef_t *const *probes);
/* ... and take a probe out of the generation that it has one in, if any. */
void usdt__probe_leave(usdt_probedef_t *probedef);
/* Make the probes of a generation visible, or not. */
void usdt__generation_bind(const struct usdt__generation *generation);
void usdt__generation_unbind(const struct usdt__generation *generation);
/* Take what is retired back from the helper, and drop it: where there are images
 * tombstones take their places.  What can't be done now is left for later. */
void usdt__generations_tidy(usdt_provider_t *provider);
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

/* --- core/error.c: what is the text of an error? ------------------------- */

/* Set the text of PROVIDER, or of this thread if it is NULL.  Return -1. */
int usdt__fail(usdt_provider_t *provider, usdt_error_t error, ...);
/* The same for errors whose text names a probe. */
int usdt__fail_probe(usdt_provider_t *provider, usdt_error_t error,
    const usdt_probedef_t *probedef);

/* --- core/observe.c: who is called for each fire in this process? ------- */

/* Of a provider on a system without tracers: have its probes observed, if
 * anybody wants to. */
void usdt__observe_unsupported(usdt_provider_t *provider);
void usdt__observers_free(usdt_provider_t *provider);

/* --- core/whole.c: does who takes one call take all of the library? ------ */

extern void (*const usdt__whole[])(void);

/* Once in each room that has calls. */
#define USDT__WHOLE \
	static void (*const *const the_whole)(void) __attribute__((used)) = \
	    usdt__whole

/* --- usdt.c: what is the life of a provider? ---------------------------- */

/* Take the lock when no other thread changes PROVIDER. */
void usdt__lock_provider(usdt_provider_t *provider);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif /* USDT_PROVIDER_H */
