/*
 * many_processes.c - many processes of one provider
 *
 *	many_processes -p PROVIDER
 *
 * enables the provider, with the probe crowd:f:go(int), says "ready PID" and
 * does what each line on standard input says:
 *
 *	start N			start N processes of this program: "started" and
 *				how many of them a helper took
 *	fire VALUE		each of them fires: "fired" and how many did
 *	kill			every second of them gets SIGKILL: "killed N"
 *	forks N			fork children, one after another, until there
 *				were N and a line comes.  Each fires 0 and goes;
 *				then this process fires 1, 2, 3 ...: "forked",
 *				their number, how many did not end well, and how
 *				many of them no helper took
 *	quit
 *
 * What "start" starts reads values from standard input, as ints, and writes the
 * byte '+' for each that it fired.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "usdt.h"

#define MOST	1024

extern char **environ;

static usdt_provider_t *provider;
static usdt_probedef_t *probe;
static struct {
	pid_t pid;
	int socket;
} crowd[MOST];
static int count;

static void
fire(int value)
{
	void *argv[] = { (void *)(intptr_t)value };

	usdt_probe_fire(probe, 1, argv);
}

static int
is_taken(void)
{
	usdt_status_t status;

	return usdt_provider_status(provider, &status) == 0 &&
	    status.dof.taken;
}

/* Where the helper is slow, a child registers when it enables. */
static int
is_child_taken(void)
{
	return is_taken() || (usdt_provider_enable(provider) == 0 &&
	    is_taken());
}

/* One of many; it says at first that it is there. */
static void
serve_many(void)
{
	int value;
	char there = is_taken() ? '+' : '-';

	while (write(STDOUT_FILENO, &there, 1) == 1 &&
	    read(STDIN_FILENO, &value, sizeof value) == sizeof value)
		fire(value);
}

/* Wait for the answers of those from FIRST on. */
static int
hear(int first)
{
	int i, n = 0;
	char there;

	for (i = first; i < count; i++)
		n += read(crowd[i].socket, &there, 1) == 1 && there == '+';
	return n;
}

static int
start_one(const char *name)
{
	static char program[] = "crowd", option[] = "-p", many[] = "many";
	char *arguments[] = { program, option, (char *)name, many, NULL };
	posix_spawn_file_actions_t actions;
	int sockets[2], result;

	if (count == MOST || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
	    sockets) < 0)
		return -1;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, sockets[1], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, sockets[1], STDOUT_FILENO);
	result = posix_spawn(&crowd[count].pid, "/proc/self/exe", &actions,
	    NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(sockets[1]);
	crowd[count].socket = sockets[0];
	if (result != 0)
		return -1;
	count++;
	return 0;
}

static int
fire_all(int value)
{
	int i;

	for (i = 0; i < count; i++)
		if (write(crowd[i].socket, &value, sizeof value) < 0)
			return -1;
	return hear(0);
}

static int
kill_half(void)
{
	int i, left = 0, killed = 0;

	for (i = 0; i < count; i++)
		if (i % 2 == 1) {
			kill(crowd[i].pid, SIGKILL);
			waitpid(crowd[i].pid, NULL, 0);
			close(crowd[i].socket);
			killed++;
		} else {
			crowd[left++] = crowd[i];
		}
	count = left;
	return killed;
}

/* Children that fire once and go, until there were enough of them. */
static void
fork_many(int least)
{
	struct pollfd line = { STDIN_FILENO, POLLIN, 0 };
	int forked = 0, bad = 0, unknown = 0, status;
	pid_t pid;

	while (forked < least || poll(&line, 1, 0) == 0) {
		pid = fork();
		if (pid == 0) {
			fire(0);
			_exit(is_child_taken() ? 0 : 1);
		}
		forked++;
		status = -1;
		waitpid(pid, &status, 0);
		if (status == 1 << 8)
			unknown++;
		else if (status != 0)
			bad++;
		fire(forked);
	}
	printf("forked %d %d %d\n", forked, bad, unknown);
}

static void
serve(const char *name, const char *line)
{
	int n, i, first = count;

	if (sscanf(line, "start %d", &n) == 1) {
		for (i = 0; i < n && start_one(name) == 0; i++)
			continue;
		printf("started %d\n", hear(first));
	} else if (sscanf(line, "fire %d", &n) == 1) {
		printf("fired %d\n", fire_all(n));
	} else if (strcmp(line, "kill\n") == 0) {
		printf("killed %d\n", kill_half());
	} else if (sscanf(line, "forks %d", &n) == 1) {
		fork_many(n);
	} else if (strcmp(line, "\n") != 0) {	/* "forks" was told to end */
		printf("error unknown command %s", line);
	}
}

int
main(int argc, char **argv)
{
	const char *types[] = { "int" };
	char line[256];

	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	if (argc < 3 || strcmp(argv[1], "-p") != 0) {
		fprintf(stderr, "usage: many_processes -p PROVIDER\n");
		return 2;
	}
	provider = usdt_create_provider(argv[2], "crowd");
	probe = usdt_create_probe("f", "go", 1, types);
	if (provider == NULL || probe == NULL ||
	    usdt_provider_add_probe(provider, probe) < 0 ||
	    usdt_provider_enable(provider) < 0) {
		printf("error %s\n", usdt_errstr(provider));
		return 1;
	}
	if (argc > 3) {
		serve_many();
	} else {
		printf("ready %ld\n", (long)getpid());
		while (fgets(line, sizeof line, stdin) != NULL &&
		    strcmp(line, "quit\n") != 0)
			serve(argv[2], line);
	}
	usdt_provider_free(provider);
	usdt_probe_release(probe);
	return 0;
}
