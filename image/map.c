/*
 * image/map.c - which probe images does this process map?
 *
 * It maps each image once, since two mappings of a file make the kernel's
 * counts of semaphores wrong.  It mends the mappings in a forked child.  All of
 * this is called under the library's lock.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static struct usdt__image *mapped;
size_t usdt__images_mapped;
size_t usdt__images_gone;

/*
 * Map the segments of an open image to reserved addresses.  Each segment is
 * mapped once, with its final protection, because the kernel counts semaphores
 * only in pages that were writable from the start.  Data is mapped before text,
 * so that a breakpoint finds its semaphore.
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
	uint8_t *base = usdt__place_base(image->place);
	size_t i;
	int error;

	if (fstat(fd, &file) < 0)
		return errno;
	for (i = 0; i < sizeof segments / sizeof segments[0]; i++) {
		size_t start = segments[i].start;

		error = usdt__map_over(base + start, segments[i].end - start,
		    segments[i].protection, fd, start);
		if (error != 0)
			return error;
	}
	if (elf->direct != 0) {
		usdt__ring_prepare();
		usdt__ring_new_image(base + elf->text, elf->stubs_size);
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

/* --- what others in this process map ------------------------------------ */

/* A file, by what /proc/self/maps shows of it. */
struct wanted {
	unsigned major, minor;
	uint64_t inode;
	const char *path;
};

/* Read a number in BASE that ends at END at the latest, and move *AT behind
 * it. */
static uint64_t
read_number(const char **at, const char *end, unsigned base)
{
	uint64_t number = 0;
	const char *p = *at;
	unsigned digit;

	for (; p < end; p++) {
		digit = (unsigned char)*p - '0';
		if (digit > 9)
			digit = (unsigned char)*p - 'a' + 10U;
		if (digit >= base)
			break;
		number = number * base + digit;
	}
	*at = p;
	return number;
}

/* Is this line, which may lack its end, of the wanted file?
 * "7f00-7f01 r-xp 00002000 00:1a 123    /path" */
static int
is_line_of(const char *line, const char *end, const struct wanted *wanted)
{
	size_t length = strlen(wanted->path);
	uint64_t major, minor, inode;
	int field;

	for (field = 0; field < 3; field++) {
		line = memchr(line, ' ', (size_t)(end - line));
		if (line == NULL)
			return 0;
		line++;
	}
	major = read_number(&line, end, 16);
	if (line == end || *line++ != ':')
		return 0;
	minor = read_number(&line, end, 16);
	if (line == end || *line++ != ' ')
		return 0;
	inode = read_number(&line, end, 10);
	if (inode == wanted->inode && major == wanted->major &&
	    minor == wanted->minor)
		return 1;
	/* On some file systems stat and maps have different numbers. */
	while (line < end && *line == ' ')
		line++;
	return (size_t)(end - line) == length &&
	    memcmp(line, wanted->path, length) == 0;
}

/*
 * Does /proc/self/maps have a line of the wanted file?  A process with many
 * images has many lines, so this reads each line once, and allocates nothing.
 * Returns -1 and errno if reading fails.
 */
static int
is_in_maps(int maps, const struct wanted *wanted)
{
	char buffer[4096];		/* the kernel returns no more at once */
	const char *line, *end;
	size_t kept = 0;
	int found = 0, cut = 0;		/* the line's start was checked */
	ssize_t n;

	while (!found) {
		n = read(maps, buffer + kept, sizeof buffer - kept);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -1 : 0;
		kept += (size_t)n;
		for (line = buffer; !found && (end = memchr(line, '\n',
		    kept - (size_t)(line - buffer))) != NULL; line = end + 1) {
			found = !cut && is_line_of(line, end, wanted);
			cut = 0;
		}
		kept -= (size_t)(line - buffer);
		if (kept == sizeof buffer) {
			/* A line longer than the buffer has all numbers in it,
			 * and a path that no image of ours has. */
			found = found || (!cut &&
			    is_line_of(line, line + kept, wanted));
			cut = 1;
			kept = 0;
		}
		memmove(buffer, line, kept);
	}
	return found;
}

int
usdt__image_is_mapped(uint64_t device, uint64_t inode, const char *path)
{
	const struct wanted wanted = {
		device_major(device), device_minor(device), inode, path
	};
	const struct usdt__image *image;
	int maps, found, error;

	for (image = mapped; image != NULL; image = image->next)
		if (image->device == device && image->inode == inode)
			return 1;
	do
		maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	while (maps < 0 && errno == EINTR);
	if (maps < 0)		/* without /proc: assume that it does not */
		return errno == EMFILE || errno == ENFILE || errno == ENOMEM ?
		    -1 : 0;
	found = is_in_maps(maps, &wanted);
	error = errno;
	close(maps);
	errno = error;
	return found;
}

void
usdt__image_keep(struct usdt__image *image)
{
	image->next = mapped;
	image->previous = NULL;
	if (mapped != NULL)
		mapped->previous = image;
	mapped = image;
	usdt__images_mapped++;
}

/* Free an image that is unmapped. */
static void
forget(struct usdt__image *image)
{
	usdt__images_mapped--;
	usdt__images_gone++;
	if (image->previous != NULL)
		image->previous->next = image->next;
	else
		mapped = image->next;
	if (image->next != NULL)
		image->next->previous = image->previous;
	/* The host may have closed our descriptor and reused its number. */
	if (image->fd >= 0 && usdt__image_present(image))
		close(image->fd);
	free(image);
}

void
usdt__image_drop(struct usdt__image *image)
{
	usdt__place_drop(image->arena, image->place);
	forget(image);
}

int
usdt__image_bury(struct usdt__image *image)
{
	int error;

	image->tomb.path = image->path;
	error = usdt__place_bury(image->arena, image->place, &image->tomb);
	if (error == 0)
		forget(image);
	return error;
}

/*
 * The first madvise brings back the file's bytes, in gates too.  The others
 * split the mapping and join it again, which makes the kernel insert its
 * breakpoints and count semaphores.  The split is in pages without stubs.  If
 * this fails, the child is not traced.
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

/* Do paths begin at the same root as when the image was mapped? */
static int
same_root(const struct usdt__image *image)
{
	struct stat st;

	return stat("/", &st) < 0 || (st.st_dev == image->root_device &&
	    st.st_ino == image->root_inode);
}

/* If this process can no longer see the file, others may still open it. */
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
