/*
 * image/nop.c - which nop stands at a probe's sites?
 *
 * On x86-64 Linux the nop decides what a traced fire costs, and a wrong one may
 * make the attach fail:
 *
 *	nop		6.12		6.18		7.2
 *	1 byte		trap		trap		trap
 *	5 bytes		single-stepped	becomes a call	trap
 *	10 bytes	attach fails	attach fails	becomes a call
 *
 * A call costs half of a trap.  It goes to a page that forked children do not
 * have; core/guard.c protects them.
 *
 * A kernel that turns nops into calls has a system call for them, number 336.
 * Made from elsewhere it fails: with ENXIO if the kernel replaces nops of five
 * bytes, with EPROTO if it replaces those of ten.  Older kernels answer ENOSYS.
 * A seccomp filter may kill a process for an unknown call, so the library makes
 * it only in a process without filters.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* The stub with a nop of NOP bytes and that kind of answer, or NULL. */
static const struct usdt__stub *
stub_with(unsigned nop, enum usdt__isenabled answer)
{
	uint32_t i;

	for (i = 0; i < usdt__stub_count; i++)
		if (usdt__stubs[i].nop == nop &&
		    usdt__stubs[i].answer == answer)
			return &usdt__stubs[i];
	return NULL;
}

/* Does this process surely have no seccomp filter? */
static int
no_seccomp(void)
{
	char status[4096];
	size_t n = 0;
	ssize_t got;
	char *line;
	int fd = open("/proc/thread-self/status", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	while (n < sizeof status - 1) {
		got = read(fd, status + n, sizeof status - 1 - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		n += (size_t)got;
	}
	close(fd);
	status[n] = '\0';
	line = strstr(status, "\nSeccomp:");
	if (line == NULL)
		return 0;
	line += strlen("\nSeccomp:");
	line += strspn(line, " \t");
	return line[0] == '0' && line[1] == '\n';
}

/* Valgrind complains of a system call that it does not know, and does not make
 * it.  It preloads a library of its own. */
static int
in_valgrind(void)
{
	const char *preloaded = usdt__getenv("LD_PRELOAD");

	return preloaded != NULL && strstr(preloaded, "/vgpreload_") != NULL;
}

static unsigned
ask_kernel(void)
{
	if (!usdt__native_platform()->image ||
	    stub_with(5, USDT__ISENABLED_POINTER) == NULL)
		return 1;	/* no uprobes, or no choice; 336 may be another
				 * system call on that processor */
	if (in_valgrind() || !no_seccomp())
		return 1;
	errno = 0;
	if (syscall(336) != -1)
		return 1;
	if (errno == ENXIO)
		return 5;
	if (errno == EPROTO)
		return 10;
	return 1;
}

const struct usdt__stub *
usdt__stub_choose(int typed)
{
	static unsigned asked;		/* under the library's lock */
	const struct usdt__platform *row = usdt__native_platform();
	const char *forced = usdt__getenv("USDT_NOP");
	const struct usdt__stub *stub = NULL;
	size_t i;

	if (row->isenabled == USDT__ISENABLED_REGISTER)
		forced = NULL;	/* these stubs have one nop */
	if (forced != NULL)
		stub = stub_with((unsigned)atoi(forced), row->isenabled);
	if (forced != NULL && stub == NULL)
		usdt__debug("USDT_NOP=%s: there is no such nop here", forced);
	if (stub == NULL) {
		if (asked == 0)
			asked = ask_kernel();
		stub = stub_with(asked, row->isenabled);
	}
	for (i = 0; stub == NULL && i < usdt__stub_count; i++)
		if (usdt__stubs[i].answer == row->isenabled)
			stub = &usdt__stubs[i];	/* the smallest comes first */
	return stub != NULL && typed ? stub + usdt__stub_count : stub;
}
