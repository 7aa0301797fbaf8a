/*
 * swapped_directory.c - what if a new directory is replaced by a link before it
 * has its mode?
 *
 * The library sets the mode that the umask denied the directory, and the
 * attacker acts just before: in this program's own chmod() and fchmodat(),
 * which the library calls.  The target of the link has to keep its mode.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "tap.h"
#include "scratch.h"
#include "core/provider.h"

static char images[128], victim[128];
static int swapped, swapping;

static int
swap_and_change(int at, const char *name, mode_t mode)
{
	char old[160];

	if (swapping && !swapped) {
		snprintf(old, sizeof old, "%s.made", images);
		swapped = rename(images, old) == 0 &&
		    symlink(victim, images) == 0;
	}
	return (int)syscall(SYS_fchmodat, at, name, mode);
}

int
chmod(const char *name, mode_t mode)
{
	return swap_and_change(AT_FDCWD, name, mode);
}

int
fchmodat(int at, const char *name, mode_t mode, int flags)
{
	(void)flags;
	return swap_and_change(at, name, mode);
}

/* An image in a directory of another user. */
static void
remove_image(char *path)
{
	int i;

	for (i = 0; i < 3 && remove(path) == 0; i++)
		*strrchr(path, '/') = '\0';
}

static unsigned
mode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? 0 : st.st_mode & 07777;
}

static void
enable(usdt_status_t *status)
{
	usdt_provider_t *p = usdt_create_provider("swapped", "m");
	usdt_probedef_t *probe = usdt_create_probe("f", "n", 0, NULL);

	usdt_provider_add_probe(p, probe);
	is_int(usdt_provider_enable(p), 0, "it is enabled");
	usdt_provider_status(p, status);
	usdt_provider_free(p);
	usdt_probe_release(probe);
}

int
main(void)
{
	usdt_status_t status;

	scratch_begin();
	if (usdt__stub_count == 0) {
		skip("the library has no stubs for this processor");
		return done_testing();
	}
	snprintf(images, sizeof images, "%s/made", scratch);
	snprintf(victim, sizeof victim, "%s/victim", scratch);
	mkdir(victim, 0755);
	setenv("USDT_IMAGE_DIR", images, 1);
	umask(0777);

	swapping = 1;
	enable(&status);
	ok(swapped, "a link replaced the directory");
	is_int(mode_of(victim), 0755, "the link's target keeps its mode");
	ok(strncmp(status.sdt.path, images, strlen(images)) != 0 &&
	    strncmp(status.sdt.path, victim, strlen(victim)) != 0,
	    "and has no image: %s", status.sdt.path);
	ok(strstr(status.note, images) != NULL, "which status says: %s",
	    status.note);

	remove_image(status.sdt.path);

	swapping = 0;
	unlink(images);
	enable(&status);
	is_int(mode_of(images), 0700, "alone it gets its mode");
	ok(strncmp(status.sdt.path, images, strlen(images)) == 0,
	    "and images: %s", status.sdt.path);
	return done_testing();
}
