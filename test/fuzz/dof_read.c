/*
 * dof_read.c - does any document make tools/common/dof.c crash, hang, or use
 * more memory than the document's size explains?  Or `usdt dump`, which prints
 * all of it by the rules of each system and processor?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "shown.h"
#include "tools/dump/dump.h"
#include "core/dof_format.h"

/* Is the string inside the document, with its end? */
static void
check_string(const char *string, const uint8_t *bytes, size_t size)
{
	const uint8_t *at = (const uint8_t *)string;

	must(at >= bytes && at < bytes + size);
	must(memchr(at, '\0', (size_t)(bytes + size - at)) != NULL);
}

static void
check_dump(const uint8_t *bytes, size_t size, unsigned choice)
{
	struct dump dump = {
		.hex = choice & 1,
		.row = &usdt__platforms[choice >> 1 & 3],
		.arch = choice & 8 ? &usdt__archs[(choice >> 4) %
		    usdt__arch_count] : NULL,
		.placed = choice >> 6 & 1,
		.address = 0x7f0000400000
	};
	size_t shown;

	must(usdt__platform_count == 5);
	dump.out = shown_open(&shown);
	dump_dof(&dump, bytes, size);
	shown_close(dump.out, &shown, size);
}

int
LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct dof_sites sites = { 0 };
	uint8_t *bytes = malloc(size ? size : 1);
	size_t i, k;

	must(bytes != NULL);
	memcpy(bytes, input, size);
	if (dof_read(&sites, bytes, size) < 0)
		must(sites.count == 0);
	must(sites.count <= size / 4);
	for (i = 0; i < sites.count; i++) {
		const struct dof_site *site = &sites.site[i];
		const char *type = site->types;

		must(i == 0 || site->address >= site[-1].address);
		check_string(site->provider, bytes, size);
		check_string(site->function, bytes, size);
		check_string(site->name, bytes, size);
		for (k = 0; k < site->argc; k++, type += strlen(type) + 1)
			check_string(type, bytes, size);
	}
	dof_free(&sites);
	check_dump(bytes, size, size > 0 ? bytes[size - 1] : 0);
	free(bytes);
	return 0;
}
