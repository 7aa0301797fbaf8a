/*
 * core/pages.c - where do stubs and documents live that need no file?
 *
 * Outside Linux tracers patch any executable memory of a process.  Stubs come
 * from pages that are filled with stubs before they become executable.  So no
 * page that a thread may be running in is ever written, and no page is writable
 * and executable at the same time.
 *
 * A stub that a kernel knew is never used again: when a tracer leaves, however
 * late, it restores the byte that it found, and so would remove the next
 * tracer's breakpoint.  For the same reason the pages stay when all their stubs
 * are gone.  So each enabling costs USDT__STUB_SIZE bytes for each probe,
 * forever.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include "image/image.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* Offsets between a document and its stubs are signed, with 32 bits. */
#define NEAR	((uintptr_t)1 << 30)

/* The pages with unused stubs.  Under the library's lock. */
static struct {
	uint8_t *start;
	size_t size, used;
} text;

static size_t
whole_pages(size_t size)
{
	return usdt__align(size, (size_t)sysconf(_SC_PAGESIZE));
}

static int
failed(struct usdt__why *why, const char *what)
{
	int error = errno;

	return usdt__because(why, error, "%s: %s", what, usdt__strerror(error));
}

static int
is_near(const uint8_t *document, size_t size)
{
	uintptr_t a = (uintptr_t)document, b = (uintptr_t)text.start;

	return a < b ? b - a < NEAR && text.size < NEAR :
	    a - b < NEAR && size < NEAR;
}

/* Fill a mapping with stubs, and make it executable. */
static int
fill(uint8_t *start, size_t size, const struct usdt__stub *stub)
{
	size_t at;

	for (at = 0; at < size; at += USDT__STUB_SIZE)
		memcpy(start + at, stub->code, USDT__STUB_SIZE);
	if (mprotect(start, size, PROT_READ | PROT_EXEC) < 0)
		return -1;
	__builtin___clear_cache((char *)start, (char *)start + size);
	return 0;
}

/* Map new stubs, and a document behind them. */
static int
map_both(const struct usdt__stub *stub, size_t stubs_size, size_t size,
    uint8_t **document, struct usdt__why *why)
{
	uint8_t *start;

	stubs_size = whole_pages(stubs_size);
	start = mmap(NULL, stubs_size + size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANON, -1, 0);
	if (start == MAP_FAILED)
		return failed(why, "pages for stubs");
	if (fill(start, stubs_size, stub) < 0) {
		failed(why, "pages for stubs");
		munmap(start, stubs_size + size);
		return -1;
	}
	/* The unused stubs of the old pages are lost. */
	text.start = start;
	text.size = stubs_size;
	text.used = 0;
	*document = start + stubs_size;
	return 0;
}

int
usdt__pages_take(const struct usdt__stub *stub, size_t count, size_t size,
    struct usdt__pages *pages, struct usdt__why *why)
{
	size_t stubs_size = count * USDT__STUB_SIZE;
	uint8_t *document = NULL;

	size = whole_pages(size);
	if (text.size - text.used >= stubs_size) {
		document = mmap(text.start, size, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANON, -1, 0);
		if (document == MAP_FAILED)
			return failed(why, "pages for a document");
		if (!is_near(document, size)) {
			munmap(document, size);
			document = NULL;
		}
	}
	if (document == NULL && map_both(stub, stubs_size, size, &document,
	    why) < 0)
		return -1;
	pages->stubs = text.start + text.used;
	pages->stubs_size = stubs_size;
	pages->document = document;
	pages->document_size = size;
	text.used += stubs_size;
	return 0;
}

int
usdt__pages_seal(struct usdt__pages *pages, struct usdt__why *why)
{
	if (mprotect(pages->document, pages->document_size, PROT_READ) < 0)
		return failed(why, "pages for a document");
	return 0;
}

void
usdt__pages_drop(struct usdt__pages *pages, int told)
{
	munmap(pages->document, pages->document_size);
	if (!told && pages->stubs + pages->stubs_size == text.start + text.used)
		text.used -= pages->stubs_size;
	memset(pages, 0, sizeof *pages);
}
