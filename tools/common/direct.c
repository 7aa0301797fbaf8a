/*
 * direct.c - can a probe's events go direct, without the kernel?
 *
 * core/direct.h has the rules: the image has direct sites, the probe's stub is
 * among those that write records, and what is printed of its arguments is in
 * their values.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <stdlib.h>

#include "tools/common/common.h"

/* The offset of the probe's site among the stubs, or -1. */
static int64_t
site_in_stubs(const struct image *image, const struct probe *probe)
{
	const struct usdt__direct *direct = &image->direct;

	if (probe->site < direct->text ||
	    probe->site - direct->text >= direct->stubs)
		return -1;
	return (int64_t)(probe->site - direct->text);
}

/* Does an argument point to a struct whose members are printed? */
static int
has_struct(const struct image *image, const struct probe *probe)
{
	const struct type_probe *type = types_probe(image->types, probe);
	size_t i;

	for (i = 0; type != NULL && i < type->count; i++)
		if (type->params[i].of != NULL &&
		    type->params[i].declarator.pointers == 1 &&
		    type->params[i].declarator.dimensions == 0)
			return 1;
	return 0;
}

const char *
direct_obstacle(const struct image *image, const struct probe *probe)
{
	if (image->direct.magic == 0)
		return "its file has no direct sites";
	if (probe->unreachable != NULL)
		return probe->unreachable;
	if (probe->note_name == NULL)
		return "it is for DTrace only";
	if (probe->elsewhere || probe->twin != NULL)
		return "it has code of its own";
	if (site_in_stubs(image, probe) < 0 || probe->semaphore < image->gates ||
	    direct_gate(image, probe) >= image->direct.gates)
		return "its stub writes no events";
	if (image->filtered)
		return DIRECT_FILTERED;
	if (has_struct(image, probe))
		return "an argument points to a struct, whose members only the "
		    "kernel can read";
	return NULL;
}

uint32_t
direct_gate(const struct image *image, const struct probe *probe)
{
	uint64_t gate = (probe->semaphore - image->gates) / 4;

	return gate < UINT32_MAX ? (uint32_t)gate : UINT32_MAX;
}

uint32_t
direct_cell(const struct image *image, const struct probe *probe)
{
	uint64_t at = (uint64_t)site_in_stubs(image, probe);

	return (uint32_t)(at / image->direct.stub * image->direct.stub /
	    USDT__CELL);
}

uint64_t
direct_site(const struct image *image, const struct probe *probe)
{
	return image->direct.sites + (uint64_t)direct_gate(image, probe) *
	    image->direct.stride;
}

uint64_t
direct_semaphore(const struct probe *probe)
{
	return probe->semaphore + 2;
}

/* What a status file of /proc says of filters, or -1; and how many threads there
 * are. */
static int
status_filtered(const char *name, int *threads)
{
	FILE *in = fopen(name, "re");
	char *line = NULL, buffer[4096];	/* nearly always all of it */
	size_t space = 0;
	int filtered = -1;

	if (in != NULL)
		setvbuf(in, buffer, _IOFBF, sizeof buffer);
	while (in != NULL && filtered < 0 && getline(&line, &space, in) > 0) {
		if (strncmp(line, "Threads:", 8) == 0)
			*threads = atoi(line + 8);
		if (strncmp(line, "Seccomp:", 8) == 0)
			filtered = atoi(line + 8) != 0;
	}
	free(line);
	if (in != NULL)
		fclose(in);
	return filtered;
}

/* Each thread has filters of its own. */
static int
is_thread_filtered(pid_t pid)
{
	char *name = xasprintf("/proc/%d/task", (int)pid);
	DIR *threads = opendir(name);
	struct dirent *entry;
	int filtered = 0, unused;

	free(name);
	while (threads != NULL && filtered != 1 &&
	    (entry = readdir(threads)) != NULL) {
		name = xasprintf("/proc/%d/task/%s/status", (int)pid,
		    entry->d_name);
		filtered = status_filtered(name, &unused);
		free(name);
	}
	if (threads != NULL)
		closedir(threads);
	return filtered == 1;
}

int
direct_is_filtered(pid_t pid)
{
	char *name = xasprintf("/proc/%d/status", (int)pid);
	int threads = 1, filtered = status_filtered(name, &threads);

	free(name);
	return filtered == 0 && threads > 1 ? is_thread_filtered(pid) :
	    filtered;
}

void
direct_ask_filters(struct image *image, const struct mapped *file)
{
	size_t i;

	for (i = 0; image->direct.magic != 0 && i < file->count &&
	    !image->filtered; i++)
		image->filtered = direct_is_filtered(file->holders[i].pid) == 1;
}
