/*
 * retention.c - how many bytes of unused images are kept?
 *
 * 16 MiB: the oldest go first, but the youngest stays.  The files are made here
 * in the sizes needed.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <sys/stat.h>

#include "tap.h"
#include "scratch.h"
#include "core/provider.h"

#define MIB	(1 << 20)
#define FUTURE	2000000000	/* later than all files made meanwhile */

/* The path of image NUMBER. */
static const char *
path_of(int number, const char *end)
{
	static char path[256];

	snprintf(path, sizeof path, "%s/left/%d-%016x%s", scratch,
	    USDT__LAYOUT, number, end);
	return path;
}

/* An unused image: the higher the number, the younger. */
static void
leave(int number, int mib)
{
	struct timespec times[2] = {
		{ FUTURE + number, 0 }, { FUTURE + number, 0 }
	};
	char dir[128];
	int fd;

	snprintf(dir, sizeof dir, "%s/left", scratch);
	mkdir(dir, 0700);
	mkdir(path_of(number, ""), 0700);
	fd = open(path_of(number, "/m"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)mib * MIB) < 0 ||
	    fchmod(fd, 0400) < 0 || futimens(fd, times) < 0)
		printf("Bail out! no file of %d MiB\n", mib);
	close(fd);
}

/* Which images exist? "1.3" of three. */
static const char *
there(int count)
{
	static char text[32];
	int i;

	for (i = 1; i <= count; i++)
		text[i - 1] = access(path_of(i, "/m"), F_OK) == 0 ?
		    (char)('0' + i) : '.';
	text[count] = '\0';
	return text;
}

static usdt_provider_t *
enable(const char *name, int probes)
{
	usdt_provider_t *p = usdt_create_provider(name, "m");
	usdt_probedef_t *def;
	char text[32];
	int i;

	for (i = 0; i < probes; i++) {
		snprintf(text, sizeof text, "probe-%d", i);
		def = usdt_create_probe("f", text, 0, NULL);
		usdt_provider_add_probe(p, def);
		usdt_probe_release(def);
	}
	if (usdt_provider_enable(p) < 0)
		note("%s", usdt_errstr(p));
	return p;
}

/* Look for old images: a process does so with its first file. */
static void
look(void)
{
	static int rounds;
	char name[32];

	usdt__image_files = 0;
	snprintf(name, sizeof name, "look%dx", rounds++);
	usdt_provider_free(enable(name, 1));
}

int
main(void)
{
	usdt_provider_t *p;
	int i, fd;

	scratch_begin();
	if (!usdt__native_platform()->image || usdt__stub_count == 0) {
		skip("no images here");
		return done_testing();
	}
	leave(1, 1);
	fd = open(path_of(1, "/m"), O_RDONLY | O_CLOEXEC);
	if (!usdt__image_is_unheld(fd)) {
		close(fd);
		skip("here the kernel does not say who holds a file");
		return done_testing();
	}
	close(fd);

	for (i = 1; i <= 3; i++)
		leave(i, 5);
	look();
	is_str(there(3), "123", "15 MiB are left");
	leave(4, 5);
	leave(5, 5);
	fd = open(path_of(2, "/m"), O_RDONLY | O_CLOEXEC);
	look();
	is_str(there(5), ".2345", "of 25 MiB the oldest go; one that is held "
	    "stays, and does not count");
	close(fd);
	look();
	is_str(there(5), "..345", "that goes later");
	leave(6, 1);
	leave(7, 30);
	look();
	is_str(there(7), "......7", "the youngest stays, however large");
	leave(8, 1);
	look();
	is_str(there(8), ".......8", "until a younger one comes");

	/* More files, or more bytes. */
	leave(9, 15);
	p = enable("small", 1);
	is_str(there(9), ".......89", "a process does not look again at once");
	usdt_provider_free(p);
	leave(10, 15);
	p = enable("large", 24000);
	is_str(there(10), ".........:", "but when it has made 4 MiB");
	usdt_provider_free(p);
	return done_testing();
}
