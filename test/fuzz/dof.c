/*
 * dof.c - do kernels accept every document that usdt_dof.c builds?
 *
 * Any description, for every system and processor.  A reader in this file knows
 * the rules by which systems refuse documents or drop probes, and shares
 * nothing with the writer; it also has to find what was described.  The
 * command's own reader (tools/common/dof.c) has to find the same.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "feed.h"
#include "tools/dump/dump.h"
#include "core/dof_format.h"

struct document {
	const uint8_t *bytes;
	size_t size;
	const struct subject *subject;
	uint64_t first, address;	/* of the first stub; of the document */
};

struct part {
	uint32_t type, align, flags, entry;
	uint64_t at, size;
};

static uint64_t
load(const struct document *d, uint64_t at, unsigned size)
{
	uint64_t value = 0;
	unsigned i;

	must(at <= d->size && size <= d->size - at);
	for (i = 0; i < size; i++)
		value = value << 8 | d->bytes[at +
		    (d->subject->arch.big_endian ? i : size - 1 - i)];
	return value;
}

static struct part
part_of(const struct document *d, uint64_t index)
{
	uint64_t at = load(d, 32, 8) + index * 32;
	struct part part;

	must(index < load(d, 28, 4));
	part.type = (uint32_t)load(d, at, 4);
	part.align = (uint32_t)load(d, at + 4, 4);
	part.flags = (uint32_t)load(d, at + 8, 4);
	part.entry = (uint32_t)load(d, at + 12, 4);
	part.at = load(d, at + 16, 8);
	part.size = load(d, at + 24, 8);
	return part;
}

/* The section that a member of the provider refers to. */
static struct part
named_part(const struct document *d, uint64_t index, uint32_t type)
{
	struct part part = part_of(d, index);

	must(part.type == type);
	return part;
}

/* A string that ends inside the table and has fewer than MAX bytes. */
static const char *
string(const struct document *d, const struct part *table, uint64_t offset,
    size_t max)
{
	const char *text = (const char *)d->bytes + table->at + offset;

	must(offset < table->size);
	must(memchr(text, '\0', table->size - offset) != NULL);
	must(strlen(text) < max);
	return text;
}

static void
check_header(const struct document *d)
{
	const struct subject *s = d->subject;
	size_t i;

	must(d->size >= 64 && memcmp(d->bytes, "\177DOF", 4) == 0);
	must(d->bytes[4] == (s->arch.word == 8 ? 2 : 1));
	must(d->bytes[5] == (s->arch.big_endian ? 2 : 1));
	must(d->bytes[6] == s->row.dof_version);
	must(d->bytes[7] == 2 && d->bytes[8] <= 8 && d->bytes[9] <= 8);
	for (i = 10; i < 16; i++)
		must(d->bytes[i] == 0);
	must(load(d, 16, 4) == 0 && load(d, 24, 4) == 32);
	must(load(d, 32, 8) % 8 == 0);
	must(load(d, 32, 8) + 32 * load(d, 28, 4) <= d->size);
	must(load(d, 40, 8) == d->size && d->size <= s->row.max_dof);
}

/* Sections are aligned, inside, and overlap neither each other nor the
 * headers. */
static void
check_parts(const struct document *d)
{
	uint64_t end = load(d, 32, 8) + 32 * load(d, 28, 4);
	uint32_t i, count = (uint32_t)load(d, 28, 4);

	for (i = 0; i < count; i++) {
		struct part part = part_of(d, i);

		must(part.flags & 1);
		must(part.align > 0 && (part.align & (part.align - 1)) == 0);
		must(part.at % part.align == 0);
		must(part.at >= end && part.size <= d->size - part.at);
		end = part.at + part.size;
		if (part.type == 8)
			must(part.size > 0 && d->bytes[end - 1] == '\0');
	}
}

/* Each relocation hits one probe's address, and every probe has one. */
static void
check_relocations(const struct document *d)
{
	uint32_t i, count = (uint32_t)load(d, 28, 4), found = 0;
	struct part header, table, target;
	uint64_t k;

	for (i = 0; i < count; i++) {
		header = part_of(d, i);
		if (header.type != 12)
			continue;
		found++;
		must(header.size >= 12 && header.align == 4);
		must(load(d, header.at, 4) < count);
		table = named_part(d, load(d, header.at + 4, 4), 10);
		target = named_part(d, load(d, header.at + 8, 4), 16);
		must(table.entry >= 24 && table.align == 8 &&
		    target.at % 8 == 0);
		must(table.size / table.entry ==
		    d->subject->description.count);
		for (k = 0; k < table.size / table.entry; k++) {
			must(load(d, table.at + k * table.entry + 4, 4) == 1);
			must(load(d, table.at + k * table.entry + 8, 8) ==
			    48 * k && 48 * k + 8 <= target.size);
		}
	}
	must(found == (d->subject->row.relocate != 0));
}

/* The site's address, as this system computes it. */
static uint64_t
site(const struct document *d, uint64_t address, uint64_t offset, int bias)
{
	int64_t shift = d->subject->arch.biased ? bias : 0;

	if (d->subject->row.offsets == USDT__OFFSET_DOF)
		return d->address + (uint64_t)(int64_t)(int32_t)offset -
		    (uint64_t)shift;
	return address + offset - (uint64_t)shift;
}

/* The types that DOF has of a string: without a name, and translated. */
static void
expect_types(const char *text, char own[128], char dtrace[128])
{
	struct usdt__declarator declarator;
	struct usdt__why why;

	must(usdt__declarator_parse(&declarator, text, 0, usdt__native_arch(),
	    &why) == 0);
	strcpy(own, text);
	if (declarator.name_length > 0 || declarator.translated != NULL)
		usdt__declarator_type(&declarator, own);
	strcpy(dtrace, declarator.translated != NULL ? declarator.translated :
	    own);
}

static void
check_probe(const struct document *d, size_t index, uint64_t at,
    const struct part *strings, const struct part *args,
    const struct part *offsets, const struct part *enabled)
{
	const struct subject *s = d->subject;
	const usdt_probedef_t *probe = s->probes[index];
	uint64_t address = load(d, at, 8), stub = d->first +
	    s->sites.size * index;
	uint64_t native = load(d, at + 16, 4), translated = load(d, at + 20, 4);
	uint64_t first = load(d, at + 24, 4), argc = load(d, at + 32, 1), k;
	char dof_name[64], own[128], dtrace[128];

	usdt__name_dof(probe->name, dof_name);
	must(strcmp(string(d, strings, load(d, at + 8, 4), 128),
	    probe->function) == 0);
	must(strcmp(string(d, strings, load(d, at + 12, 4), 64),
	    dof_name) == 0);
	must(address == stub);
	must(argc == probe->argc && load(d, at + 33, 1) == argc);
	must(first + argc <= args->size);
	for (k = 0; k < argc; k++) {
		expect_types(probe->types[k], own, dtrace);
		must(strcmp(string(d, strings, native, 128), own) == 0);
		must(strcmp(string(d, strings, translated, 128), dtrace) == 0);
		native += strlen(own) + 1;
		translated += strlen(dtrace) + 1;
		must(d->bytes[args->at + first + k] == k);
	}
	/* One site of each kind, so none appears twice. */
	must(load(d, at + 34, 2) == 1 && load(d, at + 40, 2) == 1);
	must((load(d, at + 28, 4) + 1) * 4 <= offsets->size);
	must((load(d, at + 36, 4) + 1) * 4 <= enabled->size);
	must(load(d, at + 42, 2) == 0 && load(d, at + 44, 4) == 0);
	must(site(d, address, load(d, offsets->at + 4 * load(d, at + 28, 4),
	    4), s->row.probe_bias) == stub + s->sites.dof);
	must(site(d, address, load(d, enabled->at + 4 * load(d, at + 36, 4),
	    4), s->row.isenabled_bias) == stub + s->sites.isenabled);
}

static void
check_provider(const struct document *d)
{
	uint32_t i, providers = 0, count = (uint32_t)load(d, 28, 4);
	struct part provider, strings, probes, args, offsets, enabled;
	size_t k;

	for (i = 0; i < count; i++)
		if (part_of(d, i).type == 15) {
			provider = part_of(d, i);
			providers++;
		}
	must(providers == 1);
	must(provider.at % 4 == 0 && provider.size >= 44);
	strings = named_part(d, load(d, provider.at, 4), 8);
	probes = named_part(d, load(d, provider.at + 4, 4), 16);
	args = named_part(d, load(d, provider.at + 8, 4), 17);
	offsets = named_part(d, load(d, provider.at + 12, 4), 18);
	must(load(d, provider.at + 40, 4) != 0);
	enabled = named_part(d, load(d, provider.at + 40, 4), 26);
	must(probes.entry == 48 && args.entry == 1);
	must(offsets.entry == 4 && offsets.at % 4 == 0);
	must(enabled.entry == 4 && enabled.at % 4 == 0);
	must(strcmp(string(d, &strings, load(d, provider.at + 16, 4), 54),
	    d->subject->provider) == 0);
	for (k = 0; k < 5; k++) {
		uint64_t attribute = load(d, provider.at + 20 + 4 * k, 4);

		must(attribute >> 24 <= 7 && (attribute >> 16 & 255) <= 7 &&
		    (attribute >> 8 & 255) <= 5 && (attribute & 255) == 0);
	}
	must(probes.size == 48 * d->subject->description.count);
	for (k = 0; k < d->subject->description.count; k++)
		check_probe(d, k, probes.at + 48 * k, &strings, &args,
		    &offsets, &enabled);
}

/* The command finds each probe where the document says that it fires. */
static void
check_reader(const struct document *d)
{
	const struct subject *s = d->subject;
	struct dof_sites sites = { 0 };
	size_t i;

	must(dof_read(&sites, d->bytes, d->size) == 0);
	must(sites.count == s->description.count);
	for (i = 0; i < sites.count; i++) {
		const usdt_probedef_t *probe = s->probes[i];
		const struct dof_site *found = &sites.site[i];

		must(strcmp(found->provider, s->provider) == 0);
		must(strcmp(found->function, probe->function) == 0);
		must(found->argc == probe->argc);
		must(found->argc == 0 || strcmp(found->types,
		    probe->state->dof_types[0]) == 0);
		must(found->address ==
		    d->first + s->sites.size * i + s->sites.dof);
	}
	dof_free(&sites);
}

/* It finds all probes of two adjacent documents. */
static void
check_two(const struct document *d)
{
	size_t next = (d->size + 7) / 8 * 8;
	uint8_t *both = calloc(1, next + d->size);
	struct dof_sites sites = { 0 };

	must(both != NULL);
	memcpy(both, d->bytes, d->size);
	memcpy(both + next, d->bytes, d->size);
	must(dof_read(&sites, both, next + d->size) == 0);
	must(sites.count == 2 * d->subject->description.count);
	dof_free(&sites);
	free(both);
}

/* And it reports no problem. */
static void
check_dump(const struct document *d)
{
	struct dump dump = {
		.hex = 1,
		.row = &d->subject->row,
		.arch = &d->subject->arch,
		.placed = 1,
		.address = d->address
	};
	char *text;
	size_t shown;

	dump.out = open_memstream(&text, &shown);
	must(dump.out != NULL);
	must(dump_dof(&dump, d->bytes, d->size) == 1);
	fclose(dump.out);
	must(dump.wrong == 0);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct feed feed = { bytes, size };
	struct usdt__why why = { .error = 0 };
	struct document d;
	struct usdt__dof dof;
	struct subject s;
	uint8_t *out;

	if (!feed_subject(&feed, &s))
		return 0;
	if (size & 1)		/* for another processor's stubs */
		s.sites = s.arch.sites[size >> 1 & 1];
	if (usdt__dof_layout(&dof, &s.description, &s.row, &s.arch,
	    &why) < 0) {
		must(why.text[0] != '\0');
		must(dof.size > s.row.max_dof);
		subject_free(&s);
		return 0;
	}
	out = calloc(1, dof.size);
	must(out != NULL);
	d = (struct document){
		out, dof.size, &s, 0x7f0000400000, 0x7f0000001000
	};
	if (s.arch.word == 4) {
		d.first = 0xf0400000;
		d.address = 0xf0001000;
	}
	usdt__dof_write(&dof, &s.sites, d.first, d.address, out);
	check_header(&d);
	check_parts(&d);
	check_relocations(&d);
	check_provider(&d);
	if (s.row.offsets == USDT__OFFSET_PROBE)
		check_reader(&d);
	check_two(&d);
	if (s.row.helper != NULL)
		check_dump(&d);
	free(out);
	subject_free(&s);
	return 0;
}
