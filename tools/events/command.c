/*
 * command.c - how is a command started, held, and ended?
 *
 * Its probes can be attached to when a file with them is mapped, which may be
 * long after its start: a library is mapped by the loader, an image of libusdt
 * when the program enables a provider.  Nothing may fire until then.  So the
 * command is held: it is a tracee of ptrace, and so are the processes that it
 * forks.  Each stops when a system call returns.  If the call mapped a file, the
 * probes in it are attached before the process goes on.  When each pattern has a
 * probe they are all released, and run as fast as ever.  So they are if that takes
 * too long: a pattern may never get one.  What is mapped later is attached to while
 * they run.
 *
 * Where ptrace is forbidden, the command runs from the beginning.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/events/parts.h"

/* What only a shell understands: with any of these, a shell is started. */
#define SHELL_CHARACTERS	"\\\"'`$|&;<>()*?[]{}~#=%!\n"

/*
 * For how long it is held at most: so many system calls, each of which stops twice
 * and takes 0.04 ms more; or if it makes few of them so many nanoseconds.  Node.js
 * begins with 700 calls, Python that loads some modules with 2,600.
 */
#define HELD_STOPS	(2 * 100000ul)
#define HELD_NS		((uint64_t)20000000000)

/* How long a command that was asked to end may take, in milliseconds. */
#define END_MS		1000

/* How a shell says that a command can't be executed, or is not there. */
#define EXIT_NO_EXEC	126
#define EXIT_NO_COMMAND	127

struct command {
	const char *text;
	pid_t pid;
	int go;			/* we write to it when the command may begin */
	int failure;		/* it writes an errno, if there is no command */
	int signals;		/* signalfd of SIGCHLD */
	struct family *family;
	int held;
	unsigned long stops;	/* since it is held */
	uint64_t begun;		/* CLOCK_MONOTONIC */
	pid_t *tracees;		/* threads that are held */
	size_t count, space;
	int asked;		/* to end, by how many signals */
	int ended, status;
	int failed;		/* there is no such command */
};

/* --- starting --- */

/* TEXT in words; the first one is what to free, with the array. */
static char **
split(const char *text)
{
	char *copy = xstrndup(text, strlen(text)), *word, *rest = NULL;
	char **words = NULL;
	size_t count = 0, space = 0;

	for (word = strtok_r(copy, " \t", &rest); word != NULL;
	    word = strtok_r(NULL, " \t", &rest)) {
		ROOM_FOR_ONE(words, count, space);
		words[count++] = word;
	}
	ROOM_FOR_ONE(words, count, space);
	words[count] = NULL;
	return words;
}

/* The new process: wait, then become the command. */
static void
become(const char *text, int go, int failure)
{
	char byte;
	int error;

	if (read(go, &byte, 1) != 1)
		_exit(EXIT_NO_COMMAND);
	if (strpbrk(text, SHELL_CHARACTERS) != NULL)
		execl("/bin/sh", "sh", "-c", text, (char *)NULL);
	else
		execvp(split(text)[0], split(text));
	error = errno;
	if (write(failure, &error, sizeof error) != sizeof error)
		_exit(EXIT_TROUBLE);
	_exit(error == ENOENT ? EXIT_NO_COMMAND : EXIT_NO_EXEC);
}

/* Children are waited for, and a descriptor says when. */
static int
take_children(void)
{
	sigset_t set;

	signal(SIGCHLD, SIG_DFL);	/* it might be ignored */
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

void
pipe_close(const int ends[2])
{
	close(ends[0]);
	close(ends[1]);
}

int
pipes_open(int one[2], int other[2])
{
	int error;

	if (pipe2(one, O_CLOEXEC) < 0)
		return -1;
	if (pipe2(other, O_CLOEXEC) == 0)
		return 0;
	error = errno;
	pipe_close(one);
	errno = error;
	return -1;
}

struct command *
command_start(const char *text)
{
	struct command *command = xcalloc(1, sizeof *command);
	int go[2], failure[2];

	command->text = text;
	command->go = command->failure = command->signals = -1;
	if (pipes_open(go, failure) < 0) {
		complain(text, strerror(errno));
		free(command);
		return NULL;
	}
	fflush(NULL);
	command->pid = fork();
	if (command->pid == 0) {
		close(go[1]);
		become(text, go[0], failure[1]);
	}
	close(go[0]);
	close(failure[1]);
	command->go = go[1];
	command->failure = failure[0];
	if (command->pid < 0) {
		complain(text, strerror(errno));
	} else {
		command->signals = take_children();
		command->family = family_open(command->pid);
		if (command->family != NULL)
			return command;
	}
	command_free(command);
	return NULL;
}

struct family *
command_family(const struct command *command)
{
	return command->family;
}

int
command_fd(const struct command *command)
{
	return command->signals;
}

void
command_begin(struct command *command, int hold)
{
	const long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC |
	    PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE;

	command->held = hold && ptrace(PTRACE_SEIZE, command->pid, NULL,
	    options) == 0;
	if (hold && !command->held)
		fprintf(stderr, "usdt: the command can't be held until its "
		    "probes are watched (%s): its first events may be "
		    "missing\n", strerror(errno));
	if (command->held) {
		ROOM_FOR_ONE(command->tracees, command->count, command->space);
		command->tracees[command->count++] = command->pid;
	}
	command->begun = clock_now(CLOCK_MONOTONIC);
	if (write(command->go, "", 1) != 1)
		complain(command->text, strerror(errno));
	close(command->go);
	command->go = -1;
}

/* --- holding --- */

static void
add_tracee(struct command *command, pid_t thread)
{
	size_t i;

	for (i = 0; i < command->count; i++)
		if (command->tracees[i] == thread)
			return;
	ROOM_FOR_ONE(command->tracees, command->count, command->space);
	command->tracees[command->count++] = thread;
}

static void
drop_tracee(struct command *command, pid_t thread)
{
	size_t i;

	for (i = 0; i < command->count; i++)
		if (command->tracees[i] == thread)
			command->tracees[i--] =
			    command->tracees[--command->count];
}

/*
 * A thread has stopped.  It goes on as if we were not there: a signal is
 * delivered, and a process that was stopped by one stays stopped.
 */
static void
resume(struct command *command, pid_t thread, int status)
{
	int event = status >> 16, signo = WSTOPSIG(status), request;

	if (signo == (SIGTRAP | 0x80))
		signo = 0;			/* a system call */
	if (!command->held)
		request = PTRACE_DETACH;
	else if (event == PTRACE_EVENT_STOP && signo != SIGTRAP)
		request = PTRACE_LISTEN;	/* stopped by a signal */
	else
		request = PTRACE_SYSCALL;
	if (event != 0)
		signo = 0;
	ptrace(request, thread, NULL, (void *)(intptr_t)signo);
	if (!command->held)
		drop_tracee(command, thread);
}

void
command_release(struct command *command)
{
	size_t i;

	if (!command->held)
		return;
	command->held = 0;
	/* Each stops once more, and is then let go. */
	for (i = 0; i < command->count; i++)
		ptrace(PTRACE_INTERRUPT, command->tracees[i], NULL, NULL);
}

static int
is_held_too_long(const struct command *command)
{
	return command->stops >= HELD_STOPS ||
	    clock_now(CLOCK_MONOTONIC) - command->begun >= HELD_NS;
}

int
command_attend(struct command *command, int (*look)(void *self), void *self)
{
	struct signalfd_siginfo info;
	pid_t thread;
	int status;

	while (read(command->signals, &info, sizeof info) == sizeof info)
		;
	while ((thread = waitpid(-1, &status, WNOHANG | __WALL)) > 0) {
		if (WIFSTOPPED(status)) {
			add_tracee(command, thread);
			command->stops++;
			if ((family_read(command->family) && look(self)) ||
			    is_held_too_long(command))
				command_release(command);
			resume(command, thread, status);
			continue;
		}
		drop_tracee(command, thread);
		if (thread == command->pid) {
			command->ended = 1;
			command->status = status;
		}
	}
	if (is_held_too_long(command))
		command_release(command);
	return command->ended;
}

/* --- ending --- */

/*
 * The first signal that asks to end is the command's; we end with it.  If it does
 * not end, the second one is for us.
 */
int
command_signal(struct command *command, int signo, int from_process)
{
	if (from_process && !command->ended)
		kill(command->pid, signo);
	if (signo != SIGINT && signo != SIGTERM && signo != SIGQUIT)
		return 0;
	return ++command->asked > 1;
}

static int
look_nowhere(void *self)
{
	(void)self;
	return 0;
}

static void
report_failure(struct command *command)
{
	int error;

	if (read(command->failure, &error, sizeof error) != sizeof error)
		return;
	complain(command->text, strerror(error));
	command->failed = 1;
}

int
command_failed(const struct command *command)
{
	return command->failed;
}

/* Ask it to end, and wait a little. */
static void
terminate(struct command *command)
{
	const uint64_t end = clock_now(CLOCK_MONOTONIC) +
	    (uint64_t)END_MS * 1000000;
	struct pollfd fd = { .fd = command->signals, .events = POLLIN };

	command_release(command);
	kill(command->pid, SIGTERM);
	while (!command_attend(command, look_nowhere, NULL) &&
	    clock_now(CLOCK_MONOTONIC) < end)
		poll(&fd, 1, END_MS);
	if (!command->ended)
		fprintf(stderr, "usdt: the command goes on as process %d\n",
		    (int)command->pid);
}

int
command_end(struct command *command)
{
	if (!command->ended) {
		terminate(command);
		return EXIT_FINE;
	}
	report_failure(command);
	return WIFSIGNALED(command->status) ?
	    128 + WTERMSIG(command->status) : WEXITSTATUS(command->status);
}

void
command_free(struct command *command)
{
	if (command == NULL)
		return;
	if (command->go >= 0) {
		close(command->go);	/* then it ends */
		if (command->pid > 0)
			waitpid(command->pid, NULL, 0);
	}
	close(command->failure);
	if (command->signals >= 0)
		close(command->signals);
	family_close(command->family);
	free(command->tracees);
	free(command);
}
