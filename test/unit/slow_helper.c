/*
 * slow_helper.c - which calls wait for a slow DTrace helper, and what has a
 * child of its documents?
 *
 * The helper is simulated: this program's ioctl keeps a list of documents and
 * answers on command.  The clock is simulated too: nothing here waits for time
 * to pass.  What goes wrong hangs, hence the alarms.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <libintl.h>
#include <locale.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "tap.h"
#include "raw_clone.h"
#include "scratch.h"
#include "core/provider.h"

#if defined(__SANITIZE_THREAD__)
#define MAY_FORK	0	/* it can't fork with threads */
#elif defined(__SANITIZE_ADDRESS__)
#define MAY_FORK	0	/* another thread may have its allocator's lock,
				 * which then is locked in the child for ever */
#else
#define MAY_FORK	1
#endif

#define LOAD(word)		__atomic_load_n(&(word), __ATOMIC_SEQ_CST)
#define STORE(word, value)	__atomic_store_n(&(word), value, __ATOMIC_SEQ_CST)
#define COUNT(word)		__atomic_fetch_add(&(word), 1, __ATOMIC_SEQ_CST)

/* --- the clock and the helper ------------------------------------------- */

#define ADD	0x4050d803ul
#define REMOVE	0x4004d802ul
#define MOST	100000

static long shift;			/* seconds that the clock was moved
					 * on */

int
clock_gettime(clockid_t which, struct timespec *now)
{
	long result = syscall(SYS_clock_gettime, which, now);

	now->tv_sec += LOAD(shift);
	return (int)result;
}

static uint64_t documents[MOST];	/* their addresses; 0: removed */
static int next_generation;
static int adds, removes;
static int hold;			/* the helper does not answer */
static int inside;			/* unanswered calls */
static int too_many;			/* calls at once: dtprobed accepts
					 * one */
static int odd;				/* invalid requests */
static int takes;			/* how long an answer takes, in
					 * seconds */
static int jitter;			/* at most, in microseconds */
static int refusal;			/* an errno, or 0 */
static int wanting_texts;		/* strerror_l was called */
static char device[128];

static void
nap(long microseconds)
{
	struct timespec pause = { 0, microseconds * 1000 };

	nanosleep(&pause, NULL);
}

static int
answer(unsigned long request, void *argument)
{
	uint64_t dof;
	uintptr_t generation = (uintptr_t)argument;
	int i;

	if (request == REMOVE) {
		removes++;
		if (refusal == 0) {
			odd += generation >= (uintptr_t)next_generation ||
			    documents[generation] == 0;
			documents[generation % MOST] = 0;
		}
	} else if (request == ADD) {
		adds++;
		memcpy(&dof, (char *)argument + 72, sizeof dof);
		if (refusal == 0) {
			for (i = 0; i < next_generation; i++)
				odd += documents[i] == dof;
			if (next_generation == MOST)
				abort();
			documents[next_generation] = dof;
		}
	} else {
		odd++;
	}
	if (refusal != 0) {
		errno = refusal;
		return -1;
	}
	return request == ADD ? next_generation++ : 0;
}

/* In place of the C library's ioctl and clocks. */
int
ioctl(int fd, unsigned long request, ...)
{
	static uint32_t seed = 1;
	va_list args;
	void *argument;
	int result;

	(void)fd;
	va_start(args, request);
	argument = va_arg(args, void *);
	va_end(args);
	if (COUNT(inside) > 0)
		COUNT(too_many);
	while (LOAD(hold))
		nap(1000);
	if (jitter > 0) {
		seed = seed * 1664525u + 1013904223u;
		if (seed >> 31)
			nap((long)((seed >> 8) % (uint32_t)jitter));
	}
	__atomic_fetch_add(&shift, takes, __ATOMIC_SEQ_CST);
	result = answer(request, argument);
	__atomic_fetch_sub(&inside, 1, __ATOMIC_SEQ_CST);
	return result;
}

/* Its texts need the lock of gettext, which a thread of the parent may hold. */
char *
strerror_l(int error, locale_t locale)
{
	static char played[] = "played error", another[] = "another error";

	(void)locale;
	COUNT(wanting_texts);
	return error == EPERM ? played : another;
}

static int
present(void)
{
	int i, n = 0;

	for (i = 0; i < next_generation; i++)
		n += documents[i] != 0;
	return n;
}

/* In a child, before the library's handler: the documents were the parent's,
 * and the helper answers. */
static void
forget(void)
{
	memset(documents, 0, (size_t)next_generation * sizeof documents[0]);
	next_generation = adds = removes = inside = hold = wanting_texts = 0;
	takes = 0;
}

/* --- providers, threads, children --------------------------------------- */

static usdt_provider_t *p;
static usdt_probedef_t *a, *b;
static usdt_status_t status;
static int fds;

static usdt_probedef_t *
add(usdt_provider_t *to, const char *name)
{
	usdt_probedef_t *def = usdt_create_probe("f", name, 0, NULL);

	if (def == NULL || usdt_provider_add_probe(to, def) < 0)
		abort();
	return def;
}

static void
begin(const char *name)
{
	hold = takes = refusal = jitter = 0;
	adds = removes = next_generation = odd = too_many = 0;
	p = usdt_create_provider(name, "slowmod");
	a = add(p, "a");
	b = usdt_create_probe("f", "b", 0, NULL);
}

static void
end(const char *what)
{
	if (p != NULL)
		usdt_provider_free(p);
	usdt_probe_release(a);
	usdt_probe_release(b);
	ok(present() == 0 && odd == 0 && too_many == 0 && inside == 0,
	    "%s: the helper has nothing left, and got one call at a time",
	    what);
}

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

/* A call in a thread of its own. */
static pthread_t thread;
static int result;

static void *run_enable(void *nothing)
{
	STORE(result, usdt_provider_enable(p));
	return nothing;
}

static void *run_disable(void *nothing)
{
	STORE(result, usdt_provider_disable(p));
	return nothing;
}

/* Start it, and wait until it has asked the helper. */
static void
start(void *(*call)(void *))
{
	STORE(hold, 1);
	STORE(result, 99);
	pthread_create(&thread, NULL, call, NULL);
	while (!LOAD(inside))
		nap(1000);
}

static void
finish(void)
{
	STORE(hold, 0);
	pthread_join(thread, NULL);
}

/* JUDGE's answer in a child, as an exit status; 0 is right. */
static int
in_child(int (*judge)(void))
{
	int ended = -1;
	pid_t pid;

	fds = count_fds();
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(judge());
	waitpid(pid, &ended, 0);
	return ended;
}

/* The same in a child made without handlers of fork. */
static int
in_clone(int (*judge)(void))
{
	int ended = -1;
	pid_t pid;

	fflush(stdout);
	pid = raw_clone();
	if (pid == 0) {
		forget();
		_exit(judge());
	}
	waitpid(pid, &ended, 0);
	return ended;
}

#define JUDGE(is)	do { if (!(is)) return __LINE__ % 250 + 1; } while (0)

/* --- only those wait that must ------------------------------------------ */

static int
child_of_first(void)
{
	int descriptors = count_fds();

	JUDGE(adds == 0 && wanting_texts == 0);
	get_status();
	JUDGE(status.enabled && status.sdt.taken && !status.dof.taken &&
	    status.probes == 1);
	JUDGE(strcmp(status.dof.reason, "not yet registered with the helper in "
	    "this child: it had not answered when the child was made; enable "
	    "asks it again") == 0);
	usdt_probe_fire(a, 0, NULL);
	JUDGE(adds == 0 && !usdt_is_enabled(a->probe));
	JUDGE(usdt_provider_enable(p) == 0 && adds == 1 && present() == 1);
	get_status();
	JUDGE(status.dof.taken && status.dof.reason[0] == '\0' &&
	    says_helper(a));
	JUDGE(usdt_provider_disable(p) == 0 && present() == 0);
	JUDGE(descriptors == fds - 2 && count_fds() == descriptors);
	usdt_provider_free(p);
	return 0;
}

static int
clone_of_first(void)
{
	get_status();
	JUDGE(status.enabled && !status.dof.taken && adds == 0 &&
	    strncmp(status.dof.reason, "not yet registered", 18) == 0);
	JUDGE(usdt_provider_enable(p) == 0 && adds == 1 && says_helper(a));
	return 0;
}

static int
clone_of_quick(void)
{
	get_status();
	JUDGE(status.dof.taken && adds == 1 && says_helper(a));
	JUDGE(usdt_provider_disable(p) == 0 && present() == 0);
	return 0;
}

/* The first request gets no answer. */
static void
test_hanging(void)
{
	usdt_provider_t *q;
	usdt_probedef_t *c;

	begin("hanging");
	start(run_enable);
	get_status();
	ok(status.enabled && status.sdt.taken && !status.dof.taken &&
	    status.probes == 1, "the helper hangs: notes are visible, and "
	    "another thread can ask so");
	is_str(status.dof.reason, "the helper has not answered yet", "why DOF "
	    "is not");
	*(volatile uint16_t *)(uintptr_t)a->gate = 1;
	ok(usdt_is_enabled(a->probe) && usdt_probe_enabled(a),
	    "probes are tested");
	usdt_probe_fire(a, 0, NULL);
	*(volatile uint16_t *)(uintptr_t)a->gate = 0;
	q = usdt_create_provider("other", "slowmod");
	c = add(q, "c");
	setenv("USDT_BACKENDS", "sdt", 1);
	is_int(usdt_provider_enable(q), 0, "another provider is enabled, "
	    "without the helper");
	unsetenv("USDT_BACKENDS");
	is_int(usdt_provider_observe(q, NULL, NULL), 0, "observed");
	is_int(usdt_provider_remove_probe(q, c), 0, "changed");
	is_int(usdt_provider_disable(q), 0, "disabled");
	usdt_provider_free(q);
	usdt_probe_release(c);
	ok(LOAD(inside) == 1 && LOAD(result) == 99, "and freed meanwhile");
	if (MAY_FORK)
		is_int(in_child(child_of_first), 0, "a child has the notes, "
		    "and DOF when it enables");
	if (MAY_FORK)
		is_int(in_clone(clone_of_first), 0, "so has one that was made "
		    "by clone");
	finish();
	get_status();
	ok(result == 0 && status.dof.taken && says_helper(a) && adds == 1,
	    "when it answers, DOF is registered");
	end("hanging");
}

static int
child_of_slow(void)
{
	JUDGE(adds == 0);
	get_status();
	JUDGE(strcmp(status.dof.reason, "not yet registered with the helper in "
	    "this child: its last answer took 3 s; enable asks it again") == 0);
	JUDGE(!status.dof.taken && status.dof.error == 0 && status.sdt.taken);
	usdt_provider_free(usdt_create_provider("new", "slowmod"));
	JUDGE(adds == 0 && !usdt_is_enabled(a->probe));
	return 0;
}

static int
told_by_add(void)
{
	JUDGE(child_of_slow() == 0);
	JUDGE(usdt_provider_add_probe(p, b) == 0 && adds == 1 &&
	    says_helper(a));
	return in_child(child_of_slow) == 0;	/* the helper is quick now */
}

static int
told_by_another(void)
{
	usdt_provider_t *q = usdt_create_provider("other", "slowmod");

	usdt_provider_add_probe(q, b);
	JUDGE(child_of_slow() == 0);
	JUDGE(usdt_provider_enable(q) == 0 && adds == 2 && present() == 2);
	get_status();
	JUDGE(status.dof.taken && says_helper(a) && says_helper(b));
	return 0;
}

static int
told_nothing(void)
{
	JUDGE(child_of_slow() == 0);
	JUDGE(usdt_provider_disable(p) == 0 && adds == 0 && removes == 0);
	JUDGE(usdt_provider_enable(p) == 0 && present() == 1);
	return 0;
}

static int
freed(void)
{
	JUDGE(in_child(child_of_slow) == 0);	/* a child of the child */
	usdt_provider_free(p);
	JUDGE(adds == 0 && removes == 0);
	return 0;
}

static int
child_of_quick(void)
{
	JUDGE(adds >= 1 && present() == adds && says_helper(a));
	get_status();
	JUDGE(status.dof.taken && status.probes == 1);
	return 0;
}

/* The duration of the last answer decides whether a child asks at once. */
static void
test_slow(void)
{
	begin("slow");
	usdt_provider_enable(p);
	is_int(in_child(child_of_quick), 0, "the helper was quick: a child "
	    "registers at once");
	is_int(in_clone(clone_of_quick), 0, "one that was made by clone does "
	    "at its first call");
	usdt_provider_disable(p);
	takes = 3;
	usdt_provider_enable(p);
	is_int(in_child(child_of_slow), 0, "it took 3 s: a child does not, and "
	    "says so");
	is_int(in_child(told_by_add), 0, "it does when it adds a probe");
	is_int(in_child(told_by_another), 0, "or enables another provider");
	is_int(in_child(told_nothing), 0, "and need not to disable");
	is_int(in_child(freed), 0, "or to free");
	takes = 0;
	usdt_provider_disable(p);
	usdt_provider_enable(p);
	is_int(in_child(child_of_quick), 0, "it is quick again: a child "
	    "registers at once");
	end("slow");
}

static int
child_refused(void)
{
	JUDGE(adds == 1 && wanting_texts == 0);
	get_status();
	JUDGE(wanting_texts == 1 && status.dof.error == EPERM &&
	    !status.dof.taken && !says_helper(a));
	JUDGE(strstr(status.dof.reason, ": played error") != NULL);
	get_status();
	JUDGE(wanting_texts == 1 && status.dof.error == EPERM &&
	    strstr(status.dof.reason, ": played error") != NULL);
	JUDGE(in_child(child_of_quick) != 0);	/* no document is left */
	refusal = 0;
	JUDGE(usdt_provider_enable(p) == 0 && present() == 1);
	get_status();
	JUDGE(status.dof.taken && status.dof.reason[0] == '\0' &&
	    status.dof.error == 0);
	return 0;
}

/* Calls make error texts; the handler of fork makes none. */
static void
test_refused(void)
{
	begin("refused");
	usdt_provider_enable(p);
	refusal = EPERM;
	is_int(in_child(child_refused), 0, "a child that is refused makes a "
	    "text when it is asked for one");
	refusal = 0;
	end("refused");
}

static int stop;

static void *
change_domains(void *nothing)
{
	char name[32];
	unsigned n;

	for (n = 0; !LOAD(stop); n++) {
		snprintf(name, sizeof name, "domain%u", n % 50);
		bindtextdomain(name, n % 2 ? "/tmp" : "/var");
		textdomain(name);
	}
	return nothing;
}

static int
is_there(void)
{
	return 0;
}

static void
test_domains(void)
{
	pthread_t threads[2];
	int i;

	begin("domains");
	usdt_provider_enable(p);
	refusal = EPERM;
	stop = 0;
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, change_domains, NULL);
	for (i = 0; i < 300; i++)
		try(in_child(is_there) == 0, "child %d", i);
	STORE(stop, 1);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	refusal = 0;
	ok_all("300 children of a process whose threads change their domains");
	end("domains");
}

/* --- forks in the middle of a call --------------------------------------- */

static int
child_of_adding(void)
{
	JUDGE(adds == 2 && present() == 2 && wanting_texts == 0);
	get_status();
	JUDGE(status.enabled && status.probes == 2 && status.waiting == 0 &&
	    status.dof.taken && status.images == 2);
	JUDGE(says_helper(a) && says_helper(b));
	JUDGE(count_fds() == fds - 2);	/* the child has closed the call's */
	JUDGE(usdt_provider_disable(p) == 0 && present() == 0);
	usdt_provider_free(p);
	return 0;
}

static int
child_of_removing(void)
{
	JUDGE(adds == 0 && removes == 0);
	get_status();
	JUDGE(!status.enabled && *a->gate == 0 && *b->gate == 0);
	JUDGE(usdt_provider_enable(p) == 0 && present() == 2);
	JUDGE(usdt_provider_disable(p) == 0 && present() == 0);
	return 0;
}

static int
child_of_long(void)
{
	JUDGE(adds == 0);
	get_status();
	JUDGE(status.enabled && !status.dof.taken &&
	    strstr(status.dof.reason, "took 5 s") != NULL);
	JUDGE(usdt_provider_enable(p) == 0 && present() == 2);
	return 0;
}

/* BACKENDS: if notes are on, new probes are visible before the helper
 * answers. */
static void
test_adding(const char *backends)
{
	int notes = strcmp(backends, "dof") != 0;

	setenv("USDT_BACKENDS", backends, 1);
	begin("adding");
	usdt_provider_enable(p);
	usdt_provider_add_probe(p, b);
	start(run_enable);
	get_status();
	ok(status.probes == (notes ? 2u : 1u) && status.images == (notes ?
	    2u : 1u) && status.enabled, "%s: a probe is being added", backends);
	is_int(in_child(child_of_adding), 0, "%s: a child has it, and "
	    "registers both documents", backends);
	__atomic_fetch_add(&shift, 5, __ATOMIC_SEQ_CST);
	is_int(in_child(child_of_long), 0, "%s: not if the helper has not "
	    "answered for long", backends);
	finish();
	usdt_provider_disable(p);
	usdt_provider_enable(p);	/* the helper is quick again */
	get_status();
	ok(result == 0 && status.probes == 2 && present() == 2,
	    "%s: the parent has it", backends);
	start(run_disable);
	is_int(in_child(child_of_removing), 0, "%s: a child of one that is "
	    "being disabled has it disabled", backends);
	finish();
	is_int(result, 0, "%s: disabled", backends);
	start(run_enable);
	is_int(in_child(child_of_adding), 0, "%s: a child of one that is being "
	    "enabled has it enabled", backends);
	finish();
	is_int(result, 0, "%s: enabled", backends);
	end("adding");
	unsetenv("USDT_BACKENDS");
}

static int
child_of_failed(void)
{
	get_status();
	JUDGE(status.enabled == (refusal == 0));
	refusal = 0;
	JUDGE(usdt_provider_enable(p) == 0 && present() == 1);
	JUDGE(usdt_provider_disable(p) == 0 && present() == 0);
	usdt_provider_free(p);
	return 0;
}

/* Only the helper is on, and it refuses in the end. */
static void
test_failing(void)
{
	setenv("USDT_BACKENDS", "dof", 1);
	begin("failing");
	usdt_provider_enable(p);	/* measures the helper */
	usdt_provider_disable(p);
	start(run_enable);
	is_int(in_child(child_of_failed), 0, "a child has what is to be "
	    "enabled");
	refusal = EPERM;
	finish();
	get_status();
	ok(result == -1 && !status.enabled && *a->gate == 0,
	    "the parent was refused: nothing is enabled");
	is_int(in_child(child_of_failed), 0, "nor in a child");
	refusal = 0;
	usdt_provider_enable(p);
	start(run_disable);
	refusal = EPERM;
	finish();
	get_status();
	ok(result == -1 && status.enabled && says_helper(a), "a document that "
	    "stays: all is as it was");
	refusal = 0;
	end("failing");
	unsetenv("USDT_BACKENDS");
}

/* --- calls about a provider in use ---------------------------------------- */

static void *
run_free(void *nothing)
{
	usdt_provider_free(p);
	return nothing;
}

static void *
run_change(void *nothing)
{
	if (usdt_provider_add_probe(p, b) == 0)
		usdt_provider_remove_probe(p, b);
	usdt_provider_observe(p, NULL, NULL);
	usdt_provider_add_struct(p, "s", 4, 1,
	    &(usdt_field_t){ "int a", 0 });
	return nothing;
}

static void
test_naming(void)
{
	pthread_t other;

	begin("naming");
	start(run_enable);
	pthread_create(&other, NULL, run_change, NULL);
	finish();
	pthread_join(other, NULL);
	get_status();
	ok(result == 0 && status.probes == 1 && status.waiting == 0 &&
	    present() == 1, "added and removed while it is enabled");

	usdt_provider_disable(p);
	start(run_enable);
	pthread_create(&other, NULL, run_disable, NULL);
	finish();
	pthread_join(other, NULL);
	get_status();
	ok(result == 0 && present() == status.enabled && says_helper(a) ==
	    status.enabled, "disabled while it is enabled");

	usdt_provider_disable(p);
	start(run_enable);
	pthread_cancel(thread);
	finish();
	get_status();
	ok(result == 0 && status.enabled && present() == 1, "a thread is "
	    "cancelled while the helper is at work: the call is done whole");

	usdt_provider_disable(p);
	start(run_enable);
	pthread_create(&other, NULL, run_free, NULL);
	finish();
	pthread_join(other, NULL);
	is_int(present(), 0, "freed while it is enabled");
	p = NULL;
	end("naming");
}

/* A handler of the host's that uses it while its thread holds the lock. */
static int handled;

static void
name_it(void)
{
	if (LOAD(handled) == 1) {
		usdt_provider_remove_probe(p, b);
		STORE(handled, 2);
	}
}

static void *
let_it(void *nothing)
{
	while (!LOAD(handled))
		nap(1000);
	nap(10000);		/* by now the fork is probably waiting */
	STORE(hold, 0);
	return nothing;
}

static void
test_handlers(void)
{
	pthread_t other;

	begin("handlers");
	usdt_provider_enable(p);
	usdt_provider_add_probe(p, b);
	start(run_enable);
	pthread_create(&other, NULL, let_it, NULL);
	STORE(handled, 1);
	is_int(in_child(child_of_quick), 0, "a handler of fork waits for the "
	    "helper: the child");
	finish();
	pthread_join(other, NULL);
	get_status();
	ok(result == 0 && status.probes == 1 && handled == 2, "the parent");
	handled = 0;
	end("handlers");
}

/* --- all at once --------------------------------------------------------- */

#define CHANGING	4
#define OF_EACH		2
#define ROUNDS		60

static usdt_provider_t *common, *own[CHANGING][OF_EACH];
static usdt_probedef_t *probes[CHANGING][OF_EACH][2], *of_common;
static int left, bad;

static void *
change(void *number)
{
	uintptr_t n = (uintptr_t)number;
	uint32_t seed = (uint32_t)n + 1;
	usdt_status_t now;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		usdt_provider_t *of;
		usdt_probedef_t **def;

		seed = seed * 1664525u + 1013904223u;
		of = seed >> 30 == 0 ? common : own[n][seed >> 29 & 1];
		def = probes[n][seed >> 29 & 1];
		switch (seed >> 16 & 7) {
		case 0: case 1: case 2:
			if (usdt_provider_enable(of) < 0 && of != common)
				COUNT(bad);
			break;
		case 3: case 4:
			if (usdt_provider_disable(of) < 0)
				COUNT(bad);
			break;
		case 5:
			usdt_provider_add_probe(own[n][seed >> 29 & 1], def[1]);
			break;
		case 6:
			usdt_provider_remove_probe(own[n][seed >> 29 & 1],
			    def[1]);
			break;
		case 7:
			usdt_provider_status(common, &now);
			usdt_provider_observe(of, NULL, NULL);
			usdt_probe_fire(def[0], 0, NULL);
			break;
		}
	}
	__atomic_fetch_sub(&left, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static int
taken(usdt_provider_t *of)
{
	usdt_status_t now;

	usdt_provider_status(of, &now);
	return now.enabled && (now.dof.taken ? now.dof.generation >= 0 :
	    strncmp(now.dof.reason, "not yet registered", 18) == 0 ||
	    now.images == 0) ? (int)now.images : now.enabled ? -1 : 0;
}

/* The documents of each enabled provider are registered, and no others. */
static int
child_of_many(void)
{
	int i, k, expected = 0;

	JUDGE(odd == 0 && wanting_texts == 0);
	jitter = 0;
	if (usdt_provider_enable(common) < 0)	/* the rest too */
		return 2;
	for (i = 0; i < CHANGING; i++)
		for (k = 0; k < OF_EACH; k++) {
			int n = taken(own[i][k]);

			JUDGE(n >= 0);
			expected += n;
		}
	JUDGE(present() == expected + taken(common));
	for (i = 0; i < CHANGING; i++)
		for (k = 0; k < OF_EACH; k++) {
			if (usdt_provider_enable(own[i][k]) < 0)
				return 3;
			usdt_probe_fire(probes[i][k][0], 0, NULL);
			usdt_provider_free(own[i][k]);
		}
	usdt_provider_free(common);
	JUDGE(present() == 0 && odd == 0 && too_many == 0);
	return 0;
}

static void
test_many(void)
{
	pthread_t threads[CHANGING];
	char name[32];
	uintptr_t i;
	int k, children = 0;

	begin("many");
	jitter = 3000;
	common = usdt_create_provider("common", "slowmod");
	of_common = add(common, "c");
	for (i = 0; i < CHANGING; i++)
		for (k = 0; k < OF_EACH; k++) {
			snprintf(name, sizeof name, "own%d_%d", (int)i, k);
			own[i][k] = usdt_create_provider(name, "slowmod");
			probes[i][k][0] = add(own[i][k], "d");
			probes[i][k][1] = usdt_create_probe("f", "e", 0, NULL);
		}
	left = CHANGING;
	for (i = 0; i < CHANGING; i++)
		pthread_create(&threads[i], NULL, change, (void *)i);
	while (LOAD(left) > 0) {
		if (MAY_FORK)
			try(in_child(child_of_many) == 0, "child %d",
			    children++);
		nap(2000);
	}
	for (i = 0; i < CHANGING; i++)
		pthread_join(threads[i], NULL);
	if (MAY_FORK)
		ok_all("%d children of threads that change providers, by a "
		    "helper that takes its time", children);
	is_int(bad, 0, "every change succeeds");
	usdt_provider_free(common);
	usdt_probe_release(of_common);
	for (i = 0; i < CHANGING; i++)
		for (k = 0; k < OF_EACH; k++) {
			usdt_provider_free(own[i][k]);
			usdt_probe_release(probes[i][k][0]);
			usdt_probe_release(probes[i][k][1]);
		}
	jitter = 0;
	end("many");
}

/* A signal's default action would not print what failed. */
static void
hang(int number)
{
	static const char text[] = "Bail out! a thread waits for ever\n";

	(void)number;
	if (write(STDOUT_FILENO, text, sizeof text - 1) < 0)
		_exit(2);
	_exit(1);
}

int
main(void)
{
	signal(SIGALRM, hang);
	alarm(300);
	scratch_begin();
	if (usdt__stub_count == 0 ||
	    strcmp(usdt__native_platform()->name, "linux") != 0) {
		skip("the helper that is played is that of Linux");
		return done_testing();
	}
	scratch_file("device", device, sizeof device);
	setenv("USDT_HELPER", device, 1);
	/* Before the library's: handlers of before a fork run in reverse. */
	pthread_atfork(name_it, NULL, forget);
	test_hanging();			/* first: the helper has not answered
					 * yet */
	if (MAY_FORK) {
		test_slow();
		test_refused();
		test_domains();
		test_adding("dof,sdt");
		test_adding("dof");
		test_failing();
	}
	test_naming();
	if (MAY_FORK)
		test_handlers();
	test_many();
	return done_testing();
}
