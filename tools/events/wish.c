/*
 * wish.c - what can the user choose in all subcommands that have a stream?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <getopt.h>

#include "tools/events/events.h"

int
wish_option(struct stream_wish *wish, int option, const char *text)
{
	switch (option) {
	case 'p':
		wish->only = parse_pid(text);
		return wish->only < 0 ? -1 : 1;
	case 'w':
		wish->wait = 1;
		return 1;
	case WISH_UPROBES:
		wish->uprobes = 1;
		return 1;
	}
	return 0;
}

int
wish_patterns(struct stream_wish *wish, char **words, void (*help)(FILE *out))
{
	if (*words == NULL)
		return misuse(help, "name the probes, as PROVIDER[:PROBE]");
	return patterns_parse(&wish->patterns, &wish->pattern_count,
	    words) < 0 ? EXIT_USAGE : EXIT_FINE;
}
