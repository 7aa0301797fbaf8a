/*
 * dof.c - what is where in a DOF document?
 *
 * The document may be of either byte order, and may be nonsense: every offset
 * is checked where it is used.
 */
#include "tools/tool.h"
#include "usdt_dof_format.h"

/* The longest string that any kernel takes, with its zero: a function's. */
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

/* What its header says, if that can be: a document may have a part behind the
 * one that kernels read. */
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
