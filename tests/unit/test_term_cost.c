/*
 * What bytes may cost at the largest size: no sequence writes a screenful of cells, again and
 * again, for a few bytes. Counted in cells written and bytes of lines, not in time, but for one
 * bound that only a cost of another order can miss.
 */
#include "config.h"

#include "unit.h"

#include <time.h>

#include "term/state.h"

enum { PART = 4096, SIZE = TERM_SIZE_MAX, SECONDS = 60 };

static void
on_line(void *arg, const struct term_line *l)
{
	*(uint64_t *)arg += l->len;
}

static void
on_mark(void *arg, const struct term_mark *m)
{
	(void)arg;
	(void)m;
}

static const struct term_callbacks callbacks = {.line = on_line, .mark = on_mark};

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

/* A screen of the pattern is text for the history, but not 4 MB for each seven bytes. */
static void
alignment_patterns_make_so_much_text(void **state)
{
	uint64_t bytes = 0;
	struct term *t = term_new(SIZE, SIZE, &callbacks, &bytes);
	struct term *usual;

	(void)state;
	flood(t, "\033#8\033[2J", 4 * PART);
	assert_in_range(bytes, (uint64_t)SIZE * SIZE, CREDIT_MAX + 4 * PART * CREDIT_BYTE);
	term_free(t);

	/* At a usual size all of it is. */
	bytes = 0;
	usual = term_new(80, 24, &callbacks, &bytes);
	flood(usual, "\033#8\033[2J", 7 * 10000);
	assert_int_equal(bytes, 10000 * 80 * 24);
	term_free(usual);
}

static void
credit_is_earned_by_bytes(void **state)
{
	struct term *t = term_new(80, 24, NULL, NULL);

	(void)state;
	assert_true(term_afford(t, CREDIT_MAX));
	assert_false(term_afford(t, 1));
	feed(t, "xy");
	assert_false(term_afford(t, 2 * CREDIT_BYTE + 1));
	assert_true(term_afford(t, 2 * CREDIT_BYTE));
	/* It is not saved up for ever. */
	term_set_origin(t, UINT64_C(1) << 40, 1);
	assert_false(term_afford(t, CREDIT_MAX + 1));
	assert_true(term_afford(t, CREDIT_MAX));
	term_set_origin(t, 0, 1);
	assert_true(term_afford(t, CREDIT_MAX));
	term_free(t);
}

static void
what_cannot_be_afforded_is_cut_short(void **state)
{
	struct term *t = term_new(100, 100, NULL, NULL);
	struct grid *g = &t->screens[0].grid;

	(void)state;
	feed(t, "ab\033[ A");
	assert_int_equal(row_cell(grid_row(g, 0), 1).ch, 'a');
	assert_true(term_afford(t, CREDIT_MAX - 10000));
	feed(t, "\033[ A");
	assert_int_equal(row_cell(grid_row(g, 0), 1).ch, 'a');
	feed(t, "\033[9;1Hx\033[9999b");
	assert_int_equal(row_cell(grid_row(g, 9), 0).ch, 'x');
	assert_int_equal(row_cell(grid_row(g, 9), 1).ch, 0);
	term_free(t);
}

static void
no_flood_takes_long(void **state)
{
	static const char *const floods[] = {"\033[41m\033[2J", "\033[2000HX\033[2J",
	    "\033#8\033[2J", "\033#8\033[2000S", "\033[42m\033[L\033[M", "\033[2000S\033[2000T",
	    "x\033[65535b", "\xE4\xB8\x80\033[65535b", "\033[4hx\xCC\x81\033[65535b\033[4l",
	    "\033[ @\033[ A", "\033['}\033['~", "\033[1\"qx\033[65535b\033[?2J", "\033[;2;;$z",
	    "\033]133;A\a", "\033[?47h\033[2;1999r\033[41m\n", "\033c\033[?47hx"};
	uint64_t bytes = 0;
	struct term *t = term_new(SIZE, SIZE, &callbacks, &bytes);
	clock_t start = clock();

	(void)state;
	for (size_t i = 0; i < sizeof floods / sizeof *floods; i++)
		flood(t, floods[i], PART);
	assert_true(clock() - start < (clock_t)SECONDS * CLOCKS_PER_SEC);
	term_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(erasing_writes_no_cells),
	    cmocka_unit_test(written_cells_are_those_asked_for),
	    cmocka_unit_test(alignment_patterns_make_so_much_text),
	    cmocka_unit_test(credit_is_earned_by_bytes),
	    cmocka_unit_test(what_cannot_be_afforded_is_cut_short),
	    cmocka_unit_test(no_flood_takes_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
