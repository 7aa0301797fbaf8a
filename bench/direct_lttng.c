/*
 * direct_lttng.c - what does an event of LTTng-UST cost?  See direct.h.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#define LTTNG_UST_TRACEPOINT_CREATE_PROBES
#define LTTNG_UST_TRACEPOINT_DEFINE
#include "direct_lttng.h"
#include "direct.h"

static void
fire_0(long i)
{
	(void)i;
	lttng_ust_tracepoint(bench, d0);
}

static void
fire_2(long i)
{
	lttng_ust_tracepoint(bench, d2, i, i + 1);
}

static void
fire_6(long i)
{
	lttng_ust_tracepoint(bench, d6, i, i + 1, i + 2, i + 3, i + 4, i + 5);
}

static void
fire_t(long i)
{
	lttng_ust_tracepoint(bench, dt, i, text);
}

int
main(void)
{
	return serve();
}
