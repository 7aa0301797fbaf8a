/*
 * kernel_filter.c - does the kernel's condition hold wherever a filter does?
 *
 * Each filter of a table is evaluated by the command, and its condition by the
 * kernel's rules, which are written down here once more, for values at the
 * borders of all integers.  Of filters that only compare integers, the two are the
 * same; of others the condition may hold where the filter does not.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <math.h>

#include "test/unit/sifting.h"
#include "tools/events/kernel_filter.c"

#include "tap.h"

/* --- an event ---------------------------------------------------------------- */

enum { S1, U1, S2, U2, S4, U4, S8, U8, TEXT_ARG, REAL, ARGS };

static struct argument args[ARGS] = {
	[S1] = { .name = "s1" }, [U1] = { .name = "u1" },
	[S2] = { .name = "s2" }, [U2] = { .name = "u2" },
	[S4] = { .name = "s4" }, [U4] = { .name = "u4" },
	[S8] = { .name = "s8" }, [U8] = { .name = "u8" },
	[TEXT_ARG] = { .name = "url" }, [REAL] = { .name = "took" },
};
static struct leaf leaves[ARGS] = {
	[S1] = { .letter = '1', .kind = KIND_SIGNED },
	[U1] = { .letter = '1', .kind = KIND_UNSIGNED },
	[S2] = { .letter = '2', .kind = KIND_SIGNED },
	[U2] = { .letter = '2', .kind = KIND_UNSIGNED },
	[S4] = { .letter = '4', .kind = KIND_SIGNED },
	[U4] = { .letter = '4', .kind = KIND_UNSIGNED },
	[S8] = { .letter = '8', .kind = KIND_SIGNED },
	[U8] = { .letter = '8', .kind = KIND_POINTER },
	[TEXT_ARG] = { .letter = 'T', .is_text = 1 },
	[REAL] = { .letter = '8', .kind = KIND_FLOAT },
};
static size_t members[ARGS + 1];
static struct value values[ARGS];
static struct target targets[2];
static struct target *list[2] = { &targets[0], &targets[1] };

static void
make_targets(void)
{
	size_t i;

	for (i = 0; i <= ARGS; i++)
		members[i] = ARGS;
	for (i = 0; i < 2; i++)
		targets[i] = (struct target){
			.args = args, .argc = ARGS, .leaves = leaves,
			.leaf_count = ARGS, .members = members
		};
}

static struct filter *made[2];

/* The condition for two targets with these filters; NULL: it has none. */
static char *
condition_of(const char *const text[2])
{
	const char *place, *why;
	size_t i;

	make_targets();
	for (i = 0; i < 2; i++) {
		made[i] = text[i] == NULL ? NULL : filter_parse(text[i],
		    &place, &why);
		try((made[i] == NULL) == (text[i] == NULL) &&
		    target_sift(&targets[i], made[i]) == NULL, "%s", text[i]);
	}
	return kernel_filter(list, 2);
}

static void
end_filters(void)
{
	size_t i;

	for (i = 0; i < 2; i++) {
		target_unsift(&targets[i]);
		filter_free(made[i]);
	}
}

/* Bits that all integers get, as many as they have. */
static const uint64_t borders[] = {
	0, 1, 2, 5, 0x7e, 0x7f, 0x80, 0x81, 0xfb, 0xfe, 0xff, 0x100, 0x7fff,
	0x8000, 0xfffe, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffb,
	0xfffffffe, 0xffffffff, 0x100000000, 0x7fffffffffffffff,
	0x8000000000000000, 0x8000000000000001, 0xfffffffffffffffb,
	0xfffffffffffffffe, 0xffffffffffffffff
};
#define BORDERS	(sizeof borders / sizeof *borders)

static struct fire
make_fire(size_t target, uint64_t bits, int text, const char *comm)
{
	size_t i;

	for (i = 0; i < ARGS; i++) {
		unsigned bytes = leaves[i].letter == 'T' ? 8 :
		    (unsigned)(leaves[i].letter - '0');

		values[i] = (struct value){ .bytes = bytes, .bits = bytes < 8 ?
		    bits & (((uint64_t)1 << bytes * 8) - 1) : bits };
	}
	values[TEXT_ARG] = (struct value){ .bytes = 8, .flags = VALUE_TEXT };
	if (text != 0)
		values[TEXT_ARG].bits = 0x1000;
	if (text == 1)
		values[TEXT_ARG].text = "abc";
	if (text == 1)
		values[TEXT_ARG].length = values[TEXT_ARG].space = 3;
	if (text == 2)
		values[TEXT_ARG].flags |= VALUE_UNREADABLE;
	return (struct fire){
		.pid = 77, .tid = 78, .comm = comm, .target = list[target],
		.values = values
	};
}

/* --- the kernel's rules -------------------------------------------------------- */

struct kernel {
	const char *at;
	const struct fire *fire;
	int wrong;
};

static int
take_word(struct kernel *kernel, const char *word)
{
	kernel->at += strspn(kernel->at, " ");
	if (strncmp(kernel->at, word, strlen(word)) != 0)
		return 0;
	kernel->at += strlen(word);
	return 1;
}

static int
compare_numbers(struct kernel *kernel, uint64_t value)
{
	static const char *const words[] = { "==", "<=", ">=" };
	uint64_t number;
	char *end;
	size_t i;

	for (i = 0; i < 3 && !take_word(kernel, words[i]); i++)
		;
	number = strtoull(kernel->at, &end, 10);
	kernel->wrong |= i == 3 || end == kernel->at;
	kernel->at = end;
	return i == 0 ? value == number : i == 1 ? value <= number :
	    value >= number;
}

static int
compare_comm(struct kernel *kernel)
{
	int equal = take_word(kernel, "==");
	size_t length;
	int same;

	kernel->wrong |= (!equal && !take_word(kernel, "!=")) ||
	    !take_word(kernel, "\"");
	length = strcspn(kernel->at, "\"");
	same = strlen(kernel->fire->comm) == length &&
	    strncmp(kernel->at, kernel->fire->comm, length) == 0;
	kernel->at += length;
	kernel->wrong |= !take_word(kernel, "\"");
	return same == equal;
}

static int
kernel_term(struct kernel *kernel)
{
	int one, other, all;
	char *end;

	if (take_word(kernel, "(")) {
		one = kernel_term(kernel);
		all = take_word(kernel, "&&");
		kernel->wrong |= !all && !take_word(kernel, "||");
		other = kernel_term(kernel);
		kernel->wrong |= !take_word(kernel, ")");
		return all ? one && other : one || other;
	}
	if (take_word(kernel, "target"))
		return compare_numbers(kernel, (uint64_t)(
		    kernel->fire->target - targets));
	if (take_word(kernel, "comm"))
		return compare_comm(kernel);
	if (take_word(kernel, "w")) {
		size_t field = strtoul(kernel->at, &end, 10);

		kernel->wrong |= end == kernel->at || field >= REAL;
		kernel->at = end;
		return kernel->wrong ? 0 : compare_numbers(kernel,
		    values[field].bits);
	}
	kernel->wrong = 1;
	return 0;
}

/* No condition: all pass.  -1: the kernel would refuse it. */
static int
kernel_passes(const char *condition, const struct fire *fire)
{
	struct kernel kernel = { condition, fire, 0 };
	int passes = condition == NULL || kernel_term(&kernel);

	return kernel.wrong || (condition != NULL && *kernel.at != '\0') ? -1 :
	    passes;
}

/* --- the table ------------------------------------------------------------------- */

static const struct {
	const char *text[2];	/* of each target; NULL: none */
	int same;		/* the kernel can check all of it */
} filters[] = {
	{ { "{s1 == -5}", "{s1 == -5}" }, 1 },
	{ { "{s1 < 0}", "{u1 < 128}" }, 1 },
	{ { "{s1 >= -128}", "{s1 > 127}" }, 1 },
	{ { "{s1 <= -128}", "{s1 != -128}" }, 1 },
	{ { "{s1 > 300}", "{s1 < 300}" }, 1 },
	{ { "{s1 > -300}", "{s1 == -300}" }, 1 },
	{ { "{u1 == -1}", "{u1 != -1}" }, 1 },
	{ { "{u1 <= 255}", "{u1 > 254}" }, 1 },
	{ { "{u1 < 0}", "{u1 >= 0}" }, 1 },
	{ { "{s2 < 5}", "{s2 > 5}" }, 1 },
	{ { "{u2 >= 0x8000}", "{s2 <= -0x8000}" }, 1 },
	{ { "{s4 < -4}", "{s4 <= 2147483647}" }, 1 },
	{ { "{s4}", "{!s4}" }, 1 },
	{ { "{u4 == 4294967295}", "{u4 == 4294967296}" }, 1 },
	{ { "{s8 >= -9223372036854775808}", "{s8 < -9223372036854775807}" },
	    1 },
	{ { "{s8 > 9223372036854775807}", "{s8 == 9223372036854775807}" }, 1 },
	{ { "{s8 == 18446744073709551615}", "{s8 < 18446744073709551615}" },
	    1 },
	{ { "{u8 == 18446744073709551615}", "{u8 < 1}" }, 1 },
	{ { "{u8 > 18446744073709551614}", "{u8 != 0}" }, 1 },
	{ { "{s1 > 1 && s2 < 0 || u4 == 5}", "{u8}" }, 1 },
	{ { "{!(s1 > 1 && (s2 < 0 || u4 == 5))}", NULL }, 1 },
	{ { "{!(!(s1 > 1) || !!(u2 < 9)) && u8}", "{u1 == 1 || u1 == 2 || "
	    "u1 == 5}" }, 1 },
	{ { "{comm == \"httpd\"}", "{comm != \"httpd\" && s1 < 5}" }, 1 },
	{ { "{!(comm == \"httpd\")}", "{u1 > 1 || comm == \"a-b_c/0.9\"}" },
	    1 },
	{ { "{url == NULL}", "{!(url == NULL) && s1 > 1}" }, 0 },
	{ { "{url != NULL}", "{!url}" }, 0 },
	/* what it can't check */
	{ { "{comm == \"ht*\"}", "{comm ~ \"ht\"}" }, 0 },
	{ { "{comm == \"a name that is too long\"}", "{comm == \"\"}" }, 0 },
	{ { "{url ~ \"b\"}", "{!(url ~ \"b\")}" }, 0 },
	{ { "{url == \"abc\" && s4 > 1}", "{url == \"abc\" || s4 > 1}" }, 0 },
	{ { "{!(url == \"abc\" && s4 > 1)}", "{!(url == \"abc\" || s4 > 1)}" },
	    0 },
	{ { "{took > 1}", "{!(took > 1) && u1 == 1}" }, 0 },
	{ { "{s4 > 1.5}", "{!(s4 > 1.5 || u1 == 5)}" }, 0 },
	{ { "{pid == 77 && s1 == 1}", "{tid != 78 || s1 == 1}" }, 0 },
	{ { "{!(pid == 77)}", "{!(pid == 76) && s1 == 1}" }, 0 },
};

/* The events of the table: which does the kernel treat in another way? */
static void
check(size_t index, const char *condition)
{
	static const char *const comms[] = { "httpd", "a-b_c/0.9", "ht*" };
	size_t target, bits;
	int text;

	for (target = 0; target < 2; target++)
		for (bits = 0; bits < BORDERS; bits++)
			for (text = 0; text < 3; text++) {
				struct fire fire = make_fire(target,
				    borders[bits], text,
				    comms[bits % 3]);
				int here = target_passes(fire.target, &fire);
				int there = kernel_passes(condition, &fire);

				try(there >= here && (!filters[index].same ||
				    there == here), "%s, %s: %s: %d %d",
				    filters[index].text[0],
				    filters[index].text[1], condition, here,
				    there);
			}
}

static void
test_table(void)
{
	size_t i;

	for (i = 0; i < sizeof filters / sizeof *filters; i++) {
		char *condition = condition_of(filters[i].text);

		check(i, condition);
		free(condition);
		end_filters();
	}
	ok_all("wherever a filter holds, the kernel's condition does");
}

/* --- what the conditions are --------------------------------------------------- */

static const struct {
	const char *filter[2];
	const char *condition;	/* NULL: none */
} texts[] = {
	{ { "{s4 >= 500 && url ~ \"x\"}", "{s4 >= 500 && url ~ \"x\"}" },
	    "(w4 >= 500 && w4 <= 2147483647)" },
	{ { "{u4 == 5}", "{u4 > 7}" },
	    "((target == 0 && w5 == 5) || (target == 1 && w5 >= 8))" },
	{ { "{u4 == 5}", NULL }, "((target == 0 && w5 == 5) || target == 1)" },
	{ { "{u1 > 255}", "{u1 < 0}" }, "target == 2" },
	{ { "{u1 > 255}", "{u1 == 7}" }, "(target == 1 && w1 == 7)" },
	{ { "{url ~ \"x\"}", "{took > 1}" }, NULL },
	{ { NULL, NULL }, NULL },
	{ { "{u1 >= 0}", "{s1 < 128}" }, NULL },
};

static void
test_texts(void)
{
	size_t i;

	for (i = 0; i < sizeof texts / sizeof *texts; i++) {
		char *condition = condition_of(texts[i].filter);

		try((condition == NULL) == (texts[i].condition == NULL) &&
		    (condition == NULL || strcmp(condition,
		    texts[i].condition) == 0), "%zu: %s", i,
		    condition == NULL ? "none" : condition);
		free(condition);
		end_filters();
	}
	ok_all("conditions");
}

/* More than the kernel accepts is left to us. */
static void
test_long(void)
{
	struct line text = { 0 };
	char *condition;
	int i;

	for (i = 0; i < 2; i++) {
		int k, count = i == 0 ? 100 : 2000;

		line_char(&text, '{');
		for (k = 0; k < count; k++) {
			line_text(&text, k > 0 ? "||u4==" : "u4==");
			line_unsigned(&text, (uint64_t)k);
		}
		line_text(&text, "}");
		line_char(&text, '\0');
		condition = condition_of((const char *[]){ text.bytes,
		    text.bytes });
		ok(i == 0 ? condition != NULL && strlen(condition) < 4096 :
		    condition == NULL, "%d tests: %s", count, i == 0 ?
		    "a condition" : "none");
		free(condition);
		end_filters();
		text.length = 0;
	}
	ok_all("they are filters");
	line_free(&text);
}

int
main(void)
{
	test_table();
	test_texts();
	test_long();
	return done_testing();
}
