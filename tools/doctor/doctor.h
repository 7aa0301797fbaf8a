/*
 * doctor.h - what the files of "usdt doctor" promise each other.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef TOOLS_DOCTOR_H
#define TOOLS_DOCTOR_H

#include "tools/common/common.h"

/* --- facts.c: what does a fact mean for tracers, and what helps? ---------- */

enum verdict {
	VERDICT_OK,
	VERDICT_NOTE,		/* worth knowing, or a tracer's own limit */
	VERDICT_PROBLEM		/* a tracer misses something */
};

struct finding {
	enum verdict verdict;
	char *text;
	char *common;		/* the text for several processes, if another */
	char *remedy;		/* what to do or type; NULL: nothing helps */
};

struct finding finding_make(enum verdict verdict, const char *remedy,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
void finding_free(struct finding *finding);

/*
 * STATUS is the text of /proc/self/status; APART: in a user namespace; ROOT,
 * here and below: the user is root, so that becoming root is no remedy.
 */
struct finding fact_privilege(const char *status, int apart, int root);
/* Of the text of /proc/sys/kernel/perf_event_paranoid; NULL: there is none. */
struct finding fact_paranoid(const char *text, int privileged, int root);
/* Of the text of /sys/kernel/security/lockdown; NULL: there is none. */
struct finding fact_lockdown(const char *text);
/* Is /sys mounted, has it uprobes, and do these count semaphores? */
struct finding fact_uprobes(int sys, int uprobes, int counters);
/* ERROR is the errno of a bpf() call with senseless arguments. */
struct finding fact_bpf(int error, int privileged);
/* Where tracefs is mounted, or NULL; the errno of its uprobe_events, or 0. */
struct finding fact_tracefs(const char *mount, int error, int root);
/*
 * The errno of stat of DEVICE, or its mode; is DTrace installed, and running?
 */
struct finding fact_helper(const char *device, int error, unsigned mode,
    int installed, int running);
/* Are both usual places for images mounted noexec? */
struct finding fact_places(int shm_noexec, int tmp_noexec);
/* A directory of USER's images: who owns it, and who may write there? */
struct finding fact_directory(const char *dir, unsigned long owner,
    unsigned long user, unsigned mode);
/*
 * Does logind remove files that users left in /dev/shm?  CONF is the text of
 * one more configuration file, BEFORE what the earlier files said.
 */
int fact_removes_ipc(const char *conf, int before);
struct finding fact_logind(int removes, unsigned long user);
/* systemd-tmpfiles removes old files where the images are. */
struct finding fact_ageing(const char *dir);
/* May a process with that status trace at all?  For the calls above. */
int fact_privileged(const char *status, int apart);

/* --- report.c: which processes have one finding? -------------------------- */

struct report {			/* begins with zeros */
	struct shared *shared;
	size_t count, space;
};

/*
 * The word "PID" in FORMAT is for that of the process; it stays where several
 * processes have the finding.
 */
struct finding finding_with_pid(enum verdict verdict, const char *remedy,
    pid_t pid, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Print a finding about the system, and free it.  Returns 1 for a problem. */
int finding_print(struct finding finding);
/* Keep a finding about a process.  Returns 1 for a problem. */
int report_add(struct report *report, pid_t pid, struct finding finding);
/* Print what was kept, with ALL the processes that have it, and free it. */
void report_print(struct report *report, int all);

/* --- doctor.c ------------------------------------------------------------- */

/* Is there anything of DTrace, so that its limits matter? */
int doctor_has_dtrace(void);

/* --- process.c: what of a process's probes do tracers see? ---------------- */

/*
 * Report the findings about a process; CENSUS has the files of this process
 * only.  Without ALWAYS there are none if its only probes are those of system
 * libraries.  Returns how many problems, or -1: no findings.
 */
int process_examine(struct report *report, pid_t pid,
    const struct census *census, int always);

#endif /* TOOLS_DOCTOR_H */
