/*
 * document.c - what is in a DOF document, in words?
 *
 * First the header, then each section with its contents, in the order of their
 * numbers, then the bytes that are in no section.  If some system would refuse
 * a part, or a part can't be read, a line in that place says so, and the rest
 * follows.  Each byte is printed once, however many sections have it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <inttypes.h>
#include <stdlib.h>

#include "tools/dump/dump.h"
#include "core/dof_format.h"

/*
 * The strings that are printed may be this many times as long as the document:
 * probes may share strings.
 */
#define TEXT_TIMES	32

int
dump_accepts_version(const struct usdt__platform *row, unsigned version)
{
	if (row->offsets == USDT__OFFSET_DOF)
		return version == row->dof_version;
	return version >= 1 && version <= row->dof_version;
}

/* --- the header --- */

static unsigned
print_ident(struct dof_dump *t, unsigned at, const char *name)
{
	return (unsigned)dof_print_member(t, at, 1, name);
}

static void
print_model(struct dof_dump *t)
{
	const struct usdt__arch *arch = t->dump->arch;
	unsigned model = print_ident(t, DOF_ID_MODEL, "model");
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
print_encoding(struct dof_dump *t)
{
	const struct usdt__arch *arch = t->dump->arch;
	unsigned encoding = print_ident(t, DOF_ID_ENCODING, "encoding");
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

/* A version does not mean the same on all systems. */
static void
print_version(struct dof_dump *t)
{
	const struct usdt__platform *row = t->dump->row;
	unsigned version = print_ident(t, DOF_ID_VERSION, "version");
	int taken = dump_accepts_version(row, version);

	if (version == 1)
		fputs(", no is-enabled sites", t->dump->out);
	else if (taken && row->offsets == USDT__OFFSET_DOF)
		fputs(", sites are relative to dofhp_addr", t->dump->out);
	else if (taken && row->isenabled == USDT__ISENABLED_POINTER &&
	    version == row->dof_version)
		fputs(", is-enabled is answered by a 1 where the first "
		    "argument points", t->dump->out);
	else if (taken)
		fputs(", is-enabled is answered in the return register",
		    t->dump->out);
	dump_end(t->dump);
	if (!taken && row->offsets == USDT__OFFSET_DOF)
		dump_wrong(t->dump, "%s accepts version %u only", row->name,
		    row->dof_version);
	else if (!taken)
		dump_wrong(t->dump, "%s accepts versions 1 to %u", row->name,
		    row->dof_version);
}

static void
print_idents(struct dof_dump *t)
{
	unsigned value, i, unused = 0;

	dump_begin(t->dump, t->dof.bytes, 0, 4, "magic");
	quote_string(t->dump->out, (const char *)t->dof.bytes, 4);
	dump_end(t->dump);
	print_model(t);
	print_encoding(t);
	print_version(t);
	value = print_ident(t, DOF_ID_DIFVERS, "DIF version");
	dump_end(t->dump);
	if (value != 2)
		dump_wrong(t->dump, "systems accept 2");
	value = print_ident(t, DOF_ID_DIFIREG, "DIF integers");
	fputs(" registers", t->dump->out);
	dump_end(t->dump);
	if (value > 8)
		dump_wrong(t->dump, "systems accept 8 at the most");
	value = print_ident(t, DOF_ID_DIFTREG, "DIF tuples");
	fputs(" registers", t->dump->out);
	dump_end(t->dump);
	if (value > 8)
		dump_wrong(t->dump, "systems accept 8 at the most");
	for (i = DOF_ID_DIFTREG + 1; i < 16; i++)
		unused |= t->dof.bytes[i];
	dump_begin(t->dump, t->dof.bytes + DOF_ID_DIFTREG + 1,
	    DOF_ID_DIFTREG + 1, 6, "unused");
	fputs(unused ? "not all 0" : "0", t->dump->out);
	dump_end(t->dump);
	if (unused)
		dump_wrong(t->dump, "systems accept zeros only");
}

/* AVAILABLE: how many bytes there are from the document's beginning. */
static void
print_header(struct dof_dump *t, size_t available)
{
	uint64_t size, offset, value;

	print_idents(t);
	if (PRINT_NUMBER(t, 0, dof_hdr, dofh_flags, NULL) != 0)
		dump_wrong(t->dump, "systems accept 0 only");
	if (PRINT_NUMBER(t, 0, dof_hdr, dofh_hdrsize,
	    "bytes of this header") != sizeof(struct dof_hdr))
		dump_wrong(t->dump, "a header has 64 bytes");
	size = PRINT_NUMBER(t, 0, dof_hdr, dofh_secsize,
	    "bytes of a section's header");
	if (size != sizeof(struct dof_sec))
		dump_wrong(t->dump, "a section's header has 32 bytes");
	PRINT_NUMBER(t, 0, dof_hdr, dofh_secnum, "sections");
	offset = dof_print_hex(t, offsetof(struct dof_hdr, dofh_secoff), 8,
	    "secoff");
	if (offset % 8 != 0)
		dump_wrong(t->dump, "it is not a multiple of 8");
	if (t->dof.section_count < t->dof.section_claim)
		dump_wrong(t->dump, "%" PRIu64 " headers of sections of %"
		    PRIu64 " bytes at %#" PRIx64 " end beyond the document's "
		    "%zu; %" PRIu64 " can be read", t->dof.section_claim, size,
		    offset, t->dof.size, t->dof.section_count);
	value = PRINT_NUMBER(t, 0, dof_hdr, dofh_loadsz,
	    "bytes that are loaded");
	if (value < sizeof(struct dof_hdr))
		dump_wrong(t->dump, "it is less than a header");
	else if (value > available)
		dump_wrong(t->dump, "there are only %zu bytes", available);
	else if (value > t->dump->row->max_dof)
		dump_wrong(t->dump, "%s accepts %zu bytes",
		    t->dump->row->limits, t->dump->row->max_dof);
	size = PRINT_NUMBER(t, 0, dof_hdr, dofh_filesz, "bytes in all");
	if (size < value)
		dump_wrong(t->dump, "it is less than loadsz");
	PRINT_NUMBER(t, 0, dof_hdr, dofh_pad, NULL);
}

/* --- what sections hold --- */

static void
print_bytes(struct dof_dump *t, const struct dof_part *part)
{
	dof_print_rest(t, part->at, part->size, "bytes");
}

static void
print_text(struct dof_dump *t, const struct dof_part *part)
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
print_strings(struct dof_dump *t, const struct dof_part *part)
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
		dump_wrong(t->dump, "the last byte is not zero");
}

static void
print_maps(struct dof_dump *t, const struct dof_part *part)
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
print_offsets(struct dof_dump *t, const struct dof_part *part)
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
	dof_print_rest(t, part->at + part->size / 4 * 4, part->size % 4,
	    "bytes");
}

/* --- sections --- */

static const struct {
	const char *name;
	void (*print)(struct dof_dump *t, const struct dof_part *part);
	int optional;		/* it need not be loaded */
} kinds[] = {
	{ "NONE", NULL, 1 }, { "COMMENTS", print_text, 1 },
	{ "SOURCE", print_text, 1 }, { "ECBDESC", NULL, 0 },
	{ "PROBEDESC", NULL, 0 }, { "ACTDESC", NULL, 0 },
	{ "DIFOHDR", NULL, 0 }, { "DIF", NULL, 0 },
	{ "STRTAB", print_strings, 0 }, { "VARTAB", NULL, 0 },
	{ "RELTAB", dof_print_relocations, 0 }, { "TYPTAB", NULL, 0 },
	{ "URELHDR", dof_print_relocation_header, 0 }, { "KRELHDR", NULL, 0 },
	{ "OPTDESC", NULL, 0 }, { "PROVIDER", dof_print_provider, 0 },
	{ "PROBES", dof_print_probes, 0 }, { "PRARGS", print_maps, 0 },
	{ "PROFFS", print_offsets, 0 }, { "INTTAB", NULL, 0 },
	{ "UTSNAME", NULL, 1 }, { "XLTAB", NULL, 0 },
	{ "XLMEMBERS", NULL, 0 }, { "XLIMPORT", NULL, 0 },
	{ "XLEXPORT", NULL, 0 }, { "PREXPORT", NULL, 0 },
	{ "PRENOFFS", print_offsets, 0 }
};

#define KINDS	(sizeof kinds / sizeof *kinds)

static void
print_section_header(struct dof_dump *t, const struct dof_part *part)
{
	uint64_t at = part->header;
	int unloaded;

	PRINT_MEMBER(t, at, dof_sec, dofs_type);
	fprintf(t->dump->out, ", %s", part->type < KINDS ?
	    kinds[part->type].name : "of no known kind");
	dump_end(t->dump);
	PRINT_NUMBER(t, at, dof_sec, dofs_align, NULL);
	if ((part->align & (part->align - 1)) != 0)
		dump_wrong(t->dump, "it is not a power of two");
	unloaded = (PRINT_MEMBER(t, at, dof_sec, dofs_flags) &
	    DOF_SECF_LOAD) == 0;
	fputs(unloaded ? ", not loaded" : ", loaded", t->dump->out);
	dump_end(t->dump);
	if (unloaded && part->type < KINDS && !kinds[part->type].optional)
		dump_wrong(t->dump, "sections of this kind must be loaded");
	PRINT_NUMBER(t, at, dof_sec, dofs_entsize, NULL);
	dof_print_hex(t, at + offsetof(struct dof_sec, dofs_offset), 8,
	    "offset");
	if (part->align != 0 ? part->at % part->align != 0 : part->at != 0)
		dump_wrong(t->dump, "it is not a multiple of align");
	PRINT_NUMBER(t, at, dof_sec, dofs_size, "bytes");
	dof_print_rest(t, at + sizeof(struct dof_sec), t->dof.section_size -
	    sizeof(struct dof_sec), "bytes");
}

static void
print_section(struct dof_dump *t, const struct dof_part *part)
{
	const char *name = part->type < KINDS ? kinds[part->type].name : NULL;

	fprintf(t->dump->out, "section %" PRIu64 ": %s\n", part->index,
	    name != NULL ? name : "unknown");
	print_section_header(t, part);
	if (!part->inside) {
		dump_wrong(t->dump, "%" PRIu64 " bytes at %#" PRIx64 " end "
		    "beyond the document's %zu", part->size, part->at,
		    t->dof.size);
		return;
	}
	if (part->size > t->bytes_left) {
		dump_wrong(t->dump, "it overlaps other sections, and is left "
		    "out");
		return;
	}
	t->bytes_left -= part->size;
	if (name != NULL && kinds[part->type].print != NULL)
		kinds[part->type].print(t, part);
	else
		print_bytes(t, part);
}

/* Which provider has the probes of a section?  The first that refers to it. */
static void
find_providers(struct dof_dump *t)
{
	struct dof_part part, probes;
	uint64_t i, index;

	t->provider_of = xcalloc(t->dof.section_count,
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
print_gaps(struct dof_dump *t)
{
	uint64_t i, count = 0, end = 0;
	struct range *range = xcalloc(t->dof.section_count + 3,
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
			dof_print_rest(t, end, range[i].at - end, "between");
		if (range[i].at + range[i].size > end)
			end = range[i].at + range[i].size;
	}
	free(range);
}

/* --- entry point --- */

static void
print_document(struct dof_dump *t, size_t available)
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
	print_header(t, available);
	for (i = 0; i < t->dof.section_count; i++)
		if (dof_section(&t->dof, i, &part) == 0)
			print_section(t, &part);
	print_gaps(t);
}

/* Zeros after a document may fill up a section of a file. */
static void
print_behind(struct dump *dump, const uint8_t *bytes, size_t size, size_t at)
{
	size_t i;

	for (i = 0; i < size && bytes[i] == 0; i++)
		;
	if (i < size)
		dump_wrong(dump, "%zu bytes after it, at %#zx, are not DOF",
		    size, at);
}

/* Print one document; returns the offset at which the next may begin. */
static size_t
print_one(struct dump *dump, const struct dof *dof, size_t available)
{
	struct dof_dump t = {
		.dump = dump,
		.dof = *dof,
		.bytes_left = dof->size,
		.text_left = TEXT_TIMES * (uint64_t)dof->size,
		.sites_left = dof->size / 2,
		.checks_left = dof->size
	};

	find_providers(&t);
	dof_find_relocated(&t);
	print_document(&t, available);
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
		at += print_one(dump, &dof, size - at);
		count++;
	}
	print_behind(dump, bytes + at, count > 0 ? size - at : 0, at);
	return count;
}
