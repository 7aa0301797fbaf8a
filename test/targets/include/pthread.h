/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PTHREAD_H
#define PTHREAD_H
#include <sys/types.h>
#if defined(__sun)
typedef struct {
	unsigned long long words[3];
} pthread_mutex_t;
#define PTHREAD_MUTEX_INITIALIZER	{ { 0, 0, 0 } }
typedef struct {
	unsigned long long words[2];
} pthread_cond_t;
#define PTHREAD_COND_INITIALIZER	{ { 0, 0 } }
#elif defined(__APPLE__)
typedef struct {
	long sig;
	char opaque[56];
} pthread_mutex_t;
#define PTHREAD_MUTEX_INITIALIZER	{ 0x32AAABA7, { 0 } }
typedef struct {
	long sig;
	char opaque[40];
} pthread_cond_t;
#define PTHREAD_COND_INITIALIZER	{ 0x3CB0B1BB, { 0 } }
#else
typedef struct pthread_mutex *pthread_mutex_t;
#define PTHREAD_MUTEX_INITIALIZER	((pthread_mutex_t)0)
typedef struct pthread_cond *pthread_cond_t;
#define PTHREAD_COND_INITIALIZER	((pthread_cond_t)0)
#endif
int pthread_mutex_lock(pthread_mutex_t *mutex);
int pthread_mutex_unlock(pthread_mutex_t *mutex);
int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int pthread_cond_broadcast(pthread_cond_t *cond);
#define PTHREAD_CANCEL_DISABLE	1
int pthread_setcancelstate(int state, int *before);
int pthread_atfork(void (*before)(void), void (*parent)(void),
    void (*child)(void));
#endif
