/*
 * clean.c - the subcommand "clean": which image files does nobody need?
 *
 * Images outlive their programs, and the library keeps the youngest.  This
 * command removes all that nobody holds, with the library's own code: a file
 * that a process has mapped or open stays, and so does everything that is not
 * an image of this user.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/common/common.h"
#include "tools/subcommands.h"

struct clean {
	int only_say;		/* -n */
	const char *dir;	/* the one being cleaned */
	size_t gone, held;
	struct census census;	/* valid if looked */
	int looked;
	struct stat *done;	/* directories */
	size_t count, space;
};

static void
help(FILE *out)
{
	fputs("usage: usdt clean [-n] [DIRECTORY]...\n"
	    "\n"
	    "Remove your files with probes that no process has mapped or\n"
	    "open, unfinished files, and empty directories: in each\n"
	    "DIRECTORY, else in $USDT_IMAGE_DIR, /dev/shm/usdt-UID and\n"
	    "/tmp/usdt-UID, and those of your user namespaces.\n"
	    "\n"
	    "  -n, --dry-run   only print what would be removed\n", out);
}

static void
report(void *data, const char *path, uint64_t bytes, int gone)
{
	struct clean *clean = data;

	(void)bytes;
	clean->gone += (size_t)gone;
	clean->held += (size_t)!gone;
	fputs(!gone ? "held " : clean->only_say ? "would remove " :
	    "removed ", stdout);
	quote_line(stdout, clean->dir);
	putchar('/');
	quote_line(stdout, path);
	putchar('\n');
}

/*
 * Does a process map a file of that name, in any directory?  In another root or
 * mount namespace the directory may have another name.
 */
static int
is_mapped(void *data, const char *path)
{
	struct clean *clean = data;
	size_t i, length, own = strlen(path);

	if (!clean->looked)
		clean->looked = census_take(&clean->census, 0) == 0;
	if (!clean->looked)
		return 1;
	for (i = 0; i < clean->census.count; i++) {
		const struct mapped *file = clean->census.files[i];

		length = file->path != NULL ? strlen(file->path) : 0;
		if (!file->deleted && length > own &&
		    file->path[length - own - 1] == '/' &&
		    strcmp(file->path + length - own, path) == 0)
			return 1;
	}
	return 0;
}

/* Was that directory cleaned already, under any name? */
static int
is_done(struct clean *clean, const struct stat *st)
{
	size_t i;

	for (i = 0; i < clean->count; i++)
		if (clean->done[i].st_ino == st->st_ino &&
		    clean->done[i].st_dev == st->st_dev)
			return 1;
	ROOM_FOR_ONE(clean->done, clean->count, clean->space);
	clean->done[clean->count++] = *st;
	return 0;
}

/* EXPECTED: the user named it, so it has to exist. */
static int
clean_dir(struct clean *clean, const char *dir, int expected)
{
	struct usdt__clean how = {
		.every_layout = 1,
		.empty = !expected,
		.only_say = clean->only_say,
		.tell = report,
		.is_mapped = is_mapped,
		.data = clean
	};
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int result = EXIT_FINE;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT && !expected ? EXIT_FINE :
		    complain(dir, errno == ELOOP ? "is a link" :
		    strerror(errno));
	clean->dir = dir;
	if (fstat(fd, &st) < 0)
		result = complain(dir, strerror(errno));
	else if (st.st_uid != geteuid())
		result = complain(dir, "belongs to another user");
	else if ((st.st_mode & 077) != 0)
		result = complain(dir, "is open to others, so no images of "
		    "yours are there");
	else if (!is_done(clean, &st))
		usdt__images_clean(fd, &how);
	close(fd);
	return result;
}

/* Is it usdt-UID-NAMESPACE? */
static int
is_of_namespace(const char *name)
{
	const char *digits = "0123456789";
	size_t user, space;

	if (strncmp(name, "usdt-", 5) != 0)
		return 0;
	name += 5;
	user = strspn(name, digits);
	if (user == 0 || name[user] != '-')
		return 0;
	name += user + 1;
	space = strspn(name, digits);
	return space > 0 && name[space] == '\0';
}

/*
 * Clean the directories that this user's processes left in user namespaces,
 * where they had other user numbers.
 */
static int
clean_namespaces(struct clean *clean, const char *place)
{
	DIR *entries = opendir(place);
	int result = EXIT_FINE;
	struct dirent *entry;

	while (entries != NULL && (entry = readdir(entries)) != NULL) {
		struct stat st;
		char *dir;

		if (!is_of_namespace(entry->d_name) ||
		    fstatat(dirfd(entries), entry->d_name, &st,
		    AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode) ||
		    st.st_uid != geteuid())
			continue;
		dir = xasprintf("%s/%s", place, entry->d_name);
		result |= clean_dir(clean, dir, 0);
		if (!clean->only_say)
			rmdir(dir);
		free(dir);
	}
	if (entries != NULL)
		closedir(entries);
	return result;
}

static int
clean_places(struct clean *clean)
{
	static const char *const places[] = { "/dev/shm", "/tmp" };
	const char *first = getenv("USDT_IMAGE_DIR");
	int result = EXIT_FINE;
	size_t i;

	if (first != NULL && *first != '\0')
		result |= clean_dir(clean, first, 0);
	for (i = 0; i < sizeof places / sizeof *places; i++) {
		char dir[USDT__DIR_SIZE];

		usdt__image_dir(places[i], dir);
		result |= clean_dir(clean, dir, 0);
		result |= clean_namespaces(clean, places[i]);
	}
	return result;
}

int
command_clean(int argc, char **argv)
{
	static const struct option options[] = {
		{ "dry-run", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	struct clean clean = { 0 };
	int option, result = EXIT_FINE;

	while ((option = getopt_long(argc, argv, "nh", options, NULL)) != -1)
		switch (option) {
		case 'n':
			clean.only_say = 1;
			break;
		default:
			return print_help(option, help);
		}
	if (optind == argc)
		result = clean_places(&clean);
	for (; optind < argc; optind++)
		result |= clean_dir(&clean, argv[optind], 1);
	free(clean.done);
	if (clean.looked)
		census_free(&clean.census);
	fprintf(stderr, "usdt: %s%zu file%s, %zu held\n", clean.only_say ?
	    "would remove " : "removed ", clean.gone, clean.gone == 1 ? "" :
	    "s", clean.held);
	return result;
}
