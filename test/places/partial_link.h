/*
 * partial_link.h - what is between partial_link.c and partial_link_so.c?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "usdt.h"

/* Fire a probe so many times: how often was it seen? */
USDT_API int half_fire(int times);

/* What usdt_provider_status says of no provider. */
USDT_API const char *half_status(void);
