/*
 * core/turn.c - which copy of the library in this process may act now?
 *
 * Each copy has a lock of its own, and does not know the others.  They take
 * turns at what only one may do at a time.  A turn is a lock on a directory of
 * /proc/self, which is another one in each process.  So processes never wait
 * for each other, and a forked child does not wait for its parent.
 *
 * Whoever can open a file can lock it, for ever.  Most files of /proc/self are
 * open to all users, some are closed even to their own process (after a setuid
 * call).  The kernel opens these directories for the process itself and for
 * those that may trace it.  (Emulators of user programs fake /proc/self/maps at
 * each opening, but not these.)
 *
 * A descriptor that a child inherited would keep the lock, so ending a turn
 * unlocks the file before closing it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

int
usdt__turn_take(enum usdt__turn which, int *alone)
{
	static const char *const files[] = {
		[USDT__TURN_IMAGES] = "/proc/self/fd",
		[USDT__TURN_HELPER] = "/proc/self/map_files",
		[USDT__TURN_STASH] = "/proc/self/fdinfo",
	};
	int turn, result;

	do
		turn = open(files[which], O_RDONLY | O_CLOEXEC);
	while (turn < 0 && errno == EINTR);
	*alone = 0;
	if (turn < 0)
		return -1;
	do
		result = flock(turn, LOCK_EX);
	while (result < 0 && errno == EINTR);
	*alone = result == 0;
	return turn;
}

void
usdt__turn_give(int turn)
{
	int error = errno;

	if (turn < 0)
		return;
	flock(turn, LOCK_UN);
	close(turn);
	errno = error;
}
