/*
 * scripts.c - which scripts print a probe's arguments?
 *
 * Tracers that read the image's DWARF know arguments by name and structs by
 * their members; the other scripts have arg0, arg1 ...
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE		/* open_memstream */
#endif
#include <ctype.h>
#include <stdlib.h>

#include "tools/common/common.h"

/*
 * The arguments as a script for bpftrace: the first six, which all its versions
 * can read.
 */
char *
script_bpftrace(const char *place, const struct commands_for *wanted)
{
	size_t count, i, size;
	struct argument *args = arguments_of(wanted->image, wanted->probe,
	    &count);
	char *script;
	FILE *text = text_begin(&script, &size);

	fprintf(text, "usdt:%s:%s:%s { printf(\"%%d %%s", place,
	    wanted->probe->provider, wanted->probe->note_name);
	for (i = 0; i < count && i < 6; i++)
		fputs(argument_is_text(&args[i]) ? " %s" :
		    argument_is_pointer(&args[i]) ? " 0x%lx" :
		    args[i].size < 0 ? " %d" : " %lu", text);
	fputs("\\n\", pid, comm", text);
	for (i = 0; i < count && i < 6; i++)
		fprintf(text, argument_is_text(&args[i]) ? ", str(arg%zu)" :
		    ", arg%zu", i);
	fputs("); }", text);
	text_end(text);
	arguments_free(args, count);
	return script;
}

/* --- scripts with names --- */

char *
probe_identifier(const struct probe *probe)
{
	const char *from = probe->note_name ? probe->note_name : probe->name;
	char *text = xasprintf("%s%s", isdigit((unsigned char)*from) ? "_" : "",
	    from), *to = text, *at = text;

	for (; *at != '\0'; at++) {
		if (at[0] == '_' && at[1] == '_')
			at++;
		*to++ = isalnum((unsigned char)*at) ? *at : '_';
	}
	*to = '\0';
	return text;
}

/* The first member of a struct that can be printed as it is, or NULL. */
static const struct type_member *
example_member(const struct argument *argument)
{
	const struct type_struct *type = argument->declared->of;
	size_t i;

	if (type == NULL || argument->declared->declarator.pointers != 1)
		return NULL;
	for (i = 0; i < type->count; i++)
		if (type->members[i].declarator.pointers == 0 &&
		    type->members[i].declarator.dimensions == 0 &&
		    type->members[i].declarator.base == USDT__BASE_INTEGER)
			return &type->members[i];
	return NULL;
}

/* How many arguments do tracers know by name?  Those in registers. */
static size_t
named_count(const struct commands_for *wanted, size_t count)
{
	const struct usdt__arch *arch = image_arch(wanted->image);
	size_t most = arch != NULL ? arch->registers : 0;

	return count < most ? count : most;
}

/*
 * The arguments by name.  They belong to a uprobe, and the clause "usdt" makes
 * the program fire.  All versions accept "args->".
 */
char *
script_bpftrace_named(const char *place, const struct commands_for *wanted)
{
	size_t all, count, i, size;
	struct argument *args = arguments_of(wanted->image, wanted->probe,
	    &all);
	char *script;
	FILE *text = text_begin(&script, &size);

	fprintf(text, "usdt:%s:%s:%s { } uprobe:%s:%s { printf(\"%%d %%s",
	    place, wanted->probe->provider, wanted->probe->note_name,
	    place, wanted->probe->note_name);
	count = named_count(wanted, all);
	for (i = 0; i < count; i++) {
		const struct type_member *member = example_member(&args[i]);

		fprintf(text, " %s%s%s=%s", args[i].name,
		    member ? "->" : "", member ? member->name : "",
		    member ? member->declarator.size < 0 ? "%d" : "%lu" :
		    argument_is_text(&args[i]) ? "%s" :
		    argument_is_pointer(&args[i]) ? "0x%lx" :
		    args[i].size < 0 ? "%d" : "%lu");
	}
	fputs("\\n\", pid, comm", text);
	for (i = 0; i < count; i++) {
		const struct type_member *member = example_member(&args[i]);

		fprintf(text, argument_is_text(&args[i]) ?
		    ", str(args->%s)" : ", args->%s%s%s", args[i].name,
		    member ? "->" : "", member ? member->name : "");
	}
	fputs("); }", text);
	text_end(text);
	arguments_free(args, all);
	return script;
}

/* The same as perf's definition of an event. */
char *
script_perf_named(const struct commands_for *wanted)
{
	size_t count, i, size;
	struct argument *args = arguments_of(wanted->image, wanted->probe,
	    &count);
	const struct probe *probe = wanted->probe;
	char *definition;
	FILE *text = text_begin(&definition, &size);

	fprintf(text, "usdt_%s:%s_args=%s", probe->provider, probe->note_name,
	    probe->note_name);
	for (i = 0; i < count; i++) {
		const struct type_member *member = example_member(&args[i]);

		fprintf(text, " %s%s%s%s", args[i].name, member ? "->" : "",
		    member ? member->name : "",
		    argument_is_text(&args[i]) ? ":string" : "");
	}
	text_end(text);
	arguments_free(args, count);
	return definition;
}

char *
script_dtrace(const struct commands_for *wanted, const char *name)
{
	size_t count, i, size;
	struct argument *args = arguments_of(wanted->image, wanted->probe,
	    &count);
	char *script, *prefix;
	FILE *text = text_begin(&script, &size);

	fprintf(text, "%s$target:::%s {", wanted->probe->provider, name);
	prefix = count > 0 && args[0].name != NULL ?
	    probe_identifier(wanted->probe) : NULL;
	for (i = 0; i < count && i < 10; i++)
		if (args[i].name != NULL && example_member(&args[i]) != NULL)
			fprintf(text, " print(args[%zu]);", i);
		else if (prefix != NULL && args[i].name != NULL &&
		    (args[i].declared->of == NULL ||
		    args[i].declared->declarator.pointers != 1))
			fprintf(text, " trace(%s_%s);", prefix, args[i].name);
		else
			fprintf(text, argument_is_text(&args[i]) ?
			    " trace(copyinstr(arg%zu));" : " trace(arg%zu);",
			    i);
	free(prefix);
	fputs(" }", text);
	text_end(text);
	arguments_free(args, count);
	return script;
}
