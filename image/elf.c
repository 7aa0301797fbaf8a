/*
 * image/elf.c - which bytes make a probe image?
 *
 * A pure builder, like usdt_dof.c: description, processor and stub in, bytes
 * out.  The image is a shared object without addresses of a process, pids or
 * times, so all processes with the same probes can map one file.  Addresses in
 * it are offsets in the file.
 *
 *	R	ELF header, program headers, build-id, .eh_frame_hdr, .eh_frame,
 *		.stapsdt.base, DOF, .usdt.direct
 *	R-X	.text: a stub for each probe, the announcer's stub, code of the
 *		caller's, and a direct site for each name
 *	RW-	.probes: a gate for each name, its semaphore first
 *	-	SDT notes, a symbol for each stub, section headers
 *
 * A note's location is the DOF site, and .stapsdt.base moves it to the SDT
 * site before it.  Readers of notes that know prelink (libbpf, perf, SystemTap)
 * apply the base and find the SDT site.  DTrace ignores the base, so it sees
 * one probe at one address in notes and in DOF.
 *
 * The section headers have the order that bcc needs: the first executable
 * section, then .probes, then the notes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "image/image.h"

enum section {
	SECTION_NULL, SECTION_BUILD_ID, SECTION_UNWIND_HEAD, SECTION_UNWIND,
	SECTION_BASE, SECTION_DOF, SECTION_TEXT, SECTION_GATES, SECTION_NOTE,
	SECTION_SYMTAB, SECTION_STRTAB, SECTION_SHSTRTAB,
	/* Those that not every image has; bcc wants them behind the others. */
	SECTION_DIRECT, SECTION_ABBREV, SECTION_INFO, SECTION_ARANGES,
	SECTION_TYPES, SECTIONS
};

static const char *const section_names[SECTIONS] = {
	"", ".note.gnu.build-id", ".eh_frame_hdr", ".eh_frame",
	".stapsdt.base", ".SUNW_dof", ".text", ".probes", ".note.stapsdt",
	".symtab", ".strtab", ".shstrtab", USDT__DIRECT_SECTION,
	".debug_abbrev", ".debug_info", ".debug_aranges", ".usdt.types"
};

#define SEGMENTS	6

/* ELF's constants. */
enum {
	PT_LOAD = 1, PT_NOTE = 4, PT_GNU_EH_FRAME = 0x6474e550,
	PT_GNU_STACK = 0x6474e551,
	PF_X = 1, PF_W = 2, PF_R = 4,
	SHT_PROGBITS = 1, SHT_SYMTAB = 2, SHT_STRTAB = 3, SHT_NOTE = 7,
	SHF_WRITE = 1, SHF_ALLOC = 2, SHF_EXECINSTR = 4,
	ET_DYN = 3, STT_FUNC = 2,
	NT_GNU_BUILD_ID = 3, NT_STAPSDT = 3
};

static int
has_section(const struct usdt__elf *elf, int section)
{
	if (section == SECTION_DIRECT)
		return elf->direct != 0;
	return section < SECTION_DIRECT || elf->description->typed;
}

static size_t
section_count(const struct usdt__elf *elf)
{
	size_t n = 0;
	int i;

	for (i = 0; i < SECTIONS; i++)
		n += (size_t)has_section(elf, i);
	return n;
}

/* The bytes of all sections' names. */
static size_t
section_names_size(const struct usdt__elf *elf)
{
	size_t size = 0;
	int i;

	for (i = 0; i < SECTIONS; i++)
		if (has_section(elf, i))
			size += strlen(section_names[i]) + 1;
	return size;
}

/* The address of the next bytes, which has room for them. */
struct out {
	uint8_t *p;
	const struct usdt__arch *arch;
	int word, big_endian;	/* the processor's, which the compiler need not
				 * load again after each byte */
};

static inline void
put(struct out *out, size_t size, uint64_t value)
{
	usdt__store(out->p, size, value, out->big_endian);
	out->p += size;
}

static inline void
put_word(struct out *out, uint64_t value)
{
	if (out->word == 8)	/* stores of known sizes are single ones */
		put(out, 8, value);
	else
		put(out, 4, value);
}

/* Room for a structure of SIZE bytes. */
static struct out
room(const struct usdt__elf *elf, struct usdt__sink *sink, size_t size)
{
	return (struct out){ usdt__sink_room(sink, size), elf->arch,
	    elf->arch->word, elf->arch->big_endian };
}

/* Sizes of ELF's structures in the two classes. */
static size_t
class_size(const struct usdt__arch *arch, size_t elf64, size_t elf32)
{
	return arch->word == 8 ? elf64 : elf32;
}

#define EHDR_SIZE(arch)	class_size(arch, 64, 52)
#define PHDR_SIZE(arch)	class_size(arch, 56, 32)
#define SHDR_SIZE(arch)	class_size(arch, 64, 40)
#define SYM_SIZE(arch)	class_size(arch, 24, 16)

#define NOTE_HEADER_SIZE	12
#define STAPSDT			"stapsdt"

/* A symbol for each stub, for code, and for each uprobe site. */
static size_t
symbol_count(const struct usdt__elf *elf)
{
	return elf->description->count * (elf->description->typed ? 2 : 1) +
	    elf->codes;
}

/*
 * The code of a probe, or NULL.  *AT is where the code before it ends, from the
 * first stub; it becomes where this code begins.
 */
static const struct usdt__code *
code_at(const struct usdt__elf *elf, size_t probe, size_t *at)
{
	const struct usdt__code *code =
	    elf->description->probes[probe]->state->code;

	if (code != NULL)
		*at = usdt__code_place(code, *at);
	return code;
}

/* The bytes of a note with its arguments, as a whole and behind its header. */
static size_t
note_body(const struct usdt__elf *elf, size_t name, size_t args)
{
	return 3 * (size_t)elf->arch->word +
	    strlen(elf->description->provider) + 1 + name + args + 1;
}

static size_t
note_bytes(const struct usdt__elf *elf, size_t name, size_t args)
{
	return usdt__align(NOTE_HEADER_SIZE + sizeof STAPSDT +
	    note_body(elf, name, args), 4);
}

/*
 * Behind the stubs: code of the caller's.  Its notes lead to sites of its own,
 * with operands of its own.  Forked children need mending for its nops, too.
 */
static void
lay_out_code(struct usdt__elf *elf)
{
	const struct usdt__description *description = elf->description;
	struct usdt__extent scratch;
	size_t i, at = elf->stubs_size;

	for (i = 0; i < description->count; i++) {
		const struct usdt__code *code = code_at(elf, i, &at);

		if (code == NULL)
			continue;
		at += code->size;
		elf->codes++;
		if (code->nop > 1)
			elf->spare = elf->arch->page;
		if (elf->notes)
			elf->note_size += note_bytes(elf,
			    usdt__extent_of(description, i, &scratch)->
			    note_name, strlen(code->operands));
	}
	elf->text_size = at;
}

/*
 * If readers of direct events can watch it: the text has one more stub, and
 * behind everything else the sites.
 */
static void
lay_out_direct(struct usdt__elf *elf)
{
	const struct usdt__description *description = elf->description;

	elf->stubs_size = description->count * elf->stub->size;
	if (!elf->notes || elf->arch->direct == 0 ||
	    elf->stubs_size > (size_t)USDT__RING_COUNTERS * USDT__CELL)
		return;
	elf->direct = usdt__align(elf->text + sizeof(struct usdt__direct),
	    elf->arch->page);
	elf->text = elf->direct;
	elf->direct -= sizeof(struct usdt__direct);
	elf->stubs_size += elf->stub->size;
}

static void
lay_out_sites(struct usdt__elf *elf)
{
	if (elf->direct == 0)
		return;
	elf->sites = usdt__align(elf->text + elf->text_size,
	    elf->arch->direct);
	elf->text_size = elf->sites - elf->text +
	    elf->description->gate_count * elf->arch->direct;
}

/* Where the sections of names and structs are, from AT on; returns the end. */
static size_t
lay_out_types(struct usdt__elf *elf, size_t at)
{
	usdt__dwarf_layout(&elf->dwarf, elf->description, elf->arch,
	    elf->stub);
	elf->abbrev = at;
	elf->info = elf->abbrev + elf->dwarf.abbrev_size;
	elf->aranges = usdt__align(elf->info + elf->dwarf.info_size, 16);
	elf->types = elf->aranges + USDT__DWARF_ARANGES(
	    (size_t)elf->arch->word);
	elf->types_size = usdt__types_size(elf->description, elf->arch);
	return elf->types + elf->types_size;
}

int
usdt__elf_layout(struct usdt__elf *elf,
    const struct usdt__description *description,
    const struct usdt__platform *row, const struct usdt__arch *arch,
    const struct usdt__stub *stub, int notes, struct usdt__why *why)
{
	struct usdt__operands operands = { .length = 0 };
	struct usdt__extent scratch;
	size_t i, at, count = description->count;

	memset(elf, 0, sizeof *elf);
	elf->description = description;
	elf->arch = arch;
	elf->stub = stub;
	elf->notes = notes;
	if (usdt__dof_layout(&elf->dof, description, row, arch, why) < 0)
		return -1;

	at = EHDR_SIZE(arch) + SEGMENTS * PHDR_SIZE(arch);
	elf->build_id = usdt__align(at, 4);
	elf->unwind = usdt__align(elf->build_id + USDT__BUILD_ID_SIZE, 8);
	elf->unwind_size = usdt__unwind_write(arch, stub, 0, 0, NULL);
	elf->base = elf->unwind + elf->unwind_size;
	elf->document = usdt__align(elf->base + 1, 8);
	elf->text = elf->document + elf->dof.size;
	lay_out_direct(elf);
	elf->text = usdt__align(elf->text, arch->page);
	elf->spare = stub->nop > 1 ? arch->page : 0;
	lay_out_code(elf);
	lay_out_sites(elf);
	elf->gates = usdt__align(elf->text + elf->text_size, arch->page) +
	    elf->spare;
	elf->gates_size = description->gate_count * sizeof(uint32_t);
	elf->map_size = usdt__align(elf->gates + elf->gates_size, arch->page);

	elf->note = elf->gates + elf->gates_size;
	elf->strtab_size = 1;
	for (i = 0; i < count; i++) {
		const struct usdt__extent *extent = usdt__extent_of(description,
		    i, &scratch);

		if (notes)
			elf->note_size += note_bytes(elf, extent->note_name,
			    usdt__operands_format(description->probes[i],
			    extent->same_types, arch, &operands));
		if (!extent->same_function)
			elf->strtab_size += extent->function;
		if (description->typed)
			elf->strtab_size += extent->note_name;
	}
	elf->symtab = usdt__align(elf->note + elf->note_size, 8);
	elf->symtab_size = (symbol_count(elf) + 1) * SYM_SIZE(arch);
	elf->strtab = elf->symtab + elf->symtab_size;
	elf->shstrtab = elf->strtab + elf->strtab_size;
	at = elf->shstrtab + section_names_size(elf);
	if (description->typed)
		at = lay_out_types(elf, at);
	elf->headers = usdt__align(at, 8);
	elf->size = elf->headers + section_count(elf) * SHDR_SIZE(arch);
	return 0;
}

static void
write_ehdr(const struct usdt__elf *elf, struct usdt__sink *sink)
{
	const struct usdt__arch *arch = elf->arch;
	struct out out = room(elf, sink, EHDR_SIZE(arch));

	memcpy(out.p, "\177ELF", 4);
	out.p += 4;
	put(&out, 1, arch->word == 8 ? 2 : 1);		/* EI_CLASS */
	put(&out, 1, arch->big_endian ? 2 : 1);		/* EI_DATA */
	put(&out, 1, 1);				/* EI_VERSION */
	put(&out, 1, 0);				/* EI_OSABI */
	put(&out, 8, 0);
	put(&out, 2, ET_DYN);
	put(&out, 2, arch->elf_machine);
	put(&out, 4, 1);				/* e_version */
	put_word(&out, 0);				/* e_entry */
	put_word(&out, EHDR_SIZE(arch));		/* e_phoff */
	put_word(&out, elf->headers);			/* e_shoff */
	put(&out, 4, arch->elf_flags);
	put(&out, 2, EHDR_SIZE(arch));
	put(&out, 2, PHDR_SIZE(arch));
	put(&out, 2, SEGMENTS);
	put(&out, 2, SHDR_SIZE(arch));
	put(&out, 2, section_count(elf));
	put(&out, 2, SECTION_SHSTRTAB);
}

static void
write_phdr(struct out *out, uint32_t type, uint32_t flags, uint64_t offset,
    uint64_t size, uint64_t align)
{
	put(out, 4, type);
	if (out->arch->word == 8)
		put(out, 4, flags);
	put_word(out, offset);
	put_word(out, offset);		/* p_vaddr */
	put_word(out, offset);		/* p_paddr */
	put_word(out, size);		/* p_filesz */
	put_word(out, size);		/* p_memsz */
	if (out->arch->word == 4)
		put(out, 4, flags);
	put_word(out, align);
}

static void
write_phdrs(const struct usdt__elf *elf, struct usdt__sink *sink)
{
	uint64_t page = elf->arch->page;
	struct out out = room(elf, sink, SEGMENTS * PHDR_SIZE(elf->arch));

	write_phdr(&out, PT_LOAD, PF_R, 0, elf->direct != 0 ? elf->text :
	    elf->document + elf->dof.size, page);
	write_phdr(&out, PT_LOAD, PF_R | PF_X, elf->text, elf->text_size,
	    page);
	write_phdr(&out, PT_LOAD, PF_R | PF_W, elf->gates, elf->gates_size,
	    page);
	write_phdr(&out, PT_NOTE, PF_R, elf->build_id, USDT__BUILD_ID_SIZE, 4);
	write_phdr(&out, PT_GNU_EH_FRAME, PF_R, elf->unwind, USDT__UNWIND_HEAD,
	    4);
	write_phdr(&out, PT_GNU_STACK, PF_R | PF_W, 0, 0, 16);
}

/* A note's header and its owner's name. */
static void
write_note_header(const struct usdt__elf *elf, struct usdt__sink *sink,
    const char *owner, size_t desc_size, uint32_t type)
{
	struct out out = room(elf, sink, NOTE_HEADER_SIZE);

	put(&out, 4, strlen(owner) + 1);
	put(&out, 4, desc_size);
	put(&out, 4, type);
	usdt__sink_string(sink, owner);
}

void
usdt__build_id_write(const struct usdt__elf *elf,
    const uint8_t id[USDT__ID_SIZE], struct usdt__sink *sink)
{
	write_note_header(elf, sink, "GNU", USDT__ID_SIZE, NT_GNU_BUILD_ID);
	usdt__sink_write(sink, id, USDT__ID_SIZE);
}

static void
write_unwind(const struct usdt__elf *elf, struct usdt__sink *sink)
{
	uint8_t bytes[USDT__UNWIND_MAX];

	usdt__unwind_write(elf->arch, elf->stub, elf->text - elf->unwind,
	    elf->stubs_size, bytes);
	usdt__sink_write(sink, bytes, elf->unwind_size);
}

/* Where the announcer's stub begins. */
static size_t
announcer_of(const struct usdt__elf *elf)
{
	return elf->text + elf->description->count * elf->stub->size;
}

static void
write_direct(const struct usdt__elf *elf, struct usdt__sink *sink)
{
	struct out out;

	usdt__sink_pad(sink, elf->direct);
	out = room(elf, sink, sizeof(struct usdt__direct));
	put(&out, 8, USDT__DIRECT_MAGIC);
	put(&out, 8, elf->sites);
	put(&out, 8, announcer_of(elf) + elf->stub->sdt_site);
	put(&out, 4, elf->arch->direct);
	put(&out, 4, elf->description->gate_count);
	put(&out, 4, announcer_of(elf) - elf->text);
	put(&out, 4, elf->stub->size);
	put(&out, 4, elf->build_id);
	put(&out, 4, 0);
	put(&out, 8, elf->text);
	put(&out, 8, 0);
}

static void
write_sites(const struct usdt__elf *elf, struct usdt__sink *sink)
{
	struct out out;
	size_t i;

	usdt__sink_pad(sink, elf->sites);
	for (i = 0; i < elf->description->gate_count; i++) {
		out = room(elf, sink, elf->arch->direct);
		put(&out, elf->arch->direct, elf->arch->direct_nop);
	}
}

static void
write_text(const struct usdt__elf *elf, struct usdt__sink *sink)
{
	size_t i, at = elf->stubs_size;

	for (i = 0; i < elf->description->count + (elf->direct != 0); i++)
		memcpy(usdt__sink_room(sink, elf->stub->size),
		    elf->stub->code, elf->stub->size);
	for (i = 0; i < elf->description->count; i++) {
		const struct usdt__code *code = code_at(elf, i, &at);

		if (code == NULL)
			continue;
		usdt__sink_pad(sink, elf->text + at);
		usdt__sink_write(sink, code->bytes, code->size);
		at += code->size;
	}
	if (elf->direct != 0)
		write_sites(elf, sink);
}

/* A note of probe INDEX, whose SDT site is SITE bytes after the first stub. */
static void
write_note(const struct usdt__elf *elf, size_t index, size_t site,
    const char *args, size_t args_length, struct usdt__sink *sink)
{
	const struct usdt__description *description = elf->description;
	uint32_t shift = elf->stub->dof_site - elf->stub->sdt_site;
	struct usdt__extent scratch;
	size_t gate = description->gate_of != NULL ?
	    description->gate_of[index] : index;
	size_t provider = strlen(description->provider) + 1;
	const struct usdt__extent *extent = usdt__extent_of(description, index,
	    &scratch);
	size_t size = note_body(elf, extent->note_name, args_length);
	struct out out;

	write_note_header(elf, sink, STAPSDT, size, NT_STAPSDT);
	out = room(elf, sink, size);
	put_word(&out, elf->text + site + shift);
	put_word(&out, elf->base + shift);
	put_word(&out, elf->gates + gate * sizeof(uint32_t));
	size -= 3 * (size_t)elf->arch->word + args_length + 1;
	memcpy(out.p, description->provider, provider);
	usdt__put_note_name(description->probes[index], extent,
	    out.p + provider);
	memcpy(out.p + size, args, args_length + 1);
	usdt__sink_pad(sink, elf->note +
	    usdt__align(usdt__sink_at(sink) - elf->note, 4));
}

static void
write_notes(const struct usdt__elf *elf, struct usdt__sink *sink)
{
	const struct usdt__description *description = elf->description;
	struct usdt__operands operands = { .length = 0 };
	struct usdt__extent scratch;
	const struct usdt__code *code;
	size_t i, length, at = elf->stubs_size;

	for (i = 0; i < description->count; i++) {
		length = usdt__operands_format(description->probes[i],
		    usdt__extent_of(description, i, &scratch)->same_types,
		    elf->arch, &operands);
		write_note(elf, i, i * elf->stub->size + elf->stub->sdt_site,
		    operands.text, length, sink);
	}
	for (i = 0; elf->codes > 0 && i < description->count; i++) {
		code = code_at(elf, i, &at);
		if (code == NULL)
			continue;
		write_note(elf, i, at + code->site, code->operands,
		    strlen(code->operands), sink);
		at += code->size;
	}
}

static void
write_symbol(const struct usdt__elf *elf, size_t name, uint64_t value,
    uint64_t size, struct usdt__sink *sink)
{
	struct out out = room(elf, sink, SYM_SIZE(elf->arch));

	put(&out, 4, name);
	if (out.word == 4) {
		put(&out, 4, value);
		put(&out, 4, size);
	}
	put(&out, 1, size ? STT_FUNC : 0);	/* local */
	put(&out, 1, 0);
	put(&out, 2, size ? SECTION_TEXT : 0);
	if (out.word == 8) {
		put(&out, 8, value);
		put(&out, 8, size);
	}
}

/*
 * A symbol for each uprobe site, named as in the note.  It ends before DTrace's
 * site, or else dtrace -p would list the probe twice.
 */
static void
write_site_symbols(const struct usdt__elf *elf, size_t name,
    struct usdt__sink *sink)
{
	const struct usdt__description *description = elf->description;
	const struct usdt__stub *stub = elf->stub;
	struct usdt__extent scratch;
	size_t i;

	for (i = 0; i < description->count; i++) {
		write_symbol(elf, name, elf->text + i * stub->size +
		    stub->uprobe_site, stub->sdt_site - stub->uprobe_site,
		    sink);
		name += usdt__extent_of(description, i, &scratch)->note_name;
	}
}

/* A symbol for code, of its probe's function; the name is at NAME. */
static size_t
write_code_symbol(const struct usdt__elf *elf, size_t probe, size_t name,
    size_t at, struct usdt__sink *sink)
{
	const struct usdt__code *code = code_at(elf, probe, &at);

	if (code == NULL)
		return at;
	write_symbol(elf, name, elf->text + at, code->size, sink);
	return at + code->size;
}

/*
 * A symbol for each stub, named as the probe's function.  Consecutive probes of
 * one function share its name in .strtab.
 */
static void
write_symbols(const struct usdt__elf *elf, struct usdt__sink *sink)
{
	const struct usdt__description *description = elf->description;
	size_t i, name = 0, end = 1;
	size_t at = elf->stubs_size;
	struct usdt__extent scratch;

	write_symbol(elf, 0, 0, 0, sink);
	for (i = 0; i < description->count; i++) {
		const struct usdt__extent *extent = usdt__extent_of(description,
		    i, &scratch);

		if (!extent->same_function) {
			name = end;
			end += extent->function;
		}
		write_symbol(elf, name, elf->text + i * elf->stub->size,
		    elf->stub->size, sink);
		at = write_code_symbol(elf, i, name, at, sink);
	}
	if (description->typed)
		write_site_symbols(elf, end, sink);
}

static void
write_symbol_names(const struct usdt__elf *elf, struct usdt__sink *sink)
{
	const struct usdt__description *description = elf->description;
	struct usdt__extent scratch;
	size_t i;

	usdt__sink_string(sink, "");
	for (i = 0; i < description->count; i++)
		if (!usdt__extent_of(description, i, &scratch)->same_function)
			usdt__sink_string(sink,
			    description->probes[i]->function);
	for (i = 0; description->typed && i < description->count; i++) {
		const struct usdt__extent *extent = usdt__extent_of(description,
		    i, &scratch);

		usdt__put_note_name(description->probes[i], extent,
		    usdt__sink_room(sink, extent->note_name));
	}
}

static void
write_shdr(const struct usdt__elf *elf, struct out *out, enum section section,
    uint32_t name)
{
	size_t frame = usdt__align(elf->unwind + USDT__UNWIND_HEAD,
	    elf->arch->word);
	const struct {
		uint32_t type, flags;
		size_t offset, size, link, info, align, entsize;
	} all[SECTIONS] = {
		[SECTION_BUILD_ID] = { SHT_NOTE, SHF_ALLOC, elf->build_id,
		    USDT__BUILD_ID_SIZE, 0, 0, 4, 0 },
		[SECTION_UNWIND_HEAD] = { SHT_PROGBITS, SHF_ALLOC, elf->unwind,
		    USDT__UNWIND_HEAD, 0, 0, 4, 0 },
		[SECTION_UNWIND] = { SHT_PROGBITS, SHF_ALLOC, frame,
		    elf->base - frame, 0, 0, elf->arch->word, 0 },
		[SECTION_BASE] = { SHT_PROGBITS, SHF_ALLOC, elf->base, 1, 0,
		    0, 1, 0 },
		[SECTION_DOF] = { SHT_PROGBITS, SHF_ALLOC, elf->document,
		    elf->dof.size, 0, 0, 8, 0 },
		[SECTION_TEXT] = { SHT_PROGBITS, SHF_ALLOC | SHF_EXECINSTR,
		    elf->text, elf->text_size, 0, 0, elf->stub->size, 0 },
		[SECTION_GATES] = { SHT_PROGBITS, SHF_ALLOC | SHF_WRITE,
		    elf->gates, elf->gates_size, 0, 0, 4, 0 },
		[SECTION_NOTE] = { SHT_NOTE, 0, elf->note, elf->note_size, 0,
		    0, 4, 0 },
		[SECTION_SYMTAB] = { SHT_SYMTAB, 0, elf->symtab,
		    elf->symtab_size, SECTION_STRTAB,
		    symbol_count(elf) + 1, 8, SYM_SIZE(elf->arch) },
		[SECTION_STRTAB] = { SHT_STRTAB, 0, elf->strtab,
		    elf->strtab_size, 0, 0, 1, 0 },
		[SECTION_SHSTRTAB] = { SHT_STRTAB, 0, elf->shstrtab,
		    0, 0, 0, 1, 0 },
		[SECTION_DIRECT] = { SHT_PROGBITS, SHF_ALLOC, elf->direct,
		    sizeof(struct usdt__direct), 0, 0, 8, 0 },
		[SECTION_ABBREV] = { SHT_PROGBITS, 0, elf->abbrev,
		    elf->dwarf.abbrev_size, 0, 0, 1, 0 },
		[SECTION_INFO] = { SHT_PROGBITS, 0, elf->info,
		    elf->dwarf.info_size, 0, 0, 1, 0 },
		[SECTION_ARANGES] = { SHT_PROGBITS, 0, elf->aranges,
		    USDT__DWARF_ARANGES((size_t)elf->arch->word), 0, 0, 16,
		    0 },
		[SECTION_TYPES] = { SHT_PROGBITS, 0, elf->types,
		    elf->types_size, 0, 0, 1, 0 },
	};
	size_t size = all[section].size;

	if (section == SECTION_SHSTRTAB)
		size = section_names_size(elf);
	put(out, 4, name);
	put(out, 4, all[section].type);
	put_word(out, all[section].flags);
	put_word(out, all[section].flags & SHF_ALLOC ?
	    all[section].offset : 0);
	put_word(out, all[section].offset);
	put_word(out, size);
	put(out, 4, all[section].link);
	put(out, 4, all[section].info);
	put_word(out, all[section].align);
	put_word(out, all[section].entsize);
}

static void
write_types(const struct usdt__elf *elf, struct usdt__sink *sink)
{
	struct usdt__dwarf dwarf = elf->dwarf;

	usdt__dwarf_abbrev(sink);
	usdt__dwarf_info(&dwarf, elf->stub, elf->text, sink);
	usdt__sink_pad(sink, elf->aranges);
	usdt__dwarf_aranges(&elf->dwarf, elf->stub, elf->text, sink);
	usdt__types_emit(elf->description, elf->arch, sink);
}

static void
write_sections(const struct usdt__elf *elf, struct usdt__sink *sink)
{
	size_t size = SHDR_SIZE(elf->arch);
	uint32_t name = 0;
	struct out out;
	int i;

	for (i = 0; i < SECTIONS; i++)
		if (has_section(elf, i))
			usdt__sink_string(sink, section_names[i]);
	if (elf->description->typed)
		write_types(elf, sink);
	usdt__sink_pad(sink, elf->headers);
	for (i = 0; i < SECTIONS; i++) {
		if (!has_section(elf, i))
			continue;
		out = room(elf, sink, size);
		write_shdr(elf, &out, (enum section)i, name);
		name += (uint32_t)strlen(section_names[i]) + 1;
	}
}

void
usdt__elf_emit(const struct usdt__elf *elf, const uint8_t id[USDT__ID_SIZE],
    struct usdt__sink *sink)
{
	const struct usdt__sites sites = {
		elf->stub->isenabled_site, elf->stub->dof_site,
		elf->stub->size
	};

	write_ehdr(elf, sink);
	write_phdrs(elf, sink);
	usdt__sink_pad(sink, elf->build_id);
	if (id != NULL)
		usdt__build_id_write(elf, id, sink);
	usdt__sink_pad(sink, elf->unwind);
	write_unwind(elf, sink);
	usdt__sink_pad(sink, elf->document);	/* .stapsdt.base is 0 */
	usdt__dof_emit(&elf->dof, &sites, elf->text, elf->document, sink);
	if (elf->direct != 0)
		write_direct(elf, sink);
	usdt__sink_pad(sink, elf->text);
	write_text(elf, sink);
	usdt__sink_pad(sink, elf->note);	/* gates are 0 */
	if (elf->notes)
		write_notes(elf, sink);
	usdt__sink_pad(sink, elf->symtab);
	write_symbols(elf, sink);
	write_symbol_names(elf, sink);
	write_sections(elf, sink);
}
