/*
 * doctor_facts.c - does the doctor judge facts correctly, also those of systems
 * that no test machine has?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <sys/stat.h>

#include "tap.h"
#include "../../tools/common/memory.c"
#include "../../tools/doctor/facts.c"

/* Is the verdict as given, with these words, and with a remedy if it is a
 * problem? */
static void
judged(const char *what, struct finding finding, enum verdict verdict,
    const char *words)
{
	ok(finding.verdict == verdict && strstr(finding.text, words) != NULL &&
	    (verdict != VERDICT_PROBLEM || finding.remedy != NULL), "%s: %s",
	    what, finding.text);
	finding_free(&finding);
}

/* Does the remedy tell a user to become root, and root something else? */
static void
for_root(const char *what, struct finding user, struct finding root)
{
	ok(strstr(user.remedy, "root") != NULL &&
	    strstr(root.remedy, "as root") == NULL &&
	    strstr(root.remedy, "sudo") == NULL, "%s: root reads: %s", what,
	    root.remedy);
	finding_free(&user);
	finding_free(&root);
}

static const char all[] = "Name:\tx\nCapEff:\t000001ffffffffff\nCapBnd:\t0\n";
static const char none[] = "Name:\tx\nCapEff:\t0000000000000000\n"
    "CapBnd:\t000001ffffffffff\n";
static const char admin[] = "Name:\tx\nCapEff:\t0000000000200000\n";
static const char two[] = "Name:\tx\nCapEff:\t000000c000000000\n";
static const char perfmon[] = "Name:\tx\nCapEff:\t0000004000000000\n";

int
main(void)
{
	judged("root", fact_privilege(all, 0, 0), VERDICT_OK, "may trace");
	judged("CAP_SYS_ADMIN", fact_privilege(admin, 0, 0), VERDICT_OK,
	    "may trace");
	judged("CAP_BPF and CAP_PERFMON", fact_privilege(two, 0, 0),
	    VERDICT_NOTE, "CAP_BPF and CAP_PERFMON");
	judged("CAP_PERFMON alone", fact_privilege(perfmon, 0, 0),
	    VERDICT_PROBLEM, "lacks CAP_SYS_ADMIN, CAP_BPF");
	judged("nothing", fact_privilege(none, 0, 0), VERDICT_PROBLEM,
	    "lacks CAP_SYS_ADMIN, CAP_PERFMON, CAP_BPF");
	judged("no status", fact_privilege("", 0, 0), VERDICT_PROBLEM, "lacks");
	judged("root of a user namespace", fact_privilege(all, 1, 0),
	    VERDICT_PROBLEM, "user namespace");
	ok(fact_privileged(all, 0) && fact_privileged(two, 0) &&
	    !fact_privileged(perfmon, 0) && !fact_privileged(none, 0) &&
	    !fact_privileged(all, 1), "privileged users");

	judged("paranoid 2, root", fact_paranoid("2\n", 1, 0), VERDICT_OK, "2");
	judged("paranoid 2", fact_paranoid("2\n", 0, 0), VERDICT_PROBLEM,
	    "is 2");
	judged("paranoid 4", fact_paranoid("4\n", 0, 0), VERDICT_PROBLEM,
	    "is 4");
	judged("paranoid -1", fact_paranoid("-1\n", 0, 0), VERDICT_OK, "-1");
	judged("no perf", fact_paranoid(NULL, 1, 0), VERDICT_PROBLEM, "no perf");

	judged("no lockdown", fact_lockdown(NULL), VERDICT_OK, "not locked");
	judged("lockdown none",
	    fact_lockdown("[none] integrity confidentiality\n"), VERDICT_OK,
	    "not locked");
	judged("lockdown integrity",
	    fact_lockdown("none [integrity] confidentiality\n"),
	    VERDICT_NOTE, "integrity");
	judged("lockdown confidentiality",
	    fact_lockdown("none integrity [confidentiality]\n"),
	    VERDICT_PROBLEM, "refuses tracefs");

	judged("uprobes", fact_uprobes(1, 1, 1), VERDICT_OK, "semaphores");
	judged("no /sys", fact_uprobes(0, 0, 0), VERDICT_PROBLEM, "/sys");
	judged("no uprobes", fact_uprobes(1, 0, 0), VERDICT_PROBLEM,
	    "nothing can attach");
	judged("uprobes without counters", fact_uprobes(1, 1, 0),
	    VERDICT_PROBLEM, "counts no semaphores");

	judged("BPF", fact_bpf(EINVAL, 1), VERDICT_OK, "has it");
	judged("no BPF", fact_bpf(ENOSYS, 1), VERDICT_PROBLEM, "no bpf()");
	judged("BPF by seccomp", fact_bpf(EPERM, 1), VERDICT_PROBLEM,
	    "seccomp");
	judged("BPF for users", fact_bpf(EPERM, 0), VERDICT_NOTE, "may not");

	judged("tracefs", fact_tracefs("/t", 0, 0), VERDICT_OK, "/t");
	judged("no tracefs", fact_tracefs(NULL, 0, 0), VERDICT_PROBLEM,
	    "not mounted");
	judged("no uprobe_events", fact_tracefs("/t", ENOENT, 0),
	    VERDICT_PROBLEM, "/t/uprobe_events is not there");
	judged("a tracefs of others", fact_tracefs("/t", EACCES, 0),
	    VERDICT_PROBLEM, "may not be written");
	judged("a tracefs to read", fact_tracefs("/t", EROFS, 0),
	    VERDICT_PROBLEM, "may not be written");

	for_root("privilege", fact_privilege(none, 0, 0),
	    fact_privilege(none, 0, 1));
	for_root("perf", fact_paranoid("2\n", 0, 0),
	    fact_paranoid("2\n", 0, 1));
	for_root("tracefs", fact_tracefs("/t", EACCES, 0),
	    fact_tracefs("/t", EACCES, 1));

	judged("a helper", fact_helper("/d", 0, S_IFCHR | 0666, 1, 1),
	    VERDICT_OK, "/d accepts probes");
	judged("no DTrace", fact_helper("/d", ENOENT, 0, 0, 0), VERDICT_NOTE,
	    "not installed");
	judged("no helper", fact_helper("/d", ENOENT, 0, 1, 0),
	    VERDICT_PROBLEM, "not running");
	judged("a helper alone", fact_helper("/d", 0, S_IFCHR | 0666, 1,
	    0), VERDICT_PROBLEM, "no dtprobed");
	judged("a helper for root", fact_helper("/d", 0, S_IFCHR | 0600, 1,
	    1), VERDICT_PROBLEM, "mode 600");
	judged("a file", fact_helper("/d", 0, S_IFREG | 0666, 1, 1),
	    VERDICT_PROBLEM, "not a device");

	judged("places", fact_places(0, 1), VERDICT_OK, "/dev/shm");
	judged("the second place", fact_places(1, 0), VERDICT_NOTE, "/tmp");
	judged("no place", fact_places(1, 1), VERDICT_PROBLEM, "noexec");
	judged("a directory", fact_directory("/d", 7, 7, 040700), VERDICT_OK,
	    "/d");
	judged("another user's", fact_directory("/d", 8, 7, 040700),
	    VERDICT_PROBLEM, "belongs to user 8");
	judged("one that is open", fact_directory("/d", 7, 7, 040750),
	    VERDICT_PROBLEM, "open to others, mode 750");

	ok(fact_removes_ipc(NULL, 1) && fact_removes_ipc("", 1) &&
	    fact_removes_ipc("#RemoveIPC=no\n[Login]\n", 1) &&
	    fact_removes_ipc("[Login]\nRemoveIPC=no\nRemoveIPC=yes\n", 1) &&
	    fact_removes_ipc("RemoveIPC=yes", 0), "RemoveIPC: yes");
	ok(!fact_removes_ipc("[Login]\nRemoveIPC=no\n", 1) &&
	    !fact_removes_ipc("\n\nRemoveIPC=false", 1) &&
	    !fact_removes_ipc("[Login]\n", 0), "RemoveIPC: no");
	judged("root", fact_logind(1, 0), VERDICT_OK, "leaves");
	judged("a service", fact_logind(1, 999), VERDICT_OK, "leaves");
	judged("a user", fact_logind(1, 1000), VERDICT_NOTE, "RemoveIPC");
	judged("one that is spared", fact_logind(0, 1000), VERDICT_OK,
	    "leaves");
	judged("ageing", fact_ageing("/tmp"), VERDICT_NOTE, "/tmp");
	return done_testing();
}
