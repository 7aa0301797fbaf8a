/*
 * attach.c - to which probes is a stream attached?
 *
 * The kernel tells of files that are mapped later (heard.c), and the search for
 * files with matching probes is repeated regularly.  So providers that are enabled
 * later and programs that start later are found.  A file is read once, and held
 * open as long as its probes are watched.
 *
 * SPDX-License-Identifier: BSD-2-Clause
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

static int
is_one_more(struct attachment *to)
{
	if (to->troubles++ == TROUBLES_MAX)
		fputs("usdt: further errors are not printed\n", stderr);
	return to->troubles <= TROUBLES_MAX;
}

static void
trouble(struct attachment *to, const struct target *target, const char *why)
{
	if (is_one_more(to))
		report(target, why);
}

/* It is watched, though not in the way in which the user wants it. */
static void
complain_of(struct attachment *to, const struct target *target)
{
	size_t i;

	for (i = 0; i < to->as->count; i++) {
		char *why = as_complaint(target, i);

		if (why != NULL && is_one_more(to))
			fprintf(stderr, "usdt: %.*s: %s\n",
			    (int)target->label.length, target->label.bytes,
			    why);
		free(why);
	}
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

/* First come announcers, then what goes direct, which share one event. */
static int
rank(const struct target *target)
{
	return target->announcer ? 0 : target->direct ? 1 : 2;
}

static int
by_signature(const void *one, const void *other)
{
	const struct target *a = *(struct target *const *)one;
	const struct target *b = *(struct target *const *)other;
	int order = rank(a) - rank(b);

	if (order == 0 && !a->direct)
		order = strcmp(a->signature, b->signature);
	if (order != 0)
		return order;
	if (a->image != b->image)
		return a->fd < b->fd ? -1 : 1;
	if (a->direct && direct_gate(a->image, a->probe) !=
	    direct_gate(b->image, b->probe))
		return direct_gate(a->image, a->probe) <
		    direct_gate(b->image, b->probe) ? -1 : 1;
	return a->probe < b->probe ? -1 : a->probe > b->probe;
}

/* The rings to which the events of targets like this one are written. */
static struct perf **
perf_for(struct attachment *to, const struct target *target)
{
	return target->announcer ? &to->announcements :
	    target->direct ? &to->gates : &to->perf;
}

/* Make one event for targets with one signature.  Returns 0 or an errno. */
static int
attach_event(struct attachment *to, struct target *const *targets,
    size_t count)
{
	struct perf **perf = perf_for(to, targets[0]);
	struct event event = { .number = ++to->numbers };
	size_t before;
	char *filter;
	int error;

	if (*perf == NULL && (*perf = perf_open(1, to->family != NULL)) == NULL)
		return ENOMEM;
	error = event_define(to->tracefs, &event, targets, count);
	if (error != 0)
		return error;
	before = perf_attached(*perf);
	error = to->family != NULL ?
	    family_attach(to->family, *perf, event.id) :
	    perf_attach(*perf, event.id, to->only);
	if (error != 0) {
		tracefs_remove(to->tracefs, event.number);
		event_done(&event);
		return error;
	}
	filter = to->kernel_filters && rank(targets[0]) == 2 ?
	    kernel_filter(targets, count) : NULL;
	if (filter != NULL)
		perf_filter(*perf, before, filter);
	free(filter);
	ROOM_FOR_ONE(to->events, to->event_count, to->event_space);
	to->events[to->event_count++] = event;
	to->watching += targets[0]->announcer ? 0 : count;
	return 0;
}

/* The file that has the target. */
static struct watched *
file_of(struct attachment *to, const struct target *target)
{
	struct watched **file = to->files;

	while ((*file)->image != target->image)
		file++;
	return *file;
}

/* Do all these targets belong to files with too many refusals? */
static int
is_hopeless(struct attachment *to, struct target *const *targets, size_t count)
{
	return targets[0]->image == targets[count - 1]->image &&
	    file_of(to, targets[0])->refused >= REFUSED_MAX;
}

/* This target goes by uprobe after all; without an announcer, all of its file. */
static void
fall_back(struct attachment *to, struct target *target, int error)
{
	struct watched *file = file_of(to, target);
	size_t i;

	if (!target->announcer) {
		way_by_uprobe(file, target);
		return;
	}
	file->obstacle = reason(error);
	for (i = 0; i < to->target_count; i++)
		if (to->targets[i]->image == file->image &&
		    to->targets[i]->direct)
			way_by_uprobe(file, to->targets[i]);
}

/*
 * Attach targets with one signature, in order of their files.  One that can't
 * be attached makes the whole event fail: halve the targets until it is found,
 * and leave it out.
 */
static void
attach_targets(struct attachment *to, struct target **targets, size_t count)
{
	int error;

	if (to->fatal)
		return;
	if (rank(targets[0]) == 2 && is_hopeless(to, targets, count)) {
		trouble(to, targets[0], "so many others of the file can't");
		return;
	}
	error = attach_event(to, targets, count);
	if (error == 0)
		return;
	if (error == EMFILE || error == ENFILE || error == ENOMEM ||
	    error == EACCES || error == EPERM) {
		report(targets[0], reason(error));
		to->fatal = 1;
	} else if (count == 1 && rank(targets[0]) < 2) {
		fall_back(to, targets[0], error);
	} else if (count == 1) {
		file_of(to, targets[0])->refused++;
		trouble(to, targets[0], reason(error));
	} else {
		attach_targets(to, targets, count / 2);
		attach_targets(to, targets + count / 2, count - count / 2);
	}
}

/* Attach those of that rank. */
static void
attach_rank(struct attachment *to, struct target **targets, size_t count,
    int which)
{
	size_t first, end;

	if (count > 0)
		qsort(targets, count, sizeof *targets, by_signature);
	for (first = 0; first < count; first = end) {
		end = first + 1;
		while (end < count && rank(targets[end]) ==
		    rank(targets[first]) && (which == 1 ||
		    strcmp(targets[end]->signature,
		    targets[first]->signature) == 0))
			end++;
		if (rank(targets[first]) == which)
			attach_targets(to, targets + first, end - first);
	}
}

/* Read the rings that there are already, before gates open. */
static void
find_rings(struct attachment *to, size_t first)
{
	size_t i, k;

	for (i = first; i < to->file_count && !to->fatal; i++) {
		const struct watched *file = to->files[i];

		if (file->wanted == NULL)
			continue;
		if (to->rings == NULL)
			to->rings = rings_open();
		rings_want(to->rings, file->wanted);
		for (k = 0; k < file->pid_count; k++)
			rings_search(to->rings, file->pids[k]);
	}
}

/*
 * Attach all targets from FIRST on, of files from FIRST_FILE on.  New rings are
 * announced before gates open, so none is missed.
 */
static void
attach_new(struct attachment *to, size_t first, size_t first_file)
{
	size_t count = 0, announcers = 0, i;
	struct target **list;

	if (first == to->target_count)
		return;
	list = xcalloc(to->target_count - first + to->file_count,
	    sizeof *list);
	for (i = first_file; i < to->file_count; i++)
		if (to->files[i]->announcer != NULL)
			list[announcers++] = to->files[i]->announcer;
	attach_rank(to, list, announcers, 0);
	find_rings(to, first_file);
	for (i = first; i < to->target_count; i++)
		list[count++] = to->targets[i];
	attach_rank(to, list, count, 1);
	attach_rank(to, list, count, 2);
	free(list);
	way_report(to, first_file);
	fprintf(stderr, "usdt: watching %zu probe%s\n", to->watching,
	    to->watching == 1 ? "" : "s");
}

/* --- finding --- */

/* A probe's patterns have a path exactly if the file was NAMED by one. */
static int
is_meant(const struct pattern *pattern, const char *path, const char *named,
    const struct probe *probe)
{
	return (pattern->path == NULL ? named == NULL :
	    named != NULL && strcmp(pattern->path, named) == 0) &&
	    pattern_matches(pattern, path, probe);
}

static int
is_wanted(const struct attachment *to, const char *path, const char *named,
    const struct probe *probe)
{
	size_t i;

	for (i = 0; i < to->pattern_count; i++)
		if (is_meant(&to->patterns[i], path, named, probe))
			return 1;
	return 0;
}

/*
 * The filters of the patterns that mean the target.  Returns why none of them
 * can ever let its events pass, to be freed, or NULL.
 */
static char *
add_filters(const struct attachment *to, struct target *target,
    const char *path, const char *named)
{
	char *why = NULL, *other;
	size_t i;

	for (i = 0; i < to->pattern_count; i++) {
		if (!is_meant(&to->patterns[i], path, named, target->probe))
			continue;
		other = target_sift(target, to->filters[i]);
		if (why == NULL)
			why = other;
		else
			free(other);
	}
	if (!target->unsifted && target->sieves == NULL)
		return why;
	free(why);
	return NULL;
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
drop_target(struct attachment *to, struct watched *file, const char *why)
{
	struct target *target = to->targets[to->target_count - 1];

	trouble(to, target, why);
	if (target->direct)
		way_by_uprobe(file, target);
	target_done(target);
	free(target);
	to->target_count--;
}

static void
add_target(struct attachment *to, struct watched *file,
    const struct target *target, const char *named, const char **kinds,
    size_t *count)
{
	struct target *copy;
	char *why;

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
		copy->as = to->as;
		target_prepare(copy);
		to->targets[to->target_count++] = copy;
		way_of_target(file, copy);
		why = add_filters(to, copy, file->path, named);
		if (why != NULL)
			drop_target(to, file, why);
		else if (!copy->direct && !is_kind(to, kinds, count))
			drop_target(to, file, "the file has probes with too "
			    "many different kinds of arguments; name fewer");
		else
			complain_of(to, copy);
		free(why);
	}
}

/* The target of this probe of that file, if another pattern has it, or NULL. */
static struct target *
find_target(const struct attachment *to, const struct stat *st,
    const struct probe *probe)
{
	size_t i, k;

	for (i = 0; i < to->file_count; i++) {
		const struct watched *file = to->files[i];

		if (file->device != st->st_dev || file->inode != st->st_ino)
			continue;
		for (k = 0; k < to->target_count; k++)
			if (to->targets[k]->image == file->image &&
			    to->targets[k]->probe->address ==
			    probe->address &&
			    strcmp(to->targets[k]->probe->name,
			    probe->name) == 0)
				return to->targets[k];
	}
	return NULL;
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
	const struct probe **found = xtsearch(probe, given, by_place);

	return *found != probe;
}

static void
nothing(void *node)
{
	(void)node;
}

static void
free_file(struct watched *file)
{
	way_done(file);
	image_free(file->image);
	free(file->path);
	close(file->fd);
	free(file);
}

/*
 * Add the matching probes of a file.  NAMED is the path of a pattern; HOLDERS,
 * if known, are the processes that map it.
 */
static void
add_file(struct attachment *to, int fd, const char *path, const char *named,
    const struct mapped *holders)
{
	struct watched *file = xcalloc(1, sizeof *file);
	size_t i, before = to->target_count, kind_count = 0;
	const char *kinds[KINDS_MAX];
	struct target *other;
	void *given = NULL;
	struct stat st;

	file->image = image_read(fd);
	file->fd = fd;
	if (file->image == NULL || fstat(fd, &st) < 0) {
		free_file(file);
		return;
	}
	file->path = xstrndup(path, strlen(path));
	file->device = st.st_dev;
	file->inode = st.st_ino;
	way_choose(to, file, holders);
	for (i = 0; i < file->image->count; i++) {
		struct target target = {
			.image = file->image, .probe = &file->image->probes[i],
			.path = file->path, .fd = fd
		};

		if (!is_wanted(to, path, named, target.probe))
			continue;
		other = find_target(to, &st, target.probe);
		if (other != NULL)
			free(add_filters(to, other, path, named));
		else if (!is_repeated(&given, target.probe))
			add_target(to, file, &target, named, kinds,
			    &kind_count);
	}
	tdestroy(given, nothing);
	if (to->target_count == before) {
		free_file(file);
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
	found = xtsearch(key, &to->known, by_inode);
	if (*found == key)
		return 0;
	free(key);
	return 1;
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

/* What do those of the family map that have mapped something lately? */
static void
take_family(struct attachment *to, struct census *census)
{
	size_t i;

	for (i = 0; i < family_count(to->family); i++) {
		struct member *member = family_member(to->family, i);

		if (member->fresh || family_lost(to->family))
			census_add(census, member->pid);
		if (member->fresh && to->stacks != NULL)
			stacks_meet(to->stacks, member->pid);
		member->fresh = 0;
	}
}

/* Which files do processes map? */
static void
take_census(struct attachment *to, struct census *census)
{
	int error;

	if (to->family != NULL) {
		take_family(to, census);
		return;
	}
	error = census_take_slowly(census, to->only, to->between, to->self);
	if (to->only != 0 && (error == EACCES || error == EPERM)) {
		fprintf(stderr, "usdt: process %d: %s\n", (int)to->only,
		    strerror(error));
		to->fatal = 1;
	}
	to->hidden = census->hidden;
}

static void
find_mapped(struct attachment *to, const struct census *census)
{
	size_t i;
	int fd;

	for (i = 0; i < census->count; i++) {
		struct mapped *file = census->files[i];
		uint64_t changed = mapped_changed(file);

		file->looked = 1;
		if (to->between != NULL)
			to->between(to->self);
		if (is_known(to, file->device, file->inode, changed))
			continue;
		if ((fd = mapped_open(file)) >= 0) {
			add_file(to, fd, file->path, NULL, file);
		} else if (errno == EMFILE || errno == ENFILE) {
			fprintf(stderr, "usdt: %s\n", reason(errno));
			to->fatal = 1;
			break;
		} else {	/* the process has ended; others may come */
			forget(to, file, changed);
			file->looked = 0;
		}
	}
}

static void
add_named(struct attachment *to, int fd, const char *path,
    const struct stat *st, struct census *census)
{
	if (census->count == 0 && to->family == NULL)
		census_take_slowly(census, to->only, to->between, to->self);
	add_file(to, fd, path, path, census_find(census, st->st_dev,
	    st->st_ino));
}

/* Look at the file that a pattern names.  With --wait it may be missing. */
static void
find_named(struct attachment *to, const char *path, struct census *census)
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
			add_named(to, fd, path, &st, census);
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

int
attach_wants_mapped(const struct attachment *to)
{
	size_t i;

	for (i = 0; i < to->pattern_count; i++)
		if (to->patterns[i].path == NULL)
			return 1;
	return 0;
}

void
attach_scan(struct attachment *to)
{
	size_t i, before = to->target_count, first = to->file_count;
	struct census census = { 0 };
	int mapped = attach_wants_mapped(to);

	if (mapped || to->family != NULL)
		take_census(to, &census);
	for (i = 0; i < to->pattern_count; i++)
		if (to->patterns[i].path != NULL)
			find_named(to, to->patterns[i].path, &census);
	if (mapped)
		find_mapped(to, &census);
	census_free(&census);
	if (!to->fatal)
		attach_new(to, before, first);
}

void
attach_heard(struct attachment *to)
{
	size_t before = to->target_count, first = to->file_count;
	uint64_t start = clock_now(CLOCK_MONOTONIC);
	struct census census = { 0 };

	heard_census(to->heard, &census, to->between, to->self);
	find_mapped(to, &census);
	if (!to->fatal)
		attach_new(to, before, first);
	heard_done(to->heard, &census, start, to->target_count > before);
	census_free(&census);
}

/* Has it a probe? */
static int
is_met(const struct attachment *to, const struct pattern *pattern)
{
	size_t i;

	for (i = 0; i < to->target_count; i++)
		if (pattern_matches(pattern, to->targets[i]->path,
		    to->targets[i]->probe))
			return 1;
	return 0;
}

int
attach_is_complete(const struct attachment *to)
{
	size_t i;

	for (i = 0; i < to->pattern_count; i++)
		if (!is_met(to, &to->patterns[i]))
			return 0;
	return 1;
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
	} else if (to->family != NULL) {
		fputs(" in the command", stderr);
	} else {
		fputs(" in any live process; \"usdt list\" shows those that "
		    "there are, -w waits for one", stderr);
	}
	putc('\n', stderr);
	if (pattern->path == NULL && to->family == NULL)
		nearest_report(pattern, to->only);
}

void
attach_report_none(const struct attachment *to)
{
	size_t i;
	char *text;

	for (i = 0; i < to->pattern_count; i++)
		if (!is_met(to, &to->patterns[i]))
			report_none_of(to, &to->patterns[i]);
	if (to->hidden == 0 || to->only != 0)
		return;
	text = hidden_text(to->hidden);
	fprintf(stderr, "usdt: %s\n", text);
	free(text);
}

struct target *
attach_target(const struct attachment *to, const struct target *announcer,
    uint64_t cell)
{
	size_t i;

	for (i = 0; i < to->file_count; i++)
		if (to->files[i]->announcer == announcer)
			return cell < to->files[i]->wanted->count ?
			    to->files[i]->wanted->targets[cell] : NULL;
	return NULL;
}

void
attach_end(struct attachment *to)
{
	size_t i;

	if (to->gates != NULL)
		perf_close(to->gates);		/* detaches */
	if (to->announcements != NULL)
		perf_close(to->announcements);
	if (to->perf != NULL)
		perf_close(to->perf);
	if (to->rings != NULL)
		rings_close(to->rings);
	heard_close(to->heard);
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
	for (i = 0; i < to->file_count; i++)
		free_file(to->files[i]);
	free(to->files);
	tdestroy(to->known, free);
}
