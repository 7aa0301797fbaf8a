/*
 * plugin_host.c - does a host work whose plugins have copies of the library?
 *
 *	plugin_host PLUGIN...
 *
 * prints "ready PID", then reads lines.  P is a plugin's number, S a slot in
 * it, both from 0; it answers each line by one.
 *
 *	load P | unload P	"ok" or "error TEXT"
 *	make P S | enable P S | free P S	the same
 *	path P S		"path PATH" or "path REASON"
 *	fire P S VALUE		"fired 1"
 *	wait P S 0|1 SECONDS	waits until it is so: "enabled 0|1"
 *	fork			a child that only ends: "forked", its status
 *	quit
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PLUGINS	8

static struct plugin {
	const char *file;
	void *handle;
	const char *(*make)(unsigned slot);
	const char *(*enable)(unsigned slot);
	const char *(*free)(unsigned slot);
	const char *(*path)(unsigned slot);
	int (*enabled)(unsigned slot);
	void (*fire)(unsigned slot, int value);
} plugins[PLUGINS];

/* As POSIX shows it: ISO C has no cast from an object to a function. */
static int
look_up(struct plugin *plugin, const char *name, void *function)
{
	*(void **)function = dlsym(plugin->handle, name);
	return *(void **)function != NULL;
}

static const char *
load(struct plugin *plugin)
{
	plugin->handle = dlopen(plugin->file, RTLD_NOW | RTLD_LOCAL);
	if (plugin->handle == NULL)
		return dlerror();
	if (!look_up(plugin, "plugin_make", &plugin->make) ||
	    !look_up(plugin, "plugin_enable", &plugin->enable) ||
	    !look_up(plugin, "plugin_free", &plugin->free) ||
	    !look_up(plugin, "plugin_path", &plugin->path) ||
	    !look_up(plugin, "plugin_enabled", &plugin->enabled) ||
	    !look_up(plugin, "plugin_fire", &plugin->fire))
		return dlerror();
	return NULL;
}

/* An error if the plugin stays: then it was not unloaded. */
static const char *
unload(struct plugin *plugin)
{
	dlclose(plugin->handle);
	plugin->handle = NULL;
	return dlopen(plugin->file, RTLD_NOW | RTLD_NOLOAD) == NULL ? NULL :
	    "it stays";
}

static void
say(const char *error)
{
	if (error == NULL)
		puts("ok");
	else
		printf("error %s\n", error);
}

static void
wait_for(struct plugin *plugin, unsigned slot, int value, double seconds)
{
	struct timespec pause = { 0, 5000000 };

	for (; seconds > 0; seconds -= 0.005) {
		if (plugin->enabled(slot) == value)
			break;
		nanosleep(&pause, NULL);
	}
	printf("enabled %d\n", plugin->enabled(slot));
}

static void
fork_child(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	waitpid(pid, &status, 0);
	printf("forked %d\n", status);
}

static void
serve(const char *line)
{
	char order[16];
	unsigned p = 0, slot = 0;
	int value = 0;
	double seconds = 0;
	struct plugin *plugin;
	int words = sscanf(line, "%15s %u %u %d %lf", order, &p, &slot, &value,
	    &seconds);

	plugin = &plugins[p < PLUGINS ? p : 0];
	if (words == 1 && strcmp(order, "fork") == 0) {
		fork_child();
	} else if (words == 2 && strcmp(order, "load") == 0) {
		say(load(plugin));
	} else if (plugin->handle == NULL) {
		say("not loaded");
	} else if (words == 2 && strcmp(order, "unload") == 0) {
		say(unload(plugin));
	} else if (words == 3 && strcmp(order, "make") == 0) {
		say(plugin->make(slot));
	} else if (words == 3 && strcmp(order, "enable") == 0) {
		say(plugin->enable(slot));
	} else if (words == 3 && strcmp(order, "free") == 0) {
		say(plugin->free(slot));
	} else if (words == 3 && strcmp(order, "path") == 0) {
		printf("path %s\n", plugin->path(slot));
	} else if (words == 4 && strcmp(order, "fire") == 0) {
		plugin->fire(slot, value);
		puts("fired 1");
	} else if (words == 5 && strcmp(order, "wait") == 0) {
		wait_for(plugin, slot, value, seconds);
	} else {
		say("unknown order");
	}
}

int
main(int argc, char **argv)
{
	char line[256];
	int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 1; i < argc && i <= PLUGINS; i++)
		plugins[i - 1].file = argv[i];
	printf("ready %ld\n", (long)getpid());
	while (fgets(line, sizeof line, stdin) != NULL &&
	    strcmp(line, "quit\n") != 0)
		serve(line);
	return 0;
}
