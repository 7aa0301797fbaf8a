/*
 * provider.c - what does DOF say about providers and probes?
 *
 * A probe's record has only numbers: offsets in the string table, and indexes
 * of arguments and sites in sections that its provider's record names.  Here
 * they are printed with what they lead to, and sites with the addresses that
 * the chosen system derives from them.
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

/* What a provider refers to.  A missing part has size 0. */
struct provider {
	struct dof_part strings, probes, args, offsets, enabled;
	int has_enabled;	/* it names a section of is-enabled sites */
};

/* A probe while it is printed. */
struct probe_record {
	uint64_t at;		/* where its record is */
	uint64_t address;
	int relocated;
};

static unsigned
version(const struct dof_dump *t)
{
	return t->dof.bytes[DOF_ID_VERSION];
}

/* --- providers --- */

/* Stability of the name and of the data, and dependency class. */
static void
print_attribute(struct dof_dump *t, uint64_t at, const char *name)
{
	static const char *const stability[] = {
		"Internal", "Private", "Obsolete", "External", "Unstable",
		"Evolving", "Stable", "Standard"
	};
	static const char *const class[] = {
		"Unknown", "CPU", "Platform", "Group", "ISA", "Common"
	};
	uint64_t value = dof_load(&t->dof, at, 4);
	unsigned of_name = (unsigned)(value >> 24);
	unsigned of_data = (unsigned)(value >> 16 & 255);
	unsigned of_class = (unsigned)(value >> 8 & 255);
	int known = of_name < 8 && of_data < 8 && of_class < 6;

	dump_begin(t->dump, t->dof.bytes + at, at, 4, name);
	fprintf(t->dump->out, "%#" PRIx64, value);
	if (known)
		fprintf(t->dump->out, ", %s/%s/%s", stability[of_name],
		    stability[of_data], class[of_class]);
	dump_end(t->dump);
	if (!known)
		dump_wrong(t->dump, "there are stabilities 0 to 7 and classes "
		    "0 to 5, and here are %u/%u/%u", of_name, of_data,
		    of_class);
}

/*
 * Print a member that is the number of a section.  PART gets size 0 if it can't
 * be used as one of that TYPE.
 */
static void
print_reference(struct dof_dump *t, uint64_t at, const char *name,
    uint32_t type, const char *type_name, struct dof_part *part)
{
	uint64_t index = dof_print_member(t, at, 4, name);

	fprintf(t->dump->out, ", section with %s", type_name);
	dump_end(t->dump);
	if (dof_section_of(&t->dof, index, type, part) == 0 &&
	    (part->flags & DOF_SECF_LOAD) != 0)
		return;
	memset(part, 0, sizeof *part);
	dump_wrong(t->dump, "section %" PRIu64 " can't be used as %s", index,
	    type_name);
}

static void
find_part(const struct dof_dump *t, uint64_t at, uint32_t type,
    struct dof_part *part)
{
	if (dof_section_of(&t->dof, dof_load(&t->dof, at, 4), type,
	    part) < 0)
		memset(part, 0, sizeof *part);
}

/* Find what the provider at AT refers to, without printing. */
static void
find_provider(const struct dof_dump *t, uint64_t at, struct provider *p)
{
	memset(p, 0, sizeof *p);
	find_part(t, at + offsetof(struct dof_provider, dofpv_strtab),
	    DOF_SECT_STRTAB, &p->strings);
	find_part(t, at + offsetof(struct dof_provider, dofpv_probes),
	    DOF_SECT_PROBES, &p->probes);
	find_part(t, at + offsetof(struct dof_provider, dofpv_prargs),
	    DOF_SECT_PRARGS, &p->args);
	find_part(t, at + offsetof(struct dof_provider, dofpv_proffs),
	    DOF_SECT_PROFFS, &p->offsets);
	if (version(t) < 2)
		return;
	p->has_enabled = DOF_LOAD(&t->dof, at, dof_provider,
	    dofpv_prenoffs) != 0;
	if (p->has_enabled)
		find_part(t, at + offsetof(struct dof_provider,
		    dofpv_prenoffs), DOF_SECT_PRENOFFS, &p->enabled);
}

/* dtprobed has a directory for each name. */
static int
is_path_part(const char *text)
{
	return strcmp(text, ".") != 0 && strcmp(text, "..") != 0 &&
	    strchr(text, '/') == NULL;
}

/* Print a member that is a string's offset in the string table. */
static void
print_string(struct dof_dump *t, uint64_t at, const char *name,
    const struct dof_part *strings, size_t most)
{
	uint64_t offset = dof_print_member(t, at, 4, name);
	const char *text = dof_string(&t->dof, strings, offset);
	size_t length = text != NULL ? strlen(text) : 0;

	if (text != NULL && length <= t->text_left) {
		fputs(", ", t->dump->out);
		quote_string(t->dump->out, text, length);
		t->text_left -= length;
	}
	dump_end(t->dump);
	if (text == NULL)
		dump_wrong(t->dump, "there is no string at %" PRIu64 " in the "
		    "string table of %" PRIu64 " bytes, or none that a system "
		    "accepts", offset, strings->size);
	else if (length > most)
		dump_wrong(t->dump, "it has %zu bytes, %s accepts %zu", length,
		    t->dump->row->limits, most);
	else if (t->dump->row->image && !is_path_part(text))
		dump_wrong(t->dump, "on %s it becomes part of a path, and "
		    "can't", t->dump->row->name);
}

static void
check_shapes(struct dof_dump *t, const struct provider *p)
{
	if (p->probes.size > 0 && (p->probes.entry < sizeof(struct dof_probe) ||
	    p->probes.entry % 8 != 0 || p->probes.entry > p->probes.size))
		dump_wrong(t->dump, "the entsize of its PROBES is %u, not %zu",
		    p->probes.entry, sizeof(struct dof_probe));
	if (p->offsets.size > 0 && (p->offsets.entry != 4 ||
	    p->offsets.at % 4 != 0))
		dump_wrong(t->dump, "the entsize of its PROFFS is %u, at %#"
		    PRIx64 ": it has no numbers of 4 bytes",
		    p->offsets.entry, p->offsets.at);
	if (p->args.size > 0 && p->args.entry != 1)
		dump_wrong(t->dump, "the entsize of its PRARGS is %u, not 1",
		    p->args.entry);
	if (p->enabled.size > 0 && (p->enabled.entry != 4 ||
	    p->enabled.at % 4 != 0))
		dump_wrong(t->dump, "the entsize of its PRENOFFS is %u, at %#"
		    PRIx64 ": it has no numbers of 4 bytes",
		    p->enabled.entry, p->enabled.at);
}

#define AT(member)	(at + offsetof(struct dof_provider, member))

static void
print_attributes(struct dof_dump *t, uint64_t at)
{
	print_attribute(t, AT(dofpv_provattr), "provattr");
	print_attribute(t, AT(dofpv_modattr), "modattr");
	print_attribute(t, AT(dofpv_funcattr), "funcattr");
	print_attribute(t, AT(dofpv_nameattr), "nameattr");
	print_attribute(t, AT(dofpv_argsattr), "argsattr");
}

/* 0 is a valid section number, but here it means that there are none. */
static void
print_enabled(struct dof_dump *t, uint64_t at, struct provider *p)
{
	p->has_enabled = DOF_LOAD(&t->dof, at, dof_provider,
	    dofpv_prenoffs) != 0;
	if (p->has_enabled) {
		print_reference(t, AT(dofpv_prenoffs), "prenoffs",
		    DOF_SECT_PRENOFFS, "is-enabled sites", &p->enabled);
	} else {
		PRINT_MEMBER(t, at, dof_provider, dofpv_prenoffs);
		fputs(", no is-enabled sites", t->dump->out);
		dump_end(t->dump);
	}
}

void
dof_print_provider(struct dof_dump *t, const struct dof_part *part)
{
	uint64_t at = part->at;
	size_t least = version(t) < 2 ?
	    offsetof(struct dof_provider, dofpv_prenoffs) :
	    sizeof(struct dof_provider);
	struct provider p;

	if (part->size < least) {
		dump_wrong(t->dump, "a provider has %zu bytes", least);
		dof_print_rest(t, at, part->size, "bytes");
		return;
	}
	if (at % 4 != 0)
		dump_wrong(t->dump, "its place is not a multiple of 4");
	find_provider(t, at, &p);
	print_reference(t, AT(dofpv_strtab), "strtab", DOF_SECT_STRTAB,
	    "strings", &p.strings);
	print_reference(t, AT(dofpv_probes), "probes", DOF_SECT_PROBES,
	    "probes", &p.probes);
	print_reference(t, AT(dofpv_prargs), "prargs", DOF_SECT_PRARGS,
	    "argument maps", &p.args);
	print_reference(t, AT(dofpv_proffs), "proffs", DOF_SECT_PROFFS,
	    "sites", &p.offsets);
	print_string(t, AT(dofpv_name), "name", &p.strings,
	    t->dump->row->max_provider);
	print_attributes(t, at);
	if (least == sizeof(struct dof_provider))
		print_enabled(t, at, &p);
	dof_print_rest(t, at + least, part->size - least, "bytes");
	check_shapes(t, &p);
}

#undef AT

/* --- where the sites of probes are --- */

/* Print an address, or its distance from dofhp_addr. */
static void
show_place(struct dof_dump *t, uint64_t value, int relative)
{
	FILE *out = t->dump->out;

	if (!relative)
		fprintf(out, "%#" PRIx64, value);
	else if (t->dump->placed)
		fprintf(out, "%#" PRIx64, t->dump->address + value);
	else if (value >> 63)
		fprintf(out, "dofhp_addr - %#" PRIx64, 0 - value);
	else
		fprintf(out, "dofhp_addr + %#" PRIx64, value);
}

/* Linux does not add dofhp_addr to an address above it. */
static int
is_added(const struct dof_dump *t, const struct probe_record *probe)
{
	return probe->relocated && !(t->dump->placed &&
	    probe->address > t->dump->address);
}

/*
 * Print the address that a kernel derives from an offset; BIAS is added by the
 * builder where the kernel subtracts it.
 */
static void
show_site(struct dof_dump *t, const struct probe_record *probe,
    uint64_t offset, int bias)
{
	const struct usdt__arch *arch = t->dump->arch;
	uint64_t value;

	if (t->dump->row->offsets == USDT__OFFSET_PROBE) {
		show_place(t, probe->address + offset, is_added(t, probe));
		return;
	}
	value = (uint64_t)(int64_t)(int32_t)offset;
	if (arch == NULL || arch->biased)
		value -= (uint64_t)(int64_t)bias;
	else
		value &= ~(uint64_t)1;
	show_place(t, value, 1);
}

/* Linux answers is-enabled only in its own version. */
static int
ignores_enabled(const struct dof_dump *t)
{
	const struct usdt__platform *row = t->dump->row;

	return row->isenabled == USDT__ISENABLED_POINTER &&
	    version(t) < row->dof_version;
}

static int
by_value(const void *one, const void *other)
{
	const uint64_t *a = one, *b = other;

	return *a < *b ? -1 : *a > *b;
}

static void
check_twice(struct dof_dump *t, uint64_t *offsets, size_t count)
{
	size_t i, twice = 0;

	qsort(offsets, count, sizeof *offsets, by_value);
	for (i = 1; i < count; i++)
		twice += offsets[i] == offsets[i - 1];
	if (twice > 0)
		dump_wrong(t->dump, "it has %zu of these sites twice", twice);
}

static void
print_sites(struct dof_dump *t, const struct probe_record *probe,
    const struct dof_part *part, uint64_t first, uint64_t count, int enabled)
{
	const struct usdt__platform *row = t->dump->row;
	int ignored = enabled && ignores_enabled(t);
	uint64_t i, *seen;

	if (count > 0 && (first > part->size / 4 ||
	    count > part->size / 4 - first)) {
		dump_wrong(t->dump, "%" PRIu64 " offsets from %" PRIu64 " on "
		    "are not in the section of %s", count, first, enabled ?
		    "is-enabled sites" : "sites");
		return;
	}
	seen = xcalloc(count < t->sites_left ? count : t->sites_left,
	    sizeof *seen);
	for (i = 0; i < count && t->sites_left > 0; i++, t->sites_left--) {
		seen[i] = dof_load(&t->dof, part->at + 4 * (first + i), 4);
		dump_begin(t->dump, "", 0, 0, enabled ? "is-enabled" :
		    "site");
		fprintf(t->dump->out, "%#" PRIx64 ": at ", seen[i]);
		show_site(t, probe, seen[i], enabled ? row->isenabled_bias :
		    row->probe_bias);
		if (ignored)
			fprintf(t->dump->out, ", which %s ignores "
			    "below version %u", row->name, row->dof_version);
		dump_end(t->dump);
	}
	if (i < count)
		dump_wrong(t->dump, "%" PRIu64 " more are left out: there are "
		    "more than the document has room for", count - i);
	check_twice(t, seen, i);
	free(seen);
}

/* --- probes --- */

static void
print_address(struct dof_dump *t, struct probe_record *probe)
{
	uint64_t at = probe->at + offsetof(struct dof_probe, dofpr_addr);
	int used = t->dump->row->offsets == USDT__OFFSET_PROBE;

	probe->address = dof_load(&t->dof, at, 8);
	probe->relocated = used && dof_is_relocated(t, at);
	dump_begin(t->dump, t->dof.bytes + at, at, 8, "addr");
	fprintf(t->dump->out, "%#" PRIx64, probe->address);
	if (!used)
		fprintf(t->dump->out, ", %s ignores it",
		    t->dump->row->name);
	else if (is_added(t, probe))
		fputs(", and dofhp_addr by a relocation", t->dump->out);
	else if (probe->relocated)
		fputs(", above dofhp_addr, so nothing is added by its "
		    "relocation", t->dump->out);
	if (is_added(t, probe) && t->dump->placed) {
		fputs(": ", t->dump->out);
		show_place(t, probe->address, 1);
	}
	dump_end(t->dump);
}

/* Print a member that is the offset of the first of COUNT types. */
static void
print_types(struct dof_dump *t, uint64_t at, const char *name,
    const char *kind, const struct dof_part *strings, uint64_t count)
{
	uint64_t offset = dof_print_member(t, at, 4, name), i, longest = 0;
	const char *type = "";

	for (i = 0; i < count; i++, offset += strlen(type) + 1) {
		type = dof_string(&t->dof, strings, offset);
		if (type == NULL || strlen(type) > t->text_left)
			break;
		fprintf(t->dump->out, i > 0 ? ", " : ", %s types ", kind);
		quote_string(t->dump->out, type, strlen(type));
		t->text_left -= strlen(type);
		if (strlen(type) > longest)
			longest = strlen(type);
	}
	dump_end(t->dump);
	if (i < count && type == NULL)
		dump_wrong(t->dump, "there is no string at %" PRIu64 " in the "
		    "string table of %" PRIu64 " bytes for type %" PRIu64,
		    offset, strings->size, i);
	else if (i < count)
		dump_wrong(t->dump, "%" PRIu64 " types are left out: there are "
		    "more than the document has room for", count - i);
	if (longest > t->dump->row->max_type)
		dump_wrong(t->dump, "a type has %" PRIu64 " bytes, %s accepts "
		    "%zu", longest, t->dump->row->limits,
		    t->dump->row->max_type);
}

/* Print a member that is the index of the first of COUNT entries of PRARGS. */
static void
print_map(struct dof_dump *t, uint64_t at, const struct provider *p,
    uint64_t native, uint64_t count)
{
	uint64_t first = PRINT_MEMBER(t, at, dof_probe, dofpr_argidx), i;
	int inside = first <= p->args.size && count <= p->args.size - first;
	unsigned highest = 0;

	for (i = 0; inside && i < count; i++) {
		unsigned entry = t->dof.bytes[p->args.at + first + i];

		fprintf(t->dump->out, "%s%u", i > 0 ? " " : ", map: ", entry);
		if (entry > highest)
			highest = entry;
	}
	dump_end(t->dump);
	if (!inside)
		dump_wrong(t->dump, "%" PRIu64 " entries from %" PRIu64 " on "
		    "are not in the section of argument maps", count, first);
	else if (count > 0 && highest >= native)
		dump_wrong(t->dump, "it maps native argument %u of %" PRIu64,
		    highest, native);
}

#define NUMBER(member, words) \
	PRINT_NUMBER(t, at, dof_probe, member, words)

/* The members in the order of the record; then what they mean. */
static void
print_probe(struct dof_dump *t, const struct provider *p, uint64_t at)
{
	struct probe_record probe = { .at = at };
	uint64_t native = DOF_LOAD(&t->dof, at, dof_probe, dofpr_nargc);
	uint64_t translated = DOF_LOAD(&t->dof, at, dof_probe, dofpr_xargc);
	uint64_t sites = DOF_LOAD(&t->dof, at, dof_probe, dofpr_noffs);
	uint64_t enabled = version(t) < 2 ? 0 :
	    DOF_LOAD(&t->dof, at, dof_probe, dofpr_nenoffs);

	print_address(t, &probe);
	print_string(t, at + offsetof(struct dof_probe, dofpr_func), "func",
	    &p->strings, t->dump->row->max_function);
	print_string(t, at + offsetof(struct dof_probe, dofpr_name), "name",
	    &p->strings, t->dump->row->max_name);
	print_types(t, at + offsetof(struct dof_probe, dofpr_nargv), "nargv",
	    "native", &p->strings, native);
	print_types(t, at + offsetof(struct dof_probe, dofpr_xargv), "xargv",
	    "translated", &p->strings, translated);
	print_map(t, at, p, native, translated);
	NUMBER(dofpr_offidx, "entry of its first site");
	NUMBER(dofpr_nargc, "native types");
	NUMBER(dofpr_xargc, "translated types");
	NUMBER(dofpr_noffs, "sites");
	NUMBER(dofpr_enoffidx, "entry of its first is-enabled site");
	NUMBER(dofpr_nenoffs, "is-enabled sites");
	NUMBER(dofpr_pad1, NULL);
	NUMBER(dofpr_pad2, NULL);
	print_sites(t, &probe, &p->offsets,
	    DOF_LOAD(&t->dof, at, dof_probe, dofpr_offidx), sites, 0);
	if (!p->has_enabled && version(t) >= 2 && (enabled > 0 ||
	    DOF_LOAD(&t->dof, at, dof_probe, dofpr_enoffidx) != 0))
		dump_wrong(t->dump, "it has is-enabled sites, but its "
		    "provider has no section of them");
	else
		print_sites(t, &probe, &p->enabled, DOF_LOAD(&t->dof, at,
		    dof_probe, dofpr_enoffidx), enabled, 1);
	if (sites == 0 && (enabled == 0 || ignores_enabled(t)))
		dump_wrong(t->dump, "it has no site%s", enabled == 0 ? "" :
		    " that is used");
}

#undef NUMBER

static void
head_probe(struct dof_dump *t, const struct provider *p, uint64_t at,
    uint64_t index)
{
	FILE *out = t->dump->out;
	const char *function = dof_string(&t->dof, &p->strings,
	    DOF_LOAD(&t->dof, at, dof_probe, dofpr_func));
	const char *name = dof_string(&t->dof, &p->strings,
	    DOF_LOAD(&t->dof, at, dof_probe, dofpr_name));

	fprintf(out, "probe %" PRIu64, index);
	if (function != NULL && name != NULL) {
		fputs(": ", out);
		quote_line(out, function);
		putc(':', out);
		quote_line(out, name);
	}
	putc('\n', out);
}

void
dof_print_probes(struct dof_dump *t, const struct dof_part *part)
{
	uint32_t owner = t->provider_of[part->index];
	struct dof_part provider;
	struct provider p;
	uint64_t count, i, at;

	if (owner == NO_PROVIDER || part->entry < sizeof(struct dof_probe) ||
	    dof_section(&t->dof, owner, &provider) < 0) {
		dump_wrong(t->dump, owner == NO_PROVIDER ?
		    "no provider has these probes" :
		    "probes of this entsize can't be read");
		dof_print_rest(t, part->at, part->size, "bytes");
		return;
	}
	find_provider(t, provider.at, &p);
	count = part->size / part->entry;
	for (i = 0; i < count; i++) {
		at = part->at + i * part->entry;
		head_probe(t, &p, at, i);
		print_probe(t, &p, at);
		dof_print_rest(t, at + sizeof(struct dof_probe), part->entry -
		    sizeof(struct dof_probe), "bytes");
	}
	dof_print_rest(t, part->at + count * part->entry,
	    part->size % part->entry, "bytes");
}
