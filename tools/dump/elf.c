/*
 * elf.c - which documents and notes are in an ELF file?
 *
 * common/image.c reads what is needed to trace a file's probes; this prints
 * everything that is there.  The file may be anybody's: libelf reads it by
 * pread instead of mapping it, and no more of it is read than it has bytes,
 * however often its sections refer to the same ones.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE		/* strnlen */
#endif
#include <gelf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tools/dump/dump.h"

#define NOTE_HEADER	12	/* three words of four bytes */
#define STAPSDT		"stapsdt"
#define NT_STAPSDT	3

struct elf_segment {
	uint64_t offset, address, size;
	int executable, writable;
};

/* --- reading --- */

static void
add_piece(struct elf_file *file, Elf_Scn *section, const GElf_Shdr *header,
    struct elf_piece **pieces, size_t *count, size_t *space)
{
	struct elf_piece piece = { .at = header->sh_offset };
	Elf_Data *data;

	if (header->sh_type == SHT_NOBITS)
		return;
	if (header->sh_size > file->room) {
		file->left_out++;
		return;
	}
	data = elf_rawdata(section, NULL);
	if (data == NULL || (data->d_buf == NULL && data->d_size > 0)) {
		file->left_out++;
		return;
	}
	if (data->d_size == 0)
		return;
	piece.bytes = data->d_buf;
	piece.size = data->d_size;
	file->room -= piece.size;
	ROOM_FOR_ONE(*pieces, *count, *space);
	(*pieces)[(*count)++] = piece;
}

static void
add_section(struct elf_file *file, Elf_Scn *section, size_t names)
{
	GElf_Shdr header;
	const char *name;

	if (gelf_getshdr(section, &header) == NULL)
		return;
	name = elf_strptr(file->elf, names, header.sh_name);
	if (name == NULL)
		return;
	if (strcmp(name, ".SUNW_dof") == 0)
		add_piece(file, section, &header, &file->documents,
		    &file->document_count, &file->document_space);
	else if (strcmp(name, ".note.stapsdt") == 0)
		add_piece(file, section, &header, &file->notes,
		    &file->note_count, &file->note_space);
	else if (strcmp(name, ".stapsdt.base") == 0)
		file->base = header.sh_addr;
}

static void
add_segments(struct elf_file *file)
{
	size_t i, count;
	GElf_Phdr header;

	if (elf_getphdrnum(file->elf, &count) < 0)
		return;
	file->segments = xcalloc(count, sizeof *file->segments);
	for (i = 0; i < count; i++) {
		if (gelf_getphdr(file->elf, (int)i, &header) == NULL ||
		    header.p_type != PT_LOAD)
			continue;
		file->segments[file->segment_count++] = (struct elf_segment){
			header.p_offset, header.p_vaddr, header.p_filesz,
			(header.p_flags & PF_X) != 0,
			(header.p_flags & PF_W) != 0
		};
	}
}

/* Read the sections of ELF, if it is an ELF file. */
static struct elf_file *
open_elf(Elf *elf, size_t size)
{
	struct elf_file *file;
	Elf_Scn *section = NULL;
	GElf_Ehdr header;
	size_t names;

	if (elf == NULL || elf_kind(elf) != ELF_K_ELF ||
	    gelf_getehdr(elf, &header) == NULL) {
		elf_end(elf);
		return NULL;
	}
	file = xcalloc(1, sizeof *file);
	file->elf = elf;
	file->room = size;
	file->machine = header.e_machine;
	file->abi = header.e_ident[EI_OSABI];
	file->wide = header.e_ident[EI_CLASS] == ELFCLASS64;
	file->big_endian = header.e_ident[EI_DATA] == ELFDATA2MSB;
	file->linked = header.e_type == ET_EXEC || header.e_type == ET_DYN;
	add_segments(file);
	if (elf_getshdrstrndx(elf, &names) == 0)
		while ((section = elf_nextscn(elf, section)) != NULL)
			add_section(file, section, names);
	return file;
}

struct elf_file *
elf_file_read(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || elf_version(EV_CURRENT) == EV_NONE)
		return NULL;
	return open_elf(elf_begin(fd, ELF_C_READ, NULL), (size_t)st.st_size);
}

struct elf_file *
elf_file_from(uint8_t *bytes, size_t size)
{
	if (elf_version(EV_CURRENT) == EV_NONE)
		return NULL;
	return open_elf(elf_memory((char *)bytes, size), size);
}

void
elf_file_free(struct elf_file *file)
{
	if (file == NULL)
		return;
	elf_end(file->elf);
	free(file->segments);
	free(file->documents);
	free(file->notes);
	free(file);
}

uint64_t
elf_file_address(const struct elf_file *file, uint64_t offset)
{
	size_t i;

	for (i = 0; i < file->segment_count; i++) {
		const struct elf_segment *s = &file->segments[i];
		uint64_t start = s->offset & ~(uint64_t)4095;

		if (offset >= start && offset - start < s->size +
		    (s->offset - start))
			return s->address - s->offset + offset;
	}
	return offset;
}

/* --- notes --- */

struct note {
	struct dump *dump;
	const struct elf_file *file;
	const uint8_t *bytes;	/* of the whole note */
	uint64_t at;		/* in the file */
	size_t size, desc, desc_size;
};

static uint64_t
load(const struct elf_file *file, const uint8_t *from, size_t size)
{
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < size; i++)
		value = value << 8 |
		    from[file->big_endian ? i : size - 1 - i];
	return value;
}

static uint64_t
note_number(const struct note *note, size_t at, size_t size, const char *name,
    const char *format)
{
	uint64_t value = load(note->file, note->bytes + at, size);

	dump_begin(note->dump, note->bytes + at, note->at + at, size, name);
	fprintf(note->dump->out, format, value);
	dump_end(note->dump);
	return value;
}

static void
note_text(const struct note *note, size_t at, size_t length, size_t size,
    const char *name)
{
	dump_begin(note->dump, note->bytes + at, note->at + at, size, name);
	quote_string(note->dump->out, (const char *)note->bytes + at, length);
	dump_end(note->dump);
}

/* Offset in the file of ADDRESS; -1: it is in no such segment. */
static int
to_offset(const struct elf_file *file, uint64_t address, int executable,
    uint64_t *offset)
{
	size_t i;

	for (i = 0; i < file->segment_count; i++) {
		const struct elf_segment *s = &file->segments[i];

		if (address < s->address ||
		    address - s->address >= s->size ||
		    s->executable != executable ||
		    (!executable && !s->writable))
			continue;
		*offset = address - s->address + s->offset;
		return 0;
	}
	return -1;
}

/* Print an address that tracers use, and where that is. */
static void
print_place(const struct note *note, const char *name, uint64_t address,
    int executable)
{
	struct dump *dump = note->dump;
	uint64_t offset;

	if (!note->file->linked)
		return;
	if (to_offset(note->file, address, executable, &offset) < 0) {
		dump_wrong(dump, "the file has nothing %s at %#" PRIx64,
		    executable ? "executable" : "writable", address);
		return;
	}
	dump_begin(dump, "", 0, 0, name);
	fprintf(dump->out, "%#" PRIx64 " in the file", offset);
	if (dump->placed)
		fprintf(dump->out, ", %#" PRIx64 " in the process",
		    dump->address + address);
	dump_end(dump);
}

/* Print each argument by itself, as tracers understand it. */
static void
print_arguments(const struct note *note, const char *text)
{
	const struct image image = { .machine = note->file->machine };
	const struct probe probe = { .note_args = text };
	struct argument *args;
	size_t i, count;
	char name[32];

	args = arguments_of(&image, &probe, &count);
	for (i = 0; i < count; i++) {
		snprintf(name, sizeof name, "argument %zu", i);
		dump_begin(note->dump, "", 0, 0, name);
		fputs(args[i].size != 0 ? argument_type(&args[i]) :
		    "of unknown size", note->dump->out);
		fputs(args[i].operand != NULL ? " in " : ", not for kernels",
		    note->dump->out);
		if (args[i].operand != NULL)
			quote_line(note->dump->out, args[i].operand);
		dump_end(note->dump);
	}
	arguments_free(args, count);
}

/* Three addresses and three strings. */
static void
print_probe(const struct note *note)
{
	static const char *const names[] = { "provider", "name", "arguments" };
	size_t word = note->file->wide ? 8 : 4, at = note->desc, length, i;
	size_t end = note->desc + note->desc_size;
	uint64_t location, base, semaphore;
	const char *args = "";

	if (note->desc_size < 3 * word) {
		dump_wrong(note->dump, "%zu bytes are too few for three "
		    "addresses", note->desc_size);
		return;
	}
	location = note_number(note, at, word, "location", "%#" PRIx64);
	base = note_number(note, at + word, word, "base", "%#" PRIx64);
	semaphore = note_number(note, at + 2 * word, word, "semaphore",
	    "%#" PRIx64);
	at += 3 * word;
	for (i = 0; i < 3; i++, at += length + 1) {
		args = (const char *)note->bytes + at;
		length = strnlen(args, end - at);
		note_text(note, at, length, length + (length < end - at),
		    names[i]);
		if (length == end - at) {
			dump_wrong(note->dump, "it does not end");
			return;
		}
	}
	if (base != 0 && note->file->base != 0 && base != note->file->base) {
		location += note->file->base - base;
		dump_line(note->dump, "moved to", "%#" PRIx64
		    ", since .stapsdt.base is at %#" PRIx64, location,
		    note->file->base);
	}
	print_place(note, "site", location, 1);
	if (semaphore != 0)
		print_place(note, "counter", semaphore, 0);
	print_arguments(note, args);
}

static void
head_note(const struct note *note, size_t number)
{
	FILE *out = note->dump->out;
	const char *text = (const char *)note->bytes + note->desc +
	    (note->file->wide ? 24 : 12);
	size_t left = note->desc_size > (note->file->wide ? 24u : 12u) ?
	    note->desc_size - (note->file->wide ? 24 : 12) : 0;
	size_t provider = strnlen(text, left);

	fprintf(out, "note %zu", number);
	if (provider < left && strnlen(text + provider + 1,
	    left - provider - 1) < left - provider - 1) {
		fputs(": ", out);
		quote_line(out, text);
		putc(':', out);
		quote_line(out, text + provider + 1);
	}
	putc('\n', out);
}

static void
print_note(struct note *note, size_t number)
{
	size_t name_size = load(note->file, note->bytes, 4), padding, end;
	int known;

	known = name_size == sizeof STAPSDT && memcmp(note->bytes +
	    NOTE_HEADER, STAPSDT, sizeof STAPSDT) == 0 &&
	    load(note->file, note->bytes + 8, 4) == NT_STAPSDT;
	if (known)
		head_note(note, number);
	else
		fprintf(note->dump->out, "note %zu\n", number);
	note_number(note, 0, 4, "namesz", "%" PRIu64);
	note_number(note, 4, 4, "descsz", "%" PRIu64);
	note_number(note, 8, 4, "type", "%" PRIu64);
	note_text(note, NOTE_HEADER, name_size - (name_size > 0), note->desc -
	    NOTE_HEADER, "note's name");
	if (known)
		print_probe(note);
	else
		dump_wrong(note->dump, "it is not of the kind \"stapsdt\", "
		    "3");
	end = note->desc + note->desc_size;
	padding = note->size - end;
	if (padding > 0 && note->dump->hex) {
		dump_begin(note->dump, note->bytes + end, note->at + end,
		    padding, "padding");
		fputs("up to a multiple of 4", note->dump->out);
		dump_end(note->dump);
	}
}

/* Find the note at AT; -1 if it is not complete. */
static int
find_note(struct note *note, const struct elf_piece *piece, size_t at)
{
	size_t left = piece->size - at, name_size, desc_size;

	if (left < NOTE_HEADER)
		return -1;
	note->bytes = piece->bytes + at;
	note->at = piece->at + at;
	name_size = load(note->file, note->bytes, 4);
	desc_size = load(note->file, note->bytes + 4, 4);
	note->desc = NOTE_HEADER + usdt__align(name_size, 4);
	if (note->desc > left || desc_size > left - note->desc)
		return -1;
	note->desc_size = desc_size;
	note->size = note->desc + usdt__align(desc_size, 4);
	if (note->size > left)
		note->size = left;
	return 0;
}

size_t
dump_notes(struct dump *dump, const struct elf_file *file)
{
	struct note note = { .dump = dump, .file = file };
	size_t i, at, count = 0;

	for (i = 0; i < file->note_count; i++) {
		const struct elf_piece *piece = &file->notes[i];

		fprintf(dump->out, "SDT notes, %zu bytes at %#" PRIx64
		    " in the file\n", piece->size, piece->at);
		for (at = 0; at < piece->size; at += note.size, count++) {
			if (find_note(&note, piece, at) < 0) {
				dump_wrong(dump, "the %zu bytes at %#" PRIx64
				    " are not a whole note", piece->size - at,
				    piece->at + at);
				break;
			}
			print_note(&note, count);
		}
	}
	return count;
}
