/*
 * serve.c - what does another program ask for?
 *
 * Each line of standard input is a command, as JSON.  Events and answers are
 * lines on another descriptor.  The end of input ends the trace.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "consumer.h"

/* The longest line: programs are long, but not that long. */
#define LONGEST (16 << 20)
#define PACE 100		/* ms between two looks, by default */

static struct {
	char *line;
	size_t used, size;
	int too_long;		/* skip the rest of this line */
	int ended;		/* no more commands will come */
} input;

/* Are events sent only on command ("work")? */
static int is_pulled;
static int said_done;
static int64_t last_work = -1;

/* --- answers -------------------------------------------------------------------- */

/* The beginning of an answer: {"id":N,"ok":true */
static void
answer(const struct node *command, int ok)
{
	const struct node *id = command ? parse_member(command, "id") : NULL;

	json_raw("{\"id\":");
	if (id && id->type == NODE_NUMBER)
		json_int(id->number);
	else
		json_raw("null");
	json_raw(ok ? ",\"ok\":true" : ",\"ok\":false");
}

static void
answer_failure(const struct node *command, const struct failure *failure)
{
	answer(command, 0);
	json_raw(",");
	json_failure(failure);
	json_raw("}\n");
}

static void
say_done(const struct failure *failure)
{
	if (said_done)
		return;
	said_done = 1;
	json_raw("{\"done\":{\"status\":");
	json_int(record_exit_status());
	if (failure) {
		json_raw(",");
		json_failure(failure);
	}
	json_raw("}}\n");
}

/* --- the trace --------------------------------------------------------------------- */

/* Looks at the trace once.  Returns the ms until the next look; -1: none. */
static int
look(void)
{
	int64_t from = clock_ms(), pace = trace_pace() / 1000000, left;
	struct failure failure;
	int status;

	if (is_pulled || !trace_is_going())
		return -1;
	status = trace_work(&failure);
	if (status == -1)
		say_done(&failure);
	else if (status == 1 || trace_target_ended())
		status = trace_finish(&failure);
	if (!trace_is_going())
		say_done(status == -1 ? &failure : NULL);
	json_flush();
	if (trace_pace() == 0)
		pace = PACE;
	left = pace - (clock_ms() - from);
	/* If nothing came, rest a little, however short the pace is. */
	if (left <= 0 && !record_came())
		left = 1;
	return left > 0 ? (int)left : 0;
}

/* --- commands --------------------------------------------------------------------- */

static int
flag(const struct node *command, const char *name)
{
	const struct node *member = parse_member(command, name);

	return member && member->type == NODE_TRUE;
}

/* A member that must be a string. */
static const char *
text(const struct node *command, const char *name, struct failure *failure)
{
	const struct node *member = parse_member(command, name);

	if (member && member->type == NODE_STRING)
		return member->text;
	fail(failure, "ECOMMAND", "\"%s\" has to be a string", name);
	return NULL;
}

static int
do_version(const struct node *command, struct failure *failure)
{
	const struct library *lib = library(failure);

	if (!lib)
		return -1;
	answer(command, 1);
	json_raw(",\"version\":");
	json_string(lib->version);
	json_raw(",\"library\":");
	json_text(lib->path, strlen(lib->path));
	json_raw("}\n");
	return 1;
}

static int
do_ready(const struct node *command, struct failure *failure)
{
	if (!library(failure) || ready_privileges(failure) ||
	    ready_kernel(failure))
		return -1;
	return do_version(command, failure);
}

static int
do_open(const struct node *command, struct failure *failure)
{
	value_sized = flag(command, "sized");
	return trace_open(flag(command, "compileOnly"), failure);
}

static int
do_set(const struct node *command, struct failure *failure)
{
	const char *option = text(command, "option", failure);
	const struct node *value = parse_member(command, "value");

	if (!option)
		return -1;
	if (!value || value->type == NODE_NULL)
		return trace_set(option, NULL, failure);
	if (value->type != NODE_STRING)
		return fail(failure, "ECOMMAND", "the value of \"%s\" has to "
		    "be a string or null", option);
	return trace_set(option, value->text, failure);
}

/* The strings of an array in the form of main()'s argv: a name comes first. */
static char **
arguments(const struct node *array, int *count, struct failure *failure)
{
	const struct node *element = array ? array->first : NULL;
	char **argv;
	int n = 1;

	for (; element; element = element->next, n++)
		if (array->type != NODE_ARRAY || element->type != NODE_STRING) {
			fail(failure, "ECOMMAND",
			    "\"args\" has to be an array of strings");
			return NULL;
		}
	argv = calloc((size_t)n + 1, sizeof *argv);
	if (!argv) {
		fail(failure, "ENOMEM", "out of memory");
		return NULL;
	}
	argv[0] = (char *)"usdt-dtrace";
	*count = 1;
	for (element = array ? array->first : NULL; element;
	    element = element->next)
		argv[(*count)++] = element->text;
	return argv;
}

static int
do_compile(const struct node *command, struct failure *failure)
{
	const char *program = text(command, "program", failure);
	unsigned flags = 0;
	int argc, status;
	char **argv;

	if (!program)
		return -1;
	argv = arguments(parse_member(command, "args"), &argc, failure);
	if (!argv)
		return -1;
	if (flag(command, "zdefs"))
		flags |= DTRACE_C_ZDEFS;
	if (flag(command, "cpp"))
		flags |= DTRACE_C_CPP;
	status = trace_compile(program, flag(command, "lines"), flags, argc,
	    argv, failure);
	free(argv);
	return status;
}

static int
do_grab(const struct node *command, struct failure *failure)
{
	const struct node *pid = parse_member(command, "pid");

	if (!pid || pid->type != NODE_NUMBER || pid->number <= 0 ||
	    pid->number > 0x7fffffff)
		return fail(failure, "ECOMMAND", "\"pid\" has to be a number");
	return trace_grab((pid_t)pid->number, failure);
}

static int
do_create(const struct node *command, struct failure *failure)
{
	const char *line = text(command, "command", failure);

	return line ? trace_create(line, failure) : -1;
}

/* BEGIN's firings come before the answer. */
static int
do_go(const struct node *command, struct failure *failure)
{
	is_pulled = flag(command, "pull");
	if (trace_go(failure))
		return -1;
	look();
	return 0;
}

static int
do_work(const struct node *command, struct failure *failure)
{
	int64_t pace = trace_pace() / 1000000, now = clock_ms();
	int status = 0;

	/* Like libdtrace: not more often than switchrate says. */
	if (last_work == -1 || pace == 0 || now - last_work >= pace) {
		status = trace_work(failure);
		last_work = now;
	}
	if (status == -1)
		return -1;
	answer(command, 1);
	json_raw(status ? ",\"done\":true}\n" : ",\"done\":false}\n");
	return 1;
}

/* END's firings come before the answer. */
static int
do_stop(const struct node *command, struct failure *failure)
{
	int was_going = trace_is_going();

	(void)command;
	last_work = -1;
	if (is_pulled)
		return trace_stop(failure);
	if (trace_finish(failure))
		return -1;
	if (was_going)
		say_done(NULL);
	return 0;
}

static int
do_aggregations(const struct node *command, struct failure *failure)
{
	return trace_aggregations(flag(command, "remove"),
	    flag(command, "strict"), failure);
}

static int
do_clear(const struct node *command, struct failure *failure)
{
	(void)command;
	return trace_clear(failure);
}

static int
do_probes(const struct node *command, struct failure *failure)
{
	const char *pattern = text(command, "pattern", failure);

	return pattern ? trace_probes(pattern, failure) : -1;
}

/* A command that returns 1 has already answered. */
static const struct {
	const char *name;
	int (*act)(const struct node *, struct failure *);
} commands[] = {
	{ "version", do_version }, { "ready", do_ready }, { "open", do_open },
	{ "set", do_set }, { "compile", do_compile }, { "grab", do_grab },
	{ "create", do_create }, { "go", do_go }, { "work", do_work },
	{ "stop", do_stop }, { "aggregations", do_aggregations },
	{ "clear", do_clear }, { "probes", do_probes },
};

static void
obey(const char *line, size_t length)
{
	struct failure failure;
	struct node *command = parse(line, length, &failure);
	const char *name = NULL;
	int status = -1;
	size_t i;

	if (command)
		name = text(command, "do", &failure);
	for (i = 0; name && i < sizeof commands / sizeof *commands; i++)
		if (strcmp(commands[i].name, name) == 0)
			break;
	if (name && i == sizeof commands / sizeof *commands)
		fail(&failure, "ECOMMAND", "\"%s\" is not a command", name);
	else if (name)
		status = commands[i].act(command, &failure);
	if (status == -1) {
		answer_failure(command, &failure);
	} else if (status == 0) {
		answer(command, 1);
		json_raw("}\n");
	}
	parse_free(command);
	json_flush();
}

/* --- lines -------------------------------------------------------------------------- */

static void
refuse_line(const char *why, const char *code)
{
	struct failure failure;

	fail(&failure, code, "%s", why);
	answer_failure(NULL, &failure);
	json_flush();
	input.too_long = 1;
	input.used = 0;
}

/* Makes room for more input.  -1: there is none at all. */
static int
make_room(void)
{
	size_t size;
	char *more;

	if (input.size - input.used >= 4096)
		return 0;
	if (input.size >= LONGEST) {
		refuse_line("a command is longer than 16 MiB", "ECOMMAND");
		return 0;
	}
	size = input.size ? 2 * input.size : 1 << 16;
	more = realloc(input.line, size);
	if (!more) {
		if (input.size == 0)
			return -1;
		refuse_line("out of memory", "ENOMEM");
		return 0;
	}
	input.line = more;
	input.size = size;
	return 0;
}

static void
obey_lines(void)
{
	char *end, *line = input.line;
	size_t left = input.used;

	while ((end = memchr(line, '\n', left)) != NULL) {
		if (!input.too_long)
			obey(line, (size_t)(end - line));
		input.too_long = 0;
		left -= (size_t)(end + 1 - line);
		line = end + 1;
	}
	if (input.too_long)
		left = 0;
	memmove(input.line, line, left);
	input.used = left;
}

/* Waits at most TIMEOUT ms, or for ever if that is -1. */
static void
take_commands(int timeout)
{
	struct pollfd p = { 0, POLLIN, 0 };
	ssize_t n;

	if (poll(&p, 1, timeout) <= 0)
		return;
	if (make_room()) {
		input.ended = 1;
		return;
	}
	n = read(0, input.line + input.used, input.size - input.used);
	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		input.ended = 1;
		return;
	}
	input.used += (size_t)n;
	obey_lines();
}

int
serve(int descriptor)
{
	struct failure failure;

	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	json_to(descriptor);
	while (!input.ended && json_is_read())
		take_commands(look());
	trace_finish(&failure);
	json_flush();
	free(input.line);
	return 0;
}
