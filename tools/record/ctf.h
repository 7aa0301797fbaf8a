/*
 * ctf.h - how is a trace written that readers of CTF understand?
 *
 * A trace is a directory of files in the Common Trace Format 1.8: "metadata",
 * which describes events in text, and one file for each stream.  A stream has
 * the events of one process, in the order of time.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef TOOLS_CTF_H
#define TOOLS_CTF_H

#include <stdio.h>

#include "tools/events/events.h"

enum ctf_kind {
	CTF_UNSIGNED,
	CTF_SIGNED,
	CTF_POINTER,		/* an unsigned integer, printed in base 16 */
	CTF_FLOAT,		/* of 4 or 8 bytes */
	CTF_TEXT,
	CTF_CHARS,		/* a text in an array, up to its first zero */
	CTF_STRUCT,		/* the fields from here on belong to it ... */
	CTF_STRUCT_END		/* ... up to here */
};

/* A field of an event. */
struct ctf_field {
	const char *name;	/* NULL: "arg" and its number */
	enum ctf_kind kind;
	size_t size;		/* of a number: 1, 2, 4 or 8 bytes */
	size_t elements;	/* of an array of numbers; 0: it is none */
	size_t leaf;		/* the event's value */
};

/* What is said of the machine. */
struct ctf_place {
	const char *host;
	const char *boot;	/* its boot's UUID; NULL: unknown */
	uint64_t epoch;		/* nanoseconds from 1970 to the moment at which
				 * CLOCK_MONOTONIC was 0 */
	uint8_t uuid[16];	/* the trace's own */
};

struct ctf;
struct ctf_class;
struct ctf_stream;

/*
 * Begin a trace in the directory of that descriptor, which the trace closes.
 * Returns NULL and errno if its metadata can't be written.
 */
struct ctf *ctf_begin(int directory, const struct ctf_place *place);
/*
 * Write what is still in memory and free all.  Returns 0, or the errno of the
 * first write that failed: nothing was written after it.
 */
int ctf_end(struct ctf *ctf);
/* The errno of the first write that failed, or 0. */
int ctf_error(const struct ctf *ctf);

/* Describe the events of a probe.  The trace keeps nothing of the arguments. */
struct ctf_class *ctf_class(struct ctf *ctf, const char *provider,
    const char *name, const struct ctf_field *fields, size_t count);

/* A stream for the process PID, which runs PROGRAM. */
struct ctf_stream *ctf_stream(struct ctf *ctf, pid_t pid, const char *program);
/* Write what it has, so that readers find it. */
void ctf_flush(struct ctf_stream *stream);
/* The same, and free it: no more events come. */
void ctf_stream_end(struct ctf_stream *stream);

/*
 * Append an event of thread TID.  If TIME is before the stream's last event, it
 * gets that one's: readers refuse streams that go backwards.
 */
void ctf_event(struct ctf_stream *stream, const struct ctf_class *class,
    uint64_t time, pid_t tid, const struct value *values);
/*
 * The same, with the first COUNT values as words, of which the low bytes count.
 * Returns -1 if the event needs more than those: nothing is appended.
 */
int ctf_words(struct ctf_stream *stream, const struct ctf_class *class,
    uint64_t time, pid_t tid, const uint64_t *words, size_t count);
/* Say that COUNT more events of the process were lost before TIME. */
void ctf_lost(struct ctf_stream *stream, uint64_t time, uint64_t count);

/* --- tsdl.c: how is a trace described to its readers? --------------------- */

/* What is so in all of the trace. */
void tsdl_trace(FILE *out, const struct ctf_place *place);
/* The events of a probe, which have that number. */
void tsdl_event(FILE *out, uint32_t number, const char *provider,
    const char *name, const struct ctf_field *fields, size_t count);

#endif /* TOOLS_CTF_H */
