/*
 * demangle.c - what is a symbol's name in C++, Rust or D?
 *
 * c++filt of binutils knows it.  It runs as a process of its own, without our
 * rights: a name may come from a file of anybody's, and 200 bytes can stand for more
 * text than memory holds.  A name that takes too long ends it, and after a few of
 * these, or where there is no c++filt, names stay as they are.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <search.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/events/parts.h"

#define PROGRAM		"c++filt"

/* Such a long text takes no line of an operator's. */
#define TEXT_MAX	4096

/* How long it may take for a name, in nanoseconds, and how often it may fail. */
#define PATIENCE	((uint64_t)1000000000)
#define FAILURES_MAX	3

/* What it may take from the machine: bytes, and seconds in all. */
#define MEMORY_MAX	((rlim_t)256 << 20)
#define SECONDS_MAX	((rlim_t)60)

/* P_PIDFD, which glibc has since 2.36. */
#define BY_PIDFD	((idtype_t)3)

/* Linux' user and group without rights. */
#define NOBODY		65534

struct known {
	const char *name;
	char *text;
};

struct demangler {
	int running;
	int process;		/* pidfd: whoever waits for a command may have
				 * waited for this one, too */
	int to, from;		/* pipes */
	unsigned failures;
	void *known;		/* tree */
};

static int
by_name(const void *one, const void *other)
{
	const struct known *a = one, *b = other;

	return strcmp(a->name, b->name);
}

static void
free_known(void *node)
{
	struct known *known = node;

	free(known->text);
	free(known);
}

struct demangler *
demangler_new(void)
{
	return xcalloc(1, sizeof(struct demangler));
}

/* --- the process --- */

static int
give_up_rights(void)
{
	const struct rlimit memory = { MEMORY_MAX, MEMORY_MAX };
	const struct rlimit seconds = { SECONDS_MAX, SECONDS_MAX };
	const struct rlimit none = { 0, 0 };

	if (geteuid() == 0 && (setgroups(0, NULL) < 0 ||
	    setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
	    setresuid(NOBODY, NOBODY, NOBODY) < 0))
		return -1;
	return setrlimit(RLIMIT_AS, &memory) < 0 ||
	    setrlimit(RLIMIT_CPU, &seconds) < 0 ||
	    setrlimit(RLIMIT_CORE, &none) < 0 ||
	    setrlimit(RLIMIT_FSIZE, &none) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 ? -1 : 0;
}

static void
become(int in, int out)
{
	int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (nothing >= 0 && dup2(in, STDIN_FILENO) >= 0 &&
	    dup2(out, STDOUT_FILENO) >= 0 &&
	    dup2(nothing, STDERR_FILENO) >= 0 && give_up_rights() == 0)
		execlp(PROGRAM, PROGRAM, (char *)NULL);
	_exit(EXIT_TROUBLE);
}

/* The process that reads IN and writes OUT; a pidfd, or -1. */
static int
run(const int in[2], const int out[2])
{
	pid_t pid;
	int process;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		become(in[0], out[1]);
	if (pid < 0)
		return -1;
	process = (int)syscall(SYS_pidfd_open, pid, 0);
	if (process < 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return process;
}

static int
start(struct demangler *demangler)
{
	int in[2], out[2];

	if (pipes_open(in, out) < 0)
		return -1;
	demangler->process = run(in, out);
	if (demangler->process < 0) {
		pipe_close(in);
		pipe_close(out);
		return -1;
	}
	close(in[0]);
	close(out[1]);
	demangler->to = in[1];
	demangler->from = out[0];
	demangler->running = 1;
	return 0;
}

static void
end(struct demangler *demangler)
{
	if (!demangler->running)
		return;
	close(demangler->to);
	close(demangler->from);
	syscall(SYS_pidfd_send_signal, demangler->process, SIGKILL, NULL, 0);
	while (waitid(BY_PIDFD, (id_t)demangler->process, NULL,
	    WEXITED) < 0 && errno == EINTR)
		;
	close(demangler->process);
	demangler->running = 0;
}

/* --- names --- */

/* Has the name a form that it knows?  It reads a line, and answers with one. */
static int
is_mangled(const char *name)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.$";

	return name[0] == '_' && name[1] != '\0' &&
	    strchr("ZRD", name[1]) != NULL &&
	    name[strspn(name, letters)] == '\0';
}

/* Its answer, or NULL. */
static char *
answer(const struct demangler *demangler)
{
	const uint64_t limit = clock_now(CLOCK_MONOTONIC) + PATIENCE;
	struct pollfd fd = { .fd = demangler->from, .events = POLLIN };
	char text[TEXT_MAX];
	size_t length = 0;
	uint64_t now;
	ssize_t n;

	while (length < sizeof text) {
		now = clock_now(CLOCK_MONOTONIC);
		if (now >= limit)
			return NULL;
		if (poll(&fd, 1, (int)((limit - now) / 1000000) + 1) <= 0)
			continue;
		n = read(demangler->from, text + length, sizeof text - length);
		if (n <= 0)
			return NULL;
		length += (size_t)n;
		if (text[length - 1] == '\n')
			return length > 1 ? xstrndup(text, length - 1) : NULL;
	}
	return NULL;
}

static char *
ask(struct demangler *demangler, const char *name)
{
	char *line, *text = NULL;
	size_t length;

	if (demangler->failures == FAILURES_MAX ||
	    (!demangler->running && start(demangler) < 0))
		return NULL;
	line = xasprintf("%s\n", name);
	length = strlen(line);
	if (write(demangler->to, line, length) == (ssize_t)length)
		text = answer(demangler);
	free(line);
	if (text == NULL) {
		demangler->failures++;
		end(demangler);
	}
	return text;
}

const char *
demangle(struct demangler *demangler, const char *name)
{
	struct known key = { .name = name }, *known, **found;

	if (!is_mangled(name))
		return name;
	found = tfind(&key, &demangler->known, by_name);
	if (found != NULL)
		return (*found)->text != NULL ? (*found)->text : name;
	known = xcalloc(1, sizeof *known);
	*known = (struct known){ name, ask(demangler, name) };
	xtsearch(known, &demangler->known, by_name);
	return known->text != NULL ? known->text : name;
}

void
demangler_free(struct demangler *demangler)
{
	end(demangler);
	tdestroy(demangler->known, free_known);
	free(demangler);
}
