/*
 * stream.c - which events happen, in the order of time?
 *
 * Here is the course of a watch: attach.c finds the probes, uprobe.c and perf.c
 * bring their events through the kernel.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tools/events/parts.h"

#define SECOND	((uint64_t)1000000000)

/*
 * How often the rings are read: no reader waits long, and an idle stream sleeps.
 */
#define ROUND_MS	50
/* Records of this age have arrived in their rings, on every processor. */
#define SLACK		(SECOND / 500)
/* How often we look for new probes: in one process, and in all. */
#define SCAN_ONE	SECOND
#define SCAN_ALL	(3 * SECOND)

struct stream {
	struct attachment to;
	struct tracefs tracefs;
	int signals;		/* signalfd */
	int process;		/* pidfd of "only", or -1 */
	const struct consumer *consumer;
	uint64_t lost;		/* by the kernel, already reported */
	struct value *values;	/* of one event */
	size_t value_space;
};

static uint64_t
clock_now(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

uint64_t
stream_since_epoch(void)
{
	return clock_now(CLOCK_REALTIME) - clock_now(CLOCK_MONOTONIC);
}

int
stream_put(struct stream *stream, const char *bytes, size_t length)
{
	struct pollfd fds[] = {
		{ .fd = STDOUT_FILENO, .events = POLLOUT },
		{ .fd = stream->signals, .events = POLLIN }
	};
	ssize_t n;

	for (; length > 0; bytes += n, length -= (size_t)n) {
		n = 0;
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents == 0)
			return -1;
		/*
		 * A pipe that poll reports as ready accepts this much without
		 * blocking.
		 */
		n = write(STDOUT_FILENO, bytes, length < 4096 ? length : 4096);
		if (n < 0 && errno == EAGAIN) {
			n = 0;
		} else if (n < 0) {
			if (errno != EPIPE) {
				fprintf(stderr, "usdt: writing: %s\n",
				    strerror(errno));
				stream->to.fatal = 1;
			}
			return -1;
		}
	}
	return 0;
}

/* --- handing over --- */

/* Room for the values of a target. */
static void
make_room(struct stream *stream, const struct target *target)
{
	if (target->leaf_count <= stream->value_space)
		return;
	stream->value_space = target->leaf_count;
	stream->values = xreallocarray(stream->values, stream->value_space,
	    sizeof *stream->values);
}

/* The event of that number of the kernel, or NULL. */
static const struct event *
event_of(const struct stream *stream, const struct sample *sample)
{
	const struct event *event = stream->to.events;
	uint16_t id;
	size_t i;

	if (sample->size < sizeof id)
		return NULL;
	memcpy(&id, sample->record, sizeof id);		/* common_type */
	for (i = 0; i < stream->to.event_count; i++, event++)
		if (event->id == id)
			return event;
	return NULL;
}

static int
take_sample(struct stream *stream, const struct sample *sample,
    struct lookups *lookups)
{
	const struct event *event = event_of(stream, sample);
	struct fire fire = {
		.time = sample->time, .pid = sample->pid, .tid = sample->tid
	};
	char comm[64];
	long index;

	if (event == NULL ||
	    (stream->to.only != 0 && sample->pid != stream->to.only))
		return 0;
	index = event_target(event, sample->record, sample->size);
	if (index < 0)
		return 0;
	fire.target = stream->to.targets[index];
	make_room(stream, fire.target);
	event_comm(event, sample->record, sample->size, comm, sizeof comm);
	event_values(event, fire.target, sample->pid, sample->record,
	    sample->size, lookups, stream->values);
	fire.comm = comm;
	fire.values = stream->values;
	return stream->consumer->take(stream->consumer->self, &fire);
}

/* Hand over the events before UNTIL.  Returns -1 when it is time to stop. */
static int
take_until(struct stream *stream, uint64_t until)
{
	const struct consumer *consumer = stream->consumer;
	struct lookups lookups = { 0 };
	struct sample *samples;
	size_t count, i;
	int result = 0;

	perf_read(stream->to.perf);
	count = perf_take(stream->to.perf, until, &samples);
	for (i = 0; i < count && result == 0; i++)
		result = take_sample(stream, &samples[i], &lookups);
	perf_done(stream->to.perf, count);
	if (consumer->flush != NULL && consumer->flush(consumer->self) < 0)
		return -1;
	return result;
}

/* --- losses --- */

static void
report_lost(struct stream *stream)
{
	const struct consumer *consumer = stream->consumer;
	uint64_t lost = perf_lost(stream->to.perf);
	struct loss loss = { .count = lost - stream->lost, .total = lost };

	if (lost > stream->lost && consumer->lost != NULL)
		consumer->lost(consumer->self, &loss);
	else if (lost > stream->lost)
		fprintf(stderr, "usdt: %" PRIu64 " events lost, they come "
		    "faster than they can be printed\n", loss.count);
	stream->lost = lost;
}

/* --- the life of a stream --- */

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
sleep_round(const struct stream *stream)
{
	size_t rings = perf_count(stream->to.perf), i;
	struct pollfd *fds = xcalloc(rings + 2, sizeof *fds);
	int stop;

	fds[0] = (struct pollfd){ .fd = stream->signals, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = stream->process, .events = POLLIN };
	for (i = 0; i < rings; i++)
		fds[i + 2] = (struct pollfd){
			.fd = perf_fd(stream->to.perf, i), .events = POLLIN
		};
	if (poll(fds, (nfds_t)rings + 2, ROUND_MS) < 0)
		fds[0].revents = fds[1].revents = 0;
	stop = fds[0].revents != 0 || fds[1].revents != 0;
	free(fds);
	return stop;
}

static void
loop(struct stream *stream)
{
	uint64_t every = stream->to.only ? SCAN_ONE : SCAN_ALL, now;
	uint64_t next = clock_now(CLOCK_MONOTONIC) + every;

	if (stream->to.wait)
		every = SCAN_ONE;
	while (!stream->to.fatal) {
		int stop = sleep_round(stream);

		now = clock_now(CLOCK_MONOTONIC);
		if (take_until(stream, stop ? UINT64_MAX : now - SLACK) < 0 ||
		    stop)
			break;
		if (now < next)
			continue;
		report_lost(stream);
		attach_scan(&stream->to);
		next = clock_now(CLOCK_MONOTONIC) + every;
	}
	report_lost(stream);
}

/* The process of "only" must exist, and its end must be noticed. */
static int
open_process(struct stream *stream)
{
	if (stream->to.only == 0)
		return 0;
	stream->process = (int)syscall(SYS_pidfd_open, stream->to.only, 0);
	if (stream->process >= 0)
		return 0;
	if (errno == ESRCH)
		fprintf(stderr, "usdt: there is no process %d\n",
		    (int)stream->to.only);
	else
		fprintf(stderr, "usdt: process %d: %s\n", (int)stream->to.only,
		    errno == EINVAL || errno == ENOENT ?
		    "that is a thread of another" : strerror(errno));
	return -1;
}

/* Is there something to wait for?  If not, print why, unless it was printed. */
static int
is_going(const struct stream *stream)
{
	const struct attachment *to = &stream->to;

	if (to->fatal)
		return 0;
	if (to->watching == 0 && to->wait)
		fputs("usdt: waiting for such a probe\n", stderr);
	else if (to->target_count == 0 && to->troubles == 0)
		attach_report_none(to);
	return to->watching > 0 || to->wait;
}

struct stream *
stream_open(const struct stream_wish *wish)
{
	struct stream *stream = xcalloc(1, sizeof *stream);

	stream->process = stream->signals = -1;
	if (tracefs_open(&stream->tracefs) < 0) {
		free(stream);
		return NULL;
	}
	stream->to.tracefs = &stream->tracefs;
	stream->to.patterns = wish->patterns;
	stream->to.pattern_count = wish->pattern_count;
	stream->to.only = wish->only;
	stream->to.wait = wish->wait;
	stream->signals = take_signals();
	if (open_process(stream) == 0 &&
	    (stream->to.perf = perf_open(0)) != NULL) {
		attach_scan(&stream->to);
		if (is_going(stream))
			return stream;
	}
	stream_close(stream);
	return NULL;
}

int
stream_run(struct stream *stream, const struct consumer *consumer)
{
	stream->consumer = consumer;
	loop(stream);
	return stream->to.fatal ? EXIT_TROUBLE : EXIT_FINE;
}

void
stream_close(struct stream *stream)
{
	if (stream == NULL)
		return;
	attach_end(&stream->to);
	if (stream->process >= 0)
		close(stream->process);
	if (stream->signals >= 0)
		close(stream->signals);
	tracefs_close(&stream->tracefs);
	free(stream->values);
	free(stream);
}
