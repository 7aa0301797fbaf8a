/*
 * image/place.c - where in memory does an image lie, and what stays there when
 * it goes?
 *
 * A thread may have read the address of a gate or a stub just before its probe
 * went away, and may use it at any time later.  So no other image gets an
 * image's addresses while the provider lives.  When an image goes, one mmap
 * lays a tombstone over it: a mapping of a file that has plain stubs, unknown
 * to tracers, where the image had its own.  A late thread reads a gate that
 * makes it look again, or runs through a stub that does nothing.  If the same
 * image comes back, it gets its old place.
 *
 * All tombstones of a process map one file for each kind of stub, plain and
 * typed, as long as the host does not close its descriptor.  The file has no
 * name, and stubs only where some image had them.  A provider's first images each have a block of addresses, so that
 * providers that change little reserve no more than they use.  Later images lie
 * side by side in large blocks.  They are at the same offset in the block and
 * in the file, so the kernel merges neighbouring tombstones into one mapping.
 *
 * All of this is called under the library's lock.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define ALONE		16	/* images that each have a block */
#define REMEMBERED	64	/* images that went and may come back */
#define PAGE		4096	/* of the file; no processor has smaller ones */

struct usdt__place {
	struct usdt__place *next;	/* below it in its block */
	struct usdt__block *block;
	uint8_t *base;
	size_t size;
	uint8_t id[USDT__ID_SIZE];	/* of the image's bytes */
	int used;			/* else there is a tombstone */
	unsigned long turn;		/* the tombstone's number */
};

/* Addresses that were reserved in one piece. */
struct usdt__block {
	struct usdt__block *next;	/* the older one */
	struct usdt__place *places;	/* the last one first */
	uint8_t *base;
	size_t size, used;		/* from the lowest address on */
	unsigned seams;			/* between tombstones of two files */
	unsigned file;			/* of the newest tombstone */
};

struct usdt__arena {
	struct usdt__block *blocks;	/* the newest first */
	unsigned long taken, buried;	/* places, so far */
	unsigned remembered;		/* places of tombstones */
	unsigned references;		/* the provider's and its images' */
	int has_tombstones;
};

/* A file of tombstones: one for plain stubs, one for typed ones. */
struct stones {
	int fd;				/* -1: none */
	uint64_t device, inode;
	const struct usdt__stub *stub;	/* in the file */
	size_t size;
	unsigned number;		/* counts the files so far */
};
static struct stones both[2] = { { .fd = -1 }, { .fd = -1 } };
static unsigned files;			/* so far */
static unsigned buriers;		/* arenas that have tombstones */

/* --- descriptors -------------------------------------------------------- */

/* A host that closed its standard descriptors may still write to them. */
static int
move_up(int fd)
{
	int up, error;

	if (fd > STDERR_FILENO || fd < 0)
		return fd;
	up = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	error = errno;
	close(fd);
	errno = error;
	return up;
}

int
usdt__memfd(const char *name)
{
#if defined(MFD_CLOEXEC)
	const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	int fd = memfd_create(name, flags | 0x10U /* MFD_EXEC */);

	if (fd < 0 && errno == EINVAL)		/* before Linux 6.3 */
		fd = memfd_create(name, flags);
	return move_up(fd);
#else
	(void)name;
	errno = ENOSYS;
	return -1;
#endif
}

/* --- the file of tombstones --------------------------------------------- */

/* Is the descriptor still that of the file?  The host may have closed it and
 * opened another file.  -1 and errno if the kernel can't say now. */
static int
is_ours(const struct stones *stones)
{
	struct stat st;

	if (stones->fd < 0)
		return 0;
	if (fstat(stones->fd, &st) < 0)
		return errno == EBADF ? 0 : -1;
	return st.st_dev == stones->device && st.st_ino == stones->inode;
}

static void
close_stones(struct stones *stones)
{
	if (is_ours(stones) > 0)
		close(stones->fd);
	stones->fd = -1;
}

static void
close_both(void)
{
	close_stones(&both[0]);
	close_stones(&both[1]);
}

/* A file without a name in the directory of images: since they can be mapped
 * executable, it can be, too. */
static int
open_nameless(const char *image)
{
#if defined(O_TMPFILE)
	char dir[USDT_PATH_SIZE];
	char *slash;
	int i;

	strcpy(dir, image);
	for (i = 0; i < 3; i++) {	/* PROVIDER/1-HASH/MODULE */
		slash = strrchr(dir, '/');
		if (slash == NULL || slash == dir)
			return -1;
		*slash = '\0';
	}
	return move_up(openat(AT_FDCWD, dir, O_TMPFILE | O_RDWR | O_CLOEXEC,
	    0600));
#else
	(void)image;
	return -1;
#endif
}

/* Make the file hold such stubs and at least SIZE bytes.  Returns 0 or an
 * errno. */
static int
open_stones(struct stones *stones, const char *image,
    const struct usdt__stub *stub, size_t size)
{
	struct rlimit limit;
	struct stat st;
	int error, ours;

	/* Beyond this limit ftruncate raises a signal that ends the host. */
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
	    limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < size)
		return EFBIG;
	ours = is_ours(stones);
	if (ours < 0)
		return errno;
	if (stones->stub != stub || !ours) {
		close_stones(stones);
		stones->fd = image[0] != '\0' ? open_nameless(image) : -1;
		if (stones->fd < 0)
			stones->fd = usdt__memfd("retired-stubs");
		if (stones->fd < 0)
			return errno;
		if (fstat(stones->fd, &st) < 0) {
			error = errno;
			close(stones->fd);
			stones->fd = -1;
			return error;
		}
		stones->device = st.st_dev;
		stones->inode = st.st_ino;
		stones->stub = stub;
		stones->size = 0;
		stones->number = ++files;
	}
	if (stones->size < size) {
		if (ftruncate(stones->fd, (off_t)size) < 0)
			return errno;
		stones->size = size;
	}
	return 0;
}

/*
 * Write stubs, or zeros, from START up to END of the file, in whole pages.
 * Zeros are written even if the file has a hole there: a late read of a hole
 * needs memory, which may have run out by then.
 */
static int
fill(const struct stones *stones, size_t start, size_t end, int with_stubs)
{
	uint8_t page[PAGE] = { 0 }, found[USDT__STUB_MAX];
	size_t i, at, size = stones->stub->size;
	ssize_t n;

	for (i = 0; with_stubs && i < PAGE; i += size)
		memcpy(page + i, stones->stub->code, size);
	for (at = start & ~(size_t)(PAGE - 1); at < end; at += PAGE) {
		/* Another tombstone has stubs here, and a thread may run in
		 * them: keep them. */
		n = pread(stones->fd, found, size,
		    (off_t)(at + PAGE - size));
		if (n == (ssize_t)size &&
		    memcmp(found, stones->stub->code, size) == 0)
			continue;
		do
			n = pwrite(stones->fd, page, PAGE, (off_t)at);
		while (n < 0 && errno == EINTR);
		if (n != PAGE)
			return n < 0 ? errno : ENOSPC;
	}
	return 0;
}

/* --- blocks ------------------------------------------------------------- */

/* The size of a block that many images share.  It is small in 32-bit processes,
 * where addresses are scarce, and grows with the pages, as images do. */
static size_t
block_size(void)
{
	size_t size = 1024 * (size_t)usdt__native_arch()->page;

	return sizeof(void *) > 4 && size < 16 << 20 ? 16 << 20 : size;
}

static uint8_t *
reserve(size_t size)
{
	void *base = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
	    -1, 0);

	return base == MAP_FAILED ? NULL : base;
}

/* Unmap what is at these addresses, which no thread uses, and keep them. */
static void
reserve_again(uint8_t *base, size_t size)
{
	mmap(base, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
	    -1, 0);
}

/* A block with SIZE unused bytes, or NULL. */
static struct usdt__block *
block_for(struct usdt__arena *arena, size_t size, struct usdt__why *why)
{
	struct usdt__block *last = arena->blocks, *new;

	if (last != NULL && last->size - last->used >= size)
		return last;
	new = calloc(1, sizeof *new);
	if (new == NULL) {
		usdt__no_memory(why);
		return NULL;
	}
	new->size = size;
	if (arena->taken >= ALONE && size < block_size())
		new->size = block_size();
	new->base = reserve(new->size);
	if (new->base == NULL && new->size > size) {
		new->size = size;	/* addresses are scarce */
		new->base = reserve(size);
	}
	if (new->base == NULL) {
		usdt__because(why, errno, "cannot reserve %zu bytes of "
		    "addresses: %s", size, usdt__strerror(errno));
		free(new);
		return NULL;
	}
	/* The rest of the last block is too small for any use. */
	if (last != NULL && last->used < last->size &&
	    munmap(last->base + last->used, last->size - last->used) == 0)
		last->size = last->used;
	new->next = last;
	return arena->blocks = new;
}

/* --- arenas ------------------------------------------------------------- */

struct usdt__arena *
usdt__arena_make(void)
{
	struct usdt__arena *arena = calloc(1, sizeof *arena);

	if (arena != NULL)
		arena->references = 1;
	return arena;
}

void
usdt__arena_release(struct usdt__arena *arena)
{
	struct usdt__block *block, *next_block;
	struct usdt__place *place, *next;

	if (arena == NULL || --arena->references > 0)
		return;
	for (block = arena->blocks; block != NULL; block = next_block) {
		next_block = block->next;
		for (place = block->places; place != NULL; place = next) {
			next = place->next;
			free(place);
		}
		munmap(block->base, block->size);
		free(block);
	}
	if (arena->has_tombstones && --buriers == 0)
		close_both();
	free(arena);
}

/* Each image is three mappings.  Tombstones between two images are one, and the
 * unused rest of a block is one. */
size_t
usdt__arena_mappings(const struct usdt__arena *arena)
{
	const struct usdt__block *block;
	const struct usdt__place *place;
	size_t n = 0;

	for (block = arena == NULL ? NULL : arena->blocks; block != NULL;
	    block = block->next) {
		const uint8_t *end = block->base + block->used;

		n += (block->used < block->size) + block->seams;
		for (place = block->places; place != NULL;
		    place = place->next) {
			if (!place->used)
				continue;
			n += USDT__IMAGE_MAPPINGS +
			    (place->base + place->size < end);
			end = place->base;
		}
		n += block->base < end;
	}
	return n;
}

/* --- places ------------------------------------------------------------- */

/* ThreadSanitizer's runtime has these; without it they are NULL. */
void AnnotateIgnoreWritesBegin(const char *file, int line)
    __attribute__((weak, visibility("default")));
void AnnotateIgnoreWritesEnd(const char *file, int line)
    __attribute__((weak, visibility("default")));

/* ThreadSanitizer takes this for a write to memory that threads may be reading.
 * It is correct, since the addresses are mapped at any time. */
int
usdt__map_over(uint8_t *at, size_t size, int protection, int fd,
    size_t offset)
{
	void *result;

	if (AnnotateIgnoreWritesBegin != NULL)
		AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
	result = mmap(at, size, protection, MAP_PRIVATE | MAP_FIXED, fd,
	    (off_t)offset);
	if (AnnotateIgnoreWritesEnd != NULL)
		AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
	return result == MAP_FAILED ? errno : 0;
}

/* The place that an image of these bytes had, or NULL. */
static struct usdt__place *
old_place(struct usdt__arena *arena, const uint8_t id[USDT__ID_SIZE],
    size_t size)
{
	struct usdt__block *block;
	struct usdt__place *place;

	for (block = arena->blocks; block != NULL; block = block->next)
		for (place = block->places; place != NULL; place = place->next)
			if (!place->used && place->size == size &&
			    memcmp(place->id, id, USDT__ID_SIZE) == 0)
				return place;
	return NULL;
}

/* Forget the place whose tombstone is the oldest. */
static void
forget_oldest(struct usdt__arena *arena)
{
	struct usdt__block *block;
	struct usdt__place **link, **oldest = NULL, *place;

	for (block = arena->blocks; block != NULL; block = block->next)
		for (link = &block->places; *link != NULL;
		    link = &(*link)->next)
			if (!(*link)->used && (oldest == NULL ||
			    (*link)->turn < (*oldest)->turn))
				oldest = link;
	if (oldest == NULL)
		return;
	place = *oldest;
	*oldest = place->next;
	free(place);
	arena->remembered--;
}

int
usdt__place_take(struct usdt__arena *arena, const uint8_t id[USDT__ID_SIZE],
    size_t size, struct usdt__place **taken, struct usdt__why *why)
{
	struct usdt__place *place = old_place(arena, id, size);
	struct usdt__block *block;

	if (place != NULL) {
		arena->remembered--;
	} else {
		place = calloc(1, sizeof *place);
		if (place == NULL)
			return usdt__no_memory(why);
		block = block_for(arena, size, why);
		if (block == NULL) {
			free(place);
			return -1;
		}
		place->block = block;
		place->base = block->base + block->used;
		place->size = size;
		memcpy(place->id, id, USDT__ID_SIZE);
		place->next = block->places;
		block->places = place;
		block->used += size;
		arena->taken++;
	}
	place->used = 1;
	arena->references++;
	*taken = place;
	return 0;
}

uint8_t *
usdt__place_base(const struct usdt__place *place)
{
	return place->base;
}

/* The file for such stubs. */
static struct stones *
stones_for(const struct usdt__tomb *tomb)
{
	return &both[tomb->stub->uprobe_site != 0];
}

static int
lay_tombstone(struct usdt__place *place, const struct usdt__tomb *tomb)
{
	struct usdt__block *block = place->block;
	struct stones *stones = stones_for(tomb);
	size_t at = (size_t)(place->base - block->base);
	int error = open_stones(stones, tomb->path, tomb->stub, at + place->size);

	if (error == 0)
		error = fill(stones, at + tomb->text, at + tomb->text_end, 1);
	if (error == 0)
		error = fill(stones, at + tomb->gates, at + tomb->gates_end, 0);
	if (error != 0)
		return error;
	error = usdt__map_over(place->base, place->size, PROT_READ | PROT_EXEC,
	    stones->fd, at);
	if (error != 0)
		return error;
	if (block->file != 0 && block->file != stones->number)
		block->seams += 2;	/* one on each side */
	block->file = stones->number;
	return 0;
}

int
usdt__place_bury(struct usdt__arena *arena, struct usdt__place *place,
    const struct usdt__tomb *tomb)
{
	int error = lay_tombstone(place, tomb);

	if (error != 0) {
		/* No arena had tombstones: so the file was opened just now. */
		if (buriers == 0 && stones_for(tomb)->fd >= 0) {
			close(stones_for(tomb)->fd);
			stones_for(tomb)->fd = -1;
		}
		return error;
	}
	if (!arena->has_tombstones) {
		arena->has_tombstones = 1;
		buriers++;
	}
	place->used = 0;
	place->turn = ++arena->buried;
	if (++arena->remembered > REMEMBERED)
		forget_oldest(arena);
	usdt__arena_release(arena);
	return 0;
}

/* No thread ever had its addresses: free them for other images. */
static void
forget_place(struct usdt__arena *arena, struct usdt__place *place)
{
	struct usdt__block *block = place->block;

	block->places = place->next;
	block->used -= place->size;
	arena->taken--;
	free(place);
	if (block->used > 0)
		return;
	arena->blocks = block->next;
	munmap(block->base, block->size);
	free(block);
}

void
usdt__place_give_back(struct usdt__arena *arena, struct usdt__place *place,
    const struct usdt__tomb *tomb)
{
	struct usdt__block *block = place->block;

	if (place->turn == 0 && block == arena->blocks &&
	    block->places == place) {
		if (block->used > place->size)
			reserve_again(place->base, place->size);
		forget_place(arena, place);
	} else if (lay_tombstone(place, tomb) == 0) {
		place->used = 0;
		arena->remembered++;
	}
	usdt__arena_release(arena);
}

void
usdt__place_drop(struct usdt__arena *arena, struct usdt__place *place)
{
	if (arena->references > 1)	/* else the release unmaps all */
		reserve_again(place->base, place->size);
	usdt__arena_release(arena);
}
