/*
 * request.c - a probe whose arguments mean something: names, a struct, a double
 * and a text with its length.
 *
 * It fires the probe for each line of its input, or without input five times a
 * second, as the number of the request.  usdt(7) shows what each
 * tracer prints.  Its first line of output is its pid and the path of
 * its image; an argument is the provider's name.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE		/* usleep */
#endif
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "usdt.h"

struct peer {
	char host[16];
	unsigned short port;
};

struct request {
	int id;
	unsigned short flags;
	const char *url;
	double took;
	uint64_t bytes;
	struct peer peer;
	struct request *next;
};

static const usdt_field_t peer_fields[] = {
	USDT_FIELD(struct peer, host, "char host[16]"),
	USDT_FIELD(struct peer, port, "unsigned short port"),
};

static const usdt_field_t request_fields[] = {
	USDT_FIELD(struct request, id, "int id"),
	USDT_FIELD(struct request, flags, "unsigned short flags"),
	USDT_FIELD(struct request, url, "char *url"),
	USDT_FIELD(struct request, took, "double took"),
	USDT_FIELD(struct request, bytes, "uint64_t bytes"),
	USDT_FIELD(struct request, peer, "struct myapp_peer peer"),
	USDT_FIELD(struct request, next, "struct myapp_request *next"),
};

#define COUNT(array)	(sizeof (array) / sizeof (array)[0])

static usdt_probedef_t *
declare(usdt_provider_t *p)
{
	const char *types[] = {
		"int id", "char *url", "struct myapp_request *req",
		"double took", "char *body", "int body_len", "long size",
		"char *agent"
	};
	usdt_probedef_t *start = usdt_create_probe("handle", "request-start",
	    COUNT(types), types);

	if (start == NULL) {
		fprintf(stderr, "%s\n", usdt_errstr(NULL));
		exit(1);
	}
	if (usdt_provider_add_struct(p, "myapp_peer", sizeof(struct peer),
	    COUNT(peer_fields), peer_fields) < 0 ||
	    usdt_provider_add_struct(p, "myapp_request",
	    sizeof(struct request), COUNT(request_fields),
	    request_fields) < 0 || usdt_provider_add_probe(p, start) < 0 ||
	    usdt_provider_enable(p) < 0) {
		fprintf(stderr, "%s\n", usdt_errstr(p));
		exit(1);
	}
	return start;
}

static void
handle(usdt_probedef_t *start, int id)
{
	struct request next = {
		id + 1, 0, "/q", 0.5, 1, { "example.org", 8080 }, NULL
	};
	struct request request = {
		id, 3, "/index", 2.5, 12345678901, { "localhost", 443 }, &next
	};
	double took = 3.25;
	uint64_t bits;

	if (!usdt_probe_enabled(start))
		return;
	memcpy(&bits, &took, sizeof bits);
	usdt_probe_fire(start, 8, (void *[]){
		(void *)(intptr_t)id, (void *)"/index", &request,
		(void *)(uintptr_t)bits, (void *)"{\"a\":1} and more",
		(void *)7, (void *)-7, (void *)"curl"
	});
}

int
main(int argc, char **argv)
{
	usdt_provider_t *p = usdt_create_provider(argc > 1 ? argv[1] : "myapp",
	    "server");
	usdt_probedef_t *start;
	usdt_status_t status;
	char line[64];
	int id;

	if (p == NULL) {
		fprintf(stderr, "%s\n", usdt_errstr(NULL));
		return 1;
	}
	start = declare(p);
	usdt_provider_status(p, &status);
	printf("%ld %s\n", (long)getpid(), status.sdt.path);
	fflush(stdout);
	if (isatty(STDIN_FILENO)) {
		for (id = 1;; id++) {
			handle(start, id);
			usleep(200000);
		}
	}
	while (fgets(line, sizeof line, stdin) != NULL) {
		handle(start, atoi(line));
		printf("fired\n");
		fflush(stdout);
	}
	usdt_provider_free(p);
	usdt_probe_release(start);
	return 0;
}
