/*
 * core/name.c - which names are valid, and how do tracers spell them?
 *
 * Kernels and daemons drop a provider or probe whose name does not suit them,
 * mostly without an error, and tracers cut names and paths at characters with a
 * meaning to them.  So this room refuses such names, and the text says what is
 * wrong and why.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/platform.h"

#include <stdio.h>

static int
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The rules for all names: not NULL, empty, too long, "." or "..". */
static int
check_common(const char *what, const char *name, size_t max,
    const struct usdt__platform *row, struct usdt__why *why)
{
	if (name == NULL)
		return usdt__because(why, 0, "%s name is NULL", what);
	if (*name == '\0')
		return usdt__because(why, 0, "%s name is empty", what);
	if (strlen(name) > max)
		return usdt__because(why, 0, "%s name \"%.32s...\" has %zu "
		    "bytes, %s accepts %zu", what, name, strlen(name),
		    row->limits, max);
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return usdt__because(why, 0, "%s name may not be \"%s\": it "
		    "becomes part of a path", what, name);
	return 0;
}

/* A character as error texts show it. */
static const char *
show(char c, char out[8])
{
	if (c > ' ' && c < 0x7f)
		snprintf(out, 8, "'%c'", c);
	else
		snprintf(out, 8, "\\x%02x", (unsigned char)c);
	return out;
}

/* Check a name that becomes part of an image's path. */
static int
check_path_chars(const char *what, const char *name, const char *others,
    struct usdt__why *why)
{
	const char *c;
	char shown[8];

	for (c = name; *c != '\0'; c++)
		if (!is_letter(*c) && !is_digit(*c) &&
		    strchr(others, *c) == NULL)
			return usdt__because(why, 0, "%s name \"%s\" holds %s:"
			    " only letters, digits and %s are accepted, "
			    "tracers cut names elsewhere", what, name,
			    show(*c, shown), others);
	return 0;
}

/* Check a name that only tracers see.  Tracers cut some at OTHERS, too. */
static int
check_tracer_chars(const char *what, const char *name, const char *others,
    struct usdt__why *why)
{
	const char *c;
	char shown[8];

	for (c = name; *c != '\0'; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f ||
		    strchr("/:", *c) != NULL || strchr(others, *c) != NULL)
			return usdt__because(why, 0, "%s name \"%s\" holds %s:"
			    " '/', ':', %sblanks and control characters "
			    "are not accepted, tracers cut names there", what,
			    name, show(*c, shown),
			    *others != '\0' ? "',', " : "");
	return 0;
}

int
usdt__name_check_provider(const struct usdt__platform *row, const char *name,
    struct usdt__why *why)
{
	size_t i;

	if (check_common("provider", name, row->max_provider, row, why) < 0 ||
	    check_path_chars("provider", name, row->provider_chars, why) < 0)
		return -1;
	if (!is_letter(*name) && strchr("._-", *name) == NULL)
		return usdt__because(why, 0, "provider name \"%s\" must start "
		    "with a letter, '.', '_' or '-' for %s", name,
		    row->limits);
	for (i = 0; row->reserved[i] != NULL; i++)
		if (strcmp(name, row->reserved[i]) == 0)
			return usdt__because(why, 0, "provider name \"%s\" is "
			    "DTrace's own", name);
	return 0;
}

int
usdt__name_check_module(const struct usdt__platform *row, const char *name,
    struct usdt__why *why)
{
	if (check_common("module", name, row->max_module, row, why) < 0)
		return -1;
	return check_path_chars("module", name, "._-+", why);
}

int
usdt__name_check_function(const struct usdt__platform *row, const char *name,
    struct usdt__why *why)
{
	if (check_common("function", name, row->max_function, row, why) < 0)
		return -1;
	return check_tracer_chars("function", name, "", why);
}

int
usdt__name_check_probe(const struct usdt__platform *row, const char *name,
    struct usdt__why *why)
{
	if (check_common("probe", name, row->max_name, row, why) < 0 ||
	    check_tracer_chars("probe", name, ",", why) < 0)
		return -1;
	if (strstr(name, "_-") != NULL)
		return usdt__because(why, 0, "probe name \"%s\" holds \"_-\": "
		    "SDT notes write '-' as \"__\", and nobody could tell "
		    "which is meant", name);
	return 0;
}

int
usdt__name_check_type(const struct usdt__platform *row, const char *type,
    size_t index, struct usdt__why *why)
{
	const char *c;
	char shown[8];

	if (type == NULL)
		return usdt__because(why, 0, "type %zu is NULL", index);
	if (*type == '\0')
		return usdt__because(why, 0, "type %zu is empty", index);
	if (strlen(type) > row->max_type)
		return usdt__because(why, 0, "type %zu \"%.32s...\" has %zu "
		    "bytes, %s accepts %zu", index, type, strlen(type),
		    row->limits, row->max_type);
	for (c = type; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return usdt__because(why, 0, "type %zu holds %s",
			    index, show(*c, shown));
	return 0;
}

/* "struct NAME *" has to be a type that is taken. */
int
usdt__name_check_struct(const struct usdt__platform *row, const char *name,
    struct usdt__why *why)
{
	const size_t max = row->max_type - strlen("struct  *");
	struct usdt__declarator as_name;
	char text[256], shown[8];
	const char *c;

	if (check_common("struct", name, max, row, why) < 0)
		return -1;
	for (c = name; *c != '\0'; c++)
		if (!is_letter(*c) && *c != '_' && (c == name || !is_digit(*c)))
			return usdt__because(why, 0, "struct name \"%s\" holds "
			    "%s: a name of C's has letters, digits and '_', "
			    "and no digit first", name, show(*c, shown));
	snprintf(text, sizeof text, "int %s", name);
	if (usdt__declarator_parse(&as_name, text, 0, usdt__native_arch(),
	    NULL) < 0 || as_name.name_length == 0)
		return usdt__because(why, 0, "struct name \"%s\" is a word of "
		    "C's", name);
	return 0;
}

/* In a probe description some characters have a meaning ('[' begins a set), and
 * others are not allowed at all. */
int
usdt__name_spells(const char *name)
{
	while (is_letter(*name) || is_digit(*name) ||
	    (*name != '\0' && strchr("_-.", *name) != NULL))
		name++;
	return *name == '\0';
}

size_t
usdt__name_dof(const char *name, char *out)
{
	size_t n = 0;

	while (*name != '\0') {
		if (name[0] == '_' && name[1] == '_') {
			out[n++] = '-';
			name += 2;
		} else {
			out[n++] = *name++;
		}
	}
	out[n] = '\0';
	return n;
}

size_t
usdt__name_note(const char *name, char *out)
{
	size_t n = 0, length;
	const char *hyphen;

	for (;;) {
		hyphen = strchr(name, '-');
		length = hyphen != NULL ? (size_t)(hyphen - name) :
		    strlen(name);
		if (out != NULL)
			memcpy(out + n, name, length);
		n += length;
		if (hyphen == NULL)
			break;
		if (out != NULL)
			out[n] = out[n + 1] = '_';
		n += 2;
		name = hyphen + 1;
	}
	if (out != NULL)
		out[n] = '\0';
	return n;
}
