/*
 * parts.h - what the files of tools/events promise each other.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef TOOLS_EVENTS_PARTS_H
#define TOOLS_EVENTS_PARTS_H

#include "tools/direct/direct.h"
#include "tools/events/events.h"

/* --- as.c ------------------------------------------------------------------ */

/* What did the user say of that argument? */
enum as_form as_of(const struct target *target, size_t index);
/* Is it taken as a text?  Its leaf has its fetch argument. */
int as_is_text(const struct target *target, size_t index);
/* Does the process write another value of it than the user wants? */
int as_needs_uprobe(const struct target *target);
/* Why can't it be taken as the user said at WHICH place?  To be freed; or NULL. */
char *as_complaint(const struct target *target, size_t which);

/* --- plan.c --------------------------------------------------------------- */

/* Fill in the members from args on, and free them. */
void target_prepare(struct target *target);
void target_done(struct target *target);
/* The target goes direct, or not: what does that mean for its values? */
void target_goes(struct target *target, int direct);

/*
 * Let each text end where the program says that it does: with the length that
 * was passed beside it.
 */
void values_end_texts(const struct target *target, struct value *values);

/* --- kernel_filter.c: what of a filter can the kernel check? --------------- */

/*
 * A condition for the kernel that holds for each record of COUNT targets, which
 * share an event, that passes their filters.  It may hold for others, too.  NULL:
 * there is none that would spare anything.
 */
char *kernel_filter(struct target *const *targets, size_t count);

/* --- uprobe.c: which kernel events describe probes, what do they record? -- */

/* Where a leaf is in a record; 0: it is not there. */
struct field {
	size_t word, word_size;	/* an integer, or an array */
	size_t text, text_size;	/* the text that it points to */
};

/*
 * A kernel event, whose probes all have the same signature, or all go direct:
 * then it never comes, and its uprobes open gates.
 */
struct event {
	unsigned number;	/* in its name */
	unsigned id;		/* the kernel's */
	struct target **targets;
	size_t count;
	size_t target_at, comm_at;	/* offsets in a record; 0: it never comes */
	struct field *fields;	/* one for each leaf */
	size_t field_count;
};

/*
 * Define EVENT for COUNT targets, and learn the layout of its records.  Targets
 * that go direct are in the order of their gates.  Returns 0, or an errno: then
 * nothing is defined.
 */
int event_define(struct tracefs *tracefs, struct event *event,
    struct target *const *targets, size_t count);
void event_done(struct event *event);

/* The target that fired; NULL if the record makes no sense. */
struct target *event_target(const struct event *event, const uint8_t *record,
    size_t size);
/* The thread's name.  It is cut at SPACE bytes. */
void event_comm(const struct event *event, const uint8_t *record, size_t size,
    char *comm, size_t space);

/*
 * Lookups that distinguish an empty text from an unreadable one.  It begins
 * with zeros, and is set to zeros again from time to time.
 */
struct lookups {
	struct holder last;	/* the last readable range */
	unsigned count;
};

/* The values of a record, one for each leaf. */
void event_values(const struct event *event, const struct target *target,
    pid_t pid, const uint8_t *record, size_t size, struct lookups *lookups,
    struct value *values);

/* --- perf.c: how do records get from the kernel to us? -------------------- */

struct sample {
	uint64_t time;		/* CLOCK_MONOTONIC, nanoseconds */
	pid_t pid, tid;
	size_t order;		/* of arrival */
	int heard;		/* for the caller's use, 0 at first */
	uint32_t size;
	uint8_t *record;
	uint64_t *stack;	/* innermost first; may have marks of the
				 * kernel */
	size_t depth;
};

struct perf;

/*
 * Make one ring per processor.  URGENT: for events that are few and that we want
 * to be woken for.  CHILDREN: what a process forks belongs to it.  On failure
 * prints why and returns NULL.
 */
struct perf *perf_open(int urgent, int children);
void perf_close(struct perf *perf);
/*
 * Attach the event with the kernel's number ID to all processes, or to the
 * threads of ONLY.  Returns 0 or an errno; then nothing stays attached.
 */
int perf_attach(struct perf *perf, unsigned id, pid_t only);
/* Each sample is to have a stack; before anything is attached. */
void perf_want_stacks(struct perf *perf);
/* How many descriptors are attached; close all but the first COUNT. */
size_t perf_attached(const struct perf *perf);
/* Let the kernel check this of those from FIRST on, if it can. */
void perf_filter(struct perf *perf, size_t first, const char *filter);
void perf_detach(struct perf *perf, size_t count);
/* Read new records; returns how many samples there are. */
size_t perf_read(struct perf *perf);
/* The samples that were read before UNTIL, in order of time: how many? */
size_t perf_take(struct perf *perf, uint64_t until,
    struct sample **samples);
/* The first COUNT are no longer needed. */
void perf_done(struct perf *perf, size_t count);
/* How many events were lost so far because a ring was full. */
uint64_t perf_lost(struct perf *perf);
/* The rings' descriptors, for poll. */
size_t perf_count(const struct perf *perf);
int perf_fd(const struct perf *perf, size_t index);

enum perf_fact_kind {
	PERF_FACT_FORK, PERF_FACT_EXIT,
	PERF_FACT_MAP,		/* it mapped a file executable */
	PERF_FACT_LOST		/* there were others */
};

struct perf_fact {
	enum perf_fact_kind kind;
	pid_t pid, parent, tid;	/* as far as the kind has them */
	uint64_t time;
	/* A map's, with perf_open_maps.  No two files that ever were have the same;
	 * all is 0 if it is no file. */
	struct file_key {
		uint64_t device, inode, generation;
	} file;
};

/*
 * Rings with the facts on a process and on those that descend from it.  NULL: it
 * printed why not.
 */
struct perf *perf_open_facts(pid_t first);
/*
 * Rings with each file that any process maps executable.  They do not wake us.
 * NULL and errno if the kernel refuses.
 */
struct perf *perf_open_maps(void);
void perf_read_facts(struct perf *perf,
    void (*take)(void *self, const struct perf_fact *fact), void *self);

/* --- family.c: which processes belong to a command, what did they map? ---- */

struct member {
	pid_t pid, parent;
	uint64_t born;
	uint64_t attached;	/* since when it has the last event */
	int fresh;		/* it was forked, or mapped a file, since this was
				 * set to 0 */
	int ended;		/* its first thread has ended */
};

struct family;

/* The family of a process and of those that it will fork; or prints why not. */
struct family *family_open(pid_t first);
void family_close(struct family *family);
/* Read what is new.  Did a member map a file executable since the last call? */
int family_read(struct family *family);
/* The members so far; a pointer is good until family_read. */
size_t family_count(const struct family *family);
struct member *family_member(const struct family *family, size_t index);
/* Its rings, for poll.  Were there facts that it has missed? */
const struct perf *family_perf(const struct family *family);
int family_lost(const struct family *family);
/* As perf_attach, for all members and those that they fork. */
int family_attach(struct family *family, struct perf *perf, unsigned id);

/* --- heard.c: which processes have just mapped a file that is new to us? ---- */

struct heard;

/* From now on, of all processes or of ONLY.  NULL: it printed why not. */
struct heard *heard_open(pid_t only);
void heard_close(struct heard *heard);
/* Read what is new.  Is it time to look at such processes? */
int heard_read(struct heard *heard, uint64_t now);
/* Was something missed since the last call? */
int heard_missed(struct heard *heard);
/* Add the files that they map; with a call after each process, or NULL. */
void heard_census(struct heard *heard, struct census *census,
    void (*between)(void *self), void *self);
/*
 * They were looked at, which began at START, and FOUND probes or not.  What was
 * looked at is not new any more.
 */
void heard_done(struct heard *heard, const struct census *census,
    uint64_t start, int found);

/* --- stack.c: which functions are on a stack? ----------------------------- */

struct stacks *stacks_open(void);
void stacks_close(struct stacks *stacks);
/* Learn what a process maps, if that was not done lately. */
void stacks_meet(struct stacks *stacks, pid_t pid);

/* --- debug_file.c: where are the symbols of a file that was stripped? ------ */

/* Add the symbols of a file that a process maps by that path, if it lacks them. */
void debug_file_add(struct functions *functions, pid_t pid, const char *path);

/* --- jit.c: which functions did a program's own compiler make? ------------ */

struct jit;

/* Nothing is read yet.  LEFT is how many bytes may be kept, of all processes. */
struct jit *jit_new(pid_t pid, size_t *left);
void jit_free(struct jit *jit);
/* The function at an address, and where it begins; or NULL.  Good until the next
 * call. */
const char *jit_at(struct jit *jit, uint64_t address, uint64_t *begin);

/* --- demangle.c: what is a symbol's name in C++, Rust or D? ---------------- */

struct demangler;

struct demangler *demangler_new(void);
void demangler_free(struct demangler *demangler);
/*
 * The name as a programmer writes it, or NAME itself, if there is none or if nobody
 * knows it.  NAME must live as long as the demangler.
 */
const char *demangle(struct demangler *demangler, const char *name);

/* --- command.c: how is a command started, held, and ended? ---------------- */

/* Two pipes, which no executed program gets; -1 and errno. */
int pipes_open(int one[2], int other[2]);
void pipe_close(const int ends[2]);

struct command;

/*
 * Start a process that will execute the command, and does not yet.  NULL: it
 * printed why not.
 */
struct command *command_start(const char *text);
struct family *command_family(const struct command *command);
/*
 * Let it begin.  If HOLD, it and its children are stopped at the end of each
 * system call, until command_release.
 */
void command_begin(struct command *command, int hold);
/* For poll: it has something for command_attend. */
int command_fd(const struct command *command);
/*
 * Attend to it.  LOOK is called while a process is stopped that has mapped a file;
 * it returns 1 when the processes need not be held any longer.  Returns 1 if the
 * command has ended.
 */
int command_attend(struct command *command, int (*look)(void *self), void *self);
void command_release(struct command *command);
/* A signal for us: pass it on, unless the command got it from the terminal too.
 * Returns 1 if it is time to stop. */
int command_signal(struct command *command, int signo, int from_process);
/*
 * The end: terminate it if it lives.  Returns what to exit with: its own exit
 * code, 128 and the signal's number, or EXIT_FINE if we ended it.
 */
int command_end(struct command *command);
/* Could it not be executed?  That was printed at its end. */
int command_failed(const struct command *command);
/* Free it.  It is killed if it never began.  NULL is allowed. */
void command_free(struct command *command);

/* --- ways.c: on which way do the events of a file come? ------------------- */

struct attachment;

/* A file with probes that match. */
struct watched {
	struct image *image;
	char *path;
	int fd;
	uint64_t device, inode;		/* from stat */
	unsigned refused;		/* probes that the kernel refused */
	const char *obstacle;		/* why none of them goes direct, or NULL */
	pid_t *pids;			/* processes that map it, if direct */
	size_t pid_count;
	struct wanted *wanted;		/* its targets that go direct, or NULL */
	struct target *announcer;	/* where rings are announced, or NULL */
	struct probe announcing;	/* which is its probe */
};

/* Decide whether the file's probes can go direct.  HOLDERS may be NULL. */
void way_choose(const struct attachment *to, struct watched *file,
    const struct mapped *holders);
/* One of its targets: does it go direct? */
void way_of_target(struct watched *file, struct target *target);
/* It does not after all. */
void way_by_uprobe(struct watched *file, struct target *target);
/* Print which way the files from FIRST on go. */
void way_report(const struct attachment *to, size_t first);
void way_done(struct watched *file);

/* --- attach.c: to which probes is a stream attached? ---------------------- */

struct attachment {
	pid_t only;		/* the process, or 0 for all */
	struct family *family;	/* or only these, or NULL */
	const struct as_list *as;	/* what the user knows of arguments */
	struct stacks *stacks;	/* wanted, or NULL */
	int wait;		/* named files may be missing for now */
	const struct pattern *patterns;
	struct filter *const *filters;	/* of each pattern, or NULL */
	size_t pattern_count;
	int kernel_filters;	/* a target's filters never change */
	int uprobes;		/* nothing goes direct */
	struct tracefs *tracefs;
	struct perf *perf;	/* events of uprobes */
	struct perf *gates;	/* those that never come, or NULL */
	struct perf *announcements;	/* of rings, or NULL */
	struct rings *rings;	/* or NULL: nothing goes direct */
	struct heard *heard;	/* of files that processes map, or NULL */
	/* Called again and again while it looks at processes and their files; what
	 * is attached does not change meanwhile.  Or NULL. */
	void (*between)(void *self);
	void *self;		/* its argument */

	void *known;		/* mapped files already looked at */
	struct watched **files;	/* files with matching probes */
	size_t file_count, file_space;
	struct target **targets;
	size_t target_count, target_space;
	size_t target_numbers;	/* ever given */
	struct event *events;
	size_t event_count, event_space;
	unsigned numbers;	/* events ever defined */
	size_t watching;	/* targets that are attached */
	unsigned troubles;	/* errors printed */
	int fatal;		/* there is no point in going on */
	size_t hidden;		/* processes that we could not read */
};

/* Does a pattern mean files that processes map, whatever their names are? */
int attach_wants_mapped(const struct attachment *to);
/* Look for matching probes that are not attached yet, and attach them. */
void attach_scan(struct attachment *to);
/* The same, in the processes that were heard of. */
void attach_heard(struct attachment *to);
/* Is there a probe for each pattern? */
int attach_is_complete(const struct attachment *to);
/* Say of each pattern without a probe that it has none, and why. */
void attach_report_none(const struct attachment *to);
/* The target of a cell in the image that has this announcer, or NULL. */
struct target *attach_target(const struct attachment *to,
    const struct target *announcer, uint64_t cell);
/* Detach and remove everything. */
void attach_end(struct attachment *to);

#endif /* TOOLS_EVENTS_PARTS_H */
