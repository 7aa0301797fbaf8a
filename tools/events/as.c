/*
 * as.c - how does the user want arguments to be taken?
 *
 *	--as arg0=str,flags=hex
 *
 * A probe that was compiled in has no types, only sizes and signs: a text is a
 * number there, unless the user knows better.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stdlib.h>

#include "tools/events/parts.h"

/* Their names, by enum as_form. */
static const char *const forms[] = { "", "str", "hex" };

static int
as_is_wrong(const char *text, const char *why)
{
	fputs("usdt: --as ", stderr);
	quote_line(stderr, text);
	fprintf(stderr, ": %s\n", why);
	return -1;
}

/* Take NAME=FORM.  Returns why not, or NULL. */
static const char *
take_one(struct as_list *list, char *text)
{
	char *equals = strchr(text, '=');
	enum as_form form = AS_HEX;
	size_t i;

	if (equals == NULL || equals == text)
		return "it has to be ARGUMENT=str or ARGUMENT=hex, with commas "
		    "between several";
	*equals = '\0';
	while (form != AS_IT_IS && strcmp(equals + 1, forms[form]) != 0)
		form--;
	if (form == AS_IT_IS)
		return "an argument is taken as str or as hex";
	for (i = 0; i < list->count; i++)
		if (strcmp(list->as[i].name, text) == 0)
			return "it names an argument twice";
	ROOM_FOR_ONE(list->as, list->count, list->space);
	list->as[list->count++] = (struct as){
		.name = xstrndup(text, strlen(text)), .form = form
	};
	return NULL;
}

int
as_parse(struct as_list *list, const char *text)
{
	char *copy = xstrndup(text, strlen(text)), *rest = copy, *one;
	const char *why = NULL;

	while (why == NULL && (one = strsep(&rest, ",")) != NULL)
		why = take_one(list, one);
	free(copy);
	return why == NULL ? 0 : as_is_wrong(text, why);
}

void
as_free(struct as_list *list)
{
	size_t i;

	for (i = 0; i < list->count; i++)
		free(list->as[i].name);
	free(list->as);
	memset(list, 0, sizeof *list);
}

/* --- of a target --- */

/* Why can't the text at this argument be fetched?  To be freed, or NULL. */
static char *
text_obstacle(const struct target *target, size_t index)
{
	const struct usdt__arch *arch = image_arch(target->image);
	const struct leaf *leaf = &target->leaves[index];
	size_t size = (size_t)abs(target->args[index].size);
	size_t word = arch != NULL ? arch->word : sizeof(void *);

	if (leaf->fetch == NULL)
		return xasprintf("the kernel can't fetch it");
	if (*leaf->fetch == '\\')
		return xasprintf("it is a constant");
	if (argument_is_float(&target->args[index], size))
		return xasprintf("it is a floating-point number");
	if (size != word)
		return xasprintf("it has %zu byte%s, and a pointer has %zu",
		    size, size == 1 ? "" : "s", word);
	/* The kernel follows pointers of its own width. */
	if (size != 8 && *leaf->fetch != '%')
		return xasprintf("it is a pointer of %zu bytes in memory", size);
	return NULL;
}

enum as_form
as_of(const struct target *target, size_t index)
{
	const char *rest;
	size_t i;

	for (i = 0; target->as != NULL && i < target->as->count; i++)
		if (target_argument(target, target->as->as[i].name, &rest) ==
		    index && *rest == '\0')
			return target->as->as[i].form;
	return AS_IT_IS;
}

int
as_is_text(const struct target *target, size_t index)
{
	char *why;

	switch (as_of(target, index)) {
	case AS_TEXT:
		why = text_obstacle(target, index);
		free(why);
		return why == NULL;
	case AS_HEX:
		return 0;
	case AS_IT_IS:
		break;
	}
	return argument_is_text(&target->args[index]);
}

int
as_needs_uprobe(const struct target *target)
{
	size_t i;

	for (i = 0; target->as != NULL && i < target->argc; i++)
		if (as_is_text(target, i) !=
		    argument_is_text(&target->args[i]))
			return 1;
	return 0;
}

char *
as_complaint(const struct target *target, size_t which)
{
	const struct as *as = &target->as->as[which];
	const char *rest;
	size_t index = target_argument(target, as->name, &rest);
	char *why, *all = NULL;

	if (index == target->argc || *rest != '\0')
		return xasprintf("it has no argument \"%s\" to be taken as "
		    "%s", as->name, forms[as->form]);
	why = as->form == AS_TEXT ? text_obstacle(target, index) : NULL;
	if (why != NULL)
		all = xasprintf("its \"%s\" is no text: %s", as->name, why);
	free(why);
	return all;
}
