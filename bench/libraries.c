/* libraries.c - which libraries are put beside each other?  BENCHED names them,
 * in the Makefile: X(usdt) X(sdt) ... */
#include "bench.h"

#define X(name)	extern const struct library name;
BENCHED
#undef X
#define X(name)	&name,
const struct library *const libraries[] = { BENCHED NULL };
