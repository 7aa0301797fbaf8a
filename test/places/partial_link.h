/*
 * partial_link.h - what is between partial_link.c and partial_link_so.c?
 */
#include "usdt.h"

/* A probe that is traced, and how often it was seen to fire. */
USDT_API usdt_probedef_t *half_make(void);
USDT_API int half_seen(void);

/* What usdt_provider_status says of no provider. */
USDT_API const char *half_status(void);
