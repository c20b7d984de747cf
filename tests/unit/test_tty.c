/* What clients of ttyd say (proto/tty.h), and what they must not. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "proto/tty.h"
#include "unit.h"

static struct tty_request r;

static int
parse(const char *text)
{
	return tty_parse(text, strlen(text), &r);
}

static void
messages(void **state)
{
	(void)state;
	assert_int_equal(parse("{\"AuthToken\":\"dTpw\",\"columns\":80,\"rows\":24}"), 0);
	assert_int_equal(r.kind, TTY_REQ_HELLO);
	assert_string_equal(r.token, "dTpw");
	assert_int_equal(r.cols, 80);
	assert_int_equal(r.rows, 24);
	assert_int_equal(parse("{}"), 0);
	assert_string_equal(r.token, "");
	assert_int_equal(r.cols, 0);
	assert_int_equal(parse("{\"AuthToken\":null,\"columns\":null,\"rows\":null}"), 0);
	assert_int_equal(tty_parse("0a\0b", 4, &r), 0);
	assert_int_equal(r.kind, TTY_REQ_INPUT);
	assert_int_equal(r.input_len, 3);
	assert_memory_equal(r.input, "a\0b", 3);
	assert_int_equal(parse("1{\"columns\":2000,\"rows\":1}"), 0);
	assert_int_equal(r.kind, TTY_REQ_RESIZE);
	assert_int_equal(r.cols, 2000);
	assert_int_equal(parse("2"), 0);
	assert_int_equal(r.kind, TTY_REQ_PAUSE);
	assert_int_equal(parse("3"), 0);
	assert_int_equal(r.kind, TTY_REQ_RESUME);
	assert_int_equal(parse("4"), 0);
	assert_int_equal(r.kind, TTY_REQ_OTHER);
}

static void
messages_that_are_none(void **state)
{
	static const char *const bad[] = {"", "{", "{\"columns\":80}",
	    "{\"columns\":0,\"rows\":1}", "{\"columns\":80,\"rows\":2001}",
	    "{\"columns\":\"80\",\"rows\":24}", "{\"columns\":80.5,\"rows\":24}",
	    "{\"AuthToken\":1}", "{\"AuthToken\":[]}", "{\"AuthToken\":\"\xff\"}", "1", "1[]",
	    "1{\"columns\":-1,\"rows\":1}", "{} {}"};
	char long_one[TTY_TOKEN_MAX + 32] = "{\"AuthToken\":\"";
	size_t head = strlen(long_one);

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(parse(bad[i]), -EINVAL);
	memset(long_one + head, 'x', TTY_TOKEN_MAX);
	strcpy(long_one + head + TTY_TOKEN_MAX, "\"}");
	assert_int_equal(parse(long_one), 0);
	assert_int_equal(strlen(r.token), TTY_TOKEN_MAX);
	strcpy(long_one + head + TTY_TOKEN_MAX, "x\"}");
	assert_int_equal(parse(long_one), -EINVAL);
}

static void
answers(void **state)
{
	static const char *const yes[] = {"\033[?1;2c", "\033[>0;276;0c", "\033[24;80R",
	    "\033[0n", "\033[?2026;2$y", "\033]11;rgb:0000/0000/0000\033\\",
	    "\033]10;rgb:1/2/3\a", "\033P1$r0m\033\\", "\033P>|xterm.js(5.5.0)\033\\",
	    "\033[?1u", "\033[8;24;80t\033[?1;2c"};
	static const char *const no[] = {"", "c", "\033", "\033[", "\033[A", "\033[1;2R",
	    "\033[1;10R", "\033[I", "\033[O", "\033[<0;1;1M", "\033[97;5u", "\033]", "\033P",
	    "\033]x", "\033[?1;2cx", "x\033[?1;2c", "\033[200~\033[?1;2c\033[201~", "\033[c"};
	char big[TTY_ANSWER_MAX + 1] = "\033]";

	(void)state;
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		assert_true(tty_is_answer(yes[i], strlen(yes[i])));
	for (size_t i = 0; i < sizeof no / sizeof *no; i++)
		assert_false(tty_is_answer(no[i], strlen(no[i])));
	memset(big + 2, 'x', sizeof big - 3);
	big[TTY_ANSWER_MAX - 1] = '\a';
	assert_true(tty_is_answer(big, TTY_ANSWER_MAX));
	big[TTY_ANSWER_MAX - 1] = 'x';
	big[TTY_ANSWER_MAX] = '\a';
	assert_false(tty_is_answer(big, TTY_ANSWER_MAX + 1));
}

static void
titles(void **state)
{
	char command[8192];
	struct buf b;

	(void)state;
	buf_init(&b, BUF_NO_MAX);
	tty_put_title(&b, "sh -c \033]0;x\a\n\xff", "here");
	assert_string_equal(b.data, "1sh -c  ]0;x  \xef\xbf\xbd (here)");
	buf_reset(&b);
	for (size_t i = 0; i + 2 < sizeof command; i += 2)
		memcpy(command + i, "\xc3\xa9", 3);
	tty_put_title(&b, command, command);
	assert_true(b.len <= TTY_INITIAL_MAX && b.len > TTY_INITIAL_MAX - 8);
	assert_memory_equal(b.data + b.len - 3, "\xc3\xa9)", 3);
	buf_reset(&b);
	tty_put_preferences(&b, "{\"a\":1}");
	tty_put_output(&b);
	assert_string_equal(b.data, "2{\"a\":1}0");
	buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(messages),
	    cmocka_unit_test(messages_that_are_none),
	    cmocka_unit_test(answers),
	    cmocka_unit_test(titles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
