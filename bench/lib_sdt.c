/* lib_sdt.c - probes compiled in with sys/sdt.h and semaphores */
/* SPDX-License-Identifier: BSD-2-Clause */
#define PROVIDER	sdt
#include "compiled_in.h"

#define SITE(name)	FIRE_##name

LIBRARY(SITE)
