/*
 * usdt_dof.c - which bytes describe a provider as DOF?
 *
 * A pure builder: description, platform row and addresses in, bytes out.
 * usdt__dof_layout computes all sizes once, and usdt__dof_write fills them.
 *
 * One provider in one PROVIDER section (some readers read only the first).
 * Its sections:
 *
 *	STRTAB		"", provider; for each probe function, name, types, and
 *			the translated types, if it has any
 *	PROBES		one dof_probe each
 *	PRARGS		0, 1, 2 ...: argument k is the k-th that was passed;
 *			all probes share it
 *	PROFFS		from a probe's base to its DOF site; one for all if
 *			the base is the stub, else one for each probe
 *	PRENOFFS	the same for the is-enabled site
 *	PROVIDER
 *	RELTAB, URELHDR	one SETX for each dofpr_addr, if the row relocates
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/dof.h"
#include "core/dof_format.h"

/* Store VALUE in a member of a structure in the document. */
#define SET(p, member, value) \
	usdt__store(&(p)->member, sizeof (p)->member, (uint64_t)(value), \
	    dof->arch->big_endian)

static const struct {
	uint32_t type;
	uint32_t align;
	uint32_t entsize;
} sections[USDT__DOF_SECTIONS] = {
	[USDT__DOF_STRTAB] = { DOF_SECT_STRTAB, 1, 0 },
	[USDT__DOF_PROBES] = { DOF_SECT_PROBES, 8, sizeof(struct dof_probe) },
	[USDT__DOF_PRARGS] = { DOF_SECT_PRARGS, 1, 1 },
	[USDT__DOF_PROFFS] = { DOF_SECT_PROFFS, 4, 4 },
	[USDT__DOF_PRENOFFS] = { DOF_SECT_PRENOFFS, 4, 4 },
	[USDT__DOF_PROVIDER] = { DOF_SECT_PROVIDER, 4, 0 },
	[USDT__DOF_RELTAB] = { DOF_SECT_RELTAB, 8,
	    sizeof(struct dof_relodesc) },
	[USDT__DOF_URELHDR] = { DOF_SECT_URELHDR, 4, 0 },
};

static int
same_types(const usdt_probedef_t *a, const usdt_probedef_t *b)
{
	size_t i;

	if (a->argc != b->argc)
		return 0;
	for (i = 0; i < a->argc; i++)
		if (strcmp(a->state->dof_types[i], b->state->dof_types[i]) != 0)
			return 0;
	return 1;
}

void
usdt__extent_measure(const struct usdt__description *description, size_t index,
    struct usdt__extent *extent)
{
	const usdt_probedef_t *probedef = description->probes[index];
	const usdt_probedef_t *before = index > 0 ?
	    description->probes[index - 1] : NULL;
	size_t i, types = 0;

	for (i = 0; i < usdt__dof_type_count(probedef); i++)
		types += strlen(probedef->state->dof_types[i]) + 1;
	extent->function = (uint32_t)strlen(probedef->function) + 1;
	extent->name = (uint32_t)strlen(probedef->state->dof_name) + 1;
	extent->strings = extent->function + extent->name + (uint32_t)types;
	extent->note_name = (uint32_t)usdt__name_note(probedef->name,
	    NULL) + 1;
	extent->argc = (uint16_t)probedef->argc;
	extent->same_function = before != NULL &&
	    strcmp(probedef->function, before->function) == 0;
	extent->same_arguments = before != NULL && description->typed &&
	    usdt__same_arguments(probedef, before);
	/* The same strings make the same types. */
	extent->same_types = extent->same_arguments ||
	    (before != NULL && same_types(probedef, before));
}

int
usdt__dof_layout(struct usdt__dof *dof,
    const struct usdt__description *description,
    const struct usdt__platform *row, const struct usdt__arch *arch,
    struct usdt__why *why)
{
	size_t i, strtab, args = 1, count = description->count;

	memset(dof, 0, sizeof *dof);
	dof->description = description;
	dof->row = row;
	dof->arch = arch;
	dof->sections = row->relocate ? USDT__DOF_SECTIONS : USDT__DOF_RELTAB;
	dof->offsets = row->offsets == USDT__OFFSET_PROBE ? 1 : count;

	strtab = 1 + strlen(description->provider) + 1;
	for (i = 0; i < count; i++) {
		struct usdt__extent scratch, *extent = &scratch;

		if (description->extents != NULL)
			extent = &description->extents[i];
		usdt__extent_measure(description, i, extent);
		strtab += extent->strings;
		if (extent->argc > args)
			args = extent->argc;
	}
	dof->size_of[USDT__DOF_STRTAB] = strtab;
	dof->size_of[USDT__DOF_PROBES] = count * sizeof(struct dof_probe);
	dof->size_of[USDT__DOF_PRARGS] = args;	/* not 0: readers need it */
	dof->size_of[USDT__DOF_PROFFS] = dof->offsets * 4;
	dof->size_of[USDT__DOF_PRENOFFS] = dof->offsets * 4;
	dof->size_of[USDT__DOF_PROVIDER] = sizeof(struct dof_provider);
	dof->size_of[USDT__DOF_RELTAB] = count * sizeof(struct dof_relodesc);
	dof->size_of[USDT__DOF_URELHDR] = sizeof(struct dof_relohdr);

	dof->size = sizeof(struct dof_hdr) +
	    dof->sections * sizeof(struct dof_sec);
	for (i = 0; i < dof->sections; i++) {
		dof->size = usdt__align(dof->size, sections[i].align);
		dof->offset_of[i] = dof->size;
		dof->size += dof->size_of[i];
	}
	if (dof->size > row->max_dof)
		return usdt__because(why, 0, "%zu probes need %zu bytes of "
		    "DOF, %s accepts %zu in one provider", count, dof->size,
		    row->limits, row->max_dof);
	return 0;
}

/* Room for a structure, filled with zeros. */
static void *
room(struct usdt__sink *sink, size_t size)
{
	return memset(usdt__sink_room(sink, size), 0, size);
}

static void
write_header(const struct usdt__dof *dof, struct usdt__sink *sink)
{
	static const uint8_t magic[4] = { 0x7f, 'D', 'O', 'F' };
	struct dof_hdr *hdr = room(sink, sizeof *hdr);
	struct dof_sec *sec;
	size_t i;

	memcpy(hdr->dofh_ident, magic, sizeof magic);
	hdr->dofh_ident[DOF_ID_MODEL] = dof->arch->word == 8 ? 2 : 1;
	hdr->dofh_ident[DOF_ID_ENCODING] = dof->arch->big_endian ? 2 : 1;
	hdr->dofh_ident[DOF_ID_VERSION] = dof->row->dof_version;
	hdr->dofh_ident[DOF_ID_DIFVERS] = 2;
	hdr->dofh_ident[DOF_ID_DIFIREG] = 8;
	hdr->dofh_ident[DOF_ID_DIFTREG] = 8;
	SET(hdr, dofh_hdrsize, sizeof *hdr);
	SET(hdr, dofh_secsize, sizeof *sec);
	SET(hdr, dofh_secnum, dof->sections);
	SET(hdr, dofh_secoff, sizeof *hdr);
	SET(hdr, dofh_loadsz, dof->size);
	SET(hdr, dofh_filesz, dof->size);
	for (i = 0; i < dof->sections; i++) {
		sec = room(sink, sizeof *sec);
		SET(sec, dofs_type, sections[i].type);
		SET(sec, dofs_align, sections[i].align);
		SET(sec, dofs_flags, DOF_SECF_LOAD);
		SET(sec, dofs_entsize, sections[i].entsize);
		SET(sec, dofs_offset, dof->offset_of[i]);
		SET(sec, dofs_size, dof->size_of[i]);
	}
}

static void
write_strings(const struct usdt__dof *dof, struct usdt__sink *sink)
{
	const struct usdt__description *description = dof->description;
	size_t i, k;

	usdt__sink_string(sink, "");
	usdt__sink_string(sink, description->provider);
	for (i = 0; i < description->count; i++) {
		const usdt_probedef_t *probedef = description->probes[i];

		usdt__sink_string(sink, probedef->function);
		usdt__sink_string(sink, probedef->state->dof_name);
		for (k = 0; k < usdt__dof_type_count(probedef); k++)
			usdt__sink_string(sink, probedef->state->dof_types[k]);
	}
}

/* Where a probe's translated types begin in STRTAB; its types are at TYPES. */
static size_t
translated_types(const usdt_probedef_t *probedef, size_t types)
{
	size_t i;

	for (i = 0; probedef->state->translated && i < probedef->argc; i++)
		types += strlen(probedef->state->dof_types[i]) + 1;
	return types;
}

static void
write_probes(const struct usdt__dof *dof, const struct usdt__sites *sites,
    uint64_t first, struct usdt__sink *sink)
{
	const struct usdt__description *description = dof->description;
	size_t i, used = 1 + strlen(description->provider) + 1;
	struct usdt__extent scratch;

	for (i = 0; i < description->count; i++) {
		const struct usdt__extent *extent = usdt__extent_of(description,
		    i, &scratch);
		struct dof_probe *probe = room(sink, sizeof *probe);
		size_t offset = dof->offsets > 1 ? i : 0;
		size_t name = used + extent->function;
		size_t types = extent->argc ? name + extent->name : 0;

		SET(probe, dofpr_addr, first + i * sites->size);
		SET(probe, dofpr_func, used);
		SET(probe, dofpr_name, name);
		SET(probe, dofpr_nargv, types);
		SET(probe, dofpr_xargv,
		    translated_types(description->probes[i], types));
		SET(probe, dofpr_offidx, offset);
		SET(probe, dofpr_nargc, extent->argc);
		SET(probe, dofpr_xargc, extent->argc);
		SET(probe, dofpr_noffs, 1);
		SET(probe, dofpr_enoffidx, offset);
		SET(probe, dofpr_nenoffs, 1);
		used += extent->strings;
	}
}

static void
write_args(const struct usdt__dof *dof, struct usdt__sink *sink)
{
	size_t i;

	for (i = 0; i < dof->size_of[USDT__DOF_PRARGS]; i++)
		*usdt__sink_room(sink, 1) = (uint8_t)i;
}

/* The offsets of one kind of site. */
static void
write_offsets(const struct usdt__dof *dof, uint32_t site, int bias,
    uint32_t size, uint64_t first, uint64_t address, struct usdt__sink *sink)
{
	uint64_t base;
	size_t i;

	for (i = 0; i < dof->offsets; i++) {
		/* Relative to the base that the kernel adds. */
		base = dof->row->offsets == USDT__OFFSET_PROBE ? 0 :
		    first + i * size - address;
		usdt__store(usdt__sink_room(sink, 4), 4, base + site +
		    (uint64_t)(int64_t)(dof->arch->biased * bias),
		    dof->arch->big_endian);
	}
}

static void
write_provider(const struct usdt__dof *dof, struct usdt__sink *sink)
{
	struct dof_provider *provider = room(sink, sizeof *provider);
	uint32_t public = DOF_ATTR(DOF_EVOLVING, DOF_EVOLVING,
	    DOF_CLASS_COMMON);
	uint32_t private = DOF_ATTR(DOF_PRIVATE, DOF_PRIVATE,
	    DOF_CLASS_UNKNOWN);

	SET(provider, dofpv_strtab, USDT__DOF_STRTAB);
	SET(provider, dofpv_probes, USDT__DOF_PROBES);
	SET(provider, dofpv_prargs, USDT__DOF_PRARGS);
	SET(provider, dofpv_proffs, USDT__DOF_PROFFS);
	SET(provider, dofpv_prenoffs, USDT__DOF_PRENOFFS);
	SET(provider, dofpv_name, 1);		/* the string after "" */
	SET(provider, dofpv_provattr, public);
	SET(provider, dofpv_modattr, private);
	SET(provider, dofpv_funcattr, private);
	SET(provider, dofpv_nameattr, public);
	SET(provider, dofpv_argsattr, public);
}

static void
write_relocations(const struct usdt__dof *dof, struct usdt__sink *sink)
{
	size_t i;

	for (i = 0; i < dof->description->count; i++) {
		struct dof_relodesc *relo = room(sink, sizeof *relo);

		SET(relo, dofr_type, DOF_RELO_SETX);
		SET(relo, dofr_offset, i * sizeof(struct dof_probe) +
		    offsetof(struct dof_probe, dofpr_addr));
	}
}

static void
write_relocation_header(const struct usdt__dof *dof, struct usdt__sink *sink)
{
	struct dof_relohdr *hdr = room(sink, sizeof *hdr);

	SET(hdr, dofr_strtab, USDT__DOF_STRTAB);
	SET(hdr, dofr_relsec, USDT__DOF_RELTAB);
	SET(hdr, dofr_tgtsec, USDT__DOF_PROBES);
}

void
usdt__dof_emit(const struct usdt__dof *dof, const struct usdt__sites *sites,
    uint64_t first, uint64_t address, struct usdt__sink *sink)
{
	size_t i, start = usdt__sink_at(sink);

	write_header(dof, sink);
	for (i = 0; i < dof->sections; i++) {
		usdt__sink_pad(sink, start + dof->offset_of[i]);
		switch ((enum usdt__dof_section)i) {
		case USDT__DOF_STRTAB:
			write_strings(dof, sink);
			break;
		case USDT__DOF_PROBES:
			write_probes(dof, sites, first, sink);
			break;
		case USDT__DOF_PRARGS:
			write_args(dof, sink);
			break;
		case USDT__DOF_PROFFS:
			write_offsets(dof, sites->dof, dof->row->probe_bias,
			    sites->size, first, address, sink);
			break;
		case USDT__DOF_PRENOFFS:
			write_offsets(dof, sites->isenabled,
			    dof->row->isenabled_bias, sites->size, first,
			    address, sink);
			break;
		case USDT__DOF_PROVIDER:
			write_provider(dof, sink);
			break;
		case USDT__DOF_RELTAB:
			write_relocations(dof, sink);
			break;
		case USDT__DOF_URELHDR:
			write_relocation_header(dof, sink);
			break;
		case USDT__DOF_SECTIONS:
			break;
		}
	}
}

void
usdt__dof_write(const struct usdt__dof *dof, const struct usdt__sites *sites,
    uint64_t first, uint64_t address, uint8_t *out)
{
	struct usdt__sink sink = { .buffer = out, .size = dof->size };

	usdt__dof_emit(dof, sites, first, address, &sink);
}
