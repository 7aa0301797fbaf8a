/*
 * read.c - does anything in another user's file make the usdt command crash,
 * hang, or use unbounded memory?
 *
 * The bytes are an ELF file.  The target does all that `usdt list`, `watch` and
 * `dump` do with one: it reads probes and their arguments, and makes the
 * kernel's words for them and the lines that are printed, which may contain
 * nothing that controls a terminal.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sys/mman.h>
#include <unistd.h>

#include "shown.h"
#include "tools/dump/dump.h"

/* Only printable ASCII and newlines. */
static void
check_shown(const char *text, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		must((text[i] >= ' ' && text[i] < 0x7f) || text[i] == '\n');
}

static void
check_text(const char *text, size_t most)
{
	must(text != NULL && strlen(text) <= most);
}

static void
read_arguments(const struct image *image, const struct probe *probe,
    FILE *out)
{
	size_t i, count;
	struct argument *args = arguments_of(image, probe, &count);

	for (i = 0; i < count; i++) {
		int high = 7;
		char *fetch = operand_fetch(image, probe, &args[i], &high);

		must(high == 0 || high == 1);
		must(args[i].size >= -8 && args[i].size <= 8);
		must(fetch == NULL || (*fetch != '\0' &&
		    fetch[strcspn(fetch, " \t\n")] == '\0'));
		argument_is_text(&args[i]);
		argument_is_pointer(&args[i]);
		quote_line(out, argument_type(&args[i]));
		free(fetch);
	}
	arguments_free(args, count);
}

static void
read_probe(const struct image *image, const struct probe *probe,
    size_t size)
{
	const struct commands_for advice = { image, probe, "/a/b", "c", NULL, 1, 0 };
	char *words[] = { (char *)"*a*:m::[b-z]?*", NULL };
	struct pattern *patterns;
	size_t count, shown, i;
	const char *type = probe->types;
	char *text;
	FILE *out = open_memstream(&text, &shown);

	must(out != NULL);
	check_text(probe->provider, size);
	check_text(probe->name, size);
	check_text(probe->function, size);
	check_text(probe->note_args, size);
	for (i = 0; i < probe->type_count; i++, type += strlen(type) + 1)
		check_text(type, size);
	quote_word(out, probe->provider);
	quote_word(out, probe->name);
	quote_line(out, probe->function);
	must(patterns_parse(&patterns, &count, words) == 0 && count == 1);
	pattern_matches(patterns, "/a/m", probe);
	patterns_free(patterns, count);
	read_arguments(image, probe, out);
	fflush(out);
	check_shown(text, shown);
	commands_print(out, &advice);
	fclose(out);
	free(text);
}

static void
dump_file_of(int fd, size_t size)
{
	struct elf_file *file = elf_file_read(fd);
	struct dump dump = { .row = usdt__native_platform(), .hex = 1 };
	size_t i, shown;

	if (file == NULL)
		return;
	dump.out = shown_open(&shown);
	dump.placed = file->wide;
	for (i = 0; i < file->document_count; i++)
		dump_dof(&dump, file->documents[i].bytes,
		    file->documents[i].size);
	dump_notes(&dump, file);
	elf_file_address(file, size);
	shown_close(dump.out, &shown, size);
	elf_file_free(file);
}

/* Which function has each byte, and where are further symbols? */
static void
read_functions_of(int fd, size_t size)
{
	struct functions *functions = functions_read(fd);
	const struct debug_link *link = functions != NULL ?
	    functions_link(functions) : NULL;
	uint64_t offset, begin;
	const char *name;

	/* A file without symbols has not its own. */
	must(link == NULL || (link->id_size <= sizeof link->id &&
	    strchr(link->name, '/') == NULL &&
	    functions_add(functions, fd) < 0));
	for (offset = 0; functions != NULL && offset < size; offset++) {
		name = functions_at(functions, offset, &begin);
		must(name == NULL || strlen(name) < 1024);
	}
	functions_free(functions);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static int fd = -1;
	struct image *image;
	size_t i;

	if (fd < 0)
		fd = memfd_create("fuzz", MFD_CLOEXEC);
	must(fd >= 0 && ftruncate(fd, 0) == 0);
	must(pwrite(fd, bytes, size, 0) == (ssize_t)size);
	dump_file_of(fd, size);
	read_functions_of(fd, size);
	image = image_read(fd);
	if (image == NULL)
		return 0;
	/* A probe needs at least the headers of its note, or an offset. */
	must(image->count <= size / 4);
	for (i = 0; i < image->count && i < 64; i++)
		read_probe(image, &image->probes[i], size);
	image_free(image);
	return 0;
}
