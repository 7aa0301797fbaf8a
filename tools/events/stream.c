/*
 * stream.c - which events happen, in the order of time?
 *
 * Here is the course of a watch: attach.c finds the probes, uprobe.c and perf.c
 * bring their events through the kernel, the rooms of tools/direct from the
 * processes themselves.  Both are merged by their times.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "tools/events/parts.h"

#define SECOND	((uint64_t)1000000000)

/*
 * How often we read, in milliseconds: no reader waits long, and an idle stream
 * sleeps.  Nobody wakes us for direct events: while some come we look so often
 * that no ring gets fuller than FULL percent, then less often the more rings
 * there are.
 */
#define ROUND_MS	50
#define BUSY_MS		1
#define QUIET_MS	4
#define FULL		8
#define RINGS_A_MS	100
#define LATELY		(SECOND / 4)
/* How long we wait at the end for records that are being written, in ms. */
#define FINISH_MS	100
/* The most losses that are printed in a second. */
#define LOSSES_MAX	20
/* Records of this age have arrived in their rings, on every processor. */
#define SLACK		(SECOND / 500)
/* How often we look for new probes: in one process, and in all. */
#define SCAN_ONE	SECOND
#define SCAN_ALL	(3 * SECOND)

struct stream {
	struct attachment to;
	struct tracefs tracefs;
	int out;		/* standard output */
	size_t out_most;	/* bytes of one write */
	int refused;		/* it did not take everything */
	int signals;		/* signalfd */
	int process;		/* pidfd of "only", or -1 */
	struct command *command;	/* that we started, or NULL */
	uint64_t length;	/* of all of it, or 0 */
	const struct consumer *consumer;
	uint64_t lost;		/* by the kernel, already reported */
	uint64_t unheard;	/* announcements that it lost */
	uint64_t read_at;	/* when we looked for events */
	int stopped;		/* somebody said so since */
	uint64_t traffic;	/* when direct events came last */
	unsigned busy_ms;	/* how often we look while they come */
	unsigned losses;	/* printed in this second */
	uint64_t more_losses;	/* events that are in no line of it */
	int ended;		/* this is the end */
	struct value *values;	/* of one event */
	size_t value_space;
};

uint64_t
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

/*
 * Where output goes, and how much of it at once.  A pipe is opened again, so that
 * a full one does not keep us from noticing signals; one that can't be accepts
 * this little without blocking if poll reports it as ready.  Files do not block.
 */
static void
open_output(struct stream *stream)
{
	struct stat st;

	stream->out = STDOUT_FILENO;
	stream->out_most = 4096;
	if (fstat(STDOUT_FILENO, &st) < 0)
		return;
	if (S_ISREG(st.st_mode))
		stream->out_most = SIZE_MAX;
	if (!S_ISFIFO(st.st_mode))
		return;
	stream->out = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK |
	    O_CLOEXEC);
	if (stream->out < 0)
		stream->out = STDOUT_FILENO;
	else
		stream->out_most = SIZE_MAX;
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

/* Hand over an event, if its probe's filters let it pass. */
static int
hand_over(const struct stream *stream, const struct fire *fire)
{
	if (!target_passes(fire->target, fire))
		return 0;
	return stream->consumer->take(stream->consumer->self, fire);
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

	if (event == NULL ||
	    (stream->to.only != 0 && sample->pid != stream->to.only))
		return 0;
	fire.target = event_target(event, sample->record, sample->size);
	if (fire.target == NULL)
		return 0;
	make_room(stream, fire.target);
	event_comm(event, sample->record, sample->size, comm, sizeof comm);
	event_values(event, fire.target, sample->pid, sample->record,
	    sample->size, lookups, stream->values);
	fire.comm = comm;
	fire.values = stream->values;
	if (stream->to.stacks != NULL) {
		fire.stacks = stream->to.stacks;
		fire.stack = sample->stack;
		fire.depth = sample->depth;
	}
	return hand_over(stream, &fire);
}

static int
take_direct(void *self, struct fire *fire, const struct ring_record *record)
{
	struct stream *stream = self;
	const struct consumer *consumer = stream->consumer;
	int result;

	fire->values = NULL;
	if (consumer->take_words != NULL && !record->has_texts &&
	    target_is_open(fire->target)) {
		result = consumer->take_words(consumer->self, fire,
		    record->words, record->count < fire->target->argc ?
		    record->count : fire->target->argc);
		if (result <= 0)
			return result;
	}
	make_room(stream, fire->target);
	record_values(record, fire->target, stream->values);
	fire->values = stream->values;
	return hand_over(stream, fire);
}

/* A thread has got a ring. */
static void
hear_ring(struct stream *stream, const struct fire *who,
    const struct value *values)
{
	rings_announced(stream->to.rings, who,
	    values[0].bits == USDT__ANNOUNCE_RING, values[1].bits,
	    values[2].bits, values[1].text, values[1].space);
}

/* A thread announces a record, or that it can't have a ring. */
static void
hear_event(struct stream *stream, const struct fire *who,
    const struct target *announcer, const struct value *values)
{
	const int lost = values[0].bits == USDT__ANNOUNCE_LOST;
	struct target *target = attach_target(&stream->to, announcer,
	    values[lost ? 1 : 2].bits);

	if (target == NULL)
		return;
	if (lost)
		rings_announced_loss(stream->to.rings, who->pid, target);
	else if (values[1].text != NULL)
		rings_announced_record(stream->to.rings, who, target,
		    values[0].bits == USDT__ANNOUNCE_MORE, values[1].bits,
		    values[1].text, values[1].space);
}

/* An announcement is heard once; if it is LATE, whatever it is, else a ring. */
static void
hear(struct stream *stream, struct sample *sample, int late)
{
	const struct event *event = event_of(stream, sample);
	const struct target *announcer = event == NULL ? NULL :
	    event_target(event, sample->record, sample->size);
	struct lookups lookups = { 0 };
	struct fire who = {
		.time = sample->time, .pid = sample->pid, .tid = sample->tid
	};
	int is_ring;
	char comm[64];

	if (announcer == NULL || announcer->leaf_count < 3 || sample->heard ||
	    (stream->to.only != 0 && sample->pid != stream->to.only))
		return;
	make_room(stream, announcer);
	event_comm(event, sample->record, sample->size, comm, sizeof comm);
	who.comm = comm;
	event_values(event, announcer, sample->pid, sample->record,
	    sample->size, &lookups, stream->values);
	is_ring = stream->values[0].bits == USDT__ANNOUNCE_RING ||
	    stream->values[0].bits == USDT__ANNOUNCE_NEXT;
	if (!is_ring && !late)
		return;
	sample->heard = 1;
	if (is_ring)
		hear_ring(stream, &who, stream->values);
	else if (stream->values[0].bits == USDT__ANNOUNCE_SILENT)
		rings_announced_silence(stream->to.rings, &who);
	else if (stream->values[0].bits >= USDT__ANNOUNCE_LOST &&
	    stream->values[0].bits <= USDT__ANNOUNCE_MORE)
		hear_event(stream, &who, announcer, stream->values);
}

/*
 * A ring that is announced can't wait for its turn.  All others can: a thread's
 * record may arrive from one processor before its ring arrives from another.
 */
static void
hear_until(struct stream *stream, uint64_t until)
{
	struct sample *samples;
	size_t all, count, i;

	if (stream->to.announcements == NULL)
		return;
	all = perf_read(stream->to.announcements);
	count = perf_take(stream->to.announcements, until, &samples);
	for (i = count; i < all; i++)
		hear(stream, &samples[i], 0);
	for (i = 0; i < count; i++)
		hear(stream, &samples[i], 1);
	perf_done(stream->to.announcements, count);
}

/* A ring whose announcement was lost is in its process's maps. */
static void
look_for_unheard(struct stream *stream)
{
	uint64_t lost = stream->to.announcements == NULL ? 0 :
	    perf_lost(stream->to.announcements);

	if (lost > stream->unheard)
		rings_search_again(stream->to.rings);
	stream->unheard = lost;
}

static size_t
add_fds(struct pollfd *fds, size_t count, const struct perf *perf)
{
	size_t i;

	for (i = 0; perf != NULL && i < perf_count(perf); i++)
		fds[count++] = (struct pollfd){
			.fd = perf_fd(perf, i), .events = POLLIN
		};
	return count;
}

/* --- output --- */

/* Returns 0 if a signal came first.  Meanwhile threads that announce a ring can't
 * wait: they may end. */
static int
wait_for_output(struct stream *stream)
{
	struct pollfd *fds;
	size_t count = 2;
	int writable = 0, signal = 0;

	fds = xcalloc(count + (stream->to.announcements == NULL ? 0 :
	    perf_count(stream->to.announcements)), sizeof *fds);
	fds[0] = (struct pollfd){ .fd = stream->out, .events = POLLOUT };
	fds[1] = (struct pollfd){ .fd = stream->signals, .events = POLLIN };
	count = add_fds(fds, count, stream->to.announcements);
	while (!writable && !signal) {
		if (poll(fds, (nfds_t)count, -1) < 0)
			continue;
		writable = fds[0].revents != 0;
		signal = fds[1].revents != 0;
		if (!writable)
			hear_until(stream, clock_now(CLOCK_MONOTONIC) - SLACK);
	}
	free(fds);
	return writable;
}

int
stream_put(struct stream *stream, const char *bytes, size_t length,
    size_t *left)
{
	ssize_t n;

	*left = length;
	for (; length > 0; bytes += n, *left = length -= (size_t)n) {
		if (!wait_for_output(stream))
			break;
		n = write(stream->out, bytes, length < stream->out_most ?
		    length : stream->out_most);
		if (n < 0 && errno == EPIPE) {
			*left = 0;
			return -1;
		}
		if (n < 0 && errno != EAGAIN) {
			fprintf(stderr, "usdt: writing: %s\n",
			    strerror(errno));
			stream->to.fatal = 1;
			break;
		}
		n = n < 0 ? 0 : n;
	}
	stream->refused |= length > 0;
	return length > 0 ? -1 : 0;
}

/* Read what is new on both ways. */
static void
read_all(struct stream *stream)
{
	uint64_t now = clock_now(CLOCK_MONOTONIC);

	stream->read_at = now;
	hear_until(stream, now - SLACK);
	perf_read(stream->to.perf);
	if (stream->to.rings != NULL && rings_read(stream->to.rings, now))
		stream->traffic = now;
}

/* Hand over the events before UNTIL.  Returns -1 when it is time to stop. */
static int
take_until(struct stream *stream, uint64_t until)
{
	const struct consumer *consumer = stream->consumer;
	struct lookups lookups = { 0 };
	struct sample *samples;
	size_t count, i = 0;
	int result = 0;

	read_all(stream);
	count = perf_take(stream->to.perf, until, &samples);
	for (;; i++) {
		if (stream->to.rings != NULL)
			result = rings_hand_over(stream->to.rings, i < count ?
			    samples[i].time : until, take_direct, stream);
		if (i == count || result != 0)
			break;
		result = take_sample(stream, &samples[i], &lookups);
		if (result != 0)
			break;
	}
	perf_done(stream->to.perf, count);
	if (consumer->flush != NULL && consumer->flush(consumer->self) < 0)
		return -1;
	return result;
}

/* --- losses --- */

static void
print_loss(void *self, const struct loss *loss)
{
	struct stream *stream = self;

	if (!stream->ended && stream->losses++ >= LOSSES_MAX) {
		stream->more_losses += loss->count;
		return;
	}
	if (loss->target == NULL) {
		fprintf(stderr, "usdt: %" PRIu64 " events lost, they come "
		    "faster than they can be printed\n", loss->count);
		return;
	}
	fprintf(stderr, "usdt: process %d (", (int)loss->pid);
	quote_line(stderr, loss->comm);
	fprintf(stderr, "): %" PRIu64 " event%s of %.*s lost%s\n",
	    stream->ended ? loss->total : loss->count,
	    (stream->ended ? loss->total : loss->count) == 1 ? "" : "s",
	    (int)loss->target->label.length, loss->target->label.bytes,
	    stream->ended ? " in all" : "");
}

static void
report_lost(struct stream *stream)
{
	const struct consumer *consumer = stream->consumer;
	void (*tell)(void *, const struct loss *) = consumer->lost;
	void *self = tell != NULL ? consumer->self : stream;
	uint64_t lost = perf_lost(stream->to.perf);
	struct loss loss = { .count = lost - stream->lost, .total = lost };

	if (tell == NULL)
		tell = print_loss;
	stream->losses = 0;
	stream->more_losses = 0;
	if (lost > stream->lost)
		tell(self, &loss);
	stream->lost = lost;
	if (stream->to.rings != NULL)
		rings_tell(stream->to.rings, stream->ended, tell, self);
	if (stream->more_losses > 0)
		fprintf(stderr, "usdt: and %" PRIu64 " events of others "
		    "lost\n", stream->more_losses);
}

/*
 * The end: detach, so that no more direct events come, then read all that was
 * written.  So what was counted and not read was lost.
 */
static void
finish(struct stream *stream)
{
	struct attachment *to = &stream->to;
	uint64_t until;
	int i;

	if (to->gates != NULL)
		perf_close(to->gates);
	to->gates = NULL;
	until = clock_now(CLOCK_MONOTONIC);
	hear_until(stream, UINT64_MAX);
	if (to->rings != NULL) {
		look_for_unheard(stream);
		rings_count_all(to->rings);
	}
	for (i = 0; i <= FINISH_MS; i++) {
		if (take_until(stream, i == 0 ? UINT64_MAX : until) < 0 ||
		    to->rings == NULL || rings_are_counted(to->rings))
			break;
		poll(NULL, 0, 1);
	}
	if (to->rings != NULL)
		rings_settle(to->rings);
}

/* The output takes no more: what was not read is lost. */
static void
give_up(struct stream *stream)
{
	struct attachment *to = &stream->to;

	if (to->gates != NULL)
		perf_close(to->gates);
	to->gates = NULL;
	if (to->rings == NULL)
		return;
	hear_until(stream, UINT64_MAX);
	look_for_unheard(stream);
	rings_count_all(to->rings);
	rings_settle(to->rings);
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

/* Rings that get full need us at once, others less and less. */
static unsigned
busy_ms(struct stream *stream)
{
	unsigned full = rings_fullest(stream->to.rings);

	if (full > FULL)
		stream->busy_ms = BUSY_MS;
	else if (full < FULL / 2 && stream->busy_ms < QUIET_MS)
		stream->busy_ms++;
	return stream->busy_ms;
}

static int
wait_ms(struct stream *stream)
{
	size_t rings = stream->to.rings != NULL ?
	    rings_count(stream->to.rings) : 0;
	size_t quiet = QUIET_MS + rings / RINGS_A_MS;

	if (rings == 0)
		return ROUND_MS;
	if (clock_now(CLOCK_MONOTONIC) - stream->traffic < LATELY)
		return (int)busy_ms(stream);
	stream->busy_ms = BUSY_MS;
	return quiet < ROUND_MS ? (int)quiet : ROUND_MS;
}

/* --- the command --- */

/* Attach to what has been mapped.  Returns 1 to wait no longer: each pattern has a
 * probe, or nothing can be attached. */
static int
look(void *self)
{
	struct stream *stream = self;

	attach_scan(&stream->to);
	return attach_is_complete(&stream->to) || stream->to.fatal;
}

/* A signal has come; it may be the command's.  Returns 1 to stop. */
static int
take_signal(const struct stream *stream)
{
	struct signalfd_siginfo info;

	if (stream->command == NULL)
		return 1;
	if (read(stream->signals, &info, sizeof info) != sizeof info)
		return 0;
	/* Our own alarm, of the duration, comes from the kernel. */
	if (info.ssi_signo == SIGALRM && info.ssi_code == SI_KERNEL)
		return 1;
	return command_signal(stream->command, (int)info.ssi_signo,
	    info.ssi_code <= 0);
}

/* Attend to the command: stops of its threads, its end, what it has mapped. */
static int
attend_command(struct stream *stream)
{
	if (stream->command == NULL)
		return 0;
	if (command_attend(stream->command, look, stream))
		return 1;
	if (family_read(stream->to.family))
		look(stream);
	return 0;
}

/* What to exit with. */
static int
result_of(const struct stream *stream)
{
	int result = EXIT_FINE;

	if (stream->command != NULL)
		result = command_end(stream->command);
	if (stream->to.fatal)
		return EXIT_TROUBLE;
	if (stream->command == NULL || stream->to.target_count > 0 ||
	    command_failed(stream->command))
		return result;
	attach_report_none(&stream->to);
	return result != EXIT_FINE ? result : EXIT_TROUBLE;
}

/* Sleep until there is something to do.  Returns 1 to stop. */
static int
sleep_round(struct stream *stream)
{
	size_t count = 3;
	struct pollfd *fds = xcalloc(count + 3 * perf_count(stream->to.perf),
	    sizeof *fds);
	int stop;

	fds[0] = (struct pollfd){ .fd = stream->signals, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = stream->process, .events = POLLIN };
	fds[2] = (struct pollfd){ .fd = -1, .events = POLLIN };
	if (stream->command != NULL) {
		fds[2].fd = command_fd(stream->command);
		count = add_fds(fds, count, family_perf(stream->to.family));
	}
	count = add_fds(fds, count, stream->to.perf);
	count = add_fds(fds, count, stream->to.announcements);
	if (poll(fds, (nfds_t)count, wait_ms(stream)) < 0)
		fds[0].revents = fds[1].revents = 0;
	stop = (fds[0].revents != 0 && take_signal(stream)) ||
	    fds[1].revents != 0;
	free(fds);
	return attend_command(stream) || stop;
}

/* Rings can't wait until all processes were looked at. */
static void
between(void *self)
{
	struct stream *stream = self;
	const uint64_t now = clock_now(CLOCK_MONOTONIC);

	if (stream->stopped || stream->to.rings == NULL ||
	    now - stream->read_at < SECOND / 1000 * QUIET_MS)
		return;
	stream->stopped = take_until(stream, now - SLACK) < 0;
}

/* What is done once a second, and less often. */
static void
attend(struct stream *stream, uint64_t now, uint64_t *scan)
{
	uint64_t every = stream->to.only || stream->to.wait ? SCAN_ONE :
	    SCAN_ALL;

	if (stream->to.rings != NULL) {
		look_for_unheard(stream);
		rings_attend(stream->to.rings, now);
	}
	if (stream->to.rings != NULL || now >= *scan)
		report_lost(stream);
	if (now < *scan && (stream->to.heard == NULL ||
	    !heard_missed(stream->to.heard)))
		return;
	attach_scan(&stream->to);
	*scan = clock_now(CLOCK_MONOTONIC) + every;
}

static void
loop(struct stream *stream)
{
	uint64_t now = clock_now(CLOCK_MONOTONIC), next = now + SECOND;
	uint64_t scan = now + (stream->to.only || stream->to.wait ? SCAN_ONE :
	    SCAN_ALL);
	int stop = 0;

	stream->busy_ms = BUSY_MS;
	stream->to.between = between;
	stream->to.self = stream;
	while (!stream->to.fatal && !stream->stopped) {
		stop = sleep_round(stream);
		if (stop)
			break;
		now = clock_now(CLOCK_MONOTONIC);
		if (take_until(stream, now - SLACK) < 0)
			break;
		if (stream->to.heard != NULL && heard_read(stream->to.heard,
		    now))
			attach_heard(&stream->to);
		if (now < next)
			continue;
		attend(stream, now, &scan);
		next = clock_now(CLOCK_MONOTONIC) + SECOND;
	}
	if (stop)
		finish(stream);
	else if (stream->refused)
		give_up(stream);
	stream->ended = 1;
	if (stream->to.announcements != NULL &&
	    perf_lost(stream->to.announcements) > 0)
		fprintf(stderr, "usdt: %" PRIu64 " messages of threads lost: "
		    "events of those that ended soon may be missing\n",
		    perf_lost(stream->to.announcements));
	report_lost(stream);
	if (stream->to.rings != NULL && rings_unread(stream->to.rings) > 0)
		fprintf(stderr, "usdt: %" PRIu64 " thread%s ended before all "
		    "events could be read\n", rings_unread(stream->to.rings),
		    rings_unread(stream->to.rings) == 1 ? "" : "s");
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

/* The command must be started before signals are ours alone. */
static int
open_command(struct stream *stream, const char *text)
{
	if (text == NULL)
		return 0;
	stream->command = command_start(text);
	if (stream->command == NULL)
		return -1;
	stream->to.family = command_family(stream->command);
	stream->to.wait = 1;
	return 0;
}

/* Is there something to wait for?  If not, print why, unless it was printed. */
static int
is_going(const struct stream *stream)
{
	const struct attachment *to = &stream->to;

	if (to->fatal)
		return 0;
	if (to->family != NULL)
		return 1;
	if (to->watching == 0 && to->wait)
		fputs("usdt: waiting for such a probe\n", stderr);
	else if (!to->wait && to->troubles == 0 && !attach_is_complete(to))
		attach_report_none(to);
	return to->watching > 0 || to->wait;
}

/*
 * A probe gets its filters when it is found.  Only a path that leads to its file
 * later can bring another one.
 */
static int
are_filters_final(const struct stream_wish *wish)
{
	size_t i;

	for (i = 0; i < wish->pattern_count; i++)
		if (wish->patterns[i].path != NULL && wish->pattern_count > 1)
			return 0;
	return 1;
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
	stream->to.filters = wish->filters;
	stream->to.pattern_count = wish->pattern_count;
	stream->to.only = wish->only;
	stream->to.wait = wish->wait;
	stream->to.kernel_filters = are_filters_final(wish);
	stream->to.uprobes = wish->uprobes;
	stream->to.as = &wish->as;
	stream->to.stacks = wish->stacks ? stacks_open() : NULL;
	stream->length = wish->length;
	if (open_command(stream, wish->command) < 0) {
		stream_close(stream);
		return NULL;
	}
	if (stream->length > 0)
		signal(SIGALRM, SIG_DFL);	/* it might be ignored */
	open_output(stream);
	stream->signals = take_signals();
	if (open_process(stream) == 0 && (stream->to.perf = perf_open(0,
	    stream->command != NULL)) != NULL) {
		if (wish->stacks)
			perf_want_stacks(stream->to.perf);
		if (stream->command == NULL && attach_wants_mapped(&stream->to))
			stream->to.heard = heard_open(stream->to.only);
		attach_scan(&stream->to);
		if (is_going(stream))
			return stream;
	}
	stream_close(stream);
	return NULL;
}

/*
 * The alarm ends the stream as any signal does: what was fired until then is
 * still read.
 */
static void
set_alarm(uint64_t length)
{
	const struct itimerval alarm = {
		.it_value.tv_sec = (time_t)(length / SECOND),
		.it_value.tv_usec = (suseconds_t)(length % SECOND / 1000)
	};

	setitimer(ITIMER_REAL, &alarm, NULL);
}

int
stream_run(struct stream *stream, const struct consumer *consumer)
{
	stream->consumer = consumer;
	if (stream->length > 0)
		set_alarm(stream->length);
	if (stream->command != NULL)
		command_begin(stream->command,
		    !attach_is_complete(&stream->to));
	loop(stream);
	return result_of(stream);
}

void
stream_close(struct stream *stream)
{
	if (stream == NULL)
		return;
	attach_end(&stream->to);
	stacks_close(stream->to.stacks);
	command_free(stream->command);
	if (stream->process >= 0)
		close(stream->process);
	if (stream->signals >= 0)
		close(stream->signals);
	if (stream->out > STDERR_FILENO)
		close(stream->out);
	tracefs_close(&stream->tracefs);
	free(stream->values);
	free(stream);
}
