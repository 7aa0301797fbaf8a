/*
 * doctor.h - what the files of "usdt doctor" promise each other.
 */
#ifndef TOOLS_DOCTOR_H
#define TOOLS_DOCTOR_H

#include "tools/common/common.h"

/* --- facts.c: what does a fact mean for tracers, and what helps? ---------- */

enum verdict {
	VERDICT_OK,
	VERDICT_NOTE,		/* worth knowing, or a tracer's own limit */
	VERDICT_PROBLEM		/* something is not seen that could be */
};

struct finding {
	enum verdict verdict;
	char *text;
	char *remedy;		/* what to do or type; NULL: nothing helps */
};

struct finding finding_make(enum verdict verdict, const char *remedy,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
void finding_free(struct finding *finding);

/* From the text of /proc/self/status; APART: in a user namespace.  ROOT, here
 * and below: becoming root is no remedy. */
struct finding fact_privilege(const char *status, int apart, int root);
/* Of /proc/sys/kernel/perf_event_paranoid; NULL: there is none. */
struct finding fact_paranoid(const char *text, int privileged, int root);
/* Of /sys/kernel/security/lockdown; NULL: there is none. */
struct finding fact_lockdown(const char *text);
/* What is there below /sys: its own mount, uprobes, and their counters? */
struct finding fact_uprobes(int sys, int uprobes, int counters);
/* What did a senseless bpf() fail with? */
struct finding fact_bpf(int error, int privileged);
/* Where tracefs is mounted, or NULL; the errno of its uprobe_events, or 0. */
struct finding fact_tracefs(const char *mount, int error, int root);
/* The errno of stat of DEVICE, or its mode; what of DTrace is here? */
struct finding fact_helper(const char *device, int error, unsigned mode,
    int installed, int running);
/* Are both usual places for images mounted noexec? */
struct finding fact_places(int shm_noexec, int tmp_noexec);
/* Whose is a directory of USER's images, and who may write there? */
struct finding fact_directory(const char *dir, unsigned long owner,
    unsigned long user, unsigned mode);
/* Does logind remove what users left in /dev/shm, by the text of one more
 * configuration file and what those before it said? */
int fact_removes_ipc(const char *conf, int before);
struct finding fact_logind(int removes, unsigned long user);
/* systemd-tmpfiles ages the place in which images are. */
struct finding fact_ageing(const char *dir);
/* May a process with that privilege trace at all?  For the calls above. */
int fact_privileged(const char *status, int apart);

/* --- process.c: what of a process's probes do tracers see? ---------------- */

/* Print a finding about PID, or about the system if that is 0; 1: a problem.
 * It is freed. */
int finding_tell(pid_t pid, struct finding finding);	/* doctor.c */

/*
 * Print what is found of a process with the files that CENSUS tells of, which
 * is of this process only.  Without ALWAYS nothing, if it has no probes but
 * those of system libraries.  Returns how many problems, or -1: nothing was
 * printed.
 */
int process_examine(pid_t pid, const struct census *census, int always);

#endif /* TOOLS_DOCTOR_H */
