/*
 * dump.c - the subcommand "dump": what is in the documents of probes?
 *
 * It prints DOF and SDT notes in words: those of a process, of a file, or of
 * probes that are defined on the command line, for any system and processor for
 * which the library builds documents.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/dump/dump.h"
#include "tools/subcommands.h"

static void
help(FILE *out)
{
	fputs("usage: usdt dump [--hex | --raw] -p PID\n"
	    "       usdt dump [--hex | --raw] [--os OS] [--arch ARCH] FILE\n"
	    "       usdt dump [--hex | --raw] [--os OS] [--arch ARCH]\n"
	    "           'PROVIDER:MODULE:FUNCTION:NAME(TYPE, ...)'...\n"
	    "\n"
	    "Print the DOF documents and SDT notes of a process, or of a file\n"
	    "(ELF, or a DOF document; - is standard input); or print the\n"
	    "document that these probes get on that system and processor.\n"
	    "\n"
	    "  -p, --pid=PID    of this process\n"
	    "  -x, --hex        with the bytes\n"
	    "  -r, --raw        the bytes of the only document, into a file\n"
	    "                   or a pipe\n"
	    "      --os=OS      by the rules of that system, not of this one\n"
	    "      --arch=ARCH  for that processor, not for this one\n", out);
}

/* --- systems and processors --- */

static const struct usdt__arch *
find_arch(const char *name)
{
	size_t i;

	for (i = 0; i < usdt__arch_count; i++)
		if (strcmp(usdt__archs[i].name, name) == 0)
			return &usdt__archs[i];
	fputs("usdt: --arch ", stderr);
	quote_line(stderr, name);
	fputs(" is not known; there are", stderr);
	for (i = 0; i < usdt__arch_count; i++)
		fprintf(stderr, " %s", usdt__archs[i].name);
	putc('\n', stderr);
	return NULL;
}

/*
 * Has that system probes on that processor?  If not, prints why and returns -1.
 */
static int
check_both(const struct usdt__platform *row, const struct usdt__arch *arch)
{
	const size_t most = sizeof row->archs / sizeof *row->archs;
	size_t i;

	for (i = 0; i < most && row->archs[i] != NULL; i++)
		if (strcmp(row->archs[i], arch->name) == 0)
			return 0;
	fprintf(stderr, "usdt: %s has no probes on %s, only on", row->name,
	    arch->name);
	for (i = 0; i < most && row->archs[i] != NULL; i++)
		fprintf(stderr, " %s", row->archs[i]);
	putc('\n', stderr);
	return -1;
}

/* --- a definition --- */

static int
print_definition(const struct dump_options *options,
    const struct definition *definition)
{
	struct dump dump = dump_for(options, NULL);
	uint64_t stubs, address;
	uint8_t *bytes;
	size_t size;

	if (dump.arch == NULL)
		dump.arch = usdt__native_arch();
	if (dump.arch == NULL) {
		fputs("usdt: this processor is not known: name one with "
		    "--arch\n", stderr);
		return EXIT_USAGE;
	}
	if (check_both(dump.row, dump.arch) < 0)
		return EXIT_USAGE;
	bytes = definition_build(definition, dump.row, dump.arch, &size,
	    &stubs, &address);
	if (bytes == NULL)
		return EXIT_TROUBLE;
	if (options->raw) {
		fwrite(bytes, 1, size, stdout);
	} else {
		printf("as if the first stub were at %#" PRIx64 " and the "
		    "document at %#" PRIx64 "%s\n", stubs, address,
		    dump.row->image ? " in an image, with the shortest nops" :
		    "");
		if (!dump.row->image) {
			dump.placed = 1;
			dump.address = address;
		}
		dump_dof(&dump, bytes, size);
	}
	free(bytes);
	return options->raw ? EXIT_FINE : dump_wrongs(&dump);
}

static int
dump_definitions(const struct dump_options *options, char **texts, int count)
{
	struct definition definition = { .count = 0 };
	int i, result = EXIT_FINE;

	for (i = 0; i < count && result == EXIT_FINE; i++)
		if (definition_add(&definition, texts[i],
		    dump_row(options, NULL)) < 0)
			result = EXIT_USAGE;
	if (result == EXIT_FINE)
		result = print_definition(options, &definition);
	definition_free(&definition);
	return result;
}

/* --- options --- */

static int
run(const struct dump_options *options, char **words, int count)
{
	if (options->hex && options->raw)
		return misuse(help, "--hex shows bytes, --raw writes them: not "
		    "both");
	if (options->pid != 0 && (options->row != NULL ||
	    options->arch != NULL))
		return misuse(help, "a process is of this system: --os and "
		    "--arch are for files and definitions");
	if (options->pid != 0 && count > 0)
		return misuse(help, "either a process or something else");
	if (options->pid == 0 && count == 0)
		return misuse(help, "what is to be printed?");
	if (options->raw && isatty(STDOUT_FILENO)) {
		fputs("usdt: --raw writes bytes, which are not for terminals\n",
		    stderr);
		return EXIT_USAGE;
	}
	if (options->pid != 0)
		return dump_process(options);
	if (definition_is(words[0]))
		return dump_definitions(options, words, count);
	if (count > 1)
		return misuse(help, "one file at a time; definitions are "
		    "PROVIDER:MODULE:FUNCTION:NAME(TYPE, ...)");
	return dump_file(options, words[0]);
}

int
command_dump(int argc, char **argv)
{
	static const struct option long_options[] = {
		{ "pid", required_argument, NULL, 'p' },
		{ "hex", no_argument, NULL, 'x' },
		{ "raw", no_argument, NULL, 'r' },
		{ "os", required_argument, NULL, 'o' },
		{ "arch", required_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	struct dump_options options = { .pid = 0 };
	int option;

	while ((option = getopt_long(argc, argv, "p:xrh", long_options,
	    NULL)) != -1)
		switch (option) {
		case 'p':
			if ((options.pid = parse_pid(optarg)) < 0)
				return EXIT_USAGE;
			break;
		case 'x':
			options.hex = 1;
			break;
		case 'r':
			options.raw = 1;
			break;
		case 'o':
			if ((options.row = dump_find_row(optarg)) == NULL)
				return EXIT_USAGE;
			break;
		case 'a':
			if ((options.arch = find_arch(optarg)) == NULL)
				return EXIT_USAGE;
			break;
		default:
			return print_help(option, help);
		}
	return run(&options, argv + optind, argc - optind);
}
