/*
 * names.c - do the checkers of names and types (core/name.c, core/type.c)
 * accept exactly what usdt.h says, and give a reason otherwise?
 *
 * What they accept is compared with the header's rules, written here once more.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "feed.h"

#define PATH_CHARS	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" \
			"0123456789"

static int
made_of(const char *text, const char *set, const char *more)
{
	for (; *text != '\0'; text++)
		if (strchr(set, *text) == NULL && strchr(more, *text) == NULL)
			return 0;
	return 1;
}

static int
is_dots(const char *text)
{
	return strcmp(text, ".") == 0 || strcmp(text, "..") == 0;
}

static int
has_control(const char *text, unsigned char least)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < least || *text == 0x7f)
			return 1;
	return 0;
}

/* Returned -1 with a complete text, or 0 and left the text alone. */
static void
check(int result, int expected, struct usdt__why *why)
{
	must(result == (expected ? 0 : -1));
	if (result == 0)
		must(why->error == 99 && strcmp(why->text, "untouched") == 0);
	else
		must(strlen(why->text) > 8 &&
		    strlen(why->text) < sizeof why->text);
	why->error = 99;
	strcpy(why->text, "untouched");
}

/* A name through the spellings and back. */
static void
check_spellings(const char *name)
{
	size_t length = strlen(name), n;
	char *dof = malloc(length + 1), *note = malloc(2 * length + 1);
	char *again = malloc(2 * length + 1);

	must(dof != NULL && note != NULL && again != NULL);
	n = usdt__name_dof(name, dof);
	must(n == strlen(dof) && n <= length && strstr(dof, "__") == NULL);
	n = usdt__name_note(name, note);
	must(n == strlen(note) && n <= 2 * length &&
	    n == usdt__name_note(name, NULL));
	must(strchr(note, '-') == NULL);
	/* Notes and DOF name the same probe. */
	if (strstr(name, "_-") == NULL) {
		usdt__name_dof(note, again);
		must(strcmp(again, dof) == 0);
	}
	free(dof);
	free(note);
	free(again);
}

static int
is_reserved(const struct usdt__platform *row, const char *name)
{
	return strcmp(name, "pid") == 0 ||
	    (strcmp(row->name, "macos") == 0 &&
	    (strcmp(name, "objc") == 0 || strcmp(name, "oneshot") == 0));
}

static void
check_type(const char *type)
{
	size_t i;
	int size;

	for (i = 0; i < usdt__arch_count; i++) {
		const struct usdt__arch *arch = &usdt__archs[i];

		size = usdt__type_size(type, arch);
		must(size == 1 || size == 2 || size == 4 || size == 8 ||
		    size == -1 || size == -2 || size == -4 || size == -8);
		if (strchr(type, '*') != NULL)
			must(size == arch->word);
	}
}

/* What is read of a type string lies in it, and what is left is a type. */
static void
check_declarator(const char *text)
{
	struct usdt__declarator first, second;
	struct usdt__kept_declarator kept;
	struct usdt__why why;
	size_t i, length = strlen(text);
	const struct usdt__arch *arch = &usdt__archs[0];
	char *type = malloc(length + 1);

	if (usdt__declarator_parse(&first, text, 3, arch, &why) < 0) {
		must(strncmp(why.text, "type 3 \"", 8) == 0);
		free(type);
		return;
	}
	must(first.type_length <= length);
	if (first.name_length > 0) {
		must(first.name >= text && first.name + first.name_length <=
		    text + first.type_length);
		for (i = 0; i < first.name_length; i++)
			must(strchr("_0123456789", first.name[i]) != NULL ||
			    (first.name[i] | 0x20) >= 'a');
	}
	must(first.translated == NULL || (first.translated > text &&
	    first.translated < text + length));
	must(usdt__declarator_type(&first, type) == strlen(type));
	must(strlen(type) <= length);
	if (length <= 127) {
		usdt__declarator_keep(&first, &kept);
		usdt__declarator_get(&second, &kept, text, arch);
		must(second.base == first.base && second.size == first.size &&
		    second.pointers == first.pointers &&
		    second.dimensions == first.dimensions &&
		    second.elements == first.elements &&
		    second.name == first.name &&
		    second.name_length == first.name_length &&
		    second.tag == first.tag &&
		    second.tag_length == first.tag_length &&
		    second.translated == first.translated &&
		    second.type_length == first.type_length);
	}
	/* A type without its name has none, and is as large. */
	if (first.name_length > 0 && first.translated == NULL) {
		must(usdt__declarator_parse(&second, type, 3, arch,
		    &why) == 0);
		must(second.base == first.base && second.size == first.size &&
		    second.pointers == first.pointers &&
		    second.elements == first.elements);
	}
	free(type);
}

/* What is accepted fits in a note, and is as many operands as there are '@'. */
static void
check_operands(const char *text)
{
	struct usdt__why why = { 99, "untouched", USDT__SYSTEM };
	size_t i, k, n = 0;

	for (i = 0; text[i] != '\0'; i++)
		n += text[i] == '@';
	for (k = 0; k < usdt__arch_count; k++) {
		const struct usdt__arch *arch = &usdt__archs[k];
		int result = usdt__operands_check(text, "p", n, arch, &why);

		check(result, result == 0, &why);
		if (result < 0)
			continue;
		must(strlen(text) <= USDT__NOTE_ARGS * 24 && n <= 12);
		must(made_of(text, "0123456789abcdefgiloprstx",
		    arch->syntax == USDT__SYNTAX_ARM32 ? "@-[], #" :
		    "@-%$()[]+, "));
		must(strstr(text, "  ") == NULL && *text != ' ');
		if (n != 1)
			must(usdt__operands_check(text, "p", 1, arch,
			    &why) < 0);
		strcpy(why.text, "untouched");
		why.error = 99;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct feed feed = { bytes, size };
	unsigned choice = feed_byte(&feed);
	const struct usdt__platform *row =
	    &usdt__platforms[choice % usdt__platform_count];
	char *name = feed_string(&feed);
	size_t length = strlen(name);
	struct usdt__why why = { 99, "untouched", USDT__SYSTEM };
	int plain = length > 0 && !is_dots(name);

	check(usdt__name_check_provider(row, name, &why), plain &&
	    length <= 53 && made_of(name, PATH_CHARS, row->provider_chars) &&
	    (*name < '0' || *name > '9') && *name != '+' &&
	    !is_reserved(row, name), &why);
	check(usdt__name_check_module(row, name, &why), plain &&
	    length <= 63 && made_of(name, PATH_CHARS, "._-+"), &why);
	plain = plain && !has_control(name, ' ' + 1) &&
	    name[strcspn(name, "/:")] == '\0';
	check(usdt__name_check_function(row, name, &why), plain &&
	    length <= 127, &why);
	check(usdt__name_check_probe(row, name, &why), plain &&
	    strchr(name, ',') == NULL && length <= 63 && strstr(name, "_-") == NULL, &why);
	check(usdt__name_check_type(row, name, 3, &why), length > 0 &&
	    length <= 127 && !has_control(name, ' '), &why);
	check_spellings(name);
	check_type(name);
	check_declarator(name);
	check_operands(name);
	free(name);
	return 0;
}
