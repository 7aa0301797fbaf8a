/*
 * image/map.c - which probe images does this process map?
 *
 * Each once: two mappings of one file make the kernel's counting of semaphores
 * go wrong.  In a forked child mappings are mended.  All is done under the
 * library's lock.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/internal.h"

static struct usdt__image *mapped;

/*
 * Map the segments of an open image.  The addresses are reserved first, then
 * each segment is mapped once, with the protection that it keeps: the kernel
 * counts semaphores only in pages that were writable from the start.  Data
 * comes before text, so that a breakpoint finds its semaphore.
 */
int
usdt__image_map(struct usdt__image *image, const struct usdt__elf *elf, int fd)
{
	const struct {
		size_t start, end;
		int protection;
	} segments[] = {
		{ elf->gates, elf->map_size, PROT_READ | PROT_WRITE },
		{ 0, elf->text, PROT_READ },
		{ elf->text, elf->gates, PROT_READ | PROT_EXEC },
	};
	struct stat file, root;
	uint8_t *base;
	size_t i;
	int error;

	if (fstat(fd, &file) < 0)
		return errno;
	base = mmap(NULL, elf->map_size, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED)
		return errno;
	for (i = 0; i < sizeof segments / sizeof segments[0]; i++) {
		size_t start = segments[i].start;

		if (mmap(base + start, segments[i].end - start,
		    segments[i].protection, MAP_PRIVATE | MAP_FIXED, fd,
		    (off_t)start) == MAP_FAILED) {
			error = errno;
			munmap(base, elf->map_size);
			return error;
		}
	}
	image->base = base;
	image->size = elf->map_size;
	image->spare = elf->gates - elf->spare;
	image->spare_end = elf->gates;
	image->device = file.st_dev;
	image->inode = file.st_ino;
	if (stat("/", &root) == 0) {
		image->root_device = root.st_dev;
		image->root_inode = root.st_ino;
	}
	return 0;
}

void
usdt__image_unmap(struct usdt__image *image)
{
	munmap(image->base, image->size);
}

/* How Linux packs a device's numbers into st_dev. */
static unsigned
device_major(uint64_t device)
{
	return (unsigned)((device >> 8 & 0xfff) | (device >> 32 & ~0xfffu));
}

static unsigned
device_minor(uint64_t device)
{
	return (unsigned)((device & 0xff) | (device >> 12 & ~0xffu));
}

/*
 * Does this process map the file, by any copy of the library?  /proc/self/maps
 * is asked by name as well as by inode: on some file systems stat gives other
 * numbers than maps.
 */
int
usdt__image_is_mapped(uint64_t device, uint64_t inode, const char *path)
{
	const struct usdt__image *image;
	char *line = NULL;
	size_t size = 0;
	int error, found = 0;
	FILE *maps;

	for (image = mapped; image != NULL; image = image->next)
		if (image->device == device && image->inode == inode)
			return 1;
	maps = fopen("/proc/self/maps", "re");
	if (maps == NULL)	/* without /proc nobody can tell */
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM ?
		    -1 : 0;
	while (!found && getline(&line, &size, maps) > 0) {
		uint64_t number;
		unsigned major, minor;
		int name = 0;

		if (sscanf(line, "%*s %*s %*s %x:%x %" SCNu64 " %n", &major,
		    &minor, &number, &name) < 3 || name == 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		found = strcmp(line + name, path) == 0 ||
		    (number == inode && major == device_major(device) &&
		    minor == device_minor(device));
	}
	if (!found && !feof(maps))
		found = -1;
	error = errno;
	free(line);
	fclose(maps);
	errno = error;
	return found;
}

void
usdt__image_keep(struct usdt__image *image)
{
	image->next = mapped;
	mapped = image;
}

void
usdt__image_drop(struct usdt__image *image)
{
	struct usdt__image **link = &mapped;

	while (*link != NULL && *link != image)
		link = &(*link)->next;
	if (*link != NULL)
		*link = image->next;
	usdt__image_unmap(image);
	/* The host may have closed our descriptor and have another there. */
	if (image->fd >= 0 && usdt__image_present(image))
		close(image->fd);
	free(image);
}

/*
 * The first call takes the file's own bytes, gates too.  The others change
 * nothing but that the mapping is split and joined again: that is when the
 * kernel looks for breakpoints that a mapping should have, and counts them.
 * Where the split is there are no stubs.  If it fails, the child isn't traced.
 */
void
usdt__images_renew(void)
{
	struct usdt__image *image;

	for (image = mapped; image != NULL; image = image->next) {
		uint8_t *spare = image->base + image->spare;
		size_t size = image->spare_end - image->spare;

		if (size == 0)
			continue;
		madvise(image->base, image->size, MADV_DONTNEED);
		madvise(spare, size, MADV_RANDOM);
		madvise(spare, size, MADV_NORMAL);
	}
}

/* Is this the file of an image? */
static int
is_file_of(const struct usdt__image *image, const struct stat *st)
{
	return st->st_dev == image->device && st->st_ino == image->inode;
}

/* Does a path lead to what it led to when the image was mapped? */
static int
same_root(const struct usdt__image *image)
{
	struct stat st;

	return stat("/", &st) < 0 || (st.st_dev == image->root_device &&
	    st.st_ino == image->root_inode);
}

/* A file that this process may not see any more is there for others. */
int
usdt__image_present(const struct usdt__image *image)
{
	struct stat st;
	int result = image->fd < 0 ? stat(image->path, &st) :
	    fstat(image->fd, &st);

	if (result == 0 && is_file_of(image, &st))
		return 1;
	return image->fd < 0 && ((result < 0 && errno == EACCES) ||
	    !same_root(image));
}

void
usdt__image_path(const struct usdt__image *image, char out[USDT_PATH_SIZE])
{
	if (image->fd < 0)
		strcpy(out, image->path);
	else	/* a forked child has another pid */
		snprintf(out, USDT_PATH_SIZE, "/proc/%ld/fd/%d",
		    (long)getpid(), image->fd);
}
