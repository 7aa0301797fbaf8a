/*
 * attach.c - to which probes is a stream attached?
 *
 * The search for files with matching probes is repeated regularly, so that it
 * finds providers that are enabled later and programs that start later.  A file
 * is read once, and held open as long as its probes are watched.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/events/parts.h"

/*
 * The most errors with single probes that are printed.  Other people's files
 * may cause any number of them; the other probes are still watched.
 */
#define TROUBLES_MAX	20

/*
 * The kernel needs some 0.1 s to remove each event.  Meanwhile nothing can end
 * us, and other tracers wait.  So one file gets at most so many events ...
 */
#define KINDS_MAX	64

/*
 * ... and after so many refusals no more of its probes are tried: each refused
 * probe is found by halving, which takes as long.
 */
#define REFUSED_MAX	20

/* A file with probes that match. */
struct watched {
	struct image *image;
	char *path;
	int fd;
	uint64_t device, inode;		/* from stat */
	unsigned refused;		/* probes that the kernel refused */
};

static void
report(const struct target *target, const char *why)
{
	fputs("usdt: ", stderr);
	quote_line(stderr, target->probe->provider);
	putc(':', stderr);
	quote_line(stderr, target->probe->name);
	fputs(" in ", stderr);
	quote_line(stderr, target->path);
	fprintf(stderr, " can't be watched: %s\n", why);
}

static void
trouble(struct attachment *to, const struct target *target, const char *why)
{
	if (to->troubles++ == TROUBLES_MAX)
		fputs("usdt: further errors are not printed\n", stderr);
	if (to->troubles <= TROUBLES_MAX)
		report(target, why);
}

static const char *
reason(int error)
{
	switch (error) {
	case EINVAL:
		return "another tracer has attached there without its "
		    "semaphore, or the file has no such code";
	case EMFILE:
	case ENFILE:
		return "too many descriptors are needed; name fewer probes, "
		    "or raise the limit (ulimit -n)";
	case EACCES:
	case EPERM:
		return "the kernel does not permit it; root (CAP_PERFMON) may";
	case 524:		/* the kernel's own ENOTSUPP */
		return "there is an instruction that can't be traced";
	case ENOTSUP:
		return "the file is in a file system whose code can't be "
		    "traced";
	}
	return strerror(error);
}

/* --- attaching --- */

static int
by_signature(const void *one, const void *other)
{
	const struct target *a = *(struct target *const *)one;
	const struct target *b = *(struct target *const *)other;
	int order = strcmp(a->signature, b->signature);

	if (order != 0)
		return order;
	if (a->image != b->image)
		return a->fd < b->fd ? -1 : 1;
	return a->probe < b->probe ? -1 : a->probe > b->probe;
}

/* Make one event for targets with one signature.  Returns 0 or an errno. */
static int
attach_event(struct attachment *to, size_t first, size_t count)
{
	struct event event = {
		.number = ++to->numbers,
		.first = first,
		.count = count
	};
	int error = event_define(to->tracefs, &event, to->targets);

	if (error != 0)
		return error;
	error = perf_attach(to->perf, event.id, to->only);
	if (error != 0) {
		tracefs_remove(to->tracefs, event.number);
		event_done(&event);
		return error;
	}
	ROOM_FOR_ONE(to->events, to->event_count, to->event_space);
	to->events[to->event_count++] = event;
	to->watching += count;
	return 0;
}

/* The file that has the target. */
static struct watched *
file_of(struct attachment *to, const struct target *target)
{
	struct watched *file = to->files;

	while (file->image != target->image)
		file++;
	return file;
}

/* Do all these targets belong to files with too many refusals? */
static int
is_hopeless(struct attachment *to, struct target *const *targets, size_t count)
{
	return targets[0]->image == targets[count - 1]->image &&
	    file_of(to, targets[0])->refused >= REFUSED_MAX;
}

/*
 * Attach targets with one signature, in order of their files.  One that can't
 * be attached makes the whole event fail: halve the targets until it is found,
 * and leave it out.
 */
static void
attach_targets(struct attachment *to, size_t first, size_t count)
{
	int error;

	if (to->fatal)
		return;
	if (is_hopeless(to, &to->targets[first], count)) {
		trouble(to, to->targets[first], "so many others of the file "
		    "can't");
		return;
	}
	error = attach_event(to, first, count);
	if (error == 0)
		return;
	if (error == EMFILE || error == ENFILE || error == ENOMEM ||
	    error == EACCES || error == EPERM) {
		report(to->targets[first], reason(error));
		to->fatal = 1;
	} else if (count == 1) {
		file_of(to, to->targets[first])->refused++;
		trouble(to, to->targets[first], reason(error));
	} else {
		attach_targets(to, first, count / 2);
		attach_targets(to, first + count / 2, count - count / 2);
	}
}

/* Attach all targets from FIRST on. */
static void
attach_new(struct attachment *to, size_t first)
{
	struct target **target = to->targets;
	size_t end;

	if (first == to->target_count)
		return;
	qsort(target + first, to->target_count - first, sizeof *target,
	    by_signature);
	for (; first < to->target_count; first = end) {
		end = first + 1;
		while (end < to->target_count && strcmp(
		    target[end]->signature, target[first]->signature) == 0)
			end++;
		attach_targets(to, first, end - first);
	}
	fprintf(stderr, "usdt: watching %zu probe%s\n", to->watching,
	    to->watching == 1 ? "" : "s");
}

/* --- finding --- */

/* A probe's patterns have a path exactly if the file was NAMED by one. */
static int
is_wanted(const struct attachment *to, const char *path, const char *named,
    const struct probe *probe)
{
	const struct pattern *pattern = to->patterns;
	size_t i;

	for (i = 0; i < to->pattern_count; i++, pattern++)
		if ((pattern->path == NULL ? named == NULL :
		    named != NULL && strcmp(pattern->path, named) == 0) &&
		    pattern_matches(pattern, path, probe))
			return 1;
	return 0;
}

/* Is the last target's signature among KINDS, or is there room for it? */
static int
is_kind(const struct attachment *to, const char **kinds, size_t *count)
{
	const char *signature = to->targets[to->target_count - 1]->signature;
	size_t i;

	for (i = 0; i < *count; i++)
		if (strcmp(kinds[i], signature) == 0)
			return 1;
	if (*count == KINDS_MAX)
		return 0;
	kinds[(*count)++] = signature;
	return 1;
}

static void
drop_target(struct attachment *to)
{
	struct target *target = to->targets[to->target_count - 1];

	trouble(to, target, "the file has probes with too many different "
	    "kinds of arguments; name fewer");
	target_done(target);
	free(target);
	to->target_count--;
}

static void
add_target(struct attachment *to, const struct target *target,
    const char **kinds, size_t *count)
{
	struct target *copy;

	if (target->probe->unreachable)
		trouble(to, target, target->probe->unreachable);
	else if (target->probe->note_name == NULL)
		trouble(to, target, "it is for DTrace only");
	else if (!operand_machine_known(target->image->machine))
		trouble(to, target, "the file is for another processor");
	else {
		ROOM_FOR_ONE(to->targets, to->target_count,
		    to->target_space);
		copy = xcalloc(1, sizeof *copy);
		*copy = *target;
		copy->number = to->target_numbers++;
		target_prepare(copy);
		to->targets[to->target_count++] = copy;
		if (!is_kind(to, kinds, count))
			drop_target(to);
	}
}

/* Is this probe of that file watched already, for another pattern? */
static int
is_watched(const struct attachment *to, const struct stat *st,
    const struct probe *probe)
{
	size_t i, k;

	for (i = 0; i < to->file_count; i++) {
		const struct watched *file = &to->files[i];

		if (file->device != st->st_dev || file->inode != st->st_ino)
			continue;
		for (k = 0; k < to->target_count; k++)
			if (to->targets[k]->image == file->image &&
			    to->targets[k]->probe->address ==
			    probe->address &&
			    strcmp(to->targets[k]->probe->name,
			    probe->name) == 0)
				return 1;
	}
	return 0;
}

static int
by_place(const void *one, const void *other)
{
	const struct probe *a = one, *b = other;
	int order;

	if (a->address != b->address)
		return a->address < b->address ? -1 : 1;
	order = strcmp(a->provider, b->provider);
	return order != 0 ? order : strcmp(a->name, b->name);
}

/* Does the file describe the probe twice?  GIVEN has the probes already met. */
static int
is_repeated(void **given, const struct probe *probe)
{
	const struct probe **found = tsearch(probe, given, by_place);

	return found != NULL && *found != probe;
}

static void
nothing(void *node)
{
	(void)node;
}

/* Add the matching probes of a file.  NAMED is the path of a pattern. */
static void
add_file(struct attachment *to, int fd, const char *path, const char *named)
{
	struct image *image = image_read(fd);
	struct watched file = { .image = image, .fd = fd };
	size_t i, before = to->target_count, kind_count = 0;
	const char *kinds[KINDS_MAX];
	void *given = NULL;
	struct stat st;

	if (image == NULL || fstat(fd, &st) < 0) {
		image_free(image);
		close(fd);
		return;
	}
	file.path = xstrndup(path, strlen(path));
	file.device = st.st_dev;
	file.inode = st.st_ino;
	for (i = 0; i < image->count; i++) {
		struct target target = {
			.image = image, .probe = &image->probes[i],
			.path = file.path, .fd = fd
		};

		if (is_wanted(to, path, named, target.probe) &&
		    !is_watched(to, &st, target.probe) &&
		    !is_repeated(&given, target.probe))
			add_target(to, &target, kinds, &kind_count);
	}
	tdestroy(given, nothing);
	if (to->target_count == before) {
		free(file.path);
		image_free(image);
		close(fd);
		return;
	}
	ROOM_FOR_ONE(to->files, to->file_count, to->file_space);
	to->files[to->file_count++] = file;
}

static int
by_inode(const void *one, const void *other)
{
	const uint64_t *a = one, *b = other;
	size_t i;

	for (i = 0; i < 3; i++)
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	return 0;
}

/* Was this file looked at before?  It counts as such from now on. */
static int
is_known(struct attachment *to, uint64_t device, uint64_t inode,
    uint64_t changed)
{
	uint64_t *key = xcalloc(3, sizeof *key), **found;

	key[0] = device;
	key[1] = inode;
	key[2] = changed;	/* another file may get the inode later */
	found = tsearch(key, &to->known, by_inode);
	if (found != NULL && *found == key)
		return 0;
	free(key);
	return found != NULL;
}

static void
forget(struct attachment *to, const struct mapped *file, uint64_t changed)
{
	uint64_t key[3] = { file->device, file->inode, changed }, **found;
	uint64_t *old;

	found = tfind(key, &to->known, by_inode);
	if (found == NULL)
		return;
	old = *found;
	tdelete(key, &to->known, by_inode);
	free(old);
}

static void
find_mapped(struct attachment *to)
{
	struct census census;
	size_t i;
	int fd, error = census_take(&census, to->only);

	if (to->only != 0 && (error == EACCES || error == EPERM)) {
		fprintf(stderr, "usdt: process %d: %s\n", (int)to->only,
		    strerror(error));
		to->fatal = 1;
	}
	to->hidden = census.hidden;
	for (i = 0; i < census.count; i++) {
		const struct mapped *file = census.files[i];
		uint64_t changed = mapped_changed(file);

		if (is_known(to, file->device, file->inode, changed))
			continue;
		if ((fd = mapped_open(file)) >= 0) {
			add_file(to, fd, file->path, NULL);
		} else if (errno == EMFILE || errno == ENFILE) {
			fprintf(stderr, "usdt: %s\n", reason(errno));
			to->fatal = 1;
			break;
		} else {	/* the process has ended; others may come */
			forget(to, file, changed);
		}
	}
	census_free(&census);
}

/* Look at the file that a pattern names.  With --wait it may be missing. */
static void
find_named(struct attachment *to, const char *path)
{
	int fd = open_regular(path, 0), error = errno;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0) {
		/*
		 * Its key must differ from that of a mapped file, to which the
		 * patterns without a path apply.
		 */
		if (!is_known(to, ~(uint64_t)st.st_dev, st.st_ino,
		    file_changed(&st)))
			add_file(to, fd, path, path);
		else
			close(fd);
		return;
	}
	if (fd >= 0)
		close(fd);
	if (!to->wait || (error != ENOENT && error != 0 && error != EISDIR)) {
		fprintf(stderr, "usdt: %s: %s\n", path,
		    error == 0 || error == EISDIR ? "is not a file" :
		    strerror(error));
		to->fatal = 1;
	}
}

void
attach_scan(struct attachment *to)
{
	size_t i, before = to->target_count;
	int mapped = 0;

	for (i = 0; i < to->pattern_count; i++) {
		if (to->patterns[i].path != NULL)
			find_named(to, to->patterns[i].path);
		else
			mapped = 1;
	}
	if (mapped)
		find_mapped(to);
	if (!to->fatal)
		attach_new(to, before);
}

/* --- finding nothing --- */

static void
report_none_in_file(const char *path, int fd)
{
	struct image *image = image_read(fd);

	if (image == NULL)
		fputs(" is not an ELF file", stderr);
	else if (image->count == 0)
		fputs(" has no probes", stderr);
	else {
		char *all = xasprintf("%s:*", path);

		fputs(" has other probes: usdt list ", stderr);
		quote_shell(stderr, all);
		free(all);
	}
	image_free(image);
}

static void
report_none_of(const struct attachment *to, const struct pattern *pattern)
{
	int fd;

	fputs("usdt: there is no probe ", stderr);
	quote_line(stderr, pattern->text);
	if (pattern->path != NULL) {
		fd = open_regular(pattern->path, 0);
		fputs("; ", stderr);
		quote_line(stderr, pattern->path);
		report_none_in_file(pattern->path, fd);
		if (fd >= 0)
			close(fd);
	} else if (to->only != 0) {
		fprintf(stderr, " in process %d; \"usdt list -p %d\" shows "
		    "those that it has, -w waits for one", (int)to->only,
		    (int)to->only);
	} else {
		fputs(" in any live process; \"usdt list\" shows those that "
		    "there are, -w waits for one", stderr);
	}
	putc('\n', stderr);
}

void
attach_report_none(const struct attachment *to)
{
	size_t i;
	char *text;

	for (i = 0; i < to->pattern_count; i++)
		report_none_of(to, &to->patterns[i]);
	if (to->hidden == 0 || to->only != 0)
		return;
	text = hidden_text(to->hidden);
	fprintf(stderr, "usdt: %s\n", text);
	free(text);
}

void
attach_end(struct attachment *to)
{
	size_t i;

	if (to->perf != NULL)
		perf_close(to->perf);		/* detaches */
	for (i = 0; i < to->event_count; i++) {
		tracefs_remove(to->tracefs, to->events[i].number);
		event_done(&to->events[i]);
	}
	free(to->events);
	for (i = 0; i < to->target_count; i++) {
		target_done(to->targets[i]);
		free(to->targets[i]);
	}
	free(to->targets);
	for (i = 0; i < to->file_count; i++) {
		image_free(to->files[i].image);
		free(to->files[i].path);
		close(to->files[i].fd);
	}
	free(to->files);
	tdestroy(to->known, free);
}
