/*
 * trace.c - which steps make the life of a trace?
 *
 * The order of calls matters: libdtrace sizes its table of statements when the
 * first program is executed or the error handler is set, by what is compiled
 * then.  So both are done in trace_go, when all programs are compiled.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "consumer.h"

static struct {
	const struct library *lib;
	dtrace_hdl_t *dtp;
	int only_compile;
	int prepared, went, ended, target_ended;
	unsigned flags;
	int64_t pace;
	dtrace_prog_t **programs;
	size_t count;
	dtrace_proc_t *target;
} t;

/* Fails with libdtrace's last error. */
static int
library_failed(struct failure *failure, const char *code)
{
	int number = t.lib->dtrace_errno(t.dtp);

	fail(failure, code, "%s", t.lib->dtrace_errmsg(t.dtp, number));
	failure->number = number;
	return -1;
}

static int
needs_open(struct failure *failure)
{
	if (t.dtp)
		return 0;
	return fail(failure, "ESTATE", "the trace is not open");
}

static int
needs_going(struct failure *failure)
{
	if (needs_open(failure))
		return -1;
	if (t.went)
		return 0;
	fail(failure, "ESTATE", "%s", strerror(EINVAL));
	failure->number = EINVAL;
	return -1;
}

/* --- before it goes ----------------------------------------------------------- */

/* The defaults of dtrace(1). */
static const struct { const char *option, *value; } defaults[] = {
	{ "bufsize", "4m" }, { "aggsize", "4m" }
};

int
trace_open(int only_compile, struct failure *failure)
{
	size_t i;
	int number = 0;

	if (t.dtp)
		return fail(failure, "ESTATE", "the trace is open already");
	t.only_compile = only_compile;
	t.lib = library(failure);
	if (!t.lib)
		return -1;
	if (!only_compile && !setting("USDT_DTRACE_UNCHECKED") &&
	    (ready_privileges(failure) || ready_kernel(failure)))
		return -1;
	if (record_begin())
		return fail(failure, "ENOMEM", "out of memory");
	t.dtp = t.lib->dtrace_open(DTRACE_VERSION,
	    sizeof(long) == 8 ? DTRACE_O_LP64 : 0, &number);
	if (!t.dtp) {
		fail(failure, "EOPEN", "%s",
		    t.lib->dtrace_errmsg(NULL, number));
		failure->number = number;
		return -1;
	}
	for (i = 0; i < sizeof defaults / sizeof *defaults; i++)
		t.lib->dtrace_setopt(t.dtp, defaults[i].option,
		    defaults[i].value);
	return 0;
}

int
trace_set(const char *option, const char *value, struct failure *failure)
{
	if (needs_open(failure))
		return -1;
	if (t.lib->dtrace_setopt(t.dtp, option, value) == 0)
		return 0;
	return library_failed(failure, "EOPTION");
}

/* Comes after the options and before everything else. */
static int
prepare(struct failure *failure)
{
	if (needs_open(failure))
		return -1;
	if (t.prepared)
		return 0;
	if (LIBRARY_PREPARE(t.lib, t.dtp) != 0)
		return library_failed(failure, "EOPEN");
	t.prepared = 1;
	return 0;
}

/* Through a file: libdtrace gives line numbers only for files. */
static dtrace_prog_t *
compile_lines(const char *program, unsigned flags, int argc, char **argv,
    int *unable)
{
	dtrace_prog_t *compiled = NULL;
	FILE *file = tmpfile();

	*unable = !file || fputs(program, file) == EOF || fflush(file) == EOF;
	if (!*unable) {
		rewind(file);
		compiled = t.lib->dtrace_program_fcompile(t.dtp, file, flags,
		    argc, argv);
	}
	if (file)
		fclose(file);
	return compiled;
}

/*
 * libdtrace refuses a probe without a clause in a file, but not in a string.
 * Such a program ("-n BEGIN") is compiled again as a string.
 */
static int
is_lone_probe(void)
{
	const char *why = t.lib->dtrace_errmsg(t.dtp,
	    t.lib->dtrace_errno(t.dtp));

	return strstr(why, "expected predicate and/or actions") != NULL;
}

static dtrace_prog_t *
compile(const char *program, int lines, unsigned flags, int argc, char **argv)
{
	dtrace_prog_t *compiled = NULL;
	int unable = 1;

	if (lines)
		compiled = compile_lines(program, flags, argc, argv, &unable);
	if (unable || (!compiled && is_lone_probe()))
		compiled = t.lib->dtrace_program_strcompile(t.dtp, program,
		    DTRACE_PROBESPEC_NAME, flags, argc, argv);
	return compiled;
}

int
trace_compile(const char *program, int lines, unsigned flags, int argc,
    char **argv, struct failure *failure)
{
	dtrace_prog_t **more, *compiled;

	if (prepare(failure))
		return -1;
	/* libdtrace would accept the program and never fire it. */
	if (t.went)
		return fail(failure, "ESTATE",
		    "Operation illegal when tracing is active");
	more = realloc(t.programs, (t.count + 1) * sizeof *more);
	if (!more)
		return fail(failure, "ENOMEM", "out of memory");
	t.programs = more;
	compiled = compile(program, lines, flags, argc, argv);
	if (!compiled)
		return library_failed(failure, "ECOMPILE");
	t.flags |= flags;
	t.programs[t.count++] = compiled;
	return 0;
}

static int
has_target(dtrace_proc_t *target, struct failure *failure)
{
	if (!target)
		return library_failed(failure, "ETARGET");
	t.target = target;
	return 0;
}

static int
may_have_target(struct failure *failure)
{
	if (prepare(failure))
		return -1;
	if (t.went || t.target)
		return fail(failure, "ESTATE", t.target
		    ? "the trace has a target already"
		    : "Operation illegal when tracing is active");
	return 0;
}

int
trace_grab(pid_t pid, struct failure *failure)
{
	if (may_have_target(failure))
		return -1;
	return has_target(LIBRARY_GRAB(t.lib, t.dtp, pid), failure);
}

/* Through a shell, which becomes the command, so that it may have quotes. */
int
trace_create(const char *command, struct failure *failure)
{
	size_t size = strlen(command) + 6;
	char *script, *argv[4];

	if (may_have_target(failure))
		return -1;
	script = malloc(size);
	if (!script)
		return fail(failure, "ENOMEM", "out of memory");
	snprintf(script, size, "exec %s", command);
	argv[0] = (char *)"/bin/sh";
	argv[1] = (char *)"-c";
	argv[2] = script;
	argv[3] = NULL;
	t.target = LIBRARY_CREATE(t.lib, t.dtp, argv);
	free(script);
	return has_target(t.target, failure);
}

/* --- going ------------------------------------------------------------------------ */

static void
on_process(dtrace_proc_argument_t process, const char *message, void *argument)
{
	(void)message;
	(void)argument;
	(void)process;
	t.target_ended = 1;
}

/*
 * dtrace_work may wait for the time in switchrate, and checks for the end only
 * every statusrate.  So both are set to 1us, and this program waits by itself,
 * where it can receive commands.
 */
static void
take_pace(void)
{
	dtrace_optval_t rate = 0;

	if (t.lib->dtrace_getopt(t.dtp, "switchrate", &rate) == 0 &&
	    rate > 0 && rate < INT64_MAX)
		t.pace = (int64_t)rate;
	t.lib->dtrace_setopt(t.dtp, "switchrate", "1us");
	t.lib->dtrace_setopt(t.dtp, "statusrate", "1us");
}

static int
execute(struct failure *failure)
{
	dtrace_proginfo_t info;
	size_t i;

	for (i = 0; i < t.count; i++)
		if (t.lib->dtrace_program_exec(t.dtp, t.programs[i], &info))
			return library_failed(failure, "EENABLE");
	return 0;
}

int
trace_go(struct failure *failure)
{
	if (prepare(failure))
		return -1;
	if (t.only_compile)
		return ready_privileges(failure) ? -1 : fail(failure, "ESTATE",
		    "the trace was opened to compile only");
	if (t.went) {
		fail(failure, "ESTATE", "%s", strerror(EINVAL));
		failure->number = EINVAL;
		return -1;
	}
	take_pace();
	if (t.lib->dtrace_handle_err(t.dtp, record_on_error, NULL) ||
	    t.lib->dtrace_handle_drop(t.dtp, record_on_drop, NULL) ||
	    t.lib->dtrace_handle_proc(t.dtp, on_process, NULL))
		return library_failed(failure, "EENABLE");
	if (execute(failure))
		return -1;
	if (LIBRARY_GO(t.lib, t.dtp, t.flags) != 0)
		return library_failed(failure, "EENABLE");
	t.went = 1;
	if (t.target)
		t.lib->dtrace_proc_continue(t.dtp, t.target);
	return 0;
}

int
trace_is_going(void)
{
	return t.went && !t.ended;
}

int64_t
trace_pace(void)
{
	return t.pace;
}

int
trace_target_ended(void)
{
	return t.target_ended;
}

int
trace_work(struct failure *failure)
{
	dtrace_workstatus_t status;

	if (needs_going(failure))
		return -1;
	status = record_work(t.lib, t.dtp);
	if (status == DTRACE_WORKSTATUS_ERROR) {
		/* A signal ended the wait. */
		if (t.lib->dtrace_errno(t.dtp) == EINTR)
			return 0;
		t.ended = 1;
		return library_failed(failure, "EWORK");
	}
	if (status == DTRACE_WORKSTATUS_DONE)
		t.ended = 1;
	return t.ended;
}

/* Like libdtrace, allows a stop before the start and a second stop. */
int
trace_stop(struct failure *failure)
{
	if (needs_open(failure))
		return -1;
	if (t.went && t.lib->dtrace_stop(t.dtp) == -1)
		return library_failed(failure, "ESTOP");
	return 0;
}

int
trace_finish(struct failure *failure)
{
	int status = 0;

	if (trace_stop(failure))
		return -1;
	while (trace_is_going() && status == 0 && json_is_read())
		status = trace_work(failure);
	return status == -1 ? -1 : 0;
}

int
trace_aggregations(int remove, int strict, struct failure *failure)
{
	struct aggregation_walk walk = { t.lib, t.dtp, remove, strict, 0 };

	if (needs_going(failure))
		return -1;
	if (!t.ended && t.lib->dtrace_status(t.dtp) == -1)
		return library_failed(failure, "ESTATUS");
	if (t.lib->dtrace_aggregate_snap(t.dtp) == -1)
		return library_failed(failure, "ESNAP");
	if (t.lib->dtrace_aggregate_walk(t.dtp, aggregation_on_entry, &walk) ==
	    -1 && !walk.refused)
		return library_failed(failure, "EWALK");
	return 0;
}

int
trace_clear(struct failure *failure)
{
	if (needs_going(failure))
		return -1;
	t.lib->dtrace_aggregate_clear(t.dtp);
	return 0;
}

static int
on_listed(dtrace_hdl_t *dtp, const dtrace_probedesc_t *probe, void *argument)
{
	(void)dtp;
	(void)argument;
	json_raw("{\"listed\":");
	record_probe(probe);
	json_raw("}\n");
	return json_is_read() ? 0 : 1;
}

/* If nothing matches, the list is empty; that is no error. */
int
trace_probes(const char *pattern, struct failure *failure)
{
	dtrace_probedesc_t probe;

	if (prepare(failure))
		return -1;
	memset(&probe, 0, sizeof probe);
	if (t.lib->dtrace_str2desc(t.dtp, DTRACE_PROBESPEC_NAME, pattern,
	    &probe) == -1)
		return library_failed(failure, "ECOMPILE");
	t.lib->dtrace_probe_iter(t.dtp, &probe, on_listed, NULL);
	return 0;
}
