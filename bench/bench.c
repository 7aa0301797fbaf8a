/*
 * bench.c - the process that is measured.
 *
 *	bench loop NAME checked|fired KIND TIMES	one library, for counting
 *							instructions
 *	bench argc N TIMES		fire a libusdt probe of N arguments
 *	bench helper TIMES		ask a libusdt probe that a stand-in for a
 *					DTrace helper has, and nobody traces
 *	bench untraced ROUNDS TIMES	a line per library and kind
 *	bench traced ROUNDS TIMES	prints "path NAME PATH" lines, waits for a
 *					line, then the same
 *	bench create NAME COUNT ROUNDS	what creating costs, and the floor
 *	bench crowd NAME PROCESSES COUNT	processes that start together, and
 *					enable COUNT providers each
 *	bench many NAME COUNT SECONDS	providers of one probe in one process, as
 *					many as there is processor time for
 *	bench hold NAME COUNT PROVIDER	has probes, prints "ready", and ends with
 *					its standard input
 *	bench threads ROUNDS TIMES	one thread and two, on one probe
 *
 * Rounds are interleaved: each library in turn, beginning with another one each
 * time.  A line of figures has each round's nanoseconds per turn of the loop.
 *
 * Whatever the clock times, and creating, runs at SCHED_FIFO, which only root
 * gets.  The kernel kills what would not stop there.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "usdt.h"

volatile int bench_numbers[6] = { 10, 20, 30, 40, 50, 60 };
char bench_text[32] = "a text of 20 letters";

static const char *const kinds[KINDS] = { "n0", "n2", "n6", "ns" };

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* The processor time of this process, without that of others. */
static double
cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Keep other processes from interfering; only root may. */
#define ALONE_SECONDS	300	/* without a pause; then the kernel kills it */

static void
be_alone(void)
{
	const rlim_t most = (rlim_t)ALONE_SECONDS * 1000000;
	struct rlimit limit = { most, most };
	struct sched_param param = { 5 };

	if (setrlimit(RLIMIT_RTTIME, &limit) == 0)
		sched_setscheduler(0, SCHED_FIFO, &param);
}

static const struct library *
find(const char *name)
{
	size_t i;

	for (i = 0; libraries[i] != NULL; i++)
		if (strcmp(libraries[i]->name, name) == 0)
			return libraries[i];
	fprintf(stderr, "bench: no library %s\n", name);
	exit(2);
}

static enum kind
find_kind(const char *name)
{
	int i;

	for (i = 0; i < KINDS; i++)
		if (strcmp(kinds[i], name) == 0)
			return (enum kind)i;
	fprintf(stderr, "bench: no kind %s\n", name);
	exit(2);
}

/* --- for callgrind ------------------------------------------------------ */

static int
count_loop(const char *name, const char *how, const char *kind, long times)
{
	const struct library *l = find(name);

	if (l->prepare != NULL)
		l->prepare();
	(strcmp(how, "fired") == 0 ? l->fired : l->checked)(find_kind(kind),
	    times);
	return 0;
}

static usdt_probedef_t *
one_probe(size_t argc)
{
	const char *types[USDT_ARG_MAX];
	usdt_provider_t *p = usdt_create_provider("one", "bench");
	usdt_probedef_t *probe;
	size_t i;

	for (i = 0; i < argc; i++)
		types[i] = "long";
	probe = usdt_create_probe("f", "n", argc, types);
	usdt_provider_add_probe(p, probe);
	if (usdt_provider_enable(p) < 0) {
		fprintf(stderr, "bench: %s\n", usdt_errstr(p));
		exit(1);
	}
	return probe;
}

__attribute__((noinline)) static int
count_arguments(size_t argc, long times)
{
	usdt_probedef_t *probe = one_probe(argc);
	void *argv[USDT_ARG_MAX] = { NULL };

	for (; times > 0; times--)
		usdt_probe_fire(probe, argc, argv);
	return 0;
}

/* A helper that takes each document. */
int
ioctl(int fd, unsigned long request, ...)
{
	(void)fd;
	(void)request;
	return 1;
}

__attribute__((noinline)) static int
count_helper(long times)
{
	usdt_probedef_t *probe;

	setenv("USDT_HELPER", "/dev/null", 1);
	probe = one_probe(2);
	for (; times > 0; times--) {
		OPAQUE(probe);
		if (usdt_is_enabled(probe->probe))
			abort();
	}
	return 0;
}

/* --- time --------------------------------------------------------------- */

static void
print_figures(const char *what, const char *kind, const double *ns, int rounds)
{
	int i;

	printf("%s %s", what, kind);
	for (i = 0; i < rounds; i++)
		printf(" %.3f", ns[i]);
	printf("\n");
}

struct row {
	const struct library *library;
	int fired;
	char what[32];
};

/* The ways to loop over all libraries. */
static int
all_rows(struct row *rows, int only_traceable)
{
	int n = 0;
	size_t i;

	for (i = 0; libraries[i] != NULL; i++) {
		const struct library *l = libraries[i];
		int fired;

		if (only_traceable && l->prepare == NULL)
			continue;
		for (fired = 0; fired < 2; fired++) {
			if (fired && l->fired == NULL)
				continue;
			rows[n].library = l;
			rows[n].fired = fired;
			snprintf(rows[n].what, sizeof rows[n].what, "%s-%s",
			    l->name, fired ? "fired" : "checked");
			n++;
		}
	}
	return n;
}

static void
measure(int only_traceable, int rounds, long times)
{
	struct row rows[32];
	int n = all_rows(rows, only_traceable), kind, round, i;
	double *ns = malloc((size_t)n * (size_t)rounds * sizeof *ns);

	for (kind = 0; kind < KINDS; kind++) {
		for (i = 0; i < n; i++)		/* warm up */
			(rows[i].fired ? rows[i].library->fired :
			    rows[i].library->checked)((enum kind)kind, times);
		for (round = 0; round < rounds; round++)
			for (i = 0; i < n; i++) {
				int at = (i + round) % n;
				double start = now();

				(rows[at].fired ? rows[at].library->fired :
				    rows[at].library->checked)(
				    (enum kind)kind, times);
				ns[at * rounds + round] = (now() - start) /
				    (double)times;
			}
		for (i = 0; i < n; i++)
			print_figures(rows[i].what, kinds[kind],
			    &ns[i * rounds], rounds);
	}
	free(ns);
}

static void
prepare_all(int tell)
{
	const char *path;
	size_t i;

	for (i = 0; libraries[i] != NULL; i++) {
		if (libraries[i]->prepare == NULL)
			continue;
		path = libraries[i]->prepare();
		if (tell && path != NULL)
			printf("path %s %s\n", libraries[i]->name, path);
	}
}

static void
wait_for_line(void)
{
	char line[16];

	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	if (fgets(line, sizeof line, stdin) == NULL)
		exit(0);
}

/* --- threads ------------------------------------------------------------ */

struct turns {			/* the turns of one thread */
	const struct library *library;
	long times;
	pthread_barrier_t *start;
	int cpu;
	double begun, ended;
};

/* Each measures its own time: a thread that waits for all may be the last to
 * run again. */
static void *
run(void *data)
{
	struct turns *turns = data;
	cpu_set_t own;

	/* Otherwise it takes a while until they run on two processors. */
	CPU_ZERO(&own);
	CPU_SET(turns->cpu, &own);
	sched_setaffinity(0, sizeof own, &own);
	pthread_barrier_wait(turns->start);
	turns->begun = now();
	turns->library->checked(NO_ARGUMENTS, turns->times);
	turns->ended = now();
	return NULL;
}

/* Turns of the loop per second, of all threads together. */
static double
together(const struct library *library, int threads, long times)
{
	pthread_barrier_t start;
	struct turns turns[8];
	pthread_t thread[8];
	double begun, ended;
	int i;

	pthread_barrier_init(&start, NULL, (unsigned)threads);
	for (i = 0; i < threads; i++) {
		turns[i] = (struct turns){ library, times, &start, i, 0,
		    0 };
		pthread_create(&thread[i], NULL, run, &turns[i]);
	}
	for (i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	pthread_barrier_destroy(&start);
	begun = turns[0].begun;
	ended = turns[0].ended;
	for (i = 1; i < threads; i++) {
		if (turns[i].begun < begun)
			begun = turns[i].begun;
		if (turns[i].ended > ended)
			ended = turns[i].ended;
	}
	return (double)times * threads / ((ended - begun) / 1e9);
}

static void
measure_threads(int rounds, long times)
{
	static const char *const names[] = { "sdt", "sdtcall", "usdt" };
	enum { N = sizeof names / sizeof names[0] };
	double *rate = malloc(N * 2 * (size_t)rounds * sizeof *rate);
	int round, i, turn, threads;
	char what[32];

	/* Each is first in another round. */
	for (round = 0; round < rounds; round++)
		for (turn = 0; turn < N; turn++) {
			i = (turn + round) % N;
			for (threads = 1; threads <= 2; threads++)
				rate[(i * 2 + threads - 1) * rounds + round] =
				    together(find(names[i]), threads, times) /
				    1e6;
		}
	for (i = 0; i < N; i++)
		for (threads = 1; threads <= 2; threads++) {
			snprintf(what, sizeof what, "%s-threads", names[i]);
			print_figures(what, threads == 1 ? "1" : "2",
			    &rate[(i * 2 + threads - 1) * rounds], rounds);
		}
	free(rate);
}

/* --- creating ----------------------------------------------------------- */

static long
count_lines(const char *path)
{
	FILE *f = fopen(path, "r");
	long n = 0;
	int c;

	while (f != NULL && (c = getc(f)) != EOF)
		n += c == '\n';
	if (f != NULL)
		fclose(f);
	return n;
}

static long
count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	long n = 0;

	while (dir != NULL && readdir(dir) != NULL)
		n++;
	if (dir != NULL)
		closedir(dir);
	return n;
}

/* A line of the kernel's account of this process's memory, in bytes. */
static long
count_memory(const char *what)
{
	FILE *f = fopen("/proc/self/status", "r");
	size_t length = strlen(what);
	char line[256];
	long kib = 0;

	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, what, length) == 0 && line[length] == ':')
			kib = atol(line + length + 1);
	if (f != NULL)
		fclose(f);
	return kib * 1024;
}

/* Reset the peak. */
static void
forget_peak(void)
{
	FILE *f = fopen("/proc/self/clear_refs", "w");

	if (f != NULL) {
		fputs("5\n", f);
		fclose(f);
	}
}

static long written;

static int
add_size(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)path;
	(void)ftw;
	if (type == FTW_F)
		written += (long)st->st_size;
	return 0;
}

static const char *
image_dir(void)
{
	const char *dir = getenv("USDT_IMAGE_DIR");

	return dir != NULL ? dir : "/dev/shm";
}

/* The size of a provider's files. */
static long
count_written(const char *provider)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s", image_dir(), provider);
	written = 0;
	nftw(path, add_size, 8, FTW_PHYS);
	return written;
}

/* The least that any library has to do that leaves as much behind: it touches
 * so much private memory, and writes so many bytes to a file there. */
static double
measure_floor(long private_bytes, long file_bytes)
{
	static char block[65536];
	char path[512], *memory;
	double start;
	long i;
	int fd;

	snprintf(path, sizeof path, "%s/floor-%d", image_dir(), (int)getpid());
	memset(block, 1, sizeof block);
	start = cpu_now();
	memory = mmap(NULL, (size_t)private_bytes + 1, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (memory == MAP_FAILED || fd < 0) {
		fprintf(stderr, "bench: no floor\n");
		exit(1);
	}
	for (i = 0; i < private_bytes; i += 4096)
		memory[i] = 1;
	for (i = 0; i < file_bytes; i += (long)sizeof block)
		if (write(fd, block, file_bytes - i < (long)sizeof block ?
		    (size_t)(file_bytes - i) : sizeof block) < 0)
			exit(1);
	start = cpu_now() - start;
	close(fd);
	unlink(path);
	munmap(memory, (size_t)private_bytes + 1);
	return start;
}

/* One provider's life; the first has a new name.  Times are the processor's. */
static void
measure_creation(const char *name, size_t count, int rounds)
{
	const struct library *l = find(name);
	char provider[64];
	int round;

	for (round = 0; round < rounds; round++) {
		long maps, fds, bytes, rss, peak, file;
		double start, add, enable, disable, again, destroy, found;
		void *set;

		forget_peak();
		bytes = count_memory("RssAnon");
		rss = count_memory("VmRSS");
		snprintf(provider, sizeof provider, "c%d-%d-%zu",
		    (int)getpid(), round, count);
		start = cpu_now();
		set = l->create(provider, count);
		add = cpu_now() - start;
		maps = count_lines("/proc/self/maps");
		fds = count_descriptors();
		start = cpu_now();
		if (set == NULL || l->enable(set) < 0) {
			fprintf(stderr, "bench: %s can't do %zu\n", name, count);
			exit(1);
		}
		enable = cpu_now() - start;
		bytes = count_memory("RssAnon") - bytes;
		peak = count_memory("VmHWM") - rss;
		file = count_written(provider);
		maps = count_lines("/proc/self/maps") - maps;
		fds = count_descriptors() - fds;
		start = cpu_now();
		l->disable(set);
		disable = cpu_now() - start;
		start = cpu_now();
		l->enable(set);
		again = cpu_now() - start;
		start = cpu_now();
		l->destroy(set);
		destroy = cpu_now() - start;
		/* As in another process: the image exists. */
		set = l->create(provider, count);
		start = cpu_now();
		l->enable(set);
		found = cpu_now() - start;
		l->destroy(set);
		printf("creation %zu maps %ld fds %ld bytes %ld add %.0f "
		    "enable %.0f disable %.0f again %.0f destroy %.0f "
		    "found %.0f peak %ld file %ld floor %.0f\n", count, maps,
		    fds, bytes, add, enable, disable, again, destroy, found,
		    peak, file, measure_floor(bytes > 0 ? bytes : 0, file));
	}
}

/* --- many processes, many providers ------------------------------------- */

/* Enable COUNT providers of two probes; exits if it can't. */
static void
enable_some(const struct library *l, int count)
{
	char name[32];
	void *set;
	int i;

	for (i = 0; i < count; i++) {
		snprintf(name, sizeof name, "crowd-%d-x", i);
		set = l->create(name, 2);
		if (set == NULL || l->enable(set) < 0) {
			fprintf(stderr, "bench: no provider %s\n", name);
			_exit(1);
		}
	}
}

/* One of the processes: starts when DOWN is closed, reports on UP how long it
 * took, and lives until AFTER is closed. */
static void
be_one(const struct library *l, int count, int down, int up, int after)
{
	double took;
	char byte;

	if (read(down, &byte, 1) != 0)
		_exit(1);
	took = cpu_now();
	enable_some(l, count);
	took = cpu_now() - took;
	if (write(up, &took, sizeof took) != sizeof took ||
	    read(after, &byte, 1) != 0)
		_exit(1);
	_exit(0);
}

/* All definitions exist, from an earlier process. */
static int
measure_crowd(const char *name, int processes, int count)
{
	const struct library *l = find(name);
	int down[2], up[2], after[2], i, status, failed = 0;
	double sum = 0, took;

	if (fork() == 0) {
		enable_some(l, count);
		_exit(0);
	}
	wait(&status);
	if (status != 0 || pipe(down) < 0 || pipe(up) < 0 || pipe(after) < 0)
		return 1;
	for (i = 0; i < processes; i++) {
		pid_t pid = fork();

		if (pid < 0) {
			perror("bench: fork");
			break;
		}
		if (pid == 0) {
			close(down[1]);
			close(up[0]);
			close(after[1]);
			be_one(l, count, down[0], up[1], after[0]);
		}
	}
	processes = i;
	close(up[1]);
	close(down[1]);
	for (i = 0; i < processes &&
	    read(up[0], &took, sizeof took) == sizeof took; i++)
		sum += took;
	close(after[1]);
	while (wait(&status) > 0)
		failed += status != 0;
	printf("crowd %d each %.0f\n", processes, sum / count / processes);
	return failed != 0 || i != processes;
}

/* The last hundred show what one more costs. */
static void
measure_many(const char *name, int count, double seconds)
{
	const struct library *l = find(name);
	void **sets = calloc((size_t)count, sizeof *sets);
	double begun = cpu_now(), hundred = begun, each = 0, destroy;
	char provider[48];
	int n, i;

	for (n = 0; n < count && (cpu_now() - begun) / 1e9 < seconds;) {
		snprintf(provider, sizeof provider, "m%d-%d-x", (int)getpid(),
		    n);
		sets[n] = l->create(provider, 1);
		if (sets[n] == NULL || l->enable(sets[n]) < 0) {
			fprintf(stderr, "bench: no provider %d\n", n);
			exit(1);
		}
		if (++n % 100 == 0) {
			each = (cpu_now() - hundred) / 100;
			hundred = cpu_now();
		}
	}
	destroy = cpu_now();
	for (i = 0; i < n; i++)
		l->destroy(sets[i]);
	destroy = cpu_now() - destroy;
	printf("many %d each %.0f destroy %.0f\n", n, each, destroy);
	free(sets);
}

static int
hold(const char *name, size_t count, const char *provider)
{
	const struct library *l = find(name);
	void *set = l->create(provider, count);

	if (set == NULL || l->enable(set) < 0)
		return 1;
	printf("ready %d\n", (int)getpid());
	fflush(stdout);
	while (getchar() != EOF)
		continue;
	return 0;
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (strcmp(what, "loop") == 0 && argc == 6)
		return count_loop(argv[2], argv[3], argv[4], atol(argv[5]));
	if (strcmp(what, "argc") == 0 && argc == 4)
		return count_arguments((size_t)atol(argv[2]), atol(argv[3]));
	if (strcmp(what, "helper") == 0 && argc == 3)
		return count_helper(atol(argv[2]));
	if (strcmp(what, "crowd") == 0 && argc == 5)
		return measure_crowd(argv[2], atoi(argv[3]), atoi(argv[4]));
	if (strcmp(what, "hold") == 0 && argc == 5)
		return hold(argv[2], (size_t)atol(argv[3]), argv[4]);
	if (strcmp(what, "many") == 0 && argc == 5) {
		be_alone();
		measure_many(argv[2], atoi(argv[3]), atof(argv[4]));
		return 0;
	}
	if (strcmp(what, "create") == 0 && argc == 5) {
		be_alone();
		measure_creation(argv[2], (size_t)atol(argv[3]), atoi(argv[4]));
		return 0;
	}
	if (argc != 4) {
		fprintf(stderr, "usage: see bench.c\n");
		return 2;
	}
	prepare_all(strcmp(what, "untraced") != 0);
	if (strcmp(what, "untraced") != 0)
		wait_for_line();
	be_alone();
	if (strcmp(what, "threads") == 0)
		measure_threads(atoi(argv[2]), atol(argv[3]));
	else
		measure(strcmp(what, "traced") == 0, atoi(argv[2]),
		    atol(argv[3]));
	return 0;
}
