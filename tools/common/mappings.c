/*
 * mappings.c - which files do processes map?
 *
 * Everything that a tracer can attach to is a file that some process maps
 * executable.  /proc/PID/maps has device and inode of each.  The names beside
 * them may be gone, belong to another mount namespace, or lead to another file
 * by now.  So a file is opened through /proc/PID/map_files if we have the
 * privilege, and otherwise in other ways.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <search.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "tools/common/common.h"

#define DELETED	" (deleted)"

/* The kernel gives so many bytes of a maps file at once, and stdio wants less. */
#define MAPS_READ	4096

/* --- reading /proc/PID/maps --- */

static int
by_inode(const void *one, const void *other)
{
	const struct mapped *a = one, *b = other;

	if (a->inode != b->inode)
		return a->inode < b->inode ? -1 : 1;
	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	return 0;
}

struct mapped *
census_find(const struct census *census, uint64_t device, uint64_t inode)
{
	struct mapped key = { .device = device, .inode = inode }, **found;

	found = tfind(&key, &census->index, by_inode);
	return found == NULL ? NULL : *found;
}

/* The file of that device and inode; it is added if it is new. */
static struct mapped *
file_of(struct census *census, uint64_t device, uint64_t inode)
{
	struct mapped *file = census_find(census, device, inode);

	if (file != NULL)
		return file;
	file = xcalloc(1, sizeof *file);
	file->device = device;
	file->inode = inode;
	xtsearch(file, &census->index, by_inode);
	ROOM_FOR_ONE(census->files, census->count, census->space);
	census->files[census->count++] = file;
	return file;
}

/* Undo the kernel's escaping (\012 for a newline), in place. */
static void
unescape(char *path)
{
	char *out = path;

	for (; *path != '\0'; path++, out++) {
		if (strncmp(path, "\\012", 4) == 0) {
			*out = '\n';
			path += 3;
		} else {
			*out = *path;
		}
	}
	*out = '\0';
}

/* Does PATH lead to that file?  At its end the kernel marks removed files. */
static int
is_named_so(const struct mapped *file, pid_t pid, const char *path)
{
	char *name = xasprintf("/proc/%d/root%s", (int)pid, path);
	struct stat st;
	int found;

	unescape(name);
	found = stat(name, &st) == 0 && st.st_ino == file->inode;
	free(name);
	return found;
}

/* Record that a process maps a file, once per process. */
static void
add_holder(struct mapped *file, const struct holder *holder, char *path)
{
	size_t length = strlen(path), cut = strlen(DELETED);

	if (file->count > 0 &&
	    file->holders[file->count - 1].pid == holder->pid)
		return;
	if (file->path == NULL) {
		if (length > cut && strcmp(path + length - cut, DELETED) == 0 &&
		    !is_named_so(file, holder->pid, path)) {
			file->deleted = 1;
			length -= cut;
		}
		file->path = xstrndup(path, length);
		unescape(file->path);
	}
	ROOM_FOR_ONE(file->holders, file->count, file->space);
	file->holders[file->count++] = *holder;
}

/* One line: START-END PERMS OFFSET MAJOR:MINOR INODE PATH */
int
mapping_parse(struct mapping *mapping, char *line)
{
	unsigned major_no, minor_no;
	char perms[5];
	int path = 0;

	line[strcspn(line, "\n")] = '\0';
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %"
	    SCNu64 " %n", &mapping->start, &mapping->end, perms,
	    &mapping->offset, &major_no, &minor_no, &mapping->inode,
	    &path) < 7 || path == 0)
		return -1;
	mapping->executable = perms[2] == 'x';
	mapping->device = makedev(major_no, minor_no);
	mapping->path = line + path;
	return 0;
}

/* Later headers have this. */
struct query {
	uint64_t size, flags, address;
	uint64_t start, end, vma_flags, page_size, offset, inode;
	uint32_t major_no, minor_no, name_size, build_id_size;
	uint64_t name, build_id;
};
#define QUERY		_IOWR('f', 17, struct query)
#define QUERY_WRITABLE	0x02
#define QUERY_EXECUTABLE 0x04
#define QUERY_SHARED	0x08
#define QUERY_OR_NEXT	0x10
#define QUERY_FILE	0x20

/* A process has some thirty lines, of which we want a few. */
int
mapping_ask(FILE *maps, struct mapping *mapping, int shared,
    char path[MAPPING_PATH])
{
	struct query query = {
		.size = sizeof query, .address = mapping->end,
		.flags = QUERY_OR_NEXT | QUERY_FILE | (shared ?
		    QUERY_SHARED | QUERY_WRITABLE : QUERY_EXECUTABLE),
		.name = (uintptr_t)path, .name_size = MAPPING_PATH
	};

	if (ioctl(fileno(maps), QUERY, &query) < 0)
		return errno == ENOENT ? 0 : -1;
	*mapping = (struct mapping){
		.start = query.start, .end = query.end,
		.offset = query.offset, .inode = query.inode,
		.device = makedev(query.major_no, query.minor_no),
		.executable = !shared, .path = path
	};
	if (query.name_size == 0)
		*path = '\0';
	return 1;
}

static void
add_mapping(struct census *census, pid_t pid, const struct mapping *mapping)
{
	struct holder holder = {
		.pid = pid, .start = mapping->start, .end = mapping->end
	};

	if (mapping->executable && mapping->inode != 0 &&
	    *mapping->path == '/')
		add_holder(file_of(census, mapping->device, mapping->inode),
		    &holder, mapping->path);
}

/* Most lines are not executable, and parsing takes long. */
static void
add_line(struct census *census, pid_t pid, char *line)
{
	const char *perms = strchr(line, ' ');
	struct mapping mapping;

	if (perms != NULL && strnlen(perms, 4) == 4 && perms[3] == 'x' &&
	    mapping_parse(&mapping, line) == 0)
		add_mapping(census, pid, &mapping);
}

/*
 * The line in /proc/PID/stat is "PID (COMMAND) STATE PPID ...", and COMMAND may
 * contain anything, even parentheses.
 */
int
process_stat(pid_t pid, unsigned long *flags, unsigned long long *start)
{
	char *name = xasprintf("/proc/%d/stat", (int)pid);
	char *line = NULL, *rest = NULL;
	FILE *in = fopen(name, "re");
	int error = errno, got = 0;
	size_t space = 0;

	free(name);
	if (in == NULL)
		return error;
	if (getdelim(&line, &space, '\0', in) > 0 &&
	    (rest = strrchr(line, ')')) != NULL)
		got = sscanf(rest, ") %*c %*d %*d %*d %*d %*d %lu "
		    "%*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
		    flags, start);
	free(line);
	fclose(in);
	return got == 2 ? 0 : ESRCH;
}

/* Kernel threads have no memory, so they hide nothing. */
static int
is_kernel_thread(pid_t pid)
{
	unsigned long flags;
	unsigned long long start;

	return process_stat(pid, &flags, &start) == 0 &&
	    (flags & 0x00200000) != 0;		/* PF_KTHREAD */
}

FILE *
process_maps(pid_t pid)
{
	char *name = xasprintf("/proc/%d/maps", (int)pid);
	FILE *in = fopen(name, "re");
	int error = errno;

	free(name);
	errno = error;
	return in;
}

int
census_add(struct census *census, pid_t pid)
{
	FILE *in = process_maps(pid);
	char *line = NULL, buffer[MAPS_READ], path[MAPPING_PATH];
	struct mapping mapping = { 0 };
	int asked;
	size_t space = 0;
	int error = errno;

	if (in == NULL) {
		if ((error == EACCES || error == EPERM) &&
		    !is_kernel_thread(pid))
			census->hidden++;
		return error;
	}
	setvbuf(in, buffer, _IOFBF, sizeof buffer);
	while ((asked = mapping_ask(in, &mapping, 0, path)) > 0)
		add_mapping(census, pid, &mapping);
	while (asked < 0 && getline(&line, &space, in) > 0)
		add_line(census, pid, line);
	error = ferror(in) ? errno : 0;
	free(line);
	fclose(in);
	if (error == 0)
		census->processes++;
	return error;
}

int
census_take(struct census *census, pid_t only)
{
	return census_take_slowly(census, only, NULL, NULL);
}

int
census_take_slowly(struct census *census, pid_t only,
    void (*between)(void *self), void *self)
{
	struct dirent **entries;
	int count, i;

	memset(census, 0, sizeof *census);
	if (only != 0)
		return census_add(census, only);
	count = scandir("/proc", &entries, NULL, versionsort);
	if (count < 0)
		return errno;
	for (i = 0; i < count; i++) {
		char *end;
		long pid = strtol(entries[i]->d_name, &end, 10);

		/* Leave out our own process, which soon ends. */
		if (*end == '\0' && pid > 0 && pid != getpid())
			census_add(census, (pid_t)pid);
		free(entries[i]);
		if (between != NULL)
			between(self);
	}
	free(entries);
	return 0;
}

static void
nothing(void *node)
{
	(void)node;
}

void
census_free(struct census *census)
{
	size_t i;

	tdestroy(census->index, nothing);
	for (i = 0; i < census->count; i++) {
		free(census->files[i]->path);
		free(census->files[i]->holders);
		free(census->files[i]);
	}
	free(census->files);
	memset(census, 0, sizeof *census);
}

/* For root the message names the causes other than the user. */
char *
hidden_text(size_t count)
{
	const char *plural = count == 1 ? "" : "es";

	if (geteuid() != 0)
		return xasprintf("this user may not look into %zu other "
		    "process%s", count, plural);
	return xasprintf("the kernel does not let root look into %zu other "
	    "process%s: of another user namespace, with more capabilities, "
	    "or protected otherwise", count, plural);
}

/* --- opening what is mapped --- */

const char *
mapped_module(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash != NULL)
		path = slash + 1;
	return strncmp(path, "memfd:", 6) == 0 ? path + 6 : path;
}

/*
 * Open only a regular file: opening a device may start something.  The owner of the
 * name may at any time make it lead to another file.  So O_PATH first holds the
 * file without opening it, then it is checked, then opened.  Closes HELD.
 */
static int
open_checked(int held, const char *name, int or_pipe)
{
	int flags = O_RDONLY | O_CLOEXEC | (or_pipe ? 0 : O_NONBLOCK);
	int fd = -1, error;
	char link[40];
	struct stat st;

	snprintf(link, sizeof link, "/proc/self/fd/%d", held);
	if (fstat(held, &st) == 0) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : 0;
		if (S_ISREG(st.st_mode) || (S_ISFIFO(st.st_mode) && or_pipe))
			fd = open(link, flags);
		if (fd < 0 && errno == ENOENT && name != NULL)
			fd = open(name, flags | O_NOCTTY);	/* there is no
								 * /proc */
	}
	error = errno;
	close(held);
	errno = error;
	return fd;
}

int
open_regular(const char *name, int or_pipe)
{
	int held = open(name, O_PATH | O_CLOEXEC);

	return held < 0 ? -1 : open_checked(held, name, or_pipe);
}

int
process_open(pid_t pid, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(O_PATH | O_CLOEXEC | flags),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS
	};
	char *name = xasprintf("/proc/%d/root", (int)pid);
	int root = open(name, O_PATH | O_CLOEXEC), held, error;

	free(name);
	if (root < 0)
		return -1;
	held = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
	error = errno;
	close(root);
	errno = error;
	return held < 0 ? -1 : open_checked(held, NULL, 0);
}

/* A file without a name, such as a memfd, may still be open in the process. */
static char *
find_descriptor(pid_t pid, uint64_t inode)
{
	char *dir = xasprintf("/proc/%d/fd", (int)pid), *found = NULL;
	DIR *fds = opendir(dir);
	struct dirent *entry;
	struct stat st;

	while (fds != NULL && found == NULL &&
	    (entry = readdir(fds)) != NULL) {
		char *name = xasprintf("%s/%s", dir, entry->d_name);

		if (stat(name, &st) == 0 && S_ISREG(st.st_mode) &&
		    st.st_ino == inode)
			found = name;
		else
			free(name);
	}
	if (fds != NULL)
		closedir(fds);
	free(dir);
	return found;
}

char *
mapped_descriptor(const struct mapped *file)
{
	char *name = NULL;
	size_t i;

	for (i = 0; i < file->count && name == NULL; i++)
		name = find_descriptor(file->holders[i].pid, file->inode);
	return name;
}

static int
open_held(const struct mapped *file, const struct holder *holder)
{
	char *name;
	int fd;

	name = xasprintf("/proc/%d/map_files/%" PRIx64 "-%" PRIx64,
	    (int)holder->pid, holder->start, holder->end);
	fd = open_regular(name, 0);
	free(name);
	if (fd >= 0)
		return fd;
	if (file->deleted) {
		name = find_descriptor(holder->pid, file->inode);
		fd = name ? open_regular(name, 0) : -1;
		free(name);
		return fd;
	}
	/*
	 * On overlayfs and btrfs stat reports another device, on some another
	 * inode too.  The kernel would have said so if the name were gone.
	 */
	name = xasprintf("/proc/%d/root%s", (int)holder->pid, file->path);
	fd = open_regular(name, 0);
	free(name);
	return fd;
}

int
mapped_open(const struct mapped *file)
{
	size_t i;
	int fd;

	for (i = 0; i < file->count; i++)
		if ((fd = open_held(file, &file->holders[i])) >= 0)
			return fd;
	if (file->deleted)	/* not the last attempt's error, which is
				 * about a descriptor */
		errno = EACCES;
	else if (errno == 0 || errno == EISDIR)
		errno = ENOENT;		/* another file has the name by now */
	return -1;
}

uint64_t
file_changed(const struct stat *st)
{
	return (uint64_t)st->st_ctim.tv_sec * 1000000000 +
	    (uint64_t)st->st_ctim.tv_nsec;
}

uint64_t
mapped_changed(const struct mapped *file)
{
	const struct holder *holder = &file->holders[0];
	char *name = xasprintf("/proc/%d/map_files/%" PRIx64 "-%" PRIx64,
	    (int)holder->pid, holder->start, holder->end);
	struct stat st;
	uint64_t changed = stat(name, &st) < 0 ? 0 : file_changed(&st);

	free(name);
	return changed;
}

int
process_readable(pid_t pid, uint64_t address, struct holder *range)
{
	FILE *in = process_maps(pid);
	char *line = NULL;
	size_t space = 0;
	int found = 0, lines = 0;
	uint64_t start, end;
	char right;

	for (; in != NULL && !found && getline(&line, &space, in) > 0; lines++)
		found = sscanf(line, "%" SCNx64 "-%" SCNx64 " %c", &start,
		    &end, &right) == 3 && right == 'r' && address >= start &&
		    address < end;
	if (found)
		*range = (struct holder){ pid, start, end };
	free(line);
	if (in != NULL)
		fclose(in);
	return lines == 0 ? -1 : found;
}

char *
process_command(pid_t pid)
{
	char *name = xasprintf("/proc/%d/comm", (int)pid), *line = NULL;
	FILE *in = fopen(name, "re");
	size_t space = 0;
	ssize_t length = -1;

	free(name);
	if (in != NULL) {
		length = getdelim(&line, &space, '\0', in);
		fclose(in);
	}
	if (length <= 0) {
		free(line);
		return xstrndup("?", 1);
	}
	if (line[length - 1] == '\n')
		line[length - 1] = '\0';
	return line;
}

/* The next process in /proc, or 0. */
static pid_t
next_process(DIR *proc)
{
	struct dirent *entry;

	while ((entry = readdir(proc)) != NULL)
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
			return (pid_t)atoi(entry->d_name);
	return 0;
}

pid_t
parse_pid(const char *text)
{
	pid_t pid, found = 0;
	size_t count = 0;
	DIR *proc;

	if (*text == '\0' || text[strspn(text, "0123456789-+")] == '\0')
		return (pid_t)parse_count("--pid", text);
	proc = opendir("/proc");
	while (proc != NULL && (pid = next_process(proc)) != 0) {
		char *name = process_command(pid);

		if (strcmp(name, text) == 0 && pid != getpid()) {
			if (count++ == 1)
				fprintf(stderr, "usdt: several processes have "
				    "that name: %d", (int)found);
			if (count > 1)
				fprintf(stderr, ", %d", (int)pid);
			found = pid;
		}
		free(name);
	}
	if (proc != NULL)
		closedir(proc);
	if (count > 1)
		fputs("; say which one\n", stderr);
	if (count == 0) {
		fputs("usdt: --pid wants a number, or a program's name, and "
		    "no process has the name \"", stderr);
		quote_line(stderr, text);
		fputs("\"\n", stderr);
	}
	return count == 1 ? found : -1;
}
