/*
 * environment.c - what do the variables that usdt.h names do, and what is
 * reported if the place that they name can't be used?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tap.h"
#include "scratch.h"
#include "core/provider.h"

static usdt_provider_t *p;
static usdt_probedef_t *def;
static usdt_status_t status;

static int read_by;		/* number of variables read */

char *
secure_getenv(const char *name)
{
	read_by++;
	return getenv(name);
}

/* A provider with one probe, whose name no other test has. */
static void
begin(const char *name)
{
	p = usdt_create_provider(name, "m");
	def = usdt_create_probe("f", "n", 0, NULL);
	if (p == NULL || def == NULL || usdt_provider_add_probe(p, def) < 0) {
		printf("Bail out! %s\n", usdt_errstr(p));
		exit(1);
	}
}

static void
end(const char *variable)
{
	usdt_probe_release(def);
	usdt_provider_free(p);
	if (variable != NULL)
		unsetenv(variable);
	setenv("USDT_HELPER", "/nonexistent/helper", 1);
	setenv("USDT_IMAGE_DIR", scratch, 1);
}

/* --- USDT_DISABLE ------------------------------------------------------- */

static void
test_disable(void)
{
	int maps;

	setenv("USDT_DISABLE", "1", 1);
	begin("disabled");
	maps = count_maps("/disabled/");
	is_int(usdt_provider_enable(p), 0, "USDT_DISABLE=1: enable succeeds");
	is_str(usdt_errstr(p), "", "USDT_DISABLE=1: without a word");
	usdt_provider_status(p, &status);
	ok(status.enabled == 1 && status.probes == 0 && status.images == 0 &&
	    !status.dof.taken && !status.sdt.taken,
	    "USDT_DISABLE=1: nothing is visible");
	is_str(status.sdt.reason, "USDT_DISABLE is set",
	    "USDT_DISABLE=1: SDT's reason");
	is_str(status.dof.reason, "USDT_DISABLE is set",
	    "USDT_DISABLE=1: DOF's reason");
	is_int(count_maps("/disabled/"), maps,
	    "USDT_DISABLE=1: nothing is mapped");
	is_int(usdt_is_enabled(def->probe), 0, "USDT_DISABLE=1: no probe is "
	    "enabled");
	usdt_probe_fire(def, 0, NULL);
	is_int(usdt_provider_enable(p), 0, "USDT_DISABLE=1: enable again");
	is_str(usdt_errstr(p), "provider is already enabled",
	    "USDT_DISABLE=1: says so");
	is_int(usdt_provider_disable(p), 0, "USDT_DISABLE=1: disable");
	is_int(usdt_provider_enable(p), 0, "USDT_DISABLE=1: enable");
	is_int(usdt_provider_remove_probe(p, def), 0,
	    "USDT_DISABLE=1: remove");
	is_int(usdt_provider_enable(p), -1, "USDT_DISABLE=1: without probes");
	is_str(usdt_errstr(p), "no probes defined",
	    "USDT_DISABLE=1: it fails");
	usdt_provider_add_probe(p, def);
	unsetenv("USDT_DISABLE");
	is_int(usdt_provider_enable(p), 0, "without it again: enable");
	usdt_provider_status(p, &status);
	ok(status.enabled == 1 && status.probes == 0 && status.images == 0 &&
	    count_maps("/disabled/") == maps,
	    "is nothing new to an enabled provider");
	is_int(usdt_provider_disable(p), 0, "without it again: disable");
	is_int(usdt_provider_enable(p), 0, "enable");
	usdt_provider_status(p, &status);
	ok(status.sdt.taken && status.probes == 1, "the probe is visible");
	setenv("USDT_DISABLE", "1", 1);
	is_int(usdt_provider_disable(p), 0, "with it: disable");
	usdt_provider_status(p, &status);
	is_int(status.enabled, 0, "has hidden the probe");
	is_int(usdt_provider_enable(p), 0, "with it: enable");
	usdt_provider_status(p, &status);
	is_int(status.enabled, 1, "is enabled");
	ok(status.probes == 0 && status.waiting == 1, "and no probe fires");
	end("USDT_DISABLE");

	setenv("USDT_DISABLE", "0", 1);
	begin("zero");
	usdt_provider_enable(p);
	usdt_provider_status(p, &status);
	is_int(status.sdt.taken, 1, "USDT_DISABLE=0 is as if it was not set");
	end("USDT_DISABLE");
}

/* --- USDT_BACKENDS, USDT_HELPER ----------------------------------------- */

static void
enable_is(const char *backends, const char *helper, int expected,
    const char *text)
{
	setenv("USDT_BACKENDS", backends, 1);
	setenv("USDT_HELPER", helper, 1);
	is_int(usdt_provider_enable(p), expected, "%s, %s: enable", backends,
	    helper);
	is_str(usdt_errstr(p), text, "%s, %s: the text", backends, helper);
	usdt_provider_status(p, &status);
	is_int(status.enabled, expected == 0, "%s, %s: enabled", backends,
	    helper);
}

static void
test_backends(void)
{
	char file[128], text[256];
	int fd, maps;

	begin("backends");
	snprintf(file, sizeof file, "%s/a-file", scratch);
	fd = open(file, O_WRONLY | O_CREAT, 0600);
	maps = count_maps(scratch);
	close(fd);
	enable_is("dof", "/nonexistent/helper", -1, "failed to load DOF: "
	    "/nonexistent/helper: No such file or directory");
	is_str(status.dof.reason, "/nonexistent/helper: No such file or "
	    "directory", "DOF's reason");
	is_int(status.dof.error, ENOENT, "and its number");
	is_str(status.sdt.reason, "not in USDT_BACKENDS", "SDT's reason");
	is_int(usdt_is_enabled(def->probe), 0, "it is not visible");
	snprintf(text, sizeof text, "failed to load DOF: %s: %s", file,
	    strerror(ENOTTY));
	enable_is("dof", file, -1, text);
	snprintf(text, sizeof text, "failed to load DOF: %s: Is a directory",
	    scratch);
	enable_is("dof", scratch, -1, text);
	enable_is("dof", "", -1, "failed to load DOF: /dev/dtrace/helper: No "
	    "such file or directory");
	enable_is("none", "/nonexistent/helper", -1, "failed to load DOF: "
	    "USDT_BACKENDS=none names neither dof nor sdt");
	enable_is("SDT", "/nonexistent/helper", -1, "failed to load DOF: "
	    "USDT_BACKENDS=SDT names neither dof nor sdt");
	enable_is("", "/nonexistent/helper", -1, "failed to load DOF: "
	    "USDT_BACKENDS= names neither dof nor sdt");
	ok(count_maps(scratch) <= maps + 3,
	    "failing five times maps one image at most");
	usdt_error(p, USDT_ERROR_NOPROBES);
	enable_is("sdt", file, 0, "no probes defined");
	is_int(status.sdt.taken, 1, "SDT has it");
	is_str(status.dof.reason, "not in USDT_BACKENDS", "DOF's reason");
	usdt_provider_disable(p);
	enable_is("dof,sdt", file, 0, "no probes defined");
	is_int(status.sdt.taken, 1, "SDT has it again");
	is_int(status.dof.error, ENOTTY, "DOF was tried");
	is_str(status.dof.path, file, "with the device that was named");
	end("USDT_BACKENDS");
	remove(file);
}

/* --- USDT_NOP ----------------------------------------------------------- */

/* Does the image consist of this stub? */
static int
image_has(const struct usdt__stub *stub)
{
	static char bytes[1 << 20];
	FILE *f = fopen(status.sdt.path, "rb");
	size_t n = f == NULL ? 0 : fread(bytes, 1, sizeof bytes, f);

	if (f != NULL)
		fclose(f);
	return memmem(bytes, n, stub->code, USDT__STUB_SIZE) != NULL;
}

static void
test_nop(void)
{
	char value[16], paths[4][USDT_PATH_SIZE];
	uint32_t i, k;

	for (i = 0; i < usdt__stub_count && i < 4; i++) {
		if (usdt__stubs[i].answer !=
		    usdt__native_platform()->isenabled)
			continue;
		begin("nops");
		snprintf(value, sizeof value, "%u", usdt__stubs[i].nop);
		setenv("USDT_NOP", value, 1);
		usdt_provider_enable(p);
		usdt_provider_status(p, &status);
		ok(status.sdt.taken && image_has(&usdt__stubs[i]),
		    "USDT_NOP=%s: the image has this nop", value);
		strcpy(paths[i], status.sdt.path);
		for (k = 0; k < i; k++)
			ok(strcmp(paths[i], paths[k]) != 0,
			    "USDT_NOP=%s: and its own path", value);
		end("USDT_NOP");
	}
	unsetenv("USDT_NOP");
	begin("nops");
	usdt_provider_enable(p);
	usdt_provider_status(p, &status);
	ok(status.sdt.taken && image_has(usdt__stub_choose(0)),
	    "without it: what this kernel likes, %u bytes",
	    usdt__stub_choose(0)->nop);
	end("USDT_NOP");
	begin("nops");
	setenv("USDT_NOP", "7", 1);
	usdt_provider_enable(p);
	usdt_provider_status(p, &status);
	unsetenv("USDT_NOP");
	ok(status.sdt.taken && image_has(usdt__stub_choose(0)),
	    "an unknown nop: the library chooses");
	end("USDT_NOP");
}

/* --- USDT_IMAGE_DIR ----------------------------------------------------- */

/* Remove an image and the directories above it that are then empty. */
static void
remove_image(char *path)
{
	char *slash;
	int i;

	if (path[0] != '/' || unlink(path) < 0)
		return;
	for (i = 0; i < 3 && (slash = strrchr(path, '/')) != NULL; i++) {
		*slash = '\0';
		if (rmdir(path) < 0)
			break;
	}
}

/* With this image directory, enabling succeeds, in another place. */
static void
not_in(const char *dir, const char *what, const char *why)
{
	char note[USDT_TEXT_SIZE];

	begin("elsewhere");
	setenv("USDT_IMAGE_DIR", dir, 1);
	is_int(usdt_provider_enable(p), 0, "%s: enable", what);
	usdt_provider_status(p, &status);
	ok(status.sdt.taken && strncmp(status.sdt.path, dir, strlen(dir)) != 0,
	    "%s: the image is in %s", what, status.sdt.path);
	snprintf(note, sizeof note, "the image could not be elsewhere: %.64s%s"
	    ": %s", dir, strlen(dir) > 64 ? "..." : "",
	    why);
	is_str(status.note, note, "%s: which is noted", what);
	end(NULL);
	remove_image(status.sdt.path);
}

static void
test_image_dir(void)
{
	char dir[128], inside[160];

	snprintf(dir, sizeof dir, "%s/new-one", scratch);
	begin("placed");
	setenv("USDT_IMAGE_DIR", dir, 1);
	usdt_provider_enable(p);
	usdt_provider_status(p, &status);
	ok(strncmp(status.sdt.path, dir, strlen(dir)) == 0,
	    "a directory that is not there yet is made");
	is_str(status.note, "", "and nothing is noted");
	end(NULL);
	snprintf(dir, sizeof dir, "%s/with blank", scratch);
	not_in(dir, "a path with a blank",
	    "tracers cannot read paths with blanks, ':' or ','");
	not_in("relative", "a relative path",
	    "not an absolute path");
	snprintf(dir, sizeof dir, "%s/open", scratch);
	mkdir(dir, 0700);
	chmod(dir, 0777);
	not_in(dir, "a directory that is open to others",
	    "open to others, mode 777 instead of 700");
	snprintf(dir, sizeof dir, "%s/link", scratch);
	if (symlink(scratch, dir) < 0)
		abort();
	not_in(dir, "a symbolic link",
	    "Not a directory");
	snprintf(inside, sizeof inside, "%s/not/there", scratch);
	not_in(inside, "a directory in one that is not there",
	    "No such file or directory");
}

/* --- nowhere ------------------------------------------------------------ */

/*
 * A child that may write no files has no place for an image: the error names
 * all places with reasons.
 */
static void
child_without_files(int out)
{
	struct rlimit none = { 0, 0 };
	char text[USDT_TEXT_SIZE + 64];
	int fds;

	begin("nowhere");
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &none);
	fds = count_fds();
	snprintf(text, sizeof text, "%d %d %d %s\n",
	    usdt_provider_enable(p), count_maps("nowhere"),
	    count_fds() - fds, usdt_errstr(p));
	if (write(out, text, strlen(text)) < 0)
		_exit(1);
	usdt_provider_status(p, &status);
	_exit(status.enabled == 0 && status.probes == 0 &&
	    status.waiting == 1 ? status.sdt.error : 1);
}

static void
test_nowhere(void)
{
	char said[1024] = "", start[256];
	int fds[2], state = -1;
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	if (pipe(fds) < 0 || (pid = fork()) < 0)
		abort();
	if (pid == 0)
		child_without_files(fds[1]);
	close(fds[1]);
	while ((got = read(fds[0], said + n, sizeof said - 1 - n)) > 0)
		n += (size_t)got;
	close(fds[0]);
	waitpid(pid, &state, 0);
	is_int(WIFEXITED(state) ? WEXITSTATUS(state) : -1, EFBIG,
	    "no place for an image: not enabled, and the status has EFBIG");
	snprintf(start, sizeof start, "-1 0 0 failed to place the probe "
	    "image: %s/nowhere/1-", scratch);
	ok(strncmp(said, start, strlen(start)) == 0,
	    "no place for an image: the text begins with our directory");
	ok(strstr(said, "File too large; ") != NULL && strstr(said, "memfd: "
	    "File too large\n") != NULL, "and names all places");
	if (strncmp(said, start, strlen(start)) != 0)
		note("  %s", said);
	snprintf(start, sizeof start, "%s/nowhere", scratch);
	ok(access(start, F_OK) < 0, "it leaves no directory");
}

/* --- USDT_DEBUG --------------------------------------------------------- */

/* What enabling prints on standard error. */
static size_t
said_on_stderr(char *out, size_t size)
{
	char path[128];
	int fd, saved = dup(STDERR_FILENO);
	ssize_t n;

	snprintf(path, sizeof path, "%s/stderr", scratch);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	dup2(fd, STDERR_FILENO);
	begin("telling");
	errno = 1234;
	usdt_provider_enable(p);
	end(NULL);
	dup2(saved, STDERR_FILENO);
	close(saved);
	n = pread(fd, out, size - 1, 0);
	close(fd);
	unlink(path);
	out[n > 0 ? n : 0] = '\0';
	return n > 0 ? (size_t)n : 0;
}

static void
test_debug(void)
{
	char said[4096], start[32], *line, *next;

	is_int((long long)said_on_stderr(said, sizeof said), 0,
	    "USDT_DEBUG unset: not a word");
	setenv("USDT_DEBUG", "0", 1);
	is_int((long long)said_on_stderr(said, sizeof said), 0,
	    "USDT_DEBUG=0: not a word");
	setenv("USDT_DEBUG", "1", 1);
	ok(said_on_stderr(said, sizeof said) > 0, "USDT_DEBUG=1: some words");
	snprintf(start, sizeof start, "libusdt[%d]: ", (int)getpid());
	for (line = said; *line != '\0'; line = next) {
		next = strchr(line, '\n');
		try(next != NULL && strncmp(line, start, strlen(start)) == 0,
		    "%s", line);
		if (next == NULL)
			break;
		next++;
	}
	ok_all("USDT_DEBUG=1: each line has the library's name and the pid");
	ok(strstr(said, "image: ") != NULL && strstr(said, "dof: ") != NULL,
	    "USDT_DEBUG=1: of the image, and of DOF");
	setenv("USDT_NOP", "7", 1);
	said_on_stderr(said, sizeof said);
	ok(strstr(said, "USDT_NOP=7: there is no such nop here\n") != NULL,
	    "USDT_DEBUG=1: reports an unknown nop");
	unsetenv("USDT_NOP");
	setenv("USDT_DISABLE", "1", 1);
	said_on_stderr(said, sizeof said);
	ok(strstr(said, "USDT_DISABLE is set: nothing becomes visible\n") !=
	    NULL && strstr(said, "image: ") == NULL,
	    "USDT_DEBUG=1: why nothing is done");
	unsetenv("USDT_DISABLE");
	unsetenv("USDT_DEBUG");
}

static void
reads_none(const char *call)
{
	is_int(read_by, 0, "%s reads no environment", call);
	read_by = 0;
}

/* Another thread may be changing the environment. */
static void
test_who_reads(void)
{
	usdt_probedef_t *other;

	read_by = 0;
	p = usdt_create_provider("readers", "m");
	ok(read_by > 0, "usdt_create_provider reads the environment");
	read_by = 0;
	def = usdt_create_probe("f", "n", 0, NULL);
	other = usdt_create_probe("f", "other", 0, NULL);
	reads_none("usdt_create_probe");
	usdt_provider_add_probe(p, def);
	usdt_provider_add_probe(p, other);
	reads_none("usdt_provider_add_probe");
	usdt_provider_enable(p);
	ok(read_by > 0, "usdt_provider_enable reads it");
	read_by = 0;
	usdt_provider_status(p, &status);
	reads_none("usdt_provider_status");
	usdt_probe_fire(def, 0, NULL);
	usdt_is_enabled(def->probe);
	usdt_probe_enabled(def);
	reads_none("a fire");
	usdt_provider_remove_probe(p, other);
	usdt_probe_release(other);
	reads_none("usdt_provider_remove_probe");
	usdt_provider_disable(p);
	reads_none("usdt_provider_disable");
	end("none");
	read_by = 0;
}

int
main(void)
{
	scratch_begin();
	if (usdt__stub_count == 0) {
		skip("the library has no stubs for this processor");
		return done_testing();
	}
	test_who_reads();
	test_disable();
	test_backends();
	test_nop();
	test_image_dir();
	test_nowhere();
	test_debug();
	return done_testing();
}
