/*
 * names.c - does core/name.c accept the names that tracers can hold, refuse the
 * others with a reason, and spell them as tracers do?
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>

#include "tap.h"
#include "core/provider.h"

typedef int check(const struct usdt__platform *row, const char *name,
    struct usdt__why *why);

static int
check_type(const struct usdt__platform *row, const char *type,
    struct usdt__why *why)
{
	return usdt__name_check_type(row, type, 3, why);
}

/* The kinds of names, with what the header and the systems say of them. */
static const struct kind {
	const char *name;
	check *check;
	size_t max;
	int in_path;		/* part of the image's path */
} kinds[] = {
	{ "provider", usdt__name_check_provider, 53, 1 },
	{ "module", usdt__name_check_module, 63, 1 },
	{ "function", usdt__name_check_function, 127, 0 },
	{ "probe", usdt__name_check_probe, 63, 0 },
};

static const struct usdt__platform *
row(const char *name)
{
	size_t i;

	for (i = 0; i < usdt__platform_count; i++)
		if (strcmp(usdt__platforms[i].name, name) == 0)
			return &usdt__platforms[i];
	printf("Bail out! no row for %s\n", name);
	exit(1);
}

/* The text of a refusal is exactly TEXT, with a '?' for each control and each
 * byte that is not ASCII, and its errno is 0. */
static void
refused(check *c, const char *system, const char *name, const char *shown)
{
	struct usdt__why why = { 99, "untouched", USDT__SYSTEM };
	int result = c(row(system), name, &why);
	char text[USDT_TEXT_SIZE];
	size_t i;

	snprintf(text, sizeof text, "%s", shown);
	for (i = 0; text[i] != '\0'; i++)
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
	try(result == -1 && strcmp(why.text, text) == 0 && why.error == 0,
	    "%d, \"%s\", expected \"%s\"", result, why.text, text);
}

static void
taken(check *c, const char *system, const char *name)
{
	struct usdt__why why = { 99, "untouched", USDT__SYSTEM };
	int result = c(row(system), name, &why);

	try(result == 0 && strcmp(why.text, "untouched") == 0,
	    "\"%.80s\": %d, \"%s\"", name, result, why.text);
}

/* A name of LENGTH bytes. */
static const char *
name_of(size_t length)
{
	static char name[512];

	memset(name, 'n', length);
	name[length] = '\0';
	return name;
}

static void
test_limits(const struct kind *kind, const char *system)
{
	char text[USDT_TEXT_SIZE];
	size_t length;

	for (length = 1; length <= kind->max; length++)
		taken(kind->check, system, name_of(length));
	for (length = kind->max + 1; length < 300; length += 40) {
		snprintf(text, sizeof text, "%s name \"%.32s...\" has %zu "
		    "bytes, %s accepts %zu", kind->name, name_of(32), length,
		    strcmp(system, "none") == 0 ? "tracers" : "DTrace",
		    kind->max);
		refused(kind->check, system, name_of(length), text);
	}
	ok_all("%s names of 1 to %zu bytes on %s", kind->name, kind->max,
	    system);
}

static void
test_common(const struct kind *kind)
{
	char text[USDT_TEXT_SIZE];

	snprintf(text, sizeof text, "%s name is NULL", kind->name);
	refused(kind->check, "linux", NULL, text);
	snprintf(text, sizeof text, "%s name is empty", kind->name);
	refused(kind->check, "linux", "", text);
	snprintf(text, sizeof text, "%s name may not be \".\": it becomes "
	    "part of a path", kind->name);
	refused(kind->check, "linux", ".", text);
	snprintf(text, sizeof text, "%s name may not be \"..\": it becomes "
	    "part of a path", kind->name);
	refused(kind->check, "linux", "..", text);
	taken(kind->check, "linux", "...");
	taken(kind->check, "linux", ".a");
	ok_all("%s: NULL, empty, dots", kind->name);
}

/* --- characters --------------------------------------------------------- */

static const char letters[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
static const char digits[] = "0123456789";

/* As usdt.h has it. */
static int
may_hold(const struct kind *kind, unsigned char c)
{
	if (kind->in_path)
		return strchr(letters, c) != NULL ||
		    strchr(digits, c) != NULL || strchr("._+-", c) != NULL;
	return c > ' ' && c != 0x7f && strchr("/:", c) == NULL &&
	    (c != ',' || kind->check == usdt__name_check_function);
}

static void
test_characters(const struct kind *kind)
{
	char name[8], text[USDT_TEXT_SIZE], shown[8];
	unsigned c, at;

	for (c = 1; c < 256; c++)
		for (at = 0; at < 3; at++) {
			strcpy(name, "abc");
			name[at] = (char)c;
			if (at == 0 && kind->check == usdt__name_check_provider
			    && (strchr(digits, (int)c) != NULL || c == '+'))
				continue;	/* test_provider tests those */
			if (may_hold(kind, (unsigned char)c)) {
				taken(kind->check, "linux", name);
				continue;
			}
			snprintf(shown, sizeof shown,
			    c > ' ' && c < 0x7f ? "'%c'" : "\\x%02x", c);
			if (kind->in_path)
				snprintf(text, sizeof text, "%s name \"%s\" "
				    "holds %s: only letters, digits and ._-+ "
				    "are accepted, tracers cut names elsewhere",
				    kind->name, name, shown);
			else
				snprintf(text, sizeof text, "%s name \"%s\" "
				    "holds %s: '/', ':', %sblanks and "
				    "control characters are not accepted, "
				    "tracers cut names there", kind->name,
				    name, shown, kind->check ==
				    usdt__name_check_probe ? "',', " : "");
			refused(kind->check, "linux", name, text);
		}
	ok_all("%s: every character, at every place", kind->name);
}

/* A refused name may be printed on a terminal. */
static void
test_shown(void)
{
	static const struct {
		const char *name, *shown;
	} names[] = {
		{ "a\033]0;b\007", "a?]0;b?" },
		{ "caf\303\251", "caf\303\251" },
		{ "\342\202\254 \360\237\230\200", "\342\202\254 \360\237\230\200" },
		{ "\302\233m", "??m" },		/* U+009B, a control */
		{ "\302\240", "\302\240" },
		{ "\233m\303", "?m?" },		/* no UTF-8 */
		{ "\342\202a\377\300\200", "??a???" },
	};
	char text[USDT_TEXT_SIZE];
	size_t i;

	for (i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct usdt__why why = { 99, "untouched", USDT__SYSTEM };

		snprintf(text, sizeof text, "module name \"%s\" holds ",
		    names[i].shown);
		try(usdt__name_check_module(row("linux"), names[i].name,
		    &why) == -1 && strncmp(why.text, text, strlen(text)) == 0,
		    "\"%s\", expected \"%s\"", why.text, text);
	}
	ok_all("errors print no control characters of a name");
}

/* pid is reserved on all systems; each may have more reserved names. */
static void
test_reserved(void)
{
	static const char *const names[] = {
		"pid", "objc", "oneshot", "syscall"
	};
	char text[USDT_TEXT_SIZE];
	size_t i, j;

	for (i = 0; i < usdt__platform_count; i++)
		for (j = 0; j < sizeof names / sizeof names[0]; j++) {
			const char *system = usdt__platforms[i].name;

			snprintf(text, sizeof text, "provider name \"%s\" is "
			    "DTrace's own", names[j]);
			if (j == 0 || (j < 3 && strcmp(system, "macos") == 0))
				refused(usdt__name_check_provider, system,
				    names[j], text);
			else
				taken(usdt__name_check_provider, system,
				    names[j]);
		}
	ok_all("provider: what a system has itself");
}

static void
test_provider(void)
{
	char name[] = "?abc", text[USDT_TEXT_SIZE];
	const char *c;

	for (c = "0123456789+"; *c != '\0'; c++) {
		name[0] = *c;
		snprintf(text, sizeof text, "provider name \"%s\" must start "
		    "with a letter, '.', '_' or '-' for DTrace", name);
		refused(usdt__name_check_provider, "linux", name, text);
	}
	ok_all("provider: how it may not start");
	refused(usdt__name_check_provider, "linux", "pid",
	    "provider name \"pid\" is DTrace's own");
	taken(usdt__name_check_provider, "linux", "pid1");
	taken(usdt__name_check_provider, "linux", "PID");
	taken(usdt__name_check_module, "linux", "pid");
	ok_all("provider: pid");
	test_reserved();
	taken(usdt__name_check_provider, "linux", "testlibusdt1");
	taken(usdt__name_check_provider, "linux", "provider0");
	ok_all("provider: may end in a digit");
	taken(usdt__name_check_provider, "linux", "a+b");
	taken(usdt__name_check_provider, "none", "a+b");
	refused(usdt__name_check_provider, "illumos", "a+b", "provider name "
	    "\"a+b\" holds '+': only letters, digits and ._- are accepted, "
	    "tracers cut names elsewhere");
	taken(usdt__name_check_module, "illumos", "a+b");
	ok_all("provider: '+' where the system accepts it");
}

static void
test_probe(void)
{
	static const char *const bad[] = {
		"a_-b", "_-", "a_-", "_-b", "a__-b", "a-_-b"
	};
	char text[USDT_TEXT_SIZE];
	size_t i;

	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		snprintf(text, sizeof text, "probe name \"%s\" holds \"_-\": "
		    "SDT notes write '-' as \"__\", and nobody could tell "
		    "which is meant", bad[i]);
		refused(usdt__name_check_probe, "linux", bad[i], text);
	}
	taken(usdt__name_check_probe, "linux", "a-_b");
	taken(usdt__name_check_probe, "linux", "a-b_c-d");
	taken(usdt__name_check_function, "linux", "a_-b");
	taken(usdt__name_check_probe, "linux", "r\303\251sum\303\251");
	taken(usdt__name_check_function, "linux", "operator<<(int)");
	taken(usdt__name_check_function, "linux",
	    "valueOf(char[],int,int)java.lang.String");
	ok_all("probe: what would be ambiguous");
}

static void
test_type(void)
{
	char text[USDT_TEXT_SIZE], name[8];
	size_t length;
	int c;

	refused(check_type, "linux", NULL, "type 3 is NULL");
	refused(check_type, "linux", "", "type 3 is empty");
	for (length = 1; length <= 127; length++)
		taken(check_type, "linux", name_of(length));
	snprintf(text, sizeof text, "type 3 \"%.32s...\" has 128 bytes, "
	    "DTrace accepts 127", name_of(32));
	refused(check_type, "linux", name_of(128), text);
	for (c = 1; c < 256; c++) {
		snprintf(name, sizeof name, "i%c", c);
		if (c >= ' ' && c != 0x7f) {
			taken(check_type, "linux", name);
			continue;
		}
		snprintf(text, sizeof text, "type 3 holds \\x%02x",
		    (unsigned)c);
		refused(check_type, "linux", name, text);
	}
	ok_all("types: NULL, empty, 1 to 127 bytes, control characters");
}

/* --- spellings ---------------------------------------------------------- */

static void
spelled(const char *name, const char *dof, const char *note_name)
{
	char out[64];
	size_t n;

	memset(out, '#', sizeof out);
	n = usdt__name_dof(name, out);
	try(n == strlen(dof) && strcmp(out, dof) == 0 && out[n + 1] == '#',
	    "\"%s\" is \"%s\" (%zu) in DOF", name, out, n);
	memset(out, '#', sizeof out);
	n = usdt__name_note(name, out);
	try(n == strlen(note_name) && strcmp(out, note_name) == 0 &&
	    out[n + 1] == '#', "\"%s\" is \"%s\" (%zu) in notes", name, out,
	    n);
	try(usdt__name_note(name, NULL) == n, "\"%s\" has another length",
	    name);
}

static void
test_spellings(void)
{
	static const char *const odd[] = {
		"f(int)", "a[b", "a]", "a,b", "a*", "a?", "a\\", "caf\303\251",
		"a b", "$a", "a`b", "a+b"
	};
	size_t i;

	spelled("start", "start", "start");
	spelled("request-start", "request-start", "request__start");
	spelled("request__start", "request-start", "request__start");
	spelled("a_b", "a_b", "a_b");
	spelled("-", "-", "__");
	spelled("--", "--", "____");
	spelled("_", "_", "_");
	spelled("___", "-_", "___");
	spelled("____", "--", "____");
	spelled("a-_b", "a-_b", "a___b");
	spelled("a___b", "a-_b", "a___b");
	ok_all("spellings");
	for (i = 0; i < sizeof odd / sizeof odd[0]; i++)
		try(!usdt__name_spells(odd[i]), "\"%s\"", odd[i]);
	try(usdt__name_spells("a-Z_0.9"), "an ordinary name");
	ok_all("which names DTrace's descriptions can't spell");
}

/* How DTrace reads a note's name: each "__" from the left is a '-'. */
static void
read_note(const char *name, char *out)
{
	while (*name != '\0')
		if (strncmp(name, "__", 2) == 0) {
			*out++ = '-';
			name += 2;
		} else {
			*out++ = *name++;
		}
	*out = '\0';
}

/* Every name of up to 9 letters from an alphabet of the difficult ones. */
static void
test_agreement(void)
{
	static const char alphabet[] = "a_-";
	char name[16], dof[16], noted[32], read[32];
	struct usdt__why why;
	long i, rest;
	int length, n, accepted = 0;

	for (length = 1; length <= 9; length++)
		for (i = 0, rest = 0; rest == 0; i++) {
			for (n = 0, rest = i; n < length; n++, rest /= 3)
				name[n] = alphabet[rest % 3];
			name[n] = '\0';
			if (rest > 0 || usdt__name_check_probe(row("linux"),
			    name, &why) < 0)
				continue;
			accepted++;
			usdt__name_dof(name, dof);
			usdt__name_note(name, noted);
			read_note(noted, read);
			try(strcmp(read, dof) == 0 && strchr(noted, '-') ==
			    NULL, "\"%s\": DOF \"%s\", note \"%s\"", name,
			    dof, noted);
		}
	ok_all("a name's two spellings are one name to DTrace (%d names)",
	    accepted);
	ok(accepted > 5000, "most names of '-' and '_' are accepted");
}

int
main(void)
{
	static const char *const systems[] = {
		"linux", "illumos", "freebsd", "macos", "none"
	};
	size_t i, j;

	for (i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		for (j = 0; j < sizeof systems / sizeof systems[0]; j++)
			test_limits(&kinds[i], systems[j]);
		test_common(&kinds[i]);
		test_characters(&kinds[i]);
	}
	test_shown();
	test_provider();
	test_probe();
	test_type();
	test_spellings();
	test_agreement();
	return done_testing();
}
