/*
 * dump.h - what the files of "usdt dump" promise each other.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef TOOLS_DUMP_H
#define TOOLS_DUMP_H

#include "tools/common/common.h"

/* --- line.c: how is a line printed, with the bytes that it describes? ----- */

/* How documents are printed, and by whose rules. */
struct dump {
	FILE *out;
	int hex;		/* print the bytes too */
	const struct usdt__platform *row;
	const struct usdt__arch *arch;	/* NULL: an unknown processor */
	int placed;		/* a process maps the file ... */
	uint64_t address;	/* ... at this address */
	size_t wrong;		/* errors found in what was printed */
	/* The rest of the bytes that the current line describes. */
	const uint8_t *bytes;
	uint64_t at;
	size_t left;
};

/*
 * Begin a line, and end it; between the two its text goes to dump->out.  The
 * line describes SIZE bytes at BYTES, at offset AT in the file or document;
 * SIZE is 0 if there are none.
 */
void dump_begin(struct dump *dump, const void *bytes, uint64_t at, size_t size,
    const char *name);
void dump_end(struct dump *dump);
/* Print a whole line without bytes. */
void dump_line(struct dump *dump, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Print a line that says what is wrong, and count it. */
void dump_wrong(struct dump *dump, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* --- member.c: how are the numbers of a document printed? ----------------- */

/* What was found in a document before it is printed. */
struct dof_dump {
	struct dump *dump;
	struct dof dof;
	uint32_t *provider_of;	/* by section of probes: the section with
				 * the provider; NO_PROVIDER: none */
	uint64_t *relocated;	/* places with dofhp_addr added; sorted */
	size_t relocated_count;
	/*
	 * How many bytes of sections, characters of strings and sites may still
	 * be printed, and how many relocations may be checked: a document must
	 * not cause a large dump by naming a part often.
	 */
	uint64_t bytes_left, text_left, sites_left, checks_left;
};
#define NO_PROVIDER	UINT32_MAX

/*
 * Begin a line on a member of a structure, at AT, and print the value; or print
 * the whole line, with its meaning in WORDS unless they are NULL, or in
 * hexadecimal.  All return the value.
 */
uint64_t dof_print_member(struct dof_dump *t, uint64_t at, unsigned size,
    const char *name);
uint64_t dof_print_number(struct dof_dump *t, uint64_t at, unsigned size,
    const char *name, const char *words);
uint64_t dof_print_hex(struct dof_dump *t, uint64_t at, unsigned size,
    const char *name);
#define PRINT_MEMBER(t, at, type, member) \
	dof_print_member((t), (at) + offsetof(struct type, member), \
	    (unsigned)sizeof(((struct type *)0)->member), #member)
#define PRINT_NUMBER(t, at, type, member, words) \
	dof_print_number((t), (at) + offsetof(struct type, member), \
	    (unsigned)sizeof(((struct type *)0)->member), #member, (words))

/* Print bytes without a meaning, unless they are 0 and --hex is not given. */
void dof_print_rest(struct dof_dump *t, uint64_t at, uint64_t size,
    const char *name);

void dof_print_relocations(struct dof_dump *t, const struct dof_part *part);
void dof_print_relocation_header(struct dof_dump *t,
    const struct dof_part *part);
/* Find the places that relocations change; is AT one of them? */
void dof_find_relocated(struct dof_dump *t);
int dof_is_relocated(const struct dof_dump *t, uint64_t at);

/* --- provider.c: what does DOF say about providers and probes? ------------ */

void dof_print_provider(struct dof_dump *t, const struct dof_part *part);
void dof_print_probes(struct dof_dump *t, const struct dof_part *part);

/* --- document.c: what is in a DOF document, in words? --------------------- */

/*
 * Print all documents in SIZE bytes, one after another.  Returns how many there
 * are.
 */
size_t dump_dof(struct dump *dump, const uint8_t *bytes, size_t size);
/* Does this system accept documents of that version? */
int dump_accepts_version(const struct usdt__platform *row, unsigned version);

/* --- elf.c: which documents and notes are in an ELF file? ----------------- */

struct elf_piece {		/* a section's bytes */
	const uint8_t *bytes;
	size_t size;
	uint64_t at;		/* in the file */
};

struct elf_file {
	struct Elf *elf;	/* libelf's */
	unsigned machine, abi;	/* EM_*, ELFOSABI_* */
	int wide, big_endian, linked;
	uint64_t base;		/* address of .stapsdt.base, or 0 */
	struct elf_segment *segments;
	size_t segment_count;
	struct elf_piece *documents, *notes;
	size_t document_count, document_space;
	size_t note_count, note_space;
	size_t room;		/* bytes of the file in no piece so far */
	size_t left_out;	/* sections beyond that number */
};

/* Read an ELF file from FD, or from SIZE bytes; NULL if it is none. */
struct elf_file *elf_file_read(int fd);
struct elf_file *elf_file_from(uint8_t *bytes, size_t size);
void elf_file_free(struct elf_file *file);

/* The address that the file has for the byte at OFFSET in it. */
uint64_t elf_file_address(const struct elf_file *file, uint64_t offset);
/* Print the file's SDT notes; returns how many there are. */
size_t dump_notes(struct dump *dump, const struct elf_file *file);

/* --- build.c: what document does a definition of probes give? ------------- */

/*
 * Returns the document, *SIZE bytes to be freed; or prints an error and returns
 * NULL.  STUBS and ADDRESS are the assumed places of its stubs and of itself;
 * in an image they count from its beginning.
 */
uint8_t *definition_build(const struct definition *definition,
    const struct usdt__platform *row, const struct usdt__arch *arch,
    size_t *size, uint64_t *stubs, uint64_t *address);

/* --- source.c: which files and processes have documents? ------------------ */

struct dump_options {
	pid_t pid;		/* or 0 */
	int hex, raw;
	const struct usdt__platform *row;	/* NULL: not named */
	const struct usdt__arch *arch;
};

/*
 * The system of that name, if it has DTrace; or prints an error and returns
 * NULL.
 */
const struct usdt__platform *dump_find_row(const char *name);
/* By whose rules is FILE read?  FILE is NULL for a document in no ELF file. */
const struct usdt__platform *dump_row(const struct dump_options *options,
    const struct elf_file *file);
struct dump dump_for(const struct dump_options *options,
    const struct elf_file *file);
/* Print how many errors were found; returns the exit code. */
int dump_wrongs(const struct dump *dump);

int dump_file(const struct dump_options *options, const char *path);
int dump_process(const struct dump_options *options);

#endif /* TOOLS_DUMP_H */
