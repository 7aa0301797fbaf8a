/*
 * source.c - which files and processes have documents, and of what kind?
 *
 * A file may be ELF or a DOF document.  For a process these are the files that
 * it maps: the library's DOF is in its probe image, where both the process and
 * the helper read it, so the file has it all.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/dump/dump.h"
#include "core/dof_format.h"

/* More than any system accepts in one document. */
#define FILE_MAX	((size_t)512 << 20)

const struct usdt__platform *
dump_find_row(const char *name)
{
	size_t i;

	for (i = 0; i < usdt__platform_count; i++)
		if (usdt__platforms[i].helper != NULL &&
		    strcmp(usdt__platforms[i].name, name) == 0)
			return &usdt__platforms[i];
	fputs("usdt: --os ", stderr);
	quote_line(stderr, name);
	fputs(" is not known; there are", stderr);
	for (i = 0; i < usdt__platform_count; i++)
		if (usdt__platforms[i].helper != NULL)
			fprintf(stderr, " %s", usdt__platforms[i].name);
	putc('\n', stderr);
	return NULL;
}

/*
 * By whose rules is FILE read: those that the user chose, the file's, or this
 * system's.
 */
const struct usdt__platform *
dump_row(const struct dump_options *options, const struct elf_file *file)
{
	const char *name = NULL;

	if (options->row != NULL)
		return options->row;
	if (file != NULL && file->abi == 6)		/* ELFOSABI_SOLARIS */
		name = "illumos";
	else if (file != NULL && file->abi == 9)	/* ELFOSABI_FREEBSD */
		name = "freebsd";
	else if (usdt__native_platform()->helper == NULL)
		name = "linux";
	return name != NULL ? dump_find_row(name) : usdt__native_platform();
}

static const struct usdt__arch *
arch_of_machine(unsigned machine)
{
	size_t i;

	for (i = 0; i < usdt__arch_count; i++)
		if (usdt__archs[i].elf_machine == machine)
			return &usdt__archs[i];
	return NULL;
}

/* Which processor can a document be for?  This one, if possible. */
static const struct usdt__arch *
arch_of_document(const uint8_t *bytes)
{
	const struct usdt__arch *native = usdt__native_arch(), *arch;
	size_t i;

	for (i = 0; i <= usdt__arch_count; i++) {
		arch = i == 0 ? native : &usdt__archs[i - 1];
		if (arch != NULL && arch->word == 4 * bytes[DOF_ID_MODEL] &&
		    (arch->big_endian != 0) == (bytes[DOF_ID_ENCODING] == 2))
			return arch;
	}
	return native;
}

/* --- what there is --- */

struct dump
dump_for(const struct dump_options *options, const struct elf_file *file)
{
	return (struct dump){
		.out = stdout, .hex = options->hex,
		.row = dump_row(options, file),
		.arch = options->arch != NULL ? options->arch :
		    file != NULL ? arch_of_machine(file->machine) : NULL
	};
}

int
dump_wrongs(const struct dump *dump)
{
	if (dump->wrong == 0)
		return EXIT_FINE;
	fflush(stdout);
	fprintf(stderr, "usdt: %zu thing%s wrong\n", dump->wrong,
	    dump->wrong == 1 ? " is" : "s are");
	return EXIT_TROUBLE;
}

/* The SIZE bytes that --raw writes; they may have several documents. */
struct raw {
	const uint8_t *bytes;
	size_t size, count;
};

static void
raw_add(struct raw *raw, const uint8_t *bytes, size_t size)
{
	struct dof dof;
	size_t at;

	for (at = 0; dof_open(&dof, bytes + at, size - at) == 0;
	    at += dof_next(&dof, size - at)) {
		if (raw->count++ > 0)
			continue;
		raw->bytes = bytes + at;
		raw->size = dof.size;
	}
}

static int
raw_end(const struct raw *raw)
{
	if (raw->count == 1) {
		fwrite(raw->bytes, 1, raw->size, stdout);
		return EXIT_FINE;
	}
	fprintf(stderr, raw->count == 0 ? "usdt: there is no DOF document\n" :
	    "usdt: there are %zu DOF documents, and --raw writes one\n",
	    raw->count);
	return EXIT_TROUBLE;
}

/* --- ELF files --- */

static void
print_elf(struct dump *dump, const struct elf_file *file)
{
	size_t i, count = 0, documents;

	for (i = 0; i < file->document_count; i++) {
		const struct elf_piece *piece = &file->documents[i];

		fprintf(dump->out, "section .SUNW_dof, %zu bytes at %#" PRIx64
		    " in the file\n", piece->size, piece->at);
		documents = dump_dof(dump, piece->bytes, piece->size);
		if (documents == 0)
			dump_wrong(dump, "it does not begin with the header of"
			    " a DOF document");
		count += documents;
	}
	if (count == 0)
		fputs("no DOF document\n", dump->out);
	if (dump_notes(dump, file) == 0)
		fputs("no SDT notes\n", dump->out);
	if (file->left_out > 0)
		dump_wrong(dump, "%zu sections are left out: they can't be "
		    "read, or overlap others", file->left_out);
}

static void
head_elf(const struct dump *dump, const struct elf_file *file,
    const char *path)
{
	quote_line(stdout, path);
	fprintf(stdout, ": ELF, %d bits, %s-endian, ", file->wide ? 64 : 32,
	    file->big_endian ? "big" : "little");
	if (dump->arch != NULL)
		fprintf(stdout, "%s\n", dump->arch->name);
	else
		fprintf(stdout, "processor %u\n", file->machine);
}

static int
dump_elf(const struct dump_options *options, const struct elf_file *file,
    const char *path)
{
	const struct usdt__arch *arch = arch_of_machine(file->machine);
	struct dump dump = dump_for(options, file);
	struct raw raw = { .count = 0 };
	size_t i;

	if (options->arch != NULL && options->arch != arch) {
		fputs("usdt: ", stderr);
		quote_line(stderr, path);
		fprintf(stderr, " is not for %s\n", options->arch->name);
		return EXIT_USAGE;
	}
	if (options->raw) {
		for (i = 0; i < file->document_count; i++)
			raw_add(&raw, file->documents[i].bytes,
			    file->documents[i].size);
		return raw_end(&raw);
	}
	head_elf(&dump, file, path);
	print_elf(&dump, file);
	return dump_wrongs(&dump);
}

/* --- a file --- */

static int
dump_document(const struct dump_options *options, const uint8_t *bytes,
    size_t size)
{
	struct dump dump = dump_for(options, NULL);
	struct raw raw = { .count = 0 };

	if (options->raw) {
		raw_add(&raw, bytes, size);
		return raw_end(&raw);
	}
	if (dump.arch == NULL)
		dump.arch = arch_of_document(bytes);
	dump_dof(&dump, bytes, size);
	return dump_wrongs(&dump);
}

/* Read all of FD, to be freed; or print an error and return NULL. */
static uint8_t *
read_all(int fd, const char *path, size_t *size)
{
	uint8_t *bytes = NULL;
	size_t space = 0;
	ssize_t n = 1;

	for (*size = 0; n > 0 && *size <= FILE_MAX; *size += (size_t)n) {
		if (*size == space) {
			space = space ? space * 2 : 65536;
			bytes = xreallocarray(bytes, space, 1);
		}
		do
			n = read(fd, bytes + *size, space - *size);
		while (n < 0 && errno == EINTR);
		if (n < 0) {
			complain(path, strerror(errno));
			free(bytes);
			return NULL;
		}
	}
	if (*size > FILE_MAX) {
		complain(path, "has more than 512 MB: no system accepts such "
		    "a document");
		free(bytes);
		return NULL;
	}
	return bytes;
}

static int
dump_bytes(const struct dump_options *options, int fd, const char *path)
{
	struct elf_file *file;
	struct dof dof;
	uint8_t *bytes;
	size_t size;
	int result;

	bytes = read_all(fd, path, &size);
	if (bytes == NULL)
		return EXIT_TROUBLE;
	if (dof_open(&dof, bytes, size) == 0) {
		result = dump_document(options, bytes, size);
	} else if ((file = elf_file_from(bytes, size)) != NULL) {
		result = dump_elf(options, file, path);
		elf_file_free(file);
	} else {
		result = complain(path, size == 0 ? "is empty" :
		    "is neither an ELF file nor a DOF document");
	}
	free(bytes);
	return result;
}

/* A definition with too few parts counts as a file's name. */
static const char *
no_file(const char *path, int error)
{
	if (error != ENOENT || strcspn(path, ":") >= strcspn(path, "/"))
		return strerror(error);
	return "there is no such file, and a definition has four parts: "
	    "PROVIDER:MODULE:FUNCTION:NAME(TYPE, ...)";
}

int
dump_file(const struct dump_options *options, const char *path)
{
	struct elf_file *file;
	struct stat st;
	int fd, result;

	if (strcmp(path, "-") == 0)
		return dump_bytes(options, STDIN_FILENO, "standard input");
	fd = open_regular(path, 1);
	if (fd < 0)
		return complain(path, errno == 0 ? "is not a regular file" :
		    no_file(path, errno));
	file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ?
	    elf_file_read(fd) : NULL;
	if (file != NULL) {
		result = dump_elf(options, file, path);
		elf_file_free(file);
	} else {
		result = dump_bytes(options, fd, path);
	}
	close(fd);
	return result;
}

/* --- a process --- */

struct found {
	const struct mapped *mapped;
	struct elf_file *file;
	size_t order;
	int fd;
};

struct founds {
	struct found *found;
	size_t count, space, unreadable;
};

/* Files with DOF first, as in a list. */
static int
by_dof(const void *one, const void *other)
{
	const struct found *a = one, *b = other;
	int has_a = a->file->document_count > 0;
	int has_b = b->file->document_count > 0;

	if (has_a != has_b)
		return has_a ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

static void
find_files(struct founds *founds, const struct census *census)
{
	struct found found;
	size_t i;

	for (i = 0; i < census->count; i++) {
		found.mapped = census->files[i];
		found.order = i;
		found.fd = mapped_open(found.mapped);
		if (found.fd < 0) {
			founds->unreadable += errno != ENOENT &&
			    errno != ESRCH;
			continue;
		}
		found.file = elf_file_read(found.fd);
		if (found.file != NULL && (found.file->document_count > 0 ||
		    found.file->note_count > 0)) {
			ROOM_FOR_ONE(founds->found, founds->count,
			    founds->space);
			founds->found[founds->count++] = found;
			continue;
		}
		elf_file_free(found.file);
		close(found.fd);
	}
	if (founds->count > 0)
		qsort(founds->found, founds->count, sizeof *founds->found,
		    by_dof);
}

/* The offset in its file of the mapping that begins at START. */
static int
mapping_offset(pid_t pid, uint64_t start, uint64_t *offset)
{
	FILE *in = process_maps(pid);
	char *line = NULL;
	size_t space = 0;
	uint64_t at;
	int found = 0;

	while (in != NULL && !found && getline(&line, &space, in) > 0)
		found = sscanf(line, "%" SCNx64 "-%*x %*s %" SCNx64, &at,
		    offset) == 2 && at == start;
	free(line);
	if (in != NULL)
		fclose(in);
	return found ? 0 : -1;
}

/* Find what is added to a file's addresses: helpers get it as dofhp_addr. */
static void
place_file(struct dump *dump, const struct found *found)
{
	const struct holder *holder = &found->mapped->holders[0];
	uint64_t offset;

	if (mapping_offset(holder->pid, holder->start, &offset) < 0)
		return;
	dump->placed = 1;
	dump->address = holder->start - elf_file_address(found->file, offset);
}

static size_t
print_found(const struct dump_options *options, const struct found *found)
{
	struct dump dump = dump_for(options, found->file);

	place_file(&dump, found);
	head_elf(&dump, found->file, found->mapped->path);
	if (found->mapped->deleted)
		puts("no name leads to this file any more");
	if (dump.placed)
		printf("in process %d its addresses begin at %#" PRIx64 "\n",
		    (int)found->mapped->holders[0].pid, dump.address);
	print_elf(&dump, found->file);
	return dump.wrong;
}

static int
print_founds(const struct dump_options *options, const struct founds *founds)
{
	struct dump all = { .wrong = 0 };
	struct raw raw = { .count = 0 };
	size_t i, k;

	if (founds->count == 0)
		fprintf(stderr, "usdt: process %d maps no file with DOF "
		    "documents or SDT notes\n", (int)options->pid);
	for (i = 0; i < founds->count; i++) {
		const struct elf_file *file = founds->found[i].file;

		for (k = 0; options->raw && k < file->document_count; k++)
			raw_add(&raw, file->documents[k].bytes,
			    file->documents[k].size);
		if (options->raw)
			continue;
		if (i > 0)
			putchar('\n');
		all.wrong += print_found(options, &founds->found[i]);
	}
	if (founds->unreadable > 0)
		fprintf(stderr, "usdt: this user may not read %zu mapped "
		    "file%s\n", founds->unreadable,
		    founds->unreadable == 1 ? "" : "s");
	if (founds->count == 0)
		return EXIT_TROUBLE;
	return options->raw ? raw_end(&raw) : dump_wrongs(&all);
}

int
dump_process(const struct dump_options *options)
{
	struct founds founds = { .count = 0 };
	struct census census;
	int error = census_take(&census, options->pid), result;

	if (error != 0) {
		fprintf(stderr, "usdt: process %d: %s\n", (int)options->pid,
		    error == ENOENT ? "there is none" : strerror(error));
		result = EXIT_TROUBLE;
	} else {
		find_files(&founds, &census);
		result = print_founds(options, &founds);
	}
	while (founds.count > 0) {
		founds.count--;
		elf_file_free(founds.found[founds.count].file);
		close(founds.found[founds.count].fd);
	}
	free(founds.found);
	census_free(&census);
	return result;
}
