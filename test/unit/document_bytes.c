/*
 * document_bytes.c - do the builders of documents, usdt_dof.c and image/elf.c,
 * write each byte that they laid out, no other, and the same ones each time?
 *
 * test/dof.t and test/image.t judge what the bytes mean.  Here many
 * descriptions are built into two buffers, one of zeros and one of ones: bytes
 * that are equal in both were written.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE		/* memmem */
#endif
#include <stdint.h>

#include "tap.h"
#include "core/provider.h"

#define POOL		120	/* probes to make descriptions of */
#define ROUNDS		60	/* descriptions for each system, processor */
#define MOST		40	/* probes in one */
#define GUARD		64	/* bytes before and after, which must not
				 * change */

static usdt_probedef_t *pool[POOL];
static uint32_t seed = 20;

static uint32_t
any(uint32_t below)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % below;
}

/* A name of 1 to MAX bytes, short ones as often as long ones. */
static char *
any_name(char *out, uint32_t max)
{
	uint32_t i, length = 1 + any(any(2) ? max : 8);

	for (i = 0; i < length; i++)
		out[i] = (char)('a' + any(26));
	out[length] = '\0';
	return out;
}

static void
fill_pool(void)
{
	char function[128], name[64], types[USDT_ARG_MAX][128];
	const char *all[USDT_ARG_MAX];
	size_t i, k, argc;

	for (i = 0; i < POOL; i++) {
		argc = any(2) ? any(USDT_ARG_MAX + 1) : any(4);
		for (k = 0; k < argc; k++)
			all[k] = any(2) ? any_name(types[k], 127) : "int8_t";
		any_name(name, 61);
		if (any(3) == 0)
			strcat(name, any(2) ? "-" : "__");
		pool[i] = usdt_create_probe(any(3) ? any_name(function, 127) :
		    "same", name, argc, all);
		if (pool[i] == NULL) {
			printf("Bail out! %s\n", usdt_errstr(NULL));
			exit(1);
		}
	}
}

/* A description of a document, with its memory. */
struct subject {
	char provider[54], module[64];
	usdt_probedef_t *probes[MOST];
	uint32_t gate_of[MOST];
	struct usdt__description description;
};

static void
any_subject(struct subject *s)
{
	size_t i;

	any_name(s->provider, 53);
	any_name(s->module, 63);
	s->description.provider = s->provider;
	s->description.module = s->module;
	s->description.count = 1 + any(any(2) ? MOST : 3);
	s->description.probes = s->probes;
	for (i = 0; i < s->description.count; i++)
		s->probes[i] = pool[any(POOL)];
	s->description.extents = NULL;
	s->description.structs = NULL;
	s->description.typed = 0;
	s->description.gate_of = s->gate_of;
	s->description.gate_count = usdt__number_names(s->probes,
	    s->description.count, s->gate_of);
	if (s->description.gate_count == s->description.count)
		s->description.gate_of = NULL;
}

static const struct usdt__arch *
big_endian_arch(void)
{
	static struct usdt__arch row;

	row = usdt__archs[0];
	row.name = "big-endian";
	row.big_endian = 1;
	return &row;
}

static const struct usdt__stub *
some_stub(void)
{
	static const struct usdt__stub made_up = {
		.nop = 1, .answer = USDT__ISENABLED_POINTER,
		.isenabled_site = 4, .fire = 6, .sdt_site = 10, .dof_site = 11,
		.size = USDT__STUB_SIZE, .code = { 0x90, 0x90, 0x90 }
	};

	return usdt__stub_count ? &usdt__stubs[any(usdt__stub_count)] :
	    &made_up;
}

/* --- two buffers -------------------------------------------------------- */

struct buffers {
	uint8_t *start[2], *out[2];
	size_t size;
};

static void
get_buffers(struct buffers *b, size_t size)
{
	int i;

	b->size = size;
	for (i = 0; i < 2; i++) {
		b->start[i] = malloc(size + 2 * GUARD);
		if (b->start[i] == NULL)
			abort();
		memset(b->start[i], 0xa5, size + 2 * GUARD);
		b->out[i] = b->start[i] + GUARD;
		memset(b->out[i], i ? 0xff : 0, size);
	}
}

static void
free_buffers(struct buffers *b)
{
	free(b->start[0]);
	free(b->start[1]);
}

static int
guards_stand(const struct buffers *b)
{
	int i, k;

	for (i = 0; i < 2; i++)
		for (k = 0; k < GUARD; k++)
			if (b->start[i][k] != 0xa5 ||
			    b->out[i][b->size + (size_t)k] != 0xa5)
				return 0;
	return 1;
}

/* How many of these bytes were written? */
static size_t
written(const struct buffers *b, size_t at, size_t size)
{
	size_t i, n = 0;

	for (i = at; i < at + size && i < b->size; i++)
		n += b->out[0][i] == b->out[1][i];
	return n;
}

/* Were these bytes written, as zeros? */
static int
are_zeros(const struct buffers *b, size_t at, size_t size)
{
	size_t i;

	for (i = at; i < at + size && i < b->size; i++)
		if (b->out[0][i] != 0 || b->out[1][i] != 0)
			return 0;
	return 1;
}

static size_t
count_strings(const uint8_t *strings, size_t size)
{
	size_t i, n = 0;

	for (i = 0; i < size; i++)
		n += strings[i] == '\0';
	return n;
}

/* --- DOF ---------------------------------------------------------------- */

static void
check_dof(const struct usdt__dof *dof, const struct buffers *b)
{
	static const enum usdt__dof_section whole[] = {
		USDT__DOF_STRTAB, USDT__DOF_PRARGS, USDT__DOF_PROFFS,
		USDT__DOF_PRENOFFS, USDT__DOF_PROVIDER
	};
	size_t i, strings = 2, args = 1, end = 64 + 32 * dof->sections;
	const uint8_t *strtab = b->out[0] + dof->offset_of[USDT__DOF_STRTAB];

	try(guards_stand(b), "a guard was overwritten");
	for (i = 0; i < dof->sections; i++) {
		size_t at = dof->offset_of[i];

		try(at >= end && at < end + 8, "section %zu at %zu, the last "
		    "ends at %zu", i, at, end);
		try(are_zeros(b, end, at - end), "bytes before section %zu are"
		    " not 0", i);
		end = at + dof->size_of[i];
	}
	try(end == dof->size, "sections end at %zu of %zu", end, dof->size);
	for (i = 0; i < sizeof whole / sizeof whole[0]; i++) {
		try(written(b, dof->offset_of[whole[i]],
		    dof->size_of[whole[i]]) == dof->size_of[whole[i]],
		    "section %u is not whole", (unsigned)whole[i]);
	}
	for (i = 0; i < dof->description->count; i++) {
		size_t argc = dof->description->probes[i]->argc;

		strings += 2 + argc;
		args = argc > args ? argc : args;
	}
	try(dof->size_of[USDT__DOF_PRARGS] == args, "not %zu arguments", args);
	try(strtab[0] == 0 && count_strings(strtab,
	    dof->size_of[USDT__DOF_STRTAB]) == strings &&
	    strtab[dof->size_of[USDT__DOF_STRTAB] - 1] == 0,
	    "not %zu strings", strings);
}

static void
test_dof(const struct usdt__platform *row, const struct usdt__arch *arch)
{
	struct subject s;
	struct buffers b;
	struct usdt__dof dof;
	struct usdt__why why;
	struct usdt__sites sites;
	int round, i;

	for (round = 0; round < ROUNDS; round++) {
		any_subject(&s);
		sites = arch->sites[any(2)];
		if (!try(usdt__dof_layout(&dof, &s.description, row, arch,
		    &why) == 0, "%s", why.text))
			continue;
		get_buffers(&b, dof.size);
		for (i = 0; i < 2; i++)
			usdt__dof_write(&dof, &sites, 0x12345000, 0x1000,
			    b.out[i]);
		check_dof(&dof, &b);
		free_buffers(&b);
	}
	ok_all("DOF for %s on %s: as laid out", row->name, arch->name);
}

/* The largest document that a row accepts, and one byte more. */
static void
test_limit(void)
{
	struct usdt__platform row = usdt__platforms[0];
	char text[USDT_TEXT_SIZE];
	struct usdt__why why = { 99, "untouched", USDT__SYSTEM };
	struct usdt__dof dof;
	struct usdt__elf elf;
	struct subject s;

	any_subject(&s);
	usdt__dof_layout(&dof, &s.description, &row, usdt__archs, &why);
	row.max_dof = dof.size;
	is_int(usdt__dof_layout(&dof, &s.description, &row, usdt__archs,
	    &why), 0, "a document of exactly the largest accepted size");
	is_str(why.text, "untouched", "leaves no text");
	row.max_dof--;
	snprintf(text, sizeof text, "%zu probes need %zu bytes of DOF, DTrace "
	    "accepts %zu in one provider", s.description.count, dof.size,
	    row.max_dof);
	is_int(usdt__dof_layout(&dof, &s.description, &row, usdt__archs,
	    &why), -1, "one byte more is refused");
	is_str(why.text, text, "the text says how much it would be");
	is_int(usdt__elf_layout(&elf, &s.description, &row, usdt__archs,
	    some_stub(), 1, &why), -1, "so is the image around it");
	is_str(why.text, text, "with the same text");
}

/* --- images ------------------------------------------------------------- */

static uint32_t
load32(const uint8_t *p, int big_endian)
{
	if (big_endian)
		return p[3] | (uint32_t)p[2] << 8 | (uint32_t)p[1] << 16 |
		    (uint32_t)p[0] << 24;
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

/* Notes fill their section, one for each probe. */
static void
check_notes(const struct usdt__elf *elf, const struct buffers *b)
{
	const uint8_t *p = b->out[0] + elf->note;
	size_t left = elf->note_size, notes = 0;
	int big = elf->arch->big_endian;

	while (left >= 12) {
		size_t size = 12 + usdt__align(load32(p, big), 4) +
		    usdt__align(load32(p + 4, big), 4);

		if (!try(size <= left, "a note of %zu in %zu bytes", size,
		    left))
			return;
		try(written(b, (size_t)(p - b->out[0]), size) > size - 4,
		    "note %zu is not whole", notes);
		p += size;
		left -= size;
		notes++;
	}
	try(left == 0 && notes == (elf->notes ? elf->description->count : 0),
	    "%zu notes, %zu bytes left", notes, left);
}

static void
check_elf(const struct usdt__elf *elf, const struct buffers *b,
    const uint8_t *id)
{
	const size_t sym = elf->arch->word == 8 ? 24 : 16;
	const size_t shdr = elf->arch->word == 8 ? 64 : 40;
	const size_t page = elf->arch->page;
	/* Parts that must be whole, in their order. */
	const size_t parts[][2] = {
		{ 0, elf->build_id },
		{ elf->build_id, 16 },		/* then the identity */
		{ elf->unwind, elf->unwind_size },
		{ elf->text, elf->text_size },
		{ elf->symtab, (elf->description->count + 1) * sym },
		{ elf->strtab, elf->strtab_size },
		{ elf->headers, (12 + (elf->direct != 0)) * shdr },
	};
	size_t i, end = 0;

	try(guards_stand(b), "a guard was overwritten");
	for (i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		try(parts[i][0] >= end, "part %zu at %zu, the last ends at "
		    "%zu", i, parts[i][0], end);
		end = parts[i][0] + parts[i][1];
		try(written(b, parts[i][0], parts[i][1]) == parts[i][1],
		    "part %zu is not whole", i);
	}
	try(end == elf->size, "ends at %zu of %zu", end, elf->size);
	try(elf->document % 8 == 0 && elf->base < elf->document &&
	    elf->document + elf->dof.size <= elf->text, "DOF's place");
	try(elf->text % page == 0 && elf->gates % page == 0 &&
	    elf->map_size % page == 0 && elf->gates >= elf->text +
	    elf->text_size && elf->map_size >= elf->gates + elf->gates_size,
	    "segments' places");
	try(elf->direct == 0 || (elf->direct + sizeof(struct usdt__direct) ==
	    elf->text && elf->sites + elf->description->gate_count *
	    elf->arch->direct == elf->text + elf->text_size),
	    "places of what readers of direct events need");
	try(are_zeros(b, elf->document + elf->dof.size, (elf->direct != 0 ?
	    elf->direct : elf->text) -
	    elf->document - elf->dof.size) && are_zeros(b, elf->text +
	    elf->text_size, elf->note - elf->text - elf->text_size),
	    "gates or what lies between segments are not 0");
	try(elf->note == elf->gates + elf->gates_size && elf->symtab >=
	    elf->note + elf->note_size && elf->shstrtab == elf->strtab +
	    elf->strtab_size, "places of unmapped parts");
	try(memcmp(b->out[1] + elf->build_id + 16, id, USDT__ID_SIZE) == 0 &&
	    elf->unwind >= elf->build_id + 16 + USDT__ID_SIZE &&
	    elf->base == elf->unwind + elf->unwind_size,
	    "the build-id is not the identity, or wrong parts follow");
	try(b->out[0][elf->strtab + elf->strtab_size - 1] == '\0', ".strtab");
	check_notes(elf, b);
}

/* A document that leaves through a window. */
struct stream {
	struct usdt__sink sink;		/* first */
	const uint8_t *bytes;		/* that are expected */
	size_t at, size;
	size_t refuse;			/* from this offset on */
	int ended, wrong, asked;
};

static int
drain_stream(struct usdt__sink *sink, const uint8_t *bytes, size_t size)
{
	struct stream *stream = (struct stream *)sink;

	stream->asked++;
	if (stream->ended || size > stream->size - stream->at ||
	    memcmp(bytes, stream->bytes + stream->at, size) != 0)
		stream->wrong = 1;
	else
		stream->at += size;
	stream->ended = size % 8 != 0;		/* the last bytes */
	return stream->at > stream->refuse ? -1 : 0;
}

/* The window changes neither the bytes nor the identity. */
static void
check_windows(const struct usdt__elf *elf, const uint8_t *bytes,
    const uint8_t *id)
{
	static const size_t sizes[] = { 1024, 1032, 4096, USDT__WINDOW };
	static uint64_t window[USDT__WINDOW / 8];
	uint8_t *buffer = (uint8_t *)window, other[USDT__ID_SIZE];
	struct stream stream;
	size_t i;

	for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		memset(window, 0xa5, sizeof window);
		stream = (struct stream){
			.sink = { .buffer = buffer, .size = sizes[i],
			    .drain = drain_stream },
			.bytes = bytes, .size = elf->size, .refuse = SIZE_MAX
		};
		usdt__elf_emit(elf, id, &stream.sink);
		try(usdt__sink_end(&stream.sink) == 0 && !stream.wrong &&
		    stream.at == elf->size, "a window of %zu: %zu bytes of "
		    "%zu", sizes[i], stream.at, elf->size);
		try(sizes[i] == USDT__WINDOW || buffer[sizes[i]] == 0xa5,
		    "written behind a window of %zu", sizes[i]);
		usdt__elf_identify(elf, buffer, sizes[i], other);
		try(memcmp(id, other, sizeof other) == 0,
		    "a window of %zu: another identity", sizes[i]);
	}
	stream = (struct stream){
		.sink = { .buffer = buffer, .size = 1024,
		    .drain = drain_stream },
		.bytes = bytes, .size = elf->size, .refuse = 2000
	};
	usdt__elf_emit(elf, id, &stream.sink);
	try(usdt__sink_end(&stream.sink) < 0 && !stream.wrong &&
	    stream.asked == 2, "what was refused is given %d times",
	    stream.asked);
}

/* Measuring probes once gives the same bytes. */
static void
check_measured(const struct usdt__elf *elf, const struct subject *s,
    const struct usdt__arch *arch, const uint8_t *bytes, const uint8_t *id)
{
	struct usdt__description description = s->description;
	uint8_t other[USDT__ID_SIZE], *out = malloc(elf->size);
	struct usdt__elf measured;
	struct usdt__why why;

	description.extents = malloc(description.count *
	    sizeof *description.extents);
	if (out == NULL || description.extents == NULL)
		abort();
	try(usdt__elf_layout(&measured, &description, &usdt__platforms[0],
	    arch, elf->stub, elf->notes, &why) == 0 &&
	    measured.size == elf->size, "measured, it is %zu bytes, not %zu",
	    measured.size, elf->size);
	if (measured.size == elf->size) {
		usdt__elf_identify(&measured, out, elf->size, other);
		try(memcmp(out, bytes, elf->size) == 0 &&
		    memcmp(other, id, sizeof other) == 0,
		    "measured, it is another image");
	}
	free(description.extents);
	free(out);
}

static void
test_elf(const struct usdt__arch *arch, int notes)
{
	struct subject s;
	struct buffers b;
	struct usdt__elf elf;
	struct usdt__why why;
	uint8_t id[USDT__ID_SIZE];
	int round, i;

	for (round = 0; round < ROUNDS; round++) {
		any_subject(&s);
		if (!try(usdt__elf_layout(&elf, &s.description,
		    &usdt__platforms[0], arch, some_stub(), notes, &why) == 0,
		    "%s", why.text))
			continue;
		get_buffers(&b, elf.size);
		for (i = 0; i < 2; i++)
			usdt__elf_identify(&elf, b.out[i], elf.size, id);
		check_elf(&elf, &b, id);
		check_windows(&elf, b.out[0], id);
		check_measured(&elf, &s, arch, b.out[0], id);
		free_buffers(&b);
	}
	ok_all("images on %s, %s notes: as laid out", arch->name,
	    notes ? "with" : "without");
}

/* --- identities --------------------------------------------------------- */

#define IDS	4000

static uint8_t ids[IDS][USDT__ID_SIZE];
static size_t id_count;

/* The image of a description; the caller frees it. */
static uint8_t *
build(const struct usdt__description *description,
    const struct usdt__arch *arch, const struct usdt__stub *stub, int notes,
    size_t *size, uint8_t id[USDT__ID_SIZE])
{
	struct usdt__elf elf;
	struct usdt__why why;
	uint8_t *out;

	if (usdt__elf_layout(&elf, description, &usdt__platforms[0], arch,
	    stub, notes, &why) < 0)
		abort();
	out = calloc(1, elf.size);
	if (out == NULL)
		abort();
	usdt__elf_identify(&elf, out, elf.size, id);
	*size = elf.size;
	return out;
}

/*
 * A note's operand is one word at most, since a word is passed, or 8 bytes
 * where the words lie once more.  Where the highest byte comes first, a shorter
 * one lies at the end of its word.
 */
static void
test_operands(void)
{
	static const struct {
		const char *arch, *operands;
	} expected[] = {
		{ "x86_64", "-8@%rdi 8@%rsi -4@%rdx 1@%rcx 8@%r8 8@%r9 "
		    "8@0(%rsp) 8@8(%rsp) -4@16(%rsp) -2@24(%rsp)" },
		{ "i386", "-8@0(%edx) 8@8(%edx) -4@8(%esp) 1@12(%esp) "
		    "4@16(%esp) 4@20(%esp) 4@24(%esp) 4@28(%esp) "
		    "-4@32(%esp) -2@36(%esp)" },
		{ "aarch64", "-8@x0 8@x1 -4@x2 1@x3 8@x4 8@x5 8@x6 8@x7 "
		    "-4@[sp, 0] -2@[sp, 8]" },
		{ "riscv64", "-8@a0 8@a1 -4@a2 1@a3 8@a4 8@a5 8@a6 8@a7 "
		    "-4@0(sp) -2@8(sp)" },
		{ "s390x", "-8@%r2 8@%r3 -4@%r4 1@%r5 8@%r6 8@160(%r15) "
		    "8@168(%r15) 8@176(%r15) -4@188(%r15) -2@198(%r15)" },
		{ "armhf", "-8@[ip, #0] 8@[ip, #8] -4@r2 1@r3 4@[sp, #0] "
		    "4@[sp, #4] 4@[sp, #8] 4@[sp, #12] -4@[sp, #16] "
		    "-2@[sp, #20]" },
		{ "ppc64le", "-8@%r3 8@%r4 -4@%r5 1@%r6 8@%r7 8@%r8 8@%r9 "
		    "8@%r10 -4@96(%r1) -2@104(%r1)" },
		{ "ppc", "-8@0(%r12) 8@8(%r12) -4@%r5 1@%r6 4@%r7 4@%r8 "
		    "4@%r9 4@%r10 -4@56(%r1) -2@62(%r1)" },
		{ "ppc64", "-8@%r3 8@%r4 -4@%r5 1@%r6 8@%r7 8@%r8 8@%r9 "
		    "8@%r10 -4@116(%r1) -2@126(%r1)" },
		{ "sparc64", "-8@%o0 8@%o1 -4@%o2 1@%o3 8@%o4 8@%o5 "
		    "8@[%sp+2223] 8@[%sp+2231] -4@[%sp+2243] "
		    "-2@[%sp+2253]" },
	};
	const char *types[] = {
		"long long", "uint64_t", "int", "bool", "char *", "char *",
		"char *", "char *", "int", "short"
	};
	usdt_probedef_t *def = usdt_create_probe("f", "n", 10, types);
	struct usdt__description description = {
		.provider = "p", .module = "m", .count = 1, .probes = &def,
		.gate_count = 1
	};
	uint8_t *out, id[USDT__ID_SIZE];
	size_t i, k, size, known = sizeof expected / sizeof expected[0];

	for (i = 0; i < usdt__arch_count; i++) {
		out = build(&description, &usdt__archs[i], some_stub(), 1,
		    &size, id);
		for (k = 0; k < known &&
		    strcmp(expected[k].arch, usdt__archs[i].name) != 0; k++)
			continue;
		ok(k < known && memmem(out, size, expected[k].operands,
		    strlen(expected[k].operands) + 1) != NULL,
		    "operands on %s", usdt__archs[i].name);
		free(out);
	}
	usdt_probe_release(def);
}

/* Build it, and check that the part of its identity that paths contain is
 * new. */
static void
add_id(const struct usdt__description *description,
    const struct usdt__arch *arch, const struct usdt__stub *stub, int notes,
    const char *what)
{
	size_t i, size;
	uint8_t *id = ids[id_count++];

	if (id_count == IDS)
		abort();
	free(build(description, arch, stub, notes, &size, id));
	for (i = 0; i + 1 < id_count; i++)
		try(memcmp(id, ids[i], 8) != 0, "%s: as number %zu", what, i);
}

static void
test_same(void)
{
	uint8_t *out[2], id[2][USDT__ID_SIZE];
	size_t size[2];
	struct subject s;
	int round;

	for (round = 0; round < 20; round++) {
		const struct usdt__stub *stub = some_stub();

		any_subject(&s);
		out[0] = build(&s.description, usdt__archs, stub, 1, &size[0],
		    id[0]);
		out[1] = build(&s.description, usdt__archs, stub, 1, &size[1],
		    id[1]);
		try(size[0] == size[1] && memcmp(out[0], out[1], size[0]) == 0
		    && memcmp(id[0], id[1], USDT__ID_SIZE) == 0,
		    "round %d", round);
		free(out[0]);
		free(out[1]);
	}
	ok_all("one description gives the same bytes again");
}

/* Every change of a description, one at a time. */
static void
test_different(void)
{
	const char *two[] = { "int", "char *" }, *other[] = { "int", "long" };
	usdt_probedef_t *a = usdt_create_probe("f", "n", 2, two);
	usdt_probedef_t *b = usdt_create_probe("g", "n", 2, two);
	usdt_probedef_t *c = usdt_create_probe("f", "o", 2, two);
	usdt_probedef_t *d = usdt_create_probe("f", "n", 1, two);
	usdt_probedef_t *e = usdt_create_probe("f", "n", 2, other);
	usdt_probedef_t *g = usdt_create_probe("f", "x-y", 2, two);
	usdt_probedef_t *h = usdt_create_probe("f", "x_y", 2, two);
	usdt_probedef_t *lists[][2] = {
		{ a, NULL }, { b, NULL }, { c, NULL }, { d, NULL },
		{ e, NULL }, { g, NULL }, { h, NULL }, { a, b }, { b, a },
		{ a, c }
	};
	static const uint32_t one_gate[2] = { 0, 0 };
	const struct usdt__stub *stub = some_stub();
	struct usdt__description description = {
		.provider = "p", .module = "m", .count = 1, .gate_count = 1
	};
	size_t i;

	for (i = 0; i < sizeof lists / sizeof lists[0]; i++) {
		description.probes = lists[i];
		description.count = lists[i][1] != NULL ? 2 : 1;
		description.gate_count = description.count;
		add_id(&description, usdt__archs, stub, 1, "probes");
	}
	description.gate_count = 1;
	description.gate_of = one_gate;
	add_id(&description, usdt__archs, stub, 1, "one gate for both");
	description.module = "m1";
	add_id(&description, usdt__archs, stub, 1, "another module");
	description.module = "m";
	description.provider = "p1";
	add_id(&description, usdt__archs, stub, 1, "another provider");
	add_id(&description, usdt__archs, stub, 0, "no notes");
	for (i = 1; i < usdt__arch_count; i++)
		add_id(&description, &usdt__archs[i], stub, 1, "processor");
	for (i = 0; i < usdt__stub_count; i++)
		if (&usdt__stubs[i] != stub)
			add_id(&description, usdt__archs, &usdt__stubs[i], 1,
			    "another nop");
	ok_all("whatever is different gives another identity");
	usdt_probe_release(a);
	usdt_probe_release(b);
	usdt_probe_release(c);
	usdt_probe_release(d);
	usdt_probe_release(e);
	usdt_probe_release(g);
	usdt_probe_release(h);
}

static void
test_many(void)
{
	struct usdt__description description = {
		.provider = "p", .count = 1, .probes = pool, .gate_count = 1
	};
	struct subject s;
	char module[16];
	int i;

	for (i = 0; i < 1000; i++) {
		snprintf(module, sizeof module, "m%d", i);
		description.module = module;
		add_id(&description, usdt__archs, usdt__stubs, 1, module);
	}
	for (i = 0; i < 500; i++) {
		any_subject(&s);
		add_id(&s.description, usdt__archs, usdt__stubs, 1, "random");
	}
	ok_all("%zu identities, all different", id_count);
}

int
main(void)
{
	uint8_t bytes[4];
	size_t i, j;

	usdt__store(bytes, 4, 0x01020304, 0);
	ok(memcmp(bytes, "\4\3\2\1", 4) == 0, "little-endian words");
	usdt__store(bytes, 4, 0x01020304, 1);
	ok(memcmp(bytes, "\1\2\3\4", 4) == 0, "big-endian words");
	fill_pool();
	for (i = 0; i < usdt__platform_count; i++) {
		if (usdt__platforms[i].max_dof == 0)
			continue;	/* a system without DOF */
		for (j = 0; j < usdt__arch_count; j++)
			test_dof(&usdt__platforms[i], &usdt__archs[j]);
		test_dof(&usdt__platforms[i], big_endian_arch());
	}
	test_limit();
	for (j = 0; j < usdt__arch_count; j++) {
		test_elf(&usdt__archs[j], 1);
		test_elf(&usdt__archs[j], 0);
	}
	test_operands();
	test_same();
	test_different();
	test_many();
	for (i = 0; i < POOL; i++)
		usdt_probe_release(pool[i]);
	return done_testing();
}
