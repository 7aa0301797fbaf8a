/*
 * pattern.c - which probes did the user name?
 *
 * A pattern is [PATH:]PROVIDER[:PROBE].  What has a '/' before its last colons
 * begins with a path; PROVIDER and PROBE may hold wildcards.  A probe's name
 * matches in either spelling: request-start as DTrace shows it, or
 * request__start as SDT notes have it.
 */
#include <fnmatch.h>
#include <stdlib.h>

#include "tool.h"

/* The last colon of TEXT[0..length), or NULL. */
static const char *
last_colon(const char *text, size_t length)
{
	while (length > 0 && text[length - 1] != ':')
		length--;
	return length > 0 ? text + length - 1 : NULL;
}

int
pattern_parse(struct pattern *pattern, const char *text)
{
	const char *end = text + strlen(text), *slash = strrchr(text, '/');
	const char *file = slash ? slash + 1 : text;
	const char *name, *provider, *second, *first = NULL;

	memset(pattern, 0, sizeof *pattern);
	second = last_colon(file, (size_t)(end - file));
	if (second != NULL)
		first = last_colon(file, (size_t)(second - file));
	if (slash != NULL && first == NULL) {	/* PATH:PROVIDER */
		first = second;
		second = NULL;
	}
	name = second ? second + 1 : end;
	provider = first ? first + 1 : file;
	if ((slash == NULL) != (first == NULL) ||
	    provider == (second ? second : end)) {
		fprintf(stderr, "usdt: \"%s\" is not "
		    "[PATH:]PROVIDER:PROBE\n", text);
		return -1;
	}
	if (first != NULL)
		pattern->path = need_copy(text, (size_t)(first - text));
	pattern->provider = need_copy(provider,
	    (size_t)((second ? second : end) - provider));
	pattern->name = need_copy(*name ? name : "*",
	    *name ? (size_t)(end - name) : 1);
	return 0;
}

void
pattern_free(struct pattern *pattern)
{
	free(pattern->path);
	free(pattern->provider);
	free(pattern->name);
	memset(pattern, 0, sizeof *pattern);
}

int
pattern_matches(const struct pattern *pattern, const char *provider,
    const char *name, const char *note_name)
{
	if (fnmatch(pattern->provider, provider, 0) != 0)
		return 0;
	if (fnmatch(pattern->name, name, 0) == 0)
		return 1;
	return note_name != NULL && fnmatch(pattern->name, note_name, 0) == 0;
}
