/*
 * ctf.c - how is a trace written that readers of CTF understand?
 *
 * The metadata grows by a description for each probe that comes up, before any
 * packet that has its events, and streams grow by whole packets.  So a trace
 * can be read up to there, however its writer ends.  Nothing is aligned: fields
 * lie one behind another.
 *
 *	packet:	magic, the trace's UUID; times of the first and last event,
 *		sizes, count of lost events, the program's name
 *	event:	number of its probe, time; pid, tid; the arguments
 *
 * Most of what a fast recorder costs is pages for files, so an event has the low
 * 32 bits of its time if the last event's tell the rest.  LTTng's events begin
 * like that, too.
 *
 * Each process has a stream of its own, so that its count of lost events says
 * whose they were.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "tools/record/ctf.h"

#define MAGIC	0xc1fc1fc1u

/* A buffer begins with this size, and doubles until a packet has the other. */
#define BUFFER_MIN	((size_t)4 << 10)
#define BUFFER_MAX	((size_t)256 << 10)

/* The most bytes before an event's fields: EXTENDED, number, time, pid, tid. */
#define EVENT_HEAD	22

/* In place of its number: that and all of the time follow. */
#define EXTENDED	65535

struct ctf {
	int directory, metadata;
	uint8_t uuid[16];
	int error;
	uint32_t numbers;	/* streams ever begun */
	struct ctf_class **classes;
	size_t class_count, class_space;
	struct ctf_stream *streams;
};

/* How a field is written. */
struct step {
	size_t leaf;
	size_t size;		/* of a number; 0: a text */
	int chars;		/* the text is in an array */
	size_t elements;	/* of an array; 0: none */
};

struct ctf_class {
	uint32_t number;
	size_t room;		/* bytes that an event may need without texts */
	int texts;		/* it has some */
	size_t words;		/* the first values that are all it has, as
				 * numbers; SIZE_MAX: there are others */
	size_t count;
	struct step steps[];
};

struct ctf_stream {
	struct ctf *ctf;
	struct ctf_stream *next, **self;
	char *file;
	char *program;
	uint32_t pid;
	off_t at;		/* of the next packet */
	uint8_t *buffer;	/* a packet */
	size_t space, used;
	size_t head;		/* bytes before its first event */
	uint64_t begin, last;	/* times */
	uint64_t known;		/* the time up to which readers know it */
	int is_empty;		/* no event is in the buffer */
	uint64_t lost, lost_written;
};

/* --- files --- */

/* Append to a file, or cut it back to what it was: then nothing more follows. */
static void
append(struct ctf *ctf, int fd, off_t at, const void *bytes, size_t size)
{
	const uint8_t *from = bytes;
	size_t done = 0;
	ssize_t n;

	while (done < size && ctf->error == 0) {
		n = pwrite(fd, from + done, size - done, at + (off_t)done);
		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			ctf->error = n == 0 ? EIO : errno;
	}
	if (ctf->error != 0 && ftruncate(fd, at) < 0)
		return;		/* the reader will notice */
}

static int
create(struct ctf *ctf, const char *name, int flags)
{
	return openat(ctf->directory, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW |
	    flags, 0600);
}

/* --- metadata, and the trace --- */

static void
append_metadata(struct ctf *ctf, const char *text, size_t size)
{
	append(ctf, ctf->metadata, lseek(ctf->metadata, 0, SEEK_END), text,
	    size);
}

struct ctf *
ctf_begin(int directory, const struct ctf_place *place)
{
	struct ctf *ctf = xcalloc(1, sizeof *ctf);
	size_t size;
	char *text;
	FILE *out;

	ctf->directory = directory;
	memcpy(ctf->uuid, place->uuid, sizeof ctf->uuid);
	ctf->metadata = create(ctf, "metadata", O_CREAT | O_EXCL);
	if (ctf->metadata < 0) {
		int error = errno;

		close(directory);
		free(ctf);
		errno = error;
		return NULL;
	}
	out = text_begin(&text, &size);
	tsdl_trace(out, place);
	text_end(out);
	append_metadata(ctf, text, size);
	free(text);
	if (ctf->error != 0) {
		errno = ctf_end(ctf);
		return NULL;
	}
	return ctf;
}

int
ctf_end(struct ctf *ctf)
{
	int error;
	size_t i;

	while (ctf->streams != NULL)
		ctf_stream_end(ctf->streams);
	for (i = 0; i < ctf->class_count; i++)
		free(ctf->classes[i]);
	free(ctf->classes);
	if (close(ctf->metadata) < 0 && ctf->error == 0)
		ctf->error = errno;
	close(ctf->directory);
	error = ctf->error;
	free(ctf);
	return error;
}

int
ctf_error(const struct ctf *ctf)
{
	return ctf->error;
}

static void
add_step(struct ctf_class *class, const struct ctf_field *field)
{
	struct step *step = &class->steps[class->count];

	if (field->kind == CTF_STRUCT || field->kind == CTF_STRUCT_END)
		return;
	class->count++;
	step->leaf = field->leaf;
	step->elements = field->elements;
	step->chars = field->kind == CTF_CHARS;
	if (field->kind == CTF_TEXT || field->kind == CTF_CHARS ||
	    field->elements > 0)
		class->words = SIZE_MAX;
	else if (class->words <= field->leaf)
		class->words = field->leaf + 1;
	if (field->kind == CTF_TEXT || field->kind == CTF_CHARS) {
		class->texts = 1;
		return;
	}
	step->size = field->size;
	class->room += field->size * (field->elements ? field->elements : 1);
}

struct ctf_class *
ctf_class(struct ctf *ctf, const char *provider, const char *name,
    const struct ctf_field *fields, size_t count)
{
	struct ctf_class *class = xcalloc(1, sizeof *class +
	    count * sizeof class->steps[0]);
	size_t i, size;
	char *text;
	FILE *out = text_begin(&text, &size);

	class->number = (uint32_t)ctf->class_count;
	class->room = EVENT_HEAD;
	for (i = 0; i < count; i++)
		add_step(class, &fields[i]);
	tsdl_event(out, class->number, provider, name, fields, count);
	text_end(out);
	append_metadata(ctf, text, size);
	free(text);
	ROOM_FOR_ONE(ctf->classes, ctf->class_count, ctf->class_space);
	ctf->classes[ctf->class_count++] = class;
	return class;
}

/* --- packets --- */

static void
put_bytes(uint8_t **to, const void *bytes, size_t size)
{
	memcpy(*to, bytes, size);
	*to += size;
}

/* Bytes of a packet before its content, but for the program's name. */
#define PACKET_HEAD	(4 + 16 + 5 * 8)

static void
put_packet_head(struct ctf_stream *stream, size_t size, uint64_t lost)
{
	const uint32_t magic = MAGIC;
	const uint64_t words[] = {
		stream->begin, stream->last, (uint64_t)size * 8,
		(uint64_t)size * 8, lost
	};
	uint8_t *to = stream->buffer;

	put_bytes(&to, &magic, sizeof magic);
	put_bytes(&to, stream->ctf->uuid, sizeof stream->ctf->uuid);
	put_bytes(&to, words, sizeof words);
	memcpy(to, stream->program, stream->head - PACKET_HEAD);
}

/* Write the first SIZE bytes of the buffer as a packet. */
static void
write_packet(struct ctf_stream *stream, size_t size, uint64_t lost)
{
	struct ctf *ctf = stream->ctf;
	int fd;

	put_packet_head(stream, size, lost);
	/* There may be more processes than we can have descriptors. */
	fd = create(ctf, stream->file, stream->at == 0 ? O_CREAT | O_EXCL : 0);
	if (fd < 0) {
		ctf->error = errno;
		return;
	}
	append(ctf, fd, stream->at, stream->buffer, size);
	if (close(fd) < 0 && ctf->error == 0)
		ctf->error = errno;
	stream->at += (off_t)size;
}

void
ctf_flush(struct ctf_stream *stream)
{
	uint64_t last = stream->last;

	if ((stream->is_empty && stream->lost == stream->lost_written) ||
	    stream->ctf->error != 0)
		return;
	/* In a stream's first packet readers don't believe the count. */
	if (stream->at == 0 && stream->lost > 0) {
		stream->last = stream->begin;
		write_packet(stream, stream->head, 0);
		stream->last = last;
	}
	if (stream->ctf->error == 0)
		write_packet(stream, stream->used, stream->lost);
	stream->used = stream->head;
	stream->lost_written = stream->lost;
	stream->is_empty = 1;
}

/* Make room for SIZE bytes: a larger buffer, or a new packet. */
static void
make_room(struct ctf_stream *stream, size_t size)
{
	if (stream->used + size > BUFFER_MAX)
		ctf_flush(stream);
	if (stream->ctf->error != 0)
		stream->used = stream->head;
	while (stream->used + size > stream->space) {
		stream->space *= 2;
		stream->buffer = xreallocarray(stream->buffer, stream->space,
		    1);
	}
}

struct ctf_stream *
ctf_stream(struct ctf *ctf, pid_t pid, const char *program)
{
	struct ctf_stream *stream = xcalloc(1, sizeof *stream);

	stream->ctf = ctf;
	stream->file = xasprintf("%d-%" PRIu32, (int)pid, ctf->numbers++);
	stream->program = xstrndup(program, strlen(program));
	stream->pid = (uint32_t)pid;
	stream->head = PACKET_HEAD + strlen(program) + 1;
	stream->used = stream->head;
	stream->space = BUFFER_MIN;
	stream->buffer = xcalloc(stream->space, 1);
	stream->is_empty = 1;
	make_room(stream, 0);
	stream->next = ctf->streams;
	if (stream->next != NULL)
		stream->next->self = &stream->next;
	stream->self = &ctf->streams;
	ctf->streams = stream;
	return stream;
}

void
ctf_stream_end(struct ctf_stream *stream)
{
	ctf_flush(stream);
	*stream->self = stream->next;
	if (stream->next != NULL)
		stream->next->self = stream->self;
	free(stream->file);
	free(stream->program);
	free(stream->buffer);
	free(stream);
}

/* --- events --- */

/* The low SIZE bytes of a word. */
static uint8_t *
put_number(uint8_t *to, uint64_t word, size_t size)
{
	const uint32_t u32 = (uint32_t)word;
	const uint16_t u16 = (uint16_t)word;

	switch (size) {
	case 1:
		*to = (uint8_t)word;
		break;
	case 2:
		memcpy(to, &u16, 2);
		break;
	case 4:
		memcpy(to, &u32, 4);
		break;
	default:
		memcpy(to, &word, 8);
	}
	return to + size;
}

/* Eight characters of ASCII, none of them 0? */
static int
is_ascii(const char *text)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t word;

	memcpy(&word, text, sizeof word);
	return (((word - ones) | word) & (ones << 7)) == 0;
}

/* The elements of an array, or zeros for those that the value has not. */
static uint8_t *
put_array(uint8_t *to, const struct value *value, size_t size)
{
	size_t have = value->text == NULL ? 0 : value->length < size ?
	    value->length : size;

	if (have > 0)
		memcpy(to, value->text, have);
	memset(to + have, 0, size - have);
	return to + size;
}

/* The most bytes that a text takes. */
static size_t
text_room(const struct value *value)
{
	return (value->text == NULL ? 0 : value->length * 4) +
	    sizeof "(unreadable)";
}

/* As usdt watch prints it, without its quotes. */
static uint8_t *
put_text(uint8_t *to, const struct value *value, int chars)
{
	static const char digits[] = "0123456789abcdef";
	const char *text = value->text, *end;
	size_t left = value->length, n;

	if (value->bytes == 0)
		end = "?";
	else if (value->flags & VALUE_UNREADABLE)
		end = "(unreadable)";
	else if (text == NULL)
		end = "NULL";
	else
		end = value->flags & VALUE_CUT ? "..." : "";
	if (text == NULL || value->bytes == 0 ||
	    (value->flags & VALUE_UNREADABLE) != 0)
		left = 0;
	else if (chars)
		left = strnlen(text, left);
	for (; left > 0; text += n, left -= n) {
		if (left >= 8 && is_ascii(text)) {
			memcpy(to, text, 8);
			to += n = 8;
		} else if (*text > 0) {
			*to++ = (uint8_t)*text;
			n = 1;
		} else if (*text != '\0' &&
		    (n = utf8_character(text, left)) != 0) {
			memcpy(to, text, n);
			to += n;
		} else {
			*to++ = '\\';
			*to++ = 'x';
			*to++ = (uint8_t)digits[(unsigned char)*text >> 4];
			*to++ = (uint8_t)digits[*text & 15];
			n = 1;
		}
	}
	n = strlen(end) + 1;
	memcpy(to, end, n);
	return to + n;
}

/* What comes now is of that time, and may be the first in its packet. */
static void
advance(struct ctf_stream *stream, uint64_t time)
{
	if (time > stream->last)
		stream->last = time;
	if (stream->is_empty && stream->lost == stream->lost_written)
		stream->begin = stream->last;
}

/* The head of an event of the time "last". */
static uint8_t *
put_head(uint8_t *to, const struct ctf_stream *stream, uint32_t number,
    pid_t tid)
{
	uint16_t half = (uint16_t)number;
	uint32_t low = (uint32_t)stream->last;

	if (number < EXTENDED && stream->last - stream->known <= UINT32_MAX) {
		put_bytes(&to, &half, 2);
		put_bytes(&to, &low, 4);
	} else {
		half = EXTENDED;
		put_bytes(&to, &half, 2);
		put_bytes(&to, &number, 4);
		put_bytes(&to, &stream->last, 8);
	}
	put_bytes(&to, &stream->pid, 4);
	put_bytes(&to, &tid, 4);
	return to;
}

/* Begin an event that needs ROOM bytes.  Returns where its fields go. */
static inline uint8_t *
begin_event(struct ctf_stream *stream, const struct ctf_class *class,
    uint64_t time, pid_t tid, size_t room)
{
	uint8_t *to;

	if (room > stream->space - stream->used)
		make_room(stream, room);
	advance(stream, time);
	if (stream->is_empty)
		stream->known = stream->begin;
	stream->is_empty = 0;
	to = put_head(stream->buffer + stream->used, stream, class->number,
	    tid);
	stream->known = stream->last;
	return to;
}

void
ctf_event(struct ctf_stream *stream, const struct ctf_class *class,
    uint64_t time, pid_t tid, const struct value *values)
{
	const struct step *step = class->steps, *end = step + class->count;
	size_t room = class->room;
	uint8_t *to;

	if (class->texts)
		for (; step < end; step++)
			if (step->size == 0)
				room += text_room(&values[step->leaf]);
	to = begin_event(stream, class, time, tid, room);
	for (step = class->steps; step < end; step++) {
		const struct value *value = &values[step->leaf];

		if (step->size == 0)
			to = put_text(to, value, step->chars);
		else if (step->elements > 0)
			to = put_array(to, value, step->size * step->elements);
		else
			to = put_number(to, value->bits, step->size);
	}
	stream->used = (size_t)(to - stream->buffer);
}

int
ctf_words(struct ctf_stream *stream, const struct ctf_class *class,
    uint64_t time, pid_t tid, const uint64_t *words, size_t count)
{
	const struct step *step = class->steps, *end = step + class->count;
	uint8_t *to;

	if (class->words > count)
		return -1;
	to = begin_event(stream, class, time, tid, class->room);
	for (; step < end; step++)
		to = put_number(to, words[step->leaf], step->size);
	stream->used = (size_t)(to - stream->buffer);
	return 0;
}

void
ctf_lost(struct ctf_stream *stream, uint64_t time, uint64_t count)
{
	advance(stream, time);
	stream->lost += count;
}
