/*
 * person.c - what does a person at a terminal ask for?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE		/* getopt */
#endif
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "consumer.h"

static const char usage[] =
"usage: usdt-dtrace [-Zw] [-x OPTION[=VALUE]] [-p PID | -c COMMAND]\n"
"                   {-n PROGRAM | -s FILE}... [ARGUMENT...]\n"
"       usdt-dtrace -l [PATTERN]\n"
"       usdt-dtrace -V\n"
"       usdt-dtrace --serve[=DESCRIPTOR] [--grace=MILLISECONDS]\n"
"Prints what D programs trace as lines of JSON; see usdt-dtrace(1).\n";

static volatile sig_atomic_t interrupted;

static void
on_signal(int number)
{
	interrupted = number;
}

static int
complain(const struct failure *failure)
{
	fprintf(stderr, "usdt-dtrace: %s\n", failure->text);
	return 1;
}

static int
complain_usage(void)
{
	fputs(usage, stderr);
	return 2;
}

/* The contents of a file, which the caller frees. */
static char *
read_file(const char *path, struct failure *failure)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "re") : stdin;
	char *text = NULL, *more;
	size_t used = 0, size = 0, n;

	if (!file) {
		fail(failure, "ECOMMAND", "%s: %s", path, strerror(errno));
		return NULL;
	}
	do {
		size = size ? 2 * size : 4096;
		more = realloc(text, size);
		if (!more)
			break;
		text = more;
		n = fread(text + used, 1, size - used - 1, file);
		used += n;
	} while (n > 0);
	if (!more || ferror(file)) {
		fail(failure, "ECOMMAND", "%s: %s", path,
		    more ? strerror(errno) : "out of memory");
		free(text);
		text = NULL;
	} else {
		text[used] = 0;
		if (strlen(text) != used) {
			fail(failure, "ECOMMAND", "%s: a D program has no zero "
			    "bytes", path);
			free(text);
			text = NULL;
		}
	}
	if (file != stdin)
		fclose(file);
	return text;
}

static int
set_option(const char *word, struct failure *failure)
{
	char option[256];
	const char *value = strchr(word, '=');
	size_t n = value ? (size_t)(value - word) : strlen(word);

	if (n >= sizeof option)
		return fail(failure, "EOPTION", "Invalid option name");
	memcpy(option, word, n);
	option[n] = 0;
	return trace_set(option, value ? value + 1 : NULL, failure);
}

/* The options of the command line, in their order. */
struct asked {
	char letter;
	const char *value;
};

static int
compile_all(const struct asked *asked, int count, unsigned flags, int argc,
    char **argv, struct failure *failure)
{
	int i, status = 0;
	char *text;

	for (i = 0; i < count && status == 0; i++) {
		if (asked[i].letter == 'n')
			status = trace_compile(asked[i].value, 1, flags, argc,
			    argv, failure);
		if (asked[i].letter != 's')
			continue;
		text = read_file(asked[i].value, failure);
		status = text ? trace_compile(text, 1, flags, argc, argv,
		    failure) : -1;
		free(text);
	}
	return status;
}

static int
prepare(const struct asked *asked, int count, struct failure *failure)
{
	int i, status = trace_open(0, failure);

	for (i = 0; i < count && status == 0; i++) {
		if (asked[i].letter == 'x')
			status = set_option(asked[i].value, failure);
		if (asked[i].letter == 'w')
			status = trace_set("destructive", NULL, failure);
	}
	for (i = 0; i < count && status == 0; i++) {
		if (asked[i].letter == 'p')
			status = trace_grab((pid_t)atol(asked[i].value),
			    failure);
		if (asked[i].letter == 'c')
			status = trace_create(asked[i].value, failure);
	}
	return status;
}

/* Prints what comes, and at the end the aggregations, as dtrace(1) does. */
static int
follow(struct failure *failure)
{
	int64_t pace = trace_pace() / 1000000;
	int status = 0;

	while (status == 0 && !interrupted && !trace_target_ended() &&
	    json_is_read()) {
		status = trace_work(failure);
		json_flush();
		if (status == 0 && !interrupted)
			poll(NULL, 0, pace ? (int)pace : 100);
	}
	if (status != -1)
		status = trace_finish(failure);
	if (status != -1)
		status = trace_aggregations(0, 0, failure);
	json_flush();
	if (status == -1)
		return complain(failure);
	return record_exit_status();
}

static int
list(const char *pattern, struct failure *failure)
{
	if (trace_open(1, failure) || trace_probes(pattern, failure))
		return complain(failure);
	json_flush();
	return 0;
}

static int
print_version(struct failure *failure)
{
	const struct library *lib = library(failure);

	if (!lib)
		return complain(failure);
	printf("usdt-dtrace: %s (%s)\n", lib->version, lib->path);
	return 0;
}

static int
is_pid(const char *text)
{
	char *end;
	long pid = strtol(text, &end, 10);

	return *text && !*end && pid > 0 && pid <= 0x7fffffff;
}

int
person(int argc, char **argv)
{
	struct asked *asked = calloc((size_t)argc + 1, sizeof *asked);
	struct failure failure;
	unsigned flags = 0;
	int count = 0, programs = 0, targets = 0, what = 0, letter, status;

	if (!asked) {
		fail(&failure, "ENOMEM", "out of memory");
		return complain(&failure);
	}
	while ((letter = getopt(argc, argv, "n:s:p:c:x:ZwlV")) != -1) {
		if (letter == '?') {
			free(asked);
			return complain_usage();
		}
		if (letter == 'Z')
			flags |= DTRACE_C_ZDEFS;
		if (letter == 'l' || letter == 'V')
			what = letter;
		programs += letter == 'n' || letter == 's';
		targets += letter == 'p' || letter == 'c';
		if (letter == 'p' && !is_pid(optarg)) {
			free(asked);
			return complain_usage();
		}
		asked[count].letter = (char)letter;
		asked[count++].value = optarg;
	}
	if ((programs == 0) != (what != 0) || targets > 1 ||
	    (what == 'l' && argc - optind > 1) ||
	    (what == 'V' && argc != optind)) {
		free(asked);
		return complain_usage();
	}
	if (what == 'V') {
		free(asked);
		return print_version(&failure);
	}
	record_alone = 1;
	signal(SIGPIPE, SIG_IGN);
	json_to(dup(1));
	dup2(2, 1);
	if (what == 'l') {
		free(asked);
		return list(optind < argc ? argv[optind] : ":::", &failure);
	}
	keeper_start(-1, 0);
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	signal(SIGHUP, on_signal);
	/* $0 is the command, $1 the first argument. */
	argv[optind - 1] = argv[0];
	status = prepare(asked, count, &failure);
	if (status == 0)
		status = compile_all(asked, count, flags, argc - optind + 1,
		    argv + optind - 1, &failure);
	free(asked);
	if (status == 0)
		status = trace_go(&failure);
	if (status == -1)
		return complain(&failure);
	return follow(&failure);
}
