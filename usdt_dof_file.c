/*
 * usdt_dof_file.c - how does DOF reach the helper device, and leave it?
 *
 * The only room with ioctl.  The platform's row describes what the system's
 * device accepts and answers; only this room acts on it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/dof.h"
#include "core/dof_format.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

/*
 * All of this is called under the library's lock.  If a daemon is the helper,
 * the lock is lent during an ioctl (see core/lock.c), so that a slow daemon
 * delays no other thread.  One thread asks at a time, since dtprobed mixes up
 * the documents of two threads of a process.  If the kernel is the helper, and
 * copies registrations to children, the lock is kept, so a fork waits.
 */
#define SLOW	1000			/* ms of a slow answer */
#define NEVER	(-1)

static int asking;			/* a thread is asking ... */
static int64_t asking_since;		/* ... since this time, in ms */
static long last_took = NEVER;		/* ms until the last answer */
static int device_fd = -1, turn = -1;	/* that thread's descriptors */

/* In ms. */
static int64_t
now(void)
{
	struct timespec at;

	return clock_gettime(CLOCK_MONOTONIC, &at) == 0 ?
	    (int64_t)at.tv_sec * 1000 + at.tv_nsec / 1000000 : 0;
}

/* One ioctl, repeated if it is interrupted. */
static int
call(unsigned long request, void *argument)
{
	int n;

	do
		n = ioctl(device_fd, request, argument);
	while (n < 0 && errno == EINTR);
	return n;
}

/*
 * Ask the helper: one open, one ioctl.  Other copies of the library in this
 * process wait, too.  Returns the ioctl's result, and fills ANSWER.
 */
static int
ask(const struct usdt__platform *row, const char *device,
    unsigned long request, void *argument, struct usdt__answer *answer)
{
	int lends = row->fork == USDT__FORK_NOTHING;
	int n = -1, alone;

	while (asking)
		usdt__wait_for_mark();
	asking = 1;
	asking_since = now();
	if (lends)
		usdt__lock_lend();
	if (access(device, F_OK) == 0)	/* cheaper than a useless turn */
		turn = usdt__turn_take(USDT__TURN_HELPER, &alone);
	answer->opened = 0;
	device_fd = open(device, O_RDWR | O_CLOEXEC);
	if (device_fd >= 0) {
		if (turn < 0)		/* the device appeared just now */
			turn = usdt__turn_take(USDT__TURN_HELPER, &alone);
		answer->opened = 1;
		n = call(request, argument);
	}
	answer->error = n < 0 ? errno : 0;
	if (device_fd >= 0)
		close(device_fd);
	usdt__turn_give(turn);
	device_fd = turn = -1;
	if (lends)
		usdt__lock_take_back();
	last_took = (long)(now() - asking_since);
	answer->seconds = last_took / 1000;
	asking = 0;
	usdt__mark_gone();
	return n;
}

int
usdt__helper_is_quick(void)
{
	return last_took != NEVER && last_took < SLOW;
}

long
usdt__helper_took(void)
{
	return last_took == NEVER ? -1 : last_took / 1000;
}

/*
 * The child lacks the thread that was asking, but knows how long that has
 * waited.  FORKED: the child has run nothing yet, so the thread's descriptors
 * are still those numbers, and are closed.
 */
void
usdt__helper_forget(int forked)
{
	if (asking && now() - asking_since >= SLOW)
		last_took = (long)(now() - asking_since);
	asking = 0;
	if (forked && device_fd >= 0)
		close(device_fd);
	if (forked && turn >= 0)
		close(turn);
	device_fd = turn = -1;
}

/* EINVAL has several causes: a daemon that ran out of time answers it, too. */
int
usdt__helper_explain(const struct usdt__platform *row, const char *device,
    const struct usdt__answer *answer, struct usdt__why *why)
{
	const char *text;

	if (why == NULL)
		return -1;
	text = usdt__strerror(answer->error);
	if (answer->opened && row->patience != 0 &&
	    answer->seconds >= (long)row->patience)
		return usdt__because(why, answer->error, "%s: %s after %ld s: "
		    "%s", device, text, answer->seconds, row->patience_of);
	if (answer->opened && answer->error == EINVAL && sizeof(void *) < 8 &&
	    row->narrow != NULL)
		return usdt__because(why, answer->error, "%s: %s: %s", device,
		    text, row->narrow);
	return usdt__because(why, answer->error, "%s: %s", device, text);
}

int
usdt__helper_add(const struct usdt__platform *row, const char *device,
    const char *module, const void *address, const void *dof,
    int *generation, struct usdt__answer *answer)
{
	union {
		struct dof_helper helper;
		struct dof_helper_pid with_pid;
		struct dof_ioctl_data envelope;
	} data;
	struct dof_helper *helper = &data.helper;
	void *argument = &data;
	uint64_t envelope_address = (uint64_t)(uintptr_t)&data;
	int n;

	memset(&data, 0, sizeof data);
	switch (row->add_shape) {
	case USDT__ADD_HELPER:
		break;
	case USDT__ADD_HELPER_PID:
		data.with_pid.dofhp_pid = getpid();
		break;
	case USDT__ADD_ENVELOPE:
		data.envelope.dofiod_count = 1;
		helper = &data.envelope.dofiod_helpers[0];
		argument = &envelope_address;
		break;
	}
	strncpy(helper->dofhp_mod, module, sizeof helper->dofhp_mod - 1);
	helper->dofhp_addr = (uint64_t)(uintptr_t)address;
	helper->dofhp_dof = (uint64_t)(uintptr_t)dof;

	n = ask(row, device, row->add_request, argument, answer);
	if (n < 0)
		return -1;
	switch (row->generation) {
	case USDT__GENERATION_RETURNED:
		*generation = n;
		break;
	case USDT__GENERATION_IN_HELPER:
		*generation = data.with_pid.dofhp_gen;
		break;
	case USDT__GENERATION_IN_DOF:
		*generation = (int)helper->dofhp_dof;
		break;
	}
	return 0;
}

int
usdt__helper_remove(const struct usdt__platform *row, const char *device,
    int generation, struct usdt__answer *answer)
{
	void *argument = NULL;
	int n;

	switch (row->remove_shape) {
	case USDT__REMOVE_VALUE:
		argument = (void *)(uintptr_t)generation;
		break;
	case USDT__REMOVE_POINTER:
		argument = &generation;
		break;
	case USDT__REMOVE_FIRST_BYTES:
		memcpy(&argument, &generation, sizeof generation);
		break;
	}
	n = ask(row, device, row->remove_request, argument, answer);
	answer->seconds = 0;		/* patience is for documents */
	if (n < 0 && !answer->opened && (answer->error == ENOENT ||
	    answer->error == ENXIO || answer->error == ENODEV))
		return 0;
	return n < 0 ? -1 : 0;
}
