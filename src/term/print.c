#include "config.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "base/utf8.h"
#include "term/graphics.h"
#include "term/state.h"
#include "term/width.h"

enum { BOM = 0xFEFF };

static void
fill_text(struct cell *c, const char *s, unsigned n, uint16_t style)
{
	unsigned i = 0;

#ifdef __SSE2__
	const __m128i zero = _mm_setzero_si128(), st = _mm_set1_epi32(style);
	__m128i *out = (__m128i *)(void *)c;

	for (; n - i >= 8; i += 8, out += 4) {
		__m128i v = _mm_loadl_epi64((const __m128i *)(const void *)(s + i));
		__m128i w = _mm_unpacklo_epi8(v, zero);
		__m128i lo = _mm_unpacklo_epi16(w, zero), hi = _mm_unpackhi_epi16(w, zero);

		_mm_storeu_si128(out + 0, _mm_unpacklo_epi32(lo, st));
		_mm_storeu_si128(out + 1, _mm_unpackhi_epi32(lo, st));
		_mm_storeu_si128(out + 2, _mm_unpacklo_epi32(hi, st));
		_mm_storeu_si128(out + 3, _mm_unpackhi_epi32(hi, st));
	}
#endif
	for (; i < n; i++)
		c[i] = (struct cell){.ch = (unsigned char)s[i], .style = style};
}

/* Rounds n up to what fill_text does at once, where it may read beyond the text and write cells
 * that nobody has written yet. */
static unsigned
whole_blocks(const struct term *t, const struct row *r, const char *s, unsigned n)
{
	unsigned up = (n + 7) & ~7u;

	return t->x + n >= r->used && t->x + up <= t->cols && up <= (size_t)(t->fed_end - s)
		   ? up
		   : n;
}

/* Writes n characters at the cursor, which have room in its row. */
static void
put_text(struct term *t, const char *s, unsigned n)
{
	struct row *r = cursor_row(t);

	if (t->x > r->used)
		row_extend(r, t->x);
	if (!r->plain)
		row_cut(r, t->x, t->x + n);
	fill_text(r->cells + t->x, s, whole_blocks(t, r, s, n), pen_id(t));
	t->x += n;
	if (t->x > r->used)
		r->used = (uint16_t)t->x;
}

/* Goes where a character of that width has room; false when there is none. */
static inline bool
make_room(struct term *t, unsigned width)
{
	if (t->x + width <= t->cols)
		return true;
	if (mode(t, MODE_WRAP)) {
		if (t->x < t->cols)
			screen_erase_row(t, t->y, t->x, t->cols, false);
		screen_wrap(t);
		return true;
	}
	if (width == 1)
		t->x = t->cols - 1;
	return width == 1;
}

static void
put_point(struct term *t, uint32_t cp, unsigned width)
{
	struct row *r;

	/* A wide character has no room in a single column. */
	if (width > t->cols) {
		width = 1;
		cp = UTF8_REPLACEMENT;
	}
	if (!make_room(t, width))
		return;
	r = cursor_row(t);
	if (mode(t, MODE_INSERT))
		row_insert(r, t->cols, t->x, width, pen_fill(t));
	row_extend(r, t->x + width);
	row_cut(r, t->x, t->x + width);
	r->cells[t->x] = (struct cell){
	    .ch = cp,
	    .style = pen_id(t),
	    .flags = (width == 2 ? CELL_WIDE : 0) | (t->pen.protect ? CELL_PROTECTED : 0),
	};
	if (width == 2) {
		r->cells[t->x + 1] = r->cells[t->x];
		r->cells[t->x + 1].ch = 0;
		r->cells[t->x + 1].flags ^= CELL_WIDE | CELL_TAIL;
	}
	if (cp >= 0x80 || t->pen.protect)
		r->plain = false;
	t->x += width;
}

static bool
add_cluster(struct term *t, const struct cluster *cl, int *index)
{
	if (t->clusters.patience > 0)
		t->clusters.patience--;
	*index = clusters_add(&t->clusters, cl);
	if (*index < 0 && t->clusters.patience == 0) {
		screen_collect_clusters(t);
		*index = clusters_add(&t->clusters, cl);
	}
	return *index >= 0;
}

/* A mark goes to the character before the cursor, or to a space when there is none. */
static void
put_mark(struct term *t, uint32_t cp)
{
	struct cluster cl = {0};
	struct row *r;
	struct cell *c;
	int index;

	if (t->x == 0)
		put_point(t, ' ', 1);
	r = cursor_row(t);
	row_extend(r, t->x);
	c = &r->cells[t->x - 1];
	if (c->flags & CELL_TAIL)
		c--;
	if (c->flags & CELL_CLUSTER)
		cl = t->clusters.v[c->ch];
	else
		cl.len = (uint8_t)utf8_encode(c->ch != 0 ? c->ch : ' ', cl.utf8);
	if (cl.len + UTF8_MAX > CLUSTER_BYTES)
		return;
	cl.len = (uint8_t)(cl.len + utf8_encode(cp, cl.utf8 + cl.len));
	if (!add_cluster(t, &cl, &index))
		return;
	c->ch = (uint32_t)index;
	c->flags |= CELL_CLUSTER;
	r->plain = false;
}

void
print_point(void *arg, uint32_t cp)
{
	struct term *t = arg;
	unsigned width;

	/* A byte order mark in the midst of output is nothing to see. */
	if (cp == BOM)
		return;
	width = width_of(cp);
	if (width == 0)
		put_mark(t, cp);
	else
		put_point(t, cp, width);
	t->repeatable = true;
}

static uint32_t
translate(uint8_t charset, char c)
{
	if (charset == CHARSET_GRAPHICS)
		return graphics_of(c);
	if (charset == CHARSET_UK && c == '#')
		return 0xA3;
	return (unsigned char)c;
}

static void
print_slowly(struct term *t, const char *s, size_t len)
{
	const char *end = t->parser.at;
	uint8_t charset = t->charsets.g[t->charsets.gl];

	for (size_t i = 0; i < len; i++) {
		t->parser.at = s + i + 1;
		put_point(t, translate(charset, s[i]), 1);
	}
	t->parser.at = end;
}

void
print_text(void *arg, const char *s, size_t len)
{
	struct term *t = arg;
	const char *behind = s + len;

	t->repeatable = true;
	if (t->charsets.g[t->charsets.gl] != CHARSET_ASCII || mode(t, MODE_INSERT) ||
	    t->pen.protect) {
		print_slowly(t, s, len);
		return;
	}
	while (s < behind) {
		size_t n = (size_t)(behind - s);

		if (t->x >= t->cols) {
			if (mode(t, MODE_WRAP)) {
				/* The offset of a line that this completes. */
				t->parser.at = s + 1;
				screen_wrap(t);
			} else {
				t->x = t->cols - 1;
				s = behind - 1;
				n = 1;
			}
		}
		if (n > t->cols - t->x)
			n = t->cols - t->x;
		put_text(t, s, (unsigned)n);
		s += n;
	}
	t->parser.at = behind;
}

/* Writes n copies of a cell, and of the tail of a wide one, which have room in the cursor's
 * row. */
static void
put_copies(struct term *t, struct cell c, unsigned n)
{
	unsigned width = c.flags & CELL_WIDE ? 2 : 1, end = t->x + n * width;
	struct row *r = cursor_row(t);
	struct cell tail = {.style = c.style, .flags = (c.flags & CELL_PROTECTED) | CELL_TAIL};

	if (mode(t, MODE_INSERT))
		row_insert(r, t->cols, t->x, n * width, pen_fill(t));
	row_extend(r, end);
	row_cut(r, t->x, end);
	for (; t->x < end; t->x += width) {
		r->cells[t->x] = c;
		if (width == 2)
			r->cells[t->x + 1] = tail;
	}
	if (c.ch >= 0x80 || c.flags != 0)
		r->plain = false;
}

void
print_repeat(struct term *t, unsigned n)
{
	struct cell c;
	unsigned width;

	if (t->x == 0)
		return;
	c = row_cell(cursor_row(t), t->x - 1);
	if (c.flags & CELL_TAIL)
		c = row_cell(cursor_row(t), t->x - 2);
	if (c.ch == 0 && c.flags == 0)
		return;
	width = c.flags & CELL_WIDE ? 2 : 1;
	c.style = pen_id(t);
	c.flags =
	    (uint16_t)((c.flags & ~CELL_PROTECTED) | (t->pen.protect ? CELL_PROTECTED : 0));
	/* No more than a screenful, and not that often: a few bytes must not keep us busy. */
	if (n > t->cols * t->rows)
		n = t->cols * t->rows;
	if (n > t->cols && !term_afford(t, n))
		n = t->cols;
	while (n > 0 && make_room(t, width)) {
		unsigned room = (t->cols - t->x) / width, k = n < room ? n : room;

		put_copies(t, c, k);
		n -= k;
		/* Without wrapping, what is still to come is all in the last column. */
		if (!mode(t, MODE_WRAP) && n > 1)
			n = 1;
	}
}
