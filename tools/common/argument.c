/*
 * argument.c - what is known of a probe's arguments?
 *
 * A note has place, size and sign of up to twelve: "-4@%rdi 8@16(%rsp)".  DOF
 * has the C types of all.  Arguments that only DOF lists are where the
 * processor's calling convention puts them, since libusdt's stubs leave them
 * there.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <ctype.h>
#include <stdlib.h>

#include "tools/common/common.h"

/*
 * Read one argument, "[-]SIZE[f]@OPERAND", of a note's text.  An argument of
 * another form, of floating point or of an odd size gets no operand, since the
 * kernel can't fetch it.  Returns the text after it.
 */
static const char *
read_argument(const char *text, struct argument *argument)
{
	size_t length = image_operand(text);
	const char *at = memchr(text, '@', length);
	char *end;
	long size = strtol(text, &end, 10);

	if (at != NULL && end > text && (labs(size) == 1 || labs(size) == 2 ||
	    labs(size) == 4 || labs(size) == 8))
		argument->size = (int)size;
	if (at != NULL && end == at && argument->size != 0)
		argument->operand = xstrndup(at + 1,
		    length - (size_t)(at + 1 - text));
	text += length;
	return text + strspn(text, " ");
}

/* Where argument INDEX of SIZE is by convention; NULL for an unknown
 * processor. */
static char *
operand_by_convention(const struct usdt__arch *arch, size_t index, int size)
{
	char text[USDT__OPERAND_SIZE];

	if (arch == NULL)
		return NULL;
	usdt__operand_write(arch, index, size, text);
	return xasprintf("%s", text);
}

/*
 * A 64-bit kernel reads 8 bytes when it follows a pointer.  So the text of a
 * libusdt probe, which both DOF and a note describe, is fetched from the place
 * where its pointer has 8 bytes.
 */
static void
widen_text(const struct usdt__arch *arch, const struct probe *probe,
    struct argument *argument, size_t index)
{
	char text[64];

	if (arch == NULL || arch->wide_format == NULL || probe->elsewhere ||
	    probe->note_name == NULL || (!argument_is_text(argument) &&
	    (argument->declared == NULL || argument->declared->of == NULL)))
		return;
	snprintf(text, sizeof text, arch->wide_format, (unsigned)index * 8);
	free(argument->operand);
	argument->operand = xasprintf("%s", text);
	argument->size = 8;
}

struct argument *
arguments_of(const struct image *image, const struct probe *probe,
    size_t *count)
{
	const struct usdt__arch *arch = image_arch(image);
	const struct type_probe *declared = types_probe(image->types, probe);
	const char *text = probe->note_args, *type = probe->types;
	struct argument *args = NULL;
	size_t space = 0, i;

	*count = 0;
	text += strspn(text, " ");
	while (*text != '\0') {
		ROOM_FOR_ONE(args, *count, space);
		memset(&args[*count], 0, sizeof *args);
		text = read_argument(text, &args[*count]);
		(*count)++;
	}
	for (i = 0; i < probe->type_count; i++, type += strlen(type) + 1) {
		if (i >= *count) {
			ROOM_FOR_ONE(args, *count, space);
			memset(&args[*count], 0, sizeof *args);
			if (arch != NULL)
				args[i].size = usdt__type_word_size(type,
				    arch);
			args[i].operand = operand_by_convention(arch, i,
			    args[i].size);
			(*count)++;
		}
		args[i].type = type;
		if (declared != NULL) {
			args[i].declared = &declared->params[i];
			args[i].name = args[i].declared->name;
		}
		widen_text(arch, probe, &args[i], i);
	}
	return args;
}

void
arguments_free(struct argument *args, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		free(args[i].operand);
	free(args);
}

/* --- types --- */

/* The next word or sign of a C type, without qualifiers. */
static size_t
next_token(const char **text)
{
	size_t length;

	for (;;) {
		*text += strspn(*text, " \t");
		length = 0;
		while (isalnum((unsigned char)(*text)[length]) ||
		    (*text)[length] == '_')
			length++;
		if (length == 0)
			return **text != '\0';
		if (strncmp(*text, "const", 5) != 0 &&
		    strncmp(*text, "volatile", 8) != 0 &&
		    strncmp(*text, "restrict", 8) != 0)
			return length;
		if (length != 5 && length != 8)
			return length;
		*text += length;
	}
}

static int
is_token(const char **text, const char *what)
{
	size_t length = next_token(text);

	if (length != strlen(what) || strncmp(*text, what, length) != 0)
		return 0;
	*text += length;
	return 1;
}

int
argument_is_text(const struct argument *argument)
{
	const char *type = argument->type;

	if (type == NULL)
		return 0;
	if (strcmp(type, "string") == 0)	/* D's own name for it */
		return 1;
	return is_token(&type, "char") && is_token(&type, "*") &&
	    next_token(&type) == 0;
}

int
argument_is_pointer(const struct argument *argument)
{
	return argument->type != NULL && strpbrk(argument->type, "*[&") != NULL;
}

int
argument_is_length_of(const char *name, const char *text)
{
	size_t length = strlen(text);

	return strncmp(name, text, length) == 0 &&
	    strcmp(name + length, "_len") == 0;
}

int
argument_is_float(const struct argument *argument, size_t size)
{
	const char *type = argument->type;

	if (type == NULL || strpbrk(type, "*[&") != NULL)
		return 0;
	return (size == 4 && is_token(&type, "float")) ||
	    (size == 8 && is_token(&type, "double"));
}

const char *
argument_type(const struct argument *argument)
{
	static const char *const name[] = {
		"int64_t", NULL, NULL, NULL, "int32_t", NULL, "int16_t",
		"int8_t", "?", "uint8_t", "uint16_t", NULL, "uint32_t", NULL,
		NULL, NULL, "uint64_t"
	};

	if (argument->type != NULL)
		return argument->type;
	if (name[argument->size + 8] == NULL)
		return "?";
	return name[argument->size + 8];
}
