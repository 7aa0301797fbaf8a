/*
 * concurrent_copies.c - what if two copies of the library enable equal
 * providers at once?
 *
 *	concurrent_copies ONE.so OTHER.so ROUNDS
 *
 * In each round two threads, each with a plugin of its own (concurrent_copy.c),
 * enable a provider of a new definition at the same moment.  At the end the
 * program prints the images that are mapped twice, and the number of images:
 *
 *	twice PATH
 *	images N
 *
 * A DTrace helper is simulated.  Before those lines the program prints how
 * often it was asked, and how often while it worked for another call:
 *
 *	asked N at-once N
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS	1000

static pthread_barrier_t barrier;
static int rounds;
static char *paths[2 * ROUNDS + 1];

static void *
run(void *enable)
{
	const char *(*function)(int round);
	const char *error;
	int i;

	*(void **)&function = enable;
	for (i = 0; i < rounds; i++) {
		pthread_barrier_wait(&barrier);
		error = function(i);
		if (error != NULL) {
			printf("error %s\n", error);
			exit(1);
		}
	}
	return NULL;
}

/* In place of the C library's ioctl, for both plugins. */
static int asked, inside, at_once;

int ioctl(int fd, unsigned long request, ...);

__attribute__((visibility("default"))) int
ioctl(int fd, unsigned long request, ...)
{
	struct timespec pause = { 0, 50000 };

	(void)fd;
	(void)request;
	if (__atomic_fetch_add(&inside, 1, __ATOMIC_SEQ_CST) > 0)
		__atomic_fetch_add(&at_once, 1, __ATOMIC_SEQ_CST);
	nanosleep(&pause, NULL);
	__atomic_fetch_sub(&inside, 1, __ATOMIC_SEQ_CST);
	return __atomic_fetch_add(&asked, 1, __ATOMIC_SEQ_CST);
}

static int
compare(const void *one, const void *other)
{
	return strcmp(*(char *const *)one, *(char *const *)other);
}

/* The executable mappings of the provider's images. */
static int
read_maps(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[4096], *path;
	int n = 0;

	while (maps != NULL && n <= 2 * ROUNDS &&
	    fgets(line, sizeof line, maps) != NULL)
		if (strstr(line, " r-xp ") != NULL &&
		    strstr(line, "/copies/") != NULL &&
		    (path = strchr(line, '/')) != NULL)
			paths[n++] = strdup(path);
	if (maps != NULL)
		fclose(maps);
	qsort(paths, (size_t)n, sizeof *paths, compare);
	return n;
}

int
main(int argc, char **argv)
{
	pthread_t threads[2];
	int i, n;

	rounds = argc == 4 ? atoi(argv[3]) : 0;
	if (rounds < 1 || rounds > ROUNDS)
		return 2;
	printf("ready %ld\n", (long)getpid());
	fflush(stdout);
	pthread_barrier_init(&barrier, NULL, 2);
	for (i = 0; i < 2; i++) {
		void *plugin = dlopen(argv[i + 1], RTLD_NOW | RTLD_LOCAL);
		void *enable = plugin ? dlsym(plugin, "copy_enable") : NULL;

		if (enable == NULL ||
		    pthread_create(&threads[i], NULL, run, enable) != 0) {
			printf("error %s\n", dlerror());
			return 1;
		}
	}
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	printf("asked %d at-once %d\n", asked, at_once);
	n = read_maps();
	for (i = 1; i < n; i++)
		if (strcmp(paths[i], paths[i - 1]) == 0)
			printf("twice %s", paths[i]);
	printf("images %d\n", n);
	return 0;
}
