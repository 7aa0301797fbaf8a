/*
 * none.c - does every call work where nothing is supported?
 *
 * Prints TAP.  test/none.t builds it with a library for no system, and with
 * one for no processor.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/tap.h"
#include "usdt.h"

static const char *types[] = { "int", "char *" };
static usdt_provider_t *p;
static usdt_probedef_t *d;

static void
is_nothing(const usdt_backend_status_t *backend, const char *name)
{
	ok(!backend->taken && backend->error == 0 && backend->generation == -1,
	    "%s: nothing is visible, and no call has failed", name);
	is_str(backend->reason, "not supported here", "%s says why", name);
	is_str(backend->path, "", "%s is nowhere", name);
}

static void
is_state(int enabled, unsigned waiting, const char *when)
{
	usdt_status_t status;

	is_int(usdt_provider_status(p, &status), 0, "%s: status", when);
	ok(status.enabled == enabled && status.probes == 0 &&
	    status.waiting == waiting && status.images == 0,
	    "%s: enabled %d, %u probes wait", when, enabled, waiting);
	is_nothing(&status.dof, "DOF");
	is_nothing(&status.sdt, "SDT");
}

static void
fire(const char *when)
{
	void *argv[] = { (void *)(intptr_t)-1, (void *)"text" };

	usdt_probe_fire(d, 2, argv);
	usdt_fire_probe(d->probe, 2, argv);
	usdt_fire_probe(d->probe, 0, NULL);
	ok(usdt_is_enabled(d->probe) == 0 && usdt_probe_enabled(d) == 0,
	    "%s: it fires, and is not enabled", when);
}

static int told;

static void
tell(const usdt_probedef_t *probedef, size_t argc, void *const *argv,
    void *data)
{
	(void)probedef;
	(void)argc;
	(void)argv;
	(void)data;
	told++;
}

static const usdt_field_t fields[] = {
	USDT_FIELD(usdt_field_t, declarator, "const char *declarator"),
	USDT_FIELD(usdt_field_t, offset, "size_t offset")
};

static void
test_child(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		fire("child");
		_exit(usdt_provider_disable(p) < 0 ||
		    usdt_provider_enable(p) < 0);
	}
	waitpid(pid, &status, 0);
	tap_count++;		/* the child's test */
	is_int(status, 0, "a child makes the same calls");
}

int
main(void)
{
	usdt_probedef_t *more;

	p = usdt_create_provider("none", "mod");
	ok(p != NULL, "a provider");
	d = usdt_create_probe("func", "name", 2, types);
	ok(d != NULL, "a probe");
	ok(usdt_provider_enable(p) < 0, "without probes it is not enabled");
	is_str(usdt_errstr(p), "no probes defined", "as everywhere");
	is_int(usdt_provider_add_probe(p, d), 0, "add");
	is_state(0, 1, "before");
	fire("before");
	is_int(usdt_provider_enable(p), 0, "enable");
	is_state(1, 1, "enabled");
	fire("enabled");
	is_int(usdt_provider_enable(p), 0, "again");
	is_int(usdt_provider_add_struct(p, "s", sizeof *fields * 2, 2, fields),
	    0, "a struct");
	ok(usdt_provider_add_struct(p, "s", 1, 2, fields) < 0,
	    "a wrong one is refused, as everywhere");
	more = usdt_create_probe("func", "more", 0, NULL);
	is_int(usdt_provider_add_probe(p, more), 0, "add one more");
	ok(usdt_provider_add_probe(p, more) < 0, "not twice");
	is_int(usdt_provider_enable(p), 0, "enable");
	is_state(1, 2, "two");
	test_child();
	is_int(usdt_provider_remove_probe(p, d), 0, "remove");
	fire("removed");
	is_int(usdt_provider_disable(p), 0, "disable");
	is_state(0, 1, "disabled");
	fire("disabled");
	is_int(usdt_provider_enable(p), 0, "and enable");
	is_int(usdt_provider_observe(p, tell, NULL), 0, "observed");
	usdt_probe_fire(more, 0, NULL);
	ok(usdt_probe_enabled(more) && told == 1, "and called for a fire");
	usdt_provider_free(p);
	usdt_probe_fire(more, 0, NULL);
	ok(!usdt_probe_enabled(more) && told == 1, "but not when it is freed");
	fire("freed");
	usdt_probe_release(d);
	usdt_probe_release(more);
	return done_testing();
}
