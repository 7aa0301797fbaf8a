/*
 * json.c - how are lines written?
 *
 * Through one buffer of fixed size to the descriptor: no text is too long, and
 * nothing allocates memory.  A write waits for the reader, so the reader sets
 * the pace.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "consumer.h"

static char buffer[1 << 16];
static size_t used;
static int descriptor = 1;
static int reader_is_gone;

void
json_to(int fd)
{
	descriptor = fd;
}

int
json_is_read(void)
{
	return !reader_is_gone;
}

void
json_flush(void)
{
	struct pollfd p;
	size_t done = 0;
	ssize_t n;

	while (done < used && !reader_is_gone) {
		n = write(descriptor, buffer + done, used - done);
		if (n >= 0) {
			done += (size_t)n;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			p.fd = descriptor;
			p.events = POLLOUT;
			poll(&p, 1, -1);
		} else if (errno != EINTR) {
			reader_is_gone = 1;
		}
	}
	used = 0;
}

static void
put(const char *bytes, size_t length)
{
	size_t n;

	while (length > 0) {
		if (used == sizeof buffer)
			json_flush();
		n = sizeof buffer - used;
		if (n > length)
			n = length;
		memcpy(buffer + used, bytes, n);
		used += n;
		bytes += n;
		length -= n;
	}
}

void
json_raw(const char *text)
{
	put(text, strlen(text));
}

/*
 * The length of the character that begins the LENGTH bytes at TEXT, or 0 if it
 * is not valid UTF-8 (surrogates and overlong forms are not valid).
 */
static size_t
character(const unsigned char *text, size_t length)
{
	unsigned char c = text[0], low = 0x80, high = 0xbf;
	size_t n, i;

	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf)
		n = 2;
	else if (c >= 0xe0 && c <= 0xef)
		n = 3;
	else if (c >= 0xf0 && c <= 0xf4)
		n = 4;
	else
		return 0;
	if (c == 0xe0)
		low = 0xa0;
	if (c == 0xed)
		high = 0x9f;
	if (c == 0xf0)
		low = 0x90;
	if (c == 0xf4)
		high = 0x8f;
	if (length < n || text[1] < low || text[1] > high)
		return 0;
	for (i = 2; i < n; i++)
		if (text[i] < 0x80 || text[i] > 0xbf)
			return 0;
	return n;
}

/* Does the character need no escape? */
static int
is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

static void
escaped(unsigned char c)
{
	char text[8];

	if (c == '"' || c == '\\')
		snprintf(text, sizeof text, "\\%c", c);
	else if (c == '\n')
		strcpy(text, "\\n");
	else
		snprintf(text, sizeof text, "\\u%04x", c);
	json_raw(text);
}

/* Writes a quoted string.  Returns whether all of it was UTF-8. */
static int
quoted(const char *bytes, size_t length)
{
	const unsigned char *s = (const unsigned char *)bytes;
	size_t i = 0, from = 0, n;
	int whole = 1;

	put("\"", 1);
	while (i < length) {
		if (is_plain(s[i])) {
			i++;
			continue;
		}
		put(bytes + from, i - from);
		n = character(s + i, length - i);
		if (n == 0) {
			put("\xef\xbf\xbd", 3);
			whole = 0;
			n = 1;
		} else if (n == 1) {
			escaped(s[i]);
		} else {
			put(bytes + i, n);
		}
		i += n;
		from = i;
	}
	put(bytes + from, i - from);
	put("\"", 1);
	return whole;
}

void
json_string(const char *text)
{
	quoted(text, strlen(text));
}

static void
hexadecimal(const char *bytes, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	char two[2];
	size_t i;

	put("\"", 1);
	for (i = 0; i < length; i++) {
		two[0] = digits[(unsigned char)bytes[i] >> 4];
		two[1] = digits[(unsigned char)bytes[i] & 15];
		put(two, 2);
	}
	put("\"", 1);
}

static int
is_utf8(const char *bytes, size_t length)
{
	const unsigned char *s = (const unsigned char *)bytes;
	size_t i, n;

	for (i = 0; i < length; i += n) {
		n = character(s + i, length - i);
		if (n == 0)
			return 0;
	}
	return 1;
}

void
json_text(const char *bytes, size_t length)
{
	if (is_utf8(bytes, length)) {
		quoted(bytes, length);
		return;
	}
	json_raw("{\"text\":");
	quoted(bytes, length);
	json_raw(",\"hex\":");
	hexadecimal(bytes, length);
	json_raw("}");
}

void
json_bytes(const void *bytes, size_t length)
{
	json_raw("{\"hex\":");
	hexadecimal(bytes, length);
	json_raw("}");
}

/* Most JSON readers use doubles, which are exact for integers up to 2^53. */
#define EXACT ((int64_t)1 << 53)

/* Writes the digits of VALUE before END, and returns where they begin. */
static char *
digits_of(uint64_t value, char *end)
{
	do {
		*--end = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	return end;
}

static void
integer(int negative, uint64_t size)
{
	char text[24], *end = text + sizeof text, *digits;
	int large = size > (uint64_t)EXACT;

	digits = digits_of(size, end);
	if (negative)
		*--digits = '-';
	if (large)
		put("{\"int\":\"", 8);
	put(digits, (size_t)(end - digits));
	if (large)
		put("\"}", 2);
}

void
json_int(int64_t value)
{
	integer(value < 0, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void
json_uint(uint64_t value)
{
	integer(0, value);
}

void
json_failure(const struct failure *failure)
{
	json_raw("\"code\":");
	json_string(failure->code);
	json_raw(",\"errno\":");
	json_int(failure->number);
	json_raw(",\"message\":");
	json_string(failure->text);
}
