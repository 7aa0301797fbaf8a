/*
 * submit.c - how does the helper device answer any document?
 *
 *	submit FILE OFFSET ADDRESS MODULE
 *
 * The document begins OFFSET bytes into FILE and ends with it; FILE's size is a
 * multiple of the page size, and the memory behind it can't be read.  Prints
 * what the ioctl returned and errno.  Lives until its input ends, so that a
 * test can look what became of the document, and then removes it.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct helper {
	char module[64];
	uint64_t address, document;
};

int
main(int argc, char **argv)
{
	struct helper helper;
	struct stat st;
	char *room, last;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	int file, device, result;

	if (argc != 5 || (file = open(argv[1], O_RDONLY)) < 0 ||
	    fstat(file, &st) < 0 || (size_t)st.st_size % page != 0) {
		fprintf(stderr, "usage: submit FILE OFFSET ADDRESS MODULE\n");
		return 2;
	}
	room = mmap(NULL, (size_t)st.st_size + page, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room == MAP_FAILED || mmap(room, (size_t)st.st_size, PROT_READ,
	    MAP_PRIVATE | MAP_FIXED, file, 0) == MAP_FAILED) {
		perror("mmap");
		return 2;
	}
	memset(&helper, 0, sizeof helper);
	strncpy(helper.module, argv[4], sizeof helper.module - 1);
	helper.address = strtoull(argv[3], NULL, 0);
	helper.document = (uint64_t)(uintptr_t)room +
	    strtoull(argv[2], NULL, 0);
	device = open("/dev/dtrace/helper", O_RDWR);
	if (device < 0) {
		perror("/dev/dtrace/helper");
		return 2;
	}
	result = ioctl(device, 0x4050d803, &helper);
	printf("%d %d\n", result, result < 0 ? errno : 0);
	fflush(stdout);
	while (read(STDIN_FILENO, &last, 1) > 0)
		continue;
	if (result >= 0)
		ioctl(device, 0x4004d802, (unsigned long)result);
	return 0;
}
