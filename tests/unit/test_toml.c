/* TOML into JSON: what is understood, and in which line something is wrong. */
#include "unit.h"

#include <cjson/cJSON.h>

#include "base/buf.h"
#include "base/xmalloc.h"
#include "cli/toml_json.h"

static const struct {
	const char *toml, *json;
} good[] = {
    {"", "{}"},
    {"# nothing\r\n\t\n", "{}"},
    {"a = 1", "{\"a\":1}"},
    {"\xEF\xBB\xBF"
     "a = 1",
	"{\"a\":1}"},
    {"a=1 # one\r\nb = 'x # y'\n", "{\"a\":1,\"b\":\"x # y\"}"},
    {"a-b_1 = true\n\"c d\" = false\n'' = 2\n3 = 4",
	"{\"a-b_1\":true,\"c d\":false,\"\":2,\"3\":4}"},
    {"a = +1_000\nb = -7\nc = 0xFF\nd = 0o17\ne = 0b101\nf = 0\ng = -0",
	"{\"a\":1000,\"b\":-7,\"c\":255,\"d\":15,\"e\":5,\"f\":0,\"g\":-0}"},
    {"a = 1.5\nb = -0.25\nc = 1e3\nd = 6.5E-1\ne = 1_0.2_5",
	"{\"a\":1.5,\"b\":-0.25,\"c\":1000,\"d\":0.65,\"e\":10.25}"},
    {"a = 1979-05-27\nb = 07:32:00.5\nc = 1979-05-27T07:32:00-07:00\nd = 1979-05-27 07:32:00Z",
	"{\"a\":\"1979-05-27\",\"b\":\"07:32:00.5\",\"c\":\"1979-05-27T07:32:00-07:00\",\"d\":"
	"\"1979-05-27 07:32:00Z\"}"},
    {"a = \"q\\\" \\\\ \\n\\t \\u00e9 \\U0001F600\"",
	"{\"a\":\"q\\\" \\\\ \\n\\t \xc3\xa9 \xf0\x9f\x98\x80\"}"},
    {"a = 'C:\\new'", "{\"a\":\"C:\\\\new\"}"},
    {"a = \"\"\"\nx\ny\"\"\"", "{\"a\":\"x\\ny\"}"},
    {"a = \"\"\"x \\\n\n   y\"\"\"", "{\"a\":\"x y\"}"},
    {"a = \"\"\"\"two\"\" \"\"\"\"\"", "{\"a\":\"\\\"two\\\"\\\" \\\"\\\"\"}"},
    {"a = '''\n$${x} 'y' \\n'''", "{\"a\":\"$${x} 'y' \\\\n\"}"},
    {"a = \"\"\"\"\"\"", "{\"a\":\"\"}"},
    {"a = []\nb = [1, 2,\n # two\n 3, ]\nc = [[1], ['x', {y = 1}]]",
	"{\"a\":[],\"b\":[1,2,3],\"c\":[[1],[\"x\",{\"y\":1}]]}"},
    {"a = {}\nb = { x = 1, y.z = 'w' }", "{\"a\":{},\"b\":{\"x\":1,\"y\":{\"z\":\"w\"}}}"},
    {"a.b . c = 1\na.d = 2", "{\"a\":{\"b\":{\"c\":1},\"d\":2}}"},
    {"[a]\nx = 1\n[a.b]\ny = 2\n[ c . 'd' ]\n",
	"{\"a\":{\"x\":1,\"b\":{\"y\":2}},\"c\":{\"d\":{}}}"},
    {"[a.b]\n[a]\nx = 1", "{\"a\":{\"b\":{},\"x\":1}}"},
    {"[[s]]\nn = 1\n[[s]]\nn = 2\n[s.env]\nA = 'x'\n[[s.t]]\n[[s.t]]",
	"{\"s\":[{\"n\":1},{\"n\":2,\"env\":{\"A\":\"x\"},\"t\":[{},{}]}]}"},
};

static const struct {
	const char *toml, *cause;
} bad[] = {
    {"a", "line 1: no = behind a"},
    {"\n\na = ", "line 3: no value"},
    {"= 1", "line 1: no key"},
    {"a = 1\na = 2", "line 2: a is there twice"},
    {"a = 1 2", "line 1: something behind"},
    {"a = 'x\n'", "line 1: a text without an end"},
    {"x = 1\na = \"\"\"x\n\n", "line 2: a text without an end"},
    {"a = \"\\x\"", "line 1: no such escape"},
    {"a = \"\\u00g0\"", "hexadecimal"},
    {"a = \"\\u0000\"", "no character"},
    {"a = \"\\uD800\"", "no character"},
    {"a = \"\x01\"", "control character"},
    {"# \x01", "control character"},
    {"a = 01", "01 is no value"},
    {"a = 1__0", "is no value"},
    {"a = _1", "is no value"},
    {"a = 1_", "is no value"},
    {"a = 0xG", "is no value"},
    {"a = +0x1", "is no value"},
    {"a = 1.", "is no value"},
    {"a = .5", "is no value"},
    {"a = 1.e5", "is no value"},
    {"a = 1e", "is no value"},
    {"a = 1.2.3", "is no value"},
    {"a = 00.5", "is no value"},
    {"a = inf", "is no value"},
    {"a = nan", "is no value"},
    {"a = yes", "is no value"},
    {"a = 9007199254740993", "too large"},
    {"a = 99999999999999999999999", "too large"},
    {"a = [1 2]", "neither , nor ]"},
    {"a = [1,,2]", "no value"},
    {"a = [\n1,\n", "line 3: no value"},
    {"a = {x = 1,}", "no key"},
    {"a = {x = 1\n}", "neither , nor }"},
    {"a = {x = 1, x = 2}", "x is there twice"},
    {"a = {x = 1}\na.y = 2", "line 2: a is there already"},
    {"a = {x = {}}\n[a.x]", "line 2: a is no table"},
    {"a = {}\n[a.x.y]", "line 2: a is no table"},
    {"a = [1]\n[[a]]", "line 2: a is there already"},
    {"[a]\n[a]", "line 2: a is there already"},
    {"[a]\n[[a]]", "line 2: a is there already"},
    {"[[a]]\n[a]", "line 2: a is there already"},
    {"a.b = 1\n[a]", "line 2: a is there already"},
    {"a = 1\n[a.b]", "line 2: a is no table"},
    {"[a\n", "no ] behind a"},
    {"[[a]", "no ] behind a"},
    {"[]", "no key"},
    {"\"\"\"a\"\"\" = 1", "several lines"},
    {"a = \xff", "UTF-8"},
};

static void
test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		char *cause = NULL, *text;
		cJSON *o = toml_to_json(good[i].toml, &cause);

		if (o == NULL)
			fail_msg("%s: %s", good[i].toml, cause);
		text = cJSON_PrintUnformatted(o);
		assert_string_equal(text, good[i].json);
		cJSON_free(text);
		cJSON_Delete(o);
	}
}

static void
test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		char *cause = NULL;

		if (toml_to_json(bad[i].toml, &cause) != NULL)
			fail_msg("taken: %s", bad[i].toml);
		if (strstr(cause, bad[i].cause) == NULL)
			fail_msg("%s: %s", bad[i].toml, cause);
		free(cause);
	}
}

static void
expect_deep(const char *head, const char *part, const char *cause)
{
	struct buf b;
	char *why = NULL;

	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, head);
	for (int i = 0; i < 100000; i++)
		buf_puts(&b, part);
	assert_null(toml_to_json(b.data, &why));
	assert_non_null(strstr(why, cause));
	free(why);
	buf_release(&b);
}

static void
test_hostile(void **state)
{
	(void)state;
	expect_deep("a = ", "[", "too deep");
	expect_deep("a = ", "{a=", "too deep");
	expect_deep("a", ".a", "more than 32 parts");
	expect_deep("[a", ".a", "more than 32 parts");
	expect_deep("a = 1", "1", "no value");
	expect_deep("a = \"\"\"", "\"\"", "something behind");
}

/* Every beginning of a text is an error or a table, and nothing worse. */
static void
test_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		for (size_t n = 0; n <= strlen(good[i].toml); n++) {
			char *text = xstrndup(good[i].toml, n), *cause = NULL;
			cJSON *o = toml_to_json(text, &cause);

			assert_true((o == NULL) == (cause != NULL));
			cJSON_Delete(o);
			free(cause);
			free(text);
		}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_good),
	    cmocka_unit_test(test_bad),
	    cmocka_unit_test(test_hostile),
	    cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
