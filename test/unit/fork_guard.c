/*
 * fork_guard.c - does every kind of child notice that it is one, and is it
 * mended?
 *
 * test/trace/shared_images.t shows that such children survive after a tracer
 * has turned their probes' nops into calls.  This test shows that probes don't
 * fire in a child that is not mended, and do in all others.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "tap.h"
#include "raw_clone.h"
#include "scratch.h"
#include "core/provider.h"

/* In place of libc's: how often did the library ask for its process id? */
static int asked;
static pid_t same;	/* also the child's, as in a pid namespace */
pid_t
getpid(void)
{
	asked++;
	return same != 0 ? same : (pid_t)syscall(SYS_getpid);
}

/* In place of libc's: which process does a thread wait for? */
static int naps, yields;
static void
come_on(void)
{
	if (naps + yields == 3 && *usdt__guard == -1)
		usdt__guard_claimed();
}

int
nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)time;
	(void)left;
	naps++;
	come_on();
	return 0;
}

int
sched_yield(void)
{
	yields++;
	come_on();
	return 0;
}

#define WIDE	(2 * 4096 / USDT__STUB_SIZE)	/* more than a page of stubs */

static usdt_provider_t *p;
static usdt_probedef_t *probes[WIDE];
static size_t count;

static void
begin(const char *name, const char *nop, size_t n)
{
	char text[32];

	setenv("USDT_NOP", nop, 1);
	p = usdt_create_provider(name, "m");
	for (count = 0; count < n; count++) {
		snprintf(text, sizeof text, "n%zu", count);
		probes[count] = usdt_create_probe("f", text, 0, NULL);
		usdt_provider_add_probe(p, probes[count]);
	}
	if (usdt_provider_enable(p) < 0)
		printf("Bail out! %s\n", usdt_errstr(p));
}

static void
end(void)
{
	while (count > 0)
		usdt_probe_release(probes[--count]);
	usdt_provider_free(p);
}

/* Run JUDGE in a child made by fork, or only by clone. */
static int
in_child(int raw, int (*judge)(void))
{
	int status = -1;
	pid_t pid = raw ? raw_clone() : fork();

	if (pid == 0)
		_exit(judge());
	waitpid(pid, &status, 0);
	return status;
}

static int
guarded(void)
{
	return *usdt__guard == 0;
}

/* A tracer's change of the parent's image is not in the child's. */
static const volatile uint8_t *code;
static int
same_code(void)
{
	return code[0] == 0xcc;
}

static int
no_gates(void)
{
	return *probes[0]->gate != 0 || *probes[count - 1]->gate != 0;
}

static int
mended_by_call(void)
{
	if (!guarded())
		return 1;
	usdt_provider_remove_probe(p, probes[0]);
	return guarded() || same_code() || no_gates();
}

/* In a mended child: is all as in the file, and does it fire? */
static int
mended(void)
{
	size_t i;

	if (guarded() || same_code() || no_gates())
		return 1;
	for (i = 0; i < count; i++)
		usdt_probe_fire(probes[i], 0, NULL);
	return 0;
}

static int
mended_twice(void)
{
	return mended() || in_child(0, mended) || in_child(1, mended_by_call);
}

/* Write to the text as the kernel does, not through the mapping. */
static void
patch(const volatile uint8_t *at, uint8_t byte)
{
	int fd = open("/proc/self/mem", O_RDWR);

	if (fd < 0 || pwrite(fd, &byte, 1, (off_t)(uintptr_t)at) != 1)
		printf("Bail out! cannot write /proc/self/mem\n");
	close(fd);
}

static void
test_children(size_t n, const char *what)
{
	int maps = count_maps(scratch);

	begin("guarded", "5", n);
	code = probes[n / 2]->probe->fire + 4;
	patch(code, 0xcc);
	*(volatile uint16_t *)probes[0]->gate = 1;
	ok(*usdt__guard == 1, "%s: the parent may fire",
	    what);
	is_int(in_child(0, mended), 0, "%s: a forked child is mended", what);
	is_int(in_child(1, guarded), 1 << 8, "%s: one that was cloned knows "
	    "that it is one", what);
	is_int(in_child(1, mended_by_call), 0, "%s: and is mended by its first "
	    "call", what);
	is_int(in_child(0, mended_twice), 0, "%s: children of children", what);
	is_int(code[0], 0xcc, "%s: the parent's code stays as it is", what);
	is_int(*usdt__guard, 1, "%s: it may fire", what);
	is_int(*probes[0]->gate, 1, "%s: it is traced", what);
	*(volatile uint16_t *)probes[0]->gate = 0;
	end();
	is_int(count_maps(scratch), maps, "%s: nothing stays mapped", what);
}

/* With the nop that never becomes a call there is nothing to mend but the ring of
 * direct events, so a clone must wait, too. */
static void
test_plain(void)
{
	begin("plain", "1", 2);
	*(volatile uint16_t *)probes[0]->gate = 1;
	is_int(in_child(0, no_gates), 1 << 8, "one byte: a forked child keeps "
	    "its parent's gates");
	is_int(in_child(1, guarded), 1 << 8, "one byte: one that was cloned "
	    "knows that it is one");
	*(volatile uint16_t *)probes[0]->gate = 0;
	end();
}

/* A child that is the first process of a pid namespace, as its parent is of
 * another. */
static int
same_pid(void)
{
	begin("same", "5", 3);
	code = probes[0]->probe->fire;
	if (in_child(1, guarded) != 1 << 8)
		return 1;
	if (in_child(1, mended_by_call) != 0)
		return 2;
	return in_child(0, mended) != 0 ? 3 : 0;
}

static void
test_same_pid(void)
{
	same = 1;
	is_int(in_child(0, same_pid), 0, "children that have their parent's "
	    "pid are mended");
	same = 0;
}

/* Declaring ten thousand probes must not be ten thousand system calls. */
static void
test_asking(size_t n)
{
	int before = asked;
	size_t i;

	begin("asking", "5", n);
	before = asked - before;
	end();
	asked = 0;
	begin("asking", "5", 1);
	try(asked <= before, "1 probe: %d", asked);
	for (i = 0; i < 10; i++) {
		usdt_provider_remove_probe(p, probes[0]);
		usdt_provider_add_probe(p, probes[0]);
	}
	try(asked <= before, "changed: %d", asked);
	end();
	try(before < 5 && asked <= before, "%zu probes: %d, ended: %d", n,
	    before, asked);
	ok_all("%zu probes: the kernel is asked %d times which process it is",
	    n, before);
}

/* Text is followed by a page in which no stub lies. */
static void
test_spare(void)
{
	long page = sysconf(_SC_PAGESIZE);
	const uint8_t *last;
	size_t n;

	for (n = 1; n <= WIDE; n += n < 4 ? 1 : 4096 / USDT__STUB_SIZE - 4) {
		begin("spare", "5", n);
		last = probes[n - 1]->probe->fire - usdt__stubs[0].fire +
		    USDT__STUB_SIZE;
		try((uintptr_t)probes[0]->gate - (uintptr_t)last >=
		    (size_t)page, "%zu probes: %zu bytes", n,
		    (size_t)((uintptr_t)probes[0]->gate - (uintptr_t)last));
		end();
	}
	ok_all("a page of text is free of stubs");
}

/* A thread that waits for another to create the lock lets any thread run, also
 * one of a lower priority. */
static void
test_waiting(void)
{
	int before = *usdt__guard;

	*usdt__guard = -1;
	naps = yields = 0;
	ok(!usdt__guard_claim() && *usdt__guard == 2, "a thread waits for "
	    "another that makes the lock");
	is_int(yields, 0, "not by yielding: that one may have a lower "
	    "priority");
	is_int(naps, 3, "it sleeps");
	*usdt__guard = before;
}

int
main(void)
{
	int several = 0;
	uint32_t i;

	scratch_begin();
	test_waiting();
	test_plain();		/* first: it needs a process without a guard */
	for (i = 0; i < usdt__stub_count; i++)
		several |= usdt__stubs[i].nop > 1;
	if (several) {
		test_children(3, "some");
		test_children(WIDE, "many");
		test_spare();
		test_asking(WIDE);
		test_same_pid();
	}
	return done_testing();
}
