#include "config.h"

#include "unit.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "base/utf8.h"
#include "agent/agent.h"
#include "agent/ledger.h"
#include "agent/prices.h"
#include "base/buf.h"
#include "base/xmalloc.h"

/* Events as lines of text, of the kinds that are asked for. */
struct log {
	struct buf text;
	unsigned kinds; /* a bit for each */
	size_t n;
};

static void
log_event(void *arg, const struct agent_event *e)
{
	static const char *const kinds[] = {"session", "turn", "turn-end", "message", "call",
	    "result", "usage", "cost", "state", "note"};
	struct log *l = arg;

	l->n++;
	if ((l->kinds & 1u << e->type) == 0)
		return;
	buf_printf(&l->text, "%s %s", kinds[e->type], e->session);
	if (e->id != NULL)
		buf_printf(&l->text, " id=%s", e->id);
	if (e->type == AGENT_MESSAGE)
		buf_printf(&l->text, ".%u role=%d%s", e->part, (int)e->role,
		    e->hidden ? " hidden" : "");
	if (e->name != NULL)
		buf_printf(&l->text, " name=%s", e->name);
	if (e->type == AGENT_STATE)
		buf_printf(&l->text, " state=%d", (int)e->state);
	if (e->type == AGENT_TOOL_RESULT || e->type == AGENT_TURN_END)
		buf_printf(&l->text, " outcome=%d ms=%lld", (int)e->outcome,
		    (long long)e->duration_ms);
	if (e->parent != NULL)
		buf_printf(&l->text, " %s=%s", e->fork ? "fork" : "parent", e->parent);
	if (e->title != NULL)
		buf_printf(&l->text, " title=%s", e->title);
	if (e->type == AGENT_COST)
		buf_printf(&l->text, " usd=%.4f", e->cost_usd);
	if (e->text != NULL)
		buf_printf(&l->text, " text=%.60s", e->text);
	buf_putc(&l->text, '\n');
}

static void
add_event(void *arg, const struct agent_event *e)
{
	ledger_add(arg, e);
}

static void
feed(const char *format, const char *path, const char *text, struct log *l)
{
	const struct agent_format *f = agent_format_find(format);
	struct agent_sink sink = {log_event, NULL, l};
	struct agent_parser *p;
	const char *nl;

	assert_non_null(f);
	p = f->open(path, &sink);
	for (const char *at = text; *at != '\0'; at = nl + 1) {
		char *line;
		nl = strchr(at, '\n');
		line = xstrndup(at, (size_t)(nl - at));
		f->feed(p, line, (size_t)(nl - at), (uint64_t)(at - text));
		free(line);
	}
	f->flush(p);
	f->close(p);
}

static void
expect(const char *format, const char *path, unsigned kinds, const char *text, const char *want)
{
	struct log l = {.kinds = kinds};

	buf_init(&l.text, BUF_NO_MAX);
	buf_append(&l.text, "", 0);
	feed(format, path, text, &l);
	assert_string_equal(l.text.data, want);
	buf_release(&l.text);
}

#define BIT(t) (1u << (t))
#define T "claude-transcript"
#define S "claude-stream"

static void
turns_and_tools(void **state)
{
	static const char text[] =
	    "{\"type\":\"user\",\"uuid\":\"u1\",\"message\":{\"content\":\"Go\"}}\n"
	    "{\"type\":\"assistant\",\"uuid\":\"u2\",\"message\":{\"id\":\"msg_1\",\"content\":"
	    "["
	    "{\"type\":\"thinking\",\"thinking\":\"hm\"}]}}\n"
	    "{\"type\":\"assistant\",\"uuid\":\"u3\",\"message\":{\"id\":\"msg_1\",\"content\":"
	    "["
	    "{\"type\":\"text\",\"text\":\"I "
	    "go\"},{\"type\":\"tool_use\",\"id\":\"t1\",\"name\":"
	    "\"Bash\",\"input\":{\"command\":\"ls\"}}]}}\n"
	    "{\"type\":\"user\",\"uuid\":\"u4\",\"message\":{\"content\":[{\"type\":"
	    "\"tool_result\",\"tool_use_id\":\"t1\",\"content\":[{\"type\":\"text\",\"text\":"
	    "\"a\"},{\"type\":\"image\"}]}]},\"toolUseResult\":{\"durationMs\":7}}\n"
	    "{\"type\":\"assistant\",\"uuid\":\"u9\",\"message\":{\"id\":\"msg_1\",\"content\":"
	    "["
	    "{\"type\":\"text\",\"text\":\"I go\"}]}}\n"
	    "{\"type\":\"assistant\",\"uuid\":\"u5\",\"message\":{\"id\":\"msg_2\",\"content\":"
	    "["
	    "{\"type\":\"text\",\"text\":\"Done\"}],\"stop_reason\":\"end_turn\"}}\n"
	    "{\"type\":\"system\",\"subtype\":\"turn_duration\",\"durationMs\":90}\n"
	    "{\"type\":\"user\",\"uuid\":\"u6\",\"message\":{\"content\":\"More\"}}\n"
	    "{\"type\":\"user\",\"uuid\":\"u7\",\"message\":{\"content\":[{\"type\":\"text\","
	    "\"text\":\"[Request interrupted by user]\"}]}}\n";

	(void)state;
	expect(T, "projects/p/s.jsonl", ~BIT(AGENT_SESSION), text,
	    "turn s id=u1 text=Go\n"
	    "state s state=0\n"
	    "message s id=u1.0 role=0 text=Go\n"
	    "message s id=msg_1.0 role=2 text=hm\n"
	    "message s id=msg_1.1 role=1 text=I go\n"
	    "call s id=t1 name=Bash\n"
	    "result s id=t1 outcome=1 ms=7 text=a\n[image]\n"
	    "message s id=msg_1.1 role=1 text=I go\n"
	    "message s id=msg_2.0 role=1 text=Done\n"
	    "turn-end s id=u1 outcome=1 ms=-1\n"
	    "state s state=1\n"
	    "turn-end s id=u1 outcome=1 ms=90\n"
	    "turn s id=u6 text=More\n"
	    "state s state=0\n"
	    "message s id=u6.0 role=0 text=More\n"
	    "message s id=u7.0 role=3 text=[Request interrupted by user]\n"
	    "turn-end s id=u6 outcome=3 ms=-1\n"
	    "state s state=1\n");
}

static void
results_of_tools(void **state)
{
#define RESULT(id, text, more) \
	"{\"type\":\"user\",\"message\":{\"content\":[{\"type\":\"tool_result\"," \
	"\"tool_use_id\":\"" id "\",\"content\":\"" text "\"" more "}\n"
	(void)state;
	expect(T, "s.jsonl", BIT(AGENT_TOOL_RESULT),
	    RESULT("a", "x", ",\"is_error\":true}]}")
		RESULT("b", "The user doesn't want to go on", ",\"is_error\":true}]}")
		    RESULT("c", "x", "}]},\"toolUseResult\":{\"interrupted\":true}"),
	    "result s id=a outcome=2 ms=-1 text=x\n"
	    "result s id=b outcome=4 ms=-1 text=The user doesn't want to go on\n"
	    "result s id=c outcome=3 ms=-1 text=x\n");
}

static void
branches(void **state)
{
#define LINE(type, uuid, parent, text) \
	"{\"type\":\"" type "\",\"uuid\":\"" uuid "\",\"parentUuid\":\"" parent \
	"\",\"message\":{\"id\":\"msg_" uuid "\",\"content\":\"" text "\"}}\n"
	static const char text[] =
	    LINE("user", "u1", "u0", "A") LINE("assistant", "u2", "u1", "a")
		LINE("user", "u3", "u2", "B") LINE("assistant", "u4", "u3", "b")
		    LINE("user", "u5", "u2", "C") LINE("user", "u5", "u2", "C");
	const char *b = strstr(text, "{\"type\":\"user\",\"uuid\":\"u3\"");
	char want[64];

	(void)state;
	snprintf(want, sizeof want, "note s name=rewind text=%zu\n", (size_t)(b - text));
	expect(T, "s.jsonl", BIT(AGENT_NOTE), text, want);
}

static void
sessions(void **state)
{
	(void)state;
	expect(T, "projects/p/aa/subagents/workflows/w/agent-7.jsonl", BIT(AGENT_SESSION),
	    "{\"type\":\"user\",\"isSidechain\":true,\"message\":{\"content\":\"x\"}}\n",
	    "session aa/7 parent=aa\n");
	expect(T, "b.jsonl", BIT(AGENT_SESSION) | BIT(AGENT_COST),
	    "{\"type\":\"summary\",\"summary\":\"Old\",\"leafUuid\":\"u1\"}\n"
	    "{\"type\":\"summary\",\"summary\":\"Elsewhere\",\"leafUuid\":\"u77\"}\n"
	    "{\"type\":\"user\",\"sessionId\":\"a\",\"uuid\":\"u1\",\"message\":{\"content\":"
	    "\"x\"}}\n"
	    "{\"type\":\"user\",\"sessionId\":\"b\",\"uuid\":\"u2\",\"parentUuid\":\"u1\","
	    "\"message\":{\"content\":\"y\"}}\n"
	    "{\"type\":\"ai-title\",\"aiTitle\":\"Made\",\"sessionId\":\"b\"}\n"
	    "{\"type\":\"custom-title\",\"customTitle\":\"Mine\",\"sessionId\":\"b\"}\n"
	    "{\"type\":\"ai-title\",\"aiTitle\":\"Made again\",\"sessionId\":\"b\"}\n"
	    "{\"type\":\"cost-state\",\"sessionId\":\"b\",\"totalCostUSD\":0.25}\n",
	    "session a title=Old\n"
	    "session b fork=a\n"
	    "session b title=Made\n"
	    "session b title=Mine\n"
	    "cost b usd=0.2500\n");
}

static void
hidden_from_people(void **state)
{
	(void)state;
	expect(T, "s.jsonl", BIT(AGENT_MESSAGE) | BIT(AGENT_NOTE) | BIT(AGENT_TURN),
	    "{\"type\":\"user\",\"uuid\":\"m\",\"isMeta\":true,\"message\":{\"content\":\"x\"}}"
	    "\n"
	    "{\"type\":\"system\",\"subtype\":\"compact_boundary\",\"content\":\"Done\"}\n"
	    "{\"type\":\"user\",\"uuid\":\"c\",\"isCompactSummary\":true,\"message\":{"
	    "\"content\":"
	    "\"y\"}}\n"
	    "{\"type\":\"assistant\",\"uuid\":\"e\",\"isApiErrorMessage\":true,\"error\":"
	    "\"rate_limit\",\"message\":{\"model\":\"<synthetic>\",\"content\":[{\"type\":"
	    "\"text\",\"text\":\"limit\"}],\"usage\":{\"output_tokens\":5}}}\n",
	    "message s id=m.0 role=3 hidden text=x\n"
	    "note s name=compaction text=Done\n"
	    "message s id=c.0 role=3 hidden text=y\n"
	    "note s name=rate_limit text=limit\n");
}

static void
streams(void **state)
{
	static const char text[] =
	    "{\"type\":\"system\",\"subtype\":\"init\",\"session_id\":\"s\",\"uuid\":\"i\","
	    "\"tools\":[]}\n"
	    "{\"type\":\"assistant\",\"session_id\":\"s\",\"parent_tool_use_id\":\"t\","
	    "\"message\":{\"id\":\"msg_1\",\"content\":[{\"type\":\"text\",\"text\":\"sub\"}]}}"
	    "\n"
	    "{\"type\":\"system\",\"subtype\":\"session_state_changed\",\"state\":"
	    "\"requires_action\",\"session_id\":\"s\"}\n"
	    "{\"type\":\"system\",\"subtype\":\"api_retry\",\"attempt\":1,\"error_status\":529,"
	    "\"error\":\"overloaded\"}\n"
	    "{\"type\":\"result\",\"subtype\":\"error_max_turns\",\"is_error\":false,"
	    "\"duration_ms\":5,\"permission_denials\":[{\"tool_name\":\"Bash\","
	    "\"tool_use_id\":\"t9\"}]}\n";
	const char *nl = strchr(text, '\n');

	(void)state;
	expect(S, "", ~0u, text,
	    "session s\n"
	    "turn s id=i\n"
	    "state s state=0\n"
	    "session s/t parent=s\n"
	    "message s/t id=msg_1.0 role=1 text=sub\n"
	    "state s state=2\n"
	    "note s name=retry text=1: 529 overloaded\n"
	    "note s id=t9 name=permission_denied text=Bash\n"
	    "note s name=error text=error_max_turns\n"
	    "turn-end s id=i outcome=2 ms=5 text=error_max_turns\n"
	    "state s state=3\n");
	assert_ptr_equal(
	    agent_format_of_stream(text, (size_t)(nl - text)), agent_format_find(S));
	assert_null(agent_format_of_stream("{\"type\":\"x\"}", 12));
}

static bool
counted_before(void *arg, const char *session, struct agent_usage *total)
{
	(void)arg;
	*total = agent_usage_unknown;
	total->input = 100;
	total->output = 10;
	total->cache_write_5m = 1;
	total->cache_write_1h = 2;
	return strcmp(session, "s") == 0;
}

/* Of one result, with what was counted of the session before. */
static int64_t
input_of(const char *session, const char *usage, const char *total)
{
	const struct agent_format *f = agent_format_find(S);
	struct ledger *l = ledger_new();
	struct agent_sink sink = {add_event, counted_before, l};
	struct agent_parser *p = f->open("", &sink);
	char *line = xasprintf("{\"type\":\"result\",\"session_id\":\"%s\",\"usage\":"
			       "{\"input_tokens\":%s},\"modelUsage\":{\"m\":{%s}}}",
	    session, usage, total);
	struct ledger_sum sum;

	f->feed(p, line, strlen(line), 0);
	f->close(p);
	ledger_sum(l, NULL, NULL, &sum);
	ledger_free(l);
	free(line);
	return sum.usage.input;
}

static void
resumed_streams(void **state)
{
	static const char all[] =
	    "\"inputTokens\":130,\"outputTokens\":10,\"cacheCreationInputTokens\":3";

	(void)state;
	assert_int_equal(input_of("s", "20", all), 30);  /* earlier turns are in it */
	assert_int_equal(input_of("s", "40", all), 130); /* they cannot be */
	assert_int_equal(input_of("new", "20", all), 130);
	assert_int_equal(input_of("s", "130", "\"inputTokens\":130"), 130);
}

/* Hostile input. */

static size_t
feed_both(const char *data, size_t len)
{
	static const char *const formats[] = {T, S};
	struct log l = {.kinds = 0};

	buf_init(&l.text, BUF_NO_MAX);
	for (int i = 0; i < 2; i++) {
		const struct agent_format *f = agent_format_find(formats[i]);
		struct agent_sink sink = {log_event, NULL, &l};
		struct agent_parser *p = f->open("s.jsonl", &sink);
		struct buf kept;
		char *copy = xmalloc(len > 0 ? len : 1);
		memcpy(copy, data, len);
		f->feed(p, copy, len, 0);
		free(copy);
		f->flush(p);
		buf_init(&kept, BUF_NO_MAX);
		f->save(p, &kept);
		assert_true(f->restore(p, kept.data, kept.len));
		assert_false(f->restore(p, kept.data, kept.len - 1));
		assert_false(f->restore(p, "{\"state_version\":99}", 20));
		buf_release(&kept);
		f->close(p);
	}
	buf_release(&l.text);
	return l.n;
}

static void
wrong_types(void **state)
{
	static const char *const values[] = {"null", "true", "-1", "1e999", "\"\"",
	    "\"\\ud800\"", "\"\\u0000\"", "[]", "{}", "[[1]]", "[null]", "[{\"type\":3}]",
	    "\"\xFF\xC0\"", "[{\"type\":\"text\",\"text\":[]}]",
	    "[{\"type\":\"tool_result\",\"content\":{}}]",
	    "[{\"type\":\"tool_use\",\"id\":{},\"input\":null}]"};
	static const char *const names[] = {"type", "uuid", "parentUuid", "sessionId",
	    "message", "timestamp", "isSidechain", "agentId", "summary", "leafUuid",
	    "session_id", "modelUsage", "usage", "toolUseResult", "attachment", "subtype",
	    "costUSD", "permission_denials", "errors", "rate_limit_info", "forkedFrom"};
	static const char *const types[] = {"user", "assistant", "system", "summary", "result",
	    "attachment", "ai-title", "cost-state", "rate_limit_event", "conversation_reset"};

	(void)state;
	for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
		for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
			for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
				char *line =
				    xasprintf("{\"%s\":%s,\"type\":\"%s\",\"message\":"
					      "{\"content\":%s,\"usage\":%s,\"id\":%s}}",
					names[n], values[v], types[t], values[v], values[v],
					values[v]);
				feed_both(line, strlen(line));
				free(line);
			}
		}
	}
}

static void
no_json(void **state)
{
	static const char *const bad[] = {"{", "}", "[]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}",
	    "{,}", "{\"a\":[1,]}", "{\"a\":1]", "{\"a\":01x}", "{\"a\":-}", "{\"a\":1.}",
	    "{\"a\":nul}", "{\"a\":\"}", "{\"a\":\"\\\"}", "{\"a\" 1}", "{a:1}", "{}x", "\"",
	    "{\"a\":\"\\", "{\"a\":{\"b\":[{}", "nonsense", "\xEF\xBB\xBF{}"};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(feed_both(bad[i], strlen(bad[i])), 2); /* two notes */
	assert_int_equal(feed_both("{\"a\":\0}", 7), 2);
	assert_int_equal(feed_both("", 0), 0);
	assert_int_equal(feed_both(" \t\r", 3), 0);
	assert_int_equal(feed_both("{}", 2), 0);
}

static void
deep_and_long(void **state)
{
	enum { LONG = 10 * 1024 * 1024 };
	static const char begin[] = "{\"type\":\"user\",\"message\":{\"content\":\"";
	struct buf b;

	(void)state;
	for (int depth = 60; depth < 70; depth++) {
		buf_init(&b, BUF_NO_MAX);
		buf_puts(&b, "{\"type\":\"x\",\"a\":");
		for (int i = 1; i < depth; i++)
			buf_putc(&b, '[');
		for (int i = 1; i < depth; i++)
			buf_putc(&b, ']');
		buf_putc(&b, '}');
		assert_int_equal(feed_both(b.data, b.len), depth <= 64 ? 0 : 2);
		buf_release(&b);
	}
	buf_init(&b, BUF_NO_MAX);
	for (int i = 0; i < LONG; i++)
		buf_putc(&b, i % 2 == 0 ? '[' : '{');
	assert_int_equal(feed_both(b.data, b.len), 2);
	buf_reset(&b);
	buf_puts(&b, begin);
	for (int i = 0; i < LONG / 2; i++)
		buf_puts(&b, "\\\\");
	buf_puts(&b, "\"}}");
	assert_true(feed_both(b.data, b.len) > 2);
	b.data[b.len - 4] = 'x'; /* the string's last escape takes its end */
	b.data[b.len - 5] = '\\';
	feed_both(b.data, b.len);
	buf_release(&b);
}

static void
strings(void **state)
{
	(void)state;
	expect(T, "s.jsonl", BIT(AGENT_TURN),
	    "{\"type\":\"user\",\"message\":{\"content\":\"a\\u0000b\\ud83dc\\udc00 \xFF"
	    "\\ud83d\\ude00\\/\\n\\u00e9\"}}\n",
	    "turn s text=a\xEF\xBF\xBD"
	    "b\xEF\xBF\xBD"
	    "c\xEF\xBF\xBD \xEF\xBF\xBD\xF0\x9F\x98\x80/\n\xC3\xA9\n");
}

/* Prices. */

static double
cost(const struct prices *p, const char *model, int64_t in, int64_t out, bool fast)
{
	struct agent_usage u = agent_usage_unknown;

	u.input = in;
	u.output = out;
	return prices_cost(p, model, &u, fast) * 1e6;
}

static void
models_are_found(void **state)
{
	static const struct {
		const char *name;
		double usd; /* of one million each; below 0: unknown */
	} models[] = {{"claude-sonnet-4-6", 18}, {"claude-opus-5", 30}, {"claude-opus-5-5", -1},
	    {"claude-opus-5.5", -1}, {"us.anthropic.claude-opus-4-1-20250805-v1:0", 90},
	    {"claude-sonnet-4", 18}, {"anthropic/claude-opus-4.5", 30}, {"CLAUDE-OPUS-4-5", 30},
	    {"claude-opus-4-5[1m]", 30}, {"gpt-50", -1}, {"gpt-5", 11.25}, {"gpt-5.9", -1},
	    {"gpt-5.2-codex", 15.75}, {"my-gpt-5-tuned", 11.25}, {"xgpt-5", -1}, {"", -1},
	    {"claude", -1}, {"sonnet", -1}, {"5", -1}, {"claude-opus-4-5-20991231", 30}};
	struct prices *p;

	(void)state;
	assert_int_equal(prices_new(NULL, 0, &p, NULL), 0);
	for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
		double got = cost(p, models[i].name, 1, 1, false);
		if (models[i].usd < 0 ? got >= 0 : fabs(got - models[i].usd) > 1e-6)
			fail_msg("%s: %g", models[i].name, got);
	}
	assert_true(cost(p, NULL, 1, 1, false) < 0);
	assert_true(fabs(cost(p, "claude-opus-4-6", 1, 1, true) - 180) < 1e-6);
	assert_true(fabs(cost(p, "claude-sonnet-4-5", 300000, 0, false) - 1.2e6) < 1e-3);
	prices_free(p);
}

static void
classes_have_prices(void **state)
{
	struct agent_usage u = {.cache_write_5m = 100, .cache_write_1h = 1000};
	struct prices *p;

	(void)state;
	assert_int_equal(prices_new(NULL, 0, &p, NULL), 0);
	/* What the table says of an hour for this one is less than its input costs. */
	assert_true(fabs(prices_cost(p, "claude-3-opus-20240229", &u, false) -
			 (100 * 18.75e-6 + 1000 * 30e-6)) < 1e-12);
	u = (struct agent_usage){.cache_read = 1000, .searches = 3};
	assert_true(
	    fabs(prices_cost(p, "claude-sonnet-4-6", &u, false) - (0.0003 + 0.03)) < 1e-12);
	prices_free(p);
}

static void
prices_are_laid_over(void **state)
{
	static const char over[] =
	    "{\"sample_spec\":{\"input_cost_per_token\":\"text\"},"
	    "\"claude-opus-5\":{\"input_cost_per_token\":1e-06},"
	    "\"claude-opus-5-5\":{\"input_cost_per_token\":4e-06,\"output_cost_per_token\":2e-"
	    "05,"
	    "\"litellm_provider\":\"anthropic\"},"
	    "\"gpt-5\":{\"input_cost_per_token\":-1,\"output_cost_per_token\":5},"
	    "\"half\":{\"input_cost_per_token\":1e-06}}";
	static const char *const bad[] = {"", "[]", "{\"a\":1}", "x", "{\"\xC1\x1B[2J\":1}"};
	struct prices *p;
	char *cause;

	(void)state;
	assert_int_equal(prices_new(over, sizeof over - 1, &p, NULL), 0);
	assert_true(fabs(cost(p, "claude-opus-5", 1, 1, false) - 26) < 1e-6);
	assert_true(fabs(cost(p, "claude-opus-5-5", 1, 1, false) - 24) < 1e-6);
	assert_true(fabs(cost(p, "gpt-5", 1, 1, false) - 11.25) < 1e-6);
	assert_true(cost(p, "half", 1, 1, false) < 0);
	prices_free(p);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		cause = NULL;
		assert_int_equal(prices_new(bad[i], strlen(bad[i]), &p, &cause), -EINVAL);
		assert_non_null(cause);
		assert_true(utf8_valid(cause, strlen(cause)));
		assert_null(strchr(cause, '\x1B'));
		assert_true(cost(p, "gpt-5", 1, 1, false) > 0);
		free(cause);
		prices_free(p);
	}
}

/* The ledger. */

static void
rows_count_once(void **state)
{
	struct agent_event e = {.type = AGENT_USAGE,
	    .session = "a",
	    .id = "k",
	    .cost_usd = -1,
	    .model = "gpt-5",
	    .rank = 5};
	struct ledger *l = ledger_new();
	struct ledger_sum s;

	(void)state;
	e.usage = agent_usage_unknown;
	e.usage.output = 5;
	assert_true(ledger_add(l, &e));
	assert_false(ledger_add(l, &e));
	e.session = "b";
	e.rank = 4;
	assert_false(ledger_add(l, &e));
	e.rank = 6;
	e.usage.output = 6;
	assert_true(ledger_add(l, &e));
	assert_int_equal(ledger_rows(l), 1);
	assert_string_equal(ledger_row(l, 0)->session, "a");
	ledger_sum(l, "b", NULL, &s);
	assert_int_equal(s.rows, 0);
	ledger_sum(l, "a", NULL, &s);
	assert_int_equal(s.usage.output, 6);
	assert_int_equal(s.usage.input, AGENT_UNKNOWN);
	assert_int_equal(s.unpriced, 1);
	assert_int_equal(s.source, COST_UNKNOWN);
	e.id = AGENT_STREAM_KEY "x";
	e.session = "a";
	e.cost_usd = 1;
	assert_true(ledger_add(l, &e));
	ledger_sum(l, NULL, NULL, &s);
	assert_int_equal(s.rows, 1);
	e.session = "c";
	e.id = AGENT_STREAM_KEY "y";
	assert_true(ledger_add(l, &e));
	ledger_sum(l, NULL, NULL, &s);
	assert_int_equal(s.rows, 2);
	assert_int_equal(s.source, COST_STATED);
	e.session = "c/sub";
	e.id = "z";
	e.cost_usd = -1;
	assert_true(ledger_add(l, &e));
	ledger_sum(l, "c", NULL, &s);
	assert_int_equal(s.rows, 0);
	ledger_free(l);
}

static void
places(void **state)
{
	char *env[] = {"CLAUDE_CONFIG_DIR=/x, ~/y/,rel,/h/.claude", "CODEX_HOME=/c",
	    "XDG_DATA_HOME=", NULL};
	static const char *const want[] = {"claude /h/.claude/projects",
	    "claude /h/.config/claude/projects", "claude /x/projects", "claude /h/y/projects",
	    "codex /c/sessions", "codex /c/archived_sessions",
	    "opencode /h/.local/share/opencode", "gemini /h/.gemini/tmp",
	    "vibe /h/.vibe/logs/session", "grok /h/.grok/sessions",
	    "copilot /h/.copilot/session-state", "pi /h/.pi/agent/sessions"};
	struct agent_place *p;
	size_t n = agent_places("/h", env, &p);

	(void)state;
	assert_int_equal(n, sizeof want / sizeof *want);
	for (size_t i = 0; i < n; i++) {
		char *s = xasprintf("%s %s", p[i].agent, p[i].dir);
		assert_string_equal(s, want[i]);
		free(s);
	}
	agent_places_free(p, n);
	assert_ptr_equal(agent_format_of_path("claude", "/h/.claude/projects/p/s.jsonl"),
	    agent_format_find(T));
	assert_null(
	    agent_format_of_path("claude", "/h/.claude/projects/p/s/subagents/j.jsonl"));
	assert_null(
	    agent_format_of_path("claude", "/h/.claude/projects/p/s/subagents/x.meta.json"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(turns_and_tools),
	    cmocka_unit_test(results_of_tools),
	    cmocka_unit_test(branches),
	    cmocka_unit_test(sessions),
	    cmocka_unit_test(hidden_from_people),
	    cmocka_unit_test(streams),
	    cmocka_unit_test(resumed_streams),
	    cmocka_unit_test(wrong_types),
	    cmocka_unit_test(no_json),
	    cmocka_unit_test(deep_and_long),
	    cmocka_unit_test(strings),
	    cmocka_unit_test(models_are_found),
	    cmocka_unit_test(classes_have_prices),
	    cmocka_unit_test(prices_are_laid_over),
	    cmocka_unit_test(rows_count_once),
	    cmocka_unit_test(places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
