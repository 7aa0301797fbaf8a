/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONSUMER_STRING_H
#define CONSUMER_STRING_H
#include_next <string.h>
void *memmove(void *to, const void *from, size_t size);
void *memchr(const void *bytes, int byte, size_t size);
size_t strnlen(const char *text, size_t size);
#endif
