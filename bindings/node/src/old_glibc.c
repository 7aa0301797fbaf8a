/*
 * old_glibc.c - how does a binding built here load on an older glibc?
 *
 * Node runs on glibc 2.28 and later.  Of all functions that libusdt calls only
 * these three are newer under the names that compilers use: until 2.33 they
 * were inline functions.  On 64-bit Linux glibc's struct stat is the kernel's.
 * Only binaries for other machines are linked with this file.
 */
#include <fcntl.h>
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
