/*
 * structs.c - the text of structs at random, with what compilers have to say of
 * it.
 *
 *	structs SEED DIRECTORY
 *
 * For each processor it writes DIRECTORY/ARCH.c: the text that an image would
 * have, and an assertion for the size of each struct and the offset of each
 * field.  For this processor it also writes an image with them, DIRECTORY/image,
 * and what was declared, DIRECTORY/declared.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>

#include "core/provider.h"

#define STRUCTS	60
#define FIELDS	12

static uint32_t seed;

static uint32_t
any(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

/* Types around a field's name, and the size of an element; 0: a word. */
static const struct {
	const char *before, *after;
	size_t size, elements;
} kinds[] = {
	{ "char ", "", 1, 1 }, { "signed char ", "[7]", 1, 7 },
	{ "bool ", "", 1, 1 }, { "unsigned short ", "", 2, 1 },
	{ "int ", "", 4, 1 }, { "enum color ", "[2]", 4, 2 },
	{ "uint32_t ", "[3]", 4, 3 }, { "float ", "", 4, 1 },
	{ "double ", "", 8, 1 }, { "long long ", "", 8, 1 },
	{ "uint64_t ", "[2]", 8, 2 }, { "unsigned long ", "", 0, 1 },
	{ "size_t ", "", 0, 1 }, { "char *", "", 0, 1 },
	{ "const char *const ", "[3]", 0, 3 }, { "void **", "", 0, 1 },
	{ "int (*", ")(const void *, foo_t)", 0, 1 },
	{ "struct s1 *", "", 0, 1 }, { "struct elsewhere *", "", 0, 1 },
	{ "foo_t *", "", 0, 1 }, { "union u *", "", 0, 1 },
	{ "enum color *", "", 0, 1 },
};
#define KINDS	(sizeof kinds / sizeof kinds[0])

struct table {
	char texts[FIELDS][64];
	usdt_field_t fields[FIELDS];
	size_t count, size;
};

static struct table tables[STRUCTS];

/* A struct that a compiler might have made, or a machine of its own. */
static void
any_table(size_t which, size_t word)
{
	struct table *table = &tables[which];
	size_t i, at = 0, size, of;
	int style = (int)any(4);

	table->count = 1 + any(FIELDS);
	for (i = 0; i < table->count; i++) {
		size_t kind = any(KINDS);

		of = which > 0 && any(4) == 0 ? any((uint32_t)which) : STRUCTS;
		if (of < STRUCTS)
			snprintf(table->texts[i], sizeof table->texts[i],
			    "struct s%zu f%zu%s", of, i, any(2) ? "[2]" : "");
		else
			snprintf(table->texts[i], sizeof table->texts[i],
			    "%sf%zu%s", kinds[kind].before, i,
			    kinds[kind].after);
		size = of < STRUCTS ? tables[of].size *
		    (strchr(table->texts[i], '[') != NULL ? 2 : 1) :
		    (kinds[kind].size > 0 ? kinds[kind].size : word) *
		    kinds[kind].elements;
		at = style == 0 ? at + any(12) : style == 1 ? at :
		    usdt__align(at + (style == 3 ? any(40) : 0), 8);
		table->fields[i].declarator = table->texts[i];
		table->fields[i].offset = at;
		at += size;
	}
	table->size = style < 2 ? at + any(9) : usdt__align(at, 8);
}

static void
write_text(FILE *out, const struct usdt__structs *structs,
    const struct usdt__arch *arch)
{
	static uint64_t buffer[65536];
	const struct usdt__description description = { .structs = structs };
	struct usdt__sink sink = {
		.buffer = (uint8_t *)buffer, .size = sizeof buffer
	};

	usdt__types_emit(&description, arch, &sink);
	if (usdt__sink_end(&sink) < 0) {
		fprintf(stderr, "%s: the text is too long\n", arch->name);
		exit(1);
	}
	fputs((const char *)buffer, out);
}

static FILE *
create(const char *directory, const char *name)
{
	char path[512];
	FILE *out;

	snprintf(path, sizeof path, "%s/%s", directory, name);
	out = fopen(path, "w");
	if (out == NULL) {
		perror(path);
		exit(1);
	}
	return out;
}

static void
end(FILE *out)
{
	if (fclose(out) != 0) {
		perror("fclose");
		exit(1);
	}
}

/* An image with a probe that points to a struct. */
static void
write_image(const struct usdt__structs *structs, const char *directory)
{
	static const char *types[] = { "struct s1 *s", "double took" };
	usdt_probedef_t *probe = usdt_create_probe("f", "n", 2, types);
	const struct usdt__description description = {
		.provider = "p", .module = "m", .count = 1, .probes = &probe,
		.gate_count = 1, .structs = structs, .typed = 1
	};
	uint8_t id[USDT__ID_SIZE], *bytes;
	struct usdt__elf elf;
	struct usdt__why why;
	FILE *out = create(directory, "image");

	if (probe == NULL || usdt__elf_layout(&elf, &description,
	    usdt__native_platform(), usdt__native_arch(),
	    usdt__stub_choose(1), 1, &why) < 0) {
		fprintf(stderr, "the image is not laid out\n");
		exit(1);
	}
	bytes = calloc(1, usdt__align(elf.size, 8));
	if (bytes == NULL)
		exit(1);
	usdt__elf_identify(&elf, bytes, usdt__align(elf.size, 8), id);
	fwrite(bytes, 1, elf.size, out);
	end(out);
	free(bytes);
	usdt_probe_release(probe);
}

/* Lines of "STRUCT SIZE" and "STRUCT FIELD OFFSET". */
static void
write_declared(const char *directory)
{
	FILE *out = create(directory, "declared");
	size_t i, k;

	for (i = 0; i < STRUCTS; i++) {
		fprintf(out, "s%zu %zu\n", i, tables[i].size);
		for (k = 0; k < tables[i].count; k++)
			fprintf(out, "s%zu f%zu %zu\n", i, k,
			    tables[i].fields[k].offset);
	}
	end(out);
}

static void
write_file(const struct usdt__arch *arch, const char *directory)
{
	struct usdt__structs structs;
	struct usdt__why why;
	char name[64];
	size_t i, k;
	FILE *out;

	memset(&structs, 0, sizeof structs);
	for (i = 0; i < STRUCTS; i++) {
		any_table(i, arch->word);
		snprintf(name, sizeof name, "s%zu", i);
		if (usdt__structs_add(&structs, arch, name, tables[i].size,
		    tables[i].count, tables[i].fields, &why) < 0) {
			fprintf(stderr, "%s\n", why.text);
			exit(1);
		}
	}
	snprintf(name, sizeof name, "%s.c", arch->name);
	out = create(directory, name);
	fputs("#include <stdbool.h>\n#include <stddef.h>\n"
	    "#include <stdint.h>\n", out);
	write_text(out, &structs, arch);
	if (arch == usdt__native_arch()) {
		write_image(&structs, directory);
		write_declared(directory);
	}
	usdt__structs_free(&structs);
	for (i = 0; i < STRUCTS; i++) {
		fprintf(out, "_Static_assert(sizeof(struct s%zu) == %zu, \"\");"
		    "\n", i, tables[i].size);
		for (k = 0; k < tables[i].count; k++)
			fprintf(out, "_Static_assert(offsetof(struct s%zu, "
			    "f%zu) == %zu, \"\");\n", i, k,
			    tables[i].fields[k].offset);
	}
	end(out);
}

int
main(int argc, char **argv)
{
	size_t i;

	if (argc != 3)
		return 2;
	seed = (uint32_t)atoi(argv[1]);
	for (i = 0; i < usdt__arch_count; i++)
		write_file(&usdt__archs[i], argv[2]);
	return 0;
}
