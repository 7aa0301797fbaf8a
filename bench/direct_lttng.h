/*
 * direct_lttng.h - LTTng-UST's tracepoints of the same arguments, compiled in.
 * Its macros read this file several times.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER bench
#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "direct_lttng.h"

#if !defined(DIRECT_LTTNG_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#define DIRECT_LTTNG_H

#include <lttng/tracepoint.h>

#define FIELD(name)	lttng_ust_field_integer(long, name, name)

LTTNG_UST_TRACEPOINT_EVENT(bench, d0, LTTNG_UST_TP_ARGS(),
    LTTNG_UST_TP_FIELDS())
LTTNG_UST_TRACEPOINT_EVENT(bench, d2,
    LTTNG_UST_TP_ARGS(long, a, long, b),
    LTTNG_UST_TP_FIELDS(FIELD(a) FIELD(b)))
LTTNG_UST_TRACEPOINT_EVENT(bench, d6,
    LTTNG_UST_TP_ARGS(long, a, long, b, long, c, long, d, long, e, long, f),
    LTTNG_UST_TP_FIELDS(FIELD(a) FIELD(b) FIELD(c) FIELD(d) FIELD(e)
    FIELD(f)))
LTTNG_UST_TRACEPOINT_EVENT(bench, dt,
    LTTNG_UST_TP_ARGS(long, a, const char *, text),
    LTTNG_UST_TP_FIELDS(FIELD(a) lttng_ust_field_string(text, text)))

#endif /* DIRECT_LTTNG_H */

#include <lttng/tracepoint-event.h>
