/*
 * core/platform.h - the lowest floor: systems, processors, and what all rooms
 * need.
 *
 * The library has four floors, each with a header that includes those below it:
 *
 *	core/provider.h		a provider's state: probes, generations
 *	image/image.h		images, and pages where there are none
 *	core/dof.h		documents, and the helper that gets them
 *	core/platform.h		systems, processors, names, types, the lock
 *
 * A room includes the header of its floor, so it can't use what is above.  A
 * header has a section for each file, in the order in which the files use each
 * other.  All names are hidden, so two copies of the library in one process do
 * not share them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef USDT_PLATFORM_H
#define USDT_PLATFORM_H



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

/* A program and its shared objects may each have a copy, and none may replace
 * another.  So the interface is hidden, too.  To build a shared library of
 * these sources alone, define USDT_API so that it exports the interface. */
#if defined(__GNUC__) && !defined(USDT_API)
#define USDT_API	__attribute__((visibility("hidden")))
#endif
#include "usdt.h"

#if defined(__GNUC__)
#pragma GCC visibility push(hidden)
#define USDT__PRINTF(fmt, args)	__attribute__((format(printf, fmt, args)))
#else
#define USDT__PRINTF(fmt, args)
#endif

/*
 * Why something failed: an errno (or 0), a sentence without a newline, and the
 * kind of failure, which decides the caller's error.  A function with such a
 * parameter fills it only when it fails.
 */
enum usdt__kind {
	USDT__SYSTEM,		/* the system or the caller refused */
	USDT__NO_MEMORY,	/* malloc failed */
	USDT__TOO_LARGE		/* no tracer accepts so much */
};

struct usdt__why {
	int error;
	char text[USDT_TEXT_SIZE];
	enum usdt__kind kind;
};

/* --- core/platform.c: how do systems and processors differ? ------------- */

enum usdt__add_shape {		/* the argument of the ADDDOF ioctl */
	USDT__ADD_HELPER,	/* dof_helper_t, 80 bytes */
	USDT__ADD_HELPER_PID,	/* the same with pid and generation, 88 */
	USDT__ADD_ENVELOPE	/* a pointer to a pointer to count + helpers */
};

enum usdt__remove_shape {	/* the argument of the REMOVE ioctl */
	USDT__REMOVE_VALUE,	/* the generation's number */
	USDT__REMOVE_POINTER,	/* a pointer to it */
	USDT__REMOVE_FIRST_BYTES /* a word that begins with it: the kernel
				 * reads an int where it keeps the word */
};

enum usdt__generation_from {	/* where it puts the generation's number */
	USDT__GENERATION_RETURNED,	/* the ioctl returns it */
	USDT__GENERATION_IN_HELPER,	/* dofhp_gen */
	USDT__GENERATION_IN_DOF		/* dofhp_dof of the envelope */
};

enum usdt__offset_base {	/* DOF's offsets are relative to */
	USDT__OFFSET_PROBE,	/* dofpr_addr; unsigned */
	USDT__OFFSET_DOF	/* dofhp_addr, the DOF's address; signed */
};

enum usdt__isenabled {		/* how a tracer answers is-enabled */
	USDT__ISENABLED_REGISTER,	/* 1 in the return register */
	USDT__ISENABLED_POINTER		/* 1 through the first argument */
};

enum usdt__fork {		/* a forked child's registrations */
	USDT__FORK_INHERITED,	/* the kernel copies them */
	USDT__FORK_NOTHING	/* the child registers again */
};

struct usdt__platform {
	const char *name;
	const char *helper;		/* device, or NULL: no DTrace */
	unsigned long add_request;
	unsigned long remove_request;
	enum usdt__add_shape add_shape;
	enum usdt__generation_from generation;
	enum usdt__remove_shape remove_shape;
	uint8_t dof_version;
	int relocate;			/* SETX relocations add dofhp_addr */
	enum usdt__offset_base offsets;
	int probe_bias;			/* added to offsets of sites, because */
	int isenabled_bias;		/* the kernel shifts them */
	enum usdt__isenabled isenabled;
	enum usdt__fork fork;
	int image;			/* probes live in ELF image files, and
					 * tracers go by inode and offset; else
					 * stubs are used once, and a provider's
					 * name has one document at a time */
	size_t max_provider;		/* longest names, without the zero */
	size_t max_module;
	size_t max_function;
	size_t max_name;
	size_t max_type;
	size_t max_dof;			/* bytes in one document, at most */
	unsigned max_documents;		/* per process; 0: no limit */
	unsigned patience;		/* seconds until the helper gives up on
					 * a document; 0: no such limit */
	const char *patience_of;	/* what sets this limit, for error
					 * texts */
	const char *narrow;		/* why 32-bit processes get EINVAL;
					 * NULL: they don't */
	const char *stash;		/* the directory where the helper's
					 * daemon keeps records of processes, by
					 * pid; NULL: none that outlive exec */
	uint64_t stash_pids;		/* the namespace of those pids, as the
					 * inode of /proc/PID/ns/pid */
	const char *stale;		/* a possible cause of EINVAL if the
					 * stash can't be read */
	const char *archs[8];		/* processors that the system traces */
	const char *reserved[4];	/* the system's own providers: it drops
					 * ours of these names silently */
	const char *provider_chars;	/* besides letters and digits */
	const char *limits;		/* what sets these limits, for error
					 * texts */
};

/* Offsets in a stub of the sites that DOF names, and the stub's size. */
struct usdt__sites {
	uint32_t isenabled, dof, size;
};

/* A type whose size or sign differs from that on most processors. */
struct usdt__own_type {
	const char *name;		/* NULL: no more */
	int size;			/* in bytes, negative if signed */
};

/* How operands of notes are written: a register, memory, a constant. */
enum usdt__syntax {
	USDT__SYNTAX_ATT,		/* %rax		8(%rax)		$5 */
	USDT__SYNTAX_ARM,		/* x0		[x0, 8]		5 */
	USDT__SYNTAX_SPARC,		/* %o0		[%o0+8]		5 */
	USDT__SYNTAX_RISCV,		/* a0		8(a0)		5 */
	USDT__SYNTAX_S390,		/* %r2		8(%r2)		5 */
	USDT__SYNTAX_ARM32,		/* r0		[r0, #8]	#5 */
	USDT__SYNTAX_POWER		/* %r3		8(%r3)		i5 */
};
#define USDT__NOTE_ARGS	12	/* libbpf fails to attach with more */

struct usdt__arch {
	const char *name;
	uint16_t elf_machine;		/* EM_* */
	uint32_t elf_flags;		/* EF_*: the ABI */
	uint8_t word;			/* bytes in a pointer and in a long */
	uint8_t align;			/* to which compilers align 8 bytes */
	uint8_t big_endian;
	uint32_t page;			/* largest page size of its kernels */
	unsigned registers;		/* arguments passed in registers */
	const char *const *register_names;	/* as SDT notes spell them */
	const char *stack_format;	/* printf format of a stack operand */
	unsigned stack_start;		/* offset of the first stack operand */
	const struct usdt__own_type *types;	/* of its C headers, or NULL */
	uint8_t biased;			/* the rows' biases of sites apply */
	uint8_t direct;			/* bytes of the instruction at direct
					 * sites; 0: it has no direct events */
	uint32_t direct_nop;		/* that instruction */
	const uint8_t *dwarf_registers;	/* DWARF's numbers of those */
	struct {			/* DWARF's numbers of registers: */
		uint8_t returns;	/* the return address */
		uint8_t stack;		/* the stack pointer */
		uint8_t frame;		/* the frame pointer that stubs restore,
					 * or 0 */
		uint16_t bias;		/* of the stack pointer; no register */
	} unwind;
	const char *const *operands;	/* registers that operands of the
					 * caller's may name, then NULL */
	enum usdt__syntax syntax;	/* of operands */
	const char *wide_format;	/* printf format of the second copies of
					 * arguments, 8 bytes each, or NULL */
	uint8_t wide_register;	/* DWARF's number of their register */
	struct usdt__sites sites[2];	/* by enum usdt__isenabled, in stubs
					 * with the smallest nop */
};

extern const struct usdt__platform usdt__platforms[];
extern const size_t usdt__platform_count;
extern const struct usdt__arch usdt__archs[];
extern const size_t usdt__arch_count;

/* The rows that this library was built for; the platform may be "none". */
const struct usdt__platform *usdt__native_platform(void);
const struct usdt__arch *usdt__native_arch(void);

/* Can a tracer see probes on this system and processor? */
int usdt__native_supported(void);

/* getenv for our own variables: NULL in a set-uid program. */
const char *usdt__getenv(const char *name);

/* Print a step to stderr if USDT_DEBUG is set.  Keeps errno. */
void usdt__debug(const char *format, ...) USDT__PRINTF(1, 2);

/* The text of an errno, in English whatever the host's locale is. */
const char *usdt__strerror(int error);

/* Replace control characters, and bytes that are not UTF-8, in TEXT by '?'. */
void usdt__printable(char *text);

/* Fill WHY.  ERROR is an errno or 0; the text does not get it.  Returns -1. */
int usdt__because(struct usdt__why *why, int error, const char *format, ...)
    USDT__PRINTF(3, 4);
/* Report that memory ran out.  Returns -1. */
int usdt__no_memory(struct usdt__why *why);

/* --- usdt_tracepoints_ARCH.s: what does a tracer see? ------------------- */

/*
 * A stub's machine code, and the offsets of its parts.
 * ORDER STUB: usdt_tracepoints_*.s have the same words in this order.  All
 * stubs of a processor have their entries at the same offsets.
 */
#define USDT__STUB_SIZE	32	/* of all but the largest typed ones */
#define USDT__STUB_MAX	64
struct usdt__stub {
	uint32_t nop;			/* bytes of the nop at the SDT site; 1:
					 * the processor's shortest nop */
	uint32_t answer;		/* enum usdt__isenabled */
	uint32_t isenabled;		/* entry: int isenabled(int *flag) */
	uint32_t isenabled_site;	/* DOF's is-enabled site */
	uint32_t fire;			/* entry, for usdt__fire */
	uint32_t sdt_site;		/* SDT notes point here */
	uint32_t dof_site;		/* DOF points here */
	uint32_t uprobe_site;		/* symbols and DWARF point here; 0:
					 * there is none */
	uint32_t size;			/* of the code: 32 or 64 */
	uint8_t code[USDT__STUB_MAX];
};
/* The plain ones, then as many for images that declare names or structs: the
 * typed stub of plain number i is number usdt__stub_count + i. */
extern const struct usdt__stub usdt__stubs[];
extern const uint32_t usdt__stub_count;		/* of the plain ones; 0: unknown
						 * processor */

/*
 * Two pieces of a stub, behind its entry for fires.  All sites of most stubs begin
 * in them.
 */
#define USDT__PIECE	8		/* bytes; from ... */
#define USDT__PIECE_1	4
#define USDT__PIECE_2	(USDT__PIECE_1 + USDT__PIECE)

/*
 * Their sum, which shows whether a tracer or a debugger has patched a site: no
 * breakpoint and no call of the kernel's leaves it as it was (unit/stubs).
 */
static inline uintptr_t
usdt__stub_sum(const uint8_t *fire)
{
	uintptr_t word, sum = 0;
	size_t at;

	for (at = 0; at < 2 * USDT__PIECE; at += sizeof word) {
		memcpy(&word, fire + USDT__PIECE_1 + at, sizeof word);
		sum += word;
		__asm__("" : "+r" (sum));	/* gcc would add vectors */
	}
	return sum;
}

/* The sum of a stub that nobody has patched; 0: the pieces don't have all of its
 * sites. */
static inline uintptr_t
usdt__stub_plain(const struct usdt__stub *stub)
{
	const uint32_t end = stub->fire + USDT__PIECE_2 + USDT__PIECE;

	return stub->dof_site < end && stub->sdt_site < end ?
	    usdt__stub_sum(stub->code + stub->fire) : 0;
}

/* A word of 64 bits, which may be a pointer of the caller's. */
typedef uint64_t __attribute__((may_alias)) usdt__word;

/*
 * Put ARGC words where the calling convention puts arguments, as if the
 * sites called a function with them, and run through the stub.  Where the
 * machine's words have 32 bits, the function gets the lower halves.
 */
void usdt__fire(const void *entry, size_t argc, const uint64_t *words);

/* --- core/guard.c: is this process a forked child to be mended? --------- */

/* Probes fire only while the first word is 1.  The second one is the process's
 * number: a child of vfork, which has all memory of its parent, has another. */
extern int32_t usdt__guard[];

/* Allow this process to fire. */
void usdt__guard_renew(void);
/* From now on the kernel sets the guard to 0 in children, until they renew it.
 * Returns 0 or an errno. */
int usdt__guard_make(void);
/* Does the kernel do so?  Then the guard shows without a system call that this
 * process is a new child. */
int usdt__guard_kept(void);
/* Returns 1 once in a new process.  The thread that gets it initialises the
 * lock and then calls usdt__guard_claimed; all others wait for that. */
int usdt__guard_claim(void);
void usdt__guard_claimed(void);

/* --- core/lock.c: which thread may change things, and mends a child? ---- */

/* All calls take this lock, except those that test and fire. */
void usdt__lock(void);
void usdt__unlock(void);

/*
 * Under the lock: release it during something long, and take it again.  The
 * caller first marks what no other thread may touch.
 */
void usdt__lock_lend(void);
void usdt__lock_take_back(void);
/* Under the lock: wait until some thread clears a mark, then look again. */
void usdt__wait_for_mark(void);
/* Under the lock: report that a mark was cleared. */
void usdt__mark_gone(void);

/* From now on each child calls MEND, under the lock, before anything else:
 * with FORKED 1 from the fork handler, else with 0 at its first call.  Returns
 * 0 or an errno. */
int usdt__watch_fork(void (*mend)(int forked));

/* --- image/nop.c: which nop stands at a probe's sites? ------------------- */

/* The stub that suits this kernel and process; NULL: unknown processor. */
const struct usdt__stub *usdt__stub_choose(int typed);

/* --- core/turn.c: which copy of the library in this process may act now? - */

enum usdt__turn {
	USDT__TURN_IMAGES,	/* to see what is mapped and map more */
	USDT__TURN_HELPER,	/* to talk to the helper */
	USDT__TURN_STASH	/* to see its stash and have it dropped */
};

/*
 * Wait until no other copy of the library in this process has this turn.
 * Returns a descriptor, or -1 if it can't be opened, for example because /proc
 * is missing.  *ALONE is 0 if other copies may act at the same time.
 */
int usdt__turn_take(enum usdt__turn which, int *alone);
/* End the turn, if it is not -1.  Keeps errno. */
void usdt__turn_give(int turn);

/* --- core/name.c: which names are valid, how do tracers spell them? ----- */

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
int usdt__name_check_struct(const struct usdt__platform *row,
    const char *name, struct usdt__why *why);

/* DTrace's spelling ("__" is '-') to OUT (strlen + 1); returns its length. */
size_t usdt__name_dof(const char *name, char *out);
/* Can a probe description in D hold the name as it is? */
int usdt__name_spells(const char *name);
/* The notes' spelling ('-' is "__") to OUT (2 * strlen + 1), or NULL. */
size_t usdt__name_note(const char *name, char *out);

/* --- core/type.c: which size and sign does a C type have? --------------- */

/* Bytes, negative if signed: -4 for "int".  Unknown names: a machine word. */
int usdt__type_size(const char *type, const struct usdt__arch *arch);
/* The same of the argument, which is one word at most, or 8 bytes where the
 * arguments lie once more in such words. */
int usdt__type_word_size(const char *type, const struct usdt__arch *arch);
/* Is it to be read there? */
int usdt__is_wide(int size, const struct usdt__arch *arch);

/* usdt__type_size of the first LENGTH bytes. */
int usdt__type_size_of(const char *type, size_t length,
    const struct usdt__arch *arch);
/* Does the library know the size of a base type? */
int usdt__type_is_known(const char *type, size_t length,
    const struct usdt__arch *arch);
/* Is it float or double? */
int usdt__type_is_float(const char *type, size_t length);

/* Which known type may the first word of an unknown one be a misspelling of?
 * Sets WORD and LENGTH if it is one; else returns NULL. */
const char *usdt__type_meant(const char *type, const char **word,
    size_t *length);

/* --- core/declarator.c: what does a type string declare? ------------------ */

enum usdt__base {
	USDT__BASE_UNKNOWN,	/* its size is not known: a word */
	USDT__BASE_INTEGER,
	USDT__BASE_FLOAT,	/* float or double */
	USDT__BASE_ENUM,
	USDT__BASE_STRUCT,
	USDT__BASE_VOID		/* or a function */
};

struct usdt__declarator {	/* its pointers lead into TEXT */
	const char *text;
	enum usdt__base base;
	int size;		/* of the base type in bytes, negative if
				 * signed; 0: a struct or void */
	unsigned pointers;	/* to the base type */
	unsigned dimensions;	/* of an array of these; 0: no array */
	size_t elements;	/* of its first dimension; SIZE_MAX: unknown */
	const char *name;	/* if name_length is not 0 */
	size_t name_length;
	const char *tag;	/* the base type's last word */
	size_t tag_length;
	const char *translated;	/* D's type after ':', or NULL */
	size_t type_length;	/* of the string before that */
};

/* Parse TEXT, the type number INDEX.  Returns 0, or -1 and WHY. */
int usdt__declarator_parse(struct usdt__declarator *out, const char *text,
    size_t index, const struct usdt__arch *arch, struct usdt__why *why);

/* The same in few bytes.  A string has at most 127, so all fit. */
struct usdt__kept_declarator {
	uint8_t base;
	int8_t size;
	uint8_t pointers, dimensions;
	uint8_t name, name_length;	/* offsets in the string */
	uint8_t tag, tag_length;
	uint8_t translated;		/* 0: NULL */
	uint8_t type_length;
};

/* Keep what a string declares ... */
void usdt__declarator_keep(const struct usdt__declarator *declarator,
    struct usdt__kept_declarator *kept);
/* ... and get it back without reading the string.  An array is read, for its
 * elements are not kept. */
void usdt__declarator_get(struct usdt__declarator *out,
    const struct usdt__kept_declarator *kept, const char *text,
    const struct usdt__arch *arch);
/* Is the base type plain char, which is neither signed nor unsigned char? */
int usdt__declarator_is_char(const struct usdt__declarator *declarator);
/* Write the type without the name, never longer than the string; returns
 * its length. */
size_t usdt__declarator_type(const struct usdt__declarator *declarator,
    char *out);

/* --- core/operand.c: where may a site of the caller's have arguments? ----- */

/* Check the operands of ARGC arguments of probe NAME. */
int usdt__operands_check(const char *operands, const char *name, size_t argc,
    const struct usdt__arch *arch, struct usdt__why *why);

/* --- small things ------------------------------------------------------- */

static inline size_t
usdt__align(size_t value, size_t to)
{
	return (value + to - 1) & ~(to - 1);
}

/*
 * Claim what one thread of a process does once.  That thread gets 1, and the
 * word holds MARK until the thread stores DONE or FINISHED there.  All other
 * threads wait for that, and get 0.  Any other value in the word comes from
 * another process, or means that nothing has been done yet.
 *
 * The wait is rare and short.  It sleeps because the other thread may have a
 * lower priority: it would never run beside a thread that only yields.
 */
static inline int
usdt__claim(int32_t *word, int32_t mark, int32_t done, int32_t finished)
{
	const struct timespec pause = { 0, 100000 };
	int32_t now = __atomic_load_n(word, __ATOMIC_ACQUIRE);

	for (;;) {
		if (now == done || now == finished)
			return 0;
		if (now == mark) {
			nanosleep(&pause, NULL);
			now = __atomic_load_n(word, __ATOMIC_ACQUIRE);
		} else if (__atomic_compare_exchange_n(word, &now, mark, 0,
		    __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) {
			return 1;
		}
	}
}

/*
 * Load a word that other threads change.  What must be read after it needs a
 * fence.  This is no atomic load, because compilers then don't compare with
 * memory directly, and need one more instruction.
 */
static inline int32_t
usdt__load(const int32_t *word)
{
#if defined(USDT_TSAN)
	return __atomic_load_n(word, __ATOMIC_ACQUIRE);
#else
	return *word;
#endif
}

/* The same for other kinds of words. */
#if defined(USDT_TSAN)
#define USDT__LOAD(word)	__atomic_load_n(&(word), __ATOMIC_ACQUIRE)
#else
#define USDT__LOAD(word)	(word)
#endif

static inline void
usdt__load_fence(void)
{
#if !defined(USDT_TSAN)	/* it neither knows nor needs one */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
#endif
}

void usdt__store_bytes(uint8_t *out, size_t size, uint64_t value,
    int big_endian);

/* Store an integer of 1, 2, 4 or 8 bytes in the given byte order. */
static inline void
usdt__store(void *to, size_t size, uint64_t value, int big_endian)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	/* The common case: the bytes are for this processor. */
	if (!big_endian) {
		memcpy(to, &value, size);
		return;
	}
#endif
	usdt__store_bytes(to, size, value, big_endian);
}

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif /* USDT_PLATFORM_H */
