/*
 * document.c - what is in a DOF document, in words?
 *
 * The header, then each section with all that is in it, in the order of their
 * numbers, then what belongs to none.  What some system would refuse, or what
 * can't be read, is told where it is found, and the rest is gone on with: each
 * byte is told once, however often a document names it.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <inttypes.h>
#include <stdlib.h>

#include "tools/dump/dump.h"
#include "core/dof_format.h"

/* Strings that are named may be so many times as long as the document: probes
 * may share them. */
#define TEXT_TIMES	32

int
dump_takes_version(const struct usdt__platform *row, unsigned version)
{
	if (row->offsets == USDT__OFFSET_DOF)
		return version == row->dof_version;
	return version >= 1 && version <= row->dof_version;
}

/* --- the header --- */

static unsigned
tell_ident(struct telling *t, unsigned at, const char *name)
{
	return (unsigned)dof_tell_member(t, at, 1, name);
}

static void
tell_model(struct telling *t)
{
	const struct usdt__arch *arch = t->dump->arch;
	unsigned model = tell_ident(t, DOF_ID_MODEL, "model");
	int known = model == 1 || model == 2;

	if (known)
		fprintf(t->dump->out, ", pointers of %u bits", 32 * model);
	dump_end(t->dump);
	if (!known)
		dump_wrong(t->dump, "1 is for 32 bits, 2 for 64");
	else if (arch != NULL && model * 4 != arch->word)
		dump_wrong(t->dump, "%s has pointers of %u bits", arch->name,
		    arch->word * 8);
}

static void
tell_encoding(struct telling *t)
{
	const struct usdt__arch *arch = t->dump->arch;
	unsigned encoding = tell_ident(t, DOF_ID_ENCODING, "encoding");
	int known = encoding == 1 || encoding == 2;

	if (known)
		fputs(encoding == 1 ? ", little-endian" : ", big-endian",
		    t->dump->out);
	dump_end(t->dump);
	if (!known)
		dump_wrong(t->dump, "1 is for little-endian, 2 for "
		    "big-endian; read as little-endian");
	else if (arch != NULL && (encoding == 2) != (arch->big_endian != 0))
		dump_wrong(t->dump, "%s is %s-endian", arch->name,
		    arch->big_endian ? "big" : "little");
}

/* What a version means is not the same everywhere. */
static void
tell_version(struct telling *t)
{
	const struct usdt__platform *row = t->dump->row;
	unsigned version = tell_ident(t, DOF_ID_VERSION, "version");
	int taken = dump_takes_version(row, version);

	if (version == 1)
		fputs(", no is-enabled sites", t->dump->out);
	else if (taken && row->offsets == USDT__OFFSET_DOF)
		fputs(", sites are told from dofhp_addr on", t->dump->out);
	else if (taken && row->isenabled == USDT__ISENABLED_POINTER &&
	    version == row->dof_version)
		fputs(", is-enabled is answered by a 1 where the first "
		    "argument points", t->dump->out);
	else if (taken)
		fputs(", is-enabled is answered in the return register",
		    t->dump->out);
	dump_end(t->dump);
	if (!taken && row->offsets == USDT__OFFSET_DOF)
		dump_wrong(t->dump, "%s takes version %u only", row->name,
		    row->dof_version);
	else if (!taken)
		dump_wrong(t->dump, "%s takes versions 1 to %u", row->name,
		    row->dof_version);
}

static void
tell_idents(struct telling *t)
{
	unsigned value, i, unused = 0;

	dump_begin(t->dump, t->dof.bytes, 0, 4, "magic");
	quote_string(t->dump->out, (const char *)t->dof.bytes, 4);
	dump_end(t->dump);
	tell_model(t);
	tell_encoding(t);
	tell_version(t);
	value = tell_ident(t, DOF_ID_DIFVERS, "DIF version");
	dump_end(t->dump);
	if (value != 2)
		dump_wrong(t->dump, "systems take 2");
	value = tell_ident(t, DOF_ID_DIFIREG, "DIF integers");
	fputs(" registers", t->dump->out);
	dump_end(t->dump);
	if (value > 8)
		dump_wrong(t->dump, "systems take 8 at the most");
	value = tell_ident(t, DOF_ID_DIFTREG, "DIF tuples");
	fputs(" registers", t->dump->out);
	dump_end(t->dump);
	if (value > 8)
		dump_wrong(t->dump, "systems take 8 at the most");
	for (i = DOF_ID_DIFTREG + 1; i < 16; i++)
		unused |= t->dof.bytes[i];
	dump_begin(t->dump, t->dof.bytes + DOF_ID_DIFTREG + 1,
	    DOF_ID_DIFTREG + 1, 6, "unused");
	fputs(unused ? "not all 0" : "0", t->dump->out);
	dump_end(t->dump);
	if (unused)
		dump_wrong(t->dump, "systems take zeros only");
}

/* AVAILABLE: bytes from the document's begin to the end of what there is. */
static void
tell_header(struct telling *t, size_t available)
{
	uint64_t size, offset, value;

	tell_idents(t);
	if (TELL_NUMBER(t, 0, dof_hdr, dofh_flags, NULL) != 0)
		dump_wrong(t->dump, "systems take 0 only");
	if (TELL_NUMBER(t, 0, dof_hdr, dofh_hdrsize,
	    "bytes of this header") != sizeof(struct dof_hdr))
		dump_wrong(t->dump, "a header has 64 bytes");
	size = TELL_NUMBER(t, 0, dof_hdr, dofh_secsize,
	    "bytes of a section's header");
	if (size != sizeof(struct dof_sec))
		dump_wrong(t->dump, "a section's header has 32 bytes");
	TELL_NUMBER(t, 0, dof_hdr, dofh_secnum, "sections");
	offset = dof_tell_hex(t, offsetof(struct dof_hdr, dofh_secoff), 8,
	    "secoff");
	if (offset % 8 != 0)
		dump_wrong(t->dump, "it is not a multiple of 8");
	if (t->dof.section_count < t->dof.section_claim)
		dump_wrong(t->dump, "%" PRIu64 " headers of sections of %"
		    PRIu64 " bytes at %#" PRIx64 " end beyond the document's "
		    "%zu; %" PRIu64 " can be read", t->dof.section_claim, size,
		    offset, t->dof.size, t->dof.section_count);
	value = TELL_NUMBER(t, 0, dof_hdr, dofh_loadsz,
	    "bytes that are loaded");
	if (value < sizeof(struct dof_hdr))
		dump_wrong(t->dump, "it is less than a header");
	else if (value > available)
		dump_wrong(t->dump, "there are %zu bytes only", available);
	else if (value > t->dump->row->max_dof)
		dump_wrong(t->dump, "%s takes %zu bytes", t->dump->row->limits,
		    t->dump->row->max_dof);
	size = TELL_NUMBER(t, 0, dof_hdr, dofh_filesz, "bytes in all");
	if (size < value)
		dump_wrong(t->dump, "it is less than loadsz");
	TELL_NUMBER(t, 0, dof_hdr, dofh_pad, NULL);
}

/* --- what sections hold --- */

static void
tell_bytes(struct telling *t, const struct dof_part *part)
{
	dof_tell_rest(t, part->at, part->size, "bytes");
}

static void
tell_text(struct telling *t, const struct dof_part *part)
{
	const char *text = (const char *)t->dof.bytes + part->at;
	size_t length = part->size;

	if (length == 0)
		return;
	dump_begin(t->dump, text, part->at, part->size, "text");
	while (length > 0 && text[length - 1] == '\0')
		length--;
	quote_string(t->dump->out, text, length);
	dump_end(t->dump);
}

static void
tell_strings(struct telling *t, const struct dof_part *part)
{
	const char *start = (const char *)t->dof.bytes + part->at;
	size_t at, length, size = part->size;
	char name[32];

	for (at = 0; at < size; at += length + 1) {
		const char *end = memchr(start + at, '\0', size - at);

		length = end != NULL ? (size_t)(end - (start + at)) :
		    size - at;
		snprintf(name, sizeof name, "string %zu", at);
		dump_begin(t->dump, start + at, part->at + at,
		    length + (end != NULL), name);
		quote_string(t->dump->out, start + at, length);
		dump_end(t->dump);
	}
	if (size == 0 || start[size - 1] != '\0')
		dump_wrong(t->dump, "the last byte is no zero");
}

static void
tell_maps(struct telling *t, const struct dof_part *part)
{
	uint64_t i, k, count;
	char name[32];

	for (i = 0; i < part->size; i += count) {
		count = part->size - i < 8 ? part->size - i : 8;
		snprintf(name, sizeof name, "entry %" PRIu64, i);
		dump_begin(t->dump, t->dof.bytes + part->at + i, part->at + i,
		    count, name);
		for (k = 0; k < count; k++)
			fprintf(t->dump->out, "%s%u", k > 0 ? " " : "",
			    t->dof.bytes[part->at + i + k]);
		dump_end(t->dump);
	}
}

static void
tell_offsets(struct telling *t, const struct dof_part *part)
{
	int from_dof = t->dump->row->offsets == USDT__OFFSET_DOF;
	uint64_t i, at, value;
	char name[32];

	for (i = 0; i < part->size / 4; i++) {
		at = part->at + 4 * i;
		value = dof_load(&t->dof, at, 4);
		snprintf(name, sizeof name, "entry %" PRIu64, i);
		dump_begin(t->dump, t->dof.bytes + at, at, 4, name);
		if (from_dof && value >> 31)
			fprintf(t->dump->out, "-%#" PRIx64 " from dofhp_addr",
			    ((uint64_t)1 << 32) - value);
		else
			fprintf(t->dump->out, "%#" PRIx64 " from %s", value,
			    from_dof ? "dofhp_addr" : "a probe's addr");
		dump_end(t->dump);
	}
	dof_tell_rest(t, part->at + part->size / 4 * 4, part->size % 4,
	    "bytes");
}

/* --- sections --- */

static const struct {
	const char *name;
	void (*tell)(struct telling *t, const struct dof_part *part);
	int optional;		/* may be there without being loaded */
} kinds[] = {
	{ "NONE", NULL, 1 }, { "COMMENTS", tell_text, 1 },
	{ "SOURCE", tell_text, 1 }, { "ECBDESC", NULL, 0 },
	{ "PROBEDESC", NULL, 0 }, { "ACTDESC", NULL, 0 },
	{ "DIFOHDR", NULL, 0 }, { "DIF", NULL, 0 },
	{ "STRTAB", tell_strings, 0 }, { "VARTAB", NULL, 0 },
	{ "RELTAB", dof_tell_relocations, 0 }, { "TYPTAB", NULL, 0 },
	{ "URELHDR", dof_tell_relocation_header, 0 }, { "KRELHDR", NULL, 0 },
	{ "OPTDESC", NULL, 0 }, { "PROVIDER", dof_tell_provider, 0 },
	{ "PROBES", dof_tell_probes, 0 }, { "PRARGS", tell_maps, 0 },
	{ "PROFFS", tell_offsets, 0 }, { "INTTAB", NULL, 0 },
	{ "UTSNAME", NULL, 1 }, { "XLTAB", NULL, 0 },
	{ "XLMEMBERS", NULL, 0 }, { "XLIMPORT", NULL, 0 },
	{ "XLEXPORT", NULL, 0 }, { "PREXPORT", NULL, 0 },
	{ "PRENOFFS", tell_offsets, 0 }
};

#define KINDS	(sizeof kinds / sizeof *kinds)

static void
tell_section_header(struct telling *t, const struct dof_part *part)
{
	uint64_t at = part->header;
	int unloaded;

	TELL_MEMBER(t, at, dof_sec, dofs_type);
	fprintf(t->dump->out, ", %s", part->type < KINDS ?
	    kinds[part->type].name : "of no known kind");
	dump_end(t->dump);
	TELL_NUMBER(t, at, dof_sec, dofs_align, NULL);
	if ((part->align & (part->align - 1)) != 0)
		dump_wrong(t->dump, "it is not a power of two");
	unloaded = (TELL_MEMBER(t, at, dof_sec, dofs_flags) &
	    DOF_SECF_LOAD) == 0;
	fputs(unloaded ? ", not loaded" : ", loaded", t->dump->out);
	dump_end(t->dump);
	if (unloaded && part->type < KINDS && !kinds[part->type].optional)
		dump_wrong(t->dump, "sections of this kind must be loaded");
	TELL_NUMBER(t, at, dof_sec, dofs_entsize, NULL);
	dof_tell_hex(t, at + offsetof(struct dof_sec, dofs_offset), 8,
	    "offset");
	if (part->align != 0 ? part->at % part->align != 0 : part->at != 0)
		dump_wrong(t->dump, "it is not a multiple of align");
	TELL_NUMBER(t, at, dof_sec, dofs_size, "bytes");
	dof_tell_rest(t, at + sizeof(struct dof_sec), t->dof.section_size -
	    sizeof(struct dof_sec), "bytes");
}

static void
tell_section(struct telling *t, const struct dof_part *part)
{
	const char *name = part->type < KINDS ? kinds[part->type].name : NULL;

	fprintf(t->dump->out, "section %" PRIu64 ": %s\n", part->index,
	    name != NULL ? name : "unknown");
	tell_section_header(t, part);
	if (!part->inside) {
		dump_wrong(t->dump, "%" PRIu64 " bytes at %#" PRIx64 " end "
		    "beyond the document's %zu", part->size, part->at,
		    t->dof.size);
		return;
	}
	if (part->size > t->bytes_left) {
		dump_wrong(t->dump, "it lies over other sections, and is left "
		    "out");
		return;
	}
	t->bytes_left -= part->size;
	if (name != NULL && kinds[part->type].tell != NULL)
		kinds[part->type].tell(t, part);
	else
		tell_bytes(t, part);
}

/* Which provider has the probes of a section?  The first that names it. */
static void
find_providers(struct telling *t)
{
	struct dof_part part, probes;
	uint64_t i, index;

	t->provider_of = need_zeroed(t->dof.section_count,
	    sizeof *t->provider_of);
	for (i = 0; i < t->dof.section_count; i++)
		t->provider_of[i] = NO_PROVIDER;
	for (i = 0; i < t->dof.section_count; i++) {
		if (dof_section_of(&t->dof, i, DOF_SECT_PROVIDER, &part) < 0 ||
		    part.size < offsetof(struct dof_provider, dofpv_prenoffs))
			continue;
		index = DOF_LOAD(&t->dof, part.at, dof_provider, dofpv_probes);
		if (dof_section_of(&t->dof, index, DOF_SECT_PROBES,
		    &probes) == 0 && t->provider_of[index] == NO_PROVIDER)
			t->provider_of[index] = (uint32_t)i;
	}
}

/* --- what is in no section --- */

struct range {
	uint64_t at, size;
};

static int
by_place(const void *one, const void *other)
{
	const struct range *a = one, *b = other;

	return a->at < b->at ? -1 : a->at > b->at;
}

static void
tell_gaps(struct telling *t)
{
	uint64_t i, count = 0, end = 0;
	struct range *range = need_zeroed(t->dof.section_count + 3,
	    sizeof *range);
	struct dof_part part;

	range[count++].size = sizeof(struct dof_hdr);
	if (t->dof.section_count > 0)
		range[count++] = (struct range){ t->dof.sections,
		    t->dof.section_size * t->dof.section_count };
	for (i = 0; i < t->dof.section_count; i++)
		if (dof_section(&t->dof, i, &part) == 0 && part.inside)
			range[count++] = (struct range){ part.at, part.size };
	qsort(range, count, sizeof *range, by_place);
	range[count++].at = t->dof.size;
	for (i = 0; i < count; i++) {
		if (range[i].at > end)
			dof_tell_rest(t, end, range[i].at - end, "between");
		if (range[i].at + range[i].size > end)
			end = range[i].at + range[i].size;
	}
	free(range);
}

/* --- entry point --- */

static void
tell_document(struct telling *t, size_t available)
{
	const struct dump *dump = t->dump;
	struct dof_part part;
	uint64_t i;

	fprintf(dump->out, "DOF document, %zu bytes, as %s on %s reads it",
	    t->dof.size, dump->row->name, dump->arch != NULL ?
	    dump->arch->name : "an unknown processor");
	if (dump->placed)
		fprintf(dump->out, "; dofhp_addr is %#" PRIx64, dump->address);
	putc('\n', dump->out);
	tell_header(t, available);
	for (i = 0; i < t->dof.section_count; i++)
		if (dof_section(&t->dof, i, &part) == 0)
			tell_section(t, &part);
	tell_gaps(t);
}

/* Zeros may be there, to fill up a section of a file. */
static void
tell_behind(struct dump *dump, const uint8_t *bytes, size_t size, size_t at)
{
	size_t i;

	for (i = 0; i < size && bytes[i] == 0; i++)
		;
	if (i < size)
		dump_wrong(dump, "%zu bytes behind it, at %#zx, are no DOF",
		    size, at);
}

/* Tell one document; returns where behind its begin another one may be. */
static size_t
tell_one(struct dump *dump, const struct dof *dof, size_t available)
{
	struct telling t = {
		.dump = dump,
		.dof = *dof,
		.bytes_left = dof->size,
		.text_left = TEXT_TIMES * (uint64_t)dof->size,
		.sites_left = dof->size / 2,
		.checks_left = dof->size
	};

	find_providers(&t);
	dof_find_relocated(&t);
	tell_document(&t, available);
	free(t.provider_of);
	free(t.relocated);
	return dof_next(dof, available);
}

size_t
dump_dof(struct dump *dump, const uint8_t *bytes, size_t size)
{
	size_t at = 0, count = 0;
	struct dof dof;

	while (dof_open(&dof, bytes + at, size - at) == 0) {
		at += tell_one(dump, &dof, size - at);
		count++;
	}
	tell_behind(dump, bytes + at, count > 0 ? size - at : 0, at);
	return count;
}
