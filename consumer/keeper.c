/*
 * keeper.c - who cleans up when the tracing process is gone?
 *
 * libdtrace may hang, abort, exit or be killed.  The kernel frees most of what
 * the process had, but two uprobes stay, on libdtrace's own BEGIN and END.  So
 * a small process, which never loads the library, waits for the tracing process
 * and removes them.  It also kills that process if the library hangs and the
 * client has gone.  Nothing here allocates.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include "consumer.h"

#ifndef POLLRDHUP
#define POLLRDHUP 0
#endif

/* Longer than any line of uprobe_events. */
#define LINE 4096

int64_t
clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* In "p:dt_PID_dtrace/NAME place": PID, and where NAME ends; 0 otherwise. */
static pid_t
whose(const char *line, const char **end)
{
	char *after;
	long pid;

	if (strncmp(line, "p:dt_", 5) != 0)
		return 0;
	pid = strtol(line + 5, &after, 10);
	if (pid <= 0 || strncmp(after, "_dtrace/", 8) != 0)
		return 0;
	*end = strchr(after, ' ');
	return *end ? (pid_t)pid : 0;
}

/*
 * Removes the uprobe that LINE defines.  1: it is still in use.  The kernel
 * refuses to remove one in use, so no running trace loses one.
 */
static int
forget(const char *path, const char *line, const char *end)
{
	char command[LINE];
	int n, fd, busy;

	n = snprintf(command, sizeof command, "-%.*s\n", (int)(end - line) - 1,
	    line + 1);
	if (n >= (int)sizeof command)
		return 0;
	fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fd == -1)
		return 0;
	busy = write(fd, command, (size_t)n) == -1 && errno == EBUSY;
	close(fd);
	return busy;
}

/* Removes uprobes of PID (0: of all ended processes).  1: some are in use. */
static int
sweep(pid_t pid)
{
	char path[LINE], line[LINE];
	const char *end;
	FILE *events;
	int busy = 0;
	pid_t owner;

	if (snprintf(path, sizeof path, "%s/kernel/tracing/uprobe_events",
	    ready_sys()) >= (int)sizeof path)
		return 0;
	events = fopen(path, "re");
	if (!events)
		return 0;
	while (fgets(line, sizeof line, events)) {
		owner = whose(line, &end);
		if (owner == 0 || (pid && owner != pid))
			continue;
		if (!pid && (kill(owner, 0) == 0 || errno != ESRCH))
			continue;
		busy |= forget(path, line, end);
	}
	fclose(events);
	return busy;
}

/* The kernel releases uprobes shortly after the process has ended. */
static void
sweep_after(pid_t pid)
{
	int64_t end = clock_ms() + 10000;

	while (sweep(pid) && clock_ms() < end)
		poll(NULL, 0, 20);
}

/* The last signal; its arrival ends a poll(). */
static volatile sig_atomic_t told;
static void
tell(int signal_number)
{
	told = signal_number;
}

static void
catch(int number, void (*handler)(int))
{
	struct sigaction action;

	memset(&action, 0, sizeof action);
	action.sa_handler = handler;
	sigemptyset(&action.sa_mask);
	sigaction(number, &action, NULL);
}

/*
 * Waits for CHILD to end, which closes ALIVE.  Returns its status for exit().
 */
static int
keep(pid_t child, int alive, int watched, int grace)
{
	struct pollfd p[2];
	int64_t end = -1, left;
	int status;

	p[0].fd = alive;
	p[0].events = POLLIN;
	p[1].fd = watched;
	p[1].events = POLLRDHUP;
	for (;;) {
		left = end == -1 ? -1 : end - clock_ms();
		if (end != -1 && left <= 0) {
			kill(child, SIGKILL);
			break;
		}
		p[0].revents = p[1].revents = 0;
		if (poll(p, end == -1 && watched != -1 ? 2 : 1, (int)left) ==
		    -1 && errno != EINTR)
			break;
		if (told && watched == -1)
			kill(child, told);
		told = 0;
		if (p[0].revents)
			break;
		if (p[1].revents & (POLLHUP | POLLERR | POLLRDHUP))
			end = clock_ms() + grace;
	}
	while (waitpid(child, &status, 0) == -1)
		if (errno != EINTR)
			return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status)
				 : 128 + WTERMSIG(status);
}

static void
end_with_parent(pid_t parent)
{
#if defined(__linux__)
	prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
	/* The parent may have ended before the call. */
	if (getppid() != parent)
		_exit(1);
}

void
keeper_start(int watched, int grace)
{
	pid_t parent = getpid(), child;
	int alive[2], status, fd;

	sweep(0);
	if (pipe(alive) == -1)
		return;		/* trace without a keeper */
	fcntl(alive[1], F_SETFD, FD_CLOEXEC);
	child = fork();
	if (child == 0) {
		close(alive[0]);
		end_with_parent(parent);
		return;
	}
	close(alive[1]);
	if (child == -1) {
		close(alive[0]);
		return;
	}
	catch(SIGINT, tell);
	catch(SIGTERM, tell);
	catch(SIGHUP, tell);
	/* Readers must see the end of file as soon as the child has ended. */
	for (fd = 1; fd < 64; fd++)
		if (fd != 2 && fd != alive[0])
			close(fd);
	status = keep(child, alive[0], watched, grace);
	sweep_after(child);
	_exit(status);
}
