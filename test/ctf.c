/*
 * ctf.c - writes traces for ctf.t, into the empty directories that it names.
 *
 *	ctf values DIR	a few events of all kinds
 *	ctf many DIR	100,000 events of three processes, some lost
 *	ctf names DIR NAME...	an event for each name, which its provider, its
 *			probe and its only field have
 *	ctf same DIR NAME...	an event that has all these fields
 *	ctf full DIR	what happens if its files can't grow
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "tools/record/ctf.h"

#define SECOND	UINT64_C(1000000000)

static struct ctf *
begin(const char *name)
{
	const struct ctf_place place = {
		.host = "ho\"st\\",
		.boot = "11111111-2222-3333-4444-555555555555",
		.epoch = 1700000000000000123, .uuid = { 1, 2, 3, 15 }
	};
	int directory = open(name, O_RDONLY | O_DIRECTORY);
	struct ctf *ctf = directory < 0 ? NULL : ctf_begin(directory, &place);

	if (ctf == NULL) {
		perror(name);
		exit(1);
	}
	return ctf;
}

/* A text's value; without BYTES it is NULL. */
#define TEXT(bytes_, length_, flags_) { \
	.bits = (bytes_) != NULL || (flags_) != 0, .bytes = 8, \
	.flags = (flags_), .text = (bytes_), .length = (length_) \
}

/* The values of integers. */
static const struct value *
numbers_of(struct value *values, size_t count, uint64_t bits)
{
	size_t i;

	for (i = 0; i < count; i++)
		values[i] = (struct value){ .bits = bits, .bytes = 8 };
	return values;
}

static void
numbers(struct ctf *ctf, struct ctf_stream *stream, struct ctf_stream *other)
{
	static const struct ctf_field fields[] = {
		{ "i1", CTF_SIGNED, 1, 0, 0 }, { "u1", CTF_UNSIGNED, 1, 0, 0 },
		{ "i2", CTF_SIGNED, 2, 0, 0 }, { "u2", CTF_UNSIGNED, 2, 0, 0 },
		{ "i4", CTF_SIGNED, 4, 0, 0 }, { "u4", CTF_UNSIGNED, 4, 0, 0 },
		{ "i8", CTF_SIGNED, 8, 0, 0 }, { "u8", CTF_UNSIGNED, 8, 0, 0 },
		{ "p4", CTF_POINTER, 4, 0, 0 }, { "p8", CTF_POINTER, 8, 0, 0 },
		{ "f4", CTF_FLOAT, 4, 0, 1 }, { "f8", CTF_FLOAT, 8, 0, 2 },
	};
	const struct ctf_class *class = ctf_class(ctf, "prov", "numbers",
	    fields, 12);
	struct value values[3];
	uint64_t words[3] = { 0 };
	float narrow = 1.5f;
	double wide = -2.25;
	uint32_t half;

	memcpy(&half, &narrow, 4);
	numbers_of(values, 1, UINT64_C(0x8182838485868788));
	numbers_of(values + 1, 1, half);
	numbers_of(values + 2, 1, 0);
	memcpy(&values[2].bits, &wide, 8);
	ctf_event(stream, class, 5 * SECOND + 1, 70, values);
	numbers_of(values, 1, UINT64_MAX);
	ctf_event(other, class, 5 * SECOND + 2, 71, values);
	/* As words. */
	if (ctf_words(stream, class, 5 * SECOND + 2, 72, words, 2) != -1)
		errx(1, "two words are enough for three values");
	words[0] = 0;
	words[1] = values[1].bits;
	words[2] = values[2].bits;
	if (ctf_words(stream, class, 5 * SECOND + 3, 72, words, 3) != 0)
		errx(1, "three words are not enough");
}

/* Texts and arrays are no words. */
static void
no_words(struct ctf_stream *stream, const struct ctf_class *class)
{
	static const uint64_t words[64];

	if (ctf_words(stream, class, 0, 1, words, 64) != -1)
		errx(1, "a word for what is more");
}

static void
texts(struct ctf *ctf, struct ctf_stream *stream)
{
	static const struct ctf_field fields[] = {
		{ "text", CTF_TEXT, 0, 0, 0 }, { NULL, CTF_SIGNED, 4, 0, 1 },
		{ NULL, CTF_CHARS, 0, 0, 2 }
	};
	static const struct value cases[] = {
		TEXT("", 0, 0),
		TEXT("one", 3, 0),
		TEXT("exactly8", 8, 0),
		TEXT("caf\303\251 \342\202\254 \360\237\220\252", 14, 0),
		TEXT("\303\251", 1, 0),
		TEXT("12345678\377\300\200\355\240\200", 14, 0),
		TEXT("a\0b", 3, 0),
		TEXT("eight...\0", 9, 0),
		TEXT("back\\slash", 10, 0),
		TEXT("only the beginning", 18, VALUE_CUT),
		TEXT(NULL, 0, 0),
		TEXT(NULL, 0, VALUE_UNREADABLE),
		{ .bytes = 0 },
	};
	const struct ctf_class *class = ctf_class(ctf, "prov", "texts", fields,
	    3);
	struct value values[3];
	size_t i;

	no_words(stream, class);
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		values[0] = cases[i];
		numbers_of(values + 1, 1, (uint64_t)-(int64_t)i);
		values[2] = (struct value)TEXT("end\0\0x", 6, 0);
		ctf_event(stream, class, 6 * SECOND + i, 70, values);
	}
}

static void
structs(struct ctf *ctf, struct ctf_stream *stream)
{
	static const struct ctf_field fields[] = {
		{ "req", CTF_STRUCT, 0, 0, 0 },
		{ "at", CTF_POINTER, 8, 0, 0 },
		{ "peer", CTF_STRUCT, 0, 0, 0 },
		{ "host", CTF_TEXT, 0, 0, 1 },
		{ "ports", CTF_UNSIGNED, 2, 3, 2 },
		{ NULL, CTF_STRUCT_END, 0, 0, 0 },
		{ "peer", CTF_SIGNED, 4, 0, 0 },
		{ NULL, CTF_STRUCT_END, 0, 0, 0 },
		{ "after", CTF_UNSIGNED, 1, 0, 0 },
	};
	static const uint16_t ports[] = { 1, 2, 0xffff };
	const struct ctf_class *class = ctf_class(ctf, "prov", "structs",
	    fields, 9);
	struct value values[3];

	numbers_of(values, 1, 255);
	values[1] = (struct value)TEXT("there", 5, 0);
	values[2] = (struct value)TEXT((const char *)ports, 6, 0);
	ctf_event(stream, class, 7 * SECOND, 70, values);
	values[2].length = 4;		/* fewer than it should have */
	ctf_event(stream, class, 7 * SECOND + 1, 70, values);
	values[2].text = NULL;
	ctf_event(stream, class, 7 * SECOND + 2, 70, values);
}

static void
values(struct ctf *ctf)
{
	struct ctf_stream *stream = ctf_stream(ctf, 70, "program");
	struct ctf_stream *other = ctf_stream(ctf, 71, "other program");
	const struct ctf_class *class;

	numbers(ctf, stream, other);
	ctf_flush(stream);
	ctf_flush(stream);
	/* Classes that come up when events are written already. */
	texts(ctf, stream);
	structs(ctf, stream);
	class = ctf_class(ctf, "prov", "nothing", NULL, 0);
	ctf_event(other, class, 8 * SECOND, 71, NULL);
	/* Back in time: not before the last one. */
	ctf_event(other, class, 8 * SECOND - 1, 71, NULL);
}

/* Each process has every third event.  Of two some are lost. */
static void
many(struct ctf *ctf)
{
	static const struct ctf_field fields[] = {
		{ "i", CTF_UNSIGNED, 8, 0, 0 }, { "text", CTF_TEXT, 0, 0, 1 }
	};
	const struct ctf_class *class = ctf_class(ctf, "prov", "many", fields,
	    2);
	struct ctf_stream *streams[3], *silent;
	struct value values[2] = { { .bytes = 8 }, TEXT("text", 4, 0) };
	uint64_t i;

	for (i = 0; i < 3; i++)
		streams[i] = ctf_stream(ctf, 80 + (pid_t)i, "many");
	silent = ctf_stream(ctf, 90, "silent");
	for (i = 0; i < 100000; i++) {
		/* Their times are far apart, too. */
		uint64_t time = SECOND + i * SECOND / 100;

		values[0].bits = i;
		ctf_event(streams[i % 3], class, time, 100 + (pid_t)(i % 7),
		    values);
		if (i % 3000 == 2)
			ctf_lost(streams[2], time, 7);
		if (i % 10000 == 0)
			ctf_flush(streams[0]);
	}
	ctf_lost(silent, 3 * SECOND, 12000);
	ctf_flush(silent);
	ctf_lost(silent, 4 * SECOND, 345);
	/* Only a count says that time has passed before the second event. */
	values[0].bits = 1;
	ctf_event(silent, class, 4 * SECOND + 1, 90, values);
	ctf_lost(silent, 90 * SECOND, 1);
	ctf_event(silent, class, 90 * SECOND + 2, 90, values);
	ctf_stream_end(streams[1]);
}

static void
name_all(struct ctf *ctf, char **names)
{
	struct ctf_stream *stream = ctf_stream(ctf, 1, "names");
	struct value value;
	size_t i;

	for (i = 0; names[i] != NULL; i++) {
		const struct ctf_field field = {
			names[i], CTF_UNSIGNED, 8, 0, 0
		};

		ctf_event(stream, ctf_class(ctf, names[i], names[i], &field,
		    1), i, 1, numbers_of(&value, 1, i));
	}
}

static void
same(struct ctf *ctf, char **names)
{
	struct ctf_stream *stream = ctf_stream(ctf, 1, "same");
	struct ctf_field fields[64];
	struct value values[64];
	size_t count;

	for (count = 0; count < 64 && names[count] != NULL; count++) {
		fields[count] = (struct ctf_field){
			names[count], CTF_UNSIGNED, 2, 0, count
		};
		numbers_of(&values[count], 1, count);
	}
	ctf_event(stream, ctf_class(ctf, "p", "same", fields, count), 0, 1,
	    values);
}

static void
full(struct ctf *ctf)
{
	static const struct ctf_field field = { "i", CTF_UNSIGNED, 8, 0, 0 };
	const struct ctf_class *class = ctf_class(ctf, "p", "full", &field, 1);
	struct ctf_stream *stream = ctf_stream(ctf, 1, "full");
	const struct rlimit limit = { 600000, 600000 };
	struct value value;
	uint64_t i;

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	for (i = 0; i < 100000; i++)
		ctf_event(stream, class, i, 1, numbers_of(&value, 1, i));
}

int
main(int argc, char **argv)
{
	struct ctf *ctf = argc < 3 ? NULL : begin(argv[2]);
	int error;

	if (ctf == NULL)
		return 2;
	if (strcmp(argv[1], "values") == 0)
		values(ctf);
	else if (strcmp(argv[1], "many") == 0)
		many(ctf);
	else if (strcmp(argv[1], "names") == 0)
		name_all(ctf, argv + 3);
	else if (strcmp(argv[1], "same") == 0)
		same(ctf, argv + 3);
	else if (strcmp(argv[1], "full") == 0)
		full(ctf);
	error = ctf_end(ctf);
	if (error != 0)
		fprintf(stderr, "%s\n", strerror(error));
	return error != 0;
}
