/*
 * A screen's rows of cells, and the marks that follow a character.
 *
 * Rows are descriptors in a ring: scrolling the whole screen moves an index, scrolling a region
 * moves descriptors, and no cell is copied. A row's cells from `used` on are not stored: they
 * are blanks that were never written, in the default style.
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
	bool cont;  /* continues the row above */
	bool plain; /* every used cell is ASCII (or never written) and has no flags */
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

/* Makes cells up to column x (exclusive) exist. */
void row_extend(struct row *r, unsigned x);

/* Erases columns from..to (exclusive) with the style `fill`, and what a wide character at either
 * edge loses its half of. With `keep`, all but protected cells. */
void row_erase(struct row *r, unsigned from, unsigned to, uint16_t fill, bool keep);

/* Blank, in the style `fill` over all `cols` columns, and continuing nothing. */
void row_clear(struct row *r, unsigned cols, uint16_t fill);

/* Before columns from..to are overwritten: blanks the other halves of wide characters cut
 * there. */
void row_cut(struct row *r, unsigned from, unsigned to);

/* Inserts or deletes n blanks at x; what is pushed beyond cols is lost. */
void row_insert(struct row *r, unsigned cols, unsigned x, unsigned n, uint16_t fill);
void row_delete(struct row *r, unsigned cols, unsigned x, unsigned n, uint16_t fill);

/* Columns up to the last cell that has a character. */
unsigned row_length(const struct row *r);

/* Moves rows top..bottom (inclusive) up or down by n (1..bottom-top+1); those that come in are
 * blank. */
void grid_up(struct grid *g, unsigned top, unsigned bottom, unsigned n, uint16_t fill);
void grid_down(struct grid *g, unsigned top, unsigned bottom, unsigned n, uint16_t fill);

#endif
