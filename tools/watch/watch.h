/*
 * watch.h - what the files of "usdt watch" promise each other.
 */
#ifndef TOOLS_WATCH_H
#define TOOLS_WATCH_H

#include "tools/common/common.h"

/* --- plan.c: which values are fetched of a probe's arguments? ------------- */

/* A value that the kernel fetches. */
struct leaf {
	char letter;		/* its kind: see plan_argument */
	char *fetch;		/* how; NULL: impossible */
	size_t size, elements;	/* of an array */
};

/* A probe to be watched. */
struct target {
	const struct image *image;
	const struct probe *probe;
	const char *path;	/* of the image, for people */
	int fd;			/* of the image */
	struct argument *args;
	size_t argc;
	struct leaf *leaves;	/* one for each argument, then members */
	size_t leaf_count;
	size_t *members;	/* the first leaf of each argument's members,
				 * and of what would come then */
	size_t words;		/* that are fetched of each text */
	char *signature;	/* of the leaves */
};

/* Fill in the members from args on, and free them. */
void target_prepare(struct target *target);
void target_done(struct target *target);

/* The struct that an argument points to, if its members are known. */
const struct type_struct *argument_struct(const struct argument *argument);
/* Is a member text at a pointer, or text in the struct itself? */
int member_is_text(const struct type_member *member);
int member_is_chars(const struct type_member *member);
/* It only fills a gap. */
int member_is_padding(const struct type_member *member);

/* --- event.c: which kernel events describe probes, what do they record? --- */

/* Where a leaf is in a record; 0: it is not there. */
struct field {
	size_t word, word_size;	/* an integer, or an array */
	size_t text, text_size;	/* the text that it points to */
};

/* A kernel event, whose probes all have the same signature. */
struct event {
	unsigned number;	/* in its name */
	unsigned id;		/* the kernel's */
	size_t first, count;	/* its targets */
	size_t target_at, comm_at;	/* offsets in a record */
	struct field *fields;	/* one for each leaf */
	size_t field_count;
};

/*
 * Define EVENT for its targets, which are in the array TARGETS, and learn the
 * layout of its records.  Returns 0, or an errno: then nothing is defined.
 */
int event_define(struct tracefs *tracefs, struct event *event,
    const struct target *targets);
void event_done(struct event *event);

/* An integer of the record, or 0 beyond its end. */
uint64_t event_load(const uint8_t *record, size_t size, size_t at,
    size_t bytes);
/* The index of the target that fired; -1 if the record makes no sense. */
long event_target(const struct event *event, const uint8_t *record,
    size_t size);

/* --- show.c: how is a record printed? ------------------------------------- */

/*
 * Lookups that distinguish an empty text from an unreadable one.  It begins
 * with zeros, and is set to zeros again from time to time.
 */
struct lookups {
	struct holder last;	/* the last readable range */
	unsigned count;
};

/*
 * Print the name of the thread; and all arguments, each after a blank, of PID.
 */
void event_show_comm(FILE *out, const struct event *event,
    const uint8_t *record, size_t size);
void event_show_args(FILE *out, const struct event *event,
    const struct target *target, pid_t pid, const uint8_t *record,
    size_t size, struct lookups *lookups);

/* --- ring.c: how do records get from the kernel to us? -------------------- */

struct sample {
	uint64_t time;		/* CLOCK_MONOTONIC, nanoseconds */
	pid_t pid, tid;
	size_t order;		/* of arrival */
	uint32_t size;
	uint8_t *record;
};

struct rings;

/* Make one ring per processor.  On failure prints why and returns NULL. */
struct rings *rings_open(void);
void rings_close(struct rings *rings);
/*
 * Attach the event with the kernel's number ID to all processes, or to the
 * threads of ONLY.  Returns 0 or an errno; then nothing stays attached.
 */
int rings_attach(struct rings *rings, unsigned id, pid_t only);
/* Read new records; returns the samples before UNTIL, in order of time. */
size_t rings_take(struct rings *rings, uint64_t until,
    struct sample **samples);
void rings_done(struct rings *rings, size_t count);
/* How many events were lost so far because a ring was full. */
uint64_t rings_lost(struct rings *rings);
/* The rings' descriptors, for poll. */
size_t rings_count(const struct rings *rings);
int rings_fd(const struct rings *rings, size_t index);

/* --- attach.c: to which probes is a watch attached? ----------------------- */

struct attachment {
	pid_t only;		/* the process, or 0 for all */
	int wait;		/* named files may be missing for now */
	struct pattern *patterns;
	size_t pattern_count;
	struct tracefs *tracefs;
	struct rings *rings;

	void *known;		/* mapped files already looked at */
	struct watched *files;	/* files with matching probes */
	size_t file_count, file_space;
	struct target *targets;
	size_t target_count, target_space;
	struct event *events;
	size_t event_count, event_space;
	unsigned numbers;	/* events ever defined */
	size_t watching;	/* targets that are attached */
	unsigned troubles;	/* errors printed */
	int fatal;		/* there is no point in going on */
	size_t hidden;		/* processes that we could not read */
};

/* Look for matching probes that are not attached yet, and attach them. */
void attach_scan(struct attachment *to);
/* Print an error for each pattern that matches no probe. */
void attach_report_none(const struct attachment *to);
/* Detach and remove everything. */
void attach_end(struct attachment *to);

#endif /* TOOLS_WATCH_H */
