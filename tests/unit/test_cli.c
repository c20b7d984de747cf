#include "config.h"

#include "unit.h"

#include <errno.h>

#include "base/buf.h"
#include "cli/columns.h"
#include "cli/keys.h"
#include "cli/reports.h"

static void
keys(void **state)
{
	static const struct {
		const char *name, *bytes;
		size_t len;
	} cases[] = {{"Enter", "\r", 1}, {"up", "\033[A", 3}, {"C-c", "\003", 1},
	    {"C-C", "\003", 1}, {"M-x", "\033x", 2}, {"M-C-a", "\033\001", 2},
	    {"C-Space", "\0", 1}, {"C-?", "\177", 1}, {"F12", "\033[24~", 5}, {"a", "a", 1},
	    {"-", "-", 1}, {"\xC3\xA9", "\xC3\xA9", 2}};
	static const char *const bad[] = {"", "Nope", "C-", "M-", "C-ab", "C-1", "\xC3", "ab"};
	struct buf b;

	(void)state;
	buf_init(&b, BUF_NO_MAX);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		buf_reset(&b);
		assert_int_equal(keys_append(&b, cases[i].name), 0);
		assert_int_equal(b.len, cases[i].len);
		assert_memory_equal(b.data, cases[i].bytes, b.len);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(keys_append(&b, bad[i]), -EINVAL);
	buf_release(&b);
}

static void
reports(void **state)
{
	static const struct {
		const char *in, *left;
	} cases[] = {
	    {"ls\r", "ls\r"},
	    {"a\033[?1;2cb", "ab"},
	    {"\033[>0;276;0c", ""},
	    {"\033[12;40R", ""},
	    {"\033[1;2R\033[1;16R", "\033[1;2R\033[1;16R"},
	    {"\033[1;1R\033[1;17R\033[?1;2R", ""},
	    {"\033[0n\033[?2026;2$yx", "x"},
	    {"\033]11;rgb:0/0/0\033\\x\033]10;rgb:0/0/0\ay", "xy"},
	    {"\033P1$r0m\033\\x", "x"},
	    {"\033[A\033[1;5C\033OP\033\033[3~", "\033[A\033[1;5C\033OP\033\033[3~"},
	    {"\033[<0;10;5M\033[I\033[200~c\033[201~",
		"\033[<0;10;5M\033[I\033[200~c\033[201~"},
	    {"\033[12;4", "\033[12;4"},
	    {"\033]11;rgb", "\033]11;rgb"},
	    {"\033", "\033"},
	    {"\033[", "\033["},
	    {"\033[c\033[5n", "\033[c\033[5n"},
	};
	char bytes[64];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t len = strlen(cases[i].in);
		memcpy(bytes, cases[i].in, len);
		assert_int_equal(reports_remove(bytes, len), strlen(cases[i].left));
		assert_memory_equal(bytes, cases[i].left, strlen(cases[i].left));
	}
}

static void
columns(void **state)
{
	static const struct {
		const char *in;
		unsigned width;
		const char *out;
		unsigned left;
		size_t taken;
	} cases[] = {
	    {"plain", 9, "plain", 4, 5},
	    {"plain", 3, "pla", 0, 3},
	    {"a\033[31mb\177\ac", 80, "a?[31mb??c", 70, 10},
	    {"\xC2\x9B"
	     "31m",
		80, "?31m", 76, 5},
	    {"a\xE2\x80\xAE"
	     "b",
		80, "a?b", 77, 5},
	    {"\xFF\xC3"
	     "x\xE4\xBD",
		80, "??x??", 75, 5},
	    {"\xEF\xBF\xBD", 80, "\xEF\xBF\xBD", 79, 3},
	    {"\xE4\xBD\xA0\xE5\xA5\xBD", 3, "\xE4\xBD\xA0", 1, 3},
	    {"e\xCC\x81x", 1, "e\xCC\x81", 0, 3},
	    {"", 3, "", 3, 0},
	};
	struct buf b;

	(void)state;
	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, "");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t len = strlen(cases[i].in);
		unsigned left = cases[i].width;

		buf_reset(&b);
		assert_int_equal(columns_put(&b, cases[i].in, len, &left), cases[i].taken);
		assert_int_equal(left, cases[i].left);
		assert_int_equal(b.len, strlen(cases[i].out));
		assert_memory_equal(b.data, cases[i].out, b.len);
	}
	assert_int_equal(columns_of("a\xE4\xBD\xA0"
				    "b\033",
			     6),
	    5);
	assert_int_equal(columns_skip("abc", 3, 2), 1);
	assert_int_equal(columns_skip("a\xE4\xBD\xA0"
				      "b",
			     5, 2),
	    4);
	assert_int_equal(columns_skip("ab", 2, 2), 0);
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys),
	    cmocka_unit_test(reports),
	    cmocka_unit_test(columns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
