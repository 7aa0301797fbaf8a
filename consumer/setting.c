/*
 * setting.c - what does the environment ask for, if it may?
 *
 * Who gets privileges from this program's file, by its owner's bit or its
 * capabilities, may not choose the library that runs with them.
 */
#include <stdlib.h>
#include <unistd.h>

#include "consumer.h"

#if defined(__linux__)
#include <sys/auxv.h>
#define IS_TRUSTED() (getauxval(AT_SECURE) == 0)
#else
#define IS_TRUSTED() (!issetugid())
#endif

const char *
setting(const char *name)
{
	const char *value = IS_TRUSTED() ? getenv(name) : NULL;

	return value && *value ? value : NULL;
}
