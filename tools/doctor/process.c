/*
 * process.c - which probes of a process do tracers see, and why not all?
 *
 * It asks of each file that the process maps: does a name lead to it, do its
 * probes exceed limits of tracers, does DTrace's daemon know the process, do
 * semaphores have the right counts?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tools/doctor/doctor.h"

/*
 * Bytes of a stub from the notes' site on, up to and with DTrace's site, where
 * old bpftrace attaches too.
 */
#define SITE_SPAN	24

struct seen {
	const struct mapped *file;
	struct image *image;
	int fd;
};

struct process {
	pid_t pid;
	struct report *report;
	struct seen *seen;	/* files with probes of its own */
	size_t count, space;
	size_t unreadable;
	int problems;
};

static void
show(struct process *process, struct finding finding)
{
	process->problems += report_add(process->report, process->pid,
	    finding);
}

/* --- what it has --- */

/* Probes of the C library and similar ones are in every process. */
static int
is_common(const struct image *image)
{
	size_t i;

	for (i = 0; i < image->count; i++)
		if (strncmp(image->probes[i].provider, "lib", 3) != 0 &&
		    strcmp(image->probes[i].provider, "rtld") != 0)
			return 0;
	return 1;
}

static void
find_files(struct process *process, const struct census *census)
{
	struct seen seen;
	size_t i;

	for (i = 0; i < census->count; i++) {
		seen.file = census->files[i];
		seen.fd = mapped_open(seen.file);
		if (seen.fd < 0) {
			process->unreadable += errno != ENOENT &&
			    errno != ESRCH;
			continue;
		}
		seen.image = image_read(seen.fd);
		if (seen.image == NULL || is_common(seen.image)) {
			image_free(seen.image);
			close(seen.fd);
			continue;
		}
		ROOM_FOR_ONE(process->seen, process->count, process->space);
		process->seen[process->count++] = seen;
	}
}

/* --- the process's environment and place --- */

/*
 * A variable of the environment in which it was started, or NULL.  To be freed.
 */
static char *
variable(pid_t pid, const char *name)
{
	char *path = xasprintf("/proc/%d/environ", (int)pid), *line = NULL;
	FILE *in = fopen(path, "re");
	size_t space = 0, length = strlen(name);
	char *value = NULL;

	free(path);
	while (in != NULL && value == NULL &&
	    getdelim(&line, &space, '\0', in) > 0)
		if (strncmp(line, name, length) == 0 && line[length] == '=')
			value = xasprintf("%s", line + length + 1);
	free(line);
	if (in != NULL)
		fclose(in);
	return value;
}

static void
ask_environment(struct process *process)
{
	char *disable = variable(process->pid, "USDT_DISABLE");
	char *backends = variable(process->pid, "USDT_BACKENDS");

	if (disable != NULL && *disable != '\0' && strcmp(disable, "0") != 0)
		show(process, finding_make(VERDICT_PROBLEM, "start it "
		    "without: env -u USDT_DISABLE ...", "USDT_DISABLE=%s is in "
		    "its environment: no probe of libusdt is ever made",
		    disable));
	if (backends != NULL && strstr(backends, "sdt") == NULL)
		show(process, finding_make(VERDICT_PROBLEM, "start it "
		    "without: env -u USDT_BACKENDS ...", "USDT_BACKENDS=%s is "
		    "in its environment: only DTrace sees its probes",
		    backends));
	if (backends != NULL && strstr(backends, "dof") == NULL)
		show(process, finding_make(VERDICT_NOTE, "start it without: "
		    "env -u USDT_BACKENDS ...", "USDT_BACKENDS=%s is in its "
		    "environment: DTrace does not see its probes",
		    backends));
	free(disable);
	free(backends);
}

/* Is it in another namespace of that kind than we are? */
static int
is_elsewhere(pid_t pid, const char *kind)
{
	char *ours = xasprintf("/proc/self/ns/%s", kind);
	char *its = xasprintf("/proc/%d/ns/%s", (int)pid, kind);
	struct stat a, b;
	int differs = stat(ours, &a) == 0 && stat(its, &b) == 0 &&
	    (a.st_ino != b.st_ino || a.st_dev != b.st_dev);

	free(ours);
	free(its);
	return differs;
}

static void
ask_namespaces(struct process *process)
{
	if (is_elsewhere(process->pid, "mnt"))
		show(process, finding_with_pid(VERDICT_NOTE, NULL,
		    process->pid, "is in another mount namespace: put "
		    "/proc/PID/root before paths of its files"));
	if (is_elsewhere(process->pid, "pid"))
		show(process, finding_with_pid(VERDICT_NOTE, NULL,
		    process->pid, "is in another pid namespace: tracers out "
		    "here need its number out here, PID"));
}

/* --- a file: how is it found? --- */

static int
is_same(const char *path, int fd)
{
	struct stat named, held;

	return stat(path, &named) == 0 && fstat(fd, &held) == 0 &&
	    named.st_ino == held.st_ino && named.st_dev == held.st_dev;
}

static int
is_noexec(pid_t pid, const char *dir)
{
	char *path = xasprintf("/proc/%d/root%s", (int)pid, dir);
	struct statvfs vfs;
	int noexec = statvfs(path, &vfs) < 0 || (vfs.f_flag & ST_NOEXEC) != 0;

	free(path);
	return noexec;
}

static void
ask_memfd(struct process *process, const struct seen *seen)
{
	char *descriptor = mapped_descriptor(seen->file);
	int noexec = is_noexec(process->pid, "/dev/shm") &&
	    is_noexec(process->pid, "/tmp");

	if (descriptor == NULL)
		show(process, finding_make(VERDICT_PROBLEM, "restart it",
		    "%s: is a memfd, and its descriptor was closed: bpftrace "
		    "does not find it, but `usdt watch` does",
		    seen->file->path));
	else
		show(process, finding_with_pid(VERDICT_PROBLEM, "set "
		    "USDT_IMAGE_DIR to a directory of its user, mode 700, on "
		    "a mount with exec, and restart it", process->pid, "%s: "
		    "is a memfd%s: bpftrace 0.25 and later does not see it "
		    "with -p, only by the path /proc/PID%s, and perf does not "
		    "see it", seen->file->path, noexec ? ", since /dev/shm "
		    "and /tmp are mounted noexec or missing" : "",
		    strstr(descriptor, "/fd/")));
	free(descriptor);
}

/* Print how tracers reach the file.  Returns non-zero if a name leads to it. */
static int
ask_name(struct process *process, const struct seen *seen)
{
	const char *path = seen->file->path;
	char *inside = xasprintf("/proc/%d/root%s", (int)process->pid, path);
	int named = 0;

	if (seen->file->deleted && strncmp(path, "/memfd:", 7) == 0)
		ask_memfd(process, seen);
	else if (seen->file->deleted)
		show(process, finding_make(VERDICT_PROBLEM, "have it disable "
		    "and enable its provider, which makes the file again, or "
		    "restart it", "%s: the file is gone: of tracers that start "
		    "now only `usdt watch` sees its probes", path));
	else if (is_same(path, seen->fd))
		named = 1;
	else if (is_same(inside, seen->fd))
		named = 2;
	else
		show(process, finding_make(VERDICT_PROBLEM, "restart it",
		    "%s: this name leads to another file than the process "
		    "maps: tracers attach to that file, and see nothing",
		    path));
	free(inside);
	return named;
}

/* --- a file: what do tracers make of its probes? --- */

/*
 * Print one finding for all probes of the file for which TEST holds, with the
 * first as an example.
 */
static void
show_if(struct process *process, const struct seen *seen,
    int (*test)(const struct seen *, const struct probe *),
    enum verdict verdict, const char *remedy, const char *what)
{
	const struct probe *example = NULL;
	size_t i, count = 0;
	char *more;

	for (i = 0; i < seen->image->count; i++)
		if (test(seen, &seen->image->probes[i]) && count++ == 0)
			example = &seen->image->probes[i];
	if (count == 0)
		return;
	more = count > 1 ? xasprintf(" and %zu more", count - 1) :
	    xstrndup("", 0);
	show(process, finding_make(verdict, remedy, "%s:%s%s: %s",
	    example->provider, example->name, more, what));
	free(more);
}

static size_t
arguments(const struct seen *seen, const struct probe *probe)
{
	size_t count;
	struct argument *args = arguments_of(seen->image, probe, &count);

	arguments_free(args, count);
	return count;
}

static int
is_broken(const struct seen *seen, const struct probe *probe)
{
	(void)seen;
	return probe->unreachable != NULL;
}

static int
has_no_note(const struct seen *seen, const struct probe *probe)
{
	(void)seen;
	return probe->note_name == NULL;
}

static int
ends_in_digit(const struct seen *seen, const struct probe *probe)
{
	size_t length = strlen(probe->provider);

	return seen->image->dof && length > 0 &&
	    probe->provider[length - 1] >= '0' &&
	    probe->provider[length - 1] <= '9';
}

static int
has_hyphen(const struct seen *seen, const struct probe *probe)
{
	(void)seen;
	return probe->note_name != NULL && strcmp(probe->name,
	    probe->note_name) != 0;
}

static int
has_over_6(const struct seen *seen, const struct probe *probe)
{
	return arguments(seen, probe) > 6;
}

static int
has_over_10(const struct seen *seen, const struct probe *probe)
{
	return arguments(seen, probe) > 10;
}

static int
has_over_12(const struct seen *seen, const struct probe *probe)
{
	return arguments(seen, probe) > 12;
}

/* By uprobe, though others of its file go direct. */
static int
has_code(const struct seen *seen, const struct probe *probe)
{
	return seen->image->direct.magic != 0 && (probe->elsewhere ||
	    probe->twin != NULL);
}

static int
goes_by_uprobe(const struct seen *seen, const struct probe *probe)
{
	return seen->image->direct.magic != 0 && probe->note_name != NULL &&
	    !probe->unreachable && !has_code(seen, probe) &&
	    direct_obstacle(seen->image, probe) != NULL;
}

static int
has_no_sites(const struct seen *seen, const struct probe *probe)
{
	return seen->image->dof && seen->image->direct.magic == 0 &&
	    probe->note_name != NULL;
}

static int
has_odd_name(const struct seen *seen, const struct probe *probe)
{
	static const char taken[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

	(void)seen;
	return probe->note_name != NULL &&
	    (probe->provider[strspn(probe->provider, taken)] != '\0' ||
	    probe->note_name[strspn(probe->note_name, taken)] != '\0');
}

/* perf makes events for all names in a file, or for none. */
static void
ask_perf(struct process *process, const struct seen *seen)
{
	const struct probe *probe = commands_perf_obstacle(seen->image);

	if (seen->image->build_id && probe != NULL)
		show(process, finding_make(VERDICT_NOTE, NULL, "%s:%s: perf "
		    "can't spell its name, and so accepts no probe of %s",
		    probe->provider, probe->name, seen->file->path));
}

static void
ask_probes(struct process *process, const struct seen *seen)
{
	const struct usdt__platform *row = usdt__native_platform();

	show_if(process, seen, is_broken, VERDICT_PROBLEM, "build the program "
	    "again", "the note leads to no code or no counter, or has more "
	    "arguments than a probe can have: no tracer can attach");
	show_if(process, seen, has_no_note, VERDICT_NOTE, NULL, "is described "
	    "for DTrace only");
	show_if(process, seen, ends_in_digit, doctor_has_dtrace() ?
	    VERDICT_PROBLEM : VERDICT_NOTE, "name the provider differently",
	    "the provider's name ends in a digit: DTrace counts it to the pid "
	    "and lists none of its probes");
	show_if(process, seen, has_hyphen, VERDICT_NOTE, NULL, "bpftrace, bcc "
	    "and perf write __ for the - in its name");
	show_if(process, seen, has_odd_name, VERDICT_PROBLEM, "name it by "
	    "letters, digits, '_', '-' and '.'", "bpftrace can't spell its "
	    "name; `usdt watch` can");
	ask_perf(process, seen);
	show_if(process, seen, has_over_6, VERDICT_NOTE, NULL, "has more than "
	    "6 arguments, of which bpftrace 0.17 reads 6");
	show_if(process, seen, has_over_10, VERDICT_NOTE, NULL, "has more than "
	    "10 arguments, of which DTrace shows 10");
	show_if(process, seen, has_over_12, VERDICT_NOTE, NULL, "has more than "
	    "12 arguments, of which bpftrace, perf and gdb show 12; "
	    "`usdt watch` shows all");
	show_if(process, seen, has_code, VERDICT_NOTE, NULL, "has code of its "
	    "own: `usdt watch` takes its events by uprobe, not direct");
	show_if(process, seen, goes_by_uprobe, VERDICT_NOTE, NULL, "has an "
	    "argument that points to a struct: `usdt watch` takes its events "
	    "by uprobe, not direct");
	show_if(process, seen, has_no_sites, VERDICT_NOTE, NULL, "is in an "
	    "image without direct sites: `usdt watch` takes its events by "
	    "uprobe");
	if (seen->image->machine == EM_386 && row->narrow != NULL)
		show(process, finding_make(VERDICT_NOTE, NULL, "is a 32-bit "
		    "process, which DTrace can't trace: %s", row->narrow));
}

/* --- a file: are semaphores stuck? --- */

/*
 * Where does the process map the byte at OFFSET of the file, with the
 * permission LETTER at index AT?  0: nowhere.
 */
static uint64_t
address_of(pid_t pid, const struct mapped *file, uint64_t offset, size_t at,
    char letter)
{
	FILE *in = process_maps(pid);
	char *line = NULL;
	uint64_t start, end, from, inode, found = 0;
	unsigned major_no, minor_no;
	size_t space = 0;
	char perms[5];

	while (in != NULL && found == 0 && getline(&line, &space, in) > 0)
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64
		    " %x:%x %" SCNu64, &start, &end, perms, &from, &major_no,
		    &minor_no, &inode) == 7 && perms[at] == letter &&
		    inode == file->inode &&
		    makedev(major_no, minor_no) == file->device &&
		    offset >= from && offset - from < end - start)
			found = start + (offset - from);
	free(line);
	if (in != NULL)
		fclose(in);
	return found;
}

/* Has a tracer put a breakpoint at that site of the file?  -1: unknown. */
static int
is_patched(const struct seen *seen, uint64_t site, pid_t pid, int memory)
{
	uint8_t file[SITE_SPAN], now[SITE_SPAN];
	uint64_t at = address_of(pid, seen->file, site, 2, 'x');
	ssize_t n = pread(seen->fd, file, sizeof file, (off_t)site);

	if (at == 0 || n <= 0 ||
	    pread(memory, now, (size_t)n, (off_t)at) != n)
		return -1;
	return memcmp(file, now, (size_t)n) != 0;
}

/* Is any of the sites that share a semaphore traced? */
static int
is_traced(const struct seen *seen, uint64_t semaphore, pid_t pid, int memory)
{
	const struct probe *probe = seen->image->probes;
	size_t i;
	int patched;

	for (i = 0; i < seen->image->count; i++, probe++)
		if (probe->semaphore == semaphore && !probe->unreachable &&
		    (patched = is_patched(seen, probe->site, pid,
		    memory)) != 0)
			return patched;
	return 0;
}

/* Is a reader of direct events at the probe, whose gate is at AT? */
static int
is_read_direct(const struct process *process, const struct seen *seen,
    const struct probe *probe, uint64_t at, int memory)
{
	uint16_t count;

	if (direct_obstacle(seen->image, probe) != NULL ||
	    pread(memory, &count, sizeof count, (off_t)at + 2) !=
	    sizeof count || count == 0)
		return 0;
	return is_patched(seen, direct_site(seen->image, probe),
	    process->pid, memory) == 1;
}

static void
ask_semaphores(struct process *process, const struct seen *seen)
{
	char *name = xasprintf("/proc/%d/mem", (int)process->pid);
	int memory = open(name, O_RDONLY | O_CLOEXEC);
	const struct probe *probe = seen->image->probes;
	size_t i, traced = 0;
	uint16_t count;

	free(name);
	for (i = 0; memory >= 0 && i < seen->image->count; i++, probe++) {
		uint64_t at = probe->semaphore != 0 && !probe->unreachable ?
		    address_of(process->pid, seen->file, probe->semaphore, 1,
		    'w') : 0;

		if (at != 0 && is_read_direct(process, seen, probe, at,
		    memory)) {
			traced++;
			continue;
		}
		if (at == 0 || pread(memory, &count, sizeof count,
		    (off_t)at) != sizeof count || count == 0)
			continue;
		switch (is_traced(seen, probe->semaphore, process->pid,
		    memory)) {
		case 0:
			show(process, finding_make(VERDICT_PROBLEM,
			    "restart it", "%s:%s: the semaphore is stuck at "
			    "%u: it costs as if it were traced, but no "
			    "breakpoint is at its sites", probe->provider,
			    probe->name, (unsigned)count));
			break;
		case 1:
			traced++;
			break;
		}
	}
	if (memory >= 0)
		close(memory);
	if (traced > 0)
		show(process, finding_make(VERDICT_OK, NULL, "%s: %zu of %zu "
		    "probes are being traced", seen->file->path, traced,
		    seen->image->count));
}

/* --- DTrace's daemon --- */

static void
ask_dtprobed(struct process *process, const struct seen *seen)
{
	const char *provider = seen->image->probes[0].provider;
	char *all = xasprintf("/run/dtrace/probes");
	char *one = xasprintf("%s/%d/%s%d", all, (int)process->pid,
	    provider, (int)process->pid);

	if (access(all, X_OK) < 0 && errno == EACCES)
		show(process, finding_make(VERDICT_NOTE, geteuid() == 0 ?
		    NULL : "sudo usdt doctor", "this user can't see whether "
		    "dtprobed knows %s", provider));
	else if (access(all, F_OK) == 0 && access(one, F_OK) == 0)
		show(process, finding_make(VERDICT_OK, NULL, "%s: dtprobed "
		    "knows it: visible to DTrace", provider));
	else if (access(all, F_OK) == 0)
		show(process, finding_make(VERDICT_PROBLEM, "have it disable "
		    "and enable the provider while dtprobed runs, or restart "
		    "it", "%s: dtprobed does not know it: invisible to DTrace",
		    provider));
	free(all);
	free(one);
}

/* --- all of it --- */

/*
 * When its provider is disabled, an image of libusdt stays mapped unchanged:
 * only the program's own memory shows the difference.
 */
static const char *
unless_disabled(const struct image *image)
{
	return image->dof && !image->linked ? ", if the program has it enabled "
	    "now, which can't be seen from outside" : "";
}

static void
ask_file(struct process *process, const struct seen *seen)
{
	const struct image *image = seen->image;
	int named = ask_name(process, seen);

	if (named != 0)
		show(process, finding_make(VERDICT_OK, NULL, "%s: %zu probe%s "
		    "of %s%s: visible to usdt watch, bpftrace, bcc%s%s",
		    seen->file->path, image->count, image->count == 1 ? "" :
		    "s", image->probes[0].provider, image->dof ? " (libusdt, "
		    "or dtrace -G)" : "", image->build_id &&
		    commands_perf_obstacle(image) == NULL ? ", perf" : "",
		    unless_disabled(image)));
	if (named != 0 && !image->build_id)
		show(process, finding_make(VERDICT_PROBLEM, "link it with "
		    "-Wl,--build-id", "%s: has no build-id: perf and "
		    "SystemTap do not accept it", seen->file->path));
	if (named != 0 && image->dof)
		show(process, finding_with_pid(VERDICT_NOTE, NULL,
		    process->pid, "%s: gdb has to load it, as \"usdt list -v "
		    "-p PID\" says; SystemTap lists its probes, but misplaces "
		    "their semaphores: is-enabled stays false for it",
		    seen->file->path));
	ask_probes(process, seen);
	ask_semaphores(process, seen);
	if (image->dof)
		ask_dtprobed(process, seen);
}

/* Do both files have a probe of one name, for tracers that read notes? */
static int
are_twins(const struct image *one, const struct image *other)
{
	size_t i, k;

	for (i = 0; i < one->count; i++)
		for (k = 0; k < other->count; k++) {
			const struct probe *a = &one->probes[i];
			const struct probe *b = &other->probes[k];

			if (a->note_name != NULL && b->note_name != NULL &&
			    strcmp(a->note_name, b->note_name) == 0 &&
			    strcmp(a->provider, b->provider) == 0)
				return 1;
		}
	return 0;
}

/* bpftrace 0.17 uses the first file's semaphore for the other file's probe. */
static void
ask_twins(struct process *process)
{
	const char *one = NULL, *other = NULL;
	size_t a, b, pairs = 0;

	for (a = 0; a < process->count; a++)
		for (b = a + 1; b < process->count; b++)
			if (are_twins(process->seen[a].image,
			    process->seen[b].image) && pairs++ == 0) {
				one = process->seen[a].file->path;
				other = process->seen[b].file->path;
			}
	if (pairs > 0)
		show(process, finding_make(VERDICT_PROBLEM, "trace each by "
		    "its path", "%s and %s%s have a probe of one name: "
		    "bpftrace 0.17 and bcc confuse them with -p", one, other,
		    pairs > 1 ? " (and others)" : ""));
}

static void
ask_all(struct process *process)
{
	size_t i;

	ask_environment(process);
	if (process->unreadable > 0)
		show(process, finding_make(VERDICT_PROBLEM, geteuid() == 0 ?
		    "run usdt with CAP_SYS_ADMIN, outside of this container" :
		    "sudo usdt doctor", "this user may not read %zu of the "
		    "files that it maps", process->unreadable));
	if (process->count == 0) {
		show(process, finding_make(VERDICT_PROBLEM, "link it with "
		    "libusdt and call usdt_provider_enable; "
		    "usdt_provider_status says what happened", "has no "
		    "probes but those of system libraries: it does not "
		    "use libusdt, or has enabled no provider"));
		return;
	}
	ask_namespaces(process);
	if (direct_is_filtered(process->pid) == 1)
		show(process, finding_make(VERDICT_NOTE, NULL, "has a seccomp "
		    "filter, which may forbid what direct events need: `usdt "
		    "watch` takes all its events by uprobe"));
	for (i = 0; i < process->count; i++)
		ask_file(process, &process->seen[i]);
	ask_twins(process);
}

int
process_examine(struct report *report, pid_t pid, const struct census *census,
    int always)
{
	struct process process = { .pid = pid, .report = report };

	find_files(&process, census);
	if (process.count > 0 || always)
		ask_all(&process);
	else
		process.problems = -1;
	while (process.count > 0) {
		image_free(process.seen[--process.count].image);
		close(process.seen[process.count].fd);
	}
	free(process.seen);
	return process.problems;
}
