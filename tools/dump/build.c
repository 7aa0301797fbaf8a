/*
 * build.c - what document does a definition of probes give?
 *
 * The builders that processes use write its bytes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>

#include "tools/dump/dump.h"

/* Addresses that documents and stubs without an image seem to have. */
#define STUBS_AT	0x100000

/*
 * Find the places of stubs and document in an image.  They do not depend on the
 * nop in the stubs, or on whether there are notes.
 */
static int
place_in_image(const struct usdt__description *description,
    const struct usdt__platform *row, const struct usdt__arch *arch,
    uint64_t *stubs, uint64_t *address, struct usdt__why *why)
{
	const struct usdt__stub stub = {
		.nop = 1, .size = USDT__STUB_SIZE
	};
	struct usdt__elf elf;

	if (usdt__elf_layout(&elf, description, row, arch, &stub, 0, why) < 0)
		return -1;
	*stubs = elf.text;
	*address = elf.document;
	return 0;
}

uint8_t *
definition_build(const struct definition *definition,
    const struct usdt__platform *row, const struct usdt__arch *arch,
    size_t *size, uint64_t *stubs, uint64_t *address)
{
	const struct usdt__description description = {
		.provider = definition->provider->name,
		.module = definition->provider->module,
		.count = definition->count,
		.probes = definition->probes,
		.gate_count = definition->count
	};
	struct usdt__why why;
	struct usdt__dof dof;
	uint8_t *bytes;
	int result;

	result = usdt__dof_layout(&dof, &description, row, arch, &why);
	*stubs = STUBS_AT;
	*address = usdt__align(STUBS_AT + definition->count * USDT__STUB_SIZE,
	    arch->page);
	if (result == 0 && row->image)
		result = place_in_image(&description, row, arch, stubs,
		    address, &why);
	if (result < 0) {
		definition_wrong(definition->provider->name, why.text);
		return NULL;
	}
	bytes = xcalloc(1, dof.size);
	usdt__dof_write(&dof, &arch->sites[row->isenabled], *stubs, *address,
	    bytes);
	*size = dof.size;
	return bytes;
}
