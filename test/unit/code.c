/*
 * code.c - may a probe have code of the caller's, with a site of its own?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE		/* memmem */
#endif
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"
#include "scratch.h"
#include "core/provider.h"

/* --- operands ------------------------------------------------------------ */

static const struct {
	const char *arch;
	size_t argc;
	const char *text;
	const char *error;		/* a part of it; NULL: valid */
} operands[] = {
	{ "x86_64", 0, "", NULL },
	{ "x86_64", 1, "8@%rbx", NULL },
	{ "x86_64", 2, "-4@%r15 1@(%rsp)", NULL },
	{ "x86_64", 3, "-8@-8(%rbp) 2@2147483647(%rax) 8@-2147483648(%r8)",
	    NULL },
	{ "x86_64", 3, "4@$5 -4@$-1 8@$2147483647", NULL },
	{ "x86_64", 12, "1@%rax 1@%rax 1@%rax 1@%rax 1@%rax 1@%rax 1@%rax "
	    "1@%rax 1@%rax 1@%rax 1@%rax 1@%rax", NULL },
	{ "x86_64", 13, "1@%rax 1@%rax 1@%rax 1@%rax 1@%rax 1@%rax 1@%rax "
	    "1@%rax 1@%rax 1@%rax 1@%rax 1@%rax 1@%rax",
	    "has 13 arguments, at most 12" },
	{ "x86_64", 1, "", "has 1 arguments, and 0 operands" },
	{ "x86_64", 0, "8@%rax", "has 0 arguments, and at least 1 operands" },
	{ "x86_64", 1, "8@%rax 8@%rbx", "and at least 2 operands" },
	{ "x86_64", 2, "8@%rax", "has 2 arguments, and 1 operands" },
	{ "x86_64", 1, "%rax", "operand 0, \"%rax\"" },
	{ "x86_64", 1, "3@%rax", "operand 0" },
	{ "x86_64", 1, "16@%rax", "operand 0" },
	{ "x86_64", 1, "8f@%rax", "operand 0" },
	{ "x86_64", 1, "+8@%rax", "operand 0" },
	{ "x86_64", 1, "8@", "operand 0" },
	{ "x86_64", 1, "8@rax", "operand 0" },
	{ "x86_64", 1, "8@%xmm0", "operand 0" },
	{ "x86_64", 1, "4@%eax", "operand 0" },
	{ "x86_64", 1, "4@%r8d", "operand 0" },
	{ "x86_64", 1, "8@%rip", "operand 0" },
	{ "x86_64", 1, "8@4(%rip)", "operand 0" },
	{ "x86_64", 1, "8@global(%rip)", "operand 0" },
	{ "x86_64", 1, "8@(%rax,%rbx,4)", "operand 0" },
	{ "x86_64", 1, "8@%fs:0", "operand 0" },
	{ "x86_64", 1, "8@4(%rax", "operand 0" },
	{ "x86_64", 1, "8@4", "operand 0" },
	{ "x86_64", 1, "8@$", "operand 0" },
	{ "x86_64", 1, "8@$0x10", "operand 0" },
	{ "x86_64", 1, "8@$2147483648", "operand 0" },
	{ "x86_64", 1, "8@$-2147483649", "operand 0" },
	{ "x86_64", 1, "8@$00000000001", "operand 0" },
	{ "x86_64", 1, " 8@%rax", "operand 0" },
	{ "x86_64", 1, "8@%rax ", "end with a blank" },
	{ "x86_64", 2, "8@%rax  8@%rbx", "operand 1, \" 8@%rbx\"" },
	{ "x86_64", 2, "8@%rax,8@%rbx", "operand 0" },
	{ "x86_64", 2, "8@%rax\t8@%rbx", "operand 0" },
	{ "x86_64", 2, "8@%rax 8@%rbx)", "operand 1" },
	{ "i386", 3, "4@%eax -2@4(%esp) 8@8(%edx)", NULL },
	{ "i386", 1, "8@%eax", "operand 0" },
	{ "i386", 1, "4@%r8", "operand 0" },
	{ "i386", 1, "4@%rax", "operand 0" },
	{ "aarch64", 4, "8@x0 -4@x30 8@sp -8@x9", NULL },
	{ "aarch64", 3, "8@[sp, 16] 8@[x29, -8] 8@[x1]", NULL },
	{ "aarch64", 2, "4@5 -4@-5", NULL },
	{ "aarch64", 1, "4@w0", "operand 0" },
	{ "aarch64", 1, "8@x31", "operand 0" },
	{ "aarch64", 1, "8@x3x", "operand 0" },
	{ "aarch64", 1, "8@[x0,8]", "operand 0" },
	{ "aarch64", 1, "8@[x0, x1]", "operand 0" },
	{ "aarch64", 1, "8@[x0, #8]", "operand 0" },
	{ "aarch64", 1, "8@[x0, 8", "operand 0" },
	{ "aarch64", 1, "8@8(x0)", "operand 0" },
	{ "riscv64", 4, "8@a0 -4@s11 8@sp -8@t6", NULL },
	{ "riscv64", 3, "8@16(sp) 8@-8(s0) 1@0(a1)", NULL },
	{ "riscv64", 2, "4@5 -4@-5", NULL },
	{ "riscv64", 1, "8@x10", "operand 0" },
	{ "riscv64", 1, "8@a8", "operand 0" },
	{ "riscv64", 1, "8@s12", "operand 0" },
	{ "riscv64", 1, "8@fa0", "operand 0" },
	{ "riscv64", 1, "8@(a0)", "operand 0" },
	{ "riscv64", 1, "8@8(sp", "operand 0" },
	{ "riscv64", 1, "8@8(x2)", "operand 0" },
	{ "riscv64", 1, "8@$5", "operand 0" },
	{ "s390x", 3, "8@%r2 -4@%r15 8@%r0", NULL },
	{ "s390x", 4, "8@160(%r15) 8@-8(%r11) 4@5 4@-5", NULL },
	{ "s390x", 1, "8@r2", "operand 0" },
	{ "s390x", 1, "8@%r16", "operand 0" },
	{ "s390x", 1, "8@%f0", "operand 0" },
	{ "s390x", 1, "8@(%r2)", "operand 0" },
	{ "s390x", 1, "8@8(%r1,%r2)", "operand 0" },
	{ "armhf", 4, "4@r0 -2@r10 4@sp 4@ip", NULL },
	{ "armhf", 5, "4@[sp, #16] 8@[ip, #8] 4@[fp, #-8] 4@[r1] -4@#-5", NULL },
	{ "armhf", 1, "8@r0", "operand 0" },
	{ "armhf", 1, "4@r11", "operand 0" },
	{ "armhf", 1, "4@s0", "operand 0" },
	{ "armhf", 1, "4@5", "operand 0" },
	{ "armhf", 1, "4@[sp, 8]", "operand 0" },
	{ "armhf", 1, "4@[sp,#8]", "operand 0" },
	{ "armhf", 1, "4@[sp, #8", "operand 0" },
	{ "ppc64le", 3, "8@%r3 -4@%r31 8@%r1", NULL },
	{ "ppc64le", 4, "8@96(%r1) 8@-8(%r31) 4@i5 -4@i-5", NULL },
	{ "ppc64le", 1, "8@3", "operand 0" },
	{ "ppc64le", 1, "8@%r32", "operand 0" },
	{ "ppc64le", 1, "8@%f1", "operand 0" },
	{ "ppc64le", 1, "8@8(1)", "operand 0" },
	{ "ppc64le", 1, "8@(%r1)", "operand 0" },
	{ "ppc", 4, "4@%r3 -4@%r31 4@56(%r1) 4@i5", NULL },
	{ "ppc64", 4, "8@%r3 -4@%r31 8@112(%r1) 8@i5", NULL },
	{ "ppc64", 1, "8@r3", "operand 0" },
	{ "sparc64", 4, "8@%l0 8@[%fp+2039] -4@[%sp] 8@[%i0-8]", NULL },
	{ "sparc64", 1, "8@5", NULL },
	{ "sparc64", 1, "8@%f0", "operand 0" },
	{ "sparc64", 1, "8@[%l0+-8]", NULL },
	{ "sparc64", 1, "8@[%l0 8]", "operand 0" },
};

static const struct usdt__arch *
arch_named(const char *name)
{
	size_t i;

	for (i = 0; i < usdt__arch_count; i++)
		if (strcmp(usdt__archs[i].name, name) == 0)
			return &usdt__archs[i];
	return NULL;
}

static void
check_operands(void)
{
	struct usdt__why why;
	size_t i;

	for (i = 0; i < sizeof operands / sizeof operands[0]; i++) {
		int result = usdt__operands_check(operands[i].text, "p",
		    operands[i].argc, arch_named(operands[i].arch), &why);

		try(result == (operands[i].error == NULL ? 0 : -1) &&
		    (result == 0 || strstr(why.text, operands[i].error)),
		    "%s, %zu: \"%s\": %s", operands[i].arch, operands[i].argc,
		    operands[i].text, result < 0 ? why.text : "accepted");
	}
	ok_all("operands");
}

/* --- code ---------------------------------------------------------------- */

/* Registers that hold no argument in C, and are named so by all readers. */
#if defined(__aarch64__)
#define TWO	"-4@x20 8@[x29, 16]"
static const uint8_t returns[] = { 0xc0, 0x03, 0x5f, 0xd6 };
#elif defined(__i386__)
#define TWO	"-4@%ebx 4@16(%ebp)"
static const uint8_t returns[] = { 0xc3 };
#elif defined(__x86_64__)
#define TWO	"-4@%rbx 8@16(%rbp)"
static const uint8_t returns[] = { 0xc3 };
#elif defined(__riscv)
#define TWO	"-4@s2 8@16(s0)"
static const uint8_t returns[] = { 0x67, 0x80, 0x00, 0x00 };
#elif defined(__s390x__)
#define TWO	"-4@%r7 8@16(%r11)"
static const uint8_t returns[] = { 0x07, 0xfe, 0x07, 0x07 };
#elif defined(__arm__)
#define TWO	"-4@r6 4@[fp, #16]"
static const uint8_t returns[] = { 0x1e, 0xff, 0x2f, 0xe1 };
#elif defined(__powerpc64__)
#define TWO	"-4@%r30 8@16(%r31)"
static const uint8_t returns[] = { 0x20, 0x00, 0x80, 0x4e };
#else				/* retl; nop */
#define TWO	"-4@%l0 8@[%fp+2039]"
static const uint8_t returns[] = {
	0x81, 0xc3, 0xe0, 0x08, 0x01, 0x00, 0x00, 0x00
};
#endif
#if defined(__x86_64__) || defined(__i386__)
#define ONE	"4@$5 4@$6"
#elif defined(__arm__)
#define ONE	"4@#5 4@#6"
#elif defined(__powerpc64__)
#define ONE	"4@i5 4@i6"
#else
#define ONE	"4@5 4@6"
#endif
#define BEFORE	8		/* bytes before the site, a whole instruction */

static const char *types[] = { "int", "char *" };
static uint8_t bytes[USDT_CODE_MAX + 1];	/* code */
static size_t size;				/* of the shortest */

/* A function that only has a site: it may be called at BEFORE. */
static usdt_site_t
make_code(size_t site)
{
	usdt_site_t where = { site, TWO };

	memset(bytes, 0x5a, sizeof bytes);
	size = site + usdt_site_nops(bytes + site);
	memcpy(bytes + size, returns, sizeof returns);
	size += sizeof returns;
	return where;
}

static usdt_probedef_t *
make_probe(const char *format, int number)
{
	char name[32];
	usdt_probedef_t *probe;

	snprintf(name, sizeof name, format, number);
	probe = usdt_create_probe("f", name, 2, types);
	if (probe == NULL) {
		printf("Bail out! %s\n", usdt_errstr(NULL));
		exit(1);
	}
	return probe;
}

static usdt_provider_t *
make_provider(const char *name, usdt_probedef_t *probe)
{
	usdt_provider_t *p = usdt_create_provider(name, "m");

	if (p == NULL || usdt_provider_add_probe(p, probe) < 0) {
		printf("Bail out! %s\n", usdt_errstr(p));
		exit(1);
	}
	return p;
}

static void
run_site(const void *code, size_t site)
{
	union {
		const uint8_t *at;
		void (*call)(void);
	} function = { (const uint8_t *)code + site };

	function.call();
}

static void
refuses(usdt_probedef_t *probe, const void *code, size_t length,
    const usdt_site_t *site, const char *text)
{
	int result = usdt_probe_set_code(probe, code, length, site);

	try(result == -1 && strstr(usdt_errstr(NULL), text) != NULL,
	    "%d, \"%s\", not \"%s\"", result, usdt_errstr(NULL), text);
}

static void
check_errors(void)
{
	usdt_probedef_t *probe = make_probe("wrong", 0);
	usdt_site_t site = make_code(BEFORE), bad = site;

	refuses(NULL, bytes, size, &site, "invalid argument: probe is NULL");
	refuses(probe, NULL, size, &site, "invalid argument: code is NULL");
	refuses(probe, bytes, size, NULL, "invalid argument: site is NULL");
	refuses(probe, bytes, USDT_CODE_MAX + 1, &site, "provider is too "
	    "large: probe wrong has 65537 bytes of code, at most 65536");
	refuses(probe, bytes, 0, &site, "is not within the 0 bytes of code");
	refuses(probe, bytes, size - sizeof returns - 1, &site,
	    "the site at 8 is not within");
	bad.offset = SIZE_MAX;
	refuses(probe, bytes, size, &bad, "is not within");
	bad.offset = site.offset - 1;
	refuses(probe, bytes, size, &bad, "no nops of usdt_site_nops at 7");
	bad = site;
	bad.operands = "8@%nothing 8@%nothing";
	refuses(probe, bytes, size, &bad, "invalid argument: operand 0, ");
	bad.operands = NULL;
	refuses(probe, bytes, size, &bad, "has 2 arguments, and 0 operands");
	bytes[site.offset] ^= 0xff;
	refuses(probe, bytes, size, &site, "no nops");
	ok_all("errors, each with its text");
	ok(probe->state->code == NULL && usdt_probe_code(probe) == NULL &&
	    usdt_probe_code(NULL) == NULL, "and the probe has no code");
	usdt_probe_release(probe);
}

/* The bytes of a provider's image. */
static char *
read_image(const usdt_provider_t *p, size_t *length)
{
	static char image[1 << 20];
	usdt_status_t status;
	FILE *f;

	usdt_provider_status(p, &status);
	f = fopen(status.sdt.path, "r");
	*length = f != NULL ? fread(image, 1, sizeof image, f) : 0;
	if (f != NULL)
		fclose(f);
	return image;
}

static void
check_life(void)
{
	usdt_probedef_t *probe = make_probe("life", 0);
	usdt_probedef_t *other = make_probe("other", 0);
	usdt_site_t site = make_code(BEFORE), first_site = { BEFORE, ONE };
	usdt_provider_t *p = make_provider("life", probe);
	const void *first, *again;
	void *argv[] = { NULL, NULL };
	size_t length;
	char *image;
	pid_t child;
	int status;

	is_int(usdt_probe_set_code(probe, bytes, size, &first_site), 0,
	    "it gets code");
	is_int(usdt_probe_set_code(probe, bytes, size, &site), 0,
	    "other operands replace the first");
	ok(usdt_probe_code(probe) == NULL, "nothing is mapped yet");
	is_int(usdt_provider_enable(p), 0, "enabled");
	first = usdt_probe_code(probe);
	if (!ok(first != NULL, "now it is"))
		return;
	is_int((long long)((uintptr_t)first % 64), 0, "at a multiple of 64");
	ok(memcmp(first, bytes, size) == 0, "the same bytes");
	image = read_image(p, &length);
	ok(memmem(image, length, TWO, sizeof TWO) != NULL,
	    "a note has the operands");
	run_site(first, BEFORE);
	usdt_probe_fire(probe, 2, argv);
	ok(1, "the code and usdt_probe_fire run");
	refuses(probe, bytes, size, &site, "probe life was enabled already");
	ok_all("it can't be changed any more");

	fflush(stdout);
	child = fork();
	if (child == 0) {
		again = usdt_probe_code(probe);
		run_site(again, BEFORE);
		_exit(again == first ? 0 : 1);
	}
	waitpid(child, &status, 0);
	is_int(status, 0, "a forked child has it, too");

	usdt_provider_disable(p);
	ok(usdt_probe_code(probe) == NULL, "disabled: NULL");
	run_site(first, BEFORE);
	usdt_provider_enable(p);
	ok(usdt_probe_code(probe) == first, "enabled: the same place");

	/* The image is laid out again, and the earlier copy stays. */
	usdt_provider_add_probe(p, other);
	usdt_provider_enable(p);
	ok(usdt_probe_code(probe) == first, "another probe moves nothing");
	usdt_provider_remove_probe(p, other);
	usdt_provider_remove_probe(p, probe);
	ok(usdt_probe_code(probe) == NULL, "removed: NULL");
	site = make_code(2 * BEFORE);
	is_int(usdt_probe_set_code(probe, bytes, size, &site), 0,
	    "then it may have other code");
	usdt_provider_add_probe(p, probe);
	usdt_provider_disable(p);
	usdt_provider_enable(p);
	again = usdt_probe_code(probe);
	ok(again != NULL && again != first && memcmp(again, bytes, size) == 0,
	    "which comes at another place");
	run_site(again, 2 * BEFORE);
	run_site(first, BEFORE);
	ok(1, "the earlier copy still runs");
	usdt_provider_free(p);
	ok(usdt_probe_code(probe) == NULL, "freed: NULL");
	usdt_probe_release(probe);
	usdt_probe_release(other);
}

/* Sizes and sites that would lie on two pages. */
static void
check_pages(void)
{
	usdt_probedef_t *probes[80];
	usdt_provider_t *p = usdt_create_provider("pages", "m");
	size_t nops = usdt_site_nops(bytes), sizes[80];
	size_t i, n = sizeof probes / sizeof probes[0];
	uint8_t *copies[80];

	is_int((long long)usdt_site_nops(NULL), (long long)nops,
	    "the size of a site without its instructions");
	for (i = 0; i < n; i++) {
		usdt_site_t site = make_code(i == 0 ? USDT_CODE_MAX - nops -
		    sizeof returns : 4020 + i / 4 * 4);

		probes[i] = make_probe("p%d", (int)i);
		sizes[i] = size;
		copies[i] = malloc(size);
		memcpy(copies[i], bytes, size);
		if (i % 5 == 4)
			usdt_provider_add_probe(p, probes[i]);
		else if (usdt_probe_set_code(probes[i], bytes, size, &site) < 0 ||
		    usdt_provider_add_probe(p, probes[i]) < 0)
			try(0, "%s", usdt_errstr(NULL));
	}
	is_int(usdt_provider_enable(p), 0, "many codes in an image");
	for (i = 0; i < n; i++) {
		const uint8_t *at = usdt_probe_code(probes[i]);
		uintptr_t site;

		if (i % 5 == 4) {
			try(at == NULL, "probe %zu has code", i);
			continue;
		}
		if (!try(at != NULL, "probe %zu has no code", i))
			continue;
		site = (uintptr_t)at + sizes[i] - sizeof returns - nops;
		try(memcmp(at, copies[i], sizes[i]) == 0, "code %zu differs",
		    i);
		try(site / 4096 == (site + nops - 1) / 4096 &&
		    (uintptr_t)at % 64 == 0, "site %zu is on two pages", i);
	}
	ok_all("each at its place, with its site within a page");
	for (i = 0; i < n; i++) {
		free(copies[i]);
		usdt_probe_release(probes[i]);
	}
	usdt_provider_free(p);
}

/* The image's path depends on the code. */
static void
check_identity(void)
{
	char paths[3][USDT_PATH_SIZE];
	usdt_status_t status;
	int i;

	for (i = 0; i < 3; i++) {
		usdt_probedef_t *probe = make_probe("same", 0);
		usdt_provider_t *p = make_provider("identity", probe);
		usdt_site_t site = make_code(BEFORE);

		bytes[0] = i == 2;
		usdt_probe_set_code(probe, bytes, size, &site);
		usdt_provider_enable(p);
		usdt_provider_status(p, &status);
		strcpy(paths[i], status.sdt.path);
		usdt_provider_free(p);
		usdt_probe_release(probe);
	}
	ok(strcmp(paths[0], paths[1]) == 0, "equal code, one image");
	ok(strcmp(paths[0], paths[2]) != 0, "another byte, another image");
}

/* Images with code don't move, and their number is limited. */
static void
check_limit(void)
{
	usdt_probedef_t *probe = make_probe("p%d", 0);
	usdt_provider_t *p = make_provider("limit", probe);
	usdt_site_t site = make_code(BEFORE);
	const void *first;
	int i;

	usdt_probe_set_code(probe, bytes, size, &site);
	usdt_provider_enable(p);
	first = usdt_probe_code(probe);
	usdt_probe_release(probe);
	for (i = 1; i < 100; i++) {
		usdt_probedef_t *more = make_probe("p%d", i);

		usdt_probe_set_code(more, bytes, size, &site);
		usdt_provider_add_probe(p, more);
		usdt_probe_release(more);
		if (usdt_provider_enable(p) < 0)
			break;
	}
	is_int(i, 32, "32 images with code");
	ok(strstr(usdt_errstr(p), "has 32 images, at most 32") != NULL,
	    "then an error: %s", usdt_errstr(p));
	ok(first != NULL && usdt_probe_code(probe) == first,
	    "none has moved");
	usdt_provider_free(p);
}

static void
check_disabled(void)
{
	usdt_probedef_t *probe = make_probe("off", 0);
	usdt_provider_t *p;
	usdt_site_t site = make_code(BEFORE);

	setenv("USDT_DISABLE", "1", 1);
	p = make_provider("off", probe);
	is_int(usdt_probe_set_code(probe, bytes, size, &site), 0,
	    "with USDT_DISABLE code is accepted");
	is_int(usdt_provider_enable(p), 0, "and the provider enabled");
	ok(usdt_probe_code(probe) == NULL, "but nothing mapped");
	unsetenv("USDT_DISABLE");
	usdt_provider_free(p);
	usdt_probe_release(probe);
}

int
main(void)
{
	const struct usdt__stub *stub;
	usdt_site_t site;

	scratch_begin();
	check_operands();
	site = make_code(BEFORE);
	stub = usdt__stub_choose(0);
	if (!usdt__native_platform()->image || stub == NULL) {
		usdt_probedef_t *probe = make_probe("none", 0);

		is_int((long long)usdt_site_nops(bytes), 0, "no sites here");
		is_int(usdt_probe_set_code(probe, bytes, 1, &site), 0,
		    "code is ignored");
		ok(usdt_probe_code(probe) == NULL, "and nowhere");
		usdt_probe_release(probe);
		return done_testing();
	}
	is_int((long long)(size - BEFORE - sizeof returns),
	    2 * (stub->dof_site - stub->sdt_site), "a site is two nops");
	check_errors();
	check_life();
	check_pages();
	check_identity();
	check_limit();
	check_disabled();
	return done_testing();
}
