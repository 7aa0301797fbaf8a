/*
 * old_glibc.c - how does a binding built here load on an older glibc?
 *
 * Node runs on glibc 2.28 and later.  Of all functions that libusdt calls only
 * these are newer under the names that compilers use.  Until 2.33 those of stat
 * were inline functions; on 64-bit Linux glibc's struct stat is the kernel's.
 * Until 2.34 those of threads were in a library of their own, which Node loads;
 * their old versions are still there.  Only binaries for other machines are
 * linked with this file.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if !defined(__LP64__)
#error "struct stat is the kernel's on 64-bit systems only"
#endif

int
fstatat(int directory, const char *path, struct stat *out, int flags)
{
	return (int)syscall(SYS_newfstatat, directory, path, out, flags);
}

int
fstat(int fd, struct stat *out)
{
	return (int)syscall(SYS_fstat, fd, out);
}

int
stat(const char *path, struct stat *out)
{
	return fstatat(AT_FDCWD, path, out, 0);
}

#if defined(__x86_64__)
#define FIRST	"GLIBC_2.2.5"
#elif defined(__aarch64__)
#define FIRST	"GLIBC_2.17"
#endif
#define OLD(name)	__asm__(".symver old_" #name "," #name "@" FIRST)

int old_pthread_key_create(pthread_key_t *key, void (*ended)(void *));
int old_pthread_key_delete(pthread_key_t key);
int old_pthread_setspecific(pthread_key_t key, const void *value);
OLD(pthread_key_create);
OLD(pthread_key_delete);
OLD(pthread_setspecific);

int
pthread_key_create(pthread_key_t *key, void (*ended)(void *))
{
	return old_pthread_key_create(key, ended);
}

int
pthread_key_delete(pthread_key_t key)
{
	return old_pthread_key_delete(key);
}

int
pthread_setspecific(pthread_key_t key, const void *value)
{
	return old_pthread_setspecific(key, value);
}
