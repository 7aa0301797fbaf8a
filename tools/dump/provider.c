/*
 * provider.c - what does DOF say of providers and probes?
 *
 * A probe's record holds but numbers: offsets in the string table, indexes of
 * arguments and sites, all of which its provider's record names.  Here they
 * are shown with what they lead to, and sites with the addresses that the
 * chosen system makes of them.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <inttypes.h>
#include <stdlib.h>

#include "tools/dump/dump.h"
#include "core/dof_format.h"

/* What a provider refers to.  A part that is not there has no size. */
struct provider {
	struct dof_part strings, probes, args, offsets, enabled;
	int has_enabled;	/* it names a section of is-enabled sites */
};

/* A probe while it is told. */
struct probe_record {
	uint64_t at;		/* where its record is */
	uint64_t address;
	int relocated;
};

static unsigned
version(const struct telling *t)
{
	return t->dof.bytes[DOF_ID_VERSION];
}

/* --- providers --- */

/* Stability of the name and of the data, and dependency class. */
static void
tell_attribute(struct telling *t, uint64_t at, const char *name)
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

/* A member that is the number of a section.  PART has no size if it can't be
 * used as one of that TYPE. */
static void
tell_reference(struct telling *t, uint64_t at, const char *name,
    uint32_t type, const char *type_name, struct dof_part *part)
{
	uint64_t index = dof_tell_member(t, at, 4, name);

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
find_part(const struct telling *t, uint64_t at, uint32_t type,
    struct dof_part *part)
{
	if (dof_section_of(&t->dof, dof_load(&t->dof, at, 4), type,
	    part) < 0)
		memset(part, 0, sizeof *part);
}

/* What the provider at AT refers to, without a word. */
static void
find_provider(const struct telling *t, uint64_t at, struct provider *p)
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

/* A member that is a string's offset in the string table. */
static void
tell_string(struct telling *t, uint64_t at, const char *name,
    const struct dof_part *strings, size_t most)
{
	uint64_t offset = dof_tell_member(t, at, 4, name);
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
		    "takes", offset, strings->size);
	else if (length > most)
		dump_wrong(t->dump, "it has %zu bytes, %s takes %zu", length,
		    t->dump->row->limits, most);
	else if (t->dump->row->image && !is_path_part(text))
		dump_wrong(t->dump, "on %s it becomes part of a path, and "
		    "can't", t->dump->row->name);
}

static void
check_shapes(struct telling *t, const struct provider *p)
{
	if (p->probes.size > 0 && (p->probes.entry < sizeof(struct dof_probe) ||
	    p->probes.entry % 8 != 0 || p->probes.entry > p->probes.size))
		dump_wrong(t->dump, "the entsize of its PROBES is %u, not %zu",
		    p->probes.entry, sizeof(struct dof_probe));
	if (p->offsets.size > 0 && (p->offsets.entry != 4 ||
	    p->offsets.at % 4 != 0))
		dump_wrong(t->dump, "the entsize of its PROFFS is %u, at %#"
		    PRIx64 ": numbers of 4 bytes are not there",
		    p->offsets.entry, p->offsets.at);
	if (p->args.size > 0 && p->args.entry != 1)
		dump_wrong(t->dump, "the entsize of its PRARGS is %u, not 1",
		    p->args.entry);
	if (p->enabled.size > 0 && (p->enabled.entry != 4 ||
	    p->enabled.at % 4 != 0))
		dump_wrong(t->dump, "the entsize of its PRENOFFS is %u, at %#"
		    PRIx64 ": numbers of 4 bytes are not there",
		    p->enabled.entry, p->enabled.at);
}

#define AT(member)	(at + offsetof(struct dof_provider, member))

static void
tell_attributes(struct telling *t, uint64_t at)
{
	tell_attribute(t, AT(dofpv_provattr), "provattr");
	tell_attribute(t, AT(dofpv_modattr), "modattr");
	tell_attribute(t, AT(dofpv_funcattr), "funcattr");
	tell_attribute(t, AT(dofpv_nameattr), "nameattr");
	tell_attribute(t, AT(dofpv_argsattr), "argsattr");
}

/* 0 is a section too, but here it means that there are none. */
static void
tell_enabled(struct telling *t, uint64_t at, struct provider *p)
{
	p->has_enabled = DOF_LOAD(&t->dof, at, dof_provider,
	    dofpv_prenoffs) != 0;
	if (p->has_enabled) {
		tell_reference(t, AT(dofpv_prenoffs), "prenoffs",
		    DOF_SECT_PRENOFFS, "is-enabled sites", &p->enabled);
	} else {
		TELL_MEMBER(t, at, dof_provider, dofpv_prenoffs);
		fputs(", no is-enabled sites", t->dump->out);
		dump_end(t->dump);
	}
}

void
dof_tell_provider(struct telling *t, const struct dof_part *part)
{
	uint64_t at = part->at;
	size_t least = version(t) < 2 ?
	    offsetof(struct dof_provider, dofpv_prenoffs) :
	    sizeof(struct dof_provider);
	struct provider p;

	if (part->size < least) {
		dump_wrong(t->dump, "a provider has %zu bytes", least);
		dof_tell_rest(t, at, part->size, "bytes");
		return;
	}
	if (at % 4 != 0)
		dump_wrong(t->dump, "its place is not a multiple of 4");
	find_provider(t, at, &p);
	tell_reference(t, AT(dofpv_strtab), "strtab", DOF_SECT_STRTAB,
	    "strings", &p.strings);
	tell_reference(t, AT(dofpv_probes), "probes", DOF_SECT_PROBES,
	    "probes", &p.probes);
	tell_reference(t, AT(dofpv_prargs), "prargs", DOF_SECT_PRARGS,
	    "argument maps", &p.args);
	tell_reference(t, AT(dofpv_proffs), "proffs", DOF_SECT_PROFFS,
	    "sites", &p.offsets);
	tell_string(t, AT(dofpv_name), "name", &p.strings,
	    t->dump->row->max_provider);
	tell_attributes(t, at);
	if (least == sizeof(struct dof_provider))
		tell_enabled(t, at, &p);
	dof_tell_rest(t, at + least, part->size - least, "bytes");
	check_shapes(t, &p);
}

#undef AT

/* --- where the sites of probes are --- */

/* An address, or how far it is from what the helper is told as dofhp_addr. */
static void
show_place(struct telling *t, uint64_t value, int relative)
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

/* Linux takes an address above dofhp_addr for one that has it in already. */
static int
is_added(const struct telling *t, const struct probe_record *probe)
{
	return probe->relocated && !(t->dump->placed &&
	    probe->address > t->dump->address);
}

/*
 * What a kernel makes of an offset; BIAS is what the builder adds where the
 * kernel takes it off again.
 */
static void
show_site(struct telling *t, const struct probe_record *probe,
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

/* Linux answers is-enabled in its own version only. */
static int
ignores_enabled(const struct telling *t)
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
check_twice(struct telling *t, uint64_t *offsets, size_t count)
{
	size_t i, twice = 0;

	qsort(offsets, count, sizeof *offsets, by_value);
	for (i = 1; i < count; i++)
		twice += offsets[i] == offsets[i - 1];
	if (twice > 0)
		dump_wrong(t->dump, "it has %zu of these sites twice", twice);
}

static void
tell_sites(struct telling *t, const struct probe_record *probe,
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
	seen = need_zeroed(count < t->sites_left ? count : t->sites_left,
	    sizeof *seen);
	for (i = 0; i < count && t->sites_left > 0; i++, t->sites_left--) {
		seen[i] = dof_load(&t->dof, part->at + 4 * (first + i), 4);
		dump_begin(t->dump, "", 0, 0, enabled ? "is-enabled" :
		    "site");
		fprintf(t->dump->out, "%#" PRIx64 ": at ", seen[i]);
		show_site(t, probe, seen[i], enabled ? row->isenabled_bias :
		    row->probe_bias);
		if (ignored)
			fprintf(t->dump->out, ", which %s does not look at "
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
tell_address(struct telling *t, struct probe_record *probe)
{
	uint64_t at = probe->at + offsetof(struct dof_probe, dofpr_addr);
	int used = t->dump->row->offsets == USDT__OFFSET_PROBE;

	probe->address = dof_load(&t->dof, at, 8);
	probe->relocated = used && dof_is_relocated(t, at);
	dump_begin(t->dump, t->dof.bytes + at, at, 8, "addr");
	fprintf(t->dump->out, "%#" PRIx64, probe->address);
	if (!used)
		fprintf(t->dump->out, ", %s does not look at it",
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

/* A member that is the offset of the first of COUNT types. */
static void
tell_types(struct telling *t, uint64_t at, const char *name,
    const char *kind, const struct dof_part *strings, uint64_t count)
{
	uint64_t offset = dof_tell_member(t, at, 4, name), i, longest = 0;
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
		dump_wrong(t->dump, "a type has %" PRIu64 " bytes, %s takes "
		    "%zu", longest, t->dump->row->limits,
		    t->dump->row->max_type);
}

/* A member that is the index of the first of COUNT entries of PRARGS. */
static void
tell_map(struct telling *t, uint64_t at, const struct provider *p,
    uint64_t native, uint64_t count)
{
	uint64_t first = TELL_MEMBER(t, at, dof_probe, dofpr_argidx), i;
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
	TELL_NUMBER(t, at, dof_probe, member, words)

/* In the order of the record; then what is made of it. */
static void
tell_probe(struct telling *t, const struct provider *p, uint64_t at)
{
	struct probe_record probe = { .at = at };
	uint64_t native = DOF_LOAD(&t->dof, at, dof_probe, dofpr_nargc);
	uint64_t translated = DOF_LOAD(&t->dof, at, dof_probe, dofpr_xargc);
	uint64_t sites = DOF_LOAD(&t->dof, at, dof_probe, dofpr_noffs);
	uint64_t enabled = version(t) < 2 ? 0 :
	    DOF_LOAD(&t->dof, at, dof_probe, dofpr_nenoffs);

	tell_address(t, &probe);
	tell_string(t, at + offsetof(struct dof_probe, dofpr_func), "func",
	    &p->strings, t->dump->row->max_function);
	tell_string(t, at + offsetof(struct dof_probe, dofpr_name), "name",
	    &p->strings, t->dump->row->max_name);
	tell_types(t, at + offsetof(struct dof_probe, dofpr_nargv), "nargv",
	    "native", &p->strings, native);
	tell_types(t, at + offsetof(struct dof_probe, dofpr_xargv), "xargv",
	    "translated", &p->strings, translated);
	tell_map(t, at, p, native, translated);
	NUMBER(dofpr_offidx, "entry of its first site");
	NUMBER(dofpr_nargc, "native types");
	NUMBER(dofpr_xargc, "translated types");
	NUMBER(dofpr_noffs, "sites");
	NUMBER(dofpr_enoffidx, "entry of its first is-enabled site");
	NUMBER(dofpr_nenoffs, "is-enabled sites");
	NUMBER(dofpr_pad1, NULL);
	NUMBER(dofpr_pad2, NULL);
	tell_sites(t, &probe, &p->offsets,
	    DOF_LOAD(&t->dof, at, dof_probe, dofpr_offidx), sites, 0);
	if (!p->has_enabled && version(t) >= 2 && (enabled > 0 ||
	    DOF_LOAD(&t->dof, at, dof_probe, dofpr_enoffidx) != 0))
		dump_wrong(t->dump, "it has is-enabled sites, and its provider "
		    "no section of them");
	else
		tell_sites(t, &probe, &p->enabled, DOF_LOAD(&t->dof, at,
		    dof_probe, dofpr_enoffidx), enabled, 1);
	if (sites == 0 && (enabled == 0 || ignores_enabled(t)))
		dump_wrong(t->dump, "it has no site%s", enabled == 0 ? "" :
		    " that is looked at");
}

#undef NUMBER

static void
head_probe(struct telling *t, const struct provider *p, uint64_t at,
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
dof_tell_probes(struct telling *t, const struct dof_part *part)
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
		dof_tell_rest(t, part->at, part->size, "bytes");
		return;
	}
	find_provider(t, provider.at, &p);
	count = part->size / part->entry;
	for (i = 0; i < count; i++) {
		at = part->at + i * part->entry;
		head_probe(t, &p, at, i);
		tell_probe(t, &p, at);
		dof_tell_rest(t, at + sizeof(struct dof_probe), part->entry -
		    sizeof(struct dof_probe), "bytes");
	}
	dof_tell_rest(t, part->at + count * part->entry,
	    part->size % part->entry, "bytes");
}
