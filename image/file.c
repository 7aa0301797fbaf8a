/*
 * image/file.c - in which file does a probe image live?
 *
 * Uprobes attach to a file and an offset, so stubs must be in a file, and every
 * tracer finds only a named one:
 *
 *	DIR/PROVIDER/1-HASH/MODULE
 *
 * 1 is the layout version, and HASH is a hash of the bytes.  So all processes
 * of a user with the same probes map one file, and a tracer's path stays the
 * same from run to run.  DIR is the first of $USDT_IMAGE_DIR, /dev/shm/usdt-UID
 * and /tmp/usdt-UID (in a user namespace usdt-UID-NAMESPACE) that lets a file
 * be mapped executable.  If none does, the image is a memfd, which stays open,
 * since some tracers find it only by its descriptor.
 *
 * The library never runs what another user could have written.  Directories
 * belong to the user and are closed to others.  A file belongs to the user and
 * is read-only.  It appears whole or not at all (it is written under another
 * name, then linked), and its bytes are compared before they are used.
 *
 * A process maps an image once, since two mappings make the kernel's counts of
 * semaphores wrong.  A second provider with the same probes, or a second copy
 * of the library, uses a sibling: 1-HASH.1, 1-HASH.2 ...
 *
 * A file stays when its processes end, so that a tracer can attach to it before
 * the next process starts.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define SIBLINGS	4096	/* equal images in one process, at most */
#define MANY		64	/* images that this process maps */
#define RETRIES		16	/* when other processes make or remove files */

/* A path in a text.  Four must fit in it. */
#define PATH_FORMAT	"%.64s%s"
#define PATH_ARGS(path)	(path), strlen(path) > 64 ? "..." : ""

/* The result of one attempt. */
enum outcome { TAKEN, TRY_SIBLING, TRY_AGAIN, FAILED };

/* The image to place. */
struct request {
	const struct usdt__elf *elf;
	const struct usdt__window *window;
	const uint8_t *id;
	char name[40];			/* 1-HASH */
	int alone;			/* no other copy of the library in this
					 * process maps an image meanwhile */
	int made;			/* this process wrote the file ... */
	struct stat made_as;		/* ... with this inode */
	struct usdt__image *image;	/* to be filled */
	struct usdt__why *why;
};

/* snprintf for paths.  check_dir_path has checked that they fit. */
USDT__PRINTF(3, 4)
static void
print(char *out, size_t size, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(out, size, format, args);
	va_end(args);
}

/* --- files -------------------------------------------------------------- */

/* Writes the bytes of an image to a file, or compares them with it. */
struct passage {
	struct usdt__sink sink;		/* first */
	const struct usdt__window *window;
	int fd;
	off_t at;			/* in the file, while comparing */
	int error;
};

static int
drain_to_file(struct usdt__sink *sink, const uint8_t *bytes, size_t size)
{
	struct passage *passage = (struct passage *)sink;
	ssize_t n;

	while (size > 0) {
		n = write(passage->fd, bytes, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			passage->error = n < 0 ? errno : ENOSPC;
			return -1;
		}
		bytes += n;
		size -= (size_t)n;
	}
	return 0;
}

/* Are these the file's next bytes? */
static int
drain_to_compare(struct usdt__sink *sink, const uint8_t *bytes, size_t size)
{
	struct passage *passage = (struct passage *)sink;
	const struct usdt__window *window = passage->window;
	size_t part;
	ssize_t n;

	for (; size > 0; bytes += n, size -= (size_t)n) {
		part = size < window->file_size ? size : window->file_size;
		do
			n = pread(passage->fd, window->file, part, passage->at);
		while (n < 0 && errno == EINTR);
		if (n <= 0 || memcmp(window->file, bytes, (size_t)n) != 0)
			return -1;
		passage->at += n;
	}
	return 0;
}

/* Pass the image's bytes on, building them again if the window does not have
 * all of them.  Returns -1 if any were refused. */
static int
pass_on(struct request *request, struct passage *passage)
{
	passage->window = request->window;
	if (request->elf->size <= request->window->size)
		return passage->sink.drain(&passage->sink,
		    request->window->bytes, request->elf->size);
	passage->sink.buffer = request->window->bytes;
	passage->sink.size = request->window->size;
	usdt__elf_emit(request->elf, request->id, &passage->sink);
	return usdt__sink_end(&passage->sink);
}

/* Returns 0 or an errno. */
static int
write_all(struct request *request, int fd)
{
	struct passage passage = {
		.sink = { .drain = drain_to_file }, .fd = fd
	};
	struct rlimit limit;

	/* Writing beyond this limit raises a signal that ends the host. */
	if (getrlimit(RLIMIT_FSIZE, &limit) == 0 &&
	    limit.rlim_cur != RLIM_INFINITY &&
	    limit.rlim_cur < request->elf->size)
		return EFBIG;
	return pass_on(request, &passage) < 0 ? passage.error : 0;
}

/* Does the file have exactly these bytes? */
static int
same_bytes(struct request *request, int fd, const struct stat *st)
{
	struct passage passage = {
		.sink = { .drain = drain_to_compare }, .fd = fd
	};

	return (uint64_t)st->st_size == request->elf->size &&
	    pass_on(request, &passage) == 0;
}

/* Is this the file that this process just made? */
static int
is_made(const struct request *request, const struct stat *st)
{
	return request->made && st->st_dev == request->made_as.st_dev &&
	    st->st_ino == request->made_as.st_ino;
}

/*
 * Write the bytes to a file with a temporary name, and link it to NAME.  If
 * another process did so meanwhile: TRY_AGAIN.
 */
static enum outcome
make_file(struct request *request, int dir, const char *name,
    const char *path)
{
	static unsigned counter;	/* under the library's lock */
	char temporary[64];
	enum outcome outcome = FAILED;
	int fd, error;

	snprintf(temporary, sizeof temporary, "~new-%ld-%u-%" PRIxPTR,
	    (long)getpid(), counter++, (uintptr_t)&counter);
	fd = openat(dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
	    O_CLOEXEC, 0600);
	if (fd < 0) {
		error = errno;
		if (error == EEXIST || error == ENOENT)
			return TRY_AGAIN;
		usdt__because(request->why, error, PATH_FORMAT ": %s",
		    PATH_ARGS(path), usdt__strerror(error));
		return FAILED;
	}
	error = write_all(request, fd);
	if (error == 0 && (fchmod(fd, 0400) < 0 ||
	    fstat(fd, &request->made_as) < 0))
		error = errno;
	if (close(fd) < 0 && error == 0)
		error = errno;
	if (error == 0 && linkat(dir, temporary, dir, name, 0) < 0)
		error = errno;
	unlinkat(dir, temporary, 0);
	if (error == 0)
		request->made = 1;
	if (error == 0 || error == EEXIST || error == ENOENT)
		outcome = TRY_AGAIN;	/* now a file can be opened */
	else
		usdt__because(request->why, error, PATH_FORMAT
		    ": cannot write: %s", PATH_ARGS(path),
		    usdt__strerror(error));
	return outcome;
}

/*
 * Opening the image's path failed with ERROR.  Remove a link, a socket and the
 * like.  If the mode of a file of ours forbids opening it, set mode 600.  That
 * is wrong, too, but the next try can open the file and, if no process holds
 * it, replace it.
 */
static enum outcome
make_readable(int dir, const char *name, int error)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return FAILED;
	if (S_ISDIR(st.st_mode))
		return TRY_SIBLING;
	if (!S_ISREG(st.st_mode))
		return unlinkat(dir, name, 0) == 0 ? TRY_AGAIN : FAILED;
	if (error == EACCES && (st.st_mode & 0777) != 0600)
		return fchmodat(dir, name, 0600, 0) == 0 ? TRY_AGAIN : FAILED;
	return FAILED;
}

/*
 * Is it possible that this process maps the file?  No, if it just made the file
 * and no other copy of the library was at work.  With many images reading
 * /proc/self/maps takes long, so a lease first shows whether any process holds
 * the file.  With few images no lease is taken, since it delays other processes
 * that open the file.
 */
static int
may_be_mapped(const struct request *request, int fd, const struct stat *st)
{
	if (request->alone && is_made(request, st))
		return 0;
	return usdt__images_mapped < MANY || !usdt__image_is_unheld(fd);
}

/*
 * Open, verify and map DIR/NAME; PATH is its whole path.  Replace a file with
 * other bytes or another mode than ours if no process holds it.
 */
static enum outcome
use_file(struct request *request, int dir, const char *name, const char *path)
{
	struct usdt__image *image = request->image;
	enum outcome outcome = FAILED;
	struct stat st;
	int fd, error, is_mapped;

	fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return make_file(request, dir, name, path);
	if (fd < 0 && errno == EWOULDBLOCK)
		return TRY_AGAIN;	/* another process has a lease */
	if (fd < 0) {
		error = errno;
		usdt__because(request->why, error, PATH_FORMAT ": %s",
		    PATH_ARGS(path), usdt__strerror(error));
		return make_readable(dir, name, error);
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_uid != geteuid() || (st.st_mode & 07777) != 0400 ||
	    !(is_made(request, &st) || same_bytes(request, fd, &st))) {
		close(fd);
		usdt__debug("image: %s: wrong owner, mode or content", path);
		return usdt__image_remove_unheld(dir, name) ?
		    TRY_AGAIN : TRY_SIBLING;
	}
	is_mapped = may_be_mapped(request, fd, &st) ?
	    usdt__image_is_mapped(st.st_dev, st.st_ino, path) : 0;
	if (is_mapped != 0) {
		error = errno;
		close(fd);
		if (is_mapped > 0)
			return TRY_SIBLING;
		usdt__because(request->why, error, "/proc/self/maps: %s",
		    usdt__strerror(error));
		if (request->made)
			unlinkat(dir, name, 0);
		return FAILED;
	}
	error = usdt__image_map(image, request->elf, fd);
	if (error != 0) {
		usdt__because(request->why, error, PATH_FORMAT
		    ": cannot map: %s", PATH_ARGS(path), usdt__strerror(error));
		if (request->made)
			unlinkat(dir, name, 0);
	} else if (fstat(fd, &st) == 0 && st.st_nlink > 0) {
		futimens(fd, NULL);	/* now it is the youngest */
		image->fd = -1;
		strcpy(image->path, path);
		outcome = TAKEN;
	} else {
		outcome = TRY_AGAIN;	/* removed before we had it mapped */
	}
	close(fd);
	return outcome;
}

/* --- directories -------------------------------------------------------- */

/*
 * Make a directory, if it is missing, with mode 700, whatever the umask.
 * Returns 0 or an errno.
 */
static int
make_dir(int at, const char *name)
{
	char link[40];
	struct stat st;
	int fd, error = 0;

	if (mkdirat(at, name, 0700) < 0)
		return errno == EEXIST ? 0 : errno;
	/* Another may have replaced it meanwhile, so open it before chmod. */
	fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	if (fstat(fd, &st) < 0 || (st.st_uid == geteuid() &&
	    (st.st_mode & 0777) != 0700 && chmod(link, 0700) < 0))
		error = errno;
	close(fd);
	return error;
}

/* Open a directory that is ours and closed to others, or make it.  Returns -1
 * on failure. */
static int
open_own_dir(int at, const char *name, const char *path,
    struct usdt__why *why)
{
	int fd, error = make_dir(at, name);
	struct stat st;

	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return usdt__because(why, error ? error : errno, PATH_FORMAT
		    ": %s", PATH_ARGS(path),
		    usdt__strerror(error ? error : errno));
	error = 0;
	if (fstat(fd, &st) < 0) {
		error = errno;
		usdt__because(why, error, PATH_FORMAT ": %s", PATH_ARGS(path),
		    usdt__strerror(error));
	} else if (st.st_uid != geteuid()) {
		error = EPERM;
		usdt__because(why, error, PATH_FORMAT ": belongs to user %lu",
		    PATH_ARGS(path), (unsigned long)st.st_uid);
	} else if ((st.st_mode & 077) != 0) {
		error = EPERM;
		usdt__because(why, error, PATH_FORMAT ": open to others, mode "
		    "%03o instead of 700", PATH_ARGS(path),
		    (unsigned)st.st_mode & 0777);
	}
	if (error != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Can tracers and the library use the path of an image in this directory? */
static int
check_dir_path(const char *path, const struct request *request)
{
	size_t length = strlen(path) +
	    strlen(request->elf->description->provider) +
	    strlen(request->elf->description->module) +
	    sizeof request->name + 16;

	if (path[0] != '/')
		return usdt__because(request->why, 0,
		    PATH_FORMAT ": not an absolute path", PATH_ARGS(path));
	if (path[strcspn(path, " \t\n:,")] != '\0')
		return usdt__because(request->why, 0, PATH_FORMAT ": tracers "
		    "cannot read paths with blanks, ':' or ','",
		    PATH_ARGS(path));
	if (length > USDT_PATH_SIZE)
		return usdt__because(request->why, ENAMETOOLONG,
		    PATH_FORMAT ": the image's path would have more than %d "
		    "bytes", PATH_ARGS(path), USDT_PATH_SIZE - 1);
	return 0;
}

/*
 * With very many equal providers, trying all their siblings for each further one
 * would take minutes.  While none of their images has gone, the search goes on
 * where it ended.  Few are always tried: one whose file was removed gets its path
 * again.
 */
static struct {
	char path[USDT_PATH_SIZE], name[40];
	unsigned sibling;		/* the next one */
	size_t gone;			/* usdt__images_gone */
} ended;

static unsigned
first_sibling(const struct request *request, const char *path)
{
	return ended.sibling >= MANY && ended.gone == usdt__images_gone &&
	    strcmp(ended.name, request->name) == 0 &&
	    strcmp(ended.path, path) == 0 ? ended.sibling : 0;
}

static void
end_search(const struct request *request, const char *path, unsigned sibling)
{
	strcpy(ended.path, path);
	strcpy(ended.name, request->name);
	ended.sibling = sibling + 1;
	ended.gone = usdt__images_gone;
}

/* Try 1-HASH, 1-HASH.1 ... in the provider's directory. */
static enum outcome
place_in_provider(struct request *request, int dir, const char *path)
{
	const char *module = request->elf->description->module;
	char name[sizeof request->name + 8], full[USDT_PATH_SIZE];
	enum outcome outcome = TRY_SIBLING;
	unsigned sibling = first_sibling(request, path), tries = 0;
	int fd;

	while (outcome == TRY_SIBLING || outcome == TRY_AGAIN) {
		if (sibling == SIBLINGS || tries == RETRIES) {
			usdt__because(request->why, EAGAIN, PATH_FORMAT
			    ": %s", PATH_ARGS(path), sibling == SIBLINGS ?
			    "too many equal definitions in one process" :
			    "others keep changing the image");
			return FAILED;
		}
		if (sibling == 0)
			strcpy(name, request->name);
		else
			print(name, sizeof name, "%s.%u", request->name,
			    sibling);
		print(full, sizeof full, "%s/%s", path, name);
		fd = open_own_dir(dir, name, full, request->why);
		if (fd < 0)
			return request->why->error == ENOENT ?
			    TRY_AGAIN : FAILED;	/* another removed it */
		print(full, sizeof full, "%s/%s/%s", path, name, module);
		outcome = use_file(request, fd, module, full);
		close(fd);
		if (outcome == FAILED)
			unlinkat(dir, name, AT_REMOVEDIR);	/* if empty */
		if (outcome == TRY_SIBLING) {
			sibling++;
			tries = 0;
		} else if (outcome == TRY_AGAIN && ++tries > 2) {
			struct timespec pause = { 0, 2000000 };

			nanosleep(&pause, NULL);
		}
	}
	if (outcome == TAKEN)
		end_search(request, path, sibling);
	return outcome;
}

/* --- taking an image ---------------------------------------------------- */

/*
 * The path of an open directory as /proc/self/maps spells it, without links
 * and doubled slashes; PATH itself if /proc does not say it.
 */
static void
canonical_path(int dir, const char *path, char out[USDT_PATH_SIZE])
{
	char link[40];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
	n = readlink(link, out, USDT_PATH_SIZE);
	if (n > 0 && n < USDT_PATH_SIZE && out[0] == '/')
		out[n] = '\0';
	else
		print(out, USDT_PATH_SIZE, "%s", path);
}

/* Open a directory of images, but no link to one, even with a slash behind. */
static int
open_image_dir(struct request *request, const char *path)
{
	char plain[USDT_PATH_SIZE];
	size_t length;

	print(plain, sizeof plain, "%s", path);
	length = strlen(plain);
	while (length > 1 && plain[length - 1] == '/')
		plain[--length] = '\0';
	return open_own_dir(AT_FDCWD, plain, plain, request->why);
}

/* Try one directory of images. */
static enum outcome
place_in_dir(struct request *request, const char *spelling)
{
	const char *provider = request->elf->description->provider;
	char full[USDT_PATH_SIZE], path[USDT_PATH_SIZE];
	enum outcome outcome;
	struct statvfs vfs;
	unsigned tries = 0;
	int dir, fd, turn;

	if (check_dir_path(spelling, request) < 0)
		return FAILED;
	dir = open_image_dir(request, spelling);
	if (dir < 0)
		return FAILED;
	canonical_path(dir, spelling, path);
	if (check_dir_path(path, request) < 0) {
		close(dir);
		return FAILED;
	}
	if (fstatvfs(dir, &vfs) == 0 && (vfs.f_flag & ST_NOEXEC)) {
		close(dir);
		usdt__because(request->why, EPERM, PATH_FORMAT
		    ": mounted noexec", PATH_ARGS(path));
		return FAILED;
	}
	do {
		print(full, sizeof full, "%s/%s", path, provider);
		fd = open_own_dir(dir, provider, full, request->why);
		if (fd < 0) {	/* ENOENT: another removed it */
			outcome = request->why->error == ENOENT ?
			    TRY_AGAIN : FAILED;
			continue;
		}
		turn = usdt__turn_take(USDT__TURN_IMAGES, &request->alone);
		outcome = place_in_provider(request, fd, full);
		usdt__turn_give(turn);
		close(fd);
	} while (outcome == TRY_AGAIN && ++tries < RETRIES);
	if (outcome == TAKEN && request->made)
		usdt__images_remove_old(dir, request->elf->size);
	else if (outcome != TAKEN)
		unlinkat(dir, provider, AT_REMOVEDIR);	/* if empty */
	close(dir);
	return outcome == TAKEN ? TAKEN : FAILED;
}

/* Place the image in a file without a name, which only this process holds. */
static enum outcome
place_in_memfd(struct request *request)
{
#if defined(MFD_CLOEXEC)
	static unsigned counter;	/* under the library's lock */
	const struct usdt__description *description =
	    request->elf->description;
	char name[160];
	int fd, error;

	snprintf(name, sizeof name, "usdt-%s-%s-%ld-%u-%" PRIxPTR,
	    description->provider, description->module, (long)getpid(),
	    counter++, (uintptr_t)&counter);
	fd = usdt__memfd(name);
	if (fd < 0) {
		error = errno;
		usdt__because(request->why, error, "memfd: %s",
		    usdt__strerror(error));
		return FAILED;
	}
	error = write_all(request, fd);
	if (error == 0)
		fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW |
		    F_SEAL_SHRINK);	/* it may fail */
	if (error == 0)
		error = usdt__image_map(request->image, request->elf, fd);
	if (error != 0) {
		close(fd);
		usdt__because(request->why, error, "memfd: %s",
		    usdt__strerror(error));
		return FAILED;
	}
	request->image->fd = fd;
	return TAKEN;
#else
	usdt__because(request->why, ENOSYS, "no memfd on this system");
	return FAILED;
#endif
}

/*
 * In a user namespace a uid may belong to another user than outside, but both
 * see one /dev/shm.  So root of a namespace that a user made must not use the
 * directory of root outside.  The first namespace has this inode in all
 * kernels.  Without namespaces, or without /proc, this one counts as the first.
 */
#define FIRST_NAMESPACE	0xeffffffdU

void
usdt__image_dir(const char *parent, char out[USDT__DIR_SIZE])
{
	unsigned long user = geteuid();
	struct stat st;

	if (stat("/proc/self/ns/user", &st) < 0 ||
	    st.st_ino == FIRST_NAMESPACE)
		print(out, USDT__DIR_SIZE, "%s/usdt-%lu", parent, user);
	else
		print(out, USDT__DIR_SIZE, "%s/usdt-%lu-%llu", parent, user,
		    (unsigned long long)st.st_ino);
}

/* Try all places.  WHY gets the texts of all failures. */
static enum outcome
place(struct request *request)
{
	char shm[USDT__DIR_SIZE], tmp[USDT__DIR_SIZE], text[USDT_PATH_SIZE];
	const char *places[3];
	struct usdt__why all = { .error = 0 };
	enum outcome outcome;
	size_t i, n;

	usdt__image_dir("/dev/shm", shm);
	usdt__image_dir("/tmp", tmp);
	places[0] = usdt__getenv("USDT_IMAGE_DIR");
	places[1] = shm;
	places[2] = tmp;
	for (i = 0; i <= 3; i++) {
		if (i == 0 && places[0] == NULL)
			continue;
		outcome = i < 3 ? place_in_dir(request, places[i]) :
		    place_in_memfd(request);
		if (outcome == TAKEN) {
			usdt__image_path(request->image, text);
			usdt__debug("image: %s", text);
			strcpy(request->image->passed_over, all.text);
			return TAKEN;
		}
		usdt__debug("image: %s", request->why->text);
		n = strlen(all.text);
		print(all.text + n, sizeof all.text - n, "%s%s",
		    n ? "; " : "", request->why->text);
		if (request->why->error != 0)
			all.error = request->why->error;
	}
	*request->why = all;
	return FAILED;
}

int
usdt__image_take(const struct usdt__elf *elf,
    const struct usdt__window *window, const uint8_t id[USDT__ID_SIZE],
    struct usdt__arena *arena, struct usdt__image **image,
    struct usdt__why *why)
{
	struct request request = {
		.elf = elf, .window = window, .id = id, .why = why
	};
	long page = sysconf(_SC_PAGESIZE);
	size_t i, n;
	int error;

	if (page > (long)elf->arch->page)
		return usdt__because(why, 0, "pages of %ld bytes are not "
		    "known on %s", page, elf->arch->name);
	request.image = calloc(1, sizeof *request.image);
	if (request.image == NULL)
		return usdt__no_memory(why);
	error = elf->spare > 0 || elf->direct > 0 ? usdt__guard_make() : 0;
	if (error != 0) {
		free(request.image);
		return usdt__because(why, error, "MADV_WIPEONFORK: %s",
		    usdt__strerror(error));
	}
	n = (size_t)snprintf(request.name, sizeof request.name, "%d-",
	    USDT__LAYOUT);
	for (i = 0; i < 8; i++)
		n += (size_t)snprintf(request.name + n,
		    sizeof request.name - n, "%02x", id[i]);
	if (usdt__place_take(arena, id, elf->map_size, &request.image->place,
	    why) < 0) {
		free(request.image);
		return -1;
	}
	request.image->arena = arena;
	request.image->tomb = (struct usdt__tomb){
		elf->stub, elf->text, elf->text + elf->text_size, elf->gates,
		elf->gates + elf->gates_size, ""
	};
	if (place(&request) != TAKEN) {
		usdt__place_give_back(arena, request.image->place,
		    &request.image->tomb);
		free(request.image);
		return -1;
	}
	usdt__image_keep(request.image);
	*image = request.image;
	return 0;
}
