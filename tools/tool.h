/*
 * tool.h - what the rooms of the usdt command promise each other.
 *
 * One section per file, in the order in which they depend on each other: a
 * file may use the sections above its own, and nothing below.  The command is
 * a reader of other programs' files: nothing in here trusts what it reads, and
 * no name, path, count or string has a fixed limit.
 */
#ifndef TOOL_H
#define TOOL_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "usdt_internal.h"

/* Exit codes of every subcommand. */
enum {
	EXIT_FINE = 0,
	EXIT_TROUBLE = 1,	/* it could not be done, or nothing was found */
	EXIT_USAGE = 2
};

/* --- memory.c: what happens when memory runs out? ----------------------- */

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

/* --- quote.c: how is somebody else's text shown safely? ----------------- */

/* Text on a terminal: what can't be printed, and '\', as \xNN. */
void quote_line(FILE *out, const char *text);
/* The same of what the library says: it writes \xNN itself, but names as they
 * are. */
void quote_told(FILE *out, const char *text);
/* As quote_line, and blanks too. */
void quote_word(FILE *out, const char *text);
/* A C string literal of LENGTH bytes, with its quotes. */
void quote_string(FILE *out, const char *bytes, size_t length);
/* One word for the shell, in single quotes if it needs any; what can't be
 * printed as $'\NNN'. */
void quote_shell(FILE *out, const char *word);

/* --- process.c: which files do processes map? --------------------------- */

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

/* --- dof.c: what is where in a DOF document? ---------------------------- */

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

/* --- dof_read.c: which probes does a DOF document describe? ------------- */

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

/* --- image.c: which probes does an ELF file have? ----------------------- */

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

/* --- pattern.c: which probes did the user name? ------------------------- */

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

/* --- argument.c: what is told of a probe's arguments? ------------------- */

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

/* --- operand.c: how does the kernel fetch an argument? ------------------ */

/*
 * Translate an argument's place to what tracefs calls a fetch argument.
 * Returns it, to be freed, without a type; NULL if the kernel has no way.
 * HIGH is set to 1 for bits 8 to 15 of a register, else to 0.
 */
char *operand_fetch(const struct image *image, const struct probe *probe,
    const struct argument *argument, int *high);

/* Can this kernel trace code for that machine? */
int operand_machine_known(unsigned machine);

/* --- advice.c: what does one type to trace a probe? --------------------- */

struct advice {
	const struct image *image;
	const struct probe *probe;
	const char *path;	/* a name that leads to the file, or NULL */
	const char *place;	/* what bpftrace -p calls it; NULL: nothing */
	const char *file;	/* any path that leads to it, or NULL */
	pid_t pid;		/* of a process that has it, or 0 */
	uint64_t code;		/* where that has mapped it to be executed */
};
void advice_print(FILE *out, const struct advice *advice);
/* A probe whose name keeps perf from all probes of the file, or NULL. */
const struct probe *advice_perf_stumbles(const struct image *image);

/* --- tracefs.c: how are uprobe events made and removed? ----------------- */

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

/* --- event.c: which kernel events describe probes; what do they tell? --- */

/* A probe that is to be watched. */
struct target {
	const struct image *image;
	const struct probe *probe;
	const char *path;	/* of the image, for people */
	int fd;			/* of the image */
	struct argument *args;
	size_t argc;
	char **fetch;		/* how the kernel finds them; NULL: it can't */
	char *signature;	/* one letter each, says what is fetched */
};

/* Fill in the last four members, and free them. */
void target_prepare(struct target *target);
void target_done(struct target *target);

/* Where an argument is in a record; 0: it is not there. */
struct field {
	size_t word, word_size;	/* the argument as an integer */
	size_t text, text_size;	/* what it points to */
};

/* A kernel event, of which each probe has the same signature. */
struct event {
	unsigned number;	/* in its name */
	unsigned id;		/* the kernel's */
	size_t first, count;	/* its targets */
	size_t argc;
	size_t target_at, comm_at;	/* places in a record */
	struct field *fields;
};

/*
 * Define EVENT for its targets, of the array TARGETS, and learn what records
 * of it look like.  Returns 0, or an errno: then nothing is defined.
 */
int event_define(struct tracefs *tracefs, struct event *event,
    const struct target *targets);
void event_done(struct event *event);

/* The index of the target that fired; -1 if the record makes no sense. */
long event_target(const struct event *event, const uint8_t *record,
    size_t size);
/* What was looked up to tell an empty text from none: to begin with zeros,
 * and anew every now and then. */
struct lookups {
	struct holder last;	/* what was found readable */
	unsigned count;
};

/* The name of the thread; and all arguments, each after a blank, of PID. */
void event_show_comm(FILE *out, const struct event *event,
    const uint8_t *record, size_t size);
void event_show_args(FILE *out, const struct event *event,
    const struct target *target, pid_t pid, const uint8_t *record,
    size_t size, struct lookups *lookups);

/* --- ring.c: how do records get from the kernel to us? ------------------ */

struct sample {
	uint64_t time;		/* CLOCK_MONOTONIC, nanoseconds */
	pid_t pid, tid;
	size_t order;		/* of arrival */
	uint32_t size;
	uint8_t *record;
};

struct rings;

/* Make one ring per processor.  Tells what is wrong and returns NULL. */
struct rings *rings_open(void);
void rings_close(struct rings *rings);
/*
 * Attach an event of the kernel's number ID to all processes, or to the
 * threads of ONLY.  Returns 0 or an errno; then nothing stays attached.
 */
int rings_attach(struct rings *rings, unsigned id, pid_t only);
/* Take what arrived; samples before UNTIL are given, in order of time. */
size_t rings_take(struct rings *rings, uint64_t until,
    struct sample **samples);
void rings_done(struct rings *rings, size_t count);
/* How many events found no room so far. */
uint64_t rings_lost(struct rings *rings);
/* Tell a poll about the rings: fills at most COUNT, returns how many. */
size_t rings_count(const struct rings *rings);
int rings_fd(const struct rings *rings, size_t index);

/* --- attach.c: to which probes is a watch attached? --------------------- */

struct attachment {
	pid_t only;		/* the process, or 0 for all */
	int wait;		/* files that are named may come later */
	struct pattern *patterns;
	size_t pattern_count;
	struct tracefs *tracefs;
	struct rings *rings;

	void *known;		/* mapped files that need no second look */
	struct watched *files;	/* that have probes which match */
	size_t file_count, file_space;
	struct target *targets;
	size_t target_count, target_space;
	struct event *events;
	size_t event_count, event_space;
	unsigned numbers;	/* events ever defined */
	size_t watching;	/* targets that are attached */
	unsigned troubles;	/* told on stderr */
	int fatal;		/* going on makes no sense */
	size_t hidden;		/* processes that could not be looked into */
};

/* Look for probes that match and are not attached yet, and attach them. */
void attach_scan(struct attachment *to);
/* Tell on stderr, of each pattern, that nothing has such a probe. */
void attach_tell_none(const struct attachment *to);
/* Detach and remove everything. */
void attach_end(struct attachment *to);

/* --- judge.c: what does a fact mean for tracers, and what helps? -------- */

enum verdict {
	VERDICT_OK,
	VERDICT_NOTE,		/* worth knowing, or a tracer's own limit */
	VERDICT_PROBLEM		/* something is not seen that could be */
};

struct finding {
	enum verdict verdict;
	char *text;
	char *remedy;		/* what to do or type; NULL: nothing helps */
};

struct finding finding_make(enum verdict verdict, const char *remedy,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
void finding_free(struct finding *finding);

/* From the text of /proc/self/status; APART: in a user namespace.  ROOT, here
 * and below: becoming root is no remedy. */
struct finding judge_privilege(const char *status, int apart, int root);
/* Of /proc/sys/kernel/perf_event_paranoid; NULL: there is none. */
struct finding judge_paranoid(const char *text, int privileged, int root);
/* Of /sys/kernel/security/lockdown; NULL: there is none. */
struct finding judge_lockdown(const char *text);
/* What is there below /sys: its own mount, uprobes, and their counters? */
struct finding judge_uprobes(int sys, int uprobes, int counters);
/* What did a senseless bpf() fail with? */
struct finding judge_bpf(int error, int privileged);
/* Where tracefs is mounted, or NULL; the errno of its uprobe_events, or 0. */
struct finding judge_tracefs(const char *mount, int error, int root);
/* The errno of stat of DEVICE, or its mode; what of DTrace is here? */
struct finding judge_helper(const char *device, int error, unsigned mode,
    int installed, int running);
/* Are both usual places for images mounted noexec? */
struct finding judge_places(int shm_noexec, int tmp_noexec);
/* May a process with that privilege trace at all?  For the calls above. */
int judge_privileged(const char *status, int apart);

/* --- patient.c: what of a process's probes do tracers see? -------------- */

/* Print a finding about PID, or about the system if that is 0; 1: a problem.
 * It is freed. */
int finding_tell(pid_t pid, struct finding finding);	/* doctor.c */

/*
 * Print what is found of a process with the files that CENSUS tells of, which
 * is of this process only.  Without ALWAYS nothing, if it has no probes but
 * those of system libraries.  Returns how many problems, or -1: nothing was
 * printed.
 */
int patient_examine(pid_t pid, const struct census *census, int always);

/* --- dump_line.c: how is a line told, with the bytes that it is about? --- */

/* How documents are told, and by whose rules. */
struct dump {
	FILE *out;
	int hex;		/* with the bytes */
	const struct usdt__platform *row;
	const struct usdt__arch *arch;	/* NULL: an unknown processor */
	int placed;		/* what is in the file ... */
	uint64_t address;	/* ... is mapped from here on */
	size_t wrong;		/* how many things were */
	/* What is left of the bytes of the line that is being told. */
	const uint8_t *bytes;
	uint64_t at;
	size_t left;
};

/*
 * Begin a line, and end it; between the two its text goes to dump->out.  It is
 * about SIZE bytes at BYTES, which are at AT in the file or document; without
 * bytes if SIZE is 0.
 */
void dump_begin(struct dump *dump, const void *bytes, uint64_t at, size_t size,
    const char *name);
void dump_end(struct dump *dump);
/* A whole line without bytes. */
void dump_tell(struct dump *dump, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, of something that is wrong. */
void dump_wrong(struct dump *dump, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* --- dump_member.c: how are the numbers of a document told? ------------- */

/* What of a document was found before it is told. */
struct telling {
	struct dump *dump;
	struct dof dof;
	uint32_t *provider_of;	/* by section of probes: which section has the
				 * provider; NO_PROVIDER: none */
	uint64_t *relocated;	/* places that have dofhp_addr added; sorted */
	size_t relocated_count;
	/* Bytes of sections, characters of strings that are named, and sites
	 * that may still be told, and relocations that may be checked: a
	 * document must not cause a large dump by naming a part often. */
	uint64_t bytes_left, text_left, sites_left, checks_left;
};
#define NO_PROVIDER	UINT32_MAX

/* Begin a line on a member of a structure at AT, and show the value; or tell
 * the whole line, with what that is in WORDS, unless they are NULL, or in
 * hexadecimal.  All return the value. */
uint64_t dof_tell_member(struct telling *t, uint64_t at, unsigned size,
    const char *name);
uint64_t dof_tell_number(struct telling *t, uint64_t at, unsigned size,
    const char *name, const char *words);
uint64_t dof_tell_hex(struct telling *t, uint64_t at, unsigned size,
    const char *name);
#define TELL_MEMBER(t, at, type, member) \
	dof_tell_member((t), (at) + offsetof(struct type, member), \
	    (unsigned)sizeof(((struct type *)0)->member), #member)
#define TELL_NUMBER(t, at, type, member, words) \
	dof_tell_number((t), (at) + offsetof(struct type, member), \
	    (unsigned)sizeof(((struct type *)0)->member), #member, (words))

/* Tell bytes that have no meaning, unless they are 0 and not to be shown. */
void dof_tell_rest(struct telling *t, uint64_t at, uint64_t size,
    const char *name);

void dof_tell_relocations(struct telling *t, const struct dof_part *part);
void dof_tell_relocation_header(struct telling *t,
    const struct dof_part *part);
/* Find what relocations change; is that at AT among it? */
void dof_find_relocated(struct telling *t);
int dof_is_relocated(const struct telling *t, uint64_t at);

/* --- dump_provider.c: what does DOF say of providers and probes? -------- */

void dof_tell_provider(struct telling *t, const struct dof_part *part);
void dof_tell_probes(struct telling *t, const struct dof_part *part);

/* --- dump_dof.c: what is in a DOF document, in words? ------------------- */

/*
 * Tell all documents in SIZE bytes, which are one behind the other.  Returns
 * how many there are.
 */
size_t dump_dof(struct dump *dump, const uint8_t *bytes, size_t size);
/* Does this system take documents of that version? */
int dump_takes_version(const struct usdt__platform *row, unsigned version);

/* --- dump_elf.c: which documents and notes are in an ELF file? ---------- */

struct elf_piece {		/* a section's bytes */
	const uint8_t *bytes;
	size_t size;
	uint64_t at;		/* in the file */
};

struct elf_file {
	struct Elf *elf;	/* libelf's */
	unsigned machine, abi;	/* EM_*, ELFOSABI_* */
	int wide, big_endian, linked;
	uint64_t base;		/* address of .stapsdt.base, or 0 */
	struct elf_segment *segments;
	size_t segment_count;
	struct elf_piece *documents, *notes;
	size_t document_count, document_space;
	size_t note_count, note_space;
	size_t room;		/* bytes of the file that are in no piece yet */
	size_t left_out;	/* sections that were more than those */
};

/* Read an ELF file from FD, or from SIZE bytes; NULL if it is none. */
struct elf_file *elf_file_read(int fd);
struct elf_file *elf_file_from(uint8_t *bytes, size_t size);
void elf_file_free(struct elf_file *file);

/* The address at which the file says that the byte at OFFSET in it goes. */
uint64_t elf_file_address(const struct elf_file *file, uint64_t offset);
/* Tell its SDT notes; returns how many there are. */
size_t dump_notes(struct dump *dump, const struct elf_file *file);

/* --- define.c: what document does a definition of probes give? ---------- */

struct definition {
	usdt_provider_t *provider;
	usdt_probedef_t **probes;
	size_t count, space;
};

/* Is that a definition, or should it be a file's name? */
int definition_is(const char *text);
/* Add what TEXT defines, or tell what is wrong and return -1. */
int definition_add(struct definition *definition, const char *text,
    const struct usdt__platform *row);
void definition_free(struct definition *definition);
/*
 * The document, *SIZE bytes to be freed, or NULL: what is wrong was told.
 * STUBS and ADDRESS are where it is as if its stubs and it were; in an image
 * from the begin of that.
 */
uint8_t *definition_build(const struct definition *definition,
    const struct usdt__platform *row, const struct usdt__arch *arch,
    size_t *size, uint64_t *stubs, uint64_t *address);

/* --- dump_from.c: which files and processes have documents? ------------- */

struct dump_options {
	pid_t pid;		/* or 0 */
	int hex, raw;
	const struct usdt__platform *row;	/* NULL: not named */
	const struct usdt__arch *arch;
};

/* The system of that name, if it has DTrace; or tell and return NULL. */
const struct usdt__platform *dump_find_row(const char *name);
/* By whose rules is FILE read, or what is in none? */
const struct usdt__platform *dump_row(const struct dump_options *options,
    const struct elf_file *file);
struct dump dump_for(const struct dump_options *options,
    const struct elf_file *file);
/* Tell how much was wrong; returns the exit code. */
int dump_wrongs(const struct dump *dump);

int dump_file(const struct dump_options *options, const char *path);
int dump_process(const struct dump_options *options);

/* --- the subcommands ---------------------------------------------------- */

int command_list(int argc, char **argv);	/* list.c */
int command_watch(int argc, char **argv);	/* watch.c */
int command_clean(int argc, char **argv);	/* clean.c */
int command_doctor(int argc, char **argv);	/* doctor.c */
int command_dump(int argc, char **argv);	/* dump.c */

/* Parse a number of at least 1 for an option, or tell and return -1. */
long parse_count(const char *option, const char *text);	/* usdt.c */

#endif /* TOOL_H */
