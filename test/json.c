/*
 * json.c - prints events of struct pointers as JSON, for json.t.
 *
 *	struct item { int id; char *name; };
 *	struct all { short n[3]; char chars[4]; double d; struct item items[2];
 *	    struct item *next; };
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/events/parts.h"
#include "tools/watch/watch.h"

static const char text[] =
    "struct item { int id; char __pad4[4]; char *name; };\n"
    "struct all { short n[3]; char chars[4]; char __pad10[6]; double d; "
    "struct item items[2]; struct item *next; };\n"
    "void probe(struct all *all, char *t, int t2);\n";

#define TEXT(bytes_, length_, flags_) (struct value){ \
	.bits = 1, .bytes = 8, .flags = VALUE_TEXT | (flags_), \
	.text = (bytes_), .length = (length_) \
}
#define NUMBER(bits_, bytes_) (struct value){ \
	.bits = (uint64_t)(bits_), .bytes = (bytes_) \
}
#define ARRAY(bytes_, length_, flags_) (struct value){ \
	.bytes = (length_), .flags = (flags_), \
	.text = (const char *)(bytes_), .length = (length_) \
}

static struct value values[16];

/* All values as they should be; then a case changes some. */
static void
reset(void)
{
	static const int16_t n[] = { 1, -2, 3 };
	static const double half = 0.5;
	struct value *value = values;
	uint64_t bits;

	memcpy(&bits, &half, sizeof bits);
	*value++ = NUMBER(4096, 8);		/* all */
	*value++ = TEXT("text", 4, 0);		/* t */
	*value++ = NUMBER(7, 4);		/* t2 */
	*value++ = ARRAY(n, sizeof n, 0);
	*value++ = ARRAY("ab\0", 4, 0);
	*value++ = NUMBER(bits, 8);
	*value++ = NUMBER(-1, 4);		/* items[0] */
	*value++ = TEXT("one", 3, 0);
	*value++ = NUMBER(2, 4);
	*value++ = TEXT(NULL, 0, 0);
	*value++ = NUMBER(UINT64_MAX, 8);	/* next */
}

static void
print(struct show *show, struct target *target)
{
	const struct fire fire = {
		.time = 1, .pid = 2, .tid = 3, .comm = "c\"\\\xff",
		.target = target, .values = values
	};

	show->line.length = 0;
	json_fire(show, &fire);
	fwrite(show->line.bytes, 1, show->line.length, stdout);
	reset();
}

int
main(void)
{
	struct probe probe = {
		.provider = "p", .name = "probe", .note_name = "probe",
		.function = "f\xc3\xa9", .note_args = "8@%rdi 8@%rsi -4@%edx",
		.types = "struct all *\0char *\0int", .type_count = 3
	};
	struct image image = { .machine = EM_X86_64 };
	struct target target = {
		.image = &image, .probe = &probe, .path = "/a/module"
	};
	struct show show = { .since_epoch = UINT64_C(1700000000000000000) };
	size_t end;

	image.types = types_read(text, sizeof text - 1, image_arch(&image));
	target_prepare(&target);
	end = target.members[1];
	if (target.leaf_count != 11 || end != 11) {
		fprintf(stderr, "%zu leaves\n", target.leaf_count);
		return 1;
	}
	reset();
	print(&show, &target);
	values[3].flags = VALUE_CUT;
	values[3].length = 4;
	values[4].flags = VALUE_CUT;
	values[4].text = "abcd";
	print(&show, &target);
	values[0].bits = 0;
	values[1] = TEXT(NULL, 0, VALUE_UNREADABLE);
	print(&show, &target);
	values[0].flags = VALUE_UNREADABLE;
	values[2].bytes = 0;
	print(&show, &target);
	values[5].bytes = values[7].bytes = 0;
	values[9] = TEXT("\xff", 1, VALUE_CUT);
	print(&show, &target);
	/* There was no room for more members. */
	target.members[1] = 8;
	print(&show, &target);
	target.members[1] = 6;
	print(&show, &target);
	target.members[1] = 4;
	print(&show, &target);
	/* Names that are equal. */
	target.members[1] = end;
	target.own = NULL;
	target.args[0].name = "arg2";
	target.args[1].name = "arg2";
	target.args[2].name = NULL;
	target.members[0] = target.members[1] = 3;
	print(&show, &target);
	json_done(&show);
	line_free(&show.line);
	target_done(&target);
	types_free(image.types);
	return 0;
}
