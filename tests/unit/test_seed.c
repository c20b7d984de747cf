#include "config.h"

#include "unit.h"

#include <errno.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/xmalloc.h"
#include "tmux/seed.h"

/* 20x3, cursor 0,2, history as told; the rest as in a fresh pane. */
#define STATE(history) "20|3|0|2|0|4294967295|4294967295|" history "|2000" REST
#define STATE_ALT(history) "20|3|1|1|1|4|2|" history "|2000" REST
#define REST "|0|2|1|0|0|0|1|0|0|0|0|0|0|||8,16"

static struct seed *
seed_of(bool alt, const char *state, const char *a, const char *b, const char *c, const char *d)
{
	const char *texts[] = {state, a, b, c, d};
	struct seed_part parts[5];
	struct seed *s = NULL;

	for (size_t i = 0; i < 5; i++)
		parts[i] = (struct seed_part){texts[i], strlen(texts[i])};
	assert_int_equal(seed_new(alt, parts, 5, &s), 0);
	return s;
}

static int
state_rc(bool alt, const char *state)
{
	struct seed_part parts[5] = {
	    {state, strlen(state)}, {"", 0}, {"", 0}, {"", 0}, {"", 0}};
	struct seed *s;
	int rc = seed_new(alt, parts, 5, &s);

	if (rc == 0) {
		struct buf b;

		buf_init(&b, BUF_NO_MAX);
		seed_write_lines(s, 0, seed_lines(s), &b);
		seed_write_state(s, &b);
		buf_release(&b);
		seed_free(s);
	}
	return rc;
}

static void
assert_lines(const struct seed *s, size_t from, size_t to, const char *want)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, "");
	seed_write_lines(s, from, to, &b);
	assert_string_equal(b.data, want);
	buf_release(&b);
}

static void
assert_state(const struct seed *s, const char *want)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, "");
	seed_write_state(s, &b);
	assert_string_equal(b.data, want);
	buf_release(&b);
}

static void
assert_text(const struct seed *s, size_t i, const char *want)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, "");
	seed_text(s, i, &b);
	assert_string_equal(b.data, want);
	assert_true(seed_hash(s, i) == seed_hash_text(want, strlen(want)));
	buf_release(&b);
}

static void
states_that_are_none(void **state)
{
	static const char *const bad[] = {"", "|", "20", "20|3|0|2|0", "x|3|0|2|0|||0|" REST,
	    "0|3|0|2|0|||0|" REST, "2001|3|0|2|0|||0|" REST, "20|2001|0|2|0|||0|" REST,
	    "20||0|2|0|||0|" REST, "20|3|0|2|0|||" REST, "20|3|-1|2|0|||0|" REST,
	    "20|3|0|2|2|||0|" REST, "99999999999999999999|3|0|2|0|||0|" REST,
	    "20|3|0|2|0|||18446744073709551616|" REST};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(state_rc(false, bad[i]), -EINVAL);
	assert_int_equal(state_rc(false, STATE("0")), 0);
	assert_int_equal(state_rc(true, STATE("0")), -EAGAIN);
	assert_int_equal(state_rc(false, STATE_ALT("0")), -EAGAIN);
	assert_int_equal(
	    state_rc(false, "20|3|0|2|0|||0||0|2|1|0|0|0|1|0|0|0|0|0|0||1|8,16"), -EAGAIN);
	assert_int_equal(seed_new(false, NULL, 0, NULL), -EINVAL);
}

static void
odd_states_are_bounded(void **state)
{
	struct seed *s;

	(void)state;
	/* Nothing but what must be there. */
	assert_int_equal(state_rc(false, "20|3|0|2|0|||0|||||||||||||||||"), 0);
	s = seed_of(false,
	    "20|3|4294967295|4294967295|0|x|-2|0|?|2|1|9|9|9|9|9|9|9|9|9|9|9|9|9|"
	    ",8,,16,4294967295,99999999999999999999999,x,-1,",
	    "", "", "", "");
	assert_state(s, "\033[3;20H ");
	seed_free(s);
	s = seed_of(true,
	    "1|1|9|9|1|4294967294|4294967294|0|0|0|4294967295|0|1|1|1|0|1|1|1|1|1|1|1||0", "",
	    "", "", "");
	assert_state(s, "\033[1;1H\033[?1049h\033[?6h\033[1;1H \033[?7l\033[4h\033[?1h\033="
			"\033[?2004h\033[?1003h\033[?1006h\033[?25l");
	seed_free(s);
}

static void
lines_and_screen(void **state)
{
	struct seed *s = seed_of(false, STATE("2"), "one  \ntwo\nthree\nfour \n",
	    "three\nfour\n", "three\nfour\n", "");

	(void)state;
	assert_int_equal(seed_lines(s), 5);
	assert_int_equal(seed_screen_line(s), 2);
	assert_int_equal(seed_state(s)->cols, 20);
	assert_int_equal(seed_state(s)->rows, 3);
	assert_true(seed_state(s)->history == 2 && seed_state(s)->history_limit == 2000);
	assert_lines(s, 0, 5, "one\r\ntwo\r\nthree\r\nfour\r\n");
	assert_lines(s, 3, 4, "four\r\n");
	assert_lines(s, 4, 99, "");
	assert_state(s, "\033[3;1H");
	assert_text(s, 0, "one");
	assert_text(s, 4, "");
	seed_free(s);
}

static void
styles_run_on(void **state)
{
	struct seed *s = seed_of(false, STATE("2"),
	    "a\033[31mb\nc\033[1m\nd  \n\033[44m  \n\033[0me\033[4m  \033[0m  ", "x\nx\nx", "",
	    "");

	(void)state;
	assert_lines(s, 0, 5,
	    "a\033[31mb\033[m\r\n\033[0;31mc\033[m\r\n\033[0;1;31md\033[m\r\n"
	    "\033[0;1;31m\033[44m  \033[m\r\n\033[0;1;31;44m\033[0me\033[4m  \033[m");
	assert_text(s, 4, "e  ");
	seed_free(s);
}

static void
only_some_sequences_pass(void **state)
{
	static const char text[] =
	    "a\033[2Jb\033[?25hc\033]0;title\007d\033]8;id=1;http://x/\033\\e\033]8;;\033\\f\n"
	    "\033]8;;http://y/\007g\n"
	    "\033Pq\033\\h\001\177\xC2\x9Bi\xFFj\033(0k\033\n"
	    "\033[3\n\033]8;;http://z/\n\033[38;5\n"
	    "\033[>4mx\033[1$my";
	struct seed *s = seed_of(false, STATE("6"), text, "", "", "");

	(void)state;
	assert_lines(s, 0, 1, "abcd\033]8;id=1;http://x/\033\\e\033]8;;\033\\f\r\n");
	assert_lines(s, 1, 2, "\033]8;;http://y/\033\\g\033]8;;\033\\\r\n");
	assert_lines(s, 2, 3, "hi\xEF\xBF\xBDjk\r\n");
	assert_lines(s, 3, 4, "\r\n");
	assert_lines(s, 4, 5, "\r\n");
	assert_lines(s, 5, 6, "\r\n");
	assert_text(s, 2, "hi\xEF\xBF\xBDjk");
	seed_free(s);
}

static void
line_drawing(void **state)
{
	struct seed *s = seed_of(
	    false, STATE("2"), "\016lq\nx\017x\na\tb\nc\nd", "a\tb\nc\nd", "a\tb\nc\nd", "");

	(void)state;
	assert_lines(s, 0, 2, "\u250C\u2500\r\n\u2502x\r\n");
	assert_text(s, 1, "\u2502x");
	assert_lines(s, 2, 3, "a\tb\r\n");
	assert_text(s, 2, "a       b");
	seed_free(s);
}

/* Blanks that hold the screen's rows in place stay; one left free by a wide character goes. */
static void
rows_keep_their_place(void **state)
{
	struct seed *s =
	    seed_of(false, STATE("1"), "01234567890123456789    \n01234567890123456789     \nx",
		"01234567890123456789     \nx", "", "");

	(void)state;
	assert_lines(s, 0, 1, "01234567890123456789\r\n");
	assert_lines(s, 1, 2, "01234567890123456789 \r\n");
	seed_free(s);
	s = seed_of(false, STATE("1"), "0123456789012345678 \u754C\n0123456789012345678 x\ny",
	    "0123456789012345678 x\ny", "", "");
	assert_text(s, 0, "0123456789012345678\u754C");
	assert_text(s, 1, "0123456789012345678 x");
	seed_free(s);
}

/* The lines say another number of rows than there are. */
static void
rows_take_the_lines_place(void **state)
{
	struct seed *s = seed_of(false, STATE("1"), "a\nhistory\033[1mon screen\nb",
	    "on screen\nb", "\033[1mon\nscreen\nb0123456789012345678901", "");

	(void)state;
	assert_int_equal(seed_screen_line(s), 2);
	assert_int_equal(seed_lines(s), 5);
	assert_lines(s, 1, 5,
	    "history\r\n\033[1mon\033[m\r\n\033[0;1mscreen\033[m\r\n"
	    "\033[0;1mb0123456789012345678\033[m");
	seed_free(s);
}

static void
alternate(void **state)
{
	struct seed *s =
	    seed_of(true, STATE_ALT("2"), "1\n2", "3\n4\n5", "alt\n\n  x", "\\033[3\\134");

	(void)state;
	assert_int_equal(seed_lines(s), 5);
	assert_int_equal(seed_screen_line(s), 2);
	assert_lines(s, 0, 5, "1\r\n2\r\n3\r\n4\r\n5");
	assert_state(s, "\033[3;5H\033[?1049h\033[1;1Halt\033[3;1H  x\033[2;2H\033[3\\");
	seed_free(s);
	/* Without a history its capture shows something else. */
	s = seed_of(true, STATE_ALT("0"), "alt", "3\n4\n5", "alt\n\n", "");
	assert_int_equal(seed_lines(s), 3);
	assert_int_equal(seed_screen_line(s), 0);
	seed_free(s);
	/* The saved screen had more rows: blank ones go. */
	s = seed_of(true, STATE_ALT("1"), "1", "3\n4\n5\n\n\n", "", "");
	assert_int_equal(seed_lines(s), 4);
	assert_state(s, "\033[3;5H\033[?1049h\033[2;2H");
	seed_free(s);
	s = seed_of(true, STATE_ALT("1"), "1", "3\n4\n5\n6", "", "");
	assert_int_equal(seed_lines(s), 5);
	assert_state(s, "\033[2;5H\033[?1049h\033[2;2H");
	seed_free(s);
}

static void
hashes(void **state)
{
	(void)state;
	assert_true(seed_hash_text("", 0) == seed_hash_text("  \t", 3));
	assert_true(seed_hash_text("a b", 3) == seed_hash_text(" a\t  b ", 7));
	assert_true(seed_hash_text("a b", 3) != seed_hash_text("ab", 2));
	assert_true(seed_hash_text("a", 1) != seed_hash_text("b", 1));
}

/* Overlaps: a letter is a line; "." a blank one. */

static int64_t
overlap(const char *ours, const char *theirs)
{
	size_t n = strlen(ours), m = strlen(theirs);
	uint64_t *hashes_of = xcalloc(n + 1, sizeof *hashes_of);
	struct seed *s;
	struct buf b;
	int64_t at;

	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, "");
	for (size_t i = 0; i < m; i++)
		buf_printf(&b, "%s%c", i > 0 ? "\n" : "", theirs[i] == '.' ? ' ' : theirs[i]);
	for (size_t i = 0; i < n; i++)
		hashes_of[i] = seed_hash_text(ours + i, ours[i] != '.');
	s = seed_of(true, STATE_ALT("9"), b.data, "", "", "");
	at = seed_overlap(s, hashes_of, n);
	seed_free(s);
	free(hashes_of);
	buf_release(&b);
	return at;
}

static void
overlaps(void **state)
{
	(void)state;
	assert_int_equal(overlap("", "abc"), 0);
	assert_int_equal(overlap("abcde", "abcdefg"), 5);
	assert_int_equal(overlap("abcdefgh", "defghij"), 5); /* trimmed on top */
	assert_int_equal(overlap("defgh", "abcdefghij"), 8); /* ours was */
	assert_int_equal(overlap("xyz", "abcdefg"), -ENOENT);
	assert_int_equal(overlap("abcdef", ""), -ENOENT);
	/* Few lines: better both beginnings than the one repeated later. */
	assert_int_equal(overlap("ab", "abxyab"), 2);
	assert_int_equal(overlap("xxab", "abq"), 2);
	assert_int_equal(overlap("xxab", "qab"), -ENOENT);
	/* A difference further up: a run of four, not of three, nor of equal ones. */
	assert_int_equal(overlap("XXXefgh", "abcdefghij"), 8);
	assert_int_equal(overlap("XXXfgh", "abcdefghij"), -ENOENT);
	assert_int_equal(overlap("X......", "a......b"), -ENOENT);
	assert_int_equal(overlap("Xqqqqqq", "aqqqqqqb"), -ENOENT);
	assert_int_equal(overlap("Xabab", "YYababcYabab"), 12);
	/* A long run counts more than one line that agrees by chance. */
	assert_int_equal(overlap("Xbcdefa", "abcdefaz"), 7);
	/* Periodic: as little as possible is new. */
	assert_int_equal(overlap("abababab", "abababababab"), 12);
	assert_int_equal(overlap("ababababX", "ababababXabababab"), 9);
	assert_int_equal(overlap("........", "........"), 8);
}

/* Fifty thousand lines of 80 bytes. */
static char *
many(size_t lines, size_t *len)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	for (size_t i = 0; i < lines; i++)
		buf_printf(&b,
		    "%s%07zu Lorem ipsum dolor sit amet, consectetur adipisici elit, "
		    "sed eiusmod temp",
		    i > 0 ? "\n" : "", i);
	*len = b.len;
	return buf_take(&b);
}

static void
many_lines(void **state)
{
	enum { LINES = 50000, SHIFT = 3 };
	size_t len;
	char *text = many(LINES, &len);
	struct seed_part parts[5] = {{STATE_ALT("50000"), sizeof STATE_ALT("50000") - 1},
	    {text, len}, {"", 0}, {"", 0}, {"", 0}};
	uint64_t *ours = xcalloc(2 * LINES, sizeof *ours);
	uint64_t start = clock_mono_us();
	struct seed *s;
	struct buf b;

	(void)state;
	buf_init(&b, BUF_NO_MAX);
	assert_int_equal(seed_new(true, parts, 5, &s), 0);
	seed_write_lines(s, 0, seed_lines(s), &b);
	assert_true(b.len > len);
	print_message(
	    "parsed and written: %llu us\n", (unsigned long long)(clock_mono_us() - start));
	/* Only for what is quadratic. */
	assert_true(clock_mono_us() - start < 2000000);
	for (size_t i = 0; i < 2 * LINES; i++)
		ours[i] = i < LINES + SHIFT ? i % 2 : seed_hash(s, i - LINES - SHIFT);
	start = clock_mono_us();
	assert_int_equal(seed_overlap(s, ours, 2 * LINES), LINES - SHIFT);
	for (size_t i = 0; i < 2 * LINES; i++)
		ours[i] = i % 2;
	assert_int_equal(seed_overlap(s, ours, 2 * LINES), -ENOENT);
	print_message("overlaps: %llu us\n", (unsigned long long)(clock_mono_us() - start));
	assert_true(clock_mono_us() - start < 2000000);
	seed_free(s);
	buf_release(&b);
	free(ours);
	free(text);
}

static void
alike_lines(void **state)
{
	enum { LINES = 100000 };
	char *text = xmalloc(2 * LINES);
	struct seed_part parts[5] = {{STATE_ALT("50000"), sizeof STATE_ALT("50000") - 1},
	    {text, 2 * LINES - 1}, {"a", 1}, {"", 0}, {"", 0}};
	uint64_t *ours = xcalloc(LINES, sizeof *ours);
	struct seed *s;

	(void)state;
	for (size_t i = 0; i < LINES; i++) {
		memcpy(text + 2 * i, "a\n", 2);
		ours[i] = seed_hash_text("a", 1);
	}
	assert_int_equal(seed_new(true, parts, 5, &s), 0);
	assert_int_equal(seed_overlap(s, ours, LINES), LINES);
	seed_free(s);
	free(ours);
	free(text);
}

static uint32_t
next_random(uint32_t *r)
{
	*r = *r * 1103515245 + 12345;
	return *r >> 16;
}

/* For the sanitizers: whatever tmux says, nothing is read that is not there. */
static void
noise(void **state)
{
	static const char *const bits[] = {"\033", "[", "1;31", "m", "\n", " ", "\t", "\016",
	    "\017", "\033]8;;u\033\\", "\xE7\x95\x8C", "\xE7", "\xCC\x81", "x",
	    "01234567890123456", "\033[44m", ";", "\033]8;", "\007", "\xC2\x85", "\\0",
	    "\\033"};
	uint32_t r = 1;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		bool alt = round & 1;
		struct seed_part parts[5];
		struct buf b[5];
		struct seed *s;

		for (int i = 0; i < 5; i++) {
			buf_init(&b[i], BUF_NO_MAX);
			buf_puts(&b[i], "");
			for (unsigned n = next_random(&r) % 40; i > 0 && n > 0; n--)
				buf_puts(&b[i],
				    bits[next_random(&r) % (sizeof bits / sizeof *bits)]);
		}
		buf_printf(&b[0], "%u|%u|%u|%u|%d|%u|%u|%u|9|%u|%u", 1 + next_random(&r) % 24,
		    1 + next_random(&r) % 5, next_random(&r) % 24, next_random(&r) % 6, alt,
		    next_random(&r) % 24, next_random(&r) % 6, next_random(&r) % 2,
		    next_random(&r) % 4, next_random(&r) % 4);
		buf_puts(&b[0], "|1|0|0|0|1|0|0|0|0|0|0|||8");
		/* In blocks of their own, so that a tool sees a read beyond the end. */
		for (int i = 0; i < 5; i++) {
			char *copy = xmalloc(b[i].len + (b[i].len == 0));

			memcpy(copy, b[i].data, b[i].len);
			parts[i] = (struct seed_part){copy, b[i].len};
		}
		assert_int_equal(seed_new(alt, parts, 5, &s), 0);
		for (int i = 0; i < 5; i++)
			free((char *)parts[i].data);
		buf_reset(&b[0]);
		seed_write_lines(s, 0, seed_lines(s), &b[0]);
		seed_write_state(s, &b[0]);
		for (size_t i = 0; i < seed_lines(s); i++)
			seed_text(s, i, &b[0]);
		seed_free(s);
		for (int i = 0; i < 5; i++)
			buf_release(&b[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(states_that_are_none),
	    cmocka_unit_test(odd_states_are_bounded),
	    cmocka_unit_test(lines_and_screen),
	    cmocka_unit_test(styles_run_on),
	    cmocka_unit_test(only_some_sequences_pass),
	    cmocka_unit_test(line_drawing),
	    cmocka_unit_test(rows_keep_their_place),
	    cmocka_unit_test(rows_take_the_lines_place),
	    cmocka_unit_test(alternate),
	    cmocka_unit_test(hashes),
	    cmocka_unit_test(overlaps),
	    cmocka_unit_test(many_lines),
	    cmocka_unit_test(alike_lines),
	    cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
