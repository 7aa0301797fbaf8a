/*
 * interrupted_enable.c - what if a process is killed, or its image removed, at
 * any moment of enabling?
 *
 *	interrupted_enable kill|remove DIR
 *
 * stops a process before its first system call of enabling, another before its
 * second, and so on, until one is no longer stopped.  Each has an image
 * directory of its own, DIR/N.
 *
 * kill: the process is killed, then another enables the same definition and
 * prints "placed PATH" or "error TEXT".
 *
 * remove: the image existed before; now it is removed, and the process
 * continues.  At its end it prints "taken N" or "gone N": whether it has an
 * image with a name, and how many mappings it had when the file was removed.
 *
 *	interrupted_enable times COUNT
 *
 * kills COUNT processes at random times of enabling, as kill does, in the one
 * directory of the environment, each with one of DEFINITIONS.  Processes that
 * were faster than the killer are not counted, but reported as "lived".
 *
 * The last line is "lived N", the number of processes that were not stopped.
 * "no trace: TEXT" says that processes can't be traced here.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "one_image.h"

#define DEFINITIONS	80	/* more than the library keeps */

static char module[24];

/* Enable in another process, which prints to OUT. */
static void
enable_after(FILE *out)
{
	struct one one;
	const char *error;

	fflush(out);
	if (fork() == 0) {
		error = one_make(&one, module) < 0 ? "cannot make it" :
		    one_enable(&one);
		if (error != NULL)
			fprintf(out, "error %s\n", error);
		else
			fprintf(out, "placed %s\n", one.status.sdt.path);
		fflush(out);
		_exit(0);
	}
	wait(NULL);
}

/* --- at each system call ------------------------------------------------ */

static void
traced_child(void)
{
	struct one one;

	if (one_make(&one, module) < 0)
		_exit(2);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(3);
	raise(SIGSTOP);
	_exit(one_enable(&one) == NULL ? 0 : 2);
}

/* Start a process and let it run to stop STEP.  Returns its pid, or 0 if it has
 * ended. */
static pid_t
stop_at(unsigned step)
{
	pid_t pid;
	unsigned i;
	int status;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		traced_child();
	if (waitpid(pid, &status, 0) < 0 || !WIFSTOPPED(status))
		return -1;
	for (i = 0; i < step; i++) {
		if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) < 0 ||
		    waitpid(pid, &status, 0) < 0)
			return -1;
		if (!WIFSTOPPED(status))
			return 0;
	}
	return pid;
}

static void
kill_it(pid_t pid, const char *dir)
{
	(void)dir;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	enable_after(stdout);
}

/* How many segments of an image has it mapped? */
static int
count_mappings(pid_t pid)
{
	char name[40], line[2048];
	FILE *maps;
	int n = 0;

	snprintf(name, sizeof name, "/proc/%ld/maps", (long)pid);
	maps = fopen(name, "r");
	while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
		n += strstr(line, "/placed/") != NULL;
	if (maps != NULL)
		fclose(maps);
	return n;
}

/* Remove the only file in DIR/placed/HASH. */
static void
remove_it(pid_t pid, const char *dir)
{
	char pattern[600];
	int mappings = count_mappings(pid), status = 0;
	glob_t found;
	size_t i;

	snprintf(pattern, sizeof pattern, "%s/placed/*/%s", dir, module);
	if (glob(pattern, 0, NULL, &found) == 0) {
		for (i = 0; i < found.gl_pathc; i++)
			unlink(found.gl_pathv[i]);
		globfree(&found);
	}
	if (ptrace(PTRACE_DETACH, pid, NULL, NULL) < 0 ||
	    waitpid(pid, &status, 0) < 0)
		exit(1);
	printf("%s %d\n", WIFEXITED(status) && WEXITSTATUS(status) == 0 ?
	    "taken" : "gone", mappings);
}

static int
by_steps(const char *top, int there, void (*act)(pid_t pid, const char *dir))
{
	FILE *nowhere = fopen("/dev/null", "w");
	char dir[512];
	unsigned step = 0;
	pid_t pid;

	strcpy(module, "steps");
	do {
		snprintf(dir, sizeof dir, "%s/%u", top, ++step);
		setenv("USDT_IMAGE_DIR", dir, 1);
		if (there)
			enable_after(nowhere);
		pid = stop_at(step);
		if (pid < 0) {
			printf("no trace: %s\n", strerror(errno));
			return 0;
		}
		if (pid > 0)
			act(pid, dir);
	} while (pid > 0 && step < 10000);
	printf("lived %d\n", pid == 0);
	return 0;
}

/* --- at random times ---------------------------------------------------- */

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/*
 * Kill AFTER seconds after enabling starts; less than 0: never.  Returns how
 * long the process took, or 0 if it was killed.
 */
static double
kill_at_time(double after)
{
	struct timespec pause;
	double start, took = 0;
	struct one one;
	int up[2], status;
	char byte;
	pid_t pid;

	if (pipe(up) < 0)
		exit(1);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (one_make(&one, module) < 0 || write(up[1], "x", 1) != 1)
			_exit(2);
		_exit(one_enable(&one) == NULL ? 0 : 2);
	}
	close(up[1]);
	if (read(up[0], &byte, 1) != 1)
		exit(1);
	start = now();
	if (after >= 0) {
		pause.tv_sec = 0;
		pause.tv_nsec = (long)(after * 1e9);
		nanosleep(&pause, NULL);
		kill(pid, SIGKILL);
	}
	waitpid(pid, &status, 0);
	if (WIFEXITED(status))
		took = now() - start;
	close(up[0]);
	return took;
}

static int
by_times(int count)
{
	double took, longest = 0;
	int i, killed, lived = 0;

	srand(1);
	for (i = 0; i < 5; i++) {
		snprintf(module, sizeof module, "first%d", i);
		took = kill_at_time(-1);
		longest = took > longest ? took : longest;
	}
	/* A busy machine may have slowed the longest run, or wake us late: kill
	 * earlier after each that lived. */
	for (killed = 0; killed < count;) {
		snprintf(module, sizeof module, "m%d", killed % DEFINITIONS);
		if (kill_at_time(longest * rand() / RAND_MAX) > 0) {
			lived++;
			longest *= 0.98;
			continue;
		}
		longest *= 1.01;
		killed++;
		enable_after(stdout);
	}
	printf("lived %d\n", lived);
	return 0;
}

int
main(int argc, char **argv)
{
	printf("ready %ld\n", (long)getpid());
	if (argc == 3 && strcmp(argv[1], "kill") == 0)
		return by_steps(argv[2], 0, kill_it);
	if (argc == 3 && strcmp(argv[1], "remove") == 0)
		return by_steps(argv[2], 1, remove_it);
	if (argc == 3 && strcmp(argv[1], "times") == 0)
		return by_times(atoi(argv[2]));
	return 2;
}
