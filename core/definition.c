/*
 * core/definition.c - how is a probe made, and when does it go?
 *
 * A definition, its state and its texts are one block.  The caller and the
 * provider that it is in each hold a reference.
 */
#include "core/provider.h"

#include <stdlib.h>

/* Are a probe's names, count and types such as every tracer takes? */
static int
check_probe(const char *func, const char *name, size_t argc,
    const char **types, struct usdt__why *why)
{
	const struct usdt__platform *row = usdt__native_platform();
	size_t i;

	/* The name first: bindings take it for the function's, too. */
	if (usdt__name_check_probe(row, name, why) < 0 ||
	    usdt__name_check_function(row, func, why) < 0)
		return -1;
	if (argc > USDT_ARG_MAX)
		return usdt__because(why, 0, "probe %s has %zu arguments, at "
		    "most %d are taken", name, argc, USDT_ARG_MAX);
	if (argc > 0 && types == NULL)
		return usdt__because(why, 0, "types is NULL for %zu arguments",
		    argc);
	for (i = 0; i < argc; i++)
		if (usdt__name_check_type(row, types[i], i, why) < 0)
			return -1;
	return 0;
}

/* Copy a string to where *AT points, and move that on. */
static char *
copy(char **at, const char *string)
{
	size_t size = strlen(string) + 1;
	char *start = memcpy(*at, string, size);

	*at += size;
	return start;
}

usdt_probedef_t *
usdt_create_probe(const char *func, const char *name, size_t argc,
    const char **types)
{
	struct usdt__probe_block *block;
	struct usdt__why why;
	size_t i, size;
	int respelt;
	char *at;

	if (check_probe(func, name, argc, types, &why) < 0) {
		usdt__fail(NULL, USDT_ERROR_INVALID, why.text);
		return NULL;
	}
	size = sizeof *block + argc * sizeof *block->types +
	    strlen(func) + 1 + strlen(name) + 1;
	respelt = strstr(name, "__") != NULL;
	if (respelt)
		size += strlen(name) + 1;
	for (i = 0; i < argc; i++)
		size += strlen(types[i]) + 1;
	block = calloc(1, size);
	if (block == NULL) {
		usdt__fail(NULL, USDT_ERROR_MALLOC);
		return NULL;
	}
	at = (char *)&block->types[argc];
	block->def.function = copy(&at, func);
	block->def.name = copy(&at, name);
	block->def.argc = argc;
	block->def.types = block->types;
	for (i = 0; i < argc; i++)
		block->types[i] = copy(&at, types[i]);
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
	usdt__probe_unbind(&block->def);
	return &block->def;
}

void
usdt__probe_release(usdt_probedef_t *probedef)
{
	if (--probedef->state->references > 0)
		return;
	usdt__probe_leave(probedef);
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
