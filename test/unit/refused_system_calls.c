/*
 * refused_system_calls.c - what if the kernel refuses any one system call?
 *
 * A seccomp filter sends every system call of this process to a handler of
 * SIGSYS, which makes it itself or answers with an error; so it also sees the
 * calls that libc makes for the library.  Each call of the library is repeated,
 * and each time another of its system calls gets another error, once, or always
 * from then on.  The library has to report it or work without, leave everything
 * as it was if it fails, and succeed when it is called again without faults.
 *
 * The second part uses real filters, which can't be removed: each in a child of
 * its own.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tap.h"
#include "scratch.h"
#include "core/provider.h"

#if defined(__linux__) && defined(__x86_64__)

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)	/* which keeps freed memory */
#define KEEPS_FREED	1
#else
#define KEEPS_FREED	0
#endif

/* --- the handler -------------------------------------------------------- */

/* The filter allows system calls from here only. */
long gate(long number, long a, long b, long c, long d, long e, long f);
extern const char gate_return[];
__asm__(
"	.text\n"
"gate:	mov %rdi, %rax\n"
"	mov %rsi, %rdi\n"
"	mov %rdx, %rsi\n"
"	mov %rcx, %rdx\n"
"	mov %r8, %r10\n"
"	mov %r9, %r8\n"
"	mov 8(%rsp), %r9\n"
"	syscall\n"
"gate_return:\n"
"	ret\n");

#define MOST	512		/* system calls of one call; their kinds */
#define SHORT	1000		/* no errno: half of the request is done */

static volatile int counting;	/* in a call of the library */
static int asked;		/* number of system calls */
static int refused;		/* number of them that got an error */
static int first;		/* which one gets it, from 1; 0: none */
static int always;		/* later ones of its number get it too */
static int fault;		/* the error */
static int fault_number;	/* the system call that got it */
static size_t kept;		/* mapped bytes that were not unmapped */
static int device_answers;	/* ioctl always succeeds */
static int numbers[MOST];	/* of the system calls made */
static uintptr_t libc_start, libc_end;

static int
may_be_short(int number)
{
	return number == SYS_write || number == SYS_pread64;
}

static int
is_refused(int number, uintptr_t at)
{
	/* A sanitizer's system calls are not the library's. */
	if (!counting || at < libc_start || at >= libc_end)
		return 0;
	if (asked < MOST)
		numbers[asked] = number;
	asked++;
	if (first == 0)
		return 0;
	if (asked == first && (fault != SHORT || may_be_short(number)))
		fault_number = number;
	else if (!always || asked < first || number != fault_number)
		return 0;
	refused++;
	return 1;
}

static void
handler(int signal, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	int number = info->si_syscall;
	long a = r[REG_RDI], size = r[REG_RDX];

	(void)signal;
	if (is_refused(number, (uintptr_t)info->si_call_addr)) {
		if (fault == SHORT && size > 1)
			size /= 2;
		else if (number == SYS_brk)	/* brk reports no errors */
			a = 0;
		else if (number == SYS_close)	/* close() closes even if it
						 * fails */
			gate(number, a, 0, 0, 0, 0, 0);
		else if (number == SYS_munmap)
			kept += (size_t)r[REG_RSI];
		if (fault != SHORT && number != SYS_brk) {
			r[REG_RAX] = -fault;
			return;
		}
	} else if (number == SYS_ioctl && counting && device_answers) {
		r[REG_RAX] = 7;
		return;
	}
	r[REG_RAX] = gate(number, a, r[REG_RSI], size, r[REG_R10],
	    r[REG_R8], r[REG_R9]);
}

static int
install(struct sock_filter *filter, size_t count)
{
	struct sock_fprog program = { (unsigned short)count, filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
	offsetof(struct seccomp_data, member))
#define LOAD_HIGH(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
	offsetof(struct seccomp_data, member) + 4)
#define IF(value, then, other) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, \
	(uint32_t)(value), then, other)
#define DO(what)	BPF_STMT(BPF_RET | BPF_K, (what))

/* These can't be made by a handler: let them through. */
static int
install_handler(void)
{
	uintptr_t here = (uintptr_t)gate_return;
	struct sigaction action = { .sa_sigaction = handler };
	struct sock_filter filter[] = {
		LOAD(instruction_pointer),
		IF(here, 0, 2),
		LOAD_HIGH(instruction_pointer),
		IF((uint64_t)here >> 32, 6, 0),
		LOAD(nr),
		IF(SYS_rt_sigreturn, 4, 0),
		IF(SYS_exit_group, 3, 0),
		IF(SYS_vfork, 2, 0),
		IF(SYS_clone, 1, 0),
		DO(SECCOMP_RET_TRAP),
		DO(SECCOMP_RET_ALLOW),
	};

	action.sa_flags = SA_SIGINFO | SA_NODEFER;
	sigemptyset(&action.sa_mask);
	if (sigaction(SIGSYS, &action, NULL) < 0)
		return -1;
	return install(filter, sizeof filter / sizeof filter[0]);
}

static void
find_libc(void)
{
	uintptr_t inside = (uintptr_t)dlsym(RTLD_DEFAULT, "linkat");
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long start, end;
	char line[4096];

	while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
		if (sscanf(line, "%lx-%lx", &start, &end) == 2 &&
		    inside >= start && inside < end) {
			libc_start = start;
			libc_end = end;
		}
	if (maps != NULL)
		fclose(maps);
}

/* --- scenarios ---------------------------------------------------------- */

static usdt_provider_t *p;
static usdt_probedef_t *a, *b;
static int serial;		/* makes every definition new */
static const char device[] = "/dev/null";

static void
fresh(void)
{
	static const char *types[] = { "int", "char *" };
	char module[32];

	snprintf(module, sizeof module, "m%d", serial++);
	p = usdt_create_provider("faults", module);
	a = usdt_create_probe("f", "a", 2, types);
	b = usdt_create_probe("g", "b", 2, types);
	if (p == NULL || a == NULL || b == NULL ||
	    usdt_provider_add_probe(p, a) < 0)
		abort();
}

static void
drop(void)
{
	usdt_probe_release(a);
	usdt_probe_release(b);
	usdt_provider_free(p);
}

/* The image exists already: another process had this definition. */
static void
fresh_with_file(void)
{
	fresh();
	if (usdt_provider_enable(p) < 0)
		abort();
	drop();
	serial--;
	fresh();
}

static int
remove_below(const char *path, const struct stat *st, int type,
    struct FTW *ftw)
{
	return ftw->level > 0 ? scratch_remove(path, st, type, ftw) : 0;
}

/* Removal of old images is tested in alloc.c; here are few, and none in another
 * place. */
static void
drop_all(void)
{
	usdt_status_t status;
	char *path = status.sdt.path, *slash;

	usdt_provider_status(p, &status);
	drop();
	nftw(scratch, remove_below, 8, FTW_DEPTH | FTW_PHYS);
	if (strncmp(path, scratch, strlen(scratch)) == 0 || unlink(path) < 0)
		return;
	while ((slash = strrchr(path, '/')) != NULL) {
		*slash = '\0';
		if (rmdir(path) < 0)
			break;
	}
}

static void
fresh_live(void)
{
	fresh();
	if (usdt_provider_enable(p) < 0)
		abort();
	usdt_provider_add_probe(p, b);
}

static void
fresh_enabled(void)
{
	fresh();
	if (usdt_provider_enable(p) < 0)
		abort();
}

/* One image has gone; another becomes a tombstone now. */
static void
fresh_busy(void)
{
	usdt_probedef_t *passing;
	char name[16];
	int i;

	fresh_enabled();
	for (i = 0; i < 2; i++) {
		snprintf(name, sizeof name, "p%d", i);
		passing = usdt_create_probe("f", name, 0, NULL);
		if (usdt_provider_add_probe(p, passing) < 0 ||
		    usdt_provider_enable(p) < 0 ||
		    usdt_provider_remove_probe(p, passing) < 0)
			abort();
		usdt_probe_release(passing);
	}
	usdt_provider_add_probe(p, b);
}

static void
fresh_with_device(void)
{
	setenv("USDT_HELPER", device, 1);
	fresh();
}

/* The helper has the provider's document. */
static void
fresh_taken(void)
{
	fresh_with_device();
	counting = 1;
	if (usdt_provider_enable(p) < 0)
		abort();
	counting = 0;
}

#define CALL(what) \
	(asked = refused = 0, counting = 1, (what), counting = 0)

static int
enable(void)
{
	int result;

	CALL(result = usdt_provider_enable(p));
	return result;
}

static int
disable(void)
{
	int result;

	CALL(result = usdt_provider_disable(p));
	return result;
}

struct scenario {
	const char *what;
	void (*prepare)(void);
	int (*act)(void);
	unsigned probes;	/* visible afterwards */
	int answers;		/* there is a device */
};

static const struct scenario scenarios[] = {
	{ "enable", fresh, enable, 1, 0 },
	{ "enable with a file", fresh_with_file, enable, 1, 0 },
	{ "enable one probe more", fresh_live, enable, 2, 0 },
	{ "enable when others have gone", fresh_busy, enable, 2, 0 },
	{ "enable with a device", fresh_with_device, enable, 1, 1 },
	{ "enable with a device that knows no ioctl", fresh_with_device,
	    enable, 1, 0 },
	{ "disable", fresh_enabled, disable, 0, 0 },
	{ "disable with a device", fresh_taken, disable, 0, 1 },
};

/* --- judging ------------------------------------------------------------ */

struct snapshot {
	usdt_status_t status;
	int maps, fds;
	const uint32_t *gates[2];
};

static void
take(struct snapshot *s)
{
	usdt_provider_status(p, &s->status);
	s->maps = count_maps("/faults/") + count_maps("memfd:usdt");
	s->fds = count_fds();
	s->gates[0] = a->gate;
	s->gates[1] = b->gate;
}

static void
check_failure(const struct scenario *s, const struct snapshot *before)
{
	const char *text = usdt_errstr(p);
	struct snapshot now;

	take(&now);
	try(strlen(text) > 20, "%s, %d: system call %d, error %d: \"%s\"",
	    s->what, first, fault_number, fault, text);
	try(now.status.enabled == before->status.enabled &&
	    now.status.probes == before->status.probes &&
	    now.status.waiting == before->status.waiting &&
	    now.gates[0] == before->gates[0] &&
	    now.gates[1] == before->gates[1] &&
	    usdt_is_enabled(a->probe) == usdt_is_enabled(b->probe),
	    "%s, %d: system call %d, error %d: something changed", s->what,
	    first, fault_number, fault);
	if (fault_number != SYS_munmap)
		try((s->prepare == fresh_busy ? now.maps <= before->maps :
		    now.maps == before->maps) && now.fds == before->fds,
		    "%s, %d: system call %d, error %d: %d mappings, %d "
		    "descriptors; %d, %d before", s->what, first,
		    fault_number, fault, now.maps, now.fds, before->maps,
		    before->fds);
}

static void
check_success(const struct scenario *s)
{
	usdt_status_t status;

	usdt_provider_status(p, &status);
	try(status.enabled == (s->probes > 0) && status.probes == s->probes &&
	    status.sdt.taken == (s->probes > 0), "%s, %d: system call %d, "
	    "error %d: enabled %d, %u probes, image %d (%s)", s->what, first,
	    fault_number, fault, status.enabled, status.probes,
	    status.sdt.taken, status.sdt.reason);
	/* EAGAIN, EINTR and short writes need no other place. */
	if (first > 0 && s->probes > 0 && may_be_short(fault_number) &&
	    (fault == SHORT || fault == EINTR))
		try(strncmp(status.sdt.path, scratch, strlen(scratch)) == 0,
		    "%s, %d: system call %d, error %d: the image is in %s",
		    s->what, first, fault_number, fault, status.sdt.path);
}

static void
check_firing(void)
{
	void *argv[2] = { NULL, NULL };

	CALL((usdt_probe_fire(a, 2, argv), usdt_is_enabled(a->probe)));
	try(asked == 0, "firing makes %d system calls", asked);
}

static int maps_kept;		/* because munmap was refused */

/* Whatever was refused, nothing stays once the provider is freed. */
static void
check_gone(const struct scenario *s, int fds)
{
	int maps = count_maps("/faults/") + count_maps("memfd:usdt");

	try(count_fds() == fds, "%s: system call %d, error %d: %d descriptors"
	    " stay, not %d", s->what, fault_number, fault, count_fds(), fds);
	if (fault_number != SYS_munmap)
		try(maps == maps_kept, "%s: system call %d, error %d: %d "
		    "mappings stay, not %d", s->what, fault_number, fault,
		    maps, maps_kept);
	maps_kept = maps;
}

static long
mapped_kib(void)
{
	FILE *statm = fopen("/proc/self/statm", "r");
	long pages = -1;

	if (statm == NULL || fscanf(statm, "%ld", &pages) != 1)
		pages = -1;
	if (statm != NULL)
		fclose(statm);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/* One fault; returns whether the call met it and failed. */
static int
try_fault(const struct scenario *s, int number, int error, int again,
    int *failed)
{
	struct snapshot before;
	int result, met, fds = count_fds();

	first = 0;
	s->prepare();
	usdt__image_files = 0;	/* look for old ones */
	take(&before);
	first = number;
	fault = error;
	always = again;
	fault_number = -1;
	result = s->act();
	met = refused > 0;
	if (result == 0) {
		check_success(s);
	} else {
		++*failed;
		check_failure(s, &before);
		first = 0;
		try(s->act() == 0, "%s, again: %s", s->what, usdt_errstr(p));
		check_success(s);
	}
	first = 0;
	check_firing();
	drop_all();
	check_gone(s, fds);
	setenv("USDT_HELPER", "/nonexistent/helper", 1);
	return met;
}

static const int errors[] = {
	ENOMEM, ENOSPC, EMFILE, EACCES, EROFS, EINTR, EPERM, ENOSYS
};
#define ERRORS	((int)(sizeof errors / sizeof errors[0]))

static char seen[MOST];		/* numbers of system calls */

static void
learn(const struct scenario *s, int list[MOST], int *count)
{
	int i;

	first = 0;
	s->prepare();
	usdt__image_files = 0;	/* look for old ones */
	CALL(s->act());
	drop_all();
	setenv("USDT_HELPER", "/nonexistent/helper", 1);
	*count = asked < MOST ? asked : MOST;
	memcpy(list, numbers, sizeof numbers);
	for (i = 0; i < *count; i++)
		if (list[i] < MOST)
			seen[list[i]] = 1;
}

/*
 * Each system call once with each error, and each kind always with each error.
 * A kernel does not interrupt the same call for ever.
 */
static void
test_scenario(const struct scenario *s)
{
	int list[MOST], count, i, k, failed = 0, met = 0, kinds = 0;
	char before[MOST] = { 0 };
	long kib;

	device_answers = s->answers;
	learn(s, list, &count);
	ok((count > 0 || strcmp(s->what, "disable") == 0) && count < MOST, "%s makes %d system calls", s->what,
	    count);
	kib = mapped_kib() - (long)(kept / 1024);
	for (i = 0; i < count; i++) {
		for (k = 0; k < ERRORS; k++)
			met += try_fault(s, i + 1, errors[k], 0, &failed);
		if (may_be_short(list[i]))
			met += try_fault(s, i + 1, SHORT, 0, &failed);
		if (list[i] >= MOST || before[list[i]]++)
			continue;
		kinds++;
		for (k = 0; k < ERRORS; k++)
			if (errors[k] != EINTR)
				met += try_fault(s, i + 1, errors[k], 1,
				    &failed);
	}
	/* One reserved place for an image has at least 16 KiB. */
	kib = mapped_kib() - (long)(kept / 1024) - kib;
	if (!KEEPS_FREED)
		try(kib < 512, "%ld KiB more are mapped", kib);
	try(met >= count * ERRORS, "only %d faults were met", met);
	ok_all("%s: %d faults in %d system calls of %d kinds, %d failures",
	    s->what, met, count, kinds, failed);
}

/* --- permanent filters -------------------------------------------------- */

/* A provider's whole life in a child with this filter. 0: it works. */
static int
life_with(struct sock_filter *filter, size_t count)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		fresh();
		if (install(filter, count) < 0)
			_exit(9);
		if (usdt_provider_enable(p) < 0 &&
		    strlen(usdt_errstr(p)) < 20)
			_exit(1);
		usdt_probe_fire(a, 0, NULL);
		if (usdt_provider_disable(p) < 0 &&
		    strlen(usdt_errstr(p)) < 20)
			_exit(2);
		usdt_provider_enable(p);
		drop();
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return -1;
	return status;
}

static void
test_filters(void)
{
	int number, k, status, kinds = 0;

	for (number = 0; number < MOST; number++) {
		if (!seen[number])
			continue;
		kinds++;
		for (k = 0; k < ERRORS; k++) {
			struct sock_filter filter[] = {
				LOAD(nr),
				IF(number, 0, 1),
				DO(SECCOMP_RET_ERRNO | (uint32_t)errors[k]),
				DO(SECCOMP_RET_ALLOW),
			};

			/* No kernel interrupts a call for ever. */
			if (errors[k] == EINTR)
				continue;
			status = life_with(filter, 4);
			try(status == 0, "system call %d, error %d: status %x",
			    number, errors[k], (unsigned)status);
		}
	}
	ok_all("a filter for each of %d system calls and each error", kinds);
	ok(kinds > 10, "they are some");
}

static void
test_kill(void)
{
	struct sock_filter filter[] = {
		LOAD(nr),
		IF(SYS_ioctl, 0, 1),
		DO(SECCOMP_RET_KILL_PROCESS),
		DO(SECCOMP_RET_ALLOW),
	};
	int status;

	is_int(life_with(filter, 4), 0, "ioctl kills: without a device there "
	    "is none");
	setenv("USDT_HELPER", device, 1);
	status = life_with(filter, 4);
	ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS,
	    "with a device it kills");
	setenv("USDT_HELPER", "/nonexistent/helper", 1);
}

/* A filter of this thread alone, which /proc/self/status does not show. */
static void *
choose_filtered(void *result)
{
	struct sock_filter filter[] = { DO(SECCOMP_RET_ALLOW) };

	*(int *)result = install(filter, 1) < 0 ? -1 :
	    (int)usdt__stub_choose(0)->nop;
	return NULL;
}

/*
 * A filter may kill the process for a system call that it does not know.  In a
 * child, since the kernel is asked once a process.
 */
static void
test_thread(void)
{
	int status = -1, nop = 0;
	pthread_t thread;
	pid_t pid = fork();

	if (pid == 0) {
		if (pthread_create(&thread, NULL, choose_filtered, &nop) != 0)
			_exit(100);
		pthread_join(thread, NULL);
		_exit(nop);
	}
	waitpid(pid, &status, 0);
	is_int(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 1, "where a "
	    "thread has a filter the kernel is not asked for its nop");
}

int
main(void)
{
	size_t i;

	scratch_begin();
	if (usdt__stub_count == 0) {
		skip("the library has no stubs for this processor");
		return done_testing();
	}
	test_thread();
	test_kill();		/* a handler's filter would be inherited */
	find_libc();
	if (libc_end == 0 || install_handler() < 0) {
		skip("no seccomp filter can be had here");
		return done_testing();
	}
	for (i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++)
		test_scenario(&scenarios[i]);
	test_filters();
	return done_testing();
}

#else /* another system or processor */

int
main(void)
{
	printf("1..0 # SKIP the handler is written for Linux on x86-64\n");
	return 0;
}

#endif
