/*
 * failure.c - how are failures described?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <stdarg.h>
#include <string.h>

#include "consumer.h"

/* A text that does not fit ends in dots, so that the reader sees the cut. */
int
fail(struct failure *failure, const char *code, const char *format, ...)
{
	va_list ap;
	int n;

	failure->code = code;
	failure->number = 0;
	va_start(ap, format);
	n = vsnprintf(failure->text, sizeof failure->text, format, ap);
	va_end(ap);
	if (n >= (int)sizeof failure->text)
		strcpy(failure->text + sizeof failure->text - 5, " ...");
	return -1;
}
