/*
 * equal_plugins.c - what if two plugins declare the same provider, each with
 * its own copy of the library?
 *
 *	host PLUGIN PLUGIN
 *
 * Obeys the orders of equal_orders.h; stop unloads a plugin, start loads it
 * again.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <dlfcn.h>
#include <stdlib.h>

#include "equal_orders.h"

static const char *paths[2];

static struct {
	void *handle;
	int (*start)(void);
	void (*stop)(void);
	int (*enabled)(void);
	void (*fire)(int value);
} plugins[2];

/* As POSIX shows it: ISO C has no cast from an object to a function. */
static void
look_up(int which, const char *name, void *function)
{
	*(void **)function = dlsym(plugins[which].handle, name);
	if (*(void **)function == NULL) {
		printf("error %s\n", dlerror());
		exit(1);
	}
}

static int
start(int which)
{
	plugins[which].handle = dlopen(paths[which], RTLD_NOW | RTLD_LOCAL);
	if (plugins[which].handle == NULL) {
		printf("error %s\n", dlerror());
		return -1;
	}
	look_up(which, "plugin_start", &plugins[which].start);
	look_up(which, "plugin_stop", &plugins[which].stop);
	look_up(which, "plugin_enabled", &plugins[which].enabled);
	look_up(which, "plugin_fire", &plugins[which].fire);
	return plugins[which].start();
}

/* Fails if the plugin stays: then it was not unloaded. */
static int
stop(int which)
{
	if (plugins[which].handle == NULL)
		return 0;
	plugins[which].stop();
	dlclose(plugins[which].handle);
	plugins[which].handle = NULL;
	return dlopen(paths[which], RTLD_NOW | RTLD_NOLOAD) == NULL ? 0 : -1;
}

static int
enabled(int which)
{
	return plugins[which].enabled();
}

static void
fire(int which, int value)
{
	plugins[which].fire(value);
}

int
main(int argc, char **argv)
{
	const struct pair_calls calls = { start, stop, enabled, fire };

	if (argc != 3) {
		fprintf(stderr, "usage: host PLUGIN PLUGIN\n");
		return 2;
	}
	paths[0] = argv[1];
	paths[1] = argv[2];
	return pair_serve(&calls);
}
