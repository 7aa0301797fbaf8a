/*
 * debug_file.c - where are the symbols of a file that was stripped?
 *
 * Packages of debug symbols put them into files of their own.  Such a file is found
 * by the build ID, or by the name that the stripped file has in .gnu_debuglink,
 * where gdb looks for it too: as we see files and as the process sees them.  It
 * counts only if it has the build ID, or the checksum if there is no build ID.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>
#include <unistd.h>

#include "tools/events/parts.h"

#define DEBUG_ROOT	"/usr/lib/debug"

/* No larger file is read for its checksum: that takes half a second. */
#define CHECKED_MAX	((uint64_t)64 << 20)

/* The CRC-32 of Ethernet and zlib, four bits at a time. */
static uint32_t
checksum_more(uint32_t sum, const uint8_t *bytes, size_t size)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190,
		0x6b6b51f4, 0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344,
		0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278,
		0xbdbdf21c
	};

	for (; size > 0; bytes++, size--) {
		sum = table[(sum ^ *bytes) & 15] ^ sum >> 4;
		sum = table[(sum ^ *bytes >> 4) & 15] ^ sum >> 4;
	}
	return sum;
}

static int
has_checksum(int fd, uint32_t expected)
{
	uint32_t sum = UINT32_MAX;
	uint8_t bytes[16384];
	uint64_t at = 0;
	ssize_t n;

	while ((n = pread(fd, bytes, sizeof bytes, (off_t)at)) > 0) {
		sum = checksum_more(sum, bytes, (size_t)n);
		at += (uint64_t)n;
		if (at > CHECKED_MAX)
			return 0;
	}
	return n == 0 && ~sum == expected;
}

/* Take the symbols of that file, if it is the right one; frees PATH. */
static int
try(struct functions *functions, pid_t pid, char *path)
{
	const struct debug_link *link = functions_link(functions);
	const pid_t views[2] = { getpid(), pid };
	int found = 0, fd;
	size_t i;

	for (i = 0; i < 2 && !found; i++) {
		fd = process_open(views[i], path, 0);
		if (fd < 0)
			continue;
		found = (link->id_size > 0 ||
		    has_checksum(fd, link->checksum)) &&
		    functions_add(functions, fd) == 0;
		close(fd);
	}
	free(path);
	return found;
}

static char *
path_of_id(const struct debug_link *link)
{
	char digits[2 * sizeof link->id + 1];
	size_t i;

	for (i = 0; i < link->id_size; i++)
		snprintf(digits + 2 * i, 3, "%02x", link->id[i]);
	return xasprintf(DEBUG_ROOT "/.build-id/%.2s/%s.debug", digits,
	    digits + 2);
}

void
debug_file_add(struct functions *functions, pid_t pid, const char *path)
{
	const struct debug_link *link = functions_link(functions);
	const char *slash = strrchr(path, '/');
	int directory = slash != NULL ? (int)(slash - path) : 0;

	if (link == NULL || (link->id_size > 0 &&
	    try(functions, pid, path_of_id(link))))
		return;
	if (link->name[0] == '\0' || *path != '/' ||
	    try(functions, pid, xasprintf("%.*s/.debug/%s", directory, path,
	    link->name)) || try(functions, pid, xasprintf(DEBUG_ROOT
	    "%.*s/%s", directory, path, link->name)))
		return;
	try(functions, pid, xasprintf("%.*s/%s", directory, path, link->name));
}
