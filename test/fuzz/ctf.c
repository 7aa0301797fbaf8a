/*
 * ctf.c - do odd names and texts make a trace that readers of CTF refuse?
 *
 * Names come from other people's files, texts from their programs.  The target
 * describes a few probes, fires them and reads what was written: the metadata
 * as far as its words and braces go, the streams to each byte.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "feed.h"

#include <fcntl.h>
#include <unistd.h>

#include "tools/record/ctf.h"

#define CLASSES		4
#define FIELDS		12

struct shape {
	struct ctf_field fields[FIELDS];
	char *names[FIELDS];
	size_t count;
	struct ctf_class *class;
};

/* When the events were. */
static uint64_t times[4096];
static size_t time_count, time_read;

static const uint8_t uuid[16] = "0123456789abcde";

/* --- writing --- */

static void
feed_shape(struct feed *feed, struct ctf *ctf, struct shape *shape)
{
	static const uint8_t sizes[] = { 1, 2, 4, 8 };
	char *provider = feed_string(feed), *name = feed_string(feed);
	size_t wanted = feed_byte(feed) % FIELDS, depth = 0;

	memset(shape, 0, sizeof *shape);
	while (shape->count < wanted) {
		struct ctf_field *field = &shape->fields[shape->count];
		unsigned choice = feed_byte(feed);

		field->kind = choice % 8;
		/* What is begun has to end. */
		if (field->kind == CTF_STRUCT &&
		    shape->count + depth + 2 >= wanted)
			field->kind = CTF_TEXT;
		if (shape->count + depth >= wanted)
			field->kind = CTF_STRUCT_END;
		else if (field->kind == CTF_STRUCT_END && depth == 0)
			field->kind = CTF_SIGNED;
		depth += field->kind == CTF_STRUCT;
		depth -= field->kind == CTF_STRUCT_END;
		field->size = sizes[choice / 8 % 4];
		if (field->kind == CTF_FLOAT)
			field->size = choice & 8 ? 8 : 4;
		if (field->kind < CTF_FLOAT && choice >= 192)
			field->elements = choice - 191;
		field->leaf = shape->count;
		field->name = shape->names[shape->count] = feed_string(feed);
		if (choice & 128)
			field->name = NULL;
		shape->count++;
	}
	shape->class = ctf_class(ctf, provider, name, shape->fields,
	    shape->count);
	free(provider);
	free(name);
}

static void
feed_event(struct feed *feed, struct ctf_stream *stream,
    const struct shape *shape, uint64_t time)
{
	struct value values[FIELDS];
	uint64_t words[FIELDS];
	char *texts[FIELDS];
	size_t i;

	for (i = 0; i < shape->count; i++) {
		unsigned choice = feed_byte(feed);

		texts[i] = feed_string(feed);
		values[i] = (struct value){
			.bits = choice, .bytes = choice & 1 ? 8 : 0,
			.flags = choice & 2 ? VALUE_CUT : choice & 4 ?
			    VALUE_UNREADABLE : 0,
			.text = choice & 8 ? NULL : texts[i],
			/* Sometimes with the zero at its end. */
			.length = strlen(texts[i]) + (choice >> 4 & 1)
		};
		words[i] = choice;
	}
	if (feed_byte(feed) % 2 == 0 || ctf_words(stream, shape->class, time,
	    1, words, shape->count) < 0)
		ctf_event(stream, shape->class, time, 1, values);
	while (i > 0)
		free(texts[--i]);
}

/* --- reading --- */

static char *
contents(int directory, const char *name, size_t *size)
{
	int fd = openat(directory, name, O_RDONLY);
	off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	char *bytes = malloc((size_t)end + 1);

	must(bytes != NULL && end >= 0);
	if (fd >= 0) {
		must(pread(fd, bytes, (size_t)end, 0) == end);
		close(fd);
		must(unlinkat(directory, name, 0) == 0);
	}
	bytes[end] = '\0';
	*size = (size_t)end;
	return bytes;
}

static void
must_be_utf8(const char *text, size_t length)
{
	size_t n;

	for (; length > 0; text += n, length -= n) {
		n = utf8_character(text, length);
		must(n > 0);
	}
}

/* Blank the literals, which must end in their lines. */
static void
read_literals(char *text)
{
	while ((text = strchr(text, '"')) != NULL) {
		for (*text++ = 'L'; *text != '"'; *text++ = 'L') {
			must((unsigned char)*text >= ' ' && *text != 0x7f);
			if (*text == '\\') {
				must(text[1] == '\\' || text[1] == '"');
				*text++ = 'L';
			}
		}
		*text++ = 'L';
	}
}

/* No two fields of a struct have the same name. */
static void
read_names(char *text)
{
	char *names[8][FIELDS + 8], *line, *rest = NULL;
	size_t counts[8] = { 0 }, depth = 0, i;

	for (line = strtok_r(text, "\n", &rest); line != NULL;
	    line = strtok_r(NULL, "\n", &rest)) {
		size_t length = strlen(line);
		char *name;

		for (i = 0; i < length; i++)
			must((line[i] >= ' ' && line[i] < 0x7f) ||
			    line[i] == '\t');
		if (line[length - 1] == '{') {
			must(++depth < 8);
			counts[depth] = 0;
			continue;
		}
		if (strchr(line, '}') != NULL && strchr(line, '{') == NULL)
			must(depth-- > 0);
		name = strrchr(line, ' ');
		if (strncmp(line, "\t\t", 2) != 0 || name == NULL)
			continue;
		name++;
		name[strcspn(name, "[;")] = '\0';
		for (i = 0; i < counts[depth]; i++)
			must(strcmp(names[depth][i], name) != 0);
		must(counts[depth] < FIELDS + 8);
		names[depth][counts[depth]++] = name;
	}
	must(depth == 0);
}

static uint64_t
load(const char **at, const char *end, size_t size)
{
	uint64_t word = 0;

	must((size_t)(end - *at) >= size);
	memcpy(&word, *at, size);	/* of a little-endian processor */
	*at += size;
	return word;
}

static void
read_event(const char **at, const char *end, const struct shape *shapes,
    uint64_t *now, uint64_t last)
{
	uint64_t number = load(at, end, 2), time;
	size_t i, length;

	if (number == 65535) {
		number = load(at, end, 4);
		time = load(at, end, 8);
	} else {
		time = (*now & ~(uint64_t)UINT32_MAX) | load(at, end, 4);
		time += time < *now ? (uint64_t)1 << 32 : 0;
	}
	must(number < CLASSES);
	must(time >= *now && time <= last);
	must(time_read < time_count && time == times[time_read++]);
	*now = time;
	must(load(at, end, 4) == 7 && load(at, end, 4) == 1);
	for (i = 0; i < shapes[number].count; i++) {
		const struct ctf_field *field = &shapes[number].fields[i];

		if (field->kind == CTF_TEXT || field->kind == CTF_CHARS) {
			length = strnlen(*at, (size_t)(end - *at));
			must(length < (size_t)(end - *at));
			must_be_utf8(*at, length);
			*at += length + 1;
		} else if (field->kind < CTF_TEXT) {
			length = field->size *
			    (field->elements ? field->elements : 1);
			must((size_t)(end - *at) >= length);
			*at += length;
		}
	}
}

static void
read_stream(const char *bytes, size_t size, const struct shape *shapes,
    uint64_t lost)
{
	const char *at = bytes, *end;
	uint64_t begin, last = 0, said = 0;

	while (at < bytes + size) {
		const char *start = at;

		end = bytes + size;
		must(load(&at, end, 4) == 0xc1fc1fc1);
		must(memcmp(at, uuid, 16) == 0);
		at += 16;
		begin = load(&at, end, 8);
		must(begin >= last);
		last = load(&at, end, 8);
		must(last >= begin);
		end = start + load(&at, end, 8) / 8;
		must(end <= bytes + size);
		must(load(&at, end, 8) == (uint64_t)(end - start) * 8);
		must(load(&at, end, 8) >= said);
		memcpy(&said, at - 8, 8);
		must(strcmp(at, "program") == 0);
		at += sizeof "program";
		while (at < end)
			read_event(&at, end, shapes, &begin, last);
	}
	must(said == lost && time_read == time_count);
}

static char scratch[] = "/dev/shm/ctf-fuzz-XXXXXX";

static void
remove_scratch(void)
{
	rmdir(scratch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	static int made;
	struct feed feed = { bytes, size };
	struct shape shapes[CLASSES];
	struct ctf_place place = { .boot = NULL };
	struct ctf *ctf;
	struct ctf_stream *stream;
	uint64_t time = 0, last = 0, lost = 0;
	size_t i, k;
	char *host, *text;
	int directory;

	if (!made)
		must(mkdtemp(scratch) != NULL && atexit(remove_scratch) == 0);
	made = 1;
	time_count = time_read = 0;
	memcpy(place.uuid, uuid, sizeof uuid);
	directory = open(scratch, O_RDONLY | O_DIRECTORY);
	must(directory >= 0);
	host = feed_string(&feed);
	place.host = host;
	ctf = ctf_begin(dup(directory), &place);
	must(ctf != NULL);
	free(host);
	stream = ctf_stream(ctf, 7, "program");
	for (i = 0; i < CLASSES; i++)
		feed_shape(&feed, ctf, &shapes[i]);
	while (feed.left > 0) {
		unsigned choice = feed_byte(&feed);

		/* Some are far apart. */
		time += (uint64_t)choice >> 3 << (choice == 255 ? 40 : 25);
		if ((choice & 7) == 7) {
			last = time > last ? time : last;
			ctf_lost(stream, time, choice);
			lost += choice;
		} else if ((choice & 7) == 6) {
			ctf_flush(stream);
		} else {
			const uint64_t at = time -
			    (time > 0 && choice >> 6 == 1);

			last = at > last ? at : last;
			must(time_count < sizeof times / sizeof *times);
			times[time_count++] = last;
			feed_event(&feed, stream, &shapes[choice % CLASSES],
			    at);
		}
	}
	must(ctf_end(ctf) == 0);
	text = contents(directory, "metadata", &size);
	must_be_utf8(text, size);
	read_literals(text);
	read_names(text);
	free(text);
	text = contents(directory, "7-0", &size);
	read_stream(text, size, shapes, lost);
	free(text);
	close(directory);
	for (i = 0; i < CLASSES; i++)
		for (k = 0; k < shapes[i].count; k++)
			free(shapes[i].names[k]);
	return 0;
}
