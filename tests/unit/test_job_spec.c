/* What is asked for of a job: from JSON, back, and the key by which two are the same. */
#include "config.h"

#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "job/job.h"
#include "proto/json.h"

static void
parse(const char *text, struct job_spec *s)
{
	cJSON *o = json_parse(text, strlen(text));
	char *cause = NULL;

	assert_non_null(o);
	if (job_spec_parse(o, "/home/ann", s, &cause) != 0)
		fail_msg("%s: %s", text, cause);
	cJSON_Delete(o);
}

static void
refuse(const char *text, const char *why)
{
	cJSON *o = json_parse(text, strlen(text));
	char *cause = NULL;
	struct job_spec s;

	assert_non_null(o);
	assert_int_equal(job_spec_parse(o, "/", &s, &cause), -EINVAL);
	if (strstr(cause, why) == NULL)
		fail_msg("%s: %s", text, cause);
	free(cause);
	cJSON_Delete(o);
}

static void
assert_back(const char *text, const char *want)
{
	struct job_spec s;
	char *out;

	parse(text, &s);
	out = json_print_take(job_spec_json(&s));
	assert_string_equal(out, want);
	free(out);
	job_spec_release(&s);
}

static void
test_back(void **state)
{
	(void)state;
	assert_back(
	    "{\"command\":[\"true\"]}", "{\"command\":[\"true\"],\"cwd\":\"/home/ann\"}");
	assert_back(
	    "{\"command\":[\"a\",\"\",\"b "
	    "c\"],\"cwd\":\"/x\",\"env\":{\"B\":\"2=3\",\"A\":\"\"},"
	    "\"timeout_s\":0.0001,\"idle_timeout_s\":1.5,\"pty\":true,\"cols\":10,\"rows\":20,"
	    "\"dedup\":2.5,\"max_output\":7,\"name\":null}",
	    "{\"command\":[\"a\",\"\",\"b "
	    "c\"],\"env\":{\"B\":\"2=3\",\"A\":\"\"},\"cwd\":\"/x\","
	    "\"pty\":true,\"cols\":10,\"rows\":20,\"idle_timeout_s\":1.5,\"timeout_s\":0.001,"
	    "\"max_output\":7,\"dedup\":2.5}");
	/* What an agent does is tried again, unless it is said that it is not. */
	assert_back("{\"command\":[\"a\"],\"agent\":\"codex\",\"dedup\":true}",
	    "{\"command\":[\"a\"],\"cwd\":\"/home/"
	    "ann\",\"agent\":\"codex\",\"retries\":3,\"dedup\":true}");
	assert_back("{\"command\":[\"a\"],\"agent\":\"codex\",\"retries\":0}",
	    "{\"command\":[\"a\"],\"cwd\":\"/home/ann\",\"agent\":\"codex\",\"retries\":0}");
	assert_back("{\"kind\":\"stream\"}", "{\"kind\":\"stream\",\"command\":[]}");
	assert_back("{\"command\":[\"a\"],\"retry_on\":[75,1],\"backoff_s\":[0.5,60]}",
	    "{\"command\":[\"a\"],\"cwd\":\"/home/ann\",\"retries\":3,\"retry_on\":[75,1],"
	    "\"backoff_s\":[0.5,60]}");
}

static void
test_refused(void **state)
{
	(void)state;
	refuse("{}", "command");
	refuse("{\"command\":[\"\"]}", "first word");
	refuse("{\"command\":[\"a\"],\"comand\":1}", "no member \"comand\"");
	refuse("{\"command\":[\"a\"],\"cwd\":\"a/b\"}", "absolute");
	refuse("{\"command\":[\"a\"],\"env\":{\"1A\":\"x\"}}", "1A");
	refuse("{\"command\":[\"a\"],\"name\":\"\"}", "name");
	refuse("{\"command\":[\"a\"],\"timeout_s\":40000000}", "a year");
	refuse("{\"command\":[\"a\"],\"timeout_s\":-1}", "timeout_s");
	refuse("{\"command\":[\"a\"],\"retry_on\":[1.5]}", "retry_on");
	refuse("{\"command\":[\"a\"],\"dedup\":\"yes\"}", "dedup");
	refuse("{\"command\":[\"a\"],\"kind\":\"pane\"}", "kind");
	refuse("{\"command\":[\"a\"],\"rows\":2001}", "rows");
}

static void
key_of(const char *text, unsigned char key[JOB_KEY_SIZE])
{
	struct job_spec s;

	parse(text, &s);
	job_spec_key(&s, key);
	job_spec_release(&s);
}

static void
assert_same(const char *a, const char *b, bool same)
{
	unsigned char x[JOB_KEY_SIZE], y[JOB_KEY_SIZE];

	key_of(a, x);
	key_of(b, y);
	assert_int_equal(memcmp(x, y, JOB_KEY_SIZE) == 0, same);
}

static void
test_key(void **state)
{
	(void)state;
	/* The order of the environment, names and limits say nothing. */
	assert_same("{\"command\":[\"a\"],\"env\":{\"A\":\"1\",\"B\":\"2\"},\"name\":\"x\"}",
	    "{\"command\":[\"a\"],\"env\":{\"B\":\"2\",\"A\":\"1\"},\"timeout_s\":3}", true);
	assert_same("{\"command\":[\"a\",\"b\"]}", "{\"command\":[\"ab\"]}", false);
	assert_same("{\"command\":[\"a\",\"\"]}", "{\"command\":[\"a\"]}", false);
	assert_same("{\"command\":[\"a\"],\"cwd\":\"/x\"}",
	    "{\"command\":[\"a\"],\"cwd\":\"/y\"}", false);
	assert_same(
	    "{\"command\":[\"a\"]}", "{\"command\":[\"a\"],\"env\":{\"A\":\"\"}}", false);
	assert_same("{\"command\":[\"a\",\"/home/ann\"]}", "{\"command\":[\"a\"]}", false);
}

static void
test_ids(void **state)
{
	static const char *const bad[] = {"", "j", "j0", "0", "jj1", "j1x", "-1", "j-1", " 1",
	    "j1 ", "j9999999999999999", "1.5"};
	uint64_t number;

	(void)state;
	assert_true(job_id_parse("j12", &number));
	assert_int_equal(number, 12);
	assert_true(job_id_parse("7", &number));
	assert_int_equal(number, 7);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(job_id_parse(bad[i], &number));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_back),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_key),
	    cmocka_unit_test(test_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
