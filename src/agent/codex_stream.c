#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/codex.h"
#include "agent/formats.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/xmalloc.h"

enum { STATE_VERSION = 1 };

struct agent_parser {
	struct source s;
	uint64_t path; /* its hash */
	uint64_t run;  /* tells one process from another, as ids of items begin anew */
	bool named, has_total;
	struct agent_usage total; /* what the thread has used, as far as it is counted */
};

static struct agent_parser *
exec_open(const char *path, const struct agent_sink *sink)
{
	struct agent_parser *p = xcalloc(1, sizeof *p);

	source_open(&p->s, path, sink);
	p->path = hash_text(1469598103934665603u, path == NULL ? "" : path);
	return p;
}

static void
exec_close(struct agent_parser *p)
{
	source_close(&p->s);
	free(p);
}

static void
begin_thread(struct agent_parser *p, const cJSON *o)
{
	struct agent_event e;
	const char *id = get_string(o, "thread_id");

	source_name(&p->s, id != NULL ? id : get_string(o, "session_id"));
	p->named = true;
	p->run = (p->path ^ p->s.at * 2654435761u) >> 12;
	p->has_total = p->s.sink.baseline != NULL &&
		       p->s.sink.baseline(p->s.sink.arg, p->s.session, &p->total);
	e = source_event(&p->s, AGENT_SESSION);
	source_give(&p->s, &e);
}

static bool
is_within(const struct agent_usage *now, const struct agent_usage *old)
{
	return now->input <= old->input && now->cache_read <= count_sum(old->cache_read, 0) &&
	       now->output <= old->output;
}

/* Totals of the thread. What is within what was counted has been. */
static void
take_usage(struct agent_parser *p, const cJSON *o)
{
	struct agent_event e = source_event(&p->s, AGENT_USAGE);
	struct agent_usage now = codex_usage(o);
	char *key;

	if (now.input < 0 && now.output < 0)
		return;
	if (p->has_total && is_within(&now, &p->total))
		return;
	e.usage = now;
	if (p->has_total) {
		e.usage.input = count_less(now.input, p->total.input);
		e.usage.cache_read = count_less(now.cache_read, p->total.cache_read);
		e.usage.cache_write_5m =
		    count_less(now.cache_write_5m, p->total.cache_write_5m);
		e.usage.output = count_less(now.output, p->total.output);
		e.usage.reasoning = count_less(now.reasoning, p->total.reasoning);
	}
	p->total = now;
	p->has_total = true;
	key = codex_total_key(p->s.session, &now);
	e.id = key;
	e.rank = CODEX_RANK_STREAM;
	e.cost_usd = get_cost(o, "cost_usd");
	source_give(&p->s, &e);
	free(key);
}

static void
end_turn(struct agent_parser *p, enum agent_outcome outcome, const char *why)
{
	struct agent_event e = source_event(&p->s, AGENT_TURN_END);

	e.outcome = outcome;
	e.text = why;
	source_give(&p->s, &e);
	source_state(&p->s, AGENT_DONE);
}

static enum agent_outcome
outcome_of(const cJSON *item)
{
	const char *status = get_string(item, "status");
	const cJSON *code = get(item, "exit_code");

	if (status != NULL && strcmp(status, "declined") == 0)
		return AGENT_DENIED;
	if (cJSON_IsNumber(code))
		return code->valuedouble == 0 ? AGENT_OK : AGENT_FAILED;
	if (status == NULL)
		return AGENT_OUTCOME_UNKNOWN;
	return strcmp(status, "completed") == 0 ? AGENT_OK : AGENT_FAILED;
}

static void
give_tool(
    struct agent_parser *p, const cJSON *item, const char *type, const char *id, bool done)
{
	static const char *const inputs[] = {"command", "changes", "query", "arguments", NULL};
	static const char *const outputs[] = {"aggregated_output", "result", "error", NULL};
	struct agent_event e = source_event(&p->s, AGENT_TOOL_CALL);
	const char *tool = get_string(item, "tool"), *server = get_string(item, "server");
	char *input = NULL, *output = NULL, *name;

	for (size_t i = 0; input == NULL && inputs[i] != NULL; i++)
		input = text_of(get(item, inputs[i]));
	for (size_t i = 0; output == NULL && outputs[i] != NULL; i++)
		output = text_of(get(item, outputs[i]));
	name = tool == NULL     ? xstrdup(type)
	       : server == NULL ? xstrdup(tool)
				: xasprintf("mcp__%s__%s", server, tool);
	e.id = id;
	e.name = name;
	e.input = input;
	source_give(&p->s, &e);
	if (done) {
		e = source_event(&p->s, AGENT_TOOL_RESULT);
		e.id = id;
		e.text = output;
		e.outcome = outcome_of(item);
		source_give(&p->s, &e);
	}
	free(name);
	free(input);
	free(output);
}

static void
take_item(struct agent_parser *p, const cJSON *item, bool done)
{
	static const char *const tools[] = {"command_execution", "file_change", "mcp_tool_call",
	    "collab_tool_call", "web_search", NULL};
	const char *type = get_string(item, "type"), *own = get_string(item, "id");
	struct agent_event e = source_event(&p->s, AGENT_MESSAGE);
	char *id, *text;

	if (type == NULL)
		return;
	id = own != NULL ? xasprintf("%llx/%s", (unsigned long long)p->run, own)
			 : xasprintf("%llx/L%llu", (unsigned long long)p->run,
			       (unsigned long long)p->s.at);
	e.id = id;
	e.text = get_string(item, "text");
	e.role = strcmp(type, "reasoning") == 0 ? AGENT_THINKING : AGENT_ASSISTANT;
	if (is_any(type, tools)) {
		give_tool(p, item, type, id, done);
	} else if (strcmp(type, "agent_message") == 0 || strcmp(type, "reasoning") == 0) {
		if (done && e.text != NULL)
			source_give(&p->s, &e);
	} else if (strcmp(type, "error") == 0) {
		source_note(&p->s, "error", get_string(item, "message"));
	} else if (strcmp(type, "todo_list") == 0) {
		text = text_of(get(item, "items"));
		source_note(&p->s, "plan", text);
		free(text);
	}
	free(id);
}

/* "Reconnecting... 1/5", "stream disconnected before completion: ... retrying 1/5": goes on. */
static bool
is_retry(const char *text)
{
	return text != NULL &&
	       (strstr(text, "etrying") != NULL || str_starts(text, "Reconnecting"));
}

static void
take(struct agent_parser *p, const char *type, const cJSON *o)
{
	struct agent_event e;
	const char *text = get_string(o, "message");

	if (strcmp(type, "thread.started") == 0 || strcmp(type, "session.created") == 0) {
		begin_thread(p, o);
	} else if (strcmp(type, "turn.started") == 0) {
		e = source_event(&p->s, AGENT_TURN);
		e.id = get_string(o, "turn_id");
		source_give(&p->s, &e);
		source_state(&p->s, AGENT_WORKING);
	} else if (strcmp(type, "turn.completed") == 0) {
		take_usage(p, get(o, "usage"));
		end_turn(p, AGENT_OK, NULL);
	} else if (strcmp(type, "turn.failed") == 0) {
		take_usage(p, get(o, "usage"));
		end_turn(p, AGENT_FAILED, get_string(get(o, "error"), "message"));
	} else if (strcmp(type, "item.completed") == 0) {
		take_item(p, get(o, "item"), true);
	} else if (strcmp(type, "item.started") == 0) {
		take_item(p, get(o, "item"), false);
	} else if (strcmp(type, "error") == 0) {
		source_note(&p->s, is_retry(text) ? "retry" : "error", text);
	}
}

static void
exec_feed(struct agent_parser *p, const char *data, size_t len, uint64_t at)
{
	cJSON *o = source_line(&p->s, data, len, at);

	if (get_string(o, "type") != NULL)
		take(p, get_string(o, "type"), o);
	cJSON_Delete(o);
}

static void
exec_flush(struct agent_parser *p)
{
	(void)p;
}

static void
exec_save(const struct agent_parser *p, struct buf *b)
{
	cJSON *o = source_save(&p->s, STATE_VERSION);

	cJSON_AddNumberToObject(o, "run", (double)p->run);
	cJSON_AddBoolToObject(o, "named", p->named);
	if (p->has_total)
		usage_put(o, "total", &p->total);
	source_print(o, b);
}

static bool
exec_restore(struct agent_parser *p, const char *json, size_t len)
{
	cJSON *o = source_restore(&p->s, STATE_VERSION, json, len);

	if (o == NULL)
		return false;
	p->run = (uint64_t)get_or_0(o, "run");
	p->named = get_true(o, "named");
	p->has_total = get(o, "total") != NULL;
	p->total = usage_get(o, "total");
	cJSON_Delete(o);
	return true;
}

static bool
exec_is_stream(const char *line, size_t len)
{
	static const char *const first[] = {"thread.started", "session.created", NULL};
	cJSON *o = source_parse(line, len);
	bool is = is_any(get_string(o, "type"), first) &&
		  (get_string(o, "thread_id") != NULL || get_string(o, "session_id") != NULL);

	cJSON_Delete(o);
	return is;
}

static bool
exec_is_source(const char *path)
{
	(void)path;
	return false;
}

const struct agent_format codex_exec = {
    .name = "codex-exec",
    .agent = "codex",
    .layout = AGENT_LINES,
    .is_source = exec_is_source,
    .is_stream = exec_is_stream,
    .open = exec_open,
    .feed = exec_feed,
    .flush = exec_flush,
    .save = exec_save,
    .restore = exec_restore,
    .close = exec_close,
    .passed = source_passed,
};
