/*
 * definition.c - which probes does a command line define?
 *
 * The form of a definition is PROVIDER:MODULE:FUNCTION:NAME(TYPE, ...).  The
 * library checks it: by the calls of usdt.h, and names by the rules of the
 * chosen system.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>

#include "tools/common/common.h"

int
definition_wrong(const char *text, const char *why)
{
	fputs("usdt: ", stderr);
	quote_line(stderr, text);
	fputs(": ", stderr);
	quote_message(stderr, why);
	putc('\n', stderr);
	return -1;
}

/* Three colons before the first slash: no provider or module has a colon. */
int
definition_is(const char *text)
{
	size_t i;
	int colons = 0;

	for (i = 0; text[i] != '\0' && text[i] != '/' && colons < 3; i++)
		colons += text[i] == ':';
	return colons == 3;
}

/* --- parsing --- */

struct parsed {
	char *copy;		/* memory that holds the parts */
	char *part[4];		/* provider, module, function, name */
	const char *types[USDT_ARG_MAX];
	size_t count;
};

/* Cut blanks off both ends. */
static char *
trim(char *text)
{
	size_t length;

	text += strspn(text, " \t\n");
	length = strlen(text);
	while (length > 0 && strchr(" \t\n", text[length - 1]) != NULL)
		text[--length] = '\0';
	return text;
}

/* A type ends at a comma or bracket that is in no inner bracket. */
static size_t
type_length(const char *text)
{
	size_t i;
	int depth = 0;

	for (i = 0; text[i] != '\0'; i++) {
		if (depth == 0 && (text[i] == ',' || text[i] == ')'))
			break;
		if (strchr("([{", text[i]) != NULL)
			depth++;
		else if (strchr(")]}", text[i]) != NULL)
			depth--;
	}
	return i;
}

/* TEXT follows the opening bracket.  Returns what is wrong, or NULL. */
static const char *
parse_types(struct parsed *parsed, char *text)
{
	size_t length;
	char end;

	if (*trim(text) == ')' && *trim(trim(text) + 1) == '\0')
		return NULL;
	do {
		length = type_length(text);
		end = text[length];
		text[length] = '\0';
		if (end == '\0')
			return "the types have no closing bracket";
		if (parsed->count < USDT_ARG_MAX)
			parsed->types[parsed->count] = trim(text);
		parsed->count++;	/* a later check has the limit */
		text += length + 1;
	} while (end == ',');
	return *trim(text) == '\0' ? NULL :
	    "something follows the closing bracket";
}

static const char *
parse(struct parsed *parsed, const char *text)
{
	char *at, *bracket;
	size_t i;

	memset(parsed, 0, sizeof *parsed);
	at = parsed->copy = xasprintf("%s", text);
	for (i = 0; i < 4; i++) {
		parsed->part[i] = at;
		if (i == 3 || (at = strchr(at, ':')) == NULL)
			break;
		*at++ = '\0';
	}
	if (i < 3)
		return "is not PROVIDER:MODULE:FUNCTION:NAME(TYPE, ...)";
	bracket = strchr(parsed->part[3], '(');
	if (bracket != NULL)
		*bracket = '\0';
	/* Undo the way in which `usdt list` prints names. */
	quote_undo(parsed->part[2]);
	quote_undo(parsed->part[3]);
	return bracket != NULL ? parse_types(parsed, bracket + 1) : NULL;
}

/* --- what is defined --- */

static const char *
take_provider(struct definition *definition, const struct parsed *parsed,
    const struct usdt__platform *row, struct usdt__why *why)
{
	const char *name = parsed->part[0], *module = parsed->part[1];

	if (usdt__name_check_provider(row, name, why) < 0 ||
	    usdt__name_check_module(row, module, why) < 0)
		return why->text;
	if (definition->provider == NULL) {
		definition->provider = usdt_create_provider(name, module);
		return definition->provider != NULL ? NULL :
		    usdt_errstr(NULL);
	}
	if (strcmp(definition->provider->name, name) != 0 ||
	    strcmp(definition->provider->module, module) != 0)
		return "a document has one provider and module, but the first "
		    "definition has another";
	return NULL;
}

static const char *
take_probe(struct definition *definition, struct parsed *parsed)
{
	usdt_probedef_t *probe = usdt_create_probe(parsed->part[2],
	    parsed->part[3], parsed->count, parsed->types);

	if (probe == NULL)
		return usdt_errstr(NULL);
	if (usdt_provider_add_probe(definition->provider, probe) < 0) {
		usdt_probe_release(probe);
		return usdt_errstr(definition->provider);
	}
	ROOM_FOR_ONE(definition->probes, definition->count,
	    definition->space);
	definition->probes[definition->count++] = probe;
	return NULL;
}

int
definition_add(struct definition *definition, const char *text,
    const struct usdt__platform *row)
{
	struct parsed parsed;
	struct usdt__why why;
	const char *problem = parse(&parsed, text);
	int result = 0;

	if (problem == NULL)
		problem = take_provider(definition, &parsed, row, &why);
	if (problem == NULL)
		problem = take_probe(definition, &parsed);
	if (problem != NULL)
		result = definition_wrong(text, problem);
	free(parsed.copy);
	return result;
}

void
definition_free(struct definition *definition)
{
	size_t i;

	for (i = 0; i < definition->count; i++)
		usdt_probe_release(definition->probes[i]);
	free(definition->probes);
	if (definition->provider != NULL)
		usdt_provider_free(definition->provider);
	memset(definition, 0, sizeof *definition);
}
