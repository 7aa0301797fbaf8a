/*
 * core/dof.h - the floor of documents: DOF, and the helper that gets it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
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
struct usdt__structs;

/* Code of the caller's, with a site of its own. */
struct usdt__code {
	size_t size;
	size_t site;			/* offset of its two nops ... */
	uint32_t site_size;		/* ... and their bytes */
	uint32_t nop;			/* as in struct usdt__stub */
	size_t at;			/* in its image, from the first stub */
	const char *operands;		/* as notes have them */
	uint8_t bytes[];		/* then the operands */
};

/*
 * Where the code lies that may begin at AT, from the first stub, which begins a
 * page.  The site is within a page of each size: a nop on two pages costs a
 * trap, or is refused.
 */
static inline size_t
usdt__code_place(const struct usdt__code *code, size_t at)
{
	at = usdt__align(at, 64);
	if ((at + code->site) % 4096 + code->site_size > 4096)
		at += 64;
	return at;
}

/*
 * Write a direct event with all of a probe's words, of which there are at least ARGC
 * or WORDS is NULL, and run through the stub if another tracer has the probe, too.
 */
typedef void usdt__recorder(const usdt_probedef_t *probedef, size_t argc,
    const usdt__word *words);

struct usdt_probe {		/* its gate is in the definition */
	const uint8_t *isenabled;	/* the stub's entry, or a function that
					 * knows the answer */
	const uint8_t *fire;		/* the stub's; it stays when the probe
					 * is hidden */
	uint16_t argc;
	uint16_t visible;	/* 1 + enum usdt__isenabled; 0: no tracer sees
				 * it */
	int32_t simple;		/* the fast path is taken if argc is greater;
				 * INT32_MAX: hidden, or observed */
	const struct usdt__observer *observer;
	uint32_t extended;	/* a bit for each argument whose type is signed
				 * and wider than a 32-bit machine's word */
	uint32_t texts;		/* a bit for each argument that is a text */
	const uint32_t *image_gate;	/* in the image, also while the gate of
				 * the definition is another one */
	const uint8_t *stubs;	/* the first stub of the image; only if it has
				 * direct sites */
	usdt__recorder *record;	/* with a reader of direct events */
	uintptr_t direct;	/* what a record's meta has of "fire" in such an
				 * image; 0: it is in none */
	uintptr_t plain;	/* usdt__stub_plain of its stub */
	const signed char *lengths;	/* for each argument, which one is its
				 * length, or -1; then for each the size of
				 * that one, negative if it is signed.  NULL:
				 * none has any */
	int vouched;		/* its provider vouches for its texts */
};

struct usdt_probe_state {
	struct usdt_probe probe;	/* first: it leads to the definition */
	uint32_t references;
	uint32_t hash;			/* of function and dof_name */
	uint32_t slot;			/* in the generation */
	usdt_provider_t *provider;	/* that has it, or NULL */
	struct usdt__generation *generation;	/* that has its stub */
	const char *dof_name;		/* name in DTrace's spelling */
	char *const *dof_types;		/* the types without names; then, if any
					 * is translated, the translated ones */
	struct usdt__code *code;	/* of the caller's, or NULL */
	uint8_t named;			/* an argument has a name */
	uint8_t translated;		/* a type is translated */
	usdt_probedef_t *next, *previous;	/* in order of adding */
	usdt_probedef_t *chain;		/* of the same bucket */
};

/* A probe is one block of memory. */
struct usdt__probe_block {
	usdt_probedef_t def;
	struct usdt_probe_state state;
	char *types[];		/* the caller's, dof_types, then what named
				 * arguments declare, then all texts */
};

/* The probe of a definition. */
static inline struct usdt_probe *
usdt__probe_of(const usdt_probedef_t *probedef)
{
	return &((struct usdt__probe_block *)(uintptr_t)probedef)->state.probe;
}

/* How many types does DOF have for a probe's arguments? */
static inline size_t
usdt__dof_type_count(const usdt_probedef_t *probedef)
{
	return probedef->state->translated ? 2 * probedef->argc :
	    probedef->argc;
}

/*
 * What argument INDEX declares.  A probe with a named argument has kept it, as
 * this processor has it, behind its types.
 */
static inline void
usdt__argument(const usdt_probedef_t *probedef, size_t index,
    const struct usdt__arch *arch, struct usdt__declarator *out)
{
	const struct usdt_probe_state *state = probedef->state;
	const void *kept = state->dof_types + usdt__dof_type_count(probedef);

	if (state->named && arch == usdt__native_arch())
		usdt__declarator_get(out,
		    (const struct usdt__kept_declarator *)kept + index,
		    probedef->types[index], arch);
	else	/* it was accepted before */
		usdt__declarator_parse(out, probedef->types[index], index,
		    arch, NULL);
}

/* Do two probes have the same type strings? */
static inline int
usdt__same_arguments(const usdt_probedef_t *a, const usdt_probedef_t *b)
{
	size_t i;

	for (i = 0; a->argc == b->argc && i < a->argc; i++)
		if (strcmp(a->types[i], b->types[i]) != 0)
			return 0;
	return a->argc == b->argc;
}

/*
 * A probe's measures.  They are kept, because reading a hundred thousand probes
 * takes longer than adding up their sizes.
 */
struct usdt__extent {
	uint32_t function, name;	/* bytes of DOF's strings */
	uint32_t strings;		/* of these and the types' */
	uint32_t note_name;		/* of the name in the notes' spelling */
	uint16_t argc;
	uint8_t same_function;		/* as the probe before */
	uint8_t same_types;
	uint8_t same_arguments;		/* in a typed image: and names */
};

/*
 * What a document describes: pure data, owned by the caller.
 *
 * Probes of one name share a gate.  Tracers that read notes see them as one
 * probe in several places, and some (bcc) count only the first semaphore.
 */
struct usdt__description {
	const char *provider;
	const char *module;
	size_t count;
	usdt_probedef_t *const *probes;
	size_t gate_count;
	const uint32_t *gate_of;	/* each probe's; NULL: 0, 1, 2 ... */
	struct usdt__extent *extents;	/* each probe's, which usdt__dof_layout
					 * fills; NULL: measured each time */
	const struct usdt__structs *structs;	/* NULL: none is declared */
	int typed;			/* it has structs, or named arguments */
};

/* --- core/struct.c: which structs has a provider declared? --------------- */

#define USDT__STRUCT_SIZE_MAX	((size_t)1 << 24)	/* bytes */

struct usdt__field {
	struct usdt__declarator declarator;	/* always with a name */
	size_t offset;
	size_t size;			/* of all elements of an array */
	const struct usdt__struct *of;	/* that it is made of; NULL: none.  A
					 * pointer's: see usdt__structs_find */
	uint32_t padding;		/* bytes before it that a compiler does
					 * not leave by itself */
};

struct usdt__struct {
	struct usdt__struct *next;	/* in the order of declaring */
	struct usdt__struct *chain;	/* of the same bucket */
	const char *name;
	size_t size;
	size_t align;			/* that compilers give to its text */
	uint8_t packed;			/* which needs that attribute */
	uint32_t padding;		/* bytes behind the last field, if a
					 * compiler does not leave them */
	size_t count;			/* at least 1 */
	struct usdt__field fields[];	/* by offset */
};

#define USDT__STRUCT_BUCKETS	64
struct usdt__structs {
	struct usdt__struct *first, *last;
	size_t count;
	struct usdt__struct *buckets[USDT__STRUCT_BUCKETS];
};

/* The one with the first LENGTH bytes of NAME as its name; or NULL, as if
 * STRUCTS is NULL. */
const struct usdt__struct *usdt__structs_find(
    const struct usdt__structs *structs, const char *name, size_t length);
/* Copy a caller's table.  Returns 0, also if it is there already, or -1. */
int usdt__structs_add(struct usdt__structs *structs,
    const struct usdt__arch *arch, const char *name, size_t size, size_t count,
    const usdt_field_t *fields, struct usdt__why *why);
void usdt__structs_free(struct usdt__structs *structs);

/* --- core/sink.c: how do the bytes of a document leave their builder? --- */

struct usdt__sink {
	uint8_t *buffer;	/* aligned to 8 bytes */
	size_t size;		/* of it: whole words, or the document's */
	size_t used;
	size_t before;		/* bytes that have left it */
	/* Accept the next bytes: whole words, except at the end.  If it returns
	 * anything but 0, the sink drops the rest.  NULL: all stays in the
	 * buffer. */
	int (*drain)(struct usdt__sink *sink, const uint8_t *bytes,
	    size_t size);
	int failed;
};

/* Make room for SIZE bytes in one piece.  They must fit in the buffer. */
void usdt__sink_make_room(struct usdt__sink *sink, size_t size);
/* Write bytes that do not fit in the buffer at once. */
void usdt__sink_write_parts(struct usdt__sink *sink, const void *bytes,
    size_t size);
/* Write zeros up to an offset. */
void usdt__sink_pad(struct usdt__sink *sink, size_t at);
/* Drain what is left.  Returns -1 if drain refused any bytes. */
int usdt__sink_end(struct usdt__sink *sink);

/* The next SIZE bytes in one piece, to be filled.  They must fit in the
 * buffer. */
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

/* Write any number of bytes. */
static inline void
usdt__sink_write(struct usdt__sink *sink, const void *bytes, size_t size)
{
	if (sink->size - sink->used < size) {
		usdt__sink_write_parts(sink, bytes, size);
	} else {
		memcpy(sink->buffer + sink->used, bytes, size);
		sink->used += size;
	}
}

/* Write a string with its zero. */
static inline void
usdt__sink_string(struct usdt__sink *sink, const char *string)
{
	usdt__sink_write(sink, string, strlen(string) + 1);
}

/* The offset of the next byte. */
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
	USDT__DOF_RELTAB,	/* these two only if the row relocates */
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

/* Take a probe's measures. */
void usdt__extent_measure(const struct usdt__description *description,
    size_t index, struct usdt__extent *extent);

/* A probe's measures, kept or now TAKEN. */
static inline const struct usdt__extent *
usdt__extent_of(const struct usdt__description *description, size_t index,
    struct usdt__extent *taken)
{
	if (description->extents != NULL)
		return &description->extents[index];
	usdt__extent_measure(description, index, taken);
	return taken;
}

/*
 * Write a probe's name as notes have it, with its zero: extent->note_name
 * bytes.  Most names are the same in DTrace's spelling and in this one, and so
 * are the caller's: only then both have the same length.
 */
static inline void
usdt__put_note_name(const usdt_probedef_t *probedef,
    const struct usdt__extent *extent, uint8_t *out)
{
	if (extent->name == extent->note_name)
		memcpy(out, probedef->name, extent->note_name);
	else
		usdt__name_note(probedef->name, (char *)out);
}

/* Lay out.  Fails only if the system accepts no document of that size. */
int usdt__dof_layout(struct usdt__dof *dof,
    const struct usdt__description *description,
    const struct usdt__platform *row, const struct usdt__arch *arch,
    struct usdt__why *why);

/*
 * Write a document of dof->size bytes to OUT, which is aligned to 8 bytes.
 * FIRST is the address of the first probe's stub; the other stubs follow it.
 * ADDRESS is the document's own.  If the row relocates, both are relative to
 * dofhp_addr.
 */
void usdt__dof_write(const struct usdt__dof *dof,
    const struct usdt__sites *sites, uint64_t first, uint64_t address,
    uint8_t *out);
/* The same to a sink. */
void usdt__dof_emit(const struct usdt__dof *dof,
    const struct usdt__sites *sites, uint64_t first, uint64_t address,
    struct usdt__sink *sink);

/* --- usdt_dof_file.c: how does DOF reach the helper device? ------------- */

/* The helper's answer.  It has no text, so that forked children can keep it. */
struct usdt__answer {
	int error;			/* an errno; 0: success */
	int opened;			/* the device could be opened */
	long seconds;			/* until the answer */
};

/*
 * Call all of this under the library's lock, which other threads may take while
 * the helper works.
 *
 * Hand over the document at DOF.  It is relative to ADDRESS.  Only system
 * calls.  Returns 0, or -1 with the errno in ANSWER.
 */
int usdt__helper_add(const struct usdt__platform *row, const char *device,
    const char *module, const void *address, const void *dof,
    int *generation, struct usdt__answer *answer);

/* Take it back.  Succeeds if the device is gone: it then holds nothing. */
int usdt__helper_remove(const struct usdt__platform *row, const char *device,
    int generation, struct usdt__answer *answer);

/* Why the helper refused, as a text; WHY may be NULL.  Returns -1. */
int usdt__helper_explain(const struct usdt__platform *row, const char *device,
    const struct usdt__answer *answer, struct usdt__why *why);

/* Did its last answer take less than a second?  0 if it gave none yet. */
int usdt__helper_is_quick(void);
/* The seconds that its last answer took, or -1 if it gave none yet. */
long usdt__helper_took(void);
/* In a child: forget the thread of the parent that was asking. */
void usdt__helper_forget(int forked);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif /* USDT_DOF_H */
