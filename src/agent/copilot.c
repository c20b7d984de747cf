#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "agent/formats.h"
#include "agent/source.h"
#include "base/buf.h"
#include "base/xmalloc.h"

enum { STATE_VERSION = 1 };

struct agent_parser {
	struct source s;
	char *model;
};

/* session-state/ID/events.jsonl, older: session-state/ID.jsonl */
static struct agent_parser *
copilot_open(const char *path, const struct agent_sink *sink)
{
	struct agent_parser *p = xcalloc(1, sizeof *p);
	char *dir;

	source_open(&p->s, path, sink);
	if (path != NULL && path_ends(path, "/events.jsonl")) {
		dir = path_above(path, 1);
		source_name(&p->s, dir);
		free(dir);
	}
	return p;
}

static void
copilot_close(struct agent_parser *p)
{
	source_close(&p->s);
	free(p->model);
	free(p);
}

static void
name_model(struct agent_parser *p, const char *model)
{
	char *copy;

	if (model == NULL)
		return;
	copy = xstrdup(model);
	free(p->model);
	p->model = copy;
}

static void
take_start(struct agent_parser *p, const cJSON *d)
{
	const cJSON *context = get(d, "context");
	struct agent_event e;

	source_name(&p->s, get_string(d, "sessionId"));
	name_model(p, get_string(d, "selectedModel"));
	e = source_event(&p->s, AGENT_SESSION);
	e.cwd = get_string(context, "cwd");
	e.branch = get_string(context, "branch");
	e.version = get_string(d, "copilotVersion");
	e.model = p->model;
	source_give(&p->s, &e);
}

static void
give_text(struct agent_parser *p, const char *id, unsigned part, enum agent_role role,
    const char *text)
{
	struct agent_event e = source_event(&p->s, AGENT_MESSAGE);
	char *made = NULL;

	if (text == NULL)
		return;
	if (id == NULL)
		id = made = xasprintf("L%llu", (unsigned long long)p->s.at);
	e.id = id;
	e.part = part;
	e.role = role;
	e.text = text;
	e.model = role == AGENT_USER ? NULL : p->model;
	if (role == AGENT_USER) {
		struct agent_event turn = e;

		turn.type = AGENT_TURN;
		source_give(&p->s, &turn);
	}
	source_give(&p->s, &e);
	free(made);
}

static void
take_call(struct agent_parser *p, const cJSON *d)
{
	struct agent_event e = source_event(&p->s, AGENT_TOOL_CALL);
	char *input = text_of(get(d, "arguments"));

	e.id = get_string(d, "toolCallId");
	e.name = get_string(d, "toolName");
	e.input = input;
	if (e.name == NULL)
		e.name = "unknown";
	if (e.id != NULL)
		source_give(&p->s, &e);
	free(input);
}

static void
take_result(struct agent_parser *p, const cJSON *d)
{
	struct agent_event e = source_event(&p->s, AGENT_TOOL_RESULT);
	const cJSON *result = get(d, "result");
	char *text =
	    get(result, "content") != NULL ? text_of(get(result, "content")) : text_of(result);

	e.id = get_string(d, "toolCallId");
	e.text = text != NULL ? text : get_string(get(d, "error"), "message");
	if (cJSON_IsBool(get(d, "success")))
		e.outcome = get_true(d, "success") ? AGENT_OK : AGENT_FAILED;
	name_model(p, get_string(d, "model"));
	if (e.id != NULL)
		source_give(&p->s, &e);
	free(text);
}

/* Said once a process, when it ends. Its input has what was read from the cache in it. */
static void
take_shutdown(struct agent_parser *p, const cJSON *d)
{
	const cJSON *m;

	cJSON_ArrayForEach (m, get(d, "modelMetrics")) {
		struct agent_event e = source_event(&p->s, AGENT_USAGE);
		const cJSON *u = get(m, "usage");
		char *key = xasprintf("copilot:%s@%lld:%s", p->s.session,
		    (long long)p->s.time_ms, m->string == NULL ? "" : m->string);

		e.id = key;
		e.model = m->string;
		e.usage.input = get_count(u, "inputTokens");
		e.usage.cache_read = get_count(u, "cacheReadTokens");
		e.usage.cache_write_5m = get_count(u, "cacheWriteTokens");
		e.usage.output = get_count(u, "outputTokens");
		if (e.usage.cache_read <= e.usage.input)
			e.usage.input = count_less(e.usage.input, e.usage.cache_read);
		if (e.usage.cache_write_5m <= e.usage.input)
			e.usage.input = count_less(e.usage.input, e.usage.cache_write_5m);
		if (e.usage.input > 0 || e.usage.output > 0)
			source_give(&p->s, &e);
		free(key);
	}
	source_state(&p->s, AGENT_DONE);
}

static void
take(struct agent_parser *p, const char *type, const cJSON *d, const char *id)
{
	const char *own = get_string(d, "messageId");

	if (strcmp(type, "session.start") == 0 || strcmp(type, "session.resume") == 0) {
		take_start(p, d);
	} else if (strcmp(type, "session.model_change") == 0) {
		name_model(p, get_string(d, "newModel"));
	} else if (strcmp(type, "session.shutdown") == 0) {
		take_shutdown(p, d);
	} else if (strcmp(type, "session.error") == 0) {
		source_note(&p->s, "error", get_string(d, "message"));
	} else if (strcmp(type, "session.compaction_complete") == 0) {
		source_note(&p->s, "compaction", NULL);
	} else if (strcmp(type, "user.message") == 0) {
		give_text(p, id, 0, AGENT_USER, get_string(d, "content"));
	} else if (strcmp(type, "assistant.message") == 0) {
		own = own != NULL ? own : id;
		give_text(p, own, 1, AGENT_THINKING, get_string(d, "reasoningText"));
		give_text(p, own, 0, AGENT_ASSISTANT, get_string(d, "content"));
	} else if (strcmp(type, "tool.execution_start") == 0) {
		take_call(p, d);
	} else if (strcmp(type, "tool.execution_complete") == 0) {
		take_result(p, d);
	}
}

static void
copilot_feed(struct agent_parser *p, const char *data, size_t len, uint64_t at)
{
	cJSON *o = source_line(&p->s, data, len, at);

	if (get_string(o, "type") != NULL && cJSON_IsObject(get(o, "data"))) {
		p->s.time_ms = get_time(o, "timestamp");
		take(p, get_string(o, "type"), get(o, "data"), get_string(o, "id"));
	}
	cJSON_Delete(o);
}

static void
copilot_flush(struct agent_parser *p)
{
	(void)p;
}

static void
copilot_save(const struct agent_parser *p, struct buf *b)
{
	cJSON *o = source_save(&p->s, STATE_VERSION);

	json_add_text(o, "model", p->model);
	source_print(o, b);
}

static bool
copilot_restore(struct agent_parser *p, const char *json, size_t len)
{
	cJSON *o = source_restore(&p->s, STATE_VERSION, json, len);

	if (o == NULL)
		return false;
	name_model(p, get_string(o, "model"));
	cJSON_Delete(o);
	return true;
}

static bool
copilot_is_source(const char *path)
{
	return path_ends(path, ".jsonl") &&
	       (path_ends(path, "/events.jsonl") || path_has(path, "/session-state/"));
}

const struct agent_format copilot_events = {
    .name = "copilot-events",
    .agent = "copilot",
    .layout = AGENT_LINES,
    .is_source = copilot_is_source,
    .open = copilot_open,
    .feed = copilot_feed,
    .flush = copilot_flush,
    .save = copilot_save,
    .restore = copilot_restore,
    .close = copilot_close,
    .passed = source_passed,
};
