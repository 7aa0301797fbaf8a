/*
 * error_language.c - are errors in English, whatever the host's language is?
 *
 * A catalogue made here translates the C library's own texts.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <libintl.h>
#include <locale.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"
#include "scratch.h"
#include "usdt.h"

#define ENGLISH	"No such file or directory"
#define FOREIGN	"Gibt es nicht"

/* A catalogue of one text, with the header that it needs. */
static int
write_catalogue(const char *path)
{
	static const char header[] = "Content-Type: text/plain; charset=UTF-8\n";
	const uint32_t texts = 7 * 4 + 4 * 8;
	const uint32_t words[] = {
		0x950412de, 0, 2, 28, 28 + 16, 0, 0,
		/* size and place: of the originals ... */
		0, texts,
		sizeof ENGLISH - 1, texts + 1,
		/* ... and of their translations */
		sizeof header - 1, texts + 1 + sizeof ENGLISH,
		sizeof FOREIGN - 1, texts + 1 + sizeof ENGLISH + sizeof header
	};
	FILE *out = fopen(path, "w");
	int done;

	if (out == NULL)
		return -1;
	done = fwrite(words, sizeof words, 1, out) == 1 &&
	    fwrite("", 1, 1, out) == 1 &&
	    fwrite(ENGLISH, sizeof ENGLISH, 1, out) == 1 &&
	    fwrite(header, sizeof header, 1, out) == 1 &&
	    fwrite(FOREIGN, sizeof FOREIGN, 1, out) == 1;
	return fclose(out) == 0 && done ? 0 : -1;
}

/*
 * -1: there is no locale for it.  The C library never translates in a locale
 * named C, so that locale gets another name.
 */
static int
speak(void)
{
	char path[160];

	snprintf(path, sizeof path, "%s/xx_XX.UTF-8", scratch);
	if (symlink("/usr/lib/locale/C.utf8", path) < 0)
		return -1;
	setenv("LOCPATH", scratch, 1);
	snprintf(path, sizeof path, "%s/xx", scratch);
	mkdir(path, 0700);
	strcat(path, "/LC_MESSAGES");
	mkdir(path, 0700);
	strcat(path, "/libc.mo");
	setenv("LANGUAGE", "xx", 1);
	if (setlocale(LC_ALL, "xx_XX.UTF-8") == NULL)
		return -1;
	return write_catalogue(path) == 0 &&
	    bindtextdomain("libc", scratch) != NULL &&
	    strcmp(strerror(ENOENT), FOREIGN) == 0;
}

int
main(void)
{
	usdt_provider_t *p = usdt_create_provider("english", "m");
	usdt_probedef_t *probe = usdt_create_probe("f", "n", 0, NULL);
	usdt_status_t status;
	int foreign;

	scratch_begin();
	foreign = speak();
#if defined(__GLIBC__)		/* others have no catalogues */
	if (foreign < 0)
		skip("no locale can be made from that of C here");
	else
		ok(foreign, "the C library's texts are translated");
#endif
	setenv("USDT_BACKENDS", "dof", 1);
	usdt_provider_add_probe(p, probe);
	is_int(usdt_provider_enable(p), -1, "there is no such device");
	ok(strstr(usdt_errstr(p), ENGLISH) != NULL, "the error's text: %s",
	    usdt_errstr(p));
	usdt_provider_status(p, &status);
	ok(strstr(status.dof.reason, ENGLISH) != NULL, "the reason: %s",
	    status.dof.reason);
	is_str(strerror(ENOENT), foreign > 0 ? FOREIGN : ENGLISH,
	    "the host goes on in its language");
	usdt_provider_free(p);
	usdt_probe_release(probe);
	return done_testing();
}
