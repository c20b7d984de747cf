/*
 * The terminal's inside, shared by the files of term/ and by nobody else: the state, and what one
 * file does for the others. The functions are named after their file.
 *
 * The cursor is x in 0..cols: x == cols is the pending wrap, when the last column was written and
 * the next character goes to the next row. What moves the cursor first takes it back to the last
 * column.
 */
#ifndef TERM_STATE_H
#define TERM_STATE_H

#include "base/buf.h"
#include "term/cluster.h"
#include "term/grid.h"
#include "term/parser.h"
#include "term/style.h"
#include "term/term.h"

enum mode {
	MODE_INSERT,
	MODE_NEWLINE,          /* LNM */
	MODE_APP_CURSOR,       /* ?1 */
	MODE_REVERSE_VIDEO,    /* ?5 */
	MODE_ORIGIN,           /* ?6 */
	MODE_WRAP,             /* ?7 */
	MODE_CURSOR_BLINK,     /* ?12 */
	MODE_CURSOR_VISIBLE,   /* ?25 */
	MODE_REVERSE_WRAP,     /* ?45 */
	MODE_APP_KEYPAD,       /* ?66 */
	MODE_FOCUS,            /* ?1004 */
	MODE_ALTERNATE_SCROLL, /* ?1007 */
	MODE_BRACKETED_PASTE,  /* ?2004 */
	MODE_SYNCHRONIZED,     /* ?2026 */
};

enum charset { CHARSET_ASCII, CHARSET_GRAPHICS, CHARSET_UK };

/* What an SGR sequence made of a style, for the next time. Of use because programs repeat a few
 * of them without end; sound because ids never change their meaning. */
struct sgr_memo {
	uint64_t body;
	struct style style;
	uint16_t from, id, fill;
	bool set;
};

enum { SGR_MEMOS = 128 };

struct pen {
	struct style style;
	uint16_t id;   /* of style, unless stale */
	uint16_t fill; /* id of what erasing leaves: the background alone */
	bool stale;    /* style changed since id and fill were looked up */
	bool exact;    /* id means style, and not just what the table had room for */
	bool protect;  /* DECSCA */
};

struct charsets {
	uint8_t g[4]; /* enum charset */
	uint8_t gl;   /* which of them is in use */
};

struct saved {
	bool set;
	bool origin, protect;
	unsigned x, y;
	struct style style;
	struct charsets charsets;
};

/* What the main and the alternate screen have each for itself, as xterm.js has it. */
struct screen {
	struct grid grid;     /* of the alternate one empty until it is first used */
	unsigned top, bottom; /* scroll region, inclusive */
	struct saved saved;
	uint8_t tabs[TERM_SIZE_MAX / 8]; /* a bit a column */
};

/* A line being put together. */
struct line {
	char *text;
	size_t len, cap;
	struct style_run *runs;
	size_t nruns, runcap;
};

enum { TITLE_STACK = 8 };

struct term {
	struct term_callbacks cb;
	void *arg;
	struct term_options options;

	struct screen screens[2]; /* main, alternate */
	struct screen *screen;    /* the one in use */
	unsigned cols, rows;
	unsigned x, y;
	struct pen pen;
	struct sgr_memo memos[SGR_MEMOS];
	struct charsets charsets;
	uint32_t modes; /* bits 1 << enum mode */
	uint16_t mouse, mouse_encoding;
	uint8_t cursor_style; /* DECSCUSR, 0..6 */
	bool repeatable;      /* the last thing was text, which REP repeats */

	struct line head; /* of the line whose rest is still on the main screen */
	bool head_open;   /* there is one: row 0 of the main screen continues it */
	struct clusters clusters;
	struct styles *styles;
	uint16_t link; /* of OSC 8 */

	struct buf title, cwd;
	char *titles[TITLE_STACK]; /* pushed by CSI 22 t */
	unsigned ntitles;

	struct parser parser;
	const char *fed_end;
	const char *fed; /* start of the bytes being fed */
	uint64_t offset; /* bytes fed before them */
	uint64_t lines;  /* completed */
	uint64_t spent;  /* see term_afford */
};

static inline bool
mode(const struct term *t, enum mode m)
{
	return t->modes >> m & 1;
}

static inline bool
on_alternate(const struct term *t)
{
	return t->screen == &t->screens[1];
}

static inline struct row *
cursor_row(const struct term *t)
{
	return grid_row(&t->screen->grid, t->y);
}

/* term.c */
uint64_t term_offset(const struct term *t); /* of the byte being handled */
void term_reply(const struct term *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Most of what a sequence does costs no more than a step for each row and one row's cells. What
 * costs more asks here first, in cells, and is left undone or cut short if the answer is no.
 * Each byte fed earns CREDIT_BYTE cells: more than any program needs that also draws what it
 * moves, and at 80x24 more than any sequence costs (480 a byte, CSI SP @). Up to CREDIT_MAX, two
 * screens of the largest size, may be spent at once. The answer depends on the bytes alone, not
 * on how they were split.
 */
enum { CREDIT_BYTE = 512, CREDIT_MAX = 8 << 20 };
bool term_afford(struct term *t, uint64_t cells);

void term_full_reset(struct term *t);
void term_soft_reset(struct term *t);
void term_push_title(struct term *t);
void term_pop_title(struct term *t);
void term_reset_state(struct term *t); /* what both screens share, to the defaults */

/* pen.c */
void pen_reset(struct term *t);
void pen_refresh(struct term *t);
void pen_sgr(struct term *t, const struct csi *c);
bool pen_sgr_again(void *arg, uint64_t body);

static inline uint16_t
pen_id(struct term *t)
{
	if (t->pen.stale)
		pen_refresh(t);
	return t->pen.id;
}

static inline uint16_t
pen_fill(struct term *t)
{
	if (t->pen.stale)
		pen_refresh(t);
	return t->pen.fill;
}

/* print.c */
void print_text(void *arg, const char *s, size_t len);
void print_point(void *arg, uint32_t cp);
void print_repeat(struct term *t, unsigned n);

/* screen.c */
void screen_init(struct screen *s, unsigned cols, unsigned rows);
void screen_reset_tabs(struct screen *s);
void screen_restrict(struct term *t);                            /* ends a pending wrap */
void screen_go(struct term *t, unsigned x, unsigned y);          /* clamped, absolute */
void screen_go_relative(struct term *t, unsigned x, unsigned y); /* to the origin */
void screen_up(struct term *t, unsigned n); /* cursor, stops at the margin */
void screen_down(struct term *t, unsigned n);
void screen_index(struct term *t, bool feed); /* feed: a line feed, which ends a wrapped line */
void screen_reverse_index(struct term *t);
void screen_wrap(struct term *t);
void screen_backspace(struct term *t);
void screen_tab(struct term *t, unsigned n);
void screen_back_tab(struct term *t, unsigned n);
void screen_unjoin(struct term *t, unsigned y); /* row y of the screen in use begins a line */
/* Scrolls rows; those that leave the top of the main screen become lines if `push`. `wrap`: the
 * row that comes in last continues the one above it. */
void screen_scroll_up(
    struct term *t, unsigned top, unsigned bottom, unsigned n, bool push, bool wrap);
void screen_scroll_down(struct term *t, unsigned top, unsigned bottom, unsigned n);
void screen_erase_row(struct term *t, unsigned y, unsigned from, unsigned to, bool keep);
/* Rows from..to (exclusive): all of them, with `keep` all but protected cells. */
void screen_erase_rows(struct term *t, unsigned from, unsigned to, bool keep);
void screen_clear_row(struct term *t, unsigned y);
void screen_clear(struct term *t, bool keep); /* as a whole */
void screen_push_all(struct term *t);         /* the main screen's rows to the history */
void screen_alternate(struct term *t, bool on);
void screen_save_cursor(struct term *t);
void screen_restore_cursor(struct term *t);
void screen_align(struct term *t); /* DECALN */
void screen_collect_clusters(struct term *t);

/* control.c, csi.c, mode.c, osc.c: the parser's callbacks */
void control_c0c1(void *arg, uint8_t c);
void control_esc(void *arg, char inter, char final);
void csi_dispatch(void *arg, const struct csi *c);
void mode_set(struct term *t, const struct csi *c, bool on);
void mode_report(struct term *t, const struct csi *c);
int mode_snapshot(const struct term *t, struct buf *b); /* those that move nothing */
void osc_string(void *arg, enum parser_string kind, const char *s, size_t len);

/* line.c */
void line_release(struct line *l);
/* The first n cells of a row. */
void line_append_row(const struct term *t, struct line *l, const struct row *r, unsigned n);
void line_push_row(
    struct term *t, const struct row *r, bool more); /* more: the next continues it */
void line_complete(struct term *t);                  /* the head */

#endif
