/*
 * unloaded_rings.c - does a plugin that is unloaded leave rings behind?
 *
 *	unloaded_rings PLUGIN
 *
 * prints "ready PID", loads and unloads PLUGIN some times, and prints "rings N".
 * PLUGIN is this file, too, as a shared object with its own copy of the library.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/provider.h"

__attribute__((visibility("default"))) int fire_and_free(void);

/* Fire while a reader watches, as the kernel would say.  Returns 1 if the thread
 * has a ring then. */
int
fire_and_free(void)
{
	const uint64_t words[1] = { 1 };
	const char *types[] = { "uint64_t" };
	usdt_provider_t *provider = usdt_create_provider("unloaded", "rings");
	usdt_probedef_t *probe = usdt_create_probe("f", "fired", 1, types);
	volatile uint16_t *gate;

	if (usdt_provider_add_probe(provider, probe) < 0 ||
	    usdt_provider_enable(provider) < 0)
		return 0;
	gate = (volatile uint16_t *)(uintptr_t)probe->probe->image_gate;
	gate[1]++;
	usdt_probe_fire64(probe, 1, words);
	usdt_provider_free(provider);
	usdt_probe_release(probe);
	return 1;
}

static int
count_rings(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	int n = 0;

	while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
		n += strstr(line, "usdt-ring") != NULL;
	if (maps != NULL)
		fclose(maps);
	return n;
}

int
main(int argc, char **argv)
{
	int (*call)(void), i, during = 0;
	void *plugin;

	printf("ready %ld\n", (long)getpid());
	fflush(stdout);
	for (i = 0; i < 10 && argc > 1; i++) {
		plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
		*(void **)(void *)&call = plugin != NULL ?
		    dlsym(plugin, "fire_and_free") : NULL;
		if (call == NULL || !call())
			return 1;
		during += count_rings();
		dlclose(plugin);
	}
	printf("rings %d, then %d\n", during, count_rings());
	return usdt_errstr(NULL) == NULL;
}
