/*
 * core/dof_format.h - what is DOF?
 *
 * The part of DTrace's object format that providers need.  These are the
 * library's own definitions, equal on every system, so that documents for any
 * system can be built on any host.  All integers have the target's byte order.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef USDT_DOF_FORMAT_H
#define USDT_DOF_FORMAT_H

#include <stddef.h>
#include <stdint.h>

/* Indexes in dofh_ident. */
#define DOF_ID_MODEL		4	/* 1: ILP32, 2: LP64 */
#define DOF_ID_ENCODING		5	/* 1: little-endian, 2: big-endian */
#define DOF_ID_VERSION		6
#define DOF_ID_DIFVERS		7
#define DOF_ID_DIFIREG		8
#define DOF_ID_DIFTREG		9

struct dof_hdr {
	uint8_t dofh_ident[16];
	uint32_t dofh_flags;
	uint32_t dofh_hdrsize;
	uint32_t dofh_secsize;
	uint32_t dofh_secnum;
	uint64_t dofh_secoff;
	uint64_t dofh_loadsz;
	uint64_t dofh_filesz;
	uint64_t dofh_pad;
};

#define DOF_SECT_STRTAB		8
#define DOF_SECT_RELTAB		10
#define DOF_SECT_URELHDR	12
#define DOF_SECT_PROVIDER	15
#define DOF_SECT_PROBES		16
#define DOF_SECT_PRARGS		17
#define DOF_SECT_PROFFS		18
#define DOF_SECT_PRENOFFS	26
#define DOF_SECF_LOAD		1

struct dof_sec {
	uint32_t dofs_type;
	uint32_t dofs_align;
	uint32_t dofs_flags;
	uint32_t dofs_entsize;
	uint64_t dofs_offset;
	uint64_t dofs_size;
};

struct dof_provider {
	uint32_t dofpv_strtab;
	uint32_t dofpv_probes;
	uint32_t dofpv_prargs;
	uint32_t dofpv_proffs;
	uint32_t dofpv_name;
	uint32_t dofpv_provattr;
	uint32_t dofpv_modattr;
	uint32_t dofpv_funcattr;
	uint32_t dofpv_nameattr;
	uint32_t dofpv_argsattr;
	uint32_t dofpv_prenoffs;
};

struct dof_probe {
	uint64_t dofpr_addr;
	uint32_t dofpr_func;
	uint32_t dofpr_name;
	uint32_t dofpr_nargv;
	uint32_t dofpr_xargv;
	uint32_t dofpr_argidx;
	uint32_t dofpr_offidx;
	uint8_t dofpr_nargc;
	uint8_t dofpr_xargc;
	uint16_t dofpr_noffs;
	uint32_t dofpr_enoffidx;
	uint16_t dofpr_nenoffs;
	uint16_t dofpr_pad1;
	uint32_t dofpr_pad2;
};

struct dof_relohdr {
	uint32_t dofr_strtab;
	uint32_t dofr_relsec;
	uint32_t dofr_tgtsec;
};

#define DOF_RELO_SETX		1

struct dof_relodesc {
	uint32_t dofr_name;
	uint32_t dofr_type;
	uint64_t dofr_offset;
	uint64_t dofr_data;
};

/* Attributes: stability of the name and of the data, and dependency class. */
#define DOF_ATTR(name, data, class) \
	((uint32_t)(name) << 24 | (uint32_t)(data) << 16 | \
	    (uint32_t)(class) << 8)
#define DOF_PRIVATE		1
#define DOF_EVOLVING		5
#define DOF_CLASS_UNKNOWN	0
#define DOF_CLASS_COMMON	5

/* The arguments of the ioctls. */
struct dof_helper {
	char dofhp_mod[64];
	uint64_t dofhp_addr;
	uint64_t dofhp_dof;
};

struct dof_helper_pid {
	struct dof_helper helper;
	int32_t dofhp_pid;
	int32_t dofhp_gen;
};

struct dof_ioctl_data {
	uint64_t dofiod_count;
	struct dof_helper dofiod_helpers[1];
};

/* Check the sizes and offsets that kernels expect. */
#define DOF_ASSERT_SIZE(type, size) \
	_Static_assert(sizeof(struct type) == (size), #type " is " #size)
#define DOF_ASSERT_AT(type, member, at) \
	_Static_assert(offsetof(struct type, member) == (at), #member)

DOF_ASSERT_SIZE(dof_hdr, 64);
DOF_ASSERT_SIZE(dof_sec, 32);
DOF_ASSERT_SIZE(dof_provider, 44);
DOF_ASSERT_SIZE(dof_relohdr, 12);
DOF_ASSERT_SIZE(dof_relodesc, 24);
DOF_ASSERT_SIZE(dof_helper, 80);
DOF_ASSERT_SIZE(dof_helper_pid, 88);
DOF_ASSERT_SIZE(dof_ioctl_data, 88);
DOF_ASSERT_AT(dof_hdr, dofh_secoff, 32);
DOF_ASSERT_AT(dof_hdr, dofh_loadsz, 40);
DOF_ASSERT_AT(dof_sec, dofs_offset, 16);
DOF_ASSERT_AT(dof_provider, dofpv_prenoffs, 40);
DOF_ASSERT_AT(dof_probe, dofpr_nargc, 32);
DOF_ASSERT_AT(dof_probe, dofpr_enoffidx, 36);
DOF_ASSERT_AT(dof_probe, dofpr_nenoffs, 40);
DOF_ASSERT_AT(dof_probe, dofpr_pad2, 44);
DOF_ASSERT_AT(dof_helper, dofhp_dof, 72);

#endif /* USDT_DOF_FORMAT_H */
