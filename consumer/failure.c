/*
 * failure.c - how is it said what went wrong?
 */
#include <stdarg.h>
#include <string.h>

#include "consumer.h"

/* What does not fit ends in dots: cut, and not silently. */
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
