/*
 * dtrace_other.h - how do the libdtraces of illumos, FreeBSD and macOS differ
 * from that of Linux?
 *
 * The system's <dtrace.h> has the types and numbers.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef DTRACE_OTHER_H
#define DTRACE_OTHER_H

#include <sys/types.h>
#include <dtrace.h>

#if defined(__APPLE__)
#define LIBRARY_NAME "/usr/lib/libdtrace.dylib"
#elif defined(__FreeBSD__)
#define LIBRARY_NAME "libdtrace.so.2"
#else
#define LIBRARY_NAME "libdtrace.so.1"
#endif
#define LIBRARY_VERSIONS ""

#define LIBRARY_OWN_CALLS(X) X(dtrace_proc_grab)
#define LIBRARY_PREPARE(l, dtp) ((void)(l), (void)(dtp), 0)
#define LIBRARY_GO(l, dtp, flags) ((void)(flags), (l)->dtrace_go(dtp))
#define LIBRARY_GRAB(l, dtp, pid) ((l)->dtrace_proc_grab(dtp, pid, 0))
#if defined(__FreeBSD__)
#define LIBRARY_CREATE(l, dtp, argv) \
	((l)->dtrace_proc_create(dtp, (argv)[0], argv, NULL, NULL))
#else
#define LIBRARY_CREATE(l, dtp, argv) \
	((l)->dtrace_proc_create(dtp, (argv)[0], argv))
#endif
#define LIBRARY_FORMAT(l, dtp, rec, text, size) \
	((void)(l), (void)(dtp), (void)(rec), (void)(text), (void)(size), 0)

typedef struct ps_prochandle dtrace_proc_t;
typedef struct ps_prochandle *dtrace_proc_argument_t;

#define PROBE_PROVIDER(p) ((p)->dtpd_provider)
#define PROBE_MODULE(p) ((p)->dtpd_mod)
#define PROBE_FUNCTION(p) ((p)->dtpd_func)
#define PROBE_NAME(p) ((p)->dtpd_name)
#define PROBE_ID(p) ((p)->dtpd_id)
#define DATA_RECORDS(d) ((d)->dtpda_edesc->dtepd_rec)
#define DATA_COUNT(d) ((d)->dtpda_edesc->dtepd_nrecs)
/* The library does not show its formats, so the types are unknown. */
#define RECORD_HAS_FORMAT(r) 0
#define RECORD_SIGNED(r) 1
#define TRACEMEM_IS_DYNAMIC(r) 0
#define TRACEMEM_IS_LENGTH(r) 0

#define AGG_KEYS(g) ((g)->dtada_data)
#define AGG_KEY(d, i) (&(d)->dtagd_rec[i])
#define AGG_KEY_END(d) ((d)->dtagd_nrecs - 1)
#define AGG_VALUE(d) (&(d)->dtagd_rec[(d)->dtagd_nrecs - 1])
#define AGG_NORMAL(g) ((g)->dtada_normal)
#define AGG_PARAMETERS(d, words) ((uint64_t)*(words))
#define AGG_PARAMETER_WORDS 1
#define LLQUANTIZE_FACTOR(sig) ((unsigned)((sig) >> 48 & 0xffff))
#define LLQUANTIZE_LOW(sig) ((unsigned)((sig) >> 32 & 0xffff))
#define LLQUANTIZE_HIGH(sig) ((unsigned)((sig) >> 16 & 0xffff))
#define LLQUANTIZE_STEPS(sig) ((unsigned)((sig) & 0xffff))
#define LLQUANTIZE_HAS_NEGATIVE 0

#ifndef DTRACEACT_TRACEMEM
#define DTRACEACT_TRACEMEM 6
#endif
#ifndef DTRACEACT_PRINT
#define DTRACEACT_PRINT 0xffff		/* no such action here */
#endif

#endif
