#include "config.h"

#include "unit.h"

#include <math.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/xmalloc.h"
#include "job/outcome.h"
#include "job/outcome_priv.h"
#include "owner.h"

struct owner {
	char dir[64];
	struct job_outcome got;
};

struct owner *
owner_new(void)
{
	struct owner *o = xcalloc(1, sizeof *o);

	strcpy(o->dir, "/tmp/test-outcome-XXXXXX");
	owner_make_dir(o->dir);
	return o;
}

void
owner_free(struct owner *o)
{
	outcome_release(&o->got);
	owner_remove_dir(o->dir);
	free(o);
}

static void
put(struct owner *o, unsigned channel, const char *text, size_t len)
{
	char path[128];

	snprintf(path, sizeof path, "%s/7.%u", o->dir, channel);
	assert_int_equal(file_replace(path, text, len), 0);
}

/* What is read of these two channels, from these offsets. */
static enum outcome_signal
read_from(struct owner *o, const char *agent, const char *out, const char *err, uint64_t from1,
    uint64_t from2)
{
	const uint64_t from[2] = {from1, from2};

	put(o, 1, out, strlen(out));
	put(o, 2, err, strlen(err));
	outcome_release(&o->got);
	assert_int_equal(outcome_read(o->dir, 7, agent, NULL, from, &o->got), 0);
	return o->got.signal;
}

static enum outcome_signal
signal_of(struct owner *o, const char *agent, const char *out, const char *err)
{
	return read_from(o, agent, out, err, 0, 0);
}

static char *
sample(const char *name)
{
	const char *top = getenv("top_srcdir");
	char *path =
	    xasprintf("%s/tests/agents/samples/stream/%s", top != NULL ? top : ".", name);
	char *text;
	size_t len;

	assert_int_equal(file_read(path, 1 << 20, &text, &len), 0);
	free(path);
	return text;
}

static enum outcome_signal
signal_of_sample(struct owner *o, const char *agent, const char *name)
{
	char *text = sample(name);
	enum outcome_signal s = signal_of(o, agent, text, "");

	free(text);
	return s;
}

#define INIT \
	"{\"type\":\"system\",\"subtype\":\"init\",\"cwd\":\"/" \
	"srv\",\"session_id\":\"s1\",\"tools\":[]," \
	"\"model\":\"claude-sonnet-4-6\",\"uuid\":\"u1\"}\n"
#define SAID(text) \
	"{\"type\":\"assistant\",\"message\":{\"id\":\"m1\",\"role\":\"assistant\",\"model\":" \
	"\"claude-sonnet-4-6\",\"content\":[{\"type\":\"text\",\"text\":\"" text \
	"\"}]},\"session_id\":\"s1\",\"uuid\":\"u2\"}\n"
#define SYNTHETIC(error, text) \
	"{\"type\":\"assistant\",\"message\":{\"id\":\"m2\",\"role\":\"assistant\",\"model\":" \
	"\"<synthetic>\",\"content\":[{\"type\":\"text\",\"text\":\"" text \
	"\"}]},\"session_id\":\"s1\",\"uuid\":\"u3\",\"error\":\"" error "\"}\n"
#define RESULT(is_error, status, text) \
	"{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":" #is_error \
	",\"api_error_status\":" #status \
	",\"num_turns\":1,\"duration_ms\":5,\"result\":\"" text \
	"\",\"session_id\":\"s1\",\"uuid\":\"u4\"}\n"
#define DONE RESULT(false, null, "ok")

/* What streams of the agents themselves give. */
static void
streams_say_session_usage_and_cost(void **state)
{
	struct owner *o = *state;

	assert_int_equal(signal_of_sample(o, "claude", "claude_turns.jsonl"), OUTCOME_NONE);
	assert_string_equal(o->got.session, "12345678-aaaa-4aaa-8aaa-aaaaaaaaaaaa");
	assert_string_equal(o->got.model, "claude-sonnet-4-6");
	assert_int_equal(o->got.usage.input, 30);
	assert_int_equal(o->got.usage.output, 15);
	assert_int_equal(o->got.usage.cost_source, 2);
	assert_true(fabs(o->got.usage.cost_usd - 0.000315) < 1e-9);

	assert_int_equal(signal_of_sample(o, "codex", "codex_exec_1.jsonl"), OUTCOME_NONE);
	assert_string_equal(o->got.session, "01a1fbf6-9794-7fe2-a395-d2e34a15cb23");
	assert_null(o->got.model);
	assert_null(o->got.text);
	assert_int_equal(o->got.usage.input, 1300);
	assert_int_equal(o->got.usage.cache_read, 1200);
	assert_int_equal(o->got.usage.output, 100);
	assert_int_equal(o->got.usage.reasoning, 40);
	assert_int_equal(o->got.usage.cost_source, 0);
	assert_true(o->got.usage.cost_usd < 0);

	/* It names no model: it is the one that was asked for. */
	outcome_release(&o->got);
	assert_int_equal(
	    outcome_read(o->dir, 7, "codex", "gpt-5-codex", (const uint64_t[2]){0, 0}, &o->got),
	    0);
	assert_int_equal(o->got.usage.output, 100);
	assert_int_equal(o->got.usage.cost_source, 1);
	assert_true(fabs(o->got.usage.cost_usd - 0.002775) < 1e-9);

	/* No agent states a cost here: it is computed. */
	assert_int_equal(signal_of_sample(o, "gemini", "gem_stream_1.jsonl"), OUTCOME_NONE);
	assert_string_equal(o->got.session, "eb18a3dc-6f8e-46fa-bba6-5156e20bb79b");
	assert_string_equal(o->got.model, "gemini-2.5-flash");
	assert_int_equal(o->got.usage.output, 100);
	assert_int_equal(o->got.usage.cost_source, 1);
	assert_true(o->got.usage.cost_usd > 0);

	assert_int_equal(signal_of_sample(o, "opencode", "oc_run_1.jsonl"), OUTCOME_NONE);
	assert_string_equal(o->got.session, "ses_e0407df5cffecKsu4yCD7l7B64");
	assert_int_equal(o->got.usage.input, 1300);
	assert_int_equal(o->got.usage.output, 100);
	assert_true(fabs(o->got.usage.cost_usd - 0.00576) < 1e-9);

	assert_int_equal(signal_of_sample(o, "grok", "grok_json.json"), OUTCOME_NONE);
	assert_string_equal(o->got.session, "019ec06f-ea71-7cd0-905d-691215c0440d");
}

static void
lines_before_a_stream_are_passed_over(void **state)
{
	struct owner *o = *state;

	assert_int_equal(signal_of_sample(o, "codex", "codex_gateway_4.jsonl"), OUTCOME_NONE);
	assert_string_equal(o->got.session, "t-noise");
	assert_int_equal(o->got.usage.output, 7);
}

static void
claude_says_what_was_wrong(void **state)
{
	struct owner *o = *state;

	assert_int_equal(signal_of(o, "claude",
			     INIT SYNTHETIC("rate_limit", "You've hit your limit")
				 RESULT(true, 429, "You've hit your limit"),
			     ""),
	    OUTCOME_RATE_LIMIT);
	assert_string_equal(o->got.text, "You've hit your limit");
	assert_int_equal(
	    signal_of(o, "claude", INIT RESULT(true, 529, "API Error: Overloaded"), ""),
	    OUTCOME_OVERLOAD);
	/* The words alone, and the name alone. */
	assert_int_equal(signal_of(o, "claude",
			     INIT RESULT(true, null,
				 "API Error: 529 {\\\"type\\\":\\\"overloaded_error\\\"}"),
			     ""),
	    OUTCOME_OVERLOAD);
	assert_int_equal(signal_of(o, "claude",
			     INIT SYNTHETIC("overloaded", "x") RESULT(true, null, "x"), ""),
	    OUTCOME_OVERLOAD);
	assert_int_equal(
	    signal_of(o, "claude",
		INIT RESULT(true, null, "Invalid API key \xc2\xb7 Please run /login"), ""),
	    OUTCOME_AUTH);
	assert_int_equal(
	    signal_of(o, "claude", INIT RESULT(true, 403, "Request not allowed"), ""),
	    OUTCOME_AUTH);
	assert_int_equal(
	    signal_of(o, "claude", INIT RESULT(true, 500, "Internal server error"), ""),
	    OUTCOME_ERROR);
	assert_int_equal(
	    signal_of(o, "claude", INIT RESULT(true, null, "Credit balance is too low"), ""),
	    OUTCOME_ERROR);
	/* A result and nothing else, without a session. */
	assert_int_equal(signal_of(o, "claude",
			     "{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":true,"
			     "\"result\":\"You've hit your limit\",\"api_error_status\":429}\n",
			     ""),
	    OUTCOME_RATE_LIMIT);
	assert_null(o->got.session);
	/* The same without its newline. */
	assert_int_equal(signal_of(o, "claude",
			     "{\"type\":\"result\",\"subtype\":\"error_during_execution\","
			     "\"is_error\":true,\"errors\":[\"No conversation found\"]}",
			     ""),
	    OUTCOME_ERROR);
	assert_string_equal(o->got.text, "No conversation found");
}

static void
what_was_overcome_is_no_signal(void **state)
{
	struct owner *o = *state;
	static const char retry[] =
	    "{\"type\":\"system\",\"subtype\":\"api_retry\",\"attempt\":1,\"error_status\":529,"
	    "\"error\":\"overloaded\",\"session_id\":\"s1\",\"uuid\":\"u9\"}\n";
	static const char warning[] = "{\"type\":\"rate_limit_event\",\"rate_limit_info\":{"
				      "\"status\":\"allowed_warning\"},"
				      "\"session_id\":\"s1\",\"uuid\":\"u8\"}\n";
	char *text;

	/* Errors of earlier turns, in the same stream as one that went well. */
	assert_int_equal(signal_of_sample(o, "claude", "claude_errors.jsonl"), OUTCOME_NONE);
	assert_null(o->got.text);
	text = xasprintf("%s%s%s", INIT, retry, SAID("hi") DONE);
	assert_int_equal(signal_of(o, "claude", text, ""), OUTCOME_NONE);
	free(text);
	/* It was trying again when it ended. */
	text = xasprintf("%s%s", INIT, retry);
	assert_int_equal(signal_of(o, "claude", text, ""), OUTCOME_OVERLOAD);
	free(text);
	text = xasprintf("%s%s", INIT, warning);
	assert_int_equal(signal_of(o, "claude", text, ""), OUTCOME_NONE);
	free(text);
}

static void
what_is_talked_about_is_no_signal(void **state)
{
	struct owner *o = *state;
	static const char about[] =
	    "API Error: 429 rate_limit overloaded_error 401 invalid api key";
	char *text;

	assert_int_equal(
	    signal_of(o, "claude",
		INIT SAID("error 429: rate_limit, overloaded_error, please run /login")
		    RESULT(false, null, "API Error: 429 rate_limit"),
		"Error: 429 Too Many Requests\n"),
	    OUTCOME_NONE);
	/* A tool that failed with it, in a turn that failed for another reason. */
	assert_int_equal(
	    signal_of(o, "claude",
		INIT
		"{\"type\":\"user\",\"message\":{\"role\":\"user\",\"content\":[{\"type\":"
		"\"tool_result\",\"tool_use_id\":\"t\",\"is_error\":true,\"content\":"
		"\"HTTP 429 rate_limit\"}]},\"session_id\":\"s1\",\"uuid\":\"u5\"}\n" RESULT(
		    true, null, "something else"),
		""),
	    OUTCOME_ERROR);
	/* An answer of several lines. */
	text = xasprintf("This is what it says:\n%s\n", about);
	assert_int_equal(signal_of(o, "claude", text, ""), OUTCOME_NONE);
	assert_int_equal(signal_of(o, "claude", "", text), OUTCOME_RATE_LIMIT);
	free(text);
	/* No agent: nobody's words mean anything. */
	assert_int_equal(
	    signal_of(o, NULL, "", "Error: 429 Too Many Requests\n"), OUTCOME_NONE);
}

static void
codex_gemini_and_opencode_say_it_too(void **state)
{
	struct owner *o = *state;

	assert_int_equal(
	    signal_of_sample(o, "codex", "codex_exec_err429.jsonl"), OUTCOME_RATE_LIMIT);
	assert_string_equal(
	    o->got.text, "exceeded retry limit, last status: 429 Too Many Requests");
	assert_int_equal(signal_of(o, "codex",
			     "{\"type\":\"thread.started\",\"thread_id\":\"t\"}\n"
			     "{\"type\":\"turn.started\"}\n"
			     "{\"type\":\"turn.failed\",\"error\":{\"message\":\"unexpected "
			     "status 401 Unauthorized\"}}\n",
			     ""),
	    OUTCOME_AUTH);
	assert_int_equal(
	    signal_of(o, "codex",
		"{\"type\":\"thread.started\",\"thread_id\":\"t\"}\n"
		"{\"type\":\"turn.started\"}\n"
		"{\"type\":\"turn.failed\",\"error\":{\"message\":\"You've hit your "
		"usage limit. Upgrade to Pro, or try again in 3 days.\"}}\n",
		""),
	    OUTCOME_RATE_LIMIT);
	assert_int_equal(
	    signal_of(o, "gemini",
		"{\"type\":\"init\",\"timestamp\":\"2026-11-21T02:39:22.321Z\",\"session_id\":"
		"\"g\",\"model\":\"gemini-2.5-flash\"}\n"
		"{\"type\":\"result\",\"timestamp\":\"2026-11-21T02:39:23.321Z\",\"status\":"
		"\"error\",\"error\":{\"type\":\"ApiError\",\"message\":\"[API Error: model is "
		"overloaded]\"}}\n",
		""),
	    OUTCOME_OVERLOAD);
	assert_int_equal(signal_of(o, "gemini",
			     "{\n \"session_id\": \"g2\",\n \"error\": {\"type\":\"Error\","
			     "\"code\": 429, \"message\": \"no\"}\n}\n",
			     ""),
	    OUTCOME_RATE_LIMIT);
	assert_string_equal(o->got.session, "g2");
	assert_int_equal(
	    signal_of(o, "opencode",
		"{\"type\":\"error\",\"timestamp\":1795228708881,\"sessionID\":\"ses_1\","
		"\"error\":{\"name\":\"APIError\",\"data\":{\"message\":\"no\",\"statusCode\":"
		"503,\"isRetryable\":true}}}\n",
		""),
	    OUTCOME_OVERLOAD);
	assert_int_equal(
	    signal_of(o, "opencode",
		"{\"type\":\"error\",\"timestamp\":1795228708881,\"sessionID\":\"ses_1\","
		"\"error\":{\"name\":\"ProviderAuthError\",\"data\":{\"message\":\"no\"}}}\n",
		""),
	    OUTCOME_AUTH);
}

static void
plain_text_says_it_in_its_last_lines(void **state)
{
	struct owner *o = *state;
	struct buf b;

	assert_int_equal(
	    signal_of(o, "claude", "Invalid API key \xc2\xb7 Please run /login\n", ""),
	    OUTCOME_AUTH);
	assert_int_equal(
	    signal_of(o, "claude", "Claude AI usage limit reached|1795228708\n", ""),
	    OUTCOME_RATE_LIMIT);
	assert_int_equal(
	    signal_of(o, "codex", "",
		"\033[2mthinking\033[0m\n[2026-11-21T02:39:22] \033[31mERROR:\033[0m "
		"exceeded retry limit, last status: 429 Too Many Requests\n"),
	    OUTCOME_RATE_LIMIT);
	assert_int_equal(
	    signal_of(o, "gemini", "", "Error: got status: 503 Service Unavailable\n"),
	    OUTCOME_OVERLOAD);
	/* Not an error; long ago; of the try before. */
	assert_int_equal(
	    signal_of(o, "codex", "", "I looked at error: 429 and others\n"), OUTCOME_NONE);
	assert_int_equal(
	    signal_of(o, "codex", "", "Error: 429 Too Many Requests\n1\n2\n3\n4\n5\n6\n7\n8\n"),
	    OUTCOME_NONE);
	assert_int_equal(
	    read_from(o, "codex", "", "Error: 429 Too Many Requests\nfine\n", 0, 29),
	    OUTCOME_NONE);
	/* Behind more than is looked at. */
	buf_init(&b, BUF_NO_MAX);
	for (int i = 0; i < 5000; i++)
		buf_puts(&b, "noise\n");
	buf_puts(&b, "Error: 429 Too Many Requests");
	assert_int_equal(signal_of(o, "codex", "", b.data), OUTCOME_RATE_LIMIT);
	buf_release(&b);
}

static void
numbers_are_statuses_where_it_is_said(void **state)
{
	(void)state;
	assert_int_equal(outcome_of_text("API Error: 529"), OUTCOME_OVERLOAD);
	assert_int_equal(outcome_of_text("{\"code\":503}"), OUTCOME_OVERLOAD);
	assert_int_equal(outcome_of_text("last status: 429."), OUTCOME_RATE_LIMIT);
	assert_int_equal(outcome_of_text("HTTP 403"), OUTCOME_AUTH);
	assert_int_equal(outcome_of_text("at line 429 of x.c"), OUTCOME_ERROR);
	assert_int_equal(outcome_of_text("error 4290"), OUTCOME_ERROR);
	assert_int_equal(outcome_of_text("error 1429"), OUTCOME_ERROR);
	assert_int_equal(outcome_of_text("error 429.5"), OUTCOME_ERROR);
	assert_int_equal(outcome_of_text("status 503ms"), OUTCOME_ERROR);
	assert_int_equal(outcome_of_text(""), OUTCOME_ERROR);
	assert_int_equal(
	    outcome_of_text("insufficient_quota: 429 you exceeded your current quota"),
	    OUTCOME_ERROR);
}

static void
a_try_begins_where_it_began(void **state)
{
	struct owner *o = *state;
	static const char first[] = INIT RESULT(true, 429, "limit");

	assert_int_equal(
	    read_from(o, "claude",
		INIT RESULT(true, 429, "limit") INIT SAID("a") RESULT(true, 401, "key"), "",
		sizeof first - 1, 0),
	    OUTCOME_AUTH);
	assert_string_equal(o->got.text, "key");
}

static void
hostile_output_is_passed_over(void **state)
{
	struct owner *o = *state;
	struct buf b;
	static const char bad[] = "\n\0\xff\xfe{\"type\":\n{\"type\":\"result\",\n";
	char *long_text = xmalloc(4001);

	/* A line beyond all bounds, NUL, no UTF-8, and a cut line between good ones. */
	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, INIT);
	for (int i = 0; i < 17 * 1024; i++) {
		memset(buf_reserve(&b, 1024), 'x', 1024);
		buf_commit(&b, 1024);
	}
	buf_append(&b, bad, sizeof bad - 1);
	buf_puts(&b, RESULT(true, 429, "limit"));
	put(o, 1, b.data, b.len);
	put(o, 2, "", 0);
	assert_int_equal(
	    outcome_read(o->dir, 7, "claude", NULL, (const uint64_t[2]){0, 0}, &o->got), 0);
	assert_int_equal(o->got.signal, OUTCOME_RATE_LIMIT);
	assert_string_equal(o->got.session, "s1");
	buf_release(&b);

	/* Words are cut, and not within a character. */
	for (int i = 0; i < 4000; i += 2)
		memcpy(long_text + i, "\xc3\xa9", 2);
	long_text[4000] = '\0';
	memcpy(long_text, "x", 1);
	memcpy(long_text + 1, "y", 1);
	buf_init(&b, BUF_NO_MAX);
	buf_printf(&b,
	    "%s{\"type\":\"result\",\"subtype\":\"success\",\"is_error\":true,"
	    "\"result\":\"z%s\",\"session_id\":\"s1\"}\n",
	    INIT, long_text);
	assert_int_equal(signal_of(o, "claude", b.data, ""), OUTCOME_ERROR);
	assert_int_equal(strlen(o->got.text), 499);
	buf_release(&b);

	/* What stands for a byte that is none of a character counts. */
	memset(long_text, 0xff, 400);
	long_text[400] = '\0';
	buf_init(&b, BUF_NO_MAX);
	buf_printf(&b, "Error: 429 %s\n", long_text);
	assert_int_equal(signal_of(o, "claude", "", b.data), OUTCOME_RATE_LIMIT);
	assert_in_range(strlen(o->got.text), 490, 500);
	buf_release(&b);
	free(long_text);
}

static void
nothing_is_nothing(void **state)
{
	struct owner *o = *state;

	/* No files at all. */
	assert_int_equal(
	    outcome_read(o->dir, 7, "claude", NULL, (const uint64_t[2]){0, 0}, &o->got), 0);
	assert_int_equal(o->got.signal, OUTCOME_NONE);
	assert_null(o->got.text);
	assert_null(o->got.session);
	assert_int_equal(o->got.usage.input, -1);
	assert_true(o->got.usage.cost_usd < 0);
	assert_int_equal(signal_of(o, "nobody", "\n\n", "\n"), OUTCOME_NONE);
	assert_string_equal(outcome_signal_name(OUTCOME_RATE_LIMIT), "rate_limit");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(streams_say_session_usage_and_cost),
	    CASE(lines_before_a_stream_are_passed_over),
	    CASE(claude_says_what_was_wrong),
	    CASE(what_was_overcome_is_no_signal),
	    CASE(what_is_talked_about_is_no_signal),
	    CASE(codex_gemini_and_opencode_say_it_too),
	    CASE(plain_text_says_it_in_its_last_lines),
	    CASE(numbers_are_statuses_where_it_is_said),
	    CASE(a_try_begins_where_it_began),
	    CASE(hostile_output_is_passed_over),
	    CASE(nothing_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
