/*
 * feed.h - how does a target turn a fuzzer's bytes into input?
 *
 * A target takes numbers and strings off the front of the bytes until none is
 * left; then it gets zeros and empty strings. must() asserts what has to hold
 * and ends the process: the fuzzer keeps the bytes.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef FEED_H
#define FEED_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

#define must(condition) do { \
	if (!(condition)) { \
		fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, \
		    __LINE__, #condition); \
		abort(); \
	} \
} while (0)

struct feed {
	const uint8_t *bytes;
	size_t left;
};

static inline unsigned
feed_byte(struct feed *feed)
{
	if (feed->left == 0)
		return 0;
	feed->left--;
	return *feed->bytes++;
}

/* A string on the heap, of exactly its length, so that reading too far is
 * noticed. */
static inline char *
feed_string(struct feed *feed)
{
	size_t length = 0;
	char *string;

	while (length < feed->left && feed->bytes[length] != '\0')
		length++;
	string = malloc(length + 1);
	must(string != NULL);
	if (length > 0)
		memcpy(string, feed->bytes, length);
	string[length] = '\0';
	feed->bytes += length;
	feed->left -= length;
	feed_byte(feed);
	return string;
}

/* --- descriptions ------------------------------------------------------- */

#define FEED_PROBES	64

/* A description of a document. */
struct subject {
	struct usdt__platform row;
	struct usdt__arch arch;
	struct usdt__stub stub;
	struct usdt__sites sites;	/* which the builder gets */
	char *provider, *module;
	usdt_probedef_t *probes[FEED_PROBES];
	uint32_t gate_of[FEED_PROBES];
	struct usdt__description description;
};

static inline usdt_probedef_t *
feed_probe(struct feed *feed)
{
	unsigned i, argc = feed_byte(feed);
	char *function, *name, *types[USDT_ARG_MAX];
	usdt_probedef_t *probe;

	/* Few arguments are as likely as many. */
	argc = argc & 128 ? argc % (USDT_ARG_MAX + 1) : argc % 4;
	function = feed_string(feed);
	name = feed_string(feed);
	for (i = 0; i < argc; i++)
		types[i] = feed_string(feed);
	probe = usdt_create_probe(function, name, argc, (const char **)types);
	free(function);
	free(name);
	for (i = 0; i < argc; i++)
		free(types[i]);
	return probe;
}

static inline void
subject_free(struct subject *s)
{
	size_t i;

	for (i = 0; i < s->description.count; i++)
		usdt_probe_release(s->probes[i]);
	free(s->provider);
	free(s->module);
}

/*
 * Returns 0 if the bytes describe nothing that builders ever get: a refused
 * name, or no probe.  Then there is nothing to free.
 */
static inline int
feed_subject(struct feed *feed, struct subject *s)
{
	struct usdt__why why;
	unsigned choice;

	memset(s, 0, sizeof *s);
	choice = feed_byte(feed);
	s->row = usdt__platforms[choice % usdt__platform_count];
	choice = feed_byte(feed);
	s->arch = usdt__archs[choice % 16 % usdt__arch_count];
	s->arch.big_endian = choice >> 4 & 1;
	if (choice & 32)
		s->arch.page = 64;	/* fuzzing smaller images is faster */
	choice = feed_byte(feed);
	s->stub = usdt__stubs[choice % (2 * usdt__stub_count)];
	s->description.typed = s->stub.uprobe_site != 0;
	s->sites = (struct usdt__sites){ s->stub.isenabled_site,
	    s->stub.dof_site, s->stub.size };
	s->provider = feed_string(feed);
	s->module = feed_string(feed);
	while (feed->left > 0 && s->description.count < FEED_PROBES) {
		usdt_probedef_t *probe = feed_probe(feed);

		if (probe != NULL)
			s->probes[s->description.count++] = probe;
	}
	if (s->description.count == 0 ||
	    usdt__name_check_provider(&s->row, s->provider, &why) < 0 ||
	    usdt__name_check_module(&s->row, s->module, &why) < 0) {
		subject_free(s);
		return 0;
	}
	s->description.provider = s->provider;
	s->description.module = s->module;
	s->description.probes = s->probes;
	s->description.gate_count = usdt__number_names(s->probes,
	    s->description.count, s->gate_of);
	must(s->description.gate_count > 0 &&
	    s->description.gate_count <= s->description.count);
	if (s->description.gate_count < s->description.count)
		s->description.gate_of = s->gate_of;
	return 1;
}

#endif /* FEED_H */
