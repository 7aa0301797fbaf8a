/*
 * stubs.c - do usdt__fire and the stubs show a tracer what they promise?
 *
 * Every stub is copied into memory as into an image and run with breakpoints
 * at its sites.  The signal handler stands where a tracer would, and looks at
 * the registers and the stack.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <execinfo.h>
#include <link.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "tap.h"
#include "usdt_internal.h"

/* --- processors --------------------------------------------------------- */

/*
 * To add one: the facts in `arch`, the seven accessors, and call_fire, which
 * calls usdt__fire with KEPT_VALUES in the registers that a callee keeps.
 * WIDE_REGISTER, if there is one, points to the arguments as words of 8 bytes.
 */
struct arch {
	const char *name;
	unsigned registers;		/* arguments passed in registers */
	uint8_t breakpoint;		/* an instruction of one byte */
	uint8_t landing[4];		/* at each entry */
	uint8_t isenabled_end[1];	/* after the is-enabled site's nop */
	uint8_t isenabled_no[2];	/* before it, to return 0 */
	uint8_t isenabled_jump[2];	/* to there, after the landing */
	uint8_t fire_end[2];		/* after the DOF site's nop */
	uint8_t unused;			/* fills the rest */
	struct {
		unsigned size;
		uint8_t bytes[10];
	} nops[3];
};

#define KEPT	8		/* words of what call_fire saw */

/* Written by call_fire: %rsp and %rbp before, then all that must be kept. */
__attribute__((used)) static uintptr_t kept_before[2], kept_after[KEPT];

void call_fire(const void *entry, size_t argc, void *const *argv);
extern const char call_fire_return[];

#if defined(__x86_64__) && !defined(__ILP32__)

static const struct arch arch = {
	"x86_64", 6, 0xcc, { 0xf3, 0x0f, 0x1e, 0xfa }, { 0xc3 },
	{ 0x31, 0xc0 }, { 0xeb, 0x08 },
	{ 0xc9, 0xc3 }, 0xcc, {
		{ 1, { 0x90 } },
		{ 5, { 0x0f, 0x1f, 0x44, 0x00, 0x00 } },
		{ 10, { 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0 } },
	}
};
static const uintptr_t kept_values[KEPT - 2] = {
	0x1111111111111111, 0x2222222222222222, 0x3333333333333333,
	0x4444444444444444, 0x5555555555555555
};
#define KEPT_REGISTERS	5

__asm__(
"	.text\n"
"	.globl	call_fire, call_fire_return\n"
"	.type	call_fire, @function\n"
"call_fire:\n"
"	endbr64\n"
"	push	%rbp\n"
"	mov	%rsp, %rbp\n"
"	push	%rbx\n"
"	push	%r12\n"
"	push	%r13\n"
"	push	%r14\n"
"	push	%r15\n"
"	sub	$8, %rsp\n"
"	movabs	$0x1111111111111111, %rbx\n"
"	movabs	$0x2222222222222222, %r12\n"
"	movabs	$0x3333333333333333, %r13\n"
"	movabs	$0x4444444444444444, %r14\n"
"	movabs	$0x5555555555555555, %r15\n"
"	mov	%rsp, kept_before(%rip)\n"
"	mov	%rbp, kept_before+8(%rip)\n"
"	call	usdt__fire\n"
"call_fire_return:\n"
"	mov	%rsp, kept_after(%rip)\n"
"	mov	%rbp, kept_after+8(%rip)\n"
"	mov	%rbx, kept_after+16(%rip)\n"
"	mov	%r12, kept_after+24(%rip)\n"
"	mov	%r13, kept_after+32(%rip)\n"
"	mov	%r14, kept_after+40(%rip)\n"
"	mov	%r15, kept_after+48(%rip)\n"
"	mov	kept_before(%rip), %rsp\n"
"	mov	kept_before+8(%rip), %rbp\n"
"	add	$8, %rsp\n"
"	pop	%r15\n"
"	pop	%r14\n"
"	pop	%r13\n"
"	pop	%r12\n"
"	pop	%rbx\n"
"	pop	%rbp\n"
"	ret\n"
"	.size	call_fire, . - call_fire\n"
);

static uintptr_t
get_pc(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
}

static void
set_pc(ucontext_t *uc, uintptr_t pc)
{
	uc->uc_mcontext.gregs[REG_RIP] = (greg_t)pc;
}

static uintptr_t
get_sp(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[REG_RSP];
}

static const uintptr_t *
get_frame(const ucontext_t *uc)
{
	return (const uintptr_t *)uc->uc_mcontext.gregs[REG_RBP];
}

static uintptr_t
get_register(const ucontext_t *uc, unsigned n)
{
	static const int names[] = {
		REG_RDI, REG_RSI, REG_RDX, REG_RCX, REG_R8, REG_R9
	};

	return (uintptr_t)uc->uc_mcontext.gregs[names[n]];
}

/* What is-enabled was called with; a call's return address lies above it. */
static int *
get_flag(const ucontext_t *uc)
{
	return (int *)get_register(uc, 0);
}

/* What kernels do that answer in the return register. */
static void
set_result(ucontext_t *uc, int result)
{
	uc->uc_mcontext.gregs[REG_RAX] = result;
}

#define HAVE_ARCH
#endif

#if defined(__i386__)

static const struct arch arch = {
	"i386", 0, 0xcc, { 0xf3, 0x0f, 0x1e, 0xfb }, { 0xc3 },
	{ 0x31, 0xc0 }, { 0xeb, 0x08 },
	{ 0xc9, 0xc3 }, 0xcc, { { 1, { 0x90 } } }
};
static const uintptr_t kept_values[KEPT - 2] = {
	0x11111111, 0x22222222, 0x33333333
};
#define KEPT_REGISTERS	3

__asm__(
"	.text\n"
"	.globl	call_fire, call_fire_return\n"
"	.type	call_fire, @function\n"
"call_fire:\n"
"	endbr32\n"
"	push	%ebp\n"
"	mov	%esp, %ebp\n"
"	push	%ebx\n"
"	push	%esi\n"
"	push	%edi\n"
"	push	16(%ebp)\n"
"	push	12(%ebp)\n"
"	push	8(%ebp)\n"
"	call	1f\n"
"1:	pop	%ecx\n"
"	lea	kept_before-1b(%ecx), %ecx\n"
"	mov	%esp, (%ecx)\n"
"	mov	%ebp, 4(%ecx)\n"
"	mov	$0x11111111, %ebx\n"
"	mov	$0x22222222, %esi\n"
"	mov	$0x33333333, %edi\n"
"	call	usdt__fire\n"
"call_fire_return:\n"
"	call	2f\n"
"2:	pop	%ecx\n"
"	lea	kept_after-2b(%ecx), %edx\n"
"	lea	kept_before-2b(%ecx), %ecx\n"
"	mov	%esp, (%edx)\n"
"	mov	%ebp, 4(%edx)\n"
"	mov	%ebx, 8(%edx)\n"
"	mov	%esi, 12(%edx)\n"
"	mov	%edi, 16(%edx)\n"
"	mov	(%ecx), %esp\n"
"	mov	4(%ecx), %ebp\n"
"	add	$12, %esp\n"
"	pop	%edi\n"
"	pop	%esi\n"
"	pop	%ebx\n"
"	pop	%ebp\n"
"	ret\n"
"	.size	call_fire, . - call_fire\n"
);

static uintptr_t
get_pc(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[REG_EIP];
}

static void
set_pc(ucontext_t *uc, uintptr_t pc)
{
	uc->uc_mcontext.gregs[REG_EIP] = (greg_t)pc;
}

static uintptr_t
get_sp(const ucontext_t *uc)
{
	return (uintptr_t)uc->uc_mcontext.gregs[REG_ESP];
}

static const uintptr_t *
get_frame(const ucontext_t *uc)
{
	return (const uintptr_t *)uc->uc_mcontext.gregs[REG_EBP];
}

static uintptr_t
get_register(const ucontext_t *uc, unsigned n)
{
	(void)uc;
	(void)n;
	return 0;
}

static int *
get_flag(const ucontext_t *uc)
{
	return ((int **)get_sp(uc))[1];
}

#define WIDE_REGISTER	REG_EDX

static void
set_result(ucontext_t *uc, int result)
{
	uc->uc_mcontext.gregs[REG_EAX] = result;
}

#define HAVE_ARCH
#endif

#if defined(HAVE_ARCH)

/* --- where a tracer would be -------------------------------------------- */

#define BELOW_STACK	256	/* bytes that the kernel's call may overwrite */

enum site { SDT = 1, DOF = 2, ISENABLED = 4 };

struct hit {
	uintptr_t pc, sp;
	uintptr_t return_address, callers_frame;
	uintptr_t arguments[USDT_ARG_MAX];
	uint64_t wide[USDT_ARG_MAX];
};

static uint8_t *code;			/* the stub that is run */
static const struct usdt__stub *stub;	/* what it was made of */
static struct hit hits[4];
static unsigned hit_count;
static size_t fired_argc;		/* by test_firing */
static int *flag_seen;			/* by the is-enabled site */
static int flag_was, answer;

static int stepping;			/* see test_unwinding */
static uintptr_t step_return, main_address;

static void step(ucontext_t *uc);

/* Bytes of the nop that begins here, or 0 if none of those that we know. */
static unsigned
nop_size(const uint8_t *bytes, unsigned room)
{
	size_t i;

	for (i = sizeof arch.nops / sizeof arch.nops[0]; i-- > 0;)
		if (arch.nops[i].size > 0 && arch.nops[i].size <= room &&
		    memcmp(bytes, arch.nops[i].bytes, arch.nops[i].size) == 0)
			return arch.nops[i].size;
	return 0;
}

/* What is read and written here belongs to frames that are in use. */
#define ANY_MEMORY	__attribute__((no_sanitize("address")))

ANY_MEMORY static uintptr_t
argument(const ucontext_t *uc, unsigned n)
{
	if (n < arch.registers)
		return get_register(uc, n);
	return ((const uintptr_t *)get_sp(uc))[n - arch.registers];
}

/* The same where the arguments lie once more: room for so many is there. */
ANY_MEMORY static uint64_t
wide_argument(const ucontext_t *uc, unsigned n)
{
#if defined(WIDE_REGISTER)
	const void *all =
	    (const void *)(uintptr_t)uc->uc_mcontext.gregs[WIDE_REGISTER];

	return n < fired_argc ? ((const uint64_t *)all)[n] : 0;
#else
	return argument(uc, n);
#endif
}

/* Spoil what a call in place of a nop would. */
ANY_MEMORY static void
spoil(volatile uint8_t *sp)
{
	int i;

	for (i = 1; i <= BELOW_STACK; i++)
		sp[-i] = 0xa5;
}

/* SIGTRAP, on a stack of its own. */
ANY_MEMORY static void
trap(int number, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	struct hit *hit = &hits[hit_count];
	uintptr_t offset;
	unsigned i;

	(void)number;
	(void)info;
	if (stepping) {
		step(uc);
		return;
	}
	offset = get_pc(uc) - 1 - (uintptr_t)code;
	if (offset >= USDT__STUB_SIZE || hit_count == 4)
		_exit(100);		/* no breakpoint of ours */
	hit_count++;
	hit->pc = offset;
	hit->sp = get_sp(uc);
	set_pc(uc, get_pc(uc) - 1 + nop_size(stub->code + offset,
	    USDT__STUB_SIZE - (unsigned)offset));
	if (offset == stub->isenabled_site) {
		if (stub->answer == USDT__ISENABLED_REGISTER) {
			if (answer)
				set_result(uc, 1);
			return;
		}
		flag_seen = get_flag(uc);
		flag_was = *flag_seen;
		if (answer)
			*flag_seen = 1;
		return;
	}
	for (i = 0; i < USDT_ARG_MAX; i++)
		hit->arguments[i] = argument(uc, i);
	for (i = 0; i < USDT_ARG_MAX; i++)
		hit->wide[i] = wide_argument(uc, i);
	hit->callers_frame = get_frame(uc)[0];
	hit->return_address = get_frame(uc)[1];
	spoil((volatile uint8_t *)hit->sp);
}

static void
catch_traps(void)
{
	static char own_stack[65536];
	stack_t stack;
	struct sigaction action;

	memset(&stack, 0, sizeof stack);
	stack.ss_sp = own_stack;
	stack.ss_size = sizeof own_stack;
	sigaltstack(&stack, NULL);
	memset(&action, 0, sizeof action);
	action.sa_sigaction = trap;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK;
	sigaction(SIGTRAP, &action, NULL);
}

/* Put a stub into memory, with breakpoints, as executable as in an image. */
static void
place(const struct usdt__stub *which, int sites)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	stub = which;
	if (code == NULL)
		code = mmap(NULL, page, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (code == MAP_FAILED ||
	    mprotect(code, page, PROT_READ | PROT_WRITE) < 0)
		abort();
	memcpy(code, stub->code, USDT__STUB_SIZE);
	if (sites & SDT)
		code[stub->sdt_site] = arch.breakpoint;
	if (sites & DOF)
		code[stub->dof_site] = arch.breakpoint;
	if (sites & ISENABLED)
		code[stub->isenabled_site] = arch.breakpoint;
	if (mprotect(code, page, PROT_READ | PROT_EXEC) < 0)
		abort();
	hit_count = 0;
	memset(hits, 0, sizeof hits);
}

/* --- what the bytes are ------------------------------------------------- */

static void
test_bytes(const struct usdt__stub *s)
{
	unsigned nop = s->nop, end = s->dof_site, i;
	unsigned known = 0;

	for (i = 0; i < sizeof arch.nops / sizeof arch.nops[0]; i++)
		known |= nop > 0 && arch.nops[i].size == nop;
	if (!ok(known != 0, "%u-byte nop: is one for this processor", nop))
		return;
	is_int(nop_size(s->code + s->sdt_site, nop), nop,
	    "%u-byte nop: is at the SDT site", nop);
	is_int(s->dof_site, s->sdt_site + nop,
	    "%u-byte nop: the DOF site is directly after it", nop);
	is_int(nop_size(s->code + s->dof_site, nop), nop,
	    "%u-byte nop: the DOF site has the same nop", nop);
	end = s->dof_site + nop;
	ok(memcmp(s->code + end, arch.fire_end, sizeof arch.fire_end) == 0,
	    "%u-byte nop: then the stub returns", nop);
	end += sizeof arch.fire_end;
	if (s->answer == USDT__ISENABLED_REGISTER) {
		ok(memcmp(s->code + s->isenabled + 4, arch.isenabled_jump, 2) ==
		    0 && memcmp(s->code + end, arch.isenabled_no, 2) == 0,
		    "answered in a register: is-enabled jumps to what makes "
		    "it 0");
		end += sizeof arch.isenabled_no;
		is_int(s->isenabled_site, end, "and then the site");
		end += 1 + sizeof arch.isenabled_end;
	} else {
		is_int(s->isenabled_site, s->isenabled + 4,
		    "%u-byte nop: the is-enabled site follows the entry",
		    nop);
	}
	for (i = end; i < USDT__STUB_SIZE; i++)
		try(s->code[i] == arch.unused, "byte %u is 0x%02x", i,
		    s->code[i]);
	try(end <= USDT__STUB_SIZE, "%u bytes", end);
	ok_all("%u-byte nop: the rest of %d bytes is never run", nop,
	    USDT__STUB_SIZE);
	ok(memcmp(s->code + s->isenabled, arch.landing, 4) == 0 &&
	    memcmp(s->code + s->fire, arch.landing, 4) == 0,
	    "%u-byte nop: both entries may be jumped to", nop);
	is_int(s->sdt_site, s->fire + 4,
	    "%u-byte nop: the SDT site follows the entry", nop);
	ok(nop_size(s->code + s->isenabled_site, 1) == 1 &&
	    s->code[s->isenabled_site + 1] == arch.isenabled_end[0],
	    "%u-byte nop: the is-enabled site is one byte, and returns", nop);
	ok(s->isenabled == 0 && 4096 % USDT__STUB_SIZE == 0,
	    "%u-byte nop: begins the stub, which lies in one page", nop);
	ok(s->fire == usdt__stubs[0].fire &&
	    s->isenabled == usdt__stubs[0].isenabled,
	    "%u-byte nop: entries are where usdt_probe.c looks for them",
	    nop);
}

/*
 * Documents for other processors than this one take the places of sites from
 * the row: it must say what the assembly has, for the smallest nop.
 */
static void
test_row(void)
{
	const struct usdt__arch *row = usdt__native_arch();
	const struct usdt__stub *s;
	unsigned answer_of, i;

	for (answer_of = 0; answer_of < 2; answer_of++) {
		s = NULL;
		for (i = 0; i < usdt__stub_count; i++)
			if (usdt__stubs[i].answer == answer_of &&
			    (s == NULL || usdt__stubs[i].nop < s->nop))
				s = &usdt__stubs[i];
		ok(s != NULL, "convention %u: has a stub", answer_of);
		if (s == NULL)
			continue;
		is_int(row->sites[answer_of].isenabled, s->isenabled_site,
		    "the row's is-enabled site is the stub's");
		is_int(row->sites[answer_of].dof, s->dof_site,
		    "and its DOF site too");
	}
	is_int(usdt__stub_choose()->answer,
	    usdt__native_platform()->isenabled,
	    "what is chosen is answered as this system does it");
}

/* --- firing ------------------------------------------------------------- */

/*
 * Room for ARGC words of which the next, or if FIRST the one before, can't be
 * read.
 */
static void **
words_at_edge(size_t argc, int first)
{
	static uint8_t *pages;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (pages == NULL) {
		pages = mmap(NULL, 3 * page, PROT_NONE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (pages == MAP_FAILED ||
		    mprotect(pages + page, page, PROT_READ | PROT_WRITE) < 0)
			abort();
	}
	if (first)
		return (void **)(void *)(pages + page);
	return (void **)(void *)(pages + 2 * page) - argc;
}

/* A value that is used for one argument only, with all its bytes. */
static uintptr_t
value(unsigned n)
{
	uintptr_t pattern = (uintptr_t)0x9182736455463728u;

	return pattern ^ (uintptr_t)(n + 1) * (uintptr_t)0x0107030d05110b13u;
}

static void
check_hit(const struct hit *hit, unsigned expected_pc, size_t argc)
{
	size_t i;

	try(hit->pc == expected_pc, "argc %zu: trapped at %lu, not at %u",
	    argc, (unsigned long)hit->pc, expected_pc);
	for (i = 0; i < argc; i++)
		try(hit->arguments[i] == value((unsigned)i),
		    "argc %zu: argument %zu is %#lx", argc, i,
		    (unsigned long)hit->arguments[i]);
	for (i = 0; i < argc; i++)
		try(hit->wide[i] == value((unsigned)i),
		    "argc %zu: argument %zu as 8 bytes is %#llx", argc, i,
		    (unsigned long long)hit->wide[i]);
	try(hit->sp % 16 == 0, "argc %zu: stack pointer is %#lx", argc,
	    (unsigned long)hit->sp);
	try(hit->return_address == (uintptr_t)call_fire_return,
	    "argc %zu: return address is %#lx", argc,
	    (unsigned long)hit->return_address);
	try(hit->callers_frame == kept_before[1],
	    "argc %zu: the caller's frame is %#lx", argc,
	    (unsigned long)hit->callers_frame);
}

static void
check_kept(size_t argc)
{
	int i;

	try(kept_after[0] == kept_before[0] && kept_after[1] == kept_before[1],
	    "argc %zu: stack or frame pointer changed", argc);
	for (i = 0; i < KEPT_REGISTERS; i++)
		try(kept_after[2 + i] == kept_values[i],
		    "argc %zu: kept register %d is %#lx", argc, i,
		    (unsigned long)kept_after[2 + i]);
}

static void
test_firing(const struct usdt__stub *s, int sites, const char *where)
{
	size_t argc;
	unsigned i, n;
	int first;
	void **argv;

	for (argc = 0; argc <= USDT_ARG_MAX; argc++)
		for (first = 0; first < 2; first++) {
			argv = words_at_edge(argc, first);
			for (i = 0; i < argc; i++)
				argv[i] = (void *)value(i);
			place(s, sites);
			fired_argc = argc;
			call_fire(code + s->fire, argc, argv);
			check_kept(argc);
			n = 0;
			if (sites & SDT)
				check_hit(&hits[n++], s->sdt_site, argc);
			if (sites & DOF)
				check_hit(&hits[n++], s->dof_site, argc);
			try(hit_count == n, "argc %zu: %u traps, not %u",
			    argc, hit_count, n);
			for (i = 0; i < argc; i++)
				try(argv[i] == (void *)value(i),
				    "argc %zu: word %u was changed", argc, i);
		}
	ok_all("%u-byte nop: 0 to %d arguments, %s", s->nop, USDT_ARG_MAX,
	    where);
}

/* --- is-enabled --------------------------------------------------------- */

static void
test_isenabled(const struct usdt__stub *s)
{
	union {
		uint8_t *code;
		int (*call)(int *);
	} entry;
	int flag, result;

	place(s, 0);
	entry.code = code + s->isenabled;
	flag = 0;
	result = entry.call(&flag);
	is_int(s->answer == USDT__ISENABLED_REGISTER ? result : flag, 0,
	    "%u-byte nop: is-enabled is 0 if nobody answers", s->nop);
	place(s, ISENABLED);
	answer = 1;
	flag_seen = NULL;
	result = entry.call(&flag);
	if (s->answer == USDT__ISENABLED_REGISTER) {
		ok(hit_count == 1 && flag == 0 && result == 1,
		    "answered in a register: is-enabled returns it");
		answer = 0;
		place(s, ISENABLED);
		is_int(entry.call(&flag), 0, "also if it is no");
		return;
	}
	ok(hit_count == 1 && flag_seen == &flag && flag_was == 0,
	    "%u-byte nop: its site has the flag's address", s->nop);
	is_int(flag, 1, "%u-byte nop: is-enabled is what was written there",
	    s->nop);
	answer = 0;
}

/* --- through the public calls ------------------------------------------- */

static void
test_gate(usdt_probedef_t *def)
{
	static uint32_t gate;
	uint16_t *semaphore = (uint16_t *)(void *)&gate;

	place(&usdt__stubs[0], ISENABLED);
	answer = 1;
	gate = 0;
	usdt__guard_renew();
	usdt__probe_bind(def, &gate, code, NULL);
	ok(usdt_is_enabled(def->probe) == 0 && usdt_probe_enabled(def) == 0 &&
	    hit_count == 0, "gate 0: not enabled, nobody is asked");
	*semaphore = 1;
	ok(usdt_is_enabled(def->probe) == 1 && usdt_probe_enabled(def) == 1 &&
	    hit_count == 0, "semaphore: enabled, nobody is asked");
	*semaphore = 0;
	usdt__gate_set_helper(&gate, 1);
	is_int(*semaphore, 0, "telling of a helper leaves the semaphore");
	ok(usdt_is_enabled(def->probe) == 1 && hit_count == 1,
	    "helper: the is-enabled site is asked, and says yes");
	answer = 0;
	ok(usdt_is_enabled(def->probe) == 0 && usdt_probe_enabled(def) == 0 &&
	    hit_count == 3, "helper: it is asked again, and says no");
	*semaphore = 7;
	ok(usdt_is_enabled(def->probe) == 1 && hit_count == 3,
	    "helper and semaphore: nobody is asked");
	usdt__gate_set_helper(&gate, 0);
	is_int(*semaphore, 7, "telling that it has gone leaves it too");
	usdt__probe_unbind(def);
	ok(usdt_is_enabled(def->probe) == 0 && usdt_probe_enabled(def) == 0,
	    "not visible: not enabled, whatever the gate says");
}

static void
test_words(usdt_probedef_t *def)
{
	static uint32_t gate;
	void *argv[USDT_ARG_MAX + 8];
	unsigned i;
	size_t given;

	for (i = 0; i < USDT_ARG_MAX + 8; i++)
		argv[i] = (void *)value(i);
	for (given = 0; given <= USDT_ARG_MAX + 8; given++) {
		place(&usdt__stubs[0], SDT);
		usdt__probe_bind(def, &gate, code, NULL);
		if (given == USDT_ARG_MAX + 1)
			usdt_probe_fire(def, given, argv);
		else
			usdt_fire_probe(def->probe, given, argv);
		try(hit_count == 1, "%zu words: %u traps", given, hit_count);
		for (i = 0; i < def->argc; i++)
			try(hits[0].arguments[i] == (i < given ? value(i) : 0),
			    "%zu words: argument %u is %#lx", given, i,
			    (unsigned long)hits[0].arguments[i]);
	}
	ok_all("missing words are 0, surplus ones are ignored");
	place(&usdt__stubs[0], SDT);
	usdt__probe_bind(def, &gate, code, NULL);
	usdt_fire_probe(def->probe, def->argc, NULL);
	try(hit_count == 1, "%u traps", hit_count);
	for (i = 0; i < def->argc; i++)
		try(hits[0].arguments[i] == 0, "argument %u is %#lx", i,
		    (unsigned long)hits[0].arguments[i]);
	ok_all("without words all are 0");
	usdt__probe_unbind(def);
	usdt_fire_probe(def->probe, def->argc, argv);
	usdt_probe_fire(def, def->argc, argv);
	is_int(hit_count, 1, "what is not visible does not fire");
}

static void
test_calls(void)
{
	const char *types[] = {
		"int", "int", "int", "int", "int", "int", "int", "int", "int"
	};
	usdt_probedef_t *def = usdt_create_probe("f", "n", 9, types);

	if (!ok(def != NULL, "a probe with 9 arguments"))
		return;
	test_gate(def);
	test_words(def);
	usdt_probe_release(def);
}

/* --- unwinding ---------------------------------------------------------- */

#define TRAP_FLAG	0x100	/* of the flags: trap after an instruction */

/*
 * One instruction after the other, from the breakpoint in fire_in_steps to
 * the stub's entry; inside usdt__fire each has to find its way to main.
 */
static void
step(ucontext_t *uc)
{
	void *frames[32];
	uintptr_t pc = get_pc(uc);
	int i, n, here = -1, up = -1, at_main = -1;

	if (pc == (uintptr_t)code + stub->fire) {
		uc->uc_mcontext.gregs[REG_EFL] &= ~TRAP_FLAG;
		stepping = 0;
		return;
	}
	uc->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
	if (pc == (uintptr_t)usdt__fire)
		step_return = *(const uintptr_t *)get_sp(uc);
	if (step_return == 0)
		return;			/* still on the way there */
	n = backtrace(frames, 32);
	for (i = 0; i < n; i++) {
		if ((uintptr_t)frames[i] == pc)
			here = i;
		if ((uintptr_t)frames[i] == step_return)
			up = i;
		if ((uintptr_t)frames[i] == main_address)
			at_main = i;
	}
	try(here > 0 && up == here + 1 && at_main > up,
	    "usdt__fire+%lu: frames %d, caller %d, main %d of %d",
	    (unsigned long)(pc - (uintptr_t)usdt__fire), here, up, at_main, n);
}

/*
 * Its frame has no size that is known beforehand, so it is only found by the
 * frame pointer that usdt__fire has saved.
 */
__attribute__((noinline)) static void
fire_in_steps(size_t argc, void *const *argv)
{
	char room[argc * 8 + 1];

	__asm__ volatile("" : : "r"(room) : "memory");
	stepping = 1;
	step_return = 0;
	__asm__ volatile("int3");	/* step() sees to the rest */
	usdt__fire(code + stub->fire, argc, argv);
	__asm__ volatile("" : : "r"(room) : "memory");
}

__attribute__((noinline)) static void
test_unwinding(void)
{
	void *argv[USDT_ARG_MAX] = { NULL };
	void *frames[4];
	size_t argc;

	main_address = (uintptr_t)__builtin_return_address(0);
	backtrace(frames, 4);		/* loads what it needs */
	place(&usdt__stubs[0], 0);
	for (argc = 0; argc <= USDT_ARG_MAX; argc++) {
		fire_in_steps(argc, argv);
		try(step_return != 0 && !stepping, "argc %zu: lost", argc);
	}
	ok_all("each instruction of usdt__fire can be unwound to main");
}

/* --- the program -------------------------------------------------------- */

static int
look_at_program(struct dl_phdr_info *info, size_t size, void *data)
{
	int i;

	(void)size;
	(void)data;
	for (i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_GNU_STACK)
			ok((p->p_flags & PF_X) == 0,
			    "this program's stack is not executable");
		if (p->p_type == PT_LOAD)
			try((p->p_flags & PF_X) == 0 ||
			    (p->p_flags & PF_W) == 0, "segment %d", i);
	}
	ok_all("nothing in it is writable and executable");
	return 1;		/* the program comes first: no further */
}

int
main(void)
{
	uint32_t i;

	if (usdt__stub_count == 0) {
		skip("the library has no stubs for this processor");
		return done_testing();
	}
	catch_traps();
	is_str(usdt__native_arch()->name, arch.name, "the processor's row");
	is_int(usdt__native_arch()->registers, arch.registers,
	    "its arguments in registers");
	for (i = 0; i < usdt__stub_count; i++) {
		test_bytes(&usdt__stubs[i]);
		test_firing(&usdt__stubs[i], 0, "untraced");
		test_firing(&usdt__stubs[i], SDT, "traced at the SDT site");
		test_firing(&usdt__stubs[i], DOF, "traced at the DOF site");
		test_firing(&usdt__stubs[i], SDT | DOF, "traced at both");
		test_isenabled(&usdt__stubs[i]);
	}
	test_row();
	test_calls();
	test_unwinding();
	dl_iterate_phdr(look_at_program, NULL);
	return done_testing();
}

#else

int
main(void)
{
	skip("this processor's registers are not known to the test");
	return done_testing();
}

#endif
