/*
 * host.cc - a program of C++ with a copy of libusdt.c, and a plugin with
 * another.  Each sees its own fires.
 *
 *	host PLUGIN
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <dlfcn.h>

#include <cstdio>

#include "usdt.h"

static int seen;

static void
count(const usdt_probedef_t *, size_t argc, void *const *argv, void *)
{
	if (argc == 1 && argv[0] == reinterpret_cast<void *>(7))
		seen++;
}

int
main(int argc, char **argv)
{
	const char *types[] = { "int id" };
	void *plugin = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL) : 0;
	usdt_provider_t *p = usdt_create_provider("amalgam", "host");
	usdt_probedef_t *probe = usdt_create_probe("f", "fired", 1, types);
	usdt_status_t status;
	int (*run)(void);
	void *words[] = { reinterpret_cast<void *>(7) };

	if (!plugin || !p || !probe) {
		std::fprintf(stderr, "%s\n", plugin ? usdt_errstr(0) : dlerror());
		return 1;
	}
	*reinterpret_cast<void **>(&run) = dlsym(plugin, "plugin_run");
	if (!run || usdt_provider_add_probe(p, probe) < 0 ||
	    usdt_provider_observe(p, count, 0) < 0 ||
	    usdt_provider_enable(p) < 0 || usdt_provider_status(p, &status) < 0) {
		std::fprintf(stderr, "%s\n", usdt_errstr(p));
		return 1;
	}
	if (usdt_probe_enabled(probe))
		usdt_probe_fire(probe, 1, words);
	std::printf("plugin %d, host %d, images %d\n", run(), seen,
	    status.sdt.taken);
	usdt_provider_free(p);
	usdt_probe_release(probe);
	return 0;
}
