/*
 * seccomp_host.c - a program with a filter of system calls that fires probes.
 *
 *	seccomp_host WHEN ACTION COUNT
 *
 * Its provider has the name in DIRECT_PROVIDER.  The filter allows what the loop
 * below needs, and no other system call: the ACTION is "kill", which ends the
 * process, "ask", the same, but it allows prctl, "errno", which refuses, or
 * "allow", which is no filter.  WHEN it is installed:
 *
 *	early	before anybody can be attached
 *	thread	the same, but by the thread that fires, and for it alone
 *	late	when the probe is enabled, before the first event
 *	warm	after twice COUNT events, when its thread announces them no longer;
 *		COUNT more follow
 *
 * It prints "ready", waits until its probe is enabled, fires COUNT events, and
 * prints "fired N".
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "usdt.h"

static usdt_probedef_t *probe;
static const char *action;
static long count, fired;

#define ALLOW(name) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), \
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

static void
filter(void)
{
	const uint32_t other = strcmp(action, "errno") == 0 ?
	    SECCOMP_RET_ERRNO | EPERM : SECCOMP_RET_KILL_PROCESS;
	const uint32_t asked = strcmp(action, "ask") == 0 ?
	    SECCOMP_RET_ALLOW : other;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		    offsetof(struct seccomp_data, nr)),
		ALLOW(clock_nanosleep),
		ALLOW(restart_syscall),
		ALLOW(write),
		ALLOW(exit_group),
		ALLOW(exit),
		/* A thread that ends makes these. */
		ALLOW(madvise),
		ALLOW(rt_sigprocmask),
		ALLOW(futex),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, asked),
		BPF_STMT(BPF_RET | BPF_K, other),
	};
	const struct sock_fprog program = {
		sizeof code / sizeof code[0], code
	};

	if (strcmp(action, "allow") != 0 &&
	    (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)) {
		perror("seccomp_host: a filter");
		_exit(3);
	}
}

static void
fire_all(void)
{
	void *argv[2] = { (void *)1, NULL };
	long i;

	for (i = 0; i < count; i++) {
		argv[1] = (void *)fired++;
		usdt_probe_fire(probe, 2, argv);
	}
}

/* By the system calls that the filter allows. */
static void
say(const char *what, long number)
{
	char line[64];
	int n = snprintf(line, sizeof line, what, number, number);

	if (write(STDOUT_FILENO, line, (size_t)n) != n)
		_exit(4);
}

static void *
live(void *when)
{
	if (strcmp(when, "early") == 0 || strcmp(when, "thread") == 0)
		filter();
	say("ready\n", 0);
	while (!usdt_probe_enabled(probe))
		usleep(1000);
	if (strcmp(when, "late") == 0)
		filter();
	fire_all();
	if (strcmp(when, "warm") == 0) {
		usleep(200000);		/* twice USDT__RING_EARLY */
		fire_all();
		filter();
		fire_all();
	}
	say("fired %ld to %ld\n", fired);
	return NULL;
}

int
main(int argc, char **argv)
{
	const char *types[] = { "long source", "long serial" };
	usdt_provider_t *provider = usdt_create_provider(
	    getenv("DIRECT_PROVIDER"), "host");
	pthread_t thread;

	if (argc != 4)
		return 2;
	action = argv[2];
	count = atol(argv[3]);
	probe = usdt_create_probe("main", "event", 2, types);
	if (provider == NULL || probe == NULL ||
	    usdt_provider_add_probe(provider, probe) < 0 ||
	    usdt_provider_enable(provider) < 0) {
		fprintf(stderr, "seccomp_host: %s\n", usdt_errstr(provider));
		return 1;
	}
	if (strcmp(argv[1], "thread") == 0 &&
	    pthread_create(&thread, NULL, live, argv[1]) == 0)
		pthread_join(thread, NULL);
	else
		live(argv[1]);
	_exit(0);
}
