/*
 * common.h - what all subcommands share.
 *
 * One section per file, in the order in which they use each other: a file may
 * use the sections above its own, and nothing below.  The command reads other
 * programs' files: nothing in here trusts what it reads, and no name, path,
 * count or string has a fixed limit.
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

/* Like malloc's family, but never NULL: the command ends with a message. */
void *need_zeroed(size_t count, size_t size);
void *need_grown(void *old, size_t count, size_t size);
char *need_copy(const char *text, size_t length);
char *need_format(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Make room for one more element at the end of ARRAY, which has COUNT. */
#define ROOM_FOR_ONE(array, count, space) do { \
	if ((count) == (space)) { \
		(space) = (space) ? (space) * 2 : 8; \
		(array) = need_grown((array), (space), sizeof *(array)); \
	} \
} while (0)

/* --- quote.c: how is somebody else's text shown safely? ------------------- */

/* Text on a terminal: what can't be printed, and '\', as \xNN. */
void quote_line(FILE *out, const char *text);
/* The same of what the library says: it writes \xNN itself, but names as they
 * are. */
void quote_told(FILE *out, const char *text);
/* In place: what quote_line shows as \xNN, as the byte that it was. */
void quote_undo(char *text);
/* As quote_line, and blanks too. */
void quote_word(FILE *out, const char *text);
/* A C string literal of LENGTH bytes, with its quotes. */
void quote_string(FILE *out, const char *bytes, size_t length);
/* One word for the shell, in single quotes if it needs any; what can't be
 * printed as $'\NNN'. */
void quote_shell(FILE *out, const char *word);

/* --- options.c: what do the subcommands accept, how do they end? -------- */

/* Exit codes of every subcommand. */
enum {
	EXIT_FINE = 0,
	EXIT_TROUBLE = 1,	/* it could not be done, or nothing was found */
	EXIT_USAGE = 2
};

/* Parse a number of at least 1 for an option, or tell and return -1. */
long parse_count(const char *option, const char *text);

/* --- mappings.c: which files do processes map? ---------------------------- */

/* An executable mapping of a file by one process. */
struct holder {
	pid_t pid;
	uint64_t start, end;
};

struct mapped {
	uint64_t device, inode;	/* as in /proc/PID/maps */
	char *path;		/* the kernel's, without " (deleted)" */
	int deleted;		/* no name leads to it any more */
	struct holder *holders;	/* one per process, in order of pid */
	size_t count, space;
};

struct census {
	struct mapped **files;
	size_t count, space;
	void *index;		/* the same, for lookups */
	size_t processes;	/* that could be looked into */
	size_t hidden;		/* that could not */
};

/*
 * Find the files that processes map executable: those of process ONLY, or
 * of all if it is 0.  Returns 0, or an errno if ONLY can't be looked into.
 */
int census_take(struct census *census, pid_t only);
void census_free(struct census *census);

/* The module, as DTrace calls it, of a file that is mapped by that path. */
const char *mapped_module(const char *path);
/* That COUNT processes could not be looked into, for people.  To be freed. */
char *hidden_text(size_t count);

/* Open a mapped file, whatever became of its name; -1 and errno if not. */
int mapped_open(const struct mapped *file);
/* When a file was changed last, in nanoseconds; 0 if nobody can tell. */
uint64_t file_changed(const struct stat *st);
uint64_t mapped_changed(const struct mapped *file);

/* A descriptor of it that one of its processes has open, as a path, or NULL. */
char *mapped_descriptor(const struct mapped *file);

/* Its /proc/PID/maps; NULL and errno if it can't be read. */
FILE *process_maps(pid_t pid);
/* Where may a process read memory, around ADDRESS?  1 and RANGE, whose end is
 * behind it; 0: not there; -1: it can't be looked into, or is gone. */
int process_readable(pid_t pid, uint64_t address, struct holder *range);
/* Open a regular file, or also a pipe (this may wait); -1 and errno if not,
 * which is EISDIR for a directory and 0 for anything else. */
int open_regular(const char *name, int or_pipe);

/* Flags and start time of a process; 0, or an errno. */
int process_stat(pid_t pid, unsigned long *flags, unsigned long long *start);
/* The name of a process's program, "?" if it is gone.  To be freed. */
char *process_command(pid_t pid);

/* --- dof.c: what is in a DOF document, which probes does it describe? --- */

struct dof {
	const uint8_t *bytes;
	size_t size;		/* of the document, as far as it is there */
	int big_endian;
	uint64_t sections;	/* where their headers are ... */
	uint64_t section_size;	/* ... and the size of one */
	uint64_t section_count;	/* those of its headers that are inside */
	uint64_t section_claim;	/* as many as there should be */
};

struct dof_part {		/* a section */
	uint64_t index, header;	/* where its header is */
	uint32_t type, align, flags, entry;
	uint64_t at, size;
	int inside;		/* all of it is in the document */
};

/* Begin with a document; -1 if it has no DOF header. */
int dof_open(struct dof *dof, const uint8_t *bytes, size_t size);
/* Where behind its begin another one may be; SIZE if there is no room. */
size_t dof_next(const struct dof *dof, size_t size);

/* An integer of SIZE bytes; 0 beyond the end. */
uint64_t dof_load(const struct dof *dof, uint64_t at, unsigned size);
#define DOF_LOAD(dof, at, type, member) \
	dof_load((dof), (at) + offsetof(struct type, member), \
	    (unsigned)sizeof(((struct type *)0)->member))

/* Section number INDEX; -1 if there is none. */
int dof_section(const struct dof *dof, uint64_t index, struct dof_part *part);
/* The same, but only of that type, and all of it inside the document. */
int dof_section_of(const struct dof *dof, uint64_t index, uint32_t type,
    struct dof_part *part);
/* The string at OFFSET in a string table, or NULL: it is not all there, or
 * longer than any that a system takes. */
const char *dof_string(const struct dof *dof, const struct dof_part *strings,
    uint64_t offset);

struct dof_site {	/* the strings are in the document */
	uint64_t address;	/* relative to what dofhp_addr will be */
	const char *provider, *function, *name;
	const char *types;	/* of the native arguments, one after another */
	size_t argc;
};

struct dof_sites {
	struct dof_site *site;	/* in order of address */
	size_t count, space;
};

/*
 * Add one entry for each place where a probe fires.  What does not make sense
 * is left out.  Returns -1 if it is not a DOF document at all.
 */
int dof_read(struct dof_sites *sites, const uint8_t *bytes, size_t size);
void dof_free(struct dof_sites *sites);

/* --- image.c: which probes does an ELF file have? ------------------------- */

struct probe {			/* the strings belong to the image */
	const char *provider;
	const char *name;	/* in DTrace's spelling where DOF tells it */
	const char *note_name;	/* in the note's; NULL: there is no note */
	const char *function;	/* "" if unknown */
	const char *note_args;	/* "" if there is no note */
	const char *types;	/* from DOF: argc C types, one after another */
	size_t type_count;	/* 0: nobody told */
	uint64_t address;	/* of the site, as the file says */
	uint64_t moved;		/* how far .stapsdt.base moved that */
	uint64_t site;		/* the same as an offset in the file */
	uint64_t semaphore;	/* offset of its counter, or 0: none */
	const char *unreachable;	/* why no tracer can attach, or NULL */
};

struct image {
	unsigned machine;	/* EM_* */
	int build_id;		/* it has one */
	int dof;		/* it has DOF that describes probes */
	int linked;		/* a program, or the linker's to load: gdb
				 * finds out for itself where it is */
	uint64_t code;		/* address of the page that is executed first */
	struct probe *probes;	/* in the file's order */
	size_t count, space;
	struct symbol *symbols;	/* by name, if a note's operand names one */
	size_t symbol_count;
	void **blocks;		/* what the strings are in */
	size_t block_count, block_space;
};

/* Read an ELF file; NULL if it is none.  One without probes has count 0. */
struct image *image_read(int fd);
void image_free(struct image *image);

/* How long the argument at TEXT is, in what is left of a note's text. */
size_t image_operand(const char *text);
/* The address of a symbol that an operand names; -1 if there is none, or more
 * than one that it could be. */
int image_symbol(const struct image *image, const char *name, size_t length,
    uint64_t *address);

/* --- pattern.c: which probes did the user name? --------------------------- */

/* [PATH:]PROVIDER[:PROBE] or [PATH:]PROVIDER:MODULE:FUNCTION:PROBE, with
 * wildcards in all but the path. */
struct pattern {
	const char *text;	/* what was parsed; the user's */
	char *path;		/* or NULL */
	char *provider;
	char *module;
	char *function;
	char *name;
	char *dof_name;		/* the same in DTrace's spelling */
};

/* Parse, or tell what is wrong on stderr and return -1. */
int pattern_parse(struct pattern *pattern, const char *text);
void pattern_free(struct pattern *pattern);
/* Does it name that probe of a file of PATH?  Whether it means that very file
 * is the caller's business. */
int pattern_matches(const struct pattern *pattern, const char *path,
    const struct probe *probe);
/* A pattern for just that provider and probe, in PATH unless that is NULL. */
char *pattern_for(const char *path, const struct probe *probe);

/* --- argument.c: what is told of a probe's arguments? --------------------- */

struct argument {
	const char *type;	/* in C, from DOF; NULL if nobody told */
	char *operand;		/* where it is, in the note's words; or NULL */
	int size;		/* in bytes, negative if signed, 0: unknown */
};

/* All arguments of a probe; to be freed with arguments_free. */
struct argument *arguments_of(const struct image *image,
    const struct probe *probe, size_t *count);
void arguments_free(struct argument *args, size_t count);

/* Is the argument a string to be shown as text?  A pointer? */
int argument_is_text(const struct argument *argument);
int argument_is_pointer(const struct argument *argument);
/* Its type, or what its size says, for people. */
const char *argument_type(const struct argument *argument);

/* --- operand.c: how does the kernel fetch an argument? -------------------- */

/*
 * Translate an argument's place to what tracefs calls a fetch argument.
 * Returns it, to be freed, without a type; NULL if the kernel has no way.
 * HIGH is set to 1 for bits 8 to 15 of a register, else to 0.
 */
char *operand_fetch(const struct image *image, const struct probe *probe,
    const struct argument *argument, int *high);

/* Can this kernel trace code for that machine? */
int operand_machine_known(unsigned machine);

/* --- commands.c: what does one type to trace a probe? --------------------- */

struct commands_for {
	const struct image *image;
	const struct probe *probe;
	const char *path;	/* a name that leads to the file, or NULL */
	const char *place;	/* what bpftrace -p calls it; NULL: nothing */
	const char *file;	/* any path that leads to it, or NULL */
	pid_t pid;		/* of a process that has it, or 0 */
	uint64_t code;		/* where that has mapped it to be executed */
};
void commands_print(FILE *out, const struct commands_for *advice);
/* A probe whose name keeps perf from all probes of the file, or NULL. */
const struct probe *commands_perf_stumbles(const struct image *image);

/* --- tracefs.c: how are uprobe events made and removed? ------------------- */

struct tracefs {
	char *root;		/* where it is mounted */
	char *group;		/* the name of all our events' group */
	int events;		/* uprobe_events, open for writing */
};

/*
 * Open tracefs, mounting it if need be, and remove what dead processes of
 * ours left.  Tells on stderr what is missing and returns -1 if it can't.
 */
int tracefs_open(struct tracefs *tracefs);
/* The place where tracefs is mounted, or NULL.  To be freed. */
char *tracefs_find(void);
void tracefs_close(struct tracefs *tracefs);

/* Define what TEXT says, one definition per line.  Returns 0 or an errno. */
int tracefs_define(struct tracefs *tracefs, const char *text, size_t length);
/* Remove the event of that number, nobody may use it any more. */
void tracefs_remove(struct tracefs *tracefs, unsigned number);
/* The text of the event's "id" or "format" file, or NULL and errno. */
char *tracefs_event_file(struct tracefs *tracefs, unsigned number,
    const char *name);

#endif /* TOOLS_COMMON_H */
