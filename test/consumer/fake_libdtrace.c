/*
 * fake_libdtrace.c - how does libdtrace 2.0.7 for Linux behave towards its
 * callers?
 *
 * It knows no D: each line of a "program" is a statement that says what the
 * library does.  Layouts were recorded with the real one.  This file writes them
 * byte by byte with numbers of its own, and shares no declaration with the
 * helper, so the tests show that the helper reads what the library writes.
 *
 *	fail CALL NUMBER TEXT	that call fails
 *	hang|abort|quit|slow CALL	it never returns, aborts, exits, is slow
 *	stage begin|end|tick	the rest comes at the start, at stop, each time
 *	probe ID PRV MOD FUN NAME [CPU]	a firing
 *	rec ACTION SIZE ALIGNMENT ARG HEX [FORMAT]	a record of it
 *	say TEXT		what the library prints for it
 *	error TEXT | drop KIND CPU COUNT TEXT
 *	flood COUNT EACH	COUNT firings of two integers, EACH for one work
 *	exit			work returns "done"
 *	agg NAME ID ACTION SIG NORMAL HEX	an aggregation's value
 *	key ACTION SIZE ALIGNMENT HEX [ARG]	a key of it
 *	probes COUNT		what is listed
 *
 * FORMAT and TEXT go to the end of the line; "-" is none, "\n" a newline.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *_dtrace_version = "D 2.0.7";

#define EDT_COMPILER 1005

enum { BEGIN, END, TICK, STAGES };
enum kind { FIRING, ERROR, DROP, EXIT };

struct record {
	uint16_t action, alignment;
	uint32_t size;
	uint64_t arg;
	char *bytes, *format, *say;
};
struct event {
	enum kind kind;
	int stage, cpu, number;
	uint64_t count;
	uint32_t id;
	char *names[4], *text;
	struct record records[64];
	int nrecords;
	struct event *next;
};
struct entry {
	char *name, *bytes;
	uint32_t id, action, size;
	uint64_t sig, normal;
	struct record keys[8];
	int nkeys, removed;
	struct entry *next;
};
struct trouble {
	char *how, *call, *text;
	int number;
	struct trouble *next;
};

/* One handle for each process, as in the real one. */
static struct {
	struct event *events, **event_end;
	struct entry *entries, **entry_end;
	struct trouble *troubles;
	long flood, flood_each, flooded;
	int stage, listed, active, stopped, begun, ended, exited;
	int error;
	char *message;
	uint64_t switchrate;
	int (*on_error)(const void *, void *);
	int (*on_drop)(const void *, void *);
} h;

static void *
need(void *p)
{
	if (!p)
		abort();
	return p;
}

static int
fails(const char *call)
{
	struct trouble *t;

	for (t = h.troubles; t; t = t->next) {
		if (strcmp(t->call, call) != 0)
			continue;
		if (strcmp(t->how, "hang") == 0)
			for (;;)
				pause();
		if (strcmp(t->how, "abort") == 0)
			abort();
		if (strcmp(t->how, "quit") == 0)
			exit(1);
		if (strcmp(t->how, "slow") == 0) {
			usleep((unsigned)t->number * 1000);
			continue;
		}
		h.error = t->number;
		h.message = t->text;
		return 1;
	}
	return 0;
}

static int
result(const char *call)
{
	return fails(call) ? -1 : 0;
}

/* --- statements -------------------------------------------------------------- */

/* The next word, or what is left of the line.  "" stands for "-". */
static char *
word(char **line)
{
	char *w = strsep(line, " ");

	if (!w)
		w = (char *)"";
	return need(strdup(strcmp(w, "-") ? w : ""));
}

static char *
rest(char **line)
{
	char *text = need(strdup(*line && strcmp(*line, "-") ? *line : "")),
	    *from = text, *to = text;

	for (; *from; from++)
		if (from[0] == '\\' && from[1] == 'n') {
			*to++ = '\n';
			from++;
		} else {
			*to++ = *from;
		}
	*to = 0;
	return text;
}

static uint64_t
number(char **line)
{
	char *w = word(line);
	uint64_t n = *w == '-' ? (uint64_t)strtoll(w, NULL, 0)
			       : strtoull(w, NULL, 0);

	free(w);
	return n;
}

/* SIZE bytes: the hexadecimal ones, then zeros. */
static char *
bytes_of(const char *hex, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	char *b = need(calloc(1, size + 1));
	size_t i;

	for (i = 0; i < size && hex[2 * i] && hex[2 * i + 1]; i++)
		b[i] = (char)((strchr(digits, hex[2 * i]) - digits) << 4 |
		    (strchr(digits, hex[2 * i + 1]) - digits));
	return b;
}

static char *
bytes(char **line, size_t size)
{
	char *hex = word(line), *b = bytes_of(hex, size);

	free(hex);
	return b;
}

static struct event *
add_event(enum kind kind)
{
	struct event *e = need(calloc(1, sizeof *e));

	e->kind = kind;
	e->stage = h.stage;
	if (!h.events)
		h.event_end = &h.events;
	*h.event_end = e;
	h.event_end = &e->next;
	return e;
}

static struct event *last_event;
static struct entry *last_entry;

static void
read_record(struct record *r, char **line, int is_key)
{
	r->action = (uint16_t)number(line);
	r->size = (uint32_t)number(line);
	r->alignment = (uint16_t)number(line);
	if (!is_key)
		r->arg = number(line);
	r->bytes = bytes(line, r->size);
	if (is_key)
		r->arg = number(line);
	else if (*line)
		r->format = rest(line);
}

static void
add_entry(char **line)
{
	struct entry *a = need(calloc(1, sizeof *a));
	char *hex;

	a->name = word(line);
	a->id = (uint32_t)number(line);
	a->action = (uint32_t)number(line);
	a->sig = number(line);
	a->normal = number(line);
	hex = word(line);
	a->size = (uint32_t)strlen(hex) / 2;
	a->bytes = bytes_of(hex, a->size);
	free(hex);
	if (!h.entries)
		h.entry_end = &h.entries;
	*h.entry_end = a;
	h.entry_end = &a->next;
	last_entry = a;
}

static void
trouble(const char *how, char **line)
{
	struct trouble *t = need(calloc(1, sizeof *t));

	t->how = need(strdup(how));
	t->call = word(line);
	t->number = (int)number(line);
	t->text = rest(line);
	t->next = h.troubles;
	h.troubles = t;
}

/* 0: not a statement. */
static int
statement(char *line)
{
	char *verb = strsep(&line, " ");
	int i;

	if (!strcmp(verb, "fail") || !strcmp(verb, "hang") ||
	    !strcmp(verb, "abort") || !strcmp(verb, "quit") ||
	    !strcmp(verb, "slow")) {
		trouble(verb, &line);
	} else if (!strcmp(verb, "stage")) {
		h.stage = *line == 'b' ? BEGIN : *line == 'e' ? END : TICK;
	} else if (!strcmp(verb, "probe")) {
		last_event = add_event(FIRING);
		last_event->id = (uint32_t)number(&line);
		for (i = 0; i < 4; i++)
			last_event->names[i] = word(&line);
		last_event->cpu = (int)number(&line);
	} else if (!strcmp(verb, "rec") && last_event) {
		read_record(&last_event->records[last_event->nrecords++], &line,
		    0);
	} else if (!strcmp(verb, "say") && last_event) {
		last_event->records[last_event->nrecords - 1].say = rest(&line);
	} else if (!strcmp(verb, "error")) {
		add_event(ERROR)->text = rest(&line);
	} else if (!strcmp(verb, "drop")) {
		struct event *e = add_event(DROP);

		e->number = (int)number(&line);
		e->cpu = (int)number(&line);
		e->count = number(&line);
		e->text = rest(&line);
	} else if (!strcmp(verb, "exit")) {
		add_event(EXIT);
	} else if (!strcmp(verb, "flood")) {
		h.flood = (long)number(&line);
		h.flood_each = (long)number(&line);
	} else if (!strcmp(verb, "agg")) {
		add_entry(&line);
	} else if (!strcmp(verb, "key") && last_entry) {
		read_record(&last_entry->keys[last_entry->nkeys++], &line, 1);
	} else if (!strcmp(verb, "probes")) {
		h.listed = (int)number(&line);
	} else {
		return 0;
	}
	return 1;
}

/* LINES: errors name the line. */
static void *
compile(const char *text, int lines)
{
	char *all = need(strdup(text)), *at = all, *line;
	static char message[256];
	int n = 0;

	while ((line = strsep(&at, "\n")) != NULL) {
		char *bad = need(strdup(line));

		n++;
		if (*line && !statement(line)) {
			snprintf(message, sizeof message, lines ?
			    "line %2$d: syntax error near \"%1$.100s\"" :
			    "syntax error near \"%1$.100s\"", bad, n);
			h.error = EDT_COMPILER;
			h.message = message;
			free(bad);
			free(all);
			return NULL;
		}
		free(bad);
	}
	free(all);
	return fails("compile") ? NULL : &h;
}

/* --- the library's calls, up to going ------------------------------------------- */

void *
dtrace_open(int version, int flags, int *error)
{
	const char *why = getenv("FAKE_OPEN");

	if (why) {
		if (strncmp(why, "hang", 4) == 0)
			for (;;)
				pause();
		h.message = (char *)why;
		*error = 13;
		return NULL;
	}
	if (version != 3 || flags != 2) {
		h.message = (char *)"Client requested version newer than "
		    "libdtrace";
		*error = 1000;
		return NULL;
	}
	return &h;
}

int
dtrace_init(void *dtp)
{
	(void)dtp;
	return result("init");
}

int
dtrace_setopt(void *dtp, const char *option, const char *value)
{
	(void)dtp;
	if (strncmp(option, "no", 2) == 0) {
		h.error = 1003;
		h.message = (char *)"Invalid option name";
		return -1;
	}
	if (h.active && strcmp(option, "bufsize") == 0) {
		h.error = 1012;
		h.message = (char *)"Operation illegal when tracing is active";
		return -1;
	}
	if (strcmp(option, "switchrate") == 0 && value) {
		h.switchrate = strtoull(value, NULL, 10);
		h.switchrate *= strstr(value, "ms") ? 1000000 :
		    strstr(value, "us") ? 1000 : 1000000000;
	}
	return result("setopt");
}

int
dtrace_getopt(void *dtp, const char *option, uint64_t *value)
{
	(void)dtp;
	*value = strcmp(option, "switchrate") ? 0 : h.switchrate;
	return 0;
}

void *
dtrace_program_strcompile(void *dtp, const char *text, int spec, unsigned flags,
    int argc, char *const argv[])
{
	(void)dtp;
	(void)flags;
	(void)argv;
	if (spec != 3 || argc < 1)
		abort();
	return compile(text, 0);
}

void *
dtrace_program_fcompile(void *dtp, FILE *file, unsigned flags, int argc,
    char *const argv[])
{
	char *text = NULL;
	size_t size = 0;
	void *compiled;

	(void)dtp;
	(void)flags;
	(void)argv;
	if (argc < 1)
		abort();
	if (getdelim(&text, &size, 0, file) == -1 && !text)
		text = need(strdup(""));
	compiled = compile(feof(file) && ftell(file) == 0 ? "" : text, 1);
	free(text);
	return compiled;
}

int
dtrace_program_exec(void *dtp, void *program, void *info)
{
	(void)dtp;
	(void)program;
	memset(info, 0, 24);
	return result("exec");
}

int
dtrace_go(void *dtp, unsigned flags)
{
	(void)dtp;
	(void)flags;
	if (fails("go"))
		return -1;
	h.active = 1;
	return 0;
}

int
dtrace_handle_err(void *dtp, int (*f)(const void *, void *), void *arg)
{
	(void)dtp;
	(void)arg;
	h.on_error = f;
	return result("handle_err");
}

int
dtrace_handle_drop(void *dtp, int (*f)(const void *, void *), void *arg)
{
	(void)dtp;
	(void)arg;
	h.on_drop = f;
	return 0;
}

int
dtrace_handle_proc(void *dtp, void *f, void *arg)
{
	(void)dtp;
	(void)f;
	(void)arg;
	return 0;
}

int
dtrace_errno(void *dtp)
{
	(void)dtp;
	return h.error;
}

const char *
dtrace_errmsg(void *dtp, int error)
{
	(void)dtp;
	(void)error;
	return h.message ? h.message : "Unknown error";
}

/* --- what comes ------------------------------------------------------------------ */

#define PUT(base, at, value) \
	do { \
		__typeof__(value) v_ = (value); \
		memcpy((char *)(base) + (at), &v_, sizeof v_); \
	} while (0)

#define RECDESC 32

static void
put_recdesc(char *desc, const struct record *r, uint32_t offset)
{
	memset(desc, 0, RECDESC);
	PUT(desc, 0, r->action);
	PUT(desc, 4, r->size);
	PUT(desc, 8, offset);
	PUT(desc, 12, r->alignment);
	PUT(desc, 16, r->format && *r->format ? (void *)r->format : NULL);
	PUT(desc, 24, r->arg);
}

static void
put_probedesc(char *desc, uint32_t id, char *const *names)
{
	int i;

	memset(desc, 0, 40);
	PUT(desc, 0, id);
	for (i = 0; i < 4; i++)
		PUT(desc, 8 + 8 * i, names[i]);
}

typedef int probe_f(const void *, void *);
typedef int rec_f(const void *, const void *, void *);

/* A buffer of the exact size, so that a sanitizer sees reads beyond it. */
static void
fire(const struct event *e, FILE *fp, probe_f *on_probe, rec_f *on_record)
{
	char *recs = need(malloc((size_t)(e->nrecords ? e->nrecords : 1) *
	    RECDESC)), ddesc[24], pdesc[40], data[72], *buffer;
	uint32_t offset = 16;
	int i, how;

	for (i = 0; i < e->nrecords; i++) {
		offset = (offset + e->records[i].alignment - 1) /
		    e->records[i].alignment * e->records[i].alignment;
		put_recdesc(recs + i * RECDESC, &e->records[i], offset);
		offset += e->records[i].size;
	}
	buffer = need(calloc(1, offset));
	for (i = 0; i < e->nrecords; i++) {
		uint32_t at;

		memcpy(&at, recs + i * RECDESC + 8, 4);
		memcpy(buffer + at, e->records[i].bytes, e->records[i].size);
	}
	memset(ddesc, 0, sizeof ddesc);
	PUT(ddesc, 8, offset);
	PUT(ddesc, 12, e->nrecords);
	PUT(ddesc, 16, recs);
	put_probedesc(pdesc, e->id, e->names);
	memset(data, 0, sizeof data);
	PUT(data, 0, (void *)&h);
	PUT(data, 16, (void *)ddesc);
	PUT(data, 24, (void *)pdesc);
	PUT(data, 32, (uint32_t)e->cpu);
	PUT(data, 40, (void *)buffer);
	how = on_probe(data, NULL);
	for (i = 0; how == 0 && i < e->nrecords; i++) {
		uint32_t at;

		memcpy(&at, recs + i * RECDESC + 8, 4);
		PUT(data, 40, (void *)(buffer + at));
		if (on_record(data, recs + i * RECDESC, NULL) != 0)
			continue;
		/* The library prints it, with all records of this action. */
		if (e->records[i].say)
			fputs(e->records[i].say, fp);
		if (e->records[i].action == 3 || e->records[i].action == 0x203)
			while (i + 1 < e->nrecords &&
			    e->records[i + 1].action == e->records[i].action &&
			    !(e->records[i + 1].format &&
			    *e->records[i + 1].format))
				i++;
	}
	if (how == 0) {
		PUT(data, 40, (void *)buffer);
		on_record(data, NULL, NULL);
	}
	free(buffer);
	free(recs);
}

static void
tell_error(const struct event *e)
{
	char data[56], pdesc[40];
	static char *const names[4] = { (char *)"dtrace", (char *)"",
		(char *)"", (char *)"BEGIN" };

	put_probedesc(pdesc, 1, names);
	memset(data, 0, sizeof data);
	PUT(data, 16, (void *)pdesc);
	PUT(data, 24, (uint32_t)1);
	PUT(data, 36, 1);
	PUT(data, 40, (uint64_t)16);
	PUT(data, 48, (void *)e->text);
	h.on_error(data, NULL);
}

static void
tell_drop(const struct event *e)
{
	char data[40];

	memset(data, 0, sizeof data);
	PUT(data, 8, (uint32_t)e->cpu);
	PUT(data, 12, e->number);
	PUT(data, 16, e->count);
	PUT(data, 32, (void *)e->text);
	h.on_drop(data, NULL);
}

static void
come(int stage, FILE *fp, probe_f *on_probe, rec_f *on_record)
{
	const struct event *e;

	for (e = h.events; e; e = e->next) {
		if (e->stage != stage)
			continue;
		if (e->kind == FIRING)
			fire(e, fp, on_probe, on_record);
		else if (e->kind == ERROR)
			tell_error(e);
		else if (e->kind == DROP)
			tell_drop(e);
		else
			h.exited = 1;
	}
}

static void
flood(FILE *fp, probe_f *on_probe, rec_f *on_record)
{
	static struct event e = { .id = 77, .nrecords = 2,
		.names = { (char *)"fake", (char *)"m", (char *)"f",
		(char *)"flood" } };
	static int64_t first, second = 7;
	long i;

	e.records[0] = (struct record){ 1, 8, 8, 1, (char *)&first, NULL, NULL };
	e.records[1] = (struct record){ 1, 8, 8, 1, (char *)&second, NULL, NULL };
	for (i = 0; i < h.flood_each && h.flooded < h.flood; i++) {
		first = h.flooded++;
		fire(&e, fp, on_probe, on_record);
	}
}

int
dtrace_work(void *dtp, FILE *fp, probe_f *on_probe, rec_f *on_record, void *arg)
{
	(void)dtp;
	(void)arg;
	if (!h.active) {
		h.error = EINVAL;
		h.message = (char *)"Invalid argument";
		return -1;
	}
	if (fails("work"))
		return -1;
	if (!h.begun) {
		h.begun = 1;
		come(BEGIN, fp, on_probe, on_record);
	} else if (!h.stopped) {
		come(TICK, fp, on_probe, on_record);
	}
	if (!h.stopped)
		flood(fp, on_probe, on_record);
	if (!h.stopped && !h.exited)
		return 0;
	if (!h.ended)
		come(END, fp, on_probe, on_record);
	h.ended = 1;
	return 1;
}

int
dtrace_status(void *dtp)
{
	(void)dtp;
	return result("status");
}

int
dtrace_stop(void *dtp)
{
	(void)dtp;
	if (fails("stop"))
		return -1;
	h.stopped = 1;
	return 0;
}

int
dtrace_aggregate_snap(void *dtp)
{
	(void)dtp;
	return result("snap");
}

int
dtrace_aggregate_walk(void *dtp, int (*f)(const void *, void *), void *arg)
{
	struct entry *a;
	int i, how;

	(void)dtp;
	if (fails("walk"))
		return -1;
	for (a = h.entries; a; a = a->next) {
		char krecs[9 * RECDESC], drecs[2 * RECDESC], desc[64], data[40];
		struct record id = { 1, 4, 4, 0, NULL, NULL, NULL },
		    counter = { 1, 8, 8, 0, NULL, NULL, NULL },
		    val = { (uint16_t)a->action, 8, a->size, 0, NULL, NULL,
			NULL };
		uint32_t offset = 4;
		char *key, *bytes_;

		if (a->removed)
			continue;
		val.alignment = 8;
		val.size = a->size;
		put_recdesc(krecs, &id, 0);
		for (i = 0; i < a->nkeys; i++) {
			offset = (offset + a->keys[i].alignment - 1) /
			    a->keys[i].alignment * a->keys[i].alignment;
			put_recdesc(krecs + (i + 1) * RECDESC, &a->keys[i],
			    offset);
			offset += a->keys[i].size;
		}
		key = need(calloc(1, offset));
		memcpy(key, &a->id, 4);
		for (i = 0; i < a->nkeys; i++) {
			uint32_t at;

			memcpy(&at, krecs + (i + 1) * RECDESC + 8, 4);
			memcpy(key + at, a->keys[i].bytes, a->keys[i].size);
		}
		bytes_ = need(malloc(8 + a->size));
		memset(bytes_, 0xee, 8);
		memcpy(bytes_ + 8, a->bytes, a->size);
		put_recdesc(drecs, &counter, 0);
		put_recdesc(drecs + RECDESC, &val, 8);
		memset(desc, 0, sizeof desc);
		PUT(desc, 0, a->name);
		PUT(desc, 8, a->id);
		PUT(desc, 16, a->sig);
		PUT(desc, 24, a->normal);
		PUT(desc, 40, (uint32_t)a->nkeys + 1);
		PUT(desc, 48, (void *)krecs);
		PUT(desc, 56, (void *)drecs);
		memset(data, 0, sizeof data);
		PUT(data, 8, (void *)desc);
		PUT(data, 16, key);
		PUT(data, 24, bytes_);
		how = f(data, arg);
		free(key);
		free(bytes_);
		if (how == 3)
			a->removed = 1;
		else if (how == -1)
			return -1;
	}
	return 0;
}

void
dtrace_aggregate_clear(void *dtp)
{
	struct entry *a;

	(void)dtp;
	for (a = h.entries; a; a = a->next)
		memset(a->bytes, 0, a->size);
}

int
dtrace_addr2str(void *dtp, uint64_t address, char *text, int size)
{
	(void)dtp;
	snprintf(text, (size_t)size, address ? "vmlinux`sym_%llx+0x4" : "0x%llx",
	    (unsigned long long)address);
	return 0;
}

int
dtrace_uaddr2str(void *dtp, int pid, uint64_t address, char *text, int size)
{
	(void)dtp;
	snprintf(text, (size_t)size, pid ? "node`fun_%llx+0x8" : "0x%llx",
	    (unsigned long long)address);
	return 0;
}

int
dtrace_str2desc(void *dtp, int spec, const char *text, void *desc)
{
	(void)dtp;
	(void)spec;
	if (strchr(text, '{')) {
		h.error = EDT_COMPILER;
		h.message = (char *)"Overly long or ill-formed probe description";
		return -1;
	}
	memset(desc, 0, 40);
	return 0;
}

int
dtrace_probe_iter(void *dtp, const void *desc,
    int (*f)(void *, const void *, void *), void *arg)
{
	static char *const names[4] = { (char *)"fake", (char *)"module",
		(char *)"function", (char *)"name" };
	char pdesc[40];
	int i;

	(void)desc;
	for (i = 0; i < h.listed; i++) {
		put_probedesc(pdesc, (uint32_t)i + 1, names);
		if (f(dtp, pdesc, arg) != 0)
			return -1;
	}
	return 0;
}

size_t
dtrace_printf_format(void *dtp, void *format, char *text, size_t size)
{
	(void)dtp;
	return (size_t)snprintf(text, size, "%s", (char *)format);
}

void *
dtrace_proc_grab_pid(void *dtp, int pid, int flags)
{
	(void)dtp;
	(void)pid;
	(void)flags;
	return fails("grab") ? NULL : &h;
}

void *
dtrace_proc_create(void *dtp, const char *file, char *const *argv, int flags)
{
	(void)dtp;
	(void)file;
	(void)argv;
	(void)flags;
	return fails("create") ? NULL : &h;
}

void
dtrace_proc_continue(void *dtp, void *p)
{
	(void)dtp;
	(void)p;
}
