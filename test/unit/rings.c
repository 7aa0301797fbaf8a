/*
 * rings.c - what may a process do while its threads have rings?
 *
 * Whatever happens between any two instructions of a fire: the process goes on.
 * Each case is a child, which ends with 0 if all is well.  A case that has to
 * come in the midst of a fire comes when the fire reads a text that is not there:
 * a handler of the signal does what it does, lays the text there, and returns.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"
#include "scratch.h"
#include "core/provider.h"

static usdt_provider_t *p;
static usdt_probedef_t *probe, *text_probe;
static const char *two[] = { "uint64_t", "uint64_t" };

/* As the kernel does for a reader. */
static void
watch(const usdt_probedef_t *def)
{
	((volatile uint16_t *)(uintptr_t)def->probe->image_gate)[1]++;
}

static usdt_probedef_t *
add(const char *name, size_t argc, const char **types)
{
	usdt_probedef_t *def = usdt_create_probe("f", name, argc, types);

	if (def == NULL || usdt_provider_add_probe(p, def) < 0)
		_exit(90);
	return def;
}

static void
enable(void)
{
	if (usdt_provider_enable(p) < 0)
		_exit(91);
}

/* Probe "two" of two integers, and "text". */
static void
begin(const char *name, int vouched)
{
	const char *types[] = { "char *" };

	p = usdt_create_provider(name, "module");
	probe = add("two", 2, two);
	text_probe = add("text", 1, types);
	usdt_provider_set_texts(p, vouched);
	enable();
	watch(probe);
	watch(text_probe);
}

static void
fire(uint64_t a, uint64_t b)
{
	const uint64_t argv[2] = { a, b };

	usdt_probe_fire64(probe, 2, argv);
}

static void
fire_text(const char *text)
{
	const uint64_t argv[1] = { (uintptr_t)text };

	usdt_probe_fire64(text_probe, 1, argv);
}

/* --- this process's rings ------------------------------------------------ */

#define RINGS	512

/* A handler may call this, on a small stack: so it takes no memory. */
static int
find_rings(const struct usdt__ring *all[RINGS])
{
	const int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	char maps[8192], *line, *end;
	size_t size = 0;
	ssize_t got;
	int n = 0;

	while ((got = read(fd, maps + size, sizeof maps - 1 - size)) > 0) {
		size += (size_t)got;
		maps[size] = '\0';
		for (line = maps; (end = strchr(line, '\n')) != NULL;
		    line = end + 1) {
			*end = '\0';
			if (strstr(line, "/memfd:" USDT__RING_NAME) != NULL &&
			    n < RINGS)
				all[n++] = (const void *)(uintptr_t)
				    strtoul(line, NULL, 16);
		}
		size -= (size_t)(line - maps);	/* of a line's beginning */
		memmove(maps, line, size);
	}
	close(fd);
	return n;
}

static int
count_rings(void)
{
	const struct usdt__ring *all[RINGS];

	return find_rings(all);
}

/* The ring to which this thread writes, or NULL. */
static const struct usdt__ring *
own_ring(void)
{
	const struct usdt__ring *all[RINGS];
	int n = find_rings(all);

	while (n-- > 0)		/* another thread may be making one */
		if (__atomic_load_n(&all[n]->version, __ATOMIC_ACQUIRE) != 0 &&
		    all[n]->tid == (uint32_t)syscall(SYS_gettid) &&
		    !all[n]->closed)
			return all[n];
	return NULL;
}

/* Fire until this thread's ring is the largest. */
static void
grow(void)
{
	long i, rounds;

	fire(0, 0);
	for (rounds = 0; rounds < 100; rounds++) {
		if (own_ring()->units == USDT__RING_UNITS)
			return;
		for (i = 0; i < 200000; i++)
			fire(0, 0);
	}
}

/* --- in the midst of a fire ---------------------------------------------- */

static char *missing;
static void (*volatile meanwhile)(void);

static void
on_fault(int number)
{
	(void)number;
	if (meanwhile == NULL)
		_exit(92);	/* a fault of another kind */
	meanwhile();
	meanwhile = NULL;
	mprotect(missing, 4096, PROT_READ | PROT_WRITE);
}

static void
interrupt_with(void (*what)(void))
{
	struct sigaction action;

	missing = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
	    0);
	memset(&action, 0, sizeof action);
	action.sa_handler = on_fault;
	action.sa_flags = SA_NODEFER;
	sigaction(SIGSEGV, &action, NULL);
	meanwhile = what;
	fire_text(missing);
}

static int
case_several_rings(void)
{
	begin("several", 1);
	fire_text("a first one makes the ring");
	interrupt_with(grow);
	return own_ring()->units == USDT__RING_UNITS ? 0 : 1;
}

static pid_t forked;

static void
fork_now(void)
{
	forked = fork();
}

/* Wait for a child.  Returns 0 if all was well there. */
static int
failed(pid_t pid)
{
	int status = -1;

	waitpid(pid, &status, 0);
	return status != 0;
}

static int
case_fork_in_handler(void)
{
	long i;

	begin("handler", 1);
	for (i = 0; i < 500000; i++)	/* no longer announced */
		fire(0, 0);
	usleep(110000);
	fire_text("a text");
	interrupt_with(fork_now);
	fire(1, 1);
	if (forked == 0)
		_exit(0);
	return failed(forked);
}

/* --- threads and children ------------------------------------------------ */

/* clang's thread sanitizer crashes at any destructor that reads memory, when the only
 * thread of such a child ends. */
#if !defined(USDT_TSAN)
static void *
fork_in_thread(void *unused)
{
	(void)unused;
	fire(0, 0);
	forked = fork();
	return NULL;		/* the child's only thread ends */
}

static int
case_thread_forks(void)
{
	pthread_t thread;

	begin("forks", 1);
	pthread_create(&thread, NULL, fork_in_thread, NULL);
	pthread_join(thread, NULL);
	return failed(forked);
}
#endif

static void *
vfork_in_thread(void *unused)
{
	pid_t pid = vfork();
	long i;

	if (pid == 0) {
		fire(0, 0);	/* it would be its parent's ring */
		_exit(count_rings());
	}
	if (failed(pid))
		_exit(95);
	fire(0, 0);
	if (own_ring() == NULL || own_ring()->pid != (uint32_t)getpid())
		_exit(96);
	for (i = 0; i < 100000; i++)	/* it has a larger one now */
		fire(0, 0);
	return unused;
}

static int
case_vforked_first(void)
{
	pthread_t thread;

	begin("vforked", 1);
	pthread_create(&thread, NULL, vfork_in_thread, NULL);
	pthread_join(thread, NULL);
	usleep(1100000);	/* so long an ended thread's rings may stay */
	fire(0, 0);
	return count_rings() == 1 ? 0 : 1;
}

/* A filter that allows all is a filter. */
static void *
fire_filtered(void *unused)
{
	const struct {
		uint16_t code;
		uint8_t yes, no;
		uint32_t value;
	} allow = { 0x06, 0, 0, 0x7fff0000 };
	const struct {
		unsigned short count;
		const void *instructions;
	} filter = { 1, &allow };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, 2, &filter) != 0)
		_exit(93);
	fire(0, 0);
	if (own_ring() != NULL)
		_exit(94);
	return unused;
}

static void *
fire_once(void *result)
{
	fire(1, 1);
	*(int *)result = own_ring() != NULL;
	return NULL;
}

static int
case_filter_of_one(void)
{
	enum { THREADS = 8 };
	pthread_t thread;
	int i, has, all = 0;

	begin("filtered", 1);
	pthread_create(&thread, NULL, fire_filtered, NULL);
	pthread_join(thread, NULL);
	for (i = 0; i < THREADS; i++) {
		has = 0;
		pthread_create(&thread, NULL, fire_once, &has);
		fire(i, i);
		pthread_join(thread, NULL);
		all += has;
	}
	return own_ring() != NULL || all > 0 ? 0 : 1;
}

/*
 * A thread that is none of the C library's: its thread pointer leads to a 0.  The
 * thread sanitizer has to know each thread that reads memory, and crashes.
 */
#if defined(__x86_64__) && !defined(USDT_TSAN)
static char stack[1 << 16] __attribute__((aligned(64)));
static char storage[1 << 16] __attribute__((aligned(64)));
static volatile pid_t running = 1;

static int
in_raw_thread(void *unused)
{
	(void)unused;
	fire(1, 2);
	fire_text("and a text");
	return 0;
}

static int
case_raw_thread(void)
{
	begin("raw", 1);
	if (clone(in_raw_thread, stack + sizeof stack, CLONE_VM | CLONE_FS |
	    CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM |
	    CLONE_SETTLS | CLONE_CHILD_CLEARTID, NULL, NULL,
	    storage + sizeof storage / 2, &running) < 0)
		return 1;
	while (running != 0)
		usleep(1000);
	return 0;
}
#endif

/* --- texts --------------------------------------------------------------- */

static int stop;

static void *
change_vouching(void *unused)
{
	int i;

	for (i = 0; i < 20000; i++)
		usdt_provider_set_texts(p, i & 1);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	return unused;
}

static int
case_vouching_changes(void)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE |
	    MAP_ANONYMOUS, -1, 0);
	const char *types[USDT_ARG_MAX];
	uint64_t texts[USDT_ARG_MAX];
	pthread_t thread;
	int i;

	p = usdt_create_provider("vouching", "module");
	for (i = 0; i < USDT_ARG_MAX; i++) {
		types[i] = "char *";
		texts[i] = (uintptr_t)(pages + 4096 - 4);
	}
	probe = add("texts", USDT_ARG_MAX, types);
	enable();
	watch(probe);
	mprotect(pages + 4096, 4096, PROT_NONE);
	memcpy(pages + 4096 - 4, "abc", 4);
	pthread_create(&thread, NULL, change_vouching, NULL);
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		usdt_probe_fire64(probe, USDT_ARG_MAX, texts);
	pthread_join(thread, NULL);
	return 0;
}

/* --- images that lie where others lay ------------------------------------ */

#define MOST	2000

/* A provider of so many probes, of which the last fires some times; or each once
 * with its number. */
static void
fire_of(const char *name, int count, int each)
{
	static usdt_probedef_t *probes[MOST];
	char text[32];
	int i, k;

	p = usdt_create_provider(name, "module");
	for (i = 0; i < count; i++) {
		snprintf(text, sizeof text, "p%d", i);
		probes[i] = add(text, 2, two);
	}
	enable();
	for (i = 0; i < count; i++) {
		watch(probes[i]);
		probe = probes[i];
		if (each || i == count - 1)
			fire((uint64_t)each, (uint64_t)i);
		for (k = 0; !each && i == count - 1 && k < 3; k++)
			fire(0, 0);
	}
	usdt_provider_free(p);
	for (i = 0; i < count; i++)
		usdt_probe_release(probes[i]);
}

/* How many records have a counter of another probe? */
static int
look_for_wrong(int count)
{
	const struct usdt__ring *ring = own_ring();
	const struct usdt__record *record;
	const uint64_t *words;
	uint32_t place = ring != NULL ? ring->key : 0, index, i;
	int wrong = 0, found = 0;

	while (ring != NULL && place != ring->head) {
		record = (const void *)((const char *)ring + ring->data +
		    (place & (ring->units - 1)) * 8);
		place += USDT__RECORD_WORDS(record->meta);
		words = (const uint64_t *)(const void *)(record + 1);
		if (words[0] != 1)
			continue;
		index = USDT__RECORD_INDEX(record->meta);
		for (i = 0; i < USDT__RING_IMAGES; i++)
			if (index - ring->images[i].first <
			    ring->images[i].count)
				break;
		found++;
		wrong += i == USDT__RING_IMAGES ||
		    ring->images[i].count != ring->images[1].count ||
		    index - ring->images[i].first != words[1];
	}
	return found == count ? wrong : -1;
}

static const int sizes[][2] = { { 2000, 100 }, { 2000, 300 }, { 2000, 700 },
    { 1500, 1000 }, { 100, 2000 }, { 300, 1000 } };

static void *
fire_here_and_there(void *which)
{
	const int *count = which;
	char name[32];

	snprintf(name, sizeof name, "before%d", count[1]);
	fire_of(name, count[0], 0);
	usleep(110000);		/* no record is announced, so there are views */
	fire_of(name, count[0], 0);
	snprintf(name, sizeof name, "after%d", count[1]);
	fire_of(name, count[1], 1);
	return (void *)(intptr_t)look_for_wrong(count[1]);
}

static int
case_images_overlap(void)
{
	pthread_t thread;
	void *result;
	size_t i;
	int wrong = 0;

	for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		pthread_create(&thread, NULL, fire_here_and_there,
		    (void *)(uintptr_t)sizes[i]);
		pthread_join(thread, &result);
		if (result != NULL) {
			note("%d probes, then %d: %ld records are of others",
			    sizes[i][0], sizes[i][1], (long)(intptr_t)result);
			wrong = 1;
		}
	}
	return wrong;
}

/* --- memory -------------------------------------------------------------- */

static pthread_barrier_t barrier;

static void *
fire_much(void *unused)
{
	long i;

	for (i = 0; i < 20000; i++)
		fire(0, 0);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return unused;
}

static int
case_many_threads(void)
{
	enum { THREADS = 100, LARGE = 32 + 4 };
	const struct usdt__ring *all[RINGS];
	pthread_t threads[THREADS];
	int i, n, large = 0;

	begin("many", 1);
	pthread_barrier_init(&barrier, NULL, THREADS + 1);
	for (i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, fire_much, NULL);
	pthread_barrier_wait(&barrier);
	n = find_rings(all);
	for (i = 0; i < n; i++)
		large += all[i]->units > 1 << 15;
	pthread_barrier_wait(&barrier);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	note("%d rings, %d larger than 256 KiB", n, large);
	return n < THREADS || large > LARGE;
}

int
main(void)
{
	static const struct {
		int (*run)(void);
		const char *what;
	} cases[] = {
		{ case_several_rings, "a handler that interrupts a fire goes "
		    "through three rings" },
		{ case_fork_in_handler, "one forks, and the child goes on with "
		    "the fire" },
#if !defined(USDT_TSAN)
		{ case_thread_forks, "a thread with a ring forks, and ends in "
		    "the child" },
#endif
		{ case_vforked_first, "a child of vfork makes no ring, its "
		    "parent has one at once, and it goes with the thread" },
		{ case_filter_of_one, "a thread with a filter of system calls "
		    "does not keep others from having rings" },
#if defined(__x86_64__) && !defined(USDT_TSAN)
		{ case_raw_thread, "a thread without a thread pointer has no "
		    "ring" },
#endif
		{ case_vouching_changes, "another thread begins and ends to "
		    "vouch for texts" },
		{ case_images_overlap, "an image lies where parts of others "
		    "lay: its records are its own" },
		{ case_many_threads, "not each of many threads gets a large "
		    "ring" },
	};
	size_t i;
	int status;
	pid_t pid;

	scratch_begin();
	setenv("USDT_BACKENDS", "sdt", 1);
	if (usdt__native_arch()->direct == 0) {
		ok(count_rings() == 0, "no direct events on this processor");
		return done_testing();
	}
	for (i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		fflush(stdout);
		pid = fork();
		if (pid == 0)
			exit(cases[i].run());
		status = -1;
		waitpid(pid, &status, 0);
		is_int(status, 0, "%s", cases[i].what);
	}
	return done_testing();
}
