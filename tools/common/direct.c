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

int
direct_is_filtered(pid_t pid)
{
	char *name = xasprintf("/proc/%d/status", (int)pid);
	FILE *in = fopen(name, "re");
	char *line = NULL;
	size_t space = 0;
	int filtered = -1;

	free(name);
	while (in != NULL && filtered < 0 && getline(&line, &space, in) > 0)
		if (strncmp(line, "Seccomp:", 8) == 0)
			filtered = atoi(line + 8) != 0;
	free(line);
	if (in != NULL)
		fclose(in);
	return filtered;
}
