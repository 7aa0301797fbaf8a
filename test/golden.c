/*
 * golden.c - which bytes does the library build for a system?  See golden.t.
 *
 *	golden				the systems and processors that it knows
 *	golden OS ARCH DOCUMENT STUBS	the document of golden/generate.pl's
 *					definition, to stdout, for addresses of
 *					itself and of the first stub
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/provider.h"

#define COUNT(array)	(sizeof (array) / sizeof (array)[0])

static const char *const none[] = { NULL };
static const char *const request[] = { "int", "char *" };
static const char *const other[] = { "int64_t" };
static const char *const kinds[] = {
	"int8_t", "uint64_t", "char *", "unsigned int"
};

static void
show_all(void)
{
	const struct usdt__platform *row;
	const struct usdt__arch *arch;
	size_t i, j;

	for (row = usdt__platforms; row < usdt__platforms + usdt__platform_count;
	    row++)
		for (i = 0; row->helper != NULL && i < usdt__arch_count; i++) {
			arch = &usdt__archs[i];
			for (j = 0; j < COUNT(row->archs) &&
			    row->archs[j] != NULL; j++)
				if (strcmp(row->archs[j], arch->name) == 0)
					break;
			if (j < COUNT(row->archs) && row->archs[j] != NULL)
				printf("%s %s\n", row->name, arch->name);
		}
}

static usdt_probedef_t *
probe(const char *function, const char *name, size_t argc,
    const char *const *types)
{
	usdt_probedef_t *made = usdt_create_probe(function, name, argc,
	    (const char **)(uintptr_t)types);

	if (made == NULL) {
		fprintf(stderr, "golden: %s\n", usdt_errstr(NULL));
		exit(1);
	}
	return made;
}

int
main(int argc, char **argv)
{
	const struct usdt__platform *row = NULL;
	const struct usdt__arch *arch = NULL;
	struct usdt__description description;
	struct usdt__why why;
	struct usdt__dof dof;
	usdt_probedef_t *probes[4];
	const char *wide[32];
	uint8_t *out;
	size_t i;

	if (argc == 1) {
		show_all();
		return 0;
	}
	for (i = 0; argc == 5 && i < usdt__platform_count; i++)
		if (strcmp(usdt__platforms[i].name, argv[1]) == 0)
			row = &usdt__platforms[i];
	for (i = 0; argc == 5 && i < usdt__arch_count; i++)
		if (strcmp(usdt__archs[i].name, argv[2]) == 0)
			arch = &usdt__archs[i];
	if (row == NULL || arch == NULL) {
		fprintf(stderr, "usage: see golden.c\n");
		return 2;
	}
	for (i = 0; i < 32; i++)
		wide[i] = kinds[i % 4];
	probes[0] = probe("main", "begin", 0, none);
	probes[1] = probe("handle", "request-start", 2, request);
	probes[2] = probe("other", "request__start", 1, other);
	probes[3] = probe("handle", "all-of__them", 32, wide);
	memset(&description, 0, sizeof description);
	description.provider = "golden-app";
	description.module = "golden";
	description.count = 4;
	description.probes = probes;
	if (usdt__dof_layout(&dof, &description, row, arch, &why) < 0) {
		fprintf(stderr, "golden: %s\n", why.text);
		return 1;
	}
	out = calloc(1, dof.size);
	if (out == NULL)
		return 1;
	usdt__dof_write(&dof, &arch->sites[row->isenabled],
	    strtoull(argv[4], NULL, 0), strtoull(argv[3], NULL, 0), out);
	if (fwrite(out, 1, dof.size, stdout) != dof.size)
		return 1;
	free(out);
	for (i = 0; i < COUNT(probes); i++)
		usdt_probe_release(probes[i]);
	return 0;
}
