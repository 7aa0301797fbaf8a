/*
 * none/tracepoints.c - what does a tracer see on a processor without assembly?
 *
 * Nothing: without stubs no probe is visible, and every call succeeds.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/platform.h"

const struct usdt__stub usdt__stubs[1];
const uint32_t usdt__stub_count;

void
usdt__fire(const void *entry, size_t argc, const uint64_t *words)
{
	(void)entry;
	(void)argc;
	(void)words;
}
