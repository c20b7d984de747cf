#include "config.h"

#include "unit.h"

#include <errno.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "cli/columns.h"
#include "cli/job_text.h"
#include "cli/put.h"
#include "cli/queries.h"
#include "cli/reports.h"
#include "cli/tame.h"
#include "proto/json.h"
#include "proto/keys.h"

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

/* In pieces of every two lengths the result is the same. */
static void
check_queries(const char *in, size_t len, const char *left)
{
	for (size_t cut = 0; cut <= len; cut++) {
		struct queries q;
		struct buf b;

		queries_init(&q);
		buf_init(&b, BUF_NO_MAX);
		queries_remove(&q, in, cut, &b);
		for (size_t i = cut; i < len; i++)
			queries_remove(&q, in + i, 1, &b);
		buf_puts(&b, "");
		if (b.len != strlen(left) || memcmp(b.data, left, b.len) != 0)
			fail_msg("%s, cut at %zu: %s", in + 1, cut, b.data + 1);
		buf_release(&b);
		queries_release(&q);
	}
}

static void
queries_gone(void **state)
{
	/* Each is to vanish from between two letters. */
	static const char *const asking[] = {"\033[c", "\033[0c", "\033[>c", "\033[=0c",
	    "\033[5n", "\033[6n", "\033[6$n", "\033[<6n", "\033[0 c", "\033[?6n", "\033[?996n",
	    "\033[>q", "\033[>0q", "\033[?1$p", "\033[4$p", "\033[?u", "\033[18t", "\033[14t",
	    "\033[21t", "\033[20t", "\033[11t", "\033[13;2t", "\033[16t", "\033[8;99;99t",
	    "\033[t", "\033[0x", "\033[1;1;1;1;1;1*y", "\033[1$w", "\033['|", "\033[?1;1;0S",
	    "\033[?4m", "\033[#R", "\033[#|", "\033[&u", "\033[5i", "\033[?2l", "\033[?25;02l",
	    "\033[?38h", "\033[?2048h", "\033[1;2;3;4;5T", "\033[1*z", "\033Z", "\005",
	    "\302\232", "\302\233c", "\302\2336n", "\033%@", "\033%G", "\033 G", "\033]4;1;?\a",
	    "\033]4;1;red;2;?\033\\", "\033]10;?\a", "\033]11;?\033\\", "\033]12;?\302\234",
	    "\302\23511;?\a", "\033]52;c;?\a", "\033]52;;?\033\\", "\033]22;?__current__\a",
	    "\033]50;?\a", "\033]60\a", "\033]1337;ReportCellSize\a", "\033]99;i=1:p=?;\a",
	    "\033]5522;type=read\a", "\033]9;6;\"macro\"\a", "\033]777;other;x\a", "\033]x\a",
	    "\033]\a", "\033P$qm\033\\", "\033P+q544e\033\\", "\033P1;0;0!z41\033\\",
	    "\033P0|17/70\033\\", "\302\220$qm\302\234", "\033_Ga=q,i=1;AAAA\033\\", "\033_G\a",
	    "\033^private\033\\", "\033Xstring\033\\", "\033ktitle\033\\", "\302\237G\302\234",
	    "\033\033[c", "\033[\033[c", "\033[?\033[6n", "\033P1$q\033[c", "\033[\030\033[c"};
	char in[256];

	(void)state;
	for (size_t i = 0; i < sizeof asking / sizeof *asking; i++) {
		int n = snprintf(in, sizeof in, "a%sb", asking[i]);

		check_queries(in, (size_t)n, "ab");
	}
}

static void
queries_left(void **state)
{
	static const struct {
		const char *in, *left; /* NULL: as it was */
	} cases[] = {
	    {"plain \tline\r\n\b\a\016\017", NULL},
	    {"\033[31mred\033[38:2::1:2:3m\033[m", NULL},
	    {"\033[2J\033[1;5H\033[?25l\033[?1049h\033[?2004h\033[?1;25h\033[4h", NULL},
	    {"\0337\0338\033(0\033)B\033#8\033=\033>\033c\033D\033M", NULL},
	    {"\033[ q\033[2 q\033[1\"q\033[!p\033[>4;1m\033[>1u\033[<u\033[u\033[s", NULL},
	    {"\033[22;2t\033[23t\033[5T\033[1;2;3;4$t", NULL},
	    {"\033]2;a title?\a\033]8;;http://x/?a=b\033\\link\033]8;;\033\\", NULL},
	    {"\033]52;c;YWJj\a\033]4;1;rgb:1/2/3\a\033]104\a\033]11;#fff\033\\", NULL},
	    {"\033]9;hello\a\033]9;4;1;50\a\033]777;notify;a;b\a\033]133;A\a", NULL},
	    {"\033P0;1q#0;2;0;0;0~~\r\n-\033\\", NULL},
	    {"\303\251\344\275\240\360\237\230\200", NULL},
	    {"\302\23331m\302\205\302\215", "\033[31m\033E\033M"},
	    {"\302\2352;t\302\234x", "\033]2;t\033\\x"},
	    {"\2331mx\377\303(", "\357\277\2751mx\357\277\275\357\277\275("},
	    {"\033[3\n1mx", "\n\033[31mx"},
	    {"\033[3\0051mx", "\033[31mx"},
	    {"\033[31\033[32m", "\033[32m"},
	    {"\033[1?m\033[1 2m.", "."},
	    {"\033]2;a\005\001b\033[1mx", "\033]2;ab\033\\\033[1mx"},
	    {"\033P$qm\033[31mx", "\033[31mx"},
	    {"\033P1q~~\033[cx", "\033P1q~~\033\\x"},
	    {"\033P1q~\005\033\\\033]2;\030x", "\033P1q~\033\\x"},
	    {"\033Ptmux;\033\033[31mx\033\\", "\033[31mx"},
	    {"\033(\033[cP", "P"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		check_queries(cases[i].in, strlen(cases[i].in),
		    cases[i].left != NULL ? cases[i].left : cases[i].in);
}

/* What is too long is left out, and what was begun is no more when all is drawn anew. */
static void
queries_bounds(void **state)
{
	static const char end[] = "\a\033[32mx";
	char *all = malloc(QUERIES_STRING_MAX + 64);
	struct queries q;
	struct buf b;

	(void)state;
	queries_init(&q);
	buf_init(&b, BUF_NO_MAX);
	for (size_t over = 0; over <= 1; over++) {
		size_t len = QUERIES_STRING_MAX + over; /* behind "ESC ]" */

		memcpy(all, "\033]52;c;", 7);
		memset(all + 7, 'A', len - 5);
		memcpy(all + 2 + len, end, sizeof end - 1);
		buf_reset(&b);
		queries_remove(&q, all, 2 + len + sizeof end - 1, &b);
		assert_int_equal(b.len, over ? 6 : 2 + len + sizeof end - 1);
	}
	buf_reset(&b);
	memset(all, '1', 2000);
	memcpy(all, "\033[", 2);
	memcpy(all + 2000, "mx", 2);
	queries_remove(&q, all, 2002, &b);
	assert_string_equal(b.data, "x");
	for (size_t i = 0; i < 4; i++) {
		static const char *const begun[] = {"\033[3", "\033]52;c;", "\303", "\033Pq~"},
					 *const left[] = {
					     "1mx", "1mx", "1mx", "\033Pq~\0301mx"};

		buf_reset(&b);
		queries_remove(&q, begun[i], strlen(begun[i]), &b);
		queries_reset(&q, &b);
		queries_remove(&q, "1mx", 3, &b);
		assert_string_equal(b.data, left[i]);
	}
	buf_release(&b);
	queries_release(&q);
	free(all);
}

static void
json_escapes(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
	    {"{\"a\": \"b\\u001b\xC3\xA9\"}\n", "{\"a\": \"b\\u001b\xC3\xA9\"}\n"},
	    {"\"\177\xC2\x9B\xE2\x80\xAE\xE2\x81\xA6\"", "\"\\u007f\\u009b\\u202e\\u2066\""},
	    {"\"\033]0;x\a\"", "\"\\u001b]0;x\\u0007\""},
	    {"\"\x9B\xFF\xC3\"", "\"\\ufffd\\ufffd\\ufffd\""},
	    {"\"\xF0\x9F", "\"\\ufffd"},
	};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		buf_init(&b, BUF_NO_MAX);
		put_json_to(&b, cases[i].in, strlen(cases[i].in));
		assert_string_equal(b.data, cases[i].out);
		buf_release(&b);
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
	    cmocka_unit_test(queries_gone),
	    cmocka_unit_test(queries_left),
	    cmocka_unit_test(queries_bounds),
	    cmocka_unit_test(json_escapes),
	    cmocka_unit_test(columns),
	    cmocka_unit_test(tame),
	    cmocka_unit_test(durations),
	    cmocka_unit_test(jobs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
