/*
 * stack.c - which functions are on a stack?
 *
 * The kernel takes the stack of each event: it follows the frame pointers.  Here
 * an address becomes a place in a file, by the process's maps, and the function
 * there, by the file's symbols.  Both are kept.  Maps are read again when an
 * address is in none, and in the next round of events, since a process may have
 * executed another program.  When a process has ended its last maps stay.
 * debug_file.c finds symbols that a file lacks, jit.c functions that are in none.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <search.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/events/parts.h"

/* For how long the maps of a process are taken for true, in nanoseconds. */
#define FRESH		((uint64_t)50000000)

/* Processes whose maps are kept; then all are forgotten. */
#define PROCESSES_MAX	4096

/* Bytes of the names of functions that are in no file. */
#define MADE_MAX	((size_t)256 << 20)

/* In a stack, marks of what the following addresses are; the lowest of them. */
#define LOWEST_MARK	((uint64_t)-4095)

struct module {			/* a file */
	uint64_t device, inode;
	char *name;
	struct functions *functions;	/* NULL: it has none */
};

struct part {			/* a mapping */
	uint64_t start, end, offset;
	struct module *module;
};

struct process {
	pid_t pid;
	uint64_t read;		/* when */
	struct part *parts;	/* by address */
	size_t count, space;
	struct jit *jit;	/* NULL: not yet needed */
};

struct stacks {
	void *modules, *processes;	/* trees */
	size_t process_count;
	size_t made_left;		/* of MADE_MAX */
	struct demangler *demangler;
};

static int
by_file(const void *one, const void *other)
{
	const struct module *a = one, *b = other;

	if (a->inode != b->inode)
		return a->inode < b->inode ? -1 : 1;
	if (a->device != b->device)
		return a->device < b->device ? -1 : 1;
	return strcmp(a->name, b->name);
}

static int
by_pid(const void *one, const void *other)
{
	const struct process *a = one, *b = other;

	return a->pid < b->pid ? -1 : a->pid > b->pid;
}

static void
free_module(void *node)
{
	struct module *module = node;

	functions_free(module->functions);
	free(module->name);
	free(module);
}

static void
free_process(void *node)
{
	struct process *process = node;

	jit_free(process->jit);
	free(process->parts);
	free(process);
}

struct stacks *
stacks_open(void)
{
	struct stacks *stacks = xcalloc(1, sizeof *stacks);

	stacks->made_left = MADE_MAX;
	stacks->demangler = demangler_new();
	return stacks;
}

void
stacks_close(struct stacks *stacks)
{
	if (stacks == NULL)
		return;
	tdestroy(stacks->processes, free_process);
	tdestroy(stacks->modules, free_module);
	demangler_free(stacks->demangler);
	free(stacks);
}

/* --- files and processes --- */

/* The symbols of what that process maps there, or NULL. */
static struct functions *
read_functions(pid_t pid, const struct mapping *mapping)
{
	struct holder holder = {
		.pid = pid, .start = mapping->start, .end = mapping->end
	};
	struct mapped file = {
		.device = mapping->device, .inode = mapping->inode,
		.path = mapping->path, .holders = &holder, .count = 1
	};
	struct functions *functions;
	int fd = mapped_open(&file);

	if (fd < 0)
		return NULL;
	functions = functions_read(fd);
	close(fd);
	if (functions != NULL)
		debug_file_add(functions, pid, mapping->path);
	return functions;
}

static struct module *
module_of(struct stacks *stacks, pid_t pid, const struct mapping *mapping)
{
	const char *name = mapped_module(mapping->path);
	struct module key = {
		.device = mapping->device, .inode = mapping->inode,
		.name = xstrndup(name, strlen(name))
	};
	struct module *module, **found = tfind(&key, &stacks->modules, by_file);

	if (found != NULL) {
		free(key.name);
		return *found;
	}
	module = xcalloc(1, sizeof *module);
	*module = key;
	if (mapping->inode != 0)
		module->functions = read_functions(pid, mapping);
	xtsearch(module, &stacks->modules, by_file);
	return module;
}

/* Read its maps; if it has ended, the old ones stay. */
static void
read_maps(struct stacks *stacks, struct process *process)
{
	FILE *in = process_maps(process->pid);
	struct mapping mapping;
	char *line = NULL;
	size_t space = 0, kept = process->count;

	process->read = clock_now(CLOCK_MONOTONIC);
	while (in != NULL && getline(&line, &space, in) > 0) {
		if (mapping_parse(&mapping, line) < 0 || !mapping.executable)
			continue;
		if (kept > 0)	/* there are new ones */
			kept = process->count = 0;
		ROOM_FOR_ONE(process->parts, process->count, process->space);
		process->parts[process->count++] = (struct part){
			mapping.start, mapping.end, mapping.offset,
			*mapping.path == '\0' ? NULL :
			    module_of(stacks, process->pid, &mapping)
		};
	}
	free(line);
	if (in != NULL)
		fclose(in);
}

static struct process *
process_of(struct stacks *stacks, pid_t pid)
{
	struct process key = { .pid = pid }, *process, **found;

	found = tfind(&key, &stacks->processes, by_pid);
	if (found != NULL)
		return *found;
	if (stacks->process_count++ == PROCESSES_MAX) {
		tdestroy(stacks->processes, free_process);
		stacks->processes = NULL;
		stacks->process_count = 1;
	}
	process = xcalloc(1, sizeof *process);
	process->pid = pid;
	xtsearch(process, &stacks->processes, by_pid);
	return process;
}

void
stacks_meet(struct stacks *stacks, pid_t pid)
{
	read_maps(stacks, process_of(stacks, pid));
}

/* --- frames --- */

static const struct part *
find_part(const struct process *process, uint64_t address)
{
	size_t low = 0, high = process->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (process->parts[middle].end <= address)
			low = middle + 1;
		else
			high = middle;
	}
	return low < process->count && process->parts[low].start <= address ?
	    &process->parts[low] : NULL;
}

/* The function there that the process made, and says so. */
static void
find_made(struct stacks *stacks, struct process *process, uint64_t code,
    struct frame *frame)
{
	uint64_t begin;

	if (process->jit == NULL)
		process->jit = jit_new(process->pid, &stacks->made_left);
	frame->function = jit_at(process->jit, code, &begin);
	if (frame->function != NULL)
		frame->offset = frame->address - begin;
}

/* Fill in what is known of an address of code. */
static void
find_place(struct stacks *stacks, pid_t pid, uint64_t code,
    struct frame *frame)
{
	struct process *process = process_of(stacks, pid);
	uint64_t age = clock_now(CLOCK_MONOTONIC) - process->read, begin = 0;
	const struct part *part;

	if (age > FRESH)
		read_maps(stacks, process);
	part = find_part(process, code);
	if (part == NULL)
		return;
	if (part->module != NULL) {
		frame->module = part->module->name;
		frame->offset = frame->address - part->start + part->offset;
	}
	if (part->module == NULL || part->module->functions == NULL) {
		find_made(stacks, process, code, frame);
		return;
	}
	frame->function = functions_at(part->module->functions,
	    code - part->start + part->offset, &begin);
	frame->offset -= begin;
	if (frame->function != NULL)
		frame->function = demangle(stacks->demangler, frame->function);
}

/* A caller's address is that behind the call, which may be the end. */
int
stack_frame(const struct fire *fire, size_t index, struct frame *frame)
{
	size_t i, skipped = 0;

	for (i = 0; i < fire->depth; i++) {
		if (fire->stack[i] >= LOWEST_MARK)
			skipped++;
		else if (i - skipped == index)
			break;
	}
	if (i >= fire->depth)
		return 0;
	*frame = (struct frame){ .address = fire->stack[i] };
	find_place(fire->stacks, fire->pid, frame->address - (index > 0),
	    frame);
	return 1;
}
