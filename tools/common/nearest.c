/*
 * nearest.c - which name did the user mean?
 *
 * The one with the fewest letters to be changed, added or left out, if it is a
 * third of the letters at most.  A part with wildcards that matches is right.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fnmatch.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/common/common.h"

/* Longer names are not compared. */
#define NAME_MAX_COMPARED	200

static size_t
least(size_t a, size_t b, size_t c)
{
	size_t ab = a < b ? a : b;

	return ab < c ? ab : c;
}

/* How many letters are changed, added or left out from ONE to OTHER? */
static size_t
distance(const char *one, const char *other)
{
	size_t row[NAME_MAX_COMPARED + 1], i, k, diagonal, above;
	size_t length = strlen(other);

	if (length > NAME_MAX_COMPARED || strlen(one) > NAME_MAX_COMPARED)
		return strcmp(one, other) == 0 ? 0 : NAME_MAX_COMPARED;
	for (k = 0; k <= length; k++)
		row[k] = k;
	for (i = 1; one[i - 1] != '\0'; i++) {
		diagonal = row[0];
		row[0] = i;
		for (k = 1; k <= length; k++) {
			above = row[k];
			row[k] = least(above + 1, row[k - 1] + 1, diagonal +
			    (one[i - 1] != other[k - 1]));
			diagonal = above;
		}
	}
	return row[length];
}

static size_t
part_distance(const char *part, const char *name)
{
	return fnmatch(part, name, 0) == 0 ? 0 : distance(part, name);
}

void
nearest_try(struct nearest *nearest, const struct pattern *pattern,
    const struct probe *probe)
{
	char *name = xcalloc(strlen(probe->name) + 1, 1);
	size_t letters = strlen(pattern->provider) +
	    strlen(pattern->dof_name), apart;

	usdt__name_dof(probe->name, name);
	apart = part_distance(pattern->provider, probe->provider) +
	    part_distance(pattern->dof_name, name);
	free(name);
	if (apart > letters / 3 ||
	    (nearest->name != NULL && apart >= nearest->distance))
		return;
	free(nearest->name);
	nearest->name = pattern_for(NULL, probe);
	nearest->distance = apart;
}

void
nearest_print(const struct nearest *nearest)
{
	if (nearest->name == NULL)
		return;
	fputs("usdt: did you mean ", stderr);
	quote_shell(stderr, nearest->name);
	fputs("?\n", stderr);
}

void
nearest_report(const struct pattern *pattern, pid_t only)
{
	struct nearest nearest = { 0 };
	struct census census = { 0 };
	size_t i, k;

	census_take(&census, only);
	for (i = 0; i < census.count; i++) {
		int fd = mapped_open(census.files[i]);
		struct image *image = fd >= 0 ? image_read(fd) : NULL;

		for (k = 0; image != NULL && k < image->count; k++)
			nearest_try(&nearest, pattern, &image->probes[k]);
		image_free(image);
		if (fd >= 0)
			close(fd);
	}
	census_free(&census);
	nearest_print(&nearest);
	free(nearest.name);
}
