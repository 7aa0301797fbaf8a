/*
 * closed_descriptors.c - what if the host closes descriptors that it did not
 * open?
 *
 * Declares placed:careless:func:probe(int), prints "ready PID", and reads
 * lines; it answers each by one line.
 *
 *	close FILE	closes all descriptors from 3 on, then opens FILE
 *			until 3 to 31 are its own: "own N"
 *	kept		how many of those are still open to it: "kept N"
 *	daemon		goes on in a child, as daemons do: "ready PID"
 *	path		"path PATH", of the image, or "path REASON"
 *	enable | free	"ok" or "error TEXT"
 *	fire N		"fired 1"
 *	wait 0|1 SECONDS	waits until it is so: "enabled 0|1"
 *	quit
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "one_image.h"

#define OWN	29		/* from 3 on */

static struct one one;
static struct stat own;

static void
close_all(const char *file)
{
	int fd, n = 0;

	for (fd = 3; fd < 1024; fd++)
		close(fd);
	if (stat(file, &own) < 0) {
		printf("error no %s\n", file);
		return;
	}
	while (n < OWN && open(file, O_RDONLY) == 3 + n)
		n++;
	printf("own %d\n", n);
}

static void
say_kept(void)
{
	struct stat st;
	int fd, n = 0;

	for (fd = 3; fd < 3 + OWN; fd++)
		n += fstat(fd, &st) == 0 && st.st_dev == own.st_dev &&
		    st.st_ino == own.st_ino;
	printf("kept %d\n", n);
}

static void
go_on_in_child(void)
{
	char byte;
	int up[2];

	fflush(stdout);
	if (pipe(up) < 0 || fork() != 0)
		_exit(0);
	close(up[1]);
	if (read(up[0], &byte, 1) == 0)		/* the parent has exited */
		printf("ready %ld\n", (long)getpid());
	close(up[0]);
}

static void
say_path(void)
{
	usdt_status_t status;

	usdt_provider_status(one.provider, &status);
	printf("path %s\n", status.sdt.taken ? status.sdt.path :
	    status.sdt.reason);
}

static void
wait_for(int value, double seconds)
{
	struct timespec pause = { 0, 5000000 };

	for (; seconds > 0; seconds -= 0.005) {
		if (usdt_is_enabled(one.probe->probe) == value)
			break;
		nanosleep(&pause, NULL);
	}
	printf("enabled %d\n", usdt_is_enabled(one.probe->probe));
}

static void
serve(const char *line)
{
	char text[512];
	const char *error;
	double seconds;
	void *argv[1];
	int value;

	if (sscanf(line, "close %511s", text) == 1) {
		close_all(text);
	} else if (strcmp(line, "kept") == 0) {
		say_kept();
	} else if (strcmp(line, "daemon") == 0) {
		go_on_in_child();
	} else if (strcmp(line, "path") == 0) {
		say_path();
	} else if (strcmp(line, "enable") == 0) {
		error = one_enable(&one);
		printf("%s%s\n", error == NULL ? "ok" : "error ",
		    error == NULL ? "" : error);
	} else if (strcmp(line, "free") == 0) {
		one_free(&one);
		printf("ok\n");
	} else if (sscanf(line, "fire %d", &value) == 1) {
		argv[0] = (void *)(intptr_t)value;
		usdt_probe_fire(one.probe, 1, argv);
		printf("fired 1\n");
	} else if (sscanf(line, "wait %d %lf", &value, &seconds) == 2) {
		wait_for(value, seconds);
	} else {
		printf("error unknown order %s\n", line);
	}
}

int
main(void)
{
	char line[1024];
	const char *error;

	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	error = one_make(&one, "careless") < 0 ? "cannot make it" :
	    one_enable(&one);
	if (error != NULL) {
		printf("error %s\n", error);
		return 1;
	}
	printf("ready %ld\n", (long)getpid());
	while (fgets(line, sizeof line, stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strcmp(line, "quit") == 0)
			break;
		serve(line);
	}
	return 0;
}
