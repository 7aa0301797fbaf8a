/*
 * facts.c - what does a fact about this system mean for tracers, and what
 * helps?
 *
 * Pure: facts come in as the text of a file or an errno, and a finding goes
 * out, so that a test can try facts that no machine at hand has.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tools/doctor/doctor.h"

/* Numbers of capabilities, which old headers lack. */
#define SYS_ADMIN	21
#define PERFMON		38
#define BPF		39

struct finding
finding_make(enum verdict verdict, const char *remedy, const char *format,
    ...)
{
	struct finding finding = { .verdict = verdict };
	va_list args;
	size_t size;
	FILE *out = text_begin(&finding.text, &size);

	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	text_end(out);
	if (remedy != NULL)
		finding.remedy = xasprintf("%s", remedy);
	return finding;
}

void
finding_free(struct finding *finding)
{
	free(finding->text);
	free(finding->common);
	free(finding->remedy);
}

/* --- privilege --- */

static uint64_t
capabilities(const char *status)
{
	const char *line = strstr(status, "\nCapEff:");

	return line ? strtoull(line + 8, NULL, 16) : 0;
}

static int
has(uint64_t capabilities, int number)
{
	return (int)(capabilities >> number & 1);
}

int
fact_privileged(const char *status, int apart)
{
	uint64_t caps = capabilities(status);

	return !apart && (has(caps, SYS_ADMIN) ||
	    (has(caps, PERFMON) && has(caps, BPF)));
}

struct finding
fact_privilege(const char *status, int apart, int root)
{
	uint64_t caps = capabilities(status);

	if (apart)
		return finding_make(VERDICT_PROBLEM, "run the tracer outside",
		    "privilege: this is a user namespace, in which the "
		    "kernel permits no uprobes");
	if (has(caps, SYS_ADMIN))
		return finding_make(VERDICT_OK, NULL,
		    "privilege: this user may trace (CAP_SYS_ADMIN)");
	if (has(caps, PERFMON) && has(caps, BPF))
		return finding_make(VERDICT_NOTE, NULL, "privilege: CAP_BPF "
		    "and CAP_PERFMON let this user use uprobes by BPF and "
		    "perf_event_open; bpftrace, `usdt watch` and `perf probe` "
		    "may still need root");
	return finding_make(VERDICT_PROBLEM, root ? "run the tracer outside of "
	    "this container, or give it these capabilities" :
	    "run the tracer as root: sudo ...", "privilege: this %s may not "
	    "use uprobes: it lacks CAP_SYS_ADMIN%s%s", root ? "root" :
	    "user", has(caps, PERFMON) ? "" : ", CAP_PERFMON",
	    has(caps, BPF) ? "" : ", CAP_BPF");
}

struct finding
fact_paranoid(const char *text, int privileged, int root)
{
	int level = text ? atoi(text) : 0;

	if (text == NULL)
		return finding_make(VERDICT_PROBLEM, "use a kernel with "
		    "CONFIG_PERF_EVENTS", "perf: this kernel has no "
		    "/proc/sys/kernel/perf_event_paranoid, so no perf "
		    "events, which tracers need to attach");
	if (privileged || level < 0)
		return finding_make(VERDICT_OK, NULL, "perf: "
		    "kernel.perf_event_paranoid is %d, which does not stop "
		    "this user", level);
	return finding_make(VERDICT_PROBLEM, root ? "trace with CAP_PERFMON, "
	    "or: sysctl kernel.perf_event_paranoid=-1" : "trace as root, or: "
	    "sudo sysctl kernel.perf_event_paranoid=-1", "perf: "
	    "kernel.perf_event_paranoid is %d: this user may not record events "
	    "of probes", level);
}

struct finding
fact_lockdown(const char *text)
{
	if (text != NULL && strstr(text, "[confidentiality]") != NULL)
		return finding_make(VERDICT_PROBLEM, "boot with "
		    "lockdown=integrity or none", "lockdown: the kernel is "
		    "locked down for confidentiality: it refuses tracefs, "
		    "and BPF can't read memory");
	if (text != NULL && strstr(text, "[integrity]") != NULL)
		return finding_make(VERDICT_NOTE, NULL, "lockdown: the kernel "
		    "is locked down for integrity; uprobes work, but BPF "
		    "can't write to memory");
	return finding_make(VERDICT_OK, NULL,
	    "lockdown: the kernel is not locked down");
}

/* --- what the kernel has --- */

struct finding
fact_uprobes(int sys, int uprobes, int counters)
{
	if (!sys)
		return finding_make(VERDICT_PROBLEM,
		    "mount -t sysfs sysfs /sys", "uprobes: /sys is not "
		    "mounted: bpftrace and perf find no uprobes there");
	if (!uprobes)
		return finding_make(VERDICT_PROBLEM, "use a kernel with "
		    "CONFIG_UPROBE_EVENTS", "uprobes: "
		    "/sys/bus/event_source/devices/uprobe does not exist: "
		    "nothing can attach to a program");
	if (!counters)
		return finding_make(VERDICT_PROBLEM, "use Linux 4.20 or "
		    "later", "uprobes: this kernel counts no semaphores (no "
		    "format/ref_ctr_offset): probes stay disabled");
	return finding_make(VERDICT_OK, NULL,
	    "uprobes: the kernel has them, with semaphores");
}

struct finding
fact_bpf(int error, int privileged)
{
	if (error == ENOSYS)
		return finding_make(VERDICT_PROBLEM, "use a kernel with "
		    "CONFIG_BPF_SYSCALL, or `usdt watch` or perf",
		    "BPF: the kernel has no bpf(): no bpftrace, no bcc");
	if (error == EPERM && privileged)
		return finding_make(VERDICT_PROBLEM, "run the tracer outside "
		    "of this container, or with another seccomp profile",
		    "BPF: seccomp or a security module refuses bpf(), though "
		    "this user has the capabilities");
	if (error == EPERM)
		return finding_make(VERDICT_NOTE, NULL,
		    "BPF: the kernel has it, but this user may not use it");
	return finding_make(VERDICT_OK, NULL, "BPF: the kernel has it");
}

struct finding
fact_tracefs(const char *mount, int error, int root)
{
	if (mount == NULL)
		return finding_make(VERDICT_PROBLEM,
		    "mount -t tracefs tracefs /sys/kernel/tracing", "tracefs: "
		    "is not mounted here: perf finds no events, nor does "
		    "bpftrace before 0.25 (`usdt watch` mounts it)");
	if (error == ENOENT)
		return finding_make(VERDICT_PROBLEM, "use a kernel with "
		    "CONFIG_UPROBE_EVENTS", "tracefs: %s/uprobe_events is not "
		    "there: `usdt watch` and `perf probe` can make no events",
		    mount);
	if (error != 0)
		return finding_make(VERDICT_PROBLEM, error == EROFS ?
		    "mount it writable" : root ? "run `usdt watch` and `perf "
		    "probe` outside of this container or user namespace" :
		    "run `usdt watch` and `perf probe` as root", "tracefs: "
		    "%s/uprobe_events may not be written: %s", mount,
		    strerror(error));
	return finding_make(VERDICT_OK, NULL, "tracefs: mounted at %s, and "
	    "events can be made there", mount);
}

struct finding
fact_helper(const char *device, int error, unsigned mode, int installed,
    int running)
{
	if (error != 0 && !installed)
		return finding_make(VERDICT_NOTE, NULL, "DTrace: is not "
		    "installed here (no %s, no dtprobed)", device);
	if (error != 0)
		return finding_make(VERDICT_PROBLEM, "systemctl start "
		    "dtprobed (then enable providers again)", "DTrace: %s: %s: "
		    "dtprobed, which makes it, is not running", device,
		    strerror(error));
	if (!S_ISCHR(mode))
		return finding_make(VERDICT_PROBLEM, "remove it, and "
		    "systemctl restart dtprobed", "DTrace: %s is not a device",
		    device);
	if (!running)
		return finding_make(VERDICT_PROBLEM, "systemctl start "
		    "dtprobed (then enable providers again)", "DTrace: %s is "
		    "there, but no dtprobed is running", device);
	if ((mode & 0666) != 0666)
		return finding_make(VERDICT_PROBLEM,
		    "chmod 666 /dev/dtrace/helper", "DTrace: %s has mode %03o: "
		    "processes of other users can't register their probes",
		    device, mode & 0777);
	return finding_make(VERDICT_OK, NULL,
	    "DTrace: %s accepts probes, and dtprobed runs", device);
}

struct finding
fact_places(int shm_noexec, int tmp_noexec)
{
	if (!shm_noexec)
		return finding_make(VERDICT_OK, NULL,
		    "images: programs may map code from /dev/shm");
	if (!tmp_noexec)
		return finding_make(VERDICT_NOTE, NULL, "images: /dev/shm is "
		    "mounted noexec or missing, so they are in /tmp");
	return finding_make(VERDICT_PROBLEM, "set USDT_IMAGE_DIR to a "
	    "directory of the user, mode 700, on a mount with exec",
	    "images: /dev/shm and /tmp are mounted noexec or missing, so "
	    "they have no name: bpftrace 0.25 and later does not find them "
	    "by -p");
}

struct finding
fact_directory(const char *dir, unsigned long owner, unsigned long user,
    unsigned mode)
{
	if (owner != user)
		return finding_make(VERDICT_PROBLEM, "have its owner or root "
		    "remove it, or set USDT_IMAGE_DIR to a directory of the "
		    "user, mode 700", "images: %s belongs to user %lu, so "
		    "those of user %lu are elsewhere", dir, owner, user);
	if ((mode & 077) != 0)
		return finding_make(VERDICT_PROBLEM, "remove it, or chmod 700 "
		    "it if nobody else wrote there", "images: %s is open to "
		    "others, mode %03o, so they are elsewhere", dir,
		    mode & 0777);
	return finding_make(VERDICT_OK, NULL, "images: %s is the user's own",
	    dir);
}

/* The last setting counts; without one logind removes. */
int
fact_removes_ipc(const char *conf, int before)
{
	static const char *const no[] = { "no", "false", "off", "0", "n", "f" };
	const char *line, *value;
	size_t i, length;

	for (line = conf; line != NULL && *line != '\0';
	    line = *line == '\0' ? line : line + 1) {
		if (strncmp(line, "RemoveIPC=", 10) == 0) {
			value = line + 10;
			length = strcspn(value, " \t\r\n");
			before = 1;
			for (i = 0; i < sizeof no / sizeof *no; i++)
				if (strlen(no[i]) == length &&
				    strncmp(value, no[i], length) == 0)
					before = 0;
		}
		line += strcspn(line, "\n");
	}
	return before;
}

struct finding
fact_logind(int removes, unsigned long user)
{
	/* It spares root and the user numbers of services. */
	if (!removes || user < 1000)
		return finding_make(VERDICT_OK, NULL, "images: systemd-logind "
		    "leaves those of user %lu in /dev/shm", user);
	return finding_make(VERDICT_NOTE, "loginctl enable-linger, or "
	    "RemoveIPC=no in /etc/systemd/logind.conf; a program makes its "
	    "images again when it next enables", "images: systemd-logind "
	    "removes those of user %lu from /dev/shm at the last logout, "
	    "and then tracers do not find them (RemoveIPC)", user);
}

struct finding
fact_ageing(const char *dir)
{
	return finding_make(VERDICT_NOTE, "a line \"x /tmp/usdt-*\" in "
	    "/etc/tmpfiles.d/usdt.conf; a program makes its images again when "
	    "it next enables", "images: systemd-tmpfiles removes old files "
	    "from %s; then tracers do not find them", dir);
}
