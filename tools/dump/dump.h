/*
 * dump.h - what the files of "usdt dump" promise each other.
 */
#ifndef TOOLS_DUMP_H
#define TOOLS_DUMP_H

#include "tools/common/common.h"

/* --- line.c: how is a line told, with the bytes that it is about? --------- */

/* How documents are told, and by whose rules. */
struct dump {
	FILE *out;
	int hex;		/* with the bytes */
	const struct usdt__platform *row;
	const struct usdt__arch *arch;	/* NULL: an unknown processor */
	int placed;		/* what is in the file ... */
	uint64_t address;	/* ... is mapped from here on */
	size_t wrong;		/* how many things were */
	/* What is left of the bytes of the line that is being told. */
	const uint8_t *bytes;
	uint64_t at;
	size_t left;
};

/*
 * Begin a line, and end it; between the two its text goes to dump->out.  It is
 * about SIZE bytes at BYTES, which are at AT in the file or document; without
 * bytes if SIZE is 0.
 */
void dump_begin(struct dump *dump, const void *bytes, uint64_t at, size_t size,
    const char *name);
void dump_end(struct dump *dump);
/* A whole line without bytes. */
void dump_tell(struct dump *dump, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, of something that is wrong. */
void dump_wrong(struct dump *dump, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* --- member.c: how are the numbers of a document told? -------------------- */

/* What of a document was found before it is told. */
struct telling {
	struct dump *dump;
	struct dof dof;
	uint32_t *provider_of;	/* by section of probes: which section has the
				 * provider; NO_PROVIDER: none */
	uint64_t *relocated;	/* places that have dofhp_addr added; sorted */
	size_t relocated_count;
	/* Bytes of sections, characters of strings that are named, and sites
	 * that may still be told, and relocations that may be checked: a
	 * document must not cause a large dump by naming a part often. */
	uint64_t bytes_left, text_left, sites_left, checks_left;
};
#define NO_PROVIDER	UINT32_MAX

/* Begin a line on a member of a structure at AT, and show the value; or tell
 * the whole line, with what that is in WORDS, unless they are NULL, or in
 * hexadecimal.  All return the value. */
uint64_t dof_tell_member(struct telling *t, uint64_t at, unsigned size,
    const char *name);
uint64_t dof_tell_number(struct telling *t, uint64_t at, unsigned size,
    const char *name, const char *words);
uint64_t dof_tell_hex(struct telling *t, uint64_t at, unsigned size,
    const char *name);
#define TELL_MEMBER(t, at, type, member) \
	dof_tell_member((t), (at) + offsetof(struct type, member), \
	    (unsigned)sizeof(((struct type *)0)->member), #member)
#define TELL_NUMBER(t, at, type, member, words) \
	dof_tell_number((t), (at) + offsetof(struct type, member), \
	    (unsigned)sizeof(((struct type *)0)->member), #member, (words))

/* Tell bytes that have no meaning, unless they are 0 and not to be shown. */
void dof_tell_rest(struct telling *t, uint64_t at, uint64_t size,
    const char *name);

void dof_tell_relocations(struct telling *t, const struct dof_part *part);
void dof_tell_relocation_header(struct telling *t,
    const struct dof_part *part);
/* Find what relocations change; is that at AT among it? */
void dof_find_relocated(struct telling *t);
int dof_is_relocated(const struct telling *t, uint64_t at);

/* --- provider.c: what does DOF say of providers and probes? --------------- */

void dof_tell_provider(struct telling *t, const struct dof_part *part);
void dof_tell_probes(struct telling *t, const struct dof_part *part);

/* --- document.c: what is in a DOF document, in words? --------------------- */

/*
 * Tell all documents in SIZE bytes, which are one behind the other.  Returns
 * how many there are.
 */
size_t dump_dof(struct dump *dump, const uint8_t *bytes, size_t size);
/* Does this system take documents of that version? */
int dump_takes_version(const struct usdt__platform *row, unsigned version);

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
	size_t room;		/* bytes of the file that are in no piece yet */
	size_t left_out;	/* sections that were more than those */
};

/* Read an ELF file from FD, or from SIZE bytes; NULL if it is none. */
struct elf_file *elf_file_read(int fd);
struct elf_file *elf_file_from(uint8_t *bytes, size_t size);
void elf_file_free(struct elf_file *file);

/* The address at which the file says that the byte at OFFSET in it goes. */
uint64_t elf_file_address(const struct elf_file *file, uint64_t offset);
/* Tell its SDT notes; returns how many there are. */
size_t dump_notes(struct dump *dump, const struct elf_file *file);

/* --- definition.c: what document does a definition of probes give? -------- */

struct definition {
	usdt_provider_t *provider;
	usdt_probedef_t **probes;
	size_t count, space;
};

/* Is that a definition, or should it be a file's name? */
int definition_is(const char *text);
/* Add what TEXT defines, or tell what is wrong and return -1. */
int definition_add(struct definition *definition, const char *text,
    const struct usdt__platform *row);
void definition_free(struct definition *definition);
/*
 * The document, *SIZE bytes to be freed, or NULL: what is wrong was told.
 * STUBS and ADDRESS are where it is as if its stubs and it were; in an image
 * from the begin of that.
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

/* The system of that name, if it has DTrace; or tell and return NULL. */
const struct usdt__platform *dump_find_row(const char *name);
/* By whose rules is FILE read, or what is in none? */
const struct usdt__platform *dump_row(const struct dump_options *options,
    const struct elf_file *file);
struct dump dump_for(const struct dump_options *options,
    const struct elf_file *file);
/* Tell how much was wrong; returns the exit code. */
int dump_wrongs(const struct dump *dump);

int dump_file(const struct dump_options *options, const char *path);
int dump_process(const struct dump_options *options);

#endif /* TOOLS_DUMP_H */
