/*
 * image.c - which probes does an ELF file have?
 *
 * A probe is a SystemTap SDT note, and DOF in the same file may add to it: the
 * function, the name as DTrace spells it, the arguments' C types, and arguments
 * beyond the number that notes can hold.  The two are matched by the note's raw
 * location, which is also the site in DOF.
 *
 * The file may be anybody's.  libelf reads it by pread instead of mapping it,
 * so that a file that shrinks meanwhile causes an error and not a SIGBUS.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE		/* strnlen */
#endif
#include <gelf.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/common/common.h"

/* A section that is larger can't be a list of notes. */
#define SECTION_MAX	((uint64_t)1 << 26)

/* A note with more arguments is broken: twelve are usual. */
#define ARGUMENTS_MAX	64

/* The state while a file is read. */
struct reader {
	Elf *elf;
	GElf_Ehdr header;
	size_t names;		/* section with the sections' names */
	Elf_Scn *notes, *dof, *types, *symbols[2], *direct, *id, *link;
	uint64_t base;		/* address of .stapsdt.base, or 0 */
	GElf_Phdr *segments;
	size_t segment_count;
	struct dof_sites sites;
	struct image *image;
};

/* --- sections --- */

static void
keep(struct image *image, void *block)
{
	ROOM_FOR_ONE(image->blocks, image->block_count, image->block_space);
	image->blocks[image->block_count++] = block;
}

/* The bytes of a section, or NULL. */
static Elf_Data *
section_data(Elf_Scn *section)
{
	GElf_Shdr header;
	Elf_Data *data;

	if (section == NULL || gelf_getshdr(section, &header) == NULL ||
	    header.sh_type == SHT_NOBITS || header.sh_size > SECTION_MAX)
		return NULL;
	data = elf_getdata(section, NULL);
	return data != NULL && data->d_buf != NULL ? data : NULL;
}

static void
note_section(struct reader *reader, Elf_Scn *section)
{
	GElf_Shdr header;
	const char *name;

	if (gelf_getshdr(section, &header) == NULL)
		return;
	if (header.sh_type == SHT_SYMTAB)
		reader->symbols[0] = section;
	else if (header.sh_type == SHT_DYNSYM)
		reader->symbols[1] = section;
	name = elf_strptr(reader->elf, reader->names, header.sh_name);
	if (name == NULL)
		return;
	if (strcmp(name, ".note.stapsdt") == 0 && header.sh_type == SHT_NOTE)
		reader->notes = section;
	else if (strcmp(name, ".stapsdt.base") == 0)
		reader->base = header.sh_addr;
	else if (strcmp(name, ".SUNW_dof") == 0)
		reader->dof = section;
	else if (strcmp(name, ".usdt.types") == 0)
		reader->types = section;
	else if (strcmp(name, USDT__DIRECT_SECTION) == 0)
		reader->direct = section;
	else if (strcmp(name, ".gnu_debuglink") == 0)
		reader->link = section;
	else if (strcmp(name, ".probes") == 0)
		reader->image->gates = header.sh_offset;
	else if (strcmp(name, ".note.gnu.build-id") == 0) {
		reader->image->build_id = 1;
		reader->id = section;
	}
}

static int
open_elf(struct reader *reader, int fd)
{
	Elf_Scn *section = NULL;
	size_t i;

	memset(reader, 0, sizeof *reader);
	if (elf_version(EV_CURRENT) == EV_NONE)
		return -1;
	reader->elf = elf_begin(fd, ELF_C_READ, NULL);
	if (reader->elf == NULL || elf_kind(reader->elf) != ELF_K_ELF ||
	    gelf_getehdr(reader->elf, &reader->header) == NULL ||
	    elf_getphdrnum(reader->elf, &reader->segment_count) < 0) {
		elf_end(reader->elf);
		return -1;
	}
	reader->image = xcalloc(1, sizeof *reader->image);
	reader->image->machine = reader->header.e_machine;
	reader->image->linked = reader->header.e_type == ET_EXEC;
	reader->segments = xcalloc(reader->segment_count,
	    sizeof *reader->segments);
	for (i = 0; i < reader->segment_count; i++) {
		GElf_Phdr *s = &reader->segments[i];

		if (gelf_getphdr(reader->elf, (int)i, s) == NULL)
			s->p_type = PT_NULL;
		if (s->p_type == PT_DYNAMIC)
			reader->image->linked = 1;
		if (s->p_type == PT_LOAD && s->p_flags & PF_X &&
		    reader->image->code == 0)
			reader->image->code = s->p_vaddr - s->p_vaddr %
			    (uint64_t)sysconf(_SC_PAGESIZE);
	}
	if (elf_getshdrstrndx(reader->elf, &reader->names) == 0)
		while ((section = elf_nextscn(reader->elf, section)) != NULL)
			note_section(reader, section);
	return 0;
}

static void
close_elf(struct reader *reader)
{
	dof_free(&reader->sites);
	free(reader->segments);
	elf_end(reader->elf);
}

/* --- addresses --- */

/* Offset in the file of ADDRESS, in a segment with these flags; -1: nowhere. */
static int
to_offset(const struct reader *reader, uint64_t address, unsigned with,
    unsigned without, uint64_t *offset)
{
	const GElf_Phdr *s = reader->segments;
	size_t i;

	for (i = 0; i < reader->segment_count; i++, s++) {
		if (s->p_type != PT_LOAD || address < s->p_vaddr ||
		    address - s->p_vaddr >= s->p_filesz ||
		    (s->p_flags & with) != with || (s->p_flags & without) != 0)
			continue;
		*offset = address - s->p_vaddr + s->p_offset;
		return 0;
	}
	return -1;
}

/* Tracefs and perf read the semaphore's place as a positive number. */
static void
place(const struct reader *reader, struct probe *probe, uint64_t semaphore)
{
	if (to_offset(reader, probe->address, PF_X, 0, &probe->site) < 0 ||
	    (semaphore != 0 && to_offset(reader, semaphore, PF_W, PF_X,
	    &probe->semaphore) < 0))
		probe->unreachable = "no such code, or no such semaphore, "
		    "in the file";
}

/* --- notes --- */

static uint64_t
load(const struct reader *reader, const uint8_t *from, size_t size)
{
	int big_endian = reader->header.e_ident[EI_DATA] == ELFDATA2MSB;
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < size; i++)
		value = value << 8 | from[big_endian ? i : size - 1 - i];
	return value;
}

static const struct dof_site *
dof_site(const struct reader *reader, uint64_t address, const char *provider)
{
	size_t low = 0, high = reader->sites.count;
	const struct dof_site *site = reader->sites.site;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (site[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < reader->sites.count && site[low].address == address;
	    low++)
		if (strcmp(site[low].provider, provider) == 0)
			return &site[low];
	return NULL;
}

static struct probe *
add_probe(struct image *image)
{
	ROOM_FOR_ONE(image->probes, image->count, image->space);
	memset(&image->probes[image->count], 0, sizeof *image->probes);
	return &image->probes[image->count++];
}

static void
describe(struct probe *probe, const struct dof_site *site)
{
	probe->name = site->name;
	probe->function = site->function;
	probe->types = site->types;
	probe->type_count = site->argc;
}

/* An argument ends at a blank outside of brackets. */
size_t
image_operand(const char *text)
{
	size_t length;
	int depth = 0;

	for (length = 0; text[length] != '\0'; length++) {
		if (text[length] == ' ' && depth <= 0)
			break;
		if (text[length] == '[' || text[length] == '(')
			depth++;
		else if (text[length] == ']' || text[length] == ')')
			depth--;
	}
	return length;
}

static int
has_too_many(const char *args)
{
	size_t count;

	for (count = 0; count <= ARGUMENTS_MAX; count++) {
		args += strspn(args, " ");
		if (*args == '\0')
			return 0;
		args += image_operand(args);
	}
	return 1;
}

/* DESC is three addresses and three strings, SIZE bytes in all. */
static void
add_note(struct reader *reader, const uint8_t *desc, size_t size)
{
	size_t word = reader->header.e_ident[EI_CLASS] == ELFCLASS32 ? 4 : 8;
	const char *text = (const char *)desc + 3 * word;
	const char *string[3];
	const struct dof_site *site;
	struct probe *probe;
	uint64_t location, base;
	size_t left, i;

	if (size < 3 * word)
		return;
	left = size - 3 * word;
	for (i = 0; i < 3; i++) {
		string[i] = text;
		if (memchr(text, '\0', left) == NULL)
			return;
		left -= strlen(text) + 1;
		text += strlen(text) + 1;
	}
	location = load(reader, desc, word);
	base = load(reader, desc + word, word);
	probe = add_probe(reader->image);
	probe->provider = string[0];
	probe->name = probe->note_name = string[1];
	probe->note_args = string[2];
	site = dof_site(reader, location, probe->provider);
	if (site != NULL)
		describe(probe, site);
	probe->elsewhere = site == NULL && reader->sites.count > 0;
	probe->address = location;
	if (base != 0 && reader->base != 0)
		probe->moved = reader->base - base;
	probe->address += probe->moved;
	place(reader, probe, load(reader, desc + 2 * word, word));
	if (has_too_many(probe->note_args)) {
		probe->note_args = "";
		probe->unreachable = "more arguments than any probe has";
	}
}

static void
read_notes(struct reader *reader)
{
	Elf_Data *data = section_data(reader->notes), copy;
	size_t at = 0, next, name, desc;
	GElf_Nhdr note;

	if (data == NULL)
		return;
	copy = *data;		/* these strings outlive libelf's */
	copy.d_buf = xstrndup(data->d_buf, data->d_size);
	keep(reader->image, copy.d_buf);
	for (; (next = gelf_getnote(&copy, at, &note, &name, &desc)) > at;
	    at = next)
		if (note.n_type == 3 && note.n_namesz == 8 &&
		    memcmp((char *)copy.d_buf + name, "stapsdt", 8) == 0)
			add_note(reader, (uint8_t *)copy.d_buf + desc,
			    note.n_descsz);
}

/* --- DOF --- */

static void
read_dof(struct reader *reader)
{
	Elf_Data *data = section_data(reader->dof);
	uint8_t *bytes;

	if (data == NULL)
		return;
	bytes = (uint8_t *)xstrndup(data->d_buf, data->d_size);
	keep(reader->image, bytes);
	dof_read(&reader->sites, bytes, data->d_size);
	reader->image->dof = reader->sites.count > 0;
}

/* Probes that only DTrace can see: DOF of an image of ours without notes. */
static void
add_dof_only(struct reader *reader)
{
	size_t i;

	if (reader->image->count > 0)
		return;
	for (i = 0; i < reader->sites.count; i++) {
		const struct dof_site *site = &reader->sites.site[i];
		struct probe *probe = add_probe(reader->image);

		describe(probe, site);
		probe->provider = site->provider;
		probe->note_args = "";
		probe->address = site->address;
		place(reader, probe, 0);
		if (probe->unreachable)
			reader->image->count--;
	}
}

/* --- types --- */

static void
read_types(struct reader *reader)
{
	Elf_Data *data = section_data(reader->types);
	const struct usdt__arch *arch = image_arch(reader->image);

	if (data != NULL && arch != NULL)
		reader->image->types = types_read(data->d_buf, data->d_size,
		    arch);
}

/* --- direct events --- */

/* The build ID and its size; NULL: there is none. */
static const uint8_t *
build_id(const struct reader *reader, size_t *size)
{
	Elf_Data *data = section_data(reader->id);
	size_t name, desc;
	GElf_Nhdr note;

	if (data == NULL || gelf_getnote(data, 0, &note, &name, &desc) == 0 ||
	    note.n_type != NT_GNU_BUILD_ID)
		return NULL;
	*size = note.n_descsz;
	return (const uint8_t *)data->d_buf + desc;
}

static void
read_id(struct reader *reader)
{
	size_t size;
	const uint8_t *id = build_id(reader, &size);

	if (id != NULL && size == sizeof reader->image->id)
		memcpy(reader->image->id, id, size);
}

/* Offsets of SIZE bytes of code at ADDRESS, which must all be in the file. */
static int
code_at(const struct reader *reader, uint64_t *address, uint64_t size)
{
	uint64_t first, last;

	if (size == 0 || *address + size < *address ||
	    to_offset(reader, *address, PF_X, 0, &first) < 0 ||
	    to_offset(reader, *address + size - 1, PF_X, 0, &last) < 0 ||
	    last - first != size - 1)
		return -1;
	*address = first;
	return 0;
}

/* A table with something wrong is as none: uprobes do without it. */
static void
read_direct(struct reader *reader)
{
	Elf_Data *data = section_data(reader->direct);
	struct usdt__direct direct;

	if (data == NULL || data->d_size != sizeof direct || reader->id == NULL)
		return;
	memcpy(&direct, data->d_buf, sizeof direct);
	if (direct.magic != USDT__DIRECT_MAGIC || direct.stride == 0 ||
	    direct.stride > 64 || (direct.stub != 32 && direct.stub != 64) ||
	    direct.stubs % direct.stub != 0 ||
	    direct.stubs / USDT__CELL > USDT__RING_COUNTERS ||
	    code_at(reader, &direct.sites, (uint64_t)direct.gates *
	    direct.stride) < 0 || code_at(reader, &direct.announcer, 1) < 0 ||
	    code_at(reader, &direct.text, direct.stubs) < 0)
		return;
	reader->image->direct = direct;
	read_id(reader);
}

/* --- symbols --- */

/*
 * A longer name is broken; it would be held and printed for each probe of that
 * function.
 */
#define SYMBOL_MAX	1024

struct symbol {
	uint64_t address, size;
	const char *name;
	size_t order;		/* in the file */
	int function;
	int ambiguous;		/* first of several of one name, at
				 * different addresses */
};

struct symbols {
	struct symbol *symbol;
	size_t count, space;
};

/* The bytes of a string table, with a zero at the end, or NULL. */
static const char *
string_table(struct reader *reader, size_t index, size_t *size)
{
	Elf_Scn *section = elf_getscn(reader->elf, index);
	Elf_Data *data = section_data(section);
	GElf_Shdr header;
	char *copy;

	if (data == NULL || gelf_getshdr(section, &header) == NULL ||
	    header.sh_type != SHT_STRTAB)
		return NULL;
	copy = xstrndup(data->d_buf, data->d_size);
	keep(reader->image, copy);
	*size = data->d_size;
	return copy;
}

static void
add_symbols(struct reader *reader, Elf_Scn *section, struct symbols *symbols)
{
	Elf_Data *data = section_data(section);
	const char *names;
	GElf_Shdr header;
	GElf_Sym sym;
	size_t size;
	int i;

	if (data == NULL || gelf_getshdr(section, &header) == NULL)
		return;
	names = string_table(reader, header.sh_link, &size);
	if (names == NULL)
		return;
	for (i = 0; gelf_getsym(data, i, &sym) != NULL; i++) {
		if (sym.st_shndx == SHN_UNDEF || sym.st_name >= size ||
		    GELF_ST_TYPE(sym.st_info) == STT_FILE ||
		    strnlen(names + sym.st_name, SYMBOL_MAX) == SYMBOL_MAX)
			continue;
		ROOM_FOR_ONE(symbols->symbol, symbols->count, symbols->space);
		symbols->symbol[symbols->count] = (struct symbol){
			sym.st_value, sym.st_size, names + sym.st_name,
			symbols->count, GELF_ST_TYPE(sym.st_info) == STT_FUNC, 0
		};
		symbols->count++;
	}
}

static int
by_address(const void *one, const void *other)
{
	const struct symbol *a = one, *b = other;

	return a->address < b->address ? -1 : a->address > b->address;
}

/* Of equal names the first in the file comes first. */
static int
by_name(const void *one, const void *other)
{
	const struct symbol *a = one, *b = other;
	int order = strcmp(a->name, b->name);

	if (order != 0)
		return order;
	return a->order < b->order ? -1 : a->order > b->order;
}

/* The function that ADDRESS is in, or NULL. */
static const struct symbol *
find_function(const struct symbols *functions, uint64_t address)
{
	size_t low = 0, high = functions->count;
	const struct symbol *symbol;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (functions->symbol[middle].address <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return NULL;
	symbol = &functions->symbol[low - 1];
	return address - symbol->address < symbol->size ? symbol : NULL;
}

/* Its name, or "". */
static const char *
function_at(const struct symbols *functions, uint64_t address)
{
	const struct symbol *symbol = find_function(functions, address);

	return symbol != NULL ? symbol->name : "";
}

/* Those of the symbols that are functions, by address. */
static struct symbols
functions_of(const struct symbols *symbols)
{
	struct symbols functions = { 0 };
	size_t i;

	for (i = 0; i < symbols->count; i++) {
		if (!symbols->symbol[i].function)
			continue;
		ROOM_FOR_ONE(functions.symbol, functions.count,
		    functions.space);
		functions.symbol[functions.count++] = symbols->symbol[i];
	}
	if (functions.count > 0)
		qsort(functions.symbol, functions.count,
		    sizeof *functions.symbol, by_address);
	return functions;
}

/* Find the functions of probes for which DOF has none. */
static void
name_functions(struct image *image, const struct symbols *symbols)
{
	struct symbols functions = functions_of(symbols);
	size_t i;

	for (i = 0; i < image->count; i++)
		if (image->probes[i].function == NULL)
			image->probes[i].function = function_at(&functions,
			    image->probes[i].address);
	free(functions.symbol);
}

/*
 * Static variables of several objects may have one name.  Mark such names,
 * since an operand does not say which it means.
 */
static void
mark_ambiguous(const struct symbols *symbols)
{
	struct symbol *first = symbols->symbol;
	size_t i;

	for (i = 1; i < symbols->count; i++) {
		const struct symbol *symbol = &symbols->symbol[i];

		if (strcmp(symbol->name, first->name) != 0)
			first = &symbols->symbol[i];
		else if (symbol->address != first->address)
			first->ambiguous = 1;
	}
}

/*
 * Read the symbols if functions have no name yet, or if operands name symbols.
 * The latter are kept and sorted, since a file may have as many operands as
 * symbols.
 */
static void
read_symbols(struct reader *reader)
{
	struct image *image = reader->image;
	struct symbols symbols = { 0 };
	int functions = 0, operands = 0;
	size_t i;

	for (i = 0; i < image->count; i++) {
		functions |= image->probes[i].function == NULL;
		operands |= strstr(image->probes[i].note_args, "(%rip)") !=
		    NULL;
	}
	if (functions || operands) {
		add_symbols(reader, reader->symbols[0], &symbols);
		add_symbols(reader, reader->symbols[1], &symbols);
	}
	name_functions(image, &symbols);
	if (operands && symbols.count > 0) {
		qsort(symbols.symbol, symbols.count, sizeof *symbols.symbol,
		    by_name);
		mark_ambiguous(&symbols);
		image->symbols = symbols.symbol;
		image->symbol_count = symbols.count;
	} else {
		free(symbols.symbol);
	}
}

/* --- functions of a file --- */

struct functions {
	struct image *images[2];	/* have the names; the second one may be
					 * NULL */
	struct symbols list;
	GElf_Phdr *segments;
	size_t segment_count;
	struct debug_link link;
	int stripped;
};

/* SYMBOLS become functions; they are freed. */
static void
add_functions(struct functions *functions, struct symbols *symbols)
{
	struct symbols *list = &functions->list;
	size_t i;

	for (i = 0; i < list->count; i++) {
		ROOM_FOR_ONE(symbols->symbol, symbols->count, symbols->space);
		symbols->symbol[symbols->count++] = list->symbol[i];
	}
	free(list->symbol);
	*list = functions_of(symbols);
	free(symbols->symbol);
}

/* A name with the checksum of the file, on a boundary of four bytes. */
static void
read_link(const struct reader *reader, struct debug_link *link)
{
	Elf_Data *data = section_data(reader->link);
	size_t length, size;
	const uint8_t *id = build_id(reader, &size);

	if (id != NULL && size >= 2 && size <= sizeof link->id) {
		memcpy(link->id, id, size);
		link->id_size = size;
	}
	if (data == NULL)
		return;
	length = strnlen(data->d_buf, data->d_size);
	if (length == 0 || length >= sizeof link->name ||
	    (length + 4) / 4 * 4 + 4 > data->d_size ||
	    memchr(data->d_buf, '/', length) != NULL)
		return;
	memcpy(link->name, data->d_buf, length + 1);
	link->checksum = (uint32_t)load(reader, (const uint8_t *)data->d_buf +
	    (length + 4) / 4 * 4, 4);
}

struct functions *
functions_read(int fd)
{
	struct functions *functions;
	struct symbols symbols = { 0 };
	struct reader reader;

	if (open_elf(&reader, fd) < 0)
		return NULL;
	add_symbols(&reader, reader.symbols[0], &symbols);
	add_symbols(&reader, reader.symbols[1], &symbols);
	functions = xcalloc(1, sizeof *functions);
	add_functions(functions, &symbols);
	read_link(&reader, &functions->link);
	functions->stripped = reader.symbols[0] == NULL;
	functions->images[0] = reader.image;
	functions->segments = reader.segments;
	functions->segment_count = reader.segment_count;
	reader.segments = NULL;
	close_elf(&reader);
	return functions;
}

const struct debug_link *
functions_link(const struct functions *functions)
{
	return functions->stripped ? &functions->link : NULL;
}

int
functions_add(struct functions *functions, int fd)
{
	const struct debug_link *link = &functions->link;
	struct symbols symbols = { 0 };
	struct reader reader;
	const uint8_t *id;
	size_t size = 0;
	int fits;

	if (!functions->stripped || open_elf(&reader, fd) < 0)
		return -1;
	id = build_id(&reader, &size);
	fits = reader.symbols[0] != NULL && (link->id_size == 0 ||
	    (id != NULL && size == link->id_size &&
	    memcmp(id, link->id, size) == 0));
	if (fits) {
		add_symbols(&reader, reader.symbols[0], &symbols);
		add_functions(functions, &symbols);
		functions->images[1] = reader.image;
		functions->stripped = 0;
	} else {
		image_free(reader.image);
	}
	close_elf(&reader);
	return fits ? 0 : -1;
}

void
functions_free(struct functions *functions)
{
	if (functions == NULL)
		return;
	image_free(functions->images[0]);
	image_free(functions->images[1]);
	free(functions->list.symbol);
	free(functions->segments);
	free(functions);
}

const char *
functions_at(const struct functions *functions, uint64_t offset,
    uint64_t *begin)
{
	const struct symbol *symbol;
	size_t i;

	for (i = 0; i < functions->segment_count; i++) {
		const GElf_Phdr *s = &functions->segments[i];

		if (s->p_type != PT_LOAD || (s->p_flags & PF_X) == 0 ||
		    offset < s->p_offset ||
		    offset - s->p_offset >= s->p_filesz)
			continue;
		symbol = find_function(&functions->list, offset -
		    s->p_offset + s->p_vaddr);
		if (symbol == NULL)
			return NULL;
		*begin = symbol->address - s->p_vaddr + s->p_offset;
		return symbol->name;
	}
	return NULL;
}

/* --- code of programs --- */

/* Is ELSEWHERE another site of the same probe? */
static int
is_site_of(const struct probe *elsewhere, const struct probe *probe)
{
	return !probe->elsewhere && probe->note_name != NULL &&
	    elsewhere->semaphore == probe->semaphore &&
	    strcmp(elsewhere->note_name, probe->note_name) == 0 &&
	    strcmp(elsewhere->provider, probe->provider) == 0 &&
	    strcmp(elsewhere->function, probe->function) == 0;
}

/*
 * A probe of ours may have a site in code that a program made
 * (usdt_probe_set_code).  DOF says nothing of it, but it has the same arguments
 * as the probe's other site.
 */
static void
describe_elsewhere(struct image *image)
{
	struct probe *probe, *other, *end;

	if (image->count == 0)
		return;
	end = image->probes + image->count;
	for (probe = image->probes; probe < end; probe++)
		for (other = image->probes; probe->elsewhere && other < end;
		    other++)
			if (is_site_of(probe, other)) {
				probe->name = other->name;
				probe->types = other->types;
				probe->type_count = other->type_count;
				probe->twin = other;
				other->twin = probe;
				break;
			}
}

/* --- entry points --- */

const struct usdt__arch *
image_arch(const struct image *image)
{
	size_t i;

	for (i = 0; i < usdt__arch_count; i++)
		if (usdt__archs[i].elf_machine == image->machine)
			return &usdt__archs[i];
	return NULL;
}

struct image *
image_read(int fd)
{
	struct reader reader;

	if (open_elf(&reader, fd) < 0)
		return NULL;
	read_dof(&reader);
	read_notes(&reader);
	add_dof_only(&reader);
	read_types(&reader);
	read_direct(&reader);
	read_symbols(&reader);
	describe_elsewhere(reader.image);
	close_elf(&reader);
	return reader.image;
}

void
image_free(struct image *image)
{
	size_t i;

	if (image == NULL)
		return;
	for (i = 0; i < image->block_count; i++)
		free(image->blocks[i]);
	free(image->blocks);
	types_free(image->types);
	free(image->symbols);
	free(image->probes);
	free(image);
}

int
image_symbol(const struct image *image, const char *name, size_t length,
    uint64_t *address)
{
	const struct symbol *symbol = image->symbols;
	size_t low = 0, high = image->symbol_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strncmp(symbol[middle].name, name, length) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	/* This is the shortest of the symbols that begin with NAME. */
	if (low == image->symbol_count ||
	    strncmp(symbol[low].name, name, length) != 0 ||
	    symbol[low].name[length] != '\0')
		return -1;
	*address = symbol[low].address;
	return symbol[low].ambiguous ? -1 : 0;
}
