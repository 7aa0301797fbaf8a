/*
 * helper_device.c - does the library talk to another system's helper device as
 * its kernel expects, and do the probes work?
 *
 * Linked with the library built for that system's row, with open, close, ioctl,
 * mmap, mprotect and munmap wrapped: this file acts as the kernel.  It knows
 * the structures by offsets of its own and refuses what the kernel refuses;
 * what the kernel would silently drop is a failure.  It sets breakpoints at the
 * addresses that a document names, as a tracer does.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "core/provider.h"	/* first: offsets as wide as the library's */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine.h"
#include "tap.h"

int __real_open(const char *path, int flags, ...);
int __real_close(int fd);
void *__real_mmap(void *at, size_t size, int prot, int flags, int fd,
    off_t offset);
int __real_mprotect(void *at, size_t size, int prot);
int __real_munmap(void *at, size_t size);
int __wrap_open(const char *path, int flags, ...);
int __wrap_close(int fd);
int __wrap_ioctl(int fd, unsigned long request, ...);
void *__wrap_mmap(void *at, size_t size, int prot, int flags, int fd,
    off_t offset);
int __wrap_mprotect(void *at, size_t size, int prot);
int __wrap_munmap(void *at, size_t size);

/* --- what the systems do ------------------------------------------------ */

enum kind { ILLUMOS, FREEBSD, MACOS };

static const struct system {
	const char *name, *device;
	unsigned long add, remove;
	int first;			/* generation */
	unsigned version;		/* of DOF */
	int most;			/* of one process */
	uint64_t largest;		/* bytes that a document may have */
	int probe_shift, isenabled_shift;	/* from an offset to its site */
	int from_document;		/* offsets count from it */
} systems[] = {
	{ "illumos", "/dev/dtrace/helper", 0x64746803, 0x64746802, 0, 2, 32,
	    8 << 20, 0, 0, 0 },
	{ "freebsd", "/dev/dtrace/helper", 0xc0587a03, 0x80047a02, 0, 2, 32,
	    8 << 20, 0, 0, 0 },
	{ "macos", "/dev/dtracehelper", 0x80086804, 0x20006802, 1, 3, 64,
	    512 << 10, -1, 2, 1 },
};
static const struct system *os;
static enum kind kind;

#define BIG	(__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)
#define DEVICE_FD	12345
#define DOCUMENTS	2048
#define SITES		65536

static struct document {
	uint64_t at;
	uint8_t *bytes;			/* as they were */
	uint64_t size;
	int present;
	char provider[64];
	int probes;
	uint64_t probe_at[8], isenabled_at[8];
} documents[DOCUMENTS];
static int next_generation, adds, removes, opened;
static int refuse_open, refuse_add, refuse_remove;	/* an errno, or 0 */
static int interruptions;
static uint64_t used[SITES];		/* every address that documents named */
static int used_count;

static int
present(void)
{
	int i, n = 0;

	for (i = 0; i < next_generation; i++)
		n += documents[i].present;
	return n;
}

static struct document *
newest(void)
{
	return &documents[next_generation - 1];
}

static uint64_t
get(const void *from, size_t at, size_t size)
{
	const uint8_t *bytes = (const uint8_t *)from + at;
	uint64_t wide = 0;
	size_t i;

	for (i = 0; i < size; i++)
		wide = wide << 8 | bytes[BIG ? i : size - 1 - i];
	return wide;
}

/*
 * The protection of the library's memory, by its own calls: an emulator of user
 * programs does not show it in /proc/self/maps.
 */
#define CHANGES	(1 << 17)
#define GONE	(-1)

static struct {
	uint64_t from, to;
	int protection;
} changes[CHANGES];
static int change_count;

static void
note_change(const void *at, size_t size, int protection)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

	if (change_count == CHANGES)
		abort();
	changes[change_count].from = (uintptr_t)at;
	changes[change_count].to = ((uintptr_t)at + size + page - 1) & -page;
	changes[change_count++].protection = protection;
}

static int
protection_of(uint64_t address)
{
	int i;

	for (i = change_count - 1; i >= 0; i--)
		if (address >= changes[i].from && address < changes[i].to)
			return changes[i].protection;
	return GONE;
}

static int
is_code(const void *at)
{
	int protection = protection_of((uintptr_t)at);

	return protection != GONE && (protection & PROT_EXEC) != 0;
}

static void
use(uint64_t address)
{
	int i;

	for (i = 0; i < used_count; i++)
		try(used[i] != address, "%#llx was named before",
		    (unsigned long long)address);
	if (used_count == SITES)
		abort();
	used[used_count++] = address;
}

/* A probe's two addresses, and the code that must be there. */
static void
check_sites(struct document *doc, int n, uint64_t base, int32_t offset,
    int32_t isenabled)
{
	uint64_t probe = base + (os->from_document ? (uint64_t)offset :
	    (uint32_t)offset) + (uint64_t)(SHIFTED * os->probe_shift);
	uint64_t ask = base + (os->from_document ? (uint64_t)isenabled :
	    (uint32_t)isenabled) + (uint64_t)(SHIFTED * os->isenabled_shift);
	const uint8_t *at;

	if (!try(protection_of(probe) == (PROT_READ | PROT_EXEC),
	    "a probe's site %#llx is %d", (unsigned long long)probe,
	    protection_of(probe)))
		return;
	if (!try(protection_of(ask) == (PROT_READ | PROT_EXEC),
	    "an is-enabled site is %d", protection_of(ask)))
		return;
	at = (const uint8_t *)(uintptr_t)probe;
	try(is_site(at), "a probe's site has 0x%02x", at[0]);
	at = (const uint8_t *)(uintptr_t)ask;
	try(is_question(at), "an is-enabled site has 0x%02x", at[0]);
	use(probe);
	use(ask);
	if (n < 8) {
		doc->probe_at[n] = probe;
		doc->isenabled_at[n] = ask;
	}
}

/* The offset of section N's bytes; its size in *SIZE. */
static uint64_t
section(const uint8_t *dof, unsigned n, unsigned type, uint64_t *size)
{
	const uint8_t *sec = dof + 64 + 32 * n;

	try(n < get(dof, 28, 4) && get(sec, 0, 4) == type &&
	    get(sec, 8, 4) == 1, "section %u is not a loaded one of type %u",
	    n, type);
	*size = get(sec, 24, 8);
	return get(sec, 16, 8);
}

/* Read a document up to its sites. */
static void
read_document(struct document *doc)
{
	const uint8_t *dof = doc->bytes, *pv = NULL, *probe;
	uint64_t size, strings, probes, offs, enoffs, n, i;

	try(memcmp(dof, "\177DOF", 4) == 0 && dof[4] == (sizeof(void *) == 8 ?
	    2 : 1) && dof[5] == 1 + BIG && dof[6] == os->version && dof[7] == 2 &&
	    dof[8] == 8 && dof[9] == 8 && get(dof, 24, 4) == 32 &&
	    get(dof, 32, 8) == 64, "not a header for %s", os->name);
	for (i = 0; i < get(dof, 28, 4); i++)
		if (get(dof + 64 + 32 * i, 0, 4) == 15)
			pv = dof + get(dof + 64 + 32 * i, 16, 8);
		else
			try(get(dof + 64 + 32 * i, 0, 4) != 12 &&
			    get(dof + 64 + 32 * i, 0, 4) != 10,
			    "there are relocations");
	if (!try(pv != NULL, "no provider"))
		return;
	strings = section(dof, (unsigned)get(pv, 0, 4), 8, &size);
	offs = section(dof, (unsigned)get(pv, 12, 4), 18, &size);
	enoffs = section(dof, (unsigned)get(pv, 40, 4), 26, &size);
	probes = section(dof, (unsigned)get(pv, 4, 4), 16, &size);
	snprintf(doc->provider, sizeof doc->provider, "%s",
	    (const char *)dof + strings + get(pv, 16, 4));
	n = size / 48;
	doc->probes = (int)n;
	for (i = 0; i < n; i++) {
		probe = dof + probes + 48 * i;
		try(get(probe, 34, 2) == 1 && get(probe, 40, 2) == 1,
		    "not one site of each kind");
		if (n <= 64)	/* enough to check */
			check_sites(doc, (int)i,
			    os->from_document ? doc->at : get(probe, 0, 8),
			    (int32_t)get(dof + offs, 4 * get(probe, 28, 4), 4),
			    (int32_t)get(dof + enoffs, 4 * get(probe, 36, 4),
			    4));
	}
}

/* Is a document that the system may read again unchanged? */
static void
check_kept(const struct document *doc)
{
	if (try(protection_of(doc->at) == PROT_READ,
	    "a document's memory is %d", protection_of(doc->at)))
		try(memcmp((const void *)(uintptr_t)doc->at, doc->bytes,
		    doc->size) == 0, "a document has changed");
}

/* HELPER is dof_helper_t: module at 0, dofhp_addr at 64, dofhp_dof at 72. */
static int
add_document(const uint8_t *helper)
{
	struct document *doc = &documents[next_generation];
	int i;

	adds++;
	if (refuse_add) {
		errno = refuse_add;
		return -1;
	}
	if (next_generation == DOCUMENTS)
		abort();
	memset(doc, 0, sizeof *doc);
	try(strcmp((const char *)helper, "rowmod") == 0, "module \"%.64s\"",
	    (const char *)helper);
	for (i = 6; i < 64; i++)
		try(helper[i] == 0, "the module's rest has %d", helper[i]);
	doc->at = get(helper, 72, 8);
	if (kind == MACOS)	/* an assertion there: the machine stops */
		try(get(helper, 64, 8) == doc->at, "dofhp_addr is not "
		    "dofhp_dof");
	try(doc->at % 8 == 0, "a document at %#llx",
	    (unsigned long long)doc->at);
	doc->size = get((void *)(uintptr_t)doc->at, 40, 8);
	if (doc->size < 64 || doc->size >= os->largest) {
		errno = doc->size < 64 ? EINVAL : E2BIG;
		return -1;
	}
	doc->bytes = malloc(doc->size);
	if (doc->bytes == NULL)
		abort();
	memcpy(doc->bytes, (void *)(uintptr_t)doc->at, doc->size);
	read_document(doc);
	for (i = 0; i < next_generation; i++)
		if (documents[i].present) {
			try(documents[i].at != doc->at, "the key is taken: "
			    "dropped");
			try(strcmp(documents[i].provider, doc->provider) != 0,
			    "a second live document of %s", doc->provider);
			check_kept(&documents[i]);
		}
	try(present() < os->most, "number %d: dropped", present() + 1);
	doc->present = 1;
	return os->first + next_generation++;
}

static int
remove_document(uint64_t generation)
{
	struct document *doc;

	removes++;
	if (refuse_remove) {
		errno = refuse_remove;
		return -1;
	}
	generation -= (uint64_t)os->first;
	if (!try(generation < (uint64_t)next_generation &&
	    documents[generation].present, "generation %llu is not there",
	    (unsigned long long)generation)) {
		errno = EINVAL;
		return -1;
	}
	doc = &documents[generation];
	check_kept(doc);
	free(doc->bytes);
	doc->present = 0;
	return 0;
}

/* FreeBSD: 88 bytes, of which the last 8 are pid and generation. */
static int
freebsd_add(uint8_t *helper)
{
	uint64_t dof = get(helper, 72, 8), kernel = 0xfffff80012345000;
	int generation;

	if ((pid_t)get(helper, 80, 4) != getpid()) {
		errno = EINVAL;
		return -1;
	}
	generation = add_document(helper);
	if (generation < 0)
		return -1;
	memcpy(helper + 64, &dof, 8);
	memcpy(helper + 72, &kernel, 8);
	memcpy(helper + 84, &generation, 4);
	return 0;
}

/* macOS: a pointer to the address of a count, followed by that many helpers. */
static int
macos_add(const uint64_t *argument)
{
	uint8_t *envelope = (uint8_t *)(uintptr_t)*argument;
	int64_t generation;
	int n;

	if (get(envelope, 0, 8) < 1 || get(envelope, 0, 8) > 1024) {
		errno = EINVAL;
		return -1;
	}
	try(get(envelope, 0, 8) == 1, "more than one helper");
	n = add_document(envelope + 8);
	if (n < 0)
		return -1;
	generation = n;
	memcpy(envelope + 8 + 72, &generation, 8);
	return 0;
}

int
__wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *argument;

	va_start(args, request);
	argument = va_arg(args, void *);
	va_end(args);
	try(fd == DEVICE_FD, "an ioctl of %d", fd);
	if (interruptions > 0) {
		interruptions--;
		errno = EINTR;
		return -1;
	}
	request &= 0xffffffff;
	if (request == os->add)
		return kind == FREEBSD ? freebsd_add(argument) :
		    kind == MACOS ? macos_add(argument) :
		    add_document(argument);
	if (request == os->remove)	/* macOS: an int in what it copied */
		return remove_document(kind == FREEBSD ?
		    get(argument, 0, 4) : kind == MACOS ?
		    get(&argument, 0, 4) : (uint64_t)(uintptr_t)argument);
	try(0, "request %#lx", request);
	errno = ENOTTY;
	return -1;
}

int
__wrap_open(const char *path, int flags, ...)
{
	if (strcmp(path, os->device) != 0)
		return __real_open(path, flags);
	try((flags & O_ACCMODE) == O_RDWR && (flags & O_CLOEXEC),
	    "opened with %#x", (unsigned)flags);
	if (refuse_open) {
		errno = refuse_open;
		return -1;
	}
	opened++;
	return DEVICE_FD;
}

int
__wrap_close(int fd)
{
	if (fd != DEVICE_FD)
		return __real_close(fd);
	opened--;
	return 0;
}

/* --- memory ------------------------------------------------------------- */

static int far_away;		/* countdown to the far mapping */
static int no_mmap, no_mprotect;	/* the call fails */
static int mapped;		/* pages of the library */

void *
__wrap_mmap(void *at, size_t size, int prot, int flags, int fd, off_t offset)
{
	void *got;

	try((prot & (PROT_WRITE | PROT_EXEC)) != (PROT_WRITE | PROT_EXEC),
	    "mmap of writable code");
	if (EMULATED)	/* what is there already would send it far away */
		at = NULL;
	if (far_away > 0 && --far_away == 0 && sizeof at == 8)
		at = (void *)((uintptr_t)0x100000000000);
	if (no_mmap) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	got = __real_mmap(at, size, prot, flags, fd, offset);
	if (got != MAP_FAILED) {
		mapped += (int)((size + 4095) / 4096);
		note_change(got, size, prot);
	}
	return got;
}

int
__wrap_mprotect(void *at, size_t size, int prot)
{
	try((prot & (PROT_WRITE | PROT_EXEC)) != (PROT_WRITE | PROT_EXEC),
	    "mprotect to writable code");
	try(!is_code(at), "code is changed");
	if (no_mprotect) {
		errno = EACCES;
		return -1;
	}
	if (__real_mprotect(at, size, prot) < 0)
		return -1;
	note_change(at, size, prot);
	return 0;
}

int
__wrap_munmap(void *at, size_t size)
{
	try(!is_code(at), "code is unmapped");
	mapped -= (int)((size + 4095) / 4096);
	note_change(at, size, GONE);
	return __real_munmap(at, size);
}

/* --- a tracer ----------------------------------------------------------- */

static uint64_t traced_probe, traced_isenabled;
static struct instruction at_probe, at_isenabled;	/* what was there */
static int fires;
static uintptr_t fired_with[USDT_ARG_MAX];

static void
trap(int number, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	uint64_t pc = trapped_at(uc);
	int i;

	(void)number;
	(void)info;
	if (pc == traced_isenabled) {
		answer(uc);
	} else if (pc == traced_probe) {
		fires++;
		for (i = 0; i < USDT_ARG_MAX; i++)
			fired_with[i] = argument(uc, i);
	} else {
		_exit(100);
	}
	go_on(uc);
}

/* Write an instruction, and keep the one before in OLD if that is not NULL. */
static void
poke(uint64_t at, struct instruction *old, struct instruction new)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *p = (uint8_t *)(uintptr_t)at;
	uint8_t *start = (uint8_t *)((uintptr_t)p & ~(page - 1));

	if (old != NULL)
		memcpy(old, p, sizeof *old);
	if (__real_mprotect(start, page, PROT_READ | PROT_WRITE) < 0)
		abort();
	memcpy(p, &new, sizeof new);
	if (__real_mprotect(start, page, PROT_READ | PROT_EXEC) < 0)
		abort();
	__builtin___clear_cache((char *)p, (char *)p + sizeof new);
}

static void
trace(int on)
{
	static const struct instruction breakpoint = BREAKPOINT;

	if (on) {
		traced_probe = newest()->probe_at[0];
		traced_isenabled = newest()->isenabled_at[0];
		poke(traced_probe, &at_probe, breakpoint);
		poke(traced_isenabled, &at_isenabled, breakpoint);
	} else {
		poke(traced_probe, NULL, at_probe);
		poke(traced_isenabled, NULL, at_isenabled);
	}
}

/* --- tests -------------------------------------------------------------- */

static usdt_provider_t *p;
static usdt_probedef_t *a, *b;
static usdt_status_t status;

static usdt_probedef_t *
add_to(usdt_provider_t *provider, const char *name)
{
	static const char *types[] = { "int" };
	usdt_probedef_t *def = usdt_create_probe("f", name, 1, types);

	if (def == NULL || usdt_provider_add_probe(provider, def) < 0) {
		printf("Bail out! %s\n", usdt_errstr(def ? provider : NULL));
		exit(1);
	}
	return def;
}

static void
begin(const char *name)
{
	refuse_open = refuse_add = refuse_remove = interruptions = 0;
	adds = removes = 0;
	p = usdt_create_provider(name, "rowmod");
	a = add_to(p, "a");
	b = NULL;
}

static void
end(const char *what)
{
	usdt_provider_free(p);
	usdt_probe_release(a);
	usdt_probe_release(b);
	try(present() == 0, "%d documents are left", present());
	try(opened == 0, "%d descriptors are left", opened);
	ok_all("%s: nothing is registered, kept or mapped that should not be",
	    what);
}

static void
get_status(void)
{
	usdt_provider_status(p, &status);
}

static void
error_is(const char *expected, const char *what)
{
	is_str(usdt_errstr(p), expected, "%s", what);
}

static void
test_taken(void)
{
	char text[100];
	void *argv[1] = { (void *)(uintptr_t)4711 };

	begin("taken");
	is_int(usdt_provider_enable(p), 0, "enable");
	get_status();
	ok(status.enabled && status.dof.taken && !status.dof.error &&
	    status.dof.generation == os->first && status.probes == 1 &&
	    present() == 1, "the helper has it, as its first");
	is_str(status.dof.path, os->device, "at its place");
	snprintf(text, sizeof text, "not on %s", os->name);
	ok(!status.sdt.taken && strcmp(status.sdt.reason, text) == 0,
	    "and no other: %s", status.sdt.reason);
	ok(usdt_is_enabled(a->probe) == 0 && usdt_probe_enabled(a) == 0,
	    "not traced yet");
	trace(1);
	ok(usdt_is_enabled(a->probe) == 1 && usdt_probe_enabled(a),
	    "now it is traced");
	usdt_probe_fire(a, 1, argv);
	ok(fires == 1 && fired_with[0] == 4711, "and gets the argument");
	is_int(usdt_provider_disable(p), 0, "disable");
	is_int(present(), 0, "removes it");
	usdt_probe_fire(a, 1, argv);
	ok(!usdt_probe_enabled(a) && fires == 1, "nothing comes any more, "
	    "though the tracer is still there");
	is_int(usdt_provider_enable(p), 0, "enable");
	get_status();
	is_int(status.dof.generation, os->first + 1, "is the next generation");
	ok(usdt_is_enabled(a->probe) == 0, "which the old tracer has not");
	trace(0);
	trace(1);
	usdt_probe_fire(a, 1, argv);
	ok(usdt_is_enabled(a->probe) == 1 && fires == 2, "but a new one");
	trace(0);
	end("one provider");
}

/* Registers and the stack, as the kernel reads them. */
static void
test_arguments(void)
{
	static const char *types[USDT_ARG_MAX];
	void *argv[USDT_ARG_MAX];
	char name[8];
	int n, i, before;

	for (i = 0; i < USDT_ARG_MAX; i++) {
		types[i] = "long";
		argv[i] = (void *)(~(uintptr_t)0 / 37 * (unsigned)(i + 1));
	}
	for (n = 0; n <= USDT_ARG_MAX; n++) {
		before = fires;
		snprintf(name, sizeof name, "n%d", n);
		p = usdt_create_provider("arguments", "rowmod");
		a = usdt_create_probe("f", name, (size_t)n, types);
		usdt_provider_add_probe(p, a);
		usdt_provider_enable(p);
		trace(1);
		usdt_probe_fire(a, (size_t)n, argv);
		trace(0);
		try(fires == before + 1, "%d arguments: it fires %d times", n,
		    fires - before);
		for (i = 0; i < n; i++)
			try(fired_with[i] == (uintptr_t)argv[i],
			    "argument %d of %d is %#llx", i, n,
			    (unsigned long long)fired_with[i]);
		usdt_provider_free(p);
		usdt_probe_release(a);
	}
	ok_all("0 to %d arguments are where the kernel looks", USDT_ARG_MAX);
}

static void
test_cycles(void)
{
	static const char *const names[] = {
		"c", "d", "e", "f", "g", "h", "i", "j", "k", "l"
	};
	int i, before = 0, most = 0;

	begin("cycles");
	for (i = 0; i < 400; i++) {
		if (i % 40 == 20)
			usdt_probe_release(add_to(p, names[i / 40]));
		if (usdt_provider_enable(p) < 0 ||
		    usdt_provider_disable(p) < 0)
			break;
		if (i % 40 == 39 && i < 160)
			usdt_provider_remove_probe(p,
			    p->state->set.last);
		if (i == 10)
			before = mapped;
		most = mapped > most ? mapped : most;
	}
	is_int(i, 400, "400 times enabled and disabled: no address twice");
	/* 32 bytes for each probe of each enabling. */
	ok(before > 0 && most <= before + (400 * 8 * 32) / 4096 + 1,
	    "%d pages after ten, %d at the most", before, most);
	end("cycles");
}

static void
test_growing(void)
{
	begin("growing");
	usdt_provider_enable(p);
	b = add_to(p, "b");
	get_status();
	ok(status.probes == 1 && status.waiting == 1, "an added probe waits");
	is_int(usdt_provider_enable(p), 0, "enable");
	get_status();
	ok(adds == 2 && removes == 1 && present() == 1 &&
	    newest()->probes == 2 && status.probes == 2 && status.images == 1,
	    "replaces the document by one that has both");
	is_int(usdt_provider_enable(p), 0, "enable again");
	is_int(adds, 2, "registers nothing");
	usdt_provider_remove_probe(p, b);
	usdt_provider_enable(p);
	is_int(adds, 2, "a removed probe leaves it as it is");
	usdt_provider_disable(p);
	usdt_provider_enable(p);
	is_int(newest()->probes, 1, "until the next enabling");
	trace(1);
	ok(usdt_is_enabled(a->probe) == 1, "the probe that stayed is traced");
	trace(0);
	end("growing");
}

static void
test_names(void)
{
	usdt_provider_t *other = usdt_create_provider("same", "rowmod");
	usdt_probedef_t *c = add_to(other, "c");
	char text[300];

	begin("same");
	is_int(usdt_provider_enable(other), 0, "one of a name");
	is_int(usdt_provider_enable(p), -1, "another of the name");
	snprintf(text, sizeof text, "failed to load DOF: another provider "
	    "named same is enabled, and %s can take back only one of each name",
	    os->name);
	error_is(text, "is refused, with the reason");
	get_status();
	is_str(status.dof.reason, text + strlen("failed to load DOF: "),
	    "also by the status");
	ok(!status.enabled && present() == 1, "nothing has changed");
	usdt_provider_disable(other);
	is_int(usdt_provider_enable(p), 0, "once the first is disabled it is "
	    "taken");
	is_int(usdt_provider_enable(other), -1, "and then not the first");
	usdt_provider_free(other);
	usdt_probe_release(c);
	end("names");
}

/* The library refuses what these systems drop silently. */
static void
test_reserved(void)
{
	static const char *const names[] = { "pid", "objc", "oneshot" };
	int reserved = strcmp(os->name, "macos") == 0 ? 3 : 1;
	char text[300];
	int i;

	for (i = 0; i < 3; i++) {
		usdt_provider_t *q = usdt_create_provider(names[i], "rowmod");

		snprintf(text, sizeof text, "provider name \"%s\" is DTrace's "
		    "own", names[i]);
		ok(i < reserved ? q == NULL && strstr(usdt_errstr(NULL), text)
		    != NULL : q != NULL, "a provider named %s is %s", names[i],
		    i < reserved ? "refused" : "taken");
		usdt_provider_free(q);
	}
}

static void
test_limits(void)
{
	usdt_provider_t *many[64];
	static const char *types[32];
	char name[200], text[300], type[128];
	int i, n = 0;

	begin("one-more");
	for (i = 0; i < os->most; i++) {
		snprintf(name, sizeof name, "many%c%c", 'a' + i / 8,
		    'a' + i % 8);
		many[i] = usdt_create_provider(name, "rowmod");
		usdt_probe_release(add_to(many[i], "x"));
		n += usdt_provider_enable(many[i]) == 0;
	}
	is_int(n, os->most, "as many providers as the system accepts");
	is_int(usdt_provider_enable(p), -1, "one more");
	snprintf(text, sizeof text, "failed to load DOF: %s accepts %d "
	    "providers of a process, and has them", os->name, os->most);
	error_is(text, "is refused, with the reason");
	is_int(present(), os->most, "and the helper has not heard of it");
	usdt_provider_free(many[3]);
	is_int(usdt_provider_enable(p), 0, "after one has gone it is accepted");
	usdt_probe_release(add_to(many[2], "y"));
	is_int(usdt_provider_enable(many[2]), 0, "replacing one is no more");
	for (i = 0; i < os->most; i++)
		if (i != 3)
			usdt_provider_free(many[i]);
	usdt_provider_disable(p);

	memset(type, 't', 127);
	type[127] = '\0';
	for (i = 0; i < 32; i++)
		types[i] = type;
	for (i = 0; i < (int)(os->largest / 4096) + 20; i++) {
		usdt_probedef_t *def;

		snprintf(name, sizeof name, "large%d", i);
		def = usdt_create_probe("f", name, 32, types);
		usdt_provider_add_probe(p, def);
		usdt_probe_release(def);
	}
	n = adds;
	is_int(usdt_provider_enable(p), -1, "a provider that is too large");
	snprintf(text, sizeof text, "DTrace accepts %d in one provider",
	    (int)os->largest - 1);
	ok(strstr(usdt_errstr(p), text) != NULL, "is refused: %s",
	    usdt_errstr(p));
	is_int(adds, n, "and the helper has not heard of it");
	end("limits");
}

static void
test_refusing(void)
{
	char text[200];
	int before, i;

	begin("refusing");
	refuse_open = EACCES;
	is_int(usdt_provider_enable(p), -1, "the device may not be opened");
	snprintf(text, sizeof text, "failed to load DOF: %s: Permission "
	    "denied", os->device);
	error_is(text, "the text");
	get_status();
	ok(!status.enabled && status.dof.error == EACCES && *a->gate == 0,
	    "nothing is enabled");
	before = mapped;
	for (i = 0; i < 500; i++)
		usdt_provider_enable(p);
	is_int(mapped, before, "500 attempts take no memory");
	refuse_open = 0;
	usdt_provider_enable(p);
	get_status();
	ok(status.enabled && present() == 1, "later it may");
	b = add_to(p, "b");
	refuse_add = EINVAL;
	is_int(usdt_provider_enable(p), -1, "a document that is to replace "
	    "another is refused");
	get_status();
	ok(!status.enabled && present() == 0 && *a->gate == 0 &&
	    status.dof.error == EINVAL, "the provider is disabled: the other "
	    "had to go first");
	refuse_add = 0;
	is_int(usdt_provider_enable(p), 0, "later it is accepted");
	ok(present() == 1 && newest()->probes == 2, "with both probes");
	refuse_remove = EIO;
	is_int(usdt_provider_disable(p), -1, "the helper keeps it");
	get_status();
	trace(1);
	ok(status.enabled && status.dof.taken && usdt_is_enabled(b->probe) +
	    usdt_is_enabled(a->probe) == 1, "all is as it was");
	trace(0);
	usdt_probe_release(add_to(p, "c"));
	is_int(usdt_provider_enable(p), -1, "nor can it be replaced then");
	get_status();
	ok(status.enabled && status.probes == 2 && status.waiting == 1 &&
	    present() == 1, "and all is as it was");
	refuse_remove = 0;
	interruptions = 3;
	is_int(usdt_provider_enable(p), 0, "interrupted calls are made again");
	interruptions = 3;
	is_int(usdt_provider_disable(p), 0, "both");
	setenv("USDT_BACKENDS", "sdt", 1);
	is_int(usdt_provider_enable(p), -1, "with SDT alone there is nothing");
	error_is("failed to load DOF: not in USDT_BACKENDS", "the text");
	unsetenv("USDT_BACKENDS");
	end("refusing");
}

static void
test_memory(void)
{
	int i, before;

	begin("memory");
	for (i = 0; i < 300; i++) {	/* more than there are stubs left */
		char name[16];

		snprintf(name, sizeof name, "p%d", i);
		usdt_probe_release(add_to(p, name));
	}
	before = mapped;
	no_mmap = 1;
	is_int(usdt_provider_enable(p), -1, "no memory to be mapped");
	error_is("failed to place the probe image: pages for stubs: Cannot "
	    "allocate memory", "the text");
	no_mmap = 0;
	no_mprotect = 1;
	is_int(usdt_provider_enable(p), -1, "none that may be executed");
	error_is("failed to place the probe image: pages for stubs: "
	    "Permission denied", "the text");
	get_status();
	ok(!status.enabled && adds == 0 && mapped == before,
	    "nothing is enabled, registered or kept");
	no_mprotect = 0;
	is_int(usdt_provider_enable(p), 0, "later there is");
	b = add_to(p, "b");
	no_mprotect = 1;
	is_int(usdt_provider_enable(p), -1, "and not for one more");
	get_status();
	ok(status.enabled && status.probes == 301 && status.waiting == 1 &&
	    present() == 1 && removes == 0, "the others stay");
	no_mprotect = 0;
	is_int(usdt_provider_enable(p), 0, "later there is");
	is_int(newest()->probes, 302, "for all");
	end("memory");
}

/* Documents must be near their stubs, wherever memory is free. */
static void
test_far(void)
{
	begin("far");
	usdt_provider_enable(p);
	usdt_provider_disable(p);
	far_away = 1;
	is_int(usdt_provider_enable(p), 0, "memory is far away");
	trace(1);
	ok(usdt_is_enabled(a->probe) == 1, "the document leads to its stubs");
	trace(0);
	end("far");
}

static int
in_child(void)
{
	int had = adds;

	get_status();
	if (!status.enabled || !status.dof.taken || adds != had ||
	    usdt_is_enabled(a->probe) != 1)	/* through its breakpoint */
		return 1;
	if (usdt_provider_disable(p) < 0 || present() != 0 ||
	    usdt_is_enabled(a->probe) != 0)
		return 2;
	if (usdt_provider_enable(p) < 0 || present() != 1)
		return 3;
	return tap_bad_tries > 0 ? 4 : 0;
}

static void
test_fork(void)
{
	int result = -1, had;
	pid_t pid;

	begin("forking");
	usdt_provider_enable(p);
	trace(1);
	had = adds;
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		_exit(in_child());
	waitpid(pid, &result, 0);
	is_int(result, 0, "a child has its parent's documents, removes them by "
	    "the parent's numbers, and can register again");
	ok(adds == had && present() == 1 && usdt_is_enabled(a->probe) == 1,
	    "the parent's is as it was");
	trace(0);
	end("fork");
}

static int stop;

static void *
fire_on(void *unused)
{
	void *argv[1] = { unused };

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		usdt_probe_enabled(a);
		usdt_probe_fire(a, 1, argv);
	}
	return NULL;
}

static void
test_threads(void)
{
	pthread_t threads[2];
	int i, n = 0;

	begin("threads");
	for (i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, fire_on, NULL);
	for (i = 0; i < 300; i++) {
		n += usdt_provider_enable(p) == 0;
		if (i % 3 == 0) {	/* replaced while others fire it */
			b = add_to(p, "b");
			n += usdt_provider_enable(p) == 0;
			usdt_provider_remove_probe(p, b);
			usdt_probe_release(b);
			b = NULL;
		}
		n += usdt_provider_disable(p) == 0;
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	is_int(n, 700, "two threads fire through 700 changes");
	end("threads");
}

int
main(void)
{
	const char *name = usdt__native_platform()->name;
	struct sigaction action;

	for (os = systems; kind < MACOS && strcmp(os->name, name) != 0; os++)
		kind++;
	is_str(name, os->name, "this is the library for %s", os->name);
	memset(&action, 0, sizeof action);
	action.sa_sigaction = trap;
	action.sa_flags = SA_SIGINFO;
	sigaction(SIGTRAP, &action, NULL);
	test_taken();
	test_arguments();
	test_cycles();
	test_growing();
	test_names();
	test_reserved();
	test_limits();
	test_refusing();
	test_memory();
	test_far();
	test_fork();
	test_threads();
	return done_testing();
}
