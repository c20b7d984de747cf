#include "config.h"

#include "term/width.h"
#include "tmux/seed_priv.h"

/* Lines. Each begins and ends in the default pen, so that rows that scroll in are empty. */

struct output {
	struct buf *b;
	struct walk walk;
	bool styled, linked;
};

static void
put_link(struct output *o, const struct token *t)
{
	buf_puts(o->b, "\033]8;");
	buf_append(o->b, t->text, t->len);
	buf_puts(o->b, "\033\\");
	o->linked = t->text[t->len - 1] != ';';
}

static void
put_text(struct output *o, const struct token *t)
{
	char enc[4];

	if (!o->walk.pen.graphics) {
		buf_append(o->b, t->text, t->len);
		return;
	}
	for (size_t i = 0; i < t->len; i++)
		buf_append(o->b, enc, walk_encode(&o->walk, t->text[i], enc));
}

static void
put_token(struct output *o, const struct token *t)
{
	switch (t->kind) {
	case TOKEN_TEXT:
		put_text(o, t);
		break;
	case TOKEN_POINT:
	case TOKEN_TAB:
		buf_append(o->b, t->kind == TOKEN_TAB ? "\t" : t->text,
		    t->kind == TOKEN_TAB ? 1 : t->len);
		break;
	case TOKEN_SGR:
		buf_puts(o->b, "\033[");
		buf_append(o->b, t->text, t->len);
		buf_putc(o->b, 'm');
		o->styled = true;
		break;
	case TOKEN_LINK:
		put_link(o, t);
		break;
	default:
		break;
	}
}

static void
begin_pen(struct output *o)
{
	static const struct style none;

	if (style_equal(&o->walk.pen.style, &none))
		return;
	style_write_pen(NULL, &o->walk.pen.style, o->b);
	o->styled = true;
}

static void
put_line(
    const struct seed *s, const struct seed_line *l, const char *end, bool cut, struct buf *b)
{
	struct output o = {.b = b};
	struct token t;

	walk_begin(&o.walk, s, l, cut);
	if (o.walk.p == end)
		return;
	o.walk.end = end;
	begin_pen(&o);
	while (walk_next(&o.walk, &t)) {
		/* What goes on in a second row: as far as the first has room. */
		if (cut && o.walk.rows > 1) {
			if (t.kind == TOKEN_TEXT && t.text < o.walk.edge) {
				t.len = (size_t)(o.walk.edge - t.text);
				put_token(&o, &t);
			}
			break;
		}
		put_token(&o, &t);
	}
	if (o.linked)
		buf_puts(b, "\033]8;;\033\\");
	if (o.styled)
		buf_puts(b, "\033[m");
}

void
seed_write_lines(const struct seed *s, size_t from, size_t to, struct buf *b)
{
	for (size_t i = from; i < to && i < s->lines.n; i++) {
		const struct seed_line *l = &s->lines.v[i];
		bool flat = i >= s->flat;

		put_line(s, l, walk_text_end(s, l, !flat && i >= s->screen), flat, b);
		if (i + 1 < s->lines.n)
			buf_puts(b, "\r\n");
	}
}

/* Reset */

void
seed_write_reset(struct buf *b)
{
	/* CAN ends a sequence, ST a string, and 1049 may bring back a pen and a region. */
	buf_puts(b, "\030\033\\\033[?2026l\033[?1049l\033[!p\033]8;;\033\\");
	buf_puts(b, "\033[20l\033[?5;12;1004;2004l\033[?1007h");
	buf_puts(b, "\033[?9;1000;1002;1003l\033[?1005;1006;1015;1016l");
	buf_puts(b, "\033[0 q\033[?5W\033[r\033[H\033[J");
}

/* State */

static void
put_tabs(const struct seed *s, struct buf *b)
{
	bool usual = true;

	for (unsigned x = 1; x < s->state.cols; x++)
		usual = usual && (s->tabs[x / 8] >> x % 8 & 1) == (x % 8 == 0);
	if (usual || !s->tabs_known)
		return;
	buf_puts(b, "\033[3g");
	for (unsigned x = 0; x < s->state.cols; x++)
		if (s->tabs[x / 8] >> x % 8 & 1)
			buf_printf(b, "\033[%uG\033H", x + 1);
}

static void
put_alternate(const struct seed *s, struct buf *b)
{
	if (s->saved_x != CURSOR_UNSET)
		buf_printf(b, "\033[%u;%uH\033[?1049h", s->saved_y + 1, s->saved_x + 1);
	else
		buf_puts(b, "\033[?1047h");
	for (size_t y = 0; y < s->rows.n; y++) {
		const struct seed_line *l = &s->rows.v[y];
		const char *end = walk_text_end(s, l, false);

		if (end == s->data + l->at)
			continue;
		buf_printf(b, "\033[%zu;1H", y + 1);
		put_line(s, l, end, true, b);
	}
}

/* Goes on to the token that fills the last column; *x is where it has to be written. */
static bool
find_last(struct walk *w, struct token *t, unsigned *x)
{
	unsigned before = 0;

	for (; walk_next(w, t) && w->rows == 1; before = w->x) {
		if (t->kind > TOKEN_POINT || w->x != w->cols || t->len == 0)
			continue;
		*x = t->kind == TOKEN_POINT ? before : w->cols - 1;
		if (t->kind == TOKEN_TEXT) {
			t->text += t->len - 1;
			t->len = 1;
		}
		return true;
	}
	return false;
}

/* The cell in the last column, written again, leaves the wrap pending. */
static void
put_pending_wrap(const struct seed *s, unsigned y, struct buf *b)
{
	struct output o = {.b = b};
	struct token t = {.kind = TOKEN_TEXT, .text = " ", .len = 1};
	unsigned x = s->state.cols - 1;
	bool found = false;

	if (s->y < s->rows.n) {
		walk_begin(&o.walk, s, &s->rows.v[s->y], true);
		found = find_last(&o.walk, &t, &x);
	}
	buf_printf(b, "\033[%u;%uH", y + 1, x + 1);
	if (!found) {
		buf_putc(b, ' ');
		return;
	}
	begin_pen(&o);
	put_token(&o, &t);
	/* Marks that belong to it. */
	while (walk_next(&o.walk, &t) && t.kind == TOKEN_POINT && width_of(t.cp) == 0)
		put_token(&o, &t);
	if (o.styled)
		buf_puts(b, "\033[m");
}

static void
put_cursor(const struct seed *s, struct buf *b)
{
	unsigned y = s->y;

	if (s->top != 0 || s->bottom + 1 != s->state.rows)
		buf_printf(b, "\033[%u;%ur", s->top + 1, s->bottom + 1);
	if (s->origin) {
		buf_puts(b, "\033[?6h");
		y = y > s->top ? y - s->top : 0;
	}
	if (s->x >= s->state.cols)
		put_pending_wrap(s, y, b);
	else
		buf_printf(b, "\033[%u;%uH", y + 1, s->x + 1);
}

static void
put_modes(const struct seed *s, struct buf *b)
{
	buf_puts(b, s->wrap ? "" : "\033[?7l");
	buf_puts(b, s->insert ? "\033[4h" : "");
	buf_puts(b, s->app_cursor ? "\033[?1h" : "");
	buf_puts(b, s->app_keypad ? "\033=" : "");
	buf_puts(b, s->bracketed_paste ? "\033[?2004h" : "");
	if (s->mouse != 0)
		buf_printf(b, "\033[?%uh", s->mouse);
	if (s->mouse_encoding != 0)
		buf_printf(b, "\033[?%uh", s->mouse_encoding);
	buf_puts(b, s->visible ? "" : "\033[?25l");
}

void
seed_write_state(const struct seed *s, struct buf *b)
{
	put_tabs(s, b);
	if (s->state.alternate) {
		put_alternate(s, b);
		put_tabs(s, b);
	}
	put_cursor(s, b);
	put_modes(s, b);
	buf_append(b, s->pending, s->pending_len);
}
