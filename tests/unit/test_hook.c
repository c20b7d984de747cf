#include "config.h"

#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/hook.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/xmalloc.h"

static const struct hook_place nowhere = {NULL, NULL, NULL};

/* From the agent to the spool to the daemon. */
static bool
pass(const char *agent, const char *json, size_t len, const struct hook_place *where,
    struct hook_event *e)
{
	struct buf line;
	bool is;

	buf_init(&line, BUF_NO_MAX);
	is = hook_write(&line, agent, json, len, where, 1732147200123);
	if (is) {
		assert_int_equal(line.data[line.len - 1], '\n');
		assert_ptr_equal(memchr(line.data, '\n', line.len), line.data + line.len - 1);
		assert_true(hook_read(line.data, line.len - 1, e));
	} else {
		assert_int_equal(line.len, 0);
	}
	buf_release(&line);
	return is;
}

static void
samples_name_session_and_directory(void **state)
{
	static const char *const files[] = {"", "-opus4", "-sonnet4", "-sonnet41"};
	const char *top = getenv("top_srcdir");

	(void)state;
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char *path =
		    xasprintf("%s/tests/agents/samples/hooks/ccusage_statusline-test%s.json",
			top != NULL ? top : ".", files[i]);
		struct hook_event e;
		char *text;
		size_t len;

		assert_int_equal(file_read(path, 65536, &text, &len), 0);
		assert_true(pass("claude", text, len, &nowhere, &e));
		assert_string_equal(e.agent, "claude");
		assert_non_null(strstr(text, e.session));
		assert_non_null(strstr(text, e.cwd));
		assert_int_equal(strncmp(e.model, "claude-", 7), 0);
		assert_int_equal(e.state, -1);
		assert_int_equal(e.time_ms, 1732147200123);
		hook_release(&e);
		free(text);
		free(path);
	}
}

static void
events_say_the_state(void **state)
{
	static const struct {
		const char *event;
		int state;
	} all[] = {
	    {"\"hook_event_name\":\"UserPromptSubmit\",\"prompt\":\"x\"", AGENT_WORKING},
	    {"\"hook_event_name\":\"PreToolUse\",\"tool_name\":\"Bash\"", AGENT_WORKING},
	    {"\"hook_event_name\":\"PostToolUse\"", AGENT_WORKING},
	    {"\"hook_event_name\":\"PermissionRequest\"", AGENT_WAITS_PERMISSION},
	    {"\"hook_event_name\":\"Notification\",\"message\":\"Claude needs your "
	     "permission\"",
		AGENT_WAITS_PERMISSION},
	    {"\"hook_event_name\":\"Notification\",\"message\":\"Claude is waiting for your "
	     "input\"",
		AGENT_WAITS_INPUT},
	    {"\"hook_event_name\":\"Notification\",\"notification_type\":\"idle_prompt\","
	     "\"message\":\"permission\"",
		AGENT_WAITS_INPUT},
	    {"\"hook_event_name\":\"Notification\",\"notification_type\":\"auth_success\","
	     "\"message\":\"permission\"",
		-1},
	    {"\"hook_event_name\":\"Notification\"", -1},
	    {"\"hook_event_name\":\"Stop\"", AGENT_WAITS_INPUT},
	    {"\"hook_event_name\":\"StopFailure\"", AGENT_DEAD},
	    {"\"hook_event_name\":\"SubagentStop\"", -1},
	    {"\"hook_event_name\":\"SessionStart\",\"source\":\"resume\"", AGENT_WAITS_INPUT},
	    {"\"hook_event_name\":\"SessionStart\",\"source\":\"compact\"", AGENT_WORKING},
	    {"\"hook_event_name\":\"SessionEnd\",\"reason\":\"clear\"", AGENT_DONE},
	    {"\"hook_event_name\":\"SomethingNew\"", -1},
	    {"\"hook_event_name\":7", -1},
	    {"\"type\":\"agent-turn-complete\"", AGENT_WAITS_INPUT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		char *json = xasprintf("{\"session_id\":\"s\",%s}", all[i].event);
		struct hook_event e;

		assert_true(pass("claude", json, strlen(json), &nowhere, &e));
		if (e.state != all[i].state)
			fail_msg("%s: %d", all[i].event, e.state);
		hook_release(&e);
		free(json);
	}
}

static void
places_are_taken_as_far_as_they_make_sense(void **state)
{
	static const char json[] = "{\"session_id\":\"s\"}";
	static const struct hook_place good = {"p1", "%12", "/tmp/tmux-1/default"},
				       bad = {"a b", "%1;x", NULL};
	struct hook_event e;

	(void)state;
	assert_true(pass("gemini", json, strlen(json), &good, &e));
	assert_string_equal(e.pane, "p1");
	assert_string_equal(e.tmux_pane, "%12");
	assert_string_equal(e.tmux_socket, "/tmp/tmux-1/default");
	hook_release(&e);
	assert_true(pass("gemini", json, strlen(json), &bad, &e));
	assert_null(e.pane);
	assert_null(e.tmux_pane);
	hook_release(&e);
}

static void
large_events_make_small_lines(void **state)
{
	size_t n = 1024 * 1024;
	char *long_text = xmalloc(n + 1), *json;
	struct hook_event e;
	struct buf line;

	(void)state;
	memset(long_text, 'x', n);
	long_text[n] = '\0';
	json = xasprintf("{\"tool_response\":{\"a\":[\"%s\"]},\"cwd\":\"/%s\",\"session_id\":"
			 "\"s\",\"hook_event_name\":\"PostToolUse\"}",
	    long_text, long_text);
	buf_init(&line, BUF_NO_MAX);
	assert_true(hook_write(&line, "claude", json, strlen(json), &nowhere, 1));
	assert_true(line.len < 2 * HOOK_TEXT_MAX);
	assert_true(hook_read(line.data, line.len - 1, &e));
	assert_int_equal(strlen(e.cwd), HOOK_TEXT_MAX);
	assert_int_equal(e.state, AGENT_WORKING);
	hook_release(&e);
	buf_release(&line);
	free(json);
	free(long_text);
}

static void
what_is_no_event_is_none(void **state)
{
	static const char *const no_event[] = {"", "x", "[]", "{}", "{\"session_id\":7}",
	    "{\"session_id\":\"\"}", "{\"session_id\":\"s\"", "{\"session_id\":\"s\"}x"};
	static const char *const no_line[] = {"", "{}", "{\"agent\":\"claude\"}",
	    "{\"session\":\"s\"}", "{\"agent\":\"other\",\"session\":\"s\"}",
	    "{\"agent\":\"claude\",\"session\":\"s\""};
	struct hook_event e;

	(void)state;
	for (size_t i = 0; i < sizeof no_event / sizeof *no_event; i++)
		assert_false(pass("claude", no_event[i], strlen(no_event[i]), &nowhere, &e));
	for (size_t i = 0; i < sizeof no_line / sizeof *no_line; i++)
		assert_false(hook_read(no_line[i], strlen(no_line[i]), &e));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(samples_name_session_and_directory),
	    cmocka_unit_test(events_say_the_state),
	    cmocka_unit_test(places_are_taken_as_far_as_they_make_sense),
	    cmocka_unit_test(large_events_make_small_lines),
	    cmocka_unit_test(what_is_no_event_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
