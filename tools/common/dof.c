/*
 * dof.c - what is where in a DOF document, and which probes does it describe?
 *
 * The document may have either byte order, and may be nonsense: every offset is
 * checked where it is used.  A document must not cost time or memory out of
 * proportion to its size by naming one part often: names are not copied, and no
 * more probes and sites are read than the document has room for.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>

#include "tools/common/common.h"
#include "core/dof_format.h"

/* The longest string that any kernel accepts, with its zero: a function's. */
#define NAME_SIZE	192

uint64_t
dof_load(const struct dof *dof, uint64_t at, unsigned size)
{
	uint64_t value = 0;
	unsigned i;

	if (at > dof->size || size > dof->size - at)
		return 0;
	for (i = 0; i < size; i++)
		value = value << 8 |
		    dof->bytes[at + (dof->big_endian ? i : size - 1 - i)];
	return value;
}

/*
 * The size that the header claims, if it is possible: a document may have a
 * part after the one that kernels read.
 */
static uint64_t
extent(const struct dof *dof)
{
	uint64_t load = DOF_LOAD(dof, 0, dof_hdr, dofh_loadsz);
	uint64_t file = DOF_LOAD(dof, 0, dof_hdr, dofh_filesz);

	if (file > load && file <= dof->size)
		load = file;
	return load >= sizeof(struct dof_hdr) && load <= dof->size ? load :
	    dof->size;
}

int
dof_open(struct dof *dof, const uint8_t *bytes, size_t size)
{
	uint64_t room;

	memset(dof, 0, sizeof *dof);
	if (size < sizeof(struct dof_hdr) ||
	    memcmp(bytes, "\177DOF", 4) != 0)
		return -1;
	dof->bytes = bytes;
	dof->size = size;
	dof->big_endian = bytes[DOF_ID_ENCODING] == 2;
	dof->size = extent(dof);
	dof->sections = DOF_LOAD(dof, 0, dof_hdr, dofh_secoff);
	dof->section_size = DOF_LOAD(dof, 0, dof_hdr, dofh_secsize);
	dof->section_claim = DOF_LOAD(dof, 0, dof_hdr, dofh_secnum);
	if (dof->section_size < sizeof(struct dof_sec) ||
	    dof->sections > dof->size)
		return 0;
	room = (dof->size - dof->sections) / dof->section_size;
	dof->section_count = dof->section_claim < room ? dof->section_claim :
	    room;
	return 0;
}

size_t
dof_next(const struct dof *dof, size_t size)
{
	size_t next = usdt__align(dof->size, 8);

	return next < size ? next : size;
}

int
dof_section(const struct dof *dof, uint64_t index, struct dof_part *part)
{
	uint64_t at;

	if (index >= dof->section_count)
		return -1;
	at = dof->sections + index * dof->section_size;
	part->index = index;
	part->header = at;
	part->type = (uint32_t)DOF_LOAD(dof, at, dof_sec, dofs_type);
	part->align = (uint32_t)DOF_LOAD(dof, at, dof_sec, dofs_align);
	part->flags = (uint32_t)DOF_LOAD(dof, at, dof_sec, dofs_flags);
	part->entry = (uint32_t)DOF_LOAD(dof, at, dof_sec, dofs_entsize);
	part->at = DOF_LOAD(dof, at, dof_sec, dofs_offset);
	part->size = DOF_LOAD(dof, at, dof_sec, dofs_size);
	part->inside = part->at <= dof->size &&
	    part->size <= dof->size - part->at;
	return 0;
}

int
dof_section_of(const struct dof *dof, uint64_t index, uint32_t type,
    struct dof_part *part)
{
	return dof_section(dof, index, part) == 0 && part->type == type &&
	    part->inside ? 0 : -1;
}

const char *
dof_string(const struct dof *dof, const struct dof_part *strings,
    uint64_t offset)
{
	const char *text;
	uint64_t most;

	if (offset >= strings->size)
		return NULL;
	text = (const char *)dof->bytes + strings->at + offset;
	most = strings->size - offset;
	if (most > NAME_SIZE)
		most = NAME_SIZE;
	return memchr(text, '\0', most) ? text : NULL;
}

/* --- the probes --- */

struct reader {
	struct dof dof;
	struct dof_sites *sites;
	size_t probes_left, sites_left;
};

/* How many of COUNT strings follow each other from OFFSET on? */
static size_t
count_types(const struct dof *dof, const struct dof_part *strings,
    uint64_t offset, uint64_t count)
{
	const char *type;
	size_t n = 0;

	while (n < count &&
	    (type = dof_string(dof, strings, offset)) != NULL) {
		offset += strlen(type) + 1;
		n++;
	}
	return n;
}

struct sections {
	struct dof_part provider, strings, probes, offsets;
};

/* The probe at AT fires at each of its offsets. */
static void
add_probe(struct reader *reader, const struct sections *s,
    const char *provider, uint64_t at)
{
	const struct dof *dof = &reader->dof;
	struct dof_sites *sites = reader->sites;
	struct dof_site site = { .provider = provider };
	uint64_t address = DOF_LOAD(dof, at, dof_probe, dofpr_addr);
	uint64_t first = DOF_LOAD(dof, at, dof_probe, dofpr_offidx);
	uint64_t count = DOF_LOAD(dof, at, dof_probe, dofpr_noffs), i;
	uint64_t types = DOF_LOAD(dof, at, dof_probe, dofpr_nargv);

	site.function = dof_string(dof, &s->strings,
	    DOF_LOAD(dof, at, dof_probe, dofpr_func));
	site.name = dof_string(dof, &s->strings,
	    DOF_LOAD(dof, at, dof_probe, dofpr_name));
	if (site.function == NULL || site.name == NULL)
		return;
	site.argc = count_types(dof, &s->strings, types,
	    DOF_LOAD(dof, at, dof_probe, dofpr_nargc));
	if (site.argc > 0)
		site.types = dof_string(dof, &s->strings, types);
	for (i = first; i < first + count && i < s->offsets.size / 4 &&
	    reader->sites_left > 0; i++, reader->sites_left--) {
		site.address = address + dof_load(dof,
		    s->offsets.at + 4 * i, 4);
		ROOM_FOR_ONE(sites->site, sites->count, sites->space);
		sites->site[sites->count++] = site;
	}
}

static void
add_provider(struct reader *reader, struct sections *s)
{
	const struct dof *dof = &reader->dof;
	uint64_t at = s->provider.at, probe;
	const char *name;

	if (s->provider.size < offsetof(struct dof_provider, dofpv_prenoffs) ||
	    dof_section_of(dof, DOF_LOAD(dof, at, dof_provider, dofpv_strtab),
	    DOF_SECT_STRTAB, &s->strings) < 0 ||
	    dof_section_of(dof, DOF_LOAD(dof, at, dof_provider, dofpv_probes),
	    DOF_SECT_PROBES, &s->probes) < 0 ||
	    dof_section_of(dof, DOF_LOAD(dof, at, dof_provider, dofpv_proffs),
	    DOF_SECT_PROFFS, &s->offsets) < 0)
		return;
	name = dof_string(dof, &s->strings,
	    DOF_LOAD(dof, at, dof_provider, dofpv_name));
	if (name == NULL || s->probes.entry < sizeof(struct dof_probe))
		return;
	for (probe = 0; probe < s->probes.size / s->probes.entry &&
	    reader->probes_left > 0; probe++, reader->probes_left--)
		add_probe(reader, s, name,
		    s->probes.at + probe * s->probes.entry);
}

static int
by_address(const void *one, const void *other)
{
	const struct dof_site *a = one, *b = other;

	return a->address < b->address ? -1 : a->address > b->address;
}

static void
add_document(struct reader *reader)
{
	struct sections s;
	uint64_t i;

	for (i = 0; i < reader->dof.section_count; i++)
		if (dof_section_of(&reader->dof, i, DOF_SECT_PROVIDER,
		    &s.provider) == 0)
			add_provider(reader, &s);
}

/* Linkers put the documents of several object files one after another. */
int
dof_read(struct dof_sites *sites, const uint8_t *bytes, size_t size)
{
	struct reader reader = {
		.sites = sites,
		.probes_left = size / sizeof(struct dof_probe),
		.sites_left = size / 4
	};
	size_t at;

	for (at = 0; dof_open(&reader.dof, bytes + at, size - at) == 0 &&
	    reader.dof.section_count == reader.dof.section_claim;
	    at += dof_next(&reader.dof, size - at))
		add_document(&reader);
	if (sites->count > 0)
		qsort(sites->site, sites->count, sizeof *sites->site,
		    by_address);
	return at > 0 ? 0 : -1;
}

void
dof_free(struct dof_sites *sites)
{
	free(sites->site);
	memset(sites, 0, sizeof *sites);
}
