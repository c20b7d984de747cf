#include "config.h"

#include <string.h>

#include "term/state.h"

void
screen_init(struct screen *s, unsigned cols, unsigned rows)
{
	grid_init(&s->grid, cols, rows);
	s->top = 0;
	s->bottom = rows - 1;
	s->saved = (struct saved){0};
	screen_reset_tabs(s);
}

void
screen_reset_tabs(struct screen *s)
{
	memset(s->tabs, 0x01, sizeof s->tabs);
}

/* The cursor */

void
screen_restrict(struct term *t)
{
	if (t->x >= t->cols)
		t->x = t->cols - 1;
}

void
screen_go(struct term *t, unsigned x, unsigned y)
{
	t->x = x < t->cols ? x : t->cols - 1;
	t->y = y < t->rows ? y : t->rows - 1;
}

void
screen_go_relative(struct term *t, unsigned x, unsigned y)
{
	if (mode(t, MODE_ORIGIN)) {
		y += t->screen->top;
		if (y > t->screen->bottom)
			y = t->screen->bottom;
	}
	screen_go(t, x, y);
}

void
screen_up(struct term *t, unsigned n)
{
	unsigned stop = t->y >= t->screen->top ? t->screen->top : 0;

	screen_restrict(t);
	t->y = t->y - stop > n ? t->y - n : stop;
}

void
screen_down(struct term *t, unsigned n)
{
	unsigned stop = t->y <= t->screen->bottom ? t->screen->bottom : t->rows - 1;

	screen_restrict(t);
	t->y = stop - t->y > n ? t->y + n : stop;
}

void
screen_index(struct term *t, bool feed)
{
	if (t->x >= t->cols)
		t->x = t->cols - 1;
	if (t->y == t->screen->bottom) {
		screen_scroll_up(t, t->screen->top, t->screen->bottom, 1, true, false);
	} else if (t->y + 1 < t->rows) {
		t->y++;
		if (feed && cursor_row(t)->cont)
			screen_unjoin(t, t->y);
	}
}

void
screen_reverse_index(struct term *t)
{
	screen_restrict(t);
	if (t->y == t->screen->top)
		screen_scroll_down(t, t->screen->top, t->screen->bottom, 1);
	else if (t->y > 0)
		t->y--;
}

void
screen_wrap(struct term *t)
{
	t->x = 0;
	if (t->y == t->screen->bottom) {
		screen_scroll_up(t, t->screen->top, t->screen->bottom, 1, true, true);
	} else if (t->y + 1 < t->rows) {
		t->y++;
		cursor_row(t)->cont = true;
	}
}

void
screen_backspace(struct term *t)
{
	struct row *r = cursor_row(t);
	struct cell last;

	if (!mode(t, MODE_REVERSE_WRAP)) {
		screen_restrict(t);
		t->x -= t->x > 0;
		return;
	}
	if (t->x > 0) {
		t->x--;
	} else if (t->y > t->screen->top && t->y <= t->screen->bottom && r->cont) {
		screen_unjoin(t, t->y--);
		t->x = t->cols - 1;
		last = row_cell(cursor_row(t), t->x);
		/* A wide character that did not fit left its last column blank. */
		if (t->x > 0 && last.ch == 0 && last.flags == 0)
			t->x--;
	}
}

static bool
is_tab(const struct term *t, unsigned x)
{
	return t->screen->tabs[x / 8] >> (x % 8) & 1;
}

void
screen_tab(struct term *t, unsigned n)
{
	if (t->x >= t->cols)
		return;
	for (; n > 0 && t->x + 1 < t->cols; n--) {
		do {
			t->x++;
		} while (t->x + 1 < t->cols && !is_tab(t, t->x));
	}
}

void
screen_back_tab(struct term *t, unsigned n)
{
	if (t->x >= t->cols)
		return;
	for (; n > 0 && t->x > 0; n--) {
		do {
			t->x--;
		} while (t->x > 0 && !is_tab(t, t->x));
	}
}

/* Rows */

void
screen_unjoin(struct term *t, unsigned y)
{
	grid_row(&t->screen->grid, y)->cont = false;
	if (y == 0 && t->head_open && !on_alternate(t))
		line_complete(t);
}

void
screen_scroll_up(
    struct term *t, unsigned top, unsigned bottom, unsigned n, bool push, bool wrap)
{
	struct grid *g = &t->screen->grid;
	unsigned height = bottom - top + 1;
	uint16_t fill = pen_fill(t);

	if (n > height)
		n = height;
	if (top == 0 && !on_alternate(t)) {
		for (unsigned y = 0; push && y < n; y++)
			line_push_row(
			    t, grid_row(g, y), y < bottom ? grid_row(g, y + 1)->cont : wrap);
		if (!push)
			screen_unjoin(t, 0);
	}
	grid_up(g, top, bottom, n, fill);
	/* What came to lie under another row than it continued. */
	if (bottom + 1 < t->rows)
		screen_unjoin(t, bottom + 1);
	if ((top > 0 || !push) && n < height)
		screen_unjoin(t, top);
	if (wrap)
		grid_row(g, bottom)->cont = true;
}

void
screen_scroll_down(struct term *t, unsigned top, unsigned bottom, unsigned n)
{
	unsigned height = bottom - top + 1;

	if (n > height)
		n = height;
	screen_unjoin(t, top);
	grid_down(&t->screen->grid, top, bottom, n, pen_fill(t));
	if (bottom + 1 < t->rows)
		screen_unjoin(t, bottom + 1);
}

void
screen_erase_row(struct term *t, unsigned y, unsigned from, unsigned to, bool keep)
{
	/* A pending wrap lies behind the last column. */
	if (to > t->cols)
		to = t->cols;
	row_erase(grid_row(&t->screen->grid, y), t->cols, from, to, pen_fill(t), keep);
}

void
screen_erase_rows(struct term *t, unsigned from, unsigned to, bool keep)
{
	size_t cells = 0;

	/* Only where there may be protected cells is each looked at. */
	for (unsigned y = from; keep && y < to; y++) {
		const struct row *r = grid_row(&t->screen->grid, y);

		cells += r->plain ? 0 : r->used;
	}
	if (keep && !term_afford(t, cells))
		return;
	for (unsigned y = from; y < to; y++) {
		if (keep)
			screen_erase_row(t, y, 0, t->cols, true);
		else
			screen_clear_row(t, y);
	}
}

void
screen_clear_row(struct term *t, unsigned y)
{
	screen_unjoin(t, y);
	row_clear(grid_row(&t->screen->grid, y), pen_fill(t));
}

void
screen_push_all(struct term *t)
{
	struct grid *g = &t->screens[0].grid;
	unsigned n = t->rows;

	while (n > 0 && row_length(grid_row(g, n - 1)) == 0)
		n--;
	for (unsigned y = 0; y < n; y++)
		line_push_row(t, grid_row(g, y), y + 1 < n && grid_row(g, y + 1)->cont);
	if (n == 0 && t->head_open)
		line_complete(t);
}

void
screen_clear(struct term *t, bool keep)
{
	if (!keep && t->options.clear_to_history && !on_alternate(t))
		screen_push_all(t);
	screen_erase_rows(t, 0, t->rows, keep);
}

void
screen_align(struct term *t)
{
	for (unsigned y = 0; y < t->rows; y++) {
		screen_unjoin(t, y);
		row_align(grid_row(&t->screen->grid, y), t->cols);
	}
	screen_go_relative(t, 0, 0);
}

/* The two screens */

void
screen_alternate(struct term *t, bool on)
{
	struct screen *alt = &t->screens[1];

	if (on == on_alternate(t))
		return;
	if (on) {
		if (alt->grid.rows == 0)
			screen_init(alt, t->cols, t->rows);
		t->screen = alt;
		alt->top = 0;
		alt->bottom = t->rows - 1;
		alt->saved = (struct saved){0};
		screen_reset_tabs(alt);
		for (unsigned y = 0; y < t->rows; y++)
			screen_clear_row(t, y);
	} else {
		t->screen = &t->screens[0];
	}
}

void
screen_save_cursor(struct term *t)
{
	t->screen->saved = (struct saved){
	    .set = true,
	    .origin = mode(t, MODE_ORIGIN),
	    .protect = t->pen.protect,
	    .x = t->x,
	    .y = t->y,
	    .style = t->pen.style,
	    .charsets = t->charsets,
	};
}

void
screen_restore_cursor(struct term *t)
{
	const struct saved *s = &t->screen->saved;

	t->pen.style = s->style;
	t->pen.style.link = t->link;
	t->pen.protect = s->protect;
	t->pen.stale = true;
	t->charsets = s->charsets;
	t->modes = (t->modes & ~(1u << MODE_ORIGIN)) | (uint32_t)s->origin << MODE_ORIGIN;
	screen_go(t, s->x, s->y);
	if (s->origin && (t->y < t->screen->top || t->y > t->screen->bottom))
		t->y = t->y < t->screen->top ? t->screen->top : t->screen->bottom;
}

/* Clusters that no cell names any more */

static void
renumber(const struct grid *g, const struct clusters *from, struct clusters *to)
{
	for (unsigned y = 0; y < g->rows; y++) {
		struct row *r = grid_row(g, y);

		for (unsigned x = 0; !r->plain && x < r->used; x++) {
			struct cell *c = &r->cells[x];

			if (c->flags & CELL_CLUSTER)
				c->ch = (uint32_t)clusters_add(to, &from->v[c->ch]);
		}
	}
}

void
screen_collect_clusters(struct term *t)
{
	struct clusters old = t->clusters;

	t->clusters = (struct clusters){0};
	renumber(&t->screens[0].grid, &old, &t->clusters);
	renumber(&t->screens[1].grid, &old, &t->clusters);
	/* Looking for them costs as much as there are cells: not again before it has paid. */
	if (t->clusters.count > CLUSTER_MAX / 4 * 3)
		t->clusters.patience = (size_t)t->cols * t->rows * 2;
	clusters_release(&old);
}
