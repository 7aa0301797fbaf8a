/*
 * watch.c - the subcommand "watch": what happens at probes, as it happens?
 *
 * Only the kernel takes part: uprobe events that are defined in tracefs and
 * delivered by perf.  This file has the course of a watch and the line that it
 * prints for each event; attach.c finds the probes.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tools/watch/watch.h"
#include "tools/subcommands.h"

#define SECOND	((uint64_t)1000000000)

/*
 * How often the rings are read: no reader waits long, and an idle watch sleeps.
 */
#define ROUND_MS	50
/* Records of this age have arrived in their rings, on every processor. */
#define SLACK		(SECOND / 500)
/* How often we look for new probes: in one process, and in all. */
#define SCAN_ONE	SECOND
#define SCAN_ALL	(3 * SECOND)

struct watch {
	struct attachment to;
	long count;		/* -n, or 0 */
	struct tracefs tracefs;
	int signals;		/* signalfd */
	int process;		/* pidfd of -p, or -1 */
	long printed;
	uint64_t lost;		/* the losses already reported */
};

static void
help(FILE *out)
{
	fputs("usage: usdt watch [-w] [-p PID] [-n COUNT] PATTERN...\n"
	    "\n"
	    "Print a line each time that one of the probes fires: time,\n"
	    "process, program, probe, arguments.  Needs root, but no tracer.\n"
	    "\n"
	    "  -p, --pid=PID      in this process only, until it ends\n"
	    "  -n, --count=COUNT  until COUNT lines are printed\n"
	    "  -w, --wait         if there is no such probe, wait for one\n"
	    "\n"
	    "PATTERN is [PATH:]PROVIDER[:PROBE], or with four parts, as\n"
	    "usdt list prints probes, [PATH:]PROVIDER:MODULE:FUNCTION:PROBE.\n"
	    "All but PATH may have the wildcards * and ?; an empty part\n"
	    "matches all.  With PATH the probes of that file are watched,\n"
	    "even if it does not run yet.\n", out);
}

static uint64_t
clock_now(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

/* --- printing --- */

static void
print_time(FILE *out, uint64_t time)
{
	time_t seconds = (time_t)(time / SECOND);
	struct tm tm;
	char text[16];

	localtime_r(&seconds, &tm);
	strftime(text, sizeof text, "%H:%M:%S", &tm);
	fprintf(out, "%s.%06u", text, (unsigned)(time % SECOND / 1000));
}

static void
print_sample(FILE *out, struct watch *watch, const struct sample *sample,
    uint64_t since_epoch, struct lookups *lookups)
{
	const struct event *event = watch->to.events;
	const struct target *target;
	uint16_t id;
	size_t i;
	long index;

	if (sample->size < sizeof id ||
	    (watch->to.only != 0 && sample->pid != watch->to.only))
		return;
	memcpy(&id, sample->record, sizeof id);		/* common_type */
	for (i = 0; i < watch->to.event_count && event->id != id; i++)
		event++;
	if (i == watch->to.event_count)
		return;
	index = event_target(event, sample->record, sample->size);
	if (index < 0)
		return;
	target = &watch->to.targets[index];
	print_time(out, sample->time + since_epoch);
	fprintf(out, " %d", (int)sample->pid);
	if (sample->tid != sample->pid)
		fprintf(out, "/%d", (int)sample->tid);
	putc(' ', out);
	event_show_comm(out, event, sample->record, sample->size);
	putc(' ', out);
	quote_word(out, target->probe->provider);
	putc(':', out);
	quote_word(out, target->probe->name);
	event_show_args(out, event, target, sample->pid, sample->record,
	    sample->size, lookups);
	putc('\n', out);
	watch->printed++;
}

/*
 * Write to standard output.  The reader may be slow or stand still, and a
 * signal must still end us.  Returns -1 if there is no reader, or no space.
 */
static int
put_out(struct watch *watch, const char *text, size_t length)
{
	struct pollfd fds[] = {
		{ .fd = STDOUT_FILENO, .events = POLLOUT },
		{ .fd = watch->signals, .events = POLLIN }
	};
	ssize_t n;

	for (; length > 0; text += n, length -= (size_t)n) {
		n = 0;
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents == 0)
			return -1;
		/*
		 * A pipe that poll reports as ready accepts this much without
		 * blocking.
		 */
		n = write(STDOUT_FILENO, text, length < 4096 ? length : 4096);
		if (n < 0 && errno == EAGAIN) {
			n = 0;
		} else if (n < 0) {
			if (errno != EPIPE) {
				fprintf(stderr, "usdt: writing: %s\n",
				    strerror(errno));
				watch->to.fatal = 1;
			}
			return -1;
		}
	}
	return 0;
}

/*
 * Print the events before UNTIL.  Returns -1 when it is time to stop: enough
 * lines are printed, or the output is gone.
 */
static int
print_until(struct watch *watch, uint64_t until)
{
	uint64_t since_epoch = clock_now(CLOCK_REALTIME) -
	    clock_now(CLOCK_MONOTONIC);
	struct sample *samples;
	size_t count = rings_take(watch->to.rings, until, &samples);
	struct lookups lookups = { 0 };
	size_t i, length;
	char *text;
	FILE *out;
	int result;

	if (count == 0)
		return 0;
	out = open_memstream(&text, &length);
	for (i = 0; i < count; i++) {
		if (watch->count != 0 && watch->printed == watch->count)
			break;
		print_sample(out, watch, &samples[i], since_epoch, &lookups);
	}
	fclose(out);
	rings_done(watch->to.rings, count);
	result = put_out(watch, text, length);
	free(text);
	return watch->count != 0 && watch->printed == watch->count ? -1 :
	    result;
}

static void
report_lost(struct watch *watch)
{
	uint64_t lost = rings_lost(watch->to.rings);

	if (lost > watch->lost)
		fprintf(stderr, "usdt: %" PRIu64 " events lost, they come "
		    "faster than they can be printed\n", lost - watch->lost);
	watch->lost = lost;
}

/* --- the life of a watch --- */

/*
 * Every signal that would end us is read from a descriptor instead, so that our
 * events are removed first.  Ignored signals stay ignored, and signals for a
 * fault of our own end us as usual.
 */
static int
take_signals(void)
{
	static const int others[] = {
		SIGKILL, SIGSTOP, SIGCHLD, SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU,
		SIGURG, SIGWINCH, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT,
		SIGTRAP, SIGSYS
	};
	struct sigaction action;
	sigset_t set;
	size_t i;
	int signo;

	sigfillset(&set);
	for (i = 0; i < sizeof others / sizeof *others; i++)
		sigdelset(&set, others[i]);
	for (signo = 1; signo <= SIGRTMAX; signo++)
		if (sigaction(signo, NULL, &action) == 0 &&
		    action.sa_handler == SIG_IGN)
			sigdelset(&set, signo);
	/* write reports a reader that is gone in any case. */
	sigaddset(&set, SIGPIPE);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigdelset(&set, SIGPIPE);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Sleep until there is something to do.  Returns 1 to stop. */
static int
sleep_round(const struct watch *watch)
{
	size_t rings = rings_count(watch->to.rings), i;
	struct pollfd *fds = xcalloc(rings + 2, sizeof *fds);
	int stop;

	fds[0] = (struct pollfd){ .fd = watch->signals, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = watch->process, .events = POLLIN };
	for (i = 0; i < rings; i++)
		fds[i + 2] = (struct pollfd){
			.fd = rings_fd(watch->to.rings, i), .events = POLLIN
		};
	if (poll(fds, (nfds_t)rings + 2, ROUND_MS) < 0)
		fds[0].revents = fds[1].revents = 0;
	stop = fds[0].revents != 0 || fds[1].revents != 0;
	free(fds);
	return stop;
}

static void
loop(struct watch *watch)
{
	uint64_t every = watch->to.only ? SCAN_ONE : SCAN_ALL, now;
	uint64_t next = clock_now(CLOCK_MONOTONIC) + every;

	if (watch->to.wait)
		every = SCAN_ONE;
	while (!watch->to.fatal) {
		int stop = sleep_round(watch);

		now = clock_now(CLOCK_MONOTONIC);
		if (print_until(watch, stop ? UINT64_MAX : now - SLACK) < 0 ||
		    stop)
			break;
		if (now < next)
			continue;
		report_lost(watch);
		attach_scan(&watch->to);
		next = clock_now(CLOCK_MONOTONIC) + every;
	}
	report_lost(watch);
}

static void
clean_up(struct watch *watch)
{
	attach_end(&watch->to);
	if (watch->process >= 0)
		close(watch->process);
	if (watch->signals >= 0)
		close(watch->signals);
	tracefs_close(&watch->tracefs);
}

/* The process of -p must exist, and its end must be noticed. */
static int
open_process(struct watch *watch)
{
	watch->process = -1;
	if (watch->to.only == 0)
		return 0;
	watch->process = (int)syscall(SYS_pidfd_open, watch->to.only, 0);
	if (watch->process >= 0)
		return 0;
	if (errno == ESRCH)
		fprintf(stderr, "usdt: there is no process %d\n",
		    (int)watch->to.only);
	else
		fprintf(stderr, "usdt: process %d: %s\n", (int)watch->to.only,
		    errno == EINVAL || errno == ENOENT ?
		    "that is a thread of another" : strerror(errno));
	return -1;
}

/* Is there something to wait for?  If not, print why, unless it was printed. */
static int
is_going(const struct watch *watch)
{
	const struct attachment *to = &watch->to;

	if (to->fatal)
		return 0;
	if (to->watching == 0 && to->wait)
		fputs("usdt: waiting for such a probe\n", stderr);
	else if (to->target_count == 0 && to->troubles == 0)
		attach_report_none(to);
	return to->watching > 0 || to->wait;
}

static int
run(struct watch *watch)
{
	int result = EXIT_TROUBLE;

	if (tracefs_open(&watch->tracefs) < 0)
		return EXIT_TROUBLE;
	watch->to.tracefs = &watch->tracefs;
	watch->signals = take_signals();
	if (open_process(watch) == 0 &&
	    (watch->to.rings = rings_open()) != NULL) {
		attach_scan(&watch->to);
		if (is_going(watch)) {
			loop(watch);
			result = watch->to.fatal ? EXIT_TROUBLE : EXIT_FINE;
		}
	}
	clean_up(watch);
	return result;
}

static int
parse_patterns(struct watch *watch, int argc, char **argv)
{
	if (optind == argc) {
		help(stderr);
		return -1;
	}
	return patterns_parse(&watch->to.patterns, &watch->to.pattern_count,
	    argv + optind);
}

int
command_watch(int argc, char **argv)
{
	static const struct option options[] = {
		{ "pid", required_argument, NULL, 'p' },
		{ "count", required_argument, NULL, 'n' },
		{ "wait", no_argument, NULL, 'w' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 }
	};
	struct watch watch = { 0 };
	int option, result = EXIT_USAGE;

	while ((option = getopt_long(argc, argv, "p:n:wh", options,
	    NULL)) != -1)
		switch (option) {
		case 'p':
			if ((watch.to.only = parse_pid(optarg)) < 0)
				return EXIT_USAGE;
			break;
		case 'n':
			if ((watch.count = parse_count("--count", optarg)) < 0)
				return EXIT_USAGE;
			break;
		case 'w':
			watch.to.wait = 1;
			break;
		default:
			return print_help(option, help);
		}
	if (parse_patterns(&watch, argc, argv) == 0)
		result = run(&watch);
	patterns_free(watch.to.patterns, watch.to.pattern_count);
	return result;
}
