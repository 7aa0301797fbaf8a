/*
 * scratch.h - where can a test's images lie so that nothing stays behind, and
 * what resources does the process have?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef SCRATCH_H
#define SCRATCH_H

#include <dirent.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static char scratch[64];
static pid_t scratch_owner;

static inline int
scratch_remove(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* Remove the scratch directory and all in it. */
static inline void
scratch_end(void)
{
	if (getpid() == scratch_owner)
		nftw(scratch, scratch_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* An empty file there, in place of the helper's device. */
static inline void
scratch_file(const char *name, char *path, size_t size)
{
	FILE *f;

	snprintf(path, size, "%s/%s", scratch, name);
	f = fopen(path, "w");
	if (f == NULL)
		abort();
	fclose(f);
}

/* Unset the library's variables; set an image directory of the test's own. */
static inline void
scratch_begin(void)
{
	static const char *const variables[] = {
		"USDT_DISABLE", "USDT_DEBUG", "USDT_BACKENDS", "USDT_NOP"
	};
	size_t i;

	strcpy(scratch, "/dev/shm/usdt-unit-XXXXXX");
	if (mkdtemp(scratch) == NULL) {
		strcpy(scratch, "/tmp/usdt-unit-XXXXXX");
		if (mkdtemp(scratch) == NULL) {
			printf("Bail out! no directory for images\n");
			exit(1);
		}
	}
	scratch_owner = getpid();
	atexit(scratch_end);
	for (i = 0; i < sizeof variables / sizeof variables[0]; i++)
		unsetenv(variables[i]);
	setenv("USDT_IMAGE_DIR", scratch, 1);
	setenv("USDT_HELPER", "/nonexistent/helper", 1);
}

/* Mappings of this process; only those of TEXT if it is not NULL. */
static inline int
count_maps(const char *text)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[4096];
	int n = 0;

	if (maps == NULL)
		return -1;
	while (fgets(line, sizeof line, maps) != NULL)
		n += text == NULL || strstr(line, text) != NULL;
	fclose(maps);
	return n;
}

static inline int
count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	if (dir == NULL)
		return -1;
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static inline long
count_resident_kib(void)
{
	FILE *statm = fopen("/proc/self/statm", "r");
	long pages = -1;

	if (statm == NULL)
		return -1;
	if (fscanf(statm, "%*s %ld", &pages) != 1)
		pages = -1;
	fclose(statm);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

#endif /* SCRATCH_H */
