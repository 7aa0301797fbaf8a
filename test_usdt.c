/*
 * test_usdt.c - a process for tests to trace, usable by hand.
 *
 *	./test_usdt [-p PROVIDER] [-m MODULE] [-t TEXT] FUNC NAME [TYPE...]
 *	    [-- FUNC NAME [TYPE...]]...
 *
 * declares probes, enables them, prints "ready PID", and then obeys each line
 * on standard input.  It judges nothing.  With -t each line that it prints
 * begins with TEXT.
 *
 *	(empty)			fire every probe once, with default values:
 *				"arg<i>" for strings, i for the rest (from 1)
 *	fire I VALUE...		fire probe I (from 0); strings may have %XX
 *	checked I VALUE...	the same if it is enabled
 *	loop I N VALUE...	fire N times
 *	signals I N		fire N times from a signal handler, while a
 *				function without calls keeps values below the
 *				stack pointer ("red zone")
 *	enabled I		is it enabled?
 *	wait I 0|1 SECONDS	wait until it is (not) enabled
 *	add FUNC NAME TYPE...	add a probe
 *	remove I | enable | disable | free | status
 *	fork			fork; "child LINE" then speaks to the child
 *	clone			the same by the system call, without handlers
 *	spawn ARGUMENT...	the same by posix_spawn, of this program with
 *				arguments as above
 *	exec ARGUMENT...	execute this program again, with these
 *	quit
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE		/* nanosleep, environ */
#endif
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "usdt.h"
#include "test/unit/raw_clone.h"

#define MAX_WORDS	(USDT_ARG_MAX + 8)
#define LINE_SIZE	65536

static usdt_provider_t *provider;
static usdt_probedef_t **probes;
static size_t probe_count;
static const char *prefix = "";
static FILE *to_child, *from_child;

static void
say_error(void)
{
	const char *text = usdt_errstr(provider);

	printf("%serror %s\n", prefix, *text ? text : usdt_errstr(NULL));
}

static int
add_probe(const char *func, const char *name, int argc, char **types)
{
	usdt_probedef_t *probe, **more;

	probe = usdt_create_probe(func, name, (size_t)argc,
	    (const char **)types);
	if (probe == NULL) {
		printf("%serror %s\n", prefix, usdt_errstr(NULL));
		return -1;
	}
	if (usdt_provider_add_probe(provider, probe) < 0) {
		say_error();
		usdt_probe_release(probe);
		return -1;
	}
	more = realloc(probes, (probe_count + 1) * sizeof *probes);
	if (more == NULL)
		abort();
	probes = more;
	probes[probe_count++] = probe;
	return 0;
}

static int
is_string(const char *type)
{
	return strncmp(type, "char *", 6) == 0;
}

/* Undo %XX in place. */
static char *
unescape(char *text)
{
	char *from = text, *to = text;
	unsigned byte;

	for (; *from != '\0'; from++, to++) {
		if (*from == '%' && sscanf(from + 1, "%2x", &byte) == 1) {
			*to = (char)byte;
			from += 2;
		} else {
			*to = *from;
		}
	}
	*to = '\0';
	return text;
}

static void *
parse_value(const char *type, char *text)
{
	if (is_string(type))
		return unescape(text);
	if (*text == '-')
		return (void *)(intptr_t)strtoll(text, NULL, 0);
	return (void *)(uintptr_t)strtoull(text, NULL, 0);
}

static void
fire_default(usdt_probedef_t *probe)
{
	static char texts[USDT_ARG_MAX][8];
	void *argv[USDT_ARG_MAX];
	size_t i;

	for (i = 0; i < probe->argc; i++) {
		snprintf(texts[i], sizeof texts[i], "arg%zu", i + 1);
		argv[i] = is_string(probe->types[i]) ? (void *)texts[i] :
		    (void *)(uintptr_t)(i + 1);
	}
	usdt_fire_probe(probe->probe, probe->argc, argv);
}

/* Fire with the values in WORDS. */
static unsigned long
fire(usdt_probedef_t *probe, unsigned long times, int checked, int words,
    char **word)
{
	void *argv[USDT_ARG_MAX];
	unsigned long i, fired = 0;
	int n = 0;

	for (; n < words && (size_t)n < probe->argc; n++)
		argv[n] = parse_value(probe->types[n], word[n]);
	for (i = 0; i < times; i++) {
		if (checked && !usdt_probe_enabled(probe))
			continue;
		usdt_probe_fire(probe, (size_t)n, argv);
		fired++;
	}
	return fired;
}

static void
wait_for(usdt_probedef_t *probe, int value, double seconds)
{
	struct timespec pause = { 0, 2000000 };
	double waited;

	for (waited = 0; waited < seconds; waited += 0.002) {
		if (usdt_is_enabled(probe->probe) == value)
			break;
		nanosleep(&pause, NULL);
	}
	printf("%senabled %d\n", prefix, usdt_is_enabled(probe->probe));
}

static void
say_backend(const char *name, const usdt_backend_status_t *backend)
{
	printf("%sstatus %s.taken %d\n", prefix, name, backend->taken);
	printf("%sstatus %s.error %d\n", prefix, name, backend->error);
	printf("%sstatus %s.generation %d\n", prefix, name,
	    backend->generation);
	printf("%sstatus %s.path %s\n", prefix, name, backend->path);
	printf("%sstatus %s.reason %s\n", prefix, name, backend->reason);
}

static void
say_status(void)
{
	usdt_status_t status;

	if (usdt_provider_status(provider, &status) < 0) {
		say_error();
		return;
	}
	printf("%sstatus enabled %d\n", prefix, status.enabled);
	printf("%sstatus probes %u\n", prefix, status.probes);
	printf("%sstatus waiting %u\n", prefix, status.waiting);
	printf("%sstatus images %u\n", prefix, status.images);
	say_backend("dof", &status.dof);
	say_backend("sdt", &status.sdt);
	printf("%sstatus note %s\n", prefix, status.note);
	printf("%sok\n", prefix);
}

static void
say_result(int result)
{
	if (result < 0)
		say_error();
	else
		printf("%sok\n", prefix);
}

/* Arguments for this program: those in WORD, and a prefix if wanted. */
static char **
own_arguments(const char *with_prefix, int words, char **word)
{
	static char name[] = "test_usdt", option[] = "-t", text[16];
	static char *arguments[MAX_WORDS + 4];
	int n = 0, i;

	arguments[n++] = name;
	if (*with_prefix != '\0') {
		snprintf(text, sizeof text, "%.*s",
		    (int)strcspn(with_prefix, " "), with_prefix);
		arguments[n++] = option;
		arguments[n++] = text;
	}
	for (i = 1; i < words; i++)
		arguments[n++] = word[i];
	arguments[n] = NULL;
	return arguments;
}

static pid_t
spawn_self(const int down[2], const int up[2], int words, char **word)
{
	posix_spawn_file_actions_t actions;
	pid_t pid = -1;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, down[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, up[1], STDOUT_FILENO);
	if (posix_spawn(&pid, "/proc/self/exe", &actions, NULL,
	    own_arguments("child ", words, word), environ) != 0)
		pid = -1;
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

/* Start a child that serves lines as we do, and prints to our stdout. */
static void
start_child(int words, char **word)
{
	int down[2], up[2];
	pid_t pid;

	if (to_child != NULL || pipe(down) < 0 || pipe(up) < 0) {
		printf("error cannot fork\n");
		return;
	}
	fcntl(down[1], F_SETFD, FD_CLOEXEC);
	fcntl(up[0], F_SETFD, FD_CLOEXEC);
	fflush(stdout);
	if (strcmp(word[0], "spawn") == 0)
		pid = spawn_self(down, up, words, word);
	else if (strcmp(word[0], "clone") == 0)
		pid = raw_clone();
	else
		pid = fork();
	if (pid == 0) {
		dup2(down[0], STDIN_FILENO);
		close(down[1]);
		close(up[0]);
		dup2(up[1], STDOUT_FILENO);
		prefix = "child ";
		clearerr(stdin);
		return;
	}
	close(down[0]);
	close(up[1]);
	to_child = fdopen(down[1], "w");
	from_child = fdopen(up[0], "r");
	printf("forked %ld\n", (long)pid);
}

/* Forward the child's answer up to its last line. */
static void
hear_child(void)
{
	char answer[LINE_SIZE];

	do {
		if (fgets(answer, sizeof answer, from_child) == NULL) {
			printf("child ended\n");
			fclose(to_child);
			fclose(from_child);
			to_child = NULL;
			while (wait(NULL) > 0)
				continue;
			return;
		}
		fputs(answer, stdout);
	} while (strncmp(answer, "child status", 12) == 0);
}

static void
tell_child(const char *line)
{
	if (to_child == NULL) {
		printf("error no child\n");
		return;
	}
	fprintf(to_child, "%s\n", line);
	fflush(to_child);
	hear_child();
}

static usdt_probedef_t *in_handler;
static volatile sig_atomic_t handled;

static void
handle(int number)
{
	void *argv[] = { (void *)7 };

	(void)number;
	usdt_probe_fire(in_handler, 1, argv);
	handled++;
}

/* Never moves the stack pointer.  Returns how many values were damaged, or -1
 * if they do not lie below it. */
__attribute__((noinline)) static long
keep_in_red_zone(int times)
{
	volatile uintptr_t kept[12];
	long damaged = 0;
	size_t i;

	for (i = 0; i < 12; i++)
		kept[i] = 0x5a5a0000 + i;
	while (handled < times)
		for (i = 0; i < 12; i++)
			damaged += kept[i] != 0x5a5a0000 + i;
#if defined(__x86_64__)
	{
		uintptr_t sp;

		__asm__ volatile("mov %%rsp, %0" : "=r"(sp));
		if ((uintptr_t)&kept[0] >= sp)
			return -1;
	}
#endif
	return damaged;
}

static void
fire_in_signals(usdt_probedef_t *probe, int times)
{
	const struct itimerval often = { { 0, 200 }, { 0, 200 } };
	const struct itimerval never = { { 0, 0 }, { 0, 0 } };
	long damaged;

	in_handler = probe;
	handled = 0;
	signal(SIGALRM, handle);
	setitimer(ITIMER_REAL, &often, NULL);
	damaged = keep_in_red_zone(times);
	setitimer(ITIMER_REAL, &never, NULL);
	signal(SIGALRM, SIG_IGN);
	printf("%sfired %d damaged %ld\n", prefix, (int)handled, damaged);
}

/* Commands about one probe. */
static int
serve_probe(int words, char **word)
{
	usdt_probedef_t *probe;
	size_t i;

	if (words < 2)
		return 0;
	i = strtoul(word[1], NULL, 10);
	if (i >= probe_count || (probe = probes[i]) == NULL)
		return 0;
	if (strcmp(word[0], "fire") == 0)
		printf("%sfired %lu\n", prefix,
		    fire(probe, 1, 0, words - 2, word + 2));
	else if (strcmp(word[0], "checked") == 0)
		printf("%sfired %lu\n", prefix,
		    fire(probe, 1, 1, words - 2, word + 2));
	else if (strcmp(word[0], "loop") == 0 && words >= 3)
		printf("%sfired %lu\n", prefix, fire(probe,
		    strtoul(word[2], NULL, 10), 0, words - 3, word + 3));
	else if (strcmp(word[0], "signals") == 0 && words >= 3)
		fire_in_signals(probe, atoi(word[2]));
	else if (strcmp(word[0], "enabled") == 0)
		printf("%senabled %d\n", prefix,
		    usdt_is_enabled(probe->probe));
	else if (strcmp(word[0], "wait") == 0 && words >= 4)
		wait_for(probe, atoi(word[2]), atof(word[3]));
	else if (strcmp(word[0], "remove") == 0)
		say_result(usdt_provider_remove_probe(provider, probe));
	else
		return 0;
	return 1;
}

/* Returns 0 to end. */
static int
serve(char *line)
{
	static char whole[LINE_SIZE];
	char *word[MAX_WORDS], *at;
	int words = 0;
	size_t i;

	strcpy(whole, line);
	for (at = strtok(line, " "); at != NULL && words < MAX_WORDS;
	    at = strtok(NULL, " "))
		word[words++] = at;
	if (words == 0) {
		for (i = 0; i < probe_count; i++)
			fire_default(probes[i]);
		printf("%sfired %zu\n", prefix, probe_count);
	} else if (strcmp(word[0], "child") == 0) {
		tell_child(whole + strcspn(whole, " ") +
		    (whole[strcspn(whole, " ")] == ' '));
	} else if (strcmp(word[0], "quit") == 0) {
		return 0;
	} else if (strcmp(word[0], "fork") == 0 ||
	    strcmp(word[0], "clone") == 0) {
		start_child(words, word);
	} else if (strcmp(word[0], "spawn") == 0) {
		start_child(words, word);
		hear_child();		/* "ready PID", as here */
	} else if (strcmp(word[0], "exec") == 0) {
		fflush(stdout);
		execv("/proc/self/exe", own_arguments(prefix, words, word));
		printf("%serror cannot run this program again\n", prefix);
	} else if (strcmp(word[0], "status") == 0) {
		say_status();
	} else if (strcmp(word[0], "enable") == 0) {
		say_result(usdt_provider_enable(provider));
	} else if (strcmp(word[0], "disable") == 0) {
		say_result(usdt_provider_disable(provider));
	} else if (strcmp(word[0], "free") == 0) {
		usdt_provider_free(provider);
		provider = NULL;
		printf("%sok\n", prefix);
	} else if (strcmp(word[0], "add") == 0 && words >= 3) {
		if (add_probe(word[1], word[2], words - 3, word + 3) == 0)
			printf("%sok %zu\n", prefix, probe_count - 1);
	} else if (!serve_probe(words, word)) {
		printf("%serror unknown command %s\n", prefix, whole);
	}
	return 1;
}

/* Join stars that stand alone to their type: "char *" may be two words. */
static int
add_from_arguments(int argc, char **argv)
{
	if (argc < 2)
		return -1;
	return add_probe(argv[0], argv[1], argc - 2, argv + 2);
}

static const char *
start_with(const char *word)
{
	static char text[16];

	snprintf(text, sizeof text, "%s ", word);
	return text;
}

static void
usage(void)
{
	fprintf(stderr, "usage: test_usdt [-p PROVIDER] [-m MODULE] [-t TEXT] "
	    "FUNC NAME [TYPE...] [-- FUNC NAME [TYPE...]]...\n");
	exit(2);
}

int
main(int argc, char **argv)
{
	const char *name = "testusdt", *module = "testmod";
	static char line[LINE_SIZE];
	int i = 1, start;

	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	for (; i + 1 < argc && argv[i][0] == '-'; i += 2)
		if (strcmp(argv[i], "-p") == 0)
			name = argv[i + 1];
		else if (strcmp(argv[i], "-m") == 0)
			module = argv[i + 1];
		else if (strcmp(argv[i], "-t") == 0)
			prefix = start_with(argv[i + 1]);
		else
			usage();
	if (argc - i < 2)
		usage();
	provider = usdt_create_provider(name, module);
	if (provider == NULL) {
		say_error();
		return 1;
	}
	for (start = i; i <= argc; i++) {
		if (i < argc && strcmp(argv[i], "--") != 0)
			continue;
		if (add_from_arguments(i - start, argv + start) < 0)
			return 1;
		start = i + 1;
	}
	if (usdt_provider_enable(provider) < 0) {
		say_error();
		return 1;
	}
	printf("%sready %ld\n", prefix, (long)getpid());
	while (fgets(line, sizeof line, stdin) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (!serve(line))
			break;
	}
	usdt_provider_free(provider);
	for (i = 0; (size_t)i < probe_count; i++)
		usdt_probe_release(probes[i]);
	free(probes);
	return 0;
}
