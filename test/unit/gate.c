/*
 * gate.c - when is a probe enabled?
 *
 * The test acts as the kernel, which counts tracers in the semaphore of a
 * probe's gate: the first halfword of the gate.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdint.h>
#include <sys/wait.h>

#include "tap.h"
#include "scratch.h"
#include "core/provider.h"

/* The header's inline function exists in the library too. */
int exported(const usdt_probedef_t *) __asm__("usdt_probe_enabled");

static usdt_provider_t *p;
static usdt_probedef_t *a, *b, *same;

static volatile uint16_t *
semaphore(const usdt_probedef_t *def)
{
	return (volatile uint16_t *)(uintptr_t)def->gate;
}

/* All three ways to ask. */
static int
is_enabled(usdt_probedef_t *def)
{
	int n = usdt_is_enabled(def->probe);

	if (n != (usdt_probe_enabled(def) != 0) || n != (exported(def) != 0))
		return -1;
	return n;
}

static usdt_probedef_t *
add(const char *func, const char *name)
{
	usdt_probedef_t *def = usdt_create_probe(func, name, 0, NULL);

	if (def == NULL || usdt_provider_add_probe(p, def) < 0) {
		printf("Bail out! %s\n", usdt_errstr(def ? p : NULL));
		exit(1);
	}
	return def;
}

/* The line of /proc/self/maps for an address. */
static void
is_mapped(const void *address, const char *protection, const char *what)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512], found[8] = "none";
	unsigned long start, end;
	int from_image = 0;

	while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
		if (sscanf(line, "%lx-%lx %4s", &start, &end, found) == 3 &&
		    start <= (unsigned long)address &&
		    end > (unsigned long)address) {
			from_image = strstr(line, scratch) != NULL;
			break;
		}
	if (maps != NULL)
		fclose(maps);
	is_str(found, protection, "%s is mapped %s", what, protection);
	ok(from_image, "%s is in the image", what);
}

static void
test_counting(void)
{
	is_mapped(a->gate, "rw-p", "the gate");
	is_mapped(a->state->probe.fire, "r-xp", "the stub");
	ok((uintptr_t)a->gate % 4 == 0 && *a->gate == 0,
	    "the gate is an aligned word, and 0");
	is_int(is_enabled(a), 0, "not traced");
	*semaphore(a) = 1;
	is_int(is_enabled(a), 1, "one does");
	is_int(is_enabled(b), 0, "but not the other probe");
	*semaphore(a) = 0x8000;
	is_int(is_enabled(a), 1, "32768 do");
	*semaphore(a) = 0;
	is_int(is_enabled(a), 0, "no longer traced");
	usdt_probe_fire(a, 0, NULL);
	is_int(is_enabled(same), 0, "a probe of the same name: not traced");
	*semaphore(a) = 1;
	is_int(is_enabled(same), 1, "is traced with the first");
	*semaphore(a) = 0;
}

/* Tracers stay attached across disable and enable. */
static void
test_disabling(void)
{
	const uint32_t *gate = a->gate;

	*semaphore(a) = 3;
	usdt_provider_disable(p);
	is_int(is_enabled(a), 0, "disabled: not enabled, though it is traced");
	ok(a->gate != gate && *a->gate == 0, "disabled: has another gate");
	is_int(*(const volatile uint16_t *)(const void *)gate, 3,
	    "disabled: the semaphore is as it was");
	usdt_probe_fire(a, 0, NULL);
	usdt_provider_enable(p);
	ok(a->gate == gate, "enabled: has its gate again");
	is_int(is_enabled(a), 1, "enabled: is traced at once");
	is_int(*semaphore(a), 3, "enabled: the semaphore is as it was");
}

static void
test_changing(void)
{
	const uint32_t *gate = a->gate;
	usdt_probedef_t *late = add("late", "late");

	is_int(is_enabled(late), 0, "added: not enabled yet");
	ok(*late->gate == 0, "added: its gate is 0");
	is_int(is_enabled(a), 1, "added: the others go on");
	usdt_provider_enable(p);
	ok(a->gate == gate && *semaphore(a) == 3,
	    "added: they keep their gates");
	*semaphore(late) = 1;
	is_int(is_enabled(late), 1, "added and enabled: may be traced");
	usdt_provider_remove_probe(p, late);
	is_int(is_enabled(late), 0, "removed: not enabled, though traced");
	usdt_probe_fire(late, 0, NULL);
	is_int(is_enabled(a), 1, "removed: the others go on");
	usdt_provider_add_probe(p, late);
	is_int(is_enabled(late), 0, "added again: not before it is enabled");
	usdt_provider_enable(p);
	usdt_provider_remove_probe(p, late);
	usdt_probe_release(late);
	ok(a->gate == gate && *semaphore(a) == 3, "the first is as it was");
}

/* A generation with a hole stays while a tracer is attached to it. */
static void
test_leaving(void)
{
	usdt_provider_t *q = usdt_create_provider("leaving", "m");
	usdt_probedef_t *stays = usdt_create_probe("f", "stays", 0, NULL),
	    *goes = usdt_create_probe("f", "goes", 0, NULL),
	    *late = usdt_create_probe("f", "late", 0, NULL);
	const uint32_t *gate, *dead;
	int i;

	usdt_provider_add_probe(q, goes);
	usdt_provider_add_probe(q, stays);
	usdt_provider_enable(q);
	gate = stays->gate;
	dead = goes->gate;
	*semaphore(stays) = 1;
	usdt_provider_remove_probe(q, goes);
	for (i = 0; i < 2; i++) {
		usdt_provider_disable(q);
		usdt_provider_enable(q);
		try(stays->gate == gate && is_enabled(stays) == 1 &&
		    is_enabled(goes) == 0, "round %d", i);
	}
	ok_all("a traced probe keeps its gate when its neighbour is removed");
	usdt_provider_add_probe(q, late);
	usdt_provider_enable(q);
	ok(stays->gate == gate && is_enabled(late) == 0,
	    "also if a probe comes");
	*semaphore(late) = 1;
	is_int(is_enabled(late), 1, "which may be traced too");
	/* A gate of the image whose probe was removed. */
	*(volatile uint16_t *)(uintptr_t)dead = 1;
	*semaphore(stays) = 0;
	usdt_provider_enable(q);
	ok(stays->gate == gate, "as long as anybody is attached to the image");
	*(volatile uint16_t *)(uintptr_t)dead = 0;
	usdt_provider_enable(q);
	ok(stays->gate != gate && is_enabled(stays) == 0,
	    "the first enabling without tracers lays it out again");
	is_int(is_enabled(late), 1, "and leaves the other image");
	usdt_probe_release(goes);
	usdt_probe_release(stays);
	usdt_probe_release(late);
	usdt_provider_free(q);
}

static void
test_fork(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		/* Only kernels know who traces a mended image. */
		int mended = usdt__stub_choose(0)->nop > 1;
		int fine = is_enabled(a) == !mended && is_enabled(b) == 0;

		usdt_probe_fire(a, 0, NULL);
		*semaphore(a) = *semaphore(b) = 1;
		fine = fine && is_enabled(b) == 1 &&
		    usdt_provider_disable(p) == 0 && is_enabled(a) == 0 &&
		    usdt_provider_enable(p) == 0 && is_enabled(a) == 1;
		usdt_provider_free(p);
		_exit(fine ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	is_int(status, 0, "a child enables and disables its parent's probes");
	is_int(is_enabled(b), 0, "which changes nothing in the parent: one is off");
	is_int(is_enabled(a), 1, "and the other on");
}

int
main(void)
{
	scratch_begin();
	p = usdt_create_provider("gates", "m");
	a = add("f", "a-b");
	b = add("f", "b");
	same = add("g", "a__b");
	ok(*a->gate == 0 && is_enabled(a) == 0, "before: not enabled");
	if (usdt_provider_enable(p) < 0) {
		printf("Bail out! %s\n", usdt_errstr(p));
		return 1;
	}
	if (usdt__stub_count == 0) {
		skip("the library has no stubs for this processor");
		return done_testing();
	}
	test_counting();
	test_disabling();
	test_changing();
	test_leaving();
	test_fork();
	usdt_provider_free(p);
	is_int(is_enabled(a), 0, "the provider is gone: not enabled");
	usdt_probe_release(a);
	usdt_probe_release(b);
	usdt_probe_release(same);
	return done_testing();
}
