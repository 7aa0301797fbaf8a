/*
 * value.c - what does one record say?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <string.h>

#include "consumer.h"

int value_sized;

static int
is_integer_size(size_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

void
value_integer(const char *data, size_t size, int is_signed)
{
	int8_t s1;
	int16_t s2;
	int32_t s4;
	int64_t v = 0;
	uint64_t mask = size < 8 ? ((uint64_t)1 << 8 * size) - 1 : ~(uint64_t)0;

	if (value_sized) {
		json_raw("[");
		json_uint(size);
		json_raw(",");
	}
	switch (size) {
	case 1:
		memcpy(&s1, data, 1);
		v = s1;
		break;
	case 2:
		memcpy(&s2, data, 2);
		v = s2;
		break;
	case 4:
		memcpy(&s4, data, 4);
		v = s4;
		break;
	case 8:
		memcpy(&v, data, 8);
	}
	if (is_signed)
		json_int(v);
	else
		json_uint((uint64_t)v & mask);
	if (value_sized)
		json_raw("]");
}

/* libdtrace's name for an address, shortened as dtrace(1) does. */
static void
symbol(const struct library *lib, dtrace_hdl_t *dtp, unsigned action,
    const char *data)
{
	uint64_t word[2] = { 0, 0 };
	char name[4096] = "", *cut;

	if (action == DTRACEACT_SYM || action == DTRACEACT_MOD) {
		memcpy(word, data, 8);
		lib->dtrace_addr2str(dtp, word[0], name, sizeof name - 1);
	} else {
		memcpy(word, data, 16);
		lib->dtrace_uaddr2str(dtp, (pid_t)word[0], word[1], name,
		    sizeof name - 1);
	}
	if (action == DTRACEACT_MOD || action == DTRACEACT_UMOD) {
		cut = strchr(name, '`');
		if (!cut) {
			json_string("<unknown>");
			return;
		}
		*cut = 0;
	} else if (action != DTRACEACT_UADDR) {
		cut = strrchr(name, '+');
		if (cut)
			*cut = 0;
	}
	json_text(name, strlen(name));
}

static void
expression(const dtrace_recdesc_t *rec, const char *data, int is_signed)
{
	size_t size = rec->dtrd_size;

	if (size > 1 && rec->dtrd_alignment == 1)
		json_text(data, strnlen(data, size));
	else if (is_integer_size(size))
		value_integer(data, size, is_signed);
	else
		json_bytes(data, size);
}

/*
 * A stack as a key: a header of four words, then the addresses.  The header:
 * depth, 0, 1 for a stack of a process, its pid.  The headers of other versions
 * can't have these values.
 */
#define STACK_HEADER 16

static int
has_header(const uint32_t *header, size_t frames, int is_user)
{
	return header[0] <= frames && header[1] == 0 &&
	    header[2] == (uint32_t)is_user && (header[3] != 0) == is_user;
}

static void
stack(const struct library *lib, dtrace_hdl_t *dtp, const dtrace_recdesc_t *rec,
    const char *data)
{
	int is_user = rec->dtrd_action != DTRACEACT_STACK;
	size_t n = rec->dtrd_size / 8 - STACK_HEADER / 8, i;
	uint32_t header[4];
	uint64_t address;
	char name[4096];

	if (rec->dtrd_size >= STACK_HEADER)
		memcpy(header, data, sizeof header);
	if (rec->dtrd_size < STACK_HEADER ||
	    !has_header(header, n, is_user)) {
		json_bytes(data, rec->dtrd_size);
		return;
	}
	json_raw(is_user ? "{\"ustack\":[" : "{\"stack\":[");
	for (i = 0; i < header[0]; i++) {
		memcpy(&address, data + STACK_HEADER + 8 * i, 8);
		if (address == 0)
			break;
		*name = 0;
		if (is_user)
			lib->dtrace_uaddr2str(dtp, (pid_t)header[3], address,
			    name, sizeof name - 1);
		else
			lib->dtrace_addr2str(dtp, address, name,
			    sizeof name - 1);
		if (i > 0)
			json_raw(",");
		json_text(name, strlen(name));
	}
	json_raw("]}");
}

/* A key's record has no sign.  Like dtrace(1): signed from four bytes on. */
void
value_key(const struct library *lib, dtrace_hdl_t *dtp,
    const dtrace_recdesc_t *rec, const char *data)
{
	switch (rec->dtrd_action) {
	case DTRACEACT_STACK:
	case DTRACEACT_USTACK:
	case DTRACEACT_JSTACK:
		stack(lib, dtp, rec, data);
		break;
	case DTRACEACT_DIFEXPR:
		expression(rec, data, rec->dtrd_size >= 4);
		break;
	default:
		value_write(lib, dtp, rec, data);
	}
}

void
value_write(const struct library *lib, dtrace_hdl_t *dtp,
    const dtrace_recdesc_t *rec, const char *data)
{
	switch (rec->dtrd_action) {
	case DTRACEACT_SYM:
	case DTRACEACT_MOD:
	case DTRACEACT_USYM:
	case DTRACEACT_UMOD:
	case DTRACEACT_UADDR:
		symbol(lib, dtp, rec->dtrd_action, data);
		break;
	default:
		expression(rec, data, RECORD_SIGNED(rec));
	}
}
