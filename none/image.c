/*
 * none/image.c - what takes the place of the rooms that only Linux has?
 *
 * Built in place of image/file.c, image/map.c, image/place.c, image/retention.c,
 * core/turn.c, image/stash.c, core/guard.c and image/nop.c on systems whose row
 * has no images: these have one kind of nop, and nothing to be mended in
 * children.  Nobody takes an image there, copies of the library do not know of
 * each other, and helpers keep nothing of a process that execs.
 */
#include "image/image.h"

#include <errno.h>

int32_t usdt__guard[] = { 1 };

void
usdt__guard_renew(void)
{
}

int
usdt__guard_make(void)
{
	return 0;
}

int
usdt__guard_kept(void)
{
	return 0;
}

int
usdt__guard_claim(void)
{
	return 0;
}

void
usdt__guard_claimed(void)
{
}

const struct usdt__stub *
usdt__stub_choose(void)
{
	uint32_t i;

	for (i = 0; i < usdt__stub_count; i++)
		if (usdt__stubs[i].answer ==
		    usdt__native_platform()->isenabled)
			return &usdt__stubs[i];	/* the smallest comes first */
	return NULL;
}

int
usdt__turn_take(enum usdt__turn which, int *alone)
{
	(void)which;
	*alone = 0;
	errno = ENOSYS;
	return -1;
}

void
usdt__turn_give(int turn)
{
	(void)turn;
}

int
usdt__stash_clear(const struct usdt__platform *row, const char *device,
    const struct usdt__image *image, struct usdt__why *why)
{
	(void)row;
	(void)device;
	(void)image;
	(void)why;
	return 0;
}

void
usdt__stash_forget(int forked)
{
	(void)forked;
}

int
usdt__image_take(const struct usdt__elf *elf,
    const struct usdt__window *window, const uint8_t id[USDT__ID_SIZE],
    struct usdt__arena *arena, struct usdt__image **image,
    struct usdt__why *why)
{
	(void)elf;
	(void)window;
	(void)id;
	(void)arena;
	(void)image;
	return usdt__because(why, ENOSYS, "no probe images on this system");
}

void
usdt__image_drop(struct usdt__image *image)
{
	(void)image;
}

int
usdt__image_bury(struct usdt__image *image)
{
	(void)image;
	return ENOSYS;
}

struct usdt__arena *
usdt__arena_make(void)
{
	return NULL;
}

void
usdt__arena_release(struct usdt__arena *arena)
{
	(void)arena;
}

size_t
usdt__arena_mappings(const struct usdt__arena *arena)
{
	(void)arena;
	return 0;
}

void
usdt__images_renew(void)
{
}

int
usdt__image_present(const struct usdt__image *image)
{
	(void)image;
	return 0;
}

void
usdt__image_path(const struct usdt__image *image, char out[USDT_PATH_SIZE])
{
	(void)image;
	out[0] = '\0';
}
