/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef STDIO_H
#define STDIO_H
#include <stdarg.h>
#include <stddef.h>
int snprintf(char *out, size_t size, const char *format, ...);
int vsnprintf(char *out, size_t size, const char *format, va_list args);
#endif
