/*
 * partial_link.c - what if a program takes a few calls of the library, and a
 * shared object of its the others?
 *
 * Linked with the library and with partial_link_so.c.  Alone it needs no more
 * of the library than testing and firing, and setting a text.
 */
#include <stdio.h>

#include "partial_link.h"

int
main(void)
{
	usdt_probedef_t *probe = half_make();
	int i, enabled = 0;

	usdt_error(NULL, USDT_ERROR_NOPROBES);
	printf("%s\n", half_status());
	if (probe == NULL)
		return 1;
	for (i = 0; i < 10; i++) {
		enabled += usdt_probe_enabled(probe) != 0;
		usdt_probe_fire(probe, 0, NULL);
	}
	printf("enabled %d seen %d\n", enabled, half_seen());
	return 0;
}
