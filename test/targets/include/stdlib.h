/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef STDLIB_H
#define STDLIB_H
#include <stddef.h>
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
void *realloc(void *old, size_t size);
void free(void *memory);
char *getenv(const char *name);
#endif
