/*
 * consumer.h - what do the files of usdt-dtrace offer each other?
 *
 * One section for each file, in the order in which they use each other.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef CONSUMER_H
#define CONSUMER_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#if defined(__linux__)
#include "dtrace_linux.h"
#else
#include "dtrace_other.h"
#endif

/* --- failure.c: how are failures described? ---------------------------------- */

/* The codes are part of the protocol. */
struct failure {
	const char *code;
	int number;		/* libdtrace's, or 0 */
	char text[4096];
};

/* Returns -1, for the caller to return. */
int fail(struct failure *failure, const char *code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* --- setting.c: what does the environment ask for, if it may? --------------- */

/* A variable's value; NULL if it is unset, empty or not allowed. */
const char *setting(const char *name);

/* --- library.c: which libdtrace is there? ----------------------------------- */

#define LIBRARY_CALLS(X) \
	X(dtrace_open) X(dtrace_setopt) X(dtrace_getopt) \
	X(dtrace_program_strcompile) X(dtrace_program_fcompile) \
	X(dtrace_program_exec) X(dtrace_go) X(dtrace_work) X(dtrace_status) \
	X(dtrace_stop) X(dtrace_aggregate_snap) X(dtrace_aggregate_walk) \
	X(dtrace_aggregate_clear) X(dtrace_handle_err) X(dtrace_handle_drop) \
	X(dtrace_handle_proc) X(dtrace_errno) X(dtrace_errmsg) \
	X(dtrace_addr2str) X(dtrace_uaddr2str) X(dtrace_str2desc) \
	X(dtrace_probe_iter) X(dtrace_proc_create) X(dtrace_proc_continue) \
	LIBRARY_OWN_CALLS(X)

struct library {
#define X(name) __typeof__(name) *name;
	LIBRARY_CALLS(X)
#undef X
	const char *version;	/* such as "D 2.0.7" */
	const char *path;
};

/* The library, loaded at the first call; or NULL. */
const struct library *library(struct failure *failure);

/* --- ready.c: can this system run a trace? ----------------------------------- */

/* 0 if nothing is missing, else -1. */
int ready_privileges(struct failure *failure);
int ready_kernel(struct failure *failure);

/* "/sys", or what stands for it in tests. */
const char *ready_sys(void);

/* --- keeper.c: who cleans up when the tracing process is gone? --------------- */

/*
 * Forks.  The child returns, and traces.  The parent waits for it, and kills it
 * GRACE milliseconds after the other end of descriptor WATCHED is closed (-1:
 * watch none).  Then it removes the child's uprobes and exits with its status.
 */
void keeper_start(int watched, int grace);

/* --- json.c: how are lines written? ----------------------------------------- */

void json_to(int descriptor);
/* Has no write failed yet? */
int json_is_read(void);
void json_flush(void);
void json_raw(const char *text);	/* JSON already */
void json_string(const char *text);	/* quoted; bad UTF-8 becomes U+FFFD */
/* A text from outside: if it is not UTF-8, its bytes are added. */
void json_text(const char *bytes, size_t length);
void json_bytes(const void *bytes, size_t length);	/* {"hex":...} */
void json_int(int64_t value);
void json_uint(uint64_t value);
void json_failure(const struct failure *failure);	/* its members */

/* --- parse.c: what does a line of JSON say? ---------------------------------- */

struct node {
	enum { NODE_NULL, NODE_FALSE, NODE_TRUE, NODE_NUMBER, NODE_STRING,
		NODE_ARRAY, NODE_OBJECT } type;
	char *name;		/* in an object */
	char *text;		/* of a string */
	int64_t number;
	struct node *first, *next;
};

struct node *parse(const char *line, size_t length, struct failure *failure);
void parse_free(struct node *node);
const struct node *parse_member(const struct node *node, const char *name);

/* --- value.c: what does one record say? -------------------------------------- */

/* Are integers written as [size,value]? */
extern int value_sized;

void value_integer(const char *data, size_t size, int is_signed);
/* A key of an aggregation. */
void value_key(const struct library *lib, dtrace_hdl_t *dtp,
    const dtrace_recdesc_t *rec, const char *data);
/* What trace(), sym() and the like recorded. */
void value_write(const struct library *lib, dtrace_hdl_t *dtp,
    const dtrace_recdesc_t *rec, const char *data);

/* --- format.c: which types do printf()'s arguments have? --------------------- */

struct format {
	struct format *next;
	const void *key;
	char kinds[];		/* for each argument: i, u, s; then 0 */
};

/* The types for REC's format; NULL if they are unknown. */
const struct format *format_of(const struct library *lib, dtrace_hdl_t *dtp,
    const dtrace_recdesc_t *rec);

/* --- record.c: what does one firing say? ------------------------------------- */

/* Does every line have the probe's names, not only the first? */
extern int record_alone;

/* Must be called first; -1 if memory ran out. */
int record_begin(void);
dtrace_workstatus_t record_work(const struct library *lib, dtrace_hdl_t *dtp);
void record_probe(const dtrace_probedesc_t *probe);	/* as an object */
/* What exit() was called with; 0 if it was not. */
int record_exit_status(void);
/* Did the last record_work() bring anything? */
int record_came(void);
int record_on_error(const dtrace_errdata_t *error, void *argument);
int record_on_drop(const dtrace_dropdata_t *drop, void *argument);

/* --- aggregation.c: what has been counted? ----------------------------------- */

/* For dtrace_aggregate_walk: writes a line for each entry. */
struct aggregation_walk {
	const struct library *lib;
	dtrace_hdl_t *dtp;
	int remove;		/* remove each entry that was written */
	int strict;		/* stop at what the old packages did not know */
	int refused;		/* the walk stopped because of STRICT */
};
int aggregation_on_entry(const dtrace_aggdata_t *data, void *walk);

/* --- trace.c: which steps make the life of a trace? --------------------------- */

/* One trace for each process: libdtrace can be used only once. */
int trace_open(int only_compile, struct failure *failure);
int trace_set(const char *option, const char *value, struct failure *failure);
/* LINES: errors name the line. */
int trace_compile(const char *program, int lines, unsigned flags, int argc,
    char **argv, struct failure *failure);
int trace_grab(pid_t pid, struct failure *failure);
int trace_create(const char *command, struct failure *failure);
int trace_go(struct failure *failure);
int trace_is_going(void);	/* started, and has not ended */
int64_t trace_pace(void);	/* nanoseconds between two looks; 0: not set */
int trace_target_ended(void);	/* has the grabbed or created process ended? */
/* 1: the trace ended; -1: it failed, and ended. */
int trace_work(struct failure *failure);
int trace_stop(struct failure *failure);
int trace_finish(struct failure *failure);	/* stops, then reads the rest */
int trace_aggregations(int remove, int strict, struct failure *failure);
int trace_clear(struct failure *failure);
int trace_probes(const char *pattern, struct failure *failure);

/* --- serve.c: what does another program ask for? ------------------------------ */

int serve(int descriptor);

/* --- person.c: what does somebody at a terminal ask for? ---------------------- */

int person(int argc, char **argv);

/* In milliseconds, of a clock that is never set. */
int64_t clock_ms(void);

#endif
