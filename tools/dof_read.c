/*
 * dof_read.c - which probes does a DOF document describe?
 *
 * Of DOF only what providers need: for each probe where it fires, its names
 * and its arguments' types.  The document may be of either byte order, and
 * may be nonsense: every offset is checked where it is used.  Nor may it make
 * us work or hold more than its size explains, by naming one part often: names
 * are not copied, and no more probes and sites are taken than there is room
 * for in it.
 */
#include <stdlib.h>

#include "tool.h"
#include "usdt_dof_format.h"

/* The longest string that any kernel takes, with its zero: a function's. */
#define NAME_SIZE	192

struct document {
	const uint8_t *bytes;
	size_t size;
	int big_endian;
	uint64_t sections, section_size, section_count;
	size_t probes_left, sites_left;
};

/* A part of the document. */
struct part {
	uint64_t at, size, entry;
};

/* An integer of SIZE bytes at AT; 0 beyond the end. */
static uint64_t
load(const struct document *doc, uint64_t at, unsigned size)
{
	uint64_t value = 0;
	unsigned i;

	if (at > doc->size || size > doc->size - at)
		return 0;
	for (i = 0; i < size; i++)
		value = value << 8 |
		    doc->bytes[at + (doc->big_endian ? i : size - 1 - i)];
	return value;
}

#define LOAD(doc, at, type, member) \
	load((doc), (at) + offsetof(struct type, member), \
	    (unsigned)sizeof(((struct type *)0)->member))

/* Section number INDEX, if it is of that TYPE and inside the document. */
static int
section(const struct document *doc, uint64_t index, uint64_t type,
    struct part *part)
{
	uint64_t at;

	if (index >= doc->section_count)
		return -1;
	at = doc->sections + index * doc->section_size;
	part->at = LOAD(doc, at, dof_sec, dofs_offset);
	part->size = LOAD(doc, at, dof_sec, dofs_size);
	part->entry = LOAD(doc, at, dof_sec, dofs_entsize);
	if (LOAD(doc, at, dof_sec, dofs_type) != type ||
	    part->at > doc->size || part->size > doc->size - part->at)
		return -1;
	return 0;
}

/* The string at OFFSET in a string table, or NULL. */
static const char *
string(const struct document *doc, const struct part *strings,
    uint64_t offset)
{
	const char *text;
	uint64_t most;

	if (offset >= strings->size)
		return NULL;
	text = (const char *)doc->bytes + strings->at + offset;
	most = strings->size - offset;
	if (most > NAME_SIZE)
		most = NAME_SIZE;
	return memchr(text, '\0', most) ? text : NULL;
}

/* How many of COUNT strings do follow each other from OFFSET on? */
static size_t
count_types(const struct document *doc, const struct part *strings,
    uint64_t offset, uint64_t count)
{
	const char *type;
	size_t n = 0;

	while (n < count && (type = string(doc, strings, offset)) != NULL) {
		offset += strlen(type) + 1;
		n++;
	}
	return n;
}

struct sections {
	struct part provider, strings, probes, offsets;
};

/* The probe at AT fires at each of its offsets. */
static void
add_probe(struct dof_sites *sites, struct document *doc,
    const struct sections *s, const char *provider, uint64_t at)
{
	struct dof_site site = { .provider = provider };
	uint64_t address = LOAD(doc, at, dof_probe, dofpr_addr);
	uint64_t first = LOAD(doc, at, dof_probe, dofpr_offidx);
	uint64_t count = LOAD(doc, at, dof_probe, dofpr_noffs), i;
	uint64_t types = LOAD(doc, at, dof_probe, dofpr_nargv);

	site.function = string(doc, &s->strings,
	    LOAD(doc, at, dof_probe, dofpr_func));
	site.name = string(doc, &s->strings,
	    LOAD(doc, at, dof_probe, dofpr_name));
	if (site.function == NULL || site.name == NULL)
		return;
	site.argc = count_types(doc, &s->strings, types,
	    LOAD(doc, at, dof_probe, dofpr_nargc));
	if (site.argc > 0)
		site.types = string(doc, &s->strings, types);
	for (i = first; i < first + count && i < s->offsets.size / 4 &&
	    doc->sites_left > 0; i++, doc->sites_left--) {
		site.address = address + load(doc, s->offsets.at + 4 * i, 4);
		ROOM_FOR_ONE(sites->site, sites->count, sites->space);
		sites->site[sites->count++] = site;
	}
}

static void
add_provider(struct dof_sites *sites, struct document *doc,
    struct sections *s)
{
	uint64_t at = s->provider.at, probe;
	const char *name;

	if (s->provider.size < offsetof(struct dof_provider, dofpv_prenoffs) ||
	    section(doc, LOAD(doc, at, dof_provider, dofpv_strtab),
	    DOF_SECT_STRTAB, &s->strings) < 0 ||
	    section(doc, LOAD(doc, at, dof_provider, dofpv_probes),
	    DOF_SECT_PROBES, &s->probes) < 0 ||
	    section(doc, LOAD(doc, at, dof_provider, dofpv_proffs),
	    DOF_SECT_PROFFS, &s->offsets) < 0)
		return;
	name = string(doc, &s->strings,
	    LOAD(doc, at, dof_provider, dofpv_name));
	if (name == NULL || s->probes.entry < sizeof(struct dof_probe))
		return;
	for (probe = 0; probe < s->probes.size / s->probes.entry &&
	    doc->probes_left > 0; probe++, doc->probes_left--)
		add_probe(sites, doc, s, name,
		    s->probes.at + probe * s->probes.entry);
}

static int
by_address(const void *one, const void *other)
{
	const struct dof_site *a = one, *b = other;

	return a->address < b->address ? -1 : a->address > b->address;
}

int
dof_read(struct dof_sites *sites, const uint8_t *bytes, size_t size)
{
	struct document doc = {
		.bytes = bytes,
		.size = size,
		.probes_left = size / sizeof(struct dof_probe),
		.sites_left = size / 4
	};
	struct sections s;
	uint64_t i;

	if (size < sizeof(struct dof_hdr) ||
	    memcmp(bytes, "\177DOF", 4) != 0)
		return -1;
	doc.big_endian = bytes[DOF_ID_ENCODING] == 2;
	doc.sections = LOAD(&doc, 0, dof_hdr, dofh_secoff);
	doc.section_size = LOAD(&doc, 0, dof_hdr, dofh_secsize);
	doc.section_count = LOAD(&doc, 0, dof_hdr, dofh_secnum);
	if (doc.section_size < sizeof(struct dof_sec) ||
	    doc.sections > size ||
	    doc.section_count > (size - doc.sections) / doc.section_size)
		return -1;
	for (i = 0; i < doc.section_count; i++)
		if (section(&doc, i, DOF_SECT_PROVIDER, &s.provider) == 0)
			add_provider(sites, &doc, &s);
	if (sites->count > 0)
		qsort(sites->site, sites->count, sizeof *sites->site,
		    by_address);
	return 0;
}

void
dof_free(struct dof_sites *sites)
{
	free(sites->site);
	memset(sites, 0, sizeof *sites);
}
