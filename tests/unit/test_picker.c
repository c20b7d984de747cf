/* Keys, the prompt and the screen of search -I. */
#include "config.h"

#include "unit.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "cli/columns.h"
#include "cli/picker_view.h"
#include "cli/prompt.h"
#include "cli/typed.h"

/* Keys are written down as their numbers, text as itself. */
static void
write_key(int key, const char *text, size_t len, void *arg)
{
	struct buf *b = arg;

	if (key == TYPED_TEXT)
		buf_append(b, text, len);
	else
		buf_printf(b, "<%x>", (unsigned)key);
}

static void
feed(struct buf *b, const char *in, size_t step, bool flush)
{
	struct typed t = {0};
	size_t len = strlen(in);

	buf_reset(b);
	buf_puts(b, "");
	for (size_t i = 0; i < len; i += step)
		typed_feed(&t, in + i, step < len - i ? step : len - i, write_key, b);
	assert_int_equal(typed_waits(&t), flush);
	if (flush)
		typed_flush(&t, write_key, b);
	assert_false(typed_waits(&t));
}

static void
keys(void **state)
{
	static const struct {
		const char *in;
		int keys[6];
		bool flush; /* the last one is known only when nothing follows */
	} cases[] = {
	    {"\r", {TYPED_ENTER}, false},
	    {"\t\177\b", {TYPED_TAB, TYPED_BACKSPACE, TYPED_BACKSPACE}, false},
	    {"\020\016\003", {TYPED_CONTROL('p'), TYPED_CONTROL('n'), TYPED_CONTROL('c')},
		false},
	    {"\033[A\033OB", {TYPED_UP, TYPED_DOWN}, false},
	    {"\033[H\033[1~\033OF\033[4~", {TYPED_HOME, TYPED_HOME, TYPED_END, TYPED_END},
		false},
	    {"\033[5~\033[6~\033[3~", {TYPED_PAGE_UP, TYPED_PAGE_DOWN, TYPED_DELETE}, false},
	    {"\033[1;5C\033[D", {TYPED_RIGHT, TYPED_LEFT}, false},
	    {"\033c", {TYPED_ALT('c')}, false},
	    {"\033", {TYPED_ESCAPE}, true},
	    {"\033\033[A", {TYPED_ESCAPE, TYPED_UP}, false},
	    {"\033[", {TYPED_ALT('[')}, true},
	    {"\033[12", {0}, true},
	    {"\033[<0;3;4M\033[?1;2c\033[99;5u", {0}, false},
	    {"\033[\r", {TYPED_ENTER}, false},
	    {"\xC2\x9B", {0}, false},
	};
	struct buf got, want;

	(void)state;
	buf_init(&got, BUF_NO_MAX);
	buf_init(&want, BUF_NO_MAX);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		buf_reset(&want);
		buf_puts(&want, "");
		for (const int *k = cases[i].keys; *k != 0; k++)
			write_key(*k, "", 0, &want);
		for (size_t step = 1; step < 9; step++) {
			feed(&got, cases[i].in, step, cases[i].flush);
			assert_string_equal(got.data, want.data);
		}
	}
	buf_release(&got);
	buf_release(&want);
}

static void
text(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
	    {"plain", "plain"},
	    {"\xC3\xA9\xE4\xBD\xA0\xF0\x9F\x98\x80", "\xC3\xA9\xE4\xBD\xA0\xF0\x9F\x98\x80"},
	    {"a\xFF"
	     "b",
		"ab"},
	    {"\033[200~one\r\ttwo\003\033[A\033[201~x", "one  twox"},
	};
	struct buf got;

	(void)state;
	buf_init(&got, BUF_NO_MAX);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		for (size_t step = 1; step < 9; step++) {
			feed(&got, cases[i].in, step, false);
			assert_string_equal(got.data, cases[i].out);
		}
	}
	buf_release(&got);
}

/* No beginning of a sequence grows for ever. */
static void
endless(void **state)
{
	struct typed t = {0};
	struct buf b;

	(void)state;
	buf_init(&b, BUF_NO_MAX);
	typed_feed(&t, "\033[", 2, write_key, &b);
	for (int i = 0; i < 100000; i++)
		typed_feed(&t, "1", 1, write_key, &b);
	typed_feed(&t, "~\r", 2, write_key, &b);
	assert_true(b.len > 0);
	buf_release(&b);
}

static void
editing(void **state)
{
	struct prompt p = {0};
	char many[PROMPT_MAX + 1];

	(void)state;
	prompt_insert(&p, "one t\xC3\xA9l  ", 10);
	prompt_left(&p);
	prompt_insert(&p, "x", 1);
	assert_string_equal(p.text, "one t\xC3\xA9l x ");
	prompt_right(&p);
	prompt_right(&p);
	prompt_backspace(&p);
	prompt_backspace(&p);
	assert_string_equal(p.text, "one t\xC3\xA9l ");
	for (int i = 0; i < 2; i++)
		prompt_left(&p);
	prompt_backspace(&p);
	assert_string_equal(p.text, "one tl ");
	prompt_delete(&p);
	assert_string_equal(p.text, "one t ");
	prompt_end(&p);
	prompt_delete(&p);
	prompt_kill_word(&p);
	assert_string_equal(p.text, "one ");
	prompt_home(&p);
	prompt_kill(&p);
	prompt_kill_word(&p);
	prompt_backspace(&p);
	prompt_left(&p);
	assert_string_equal(p.text, "one ");
	prompt_right(&p);
	prompt_kill(&p);
	assert_string_equal(p.text, "ne ");
	memset(many, 'a', sizeof many);
	prompt_insert(&p, many, sizeof many);
	prompt_insert(&p, "\xC3", 1);
	prompt_insert(&p, "a\0b", 3);
	assert_string_equal(p.text, "ne ");
	prompt_end(&p);
	prompt_insert(&p, many, PROMPT_MAX - 3);
	prompt_insert(&p, "b", 1);
	assert_int_equal(p.len, PROMPT_MAX);
	prompt_kill(&p);
	assert_string_equal(p.text, "");
}

/* What the view may send: text, SGR, where a row begins, clearing it, the cursor. Returns the
 * bytes of one such sequence, and the row that it begins. */
static size_t
check_sequence(const char *s, unsigned *y)
{
	size_t n = strspn(s + 2, "?0123456789;") + 2;

	assert_int_equal(s[1], '[');
	assert_non_null(strchr("mHKhl", s[n]));
	if (s[n] == 'H')
		*y = (unsigned)atoi(s + 2);
	if (s[n] == 'h' || s[n] == 'l')
		assert_memory_equal(s, "\033[?25", 5);
	return n + 1;
}

static void
check_screen(const struct picker_view *v, const struct buf *b)
{
	unsigned y = 0, x = 0, row;
	uint32_t cp;

	assert_true(utf8_valid(b->data, b->len));
	for (size_t i = 0, n; i < b->len; i += n) {
		if (b->data[i] == '\033') {
			row = 0;
			n = check_sequence(b->data + i, &row);
			if (row != 0)
				x = 0, y = row;
			continue;
		}
		n = utf8_decode(b->data + i, b->len - i, &cp);
		assert_true(cp >= 0x20 && (cp < 0x7F || cp >= 0xA0));
		x += columns_of(b->data + i, n);
		assert_true(x <= v->cols);
		assert_in_range(y, 1, v->rows);
	}
}

static const char hostile[] =
    "{\"matches\":[{\"pane\":\"p1\",\"line\":3,\"time\":\"2026-11-21T02:03:04.567Z\","
    "\"content\":\"a\\u001b]0;x\\u0007\\u009b31m "
    "\xE4\xBD\xA0\xE5\xA5\xBD\xE4\xBD\xA0\xE5\xA5\xBD "
    "long long line long long line match and more of it long long line\","
    "\"spans\":[[56,61],[61,61],[62,65]],\"before\":[\"\\u001bc\",\"\xE4\xBD\xA0\xE4\xBD\xA0\"]"
    ","
    "\"after\":[\"\\r\\n\\u001b[2J\"]},"
    "{\"pane\":\"t%3\\u001b[31m\",\"line\":90000000000,\"time\":\"\\u001b\",\"content\":\"\","
    "\"spans\":[[0,0]],\"before\":[],\"after\":[]},"
    "{\"pane\":\"a-long-name-of-a-pane\",\"line\":1,\"time\":\"2026-11-21\",\"content\":\"x\","
    "\"spans\":[[0,99],[5,1]]}],\"total\":3,\"truncated\":true}";

static void
screens(void **state)
{
	struct picker_view v = {.status = "3 \033[31m", .now_ms = 1800000000000};
	struct buf b;

	(void)state;
	buf_init(&b, BUF_NO_MAX);
	assert_int_equal(search_answer_parse(&v.answer, hostile, strlen(hostile)), 0);
	prompt_insert(&v.prompt, "\xE4\xBD\xA0 typed and typed", 19);
	for (v.rows = 1; v.rows < 40; v.rows++)
		for (v.cols = 1; v.cols < 90; v.cols++)
			for (size_t i = 0; i < 8; i++) {
				v.selected = i % 4; /* one too many */
				v.color = i < 4;
				v.plain = i % 3 == 0;
				snprintf(v.error, sizeof v.error, "%s",
				    i == 5 ? "bad \033]0;\a thing" : "");
				buf_reset(&b);
				picker_view_draw(&v, &b);
				check_screen(&v, &b);
			}
	search_answer_release(&v.answer);
	buf_reset(&b);
	picker_view_draw(&v, &b);
	check_screen(&v, &b);
	buf_release(&b);
}

static void
match_in_sight(void **state)
{
	struct picker_view v = {.cols = 30, .rows = 5, .now_ms = 1800000000000};
	struct buf b;

	(void)state;
	buf_init(&b, BUF_NO_MAX);
	assert_int_equal(search_answer_parse(&v.answer, hostile, strlen(hostile)), 0);
	picker_view_draw(&v, &b);
	assert_non_null(strstr(b.data, "\033[4mmatch\033[m"));
	search_answer_release(&v.answer);
	buf_release(&b);
}

static void
no_answer(void **state)
{
	static const char *const bad[] = {"", "{}", "[]", "{\"matches\":[]}",
	    "{\"matches\":[1],\"total\":1}",
	    "{\"matches\":[{\"pane\":\"p\",\"time\":\"\",\"content\":\"\",\"line\":-1}],"
	    "\"total\":1}",
	    "{\"matches\":[{\"pane\":\"p\",\"time\":\"\",\"content\":\"\",\"line\":1,"
	    "\"before\":[\"\",\"\"]}],\"total\":1}"};
	struct search_answer a;

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_true(search_answer_parse(&a, bad[i], strlen(bad[i])) < 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys),
	    cmocka_unit_test(text),
	    cmocka_unit_test(endless),
	    cmocka_unit_test(editing),
	    cmocka_unit_test(screens),
	    cmocka_unit_test(match_in_sight),
	    cmocka_unit_test(no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
