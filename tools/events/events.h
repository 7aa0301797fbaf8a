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
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef TOOLS_EVENTS_H
#define TOOLS_EVENTS_H

#include <time.h>

#include "tools/common/common.h"

/* --- line.c: how is text put together fast? ------------------------------- */

struct line {			/* begins with zeros */
	char *bytes;
	size_t length, space;
};

void line_free(struct line *line);
/* Make room for so many bytes more. */
void line_grow(struct line *line, size_t more);

static inline void
line_room(struct line *line, size_t more)
{
	if (line->space - line->length < more)
		line_grow(line, more);
}

static inline void
line_char(struct line *line, char c)
{
	line_room(line, 1);
	line->bytes[line->length++] = c;
}

static inline void
line_put(struct line *line, const char *bytes, size_t length)
{
	if (length == 0)
		return;		/* there may be no bytes yet */
	line_room(line, length);
	memcpy(line->bytes + line->length, bytes, length);
	line->length += length;
}

void line_text(struct line *line, const char *text);
void line_unsigned(struct line *line, uint64_t value);
void line_signed(struct line *line, int64_t value);
/* The last DIGITS digits. */
void line_digits(struct line *line, unsigned value, unsigned digits);
/* With 0x. */
void line_hex(struct line *line, uint64_t value);
/* A float or double, by its bits. */
void line_float(struct line *line, uint64_t bits, size_t size);
/* As quote_string, quote_word and quote_line do it. */
void line_string(struct line *line, const char *bytes, size_t length);
void line_word(struct line *line, const char *word);
void line_quoted(struct line *line, const char *text);

/* --- as.c: how does the user want arguments to be taken? ------------------ */

enum as_form {
	AS_IT_IS,
	AS_TEXT,		/* a pointer to a text */
	AS_HEX			/* a number, or a pointer and nothing at it */
};

struct as {
	char *name;		/* of the argument, or argN */
	enum as_form form;
};

struct as_list {		/* begins with zeros */
	struct as *as;
	size_t count, space;
};

/* Add those in TEXT, NAME=FORM with commas; or print what is wrong and return
 * -1. */
int as_parse(struct as_list *list, const char *text);
void as_free(struct as_list *list);

/* --- plan.c: which values are taken of a probe's arguments? --------------- */

enum leaf_kind { KIND_UNSIGNED, KIND_SIGNED, KIND_POINTER, KIND_FLOAT };

/*
 * A value that is taken.  Letters: 1 2 4 8 is an integer of that many bytes, H
 * is bits 8 to 15 of a register, T a pointer with the text at it, A an array,
 * - nothing.
 */
struct leaf {
	char letter;
	char *fetch;		/* how the kernel fetches it; NULL: impossible */
	size_t size, elements;	/* of an array */
	int is_text;		/* the value is a text, however it comes */
	enum leaf_kind kind;	/* of an argument that is none */
	long length;		/* the leaf that is its length, or -1 */
	int length_size;	/* in bytes; negative: signed */
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
	int announcer;		/* it is no probe, rings are announced there */
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
	struct line label;	/* PROVIDER:PROBE, safe to be printed */
	const struct as_list *as;	/* what the user knows of arguments */
	struct sieve *sieves;	/* one of these has to let an event pass ... */
	int unsifted;		/* ... unless some pattern has no filter */
};

/*
 * Which argument has the name at the beginning of PATH, and what is behind it?
 * argc: none has.
 */
size_t target_argument(const struct target *target, const char *path,
    const char **rest);

/* The struct that an argument points to, if its members are known. */
const struct type_struct *argument_struct(const struct argument *argument);
/* Is a member text at a pointer, or text in the struct itself? */
int member_is_text(const struct type_member *member);
int member_is_chars(const struct type_member *member);
/* It only fills a gap. */
int member_is_padding(const struct type_member *member);

/* --- wish.c: what can the user choose in all subcommands with a stream? --- */

/* Which events? */
struct stream_wish {
	struct pattern *patterns;
	struct filter **filters;	/* of each pattern; NULL: it has none */
	size_t pattern_count;
	pid_t only;		/* the process, or 0 for all */
	const char *command;	/* start this, and watch only what descends from
				 * it, until it ends; or NULL */
	int wait;		/* go on though no probe matches yet */
	int uprobes;		/* never direct */
	int stacks;		/* with a stack; then never direct, too */
	struct as_list as;
	uint64_t length;	/* end after so many nanoseconds; 0: never */
};

#define WISH_UPROBES	1000	/* options without a letter */
#define WISH_AS		1001
/* The rows of these options for getopt_long; the letters are "c:p:wd:". */
#define WISH_OPTIONS \
	{ "command", required_argument, NULL, 'c' }, \
	{ "duration", required_argument, NULL, 'd' }, \
	{ "pid", required_argument, NULL, 'p' }, \
	{ "wait", no_argument, NULL, 'w' }, \
	{ "as", required_argument, NULL, WISH_AS }, \
	{ "uprobe", no_argument, NULL, WISH_UPROBES }

/* Take an option.  Returns 0 if it is another one, -1 if its TEXT is wrong. */
int wish_option(struct stream_wish *wish, int option, const char *text);
/*
 * Take the patterns, which end with NULL and may have filters.  Returns
 * EXIT_FINE, or what to exit with; then it printed why.
 */
int wish_patterns(struct stream_wish *wish, char **words,
    void (*help)(FILE *out));
void wish_done(struct stream_wish *wish);

/* --- stream.c: which events happen, in the order of time? ----------------- */

/* Nanoseconds of a clock. */
uint64_t clock_now(clockid_t clock);

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
	size_t space;		/* how many could be read there */
};

#define VALUE_UNREADABLE	1u	/* there was nothing at the pointer, of
					 * a text or of a struct */
#define VALUE_CUT		2u	/* the text, or the array, was longer */
#define VALUE_TEXT		4u	/* it is a text, or a pointer to none */

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
	/* If they are wanted: where it fired, where that was called from, and so
	 * on. */
	struct stacks *stacks;
	const uint64_t *stack;
	size_t depth;
};

/* Where an address of a process is. */
struct frame {
	uint64_t address;
	const char *function;	/* NULL: unknown */
	uint64_t offset;	/* in the function, else in the file */
	const char *module;	/* the file's last name; NULL: it is in none */
};

/* --- stack.c: which functions are on a stack? ----------------------------- */

struct stacks;

/*
 * The frame at INDEX, 0 being where the event fired.  Returns 0 if there is none.
 * What it points to is good until the next call.
 */
int stack_frame(const struct fire *fire, size_t index, struct frame *frame);

/* Events that were lost. */
struct loss {
	pid_t pid;		/* 0: unknown */
	const char *comm;	/* the process's name */
	struct target *target;	/* NULL: unknown */
	uint64_t count;		/* since this was last told */
	uint64_t total;		/* since the beginning */
};

/* Who takes them?  Members may be NULL, except take. */
struct consumer {
	void *self;		/* the first argument of the others */
	/* An event.  -1: stop.  What it points to is good during the call. */
	int (*take)(void *self, const struct fire *fire);
	/*
	 * It may come like this if it passes without a filter and has no texts:
	 * without values, but with the first COUNT arguments as they were
	 * passed, of which the bytes of their types count.  1: take it with
	 * values instead.
	 */
	int (*take_words)(void *self, const struct fire *fire,
	    const uint64_t *words, size_t count);
	/*
	 * After each round of events, and at least each 50 ms: write what is
	 * ready.  -1: stop.
	 */
	int (*flush)(void *self);
	/* Each second and at the end.  NULL: it is printed on stderr. */
	void (*lost)(void *self, const struct loss *loss);
};

/* --- filter.c: how does the user write which events are wanted? ----------- */

struct filter;

/* Where the filter behind a pattern begins in WORD, or NULL. */
char *filter_begin(char *word);
/* Parse TEXT, from "{" to "}"; or return NULL, the PLACE that is wrong, and WHY. */
struct filter *filter_parse(const char *text, const char **place,
    const char **why);
void filter_free(struct filter *filter);

/* --- place.c: where in an event is the value of a name? ------------------- */

enum place_kind {
	PLACE_NONE, PLACE_UNSIGNED, PLACE_SIGNED, PLACE_FLOAT, PLACE_TEXT,
	PLACE_CHARS, PLACE_PID, PLACE_TID, PLACE_COMM
};

/* Where a value with a name is in a target's events. */
struct place {
	enum place_kind kind;
	size_t leaf;
	int member;		/* it is one of the struct to which the leaf
				 * "pointer" points, if that is there */
	size_t pointer;
};

/* NAME or NAME.MEMBER; returns why there is none, to be freed, or NULL. */
char *place_find(const struct target *target, const char *name,
    struct place *place);
int place_is_text(const struct place *place);
/* 1: the text at a place that is one; 0: NULL; -1: it can't be known. */
int place_text(const struct place *place, const struct fire *fire,
    const char **text, size_t *length);

struct number {
	int is_float;
	double number;		/* then */
	int negative;		/* of an integer; never of 0 */
	uint64_t magnitude;
};

/* The number at a place that is no text; -1 if it can't be known. */
int place_number(const struct place *place, const struct fire *fire,
    struct number *number);

/* --- sift.c: which events pass the filters of a probe? -------------------- */

/*
 * Events of the target have to pass this filter, or another that it has got.
 * NULL: all pass.  Returns why its events can't have what the filter asks for,
 * to be freed; then nothing changed.
 */
char *target_sift(struct target *target, const struct filter *filter);
int target_passes(const struct target *target, const struct fire *fire);

/* Do all pass? */
static inline int
target_is_open(const struct target *target)
{
	return target->unsifted || target->sieves == NULL;
}

/* Does it pass this filter, which the target has got? */
int target_passes_one(const struct target *target,
    const struct filter *filter, const struct fire *fire);
void target_unsift(struct target *target);

/* --- stream.c again: the stream ------------------------------------------- */

struct stream;

/*
 * Find and attach to what is wished.  Every signal that would end us ends the
 * stream instead.  Returns NULL if it printed what is wrong.
 */
struct stream *stream_open(const struct stream_wish *wish);
/*
 * Hand events over until a signal comes, the process of "only" or the command
 * ends, or the consumer says stop.  Returns an exit code: the command's, if it
 * ended by itself.
 */
int stream_run(struct stream *stream, const struct consumer *consumer);
/* Detach and free everything.  NULL is allowed. */
void stream_close(struct stream *stream);
/*
 * Write all of it to standard output, whose reader may be slow; a signal still
 * ends it.  Returns -1 if there is no reader, no space, or a signal; LEFT are the
 * bytes that were not written for want of space or time.
 */
int stream_put(struct stream *stream, const char *bytes, size_t length,
    size_t *left);
/* What to add to a time for nanoseconds since 1970. */
uint64_t stream_since_epoch(void);

#endif /* TOOLS_EVENTS_H */
