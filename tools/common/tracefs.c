/*
 * tracefs.c - how are uprobe events made and removed?
 *
 * The kernel makes an event for each line that is written to uprobe_events, and
 * keeps it until another line removes it, even after the writer has ended.  So
 * all events of one run are in a group named after its process id and start
 * time, and every run removes the groups of runs that have ended.  The kernel
 * refuses to remove an event in use (EBUSY), so a mistake about who is alive,
 * as across a border of pid namespaces, does no harm.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/common/common.h"

#define MOUNT_POINT	"/sys/kernel/tracing"

/* --- where it is --- */

char *
tracefs_find(void)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *entry;
	char *root = NULL;

	while (mounts != NULL && root == NULL &&
	    (entry = getmntent(mounts)) != NULL)
		if (strcmp(entry->mnt_type, "tracefs") == 0)
			root = xstrndup(entry->mnt_dir,
			    strlen(entry->mnt_dir));
	if (mounts != NULL)
		endmntent(mounts);
	return root;
}

static char *
find_or_mount(void)
{
	char *root = tracefs_find();
	int error;

	if (root != NULL)
		return root;
	if (mount("tracefs", MOUNT_POINT, "tracefs",
	    MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0)
		return xasprintf("%s", MOUNT_POINT);
	error = errno;
	if (error == EPERM || error == EACCES)
		fputs("usdt: tracefs is not mounted at " MOUNT_POINT ", and "
		    "only root (CAP_SYS_ADMIN) may mount it\n", stderr);
	else if (error == ENODEV)
		fputs("usdt: this kernel has no tracefs (CONFIG_TRACING)\n",
		    stderr);
	else
		fprintf(stderr, "usdt: tracefs is not mounted, and mounting "
		    "it at " MOUNT_POINT " failed: %s\n", strerror(error));
	return NULL;
}

/* --- removing --- */

/*
 * Is it "usdt_PID_START" of a process that has ended?  A process that has the
 * number now has another start time.
 */
static int
is_stale(const char *group)
{
	unsigned long long start, started;
	unsigned long flags;
	int pid, end = 0, error;

	if (sscanf(group, "usdt_%d_%llu%n", &pid, &start, &end) != 2 ||
	    group[end] != '\0')
		return 0;
	error = process_stat(pid, &flags, &started);
	return error == ENOENT || error == ESRCH ||
	    (error == 0 && started != start);
}

/* Remove an event, each by a write of its own: some may be in use. */
static void
remove_event(int events, const char *group, const char *event)
{
	char *line = xasprintf("-:%s/%s\n", group, event);

	if (write(events, line, strlen(line)) < 0)
		errno = 0;	/* in use, or somebody else removed it */
	free(line);
}

/* The whole text of a file of tracefs, or NULL and errno.  To be freed. */
static char *
read_all(const char *path)
{
	FILE *in = fopen(path, "re");
	char *text = NULL;
	size_t space = 0;
	ssize_t length;

	if (in == NULL)
		return NULL;
	length = getdelim(&text, &space, '\0', in);
	fclose(in);
	if (length > 0)
		return text;
	free(text);
	errno = ENODATA;
	return NULL;
}

/*
 * Each line of uprobe_events is "p:GROUP/EVENT PLACE ARGUMENT...", and an event
 * has a line for each of its probes.  The whole list is read first, because it
 * shifts with each removal.
 */
static void
remove_stale(int events, const char *list)
{
	char *text = read_all(list), *line, *next, *group, *event;
	const char *done = "";

	for (line = text; line != NULL && *line != '\0'; line = next) {
		next = line + strcspn(line, "\n");
		if (*next != '\0')
			next++;
		line[strcspn(line, " \n")] = '\0';
		group = strchr(line, ':');
		event = group ? strchr(group, '/') : NULL;
		if (event == NULL || strcmp(done, line) == 0)
			continue;
		done = line;
		*event = '\0';
		if (is_stale(group + 1))
			remove_event(events, group + 1, event + 1);
		*event = '/';
	}
	free(text);
}

void
tracefs_remove(struct tracefs *tracefs, unsigned number)
{
	char *event = xasprintf("e%u", number);

	remove_event(tracefs->events, tracefs->group, event);
	free(event);
}

/* --- opening --- */

/* A name for our group that no other run has, now or later. */
static char *
own_group(void)
{
	unsigned long long start = 0;
	unsigned long flags;

	process_stat(getpid(), &flags, &start);
	return xasprintf("usdt_%d_%llu", (int)getpid(), start);
}

static void
report_unopened(const char *name, int error)
{
	if (error == ENOENT)
		fprintf(stderr, "usdt: %s does not exist: this kernel has no "
		    "uprobe events (CONFIG_UPROBE_EVENTS)\n", name);
	else if (error == EACCES)
		fprintf(stderr, "usdt: %s may not be written: only root may "
		    "define events\n", name);
	else if (error == EPERM)
		fprintf(stderr, "usdt: %s: %s: the kernel is locked down "
		    "(see /sys/kernel/security/lockdown)\n", name,
		    strerror(error));
	else
		fprintf(stderr, "usdt: %s: %s\n", name, strerror(error));
}

int
tracefs_open(struct tracefs *tracefs)
{
	char *name;

	memset(tracefs, 0, sizeof *tracefs);
	tracefs->root = find_or_mount();
	if (tracefs->root == NULL)
		return -1;
	name = xasprintf("%s/uprobe_events", tracefs->root);
	/* O_APPEND: without it the open would remove everybody's events. */
	tracefs->events = open(name, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (tracefs->events < 0) {
		report_unopened(name, errno);
		free(name);
		free(tracefs->root);
		return -1;
	}
	remove_stale(tracefs->events, name);
	free(name);
	tracefs->group = own_group();
	return 0;
}

void
tracefs_close(struct tracefs *tracefs)
{
	close(tracefs->events);
	free(tracefs->root);
	free(tracefs->group);
}

/* --- defining --- */

int
tracefs_define(struct tracefs *tracefs, const char *text, size_t length)
{
	return write(tracefs->events, text, length) < 0 ? errno : 0;
}

char *
tracefs_event_file(struct tracefs *tracefs, unsigned number,
    const char *name)
{
	char *path = xasprintf("%s/events/%s/e%u/%s", tracefs->root,
	    tracefs->group, number, name);
	char *text = read_all(path);
	int error = errno;

	free(path);
	errno = error;
	return text;
}
