/*
 * types.c - which image do named arguments and structs have on a processor?
 * See types.t.
 *
 *	types ARCH [plain]	write the image for that row of the table;
 *				plain: of the same probes without names
 *	types offsets		the sizes and offsets of this compiler
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/provider.h"

struct peer {
	char host[16];
	unsigned short port;
};

struct request {
	int id;
	unsigned short flags;
	const char *url;
	double took;
	float ratio;
	uint64_t bytes;
	struct peer peer;
	int codes[300];
	struct peer all[2];
	struct request *next;
	void *other;
	_Bool secure;
};

static const usdt_field_t peer_fields[] = {
	USDT_FIELD(struct peer, host, "char host[16]"),
	USDT_FIELD(struct peer, port, "unsigned short port"),
};
static const usdt_field_t request_fields[] = {
	USDT_FIELD(struct request, id, "int id"),
	USDT_FIELD(struct request, flags, "unsigned short flags"),
	USDT_FIELD(struct request, url, "const char *url"),
	USDT_FIELD(struct request, took, "double took"),
	USDT_FIELD(struct request, ratio, "float ratio"),
	USDT_FIELD(struct request, bytes, "uint64_t bytes"),
	USDT_FIELD(struct request, peer, "struct my_peer peer"),
	USDT_FIELD(struct request, codes, "int codes[300]"),
	USDT_FIELD(struct request, all, "struct my_peer all[2]"),
	USDT_FIELD(struct request, next, "struct my_request *next"),
	USDT_FIELD(struct request, other, "struct unknown *other"),
	USDT_FIELD(struct request, secure, "bool secure"),
};
static const usdt_field_t packed_fields[] = {
	{ "char c", 0 }, { "int i", 1 }, { "foo_t *p", 5 },
};

static const char *start[] = {
	"int id", "char *url", "struct my_request *req", "double took",
	"struct unknown *u", "unsigned char c", "long seventh", "char *eighth",
	"int8_t ninth", "float tenth",
};
static const char *plain_start[] = {
	"int", "char *", "struct my_request *", "double", "struct unknown *",
	"unsigned char", "long", "char *", "int8_t", "float",
};
static const char *mixed[] = { "int", "char *name", "std::string" };
static const char *plain_mixed[] = { "int", "char *", "std::string" };
static const char *one[] = { "int x" };
static const char *plain_one[] = { "int" };

static usdt_probedef_t *
probe(usdt_provider_t *p, const char *name, size_t argc, const char **types)
{
	usdt_probedef_t *made = usdt_create_probe("handle", name, argc, types);

	if (made == NULL || usdt_provider_add_probe(p, made) < 0) {
		fprintf(stderr, "types: %s\n", usdt_errstr(made ? p : NULL));
		exit(1);
	}
	return made;
}

static void
add_structs(usdt_provider_t *p)
{
	if (usdt_provider_add_struct(p, "my_peer", sizeof(struct peer), 2,
	    peer_fields) < 0 || usdt_provider_add_struct(p, "my_request",
	    sizeof(struct request), 12, request_fields) < 0 ||
	    usdt_provider_add_struct(p, "my_packed", 13, 3,
	    packed_fields) < 0) {
		fprintf(stderr, "types: %s\n", usdt_errstr(p));
		exit(1);
	}
}

static void
show_offsets(void)
{
	size_t i;

	printf("my_peer %zu\nmy_request %zu\nmy_packed 13\n",
	    sizeof(struct peer), sizeof(struct request));
	for (i = 0; i < 2; i++)
		printf("my_peer.%s %zu\n", peer_fields[i].declarator,
		    peer_fields[i].offset);
	for (i = 0; i < 12; i++)
		printf("my_request.%s %zu\n", request_fields[i].declarator,
		    request_fields[i].offset);
	for (i = 0; i < 3; i++)
		printf("my_packed.%s %zu\n", packed_fields[i].declarator,
		    packed_fields[i].offset);
}

int
main(int argc, char **argv)
{
	usdt_provider_t *p = usdt_create_provider("typed", "server");
	const struct usdt__arch *arch = NULL;
	const struct usdt__stub *stub = usdt__stub_choose(argc < 3);
	usdt_probedef_t *probes[5];
	struct usdt__description description = {
		.provider = "typed", .module = "server", .count = 5,
		.probes = probes, .gate_count = 5
	};
	uint8_t id[USDT__ID_SIZE], *out;
	struct usdt__elf elf;
	struct usdt__why why;
	size_t i;

	for (i = 0; argc > 1 && i < usdt__arch_count; i++)
		if (strcmp(usdt__archs[i].name, argv[1]) == 0)
			arch = &usdt__archs[i];
	if (argc == 2 && strcmp(argv[1], "offsets") == 0) {
		show_offsets();
		return 0;
	}
	if (arch == NULL || p == NULL || stub == NULL)
		return 2;
	probes[0] = probe(p, "request-start", 10,
	    argc < 3 ? start : plain_start);
	probes[1] = probe(p, "mixed", 3, argc < 3 ? mixed : plain_mixed);
	probes[2] = probe(p, "one", 1, argc < 3 ? one : plain_one);
	probes[3] = probe(p, "two", 1, argc < 3 ? one : plain_one);
	probes[4] = probe(p, "none", 0, NULL);
	if (argc < 3) {
		add_structs(p);
		description.structs = &p->state->structs;
		description.typed = 1;
	}
	if (usdt__elf_layout(&elf, &description,
	    usdt__native_platform(), arch, stub, 1, &why) < 0) {
		fprintf(stderr, "types: %s\n", why.text);
		return 1;
	}
	out = calloc(1, elf.size);
	if (out == NULL)
		return 1;
	usdt__elf_identify(&elf, out, elf.size, id);
	fwrite(out, 1, elf.size, stdout);
	return 0;
}
