/* Jobs and what they write as JSON. */
#include "config.h"

#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "app/job_bytes.h"
#include "app/jobs_json.h"
#include "job/job.h"
#include "store/jobs.h"

static void
assert_bytes(const char *data, size_t len, const char *name, const char *value)
{
	cJSON *o = cJSON_CreateObject();
	const cJSON *v;

	job_bytes_json(o, data, len);
	v = cJSON_GetObjectItemCaseSensitive(o, name);
	assert_non_null(v);
	assert_string_equal(v->valuestring, value);
	assert_int_equal(cJSON_GetArraySize(o), 1);
	cJSON_Delete(o);
}

static void
text_is_text(void **state)
{
	(void)state;
	assert_bytes("", 0, "text", "");
	assert_bytes("a\nb\033[0m", 7, "text", "a\nb\033[0m");
	assert_bytes("\xC3\xA9", 2, "text", "\xC3\xA9");
}

static void
other_bytes_are_not(void **state)
{
	(void)state;
	assert_bytes("a\0b", 3, "base64", "YQBi");
	assert_bytes("\xFF", 1, "base64", "/w==");
	assert_bytes("\xC3", 1, "base64", "ww==");
	assert_bytes("\xED\xA0\x80", 3, "base64", "7aCA"); /* a surrogate */
}

static void
a_character_that_is_cut(void **state)
{
	static const char four[] = "\xF0\x9F\x98\x80";

	(void)state;
	assert_int_equal(job_bytes_cut("", 0), 0);
	assert_int_equal(job_bytes_cut("ab", 2), 0);
	for (size_t n = 1; n < 4; n++)
		assert_int_equal(job_bytes_cut(four, n), n);
	assert_int_equal(job_bytes_cut(four, 4), 0);
	assert_int_equal(job_bytes_cut("a\xC3", 2), 1);
	assert_int_equal(job_bytes_cut("a\xC3\xA9", 3), 0);
	/* What can never be whole does not wait. */
	assert_int_equal(job_bytes_cut("\x80\x80\x80\x80", 4), 0);
	assert_int_equal(job_bytes_cut("\xFF", 1), 0);
	assert_int_equal(job_bytes_cut("\xED\xA0", 2), 0);
}

static char spec[] =
    "{\"kind\":\"stream\",\"command\":[\"make\"],\"cwd\":\"/x\",\"env\":{\"A\":\"b\"},"
    "\"name\":\"n\",\"session\":\"asked\",\"idle_timeout_s\":1.5,\"retries\":2}";

static const cJSON *
at(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	assert_non_null(v);
	return v;
}

static void
a_row(void **state)
{
	struct jobs_channel channel = {
	    .n = 3, .state = CHANNEL_FAILED, .bytes = 7, .exit_status = -1, .duration_ms = 9};
	struct jobs_try try = {.n = 1, .started_ms = 1000, .exit_status = 4, .retry_ms = 15000};
	struct jobs_row row = {.id = 12,
	    .kind = JOB_STREAM,
	    .state = JOB_TIMED_OUT,
	    .spec = spec,
	    .created_ms = 1,
	    .exit_status = -1,
	    .usage = jobs_usage_unknown,
	    .ntries = 1,
	    .tries = &try,
	    .nchannels = 1,
	    .channels = &channel};
	cJSON *o = jobs_row_json(&row, true);
	const cJSON *part;

	(void)state;
	assert_string_equal(at(o, "id")->valuestring, "j12");
	assert_string_equal(at(o, "kind")->valuestring, "stream");
	assert_string_equal(at(o, "state")->valuestring, "timed_out");
	assert_string_equal(at(at(o, "env"), "A")->valuestring, "b");
	assert_string_equal(at(o, "session")->valuestring, "asked");
	assert_string_equal(at(o, "created")->valuestring, "1970-01-01T00:00:00.001Z");
	assert_true(cJSON_IsNull(at(o, "ended")));
	assert_true(cJSON_IsNull(at(o, "exit_status")));
	assert_true(cJSON_IsNull(at(o, "usage")));
	assert_true(at(at(o, "limits"), "idle_timeout_s")->valuedouble == 1.5);
	assert_int_equal(at(at(o, "limits"), "retries")->valueint, 2);
	part = cJSON_GetArrayItem(at(o, "tries"), 0);
	assert_int_equal(at(part, "exit_status")->valueint, 4);
	assert_int_equal(at(part, "retry_s")->valueint, 15);
	part = cJSON_GetArrayItem(at(o, "channels"), 0);
	assert_string_equal(at(part, "state")->valuestring, "failed");
	assert_null(cJSON_GetObjectItemCaseSensitive(part, "exit_status"));
	assert_int_equal(at(part, "duration_ms")->valueint, 9);
	cJSON_Delete(o);

	row.session = (char[]){"its own"};
	row.usage.output = 5;
	row.usage.cost_source = 2;
	row.usage.cost_usd = 0.25;
	o = jobs_row_json(&row, false);
	assert_int_equal(at(o, "tries")->valueint, 1);
	assert_string_equal(at(o, "session")->valuestring, "its own");
	assert_int_equal(at(at(o, "usage"), "output_tokens")->valueint, 5);
	assert_true(cJSON_IsNull(at(at(o, "usage"), "input_tokens")));
	assert_string_equal(at(at(o, "usage"), "cost_source")->valuestring, "stated");
	cJSON_Delete(o);
}

static void
a_row_whose_spec_is_damaged(void **state)
{
	struct jobs_row row = {
	    .id = 1, .spec = (char[]){"{"}, .exit_status = -1, .usage = jobs_usage_unknown};
	cJSON *o = jobs_row_json(&row, true);

	(void)state;
	assert_int_equal(cJSON_GetArraySize(at(o, "command")), 0);
	assert_true(cJSON_IsNull(at(o, "cwd")));
	assert_int_equal(cJSON_GetArraySize(at(o, "tries")), 0);
	cJSON_Delete(o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(text_is_text),
	    cmocka_unit_test(other_bytes_are_not),
	    cmocka_unit_test(a_character_that_is_cut),
	    cmocka_unit_test(a_row),
	    cmocka_unit_test(a_row_whose_spec_is_damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
