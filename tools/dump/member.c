/*
 * member.c - how are the numbers of a DOF document printed, and which of them
 * do relocations change?
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

uint64_t
dof_print_member(struct dof_dump *t, uint64_t at, unsigned size,
    const char *name)
{
	uint64_t value = dof_load(&t->dof, at, size);
	const char *bare = strchr(name, '_');

	dump_begin(t->dump, t->dof.bytes + at, at, size,
	    bare != NULL ? bare + 1 : name);
	fprintf(t->dump->out, "%" PRIu64, value);
	return value;
}

uint64_t
dof_print_number(struct dof_dump *t, uint64_t at, unsigned size,
    const char *name, const char *words)
{
	uint64_t value = dof_print_member(t, at, size, name);

	if (words != NULL)
		fprintf(t->dump->out, ", %s", words);
	dump_end(t->dump);
	return value;
}

uint64_t
dof_print_hex(struct dof_dump *t, uint64_t at, unsigned size, const char *name)
{
	uint64_t value = dof_load(&t->dof, at, size);

	dump_begin(t->dump, t->dof.bytes + at, at, size, name);
	fprintf(t->dump->out, "%#" PRIx64, value);
	dump_end(t->dump);
	return value;
}

void
dof_print_rest(struct dof_dump *t, uint64_t at, uint64_t size, const char *name)
{
	const uint8_t *bytes = t->dof.bytes + at;
	uint64_t i, set = 0;

	if (size == 0)
		return;
	for (i = 0; i < size; i++)
		set += bytes[i] != 0;
	if (set == 0 && !t->dump->hex)
		return;
	dump_begin(t->dump, bytes, at, size, name);
	fprintf(t->dump->out, "%" PRIu64 " byte%s at %#" PRIx64 ", %s", size,
	    size == 1 ? "" : "s", at, set == 0 ? "0" : "not all 0");
	dump_end(t->dump);
}

/* --- relocations --- */

static void
print_relocation(struct dof_dump *t, uint64_t at)
{
	uint64_t type;

	PRINT_NUMBER(t, at, dof_relodesc, dofr_name, NULL);
	type = PRINT_MEMBER(t, at, dof_relodesc, dofr_type);
	fputs(type == 0 ? ", nothing to do" : type == DOF_RELO_SETX ?
	    ", SETX: dofhp_addr is added" : type == 2 ?
	    ", DOFREL: the place's own address is added" : "", t->dump->out);
	dump_end(t->dump);
	if (type > 2 || (type == 2 &&	/* only this system has it */
	    strcmp(t->dump->row->name, "freebsd") != 0))
		dump_wrong(t->dump, "%s does not know this type",
		    t->dump->row->name);
	dof_print_hex(t, at + offsetof(struct dof_relodesc, dofr_offset), 8,
	    "offset");
	PRINT_NUMBER(t, at, dof_relodesc, dofr_data, NULL);
}

void
dof_print_relocations(struct dof_dump *t, const struct dof_part *part)
{
	uint64_t i, at, count;

	if (part->entry < sizeof(struct dof_relodesc) || part->align != 8) {
		dump_wrong(t->dump, "entsize is %u and align %u, systems "
		    "accept %zu and 8", part->entry, part->align,
		    sizeof(struct dof_relodesc));
		dof_print_rest(t, part->at, part->size, "bytes");
		return;
	}
	count = part->size / part->entry;
	for (i = 0; i < count; i++) {
		at = part->at + i * part->entry;
		fprintf(t->dump->out, "relocation %" PRIu64 "\n", i);
		print_relocation(t, at);
		dof_print_rest(t, at + sizeof(struct dof_relodesc),
		    part->entry - sizeof(struct dof_relodesc), "bytes");
	}
	dof_print_rest(t, part->at + count * part->entry,
	    part->size % part->entry, "bytes");
}

/*
 * Find what the header of a section of relocations leads to; -1 if it leads
 * nowhere.
 */
static int
find_relocations(const struct dof_dump *t, const struct dof_part *header,
    struct dof_part *table, struct dof_part *target)
{
	uint64_t at = header->at;

	if (header->size < sizeof(struct dof_relohdr) || header->align != 4 ||
	    dof_section_of(&t->dof, DOF_LOAD(&t->dof, at, dof_relohdr,
	    dofr_relsec), DOF_SECT_RELTAB, table) < 0 ||
	    dof_section(&t->dof, DOF_LOAD(&t->dof, at, dof_relohdr,
	    dofr_tgtsec), target) < 0 || !target->inside ||
	    table->entry < sizeof(struct dof_relodesc))
		return -1;
	return 0;
}

/* Are there 8 aligned bytes, outside of the section's own header? */
static int
can_relocate(const struct dof_part *target, uint64_t place)
{
	uint64_t at = target->at + place;

	return target->size >= 8 && place <= target->size - 8 && at % 8 == 0 &&
	    (at + 8 <= target->header ||
	    at >= target->header + sizeof(struct dof_sec));
}

void
dof_print_relocation_header(struct dof_dump *t, const struct dof_part *part)
{
	struct dof_part table, target, strings;
	uint64_t i, at, place, bad = 0;

	if (part->size < sizeof(struct dof_relohdr) || part->align != 4) {
		dump_wrong(t->dump, "it has %" PRIu64 " bytes and align %u, "
		    "systems accept %zu and 4", part->size, part->align,
		    sizeof(struct dof_relohdr));
		dof_print_rest(t, part->at, part->size, "bytes");
		return;
	}
	PRINT_NUMBER(t, part->at, dof_relohdr, dofr_strtab,
	    "section with names");
	PRINT_NUMBER(t, part->at, dof_relohdr, dofr_relsec,
	    "section with relocations");
	PRINT_NUMBER(t, part->at, dof_relohdr, dofr_tgtsec,
	    "section that they change");
	dof_print_rest(t, part->at + sizeof(struct dof_relohdr), part->size -
	    sizeof(struct dof_relohdr), "bytes");
	if (t->dump->row->offsets == USDT__OFFSET_DOF)
		dump_line(t->dump, "", "%s ignores it",
		    t->dump->row->name);
	if (find_relocations(t, part, &table, &target) < 0 ||
	    dof_section_of(&t->dof, DOF_LOAD(&t->dof, part->at, dof_relohdr,
	    dofr_strtab), DOF_SECT_STRTAB, &strings) < 0) {
		dump_wrong(t->dump, "these sections are of the wrong kind");
		return;
	}
	for (i = 0; i < table.size / table.entry && t->checks_left > 0;
	    i++, t->checks_left--) {
		at = table.at + i * table.entry;
		place = DOF_LOAD(&t->dof, at, dof_relodesc, dofr_offset);
		bad += DOF_LOAD(&t->dof, at, dof_relodesc, dofr_type) != 0 &&
		    !can_relocate(&target, place);
	}
	if (bad > 0)
		dump_wrong(t->dump, "%" PRIu64 " of the relocations do not lead"
		    " to 8 aligned bytes of section %" PRIu64, bad,
		    target.index);
}

static int
by_value(const void *one, const void *other)
{
	const uint64_t *a = one, *b = other;

	return *a < *b ? -1 : *a > *b;
}

/* Find all places to which dofhp_addr is added, up to the room there is. */
void
dof_find_relocated(struct dof_dump *t)
{
	size_t most = t->dof.size / sizeof(struct dof_relodesc), space = 0;
	struct dof_part header, table, target;
	uint64_t i, k, at;

	for (i = 0; i < t->dof.section_count; i++) {
		if (dof_section_of(&t->dof, i, DOF_SECT_URELHDR,
		    &header) < 0 ||
		    find_relocations(t, &header, &table, &target) < 0)
			continue;
		for (k = 0; k < table.size / table.entry && most > 0;
		    k++, most--) {
			at = table.at + k * table.entry;
			if (DOF_LOAD(&t->dof, at, dof_relodesc,
			    dofr_type) != DOF_RELO_SETX)
				continue;
			ROOM_FOR_ONE(t->relocated, t->relocated_count, space);
			t->relocated[t->relocated_count++] = target.at +
			    DOF_LOAD(&t->dof, at, dof_relodesc, dofr_offset);
		}
	}
	if (t->relocated_count > 0)
		qsort(t->relocated, t->relocated_count,
		    sizeof *t->relocated, by_value);
}

int
dof_is_relocated(const struct dof_dump *t, uint64_t place)
{
	return t->relocated_count > 0 && bsearch(&place, t->relocated,
	    t->relocated_count, sizeof place, by_value) != NULL;
}
