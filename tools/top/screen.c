/*
 * screen.c - how is a table kept on a terminal?
 *
 * Each table is drawn over the last one and fills the window at most.  Its last
 * one stays there.  Keys are read one by one as long as we are in the
 * foreground; a shell that stops us has its own ideas about the terminal, so
 * ours are set again with each table.
 *
 * SPDX-License-Identifier: BSD-2-Clause
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#include "tools/top/top.h"

struct screen {
	int reads;		/* keys, from standard input */
	int colours;
	int drawn;		/* there is a table */
	struct termios before;
};

/* --- keys --- */

/* To read the terminal in the background would stop us. */
static int
is_in_front(void)
{
	return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

static void
want_keys(const struct screen *screen)
{
	struct termios keys = screen->before;

	if (!screen->reads || !is_in_front())
		return;
	keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	keys.c_cc[VMIN] = 1;
	keys.c_cc[VTIME] = 0;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &keys);
}

struct screen *
screen_open(void)
{
	const char *term = getenv("TERM"), *no = getenv("NO_COLOR");
	struct screen *screen;

	if (!isatty(STDOUT_FILENO) || term == NULL || *term == '\0' ||
	    strcmp(term, "dumb") == 0)
		return NULL;
	screen = xcalloc(1, sizeof *screen);
	screen->colours = no == NULL || *no == '\0';
	screen->reads = tcgetattr(STDIN_FILENO, &screen->before) == 0;
	want_keys(screen);
	return screen;
}

void
screen_close(struct screen *screen)
{
	if (screen == NULL)
		return;
	if (screen->reads && is_in_front())
		tcsetattr(STDIN_FILENO, TCSADRAIN, &screen->before);
	free(screen);
}

int
screen_quits(struct screen *screen)
{
	struct pollfd keys = { .fd = STDIN_FILENO, .events = POLLIN };
	char key;

	while (screen->reads && is_in_front() && poll(&keys, 1, 0) == 1) {
		if (read(STDIN_FILENO, &key, 1) != 1)
			screen->reads = 0;	/* it is gone */
		else if (key == 'q' || key == 'Q')
			return 1;
	}
	return 0;
}

/* --- text --- */

size_t
put_cut(struct line *line, const char *text, size_t length, size_t columns)
{
	mbstate_t state = { 0 };
	size_t used = 0, n;
	wchar_t wide;
	int width;

	for (; length > 0; text += n, length -= n) {
		n = mbrtowc(&wide, text, length, &state);
		if (n == 0 || n > length)
			break;
		width = wcwidth(wide);
		if (width < 0 || used + (size_t)width > columns)
			break;
		line_put(line, text, n);
		used += (size_t)width;
	}
	return used;
}

static void
put_blanks(struct line *line, size_t count)
{
	while (count-- > 0)
		line_char(line, ' ');
}

void
put_rate(struct line *line, uint64_t tenths)
{
	line_unsigned(line, tenths < 100 ? tenths / 10 : (tenths + 5) / 10);
	if (tenths < 100) {
		line_char(line, '.');
		line_unsigned(line, tenths % 10);
	}
}

/* --- the table --- */

#define RATE_COLUMNS	10
#define TOTAL_COLUMNS	12
#define PID_COLUMNS	8
#define PROGRAM_COLUMNS	16
/* A probe's name has so many at least, while others can be left out for it. */
#define PROBE_COLUMNS	10

enum { SHOW_TOTAL = 1, SHOW_PID = 2, SHOW_PROGRAM = 4 };

/* Which columns a window has room for; a blank follows each. */
static unsigned
shown_in(size_t columns)
{
	static const struct {
		unsigned what;
		size_t width;
	} spare[] = {		/* the first is left out first */
		{ SHOW_TOTAL, TOTAL_COLUMNS + 1 },
		{ SHOW_PROGRAM, PROGRAM_COLUMNS + 1 },
		{ SHOW_PID, PID_COLUMNS + 1 }
	};
	size_t wanted = RATE_COLUMNS + 1 + PROBE_COLUMNS, i;
	unsigned shown = 0;

	for (i = 0; i < sizeof spare / sizeof *spare; i++) {
		wanted += spare[i].width;
		shown |= spare[i].what;
	}
	for (i = 0; wanted > columns && i < sizeof spare / sizeof *spare; i++) {
		wanted -= spare[i].width;
		shown &= ~spare[i].what;
	}
	return shown;
}

/* Text at the right of so many columns, and a blank. */
static void
put_right(struct line *line, const char *bytes, size_t length, size_t columns)
{
	if (length < columns)
		put_blanks(line, columns - length);
	line_put(line, bytes, length);
	line_char(line, ' ');
}

static void
put_number(struct line *line, uint64_t value, size_t columns)
{
	struct line number = { 0 };

	line_unsigned(&number, value);
	put_right(line, number.bytes, number.length, columns);
	line_free(&number);
}

static void
put_program(struct line *line, const char *program)
{
	struct line word = { 0 };
	size_t used;

	line_word(&word, program);
	used = put_cut(line, word.bytes, word.length, PROGRAM_COLUMNS);
	put_blanks(line, PROGRAM_COLUMNS + 1 - used);
	line_free(&word);
}

static void
put_row(struct line *text, const struct row *row, unsigned shown)
{
	struct line rate = { 0 };

	put_rate(&rate, row->rate);
	put_right(text, rate.bytes, rate.length, RATE_COLUMNS);
	line_free(&rate);
	if (shown & SHOW_TOTAL)
		put_number(text, row->total, TOTAL_COLUMNS);
	if (shown & SHOW_PID)
		put_number(text, (uint64_t)row->pid, PID_COLUMNS);
	if (shown & SHOW_PROGRAM)
		put_program(text, row->program);
	line_put(text, row->target->label.bytes, row->target->label.length);
}

static void
put_heading(struct line *text, unsigned shown)
{
	put_right(text, "EVENTS/S", 8, RATE_COLUMNS);
	if (shown & SHOW_TOTAL)
		put_right(text, "TOTAL", 5, TOTAL_COLUMNS);
	if (shown & SHOW_PID)
		put_right(text, "PID", 3, PID_COLUMNS);
	if (shown & SHOW_PROGRAM)
		put_program(text, "PROGRAM");
	line_text(text, "PROBE");
}

static void
put_summary(struct line *text, const struct counts *counts, uint64_t lost)
{
	uint64_t rate = 0;
	size_t i;

	for (i = 0; i < counts->count; i++)
		rate += counts->rows[i]->rate;
	put_rate(text, rate);
	line_text(text, " events/s, ");
	line_unsigned(text, counts->count);
	line_text(text, counts->count == 1 ? " row" : " rows");
	if (lost > 0) {
		line_text(text, ", ");
		line_unsigned(text, lost);
		line_text(text, " events lost");
	}
	line_text(text, "; q ends");
}

/* End a line of the window, and clear what was behind it. */
static void
put_line(struct line *line, struct line *text, size_t columns,
    const char *before, const char *behind)
{
	line_text(line, before);
	put_cut(line, text->bytes, text->length, columns);
	line_text(line, behind);
	line_text(line, "\033[K\r\n");
	text->length = 0;
}

/* As large as usual if the terminal does not know. */
static void
window_size(struct winsize *window)
{
	memset(window, 0, sizeof *window);
	ioctl(STDOUT_FILENO, TIOCGWINSZ, window);
	if (window->ws_row == 0)
		window->ws_row = 24;
	if (window->ws_col == 0)
		window->ws_col = 80;
}

size_t
screen_columns(void)
{
	struct winsize window;

	window_size(&window);
	return window.ws_col;
}

void
screen_draw(struct screen *screen, struct line *line,
    const struct counts *counts, uint64_t lost)
{
	struct line text = { 0 };
	struct winsize window;
	size_t rows, columns, i;
	unsigned shown;

	want_keys(screen);
	window_size(&window);
	columns = window.ws_col;
	shown = shown_in(columns);
	/* Two lines for what is above, and one for the cursor. */
	rows = window.ws_row > 3 ? window.ws_row - 3u : 0;
	line_text(line, screen->drawn ? "\033[H" : "\033[H\033[2J");
	screen->drawn = 1;
	put_summary(&text, counts, lost);
	put_line(line, &text, columns, "", "");
	put_heading(&text, shown);
	put_line(line, &text, columns, screen->colours ? "\033[7m" : "",
	    screen->colours ? "\033[0m" : "");
	for (i = 0; i < counts->count && i < rows; i++) {
		put_row(&text, counts->rows[i], shown);
		put_line(line, &text, columns, "", "");
	}
	line_text(line, "\033[J");
	line_free(&text);
}

void
screen_show(struct screen *screen, struct line *line, const struct line *text)
{
	struct line row = { 0 };
	struct winsize window;
	const char *at = text->bytes, *end = at + text->length, *next;
	size_t rows;

	want_keys(screen);
	window_size(&window);
	line_text(line, screen->drawn ? "\033[H" : "\033[H\033[2J");
	screen->drawn = 1;
	for (rows = window.ws_row - 1u; at < end && rows > 0; rows--) {
		next = memchr(at, '\n', (size_t)(end - at));
		line_put(&row, at, (size_t)(next - at));
		put_line(line, &row, window.ws_col, "", "");
		at = next + 1;
	}
	line_text(line, "\033[J");
	line_free(&row);
}
