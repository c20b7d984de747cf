/*
 * What bytes may cost at the largest size: no sequence writes a screenful of cells, again and
 * again, for a few bytes. Counted in cells written, not in time.
 */
#include "config.h"

#include "unit.h"

#include "term/state.h"

enum { PART = 4096, SIZE = TERM_SIZE_MAX };

static void
on_line(void *arg, const struct term_line *l)
{
	*(uint64_t *)arg += l->len;
}

static const struct term_callbacks callbacks = {.line = on_line};

static void
feed(struct term *t, const char *s)
{
	term_feed(t, s, strlen(s));
}

static void
flood(struct term *t, const char *s, size_t bytes)
{
	size_t len = strlen(s);

	for (size_t n = 0; n + len <= bytes; n += len)
		term_feed(t, s, len);
}

static size_t
grid_bytes(const struct grid *g)
{
	return (size_t)g->cols * g->rows * sizeof *g->cells;
}

/* Cells of the main screen that are no longer as memset(0xA5) left them. */
static size_t
cells_written(const struct term *t)
{
	const struct grid *g = &t->screens[0].grid;
	struct cell untouched;
	size_t n = 0;

	memset(&untouched, 0xA5, sizeof untouched);
	for (size_t i = 0; i < (size_t)g->cols * g->rows; i++)
		n += memcmp(&g->cells[i], &untouched, sizeof untouched) != 0;
	return n;
}

static void
erasing_writes_no_cells(void **state)
{
	static const char *const floods[] = {"\033[2J", "\033[J\033[1J", "\033[?2J", "\033[2K",
	    "\033#8", "\033#8\033[2J", "\033[L", "\033[2000L", "\033[M", "\033[2000M", "\033[S",
	    "\033[2000S", "\033[T", "\033[2000T", "\033[$z", "\033[2;1999r\033M\033[r\033M\n"};
	uint64_t bytes = 0;
	struct term *t = term_new(SIZE, SIZE, &callbacks, &bytes);
	struct grid *g = &t->screens[0].grid;

	(void)state;
	memset(g->cells, 0xA5, grid_bytes(g));
	for (size_t i = 0; i < sizeof floods / sizeof *floods; i++) {
		feed(t, i % 2 ? "\033[H\033[41m" : "\033[H\033[42m");
		flood(t, floods[i], PART);
	}
	assert_int_equal(cells_written(t), 0);
	for (unsigned y = 0; y < SIZE; y++)
		assert_int_equal(grid_row(g, y)->used, 0);
	term_free(t);
}

static void
written_cells_are_those_asked_for(void **state)
{
	struct term *t = term_new(SIZE, SIZE, NULL, NULL);
	struct grid *g = &t->screens[0].grid;

	(void)state;
	memset(g->cells, 0xA5, grid_bytes(g));
	feed(t, "\033[41m\033[2J\033[10;100HX\033#8\033[20;8HY\033[30;5Hab\033[44m\033[K");
	/* Up to the letter in each row; the text fast path writes eight at a time. */
	assert_in_range(cells_written(t), 100 + 8 + 6, 100 + 8 + 6 + 3 * 8);
	assert_int_equal(row_cell(grid_row(g, 18), 3).ch, 'E');
	assert_int_equal(row_cell(grid_row(g, 19), 7).ch, 'Y');
	assert_int_equal(row_cell(grid_row(g, 19), SIZE - 1).ch, 'E');
	assert_int_equal(row_cell(grid_row(g, 29), 5).ch, 'b');
	assert_int_equal(row_cell(grid_row(g, 29), SIZE - 1).ch, 0);
	assert_int_not_equal(row_cell(grid_row(g, 29), SIZE - 1).style, 0);
	term_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(erasing_writes_no_cells),
	    cmocka_unit_test(written_cells_are_those_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
