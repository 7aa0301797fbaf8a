#ifndef PTHREAD_H
#define PTHREAD_H
#include <sys/types.h>
#if defined(__sun)
typedef struct {
	unsigned long long words[3];
} pthread_mutex_t;
#define PTHREAD_MUTEX_INITIALIZER	{ { 0, 0, 0 } }
#elif defined(__APPLE__)
typedef struct {
	long sig;
	char opaque[56];
} pthread_mutex_t;
#define PTHREAD_MUTEX_INITIALIZER	{ 0x32AAABA7, { 0 } }
#else
typedef struct pthread_mutex *pthread_mutex_t;
#define PTHREAD_MUTEX_INITIALIZER	((pthread_mutex_t)0)
#endif
int pthread_mutex_lock(pthread_mutex_t *mutex);
int pthread_mutex_unlock(pthread_mutex_t *mutex);
#define PTHREAD_CANCEL_DISABLE	1
int pthread_setcancelstate(int state, int *before);
int pthread_atfork(void (*before)(void), void (*parent)(void),
    void (*child)(void));
#endif
