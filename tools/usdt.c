/*
 * usdt.c - the usdt command: what does the user want?
 *
 * A table of subcommands; each has its own file, options and help.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/common/common.h"
#include "tools/subcommands.h"

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{ "list", command_list, "show the probes of live processes" },
	{ "watch", command_watch, "print events as they happen" },
	{ "record", command_record, "write events to a trace (CTF)" },
	{ "top", command_top, "count events a second" },
	{ "hist", command_hist, "draw how often an argument has which values" },
	{ "latency", command_latency, "draw how long it takes between two probes" },
	{ "dump", command_dump, "print DOF documents and SDT notes" },
	{ "header", command_header, "write argument names and structs for scripts" },
	{ "doctor", command_doctor, "say what keeps tracers from probes" },
	{ "clean", command_clean, "remove images that are not in use" },
};

static void
help(FILE *out)
{
	size_t i;

	fputs("usage: usdt COMMAND [OPTION]... [ARGUMENT]...\n"
	    "\n"
	    "Find and trace USDT probes, those of libusdt and those that were\n"
	    "compiled in.\n"
	    "\n", out);
	for (i = 0; i < sizeof commands / sizeof *commands; i++)
		fprintf(out, "  %-9s%s\n", commands[i].name,
		    commands[i].summary);
	fputs("\nusdt help COMMAND says more.  usdt --version prints the "
	    "version.\n", out);
}

/* If the output was lost, the exit code has to say so. */
static int
finish(int result)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return result;
	if (errno == EPIPE)	/* the reader has what it wanted */
		return result;
	fprintf(stderr, "usdt: writing: %s\n", strerror(errno));
	return EXIT_TROUBLE;
}

/*
 * Files that we open later must not get the numbers of standard input, output
 * and error.  So a closed one is replaced by a descriptor whose use fails as
 * before.
 */
static int
fill_standard(void)
{
	int fd;

	for (fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null",
		    fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
			return -1;
	return 0;
}

int
main(int argc, char **argv)
{
	static char help_option[] = "--help";
	size_t i;

	if (fill_standard() < 0)
		return EXIT_TROUBLE;
	setlocale(LC_CTYPE, "");
	if (argc < 2) {
		help(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "help") == 0 && argc > 2) {
		argv[1] = argv[2];	/* that command's own help */
		argv[2] = help_option;
		argc = 3;
	} else if (strcmp(argv[1], "--help") == 0 ||
	    strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		help(stdout);
		return finish(EXIT_FINE);
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		puts("usdt " USDT_VERSION);
		return finish(EXIT_FINE);
	}
	for (i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(argv[1], commands[i].name) == 0) {
			argv[1] = argv[0];	/* getopt prints it */
			return finish(commands[i].run(argc - 1, argv + 1));
		}
	fprintf(stderr, "usdt: there is no command \"%s\"\n", argv[1]);
	help(stderr);
	return EXIT_USAGE;
}
