/*
 * partial_link.c - what if a program links a few calls of the library, and its
 * shared object has the others?
 *
 * Linked with the library and with partial_link_so.c.  By itself the program
 * needs only the calls that test, fire, and set a text.
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
