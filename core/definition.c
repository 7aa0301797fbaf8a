/*
 * core/definition.c - how is a probe made, and when does it go?
 *
 * A definition, its state and its texts are one block of memory.  The caller
 * and the probe's provider each hold a reference.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/provider.h"

#include <stdlib.h>

/* Does every tracer accept a probe's names, argument count and types? */
static int
check_probe(const char *func, const char *name, size_t argc,
    const char **types, struct usdt__why *why)
{
	const struct usdt__platform *row = usdt__native_platform();
	size_t i;

	/* The name first: bindings use it as the function's name, too. */
	if (usdt__name_check_probe(row, name, why) < 0 ||
	    usdt__name_check_function(row, func, why) < 0)
		return -1;
	if (argc > USDT_ARG_MAX)
		return usdt__because(why, 0, "probe %s has %zu arguments, at "
		    "most %d are accepted", name, argc, USDT_ARG_MAX);
	if (argc > 0 && types == NULL)
		return usdt__because(why, 0, "types is NULL for %zu arguments",
		    argc);
	for (i = 0; i < argc; i++)
		if (usdt__name_check_type(row, types[i], i, why) < 0)
			return -1;
	return 0;
}

/* What the type strings of a probe declare. */
struct arguments {
	struct usdt__declarator of[USDT_ARG_MAX];
	size_t size;		/* bytes of types that DOF spells differently */
	int named;		/* an argument has a name */
	int translated;		/* a translator leads to a type */
	uint32_t extended;	/* as in struct usdt_probe */
	uint32_t texts;
	int measured;		/* a text has an argument with its length */
};

/* Does DOF spell the type otherwise than the caller's string? */
static int
is_respelt(const struct usdt__declarator *arg)
{
	return arg->name_length > 0 || arg->translated != NULL;
}

/* Is it a signed type of 64 bits? */
static int
is_signed_64(const struct usdt__declarator *arg)
{
	return arg->pointers == 0 && arg->dimensions == 0 && arg->size == -8;
}

/* Does it point to characters that end with a zero? */
static int
is_text(const struct usdt__declarator *arg)
{
	if (arg->pointers == 0 && arg->dimensions == 0)
		return arg->type_length == 6 &&
		    memcmp(arg->text, "string", 6) == 0;	/* D's */
	return arg->pointers == 1 && arg->dimensions == 0 &&
	    usdt__declarator_is_char(arg);
}

/* The index of the argument that has the length of this one, or -1: "body_len"
 * for "body". */
static int
length_of(const struct arguments *args, size_t argc, size_t index)
{
	const struct usdt__declarator *text = &args->of[index], *arg;
	size_t i;

	for (i = 0; i < argc && text->name_length > 0; i++) {
		arg = &args->of[i];
		if (arg->name_length == text->name_length + 4 &&
		    memcmp(arg->name, text->name, text->name_length) == 0 &&
		    memcmp(arg->name + text->name_length, "_len", 4) == 0)
			return (int)i;
	}
	return -1;
}

/* Bytes of an integer argument, negative if signed; of others those of a word. */
static int
word_size(const struct usdt__declarator *arg)
{
	return arg->pointers == 0 && arg->dimensions == 0 &&
	    arg->base == USDT__BASE_INTEGER ? arg->size : 8;
}

/* Does an earlier argument have the same name? */
static int
has_namesake(const struct usdt__declarator *args, size_t index)
{
	const struct usdt__declarator *arg = &args[index];
	size_t i;

	for (i = 0; i < index && arg->name_length > 0; i++)
		if (args[i].name_length == arg->name_length &&
		    memcmp(args[i].name, arg->name, arg->name_length) == 0)
			return 1;
	return 0;
}

static int
parse_types(struct arguments *args, size_t argc, const char **types,
    struct usdt__why *why)
{
	size_t i;

	args->size = 0;
	args->named = args->translated = 0;
	args->extended = args->texts = 0;
	args->measured = 0;
	for (i = 0; i < argc; i++) {
		struct usdt__declarator *arg = &args->of[i];

		if (usdt__declarator_parse(arg, types[i], i,
		    usdt__native_arch(), why) < 0)
			return -1;
		if (has_namesake(args->of, i))
			return usdt__because(why, 0, "type %zu \"%s\" has a "
			    "name that another argument has", i, types[i]);
		args->named |= arg->name_length > 0;
		args->translated |= arg->translated != NULL;
		args->extended |= (uint32_t)is_signed_64(arg) << i;
		args->texts |= (uint32_t)is_text(arg) << i;
		if (is_respelt(arg))
			args->size += strlen(types[i]) + 1;
	}
	for (i = 0; i < argc && args->named; i++)
		args->measured |= args->texts >> i & 1 &&
		    length_of(args, argc, i) >= 0;
	return 0;
}

/* Copy a string to *AT, and move *AT behind it. */
static char *
copy(char **at, const char *string)
{
	size_t size = strlen(string) + 1;
	char *start = memcpy(*at, string, size);

	*at += size;
	return start;
}

/*
 * Write the types for DOF: first without names, then the translated ones, if
 * any.  A type without a translator is its own translation.
 */
static void
write_types(struct usdt__probe_block *block, const struct arguments *args,
    char **at)
{
	size_t i, argc = block->def.argc;
	char **native = block->types, **translated;

	if (args->size > 0) {
		native += argc;
		translated = native + argc;
		for (i = 0; i < argc; i++) {
			native[i] = block->types[i];
			if (is_respelt(&args->of[i])) {
				native[i] = *at;
				*at += usdt__declarator_type(&args->of[i],
				    *at) + 1;
			}
			if (!args->translated)
				continue;
			translated[i] = native[i];
			if (args->of[i].translated != NULL)
				translated[i] = block->types[i] +
				    (args->of[i].translated -
				    args->of[i].text);
		}
	}
	block->state.dof_types = native;
	block->state.named = (uint8_t)args->named;
	block->state.translated = (uint8_t)args->translated;
}

/* Keep what named arguments declare: it is needed six times for one image. */
static void
keep_arguments(const struct arguments *args, size_t argc, char **at)
{
	struct usdt__kept_declarator *kept = (void *)*at;
	size_t i;

	for (i = 0; args->named && i < argc; i++)
		usdt__declarator_keep(&args->of[i], &kept[i]);
	*at += i * sizeof *kept;
}

usdt_probedef_t *
usdt_create_probe(const char *func, const char *name, size_t argc,
    const char **types)
{
	struct usdt__probe_block *block;
	struct arguments args;
	struct usdt__why why;
	size_t i, lists, size;
	int respelt;
	char *at;

	if (check_probe(func, name, argc, types, &why) < 0 ||
	    parse_types(&args, argc, types, &why) < 0) {
		usdt__fail(NULL, USDT_ERROR_INVALID, why.text);
		return NULL;
	}
	lists = args.translated ? 3 : args.size > 0 ? 2 : 1;
	size = sizeof *block + lists * argc * sizeof *block->types +
	    args.size + strlen(func) + 1 + strlen(name) + 1;
	if (args.named)
		size += argc * sizeof(struct usdt__kept_declarator);
	respelt = strstr(name, "__") != NULL;
	if (respelt)
		size += strlen(name) + 1;
	for (i = 0; i < argc; i++)
		size += strlen(types[i]) + 1;
	if (args.measured)
		size += 2 * argc;
	block = calloc(1, size);
	if (block == NULL) {
		usdt__fail(NULL, USDT_ERROR_MALLOC);
		return NULL;
	}
	at = (char *)&block->types[lists * argc];
	keep_arguments(&args, argc, &at);
	block->def.function = copy(&at, func);
	block->def.name = copy(&at, name);
	block->def.argc = argc;
	block->def.types = block->types;
	for (i = 0; i < argc; i++)
		block->types[i] = copy(&at, types[i]);
	write_types(block, &args, &at);
	if (respelt)
		usdt__name_dof(name, at);
	else
		at = (char *)block->def.name;
	block->def.state = &block->state;
	block->def.probe = &block->state.probe;
	block->state.references = 1;
	block->state.dof_name = at;
	block->state.hash = usdt__probeset_hash(func, at);
	block->state.probe.argc = (uint16_t)argc;
	block->state.probe.extended = args.extended;
	block->state.probe.texts = args.texts;
	if (args.measured) {
		signed char *lengths = (signed char *)block + size - 2 * argc;

		for (i = 0; i < argc; i++) {
			int of = length_of(&args, argc, i);

			lengths[i] = (signed char)of;
			lengths[argc + i] = (signed char)(of < 0 ? 0 :
			    word_size(&args.of[of]));
		}
		block->state.probe.lengths = lengths;
	}
	usdt__probe_unbind(&block->def);
	return &block->def;
}

void
usdt__probe_release(usdt_probedef_t *probedef)
{
	if (--probedef->state->references > 0)
		return;
	usdt__probe_leave(probedef);
	free(probedef->state->code);
	free(probedef);
}

void
usdt_probe_release(usdt_probedef_t *probedef)
{
	if (probedef == NULL)
		return;
	usdt__lock();
	usdt__probe_release(probedef);
	usdt__unlock();
}
