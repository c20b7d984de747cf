#include "config.h"

#include <string.h>

#include "base/str.h"
#include "base/utf8.h"
#include "term/graphics.h"
#include "term/sgr.h"
#include "term/width.h"
#include "tmux/seed_priv.h"

enum { ESC = 0x1B, BEL = 0x07, SO = 0x0E, SI = 0x0F, DEL = 0x7F, BOM = 0xFEFF };

static const uint64_t ones = 0x0101010101010101u, high = 0x8080808080808080u;

static uint64_t
eight(const char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

const char *
scan_control(const char *p, const char *end)
{
	while (end - p >= 8 && ((eight(p) - ones * 0x20) & ~eight(p) & high) == 0)
		p += 8;
	while (p < end && (unsigned char)*p >= 0x20)
		p++;
	return p;
}

static const char *
text_end(const char *p, const char *end)
{
	for (; end - p >= 8; p += 8) {
		uint64_t v = eight(p);

		if ((((v - ones * 0x20) | (v + ones) | v) & high) != 0)
			break;
	}
	while (p < end && *p >= 0x20 && *p < DEL)
		p++;
	return p;
}

/* Escape sequences. What is not well-formed up to the end of the line is dropped that far. */

static bool
between(char c, int lo, int hi)
{
	return (unsigned char)c >= lo && (unsigned char)c <= hi;
}

static const char *
scan_csi(const char *p, const char *end, struct token *t)
{
	t->text = p;
	while (p < end && between(*p, 0x20, 0x3F))
		p++;
	if (p == end || !between(*p, 0x40, 0x7E))
		return p;
	t->len = (size_t)(p - t->text);
	if (*p == 'm' && t->len <= PARSER_BODY_MAX &&
	    parser_body(t->text, t->len, 'm', &t->csi) && (t->csi.prefix | t->csi.inter) == 0)
		t->kind = TOKEN_SGR;
	return p + 1;
}

/* Of strings only those that set a link, and of these only what no terminal can take for the
 * string's end. */
static const char *
scan_string(const char *p, const char *end, char kind, struct token *t)
{
	bool plain = true;

	t->text = p;
	for (; p < end && (unsigned char)*p >= 0x20; p++)
		plain = plain && between(*p, 0x20, 0x7E);
	t->len = (size_t)(p - t->text);
	if (p < end && *p == BEL)
		p++;
	else if (end - p >= 2 && p[0] == ESC && p[1] == '\\')
		p += 2;
	else
		return p;
	if (kind == ']' && plain && t->len >= 3 && t->len <= STYLE_LINK_MAX &&
	    memcmp(t->text, "8;", 2) == 0 && memchr(t->text + 2, ';', t->len - 2) != NULL) {
		t->kind = TOKEN_LINK;
		t->text += 2;
		t->len -= 2;
	}
	return p;
}

/* Behind ESC. */
static const char *
scan_escape(const char *p, const char *end, struct token *t)
{
	if (p == end)
		return p;
	if (*p == '[')
		return scan_csi(p + 1, end, t);
	if (strchr("]PX^_k", *p) != NULL && *p != '\0')
		return scan_string(p + 1, end, *p, t);
	while (p < end && between(*p, 0x20, 0x2F))
		p++;
	return p < end && between(*p, 0x30, 0x7E) ? p + 1 : p;
}

static const char *
scan_point(const char *p, const char *end, struct token *t)
{
	size_t n = utf8_decode(p, (size_t)(end - p), &t->cp);

	t->text = p;
	t->len = n != 0 ? n : (size_t)(end - p);
	t->kind = t->cp >= 0xA0 && t->cp != BOM ? TOKEN_POINT : TOKEN_OTHER;
	p += t->len;
	if (t->cp == UTF8_REPLACEMENT) {
		t->text = "\xEF\xBF\xBD";
		t->len = 3;
	}
	return p;
}

const char *
scan_token(const char *p, const char *end, struct token *t)
{
	unsigned char c = (unsigned char)*p;

	t->kind = TOKEN_OTHER;
	t->text = p;
	t->len = 1;
	if (c >= 0x80)
		return scan_point(p, end, t);
	if (c >= 0x20 && c != DEL) {
		t->kind = TOKEN_TEXT;
		p = text_end(p, end);
		t->len = (size_t)(p - t->text);
		return p;
	}
	if (c == ESC)
		return scan_escape(p + 1, end, t);
	if (c == '\t')
		t->kind = TOKEN_TAB;
	else if (c == SO || c == SI)
		t->kind = TOKEN_SHIFT;
	return p + 1;
}

void
scan_pen(struct seed_pen *pen, const struct token *t)
{
	if (t->kind == TOKEN_SHIFT)
		pen->graphics = *t->text == SO;
	else if (t->kind == TOKEN_SGR)
		sgr_apply(&pen->style, &t->csi);
}

/* Walking */

/* Whether there may be a blank that stands for a column which a wide character left free. */
static bool
may_have_gap(const char *p, const char *end)
{
	const char *q = p;

	while (end - q >= 8 && (eight(q) & high) == 0)
		q += 8;
	while (q < end && !(*q & 0x80))
		q++;
	if (q == end)
		return false;
	for (; (p = memchr(p, ' ', (size_t)(end - p))) != NULL && ++p < end;)
		if (*p & 0x80 || (unsigned char)*p < 0x20)
			return true;
	return false;
}

void
walk_begin(struct walk *w, const struct seed *s, const struct seed_line *l, bool layout)
{
	const char *p = s->data + l->at, *end = p + l->len;

	*w = (struct walk){.p = p,
	    .end = end,
	    .pen = s->pens[l->pen],
	    .cols = s->state.cols,
	    .rows = 1,
	    .row = p};
	w->layout = layout || memchr(p, '\t', l->len) != NULL ||
		    (l->len > s->state.cols && may_have_gap(p, end));
}

/* A blank in this style is not empty. */
static bool
shows_blanks(const struct style *s)
{
	return s->bg != COLOUR_DEFAULT ||
	       (s->attrs &
		   (STYLE_INVERSE | STYLE_STRIKE | STYLE_OVERLINE | STYLE_UNDERLINE_MASK)) != 0;
}

static bool
wide_follows(const char *p, const char *end)
{
	struct token t;

	while (p < end) {
		p = scan_token(p, end, &t);
		if (t.kind == TOKEN_POINT)
			return width_of(t.cp) == 2;
		if (t.kind == TOKEN_TEXT || t.kind == TOKEN_TAB)
			return false;
	}
	return false;
}

static void
walk_text(struct walk *w, struct token *t)
{
	size_t room = w->cols - w->x, behind;

	if (t->len <= room) {
		w->x += (unsigned)t->len;
	} else {
		behind = t->len - room;
		if (w->rows == 1)
			w->edge = t->text + room;
		w->rows += (unsigned)((behind + w->cols - 1) / w->cols);
		w->row = t->text + room + (behind - 1) / w->cols * w->cols;
		w->x = (unsigned)((behind - 1) % w->cols) + 1;
	}
	/* tmux up to 3.3 gives a blank for the last column that a wide character left free. */
	if (w->x == w->cols && t->text[t->len - 1] == ' ' && !shows_blanks(&w->pen.style) &&
	    wide_follows(w->p, w->end))
		t->len--;
}

static void
walk_point(struct walk *w, struct token *t, const char *at)
{
	unsigned width = width_of(t->cp);

	if (width > w->cols)
		width = w->cols;
	if (w->x + width > w->cols) {
		if (w->rows == 1)
			w->edge = at;
		w->rows++;
		w->row = at;
		w->x = 0;
	}
	w->x += width;
}

static void
walk_tab(struct walk *w, struct token *t)
{
	unsigned next = (w->x / 8 + 1) * 8, last = w->cols - 1;

	if (next > last)
		next = last;
	t->len = next > w->x ? next - w->x : 0;
	w->x += (unsigned)t->len;
}

/* Goes on over points that stand in the line as they are to be given. */
static void
walk_points(struct walk *w, struct token *t, const char *at)
{
	struct token next;
	const char *p;

	if (t->text != at)
		return;
	while (w->p < w->end && *w->p & 0x80) {
		p = scan_point(w->p, w->end, &next);
		if (next.kind != TOKEN_POINT || next.text != w->p)
			return;
		t->len += next.len;
		w->p = p;
	}
}

static void
lay_out(struct walk *w, struct token *t, const char *at)
{
	if (t->kind == TOKEN_TEXT)
		walk_text(w, t);
	else if (t->kind == TOKEN_POINT)
		walk_point(w, t, at);
	else if (t->kind == TOKEN_TAB)
		walk_tab(w, t);
}

bool
walk_next(struct walk *w, struct token *t)
{
	const char *at;

	while (w->p < w->end) {
		at = w->p;
		w->p = scan_token(at, w->end, t);
		if (t->kind == TOKEN_OTHER)
			continue;
		if (t->kind > TOKEN_TAB)
			scan_pen(&w->pen, t);
		else if (w->layout)
			lay_out(w, t, at);
		else if (t->kind == TOKEN_POINT)
			walk_points(w, t, at);
		return true;
	}
	return false;
}

size_t
walk_encode(const struct walk *w, char c, char out[4])
{
	return utf8_encode(w->pen.graphics ? graphics_of(c) : (unsigned char)c, out);
}

/* The same as the loop below, for the lines that are most frequent. */
static const char *
quick_end(const struct seed *s, const struct seed_line *l)
{
	const char *start = s->data + l->at, *end = start + l->len, *esc;
	struct token t;

	if (l->len == 0)
		return end;
	esc = str_last(start, ESC, l->len);
	if ((unsigned char)end[-1] > 0x20 && (esc == NULL || scan_token(esc, end, &t) < end))
		return end;
	if (esc != NULL || l->pen != 0)
		return NULL;
	while (end > start && end[-1] == ' ')
		end--;
	return end == start || (unsigned char)end[-1] > 0x20 ? end : NULL;
}

const char *
walk_text_end(const struct seed *s, const struct seed_line *l, bool keep_rows)
{
	const char *text, *end = keep_rows ? NULL : quick_end(s, l);
	struct token t;
	struct walk w;

	if (end != NULL)
		return end;
	walk_begin(&w, s, l, keep_rows);
	end = w.p;
	while (walk_next(&w, &t)) {
		if (t.kind == TOKEN_POINT) {
			end = w.p;
		} else if (t.kind == TOKEN_TEXT) {
			text = t.text + t.len;
			while (text > t.text && text[-1] == ' ' && !shows_blanks(&w.pen.style))
				text--;
			if (text > t.text)
				end = text;
		} else if (t.kind == TOKEN_TAB && shows_blanks(&w.pen.style)) {
			end = w.p;
		}
	}
	return keep_rows && w.rows > 1 && end <= w.row ? w.row + 1 : end;
}

unsigned
walk_rows(const struct seed *s, const struct seed_line *l)
{
	struct token t;
	struct walk w;

	/* As many bytes as columns take no second row. */
	if (l->len <= s->state.cols)
		return 1;
	walk_begin(&w, s, l, true);
	while (walk_next(&w, &t))
		;
	return w.rows;
}
