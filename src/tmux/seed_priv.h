/*
 * The inside of seed.h, for the files seed*.c: what a seed holds, and two ways to read captures.
 *
 * scan_token cuts a line into tokens and knows nothing else. walk_next follows a line with the pen
 * and with the cursor of a terminal that it is written to, and gives only what is to be seen.
 */
#ifndef TMUX_SEED_PRIV_H
#define TMUX_SEED_PRIV_H

#include "base/buf.h"
#include "term/parser.h"
#include "term/style.h"
#include "term/term.h"
#include "tmux/seed.h"

/* What runs on from one line of a capture to the next. */
struct seed_pen {
	struct style style;
	bool graphics; /* line drawing */
};

struct seed_line {
	size_t at;    /* in data */
	uint32_t len; /* bytes as captured */
	uint32_t pen; /* index: the pen where it begins */
};

struct seed_list {
	struct seed_line *v;
	size_t n, cap;
};

#define CURSOR_UNSET UINT32_MAX

struct seed {
	unsigned refs; /* beyond the first */
	struct seed_state state;
	char *data;
	size_t len;
	struct seed_list lines; /* of history and main screen */
	struct seed_list rows;  /* of the screen that is shown */
	size_t screen;          /* index of the first line that reaches the screen */
	size_t flat; /* lines from here on are rows of the screen, to be cut at its edge */
	struct seed_pen *pens;
	size_t npens, pencap;

	unsigned x, y;
	unsigned saved_x, saved_y; /* the main screen's cursor, or CURSOR_UNSET */
	unsigned top, bottom;
	bool visible, insert, app_cursor, app_keypad, wrap, origin, bracketed_paste;
	unsigned mouse, mouse_encoding; /* as in struct term_state */
	bool tabs_known;
	uint8_t tabs[TERM_SIZE_MAX / 8 + 1]; /* a bit a column */
	char *pending;
	size_t pending_len;
};

/* seed_scan.c */

enum token_kind {
	TOKEN_TEXT,  /* printable ASCII */
	TOKEN_POINT, /* another code point */
	TOKEN_TAB,
	TOKEN_SGR,   /* text is its body */
	TOKEN_LINK,  /* text is what is between "ESC ] 8 ;" and its end */
	TOKEN_SHIFT, /* to line drawing (SO) or back (SI) */
	TOKEN_OTHER, /* not let through */
};

struct token {
	enum token_kind kind;
	const char *text;
	size_t len;
	uint32_t cp;
	struct csi csi; /* of TOKEN_SGR; otherwise not set */
};

/* The token at p (p < end); returns where the next one begins. */
const char *scan_token(const char *p, const char *end, struct token *t);

/* The first byte below 0x20, or end. */
const char *scan_control(const char *p, const char *end);

/* Applies a token to the pen. */
void scan_pen(struct seed_pen *pen, const struct token *t);

struct walk {
	const char *p, *end;
	struct seed_pen pen;
	unsigned cols;
	bool layout; /* what follows is kept */
	unsigned x;  /* of the terminal's cursor, behind what was given last */
	unsigned rows;
	const char *row;  /* where the last row begins */
	const char *edge; /* where the first one ends, when there is another */
};

/* layout: whether the cursor is asked for. It costs much where there are other characters than
 * ASCII. */
void walk_begin(struct walk *w, const struct seed *s, const struct seed_line *l, bool layout);

/* Gives what is to be seen and what changes how it looks: all kinds but TOKEN_OTHER. TOKEN_TAB has
 * in `len` the columns it takes; without a layout TOKEN_POINT can be more than one. */
bool walk_next(struct walk *w, struct token *t);

/* A printable ASCII character as the pen makes it; its bytes go to out. */
size_t walk_encode(const struct walk *w, char c, char out[4]);

/* Where a line's text ends: what is behind is blank and has no style that could be seen. With
 * keep_rows never before the last of the rows that it takes on the screen. */
const char *walk_text_end(const struct seed *s, const struct seed_line *l, bool keep_rows);

unsigned walk_rows(const struct seed *s, const struct seed_line *l);

#endif
