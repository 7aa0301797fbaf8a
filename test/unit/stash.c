/*
 * stash.c - which records of this process does the library have the helper
 * drop, and which stay?
 *
 * A directory stands for what dtprobed keeps, and this program's ioctl for
 * dtprobed itself.  Each case is a child, since a process looks for records
 * only once.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/provider.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tap.h"
#include "scratch.h"

/* --- the helper's records ----------------------------------------------- */

static struct usdt__platform row;
static char stash[128], mine[160], device[128];
static int removes, refuse, lie, foreign, fork_there;
static int fds_of_child;

/* In place of the C library's: removes a document by number. */
int
ioctl(int fd, unsigned long request, ...)
{
	char path[256], target[64];
	uintptr_t number;
	va_list args;
	ssize_t n;

	va_start(args, request);
	number = va_arg(args, uintptr_t);
	va_end(args);
	(void)fd;
	if (request != row.remove_request) {
		foreign++;
		errno = EINVAL;
		return -1;
	}
	removes++;
	if (fork_there) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(count_fds() != fds_of_child);
		fork_there = -1;
		waitpid(pid, &fork_there, 0);
	}
	if (refuse) {
		errno = refuse;
		return -1;
	}
	if (lie)
		return 0;
	snprintf(path, sizeof path, "%s/%lu", mine, (unsigned long)number);
	n = readlink(path, target, sizeof target - 1);
	unlink(path);
	if (n > 0) {
		target[n] = '\0';
		snprintf(path, sizeof path, "%s/%s", mine, target);
		rmdir(path);
	}
	return 0;
}

static void
record(const char *name, const char *target)
{
	char path[256];

	snprintf(path, sizeof path, "%s/%s", mine, name);
	if (symlink(target, path) < 0)
		abort();
	snprintf(path, sizeof path, "%s/%s", mine, target);
	if (strchr(target, '/') == NULL && strlen(target) < 64)
		mkdir(path, 0700);
}

static int
is_there(const char *name)
{
	char path[256];
	struct stat st;

	snprintf(path, sizeof path, "%s/%s", mine, name);
	return lstat(path, &st) == 0;
}

/* A file that this process maps, and the helper's name for it. */
static struct usdt__image
map_file(const char *name, char called[64])
{
	struct usdt__image image;
	char path[256];
	struct stat st;
	int fd;

	memset(&image, 0, sizeof image);
	snprintf(path, sizeof path, "%s/%s", scratch, name);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, 8192) < 0 || fstat(fd, &st) < 0)
		abort();
	image.base = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	image.size = 8192;
	image.device = st.st_dev;
	image.inode = st.st_ino;
	snprintf(called, 64, "%" PRIu64 "-%" PRIu64, image.device, image.inode);
	return image;
}

static struct usdt__image image, other;
static char image_name[64], other_name[64];
static struct usdt__why why;

static int
clear(void)
{
	int result;

	why.text[0] = '\0';
	usdt__lock();
	result = usdt__stash_clear(&row, device, &image, &why);
	usdt__unlock();
	return result;
}

/* --- cases, in children ------------------------------------------------- */

static void
is_cleared(const char *what)
{
	int result = clear();

	try(result == 0 && why.text[0] == '\0', "%s: %d, %s", what, result,
	    why.text);
}

static void
is_told(const char *what, const char *text)
{
	int result = clear();

	try(result == -1 && strstr(why.text, text) != NULL, "%s: %d, \"%s\", "
	    "not \"%s\"", what, result, why.text, text);
}

static void
in_nothing(void)
{
	try(rmdir(mine) == 0, "a directory was there");
	is_cleared("no records");
	try(removes == 0, "%d removals", removes);
	/* From now on all records are this program's. */
	mkdir(mine, 0700);
	record("0", "1-2");
	is_cleared("later");
	try(is_there("0"), "it was looked at again");
}

static void
in_stale(void)
{
	record("0", "1-2");
	record("7", other_name);
	record("8", image_name);
	record("2147483647", "18446744073709551615-18446744073709551615");
	is_cleared("stale ones");
	try(!is_there("0") && !is_there("2147483647"),
	    "records of files that are not mapped stay");
	try(!is_there("8"), "that of the image stays");
	try(is_there("7") && removes == 3, "%d removals", removes);
	/* Here the image's document would be registered and removed. */
	record("9", image_name);
	record("10", "1-2");
	is_cleared("the image's alone");
	try(!is_there("9"), "a record of the image stays");
}

static void
in_child_of_one(void)
{
	int status = -1;
	pid_t pid;

	is_cleared("parent");
	pid = fork();
	if (pid == 0) {
		snprintf(mine, sizeof mine, "%s/%ld", stash, (long)getpid());
		mkdir(mine, 0700);
		record("0", "1-2");
		is_cleared("child");
		_exit(tap_bad_tries > 0 || is_there("0"));
	}
	waitpid(pid, &status, 0);
	try(status == 0, "a child does not look for itself: %d", status);
}

/* Other threads may fork while the helper works: the child gets none of our
 * descriptors. */
static void
in_forking(void)
{
	usdt_provider_t *provider = usdt_create_provider("forks", "m");

	record("0", "1-2");
	fds_of_child = count_fds();
	fork_there = 1;
	is_cleared("one is dropped");
	try(fork_there == 0, "a child has descriptors of it: %d", fork_there);
	usdt_provider_free(provider);
}

struct clearing {
	pthread_t thread;
	long id;		/* the kernel's id, once the thread runs */
	int result;
};

static void *
clear_once(void *data)
{
	struct clearing *clearing = data;
	struct usdt__why text;

	__atomic_store_n(&clearing->id, syscall(SYS_gettid), __ATOMIC_RELEASE);
	usdt__lock();
	clearing->result = usdt__stash_clear(&row, device, &image, &text);
	usdt__unlock();
	return NULL;
}

/* Wait until the thread sleeps. */
static void
await_sleep(struct clearing *clearing)
{
	char path[64], line[256];
	const char *at;
	long id;
	FILE *f;

	for (;; usleep(1000)) {
		id = __atomic_load_n(&clearing->id, __ATOMIC_ACQUIRE);
		if (id == 0)
			continue;
		snprintf(path, sizeof path, "/proc/self/task/%ld/stat", id);
		f = fopen(path, "re");
		at = f != NULL && fgets(line, sizeof line, f) != NULL ?
		    strrchr(line, ')') : NULL;
		if (f != NULL)
			fclose(f);
		if (at == NULL || at[2] == 'S')
			return;
	}
}

/* Threads and copies take turns: a number may be used again. */

static void
in_threads(void)
{
	struct clearing threads[2];
	int turn, alone, i;

	record("0", "1-2");
	memset(threads, 0, sizeof threads);
	/* Another copy has this turn: the lock must be free all the same. */
	turn = usdt__turn_take(USDT__TURN_STASH, &alone);
	alarm(600);		/* ends a test that hangs */
	for (i = 0; i < 2; i++) {
		threads[i].result = 1;
		if (pthread_create(&threads[i].thread, NULL, clear_once,
		    &threads[i]) != 0)
			abort();
		await_sleep(&threads[i]);
		usdt__lock();
		usdt__unlock();
	}
	try(removes == 0 && is_there("0"), "no thread waited: %d", removes);
	usdt__turn_give(turn);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i].thread, NULL);
	try(threads[0].result == 0 && threads[1].result == 0 && removes == 1,
	    "%d, %d, %d removals", threads[0].result, threads[1].result,
	    removes);
}

static void
in_many(void)
{
	char name[16], target[32];
	int i, left = 0;

	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "%d", i);
		snprintf(target, sizeof target, "1-%d", i + 1);
		record(name, i % 10 == 3 ? other_name : target);
	}
	is_cleared("a thousand");
	try(removes == 900, "%d removals", removes);
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "%d", i);
		left += is_there(name);
	}
	try(left == 100, "%d are left", left);
}

static void
in_crowd(void)
{
	char path[200];
	int i;

	for (i = 0; i <= 65536; i++) {
		snprintf(path, sizeof path, "%s/x%d", mine, i);
		if (symlink("1-2", path) < 0)
			abort();
	}
	is_told("more than are looked at", "more than 65536 entries");
	try(removes == 0, "%d removals", removes);
}

/* Other files are not touched. */
static void
in_nonsense(void)
{
	static const char *const names[] = {
		"x", "-1", "+1", "01", "00", " 1", "1 ", "0x1", "2147483648",
		"99999999999999999999", "next-gen", "exec-mapping"
	};
	static const char *const targets[] = {
		"1-2-3", "-2", "1-", "1", "a-2", "1-b", "01-2", "1-02", "1 -2",
		"1-2\n", "1--2", "18446744073709551616-1", "../1-2",
		"1-184467440737095516150000",
		"00000000000000000000000000000000000000000000000001-1"
	};
	char path[256], name[16];
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++)
		record(names[i], "1-2");
	for (i = 0; i < sizeof targets / sizeof targets[0]; i++) {
		snprintf(name, sizeof name, "%d", 100 + (int)i);
		record(name, targets[i]);
	}
	snprintf(path, sizeof path, "%s/200", mine);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/201", mine);
	mkfifo(path, 0600);
	snprintf(path, sizeof path, "%s/202", mine);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	is_cleared("nonsense");
	try(removes == 0, "%d removals", removes);
}

static void
in_failing(void)
{
	struct rlimit limit, none;

	record("0", "1-2");
	refuse = EPERM;
	is_told("a refusal", "Operation not permitted");
	refuse = 0;
	lie = 1;
	is_told("a removal without effect", "did not take back document 0");
	lie = 0;
	try(unlink(device) == 0, "no device");
	is_told("no device", "did not take back document 0");
	close(open(device, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	try(removes == 2, "%d removals", removes);
	getrlimit(RLIMIT_NOFILE, &limit);
	none = limit;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	is_told("no descriptors", "Too many open files");
	setrlimit(RLIMIT_NOFILE, &limit);
	try(is_there("0") && removes == 2, "%d removals", removes);
	is_cleared("then it goes well");
	try(!is_there("0"), "it stays");
}

static void
in_other_places(void)
{
	char path[256];

	record("0", "1-2");
	try(usdt__stash_clear(&row, "/dev/null", &image, &why) == 0,
	    "another device: %s", why.text);
	row.stash_pids++;
	is_told("another namespace", "not in this pid namespace");
	row.stash_pids--;
	snprintf(path, sizeof path, "%s.away", mine);
	rename(mine, path);
	if (symlink(path, mine) < 0)
		abort();
	is_told("a link in the directory's place", mine);
	unlink(mine);
	row.stash = "/nonexistent/stash";
	is_told("no stash", "/nonexistent/stash: No such file or directory");
	row.stash = NULL;
	is_cleared("a system without one");
	row.stash = stash;
	rename(path, mine);
	image.base = (uint8_t *)(uintptr_t)4096;
	is_told("an image that is not mapped", "/proc/self/maps");
	try(removes == 0 && is_there("0"), "%d removals", removes);
}

/* Run one in a child, which has a directory among the records. */
static void
run(void (*in)(void), const char *what)
{
	int status = -1, fds;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		snprintf(mine, sizeof mine, "%s/%ld", stash, (long)getpid());
		mkdir(mine, 0700);
		fds = count_fds();
		in();
		try(foreign == 0, "%d other requests", foreign);
		try(count_fds() == fds, "descriptors are left open");
		fflush(stdout);
		_exit(tap_bad_tries > 0);
	}
	waitpid(pid, &status, 0);
	is_int(status, 0, "%s", what);
}

int
main(void)
{
	struct stat st;

	scratch_begin();
	snprintf(stash, sizeof stash, "%s/dof-pid", scratch);
	snprintf(device, sizeof device, "%s/helper", scratch);
	row = *usdt__native_platform();
	if (!ok(row.stash != NULL && row.stale != NULL, "this system has one"))
		return done_testing();
	if (mkdir(stash, 0700) < 0 || stat("/proc/self/ns/pid", &st) < 0)
		abort();
	close(open(device, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	row.helper = device;
	row.stash = stash;
	row.stash_pids = st.st_ino;
	image = map_file("image", image_name);
	other = map_file("other", other_name);
	run(in_nothing, "no records, and none are looked for twice");
	run(in_stale, "records of unmapped files go, and the image's own");
	run(in_child_of_one, "a child looks for its own");
	run(in_forking, "a child that is forked meanwhile");
	run(in_threads, "two threads, and another copy");
	run(in_many, "a thousand records");
	run(in_crowd, "more entries than are looked at");
	run(in_nonsense, "files that are no records");
	run(in_failing, "records that can't be read or dropped are reported");
	run(in_other_places, "other devices, namespaces and places");
	return done_testing();
}
