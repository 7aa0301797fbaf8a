/*
 * events.h - how does a subcommand get the events of other programs?
 *
 * It opens a stream for patterns and runs it: the stream finds the probes,
 * attaches, and hands over each event, in the order of time.  Events come on two
 * ways, by uprobe through the kernel and direct from a ring that the process
 * writes (tools/direct/direct.h); they look alike.
 *
 *	static int
 *	take(void *self, const struct fire *fire)
 *	{
 *		... fire->target->probe->name ...
 *		... fire->values[0].bits ...
 *		return 0;
 *	}
 *
 *	struct stream_wish wish = { .patterns = p, .pattern_count = n };
 *	struct consumer consumer = { .self = &mine, .take = take };
 *	struct stream *stream = stream_open(&wish);
 *
 *	result = stream == NULL ? EXIT_TROUBLE : stream_run(stream, &consumer);
 *	stream_close(stream);
 */
#ifndef TOOLS_EVENTS_H
#define TOOLS_EVENTS_H

#include "tools/common/common.h"

/* --- plan.c: which values are taken of a probe's arguments? --------------- */

/*
 * A value that is taken.  Letters: 1 2 4 8 is an integer of that many bytes, H
 * is bits 8 to 15 of a register, T a pointer with the text at it, A an array,
 * - nothing.
 */
struct leaf {
	char letter;
	char *fetch;		/* how the kernel fetches it; NULL: impossible */
	size_t size, elements;	/* of an array */
	long length;		/* the leaf that is this text's length, or -1 */
	const struct argument *argument;	/* the leaf is that argument ... */
	const struct type_member *member;	/* ... or that member of one */
};

/* A probe to be watched.  It stays where it is until the stream is closed. */
struct target {
	const struct image *image;
	const struct probe *probe;
	const char *path;	/* of the image, for people */
	int fd;			/* of the image */
	size_t number;		/* 0, 1, ...: of no other target */
	int direct;		/* its events come direct */
	void *own;		/* for the consumer's use; NULL at first */
	struct argument *args;
	size_t argc;
	struct leaf *leaves;	/* one for each argument, then members */
	size_t leaf_count;
	size_t *members;	/* the first leaf of each argument's members,
				 * and of what would come then: equal if it has
				 * none */
	size_t words;		/* that are fetched of each text */
	char *signature;	/* of the leaves */
};

/* --- stream.c: which events happen, in the order of time? ----------------- */

/* One value of an event: of a leaf. */
struct value {
	uint64_t bits;		/* as many as BYTES; of a text: not 0, or 0
				 * for NULL */
	unsigned bytes;		/* 1, 2, 4, 8; of an array its size.  0: there
				 * is no value ("?") */
	unsigned flags;		/* VALUE_* */
	const char *text;	/* the bytes of a text or of an array; without a
				 * zero at the end.  NULL: it is neither */
	size_t length;		/* how many */
};

#define VALUE_UNREADABLE	1u	/* there was nothing at the pointer, of
					 * a text or of a struct */
#define VALUE_CUT		2u	/* the text, or the array, was longer */

/* An event: a probe that fired. */
struct fire {
	uint64_t time;		/* CLOCK_MONOTONIC, nanoseconds */
	pid_t pid, tid;		/* as we see them */
	const char *comm;	/* the thread's name */
	struct target *target;
	/*
	 * For each of target->leaves one; the arguments come first.  An argument
	 * that points to a declared struct has its members from
	 * target->members[i] on; its own value is the pointer.
	 */
	const struct value *values;
};

/* Events that were lost. */
struct loss {
	pid_t pid;		/* 0: unknown */
	const char *comm;	/* the process's name */
	struct target *target;	/* NULL: unknown */
	uint64_t count;		/* since this was last told */
	uint64_t total;		/* since the beginning */
};

/* Which events? */
struct stream_wish {
	struct pattern *patterns;	/* stay the caller's */
	size_t pattern_count;
	pid_t only;		/* the process, or 0 for all */
	int wait;		/* go on though no probe matches yet */
	int uprobes;		/* never direct */
};

/* Who takes them?  Members may be NULL, except take. */
struct consumer {
	void *self;		/* the first argument of the others */
	/* An event.  -1: stop.  What it points to is good during the call. */
	int (*take)(void *self, const struct fire *fire);
	/*
	 * After each round of events, and at least each 50 ms: write what is
	 * ready.  -1: stop.
	 */
	int (*flush)(void *self);
	/* Each second and at the end.  NULL: it is printed on stderr. */
	void (*lost)(void *self, const struct loss *loss);
};

struct stream;

/*
 * Find and attach to what is wished.  Every signal that would end us ends the
 * stream instead.  Returns NULL if it printed what is wrong.
 */
struct stream *stream_open(const struct stream_wish *wish);
/*
 * Hand events over until a signal comes, the process of "only" ends, or the
 * consumer says stop.  Returns an exit code.
 */
int stream_run(struct stream *stream, const struct consumer *consumer);
/* Detach and free everything.  NULL is allowed. */
void stream_close(struct stream *stream);
/*
 * Write all of it to standard output, whose reader may be slow; a signal still
 * ends it.  Returns -1 if there is no reader, no space, or a signal.
 */
int stream_put(struct stream *stream, const char *bytes, size_t length);
/* What to add to a time for nanoseconds since 1970. */
uint64_t stream_since_epoch(void);

#endif /* TOOLS_EVENTS_H */
