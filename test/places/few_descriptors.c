/*
 * few_descriptors.c - what if a second copy of the library has too few
 * descriptors to read what is mapped?
 *
 *	few_descriptors ONE.so OTHER.so
 *
 * Two plugins (concurrent_copy.c) enable equal providers, each with only as
 * many descriptors as placing an image needs.  The program prints how many
 * different files are mapped then, memfds included.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int
allow(rlim_t files)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = files;
	return setrlimit(RLIMIT_NOFILE, &limit);
}

static const char *
enable(const char *plugin)
{
	void *object = dlopen(plugin, RTLD_NOW | RTLD_LOCAL);
	const char *(*function)(int round) = NULL;

	if (object != NULL)
		*(void **)&function = dlsym(object, "copy_enable");
	if (function == NULL)
		return dlerror();
	/* The three standard ones, three directories and the file. */
	allow(3 + 4);
	return function(0);
}

static int
count_files(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[4096], last[4096] = "";
	const char *path;
	int n = 0;

	while (maps != NULL && fgets(line, sizeof line, maps) != NULL) {
		if (strstr(line, " r-xp ") == NULL ||
		    (path = strchr(line, '/')) == NULL ||
		    strstr(path, "copies") == NULL ||
		    strstr(path, ".so\n") != NULL)
			continue;
		n += strcmp(path, last) != 0;
		strcpy(last, path);
	}
	if (maps != NULL)
		fclose(maps);
	return n;
}

int
main(int argc, char **argv)
{
	const char *error = NULL;
	int i;

	printf("ready %ld\n", (long)getpid());
	fflush(stdout);
	for (i = 1; i < argc && error == NULL; i++) {
		allow(64);
		error = enable(argv[i]);
	}
	allow(64);
	if (error != NULL)
		printf("error %s\n", error);
	printf("files %d\n", count_files());
	return 0;
}
