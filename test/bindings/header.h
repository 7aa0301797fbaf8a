/*
 * header.h - can a program in this language call everything in usdt.h?
 *
 * Included by header.c and header.cc, which are compiled under every standard
 * of C and C++ with all warnings. usdt.h comes first, since it must need no
 * other header, and twice.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "usdt.h"
#include "usdt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The calls of libusdt 1.x, with its types. */
static usdt_provider_t *(*create_provider)(const char *, const char *) =
    usdt_create_provider;
static usdt_probedef_t *(*create_probe)(const char *, const char *, size_t,
    const char **) = usdt_create_probe;
static void (*probe_release)(usdt_probedef_t *) = usdt_probe_release;
static int (*add_probe)(usdt_provider_t *, usdt_probedef_t *) =
    usdt_provider_add_probe;
static int (*remove_probe)(usdt_provider_t *, usdt_probedef_t *) =
    usdt_provider_remove_probe;
static int (*enable)(usdt_provider_t *) = usdt_provider_enable;
static int (*disable)(usdt_provider_t *) = usdt_provider_disable;
static void (*provider_free)(usdt_provider_t *) = usdt_provider_free;
static int (*is_enabled)(usdt_probe_t *) = usdt_is_enabled;
static void (*fire_probe)(usdt_probe_t *, size_t, void **) = usdt_fire_probe;
static char *(*errstr)(usdt_provider_t *) = usdt_errstr;
static void (*set_error)(usdt_provider_t *, usdt_error_t, ...) = usdt_error;

/* The new calls. */
static void (*probe_fire)(usdt_probedef_t *, size_t, void **) =
    usdt_probe_fire;
static int (*probe_enabled)(const usdt_probedef_t *) = usdt_probe_enabled;
static int (*provider_status)(const usdt_provider_t *, usdt_status_t *) =
    usdt_provider_status;
static int (*add_struct)(usdt_provider_t *, const char *, size_t, size_t,
    const usdt_field_t *) = usdt_provider_add_struct;

struct request {
	int id;
	const char *url;
};
static const usdt_field_t fields[] = {
	USDT_FIELD(struct request, id, "int id"),
	USDT_FIELD(struct request, url, "const char *url")
};

static int
check_numbers(void)
{
	return USDT_ERROR_MALLOC == 0 && USDT_ERROR_VALLOC == 1 &&
	    USDT_ERROR_NOPROBES == 2 && USDT_ERROR_LOADDOF == 3 &&
	    USDT_ERROR_ALREADYENABLED == 4 && USDT_ERROR_UNLOADDOF == 5 &&
	    USDT_ERROR_DUP_PROBE == 6 && USDT_ERROR_REMOVE_PROBE == 7 &&
	    USDT_ARG_MAX == 32 && USDT_STRUCT_MAX >= 256 &&
	    USDT_FIELD_MAX >= 256;
}

int
main(void)
{
	const char *types[1];
	void *argv[1];
	usdt_status_t status;
	usdt_provider_t *p = create_provider("header", "mod");
	usdt_probedef_t *def;
	usdt_probe_t *probe;
	size_t argc;
	char **kept;

	types[0] = "int";
	argv[0] = NULL;
	def = create_probe("func", "name", 1, types);
	if (p == NULL || def == NULL || !check_numbers())
		return 1;
	if (add_struct(p, "request", sizeof(struct request),
	    sizeof fields / sizeof fields[0], fields) != 0)
		return 7;
	if (add_probe(p, def) != 0 || enable(p) != 0 ||
	    provider_status(p, &status) != 0 || !status.enabled)
		return 2;
	/* The members that bindings read. */
	probe = def->probe;
	argc = def->argc;
	kept = def->types;
	if (argc != 1 || strcmp(kept[0], "int") != 0 ||
	    strcmp(def->name, "name") != 0 ||
	    strcmp(def->function, "func") != 0 ||
	    strcmp(p->name, "header") != 0 || strcmp(p->module, "mod") != 0)
		return 3;
	if (is_enabled(probe) || probe_enabled(def) ||
	    usdt_probe_enabled(def))
		return 4;
	fire_probe(probe, 1, argv);
	probe_fire(def, 1, argv);
	set_error(p, USDT_ERROR_LOADDOF, "text");
	if (strcmp(errstr(p), "failed to load DOF: text") != 0)
		return 5;
	if (remove_probe(p, def) != 0 || disable(p) != 0)
		return 6;
	probe_release(def);
	provider_free(p);
	printf("fine\n");
	return 0;
}
