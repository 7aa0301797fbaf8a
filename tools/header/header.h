/*
 * header.h - what the files of "usdt header" promise each other.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef TOOLS_HEADER_H
#define TOOLS_HEADER_H

#include "tools/common/common.h"

/* --- write.c: how is a declaration written in a tracer's language? -------- */

/* What bpftrace and D write differently. */
struct dialect {
	const char *option;
	const char *usage;	/* a comment at the head of the file */
	const char *integers[2][9];	/* unsigned and signed, by size */
	const char *attribute;	/* of a packed struct; NULL: there is none */
	int floats;		/* it has floating-point members */
	const char *const *reserved;	/* words that no member may be */
	/* Write the name by which scripts use an argument. */
	void (*argument)(FILE *out, const char *name,
	    const struct argument *args, size_t count, size_t index);
};
extern const struct dialect header_bpftrace, header_d;

/* A header for the probes of images, each name once. */
struct header {
	FILE *out;
	const struct dialect *dialect;
	void *written;		/* structs and arguments, by name */
	size_t probes;
};

void header_begin(struct header *header);
void header_add(struct header *header, const struct image *image);
void header_end(struct header *header);

#endif /* TOOLS_HEADER_H */
