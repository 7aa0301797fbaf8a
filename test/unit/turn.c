/*
 * turn.c - are turns limited to this process?
 *
 * Two copies of the library in one process exclude each other (test/copies.t
 * shows why); processes, also forked children, wait for no other process, and
 * no other user can make them wait.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "tap.h"
#include "raw_clone.h"
#include "scratch.h"
#include "core/provider.h"

static int naps;

/* In place of libc's: polling for a turn sleeps. */
int
nanosleep(const struct timespec *time, struct timespec *left)
{
	naps++;
	return (int)syscall(SYS_nanosleep, time, left);
}

/* Does another copy in this process have the turn for images? */
static int
is_taken(void)
{
	int fd = open("/proc/self/fd", O_RDONLY | O_CLOEXEC);
	int taken = flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;

	close(fd);
	return taken;
}

static void
test_one(void)
{
	int alone = 0, others = 0, turn, other;

	turn = usdt__turn_take(USDT__TURN_IMAGES, &alone);
	ok(turn >= 0 && alone == 1 && is_taken(), "the turn is ours");
	other = usdt__turn_take(USDT__TURN_HELPER, &others);
	ok(other >= 0 && others == 1, "another kind is free");
	usdt__turn_give(turn);
	errno = ERANGE;
	usdt__turn_give(other);
	is_int(errno, ERANGE, "giving one back keeps errno");
	ok(!is_taken(), "it is given back");
	usdt__turn_give(-1);
}

/* --- a thread that waits ------------------------------------------------ */

static volatile sig_atomic_t signals;
static int has_it;		/* the other thread has the turn */

static void
on_signal(int number)
{
	(void)number;
	signals++;
}

static void *
wait_for_it(void *data)
{
	int *alone = data;
	int turn = usdt__turn_take(USDT__TURN_IMAGES, alone);

	__atomic_store_n(&has_it, 1, __ATOMIC_RELEASE);
	usdt__turn_give(turn);
	return NULL;
}

/* Sleeps by a system call; libc's own is counted. */
static void
nap(void)
{
	struct timespec time = { 0, 1000000 };

	syscall(SYS_nanosleep, &time, NULL);
}

static void
test_interrupted(void)
{
	struct sigaction action = { .sa_handler = on_signal };
	int mine = 0, theirs = 0, turn, i;
	pthread_t thread;

	sigaction(SIGUSR1, &action, NULL);
	turn = usdt__turn_take(USDT__TURN_IMAGES, &mine);
	if (!ok(pthread_create(&thread, NULL, wait_for_it, &theirs) == 0,
	    "another thread waits for the turn"))
		return;
	for (i = 1; i <= 20; i++) {
		pthread_kill(thread, SIGUSR1);
		while (signals < i)
			nap();
	}
	ok(!__atomic_load_n(&has_it, __ATOMIC_ACQUIRE),
	    "it waits, whatever signals it gets");
	usdt__turn_give(turn);
	pthread_join(thread, NULL);
	ok(has_it && theirs == 1, "and then has it");
}

/* --- children ----------------------------------------------------------- */

static int
exit_status(pid_t pid)
{
	int status = -1;

	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
test_children(void)
{
	int alone = 0, turn, pipes[2];
	char byte;
	pid_t pid;

	turn = usdt__turn_take(USDT__TURN_IMAGES, &alone);
	pid = fork();
	if (pid == 0) {
		turn = usdt__turn_take(USDT__TURN_IMAGES, &alone);
		_exit(turn >= 0 && alone ? 0 : 1);
	}
	is_int(exit_status(pid), 0, "a forked child does not wait for its "
	    "parent");

	/* It keeps the descriptor until it is killed. */
	if (pipe(pipes) < 0)
		return;
	pid = raw_clone();
	if (pid == 0) {
		close(pipes[1]);
		_exit(read(pipes[0], &byte, 1) == 0 ? 0 : 1);
	}
	usdt__turn_give(turn);
	ok(pid > 0 && !is_taken(), "a child that has the descriptor does not "
	    "have the turn");
	close(pipes[0]);
	close(pipes[1]);
	is_int(exit_status(pid), 0, "and ends");
}

/* --- descriptors that can't be had -------------------------------------- */

static void
test_descriptors(void)
{
	struct rlimit limit, none;
	int alone = 1, turn, error;

	getrlimit(RLIMIT_NOFILE, &limit);
	none = limit;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	turn = usdt__turn_take(USDT__TURN_IMAGES, &alone);
	error = errno;
	setrlimit(RLIMIT_NOFILE, &limit);
	ok(turn == -1 && error == EMFILE && alone == 0,
	    "without a descriptor there is no turn");
}

/* --- other processes ---------------------------------------------------- */

/* Lock a directory and all directories of a provider's images in it. */
static void
lock_dirs(const char *path, int depth)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;
	char child[512];
	DIR *dir;

	if (fd < 0 || flock(fd, LOCK_EX) < 0 || depth == 0 ||
	    (dir = opendir(path)) == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(child, sizeof child, "%s/%s", path, entry->d_name);
		lock_dirs(child, depth - 1);
	}
	closedir(dir);
}

static int
enable_one(void)
{
	usdt_provider_t *p = usdt_create_provider("turns", "m");
	usdt_probedef_t *def = usdt_create_probe("f", "n", 0, NULL);
	usdt_status_t status = { 0 };
	int result = p != NULL && def != NULL &&
	    usdt_provider_add_probe(p, def) == 0 &&
	    usdt_provider_enable(p) == 0 &&
	    usdt_provider_status(p, &status) == 0 && status.sdt.taken &&
	    strncmp(status.sdt.path, scratch, strlen(scratch)) == 0;

	usdt_probe_release(def);
	usdt_provider_free(p);
	return result;
}

static void
test_others(void)
{
	ok(enable_one(), "an image is made");
	lock_dirs(scratch, 2);
	naps = 0;
	ok(enable_one(), "and found, while another process locks all its "
	    "directories");
	is_int(naps, 0, "no waiting");
}

/* Lock all of PARENT's files in /proc that another user can open. */
static void
lock_as_another(pid_t parent, int ready, int end)
{
	char path[64], byte = 0;
	const struct dirent *entry;
	DIR *dir;
	int fd;

	snprintf(path, sizeof path, "/proc/%ld", (long)parent);
	if (setgid(65534) < 0 || setuid(65534) < 0 ||
	    (dir = opendir(path)) == NULL)
		_exit(1);
	while ((entry = readdir(dir)) != NULL) {
		fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_NONBLOCK);
		if (fd >= 0)
			flock(fd, LOCK_EX | LOCK_NB);
	}
	if (write(ready, &byte, 1) != 1 || read(end, &byte, 1) != 0)
		_exit(1);
	_exit(0);
}

static void
test_another_user(void)
{
	static const enum usdt__turn all[] = {
		USDT__TURN_IMAGES, USDT__TURN_HELPER, USDT__TURN_STASH
	};
	int ready[2], end[2], status = -1, alone, taken = 0, turn;
	pid_t parent = getpid(), child;
	size_t i;
	char byte;

	if (geteuid() != 0) {
		skip("only root can become another user");
		return;
	}
	if (pipe(ready) < 0 || pipe(end) < 0 || (child = fork()) < 0) {
		ok(0, "there is a child");
		return;
	}
	if (child == 0) {
		close(end[1]);
		lock_as_another(parent, ready[1], end[0]);
	}
	close(ready[1]);
	ok(read(ready[0], &byte, 1) == 1, "another user locks what it can");
	alarm(60);			/* in place of a turn that never comes */
	for (i = 0; i < sizeof all / sizeof all[0]; i++) {
		turn = usdt__turn_take(all[i], &alone);
		taken += turn >= 0 && alone == 1;
		usdt__turn_give(turn);
	}
	alarm(0);
	is_int(taken, 3, "all turns are ours nevertheless");
	close(end[1]);
	waitpid(child, &status, 0);
	is_int(status, 0, "the other user has read /proc");
	close(ready[0]);
	close(end[0]);
}

/* Then /proc/self belongs to root, also for the process itself. */
static void
test_dropped_user(void)
{
	int status = -1, alone;
	pid_t child;

	if (geteuid() != 0) {
		skip("only root can become another user");
		return;
	}
	child = fork();
	if (child == 0) {
		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(2);
		_exit(usdt__turn_take(USDT__TURN_IMAGES, &alone) < 0 || !alone);
	}
	waitpid(child, &status, 0);
	is_int(status, 0, "a process that is no longer root's has turns");
}

int
main(void)
{
	scratch_begin();
	if (access("/proc/self/fd", R_OK) < 0) {
		skip("no /proc/self/fd");
		return done_testing();
	}
	test_one();
	test_interrupted();
	test_children();
	test_descriptors();
	test_another_user();
	test_dropped_user();
	if (usdt__native_platform()->image && usdt__stub_count > 0)
		test_others();
	return done_testing();
}
