/* lib_sdt.c - probes compiled in with sys/sdt.h and semaphores */
#define PROVIDER	sdt
#include "compiled_in.h"

#define SITE(name)	FIRE_##name

LIBRARY(SITE)
