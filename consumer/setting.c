/*
 * setting.c - which settings does the environment make?
 *
 * None if this program's file gives privileges (set-user-ID or capabilities):
 * the user must not choose the library that runs with them.
 *
 * SPDX-License-Identifier: BSD-2-Clause
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
