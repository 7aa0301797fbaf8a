/*
 * perl.c - does Devel::DTrace::Provider 1.11 still work?
 *
 * Its calls, in its order and with the members that it reads, without Perl:
 * where it would croak this prints the text. test/bindings.t checks the output.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "usdt.h"

struct perl_provider {
	usdt_provider_t *provider;
	usdt_probedef_t *probes[8];	/* its hash */
	int count;
};

static struct perl_provider *
new_provider(const char *name, const char *module)
{
	struct perl_provider *self = calloc(1, sizeof *self);

	self->provider = usdt_create_provider(name, module);
	if (self->provider == NULL) {
		printf("croak Failed to allocate memory for provider\n");
		free(self);
		return NULL;
	}
	return self;
}

/* The name comes first here. */
static usdt_probedef_t *
add_probe(struct perl_provider *self, const char *name, const char *function,
    const char *const *perl_types)
{
	const char *types[USDT_ARG_MAX];
	usdt_probedef_t *probe;
	int argc = 0;

	for (; argc < USDT_ARG_MAX && perl_types[argc] != NULL; argc++) {
		if (strncmp("integer", perl_types[argc], 7) == 0)
			types[argc] = "int";
		else
			types[argc] = "char *";
	}
	probe = usdt_create_probe(function, name, argc, types);
	if (probe == NULL) {
		printf("croak create probe failed\n");
		return NULL;
	}
	if (usdt_provider_add_probe(self->provider, probe) < 0)
		printf("croak add probe: %s\n", usdt_errstr(self->provider));
	else
		self->probes[self->count++] = probe;
	return probe;
}

static void
remove_probe(struct perl_provider *self, usdt_probedef_t *probe)
{
	char name[64];

	snprintf(name, sizeof name, "%s", probe->name);
	if (usdt_provider_remove_probe(self->provider, probe) < 0)
		printf("croak %s\n", usdt_errstr(self->provider));
	else
		printf("removed %s\n", name);
}

static void
enable(struct perl_provider *self)
{
	if (usdt_provider_enable(self->provider) < 0)
		printf("croak %s\n", usdt_errstr(self->provider));
	else
		printf("%d probes\n", self->count);
}

static void
disable(struct perl_provider *self)
{
	if (usdt_provider_disable(self->provider) < 0)
		printf("croak %s\n", usdt_errstr(self->provider));
}

static void
destroy(struct perl_provider *self)
{
	disable(self);
	usdt_provider_free(self->provider);
	free(self);
}

static void
fire(usdt_probedef_t *self, size_t argc, void **argv)
{
	if (argc != self->argc) {
		printf("croak Probe takes %lu arguments, %lu provided\n",
		    (unsigned long)self->argc, (unsigned long)argc);
		return;
	}
	usdt_fire_probe(self->probe, argc, argv);
	printf("fired, is_enabled %d\n", usdt_is_enabled(self->probe));
}

/* Providers stay alive in a child, as its own. */
static void
in_child(struct perl_provider *p, usdt_probedef_t *probe, void **argv)
{
	int status = -1;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		printf("child: ");
		fire(probe, 2, argv);
		destroy(p);
		fflush(stdout);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	printf("child ended with %d\n", status);
}

int
main(void)
{
	static const char *const types[] = { "integer", "string", NULL };
	static const char *const json[] = { "json", "integer", NULL };
	static const char *const none[] = { NULL };
	void *argv[2] = { (void *)(intptr_t)42, (void *)"text" };
	struct perl_provider *p = new_provider("provider0", "test1module");
	usdt_probedef_t *probe, *other, *same;
	char **kept;

	enable(p);
	probe = add_probe(p, "test", "func", types);
	other = add_probe(p, "test2", "func", json);
	same = add_probe(p, "test", "func", none);
	kept = other->types;
	printf("%s:%s(%s, %s)\n", other->function, other->name, kept[0],
	    kept[1]);
	fire(probe, 2, argv);
	enable(p);
	fire(probe, 2, argv);
	fire(probe, 1, argv);
	*(volatile unsigned short *)(uintptr_t)probe->gate = 1;
	fire(probe, 2, argv);
	in_child(p, probe, argv);
	remove_probe(p, probe);
	remove_probe(p, probe);
	fire(probe, 2, argv);
	remove_probe(p, other);
	remove_probe(p, other);
	disable(p);
	enable(p);
	add_probe(p, "again", "func", none);
	enable(p);
	disable(p);
	usdt_probe_release(probe);
	destroy(p);		/* a provider before its probes */
	usdt_probe_release(other);
	usdt_probe_release(same);
	if (new_provider("", "module") == NULL)
		printf("no provider\n");
	return 0;
}
