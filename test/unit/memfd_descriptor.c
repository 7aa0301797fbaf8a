/*
 * memfd_descriptor.c - which descriptor does an image have if no directory can
 * be used, in a process that has closed its first three, and what if the host
 * closes this one too?
 *
 * Writing to 1 or 2 must not change the image.  This program's own openat(),
 * which the library calls, opens no directory.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tap.h"
#include "scratch.h"
#include "core/provider.h"

/* The functions by these names, whatever <fcntl.h> defines them as. */
int no_directory(int at, const char *path, int flags, ...) __asm__("openat");
int no_directory64(int at, const char *path, int flags, ...)
    __asm__("openat64");

static int refused;

#define OPENAT(function) \
int \
function(int at, const char *path, int flags, ...) \
{ \
	va_list args; \
	int mode; \
\
	va_start(args, flags); \
	mode = flags & O_CREAT ? va_arg(args, int) : 0; \
	va_end(args); \
	if (flags & O_DIRECTORY) { \
		refused++; \
		errno = EACCES; \
		return -1; \
	} \
	return (int)syscall(SYS_openat, at, path, flags, mode); \
}

OPENAT(no_directory)
OPENAT(no_directory64)

/* The child's results; it has no standard output. */
struct found {
	int refused;		/* directories */
	int enabled;		/* result of enabling */
	usdt_status_t status;
	int fd, flags;
	int written, grown, shrunk;	/* errno of the attempt; 0: it
					 * succeeded */
	int kept;		/* size and bytes have not changed */
	int more;		/* result of enabling one more probe */
	unsigned images;	/* the images then */
	int gate_kept;		/* the first probe's gate has not moved */
	int again;		/* result of enabling again, untraced */
	int freed;		/* errno of using the descriptor then */
	int maps;		/* mappings that are left */
	int standard;		/* of the first three, which are open */
};

static int
changes(int result)
{
	return result < 0 ? errno : 0;
}

static void
look_at(struct found *found)
{
	char before[64] = "", after[64] = "";
	struct stat a, b;
	int fd = found->fd;

	found->flags = fcntl(fd, F_GETFD);
	fstat(fd, &a);
	if (pread(fd, before, sizeof before, 0) != sizeof before)
		return;
	found->written = changes((int)pwrite(fd, "host", 4, 0));
	found->grown = changes(ftruncate(fd, a.st_size + 4096));
	if (found->grown != 0)		/* firing would crash */
		found->shrunk = changes(ftruncate(fd, 0));
	found->kept = fstat(fd, &b) == 0 && a.st_size == b.st_size &&
	    pread(fd, after, sizeof after, 0) == sizeof after &&
	    memcmp(before, after, sizeof before) == 0;
}

/* Count a tracer, as the kernel does. */
static void
count_tracer(const uint32_t *gate, uint16_t count)
{
	memcpy((void *)(uintptr_t)gate, &count, sizeof count);
}

static void
live(struct found *found)
{
	usdt_provider_t *p = usdt_create_provider("memfds", "m");
	usdt_probedef_t *def = usdt_create_probe("f", "n", 0, NULL);
	usdt_probedef_t *more = usdt_create_probe("f", "more", 0, NULL);
	const uint32_t *gate;
	usdt_status_t then;
	int i;

	if (p == NULL || def == NULL || more == NULL ||
	    usdt_provider_add_probe(p, def) < 0)
		return;
	found->enabled = usdt_provider_enable(p);
	usdt_provider_status(p, &found->status);
	found->refused = refused;
	if (sscanf(found->status.sdt.path, "/proc/%*d/fd/%d", &found->fd) == 1)
		look_at(found);
	usdt_probe_fire(def, 0, NULL);
	gate = def->gate;
	close(found->fd);
	usdt_provider_add_probe(p, more);
	count_tracer(gate, 1);
	found->more = usdt_provider_enable(p);
	found->gate_kept = def->gate == gate;
	usdt_provider_status(p, &then);
	found->images = then.images;
	count_tracer(gate, 0);
	usdt_provider_enable(p);
	usdt_provider_status(p, &then);
	found->again = then.sdt.taken && def->gate != gate;
	usdt_probe_release(more);
	usdt_probe_release(def);
	usdt_provider_free(p);
	found->freed = changes(fcntl(found->fd, F_GETFD));
	found->maps = count_maps("memfd:usdt");
	for (i = 0; i <= STDERR_FILENO; i++)
		found->standard += fcntl(i, F_GETFD) >= 0;
}

/* As in a daemon that closed them and opened nothing there. */
static int
find(struct found *found)
{
	int ends[2], status, i;
	ssize_t n;
	pid_t pid;

	memset(found, 0, sizeof *found);
	found->fd = -1;
	if (pipe(ends) < 0 || (pid = fork()) < 0)
		return -1;
	if (pid == 0) {
		for (i = 0; i <= STDERR_FILENO; i++)
			close(i);
		live(found);
		n = write(ends[1], found, sizeof *found);
		_exit(n != sizeof *found);
	}
	close(ends[1]);
	n = read(ends[0], found, sizeof *found);
	close(ends[0]);
	if (waitpid(pid, &status, 0) < 0 || n != sizeof *found)
		return -1;
	return status;
}

int
main(void)
{
	struct found found;

	scratch_begin();
	if (usdt__stub_count == 0) {
		skip("the library has no stubs for this processor");
		return done_testing();
	}
	is_int(find(&found), 0, "the child ends well");
	ok(found.refused >= 3, "each place was refused");
	ok(found.enabled == 0 && found.status.sdt.taken &&
	    found.status.probes == 1, "the probe is visible (%s)",
	    found.status.sdt.reason);
	ok(found.fd > STDERR_FILENO, "in a memfd, not a standard "
	    "descriptor: %d, %s", found.fd, found.status.sdt.path);
	is_int(found.flags, FD_CLOEXEC, "closed in programs that are started");
	is_int(found.written, EPERM, "no write succeeds");
	is_int(found.grown, EPERM, "or makes it longer");
	is_int(found.shrunk, EPERM, "or shorter");
	ok(found.kept, "and its bytes are as they were");
	is_int(found.more, 0, "closed: one more probe is enabled");
	is_int((int)found.images, 2, "with an image of its own");
	ok(found.gate_kept, "tracers of the first one continue");
	ok(found.again, "without a tracer it gets another descriptor");
	is_int(found.freed, EBADF, "freed: the descriptor is given back");
	is_int(found.maps, 0, "nothing stays mapped");
	is_int(found.standard, 0, "and the first three are free");
	return done_testing();
}
