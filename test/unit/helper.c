/*
 * helper.c - what does the library say to a DTrace helper, and when?
 *
 * The helper is simulated: this program's ioctl keeps a list of documents, as
 * dtprobed on Linux does, and refuses on command.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tap.h"
#include "scratch.h"
#include "core/provider.h"

/* --- the helper --------------------------------------------------------- */

#define ADD	0x4050d803ul
#define REMOVE	0x4004d802ul
#define MOST	64

/* What ADD's argument looks like to dtprobed. */
struct told {
	char module[64];
	uint64_t address, dof;
};

static struct {
	struct told told;
	int present;
} documents[MOST];
static int next_generation, adds, removes;
static int refuse_add, refuse_remove;	/* an errno, or 0 */
static int refuse_after;		/* calls that succeed before */
static int interruptions;		/* number of EINTR first */
static char device[128], device_seen[128];

static int
present(void)
{
	int i, n = 0;

	for (i = 0; i < next_generation; i++)
		n += documents[i].present;
	return n;
}

static void
check_told(const struct told *told)
{
	const uint8_t *dof = (const uint8_t *)(uintptr_t)told->dof;
	uint64_t size;

	try(strcmp(told->module, "helpmod") == 0, "module \"%.64s\"",
	    told->module);
	try(told->address % 4096 == 0 && told->dof > told->address &&
	    told->dof % 8 == 0, "address %#llx, document %#llx",
	    (unsigned long long)told->address, (unsigned long long)told->dof);
	memcpy(&size, dof + 40, sizeof size);
	try(memcmp(dof, "\177DOF", 4) == 0 && size > 64, "no DOF there");
}

static int
add_document(const struct told *told)
{
	int i;

	adds++;
	check_told(told);
	if (refuse_add && refuse_after-- <= 0) {
		errno = refuse_add;
		return -1;
	}
	for (i = 0; i < next_generation; i++)
		try(!documents[i].present ||
		    documents[i].told.dof != told->dof,
		    "the document of generation %d again", i);
	if (next_generation == MOST)
		abort();
	documents[next_generation].told = *told;
	documents[next_generation].present = 1;
	return next_generation++;
}

static int
remove_document(uintptr_t generation)
{
	removes++;
	if (refuse_remove && refuse_after-- <= 0) {
		errno = refuse_remove;
		return -1;
	}
	try(generation < (uintptr_t)next_generation &&
	    documents[generation].present, "generation %lu is not there",
	    (unsigned long)generation);
	if (generation < MOST)
		documents[generation].present = 0;
	return 0;
}

/* In place of the C library's ioctl. */
int
ioctl(int fd, unsigned long request, ...)
{
	char link[64];
	va_list args;
	void *argument;
	ssize_t n;

	va_start(args, request);
	argument = va_arg(args, void *);
	va_end(args);
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, device_seen, sizeof device_seen - 1);
	device_seen[n > 0 ? n : 0] = '\0';
	if (interruptions > 0) {
		interruptions--;
		errno = EINTR;
		return -1;
	}
	if (request == ADD)
		return add_document(argument);
	if (request == REMOVE)
		return remove_document((uintptr_t)argument);
	try(0, "request %#lx", request);
	errno = EINVAL;
	return -1;
}

/* --- a provider --------------------------------------------------------- */

static usdt_provider_t *p;
static usdt_probedef_t *a, *b;
static usdt_status_t status;
static int fds_before;

static usdt_probedef_t *
add(const char *name)
{
	usdt_probedef_t *def = usdt_create_probe("f", name, 0, NULL);

	if (def == NULL || usdt_provider_add_probe(p, def) < 0) {
		printf("Bail out! %s\n", usdt_errstr(def ? p : NULL));
		exit(1);
	}
	return def;
}

static void
begin(const char *name)
{
	refuse_add = refuse_remove = refuse_after = interruptions = 0;
	adds = removes = next_generation = 0;
	setenv("USDT_HELPER", device, 1);
	fds_before = count_fds();
	p = usdt_create_provider(name, "helpmod");
	a = add("a");
	b = NULL;
}

static void
end(void)
{
	unsetenv("USDT_BACKENDS");
	usdt_provider_free(p);
	usdt_probe_release(a);
	usdt_probe_release(b);
	try(count_fds() == fds_before, "%d descriptors, %d before",
	    count_fds(), fds_before);
}

/* Does the probe say that a helper has it, by a gate that is not the image's? */
static int
says_helper(const usdt_probedef_t *def)
{
	return def->gate != def->probe->image_gate;
}

static void
get_status(void)
{
	usdt_provider_status(p, &status);
}

/* --- tests -------------------------------------------------------------- */

static void
test_taken(void)
{
	begin("taken");
	is_int(usdt_provider_enable(p), 0, "enable");
	get_status();
	ok(status.dof.taken && status.dof.generation == 0 &&
	    status.dof.error == 0 && status.dof.reason[0] == '\0',
	    "the helper has it");
	is_str(status.dof.path, device, "and is named");
	is_str(device_seen, device, "the device is the one that was asked");
	ok(adds == 1 && present() == 1 && says_helper(a) == 1,
	    "it has it once, and the probe says so");
	is_int(usdt_is_enabled(a->probe), 0, "not traced yet");
	is_int(usdt_provider_enable(p), 0, "enable again");
	is_int(adds, 1, "says nothing to the helper");
	is_int(usdt_provider_disable(p), 0, "disable");
	ok(removes == 1 && present() == 0, "removes it");
	get_status();
	ok(!status.dof.taken && status.dof.generation == -1,
	    "and the status knows");
	is_int(usdt_provider_enable(p), 0, "enable");
	get_status();
	ok(adds == 2 && present() == 1 && status.dof.generation == 1 &&
	    documents[0].told.dof == documents[1].told.dof &&
	    says_helper(a) == 1, "hands over the same document again");
	end();
	ok(removes == 2 && present() == 0, "free removes it");
	ok_all("nothing is registered or kept that should not be");
}

static void
test_growing(void)
{
	begin("growing");
	usdt_provider_enable(p);
	b = add("b");
	usdt_provider_enable(p);
	get_status();
	ok(adds == 2 && present() == 2 && status.dof.generation == 1 &&
	    status.images == 2, "an added probe is a second document");
	ok(documents[0].told.address != documents[1].told.address &&
	    says_helper(a) && says_helper(b), "in an image of its own");
	usdt_provider_disable(p);
	ok(removes == 2 && present() == 0, "disable removes both");
	usdt_provider_enable(p);
	ok(adds == 4 && present() == 2, "enable hands over both again");
	usdt_provider_remove_probe(p, b);
	usdt_provider_enable(p);
	is_int(present(), 1, "the document of a removed probe goes when the "
	    "provider is next enabled");
	end();
	is_int(present(), 0, "free removes the rest");
	ok_all("nothing is registered or kept that should not be");
}

static void
test_refusing(void)
{
	const char *narrow = sizeof(void *) < 8 ?
	    ": DTrace on Linux accepts no 32-bit processes" : "";
	char text[256];

	begin("refusing");
	refuse_add = EINVAL;
	is_int(usdt_provider_enable(p), 0, "the helper refuses, SDT does not");
	get_status();
	snprintf(text, sizeof text, "%s: Invalid argument%s", device, narrow);
	ok(!status.dof.taken && status.dof.error == EINVAL &&
	    status.dof.generation == -1 && status.sdt.taken,
	    "the status has both");
	is_str(status.dof.reason, text, "and why");
	is_int(says_helper(a), 0, "the probe says nothing of a helper");
	is_int(usdt_provider_disable(p), 0, "disable");
	is_int(removes, 0, "removes nothing");
	setenv("USDT_BACKENDS", "dof", 1);
	is_int(usdt_provider_enable(p), -1, "the helper alone refuses");
	snprintf(text, sizeof text,
	    "failed to load DOF: %s: Invalid argument%s", device, narrow);
	is_str(usdt_errstr(p), text, "the text");
	get_status();
	ok(!status.enabled && status.probes == 0 && *a->gate == 0,
	    "nothing is visible");
	refuse_add = 0;
	is_int(usdt_provider_enable(p), 0, "it accepts it when asked again");
	get_status();
	ok(status.dof.taken && !status.sdt.taken && present() == 1 &&
	    says_helper(a), "the helper alone has it");
	is_str(status.sdt.reason, "not in USDT_BACKENDS", "SDT has not");
	end();
	ok_all("nothing is registered or kept that should not be");
}

/* While enabled: a refused document waits, registered ones stay. */
static void
test_refusing_more(void)
{
	usdt_probedef_t *c;

	begin("more");
	setenv("USDT_BACKENDS", "dof", 1);
	usdt_provider_enable(p);
	b = add("b");
	refuse_add = ENOMEM;
	is_int(usdt_provider_enable(p), -1, "the second document is refused");
	get_status();
	ok(status.enabled && status.probes == 1 && status.waiting == 1 &&
	    present() == 1 && removes == 0 && says_helper(a) &&
	    *b->gate == 0, "the first stays, the new probe waits");
	is_int(usdt_provider_enable(p), -1, "and again");
	refuse_add = 0;
	is_int(usdt_provider_enable(p), 0, "later it is accepted");
	ok(present() == 2 && says_helper(b), "both are there");
	usdt_provider_disable(p);
	refuse_add = ENOMEM;
	refuse_after = 1;
	is_int(usdt_provider_enable(p), -1, "one of two is refused");
	get_status();
	ok(!status.enabled && present() == 0,
	    "the other is removed, nothing is enabled");
	c = add("c");
	refuse_after = 1;
	is_int(usdt_provider_enable(p), -1, "one of three is refused, which "
	    "is not the newest");
	get_status();
	ok(!status.enabled && present() == 0 && status.waiting == 3,
	    "the newest is removed too");
	refuse_add = 0;
	is_int(usdt_provider_enable(p), 0, "later all are accepted");
	is_int(present(), 3, "all three");
	usdt_probe_release(c);
	end();
	ok_all("nothing is registered or kept that should not be");
}

static void
test_keeping(void)
{
	char text[256];
	const uint32_t *gate;
	int attempt;

	begin("keeping");
	usdt_provider_enable(p);
	b = add("b");
	usdt_provider_enable(p);
	gate = a->gate;
	snprintf(text, sizeof text, "failed to unload DOF: %s: Input/output "
	    "error", device);
	for (attempt = 0; attempt < 2; attempt++) {
		refuse_remove = EIO;
		refuse_after = attempt;	/* the first, then the second */
		is_int(usdt_provider_disable(p), -1, "the helper keeps number "
		    "%d: disable fails", attempt);
		is_str(usdt_errstr(p), text, "the text");
		get_status();
		ok(status.enabled && status.probes == 2 && status.dof.taken &&
		    status.sdt.taken && present() == 2 && a->gate == gate &&
		    says_helper(a) && says_helper(b), "all is as it was");
	}
	refuse_remove = 0;
	is_int(usdt_provider_disable(p), 0, "later it succeeds");
	is_int(present(), 0, "the helper has nothing");
	usdt_provider_enable(p);
	refuse_remove = EIO;
	refuse_after = 0;
	adds = 0;
	usdt_provider_free(p);
	ok(*a->gate == 0 && *b->gate == 0, "free does without the helper");
	usdt_probe_release(a);
	usdt_probe_release(b);
	refuse_remove = 0;
	ok(fork() != 0 || (_exit(adds), 0), "a child is made");
	wait(&attempt);
	is_int(attempt, 0, "which registers nothing of the freed provider");
	ok_all("nothing is registered or kept that should not be");
}

static void
test_interruptions(void)
{
	begin("interrupted");
	interruptions = 3;
	usdt_provider_enable(p);
	ok(interruptions == 0 && present() == 1,
	    "an interrupted call is made again: add");
	interruptions = 3;
	usdt_provider_disable(p);
	ok(interruptions == 0 && present() == 0,
	    "an interrupted call is made again: remove");
	end();
	ok_all("nothing is registered or kept that should not be");
}

static void
test_going(void)
{
	char moved[160];

	begin("going");
	usdt_provider_enable(p);
	snprintf(moved, sizeof moved, "%s.moved", device);
	rename(device, moved);
	is_int(usdt_provider_disable(p), 0, "the device has gone: disable");
	is_int(removes, 0, "has no helper to call");
	documents[0].present = 0;
	rename(moved, device);
	usdt_provider_enable(p);
	is_int(present(), 1, "it is back: enabling registers");
	end();
	ok_all("nothing is registered or kept that should not be");
}

/* Only a helper that has a document is asked to remove it. */
static void
test_another_device(void)
{
	begin("another");
	usdt_provider_enable(p);
	b = add("b");
	setenv("USDT_HELPER", "/nonexistent/helper", 1);
	setenv("USDT_BACKENDS", "dof", 1);
	is_int(usdt_provider_enable(p), -1, "another device, which is not "
	    "there: enable fails");
	get_status();
	is_str(status.dof.path, device, "the old one is still in use");
	is_int(usdt_provider_disable(p), 0, "disable");
	is_int(present(), 0, "removes the document where it is");
	end();
	ok_all("nothing is registered or kept that should not be");
}

/* A late helper gets the document at the next enabling. */
static void
test_coming(void)
{
	begin("coming");
	setenv("USDT_HELPER", "/nonexistent/helper", 1);
	usdt_provider_enable(p);
	b = add("b");
	usdt_provider_enable(p);
	get_status();
	ok(!status.dof.taken && status.dof.error == ENOENT && adds == 0,
	    "no helper yet");
	setenv("USDT_HELPER", device, 1);
	refuse_add = EINVAL;
	is_int(usdt_provider_enable(p), 0, "one that refuses: enable");
	get_status();
	ok(status.enabled && status.probes == 2 && !status.dof.taken &&
	    !says_helper(a), "changes nothing");
	refuse_add = 0;
	is_int(usdt_provider_enable(p), 0, "one that does not: enable");
	is_str(usdt_errstr(p), "provider is already enabled",
	    "has no new probe");
	get_status();
	ok(present() == 2 && status.dof.taken && says_helper(a) &&
	    says_helper(b) && status.dof.reason[0] == '\0',
	    "but hands over both documents");
	is_str(status.dof.path, device, "to the new device");
	end();
	is_int(present(), 0, "free removes them");
	ok_all("nothing is registered or kept that should not be");
}

/* Has the provider's newest image SDT notes? */
static int
has_notes(void)
{
	static char bytes[1 << 20];
	uint32_t type = 3;	/* of a note; then comes its name */
	char wanted[12];
	FILE *f;
	size_t n;

	get_status();
	f = fopen(status.sdt.path, "rb");
	n = f != NULL ? fread(bytes, 1, sizeof bytes, f) : 0;
	if (f != NULL)
		fclose(f);
	memcpy(wanted, &type, sizeof type);
	memcpy(wanted + sizeof type, "stapsdt", 8);
	return memmem(bytes, n, wanted, sizeof wanted) != NULL;
}

static void
test_choosing(void)
{
	begin("choosing");
	setenv("USDT_BACKENDS", "dof", 1);
	usdt_provider_enable(p);
	ok(!has_notes() && status.dof.taken && !status.sdt.taken,
	    "the helper alone: the image has no notes");
	usdt_provider_disable(p);
	setenv("USDT_BACKENDS", "dof,sdt", 1);
	usdt_provider_enable(p);
	ok(has_notes() && status.sdt.taken && status.dof.taken &&
	    present() == 1, "both now: it has");
	usdt_provider_disable(p);
	setenv("USDT_BACKENDS", "sdt", 1);
	usdt_provider_enable(p);
	ok(has_notes() && status.sdt.taken && !status.dof.taken &&
	    present() == 0 && !says_helper(a), "SDT alone: it has, and the "
	    "helper has nothing");
	end();
	ok_all("nothing is registered or kept that should not be");
}

/* A removed image file is created again, and its document replaced. */
static void
test_replacing(void)
{
	begin("replacing");
	usdt_provider_enable(p);
	get_status();
	unlink(status.sdt.path);
	is_int(usdt_provider_enable(p), 0, "the image has gone: enable");
	ok(adds == 2 && removes == 1 && present() == 1 &&
	    documents[1].present && says_helper(a),
	    "replaces the document as well");
	end();
	ok_all("nothing is registered or kept that should not be");
}

/* --- fork --------------------------------------------------------------- */

/* A new process has no documents: they are the parent's. */
static void
forget(void)
{
	int i;

	for (i = 0; i < next_generation; i++)
		documents[i].present = 0;
	refuse_after = 0;
}

/* A child's result as an exit status; 0 is right. */
static int
in_child(int expected_adds, int has)
{
	if (adds != expected_adds)
		return 10 + adds;
	if (says_helper(a) != has || (b != NULL && says_helper(b) != has))
		return 2;
	if (usdt_is_enabled(a->probe) != 0)
		return 3;
	usdt_probe_fire(a, 0, NULL);
	get_status();
	if (!status.enabled || status.dof.taken != has)
		return 4;
	if (has ? status.dof.reason[0] != '\0' || status.dof.error != 0 :
	    strstr(status.dof.reason, strerror(refuse_add)) == NULL ||
	    status.dof.error != refuse_add)
		return 7;
	if (usdt_provider_disable(p) < 0 || usdt_provider_enable(p) < 0)
		return 5;
	return tap_bad_tries > 0 ? 6 : 0;
}

static void
fork_is(int expected_adds, int has, const char *what)
{
	int result = -1;
	pid_t pid;

	adds = 0;
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(in_child(expected_adds, has));
	waitpid(pid, &result, 0);
	is_int(result, 0, "%s", what);
	ok(adds == 0 && says_helper(a), "the parent's are as they were");
}

static void
test_fork(void)
{
	usdt_provider_t *idle = usdt_create_provider("idle", "helpmod");

	begin("forking");
	usdt_provider_enable(p);
	b = add("b");
	usdt_provider_enable(p);
	fork_is(2, 1, "a child registers both documents");
	refuse_add = EPERM;
	fork_is(2, 0, "if it is refused there, its gates say so");
	refuse_add = 0;
	usdt_provider_disable(p);
	adds = 0;
	if (fork() == 0)
		_exit(adds);
	wait(&adds);
	is_int(adds, 0, "a child of a disabled provider registers nothing");
	usdt_provider_free(idle);
	end();
	ok_all("nothing is registered or kept that should not be");
}

int
main(void)
{
	scratch_begin();
	if (usdt__stub_count == 0 ||
	    strcmp(usdt__native_platform()->name, "linux") != 0) {
		skip("the helper that is played is that of Linux");
		return done_testing();
	}
	scratch_file("device", device, sizeof device);
	pthread_atfork(NULL, NULL, forget);	/* before the library's */
	test_taken();
	test_growing();
	test_refusing();
	test_refusing_more();
	test_keeping();
	test_interruptions();
	test_going();
	test_another_device();
	test_coming();
	test_choosing();
	test_replacing();
	test_fork();
	return done_testing();
}
