/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef CONSUMER_ERRNO_H
#define CONSUMER_ERRNO_H
#include_next <errno.h>
#define ESRCH	3
#define EBUSY	16
#if defined(__sun)
#define EAGAIN	11
#else
#define EAGAIN	35
#endif
#define EWOULDBLOCK	EAGAIN
#endif
