/* What illumos, FreeBSD and macOS have of <dtrace.h> that the helper uses, with
 * the differences between them. */
/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DTRACE_H
#define DTRACE_H
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define DTRACE_VERSION	3
#define DTRACE_O_LP64	4
#define DTRACE_C_ZDEFS	4
#define DTRACE_C_CPP	0x10
#define DTRACE_CONSUME_THIS	0
#define DTRACE_CONSUME_NEXT	1
#define DTRACE_AGGWALK_NEXT	0
#define DTRACE_AGGWALK_ERROR	(-1)
#define DTRACE_AGGWALK_REMOVE	5
#define DTRACE_HANDLE_OK	0

#define DTRACEACT_DIFEXPR	1
#define DTRACEACT_EXIT	2
#define DTRACEACT_PRINTF	3
#define DTRACEACT_PRINTA	4
#if defined(__sun) || defined(__APPLE__)
#define DTRACEACT_TRACEMEM	6
#endif
#define DTRACEACT_USTACK	0x101
#define DTRACEACT_JSTACK	0x102
#define DTRACEACT_USYM	0x103
#define DTRACEACT_UMOD	0x104
#define DTRACEACT_UADDR	0x105
#define DTRACEACT_SYSTEM	0x203
#define DTRACEACT_FREOPEN	0x204
#define DTRACEACT_STACK	0x401
#define DTRACEACT_SYM	0x402
#define DTRACEACT_MOD	0x403
#define DTRACEAGG_COUNT	0x701
#define DTRACEAGG_MIN	0x702
#define DTRACEAGG_MAX	0x703
#define DTRACEAGG_AVG	0x704
#define DTRACEAGG_SUM	0x705
#define DTRACEAGG_STDDEV	0x706
#define DTRACEAGG_QUANTIZE	0x707
#define DTRACEAGG_LQUANTIZE	0x708
#define DTRACEAGG_LLQUANTIZE	0x709

typedef struct dtrace_hdl dtrace_hdl_t;
typedef struct dtrace_prog dtrace_prog_t;
struct ps_prochandle;
typedef int64_t dtrace_optval_t;
typedef uint32_t dtrace_id_t;

typedef struct dtrace_recdesc {
	uint16_t dtrd_action;
	uint32_t dtrd_size;
	uint32_t dtrd_offset;
	uint16_t dtrd_alignment;
	uint16_t dtrd_format;
	uint64_t dtrd_arg;
	uint64_t dtrd_uarg;
} dtrace_recdesc_t;
typedef struct dtrace_eprobedesc {
	uint32_t dtepd_epid;
	dtrace_id_t dtepd_probeid;
	uint64_t dtepd_uarg;
	uint32_t dtepd_size;
	int dtepd_nrecs;
	dtrace_recdesc_t dtepd_rec[1];
} dtrace_eprobedesc_t;
typedef struct dtrace_probedesc {
	dtrace_id_t dtpd_id;
	char dtpd_provider[64];
	char dtpd_mod[64];
#if defined(__FreeBSD__)
	char dtpd_func[192];
#else
	char dtpd_func[128];
#endif
	char dtpd_name[64];
} dtrace_probedesc_t;
typedef struct dtrace_probedata {
	dtrace_hdl_t *dtpda_handle;
	dtrace_eprobedesc_t *dtpda_edesc;
	dtrace_probedesc_t *dtpda_pdesc;
	int dtpda_cpu;
	char *dtpda_data;
	int dtpda_flow;
	const char *dtpda_prefix;
	int dtpda_indent;
} dtrace_probedata_t;
typedef struct dtrace_aggdesc {
	char *dtagd_name;
	int64_t dtagd_varid;
	int dtagd_flags;
	uint32_t dtagd_id;
	uint32_t dtagd_epid;
	uint32_t dtagd_size;
	int dtagd_nrecs;
	uint32_t dtagd_pad;
	dtrace_recdesc_t dtagd_rec[1];
} dtrace_aggdesc_t;
typedef struct dtrace_aggdata {
	dtrace_hdl_t *dtada_handle;
	dtrace_aggdesc_t *dtada_desc;
	dtrace_eprobedesc_t *dtada_edesc;
	dtrace_probedesc_t *dtada_pdesc;
	char *dtada_data;
	uint64_t dtada_normal;
	size_t dtada_size;
	char *dtada_delta;
	char **dtada_percpu;
} dtrace_aggdata_t;
typedef struct dtrace_errdata {
	dtrace_hdl_t *dteda_handle;
	dtrace_eprobedesc_t *dteda_edesc;
	dtrace_probedesc_t *dteda_pdesc;
	int dteda_cpu;
	int dteda_action;
	int dteda_offset;
	int dteda_fault;
	uint64_t dteda_addr;
	const char *dteda_msg;
} dtrace_errdata_t;
typedef enum { DTRACEDROP_PRINCIPAL } dtrace_dropkind_t;
typedef struct dtrace_dropdata {
	dtrace_hdl_t *dtdda_handle;
	int dtdda_cpu;
	dtrace_dropkind_t dtdda_kind;
	uint64_t dtdda_drops;
	uint64_t dtdda_total;
	const char *dtdda_msg;
} dtrace_dropdata_t;
typedef struct dtrace_proginfo {
	uint8_t dpi_attributes[6];
	uint32_t dpi_aggregates, dpi_recgens, dpi_matches, dpi_speculations;
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

typedef int dtrace_consume_probe_f(const dtrace_probedata_t *, void *);
typedef int dtrace_consume_rec_f(const dtrace_probedata_t *,
    const dtrace_recdesc_t *, void *);
typedef int dtrace_aggregate_f(const dtrace_aggdata_t *, void *);
typedef int dtrace_handle_err_f(const dtrace_errdata_t *, void *);
typedef int dtrace_handle_drop_f(const dtrace_dropdata_t *, void *);
typedef void dtrace_handle_proc_f(struct ps_prochandle *, const char *, void *);
typedef int dtrace_probe_f(dtrace_hdl_t *, const dtrace_probedesc_t *, void *);

extern const char *const _dtrace_version;
dtrace_hdl_t *dtrace_open(int, int, int *);
int dtrace_setopt(dtrace_hdl_t *, const char *, const char *);
int dtrace_getopt(dtrace_hdl_t *, const char *, dtrace_optval_t *);
dtrace_prog_t *dtrace_program_strcompile(dtrace_hdl_t *, const char *,
    dtrace_probespec_t, unsigned, int, char *const[]);
dtrace_prog_t *dtrace_program_fcompile(dtrace_hdl_t *, FILE *, unsigned, int,
    char *const[]);
int dtrace_program_exec(dtrace_hdl_t *, dtrace_prog_t *, dtrace_proginfo_t *);
int dtrace_go(dtrace_hdl_t *);
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
struct ps_prochandle *dtrace_proc_grab(dtrace_hdl_t *, pid_t, int);
#if defined(__FreeBSD__)
typedef void proc_child_func(void *);
struct ps_prochandle *dtrace_proc_create(dtrace_hdl_t *, const char *,
    char *const *, proc_child_func *, void *);
#else
struct ps_prochandle *dtrace_proc_create(dtrace_hdl_t *, const char *,
    char *const *);
#endif
void dtrace_proc_continue(dtrace_hdl_t *, struct ps_prochandle *);
#endif
