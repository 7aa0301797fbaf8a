/*
 * header.c - the subcommand "header": what do scripts need to know of probes?
 *
 * bpftrace's "usdt:" clauses and D know neither the names of arguments nor the
 * structs of a program.  This writes them down: for the probes of a process, of
 * an image, or of a definition.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/header/header.h"
#include "tools/subcommands.h"

static void
help(FILE *out)
{
	fputs("usage: usdt header [--bpftrace | --d] -p PID\n"
	    "       usdt header [--bpftrace | --d] FILE\n"
	    "       usdt header [--bpftrace | --d]\n"
	    "           'PROVIDER:MODULE:FUNCTION:NAME(TYPE NAME, ...)'...\n"
	    "\n"
	    "Write what scripts need to use arguments by name, and structs:\n"
	    "for the probes of a process, of a file, or of a definition.\n"
	    "\n"
	    "  -p, --pid=PID   of the images of libusdt in this process\n"
	    "  -b, --bpftrace  a C header, for bpftrace --include (default)\n"
	    "  -d, --d         a D library, for a directory of dtrace -L\n",
	    out);
}

/* --- sources --- */

static int
add_file(struct header *header, const char *path)
{
	int fd = open_regular(path, 0);
	struct image *image;

	if (fd < 0)
		return complain(path, errno == 0 ? "is not a regular file" :
		    strerror(errno));
	image = image_read(fd);
	close(fd);
	if (image == NULL)
		return complain(path, "is not an ELF file");
	header_add(header, image);
	image_free(image);
	return header->probes > 0 ? EXIT_FINE : complain(path, "has no probes");
}

/* The images of libusdt: other files have neither names nor structs. */
static int
add_process(struct header *header, pid_t pid)
{
	char *what = xasprintf("process %d", (int)pid);
	struct census census;
	struct image *image;
	int fd, result = EXIT_FINE, error = census_take(&census, pid);
	size_t i;

	if (error != 0)
		result = complain(what, error == ENOENT ? "there is none" :
		    strerror(error));
	for (i = 0; error == 0 && i < census.count; i++) {
		if ((fd = mapped_open(census.files[i])) < 0)
			continue;
		image = image_read(fd);
		close(fd);
		if (image != NULL && (image->dof || image->types != NULL))
			header_add(header, image);
		image_free(image);
	}
	if (error == 0)
		census_free(&census);
	if (result == EXIT_FINE && header->probes == 0)
		result = complain(what, "has no probes of libusdt");
	free(what);
	return result;
}

/* The types of a probe as DOF has them, one after another. */
static char *
types_of(const usdt_probedef_t *probedef)
{
	size_t i, size;
	char *text;
	FILE *out = text_begin(&text, &size);

	for (i = 0; i < probedef->argc; i++) {
		fputs(probedef->state->dof_types[i], out);
		putc('\0', out);
	}
	text_end(out);
	return text;
}

/* What an image of these probes declares. */
static struct types *
types_in(const struct definition *definition, const struct usdt__arch *arch)
{
	const struct usdt__description description = {
		.provider = definition->provider->name,
		.module = definition->provider->module,
		.count = definition->count,
		.probes = definition->probes,
		.gate_count = definition->count,
		.typed = 1
	};
	struct usdt__sink sink = { .size = usdt__types_size(&description, arch) };
	struct types *types;

	sink.buffer = xcalloc(1, sink.size);
	usdt__types_emit(&description, arch, &sink);
	types = types_read((const char *)sink.buffer, sink.used, arch);
	free(sink.buffer);
	return types;
}

static int
add_definitions(struct header *header, char **texts, int count)
{
	struct definition definition = { .count = 0 };
	const struct usdt__arch *arch = usdt__native_arch();
	struct image image = { .machine = arch != NULL ? arch->elf_machine : 0 };
	struct probe *probes;
	char **names;
	int k, result = EXIT_FINE;
	size_t i;

	for (k = 0; k < count && result == EXIT_FINE; k++)
		if (definition_add(&definition, texts[k],
		    usdt__native_platform()) < 0)
			result = EXIT_USAGE;
	probes = xcalloc(definition.count, sizeof *probes);
	names = xcalloc(definition.count, sizeof *names);
	for (i = 0; i < definition.count; i++) {
		const usdt_probedef_t *probedef = definition.probes[i];

		names[i] = xcalloc(2, strlen(probedef->name) + 1);
		usdt__name_note(probedef->name, names[i]);
		probes[i] = (struct probe){
			.provider = definition.provider->name,
			.name = probedef->name, .note_name = names[i],
			.function = probedef->function, .note_args = "",
			.types = types_of(probedef),
			.type_count = probedef->argc
		};
	}
	image.probes = probes;
	image.count = definition.count;
	if (arch != NULL && definition.count > 0)
		image.types = types_in(&definition, arch);
	if (result == EXIT_FINE)
		header_add(header, &image);
	for (i = 0; i < definition.count; i++) {
		free((char *)probes[i].types);
		free(names[i]);
	}
	free(names);
	free(probes);
	types_free(image.types);
	definition_free(&definition);
	return result;
}

/* --- options --- */

static int
run(struct header *header, pid_t pid, char **words, int count)
{
	char *text;
	size_t size;
	int result;

	if (pid != 0 && count > 0)
		return misuse(help, "either a process or something else");
	if (pid == 0 && count == 0)
		return misuse(help, "of which probes?");
	if (count > 1 && !definition_is(words[0]))
		return misuse(help, "one file at a time; definitions are "
		    "PROVIDER:MODULE:FUNCTION:NAME(TYPE NAME, ...)");
	/* All of it or nothing: half a header would be used as a whole one. */
	header->out = text_begin(&text, &size);
	header_begin(header);
	if (pid != 0)
		result = add_process(header, pid);
	else if (definition_is(words[0]))
		result = add_definitions(header, words, count);
	else
		result = add_file(header, words[0]);
	header_end(header);
	text_end(header->out);
	if (result == EXIT_FINE)
		fwrite(text, 1, size, stdout);
	free(text);
	return result;
}

int
command_header(int argc, char **argv)
{
	static const struct option options[] = {
		{ "pid", required_argument, NULL, 'p' },
		{ "bpftrace", no_argument, NULL, 'b' },
		{ "d", no_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	struct header header = { .dialect = &header_bpftrace };
	pid_t pid = 0;
	int option;

	while ((option = getopt_long(argc, argv, "p:bdh", options,
	    NULL)) != -1)
		switch (option) {
		case 'p':
			if ((pid = parse_pid(optarg)) < 0)
				return EXIT_USAGE;
			break;
		case 'b':
			header.dialect = &header_bpftrace;
			break;
		case 'd':
			header.dialect = &header_d;
			break;
		default:
			return print_help(option, help);
		}
	return run(&header, pid, argv + optind, argc - optind);
}
