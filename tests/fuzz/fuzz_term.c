/*
 * The terminal under any bytes. Input: columns, rows, options, then bytes to feed, in which 0xFF
 * and two more bytes is a resize. What is checked: nothing crashes, the rows are as grid.h says,
 * the text is well-formed UTF-8, and feeding byte by byte gives the same.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "fuzz.h"
#include "pane.h"
#include "term/state.h"

static void
check_row(const struct term *t, const struct row *r)
{
	if (r->used > t->cols || r->tail >= style_count(t->styles) ||
	    style_get(t->styles, r->tail)->attrs != 0)
		abort();
	if (r->letters != 0 && (r->letters != t->cols || r->tail != 0))
		abort();
	for (unsigned x = 0; x < r->used; x++) {
		const struct cell *c = &r->cells[x];

		if (c->style >= style_count(t->styles))
			abort();
		if (r->plain && (c->flags != 0 || c->ch >= 0x80))
			abort();
		if ((c->flags & CELL_CLUSTER) && (c->ch == 0 || c->ch >= t->clusters.count))
			abort();
		if ((c->flags & CELL_WIDE) && (x + 1 >= r->used || !(c[1].flags & CELL_TAIL)))
			abort();
		if ((c->flags & CELL_TAIL) && (x == 0 || !(c[-1].flags & CELL_WIDE)))
			abort();
		if (c->ch == 0 && c->flags == 0 && c->style != 0 &&
		    style_get(t->styles, c->style)->attrs != 0)
			abort();
	}
}

static void
check(const struct pane *p)
{
	const struct term *t = p->term;

	if (t->x > t->cols || t->y >= t->rows)
		abort();
	for (unsigned i = 0; i < 2; i++) {
		const struct screen *s = &t->screens[i];

		for (unsigned y = 0; y < s->grid.rows; y++)
			check_row(t, grid_row(&s->grid, y));
		if (s->grid.rows != 0 && (s->bottom >= t->rows || s->top > s->bottom))
			abort();
	}
	if (t->head_open && !grid_row(&t->screens[0].grid, 0)->cont)
		abort();
}

static void
run(const uint8_t *data, size_t size, size_t step, struct pane *p)
{
	const char *s = (const char *)data;

	pane_init(p, data[0] % 100 + 1, data[1] % 50 + 1, data[2] & 1, data[2] & 2);
	for (size_t i = 3, n; i < size; i += n) {
		const char *stop = memchr(s + i, 0xFF, size - i);

		n = stop != NULL ? (size_t)(stop - (s + i)) : size - i;
		if (stop == s + i) {
			if (size - i >= 3)
				term_resize(
				    p->term, data[i + 1] % 130 + 1, data[i + 2] % 60 + 1);
			n = size - i >= 3 ? 3 : size - i;
		} else if (step != 0 && n > step) {
			n = step;
			term_feed(p->term, s + i, n);
		} else {
			term_feed(p->term, s + i, n);
		}
	}
	check(p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pane whole, split;
	struct buf a, b;
	char why[256];

	if (size < 3 || size > 65536)
		return 0;
	buf_init(&a, BUF_NO_MAX);
	buf_init(&b, BUF_NO_MAX);
	run(data, size, 0, &whole);
	run(data, size, 1, &split);
	pane_lines(&whole, &a);
	pane_lines(&split, &b);
	if (a.len != b.len || memcmp(a.data, b.data, a.len) != 0 || !utf8_valid(a.data, a.len))
		abort();
	if (pane_equal(&whole, &split, why, sizeof why) != 0)
		abort();
	if (whole.events.len != split.events.len || whole.replies.len != split.replies.len)
		abort();
	buf_release(&a);
	buf_release(&b);
	pane_release(&whole);
	pane_release(&split);
	return 0;
}
