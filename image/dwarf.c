/*
 * image/dwarf.c - how are probes and structs described to debuggers?
 *
 * A pure builder of DWARF 4: one unit over the stubs, without lines.  Each probe
 * is a function, named as in its note, whose parameters are the probe's
 * arguments.  bpftrace ("uprobe:"), perf, gdb and SystemTap read it.
 *
 * Three rules come from these readers.  A parameter may not be floating point:
 * bpftrace 0.27 ends itself then.  So it is an unsigned integer of that size;
 * members of structs are what they are.  bpftrace knows parameters in registers
 * only, and none of a function that has others: these are local variables.  A
 * struct that is not declared has no size, which bpftrace would use unchecked:
 * a pointer to it is a pointer to void.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "image/image.h"

enum {				/* DWARF's own words */
	DW_TAG_array_type = 0x01, DW_TAG_formal_parameter = 0x05,
	DW_TAG_member = 0x0d, DW_TAG_pointer_type = 0x0f,
	DW_TAG_compile_unit = 0x11, DW_TAG_structure_type = 0x13,
	DW_TAG_subrange_type = 0x21, DW_TAG_base_type = 0x24,
	DW_TAG_subprogram = 0x2e, DW_TAG_variable = 0x34,
	DW_AT_location = 0x02, DW_AT_name = 0x03, DW_AT_byte_size = 0x0b,
	DW_AT_low_pc = 0x11, DW_AT_high_pc = 0x12, DW_AT_language = 0x13,
	DW_AT_producer = 0x25, DW_AT_prototyped = 0x27,
	DW_AT_count = 0x37, DW_AT_data_member_location = 0x38,
	DW_AT_encoding = 0x3e, DW_AT_external = 0x3f, DW_AT_type = 0x49,
	DW_FORM_addr = 0x01, DW_FORM_data8 = 0x07, DW_FORM_string = 0x08,
	DW_FORM_data1 = 0x0b, DW_FORM_udata = 0x0f, DW_FORM_ref4 = 0x13,
	DW_FORM_exprloc = 0x18, DW_FORM_flag_present = 0x19,
	DW_ATE_boolean = 0x02, DW_ATE_float = 0x04, DW_ATE_signed = 0x05,
	DW_ATE_signed_char = 0x06, DW_ATE_unsigned = 0x07,
	DW_ATE_unsigned_char = 0x08,
	DW_OP_reg0 = 0x50, DW_OP_breg0 = 0x70,
	DW_LANG_C99 = 0x0c, VERSION = 4
};

enum {				/* ORDER ABBREVS */
	ABBREV_UNIT = 1, ABBREV_BASE, ABBREV_POINTER, ABBREV_VOID_POINTER,
	ABBREV_STRUCT, ABBREV_MEMBER, ABBREV_ARRAY, ABBREV_RANGE,
	ABBREV_FUNCTION, ABBREV_LEAF, ABBREV_PARAMETER, ABBREV_VARIABLE
};

/* ORDER ABBREVS: number, tag, has children; attributes and forms; 0, 0. */
static const uint8_t abbrevs[] = {
	ABBREV_UNIT, DW_TAG_compile_unit, 1, DW_AT_producer, DW_FORM_string,
	    DW_AT_language, DW_FORM_data1, DW_AT_name, DW_FORM_string,
	    DW_AT_low_pc, DW_FORM_addr, DW_AT_high_pc, DW_FORM_data8, 0, 0,
	ABBREV_BASE, DW_TAG_base_type, 0, DW_AT_name, DW_FORM_string,
	    DW_AT_byte_size, DW_FORM_data1, DW_AT_encoding, DW_FORM_data1, 0, 0,
	ABBREV_POINTER, DW_TAG_pointer_type, 0, DW_AT_byte_size, DW_FORM_data1,
	    DW_AT_type, DW_FORM_ref4, 0, 0,
	ABBREV_VOID_POINTER, DW_TAG_pointer_type, 0, DW_AT_byte_size,
	    DW_FORM_data1, 0, 0,
	ABBREV_STRUCT, DW_TAG_structure_type, 1, DW_AT_name, DW_FORM_string,
	    DW_AT_byte_size, DW_FORM_udata, 0, 0,
	ABBREV_MEMBER, DW_TAG_member, 0, DW_AT_name, DW_FORM_string,
	    DW_AT_type, DW_FORM_ref4, DW_AT_data_member_location,
	    DW_FORM_udata, 0, 0,
	ABBREV_ARRAY, DW_TAG_array_type, 1, DW_AT_type, DW_FORM_ref4, 0, 0,
	ABBREV_RANGE, DW_TAG_subrange_type, 0, DW_AT_type, DW_FORM_ref4,
	    DW_AT_count, DW_FORM_udata, 0, 0,
	ABBREV_FUNCTION, DW_TAG_subprogram, 1, DW_AT_external,
	    DW_FORM_flag_present, DW_AT_name, DW_FORM_string,
	    DW_AT_prototyped, DW_FORM_flag_present, DW_AT_low_pc, DW_FORM_addr,
	    DW_AT_high_pc, DW_FORM_data1, 0, 0,
	ABBREV_LEAF, DW_TAG_subprogram, 0, DW_AT_external,
	    DW_FORM_flag_present, DW_AT_name, DW_FORM_string,
	    DW_AT_prototyped, DW_FORM_flag_present, DW_AT_low_pc, DW_FORM_addr,
	    DW_AT_high_pc, DW_FORM_data1, 0, 0,
	ABBREV_PARAMETER, DW_TAG_formal_parameter, 0, DW_AT_name,
	    DW_FORM_string, DW_AT_type, DW_FORM_ref4, DW_AT_location,
	    DW_FORM_exprloc, 0, 0,
	ABBREV_VARIABLE, DW_TAG_variable, 0, DW_AT_name, DW_FORM_string,
	    DW_AT_type, DW_FORM_ref4, DW_AT_location, DW_FORM_exprloc, 0, 0,
	0
};

/* ORDER KINDS: the types that all units have, as gcc names them; those of a
 * word and of eight bytes depend on the processor. */
enum kind {
	CHAR, SIGNED_CHAR, UNSIGNED_CHAR, SHORT, UNSIGNED_SHORT, INT,
	UNSIGNED_INT, LONG, UNSIGNED_LONG, FLOAT, DOUBLE, BOOL
};

static const struct {
	const char *name[2];		/* with words of 8 and of 4 bytes */
	uint8_t size, encoding;
} kinds[USDT__DWARF_KINDS] = {
	[CHAR] = { { "char", "char" }, 1, DW_ATE_signed_char },
	[SIGNED_CHAR] = { { "signed char", "signed char" }, 1,
	    DW_ATE_signed_char },
	[UNSIGNED_CHAR] = { { "unsigned char", "unsigned char" }, 1,
	    DW_ATE_unsigned_char },
	[SHORT] = { { "short int", "short int" }, 2, DW_ATE_signed },
	[UNSIGNED_SHORT] = { { "short unsigned int", "short unsigned int" }, 2,
	    DW_ATE_unsigned },
	[INT] = { { "int", "int" }, 4, DW_ATE_signed },
	[UNSIGNED_INT] = { { "unsigned int", "unsigned int" }, 4,
	    DW_ATE_unsigned },
	[LONG] = { { "long int", "long long int" }, 8, DW_ATE_signed },
	[UNSIGNED_LONG] = { { "long unsigned int", "long long unsigned int" },
	    8, DW_ATE_unsigned },
	[FLOAT] = { { "float", "float" }, 4, DW_ATE_float },
	[DOUBLE] = { { "double", "double" }, 8, DW_ATE_float },
	[BOOL] = { { "_Bool", "_Bool" }, 1, DW_ATE_boolean },
};

/* Where bytes go. */
struct out {
	struct usdt__sink *sink;
	const struct usdt__arch *arch;
	size_t start;			/* of the section */
};

static void
put(struct out *out, size_t size, uint64_t value)
{
	usdt__store(usdt__sink_room(out->sink, size), size, value,
	    out->arch->big_endian);
}

static inline void
put_byte(struct out *out, unsigned value)
{
	*usdt__sink_room(out->sink, 1) = (uint8_t)value;
}

static void
put_uleb(struct out *out, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		put_byte(out, (value & 0x7f) | 0x80);
	put_byte(out, (unsigned)value);
}

static void
put_string(struct out *out, const char *text, size_t length)
{
	usdt__sink_write(out->sink, text, length);
	put_byte(out, 0);
}

/* The offset of what comes next, in the section. */
static uint32_t
here(const struct out *out)
{
	return (uint32_t)(usdt__sink_at(out->sink) - out->start);
}

/* --- types --------------------------------------------------------------- */

static enum kind
integer_kind(int size)
{
	switch (size) {
	case 1:
		return UNSIGNED_CHAR;
	case -1:
		return SIGNED_CHAR;
	case 2:
		return UNSIGNED_SHORT;
	case -2:
		return SHORT;
	case 4:
		return UNSIGNED_INT;
	case -4:
		return INT;
	case -8:
		return LONG;
	}
	return UNSIGNED_LONG;
}

static int
is_word(const struct usdt__declarator *d, const char *word)
{
	return d->tag_length == strlen(word) &&
	    memcmp(d->tag, word, d->tag_length) == 0;
}

/* The kind of a scalar that is no pointer. */
static enum kind
kind_of(const struct usdt__declarator *d, const struct usdt__arch *arch)
{
	if (d->base == USDT__BASE_FLOAT)
		return d->size == 4 ? FLOAT : DOUBLE;
	if (usdt__declarator_is_char(d))
		return CHAR;
	if (d->size == 1 && (is_word(d, "bool") || is_word(d, "_Bool")))
		return BOOL;
	if (d->base == USDT__BASE_INTEGER || d->base == USDT__BASE_ENUM)
		return integer_kind(d->size);
	return arch->word == 8 ? UNSIGNED_LONG : UNSIGNED_INT;
}

static const struct usdt__struct *
first_struct(const struct usdt__dwarf *dwarf)
{
	const struct usdt__structs *structs = dwarf->description->structs;

	return structs != NULL ? structs->first : NULL;
}

/* How many structs come before it? */
static size_t
index_of(const struct usdt__dwarf *dwarf, const struct usdt__struct *wanted)
{
	const struct usdt__struct *own;
	size_t i = 0;

	for (own = first_struct(dwarf); own != wanted; own = own->next)
		i++;
	return i;
}

/* The pointer type for DEPTH stars. */
static uint32_t
pointer_to(const struct usdt__dwarf *dwarf, const struct usdt__declarator *d,
    unsigned depth)
{
	const struct usdt__struct *own = NULL;

	if (d->base == USDT__BASE_STRUCT && depth == 1)
		own = usdt__structs_find(dwarf->description->structs, d->tag,
		    d->tag_length);
	if (own != NULL)
		return dwarf->pointers + (uint32_t)index_of(dwarf, own) *
		    USDT__DWARF_POINTER;
	if (depth == 2 && is_word(d, "char"))
		return dwarf->char_pointers;
	if (depth == 1 && (d->base == USDT__BASE_INTEGER ||
	    d->base == USDT__BASE_FLOAT || d->base == USDT__BASE_ENUM))
		return dwarf->kind_pointers + (uint32_t)kind_of(d,
		    dwarf->arch) * USDT__DWARF_POINTER;
	return dwarf->void_pointer;
}

/* The type of one element of a field. */
static uint32_t
field_type(const struct usdt__dwarf *dwarf, const struct usdt__field *field)
{
	const struct usdt__declarator *d = &field->declarator;

	if (d->pointers > 0)
		return pointer_to(dwarf, d, d->pointers);
	if (field->of != NULL)
		return dwarf->structs[index_of(dwarf, field->of)];
	return dwarf->kinds[kind_of(d, dwarf->arch)];
}

/* The size with which an argument is passed: at most a word of the machine, or
 * 8 bytes. */
static int
passed_size(const struct usdt__declarator *d, const struct usdt__arch *arch)
{
	int most = arch->wide_format != NULL ? 8 : arch->word;

	if (d->pointers > 0 || d->dimensions > 0 ||
	    d->base == USDT__BASE_STRUCT || d->base == USDT__BASE_VOID)
		return arch->word;
	if (d->size > most)
		return most;
	return d->size < -most ? -most : d->size;
}

/* The type as which it is passed. */
static uint32_t
argument_type(const struct usdt__dwarf *dwarf, const struct usdt__declarator *d,
    int size)
{
	if (d->pointers > 0 || d->dimensions > 0)
		return pointer_to(dwarf, d, d->pointers + (d->dimensions > 0));
	if (d->base == USDT__BASE_FLOAT || size != d->size)
		return dwarf->kinds[integer_kind(size)];
	return dwarf->kinds[kind_of(d, dwarf->arch)];
}

static void
put_pointer(struct out *out, uint32_t to)
{
	put(out, 1, ABBREV_POINTER);
	put(out, 1, out->arch->word);
	put(out, 4, to);
}

/* The types that all units have, and a pointer for each struct. */
static void
put_kinds(struct out *out, struct usdt__dwarf *dwarf)
{
	const struct usdt__struct *own;
	uint8_t encoding;
	size_t i;

	for (i = 0; i < USDT__DWARF_KINDS; i++) {
		const char *name = kinds[i].name[out->arch->word == 4];

		dwarf->kinds[i] = here(out);
		put(out, 1, ABBREV_BASE);
		put_string(out, name, strlen(name));
		put(out, 1, kinds[i].size);
		encoding = kinds[i].encoding;
		if (i == CHAR && usdt__type_size("char", out->arch) > 0)
			encoding = DW_ATE_unsigned_char;
		put(out, 1, encoding);
	}
	dwarf->void_pointer = here(out);
	put(out, 1, ABBREV_VOID_POINTER);
	put(out, 1, out->arch->word);
	dwarf->kind_pointers = here(out);
	for (i = 0; i < USDT__DWARF_KINDS; i++)
		put_pointer(out, dwarf->kinds[i]);
	dwarf->char_pointers = here(out);
	put_pointer(out, dwarf->kind_pointers + CHAR * USDT__DWARF_POINTER);
	dwarf->pointers = here(out);
	for (own = first_struct(dwarf), i = 0; own != NULL; own = own->next,
	    i++)
		put_pointer(out, dwarf->structs[i]);
}

/* An array of a field's elements. */
static void
put_array(struct out *out, const struct usdt__dwarf *dwarf,
    const struct usdt__field *field)
{
	put(out, 1, ABBREV_ARRAY);
	put(out, 4, field_type(dwarf, field));
	put(out, 1, ABBREV_RANGE);
	put(out, 4, dwarf->kinds[UNSIGNED_LONG]);
	put_uleb(out, field->declarator.elements);
	put(out, 1, 0);
}

/* The bytes of an array's type. */
static uint32_t
array_size(const struct usdt__field *field)
{
	uint32_t size = 1 + 4 + 1 + 4 + 1 + 1;
	size_t elements;

	for (elements = field->declarator.elements; elements >= 0x80; elements >>= 7)
		size++;
	return size;
}

/* A struct, with the types of its arrays before it. */
static void
put_struct(struct out *out, struct usdt__dwarf *dwarf,
    const struct usdt__struct *own, size_t index)
{
	uint32_t array = here(out);
	size_t i;

	for (i = 0; i < own->count; i++)
		if (own->fields[i].declarator.dimensions > 0)
			put_array(out, dwarf, &own->fields[i]);
	dwarf->structs[index] = here(out);
	put(out, 1, ABBREV_STRUCT);
	put_string(out, own->name, strlen(own->name));
	put_uleb(out, own->size);
	for (i = 0; i < own->count; i++) {
		const struct usdt__field *field = &own->fields[i];
		const struct usdt__declarator *d = &field->declarator;

		put(out, 1, ABBREV_MEMBER);
		put_string(out, d->name, d->name_length);
		if (d->dimensions > 0) {
			put(out, 4, array);
			array += array_size(field);
		} else {
			put(out, 4, field_type(dwarf, field));
		}
		put_uleb(out, field->offset);
	}
	put(out, 1, 0);
}

/* --- probes -------------------------------------------------------------- */

/* Where an argument is when the uprobe's site is reached. */
static void
put_location(struct out *out, size_t index, int size)
{
	const struct usdt__arch *arch = out->arch;
	uint8_t bytes[8], base;
	size_t n = 0;
	int64_t offset;

	if (index < arch->registers && !usdt__is_wide(size, arch)) {
		put_byte(out, 1);
		put_byte(out, DW_OP_reg0 + arch->dwarf_registers[index]);
		return;
	}
	if (usdt__is_wide(size, arch)) {
		base = arch->wide_register;
		offset = (int64_t)index * 8;
	} else {
		base = arch->unwind.stack;
		offset = (int64_t)usdt__stack_offset(arch, index,
		    size < 0 ? -size : size);
	}
	for (; offset >= 64; offset >>= 7)		/* a signed LEB128 */
		bytes[n++] = (uint8_t)((offset & 0x7f) | 0x80);
	bytes[n++] = (uint8_t)offset;
	put(out, 1, 1 + n);
	put(out, 1, DW_OP_breg0 + base);
	usdt__sink_write(out->sink, bytes, n);
}

/* The parameters of a probe, with the zero behind them. */
static void
put_parameters(struct out *out, const struct usdt__dwarf *dwarf,
    const usdt_probedef_t *probedef)
{
	const struct usdt__arch *arch = out->arch;
	struct usdt__declarator d;
	char name[32] = "arg";
	size_t i;
	int size;

	for (i = 0; i < probedef->argc; i++) {
		usdt__argument(probedef, i, arch, &d);
		size = passed_size(&d, arch);
		put_byte(out, arch->registers > 0 && (i >= arch->registers ||
		    usdt__is_wide(size, arch)) ? ABBREV_VARIABLE :
		    ABBREV_PARAMETER);
		if (d.name_length > 0) {
			put_string(out, d.name, d.name_length);
		} else {
			size_t n = 3;

			if (i >= 10)
				name[n++] = (char)('0' + i / 10);
			name[n++] = (char)('0' + i % 10);
			put_string(out, name, n);
		}
		put(out, 4, argument_type(dwarf, &d, size));
		put_location(out, i, size);
	}
	put(out, 1, 0);
}

/* The bytes of the parameters that were built last. */
#define PARAMETERS_MAX	(USDT_ARG_MAX * 160)

/* What is built of parameters, for one probe at a time. */
struct parameters {
	uint64_t bytes[PARAMETERS_MAX / 8];
	struct usdt__sink sink;
};

static void
build_parameters(struct parameters *last, const struct usdt__dwarf *dwarf,
    const usdt_probedef_t *probedef)
{
	struct out out = { &last->sink, dwarf->arch, 0 };

	memset(&last->sink, 0, sizeof last->sink);
	last->sink.buffer = (uint8_t *)last->bytes;
	last->sink.size = sizeof last->bytes;
	if (probedef->argc > 0)
		put_parameters(&out, dwarf, probedef);
}

/* The bytes of all probes. */
static size_t
probes_size(const struct usdt__dwarf *dwarf)
{
	const struct usdt__description *description = dwarf->description;
	struct usdt__extent scratch;
	struct parameters last;
	size_t i, size = 0;

	for (i = 0; i < description->count; i++) {
		const struct usdt__extent *extent = usdt__extent_of(description,
		    i, &scratch);

		if (!extent->same_arguments)
			build_parameters(&last, dwarf, description->probes[i]);
		size += 1 + extent->note_name + dwarf->arch->word + 1 +
		    last.sink.used;
	}
	return size;
}

static void
put_probes(struct usdt__sink *sink, const struct usdt__dwarf *dwarf,
    const struct usdt__stub *stub, uint64_t text)
{
	const struct usdt__description *description = dwarf->description;
	int word = dwarf->arch->word, big_endian = dwarf->arch->big_endian;
	uint64_t site = text + stub->uprobe_site;
	struct usdt__extent scratch;
	struct parameters last;
	size_t i;

	for (i = 0; i < description->count; i++, site += stub->size) {
		const usdt_probedef_t *probedef = description->probes[i];
		const struct usdt__extent *extent = usdt__extent_of(description,
		    i, &scratch);
		size_t name = extent->note_name;
		uint8_t *out = usdt__sink_room(sink, 1 + name + word + 1);

		*out++ = probedef->argc > 0 ? ABBREV_FUNCTION : ABBREV_LEAF;
		usdt__put_note_name(probedef, extent, out);
		out += name;
		if (word == 8)
			usdt__store(out, 8, site, big_endian);
		else
			usdt__store(out, 4, site, big_endian);
		out[word] = (uint8_t)(stub->size - stub->uprobe_site);
		if (!extent->same_arguments)
			build_parameters(&last, dwarf, probedef);
		usdt__sink_write(sink, last.bytes, last.sink.used);
	}
}

/* --- sections ------------------------------------------------------------ */

void
usdt__dwarf_abbrev(struct usdt__sink *sink)
{
	usdt__sink_write(sink, abbrevs, sizeof abbrevs);
}

/* The unit's head, and all types. */
static void
put_types(struct out *out, struct usdt__dwarf *dwarf,
    const struct usdt__stub *stub, uint64_t text)
{
	const struct usdt__description *description = dwarf->description;
	const struct usdt__struct *own;
	size_t i = 0;

	put(out, 4, dwarf->info_size - 4);
	put(out, 2, VERSION);
	put(out, 4, 0);			/* its abbreviations */
	put(out, 1, out->arch->word);
	put(out, 1, ABBREV_UNIT);
	put_string(out, "libusdt", strlen("libusdt"));
	put(out, 1, DW_LANG_C99);
	put_string(out, description->module, strlen(description->module));
	put(out, out->arch->word, text);
	put(out, 8, description->count * stub->size);
	put_kinds(out, dwarf);
	for (own = first_struct(dwarf); own != NULL; own = own->next)
		put_struct(out, dwarf, own, i++);
}

void
usdt__dwarf_info(struct usdt__dwarf *dwarf, const struct usdt__stub *stub,
    uint64_t text, struct usdt__sink *sink)
{
	struct out out = { sink, dwarf->arch, usdt__sink_at(sink) };

	put_types(&out, dwarf, stub, text);
	put_probes(sink, dwarf, stub, text);
	put(&out, 1, 0);
}

void
usdt__dwarf_aranges(const struct usdt__dwarf *dwarf,
    const struct usdt__stub *stub, uint64_t text, struct usdt__sink *sink)
{
	struct out out = { sink, dwarf->arch, usdt__sink_at(sink) };
	size_t word = out.arch->word;

	put(&out, 4, USDT__DWARF_ARANGES(word) - 4);
	put(&out, 2, 2);			/* version */
	put(&out, 4, 0);			/* the unit */
	put(&out, 1, word);
	put(&out, 1, 0);
	usdt__sink_pad(sink, out.start + usdt__align(here(&out), 2 * word));
	put(&out, word, text);
	put(&out, word, dwarf->description->count * stub->size);
	put(&out, word, 0);
	put(&out, word, 0);
}

static int
forget(struct usdt__sink *sink, const uint8_t *bytes, size_t size)
{
	(void)sink;
	(void)bytes;
	(void)size;
	return 0;
}

void
usdt__sizing_sink(struct usdt__sink *sink, void *buffer, size_t size)
{
	memset(sink, 0, sizeof *sink);
	sink->buffer = buffer;
	sink->size = size;
	sink->drain = forget;
}

/* What refers to a struct behind it has its place from a first run. */
void
usdt__dwarf_layout(struct usdt__dwarf *dwarf,
    const struct usdt__description *description,
    const struct usdt__arch *arch, const struct usdt__stub *stub)
{
	uint64_t buffer[64];
	struct usdt__sink sink;
	struct out out = { &sink, arch, 0 };

	memset(dwarf, 0, sizeof *dwarf);
	dwarf->description = description;
	dwarf->arch = arch;
	usdt__sizing_sink(&sink, buffer, sizeof buffer);
	put_types(&out, dwarf, stub, 0);
	dwarf->info_size = here(&out) + probes_size(dwarf) + 1;
	dwarf->abbrev_size = sizeof abbrevs;
}
