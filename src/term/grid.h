/*
 * A screen's rows of cells, and the marks that follow a character.
 *
 * Rows are descriptors in a ring: scrolling the whole screen moves an index, scrolling a region
 * moves descriptors, and no cell is copied. A row's cells from `used` on, its tail, are not
 * stored: they are all the same, and most often blanks that were never written, in the default
 * style. So a row is erased at once, however long it is and whatever the background.
 *
 * A cell is 8 bytes. Its character is a code point, or 0 for never written (then the style has a
 * background at most), or, with CELL_CLUSTER, an index into the clusters of the terminal: a base
 * character with the marks behind it. A wide character has CELL_WIDE, and the cell behind it is
 * CELL_TAIL with character 0; the two are always both there.
 *
 * Belongs to the terminal. The functions here know nothing of cursors and modes.
 */
#ifndef TERM_GRID_H
#define TERM_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CELL_WIDE = 1 << 0,
	CELL_TAIL = 1 << 1,
	CELL_CLUSTER = 1 << 2,
	CELL_PROTECTED = 1 << 3, /* DECSCA */
};

struct cell {
	uint32_t ch;
	uint16_t style;
	uint16_t flags;
};

struct row {
	struct cell *cells; /* as many as the grid has columns */
	uint16_t used;
	uint16_t tail;    /* style of the cells from `used` on */
	uint16_t letters; /* those are blanks if 0, if the columns' number Es (DECALN) */
	bool cont;        /* continues the row above */
	bool plain;       /* every used cell is ASCII (or never written) and has no flags */
};

struct grid {
	struct row *ring;
	struct row *spare;  /* as many as rows, for moving */
	struct cell *cells; /* the storage of all rows */
	unsigned cols, rows;
	unsigned first; /* index in the ring of row 0 */
};

void grid_init(struct grid *g, unsigned cols, unsigned rows);
void grid_release(struct grid *g);

static inline struct row *
grid_row(const struct grid *g, unsigned y)
{
	unsigned i = g->first + y;

	return &g->ring[i < g->rows ? i : i - g->rows];
}

static inline struct cell
row_tail(const struct row *r)
{
	return (struct cell){.ch = r->letters != 0 ? 'E' : 0, .style = r->tail};
}

/* The cell in column x, stored or not. */
static inline struct cell
row_cell(const struct row *r, unsigned x)
{
	return x < r->used ? r->cells[x] : row_tail(r);
}

/* Stores the cells up to column x (exclusive). */
void row_extend(struct row *r, unsigned x);

/* Stores all of a tail that is not in the default style. */
void row_settle(struct row *r, unsigned cols);

/* Erases columns from..to (exclusive) with the style `fill`, and what a wide character at either
 * edge loses its half of. With `keep`, all but protected cells. */
void row_erase(
    struct row *r, unsigned cols, unsigned from, unsigned to, uint16_t fill, bool keep);

/* Blank, in the style `fill`, and continuing nothing. */
void row_clear(struct row *r, uint16_t fill);

/* Es from end to end. */
void row_align(struct row *r, unsigned cols);

/* Before columns from..to are overwritten: blanks the other halves of wide characters cut
 * there. */
void row_cut(struct row *r, unsigned from, unsigned to);

/* Inserts or deletes n blanks at x; what is pushed beyond cols is lost. */
void row_insert(struct row *r, unsigned cols, unsigned x, unsigned n, uint16_t fill);
void row_delete(struct row *r, unsigned cols, unsigned x, unsigned n, uint16_t fill);

/* Columns up to the last cell that has a character; more than `used` only if the tail is Es. */
unsigned row_length(const struct row *r);

/* Moves rows top..bottom (inclusive) up or down by n (1..bottom-top+1); those that come in are
 * blank. */
void grid_up(struct grid *g, unsigned top, unsigned bottom, unsigned n, uint16_t fill);
void grid_down(struct grid *g, unsigned top, unsigned bottom, unsigned n, uint16_t fill);

#endif
