/*
 * reach.c - how soon does a reader reach many processes?
 *
 *	reach shared|own COUNT PROVIDER
 *
 * COUNT processes have a provider of one probe: the same one, whose image they
 * share, or each its own, with a number behind its name.  Prints "ready", then
 * "open TIME" when the gates of all are open, in nanoseconds of CLOCK_MONOTONIC.
 * Then each line of input starts another process, and prints "later DURATION":
 * from its start until its gate is open, or "later never" after ten seconds.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "usdt.h"

#define SECOND	1000000000

struct process {
	pid_t pid;
	uintptr_t gate;		/* its address there; 0: not yet */
};

static struct process *processes;	/* shared by all */

static int64_t
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * SECOND + time.tv_nsec;
}

static void
live(struct process *self, const char *name)
{
	const char *types[] = { "int", "int" };
	usdt_provider_t *provider = usdt_create_provider(name, "reach");
	usdt_probedef_t *probe = usdt_create_probe("main", "event", 2, types);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (provider == NULL || probe == NULL ||
	    usdt_provider_add_probe(provider, probe) < 0 ||
	    usdt_provider_enable(provider) < 0) {
		fprintf(stderr, "reach: %s\n", usdt_errstr(provider));
		_exit(1);
	}
	__atomic_store_n(&self->gate, (uintptr_t)probe->gate,
	    __ATOMIC_RELEASE);
	for (;;)
		pause();
}

static void
start(long index, int own, const char *provider)
{
	struct process *process = &processes[index];
	char name[64];
	pid_t pid;

	snprintf(name, sizeof name, own ? "%s%ld" : "%s", provider, index);
	pid = fork();
	if (pid == 0)
		live(process, name);
	if (pid < 0) {
		perror("reach: fork");
		exit(1);
	}
	process->pid = pid;
}

static int
is_open(const struct process *process)
{
	uintptr_t at = __atomic_load_n(&process->gate, __ATOMIC_ACQUIRE);
	uint32_t gate = 0;
	struct iovec here = { &gate, sizeof gate };
	struct iovec there = { (void *)at, sizeof gate };

	return at != 0 && process_vm_readv(process->pid, &here, 1, &there, 1,
	    0) == sizeof gate && gate != 0;
}

int
main(int argc, char **argv)
{
	long count, more, i, own;
	int64_t begun;
	char line[16];

	if (argc != 4 || (count = atol(argv[2])) <= 0)
		return 2;
	own = strcmp(argv[1], "own") == 0;
	more = count + 100;
	processes = mmap(NULL, (size_t)more * sizeof *processes,
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (i = 0; i < count; i++)
		start(i, (int)own, argv[3]);
	for (i = 0; i < count; i++)
		while (__atomic_load_n(&processes[i].gate,
		    __ATOMIC_ACQUIRE) == 0)
			usleep(1000);
	printf("ready\n");
	fflush(stdout);
	for (i = 0; i < count; i++)
		while (!is_open(&processes[i]))
			usleep(1000);
	printf("open %lld\n", (long long)now());
	fflush(stdout);
	for (; i < more && fgets(line, sizeof line, stdin) != NULL; i++) {
		begun = now();
		start(i, (int)own, argv[3]);
		while (!is_open(&processes[i]) && now() - begun < 10LL * SECOND)
			usleep(1000);
		if (is_open(&processes[i]))
			printf("later %lld\n", (long long)(now() - begun));
		else
			printf("later never\n");
		fflush(stdout);
	}
	signal(SIGTERM, SIG_IGN);
	for (i = 0; i < more; i++)
		if (processes[i].pid > 0)
			kill(processes[i].pid, SIGKILL);
	while (wait(NULL) > 0)
		continue;
	return 0;
}
