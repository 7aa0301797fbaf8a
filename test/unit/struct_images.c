/*
 * struct_images.c - which images have a provider's structs?
 *
 * The text of structs in an image file says so: the unit looks for it there.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <sys/wait.h>

#include "tap.h"
#include "scratch.h"
#include "core/provider.h"

static const usdt_field_t fields[] = { { "int a", 0 }, { "char *b", 8 } };
static usdt_provider_t *p;
static usdt_status_t status;
static int files;

static usdt_probedef_t *
add(const char *name)
{
	usdt_probedef_t *def = usdt_create_probe("f", name, 0, NULL);

	if (def == NULL || usdt_provider_add_probe(p, def) < 0) {
		printf("Bail out! %s\n", usdt_errstr(p));
		exit(1);
	}
	return def;
}

/* Enable; is the newest image a new one? */
static int
enable(void)
{
	static char before[USDT_PATH_SIZE];

	strcpy(before, status.sdt.path);
	if (usdt_provider_enable(p) < 0 ||
	    usdt_provider_status(p, &status) < 0)
		return -1;
	return strcmp(before, status.sdt.path) != 0;
}

/* Has the newest image a definition of that struct? */
static int
has(const char *name)
{
	static char bytes[1 << 20];
	char text[64];
	FILE *file = fopen(status.sdt.path, "r");
	size_t size;

	if (file == NULL)
		return -1;
	size = fread(bytes, 1, sizeof bytes, file);
	fclose(file);
	files++;
	snprintf(text, sizeof text, "struct %s {", name);
	return memmem(bytes, size, text, strlen(text)) != NULL;
}

static int
in_child(void)
{
	int code = -1;
	pid_t pid = fork();

	if (pid == 0) {
		add("c");
		_exit(usdt_provider_add_struct(p, "of_child", 16, 2,
		    fields) < 0 || enable() != 1 || !has("first") ||
		    !has("of_child"));
	}
	waitpid(pid, &code, 0);
	return code;
}

int
main(void)
{
	usdt_probedef_t *a, *b;
	char path[USDT_PATH_SIZE];

	scratch_begin();
	setenv("USDT_BACKENDS", "sdt", 1);
	p = usdt_create_provider("structs", "m");
	a = add("a");
	ok(enable() == 1 && has("first") == 0, "an image without structs");
	is_int(usdt_provider_add_struct(p, "first", 16, 2, fields), 0,
	    "a struct is added");
	is_int(enable(), 0, "enabling makes no image, since no probe is new");
	is_str(usdt_errstr(p), "provider is already enabled", "and says so");
	usdt_provider_disable(p);
	ok(enable() == 0 && has("first") == 0, "the image that was made stays");
	b = add("b");
	ok(enable() == 1 && has("first") == 1, "the next one has the struct");
	strcpy(path, status.sdt.path);
	usdt_provider_remove_probe(p, b);
	usdt_provider_disable(p);
	usdt_provider_remove_probe(p, a);
	usdt_provider_add_probe(p, b);
	ok(enable() == 0 && strcmp(path, status.sdt.path) == 0,
	    "the old image comes back with the same probe and structs");
	usdt_provider_disable(p);
	usdt_provider_remove_probe(p, b);
	is_int(usdt_provider_add_struct(p, "second", 16, 2, fields), 0,
	    "another struct");
	usdt_provider_add_probe(p, b);
	ok(enable() == 1 && has("first") == 1 && has("second") == 1,
	    "the same probe with another struct is another image");
	is_int(in_child(), 0, "a child has its parent's structs, and adds one");
	ok(has("second") == 1 && has("of_child") == 0,
	    "which the parent does not get");
	usdt_provider_free(p);

	setenv("USDT_DISABLE", "1", 1);
	p = usdt_create_provider("structs", "m");
	usdt_provider_add_probe(p, a);
	ok(usdt_provider_add_struct(p, "first", 16, 2, fields) == 0 &&
	    usdt_provider_add_struct(p, "first", 16, 1, fields) < 0 &&
	    usdt_provider_enable(p) == 0, "with USDT_DISABLE the calls do "
	    "the same");
	usdt_provider_free(p);
	usdt_probe_release(a);
	usdt_probe_release(b);
	ok(files > 5, "%d image files were read", files);
	return done_testing();
}
