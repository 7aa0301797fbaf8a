/*
 * record.c - what does one firing say?
 *
 * libdtrace calls back for each clause that fired, for each of its records, and
 * once more at the end.  Some records only libdtrace can format (printf,
 * stacks): it prints them to a stream in memory, where the next callback finds
 * the text.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "consumer.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof *(a))

int record_alone;

static const struct library *lib;
static dtrace_hdl_t *dtp;

/* Where libdtrace prints. */
static FILE *stream;
static char *text;
static size_t text_size;

/* The firing that is being written. */
static int is_open, values, came;
static int exit_status;

/* What libdtrace is printing now; the next callback writes it. */
static enum { NOTHING, PRINTF, STACK, TEXT, IGNORED } pending;
static const dtrace_recdesc_t *printf_record;
static const char *printf_data;	/* the firing's data, not the record's */
static const dtrace_probedata_t *printf_probe;

/* A bit for each probe whose names the reader already has. */
static unsigned char *known;
static size_t known_size;

int
record_begin(void)
{
	if (!stream)
		stream = open_memstream(&text, &text_size);
	return stream ? 0 : -1;
}

int
record_exit_status(void)
{
	return exit_status;
}

int
record_came(void)
{
	return came;
}

/* --- probes ----------------------------------------------------------------- */

/* Returns the probe's bit and sets it.  Without memory names are sent again. */
static int
is_known(uint32_t id)
{
	size_t size = id / 8 + 1;
	unsigned char *more, bit = (unsigned char)(1 << id % 8);

	if (size > known_size) {
		size += size / 2 + 256;
		more = realloc(known, size);
		if (!more)
			return 0;
		memset(more + known_size, 0, size - known_size);
		known = more;
		known_size = size;
	}
	if (known[id / 8] & bit)
		return 1;
	known[id / 8] |= bit;
	return 0;
}

static void
name(const char *label, const char *value)
{
	json_raw(label);
	json_string(value ? value : "");
}

void
record_probe(const dtrace_probedesc_t *p)
{
	json_raw("{\"id\":");
	json_uint(PROBE_ID(p));
	name(",\"provider\":", PROBE_PROVIDER(p));
	name(",\"module\":", PROBE_MODULE(p));
	name(",\"function\":", PROBE_FUNCTION(p));
	name(",\"name\":", PROBE_NAME(p));
	json_raw("}");
}

static void
probe_reference(const dtrace_probedesc_t *p)
{
	if (!record_alone && is_known(PROBE_ID(p)))
		json_uint(PROBE_ID(p));
	else
		record_probe(p);
}

/* --- texts ------------------------------------------------------------------ */

static void
separate(void)
{
	if (values++)
		json_raw(",");
}

static void
printf_argument(const dtrace_recdesc_t *rec, char kind)
{
	const char *data = printf_data + rec->dtrd_offset;
	size_t size = rec->dtrd_size;

	if (kind == 's' || (size > 1 && rec->dtrd_alignment == 1))
		json_text(data, strnlen(data, size));
	else if (size == 1 || size == 2 || size == 4 || size == 8)
		value_integer(data, size, kind == 'i');
	else
		json_bytes(data, size);
}

/* The arguments: this record and those that follow, while they are this
 * printf()'s. */
static void
printf_arguments(void)
{
	const dtrace_recdesc_t *rec = printf_record,
	    *end = DATA_RECORDS(printf_probe) + DATA_COUNT(printf_probe);
	const struct format *format = format_of(lib, dtp, rec);
	const char *kind = format ? format->kinds : NULL;
	int n = 0;

	if (!kind)
		return;
	json_raw(",\"args\":[");
	for (; rec < end && *kind; rec++, kind++) {
		if (rec->dtrd_action != DTRACEACT_PRINTF ||
		    (rec != printf_record && RECORD_HAS_FORMAT(rec)))
			break;
		if (rec->dtrd_size == 0)
			continue;
		if (n++)
			json_raw(",");
		printf_argument(rec, *kind);
	}
	json_raw("]");
}

/* libdtrace prints each frame on a line of its own, with blanks around it. */
static void
frames(char *s, size_t length)
{
	char *end = s + length, *line, *stop;
	int n = 0;

	for (line = s; line < end; line = stop + 1) {
		stop = memchr(line, '\n', (size_t)(end - line));
		if (!stop)
			stop = end;
		while (line < stop && (*line == ' ' || *line == '\t'))
			line++;
		if (line == stop)
			continue;
		if (n++)
			json_raw(",");
		json_text(line, (size_t)(stop - line));
	}
}

static void
take_text(void)
{
	if (pending == NOTHING)
		return;
	fflush(stream);
	switch (pending) {
	case PRINTF:
		separate();
		json_raw("{\"printf\":");
		json_text(text, text_size);
		printf_arguments();
		json_raw("}");
		break;
	case TEXT:
		separate();
		json_raw("{\"print\":");
		json_text(text, text_size);
		json_raw("}");
		break;
	case STACK:
		frames(text, text_size);
		json_raw("]}");
		break;
	default:
		break;
	}
	pending = NOTHING;
}

/* Lets libdtrace print this record. */
static int
expect_text(int what)
{
	rewind(stream);
	pending = what;
	return DTRACE_CONSUME_THIS;
}

/* --- records ---------------------------------------------------------------- */

static int
on_probe(const dtrace_probedata_t *data, void *argument)
{
	(void)argument;
	came = 1;
	json_raw("{\"probe\":");
	probe_reference(data->dtpda_pdesc);
	json_raw(",\"cpu\":");
	json_uint(data->dtpda_cpu);
	json_raw(",\"data\":[");
	is_open = 1;
	values = 0;
	return DTRACE_CONSUME_THIS;
}

static void
end_firing(void)
{
	take_text();
	if (is_open)
		json_raw("]}\n");
	is_open = 0;
}

/* If a second record has the length, only so many bytes are valid. */
static void
memory(const dtrace_probedata_t *data, const dtrace_recdesc_t *rec)
{
	const char *bytes = data->dtpda_data;
	const dtrace_recdesc_t *length = rec + 1;
	uint64_t n = rec->dtrd_size, wanted = n;
	uint32_t small;

	if (TRACEMEM_IS_DYNAMIC(rec) &&
	    length < DATA_RECORDS(data) + DATA_COUNT(data) &&
	    length->dtrd_action == DTRACEACT_TRACEMEM) {
		bytes = bytes - rec->dtrd_offset + length->dtrd_offset;
		if (length->dtrd_size == 8) {
			memcpy(&wanted, bytes, 8);
		} else if (length->dtrd_size == 4) {
			memcpy(&small, bytes, 4);
			wanted = small;
		}
	}
	json_raw("{\"tracemem\":");
	json_bytes(data->dtpda_data, wanted < n ? wanted : n);
	json_raw("}");
}

static void
said_exit(const char *data)
{
	int32_t status;

	memcpy(&status, data, sizeof status);
	exit_status = status;
	json_raw("{\"exit\":");
	json_int(status);
	json_raw("}");
}

static int
on_record(const dtrace_probedata_t *data, const dtrace_recdesc_t *rec,
    void *argument)
{
	(void)argument;
	take_text();
	if (!rec) {
		end_firing();
		return DTRACE_CONSUME_NEXT;
	}
	switch (rec->dtrd_action) {
	case DTRACEACT_PRINTF:
		printf_record = rec;
		printf_probe = data;
		printf_data = data->dtpda_data - rec->dtrd_offset;
		return expect_text(PRINTF);
	case DTRACEACT_PRINTA:
	case DTRACEACT_PRINT:
		return expect_text(TEXT);
	case DTRACEACT_STACK:
		separate();
		json_raw("{\"stack\":[");
		return expect_text(STACK);
	case DTRACEACT_USTACK:
	case DTRACEACT_JSTACK:
		separate();
		json_raw("{\"ustack\":[");
		return expect_text(STACK);
	case DTRACEACT_SYSTEM:
		/* Its output goes to standard error. */
		return expect_text(IGNORED);
	case DTRACEACT_FREOPEN:
		/* It would close our stream. */
		if (RECORD_HAS_FORMAT(rec)) {
			separate();
			json_raw("{\"refused\":\"freopen\"}");
		}
		return DTRACE_CONSUME_NEXT;
	case DTRACEACT_EXIT:
		separate();
		said_exit(data->dtpda_data);
		return DTRACE_CONSUME_NEXT;
	case DTRACEACT_TRACEMEM:
		if (TRACEMEM_IS_LENGTH(rec))
			return DTRACE_CONSUME_NEXT;
		separate();
		memory(data, rec);
		return DTRACE_CONSUME_NEXT;
	}
	separate();
	value_write(lib, dtp, rec, data->dtpda_data);
	return DTRACE_CONSUME_NEXT;
}

dtrace_workstatus_t
record_work(const struct library *library_now, dtrace_hdl_t *handle)
{
	dtrace_workstatus_t status;

	lib = library_now;
	dtp = handle;
	came = 0;
	status = lib->dtrace_work(dtp, stream, on_probe, on_record, NULL);
	/* After an error the library omits the last callback. */
	end_firing();
	return status;
}

/* --- errors and drops --------------------------------------------------------- */

static const char *
fault_name(int fault)
{
	static const char *const names[] = { "unknown", "BADADDR", "BADALIGN",
		"ILLOP", "DIVZERO", "NOSCRATCH", "KPRIV", "UPRIV", "TUPOFLOW",
		"BADSTACK", "BADSIZE", "BADINDEX" };

	if (fault == 1000)
		return "LIBRARY";
	if (fault < 0 || fault >= (int)ARRAY_SIZE(names))
		return names[0];
	return names[fault];
}

/* Some of libdtrace's messages end with a newline. */
static void
message(const char *label, const char *s)
{
	size_t n = s ? strlen(s) : 0;

	while (n > 0 && s[n - 1] == '\n')
		n--;
	json_raw(label);
	json_text(n ? s : "", n);
}

int
record_on_error(const dtrace_errdata_t *e, void *argument)
{
	char address[24];

	(void)argument;
	came = 1;
	end_firing();
	snprintf(address, sizeof address, "0x%" PRIx64, e->dteda_addr);
	message("{\"error\":{\"message\":", e->dteda_msg);
	json_raw(",\"fault\":");
	json_string(fault_name(e->dteda_fault));
	json_raw(",\"address\":");
	json_string(address);
	json_raw(",\"cpu\":");
	json_uint(e->dteda_cpu);
	if (e->dteda_pdesc) {
		json_raw(",\"probe\":");
		record_probe(e->dteda_pdesc);
	}
	json_raw("}}\n");
	return DTRACE_HANDLE_OK;
}

int
record_on_drop(const dtrace_dropdata_t *d, void *argument)
{
	static const char *const kinds[] = { "principal", "aggregation",
		"dynamic", "dynamic-rinse", "dynamic-dirty", "speculation",
		"speculation-busy", "speculation-unavailable", "stack-string",
		"error-in-error" };

	(void)argument;
	came = 1;
	end_firing();
	json_raw("{\"drop\":{\"kind\":");
	json_string(d->dtdda_kind >= 0 &&
	    d->dtdda_kind < (int)ARRAY_SIZE(kinds) ? kinds[d->dtdda_kind] :
	    "unknown");
	json_raw(",\"cpu\":");
	json_uint(d->dtdda_cpu);
	json_raw(",\"drops\":");
	json_uint(d->dtdda_drops);
	json_raw(",\"total\":");
	json_uint(d->dtdda_total);
	message(",\"message\":", d->dtdda_msg);
	json_raw("}}\n");
	return DTRACE_HANDLE_OK;
}
