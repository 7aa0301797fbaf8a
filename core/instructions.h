/*
 * core/instructions.h - for which instructions has C no words?
 *
 * What one thread shares with its own signal handlers needs no lock and no
 * barrier: one instruction that reads and writes memory is enough.  C's atomic
 * operations are for other threads, and cost more.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef USDT_INSTRUCTIONS_H
#define USDT_INSTRUCTIONS_H

#include <errno.h>
#include <stdint.h>
#include <string.h>

/*
 * Add to a word that signal handlers of this thread change, too.  Returns what
 * it was.  Other threads that see a later store see this one.
 */
static inline uint32_t
usdt__advance(uint32_t *word, uint32_t by)
{
#if defined(__x86_64__) || defined(__i386__)
	__asm__ __volatile__("xaddl %0, %1" : "+r" (by), "+m" (*word) : :
	    "memory", "cc");
	return by;
#elif defined(__aarch64__)
	uint32_t was, sum, failed;

	/* A handler in between makes the store fail.  Atomic operations would
	 * call a function that asks which instructions the processor has. */
	__asm__ __volatile__(
	    "1:	ldxr	%w0, %3\n"
	    "	add	%w1, %w0, %w4\n"
	    "	stxr	%w2, %w1, %3\n"
	    "	cbnz	%w2, 1b\n"
	    "	dmb	ishst"
	    : "=&r" (was), "=&r" (sum), "=&r" (failed), "+Q" (*word)
	    : "r" (by) : "memory");
	return was;
#else
	by = __atomic_fetch_add(word, by, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	return by;
#endif
}

/* Count one more in such a word of an array, AT bytes behind BASE. */
static inline void
usdt__count(uint8_t *base, size_t at, size_t index)
{
	/* Without optimization AT is no constant to the compiler. */
#if (defined(__x86_64__) || defined(__i386__)) && defined(__OPTIMIZE__)
	__asm__ __volatile__("incl %c1(%0, %2, 4)" : : "r" (base), "i" (at),
	    "r" (index) : "memory", "cc");
#elif defined(__aarch64__)
	uint32_t sum, failed;

	__asm__ __volatile__(
	    "1:	ldxr	%w0, %2\n"
	    "	add	%w0, %w0, #1\n"
	    "	stxr	%w1, %w0, %2\n"
	    "	cbnz	%w1, 1b"
	    : "=&r" (sum), "=&r" (failed),
	    "+Q" (((uint32_t *)(void *)(base + at))[index]) : : "memory");
#else
	__atomic_fetch_add((uint32_t *)(void *)(base + at) + index, 1,
	    __ATOMIC_RELAXED);
#endif
}

/* The compiler must have this value in a register, and know nothing of it.  Else
 * it has ideas that cost instructions. */
#define USDT__OPAQUE(value)	__asm__("" : "+r" (value))

/* A number that no other thread of this process has now.  Unlike a variable of the
 * thread's own, it needs no memory that a signal handler may not allocate. */
static inline uintptr_t
usdt__thread(void)
{
	uintptr_t thread;

#if defined(__x86_64__)
	__asm__ __volatile__("mov %%fs:0, %0" : "=r" (thread));
#elif defined(__i386__)
	__asm__ __volatile__("mov %%gs:0, %0" : "=r" (thread));
#elif defined(__aarch64__)
	__asm__ __volatile__("mrs %0, tpidr_el0" : "=r" (thread));
#else
	thread = (uintptr_t)&errno;
#endif
	return thread;
}

/* Does the counter tell the time on all processors alike, if the kernel goes by
 * this clock source? */
static inline int
usdt__counter_is_steady(const char *source)
{
#if defined(__x86_64__) || defined(__i386__)
	uint32_t a = 0x80000007, b, c = 0, d;

	if (strcmp(source, "tsc") == 0)
		return 1;
	if (strcmp(source, "kvm-clock") != 0)
		return 0;
	/* It goes by the counter, and the bit of an invariant one is set. */
	__asm__("cpuid" : "+a" (a), "=b" (b), "+c" (c), "=d" (d));
	return d >> 8 & 1;
#elif defined(__aarch64__)
	(void)source;
	return 1;
#else
	(void)source;
	return 0;
#endif
}

/*
 * The processor's time stamp counter as the processor gives it, to be stored
 * without arithmetic; 0 if none is known.
 */
struct usdt__ticks {
#if defined(__x86_64__) || defined(__i386__)
	uint32_t low, high;
#else
	uint64_t all;
#endif
};

static inline struct usdt__ticks
usdt__ticks(void)
{
	struct usdt__ticks now;

#if defined(__x86_64__) || defined(__i386__)
	__asm__ __volatile__("rdtsc" : "=a" (now.low), "=d" (now.high));
#elif defined(__aarch64__)
	__asm__ __volatile__("mrs %0, cntvct_el0" : "=r" (now.all));
#else
	now.all = 0;
#endif
	return now;
}

static inline void
usdt__ticks_store(const struct usdt__ticks *now, uint64_t *to)
{
#if defined(__x86_64__) || defined(__i386__)
	memcpy(to, &now->low, sizeof now->low);
	memcpy((char *)to + 4, &now->high, sizeof now->high);
#else
	*to = now->all;
#endif
}

static inline uint64_t
usdt__counter(void)
{
	const struct usdt__ticks now = usdt__ticks();
	uint64_t all;

	usdt__ticks_store(&now, &all);
	return all;
}

/*
 * A bit for each byte of a block that is 0.  A block lies in one page, so it can be
 * read if any byte of it can.  Sanitizers do not see that it is read.
 */
#if defined(__SSE2__)
#define USDT__BLOCK	16
typedef char usdt__block __attribute__((vector_size(USDT__BLOCK), may_alias));

static inline uint32_t
usdt__zeros(const char *block)
{
	usdt__block bytes = { 0 };
	uint32_t zeros;

	__asm__("pcmpeqb %2, %0\n\tpmovmskb %0, %1" : "+x" (bytes),
	    "=r" (zeros) : "m" (*(const usdt__block *)(const void *)block));
	return zeros;
}
#endif

#endif /* USDT_INSTRUCTIONS_H */
