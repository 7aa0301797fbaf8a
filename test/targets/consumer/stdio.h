/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONSUMER_STDIO_H
#define CONSUMER_STDIO_H
#include_next <stdio.h>
typedef struct file FILE;
extern FILE *standard_input, *standard_error;
#define stdin	standard_input
#define stderr	standard_error
#define EOF	(-1)
FILE *fopen(const char *path, const char *mode);
FILE *tmpfile(void);
FILE *open_memstream(char **text, size_t *size);
int fclose(FILE *file);
int fflush(FILE *file);
int ferror(FILE *file);
void rewind(FILE *file);
size_t fread(void *to, size_t size, size_t count, FILE *file);
char *fgets(char *line, int size, FILE *file);
int fputs(const char *text, FILE *file);
int printf(const char *format, ...);
int fprintf(FILE *file, const char *format, ...);
void perror(const char *what);
#endif
