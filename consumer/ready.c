/*
 * ready.c - can this system run a trace?
 *
 * libdtrace for Linux opens and compiles without privileges; only then does it
 * fail, with a message about locked memory.  So this file checks first.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "consumer.h"

const char *
ready_sys(void)
{
	const char *sys = setting("USDT_DTRACE_SYS");

	return sys ? sys : "/sys";
}

#if defined(__linux__)

enum { DAC_OVERRIDE = 1, SYS_ADMIN = 21, PERFMON = 38, BPF = 39 };

/* The capabilities that are in effect, or none if they can't be read. */
static uint64_t
capabilities(void)
{
	FILE *status = fopen("/proc/self/status", "r");
	char line[256];
	uint64_t bits = 0;

	if (!status)
		return 0;
	while (fgets(line, sizeof line, status))
		if (!strncmp(line, "CapEff:", 7))
			bits = strtoull(line + 7, NULL, 16);
	fclose(status);
	return bits;
}

/* The message is that of libdtrace on other systems. */
int
ready_privileges(struct failure *failure)
{
	uint64_t bits = capabilities();

#define HAS(c) (bits >> (c) & 1)
	if ((HAS(SYS_ADMIN) || (HAS(BPF) && HAS(PERFMON))) &&
	    (geteuid() == 0 || HAS(DAC_OVERRIDE)))
		return 0;
#undef HAS
	return fail(failure, "EPRIVILEGES",
	    "DTrace requires additional privileges");
}

/* Is NAME below /sys?  If not, -1; the failure ends with WHY it is needed. */
static int
needs(const char *name, const char *why, struct failure *failure)
{
	char path[4096];

	if (snprintf(path, sizeof path, "%s/%s", ready_sys(), name) >=
	    (int)sizeof path)
		return fail(failure, "EKERNEL", "USDT_DTRACE_SYS is too long");
	if (access(path, R_OK) == 0)
		return 0;
	return fail(failure, "EKERNEL", "%s: %s; %s", path, strerror(errno),
	    why);
}

int
ready_kernel(struct failure *failure)
{
	char path[4096], text[256] = "";
	int fd;

	if (needs("kernel/tracing/uprobe_events", "DTrace needs tracefs: mount "
	    "-t tracefs tracefs /sys/kernel/tracing", failure) ||
	    needs("kernel/btf/vmlinux", "DTrace needs a kernel that was built "
	    "with CONFIG_DEBUG_INFO_BTF", failure))
		return -1;
	if (snprintf(path, sizeof path, "%s/kernel/security/lockdown",
	    ready_sys()) >= (int)sizeof path)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return 0;
	if (read(fd, text, sizeof text - 1) < 0)
		*text = 0;
	close(fd);
	if (strstr(text, "[confidentiality]"))
		return fail(failure, "EKERNEL", "this kernel is locked down "
		    "(%s says confidentiality): programs may not read kernel "
		    "memory", path);
	return 0;
}

#else

/* Here dtrace_open itself reports what is missing. */
int
ready_privileges(struct failure *failure)
{
	(void)failure;
	return 0;
}

int
ready_kernel(struct failure *failure)
{
	(void)failure;
	return 0;
}

#endif
