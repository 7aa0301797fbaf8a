/*
 * library.c - which libdtrace is there?
 *
 * It is loaded when it is first needed.  So this program starts without it, and
 * can say what is missing.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>

#include "consumer.h"

/* USDT_LIBDTRACE names another one, for tests and for other directories. */
static const char *
library_name(void)
{
	const char *name = setting("USDT_LIBDTRACE");

	return name ? name : LIBRARY_NAME;
}

static int
library_resolve(struct library *lib, void *handle, struct failure *failure)
{
	const char *const *version;
	Dl_info where;

#define X(name) \
	*(void **)&lib->name = dlsym(handle, #name); \
	if (!lib->name) \
		return fail(failure, "ENOLIBDTRACE", "%s has no function %s", \
		    library_name(), #name);
	LIBRARY_CALLS(X)
#undef X
	version = (const char *const *)dlsym(handle, "_dtrace_version");
	if (!version || !*version)
		return fail(failure, "ENOLIBDTRACE", "%s does not state its "
		    "version", library_name());
	lib->version = *version;
	/* Layouts differ between versions, and only the version shows it. */
	if (strncmp(lib->version, LIBRARY_VERSIONS, strlen(LIBRARY_VERSIONS)) &&
	    !setting("USDT_DTRACE_ANY_VERSION"))
		return fail(failure, "EVERSION", "%s is version \"%s\", but "
		    "must begin with \"%s\" (USDT_DTRACE_ANY_VERSION=1 "
		    "tries it all the same)", library_name(), lib->version,
		    LIBRARY_VERSIONS);
	lib->path = library_name();
	if (dladdr(*(void **)&lib->dtrace_open, &where) && where.dli_fname)
		lib->path = where.dli_fname;
	return 0;
}

const struct library *
library(struct failure *failure)
{
	static struct library lib;
	void *handle;

	if (lib.path)
		return &lib;
	handle = dlopen(library_name(), RTLD_NOW | RTLD_LOCAL);
	if (!handle) {
		fail(failure, "ENOLIBDTRACE", "%s", dlerror());
		return NULL;
	}
	if (library_resolve(&lib, handle, failure)) {
		lib.path = NULL;
		dlclose(handle);
		return NULL;
	}
	return &lib;
}
