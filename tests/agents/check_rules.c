/* Rules for which there is no sample. */
#include "config.h"

#include <string.h>

#include "base/xmalloc.h"
#include "sample.h"

static void
say(struct tally *t, const char *format, const char *lines)
{
	feed(t, format, "/a/b/c.jsonl", lines, strlen(lines), PLAIN, 0);
}

static void
check_sum(const struct tally *t, int64_t input, int64_t cached, int64_t output)
{
	struct agent_usage u = tally_sum(t, NULL, NULL);

	if (u.input != input || u.cache_read != cached || u.output != output) {
		fprintf(stderr, "%lld, %lld, %lld\n", (long long)u.input,
		    (long long)u.cache_read, (long long)u.output);
		CHECK(0);
	}
}

#define LINE(time, type, payload) \
	"{\"timestamp\":\"2026-03-01T10:00:" time "Z\",\"type\":\"" type \
	"\",\"payload\":" payload "}\n"
#define TOTAL(n, in, cached, out) \
	"\"" n "\":{\"input_tokens\":" in ",\"cached_input_tokens\":" cached \
	",\"output_tokens\":" out "}"
#define COUNT(info) "{\"type\":\"token_count\",\"info\":{" info "}}"
#define SAID(role, text) \
	"{\"type\":\"message\",\"role\":\"" role "\",\"content\":[{\"type\":\"input_text\"," \
	"\"text\":\"" text "\"}]}"

/* A fork that begins with its parent's lines, re-stamped, and whose own turn follows at once. */
static const char old_fork[] = LINE("00.000", "session_meta",
    "{\"id\":\"019ca8ab-0000-7000-8000-000000000001\","
    "\"timestamp\":\"2026-03-01T10:00:00.000Z\"}") LINE("00.001", "session_meta",
    "{\"id\":\"019ca800-0000-7000-8000-000000000001\"}") LINE("00.001", "event_msg",
    "{\"type\":\"task_started\",\"turn_id\":"
    "\"019ca801-0000-7000-8000-000000000001\"}")
    LINE("00.001", "turn_context", "{\"model\":\"old\"}") LINE(
	"00.001", "response_item", SAID("user", "of the parent")) LINE("00.002", "event_msg",
	COUNT(TOTAL("last_token_usage", "900", "100", "50") "," TOTAL(
	    "total_token_usage", "900", "100", "50"))) LINE("00.010", "event_msg",
	"{\"type\":\"task_started\",\"turn_id\":"
	"\"019cac00-0000-7000-8000-000000000001\"}") LINE("00.011", "turn_context",
	"{\"model\":\"new\"}") LINE("00.012", "response_item", SAID("user", "own"))
	LINE("00.013", "event_msg", COUNT(TOTAL("total_token_usage", "900", "100", "50"))) LINE(
	    "09.000", "event_msg", COUNT(TOTAL("total_token_usage", "1000", "150", "60")))
	    LINE("09.001", "event_msg", COUNT(TOTAL("total_token_usage", "1000", "150", "60")))
		LINE("10.000", "event_msg",
		    "{\"type\":\"turn_aborted\",\"reason\":\"interrupted\"}");

static void
check_old_fork(void)
{
	struct tally t = {0};

	say(&t, "codex-rollout", old_fork);
	check_sum(&t, 50, 50, 10);
	CHECK(t.shown[AGENT_USER] == 1 && t.types[AGENT_TURN] == 1 && t.parents == 1);
	CHECK(t.types[AGENT_TURN_END] == 1);
	tally_free(&t);
}

/* A total that goes down begins anew; one that is there again is no request. */
static void
check_reset(void)
{
	static const char lines[] = LINE(
	    "01.000", "event_msg", COUNT(TOTAL("total_token_usage", "500", "100", "50")))
	    LINE("02.000", "event_msg", COUNT(TOTAL("total_token_usage", "500", "100", "50")))
		LINE("03.000", "event_msg", COUNT(TOTAL("total_token_usage", "80", "0", "5")))
		    LINE("04.000", "event_msg", "{\"type\":\"token_count\",\"info\":null}")
			LINE("05.000", "event_msg",
			    COUNT(TOTAL("total_token_usage", "100", "0", "8")));
	struct tally t = {0};

	say(&t, "codex-rollout", lines);
	check_sum(&t, 500, 100, 58);
	CHECK(t.n == 3);
	tally_free(&t);
}

/* A run of a version that does not say where turns end, and its stream. */
static void
check_old_exec(void)
{
	static const char rollout[] = LINE(
	    "00.000", "session_meta", "{\"id\":\"t\",\"source\":\"exec\"}") LINE("01.000",
	    "event_msg", COUNT(TOTAL("total_token_usage", "500", "100", "50")))
	    LINE("02.000", "event_msg", COUNT(TOTAL("total_token_usage", "900", "300", "70")));
	static const char stream[] =
	    "{\"type\":\"thread.started\",\"thread_id\":\"t\"}\n"
	    "{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":900,"
	    "\"cached_input_tokens\":300,\"output_tokens\":70}}\n";
	struct tally t = {0}, back = {0};

	say(&t, "codex-rollout", rollout);
	say(&t, "codex-exec", stream);
	check_sum(&t, 600, 300, 70);
	say(&back, "codex-exec", stream);
	check_sum(&back, 600, 300, 70);
	say(&back, "codex-rollout", rollout);
	check_sum(&back, 600, 300, 70);
	tally_free(&t);
	tally_free(&back);
}

/* A fork that inherits totals, and says nothing else: the parent's must be known. */
static void
check_inherits(void)
{
	static const char parent[] = LINE("00.000", "session_meta", "{\"id\":\"parent\"}")
	    LINE("01.000", "event_msg", COUNT(TOTAL("total_token_usage", "500", "100", "50")));
	static const char child[] = LINE("02.000", "session_meta",
	    "{\"id\":\"child\",\"forked_from_id\":\"parent\","
	    "\"history_mode\":\"paginated\"}")
	    LINE("03.000", "event_msg", COUNT(TOTAL("total_token_usage", "600", "150", "60")));
	struct tally t = {0};

	say(&t, "codex-rollout", child);
	CHECK(t.n == 0);
	say(&t, "codex-rollout", parent);
	say(&t, "codex-rollout", child);
	check_sum(&t, 450, 150, 60);
	tally_free(&t);
}

static void
check_streams(void)
{
	static const char retry[] =
	    "{\"type\":\"thread.started\",\"thread_id\":\"t\"}\n"
	    "{\"type\":\"error\",\"message\":\"Reconnecting... 1/5\"}\n"
	    "{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}\n"
	    "{\"type\":\"turn.completed\",\"usage\":{\"input_tokens\":9,\"output_tokens\":2}}"
	    "\n";
	static const char steps[] =
	    "{\"type\":\"step_finish\",\"sessionID\":\"s\",\"timestamp\":1795228709226,"
	    "\"part\":"
	    "{\"id\":\"p1\",\"messageID\":\"m\",\"tokens\":{\"input\":5,\"output\":1,"
	    "\"cache\":{\"read\":7}},\"cost\":0}}\n"
	    "{\"type\":\"step_finish\",\"sessionID\":\"s\",\"timestamp\":1795228709226,"
	    "\"part\":"
	    "{\"id\":\"p2\",\"messageID\":\"m\",\"tokens\":{\"input\":6,\"output\":2,"
	    "\"reasoning\":3,\"cache\":{\"read\":8}},\"cost\":0}}\n";
	struct tally t = {0}, u = {0};
	double cost;

	say(&t, "codex-exec", retry);
	check_sum(&t, 9, -1, 2);
	CHECK(t.n == 2 && t.types[AGENT_TURN_END] == 2 && t.types[AGENT_NOTE] == 1);
	say(&u, "opencode-stream", steps);
	check_sum(&u, 11, 15, 6);
	tally_sum(&u, NULL, &cost);
	CHECK(cost == -1);
	tally_free(&t);
	tally_free(&u);
}

/* What is dropped is hidden, and was billed. */
static void
check_rewind(void)
{
#define CHAT(id, in) \
	"{\"id\":\"" id \
	"\",\"type\":\"gemini\",\"content\":\"text\",\"tokens\":{\"input\":" in \
	",\"output\":1,\"cached\":0,\"thoughts\":2,\"tool\":3}}\n"
	static const char lines[] =
	    "{\"sessionId\":\"s\",\"startTime\":\"2026-01-01T00:00:00Z\"}\n"
	    "{\"id\":\"u1\",\"type\":\"user\",\"content\":\"one\"}\n" CHAT("g1", "10")
		CHAT("g2", "20") CHAT("g2", "25") "{\"$rewindTo\":\"g1\"}\n" CHAT(
		    "g3", "30") "{\"$set\":{\"messages\":[{\"id\":\"u1\",\"type\":\"user\","
				"\"content\":\"one\"}]}}"
				"\n";
	struct tally t = {0}, saved = {0};

	say(&t, "gemini-chat", lines);
	check_sum(&t, 10 + 25 + 30 + 9, 0, 9);
	CHECK(t.hidden == 1 + 2 && t.types[AGENT_TURN] == 1);
	feed(&saved, "gemini-chat", "/a/b/c.jsonl", lines, strlen(lines), SAVED, 0);
	CHECK(saved.digest == t.digest);
	tally_free(&t);
	tally_free(&saved);
}

static void
check_copilot(void)
{
	static const char lines[] =
	    "{\"type\":\"session.start\",\"data\":{\"sessionId\":\"s\",\"context\":{\"cwd\":\"/"
	    "\"}}}\n"
	    "{\"type\":\"user.message\",\"id\":\"1\",\"data\":{\"content\":\"hi\"}}\n"
	    "{\"type\":\"assistant.message\",\"data\":{\"messageId\":\"m\",\"content\":"
	    "\"text\"}}\n"
	    "{\"type\":\"tool.execution_start\",\"data\":{\"toolCallId\":\"c\",\"toolName\":"
	    "\"bash\"}}\n"
	    "{\"type\":\"tool.execution_complete\",\"data\":{\"toolCallId\":\"c\",\"success\":"
	    "false}}\n"
	    "{\"type\":\"session.shutdown\",\"timestamp\":\"2026-01-01T00:00:00Z\",\"data\":"
	    "{\"modelMetrics\":{\"gpt-5\":{\"usage\":{\"inputTokens\":100,\"outputTokens\":9,"
	    "\"cacheReadTokens\":60,\"cacheWriteTokens\":0}}}}}\n";
	struct tally t = {0};

	say(&t, "copilot-events", lines);
	say(&t, "copilot-events", lines);
	check_sum(&t, 40, 60, 9);
	CHECK(t.shown[AGENT_USER] == 2 && t.shown[AGENT_ASSISTANT] == 2 && t.failed == 2);
	tally_free(&t);
}

/* Of the formats of an agent, the one that reads a path. */
static void
check_paths(void)
{
	static const struct {
		const char *agent, *path, *format;
	} paths[] = {
	    {"codex", "/h/.codex/sessions/2026/11/21/rollout-2026-11-21T02-36-44-x.jsonl",
		"codex-rollout"},
	    {"codex", "/h/.codex/archived_sessions/rollout-1.jsonl", "codex-rollout"},
	    {"codex", "/h/.codex/archived_sessions/rollout-1.jsonl.zst", NULL},
	    {"codex", "/h/.codex/history.jsonl", NULL},
	    {"gemini", "/h/.gemini/tmp/proj/chats/session-2026-11-21T02-39-c8.jsonl",
		"gemini-chat"},
	    {"gemini", "/h/.gemini/tmp/proj/chats/session-2026-11-21T02-39-c8.json",
		"gemini-chat-document"},
	    {"gemini", "/h/.gemini/tmp/proj/logs.json", NULL},
	    {"opencode", "/h/.local/share/opencode/storage/part/msg_1/prt_1.json",
		"opencode-storage"},
	    {"opencode", "/h/.local/share/opencode/storage/session_diff/ses_1.json", NULL},
	    {"vibe", "/h/.vibe/logs/session/session_1_1a2b3c4d/meta.json", "vibe-meta"},
	    {"vibe", "/h/.vibe/logs/session/session_1_1a2b3c4d/messages.jsonl",
		"vibe-messages"},
	    {"grok", "/h/.grok/sessions/%2Fw/id/chat_history.jsonl", "grok-history"},
	    {"grok", "/h/.grok/sessions/%2Fw/id/summary.json", "grok-summary"},
	    {"grok", "/h/.grok/sessions/%2Fw/id/signals.json", NULL},
	    {"pi", "/h/.pi/agent/sessions/--w--/2025_a.jsonl", "pi-session"},
	    {"copilot", "/h/.copilot/session-state/id/events.jsonl", "copilot-events"},
	};

	for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
		for (size_t f = 0; agent_formats[f] != NULL; f++) {
			const struct agent_format *is = agent_formats[f];

			if (strcmp(is->agent, paths[i].agent) == 0)
				CHECK(is->is_source(paths[i].path) ==
				      (paths[i].format != NULL &&
					  strcmp(is->name, paths[i].format) == 0));
		}
}

/* What has no id or no text is told apart by where it is; sessions are named by the file. */
static void
check_names(void)
{
	static const char line[] = LINE("00.000", "response_item", SAID("user", "text"));
	struct tally t = {0};
	struct agent_usage u;

	feed(&t, "codex-rollout",
	    "/s/rollout-2026-11-21T02-36-44-01a1fbf6-9794-7fe2-a395-d2e34a15cb23.jsonl", line,
	    sizeof line - 1, PLAIN, 0);
	CHECK(t.shown[AGENT_USER] == 1);
	static const char count[] =
	    LINE("01.000", "event_msg", COUNT(TOTAL("total_token_usage", "5", "0", "5")));
	feed(&t, "codex-rollout",
	    "/s/rollout-2026-11-21T02-36-44-01a1fbf6-9794-7fe2-a395-d2e34a15cb23.jsonl", count,
	    sizeof count - 1, PLAIN, 0);
	u = tally_sum(&t, "01a1fbf6-9794-7fe2-a395-d2e34a15cb23", NULL);
	CHECK(u.input == 5);
	tally_free(&t);
}

void
check_rules(void)
{
	check_paths();
	check_names();
	check_old_fork();
	check_reset();
	check_old_exec();
	check_inherits();
	check_streams();
	check_rewind();
	check_copilot();
}
