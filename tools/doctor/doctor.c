/*
 * doctor.c - the subcommand "doctor": what keeps tracers from seeing probes?
 *
 * It prints one line for each finding: "ok" for what is well, "note" for what
 * is worth knowing, and "PROBLEM" for what could be better, with the remedy.
 * First come findings about the system, for the user who runs the command, then
 * those about processes (report.c).  Nothing is changed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tools/doctor/doctor.h"
#include "tools/subcommands.h"

static void
help(FILE *out)
{
	fputs("usage: usdt doctor [-v] [-p PID]\n"
	    "\n"
	    "Say which tracers can see the probes of live processes, and what\n"
	    "keeps others from it: of this system and user, then of process\n"
	    "PID, or of each that has probes.\n"
	    "\n"
	    "A line begins with ok, note or PROBLEM; a problem comes with\n"
	    "its remedy.  What several processes have is one line.\n"
	    "Exit status: 0 without a problem, 1 with some.\n"
	    "\n"
	    "  -p, --pid=PID   this process only\n"
	    "  -v, --verbose   name all processes in such a line\n",
	    out);
}

/* --- the system --- */

/* The text of a small file, or NULL.  To be freed. */
static char *
read_small(const char *path)
{
	FILE *in = fopen(path, "re");
	char *text = NULL;
	size_t space = 0;
	ssize_t length = -1;

	if (in != NULL) {
		length = getdelim(&text, &space, '\0', in);
		fclose(in);
	}
	if (length > 0)
		return text;
	free(text);
	return NULL;
}

static int
there(const char *path)
{
	return access(path, F_OK) == 0;
}

/* The first user namespace maps all users, each to himself; others do not. */
static int
is_apart(void)
{
	char *map = read_small("/proc/self/uid_map");
	unsigned long inside, outside, count;
	int apart = map != NULL && (sscanf(map, "%lu %lu %lu", &inside,
	    &outside, &count) != 3 || inside != 0 || outside != 0 ||
	    count != 4294967295UL);

	free(map);
	return apart;
}

static int
look_at_tracefs(void)
{
	char *mount = tracefs_find(), *events;
	int error = 0, problem;

	if (mount != NULL) {
		events = xasprintf("%s/uprobe_events", mount);
		if (access(events, W_OK) < 0)
			error = errno;
		free(events);
	}
	problem = finding_print(fact_tracefs(mount, error, geteuid() == 0));
	free(mount);
	return problem;
}

static int
is_running(const char *name)
{
	DIR *dir = opendir("/proc");
	struct dirent *entry;
	int found = 0;

	while (dir != NULL && !found && (entry = readdir(dir)) != NULL) {
		long pid = strtol(entry->d_name, NULL, 10);
		char *command;

		if (pid <= 0)
			continue;
		command = process_command((pid_t)pid);
		found = strcmp(command, name) == 0;
		free(command);
	}
	if (dir != NULL)
		closedir(dir);
	return found;
}

/* The device of DTrace, or NULL if this system has none. */
static const char *
helper_device(void)
{
	const char *device = getenv("USDT_HELPER");

	return device != NULL && *device != '\0' ? device :
	    usdt__native_platform()->helper;
}

static int
is_dtrace_installed(void)
{
	return there("/usr/sbin/dtprobed") ||
	    there("/usr/local/sbin/dtprobed") || there("/run/dtrace");
}

int
doctor_has_dtrace(void)
{
	const char *device = helper_device();

	return is_dtrace_installed() || (device != NULL && there(device));
}

static int
look_at_helper(void)
{
	const char *device = helper_device();
	struct stat st = { 0 };
	int error = 0;

	if (device == NULL)
		return 0;
	if (stat(device, &st) < 0)
		error = errno;
	return finding_print(fact_helper(device, error, st.st_mode,
	    is_dtrace_installed(), is_running("dtprobed")));
}

static int
is_noexec(const char *path)
{
	struct statvfs vfs;

	return statvfs(path, &vfs) < 0 || (vfs.f_flag & ST_NOEXEC) != 0;
}

/* Does logind's configuration make it remove files in /dev/shm? */
static int
removes_ipc(void)
{
	glob_t files;
	size_t i;
	int removes = 1;
	char *text;

	text = read_small("/etc/systemd/logind.conf");
	removes = fact_removes_ipc(text, removes);
	free(text);
	if (glob("/etc/systemd/logind.conf.d/*.conf", 0, NULL, &files) != 0)
		return removes;
	for (i = 0; i < files.gl_pathc; i++) {
		text = read_small(files.gl_pathv[i]);
		removes = fact_removes_ipc(text, removes);
		free(text);
	}
	globfree(&files);
	return removes;
}

/* Where are images of this user, and what removes them? */
static int
look_at_places(void)
{
	static const char *const parents[] = { "/dev/shm", "/tmp" };
	int noexec[] = { is_noexec("/dev/shm"), is_noexec("/tmp") };
	int problems = finding_print(fact_places(noexec[0], noexec[1]));
	int systemd = there("/run/systemd/system"), taken = 0;
	char dir[USDT__DIR_SIZE];
	struct stat st;
	size_t i;

	for (i = 0; i < sizeof parents / sizeof *parents && !taken; i++) {
		if (noexec[i])
			continue;
		usdt__image_dir(parents[i], dir);
		taken = lstat(dir, &st) < 0 || !finding_print(
		    fact_directory(dir, st.st_uid, geteuid(), st.st_mode));
		if (!taken)
			problems++;
		else if (systemd && i == 0 && is_running("systemd-logind"))
			problems += finding_print(fact_logind(removes_ipc(),
			    geteuid()));
		else if (systemd && i == 1)
			problems += finding_print(fact_ageing(parents[i]));
	}
	return problems;
}

static int
look_at_system(void)
{
	static const char uprobe[] = "/sys/bus/event_source/devices/uprobe";
	char *status = read_small("/proc/self/status");
	char *paranoid = read_small("/proc/sys/kernel/perf_event_paranoid");
	char *lockdown = read_small("/sys/kernel/security/lockdown");
	char *counter = xasprintf("%s/format/ref_ctr_offset", uprobe);
	int apart = is_apart(), problems = 0, privileged, error;

	if (status == NULL) {
		problems += finding_print(finding_make(VERDICT_PROBLEM,
		    "mount -t proc proc /proc", "/proc is not mounted: no "
		    "tracer finds any process"));
		status = xstrndup("", 0);
	}
	privileged = fact_privileged(status, apart);
	problems += finding_print(fact_privilege(status, apart,
	    geteuid() == 0));
	problems += finding_print(fact_paranoid(paranoid, privileged,
	    geteuid() == 0));
	problems += finding_print(fact_lockdown(lockdown));
	problems += finding_print(fact_uprobes(there("/sys/kernel"),
	    there(uprobe), there(counter)));
	error = syscall(SYS_bpf, -1, NULL, 0) < 0 ? errno : 0;
	problems += finding_print(fact_bpf(error, privileged));
	problems += look_at_tracefs();
	problems += look_at_helper();
	problems += look_at_places();
	free(counter);
	free(lockdown);
	free(paranoid);
	free(status);
	return problems;
}

/* --- processes --- */

static int
look_at_process(pid_t pid)
{
	struct report report = { 0 };
	struct census census;
	int error = census_take(&census, pid), problems;
	char *remedy = geteuid() == 0 ? xasprintf("run usdt where it was "
	    "started, outside of this container or user namespace") :
	    xasprintf("sudo usdt doctor -p %d", (int)pid);

	if (error == 0)
		problems = process_examine(&report, pid, &census, 1);
	else if (error == ENOENT || error == ESRCH)
		problems = report_add(&report, pid, finding_make(VERDICT_PROBLEM,
		    NULL, "there is no such process in this pid namespace"));
	else
		problems = report_add(&report, pid, finding_make(VERDICT_PROBLEM,
		    remedy, "%s look into it: %s", geteuid() == 0 ?
		    "the kernel does not let root" : "this user may not",
		    strerror(error)));
	report_print(&report, 1);
	free(remedy);
	census_free(&census);
	return problems;
}

static int
is_process(const struct dirent *entry)
{
	return strtol(entry->d_name, NULL, 10) > 0 &&
	    strtol(entry->d_name, NULL, 10) != getpid();
}

static int
look_at_processes(int all)
{
	struct report report = { 0 };
	struct dirent **entries;
	int count = scandir("/proc", &entries, is_process, versionsort);
	int i, n, problems = 0, printed = 0;
	size_t hidden = 0;
	char *text;

	for (i = 0; i < count; i++) {
		pid_t pid = (pid_t)strtol(entries[i]->d_name, NULL, 10);
		struct census census;

		/* A process that is gone meanwhile is of no interest. */
		n = census_take(&census, pid) == 0 ?
		    process_examine(&report, pid, &census, 0) : -1;
		hidden += census.hidden;
		census_free(&census);
		problems += n > 0 ? n : 0;
		printed += n >= 0;
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	report_print(&report, all);
	if (printed == 0)
		finding_print(finding_make(VERDICT_NOTE, NULL, "no process "
		    "has probes but those of system libraries"));
	if (hidden > 0) {
		text = hidden_text(hidden);
		finding_print(finding_make(VERDICT_NOTE, geteuid() == 0 ?
		    NULL : "sudo usdt doctor", "%s", text));
		free(text);
	}
	return problems;
}

int
command_doctor(int argc, char **argv)
{
	static const struct option options[] = {
		{ "pid", required_argument, NULL, 'p' },
		{ "verbose", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	int option, problems, all = 0;
	pid_t pid = 0;

	while ((option = getopt_long(argc, argv, "p:vh", options, NULL)) != -1)
		switch (option) {
		case 'p':
			if ((pid = parse_pid(optarg)) < 0)
				return EXIT_USAGE;
			break;
		case 'v':
			all = 1;
			break;
		default:
			return print_help(option, help);
		}
	if (optind < argc)
		return misuse(help, "name a process by -p");
	problems = look_at_system();
	problems += pid != 0 ? look_at_process(pid) : look_at_processes(all);
	return problems > 0 ? EXIT_TROUBLE : EXIT_FINE;
}
