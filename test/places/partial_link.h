/*
 * partial_link.h - which functions of partial_link_so.c does partial_link.c
 * call?
 */
#include "usdt.h"

/* A traced probe, and how often its observer saw it fire. */
USDT_API usdt_probedef_t *half_make(void);
USDT_API int half_seen(void);

/* The error text of usdt_provider_status without a provider. */
USDT_API const char *half_status(void);
