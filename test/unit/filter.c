/*
 * filter.c - which events does a filter of `usdt watch` let pass?
 *
 * Filters are parsed and evaluated against events that are made here, with the
 * borders of all integers.  What is wrong has to be named with its place.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <math.h>

#include "test/unit/sifting.h"

#include "tap.h"

/* --- an event -------------------------------------------------------------- */

#define INT(bytes)	{ .base = USDT__BASE_INTEGER, .size = (bytes) }

/* struct peer { char *host; char __pad8[8]; uint16_t port; } */
static struct type_member peer_members[] = {
	{ .name = (char *)"host", .size = 8, .elements = 1, .declarator = {
		.base = USDT__BASE_INTEGER, .size = -1,
		.text = "char", .tag = "char", .tag_length = 4, .pointers = 1 } },
	{ .name = (char *)"__pad8", .size = 1, .elements = 8, .declarator = {
		.base = USDT__BASE_INTEGER, .size = -1,
		.text = "char", .tag = "char", .tag_length = 4, .dimensions = 1 } },
	{ .name = (char *)"port", .size = 2, .elements = 1,
		.declarator = INT(2) },
};
static const struct type_struct peer = {
	.name = (char *)"peer", .members = peer_members, .count = 3
};
/* struct request { struct peer peers[2]; struct peer peer; char tag[8];
 *     short codes[2]; struct request *next; float load; } */
static struct type_struct request;
static struct type_member request_members[] = {
	{ .name = (char *)"peers", .of = &peer, .elements = 2, .declarator = {
		.dimensions = 1 } },
	{ .name = (char *)"peer", .of = &peer, .elements = 1 },
	{ .name = (char *)"tag", .size = 1, .elements = 8, .declarator = {
		.base = USDT__BASE_INTEGER, .size = -1,
		.text = "char", .tag = "char", .tag_length = 4, .dimensions = 1 } },
	{ .name = (char *)"codes", .size = 2, .elements = 2, .declarator = {
		.base = USDT__BASE_INTEGER, .size = -2, .dimensions = 1 } },
	{ .name = (char *)"next", .of = &request, .size = 8, .elements = 1,
		.declarator = { .pointers = 1 } },
	{ .name = (char *)"load", .size = 4, .elements = 1, .declarator = {
		.base = USDT__BASE_FLOAT, .size = 4 } },
};
static struct type_struct request = {
	.name = (char *)"request", .members = request_members, .count = 6
};
static const struct type_member declared = {
	.of = &request, .declarator = { .pointers = 1 }
};

enum { STATUS, BYTES, RATIO, URL, NONE, GONE, LONG_TEXT, BAD, REQ, TINY,
	NAN_ARG, ARGS };
enum { HOST1 = ARGS, PORT1, HOST2, PORT2, HOST, PORT, TAG, CODES, NEXT, LOAD,
	LEAVES };

static struct argument args[ARGS] = {
	[STATUS] = { .name = "status" }, [BYTES] = { .name = "bytes" },
	[RATIO] = { .name = "ratio" }, [URL] = { .name = "url" },
	[NONE] = { .name = "none" }, [GONE] = { .name = "gone" },
	[LONG_TEXT] = { .name = "long" }, [BAD] = { .name = "bad" },
	[REQ] = { .name = "req", .declared = &declared },
	[TINY] = { .name = NULL }, [NAN_ARG] = { .name = "nan" },
};
static struct leaf leaves[LEAVES] = {
	[STATUS].kind = KIND_SIGNED, [BYTES].kind = KIND_UNSIGNED,
	[RATIO].kind = KIND_FLOAT, [URL].is_text = 1, [NONE].is_text = 1,
	[GONE].kind = KIND_SIGNED, [LONG_TEXT].is_text = 1, [BAD].is_text = 1,
	[REQ].kind = KIND_POINTER, [TINY].kind = KIND_SIGNED,
	[NAN_ARG].kind = KIND_FLOAT,
	[HOST1].is_text = 1, [HOST2].is_text = 1, [HOST].is_text = 1,
};
static size_t members[ARGS + 1];

static struct value values[LEAVES];
static struct target target;
static const struct fire fire = {
	.pid = 77, .tid = 78, .comm = "httpd", .target = &target,
	.values = values
};

static struct value
text_value(const char *text, unsigned flags)
{
	return (struct value){
		.bits = 1, .bytes = 8, .flags = VALUE_TEXT | flags,
		.text = text, .length = strlen(text), .space = strlen(text)
	};
}

static struct value
number_value(unsigned bytes, uint64_t bits)
{
	return (struct value){ .bytes = bytes, .bits = bits };
}

static uint64_t
double_bits(double number)
{
	uint64_t bits;

	memcpy(&bits, &number, sizeof bits);
	return bits;
}

static void
make_event(void)
{
	static const char tag[8] = "abc\0xyz";
	size_t i;

	for (i = 0; i <= ARGS; i++)
		members[i] = i <= REQ ? (size_t)ARGS : (size_t)LEAVES;
	target.args = args;
	target.argc = ARGS;
	target.leaves = leaves;
	target.leaf_count = LEAVES;
	target.members = members;
	values[STATUS] = number_value(4, (uint32_t)-5);
	values[BYTES] = number_value(8, UINT64_MAX);
	values[RATIO] = number_value(8, double_bits(2.5));
	values[URL] = text_value("/api/v1\t\"x\"", 0);
	values[NONE] = (struct value){ .bytes = 8, .flags = VALUE_TEXT };
	values[LONG_TEXT] = text_value("aaa", VALUE_CUT);
	values[BAD] = text_value("", VALUE_UNREADABLE);
	values[BAD].text = NULL;
	values[REQ] = number_value(8, 0x1000);
	values[TINY] = number_value(8, (uint64_t)INT64_MIN);
	values[NAN_ARG] = number_value(8, double_bits((double)NAN));
	values[HOST1] = text_value("one", 0);
	values[PORT1] = number_value(2, 1);
	values[HOST2] = text_value("two", 0);
	values[PORT2] = number_value(2, 2);
	values[HOST] = text_value("localhost", 0);
	values[PORT] = number_value(2, 0xffff);
	values[TAG] = (struct value){
		.bytes = 8, .text = tag, .length = 8, .space = 8
	};
	values[CODES] = values[TAG];
	values[NEXT] = number_value(8, 0);
	values[LOAD] = number_value(4, 0x3e800000);	/* 0.25 */
}

/* --- what passes ------------------------------------------------------------ */

static const struct {
	const char *text;
	int passes;
} filters[] = {
	/* signs and sizes */
	{ "{status == -5}", 1 }, { "{status==-5}", 1 }, { "{status<0}", 1 },
	{ "{status >= 0}", 0 }, { "{status > -6 && status < -4}", 1 },
	{ "{status == 4294967291}", 0 }, { "{status != 4294967291}", 1 },
	{ "{status < 18446744073709551615}", 1 }, { "{status}", 1 },
	{ "{bytes == 18446744073709551615}", 1 },
	{ "{bytes == 18446744073709551614}", 0 },
	{ "{bytes > 18446744073709551614}", 1 }, { "{bytes == -1}", 0 },
	{ "{bytes == 0xffffffffffffffff}", 1 }, { "{bytes > -1}", 1 },
	{ "{arg9 == -9223372036854775808}", 1 },
	{ "{arg9 < -9223372036854775807}", 1 },
	{ "{arg9 >= -9223372036854775807}", 0 },
	{ "{status <= -5 && status >= -5}", 1 }, { "{status < -5}", 0 },
	{ "{status > -5}", 0 }, { "{arg0 == -5}", 1 }, { "{status == -0}", 0 },
	{ "{status == 010}", 0 },
	/* doubles, also against integers: no digit is lost */
	{ "{ratio == 2.5}", 1 }, { "{ratio > 2}", 1 }, { "{ratio < 3}", 1 },
	{ "{ratio >= 2.5e0}", 1 }, { "{ratio == 2}", 0 },
	{ "{ratio > -1}", 1 }, { "{ratio > 18446744073709551615}", 0 },
	{ "{status > -5.5}", 1 }, { "{status < -4.5}", 1 },
	{ "{status == -5.0}", 1 }, { "{status < -5.0}", 0 },
	{ "{bytes < 18446744073709551616.0}", 1 },
	{ "{bytes == 18446744073709551616.0}", 0 },
	{ "{bytes > 1e30}", 0 }, { "{bytes > -1e30}", 1 },
	{ "{arg9 == -9223372036854775808.0}", 1 },
	{ "{arg9 > -9.3e18}", 1 }, { "{status < -0.5}", 1 },
	{ "{ratio > 1e-999}", 1 },
	{ "{nan == 1.0}", 0 }, { "{nan != 1.0}", 1 }, { "{nan < 1}", 0 },
	{ "{nan >= 1}", 0 }, { "{nan != 1}", 1 },
	/* texts */
	{ "{url ~ \"/api\"}", 1 }, { "{url~\"api/v1\"}", 1 },
	{ "{url ~ \"/Api\"}", 0 }, { "{url !~ \"/Api\"}", 1 },
	{ "{url ~ \"\"}", 1 }, { "{url == \"/api/v1\\t\\\"x\\\"\"}", 1 },
	{ "{url == \"/api/v1\\x09\\x22x\\\"\"}", 1 }, { "{url == \"/api\"}", 0 },
	{ "{url != \"/api\"}", 1 }, { "{url != NULL}", 1 }, { "{url}", 1 },
	{ "{url ~ \"}\"}", 0 }, { "{url ~ \":/\"}", 0 },
	{ "{none == NULL}", 1 }, { "{none}", 0 }, { "{none == 0}", 1 },
	{ "{none == \"\"}", 0 }, { "{none != \"x\"}", 1 },
	{ "{none ~ \"\"}", 0 },
	{ "{long == \"aaa\"}", 0 }, { "{long != \"aaa\"}", 1 },
	{ "{long ~ \"aa\"}", 1 },
	/* what is not known: no comparison holds */
	{ "{bad == \"\"}", 0 }, { "{bad != \"x\"}", 0 }, { "{bad ~ \"\"}", 0 },
	{ "{gone == 0}", 0 }, { "{gone != 0}", 0 }, { "{!gone}", 1 },
	/* members */
	{ "{req.peer.port == 65535}", 1 }, { "{req->peer.port > 65534}", 1 },
	{ "{req.peer.host ~ \"local\"}", 1 }, { "{req.tag == \"abc\"}", 1 },
	{ "{req.load == 0.25}", 1 }, { "{req.next == NULL}", 1 },
	{ "{req}", 1 }, { "{req == 0x1000}", 1 }, { "{arg8.load < 1}", 1 },
	/* the process */
	{ "{pid == 77}", 1 }, { "{tid == 78}", 1 }, { "{comm == \"httpd\"}", 1 },
	{ "{comm ~ \"ttp\" && pid != 78}", 1 }, { "{comm != \"httpd\"}", 0 },
	/* their connection */
	{ "{pid==1 || pid==77}", 1 }, { "{pid==77 || pid==1}", 1 },
	{ "{pid==1 || pid==2 || pid==3}", 0 },
	{ "{pid==77 || pid==1 && pid==2}", 1 },
	{ "{(pid==77 || pid==1) && pid==2}", 0 },
	{ "{pid==1 && pid==77 || tid==78}", 1 },
	{ "{pid==1 && (pid==77 || tid==78)}", 0 },
	{ "{!(pid==1) && !!pid}", 1 }, { "{!pid==77}", 0 },
	{ " { ( ( pid == 77 ) ) } ", 1 },
	{ "{!(pid==1 || pid==77) || tid==78 && !(tid==1)}", 1 },
};

/* 1 or 0; -1 and WHY if it is wrong. */
static int
evaluate(const char *text, const char **why)
{
	static char kept[200];
	const char *place;
	struct filter *filter = filter_parse(text, &place, why);
	char *lacks;
	int passes;

	if (filter == NULL)
		return -1;
	lacks = target_sift(&target, filter);
	passes = lacks != NULL ? -1 : target_passes(&target, &fire);
	snprintf(kept, sizeof kept, "%s", lacks != NULL ? lacks : "");
	*why = kept;
	free(lacks);
	target_unsift(&target);
	filter_free(filter);
	return passes;
}

static void
test_filters(void)
{
	const char *why;
	size_t i;

	for (i = 0; i < sizeof filters / sizeof *filters; i++) {
		int passes = evaluate(filters[i].text, &why);

		try(passes == filters[i].passes, "%s: %d %s", filters[i].text,
		    passes, passes < 0 ? why : "");
	}
	ok_all("events that pass, and that don't");
}

/* A null pointer, one that leads nowhere, and one that could not be fetched. */
static const struct value nowhere[] = {
	{ .bytes = 8 },
	{ .bytes = 8, .bits = 16, .flags = VALUE_UNREADABLE },
	{ .bytes = 0 },
};

static const char *const of_members[] = {
	"req.peer.port == 65535", "req.peer.port != 65535", "req.load < 1",
	"req.peer.host == NULL", "req.peer.host != NULL", "req.tag ~ \"\"",
	"req.next == 0", "req.next"
};

static void
test_nowhere(void)
{
	const struct value there = values[REQ];
	char text[80];
	const char *why;
	size_t i, k;

	for (i = 0; i < sizeof nowhere / sizeof *nowhere; i++) {
		values[REQ] = nowhere[i];
		for (k = 0; k < sizeof of_members / sizeof *of_members; k++) {
			snprintf(text, sizeof text, "{%s}", of_members[k]);
			try(evaluate(text, &why) == 0, "%zu: %s", i, text);
			snprintf(text, sizeof text, "{!(%s)}", of_members[k]);
			try(evaluate(text, &why) == 1, "%zu: %s", i, text);
		}
	}
	values[REQ] = there;
	ok_all("a struct that is not there has no members");
}

/* --- what is wrong ---------------------------------------------------------- */

static const struct {
	const char *text;
	size_t place;
	const char *why;
} mistakes[] = {
	{ "{}", 1, "the name of an argument is expected" },
	{ "{status >}", 9, "a number or a \"text\" is expected" },
	{ "{status>>5}", 8, "a number or a \"text\" is expected" },
	{ "{status > 5", 11, "&& || or } is expected" },
	{ "{status > 5} x", 13, "a filter ends with its }" },
	{ "{status = 5}", 8, "write == for \"equals\"" },
	{ "{url =~ \"a\"}", 5, "write ~ for \"contains\"" },
	{ "{status > 5 url}", 12, "&& || or } is expected" },
	{ "{(status > 5}", 12, "&& || or ) is expected" },
	{ "{status > 5)}", 11, "&& || or } is expected" },
	{ "{500 < status}", 1, "the name of an argument is expected" },
	{ "{status > x}", 10, "a number or a \"text\" is expected" },
	{ "{status > 5x}", 10, "this is no number" },
	{ "{status > 0x}", 10, "this is no number" },
	{ "{status > 1.2.3}", 10, "this is no number" },
	{ "{status > 18446744073709551616}", 10,
	    "no integer of 64 bits is that large" },
	{ "{status > -9223372036854775809}", 10,
	    "no integer of 64 bits is that large" },
	{ "{status > 1e999}", 10, "no double is that large" },
	{ "{url ~ \"/api}", 7, "this text does not end" },
	{ "{url == \"a\\q\"}", 10,
	    "after \\ only \" \\ n t r and xNN have a meaning" },
	{ "{url == \"\\x4\"}", 9,
	    "after \\ only \" \\ n t r and xNN have a meaning" },
	{ "{url < \"a\"}", 7, "only == != ~ and !~ compare with a text" },
	{ "{url ~ 5}", 7, "~ wants a \"text\"" },
	{ "{url < NULL}", 7, "only == and != compare with NULL" },
	{ "{req. > 1}", 6, "the name of a member is expected" },
	{ "{status && }", 11, "the name of an argument is expected" },
	{ "{status & url}", 8, "&& || or } is expected" },
	{ "{status == 5 || !}", 17, "the name of an argument is expected" },
	{ "", 0, "{ is expected" },
	/* known when a probe is there: no place */
	{ "{stauts > 5}", 0, "it has no argument \"stauts\"" },
	{ "{arg11}", 0, "it has no argument \"arg11\"" },
	{ "{req.prt > 5}", 0, "it has no member \"req.prt\", or no room for it" },
	{ "{req.peers.port > 5}", 0,
	    "it has no member \"req.peers.port\", or no room for it" },
	{ "{req.peer == 5}", 0,
	    "its \"req.peer\" is a struct: add the name of a member" },
	{ "{status.x > 5}", 0, "its \"status\" leads to no known struct" },
	{ "{req.codes == 5}", 0, "its \"req.codes\" is an array" },
	{ "{url == 5}", 0, "its \"url\" is a text, no number" },
	{ "{status ~ \"x\"}", 0, "its \"status\" is no text" },
};

static void
test_mistakes(void)
{
	size_t i;

	for (i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
		const char *place = mistakes[i].text, *why = "nothing";
		struct filter *filter = filter_parse(mistakes[i].text, &place,
		    &why);
		int passes = filter == NULL ? -1 : evaluate(mistakes[i].text,
		    &why);

		filter_free(filter);
		try(passes == -1 && strcmp(why, mistakes[i].why) == 0 &&
		    place == mistakes[i].text + mistakes[i].place,
		    "%s: %d at %td: %s", mistakes[i].text, passes,
		    place - mistakes[i].text, why);
	}
	ok_all("mistakes are named, at their place");
}

/* --- long ones, words, several --------------------------------------------- */

static void
test_long(void)
{
	struct line text = { 0 };
	const char *why;
	int i;

	line_text(&text, "{pid==1");
	for (i = 0; i < 20000; i++)
		line_text(&text, i % 2 ? "||pid==2" : "&&pid==1");
	line_text(&text, "||pid==77}");
	line_char(&text, '\0');
	is_int(evaluate(text.bytes, &why), 1, "20,000 tests in a row");
	text.length = 0;
	line_char(&text, '{');
	for (i = 0; i < 20000; i++)
		line_char(&text, i % 2 ? '(' : '!');
	line_char(&text, '\0');
	is_int(evaluate(text.bytes, &why), -1, "20,000 brackets are refused");
	is_str(why, "brackets and ! are nested too deep (100)", "... so");
	line_free(&text);
}

static const struct {
	const char *word;
	int begin;		/* -1: it has no filter */
} words[] = {
	{ "a:b", -1 }, { "a:b{x}", 3 }, { "a{x}", 1 }, { "a:b{x", 3 },
	{ "a:b{u~\"/:{\"}", 3 }, { "/x{y}/z:a:b", -1 }, { "/x{y:a:b{z}", 8 },
	{ "a\\{b:c", -1 }, { "a:b\\{c", -1 }, { "a:b\\{c{x}", 6 },
	{ "a{b:c", -1 }, { "a:b{u==\"\\\"/\"}", 3 }, { "", -1 },
};

static void
test_words(void)
{
	size_t i;

	for (i = 0; i < sizeof words / sizeof *words; i++) {
		char word[80];
		char *begin;

		snprintf(word, sizeof word, "%s", words[i].word);
		begin = filter_begin(word);
		try(begin == (words[i].begin < 0 ? NULL :
		    word + words[i].begin), "%s: %td", words[i].word,
		    begin == NULL ? -1 : begin - word);
	}
	ok_all("where filters begin in words");
}

static void
test_several(void)
{
	const char *place, *why;
	struct filter *one = filter_parse("{pid==1}", &place, &why);
	struct filter *two = filter_parse("{pid==77}", &place, &why);
	struct filter *bad = filter_parse("{nothing}", &place, &why);
	char *lacks;

	ok(target_passes(&target, &fire), "without a filter all pass");
	free(target_sift(&target, one));
	ok(!target_passes(&target, &fire), "a filter");
	lacks = target_sift(&target, bad);
	is_str(lacks, "it has no argument \"nothing\"", "one that can't be");
	free(lacks);
	ok(!target_passes(&target, &fire), "... changes nothing");
	free(target_sift(&target, two));
	free(target_sift(&target, two));
	ok(target_passes(&target, &fire), "one of two lets it pass");
	target_unsift(&target);
	free(target_sift(&target, one));
	free(target_sift(&target, NULL));
	free(target_sift(&target, one));
	ok(target_passes(&target, &fire), "a pattern without a filter, too");
	ok(!target_passes_one(&target, one, &fire), "... but not that one");
	ok(target_passes_one(&target, NULL, &fire), "... but none");
	ok(!target_passes_one(&target, two, &fire),
	    "... nor one that the target has not");
	target_unsift(&target);
	filter_free(one);
	filter_free(two);
	filter_free(bad);
}

int
main(void)
{
	make_event();
	test_filters();
	test_nowhere();
	test_mistakes();
	test_long();
	test_words();
	test_several();
	return done_testing();
}
