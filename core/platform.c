/*
 * core/platform.c - how do systems and processors differ?
 *
 * Each has one row of data, compiled on every host, so that documents for any
 * system can be built and tested anywhere.  If behaviour differs, the row has
 * an enum, and one room has the switch on it.  This is the only C file that
 * asks the compiler which system it compiles for.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/platform.h"

#include <errno.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MIB	((size_t)1 << 20)

const struct usdt__platform usdt__platforms[] = {
	{
		/* Oracle's dtrace 2.x: dtprobed behind a CUSE device. */
		.name = "linux",
		.helper = "/dev/dtrace/helper",
		.add_request = 0x4050d803,	/* _IOW(0xd8, 3, helper) */
		.remove_request = 0x4004d802,	/* _IOW(0xd8, 2, int) */
		.add_shape = USDT__ADD_HELPER,
		.generation = USDT__GENERATION_RETURNED,
		.dof_version = 3,	/* is-enabled sites need it */
		.relocate = 1,		/* one raw copy for all processes */
		.offsets = USDT__OFFSET_PROBE,
		.isenabled = USDT__ISENABLED_POINTER,
		.fork = USDT__FORK_NOTHING,
		.image = 1,
		.max_provider = 53,	/* with the pid at most 63 */
		.max_module = 63,
		.max_function = 127,
		.max_name = 63,
		.max_type = 127,
		.max_dof = 256 * MIB - 1,	/* dtprobed's parser */
		.patience = 5,
		.patience_of = "dtprobed gives its parser 5 s a try unless "
		    "started with -t",
		.narrow = "DTrace on Linux accepts no 32-bit processes",
		.archs = { "x86_64", "i386", "aarch64", "sparc64", "riscv64",
		    "s390x", "armhf", "ppc64le" },
		.reserved = { "pid" },
		.stash = "/run/dtrace/stash/dof-pid",
		.stash_pids = 0xeffffffc,	/* PROC_PID_INIT_INO */
		.stale = "dtprobed may have records of this process from "
		    "before an exec, and they can not be looked up",
		.provider_chars = "._-+",
		.limits = "DTrace",
	},
	{
		/* uts/common/dtrace, uts/intel/dtrace; Solaris is alike. */
		.name = "illumos",
		.helper = "/dev/dtrace/helper",
		.add_request = 0x64746803,	/* 'd' 't' 'h' 3 */
		.remove_request = 0x64746802,
		.add_shape = USDT__ADD_HELPER,
		.generation = USDT__GENERATION_RETURNED,
		.dof_version = 2,
		.offsets = USDT__OFFSET_PROBE,
		.isenabled = USDT__ISENABLED_REGISTER,
		.fork = USDT__FORK_INHERITED,
		.max_provider = 53,
		.max_module = 63,
		.max_function = 127,
		.max_name = 63,
		.max_type = 127,
		.max_dof = 8 * MIB - 1,		/* dtrace_dof_maxsize */
		.max_documents = 32,	/* dtrace_helper_providers_max */
		.archs = { "x86_64", "i386", "sparc64" },
		.reserved = { "pid" },
		.provider_chars = "._-",	/* dtrace_register() */
		.limits = "DTrace",
	},
	{
		/* sys/cddl; the 88-byte helper of FreeBSD 11 and later. */
		.name = "freebsd",
		.helper = "/dev/dtrace/helper",
		.add_request = 0xc0587a03,	/* _IOWR('z', 3, helper) */
		.remove_request = 0x80047a02,	/* _IOW('z', 2, int) */
		.add_shape = USDT__ADD_HELPER_PID,
		.generation = USDT__GENERATION_IN_HELPER,
		.remove_shape = USDT__REMOVE_POINTER,
		.dof_version = 2,
		.offsets = USDT__OFFSET_PROBE,
		.isenabled = USDT__ISENABLED_REGISTER,
		.fork = USDT__FORK_INHERITED,
		.max_provider = 53,
		.max_module = 63,
		.max_function = 127,	/* 191, but one rule for all */
		.max_name = 63,
		.max_type = 127,
		.max_dof = 8 * MIB - 1,		/* kern.dtrace.dof_maxsize */
		.max_documents = 32,
		.archs = { "x86_64", "i386" },	/* arm64 has no fasttrap */
		.reserved = { "pid" },
		.provider_chars = "._-",
		.limits = "DTrace",
	},
	{
		/* xnu bsd/dev/dtrace: the kernel reads a document when a
		 * consumer comes.  So the document must stay in place, and
		 * dofhp_addr must be its address.  On x86 the kernel shifts
		 * offsets. */
		.name = "macos",
		.helper = "/dev/dtracehelper",
		.add_request = 0x80086804,	/* _IOW('h', 4, user_addr_t) */
		.remove_request = 0x20006802,	/* _IO('h', 2) */
		.add_shape = USDT__ADD_ENVELOPE,
		.remove_shape = USDT__REMOVE_FIRST_BYTES,
		.generation = USDT__GENERATION_IN_DOF,
		.dof_version = 3,
		.offsets = USDT__OFFSET_DOF,
		.probe_bias = 1,
		.isenabled_bias = -2,
		.isenabled = USDT__ISENABLED_REGISTER,
		.fork = USDT__FORK_INHERITED,
		.max_provider = 53,
		.max_module = 63,
		.max_function = 127,
		.max_name = 63,
		.max_type = 127,
		.max_dof = 512 * 1024 - 1,	/* kern.dtrace.dof_maxsize */
		.max_documents = 64,
		.archs = { "x86_64", "aarch64", "ppc", "ppc64" },
		.reserved = { "pid", "objc", "oneshot" },	/* fasttrap.c */
		.provider_chars = "._-",
		.limits = "DTrace",
	},
	{
		/* Any other system: calls work, no tracer sees anything. */
		.name = "none",
		.max_provider = 53,
		.max_module = 63,
		.max_function = 127,
		.max_name = 63,
		.max_type = 127,
		.reserved = { "pid" },
		.provider_chars = "._-+",
		.limits = "tracers",
	},
};
const size_t usdt__platform_count =
    sizeof(usdt__platforms) / sizeof(usdt__platforms[0]);

static const char *const x86_64_registers[] = {
	"%rdi", "%rsi", "%rdx", "%rcx", "%r8", "%r9"
};
static const char *const aarch64_registers[] = {
	"x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7"
};
static const char *const riscv64_registers[] = {
	"a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7"
};
static const char *const sparc64_registers[] = {
	"%o0", "%o1", "%o2", "%o3", "%o4", "%o5"
};
static const char *const s390x_registers[] = {
	"%r2", "%r3", "%r4", "%r5", "%r6"
};
static const char *const armhf_registers[] = {
	"r0", "r1", "r2", "r3"
};
static const char *const power_registers[] = {
	"%r3", "%r4", "%r5", "%r6", "%r7", "%r8", "%r9", "%r10"
};
/* Whole registers: every reader knows these names, whatever the size. */
static const char *const x86_64_operands[] = {
	"%rax", "%rbx", "%rcx", "%rdx", "%rsi", "%rdi", "%rbp", "%rsp", "%r8",
	"%r9", "%r10", "%r11", "%r12", "%r13", "%r14", "%r15", NULL
};
static const char *const i386_operands[] = {
	"%eax", "%ebx", "%ecx", "%edx", "%esi", "%edi", "%ebp", "%esp", NULL
};
static const char *const aarch64_operands[] = {
	"x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10",
	"x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20",
	"x21", "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30",
	"sp", NULL
};
static const char *const riscv64_operands[] = {
	"a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "s0", "s1", "s2", "s3",
	"s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t0", "t1", "t2",
	"t3", "t4", "t5", "t6", "ra", "sp", "gp", "tp", NULL
};
static const char *const sparc64_operands[] = {
	"%g1", "%g2", "%g3", "%g4", "%g5", "%g6", "%g7", "%o0", "%o1", "%o2",
	"%o3", "%o4", "%o5", "%sp", "%o7", "%l0", "%l1", "%l2", "%l3", "%l4",
	"%l5", "%l6", "%l7", "%i0", "%i1", "%i2", "%i3", "%i4", "%i5", "%fp",
	"%i7", NULL
};
static const char *const s390x_operands[] = {
	"%r0", "%r1", "%r2", "%r3", "%r4", "%r5", "%r6", "%r7", "%r8", "%r9",
	"%r10", "%r11", "%r12", "%r13", "%r14", "%r15", NULL
};
static const char *const armhf_operands[] = {
	"r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10",
	"fp", "ip", "sp", "lr", NULL
};
static const char *const power_operands[] = {
	"%r0", "%r1", "%r2", "%r3", "%r4", "%r5", "%r6", "%r7", "%r8", "%r9",
	"%r10", "%r11", "%r12", "%r13", "%r14", "%r15", "%r16", "%r17", "%r18",
	"%r19", "%r20", "%r21", "%r22", "%r23", "%r24", "%r25", "%r26", "%r27",
	"%r28", "%r29", "%r30", "%r31", NULL
};
static const uint8_t x86_64_numbers[] = { 5, 4, 1, 2, 8, 9 };
static const uint8_t aarch64_numbers[] = { 0, 1, 2, 3, 4, 5, 6, 7 };
static const uint8_t riscv64_numbers[] = { 10, 11, 12, 13, 14, 15, 16, 17 };
static const uint8_t sparc64_numbers[] = { 8, 9, 10, 11, 12, 13 };
static const uint8_t s390x_numbers[] = { 2, 3, 4, 5, 6 };
static const uint8_t armhf_numbers[] = { 0, 1, 2, 3 };
static const uint8_t power_numbers[] = { 3, 4, 5, 6, 7, 8, 9, 10 };
static const struct usdt__own_type aarch64_types[] = {
	{ "nlink_t", 4 }, { "blksize_t", -4 }, { "wchar_t", 4 }, { NULL, 0 }
};
static const struct usdt__own_type riscv64_types[] = {
	{ "nlink_t", 4 }, { "blksize_t", -4 }, { NULL, 0 }
};
static const struct usdt__own_type sparc64_types[] = {
	{ "nlink_t", 4 }, { "suseconds_t", -4 }, { NULL, 0 }
};
static const struct usdt__own_type armhf_types[] = {
	{ "wchar_t", 4 }, { NULL, 0 }
};

const struct usdt__arch usdt__archs[] = {
	{
		.name = "x86_64",
		.direct = 1,
		.direct_nop = 0x90,
		.elf_machine = 62,	/* EM_X86_64 */
		.word = 8,
		.align = 8,
		.page = 4096,
		.registers = 6,
		.register_names = x86_64_registers,
		.dwarf_registers = x86_64_numbers,
		.stack_format = "%u(%%rsp)",
		.operands = x86_64_operands,
		.syntax = USDT__SYNTAX_ATT,
		.biased = 1,
		.unwind = { 16, 7, 6, 0 },
		.sites = { { 16, 11, 32 }, { 4, 11, 32 } },
	},
	{
		.name = "i386",
		.direct = 1,
		.direct_nop = 0x90,
		.elf_machine = 3,	/* EM_386 */
		.word = 4,
		.align = 4,
		.page = 4096,
		.registers = 0,
		.stack_format = "%u(%%esp)",
		.operands = i386_operands,
		.syntax = USDT__SYNTAX_ATT,
		.biased = 1,
		.wide_format = "%u(%%edx)",
		.wide_register = 2,
		.unwind = { 8, 4, 5, 0 },
		.sites = { { 16, 11, 32 }, { 4, 11, 32 } },
	},
	{
		.name = "aarch64",
		.direct = 4,
		.direct_nop = 0xd503201f,
		.elf_machine = 183,	/* EM_AARCH64 */
		.word = 8,
		.align = 8,
		.page = 65536,
		.registers = 8,
		.register_names = aarch64_registers,
		.dwarf_registers = aarch64_numbers,
		.stack_format = "[sp, %u]",
		.operands = aarch64_operands,
		.syntax = USDT__SYNTAX_ARM,
		.types = aarch64_types,
		.unwind = { 30, 31, 0, 0 },
		.sites = { { 4, 20, 32 }, { 4, 20, 32 } },
	},
	{
		/* Operands as compilers write them.  No known reader of SDT
		 * notes understands them. */
		.name = "sparc64",
		.elf_machine = 43,	/* EM_SPARCV9 */
		.word = 8,
		.align = 8,
		.big_endian = 1,
		.page = 8192,
		.registers = 6,
		.register_names = sparc64_registers,
		.dwarf_registers = sparc64_numbers,
		.stack_format = "[%%sp+%u]",
		.operands = sparc64_operands,
		.syntax = USDT__SYNTAX_SPARC,
		.stack_start = 2047 + 176,	/* the bias, a frame's head */
		.types = sparc64_types,
		.unwind = { 15, 14, 0, 2047 },
		.sites = { { 0, 16, 32 }, { 0, 16, 32 } },
	},
	{
		.name = "riscv64",
		.elf_machine = 243,	/* EM_RISCV */
		.elf_flags = 4,		/* EF_RISCV_FLOAT_ABI_DOUBLE */
		.word = 8,
		.align = 8,
		.page = 4096,
		.registers = 8,
		.register_names = riscv64_registers,
		.dwarf_registers = riscv64_numbers,
		.stack_format = "%u(sp)",
		.operands = riscv64_operands,
		.syntax = USDT__SYNTAX_RISCV,
		.types = riscv64_types,
		.unwind = { 1, 2, 0, 0 },
		.sites = { { 4, 20, 32 }, { 4, 20, 32 } },
	},
	{
		.name = "s390x",
		.elf_machine = 22,	/* EM_S390 */
		.word = 8,
		.align = 8,
		.big_endian = 1,
		.page = 4096,
		.registers = 5,
		.register_names = s390x_registers,
		.dwarf_registers = s390x_numbers,
		.stack_format = "%u(%%r15)",
		.operands = s390x_operands,
		.syntax = USDT__SYNTAX_S390,
		.stack_start = 160,	/* room for the callee */
		.unwind = { 14, 15, 0, 160 },
		.sites = { { 0, 12, 32 }, { 0, 12, 32 } },
	},
	{
		/* Kernels trace ARM code only, which stubs are. */
		.name = "armhf",
		.elf_machine = 40,	/* EM_ARM */
		.elf_flags = 0x05000400,	/* EF_ARM_EABI_VER5, hard float */
		.word = 4,
		.align = 8,
		.page = 4096,
		.registers = 4,
		.register_names = armhf_registers,
		.dwarf_registers = armhf_numbers,
		.stack_format = "[sp, #%u]",
		.operands = armhf_operands,
		.syntax = USDT__SYNTAX_ARM32,
		.wide_format = "[ip, #%u]",
		.wide_register = 12,
		.types = armhf_types,
		.unwind = { 14, 13, 0, 0 },
		.sites = { { 0, 12, 32 }, { 0, 12, 32 } },
	},
	{
		.name = "ppc64le",
		.elf_machine = 21,	/* EM_PPC64 */
		.elf_flags = 2,		/* ELFv2 */
		.word = 8,
		.align = 8,
		.page = 65536,
		.registers = 8,
		.register_names = power_registers,
		.dwarf_registers = power_numbers,
		.stack_format = "%u(%%r1)",
		.operands = power_operands,
		.syntax = USDT__SYNTAX_POWER,
		.stack_start = 96,	/* a frame's head, room for 8 words */
		.unwind = { 65, 1, 0, 0 },
		.sites = { { 0, 12, 32 }, { 0, 12, 32 } },
	},
	{
		/* macOS alone.  Its kernel shifts no offsets there. */
		.name = "ppc",
		.elf_machine = 20,	/* EM_PPC */
		.word = 4,
		.align = 8,
		.big_endian = 1,
		.page = 4096,
		.registers = 8,
		.register_names = power_registers,
		.dwarf_registers = power_numbers,
		.stack_format = "%u(%%r1)",
		.operands = power_operands,
		.syntax = USDT__SYNTAX_POWER,
		.wide_format = "%u(%%r12)",
		.wide_register = 12,
		.stack_start = 56,	/* a frame's head, room for 8 words */
		.unwind = { 65, 1, 0, 0 },
		.sites = { { 0, 12, 32 }, { 0, 12, 32 } },
	},
	{
		.name = "ppc64",
		.elf_machine = 21,	/* EM_PPC64 */
		.word = 8,
		.align = 8,
		.big_endian = 1,
		.page = 4096,
		.registers = 8,
		.register_names = power_registers,
		.dwarf_registers = power_numbers,
		.stack_format = "%u(%%r1)",
		.operands = power_operands,
		.syntax = USDT__SYNTAX_POWER,
		.stack_start = 112,	/* a frame's head, room for 8 words */
		.unwind = { 65, 1, 0, 0 },
		.sites = { { 0, 12, 32 }, { 0, 12, 32 } },
	},
};
const size_t usdt__arch_count = sizeof(usdt__archs) / sizeof(usdt__archs[0]);

/* The only choices by system and by processor. */
#if defined(USDT_PLATFORM)	/* a row's name, for tests of other systems */
#define NATIVE_PLATFORM	USDT_PLATFORM
#elif defined(USDT_PLATFORM_NONE)
#define NATIVE_PLATFORM	"none"
#elif defined(__linux__)
#define NATIVE_PLATFORM	"linux"
#elif defined(__sun)
#define NATIVE_PLATFORM	"illumos"
#elif defined(__FreeBSD__)
#define NATIVE_PLATFORM	"freebsd"
#elif defined(__APPLE__)
#define NATIVE_PLATFORM	"macos"
#else
#define NATIVE_PLATFORM	"none"
#endif

#if defined(__x86_64__) && !defined(__ILP32__)
#define NATIVE_ARCH	"x86_64"
#elif defined(__i386__)
#define NATIVE_ARCH	"i386"
#elif defined(__aarch64__)
#define NATIVE_ARCH	"aarch64"
#elif defined(__riscv) && __riscv_xlen == 64
#define NATIVE_ARCH	"riscv64"
#elif defined(__sparc__) && defined(__arch64__)
#define NATIVE_ARCH	"sparc64"
#elif defined(__s390x__)
#define NATIVE_ARCH	"s390x"
#elif defined(__arm__) && defined(__ARMEL__)
#define NATIVE_ARCH	"armhf"
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define NATIVE_ARCH	"ppc64le"
#elif defined(__ppc64__) || (defined(__powerpc64__) && defined(__BIG_ENDIAN__))
#define NATIVE_ARCH	"ppc64"
#elif defined(__ppc__) || (defined(__powerpc__) && !defined(__powerpc64__))
#define NATIVE_ARCH	"ppc"
#else
#define NATIVE_ARCH	"unknown"
#endif

const struct usdt__platform *
usdt__native_platform(void)
{
	static const struct usdt__platform *found;
	const struct usdt__platform *row =
	    __atomic_load_n(&found, __ATOMIC_RELAXED);
	size_t i;

	if (row != NULL)
		return row;
	for (i = 0; i + 1 < usdt__platform_count; i++)
		if (strcmp(usdt__platforms[i].name, NATIVE_PLATFORM) == 0)
			break;
	row = &usdt__platforms[i];
	__atomic_store_n(&found, row, __ATOMIC_RELAXED);
	return row;
}

const struct usdt__arch *
usdt__native_arch(void)
{
	size_t i;

	for (i = 0; i < usdt__arch_count; i++)
		if (strcmp(usdt__archs[i].name, NATIVE_ARCH) == 0)
			return &usdt__archs[i];
	return NULL;
}

int
usdt__native_supported(void)
{
	const struct usdt__platform *row = usdt__native_platform();
	const struct usdt__arch *arch = usdt__native_arch();
	size_t i;

	if (row->helper == NULL || arch == NULL || usdt__stub_count == 0)
		return 0;
	for (i = 0; i < sizeof row->archs / sizeof row->archs[0] &&
	    row->archs[i] != NULL; i++)
		if (strcmp(row->archs[i], arch->name) == 0)
			return 1;
	return 0;
}

const char *
usdt__getenv(const char *name)
{
#if defined(__linux__)
	return secure_getenv(name);
#elif defined(__sun) || defined(__FreeBSD__) || defined(__APPLE__)
	return issetugid() ? NULL : getenv(name);
#else
	return getuid() == geteuid() && getgid() == getegid() ?
	    getenv(name) : NULL;
#endif
}

void
usdt__debug(const char *format, ...)
{
	const char *on = usdt__getenv("USDT_DEBUG");
	char line[USDT_PATH_SIZE + USDT_TEXT_SIZE];
	int saved = errno, prefix, n;
	va_list args;

	if (on == NULL || *on == '\0' || strcmp(on, "0") == 0)
		return;
	prefix = snprintf(line, sizeof line, "libusdt[%d]: ", (int)getpid());
	va_start(args, format);
	n = vsnprintf(line + prefix, sizeof line - (size_t)prefix - 1, format,
	    args);
	va_end(args);
	if (n > (int)sizeof line - prefix - 2)
		n = (int)sizeof line - prefix - 2;
	line[prefix + n] = '\n';
	if (write(STDERR_FILENO, line, (size_t)(prefix + n) + 1) < 0)
		n = 0;		/* nothing can be done about it */
	errno = saved;
}

const char *
usdt__strerror(int error)
{
#if defined(__linux__)
	locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
	const char *text;

	if (c != (locale_t)0) {
		text = strerror_l(error, c);
		freelocale(c);	/* "C" is static: the text stays */
		return text;
	}
#endif
	return strerror(error);
}

/* Bytes of the UTF-8 character at TEXT; 0: not UTF-8, or a control one. */
static size_t
character(const char *text)
{
	unsigned char c = (unsigned char)*text;
	size_t n = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 :
	    c < 0xf5 ? 4 : 0;
	size_t i;

	for (i = 1; i < n; i++)
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			return 0;
	/* U+0080 to U+009F are control characters, too. */
	if (c < ' ' || c == 0x7f || (c == 0xc2 && (unsigned char)text[1] < 0xa0))
		return 0;
	return n;
}

/* A refused name may hold any bytes, and error texts with it go to terminals
 * and logs.  The text keeps its length, so nothing is cut. */
void
usdt__printable(char *text)
{
	while (*text != '\0') {
		size_t n = character(text);

		if (n == 0)
			*text = '?';
		text += n == 0 ? 1 : n;
	}
}

int
usdt__because(struct usdt__why *why, int error, const char *format, ...)
{
	va_list args;

	if (why == NULL)
		return -1;
	why->error = error;
	why->kind = USDT__SYSTEM;
	va_start(args, format);
	vsnprintf(why->text, sizeof why->text, format, args);
	va_end(args);
	usdt__printable(why->text);
	return -1;
}

int
usdt__no_memory(struct usdt__why *why)
{
	usdt__because(why, ENOMEM, "%s", usdt__strerror(ENOMEM));
	if (why != NULL)
		why->kind = USDT__NO_MEMORY;
	return -1;
}

void
usdt__store_bytes(uint8_t *out, size_t size, uint64_t value, int big_endian)
{
	size_t i;

	for (i = 0; i < size; i++)
		out[big_endian ? size - 1 - i : i] =
		    (uint8_t)(value >> (8 * i));
}
