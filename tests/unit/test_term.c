#include "config.h"

#include "unit.h"

#include <errno.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "term/parser.h"
#include "term/style.h"
#include "term/term.h"
#include "term/width.h"

struct seen {
	unsigned lines, flagged;
	size_t bytes, longest, runs;
	uint64_t offset;
	uint64_t offsets[8];
};

static void
on_line(void *arg, const struct term_line *l)
{
	struct seen *s = arg;

	if (s->lines < 8)
		s->offsets[s->lines] = l->offset;
	s->lines++;
	s->flagged += (l->flags & TERM_LINE_SPLIT) != 0;
	s->bytes += l->len;
	s->longest = l->len > s->longest ? l->len : s->longest;
	s->runs = l->nruns > s->runs ? l->nruns : s->runs;
	s->offset = l->offset;
}

static const struct term_callbacks lines_only = {.line = on_line};

static void
feed(struct term *t, const char *s)
{
	term_feed(t, s, strlen(s));
}

static void
styles_are_interned(void **state)
{
	struct styles *s = styles_new();
	struct style red = {.fg = COLOUR_PALETTE | 1}, none = {0};
	uint16_t id = style_add(s, &red);

	(void)state;
	assert_int_equal(style_add(s, &none), 0);
	assert_int_equal(id, 1);
	assert_int_equal(style_add(s, &red), id);
	assert_int_equal(style_count(s), 2);
	assert_int_equal(style_get(s, id)->fg, red.fg);
	assert_int_equal(style_get(s, 77)->fg, COLOUR_DEFAULT);
	styles_free(s);
}

static void
a_full_style_table_gets_coarser(void **state)
{
	struct styles *s = styles_new();
	struct style bold = {.attrs = STYLE_BOLD, .fg = COLOUR_PALETTE | 9};
	uint16_t id = 0;

	(void)state;
	for (unsigned i = 0; i < 300000; i++) {
		struct style st = {.fg = COLOUR_RGB | (i * 7919 & 0xFFFFFF),
		    .bg = COLOUR_RGB | i,
		    .attrs = (uint16_t)(i & 0xFF)};

		id = style_add(s, &st);
	}
	assert_true(style_count(s) <= STYLE_MAX);
	assert_true(id != 0);
	assert_true((style_get(s, id)->fg & COLOUR_KIND) == COLOUR_PALETTE);
	/* The basic styles always have room. */
	id = style_add(s, &bold);
	assert_int_equal(style_get(s, id)->fg, bold.fg);
	assert_true(style_get(s, id)->attrs & STYLE_BOLD);
	assert_true(styles_memory(s) < 2 << 20);
	styles_free(s);
}

static void
links_are_bounded(void **state)
{
	struct styles *s = styles_new();
	char uri[STYLE_LINK_MAX + 2];
	const char *id;

	(void)state;
	assert_int_equal(style_link_add(s, "http://a", 8, "", 0), 1);
	assert_int_equal(style_link_add(s, "http://a", 8, "x", 1), 2);
	assert_int_equal(style_link_add(s, "http://a", 8, "", 0), 1);
	assert_string_equal(style_link(s, 2, &id), "http://a");
	assert_string_equal(id, "x");
	assert_int_equal(style_link_add(s, "", 0, "x", 1), 0);
	memset(uri, 'u', sizeof uri);
	assert_int_equal(style_link_add(s, uri, sizeof uri, "", 0), 0);
	for (int i = 0; i < 20000; i++)
		style_link_add(
		    s, uri, (size_t)snprintf(uri, sizeof uri, "http://host/%d", i), "", 0);
	assert_int_equal(style_link_count(s), STYLE_LINKS_MAX);
	assert_int_equal(style_link_add(s, "http://a", 8, "", 0), 1);
	styles_free(s);
}

static void
widths(void **state)
{
	static const struct {
		uint32_t cp;
		unsigned width;
	} table[] = {
	    {0xA0, 1},
	    {0xAD, 1},
	    {0x301, 0},
	    {0x200B, 0},
	    {0x200D, 0},
	    {0xFE0F, 0},
	    {0x903, 1},
	    {0x1100, 2},
	    {0x1161, 0},
	    {0x65E5, 2},
	    {0xFF21, 2},
	    {0xFF71, 1},
	    {0x1F44D, 2},
	    {0x1F3FD, 2},
	    {0x1F1EB, 1},
	    {0x2764, 1},
	    {0x1FAE8, 2},
	    {0x1FA75, 2},
	    {0xE0B0, 1},
	    {0xF0001, 1},
	    {0x2A6E0, 2},
	    {0x10FFFF, 1},
	    {0xFFFD, 1},
	    {0x2028, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		assert_int_equal(width_of(table[i].cp), table[i].width);
	for (uint32_t cp = 0xA0; cp <= 0x10FFFF; cp++)
		assert_true(width_of(cp) <= 2);
}

static void
a_line_without_end_comes_in_pieces(void **state)
{
	struct seen seen = {0};
	struct term *t = term_new(80, 24, &lines_only, &seen);
	char text[1000];

	(void)state;
	memset(text, 'x', sizeof text);
	for (int i = 0; i < 2000; i++)
		term_feed(t, text, sizeof text);
	assert_true(seen.lines >= 29);
	assert_int_equal(seen.flagged, seen.lines);
	assert_true(seen.longest <= TERM_LINE_MAX);
	assert_true(term_memory(t) < 400 * 1024);
	feed(t, "\r\n");
	for (int i = 0; i < 30; i++)
		feed(t, "\n");
	assert_int_equal(seen.bytes, 2000 * 1000);
	term_free(t);
}

static void
offsets_do_not_depend_on_the_pieces(void **state)
{
	static const char data[] =
	    "ab\r\nabcdefghi\033[31mj\r\nk\r\n\033[2J\xe6\x97\xa5\r\n\r\n\r\nx";
	struct seen whole = {0}, split = {0};
	struct term *a = term_new(4, 2, &lines_only, &whole),
		    *b = term_new(4, 2, &lines_only, &split);

	(void)state;
	term_set_origin(a, 1000, 5);
	term_set_origin(b, 1000, 5);
	feed(a, data);
	for (size_t i = 0; i < strlen(data); i++)
		term_feed(b, data + i, 1);
	assert_true(whole.lines > 3);
	assert_memory_equal(&whole, &split, sizeof whole);
	/* "ab" leaves when "abcd" wraps to "e", the 9th byte. */
	assert_int_equal(whole.offsets[0], 1000 + 9);
	term_free(a);
	term_free(b);
}

static void
an_idle_terminal_is_small(void **state)
{
	struct term *t = term_new(80, 24, NULL, NULL);

	(void)state;
	assert_true(term_memory(t) < 64 * 1024);
	feed(t, "\033[?1049h");
	assert_true(term_memory(t) < 64 * 1024);
	term_free(t);
}

static void
a_string_without_end_is_dropped(void **state)
{
	struct term *t = term_new(80, 24, NULL, NULL);
	struct term_state s;
	char text[1000];

	(void)state;
	memset(text, 'x', sizeof text);
	feed(t, "\033]2;");
	for (int i = 0; i < 1000; i++)
		term_feed(t, text, sizeof text);
	assert_true(term_memory(t) < 200 * 1024);
	feed(t, "\aafter");
	term_get_state(t, &s);
	assert_string_equal(s.title, "");
	assert_int_equal(s.x, 5);
	feed(t, "\033]2;");
	for (int i = 0; i < 3; i++)
		term_feed(t, text, sizeof text);
	feed(t, "\a");
	term_get_state(t, &s);
	assert_int_equal(strlen(s.title), TERM_TITLE_MAX);
	term_free(t);
}

static void
sizes_are_clamped(void **state)
{
	struct term *t = term_new(0, 5000, NULL, NULL);
	struct term_state s;

	(void)state;
	term_get_state(t, &s);
	assert_int_equal(s.cols, 1);
	assert_int_equal(s.rows, TERM_SIZE_MAX);
	feed(t, "\033#8\033[999S\xe6\x97\xa5");
	term_resize(t, 100000, 0);
	term_get_state(t, &s);
	assert_int_equal(s.cols, TERM_SIZE_MAX);
	assert_int_equal(s.rows, 1);
	term_free(t);
}

static void
marks_are_bounded(void **state)
{
	struct term *t = term_new(200, 100, NULL, NULL);
	unsigned seed = 1;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		char enc[UTF8_MAX * 3 + 1];
		size_t n = utf8_encode('a', enc);

		/* Different clusters without end: more than the table has room for. */
		seed = seed * 1103515245 + 12345;
		n += utf8_encode(0x300 + (seed >> 8) % 0x50, enc + n);
		n += utf8_encode(0x300 + (seed >> 16) % 0x50, enc + n);
		term_feed(t, enc, n);
	}
	assert_true(term_memory(t) < 4 << 20);
	term_free(t);
}

static void
text_is_copied_with_its_runs(void **state)
{
	struct term *t = term_new(10, 4, NULL, NULL);
	struct term_text text;
	struct buf b;

	(void)state;
	feed(t, "ab\033[31mcd\033[mefghijkl\r\n\033[31mx\033[m\r\n");
	term_text_init(&text);
	for (int again = 0; again < 2; again++) {
		term_text_read(t, TERM_SHOWN, TERM_TEXT_JOIN, &text);
		assert_int_equal(text.nlines, 3);
		assert_int_equal(text.used, 2);
		assert_int_equal(text.first, 1);
		assert_memory_equal(text.text, "abcdefghijkl\nx\n\n", text.len);
		assert_int_equal(text.lines[0].nrows, 2);
		assert_int_equal(text.lines[0].nruns, 2);
		assert_int_equal(text.lines[1].row, 2);
		assert_int_equal(text.lines[1].nruns, 1);
	}
	buf_init(&b, BUF_NO_MAX);
	assert_int_equal(term_line_write(term_styles(t), text.text, text.lines[0].len,
			     text.runs, text.lines[0].nruns, &b),
	    0);
	assert_string_equal(b.data, "ab\033[0;31mcd\033[0mefghijkl");
	buf_release(&b);
	buf_init(&b, 10);
	assert_int_equal(term_line_write(term_styles(t), text.text, text.lines[0].len,
			     text.runs, text.lines[0].nruns, &b),
	    -ENOBUFS);
	buf_release(&b);
	term_text_release(&text);
	term_free(t);
}

static void
a_snapshot_respects_the_maximum(void **state)
{
	struct term *t = term_new(80, 24, NULL, NULL);
	struct buf b;

	(void)state;
	feed(t, "\033#8");
	buf_init(&b, 4096 - 1);
	assert_int_equal(term_snapshot(t, NULL, NULL, &b), -ENOBUFS);
	assert_true(b.len <= b.max);
	buf_release(&b);
	term_free(t);
}

static void
the_end_completes_the_line(void **state)
{
	struct seen seen = {0};
	struct term *t = term_new(4, 2, &lines_only, &seen);

	(void)state;
	feed(t, "abcdefghijkl");
	assert_int_equal(seen.lines, 0);
	term_flush(t);
	assert_int_equal(seen.lines, 1);
	assert_int_equal(seen.bytes, 4);
	term_flush(t);
	assert_int_equal(seen.lines, 1);
	term_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(styles_are_interned),
	    cmocka_unit_test(a_full_style_table_gets_coarser),
	    cmocka_unit_test(links_are_bounded),
	    cmocka_unit_test(widths),
	    cmocka_unit_test(a_line_without_end_comes_in_pieces),
	    cmocka_unit_test(offsets_do_not_depend_on_the_pieces),
	    cmocka_unit_test(an_idle_terminal_is_small),
	    cmocka_unit_test(a_string_without_end_is_dropped),
	    cmocka_unit_test(sizes_are_clamped),
	    cmocka_unit_test(marks_are_bounded),
	    cmocka_unit_test(text_is_copied_with_its_runs),
	    cmocka_unit_test(a_snapshot_respects_the_maximum),
	    cmocka_unit_test(the_end_completes_the_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
