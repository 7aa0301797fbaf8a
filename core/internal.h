/*
 * core/internal.h - what the rooms of the library promise each other.
 *
 * One section per file, in the order in which they depend on each other: a
 * file may use the sections above its own, and nothing below.  All of it is
 * hidden: two copies of the library in one process do not meet.
 *
 * A room includes this file first: what follows decides what the system's
 * headers declare, whatever standard the compiler was told.
 */
#ifndef USDT_INTERNAL_H
#define USDT_INTERNAL_H

#if !defined(_GNU_SOURCE)
#define _GNU_SOURCE		/* memfd_create, O_PATH, F_SETLEASE ... */
#endif
#if !defined(_FILE_OFFSET_BITS) && __SIZEOF_LONG__ < 8
#define _FILE_OFFSET_BITS 64	/* inode numbers have 64 bits everywhere */
#endif

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include "usdt.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#define USDT__PRINTF(fmt, args)	__attribute__((format(printf, fmt, args)))
#else
#define USDT__PRINTF(fmt, args)
#endif

/*
 * Why something failed: an errno (or 0), a sentence without a newline, and what
 * kind of failure it is, which decides about the caller's error.  Functions
 * that take one fill it when they fail, and only then.
 */
enum usdt__kind {
	USDT__SYSTEM,		/* the system or the caller refused */
	USDT__NO_MEMORY,	/* malloc did */
	USDT__TOO_LARGE		/* no tracer takes so much */
};

struct usdt__why {
	int error;
	char text[USDT_TEXT_SIZE];
	enum usdt__kind kind;
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
};

/* --- core/platform.c: how do systems and processors differ? ------------- */

enum usdt__add_shape {		/* what the ADDDOF ioctl takes */
	USDT__ADD_HELPER,	/* dof_helper_t, 80 bytes */
	USDT__ADD_HELPER_PID,	/* the same with pid and generation, 88 */
	USDT__ADD_ENVELOPE	/* a pointer to a pointer to count + helpers */
};

enum usdt__generation_from {	/* where it leaves the generation */
	USDT__GENERATION_RETURNED,	/* value of the ioctl */
	USDT__GENERATION_IN_HELPER,	/* dofhp_gen */
	USDT__GENERATION_IN_DOF		/* dofhp_dof of the envelope */
};

enum usdt__offset_base {	/* what DOF's offsets are relative to */
	USDT__OFFSET_PROBE,	/* dofpr_addr, unsigned */
	USDT__OFFSET_DOF	/* dofhp_addr, which is the DOF's; signed */
};

enum usdt__isenabled {		/* how a tracer answers is-enabled */
	USDT__ISENABLED_REGISTER,	/* 1 in the return register */
	USDT__ISENABLED_POINTER		/* 1 through the first argument */
};

enum usdt__fork {		/* what a forked child has */
	USDT__FORK_INHERITED,	/* the kernel copies the registrations */
	USDT__FORK_NOTHING	/* the child registers again */
};

struct usdt__platform {
	const char *name;
	const char *helper;		/* device, or NULL: no DTrace */
	unsigned long add_request;
	unsigned long remove_request;
	enum usdt__add_shape add_shape;
	enum usdt__generation_from generation;
	int remove_by_pointer;		/* else by value */
	uint8_t dof_version;
	int relocate;			/* SETX relocations add dofhp_addr */
	enum usdt__offset_base offsets;
	int probe_bias;			/* added to offsets of sites ... */
	int isenabled_bias;		/* ... where kernels shift them */
	enum usdt__isenabled isenabled;
	enum usdt__fork fork;
	int reuse_stubs;		/* 0: a stub's address is used once */
	int one_document;		/* at a time for a provider's name */
	int image;			/* probes live in ELF image files */
	size_t max_provider;		/* longest names, without the zero */
	size_t max_module;
	size_t max_function;
	size_t max_name;
	size_t max_type;
	size_t max_dof;			/* bytes in one document, at most */
	unsigned max_documents;		/* per process; 0: no limit */
	unsigned patience;		/* seconds that the helper has for a
					 * document; 0: no such limit */
	const char *patience_of;	/* whose they are, for error texts */
	const char *narrow;		/* why 32-bit processes get EINVAL;
					 * NULL: they don't */
	const char *stash;		/* what the helper's daemon keeps of each
					 * process, below its pid; NULL: nothing,
					 * or nothing that outlives exec */
	uint64_t stash_pids;		/* the namespace of those pids, as the
					 * inode of /proc/PID/ns/pid */
	const char *stale;		/* what an EINVAL may come from if that
					 * can't be looked at */
	const char *archs[4];		/* that are traced; none: all */
	const char *reserved[4];	/* providers of the system's own: ours
					 * would be dropped without an error */
	const char *provider_chars;	/* besides letters and digits */
	const char *limits;		/* what sets them, for error texts */
};

/* Where in a stub is what DOF names? */
struct usdt__sites {
	uint32_t isenabled, dof;
};

/* A type that has another size or sign than on most processors. */
struct usdt__own_type {
	const char *name;		/* NULL: no more */
	int size;			/* in bytes, negative if signed */
};

struct usdt__arch {
	const char *name;
	uint16_t elf_machine;		/* EM_* */
	uint8_t word;			/* bytes in a pointer and in a long */
	uint8_t big_endian;
	uint32_t page;			/* largest page that it runs with */
	unsigned registers;		/* arguments passed in registers */
	const char *const *register_names;	/* as SDT notes spell them */
	const char *stack_format;	/* printf format of a stack operand */
	unsigned stack_start;		/* where those begin, from the pointer */
	const struct usdt__own_type *types;	/* of its C headers, or NULL */
	uint8_t biased;			/* the rows' biases of sites apply */
	struct {			/* by DWARF's numbers of registers */
		uint8_t returns;	/* where a function returns to */
		uint8_t stack;		/* the stack's pointer */
		uint8_t frame;		/* what stubs leave, or 0 */
		uint16_t bias;		/* of the stack's pointer */
	} unwind;
	const char *wide_format;	/* where stubs show all arguments once
					 * more, as words of 8 bytes, or NULL */
	struct usdt__sites sites[2];	/* by enum usdt__isenabled, in stubs
					 * with the smallest nop */
};

extern const struct usdt__platform usdt__platforms[];
extern const size_t usdt__platform_count;
extern const struct usdt__arch usdt__archs[];
extern const size_t usdt__arch_count;

/* Those that this library was built for; the platform may be "none". */
const struct usdt__platform *usdt__native_platform(void);
const struct usdt__arch *usdt__native_arch(void);

/* Is there anything here that a tracer could see? */
int usdt__native_supported(void);

/* getenv for our own variables: NULL in a set-uid program. */
const char *usdt__getenv(const char *name);

/* Tell a step on stderr if USDT_DEBUG is set.  Keeps errno. */
void usdt__debug(const char *format, ...) USDT__PRINTF(1, 2);

/* The text of an errno, in English whatever the host's locale is. */
const char *usdt__strerror(int error);

/* Put a '?' for each byte of TEXT that no UTF-8 character but a control has. */
void usdt__printable(char *text);

/* Fill WHY; ERROR is an errno or 0, not added to the text.  Returns -1. */
int usdt__because(struct usdt__why *why, int error, const char *format, ...)
    USDT__PRINTF(3, 4);
/* The same for memory that there is not. */
int usdt__no_memory(struct usdt__why *why);

/* --- usdt_tracepoints_ARCH.s: what does a tracer see? ------------------- */

/*
 * A stub's machine code and the offsets of what is in it.
 * ORDER STUB: usdt_tracepoints_*.s lay the same words out.  The entries are at
 * the same places in all stubs of a processor.
 */
#define USDT__STUB_SIZE	32
struct usdt__stub {
	uint32_t nop;			/* bytes of nop at the SDT site; 1: the
					 * processor's shortest */
	uint32_t answer;		/* enum usdt__isenabled */
	uint32_t isenabled;		/* entry: int isenabled(int *flag) */
	uint32_t isenabled_site;	/* what DOF calls is-enabled */
	uint32_t fire;			/* entry, for usdt__fire */
	uint32_t sdt_site;		/* what SDT notes point to */
	uint32_t dof_site;		/* what DOF points to */
	uint8_t code[USDT__STUB_SIZE];
};
extern const struct usdt__stub usdt__stubs[];
extern const uint32_t usdt__stub_count;		/* 0: unknown processor */

/*
 * Put ARGC words where the calling convention wants arguments, as if the
 * sites were a call of a function with them, and run through the stub.
 */
void usdt__fire(const void *entry, size_t argc, void *const *argv);

/* --- core/guard.c: is this process a forked child to be mended? --------- */

/* While the first word is not 1 no probe may fire. */
extern int32_t usdt__guard[];

/* This process may fire. */
void usdt__guard_renew(void);
/* From now on it is 0 in children, until renewed there.  Returns an errno. */
int usdt__guard_make(void);
/* Is it kept so?  Then it tells without a system call who is new here. */
int usdt__guard_kept(void);
/* Returns 1 once in a new process, to the thread that shall make the lock anew
 * and then say so; all others wait for that. */
int usdt__guard_claim(void);
void usdt__guard_claimed(void);

/* --- core/lock.c: who may change things now, who mends a new child? ----- */

/* The lock that serialises all but testing and firing. */
void usdt__lock(void);
void usdt__unlock(void);

/*
 * Under the lock: give it to others while something takes long, and take it
 * again.  Whoever does has marked what nobody else may touch.
 */
void usdt__lock_lend(void);
void usdt__lock_take_back(void);
/* Under the lock: wait until some mark has gone; look again then. */
void usdt__wait_for_mark(void);
/* Under the lock: one has. */
void usdt__mark_gone(void);

/* From now on MEND is called in each child, under the lock, before anything
 * else: FORKED by the handler of fork, else at its first call.  Returns 0 or an
 * errno. */
int usdt__watch_fork(void (*mend)(int forked));

/* --- image/nop.c: which nop stands at a probe's sites? ------------------- */

/* The stub to use here and now; NULL on an unknown processor. */
const struct usdt__stub *usdt__stub_choose(void);

/* --- core/name.c: which names are taken, how do tracers spell them? ----- */

int usdt__name_check_provider(const struct usdt__platform *row,
    const char *name, struct usdt__why *why);
int usdt__name_check_module(const struct usdt__platform *row,
    const char *name, struct usdt__why *why);
int usdt__name_check_function(const struct usdt__platform *row,
    const char *name, struct usdt__why *why);
int usdt__name_check_probe(const struct usdt__platform *row,
    const char *name, struct usdt__why *why);
int usdt__name_check_type(const struct usdt__platform *row,
    const char *type, size_t index, struct usdt__why *why);

/* DTrace's spelling ("__" is '-') to OUT (strlen + 1); returns its length. */
size_t usdt__name_dof(const char *name, char *out);
/* The notes' spelling ('-' is "__") to OUT (2 * strlen + 1), or NULL. */
size_t usdt__name_note(const char *name, char *out);

/* --- core/type.c: what size and sign has a C type? ---------------------- */

/* Bytes, negative if signed: -4 for "int".  Unknown names: a machine word. */
int usdt__type_size(const char *type, const struct usdt__arch *arch);
/* The same of what is passed: an argument is one word, whatever its type. */
int usdt__type_word_size(const char *type, const struct usdt__arch *arch);

/* --- core/sink.c: how do the bytes of a document leave their builder? --- */

struct usdt__sink {
	uint8_t *buffer;	/* aligned to 8 bytes */
	size_t size;		/* of it: whole words, or the document's */
	size_t used;
	size_t before;		/* bytes that have left it */
	/* Take bytes that come next: whole words, but for the last ones.  Returns
	 * 0, or the rest is dropped.  NULL: the buffer takes all. */
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

/* --- image/elf.c: which bytes make a probe image? ------------------------ */

/* Layout version, part of every image's path.  Raise it with any change of
 * the bytes that a given definition gives. */
#define USDT__LAYOUT	1

/* Bytes of an image's identity: also its build-id. */
#define USDT__ID_SIZE	20

struct usdt__elf {
	const struct usdt__description *description;
	const struct usdt__arch *arch;
	const struct usdt__stub *stub;
	int notes;		/* with SDT notes */
	struct usdt__dof dof;
	/* Offsets in the file, which for all but the notes and what follows
	 * them are addresses too. */
	size_t build_id, unwind, unwind_size, base, document;
	size_t text, text_size;
	size_t gates, gates_size;
	size_t note, note_size;
	size_t symtab, symtab_size;
	size_t strtab, strtab_size;
	size_t shstrtab, headers;
	size_t spare;		/* pages of text behind the stubs */
	size_t map_size;	/* whole pages up to the end of the gates */
	size_t size;		/* of the file */
};

int usdt__elf_layout(struct usdt__elf *elf,
    const struct usdt__description *description,
    const struct usdt__platform *row, const struct usdt__arch *arch,
    const struct usdt__stub *stub, int notes, struct usdt__why *why);

/*
 * Build an image through a window of SIZE bytes, as a sink's buffer, to get
 * its identity: a hash of all bytes and of the module's name.  If the window
 * takes all, the image is in it then.
 */
void usdt__elf_identify(const struct usdt__elf *elf, uint8_t *window,
    size_t size, uint8_t id[USDT__ID_SIZE]);
/* Build it again with its identity, or with zeros instead of the build-id. */
void usdt__elf_emit(const struct usdt__elf *elf,
    const uint8_t id[USDT__ID_SIZE], struct usdt__sink *sink);

/* --- image/unwind.c: how does a debugger come from a stub to its caller? -- */

#define USDT__UNWIND_HEAD	20	/* bytes of .eh_frame_hdr */
#define USDT__UNWIND_MAX	160	/* and of .eh_frame with it */

/*
 * Write .eh_frame_hdr and, at the next whole word, .eh_frame for stubs of one
 * kind that fill SIZE bytes DISTANCE behind that.  Returns the size of both,
 * always the same; OUT may be NULL.
 */
size_t usdt__unwind_write(const struct usdt__arch *arch,
    const struct usdt__stub *stub, uint64_t distance, uint64_t size,
    uint8_t *out);

/* --- core/turn.c: which copy of the library in this process may act now? - */

enum usdt__turn {
	USDT__TURN_IMAGES,	/* to see what is mapped and map more */
	USDT__TURN_HELPER,	/* to talk to the helper */
	USDT__TURN_STASH	/* to see what it keeps and have it dropped */
};

/*
 * Wait until no other copy of the library in this process has this turn.  It
 * is a descriptor; or -1, if there is none now, or no /proc.  *ALONE is 0 if
 * others can't be kept away.
 */
int usdt__turn_take(enum usdt__turn which, int *alone);
/* Give it back, if it is not -1.  Keeps errno. */
void usdt__turn_give(int turn);

/* --- image/retention.c: which image files have had their day? ------------ */

/* Does no process hold the file, but by FD?  1: surely. */
int usdt__image_is_unheld(int fd);
/* Remove a file in DIR that no process holds.  Returns 1 if it is gone. */
int usdt__image_remove_unheld(int dir, const char *name);

/* How images below a directory of ours are cleaned away. */
struct usdt__clean {
	size_t keep;		/* the youngest, which stay ... */
	uint64_t keep_bytes;	/* ... or so many bytes of what nobody holds */
	int every_layout;	/* those of other versions of this library too */
	int empty;		/* and directories that were empty before: only
				 * where there are but providers' */
	int only_say;		/* change nothing */
	/* For each file that is not kept: is it gone, or held?  PATH is
	 * relative to the directory.  May be NULL. */
	void (*tell)(void *data, const char *path, uint64_t bytes, int gone);
	void *data;
};

/*
 * Remove the images that nobody holds, and what killed processes left
 * unfinished, with the directories that become empty.  Foreign files stay.
 */
void usdt__images_clean(int dir, const struct usdt__clean *clean);

/* A file of so many BYTES was made below DIR: now and then, remove what nobody
 * holds beyond the 64 youngest images there, or beyond 16 MiB. */
void usdt__images_remove_old(int dir, uint64_t bytes);
/* Files that this process has made since it last looked; 0: not yet.  Each
 * 16th, or as many as it found held, is a "now and then".  Under the lock. */
extern unsigned usdt__image_files;

/* --- image/place.c: where in memory does an image lie, what stays there? - */

#define USDT__IMAGE_MAPPINGS	3	/* that an image is */

struct usdt__arena;		/* a provider's addresses */
struct usdt__place;		/* an image's */

/* What a tombstone has to have, at the image's offsets. */
struct usdt__tomb {
	const struct usdt__stub *stub;
	size_t text, text_end;		/* such stubs */
	size_t gates;			/* what may be read, to its end */
	const char *path;		/* of the image, or "" */
};

/* NULL: no memory. */
struct usdt__arena *usdt__arena_make(void);
/* The provider goes: when its last image has gone all is unmapped. */
void usdt__arena_release(struct usdt__arena *arena);
/* How many mappings are there, with the tombstones?  NULL: none. */
size_t usdt__arena_mappings(const struct usdt__arena *arena);

/* Addresses for an image of these bytes: if it had some before, those. */
int usdt__place_take(struct usdt__arena *arena, const uint8_t id[USDT__ID_SIZE],
    size_t size, struct usdt__place **place, struct usdt__why *why);
uint8_t *usdt__place_base(const struct usdt__place *place);
/* Nothing became of the image: the place is as it was before it was taken. */
void usdt__place_give_back(struct usdt__arena *arena,
    struct usdt__place *place, const struct usdt__tomb *tomb);
/* Lay a tombstone over the image.  Returns 0, or an errno: all is as it was. */
int usdt__place_bury(struct usdt__arena *arena, struct usdt__place *place,
    const struct usdt__tomb *tomb);
/* Nobody can have an address of it any more. */
void usdt__place_drop(struct usdt__arena *arena, struct usdt__place *place);

/* An executable file without a name; its descriptor, or -1 and errno. */
int usdt__memfd(const char *name);

/* --- image/map.c: which images does this process map? -------------- */

struct usdt__image {
	struct usdt__image *next, *previous;	/* of those that are kept */
	struct usdt__arena *arena;
	struct usdt__place *place;
	uint8_t *base;
	size_t size;			/* mapped */
	struct usdt__tomb tomb;		/* when it goes */
	size_t spare, spare_end;	/* of text: no stubs are there */
	uint64_t device, inode;		/* of the file */
	uint64_t root_device, root_inode;	/* that the path is from */
	int fd;				/* of a memfd, else -1 */
	char path[USDT_PATH_SIZE];	/* of a file */
	char passed_over[USDT_TEXT_SIZE];	/* places that were of no use,
					 * and why */
};

/*
 * All of this under the library's lock.
 *
 * Map an image to its place from its open file, which may be closed then; over
 * what may be there from an attempt before.  Returns 0 or an errno.
 */
int usdt__image_map(struct usdt__image *image, const struct usdt__elf *elf,
    int fd);

/* Does this process map that file, by any copy of the library?  -1 and errno:
 * it could not be asked just now. */
int usdt__image_is_mapped(uint64_t device, uint64_t inode, const char *path);

/* One that is mapped belongs to this room from now on, until it is dropped:
 * unmapped and freed.  Its file stays, for tracers. */
void usdt__image_keep(struct usdt__image *image);
void usdt__image_drop(struct usdt__image *image);
/* The same for one whose provider lives: a tombstone takes its place.  Returns
 * 0, or an errno: it is still there. */
int usdt__image_bury(struct usdt__image *image);
/* How many belong to it. */
extern size_t usdt__images_mapped;

/*
 * In a forked child: take the kernel's changes out of the text of all images,
 * since they call what the child does not have, and have it make them anew.
 * Only system calls.
 */
void usdt__images_renew(void);

/* As far as can be seen from here: can others still open the file? */
int usdt__image_present(const struct usdt__image *image);

/* Where they find it. */
void usdt__image_path(const struct usdt__image *image,
    char out[USDT_PATH_SIZE]);

/* --- image/file.c: in which file does an image live? -------------------- */

/* The directory of this user's images below PARENT, which is short. */
#define USDT__DIR_SIZE	64
void usdt__image_dir(const char *parent, char out[USDT__DIR_SIZE]);

/* Where the bytes of an image are built, a part at a time. */
#define USDT__WINDOW		65536
#define USDT__FILE_WINDOW	16384
struct usdt__window {
	uint8_t *bytes;			/* to be freed */
	size_t size;			/* whole words */
	uint8_t *file;			/* for those of a file */
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
 * Take COUNT stubs that nobody ever had, and, near to them, SIZE zeros for a
 * document.  All of this is under the library's lock.
 */
int usdt__pages_take(const struct usdt__stub *stub, size_t count, size_t size,
    struct usdt__pages *pages, struct usdt__why *why);
/* The document has been written, and stays as it is. */
int usdt__pages_seal(struct usdt__pages *pages, struct usdt__why *why);
/* Unmap the document; the stubs stay, but if nobody was TOLD of them they are
 * free for others. */
void usdt__pages_drop(struct usdt__pages *pages, int told);

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

/* --- core/stash.c: which records does the helper keep of a former program? */

/*
 * The document in IMAGE, which is mapped and which the helper at DEVICE does not
 * have, is about to be handed over: have the helper drop what it keeps of a
 * program that this process was before an exec, if it can tell.  Returns 0, or
 * -1 and WHY something may be left.  Under the library's lock, which others may
 * have while the helper is at work.
 */
int usdt__stash_clear(const struct usdt__platform *row, const char *device,
    const struct usdt__image *image, struct usdt__why *why);
/* In a child, where no thread is at it any more. */
void usdt__stash_forget(int forked);

/* --- usdt_probe.c: how is a probe tested and fired? --------------------- */

/* Who is called for each fire in this process. */
struct usdt__observer {
	struct usdt__observer *next;	/* of this provider's */
	usdt_observer_t *call;
	void *data;
};

struct usdt_probe {		/* its gate is in the definition */
	const uint8_t *isenabled;	/* the stub's entries; they stay when */
	const uint8_t *fire;		/* it is hidden */
	uint16_t argc;
	uint16_t visible;	/* 1 + enum usdt__isenabled; 0: no tracer sees it */
	int32_t simple;		/* firing is, with more words than this; as many
				 * as there can't be: it is hidden, or observed */
	const struct usdt__observer *observer;
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

struct usdt_probe_state {
	struct usdt_probe probe;	/* first: it leads to the definition */
	uint32_t references;
	uint32_t hash;			/* of function and dof_name */
	uint32_t slot;			/* in the generation */
	usdt_provider_t *provider;	/* that it is in, or NULL */
	struct usdt__generation *generation;	/* that it has a stub in */
	const char *dof_name;		/* name in DTrace's spelling */
	usdt_probedef_t *next, *previous;	/* in order of adding */
	usdt_probedef_t *chain;		/* of the same bucket */
};

/* Of a probe, all is one block. */
struct usdt__probe_block {
	usdt_probedef_t def;
	struct usdt_probe_state state;
	char *types[];
};

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

/* Leave an error's text, for PROVIDER or this thread.  Returns -1. */
int usdt__fail(usdt_provider_t *provider, usdt_error_t error, ...);

/* --- small things ------------------------------------------------------- */

static inline size_t
usdt__align(size_t value, size_t to)
{
	return (value + to - 1) & ~(to - 1);
}

/*
 * For who waits until another thread has come on by a few instructions, which
 * is rare: that one may have a lower priority, and would never run beside a
 * thread that only yields.
 */
static inline void
usdt__nap(void)
{
	struct timespec pause = { 0, 100000 };

	nanosleep(&pause, NULL);
}

/*
 * Load a word that other threads change; what is to be read after it needs a
 * fence.  Compilers compare no memory with an atomic load, which would cost an
 * instruction more.
 */
static inline int32_t
usdt__load(const int32_t *word)
{
#if defined(__SANITIZE_THREAD__)
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
#else
	return *word;
#endif
}

static inline void
usdt__load_fence(void)
{
#if !defined(__SANITIZE_THREAD__)	/* it knows none, and needs none */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
}

/* Store an integer of 1, 2, 4 or 8 bytes in the byte order asked for. */
static inline void
usdt__store(void *to, size_t size, uint64_t value, int big_endian)
{
	uint8_t *out = to;
	size_t i;

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	/* Its lowest bytes: what is built here is mostly for here. */
	if (!big_endian) {
		memcpy(out, &value, size);
		return;
	}
#endif
	for (i = 0; i < size; i++) {
		size_t at = big_endian ? size - 1 - i : i;

		out[at] = (uint8_t)(value >> (8 * i));
	}
}

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif /* USDT_INTERNAL_H */
