#include "config.h"

#include "unit.h"

#include <stdio.h>

#include <cjson/cJSON.h>

#include "agent/agent.h"
#include "agent/touch.h"
#include "base/buf.h"
#include "base/file.h"
#include "base/xmalloc.h"

/* All that was given, a line each. */
static void
on_touch(void *arg, const char *path, int64_t first, int64_t last)
{
	buf_printf(arg, "%s %lld-%lld\n", path, (long long)first, (long long)last);
}

static void
gives(const char *tool, const char *input, const char *cwd, const char *expected)
{
	struct buf b;

	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, "");
	agent_touches(tool, input, cwd, on_touch, &b);
	assert_string_equal(b.data, expected);
	buf_release(&b);
}

#define WHOLE "1-2147483647\n"

static void
edits_have_the_lines_that_they_say(void **state)
{
	(void)state;
	gives("Edit", "{\"file_path\":\"/a/b.c\",\"old_string\":\"x\",\"new_string\":\"y\"}",
	    NULL, "/a/b.c 0-0\n");
	gives("Edit", "{\"file_path\":\"b.c\",\"start_line\":3,\"end_line\":9}", "/a",
	    "/a/b.c 3-9\n");
	gives("edit", "{\"filePath\":\"b.c\",\"startLine\":3}", "/a/", "/a/b.c 3-3\n");
	gives(
	    "Edit", "{\"file_path\":\"/b\",\"start_line\":9,\"end_line\":3}", NULL, "/b 0-0\n");
	gives("Edit", "{\"file_path\":\"/b\",\"start_line\":-1,\"end_line\":1e300}", NULL,
	    "/b 0-0\n");
	gives("MultiEdit",
	    "{\"file_path\":\"/a\",\"edits\":[{\"old_string\":\"\",\"new_string\":\"x\"}]}",
	    NULL, "/a 0-0\n");
	gives("multi_replace_string_in_file",
	    "{\"replacements\":[{\"filePath\":\"/a\"},{\"filePath\":\"/b\"}]}", NULL,
	    "/a 0-0\n/b 0-0\n");
	gives("NotebookEdit", "{\"notebook_path\":\"/n.ipynb\",\"new_source\":\"\"}", NULL,
	    "/n.ipynb 0-0\n");
	gives("replace", "{\"file_path\":\"/g.c\",\"old_string\":\"x\"}", NULL, "/g.c 0-0\n");
	gives("file_change",
	    "[{\"path\":\"/a\",\"kind\":\"update\"},{\"path\":\"b\",\"kind\":\"add\"}]", "/w",
	    "/a 0-0\n/w/b " WHOLE);
	gives("str_replace_based_edit_tool",
	    "{\"command\":\"insert\",\"path\":\"/a\",\"insert_line\":7}", NULL, "/a 8-8\n");
	gives("str_replace_editor", "{\"command\":\"str_replace\",\"path\":\"/a\"}", NULL,
	    "/a 0-0\n");
}

static void
writes_touch_all_lines(void **state)
{
	(void)state;
	gives("Write", "{\"file_path\":\"/a\",\"content\":\"\"}", NULL, "/a " WHOLE);
	gives("write_file", "{\"content\":\"x\",\"file_path\":\"a\"}", "/w", "/w/a " WHOLE);
	gives("write", "{\"path\":\"a\"}", "/w", "/w/a " WHOLE);
	gives("create", "{\"path\":\"/a\",\"file_text\":\"\"}", NULL, "/a " WHOLE);
	gives("str_replace_editor", "{\"command\":\"create\",\"path\":\"/a\"}", NULL,
	    "/a " WHOLE);
}

static void
what_reads_touches_nothing(void **state)
{
	(void)state;
	gives("Read", "{\"file_path\":\"/a\"}", NULL, "");
	gives("str_replace_editor", "{\"command\":\"view\",\"path\":\"/a\"}", NULL, "");
	gives("Bash", "{\"command\":\"cat /a > /b\"}", NULL, "");
	gives("mcp__x__edit", "{\"file_path\":\"/a\"}", NULL, "");
	gives("Grep", "{\"path\":\"/a\"}", NULL, "");
	assert_int_equal(agent_touches(NULL, "{}", NULL, on_touch, NULL), 0);
	assert_int_equal(agent_touches("Edit", NULL, NULL, on_touch, NULL), 0);
}

static void
patches_name_files_and_hunks(void **state)
{
	(void)state;
	gives("apply_patch",
	    "*** Begin Patch\n*** Add File: new.c\n+a\n+++ b\n*** Update File: a.c\n@@ int "
	    "f\n-x\n"
	    "+y\n*** Update File: b.c\n*** Move to: c.c\n*** Delete File: /gone\n*** End Patch",
	    "/w", "/w/new.c " WHOLE "/w/a.c 0-0\n/w/c.c " WHOLE "/w/b.c 0-0\n/gone " WHOLE);
	gives("apply_patch",
	    "{\"input\":\"*** Begin Patch\\n*** Update File: a.c\\n@@ -10,7 +10,8 @@ f\\n 1\\n "
	    "2\\n"
	    " 3\\n-x\\n+y\\n+z\\n 5\\n 6\\n 7\\n@@ -40 +41 @@\\n-a\\n+b\\n*** End Patch\\n\"}",
	    "/w", "/w/a.c 13-14\n/w/a.c 41-41\n");
	gives("patch",
	    "{\"patchText\":\"--- a/x/y.c\\t2020\\n+++ b/x/y.c\\t2020\\n@@ -5,2 +5,0 "
	    "@@\\n-+\\n--\\n"
	    "@@ -9,0 +8,2 @@\\n+++ b\\n+-\\n--- a/z\\n+++ /dev/null\\n@@ -1,2 +0,0 @@\\n\"}",
	    "/w", "/w/x/y.c 5-5\n/w/x/y.c 8-9\n/w/z 1-1\n");
	gives("shell",
	    "{\"command\":[\"bash\",\"-lc\",\"apply_patch <<'E'\\n*** Begin Patch\\n*** Update "
	    "File:"
	    " a\\n@@\\n-x\\n*** End Patch\\nE\"],\"workdir\":\"sub\"}",
	    "/w", "/w/sub/a 0-0\n");
	gives("exec_command",
	    "{\"cmd\":\"apply_patch '*** Begin Patch\\n*** Add File: a\\n*** End Patch'\"}",
	    "/w", "/w/a " WHOLE);
	gives("command_execution",
	    "bash -lc 'apply_patch <<E\n*** Begin Patch\n*** Add File: a\n*** End Patch'", "/w",
	    "/w/a " WHOLE);
}

static void
paths_are_made_absolute(void **state)
{
	static const char *const rows[][3] = {
	    {"/w", "a", "/w/a"},
	    {"/w", "/a", "/a"},
	    {NULL, "/a//b/./c/", "/a/b/c"},
	    {"/w/x", "../../../../etc/passwd", "/etc/passwd"},
	    {"/w/x", "../y", "/w/y"},
	    {"w", "a", NULL},
	    {NULL, "a", NULL},
	    {"/w", "", NULL},
	    {"/w", "..", NULL},
	    {NULL, "/", NULL},
	    {"/w", "C:\\x\\y", NULL},
	    {"/w", "...", "/w/..."},
	    {"/", ".a", "/.a"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		char *path = touch_path(rows[i][0], rows[i][1]);

		if (rows[i][2] == NULL)
			assert_null(path);
		else
			assert_string_equal(path, rows[i][2]);
		free(path);
	}
}

static void
hostile_input_is_bounded(void **state)
{
	size_t big = 10 * 1024 * 1024;
	char *huge = xmalloc(big + 1), *text;
	struct buf b;
	unsigned n;

	(void)state;
	memset(huge, 'x', big);
	huge[big] = '\0';
	text = xasprintf("{\"file_path\":\"/a\",\"content\":\"%s\"}", huge);
	gives("Write", text, NULL, "");
	free(text);
	huge[5000] = '\0';
	text = xasprintf("{\"file_path\":\"/%s\"}", huge);
	gives("Write", text, NULL, "");
	free(text);
	gives("Write", "{\"file_path\":\"/a\\u0000b\"}", NULL,
	    "/a\xEF\xBF\xBD"
	    "b " WHOLE);
	gives("Write", "{\"file_path\":[\"/a\"]}", NULL, "");
	gives("Write", "{\"file_path\":\"/a\"", NULL, "");
	gives("Edit", "[[[[", NULL, "");
	gives("Edit", "[],\"path\":\"/a\"", NULL, "");

	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, "*** Begin Patch\n*** Update File: /a\n");
	for (unsigned i = 1; i <= 10000; i++)
		buf_printf(&b, "@@ -%u +%u @@\n-x\n+y\n", i * 10, i * 10);
	struct buf out;
	buf_init(&out, BUF_NO_MAX);
	n = agent_touches("apply_patch", b.data, NULL, on_touch, &out);
	assert_int_equal(n, TOUCH_MAX);
	buf_release(&out);
	buf_reset(&b);
	buf_puts(&b, "--- a\n+++ /a\n@@ -1,99999999999999999999 +1,9 @@\n"
		     "@@ -1,5 +2147483647,2147483647 @@\n");
	gives("apply_patch", b.data, NULL, "/a 2147483647-2147483647\n/a 0-0\n");
	buf_release(&b);
	free(huge);
}

/* What the parsers make of what agents have written. */

static void
on_event(void *arg, const struct agent_event *e)
{
	if (e->type == AGENT_TOOL_CALL)
		agent_touches(e->name, e->input, "/w", on_touch, arg);
	else if (e->type == AGENT_TOOL_RESULT && e->input != NULL)
		agent_patch_touches(e->input, "/w", on_touch, arg);
}

static void
sample_gives(const char *format, const char *name, const char *expected)
{
	const char *top = getenv("top_srcdir");
	const struct agent_format *f = agent_format_find(format);
	char *path = xasprintf("%s/tests/agents/samples/%s", top != NULL ? top : ".", name);
	char *text;
	size_t len;
	struct buf b;
	struct agent_sink sink = {.event = on_event, .arg = &b};
	struct agent_parser *p;

	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, "");
	assert_int_equal(file_read(path, 16 * 1024 * 1024, &text, &len), 0);
	p = f->open(path, &sink);
	for (size_t at = 0, n; f->layout == AGENT_LINES && at < len; at += n + 1) {
		n = strcspn(text + at, "\n");
		f->feed(p, text + at, n, at);
	}
	if (f->layout == AGENT_DOCUMENT)
		f->feed(p, text, len, 0);
	f->flush(p);
	f->close(p);
	assert_string_equal(b.data, expected);
	buf_release(&b);
	free(text);
	free(path);
}

static void
samples_of_agents(void **state)
{
	(void)state;
	sample_gives("claude-transcript", "claude/ccl_representative_messages.jsonl",
	    "/tmp/decorator_example.py 0-0\n");
	sample_gives("claude-transcript", "claude/ccl_edge_cases.jsonl",
	    "/tmp/complex_example.py 0-0\n");
	sample_gives("claude-transcript",
	    "claude/happy_permission-prompt-aborted-with-interrupt.jsonl",
	    "/Users/kirilldubovitskiy/projects/happy/handy-cli/lol.txt " WHOLE);
	sample_gives(
	    "codex-rollout", "codex/ccl_rollout_tool_kinds.jsonl", "/w/gamma.txt " WHOLE);
	sample_gives("codex-rollout", "codex/asv_fc_args_2.jsonl",
	    "/w/internal/parser/codex.go 0-0\n/w/internal/parser/parser_test.go 0-0\n");
	sample_gives("gemini-chat-document", "gemini/asv_tool_calls.json", "");
}

static void
line_gives(const char *format, const char *line, const char *expected)
{
	const struct agent_format *f = agent_format_find(format);
	struct buf b;
	struct agent_sink sink = {.event = on_event, .arg = &b};
	struct agent_parser *p;

	buf_init(&b, BUF_NO_MAX);
	buf_puts(&b, "");
	p = f->open("/s.jsonl", &sink);
	f->feed(p, line, strlen(line), 0);
	f->flush(p);
	f->close(p);
	assert_string_equal(b.data, expected);
	buf_release(&b);
}

/* As Claude Code keeps it of an edit, with three lines of context. */
static void
results_say_the_lines(void **state)
{
	static const char *const hunks[][2] = {
	    {"{\"oldStart\":7,\"oldLines\":7,\"newStart\":7,\"newLines\":8,\"lines\":[\" a\","
	     "\" b\",\"\",\"-c\",\"+d\",\"+e\",\" f\",\" g\",\" h\"]}",
		"/w/f 10-11\n"},
	    {"{\"newStart\":1,\"lines\":[\"-a\",\" b\"]},{\"newStart\":90,\"lines\":"
	     "[\" a\",\"+\",\"\\\\ No newline at end of file\"]}",
		"/w/f 1-1\n/w/f 91-91\n"},
	    {"{\"newStart\":0,\"lines\":[\"-a\",\"-b\"]}", "/w/f 1-1\n"},
	    {"{\"newStart\":1e300,\"lines\":[\"+a\"]},{\"lines\":[\"+a\"]},{\"newStart\":1,"
	     "\"lines\":\"+a\"},7,{\"newStart\":1,\"lines\":[\" a\",[],null]}",
		""},
	};
	(void)state;
	for (size_t i = 0; i < sizeof hunks / sizeof *hunks; i++) {
		char *line = xasprintf(
		    "{\"type\":\"user\",\"uuid\":\"u\",\"sessionId\":\"s\",\"timestamp\":"
		    "\"2026-01-01T00:00:00Z\",\"message\":{\"role\":\"user\",\"content\":"
		    "[{\"type\":\"tool_result\",\"tool_use_id\":\"t\",\"content\":\"ok\"}]},"
		    "\"toolUseResult\":{\"filePath\":\"f\",\"structuredPatch\":[%s]}}",
		    hunks[i][0]);

		line_gives("claude-transcript", line, hunks[i][1]);
		free(line);
	}
	line_gives("codex-rollout",
	    "{\"timestamp\":\"2026-01-01T00:00:00Z\",\"type\":\"event_msg\",\"payload\":{"
	    "\"type\":"
	    "\"patch_apply_end\",\"call_id\":\"c\",\"success\":true,\"changes\":{\"/w/"
	    "a\":{\"type\":"
	    "\"update\",\"unified_diff\":\"@@ -1,2 +1,3 @@\\n x\\n+y\\n+z\\n x\",\"move_path\":"
	    "\"/w/"
	    "m\"},\"b\":{\"type\":\"add\",\"content\":\"\"},\"c\":{\"type\":\"update\"}}}}",
	    "/w/m " WHOLE "/w/a 2-3\n/w/b " WHOLE "/w/c 0-0\n");
	line_gives("codex-rollout",
	    "{\"timestamp\":\"2026-01-01T00:00:00Z\",\"type\":\"event_msg\",\"payload\":{"
	    "\"type\":"
	    "\"patch_apply_end\",\"call_id\":\"c\",\"success\":false,\"changes\":{\"b\":{"
	    "\"type\":"
	    "\"add\"}}}}",
	    "");
	line_gives("gemini-chat",
	    "{\"id\":\"m\",\"timestamp\":\"2026-01-01T00:00:00Z\",\"type\":\"gemini\","
	    "\"content\":"
	    "\"\",\"toolCalls\":[{\"id\":\"t\",\"name\":\"replace\",\"args\":{\"file_path\":"
	    "\"src/a.c\",\"old_string\":\"-\"},\"status\":\"success\",\"resultDisplay\":"
	    "{\"fileDiff\":\"Index: a.c\\n===\\n--- a.c\\tCurrent\\n+++ a.c\\tProposed\\n@@ "
	    "-8,3 +8,3"
	    " @@\\n x\\n--\\n++\\n y\\n\",\"fileName\":\"a.c\"}}]}",
	    "/w/src/a.c 0-0\n/w/src/a.c 9-9\n");
	line_gives("opencode-stream",
	    "{\"type\":\"tool_use\",\"timestamp\":1767225600000,\"sessionID\":\"ses_1\","
	    "\"part\":{\"id\":"
	    "\"p\",\"sessionID\":\"ses_1\",\"messageID\":\"m\",\"type\":\"tool\",\"callID\":"
	    "\"c\","
	    "\"tool\":\"edit\",\"state\":{\"status\":\"completed\",\"input\":{\"filePath\":\"/"
	    "w/a\"},"
	    "\"output\":\"\",\"metadata\":{\"diff\":\"Index: /w/a\\n===\\n--- /w/a\\n+++ "
	    "/w/a\\n"
	    "@@ -3,1 +3,2 @@\\n x\\n+y\\n\"}}}}",
	    "/w/a 0-0\n/w/a 4-4\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(edits_have_the_lines_that_they_say),
	    cmocka_unit_test(writes_touch_all_lines),
	    cmocka_unit_test(what_reads_touches_nothing),
	    cmocka_unit_test(patches_name_files_and_hunks),
	    cmocka_unit_test(paths_are_made_absolute),
	    cmocka_unit_test(hostile_input_is_bounded),
	    cmocka_unit_test(samples_of_agents),
	    cmocka_unit_test(results_say_the_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
