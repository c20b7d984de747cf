#include "config.h"

#include "unit.h"

#include <errno.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "cli/columns.h"
#include "cli/job_text.h"
#include "cli/keys.h"
#include "cli/reports.h"
#include "cli/tame.h"
#include "proto/json.h"

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

/* Wherever the stream is cut, the same comes out. */
static void
tame(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
	    {"plain\ttext\n", "plain\ttext\n"},
	    {"a\r\nb\rc\r", "a\nb?c?"},
	    {"\033[31mred\033]0;x\a\n", "?[31mred?]0;x?\n"},
	    {"\xC3\xA9\xE4\xBD\xA0\xF0\x9F\x98\x80", "\xC3\xA9\xE4\xBD\xA0\xF0\x9F\x98\x80"},
	    {"x\xC2\x9B"
	     "2J",
		"x?2J"},
	    {"\xE4\xBD\n\xFF\xC3", "??\n??"},
	    {"a\xE2\x80\xAE\xE2\x80", "a???"},
	    {"\r\r\n\n", "?\n\n"},
	    {"", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		size_t len = strlen(cases[i].in);

		for (size_t cut = 0; cut <= len; cut++) {
			struct tame t = {.len = 0};
			struct buf b;

			buf_init(&b, BUF_NO_MAX);
			tame_put(&t, &b, cases[i].in, cut);
			for (size_t at = cut; at < len; at++)
				tame_put(&t, &b, cases[i].in + at, 1);
			tame_end(&t, &b);
			assert_string_equal(b.data != NULL ? b.data : "", cases[i].out);
			buf_release(&b);
		}
	}
}

static void
durations(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {{-1, "-"}, {0, "0ms"}, {999, "999ms"}, {1000, "1.0s"}, {59999, "59.9s"},
	    {60000, "1m00s"}, {3599999, "59m59s"}, {3600000, "1h00m"}, {86399999, "23h59m"},
	    {90000000, "1d01h"}, {INT64_MAX, "106751991167d07h"}};
	static const struct {
		uint64_t n;
		const char *text;
	} sizes[] = {{0, "0"}, {1023, "1023"}, {1024, "1.0K"}, {1048575, "1.0M"},
	    {50 * 1024 * 1024, "50.0M"}, {UINT64_MAX, "16.0E"}};
	char text[CLI_DURATION_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		cli_duration_text(cases[i].ms, text);
		assert_string_equal(text, cases[i].text);
	}
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		cli_bytes_text(sizes[i].n, text);
		assert_string_equal(text, sizes[i].text);
	}
}

static void
jobs(void **state)
{
	static const struct {
		const char *json;
		int status;
		bool ended;
		const char *command;
	} cases[] = {
	    {"{\"state\":\"completed\",\"exit_status\":0,\"command\":[\"a\",\"b c\"]}", 0, true,
		"a b c"},
	    {"{\"state\":\"failed\",\"exit_status\":7}", 7, true, "-"},
	    {"{\"state\":\"failed\",\"exit_status\":137,\"name\":\"n\"}", 137, true, "n"},
	    {"{\"state\":\"failed\",\"exit_status\":0,\"prompt\":\"p\"}", 1, true, "p"},
	    {"{\"state\":\"failed\",\"exit_status\":1e99}", 1, true, "-"},
	    {"{\"state\":\"failed\",\"exit_status\":null}", 2, true, "-"},
	    {"{\"state\":\"timed_out\",\"exit_status\":143}", 124, true, "-"},
	    {"{\"state\":\"cancelled\",\"command\":[1,\"x\"]}", 130, true, "x"},
	    {"{\"state\":\"orphaned\"}", 2, true, "-"},
	    {"{\"state\":\"running\"}", 2, false, "-"},
	    {"{\"state\":7}", 2, false, "-"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		cJSON *o = json_parse(cases[i].json, strlen(cases[i].json));
		char *command = cli_job_command(o);

		assert_int_equal(cli_job_ended(o), cases[i].ended);
		assert_int_equal(cli_job_status(o), cases[i].status);
		assert_string_equal(command, cases[i].command);
		free(command);
		cJSON_Delete(o);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keys),
	    cmocka_unit_test(reports),
	    cmocka_unit_test(columns),
	    cmocka_unit_test(tame),
	    cmocka_unit_test(durations),
	    cmocka_unit_test(jobs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
