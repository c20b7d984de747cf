/*
 * A terminal: bytes in; a screen that changes and lines that are complete out.
 *
 * term_feed takes what a program wrote. The terminal keeps two screens, the main and the
 * alternate one. A row that leaves the top of the main screen is text for ever: rows that the
 * terminal wrapped are joined to one logical line, and when the line is complete it goes to
 * the `line` callback, which is where a history begins. Nothing of the alternate screen ever
 * does.
 *
 * When does a row leave the top? When the main screen scrolls with a scroll region that begins
 * at the top (by LF, by wrapping, by SU), when a resize makes it too small for its rows, and,
 * with the option clear_to_history, when it is cleared as a whole (ED 2, RIS, and ED 0 from the
 * first cell on, which is what clear(1) sends to terminals of the kind of screen and tmux): then
 * all rows down to the last one that is not blank. Lines deleted by DL or scrolled in a region
 * further down are gone.
 *
 * When does a row continue the one above? When the cursor wrapped onto it, until a line feed
 * reaches it, it is erased from its first column on, or the row above it is replaced by another.
 *
 * Text is what a person saw: cells that were never written are spaces, except behind the last one
 * that was, where they are nothing. Blanks that were written count. Colours are runs of style ids
 * beside the text (base/run.h, term/style.h).
 *
 * A line longer than TERM_LINE_MAX bytes, or with more than TERM_RUNS_MAX runs, is handed on in
 * pieces, all but the last flagged TERM_LINE_SPLIT.
 *
 * Lines are numbered from 1 in the order of the callback; the rows of the main screen have the
 * numbers that follow. An offset is the count of bytes fed since the terminal was made: that of a
 * line includes the byte that completed it, and does not depend on how the bytes were split into
 * calls of term_feed.
 *
 * No I/O, no clock, no locks: one thread at a time, any thread. The callbacks must not call back
 * into the terminal except for its const functions; what they are given is borrowed until they
 * return. Whatever the bytes, memory stays bounded: by the size (1x1 to 2000x2000), strings of
 * 64 KiB, a line's maximum, and the bounds of the style table.
 *
 * So does time: a sequence costs at most a step for each row, one row's cells, and the lines that
 * it completes. The few that can cost a screenful of cells (columns shifted in all rows, part of
 * a rectangle erased, protected cells kept, long repetitions, DECALN's pattern as text of lines,
 * marks far down in one line) are ignored or cut short when little else is sent for long; what a
 * program that draws by them needs is never refused.
 *
 * Left out, as neither xterm.js nor tmux has them in use: left and right margins, 132 columns,
 * double-size lines (shown in single size), VT52, printing, selective character sets other
 * than ASCII, UK and line drawing, images.
 */
#ifndef TERM_TERM_H
#define TERM_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/run.h"

struct buf;
struct styles;
struct term;

enum {
	TERM_SIZE_MAX = 2000, /* columns, rows */
	TERM_LINE_MAX = 64 * 1024,
	TERM_RUNS_MAX = 16 * 1024,
	TERM_TITLE_MAX = 1024, /* bytes of title and cwd; longer ones are cut */
};

enum {
	TERM_LINE_WRAPPED = 1 << 0, /* joined from more than one row */
	TERM_LINE_SPLIT = 1 << 1,   /* goes on in the next line */
};

struct term_line {
	const char *text; /* UTF-8 without a newline */
	size_t len;
	const struct style_run *runs;
	size_t nruns;
	uint64_t offset; /* bytes fed when it was completed */
	unsigned flags;  /* TERM_LINE_* */
};

/* A shell's mark (OSC 133): A prompt, B command line, C output, D end. */
struct term_mark {
	char kind;       /* 'A'..'Z' */
	int exit_status; /* of D; -1 unknown */
	bool alternate;  /* on the alternate screen, where line and column mean nothing */
	uint64_t line;   /* the number the line has or will have */
	uint32_t byte; /* of its text, to the left of the mark; 0 if it costs too much to say */
	uint64_t offset;
	const char *options; /* what follows the kind, "k=s;cl=m"; NUL-terminated */
};

/* Any may be NULL. */
struct term_callbacks {
	void (*line)(void *arg, const struct term_line *line);
	void (*reply)(void *arg, const char *data, size_t len); /* for the program's input */
	void (*title)(void *arg, const char *title);
	void (*cwd)(void *arg, const char *uri); /* OSC 7, as the program gave it */
	void (*bell)(void *arg);
	void (*mark)(void *arg, const struct term_mark *mark);
	void (*clear_history)(void *arg);
};

struct term_options {
	bool clear_to_history;     /* default true */
	bool clear_history_on_ed3; /* default false */
};

/* Sizes out of range are clamped; whoever takes them from outside refuses them before. */
struct term *term_new(unsigned cols, unsigned rows, const struct term_callbacks *cb, void *arg);
void term_free(struct term *t);
void term_set_options(struct term *t, const struct term_options *options);

/* For a terminal that goes on where another one ended: bytes fed and lines completed before. */
void term_set_origin(struct term *t, uint64_t offset, uint64_t lines);

/* The part of a line that has left the main screen while its rest is still there; false if there
 * is none. What a snapshot says of it is an approximation: a terminal that goes on gets it by
 * term_set_head, after the snapshot. The runs' styles are those of this terminal's table. */
bool term_get_head(const struct term *t, struct term_line *head);
void term_set_head(struct term *t, const struct term_line *head);

/* What else a snapshot has no bytes for, although what comes later depends on it: tab stops right
 * of the screen, a saved cursor behind the last column, what REP repeats, what was spent of the
 * bytes fed (see above). For a terminal that goes on, after the snapshot and the origin; what is
 * not like it is ignored. */
void term_get_rest(const struct term *t, struct buf *b);
void term_set_rest(struct term *t, const char *data, size_t len);

void term_feed(struct term *t, const char *data, size_t len);

/* Rewraps the main screen's logical lines, the alternate one is cut or extended. Rows that no
 * longer fit leave the top. The scroll region is reset. */
void term_resize(struct term *t, unsigned cols, unsigned rows);

/* Completes the line of which the first part has left the screen and the rest is still on it, if
 * there is one, as at the end of a pane. */
void term_flush(struct term *t);

struct term_state {
	unsigned cols, rows;
	unsigned x, y; /* cursor; x == cols: the next character wraps */
	bool cursor_visible;
	bool alternate;          /* the alternate screen is shown */
	bool synchronized;       /* between begin and end of a synchronized update (2026) */
	bool bracketed_paste;    /* 2004 */
	bool focus_events;       /* 1004 */
	bool application_cursor; /* DECCKM */
	bool application_keypad;
	unsigned mouse;          /* 0, 9, 1000, 1002 or 1003 */
	unsigned mouse_encoding; /* 0, 1005, 1006, 1015 or 1016 */
	uint64_t offset;         /* bytes fed */
	uint64_t lines;          /* completed */
	const char *title, *cwd; /* "" if never set; valid until the next feed */
};

void term_get_state(const struct term *t, struct term_state *state);

/* The table that the runs' ids mean. Lives as long as the terminal. */
const struct styles *term_styles(const struct term *t);
struct styles *term_styles_restore(struct term *t); /* to fill an empty one from a copy */

size_t term_memory(const struct term *t); /* bytes allocated, style table included */

/* Lines copied from a screen: all in one block of UTF-8 with a '\n' behind each. */
struct term_text_line {
	uint32_t text, len;  /* bytes from the start of the block */
	uint32_t run, nruns; /* index into runs */
	uint16_t row, nrows; /* rows of the screen it takes */
};

struct term_text {
	char *text;
	size_t len, cap;
	struct style_run *runs;
	size_t nruns, runcap;
	struct term_text_line *lines;
	size_t nlines, linecap;
	size_t used;    /* lines up to the last one that has text */
	uint64_t first; /* number of the first line; 0 for the alternate screen */
};

enum term_which { TERM_SHOWN, TERM_MAIN };

enum {
	TERM_TEXT_JOIN = 1 << 0, /* logical lines; otherwise rows */
	TERM_TEXT_HEAD = 1 << 1, /* and the first with its part that has left the screen */
};

void term_text_init(struct term_text *text);
void term_text_release(struct term_text *text);

/* Fills `text`, whose storage is used again. */
void term_text_read(
    const struct term *t, enum term_which which, unsigned flags, struct term_text *text);

/* Gives the next line, the oldest first; false at the end. */
typedef bool term_history_cb(void *arg, struct term_line *line);

/*
 * Appends bytes that make a terminal of the same size, fresh or reset, equal to this one:
 * lines from `next` (may be NULL) and the part of a line that has left the screen above it;
 * both screens with their styles, scroll regions, tab stops and saved cursors; modes,
 * character sets, title, cursor and a pending wrap; and last the beginning of an escape
 * sequence or code point that is still unfinished, so that the bytes behind the offset can
 * follow.
 *
 * The sequences are such as xterm.js understands. Not carried over: that the first row continues
 * a line of which another size's wrapping left an odd part above. -ENOBUFS when b is full.
 */
int term_snapshot(const struct term *t, term_history_cb *next, void *arg, struct buf *b);

/* Appends one line as text with SGR (and OSC 8) sequences that begin and end in the default
 * style. */
int term_line_write(const struct styles *s, const char *text, size_t len,
    const struct style_run *runs, size_t nruns, struct buf *b);

#endif
