/*
 * usdt_dof_file.c - how does DOF reach the helper device, and leave it?
 *
 * The only room with ioctl.  What the systems' devices take and answer is
 * data in the platform's row; here is the one switch on it.
 */
#include "core/internal.h"
#include "core/dof_format.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static int
open_helper(const char *device, struct usdt__why *why)
{
	int fd = open(device, O_RDWR | O_CLOEXEC);

	if (fd < 0 && why != NULL) {
		int error = errno;

		usdt__because(why, error, "%s: %s", device,
		    usdt__strerror(error));
	}
	return fd;
}

/* One ioctl; an interrupted one is made again.  Keeps the errno. */
static int
call(int fd, unsigned long request, void *argument)
{
	int n;

	do
		n = ioctl(fd, request, argument);
	while (n < 0 && errno == EINTR);
	return n;
}

/* Why the device refused: a daemon that ran out of time answers EINVAL too. */
static int
refused(const struct usdt__platform *row, const char *device, int error,
    time_t seconds, struct usdt__why *why)
{
	if (why == NULL)
		return -1;
	if (row->patience != 0 && seconds >= (time_t)row->patience)
		return usdt__because(why, error, "%s: %s after %ld s: %s",
		    device, usdt__strerror(error), (long)seconds,
		    row->patience_of);
	if (error == EINVAL && sizeof(void *) < 8 && row->narrow != NULL)
		return usdt__because(why, error, "%s: %s: %s", device,
		    usdt__strerror(error), row->narrow);
	return usdt__because(why, error, "%s: %s", device,
	    usdt__strerror(error));
}

static time_t
seconds_now(void)
{
	struct timespec now;

	return clock_gettime(CLOCK_MONOTONIC, &now) == 0 ? now.tv_sec : 0;
}

int
usdt__helper_add(const struct usdt__platform *row, const char *device,
    const char *module, const void *address, const void *dof,
    int *generation, struct usdt__why *why)
{
	union {
		struct dof_helper helper;
		struct dof_helper_pid with_pid;
		struct dof_ioctl_data envelope;
	} data;
	struct dof_helper *helper = &data.helper;
	void *argument = &data;
	uint64_t envelope_address = (uint64_t)(uintptr_t)&data;
	time_t start;
	int fd, n, error;

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

	fd = open_helper(device, why);
	if (fd < 0)
		return -1;
	start = seconds_now();
	n = call(fd, row->add_request, argument);
	error = errno;
	close(fd);
	if (n < 0)
		return refused(row, device, error, seconds_now() - start,
		    why);
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
    int generation, struct usdt__why *why)
{
	int fd, n, error;

	fd = open_helper(device, why);
	if (fd < 0)
		return errno == ENOENT || errno == ENXIO || errno == ENODEV ?
		    0 : -1;
	n = call(fd, row->remove_request, row->remove_by_pointer ?
	    (void *)&generation : (void *)(uintptr_t)generation);
	error = errno;
	close(fd);
	return n < 0 ? refused(row, device, error, 0, why) : 0;
}
