/*
 * daemon.c - what does a daemon keep that gives up all that it started with?
 *
 *	./daemon PROVIDER ROOT ORDERS
 *
 * enables a probe as root, becomes a daemon (two forks, a session of its own,
 * no descriptors, another root, directory, umask and user), and then takes
 * orders from the file ORDERS, which it has mapped:
 *
 *	fire N			fire with the value N
 *	add NAME		add a probe of that name, enable, fire it with 1
 *	again			disable and enable
 *	fork N			have a child fire with N
 *	quit
 *
 * and answers each there, with "done" and the order's number.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <fcntl.h>
#include <grp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "usdt.h"

#define NOBODY	65534

struct orders {
	char order[128];		/* "NUMBER WORDS", from the test */
	char answer[384];
};

static struct orders *orders;
static usdt_provider_t *p;
static usdt_probedef_t *go;
static const char *types[] = { "int" };

static void
fire(usdt_probedef_t *probe, long value)
{
	void *argv[] = { (void *)(intptr_t)value };

	usdt_probe_fire(probe, 1, argv);
}

static int
leave(const char *root)
{
	int fd;

	if (fork() != 0)
		_exit(0);
	setsid();
	if (fork() != 0)
		_exit(0);
	for (fd = 0; fd < 1024; fd++)
		close(fd);
	umask(0777);
	return chroot(root) < 0 || chdir("/") < 0 || setgroups(0, NULL) < 0 ||
	    setgid(NOBODY) < 0 || setuid(NOBODY) < 0;
}

static const char *
obey(const char *order)
{
	static usdt_probedef_t *added;
	char name[64];
	long value;
	int status;

	if (sscanf(order, "fire %ld", &value) == 1) {
		fire(go, value);
	} else if (sscanf(order, "add %63s", name) == 1) {
		added = usdt_create_probe("f", name, 1, types);
		if (usdt_provider_add_probe(p, added) < 0 ||
		    usdt_provider_enable(p) < 0)
			return usdt_errstr(p);
		fire(added, 1);
	} else if (strcmp(order, "again") == 0) {
		if (usdt_provider_disable(p) < 0 || usdt_provider_enable(p) < 0)
			return usdt_errstr(p);
	} else if (sscanf(order, "fork %ld", &value) == 1) {
		if (fork() == 0) {
			fire(go, value);
			_exit(0);
		}
		wait(&status);
		if (status != 0)
			return "the child failed";
	} else {
		_exit(0);
	}
	return "well";
}

int
main(int argc, char **argv)
{
	struct timespec pause = { 0, 5000000 };
	int fd, last = 0, number, start;

	if (argc != 4)
		return 2;
	fd = open(argv[3], O_RDWR);
	orders = mmap(NULL, sizeof *orders, PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0);
	if (orders == MAP_FAILED)
		return 1;
	p = usdt_create_provider(argv[1], "daemon");
	go = usdt_create_probe("f", "go", 1, types);
	if (usdt_provider_add_probe(p, go) < 0 || usdt_provider_enable(p) < 0) {
		fprintf(stderr, "%s\n", usdt_errstr(p));
		return 1;
	}
	if (leave(argv[2]))
		_exit(1);
	snprintf(orders->answer, sizeof orders->answer, "done 0 %d",
	    (int)getpid());
	for (;;) {
		nanosleep(&pause, NULL);
		if (sscanf(orders->order, "%d %n", &number, &start) != 1 ||
		    number == last)
			continue;
		last = number;
		snprintf(orders->answer, sizeof orders->answer, "done %d %s",
		    number, obey(orders->order + start));
	}
}
