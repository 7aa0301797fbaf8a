/*
 * dof_read.c - which probes does a DOF document describe?
 *
 * Of DOF only what providers need: for each probe where it fires, its names
 * and its arguments' types.  The document may be nonsense, and may not make us
 * work or hold more than its size explains, by naming one part often: names
 * are not copied, and no more probes and sites are taken than there is room
 * for in it.
 */
#include <stdlib.h>

#include "tools/tool.h"
#include "usdt_dof_format.h"

struct reader {
	struct dof dof;
	struct dof_sites *sites;
	size_t probes_left, sites_left;
};

/* How many of COUNT strings do follow each other from OFFSET on? */
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

/* Linkers put the documents of several object files one behind the other. */
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
