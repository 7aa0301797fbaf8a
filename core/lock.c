/*
 * core/lock.c - which thread may change things now, and what happens after a
 * fork?
 *
 * All calls take one lock, except those that test and fire.  Fork takes it,
 * too, so that the child finds everything complete.  The function that
 * usdt__watch_fork got mends the child: in the fork handler or, if a child ran
 * no handler, at its first call.
 *
 * No thread holds the lock for long.  A thread that waits for something outside
 * this process (a DTrace helper) marks what it is changing, lends the lock, and
 * takes it back.  Calls that need what is marked wait for the mark.  Forks do
 * not: they find a consistent state, and the marks say what the child has to
 * finish (core/child.c).
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/platform.h"

#include <pthread.h>
#include <unistd.h>

/*
 * The lock, and the pid of its process, negated while a thread initialises it.
 * (If the kernel clears core/guard.c's word in children, that decides instead:
 * in another pid namespace a child may have its parent's pid.)  A child that is
 * forked while a thread registers the fork handlers may have a locked copy that
 * no thread will ever unlock, so it initialises its own.
 */
static pthread_mutex_t the_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t mark_gone = PTHREAD_COND_INITIALIZER;
static int32_t lock_owner;
static int lock_used;		/* it had an owner before */
static void (*mending)(int forked);	/* see usdt__watch_fork */

/* In a child, under the lock. */
static void
mend(int forked)
{
	void (*how)(int) = __atomic_load_n(&mending, __ATOMIC_ACQUIRE);

	if (how != NULL)
		how(forked);
	usdt__mark_gone();
}

/* Are the fork handlers registered?  0: not yet; -pid: a thread does it now. */
#define WATCHED	1
static int32_t watcher;

/*
 * A thread cancelled inside a system call would never release the lock, so
 * cancellation is disabled while it is held.
 */
static __thread int cancelling;		/* the host's setting */

/* In a child: it lacks the threads that waited. */
static void
forget_waiting(void)
{
	static const pthread_cond_t fresh = PTHREAD_COND_INITIALIZER;

	mark_gone = fresh;
}

static void
make_lock(void)
{
	static const pthread_mutex_t fresh = PTHREAD_MUTEX_INITIALIZER;

	the_lock = fresh;
	forget_waiting();
}

/* Take the lock.  Returns 1 in a child that ran no fork handler. */
static int
take_lock(void)
{
	int unseen = 0, before;
	int32_t self;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	if (usdt__guard_kept()) {
		if (usdt__guard_claim()) {
			unseen = 1;
			make_lock();
			usdt__guard_claimed();
		}
	} else if (self = (int32_t)getpid(),
	    usdt__claim(&lock_owner, -self, self, self)) {
		unseen = lock_used;
		lock_used = 1;
		make_lock();
		__atomic_store_n(&lock_owner, self, __ATOMIC_RELEASE);
	}
	pthread_mutex_lock(&the_lock);
	cancelling = before;
	return unseen;
}

static void
give_lock(void)
{
	int before = cancelling;

	pthread_mutex_unlock(&the_lock);
	pthread_setcancelstate(before, NULL);
}

/*
 * The lock is held from our first handler to our last.  The host's handlers
 * between them may make calls; in the child the first such call mends it.  (Our
 * handlers may be registered twice, if a child was forked after registering
 * them and before "watcher" said so.)
 */
static __thread int forking;
static __thread pid_t forker;
static __thread int mended;

static void
before_fork(void)
{
	if (forking++ > 0)
		return;
	if (take_lock())
		mend(0);
	forker = getpid();
	mended = 0;
}

static void
mend_while_forking(void)
{
	if (mended || (usdt__guard_kept() ? !usdt__guard_claim() :
	    getpid() == forker))
		return;
	mended = 1;
	forget_waiting();
	mend(1);
}

static void
after_fork_in_parent(void)
{
	if (--forking == 0)
		give_lock();
}

static void
after_fork_in_child(void)
{
	if (--forking > 0)
		return;
	if (!mended) {
		forget_waiting();
		mend(1);
	}
	__atomic_store_n(&watcher, WATCHED, __ATOMIC_RELEASE);
	__atomic_store_n(&lock_owner, getpid(), __ATOMIC_RELEASE);
	give_lock();
}

/*
 * Register the handlers once in a process, before the lock is first taken, so
 * that no child finds a change half done.  A child that is forked meanwhile
 * registers them itself, unless it ran the child's handler.  Returns 0 or an
 * errno.
 */
static int
watch_fork(void)
{
	int error;

	if (__atomic_load_n(&watcher, __ATOMIC_ACQUIRE) == WATCHED ||
	    !usdt__claim(&watcher, -(int32_t)getpid(), WATCHED, WATCHED))
		return 0;
	error = pthread_atfork(before_fork, after_fork_in_parent,
	    after_fork_in_child);
	__atomic_store_n(&watcher, error == 0 ? WATCHED : 0, __ATOMIC_RELEASE);
	return error;
}

int
usdt__watch_fork(void (*how)(int forked))
{
	__atomic_store_n(&mending, how, __ATOMIC_RELEASE);
	return watch_fork();
}

void
usdt__lock(void)
{
	watch_fork();		/* enabling checks whether this failed */
	if (forking > 0)
		mend_while_forking();
	else if (take_lock())
		mend(0);
}

void
usdt__unlock(void)
{
	if (forking == 0)
		give_lock();
}

/*
 * Cancellation stays disabled while the lock is lent.  A fork handler of the
 * host may lend it, too: the fork itself happens after the thread took the lock
 * back.
 */
void
usdt__lock_lend(void)
{
	pthread_mutex_unlock(&the_lock);
}

void
usdt__lock_take_back(void)
{
	pthread_mutex_lock(&the_lock);
}

void
usdt__wait_for_mark(void)
{
	pthread_cond_wait(&mark_gone, &the_lock);
}

void
usdt__mark_gone(void)
{
	pthread_cond_broadcast(&mark_gone);
}
