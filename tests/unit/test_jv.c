#include "config.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/jv.h"
#include "proto/json.h"

static struct jv
line_of(const char *text, size_t len)
{
	struct jv v;

	assert_true(jv_object(text, len, &v));
	return v;
}

/* As it is written, and again an object for a strict parser. */
static void
raw(const char *line, size_t len, const char *expected)
{
	char *text = jv_raw(line_of(line, len));
	cJSON *o = json_parse(text, strlen(text));

	assert_string_equal(text, expected);
	assert_non_null(o);
	cJSON_Delete(o);
	free(text);
}

#define RAW(line, expected) raw(line, sizeof line - 1, expected)
#define SAME(line) RAW(line, line)

static void
strict_text_is_as_written(void **state)
{
	(void)state;
	SAME("{}");
	SAME("{ \"a\" : [ 1, -0.5e+3, true, null ] }");
	SAME("{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"}");
	SAME("{\"\\u0061\":\"\",\"b\":{\"c\":\"\\\\\"}}");
}

static void
other_text_is_mended(void **state)
{
	(void)state;
	RAW("{\"a\":\"\\q\"}", "{\"a\":\"q\"}");
	RAW("{\"a\":\"x\ty\"}", "{\"a\":\"x\\ty\"}");
	RAW("{\"a\":\"\\u0000\"}", "{\"a\":\"\xEF\xBF\xBD\"}");
	RAW("{\"a\":\"x\0y\"}", "{\"a\":\"x\xEF\xBF\xBDy\"}");
	RAW("{\"a\":\"\\ud800\"}", "{\"a\":\"\xEF\xBF\xBD\"}");
	RAW("{\"a\":\"\\ude00\\ud83d\"}", "{\"a\":\"\xEF\xBF\xBD\xEF\xBF\xBD\"}");
	RAW("{\"a\":\"\\u12\"}", "{\"a\":\"\xEF\xBF\xBD"
				 "12\"}");
	RAW("{\"a\":\"\xFF\"}", "{\"a\":\"\xEF\xBF\xBD\"}");
	RAW("{\"\\x\":1,\"b\":[\"\\z\",\"c\"]}", "{\"x\":1,\"b\":[\"z\",\"c\"]}");
}

static void
not_json(void **state)
{
	static const char *const lines[] = {"{\"a\":01}", "{\"a\":-00}", "{\"a\":.5}",
	    "{\"a\":1.}", "{\"a\":1e}", "{\"a\":[1,]}", "{\"a\":1,}", "{,}", "{\"a\"}",
	    "{\"a\":nul}", "[1]", "{\"a\":\"\\\"}", "{} {}", "{\"a\":[}]"};
	struct jv v;

	(void)state;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		if (jv_object(lines[i], strlen(lines[i]), &v))
			fail_msg("taken: %s", lines[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(strict_text_is_as_written),
	    cmocka_unit_test(other_text_is_mended),
	    cmocka_unit_test(not_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
