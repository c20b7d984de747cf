#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "base/xmalloc.h"
#include "term/state.h"

/*
 * The main screen is taken apart into logical lines, which are laid out again in the new width
 * into as many rows as they need; then the rows that do not fit leave the top, as far as the
 * cursor's row, and what is still too much is cut off at the bottom. Blank rows below the
 * cursor go first.
 */

/* Rows laid out, more or less than the screen will have. */
struct layout {
	unsigned cols;
	struct cell *cells;
	struct row *rows; /* cells are set at the end, as the storage moves */
	size_t n, cap;
	size_t x, y; /* where the cursor comes to be */
};

static struct row *
new_row(struct layout *l, bool cont, bool plain)
{
	if (l->n == l->cap) {
		l->cap = l->cap * 2 + 64;
		l->rows = xreallocarray(l->rows, l->cap, sizeof *l->rows);
		l->cells = xreallocarray(l->cells, l->cap, l->cols * sizeof *l->cells);
	}
	l->rows[l->n] = (struct row){.cont = cont, .plain = plain};
	return &l->rows[l->n++];
}

static struct cell *
last_cells(const struct layout *l)
{
	return l->cells + (l->n - 1) * l->cols;
}

/* Lays out n cells of one logical line; the cursor is before cell number `cursor`, or
 * elsewhere. */
static void
lay_out(
    struct layout *l, const struct cell *cells, size_t n, size_t cursor, bool cont, bool plain)
{
	struct row *r = new_row(l, cont, plain);
	size_t i = 0, start = 0;

	while (i < n) {
		size_t w = cells[i].flags & CELL_WIDE ? 2 : 1;

		if (r->used + (w <= l->cols ? w : 1) > l->cols) {
			r = new_row(l, true, plain);
			start = i;
		}
		if (cursor >= i && cursor < i + w) {
			l->x = r->used + (cursor - i);
			l->y = l->n - 1;
		}
		for (size_t k = 0; k < w && r->used < l->cols; k++)
			last_cells(l)[r->used++] = cells[i + k];
		if (w > l->cols) {
			last_cells(l)[0].ch = UTF8_REPLACEMENT;
			last_cells(l)[0].flags &= CELL_PROTECTED;
		}
		i += w;
	}
	if (cursor >= n && cursor != SIZE_MAX) {
		/* Behind a full row the wrap is pending, elsewhere there is just no column so
		 * far right. */
		size_t edge = n - start < l->cols ? l->cols - 1 : l->cols;

		l->x = cursor - start < edge ? cursor - start : edge;
		l->y = l->n - 1;
	}
}

/* Stores every cell that may be laid out anew. */
static void
settle(const struct grid *g)
{
	for (unsigned y = 0; y < g->rows; y++)
		row_settle(grid_row(g, y), g->cols);
}

static unsigned
rows_in_use(const struct grid *g, unsigned cursor)
{
	unsigned n = g->rows;

	while (n > cursor + 1 && n > 1 && row_length(grid_row(g, n - 1)) == 0)
		n--;
	return n;
}

/* One logical line: rows y..end. `cells` has room for all of them. */
static void
lay_out_line(struct layout *l, const struct grid *g, unsigned y, unsigned end, unsigned cx,
    unsigned cy, struct cell *cells)
{
	size_t n = 0, cursor = SIZE_MAX;
	bool plain = true;

	for (unsigned i = y; i < end; i++) {
		const struct row *r = grid_row(g, i);
		unsigned len = end - y == 1 && r->used <= l->cols ? r->used : row_length(r);

		if (i == cy)
			cursor = n + (i + 1 < end && cx > len ? len : cx);
		memcpy(cells + n, r->cells, len * sizeof *cells);
		n += len;
		plain = plain && r->plain;
	}
	lay_out(l, cells, n, cursor, grid_row(g, y)->cont, plain);
}

static void
lay_out_all(struct layout *l, const struct grid *g, unsigned cx, unsigned cy)
{
	unsigned rows = rows_in_use(g, cy), end;
	struct cell *cells = NULL;
	size_t cap = 0;

	for (unsigned y = 0; y < rows; y = end) {
		for (end = y + 1; end < rows && grid_row(g, end)->cont; end++)
			;
		if (cap < (size_t)(end - y) * g->cols) {
			cap = (size_t)(end - y) * g->cols;
			cells = xreallocarray(cells, cap, sizeof *cells);
		}
		lay_out_line(l, g, y, end, cx, cy, cells);
	}
	free(cells);
	for (size_t i = 0; i < l->n; i++)
		l->rows[i].cells = l->cells + i * l->cols;
}

static void
copy_row(struct row *to, const struct row *from, unsigned cols)
{
	unsigned n = from->used < cols ? from->used : cols;

	to->cont = from->cont;
	to->plain = from->plain;
	to->used = from->used;
	if (from->used > cols) {
		to->used = (uint16_t)cols;
		/* Half of a wide character at the edge. */
		if (from->cells[cols].flags & CELL_TAIL)
			n = cols - 1;
	}
	memcpy(to->cells, from->cells, n * sizeof *to->cells);
	if (n < to->used)
		to->cells[n] = (struct cell){0};
}

static void
resize_main(struct term *t, unsigned cols, unsigned rows, unsigned *cx, unsigned *cy)
{
	struct grid *g = &t->screens[0].grid, fresh;
	struct layout l = {.cols = cols};
	size_t top;

	settle(g);
	lay_out_all(&l, g, *cx, *cy);
	top = l.n > rows ? l.n - rows : 0;
	if (top > l.y)
		top = l.y;
	for (size_t i = 0; i < top; i++)
		line_push_row(t, &l.rows[i], i + 1 < l.n && l.rows[i + 1].cont);
	grid_init(&fresh, cols, rows);
	for (size_t i = top; i < l.n && i - top < rows; i++)
		copy_row(grid_row(&fresh, (unsigned)(i - top)), &l.rows[i], cols);
	*cx = (unsigned)l.x;
	*cy = (unsigned)(l.y - top);
	grid_release(g);
	*g = fresh;
	free(l.rows);
	free(l.cells);
}

static void
resize_alternate(struct term *t, unsigned cols, unsigned rows)
{
	struct grid *g = &t->screens[1].grid, fresh;

	if (g->rows == 0)
		return;
	settle(g);
	grid_init(&fresh, cols, rows);
	for (unsigned y = 0; y < rows && y < g->rows; y++)
		copy_row(grid_row(&fresh, y), grid_row(g, y), cols);
	grid_release(g);
	*g = fresh;
}

static void
reset_margins(struct screen *s, unsigned cols, unsigned rows)
{
	s->top = 0;
	s->bottom = rows - 1;
	if (s->saved.x >= cols)
		s->saved.x = cols - 1;
	if (s->saved.y >= rows)
		s->saved.y = rows - 1;
}

void
term_resize(struct term *t, unsigned cols, unsigned rows)
{
	struct saved *saved = &t->screens[0].saved;
	unsigned x = 0, y = t->rows - 1;

	cols = cols < 1 ? 1 : cols > TERM_SIZE_MAX ? TERM_SIZE_MAX : cols;
	rows = rows < 1 ? 1 : rows > TERM_SIZE_MAX ? TERM_SIZE_MAX : rows;
	if (cols == t->cols && rows == t->rows)
		return;
	/* Where the main screen's cursor will be again; if nobody saved it, all rows count. */
	if (!on_alternate(t))
		resize_main(t, cols, rows, &t->x, &t->y);
	else if (saved->set)
		resize_main(t, cols, rows, &saved->x, &saved->y);
	else
		resize_main(t, cols, rows, &x, &y);
	resize_alternate(t, cols, rows);
	t->cols = cols;
	t->rows = rows;
	reset_margins(&t->screens[0], cols, rows);
	reset_margins(&t->screens[1], cols, rows);
	if (t->x > cols)
		t->x = cols;
	if (t->y >= rows)
		t->y = rows - 1;
}
