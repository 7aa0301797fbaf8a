/*
 * thread_cancellation.c - may a thread be cancelled while it makes a call?
 *
 * The call completes, and releases what the thread held: the next call and the
 * next fork find the lock free.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "tap.h"
#include "scratch.h"
#include "usdt.h"

static usdt_provider_t *p;
static int result;			/* of the thread's call; 1: none yet */
static int states[2];

/* Its next system call would end it, and enabling makes many. */
static void *
enable_cancelled(void *nothing)
{
	pthread_cancel(pthread_self());
	result = usdt_provider_enable(p);
	pthread_testcancel();
	return nothing;
}

static void *
keep_state(void *nothing)
{
	usdt_status_t status;

	usdt_provider_status(p, &status);
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &states[0]);
	usdt_provider_status(p, &status);
	pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &states[1]);
	return nothing;
}

static void *
run_thread(void *(*function)(void *))
{
	pthread_t thread;
	void *ended = NULL;

	pthread_create(&thread, NULL, function, NULL);
	pthread_join(thread, &ended);
	return ended;
}

/* A signal's default action would not print what failed. */
static void
hang(int signal)
{
	static const char text[] = "Bail out! the lock is never given back\n";

	(void)signal;
	if (write(STDOUT_FILENO, text, sizeof text - 1) < 0)
		_exit(2);
	_exit(1);
}

int
main(void)
{
	usdt_probedef_t *probe;
	usdt_status_t status;
	int ended = -1;
	pid_t pid;

	signal(SIGALRM, hang);
	alarm(600);
	scratch_begin();
	p = usdt_create_provider("cancelled", "m");
	probe = usdt_create_probe("f", "n", 0, NULL);
	usdt_provider_add_probe(p, probe);

	result = 1;
	ok(run_thread(enable_cancelled) == PTHREAD_CANCELED,
	    "a thread that was cancelled ends");
	is_int(result, 0, "after it has enabled");
	is_int(usdt_provider_status(p, &status), 0, "another makes calls");
	is_int(status.sdt.taken, 1, "and finds the provider enabled");
	pid = fork();
	if (pid == 0)
		_exit(usdt_provider_disable(p) == 0 ? 0 : 1);
	waitpid(pid, &ended, 0);
	is_int(ended, 0, "a child can be made, and makes calls");
	is_int(usdt_provider_disable(p), 0, "disable");

	run_thread(keep_state);
	is_int(states[0], PTHREAD_CANCEL_ENABLE,
	    "a thread that could be cancelled can be after a call");
	is_int(states[1], PTHREAD_CANCEL_DISABLE, "one that could not be cancelled still can not");

	usdt_provider_free(p);
	usdt_probe_release(probe);
	is_int(count_maps(scratch), 0, "nothing stays mapped");
	return done_testing();
}
