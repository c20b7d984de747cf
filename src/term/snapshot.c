#include "config.h"

#include <string.h>

#include "base/utf8.h"
#include "term/state.h"
#include "term/width.h"

/*
 * The bytes are written in this order, which matters:
 *
 *  1. titles; 2. lines of the history, then the head, each scrolled out of sight;
 *  3. for each screen, the main one first: the rows that continue another (the cursor is made
 *     to wrap onto them, which leaves two letters that the drawing then replaces), the rows'
 *     cells at absolute positions, tab stops, the saved cursor, the scroll region;
 *  4. what moves the cursor (origin mode), the cursor, a pending wrap (by writing the last column
 *     again); 5. pen, character sets, modes; 6. the last text; 7. the unfinished sequence.
 *
 * Until 4, all modes are as after a reset. Errors add up in `rc`, as nothing but a full buffer
 * can go wrong.
 */
struct writer {
	const struct term *t;
	const struct screen *screen;
	struct buf *b;
	unsigned style; /* id of the pen as it stands */
	bool protect;
	int rc;
};

static void put(struct writer *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
put(struct writer *w, const char *fmt, ...)
{
	va_list ap;
	int rc;

	va_start(ap, fmt);
	rc = buf_vprintf(w->b, fmt, ap);
	va_end(ap);
	if (w->rc == 0)
		w->rc = rc;
}

static void
put_bytes(struct writer *w, const char *s, size_t len)
{
	int rc = buf_append(w->b, s, len);

	if (w->rc == 0)
		w->rc = rc;
}

static void
set_style(struct writer *w, unsigned style)
{
	int rc = style_write(w->t->styles, w->style, style, w->b);

	w->style = style;
	if (w->rc == 0)
		w->rc = rc;
}

static void
set_protect(struct writer *w, bool on)
{
	if (w->protect != on)
		put(w, "\033[%d\"q", on);
	w->protect = on;
}

static void
go(struct writer *w, unsigned x, unsigned y)
{
	put(w, "\033[%u;%uH", y + 1, x + 1);
}

/* Titles and lines above the screen */

static void
put_titles(struct writer *w)
{
	const struct term *t = w->t;

	for (unsigned i = 0; i < t->ntitles; i++)
		put(w, "\033]2;%s\033\\\033[22;2t", t->titles[i]);
	if (t->title.len != 0 || t->ntitles != 0)
		put(w, "\033]2;%s\033\\", t->title.data);
	if (t->cwd.len != 0)
		put(w, "\033]7;%s\033\\", t->cwd.data);
}

/* The cursor's column after a terminal has written the text, cols for a pending wrap. */
static unsigned
column_after(const struct term *t, const char *s, size_t len)
{
	unsigned x = 0, width;
	uint32_t cp;
	size_t n;

	for (; len > 0; s += n, len -= n) {
		n = utf8_decode(s, len, &cp);
		if (n == 0)
			break;
		width = width_of(cp);
		if (width > t->cols)
			width = t->cols;
		x = x + width > t->cols ? width : x + width;
	}
	return x;
}

static bool
put_head(struct writer *w)
{
	const struct term *t = w->t;
	const struct line *l = &t->head;
	bool joins = l->len != 0 && column_after(t, l->text, l->len) == t->cols;
	int rc = term_line_write(t->styles, l->text, l->len, l->runs, l->nruns, w->b);

	if (w->rc == 0)
		w->rc = rc;
	/* A letter that wraps makes the row continue the head; drawing replaces it. */
	put(w, "%s", joins ? "x" : "\r\n");
	return joins;
}

/* True when row 0 now continues the head. */
static bool
put_history(struct writer *w, term_history_cb *next, void *arg)
{
	bool any = false, joined = false;
	struct term_line line;

	while (w->rc == 0 && next != NULL && next(arg, &line)) {
		w->rc = term_line_write(
		    w->t->styles, line.text, line.len, line.runs, line.nruns, w->b);
		if (!(line.flags & TERM_LINE_SPLIT))
			put(w, "\r\n");
		any = true;
	}
	if (w->t->head_open) {
		joined = put_head(w);
		any = true;
	}
	for (unsigned y = 1; any && y < w->t->rows; y++)
		put(w, "\n");
	return joined;
}

/* Rows */

static bool
row_continues(const struct writer *w, unsigned y)
{
	return y > 0 && y < w->t->rows && grid_row(&w->screen->grid, y)->cont;
}

static void
put_continuations(struct writer *w)
{
	for (unsigned y = 1; y < w->t->rows; y++) {
		if (!row_continues(w, y))
			continue;
		go(w, w->t->cols - 1, y - 1);
		put(w, "xx");
	}
}

static void
put_cell(struct writer *w, const struct cell *c)
{
	char enc[UTF8_MAX];

	set_style(w, c->style);
	set_protect(w, c->flags & CELL_PROTECTED);
	if (c->flags & CELL_CLUSTER)
		put_bytes(w, w->t->clusters.v[c->ch].utf8, w->t->clusters.v[c->ch].len);
	else
		put_bytes(w, enc, utf8_encode(c->ch, enc));
}

static bool
is_blank(const struct cell *c)
{
	return c->ch == 0 && !(c->flags & (CELL_TAIL | CELL_CLUSTER));
}

static bool
is_blank_in(struct cell c, unsigned style)
{
	return is_blank(&c) && c.style == style;
}

/* Blanks from column x on that have one style; returns where they end. */
static unsigned
put_blanks(struct writer *w, const struct row *r, unsigned y, unsigned x, bool dirty)
{
	unsigned cols = w->t->cols, end = x + 1, style = row_cell(r, x).style;

	while (end < cols && is_blank_in(row_cell(r, end), style))
		end++;
	if (style != 0 || dirty) {
		go(w, x, y);
		set_style(w, style);
		put(w, "\033[%uX", end - x);
	}
	return end;
}

/* `first` and `last`: a letter was left in the row's first or last column. */
static void
put_row(struct writer *w, unsigned y, bool first, bool last)
{
	const struct row *r = grid_row(&w->screen->grid, y);
	unsigned at = w->t->cols; /* where the terminal's cursor is in this row, if it is */

	for (unsigned x = 0; x < w->t->cols && w->rc == 0;) {
		struct cell c = row_cell(r, x);

		if (is_blank(&c)) {
			unsigned end = put_blanks(w, r, y, x, (first && x == 0) || last);

			at = w->t->cols;
			x = end;
			continue;
		}
		if (at != x)
			go(w, x, y);
		put_cell(w, &c);
		x += c.flags & CELL_WIDE ? 2 : 1;
		at = x;
	}
	set_protect(w, false);
}

/* What goes with a screen */

static void
put_tabs(struct writer *w)
{
	const uint8_t *tabs = w->screen->tabs;
	bool usual = true;

	for (unsigned i = 0; i < TERM_SIZE_MAX / 8; i++)
		usual = usual && tabs[i] == 0x01;
	if (usual)
		return;
	put(w, "\033[3g");
	for (unsigned x = 0; x < w->t->cols; x++) {
		if (!(tabs[x / 8] >> (x % 8) & 1))
			continue;
		go(w, x, 0);
		put(w, "\033H");
	}
}

static void
put_charsets(struct writer *w, const struct charsets *c)
{
	static const char finals[] = {
	    [CHARSET_ASCII] = 'B', [CHARSET_GRAPHICS] = '0', [CHARSET_UK] = 'A'};
	static const char *const shifts[] = {"", "\016", "\033n", "\033o"};

	for (unsigned i = 0; i < 4; i++)
		if (c->g[i] != CHARSET_ASCII)
			put(w, "\033%c%c", "()*+"[i], finals[c->g[i]]);
	put(w, "%s", shifts[c->gl]);
}

static void
reset_charsets(struct writer *w, const struct charsets *c)
{
	for (unsigned i = 0; i < 4; i++)
		if (c->g[i] != CHARSET_ASCII)
			put(w, "\033%cB", "()*+"[i]);
	put(w, "%s", c->gl != 0 ? "\017" : "");
}

static void
put_saved(struct writer *w)
{
	const struct saved *s = &w->screen->saved;
	struct style style = s->style;
	int rc;

	if (!s->set)
		return;
	put(w, "%s", s->origin ? "\033[?6h" : "");
	go(w, s->x, s->y);
	/* The link in use is not restored with the rest. */
	style.link = 0;
	set_style(w, 0);
	rc = style_write_pen(w->t->styles, &style, w->b);
	if (w->rc == 0)
		w->rc = rc;
	set_protect(w, s->protect);
	put_charsets(w, &s->charsets);
	put(w, "\0337\033[m%s", s->origin ? "\033[?6l" : "");
	set_protect(w, false);
	reset_charsets(w, &s->charsets);
}

static void
put_screen(struct writer *w, const struct screen *s, bool joined)
{
	w->screen = s;
	put_continuations(w);
	for (unsigned y = 0; y < w->t->rows && w->rc == 0; y++)
		put_row(
		    w, y, row_continues(w, y) || (y == 0 && joined), row_continues(w, y + 1));
	put_tabs(w);
	put_saved(w);
	set_style(w, 0);
	if (s->top != 0 || s->bottom != w->t->rows - 1)
		put(w, "\033[%u;%ur", s->top + 1, s->bottom + 1);
}

/* The cursor, and what is in force behind it */

static void
put_pending_wrap(struct writer *w, unsigned y)
{
	const struct row *r = cursor_row(w->t);
	unsigned x = w->t->cols - 1;
	struct cell c = row_cell(r, x);

	if (c.flags & CELL_TAIL)
		c = row_cell(r, --x);
	go(w, x, y);
	if (!is_blank(&c)) {
		put_cell(w, &c);
		return;
	}
	/* A space, and where the terminal knows how (DECERA), back to never written. */
	set_style(w, c.style);
	put(w, " \033[%u;%u;%u;%u$z", y + 1, x + 1, y + 1, x + 1);
}

static void
put_cursor(struct writer *w)
{
	const struct term *t = w->t;
	unsigned y = t->y;

	if (mode(t, MODE_ORIGIN)) {
		put(w, "\033[?6h");
		y -= t->screen->top;
	}
	if (t->x >= t->cols)
		put_pending_wrap(w, y);
	else
		go(w, t->x, y);
}

static void
put_pen(struct writer *w)
{
	int rc;

	set_style(w, 0);
	set_protect(w, w->t->pen.protect);
	rc = style_write_pen(w->t->styles, &w->t->pen.style, w->b);
	if (w->rc == 0)
		w->rc = rc;
	put_charsets(w, &w->t->charsets);
}

/* What REP and marks refer to is the text just written: when it was text, it is the last thing
 * here, too. It was written with the pen as it is; in a character set or insert mode it would not
 * come out the same. */
static void
put_last_text(struct writer *w)
{
	const struct term *t = w->t;
	const struct row *r = cursor_row(t);
	unsigned x = t->x, y = t->y - (mode(t, MODE_ORIGIN) ? t->screen->top : 0);
	struct cell c;

	if (!t->repeatable || x == 0 || mode(t, MODE_INSERT) ||
	    t->charsets.g[t->charsets.gl] != CHARSET_ASCII)
		return;
	c = row_cell(r, --x);
	if (c.flags & CELL_TAIL)
		c = row_cell(r, --x);
	/* A mark can come when BS has taken the cursor into a wide character. */
	if (t->x - x != (c.flags & CELL_WIDE ? 2 : 1))
		return;
	if (is_blank(&c) || !style_equal(style_get(t->styles, c.style), &t->pen.style) ||
	    !(c.flags & CELL_PROTECTED) != !t->pen.protect)
		return;
	go(w, x, y);
	w->style = c.style;
	w->protect = t->pen.protect;
	put_cell(w, &c);
}

int
term_snapshot(const struct term *t, term_history_cb *next, void *arg, struct buf *b)
{
	struct writer w = {.t = t, .b = b};
	bool joined;

	put_titles(&w);
	joined = put_history(&w, next, arg);
	put_screen(&w, &t->screens[0], joined);
	if (on_alternate(t)) {
		put(&w, "\033[?1047h");
		put_screen(&w, &t->screens[1], false);
	}
	put_cursor(&w);
	put_pen(&w);
	if (w.rc == 0)
		w.rc = mode_snapshot(t, b);
	put_last_text(&w);
	if (w.rc == 0)
		w.rc = parser_unfinished(&t->parser, b);
	return w.rc;
}

/* What has no sequence. Alternate screen: only if it is shown, as it begins anew when it is. */

struct rest {
	uint64_t spent, patience;
	uint32_t saved_x[2];
	uint8_t cont[2]; /* whether the first row continues another */
	uint8_t repeatable, pad[5];
	uint8_t tabs[2][TERM_SIZE_MAX / 8];
	uint8_t more[4]; /* makes it whole words */
};

void
term_get_rest(const struct term *t, struct buf *b)
{
	struct rest r = {
	    .spent = t->spent, .patience = t->clusters.patience, .repeatable = t->repeatable};

	for (unsigned i = 0; i < (on_alternate(t) ? 2 : 1); i++) {
		const struct screen *s = &t->screens[i];

		r.saved_x[i] = s->saved.x;
		r.cont[i] = grid_row(&s->grid, 0)->cont;
		memcpy(r.tabs[i], s->tabs, sizeof s->tabs);
	}
	buf_append(b, &r, sizeof r);
}

void
term_set_rest(struct term *t, const char *data, size_t len)
{
	struct rest r;

	if (len != sizeof r)
		return;
	memcpy(&r, data, sizeof r);
	t->spent = r.spent;
	t->clusters.patience = r.patience <= 2 * TERM_SIZE_MAX * TERM_SIZE_MAX ? r.patience : 0;
	t->repeatable = r.repeatable != 0;
	for (unsigned i = 0; i < (on_alternate(t) ? 2 : 1); i++) {
		struct screen *s = &t->screens[i];

		if (r.saved_x[i] <= t->cols)
			s->saved.x = r.saved_x[i];
		grid_row(&s->grid, 0)->cont = r.cont[i] != 0;
		memcpy(s->tabs, r.tabs[i], sizeof s->tabs);
	}
}
