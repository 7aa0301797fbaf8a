/*
 * core/dof.h - the floor of documents: DOF, and the helper that gets it.
 */
#ifndef USDT_DOF_H
#define USDT_DOF_H

#include "core/platform.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* --- a probe, as all rooms from here on know it -------------------------- */

struct usdt__generation;
struct usdt__observer;

struct usdt_probe {		/* its gate is in the definition */
	const uint8_t *isenabled;	/* the stub's entries; they stay when */
	const uint8_t *fire;		/* it is hidden */
	uint16_t argc;
	uint16_t visible;	/* 1 + enum usdt__isenabled; 0: to no tracer */
	int32_t simple;		/* the fast path is taken if argc is greater;
				 * INT32_MAX: hidden, or observed */
	const struct usdt__observer *observer;
};

struct usdt_probe_state {
	struct usdt_probe probe;	/* first: it leads to the definition */
	uint32_t references;
	uint32_t hash;			/* of function and dof_name */
	uint32_t slot;			/* in the generation */
	usdt_provider_t *provider;	/* that it is in, or NULL */
	struct usdt__generation *generation;	/* that it has a stub in */
	const char *dof_name;		/* name in DTrace's spelling */
	char *const *dof_types;		/* the types without names; if some are
					 * translated, to what, follows */
	uint8_t named;			/* an argument has a name */
	uint8_t translated;		/* a type is translated */
	usdt_probedef_t *next, *previous;	/* in order of adding */
	usdt_probedef_t *chain;		/* of the same bucket */
};

/* Of a probe, all is one block. */
struct usdt__probe_block {
	usdt_probedef_t def;
	struct usdt_probe_state state;
	char *types[];		/* the caller's, dof_types, then all texts */
};

/* How many types has DOF for a probe's arguments? */
static inline size_t
usdt__dof_type_count(const usdt_probedef_t *probedef)
{
	return probedef->state->translated ? 2 * probedef->argc :
	    probedef->argc;
}

/*
 * What is measured of a probe, since to look at a hundred thousand takes longer
 * than to add up their sizes.
 */
struct usdt__extent {
	uint32_t function, name;	/* bytes of DOF's strings */
	uint32_t strings;		/* of these and the types' */
	uint32_t note_name;		/* of the name as notes spell it */
	uint16_t argc;
	uint8_t same_function;		/* it is that of the probe before */
	uint8_t same_types;		/* these are, too */
};

/*
 * What a document describes: pure data, owned by the caller.
 *
 * Probes of one name share a gate.  To tracers that read notes they are one
 * probe in several places, and some (bcc) count only the first one's
 * semaphore.
 */
struct usdt__description {
	const char *provider;
	const char *module;
	size_t count;
	usdt_probedef_t *const *probes;
	size_t gate_count;
	const uint32_t *gate_of;	/* each probe's; NULL: 0, 1, 2 ... */
	struct usdt__extent *extents;	/* each probe's, for usdt__dof_layout to
					 * fill in; NULL: measured each time */
};

/* --- core/sink.c: how do the bytes of a document leave their builder? --- */

struct usdt__sink {
	uint8_t *buffer;	/* aligned to 8 bytes */
	size_t size;		/* of it: whole words, or the document's */
	size_t used;
	size_t before;		/* bytes that have left it */
	/* Accept the next bytes: whole words, but for the last ones.  If it
	 * does not return 0 the rest is dropped.  NULL: all stays in the
	 * buffer. */
	int (*drain)(struct usdt__sink *sink, const uint8_t *bytes,
	    size_t size);
	int failed;
};

/* Make room for SIZE bytes in one piece; few enough for the buffer. */
void usdt__sink_make_room(struct usdt__sink *sink, size_t size);
/* Write any number of bytes, or zeros up to an offset. */
void usdt__sink_write(struct usdt__sink *sink, const void *bytes, size_t size);
void usdt__sink_pad(struct usdt__sink *sink, size_t at);
/* Drain what is left.  Returns -1 if any was not taken. */
int usdt__sink_end(struct usdt__sink *sink);

/* The next SIZE bytes in one piece, to be filled; few enough for the buffer. */
static inline uint8_t *
usdt__sink_room(struct usdt__sink *sink, size_t size)
{
	uint8_t *room;

	if (sink->size - sink->used < size)
		usdt__sink_make_room(sink, size);
	room = sink->buffer + sink->used;
	sink->used += size;
	return room;
}

/* Write a string with its zero. */
static inline void
usdt__sink_string(struct usdt__sink *sink, const char *string)
{
	size_t size = strlen(string) + 1;

	if (sink->size - sink->used < size) {
		usdt__sink_write(sink, string, size);
	} else {
		memcpy(sink->buffer + sink->used, string, size);
		sink->used += size;
	}
}

/* The offset of what comes next. */
static inline size_t
usdt__sink_at(const struct usdt__sink *sink)
{
	return sink->before + sink->used;
}

/* --- usdt_dof.c: which bytes describe a provider as DOF? ---------------- */

enum usdt__dof_section {	/* ORDER SECTIONS; 0 may not be PRENOFFS */
	USDT__DOF_STRTAB,
	USDT__DOF_PROBES,
	USDT__DOF_PRARGS,
	USDT__DOF_PROFFS,
	USDT__DOF_PRENOFFS,
	USDT__DOF_PROVIDER,
	USDT__DOF_RELTAB,	/* these two only where the row relocates */
	USDT__DOF_URELHDR,
	USDT__DOF_SECTIONS
};

struct usdt__dof {
	const struct usdt__description *description;
	const struct usdt__platform *row;
	const struct usdt__arch *arch;
	size_t sections;
	size_t offsets;		/* entries in PROFFS and in PRENOFFS each */
	size_t offset_of[USDT__DOF_SECTIONS];
	size_t size_of[USDT__DOF_SECTIONS];
	size_t size;		/* of the document */
};

/* A probe's measures; SCRATCH may be used for them. */
const struct usdt__extent *usdt__extent_of(
    const struct usdt__description *description, size_t index,
    struct usdt__extent *scratch);

/* Lay out.  Fails only if the system takes no document of that size. */
int usdt__dof_layout(struct usdt__dof *dof,
    const struct usdt__description *description,
    const struct usdt__platform *row, const struct usdt__arch *arch,
    struct usdt__why *why);

/*
 * Write a document of dof->size bytes to OUT, which is aligned to 8 bytes.
 * FIRST is the address of the first probe's stub, those of the others
 * follow; ADDRESS the document's own.  Where the row relocates both are
 * relative to what the helper is told as dofhp_addr.
 */
void usdt__dof_write(const struct usdt__dof *dof,
    const struct usdt__sites *sites, uint64_t first, uint64_t address,
    uint8_t *out);
/* The same to a sink. */
void usdt__dof_emit(const struct usdt__dof *dof,
    const struct usdt__sites *sites, uint64_t first, uint64_t address,
    struct usdt__sink *sink);

/* --- usdt_dof_file.c: how does DOF reach the helper device? ------------- */

/* What came of asking it, as forked children can keep it: no text. */
struct usdt__answer {
	int error;			/* an errno; 0: it did as it was told */
	int opened;			/* the device could be opened */
	long seconds;			/* that it took */
};

/*
 * All of this is under the library's lock, which others may have while the
 * helper is at work.
 *
 * Hand over the document at DOF.  ADDRESS is what the document is relative
 * to.  Only system calls.  Returns 0, or -1 with the errno in ANSWER.
 */
int usdt__helper_add(const struct usdt__platform *row, const char *device,
    const char *module, const void *address, const void *dof,
    int *generation, struct usdt__answer *answer);

/* Take it back.  A device that is gone holds nothing: that is success. */
int usdt__helper_remove(const struct usdt__platform *row, const char *device,
    int generation, struct usdt__answer *answer);

/* Why the helper refused, as a text; WHY may be NULL.  Returns -1. */
int usdt__helper_explain(const struct usdt__platform *row, const char *device,
    const struct usdt__answer *answer, struct usdt__why *why);

/* Did its last answer take less than a second?  0 as well if there was none. */
int usdt__helper_is_quick(void);
/* The seconds that it took, or -1: there was none. */
long usdt__helper_took(void);
/* In a child, where nobody is asking any more. */
void usdt__helper_forget(int forked);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif /* USDT_DOF_H */
