#include "config.h"

#include "term/grid.h"

#include <stdlib.h>
#include <string.h>

#include "base/xmalloc.h"

void
grid_init(struct grid *g, unsigned cols, unsigned rows)
{
	*g = (struct grid){.cols = cols, .rows = rows};
	g->ring = xcalloc(rows, sizeof *g->ring);
	g->spare = xcalloc(rows, sizeof *g->spare);
	g->cells = xreallocarray(NULL, (size_t)cols * rows, sizeof *g->cells);
	for (unsigned y = 0; y < rows; y++)
		g->ring[y] = (struct row){.cells = g->cells + (size_t)y * cols, .plain = true};
}

void
grid_release(struct grid *g)
{
	free(g->ring);
	free(g->spare);
	free(g->cells);
	*g = (struct grid){0};
}

static void
fill_cells(struct cell *c, unsigned n, struct cell with)
{
	for (unsigned i = 0; i < n; i++)
		c[i] = with;
}

void
row_extend(struct row *r, unsigned x)
{
	if (x <= r->used)
		return;
	fill_cells(r->cells + r->used, x - r->used, row_tail(r));
	r->used = (uint16_t)x;
}

static bool
tail_is(const struct row *r, uint16_t fill)
{
	return r->tail == fill && r->letters == 0;
}

/* The cells from x on, of which none is stored, are blank. */
static void
set_tail(struct row *r, unsigned x, uint16_t fill)
{
	if (r->used > x)
		r->used = (uint16_t)x;
	r->tail = fill;
	r->letters = 0;
	if (r->used == 0)
		r->plain = true;
}

void
row_settle(struct row *r, unsigned cols)
{
	if (tail_is(r, 0))
		return;
	row_extend(r, cols);
	set_tail(r, cols, 0);
}

static void
blank(struct cell *c)
{
	*c = (struct cell){0};
}

void
row_cut(struct row *r, unsigned from, unsigned to)
{
	if (r->plain)
		return;
	if (from > 0 && from < r->used && (r->cells[from].flags & CELL_TAIL)) {
		blank(&r->cells[from]);
		blank(&r->cells[from - 1]);
	}
	if (to > 0 && to < r->used && (r->cells[to].flags & CELL_TAIL)) {
		blank(&r->cells[to]);
		blank(&r->cells[to - 1]);
	}
}

static bool
any_protected(const struct row *r, unsigned from, unsigned to)
{
	if (r->plain)
		return false;
	for (unsigned x = from; x < to && x < r->used; x++)
		if (r->cells[x].flags & CELL_PROTECTED)
			return true;
	return false;
}

static void
erase_unprotected(struct row *r, unsigned from, unsigned to, uint16_t fill)
{
	for (unsigned x = from; x < to; x++) {
		if (r->cells[x].flags & CELL_PROTECTED)
			continue;
		row_cut(r, x, x + 1);
		r->cells[x] = (struct cell){.style = fill};
	}
}

void
row_erase(struct row *r, unsigned cols, unsigned from, unsigned to, uint16_t fill, bool keep)
{
	/* A tail that is as it should be is as good as erased to the end. */
	if (to >= r->used && tail_is(r, fill))
		to = cols;
	if (from >= to || (to == cols && from >= r->used && tail_is(r, fill)))
		return;
	row_extend(r, to == cols ? from : to);
	if (keep && any_protected(r, from, to)) {
		erase_unprotected(r, from, to < r->used ? to : r->used, fill);
		if (to == cols)
			set_tail(r, cols, fill);
		return;
	}
	row_cut(r, from, to);
	if (to == cols)
		set_tail(r, from, fill);
	else
		fill_cells(r->cells + from, to - from, (struct cell){.style = fill});
}

void
row_clear(struct row *r, uint16_t fill)
{
	set_tail(r, 0, fill);
	r->cont = false;
}

void
row_align(struct row *r, unsigned cols)
{
	row_clear(r, 0);
	r->letters = (uint16_t)cols;
}

void
row_insert(struct row *r, unsigned cols, unsigned x, unsigned n, uint16_t fill)
{
	unsigned keep;

	if (n > cols - x)
		n = cols - x;
	if (x >= r->used && tail_is(r, fill))
		return;
	row_extend(r, x);
	row_cut(r, x, x);
	keep = r->used - x;
	if (keep > cols - x - n)
		keep = cols - x - n;
	row_cut(r, x + keep, x + keep);
	memmove(r->cells + x + n, r->cells + x, keep * sizeof *r->cells);
	fill_cells(r->cells + x, n, (struct cell){.style = fill});
	r->used = (uint16_t)(x + n + keep);
}

void
row_delete(struct row *r, unsigned cols, unsigned x, unsigned n, uint16_t fill)
{
	if (n > cols - x)
		n = cols - x;
	if (!tail_is(r, fill))
		row_extend(r, cols);
	if (x >= r->used)
		return;
	row_cut(r, x, x + n);
	if (x + n >= r->used) {
		set_tail(r, x, fill);
	} else {
		memmove(r->cells + x, r->cells + x + n, (r->used - x - n) * sizeof *r->cells);
		set_tail(r, r->used - n, fill);
	}
}

unsigned
row_length(const struct row *r)
{
	unsigned n = r->used;

	if (r->letters > n)
		return r->letters;
	while (n > 0 && r->cells[n - 1].ch == 0 && !(r->cells[n - 1].flags & CELL_TAIL))
		n--;
	return n;
}

/* Rows that come in are those that went out, cleared. */
static void
recycle(struct grid *g, unsigned n, unsigned at, uint16_t fill)
{
	for (unsigned i = 0; i < n; i++) {
		row_clear(&g->spare[i], fill);
		*grid_row(g, at + i) = g->spare[i];
	}
}

void
grid_up(struct grid *g, unsigned top, unsigned bottom, unsigned n, uint16_t fill)
{
	if (top == 0 && bottom + 1 == g->rows) {
		for (unsigned y = 0; y < n; y++)
			row_clear(grid_row(g, y), fill);
		g->first += n;
		if (g->first >= g->rows)
			g->first -= g->rows;
		return;
	}
	for (unsigned i = 0; i < n; i++)
		g->spare[i] = *grid_row(g, top + i);
	for (unsigned y = top; y + n <= bottom; y++)
		*grid_row(g, y) = *grid_row(g, y + n);
	recycle(g, n, bottom + 1 - n, fill);
}

void
grid_down(struct grid *g, unsigned top, unsigned bottom, unsigned n, uint16_t fill)
{
	for (unsigned i = 0; i < n; i++)
		g->spare[i] = *grid_row(g, bottom + 1 - n + i);
	for (unsigned y = bottom; y >= top + n; y--)
		*grid_row(g, y) = *grid_row(g, y - n);
	recycle(g, n, top, fill);
}
