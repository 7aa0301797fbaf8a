/*
 * bpf_count.c - the smallest BPF tracer: it counts
 *
 *	bpf_count PATH OFFSET SEMAPHORE [PATH OFFSET SEMAPHORE]...
 *
 * attaches to sites at these places in files (numbers in strtoul's formats; 0
 * is no semaphore), prints "attached", and stays until its standard input ends.
 * Then it prints the sum of its counts.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <linux/version.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static int
die(const char *what)
{
	fprintf(stderr, "bpf_count: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int
bpf(int command, union bpf_attr *attr)
{
	int fd = (int)syscall(SYS_bpf, command, attr, sizeof *attr);

	return fd < 0 ? die("bpf") : fd;
}

static int
make_map(void)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof attr);
	attr.map_type = BPF_MAP_TYPE_PERCPU_ARRAY;
	attr.key_size = 4;
	attr.value_size = 8;
	attr.max_entries = 1;
	return bpf(BPF_MAP_CREATE, &attr);
}

/* value = lookup(map, 0); if (value) ++*value; return 0 */
static int
load_program(int map)
{
	static char log[4096];
	const struct bpf_insn code[] = {
		{ BPF_ST | BPF_W | BPF_MEM, 10, 0, -4, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0 },
		{ BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4 },
		{ BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, map },
		{ 0, 0, 0, 0, 0 },
		{ BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem },
		{ BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3, 0 },
		{ BPF_LDX | BPF_DW | BPF_MEM, 1, 0, 0, 0 },
		{ BPF_ALU64 | BPF_ADD | BPF_K, 1, 0, 0, 1 },
		{ BPF_STX | BPF_DW | BPF_MEM, 0, 1, 0, 0 },
		{ BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0 },
		{ BPF_JMP | BPF_EXIT, 0, 0, 0, 0 },
	};
	union bpf_attr attr;

	memset(&attr, 0, sizeof attr);
	attr.prog_type = BPF_PROG_TYPE_KPROBE;
	attr.insns = (uintptr_t)code;
	attr.insn_cnt = sizeof code / sizeof code[0];
	attr.license = (uintptr_t)"GPL";
	attr.kern_version = LINUX_VERSION_CODE;
	attr.log_buf = (uintptr_t)log;
	attr.log_size = sizeof log;
	attr.log_level = 1;
	return bpf(BPF_PROG_LOAD, &attr);
}

static unsigned
uprobe_type(void)
{
	FILE *f = fopen("/sys/bus/event_source/devices/uprobe/type", "r");
	unsigned type;

	if (f == NULL || fscanf(f, "%u", &type) != 1)
		die("the kernel's uprobe type");
	fclose(f);
	return type;
}

static void
attach(unsigned type, int program, const char *path, uint64_t offset,
    uint64_t semaphore)
{
	struct perf_event_attr attr;
	int fd;

	memset(&attr, 0, sizeof attr);
	attr.size = sizeof attr;
	attr.type = type;
	attr.config = semaphore << 32;
	attr.config1 = (uintptr_t)path;
	attr.config2 = offset;
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1,
	    PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		die(path);
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, program) < 0 ||
	    ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) < 0)
		die("attaching");
}

static uint64_t
sum(int map)
{
	static uint64_t values[1024];
	union bpf_attr attr;
	uint64_t total = 0;
	uint32_t key = 0;
	size_t i;

	memset(&attr, 0, sizeof attr);
	attr.map_fd = (uint32_t)map;
	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)values;
	bpf(BPF_MAP_LOOKUP_ELEM, &attr);
	for (i = 0; i < 1024; i++)
		total += values[i];
	return total;
}

int
main(int argc, char **argv)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	int map, program, i;
	unsigned type;

	if (argc < 4 || argc % 3 != 1) {
		fprintf(stderr, "usage: bpf_count PATH OFFSET SEMAPHORE ...\n");
		return 2;
	}
	setrlimit(RLIMIT_MEMLOCK, &all);
	map = make_map();
	program = load_program(map);
	type = uprobe_type();
	for (i = 1; i < argc; i += 3)
		attach(type, program, argv[i], strtoull(argv[i + 1], NULL, 0),
		    strtoull(argv[i + 2], NULL, 0));
	printf("attached\n");
	fflush(stdout);
	while (getchar() != EOF)
		continue;
	printf("counted %llu\n", (unsigned long long)sum(map));
	return 0;
}
