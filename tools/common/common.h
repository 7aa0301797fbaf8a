/*
 * common.h - what all subcommands share.
 *
 * One section per file, in the order in which they use each other: a file may
 * use the sections above its own, and nothing below.  The command reads other
 * programs' files: nothing in here trusts what it reads, and no name, path,
 * count or string has a fixed limit.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef TOOLS_COMMON_H
#define TOOLS_COMMON_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "image/image.h"

/* --- memory.c: what happens when memory runs out? ------------------------- */

/* End the command with a message. */
void out_of_memory(void) __attribute__((noreturn));
/* Like malloc's family, but never NULL: the command ends with a message. */
void *xcalloc(size_t count, size_t size);
void *xreallocarray(void *old, size_t count, size_t size);
char *xstrndup(const char *text, size_t length);
char *xasprintf(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
/* A stream that makes a text, which is whole after text_end and to be freed. */
FILE *text_begin(char **text, size_t *size);
void text_end(FILE *stream);

/* Make room for one more element at the end of ARRAY, which has COUNT. */
#define ROOM_FOR_ONE(array, count, space) do { \
	if ((count) == (space)) { \
		(space) = (space) ? (space) * 2 : 8; \
		(array) = xreallocarray((array), (space), sizeof *(array)); \
	} \
} while (0)

/* --- tree.c: how is an element added to a tree? --------------------------- */

/* tsearch: where the element of a tree is that equals KEY, or KEY itself now. */
void *xtsearch(const void *key, void **root,
    int (*compare)(const void *one, const void *other));

/* --- utf8.c: which bytes are a character of UTF-8? ------------------------ */

/*
 * The length of the character that begins the LENGTH bytes at TEXT, at least
 * one; 0 if it is not valid.  Surrogates and longer forms than needed are not.
 */
size_t utf8_character(const char *text, size_t length);

/* --- quote.c: how is somebody else's text printed safely? ----------------- */

/* Text for a terminal: bytes that can't be printed, and '\', become \xNN. */
void quote_line(FILE *out, const char *text);
/*
 * The same for a message of the library, which writes \xNN itself but leaves
 * names as they are.
 */
void quote_message(FILE *out, const char *text);
/* Turn each \xNN of quote_line back into its byte, in place. */
void quote_undo(char *text);
/* Like quote_line, but blanks become \x20 too. */
void quote_word(FILE *out, const char *text);
/* LENGTH bytes as a C string literal, with its quotes. */
void quote_string(FILE *out, const char *bytes, size_t length);
/*
 * One word for the shell, in single quotes if it needs any; as $'\NNN' if it
 * has bytes that can't be printed.
 */
void quote_shell(FILE *out, const char *word);

/* --- options.c: how do all subcommands treat options and errors? ---------- */

/* Exit codes of every subcommand. */
enum {
	EXIT_FINE = 0,
	EXIT_TROUBLE = 1,	/* something failed, or nothing was found */
	EXIT_USAGE = 2
};

/* Print "usdt: WHAT: WHY" on stderr; returns EXIT_TROUBLE. */
int complain(const char *what, const char *why);

/* Parse an option's number, of at least 1, or print an error and return -1. */
long parse_count(const char *option, const char *text);
/* Parse an option's seconds, which may have a fraction: nanoseconds, or print an
 * error and return 0. */
uint64_t parse_seconds(const char *option, const char *text);

/* Print the help, for -h or after an unknown option; returns the exit code. */
int print_help(int option, void (*help)(FILE *out));
/* Print an error and the help on stderr; returns EXIT_USAGE. */
int misuse(void (*help)(FILE *out), const char *why);

/* --- mappings.c: which files do processes map? ---------------------------- */

/* An executable mapping of a file by one process. */
struct holder {
	pid_t pid;
	uint64_t start, end;
};

struct mapped {
	uint64_t device, inode;	/* as /proc/PID/maps has it */
	char *path;		/* the kernel's, without " (deleted)" */
	int deleted;		/* no name leads to the file any more */
	struct holder *holders;	/* one per process, by pid */
	size_t count, space;
	int looked;		/* for the caller's use, 0 at first */
};

struct census {
	struct mapped **files;
	size_t count, space;
	void *index;		/* the same, for lookups */
	size_t processes;	/* processes that we read */
	size_t hidden;		/* processes that we may not read */
};

/* A line of /proc/PID/maps. */
struct mapping {
	uint64_t start, end, offset, device, inode;
	int executable;
	char *path;		/* in the line; "" if it has none */
};

/*
 * The next mapping behind MAPPING, which begins with zeros: an executable one of a
 * file, or with SHARED one that is shared, and written to.  PATH gets its path.
 * MAPS is what process_maps returned.  Returns 1, or 0 if there is none, or -1 if
 * the kernel does not answer (Linux 6.11 is the first that does): then the lines
 * of MAPS have to be read.
 */
#define MAPPING_PATH	4096
int mapping_ask(FILE *maps, struct mapping *mapping, int shared,
    char path[MAPPING_PATH]);
/* Parse a line, which is changed.  Returns -1 if it makes no sense. */
int mapping_parse(struct mapping *mapping, char *line);

/*
 * Find the files that processes map executable: those of process ONLY, or of
 * all processes if it is 0.  Returns 0, or an errno if ONLY can't be read.
 */
int census_take(struct census *census, pid_t only);
/* The same, with a call after each process: there may be thousands. */
int census_take_slowly(struct census *census, pid_t only,
    void (*between)(void *self), void *self);
/* Add those of one more process.  Returns 0 or an errno. */
int census_add(struct census *census, pid_t pid);
/* The file of that device and inode, or NULL. */
struct mapped *census_find(const struct census *census, uint64_t device,
    uint64_t inode);
void census_free(struct census *census);

/* DTrace's name for a file mapped by that path: the module. */
const char *mapped_module(const char *path);
/* A message that COUNT processes could not be read.  To be freed. */
char *hidden_text(size_t count);

/* Open a mapped file even if its name is gone; -1 and errno if that fails. */
int mapped_open(const struct mapped *file);
/* When a file last changed, in nanoseconds; 0 if unknown. */
uint64_t file_changed(const struct stat *st);
uint64_t mapped_changed(const struct mapped *file);

/* A path to a descriptor by which a process has the file open, or NULL. */
char *mapped_descriptor(const struct mapped *file);

/* Its /proc/PID/maps; NULL and errno if it can't be read. */
FILE *process_maps(pid_t pid);
/*
 * Can a process read memory around ADDRESS?  1: yes, and RANGE is the mapping,
 * with its end after the last byte; 0: nothing is mapped there; -1: the
 * process can't be read, or is gone.
 */
int process_readable(pid_t pid, uint64_t address, struct holder *range);
/*
 * Open a regular file, or with OR_PIPE also a pipe (which may wait).  If it
 * fails, returns -1 and errno: EISDIR for a directory, 0 for any other kind of
 * file.
 */
int open_regular(const char *name, int or_pipe);
/*
 * Open a regular file as the process sees it.  Links that it may have made lead
 * nowhere but in its own root.  FLAGS: O_NOFOLLOW or 0.  Needs Linux 5.6.
 */
int process_open(pid_t pid, const char *path, int flags);

/* Flags and start time of a process.  Returns 0 or an errno. */
int process_stat(pid_t pid, unsigned long *flags, unsigned long long *start);
/*
 * Parse an option's process, by number or by name if just one has it, or print
 * an error and return -1.
 */
pid_t parse_pid(const char *text);
/* The name of a process's program; "?" if the process is gone.  To be freed. */
char *process_command(pid_t pid);

/* --- dof.c: what is in a DOF document, which probes does it describe? ----- */

struct dof {
	const uint8_t *bytes;
	size_t size;		/* of the document, as far as present */
	int big_endian;
	uint64_t sections;	/* where the sections' headers are ... */
	uint64_t section_size;	/* ... and the size of each */
	uint64_t section_count;	/* how many of them are inside the document */
	uint64_t section_claim;	/* how many the document claims */
};

struct dof_part {		/* a section */
	uint64_t index, header;	/* where its header is */
	uint32_t type, align, flags, entry;
	uint64_t at, size;
	int inside;		/* all of it is in the document */
};

/* Begin to read a document; -1 if it has no DOF header. */
int dof_open(struct dof *dof, const uint8_t *bytes, size_t size);
/* Offset at which the next document may begin; SIZE if there is no room. */
size_t dof_next(const struct dof *dof, size_t size);

/* An integer of SIZE bytes; 0 beyond the end. */
uint64_t dof_load(const struct dof *dof, uint64_t at, unsigned size);
#define DOF_LOAD(dof, at, type, member) \
	dof_load((dof), (at) + offsetof(struct type, member), \
	    (unsigned)sizeof(((struct type *)0)->member))

/* Section number INDEX; -1 if there is none. */
int dof_section(const struct dof *dof, uint64_t index, struct dof_part *part);
/* The same, but only a section of that type that lies inside the document. */
int dof_section_of(const struct dof *dof, uint64_t index, uint32_t type,
    struct dof_part *part);
/*
 * The string at OFFSET in a string table; NULL if it is cut off or longer than
 * any that a system accepts.
 */
const char *dof_string(const struct dof *dof, const struct dof_part *strings,
    uint64_t offset);

struct dof_site {	/* the strings are in the document */
	uint64_t address;	/* relative to the future dofhp_addr */
	const char *provider, *function, *name;
	const char *types;	/* of the native arguments, one after another */
	size_t argc;
};

struct dof_sites {
	struct dof_site *site;	/* by address */
	size_t count, space;
};

/*
 * Add one entry for each site of each probe.  Entries that make no sense are
 * left out.  Returns -1 if the bytes are no DOF document.
 */
int dof_read(struct dof_sites *sites, const uint8_t *bytes, size_t size);
void dof_free(struct dof_sites *sites);

/* --- types.c: which names, prototypes and structs does an image declare? --- */

struct probe;

struct type_member {		/* a struct's, or an argument */
	char *text;		/* its declaration */
	char *name;
	struct usdt__declarator declarator;
	const struct type_struct *of;	/* the struct that it is, or that it
					 * points to; NULL: none, or unknown */
	size_t offset;		/* in the struct */
	size_t size, align;	/* of one element; 0: unknown */
	size_t elements;	/* 1, unless it is an array; 0: unknown */
};

struct type_struct {
	char *name;
	size_t size, align;
	int packed;		/* no member is aligned */
	struct type_member *members;
	size_t count;
};

struct type_probe {
	char *name;		/* in the note's spelling */
	struct type_member *params;
	size_t count;
	int is_type;		/* it is a type of functions */
	int shared;		/* the parameters are another's */
};

struct types {
	struct type_struct **structs;
	size_t struct_count, struct_space;
	struct type_probe *probes;	/* by name */
	size_t probe_count, probe_space;
};

/* Read a text of SIZE bytes; never NULL. */
struct types *types_read(const char *text, size_t size,
    const struct usdt__arch *arch);
void types_free(struct types *types);
/* The struct of that name, or NULL.  TYPES may be NULL here and below. */
const struct type_struct *types_struct(const struct types *types,
    const char *name, size_t length);
/* The prototype of a probe, or NULL. */
const struct type_probe *types_probe(const struct types *types,
    const struct probe *probe);

/* --- image.c: which probes does an ELF file have? ------------------------- */

struct probe {			/* the strings belong to the image */
	const char *provider;
	const char *name;	/* in DTrace's spelling if there is DOF */
	const char *note_name;	/* in the note's spelling; NULL: no note */
	const char *function;	/* "" if unknown */
	const char *note_args;	/* "" if there is no note */
	const char *types;	/* from DOF: C types, one after another */
	size_t type_count;	/* 0: unknown */
	uint64_t address;	/* of the site, as the file says */
	uint64_t moved;		/* how far .stapsdt.base moved that */
	uint64_t site;		/* the same as an offset in the file */
	uint64_t semaphore;	/* offset of its semaphore; 0: there is none */
	int elsewhere;		/* no DOF describes this site, but DOF describes
				 * others: it may be in a program's own code */
	const struct probe *twin;	/* then its site that DOF describes, and
				 * that one's site elsewhere; or NULL */
	const char *unreachable;	/* why no tracer can attach, or NULL */
};

struct image {
	unsigned machine;	/* EM_* */
	int build_id;		/* it has one */
	uint8_t id[20];		/* that, if it has 20 bytes; else zeros */
	struct usdt__direct direct;	/* offsets are in the file; magic is 0:
					 * it has no direct sites */
	int filtered;		/* see direct_ask_filters */
	uint64_t gates;		/* offset of its semaphores in the file */
	int dof;		/* it has DOF that describes probes */
	int linked;		/* the linker loads it: gdb knows where */
	uint64_t code;		/* address of the first executable page */
	struct probe *probes;	/* in the file's order */
	size_t count, space;
	struct types *types;	/* that it declares, or NULL */
	struct symbol *symbols;	/* by name, if a note's operand names one */
	size_t symbol_count;
	void **blocks;		/* memory that holds the strings */
	size_t block_count, block_space;
};

/* Read an ELF file; NULL if it is none.  Without probes, count is 0. */
struct image *image_read(int fd);
void image_free(struct image *image);
/* Its processor; NULL: none that we know. */
const struct usdt__arch *image_arch(const struct image *image);

/* Length of the argument that begins at TEXT, inside a note's arguments. */
size_t image_operand(const char *text);
/*
 * The address of a symbol that an operand names; -1 if there is none, or if
 * several have that name.
 */
int image_symbol(const struct image *image, const char *name, size_t length,
    uint64_t *address);

/* The functions of an ELF file; NULL if it is none. */
struct functions;
struct functions *functions_read(int fd);
/* A file without symbols says where they are: in a file that has its build ID, or
 * in one of that name. */
struct debug_link {
	uint8_t id[64];
	size_t id_size;		/* 0: there is none */
	char name[256];		/* "": there is none */
	uint32_t checksum;	/* the CRC-32 of the file with that name */
};
/* NULL: it has them. */
const struct debug_link *functions_link(const struct functions *functions);
/*
 * Take the symbols of that file.  -1: it has none, or another build ID.  Its
 * checksum counts if there is no build ID, and is not checked here.
 */
int functions_add(struct functions *functions, int fd);
void functions_free(struct functions *functions);
/*
 * The function that has the byte at OFFSET of the file, and the offset at which
 * it begins; or NULL.
 */
const char *functions_at(const struct functions *functions, uint64_t offset,
    uint64_t *begin);

/* --- pattern.c: which probes did the user name? --------------------------- */

/*
 * [PATH:]PROVIDER[:PROBE], [PATH:]PROVIDER:MODULE:FUNCTION:PROBE or PATH, with
 * wildcards in all parts but the path.
 */
struct pattern {
	const char *text;	/* what was parsed; the user's */
	char *path;		/* or NULL */
	char *provider;
	char *module;
	char *function;
	char *name;
	char *dof_name;		/* the same in DTrace's spelling */
};

/*
 * Parse WORDS, which end with NULL, or print an error and return -1; then
 * nothing is to be freed.
 */
int patterns_parse(struct pattern **patterns, size_t *count, char **words);
void patterns_free(struct pattern *patterns, size_t count);
/*
 * Does the pattern match that probe of a file at PATH?  The caller checks that
 * it is the very file that the pattern means.
 */
int pattern_matches(const struct pattern *pattern, const char *path,
    const struct probe *probe);
/* A pattern for that provider and probe alone, in PATH unless it is NULL. */
char *pattern_for(const char *path, const struct probe *probe);

/* --- nearest.c: which name did the user mean? ----------------------------- */

struct nearest {		/* begins with zeros */
	char *name;		/* a pattern that matches, or NULL */
	size_t distance;	/* letters that differ */
};

/* Remember the probe if it is nearer to the pattern than others before. */
void nearest_try(struct nearest *nearest, const struct pattern *pattern,
    const struct probe *probe);
/* Ask on stderr whether that is meant; nothing if there is none. */
void nearest_print(const struct nearest *nearest);
/* The same for the nearest one of process ONLY, or of all if it is 0. */
void nearest_report(const struct pattern *pattern, pid_t only);

/* --- argument.c: what is known of a probe's arguments? -------------------- */

struct argument {
	const char *name;	/* the image's; NULL: it has none */
	const char *type;	/* in C, from DOF; NULL: unknown */
	const struct type_member *declared;	/* in the image's text of types,
						 * or NULL */
	char *operand;		/* as the note spells it; or NULL */
	int size;		/* in bytes; negative: signed; 0: unknown */
};

/* All arguments of a probe; arguments_free frees them. */
struct argument *arguments_of(const struct image *image,
    const struct probe *probe, size_t *count);
void arguments_free(struct argument *args, size_t count);

/* Is the argument a string, which is printed as text?  A pointer? */
int argument_is_text(const struct argument *argument);
int argument_is_pointer(const struct argument *argument);
/* Is NAME that of TEXT with "_len" behind it: a text's length? */
int argument_is_length_of(const char *name, const char *text);
/* Is what is passed in SIZE bytes a float or a double? */
int argument_is_float(const struct argument *argument, size_t size);
/* Its type, or a type of its size, for people. */
const char *argument_type(const struct argument *argument);

/* --- direct.c: can a probe's events go direct, without the kernel? --------- */

/* NULL: they can.  Else why not, for people. */
const char *direct_obstacle(const struct image *image,
    const struct probe *probe);
/* The number of its gate, and its first cell; if there is no obstacle. */
uint32_t direct_gate(const struct image *image, const struct probe *probe);
uint32_t direct_cell(const struct image *image, const struct probe *probe);
/*
 * The offset of its direct site, where a uprobe opens the gate; and of the
 * semaphore that is meant for that.
 */
uint64_t direct_site(const struct image *image, const struct probe *probe);
uint64_t direct_semaphore(const struct probe *probe);
/*
 * Has the process a seccomp filter, which may forbid what direct events need?
 * -1: unknown, or the process is gone.
 */
int direct_is_filtered(pid_t pid);
/*
 * Has one of the processes that map the file?  Then its probes can't go direct:
 * gates open in all of them.
 */
#define DIRECT_FILTERED	"a process has a seccomp filter"
void direct_ask_filters(struct image *image, const struct mapped *file);

/* --- operand.c: how does the kernel fetch an argument? -------------------- */

/*
 * Translate an argument's operand to a fetch argument of tracefs.  Returns it
 * without a type, to be freed; NULL if the kernel can't fetch it.  HIGH is set
 * to 1 for bits 8 to 15 of a register, else to 0.
 */
char *operand_fetch(const struct image *image, const struct probe *probe,
    const struct argument *argument, int *high);

/* Can this kernel trace code for that machine? */
int operand_machine_known(unsigned machine);

/* --- scripts.c: which scripts print a probe's arguments? ------------------ */

struct commands_for;

/* "request_start" of "request__start": the beginning of its arguments' names in
 * headers.  To be freed, as all below. */
char *probe_identifier(const struct probe *probe);

/* PLACE is what bpftrace calls the file. */
char *script_bpftrace(const char *place, const struct commands_for *wanted);
/* The same by name, for bpftrace; a definition of an event, for perf. */
char *script_bpftrace_named(const char *place,
    const struct commands_for *wanted);
char *script_perf_named(const struct commands_for *wanted);
/* NAME is the probe's in DTrace's spelling. */
char *script_dtrace(const struct commands_for *wanted, const char *name);

/* --- commands.c: which command lines trace a probe? ----------------------- */

struct commands_for {
	const struct image *image;
	const struct probe *probe;
	const char *path;	/* a name that leads to the file, or NULL */
	const char *place;	/* bpftrace -p's name for it, or NULL */
	const char *file;	/* any path that leads to it, or NULL */
	pid_t pid;		/* of a process that maps it, or 0 */
	uint64_t code;		/* where that process maps its code */
};
void commands_print(FILE *out, const struct commands_for *advice);
/* A probe whose name keeps perf from all probes of the file, or NULL. */
const struct probe *commands_perf_obstacle(const struct image *image);

/* --- definition.c: which probes does a command line define? --------------- */

struct definition {
	usdt_provider_t *provider;
	usdt_probedef_t **probes;
	size_t count, space;
};

/* Is TEXT a definition?  Otherwise it is a file's name. */
int definition_is(const char *text);
/* Add the definition in TEXT, or print an error and return -1. */
int definition_add(struct definition *definition, const char *text,
    const struct usdt__platform *row);
void definition_free(struct definition *definition);
/* Print what is wrong with a definition; returns -1. */
int definition_wrong(const char *text, const char *why);

/* --- tracefs.c: how are uprobe events made and removed? ------------------- */

struct tracefs {
	char *root;		/* where it is mounted */
	char *group;		/* the name of our events' group */
	int events;		/* uprobe_events, open for writing */
};

/*
 * Open tracefs, mount it if necessary, and remove the events that earlier, dead
 * runs left.  On failure prints what is missing and returns -1.
 */
int tracefs_open(struct tracefs *tracefs);
/* Where tracefs is mounted, or NULL.  To be freed. */
char *tracefs_find(void);
void tracefs_close(struct tracefs *tracefs);

/* Define the events in TEXT, one per line.  Returns 0 or an errno. */
int tracefs_define(struct tracefs *tracefs, const char *text, size_t length);
/* Remove the event of that number, which must not be in use. */
void tracefs_remove(struct tracefs *tracefs, unsigned number);
/* The text of the event's "id" or "format" file, or NULL and errno. */
char *tracefs_event_file(struct tracefs *tracefs, unsigned number,
    const char *name);

#endif /* TOOLS_COMMON_H */
