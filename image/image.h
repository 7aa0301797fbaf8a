/*
 * image/image.h - the floor of images, and of pages where there are none.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef USDT_IMAGE_H
#define USDT_IMAGE_H

#include "core/dof.h"
#include "core/direct.h"
#include "core/instructions.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#endif

/* --- image/types.c: which text of C declares structs and probes? --------- */

/* Write the contents of .usdt.types, with a zero at the end. */
void usdt__types_emit(const struct usdt__description *description,
    const struct usdt__arch *arch, struct usdt__sink *sink);
/* Its size, with that. */
size_t usdt__types_size(const struct usdt__description *description,
    const struct usdt__arch *arch);

/* --- image/dwarf.c: how are probes and structs described to debuggers? --- */

#define USDT__DWARF_KINDS	12	/* types that all units have */
#define USDT__DWARF_POINTER	6	/* bytes of a pointer type */
#define USDT__DWARF_ARANGES(word)	\
	(usdt__align(12, 2 * (word)) + 4 * (word))

struct usdt__dwarf {
	const struct usdt__description *description;
	const struct usdt__arch *arch;
	size_t abbrev_size, info_size;
	/* Offsets of types in .debug_info. */
	uint32_t kinds[USDT__DWARF_KINDS];
	uint32_t void_pointer, kind_pointers, char_pointers;
	uint32_t pointers;		/* to structs, one after another */
	uint32_t structs[USDT_STRUCT_MAX];
};

void usdt__dwarf_layout(struct usdt__dwarf *dwarf,
    const struct usdt__description *description,
    const struct usdt__arch *arch, const struct usdt__stub *stub);
/* Write the sections.  The stubs are at TEXT. */
void usdt__dwarf_abbrev(struct usdt__sink *sink);
void usdt__dwarf_info(struct usdt__dwarf *dwarf, const struct usdt__stub *stub,
    uint64_t text, struct usdt__sink *sink);
void usdt__dwarf_aranges(const struct usdt__dwarf *dwarf,
    const struct usdt__stub *stub, uint64_t text, struct usdt__sink *sink);

/* A sink that counts what is written, through a small buffer. */
void usdt__sizing_sink(struct usdt__sink *sink, void *buffer, size_t size);

/* --- image/elf.c: which bytes make a probe image? ------------------------ */

/* Layout version, part of every image's path.  Raise it when the same
 * definition gives other bytes than before. */
#define USDT__LAYOUT	1

/* Bytes of an image's identity: also its build-id. */
#define USDT__ID_SIZE	20
#define USDT__ID_IN_NOTE	16	/* bytes before it in the build-id's note */
#define USDT__BUILD_ID_SIZE	(USDT__ID_IN_NOTE + USDT__ID_SIZE)

struct usdt__elf {
	const struct usdt__description *description;
	const struct usdt__arch *arch;
	const struct usdt__stub *stub;
	int notes;		/* with SDT notes */
	struct usdt__dof dof;
	/* Offsets in the file.  Those before the notes are addresses, too. */
	size_t build_id, unwind, unwind_size, base, document;
	size_t text, text_size;
	size_t direct;		/* struct usdt__direct; 0: there is none */
	size_t stubs_size;	/* with the announcer's; then comes code of the
				 * caller's, then direct sites */
	size_t codes;		/* probes that have such code */
	size_t sites;		/* direct sites */
	size_t gates, gates_size;
	size_t note, note_size;
	size_t symtab, symtab_size;
	size_t strtab, strtab_size;
	size_t shstrtab, headers;
	/* If names or structs are declared. */
	struct usdt__dwarf dwarf;
	size_t abbrev, info, aranges;
	size_t types, types_size;
	size_t spare;		/* bytes of text behind the stubs */
	size_t map_size;	/* whole pages up to the end of the gates */
	size_t size;		/* of the file */
};

int usdt__elf_layout(struct usdt__elf *elf,
    const struct usdt__description *description,
    const struct usdt__platform *row, const struct usdt__arch *arch,
    const struct usdt__stub *stub, int notes, struct usdt__why *why);

/* Build an image with its identity, or with zeros instead of the build-id's
 * note. */
void usdt__elf_emit(const struct usdt__elf *elf,
    const uint8_t id[USDT__ID_SIZE], struct usdt__sink *sink);
/* Write that note, USDT__BUILD_ID_SIZE bytes. */
void usdt__build_id_write(const struct usdt__elf *elf,
    const uint8_t id[USDT__ID_SIZE], struct usdt__sink *sink);

/* --- image/identity.c: how are images told apart? --------------------- */

/*
 * Build an image to get its identity: a hash of all bytes and of the module's
 * name.  The window of SIZE bytes is the sink's buffer.  If it has room for
 * the whole image, the image is in it then.
 */
void usdt__elf_identify(const struct usdt__elf *elf, uint8_t *window,
    size_t size, uint8_t id[USDT__ID_SIZE]);

/* --- image/operands.c: how does a note say where a stub has its arguments? - */

/* Where argument INDEX of SIZE bytes lies on the stack, from its pointer. */
unsigned usdt__stack_offset(const struct usdt__arch *arch, size_t index,
    int size);
/* Write the operand of argument INDEX, whose size is negative if it is signed,
 * to OUT (USDT__OPERAND_SIZE bytes).  Returns its length. */
#define USDT__OPERAND_SIZE	24
size_t usdt__operand_write(const struct usdt__arch *arch, size_t index,
    int size, char *out);

/* Texts of operands, and the sizes of the types that were met. */
#define USDT__KNOWN_TYPES	64
struct usdt__operands {
	const char *type[USDT__KNOWN_TYPES];
	int size[USDT__KNOWN_TYPES];
	char text[USDT__NOTE_ARGS * USDT__OPERAND_SIZE];	/* of the last
								 * probe */
	size_t length;
};

/* Write a probe's operands, or keep those of the last one if SAME_TYPES.
 * Returns the text's length. */
size_t usdt__operands_format(const usdt_probedef_t *probedef, int same_types,
    const struct usdt__arch *arch, struct usdt__operands *known);

/* --- image/unwind.c: how does a debugger find the caller of a stub? ------ */

#define USDT__UNWIND_HEAD	20	/* bytes of .eh_frame_hdr */
#define USDT__UNWIND_MAX	160	/* of both sections, at most */

/*
 * Write .eh_frame_hdr and, at the next whole word, .eh_frame.  They describe
 * stubs of one kind, which fill SIZE bytes and begin DISTANCE bytes after OUT.
 * Returns the size of both, which is always the same.  OUT may be NULL.
 */
size_t usdt__unwind_write(const struct usdt__arch *arch,
    const struct usdt__stub *stub, uint64_t distance, uint64_t size,
    uint8_t *out);

/* --- image/retention.c: which image files may go? ------------------------ */

/* Is FD the only descriptor of the file, and does no process map it?  0 also
 * if this is unknown. */
int usdt__image_is_unheld(int fd);
/* Remove a file in DIR that no process holds.  Returns 1 if it is gone. */
int usdt__image_remove_unheld(int dir, const char *name);

/* Which images below a directory of ours to remove. */
struct usdt__clean {
	size_t keep;		/* so many of the youngest stay ... */
	uint64_t keep_bytes;	/* ... or so many bytes that no process holds */
	int every_layout;	/* those of other versions of this library too */
	int empty;		/* also directories that were empty before; only
				 * for one that has providers alone */
	int only_say;		/* change nothing */
	/* Called for each file that is not kept: is it gone, or held?  PATH is
	 * relative to the directory.  May be NULL. */
	void (*tell)(void *data, const char *path, uint64_t bytes, int gone);
	/* On file systems without leases: does any process map it?  NULL: treat
	 * all as held there. */
	int (*is_mapped)(void *data, const char *path);
	void *data;
};

/*
 * Remove images that no process holds, unfinished files of killed processes,
 * and directories that become empty.  Foreign files stay.
 */
void usdt__images_clean(int dir, const struct usdt__clean *clean);

/* After making a file of BYTES bytes below DIR: now and then, remove images
 * that no process holds beyond the 64 youngest there, or beyond 16 MiB. */
void usdt__images_remove_old(int dir, uint64_t bytes);
/* Files that this process made since it last looked; 0: it did not look yet.
 * It looks after 16 files, or after as many as it found held.  Under the
 * lock. */
extern unsigned usdt__image_files;

/* --- image/place.c: where in memory does an image lie, what stays there? - */

#define USDT__IMAGE_MAPPINGS	3	/* of one image */

struct usdt__arena;		/* a provider's addresses */
struct usdt__place;		/* an image's */

/* What a tombstone needs, at the image's offsets. */
struct usdt__tomb {
	const struct usdt__stub *stub;
	size_t text, text_end;		/* filled with such stubs */
	size_t gates, gates_end;	/* stays readable */
	const char *path;		/* of the image, or "" */
};

/* NULL: memory ran out. */
struct usdt__arena *usdt__arena_make(void);
/* The provider is freed.  The last image that goes unmaps all. */
void usdt__arena_release(struct usdt__arena *arena);
/* How many mappings does it have, with tombstones?  ARENA NULL: none. */
size_t usdt__arena_mappings(const struct usdt__arena *arena);

/* Take addresses for an image of these bytes: those it had before, if any. */
int usdt__place_take(struct usdt__arena *arena, const uint8_t id[USDT__ID_SIZE],
    size_t size, struct usdt__place **place, struct usdt__why *why);
uint8_t *usdt__place_base(const struct usdt__place *place);
/* Mapping the image failed: restore the place as it was before. */
void usdt__place_give_back(struct usdt__arena *arena,
    struct usdt__place *place, const struct usdt__tomb *tomb);
/* Lay a tombstone over the image.  Returns 0, or an errno: nothing changed. */
int usdt__place_bury(struct usdt__arena *arena, struct usdt__place *place,
    const struct usdt__tomb *tomb);
/* No thread can have an address of it any more. */
void usdt__place_drop(struct usdt__arena *arena, struct usdt__place *place);

/* Replace what is mapped at AT by a part of a file, in one step.  Returns 0 or
 * an errno. */
int usdt__map_over(uint8_t *at, size_t size, int protection, int fd,
    size_t offset);
/* An executable file without a name; its descriptor, or -1 and errno. */
int usdt__memfd(const char *name);

/* --- image/writer.c: which writer does a thread have? -------------------- */

#define USDT__RING_HEAD		8192	/* where the counters begin ... */
#define USDT__RING_DATA		(USDT__RING_HEAD + USDT__RING_COUNTERS * 4)

/*
 * Bytes of stubs, or an address, counted as a record's meta counts cells.  So a
 * fire gets the whole meta by one subtraction: the bits below a cell have the rest
 * of it.  An address of 32 bits leaves no room for that, and stays as it is.
 */
#define USDT__SCALE	(USDT__RECORD_META(1) / USDT__CELL)
#define USDT__IS_SCALED	(sizeof(uintptr_t) > 4)
static inline uintptr_t
usdt__scaled(uintptr_t bytes)
{
	return USDT__IS_SCALED ? bytes * USDT__SCALE : bytes;
}

/* An image from which a thread's ring has records. */
struct usdt__view {
	uintptr_t fire;		/* the first stub's entry for fires, scaled */
	uintptr_t size;		/* of the stubs, scaled; stored last, 0: no
				 * image */
	uint32_t index;		/* of the first cell, as a record's meta has it */
};

#define USDT__VIEWS	8

/*
 * What a thread knows of its ring.  Nothing of it is shared.  A fire that was
 * interrupted reads on here: so what it reads changes only while the writer is
 * another thread's, or nobody's.
 */
struct usdt__writer {
	uintptr_t thread;		/* usdt__thread() of the owner */
	uint8_t *ring;
	const uint8_t *last;		/* a short record that begins before is
					 * not the last of a lap */
	uint32_t mask;			/* units - 1 */
	struct usdt__view views[USDT__VIEWS];	/* the first images */
	uint32_t used_views;
	uint32_t images, cells;		/* in the ring's table */
	const uint8_t *end;		/* of the units in the ring */
	int by_counter;			/* time is the processor's counter */
	int early;			/* each record is announced */
	int32_t state;			/* enum usdt__writer_state */
	size_t size;			/* of the ring's file */
	uint32_t key;			/* the first place */
	uint64_t made, lap;		/* when it was, and the last lap began */
	uint64_t allowed;		/* when it had no filter of calls, or 0 */
	struct usdt__writer *previous;	/* the thread's, still mapped */
} __attribute__((aligned(64)));

/*
 * All writers, and those of threads, in the order of a hash of their numbers.  A
 * thread's writer is at most USDT__WRITER_WINDOW places behind its own, and most
 * are there.
 */
#define USDT__WRITERS		4096	/* rings of a process, at most */
#define USDT__WRITER_BITS	12
#define USDT__WRITER_WINDOW	8
struct usdt__writers {
	struct usdt__writer nobody;	/* its thread is 0 */
	uint32_t at[(1 << USDT__WRITER_BITS) + USDT__WRITER_WINDOW];
				/* bytes from "nobody"; 0: no thread's */
	struct usdt__writer all[USDT__WRITERS];
};
extern struct usdt__writers usdt__writers;

static inline size_t
usdt__writer_place(uintptr_t thread)
{
	return (uint32_t)thread * 0x9e3779b1u >> (32 - USDT__WRITER_BITS);
}

/* The writer at a place.  Its thread is 0 if there is none.  What is read through
 * its address is not read before that. */
static inline struct usdt__writer *
usdt__writer_at(size_t place)
{
	struct usdt__writers *writers = &usdt__writers;
	const uint32_t *at;

	/* In this order one instruction adds it all. */
	USDT__OPAQUE(writers);
	at = (const uint32_t *)(const void *)writers + place;
	at += offsetof(struct usdt__writers, at) / sizeof *at;
	return (void *)((char *)writers + __atomic_load_n(at,
	    __ATOMIC_RELAXED));
}

/* The states of a writer. */
enum usdt__writer_state {
	USDT__WRITER_FREE,
	USDT__WRITER_TAKEN,	/* a thread makes it ready, or frees it */
	USDT__WRITER_OWNED,	/* it is its thread's */
	USDT__WRITER_ENDED,	/* its thread has ended */
	USDT__WRITER_LEFT	/* the thread had it before it was a forked
				 * child's */
};

/* This thread's, or NULL. */
struct usdt__writer *usdt__writer_find(void);
/* Make it this thread's, in place of OLD.  Returns 0 if there is no place. */
int usdt__writer_set(struct usdt__writer *writer, struct usdt__writer *old);
/* No thread has it any more. */
void usdt__writer_unset(const struct usdt__writer *writer);
/* Take a free one, or NULL. */
struct usdt__writer *usdt__writer_take(void);
/* Take one out of a state.  Returns 0 if it is in another one. */
int usdt__writer_claim(struct usdt__writer *writer, int32_t from);
/* The same, if it belongs to that thread. */
int usdt__writer_claim_of(struct usdt__writer *writer, uintptr_t thread,
    int32_t from);
/* No writer from this number on was ever taken. */
uint32_t usdt__writers_used(void);
/* In a child: no thread has any. */
void usdt__writers_forget(void);

/* --- image/ring_size.c: how large may a thread's ring be? ----------------- */

#define USDT__UNITS_SMALL	(1u << 15)	/* 256 KiB */

/* The most units, up to so many, that a ring may still have. */
uint32_t usdt__units_free(uint32_t units);
/* Take as many, for one ring; and give them back. */
uint32_t usdt__units_take(uint32_t units);
void usdt__units_give(uint32_t units);
/* In a child: no ring has any. */
void usdt__units_forget(void);
/* The units of the ring that a thread gets when it has come round in LAP
 * nanoseconds; 0: it keeps its ring ... */
uint32_t usdt__units_after_lap(const struct usdt__writer *writer, uint64_t lap);
/* ... and when it announces its records no longer. */
uint32_t usdt__units_after_early(const struct usdt__writer *writer);

/* --- image/ring_image.c: from which images does a ring have records? ------ */

/* The index of the cell AT bytes after an image's STUBS in the writer's ring, or
 * -1: the ring is full of images.  DIRECT is what the image says of itself. */
long usdt__ring_enter(struct usdt__writer *writer, const uint8_t *stubs,
    const struct usdt__direct *direct, size_t at);
/* The ring is new. */
void usdt__views_clear(struct usdt__writer *writer);
/* An image was mapped, maybe where others were: these are its stubs. */
void usdt__ring_new_image(const uint8_t *stubs, size_t size);

/* --- image/clock.c: by which clock do events have their time? ------------- */

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t usdt__ring_time(void);
/* The clock of this process's rings: enum usdt__ring_clock. */
uint32_t usdt__ring_clock(void);

/* --- image/filter.c: may this thread make system calls? ------------------- */

/* Has this thread a seccomp filter?  It might end the process for the calls that
 * a ring takes, so then there is none. */
int usdt__is_filtered(void);
/* May the writer's thread make system calls now?  Asks now and then.  Keeps
 * errno. */
int usdt__ring_may_call(struct usdt__writer *writer);

/* --- image/ring.c: how does a thread get a ring for direct events? ------- */

/*
 * The index of the cell AT bytes after an image's STUBS in the thread's ring,
 * which is made if there is none, and its writer.  -1: the event is lost, and
 * counted for the reader.  Makes only system calls.  Keeps errno.
 */
long usdt__ring_find(const uint8_t *stubs, size_t at,
    struct usdt__writer **writer);
/* While the writer is early: a record was written for a probe with this entry
 * for fires. */
void usdt__ring_tell(struct usdt__writer *writer, const uint8_t *stubs,
    const void *record, uint32_t cell);
/* A record reached the end of the ring. */
void usdt__ring_lap(struct usdt__writer *writer, const uint8_t *stubs);
/* Read the program's own memory, as far as it can be read.  Returns how many
 * bytes.  Keeps errno. */
size_t usdt__ring_read(const void *from, void *to, size_t size);
/* Before the first probe can be fired with a reader. */
void usdt__ring_prepare(void);
/* A child does not have its parent's rings. */
void usdt__rings_forget(void);

/* --- image/record.c: how is an event written to its thread's ring? ------- */

/* Words of the longest record with one text. */
#define USDT__RECORD_SHORT	(3 + USDT_ARG_MAX + USDT__TEXT_MAX / 8 + 1)

/* What the meta of a probe's records has besides the index; but the words of a
 * record with texts differ. */
static inline uint32_t
usdt__record_low(const struct usdt_probe *probe)
{
	return probe->texts != 0 ? USDT__RECORD_HAS_TEXTS : 2u + probe->argc;
}

/* "direct" of a probe with this entry for fires in an image with direct sites. */
static inline uintptr_t
usdt__record_direct(const struct usdt_probe *probe, const uint8_t *fire)
{
	return usdt__scaled((uintptr_t)fire) +
	    (USDT__IS_SCALED ? usdt__record_low(probe) : 0);
}

/* How is an event of this probe written, while its provider vouches for texts or
 * not? */
usdt__recorder *usdt__recorder_for(const struct usdt_probe *probe, int vouched);

/* --- image/map.c: which images does this process map? -------------- */

struct usdt__image {
	struct usdt__image *next, *previous;	/* in the list of kept ones */
	struct usdt__arena *arena;
	struct usdt__place *place;
	uint8_t *base;
	size_t size;			/* mapped */
	struct usdt__tomb tomb;		/* for the time after the image */
	size_t spare, spare_end;	/* text without stubs */
	uint64_t device, inode;		/* of the file */
	uint64_t root_device, root_inode;	/* where the path begins */
	int fd;				/* of a memfd, else -1 */
	char path[USDT_PATH_SIZE];	/* of a file */
	char passed_over[USDT_TEXT_SIZE];	/* directories that failed,
					 * and why */
};

/*
 * Call all of this under the library's lock.
 *
 * Map an image to its place from its open file, which the caller may close
 * then.  It replaces what an earlier attempt mapped there.  Returns 0 or an
 * errno.
 */
int usdt__image_map(struct usdt__image *image, const struct usdt__elf *elf,
    int fd);

/* Does this process map that file, by any copy of the library?  -1 and errno if
 * the kernel can't say just now. */
int usdt__image_is_mapped(uint64_t device, uint64_t inode, const char *path);

/* Give a mapped image to this room, until the drop, which unmaps and frees it.
 * Its file stays, for tracers. */
void usdt__image_keep(struct usdt__image *image);
void usdt__image_drop(struct usdt__image *image);
/* Drop it while its provider lives: a tombstone takes its place.  Returns 0, or
 * an errno: it is still there. */
int usdt__image_bury(struct usdt__image *image);
/* The count of kept images; and of those that were dropped or buried. */
extern size_t usdt__images_mapped;
extern size_t usdt__images_gone;

/*
 * In a forked child: drop the kernel's changes in the text of all images, since
 * they call a page that the child does not have, and make the kernel insert
 * them again.  Only system calls.
 */
void usdt__images_renew(void);

/* Can others still open the file, as far as this process can see? */
int usdt__image_present(const struct usdt__image *image);

/* The path where others find it. */
void usdt__image_path(const struct usdt__image *image,
    char out[USDT_PATH_SIZE]);

/* --- image/file.c: in which file does an image live? -------------------- */

/* The directory of this user's images below PARENT, a short path. */
#define USDT__DIR_SIZE	64
void usdt__image_dir(const char *parent, char out[USDT__DIR_SIZE]);

/* Where the bytes of an image are built, a part at a time. */
#define USDT__WINDOW		65536
#define USDT__FILE_WINDOW	16384
struct usdt__window {
	uint8_t *bytes;			/* to be freed */
	size_t size;			/* whole words */
	uint8_t *file;			/* for reading a file */
	size_t file_size;
};

/*
 * Find or make the file with this image's bytes and map it, through a window.
 * The caller holds the library's lock.
 */
int usdt__image_take(const struct usdt__elf *elf,
    const struct usdt__window *window, const uint8_t id[USDT__ID_SIZE],
    struct usdt__arena *arena, struct usdt__image **image,
    struct usdt__why *why);

/* --- core/pages.c: where do stubs and documents live without a file? ----- */

struct usdt__pages {
	const uint8_t *stubs;
	size_t stubs_size;
	uint8_t *document;
	size_t document_size;		/* whole pages */
};

/*
 * Take COUNT stubs that no tracer ever had and, near them, SIZE zeros for a
 * document.  Call all of this under the library's lock.
 */
int usdt__pages_take(const struct usdt__stub *stub, size_t count, size_t size,
    struct usdt__pages *pages, struct usdt__why *why);
/* Make the written document read-only. */
int usdt__pages_seal(struct usdt__pages *pages, struct usdt__why *why);
/* Unmap the document.  The stubs stay; unless a helper was TOLD of them, others
 * may take them. */
void usdt__pages_drop(struct usdt__pages *pages, int told);

/* --- image/stash.c: which records does the helper keep of a former program? */

/*
 * Before handing over the document in IMAGE, which is mapped and which the
 * helper at DEVICE does not have: make the helper drop its records of a program
 * that this process ran before an exec, if they can be recognized.  Returns 0,
 * or -1 and WHY something may be left.  Under the library's lock, which other
 * threads may take while the helper works.
 */
int usdt__stash_clear(const struct usdt__platform *row, const char *device,
    const struct usdt__image *image, struct usdt__why *why);
/* In a child: forget the thread of the parent that was doing so. */
void usdt__stash_forget(int forked);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif /* USDT_IMAGE_H */
