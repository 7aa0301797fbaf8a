/*
 * types.c - does a hostile text of types make the usdt command crash, hang, or
 * use unbounded memory?
 *
 * The bytes are the section .usdt.types of another user's file.  The target
 * plans what `usdt watch` fetches of a probe, and writes the headers of both
 * languages.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "feed.h"
#include "tools/header/header.h"
#include "tools/events/parts.h"
#include "tools/watch/watch.h"

static void
check_member(const struct type_member *member, size_t size)
{
	must(member->name != NULL && strlen(member->name) <= size);
	must(member->declarator.name_length == strlen(member->name));
	must(member->elements <= (size_t)1 << 24);
}

static void
check_types(const struct types *types, size_t size)
{
	size_t i, k;

	must(types->struct_count <= size && types->probe_count <= size);
	for (i = 0; i < types->struct_count; i++) {
		const struct type_struct *type = types->structs[i];
		size_t end = 0;

		must(type->size > 0 && type->size <= (size_t)1 << 25);
		must(types_struct(types, type->name,
		    strlen(type->name)) == type);
		for (k = 0; k < type->count; k++) {
			const struct type_member *member = &type->members[k];

			check_member(member, size);
			must(member->offset >= end);
			end = member->offset + member->size * member->elements;
			must(end <= type->size);
		}
	}
	for (i = 0; i < types->probe_count; i++)
		for (k = 0; k < types->probes[i].count; k++)
			check_member(&types->probes[i].params[k], size);
}

/* A probe of that prototype, as DOF would describe it. */
static struct probe
probe_of(const struct type_probe *prototype, char **types, const char *args)
{
	size_t i, size;
	FILE *out = open_memstream(types, &size);

	for (i = 0; i < prototype->count; i++) {
		const struct type_member *param = &prototype->params[i];
		char *type = malloc(strlen(param->text) + 1);

		must(type != NULL);
		usdt__declarator_type(&param->declarator, type);
		fputs(type, out);
		putc('\0', out);
		free(type);
	}
	fclose(out);
	return (struct probe){
		.provider = "p", .name = prototype->name,
		.note_name = prototype->name, .function = "f",
		.note_args = args, .types = *types,
		.type_count = prototype->count
	};
}

/* An event of the target, as a line and as JSON. */
static void
check_shown(struct target *target, unsigned choice)
{
	static const char bytes[4096] = "te\xffxt";
	struct value *values = calloc(target->leaf_count + 1, sizeof *values);
	struct show show = { .since_epoch = choice };
	struct fire fire = {
		.pid = 1, .comm = "comm", .target = target, .values = values
	};
	size_t i, n;

	must(values != NULL);
	for (i = 0; i < target->leaf_count; i++) {
		const struct leaf *leaf = &target->leaves[i];

		values[i] = (struct value){
			.bits = choice >> 1, .bytes = 8, .flags = choice & 3
		};
		if (leaf->letter == 'T') {
			values[i].flags |= VALUE_TEXT;
			values[i].text = choice & 4 ? bytes : NULL;
			values[i].length = choice & 4 ? choice % 8 : 0;
		} else if (leaf->letter == 'A') {
			values[i].text = bytes;
			values[i].length = leaf->size * leaf->elements;
		}
	}
	show_fire(&show, &fire);
	must(memchr(show.line.bytes, '\n', show.line.length) ==
	    show.line.bytes + show.line.length - 1);
	show.line.length = 0;
	json_fire(&show, &fire);
	must(show.line.length > 4 && memcmp(show.line.bytes +
	    show.line.length - 3, "}}\n", 3) == 0);
	for (i = 0; i < show.line.length - 1; i += n) {
		n = utf8_character(show.line.bytes + i, show.line.length - i);
		must(n > 0 && (unsigned char)show.line.bytes[i] >= ' ');
	}
	json_done(&show);
	show_done(&show);
	free(values);
}

static void
check_plan(const struct image *image, const struct probe *probe,
    unsigned choice)
{
	struct target target = { .image = image, .probe = probe, .path = "/p" };
	size_t i, fields = 0, bytes = 0;

	target_prepare(&target);
	must(target.leaf_count >= target.argc);
	for (i = 0; i < target.leaf_count; i++) {
		const struct leaf *leaf = &target.leaves[i];

		fields += leaf->letter == 'T' ? 2 : leaf->letter != '-';
		bytes += leaf->letter == 'A' ? leaf->size * leaf->elements :
		    leaf->letter == 'T' ? 8 + 8 * target.words : 8;
		must(leaf->letter != 'A' || (leaf->elements > 0 &&
		    leaf->elements <= 64 && (leaf->size == 1 ||
		    leaf->size == 2 || leaf->size == 4 || leaf->size == 8)));
		must(strchr("-1248HTA", leaf->letter) != NULL);
	}
	must(fields <= 126 && bytes <= 3072);
	for (i = 0; i < target.argc; i++)
		must(target.members[i] <= target.members[i + 1] &&
		    target.members[i + 1] <= target.leaf_count);
	check_shown(&target, choice);
	target_done(&target);
}

static void
check_header(const struct image *image, const struct dialect *dialect)
{
	char *text;
	size_t i, size;
	struct header header = { .dialect = dialect };

	header.out = open_memstream(&text, &size);
	header_begin(&header);
	header_add(&header, image);
	header_end(&header);
	fclose(header.out);
	for (i = 0; i < size; i++)
		must((text[i] >= ' ' && text[i] < 0x7f) || text[i] == '\n' ||
		    text[i] == '\t');
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static const char *const notes[] = {
		"", "-4@%edi 8@%rsi 8@%rdx 8@%rcx", "8@%rdi 8@%rsi 8@(%rsp)"
	};
	struct feed feed = { bytes, size };
	unsigned choice = feed_byte(&feed);
	struct image image = { .machine =
	    usdt__archs[choice % usdt__arch_count].elf_machine };
	struct types *types = types_read((const char *)feed.bytes, feed.left,
	    &usdt__archs[choice % usdt__arch_count]);
	char *texts[16];
	struct probe probes[16];
	size_t i;

	check_types(types, size);
	image.types = types;
	for (i = 0; i < types->probe_count && i < 16; i++) {
		probes[i] = probe_of(&types->probes[i], &texts[i],
		    notes[choice / 16 % 3]);
		must(types_probe(types, &probes[i]) != NULL);
		check_plan(&image, &probes[i], choice);
	}
	image.probes = probes;
	image.count = i;
	check_header(&image, &header_bpftrace);
	check_header(&image, &header_d);
	while (i > 0)
		free(texts[--i]);
	types_free(types);
	return 0;
}
