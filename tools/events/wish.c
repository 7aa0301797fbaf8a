/*
 * wish.c - what can the user choose in all subcommands that have a stream?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/events/events.h"

int
wish_option(struct stream_wish *wish, int option, const char *text)
{
	switch (option) {
	case 'p':
		wish->only = parse_pid(text);
		return wish->only < 0 ? -1 : 1;
	case 'd':
		wish->length = parse_seconds("--duration", text);
		return wish->length == 0 ? -1 : 1;
	case 'w':
		wish->wait = 1;
		return 1;
	case 'c':
		wish->command = text;
		if (text[strspn(text, " \t")] != '\0')
			return 1;
		fputs("usdt: --command is empty\n", stderr);
		return -1;
	case WISH_AS:
		return as_parse(&wish->as, text) < 0 ? -1 : 1;
	case WISH_UPROBES:
		wish->uprobes = 1;
		return 1;
	}
	return 0;
}

static void
report_filter(const char *word, const char *why, const char *place)
{
	fputs("usdt: \"", stderr);
	quote_line(stderr, word);
	fprintf(stderr, "\": %s ", why);
	if (*place == '\0') {
		fputs("at its end\n", stderr);
		return;
	}
	fputs("at \"", stderr);
	quote_line(stderr, place);
	fputs("\"\n", stderr);
}

/* What looks like a filter in a word that has none, or NULL. */
static const char *
seeming_filter(const char *word)
{
	const char *begin = strchr(word, '{');
	size_t length = strlen(word);

	return begin != NULL && word[length - 1] == '}' &&
	    strpbrk(begin, "=<>~") != NULL && access(word, F_OK) < 0 ? begin :
	    NULL;
}

/* Cut the filter off WORD.  -1: it is wrong, and that is printed. */
static int
take_filter(struct filter **filter, char *word)
{
	char *begin = filter_begin(word);
	const char *place, *why;

	if (begin == NULL) {
		place = seeming_filter(word);
		if (place == NULL)
			return 0;
		report_filter(word, "in a filter only \"texts\" have / and :",
		    place);
		return -1;
	}
	*filter = filter_parse(begin, &place, &why);
	if (*filter == NULL) {
		report_filter(word, why, place);
		return -1;
	}
	while (begin > word && (begin[-1] == ' ' || begin[-1] == '\t'))
		begin--;
	*begin = '\0';
	return 0;
}

int
wish_patterns(struct stream_wish *wish, char **words, void (*help)(FILE *out))
{
	size_t count = 0, i;
	int result = EXIT_FINE;

	if (*words == NULL)
		return misuse(help, "name the probes, as PROVIDER[:PROBE]");
	if (wish->only != 0 && wish->command != NULL)
		return misuse(help, "--pid and --command exclude each other");
	while (words[count] != NULL)
		count++;
	wish->filters = xcalloc(count, sizeof *wish->filters);
	wish->pattern_count = count;
	for (i = 0; i < count && result == EXIT_FINE; i++)
		if (take_filter(&wish->filters[i], words[i]) < 0)
			result = EXIT_USAGE;
	if (result == EXIT_FINE && patterns_parse(&wish->patterns, &i,
	    words) < 0)
		result = EXIT_USAGE;
	if (result != EXIT_FINE)
		wish_done(wish);
	return result;
}

void
wish_done(struct stream_wish *wish)
{
	size_t i;

	for (i = 0; i < wish->pattern_count; i++)
		filter_free(wish->filters[i]);
	free(wish->filters);
	if (wish->patterns != NULL)
		patterns_free(wish->patterns, wish->pattern_count);
	as_free(&wish->as);
	wish->filters = NULL;
	wish->patterns = NULL;
	wish->pattern_count = 0;
}
