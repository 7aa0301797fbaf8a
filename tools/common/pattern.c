/*
 * pattern.c - which probes did the user name?
 *
 * A pattern is PROVIDER, PROVIDER:PROBE or, as DTrace and `usdt list` write it,
 * PROVIDER:MODULE:FUNCTION:PROBE, where an empty part matches everything.  A
 * pattern with a '/' before its last colons begins with a path, and one with no
 * colon behind its last '/' is a path alone: all probes of that file.  All other
 * parts may have wildcards.  A probe's name matches in either spelling:
 * request-start as DTrace prints it, or request__start as SDT notes have it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE		/* open_memstream */
#endif
#include <fnmatch.h>
#include <stdlib.h>

#include "tools/common/common.h"

#define PARTS_MAX	5	/* with what follows the path's last slash */

static int
wrong(const char *text, const char *why)
{
	fputs("usdt: \"", stderr);
	quote_line(stderr, text);
	fprintf(stderr, "\" %s\n", why);
	return -1;
}

/* Does it end in types, as `usdt list` prints them after a name? */
static int
has_types(const char *text)
{
	size_t length = strlen(text);
	const char *bracket;

	if (length == 0 || text[length - 1] != ')')
		return 0;
	for (bracket = strchr(text, '('); bracket != NULL;
	    bracket = strchr(bracket + 1, '('))
		if (bracket > text && bracket[-1] != '\\')
			return 1;
	return 0;
}

/*
 * Cut TEXT at its last colons, into at most PARTS_MAX parts, of which the first
 * may have more colons.  Returns how many; each PART ends where the next
 * begins.
 */
static size_t
cut(const char *text, const char **part)
{
	const char *colon[PARTS_MAX] = { NULL };
	size_t count = 1, i, length = strlen(text);

	while (length > 0 && count < PARTS_MAX)
		if (text[--length] == ':')
			colon[count++] = text + length;
	part[0] = text;
	for (i = 1; i < count; i++)
		part[i] = colon[count - i] + 1;
	part[count] = text + strlen(text) + 1;
	return count;
}

/* A part, up to the colon before END; "*" if it is empty. */
static char *
copy_part(const char *part, const char *end)
{
	if (end - 1 == part)
		return xstrndup("*", 1);
	return xstrndup(part, (size_t)(end - 1 - part));
}

/* The name with "-" for "__".  To be freed. */
static char *
dof_spelling(const char *name)
{
	char *spelling = xcalloc(strlen(name) + 1, 1);

	usdt__name_dof(name, spelling);
	return spelling;
}

static void
every_probe_of(struct pattern *pattern, const char *path)
{
	pattern->path = xstrndup(path, strlen(path));
	pattern->provider = xstrndup("*", 1);
	pattern->module = xstrndup("*", 1);
	pattern->function = xstrndup("*", 1);
	pattern->name = xstrndup("*", 1);
	pattern->dof_name = xstrndup("*", 1);
}

/*
 * After the last slash there is the rest of a path, then one, two or four
 * parts.  Three colons there are one of the path and those of two parts.
 */
static int
pattern_parse(struct pattern *pattern, const char *text)
{
	const char *slash = strrchr(text, '/'), *part[PARTS_MAX + 1];
	size_t count = cut(slash ? slash + 1 : text, part), first;

	memset(pattern, 0, sizeof *pattern);
	pattern->text = text;
	if (slash != NULL && count == 1 && slash[1] != '\0') {
		every_probe_of(pattern, text);
		return 0;
	}
	if (has_types(text))
		return wrong(text, "has types at its end: leave them out, "
		    "with their brackets");
	if (slash != NULL)
		first = count == 4 ? 2 : 1;
	else
		first = count == 3 ? PARTS_MAX : 0;
	if (first >= count || (slash == NULL && count == PARTS_MAX) ||
	    (count - first < 4 && part[first + 1] - 1 == part[first]))
		return wrong(text, "is not [PATH:]PROVIDER:PROBE or "
		    "[PATH:]PROVIDER:MODULE:FUNCTION:PROBE");
	if (first > 0)
		pattern->path = xstrndup(text,
		    (size_t)(part[first] - 1 - text));
	pattern->provider = copy_part(part[first], part[first + 1]);
	pattern->module = count - first < 4 ? xstrndup("*", 1) :
	    copy_part(part[first + 1], part[first + 2]);
	pattern->function = count - first < 4 ? xstrndup("*", 1) :
	    copy_part(part[first + 2], part[first + 3]);
	pattern->name = count - first < 2 ? xstrndup("*", 1) :
	    copy_part(part[count - 1], part[count]);
	pattern->dof_name = dof_spelling(pattern->name);
	return 0;
}

static void
pattern_free(struct pattern *pattern)
{
	free(pattern->path);
	free(pattern->provider);
	free(pattern->module);
	free(pattern->function);
	free(pattern->name);
	free(pattern->dof_name);
	memset(pattern, 0, sizeof *pattern);
}

void
patterns_free(struct pattern *patterns, size_t count)
{
	while (count > 0)
		pattern_free(&patterns[--count]);
	free(patterns);
}

int
patterns_parse(struct pattern **patterns, size_t *count, char **words)
{
	size_t words_count = 0;

	while (words[words_count] != NULL)
		words_count++;
	*patterns = xcalloc(words_count, sizeof **patterns);
	for (*count = 0; *count < words_count; (*count)++)
		if (pattern_parse(&(*patterns)[*count], words[*count]) < 0) {
			patterns_free(*patterns, *count);
			*patterns = NULL;
			*count = 0;
			return -1;
		}
	return 0;
}

/*
 * A name matches itself, whatever wildcards it has, both as it is and as `usdt
 * list` prints it.
 */
static int
part_matches(const char *part, const char *name)
{
	char *shown;
	size_t size;
	FILE *out;
	int matches;

	if (fnmatch(part, name, 0) == 0 || strcmp(part, name) == 0)
		return 1;
	if (strchr(part, '\\') == NULL)
		return 0;
	out = text_begin(&shown, &size);
	quote_line(out, name);
	text_end(out);
	matches = strcmp(part, shown) == 0;
	free(shown);
	return matches;
}

/* A file has the name in one spelling; the user may have used either. */
static int
name_matches(const struct pattern *pattern, const struct probe *probe)
{
	char *dof_name;
	int matches;

	if (part_matches(pattern->name, probe->name) ||
	    (probe->note_name != NULL &&
	    part_matches(pattern->name, probe->note_name)))
		return 1;
	dof_name = dof_spelling(probe->name);
	matches = fnmatch(pattern->dof_name, dof_name, 0) == 0;
	free(dof_name);
	return matches;
}

int
pattern_matches(const struct pattern *pattern, const char *path,
    const struct probe *probe)
{
	return part_matches(pattern->provider, probe->provider) &&
	    part_matches(pattern->module, mapped_module(path)) &&
	    part_matches(pattern->function, probe->function) &&
	    name_matches(pattern, probe);
}

/* Print a name so that, as a pattern, it matches only itself. */
static void
print_escaped(FILE *out, const char *name)
{
	size_t length = strlen(name);
	int ends = length > 0 && name[length - 1] == ')';

	for (; *name != '\0'; name++) {
		if (*name == '\\' || *name == '[' || *name == '{' ||
		    (ends && *name == '('))
			putc('\\', out);
		putc(*name, out);
	}
}

char *
pattern_for(const char *path, const struct probe *probe)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	size_t size;
	char *text;
	FILE *out = text_begin(&text, &size);

	if (path != NULL)
		fprintf(out, "%s:", path);
	print_escaped(out, probe->provider);
	/* With all four parts a path that has colons stays distinct. */
	fputs(slash != NULL && strchr(slash, ':') != NULL ? ":::" : ":", out);
	print_escaped(out, probe->name);
	text_end(out);
	return text;
}
