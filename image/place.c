/*
 * image/place.c - where in memory does an image lie, and what stays there when
 * it goes?
 *
 * A thread may have read the address of a gate or of a stub just before its
 * probe went away, and use it at any time later.  So the addresses of an image
 * are never given to another one while the provider lives.  When an image goes
 * a tombstone is laid over it, in one step: a mapping of a file that has plain
 * stubs, which no tracer knows, where the image had its own.  Who comes there
 * late reads a gate that leads to a second look, or runs through a stub that
 * does nothing.  If the same image comes back it gets its old place.
 *
 * All tombstones of a process are of one file, as long as the host does not
 * close its descriptor.  It has no name, and stubs only where some image had
 * them.  The provider's first images have blocks of addresses of their own, so
 * that who never changes much reserves nothing; the others lie side by side in
 * large blocks, at the same distance from the block's and from the file's
 * start: so the kernel makes one mapping of neighbouring tombstones.
 *
 * All of this under the library's lock.
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

#define ALONE		16	/* images that have a block of their own */
#define REMEMBERED	64	/* that went and may come back */
#define PAGE		4096	/* of the file; no processor has smaller ones */

struct usdt__place {
	struct usdt__place *next;	/* the one below it in its block */
	struct usdt__block *block;
	uint8_t *base;
	size_t size;
	uint8_t id[USDT__ID_SIZE];	/* of the image's bytes */
	int used;			/* else there is a tombstone */
	unsigned long turn;		/* when that was laid */
};

/* Addresses that were reserved in one piece. */
struct usdt__block {
	struct usdt__block *next;	/* the one before it */
	struct usdt__place *places;	/* the last one first */
	uint8_t *base;
	size_t size, used;		/* it is used from below */
	unsigned seams;			/* of tombstones that can't merge */
	unsigned file;			/* that the newest of them is of */
};

struct usdt__arena {
	struct usdt__block *blocks;	/* the newest first */
	unsigned long taken, buried;	/* places, so far */
	unsigned remembered;		/* tombstones that have a place */
	unsigned references;		/* the provider's and its images' */
	int has_tombstones;
};

/* The file of tombstones. */
static struct {
	int fd;				/* -1: none */
	uint64_t device, inode;
	const struct usdt__stub *stub;	/* that it is full of */
	size_t size;
	unsigned number;		/* of all that there were */
	unsigned arenas;		/* that have tombstones */
} stones = { .fd = -1 };

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

/* The host may have closed it and have another file there.  -1 and errno: that
 * can't be told now. */
static int
is_ours(void)
{
	struct stat st;

	if (stones.fd < 0)
		return 0;
	if (fstat(stones.fd, &st) < 0)
		return errno == EBADF ? 0 : -1;
	return st.st_dev == stones.device && st.st_ino == stones.inode;
}

static void
close_stones(void)
{
	if (is_ours() > 0)
		close(stones.fd);
	stones.fd = -1;
}

/* A file without a name in the directory that images lie in: where these can
 * be executed it can be, too. */
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

/* Have a file of SIZE bytes, or more, for such stubs.  Returns 0 or an errno. */
static int
open_stones(const char *image, const struct usdt__stub *stub, size_t size)
{
	struct rlimit limit;
	struct stat st;
	int error, ours;

	/* Going beyond this limit is a signal that ends the host. */
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
	    limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < size)
		return EFBIG;
	ours = is_ours();
	if (ours < 0)
		return errno;
	if (stones.stub != stub || !ours) {
		close_stones();
		stones.fd = image[0] != '\0' ? open_nameless(image) : -1;
		if (stones.fd < 0)
			stones.fd = usdt__memfd("retired-stubs");
		if (stones.fd < 0)
			return errno;
		if (fstat(stones.fd, &st) < 0) {
			error = errno;
			close(stones.fd);
			stones.fd = -1;
			return error;
		}
		stones.device = st.st_dev;
		stones.inode = st.st_ino;
		stones.stub = stub;
		stones.size = 0;
		stones.number++;
	}
	if (stones.size < size) {
		if (ftruncate(stones.fd, (off_t)size) < 0)
			return errno;
		stones.size = size;
	}
	return 0;
}

/*
 * Put stubs, or zeros, from START up to END of the file, in whole pages.  They
 * are written though they may be zeros already: reading what is not there
 * takes memory, which there may not be then.
 */
static int
fill(size_t start, size_t end, int with_stubs)
{
	uint8_t page[PAGE] = { 0 }, found[USDT__STUB_SIZE];
	size_t i, at;
	ssize_t n;

	for (i = 0; with_stubs && i < PAGE; i += USDT__STUB_SIZE)
		memcpy(page + i, stones.stub->code, USDT__STUB_SIZE);
	for (at = start & ~(size_t)(PAGE - 1); at < end; at += PAGE) {
		/* Another tombstone has stubs there: a thread may run there. */
		n = pread(stones.fd, found, sizeof found,
		    (off_t)(at + PAGE - sizeof found));
		if (n == sizeof found &&
		    memcmp(found, stones.stub->code, sizeof found) == 0)
			continue;
		do
			n = pwrite(stones.fd, page, PAGE, (off_t)at);
		while (n < 0 && errno == EINTR);
		if (n != PAGE)
			return n < 0 ? errno : ENOSPC;
	}
	return 0;
}

/* --- blocks ------------------------------------------------------------- */

/* How large are blocks that many images share?  Addresses are scarce in 32-bit
 * processes; where pages may be large, images are. */
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

/* Nobody was told of these addresses, or nobody uses them any more. */
static void
reserve_again(uint8_t *base, size_t size)
{
	mmap(base, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
	    -1, 0);
}

/* A block with SIZE bytes to be used, or NULL. */
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
		new->size = size;	/* little is left */
		new->base = reserve(size);
	}
	if (new->base == NULL) {
		usdt__because(why, errno, "cannot reserve %zu bytes of "
		    "addresses: %s", size, usdt__strerror(errno));
		free(new);
		return NULL;
	}
	/* What is left of the last one is of no use any more. */
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
	if (arena->has_tombstones && --stones.arenas == 0)
		close_stones();
	free(arena);
}

/* Images: three mappings.  Between them: one of tombstones, if there are any,
 * and above all one of what is left. */
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

/* ThreadSanitizer's runtime has these; else they are NULL. */
void AnnotateIgnoreWritesBegin(const char *file, int line)
    __attribute__((weak, visibility("default")));
void AnnotateIgnoreWritesEnd(const char *file, int line)
    __attribute__((weak, visibility("default")));

/* To ThreadSanitizer that is a write to what was there, which threads may just
 * be reading: there it is right, since something is there at any time. */
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

static int
lay_tombstone(struct usdt__place *place, const struct usdt__tomb *tomb)
{
	struct usdt__block *block = place->block;
	size_t at = (size_t)(place->base - block->base);
	int error = open_stones(tomb->path, tomb->stub, at + place->size);

	if (error == 0)
		error = fill(at + tomb->text, at + tomb->text_end, 1);
	if (error == 0)
		error = fill(at + tomb->gates, at + tomb->gates_end, 0);
	if (error != 0)
		return error;
	error = usdt__map_over(place->base, place->size, PROT_READ | PROT_EXEC,
	    stones.fd, at);
	if (error != 0)
		return error;
	if (block->file != 0 && block->file != stones.number)
		block->seams += 2;	/* one on each side */
	block->file = stones.number;
	return 0;
}

int
usdt__place_bury(struct usdt__arena *arena, struct usdt__place *place,
    const struct usdt__tomb *tomb)
{
	int error = lay_tombstone(place, tomb);

	if (error != 0) {
		/* Nobody had it before: then it was opened just now. */
		if (stones.arenas == 0 && stones.fd >= 0) {
			close(stones.fd);
			stones.fd = -1;
		}
		return error;
	}
	if (!arena->has_tombstones) {
		arena->has_tombstones = 1;
		stones.arenas++;
	}
	place->used = 0;
	place->turn = ++arena->buried;
	if (++arena->remembered > REMEMBERED)
		forget_oldest(arena);
	usdt__arena_release(arena);
	return 0;
}

/* Nobody was told of it: its addresses may be had by another. */
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
	if (arena->references > 1)	/* else all of it goes */
		reserve_again(place->base, place->size);
	usdt__arena_release(arena);
}
