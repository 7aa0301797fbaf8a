/*
 * value.c - what does one record say?
 */
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

/* A name from libdtrace for an address, cut as dtrace(1) does. */
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
expression(const dtrace_recdesc_t *rec, const char *data)
{
	size_t size = rec->dtrd_size;

	if (size > 1 && rec->dtrd_alignment == 1)
		json_text(data, strnlen(data, size));
	else if (is_integer_size(size))
		value_integer(data, size, RECORD_SIGNED(rec));
	else
		json_bytes(data, size);
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
		expression(rec, data);
	}
}
