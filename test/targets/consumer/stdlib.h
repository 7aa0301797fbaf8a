/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONSUMER_STDLIB_H
#define CONSUMER_STDLIB_H
#include_next <stdlib.h>
long atol(const char *text);
long strtol(const char *text, char **end, int base);
unsigned long strtoul(const char *text, char **end, int base);
long long strtoll(const char *text, char **end, int base);
#endif
