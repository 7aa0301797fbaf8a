/*
 * dtrace_linux.h - which parts of libdtrace 2.0 for Linux does usdt-dtrace use?
 *
 * The declarations are our own: the header of libdtrace2-dev does not compile
 * by itself and lacks the numbers of aggregating actions.  Layouts are those of
 * 64-bit systems, since libdtrace.so.2 exists only for these.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef DTRACE_LINUX_H
#define DTRACE_LINUX_H

#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define LIBRARY_NAME "libdtrace.so.2"
#define LIBRARY_VERSIONS "D 2.0."	/* how _dtrace_version begins */

#define DTRACE_VERSION 3
#define DTRACE_O_LP64 0x2
#define DTRACE_C_ZDEFS 0x4
#define DTRACE_C_CPP 0x10

typedef struct dtrace_hdl dtrace_hdl_t;
typedef struct dtrace_prog dtrace_prog_t;
typedef struct dtrace_proc dtrace_proc_t;
typedef uint64_t dtrace_optval_t;
typedef pid_t dtrace_proc_argument_t;	/* what dtrace_handle_proc_f gets */

typedef struct {
	uint16_t dtrd_action;
	uint32_t dtrd_size;
	uint32_t dtrd_offset;
	uint16_t dtrd_alignment;
	void *dtrd_format;
	uint64_t dtrd_arg;
} dtrace_recdesc_t;

typedef struct {
	uint64_t dtdd_uarg;
	uint32_t dtdd_size;
	int dtdd_nrecs;
	dtrace_recdesc_t *dtdd_recs;
} dtrace_datadesc_t;

typedef struct {
	uint32_t id;
	const char *prv;
	const char *mod;
	const char *fun;
	const char *prb;
} dtrace_probedesc_t;

typedef struct {
	dtrace_hdl_t *dtpda_handle;
	uint32_t dtpda_stid;
	dtrace_datadesc_t *dtpda_ddesc;
	dtrace_probedesc_t *dtpda_pdesc;
	uint32_t dtpda_cpu;
	char *dtpda_data;		/* at the record's offset */
	int dtpda_flow;
	const char *dtpda_prefix;
	int dtpda_indent;
} dtrace_probedata_t;

typedef struct {
	const char *dtagd_name;
	uint32_t dtagd_varid;
	int dtagd_flags;
	uint64_t dtagd_sig;		/* parameters of lquantize, llquantize */
	uint64_t dtagd_normal;
	uint32_t dtagd_ksize;
	uint32_t dtagd_dsize;
	uint32_t dtagd_nkrecs;
	uint32_t dtagd_keyidx;
	dtrace_recdesc_t *dtagd_krecs;	/* the variable's id, then the keys */
	dtrace_recdesc_t *dtagd_drecs;	/* a counter, then the value */
} dtrace_aggdesc_t;

typedef struct {
	dtrace_hdl_t *dtada_hdl;
	dtrace_aggdesc_t *dtada_desc;
	char *dtada_key;
	char *dtada_data;
	char **dtada_percpu;
} dtrace_aggdata_t;

typedef struct {
	dtrace_hdl_t *dteda_handle;
	dtrace_datadesc_t *dteda_ddesc;
	dtrace_probedesc_t *dteda_pdesc;
	uint32_t dteda_cpu;
	int dteda_action;
	int dteda_offset;
	int dteda_fault;
	uint64_t dteda_addr;
	const char *dteda_msg;
} dtrace_errdata_t;

typedef struct {
	dtrace_hdl_t *dtdda_handle;
	uint32_t dtdda_cpu;
	int dtdda_kind;
	uint64_t dtdda_drops;
	uint64_t dtdda_total;
	const char *dtdda_msg;
} dtrace_dropdata_t;

typedef struct {
	uint8_t dpi_attributes[6];
	uint32_t dpi_aggregates;
	uint32_t dpi_recgens;
	uint32_t dpi_matches;
	uint32_t dpi_speculations;
} dtrace_proginfo_t;

typedef enum {
	DTRACE_PROBESPEC_NONE = -1,
	DTRACE_PROBESPEC_NAME = 3
} dtrace_probespec_t;
typedef enum {
	DTRACE_WORKSTATUS_ERROR = -1,
	DTRACE_WORKSTATUS_OKAY,
	DTRACE_WORKSTATUS_DONE
} dtrace_workstatus_t;

#define DTRACE_CONSUME_THIS 0
#define DTRACE_CONSUME_NEXT 1
#define DTRACE_AGGWALK_ERROR (-1)
#define DTRACE_AGGWALK_NEXT 0
#define DTRACE_AGGWALK_REMOVE 3
#define DTRACE_HANDLE_OK 0

#define DTRACEACT_DIFEXPR 1
#define DTRACEACT_EXIT 2
#define DTRACEACT_PRINTF 3
#define DTRACEACT_PRINTA 4
#define DTRACEACT_TRACEMEM 6
#define DTRACEACT_PRINT 8
#define DTRACEACT_USTACK 0x101
#define DTRACEACT_JSTACK 0x102
#define DTRACEACT_USYM 0x103
#define DTRACEACT_UMOD 0x104
#define DTRACEACT_UADDR 0x105
#define DTRACEACT_SYSTEM 0x203
#define DTRACEACT_FREOPEN 0x204
#define DTRACEACT_STACK 0x401
#define DTRACEACT_SYM 0x402
#define DTRACEACT_MOD 0x403

#define DTRACEAGG_AVG 0x700
#define DTRACEAGG_COUNT 0x701
#define DTRACEAGG_LLQUANTIZE 0x702
#define DTRACEAGG_LQUANTIZE 0x703
#define DTRACEAGG_MAX 0x704
#define DTRACEAGG_MIN 0x705
#define DTRACEAGG_QUANTIZE 0x706
#define DTRACEAGG_STDDEV 0x707
#define DTRACEAGG_SUM 0x708

typedef int dtrace_consume_probe_f(const dtrace_probedata_t *, void *);
typedef int dtrace_consume_rec_f(const dtrace_probedata_t *,
    const dtrace_recdesc_t *, void *);
typedef int dtrace_aggregate_f(const dtrace_aggdata_t *, void *);
typedef int dtrace_handle_err_f(const dtrace_errdata_t *, void *);
typedef int dtrace_handle_drop_f(const dtrace_dropdata_t *, void *);
typedef void dtrace_handle_proc_f(pid_t, const char *, void *);
typedef int dtrace_probe_f(dtrace_hdl_t *, const dtrace_probedesc_t *, void *);

extern const char *const _dtrace_version;
dtrace_hdl_t *dtrace_open(int, int, int *);
int dtrace_init(dtrace_hdl_t *);
int dtrace_setopt(dtrace_hdl_t *, const char *, const char *);
int dtrace_getopt(dtrace_hdl_t *, const char *, dtrace_optval_t *);
dtrace_prog_t *dtrace_program_strcompile(dtrace_hdl_t *, const char *,
    dtrace_probespec_t, unsigned, int, char *const[]);
dtrace_prog_t *dtrace_program_fcompile(dtrace_hdl_t *, FILE *, unsigned, int,
    char *const[]);
int dtrace_program_exec(dtrace_hdl_t *, dtrace_prog_t *, dtrace_proginfo_t *);
int dtrace_go(dtrace_hdl_t *, unsigned);
dtrace_workstatus_t dtrace_work(dtrace_hdl_t *, FILE *,
    dtrace_consume_probe_f *, dtrace_consume_rec_f *, void *);
int dtrace_status(dtrace_hdl_t *);
int dtrace_stop(dtrace_hdl_t *);
int dtrace_aggregate_snap(dtrace_hdl_t *);
int dtrace_aggregate_walk(dtrace_hdl_t *, dtrace_aggregate_f *, void *);
void dtrace_aggregate_clear(dtrace_hdl_t *);
int dtrace_handle_err(dtrace_hdl_t *, dtrace_handle_err_f *, void *);
int dtrace_handle_drop(dtrace_hdl_t *, dtrace_handle_drop_f *, void *);
int dtrace_handle_proc(dtrace_hdl_t *, dtrace_handle_proc_f *, void *);
int dtrace_errno(dtrace_hdl_t *);
const char *dtrace_errmsg(dtrace_hdl_t *, int);
int dtrace_addr2str(dtrace_hdl_t *, uint64_t, char *, int);
int dtrace_uaddr2str(dtrace_hdl_t *, pid_t, uint64_t, char *, int);
int dtrace_str2desc(dtrace_hdl_t *, dtrace_probespec_t, const char *,
    dtrace_probedesc_t *);
int dtrace_probe_iter(dtrace_hdl_t *, const dtrace_probedesc_t *,
    dtrace_probe_f *, void *);
size_t dtrace_printf_format(dtrace_hdl_t *, void *, char *, size_t);
dtrace_proc_t *dtrace_proc_grab_pid(dtrace_hdl_t *, pid_t, int);
dtrace_proc_t *dtrace_proc_create(dtrace_hdl_t *, const char *, char *const *,
    int);
void dtrace_proc_continue(dtrace_hdl_t *, dtrace_proc_t *);

/* The calls that only this system has. */
#define LIBRARY_OWN_CALLS(X) \
	X(dtrace_init) X(dtrace_printf_format) X(dtrace_proc_grab_pid)
#define LIBRARY_PREPARE(l, dtp) ((l)->dtrace_init(dtp))
#define LIBRARY_GO(l, dtp, flags) ((l)->dtrace_go(dtp, flags))
#define LIBRARY_GRAB(l, dtp, pid) ((l)->dtrace_proc_grab_pid(dtp, pid, 0))
#define LIBRARY_CREATE(l, dtp, argv) \
	((l)->dtrace_proc_create(dtp, (argv)[0], argv, 0))
#define LIBRARY_FORMAT(l, dtp, rec, text, size) \
	((l)->dtrace_printf_format(dtp, (rec)->dtrd_format, text, size))

#define PROBE_PROVIDER(p) ((p)->prv)
#define PROBE_MODULE(p) ((p)->mod)
#define PROBE_FUNCTION(p) ((p)->fun)
#define PROBE_NAME(p) ((p)->prb)
#define PROBE_ID(p) ((p)->id)
#define DATA_RECORDS(d) ((d)->dtpda_ddesc->dtdd_recs)
#define DATA_COUNT(d) ((d)->dtpda_ddesc->dtdd_nrecs)
#define RECORD_HAS_FORMAT(r) ((r)->dtrd_format != NULL)
#define RECORD_SIGNED(r) ((r)->dtrd_arg & 1)
#define TRACEMEM_IS_DYNAMIC(r) ((r)->dtrd_arg == 2)
#define TRACEMEM_IS_LENGTH(r) ((r)->dtrd_arg == 3 || (r)->dtrd_arg == 4)

#define AGG_KEYS(g) ((g)->dtada_key)
#define AGG_KEY(d, i) (&(d)->dtagd_krecs[i])
#define AGG_KEY_END(d) ((int)(d)->dtagd_nkrecs)
#define AGG_VALUE(d) (&(d)->dtagd_drecs[1])
#define AGG_NORMAL(g) ((g)->dtada_desc->dtagd_normal)
/* The description, not the data, has the parameters of a distribution. */
#define AGG_PARAMETERS(d, words) ((d)->dtagd_sig)
#define AGG_PARAMETER_WORDS 0
/* llquantize: steps, high, low, factor, from the top. */
#define LLQUANTIZE_FACTOR(sig) ((unsigned)((sig) & 0xffff))
#define LLQUANTIZE_LOW(sig) ((unsigned)((sig) >> 16 & 0xffff))
#define LLQUANTIZE_HIGH(sig) ((unsigned)((sig) >> 32 & 0xffff))
#define LLQUANTIZE_STEPS(sig) ((unsigned)((sig) >> 48 & 0xffff))
#define LLQUANTIZE_HAS_NEGATIVE 1

#endif
